/*
 * Any bytes as a sketch: what sketch_valid() lets pass can be compacted, merged,
 * reduced and read without touching memory outside of it, and stays valid.
 */
#include "fuzz.h"

#include <math.h>

#include "math/sketch.h"

/* The head of an input; the hashes follow */
typedef struct Head
{
	uint32_t	n;
	uint32_t	n_sorted;
	uint32_t	k;
	uint32_t	sampled;
} Head;

/*
 * A sketch of the head and up to size/8 hashes, with exactly that much room
 */
static Sketch
make_sketch(const Head *head, FuzzInput *input, size_t n_hashes)
{
	Sketch		sketch = {NULL, 0, 0, 0, 0, false};

	sketch.capacity = (uint32_t) n_hashes;
	sketch.n = head->n;
	sketch.n_sorted = head->n_sorted;
	sketch.k = head->k;
	sketch.sampled = head->sampled % 2 != 0;
	sketch.hashes = malloc(n_hashes * sizeof(uint64_t) + 1);
	FUZZ_ASSERT(sketch.hashes != NULL);
	fuzz_take(input, sketch.hashes, n_hashes * sizeof(uint64_t));
	return sketch;
}

/*
 * Scratch space of exactly the length that was asked for
 */
static uint64_t *
make_scratch(const Sketch *sketch)
{
	uint64_t   *scratch = malloc(sketch_scratch_length(sketch) * sizeof(uint64_t) + 1);

	FUZZ_ASSERT(scratch != NULL);
	return scratch;
}

static void
compact(Sketch *sketch, uint32_t k)
{
	uint64_t   *scratch = make_scratch(sketch);

	sketch_reduce_k(sketch, k, scratch);
	free(scratch);
	FUZZ_ASSERT(sketch_valid(sketch));
	FUZZ_ASSERT(sketch->n == sketch->n_sorted && sketch->n <= sketch->k);
}

/*
 * Everything that can be read from two compact sketches
 */
static void
read_pair(const Sketch *a, const Sketch *b)
{
	double		count = sketch_count(a);
	double		overlap = sketch_overlap(a, b);
	double		common = sketch_intersection(a, b);

	FUZZ_ASSERT(isfinite(count) && count >= a->n - 1.0 && count <= ldexp(1, 64));
	FUZZ_ASSERT(isfinite(sketch_error(a)) && sketch_error(a) < 1);
	FUZZ_ASSERT((isnan(overlap) && common == 0) || (overlap >= 0 && overlap <= 1));
	FUZZ_ASSERT(common >= 0 && common <= ldexp(1, 64));
	FUZZ_ASSERT(sketch_intersection(b, a) == common);
}

/*
 * Merge the second into the first, which is enlarged as the aggregates do
 */
static void
merge(Sketch *sketch, const Sketch *other)
{
	uint32_t	position = 0;
	uint64_t   *scratch;

	compact(sketch, other->k);
	while (!sketch_merge(sketch, other, &position))
	{
		compact(sketch, sketch->k);
		sketch->capacity = sketch_max_capacity(sketch->k);
		sketch->hashes = realloc(sketch->hashes, sketch->capacity * sizeof(uint64_t));
		FUZZ_ASSERT(sketch->hashes != NULL);
	}
	scratch = make_scratch(sketch);
	if (other->sampled && !sketch->sampled)
		FUZZ_ASSERT(sketch_set_sampled(sketch, scratch));
	sketch_compact(sketch, scratch);
	free(scratch);
	FUZZ_ASSERT(sketch_valid(sketch));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	FuzzInput	input = {bytes, size};
	Head		heads[2];
	Sketch		a;
	Sketch		b;

	fuzz_take(&input, heads, sizeof(heads));
	a = make_sketch(&heads[0], &input, input.size / sizeof(uint64_t) / 2);
	b = make_sketch(&heads[1], &input, input.size / sizeof(uint64_t));
	if (sketch_valid(&a) && sketch_valid(&b))
	{
		compact(&a, a.k);
		compact(&b, b.k);
		read_pair(&a, &b);
		if (a.k > b.k)
			merge(&a, &b);
		else
			merge(&b, &a);
		read_pair(&a, &b);
		read_pair(&b, &a);
		compact(&a, SKETCH_MIN_K);
		read_pair(&a, &b);
	}
	free(a.hashes);
	free(b.hashes);
	return 0;
}

/*
 * Seeds: from two empty sketches to full, sampled and unsorted ones
 */
static const Head seed_heads[][2] = {
	{{0, 0, 16, 0}, {0, 0, 1024, 0}},
	{{3, 3, 1024, 0}, {3, 3, 16, 0}},
	{{16, 16, 16, 1}, {20, 16, 16, 1}},
	{{16, 16, 16, 0}, {40, 5, 17, 0}},
	{{100, 64, 64, 1}, {100, 0, 65536, 0}}
};

size_t
fuzz_seeds(void)
{
	return sizeof(seed_heads) / sizeof(seed_heads[0]);
}

size_t
fuzz_seed(size_t number, uint8_t *bytes, size_t capacity)
{
	uint32_t	longest = seed_heads[number][0].n > seed_heads[number][1].n ? seed_heads[number][0].n : seed_heads[number][1].n;
	size_t		size = sizeof(seed_heads[number]);
	uint32_t	i;

	memcpy(bytes, seed_heads[number], size);
	for (i = 0; i < 2 * longest && size + sizeof(uint64_t) <= capacity; i++)
	{
		/* ascending, and partly the same in both */
		uint64_t	hash = (uint64_t) (i % longest + 1) * UINT64_C(0x0123456789abcdef) + (i / longest) * (i % 3);

		memcpy(bytes + size, &hash, sizeof(hash));
		size += sizeof(hash);
	}
	return size;
}
