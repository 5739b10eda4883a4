/*
 * Compensated summation: a sum that does not depend on the order of its terms.
 *
 * D. E. Knuth, "The Art of Computer Programming", vol. 2, 4.2.2: the rounding
 * error of an addition is itself a double, and is kept. Two orders of the same
 * terms agree to far better than 1e-12 unless the terms cancel almost completely.
 */
#ifndef INFLUENCE_MATH_SUM_H
#define INFLUENCE_MATH_SUM_H

/*
 * A sum in twice the precision of a double, so that its rounded value does not
 * depend on the order of the terms. Normalised: high + low == high.
 */
typedef struct CompensatedSum
{
	double		high;
	double		low;
} CompensatedSum;

/*
 * Add one term: Knuth's error-free addition, then renormalisation. A sum that
 * overflows is no longer finite and stays so.
 */
static inline void
compensated_add(CompensatedSum *sum, double term)
{
	double		total = sum->high + term;
	double		rounded_term = total - sum->high;
	double		error = (sum->high - (total - rounded_term)) + (term - rounded_term);

	error += sum->low;
	sum->high = total + error;
	sum->low = error - (sum->high - total);
}

/*
 * Add another such sum
 */
static inline void
compensated_merge(CompensatedSum *sum, const CompensatedSum *other)
{
	compensated_add(sum, other->high);
	compensated_add(sum, other->low);
}

#endif							/* INFLUENCE_MATH_SUM_H */
