/*
 * Measures become raw influence, raw influence becomes scores.
 *
 * Per network: z = sum of weight * ln(1 + measure), mass M = exp(z) - 1; per
 * person: raw = ln(1 + sum of omega * M). Every step is monotone. People are
 * then sorted by raw: those whose raw differs by no more than rounding noise
 * are given the same raw, so that ties do not depend on the order of rows.
 */
#include "compat.h"

#include <math.h>

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "math/amplification.h"
#include "math/calibration.h"
#include "math/log1p.h"
#include "math/prefetch.h"
#include "math/sum.h"
#include "memory.h"
#include "model/record_sort.h"
#include "model/scoring.h"

/* Raw values nearer to each other than this are equal */
#define RAW_NOISE	1e-10

/* Most knots that a calibration keeps */
#define MAX_KNOTS	1000

/* exp() of more than this would overflow sums of masses */
#define MAX_NETWORK_SUM	650.0

/* A calibration fitted just now must bring the mean this near to its target */
#define MEAN_TOLERANCE	10.0

/* Fewest people with influence whose mean says something */
#define MIN_PEOPLE_FOR_MEAN	1000

/*
 * Terms of z by measure; returns z
 */
static double
network_terms(const Model *model, const PersonNetwork *pn, double *term)
{
	double		sum = 0;

	for (int i = 0; i < MEASURE_COUNT; i++)
	{
		term[i] = model->measure_weight[i] * measure_term(pn, i);
		sum += term[i];
	}
	if (!(sum <= MAX_NETWORK_SUM))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("influence on network \"%s\" of model \"%s\" is out of range",
						model->networks[pn->network].name, model->ref.name),
				 errhint("Lower the weights of measures in influence.models or of signals in influence.signals.")));
	return sum;
}

/*
 * z of a person's network
 */
double
scores_network_sum(const Model *model, const PersonNetwork *person_network)
{
	double		term[MEASURE_COUNT];

	return network_terms(model, person_network, term);
}

/*
 * Mass of a person's network, with the network's weight
 */
static double
weighted_mass(const Model *model, const PersonNetwork *pn)
{
	double		term[MEASURE_COUNT];

	return model->networks[pn->network].weight * expm1(network_terms(model, pn, term));
}

/*
 * A measure as the views show it
 */
double
measure_shown(Measure measure, double value)
{
	if (value == 0)
		return 0;
	if (measure == MEASURE_AMPLIFICATION)
		return 100 * amplification_probability(value, 1, 0, 0);
	if (measure == MEASURE_NETWORK_INFLUENCE)
		return 100 * value / (1 + value);
	return value;
}

/*
 * Give every person who is on some network a position
 */
static void
place_people(Scores *scores, const Ingest *ingest, const Measures *measures)
{
	uint32		person_count = intern_count(ingest->people);

	scores->position = huge_array(CurrentMemoryContext, person_count, sizeof(uint32));
	for (uint32 i = 0; i < person_count; i++)
		scores->position[i] = NOBODY;
	for (uint64 i = 0; i < measures->person_network_count; i++)
		scores->position[measures->person_networks[i].person] = 0;
	for (uint32 i = 0; i < person_count; i++)
		if (scores->position[i] != NOBODY)
			scores->position[i] = scores->count++;

	scores->people = huge_array(CurrentMemoryContext, scores->count, sizeof(PersonScore));
	memset(scores->people, 0, scores->count * sizeof(PersonScore));
	for (uint32 i = 0; i < person_count; i++)
		if (scores->position[i] != NOBODY)
			scores->people[scores->position[i]].person = i;
}

/*
 * Sum each person's networks
 */
