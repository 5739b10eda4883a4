/*
 * Source rows become compact records, by network and partition of the target.
 *
 * People are dense numbers, in the order in which the rows bring them. A row
 * that does not count is counted by the reason why.
 */
#ifndef INFLUENCE_INGEST_H
#define INFLUENCE_INGEST_H

#include "postgres.h"

#include "intern.h"
#include "math/prefetch.h"
#include "memory.h"
#include "model/model.h"
#include "model/partition.h"
#include "model/record_log.h"
#include "model/signal_table.h"

/* Bytes of a person besides the id, in the phase that needs most of them */
#define BYTES_PER_PERSON	296

/* More than this is no weight but a mistake, and sums of it would overflow */
#define MAX_ROW_WEIGHT	1e12

/*
 * Longest id of a target, compressed as indexes do it: with a network and a kind of some
 * hundred bytes it fits into one
 */
#define MAX_ID_BYTES	2000

/* Actor of a row that has none */
#define NOBODY	PG_UINT32_MAX

/* What a record knows of its row besides the people */
typedef struct Stamp
{
	uint64		age:51;			/* microseconds before as-of, capped at 71 years */
	uint64		signal:12;		/* index into Model.signals */
	uint64		negative:1;		/* sentiment below 0 */
} Stamp;

#define MAX_AGE			((UINT64CONST(1) << 51) - 1)
#define MAX_SIGNALS		(1 << 12)

/*
 * Rows of one actor and signal towards one target, mostly a single one: engaging
 * roles, follow, and authority, which has no actor
 */
typedef struct Interaction
{
	uint32		place_and_rows; /* place of the target, number of rows less one */
	uint32		actor;			/* NOBODY for role authority */
	Stamp		stamp;			/* of the last row */
	double		multiplier;		/* weight of the row, times 1 + min(sentiment, 0);
								 * earlier rows decayed to the last one's time */
} Interaction;

/* Most rows have the multiplier 1, and are kept without it */
#define PLAIN_INTERACTION_BYTES	offsetof(Interaction, multiplier)

#define PLACE_MASK	((UINT32_C(1) << PLACE_BITS) - 1)
#define MAX_INTERACTION_ROWS	(UINT32_C(1) << (32 - PLACE_BITS))

/* A row that brings a count of people instead of an actor */
typedef struct AnonymousCount
{
	uint32		place;			/* of the target */
	uint32		unused;
	Stamp		stamp;
	double		people;
	double		influence_part; /* 1 + min(sentiment, 0) */
} AnonymousCount;

/* One post, or one sharing of a post by an actor */
typedef struct PostEvent
{
	uint32		place;			/* of the target */
	uint32		actor;			/* NOBODY for the post itself */
	uint64		post;			/* hash of the post's id, 0 when the row names none */
	Stamp		stamp;
	double		weight;			/* weight of the row */
} PostEvent;

/* Kinds of records; all of them begin with the target's place */
typedef enum RowKind
{
	ROWS_PLAIN,					/* of Interaction, without its multiplier */
	ROWS_INTERACTIONS,			/* of Interaction */
	ROWS_ANONYMOUS,				/* of AnonymousCount */
	ROWS_SHARES,				/* of PostEvent */
	ROWS_POSTS					/* of PostEvent */
} RowKind;

#define ROW_KIND_COUNT	(ROWS_POSTS + 1)

/* Rows whose targets are of one partition of one network */
typedef struct RowPartition
{
	RecordLog	logs[ROW_KIND_COUNT];
} RowPartition;

/* Rows of one network, in a memory context that goes when they are used up */
typedef struct NetworkRows
{
	MemoryContext context;
	RecordArea *area;			/* where logs grow; NULL: in context */
	RowPartition *partitions;	/* PARTITION_COUNT; NULL while there are no rows */
} NetworkRows;

static inline uint32
interaction_place(const Interaction *interaction)
{
	return interaction->place_and_rows & PLACE_MASK;
}

static inline uint32
interaction_rows(const Interaction *interaction)
{
	return (interaction->place_and_rows >> PLACE_BITS) + 1;
}

/* Decayed value of what somebody received, by what it said */
typedef struct Sentiment
{
	double		hostile;		/* notoriety */
	double		friendly;
} Sentiment;

/* Why a row does not count */
typedef enum IgnoreReason
{
	IGNORE_NULL_TARGET,
	IGNORE_NULL_TIME,
	IGNORE_NO_SIGNAL,
	IGNORE_BAD_TIME,
	IGNORE_BAD_WEIGHT,
	IGNORE_BAD_SENTIMENT,
	IGNORE_FUTURE,
	IGNORE_OUTSIDE_WINDOW,
	IGNORE_ZERO_WEIGHT,
	IGNORE_SELF,
	IGNORE_BAD_TARGET,
	IGNORE_NOT_SCORED,
	IGNORE_HIDDEN_ACTOR,
	IGNORE_UNLINKED_ACCOUNT
} IgnoreReason;

#define IGNORE_REASON_COUNT	(IGNORE_UNLINKED_ACCOUNT + 1)

