/*
 * Writing new storage in bulk, beside the buffer manager: the interface of
 * PostgreSQL 17 (storage/bulk_write.h) for the versions before it.
 *
 * As everywhere in the server where it does so (nbtsort.c, rewriteheap.c): pages
 * are logged as a whole, then appended to the file, which is brought to disk at
 * the end, since a checkpoint in between has not heard of it. Pages must be
 * written in the order of their numbers, to a fork that nobody else has open.
 */
#include "compat.h"

#ifdef NEEDS_BULK_WRITE

#include "access/xloginsert.h"
#include "access/xlogrecord.h"
#include "storage/bufpage.h"
#include "storage/smgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* Pages that are logged together: what one WAL record can hold */
#define BATCH_PAGES	XLR_MAX_BLOCK_ID

struct BulkWriteState
{
	Relation	rel;
	ForkNumber	fork;
	MemoryContext context;		/* of the buffers */
	int			count;			/* pages waiting in the batch */
	BulkWriteBuffer buffers[BATCH_PAGES];
	BlockNumber blocks[BATCH_PAGES];
	bool		page_std;		/* all of them have the standard layout */
};

/*
 * Start to write a fork of a relation; everything is in the current context
 */
BulkWriteState *
smgr_bulk_start_rel(Relation rel, ForkNumber forknum)
{
	BulkWriteState *state = palloc0(sizeof(BulkWriteState));

	state->rel = rel;
	state->fork = forknum;
	state->context = CurrentMemoryContext;
	state->page_std = true;
	return state;
}

/*
 * A page to fill; it must be written before the next one is asked for
 */
BulkWriteBuffer
smgr_bulk_get_buf(BulkWriteState *state)
{
	BulkWriteBuffer *buffer = &state->buffers[state->count];

	if (*buffer == NULL)
		*buffer = MemoryContextAlloc(state->context, sizeof(PGAlignedBlock));
	return *buffer;
}

/*
 * Log and append the pages of the batch
 */
static void
write_batch(BulkWriteState *state)
{
	if (state->count == 0)
		return;
	if (RelationNeedsWAL(state->rel))
	{
		Page		pages[BATCH_PAGES];

		for (int i = 0; i < state->count; i++)
			pages[i] = state->buffers[i]->data;
		log_newpages(&RelationGetSmgr(state->rel)->smgr_locator, state->fork,
					 state->count, state->blocks, pages, state->page_std);
	}
	for (int i = 0; i < state->count; i++)
	{
		PageSetChecksumInplace(state->buffers[i]->data, state->blocks[i]);
		smgrextend(RelationGetSmgr(state->rel), state->fork, state->blocks[i],
				   state->buffers[i]->data, true);
	}
	state->count = 0;
	state->page_std = true;
}

/*
 * Write a page; the buffer is ours again
 */
void
smgr_bulk_write(BulkWriteState *state, BlockNumber block, BulkWriteBuffer buffer, bool page_std)
{
	if (buffer != state->buffers[state->count])
		elog(ERROR, "page %u was not asked for", block);
	state->page_std &= page_std;
	state->blocks[state->count++] = block;
	if (state->count == BATCH_PAGES)
		write_batch(state);
}

/*
 * The end: everything is on disk
 */
void
smgr_bulk_finish(BulkWriteState *state)
{
	write_batch(state);
	smgrimmedsync(RelationGetSmgr(state->rel), state->fork);
	for (int i = 0; i < BATCH_PAGES; i++)
		if (state->buffers[i] != NULL)
			pfree(state->buffers[i]);
	pfree(state);
}

#endif							/* NEEDS_BULK_WRITE */
