/*
 * Unit test of math/sketch: prints TAP, fails if a check fails.
 *
 *     cc -Isrc -o sketch_test test/unit/sketch_test.c src/math/sketch.c -lm
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/sketch.h"
#include "tap.h"

/*
 * Make an empty sketch that need never grow
 */
static Sketch
new_sketch(uint32_t k)
{
	Sketch		sketch = {NULL, 0, 0, 0, 0, false};

	sketch.k = k;
	sketch.capacity = sketch_max_capacity(k);
	sketch.hashes = malloc(sketch.capacity * sizeof(uint64_t));
	if (sketch.hashes == NULL)
		abort();
	return sketch;
}

/*
 * Sort the tail, with exactly the scratch space that was asked for
 */
static void
compact(Sketch *sketch)
{
	uint64_t   *scratch = malloc(sketch_scratch_length(sketch) * sizeof(uint64_t) + 1);

	sketch_compact(sketch, scratch);
	free(scratch);
}

/*
 * Add a hash, making room
 */
static void
add(Sketch *sketch, uint64_t hash)
{
	while (!sketch_add(sketch, hash))
		compact(sketch);
}

/*
 * Add the integers from first on, step apart
 */
static void
add_range(Sketch *sketch, int64_t first, int64_t n, int64_t step)
{
	for (int64_t i = 0; i < n; i++)
		add(sketch, sketch_hash_int64(first + i * step));
}

/*
 * Merge one sketch into another
 */
static void
merge(Sketch *sketch, const Sketch *other)
{
	uint32_t	position = 0;
	uint64_t   *scratch = malloc(2 * (size_t) sketch->capacity * sizeof(uint64_t));

	sketch_reduce_k(sketch, other->k, scratch);
	while (!sketch_merge(sketch, other, &position))
		sketch_compact(sketch, scratch);
	sketch_compact(sketch, scratch);
	if (other->sampled)
		sketch_set_sampled(sketch, scratch);
	free(scratch);
}

/*
 * Whether two compact sketches are the same
 */
static bool
same(const Sketch *a, const Sketch *b)
{
	return a->k == b->k && a->n == b->n && a->sampled == b->sampled &&
		a->n_sorted == a->n && b->n_sorted == b->n &&
		memcmp(a->hashes, b->hashes, a->n * sizeof(uint64_t)) == 0;
}

/*
 * Whether an estimate is within 4 standard errors
 */
static bool
near(double estimate, double truth, double relative_error)
{
	return fabs(estimate - truth) <= 4 * relative_error * truth;
}

static void
test_hashes(void)
{
	static const unsigned char bytes[] = "abcdefghijklmnopq";
	static const unsigned char uuid[16] = {0x55, 0x0e, 0x84, 0x00, 0xe2, 0x9b, 0x41, 0xd4,
	0xa7, 0x16, 0x44, 0x66, 0x55, 0x44, 0x00, 0x00};

	/* First value of the reference SplitMix64 for seeds 0 and 1234567 */
	ok(sketch_hash_int64(0) == UINT64_C(0xe220a8397b1dcdaf), "mix of 0 is that of SplitMix64");
	ok(sketch_hash_int64(1234567) == UINT64_C(6457827717110365317), "mix of 1234567 is that of SplitMix64");

	/* Stored hashes: these values must never change */
	ok(sketch_hash_int64(-1) == UINT64_C(0xe4d971771b652c20), "hash of -1");
	ok(sketch_hash_bytes(bytes, 0) == UINT64_C(0xe220a8397b1dcdaf), "hash of no bytes");
	ok(sketch_hash_bytes(bytes, 1) == UINT64_C(0x5e025f9ade9eaf3e), "hash of 1 byte");
	ok(sketch_hash_bytes(bytes, 8) == UINT64_C(0x804d4bcf99e046d6), "hash of 8 bytes");
	ok(sketch_hash_bytes(bytes, 17) == UINT64_C(0x23617c2104e8a0b0), "hash of 17 bytes");
	ok(sketch_hash_uuid(uuid) == UINT64_C(0x7b218931b5e2063a), "hash of a uuid");

	ok(sketch_hash_bytes((const unsigned char *) "a\0", 1) !=
	   sketch_hash_bytes((const unsigned char *) "a\0", 2), "a trailing zero byte counts");
}

