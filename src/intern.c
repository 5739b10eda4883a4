/*
 * Ids of any supported type as dense numbers 0, 1, 2, ...
 *
 * Users come as bigint, uuid or text; graphs want array positions. A table
 * gives each id a number in order of first appearance and gives the id back
 * from the number. There is one hash table per type (simplehash, open
 * addressing) from id to number, and one array from number to id.
 *
 * Memory: everything lives in one context, "influence ids", below the parent
 * that the caller names; intern_destroy or the end of the parent frees it.
 * A bigint costs 8 bytes in the array and 16 in the hash table, which is
 * between half and nine tenths full.
 *
 * Ids come from tables that strangers write to, so hashes are seeded at
 * random: nobody can choose ids that collide.
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "intern.h"
#include "math/prefetch.h"
#include "memory.h"
#include "same_text.h"

/* Hash tables start at this many ids */
#define FIRST_IDS 256

/* Texts are packed into blocks of this size; longer ones get their own */
#define TEXT_BLOCK_SIZE (64 * 1024)

/* Ids between two checks for interrupts */
#define INTERRUPT_INTERVAL 65536

typedef struct BigintEntry
{
	int64		key;
	uint32		index;
	char		status;
} BigintEntry;

typedef struct UuidEntry
{
	pg_uuid_t	key;
	uint32		index;
	char		status;
} UuidEntry;

typedef struct TextEntry
{
	const text *key;			/* in the table's own blocks, never toasted */
	uint32		hash;
	uint32		index;
	char		status;
} TextEntry;

/*
 * Hash of 64 bits: the finaliser of MurmurHash3, seeded
 */
static inline uint32
hash_bits(uint64 bits, uint64 seed)
{
	bits ^= seed;
	bits ^= bits >> 33;
	bits *= UINT64CONST(0xff51afd7ed558ccd);
	bits ^= bits >> 33;
	bits *= UINT64CONST(0xc4ceb9fe1a85ec53);
	bits ^= bits >> 33;

	return (uint32) bits;
}

static inline uint32
hash_uuid(const pg_uuid_t *uuid, uint64 seed)
{
	return (uint32) hash_bytes_extended(uuid->data, UUID_LEN, seed);
}

static inline uint32
hash_text(const text *value, uint64 seed)
{
	return (uint32) hash_bytes_extended((const unsigned char *) VARDATA_ANY(value),
										(int) VARSIZE_ANY_EXHDR(value), seed);
}

/* The seed of a hash table is what its private_data points to */
#define SEED(tb) (*(const uint64 *) (tb)->private_data)

/* How a hash table gets its memory: it may be large, and is looked at in no order */
#define HASH_MEMORY(prefix) \
	static inline void *prefix##_allocate(prefix##_hash *tb, Size size) \
	{ return huge_array_zero(tb->ctx, size, 1); } \
	static inline void prefix##_free(prefix##_hash *tb, void *memory) \
	{ (void) tb; pfree(memory); }

#define SH_PREFIX bigint_id
#define SH_USE_NONDEFAULT_ALLOCATOR
#define SH_ELEMENT_TYPE BigintEntry
#define SH_KEY_TYPE int64
#define SH_KEY key
#define SH_HASH_KEY(tb, key) hash_bits((uint64) (key), SEED(tb))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"
HASH_MEMORY(bigint_id)

#define SH_PREFIX uuid_id
#define SH_USE_NONDEFAULT_ALLOCATOR
#define SH_ELEMENT_TYPE UuidEntry
#define SH_KEY_TYPE pg_uuid_t
#define SH_KEY key
#define SH_HASH_KEY(tb, key) hash_uuid(&(key), SEED(tb))
#define SH_EQUAL(tb, a, b) (memcmp((a).data, (b).data, UUID_LEN) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"
HASH_MEMORY(uuid_id)

#define SH_PREFIX text_id
#define SH_USE_NONDEFAULT_ALLOCATOR
#define SH_ELEMENT_TYPE TextEntry
#define SH_KEY_TYPE const text *
#define SH_KEY key
#define SH_HASH_KEY(tb, key) hash_text(key, SEED(tb))
#define SH_EQUAL(tb, a, b) same_text(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"
HASH_MEMORY(text_id)

struct InternTable
{
	MemoryContext context;
	Oid			id_type;		/* INT8OID, UUIDOID or TEXTOID */
	uint64		seed;
	uint32		count;
	uint32		capacity;		/* of the array below that is in use */
	bool		has_nameless;	/* there are numbers without an id */
	bool		is_hashed;		/* there is a hash table */

	/* INT8OID */
	bigint_id_hash *bigint_hash;
	int64	   *bigints;

