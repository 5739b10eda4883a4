/*
 * Unit tests of src/math/decay.c. Prints TAP.
 *
 * Build: cc -Isrc test/unit/decay_test.c src/math/decay.c -lm
 */
#include "math/decay.h"
#include "random.h"
#include "tap.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR INT64_C(3600000000)
#define DAY (24 * HOUR)
#define YEAR (365 * DAY)

/* Rows of the randomised tests */
#define ROWS 20000

typedef struct Row
{
	double		value;
	int64_t		time;
} Row;

/*
 * Equal to 1e-9 relative, with the values as a diagnostic if not
 */
static bool
near(double actual, double expected)
{
	bool		equal = actual == expected || fabs(actual - expected) <= 1e-9 * fabs(expected);

	if (!equal)
		printf("# got %.17g, expected %.17g\n", actual, expected);
	return equal;
}

/*
 * Uniform in [0, 1)
 */
static double
next_uniform(void)
{
	return (double) (next_random() >> 11) * 0x1p-53;
}

static void
shuffle(Row *rows, int n)
{
	int			i;

	for (i = n - 1; i > 0; i--)
	{
		int			j = (int) (next_random() % (uint64_t) (i + 1));
		Row			swap = rows[i];

		rows[i] = rows[j];
		rows[j] = swap;
	}
}

static int
by_time(const void *a, const void *b)
{
	const Row  *left = a;
	const Row  *right = b;

	return (left->time > right->time) - (left->time < right->time);
}

static DecaySum
sum_of(const Row *rows, int n, int64_t half_life)
{
	DecaySum	state;
	int			i;

	decay_sum_init(&state, half_life);
	for (i = 0; i < n; i++)
		decay_sum_add(&state, rows[i].value, rows[i].time);
	return state;
}

/*
 * Merge batches of random sizes, in random order
 */
static DecaySum
batched_sum_of(const Row *rows, int n, int64_t half_life)
{
	DecaySum	states[2];
	int			done = 0;

	decay_sum_init(&states[0], half_life);
	decay_sum_init(&states[1], half_life);
	while (done < n)
	{
		int			size = 1 + (int) (next_random() % 100);
		DecaySum	batch;

		if (size > n - done)
			size = n - done;
		batch = sum_of(rows + done, size, half_life);
		decay_sum_merge(&states[next_random() % 2], &batch);
		done += size;
	}
	decay_sum_merge(&states[0], &states[1]);
	return states[0];
}

/*
 * Both readings of two states agree at that time
 */
static bool
same(const DecaySum *a, const DecaySum *b, int64_t as_of)
{
	return a->last_at == b->last_at && a->landmark == b->landmark &&
		near(decay_sum_value(a, as_of), decay_sum_value(b, as_of)) &&
		near(decay_sum_count(a, as_of), decay_sum_count(b, as_of));
}

static void
test_factor(void)
{
	ok(decay_factor(0, 5) == 1 && decay_factor(5, 5) == 0.5 && decay_factor(10, 5) == 0.25,
	   "factor: half after a half-life");
	ok(decay_factor(-1e-9, 5) == 0 && decay_factor(-INFINITY, 5) == 0,
	   "factor: 0 for a negative age");
	ok(decay_factor(1e300, 1) == 0 && decay_factor(INFINITY, 1) == 0,
	   "factor: 0 after a very long time");
	ok(decay_factor(1e300, INFINITY) == 1, "factor: an infinite half-life does not decay");
}

