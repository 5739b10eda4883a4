/*
 * What must be true of every run, whatever its rows are. Part of builds with
 * -DUSE_ASSERT_CHECKING only, where every refresh goes through it.
 */
#include "compat.h"

#ifdef USE_ASSERT_CHECKING

#include <math.h>

#include "math/calibration.h"
#include "model/partition.h"
#include "model/run_check.h"

/* Rounding of a sum of points, of which there are up to 99 */
#define POINTS_ERROR 1e-7

/*
 * The chunks hold as many records as the log says
 */
static void
check_log(const RecordLog *log)
{
	char	   *buffer = palloc(LAST_CHUNK_BYTES);
	uint64		sum = 0;
	uint32		count;

	for (uint32 i = 0; i < log->chunk_count; i++)
	{
		(void) record_log_chunk(log, i, buffer, &count);
		sum += count;
	}
	pfree(buffer);
	Assert(sum == record_log_count(log));
}

/*
 * Check what was read: all logs of all partitions, and sums by person
 */
void
ingest_check(const Ingest *ingest)
{
	for (int i = 0; i < ingest->model->network_count; i++)
	{
		RowPartition *partitions = ingest->networks[i].partitions;

		for (int j = 0; partitions != NULL && j < PARTITION_COUNT; j++)
			for (int kind = 0; kind < ROW_KIND_COUNT; kind++)
				check_log(&partitions[j].logs[kind]);
	}
	for (uint32 i = 0; i < intern_count(ingest->people); i++)
	{
		Assert(ingest_sentiment(ingest, i).hostile >= 0);
		Assert(ingest_sentiment(ingest, i).friendly >= 0);
	}
}

/*
 * Does somebody come before somebody else on the same or another network?
 */
static bool
comes_before(const PersonNetwork *a, const PersonNetwork *b)
{
	if (a->network != b->network)
		return a->network < b->network;
	if (partition_of(a->person) != partition_of(b->person))
		return partition_of(a->person) < partition_of(b->person);
	return a->person < b->person;
}

/*
 * People of each network once, in order; nothing is negative or infinite
 */
static void
check_measures(const Measures *measures, const Ingest *ingest)
{
	for (uint64 i = 0; i < measures->person_network_count; i++)
	{
		const PersonNetwork *pn = &measures->person_networks[i];

		Assert(pn->person < intern_count(ingest->people));
		Assert(pn->network < (uint32) ingest->model->network_count);
		Assert(i == 0 || comes_before(pn - 1, pn));
		for (int j = 0; j < MEASURE_COUNT; j++)
			Assert(pn->value[j] >= 0 && isfinite(pn->value[j]));
		Assert(pn->audience_term >= 0 && isfinite(pn->audience_term));
		Assert(pn->shares >= 0 && pn->posts >= 0);
	}
}

/*
 * Each position is in an order once
 */
static void
check_order(const uint32 *order, uint32 count)
{
	bool	   *seen = palloc0((Size) count + 1);

	for (uint32 i = 0; i < count; i++)
	{
		Assert(order[i] < count && !seen[order[i]]);
		seen[order[i]] = true;
	}
	pfree(seen);
}

/*
 * Everybody has one rank, and who has a better one has no lower score
 */
static void
check_scores(const Scores *scores)
{
	const Calibration *map = scores->calibration;
	double		score = CALIBRATION_MAX_SCORE;

	Assert(map == NULL || calibration_valid(map->raw, map->score, map->knot_count));
	check_order(scores->by_rank, scores->count);
	check_order(scores->by_id, scores->count);
	for (uint32 i = 0; i < scores->count; i++)
	{
		const PersonScore *person = &scores->people[scores->by_rank[i]];

		Assert(person->rank == i + 1);
		Assert(scores->position[person->person] == scores->by_rank[i]);
		Assert(person->score <= score && person->score >= CALIBRATION_MIN_SCORE);
		Assert(person->percentile >= 0 && person->percentile <= 100);
		Assert(person->mass >= 0 && person->raw >= 0);
		score = person->score;
	}
}

/*
 * The points of networks add up to the score less 1, and those of measures to
 * those of their network
 */
static void
check_points(const Run *run)
{
	const Scores *scores = run->scores;
	double	   *points = palloc0(sizeof(double) * ((Size) scores->count + 1));

	for (uint64 i = 0; i < run->measures->person_network_count; i++)
	{
		const PersonNetwork *pn = &run->measures->person_networks[i];
		NetworkPoints network;
		double		sum = 0;

		if (scores->position[pn->person] == NOBODY)
			continue;
		network = scores_network_points(run->ingest, scores, pn);
		for (int j = 0; j < MEASURE_COUNT; j++)
			sum += network.measure[j];
		Assert(fabs(sum - network.total) < POINTS_ERROR);
		points[scores->position[pn->person]] += network.total;
	}
	for (uint32 i = 0; i < scores->count; i++)
		Assert(scores->people[i].mass == 0 ||
			   fabs(points[i] + CALIBRATION_MIN_SCORE - scores->people[i].score) < POINTS_ERROR);
	pfree(points);
}

/*
 * Check the result of a run
 */
void
run_check(const Run *run)
{
	check_measures(run->measures, run->ingest);
	check_log(&run->measures->signal_counts);
	check_scores(run->scores);
	check_points(run);
}

#endif							/* USE_ASSERT_CHECKING */
