/*
 * Distinct counting: exact while small, then a bottom-k sketch.
 *
 * Every item is hashed to 64 bits. Up to k distinct hashes are all kept, so
 * that the count is exact. Beyond that only the k smallest stay; the k-th of
 * them, theta, tells how densely the hashes fill the range, and with it how
 * many there are: (k - 1) / theta (Bar-Yossef et al., RANDOM 2002; Beyer et
 * al., SIGMOD 2007). Hashes below theta are a uniform sample of the items, so
 * that intersections and overlaps can be read from them too (Dasgupta et al.,
 * ICDT 2016).
 *
 * A sketch holds a sorted, unique run and behind it hashes in order of
 * arrival, duplicates included. Adding is an append; sketch_compact() sorts
 * the tail and merges it. What a sketch says depends only on the set of items,
 * never on their order or on how they were split.
 *
 * The caller owns all memory. No loop here is longer than a sketch's capacity,
 * hence none needs an interrupt check.
 */
#ifndef INFLUENCE_MATH_SKETCH_H
#define INFLUENCE_MATH_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SKETCH_MIN_K 16
#define SKETCH_MAX_K 65536
#define SKETCH_DEFAULT_K 1024

/*
 * Invariants: n_sorted <= n <= capacity and n_sorted <= k; the first n_sorted
 * hashes ascend strictly; once sampled, n_sorted = k.
 */
typedef struct Sketch
{
	uint64_t   *hashes;			/* room for capacity */
	uint32_t	capacity;
	uint32_t	n;				/* hashes held */
	uint32_t	n_sorted;		/* of them, in the sorted run */
	uint32_t	k;				/* most distinct hashes kept */
	bool		sampled;		/* hashes were dropped: counts are estimates */
} Sketch;

/*
 * Mix 64 bits (SplitMix64: Steele, Lea and Flood, OOPSLA 2014, with the
 * finalizer of Stafford, variant 13)
 *
 * A bijection, so that distinct integers never collide. Its values are stored
 * in sketches and must never change.
 */
static inline uint64_t
sketch_mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/*
 * Add a hash. False when there is no room: compact or enlarge, and try again.
 */
static inline bool
sketch_add(Sketch *sketch, uint64_t hash)
{
	if (sketch->sampled && hash >= sketch->hashes[sketch->k - 1])
		return true;
	if (sketch->n >= sketch->capacity)
		return false;
	sketch->hashes[sketch->n++] = hash;
	return true;
}

extern uint64_t sketch_hash_int64(int64_t value);
extern uint64_t sketch_hash_uuid(const unsigned char *uuid);
extern uint64_t sketch_hash_bytes(const unsigned char *bytes, size_t length);

extern bool sketch_shape_valid(const Sketch *sketch);
extern bool sketch_valid(const Sketch *sketch);

extern uint32_t sketch_max_capacity(uint32_t k);
extern uint32_t sketch_scratch_length(const Sketch *sketch);
extern void sketch_compact(Sketch *sketch, uint64_t *scratch);
extern void sketch_reduce_k(Sketch *sketch, uint32_t k, uint64_t *scratch);
extern bool sketch_merge(Sketch *sketch, const Sketch *other, uint32_t *position);
extern bool sketch_set_sampled(Sketch *sketch, uint64_t *scratch);

extern double sketch_count(const Sketch *sketch);
extern double sketch_error(const Sketch *sketch);
extern double sketch_intersection(const Sketch *a, const Sketch *b);
extern double sketch_overlap(const Sketch *a, const Sketch *b);

#endif							/* INFLUENCE_MATH_SKETCH_H */
