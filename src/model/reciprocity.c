/*
 * Reciprocity: who gives back what, of what can be traded.
 *
 * Only what is not conversational can be: an answer is not a traded like. Two things
 * depend on it, for which targets are measured afterwards:
 *
 *   engagement of a pair   (1 - reciprocity_discount * min/max of what both gave)
 *   trust of an actor      by the part of what the actor gives that is traded (trust.h)
 *
 * The two directions of a pair are with two targets, in two partitions. So what may
 * have a counterpart is noted twice, with its target as received and with its actor
 * as given; later, in one partition, what somebody received meets what the same person
 * gave. Few pairs have a counterpart: a filter, filled before the first is noted,
 * leaves out most others. It is laid out so that the people of one partition find all
 * they ask for in a piece that stays in the processor's cache.
 *
 *   rows -> announce -> filter -> note -> received, given -> match -> exchanges
 *
 * Memory: 1 to 2 bytes a row for the filter; 48 a pair that passes it until it is
 * matched, then 24 a pair that gave both ways.
 */
#include "compat.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "math/decay.h"
#include "memory.h"
#include "model/reciprocity.h"
#include "model/record_sort.h"
#include "model/row_scan.h"

/* Bits of the filter a row, before rounding up to a power of two */
#define FILTER_BITS_A_ROW	8
#define MIN_FILTER_BITS		(64 * PARTITION_COUNT)

/* Gifts, and words of the filter, between two checks for interrupts */
#define GIFTS_PER_CHECK		16384
#define WORDS_PER_CHECK		65536

/* Rows of a partition that are being noted */
typedef struct Note
{
	const Model *model;
	const PartitionClocks *clocks;
	double		window;			/* longest age that counts, INFINITY: none */
	const Reciprocity *reciprocity;
	RecordLog  *received;		/* of the partition */
} Note;

/*
 * Without anything announced or noted, in a context of its own below parent
 *
 * rows: at most so many pairs will be announced, after reciprocity_begin(). area: where
 * logs of what was given go to other processes, or NULL.
 */
Reciprocity *
reciprocity_create(const Model *model, uint64 rows, RecordArea *area, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "influence reciprocity", ALLOCSET_DEFAULT_SIZES);
	Reciprocity *reciprocity = MemoryContextAllocZero(context, sizeof(Reciprocity));
	uint64		bits = MIN_FILTER_BITS;

	reciprocity->context = context;
	if (model->reciprocity_discount == 0 && model->trading_discount == 0)
		return reciprocity;
	while (bits / FILTER_BITS_A_ROW < rows)
		bits *= 2;
	reciprocity->matters = true;
	reciprocity->region_mask = bits / 64 / PARTITION_COUNT - 1;
	for (int i = 0; i < PARTITION_COUNT; i++)
	{
		record_log_init(&reciprocity->received[i], sizeof(Gift), context, NULL);
		record_log_init(&reciprocity->given[i], sizeof(Gift), context, area);
		record_log_init(&reciprocity->exchanges[i], sizeof(Exchange), context, NULL);
	}
	return reciprocity;
}

/*
 * Set all words of a filter to 0
 */
