/*
 * Reciprocity: y * (1 - discount * min/max of what both directions gave)
 *
 * Only what is not conversational counts: an answer is not a traded like.
 *
 * The two directions of a pair are with two targets, in two partitions. So each
 * value that may have a counterpart is noted twice, with its target as received
 * and with its actor as given; later, in one partition, what somebody received
 * meets what the same person gave. Few pairs have a counterpart: a filter of one
 * bit a pair, filled before the first value is noted, leaves out most others. It
 * is laid out so that the people of one partition find all they ask for in a piece
 * that stays in the processor's cache.
 * Memory: 1 to 2 bytes a row for the filter, 32 a pair that passes it.
 */
#include "compat.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "memory.h"
#include "model/reciprocity.h"
#include "model/record_sort.h"

/* Bits of the filter a row, before rounding up to a power of two */
#define FILTER_BITS_A_ROW	8
#define MIN_FILTER_BITS		(64 * PARTITION_COUNT)

/*
 * Without anything announced or noted, in a context of its own below parent
 *
 * rows: at most so many pairs will be announced.
 */
Reciprocity *
reciprocity_create(double discount, uint64 rows, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "influence reciprocity", ALLOCSET_DEFAULT_SIZES);
	Reciprocity *reciprocity = MemoryContextAllocZero(context, sizeof(Reciprocity));
	uint64		bits = MIN_FILTER_BITS;

	reciprocity->context = context;
	reciprocity->discount = discount;
	if (discount == 0)
		return reciprocity;
	while (bits / FILTER_BITS_A_ROW < rows)
		bits *= 2;
	reciprocity->region_mask = bits / PARTITION_COUNT - 1;
	reciprocity->filter = huge_array_zero(context, bits / 64, sizeof(uint64));
	for (int i = 0; i < PARTITION_COUNT; i++)
	{
		record_log_init(&reciprocity->received[i], sizeof(TradedValue), context);
		record_log_init(&reciprocity->given[i], sizeof(TradedValue), context);
	}
	return reciprocity;
}

/*
 * Free all of it
 */
void
reciprocity_destroy(Reciprocity *reciprocity)
{
	MemoryContextDelete(reciprocity->context);
}

static void
append_value(RecordLog *logs, uint32 person, uint32 other, double value)
{
	TradedValue *record = record_log_append(&logs[partition_of(person)]);

	record->place = place_of(person);
	record->other = other;
	record->value = value;
}

/*
 * Note what an actor gave a target, after all was announced
 *
 * Per target, actors must come in ascending order.
 */
void
reciprocity_note(Reciprocity *reciprocity, uint32 actor, uint32 target, double value)
{
	uint64		bit;

	if (reciprocity->discount == 0 || value == 0)
		return;
	bit = reciprocity_bit(reciprocity, target, actor);
	if ((reciprocity->filter[bit >> 6] >> (bit & 63) & 1) == 0)
		return;
	append_value(reciprocity->received, target, actor, value);
	append_value(reciprocity->given, actor, target, value);
}

#define ST_SORT sort_by_other
#define ST_ELEMENT_TYPE TradedValue
#define ST_COMPARE(a, b) (((a)->other > (b)->other) - ((a)->other < (b)->other))
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * Values of a log by place and other person
 */
static TradedValue *
sort_values(RecordLog *log, uint32 place_count, uint64 **row_start, MemoryContext context)
{
	RecordKey	place = {.mask = PG_UINT32_MAX};
	TradedValue *values;

	*row_start = huge_array(context, (uint64) place_count + 2, sizeof(uint64));
	values = record_log_sort(log, place, place_count, *row_start, context);
	for (uint32 i = 0; i < place_count; i++)
		sort_by_other(values + (*row_start)[i], (*row_start)[i + 1] - (*row_start)[i]);
	return values;
}

/*
 * Discount the edges of one target
 *
 * received, given: by other person, up to their ends.
 */
static void
discount_row(double discount, EdgePartition *edges, uint64 edge,
			 const TradedValue *received, const TradedValue *received_end,
			 const TradedValue *given, const TradedValue *given_end)
{
	for (; received < received_end; received++)
	{
		while (given < given_end && given->other < received->other)
			given++;
		if (given == given_end)
			return;
		if (given->other != received->other)
			continue;
		while (edges->actor[edge] != received->other)
			edge++;
		edges->engagement[edge] *= 1 - discount * Min(received->value, given->value) /
			Max(received->value, given->value);
	}
}

/*
 * Discount the edges of a partition, after all was noted; what was noted of its
 * people is used up. context: for the work.
 */
void
reciprocity_apply(Reciprocity *reciprocity, uint32 partition, EdgePartition *edges,
				  MemoryContext context)
{
	uint64	   *received_start;
	uint64	   *given_start;
	TradedValue *received;
	TradedValue *given;

	if (reciprocity->discount == 0)
		return;
	received = sort_values(&reciprocity->received[partition], edges->place_count, &received_start, context);
	given = sort_values(&reciprocity->given[partition], edges->place_count, &given_start, context);
	for (uint32 place = 0; place < edges->place_count; place++)
		discount_row(reciprocity->discount, edges, edges->row_start[place],
					 received + received_start[place], received + received_start[place + 1],
					 given + given_start[place], given + given_start[place + 1]);
}

/*
 * Move what was noted to a file
 */
void
reciprocity_spill(Reciprocity *reciprocity, SpillFile *file)
{
	if (reciprocity->discount == 0)
		return;
	for (int i = 0; i < PARTITION_COUNT; i++)
	{
		record_log_spill(&reciprocity->received[i], file);
		record_log_spill(&reciprocity->given[i], file);
	}
}
