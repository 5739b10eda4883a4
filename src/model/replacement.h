/*
 * New contents for a relation, built beside the old and swapped in.
 */
#ifndef INFLUENCE_REPLACEMENT_H
#define INFLUENCE_REPLACEMENT_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "nodes/pg_list.h"

#include "model/index_builder.h"

typedef struct Replacement Replacement;

extern Replacement *replacement_begin(Oid relation);
extern TupleDesc replacement_desc(const Replacement *replacement);
extern void replacement_put(Replacement *replacement, Datum *values, bool *nulls);
extern IndexBuilder *replacement_start_indexes(List *replacements, uint64 pages);
extern void replacement_end_rows(Replacement *replacement, IndexBuilder *builder);
extern void replacement_finish_all(List *replacements, IndexBuilder *builder);
extern void replacement_swap_all(List *replacements, void (*then) (void *arg), void *arg);

#endif							/* INFLUENCE_REPLACEMENT_H */
