/*
 * The query that reads a source in groups instead of rows.
 *
 * It is meant to run where the rows are, as "Remote SQL" of a foreign table or
 * on the shards of a distributed one, so that one row comes back for all rows
 * that are alike. Two halves in a UNION ALL:
 *
 *   rows that count      one group for each actor, target, network and kind (and
 *                        post, where posts are counted), with the sum of the
 *                        weights, each decayed to the moment of the last
 *   rows that do not     one group for each reason
 *
 * Which rows count is said in both halves by the same list of conditions, in
 * the order of read_row() in reader.c; they must not disagree with it.
 *
 * Wording: an anonymous row has no actor, but weight people. What it is worth
 * is not linear in its decay, so it is grouped with those of the same moment and
 * sentiment only.
 *
 * What postgres_fdw ships decides how things are written: constants instead of
 * functions that are not immutable, CASE instead of coalesce() and least(), and
 * no text constant but in a comparison with a column.
 */
#include "compat.h"

#include <math.h>

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "math/decay.h"
#include "model/grouped_query.h"
#include "model/source.h"

/* A reason why rows do not count, as conditions on a row that no earlier reason fits */
typedef struct Condition
{
	IgnoreReason reason;
	char	   *bad;			/* NULL counts as false */
	char	   *good;			/* never NULL; true where bad is not */
} Condition;

typedef struct GroupedQuery
{
	const Model *model;
	const Source *source;
	TimestampTz as_of;
	const char *schema;			/* of the extension, quoted */
	const char *row_weight;		/* expression, never NULL */
	bool		has_sentiment;	/* rows bring one that counts */
	int			condition_count;
	Condition	conditions[IGNORE_REASON_COUNT];

	StringInfoData columns;		/* of the half of the rows that count */
	StringInfoData keys;		/* positions of those to group by */
	int			column_count;
} GroupedQuery;

/* What is asked of signals; argument: a half-life, where that is the question */
typedef bool (*SignalTest) (const Signal *signal, double argument);

static bool
is_standing(const Signal *signal, double argument pg_attribute_unused())
{
	return role_is_standing(signal->role);
}

static bool
is_weightless(const Signal *signal, double argument pg_attribute_unused())
{
	return signal->weight == 0;
}

static bool
needs_another(const Signal *signal, double argument pg_attribute_unused())
{
	return role_is_engaging(signal->role) || signal->role == ROLE_FOLLOW;
}

static bool
names_post(const Signal *signal, double argument pg_attribute_unused())
{
	return signal->role == ROLE_SHARE || signal->role == ROLE_POST;
}

static bool
is_authority(const Signal *signal, double argument pg_attribute_unused())
{
	return signal->role == ROLE_AUTHORITY;
}

static bool
has_half_life(const Signal *signal, double argument)
{
	return signal->half_life == argument;
}

static const char *
network_name(const GroupedQuery *query, const Signal *signal)
{
	return query->model->networks[signal->network].name;
}

/*
 * Can rows of the source be of this signal?
 */
static bool
is_possible(const GroupedQuery *query, const Signal *signal)
{
	const Source *source = query->source;

	return (source->kind == NULL || strcmp(source->kind, signal->kind) == 0) &&
		(source->network == NULL ||
		 strcmp(source->network, network_name(query, signal)) == 0);
}

/*
 * Append a constant to a list
 */
static void
append_constant(StringInfo list, const char *name)
{
	appendStringInfo(list, "%s%s", list->len > 0 ? ", " : "", quote_literal_cstr(name));
}

/*
 * Append an alternative to a condition
 */
static void
append_alternative(StringInfo condition, const char *alternative)
{
	appendStringInfo(condition, "%s%s", condition->len > 0 ? " OR " : "", alternative);
}

/*
 * Condition for "the row has a signal", by the names of network and kind
 */
static char *
known_condition(const GroupedQuery *query)
{
	const Model *model = query->model;
	StringInfoData condition;

	initStringInfo(&condition);
	for (int network = 0; network < model->network_count; network++)
	{
		StringInfoData kinds;
		char	   *of_kind;
		char	   *of_network;

		initStringInfo(&kinds);
		for (int i = 0; i < model->signal_count; i++)
			if (model->signals[i].network == network && is_possible(query, &model->signals[i]))
				append_constant(&kinds, model->signals[i].kind);
		if (kinds.len == 0)
			continue;
		of_kind = query->source->kind != NULL ? "true" : psprintf("kind = ANY (ARRAY[%s])", kinds.data);
		of_network = query->source->network != NULL ? "true" :
			psprintf("network = %s", quote_literal_cstr(model->networks[network].name));
		append_alternative(&condition, strcmp(of_network, "true") == 0 ? of_kind :
						   strcmp(of_kind, "true") == 0 ? of_network : psprintf("%s AND %s", of_network, of_kind));
	}
	return condition.len == 0 ? "false" : strcmp(condition.data, "true") == 0 ? "true" :
		psprintf("(%s)", condition.data);
}

