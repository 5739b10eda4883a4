/*
 * What is remarkable about the data of a refresh: most rows did not count, or
 * most people are gone. Neither is an error, since an application may well have
 * changed like that; a wrong mapping or an empty source looks the same.
 *
 * Levels: what is so at each refresh is a notice, which does not get into the
 * server's log. A fall is a warning, and there is one only for each fall.
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "model/remarks.h"

static const char *const reason_hints[IGNORE_REASON_COUNT] = {
	[IGNORE_NULL_TARGET] = "They have no target; see its mapping in influence.sources.",
	[IGNORE_NULL_TIME] = "They have no time; see the mapping of occurred_at in influence.sources.",
	[IGNORE_NO_SIGNAL] = "Their network and kind must be a row of influence.signals; case matters.",
	[IGNORE_BAD_TIME] = "Their time is infinite; see the mapping of occurred_at in influence.sources.",
	[IGNORE_BAD_WEIGHT] = "Their weight is negative, infinite or NaN; see its mapping in influence.sources.",
	[IGNORE_BAD_SENTIMENT] = "Their sentiment is not from -1 to 1; see its mapping in influence.sources.",
	[IGNORE_FUTURE] = "They are later than as_of.",
	[IGNORE_OUTSIDE_WINDOW] = "They are older than time_window in influence.models; as_of is for moments in the past.",
	[IGNORE_ZERO_WEIGHT] = "Their own weight is 0, or that of their signal in influence.signals.",
	[IGNORE_SELF] = "Their actor is their target; see both mappings in influence.sources.",
	[IGNORE_BAD_TARGET] = "Their target has more than 2000 bytes, packed; see its mapping in influence.sources.",
	[IGNORE_NOT_SCORED] = "Their target opted out or, with scored_only in influence.models, did not opt in.",
	[IGNORE_HIDDEN_ACTOR] = "Their actor opted out; see opted_out_actors in influence.models.",
	[IGNORE_UNLINKED_ACCOUNT] = "Their target is an account that is linked to nobody; see influence_set_accounts()."
};

/*
 * Rows that did not count, for any reason
 */
static uint64
count_ignored(const Ingest *ingest)
{
	uint64		sum = 0;

	for (int i = 0; i < IGNORE_REASON_COUNT; i++)
		sum += ingest->rows_ignored[i];
	return sum;
}

/*
 * Notice that most rows did not count, with the reason, or that there are none
 *
 * Rows before the window or after as_of are what tables have; they are worth a
 * notice only where no row counted.
 */
static void
report_rows(const Run *run)
{
	const Ingest *ingest = run->ingest;
	const char *model = run->model->ref.name;
	uint64		rows = ingest->rows_read + ingest->rows_kept;
	bool		none_counted = count_ignored(ingest) == rows;

	if (rows == 0)
		ereport(NOTICE,
				(errmsg("model \"%s\": no rows were read", model),
				 run->model->sources == NIL ?
				 errhint("It has no source; add one with influence_add_source().") :
				 errhint("See its sources and their filters in influence.sources.")));
	for (int i = 0; i < IGNORE_REASON_COUNT; i++)
	{
		bool		usual = i == IGNORE_FUTURE || i == IGNORE_OUTSIDE_WINDOW;

		if (ingest->rows_ignored[i] > rows / 2 && (!usual || none_counted))
			ereport(NOTICE,
					(errmsg("model \"%s\": " UINT64_FORMAT " of " UINT64_FORMAT " rows did not count, as %s",
							model, ingest->rows_ignored[i], rows, ignore_reason_name(i)),
					 errhint("%s", reason_hints[i])));
	}
}

/*
 * People scored by the last successful refresh, if that was as of an earlier
 * moment; 0 when there was none
 */
static int64
last_people(const Run *run)
{
	Oid			types[2] = {TEXTOID, TIMESTAMPTZOID};
	Datum		values[2];
	int64		people = 0;
	bool		isnull = true;

	values[0] = CStringGetTextDatum(run->model->ref.name);
	values[1] = TimestampTzGetDatum(run->as_of);
	SPI_connect();
	/* the log keeps the runs of an earlier model of that name */
	SPI_execute_with_args("SELECT CASE WHEN l.as_of <= $2 THEN l.users END "
						  "FROM influence.refresh_log AS l JOIN influence.models AS m ON m.model = l.model "
						  "WHERE l.model = $1 AND l.status = 'success' AND l.finished_at >= m.created_at "
						  "ORDER BY l.finished_at DESC, l.run_id DESC LIMIT 1",
						  2, types, values, NULL, true, 1);
	if (SPI_processed == 1)
		people = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return isnull ? 0 : people;
}

/*
 * Warn that more than half of the people who had scores have none any more
 */
static void
report_people(const Run *run)
{
	int64		people = run->scores->count;
	int64		before = last_people(run);

	if (people < before - people)
		ereport(WARNING,
				(errmsg("model \"%s\": the number of people scored fell from " INT64_FORMAT " to " INT64_FORMAT,
						run->model->ref.name, before, people),
				 errdetail(UINT64_FORMAT " of " UINT64_FORMAT " rows counted.",
						   run->ingest->rows_read + run->ingest->rows_kept - count_ignored(run->ingest),
						   run->ingest->rows_read + run->ingest->rows_kept),
				 errhint("Why rows do not count is in rows_ignored of influence.refresh_log.")));
}

/*
 * Report on a run that was published and is not in the log yet
 */
void
remarks_report(const Run *run)
{
	report_rows(run);
	report_people(run);
}
