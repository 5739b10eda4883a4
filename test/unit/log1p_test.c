/*
 * Unit tests of src/math/log1p.h. Prints TAP.
 *
 * Build: cc -Isrc test/unit/log1p_test.c -lm
 */
#include "math/log1p.h"
#include "random.h"
#include "tap.h"

#include <float.h>

/* One unit in the last place, which is at most twice the rounding of a number */
#define TOLERANCE DBL_EPSILON

#define SAMPLES 1000000

/*
 * Relative error, against the C library in extended precision
 */
static double
relative_error(double x)
{
	long double exact = log1pl(x);

	return (double) (fabsl(fast_log1p(x) - exact) / exact);
}

int
main(void)
{
	double		worst = 0;
	double		worst_near_powers = 0;

	for (int i = 0; i < SAMPLES; i++)
		worst = fmax(worst, relative_error(exp(-700 + 1400 * uniform())));
	for (int i = -1000; i <= 1000; i++)
	{
		double		x = ldexp(1, i);

		worst_near_powers = fmax(worst_near_powers, relative_error(x));
		worst_near_powers = fmax(worst_near_powers, relative_error(nextafter(x, 0)));
		worst_near_powers = fmax(worst_near_powers, relative_error(nextafter(x, INFINITY)));
	}

	ok(fast_log1p(0) == 0, "0");
	ok(fast_log1p(DBL_MIN) == DBL_MIN && fast_log1p(1e-20) == 1e-20, "numbers that 1 + x loses");
	ok(fast_log1p(1) == log(2), "1");
	ok(isfinite(fast_log1p(DBL_MAX)), "the largest number");
	ok(worst < TOLERANCE, "random numbers of all sizes");
	ok(worst_near_powers < TOLERANCE, "powers of two, and their neighbours");
	return done_testing();
}