/*
 * Networks on which the kind of a signal passes the test (or, not wanted, does
 * not), as a list of constants; all: set to whether these are all that it is on
 */
static char *
networks_of_kind(const GroupedQuery *query, const Signal *signal, SignalTest test, double argument,
				 bool wanted, bool *all)
{
	const Model *model = query->model;
	StringInfoData networks;

	*all = true;
	initStringInfo(&networks);
	for (int i = 0; i < model->signal_count; i++)
	{
		const Signal *other = &model->signals[i];

		if (!is_possible(query, other) || strcmp(other->kind, signal->kind) != 0)
			continue;
		if (test(other, argument) == wanted)
			append_constant(&networks, network_name(query, other));
		else
			*all = false;
	}
	return networks.data;
}

/*
 * Is there an earlier signal of that kind?
 */
static bool
kind_was_seen(const GroupedQuery *query, int index)
{
	const Signal *signals = query->model->signals;

	for (int i = 0; i < index; i++)
		if (is_possible(query, &signals[i]) && strcmp(signals[i].kind, signals[index].kind) == 0)
			return true;
	return false;
}

/*
 * Condition for a row that has a signal to have one that passes the test, or,
 * not wanted, that does not: by its kind alone wherever that says it
 */
static char *
names_condition(const GroupedQuery *query, SignalTest test, double argument, bool wanted)
{
	const Source *source = query->source;
	StringInfoData condition;
	StringInfoData kinds;

	initStringInfo(&condition);
	initStringInfo(&kinds);
	for (int i = 0; i < query->model->signal_count; i++)
	{
		const Signal *signal = &query->model->signals[i];
		char	   *networks;
		bool		all;

		if (!is_possible(query, signal) || kind_was_seen(query, i))
			continue;
		networks = networks_of_kind(query, signal, test, argument, wanted, &all);
		if (networks[0] == '\0')
			continue;
		if (all)
			append_constant(&kinds, signal->kind);
		else
			append_alternative(&condition, psprintf("%snetwork = ANY (ARRAY[%s])",
													source->kind != NULL ? "" :
													psprintf("kind = %s AND ", quote_literal_cstr(signal->kind)),
													networks));
	}
	if (kinds.len > 0)
		append_alternative(&condition, psprintf("kind = ANY (ARRAY[%s])", kinds.data));
	return psprintf("(%s)", condition.data);
}

/*
 * Condition for a row that has a signal to have one that passes the test: "true"
 * or "false" where the source's signals settle it
 */
static char *
signal_condition(const GroupedQuery *query, SignalTest test, double argument)
{
	int			passing = 0;
	int			failing = 0;

	for (int i = 0; i < query->model->signal_count; i++)
	{
		const Signal *signal = &query->model->signals[i];

		if (!is_possible(query, signal))
			continue;
		if (test(signal, argument))
			passing++;
		else
			failing++;
	}
	if (passing == 0)
		return "false";
	if (failing == 0)
		return "true";
	if (passing <= failing)
		return names_condition(query, test, argument, true);
	return psprintf("(NOT %s)", names_condition(query, test, argument, false));
}

static bool
is_false(const char *condition)
{
	return strcmp(condition, "false") == 0;
}

/*
 * A moment as a constant, within what timestamps can be
 */
static char *
moment(double at)
{
	TimestampTz clamped = at <= (double) MIN_TIMESTAMP ? MIN_TIMESTAMP :
		at >= (double) END_TIMESTAMP ? END_TIMESTAMP - 1 : (TimestampTz) at;

	return psprintf("'%s'::timestamptz",
					DatumGetCString(DirectFunctionCall1(timestamptz_out, TimestampTzGetDatum(clamped))));
}

/*
 * The moment that many microseconds before as_of, exact where a double would not be
 */
