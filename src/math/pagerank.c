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
 * Most iterations run over a copy of the edges with weights in single precision,
 * two thirds of the memory traffic, and without loss: the changes
 * z_k = x_k - x_(k-1) obey the same equation without its constant part,
 *
 *   z_(k+1)[v] = d * sum of w[uv] * z_k[u] / W[u] + d * D(z_k) * t[v]
 *
 * and the ranks are the sum of them. What short weights get wrong is wrong by 1e-7
 * of a change, not of a rank. Now and then an iteration with the full weights over
 * the ranks themselves finds the true change, and the next round begins: that is
 * iterative refinement (Wilkinson, "Rounding Errors in Algebraic Processes", 1963;
 * Higham, "Accuracy and Stability of Numerical Algorithms", chapter 12). The last
 * iteration is always one of these, and only these tell convergence. The changes
 * are in single precision, too, where other nodes fetch them; all sums are double.
 * Values round alike whatever the numbers of nodes are, but for some that differ in the
 * last bit of a double, and what that changes the next round takes away.
 *
 * The changes sum to 0, so D(z) is minus the change of all other nodes; that form
 * takes what rounding errors add to the sum away again instead of keeping it.
 *
 * The slowest parts of the error shrink by exactly d. They come from groups that
 * nobody leaves, and where such a group talks to and fro (pairs who only talk to
 * each other), their sign alternates. Both are gone after one "power
 * extrapolation" (Haveliwala, Kamvar, Klein, Manning, Golub, "Computing PageRank
 * using Power Extrapolation", Stanford 2003) with period two, from iterates k
 * and k - 2:
 *
 *   x = (x_k - d^2 x_(k-2)) / (1 - d^2)
 *
 * which to a tolerance of 1e-11 took the Higgs tweets of SNAP from 138 iterations to
 * 112, college messages from 106 to 65. It is done once: all other parts grow by at
 * most 2 / (1 - d^2), which costs at most 12 iterations at d = 0.85.
 *
 * Members of a team work on rows of their own, or take blocks of places, and meet at
 * barriers. Sums over nodes are those of blocks of BLOCK_ROWS, added up by each member in
 * the order of blocks: all see the same bits, decide alike, and as one alone would.
 */
#include <math.h>
#include <string.h>

#include "math/invariant.h"
#include "math/pagerank.h"
#include "math/prefetch.h"
#include "math/refinement.h"
#include "math/sum.h"

/*
 * Extrapolation pays when the slowest parts of the error are all that is left:
 * when the changes shrink by no less than this times the damping
 */
#define SLOW_RATIO 0.99

/* How much a round with short weights shrinks the changes: above its errors */
#define ROUND_SHRINKS 1e-6

/* How far the sum of ranks may be from 1: rounding, and no more */
#define SUM_ERROR 1e-9

/* Changes, which sum to 2 at most, fit into a float when they are divided by it */
#define LEAST_SCALE 1e-30

/* What members share besides arrays */
typedef struct Shared
{
	uint32_t	dangling_start;
	uint32_t	next_block[2];	/* of places, that nobody has taken; by step */
	uint32_t	unused;			/* what follows in memory has to be aligned */
} Shared;

/* A problem as a member sees it; arrays in scratch memory */
typedef struct Surfer
{
	uint32_t	node_count;
	uint32_t	block_count;
	bool		copied;			/* there is a copy of the edges */
	const PagerankOptions *options;
	const EdgeFeed *feed;
	const PagerankTeam *team;	/* NULL: alone */
	uint32_t	first_row;		/* own rows */
	uint32_t	end_row;

	Shared	   *shared;
	double	   *out_inverse;	/* 1 / W[u], 0 for a dangling node */
	double	   *given;			/* x[u] * out_inverse[u] */
	double	   *pulled;			/* sum over in-edges of weight * given; follows given */
	double	   *before;			/* without copy: ranks two iterations ago */
	BlockSums  *block_sums[2];	/* of this step, and of the one before */
	int			step;			/* 0 or 1: which of them */
	Refinement	refinement;
	double	   *rank;

	double		change;			/* L1, of the last iteration; 0: none yet */
	double		ratio[2];		/* to the one before, and that one's */
	double		scale;			/* of the changes in a round */
	double		scale_next;		/* of those of the next round */
	bool		correcting;		/* those are not yet added to the ranks */
	bool		saved;			/* "before" holds ranks */
	bool		extrapolated;
} Surfer;

