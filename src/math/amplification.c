/*
 * Amplification: how likely a post is to be shared.
 *
 * A person's posts are shared at an unknown rate per post, and the shares are
 * Poisson with that rate. Rates differ between people as a gamma distribution,
 * shape a and rate b, whose posterior mean after s shares of p posts is
 * (s + a) / (p + b): few posts stay near the population, many speak for
 * themselves. The model and its moment estimates are those of D. Clayton and
 * J. Kaldor, "Empirical Bayes Estimates of Age-standardized Relative Risks for
 * Use in Disease Mapping", Biometrics 43 (1987).
 */
#include "math/amplification.h"

#include <math.h>
#include <stdbool.h>

#include "math/sum.h"

/* Bounds of the fitted prior, in shares and in posts */
#define MIN_PRIOR_SHARES	0.05
#define MAX_PRIOR_SHARES	50.0
#define MIN_PRIOR_POSTS		1e-3
#define MAX_PRIOR_POSTS		1e6

/*
 * Probability that a post is shared at least once
 *
 * 1 - exp(-rate) with rate (shares + prior_shares) / (posts + prior_posts). All
 * arguments are counts, finite and not negative. Without any posts, prior
 * included, it is 1 if there are shares and 0 if there are none.
 */
double
amplification_probability(double shares, double posts,
						  double prior_shares, double prior_posts)
{
	/* Halved, so that no sum of two doubles overflows */
	double		all_shares = 0.5 * shares + 0.5 * prior_shares;
	double		all_posts = 0.5 * posts + 0.5 * prior_posts;

	if (all_shares == 0.0)
		return 0.0;
	return -expm1(-all_shares / all_posts);
}

/*
 * Does a person count in the fit?
 */
static bool
is_publisher(double shares, double posts)
{
	return posts > 0.0 && isfinite(posts) && shares >= 0.0 && isfinite(shares);
}

static double
clamp(double value, double low, double high)
{
	return fmin(fmax(value, low), high);
}

/*
 * Shares per post in the population, 0 if fewer than two people published
 */
static double
mean_rate(const double *shares, const double *posts, size_t n)
{
	CompensatedSum sum_shares = {0, 0};
	CompensatedSum sum_posts = {0, 0};
	size_t		people = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		if (!is_publisher(shares[i], posts[i]))
			continue;
		compensated_add(&sum_shares, shares[i]);
		compensated_add(&sum_posts, posts[i]);
		people++;
	}
	if (people < 2)
		return 0.0;
	return sum_shares.high / sum_posts.high;
}

/*
 * Fit the prior to a population by the method of moments
 *
 * shares, posts: (decayed) counts of n people; those without posts, or with
 * counts that are no finite number, do not take part. With m the mean rate,
 *
 *   Var(s_i) = m p_i + phi (m p_i)^2,  phi = 1 / a,  a / b = m
 *
 * and phi solves the sum of that over all people. A population that differs
 * less than Poisson noise alone (phi <= 0) gets the strongest prior. The
 * defaults remain if fewer than two people published, nothing was shared, or a
 * square overflows. The result does not depend on the order of people.
 */
void
amplification_fit(const double *shares, const double *posts, size_t n,
				  double *prior_shares, double *prior_posts)
{
	CompensatedSum excess = {0, 0};	/* variance beyond Poisson noise */
	CompensatedSum squares = {0, 0};	/* squared expected shares */
	double		rate = mean_rate(shares, posts, n);
	double		excess_total;
	double		squares_total;
	double		a;
	size_t		i;

	*prior_shares = AMPLIFICATION_PRIOR_SHARES;
	*prior_posts = AMPLIFICATION_PRIOR_POSTS;
	if (!(rate > 0.0 && isfinite(rate)))
		return;

	for (i = 0; i < n; i++)
	{
		double		expected;
		double		residual;

		if (!is_publisher(shares[i], posts[i]))
			continue;
		expected = rate * posts[i];
		residual = shares[i] - expected;
		compensated_add(&excess, residual * residual - expected);
		compensated_add(&squares, expected * expected);
	}

	excess_total = excess.high;
	squares_total = squares.high;
	if (!isfinite(excess_total) || !isfinite(squares_total))
		return;
	a = MAX_PRIOR_SHARES;
	if (excess_total > 0.0)
		a = clamp(squares_total / excess_total, MIN_PRIOR_SHARES, MAX_PRIOR_SHARES);

	*prior_shares = a;
	*prior_posts = clamp(a / rate, MIN_PRIOR_POSTS, MAX_PRIOR_POSTS);
}
