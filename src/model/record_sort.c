/*
 * Sorting by counting: the keys are dense numbers, or digits of large ones, so one pass
 * counts and one pass moves each record to its place. Both are stable.
 */
#include "compat.h"

#include "miscadmin.h"

#include "math/prefetch.h"
#include "memory.h"
#include "model/record_sort.h"

/* Records between two checks for interrupts */
#define RECORDS_PER_CHECK	65536

/* Bits of a digit of large numbers: its counts should stay in the nearest cache */
#define DIGIT_BITS	11

/* What the two passes need to know */
typedef struct CountingSort
{
	Size		record_size;	/* of the result */
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
	uint32		key = *(const uint32 *) (record + sort->key.offset) >> sort->key.shift & sort->key.mask;

	if (sort->key.map != NULL)
		key = sort->key.map[key];
	return Min(key, sort->key_count);
}

/*
 * Add records of a size to the counts, which are kept one slot up: row_start[k + 1]
 */
static pg_attribute_always_inline void
count_keys_sized(CountingSort *sort, const char *record, uint64 count, Size size)
{
	for (uint64 i = 0; i < count; i++, record += size)
	{
		if (i % RECORDS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		if (i + PREFETCH_AHEAD < count)
			prefetch_to_write(&sort->row_start[key_of(sort, record + PREFETCH_AHEAD * size) + 1]);
		sort->row_start[key_of(sort, record) + 1]++;
	}
}

/*
 * Move records of a size to their places; what they lack of the result's size is
 * copied from complement
 */
static pg_attribute_always_inline void
scatter_sized(CountingSort *sort, const char *record, uint64 count, Size size,
			  const char *complement, Size result_size)
{
	for (uint64 i = 0; i < count; i++, record += size)
	{
		char	   *place;

		if (i % RECORDS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		if (i + 2 * PREFETCH_AHEAD < count)
			prefetch_to_write(&sort->position[key_of(sort, record + 2 * PREFETCH_AHEAD * size)]);
		if (i + PREFETCH_AHEAD < count)
			prefetch_to_write(sort->sorted + result_size *
							  sort->position[key_of(sort, record + PREFETCH_AHEAD * size)]);
		place = sort->sorted + sort->position[key_of(sort, record)]++ * result_size;
		memcpy(place, record, size);
		if (size < result_size)
			memcpy(place + size, complement, result_size - size);
	}
}

/*
 * The two passes over some of the records. Copies of a known size are no calls.
 */
static void
count_keys(CountingSort *sort, const char *records, uint64 count, Size size)
{
	if (size == 16)
		count_keys_sized(sort, records, count, 16);
	else if (size == 24)
		count_keys_sized(sort, records, count, 24);
	else
		count_keys_sized(sort, records, count, size);
}

static void
scatter(CountingSort *sort, const char *records, uint64 count, Size size, const void *complement)
{
	if (size == 16 && sort->record_size == 16)
		scatter_sized(sort, records, count, 16, complement, 16);
	else if (size == 16 && sort->record_size == 24)
		scatter_sized(sort, records, count, 16, complement, 24);
	else if (size == 24 && sort->record_size == 24)
		scatter_sized(sort, records, count, 24, complement, 24);
	else
		scatter_sized(sort, records, count, size, complement, sort->record_size);
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
 * The two passes over a log; the second one frees it
 */
static void
count_log(CountingSort *sort, const RecordLog *log, char *buffer)
{
	for (uint32 i = 0; i < log->chunk_count; i++)
	{
		uint32		count;
		const char *records = record_log_chunk(log, i, buffer, &count);

		count_keys(sort, records, count, log->record_size);
	}
}

static void
scatter_log(CountingSort *sort, RecordLog *log, const void *complement, char *buffer)
{
	for (uint32 i = 0; i < log->chunk_count; i++)
	{
		uint32		count;
		const char *records = record_log_chunk(log, i, buffer, &count);

		scatter(sort, records, count, log->record_size, complement);
		record_log_free_chunk(log, i);
	}
	record_log_free(log);
}

/*
 * Sort the records of two logs together, and free the logs
 *
 * Records of the second one may be shorter: they are what the first one's begin
 * with, and complement is the rest of them. Otherwise as record_log_sort().
 */
void *
record_logs_sort(RecordLog *log, RecordLog *shorter, const void *complement, RecordKey key,
				 uint32 key_count, uint64 *row_start, MemoryContext context)
{
	CountingSort sort = {.record_size = log->record_size,.key = key,
	.key_count = key_count,.row_start = row_start};
	bool		on_file = log->file != NULL || (shorter != NULL && shorter->file != NULL);
	char	   *buffer = on_file ? MemoryContextAlloc(context, LAST_CHUNK_BYTES) : NULL;

	begin_sort(&sort, record_log_count(log) + (shorter == NULL ? 0 : record_log_count(shorter)), context);
	count_log(&sort, log, buffer);
	if (shorter != NULL)
		count_log(&sort, shorter, buffer);
	end_counting(&sort, context);
	scatter_log(&sort, log, NULL, buffer);
	if (shorter != NULL)
		scatter_log(&sort, shorter, complement, buffer);
	pfree(sort.position);
	if (buffer != NULL)
		pfree(buffer);
	return sort.sorted;
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
	return record_logs_sort(log, NULL, NULL, key, key_count, row_start, context);
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
	count_keys(&sort, records, count, record_size);
	end_counting(&sort, context);
	scatter(&sort, records, count, record_size, NULL);
	pfree(sort.position);
	pfree(records);
	return sort.sorted;
}

/*
 * The bits in which the numbers at an offset differ
 */
static uint32
differing_bits(const char *records, uint64 count, Size record_size, uint32 offset)
{
	uint32		first = count == 0 ? 0 : *(const uint32 *) (records + offset);
	uint32		bits = 0;

	for (uint64 i = 0; i < count; i++)
		bits |= first ^ *(const uint32 *) (records + i * record_size + offset);
	return bits;
}

/*
 * Sort an array by a number of 64 bits, digit by digit, the lowest first
 *
 * offset: of the number's upper half in a record; the lower half follows it. Returns an
 * array in context, and frees the one given, or returns that where all are equal. Equals
 * stay in their order.
 */
void *
records_sort_by_number(void *records, uint64 count, Size record_size, uint32 offset,
					   MemoryContext context)
{
	uint64		row_start[(1 << DIGIT_BITS) + 2];

	for (int half = 1; half >= 0; half--)
	{
		RecordKey	digit = {.offset = offset + half * sizeof(uint32),.mask = (1 << DIGIT_BITS) - 1};
		uint32		differing = differing_bits(records, count, record_size, digit.offset);

		for (; digit.shift < 32; digit.shift += DIGIT_BITS)
			if ((differing >> digit.shift & digit.mask) != 0)
				records = records_sort(records, count, record_size, digit, digit.mask + 1, row_start, context);
	}
	return records;
}
