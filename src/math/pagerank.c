/*
 * Weighted, personalised PageRank by pull iterations.
 *
 * Page, Brin, Motwani, Winograd: "The PageRank Citation Ranking", Stanford
 * InfoLab 1999-66. Gleich: "PageRank beyond the Web", SIAM Review 57(3), 2015,
 * whose "strongly preferential" form we compute: a random surfer at node u
 * follows, with probability d (damping), one of u's out-edges in proportion to
 * weight, and else, or when u has no out-edge (is dangling), jumps to node v
 * with probability t[v] (teleport). For the rank x that is
 *
 *   x[v] = d * sum over edges u > v of w[uv] * x[u] / W[u]
 *        + (1 - d + d * D) * t[v]
 *
 * W[u] being the sum of u's out-weights and D the rank on dangling nodes. Each
 * iteration computes the left side from the right one. It shrinks the L1
 * distance to the solution by d, so when an iteration changes x by less than
 * the tolerance e in L1, the solution is closer than e * d / (1 - d).
 *
 * What costs is fetching x[u] / W[u] once per edge. Social graphs have few
 * sources with most of the edges, so these quotients are kept in an order of
 * their own, sources with many edges first, and the busy ones stay in cache
 * (degree-based grouping: Faldu, Diamond, Grot, "A Closer Look at Lightweight
 * Graph Reordering", IISWC 2019). The rows keep their order: every sum runs in
 * the order of nodes, and results do not depend on the order of the edge list.
 */
#include <math.h>
#include <string.h>

#include "math/pagerank.h"

/* Nodes that are worked on together: what flows into them fits into L1 cache */
#define BLOCK_NODES 1024

/* Groups of sources by the bit length of their number of out-edges */
#define SOURCE_GROUPS 33

/* The graph as the iterations see it; arrays in scratch memory */
typedef struct Surfer
{
	uint32_t	node_count;
	const uint64_t *row_start;	/* of the graph */
	const double *weight;		/* of the graph; NULL when all are equal */
	uint32_t   *source;			/* of the graph, as positions in "given" */
	uint32_t   *position;		/* where a node is in "given" and "give" */
	double	   *out_inverse;	/* 1 / W[u], 0 for a dangling node */
	double	   *given;			/* x[u] / W[u] at u's position, last time */
	double	   *give;			/* the same for next time */
} Surfer;

/* Scalars of one iteration */
typedef struct Sums
{
	double		dangling;		/* rank on dangling nodes */
	double		residual;		/* L1 change */
} Sums;

/*
 * Bytes of scratch memory; see pagerank.h
 */
size_t
pagerank_scratch(const CsrGraph *graph)
{
	return 3 * (size_t) graph->node_count * sizeof(double) +
		((size_t) graph->node_count + graph->edge_count) * sizeof(uint32_t);
}

/*
 * Divide the scratch memory into arrays
 */
static void
place_arrays(Surfer *surfer, const CsrGraph *graph, void *scratch)
{
	surfer->node_count = graph->node_count;
	surfer->row_start = graph->row_start;
	surfer->weight = graph->weight;
	surfer->out_inverse = (double *) scratch;
	surfer->given = surfer->out_inverse + graph->node_count;
	surfer->give = surfer->given + graph->node_count;
	surfer->position = (uint32_t *) (surfer->give + graph->node_count);
	surfer->source = surfer->position + graph->node_count;
}

/*
 * Do all edges weigh the same? Then only their number matters.
 */
static bool
weights_equal(const CsrGraph *graph, void (*check) (void))
{
	uint64_t	e;

	for (e = 1; e < graph->edge_count; e++)
	{
		check_at(e, check);
		if (graph->weight[e] != graph->weight[0])
			return false;
	}

	return true;
}

/*
 * Fill out_inverse, and position with the number of out-edges
 */
static void
sum_out_edges(Surfer *surfer, const CsrGraph *graph, void (*check) (void))
{
	double	   *sum = surfer->out_inverse;
	uint32_t   *count = surfer->position;
	uint64_t	e;
	uint32_t	u;

	memset(sum, 0, graph->node_count * sizeof(double));
	memset(count, 0, graph->node_count * sizeof(uint32_t));

	for (e = 0; e < graph->edge_count; e++)
	{
		check_at(e, check);
		count[graph->source[e]]++;
		if (surfer->weight != NULL)
			sum[graph->source[e]] += graph->weight[e];
	}

	for (u = 0; u < graph->node_count; u++)
	{
		check_at(u, check);
		if (count[u] > 0)
			sum[u] = 1 / (surfer->weight != NULL ? sum[u] : (double) count[u]);
	}
}

/*
 * Group of a source: the bit length of its number of out-edges
 */
static inline int
source_group(uint32_t count)
{
	int			length = 0;

	for (; count > 0; count >>= 1)
		length++;

	return length;
}

/*
 * Turn numbers of out-edges into positions, the busiest group first, nodes in
 * order within a group
 */