/*
 * Blocks that hold so many rows
 */
static size_t
count_blocks(uint32_t node_count)
{
	return ((size_t) node_count + BLOCK_ROWS - 1) / BLOCK_ROWS;
}

/*
 * Bytes of scratch memory; see pagerank.h
 */
size_t
pagerank_memory(const PagerankSize *size)
{
	size_t		nodes = size->node_count;
	size_t		blocks = count_blocks(size->node_count);
	size_t		bytes = sizeof(Shared) + 3 * nodes * sizeof(double) +
		2 * blocks * sizeof(BlockSums);

	if (size->copied_edges == 0)
		return bytes + nodes * sizeof(double);
	return bytes + (blocks + 1) * sizeof(uint64_t) +
		nodes * (2 * sizeof(uint32_t) + 2 * sizeof(float) + 2 * sizeof(double)) +
		size->copied_edges * (sizeof(uint32_t) + sizeof(float)) +
		FETCH_AHEAD * sizeof(uint32_t);
}

/*
 * The same for a graph in memory
 */
size_t
pagerank_scratch(const CsrGraph *graph)
{
	PagerankSize size = {graph->node_count, graph->edge_count};

	return pagerank_memory(&size);
}

/*
 * Divide what is left of the scratch memory into the arrays of the copy
 */
static void
place_copy(Refinement *refinement, const PagerankSize *size, void *scratch)
{
	size_t		nodes = size->node_count;

	refinement->node_count = size->node_count;
	refinement->block_start = scratch;
	refinement->sum = (double *) (refinement->block_start + count_blocks(size->node_count) + 1);
	refinement->teleport = refinement->sum + nodes;
	refinement->change = (float *) (refinement->teleport + nodes);
	refinement->next = refinement->change + nodes;
	refinement->place = (uint32_t *) (refinement->next + nodes);
	refinement->in_count = refinement->place + nodes;
	refinement->share = (float *) (refinement->in_count + nodes);
	refinement->source = (uint32_t *) (refinement->share + size->copied_edges);
}

/*
 * Divide the scratch memory into arrays
 */
static Surfer
place_arrays(const PagerankSize *size, const EdgeFeed *feed,
			 const PagerankOptions *options, void *scratch)
{
	Surfer		surfer = {0};
	size_t		nodes = size->node_count;

	surfer.node_count = size->node_count;
	surfer.block_count = (uint32_t) count_blocks(size->node_count);
	surfer.copied = size->copied_edges > 0;
	surfer.options = options;
	surfer.feed = feed;
	surfer.shared = scratch;
	surfer.out_inverse = (double *) (surfer.shared + 1);
	surfer.given = surfer.out_inverse + nodes;
	surfer.pulled = surfer.given + nodes;
	surfer.block_sums[0] = (BlockSums *) (surfer.pulled + nodes);
	surfer.block_sums[1] = surfer.block_sums[0] + surfer.block_count;
	if (surfer.copied)
		place_copy(&surfer.refinement, size, surfer.block_sums[1] + surfer.block_count);
	else
		surfer.before = (double *) (surfer.block_sums[1] + surfer.block_count);
	return surfer;
}

/*
 * Teleport entry of node v
 */
static inline double
teleport_to(const Surfer *surfer, uint32_t v)
{
	return surfer->options->teleport != NULL ? surfer->options->teleport[v] :
		1.0 / surfer->node_count;
}

/*
 * Look for interrupts
 */
static inline void
check_now(const Surfer *surfer)
{
	if (surfer->options->check != NULL)
		surfer->options->check();
}

/*
 * Count the edges of a block: those out of its sources, with their weights, and
 * those into its rows
 */
