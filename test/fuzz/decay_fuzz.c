/*
 * Any bytes as decayed sums: what decay_sum_problem() lets pass can be added to,
 * merged and read at any later time, and stays like that or reports an overflow.
 */
#include "fuzz.h"

#include <float.h>

#include "math/decay.h"

/* The whole of an input */
typedef struct Input
{
	DecaySum	sums[2];
	double		value;
	int64_t		time;
} Input;

#define DAY INT64_C(86400000000)

/*
 * A sum is as good as new
 */
static void
check(const DecaySum *sum)
{
	double		count = decay_sum_count(sum, sum->last_at);

	FUZZ_ASSERT(decay_sum_problem(sum) == NULL);
	FUZZ_ASSERT(isfinite(count) && count > 0);
	FUZZ_ASSERT(!isnan(decay_sum_value(sum, sum->last_at)));
	FUZZ_ASSERT(isfinite(decay_sum_value(sum, INT64_MAX)) || sum->last_at > INT64_MAX - sum->half_life);
	FUZZ_ASSERT(isfinite(decay_sum_count(sum, INT64_MAX)));
}

/*
 * Whether a sum can be used; its landmark follows from the rest
 */
static bool
usable(DecaySum *sum)
{
	decay_sum_restore(sum);
	return decay_sum_problem(sum) == NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	FuzzInput	rest = {bytes, size};
	Input		input;
	DecaySum	sum;

	fuzz_take(&rest, &input, sizeof(input));
	(void) decay_sum_problem(&input.sums[0]);
	if (!usable(&input.sums[0]))
		return 0;
	check(&input.sums[0]);

	if (isfinite(input.value) && input.time >= DECAY_MIN_TIME)
	{
		sum = input.sums[0];
		if (decay_sum_add(&sum, input.value, input.time))
			check(&sum);
		decay_sum_init(&sum, input.sums[0].half_life);
		FUZZ_ASSERT(decay_sum_add(&sum, input.value, input.time));
		check(&sum);
	}
	if (usable(&input.sums[1]))
	{
		input.sums[1].half_life = input.sums[0].half_life;
		decay_sum_restore(&input.sums[1]);
		sum = input.sums[0];
		if (decay_sum_merge(&sum, &input.sums[1]))
			check(&sum);
	}
	return 0;
}

size_t
fuzz_seeds(void)
{
	return 4;
}

/*
 * Seeds: half-lives from a microsecond to the longest, times from the first to the last
 */
size_t
fuzz_seed(size_t number, uint8_t *bytes, size_t capacity)
{
	static const int64_t half_lives[] = {DAY, 1, DECAY_MAX_HALF_LIFE, 7 * DAY};
	static const int64_t times[] = {0, DECAY_MIN_TIME, INT64_MAX, 8000 * DAY};
	Input		input;

	memset(&input, 0, sizeof(input));
	input.value = number == 3 ? DBL_MAX : 1;
	input.time = times[(number + 1) % 4];
	decay_sum_init(&input.sums[0], half_lives[number]);
	decay_sum_add(&input.sums[0], -1.5, times[number]);
	decay_sum_init(&input.sums[1], half_lives[number]);
	decay_sum_add(&input.sums[1], 0.1, times[(number + 2) % 4]);
	FUZZ_ASSERT(sizeof(input) <= capacity);
	memcpy(bytes, &input, sizeof(input));
	return sizeof(input);
}
