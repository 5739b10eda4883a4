/*
 * What the two forms of influence_amplification() share.
 */
#ifndef INFLUENCE_AMPLIFICATION_H
#define INFLUENCE_AMPLIFICATION_H

extern double amplification_checked(double shares, double posts,
									double prior_shares, double prior_posts);

#endif							/* INFLUENCE_AMPLIFICATION_H */