static void
count_block(const EdgeBlock *block, SourceNode *nodes, uint32_t *in_count,
			void (*check) (void))
{
	const uint32_t *source = block->source;
	uint64_t	end = block->row_start[block->row_count];
	uint64_t	e;
	uint32_t	row;

	for (e = block->row_start[0]; e < end; e++)
	{
		SourceNode *node = &nodes[source[e]];

		check_at(e, check);
		if (e + PREFETCH_AHEAD < end)
			prefetch_to_write(&nodes[source[e + PREFETCH_AHEAD]]);
		node->out_weight += block->weight[e];
		node->out_count++;
	}
	for (row = 0; row < block->row_count; row++)
		in_count[block->first_row + row] +=
			(uint32_t) (block->row_start[row + 1] - block->row_start[row]);
}

/* What is needed only until the iterations, in arrays that these write first */
typedef struct Counts
{
	SourceNode *nodes;
	uint32_t   *in_count;		/* by node */
	uint64_t   *position;		/* by place; with a copy only */
} Counts;

static Counts
place_counts(const Surfer *surfer)
{
	return (Counts)
	{
		.nodes = (SourceNode *) surfer->given,	/* and pulled */
		.in_count = surfer->copied ? (uint32_t *) surfer->refinement.sum : (uint32_t *) surfer->before,
		.position = (uint64_t *) surfer->refinement.change	/* and next */
	};
}

/*
 * First step: count the edges and sum up the weights of each source; see pagerank.h
 */
void
pagerank_count(const PagerankSize *size, const EdgeFeed *feed, void (*check) (void), void *scratch)
{
	PagerankOptions options = {.check = check};
	Surfer		surfer = place_arrays(size, feed, &options, scratch);
	Counts		counts = place_counts(&surfer);
	EdgeBlock	block;
	uint32_t	u;

	memset(counts.nodes, 0, surfer.node_count * sizeof(SourceNode));
	memset(counts.in_count, 0, surfer.node_count * sizeof(uint32_t));
	feed->rewind(feed->state);
	while (feed->next(feed->state, &block))
		count_block(&block, counts.nodes, counts.in_count, check);

	for (u = 0; u < surfer.node_count; u++)
	{
		SourceNode *node = &counts.nodes[u];

		check_at(u, check);
		if (node->out_count > 0)
			node->out_weight = 1 / node->out_weight;
		surfer.out_inverse[u] = node->out_weight;
	}
}

/*
 * Who has edges, after the first step; see pagerank.h
 */
void
pagerank_mark_nodes(const PagerankSize *size, void *scratch, double *mark)
{
	Surfer		surfer = place_arrays(size, NULL, NULL, scratch);
	Counts		counts = place_counts(&surfer);
	uint32_t	u;

	for (u = 0; u < surfer.node_count; u++)
		mark[u] = counts.nodes[u].out_count > 0 || counts.in_count[u] > 0;
}

/*
 * Second step: give the nodes of a copy their places; see pagerank.h
 */
void
pagerank_arrange(const PagerankSize *size, const PagerankOptions *options, void *scratch)
{
	Surfer		surfer = place_arrays(size, NULL, options, scratch);
	Refinement *refinement = &surfer.refinement;
	Counts		counts = place_counts(&surfer);
	uint32_t	v;

	if (!surfer.copied)
		return;
	refinement_order(refinement, counts.nodes, counts.in_count, options->check);
	refinement_starts(refinement, counts.position, options->check);
	surfer.shared->dangling_start = refinement->dangling_start;
	for (v = 0; v < surfer.node_count; v++)
	{
		check_at(v, options->check);
		refinement->teleport[refinement->place[v]] = teleport_to(&surfer, v);
	}
}

/*
 * Third step: copy edges, with the nodes in their places; see pagerank.h
 */
