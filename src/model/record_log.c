/*
 * Growing, spilling, reading and freeing a chunked log of records.
 */
#include "compat.h"

#include "utils/memutils.h"

#include "memory.h"
#include "model/record_log.h"

#define FIRST_CHUNK_CAPACITY	8

/*
 * Start an empty log of records of the given size
 *
 * Chunks are allocated in the area, or in context where that is NULL.
 */
void
record_log_init(RecordLog *log, uint32 record_size, MemoryContext context, RecordArea *area)
{
	memset(log, 0, sizeof(RecordLog));
	log->context = context;
	log->area = area;
	log->grows_in_area = area != NULL;
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
 * A chunk is this process's from now on
 */
static void
hold_shared(RecordChunk *chunk, RecordArea *area, dsa_pointer shared, uint32 bytes)
{
	chunk->shared = shared;
	chunk->bytes = bytes;
	chunk->records = record_area_address(area, shared, bytes);
	area->bytes += bytes;
	area->peak = Max(area->peak, area->bytes);
}

/*
 * Set the size of the chunk that comes next
 */
static void
size_next_chunk(RecordLog *log)
{
	uint32		most = log->grows_in_area ? SHARED_CHUNKS_A_SIZE : 1;

	if (log->chunk_bytes > 0 && log->chunks_a_size < most)
		log->chunks_a_size++;
	else
	{
		log->chunk_bytes = log->chunk_bytes == 0 ? FIRST_CHUNK_BYTES : Min(log->chunk_bytes * 2, LAST_CHUNK_BYTES);
		log->chunks_a_size = 1;
	}
}

/*
 * Add a chunk
 */
void
record_log_grow(RecordLog *log)
{
	RecordChunk *chunk;

	close_last_chunk(log);
	reserve_chunk(log);
	size_next_chunk(log);

	chunk = &log->chunks[log->chunk_count];
	memset(chunk, 0, sizeof(RecordChunk));
	if (log->grows_in_area)
		hold_shared(chunk, log->area, record_area_allocate(log->area, log->chunk_bytes), log->chunk_bytes);
	else
		chunk->records = MemoryContextAlloc(log->context, log->chunk_bytes);
	log->chunk_count++;
	log->next = chunk->records;
	log->end = log->next + log->chunk_bytes / log->record_size * log->record_size;
}

/*
 * Take over a chunk that another process has given up
 *
 * bytes: that are allocated for it. The log's other chunks may be private, or in that
 * area. A chunk that is being filled stays the last one.
 */
void
record_log_adopt(RecordLog *log, RecordArea *area, dsa_pointer shared, uint32 bytes, uint32 count)
{
	RecordChunk adopted = {.count = count};

	Assert(log->area == NULL || log->area == area);
	reserve_chunk(log);
	log->area = area;
	hold_shared(&adopted, area, shared, bytes);
	log->chunks[log->chunk_count] = adopted;
	if (log->next != NULL)
	{
		log->chunks[log->chunk_count] = log->chunks[log->chunk_count - 1];
		log->chunks[log->chunk_count - 1] = adopted;
	}
	log->chunk_count++;
	log->full_count += count;
}

/*
 * Leave a chunk that is in the area to another process; returns what is to be known of
 * it. This log is only freed afterwards
 */
RecordChunk
record_log_give_up(RecordLog *log, uint32 chunk)
{
	RecordChunk *it = &log->chunks[chunk];
	RecordChunk given;

	close_last_chunk(log);
	given = *it;
	log->area->bytes -= it->bytes;
	it->records = NULL;
	it->shared = InvalidDsaPointer;
	return given;
}

/*
 * Free the memory of a chunk, if it is in memory
 */
static void
free_records(RecordLog *log, RecordChunk *chunk)
{
	if (DsaPointerIsValid(chunk->shared))
	{
		record_area_free(log->area, chunk->shared);
		log->area->bytes -= chunk->bytes;
		chunk->shared = InvalidDsaPointer;
	}
	else if (chunk->records != NULL)
		pfree(chunk->records);
	chunk->records = NULL;
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
		free_records(log, chunk);
	}
	if (!log->grows_in_area)
		log->area = NULL;
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
	free_records(log, &log->chunks[chunk]);
}

/*
 * Chunks in the file, which are in front of all others
 */
uint32
record_log_chunks_in_file(const RecordLog *log)
{
	uint32		chunk = 0;

	while (chunk < log->chunk_count && log->chunks[chunk].records == NULL)
		chunk++;
	return chunk;
}

/*
 * Forget all but so many chunks; the log is not appended to any more
 */
void
record_log_truncate(RecordLog *log, uint32 chunk_count)
{
	close_last_chunk(log);
	for (; log->chunk_count > chunk_count; log->chunk_count--)
	{
		RecordChunk *last = &log->chunks[log->chunk_count - 1];

		free_records(log, last);
		log->full_count -= last->count;
	}
}

/*
 * Free all chunks; the log is empty and can be appended to again
 */
void
record_log_free(RecordLog *log)
{
	for (uint32 i = 0; i < log->chunk_count; i++)
		free_records(log, &log->chunks[i]);
	if (log->chunks != NULL)
		pfree(log->chunks);
	record_log_init(log, log->record_size, log->context, log->grows_in_area ? log->area : NULL);
}
