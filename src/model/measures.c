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
#include "influence.h"
#include "memory.h"
#include "model/edges.h"
#include "model/measures.h"
#include "model/progress.h"
#include "model/reciprocity.h"
#include "model/survey.h"
#include "model/sweep.h"
#include "model/trust.h"

/* Partitions whose rows are freed before the system gets them back */
#define PARTITIONS_PER_GIVE_BACK	16

/* So many counts by signal are not worth a file */
#define FEW_SIGNAL_COUNTS	131072

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
 * Engagement: the anonymous part that is there, plus that of the edges
 */
static void
add_engagement(PersonNetwork *people, uint64 count, const EdgePartition *edges)
{
	for (uint64 i = 0; i < count; i++)
	{
		uint32		place = place_of(people[i].person);

		for (uint64 j = edges->row_start[place]; j < edges->row_start[place + 1]; j++)
			people[i].value[MEASURE_ENGAGEMENT] += edges->engagement[j];
	}
}

/*
 * Mark the ends of edges with 1
 */
static void
mark_nodes(const EdgeSet *edges, double *mark)
{
	EdgeReader	reader;
	EdgeFeed	feed = edges_feed(edges, &reader);
	EdgeBlock	block;

	memset(mark, 0, edges->person_count * sizeof(double));
	feed.rewind(feed.state);
	while (feed.next(feed.state, &block))
	{
		uint64		end = block.row_start[block.row_count];

		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < block.row_count; i++)
			if (block.row_start[i] < block.row_start[i + 1])
				mark[block.first_row + i] = 1;
		for (uint64 i = block.row_start[0]; i < end; i++)
		{
			if (i + PREFETCH_AHEAD < end)
				prefetch_to_write(&mark[block.source[i + PREFETCH_AHEAD]]);
			mark[block.source[i]] = 1;
		}
	}
}

/*
 * Teleport vector: trust of the nodes, which are the ends of edges; sums to 1
 *
 * Returns the number of nodes; people who are no nodes get 0, and so rank 0.
 */
static uint32
fill_teleport(const EdgeSet *edges, const Trust *trust, double *teleport)
{
	CompensatedSum sum = {0, 0};
	uint32		nodes = 0;
	double		total;

	mark_nodes(edges, teleport);
	for (uint32 i = 0; i < edges->person_count; i++)
	{
		if (teleport[i] == 0)
			continue;
		nodes++;
		teleport[i] = trust_overall(trust, i);
		compensated_add(&sum, teleport[i]);
	}
	total = sum.high;
	for (uint32 i = 0; i < edges->person_count; i++)
		teleport[i] /= total;
	return nodes;
}

/*
 * Ranks of a network's graph; fails rather than give a wrong answer
 */
static PagerankResult
rank_network(const Ingest *ingest, int network, const EdgeSet *edges,
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
	PagerankSize size = {.node_count = edges->person_count,.copied_edges = edges->edge_count};
	EdgeReader	reader;
	EdgeFeed	feed = edges_feed(edges, &reader);
	void	   *scratch;

	if (!memory_has_room(ingest->context, pagerank_memory(&size)))
		size.copied_edges = 0;
	scratch = huge_array(ingest->networks[network].context, pagerank_memory(&size), 1);
	pagerank_prepare(&size, &feed, &options, scratch);
	pagerank_iterate(&size, &feed, &options, NULL, rank, scratch, &result);
	pfree(scratch);
	if (!result.converged)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("network influence of model \"%s\" on network \"%s\" did not converge in %d iterations, residual %g",
						model->ref.name, model->networks[network].name,
						result.iterations, result.residual),
				 errhint("Raise max_iterations or tolerance in influence.models.")));

	for (uint32 i = 0; i < edges->person_count; i++)
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
add_network_influence(const Ingest *ingest, int network, const EdgeSet *edges,
					  const Trust *trust, Slice slice, Measures *measures)
{
	MemoryContext context = ingest->networks[network].context;
	double	   *teleport;
	double	   *rank;
	uint32		nodes;
	PagerankResult result;

	if (edges->edge_count == 0)
		return;
	teleport = huge_array(context, edges->person_count, sizeof(double));
	rank = huge_array(context, edges->person_count, sizeof(double));
	nodes = fill_teleport(edges, trust, teleport);
	result = rank_network(ingest, network, edges, teleport, rank);
	measures->iterations = Max(measures->iterations, result.iterations);
	measures->residual = Max(measures->residual, result.residual);

	/* who has no edges gets nothing but the teleport's part, exactly */
	for (uint64 i = 0; i < slice.count; i++)
	{
		uint32		person = slice.people[i].person;
		double		earned = rank[person] - teleport[person] * result.teleport_share;

		slice.people[i].value[MEASURE_NETWORK_INFLUENCE] = nodes * Max(earned, 0);
	}
}

/*
 * Amplification: shares a post, shrunk towards the population's rate, which is returned
 */
