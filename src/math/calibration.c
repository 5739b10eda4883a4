/*
 * Calibration: the map from raw influence (0 and up) to a score from 1 to 100.
 *
 * A person's place among the others (the mid-rank share) is turned into a
 * normal score, which is the rank-based normal transformation of G. Blom,
 * "Statistical Estimates and Transformed Beta-Variables" (1958), with the
 * plotting position (rank - 1/2) / n. So the scores have a known mean and 95th
 * percentile whatever the distribution of raw is. Two exponential bends keep
 * them above 1 and below 100:
 *
 *   score
 *    100 |                  . - - - -    100 - (100-h) exp(-(t-h)/(100-h))
 *      h |               /
 *        |            /                  score = target
 *      l |         /
 *      1 | - - - '                       1 + (l-1) exp((t-l)/(l-1))
 *        +---------l-----h-----------  target
 *
 * Value and slope are continuous at both knees, and the curve is strictly
 * increasing.
 */
#include "math/calibration.h"

#include <math.h>

#include "math/invariant.h"
#include "math/normal.h"

/* normal_quantile(0.95) */
#define Z_P95				1.6448536269514722

/*
 * Raw values this close to the first of their group, relative to max(1, |raw|),
 * share a knot: a steeper map would turn rounding noise into points
 */
#define KNOT_DISTANCE		1e-4

/* Knots are at least this far apart in score, so that no two ever coincide */
#define MIN_SCORE_STEP		1e-9

/* Part of the way from the mean to 100 where the high knee lies */
#define HIGH_KNEE_SHARE		0.65

/* The low knee is here, or halfway between 1 and a mean that is lower still */
#define LOW_KNEE			10.0

/* The spread is sought up to this multiple of the one without bends */
#define MAX_SPREAD_FACTOR	3.0
#define BISECTION_STEPS		60

/* Points at which the mean of a curve is taken */
#define MEAN_POINTS			1000

/* One knot in so many is reserved for each end of the population */
#define TAIL_DIVISOR		8

/* Collects knots in ascending order, see knots_add() */
typedef struct KnotWriter
{
	double	   *raw;
	double	   *score;
	size_t		count;
	size_t		max;
} KnotWriter;

/* A run of equal raw values, see next_group() */
typedef struct RawGroup
{
	size_t		first;			/* index of its first value */
	size_t		last;			/* index of its last value */
	double		raw;			/* the middle between these two */
} RawGroup;

/*
 * Check the knots of a map, fitted or not: both coordinates strictly increase, raw
 * from 0 and the score within 1 to 100
 */
bool
calibration_valid(const double *knot_raw, const double *knot_score, size_t count)
{
	size_t		i;

	if (count < 1 || knot_raw[0] != 0.0 || !(knot_score[0] >= CALIBRATION_MIN_SCORE))
		return false;
	for (i = 1; i < count; i++)
	{
		if (!(knot_raw[i] > knot_raw[i - 1] && knot_score[i] > knot_score[i - 1]))
			return false;
	}
	return isfinite(knot_raw[count - 1]) && knot_score[count - 1] <= CALIBRATION_MAX_SCORE;
}

/*
 * Bend a target into (1, 100)
 */
static double
saturate(const CalibrationScale *scale, double target)
{
	double		room;

	if (target > scale->high_knee)
	{
		room = CALIBRATION_MAX_SCORE - scale->high_knee;
		return CALIBRATION_MAX_SCORE - room * exp(-(target - scale->high_knee) / room);
	}
	if (target < scale->low_knee)
	{
		room = scale->low_knee - CALIBRATION_MIN_SCORE;
		return CALIBRATION_MIN_SCORE + room * exp((target - scale->low_knee) / room);
	}
	return target;
}

/*
 * Score of the person with the given share (0..1) of the population below
 */
double
calibration_share_score(const CalibrationScale *scale, double share)
{
	return saturate(scale, scale->location + scale->spread * normal_quantile(share));
}

