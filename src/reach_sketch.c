/*
 * Distinct people who reacted: the type influence_reach_sketch, its aggregates
 * and accessors. The method and its sources are in math/sketch.h.
 *
 * Wording:
 *   compact  all hashes sorted and unique, no spare room. What is stored,
 *            printed and sent.
 *   working  a sorted run, then hashes in order of arrival, then spare room.
 *            What an aggregate appends to. One of a partial aggregate may turn
 *            up anywhere, so every function reads both; they share one layout,
 *            and compact is a working sketch without tail and spare room.
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
#define REACH_SAMPLED 0x80
#define REACH_MIN_BYTES 32

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
	uint8		flags;			/* ReachIdType, and REACH_SAMPLED */
	uint16		k_minus_1;
	uint32		n;				/* hashes held */
	uint32		n_sorted;		/* of them, in the sorted run */
	uint64		hashes[FLEXIBLE_ARRAY_MEMBER];
} ReachSketch;

#define REACH_BYTES(capacity) \
	(offsetof(ReachSketch, hashes) + sizeof(uint64) * (Size) (capacity))

/*
 * Type of the ids that were counted
 */
static ReachIdType
reach_id_type(const ReachSketch *reach)
{
	return (ReachIdType) (reach->flags & ~REACH_SAMPLED);
}

/*
 * Allocate an empty sketch with room for capacity hashes
 */
static ReachSketch *
reach_allocate(ReachIdType id_type, uint32 k, uint32 capacity)
{
	ReachSketch *reach = palloc(REACH_BYTES(capacity));

	SET_VARSIZE(reach, REACH_BYTES(capacity));
	reach->version = REACH_VERSION;
	reach->flags = (uint8) id_type;
	reach->k_minus_1 = (uint16) (k - 1);
	reach->n = 0;
	reach->n_sorted = 0;
	return reach;
}

/*
 * Show a sketch to the math layer
 *
 * Checks the sizes, so that nothing is read or written outside of it.
 */
static inline void
reach_open(ReachSketch *reach, Sketch *sketch)
{
	Size		bytes = VARSIZE(reach);

	if (unlikely(bytes < REACH_BYTES(0)) || unlikely(reach->version != REACH_VERSION))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("influence_reach_sketch of %zu bytes has an unknown format", bytes),
				 errhint("It was damaged, or written by a later version of the extension.")));

	sketch->hashes = reach->hashes;
	sketch->capacity = (uint32) ((bytes - REACH_BYTES(0)) / sizeof(uint64));
	sketch->n = reach->n;
	sketch->n_sorted = reach->n_sorted;
	sketch->k = reach->k_minus_1 + 1;
	sketch->sampled = (reach->flags & REACH_SAMPLED) != 0;

	if (unlikely(!sketch_shape_valid(sketch)) ||
		unlikely(reach_id_type(reach) < REACH_BIGINT) ||
		unlikely(reach_id_type(reach) > REACH_TEXT) ||
		unlikely(bytes != REACH_BYTES(sketch->capacity)))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("influence_reach_sketch of %zu bytes is damaged", bytes),
				 errdetail("It claims %u hashes, %u of them sorted, k %u, flags %u.",
						   sketch->n, sketch->n_sorted, sketch->k, reach->flags)));
}

/*
 * Write back what the math layer changed
 */
static inline void
reach_store(ReachSketch *reach, const Sketch *sketch)
{
	reach->flags = (uint8) (reach_id_type(reach) | (sketch->sampled ? REACH_SAMPLED : 0));
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
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("influence_reach_sketch of %zu bytes is damaged", (Size) VARSIZE(reach)),
				 errdetail("Its hashes do not ascend.")));
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
 * Get argument argno as a compact sketch for reading
 */
