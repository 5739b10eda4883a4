/*
 * Reading large tables in several processes.
 *
 * Leader and workers each read their part of the tables (shared_scan.c) into an
 * ingest of their own, with their own numbers for people. The leader gives the people
 * of each worker its numbers; the worker moves its rows into a shared memory area,
 * with those numbers, and leaves them there to the leader and to whoever measures
 * people later. The leader's own rows stay in its memory. Nothing depends on who read
 * which row.
 *
 *   leader    plans, shares out ... reads its part ...  numbers 1  numbers 2   takes over
 *   worker 1                     reads its part, offers people  ...  renumbers rows
 *   worker 2                     reads its part, offers people        ...      renumbers rows
 *
 * Only what a worker had to move to a file the leader renumbers itself: the file goes
 * with the worker. Where the leader has to use a file, all rows go there, and the area
 * is given up.
 *
 * Rights, settings, snapshot and transaction come to the workers with the
 * server's parallel context; they read the model's configuration themselves.
 */
#include "compat.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "nodes/nodes.h"
#include "optimizer/cost.h"
#include "optimizer/paths.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#include "math/prefetch.h"
#include "memory.h"
#include "model/day_rows.h"
#include "model/ingest_parallel.h"
#include "model/progress.h"
#include "model/reader.h"
#include "model/shared_log.h"
#include "model/source.h"
#include "query.h"
#include "shared_scan.h"
#include "workers.h"

/* Keys of what is in shared memory; scans have small numbers */
#define KEY_SHARED	UINT64CONST(0xA100000000000001)
#define KEY_TEXTS	UINT64CONST(0xA100000000000002)

/* Numbers that the scans of one source may take up */
#define SCANS_PER_SOURCE	100000

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

/* How far a worker is */
typedef enum WorkerStage
{
	WORKER_READS,
	WORKER_OFFERS_PEOPLE,		/* and waits for their numbers */
	WORKER_HAS_NUMBERS
} WorkerStage;

/* What one worker hands over */
typedef struct HandOver
{
	pg_atomic_uint32 stage;		/* WorkerStage */

	/* people, as the worker numbers them */
	uint32		person_count;
	dsa_pointer ids;			/* bigints, uuids or texts one behind the other */
	dsa_pointer last_active_at; /* by person, as the next two */
	dsa_pointer sentiment;		/* InvalidDsaPointer: there is none */
	dsa_pointer numbers;		/* the leader's */

	/* rows, when the worker has ended */
	TimestampTz earliest_reaction;
	uint64		rows_read;
	uint64		rows_ignored[IGNORE_REASON_COUNT];
	uint64		chunk_count;
	dsa_pointer chunks;			/* array of SharedChunk; those in the file are not renumbered */
	uint32		day_count;
	dsa_pointer days;			/* array of SharedDay */
	bool		has_file;		/* with the rest of them */
} HandOver;

typedef struct SharedIngest
{
	ConditionVariable changed;	/* a stage has */
	dsa_handle	area;
	TimestampTz as_of;
	DayRange	days;			/* whose rows are kept for later; empty: none */
	int			source_count;
	Size		memory_limit;	/* of each worker, in bytes */
	SharedFileSet files;
	HandOver	workers[FLEXIBLE_ARRAY_MEMBER];
} SharedIngest;

/* A source that is read in parallel */
typedef struct SharedSource
{
	const Source *source;
	char	   *sql;
	PlannedStmt *plan;
	BlockNumber pages;
	QueryDesc  *query;
	SourceReader *reader;
} SharedSource;

/*
 * Name of a worker's file
 */
static char *
file_name(int worker)
{
	return psprintf("rows.%d", worker);
}

/*
 * A worker gets to a stage; everybody learns of it
 */
static void
set_stage(SharedIngest *shared, HandOver *worker, WorkerStage stage)
{
	pg_write_barrier();
	pg_atomic_write_u32(&worker->stage, stage);
	ConditionVariableBroadcast(&shared->changed);
}

/*
 * Wait until a worker is at a stage
 */
static void
wait_for_stage(SharedIngest *shared, HandOver *worker, WorkerStage stage)
{
	while (pg_atomic_read_u32(&worker->stage) != stage)
		ConditionVariableSleep(&shared->changed, PG_WAIT_EXTENSION);
	ConditionVariableCancelSleep();
	pg_read_barrier();
}

/*
 * Bytes of an id as it is handed over; texts stay aligned
 */