void
reciprocity_clear_filter(pg_atomic_uint64 *filter, uint64 words)
{
	for (uint64 i = 0; i < words; i++)
	{
		if (i % WORDS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		pg_atomic_init_u64(&filter[i], 0);
	}
}

/*
 * Let pairs be announced
 *
 * shared_filter: reciprocity_filter_words() words, all 0, that other processes use as
 * well and that outlive reciprocity_end_notes(); or NULL.
 */
void
reciprocity_begin(Reciprocity *reciprocity, pg_atomic_uint64 *shared_filter)
{
	uint64		words = reciprocity_filter_words(reciprocity);

	reciprocity->shared = shared_filter != NULL;
	reciprocity->filter = shared_filter;
	if (reciprocity->shared)
		return;
	reciprocity->filter = huge_array(reciprocity->context, words, sizeof(pg_atomic_uint64));
	reciprocity_clear_filter(reciprocity->filter, words);
}

/*
 * Free all of it
 */
void
reciprocity_destroy(Reciprocity *reciprocity)
{
	MemoryContextDelete(reciprocity->context);
}

/*
 * Bring the filter's word for note_row() into the cache
 */
static void
expect_row(void *state, ScannedRow scanned)
{
	const Note *note = state;

	if (scanned.row->actor != NOBODY)
		reciprocity_prefetch(note->reciprocity, scanned.target, scanned.row->actor);
}

/*
 * Note a row as received if its target may have given something to its actor
 */
static void
note_row(void *state, ScannedRow scanned)
{
	Note	   *note = state;
	const Interaction *row = scanned.row;
	const Signal *signal = &note->model->signals[row->stamp.signal];
	uint32		place = interaction_place(row);
	double		age;
	Gift	   *gift;

	if (row->actor == NOBODY || !role_is_engaging(signal->role) || signal->conversational ||
		!reciprocity_announced(note->reciprocity, scanned.target, row->actor))
		return;
	age = clock_age(note->clocks, place, (double) row->stamp.age);
	if (age > note->window)
		return;
	gift = record_log_append(note->received);
	gift->place = place;
	gift->other = row->actor;
	gift->value = signal->weight * scanned.multiplier * decay_factor(age, signal->half_life);
	gift->amount = (double) row->stamp.age <= note->window ? tradable_amount(note->model, row) : 0;
}

#define ST_SORT sort_by_other
#define ST_ELEMENT_TYPE Gift
#define ST_COMPARE(a, b) (((a)->other > (b)->other) - ((a)->other < (b)->other))
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * Gifts of a log, which is used up, by place and other person; those of one pair are
 * one afterwards. Sets where each place starts.
 */
static Gift *
take_gifts(RecordLog *log, uint32 place_count, uint64 **row_start)
{
	RecordKey	place = {.mask = PG_UINT32_MAX};
	uint64	   *start = huge_array(CurrentMemoryContext, (uint64) place_count + 2, sizeof(uint64));
	Gift	   *gifts = record_log_sort(log, place, place_count, start, CurrentMemoryContext);
	uint64		kept = 0;

	for (uint32 i = 0; i < place_count; i++)
	{
		uint64		first = start[i];
		uint64		end = start[i + 1];

		sort_by_other(gifts + first, end - first);
		start[i] = kept;
		for (uint64 j = first; j < end; j++)
		{
			if (kept > start[i] && gifts[kept - 1].other == gifts[j].other)
			{
				gifts[kept - 1].value += gifts[j].value;
				gifts[kept - 1].amount += gifts[j].amount;
			}
			else
				gifts[kept++] = gifts[j];
		}
	}
	start[place_count] = kept;
	*row_start = start;
	return gifts;
}

/*
 * Note what the people of a partition received, after all was announced
 *
 * Works in the current memory context, which may be reset afterwards.
 */
void
reciprocity_note(Reciprocity *reciprocity, Ingest *ingest, int network, uint32 partition,
				 const PartitionClocks *clocks, uint32 place_count)
{
	Note		note = {.model = ingest->model,.clocks = clocks,.window = model_longest_age(ingest->model),
	.reciprocity = reciprocity,.received = &reciprocity->received[partition]};
	Gift	   *gifts;
	uint64	   *row_start;

	scan_rows(ingest, network, partition, palloc(LAST_CHUNK_BYTES), (RowVisitor) {note_row, expect_row, &note});
	gifts = take_gifts(note.received, place_count, &row_start);
	record_log_append_all(note.received, gifts, row_start[place_count]);
	for (uint64 i = 0; i < row_start[place_count]; i++)
	{
		uint32		actor = gifts[i].other;
		Gift	   *given = record_log_append(&reciprocity->given[partition_of(actor)]);

		if (i % GIFTS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		*given = gifts[i];
		given->place = place_of(actor);
		given->other = person_at(partition, gifts[i].place);
	}
}

/*
 * Nobody asks for what was announced any more
 */
void
reciprocity_end_notes(Reciprocity *reciprocity)
{
	if (!reciprocity->shared)
		pfree(reciprocity->filter);
	reciprocity->filter = NULL;
}

/*
 * What one person received meets what the same person gave, both by other person
 *
 * What was given counts as traded up to twice of what came back: returns how much.
 * partners: gets how many gave both ways.
 */
static uint64
match_person(RecordLog *exchanges, const Gift *received, const Gift *received_end,
			 const Gift *given, const Gift *given_end, uint32 *partners)
{
	uint64		traded = 0;

	for (; received < received_end; received++)
	{
		Exchange   *exchange;

		while (given < given_end && given->other < received->other)
			given++;
		if (given == given_end)
			break;
		if (given->other != received->other)
			continue;
		exchange = record_log_append(exchanges);
		exchange->place = received->place;
		exchange->actor = received->other;
		exchange->returned = given->value;
		exchange->traded = Min(received->amount, 2 * given->amount);
		traded += Min(given->amount, 2 * received->amount);
		if (given->amount > 0 && received->amount > 0)
			(*partners)++;
	}
	return traded;
}

/*
 * Match what the people of a partition received with what they gave, after all was
 * noted, which is used up
 *
 * habits: gets what was traded, and with how many. Works in the current memory
 * context, which may be reset afterwards.
 */
void
reciprocity_match(Reciprocity *reciprocity, uint32 partition, uint32 place_count, ActorHabits *habits)
{
	uint64	   *received_start;
	uint64	   *given_start;
	Gift	   *received = take_gifts(&reciprocity->received[partition], place_count, &received_start);
	Gift	   *given = take_gifts(&reciprocity->given[partition], place_count, &given_start);

	for (uint32 place = 0; place < place_count; place++)
	{
		uint32		person = person_at(partition, place);

		CHECK_FOR_INTERRUPTS();
		habits[person].gifts.traded =
			match_person(&reciprocity->exchanges[partition],
						 received + received_start[place], received + received_start[place + 1],
						 given + given_start[place], given + given_start[place + 1],
						 &habits[person].partners);
	}
}

/*
 * Move what was noted and matched to a file
 */
void
reciprocity_spill(Reciprocity *reciprocity, SpillFile *file)
{
	if (!reciprocity_matters(reciprocity))
		return;
	for (int i = 0; i < PARTITION_COUNT; i++)
	{
		record_log_spill(&reciprocity->received[i], file);
		record_log_spill(&reciprocity->given[i], file);
		record_log_spill(&reciprocity->exchanges[i], file);
	}
}
