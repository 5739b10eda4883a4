/*
 * Decay kernels and forward-decayed sums. decay.h explains both.
 */
#include "math/decay.h"

#include <float.h>
#include <string.h>

#include "math/invariant.h"

/* Below this power of two a weight loses bits, or is 0 already */
#define LOWEST_EXPONENT (-1000.0)

/* Reading may double a count, which is then still a number */
#define MAX_COUNT (DBL_MAX / 2)

/* No double times two to this power is distinguishable from 0 */
#define VANISHING_EXPONENT (-2200)

/* How a double is laid out (IEEE 754): 2^n has the exponent n + bias above the fraction */
#define DOUBLE_BIAS 1023
#define DOUBLE_FRACTION_BITS 52

const char *const decay_kernel_names[DECAY_KERNELS] = {
	"exponential",
	"exponential_time_constant",
	"linear",
	"gaussian",
	"power",
	"window"
};

/*
 * Find a kernel by its name, length bytes long. False: there is none.
 */
bool
decay_kernel_lookup(const char *name, size_t length, DecayKernel *kernel)
{
	int			i;

	for (i = 0; i < DECAY_KERNELS; i++)
	{
		if (strlen(decay_kernel_names[i]) == length &&
			memcmp(decay_kernel_names[i], name, length) == 0)
		{
			*kernel = (DecayKernel) i;
			return true;
		}
	}

	return false;
}

/*
 * Share of an event of the given age that is left, 0 to 1. Nothing decays
 * within grace; with x = max(0, age - grace)/scale the kernels are
 *
 *     exponential                2^-x, scale is the half-life
 *     exponential_time_constant  e^-x
 *     linear                     max(0, 1 - x)
 *     gaussian                   2^-(x^2), a half at x = 1
 *     power                      1/(1 + x)
 *     window                     1 if x <= 1, else 0
 *
 * A negative age gives 0, an infinite one too. All in the same unit; scale > 0
 * and grace >= 0, both finite.
 */
double
decay_apply(DecayKernel kernel, double age, double scale, double grace)
{
	double		x = age > grace ? (age - grace) / scale : 0;

	if (age < 0)
		return 0;

	switch (kernel)
	{
		case DECAY_EXPONENTIAL:
			return exp2(-x);
		case DECAY_EXPONENTIAL_TIME_CONSTANT:
			return exp(-x);
		case DECAY_LINEAR:
			return x < 1 ? 1 - x : 0;
		case DECAY_GAUSSIAN:
			return exp2(-x * x);
		case DECAY_POWER:
			return 1 / (1 + x);
		case DECAY_WINDOW:
			return x <= 1 ? 1 : 0;
	}

	return NAN;					/* not a kernel */
}

/*
 * Microseconds from one time to a later one; their difference may not fit into
 * an int64_t, but always into a uint64_t.
 */
static inline uint64_t
elapsed(int64_t from, int64_t to)
{
	return (uint64_t) to - (uint64_t) from;
}

/*
 * Start of the half-life that time lies in, counted from time 0
 */
static int64_t
landmark_of(int64_t time, int64_t half_life)
{
	int64_t		remainder = time % half_life;

	return time - remainder - (remainder < 0 ? half_life : 0);
}

/*
 * value * 2^exponent for an exponent of at most 1. A very low power of two is
 * applied in two steps: it may be subnormal where the product is not.
 */
static inline double
times_power(double value, double exponent)
{
	double		half_power;

	if (exponent > LOWEST_EXPONENT)
		return value * exp2(exponent);
	if (exponent < VANISHING_EXPONENT)
		return 0;

	half_power = exp2(0.5 * exponent);
	return value * half_power * half_power;
}

/*
 * value * 2^-halvings. Most are so few that the power of two is a normal number, whose
 * bits are put together in less time than ldexp() takes.
 */
static inline double
halved(double value, int halvings)
{
	uint64_t	bits = (uint64_t) (DOUBLE_BIAS - halvings) << DOUBLE_FRACTION_BITS;
	double		power;

	if (halvings >= DOUBLE_BIAS)
		return ldexp(value, -halvings);
	memcpy(&power, &bits, sizeof(power));
	return value * power;
}

/*
 * Multiply by 2^-halvings, which is exact but for subnormal results, whose
 * rounding makes it necessary to normalise again.
 */
static void
halve(CompensatedSum *sum, int halvings)
{
	double		low = halved(sum->low, halvings);

	sum->high = halved(sum->high, halvings);
	sum->low = 0;
	compensated_add(sum, low);
}

/*
 * Move the landmark forward by so many half-lives, and the sums with it
 */
static void
move_landmark(DecaySum *state, uint64_t half_lives)
{
	int			halvings = half_lives < -VANISHING_EXPONENT ? (int) half_lives : -VANISHING_EXPONENT;

	if (half_lives == 0)
		return;
	halve(&state->sum, halvings);
	halve(&state->count, halvings);
	/* without sign, as the distance may not fit into an int64_t */
	state->landmark = (int64_t) ((uint64_t) state->landmark + half_lives * (uint64_t) state->half_life);
}

