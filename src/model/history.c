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
 */
#include "compat.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "model/history.h"
#include "model/replacement.h"
#include "query.h"

/* How far back the changes in the view "scores" look, in days */
static const int change_days[3] = {1, 7, 30};

/* Days that are searched for an earlier score, or for tables to drop */
#define SEARCHED_DAYS	400

/* The history names its tables by years of four digits: 1900 to 9999 */
#define FIRST_HISTORY_MOMENT	(INT64CONST(-36524) * USECS_PER_DAY)
#define END_HISTORY_MOMENT	(INT64CONST(2921000) * USECS_PER_DAY)

/* Reading one day of the history */
typedef struct ChangeReader
{
	InternTable *people;
	Scores	   *scores;
	int			change;			/* index into PersonScore.change */
} ChangeReader;

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
 * A relation in the model's schema, InvalidOid when there is none
 */
static Oid
find_table(const Model *model, const char *name)
{
	return get_relname_relid(name, get_namespace_oid(model->ref.schema, false));
}

/*
 * The table of the latest published day until "day", NULL when there is none
 */
static char *
latest_day_table(const Model *model, DateADT day)
{
	for (int i = 0; i < SEARCHED_DAYS; i++)
	{
		char	   *day_table;
		char	   *month_table;

		table_names(day - i, &day_table, &month_table);
		if (OidIsValid(find_table(model, day_table)))
			return day_table;
	}
	return NULL;
}

static void
change_start(TupleDesc desc pg_attribute_unused(), void *arg pg_attribute_unused())
{
}

/*
 * Callback: one person's score of the earlier day
 */
static void
change_row(TupleTableSlot *slot, void *arg)
{
	ChangeReader *reader = arg;
	uint32		person;
	PersonScore *score;

	if (!intern_find(reader->people, slot->tts_values[0], &person) ||
		reader->scores->position[person] == NOBODY)
		return;
	score = &reader->scores->people[reader->scores->position[person]];
	score->change[reader->change] = score->score - DatumGetFloat8(slot->tts_values[1]);
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
		char	   *table = latest_day_table(model, day_of(as_of) - change_days[i]);

		/* casts, because somebody may have put another table there */
		if (table != NULL)
			query_stream(psprintf("SELECT user_id::%s, score::float8 FROM %s",
								  format_type_be(model->ref.id_type),
								  quote_qualified_identifier(model->ref.schema, table)),
						 change_start, change_row, &reader);
	}
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
 * Create a table like "parent" for the days from first to before last and attach it
 */
static void
attach_table(const Model *model, const char *parent, const char *name,
			 DateADT first, DateADT last, const char *partitioned, const char *what)
{
	const char *schema = model->ref.schema;
	char	   *table = quote_qualified_identifier(schema, name);

	execute(psprintf("CREATE TABLE %s (LIKE %s.score_history, PRIMARY KEY (user_id, day))%s",
					 table, quote_identifier(schema), partitioned));
	execute(psprintf("COMMENT ON TABLE %s IS %s", table, quote_literal_cstr(what)));
	execute(psprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)",
					 quote_qualified_identifier(schema, parent), table,
					 date_literal(first), date_literal(last)));
}

/*
 * The table of a day, created when it is missing
 */
static Oid
ensure_day_table(const Model *model, DateADT day)
{
	char	   *day_table;
	char	   *month_table;

	table_names(day, &day_table, &month_table);
	if (!OidIsValid(find_table(model, month_table)))
	{
		int			year;
		int			month;
		int			month_day;
		DateADT		first;
		DateADT		next;

		j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &month_day);
		first = date2j(year, month, 1) - POSTGRES_EPOCH_JDATE;
		next = (month == 12 ? date2j(year + 1, 1, 1) : date2j(year, month + 1, 1)) - POSTGRES_EPOCH_JDATE;
		attach_table(model, "score_history", month_table, first, next,
					 " PARTITION BY RANGE (day)", "Scores published in a month, a table a day");
	}
	if (!OidIsValid(find_table(model, day_table)))
		attach_table(model, month_table, day_table, day, day + 1, "", "Scores published on a day (UTC)");
	return find_table(model, day_table);
}

/*
 * Refuse a table of the day's name that is not ours
 */
static void
check_day_table(const Model *model, TupleDesc desc)
{
	Oid			types[4] = {model->ref.id_type, DATEOID, TIMESTAMPTZOID, FLOAT8OID};
	bool		same = desc->natts == lengthof(types);

	for (int i = 0; same && i < (int) lengthof(types); i++)
		same = TupleDescAttr(desc, i)->atttypid == types[i];
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a table in schema \"%s\" that is named like a day of score_history is not one",
						model->ref.schema),
				 errhint("Rename it.")));
}

/*
 * Build the replacement of the day's table from a run
 *
 * Returns a list of it, empty for moments that no date can name in the table's
 * name.
 */
List *
history_replace(const Run *run)
{
	DateADT		day = day_of(run->as_of);
	Replacement *replacement;
	Datum		values[4];
	bool		nulls[4] = {false};
	Oid			table;

	if (run->as_of < FIRST_HISTORY_MOMENT || run->as_of >= END_HISTORY_MOMENT)
		return NIL;
	SPI_connect();
	table = ensure_day_table(run->model, day);
	SPI_finish();

	replacement = replacement_begin(table);
	check_day_table(run->model, replacement_desc(replacement));
	for (uint32 i = 0; i < run->scores->count; i++)
	{
		const PersonScore *person = &run->scores->people[run->scores->by_id[i]];

		values[0] = intern_datum(run->ingest->people, person->person);
		values[1] = DateADTGetDatum(day);
		values[2] = TimestampTzGetDatum(run->as_of);
		values[3] = Float8GetDatum(person->score);
		replacement_put(replacement, values, nulls);
	}
	replacement_finish(replacement);
	return list_make1(replacement);
}

/*
 * Drop a table of the history unless somebody is reading it or its parent
 */
static void
drop_unless_read(const Model *model, const char *parent, const char *name)
{
	Oid			table = find_table(model, name);

	if (OidIsValid(table) &&
		ConditionalLockRelationOid(find_table(model, parent), AccessExclusiveLock) &&
		ConditionalLockRelationOid(table, AccessExclusiveLock))
		execute(psprintf("DROP TABLE %s", quote_qualified_identifier(model->ref.schema, name)));
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
	DateADT		oldest;

	if (model->history_retention == 0 || moment < FIRST_HISTORY_MOMENT ||
		model->history_retention > (double) (moment - FIRST_HISTORY_MOMENT))
		return;
	oldest = day_of(moment - (TimestampTz) model->history_retention);
	SPI_connect();
	for (int i = 1; i <= SEARCHED_DAYS; i++)
	{
		char	   *day_table;
		char	   *month_table;
		char	   *kept_day_table;
		char	   *kept_month_table;

		table_names(oldest - i, &day_table, &month_table);
		table_names(oldest, &kept_day_table, &kept_month_table);
		if (strcmp(month_table, kept_month_table) != 0)
			drop_unless_read(model, "score_history", month_table);
		else
			drop_unless_read(model, month_table, day_table);
	}
	SPI_finish();
}
