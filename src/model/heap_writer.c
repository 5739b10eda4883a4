/*
 * Writing the rows of a new heap that nobody else sees yet.
 *
 * As VACUUM FULL does it, rows are put into pages of our own, and full pages are
 * logged and appended to the file, beside the buffer manager: a page is written
 * once, and what others have in the shared buffers stays there. Unlike there,
 * rows are frozen and pages all-visible from the start, as COPY FREEZE leaves
 * them, so that index-only scans need no VACUUM first.
 *
 * Tables of another access method get their rows through its own functions.
 */
#include "compat.h"

#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/visibilitymapdefs.h"
#include "access/xact.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufpage.h"
#include "storage/smgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "model/heap_writer.h"

/* How the storage is written: frozen, as nobody sees it before it is swapped in */
#define INSERT_OPTIONS	(TABLE_INSERT_SKIP_FSM | TABLE_INSERT_FROZEN)

/* Heap pages that a page of the visibility map tells of (visibilitymap.c) */
#define MAP_BYTES	(BLCKSZ - MAXALIGN(SizeOfPageHeaderData))
#define HEAP_PAGES_PER_BYTE	(BITS_PER_BYTE / BITS_PER_HEAPBLOCK)
#define HEAP_PAGES_PER_MAP_PAGE	(MAP_BYTES * HEAP_PAGES_PER_BYTE)

struct HeapWriter
{
	Relation	heap;
	MemoryContext context;

	/* heaps */
	BulkWriteState *bulk;		/* NULL: another access method */
	BulkWriteBuffer buffer;		/* page being filled, NULL between pages */
	BlockNumber block;			/* its number */
	Size		spared;			/* bytes that the fill factor leaves free in it */
	TransactionId xid;
	CommandId	cid;
	PGAlignedBlock row;			/* being formed */

	/* others */
	TupleTableSlot *slot;
	BulkInsertState inserts;
};

/*
 * Start to fill a heap that was created in this transaction and is empty
 */
HeapWriter *
heap_writer_begin(Relation heap)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "influence heap",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HeapWriter *writer = palloc0(sizeof(HeapWriter));

	writer->heap = heap;
	writer->context = context;
	writer->xid = GetCurrentTransactionId();
	writer->cid = GetCurrentCommandId(true);
	if (heap->rd_tableam == GetHeapamTableAmRoutine())
	{
		writer->bulk = smgr_bulk_start_rel(heap, MAIN_FORKNUM);
		writer->spared = RelationGetTargetPageFreeSpace(heap, HEAP_DEFAULT_FILLFACTOR);
	}
	else
	{
		writer->slot = table_slot_create(heap, NULL);
		writer->inserts = GetBulkInsertState();
	}
	MemoryContextSwitchTo(old);
	return writer;
}

/*
 * Append the page that is full
 */
static void
write_page(HeapWriter *writer)
{
	CHECK_FOR_INTERRUPTS();
	PageSetAllVisible((Page) writer->buffer);
	smgr_bulk_write(writer->bulk, writer->block++, writer->buffer, true);
	writer->buffer = NULL;
}

/*
 * Put a row of this many bytes into the page, or into the next one
 */
static void
put_row(HeapWriter *writer, HeapTupleHeader row, Size length)
{
	Page		page;

	if (writer->buffer != NULL &&
		PageGetHeapFreeSpace((Page) writer->buffer) < MAXALIGN(length) + writer->spared)
		write_page(writer);
	if (writer->buffer == NULL)
	{
		writer->buffer = smgr_bulk_get_buf(writer->bulk);
		PageInit((Page) writer->buffer, BLCKSZ, 0);
	}
	page = (Page) writer->buffer;
	ItemPointerSet(&row->t_ctid, writer->block,
				   OffsetNumberNext(PageGetMaxOffsetNumber(page)));
	if (PageAddItem(page, (Item) row, length, InvalidOffsetNumber, false, true) == InvalidOffsetNumber)
		elog(ERROR, "failed to add row to page %u", writer->block);
}

/*
 * Say in a row who has inserted it
 */
static void
stamp_row(const HeapWriter *writer, HeapTupleHeader row)
{
	row->t_infomask &= ~HEAP_XACT_MASK;
	row->t_infomask2 &= ~HEAP2_XACT_MASK;
	row->t_infomask |= HEAP_XMAX_INVALID;
	HeapTupleHeaderSetXmin(row, writer->xid);
	HeapTupleHeaderSetXminFrozen(row);
	HeapTupleHeaderSetCmin(row, writer->cid);
	HeapTupleHeaderSetXmax(row, InvalidTransactionId);
}

/*
 * Put a row that may be too long for a page: long values go to the toast table
 */
