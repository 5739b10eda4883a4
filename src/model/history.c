/*
 * The table score_history of a model: one row per person and day (UTC), of the
 * day's last refresh, in a partition per month.
 */
#include "compat.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "model/history.h"
#include "query.h"

/* How far back the changes in the view "scores" look, in days */
static const int change_days[3] = {1, 7, 30};

/* Reading one day of the history */
typedef struct ChangeReader
{
	InternTable *people;
	Scores	   *scores;
	int			change;			/* index into PersonScore.change */
} ChangeReader;

static char *
history_table(const Model *model)
{
	return quote_qualified_identifier(model->ref.schema, "score_history");
}

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

static char *
date_literal(DateADT day)
{
	return quote_literal_cstr(DatumGetCString(DirectFunctionCall1(date_out, DateADTGetDatum(day))));
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
	char	   *table = history_table(model);

	if (!OidIsValid(get_relname_relid("score_history", get_namespace_oid(model->ref.schema, false))))
		return;
	for (int i = 0; i < (int) lengthof(change_days); i++)
	{
		ChangeReader reader = {.people = ingest->people,.scores = scores,.change = i};
		DateADT		day = day_of(as_of) - change_days[i];
		char	   *since;

		/* no day of the history is that early */
		if (!IS_VALID_DATE(day))
			continue;
		since = date_literal(day);
		/* casts, because somebody may have put another table there */
		query_stream(psprintf("SELECT user_id::%s, score::float8 FROM %s WHERE day OPERATOR(pg_catalog.=) "
							  "(SELECT pg_catalog.max(day) FROM %s WHERE day OPERATOR(pg_catalog.<=) %s::date)",
							  format_type_be(model->ref.id_type), table, table, since),
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

/*
 * Make sure that the partition of a month exists
 */
static void
create_partition(const Model *model, int year, int month)
{
	char	   *name = psprintf("score_history_%04d_%02d", year, month);
	Oid			schema = get_namespace_oid(model->ref.schema, false);

	if (OidIsValid(get_relname_relid(name, schema)))
		return;
	execute(psprintf("CREATE TABLE %s PARTITION OF %s FOR VALUES FROM ('%04d-%02d-01') TO ('%04d-%02d-01')",
					 quote_qualified_identifier(model->ref.schema, name), history_table(model),
					 year, month, month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1));
	execute(psprintf("COMMENT ON TABLE %s IS 'Scores published in %04d-%02d'",
					 quote_qualified_identifier(model->ref.schema, name), year, month));
}

/*
 * Store the scores that were published just now, and forget what is too old
 *
 * A later refresh of the same day replaces the earlier one's rows. What is old
 * is so today at the latest, so that a refresh as of a moment to come, perhaps
 * mistyped, forgets nothing.
 */
void
history_store(const Model *model, TimestampTz as_of)
{
	DateADT		day = day_of(as_of);
	DateADT		today = day_of(GetCurrentTransactionStartTimestamp());
	char	   *table = history_table(model);
	int			year;
	int			month;
	int			month_day;

	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &month_day);
	if (year < 1 || year > 9998)
		return;

	SPI_connect();
	create_partition(model, year, month);
	execute(psprintf("DELETE FROM %s WHERE day OPERATOR(pg_catalog.=) %s::date", table, date_literal(day)));
	execute(psprintf("INSERT INTO %s (user_id, day, as_of, score) SELECT user_id, %s::date, as_of, score FROM %s",
					 table, date_literal(day), quote_qualified_identifier(model->ref.schema, "scores")));
	if (!model->keep_history_for_ever)
		execute(psprintf("DELETE FROM %s WHERE day OPERATOR(pg_catalog.<) "
						 "(SELECT (%s::date OPERATOR(pg_catalog.-) history_retention)::date "
						 "FROM influence.models WHERE model OPERATOR(pg_catalog.=) %s)",
						 table, date_literal(Min(day, today)), quote_literal_cstr(model->ref.name)));
	SPI_finish();
}
