/*
 * From the rows of each network to the six measures of its people.
 *
 * Networks are computed one after the other and do not touch each other: what
 * somebody does on one network changes nothing on another.
 */
#include "compat.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "math/amplification.h"
#include "math/pagerank.h"
#include "math/sum.h"
#include "memory.h"
#include "model/measures.h"
#include "model/pairs.h"
#include "model/progress.h"
#include "model/sweep.h"
#include "model/trust.h"

/* The ranks of a network must sum to 1 within this */
#define MASS_TOLERANCE	1e-9

/* People of one network: a slice of all */
typedef struct Slice
{
	PersonNetwork *people;
	uint64		count;
} Slice;

/*
 * Interrupt check for the math layer, which knows nothing of the server
 */
static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/*
 * Days over which reactions are counted for an actor's rate
 */
static double
observed_days(const Ingest *ingest)
{
	double		span = ingest->model->time_window;

	if (span == 0 && ingest->earliest_reaction != DT_NOEND)
		span = (double) (ingest->as_of - ingest->earliest_reaction);
	return ingest->model->time_window > 0 ? span / USECS_PER_DAY : Max(span / USECS_PER_DAY, 1);
}

/*
 * Engagement: the anonymous part that is there, plus that of the pairs
 */
static void
add_engagement(Slice slice, const PairSet *pairs)
{
	for (uint64 i = 0; i < slice.count; i++)
	{
		PersonNetwork *person = &slice.people[i];

		CHECK_FOR_INTERRUPTS();
		for (uint64 j = pairs->row_start[person->person]; j < pairs->row_start[person->person + 1]; j++)
			person->value[MEASURE_ENGAGEMENT] += pairs->pairs[j].engagement;
	}
}

/*
 * Teleport vector: trust of the nodes, which are the ends of edges; sums to 1
 *
 * Returns the number of nodes; people who are no nodes get 0, and so rank 0.
 */
static uint32
fill_teleport(const CsrGraph *graph, const Trust *trust, double *teleport)
{
	CompensatedSum sum = {0, 0};
	uint32		nodes = 0;
	double		total;

	memset(teleport, 0, graph->node_count * sizeof(double));
	for (uint64 i = 0; i < graph->edge_count; i++)
		teleport[graph->source[i]] = 1;
	for (uint32 i = 0; i < graph->node_count; i++)
	{
		if (teleport[i] == 0 && graph->row_start[i] == graph->row_start[i + 1])
			continue;
		nodes++;
		teleport[i] = trust_overall(trust, i);
		compensated_add(&sum, teleport[i]);
	}
	total = sum.high;
	for (uint32 i = 0; i < graph->node_count; i++)
		teleport[i] /= total;
	return nodes;
}

/*
 * Ranks of a network's graph; fails rather than give a wrong answer
 */
static PagerankResult
rank_network(const Ingest *ingest, int network, const CsrGraph *graph,
			 const double *teleport, double *rank)
{
	const Model *model = ingest->model;
	PagerankOptions options = {
		.damping = model->damping,
		.max_iterations = model->max_iterations,
		.tolerance = model->tolerance,
		.teleport = teleport,
		.check = check_interrupts
	};
	PagerankResult result;
	CompensatedSum mass = {0, 0};
	void	   *scratch = huge_array(ingest->networks[network].context,
									 pagerank_scratch(graph), 1);

	pagerank(graph, &options, rank, scratch, &result);
	pfree(scratch);
	if (!result.converged)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("network influence of model \"%s\" on network \"%s\" did not converge in %d iterations, residual %g",
						model->ref.name, model->networks[network].name,
						result.iterations, result.residual),
				 errhint("Raise max_iterations or tolerance in influence.models.")));

	for (uint32 i = 0; i < graph->node_count; i++)
		compensated_add(&mass, rank[i]);
	if (!(fabs(mass.high - 1) < MASS_TOLERANCE))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("sanity check of model \"%s\" failed: ranks on network \"%s\" sum to %.15g instead of 1",
						model->ref.name, model->networks[network].name, mass.high)));
	return result;
}

