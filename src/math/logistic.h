/*
 * Penalised logistic regression whose coefficients are not negative.
 */
#ifndef INFLUENCE_MATH_LOGISTIC_H
#define INFLUENCE_MATH_LOGISTIC_H

#include <stdbool.h>
#include <stddef.h>

/* Most coefficients of a problem */
#define LOGISTIC_MAX_COEFFICIENTS 8

/*
 * Standard deviation of the normal prior on the log-odds of a typical
 * difference: weak, and enough to keep separable data finite (A. Gelman et al.,
 * "A weakly informative default prior distribution for logistic and other
 * regression models", 2008)
 */
#define LOGISTIC_PRIOR_DEVIATION 2.5

/*
 * Write the rows for the coefficients theta into x, see LogisticProblem
 */
typedef void (*LogisticRows) (const double *theta, double *x, void *arg);

/*
 * Minimise, over theta >= 0,
 *
 *     sum of weight * ln(1 + exp(-margin)) / sum of weight + theta' penalty theta / 2
 *
 * where the margin of row i is x[i] . theta. Every row is a case that came out
 * "true", as the differences of two sides in their observed order do.
 */
typedef struct LogisticProblem
{
	size_t		count;			/* rows */
	int			coefficients;	/* at most LOGISTIC_MAX_COEFFICIENTS */
	double	   *x;				/* count rows of coefficients */
	const double *weight;		/* by row, >= 0, their sum above 0; NULL: 1 */
	const double *penalty;		/* coefficients squared, positive definite */
	const double *scale;		/* typical size of each column of x, above 0 */

	/*
	 * Where the margin is not linear in theta but homogeneous of degree 1: writes
	 * its gradient at theta, whose product with theta is the margin. NULL: x
	 * stays.
	 */
	LogisticRows rows;
	void	   *arg;
	void		(*check) (void);	/* called now and then, may jump out; or NULL */
} LogisticProblem;

typedef struct LogisticResult
{
	double		objective;
	double		residual;		/* largest violation of the KKT conditions */
	int			iterations;
	bool		converged;
} LogisticResult;

extern double logistic_loss(double margin);
extern double logistic_probability(double margin);

/*
 * Solve a problem. theta: where to start, then the solution; x then holds the
 * rows for it.
 */
extern void logistic_fit(const LogisticProblem *problem, double *theta, LogisticResult *result);

/*
 * The one coefficient of margin = slope * x, at least 0, under the prior above;
 * 0 when every x is. weight: NULL: 1.
 */
extern double logistic_slope(size_t count, double *x, const double *weight, void (*check) (void));

#endif							/* INFLUENCE_MATH_LOGISTIC_H */