static void
test_exact(void)
{
	Sketch		sketch = new_sketch(64);

	compact(&sketch);
	ok(sketch_count(&sketch) == 0 && sketch_error(&sketch) == 0, "empty: 0, no error");
	for (int round = 0; round < 100; round++)
		add_range(&sketch, 0, 64, 1);
	compact(&sketch);
	ok(sketch_count(&sketch) == 64 && !sketch.sampled, "k items, 100 times each: exactly k");
	ok(sketch_error(&sketch) == 0, "no error while exact");
	ok(sketch_valid(&sketch), "valid while exact");
	add_range(&sketch, 64, 1, 1);
	compact(&sketch);
	ok(sketch.sampled && sketch.n == 64 && sketch_valid(&sketch), "one more: sampled");
	ok(near(sketch_count(&sketch), 65, sketch_error(&sketch)), "one more: about 65");
	ok(fabs(sketch_error(&sketch) - 1 / sqrt(62)) < 1e-15, "error is 1/sqrt(k - 2)");
	free(sketch.hashes);
}

/*
 * The mean of many estimates is right too, for ids of any pattern
 */
static void
test_estimates(void)
{
	static const int64_t steps[] = {1, 2, 1000, INT64_C(1) << 20, INT64_C(1) << 40, -7};
	static const uint32_t ks[] = {16, 100, 1024, 65536};
	double		sum = 0;
	int			n_trials = 2000;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
	{
		Sketch		sketch = new_sketch(1024);
		char		name[64];

		add_range(&sketch, 17, 300000, steps[i]);
		compact(&sketch);
		snprintf(name, sizeof(name), "300,000 ids, %lld apart", (long long) steps[i]);
		ok(near(sketch_count(&sketch), 300000, sketch_error(&sketch)), name);
		free(sketch.hashes);
	}
	for (size_t i = 0; i < sizeof(ks) / sizeof(ks[0]); i++)
	{
		Sketch		sketch = new_sketch(ks[i]);
		char		name[64];

		add_range(&sketch, 0, 1000000, 1);
		compact(&sketch);
		snprintf(name, sizeof(name), "1,000,000 ids, k = %u", ks[i]);
		ok(near(sketch_count(&sketch), 1000000, sketch_error(&sketch)) &&
		   sketch_valid(&sketch), name);
		free(sketch.hashes);
	}
	for (int trial = 0; trial < n_trials; trial++)
	{
		Sketch		sketch = new_sketch(100);

		add_range(&sketch, (int64_t) trial * 5000, 5000, 1);
		compact(&sketch);
		sum += sketch_count(&sketch);
		free(sketch.hashes);
	}
	ok(near(sum / n_trials, 5000, 1 / sqrt(98.0 * n_trials)), "estimates have no bias");
}

/*
 * Order, repetition and splitting change nothing
 */
static void
test_order(void)
{
	bool		all_same = true;

	for (int64_t n = 1; n <= 20000; n = n * 3 / 2 + 1)
	{
		Sketch		forward = new_sketch(200);
		Sketch		backward = new_sketch(200);
		Sketch		part = new_sketch(200);

		add_range(&forward, 0, n, 1);
		compact(&forward);
		add_range(&backward, n - 1, n, -1);
		add_range(&backward, n - 1, n, -1);
		compact(&backward);
		all_same &= same(&forward, &backward);

		/* Odd ids in one sketch, the others and some of them again in another */
		backward.n = backward.n_sorted = 0;
		backward.sampled = false;
		add_range(&backward, 0, (n + 1) / 2, 2);
		add_range(&part, n - 1, n / 2, -1);
		for (int64_t i = 1; i < n; i += 2)
			add(&part, sketch_hash_int64(i));
		merge(&backward, &part);
		all_same &= same(&forward, &backward);

		free(forward.hashes);
		free(backward.hashes);
		free(part.hashes);
	}
	ok(all_same, "any order and any split give the same sketch");
}