typedef struct AccountTable AccountTable;

typedef struct Ingest
{
	const Model *model;
	TimestampTz as_of;
	MemoryContext context;
	SignalTable *signals;
	InternTable *people;
	AccountTable *accounts;		/* NULL where no source names accounts */
	NetworkRows *networks;		/* model->network_count of them */
	RecordArea *area;			/* with what is shared with other processes; or NULL */
	Size		memory_limit;	/* of context and area, in bytes; beyond it, rows go to the file */
	SpillFile  *spill;
	TimestampTz earliest_reaction;	/* DT_NOEND when there is none */
	struct DaySet *days;		/* rows that are kept for later refreshes, too; or NULL */

	uint32		person_capacity;	/* length of the arrays below */
	TimestampTz *last_active_at;	/* by person; DT_NOBEGIN: never */
	Sentiment  *sentiment;		/* by person; NULL: no row had any */
	uint8	   *privacy;		/* PrivacyRule by person; NULL: none for anybody */

	uint64		rows_read;
	uint64		rows_kept;		/* that count, from closed days */
	uint64		rows_ignored[IGNORE_REASON_COUNT];
} Ingest;

extern Ingest *ingest_create(const Model *model, TimestampTz as_of, SpillFile *spill,
							 Size memory_limit);
extern void ingest_leave_area(Ingest *ingest);
extern void ingest_leave_area_for_file(Ingest *ingest);
extern uint32 ingest_person(Ingest *ingest, Datum id);
extern uint32 ingest_stranger(Ingest *ingest);
extern bool ingest_refuses_target(Ingest *ingest, const char *source, uint32 target, uint64 rows);
extern void ingest_add_sentiment(Ingest *ingest, uint32 person, Sentiment sentiment);
extern NetworkRows *network_rows_create(int count, MemoryContext parent, RecordArea *area);
extern void network_rows_partition(NetworkRows *rows);
extern void network_rows_free(NetworkRows *rows);
extern uint64 network_rows_chunks(const NetworkRows *networks, int network_count);
extern Size ingest_record_size(RowKind kind);
extern uint64 ingest_count(const Ingest *ingest, int network, RowKind kind);
extern void ingest_spill(Ingest *ingest);
extern void ingest_check_people(const Ingest *ingest, bool all_read);
extern void ingest_limit_memory(Ingest *ingest);
extern bool ingest_over_limit(const Ingest *ingest);
extern void ingest_limit_relieved(Ingest *ingest);
extern bool ingest_has_room(const Ingest *ingest, Size bytes);
extern const char *ignore_reason_name(IgnoreReason reason);

/*
 * The log of a kind of records
 */
static inline RecordLog *
network_log(NetworkRows *rows, uint32 partition, RowKind kind)
{
	if (unlikely(rows->partitions == NULL))
		network_rows_partition(rows);
	return &rows->partitions[partition].logs[kind];
}

static inline RecordLog *
ingest_log(Ingest *ingest, int network, uint32 partition, RowKind kind)
{
	return network_log(&ingest->networks[network], partition, kind);
}

/*
 * The person acted at the time of the row
 */
static inline void
ingest_note_activity(Ingest *ingest, uint32 person, TimestampTz at)
{
	if (at > ingest->last_active_at[person])
		ingest->last_active_at[person] = at;
}

/*
 * Room for a record about a target, whose place is set
 */
static inline void *
ingest_append(Ingest *ingest, int network, uint32 target, RowKind kind)
{
	uint32	   *record = record_log_append(ingest_log(ingest, network, partition_of(target), kind));

	*record = place_of(target);
	return record;
}

/*
 * Add an interaction
 *
 * actor: NOBODY for role authority. rows: 1 to MAX_INTERACTION_ROWS.
 */
static inline void
ingest_append_interaction(Ingest *ingest, int network, uint32 target, uint32 actor,
						  Stamp stamp, uint32 rows, double multiplier)
{
	RowKind		kind = multiplier == 1 ? ROWS_PLAIN : ROWS_INTERACTIONS;
	Interaction *record = ingest_append(ingest, network, target, kind);

	record->place_and_rows |= (rows - 1) << PLACE_BITS;
	record->actor = actor;
	record->stamp = stamp;
	if (kind == ROWS_INTERACTIONS)
		record->multiplier = multiplier;
}

/*
 * Ask for what is known of a person
 */
static inline void
ingest_prefetch_person(const Ingest *ingest, uint32 person)
{
	prefetch(&ingest->last_active_at[person]);
	if (ingest->sentiment != NULL)
		prefetch(&ingest->sentiment[person]);
}

static inline Sentiment
ingest_sentiment(const Ingest *ingest, uint32 person)
{
	return ingest->sentiment == NULL ? (Sentiment) {0, 0} : ingest->sentiment[person];
}

static inline PrivacyRule
ingest_privacy(const Ingest *ingest, uint32 person)
{
	return ingest->privacy == NULL ? PRIVACY_NONE : (PrivacyRule) ingest->privacy[person];
}

#endif							/* INFLUENCE_INGEST_H */
