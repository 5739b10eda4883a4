/*
 * influence_what_if, influence_next_tier: what more interactions would do.
 *
 * A forecast starts from what is published, changes the measures of one network
 * by the formula (scoring.c) and reads the new score off the stored map:
 *
 *   mass of the person   from the score, by the map backwards; a network's part
 *                        is its part of the points
 *   change of z          the terms of the new measures less those of the old ones
 *   new mass             (1 + mass of the network) * (exp(change of z) - 1) more
 *
 * so that nothing changes exactly when nothing happens, whatever was rounded or
 * edited since the refresh. Assumed of each interaction: it happens at the moment
 * that was published, about one post, with a row weight of 1 and the sentiment of
 * its kind, by a new person of full trust who engages nobody else. Everybody else
 * and the map stay as they are.
 */
#include "compat.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "math/amplification.h"
#include "math/calibration.h"
#include "model/calibration_store.h"
#include "model/owner.h"
#include "model/published.h"
#include "model/scoring.h"

/* Most interactions that influence_next_tier() thinks of */
#define MAX_COUNT	1000000

/* Above this percentage lambda is too coarse in what is shown, and taken from points */
#define COARSE_AMPLIFICATION	99.0

#define WHAT_IF_COLUMNS		7
#define NEXT_TIER_COLUMNS	6

/* A person and what the score is made with */
typedef struct Forecast
{
	Model	   *model;
	Calibration *map;
	PublishedPerson *person;	/* NULL: no score */
	double		raw;
	double		mass;			/* exp(raw) - 1 */
} Forecast;

/* One network of the person as it stands */
typedef struct Standing
{
	double		mass;			/* M, without the weight of the network */
	double		posts;			/* decayed */
	double		audience;		/* of the kind in question */
	PersonNetwork measures;
} Standing;

/* Where a forecast ends up */
typedef struct Outcome
{
	double		raw;
	double		score;
} Outcome;

/* A way to the next tier */
typedef struct Way
{
	const char *network;
	const char *kind;
	int			count;			/* MAX_COUNT + 1: too many */
} Way;

/*
 * Read the person as the caller, then the configuration as the owner
 */
static void
forecast_begin(Forecast *forecast, const char *user_id, const char *model)
{
	ModelRef   *ref = model_resolve(model);
	Oid			owner = model_owner(ref);
	OwnerContext saved;

	forecast->person = published_load(ref, user_id);
	owner_enter(&saved, owner);
	forecast->model = config_load_formula(ref);
	forecast->map = calibration_load(forecast->model);
	owner_leave(&saved);
	if (forecast->person == NULL)
		return;

	published_bind(forecast->person, forecast->model);
	if (forecast->map == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no calibration yet", ref->name),
				 errhint("The first refresh that sees anybody with influence makes one.")));
	forecast->raw = calibration_raw(forecast->map->raw, forecast->map->score,
									forecast->map->knot_count, forecast->person->score);
	forecast->mass = expm1(forecast->raw);
}

/*
 * Rate lambda of amplification behind the percentage that is shown
 *
 * Close to 100 % the digits are gone; the points, as a part of z, still have them.
 */
static double
amplification_rate(const Forecast *forecast, const PublishedNetwork *published, double z)
{
	double		shown = published->value[MEASURE_AMPLIFICATION];
	double		weight = forecast->model->measure_weight[MEASURE_AMPLIFICATION];

	if (shown < COARSE_AMPLIFICATION)
		return -log1p(-shown / 100);
	if (weight == 0 || published->points == 0)
		return -log1p(-COARSE_AMPLIFICATION / 100);	/* it has no effect */
	return expm1(z * published->measure_points[MEASURE_AMPLIFICATION] / published->points / weight);
}

/*
 * A network of the person, before interactions of the signal
 *
 * A network that the person is not on yet has nothing. Of the audience, the term
 * of the signal's kind is enough: the others do not change.
 */
