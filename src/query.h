/*
 * Run a query text and stream its rows into C.
 */
#ifndef INFLUENCE_QUERY_H
#define INFLUENCE_QUERY_H

#include "compat.h"

#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "nodes/parsenodes.h"
#include "tcop/dest.h"

/* Called once, before the first row; checks and remembers the columns */
typedef void (*StartCallback) (TupleDesc desc, void *arg);

/*
 * Called for every row. All columns are in slot->tts_values and tts_isnull;
 * they, and what the callback allocates in the current context, are gone
 * after the call.
 */
typedef void (*RowCallback) (TupleTableSlot *slot, void *arg);

extern char *qualified_name(Oid relation);
extern uint64 run_query(const char *sql, DestReceiver *dest);
extern Query *analyse_select(const char *sql);
extern DestReceiver *stream_receiver(StartCallback start, RowCallback row, void *arg);
extern uint64 query_stream(const char *sql, StartCallback start, RowCallback row,
						   void *arg);

#endif							/* INFLUENCE_QUERY_H */