void
pagerank_copy(const PagerankSize *size, const EdgeFeed *feed,
			  const PagerankOptions *options, void *scratch)
{
	Surfer		surfer = place_arrays(size, feed, options, scratch);
	Counts		counts = place_counts(&surfer);
	EdgeBlock	block;

	if (!surfer.copied)
		return;
	feed->rewind(feed->state);
	while (feed->next(feed->state, &block))
		refinement_copy(&surfer.refinement, &block, counts.nodes, options->damping,
						counts.position, options->check);
}

/*
 * All steps; see pagerank.h
 */
void
pagerank_prepare(const PagerankSize *size, const EdgeFeed *feed,
				 const PagerankOptions *options, void *scratch)
{
	pagerank_count(size, feed, options->check, scratch);
	pagerank_arrange(size, options, scratch);
	pagerank_copy(size, feed, options, scratch);
}

/*
 * Sums of the block of rows that starts at row "first"
 */
static inline BlockSums *
sums_at(const Surfer *surfer, uint32_t first)
{
	return &surfer->block_sums[surfer->step][first / BLOCK_ROWS];
}

/*
 * End of the block of own rows that starts at row "first"
 */
static inline uint32_t
end_of_block(const Surfer *surfer, uint32_t first)
{
	return surfer->end_row - first < BLOCK_ROWS ? surfer->end_row : first + BLOCK_ROWS;
}

/*
 * Wait for the others, then add up the sums of all blocks
 *
 * Those of the next step go elsewhere, because somebody may still read these.
 * Nobody can be a step further, as that takes another barrier.
 */
static BlockSums
finish_step(Surfer *surfer)
{
	const BlockSums *sums = surfer->block_sums[surfer->step];
	BlockSums	total = {0, 0};
	CompensatedSum mass = {0, 0};
	uint32_t	i;

	if (surfer->team != NULL)
		surfer->team->barrier(surfer->team->state);
	for (i = 0; i < surfer->block_count; i++)
	{
		compensated_add(&mass, sums[i].mass);
		total.change += sums[i].change;
	}
	total.mass = mass.high;
	surfer->step = !surfer->step;
	return total;
}

/*
 * First half of an iteration: add to the own ranks what the round found,
 * and work out what they give; returns the rank on nodes with out-edges, whose
 * rounding error would be in all ranks and keep small tolerances from being met
 */
static double
give_ranks(Surfer *surfer)
{
	const Refinement *refinement = &surfer->refinement;
	const double *out_inverse = surfer->out_inverse;
	double	   *rank = surfer->rank;
	uint32_t	first = surfer->first_row;
	uint32_t	v;

	while (first < surfer->end_row)
	{
		uint32_t	end = end_of_block(surfer, first);
		CompensatedSum mass = {0, 0};

		check_now(surfer);
		for (v = first; v < end; v++)
		{
			if (surfer->correcting)
				rank[v] += surfer->scale * refinement->sum[refinement->place[v]];
			surfer->given[v] = rank[v] * out_inverse[v];
			compensated_add(&mass, out_inverse[v] > 0 ? rank[v] : 0);
		}
		sums_at(surfer, first)->mass = mass.high;
		sums_at(surfer, first)->change = 0;
		first = end;
	}
	surfer->correcting = false;
	surfer->scale = surfer->scale_next;
	return finish_step(surfer).mass;
}

/*
 * Sum up what the rows of a block are given along their in-edges
 */
static void
pull_block(const Surfer *surfer, const EdgeBlock *block)
{
	const uint32_t *source = block->source;
	const double *weight = block->weight;
	const double *given = surfer->given;
	uint64_t	e = block->row_start[0];
	uint64_t	end = block->row_start[block->row_count];
	uint32_t	row;

	for (row = 0; row < block->row_count; row++)
	{
		uint64_t	row_end = block->row_start[row + 1];
		double		sum = 0;

		check_at(row, surfer->options->check);
		for (; e < row_end; e++)
		{
			check_at(e, surfer->options->check);
			if (e + PREFETCH_AHEAD < end)
				prefetch(&given[source[e + PREFETCH_AHEAD]]);
			sum += weight[e] * given[source[e]];
		}
		surfer->pulled[block->first_row + row] += sum;
	}
}

