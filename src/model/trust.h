/*
 * Trust: how far an actor's actions count, 0 to 1.
 *
 *   trust = 1 / (1 + rate / selectivity_rate) * (1 - discount * evidence * share^3)
 *
 * Selectivity: the more someone reacts, the less each reaction says. Trading: share is
 * the part of what somebody gives that comes back from those who got it. Among people
 * who know each other some of it does, which costs little; in a ring that lives of its
 * own likes all of it, and those likes say nothing. To trade with one other person is no
 * evidence of that, with two it is half of what three or more are. And where nearly
 * everybody gets back what they give, that is no sign of a ring: there, the discount is
 * less. Everybody counts once for that, so that a ring cannot hide in its own noise.
 *
 * All is counted over the whole window without decay, in whole numbers, so that
 * leaving one target out leaves exactly the others.
 */
#ifndef INFLUENCE_TRUST_H
#define INFLUENCE_TRUST_H

#include "postgres.h"

#include "math/prefetch.h"

/* What people give must be traded less than this, on average, for the full discount */
#define MOST_TRADED	0.75

/* What somebody gave that can be traded, and how much of it is; in thousandths */
typedef struct ActorGifts
{
	uint64		given;
	uint64		traded;
} ActorGifts;

/* What an actor did towards one target */
typedef struct TowardsTarget
{
	uint32		reactions;
	uint32		partners;		/* 1 or 0 */
	ActorGifts	gifts;
} TowardsTarget;

/* What an actor did on one network */
typedef struct ActorHabits
{
	uint32		reactions;		/* engaging rows */
	uint32		partners;		/* people traded with */
	ActorGifts	gifts;
} ActorHabits;

/* Trust of the actors of one network */
typedef struct Trust
{
	const ActorHabits *habits;	/* by actor */
	double		half_count;		/* reactions in the whole window that halve the trust */
	double		discount;		/* for trading, on this network */
} Trust;

/*
 * The discount on a network
 *
 * discount: the model's. traded: the part of what people give that is traded, on average.
 */
static inline double
trust_discount(double discount, double traded)
{
	return discount * Min(1, (1 - traded) / (1 - MOST_TRADED));
}

/*
 * The trust of this actor will be asked for soon
 */
static inline void
prefetch_trust(const Trust *trust, uint32 actor)
{
	prefetch(&trust->habits[actor]);
}

/*
 * What is left of the trust in somebody who traded so much of what they gave, with so
 * many people
 */
static inline double
trust_in_trader(const Trust *trust, uint32 partners, uint64 traded, uint64 given)
{
	double		evidence = partners == 2 ? 0.5 : 1;
	double		share = (double) traded / given;

	return 1 - trust->discount * evidence * share * share * share;
}

/*
 * Trust of an actor as far as one target is concerned
 *
 * What the actor did towards this target is left out, so that a further reaction to
 * somebody never takes anything away from what that person already has.
 */
static inline double
trust_towards(const Trust *trust, uint32 actor, const TowardsTarget *towards)
{
	const ActorHabits *habits = &trust->habits[actor];
	double		selectivity = 1 / (1 + (habits->reactions - towards->reactions) / trust->half_count);
	uint32		partners = habits->partners - towards->partners;

	if (partners < 2)
		return selectivity;
	return selectivity * trust_in_trader(trust, partners, habits->gifts.traded - towards->gifts.traded,
										 habits->gifts.given - towards->gifts.given);
}

/*
 * Trust of an actor in general
 */
static inline double
trust_overall(const Trust *trust, uint32 actor)
{
	static const TowardsTarget nothing;

	return trust_towards(trust, actor, &nothing);
}

#endif							/* INFLUENCE_TRUST_H */
