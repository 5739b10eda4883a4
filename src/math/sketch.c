/*
 * Distinct counting: exact while small, then a bottom-k sketch. See sketch.h.
 */
#include "math/sketch.h"

#include <math.h>
#include <string.h>

#include "math/invariant.h"

/* Runs up to this length are sorted by insertion, longer ones with bounded work */
#define INSERTION_MAX 24

/* Bounds the counters that distribute() keeps on the stack (16 KB) */
#define MAX_BUCKETS 4096

/*
 * Load 8 bytes, the most significant first
 */
static uint64_t
load_big_endian(const unsigned char *bytes)
{
	uint64_t	word = 0;

	for (int i = 0; i < 8; i++)
		word = word << 8 | bytes[i];
	return word;
}

/*
 * Load 8 bytes, the least significant first. Spelled out, compilers make it
 * one instruction.
 */
static uint64_t
load_little_endian(const unsigned char *bytes)
{
	return (uint64_t) bytes[0] | (uint64_t) bytes[1] << 8 |
		(uint64_t) bytes[2] << 16 | (uint64_t) bytes[3] << 24 |
		(uint64_t) bytes[4] << 32 | (uint64_t) bytes[5] << 40 |
		(uint64_t) bytes[6] << 48 | (uint64_t) bytes[7] << 56;
}

/*
 * Hash an integer: different integers have different hashes
 */
uint64_t
sketch_hash_int64(int64_t value)
{
	return sketch_mix((uint64_t) value);
}

/*
 * Hash the 16 bytes of a UUID
 */
uint64_t
sketch_hash_uuid(const unsigned char *uuid)
{
	return sketch_mix(sketch_mix(load_big_endian(uuid)) ^ load_big_endian(uuid + 8));
}

/*
 * Hash bytes: h = mix(length), then h = mix(h ^ word) for every 8 bytes as a
 * little-endian word, the last one padded with zeros
 */
uint64_t
sketch_hash_bytes(const unsigned char *bytes, size_t length)
{
	uint64_t	hash = sketch_mix((uint64_t) length);

	for (; length >= 8; length -= 8, bytes += 8)
		hash = sketch_mix(hash ^ load_little_endian(bytes));
	if (length > 0)
	{
		uint64_t	word = 0;

		for (size_t i = 0; i < length; i++)
			word |= (uint64_t) bytes[i] << (8 * i);
		hash = sketch_mix(hash ^ word);
	}
	return hash;
}

/*
 * Check the sizes only: what every access relies on, in constant time
 */
bool
sketch_shape_valid(const Sketch *sketch)
{
	return sketch->k >= SKETCH_MIN_K && sketch->k <= SKETCH_MAX_K &&
		sketch->n <= sketch->capacity &&
		sketch->n_sorted <= sketch->n &&
		sketch->n_sorted <= sketch->k &&
		(!sketch->sampled || sketch->n_sorted == sketch->k);
}

/*
 * Check all invariants
 */
bool
sketch_valid(const Sketch *sketch)
{
	if (!sketch_shape_valid(sketch))
		return false;
	for (uint32_t i = 1; i < sketch->n_sorted; i++)
	{
		if (sketch->hashes[i - 1] >= sketch->hashes[i])
			return false;
	}
	return true;
}

/*
 * Capacity beyond which a sketch need not grow: a quarter of k to append to
 */
uint32_t
sketch_max_capacity(uint32_t k)
{
	return k + (k / 4 > 16 ? k / 4 : 16);
}

/*
 * Hashes of scratch space that compacting needs: the tail and the merged run
 */
uint32_t
sketch_scratch_length(const Sketch *sketch)
{
	return sketch->n <= INSERTION_MAX ? 0 :
		sketch->n - sketch->n_sorted + sketch->n;
}

/*
 * Sort by insertion; the first n_sorted hashes are sorted already
 */
static void
insertion_sort(uint64_t *hashes, uint32_t n_sorted, uint32_t n)
{
	for (uint32_t i = n_sorted; i < n; i++)
	{
		uint64_t	hash = hashes[i];
		uint32_t	j = i;

		for (; j > 0 && hashes[j - 1] > hash; j--)
			hashes[j] = hashes[j - 1];
		hashes[j] = hash;
	}
}

/*
 * Move hashes[root] down to its place in the heap of n
 */
static void
sift_down(uint64_t *hashes, uint32_t root, uint32_t n)
{
	uint64_t	hash = hashes[root];
	uint32_t	child;

	while ((child = 2 * root + 1) < n)
	{
		if (child + 1 < n && hashes[child + 1] > hashes[child])
			child++;
		if (hashes[child] <= hash)
			break;
		hashes[root] = hashes[child];
		root = child;
	}
	hashes[root] = hash;
}