/*
 * Mean score of a large population with this curve, by the midpoint rule
 */
static double
scale_mean(const CalibrationScale *scale)
{
	double		sum = 0.0;
	int			i;

	for (i = 0; i < MEAN_POINTS; i++)
		sum += calibration_share_score(scale, (i + 0.5) / MEAN_POINTS);
	return sum / MEAN_POINTS;
}

/*
 * The curve whose scores have a given mean and 95th percentile
 *
 * The high knee is not below the 95th percentile, so that the latter is met
 * exactly by any spread. The bends move the mean (with mean 20 and 95th
 * percentile 50, 15 % of a normal population would lie below 1, and lifting
 * them raises the mean by more than a point), so the spread is chosen such that
 * the mean is met with the bends. Without bends it is (p95 - mean) / 1.645.
 * A mean that no spread up to three times that can meet is met as well as this
 * largest one does. mean: 5..90; p95: above mean, below 99.
 */
CalibrationScale
calibration_scale(double mean, double p95)
{
	CalibrationScale scale;
	double		low = 0.0;
	double		high = MAX_SPREAD_FACTOR * (p95 - mean) / Z_P95;
	int			i;

	scale.low_knee = fmin(LOW_KNEE, 0.5 * (CALIBRATION_MIN_SCORE + mean));
	scale.high_knee = fmax(mean + HIGH_KNEE_SHARE * (CALIBRATION_MAX_SCORE - mean), p95);

	/* No spread at all puts everybody at p95, above the mean; more lowers it */
	for (i = 0; i < BISECTION_STEPS; i++)
	{
		scale.spread = 0.5 * (low + high);
		scale.location = p95 - Z_P95 * scale.spread;
		if (scale_mean(&scale) > mean)
			low = scale.spread;
		else
			high = scale.spread;
	}
	return scale;
}

/*
 * Find the run of equal values that starts at index first
 *
 * A value belongs to the run while it is within the tolerance of its first, so
 * that a run is never wider than that.
 */
static RawGroup
next_group(const double *sorted_raw, size_t n, size_t first)
{
	RawGroup	group;
	size_t		last = first;

	while (last + 1 < n &&
		   sorted_raw[last + 1] - sorted_raw[first] <=
		   KNOT_DISTANCE * fmax(1.0, fabs(sorted_raw[last + 1])))
		last++;

	group.first = first;
	group.last = last;
	group.raw = sorted_raw[first] + 0.5 * (sorted_raw[last] - sorted_raw[first]);
	return group;
}

/*
 * Mid-rank share of a group: (mean 1-based rank - 1/2) / n
 */
static double
group_share(const RawGroup *group, size_t n)
{
	return ((double) group->first + (double) group->last + 1.0) / 2.0 / (double) n;
}

/*
 * Append a knot, unless its score is not above the one before
 *
 * Far out in the bends scores differ by less than a double can hold. Such a
 * knot is left out and the map runs straight to the next. The last knot of all
 * must stay, it replaces its predecessor instead.
 */
static void
knots_add(KnotWriter *knots, double raw, double score, bool is_last)
{
	score = fmax(score, CALIBRATION_MIN_SCORE + MIN_SCORE_STEP);
	score = fmin(score, CALIBRATION_MAX_SCORE - MIN_SCORE_STEP);

	if (score < knots->score[knots->count - 1] + MIN_SCORE_STEP)
	{
		if (knots->count > 1 && is_last)
		{
			knots->raw[knots->count - 1] = raw;
			return;
		}
		if (knots->count > 1)
			return;
		score = knots->score[0] + MIN_SCORE_STEP;
	}
	if (knots->count == knots->max)
		return;
	knots->raw[knots->count] = raw;
	knots->score[knots->count] = score;
	knots->count++;
}

/*
 * Choose among more groups than there is room for
 *
 * Every group of the two ends is taken, and of the others those that first
 * reach the next of a number of evenly spaced scores. groups: how many there
 * are.
 */
