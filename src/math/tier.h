/*
 * Names for ranges of scores.
 */
#ifndef INFLUENCE_MATH_TIER_H
#define INFLUENCE_MATH_TIER_H

extern const char *tier_name(double score);
extern const char *tier_bucket(double score);

#endif							/* INFLUENCE_MATH_TIER_H */
