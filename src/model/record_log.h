/*
 * An append-only array of records in chunks: nothing is copied as it grows, a
 * chunk is freed as soon as its reader is done with it, and chunks can wait in a
 * temporary file. They can also lie in shared memory, where another process takes
 * them over as they are.
 */
#ifndef INFLUENCE_RECORD_LOG_H
#define INFLUENCE_RECORD_LOG_H

#include "postgres.h"

#include "model/record_area.h"
#include "spill_file.h"

/*
 * Bytes of the first chunk; they double up to the last size. Shared memory has no room
 * to waste, as several processes fill logs there: a few chunks have the same size.
 */
#define FIRST_CHUNK_BYTES	(2 * 1024)
#define LAST_CHUNK_BYTES	(32 * 1024)
#define SHARED_CHUNKS_A_SIZE	3

typedef struct RecordChunk
{
	char	   *records;		/* NULL: in the file */
	SpillPlace	place;
	dsa_pointer shared;			/* where the records are in the area; or InvalidDsaPointer */
	uint32		bytes;			/* that were allocated */
	uint32		count;			/* set when the chunk is full or no longer the last */
} RecordChunk;

typedef struct RecordLog
{
	MemoryContext context;
	RecordArea *area;			/* where shared chunks are */
	bool		grows_in_area;	/* new chunks are allocated there, else in context */
	SpillFile  *file;			/* where spilled chunks are */
	uint32		record_size;
	uint32		chunk_count;
	uint32		chunk_capacity; /* length of chunks[] */
	uint32		chunk_bytes;	/* size of the last chunk */
	uint32		chunks_a_size;	/* so many have that size */
	RecordChunk *chunks;
	char	   *next;			/* where the next record goes */
	char	   *end;			/* end of the last chunk */
	uint64		full_count;		/* records in all chunks but the last */
} RecordLog;

extern void record_log_init(RecordLog *log, uint32 record_size, MemoryContext context,
							RecordArea *area);
extern void record_log_grow(RecordLog *log);
extern void record_log_append_all(RecordLog *log, const void *records, uint64 count);
extern void record_log_adopt(RecordLog *log, RecordArea *area, dsa_pointer shared, uint32 bytes,
							 uint32 count);
extern RecordChunk record_log_give_up(RecordLog *log, uint32 chunk);
extern void record_log_spill(RecordLog *log, SpillFile *file);
extern const char *record_log_chunk(const RecordLog *log, uint32 chunk, char *buffer, uint32 *count);
extern void record_log_free_chunk(RecordLog *log, uint32 chunk);
extern uint32 record_log_chunks_in_file(const RecordLog *log);
extern void record_log_truncate(RecordLog *log, uint32 chunk_count);
extern void record_log_free(RecordLog *log);

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
	return record;
}

/*
 * Records of the last chunk
 */
static inline uint32
record_log_last_count(const RecordLog *log)
{
	if (log->next == NULL)
		return 0;
	return (uint32) (log->next - log->chunks[log->chunk_count - 1].records) / log->record_size;
}

/*
 * Records in all chunks
 */
static inline uint64
record_log_count(const RecordLog *log)
{
	return log->full_count + record_log_last_count(log);
}

#endif							/* INFLUENCE_RECORD_LOG_H */
