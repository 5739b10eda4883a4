/*
 * From the rows of each network to the six measures of its people.
 *
 * Networks are computed one after the other and do not touch each other: what
 * somebody does on one network changes nothing on another. Large ones are computed
 * by several processes, each of which has some partitions (measure_team.c).
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
#include "model/measure_team.h"
#include "model/measures.h"
#include "model/progress.h"
#include "model/reciprocity.h"
#include "model/survey.h"
#include "model/sweep.h"
#include "model/trust.h"

/* So many counts by signal are not worth a file */
#define FEW_SIGNAL_COUNTS	131072

/* Fewer edges are ranked before a team has met a few times */
#define EDGES_FOR_TEAM	100000

/* People between two checks for interrupts */
#define ITEMS_PER_CHECK	65536

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
 * Teleport vector: trust of the nodes, who have edges; sums to 1. Where nobody is
 * trusted, all nodes alike.
 *
 * scratch: of the kernel, after pagerank_count(). Returns the number of nodes; people who
 * are no nodes get 0, and so rank 0.
 */
static uint32
fill_teleport(const PagerankSize *size, const Trust *trust, void *scratch, double *teleport)
{
	CompensatedSum sum = {0, 0};
	uint32		nodes = 0;
	double		total;

	pagerank_mark_nodes(size, scratch, teleport);
	for (uint32 i = 0; i < size->node_count; i++)
	{
		if (teleport[i] == 0)
			continue;
		nodes++;
		teleport[i] = trust_overall(trust, i);
		compensated_add(&sum, teleport[i]);
	}
	total = sum.high;
	if (total == 0)
	{
		pagerank_mark_nodes(size, scratch, teleport);
		total = nodes;
	}
	for (uint32 i = 0; i < size->node_count; i++)
		teleport[i] /= total;
	return nodes;
}

/*
 * A network's graph while its people are ranked
 *
 * One member prepares it, but for the kernel's copy of the graph: the last one, while the
 * leader collects what was measured. All of them copy and rank.
 */
typedef struct Ranking
{
	MeasureTeam *team;			/* NULL: the leader alone */
	const EdgeSet *edges;
	RankPlan	plan;
	double	   *teleport;		/* by person, as the next; then the kernel's memory */
	double	   *rank;
	void	   *scratch;
} Ranking;

static void
divide_rank_memory(Ranking *ranking, void *memory)
{
	ranking->teleport = memory;
	ranking->rank = ranking->teleport + ranking->plan.size.node_count;
	ranking->scratch = ranking->rank + ranking->plan.size.node_count;
}

/*
 * Options of the kernel
 */
static PagerankOptions
rank_options(const Model *model, const double *teleport)
{
	return (PagerankOptions)
	{
		.damping = model->damping,
		.max_iterations = model->max_iterations,
		.tolerance = model->tolerance,
		.teleport = teleport,
		.check = check_interrupts
	};
}

/*
 * Refuse ranks that are no answer
 */
static void
check_ranks(const Model *model, int network, const PagerankResult *result,
			const double *rank, uint32 person_count)
{
	CompensatedSum mass = {0, 0};

	if (!result->converged)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("network influence of model \"%s\" on network \"%s\" did not converge in %d iterations, residual %g",
						model->ref.name, model->networks[network].name,
						result->iterations, result->residual),
				 errhint("Raise max_iterations or tolerance in influence.models.")));

	for (uint32 i = 0; i < person_count; i++)
		compensated_add(&mass, rank[i]);
	if (!(fabs(mass.high - 1) < MASS_TOLERANCE))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("sanity check of model \"%s\" failed: ranks on network \"%s\" sum to %.15g instead of 1",
						model->ref.name, model->networks[network].name, mass.high)));
}

/*
 * Prepare the ranking of a network: memory, teleport vector, and what the kernel needs
 * before it copies the graph, for which a leader alone may have no room
 */
