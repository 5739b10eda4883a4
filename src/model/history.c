/*
 * The table score_history of a model: one row per person and day (UTC).
 *
 *   score_history                     by month
 *     score_history_2026_06           by day
 *       score_history_2026_06_30      the rows of one day, of its last refresh
 *
 * A table a day makes both ends cheap: a later refresh of a day replaces its
 * table as it replaces the score views (replacement.c), and days beyond the
 * retention are dropped. New tables are attached, which blocks no reader;
 * dropping needs an exclusive lock for a moment and is put off to a later
 * refresh while anybody reads.
 *
 * Names are for people. Which table holds a day is read from the bounds of the
 * partitions, so that a table that is only named like one of ours, or was
 * detached to be kept, is neither read nor written nor dropped.
 */
#include "compat.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "math/calibration.h"
#include "model/attempt.h"
#include "model/calibration_store.h"
#include "model/history.h"
#include "query.h"

/* How far back the changes in the view "scores" look, in days */
#define MONTH_DAYS	30
static const int change_days[3] = {1, 7, MONTH_DAYS};

/* The history names its tables by years of four digits: 1900 to 9999 */
#define FIRST_HISTORY_MOMENT	(INT64CONST(-36524) * USECS_PER_DAY)
#define END_HISTORY_MOMENT	(INT64CONST(2921940) * USECS_PER_DAY)

/*
 * Months that one refresh drops at most: after a change of the retention there
 * may be more of them than there are locks to be had
 */
#define DROPPED_MONTHS	3

/* Longest wait for a table to drop, in milliseconds */
#define DROP_WAIT	10

/* A partition of the history: days from first to before end */
typedef struct HistoryTable
{
	Oid			oid;
	DateADT		first;
	DateADT		end;
} HistoryTable;

/* Reading one day of the history */
typedef struct ChangeReader
{
	InternTable *people;
	Scores	   *scores;
	int			change;			/* index into PersonScore.change */
	const Calibration *map;		/* of that day's scores; NULL: not known, or not asked for */
} ChangeReader;

/* Reading an earlier day, whose scores limit those of today */
typedef struct LimitReader
{
	InternTable *people;
	const Scores *scores;
	double		gain;			/* most points since that day */
	double	   *limits;			/* by position; INFINITY: none so far */
} LimitReader;

/*
 * The day of a moment, UTC, as a date
 */
static DateADT
day_of(TimestampTz at)
{
	TimestampTz days = at / USECS_PER_DAY;

	if (at < 0 && at % USECS_PER_DAY != 0)
		days--;
	return (DateADT) days;
}

/*
 * Names of the tables of a day and of its month, unqualified
 */
static void
table_names(DateADT day, char **day_table, char **month_table)
{
	int			year;
	int			month;
	int			month_day;

	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &month_day);
	*month_table = psprintf("score_history_%04d_%02d", year, month);
	*day_table = psprintf("%s_%02d", *month_table, month_day);
}

/*
 * First day of the month of a day and of the next month
 */
static void
month_of(DateADT day, DateADT *first, DateADT *next)
{
	int			year;
	int			month;
	int			month_day;

	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &month_day);
	*first = date2j(year, month, 1) - POSTGRES_EPOCH_JDATE;
	*next = (month == 12 ? date2j(year + 1, 1, 1) : date2j(year, month + 1, 1)) - POSTGRES_EPOCH_JDATE;
}

/*
 * A relation in the model's schema, InvalidOid when there is none
 */
static Oid
find_table(const Model *model, const char *name)
{
	return get_relname_relid(name, get_namespace_oid(model->ref.schema, false));
}

/*
 * Whether a relation is partitioned by ranges of one date
 */
static bool
is_by_date(Relation relation)
{
	PartitionKey key = RelationGetPartitionKey(relation);

	return key != NULL && key->strategy == PARTITION_STRATEGY_RANGE &&
		key->partnatts == 1 && key->parttypid[0] == DATEOID;
}

/*
 * Partitions of a table of the history with both ends, in the order of days
 *
 * A list of HistoryTable; empty when the table is not partitioned by date. The
 * table stays locked, so nobody can drop or detach one of them.
 */
