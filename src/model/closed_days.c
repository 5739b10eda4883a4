/*
 * Days of incremental sources that are over, and kept.
 *
 *             window starts                                  as-of
 *   ------------|-----------------------------------------------|--->
 *   |  kept  | split |  kept  | read |     kept      |  open  |
 *    standing          all      was     all            always
 *    rows              rows     invalidated            read
 *
 * A day (UTC) of a source is closed by the first refresh that reads it when it is
 * over: its rows go to the tables closed_records and closed_people and are taken
 * from there from then on. Over means that it ended closing_delay before the
 * refresh, and as much before the start of every transaction that is still
 * running, whose rows nobody sees yet.
 *
 * A kept day is used when nothing about it can have changed: it is not in the
 * range of an invalidation, and was read under the same configuration
 * (fingerprint). It must lie on one side of the window's start, since of merged
 * rows only the last one's time is known; of a day before the window, only
 * standing rows count, and no others stay.
 *
 * Invalidations are taken and deleted by number, so that one that is committed
 * while the refresh runs is left to the next. One refresh of a model runs at a
 * time (refresh.c), and all of this is in its transaction.
 */
#include "compat.h"

#include <math.h>

#include "catalog/pg_type_d.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "influence.h"
#include "memory.h"
#include "model/closed_days.h"
#include "model/closed_state.h"
#include "model/day_rows.h"
#include "model/progress.h"
#include "model/source.h"

/* Version of the form in which days are kept */
#define STATE_VERSION	2

/* Days further back are read each time; ages of records end at 71 years */
#define MOST_DAYS	25550

/* Kept days are used in so many pieces, between which there are gaps to read */
#define MOST_PIECES	8

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

static Datum
column(uint64 row, int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, isnull);
}

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
 * Hash of all that decides what is kept of a row
 */
static uint64
fingerprint(const Model *model, const Source *source)
{
	const char *const texts[] = {
		source->relation_name, source->actor, source->target, source->occurred_at, source->kind, source->network,
		source->kind_column, source->network_column, source->post, source->weight, source->sentiment, source->filter
	};
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%d %d %u %u %.17g %d %d %d " UINT64_FORMAT "\n", STATE_VERSION, PG_VERSION_NUM / 10000,
					 model->ref.id_type, source->relation, model->clock_skew, model->bad_rows_fail,
					 model->ignore_sentiment, model->hidden_actors_count, privacy_fingerprint(model->privacy));
	for (int i = 0; i < (int) lengthof(texts); i++)
		appendStringInfo(&text, "%d %s\n", texts[i] == NULL ? -1 : (int) strlen(texts[i]),
						 texts[i] == NULL ? "" : texts[i]);
	appendStringInfo(&text, "%s\n", source_columns(model, source));
	for (int i = 0; i < model->network_count; i++)
		appendStringInfo(&text, "%d %s\n", (int) strlen(model->networks[i].name), model->networks[i].name);
	for (int i = 0; i < model->signal_count; i++)
	{
		const Signal *signal = &model->signals[i];

		appendStringInfo(&text, "%d %d %s %d %.17g %.17g %d\n", signal->network, (int) strlen(signal->kind),
						 signal->kind, signal->role, signal->half_life, signal->polarity, signal->weight == 0);
	}
	return hash_bytes_extended((const unsigned char *) text.data, text.len, 0);
}

static bool
any_incremental(const Model *model)
{
	ListCell   *lc;

	foreach(lc, model->sources)
		if (((Source *) lfirst(lc))->incremental)
			return true;
	return false;
}

static Source *
nth_source(const ClosedDays *closed, int source)
{
	return list_nth(closed->model->sources, source);
}

static int
find_source(const Model *model, const char *name)
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

