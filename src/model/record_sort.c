/*
 * Sorting by counting: the keys are dense numbers, so one pass counts and one
 * pass moves each record to its place. Both are stable.
 */
#include "compat.h"

#include "miscadmin.h"

#include "math/prefetch.h"
#include "memory.h"
#include "model/record_sort.h"

/* Records between two checks for interrupts */
#define RECORDS_PER_CHECK	65536

/* What the two passes need to know */
typedef struct CountingSort
{
	Size		record_size;
	RecordKey	key;
	uint32		key_count;
	uint64	   *row_start;		/* by key; key_count + 2 */
	uint64	   *position;		/* by key: where its next record goes */
	char	   *sorted;
} CountingSort;

/*
 * Slot of a record: its key, or key_count for the keys beyond
 */
static inline uint32
key_of(const CountingSort *sort, const char *record)
{
	uint32		key = *(const uint32 *) (record + sort->key.offset) & sort->key.mask;

	if (sort->key.map != NULL)
		key = sort->key.map[key];
	return Min(key, sort->key_count);
}

/*
 * Add the records to the counts, which are kept one slot up: row_start[k + 1]
 */
static void
count_keys(CountingSort *sort, const char *records, uint64 count)
{
	for (uint64 i = 0; i < count; i++)
	{
		const char *record = records + i * sort->record_size;

		if (i % RECORDS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		if (i + PREFETCH_AHEAD < count)
			prefetch_to_write(&sort->row_start[key_of(sort, record + PREFETCH_AHEAD * sort->record_size) + 1]);
		sort->row_start[key_of(sort, record) + 1]++;
	}
}

/*
 * Move records to their places
 */
static void
scatter(CountingSort *sort, const char *records, uint64 count)
{
	Size		size = sort->record_size;

	for (uint64 i = 0; i < count; i++)
	{
		const char *record = records + i * size;

		if (i % RECORDS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		if (i + 2 * PREFETCH_AHEAD < count)
			prefetch_to_write(&sort->position[key_of(sort, record + 2 * PREFETCH_AHEAD * size)]);
		if (i + PREFETCH_AHEAD < count)
			prefetch_to_write(sort->sorted + size *
							  sort->position[key_of(sort, record + PREFETCH_AHEAD * size)]);
		memcpy(sort->sorted + sort->position[key_of(sort, record)]++ * size, record, size);
	}
}

/*
 * Allocate the result, and start counting
 */
static void
begin_sort(CountingSort *sort, uint64 count, MemoryContext context)
{
	sort->sorted = huge_array(context, count, sort->record_size);
	memset(sort->row_start, 0, ((Size) sort->key_count + 2) * sizeof(uint64));
}

/*
 * Turn counts into positions
 */
static void
end_counting(CountingSort *sort, MemoryContext context)
{
	uint64		slots = (uint64) sort->key_count + 2;

	for (uint32 key = 0; key <= sort->key_count; key++)
		sort->row_start[key + 1] += sort->row_start[key];
	sort->position = huge_array(context, slots, sizeof(uint64));
	memcpy(sort->position, sort->row_start, slots * sizeof(uint64));
}

/*
 * Sort the records of a log, and free the log
 *
 * Returns an array in context. row_start (key_count + 2 entries) is filled so that
 * key k has the records from row_start[k] to row_start[k + 1] - 1; keys of
 * key_count and above come last, from row_start[key_count].
 */
void *
record_log_sort(RecordLog *log, RecordKey key, uint32 key_count,
				uint64 *row_start, MemoryContext context)
{
	CountingSort sort = {.record_size = log->record_size,.key = key,
	.key_count = key_count,.row_start = row_start};
	char	   *buffer = log->file == NULL ? NULL : MemoryContextAlloc(context, LAST_CHUNK_BYTES);
	const char *records;
	uint32		count;

	begin_sort(&sort, record_log_count(log), context);
	for (uint32 i = 0; i < log->chunk_count; i++)
	{
		records = record_log_chunk(log, i, buffer, &count);
		count_keys(&sort, records, count);
	}
	end_counting(&sort, context);
	for (uint32 i = 0; i < log->chunk_count; i++)
	{
		records = record_log_chunk(log, i, buffer, &count);
		scatter(&sort, records, count);
		record_log_free_chunk(log, i);
	}
	record_log_free(log);
	pfree(sort.position);
	if (buffer != NULL)
		pfree(buffer);
	return sort.sorted;
}

/*
 * The same for an array, which is freed
 */
void *
records_sort(void *records, uint64 count, Size record_size, RecordKey key,
			 uint32 key_count, uint64 *row_start, MemoryContext context)
{
	CountingSort sort = {.record_size = record_size,.key = key,
	.key_count = key_count,.row_start = row_start};

	begin_sort(&sort, count, context);
	count_keys(&sort, records, count);
	end_counting(&sort, context);
	scatter(&sort, records, count);
	pfree(sort.position);
	pfree(records);
	return sort.sorted;
}
