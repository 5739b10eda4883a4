/*
 * influence_next_tier: the ways to the next tier, cheapest first.
 */
#include "compat.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "model/forecast.h"

/* Most interactions that are thought of */
#define MAX_COUNT 1000000

#define NEXT_TIER_COLUMNS 6

/* A way to the next tier */
typedef struct Way
{
	const char *network;
	const char *kind;
	int			count;			/* MAX_COUNT + 1: too many */
} Way;

/*
 * Fewest interactions of a signal that reach a score, MAX_COUNT + 1 when that many
 * do not
 *
 * More of them never lower the score (see is_way()).
 */
static int
count_to_reach(const Forecast *forecast, const Signal *signal, double score)
{
	Standing	standing = forecast_standing(forecast, signal);
	int			enough = 1;
	int			short_of;

	CHECK_FOR_INTERRUPTS();
	while (forecast_outcome(forecast, signal, &standing, enough).score < score)
	{
		if (enough == MAX_COUNT)
			return MAX_COUNT + 1;
		enough = Min(2 * enough, MAX_COUNT);
	}
	/* Invariant: short_of is not enough, enough is */
	short_of = enough / 2;
	while (enough - short_of > 1)
	{
		int			middle = short_of + (enough - short_of) / 2;

		if (forecast_outcome(forecast, signal, &standing, middle).score < score)
			short_of = middle;
		else
			enough = middle;
	}
	return enough;
}

/*
 * Can somebody hope for an interaction of this signal? Not for a block, and
 * publishing alone gains nothing.
 */
static bool
is_way(const Forecast *forecast, const Signal *signal)
{
	const Network *network = &forecast->model->networks[signal->network];

	return (role_is_engaging(signal->role) || signal->role == ROLE_FOLLOW) &&
		signal->polarity >= 0 && signal->weight > 0 && network->weight > 0 &&
		published_network(forecast->person, network->name) != NULL;
}

static int
compare_ways(const void *a, const void *b)
{
	const Way  *x = a;
	const Way  *y = b;
	int			order;

	if (x->count != y->count)
		return x->count < y->count ? -1 : 1;
	order = strcmp(x->network, y->network);
	return order != 0 ? order : strcmp(x->kind, y->kind);
}

/*
 * All ways to a score, cheapest first; returns their number
 */
static int
next_ways(const Forecast *forecast, double score, Way *ways)
{
	const Model *model = forecast->model;
	int			count = 0;

	for (int i = 0; i < model->signal_count; i++)
	{
		const Signal *signal = &model->signals[i];

		if (!is_way(forecast, signal))
			continue;
		ways[count].network = model->networks[signal->network].name;
		ways[count].kind = signal->kind;
		ways[count++].count = count_to_reach(forecast, signal, score);
	}
	qsort(ways, count, sizeof(Way), compare_ways);
	return count;
}

/*
 * The lowest tier above a score; NULL at the top
 */
static const ScoreRange *
tier_above(const Model *model, double score)
{
	const ScoreRange *next = NULL;

	for (int i = 0; i < model->tier_count && model->tiers[i].from > score; i++)
		next = &model->tiers[i];
	return next;
}

PG_FUNCTION_INFO_V1(influence_next_tier);

/*
 * influence_next_tier(user_id text, model text): a row for each kind of interaction
 * on the person's networks, cheapest first; none at the top or without a score
 */
Datum
influence_next_tier(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[NEXT_TIER_COLUMNS];
	bool		nulls[NEXT_TIER_COLUMNS] = {false};
	Forecast	forecast;
	const ScoreRange *next;
	Way		   *ways;
	int			count;

	InitMaterializedSRF(fcinfo, 0);
	forecast_begin(&forecast,
				   PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0)),
				   PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	if (forecast.person == NULL)
		return (Datum) 0;
	next = tier_above(forecast.model, forecast.person->score);
	if (next == NULL)
		return (Datum) 0;

	ways = palloc(sizeof(Way) * (forecast.model->signal_count + 1));
	count = next_ways(&forecast, next->from, ways);
	for (int i = 0; i < count; i++)
	{
		values[0] = CStringGetTextDatum(next->name);
		values[1] = Float8GetDatum(next->from);
		values[2] = Float8GetDatum(next->from - forecast.person->score);
		values[3] = CStringGetTextDatum(ways[i].network);
		values[4] = CStringGetTextDatum(ways[i].kind);
		values[5] = Int32GetDatum(ways[i].count);
		nulls[5] = ways[i].count > MAX_COUNT;
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