static inline Size
id_size(Datum id, Oid id_type)
{
	return id_type == INT8OID ? sizeof(int64) : id_type == UUIDOID ? UUID_LEN :
		INTALIGN(VARSIZE_ANY(DatumGetPointer(id)));
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
		size += id_size(intern_datum(people, i), id_type);
	pointer = dsa_allocate_extended(area, Max(size, 1), DSA_ALLOC_HUGE);
	next = dsa_get_address(area, pointer);
	for (uint32 i = 0; i < count; i++)
	{
		Datum		id = intern_datum(people, i);

		if (id_type == INT8OID)
			*(int64 *) next = DatumGetInt64(id);
		else
			memcpy(next, DatumGetPointer(id),
				   id_type == UUIDOID ? UUID_LEN : VARSIZE_ANY(DatumGetPointer(id)));
		next += id_size(id, id_type);
	}
	return pointer;
}

/*
 * Worker: let the leader know of the people, and get their numbers, which are in the
 * area; the own ones are not looked up any more
 */
static const uint32 *
exchange_people(Ingest *ingest, SharedIngest *shared, HandOver *to)
{
	dsa_area   *area = ingest->area->area;
	uint32		count = intern_count(ingest->people);

	to->person_count = count;
	to->ids = share_ids(area, ingest->people, ingest->model->ref.id_type);
	to->last_active_at = share_bytes(area, ingest->last_active_at, count * sizeof(TimestampTz));
	if (ingest->sentiment != NULL)
		to->sentiment = share_bytes(area, ingest->sentiment, count * sizeof(Sentiment));
	intern_drop_hash(ingest->people);

	set_stage(shared, to, WORKER_OFFERS_PEOPLE);
	wait_for_stage(shared, to, WORKER_HAS_NUMBERS);
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
		id = id_type == INT8OID ? Int64GetDatum(*(int64 *) next) : PointerGetDatum(next);
		next += id_size(id, id_type);
		numbers[i] = ingest_person(ingest, id);
	}
	dsa_free(area, from->ids);
	return numbers;
}

/*
 * Leader: add what a worker knows of people to what we know of them
 */
static void
take_over_people(Ingest *ingest, const HandOver *from, const uint32 *numbers)
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
 * Chunks in all logs of some networks
 */
static uint64
count_chunks(const NetworkRows *networks, int network_count)
{
	uint64		count = 0;

	for (int network = 0; network < network_count; network++)
		for (int i = 0; networks[network].partitions != NULL && i < PARTITION_COUNT; i++)
			for (int kind = 0; kind < ROW_KIND_COUNT; kind++)
				count += networks[network].partitions[i].logs[kind].chunk_count;
	return count;
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
	capacity = count_chunks(numbered, network_count) + count_chunks(ingest->networks, network_count) +
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
static void
hand_over(Ingest *ingest, SharedIngest *shared, HandOver *to)
{
	const uint32 *numbers = exchange_people(ingest, shared, to);

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
take_over_rows(Ingest *ingest, const HandOver *from, SpillFile *file)
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
 * Leader: take over all that a worker has read
 */
static void
take_over(Ingest *ingest, SharedIngest *shared, int worker)
{
	const HandOver *from = &shared->workers[worker];
	dsa_area   *area = ingest->area->area;
	SpillFile  *file = NULL;

	ingest->rows_read += from->rows_read;
	for (int i = 0; i < IGNORE_REASON_COUNT; i++)
		ingest->rows_ignored[i] += from->rows_ignored[i];
	ingest->earliest_reaction = Min(ingest->earliest_reaction, from->earliest_reaction);

	if (from->has_file)
		file = spill_open_shared(&shared->files, file_name(worker), CurrentMemoryContext);
	take_over_rows(ingest, from, file);
	if (file != NULL)
		spill_close(file);
	dsa_free(area, from->numbers);
	dsa_free(area, from->chunks);
	dsa_free(area, from->days);
}

/*
 * Leader: give the people of all workers their numbers, and take over the rows
 */
static void
join_workers(Ingest *ingest, ParallelContext *context, SharedIngest *shared)
{
	/* one that never comes would be waited for */
	WaitForParallelWorkersToAttach(context);
	for (int i = 0; i < context->nworkers_launched; i++)
	{
		HandOver   *worker = &shared->workers[i];
		uint32	   *numbers;

		wait_for_stage(shared, worker, WORKER_OFFERS_PEOPLE);
		numbers = number_people(ingest, worker);
		ingest_check_people(ingest);
		set_stage(shared, worker, WORKER_HAS_NUMBERS);
		take_over_people(ingest, worker, numbers);
	}
	WaitForParallelWorkersToFinish(context);
	for (int i = 0; i < context->nworkers_launched; i++)
		take_over(ingest, shared, i);
	if (spill_is_used(ingest->spill))
	{
		/* nobody but this process will have rows, and the area returns nothing before its end */
		ingest_spill(ingest);
		ingest_leave_area(ingest);
	}
}

/*
 * Start the query of a source, whose rows go into the ingest
 */
static void
start_source(SharedSource *shared, Ingest *ingest)
{
	shared->reader = reader_create(ingest, shared->source);
	shared->query = shared_scan_start(shared->plan, shared->sql,
									  stream_receiver(reader_start, reader_row, shared->reader));
}

/*
 * Read this process's part of a source
 */
static void
read_part(SharedSource *shared, const Model *model)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		shared_scan_run(shared->query);
	}
	PG_CATCH();
	{
		source_rethrow(model, shared->source, context);
	}
	PG_END_TRY();
	reader_finish(shared->reader);
}