/*
 * Sort by heap
 */
static void
heap_sort(uint64_t *hashes, uint32_t n)
{
	for (uint32_t i = n / 2; i > 0; i--)
		sift_down(hashes, i - 1, n);
	for (uint32_t i = n; i > 1; i--)
	{
		uint64_t	largest = hashes[0];

		hashes[0] = hashes[i - 1];
		hashes[i - 1] = largest;
		sift_down(hashes, 0, i - 1);
	}
}

/*
 * Sort n hashes from one array into another, by buckets of their leading bits
 *
 * Hashes are uniform, so that a bucket gets about four and the work is linear.
 * Ids chosen to hash alike fill one bucket: that one is sorted by heap.
 */
static void
bucket_sort(const uint64_t *hashes, uint32_t n, uint64_t *sorted)
{
	uint32_t	ends[MAX_BUCKETS];
	uint32_t	n_buckets = 16;
	uint32_t	start = 0;
	uint64_t	all_bits = 0;
	int			shift = 0;

	while (n_buckets < MAX_BUCKETS && n_buckets < n / 4)
		n_buckets *= 2;
	memset(ends, 0, n_buckets * sizeof(ends[0]));

	/* Below theta the leading bits are all zero: start at the first that is not */
	for (uint32_t i = 0; i < n; i++)
		all_bits |= hashes[i];
	while ((all_bits >> shift) >= n_buckets)
		shift++;

	for (uint32_t i = 0; i < n; i++)
		ends[hashes[i] >> shift]++;
	for (uint32_t bucket = 0; bucket < n_buckets; bucket++)
	{
		uint32_t	length = ends[bucket];

		ends[bucket] = start;
		start += length;
	}
	for (uint32_t i = 0; i < n; i++)
		sorted[ends[hashes[i] >> shift]++] = hashes[i];

	start = 0;
	for (uint32_t bucket = 0; bucket < n_buckets; bucket++)
	{
		uint32_t	length = ends[bucket] - start;

		if (length <= INSERTION_MAX)
			insertion_sort(sorted + start, 1, length);
		else
			heap_sort(sorted + start, length);
		start = ends[bucket];
	}
}

/*
 * Drop repetitions from n sorted hashes. Returns how many are left.
 */
static uint32_t
unique(uint64_t *hashes, uint32_t n)
{
	uint32_t	n_unique = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		hashes[n_unique] = hashes[i];
		n_unique += (i + 1 == n || hashes[i] != hashes[i + 1]);
	}
	return n_unique;
}

/*
 * Merge two sorted, unique runs into the limit smallest hashes of their union
 *
 * Returns how many were written; *dropped tells whether any was left over. The
 * loop has no branch on the hashes, which are as good as random.
 */
static uint32_t
merge_runs(const uint64_t *a, uint32_t n_a, const uint64_t *b, uint32_t n_b,
		   uint32_t limit, uint64_t *merged, bool *dropped)
{
	uint32_t	i = 0;
	uint32_t	j = 0;
	uint32_t	n = 0;

	while (i < n_a && j < n_b && n < limit)
	{
		uint64_t	hash_a = a[i];
		uint64_t	hash_b = b[j];

		merged[n++] = hash_a < hash_b ? hash_a : hash_b;
		i += hash_a <= hash_b;
		j += hash_b <= hash_a;
	}
	while (i < n_a && j == n_b && n < limit)
		merged[n++] = a[i++];
	while (j < n_b && i == n_a && n < limit)
		merged[n++] = b[j++];
	*dropped = i < n_a || j < n_b;
	return n;
}

/*
 * Sort the tail into the run, without repetitions, and keep the k smallest
 *
 * scratch has room for sketch_scratch_length() hashes.
 */
void
sketch_compact(Sketch *sketch, uint64_t *scratch)
{
	uint32_t	n_tail = sketch->n - sketch->n_sorted;
	uint32_t	n;
	bool		dropped;

	if (n_tail == 0)
		return;

	if (sketch->n <= INSERTION_MAX)
	{
		insertion_sort(sketch->hashes, sketch->n_sorted, sketch->n);
		n = unique(sketch->hashes, sketch->n);
		dropped = n > sketch->k;
		if (dropped)
			n = sketch->k;
	}
	else
	{
		uint64_t   *merged = scratch + n_tail;
		uint32_t	n_unique;

		bucket_sort(sketch->hashes + sketch->n_sorted, n_tail, scratch);
		n_unique = unique(scratch, n_tail);
		n = merge_runs(sketch->hashes, sketch->n_sorted, scratch, n_unique,
					   sketch->k, merged, &dropped);
		memcpy(sketch->hashes, merged, n * sizeof(uint64_t));
	}
	sketch->n = n;
	sketch->n_sorted = n;
	sketch->sampled |= dropped;
	INVARIANT(sketch_valid(sketch));
}

