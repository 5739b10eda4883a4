/*
 * Days of incremental sources that are over, and kept.
 *
 * A day of a source is closed by the first refresh that reads it when it is over: its
 * rows go to the tables closed_records and closed_people and are taken from there from
 * then on. closed_plan.c has which days are over, and when a kept one is used.
 *
 * Invalidations are taken and deleted by number, so that one that is committed
 * while the refresh runs is left to the next. One refresh of a model runs at a
 * time (refresh.c), and all of this is in its transaction.
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
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
#include "model/closed_plan.h"
#include "model/closed_state.h"
#include "model/progress.h"

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

	load.standing_only = closed_before_window(closed, kept->day);
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
	if (closed->range.end > closed->range.first && closed_any_incremental(closed->model))
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
		item.is_new = kept == NULL || !closed_usable(closed, kept);
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
			column == NEW_SOURCE ? CStringGetTextDatum(closed_source(closed, day->source)->name) :
			column == NEW_DAY ? DateADTGetDatum(day->day) :
			column == NEW_FINGERPRINT ? Int64GetDatum((int64) closed->fingerprints[day->source]) :
			column == NEW_COMPLETE ? BoolGetDatum(!closed_before_window(closed, day->day)) :
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
		if (row >= SPI_processed || DatumGetDateADT(closed_column(row, 3, &isnull)) != day->day ||
			closed_find_source(closed->model, TextDatumGetCString(closed_column(row, 2, &isnull))) != day->source)
			elog(ERROR, "closed days of model \"%s\" were not stored as given", closed->model->ref.name);
		day->id = DatumGetInt64(closed_column(row++, 1, &isnull));
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
		keep.standing_only = closed_before_window(closed, day->day);
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
		if (closed_source(closed, source)->incremental)
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
