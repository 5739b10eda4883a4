/*
 * Reciprocity: who gives back what, of what can be traded.
 */
#ifndef INFLUENCE_RECIPROCITY_H
#define INFLUENCE_RECIPROCITY_H

#include "postgres.h"

#include "port/atomics.h"

#include "math/prefetch.h"
#include "model/clock.h"
#include "model/ingest.h"
#include "model/record_log.h"
#include "model/trust.h"

/* What one person gave another, of what can be traded */
typedef struct Gift
{
	uint32		place;			/* of the person in whose partition this is */
	uint32		other;			/* the other person */
	double		value;			/* decayed */
	uint64		amount;			/* in thousandths, and not decayed */
} Gift;

/* A pair of people who gave something to each other */
typedef struct Exchange
{
	uint32		place;			/* of the target */
	uint32		actor;
	double		returned;		/* decayed value of what the target gave to the actor */
	uint64		traded;			/* how much of what the actor gave counts as traded */
} Exchange;

typedef struct Reciprocity
{
	MemoryContext context;
	bool		matters;		/* else nothing is kept */
	pg_atomic_uint64 *filter;	/* bits of the pairs (actor, target) that exist; NULL
								 * when nobody asks any more */
	bool		shared;			/* other processes announce pairs there, too */
	uint64		region_mask;	/* words for the actors of one partition, less one */
	RecordLog	received[PARTITION_COUNT];	/* of Gift, by partition of the target */
	RecordLog	given[PARTITION_COUNT]; /* of Gift, by partition of the actor */
	RecordLog	exchanges[PARTITION_COUNT]; /* by partition of the target; by place and actor */
} Reciprocity;

extern Reciprocity *reciprocity_create(const Model *model, uint64 rows, RecordArea *area, MemoryContext parent);
extern void reciprocity_clear_filter(pg_atomic_uint64 *filter, uint64 words);
extern void reciprocity_begin(Reciprocity *reciprocity, pg_atomic_uint64 *shared_filter);
extern void reciprocity_destroy(Reciprocity *reciprocity);
extern void reciprocity_note(Reciprocity *reciprocity, Ingest *ingest, int network, uint32 partition,
							 const PartitionClocks *clocks, uint32 place_count);
extern void reciprocity_end_notes(Reciprocity *reciprocity);
extern void reciprocity_match(Reciprocity *reciprocity, uint32 partition, uint32 place_count,
							  ActorHabits *habits);
extern void reciprocity_spill(Reciprocity *reciprocity, SpillFile *file);

/*
 * Does anything depend on what is given back?
 */
static inline bool
reciprocity_matters(const Reciprocity *reciprocity)
{
	return reciprocity->matters;
}

/*
 * What a row adds to what its actor gave that can be traded, in thousandths
 */
static inline uint64
tradable_amount(const Model *model, const Interaction *row)
{
	return row->stamp.negative ? 0 :
		(uint64) interaction_rows(row) * model->signals[row->stamp.signal].tradable_amount;
}

/* Where a pair is in the filter: bits of a word */
typedef struct FilterPlace
{
	uint64		word;
	uint64		bits;
} FilterPlace;

/*
 * Two bits of one word, as in a blocked Bloom filter (Putze, Sanders and Singler 2007),
 * so that one access tells; all pairs of a partition's actors are in one region
 */
static inline FilterPlace
reciprocity_place(const Reciprocity *reciprocity, uint32 actor, uint32 target)
{
	uint64		hash = ((uint64) actor << 32) | target;

	/* finaliser of MurmurHash3 */
	hash ^= hash >> 33;
	hash *= UINT64CONST(0xff51afd7ed558ccd);
	hash ^= hash >> 33;
	hash *= UINT64CONST(0xc4ceb9fe1a85ec53);
	hash ^= hash >> 33;
	return (FilterPlace)
	{
		.word = partition_of(actor) * (reciprocity->region_mask + 1) + (hash & reciprocity->region_mask),
		.bits = (UINT64CONST(1) << (hash >> 58)) | (UINT64CONST(1) << (hash >> 52 & 63))
	};
}

/*
 * Length of the filter
 */
static inline uint64
reciprocity_filter_words(const Reciprocity *reciprocity)
{
	return (reciprocity->region_mask + 1) * PARTITION_COUNT;
}

/*
 * The actor did something tradable towards the target
 */
static inline void
reciprocity_announce(Reciprocity *reciprocity, uint32 actor, uint32 target)
{
	FilterPlace place = reciprocity_place(reciprocity, actor, target);
	pg_atomic_uint64 *word = &reciprocity->filter[place.word];
	uint64		bits = pg_atomic_read_u64(word);

	if ((bits & place.bits) == place.bits)
		return;
	if (reciprocity->shared)
		pg_atomic_fetch_or_u64(word, place.bits);
	else
		pg_atomic_write_u64(word, bits | place.bits);
}

/*
 * Was that announced? Sometimes yes for what was not
 */
static inline bool
reciprocity_announced(const Reciprocity *reciprocity, uint32 actor, uint32 target)
{
	FilterPlace place = reciprocity_place(reciprocity, actor, target);

	return (pg_atomic_read_u64(&reciprocity->filter[place.word]) & place.bits) == place.bits;
}

/*
 * The same will be announced soon, or asked for
 */
static inline void
reciprocity_prefetch(const Reciprocity *reciprocity, uint32 actor, uint32 target)
{
	if (reciprocity_matters(reciprocity))
		prefetch_to_write(&reciprocity->filter[reciprocity_place(reciprocity, actor, target).word]);
}

#endif							/* INFLUENCE_RECIPROCITY_H */
