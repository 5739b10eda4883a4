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

/* Members of a team share the rows out in units of so many */
#define PAGERANK_ROW_UNIT 1024

typedef struct PagerankOptions
{
	double		damping;		/* 0 <= damping < 1 */
	int			max_iterations; /* at least 1 */
	double		tolerance;		/* > 0, on the L1 residual */
	const double *teleport;		/* node_count, >= 0, sums to 1; NULL: uniform */
	void		(*check) (void);	/* called now and then, may jump out; or NULL */

	/*
	 * Where to start: earlier ranks, say. node_count entries of any sum, of which
	 * those that are negative or not finite count as 0. NULL, or nothing above 0:
	 * the teleport vector. It changes the iterations, not what is converged to.
	 */
	const double *start;
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
 * How large a problem is
 *
 * copied_edges: 0, or at least the number of edges. Then most iterations run over
 * a copy of the edges, of 8 bytes each, in scratch memory, and the feed is read
 * about five times in all. With 0 each iteration reads it, in about twice the time;
 * that is for graphs whose edges do not fit in memory.
 */
typedef struct PagerankSize
{
	uint32_t	node_count;
	uint64_t	copied_edges;
} PagerankSize;

/*
 * Somebody who works on a problem together with others, threads or processes
 *
 * Member number "member" of "members" feeds the rows from first_row to
 * end_row - 1, which start and end at multiples of PAGERANK_ROW_UNIT or at
 * node_count. Barrier returns when all members have called it, after which each
 * sees what the others wrote; when one has left by an error, it must not return.
 */
typedef struct PagerankTeam
{
	uint32_t	member;
	uint32_t	members;
	uint32_t	first_row;
	uint32_t	end_row;
	void		(*barrier) (void *state);
	void	   *state;
} PagerankTeam;

/*
 * Check ranks that were converged to: none is negative, and they sum to 1
 */
extern bool pagerank_valid(const double *rank, uint32_t node_count);

/*
 * Bytes of scratch memory, aligned for double: 56 a node and 8 a copied edge, or
 * without a copy 32 a node; and some more
 */
extern size_t pagerank_memory(const PagerankSize *size);

/*
 * Prepare scratch memory: one reading of all rows to sum up the weights of each
 * source, another one to copy the edges. Options as for pagerank_iterate().
 */
extern void pagerank_prepare(const PagerankSize *size, const EdgeFeed *feed,
							 const PagerankOptions *options, void *scratch);

/*
 * The same in steps, for a teleport vector that depends on who has edges, and for teams
 *
 * pagerank_count() reads all rows; check may be NULL. After that pagerank_mark_nodes()
 * tells who has edges: mark (node_count) gets 1 for each, else 0. pagerank_arrange()
 * needs the teleport vector. pagerank_copy() reads rows again; members of a team may each
 * copy their own, and all must be done before one iterates.
 */
extern void pagerank_count(const PagerankSize *size, const EdgeFeed *feed,
						   void (*check) (void), void *scratch);
extern void pagerank_mark_nodes(const PagerankSize *size, void *scratch, double *mark);
extern void pagerank_arrange(const PagerankSize *size, const PagerankOptions *options, void *scratch);
extern void pagerank_copy(const PagerankSize *size, const EdgeFeed *feed,
						  const PagerankOptions *options, void *scratch);

/*
 * Compute the ranks, which sum to 1, into rank (node_count), in scratch memory
 * that was prepared, as often as wanted. Without convergence rank holds the last
 * iterate, which is no answer.
 *
 * team: NULL, or a member; each calls this with the same options and the same
 * scratch memory and rank, shared, with a feed of its own rows, and gets the same
 * result. Ranks have the same bits with any number of members. All must have returned
 * before one calls it again.
 */
extern void pagerank_iterate(const PagerankSize *size, const EdgeFeed *feed,
							 const PagerankOptions *options,
							 const PagerankTeam *team, double *rank,
							 void *scratch, PagerankResult *result);

/*
 * Share the rows of a graph out to the members of a team so that each has about
 * as much to do: sets first_row and end_row
 */
extern void pagerank_share_rows(const CsrGraph *graph, PagerankTeam *team);

/*
 * Bytes of scratch memory for pagerank(), aligned for double: 56 a node and 8 an edge
 */
extern size_t pagerank_scratch(const CsrGraph *graph);

/*
 * All of it for a graph in memory
 */
extern void pagerank(const CsrGraph *graph, const PagerankOptions *options,
					 double *rank, void *scratch, PagerankResult *result);

#endif							/* INFLUENCE_MATH_PAGERANK_H */
