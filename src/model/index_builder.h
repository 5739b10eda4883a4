/*
 * Building indexes of new heaps, several at a time.
 */
#ifndef INFLUENCE_INDEX_BUILDER_H
#define INFLUENCE_INDEX_BUILDER_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/relcache.h"

/* An index to build on a heap that is being filled */
typedef struct IndexTask
{
	Oid			heap;
	Oid			index;
	bool		filled;			/* the heap is complete */
	bool		taken;			/* somebody builds it or has done so */
	double		heap_tuples;	/* what was found, once it is built */
	double		index_tuples;
} IndexTask;

typedef struct IndexBuilder IndexBuilder;

extern bool index_builder_can_build(Relation heap, Relation index);
extern IndexBuilder *index_builder_begin(List *tasks, uint64 pages);
extern void index_builder_offer(IndexBuilder *builder, Oid heap);
extern List *index_builder_end(IndexBuilder *builder);

#endif							/* INFLUENCE_INDEX_BUILDER_H */
