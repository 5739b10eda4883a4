/*
 * How rows and people get from a worker that has read them to the leader.
 *
 *   worker   offers people  ...  renumbers its rows into the area, ends
 *   leader               numbers people                                 takes over rows
 *
 * Nothing is copied when the leader takes over: chunks of records that one process gives
 * up another one adopts where they are (record_log.c).
 */
#include "compat.h"

#include "miscadmin.h"
#include "pgstat.h"

#include "math/prefetch.h"
#include "memory.h"
#include "model/day_rows.h"
#include "model/hand_over.h"
#include "model/id_bytes.h"
#include "model/shared_log.h"

/* People between two checks for interrupts */
#define PEOPLE_PER_CHECK	65536

/* What is known of a day besides its records */
typedef struct SharedDay
{
	int			source;
	int			day;
	uint64		rows;
	TimestampTz earliest_reaction;
} SharedDay;

/*
 * Set up what a worker will hand over
 */
void
hand_over_init(HandOver *worker)
{
	memset(worker, 0, sizeof(HandOver));
	pg_atomic_init_u32(&worker->stage, WORKER_READS);
	ConditionVariableInit(&worker->changed);
}

/*
 * A worker gets to a stage; everybody learns of it
 */
static void
set_stage(HandOver *worker, WorkerStage stage)
{
	pg_write_barrier();
	pg_atomic_write_u32(&worker->stage, stage);
	ConditionVariableBroadcast(&worker->changed);
}

/*
 * Wait until a worker is at a stage
 */
static void
wait_for_stage(HandOver *worker, WorkerStage stage)
{
	while (pg_atomic_read_u32(&worker->stage) != stage)
		ConditionVariableSleep(&worker->changed, PG_WAIT_EXTENSION);
	ConditionVariableCancelSleep();
	pg_read_barrier();
}

/*
 * Copy the ids of all people into the area, one behind the other
 */
static dsa_pointer
share_ids(dsa_area *area, const InternTable *people, Oid id_type)
{
	uint32		count = intern_count(people);
	Size		size = 0;
	dsa_pointer pointer;
	char	   *next;

	for (uint32 i = 0; i < count; i++)
		size += id_bytes(id_type, intern_datum(people, i));
	pointer = dsa_allocate_extended(area, Max(size, 1), DSA_ALLOC_HUGE);
	next = dsa_get_address(area, pointer);
	for (uint32 i = 0; i < count; i++)
		next = id_write(id_type, intern_datum(people, i), next);
	return pointer;
}

/*
 * Worker: let the leader know of the people, and get their numbers, which are in the
 * area; the own ones are not looked up any more
 */
static const uint32 *
exchange_people(Ingest *ingest, HandOver *to)
{
	dsa_area   *area = ingest->area->area;
	uint32		count = intern_count(ingest->people);

	to->person_count = count;
	to->ids = share_ids(area, ingest->people, ingest->model->ref.id_type);
	to->last_active_at = share_bytes(area, ingest->last_active_at, count * sizeof(TimestampTz));
	if (ingest->sentiment != NULL)
		to->sentiment = share_bytes(area, ingest->sentiment, count * sizeof(Sentiment));
	intern_drop_hash(ingest->people);

	set_stage(to, WORKER_OFFERS_PEOPLE);
	wait_for_stage(to, WORKER_HAS_NUMBERS);
	return shared_bytes(area, to->numbers, count * sizeof(uint32));
}

/*
 * Leader: give the people of a worker their numbers; returns them by the worker's
 */
