/*
 * Source rows become compact records, by network.
 *
 * People are dense numbers, in the order in which the rows bring them. A row
 * that does not count is counted by the reason why.
 */
#ifndef INFLUENCE_INGEST_H
#define INFLUENCE_INGEST_H

#include "postgres.h"

#include "intern.h"
#include "model/model.h"
#include "model/record_log.h"
#include "model/signal_table.h"

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

/* More than this is no weight but a mistake, and sums of it would overflow */
#define MAX_ROW_WEIGHT	1e12

/*
 * A row of an engaging role or follow with an actor, or of role authority; or a
 * group of such rows, which are alike in all but time and weight
 */
typedef struct Interaction
{
	uint32		target;
	uint32		actor;			/* NOBODY for role authority */
	Stamp		stamp;			/* of a group: of its last row */
	double		multiplier;		/* weight of the row, times 1 + min(sentiment, 0); of a group:
								 * the sum, each decayed to the stamp's time */
	uint32		rows;			/* 1 to MAX_RECORD_ROWS */
} Interaction;

/* A larger group is several records, all but the first with the multiplier 0 */
#define MAX_RECORD_ROWS	PG_UINT16_MAX

/* A row that brings a count of people instead of an actor */
typedef struct AnonymousCount
{
	Stamp		stamp;
	double		people;
	double		influence_part; /* 1 + min(sentiment, 0) */
	uint32		target;
} AnonymousCount;

/* One post, or one sharing of a post by an actor */
typedef struct PostEvent
{
	uint32		target;
	uint32		actor;			/* NOBODY for the post itself */
	uint64		post;			/* hash of the post's id, 0 when the row names none */
	Stamp		stamp;
	double		weight;			/* weight of the row */
} PostEvent;

/* Rows of one network, in a memory context that can go when they are used up */
typedef struct NetworkRows
{
	MemoryContext context;
	RecordLog	interactions;	/* of Interaction */
	RecordLog	anonymous;		/* of AnonymousCount */
	RecordLog	shares;			/* of PostEvent */
	RecordLog	posts;			/* of PostEvent */
} NetworkRows;

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
	IGNORE_SELF
} IgnoreReason;

#define IGNORE_REASON_COUNT	(IGNORE_SELF + 1)

typedef struct Ingest
{
	const Model *model;
	TimestampTz as_of;
	MemoryContext context;
	SignalTable *signals;
	InternTable *people;
	NetworkRows *networks;		/* model->network_count of them */
	TimestampTz earliest_reaction;	/* DT_NOEND when there is none */

	uint32		person_capacity;	/* length of the arrays below */
	TimestampTz *last_active_at;	/* by person; DT_NOBEGIN: never */
	double	   *notoriety;		/* by person */

	uint64		rows_read;
	uint64		rows_ignored[IGNORE_REASON_COUNT];
} Ingest;

extern Ingest *ingest_run(const Model *model, TimestampTz as_of);
extern const char *ignore_reason_name(IgnoreReason reason);

#endif							/* INFLUENCE_INGEST_H */
