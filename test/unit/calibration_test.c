/*
 * Unit tests of src/math/calibration.c. Prints TAP.
 *
 * Build: cc -Isrc test/unit/calibration_test.c src/math/calibration.c
 *        src/math/normal.c -lm
 */
#include "math/calibration.h"
#include "random.h"
#include "tap.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PEOPLE 100000
#define MAX_KNOTS 1024

static double raw[PEOPLE];
static double knot_raw[MAX_KNOTS];
static double knot_score[MAX_KNOTS];

static int
compare_doubles(const void *left, const void *right)
{
	double		a = *(const double *) left;
	double		b = *(const double *) right;

	return (a > b) - (a < b);
}

/*
 * n sorted raw values of a power law, as found in social networks
 */
static void
fill_population(size_t n)
{
	size_t		i;

	for (i = 0; i < n; i++)
		raw[i] = log1p(pow(uniform(), -1.0 / 1.3));
	qsort(raw, n, sizeof(double), compare_doubles);
}

/*
 * Strictly increasing in both, from (0, 1) to below 100?
 */
static bool
knots_are_sound(size_t count)
{
	size_t		i;

	if (count < 1 || count > MAX_KNOTS || knot_raw[0] != 0.0 || knot_score[0] != 1.0)
		return false;
	for (i = 1; i < count; i++)
	{
		if (!(knot_raw[i] > knot_raw[i - 1] && knot_score[i] > knot_score[i - 1] &&
			  knot_score[i] < 100.0))
		{
			printf("# knot %d: (%.17g, %.17g) after (%.17g, %.17g)\n", (int) i,
				   knot_raw[i], knot_score[i], knot_raw[i - 1], knot_score[i - 1]);
			return false;
		}
	}
	return true;
}

/*
 * Mean and 95th percentile of the population's scores near to the targets?
 */
static bool
targets_are_met(size_t n, size_t count, double mean, double p95, double tolerance)
{
	double		sum = 0.0;
	double		at_p95 = calibration_score(knot_raw, knot_score, count, raw[(size_t) (0.95 * n)]);
	size_t		i;

	for (i = 0; i < n; i++)
		sum += calibration_score(knot_raw, knot_score, count, raw[i]);
	printf("# %d knots: mean %.4f, p95 %.4f, lowest %.4f, highest %.4f\n", (int) count,
		   sum / n, at_p95, calibration_score(knot_raw, knot_score, count, raw[0]),
		   calibration_score(knot_raw, knot_score, count, raw[n - 1]));
	return fabs(sum / n - mean) < tolerance && fabs(at_p95 - p95) < tolerance;
}

/*
 * Is there a knot where a raw value is, as near as knots are set?
 */
static bool
is_knot(double knot, double value)
{
	return fabs(knot - value) <= 1e-4 * fmax(1.0, fabs(value));
}

static void
test_targets(void)
{
	size_t		count;

	fill_population(PEOPLE);
	count = calibration_fit(raw, PEOPLE, 40, 63, MAX_KNOTS, knot_raw, knot_score);
	ok(knots_are_sound(count), "fit: sound knots for 40/63");
	ok(targets_are_met(PEOPLE, count, 40, 63, 0.1), "fit: mean 40, 95th percentile 63");
	count = calibration_fit(raw, PEOPLE, 20, 50, MAX_KNOTS, knot_raw, knot_score);
	ok(knots_are_sound(count), "fit: sound knots for 20/50");
	ok(targets_are_met(PEOPLE, count, 20, 50, 0.1), "fit: mean 20, 95th percentile 50");
	count = calibration_fit(raw, PEOPLE, 40, 63, 100, knot_raw, knot_score);
	ok(knots_are_sound(count) && targets_are_met(PEOPLE, count, 40, 63, 0.1), "fit: a hundred knots will do");
	ok(is_knot(knot_raw[count - 1], raw[PEOPLE - 1]) && is_knot(knot_raw[1], raw[0]), "fit: first and last are knots");
}

/*
 * Whatever the targets: sound knots, and the exact formula at the knots
 */
static void
test_all_targets(void)
{
	bool		sound = true;
	bool		exact = true;
	double		mean;
	double		p95;
	size_t		i;

	fill_population(500);
	for (mean = 5.0; mean <= 90.0; mean += 5.0)
	{
		for (p95 = mean + 0.5; p95 < 99.0; p95 += 4.0)
		{
			CalibrationScale scale = calibration_scale(mean, p95);
			size_t		count = calibration_fit(raw, 500, mean, p95, MAX_KNOTS, knot_raw, knot_score);

			if (!knots_are_sound(count))
				sound = false;
			if (fabs(calibration_share_score(&scale, 0.95) - p95) > 1e-9)
				exact = false;
			for (i = 0; i < 500 && count == 501; i++)
			{
				if (fabs(calibration_score(knot_raw, knot_score, count, raw[i]) -
						 calibration_share_score(&scale, (i + 0.5) / 500)) > 1e-9)
					exact = false;
			}
		}
	}
	ok(sound, "fit: sound knots for all targets");
	ok(exact, "fit: the score of a person is that of its share");
}

