/*
 * Distinct people who reacted: the aggregates of influence_reach_sketch and
 * the accessors. The method and its sources are in math/sketch.h, the wording
 * and the layout in reach_sketch.h, input and output in reach_sketch_io.c.
 *
 * A transition function gets its state by reference and changes it in place
 * inside an aggregate only. It looks at the sizes alone then, in constant time;
 * a sketch from anywhere else is checked in full. Room is made by returning a
 * larger state, which the executor copies into the group's memory. Sizes are
 * powers of two, as memory comes: 32 bytes for two people, 64 for six.
 */
#include "compat.h"

#include <math.h>

#include "fmgr.h"
#include "utils/uuid.h"

#include "math/sketch.h"
#include "reach_sketch.h"

const char *const reach_id_types[] = {NULL, "bigint", "uuid", "text"};

/*
 * Allocate an empty sketch with room for capacity hashes, front included
 */
ReachSketch *
reach_allocate(ReachIdType id_type, uint32 k, uint32 capacity, bool working)
{
	ReachSketch *reach = palloc(REACH_BYTES(capacity));

	SET_VARSIZE(reach, REACH_BYTES(capacity));
	reach->version = REACH_VERSION;
	reach->flags = (uint8) (id_type | (working ? REACH_WORKING : 0));
	reach->k_minus_1 = (uint16) (k - 1);
	reach->n = 0;
	reach->n_sorted = 0;
	return reach;
}

/*
 * Complain about a sketch that cannot be
 */
pg_noreturn static void
reach_damaged(const ReachSketch *reach, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("influence_reach_sketch of %zu bytes is damaged", (Size) VARSIZE(reach)),
			 errdetail_internal("%s", detail),
			 errhint("It was damaged in storage, or written by a later version of the extension.")));
}

/*
 * Show run and tail to the math layer
 *
 * Checks the sizes, so that nothing is read or written outside of it.
 */
static inline void
reach_open(ReachSketch *reach, Sketch *sketch)
{
	Size		bytes = VARSIZE(reach);
	uint32		front;

	if (unlikely(bytes < REACH_BYTES(0)) || unlikely(bytes % sizeof(uint64) != 0))
		reach_damaged(reach, "That is not a possible size.");
	if (unlikely(reach->version != REACH_VERSION))
		reach_damaged(reach, "The version is unknown.");

	front = reach_front_capacity(reach);
	sketch->hashes = reach->hashes + front;
	sketch->capacity = (uint32) ((bytes - REACH_BYTES(front)) / sizeof(uint64));
	sketch->n = reach->n;
	sketch->n_sorted = reach->n_sorted;
	sketch->k = reach->k_minus_1 + 1;
	sketch->sampled = (reach->flags & REACH_SAMPLED) != 0;

	if (unlikely(reach_id_type(reach) < REACH_BIGINT))
		reach_damaged(reach, "The id type is unknown.");
	if (unlikely(reach_n_front(reach) > front) || unlikely(!sketch_shape_valid(sketch)))
		reach_damaged(reach, "The number of hashes is impossible.");
}

/*
 * Write back what the math layer changed
 */
static inline void
reach_store(ReachSketch *reach, const Sketch *sketch)
{
	if (sketch->sampled)
		reach->flags |= REACH_SAMPLED;
	reach->k_minus_1 = (uint16) (sketch->k - 1);
	reach->n = sketch->n;
	reach->n_sorted = sketch->n_sorted;
}

/*
 * Whether the hashes of a compact sketch ascend, without repetition
 */
bool
reach_hashes_valid(ReachSketch *reach)
{
	Sketch		sketch;

	reach_open(reach, &sketch);
	return sketch_valid(&sketch);
}

#ifdef USE_ASSERT_CHECKING

/*
 * Is what was stored what the open sketch says? Hashes are looked at when they are
 * sorted, in the math layer.
 */
