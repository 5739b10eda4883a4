/*
 * Which days of incremental sources are taken from what is kept, and which are read.
 *
 *             window starts                                  as-of
 *   ------------|-----------------------------------------------|--->
 *   |  kept  | split |  kept  | read |     kept      |  open  |
 *    standing          all      was     all            always
 *    rows              rows     invalidated            read
 *
 * A day (UTC) of a source is over when it ended closing_delay before the refresh, and
 * as much before the start of every transaction that is still running, whose rows
 * nobody sees yet.
 *
 * A kept day is used when nothing about it can have changed: it is not in the
 * range of an invalidation, and was read under the same configuration
 * (source_fingerprint.c). It must lie on one side of the window's start, since of merged
 * rows only the last one's time is known; of a day before the window, only
 * standing rows count, and no others stay.
 */
#include "compat.h"

#include <math.h>

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "model/closed_plan.h"
#include "model/source_fingerprint.h"

/* Days further back are read each time; ages of records end at 71 years */
#define MOST_DAYS	25550

/* Kept days are used in so many pieces, between which there are gaps to read */
#define MOST_PIECES	8

static void
select_of_model(const char *sql, const Model *model)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1];

	values[0] = CStringGetTextDatum(model->ref.name);
	if (SPI_execute_with_args(sql, 1, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "reading the closed days of model \"%s\" failed", model->ref.name);
}

/*
 * Take the fingerprints of the sources. Whose rows are chosen by policies is read whole.
 */
static void
take_fingerprints(ClosedDays *closed)
{
	List	   *sources = closed->model->sources;
	ListCell   *lc;

	closed->fingerprints = palloc0(sizeof(uint64) * (list_length(sources) + 1));
	foreach(lc, sources)
	{
		Source	   *source = lfirst(lc);
		bool		by_policy;

		if (!source->incremental)
			continue;
		closed->fingerprints[foreach_current_index(lc)] = source_fingerprint(closed->model, source, &by_policy);
		source->incremental = !by_policy;
	}
}

/*
 * Is any source incremental?
 */
bool
closed_any_incremental(const Model *model)
{
	ListCell   *lc;

	foreach(lc, model->sources)
		if (((Source *) lfirst(lc))->incremental)
			return true;
	return false;
}

/*
 * Index of a source by its name; -1: there is none
 */
int
closed_find_source(const Model *model, const char *name)
{
	ListCell   *lc;

	foreach(lc, model->sources)
		if (strcmp(((Source *) lfirst(lc))->name, name) == 0)
			return foreach_current_index(lc);
	return -1;
}

/*
 * A day has ended by a moment, which may be out of the range of days
 */
static int
days_before(double at)
{
	return (int) Max(Min(floor(at / USECS_PER_DAY), PG_INT32_MAX / 2), PG_INT32_MIN / 2);
}

/*
 * Find out which days could be closed, and which of them the window splits
 *
 * settled_before: what happened before is in the sources by now.
 */
static void
set_range(ClosedDays *closed, ClosedDaysUse use, TimestampTz settled_before)
{
	const Model *model = closed->model;
	double		last = days_before((double) settled_before - model->closing_delay);
	int			split;

	closed->used_end = days_before((double) closed->as_of);
	closed->range.first = closed->used_end - MOST_DAYS;
	closed->range.end = Min((int) last, closed->used_end);
	if (use == CLOSED_DAYS_IGNORE || closed->range.end < closed->range.first)
		closed->range.end = closed->range.first;

	closed->window_start = model->time_window > 0 ? (double) closed->as_of - model->time_window :
		(double) (closed->range.first - 1) * USECS_PER_DAY;
	split = days_before(closed->window_start);
	closed->range.except = (double) split * USECS_PER_DAY < closed->window_start ? split : PG_INT32_MIN;
}

/*
 * Load the list of kept days
 */
static void
load_kept(ClosedDays *closed, ClosedDaysUse use, MemoryContext context)
{
	select_of_model("SELECT d.day_id, d.source, d.day, d.fingerprint, d.complete, d.earliest_reaction "
					"FROM influence.closed_days AS d WHERE d.model OPERATOR(pg_catalog.=) $1 "
					"ORDER BY d.source COLLATE \"C\", d.day", closed->model);
	closed->kept_count = SPI_processed;
	closed->kept = MemoryContextAllocZero(context, sizeof(KeptDay) * (SPI_processed + 1));
	closed->gone = MemoryContextAllocHuge(context, sizeof(int64) * (SPI_processed + 1));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		KeptDay    *kept = &closed->kept[i];
		bool		isnull;
		Datum		earliest;

		kept->id = DatumGetInt64(closed_column(i, 1, &isnull));
		kept->source = closed_find_source(closed->model, TextDatumGetCString(closed_column(i, 2, &isnull)));
		kept->day = DatumGetDateADT(closed_column(i, 3, &isnull));
		kept->valid = use != CLOSED_DAYS_REBUILD && kept->source >= 0 &&
			closed_source(closed, kept->source)->incremental && kept->day >= closed->range.first &&
			DatumGetInt64(closed_column(i, 4, &isnull)) == (int64) closed->fingerprints[kept->source];
		kept->complete = DatumGetBool(closed_column(i, 5, &isnull));
		earliest = closed_column(i, 6, &isnull);
		kept->earliest_reaction = isnull ? DT_NOEND : DatumGetTimestampTz(earliest);
	}
}

/*
 * Does a range of time touch a day? -infinity and infinity are the ends of what
 * TimestampTz can hold
 */
static bool
touches(TimestampTz since, TimestampTz until, int day)
{
	return since < (TimestampTz) (day + 1) * USECS_PER_DAY && until > (TimestampTz) day * USECS_PER_DAY;
}