static List *
partitions_of(Oid table)
{
	List	   *partitions = NIL;
	Relation	relation = table_open(table, AccessShareLock);

	if (is_by_date(relation))
	{
		PartitionDesc desc = RelationGetPartitionDesc(relation, true);
		PartitionBoundInfo bounds = desc->boundinfo;

		/* range i lies between the bounds i - 1 and i */
		for (int i = 1; bounds != NULL && i < bounds->ndatums; i++)
		{
			HistoryTable *partition;

			if (bounds->indexes[i] < 0 ||
				bounds->kind[i - 1][0] != PARTITION_RANGE_DATUM_VALUE ||
				bounds->kind[i][0] != PARTITION_RANGE_DATUM_VALUE)
				continue;
			partition = palloc(sizeof(HistoryTable));
			partition->oid = desc->oids[bounds->indexes[i]];
			partition->first = DatumGetDateADT(bounds->datums[i - 1][0]);
			partition->end = DatumGetDateADT(bounds->datums[i][0]);
			partitions = lappend(partitions, partition);
		}
	}
	table_close(relation, NoLock);
	return partitions;
}

/*
 * The table of the latest published day until "day", NULL when there is none
 */
static const HistoryTable *
latest_day_table(const Model *model, DateADT day)
{
	Oid			history = find_table(model, "score_history");
	List	   *months = OidIsValid(history) ? partitions_of(history) : NIL;

	for (int i = list_length(months) - 1; i >= 0; i--)
	{
		const HistoryTable *month = list_nth(months, i);
		List	   *days = month->first <= day ? partitions_of(month->oid) : NIL;

		for (int j = list_length(days) - 1; j >= 0; j--)
		{
			const HistoryTable *table = list_nth(days, j);

			if (table->first <= day && table->end == table->first + 1)
				return table;
		}
	}
	return NULL;
}

static void
scores_start(TupleDesc desc pg_attribute_unused(), void *arg pg_attribute_unused())
{
}

/*
 * Hand the scores of one day to a callback, as id and score
 */
static void
read_day(const Model *model, const HistoryTable *day, RowCallback row, void *reader)
{
	/* casts, because somebody may have put another table there */
	query_stream(psprintf("SELECT user_id::%s, score::float8 FROM %s",
						  format_type_be(model->ref.id_type), qualified_name(day->oid)),
				 scores_start, row, reader);
}

/*
 * Position of the person of a row among those who are scored now, NOBODY: none
 */
static uint32
row_position(InternTable *people, const Scores *scores, TupleTableSlot *slot)
{
	uint32		person;

	return intern_find(people, slot->tts_values[0], &person) ? scores->position[person] : NOBODY;
}

/*
 * Callback: one person's score of the earlier day
 */
static void
change_row(TupleTableSlot *slot, void *arg)
{
	ChangeReader *reader = arg;
	uint32		position = row_position(reader->people, reader->scores, slot);
	double		then = DatumGetFloat8(slot->tts_values[1]);
	PersonScore *score;

	if (position == NOBODY)
		return;
	score = &reader->scores->people[position];
	score->change[reader->change] = score->score - then;
	if (reader->map != NULL)
		score->scale_change = scores_on_scale(reader->scores, reader->map, then) - then;
}

/*
 * Fill in the changes since the last published day at least a day, a week and
 * a month before as_of
 */
void
history_load_changes(const Model *model, TimestampTz as_of,
					 const Ingest *ingest, Scores *scores)
{
	if (as_of < FIRST_HISTORY_MOMENT || as_of >= END_HISTORY_MOMENT)
		return;
	for (int i = 0; i < (int) lengthof(change_days); i++)
	{
		ChangeReader reader = {.people = ingest->people,.scores = scores,.change = i};
		const HistoryTable *day = latest_day_table(model, day_of(as_of) - change_days[i]);

		if (day == NULL)
			continue;
		if (change_days[i] == MONTH_DAYS)
			reader.map = calibration_of_day(model, day->first);
		read_day(model, day, change_row, &reader);
	}
}

/*
 * Callback: one person's score of an earlier day is a limit, unless a later day
 * has set one
 */
static void
limit_row(TupleTableSlot *slot, void *arg)
{
	LimitReader *reader = arg;
	uint32		position = row_position(reader->people, reader->scores, slot);

	if (position != NOBODY && isinf(reader->limits[position]))
		reader->limits[position] = DatumGetFloat8(slot->tts_values[1]) + reader->gain;
}

/*
 * How high people's scores may be, by position: what each had on the last day
 * before as_of that has a score, and max_daily_gain for each day since
 *
 * In the current memory context. Days so long ago that nobody can have gained
 * more since then limit nothing, and are not read.
 */