/*
 * Write down a change for the round that follows
 */
static inline void
keep_change(const Surfer *surfer, uint32_t v, double change)
{
	uint32_t	place = surfer->refinement.place[v];

	surfer->refinement.change[place] = shorten(change / surfer->scale);
	surfer->refinement.sum[place] = 0;
}

/*
 * Second half of an iteration: set the own ranks; returns the L1 change, and as
 * mass the change of nodes with out-edges
 *
 * teleport_share: the rank that each gets per unit of teleport. No rank is
 * negative, but the sum of changes with short weights may be, by their errors.
 */
static BlockSums
set_ranks(Surfer *surfer, double teleport_share)
{
	double		damping = surfer->options->damping;
	double	   *rank = surfer->rank;
	uint32_t	first = surfer->first_row;
	uint32_t	v;

	while (first < surfer->end_row)
	{
		uint32_t	end = end_of_block(surfer, first);
		BlockSums	sums = {0, 0};

		check_now(surfer);
		for (v = first; v < end; v++)
		{
			double		value = damping * surfer->pulled[v] +
				teleport_share * teleport_to(surfer, v);
			double		change;

			value = value < 0 ? 0 : value;
			change = value - rank[v];
			rank[v] = value;
			sums.change += fabs(change);
			sums.mass += surfer->out_inverse[v] > 0 ? change : 0;
			if (surfer->copied)
				keep_change(surfer, v, change);
		}
		*sums_at(surfer, first) = sums;
		first = end;
	}
	return finish_step(surfer);
}

/*
 * Take note of what an iteration changed
 */
static void
note_change(Surfer *surfer, double change)
{
	surfer->ratio[1] = surfer->ratio[0];
	surfer->ratio[0] = surfer->change > 0 ? fmin(change / surfer->change, 1) : 0;
	surfer->change = change;
}

/*
 * Is it time to extrapolate?
 */
static bool
is_slow(const Surfer *surfer)
{
	double		slow = SLOW_RATIO * surfer->options->damping;

	return !surfer->extrapolated && slow > 0 &&
		surfer->ratio[0] > slow && surfer->ratio[1] > slow;
}

/*
 * One iteration with the full weights
 *
 * All that the nodes with out-edges do not hand on is teleported, which is
 * 1 - d + d * D, and the ranks sum to 1 whatever they summed to before.
 */
static BlockSums
iterate(Surfer *surfer, PagerankResult *result)
{
	EdgeBlock	block;
	BlockSums	sums;

	result->teleport_share = 1 - surfer->options->damping * give_ranks(surfer);

	memset(surfer->pulled + surfer->first_row, 0,
		   (size_t) (surfer->end_row - surfer->first_row) * sizeof(double));
	surfer->feed->rewind(surfer->feed->state);
	while (surfer->feed->next(surfer->feed->state, &block))
		pull_block(surfer, &block);

	sums = set_ranks(surfer, result->teleport_share);
	note_change(surfer, sums.change);
	result->residual = sums.change;
	result->converged = result->residual < surfer->options->tolerance;
	result->iterations++;
	return sums;
}

/*
 * Take a block of places that nobody has taken in this step; block_count and above:
 * there is none left
 */
static inline uint32_t
take_block(Surfer *surfer)
{
	return __atomic_fetch_add(&surfer->shared->next_block[surfer->step], 1, __ATOMIC_RELAXED);
}

/*
 * One iteration with short weights, after one with the given sums; returns
 * its sums. All are scaled.
 *
 * Members take blocks as they get on: one that has to wait for a processor keeps the
 * others waiting for a block at most.
 */
