/*
 * Weighted, personalised PageRank.
 */
#ifndef INFLUENCE_MATH_PAGERANK_H
#define INFLUENCE_MATH_PAGERANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "math/graph.h"

/*
 * Edge weights must lie in this range, which leaves room for sums over any
 * number of edges and for their inverses.
 */
#define PAGERANK_MIN_WEIGHT 1e-150
#define PAGERANK_MAX_WEIGHT 1e150

typedef struct PagerankOptions
{
	double		damping;		/* 0 <= damping < 1 */
	int			max_iterations; /* at least 1 */
	double		tolerance;		/* > 0, on the L1 residual */
	const double *teleport;		/* node_count, >= 0, sums to 1; NULL: uniform */
	void		(*check) (void);	/* called now and then, may jump out; or NULL */
} PagerankOptions;

typedef struct PagerankResult
{
	int			iterations;
	double		residual;		/* L1 change of the last iteration */
	bool		converged;		/* residual < tolerance */

	/*
	 * Rank that each node gets per unit of its teleport entry (1.0 / node_count
	 * when uniform): 1 - damping + damping * dangling mass. The rank of a node
	 * without in-edges is exactly this times its entry.
	 */
	double		teleport_share;
} PagerankResult;

/*
 * Bytes of scratch memory that pagerank needs, aligned for double: 36 a node
 * and 4 an edge
 */
extern size_t pagerank_scratch(const CsrGraph *graph);

/*
 * Compute the ranks, which sum to 1, into rank (node_count). scratch holds
 * pagerank_scratch(graph) bytes. Without convergence rank holds the last
 * iterate, which is no answer.
 */
extern void pagerank(const CsrGraph *graph, const PagerankOptions *options,
					 double *rank, void *scratch, PagerankResult *result);

#endif							/* INFLUENCE_MATH_PAGERANK_H */