double *
history_load_limits(const Model *model, TimestampTz as_of,
					const Ingest *ingest, const Scores *scores)
{
	LimitReader reader = {.people = ingest->people,.scores = scores};
	const HistoryTable *day;

	reader.limits = huge_array(CurrentMemoryContext, scores->count, sizeof(double));
	for (uint32 i = 0; i < scores->count; i++)
		reader.limits[i] = INFINITY;
	if (as_of < FIRST_HISTORY_MOMENT || as_of >= END_HISTORY_MOMENT)
		return reader.limits;

	for (day = latest_day_table(model, day_of(as_of) - 1); day != NULL;
		 day = latest_day_table(model, day->first - 1))
	{
		reader.gain = model->max_daily_gain * (day_of(as_of) - day->first);
		if (reader.gain >= CALIBRATION_MAX_SCORE - CALIBRATION_MIN_SCORE)
			break;
		read_day(model, day, limit_row, &reader);
	}
	return reader.limits;
}

static void
execute(const char *sql)
{
	int			result = SPI_execute(sql, false, 0);

	if (result < 0)
		elog(ERROR, "\"%s\" failed: %s", sql, SPI_result_code_string(result));
}

static char *
date_literal(DateADT day)
{
	return quote_literal_cstr(DatumGetCString(DirectFunctionCall1(date_out, DateADTGetDatum(day))));
}

/*
 * Create a table of the history for the days from first to before end and
 * attach it to "parent"
 */
static void
attach_table(const Model *model, Oid parent, const char *name,
			 DateADT first, DateADT end, const char *partitioned, const char *what)
{
	const char *schema = model->ref.schema;
	char	   *table = quote_qualified_identifier(schema, name);

	if (OidIsValid(find_table(model, name)))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("relation \"%s.%s\" is in the place of a table of score_history", schema, name),
				 errhint("Rename it, move it to another schema, or attach it to score_history again.")));
	execute(psprintf("CREATE TABLE %s (LIKE %s.score_history, PRIMARY KEY (user_id, day))%s",
					 table, quote_identifier(schema), partitioned));
	execute(psprintf("COMMENT ON TABLE %s IS %s", table, quote_literal_cstr(what)));
	execute(psprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)",
					 qualified_name(parent), table, date_literal(first), date_literal(end)));
}

/*
 * The partition of a table of the history that holds a day, NULL when there is none
 */
static HistoryTable *
partition_of_day(Oid parent, DateADT day)
{
	ListCell   *lc;

	foreach(lc, partitions_of(parent))
	{
		HistoryTable *table = lfirst(lc);

		if (table->first <= day && day < table->end)
			return table;
	}
	return NULL;
}

/*
 * The table of the month that holds a day, created when it is missing
 */
static Oid
ensure_month_table(const Model *model, DateADT day)
{
	Oid			history = find_table(model, "score_history");
	HistoryTable *month;
	char	   *day_table;
	char	   *month_table;
	DateADT		first;
	DateADT		next;

	if (!OidIsValid(history))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s.score_history\" of model \"%s\" does not exist",
						model->ref.schema, model->ref.name),
				 errhint("Drop the model with influence_drop_model() and create it again.")));
	month = partition_of_day(history, day);
	if (month != NULL)
		return month->oid;
	table_names(day, &day_table, &month_table);
	month_of(day, &first, &next);
	attach_table(model, history, month_table, first, next,
				 " PARTITION BY RANGE (day)", "Scores published in a month, a table a day");
	return find_table(model, month_table);
}

/*
 * The table of a day, created when it is missing
 */
static Oid
ensure_day_table(const Model *model, DateADT day)
{
	Oid			month = ensure_month_table(model, day);
	HistoryTable *table = partition_of_day(month, day);
	char	   *day_table;
	char	   *month_table;

	if (table != NULL && table->end == table->first + 1)
		return table->oid;
	if (table != NULL || get_rel_relkind(month) != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("partition %s of score_history holds more than a day",
						qualified_name(table != NULL ? table->oid : month)),
				 errhint("Detach it, so that a refresh can make a table of the day.")));
	table_names(day, &day_table, &month_table);
	attach_table(model, month, day_table, day, day + 1, "", "Scores published on a day (UTC)");
	return find_table(model, day_table);
}

/*
 * Where the columns user_id, day, as_of and score are, from 0; 42804 when the
 * table has others
 */
static void
find_columns(const Model *model, TupleDesc desc, int columns[4])
{
	Oid			types[4] = {model->ref.id_type, DATEOID, TIMESTAMPTZOID, FLOAT8OID};
	bool		same = true;
	int			found = 0;

	for (int i = 0; same && i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		same = found < 4 && TupleDescAttr(desc, i)->atttypid == types[found];
		if (same)
			columns[found++] = i;
	}
	if (!same || found < 4)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("columns of table \"%s.score_history\" were changed", model->ref.schema),
				 errhint("It has the columns user_id, day, as_of and score; keep others elsewhere.")));
}

