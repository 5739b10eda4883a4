/*
 * Lower bound of a proportion.
 */
#ifndef INFLUENCE_MATH_WILSON_H
#define INFLUENCE_MATH_WILSON_H

extern double wilson_lower(double successes, double trials, double z);

#endif							/* INFLUENCE_MATH_WILSON_H */