static void
test_different_k(void)
{
	Sketch		large = new_sketch(500);
	Sketch		small = new_sketch(50);
	Sketch		direct = new_sketch(50);

	add_range(&large, 0, 400, 1);
	add_range(&small, 300, 300, 1);
	compact(&small);
	merge(&large, &small);
	add_range(&direct, 0, 600, 1);
	compact(&direct);
	ok(same(&large, &direct), "exact and sampled with a smaller k: that of the union");
	free(large.hashes);
	free(small.hashes);
	free(direct.hashes);
}

static void
test_overlap(void)
{
	Sketch		a = new_sketch(4096);
	Sketch		b = new_sketch(1024);
	Sketch		few = new_sketch(1024);
	Sketch		none = new_sketch(16);
	double		overlap;

	add_range(&a, 0, 200000, 1);
	add_range(&b, 100000, 200000, 1);
	add_range(&few, 150000, 100, 1);
	compact(&a);
	compact(&b);
	compact(&few);
	compact(&none);

	overlap = sketch_overlap(&a, &b);
	ok(fabs(overlap - 1.0 / 3) < 4 * sqrt(1.0 / 3 * 2 / 3 / 1024), "overlap of a third");
	ok(overlap == sketch_overlap(&b, &a), "overlap is symmetric");
	ok(fabs(sketch_intersection(&a, &b) - 100000) < 4 * 100000 * sqrt(2.0 / 1024), "intersection");
	ok(sketch_intersection(&a, &b) == sketch_intersection(&b, &a), "intersection is symmetric");
	ok(sketch_overlap(&a, &a) == 1, "overlap with itself is 1");
	ok(sketch_intersection(&a, &a) == sketch_count(&a), "intersection with itself is the count");
	ok(sketch_overlap(&few, &few) == 1 && sketch_intersection(&few, &few) == 100, "exact with itself");
	ok(sketch_overlap(&a, &none) == 0 && sketch_intersection(&none, &a) == 0, "nothing in common with nobody");
	ok(isnan(sketch_overlap(&none, &none)), "two empty sketches have no overlap");

	free(a.hashes);
	free(b.hashes);
	free(few.hashes);
	free(none.hashes);
}

/*
 * Ids chosen to hash alike fill one bucket of the sort
 */
static void
test_adversary(void)
{
	Sketch		sketch = new_sketch(SKETCH_MAX_K);
	Sketch		other = new_sketch(SKETCH_MAX_K);

	for (uint64_t i = 0; i < 200000; i++)
	{
		add(&sketch, UINT64_C(0x8000000000000000) + (i * 7919) % 100003);
		add(&other, UINT64_C(0x8000000000000000) + i % 100003);
	}
	add(&sketch, UINT64_MAX);
	add(&other, UINT64_MAX);
	compact(&sketch);
	compact(&other);
	ok(sketch_valid(&sketch) && same(&sketch, &other), "hashes that share their leading bits");
	free(sketch.hashes);
	free(other.hashes);
}

static void
test_validation(void)
{
	uint64_t	hashes[20] = {1, 2, 3};
	Sketch		sketch = {hashes, 20, 3, 3, 16, false};
	Sketch		bad;

	ok(sketch_valid(&sketch), "a small sketch is valid");
	bad = sketch;
	bad.k = 15;
	ok(!sketch_valid(&bad), "k too small");
	bad.k = 65537;
	ok(!sketch_valid(&bad), "k too large");
	bad = sketch;
	bad.n = 21;
	ok(!sketch_valid(&bad), "more hashes than room");
	bad = sketch;
	bad.n_sorted = 4;
	ok(!sketch_valid(&bad), "run longer than all");
	bad = sketch;
	bad.n = bad.n_sorted = 17;
	ok(!sketch_valid(&bad), "run longer than k");
	bad = sketch;
	bad.sampled = true;
	ok(!sketch_valid(&bad), "sampled with fewer than k");
	hashes[2] = 2;
	ok(!sketch_valid(&sketch), "repeated hash");
	hashes[2] = 1;
	ok(!sketch_valid(&sketch), "hashes that descend");
}

int
main(void)
{
	test_hashes();
	test_exact();
	test_estimates();
	test_order();
	test_different_k();
	test_overlap();
	test_adversary();
	test_validation();
	return done_testing();
}