static void
combine_networks(Scores *scores, const Model *model, const Measures *measures)
{
	for (uint64 i = 0; i < measures->person_network_count; i++)
	{
		const PersonNetwork *pn = &measures->person_networks[i];
		PersonScore *person = &scores->people[scores->position[pn->person]];
		double		mass = weighted_mass(model, pn);

		CHECK_FOR_INTERRUPTS();
		person->mass += mass;
		person->true_reach += pn->value[MEASURE_TRUE_REACH];
		person->audience += pn->value[MEASURE_AUDIENCE];
		person->amplification += mass *
			measure_shown(MEASURE_AMPLIFICATION, pn->value[MEASURE_AMPLIFICATION]);
		person->network_influence += mass *
			measure_shown(MEASURE_NETWORK_INFLUENCE, pn->value[MEASURE_NETWORK_INFLUENCE]);
	}
	for (uint32 i = 0; i < scores->count; i++)
	{
		PersonScore *person = &scores->people[i];

		person->raw = fast_log1p(person->mass);
		if (person->mass > 0)
		{
			person->amplification /= person->mass;
			person->network_influence /= person->mass;
		}
	}
}

/*
 * People to sort, with a key of 64 bits beside the position: looking the key up each
 * time would miss the cache each time
 */
typedef struct SortKey
{
	uint32		high;
	uint32		low;
	uint32		position;
	uint32		person;
} SortKey;

/* Fewer bigints are sorted by comparing them */
#define MANY_IDS	4096

static inline void
set_key(SortKey *key, uint64 number)
{
	key->high = (uint32) (number >> 32);
	key->low = (uint32) number;
}

/*
 * A number that is the lower the higher a value is
 */
static inline uint64
descending(double value)
{
	uint64		bits;

	memcpy(&bits, &value, sizeof(bits));
	/* those of negative values are in the wrong order */
	return bits >> 63 != 0 ? bits : ~bits & PG_INT64_MAX;
}

#define ST_SORT sort_by_id
#define ST_ELEMENT_TYPE SortKey
#define ST_COMPARE(a, b, ids) intern_compare(ids, (a)->person, (b)->person)
#define ST_COMPARE_ARG_TYPE const InternTable
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * Sort many people by their ids, which are bigints
 */
static SortKey *
sort_by_bigint(SortKey *keys, uint32 count, const InternTable *ids)
{
	for (uint32 i = 0; i < count; i++)
		set_key(&keys[i], (uint64) DatumGetInt64(intern_datum(ids, keys[i].person)) ^ UINT64CONST(1) << 63);
	return records_sort_by_number(keys, count, sizeof(SortKey), offsetof(SortKey, high), CurrentMemoryContext);
}

/*
 * Positions of people in the order of their ids, in place
 */
static void
order_positions_by_id(uint32 *positions, uint32 count, const PersonScore *people,
					  const InternTable *ids, Oid id_type)
{
	SortKey    *keys;

	if (count < 2)
		return;
	keys = huge_array(CurrentMemoryContext, count, sizeof(SortKey));
	for (uint32 i = 0; i < count; i++)
	{
		keys[i].position = positions[i];
		keys[i].person = people[positions[i]].person;
	}
	if (id_type == INT8OID && count >= MANY_IDS)
		keys = sort_by_bigint(keys, count, ids);
	else
		sort_by_id(keys, count, ids);
	for (uint32 i = 0; i < count; i++)
		positions[i] = keys[i].position;
	pfree(keys);
}

/*
 * Positions of people by raw, or by score, highest first
 */
static uint32 *
order_people(const Scores *scores, bool by_score)
{
	uint32	   *order = huge_array(CurrentMemoryContext, scores->count, sizeof(uint32));
	SortKey    *keys = huge_array(CurrentMemoryContext, scores->count, sizeof(SortKey));

	for (uint32 i = 0; i < scores->count; i++)
	{
		set_key(&keys[i], descending(by_score ? scores->people[i].score : scores->people[i].raw));
		keys[i].position = i;
	}
	keys = records_sort_by_number(keys, scores->count, sizeof(SortKey), offsetof(SortKey, high),
								  CurrentMemoryContext);
	for (uint32 i = 0; i < scores->count; i++)
		order[i] = keys[i].position;
	pfree(keys);
	return order;
}

/*
 * Rank and percentile of equals, who have the places from start to before end
 */
