/*
 * Rows of single days of a source, in a form that any later refresh can use:
 * nothing in them depends on as-of.
 */
#ifndef INFLUENCE_DAY_ROWS_H
#define INFLUENCE_DAY_ROWS_H

#include "postgres.h"

#include "model/ingest.h"

/*
 * Rows of one actor and signal towards one target, as Interaction. Ages, here and
 * in the records below, are before the end of the day.
 */
typedef struct DayInteraction
{
	uint32		target;
	uint32		actor;			/* NOBODY for role authority */
	uint64		age:43;			/* of the last row, microseconds */
	uint64		more_rows:8;	/* number of rows less one */
	uint64		signal:12;
	uint64		negative:1;
	double		multiplier;
} DayInteraction;

/* What a row says of its target, but for the weight of its signal */
typedef struct DaySentiment
{
	uint32		target;
	uint32		signal;
	double		value;			/* as of the end of the day; hostile below 0, friendly above */
} DaySentiment;

/* An actor whose row has no place for one, having role authority */
typedef struct DayActivity
{
	uint32		person;
	uint32		unused;
	uint64		age;
} DayActivity;

/* Kinds of records; all of them begin with the number of a person */
typedef enum DayKind
{
	DAY_INTERACTIONS,			/* of DayInteraction */
	DAY_ANONYMOUS,				/* of AnonymousCount, whose place is the target */
	DAY_SHARES,					/* of PostEvent, as before */
	DAY_POSTS,					/* of PostEvent, as before */
	DAY_SENTIMENT,				/* of DaySentiment */
	DAY_ACTIVITY				/* of DayActivity */
} DayKind;

#define DAY_KIND_COUNT	(DAY_ACTIVITY + 1)

/* Rows of one day of one source */
typedef struct DayRows
{
	int			source;			/* index into Model.sources */
	int			day;
	TimestampTz end;			/* of the day */
	uint64		rows;			/* that were added */
	TimestampTz earliest_reaction;	/* DT_NOEND when there is none */
	RecordLog  *logs;			/* by network, then kind */
} DayRows;

/* Which days there can be; numbers of days count from 2000-01-01, UTC */
typedef struct DayRange
{
	int			first;
	int			end;			/* not one of them */
	int			except;			/* nor is this; below first: none */
} DayRange;

/* Rows of many days of the sources of a model */
typedef struct DaySet
{
	MemoryContext context;
	DayRange	range;
	int			source_count;
	int			network_count;
	DayRows   **days;			/* by source, then day; NULL: no rows */
} DaySet;

extern int	day_of_time(TimestampTz at);
extern DaySet *day_set_create(const Model *model, DayRange range);
extern DayRows *day_set_rows(DaySet *set, int source, int day);
extern void day_set_spill(DaySet *set, SpillFile *file);
extern RecordLog *day_log(const DaySet *set, const DayRows *rows, int network, DayKind kind);
extern Size day_record_size(DayKind kind);
extern bool day_kind_has_actor(DayKind kind);
extern void day_rows_free(DaySet *set, DayRows *rows);

extern void day_records_merge(const Model *model, DayInteraction *records, uint64 *count);

extern void day_records_check(const Ingest *ingest, int network, DayKind kind, const char *records, uint64 count);
extern uint64 day_records_replay(Ingest *ingest, int day, bool standing_only, int network, DayKind kind,
								 const char *records, uint64 count);

/*
 * Rows of the day in which a moment lies; NULL when it is out of range
 */
static inline DayRows *
day_set_find(DaySet *set, int source, TimestampTz at)
{
	int			day;

	/* the range ends before the numbers of days do */
	if (at >= (TimestampTz) set->range.end * USECS_PER_DAY ||
		at < (TimestampTz) set->range.first * USECS_PER_DAY)
		return NULL;
	day = day_of_time(at);
	return day == set->range.except ? NULL : day_set_rows(set, source, day);
}

#endif							/* INFLUENCE_DAY_ROWS_H */