static Standing
stand_on_network(const Forecast *forecast, const Signal *signal)
{
	const Network *network = &forecast->model->networks[signal->network];
	const PublishedNetwork *published = published_network(forecast->person, network->name);
	Standing	standing = {0};
	double		shown;

	standing.measures.network = signal->network;
	if (published == NULL)
		return standing;
	if (network->weight > 0 && forecast->person->score > CALIBRATION_MIN_SCORE)
		standing.mass = forecast->mass / network->weight *
			published->points / (forecast->person->score - CALIBRATION_MIN_SCORE);
	standing.posts = published_posts(published);
	standing.audience = published_audience(published, signal);

	for (int i = 0; i < MEASURE_COUNT; i++)
		standing.measures.value[i] = published->value[i];
	standing.measures.value[MEASURE_AMPLIFICATION] =
		amplification_rate(forecast, published, log1p(standing.mass));
	shown = published->value[MEASURE_NETWORK_INFLUENCE];
	standing.measures.value[MEASURE_NETWORK_INFLUENCE] = shown / Max(100 - shown, 1e-9);
	standing.measures.audience_term = signal->weight * log1p(standing.audience);
	return standing;
}

/*
 * Amplification after so many more shares and posts
 */
static double
amplification_after(const Network *network, const Standing *standing, double shares, double posts)
{
	bool		fitted = network->prior_posts > 0;
	double		a = fitted ? network->prior_shares : AMPLIFICATION_PRIOR_SHARES;
	double		b = fitted ? network->prior_posts : AMPLIFICATION_PRIOR_POSTS;
	double		rate = standing->measures.value[MEASURE_AMPLIFICATION];
	double		shares_before = rate > 0 ? rate * (standing->posts + b) : 0;	/* with a */

	if (shares_before == 0 && shares == 0)
		return 0;
	return ((shares_before > 0 ? shares_before : a) + shares) / (standing->posts + posts + b);
}

/*
 * What reactions add, each from a new person
 *
 * Such a person has no rank but that of the teleport, at least 1 - damping of an
 * average one, and hands damping of it to the only person engaged.
 */
static void
add_reactions(const Model *model, const Signal *signal, double sentiment, double count,
			  PersonNetwork *measures)
{
	double		value = signal->weight * (1 + Min(sentiment, 0));

	measures->value[MEASURE_ENGAGEMENT] += count * log1p(value);
	if (value > 0)
		measures->value[MEASURE_NETWORK_INFLUENCE] += count * model->damping * (1 - model->damping);
	if (sentiment >= 0)
		measures->value[MEASURE_TRUE_REACH] += count;
}

/*
 * The measures of a network after so many more interactions
 */
static PersonNetwork
measures_after(const Forecast *forecast, const Signal *signal, const Standing *standing, double count)
{
	const Model *model = forecast->model;
	const Network *network = &model->networks[signal->network];
	double		sentiment = model->ignore_sentiment ? 0 : signal->polarity;
	PersonNetwork after = standing->measures;

	if (count == 0 || signal->weight == 0)
		return after;
	if (role_is_engaging(signal->role))
		add_reactions(model, signal, sentiment, count, &after);
	if (signal->role == ROLE_SHARE && sentiment >= 0)
		after.value[MEASURE_AMPLIFICATION] = amplification_after(network, standing, count, 0);
	if (signal->role == ROLE_POST)
		after.value[MEASURE_AMPLIFICATION] = amplification_after(network, standing, 0, count);
	if (signal->role == ROLE_FOLLOW && sentiment >= 0)
		after.audience_term = signal->weight * log1p(standing->audience + count);
	if (signal->role == ROLE_AUTHORITY)
		after.value[MEASURE_AUTHORITY] += count * signal->weight * (1 + Min(sentiment, 0));
	return after;
}

/*
 * Score after so many more interactions
 */
static Outcome
forecast_outcome(const Forecast *forecast, const Signal *signal, const Standing *standing, double count)
{
	const Calibration *map = forecast->map;
	PersonNetwork after = measures_after(forecast, signal, standing, count);
	double		change = scores_network_sum(forecast->model, &after) -
		scores_network_sum(forecast->model, &standing->measures);
	double		more = forecast->model->networks[signal->network].weight *
		(1 + standing->mass) * expm1(change);
	Outcome		outcome = {forecast->raw, forecast->person->score};
	double		score;

	if (more == 0)
		return outcome;
	outcome.raw += log1p(Max(more, -forecast->mass) / (1 + forecast->mass));
	score = calibration_score(map->raw, map->score, map->knot_count, outcome.raw);
	outcome.score = more > 0 ? Max(outcome.score, score) : Min(outcome.score, score);
	return outcome;
}