static char *
moment_before(const GroupedQuery *query, double age)
{
	if (fabs(age) < (double) MAX_AGE && query->as_of - (int64) age >= MIN_TIMESTAMP &&
		query->as_of - (int64) age < END_TIMESTAMP)
		return psprintf("'%s'::timestamptz",
						DatumGetCString(DirectFunctionCall1(timestamptz_out,
															TimestampTzGetDatum(query->as_of - (int64) age))));
	return moment((double) query->as_of - age);
}

static void
add_condition(GroupedQuery *query, IgnoreReason reason, char *bad, char *good)
{
	Condition  *condition = &query->conditions[query->condition_count++];

	condition->reason = reason;
	condition->bad = bad;
	condition->good = good != NULL ? good : psprintf("NOT (%s)", bad);
}

/*
 * Conditions on the time of a row
 */
static void
add_time_conditions(GroupedQuery *query)
{
	const Model *model = query->model;
	char	   *standing = signal_condition(query, is_standing, 0);
	char	   *latest = moment_before(query, -model->clock_skew);

	add_condition(query, IGNORE_FUTURE, psprintf("occurred_at > %s", latest),
				  psprintf("occurred_at <= %s", latest));
	if (model->time_window > 0)
	{
		char	   *first = moment_before(query, model->time_window);

		add_condition(query, IGNORE_OUTSIDE_WINDOW,
					  psprintf("occurred_at < %s AND NOT %s", first, standing),
					  is_false(standing) ? psprintf("occurred_at >= %s", first) :
					  psprintf("(occurred_at >= %s OR %s)", first, standing));
	}
}

/*
 * All reasons why rows may not count, in the order of read_row()
 */
static void
add_conditions(GroupedQuery *query)
{
	const Source *source = query->source;
	char	   *known = known_condition(query);

	add_condition(query, IGNORE_NULL_TARGET, "target IS NULL", "target IS NOT NULL");
	add_condition(query, IGNORE_NULL_TIME, "occurred_at IS NULL", "occurred_at IS NOT NULL");
	if (strcmp(known, "true") != 0)
		add_condition(query, IGNORE_NO_SIGNAL,
					  psprintf("CASE WHEN %s THEN false ELSE true END", known), known);
	add_condition(query, IGNORE_BAD_TIME, "NOT isfinite(occurred_at)", "isfinite(occurred_at)");
	/* NaN is above all other numbers */
	if (source->weight != NULL)
		add_condition(query, IGNORE_BAD_WEIGHT,
					  psprintf("weight < 0 OR weight > %g", MAX_ROW_WEIGHT),
					  psprintf("(weight IS NULL OR weight >= 0 AND weight <= %g)", MAX_ROW_WEIGHT));
	if (source->sentiment != NULL)
		add_condition(query, IGNORE_BAD_SENTIMENT, "sentiment < -1 OR sentiment > 1",
					  "(sentiment IS NULL OR sentiment >= -1 AND sentiment <= 1)");
	add_time_conditions(query);
	add_condition(query, IGNORE_ZERO_WEIGHT,
				  psprintf("%s = 0 OR %s", query->row_weight, signal_condition(query, is_weightless, 0)),
				  NULL);
	if (source->actor != NULL)
	{
		char	   *another = signal_condition(query, needs_another, 0);

		add_condition(query, IGNORE_SELF, psprintf("actor = target AND %s", another),
					  psprintf("(actor IS NULL OR actor <> target OR NOT %s)", another));
	}
}

/*
 * Append a column to the half of the rows that count; key: it is grouped by
 */
static void
add_column(GroupedQuery *query, bool key, const char *expression)
{
	query->column_count++;
	appendStringInfo(&query->columns, "%s%s", query->column_count > 1 ? ", " : "", expression);
	if (key)
		appendStringInfo(&query->keys, "%s%d", query->keys.len > 0 ? ", " : "", query->column_count);
}

/*
 * Column that is the value where the condition holds; NULL elsewhere
 */
static void
add_key_where(GroupedQuery *query, const char *condition, const char *value, const char *type)
{
	if (is_false(condition))
		add_column(query, false, psprintf("NULL::%s", type));
	else if (strcmp(condition, "true") == 0)
		add_column(query, true, value);
	else
		add_column(query, true, psprintf("CASE WHEN %s THEN %s END", condition, value));
}

/*
 * Condition for a row to be an anonymous count
 */
static char *
anonymous_condition(const GroupedQuery *query)
{
	char	   *people = signal_condition(query, needs_another, 0);

	if (query->source->actor == NULL || is_false(people))
		return people;
	return psprintf("actor IS NULL AND %s", people);
}

/*
 * A half-life as a constant; months have become days
 */
