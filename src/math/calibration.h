/*
 * Calibration: the map from raw influence (0 and up) to a score from 1 to 100.
 *
 * Wording:
 *   raw     what the measures of a person add up to, in any unit
 *   share   of the population that lies below a person, half of the equals
 *           included (mid-rank), 0..1
 *   target  normal score of a share: location + spread * normal_quantile(share)
 *   knee    target from which the score bends away, low towards 1 and high
 *           towards 100; between the knees score and target are the same
 *   knot    a (raw, score) pair of the map, which is linear between knots
 */
#ifndef INFLUENCE_MATH_CALIBRATION_H
#define INFLUENCE_MATH_CALIBRATION_H

#include <stdbool.h>
#include <stddef.h>

#define CALIBRATION_MIN_SCORE	1.0
#define CALIBRATION_MAX_SCORE	100.0

/* Fewest knots that calibration_fit() can work with */
#define CALIBRATION_MIN_KNOTS	16

/* A map that is kept somewhere; the arrays belong to the caller */
typedef struct CalibrationKnots
{
	size_t		count;
	double	   *raw;
	double	   *score;
} CalibrationKnots;

/* The curve from share to score, see calibration_scale() */
typedef struct CalibrationScale
{
	double		location;		/* target of the share 1/2 */
	double		spread;			/* standard deviation of the targets */
	double		low_knee;
	double		high_knee;
} CalibrationScale;

extern CalibrationScale calibration_scale(double mean, double p95);
extern double calibration_share_score(const CalibrationScale *scale, double share);

extern size_t calibration_fit(const double *sorted_raw, size_t n,
							  double mean, double p95, size_t max_knots,
							  double *knot_raw, double *knot_score);
extern size_t calibration_make_concave(double *knot_raw, double *knot_score,
									   size_t count, double from_score);
extern bool calibration_valid(const double *knot_raw, const double *knot_score, size_t count);
extern double calibration_score(const double *knot_raw, const double *knot_score,
								size_t count, double raw);
extern double calibration_raw(const double *knot_raw, const double *knot_score,
							  size_t count, double score);

#endif							/* INFLUENCE_MATH_CALIBRATION_H */
