/*
 * Distinct people who reacted: the type influence_reach_sketch, its aggregates
 * and accessors. The method and its sources are in math/sketch.h.
 *
 * Wording:
 *   compact  the hashes, sorted and unique. What is stored, printed and sent.
 *   working  what an aggregate adds to. One of a partial aggregate may turn up
 *            anywhere, so every function reads both forms.
 *   front    in a working sketch, up to six hashes right behind the header.
 *            With thousands of groups every memory access is a cache miss, and
 *            a row that only touches the front costs one instead of two.
 *   run      sorted and unique hashes, the whole of a compact sketch
 *   tail     hashes in order of arrival, behind the run and before spare room
 *
 *     compact   header | run
 *     working   header | front | run | tail | spare room
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
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "math/sketch.h"

#define REACH_VERSION 1

/* Flags: the id type in two bits, these, and the hashes in the front */
#define REACH_ID_TYPE_MASK 0x03
#define REACH_SAMPLED 0x04
#define REACH_WORKING 0x08
#define REACH_FRONT_SHIFT 4

/* Room of the front, and of that in the smallest working sketch */
#define REACH_FRONT 6
#define REACH_MIN_FRONT 2

/* Bytes that the binary form has in front of the hashes */
#define REACH_BINARY_HEADER 11

#define HEX_DIGITS_PER_HASH 16

/* Stored; ids of different types hash differently and are never mixed */
typedef enum ReachIdType
{
	REACH_BIGINT = 1,
	REACH_UUID = 2,
	REACH_TEXT = 3
} ReachIdType;

static const char *const reach_id_types[] = {NULL, "bigint", "uuid", "text"};

typedef struct ReachSketch
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	uint8		version;
	uint8		flags;			/* see above */
	uint16		k_minus_1;
	uint32		n;				/* hashes in run and tail */
	uint32		n_sorted;		/* hashes in the run */
	uint64		hashes[FLEXIBLE_ARRAY_MEMBER];	/* front, run, tail, spare room */
} ReachSketch;

#define REACH_BYTES(capacity) \
	(offsetof(ReachSketch, hashes) + sizeof(uint64) * (Size) (capacity))

/*
 * Type of the ids that were counted
 */
static inline ReachIdType
reach_id_type(const ReachSketch *reach)
{
	return (ReachIdType) (reach->flags & REACH_ID_TYPE_MASK);
}

/*
 * Number of hashes in the front
 */
static inline uint32
reach_n_front(const ReachSketch *reach)
{
	return reach->flags >> REACH_FRONT_SHIFT;
}

/*
 * Room of the front
 */
static inline uint32
reach_front_capacity(const ReachSketch *reach)
{
	Size		slots = (VARSIZE(reach) - REACH_BYTES(0)) / sizeof(uint64);

	return (reach->flags & REACH_WORKING) ? (uint32) Min(slots, REACH_FRONT) : 0;
}

/*
 * Allocate an empty sketch with room for capacity hashes, front included
 */
static ReachSketch *
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
static ReachSketch *
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
 */