	/* UUIDOID */
	uuid_id_hash *uuid_hash;
	pg_uuid_t  *uuids;

	/* TEXTOID */
	text_id_hash *text_hash;
	const text **texts;
	char	   *block;			/* free part of the last block of texts */
	Size		block_free;
};

/*
 * Read an id of a type; anything but bigint and uuid is text. 22P02 when the
 * text is no such id
 */
Datum
id_from_text(Oid id_type, const char *text)
{
	if (id_type == INT8OID)
		return DirectFunctionCall1(int8in, CStringGetDatum(text));
	if (id_type == UUIDOID)
		return DirectFunctionCall1(uuid_in, CStringGetDatum(text));
	return CStringGetTextDatum(text);
}

/*
 * Make an empty hash table for so many ids
 */
static void
create_hash(InternTable *table, uint32 ids)
{
	switch (table->id_type)
	{
		case INT8OID:
			table->bigint_hash = bigint_id_create(table->context, ids, &table->seed);
			break;
		case UUIDOID:
			table->uuid_hash = uuid_id_create(table->context, ids, &table->seed);
			break;
		default:
			table->text_hash = text_id_create(table->context, ids, &table->seed);
	}
	table->is_hashed = true;
}

/*
 * Create an empty table
 *
 * id_type: INT8OID, UUIDOID or TEXTOID, else error 0A000.
 */
InternTable *
intern_create(Oid id_type, MemoryContext parent)
{
	MemoryContext context;
	InternTable *table;

	if (id_type != INT8OID && id_type != UUIDOID && id_type != TEXTOID)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("type %s is not supported for ids", format_type_be(id_type)),
				 errhint("Ids are of type bigint, uuid or text.")));

	context = AllocSetContextCreate(parent, "influence ids", ALLOCSET_DEFAULT_SIZES);
	table = MemoryContextAllocZero(context, sizeof(InternTable));
	table->context = context;
	table->id_type = id_type;
	table->seed = pg_prng_uint64(&pg_global_prng_state);
	create_hash(table, FIRST_IDS);
	if (id_type == INT8OID)
		table->bigints = huge_array(context, 0, sizeof(int64));
	else if (id_type == UUIDOID)
		table->uuids = huge_array(context, 0, sizeof(pg_uuid_t));
	else
		table->texts = huge_array(context, 0, sizeof(text *));
	return table;
}

/*
 * Free a table and all ids in it
 */
void
intern_destroy(InternTable *table)
{
	MemoryContextDelete(table->context);
}

#ifdef USE_ASSERT_CHECKING

/*
 * Do hash table and array agree? Numbers that were only reserved are in the array
 * alone.
 */
static bool
intern_valid(InternTable *table)
{
	uint32		members = table->id_type == INT8OID ? table->bigint_hash->members :
		table->id_type == UUIDOID ? table->uuid_hash->members : table->text_hash->members;
	uint32		found = 0;
	uint32		index;

	for (uint32 i = 0; i < table->count; i++)
	{
		if (!intern_find(table, intern_datum(table, i), &index))
			continue;
		if (index >= table->count || intern_compare(table, index, i) != 0)
			return false;
		found += index == i;
	}
	return found == members;
}

#endif

/*
 * Make room for one more id; 54000 at INTERN_LIMIT
 */