/*
 * Error 22023 naming the kinds or networks that there are
 */
pg_noreturn static void
report_unknown(const Model *model, const char *network, const char *kind)
{
	StringInfoData names;
	bool		known = false;

	for (int i = 0; i < model->network_count; i++)
		known = known || strcmp(model->networks[i].name, network) == 0;
	initStringInfo(&names);
	if (!known)
	{
		for (int i = 0; i < model->network_count; i++)
			appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", model->networks[i].name);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has no network \"%s\"", model->ref.name, network),
				 errhint("Its networks are: %s.", names.len > 0 ? names.data : "none")));
	}
	for (int i = 0; i < model->signal_count; i++)
		if (strcmp(model->networks[model->signals[i].network].name, network) == 0)
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", model->signals[i].kind);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("model \"%s\" has no signal for kind \"%s\" on network \"%s\"", model->ref.name, kind, network),
			 errhint("The kinds of that network are: %s.", names.len > 0 ? names.data : "none")));
}

/*
 * The signal of a kind on a network; error 22023 when there is none
 */
static const Signal *
find_signal(const Model *model, const char *network, const char *kind)
{
	for (int i = 0; i < model->signal_count; i++)
		if (strcmp(model->signals[i].kind, kind) == 0 &&
			strcmp(model->networks[model->signals[i].network].name, network) == 0)
			return &model->signals[i];
	report_unknown(model, network, kind);
}

static Datum
tier_datum(const Model *model, double score)
{
	return CStringGetTextDatum(tier_in_ranges(model->tiers, model->tier_count, score));
}

/*
 * A text argument, NULL for NULL
 */
static char *
text_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(number));
}

PG_FUNCTION_INFO_V1(influence_what_if);
PG_FUNCTION_INFO_V1(influence_next_tier);

/*
 * influence_what_if(user_id text, kind text, network text, count int, model text):
 * one row, none for somebody with no score
 *
 * Errors: 22004 for a NULL, 22023 for a negative count and an unknown network or
 * kind, 55000 before the first refresh.
 */
Datum
influence_what_if(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[WHAT_IF_COLUMNS];
	bool		nulls[WHAT_IF_COLUMNS] = {false};
	Forecast	forecast;
	const Signal *signal;
	Standing	standing;
	Outcome		then;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("kind, network and count must not be NULL")));
	if (PG_GETARG_INT32(3) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("count must not be negative, but is %d", PG_GETARG_INT32(3)),
				 errhint("Give the number of further interactions.")));
	forecast_begin(&forecast, text_argument(fcinfo, 0), text_argument(fcinfo, 4));
	signal = find_signal(forecast.model, text_argument(fcinfo, 2), text_argument(fcinfo, 1));
	if (forecast.person == NULL)
		return (Datum) 0;

	standing = stand_on_network(&forecast, signal);
	then = forecast_outcome(&forecast, signal, &standing, PG_GETARG_INT32(3));
	values[0] = Float8GetDatum(forecast.person->score);
	values[1] = Float8GetDatum(then.score);
	values[2] = Float8GetDatum(then.score - forecast.person->score);
	values[3] = tier_datum(forecast.model, forecast.person->score);
	values[4] = tier_datum(forecast.model, then.score);
	values[5] = Float8GetDatum(forecast.raw);
	values[6] = Float8GetDatum(then.raw);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return (Datum) 0;
}

/*
 * Fewest interactions of a signal that reach a score, MAX_COUNT + 1 when that many
 * do not
 *
 * More of them never lower the score (see the roles of next_ways()).
 */
static int
count_to_reach(const Forecast *forecast, const Signal *signal, double score)
{
	Standing	standing = stand_on_network(forecast, signal);
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
	forecast_begin(&forecast, text_argument(fcinfo, 0), text_argument(fcinfo, 1));
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
