/*
 * Decay: how much something that happened a while ago still counts.
 *
 * decay_factor() and decay_apply() weigh one event by its age. DecaySum adds
 * up many events so that the sum can be read at any later moment without
 * touching an event again.
 *
 * A DecaySum uses forward decay (Cormode, Shkapenyuk, Srivastava, Xu: "Forward
 * Decay: A Practical Time Decay Model for Streaming Systems", ICDE 2009). An
 * event at time t is weighed relative to a landmark and not to the moment of
 * reading T, which is not known yet:
 *
 *     sum  = sum over i of value_i * 2^((t_i - landmark)/half_life - 1)
 *     at T = sum * 2^(1 - (T - landmark)/half_life)
 *
 * The landmark is the start of the half-life in which the latest event lies,
 * counted in whole half-lives from time 0. It thus depends on the events only,
 * not on their order, and when it moves the sums are multiplied by a power of
 * two, which is exact. The -1 keeps all weights at 1 or less: nothing
 * overflows that would not overflow undecayed.
 *
 * Times and half-lives of a DecaySum are whole microseconds.
 */
#ifndef INFLUENCE_MATH_DECAY_H
#define INFLUENCE_MATH_DECAY_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "math/sum.h"

/* Longest half-life of a DecaySum: about 285,000 years */
#define DECAY_MAX_HALF_LIFE INT64_C(9000000000000000000)

/* Earliest time of a DecaySum, so that its landmark fits: about 7000 years before time 0 */
#define DECAY_MIN_TIME (INT64_MIN + DECAY_MAX_HALF_LIFE)

/* Shapes of decay; see decay_apply */
typedef enum DecayKernel
{
	DECAY_EXPONENTIAL,
	DECAY_EXPONENTIAL_TIME_CONSTANT,
	DECAY_LINEAR,
	DECAY_GAUSSIAN,
	DECAY_POWER,
	DECAY_WINDOW
} DecayKernel;

#define DECAY_KERNELS 6

/* Names of the kernels, indexed by DecayKernel */
extern const char *const decay_kernel_names[DECAY_KERNELS];

typedef struct DecaySum
{
	int64_t		half_life;		/* microseconds, 1 to DECAY_MAX_HALF_LIFE */
	int64_t		last_at;		/* time of the latest event */
	int64_t		landmark;		/* start of the half-life last_at lies in */
	CompensatedSum sum;			/* of the values, weighed as above */
	CompensatedSum count;		/* of the weights themselves */
} DecaySum;

/*
 * Share of an event of the given age that is left: 1 at age 0, 0.5 after one
 * half-life, and 0 for a negative age, which has not happened yet. Both
 * arguments in the same unit; half_life > 0, INFINITY for no decay.
 */
static inline double
decay_factor(double age, double half_life)
{
	return age < 0 ? 0 : exp2(-age / half_life);
}

extern bool decay_kernel_lookup(const char *name, size_t length, DecayKernel *kernel);
extern double decay_apply(DecayKernel kernel, double age, double scale, double grace);

extern void decay_sum_init(DecaySum *state, int64_t half_life);
extern void decay_sum_restore(DecaySum *state);
extern const char *decay_sum_problem(const DecaySum *state);
extern bool decay_sum_add(DecaySum *state, double value, int64_t time);
extern bool decay_sum_merge(DecaySum *state, const DecaySum *other);
extern double decay_sum_value(const DecaySum *state, int64_t as_of);
extern double decay_sum_count(const DecaySum *state, int64_t as_of);

#endif							/* INFLUENCE_MATH_DECAY_H */
