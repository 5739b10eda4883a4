/*
 * Growing, spilling, reading and freeing a chunked log of records.
 */
#include "compat.h"

#include "utils/memutils.h"

#include "memory.h"
#include "model/record_log.h"

#define FIRST_CHUNK_CAPACITY	8

/*
 * Start an empty log of records of the given size in context
 */
void
record_log_init(RecordLog *log, uint32 record_size, MemoryContext context)
{
	memset(log, 0, sizeof(RecordLog));
	log->context = context;
	log->record_size = record_size;
}

/*
 * The last chunk gets no more records
 */
static void
close_last_chunk(RecordLog *log)
{
	if (log->next == NULL)
		return;
	log->chunks[log->chunk_count - 1].count = record_log_last_count(log);
	log->full_count += log->chunks[log->chunk_count - 1].count;
	log->next = log->end = NULL;
}

/*
 * Make room for one more entry in the array of chunks
 */
static void
reserve_chunk(RecordLog *log)
{
	if (log->chunk_count < log->chunk_capacity)
		return;
	if (log->chunk_capacity > PG_UINT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows for one refresh")));
	if (log->chunks == NULL)
	{
		log->chunk_capacity = FIRST_CHUNK_CAPACITY;
		log->chunks = huge_array(log->context, log->chunk_capacity, sizeof(RecordChunk));
		return;
	}
	log->chunk_capacity *= 2;
	log->chunks = huge_array_resize(log->chunks, log->chunk_capacity, sizeof(RecordChunk));
}

/*
 * Add a chunk
 */
void
record_log_grow(RecordLog *log)
{
	RecordChunk *chunk;
	uint32		records;

	close_last_chunk(log);
	reserve_chunk(log);
	log->chunk_bytes = log->chunk_bytes == 0 ? FIRST_CHUNK_BYTES :
		Min(log->chunk_bytes * 2, LAST_CHUNK_BYTES);
	records = log->chunk_bytes / log->record_size;

	chunk = &log->chunks[log->chunk_count];
	memset(chunk, 0, sizeof(RecordChunk));
	chunk->records = MemoryContextAlloc(log->context, records * log->record_size);
	log->chunk_count++;
	log->next = chunk->records;
	log->end = log->next + records * log->record_size;
}

/*
 * Append copies of some records
 */
void
record_log_append_all(RecordLog *log, const void *records, uint64 count)
{
	const char *from = records;

	while (count > 0)
	{
		uint64		room;

		if (log->next == log->end)
			record_log_grow(log);
		room = Min(count, (uint64) (log->end - log->next) / log->record_size);
		memcpy(log->next, from, room * log->record_size);
		log->next += room * log->record_size;
		from += room * log->record_size;
		count -= room;
	}
}

/*
 * Move all chunks that are in memory to a file; the log can be appended to again
 *
 * All chunks of a log go to the same file.
 */
void
record_log_spill(RecordLog *log, SpillFile *file)
{
	Assert(log->file == NULL || log->file == file);
	close_last_chunk(log);
	log->file = file;
	log->chunk_bytes = 0;
	for (uint32 i = log->chunk_count; i > 0; i--)
	{
		RecordChunk *chunk = &log->chunks[i - 1];

		/* what was spilled before is in front */
		if (chunk->records == NULL)
			break;
		chunk->place = spill_write(file, chunk->records, (Size) chunk->count * log->record_size);
		pfree(chunk->records);
		chunk->records = NULL;
	}
}

/*
 * Records of a chunk and their number
 *
 * buffer: LAST_CHUNK_BYTES, into which a chunk from a file is read; what it held
 * is gone then.
 */
const char *
record_log_chunk(const RecordLog *log, uint32 chunk, char *buffer, uint32 *count)
{
	const RecordChunk *it = &log->chunks[chunk];
	bool		is_last = log->next != NULL && chunk + 1 == log->chunk_count;

	*count = is_last ? record_log_last_count(log) : it->count;
	if (it->records != NULL)
		return it->records;
	spill_read(log->file, it->place, buffer, (Size) it->count * log->record_size);
	return buffer;
}

/*
 * Free one chunk, which is not read again; the log is not appended to any more
 */
void
record_log_free_chunk(RecordLog *log, uint32 chunk)
{
	close_last_chunk(log);
	if (log->chunks[chunk].records != NULL)
		pfree(log->chunks[chunk].records);
	log->chunks[chunk].records = NULL;
}

/*
 * Free all chunks; the log is empty and can be appended to again
 */
void
record_log_free(RecordLog *log)
{
	for (uint32 i = 0; i < log->chunk_count; i++)
		if (log->chunks[i].records != NULL)
			pfree(log->chunks[i].records);
	if (log->chunks != NULL)
		pfree(log->chunks);
	record_log_init(log, log->record_size, log->context);
}