/*
 * Take the invalidations that there are, and apply them
 */
static void
load_invalidations(ClosedDays *closed, MemoryContext context)
{
	select_of_model("SELECT i.invalidation_id, i.source, i.since, i.until FROM influence.invalidations AS i "
					"WHERE i.model OPERATOR(pg_catalog.=) $1", closed->model);
	closed->invalidation_count = SPI_processed;
	closed->invalidations = MemoryContextAllocHuge(context, sizeof(int64) * (SPI_processed + 1));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		all_sources;
		bool		isnull;
		Datum		name = closed_column(i, 2, &all_sources);
		int			source = all_sources ? -1 : closed_find_source(closed->model, TextDatumGetCString(name));
		TimestampTz since = DatumGetTimestampTz(closed_column(i, 3, &isnull));
		TimestampTz until = DatumGetTimestampTz(closed_column(i, 4, &isnull));

		CHECK_FOR_INTERRUPTS();
		closed->invalidations[i] = DatumGetInt64(closed_column(i, 1, &isnull));
		for (uint64 j = 0; j < closed->kept_count; j++)
			if ((all_sources || closed->kept[j].source == source) && touches(since, until, closed->kept[j].day))
				closed->kept[j].valid = false;
	}
}

/* Used days of a source without a gap: numbers in ClosedDays.kept */
typedef struct Piece
{
	uint64		first;
	uint64		end;
} Piece;

/*
 * The pieces of a source whose kept days are numbers first to before end
 */
static Piece *
find_pieces(ClosedDays *closed, uint64 first, uint64 end, int *piece_count)
{
	Piece	   *pieces = palloc(sizeof(Piece) * (end - first + 1));

	*piece_count = 0;
	for (uint64 i = first; i < end; i++)
	{
		if (!closed_usable(closed, &closed->kept[i]))
			continue;
		closed->kept[i].used = true;
		if (i == first || !closed->kept[i - 1].used || closed->kept[i - 1].day + 1 != closed->kept[i].day)
			pieces[(*piece_count)++].first = i;
		pieces[*piece_count - 1].end = i + 1;
	}
	return pieces;
}

/*
 * Read the days of the shortest pieces again, so that the source is read in a few
 * ranges only
 */
static void
drop_pieces(ClosedDays *closed, Piece *pieces, int *piece_count)
{
	while (*piece_count > MOST_PIECES)
	{
		int			shortest = 0;

		for (int i = 1; i < *piece_count; i++)
			if (pieces[i].end - pieces[i].first < pieces[shortest].end - pieces[shortest].first)
				shortest = i;
		for (uint64 i = pieces[shortest].first; i < pieces[shortest].end; i++)
			closed->kept[i].used = false;
		memmove(&pieces[shortest], &pieces[shortest + 1], sizeof(Piece) * (*piece_count - shortest - 1));
		(*piece_count)--;
	}
}

/*
 * Choose the days of a source that are used, and so what is read of it
 */
static void
set_ranges(ClosedDays *closed, int number, uint64 first, uint64 end, MemoryContext context)
{
	Source	   *source = closed_source(closed, number);
	int			piece_count;
	Piece	   *pieces = find_pieces(closed, first, end, &piece_count);
	TimestampTz since = DT_NOBEGIN;

	drop_pieces(closed, pieces, &piece_count);
	if (piece_count == 0)
		return;
	source->ranges = MemoryContextAlloc(context, sizeof(TimeRange) * (piece_count + 1));
	for (int i = 0; i < piece_count; i++)
	{
		source->ranges[i].since = since;
		source->ranges[i].until = (TimestampTz) closed->kept[pieces[i].first].day * USECS_PER_DAY;
		since = (TimestampTz) (closed->kept[pieces[i].end - 1].day + 1) * USECS_PER_DAY;
	}
	source->ranges[piece_count].since = since;
	source->ranges[piece_count].until = DT_NOEND;
	source->range_count = piece_count + 1;
}

/*
 * Choose the days that are used, and those that go
 */
static void
choose_days(ClosedDays *closed, MemoryContext context)
{
	uint64		end;

	for (uint64 first = 0; first < closed->kept_count; first = end)
	{
		int			source = closed->kept[first].source;

		for (end = first + 1; end < closed->kept_count && closed->kept[end].source == source;)
			end++;
		if (source >= 0)
			set_ranges(closed, source, first, end, context);
	}
	for (uint64 i = 0; i < closed->kept_count; i++)
	{
		if (closed->kept[i].valid)
			closed->any_valid = true;
		else
			closed->gone[closed->gone_count++] = closed->kept[i].id;
	}
}

/*
 * Decide what is read of the sources of a model and what is taken from closed
 * days; NULL when everything is read and there is nothing to keep
 *
 * Sets the ranges of the sources, and which of them are incremental this time.
 * settled_before: start of the oldest transaction that ran before the active snapshot
 * was taken.
 */
ClosedDays *
closed_days_plan(Model *model, TimestampTz as_of, ClosedDaysUse use, TimestampTz settled_before)
{
	MemoryContext context = CurrentMemoryContext;
	ClosedDays *closed;

	/* of merged rows only the last one's time is known, and a clock may have stood still before it */
	if (use == CLOSED_DAYS_IGNORE || model->inactivity_policy != INACTIVITY_DECAY)
		return NULL;
	closed = palloc0(sizeof(ClosedDays));
	closed->model = model;
	closed->as_of = as_of;
	set_range(closed, use, settled_before);
	take_fingerprints(closed);

	SPI_connect();
	load_kept(closed, use, context);
	load_invalidations(closed, context);
	choose_days(closed, context);
	SPI_finish();
	return closed_any_incremental(model) || closed->kept_count > 0 || closed->invalidation_count > 0 ? closed : NULL;
}