static void
reserve(InternTable *table)
{
	uint32		capacity;

	if (table->count < table->capacity)
		return;

	if (table->count >= INTERN_LIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %u distinct ids", INTERN_LIMIT)));

	Assert(intern_valid(table));
	capacity = (uint32) huge_array_next(table->capacity, INTERN_LIMIT);
	switch (table->id_type)
	{
		case INT8OID:
			table->bigints = huge_array_resize(table->bigints, capacity,
											   sizeof(int64));
			break;
		case UUIDOID:
			table->uuids = huge_array_resize(table->uuids, capacity,
											 sizeof(pg_uuid_t));
			break;
		default:
			table->texts = huge_array_resize(table->texts, capacity,
											 sizeof(text *));
	}
	table->capacity = capacity;
}

/*
 * Copy a text into the table's blocks, with the shortest header there is
 */
static const text *
store_text(InternTable *table, const text *value)
{
	Size		length = VARSIZE_ANY_EXHDR(value);
	bool		is_short = length + VARHDRSZ_SHORT <= VARATT_SHORT_MAX;
	Size		size = is_short ? length + VARHDRSZ_SHORT : INTALIGN(length + VARHDRSZ);
	char	   *copy;

	if (size > TEXT_BLOCK_SIZE / 8)
		copy = MemoryContextAlloc(table->context, size);
	else
	{
		/* A header of four bytes must be aligned; a short one need not. */
		Size		skip = is_short ? 0 : INTALIGN(table->block) - (uintptr_t) table->block;

		if (table->block_free < size + skip)
		{
			table->block = MemoryContextAlloc(table->context, TEXT_BLOCK_SIZE);
			table->block_free = TEXT_BLOCK_SIZE;
			skip = 0;
		}
		copy = table->block + skip;
		table->block += size + skip;
		table->block_free -= size + skip;
	}

	if (is_short)
		SET_VARSIZE_SHORT(copy, length + VARHDRSZ_SHORT);
	else
		SET_VARSIZE(copy, length + VARHDRSZ);
	memcpy(VARDATA_ANY(copy), VARDATA_ANY(value), length);

	return (const text *) copy;
}

/*
 * Number of a bigint, which is given the next number when it is new
 *
 * Nearly all ids have been seen before, and a look-up is simpler than an
 * insertion.
 */
static inline uint32
intern_bigint(InternTable *table, int64 id)
{
	uint32		hash = hash_bits((uint64) id, table->seed);
	BigintEntry *entry = bigint_id_lookup_hash(table->bigint_hash, id, hash);
	bool		found;

	if (likely(entry != NULL))
		return entry->index;

	reserve(table);
	entry = bigint_id_insert_hash(table->bigint_hash, id, hash, &found);
	entry->index = table->count;
	table->bigints[table->count++] = id;

	return entry->index;
}

/*
 * Number of a uuid, which is given the next number when it is new
 */
static uint32
intern_uuid(InternTable *table, const pg_uuid_t *id)
{
	uint32		hash = hash_uuid(id, table->seed);
	UuidEntry  *entry = uuid_id_lookup_hash(table->uuid_hash, *id, hash);
	bool		found;

	if (entry != NULL)
		return entry->index;

	reserve(table);
	entry = uuid_id_insert_hash(table->uuid_hash, *id, hash, &found);
	entry->index = table->count;
	table->uuids[table->count++] = *id;

	return entry->index;
}

/*
 * Number of a text, which is given the next number when it is new
 */
static uint32
intern_text(InternTable *table, Datum id)
{
	text	   *value = DatumGetTextPP(id);
	uint32		hash = hash_text(value, table->seed);
	TextEntry  *entry = text_id_lookup_hash(table->text_hash, value, hash);
	uint32		index;
	bool		found;

	if (entry == NULL)
	{
		const text *copy;

		reserve(table);
		copy = store_text(table, value);
		entry = text_id_insert_hash(table->text_hash, copy, hash, &found);
		entry->index = table->count;
		table->texts[table->count++] = copy;
	}
	index = entry->index;

	if ((Pointer) value != DatumGetPointer(id))
		pfree(value);

	return index;
}

/*
 * Put an id that has a number into the hash table
 */
static void
hash_again(InternTable *table, uint32 index)
{
	bool		found;

	switch (table->id_type)
	{
		case INT8OID:
			bigint_id_insert(table->bigint_hash, table->bigints[index], &found)->index = index;
			break;
		case UUIDOID:
			uuid_id_insert(table->uuid_hash, table->uuids[index], &found)->index = index;
			break;
		default:
			text_id_insert(table->text_hash, table->texts[index], &found)->index = index;
	}
	Assert(!found);
}

/*
 * Make the hash table anew after intern_drop_hash()
 */
static void
restore_hash(InternTable *table)
{
	create_hash(table, Max(table->count, FIRST_IDS));
	for (uint32 i = 0; i < table->count; i++)
	{
		if (i % INTERRUPT_INTERVAL == 0)
			CHECK_FOR_INTERRUPTS();
		hash_again(table, i);
	}
}

/*
 * Free the hash table, which is most of the memory where ids are short
 *
 * Numbers stay. The next look-up of an id makes it anew, so this is for those
 * who expect few of them. Where there are numbers without an id, it stays.
 */
void
intern_drop_hash(InternTable *table)
{
	if (!table->is_hashed || table->has_nameless)
		return;
	if (table->id_type == INT8OID)
		bigint_id_destroy(table->bigint_hash);
	else if (table->id_type == UUIDOID)
		uuid_id_destroy(table->uuid_hash);
	else
		text_id_destroy(table->text_hash);
	table->bigint_hash = NULL;
	table->uuid_hash = NULL;
	table->text_hash = NULL;
	table->is_hashed = false;
}

/*
 * Number of an id, which is given the next number when it is new
 *
 * id: of the table's type, not null; a toasted text is detoasted, in the
 * current context and only for the duration of the call. Texts are equal when
 * their bytes are. 54000 when there are more than INTERN_LIMIT ids.
 */
uint32
intern_id(InternTable *table, Datum id)
{
	if (unlikely(!table->is_hashed))
		restore_hash(table);
	switch (table->id_type)
	{
		case INT8OID:
			return intern_bigint(table, DatumGetInt64(id));
		case UUIDOID:
			return intern_uuid(table, DatumGetUUIDP(id));
		default:
			return intern_text(table, id);
	}
}

/*
 * The next number, for something that has no id; of bigints and uuids
 *
 * intern_datum() gives a zero for it, which must not be taken for an id.
 */
uint32
intern_reserve(InternTable *table)
{
	Assert(table->id_type != TEXTOID);

	if (!table->is_hashed)
		restore_hash(table);
	table->has_nameless = true;
	reserve(table);
	if (table->id_type == INT8OID)
		table->bigints[table->count] = 0;
	else
		memset(&table->uuids[table->count], 0, sizeof(pg_uuid_t));
	return table->count++;
}

/*
 * Find the number of an id; false when the table does not have it
 */
bool
intern_find(InternTable *table, Datum id, uint32 *index)
{
	if (unlikely(!table->is_hashed))
		restore_hash(table);
	if (table->id_type == INT8OID)
	{
		BigintEntry *entry = bigint_id_lookup(table->bigint_hash, DatumGetInt64(id));

		if (entry != NULL)
			*index = entry->index;
		return entry != NULL;
	}
	else if (table->id_type == UUIDOID)
	{
		UuidEntry  *entry = uuid_id_lookup(table->uuid_hash, *DatumGetUUIDP(id));

		if (entry != NULL)
			*index = entry->index;
		return entry != NULL;
	}
	else
	{
		text	   *value = DatumGetTextPP(id);
		TextEntry  *entry = text_id_lookup(table->text_hash, value);

		if (entry != NULL)
			*index = entry->index;
		if ((Pointer) value != DatumGetPointer(id))
			pfree(value);
		return entry != NULL;
	}
}

/*
 * Announce that intern_id will be asked for an id soon
 *
 * Looking up a random id in a large table is one cache miss and little else.
 * Who has a few dozen ids at hand announces them all first, and the misses
 * overlap. Worth it for bigint; uuid and text are hashed too slowly to do it
 * twice.
 */
void
intern_prefetch(const InternTable *table, Datum id)
{
	const bigint_id_hash *hash = table->bigint_hash;

	if (hash != NULL)
		prefetch(&hash->data[hash_bits((uint64) DatumGetInt64(id), table->seed) &
									   hash->sizemask]);
}

/*
 * How many ids there are; their numbers are 0 to this minus one
 */
uint32
intern_count(const InternTable *table)
{
	return table->count;
}

/*
 * The id with a number below intern_count
 *
 * A uuid or text points into the table and lives as long as it does. A text
 * may have a short header, as one read from a heap tuple has.
 */
Datum
intern_datum(const InternTable *table, uint32 index)
{
	Assert(index < table->count);

	switch (table->id_type)
	{
		case INT8OID:
			return Int64GetDatum(table->bigints[index]);
		case UUIDOID:
			return UUIDPGetDatum(&table->uuids[index]);
		default:
			return PointerGetDatum(table->texts[index]);
	}
}

/*
 * Bring an id into the cache that intern_datum() will be asked for
 */
void
intern_prefetch_datum(const InternTable *table, uint32 index)
{
	switch (table->id_type)
	{
		case INT8OID:
			prefetch(&table->bigints[index]);
			break;
		case UUIDOID:
			prefetch(&table->uuids[index]);
			break;
		default:
			prefetch(&table->texts[index]);
	}
}

/*
 * Order of two ids by their numbers, as qsort wants it: bigint by value, uuid
 * and text by their bytes
 */
int
intern_compare(const InternTable *table, uint32 a, uint32 b)
{
	const text *x;
	const text *y;
	int			result;

	Assert(a < table->count && b < table->count);

	switch (table->id_type)
	{
		case INT8OID:
			return (table->bigints[a] > table->bigints[b]) - (table->bigints[a] < table->bigints[b]);
		case UUIDOID:
			return memcmp(table->uuids[a].data, table->uuids[b].data, UUID_LEN);
		default:
			x = table->texts[a];
			y = table->texts[b];
			result = memcmp(VARDATA_ANY(x), VARDATA_ANY(y),
							Min(VARSIZE_ANY_EXHDR(x), VARSIZE_ANY_EXHDR(y)));
			return result != 0 ? result : (int) VARSIZE_ANY_EXHDR(x) - (int) VARSIZE_ANY_EXHDR(y);
	}
}

/*
 * Bytes that the table occupies
 */
Size
intern_memory(const InternTable *table)
{
	return MemoryContextMemAllocated(table->context, true);
}
