/*
 * Unit tests of src/math/normal.c. Prints TAP.
 *
 * Build: cc -Isrc test/unit/normal_test.c src/math/normal.c -lm
 */
#include "math/normal.h"
#include "tap.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

/* Two units in the last place and a bit for the reference itself */
#define TOLERANCE 1e-15

/*
 * Relative error of normal_quantile(p), by a Newton step on an independent cdf
 * in extended precision
 */
static double
quantile_error(double p)
{
	long double z = normal_quantile(p);
	long double cdf = 0.5L * erfcl(-z / sqrtl(2.0L));
	long double density = expl(-0.5L * z * z) / sqrtl(2.0L * acosl(-1.0L));

	return (double) fabsl((cdf - p) / density / z);
}

static void
test_known_quantiles(void)
{
	/* printed in many tables, here to 17 digits */
	static const double known[][2] = {
		{0.5, 0.0},
		{0.75, 0.67448975019608174},
		{0.9, 1.2815515655446004},
		{0.95, 1.6448536269514722},
		{0.975, 1.9599639845400545},
		{0.99, 2.3263478740408408},
		{0.999, 3.0902323061678132}
	};
	bool		right = true;
	size_t		i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		double		error = fabs(normal_quantile(known[i][0]) - known[i][1]);

		if (error > TOLERANCE * known[i][1])
		{
			printf("# quantile(%g) is off by %g\n", known[i][0], error);
			right = false;
		}
	}
	ok(right, "quantile: known values");
}

static void
test_quantile_accuracy(void)
{
	double		tail = 0.0;
	double		middle = 0.0;
	double		p;

	for (p = 1e-300; p < 0.05; p *= 1.37)
		tail = fmax(tail, quantile_error(p));
	for (p = 0.05; p < 0.95; p += 0.00137)
		middle = fmax(middle, quantile_error(p));
	printf("# largest relative errors: tail %g, middle %g\n", tail, middle);
	ok(tail < TOLERANCE, "quantile: accurate in the tail, down to 1e-300");
	ok(middle < TOLERANCE, "quantile: accurate in the middle");
}

static void
test_quantile_shape(void)
{
	bool		increasing = true;
	bool		symmetric = true;
	int			i;

	for (i = 1; i < 4095; i++)
	{
		double		p = i / 4096.0;

		if (!(normal_quantile(p) < normal_quantile((i + 1) / 4096.0)))
			increasing = false;
		if (normal_quantile(p) != -normal_quantile(1.0 - p))
			symmetric = false;
	}
	ok(increasing, "quantile: increasing");
	ok(symmetric, "quantile: symmetric");

	/* where one approximation hands over to the next */
	ok(fabs(normal_quantile(nextafter(0.075, 0.0)) - normal_quantile(nextafter(0.075, 1.0))) < TOLERANCE &&
	   fabs(normal_quantile(exp(-25.0) * (1.0 - 1e-15)) - normal_quantile(exp(-25.0) * (1.0 + 1e-15))) < 5e-15,
	   "quantile: no step between the approximations");
}

static void
test_ends(void)
{
	ok(isinf(normal_quantile(0.0)) && normal_quantile(0.0) < 0.0, "quantile: of 0");
	ok(isinf(normal_quantile(1.0)) && normal_quantile(1.0) > 0.0, "quantile: of 1");
	ok(isnan(normal_quantile(-0.1)) && isnan(normal_quantile(1.1)) && isnan(normal_quantile(NAN)),
	   "quantile: of what is no share");
	ok(isfinite(normal_quantile(4.9e-324)), "quantile: of the smallest double");
	ok(normal_cdf(-INFINITY) == 0.0 && normal_cdf(INFINITY) == 1.0 && isnan(normal_cdf(NAN)),
	   "cdf: ends");
}

static void
test_cdf(void)
{
	bool		inverse = true;
	double		z;

	for (z = -37.0; z < 5.0; z += 0.0731)
	{
		double		error = fabs(normal_quantile(normal_cdf(z)) - z);

		/* near p = 1 a unit in the last place of p is many of z */
		if (error > 1e-14 * fabs(z) + 1e-15 + (z > 0.0 ? 1e-15 * exp(0.5 * z * z) : 0.0))
		{
			printf("# quantile(cdf(%g)) is off by %g\n", z, error);
			inverse = false;
		}
	}
	ok(inverse, "cdf: inverse of the quantile");
	ok(normal_cdf(0.0) == 0.5, "cdf: of 0");
	ok(fabs(normal_cdf(-10.0) / 7.6198530241605260660e-24 - 1.0) < 1e-14, "cdf: far below the mean");
}

int
main(void)
{
	test_known_quantiles();
	test_quantile_accuracy();
	test_quantile_shape();
	test_ends();
	test_cdf();
	return done_testing();
}