static void
test_kernels(void)
{
	DecayKernel kernel;
	bool		found = true;
	bool		limits = true;
	int			i;

	for (i = 0; i < DECAY_KERNELS; i++)
	{
		const char *name = decay_kernel_names[i];

		found = found && decay_kernel_lookup(name, strlen(name), &kernel) && (int) kernel == i;
		kernel = (DecayKernel) i;
		limits = limits && decay_apply(kernel, 0, 5, 0) == 1 &&
			decay_apply(kernel, -1, 5, 0) == 0 && decay_apply(kernel, -1, 5, 2) == 0 &&
			decay_apply(kernel, 3, 5, 3) == 1 && decay_apply(kernel, INFINITY, 5, 3) == 0 &&
			decay_apply(kernel, 11, 5, 7) == decay_apply(kernel, 4, 5, 0);
	}
	ok(found, "kernels: found by their names");
	ok(!decay_kernel_lookup("Linear", 6, &kernel) && !decay_kernel_lookup("linea", 5, &kernel) &&
	   !decay_kernel_lookup("linear ", 7, &kernel) && !decay_kernel_lookup("", 0, &kernel),
	   "kernels: no other names");
	ok(limits, "kernels: 1 at age 0 and within grace, 0 before and at infinity");

	ok(near(decay_apply(DECAY_EXPONENTIAL, 10, 5, 0), 0.25), "kernels: exponential");
	ok(near(decay_apply(DECAY_EXPONENTIAL_TIME_CONSTANT, 10, 5, 0), 0.1353352832366127),
	   "kernels: exponential_time_constant");
	ok(near(decay_apply(DECAY_LINEAR, 2, 5, 0), 0.6) && decay_apply(DECAY_LINEAR, 6, 5, 0) == 0,
	   "kernels: linear");
	ok(near(decay_apply(DECAY_GAUSSIAN, 5, 5, 0), 0.5) &&
	   near(decay_apply(DECAY_GAUSSIAN, 10, 5, 0), 0.0625), "kernels: gaussian");
	ok(near(decay_apply(DECAY_POWER, 20, 5, 0), 0.2), "kernels: power");
	ok(decay_apply(DECAY_WINDOW, 5, 5, 0) == 1 && decay_apply(DECAY_WINDOW, 5.001, 5, 0) == 0,
	   "kernels: window");
}

static void
test_definition(void)
{
	Row			rows[ROWS];
	DecaySum	state;
	double		sum = 0;
	double		count = 0;
	int64_t		as_of = 100 * DAY + 12345;
	int			i;

	for (i = 0; i < ROWS; i++)
	{
		rows[i].value = next_uniform() * 100;
		rows[i].time = (int64_t) (next_random() % (uint64_t) (100 * DAY));
		sum += rows[i].value * decay_factor((double) (as_of - rows[i].time), (double) (7 * DAY));
		count += decay_factor((double) (as_of - rows[i].time), (double) (7 * DAY));
	}
	state = sum_of(rows, ROWS, 7 * DAY);
	ok(near(decay_sum_value(&state, as_of), sum) && near(decay_sum_count(&state, as_of), count),
	   "sum: equals its definition");
	ok(near(decay_sum_value(&state, as_of + 7 * DAY), sum / 2), "sum: halves in a half-life");

	/* FACTS: 10 at t0 and 10 one half-life later give 15 */
	decay_sum_init(&state, HOUR);
	decay_sum_add(&state, 10, 12345);
	decay_sum_add(&state, 10, 12345 + HOUR);
	ok(near(decay_sum_value(&state, 12345 + HOUR), 15), "sum: 10 and 10 a half-life later give 15");

	decay_sum_init(&state, HOUR);
	ok(decay_sum_value(&state, 0) == 0 && decay_sum_count(&state, INT64_MAX) == 0, "sum: empty");
}

