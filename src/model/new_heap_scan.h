/*
 * Reading the rows of a new heap for an index.
 */
#ifndef INFLUENCE_NEW_HEAP_SCAN_H
#define INFLUENCE_NEW_HEAP_SCAN_H

#include "postgres.h"

#include "access/genam.h"
#include "utils/rel.h"

extern IndexBuildResult *new_heap_build_index(Relation heap, Relation index);

#endif							/* INFLUENCE_NEW_HEAP_SCAN_H */