static char *
half_life_constant(double half_life)
{
	int64		usec = (int64) half_life;

	return psprintf("'%d days " INT64_FORMAT " microseconds'::interval",
					(int) (usec / USECS_PER_DAY), usec % USECS_PER_DAY);
}

/*
 * The half-life of a row; NULL when none of the signals fades
 *
 * One that does not fade gets any: its weights are added up by GROUP_SUM.
 */
static char *
half_life_expression(const GroupedQuery *query)
{
	StringInfoData expression;
	double		last = INFINITY;

	initStringInfo(&expression);
	for (int i = 0; i < query->model->signal_count; i++)
	{
		const Signal *signal = &query->model->signals[i];
		bool		seen = isinf(signal->half_life) || signal->half_life == last;

		if (seen || !is_possible(query, signal))
			continue;
		for (int j = 0; j < i && !seen; j++)
			seen = is_possible(query, &query->model->signals[j]) &&
				query->model->signals[j].half_life == signal->half_life;
		if (seen)
			continue;
		if (!isinf(last))
			appendStringInfo(&expression, "WHEN %s THEN %s ",
							 signal_condition(query, has_half_life, last), half_life_constant(last));
		last = signal->half_life;
	}
	if (isinf(last))
		return NULL;
	if (expression.len == 0)
		return half_life_constant(last);
	return psprintf("CASE %sELSE %s END", expression.data, half_life_constant(last));
}

/*
 * Column with the sum of an expression over rows, decayed to the last of them
 *
 * Ages are cut at both ends as those of rows are: what is later than as_of has
 * the age 0, and none is above MAX_AGE.
 */
static void
add_decayed(GroupedQuery *query, const char *value, const char *half_life)
{
	char	   *as_of = moment_before(query, 0);
	char	   *oldest = moment_before(query, (double) (MAX_AGE - 1));
	bool		any_age = query->model->time_window == 0 || !is_false(signal_condition(query, is_standing, 0));
	char	   *at = psprintf("CASE WHEN occurred_at > %s THEN %s %sELSE occurred_at END", as_of, as_of,
							  !any_age ? "" : psprintf("WHEN occurred_at < %s THEN %s ", oldest, oldest));

	if (half_life == NULL || value == NULL)
		add_column(query, false, "NULL::float8");
	else
		add_column(query, false,
				   psprintf("%s.influence_decayed_sum(%s.influence_decay_agg(%s, %s, %s), max(%s))",
							query->schema, query->schema, value, at, half_life, at));
}

/*
 * Column with the plain sum of an expression, for signals that do not fade
 */
static void
add_sum(GroupedQuery *query, const char *value)
{
	if (value == NULL || is_false(signal_condition(query, has_half_life, INFINITY)))
		add_column(query, false, "NULL::float8");
	else
		add_column(query, false, psprintf("sum(%s)", value));
}

/*
 * Part of a row's weight that goes to influence. Not taken apart are anonymous
 * counts, since weights are people there, and posts, where it has no part.
 */
static char *
influence_part(const GroupedQuery *query)
{
	char	   *another = signal_condition(query, needs_another, 0);
	char	   *authority = signal_condition(query, is_authority, 0);

	if (!query->has_sentiment)
		return pstrdup(query->row_weight);
	return psprintf("CASE WHEN sentiment < 0 AND (actor IS NOT NULL AND %s OR %s) "
					"THEN %s * (1 + sentiment) ELSE %s END",
					another, authority, query->row_weight, query->row_weight);
}

/*
 * The columns of the half of the rows that count, in the order of GroupColumn
 */