static BlockSums
refine(Surfer *surfer, BlockSums sums, bool extrapolate)
{
	Refinement *refinement = &surfer->refinement;
	double		damping = surfer->options->damping;
	double		teleport_gain = -damping * sums.mass;
	float	   *swap = refinement->change;
	uint32_t	block;

	while ((block = take_block(surfer)) < surfer->block_count)
	{
		check_now(surfer);
		refinement_iterate(refinement, block, teleport_gain,
						   extrapolate ? damping * damping : 0,
						   &surfer->block_sums[surfer->step][block]);
	}
	refinement->change = refinement->next;
	refinement->next = swap;

	/* the next step has the other counter, which nobody has used since the last barrier */
	__atomic_store_n(&surfer->shared->next_block[!surfer->step], 0, __ATOMIC_RELAXED);
	return finish_step(surfer);
}

/*
 * A round of iterations with short weights, after one with the full weights and
 * the given sums: until the next one may be small enough, errors become too
 * large, or only one is allowed. Extrapolates once, needing two iterations before.
 */
static void
refine_round(Surfer *surfer, BlockSums sums, PagerankResult *result)
{
	double		enough = sums.change * ROUND_SHRINKS;
	double		expected = surfer->options->damping * sums.change;
	int			done = 0;

	sums.change /= surfer->scale;
	sums.mass /= surfer->scale;
	while (result->iterations + 1 < surfer->options->max_iterations &&
		   expected >= surfer->options->tolerance && surfer->change > enough)
	{
		bool		extrapolate = done >= 1 && is_slow(surfer);

		sums = refine(surfer, sums, extrapolate);
		note_change(surfer, sums.change * surfer->scale);
		expected = surfer->ratio[0] * surfer->change;
		surfer->extrapolated = surfer->extrapolated || extrapolate;
		result->iterations++;
		done++;
	}
	surfer->correcting = done > 0;
	surfer->scale_next = fmax(surfer->change, LEAST_SCALE);
}

/*
 * Without a copy: extrapolate from the own ranks and those two iterations before
 */
static void
extrapolate(const Surfer *surfer)
{
	double		shrink = surfer->options->damping * surfer->options->damping;
	uint32_t	v;

	for (v = surfer->first_row; v < surfer->end_row; v++)
	{
		check_at(v, surfer->options->check);
		surfer->rank[v] = (surfer->rank[v] - shrink * surfer->before[v]) / (1 - shrink);
	}
}

/*
 * Without a copy: what there is to do after every second iteration
 */
static void
after_two_iterations(Surfer *surfer)
{
	if (surfer->saved && is_slow(surfer))
	{
		extrapolate(surfer);
		surfer->extrapolated = true;
	}
	else
		memcpy(surfer->before + surfer->first_row, surfer->rank + surfer->first_row,
			   (size_t) (surfer->end_row - surfer->first_row) * sizeof(double));
	surfer->saved = true;
}

/*
 * Entry of the starting vector, 0 for nonsense
 */
static inline double
start_at(const double *start, uint32_t v)
{
	return start[v] > 0 && !isinf(start[v]) ? start[v] : 0;
}

/*
 * Set the own ranks to the starting vector; false when there is nothing in it
 */
static bool
start_warm(Surfer *surfer)
{
	const double *start = surfer->options->start;
	double		largest = 0;
	double		total = 0;
	uint32_t	v;

	for (v = 0; start != NULL && v < surfer->node_count; v++)
	{
		check_at(v, surfer->options->check);
		largest = fmax(largest, start_at(start, v));
	}
	if (largest == 0)
		return false;

	for (v = 0; v < surfer->node_count; v++)
	{
		check_at(v, surfer->options->check);
		total += start_at(start, v) / largest;
	}
	for (v = surfer->first_row; v < surfer->end_row; v++)
	{
		check_at(v, surfer->options->check);
		surfer->rank[v] = start_at(start, v) / largest / total;
	}
	return true;
}

/*
 * Set the own ranks to the teleport vector
 *
 * What the first iteration changes is what any other makes of the change t:
 * (d P t + (1 - d S) t) - t, S being the part of t on nodes with out-edges. So the
 * iterations may begin with short weights. Returns the sums for these.
 */
