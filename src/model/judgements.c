/*
 * Judgements of who is more influential, as a query delivers them.
 *
 * influence_evaluate() and influence_fit() take the text of a query with the
 * columns more_influential and less_influential, ids of the model's type. It is
 * run with the rights of the caller.
 *
 * Results must not depend on the order of its rows. So people and pairs are put
 * into an order of their own before anything is summed, and a pair's fold of the
 * cross-validation follows from a hash of its two ids: pairs in order of their
 * hashes go round the folds in turn, which makes all folds equally large.
 * Judgements of the same two people are in the same fold, so that none is
 * foretold from another.
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "memory.h"
#include "model/judgements.h"
#include "query.h"

#define COLUMNS_HINT "The columns are more_influential and less_influential."

/* Most judgements that the list of them can hold */
#define JUDGEMENT_LIMIT (MaxAllocHugeSize / sizeof(Judgement))

/* The query while it runs */
typedef struct Reader
{
	const ModelRef *model;
	Judgements *judgements;
	uint64		capacity;
	int			position[2];	/* of the columns, from 0 */
	Oid			type[2];		/* their base types */
} Reader;

static const char *const column_names[2] = {"more_influential", "less_influential"};

/*
 * Whether ids of a type are ids of the model
 */
static bool
type_fits(Oid type, Oid id_type)
{
	switch (id_type)
	{
		case INT8OID:
			return type == INT2OID || type == INT4OID || type == INT8OID;
		case TEXTOID:
			return type == TEXTOID || type == VARCHAROID;
		default:
			return type == id_type;
	}
}

/*
 * Find a column by name and check its type: 42703 when it is missing, 42702 when
 * it is there twice, 42804 when it does not hold ids of the model
 */
static void
find_column(Reader *reader, TupleDesc desc, int column)
{
	reader->position[column] = -1;
	for (int i = 0; i < desc->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), column_names[column]) != 0)
			continue;
		if (reader->position[column] >= 0)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_COLUMN),
					 errmsg("the pairs query has two columns \"%s\"", column_names[column]),
					 errhint(COLUMNS_HINT)));
		reader->position[column] = i;
		reader->type[column] = getBaseType(TupleDescAttr(desc, i)->atttypid);
	}
	if (reader->position[column] < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the pairs query has no column \"%s\"", column_names[column]),
				 errhint(COLUMNS_HINT)));
	if (!type_fits(reader->type[column], reader->model->id_type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of the pairs query has type %s, but user ids of model \"%s\" have type %s",
						column_names[column], format_type_be(reader->type[column]),
						reader->model->name, format_type_be(reader->model->id_type)),
				 errhint("Cast it, or name another model.")));
}

/*
 * StartCallback
 */
static void
start_pairs(TupleDesc desc, void *arg)
{
	Reader	   *reader = arg;

	find_column(reader, desc, 0);
	find_column(reader, desc, 1);
	if (desc->natts > 2)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the pairs query has %d columns instead of 2", desc->natts),
				 errhint(COLUMNS_HINT)));
}

/*
 * An id of a row, as one of the model's type; 22004 when it is null
 */
static Datum
read_id(const Reader *reader, TupleTableSlot *slot, int column)
{
	Datum		value = slot->tts_values[reader->position[column]];

	if (slot->tts_isnull[reader->position[column]])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("column \"%s\" of a row of the pairs query is null", column_names[column]),
				 errhint("Leave such rows out: WHERE %s IS NOT NULL.", column_names[column])));
	if (reader->type[column] == INT2OID)
		return Int64GetDatum(DatumGetInt16(value));
	if (reader->type[column] == INT4OID)
		return Int64GetDatum(DatumGetInt32(value));
	return value;
}

/*
 * RowCallback; 22023 for the same person twice
 */
static void
read_pair(TupleTableSlot *slot, void *arg)
{
	Reader	   *reader = arg;
	Judgements *judgements = reader->judgements;
	Datum		id = read_id(reader, slot, 0);
	Judgement	judgement;

	judgement.more = intern_id(judgements->people, id);
	judgement.less = intern_id(judgements->people, read_id(reader, slot, 1));
	if (judgement.more == judgement.less)
	{
		Oid			output;
		bool		is_varlena;

		getTypeOutputInfo(reader->model->id_type, &output, &is_varlena);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the pairs query has \"%s\" on both sides of a row",
						OidOutputFunctionCall(output, id)),
				 errhint("Leave such rows out: WHERE more_influential <> less_influential.")));
	}

	if (judgements->count == reader->capacity)
	{
		if (judgements->count == JUDGEMENT_LIMIT)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("more than %llu pairs", (unsigned long long) JUDGEMENT_LIMIT),
					 errhint("Give a sample of them.")));
		reader->capacity = huge_array_next(reader->capacity, JUDGEMENT_LIMIT);
		judgements->items = huge_array_resize(judgements->items, reader->capacity, sizeof(Judgement));
	}
	judgements->items[judgements->count++] = judgement;
}

/*
 * Run the pairs query; the result is in the current memory context
 *
 * Errors: those of run_query(), of columns and rows as above, and 22023 when
 * there are no rows.
 */
Judgements *
judgements_read(const ModelRef *model, const char *sql)
{
	Judgements *judgements = palloc0(sizeof(Judgements));
	Reader		reader = {.model = model,.judgements = judgements};

	judgements->people = intern_create(model->id_type, CurrentMemoryContext);
	judgements->items = huge_array(CurrentMemoryContext, 0, sizeof(Judgement));
	query_stream(sql, start_pairs, read_pair, &reader);
	if (judgements->count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the pairs query returned no rows"),
				 errhint("Each row is a pair of people: the one judged more influential, and the other.")));
	return judgements;
}