static bool
reach_is_stored(ReachSketch *reach, const Sketch *open)
{
	Sketch		stored;

	reach_open(reach, &stored);
	return stored.hashes == open->hashes && stored.capacity == open->capacity &&
		stored.n == open->n && stored.n_sorted == open->n_sorted &&
		stored.k == open->k && stored.sampled == open->sampled;
}

#endif

/*
 * Open a sketch that may come from anywhere: check its hashes too
 */
static void
reach_open_checked(ReachSketch *reach, Sketch *sketch)
{
	reach_open(reach, sketch);
	if (!sketch_valid(sketch))
		reach_damaged(reach, "The hashes do not ascend.");
}

/*
 * Allocate what sketch_compact() needs. NULL if it needs nothing.
 */
static uint64_t *
reach_scratch(const Sketch *sketch)
{
	uint32		length = sketch_scratch_length(sketch);

	return length > 0 ? palloc(sizeof(uint64_t) * (Size) length) : NULL;
}

/*
 * Sort the tail of an open sketch, and lower its k if it is larger
 */
static void
reach_reduce_k(ReachSketch *reach, Sketch *sketch, uint32 k)
{
	uint64_t   *scratch = reach_scratch(sketch);

	sketch_reduce_k(sketch, k, scratch);
	reach_store(reach, sketch);
	if (scratch)
		pfree(scratch);
}

/*
 * Sort the tail of an open sketch
 */
static void
reach_compact(ReachSketch *reach, Sketch *sketch)
{
	reach_reduce_k(reach, sketch, sketch->k);
}

/*
 * Get argument 0 as a sketch to change: the state itself in an aggregate, where
 * it belongs to us, else a copy
 */
static inline ReachSketch *
reach_getarg_writable(FunctionCallInfo fcinfo, bool in_aggregate, Sketch *sketch)
{
	Datum		datum = PG_GETARG_DATUM(0);
	ReachSketch *reach;

	if (likely(in_aggregate) && likely(VARATT_IS_4B_U(DatumGetPointer(datum))))
	{
		reach = (ReachSketch *) DatumGetPointer(datum);
		reach_open(reach, sketch);
	}
	else
	{
		reach = (ReachSketch *) PG_DETOAST_DATUM_COPY(datum);
		reach_open_checked(reach, sketch);
	}
	return reach;
}

/*
 * Copy an open sketch into a working one with room for capacity hashes behind
 * the front
 */
static ReachSketch *
reach_enlarge(const ReachSketch *reach, Sketch *sketch, uint32 capacity)
{
	ReachSketch *larger = reach_allocate(reach_id_type(reach), sketch->k,
										 REACH_FRONT + capacity, true);

	larger->flags |= reach->flags;
	memcpy(larger->hashes, reach->hashes, reach_n_front(reach) * sizeof(uint64));
	memcpy(larger->hashes + REACH_FRONT, sketch->hashes, sketch->n * sizeof(uint64));
	reach_store(larger, sketch);
	reach_open(larger, sketch);
	return larger;
}

/*
 * Make room in a full tail: sort it, which drops repetitions, and enlarge the
 * sketch unless that freed a quarter. Returns the sketch, or a larger copy.
 */
static ReachSketch *
reach_make_room(ReachSketch *reach, Sketch *sketch)
{
	Size		bytes = REACH_BYTES(REACH_FRONT);
	uint32		capacity;

	reach_compact(reach, sketch);
	if (sketch->n < sketch->capacity && sketch->n <= sketch->capacity / 4 * 3)
		return reach;

	while (bytes < REACH_BYTES(REACH_FRONT + sketch->n + sketch->n / 4 + 1))
		bytes *= 2;
	capacity = (uint32) ((bytes - REACH_BYTES(REACH_FRONT)) / sizeof(uint64));
	capacity = Min(capacity, sketch_max_capacity(sketch->k));

	/* At its largest, a quarter of k is free after compacting */
	if (capacity <= sketch->capacity)
		return reach;
	return reach_enlarge(reach, sketch, capacity);
}