/*
 * Compact, and lower k if it is larger
 */
void
sketch_reduce_k(Sketch *sketch, uint32_t k, uint64_t *scratch)
{
	sketch_compact(sketch, scratch);
	if (k >= sketch->k)
		return;
	if (sketch->n > k)
	{
		sketch->n = k;
		sketch->n_sorted = k;
		sketch->sampled = true;
	}
	sketch->k = k;
	INVARIANT(sketch_valid(sketch));
}

/*
 * Add the hashes of another sketch, from *position on, which moves with them
 *
 * False when there is no room: compact or enlarge, and go on. The other's k
 * must be at least this one's. If the other is sampled, so is the union, which
 * sketch_set_sampled() must then record.
 */
bool
sketch_merge(Sketch *sketch, const Sketch *other, uint32_t *position)
{
	for (; *position < other->n; (*position)++)
	{
		if (!sketch_add(sketch, other->hashes[*position]))
			return false;
	}
	INVARIANT(sketch_shape_valid(sketch));
	return true;
}

/*
 * Compact, and record that hashes were dropped before they came here
 *
 * False if there are fewer than k, which cannot be after merging a valid one.
 */
bool
sketch_set_sampled(Sketch *sketch, uint64_t *scratch)
{
	sketch_compact(sketch, scratch);
	sketch->sampled |= sketch->n == sketch->k;
	INVARIANT(sketch_valid(sketch));
	return sketch->sampled;
}

/*
 * Share of the hash range that a compact sketch knows in full, 0 to 1
 */
static double
theta(const Sketch *sketch)
{
	return sketch->sampled ? ldexp((double) sketch->hashes[sketch->k - 1], -64) : 1;
}

/*
 * Number of distinct items of a compact sketch, exact unless sampled: the
 * k - 1 hashes below theta, over theta (unbiased, Beyer et al. 2007)
 */
double
sketch_count(const Sketch *sketch)
{
	return sketch->sampled ? (sketch->k - 1) / theta(sketch) : sketch->n;
}

/*
 * Relative standard error of the count (Beyer et al. 2007, for many items)
 */
double
sketch_error(const Sketch *sketch)
{
	return sketch->sampled ? 1 / sqrt(sketch->k - 2.0) : 0;
}

/*
 * Hashes of a compact sketch that are below the theta of both
 */
static uint32_t
length_below(const Sketch *sketch, const Sketch *other)
{
	uint32_t	length = sketch->sampled ? sketch->k - 1 : sketch->n;

	if (other->sampled)
	{
		while (length > 0 && sketch->hashes[length - 1] >= other->hashes[other->k - 1])
			length--;
	}
	return length;
}

/*
 * Count the hashes that two sorted, unique runs have in common
 */
static uint32_t
count_common(const uint64_t *a, uint32_t n_a, const uint64_t *b, uint32_t n_b)
{
	uint32_t	n_common = 0;

	for (uint32_t i = 0, j = 0; i < n_a && j < n_b;)
	{
		uint64_t	hash_a = a[i];
		uint64_t	hash_b = b[j];

		n_common += hash_a == hash_b;
		i += hash_a <= hash_b;
		j += hash_b <= hash_a;
	}
	return n_common;
}

/*
 * Number of items that two compact sketches have in common
 *
 * The common hashes below the smaller theta, over it (Dasgupta et al. 2016);
 * exact if neither is sampled.
 */
double
sketch_intersection(const Sketch *a, const Sketch *b)
{
	uint32_t	n_common = count_common(a->hashes, length_below(a, b),
										b->hashes, length_below(b, a));

	return n_common / fmin(theta(a), theta(b));
}

/*
 * Jaccard overlap of two compact sketches: common items over all items, 0 to
 * 1, NaN if both are empty
 */
double
sketch_overlap(const Sketch *a, const Sketch *b)
{
	uint32_t	n_a = length_below(a, b);
	uint32_t	n_b = length_below(b, a);
	uint32_t	n_common = count_common(a->hashes, n_a, b->hashes, n_b);
	uint32_t	n_either = n_a + n_b - n_common;

	return n_either > 0 ? (double) n_common / n_either : NAN;
}
