/*
 * Names for ranges of scores.
 */
#ifndef INFLUENCE_MATH_TIER_H
#define INFLUENCE_MATH_TIER_H

#include <stddef.h>

/* A range from a score up to the next range's */
typedef struct ScoreRange
{
	double		from;
	const char *name;
} ScoreRange;

extern const ScoreRange *tier_defaults(size_t *count);
extern const char *tier_in_ranges(const ScoreRange *ranges, size_t count, double score);
extern const char *tier_name(double score);
extern const char *tier_bucket(double score);

#endif							/* INFLUENCE_MATH_TIER_H */
