/*
 * Amplification: how likely a post is to be shared.
 */
#ifndef INFLUENCE_MATH_AMPLIFICATION_H
#define INFLUENCE_MATH_AMPLIFICATION_H

#include <stddef.h>

/* Prior used where no population is there to fit one: one share in ten posts */
#define AMPLIFICATION_PRIOR_SHARES	0.5
#define AMPLIFICATION_PRIOR_POSTS	5.0

extern double amplification_probability(double shares, double posts,
										double prior_shares, double prior_posts);
extern void amplification_fit(const double *shares, const double *posts, size_t n,
							  double *prior_shares, double *prior_posts);

#endif							/* INFLUENCE_MATH_AMPLIFICATION_H */
