/*
 * The scores of all people in memory.
 *
 * A query that asks for the scores of many people reads the view once and looks
 * them up in a hash table, as a hash join would: an index leads to one person at
 * a time, each on pages that others have pushed out of the processor's caches.
 *
 * Memory: at most what the settings work_mem and hash_mem_multiplier give a
 * hash join, else there is no table. It is a snapshot's; whoever keeps it must
 * see to it that the view and the snapshot are the same.
 */
#include "compat.h"

#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "executor/nodeHash.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "optimizer/plancat.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "intern.h"
#include "memory.h"
#include "model/score_table.h"

/*
 * People that are loaded in the time in which the index leads to one. Parallel
 * queries, which load a table each process, are planned over large tables, and
 * more will be asked for.
 */
#define PEOPLE_PER_READ	16
#define PEOPLE_PER_READ_PARALLEL	64

/* Bytes for a person: id, number and score, half of the hash table empty */
#define BYTES_PER_PERSON	48

/* Rows whose places in the hash table are fetched into the cache together */
#define BATCH_ROWS	32

/* Batches between two looks at memory and interrupts */
#define BATCHES_PER_CHECK	16

struct ScoreTable
{
	MemoryContext context;
	InternTable *ids;
	double	   *scores;			/* by number of the id */
	uint64		capacity;		/* of scores */
};

/*
 * After how many single reads of a query is the table worth loading? PG_UINT64_MAX: never
 */
uint64
score_table_worth(const ScoreView *view)
{
	Relation	scores = table_open(view->scores, NoLock);
	BlockNumber pages;
	double		people;
	double		visible;

	estimate_rel_size(scores, NULL, &pages, &people, &visible);
	table_close(scores, NoLock);
	if (!view->equal_bytes || people * BYTES_PER_PERSON > get_hash_memory_limit())
		return PG_UINT64_MAX;
	return (uint64) (people / (IsInParallelMode() ? PEOPLE_PER_READ_PARALLEL : PEOPLE_PER_READ));
}

/*
 * Add a person
 */
static void
put(ScoreTable *table, Datum id, double score)
{
	uint32		index = intern_id(table->ids, id);

	if (index >= table->capacity)
	{
		table->capacity = huge_array_next(table->capacity, INTERN_LIMIT);
		table->scores = huge_array_resize(table->scores, table->capacity, sizeof(double));
	}
	table->scores[index] = score;
}

/*
 * Next row that has both an id and a score; false at the end
 */
static bool
next_row(TableScanDesc scan, TupleTableSlot *slot)
{
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		slot_getsomeattrs(slot, Max(SCORES_USER_ID, SCORES_SCORE));
		if (!slot->tts_isnull[SCORES_USER_ID - 1] && !slot->tts_isnull[SCORES_SCORE - 1])
			return true;
	}
	return false;
}

/*
 * Read some bigint ids, then put them; returns how many
 */
static int
put_batch(ScoreTable *table, TableScanDesc scan, TupleTableSlot *slot)
{
	int64		ids[BATCH_ROWS];
	double		scores[BATCH_ROWS];
	int			count = 0;

	while (count < BATCH_ROWS && next_row(scan, slot))
	{
		ids[count] = DatumGetInt64(slot->tts_values[SCORES_USER_ID - 1]);
		scores[count++] = DatumGetFloat8(slot->tts_values[SCORES_SCORE - 1]);
		intern_prefetch(table->ids, slot->tts_values[SCORES_USER_ID - 1]);
	}
	for (int i = 0; i < count; i++)
		put(table, Int64GetDatum(ids[i]), scores[i]);
	return count;
}

/*
 * Put one row at a time: other ids are in the page of their row; returns how many
 */
static int
put_single(ScoreTable *table, TableScanDesc scan, TupleTableSlot *slot)
{
	int			count = 0;

	for (; count < BATCH_ROWS && next_row(scan, slot); count++)
		put(table, slot->tts_values[SCORES_USER_ID - 1],
			DatumGetFloat8(slot->tts_values[SCORES_SCORE - 1]));
	return count;
}

/*
 * Put the rows of the view; false when the memory does not suffice
 */
static bool
put_rows(ScoreTable *table, Oid id_type, TableScanDesc scan, TupleTableSlot *slot)
{
	int			(*put_some) (ScoreTable *, TableScanDesc, TupleTableSlot *) =
		id_type == INT8OID ? put_batch : put_single;

	for (uint64 batch = 1; put_some(table, scan, slot) == BATCH_ROWS; batch++)
	{
		if (batch % BATCHES_PER_CHECK != 0)
			continue;
		CHECK_FOR_INTERRUPTS();
		if (MemoryContextMemAllocated(table->context, true) > get_hash_memory_limit())
			return false;
	}
	return true;
}

/*
 * Load the table with the active snapshot; NULL when the memory does not suffice
 *
 * The view is locked. The table is freed with the parent.
 */
ScoreTable *
score_table_load(const ScoreView *view, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "influence scores", ALLOCSET_SMALL_SIZES);
	ScoreTable *table = MemoryContextAllocZero(context, sizeof(ScoreTable));
	Relation	scores = table_open(view->scores, NoLock);
	TableScanDesc scan = table_beginscan(scores, GetActiveSnapshot(), 0, NULL);
	TupleTableSlot *slot = table_slot_create(scores, NULL);
	bool		is_complete;

	table->context = context;
	table->ids = intern_create(view->id_type, context);
	table->scores = huge_array(context, 0, sizeof(double));
	is_complete = put_rows(table, view->id_type, scan, slot);
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	table_close(scores, NoLock);
	if (is_complete)
		return table;
	MemoryContextDelete(context);
	return NULL;
}

/*
 * Score of a person; false when there is none
 */
bool
score_table_find(const ScoreTable *table, Datum id, double *score)
{
	uint32		index;

	if (!intern_find(table->ids, id, &index))
		return false;
	*score = table->scores[index];
	return true;
}
