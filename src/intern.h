/*
 * Ids of any supported type as dense numbers 0, 1, 2, ...
 */
#ifndef INFLUENCE_INTERN_H
#define INFLUENCE_INTERN_H

#include "compat.h"

/*
 * Most ids of one table: a little below the 0.98 * 2^32 that simplehash can
 * hold, so that the error is ours.
 */
#define INTERN_LIMIT ((uint32) 4200000000U)

typedef struct InternTable InternTable;

extern InternTable *intern_create(Oid id_type, MemoryContext parent);
extern void intern_destroy(InternTable *table);
extern Datum id_from_text(Oid id_type, const char *text);
extern uint32 intern_id(InternTable *table, Datum id);
extern void intern_prefetch(const InternTable *table, Datum id);
extern void intern_prefetch_datum(const InternTable *table, uint32 index);
extern uint32 intern_reserve(InternTable *table);
extern void intern_drop_hash(InternTable *table);
extern bool intern_find(InternTable *table, Datum id, uint32 *index);
extern uint32 intern_count(const InternTable *table);
extern Datum intern_datum(const InternTable *table, uint32 index);
extern int	intern_compare(const InternTable *table, uint32 a, uint32 b);
extern Size intern_memory(const InternTable *table);

#endif							/* INFLUENCE_INTERN_H */