static int64
reach_people(double count)
{
	/* Only made-up hashes reach 2^63 */
	if (!(count < 9223372036854775808.0))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number of people %g is out of range", count)));
	return (int64) rint(count);
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

/*
 * Make a sketch from what a text or binary form says in front of its hashes
 *
 * Returns NULL and the reason if that cannot be. The hashes are to be filled in
 * and checked by reach_check_hashes().
 */
static ReachSketch *
reach_from_header(uint32 id_type, uint32 k, bool sampled, uint32 n, const char **reason)
{
	ReachSketch *reach;

	if (id_type < REACH_BIGINT || id_type > REACH_TEXT)
		*reason = "The id type is unknown.";
	else if (k < SKETCH_MIN_K || k > SKETCH_MAX_K)
		*reason = "k is out of range.";
	else if (n > k)
		*reason = "There are more than k hashes.";
	else if (sampled && n < k)
		*reason = "A sampled sketch must have k hashes.";
	else
	{
		reach = reach_allocate((ReachIdType) id_type, k, n, false);
		reach->flags |= sampled ? REACH_SAMPLED : 0;
		reach->n = n;
		reach->n_sorted = n;
		return reach;
	}
	return NULL;
}

/*
 * Check the hashes of a sketch that was read. False with the reason if bad.
 */
static bool
reach_check_hashes(ReachSketch *reach, const char **reason)
{
	Sketch		sketch;

	reach_open(reach, &sketch);
	if (sketch_valid(&sketch))
		return true;
	*reason = "The hashes must ascend, without repetition.";
	return false;
}

/*
 * Move over an expected word. False if something else is there.
 */
static bool
take_word(const char **cursor, const char *word)
{
	size_t		length = strlen(word);

	if (strncmp(*cursor, word, length) != 0)
		return false;
	*cursor += length;
	return true;
}

/*
 * Move over a decimal number of at most 5 digits, without needless zeros, and
 * the colon behind it
 */
static bool
take_number(const char **cursor, uint32 *number)
{
	const char *start = *cursor;

	*number = 0;
	while (**cursor >= '0' && **cursor <= '9' && *cursor - start < 5)
		*number = *number * 10 + (uint32) (*(*cursor)++ - '0');
	if (*cursor == start || (*start == '0' && *cursor - start > 1))
		return false;
	return take_word(cursor, ":");
}

/*
 * Move over a hash: 16 digits, lower case
 */
static bool
take_hash(const char **cursor, uint64 *hash)
{
	*hash = 0;
	for (int i = 0; i < HEX_DIGITS_PER_HASH; i++, (*cursor)++)
	{
		char		digit = **cursor;

		if (digit >= '0' && digit <= '9')
			*hash = *hash << 4 | (uint64) (digit - '0');
		else if (digit >= 'a' && digit <= 'f')
			*hash = *hash << 4 | (uint64) (digit - 'a' + 10);
		else
			return false;
	}
	return true;
}

/*
 * Move over the name of an id type and the colon behind it
 */
static bool
take_id_type(const char **cursor, uint32 *id_type)
{
	for (*id_type = REACH_BIGINT; *id_type <= REACH_TEXT; (*id_type)++)
	{
		if (take_word(cursor, reach_id_types[*id_type]))
			return take_word(cursor, ":");
	}
	return false;
}

/*
 * Parse the text form. Returns NULL and the reason if it is not one.
 */
static ReachSketch *
reach_parse(const char *cursor, const char **reason)
{
	uint32		version;
	uint32		id_type;
	uint32		k;
	uint32		n;
	bool		sampled;
	ReachSketch *reach;

	*reason = "The format is 1:id type:k:exact or sampled:number of hashes:hashes in hexadecimal.";
	if (!take_number(&cursor, &version))
		return NULL;
	if (version != REACH_VERSION)
	{
		*reason = "The version is unknown.";
		return NULL;
	}
	if (!take_id_type(&cursor, &id_type) || !take_number(&cursor, &k))
		return NULL;
	sampled = take_word(&cursor, "sampled:");
	if (!sampled && !take_word(&cursor, "exact:"))
		return NULL;
	if (!take_number(&cursor, &n))
		return NULL;
	/* Before memory is allocated for them */
	if (strlen(cursor) != (size_t) n * HEX_DIGITS_PER_HASH)
	{
		*reason = "The hashes do not have the length that their number says.";
		return NULL;
	}

	reach = reach_from_header(id_type, k, sampled, n, reason);
	if (reach == NULL)
		return NULL;
	for (uint32 i = 0; i < n; i++)
	{
		if (!take_hash(&cursor, &reach->hashes[i]))
		{
			*reason = "A hash has 16 digits of 0-9 and a-f.";
			return NULL;
		}
	}
	return reach_check_hashes(reach, reason) ? reach : NULL;
}

/*
 * Convert text to a sketch
 */
PG_FUNCTION_INFO_V1(influence_reach_sketch_in);
Datum
influence_reach_sketch_in(PG_FUNCTION_ARGS)
{
	char	   *string = PG_GETARG_CSTRING(0);
	const char *reason = NULL;
	ReachSketch *reach = reach_parse(string, &reason);

	if (reach == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type influence_reach_sketch: \"%s\"",
						pnstrdup(string, pg_mbcliplen(string, strlen(string), 64))),
				 errdetail("%s", reason)));
	PG_RETURN_POINTER(reach);
}

