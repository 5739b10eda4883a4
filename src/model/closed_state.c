/*
 * The tables closed_records and closed_people.
 *
 * Nobody has rights on them: they are read and written here, without SQL, for
 * whoever refreshes a model. Both are read through an index and written in
 * batches, many rows at a time. A row of closed_records is a chunk of records that
 * fills a page and is used where it lies; a row of closed_people is small enough to
 * stay out of the TOAST table.
 *
 * People are numbered as the ingest numbered them when they were stored, from 0. A
 * refresh loads them before it reads anything else, so that its numbers are the
 * same, and appends those that are new.
 */
#include "compat.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#include "model/closed_state.h"
#include "model/id_bytes.h"
#include "same_text.h"

/* Columns of influence.closed_records */
#define RECORDS_DAY_ID	1
#define RECORDS_NETWORK	2
#define RECORDS_KIND	3
#define RECORDS_RECORDS	4
#define RECORDS_COLUMNS	4

/* Columns of influence.closed_people */
#define PEOPLE_MODEL		1
#define PEOPLE_FIRST_NUMBER	2
#define PEOPLE_IDS			3
#define PEOPLE_COLUMNS		3

/* Bytes of records in a row that fills a page: all but the other columns */
#define RECORDS_BYTES	(MaxHeapTupleSize - 64)

/* Bytes of ids in a row that stays out of the TOAST table; a single id may be longer */
#define PEOPLE_BYTES	1900

/* Rows that are written together */
#define BATCH_ROWS	32

static Oid
table_oid(const char *name)
{
	Oid			oid = get_relname_relid(name, get_namespace_oid("influence", false));

	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"influence.%s\" does not exist", name),
				 errhint("Run CREATE EXTENSION influence.")));
	return oid;
}

/* Rows on their way into a table */
typedef struct BatchWriter
{
	MemoryContext context;		/* holds the values of the batch */
	Relation	relation;
	CatalogIndexState indexes;
	int			count;
	TupleTableSlot *slots[BATCH_ROWS];
} BatchWriter;

struct RecordWriter
{
	BatchWriter batch;
};

static void
batch_begin(BatchWriter *writer, const char *table)
{
	writer->relation = table_open(table_oid(table), RowExclusiveLock);
	writer->indexes = CatalogOpenIndexes(writer->relation);
	writer->context = AllocSetContextCreate(CurrentMemoryContext, "influence batch", ALLOCSET_DEFAULT_SIZES);
	writer->count = 0;
	for (int i = 0; i < BATCH_ROWS; i++)
		writer->slots[i] = MakeSingleTupleTableSlot(RelationGetDescr(writer->relation), &TTSOpsHeapTuple);
}

/*
 * Write the rows at hand
 */
static void
batch_flush(BatchWriter *writer)
{
	CHECK_FOR_INTERRUPTS();
	if (writer->count > 0)
		CatalogTuplesMultiInsertWithInfo(writer->relation, writer->slots, writer->count, writer->indexes);
	for (int i = 0; i < writer->count; i++)
		ExecClearTuple(writer->slots[i]);
	writer->count = 0;
	MemoryContextReset(writer->context);
}

/*
 * The next row, whose values are to be set and then stored with batch_put(); what
 * they point to belongs into the writer's context
 */
static TupleTableSlot *
batch_slot(BatchWriter *writer)
{
	TupleTableSlot *slot;

	if (writer->count == BATCH_ROWS)
		batch_flush(writer);
	slot = ExecClearTuple(writer->slots[writer->count]);
	memset(slot->tts_isnull, 0, sizeof(bool) * slot->tts_tupleDescriptor->natts);
	return slot;
}

static void
batch_put(BatchWriter *writer, TupleTableSlot *slot)
{
	ExecStoreVirtualTuple(slot);
	writer->count++;
}

/*
 * Write a row that may go to the TOAST table, on its own: of such a row, the batch
 * would not learn where it is, for the index
 */