static void
test_equals(void)
{
	size_t		count;
	size_t		i;

	for (i = 0; i < 1000; i++)
		raw[i] = 3.0 * (1.0 + 1e-15 * i);
	count = calibration_fit(raw, 1000, 40, 63, MAX_KNOTS, knot_raw, knot_score);
	ok(count == 2 && knot_score[1] == 40.0, "fit: equals get the mean");
	ok(calibration_fit(raw, 1, 40, 63, MAX_KNOTS, knot_raw, knot_score) == 2 && knot_score[1] == 40.0,
	   "fit: one person gets the mean");
	ok(calibration_fit(raw, 0, 40, 63, MAX_KNOTS, knot_raw, knot_score) == 1 &&
	   calibration_score(knot_raw, knot_score, 1, 5.0) == 1.0, "fit: nobody");
	ok(calibration_fit(raw, 1000, 40, 63, CALIBRATION_MIN_KNOTS - 1, knot_raw, knot_score) == 0,
	   "fit: too little room for knots");

	/* two halves: shares 1/4 and 3/4, noise within each */
	for (i = 0; i < 1000; i++)
		raw[i] = (i < 500 ? 1.0 : 2.0) + 1e-14 * i;
	count = calibration_fit(raw, 1000, 40, 63, MAX_KNOTS, knot_raw, knot_score);
	ok(count == 3 && fabs(knot_score[1] + knot_score[2] - 80.0) < 0.1 &&
	   fabs(calibration_score(knot_raw, knot_score, count, raw[0]) -
			calibration_score(knot_raw, knot_score, count, raw[499])) < 1e-9,
	   "fit: rounding noise does not split equals");
}

/*
 * Two people who hardly differ get scores that hardly differ
 */
static void
test_near_ties(void)
{
	size_t		count;
	size_t		i;

	for (i = 0; i < 20; i++)
		raw[i] = 1.0 + 0.1 * i;
	raw[10] = raw[9] + 1e-9;
	count = calibration_fit(raw, 20, 40, 63, MAX_KNOTS, knot_raw, knot_score);
	ok(knots_are_sound(count) &&
	   fabs(calibration_score(knot_raw, knot_score, count, raw[10]) -
			calibration_score(knot_raw, knot_score, count, raw[9])) < 1e-6,
	   "fit: a difference of 1e-9 in raw is no point");
}

static void
test_extremes(void)
{
	size_t		count;
	size_t		i;

	for (i = 0; i < 2000; i++)
		raw[i] = exp(i * 0.7 - 690.0);
	count = calibration_fit(raw, 2000, 20, 50, MAX_KNOTS, knot_raw, knot_score);
	ok(knots_are_sound(count), "fit: raw values from 1e-300 to 1e300");

	/* 90 % equal, then a long tail: groups fewer than people */
	for (i = 0; i < PEOPLE; i++)
		raw[i] = i < 90000 ? 0.5 : 0.5 + (double) (i - 89999);
	count = calibration_fit(raw, PEOPLE, 40, 63, MAX_KNOTS, knot_raw, knot_score);
	ok(knots_are_sound(count) && is_knot(knot_raw[count - 1], raw[PEOPLE - 1]), "fit: mostly equals");

	count = calibration_fit(raw, PEOPLE, 40, 63, CALIBRATION_MIN_KNOTS, knot_raw, knot_score);
	ok(count <= CALIBRATION_MIN_KNOTS && knots_are_sound(count) && is_knot(knot_raw[count - 1], raw[PEOPLE - 1]),
	   "fit: with the fewest knots");
}

static void
test_score(void)
{
	size_t		count;
	double		before = 1.0;
	double		value;
	bool		increasing = true;

	fill_population(PEOPLE);
	count = calibration_fit(raw, PEOPLE, 40, 63, MAX_KNOTS, knot_raw, knot_score);
	ok(calibration_score(knot_raw, knot_score, count, 0.0) == 1.0 &&
	   calibration_score(knot_raw, knot_score, count, -5.0) == 1.0 &&
	   isnan(calibration_score(knot_raw, knot_score, count, NAN)), "score: of nothing");
	for (value = 0.001; value < raw[PEOPLE - 1] + 3.0; value += 0.001)
	{
		double		score = calibration_score(knot_raw, knot_score, count, value);

		if (!(score > before && score < 100.0))
			increasing = false;
		before = score;
	}
	ok(increasing, "score: strictly increasing, also beyond the last knot");
	ok(calibration_score(knot_raw, knot_score, count, 1e6) < 100.0 &&
	   calibration_score(knot_raw, knot_score, count, INFINITY) < 100.0 &&
	   calibration_score(knot_raw, knot_score, count, 1e6) > 99.9, "score: below 100 for any raw");

	value = knot_raw[count - 1];
	ok(fabs((calibration_score(knot_raw, knot_score, count, value + 1e-6) - knot_score[count - 1]) /
			(knot_score[count - 1] - calibration_score(knot_raw, knot_score, count, value - 1e-6)) - 1.0) < 1e-3,
	   "score: no kink at the last knot");
}

