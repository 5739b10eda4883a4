/*
 * The server's interface to write new storage in bulk, for those before 17.
 */
#ifndef INFLUENCE_BULK_WRITE_H
#define INFLUENCE_BULK_WRITE_H

#include "postgres.h"

#include "common/relpath.h"
#include "storage/block.h"
#include "utils/relcache.h"

typedef struct BulkWriteState BulkWriteState;
typedef PGAlignedBlock *BulkWriteBuffer;

extern BulkWriteState *smgr_bulk_start_rel(Relation rel, ForkNumber forknum);
extern BulkWriteBuffer smgr_bulk_get_buf(BulkWriteState *state);
extern void smgr_bulk_write(BulkWriteState *state, BlockNumber block, BulkWriteBuffer buffer, bool page_std);
extern void smgr_bulk_finish(BulkWriteState *state);

#endif							/* INFLUENCE_BULK_WRITE_H */