/*
 * Move the front to the tail. Returns the sketch, or a larger copy.
 */
static ReachSketch *
reach_flush(ReachSketch *reach, Sketch *sketch)
{
	uint64		front[REACH_FRONT];
	uint32		n_front = reach_n_front(reach);

	memcpy(front, reach->hashes, n_front * sizeof(uint64));
	reach->flags &= (1 << REACH_FRONT_SHIFT) - 1;
	for (uint32 i = 0; i < n_front; i++)
	{
		while (!sketch_add(sketch, front[i]))
			reach = reach_make_room(reach, sketch);
	}
	reach_store(reach, sketch);
	return reach;
}

/*
 * Move front and tail to the run. Returns the sketch, or a larger copy.
 */
static ReachSketch *
reach_settle(ReachSketch *reach, Sketch *sketch)
{
	reach = reach_flush(reach, sketch);
	reach_compact(reach, sketch);
	return reach;
}

/*
 * Copy a settled sketch to a compact one, or return it if it is one
 */
static ReachSketch *
reach_trim(ReachSketch *reach, const Sketch *sketch)
{
	ReachSketch *trimmed;

	if (!(reach->flags & REACH_WORKING) && sketch->n == sketch->capacity)
		return reach;

	trimmed = reach_allocate(reach_id_type(reach), sketch->k, sketch->n, false);
	memcpy(trimmed->hashes, sketch->hashes, sketch->n * sizeof(uint64));
	reach_store(trimmed, sketch);
	return trimmed;
}

/*
 * Add a hash to the front. False if there is no room.
 */
static inline bool
reach_add_front(ReachSketch *reach, uint64 hash)
{
	uint32		n_front = reach_n_front(reach);

	for (uint32 i = 0; i < n_front; i++)
	{
		if (reach->hashes[i] == hash)
			return true;
	}
	if (n_front >= reach_front_capacity(reach))
		return false;
	reach->hashes[n_front] = hash;
	reach->flags += 1 << REACH_FRONT_SHIFT;
	return true;
}

/*
 * Empty the front, or give it its full size. Returns the sketch, or a larger
 * copy, which is a working one.
 */
static ReachSketch *
reach_make_front(ReachSketch *reach, Sketch *sketch)
{
	if (reach_front_capacity(reach) < REACH_FRONT)
		return reach_enlarge(reach, sketch, sketch->n);
	return reach_flush(reach, sketch);
}

/*
 * Get argument argno for reading, with all its hashes in the run. The argument
 * itself is left as it is.
 */
ReachSketch *
reach_getarg(FunctionCallInfo fcinfo, int argno, Sketch *sketch)
{
	ReachSketch *reach = (ReachSketch *) PG_DETOAST_DATUM(PG_GETARG_DATUM(argno));

	reach_open_checked(reach, sketch);
	if (sketch->n_sorted < sketch->n || reach_n_front(reach) > 0)
	{
		reach = (ReachSketch *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(argno));
		reach_open(reach, sketch);
		reach = reach_settle(reach, sketch);
	}
	return reach;
}

/*
 * Refuse to mix ids of different types
 */
static inline void
reach_check_id_type(const ReachSketch *reach, ReachIdType id_type)
{
	if (unlikely(reach_id_type(reach) != id_type))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot combine a reach sketch of \"%s\" ids with \"%s\" ids",
						reach_id_types[reach_id_type(reach)], reach_id_types[id_type]),
				 errhint("One person has different ids there. Cast all ids to one type before counting.")));
}

/*
 * Get the optional argument k
 */
static inline uint32
reach_getarg_k(FunctionCallInfo fcinfo)
{
	int32		k;

	if (PG_NARGS() < 3)
		return SKETCH_DEFAULT_K;

	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("k must not be null"),
				 errhint("Leave k out for the default of %d.", SKETCH_DEFAULT_K)));
	k = PG_GETARG_INT32(2);
	if (k < SKETCH_MIN_K || k > SKETCH_MAX_K)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k must be between %d and %d, not %d",
						SKETCH_MIN_K, SKETCH_MAX_K, k),
				 errhint("The standard error is 1/sqrt(k - 2); the default of %d gives 3.1 %%.",
						 SKETCH_DEFAULT_K)));
	return (uint32) k;
}

