/*
 * influence_explain_kinds: the points of a score, down to the kinds of interaction
 * that made them.
 *
 * A measure's points on a network, as published, are split over the kinds that feed
 * the measure. Each part is a share of a whole, so the parts add up:
 *
 *   engagement, true reach, network influence   reactions, shares, endorsements, by
 *                                               their decayed value
 *   amplification                               shares, by their decayed value
 *   audience                                    follows, by weight * ln(1 + people)
 *   authority                                   authority, by its decayed value
 */
#include "compat.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "math/log1p.h"
#include "model/owner.h"
#include "model/published.h"

#define EXPLAIN_COLUMNS 6

static const char *const measure_names[MEASURE_COUNT] = {
	[MEASURE_ENGAGEMENT] = "engagement",
	[MEASURE_TRUE_REACH] = "true_reach",
	[MEASURE_AUDIENCE] = "audience",
	[MEASURE_AMPLIFICATION] = "amplification",
	[MEASURE_NETWORK_INFLUENCE] = "network_influence",
	[MEASURE_AUTHORITY] = "authority"
};

/* Points of one kind in one measure of one network */
typedef struct KindPoints
{
	Measure		measure;
	const PublishedNetwork *network;
	const PublishedSignal *signal;	/* NULL: no kind is known */
	double		points;
} KindPoints;

typedef struct Explanation
{
	KindPoints *rows;
	int			count;
} Explanation;

/*
 * Does a kind feed a measure?
 */
static bool
feeds_measure(const Signal *signal, Measure measure)
{
	if (signal == NULL)
		return false;
	switch (measure)
	{
		case MEASURE_AUDIENCE:
			return signal->role == ROLE_FOLLOW;
		case MEASURE_AMPLIFICATION:
			return signal->role == ROLE_SHARE;
		case MEASURE_AUTHORITY:
			return signal->role == ROLE_AUTHORITY;
		default:
			return role_is_engaging(signal->role);
	}
}

/*
 * What a kind brings to a measure, in any unit
 *
 * by_count: a last resort where nothing has any value left.
 */
static double
contribution(const PublishedNetwork *network, const PublishedSignal *row, Measure measure, bool by_count)
{
	if (!feeds_measure(row->signal, measure))
		return 0;
	if (by_count)
		return row->count;
	if (measure == MEASURE_AUDIENCE)
		return row->signal->weight * fast_log1p(published_audience(network, row->signal));
	return row->decayed_value;
}

static double
all_contributions(const PublishedNetwork *network, Measure measure, bool by_count)
{
	double		sum = 0;

	for (int i = 0; i < network->signal_count; i++)
		sum += contribution(network, &network->signals[i], measure, by_count);
	return sum;
}

static void
add_row(Explanation *explanation, Measure measure, const PublishedNetwork *network,
		const PublishedSignal *signal, double points)
{
	KindPoints *row = &explanation->rows[explanation->count++];

	row->measure = measure;
	row->network = network;
	row->signal = signal;
	row->points = points;
}

/*
 * Split the points of one measure over its kinds
 */
static void
split_measure(Explanation *explanation, const PublishedNetwork *network, Measure measure)
{
	double		points = network->measure_points[measure];
	double		sum = all_contributions(network, measure, false);
	bool		by_count = !(sum > 0);

	if (points == 0)
		return;
	if (by_count)
		sum = all_contributions(network, measure, true);
	if (!(sum > 0))
	{
		/* the signals were edited since the refresh */
		add_row(explanation, measure, network, NULL, points);
		return;
	}
	for (int i = 0; i < network->signal_count; i++)
	{
		double		part = contribution(network, &network->signals[i], measure, by_count);

		if (part > 0)
			add_row(explanation, measure, network, &network->signals[i], points * (part / sum));
	}
}

/*
 * Most points first, then by name
 */
static int
compare_rows(const void *a, const void *b)
{
	const KindPoints *x = a;
	const KindPoints *y = b;
	int			order;

	if (x->points != y->points)
		return x->points > y->points ? -1 : 1;
	order = strcmp(x->network->name, y->network->name);
	if (order == 0)
		order = (int) x->measure - (int) y->measure;
	if (order == 0 && x->signal != NULL && y->signal != NULL)
		order = strcmp(x->signal->kind, y->signal->kind);
	return order;
}

/*
 * All of a person's points by kind, most first
 */
static Explanation
explain_person(const PublishedPerson *person)
{
	Explanation explanation = {NULL, 0};
	int			rows = 0;

	for (int i = 0; i < person->network_count; i++)
		rows += MEASURE_COUNT * Max(person->networks[i].signal_count, 1);
	explanation.rows = palloc(sizeof(KindPoints) * (rows + 1));
	for (int i = 0; i < person->network_count; i++)
		for (int j = 0; j < MEASURE_COUNT; j++)
			split_measure(&explanation, &person->networks[i], j);
	qsort(explanation.rows, explanation.count, sizeof(KindPoints), compare_rows);
	return explanation;
}

static void
put_row(ReturnSetInfo *result, const KindPoints *row)
{
	Datum		values[EXPLAIN_COLUMNS];
	bool		nulls[EXPLAIN_COLUMNS] = {false};

	values[0] = CStringGetTextDatum(measure_names[row->measure]);
	values[1] = CStringGetTextDatum(row->network->name);
	nulls[2] = nulls[3] = nulls[4] = row->signal == NULL;
	if (row->signal != NULL)
	{
		values[2] = CStringGetTextDatum(row->signal->kind);
		values[3] = Float8GetDatum(row->signal->count);
		values[4] = Float8GetDatum(row->signal->decayed_value);
	}
	values[5] = Float8GetDatum(row->points);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(influence_explain_kinds);

/*
 * influence_explain_kinds(user_id text, model text): measure, network, kind, count,
 * decayed_value, points; points add up to score - 1
 *
 * Views are read with the rights of the caller, the roles of kinds as the owner.
 */
Datum
influence_explain_kinds(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ModelRef   *ref = model_resolve(PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	Oid			owner = model_owner(ref);
	OwnerContext saved;
	PublishedPerson *person;
	Explanation explanation;

	InitMaterializedSRF(fcinfo, 0);
	person = published_load(ref, PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0)));
	if (person == NULL)
		return (Datum) 0;
	owner_enter(&saved, owner);
	published_bind(person, config_load_formula(ref));
	owner_leave(&saved);
	explanation = explain_person(person);
	for (int i = 0; i < explanation.count; i++)
		put_row(result, &explanation.rows[i]);
	return (Datum) 0;
}
