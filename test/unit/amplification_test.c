/*
 * Unit tests of src/math/amplification.c, wilson.c, tier.c and sum.h. Prints TAP.
 *
 * Build: cc -Isrc test/unit/amplification_test.c src/math/amplification.c
 *        src/math/wilson.c src/math/tier.c -lm
 */
#include "math/amplification.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/sum.h"
#include "math/tier.h"
#include "math/wilson.h"
#include "random.h"
#include "tap.h"

#define PEOPLE 20000

/*
 * Equal to a relative tolerance, with the values as a diagnostic if not
 */
static bool
near(double actual, double expected, double tolerance)
{
	bool		equal = fabs(actual - expected) <= tolerance * fabs(expected);

	if (!equal)
		printf("# got %.17g, expected %.17g\n", actual, expected);
	return equal;
}

/*
 * A Poisson number, by counting exponential waiting times
 */
static double
random_poisson(double mean)
{
	double		left = mean;
	double		count = 0.0;

	while ((left += log(uniform())) > 0.0)
		count += 1.0;
	return count;
}

/*
 * A gamma number of an integer shape
 */
static double
random_gamma(int shape, double rate)
{
	double		sum = 0.0;

	while (shape-- > 0)
		sum -= log(uniform());
	return sum / rate;
}

static void
test_probability(void)
{
	ok(near(amplification_probability(100, 10, 0.5, 5), 1.0 - exp(-100.5 / 15.0), 1e-15),
	   "probability: formula");
	ok(amplification_probability(100, 10, 0.5, 5) > amplification_probability(100, 1000, 0.5, 5),
	   "probability: 100 reactions on 10 posts beat 100 on 1,000");
	ok(near(amplification_probability(1e-20, 0, 0, 1), 1e-20, 1e-15), "probability: small rate");
	ok(amplification_probability(0, 0, 0, 0) == 0.0 && amplification_probability(1, 0, 0, 0) == 1.0,
	   "probability: without posts");
	ok(near(amplification_probability(1.7e308, 1.7e308, 1.7e308, 1.7e308), 1.0 - exp(-1.0), 1e-15),
	   "probability: largest counts");
}

static void
test_fit_recovers(void)
{
	static double shares[PEOPLE];
	static double posts[PEOPLE];
	double		a;
	double		b;
	int			i;

	for (i = 0; i < PEOPLE; i++)
	{
		posts[i] = 5.0 + floor(45.0 * uniform());
		shares[i] = random_poisson(posts[i] * random_gamma(2, 4.0));
	}
	amplification_fit(shares, posts, PEOPLE, &a, &b);
	printf("# fitted %g, %g to a population of 2, 4\n", a, b);
	ok(near(a, 2.0, 0.1) && near(b, 4.0, 0.1), "fit: recovers the prior of a simulated population");

	for (i = 0; i < PEOPLE; i++)
		shares[i] = random_poisson(posts[i] * 0.3);
	amplification_fit(shares, posts, PEOPLE, &a, &b);
	ok(a > 20.0 && near(a / b, 0.3, 0.05), "fit: people who do not differ get a strong prior");
}

static void
test_fit_by_hand(void)
{
	/* m = 12/12 = 1; phi = (64 - 4 + 16 - 4 + 16 - 4) / (16 + 16 + 16) */
	double		shares[] = {12, 0, 0, 7};
	double		posts[] = {4, 4, 4, 0};
	double		a;
	double		b;

	amplification_fit(shares, posts, 4, &a, &b);
	ok(near(a, 48.0 / 84.0, 1e-15) && near(b, 48.0 / 84.0, 1e-15),
	   "fit: by hand, people without posts do not count");
}

static void
test_fit_order(void)
{
	static double shares[PEOPLE];
	static double posts[PEOPLE];
	double		a[2];
	double		b[2];
	int			i;
	int			round;
	bool		equal = true;

	for (i = 0; i < PEOPLE; i++)
	{
		posts[i] = exp(12.0 * uniform() - 6.0);
		shares[i] = posts[i] * random_gamma(1, 3.0);
	}
	amplification_fit(shares, posts, PEOPLE, &a[0], &b[0]);
	for (round = 0; round < 10; round++)
	{
		for (i = PEOPLE - 1; i > 0; i--)
		{
			int			j = (int) (uniform() * (i + 1));
			double		share = shares[i];
			double		post = posts[i];

			shares[i] = shares[j];
			posts[i] = posts[j];
			shares[j] = share;
			posts[j] = post;
		}
		amplification_fit(shares, posts, PEOPLE, &a[1], &b[1]);
		equal = equal && near(a[1], a[0], 1e-12) && near(b[1], b[0], 1e-12);
	}
	ok(equal && a[0] > 0.05 && a[0] < 50.0, "fit: independent of the order of people");
}

/*
 * Does a population get this prior?
 */
static bool
fits(const double *shares, const double *posts, size_t n, double a, double b)
{
	double		fitted_a;
	double		fitted_b;

	amplification_fit(shares, posts, n, &fitted_a, &fitted_b);
	return near(fitted_a, a, 1e-12) && near(fitted_b, b, 1e-12);
}