/*
 * Convert a sketch to text
 */
PG_FUNCTION_INFO_V1(influence_reach_sketch_out);
Datum
influence_reach_sketch_out(PG_FUNCTION_ARGS)
{
	static const char hex_digits[] = "0123456789abcdef";
	Sketch		sketch;
	ReachSketch *reach = reach_getarg(fcinfo, 0, &sketch);
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%d:%s:%u:%s:%u:", REACH_VERSION,
					 reach_id_types[reach_id_type(reach)], sketch.k,
					 sketch.sampled ? "sampled" : "exact", sketch.n);
	enlargeStringInfo(&text, (int) sketch.n * HEX_DIGITS_PER_HASH);
	for (uint32 i = 0; i < sketch.n; i++)
	{
		for (int shift = 60; shift >= 0; shift -= 4)
			text.data[text.len++] = hex_digits[sketch.hashes[i] >> shift & 0xf];
	}
	text.data[text.len] = '\0';
	PG_RETURN_CSTRING(text.data);
}

/*
 * Read the binary form. Returns NULL and the reason if it is not one.
 */
static ReachSketch *
reach_read(StringInfo message, const char **reason)
{
	uint8		version;
	uint8		id_type;
	uint8		sampled;
	uint32		k;
	uint32		n;
	ReachSketch *reach;

	*reason = "It is too short.";
	if (message->len - message->cursor < REACH_BINARY_HEADER)
		return NULL;
	version = (uint8) pq_getmsgbyte(message);
	id_type = (uint8) pq_getmsgbyte(message);
	sampled = (uint8) pq_getmsgbyte(message);
	k = pq_getmsgint(message, 4);
	n = pq_getmsgint(message, 4);
	if (version != REACH_VERSION)
		*reason = "The version is unknown.";
	else if (sampled > 1)
		*reason = "The flag that says whether it is sampled must be 0 or 1.";
	else if ((uint64) (message->len - message->cursor) != (uint64) n * sizeof(uint64))
		*reason = "The hashes do not have the length that their number says.";
	else
	{
		reach = reach_from_header(id_type, k, sampled == 1, n, reason);
		if (reach == NULL)
			return NULL;
		for (uint32 i = 0; i < n; i++)
			reach->hashes[i] = (uint64) pq_getmsgint64(message);
		return reach_check_hashes(reach, reason) ? reach : NULL;
	}
	return NULL;
}

/*
 * Convert the binary form to a sketch
 */
PG_FUNCTION_INFO_V1(influence_reach_sketch_recv);
Datum
influence_reach_sketch_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	const char *reason = NULL;
	ReachSketch *reach = reach_read(message, &reason);

	if (reach == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary form of influence_reach_sketch with %d bytes", message->len),
				 errdetail("%s", reason)));
	PG_RETURN_POINTER(reach);
}

/*
 * Convert a sketch to its binary form
 *
 * In network byte order: version, id type and whether sampled (one byte each),
 * k and the number of hashes (four bytes each), the hashes ascending (eight
 * bytes each).
 */
PG_FUNCTION_INFO_V1(influence_reach_sketch_send);
Datum
influence_reach_sketch_send(PG_FUNCTION_ARGS)
{
	Sketch		sketch;
	ReachSketch *reach = reach_getarg(fcinfo, 0, &sketch);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint8(&message, REACH_VERSION);
	pq_sendint8(&message, (uint8) reach_id_type(reach));
	pq_sendint8(&message, sketch.sampled ? 1 : 0);
	pq_sendint32(&message, sketch.k);
	pq_sendint32(&message, sketch.n);
	for (uint32 i = 0; i < sketch.n; i++)
		pq_sendint64(&message, sketch.hashes[i]);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
