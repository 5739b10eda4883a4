/*
 * Rows of the score views for influence_compare(), influence_leaderboard(),
 * influence_search() and influence_tier_percentile().
 */
#include "compat.h"

#include "access/table.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "model/reading.h"

static const ReadRelation person_relations[] = {
	{"scores", "user_id score tier rank percentile true_reach amplification network_influence audience "
	"day_change week_change month_change"}
};

static const ReadRelation best_relations[] = {
	{"scores", "user_id score tier rank week_change"},
	{"network_scores", "user_id network score"}
};

static const ReadRelation tier_relations[] = {
	{"scores", "user_id score tier"}
};

/* 1 for whoever scores less, 1/2 for whoever scores the same: a mid-rank */
#define TIER_PERCENTILE	"50 * (1 + sum(sign(s.score - o.score)) / count(*))"

/*
 * The model that the first or a later argument means; 55000 before its first refresh
 */
static ModelRef *
refreshed_model(FunctionCallInfo fcinfo, int argument)
{
	ModelRef   *ref = model_resolve(PG_ARGISNULL(argument) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(argument)));
	Relation	scores;

	model_owner(ref);			/* an error when the view is gone */
	scores = table_open(ref->scores, AccessShareLock);
	model_check_refreshed(ref, scores);
	table_close(scores, NoLock);
	return ref;
}

PG_FUNCTION_INFO_V1(influence_tier_percentile);

/*
 * influence_tier_percentile(user_id text, model text) returns float8
 */
Datum
influence_tier_percentile(PG_FUNCTION_ARGS)
{
	ModelRef   *ref = refreshed_model(fcinfo, 1);
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {PG_GETARG_DATUM(0)};
	char		nulls[1] = {PG_ARGISNULL(0) ? 'n' : ' '};
	Reading		reading = {
		.ref = ref,.relations = tier_relations,.relation_count = lengthof(tier_relations),
		.parameter_count = 1,.types = types,.values = values,.nulls = nulls
	};
	bool		isnull;
	Datum		percentile;

	reading.sql = psprintf("SELECT (" TIER_PERCENTILE ")::float8 "
						   "FROM %1$s.scores AS s JOIN %1$s.scores AS o ON o.tier = s.tier "
						   "WHERE s.user_id = $1::%2$s", quote_identifier(ref->schema), format_type_be(ref->id_type));
	percentile = reading_value(&reading, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(percentile);
}

PG_FUNCTION_INFO_V1(influence_find_people);

/*
 * influence_find_people(model text, user_ids text[], within_tier boolean): place (from
 * 1), user_id and columns of the view scores of the people given; NULLs for those
 * without a score. within_tier: with their percentile there, which takes longer.
 */
Datum
influence_find_people(PG_FUNCTION_ARGS)
{
	ModelRef   *ref = refreshed_model(fcinfo, 0);
	Oid			types[2] = {TEXTARRAYOID, BOOLOID};
	Datum		values[2] = {PG_GETARG_DATUM(1), BoolGetDatum(!PG_ARGISNULL(2) && PG_GETARG_BOOL(2))};
	char		nulls[2] = {PG_ARGISNULL(1) ? 'n' : ' ', ' '};
	Reading		reading = {
		.ref = ref,.relations = person_relations,.relation_count = lengthof(person_relations),
		.parameter_count = 2,.types = types,.values = values,.nulls = nulls
	};

	reading.sql = psprintf("WITH people AS ("
						   "SELECT p.id::%2$s AS typed_id, p.place FROM unnest($1) WITH ORDINALITY AS p (id, place)"
						   "), within_tier AS ("
						   "SELECT s.user_id, " TIER_PERCENTILE " AS percentile "
						   "FROM %1$s.scores AS s JOIN %1$s.scores AS o ON o.tier = s.tier "
						   "WHERE $2 AND s.user_id IN (SELECT p.typed_id FROM people AS p) "
						   "GROUP BY s.user_id) "
						   "SELECT p.place, p.typed_id::text, s.score::float8, s.tier::text, s.rank::int8, "
						   "s.percentile::float8, t.percentile::float8, s.true_reach::float8, s.amplification::float8, "
						   "s.network_influence::float8, s.audience::float8, "
						   "s.day_change::float8, s.week_change::float8, s.month_change::float8 "
						   "FROM people AS p "
						   "LEFT JOIN %1$s.scores AS s ON s.user_id = p.typed_id "
						   "LEFT JOIN within_tier AS t ON t.user_id = p.typed_id "
						   "ORDER BY p.place", quote_identifier(ref->schema), format_type_be(ref->id_type));
	reading_rows(fcinfo, &reading);
	return (Datum) 0;
}

/*
 * The query for the best over all, or on a network; $1 is how many, $2 the network
 */
static char *
best_query(const ModelRef *ref, bool on_network)
{
	const char *schema = quote_identifier(ref->schema);
	const char *by_id = ref->id_type == TEXTOID ? " COLLATE \"C\"" : "";

	if (!on_network)
		return psprintf("SELECT s.rank::int8, s.user_id::text, s.score::float8, s.tier::text, s.week_change::float8 "
						"FROM %s.scores AS s ORDER BY s.rank LIMIT $1", schema);
	return psprintf("SELECT row_number() OVER (ORDER BY n.score DESC, n.user_id%2$s), n.user_id::text, "
					"n.score::float8, s.tier::text, s.week_change::float8 "
					"FROM (SELECT o.user_id, o.score FROM %1$s.network_scores AS o WHERE o.network = $2 "
					"ORDER BY o.score DESC, o.user_id%2$s LIMIT $1) AS n "
					"JOIN %1$s.scores AS s ON s.user_id = n.user_id ORDER BY 1", schema, by_id);
}

PG_FUNCTION_INFO_V1(influence_find_best);

/*
 * influence_find_best(model text, network text, limit int): rank, user_id, score, tier
 * and week_change of the people of the highest scores; network NULL: over all; limit
 * NULL: all people
 */
Datum
influence_find_best(PG_FUNCTION_ARGS)
{
	bool		on_network = !PG_ARGISNULL(1);
	ModelRef   *ref = refreshed_model(fcinfo, 0);
	Oid			types[2] = {INT8OID, TEXTOID};
	Datum		values[2] = {Int64GetDatum(PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2)), PG_GETARG_DATUM(1)};
	char		nulls[2] = {PG_ARGISNULL(2) ? 'n' : ' ', on_network ? ' ' : 'n'};
	Reading		reading = {
		.ref = ref,.relations = best_relations,.relation_count = on_network ? 2 : 1,
		.sql = best_query(ref, on_network),
		.parameter_count = 2,.types = types,.values = values,.nulls = nulls
	};

	reading_rows(fcinfo, &reading);
	return (Datum) 0;
}