static void
test_fit_limits(void)
{
	double		none[] = {0, 0, 0};
	double		one_each[] = {1, 1, 1};
	double		no_posts[] = {0, 0, 1};
	double		bad_posts[] = {1, -1, NAN};
	double		tiny[] = {1e-300, 2e-300, 1e-300};
	double		huge[] = {1e300, 0, 1e300};
	double		rare[] = {0, 0, 1e-9};

	ok(fits(NULL, NULL, 0, 0.5, 5), "fit: nobody");
	ok(fits(one_each, one_each, 1, 0.5, 5), "fit: one person");
	ok(fits(one_each, no_posts, 3, 0.5, 5), "fit: one person with posts");
	ok(fits(one_each, bad_posts, 3, 0.5, 5), "fit: counts that are none");
	ok(fits(none, one_each, 3, 0.5, 5), "fit: nothing shared");
	ok(fits(one_each, one_each, 3, 50, 50), "fit: no difference between people");
	ok(fits(tiny, tiny, 3, 50, 50), "fit: vanishing counts");
	ok(fits(huge, one_each, 3, 0.5, 5), "fit: counts that overflow");
	ok(fits(rare, one_each, 3, 50, 1e6), "fit: at most a million posts");
}

static void
test_fit_clamped(void)
{
	static double shares[1000];
	static double posts[1000];
	int			i;

	/* one of a thousand has all shares: phi is about 1000 */
	for (i = 0; i < 1000; i++)
	{
		shares[i] = i == 0 ? 1e6 : 0.0;
		posts[i] = 1.0;
	}
	ok(fits(shares, posts, 1000, 0.05, 1e-3), "fit: at least 0.05 shares and 0.001 posts");
}

static void
test_sum(void)
{
	CompensatedSum acc = {0, 0};
	CompensatedSum other = {0, 0};
	int			i;

	compensated_add(&acc, 1.0);
	compensated_add(&acc, 1e100);
	compensated_add(&acc, 1.0);
	compensated_add(&acc, -1e100);
	ok(acc.high == 2.0, "sum: keeps what cancels");
	acc.high = acc.low = 0;

	for (i = 0; i < 1000000; i++)
		compensated_add(i % 2 == 0 ? &acc : &other, 0.1);
	compensated_merge(&acc, &other);
	ok(near(acc.high, 100000.0, 1e-16), "sum: a million times 0.1, in two parts");

	compensated_add(&acc, INFINITY);
	compensated_add(&acc, 1.0);
	ok(!isfinite(acc.high), "sum: what is not finite stays so");
}

static void
test_wilson(void)
{
	/* independently computed, z = 1.96 */
	ok(fabs(wilson_lower(1, 1, 1.96) - .206543) < 5e-7, "wilson: 1 of 1");
	ok(fabs(wilson_lower(9, 10, 1.96) - .595844) < 5e-7, "wilson: 9 of 10");
	ok(fabs(wilson_lower(90, 100, 1.96) - .825633) < 5e-7, "wilson: 90 of 100");
	ok(fabs(wilson_lower(100, 1000, 1.96) - .082909) < 5e-7, "wilson: 100 of 1,000");
	ok(wilson_lower(0, 0, 1.96) == 0.0 && wilson_lower(0, 5, 1.96) == 0.0, "wilson: nothing");
	ok(wilson_lower(3, 4, 0.0) == 0.75, "wilson: z = 0 is the share itself");
	ok(near(wilson_lower(1, 1e12, 1.96), 1.7650e-13, 1e-3), "wilson: small shares keep their digits");
}

static void
test_tier(void)
{
	ok(strcmp(tier_name(1), "below average") == 0 && strcmp(tier_name(39.999), "below average") == 0 &&
	   strcmp(tier_name(40), "average") == 0 && strcmp(tier_name(50), "above average") == 0 &&
	   strcmp(tier_name(60), "excellent") == 0 && strcmp(tier_name(70), "popular") == 0 &&
	   strcmp(tier_name(80), "celebrity") == 0 && strcmp(tier_name(100), "celebrity") == 0,
	   "tier: names");
	ok(strcmp(tier_bucket(1), "1-9") == 0 && strcmp(tier_bucket(9.999), "1-9") == 0 &&
	   strcmp(tier_bucket(10), "10-19") == 0 && strcmp(tier_bucket(69.5), "60-69") == 0 &&
	   strcmp(tier_bucket(90), "90-100") == 0 && strcmp(tier_bucket(100), "90-100") == 0,
	   "tier: buckets");
	ok(tier_name(0.999) == NULL && tier_name(100.001) == NULL && tier_name(NAN) == NULL &&
	   tier_bucket(0.999) == NULL && tier_bucket(INFINITY) == NULL && tier_bucket(NAN) == NULL,
	   "tier: no score, no name");
}

int
main(void)
{
	test_probability();
	test_fit_recovers();
	test_fit_by_hand();
	test_fit_order();
	test_fit_limits();
	test_fit_clamped();
	test_sum();
	test_wilson();
	test_tier();
	return done_testing();
}