static void
test_order(const char *name, int64_t span, int64_t half_life, bool mixed_signs)
{
	Row			rows[ROWS];
	DecaySum	shuffled;
	DecaySum	other;
	int64_t		start = -span / 2;
	int64_t		end;
	char		line[200];
	bool		passed;
	int			i;

	for (i = 0; i < ROWS; i++)
	{
		rows[i].value = mixed_signs ? (next_uniform() - 0.5) * exp2(100 * next_uniform()) : next_uniform();
		rows[i].time = start + (int64_t) (next_random() % (uint64_t) span);
	}

	shuffled = sum_of(rows, ROWS, half_life);
	end = shuffled.last_at;
	other = batched_sum_of(rows, ROWS, half_life);
	passed = same(&other, &shuffled, end) && decay_sum_problem(&other) == NULL;

	qsort(rows, ROWS, sizeof(Row), by_time);
	other = sum_of(rows, ROWS, half_life);
	passed = passed && same(&other, &shuffled, end);
	other = batched_sum_of(rows, ROWS, half_life);
	passed = passed && same(&other, &shuffled, end + half_life / 3);

	shuffle(rows, ROWS);
	other = batched_sum_of(rows, ROWS, half_life);
	passed = passed && same(&other, &shuffled, end) && decay_sum_problem(&shuffled) == NULL;

	snprintf(line, sizeof(line), "order and batches do not matter: %s", name);
	ok(passed, line);
}

static void
test_cancellation(void)
{
	/* the rounded sum of doubles would be 0 in this order */
	Row			rows[] = {{1e16, HOUR}, {1, HOUR}, {-1e16, HOUR}};
	DecaySum	state = sum_of(rows, 3, HOUR);

	ok(near(decay_sum_value(&state, HOUR), 1), "sum: large values cancel out, small ones stay");
}

/*
 * Equal steps make equal rounding errors, which would add up if the landmark
 * were the time of the last event
 */
static void
test_drift(void)
{
	DecaySum	state;
	double		ratio = decay_factor(1, 2592000);
	int			n = 3000000;
	int			i;

	decay_sum_init(&state, 2592000);
	for (i = 0; i < n; i++)
		decay_sum_add(&state, 0.1, i);
	ok(near(decay_sum_value(&state, n - 1),
			0.1 * expm1(-log(2) * n / 2592000.0) / expm1(log(ratio))),
	   "sum: no drift over three million steps");
}

static void
test_extremes(void)
{
	DecaySum	state;
	DecaySum	other;
	bool		passed = true;
	int64_t		half_lives[] = {1, 7, HOUR, YEAR, DECAY_MAX_HALF_LIFE};
	size_t		i;

	for (i = 0; i < sizeof(half_lives) / sizeof(half_lives[0]); i++)
	{
		int64_t		half_life = half_lives[i];
		double		age = 2 * 4611686018427387904.0 - (double) DECAY_MIN_TIME;

		decay_sum_init(&state, half_life);
		passed = passed && decay_sum_add(&state, 1, INT64_MAX) &&
			decay_sum_add(&state, 1e300, DECAY_MIN_TIME);
		decay_sum_init(&other, half_life);
		passed = passed && decay_sum_add(&other, 1e300, DECAY_MIN_TIME) &&
			decay_sum_add(&other, 1, INT64_MAX);
		passed = passed && same(&state, &other, INT64_MAX) &&
			near(decay_sum_value(&state, INT64_MAX), 1 + 1e300 * decay_factor(age, (double) half_life)) &&
			decay_sum_problem(&state) == NULL && decay_sum_problem(&other) == NULL;
	}
	ok(passed, "extremes: first and last possible time");

	/* the weight of the older one is subnormal, its share of the sum is all */
	decay_sum_init(&state, HOUR);
	decay_sum_add(&state, 0, 1040 * HOUR);
	decay_sum_add(&state, 1e300, 1234567);
	decay_sum_init(&other, HOUR);
	decay_sum_add(&other, 1e300, 1234567);
	decay_sum_add(&other, 0, 1040 * HOUR);
	ok(same(&state, &other, 1040 * HOUR) &&
	   near(decay_sum_value(&state, 1040 * HOUR), 1e300 * exp2(-500) * exp2(-540 + 1234567.0 / HOUR)),
	   "extremes: subnormal weights lose nothing");

	decay_sum_init(&state, HOUR);
	ok(decay_sum_add(&state, DBL_MAX, HOUR - 1) && near(decay_sum_value(&state, HOUR - 1), DBL_MAX / (1 + 1e-12)),
	   "extremes: the largest value");
	ok(near(decay_sum_value(&state, 1500 * HOUR), DBL_MAX * exp2(-750) * exp2(-749)),
	   "extremes: the largest value after 1500 half-lives");
	ok(!decay_sum_add(&state, DBL_MAX, HOUR - 1) || !decay_sum_add(&state, DBL_MAX, HOUR - 1),
	   "extremes: overflow is reported");
	decay_sum_init(&other, HOUR);
	decay_sum_add(&other, -DBL_MAX, HOUR - 1);
	ok(!decay_sum_merge(&other, &state), "extremes: overflow is reported by a merge");
}

