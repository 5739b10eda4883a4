/*
 * Trust: how far an actor's actions count, 0 to 1.
 *
 * For now it is selectivity alone: the more someone reacts, the less each
 * reaction says. All callers come through trust_towards() and trust_overall(),
 * so that more reasons for distrust need no change elsewhere.
 */
#ifndef INFLUENCE_TRUST_H
#define INFLUENCE_TRUST_H

#include "postgres.h"

#include "math/prefetch.h"

/* Trust of the actors of one network */
typedef struct Trust
{
	const uint32 *reactions;	/* by actor: engaging rows on this network */
	double		half_count;		/* reactions in the whole window that halve the trust */
} Trust;

static inline double
trust_of_count(const Trust *trust, uint32 reactions)
{
	return 1 / (1 + reactions / trust->half_count);
}

/*
 * The trust of this actor will be asked for soon
 */
static inline void
prefetch_trust(const Trust *trust, uint32 actor)
{
	prefetch(&trust->reactions[actor]);
}

/*
 * Trust of an actor in general
 */
static inline double
trust_overall(const Trust *trust, uint32 actor)
{
	return trust_of_count(trust, trust->reactions[actor]);
}

/*
 * Trust of an actor as far as one target is concerned
 *
 * reactions: how many of the actor's reactions went to this target. They are
 * left out, so that a further reaction to somebody never takes anything away
 * from what that person already has.
 */
static inline double
trust_towards(const Trust *trust, uint32 actor, uint32 reactions)
{
	return trust_of_count(trust, trust->reactions[actor] - reactions);
}

#endif							/* INFLUENCE_TRUST_H */
