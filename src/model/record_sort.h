/*
 * Sorting records by dense keys.
 */
#ifndef INFLUENCE_RECORD_SORT_H
#define INFLUENCE_RECORD_SORT_H

#include "postgres.h"

#include "model/record_log.h"

/* Where a record has its key: in some bits of a uint32 */
typedef struct RecordKey
{
	uint32		offset;
	uint32		mask;			/* of the bits that are left after the shift */
	uint32		shift;			/* to the right */
	const uint32 *map;			/* NULL, or from what is there to the key */
} RecordKey;

extern void *record_log_sort(RecordLog *log, RecordKey key, uint32 key_count,
							 uint64 *row_start, MemoryContext context);
extern void *record_logs_sort(RecordLog *log, RecordLog *shorter, const void *complement, RecordKey key,
							  uint32 key_count, uint64 *row_start, MemoryContext context);
extern void *records_sort(void *records, uint64 count, Size record_size, RecordKey key,
						  uint32 key_count, uint64 *row_start, MemoryContext context);
extern void *records_sort_by_number(void *records, uint64 count, Size record_size, uint32 offset,
									MemoryContext context);

#endif							/* INFLUENCE_RECORD_SORT_H */
