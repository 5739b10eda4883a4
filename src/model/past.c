/*
 * Scores of the past: influence_score(user, as_of) and influence_history().
 *
 * The bounds of the days let the server leave out the tables of other days.
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "model/reading.h"

static const ReadRelation read_relations[] = {
	{"score_history", "user_id day as_of score"}
};

/*
 * The model that an argument of a function names, or the one that is meant
 */
static ModelRef *
model_argument(FunctionCallInfo fcinfo, int argument)
{
	return model_resolve(PG_ARGISNULL(argument) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(argument)));
}

PG_FUNCTION_INFO_V1(influence_score_at);

/*
 * influence_score(user_id text, as_of timestamptz, model text) returns float8: the
 * latest score until then; NULL when there is none
 */
Datum
influence_score_at(PG_FUNCTION_ARGS)
{
	ModelRef   *ref = model_argument(fcinfo, 2);
	Oid			types[2] = {TEXTOID, TIMESTAMPTZOID};
	Datum		values[2] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};
	char		nulls[2] = {PG_ARGISNULL(0) ? 'n' : ' ', PG_ARGISNULL(1) ? 'n' : ' '};
	Reading		reading = {
		.ref = ref,.relations = read_relations,.relation_count = lengthof(read_relations),
		.parameter_count = 2,.types = types,.values = values,.nulls = nulls
	};
	bool		isnull;
	Datum		score;

	reading.sql = psprintf("SELECT h.score::float8 FROM %s.score_history AS h "
						   "WHERE h.user_id = $1::%s AND h.day <= ($2 AT TIME ZONE 'UTC')::date AND h.as_of <= $2 "
						   "ORDER BY h.day DESC LIMIT 1",
						   quote_identifier(ref->schema), format_type_be(ref->id_type));
	score = reading_value(&reading, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(score);
}

static char *
moment_text(Datum moment)
{
	return DatumGetCString(DirectFunctionCall1(timestamptz_out, moment));
}

PG_FUNCTION_INFO_V1(influence_history);

/*
 * influence_history(user_id text, since timestamptz, until timestamptz, model text):
 * as_of, score; NULL for no limit
 */
Datum
influence_history(PG_FUNCTION_ARGS)
{
	ModelRef   *ref = model_argument(fcinfo, 3);
	Oid			types[3] = {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[3] = {
		PG_GETARG_DATUM(0),
		PG_ARGISNULL(1) ? TimestampTzGetDatum(DT_NOBEGIN) : PG_GETARG_DATUM(1),
		PG_ARGISNULL(2) ? TimestampTzGetDatum(DT_NOEND) : PG_GETARG_DATUM(2)
	};
	char		nulls[3] = {PG_ARGISNULL(0) ? 'n' : ' ', ' ', ' '};
	Reading		reading = {
		.ref = ref,.relations = read_relations,.relation_count = lengthof(read_relations),
		.parameter_count = 3,.types = types,.values = values,.nulls = nulls
	};

	model_owner(ref);			/* an error when the views are gone */
	if (DatumGetTimestampTz(values[1]) > DatumGetTimestampTz(values[2]))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("history from %s to %s ends before it begins", moment_text(values[1]), moment_text(values[2])),
				 errhint("Give the earlier moment first.")));
	reading.sql = psprintf("SELECT h.as_of::timestamptz, h.score::float8 FROM %s.score_history AS h "
						   "WHERE h.user_id = $1::%s "
						   "AND h.day BETWEEN ($2 AT TIME ZONE 'UTC')::date AND ($3 AT TIME ZONE 'UTC')::date "
						   "AND h.as_of BETWEEN $2 AND $3 ORDER BY h.day",
						   quote_identifier(ref->schema), format_type_be(ref->id_type));
	reading_rows(fcinfo, &reading);
	return (Datum) 0;
}
