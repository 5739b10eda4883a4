/*
 * Growing, sorting and freeing a chunked log of records.
 *
 * Sorting is by counting: the keys are dense numbers, so one pass counts and
 * one pass moves each record to its place. Both are stable, so that two sorts
 * order by two keys.
 */
#include "compat.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "math/prefetch.h"
#include "memory.h"
#include "model/record_log.h"

/* Records between two checks for interrupts */
#define RECORDS_PER_CHECK	65536

#define FIRST_CHUNK_CAPACITY	16

/*
 * Start an empty log of records of the given size in context
 */
void
record_log_init(RecordLog *log, Size record_size, MemoryContext context)
{
	memset(log, 0, sizeof(RecordLog));
	log->context = context;
	log->record_size = record_size;
	log->chunk_records = RECORD_LOG_CHUNK_BYTES / record_size;
}

/*
 * Add a chunk
 */
void
record_log_grow(RecordLog *log)
{
	Size		bytes = (Size) log->chunk_records * log->record_size;

	if (log->chunks == NULL)
	{
		log->chunk_capacity = FIRST_CHUNK_CAPACITY;
		log->chunks = MemoryContextAlloc(log->context, log->chunk_capacity * sizeof(char *));
	}
	else if (log->chunk_count == log->chunk_capacity)
	{
		if (log->chunk_capacity > PG_UINT32_MAX / 2)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many rows for one refresh")));
		log->chunk_capacity *= 2;
		log->chunks = repalloc_huge(log->chunks, (Size) log->chunk_capacity * sizeof(char *));
	}
	log->next = MemoryContextAlloc(log->context, bytes);
	log->end = log->next + bytes;
	log->chunks[log->chunk_count++] = log->next;
}

/*
 * Free all chunks; the log is empty and can be appended to again
 */
void
record_log_free(RecordLog *log)
{
	for (uint32 i = 0; i < log->chunk_count; i++)
		pfree(log->chunks[i]);
	if (log->chunks != NULL)
		pfree(log->chunks);
	record_log_init(log, log->record_size, log->context);
}

/*
 * Slot of a record: its key, or key_count for the keys beyond (NOBODY)
 */
static inline uint32
key_of(const char *record, Size key_offset, uint32 key_count)
{
	uint32		key = *(const uint32 *) (record + key_offset);

	return Min(key, key_count);
}

/*
 * Add the records to the counts, which are kept one slot up: row_start[k + 1]
 */
static void
count_keys(const char *records, uint64 count, Size record_size, Size key_offset,
		   uint32 key_count, uint64 *row_start)
{
	for (uint64 i = 0; i < count; i++)
	{
		if (i % RECORDS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		if (i + PREFETCH_AHEAD < count)
			prefetch_to_write(&row_start[key_of(records + (i + PREFETCH_AHEAD) * record_size,
												key_offset, key_count) + 1]);
		row_start[key_of(records + i * record_size, key_offset, key_count) + 1]++;
	}
}

/*
 * Turn counts into positions
 */
static void
sum_counts(uint64 *row_start, uint32 key_count)
{
	for (uint32 key = 0; key <= key_count; key++)
		row_start[key + 1] += row_start[key];
}

/*
 * Move records to their places; position[k] is where the next one of key k goes
 */
static void
scatter(const char *records, uint64 count, Size record_size, Size key_offset,
		uint32 key_count, uint64 *position, char *sorted)
{
	for (uint64 i = 0; i < count; i++)
	{
		const char *record = records + i * record_size;
		uint32		key = key_of(record, key_offset, key_count);

		if (i % RECORDS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		if (i + 2 * PREFETCH_AHEAD < count)
			prefetch_to_write(&position[key_of(record + 2 * PREFETCH_AHEAD * record_size,
											   key_offset, key_count)]);
		if (i + PREFETCH_AHEAD < count)
			prefetch_to_write(sorted + record_size *
							  position[key_of(record + PREFETCH_AHEAD * record_size,
											  key_offset, key_count)]);
		memcpy(sorted + position[key]++ * record_size, record, record_size);
	}
}

/*
 * Sort the records of a log by a uint32 at key_offset, and free the log
 *
 * Returns an array in the log's context. row_start (key_count + 2 entries) is
 * filled so that key k has the records from row_start[k] to row_start[k + 1] - 1;
 * keys of key_count and above come last, from row_start[key_count].
 */
void *
record_log_sort(RecordLog *log, Size key_offset, uint32 key_count, uint64 *row_start)
{
	Size		size = log->record_size;
	char	   *sorted = huge_array(log->context, log->count, size);
	uint64	   *position = huge_array(log->context, (uint64) key_count + 2, sizeof(uint64));

	memset(row_start, 0, ((Size) key_count + 2) * sizeof(uint64));
	for (uint32 i = 0; i < log->chunk_count; i++)
		count_keys(log->chunks[i], record_log_chunk_length(log, i), size, key_offset,
				   key_count, row_start);
	sum_counts(row_start, key_count);
	memcpy(position, row_start, ((Size) key_count + 2) * sizeof(uint64));
	for (uint32 i = 0; i < log->chunk_count; i++)
	{
		scatter(log->chunks[i], record_log_chunk_length(log, i), size, key_offset,
				key_count, position, sorted);
		pfree(log->chunks[i]);
	}
	pfree(position);

	log->chunk_count = 0;
	record_log_free(log);
	return sorted;
}

/*
 * The same for an array in context, which is freed
 */
void *
records_sort(void *records, uint64 count, Size record_size, Size key_offset,
			 uint32 key_count, uint64 *row_start, MemoryContext context)
{
	char	   *sorted = huge_array(context, count, record_size);
	uint64	   *position = huge_array(context, (uint64) key_count + 2, sizeof(uint64));

	memset(row_start, 0, ((Size) key_count + 2) * sizeof(uint64));
	count_keys(records, count, record_size, key_offset, key_count, row_start);
	sum_counts(row_start, key_count);
	memcpy(position, row_start, ((Size) key_count + 2) * sizeof(uint64));
	scatter(records, count, record_size, key_offset, key_count, position, sorted);
	pfree(position);
	pfree(records);
	return sorted;
}
