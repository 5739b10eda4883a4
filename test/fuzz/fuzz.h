/*
 * A fuzz target feeds any bytes to a part of the math layer and aborts when what
 * must hold does not. fuzz.c runs it, or libFuzzer does:
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -Isrc -o sketch_fuzz \
 *         test/fuzz/sketch_fuzz.c src/math/sketch.c -lm && ./sketch_fuzz
 */
#ifndef INFLUENCE_FUZZ_H
#define INFLUENCE_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What must hold, whatever the bytes */
#define FUZZ_ASSERT(condition) \
	do { \
		if (!(condition)) \
		{ \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

/* Bytes still to be used up by a target */
typedef struct FuzzInput
{
	const uint8_t *bytes;
	size_t		size;
} FuzzInput;

/*
 * Take size bytes, with zeros for those that are missing
 */
static inline void
fuzz_take(FuzzInput *input, void *to, size_t size)
{
	size_t		present = size < input->size ? size : input->size;

	memset(to, 0, size);
	if (present > 0)
		memcpy(to, input->bytes, present);
	input->bytes += present;
	input->size -= present;
}

/* The target; returns 0 */
extern int	LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Inputs to begin with: their number, and one of them, whose size is returned (at most capacity) */
extern size_t fuzz_seeds(void);
extern size_t fuzz_seed(size_t number, uint8_t *bytes, size_t capacity);

#endif							/* INFLUENCE_FUZZ_H */