/*
 * The sources whose tables can be shared out; those that cannot go to "others"
 */
static List *
plan_sources(const Model *model, List **others, BlockNumber *pages)
{
	List	   *shared_sources = NIL;
	ListCell   *lc;

	foreach(lc, model->sources)
	{
		SharedSource *shared = palloc0(sizeof(SharedSource));

		shared->source = lfirst(lc);
		shared->sql = source_query(model, shared->source);
		/* the links between accounts and people are in this process only */
		shared->plan = shared->source->by_account ? NULL :
			shared_scan_plan(shared->sql, list_length(shared_sources) * SCANS_PER_SOURCE,
										&shared->pages);
		if (shared->plan != NULL && shared->pages >= (BlockNumber) min_parallel_table_scan_size)
		{
			shared_sources = lappend(shared_sources, shared);
			*pages += shared->pages;
		}
		else
			*others = lappend(*others, unconstify(Source *, shared->source));
	}
	return shared_sources;
}

/*
 * Texts that the workers need, one behind the other: name of the model, then name,
 * query and plan of each source
 */
static char *
pack_texts(const Model *model, List *sources, Size *size)
{
	StringInfoData texts;
	ListCell   *lc;

	initStringInfo(&texts);
	appendBinaryStringInfo(&texts, model->ref.name, strlen(model->ref.name) + 1);
	foreach(lc, sources)
	{
		SharedSource *shared = lfirst(lc);
		char	   *plan = nodeToString(shared->plan);

		appendBinaryStringInfo(&texts, shared->source->name, strlen(shared->source->name) + 1);
		appendBinaryStringInfo(&texts, shared->sql, strlen(shared->sql) + 1);
		appendBinaryStringInfo(&texts, plan, strlen(plan) + 1);
	}
	*size = texts.len;
	return texts.data;
}

/*
 * What all processes share
 */
static SharedIngest *
create_shared(ParallelContext *context, Ingest *ingest, int source_count, Size size, Size memory_limit)
{
	SharedIngest *shared = shm_toc_allocate(context->toc, size);

	memset(shared, 0, size);
	ConditionVariableInit(&shared->changed);
	for (int i = 0; i < context->nworkers; i++)
		pg_atomic_init_u32(&shared->workers[i].stage, WORKER_READS);
	shared->as_of = ingest->as_of;
	if (ingest->days != NULL)
		shared->days = ingest->days->range;
	shared->source_count = source_count;
	shared->memory_limit = memory_limit / Max(context->nworkers, 1);
	if (context->nworkers > 0)
	{
		SharedFileSetInit(&shared->files, context->seg);
		ingest->area = record_area_create();
		shared->area = dsa_get_handle(ingest->area->area);
	}
	shm_toc_insert(context->toc, KEY_SHARED, shared);
	return shared;
}

/*
 * Lay out shared memory and start the workers
 *
 * memory_limit: of all workers together, in bytes.
 */
