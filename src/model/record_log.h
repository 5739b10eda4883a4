/*
 * An append-only array of records in chunks: nothing is copied as it grows,
 * and a chunk is freed as soon as its reader is done with it.
 */
#ifndef INFLUENCE_RECORD_LOG_H
#define INFLUENCE_RECORD_LOG_H

#include "postgres.h"

/* Bytes of a chunk: large enough that malloc maps it, and so gives it back */
#define RECORD_LOG_CHUNK_BYTES	(1024 * 1024)

typedef struct RecordLog
{
	MemoryContext context;
	Size		record_size;
	uint64		count;			/* records in all chunks */
	uint32		chunk_records;	/* records a chunk holds */
	uint32		chunk_count;
	uint32		chunk_capacity; /* length of chunks[] */
	char	  **chunks;
	char	   *next;			/* where the next record goes */
	char	   *end;			/* end of the last chunk */
} RecordLog;

extern void record_log_init(RecordLog *log, Size record_size, MemoryContext context);
extern void record_log_grow(RecordLog *log);
extern void record_log_free(RecordLog *log);
extern void *record_log_sort(RecordLog *log, Size key_offset, uint32 key_count, uint64 *row_start);
extern void *records_sort(void *records, uint64 count, Size record_size, Size key_offset,
						  uint32 key_count, uint64 *row_start, MemoryContext context);

/*
 * Room for one more record
 */
static inline void *
record_log_append(RecordLog *log)
{
	void	   *record;

	if (unlikely(log->next == log->end))
		record_log_grow(log);
	record = log->next;
	log->next += log->record_size;
	log->count++;
	return record;
}

/*
 * Records in the given chunk; only the last one is not full
 */
static inline uint32
record_log_chunk_length(const RecordLog *log, uint32 chunk)
{
	if (chunk + 1 < log->chunk_count)
		return log->chunk_records;
	return (uint32) (log->count - (uint64) chunk * log->chunk_records);
}

#endif							/* INFLUENCE_RECORD_LOG_H */