static void
put_long_row(HeapWriter *writer, Datum *values, bool *nulls)
{
	MemoryContext old = MemoryContextSwitchTo(writer->context);
	HeapTuple	whole = heap_form_tuple(RelationGetDescr(writer->heap), values, nulls);
	HeapTuple	row = heap_toast_insert_or_update(writer->heap, whole, NULL, INSERT_OPTIONS);

	if (MAXALIGN(row->t_len) > MaxHeapTupleSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("row is too big: size %zu, maximum size %zu",
						(Size) MAXALIGN(row->t_len), (Size) MaxHeapTupleSize)));
	stamp_row(writer, row->t_data);
	put_row(writer, row->t_data, row->t_len);
	if (row != whole)
		heap_freetuple(row);
	heap_freetuple(whole);
	MemoryContextSwitchTo(old);
}

/*
 * Put a row, formed as by heap_form_tuple, into the page being filled
 */
static void
put_in_page(HeapWriter *writer, Datum *values, bool *nulls)
{
	TupleDesc	desc = RelationGetDescr(writer->heap);
	HeapTupleHeader row = (HeapTupleHeader) writer->row.data;
	Size		head = SizeofHeapTupleHeader;
	Size		length;
	bool		any_null = memchr(nulls, true, desc->natts) != NULL;

	if (any_null)
		head += BITMAPLEN(desc->natts);
	head = MAXALIGN(head);
	length = head + heap_compute_data_size(desc, values, nulls);
	if (length > TOAST_TUPLE_THRESHOLD)
	{
		put_long_row(writer, values, nulls);
		return;
	}
	memset(row, 0, length);
	row->t_hoff = head;
	HeapTupleHeaderSetNatts(row, desc->natts);
	heap_fill_tuple(desc, values, nulls, (char *) row + head, length - head,
					&row->t_infomask, any_null ? row->t_bits : NULL);
	stamp_row(writer, row);
	put_row(writer, row, length);
}

/*
 * Hand a row to the access method
 */
static void
put_in_table(HeapWriter *writer, Datum *values, bool *nulls)
{
	int			columns = RelationGetDescr(writer->heap)->natts;

	CHECK_FOR_INTERRUPTS();
	ExecClearTuple(writer->slot);
	memcpy(writer->slot->tts_values, values, sizeof(Datum) * columns);
	memcpy(writer->slot->tts_isnull, nulls, sizeof(bool) * columns);
	ExecStoreVirtualTuple(writer->slot);
	table_tuple_insert(writer->heap, writer->slot, writer->cid, INSERT_OPTIONS, writer->inserts);
}

/*
 * Add one row; values and nulls as for heap_form_tuple
 */
void
heap_writer_put(HeapWriter *writer, Datum *values, bool *nulls)
{
	if (writer->bulk != NULL)
		put_in_page(writer, values, nulls);
	else
		put_in_table(writer, values, nulls);
}

/*
 * Say in the visibility map that all pages are all-visible and all-frozen
 */
static void
write_visibility_map(HeapWriter *writer)
{
	BulkWriteState *bulk;

	smgrcreate(RelationGetSmgr(writer->heap), VISIBILITYMAP_FORKNUM, false);
	bulk = smgr_bulk_start_rel(writer->heap, VISIBILITYMAP_FORKNUM);
	for (BlockNumber first = 0; first < writer->block; first += HEAP_PAGES_PER_MAP_PAGE)
	{
		BlockNumber pages = Min(writer->block - first, HEAP_PAGES_PER_MAP_PAGE);
		BulkWriteBuffer buffer = smgr_bulk_get_buf(bulk);
		unsigned char *map = (unsigned char *) PageGetContents((Page) buffer);

		PageInit((Page) buffer, BLCKSZ, 0);
		memset(map, 0xFF, pages / HEAP_PAGES_PER_BYTE);
		for (BlockNumber i = pages - pages % HEAP_PAGES_PER_BYTE; i < pages; i++)
			map[i / HEAP_PAGES_PER_BYTE] |= VISIBILITYMAP_VALID_BITS <<
				(i % HEAP_PAGES_PER_BYTE * BITS_PER_HEAPBLOCK);
		smgr_bulk_write(bulk, first / HEAP_PAGES_PER_MAP_PAGE, buffer, false);
	}
	smgr_bulk_finish(bulk);
}

/*
 * The end: everything is written
 */
void
heap_writer_end(HeapWriter *writer)
{
	if (writer->bulk != NULL)
	{
		if (writer->buffer != NULL)
			write_page(writer);
		smgr_bulk_finish(writer->bulk);
		if (writer->block > 0)
			write_visibility_map(writer);
	}
	else
	{
		FreeBulkInsertState(writer->inserts);
		table_finish_bulk_insert(writer->heap, INSERT_OPTIONS);
		ExecDropSingleTupleTableSlot(writer->slot);
	}
	MemoryContextDelete(writer->context);
}
