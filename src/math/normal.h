/*
 * The standard normal distribution.
 */
#ifndef INFLUENCE_MATH_NORMAL_H
#define INFLUENCE_MATH_NORMAL_H

/* Share of the population at or below z standard deviations from the mean */
extern double normal_cdf(double z);

/* Its inverse: the z below which the share p (0..1) of the population lies */
extern double normal_quantile(double p);

#endif							/* INFLUENCE_MATH_NORMAL_H */
