/*
 * Random numbers for unit tests, the same on every machine (Marsaglia 2003;
 * Vigna 2016).
 */
#ifndef INFLUENCE_TEST_RANDOM_H
#define INFLUENCE_TEST_RANDOM_H

#include <stdint.h>

static uint64_t random_state = UINT64_C(88172645463325252);

/*
 * Any 64 bits but zeros: xorshift64
 */
static inline uint64_t
next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/*
 * Uniform in (0, 1)
 */
static inline double
uniform(void)
{
	return ((double) (next_random() >> 11) + 0.5) / 9007199254740992.0;
}

/*
 * Random number below n: xorshift64*
 */
static inline uint32_t
random_below(uint32_t n)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t) ((random_state * UINT64_C(2685821657736338717)) >> 32) % n;
}

#endif							/* INFLUENCE_TEST_RANDOM_H */
