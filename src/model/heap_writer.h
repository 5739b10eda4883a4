/*
 * Rows for a new heap.
 */
#ifndef INFLUENCE_HEAP_WRITER_H
#define INFLUENCE_HEAP_WRITER_H

#include "postgres.h"

#include "utils/relcache.h"

typedef struct HeapWriter HeapWriter;

extern HeapWriter *heap_writer_begin(Relation heap);
extern void heap_writer_put(HeapWriter *writer, Datum *values, bool *nulls);
extern void heap_writer_end(HeapWriter *writer);

#endif							/* INFLUENCE_HEAP_WRITER_H */