static void
batch_put_large(BatchWriter *writer, TupleTableSlot *slot)
{
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(writer->relation), slot->tts_values, slot->tts_isnull);

	CatalogTupleInsertWithInfo(writer->relation, tuple, writer->indexes);
	heap_freetuple(tuple);
}

static void
batch_end(BatchWriter *writer)
{
	batch_flush(writer);
	for (int i = 0; i < BATCH_ROWS; i++)
		ExecDropSingleTupleTableSlot(writer->slots[i]);
	CatalogCloseIndexes(writer->indexes);
	/* the lock stays until the end of the transaction */
	table_close(writer->relation, NoLock);
	MemoryContextDelete(writer->context);
	CommandCounterIncrement();
}

/*
 * Bytes as a bytea in the batch's context
 */
static bytea *
batch_bytes(BatchWriter *writer, const void *bytes, Size size)
{
	bytea	   *value = MemoryContextAlloc(writer->context, VARHDRSZ + size);

	SET_VARSIZE(value, VARHDRSZ + size);
	memcpy(VARDATA(value), bytes, size);
	return value;
}

/*
 * Start to write records
 */
RecordWriter *
record_writer_begin(void)
{
	RecordWriter *writer = palloc0(sizeof(RecordWriter));

	batch_begin(&writer->batch, "closed_records");
	return writer;
}

/*
 * Write records of a day
 */
void
record_writer_put(RecordWriter *writer, int64 day_id, int network, DayKind kind,
				  const void *records, uint64 count)
{
	Size		size = day_record_size(kind);
	uint64		most = RECORDS_BYTES / size;

	for (uint64 first = 0; first < count; first += most)
	{
		uint64		part = Min(count - first, most);
		TupleTableSlot *slot = batch_slot(&writer->batch);

		slot->tts_values[RECORDS_DAY_ID - 1] = Int64GetDatum(day_id);
		slot->tts_values[RECORDS_NETWORK - 1] = Int16GetDatum(network);
		slot->tts_values[RECORDS_KIND - 1] = Int16GetDatum(kind);
		slot->tts_values[RECORDS_RECORDS - 1] =
			PointerGetDatum(batch_bytes(&writer->batch, (const char *) records + first * size, part * size));
		batch_put(&writer->batch, slot);
	}
}

/*
 * All records have been written
 */
void
record_writer_end(RecordWriter *writer)
{
	batch_end(&writer->batch);
	pfree(writer);
}

/*
 * Raise XX001: a row is not what we have written
 */
pg_noreturn static void
report_damage(const ModelRef *ref, const char *table)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("table \"influence.%s\" of model \"%s\" is damaged", table, ref->name),
			 errhint("SELECT influence_refresh(%s, \"full\" => true);", quote_literal_cstr(ref->name))));
}

/*
 * Call back for a row of closed_records
 */
static void
read_chunk(const Model *model, HeapTuple tuple, TupleDesc desc, RecordCallback callback, void *arg)
{
	bool		isnull;
	int			network = DatumGetInt16(heap_getattr(tuple, RECORDS_NETWORK, desc, &isnull));
	int			kind = DatumGetInt16(heap_getattr(tuple, RECORDS_KIND, desc, &isnull));
	bytea	   *records = DatumGetByteaPP(heap_getattr(tuple, RECORDS_RECORDS, desc, &isnull));
	Size		size = VARSIZE_ANY_EXHDR(records);

	if (network < 0 || network >= model->network_count || kind < 0 || kind >= DAY_KIND_COUNT ||
		size % day_record_size(kind) != 0)
		report_damage(&model->ref, "closed_records");
	callback(network, kind, VARDATA_ANY(records), size / day_record_size(kind), arg);
}

/*
 * Read the records of a day
 */