static void
rank_equals(Scores *scores, const Ingest *ingest, uint32 *order, uint32 start, uint32 end)
{
	double		below = scores->count - ((double) start + end) / 2;

	order_positions_by_id(order + start, end - start, scores->people,
						  ingest->people, ingest->model->ref.id_type);
	for (uint32 i = start; i < end; i++)
	{
		scores->people[order[i]].rank = i + 1;
		scores->people[order[i]].percentile = 100 * below / scores->count;
	}
}

/*
 * Sort people by raw; equals get the same raw and percentile and are ordered by id
 *
 * Nobody is the equal of those with raw 0: they score 1 and stay out of the
 * calibration, and there may be many of them.
 */
static void
rank_people(Scores *scores, const Ingest *ingest)
{
	uint32	   *order = order_people(scores, false);
	uint32		end;

	for (uint32 start = 0; start < scores->count; start = end)
	{
		double		raw = scores->people[order[start]].raw;

		for (end = start + 1; end < scores->count; end++)
		{
			if (end + PREFETCH_AHEAD < scores->count)
				prefetch(&scores->people[order[end + PREFETCH_AHEAD]]);
			if (scores->people[order[end - 1]].raw - scores->people[order[end]].raw > RAW_NOISE ||
				(raw > 0 && scores->people[order[end]].raw == 0))
				break;
		}
		for (uint32 i = start; i < end; i++)
			scores->people[order[i]].raw = raw;
		rank_equals(scores, ingest, order, start, end);
	}
	scores->by_rank = order;
}

/*
 * Put people in order of their ids, as the indexes of the views have them
 */
static void
order_by_id(Scores *scores, const Ingest *ingest)
{
	scores->by_id = huge_array(CurrentMemoryContext, scores->count, sizeof(uint32));
	for (uint32 i = 0; i < scores->count; i++)
		scores->by_id[i] = i;
	order_positions_by_id(scores->by_id, scores->count, scores->people,
						  ingest->people, ingest->model->ref.id_type);
}

/*
 * Fit the map to the people who have any influence; NULL when there are none
 */
static Calibration *
fit_calibration(const Scores *scores, const Model *model)
{
	Calibration *calibration = palloc0(sizeof(Calibration));
	double	   *sorted = huge_array(CurrentMemoryContext, scores->count, sizeof(double));
	uint32		count = 0;

	for (uint32 i = scores->count; i > 0; i--)
	{
		double		raw = scores->people[scores->by_rank[i - 1]].raw;

		if (raw > 0)
			sorted[count++] = raw;
	}
	if (count == 0)
		return NULL;

	calibration->people = count;
	calibration->raw = palloc(sizeof(double) * MAX_KNOTS);
	calibration->score = palloc(sizeof(double) * MAX_KNOTS);
	calibration->knot_count = calibration_fit(sorted, count, model->target_mean, model->target_p95,
											  MAX_KNOTS, calibration->raw, calibration->score);
	calibration->knot_count = calibration_make_concave(calibration->raw, calibration->score,
													   calibration->knot_count, model->target_p95);
	pfree(sorted);
	return calibration;
}

/*
 * Read everybody's score off the map
 */
static void
map_scores(Scores *scores)
{
	const Calibration *map = scores->calibration;
	CompensatedSum sum = {0, 0};
	uint32		people = 0;

	for (uint32 i = 0; i < scores->count; i++)
	{
		PersonScore *person = &scores->people[i];

		person->score = map == NULL ? CALIBRATION_MIN_SCORE :
			calibration_score(map->raw, map->score, map->knot_count, person->raw);
		for (int j = 0; j < 3; j++)
			person->change[j] = NAN;
		person->scale_change = NAN;
		if (person->raw > 0)
		{
			compensated_add(&sum, person->score);
			people++;
		}
	}
	scores->mean = people > 0 ? sum.high / people : 0;
}

/*
 * Refuse to publish what cannot be right
 */