static void
thin_groups(KnotWriter *knots, const CalibrationScale *scale,
			const double *sorted_raw, size_t n, size_t groups)
{
	size_t		tail = knots->max / TAIL_DIVISOR;
	/* what the anchor and both ends leave; n steps have n + 1 ends */
	size_t		steps = knots->max - 2 * tail - 2;
	double		lowest = calibration_share_score(scale, 0.5 / (double) n);
	double		highest = calibration_share_score(scale, 1.0 - 0.5 / (double) n);
	double		step = (highest - lowest) / (double) steps;
	double		next_score = lowest;
	size_t		pos = 0;
	size_t		i;

	for (i = 0; i < groups; i++)
	{
		RawGroup	group = next_group(sorted_raw, n, pos);
		bool		at_end = i < tail || i >= groups - tail;
		double		score = calibration_share_score(scale, group_share(&group, n));

		if (at_end || score >= next_score)
		{
			knots_add(knots, group.raw, score, i + 1 == groups);
			next_score = score + step;
		}
		pos = group.last + 1;
	}
}

/*
 * Fit the map to a population
 *
 * sorted_raw: n raw values in ascending order, all above 0. mean, p95: what
 * the scores shall have, see calibration_scale(). knot_raw, knot_score: room
 * for max_knots values each, filled with strictly increasing knots, the first
 * of which is (0, 1). Returns their number; 1 (the anchor alone) if n is 0, and
 * 0 if max_knots is below CALIBRATION_MIN_KNOTS. A population of equals gets
 * the mean.
 */
size_t
calibration_fit(const double *sorted_raw, size_t n, double mean, double p95,
				size_t max_knots, double *knot_raw, double *knot_score)
{
	KnotWriter	knots = {knot_raw, knot_score, 1, max_knots};
	CalibrationScale scale;
	RawGroup	group;
	size_t		groups = 0;
	size_t		pos;

	if (max_knots < CALIBRATION_MIN_KNOTS)
		return 0;

	knot_raw[0] = 0.0;
	knot_score[0] = CALIBRATION_MIN_SCORE;
	if (n == 0)
		return 1;

	for (pos = 0; pos < n; pos = group.last + 1)
	{
		group = next_group(sorted_raw, n, pos);
		groups++;
	}

	scale = calibration_scale(mean, p95);
	if (groups == 1)
		knots_add(&knots, group.raw, mean, true);
	else if (groups < max_knots)
	{
		for (pos = 0; pos < n; pos = group.last + 1)
		{
			group = next_group(sorted_raw, n, pos);
			knots_add(&knots, group.raw,
					  calibration_share_score(&scale, group_share(&group, n)),
					  group.last + 1 == n);
		}
	}
	else
		thin_groups(&knots, &scale, sorted_raw, n, groups);
	INVARIANT(calibration_valid(knot_raw, knot_score, knots.count));
	return knots.count;
}

/*
 * Make the map concave above a score, so that each further point is harder
 * to gain than the one before
 *
 * The slopes of the segments above the first knot with at least from_score are
 * made non-increasing by weighted antitonic regression (pool adjacent
 * violators; R. E. Barlow et al., "Statistical Inference under Order
 * Restrictions", 1972). With the segments' lengths as weights the result is the
 * least concave majorant of the knots, so it is found as their upper convex
 * hull: a knot that lies on or below the line through its neighbours is
 * dropped. No score falls; the first and the last knot stay. Works in place,
 * returns the new number of knots.
 */