static AmplificationPrior
add_amplification(Slice slice)
{
	double	   *shares = huge_array(CurrentMemoryContext, slice.count, sizeof(double));
	double	   *posts = huge_array(CurrentMemoryContext, slice.count, sizeof(double));
	AmplificationPrior prior;

	for (uint64 i = 0; i < slice.count; i++)
	{
		shares[i] = slice.people[i].shares;
		posts[i] = slice.people[i].posts;
	}
	amplification_fit(shares, posts, slice.count, &prior.shares, &prior.posts);
	for (uint64 i = 0; i < slice.count; i++)
		slice.people[i].value[MEASURE_AMPLIFICATION] = shares[i] == 0 ? 0 :
			(shares[i] + prior.shares) / (posts[i] + prior.posts);
	pfree(shares);
	pfree(posts);
	return prior;
}

/*
 * Keep to influence.max_memory, of which the rest of the run needs its part
 */
static void
limit_memory(Ingest *ingest, SweepOutput *output)
{
	if (!memory_over_limit(&ingest->limit))
		return;
	ingest_spill(ingest);
	edges_spill(output->edges);
	reciprocity_spill(output->reciprocity, ingest->spill);
	record_log_spill(output->signal_counts, ingest->spill);
	clocks_spill(output->clocks, ingest->spill);
	memory_limit_relieved(&ingest->limit);
}

/*
 * Give back what the partitions done so far have left
 *
 * Counts by signal are not needed before they are published: they wait in a file.
 */
static void
tidy_up(const Ingest *ingest, SweepOutput *output)
{
	if (record_log_count(output->signal_counts) > FEW_SIGNAL_COUNTS)
		record_log_spill(output->signal_counts, ingest->spill);
	memory_give_back();
}

/*
 * Walk over all rows of a network, then discount reciprocity
 */
static void
sweep_network(Ingest *ingest, int network, SweepOutput *output)
{
	MemoryContext work = AllocSetContextCreate(ingest->networks[network].context,
											   "influence partition", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(work);
	EdgePartition *partitions = output->edges->partitions;
	uint64		first[PARTITION_COUNT + 1];

	for (int i = 0; i < PARTITION_COUNT; i++)
	{
		first[i] = output->people->count;
		sweep_partition(ingest, network, i, output);
		MemoryContextReset(work);
		if (i % PARTITIONS_PER_GIVE_BACK == 0)
			tidy_up(ingest, output);
		limit_memory(ingest, output);
	}
	first[PARTITION_COUNT] = output->people->count;
	for (int i = 0; i < PARTITION_COUNT; i++)
	{
		edges_load(output->edges, i);
		reciprocity_apply(output->reciprocity, i, &partitions[i], work);
		add_engagement(output->people->items + first[i], first[i + 1] - first[i], &partitions[i]);
		edges_drop_weak(output->edges, i, PAGERANK_MIN_WEIGHT);
		MemoryContextReset(work);
		limit_memory(ingest, output);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	reciprocity_destroy(output->reciprocity);
	tidy_up(ingest, output);
}

/*
 * Measure one network
 */
static void
measure_network(Ingest *ingest, int network, PersonNetworkArray *people, Measures *measures)
{
	const Model *model = ingest->model;
	MemoryContext context = ingest->networks[network].context;
	uint64		first = people->count;
	Trust		trust;
	Slice		slice;
	SweepOutput output = {
		.trust = &trust,
		.clocks = measures->clocks,
		.people = people,
		.signal_counts = &measures->signal_counts
	};

	progress_report(model->ref.name, "measuring network \"%s\"", model->networks[network].name);
	output.edges = edges_create(intern_count(ingest->people), ingest->spill, context);
	output.reciprocity = reciprocity_create(model->reciprocity_discount,
											ingest_count(ingest, network, ROWS_PLAIN) +
											ingest_count(ingest, network, ROWS_INTERACTIONS), context);
	trust.reactions = survey_network(ingest, network, output.reciprocity);
	trust.half_count = model->selectivity_rate * observed_days(ingest);
	sweep_network(ingest, network, &output);
	ingest->rows_ignored[IGNORE_OUTSIDE_WINDOW] += output.rows_outside_window;

	slice.people = people->items + first;
	slice.count = people->count - first;
	add_network_influence(ingest, network, output.edges, &trust, slice, measures);
	measures->priors[network] = add_amplification(slice);
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

	ingest_check_people(ingest);
	/* the memory is needed for the rows; who looks people up afterwards knows few */
	intern_drop_hash(ingest->people);
	ingest->limit.bytes = (Size) influence_max_memory * 1024 -
		(Size) intern_count(ingest->people) * BYTES_PER_PERSON;
	record_log_init(&measures->signal_counts, sizeof(SignalCount), CurrentMemoryContext);
	measures->priors = palloc0(sizeof(AmplificationPrior) * (ingest->model->network_count + 1));
	measures->clocks = clocks_create(ingest);
	for (int network = 0; network < ingest->model->network_count; network++)
	{
		NetworkRows *rows = &ingest->networks[network];

		if (rows->partitions != NULL)
			measure_network(ingest, network, &people, measures);
		MemoryContextDelete(rows->context);
		rows->context = NULL;
		rows->partitions = NULL;
	}
	measures->person_network_count = people.count;
	measures->person_networks = people.items;
	memory_give_back();
	/* scoring needs its own part of what a person takes */
	if (!memory_has_room(ingest->context, (Size) intern_count(ingest->people) * BYTES_PER_PERSON))
	{
		record_log_spill(&measures->signal_counts, ingest->spill);
		memory_give_back();
	}
	return measures;
}
