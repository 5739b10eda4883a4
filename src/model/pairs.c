/*
 * What needs all pairs of a network: reciprocity, and the graph of engagement.
 */
#include "compat.h"

#include "miscadmin.h"

#include "math/pagerank.h"
#include "math/prefetch.h"
#include "memory.h"
#include "model/pairs.h"

/*
 * Find the pair (actor, target) given that targets are asked in ascending order
 * for each actor row; NULL when the target never reacted to the actor
 *
 * cursor: by row, where the last search in it ended. Each row is walked once
 * over all calls.
 */
static const Pair *
find_reverse(const PairSet *set, uint64 *cursor, uint32 row, uint32 actor)
{
	uint64		end = set->row_start[row + 1];

	while (cursor[row] < end && set->pairs[cursor[row]].actor < actor)
		cursor[row]++;
	if (cursor[row] < end && set->pairs[cursor[row]].actor == actor)
		return &set->pairs[cursor[row]];
	return NULL;
}

/*
 * Fetch what find_reverse() will look at for a pair a few places on
 */
static inline void
prefetch_reverse(const PairSet *set, const uint64 *cursor, uint64 i)
{
	if (i + 2 * PREFETCH_AHEAD >= set->pair_count)
		return;
	prefetch(&cursor[set->pairs[i + 2 * PREFETCH_AHEAD].actor]);
	prefetch(&set->row_start[set->pairs[i + 2 * PREFETCH_AHEAD].actor + 1]);
	prefetch(&set->pairs[cursor[set->pairs[i + PREFETCH_AHEAD].actor]]);
}

/*
 * Discount what is given back: y * (1 - discount * min/max of both directions)
 *
 * Only what is not conversational counts: an answer is not a traded like.
 */
void
pairs_discount_reciprocity(PairSet *set, double discount)
{
	uint64	   *cursor;

	if (discount == 0)
		return;
	cursor = huge_array(CurrentMemoryContext, set->person_count, sizeof(uint64));
	memcpy(cursor, set->row_start, set->person_count * sizeof(uint64));

	for (uint32 target = 0; target < set->person_count; target++)
	{
		CHECK_FOR_INTERRUPTS();
		for (uint64 i = set->row_start[target]; i < set->row_start[target + 1]; i++)
		{
			Pair	   *pair = &set->pairs[i];
			const Pair *reverse;

			prefetch_reverse(set, cursor, i);
			if (pair->tradable == 0)
				continue;
			reverse = find_reverse(set, cursor, pair->actor, target);
			if (reverse != NULL && reverse->tradable > 0)
				pair->engagement *= 1 - discount * Min(pair->tradable, reverse->tradable) /
					Max(pair->tradable, reverse->tradable);
		}
	}
	pfree(cursor);
}

/*
 * The graph of the pairs with any engagement, in context; the pairs are freed
 */
CsrGraph *
pairs_to_graph(PairSet *set, MemoryContext context)
{
	CsrGraph   *graph = MemoryContextAlloc(context, sizeof(CsrGraph));
	uint64		edges = 0;

	graph->node_count = set->person_count;
	graph->row_start = huge_array(context, (uint64) set->person_count + 1, sizeof(uint64));
	graph->source = huge_array(context, set->pair_count, sizeof(uint32));
	graph->weight = huge_array(context, set->pair_count, sizeof(double));

	for (uint32 target = 0; target < set->person_count; target++)
	{
		CHECK_FOR_INTERRUPTS();
		graph->row_start[target] = edges;
		for (uint64 i = set->row_start[target]; i < set->row_start[target + 1]; i++)
		{
			const Pair *pair = &set->pairs[i];

			if (pair->engagement < PAGERANK_MIN_WEIGHT)
				continue;
			graph->source[edges] = pair->actor;
			graph->weight[edges] = pair->engagement;
			edges++;
		}
	}
	graph->row_start[set->person_count] = edges;
	graph->edge_count = edges;
	pfree(set->pairs);
	set->pairs = NULL;
	return graph;
}