size_t
calibration_make_concave(double *knot_raw, double *knot_score, size_t count,
						 double from_score)
{
	size_t		start = 0;
	size_t		kept;
	size_t		i;

	while (start < count && knot_score[start] < from_score)
		start++;
	if (start >= count)
		return count;

	kept = start + 1;
	for (i = start + 1; i < count; i++)
	{
		while (kept >= start + 2)
		{
			double		before = (knot_score[kept - 1] - knot_score[kept - 2]) /
				(knot_raw[kept - 1] - knot_raw[kept - 2]);
			double		after = (knot_score[i] - knot_score[kept - 1]) /
				(knot_raw[i] - knot_raw[kept - 1]);

			if (before > after)
				break;
			kept--;
		}
		knot_raw[kept] = knot_raw[i];
		knot_score[kept] = knot_score[i];
		kept++;
	}
	INVARIANT(calibration_valid(knot_raw, knot_score, kept));
	return kept;
}

/*
 * Score beyond the last knot: starts with the slope of the last segment and
 * saturates, so that it keeps growing and stays below 100
 */
static double
score_beyond(const double *knot_raw, const double *knot_score, size_t count, double raw)
{
	double		top = knot_score[count - 1];
	double		room = CALIBRATION_MAX_SCORE - top;
	double		slope = (top - knot_score[count - 2]) / (knot_raw[count - 1] - knot_raw[count - 2]);
	double		rise = room * -expm1(-slope * (raw - knot_raw[count - 1]) / room);

	return fmin(top + rise, nextafter(CALIBRATION_MAX_SCORE, 0.0));
}

/*
 * Raw value of a score beyond the last knot: the inverse of score_beyond()
 */
static double
raw_beyond(const double *knot_raw, const double *knot_score, size_t count, double score)
{
	double		top = knot_score[count - 1];
	double		room = CALIBRATION_MAX_SCORE - top;
	double		slope = (top - knot_score[count - 2]) / (knot_raw[count - 1] - knot_raw[count - 2]);

	return knot_raw[count - 1] - log1p((top - score) / room) * room / slope;
}

/*
 * Score of a raw value
 *
 * knot_raw, knot_score: count knots of calibration_fit(). 1 for a raw value
 * that is not positive, or if the map has only its anchor; NaN for NaN.
 */
double
calibration_score(const double *knot_raw, const double *knot_score, size_t count, double raw)
{
	size_t		low = 0;
	size_t		high = count;
	double		part;

	if (isnan(raw))
		return raw;
	if (raw <= 0.0 || count < 2)
		return CALIBRATION_MIN_SCORE;
	if (raw > knot_raw[count - 1])
		return score_beyond(knot_raw, knot_score, count, raw);

	/* Invariant: knot_raw[low] < raw <= knot_raw[high - 1] */
	high = count - 1;
	while (high - low > 1)
	{
		size_t		mid = low + (high - low) / 2;

		if (knot_raw[mid] < raw)
			low = mid;
		else
			high = mid;
	}
	part = (raw - knot_raw[low]) / (knot_raw[high] - knot_raw[low]);
	return fmin(knot_score[low] + part * (knot_score[high] - knot_score[low]), knot_score[high]);
}

/*
 * Raw value that has a score: the inverse of calibration_score()
 *
 * score: 1 to below 100. 0 for a score of 1 and below, or if the map has only
 * its anchor; NaN for NaN.
 */
double
calibration_raw(const double *knot_raw, const double *knot_score, size_t count, double score)
{
	size_t		low = 0;
	size_t		high = count;
	double		part;

	if (isnan(score))
		return score;
	if (score <= CALIBRATION_MIN_SCORE || count < 2)
		return 0.0;
	score = fmin(score, nextafter(CALIBRATION_MAX_SCORE, 0.0));
	if (score > knot_score[count - 1])
		return raw_beyond(knot_raw, knot_score, count, score);

	/* Invariant: knot_score[low] < score <= knot_score[high] */
	high = count - 1;
	while (high - low > 1)
	{
		size_t		mid = low + (high - low) / 2;

		if (knot_score[mid] < score)
			low = mid;
		else
			high = mid;
	}
	part = (score - knot_score[low]) / (knot_score[high] - knot_score[low]);
	return knot_raw[low] + part * (knot_raw[high] - knot_raw[low]);
}
