/*
 * Weighted, personalised PageRank by pull iterations.
 *
 * Brin, Page, Motwani, Winograd: "The PageRank Citation Ranking", Stanford
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
 * Deterministic: every sum runs in the order of nodes and of sources in a row.
 */
#include <math.h>

#include "math/pagerank.h"

/* Nodes between two calls of the interrupt callback */
#define BLOCK_NODES 8192

/* Edges between two calls while out-weights are summed */
#define CHECK_INTERVAL 32768

/* What one iteration reads and writes */
typedef struct Iteration
{
	const double *given;		/* by source: rank / out-weight, last time */
	double	   *give;			/* the same, for next time */
	const double *out_inverse;	/* 1 / out-weight, 0 for a dangling node */
	double		share;			/* rank per unit of teleport */
	double		dangling;		/* rank on dangling nodes, summed up */
	double		residual;		/* L1 change, summed up */
} Iteration;

size_t
pagerank_scratch(uint32_t node_count)
{
	return 3 * (size_t) node_count;
}

/*
 * Teleport entry of a node
 */
static inline double
teleport_to(const PagerankOptions *options, uint32_t node_count, uint32_t v)
{
	return options->teleport != NULL ? options->teleport[v] : 1.0 / node_count;
}

/*
 * Fill out_inverse with 1 / (sum of out-weights), 0 without out-edges
 */
static void
invert_out_weights(const CsrGraph *graph, double *out_inverse, void (*check) (void))
{
	uint64_t	e;
	uint32_t	u;

	for (u = 0; u < graph->node_count; u++)
		out_inverse[u] = 0;
	for (e = 0; e < graph->edge_count; e++)
	{
		if (check != NULL && e % CHECK_INTERVAL == 0)
			check();
		out_inverse[graph->source[e]] += graph->weight[e];
	}
	for (u = 0; u < graph->node_count; u++)
	{
		if (out_inverse[u] > 0)
			out_inverse[u] = 1.0 / out_inverse[u];
	}
}

/*
 * Rank that flows into node v along its in-edges
 */
static inline double
pull(const CsrGraph *graph, uint32_t v, const double *given)
{
	uint64_t	end = graph->row_start[v + 1];
	double		sum = 0;
	uint64_t	e;

	for (e = graph->row_start[v]; e < end; e++)
		sum += graph->weight[e] * given[graph->source[e]];

	return sum;
}

/*
 * One iteration over the nodes from first to end - 1
 */
static void
iterate_block(const CsrGraph *graph, const PagerankOptions *options,
			  uint32_t first, uint32_t end, double *rank, Iteration *iteration)
{
	double		dangling = 0;
	double		residual = 0;
	uint32_t	v;

	for (v = first; v < end; v++)
	{
		double		next = options->damping * pull(graph, v, iteration->given) +
			iteration->share * teleport_to(options, graph->node_count, v);

		residual += fabs(next - rank[v]);
		rank[v] = next;
		iteration->give[v] = next * iteration->out_inverse[v];
		if (iteration->out_inverse[v] == 0)
			dangling += next;
	}
	iteration->dangling += dangling;
	iteration->residual += residual;
}

/*
 * Start at the teleport vector; returns the rank on dangling nodes
 */
static double
start_ranks(const CsrGraph *graph, const PagerankOptions *options,
			const double *out_inverse, double *rank, double *given)
{
	double		dangling = 0;
	uint32_t	v;

	for (v = 0; v < graph->node_count; v++)
	{
		rank[v] = teleport_to(options, graph->node_count, v);
		given[v] = rank[v] * out_inverse[v];
		if (out_inverse[v] == 0)
			dangling += rank[v];
	}

	return dangling;
}

/*
 * Compute the ranks; see pagerank.h
 */
void
pagerank(const CsrGraph *graph, const PagerankOptions *options,
		 double *rank, double *scratch, PagerankResult *result)
{
	uint32_t	n = graph->node_count;
	double	   *out_inverse = scratch;
	double	   *given = scratch + n;
	double	   *give = scratch + 2 * (size_t) n;
	double		dangling;

	invert_out_weights(graph, out_inverse, options->check);
	dangling = start_ranks(graph, options, out_inverse, rank, given);

	result->iterations = 0;
	result->converged = false;
	while (!result->converged && result->iterations < options->max_iterations)
	{
		Iteration	iteration = {
			.given = given,
			.give = give,
			.out_inverse = out_inverse,
			.share = 1 - options->damping + options->damping * dangling
		};
		uint32_t	first;
		double	   *swap = given;

		for (first = 0; first < n; first += BLOCK_NODES)
		{
			uint32_t	end = n - first > BLOCK_NODES ? first + BLOCK_NODES : n;

			if (options->check != NULL)
				options->check();
			iterate_block(graph, options, first, end, rank, &iteration);
			if (end == n)
				break;
		}

		given = give;
		give = swap;
		dangling = iteration.dangling;
		result->iterations++;
		result->residual = iteration.residual;
		result->converged = iteration.residual < options->tolerance;
		result->teleport_share = iteration.share;
	}
}