static bool
is_before_window(const ClosedDays *closed, int day)
{
	return (double) (day + 1) * USECS_PER_DAY <= closed->window_start;
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

		kept->id = DatumGetInt64(column(i, 1, &isnull));
		kept->source = find_source(closed->model, TextDatumGetCString(column(i, 2, &isnull)));
		kept->day = DatumGetDateADT(column(i, 3, &isnull));
		kept->valid = use != CLOSED_DAYS_REBUILD && kept->source >= 0 &&
			nth_source(closed, kept->source)->incremental && kept->day >= closed->range.first &&
			DatumGetInt64(column(i, 4, &isnull)) == (int64) closed->fingerprints[kept->source];
		kept->complete = DatumGetBool(column(i, 5, &isnull));
		earliest = column(i, 6, &isnull);
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
		Datum		name = column(i, 2, &all_sources);
		int			source = all_sources ? -1 : find_source(closed->model, TextDatumGetCString(name));
		TimestampTz since = DatumGetTimestampTz(column(i, 3, &isnull));
		TimestampTz until = DatumGetTimestampTz(column(i, 4, &isnull));

		CHECK_FOR_INTERRUPTS();
		closed->invalidations[i] = DatumGetInt64(column(i, 1, &isnull));
		for (uint64 j = 0; j < closed->kept_count; j++)
			if ((all_sources || closed->kept[j].source == source) && touches(since, until, closed->kept[j].day))
				closed->kept[j].valid = false;
	}
}

/*
 * Can a kept day stand for the rows of that day?
 */
