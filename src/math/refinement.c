/*
 * PageRank iterations with short weights, on what an iteration changed.
 *
 * What costs is fetching a number once per edge, and reading the edges. Social
 * graphs have few sources with most of the edges, so nodes get places in an order
 * of their own, sources with many edges first, and the busy ones stay in cache
 * (degree-based grouping: Faldu, Diamond, Grot, "A Closer Look at Lightweight
 * Graph Reordering", IISWC 2019). Groups are those of the number of out-edges to
 * a power of two; within a group nodes with equally many in-edges are
 * neighbours, so that the processor can foresee where a row ends.
 */
#include <math.h>
#include <string.h>

#include "math/prefetch.h"
#include "math/refinement.h"

/* Groups of sources: by the logarithm of the number of out-edges, 0 last */
#define OUT_GROUPS 33

/* Classes of rows by the number of in-edges; all above are in the last */
#define IN_CLASSES 256

/* More nodes than that, and their changes do not fit into a second cache of 1 MB */
#define CACHED_NODES 200000

/*
 * Group of a node with so many out-edges: the more, the lower; none, the last
 */
static inline uint32_t
out_group(uint32_t count)
{
	uint32_t	group = OUT_GROUPS - 1;

	while (count > 0)
	{
		count >>= 1;
		group--;
	}
	return group;
}

/*
 * Bucket of a node in the order of places
 */
static inline uint32_t
bucket_of(uint32_t out_count, uint32_t in_count)
{
	return out_group(out_count) * IN_CLASSES +
		(in_count < IN_CLASSES ? in_count : IN_CLASSES - 1);
}

/*
 * Give the nodes, whose edges are counted, their places
 */
void
refinement_order(Refinement *to, SourceNode *nodes, const uint32_t *in_count,
				 void (*check) (void))
{
	uint32_t	next[OUT_GROUPS * IN_CLASSES] = {0};
	uint32_t	start = 0;
	uint32_t	i;

	for (i = 0; i < to->node_count; i++)
	{
		check_at(i, check);
		next[bucket_of(nodes[i].out_count, in_count[i])]++;
	}
	for (i = 0; i < OUT_GROUPS * IN_CLASSES; i++)
	{
		uint32_t	size = next[i];

		next[i] = start;
		start += size;
	}
	to->dangling_start = next[bucket_of(0, 0)];

	for (i = 0; i < to->node_count; i++)
	{
		check_at(i, check);
		nodes[i].place = next[bucket_of(nodes[i].out_count, in_count[i])]++;
		to->place[i] = nodes[i].place;
		to->in_count[nodes[i].place] = in_count[i];
	}
}

/*
 * Work out where the rows start: position[i] is the first edge of place i
 */
void
refinement_starts(Refinement *to, uint64_t *position, void (*check) (void))
{
	uint64_t	start = 0;
	uint32_t	i;

	for (i = 0; i < to->node_count; i++)
	{
		check_at(i, check);
		if (i % BLOCK_ROWS == 0)
			to->block_start[i / BLOCK_ROWS] = start;
		position[i] = start;
		start += to->in_count[i];
	}
	to->block_start[(to->node_count + (uint64_t) BLOCK_ROWS - 1) / BLOCK_ROWS] = start;
	memset(to->source + start, 0, FETCH_AHEAD * sizeof(uint32_t));
}

/*
 * Copy a block of edges; position[i] is where the next edge into place i goes
 */
void
refinement_copy(Refinement *to, const EdgeBlock *block, const SourceNode *nodes,
				double damping, uint64_t *position, void (*check) (void))
{
	const uint32_t *source = block->source;
	uint64_t	e = block->row_start[0];
	uint64_t	end = block->row_start[block->row_count];
	uint32_t	row;

	for (row = 0; row < block->row_count; row++)
	{
		uint64_t   *at = &position[to->place[block->first_row + row]];
		uint64_t	copied = *at;

		check_at(row, check);
		for (; e < block->row_start[row + 1]; e++)
		{
			const SourceNode *node = &nodes[source[e]];

			check_at(e, check);
			if (e + PREFETCH_AHEAD < end)
				prefetch(&nodes[source[e + PREFETCH_AHEAD]]);
			to->source[copied] = node->place;
			to->share[copied] = (float) (damping * (block->weight[e] * node->out_weight));
			copied++;
		}
		*at = copied;
	}
}