static SharedIngest *
launch(ParallelContext *context, Ingest *ingest, List *sources, Size memory_limit)
{
	Size		texts_size;
	char	   *texts = pack_texts(ingest->model, sources, &texts_size);
	Size		shared_size = add_size(offsetof(SharedIngest, workers),
									   mul_size(sizeof(HandOver), Max(context->nworkers, 1)));
	SharedIngest *shared;
	void	   *place;
	ListCell   *lc;

	shm_toc_estimate_chunk(&context->estimator, shared_size);
	shm_toc_estimate_chunk(&context->estimator, texts_size);
	shm_toc_estimate_keys(&context->estimator, 2);
	foreach(lc, sources)
		shared_scan_estimate(((SharedSource *) lfirst(lc))->query, context);

	InitializeParallelDSM(context);
	shared = create_shared(context, ingest, list_length(sources), shared_size, memory_limit);
	place = shm_toc_allocate(context->toc, texts_size);
	memcpy(place, texts, texts_size);
	shm_toc_insert(context->toc, KEY_TEXTS, place);
	foreach(lc, sources)
		shared_scan_share(((SharedSource *) lfirst(lc))->query, context);
	LaunchParallelWorkers(context);
	if (context->nworkers_launched == 0)
		ingest_leave_area(ingest);
	return shared;
}

/*
 * Read the sources that can be shared out; returns those that are still to be read
 *
 * memory_limit: of all workers together, in bytes; the ingest has its own.
 */
List *
ingest_in_parallel(Ingest *ingest, Size memory_limit)
{
	const Model *model = ingest->model;
	List	   *others = NIL;
	BlockNumber pages = 0;
	List	   *sources;
	ListCell   *lc;
	ParallelContext *context;
	SharedIngest *shared;
	int			workers;

	/* workers read the configuration themselves */
	if (model->is_preview || IsInParallelMode() || max_parallel_workers_per_gather == 0)
		return model->sources;
	sources = plan_sources(model, &others, &pages);
	workers = workers_worth(pages);
	if (sources == NIL || workers == 0)
		return model->sources;

	progress_report(model->ref.name, "reading %d sources in parallel", list_length(sources));
	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
	EnterParallelMode();
	foreach(lc, sources)
		start_source(lfirst(lc), ingest);
	context = CreateParallelContext("influence", "influence_ingest_worker", workers);
	shared = launch(context, ingest, sources, memory_limit);

	foreach(lc, sources)
		read_part(lfirst(lc), model);
	join_workers(ingest, context, shared);

	foreach(lc, sources)
		shared_scan_end(((SharedSource *) lfirst(lc))->query);
	DestroyParallelContext(context);
	ExitParallelMode();
	PopActiveSnapshot();
	return others;
}

/*
 * The source of a model by its name
 */
static const Source *
find_source(const Model *model, const char *name)
{
	ListCell   *lc;

	foreach(lc, model->sources)
		if (strcmp(((Source *) lfirst(lc))->name, name) == 0)
			return lfirst(lc);
	elog(ERROR, "source \"%s\" is unknown to a worker", name);
}

PGDLLEXPORT void influence_ingest_worker(dsm_segment *segment, shm_toc *toc);

/*
 * Main function of a worker
 */
void
influence_ingest_worker(dsm_segment *segment, shm_toc *toc)
{
	SharedIngest *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	const char *text = shm_toc_lookup(toc, KEY_TEXTS, false);
	ParallelWorkerContext context = {.seg = segment,.toc = toc};
	Model	   *model = config_load(model_find(text));
	Ingest	   *ingest;

	SharedFileSetAttach(&shared->files, segment);
	ingest = ingest_create(model, shared->as_of,
						   spill_create_shared(&shared->files, file_name(ParallelWorkerNumber),
											   CurrentMemoryContext),
						   shared->memory_limit);
	/* for what is handed over: rows are renumbered before they get there */
	ingest->area = record_area_attach(shared->area);
	if (shared->days.end > shared->days.first)
		ingest->days = day_set_create(model, shared->days);
	for (int i = 0; i < shared->source_count; i++)
	{
		SharedSource source = {0};

		text += strlen(text) + 1;
		source.source = find_source(model, text);
		text += strlen(text) + 1;
		source.sql = pstrdup(text);
		text += strlen(text) + 1;
		source.plan = stringToNode(text);

		start_source(&source, ingest);
		shared_scan_join(source.query, &context);
		read_part(&source, model);
		shared_scan_end(source.query);
	}
	hand_over(ingest, shared, &shared->workers[ParallelWorkerNumber]);
	ingest_leave_area(ingest);
}