/*
 * Network influence: nodes * (rank - what teleport alone gives)
 *
 * Source of PageRank with teleport by trust: Page et al. 1999; Gleich 2015.
 */
static void
add_network_influence(const Ingest *ingest, int network, const CsrGraph *graph,
					  const Trust *trust, Slice slice, Measures *measures)
{
	MemoryContext context = ingest->networks[network].context;
	double	   *teleport = huge_array(context, graph->node_count, sizeof(double));
	double	   *rank = huge_array(context, graph->node_count, sizeof(double));
	uint32		nodes;
	PagerankResult result;

	if (graph->edge_count == 0)
		return;
	nodes = fill_teleport(graph, trust, teleport);
	result = rank_network(ingest, network, graph, teleport, rank);
	measures->iterations = Max(measures->iterations, result.iterations);
	measures->residual = Max(measures->residual, result.residual);

	for (uint64 i = 0; i < slice.count; i++)
	{
		uint32		person = slice.people[i].person;
		double		earned = rank[person] - teleport[person] * result.teleport_share;

		if (graph->row_start[person] < graph->row_start[person + 1])
			slice.people[i].value[MEASURE_NETWORK_INFLUENCE] = nodes * Max(earned, 0);
	}
}

/*
 * Amplification: shares a post, shrunk towards the population's rate
 */
static void
add_amplification(Slice slice)
{
	double	   *shares = huge_array(CurrentMemoryContext, slice.count, sizeof(double));
	double	   *posts = huge_array(CurrentMemoryContext, slice.count, sizeof(double));
	double		prior_shares;
	double		prior_posts;

	for (uint64 i = 0; i < slice.count; i++)
	{
		shares[i] = slice.people[i].shares;
		posts[i] = slice.people[i].posts;
	}
	amplification_fit(shares, posts, slice.count, &prior_shares, &prior_posts);
	for (uint64 i = 0; i < slice.count; i++)
		slice.people[i].value[MEASURE_AMPLIFICATION] = shares[i] == 0 ? 0 :
			(shares[i] + prior_shares) / (posts[i] + prior_posts);
	pfree(shares);
	pfree(posts);
}

/*
 * Measure one network
 */
static void
measure_network(const Ingest *ingest, int network, PersonNetworkArray *people, Measures *measures)
{
	const NetworkRows *rows = &ingest->networks[network];
	uint64		first = people->count;
	Trust		trust;
	PairSet		pairs;
	Slice		slice;

	progress_report(ingest->model->ref.name, "measuring network \"%s\"",
					ingest->model->networks[network].name);
	trust.reactions = count_reactions(ingest, network);
	trust.half_count = ingest->model->selectivity_rate * observed_days(ingest);

	sweep_network(ingest, network, &trust, people, &measures->signal_counts, &pairs);
	slice.people = people->items + first;
	slice.count = people->count - first;

	pairs_discount_reciprocity(&pairs, ingest->model->reciprocity_discount);
	add_engagement(slice, &pairs);
	add_network_influence(ingest, network, pairs_to_graph(&pairs, rows->context),
						  &trust, slice, measures);
	add_amplification(slice);
}

/*
 * Compute all measures; the logs of the ingest are used up
 *
 * The result is in the current memory context.
 */
Measures *
measures_compute(Ingest *ingest)
{
	Measures   *measures = palloc0(sizeof(Measures));
	PersonNetworkArray people = {.context = CurrentMemoryContext};

	record_log_init(&measures->signal_counts, sizeof(SignalCount), CurrentMemoryContext);
	for (int network = 0; network < ingest->model->network_count; network++)
	{
		NetworkRows *rows = &ingest->networks[network];

		if (rows->interactions.count + rows->anonymous.count + rows->posts.count > 0)
			measure_network(ingest, network, &people, measures);
		MemoryContextDelete(rows->context);
		rows->context = NULL;
	}
	measures->person_network_count = people.count;
	measures->person_networks = people.items;
	return measures;
}