/*
 * Sum up what flows along the edges of a row. Four sums, because each addition
 * waits for the one before. far: fetch ahead, which in small graphs would cost
 * more than it saves.
 */
static inline double
pull_row(const uint32_t *source, const float *share, const float *change,
		 uint32_t count, bool far)
{
	double		a = 0;
	double		b = 0;
	double		c = 0;
	double		d = 0;
	uint32_t	e;

	for (e = 0; count - e >= 4; e += 4)
	{
		if (far)
		{
			prefetch(&change[source[e + FETCH_AHEAD]]);
			prefetch(&change[source[e + FETCH_AHEAD + 1]]);
			prefetch(&change[source[e + FETCH_AHEAD + 2]]);
			prefetch(&change[source[e + FETCH_AHEAD + 3]]);
		}
		a += (double) (share[e] * change[source[e]]);
		b += (double) (share[e + 1] * change[source[e + 1]]);
		c += (double) (share[e + 2] * change[source[e + 2]]);
		d += (double) (share[e + 3] * change[source[e + 3]]);
	}
	for (; e < count; e++)
	{
		if (far)
			prefetch(&change[source[e + FETCH_AHEAD]]);
		a += (double) (share[e] * change[source[e]]);
	}
	return (a + b) + (c + d);
}

/*
 * Sum up what flows into the nodes of a block
 */
static inline void
pull_block(const Refinement *refinement, uint32_t first, uint32_t count,
		   double *pulled, bool far)
{
	uint64_t	start = refinement->block_start[first / BLOCK_ROWS];
	const uint32_t *source = refinement->source + start;
	const float *share = refinement->share + start;
	const uint32_t *in_count = refinement->in_count + first;
	uint32_t	i;

	for (i = 0; i < count; i++)
	{
		pulled[i] = pull_row(source, share, refinement->change, in_count[i], far);
		source += in_count[i];
		share += in_count[i];
	}
}

/*
 * Extrapolate x_(k+1) from x_(k-1): the next change is linear in those before,
 * and the sum takes up what the ranks jump by
 */
static void
extrapolate_block(const Refinement *refinement, uint32_t first, uint32_t count,
				  double shrink, double *changed)
{
	uint32_t	i;

	for (i = 0; i < count; i++)
	{
		double		earlier = refinement->next[first + i];

		refinement->sum[first + i] += shrink / (1 - shrink) *
			((double) refinement->change[first + i] + earlier);
		changed[i] = (changed[i] - shrink * earlier) / (1 - shrink);
	}
}

/*
 * One iteration over a block of places
 *
 * teleport_gain: change of the rank that each gets per unit of teleport. shrink:
 * 0, or the damping squared to extrapolate; then "next" must hold the changes
 * before those in "change". sums: mass is the change of nodes with out-edges.
 */
void
refinement_iterate(const Refinement *refinement, uint32_t block,
				   double teleport_gain, double shrink, BlockSums *sums)
{
	uint32_t	first = block * BLOCK_ROWS;
	uint32_t	left = refinement->node_count - first;
	uint32_t	count = left < BLOCK_ROWS ? left : BLOCK_ROWS;
	const double *teleport = refinement->teleport + first;
	float	   *next = refinement->next + first;
	double	   *sum = refinement->sum + first;
	double		changed[BLOCK_ROWS];
	double		change = 0;
	double		mass = 0;
	uint32_t	i;

	if (refinement->node_count > CACHED_NODES)
		pull_block(refinement, first, count, changed, true);
	else
		pull_block(refinement, first, count, changed, false);
	for (i = 0; i < count; i++)
		changed[i] += teleport_gain * teleport[i];
	if (shrink > 0)
		extrapolate_block(refinement, first, count, shrink, changed);
	for (i = 0; i < count; i++)
	{
		next[i] = shorten(changed[i]);
		sum[i] += changed[i];
		change += fabs(changed[i]);
	}
	for (i = 0; i < count && first + i < refinement->dangling_start; i++)
		mass += changed[i];

	sums->mass = mass;
	sums->change = change;
}
