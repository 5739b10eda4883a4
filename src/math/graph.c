/*
 * Weighted directed graphs in compressed sparse rows.
 *
 * Rows are made by counting sort: count the edges of each row, turn the counts
 * into where each row starts, then place every edge at its row's next free
 * position. That takes two sequential reads of the edges and no comparison.
 *
 * Placing is stable, so two passes sort twice: first by source, then by target.
 * Within a target the sources then ascend, which makes every sum over a row
 * independent of the order of the edge list.
 */
#include <string.h>

#include "math/graph.h"
#include "math/invariant.h"

/*
 * Is a row sorted, without repetition, and are its weights positive?
 */
static bool
row_valid(const CsrGraph *graph, uint64_t start, uint64_t end)
{
	uint64_t	e;

	for (e = start; e < end; e++)
	{
		if (graph->source[e] >= graph->node_count || !(graph->weight[e] > 0))
			return false;
		if (e > start && graph->source[e] <= graph->source[e - 1])
			return false;
	}
	return true;
}

/*
 * Check all invariants of a graph; see graph.h
 */
bool
graph_valid(const CsrGraph *graph)
{
	uint32_t	v;

	if (graph->row_start[0] != 0 || graph->row_start[graph->node_count] != graph->edge_count)
		return false;
	for (v = 0; v < graph->node_count; v++)
	{
		uint64_t	start = graph->row_start[v];
		uint64_t	end = graph->row_start[v + 1];

		if (end < start || end > graph->edge_count || !row_valid(graph, start, end))
			return false;
	}
	return true;
}

/*
 * Turn counts, row v's in row_start[v + 1], into the row starts shifted by one:
 * row v's next free position is then in row_start[v + 1], and when every edge
 * has been placed and advanced it, row_start is what its name says.
 */
static void
counts_to_positions(uint64_t *row_start, uint32_t node_count)
{
	uint64_t	position = 0;
	uint64_t	v;

	row_start[0] = 0;
	for (v = 0; v < node_count; v++)
	{
		uint64_t	count = row_start[v + 1];

		row_start[v + 1] = position;
		position += count;
	}
}

/*
 * First pass: rows by source, holding targets, in the order of the list
 */
static void
place_by_source(const Edge *edges, CsrGraph *by_source, void (*check) (void))
{
	uint64_t   *position = by_source->row_start + 1;
	uint64_t	e;

	memset(by_source->row_start, 0,
		   ((size_t) by_source->node_count + 1) * sizeof(uint64_t));
	for (e = 0; e < by_source->edge_count; e++)
	{
		check_at(e, check);
		position[edges[e].source]++;
	}
	counts_to_positions(by_source->row_start, by_source->node_count);

	for (e = 0; e < by_source->edge_count; e++)
	{
		uint64_t	at = position[edges[e].source]++;

		check_at(e, check);
		by_source->source[at] = edges[e].target;
		by_source->weight[at] = edges[e].weight;
	}
}

/*
 * Turn in-edges into out-edges, or back; see graph.h
 */
void
graph_transpose(const CsrGraph *graph, CsrGraph *transposed, void (*check) (void))
{
	uint64_t   *position = transposed->row_start + 1;
	uint64_t	e;
	uint32_t	v;

	transposed->node_count = graph->node_count;
	transposed->edge_count = graph->edge_count;

	memset(transposed->row_start, 0,
		   ((size_t) graph->node_count + 1) * sizeof(uint64_t));
	for (e = 0; e < graph->edge_count; e++)
	{
		check_at(e, check);
		position[graph->source[e]]++;
	}
	counts_to_positions(transposed->row_start, graph->node_count);

	for (v = 0; v < graph->node_count; v++)
	{
		check_at(v, check);
		for (e = graph->row_start[v]; e < graph->row_start[v + 1]; e++)
		{
			uint64_t	at = position[graph->source[e]]++;

			check_at(e, check);
			transposed->source[at] = v;
			transposed->weight[at] = graph->weight[e];
		}
	}
}

/*
 * Add up edges of equal source, which sorting made neighbours, in place
 */
static void
merge_parallel(CsrGraph *graph, void (*check) (void))
{
	uint64_t	kept = 0;
	uint64_t	e = 0;
	uint32_t	v;

	for (v = 0; v < graph->node_count; v++)
	{
		uint64_t	row_end = graph->row_start[v + 1];
		uint64_t	row_kept = kept;

		check_at(v, check);
		for (; e < row_end; e++)
		{
			check_at(e, check);
			if (kept > row_kept && graph->source[kept - 1] == graph->source[e])
				graph->weight[kept - 1] += graph->weight[e];
			else
			{
				graph->source[kept] = graph->source[e];
				graph->weight[kept] = graph->weight[e];
				kept++;
			}
		}
		graph->row_start[v] = row_kept;
	}
	graph->row_start[graph->node_count] = kept;
	graph->edge_count = kept;
}

/*
 * Build the graph of an edge list; see graph.h
 */
void
graph_build(const Edge *edges, CsrGraph *scratch, CsrGraph *graph,
			void (*check) (void))
{
	scratch->node_count = graph->node_count;
	scratch->edge_count = graph->edge_count;

	place_by_source(edges, scratch, check);
	graph_transpose(scratch, graph, check);
	merge_parallel(graph, check);
	INVARIANT(graph_valid(graph));
}

/*
 * The one block of a graph in memory comes next
 */
static void
rewind_graph(void *state)
{
	((GraphFeed *) state)->fed = false;
}

/*
 * Bring the one block of a graph in memory
 */
static bool
next_of_graph(void *state, EdgeBlock *block)
{
	GraphFeed  *feed = state;
	const CsrGraph *graph = feed->graph;

	if (feed->fed)
		return false;
	feed->fed = true;
	block->first_row = feed->first_row;
	block->row_count = feed->end_row - feed->first_row;
	block->row_start = graph->row_start + feed->first_row;
	block->source = graph->source;
	block->weight = graph->weight;
	return true;
}

/*
 * Rows of a graph in memory as a feed; see graph.h
 */
EdgeFeed
graph_feed(const CsrGraph *graph, uint32_t first_row, uint32_t end_row,
		   GraphFeed *state)
{
	EdgeFeed	feed = {rewind_graph, next_of_graph, state};

	state->graph = graph;
	state->first_row = first_row;
	state->end_row = end_row;
	state->fed = false;
	return feed;
}
