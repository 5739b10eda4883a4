/*
 * PageRank iterations with short weights, on what an iteration changed.
 *
 * Internal to pagerank.c, where the method is explained.
 */
#ifndef INFLUENCE_MATH_REFINEMENT_H
#define INFLUENCE_MATH_REFINEMENT_H

#include <float.h>
#include <math.h>

#include "math/graph.h"

/* Rows that are worked on together: what flows into them fits into L1 cache */
#define BLOCK_ROWS 1024

/* Sums over a block of rows */
typedef struct BlockSums
{
	double		mass;			/* of ranks or changes; of which rows, see there */
	double		change;			/* of absolute changes */
} BlockSums;

/* Of a node, while the graph is copied: what its edges need, in one place */
typedef struct SourceNode
{
	double		out_weight;		/* sum, later its inverse, 0 without out-edges */
	uint32_t	out_count;
	uint32_t	place;
} SourceNode;

/* Edges ahead whose source is fetched, and entries of padding for that */
#define FETCH_AHEAD 128

/*
 * A copy of the graph, its nodes at places of their own; arrays in shared memory
 *
 * block_start: of each BLOCK_ROWS places the first edge, and behind them all the
 * end of the edges.
 */
typedef struct Refinement
{
	uint32_t	node_count;
	uint32_t   *place;			/* by node */
	uint32_t   *in_count;		/* edges into the node at each place */
	uint64_t   *block_start;
	uint32_t   *source;			/* by edge: place of the source; padded */
	float	   *share;			/* by edge: damping * weight / out-weight */
	double	   *teleport;		/* by place */
	uint32_t	dangling_start; /* first place of a dangling node */

	float	   *change;			/* by place: x_k - x_(k-1), by a scale */
	float	   *next;			/* for x_(k+1) - x_k; follows change */
	double	   *sum;			/* by place: changes since the last double iteration */
} Refinement;

/*
 * A change in single precision, 0 where that would have fewer digits
 */
static inline float
shorten(double change)
{
	return fabs(change) < FLT_MIN ? 0 : (float) change;
}

extern void refinement_order(Refinement *to, SourceNode *nodes,
							 const uint32_t *in_count, void (*check) (void));
extern void refinement_starts(Refinement *to, uint64_t *position, void (*check) (void));
extern void refinement_copy(Refinement *to, const EdgeBlock *block,
							const SourceNode *nodes, double damping,
							uint64_t *position, void (*check) (void));
extern void refinement_iterate(const Refinement *refinement, uint32_t block,
							   double teleport_gain, double shrink, BlockSums *sums);

#endif							/* INFLUENCE_MATH_REFINEMENT_H */