static void
prepare_ranking(Ranking *ranking, const Ingest *ingest, const Trust *trust)
{
	RankPlan   *plan = &ranking->plan;
	EdgeReader	reader;
	EdgeFeed	feed = edges_feed(ranking->edges, &reader);
	PagerankOptions options;
	Size		arrays;

	plan->size.node_count = ranking->edges->person_count;
	plan->size.copied_edges = ranking->edges->edge_count;
	arrays = 2 * (Size) plan->size.node_count * sizeof(double);
	if (ranking->team == NULL && !ingest_has_room(ingest, arrays + pagerank_memory(&plan->size)))
		plan->size.copied_edges = 0;
	arrays += pagerank_memory(&plan->size);
	divide_rank_memory(ranking, ranking->team != NULL ? team_allocate_ranks(ranking->team, arrays) :
					   huge_array(ranking->edges->context, arrays, 1));
	pagerank_count(&plan->size, &feed, check_interrupts, ranking->scratch);
	plan->nodes = fill_teleport(&plan->size, trust, ranking->scratch, ranking->teleport);
	options = rank_options(ingest->model, ranking->teleport);
	pagerank_arrange(&plan->size, &options, ranking->scratch);
	if (ranking->team != NULL)
		team_offer_ranks(ranking->team, plan);
}

/*
 * Rank the people of a network
 */
static PagerankResult
rank_people(Ranking *ranking, const Model *model)
{
	PagerankTeam ranks;
	PagerankOptions options;
	EdgeReader	reader;
	EdgeFeed	feed;
	PagerankResult result;

	if (ranking->team != NULL)
	{
		divide_rank_memory(ranking, team_take_ranks(ranking->team, &ranking->plan));
		team_share_ranks(ranking->team, ranking->edges, &ranks);
		feed = edges_feed_rows(ranking->edges, ranks.first_row, ranks.end_row, &reader);
	}
	else
		feed = edges_feed(ranking->edges, &reader);
	options = rank_options(model, ranking->teleport);
	pagerank_copy(&ranking->plan.size, &feed, &options, ranking->scratch);
	if (ranking->team != NULL)
		team_wait(ranking->team);
	pagerank_iterate(&ranking->plan.size, &feed, &options, ranking->team != NULL ? &ranks : NULL,
					 ranking->rank, ranking->scratch, &result);
	return result;
}

/*
 * Network influence: nodes * (rank - what teleport alone gives)
 *
 * Source of PageRank with teleport by trust: Page et al. 1999; Gleich 2015.
 */
