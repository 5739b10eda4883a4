/*
 * Reciprocity: what is given back counts less.
 */
#ifndef INFLUENCE_RECIPROCITY_H
#define INFLUENCE_RECIPROCITY_H

#include "postgres.h"

#include "math/prefetch.h"
#include "model/edges.h"
#include "model/record_log.h"

/* What one person gave another that can be traded: not conversational */
typedef struct TradedValue
{
	uint32		place;			/* of the person in whose partition this is */
	uint32		other;			/* the other person */
	double		value;
} TradedValue;

typedef struct Reciprocity
{
	MemoryContext context;
	double		discount;		/* 0: none, and nothing is kept */
	uint64	   *filter;			/* bits of the pairs (actor, target) that exist */
	uint64		region_mask;	/* bits for the actors of one partition, less one */
	RecordLog	received[PARTITION_COUNT];	/* of TradedValue, by partition of the target */
	RecordLog	given[PARTITION_COUNT]; /* of TradedValue, by partition of the actor */
} Reciprocity;

extern Reciprocity *reciprocity_create(double discount, uint64 rows, MemoryContext parent);
extern void reciprocity_destroy(Reciprocity *reciprocity);
extern void reciprocity_note(Reciprocity *reciprocity, uint32 actor, uint32 target, double value);
extern void reciprocity_apply(Reciprocity *reciprocity, uint32 partition, EdgePartition *edges,
							  MemoryContext context);
extern void reciprocity_spill(Reciprocity *reciprocity, SpillFile *file);

/*
 * Bit of a pair in the filter: all pairs of a partition's actors are in one region
 */
static inline uint64
reciprocity_bit(const Reciprocity *reciprocity, uint32 actor, uint32 target)
{
	uint64		bits = ((uint64) actor << 32) | target;

	/* finaliser of MurmurHash3 */
	bits ^= bits >> 33;
	bits *= UINT64CONST(0xff51afd7ed558ccd);
	bits ^= bits >> 33;
	return partition_of(actor) * (reciprocity->region_mask + 1) + (bits & reciprocity->region_mask);
}

/*
 * Length of the filter
 */
static inline uint64
reciprocity_filter_words(const Reciprocity *reciprocity)
{
	return reciprocity->filter == NULL ? 0 : (reciprocity->region_mask + 1) * PARTITION_COUNT / 64;
}

/*
 * The actor did something tradable towards the target
 */
static inline void
reciprocity_announce(Reciprocity *reciprocity, uint32 actor, uint32 target)
{
	uint64		bit = reciprocity_bit(reciprocity, actor, target);

	reciprocity->filter[bit >> 6] |= UINT64CONST(1) << (bit & 63);
}

/*
 * The same will be announced soon, or its reverse noted
 */
static inline void
reciprocity_prefetch(const Reciprocity *reciprocity, uint32 actor, uint32 target)
{
	if (reciprocity->discount > 0)
		prefetch_to_write(&reciprocity->filter[reciprocity_bit(reciprocity, actor, target) >> 6]);
}

#endif							/* INFLUENCE_RECIPROCITY_H */