void
closed_records_read(const Model *model, int64 day_id, RecordCallback callback, void *arg)
{
	Relation	relation = table_open(table_oid("closed_records"), AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, RECORDS_DAY_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(day_id));
	scan = systable_beginscan(relation, table_oid("closed_records_day_id_idx"), true,
							  GetActiveSnapshot(), 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		CHECK_FOR_INTERRUPTS();
		read_chunk(model, tuple, RelationGetDescr(relation), callback, arg);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
}

static void
append_id(StringInfo ids, Oid id_type, Datum id)
{
	enlargeStringInfo(ids, id_bytes(id_type, id));
	ids->len = id_write(id_type, id, ids->data + ids->len) - ids->data;
}

/*
 * An id that nobody has, in the current memory context
 */
static Datum
random_id(const Model *model)
{
	pg_uuid_t  *uuid = palloc(sizeof(pg_uuid_t));

	if (!pg_strong_random(uuid->data, UUID_LEN))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	if (model->ref.id_type == INT8OID)
		return Int64GetDatum(*(int64 *) uuid->data);
	if (model->ref.id_type == UUIDOID)
		return UUIDPGetDatum(uuid);
	return CStringGetTextDatum(DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(uuid))));
}

/*
 * The id of a person as it is stored: who opted out, or is an account that is
 * linked to nobody, keeps the number, on which those of others depend, and leaves
 * no id
 */
static Datum
stored_id(const Ingest *ingest, uint32 person)
{
	Datum		id = intern_datum(ingest->people, person);
	uint32		number;

	if (ingest_privacy(ingest, person) == PRIVACY_HIDDEN ||
		!intern_find(ingest->people, id, &number) || number != person)
		return random_id(ingest->model);
	return id;
}

/*
 * Store the people of an ingest from a number on
 */
void
closed_people_append(const Ingest *ingest, uint32 first)
{
	const Model *model = ingest->model;
	uint32		count = intern_count(ingest->people);
	Datum		name = CStringGetTextDatum(model->ref.name);
	BatchWriter writer;
	StringInfoData ids;
	Datum		id;

	if (first >= count)
		return;
	id = stored_id(ingest, first);
	initStringInfo(&ids);
	batch_begin(&writer, "closed_people");
	for (uint32 person = first; person < count;)
	{
		TupleTableSlot *slot = batch_slot(&writer);
		uint32		start = person;

		resetStringInfo(&ids);
		do
		{
			append_id(&ids, model->ref.id_type, id);
			if (++person < count)
				id = stored_id(ingest, person);
		} while (person < count && ids.len + id_bytes(model->ref.id_type, id) <= PEOPLE_BYTES);
		slot->tts_values[PEOPLE_MODEL - 1] = name;
		slot->tts_values[PEOPLE_FIRST_NUMBER - 1] = Int64GetDatum((int64) start);
		slot->tts_values[PEOPLE_IDS - 1] = PointerGetDatum(batch_bytes(&writer, ids.data, ids.len));
		if (ids.len <= PEOPLE_BYTES)
			batch_put(&writer, slot);
		else
			batch_put_large(&writer, slot);
	}
	batch_end(&writer);
	pfree(ids.data);
}

/*
 * The id that is stored at a place, as a reference to it, where so many bytes are
 * left; XX001 when there is none. The place is aligned for texts.
 */
static Datum
stored_id_at(const ModelRef *ref, const char *place, Size left)
{
	Size		least = ref->id_type == INT8OID ? sizeof(int64) :
		ref->id_type == UUIDOID ? UUID_LEN : VARHDRSZ_SHORT;

	if (left < least)
		report_damage(ref, "closed_people");
	if (ref->id_type == TEXTOID &&
		(VARATT_IS_EXTERNAL(place) || VARATT_IS_COMPRESSED(place) ||
		 (!VARATT_IS_1B(place) && (left < VARHDRSZ || VARSIZE_4B(place) < VARHDRSZ)) ||
		 VARSIZE_ANY(place) > left))
		report_damage(ref, "closed_people");
	return id_read(ref->id_type, place);
}

/*
 * Give the people of one row their numbers
 */
