/*
 * Reading the rows of a new heap for an index.
 *
 * heap_writer.c wrote the heap: nobody else sees it, no row of it has been changed or
 * is dead, and none has expressions to be computed. Of what the server's own scan for an
 * index does for each row, there is left to find the columns. The server's code builds the
 * index all the same, and takes the rows from here instead of from the access method.
 */
#include "compat.h"

#include "access/amapi.h"
#include "access/heapam.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"

#include "model/new_heap_scan.h"

/* A row on its way from a page into an index */
typedef struct IndexFeed
{
	Relation	index;
	const IndexInfo *info;
	int			columns;		/* of the heap, up to the last one of the index */
	TupleTableSlot *slot;
	IndexBuildCallback callback;
	void	   *state;			/* of the callback */
} IndexFeed;

/*
 * Hand the row to the index
 */
static void
feed_row(const IndexFeed *feed, HeapTuple row)
{
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];

	ExecStoreHeapTuple(row, feed->slot, false);
	slot_getsomeattrs(feed->slot, feed->columns);
	for (int i = 0; i < feed->info->ii_NumIndexAttrs; i++)
	{
		values[i] = feed->slot->tts_values[feed->info->ii_IndexAttrNumbers[i] - 1];
		nulls[i] = feed->slot->tts_isnull[feed->info->ii_IndexAttrNumbers[i] - 1];
	}
	feed->callback(feed->index, &row->t_self, values, nulls, true, feed->state);
}

/*
 * Hand all rows of a page to the index; returns how many
 */
static int
feed_page(const IndexFeed *feed, Oid heap, BlockNumber block, Page page)
{
	OffsetNumber last = PageGetMaxOffsetNumber(page);
	HeapTupleData row = {.t_tableOid = heap};

	for (OffsetNumber item = FirstOffsetNumber; item <= last; item++)
	{
		ItemId		id = PageGetItemId(page, item);

		if (!ItemIdIsNormal(id))
			elog(ERROR, "page %u of a new heap has an item %u without a row", block, item);
		row.t_data = (HeapTupleHeader) PageGetItem(page, id);
		row.t_len = ItemIdGetLength(id);
		ItemPointerSet(&row.t_self, block, item);
		feed_row(feed, &row);
	}
	return last;
}

/*
 * Hand all rows of a new heap to the index, as table_index_build_scan() does
 */
static double
scan_new_heap(Relation heap, Relation index, IndexInfo *info,
			  bool allow_sync pg_attribute_unused(), bool anyvisible pg_attribute_unused(),
			  bool progress pg_attribute_unused(), BlockNumber start pg_attribute_unused(),
			  BlockNumber count pg_attribute_unused(), IndexBuildCallback callback, void *state,
			  TableScanDesc scan pg_attribute_unused())
{
	BlockNumber pages = RelationGetNumberOfBlocks(heap);
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	IndexFeed	feed = {.index = index,.info = info,.callback = callback,.state = state};
	double		rows = 0;

	feed.slot = MakeSingleTupleTableSlot(RelationGetDescr(heap), &TTSOpsHeapTuple);
	for (int i = 0; i < info->ii_NumIndexAttrs; i++)
		feed.columns = Max(feed.columns, info->ii_IndexAttrNumbers[i]);
	for (BlockNumber block = 0; block < pages; block++)
	{
		Buffer		buffer = ReadBufferExtended(heap, MAIN_FORKNUM, block, RBM_NORMAL, strategy);

		CHECK_FOR_INTERRUPTS();
		/* no lock: nobody changes the page */
		rows += feed_page(&feed, RelationGetRelid(heap), block, BufferGetPage(buffer));
		ReleaseBuffer(buffer);
	}
	ExecDropSingleTupleTableSlot(feed.slot);
	FreeAccessStrategy(strategy);
	return rows;
}

/*
 * Build an index of a heap that heap_writer.c wrote in this transaction
 *
 * index: a new one of columns, without expressions and predicate. Returns what its
 * access method says of it, in the current memory context.
 */
IndexBuildResult *
new_heap_build_index(Relation heap, Relation index)
{
	static TableAmRoutine routine;
	const TableAmRoutine *own = heap->rd_tableam;
	IndexBuildResult *result;

	Assert(own == GetHeapamTableAmRoutine());
	routine = *own;
	routine.index_build_range_scan = scan_new_heap;
	heap->rd_tableam = &routine;
	PG_TRY();
	{
		result = index->rd_indam->ambuild(heap, index, BuildIndexInfo(index));
	}
	PG_FINALLY();
	{
		heap->rd_tableam = own;
	}
	PG_END_TRY();
	return result;
}
