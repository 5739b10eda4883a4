/*
 * Compensated summation: a sum that does not depend on the order of its terms.
 *
 * A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher
 * Summen", ZAMM 54 (1974). The error is about one unit in the last place of
 * the result plus n * eps^2 times the sum of the absolute terms, so two orders
 * of the same terms agree to far better than 1e-12 unless the terms cancel
 * almost completely.
 */
#ifndef INFLUENCE_MATH_SUM_H
#define INFLUENCE_MATH_SUM_H

#include <math.h>

typedef struct NeumaierSum
{
	double		sum;			/* what plain summation would give */
	double		correction;		/* what plain summation has lost */
} NeumaierSum;

/*
 * Start a sum at zero
 */
static inline void
neumaier_init(NeumaierSum *acc)
{
	acc->sum = 0.0;
	acc->correction = 0.0;
}

/*
 * Add a term
 */
static inline void
neumaier_add(NeumaierSum *acc, double value)
{
	double		total = acc->sum + value;

	if (fabs(acc->sum) >= fabs(value))
		acc->correction += (acc->sum - total) + value;
	else
		acc->correction += (value - total) + acc->sum;
	acc->sum = total;
}

/*
 * Add another sum, collected elsewhere
 */
static inline void
neumaier_merge(NeumaierSum *acc, const NeumaierSum *other)
{
	neumaier_add(acc, other->sum);
	acc->correction += other->correction;
}

/*
 * The sum; infinite or NaN as in plain summation (the correction is NaN then)
 */
static inline double
neumaier_total(const NeumaierSum *acc)
{
	return isfinite(acc->sum) ? acc->sum + acc->correction : acc->sum;
}

#endif							/* INFLUENCE_MATH_SUM_H */