static void
check_sanity(const Scores *scores, const Model *model, bool fresh)
{
	for (uint32 i = 0; i < scores->count; i++)
		if (!(scores->people[i].score >= CALIBRATION_MIN_SCORE &&
			  scores->people[i].score <= CALIBRATION_MAX_SCORE))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("sanity check of model \"%s\" failed: a score is %g",
							model->ref.name, scores->people[i].score)));

	if (fresh && scores->calibration != NULL &&
		scores->calibration->people >= MIN_PEOPLE_FOR_MEAN &&
		fabs(scores->mean - model->target_mean) > MEAN_TOLERANCE)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("sanity check of model \"%s\" failed: the mean score is %g, its target %g",
						model->ref.name, scores->mean, model->target_mean),
				 errhint("Look for many people with exactly the same influence.")));
}

/*
 * Compute everybody's score
 *
 * stored: the map to use, NULL when there is none yet; recalibrate: fit a new
 * one all the same. The result is in the current memory context.
 */
Scores *
scores_compute(const Ingest *ingest, const Measures *measures,
			   Calibration *stored, bool recalibrate)
{
	Scores	   *scores = palloc0(sizeof(Scores));
	bool		fresh = recalibrate || stored == NULL;

	place_people(scores, ingest, measures);
	combine_networks(scores, ingest->model, measures);
	rank_people(scores, ingest);
	order_by_id(scores, ingest);
	scores->calibration = fresh ? fit_calibration(scores, ingest->model) : stored;
	map_scores(scores);
	check_sanity(scores, ingest->model, fresh);
	return scores;
}

/*
 * Sort people by score
 */
static void
rank_by_score(Scores *scores, const Ingest *ingest)
{
	uint32		end;

	pfree(scores->by_rank);
	scores->by_rank = order_people(scores, true);
	for (uint32 start = 0; start < scores->count; start = end)
	{
		double		score = scores->people[scores->by_rank[start]].score;

		for (end = start + 1; end < scores->count; end++)
			if (scores->people[scores->by_rank[end]].score != score)
				break;
		rank_equals(scores, ingest, scores->by_rank, start, end);
	}
}

/*
 * Bring scores down to their limits, by position; ranks follow
 */
void
scores_limit(Scores *scores, const Ingest *ingest, const double *limits)
{
	bool		limited = false;

	for (uint32 i = 0; i < scores->count; i++)
	{
		PersonScore *person = &scores->people[i];

		if (!(person->score > limits[i]))
			continue;
		person->score = Max(limits[i], CALIBRATION_MIN_SCORE);
		limited = true;
	}
	if (limited)
		rank_by_score(scores, ingest);
}

/*
 * What a score that was read off another map would be on the map in use; NaN
 * when there is none
 */
double
scores_on_scale(const Scores *scores, const Calibration *map, double score)
{
	const Calibration *now = scores->calibration;

	if (now == NULL)
		return NAN;
	if (now->version == map->version)
		return score;
	return calibration_score(now->raw, now->score, now->knot_count,
							 calibration_raw(map->raw, map->score, map->knot_count, score));
}

/*
 * What a network contributes to a person's score: its share of the mass times
 * score - 1, and within it each measure's share of z
 */
NetworkPoints
scores_network_points(const Ingest *ingest, const Scores *scores,
					  const PersonNetwork *person_network)
{
	const PersonScore *person = &scores->people[scores->position[person_network->person]];
	const Calibration *map = scores->calibration;
	double		term[MEASURE_COUNT];
	double		sum = network_terms(ingest->model, person_network, term);
	double		mass = ingest->model->networks[person_network->network].weight * expm1(sum);
	NetworkPoints points;

	if (map == NULL || mass == person->mass)
		points.score = person->score;	/* the person's only network */
	else
		/* a score that is limited limits that of each network */
		points.score = Min(calibration_score(map->raw, map->score, map->knot_count, fast_log1p(mass)),
						   person->score);
	points.total = person->mass > 0 ? mass / person->mass * (person->score - CALIBRATION_MIN_SCORE) : 0;
	for (int i = 0; i < MEASURE_COUNT; i++)
		points.measure[i] = sum > 0 ? term[i] / sum * points.total : 0;
	return points;
}
