/*
 * Weighted directed graphs in compressed sparse rows.
 */
#ifndef INFLUENCE_MATH_GRAPH_H
#define INFLUENCE_MATH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Items of a loop between two calls of its interrupt callback */
#define CHECK_INTERVAL 32768

/*
 * Call the interrupt callback, unless it is NULL, once per CHECK_INTERVAL items
 */
static inline void
check_at(uint64_t item, void (*check) (void))
{
	if (item % CHECK_INTERVAL == 0 && check != NULL)
		check();
}

/* One edge of an unsorted list; weight > 0 and finite */
typedef struct Edge
{
	uint32_t	source;
	uint32_t	target;
	double		weight;
} Edge;

/*
 * In-edges by target: the edges into node v are those from row_start[v] to
 * row_start[v + 1] - 1. There is one edge per (source, target), and within a
 * row the sources ascend.
 */
typedef struct CsrGraph
{
	uint32_t	node_count;
	uint64_t	edge_count;
	uint64_t   *row_start;		/* node_count + 1 */
	uint32_t   *source;			/* edge_count; ascending within a row */
	double	   *weight;			/* edge_count, > 0 */
} CsrGraph;

/*
 * Check the above: rows begin where the one before ends and hold edge_count edges,
 * sources are nodes and ascend, weights are positive
 */
extern bool graph_valid(const CsrGraph *graph);

/*
 * In-edges of consecutive targets: those into node first_row + i are at
 * row_start[i] to row_start[i + 1] - 1 of source and weight. row_start[0] need
 * not be 0.
 */
typedef struct EdgeBlock
{
	uint32_t	first_row;
	uint32_t	row_count;
	const uint64_t *row_start;	/* row_count + 1 */
	const uint32_t *source;
	const double *weight;		/* > 0 */
} EdgeBlock;

/*
 * A graph, or some rows of one, block by block, as often as is asked for
 *
 * Blocks come in the order of rows and leave none out. A row that does not fit
 * into one block goes on as the first row of the next one. There is one edge per
 * (source, target). Every round brings the same edges; a block is valid until
 * the next call.
 */
typedef struct EdgeFeed
{
	void		(*rewind) (void *state);	/* next comes the first block */
	bool		(*next) (void *state, EdgeBlock *block);	/* false: no more */
	void	   *state;
} EdgeFeed;

/* What the feed of a graph in memory remembers */
typedef struct GraphFeed
{
	const CsrGraph *graph;
	uint32_t	first_row;
	uint32_t	end_row;
	bool		fed;
} GraphFeed;

/*
 * Rows first_row to end_row - 1 of a graph as a single block. The feed points to
 * "state", which the caller keeps.
 */
extern EdgeFeed graph_feed(const CsrGraph *graph, uint32_t first_row,
						   uint32_t end_row, GraphFeed *state);

/*
 * Build the graph of an edge list. The caller sets node_count, edge_count (of
 * the list) and the arrays in both "graph" and "scratch":
 *
 *   row_start: node_count + 1 each
 *   source, weight: edge_count each
 *
 * The arrays of "graph" are written only after the last edge was read, so that
 * its source and weight may lie in the memory of the edge list itself: edge_count
 * weights and behind them edge_count sources take 12 of its 16 bytes an edge.
 * Peak: 28 bytes an edge and 16 a node.
 *
 * Parallel edges are added up, which lowers graph->edge_count. "scratch" is
 * worth nothing afterwards. check may be NULL; it is called now and then and
 * may jump out.
 */
extern void graph_build(const Edge *edges, CsrGraph *scratch, CsrGraph *graph,
						void (*check) (void));

/*
 * Turn in-edges into out-edges, or back: edge u > v of "graph" is in row u of
 * "transposed", whose "source" then holds targets. The caller sets the arrays of
 * "transposed", as large as those of "graph". Rows come out sorted whatever the
 * order within the rows of "graph".
 */
extern void graph_transpose(const CsrGraph *graph, CsrGraph *transposed,
							void (*check) (void));

#endif							/* INFLUENCE_MATH_GRAPH_H */
