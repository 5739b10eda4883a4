/*
 * New contents for a relation, built beside the old and swapped in.
 */
#ifndef INFLUENCE_REPLACEMENT_H
#define INFLUENCE_REPLACEMENT_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "nodes/pg_list.h"

typedef struct Replacement Replacement;

extern Replacement *replacement_begin(Oid relation);
extern TupleDesc replacement_desc(const Replacement *replacement);
extern void replacement_put(Replacement *replacement, Datum *values, bool *nulls);
extern void replacement_finish(Replacement *replacement);
extern void replacement_swap_all(List *replacements, void (*then) (void *arg), void *arg);

#endif							/* INFLUENCE_REPLACEMENT_H */
