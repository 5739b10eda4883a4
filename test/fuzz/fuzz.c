/*
 * Runs a fuzz target (fuzz.h) without libFuzzer: a fixed number of mutations of its
 * seeds, the same ones each time, with the sanitizers on. Prints TAP.
 *
 *     sketch_fuzz [RUNS [SEED]]
 */
#include "fuzz.h"

#define DEFAULT_RUNS 200000
#define DEFAULT_SEED 2008
#define MAX_SIZE 4096

/* Mutations of one input on top of each other, at most */
#define MAX_MUTATIONS 4

static uint64_t state;

/*
 * Next number of a SplitMix64 generator (Steele, Lea and Flood, OOPSLA 2014)
 */
static uint64_t
next_random(void)
{
	uint64_t	x = (state += UINT64_C(0x9e3779b97f4a7c15));

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/*
 * A number from 0 to limit - 1
 */
static size_t
below(size_t limit)
{
	return limit > 0 ? (size_t) (next_random() % limit) : 0;
}

/*
 * Write a number that breaks things over up to 8 bytes
 */
static void
write_edge(uint8_t *bytes, size_t size)
{
	static const uint64_t edges[] = {
		0, 1, UINT64_MAX, INT64_MAX, UINT64_C(1) << 63, 0x7fffffff, UINT64_C(0x80000000), 0xffffffff, 16, 17, 65535, 65536, 65537,
		UINT64_C(0x7ff0000000000000), UINT64_C(0xfff0000000000000), UINT64_C(0x7ff8000000000000), UINT64_C(0x7ff0000000000001),
		UINT64_C(0x7fefffffffffffff), UINT64_C(0xffefffffffffffff), UINT64_C(0x7fdfffffffffffff), UINT64_C(0x3ff0000000000000),
		UINT64_C(0x3fe0000000000000), 9000000000000000000, 9000000000000000001
	};
	uint64_t	edge = edges[below(sizeof(edges) / sizeof(edges[0]))];

	memcpy(bytes, &edge, size < sizeof(edge) ? size : sizeof(edge));
}

/*
 * Change some bytes. Returns the new size.
 */
static size_t
mutate(uint8_t *bytes, size_t size)
{
	size_t		at = below(size);
	size_t		length;

	switch (below(8))
	{
		case 0:
			if (size > 0)
				bytes[at] ^= (uint8_t) (1 << below(8));
			return size;
		case 1:
			if (size > 0)
				bytes[at] = (uint8_t) next_random();
			return size;
		case 2:
			if (size > 0)
				bytes[at] = (uint8_t) "0123456789*/,-$ @jand"[below(21)];
			return size;
		case 3:					/* where fields of 8 bytes usually are */
			at -= at % 8;
			/* FALLTHROUGH */
		case 4:
			write_edge(bytes + at, size - at);
			return size;
		case 5:
			return at;
		case 6:					/* repeat a part at its end */
			length = below(size - at);
			length = length < MAX_SIZE - size ? length : MAX_SIZE - size;
			memcpy(bytes + size, bytes + at, length);
			return size + length;
		default:				/* leave out a part */
			length = below(size - at);
			memmove(bytes + at, bytes + at + length, size - at - length);
			return size - length;
	}
}

/*
 * Run the target on a copy of just that size, which the sanitizer watches
 */
static void
run_target(const uint8_t *bytes, size_t size)
{
	uint8_t    *copy = malloc(size > 0 ? size : 1);

	FUZZ_ASSERT(copy != NULL);
	memcpy(copy, bytes, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

int
main(int argc, char **argv)
{
	static uint8_t bytes[MAX_SIZE];
	unsigned long runs = argc > 1 ? strtoul(argv[1], NULL, 10) : DEFAULT_RUNS;
	unsigned long run;

	state = argc > 2 ? strtoul(argv[2], NULL, 10) : DEFAULT_SEED;
	printf("# seed %llu\n", (unsigned long long) state);
	for (run = 0; run < fuzz_seeds(); run++)
		run_target(bytes, fuzz_seed(run, bytes, MAX_SIZE));
	for (run = 0; run < runs; run++)
	{
		size_t		size = fuzz_seed(below(fuzz_seeds()), bytes, MAX_SIZE);
		size_t		mutations = 1 + below(MAX_MUTATIONS);

		while (mutations-- > 0)
			size = mutate(bytes, size);
		run_target(bytes, size);
	}
	printf("ok 1 - %lu mutations\n1..1\n", runs);
	return 0;
}