static void
test_raw(void)
{
	size_t		count;
	double		value;
	bool		back = true;

	fill_population(PEOPLE);
	count = calibration_fit(raw, PEOPLE, 40, 63, MAX_KNOTS, knot_raw, knot_score);
	for (value = 0.001; value < raw[PEOPLE - 1] + 3.0; value += 0.001)
	{
		double		score = calibration_score(knot_raw, knot_score, count, value);

		if (fabs(calibration_raw(knot_raw, knot_score, count, score) - value) > 1e-9 * value)
			back = false;
	}
	ok(back, "raw: back from a score, also beyond the last knot");
	ok(calibration_raw(knot_raw, knot_score, count, 1.0) == 0.0 &&
	   calibration_raw(knot_raw, knot_score, count, -5.0) == 0.0 &&
	   calibration_raw(knot_raw, knot_score, 1, 50.0) == 0.0 &&
	   isfinite(calibration_raw(knot_raw, knot_score, count, 100.0)) &&
	   isnan(calibration_raw(knot_raw, knot_score, count, NAN)), "raw: at the ends");
}

static void
test_concave(void)
{
	size_t		count;
	size_t		kept;
	size_t		i;
	double		last_score;
	double		slope = INFINITY;
	double		scores[1000];
	bool		concave = true;
	bool		raised = true;

	fill_population(1000);
	count = calibration_fit(raw, 1000, 40, 63, MAX_KNOTS, knot_raw, knot_score);
	last_score = knot_score[count - 1];
	for (i = 0; i < 1000; i++)
		scores[i] = calibration_score(knot_raw, knot_score, count, raw[i]);

	kept = calibration_make_concave(knot_raw, knot_score, count, 40);
	ok(kept <= count && knots_are_sound(kept), "concave: sound knots");
	ok(knot_score[kept - 1] == last_score && knot_raw[kept - 1] == raw[999], "concave: keeps the total rise");
	for (i = 1; i < kept; i++)
	{
		double		next = (knot_score[i] - knot_score[i - 1]) / (knot_raw[i] - knot_raw[i - 1]);

		if (knot_score[i - 1] < 40)
			continue;
		if (next > slope * (1 + 1e-12))
			concave = false;
		slope = next;
	}
	ok(concave, "concave: each further point is harder to gain");
	for (i = 0; i < 1000; i++)
	{
		double		score = calibration_score(knot_raw, knot_score, kept, raw[i]);

		if (score < scores[i] - 1e-9 || (scores[i] < 40 && score != scores[i]))
			raised = false;
	}
	ok(raised, "concave: no score falls, none in the lower half moves");
	ok(calibration_make_concave(knot_raw, knot_score, kept, 40) == kept, "concave: twice is once");
	ok(calibration_make_concave(knot_raw, knot_score, kept, 101) == kept &&
	   calibration_make_concave(knot_raw, knot_score, 1, 1) == 1 &&
	   calibration_make_concave(knot_raw, knot_score, 0, 1) == 0, "concave: nothing to do");
}

/*
 * Maps that are none
 */
static void
test_valid(void)
{
	ok(calibration_valid((double[]) {0, 1}, (double[]) {1, 100}, 2), "valid: two knots");
	ok(!calibration_valid(NULL, NULL, 0), "valid: not without knots");
	ok(!calibration_valid((double[]) {1, 2}, (double[]) {1, 2}, 2), "valid: from a raw of 0");
	ok(!calibration_valid((double[]) {0, 1, 1}, (double[]) {1, 2, 3}, 3), "valid: raw increases");
	ok(!calibration_valid((double[]) {0, 1, 2}, (double[]) {1, 3, 2}, 3), "valid: the score increases");
	ok(!calibration_valid((double[]) {0, NAN}, (double[]) {1, 2}, 2) &&
	   !calibration_valid((double[]) {0, INFINITY}, (double[]) {1, 2}, 2) &&
	   !calibration_valid((double[]) {0, 1}, (double[]) {NAN, 2}, 2), "valid: finite");
	ok(!calibration_valid((double[]) {0, 1}, (double[]) {0, 2}, 2) &&
	   !calibration_valid((double[]) {0, 1}, (double[]) {1, 101}, 2), "valid: from 1 to 100");
}

int
main(void)
{
	test_targets();
	test_all_targets();
	test_equals();
	test_near_ties();
	test_extremes();
	test_score();
	test_raw();
	test_concave();
	test_valid();
	return done_testing();
}
