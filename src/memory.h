/*
 * Arrays above palloc's 1 GB, with overflow-checked sizes, and limits.
 */
#ifndef INFLUENCE_MEMORY_H
#define INFLUENCE_MEMORY_H

#include "compat.h"

extern bool memory_has_room(MemoryContext context, Size bytes);
extern void memory_give_back(void);

extern void *huge_array(MemoryContext context, uint64 count, Size element_size);
extern void *huge_array_zero(MemoryContext context, uint64 count, Size element_size);
extern void *huge_array_resize(void *array, uint64 count, Size element_size);
extern uint64 huge_array_next(uint64 capacity, uint64 limit);

#endif							/* INFLUENCE_MEMORY_H */