/*
 * Add one hashed id to the state in argument 0. A lower k than the state's
 * lowers it, so that the order of rows does not matter.
 */
static inline Datum
reach_add(FunctionCallInfo fcinfo, ReachIdType id_type, uint64 hash)
{
	bool		in_aggregate = AggCheckCallContext(fcinfo, NULL) != 0;
	uint32		k = reach_getarg_k(fcinfo);
	ReachSketch *reach;
	Sketch		sketch;

	if (PG_ARGISNULL(0))
	{
		reach = reach_allocate(id_type, k, REACH_MIN_FRONT, true);
		reach_open(reach, &sketch);
	}
	else
	{
		reach = reach_getarg_writable(fcinfo, in_aggregate, &sketch);
		reach_check_id_type(reach, id_type);
		if (unlikely(k < sketch.k))
			reach_reduce_k(reach, &sketch, k);
	}

	while (unlikely(!reach_add_front(reach, hash)))
		reach = reach_make_front(reach, &sketch);
	Assert(reach_is_stored(reach, &sketch));

	if (unlikely(!in_aggregate))
		reach = reach_trim(reach_settle(reach, &sketch), &sketch);
	PG_RETURN_POINTER(reach);
}

/*
 * Leave the state in argument 0 as it is: the id is null
 */
static Datum
reach_skip(FunctionCallInfo fcinfo)
{
	(void) reach_getarg_k(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/*
 * Transition function for bigint ids
 */
PG_FUNCTION_INFO_V1(influence_reach_add_bigint);
Datum
influence_reach_add_bigint(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1))
		return reach_skip(fcinfo);
	return reach_add(fcinfo, REACH_BIGINT, sketch_hash_int64(PG_GETARG_INT64(1)));
}

/*
 * Transition function for uuid ids
 */
PG_FUNCTION_INFO_V1(influence_reach_add_uuid);
Datum
influence_reach_add_uuid(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1))
		return reach_skip(fcinfo);
	return reach_add(fcinfo, REACH_UUID, sketch_hash_uuid(PG_GETARG_UUID_P(1)->data));
}

/*
 * Transition function for text ids: equal bytes are the same person
 */
PG_FUNCTION_INFO_V1(influence_reach_add_text);
Datum
influence_reach_add_text(PG_FUNCTION_ARGS)
{
	text	   *id;

	if (PG_ARGISNULL(1))
		return reach_skip(fcinfo);
	id = PG_GETARG_TEXT_PP(1);
	return reach_add(fcinfo, REACH_TEXT,
					 sketch_hash_bytes((const unsigned char *) VARDATA_ANY(id),
									   VARSIZE_ANY_EXHDR(id)));
}

/*
 * Merge two sketches, nulls being empty. The result has the smaller k.
 *
 * Not strict, since the executor would then take the first sketch of a rollup
 * for the state without our having seen it.
 */