static void
add_columns(GroupedQuery *query)
{
	const Source *source = query->source;
	const char *id_type = query->model->ref.id_type == INT8OID ? "bigint" :
		query->model->ref.id_type == UUIDOID ? "uuid" : "text";
	char	   *anonymous = anonymous_condition(query);
	char	   *half_life = half_life_expression(query);
	char	   *influence = influence_part(query);
	char	   *hostile = query->has_sentiment ?
		psprintf("CASE WHEN sentiment < 0 THEN %s * -sentiment END", query->row_weight) : NULL;
	char	   *friendly = query->has_sentiment ?
		psprintf("CASE WHEN sentiment > 0 THEN %s * sentiment END", query->row_weight) : NULL;

	initStringInfo(&query->columns);
	initStringInfo(&query->keys);
	add_column(query, false, "NULL::int4");
	add_key_where(query, source->network_column != NULL ? "true" : "false", "network", "text");
	add_key_where(query, source->kind_column != NULL ? "true" : "false", "kind", "text");
	add_column(query, true, "target");
	add_key_where(query, source->actor != NULL ? "true" : "false", "actor", id_type);
	add_key_where(query, source->post != NULL ? signal_condition(query, names_post, 0) : "false",
				  "post", "text");
	add_key_where(query, query->has_sentiment ? "true" : "false",
				  "CASE WHEN sentiment IS NULL THEN 0 WHEN sentiment < 0 THEN -1 ELSE 1 END", "int4");
	add_key_where(query, anonymous, "occurred_at", "timestamptz");
	add_key_where(query, query->has_sentiment ? anonymous : "false", "sentiment", "float8");
	add_column(query, false, "count(*)");
	add_column(query, false, "min(occurred_at)");
	add_column(query, false, "max(occurred_at)");
	add_decayed(query, influence, half_life);
	add_sum(query, influence);
	add_decayed(query, hostile, half_life);
	add_sum(query, hostile);
	add_decayed(query, friendly, half_life);
	add_sum(query, friendly);
	Assert(query->column_count == GROUP_COLUMN_COUNT);
}

/*
 * Append the half of the rows that count
 */
static void
append_counting(StringInfo sql, const GroupedQuery *query, const char *rows)
{
	appendStringInfo(sql, "SELECT %s FROM %s WHERE ", query->columns.data, rows);
	for (int i = 0; i < query->condition_count; i++)
		appendStringInfo(sql, "%s%s", i > 0 ? " AND " : "", query->conditions[i].good);
	appendStringInfo(sql, " GROUP BY %s", query->keys.data);
}

/*
 * Append the half of the rows that do not count: their number by reason
 */
static void
append_ignored(StringInfo sql, const GroupedQuery *query, const char *rows)
{
	appendStringInfoString(sql, "SELECT CASE");
	for (int i = 0; i < query->condition_count; i++)
		appendStringInfo(sql, " WHEN %s THEN %d", query->conditions[i].bad, query->conditions[i].reason);
	appendStringInfoString(sql, " END");
	for (int column = 1; column < GROUP_COLUMN_COUNT; column++)
		appendStringInfoString(sql, column == GROUP_ROWS ? ", count(*)" : ", NULL");
	appendStringInfo(sql, " FROM %s WHERE ", rows);
	for (int i = 0; i < query->condition_count; i++)
		appendStringInfo(sql, "%s(%s)", i > 0 ? " OR " : "", query->conditions[i].bad);
	appendStringInfoString(sql, " GROUP BY 1");
}

/*
 * Schema of the extension, quoted
 */
static const char *
extension_schema(void)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *schema;

	SPI_connect();
	SPI_execute("SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_extension AS e "
				"JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'influence'",
				true, 1);
	if (SPI_processed != 1)
		elog(ERROR, "extension influence is not there");
	schema = MemoryContextStrdup(context, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	SPI_finish();
	return schema;
}

/*
 * Can an influence_decay_state have the half-lives of all signals?
 */
static bool
half_lives_fit(const GroupedQuery *query)
{
	for (int i = 0; i < query->model->signal_count; i++)
	{
		double		half_life = query->model->signals[i].half_life;

		if (!isinf(half_life) && !(half_life >= 1 && half_life < (double) DECAY_MAX_HALF_LIFE))
			return false;
	}
	return true;
}

/*
 * The query that reads a source in groups as of a moment; its columns are those
 * of GroupColumn. NULL when the source can only be read in rows.
 *
 * Runs with the settings of the model's owner pinned. Errors: those of
 * source_query().
 */
char *
grouped_query(const Model *model, const Source *source, TimestampTz as_of)
{
	GroupedQuery query = {.model = model,.source = source,.as_of = as_of};
	StringInfoData sql;
	char	   *rows;

	if (!half_lives_fit(&query))
		return NULL;
	rows = psprintf("(%s) AS r (actor, target, occurred_at, kind, network, post, weight, sentiment)",
					source_query(model, source));
	query.schema = extension_schema();
	query.has_sentiment = source->sentiment != NULL && !model->ignore_sentiment;
	query.row_weight = source->weight != NULL ? "CASE WHEN weight IS NULL THEN 1 ELSE weight END" : "1::float8";
	add_conditions(&query);
	add_columns(&query);

	initStringInfo(&sql);
	append_counting(&sql, &query, rows);
	appendStringInfoString(&sql, " UNION ALL ");
	append_ignored(&sql, &query, rows);
	return sql.data;
}