static bool
is_usable(const ClosedDays *closed, const KeptDay *kept)
{
	return kept->valid && kept->day < closed->used_end && kept->day != closed->range.except &&
		(kept->complete || is_before_window(closed, kept->day));
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
		if (!is_usable(closed, &closed->kept[i]))
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
	Source	   *source = nth_source(closed, number);
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
 * Sets the ranges of the sources. settled_before: start of the oldest transaction
 * that ran before the active snapshot was taken.
 */
ClosedDays *
closed_days_plan(Model *model, TimestampTz as_of, ClosedDaysUse use, TimestampTz settled_before)
{
	MemoryContext context = CurrentMemoryContext;
	ClosedDays *closed;
	ListCell   *lc;

	/* of merged rows only the last one's time is known, and a clock may have stood still before it */
	if (use == CLOSED_DAYS_IGNORE || model->inactivity_policy != INACTIVITY_DECAY)
		return NULL;
	closed = palloc0(sizeof(ClosedDays));
	closed->model = model;
	closed->as_of = as_of;
	set_range(closed, use, settled_before);
	closed->fingerprints = palloc0(sizeof(uint64) * (list_length(model->sources) + 1));
	foreach(lc, model->sources)
		if (((Source *) lfirst(lc))->incremental)
			closed->fingerprints[foreach_current_index(lc)] = fingerprint(model, lfirst(lc));

	SPI_connect();
	load_kept(closed, use, context);
	load_invalidations(closed, context);
	choose_days(closed, context);
	SPI_finish();
	return any_incremental(model) || closed->kept_count > 0 || closed->invalidation_count > 0 ? closed : NULL;
}

/* A day that is being loaded */
typedef struct DayLoad
{
	Ingest	   *ingest;
	int			day;
	bool		standing_only;
	DayRows    *reduced;		/* where the rows go that are kept again; or NULL */
} DayLoad;

/*
 * Put the standing rows of a day into its logs, to be kept without the others
 */
static void
reduce_records(const DayLoad *load, int network, DayKind kind, const char *records, uint64 count)
{
	const Model *model = load->ingest->model;
	RecordLog  *log = day_log(load->ingest->days, load->reduced, network, kind);
	Size		size = day_record_size(kind);

	for (uint64 i = 0; i < count; i++)
	{
		uint64		rows = 0;
		bool		standing = false;
		DayInteraction interaction;
		DaySentiment sentiment;
		AnonymousCount anonymous;

		if (kind == DAY_INTERACTIONS)
		{
			memcpy(&interaction, records + i * size, size);
			standing = role_is_standing(model->signals[interaction.signal].role);
			rows = interaction.more_rows + 1;
		}
		else if (kind == DAY_ANONYMOUS)
		{
			memcpy(&anonymous, records + i * size, size);
			standing = role_is_standing(model->signals[anonymous.stamp.signal].role);
			rows = 1;
		}
		else if (kind == DAY_SENTIMENT)
		{
			memcpy(&sentiment, records + i * size, size);
			standing = role_is_standing(model->signals[sentiment.signal].role);
		}
		else
			standing = kind == DAY_ACTIVITY;
		if (!standing)
			continue;
		memcpy(record_log_append(log), records + i * size, size);
		load->reduced->rows += rows;
		load->ingest->rows_kept += rows;
	}
}

/*
 * Callback: stored records of a day
 */
static void
load_records(int network, DayKind kind, const char *records, uint64 count, void *arg)
{
	DayLoad    *load = arg;

	day_records_check(load->ingest, network, kind, records, count);
	if (load->reduced != NULL)
		reduce_records(load, network, kind, records, count);
	else
		load->ingest->rows_kept += day_records_replay(load->ingest, load->day, load->standing_only,
													  network, kind, records, count);
}

/*
 * Take the rows of a used day
 */
static void
load_day(ClosedDays *closed, Ingest *ingest, KeptDay *kept)
{
	DayLoad		load = {.ingest = ingest,.day = kept->day};

	load.standing_only = is_before_window(closed, kept->day);
	if (load.standing_only && kept->complete && kept->day < closed->range.end)
	{
		load.reduced = day_set_rows(ingest->days, kept->source, kept->day);
		closed->gone[closed->gone_count++] = kept->id;
		kept->valid = false;
	}
	if (!load.standing_only)
		ingest->earliest_reaction = Min(ingest->earliest_reaction, kept->earliest_reaction);
	closed_records_read(closed->model, kept->id, load_records, &load);
	ingest_limit_memory(ingest);
}

/*
 * Take the rows of all days that are used, before anything else is read
 */
void
closed_days_load(ClosedDays *closed, Ingest *ingest)
{
	if (closed->range.end > closed->range.first && any_incremental(closed->model))
		ingest->days = day_set_create(closed->model, closed->range);
	if (!closed->any_valid)
		return;
	progress_report(closed->model->ref.name, "loading closed days");
	closed_people_load(ingest);
	closed->people = intern_count(ingest->people);
	for (uint64 i = 0; i < closed->kept_count; i++)
		if (closed->kept[i].used)
			load_day(closed, ingest, &closed->kept[i]);
}

/* A day that was read */
typedef struct ReadDay
{
	int			source;
	int			day;
	DayRows    *rows;			/* NULL: it has none */
	bool		is_new;			/* to be kept from now on */
	int64		id;				/* of a new day */
} ReadDay;

/* Days that were read, by source and day */
typedef struct ReadDays
{
	uint64		count;
	uint64		new_count;
	uint64		capacity;
	ReadDay    *days;
} ReadDays;

static void
add_read_day(ReadDays *read, ReadDay day)
{
	if (read->count == read->capacity)
	{
		read->capacity = huge_array_next(read->capacity, PG_INT32_MAX);
		read->days = read->days == NULL ? huge_array(CurrentMemoryContext, read->capacity, sizeof(ReadDay)) :
			huge_array_resize(read->days, read->capacity, sizeof(ReadDay));
	}
	read->days[read->count++] = day;
	read->new_count += day.is_new;
}

/*
 * Which days of a source are kept already, by day from the first of the range
 */
static const KeptDay **
kept_by_day(const ClosedDays *closed, int source)
{
	const KeptDay **by_day = palloc0(sizeof(KeptDay *) * (closed->range.end - closed->range.first + 1));

	for (uint64 i = 0; i < closed->kept_count; i++)
		if (closed->kept[i].source == source && closed->kept[i].day >= closed->range.first &&
			closed->kept[i].day < closed->range.end)
			by_day[closed->kept[i].day - closed->range.first] = &closed->kept[i];
	return by_day;
}

/*
 * Interactions of a log whose target leaves the given rest, merged
 *
 * With a divisor of 1 these are all.
 */
static DayInteraction *
merge_log(const Model *model, const RecordLog *log, uint32 divisor, uint32 rest, char *buffer, uint64 *count)
{
	DayInteraction *merged = huge_array(CurrentMemoryContext, record_log_count(log), sizeof(DayInteraction));

	*count = 0;
	for (uint32 chunk = 0; chunk < log->chunk_count; chunk++)
	{
		uint32		chunk_count;
		const DayInteraction *records = (const DayInteraction *)
			record_log_chunk(log, chunk, buffer, &chunk_count);

		for (uint32 i = 0; i < chunk_count; i++)
			if (divisor == 1 || records[i].target % divisor == rest)
				merged[(*count)++] = records[i];
	}
	day_records_merge(model, merged, count);
	return merged;
}

/* Where the rows of a day go */
typedef struct DayKeep
{
	Ingest	   *ingest;
	const DayRows *rows;
	bool		standing_only;
	RecordWriter *writer;		/* NULL: they are kept already */
	int64		id;
	char	   *buffer;			/* of LAST_CHUNK_BYTES */
} DayKeep;

static void
keep_records(const DayKeep *keep, int network, DayKind kind, const void *records, uint64 count)
{
	if (keep->writer != NULL)
		record_writer_put(keep->writer, keep->id, network, kind, records, count);
	day_records_replay(keep->ingest, keep->rows->day, keep->standing_only, network, kind, records, count);
	ingest_limit_memory(keep->ingest);
}

/*
 * The interactions of a day: in one go, or a part of the targets after the other
 * when there is no room for all
 */
static void
keep_interactions(const DayKeep *keep, int network, RecordLog *log)
{
	uint64		bytes = record_log_count(log) * sizeof(DayInteraction);
	uint64		room = (uint64) influence_max_memory * 1024 / 8;
	uint32		divisor = (uint32) (bytes / room) + 1;

	for (uint32 rest = 0; rest < divisor && bytes > 0; rest++)
	{
		uint64		count;
		DayInteraction *merged = merge_log(keep->ingest->model, log, divisor, rest, keep->buffer, &count);

		keep_records(keep, network, DAY_INTERACTIONS, merged, count);
		pfree(merged);
	}
}

/*
 * Keep the rows of a day, and add them to the ingest
 */
static void
keep_day(const DayKeep *keep)
{
	DaySet	   *set = keep->ingest->days;

	for (int network = 0; network < set->network_count; network++)
	{
		keep_interactions(keep, network, day_log(set, keep->rows, network, DAY_INTERACTIONS));
		for (DayKind kind = DAY_INTERACTIONS + 1; kind < DAY_KIND_COUNT; kind++)
		{
			RecordLog  *log = day_log(set, keep->rows, network, kind);

			for (uint32 chunk = 0; chunk < log->chunk_count; chunk++)
			{
				uint32		count;
				const char *records = record_log_chunk(log, chunk, keep->buffer, &count);

				keep_records(keep, network, kind, records, count);
			}
		}
	}
}

/*
 * The rows of a day that were read; NULL when there are none
 */
static DayRows *
read_rows(const ClosedDays *closed, const Ingest *ingest, int source, int day)
{
	return ingest->days->days[source * (Size) (closed->range.end - closed->range.first) +
							  day - closed->range.first];
}

/*
 * List the days of a source that are over and were read, from the first one of
 * which anything is kept or was read
 */
static void
list_read_days(ClosedDays *closed, const Ingest *ingest, int source, ReadDays *read)
{
	const KeptDay **by_day = kept_by_day(closed, source);
	bool		begun = false;

	for (int day = closed->range.first; day < closed->range.end; day++)
	{
		const KeptDay *kept = by_day[day - closed->range.first];
		ReadDay		item = {.source = source,.day = day,.rows = read_rows(closed, ingest, source, day)};

		begun = begun || item.rows != NULL || (kept != NULL && kept->valid);
		if (!begun || day == closed->range.except)
			continue;
		item.is_new = kept == NULL || !is_usable(closed, kept);
		if (item.is_new && kept != NULL && kept->valid)
			closed->gone[closed->gone_count++] = kept->id;
		if (item.is_new || item.rows != NULL)
			add_read_day(read, item);
	}
	pfree(by_day);
}

/*
 * Delete rows of a table by their numbers
 */
static void
delete_numbers(const char *sql, const int64 *numbers, uint64 count)
{
	Datum	   *elements = palloc(sizeof(Datum) * (count + 1));
	Oid			types[1] = {INT8ARRAYOID};
	Datum		values[1];

	if (count == 0)
		return;
	for (uint64 i = 0; i < count; i++)
		elements[i] = Int64GetDatum(numbers[i]);
	values[0] = PointerGetDatum(construct_array(elements, (int) count, INT8OID, sizeof(int64),
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	SPI_connect();
	SPI_execute_with_args(sql, 1, types, values, NULL, false, 0);
	SPI_finish();
}

/* Columns of the new rows of closed_days, as arrays */
enum
{
	NEW_SOURCE,
	NEW_DAY,
	NEW_FINGERPRINT,
	NEW_COMPLETE,
	NEW_ROWS,
	NEW_EARLIEST,
	NEW_COLUMNS
};

/*
 * A column of the new days as an array
 */
static Datum
new_column(const ClosedDays *closed, const ReadDays *read, int column, Oid type)
{
	Datum	   *values = palloc(sizeof(Datum) * read->new_count);
	bool	   *nulls = palloc0(sizeof(bool) * read->new_count);
	int			count = 0;
	int			first = 1;
	int16		length;
	bool		by_value;
	char		alignment;

	for (uint64 i = 0; i < read->count; i++)
	{
		const ReadDay *day = &read->days[i];
		TimestampTz earliest = day->rows == NULL ? DT_NOEND : day->rows->earliest_reaction;

		if (!day->is_new)
			continue;
		nulls[count] = column == NEW_EARLIEST && TIMESTAMP_IS_NOEND(earliest);
		values[count++] =
			column == NEW_SOURCE ? CStringGetTextDatum(nth_source(closed, day->source)->name) :
			column == NEW_DAY ? DateADTGetDatum(day->day) :
			column == NEW_FINGERPRINT ? Int64GetDatum((int64) closed->fingerprints[day->source]) :
			column == NEW_COMPLETE ? BoolGetDatum(!is_before_window(closed, day->day)) :
			column == NEW_ROWS ? Int64GetDatum(day->rows == NULL ? 0 : (int64) day->rows->rows) :
			TimestampTzGetDatum(earliest);
	}
	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	return PointerGetDatum(construct_md_array(values, nulls, 1, &count, &first, type, length, by_value, alignment));
}

/*
 * Take the numbers that the new days were given; they come in the order in which
 * they were inserted
 */
static void
take_numbers(const ClosedDays *closed, ReadDays *read)
{
	uint64		row = 0;

	for (uint64 i = 0; i < read->count; i++)
	{
		ReadDay    *day = &read->days[i];
		bool		isnull;

		if (!day->is_new)
			continue;
		if (row >= SPI_processed || DatumGetDateADT(column(row, 3, &isnull)) != day->day ||
			find_source(closed->model, TextDatumGetCString(column(row, 2, &isnull))) != day->source)
			elog(ERROR, "closed days of model \"%s\" were not stored as given", closed->model->ref.name);
		day->id = DatumGetInt64(column(row++, 1, &isnull));
	}
}

/*
 * Insert the new rows of closed_days
 */
static void
insert_new_days(const ClosedDays *closed, ReadDays *read)
{
	static const Oid element_types[NEW_COLUMNS] = {TEXTOID, DATEOID, INT8OID, BOOLOID, INT8OID, TIMESTAMPTZOID};
	Oid			types[NEW_COLUMNS + 1] = {TEXTARRAYOID, DATEARRAYOID, INT8ARRAYOID, BOOLARRAYOID, INT8ARRAYOID,
	TIMESTAMPTZARRAYOID, TEXTOID};
	Datum		values[NEW_COLUMNS + 1];

	if (read->new_count == 0)
		return;
	SPI_connect();
	for (int i = 0; i < NEW_COLUMNS; i++)
		values[i] = new_column(closed, read, i, element_types[i]);
	values[NEW_COLUMNS] = CStringGetTextDatum(closed->model->ref.name);
	SPI_execute_with_args("INSERT INTO influence.closed_days (model, source, day, fingerprint, complete, rows, "
						  "earliest_reaction) "
						  "SELECT $7, n.* FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), "
						  "pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5), "
						  "pg_catalog.unnest($6)) AS n RETURNING day_id, source, day",
						  NEW_COLUMNS + 1, types, values, NULL, false, 0);
	take_numbers(closed, read);
	SPI_finish();
}

/*
 * Write the rows of the days that were read, as far as they are new, and add them
 * to the ingest
 */
static void
keep_read_days(const ClosedDays *closed, Ingest *ingest, const ReadDays *read)
{
	RecordWriter *writer = record_writer_begin();
	char	   *buffer = palloc(LAST_CHUNK_BYTES);

	for (uint64 i = 0; i < read->count; i++)
	{
		const ReadDay *day = &read->days[i];
		DayKeep		keep = {.ingest = ingest,.rows = day->rows,.buffer = buffer,.id = day->id};

		CHECK_FOR_INTERRUPTS();
		if (day->rows == NULL)
			continue;
		keep.writer = day->is_new ? writer : NULL;
		keep.standing_only = is_before_window(closed, day->day);
		if (!keep.standing_only)
			ingest->earliest_reaction = Min(ingest->earliest_reaction, day->rows->earliest_reaction);
		keep_day(&keep);
		day_rows_free(ingest->days, day->rows);
	}
	record_writer_end(writer);
	pfree(buffer);
}

/* Refreshes of this backend that have taken invalidations, see closed_days_generation() */
static uint64 generation = 0;

/*
 * A number that is another one after each refresh of this backend that has taken
 * invalidations, whether or not that was rolled back
 */
uint64
closed_days_generation(void)
{
	return generation;
}

/*
 * Keep what was read of days that are over, and forget what is no longer good
 *
 * The rows of these days get into the ingest only here.
 */
void
closed_days_keep(ClosedDays *closed, Ingest *ingest)
{
	ReadDays	read = {0};

	generation++;
	progress_report(closed->model->ref.name, "keeping closed days");
	for (int source = 0; ingest->days != NULL && source < list_length(closed->model->sources); source++)
		if (nth_source(closed, source)->incremental)
			list_read_days(closed, ingest, source, &read);
	delete_numbers("DELETE FROM influence.closed_days WHERE day_id OPERATOR(pg_catalog.=) ANY ($1)",
				   closed->gone, closed->gone_count);
	delete_numbers("DELETE FROM influence.invalidations WHERE invalidation_id OPERATOR(pg_catalog.=) ANY ($1)",
				   closed->invalidations, closed->invalidation_count);
	insert_new_days(closed, &read);
	if (!closed->any_valid)
		closed_people_delete(closed->model->ref.name);
	if (read.new_count > 0)
		closed_people_append(ingest, closed->people);
	if (ingest->days != NULL)
	{
		keep_read_days(closed, ingest, &read);
		MemoryContextDelete(ingest->days->context);
		ingest->days = NULL;
	}
}

/*
 * Delete all that is kept for a model: its next refresh reads everything
 *
 * For when somebody must not be in it any more. The caller has become the owner,
 * and keeps refreshes out with the model's lock.
 */
void
closed_days_forget(const char *model)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1];

	values[0] = CStringGetTextDatum(model);
	SPI_connect();
	SPI_execute_with_args("DELETE FROM influence.closed_days WHERE model OPERATOR(pg_catalog.=) $1",
						  1, types, values, NULL, false, 0);
	SPI_finish();
	closed_people_delete(model);
}