PG_FUNCTION_INFO_V1(influence_reach_combine);
Datum
influence_reach_combine(PG_FUNCTION_ARGS)
{
	bool		in_aggregate = AggCheckCallContext(fcinfo, NULL) != 0;
	ReachSketch *other;
	ReachSketch *reach;
	Sketch		sketch;
	Sketch		from;
	uint32		position = 0;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	other = (ReachSketch *) PG_DETOAST_DATUM(PG_GETARG_DATUM(1));
	reach_open_checked(other, &from);
	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(other);

	reach = reach_getarg_writable(fcinfo, in_aggregate, &sketch);
	reach_check_id_type(reach, reach_id_type(other));

	if (from.k < sketch.k)
		reach_reduce_k(reach, &sketch, from.k);
	while (!sketch_merge(&sketch, &from, &position))
		reach = reach_make_room(reach, &sketch);
	for (uint32 i = 0; i < reach_n_front(other); i++)
	{
		while (!sketch_add(&sketch, other->hashes[i]))
			reach = reach_make_room(reach, &sketch);
	}

	if (from.sampled && !sketch.sampled)
	{
		uint64_t   *scratch = reach_scratch(&sketch);

		if (!sketch_set_sampled(&sketch, scratch))
			elog(ERROR, "union of reach sketches has fewer hashes than one of them");
		if (scratch)
			pfree(scratch);
	}
	reach_store(reach, &sketch);
	Assert(reach_is_stored(reach, &sketch));

	if (!in_aggregate)
		reach = reach_trim(reach_settle(reach, &sketch), &sketch);
	PG_RETURN_POINTER(reach);
}

/*
 * Final function: the compact form of a state, which is left as it is
 */
PG_FUNCTION_INFO_V1(influence_reach_final);
Datum
influence_reach_final(PG_FUNCTION_ARGS)
{
	Sketch		sketch;
	ReachSketch *reach = reach_getarg(fcinfo, 0, &sketch);

	PG_RETURN_POINTER(reach_trim(reach, &sketch));
}

/*
 * Round an estimate to a number of people
 *
 * Only made-up hashes reach 2^63, for which the largest bigint stands: who picks
 * ids that hash so must not make everybody else's report fail.
 */
static int64
reach_people(double count)
{
	return count < 9223372036854775808.0 ? (int64) rint(count) : PG_INT64_MAX;
}

/*
 * Number of distinct people
 */
PG_FUNCTION_INFO_V1(influence_reach_count);
Datum
influence_reach_count(PG_FUNCTION_ARGS)
{
	Sketch		sketch;

	(void) reach_getarg(fcinfo, 0, &sketch);
	PG_RETURN_INT64(reach_people(sketch_count(&sketch)));
}

/*
 * Final function of influence_reach(): the number of people, 0 without any
 */
PG_FUNCTION_INFO_V1(influence_reach_final_count);
Datum
influence_reach_final_count(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_INT64(0);
	return influence_reach_count(fcinfo);
}

/*
 * Relative standard error of the number, 0 while exact
 */
PG_FUNCTION_INFO_V1(influence_reach_error);
Datum
influence_reach_error(PG_FUNCTION_ARGS)
{
	Sketch		sketch;

	(void) reach_getarg(fcinfo, 0, &sketch);
	PG_RETURN_FLOAT8(sketch_error(&sketch));
}

/*
 * Get arguments 0 and 1 as compact sketches of one id type
 */
static void
reach_getarg_pair(FunctionCallInfo fcinfo, Sketch *a, Sketch *b)
{
	ReachSketch *reach_a = reach_getarg(fcinfo, 0, a);
	ReachSketch *reach_b = reach_getarg(fcinfo, 1, b);

	reach_check_id_type(reach_a, reach_id_type(reach_b));
}

/*
 * Number of people that two sketches have in common
 */
PG_FUNCTION_INFO_V1(influence_reach_intersection);
Datum
influence_reach_intersection(PG_FUNCTION_ARGS)
{
	Sketch		a;
	Sketch		b;

	reach_getarg_pair(fcinfo, &a, &b);
	PG_RETURN_INT64(reach_people(sketch_intersection(&a, &b)));
}

/*
 * Jaccard overlap of two sketches, 0 to 1, null if both are empty
 */
PG_FUNCTION_INFO_V1(influence_reach_overlap);
Datum
influence_reach_overlap(PG_FUNCTION_ARGS)
{
	Sketch		a;
	Sketch		b;
	double		overlap;

	reach_getarg_pair(fcinfo, &a, &b);
	overlap = sketch_overlap(&a, &b);
	if (isnan(overlap))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(overlap);
}