static void
add_network_influence(const Ranking *ranking, const PagerankResult *result, const Model *model,
					  int network, Slice slice, Measures *measures)
{
	check_ranks(model, network, result, ranking->rank, ranking->plan.size.node_count);
	measures->iterations = Max(measures->iterations, result->iterations);
	measures->residual = Max(measures->residual, result->residual);

	/* who has no edges gets nothing but the teleport's part, exactly */
	for (uint64 i = 0; i < slice.count; i++)
	{
		uint32		person = slice.people[i].person;
		double		earned = ranking->rank[person] - ranking->teleport[person] * result->teleport_share;

		slice.people[i].value[MEASURE_NETWORK_INFLUENCE] = ranking->plan.nodes * Max(earned, 0);
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
	if (!ingest_over_limit(ingest))
		return;
	ingest_spill(ingest);
	edges_spill(output->edges);
	reciprocity_spill(output->reciprocity, ingest->spill);
	record_log_spill(output->signal_counts, ingest->spill);
	clocks_spill(output->clocks, ingest->spill);
	ingest_limit_relieved(ingest);
}

/*
 * Give back what the partitions done so far have left
 *
 * Counts by signal are not needed before they are published: those of the leader, who
 * gets all of them, wait in a file.
 */
static void
tidy_up(const MeasureTeam *team, const Ingest *ingest, SweepOutput *output)
{
	if (team_leads(team) && record_log_count(output->signal_counts) > FEW_SIGNAL_COUNTS)
		record_log_spill(output->signal_counts, ingest->spill);
	memory_give_back();
}

/*
 * Find out who gives back what, among the people of the own partitions, when all members
 * have announced what was given
 */
static void
match_exchanges(MeasureTeam *team, Ingest *ingest, int network, SweepOutput *output, ActorHabits *habits)
{
	Reciprocity *reciprocity = output->reciprocity;
	uint32		person_count = output->edges->person_count;
	MemoryContext work = AllocSetContextCreate(output->edges->context, "influence partition",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(work);

	if (team != NULL)
		team_wait(team);
	for (int i = 0; i < PARTITION_COUNT; i++)
	{
		uint32		place_count = partition_places(i, person_count);
		PartitionClocks clocks;

		if (!team_owns(team, i))
			continue;
		clocks = clocks_load(output->clocks, i, place_count);
		reciprocity_note(reciprocity, ingest, network, i, &clocks, place_count);
		MemoryContextReset(work);
		limit_memory(ingest, output);
	}
	reciprocity_end_notes(reciprocity);
	team_exchange(team, reciprocity->given);
	team_free_filter(team);
	for (int i = 0; i < PARTITION_COUNT; i++)
	{
		if (!team_owns(team, i))
			continue;
		reciprocity_match(reciprocity, i, partition_places(i, person_count), habits);
		MemoryContextReset(work);
		limit_memory(ingest, output);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
}

/*
 * The part of what the people of a network give that is traded, on average
 */
static double
mean_traded(const ActorHabits *habits, uint32 person_count)
{
	double		traded = 0;
	uint32		givers = 0;

	for (uint32 i = 0; i < person_count; i++)
	{
		if (i % ITEMS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		if (habits[i].gifts.given == 0)
			continue;
		givers++;
		traded += (double) habits[i].gifts.traded / habits[i].gifts.given;
	}
	return givers == 0 ? 0 : traded / givers;
}

/*
 * Walk over the rows of the own partitions of a network
 */
static void
sweep_network(MeasureTeam *team, Ingest *ingest, int network, SweepOutput *output)
{
	MemoryContext work = AllocSetContextCreate(output->edges->context, "influence partition",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(work);
	int			swept = 0;

	for (int i = 0; i < PARTITION_COUNT; i++)
	{
		if (!team_owns(team, i))
			continue;
		sweep_partition(ingest, network, i, output);
		MemoryContextReset(work);
		if (++swept % PARTITIONS_PER_GIVE_BACK == 0)
			tidy_up(team, ingest, output);
		limit_memory(ingest, output);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	network_rows_free(&ingest->networks[network]);
	reciprocity_destroy(output->reciprocity);
	tidy_up(team, ingest, output);
}

/*
 * Collect what was measured on a network, and rank its people, who are all with the
 * leader then
 */
static void
finish_network(MeasureTeam *team, Ingest *ingest, int network, const SweepOutput *output,
			   uint64 first, Measures *measures)
{
	PersonNetworkArray *people = output->people;
	Ranking		ranking = {.team = output->edges->edge_count < EDGES_FOR_TEAM ? NULL : team,.edges = output->edges};
	bool		has_ranks = output->edges->edge_count > 0 && (team_leads(team) || ranking.team != NULL);
	PagerankResult result;

	team_begin_collection(team, people, first, output->signal_counts);
	if (has_ranks && team_prepares(ranking.team))
		prepare_ranking(&ranking, ingest, output->trust);
	/* trust is not asked for any more */
	pfree(unconstify(ActorHabits *, output->trust->habits));
	team_end_collection(team);
	if (has_ranks)
		result = rank_people(&ranking, ingest->model);

	if (team_leads(team))
	{
		Slice		slice = {people->items + first, people->count - first};

		if (has_ranks)
			add_network_influence(&ranking, &result, ingest->model, network, slice, measures);
		measures->priors[network] = add_amplification(slice);
	}
	if (ranking.team != NULL)
		team_end_ranks(ranking.team);
	else if (has_ranks)
		pfree(ranking.teleport);
}

/*
 * Measure one network
 */
static void
measure_network(MeasureTeam *team, Ingest *ingest, int network, PersonNetworkArray *people, Measures *measures)
{
	const Model *model = ingest->model;
	uint32		person_count = team_person_count(team, ingest);
	MemoryContext context = AllocSetContextCreate(ingest->context, "influence network", ALLOCSET_DEFAULT_SIZES);
	uint64		first = people->count;
	ActorHabits *habits = huge_array_zero(context, person_count, sizeof(ActorHabits));
	Trust		trust = {.habits = habits,.half_count = model->selectivity_rate * observed_days(ingest)};
	SweepOutput output = {
		.trust = &trust,
		.clocks = measures->clocks,
		.people = people,
		.signal_counts = &measures->signal_counts
	};

	progress_report(model->ref.name, "measuring network \"%s\"", model->networks[network].name);
	output.edges = edges_create(person_count, ingest->spill, context);
	output.reciprocity = reciprocity_create(model, team_interactions(team, ingest, network), team_area(team), context);
	if (reciprocity_matters(output.reciprocity))
		reciprocity_begin(output.reciprocity,
						  team_share_filter(team, reciprocity_filter_words(output.reciprocity)));
	survey_network(ingest, network, habits, output.reciprocity);
	if (reciprocity_matters(output.reciprocity))
		match_exchanges(team, ingest, network, &output, habits);
	team_add_habits(team, habits, person_count);
	trust.discount = trust_discount(model->trading_discount, mean_traded(habits, person_count));
	sweep_network(team, ingest, network, &output);
	ingest->rows_ignored[IGNORE_OUTSIDE_WINDOW] += output.rows_outside_window;

	team_share_edges(team, output.edges);
	finish_network(team, ingest, network, &output, first, measures);
	team_free_edges(team);
	MemoryContextDelete(context);
}

/*
 * Measure all networks; the logs of the ingest are used up
 */
static void
measure_networks(MeasureTeam *team, Ingest *ingest, PersonNetworkArray *people, Measures *measures)
{
	for (int network = 0; network < ingest->model->network_count; network++)
	{
		if (team_has_rows(team, ingest, network))
			measure_network(team, ingest, network, people, measures);
	}
}

/*
 * Measures of nobody, in the current memory context
 */
static Measures *
create_measures(const Model *model)
{
	Measures   *measures = palloc0(sizeof(Measures));

	record_log_init(&measures->signal_counts, sizeof(SignalCount), CurrentMemoryContext, NULL);
	measures->priors = palloc0(sizeof(AmplificationPrior) * (model->network_count + 1));
	return measures;
}

/*
 * Compute all measures; the logs of the ingest are used up
 *
 * The result is in the current memory context.
 */
Measures *
measures_compute(Ingest *ingest)
{
	Measures   *measures = create_measures(ingest->model);
	PersonNetworkArray people = {.context = CurrentMemoryContext};
	MeasureTeam *team;

	ingest_check_people(ingest, true);
	/* the memory is needed for the rows; who looks people up afterwards knows few */
	intern_drop_hash(ingest->people);
	ingest->memory_limit = (Size) influence_max_memory * 1024 -
		(Size) intern_count(ingest->people) * BYTES_PER_PERSON;
	measures->clocks = clocks_create(ingest);
	/* clocks are with the leader only */
	team = measures->clocks == NULL ? measure_team_start(ingest) : NULL;
	if (team == NULL)
		ingest_leave_area_for_file(ingest);
	measure_networks(team, ingest, &people, measures);
	measure_team_end(team);
	ingest_leave_area(ingest);
	measures->person_network_count = people.count;
	measures->person_networks = people.items;
	memory_give_back();
	/* scoring needs its own part of what a person takes */
	if (!ingest_has_room(ingest, (Size) intern_count(ingest->people) * BYTES_PER_PERSON))
	{
		record_log_spill(&measures->signal_counts, ingest->spill);
		memory_give_back();
	}
	return measures;
}

PGDLLEXPORT void influence_measure_worker(dsm_segment *segment, shm_toc *toc);

/*
 * Main function of a worker
 */
void
influence_measure_worker(dsm_segment *segment pg_attribute_unused(), shm_toc *toc)
{
	Ingest	   *ingest;
	MeasureTeam *team = measure_team_join(toc, &ingest);
	PersonNetworkArray people = {.context = CurrentMemoryContext};

	measure_networks(team, ingest, &people, create_measures(ingest->model));
	spill_close(ingest->spill);
	measure_team_end(team);
	ingest_leave_area(ingest);
}