/*
 * Leave out pairs with somebody who is not known; 22023 when none stays
 *
 * known: by person
 */
void
judgements_keep_known(Judgements *judgements, const ModelRef *model, const bool *known)
{
	uint64		kept = 0;

	for (uint64 i = 0; i < judgements->count; i++)
	{
		const Judgement *judgement = &judgements->items[i];

		CHECK_FOR_INTERRUPTS();
		if (known[judgement->more] && known[judgement->less])
			judgements->items[kept++] = *judgement;
	}
	if (kept == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("in none of %llu pairs have both people a score in model \"%s\"",
						(unsigned long long) judgements->count, model->name),
				 errhint("Compare the ids with those of %s.scores.", quote_identifier(model->schema))));
	judgements->unknown = judgements->count - kept;
	judgements->count = kept;
}

#define ST_SORT sort_people
#define ST_ELEMENT_TYPE uint32
#define ST_COMPARE(a, b, ids) intern_compare(ids, *(a), *(b))
#define ST_COMPARE_ARG_TYPE const InternTable
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * Everybody's position in the order of ids, by person
 */
uint32 *
judgements_order_people(const Judgements *judgements)
{
	uint32		count = intern_count(judgements->people);
	uint32	   *order = huge_array(CurrentMemoryContext, count, sizeof(uint32));
	uint32	   *position = huge_array(CurrentMemoryContext, count, sizeof(uint32));

	for (uint32 i = 0; i < count; i++)
		order[i] = i;
	sort_people(order, count, judgements->people);
	for (uint32 i = 0; i < count; i++)
		position[order[i]] = i;
	pfree(order);
	return position;
}

/*
 * Hash of an id, the same in every session
 */
static uint64
hash_id(const InternTable *people, Oid id_type, uint32 person)
{
	Datum		id = intern_datum(people, person);
	int64		bigint;

	switch (id_type)
	{
		case INT8OID:
			bigint = DatumGetInt64(id);
			return hash_bytes_extended((unsigned char *) &bigint, sizeof(bigint), 0);
		case UUIDOID:
			return hash_bytes_extended(DatumGetUUIDP(id)->data, UUID_LEN, 0);
		default:
			return hash_bytes_extended((unsigned char *) VARDATA_ANY(DatumGetPointer(id)),
									   (int) VARSIZE_ANY_EXHDR(DatumGetPointer(id)), 0);
	}
}

/* A judgement to sort: first by its two people, then by which way round */
typedef struct PairKey
{
	uint64		hash;			/* of both ids */
	uint64		people;			/* the lower position, then the higher */
	bool		lower_is_more;
} PairKey;

#define ST_SORT sort_pair_keys
#define ST_ELEMENT_TYPE PairKey
#define ST_COMPARE(a, b) \
	((a)->hash != (b)->hash ? ((a)->hash > (b)->hash ? 1 : -1) : \
	 (a)->people != (b)->people ? ((a)->people > (b)->people ? 1 : -1) : \
	 (int) (a)->lower_is_more - (int) (b)->lower_is_more)
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * Keys of all judgements, in their order
 */
static PairKey *
sorted_keys(const Judgements *judgements, Oid id_type, const uint32 *position)
{
	uint32		people = intern_count(judgements->people);
	uint64	   *hash = huge_array(CurrentMemoryContext, people, sizeof(uint64));
	PairKey    *keys = huge_array(CurrentMemoryContext, judgements->count, sizeof(PairKey));

	for (uint32 i = 0; i < people; i++)
		hash[i] = hash_id(judgements->people, id_type, i);
	for (uint64 i = 0; i < judgements->count; i++)
	{
		const Judgement *judgement = &judgements->items[i];
		bool		lower_is_more = position[judgement->more] < position[judgement->less];
		uint32		lower = lower_is_more ? judgement->more : judgement->less;
		uint32		higher = lower_is_more ? judgement->less : judgement->more;

		CHECK_FOR_INTERRUPTS();
		keys[i].hash = hash_combine64(hash[lower], hash[higher]);
		keys[i].people = (uint64) position[lower] << 32 | position[higher];
		keys[i].lower_is_more = lower_is_more;
	}
	pfree(hash);
	sort_pair_keys(keys, judgements->count);
	return keys;
}

/*
 * Judgements as pairs of positions in the order of ids, each pair once for each
 * way round that it was judged, with folds from 0 to folds - 1
 *
 * position: of judgements_order_people(). Sets the number of pairs, and that of
 * different pairs of people.
 */
JudgedPair *
judgements_to_pairs(const Judgements *judgements, Oid id_type, const uint32 *position, int folds,
					uint64 *pair_count, uint64 *distinct)
{
	PairKey    *keys = sorted_keys(judgements, id_type, position);
	JudgedPair *pairs = huge_array(CurrentMemoryContext, judgements->count, sizeof(JudgedPair));
	JudgedPair *pair = NULL;

	*pair_count = 0;
	*distinct = 0;
	for (uint64 i = 0; i < judgements->count; i++)
	{
		const PairKey *key = &keys[i];
		bool		same_people = i > 0 && key->people == keys[i - 1].people;
		uint32		lower = (uint32) (key->people >> 32);
		uint32		higher = (uint32) key->people;

		CHECK_FOR_INTERRUPTS();
		if (!same_people)
			(*distinct)++;
		if (!same_people || key->lower_is_more != keys[i - 1].lower_is_more)
		{
			pair = &pairs[(*pair_count)++];
			pair->more = key->lower_is_more ? lower : higher;
			pair->less = key->lower_is_more ? higher : lower;
			pair->fold = (int) ((*distinct - 1) % (uint64) folds);
			pair->judgements = 0;
		}
		pair->judgements++;
	}
	pfree(keys);
	return pairs;
}