static BlockSums
start_cold(Surfer *surfer)
{
	uint32_t	first = surfer->first_row;
	uint32_t	v;

	while (first < surfer->end_row)
	{
		uint32_t	end = end_of_block(surfer, first);
		BlockSums	sums = {0, 0};

		check_now(surfer);
		for (v = first; v < end; v++)
		{
			double		value = teleport_to(surfer, v);

			surfer->rank[v] = value;
			sums.change += value;
			sums.mass += surfer->out_inverse[v] > 0 ? value : 0;
			if (surfer->copied)
				keep_change(surfer, v, value);
		}
		*sums_at(surfer, first) = sums;
		first = end;
	}
	return finish_step(surfer);
}

/*
 * Find out which rows are the member's; no block of places is taken yet
 */
static void
join_team(Surfer *surfer, const PagerankTeam *team)
{
	surfer->team = team;
	surfer->first_row = team != NULL ? team->first_row : 0;
	surfer->end_row = team != NULL ? team->end_row : surfer->node_count;
	__atomic_store_n(&surfer->shared->next_block[0], 0, __ATOMIC_RELAXED);
	__atomic_store_n(&surfer->shared->next_block[1], 0, __ATOMIC_RELAXED);
}

/*
 * Check ranks; see pagerank.h
 */
bool
pagerank_valid(const double *rank, uint32_t node_count)
{
	CompensatedSum sum = {0, 0};
	uint32_t	v;

	for (v = 0; v < node_count; v++)
	{
		if (!(rank[v] >= 0))
			return false;
		compensated_add(&sum, rank[v]);
	}
	return node_count == 0 || fabs(sum.high - 1) < SUM_ERROR;
}

/*
 * Compute the ranks; see pagerank.h
 */
void
pagerank_iterate(const PagerankSize *size, const EdgeFeed *feed,
				 const PagerankOptions *options, const PagerankTeam *team,
				 double *rank, void *scratch, PagerankResult *result)
{
	Surfer		surfer = place_arrays(size, feed, options, scratch);

	surfer.rank = rank;
	surfer.scale = surfer.scale_next = 1;
	surfer.refinement.dangling_start = surfer.shared->dangling_start;
	join_team(&surfer, team);

	memset(result, 0, sizeof(*result));
	if (!start_warm(&surfer))
	{
		BlockSums	sums = start_cold(&surfer);

		/* the ratio of the first change to this one tells nothing, and is_slow() waits for two */
		surfer.change = sums.change;
		if (surfer.copied)
			refine_round(&surfer, sums, result);
	}
	while (!result->converged && result->iterations < options->max_iterations)
	{
		BlockSums	sums = iterate(&surfer, result);

		if (result->converged)
			break;
		if (surfer.copied)
			refine_round(&surfer, sums, result);
		else if (result->iterations % 2 == 0)
			after_two_iterations(&surfer);
	}
	/* of a team, others may be writing still */
	INVARIANT(team != NULL || !result->converged || pagerank_valid(rank, size->node_count));
}

/*
 * Share rows out; see pagerank.h
 */
void
pagerank_share_rows(const CsrGraph *graph, PagerankTeam *team)
{
	uint32_t   *bound[2] = {&team->first_row, &team->end_row};
	double		work = (double) graph->edge_count + graph->node_count;
	uint64_t	row = 0;
	int			i;

	for (i = 0; i < 2; i++)
	{
		double		before = work * (team->member + i) / team->members;

		while (row < graph->node_count && (double) graph->row_start[row] + (double) row < before)
			row += PAGERANK_ROW_UNIT;
		*bound[i] = row < graph->node_count ? (uint32_t) row : graph->node_count;
	}
}

/*
 * Compute the ranks of a graph in memory; see pagerank.h
 */
void
pagerank(const CsrGraph *graph, const PagerankOptions *options,
		 double *rank, void *scratch, PagerankResult *result)
{
	PagerankSize size = {graph->node_count, graph->edge_count};
	GraphFeed	state;
	EdgeFeed	feed = graph_feed(graph, 0, graph->node_count, &state);

	pagerank_prepare(&size, &feed, options, scratch);
	pagerank_iterate(&size, &feed, options, NULL, rank, scratch, result);
}