/*
 * Put everybody's score in the replacement of the day's table
 */
void
history_fill(const Run *run, Replacement *replacement)
{
	DateADT		day = day_of(run->as_of);
	TupleDesc	desc = replacement_desc(replacement);
	Datum	   *values = palloc0(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);
	int			columns[4];

	find_columns(run->model, desc, columns);
	memset(nulls, true, sizeof(bool) * desc->natts);
	for (int i = 0; i < 4; i++)
		nulls[columns[i]] = false;
	for (uint32 i = 0; i < run->scores->count; i++)
	{
		const PersonScore *person = run_next_person(run, run->scores->by_id, i);

		values[columns[0]] = intern_datum(run->ingest->people, person->person);
		values[columns[1]] = DateADTGetDatum(day);
		values[columns[2]] = TimestampTzGetDatum(run->as_of);
		values[columns[3]] = Float8GetDatum(person->score);
		replacement_put(replacement, values, nulls);
	}
	pfree(values);
	pfree(nulls);
}

/*
 * Note which map the scores of the day are read off
 */
void
history_note_calibration(const Run *run)
{
	const Calibration *map = run->scores->calibration;

	if (run->as_of >= FIRST_HISTORY_MOMENT && run->as_of < END_HISTORY_MOMENT)
		calibration_note_day(run->model, day_of(run->as_of), map == NULL ? 0 : map->version);
}

/*
 * Start the replacement of the day's table, NULL for moments that no date can
 * name in the table's name
 */
Replacement *
history_begin(const Run *run)
{
	Oid			table;

	if (run->as_of < FIRST_HISTORY_MOMENT || run->as_of >= END_HISTORY_MOMENT)
		return NULL;
	SPI_connect();
	table = ensure_day_table(run->model, day_of(run->as_of));
	SPI_finish();
	return replacement_begin(table);
}

/*
 * Action of an attempt: drop a table of the history without waiting for long
 */
static void
drop_table(void *arg)
{
	SPI_connect();
	execute(psprintf("DROP TABLE %s", qualified_name(*(Oid *) arg)));
	SPI_finish();
}

/*
 * Drop a table of the history unless somebody is reading it or its parent; what
 * depends on it keeps it, with a warning. Whether it was dropped.
 */
static bool
drop_unless_read(Oid parent, Oid table)
{
	char		kind = get_rel_relkind(table);
	ErrorData  *error;

	/* what somebody else attached may be no table at all */
	if ((kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE) ||
		!ConditionalLockRelationOid(parent, AccessExclusiveLock))
		return false;
	error = attempt_locks(drop_table, &table, DROP_WAIT);
	if (error == NULL)
		return true;
	if (error->sqlerrcode == ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST)
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("%s is beyond the history's retention and cannot be dropped", qualified_name(table)),
				 error->detail != NULL ? errdetail_internal("%s", error->detail) : 0,
				 errhint("Drop what depends on it.")));
	else if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
		ReThrowError(error);
	FreeErrorData(error);
	return false;
}

/*
 * Drop the days before "oldest"
 */
static void
drop_days_before(Oid history, DateADT oldest)
{
	int			months_to_drop = DROPPED_MONTHS;
	ListCell   *lc;

	foreach(lc, partitions_of(history))
	{
		const HistoryTable *month = lfirst(lc);
		ListCell   *lc2;

		if (month->first >= oldest || months_to_drop == 0)
			break;
		if (month->end <= oldest)
		{
			if (drop_unless_read(history, month->oid))
				months_to_drop--;
			continue;
		}
		foreach(lc2, partitions_of(month->oid))
		{
			const HistoryTable *day = lfirst(lc2);

			if (day->end <= oldest)
				drop_unless_read(month->oid, day->oid);
		}
	}
}

/*
 * Forget the days beyond the model's retention; after the swap, since the locks
 * taken here stay until the end of the transaction
 *
 * What is old is so today at the latest: a refresh as of a moment to come,
 * perhaps mistyped, forgets nothing.
 */
void
history_forget(const Run *run)
{
	const Model *model = run->model;
	TimestampTz moment = Min(run->as_of, GetCurrentTransactionStartTimestamp());
	Oid			history = find_table(model, "score_history");
	DateADT		oldest;

	if (model->history_retention == 0 || moment < FIRST_HISTORY_MOMENT || !OidIsValid(history) ||
		model->history_retention > (double) (moment - FIRST_HISTORY_MOMENT))
		return;
	oldest = day_of(moment - (TimestampTz) model->history_retention);
	drop_days_before(history, oldest);
	calibration_forget_days(model, oldest);
}