static ReachSketch *
reach_getarg(FunctionCallInfo fcinfo, int argno, Sketch *sketch)
{
	ReachSketch *reach = (ReachSketch *) PG_DETOAST_DATUM(PG_GETARG_DATUM(argno));

	reach_open_checked(reach, sketch);
	if (sketch->n_sorted < sketch->n)
	{
		reach = (ReachSketch *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(argno));
		reach_open(reach, sketch);
		reach_compact(reach, sketch);
	}
	return reach;
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
 * Copy an open sketch without tail and spare room, or return it if it has none
 */
static ReachSketch *
reach_trim(ReachSketch *reach, Sketch *sketch)
{
	ReachSketch *trimmed;

	reach_compact(reach, sketch);
	if (sketch->n == sketch->capacity)
		return reach;

	trimmed = palloc(REACH_BYTES(sketch->n));
	memcpy(trimmed, reach, REACH_BYTES(sketch->n));
	SET_VARSIZE(trimmed, REACH_BYTES(sketch->n));
	return trimmed;
}

/*
 * Make room in a full sketch: drop repetitions, and enlarge it unless that
 * freed a quarter. Returns the sketch, or a larger copy.
 */
static ReachSketch *
reach_make_room(ReachSketch *reach, Sketch *sketch)
{
	Size		bytes = REACH_MIN_BYTES;
	uint32		capacity;
	ReachSketch *larger;

	reach_compact(reach, sketch);
	if (sketch->n <= sketch->capacity / 4 * 3)
		return reach;

	while (REACH_BYTES(sketch->n + sketch->n / 4 + 1) > bytes)
		bytes *= 2;
	capacity = (uint32) ((bytes - REACH_BYTES(0)) / sizeof(uint64));
	capacity = Min(capacity, sketch_max_capacity(sketch->k));

	/* At its largest, a quarter of k is free after compacting */
	if (capacity <= sketch->capacity)
		return reach;

	larger = palloc(REACH_BYTES(capacity));
	memcpy(larger, reach, REACH_BYTES(sketch->n));
	SET_VARSIZE(larger, REACH_BYTES(capacity));
	reach_open(larger, sketch);
	return larger;
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
		reach = reach_allocate(id_type, k,
							   (REACH_MIN_BYTES - REACH_BYTES(0)) / sizeof(uint64));
		reach_open(reach, &sketch);
	}
	else
	{
		reach = reach_getarg_writable(fcinfo, in_aggregate, &sketch);
		reach_check_id_type(reach, id_type);
		if (unlikely(k < sketch.k))
			reach_reduce_k(reach, &sketch, k);
	}

	while (unlikely(!sketch_add(&sketch, hash)))
		reach = reach_make_room(reach, &sketch);
	reach->n = sketch.n;

	if (unlikely(!in_aggregate))
		reach = reach_trim(reach, &sketch);
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
 * Merge two sketches. The result has the smaller k.
 */
PG_FUNCTION_INFO_V1(influence_reach_combine);
Datum
influence_reach_combine(PG_FUNCTION_ARGS)
{
	bool		in_aggregate = AggCheckCallContext(fcinfo, NULL) != 0;
	ReachSketch *other = (ReachSketch *) PG_DETOAST_DATUM(PG_GETARG_DATUM(1));
	ReachSketch *reach;
	Sketch		sketch;
	Sketch		from;
	uint32		position = 0;

	reach_open_checked(other, &from);
	reach = reach_getarg_writable(fcinfo, in_aggregate, &sketch);
	reach_check_id_type(reach, reach_id_type(other));

	if (from.k < sketch.k)
		reach_reduce_k(reach, &sketch, from.k);
	while (!sketch_merge(&sketch, &from, &position))
		reach = reach_make_room(reach, &sketch);

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
		reach = reach_trim(reach, &sketch);
	PG_RETURN_POINTER(reach);
}

/*
 * Final function: the state without its spare room
 *
 * Sorting the state in place does not change what it says, and spares a second
 * final function, or the next row of a window, the same work.
 */
PG_FUNCTION_INFO_V1(influence_reach_final);
Datum
influence_reach_final(PG_FUNCTION_ARGS)
{
	bool		in_aggregate = AggCheckCallContext(fcinfo, NULL) != 0;
	ReachSketch *reach;
	Sketch		sketch;

	reach = reach_getarg_writable(fcinfo, in_aggregate, &sketch);
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
 * Final function of influence_reach(): the number of people, 0 without any
 */
PG_FUNCTION_INFO_V1(influence_reach_final_count);
Datum
influence_reach_final_count(PG_FUNCTION_ARGS)
{
	bool		in_aggregate = AggCheckCallContext(fcinfo, NULL) != 0;
	ReachSketch *reach;
	Sketch		sketch;

	if (PG_ARGISNULL(0))
		PG_RETURN_INT64(0);

	reach = reach_getarg_writable(fcinfo, in_aggregate, &sketch);
	reach_compact(reach, &sketch);
	PG_RETURN_INT64(reach_people(sketch_count(&sketch)));
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
		reach = reach_allocate((ReachIdType) id_type, k, n);
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