static void
load_ids(Ingest *ingest, const char *ids, Size size)
{
	const ModelRef *ref = &ingest->model->ref;
	Size		used = 0;

	while (used < size)
	{
		uint32		next = intern_count(ingest->people);
		Datum		id = stored_id_at(ref, ids + used, size - used);

		if (ingest_person(ingest, id) != next)
			report_damage(ref, "closed_people");
		used += id_bytes(ref->id_type, id);
	}
}

/*
 * Give all stored people their numbers, in an ingest that has no people yet
 */
void
closed_people_load(Ingest *ingest)
{
	Relation	relation = table_open(table_oid("closed_people"), AccessShareLock);
	Relation	index = index_open(table_oid("closed_people_pkey"), AccessShareLock);
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "influence ids read", ALLOCSET_DEFAULT_SIZES);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	Assert(intern_count(ingest->people) == 0);
	ScanKeyInit(&key, PEOPLE_MODEL, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(ingest->model->ref.name));
	scan = systable_beginscan_ordered(relation, index, GetActiveSnapshot(), 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext_ordered(scan, ForwardScanDirection)))
	{
		TupleDesc	desc = RelationGetDescr(relation);
		MemoryContext old = MemoryContextSwitchTo(work);
		bool		isnull;
		bytea	   *ids;

		CHECK_FOR_INTERRUPTS();
		if (DatumGetInt64(heap_getattr(tuple, PEOPLE_FIRST_NUMBER, desc, &isnull)) !=
			(int64) intern_count(ingest->people))
			report_damage(&ingest->model->ref, "closed_people");
		/* a copy, for the alignment of texts */
		ids = DatumGetByteaPCopy(heap_getattr(tuple, PEOPLE_IDS, desc, &isnull));
		MemoryContextSwitchTo(old);
		load_ids(ingest, VARDATA(ids), VARSIZE(ids) - VARHDRSZ);
		MemoryContextReset(work);
	}
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(relation, AccessShareLock);
	MemoryContextDelete(work);
}

static bool
same_id(Oid id_type, Datum a, Datum b)
{
	if (id_type == INT8OID)
		return DatumGetInt64(a) == DatumGetInt64(b);
	if (id_type == UUIDOID)
		return memcmp(DatumGetPointer(a), DatumGetPointer(b), UUID_LEN) == 0;
	return same_text((const text *) DatumGetPointer(a), (const text *) DatumGetPointer(b));
}

/*
 * How often an id is stored among the people of a model, by whomever
 *
 * A standby has nothing of an unlogged table, not even an empty file.
 */
int64
closed_people_count(const ModelRef *ref, Datum sought)
{
	Relation	relation;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	int64		count = 0;

	if (RecoveryInProgress())
		return 0;
	relation = table_open(table_oid("closed_people"), AccessShareLock);
	ScanKeyInit(&key, PEOPLE_MODEL, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(ref->name));
	scan = systable_beginscan(relation, table_oid("closed_people_pkey"), true, GetActiveSnapshot(), 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		/* a copy, for the alignment of texts */
		bytea	   *ids = DatumGetByteaPCopy(heap_getattr(tuple, PEOPLE_IDS, RelationGetDescr(relation), &isnull));
		Size		size = VARSIZE(ids) - VARHDRSZ;

		CHECK_FOR_INTERRUPTS();
		for (Size used = 0; used < size;)
		{
			Datum		id = stored_id_at(ref, VARDATA(ids) + used, size - used);

			count += same_id(ref->id_type, id, sought);
			used += id_bytes(ref->id_type, id);
		}
		pfree(ids);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return count;
}

/*
 * Delete the stored people of a model, whoever has stored them
 */
void
closed_people_delete(const char *model)
{
	Relation	relation = table_open(table_oid("closed_people"), RowExclusiveLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, PEOPLE_MODEL, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(model));
	scan = systable_beginscan(relation, table_oid("closed_people_pkey"), true, snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		CHECK_FOR_INTERRUPTS();
		simple_heap_delete(relation, &tuple->t_self);
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(relation, NoLock);
	CommandCounterIncrement();
}
