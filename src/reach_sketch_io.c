/*
 * Text and binary form of influence_reach_sketch. Both show the compact form
 * and are exact, so that a sketch survives dump and restore and may travel from
 * shard to shard.
 *
 *   text    1:bigint:1024:exact:2:<hash><hash>
 *           version, id type, k, exact or sampled, number of hashes, and the
 *           hashes in 16 hexadecimal digits each, ascending
 *   binary  the same in network byte order: version, id type and whether
 *           sampled (one byte each), k and the number of hashes (four bytes
 *           each), the hashes (eight bytes each)
 */
#include "compat.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"

#include "math/sketch.h"
#include "reach_sketch.h"

/* Bytes that the binary form has in front of the hashes */
#define REACH_BINARY_HEADER 11

#define HEX_DIGITS_PER_HASH 16

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
	if (reach_hashes_valid(reach))
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