static uint32 *
number_people(Ingest *ingest, HandOver *from)
{
	dsa_area   *area = ingest->area->area;
	Oid			id_type = ingest->model->ref.id_type;
	char	   *next = dsa_get_address(area, from->ids);
	uint32	   *numbers;

	from->numbers = dsa_allocate_extended(area, Max(from->person_count, 1) * sizeof(uint32), DSA_ALLOC_HUGE);
	numbers = dsa_get_address(area, from->numbers);
	for (uint32 i = 0; i < from->person_count; i++)
	{
		Datum		id;

		if (i % PEOPLE_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		if (id_type == INT8OID && i + PREFETCH_AHEAD < from->person_count)
			intern_prefetch(ingest->people, Int64GetDatum(((int64 *) next)[PREFETCH_AHEAD]));
		id = id_read(id_type, next);
		next += id_bytes(id_type, id);
		numbers[i] = ingest_person(ingest, id);
	}
	dsa_free(area, from->ids);
	return numbers;
}

/*
 * Leader: add what a worker knows of people to what we know of them
 */
static void
add_what_is_known(Ingest *ingest, const HandOver *from, const uint32 *numbers)
{
	dsa_area   *area = ingest->area->area;
	const TimestampTz *last_active_at = dsa_get_address(area, from->last_active_at);
	const Sentiment *sentiment = DsaPointerIsValid(from->sentiment) ?
		dsa_get_address(area, from->sentiment) : NULL;

	for (uint32 i = 0; i < from->person_count; i++)
	{
		if (i % PEOPLE_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		if (i + PREFETCH_AHEAD < from->person_count)
			ingest_prefetch_person(ingest, numbers[i + PREFETCH_AHEAD]);
		ingest_note_activity(ingest, numbers[i], last_active_at[i]);
		if (sentiment != NULL)
			ingest_add_sentiment(ingest, numbers[i], sentiment[i]);
	}
	dsa_free(area, from->last_active_at);
	if (DsaPointerIsValid(from->sentiment))
		dsa_free(area, from->sentiment);
}

/*
 * Leader: wait for the people of a worker, and give them their numbers
 */
void
take_over_people(Ingest *ingest, HandOver *from)
{
	uint32	   *numbers;

	wait_for_stage(from, WORKER_OFFERS_PEOPLE);
	numbers = number_people(ingest, from);
	ingest_check_people(ingest, false);
	set_stage(from, WORKER_HAS_NUMBERS);
	add_what_is_known(ingest, from, numbers);
}

/*
 * Add records of a size to logs by the leader's numbers for people
 *
 * has_actor: an AnonymousCount has nobody there, and nothing.
 */
static pg_attribute_always_inline void
renumber_records(NetworkRows *to, uint32 partition, RowKind kind, const char *record, uint32 count,
				 const uint32 *numbers, Size size, bool has_actor)
{
	StaticAssertStmt(offsetof(Interaction, actor) == offsetof(PostEvent, actor),
					 "records must have their actor at the same place");
	for (uint32 i = 0; i < count; i++, record += size)
	{
		uint32		packed = *(const uint32 *) record;
		uint32		target = numbers[person_at(partition, packed & PLACE_MASK)];
		Interaction *copy;

		if (has_actor && i + PREFETCH_AHEAD < count)
		{
			uint32		actor = ((const Interaction *) (record + PREFETCH_AHEAD * size))->actor;

			if (actor != NOBODY)
				prefetch(&numbers[actor]);
		}
		copy = record_log_append(network_log(to, partition_of(target), kind));
		memcpy(copy, record, size);
		copy->place_and_rows = (packed & ~PLACE_MASK) | place_of(target);
		if (has_actor && copy->actor != NOBODY)
			copy->actor = numbers[copy->actor];
	}
}

/*
 * The same for a chunk. Copies of a known size are no calls.
 */
static void
renumber_chunk(NetworkRows *to, uint32 partition, RowKind kind, const char *records, uint32 count,
			   const uint32 *numbers)
{
	if (kind == ROWS_PLAIN)
		renumber_records(to, partition, kind, records, count, numbers, PLAIN_INTERACTION_BYTES, true);
	else if (kind == ROWS_INTERACTIONS)
		renumber_records(to, partition, kind, records, count, numbers, sizeof(Interaction), true);
	else
		renumber_records(to, partition, kind, records, count, numbers, ingest_record_size(kind),
						 kind != ROWS_ANONYMOUS);
}

/*
 * Give records of a day the leader's numbers for people, where they are
 */
static void
renumber_day_records(DayKind kind, char *record, uint32 count, const uint32 *numbers)
{
	bool		has_actor = day_kind_has_actor(kind);
	Size		size = day_record_size(kind);

	for (uint32 i = 0; i < count; i++, record += size)
	{
		uint32	   *people = (uint32 *) record;

		people[0] = numbers[people[0]];
		if (has_actor && people[1] != NOBODY)
			people[1] = numbers[people[1]];
	}
}

/*
 * Worker: renumber the rows of a network, which are freed, into the area; those in the
 * file stay there
 */
static void
renumber_rows(NetworkRows *rows, const uint32 *numbers, NetworkRows *to)
{
	for (int i = 0; rows->partitions != NULL && i < PARTITION_COUNT; i++)
	{
		for (int kind = 0; kind < ROW_KIND_COUNT; kind++)
		{
			RecordLog  *log = network_log(rows, i, kind);
			uint32		in_file = record_log_chunks_in_file(log);

			for (uint32 chunk = in_file; chunk < log->chunk_count; chunk++)
			{
				uint32		count;
				const char *records = record_log_chunk(log, chunk, NULL, &count);

				CHECK_FOR_INTERRUPTS();
				renumber_chunk(to, i, kind, records, count, numbers);
				record_log_free_chunk(log, chunk);
			}
			record_log_truncate(log, in_file);
		}
		if (i % PARTITIONS_PER_GIVE_BACK == 0)
			memory_give_back();
	}
}

/*
 * Share all logs of some networks, which are in the area or in the file
 */
static SharedChunk *
share_networks(NetworkRows *networks, int network_count, dsa_area *area, SharedChunk *chunks)
{
	for (int network = 0; network < network_count; network++)
		for (int i = 0; networks[network].partitions != NULL && i < PARTITION_COUNT; i++)
			for (int kind = 0; kind < ROW_KIND_COUNT; kind++)
				chunks = share_log(area, network_log(&networks[network], i, kind),
								   shared_chunk(network, i, kind), chunks, NULL);
	return chunks;
}

/*
 * Days of which there are rows
 */
static List *
list_days(const DaySet *set)
{
	List	   *days = NIL;

	for (Size i = 0; set != NULL && i < set->source_count * (Size) (set->range.end - set->range.first); i++)
		if (set->days[i] != NULL)
			days = lappend(days, set->days[i]);
	return days;
}

/*
 * Chunks in the logs of days
 */
static uint64
count_day_chunks(const DaySet *set, List *days)
{
	uint64		count = 0;
	ListCell   *lc;

	foreach(lc, days)
		for (int i = 0; i < set->network_count * DAY_KIND_COUNT; i++)
			count += ((DayRows *) lfirst(lc))->logs[i].chunk_count;
	return count;
}

/*
 * Share the records of one kind of a day, renumbered but for those in the file
 */
static SharedChunk *
share_day_log(RecordLog *log, SharedChunk key, dsa_area *area, const uint32 *numbers, SharedChunk *chunks)
{
	SharedChunk *end = share_log(area, log, key, chunks, NULL);

	for (; chunks < end; chunks++)
		if (DsaPointerIsValid(chunks->records))
			renumber_day_records(key.kind, dsa_get_address(area, chunks->records), chunks->count, numbers);
	return end;
}

/*
 * Share what is known of all days
 */
static SharedChunk *
share_days(DaySet *set, List *days, dsa_area *area, const uint32 *numbers, HandOver *to, SharedChunk *chunks)
{
	SharedDay  *shared;
	ListCell   *lc;

	to->day_count = list_length(days);
	to->days = dsa_allocate_extended(area, sizeof(SharedDay) * Max(to->day_count, 1), DSA_ALLOC_HUGE);
	shared = dsa_get_address(area, to->days);
	foreach(lc, days)
	{
		const DayRows *rows = lfirst(lc);
		SharedChunk key = {.day = foreach_current_index(lc),.records = InvalidDsaPointer};

		shared[key.day].source = rows->source;
		shared[key.day].day = rows->day;
		shared[key.day].rows = rows->rows;
		shared[key.day].earliest_reaction = rows->earliest_reaction;
		for (key.network = 0; key.network < set->network_count; key.network++)
			for (key.kind = 0; key.kind < DAY_KIND_COUNT; key.kind++)
				chunks = share_day_log(day_log(set, rows, key.network, key.kind), key, area, numbers, chunks);
	}
	return chunks;
}

/*
 * Worker: leave all rows in the area, but for those in the file
 */
static void
hand_over_rows(Ingest *ingest, const uint32 *numbers, HandOver *to)
{
	dsa_area   *area = ingest->area->area;
	int			network_count = ingest->model->network_count;
	NetworkRows *numbered = network_rows_create(network_count, ingest->context, ingest->area);
	List	   *days = list_days(ingest->days);
	uint64		capacity;
	SharedChunk *chunks;
	SharedChunk *next;

	for (int network = 0; network < network_count; network++)
		renumber_rows(&ingest->networks[network], numbers, &numbered[network]);
	capacity = network_rows_chunks(numbered, network_count) + network_rows_chunks(ingest->networks, network_count) +
		count_day_chunks(ingest->days, days);
	to->chunks = dsa_allocate_extended(area, sizeof(SharedChunk) * Max(capacity, 1), DSA_ALLOC_HUGE);
	chunks = dsa_get_address(area, to->chunks);
	next = share_networks(numbered, network_count, area, chunks);
	next = share_networks(ingest->networks, network_count, area, next);
	next = share_days(ingest->days, days, area, numbers, to, next);
	to->chunk_count = next - chunks;
}

/*
 * Worker: hand over all that was read
 */
void
hand_over(Ingest *ingest, HandOver *to)
{
	const uint32 *numbers = exchange_people(ingest, to);

	to->earliest_reaction = ingest->earliest_reaction;
	to->rows_read = ingest->rows_read;
	memcpy(to->rows_ignored, ingest->rows_ignored, sizeof(to->rows_ignored));
	hand_over_rows(ingest, numbers, to);
	to->has_file = spill_is_used(ingest->spill);
	spill_export(ingest->spill);
	spill_close(ingest->spill);
}

/*
 * Leader: take over what a worker knows of days besides their records; returns
 * our days by the worker's numbers
 */
static DayRows **
take_over_days(Ingest *ingest, const HandOver *from)
{
	const SharedDay *shared = dsa_get_address(ingest->area->area, from->days);
	DayRows   **days = palloc(sizeof(DayRows *) * (from->day_count + 1));

	for (uint32 i = 0; i < from->day_count; i++)
	{
		days[i] = day_set_rows(ingest->days, shared[i].source, shared[i].day);
		days[i]->rows += shared[i].rows;
		days[i]->earliest_reaction = Min(days[i]->earliest_reaction, shared[i].earliest_reaction);
	}
	return days;
}

/*
 * Leader: take over a chunk that a worker had to leave in its file
 *
 * buffer: LAST_CHUNK_BYTES.
 */
static void
take_over_from_file(Ingest *ingest, DayRows **days, const SharedChunk *chunk, SpillFile *file,
					const uint32 *numbers, char *buffer)
{
	if (chunk->day < 0)
	{
		spill_read(file, chunk->place, buffer, chunk->count * ingest_record_size(chunk->kind));
		renumber_chunk(&ingest->networks[chunk->network], chunk->partition, chunk->kind, buffer, chunk->count, numbers);
		return;
	}
	spill_read(file, chunk->place, buffer, chunk->count * day_record_size(chunk->kind));
	renumber_day_records(chunk->kind, buffer, chunk->count, numbers);
	record_log_append_all(day_log(ingest->days, days[chunk->day], chunk->network, chunk->kind), buffer, chunk->count);
}

/*
 * Leader: take over the records of a worker
 *
 * file: of the worker, or NULL.
 */
static void
take_over_records(Ingest *ingest, const HandOver *from, SpillFile *file)
{
	dsa_area   *area = ingest->area->area;
	const uint32 *numbers = dsa_get_address(area, from->numbers);
	SharedChunk *chunks = shared_bytes(area, from->chunks, from->chunk_count * sizeof(SharedChunk));
	DayRows   **days = take_over_days(ingest, from);
	char	   *buffer = palloc(LAST_CHUNK_BYTES);

	for (uint64 i = 0; i < from->chunk_count; i++)
	{
		const SharedChunk *chunk = &chunks[i];

		CHECK_FOR_INTERRUPTS();
		if (!DsaPointerIsValid(chunk->records))
			take_over_from_file(ingest, days, chunk, file, numbers, buffer);
		else
			record_log_adopt(chunk->day < 0 ? ingest_log(ingest, chunk->network, chunk->partition, chunk->kind) :
							 day_log(ingest->days, days[chunk->day], chunk->network, chunk->kind),
							 ingest->area, chunk->records, chunk->bytes, chunk->count);
		ingest_limit_memory(ingest);
	}
	pfree(buffer);
	pfree(days);
}

/*
 * Leader: take over all that a worker has read, which has ended
 *
 * file: of the worker, or NULL when it has none.
 */
void
take_over_rows(Ingest *ingest, const HandOver *from, SpillFile *file)
{
	dsa_area   *area = ingest->area->area;

	ingest->rows_read += from->rows_read;
	for (int i = 0; i < IGNORE_REASON_COUNT; i++)
		ingest->rows_ignored[i] += from->rows_ignored[i];
	ingest->earliest_reaction = Min(ingest->earliest_reaction, from->earliest_reaction);
	take_over_records(ingest, from, file);
	dsa_free(area, from->numbers);
	dsa_free(area, from->chunks);
	dsa_free(area, from->days);
}