static void
order_sources(uint32_t *position, uint32_t node_count, void (*check) (void))
{
	uint32_t	next[SOURCE_GROUPS] = {0};
	uint32_t	start = 0;
	uint32_t	u;
	int			group;

	for (u = 0; u < node_count; u++)
	{
		check_at(u, check);
		next[source_group(position[u])]++;
	}
	for (group = SOURCE_GROUPS - 1; group >= 0; group--)
	{
		uint32_t	size = next[group];

		next[group] = start;
		start += size;
	}
	for (u = 0; u < node_count; u++)
	{
		check_at(u, check);
		position[u] = next[source_group(position[u])]++;
	}
}

/*
 * Prepare everything that stays the same over the iterations
 */
static void
prepare(Surfer *surfer, const CsrGraph *graph, void *scratch, void (*check) (void))
{
	uint64_t	e;

	place_arrays(surfer, graph, scratch);
	if (weights_equal(graph, check))
		surfer->weight = NULL;
	sum_out_edges(surfer, graph, check);
	order_sources(surfer->position, graph->node_count, check);

	for (e = 0; e < graph->edge_count; e++)
	{
		check_at(e, check);
		surfer->source[e] = surfer->position[graph->source[e]];
	}
}

/*
 * Teleport entry of node v
 */
static inline double
teleport_to(const PagerankOptions *options, double uniform, uint32_t v)
{
	return options->teleport != NULL ? options->teleport[v] : uniform;
}

/*
 * Sum up what nodes first to end - 1 are given along their in-edges
 */
static void
pull_block(const Surfer *surfer, uint32_t first, uint32_t end, double *pulled)
{
	const uint64_t *row_start = surfer->row_start;
	const uint32_t *source = surfer->source;
	const double *weight = surfer->weight;
	const double *given = surfer->given;
	uint64_t	e = row_start[first];
	uint32_t	v;

	for (v = first; v < end; v++)
	{
		uint64_t	row_end = row_start[v + 1];
		double		sum = 0;

		if (weight == NULL)
			for (; e < row_end; e++)
				sum += given[source[e]];
		else
			for (; e < row_end; e++)
				sum += weight[e] * given[source[e]];

		pulled[v - first] = sum;
	}
}

/*
 * Set the ranks of nodes first to end - 1 and with them what they give next
 * time; teleport_share and uniform are the rank that each gets per unit
 * of teleport and the entry of a uniform teleport vector. Adds to the sums.
 */
static void
set_block(const Surfer *surfer, const PagerankOptions *options,
		  double teleport_share, uint32_t first, uint32_t end,
		  const double *pulled, double *rank, Sums *total)
{
	double		uniform = 1.0 / surfer->node_count;
	double		dangling = 0;
	double		residual = 0;
	uint32_t	v;

	for (v = first; v < end; v++)
	{
		double		out_inverse = surfer->out_inverse[v];
		double		value = options->damping * pulled[v - first] +
			teleport_share * teleport_to(options, uniform, v);

		residual += fabs(value - rank[v]);
		dangling += out_inverse == 0 ? value : 0;
		rank[v] = value;
		surfer->give[surfer->position[v]] = value * out_inverse;
	}

	total->residual += residual;
	total->dangling += dangling;
}

/*
 * One iteration over all nodes. Sums run over blocks first: that keeps their
 * rounding errors small, and interrupts are looked for in between.
 */
static Sums
iterate(Surfer *surfer, const PagerankOptions *options, double teleport_share,
		double *rank)
{
	double		pulled[BLOCK_NODES];
	Sums		total = {0, 0};
	double	   *swap = surfer->given;
	uint32_t	first = 0;

	surfer->given = surfer->give;
	surfer->give = swap;

	while (first < surfer->node_count)
	{
		uint32_t	left = surfer->node_count - first;
		uint32_t	end = first + (left < BLOCK_NODES ? left : BLOCK_NODES);

		if (options->check != NULL)
			options->check();
		pull_block(surfer, first, end, pulled);
		set_block(surfer, options, teleport_share, first, end, pulled, rank, &total);
		first = end;
	}

	return total;
}

/*
 * Start at the teleport vector; returns the rank on dangling nodes
 */
static double
start(const Surfer *surfer, const PagerankOptions *options, double *rank)
{
	double		uniform = 1.0 / surfer->node_count;
	double		dangling = 0;
	uint32_t	v;

	for (v = 0; v < surfer->node_count; v++)
	{
		double		out_inverse = surfer->out_inverse[v];

		check_at(v, options->check);
		rank[v] = teleport_to(options, uniform, v);
		surfer->give[surfer->position[v]] = rank[v] * out_inverse;
		dangling += out_inverse == 0 ? rank[v] : 0;
	}

	return dangling;
}

/*
 * Compute the ranks; see pagerank.h
 */
void
pagerank(const CsrGraph *graph, const PagerankOptions *options,
		 double *rank, void *scratch, PagerankResult *result)
{
	Surfer		surfer;
	double		dangling;

	prepare(&surfer, graph, scratch, options->check);
	dangling = start(&surfer, options, rank);

	memset(result, 0, sizeof(*result));
	while (!result->converged && result->iterations < options->max_iterations)
	{
		double		share = 1 - options->damping + options->damping * dangling;
		Sums		sums = iterate(&surfer, options, share, rank);

		dangling = sums.dangling;
		result->iterations++;
		result->residual = sums.residual;
		result->converged = sums.residual < options->tolerance;
		result->teleport_share = share;
	}
}