/*
 * Whole half-lives from the landmark of a sum to a time not before it
 */
static inline uint64_t
half_lives_to(const DecaySum *state, int64_t time)
{
	return elapsed(state->landmark, time) / (uint64_t) state->half_life;
}

/*
 * Make an empty sum with a half-life of 1 to DECAY_MAX_HALF_LIFE microseconds
 */
void
decay_sum_init(DecaySum *state, int64_t half_life)
{
	memset(state, 0, sizeof(*state));
	state->half_life = half_life;
	state->last_at = DECAY_MIN_TIME;
	state->landmark = landmark_of(DECAY_MIN_TIME, half_life);
}

/*
 * Set the landmark, which follows from the other fields. For a state that came
 * from outside: it is left alone if the other fields are out of range, which
 * decay_sum_problem tells.
 */
void
decay_sum_restore(DecaySum *state)
{
	state->landmark = 0;
	if (state->half_life >= 1 && state->half_life <= DECAY_MAX_HALF_LIFE &&
		state->last_at >= DECAY_MIN_TIME)
		state->landmark = landmark_of(state->last_at, state->half_life);
}

/*
 * Check a sum that came from outside and has at least one event. Returns NULL
 * if it could have been made here, else what is wrong with it.
 */
const char *
decay_sum_problem(const DecaySum *state)
{
	if (state->half_life < 1 || state->half_life > DECAY_MAX_HALF_LIFE)
		return "half-life is out of range";
	if (state->last_at < DECAY_MIN_TIME)
		return "time of the last row is out of range";
	if (state->landmark != landmark_of(state->last_at, state->half_life))
		return "landmark does not belong to the last row";
	if (!isfinite(state->sum.high) || !isfinite(state->sum.low))
		return "sum is not finite";
	if (!isfinite(state->count.high) || !isfinite(state->count.low))
		return "count is not finite";
	if (state->sum.high + state->sum.low != state->sum.high)
		return "low part of the sum is too large";
	if (state->count.high + state->count.low != state->count.high)
		return "low part of the count is too large";
	/* the last row alone weighs as much */
	if (state->count.high < 0.5)
		return "count is less than 0.5";
	if (state->count.high > MAX_COUNT)
		return "count is out of range";

	return NULL;
}

/*
 * Add an event: a finite value at a time from DECAY_MIN_TIME on. False: the sum
 * has overflowed, and the state is of no use any more.
 */
bool
decay_sum_add(DecaySum *state, double value, int64_t time)
{
	double		exponent;

	if (time > state->last_at)
	{
		if (elapsed(state->landmark, time) >= (uint64_t) state->half_life)
			move_landmark(state, half_lives_to(state, time));
		state->last_at = time;
	}

	if (time >= state->landmark)
		exponent = (double) elapsed(state->landmark, time);
	else
		exponent = -(double) elapsed(time, state->landmark);
	exponent = exponent / (double) state->half_life - 1;

	if (exponent > LOWEST_EXPONENT)
	{
		double		weight = exp2(exponent);

		compensated_add(&state->sum, value * weight);
		compensated_add(&state->count, weight);
	}
	else
		compensated_add(&state->sum, times_power(value, exponent));

	INVARIANT(!isfinite(state->sum.high) || decay_sum_problem(state) == NULL);
	return isfinite(state->sum.high);
}

/*
 * Add the events of another sum with the same half-life. False: the sum has
 * overflowed, and the state is of no use any more.
 */
bool
decay_sum_merge(DecaySum *state, const DecaySum *other)
{
	DecaySum	older = *other;

	if (state->landmark < other->landmark)
		move_landmark(state, half_lives_to(state, other->landmark));
	else
		move_landmark(&older, half_lives_to(&older, state->landmark));

	if (state->last_at < other->last_at)
		state->last_at = other->last_at;
	compensated_merge(&state->sum, &older.sum);
	compensated_merge(&state->count, &older.count);

	if (!isfinite(state->sum.high) || state->count.high > MAX_COUNT)
		return false;
	/* of two empty sums it is one more */
	INVARIANT(state->count.high == 0 || decay_sum_problem(state) == NULL);
	return true;
}

/*
 * The decayed sum of the values as of a time not before the last event. The
 * result may overflow to infinity.
 */
double
decay_sum_value(const DecaySum *state, int64_t as_of)
{
	double		exponent = 1 - (double) elapsed(state->landmark, as_of) / (double) state->half_life;

	return times_power(state->sum.high, exponent);
}

/*
 * The decayed number of events as of a time not before the last event
 */
double
decay_sum_count(const DecaySum *state, int64_t as_of)
{
	double		exponent = 1 - (double) elapsed(state->landmark, as_of) / (double) state->half_life;

	return times_power(state->count.high, exponent);
}
