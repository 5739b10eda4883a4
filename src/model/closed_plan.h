/*
 * Which days of a model are used in a run, and which go: between closed_plan.c, which
 * decides that (closed_days_plan), and closed_days.c, which does it.
 */
#ifndef INFLUENCE_CLOSED_PLAN_H
#define INFLUENCE_CLOSED_PLAN_H

#include "postgres.h"

#include "executor/spi.h"

#include "model/closed_days.h"
#include "model/day_rows.h"
#include "model/model.h"

/* A day that is kept */
typedef struct KeptDay
{
	int64		id;
	int			source;			/* index into Model.sources */
	int			day;
	bool		complete;
	bool		valid;
	bool		used;
	TimestampTz earliest_reaction;
} KeptDay;

struct ClosedDays
{
	Model	   *model;
	TimestampTz as_of;
	double		window_start;	/* rows before it do not count; below every day: none */
	DayRange	range;			/* days that may be closed now */
	int			used_end;		/* first day that is not over by as-of */
	uint64	   *fingerprints;	/* by source */
	KeptDay    *kept;			/* by source and day */
	uint64		kept_count;
	int64	   *invalidations;	/* their numbers */
	int			invalidation_count;
	int64	   *gone;			/* numbers of days to delete */
	uint64		gone_count;
	uint32		people;			/* stored */
	bool		any_valid;
};

extern bool closed_any_incremental(const Model *model);
extern int	closed_find_source(const Model *model, const char *name);

/*
 * A column of a row of the last query
 */
static inline Datum
closed_column(uint64 row, int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, isnull);
}

static inline Source *
closed_source(const ClosedDays *closed, int source)
{
	return list_nth(closed->model->sources, source);
}

/*
 * Do only standing rows of a day count?
 */
static inline bool
closed_before_window(const ClosedDays *closed, int day)
{
	return (double) (day + 1) * USECS_PER_DAY <= closed->window_start;
}

/*
 * Can a kept day stand for the rows of that day?
 */
static inline bool
closed_usable(const ClosedDays *closed, const KeptDay *kept)
{
	return kept->valid && kept->day < closed->used_end && kept->day != closed->range.except &&
		(kept->complete || closed_before_window(closed, kept->day));
}

#endif							/* INFLUENCE_CLOSED_PLAN_H */