static void
test_merge_empty(void)
{
	DecaySum	empty;
	DecaySum	state;
	DecaySum	merged;

	decay_sum_init(&empty, DAY);
	decay_sum_init(&state, DAY);
	decay_sum_add(&state, 3, 10 * DAY + 5);

	merged = empty;
	ok(decay_sum_merge(&merged, &empty) && decay_sum_count(&merged, 0) == 0, "merge: empty and empty");
	merged = empty;
	ok(decay_sum_merge(&merged, &state) && memcmp(&merged, &state, sizeof(state)) == 0,
	   "merge: empty and not");
	merged = state;
	ok(decay_sum_merge(&merged, &empty) && memcmp(&merged, &state, sizeof(state)) == 0,
	   "merge: not and empty");
}

/*
 * What decay_sum_problem says when one field is spoilt
 */
static void
test_problems(void)
{
	DecaySum	good;
	DecaySum	bad;

	decay_sum_init(&good, DAY);
	decay_sum_add(&good, 3, -10 * DAY + 5);
	ok(decay_sum_problem(&good) == NULL, "check: a good state");

	bad = good;
	bad.landmark = 42;
	ok(decay_sum_problem(&bad) != NULL, "check: landmark");
	decay_sum_restore(&bad);
	ok(memcmp(&bad, &good, sizeof(good)) == 0, "check: the landmark can be restored");

#define CHECK_SPOILT(field, value) \
	do { \
		bad = good; \
		bad.field = (value); \
		decay_sum_restore(&bad); \
		ok(decay_sum_problem(&bad) != NULL, "check: " #field " = " #value); \
	} while (0)

	CHECK_SPOILT(half_life, 0);
	CHECK_SPOILT(half_life, -DAY);
	CHECK_SPOILT(half_life, INT64_MIN);
	CHECK_SPOILT(half_life, INT64_MAX);
	CHECK_SPOILT(last_at, INT64_MIN);
	CHECK_SPOILT(sum.high, NAN);
	CHECK_SPOILT(sum.high, -INFINITY);
	CHECK_SPOILT(sum.low, NAN);
	CHECK_SPOILT(sum.low, 1);
	CHECK_SPOILT(count.high, NAN);
	CHECK_SPOILT(count.high, INFINITY);
	CHECK_SPOILT(count.high, DBL_MAX);
	CHECK_SPOILT(count.high, -1);
	CHECK_SPOILT(count.high, 0);
	CHECK_SPOILT(count.low, 0.25);
	CHECK_SPOILT(count.low, NAN);
#undef CHECK_SPOILT
}

int
main(void)
{
	test_factor();
	test_kernels();
	test_definition();
	test_order("90 days, half-life a week", 90 * DAY, 7 * DAY, false);
	test_order("a day, half-life a microsecond", DAY, 1, false);
	test_order("10,000 years, half-life an hour", 10000 * YEAR, HOUR, false);
	test_order("10,000 years, half-life 3,333 years", 10000 * YEAR, 3333 * YEAR, false);
	test_order("a day, longest half-life", DAY, DECAY_MAX_HALF_LIFE, false);
	test_order("values of both signs and of 30 magnitudes", 90 * DAY, DAY, true);
	test_cancellation();
	test_drift();
	test_extremes();
	test_merge_empty();
	test_problems();

	return done_testing();
}
