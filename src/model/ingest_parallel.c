/*
 * Reading large tables in several processes.
 *
 * Leader and workers each read their part of the tables (shared_scan.c) into an
 * ingest of their own, with their own numbers for people. A worker then puts
 * what it has into a shared memory area and ends; the leader renumbers it and
 * adds it to its own. Nothing depends on who read which row.
 *
 *   leader    plans, shares out ... reads its part ...  takes over ... takes over
 *   worker 1                        reads its part, hands over
 *   worker 2                        reads its part, hands over
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
#include "storage/lwlock.h"
#include "utils/builtins.h"
#include "utils/dsa.h"
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
#define KEY_AREA	UINT64CONST(0xA100000000000003)

/* Numbers that the scans of one source may take up */
#define SCANS_PER_SOURCE	100000

/* Bytes of the part of the area that is there from the start */
#define AREA_BYTES	(1024 * 1024)

/* What is known of a day besides its records */
typedef struct SharedDay
{
	int			source;
	int			day;
	uint64		rows;
	TimestampTz earliest_reaction;
} SharedDay;

/* What one worker hands over */
typedef struct HandOver
{
	bool		done;
	uint32		person_count;
	dsa_pointer ids;			/* bigints, uuids or texts one behind the other */
	dsa_pointer last_active_at; /* by person, as the next */
	dsa_pointer sentiment;		/* InvalidDsaPointer: there is none */
	TimestampTz earliest_reaction;
	uint64		rows_read;
	uint64		rows_ignored[IGNORE_REASON_COUNT];
	uint64		chunk_count;
	dsa_pointer chunks;			/* array of SharedChunk */
	uint32		day_count;
	dsa_pointer days;			/* array of SharedDay */
	bool		has_file;		/* with the rest of them */
} HandOver;

typedef struct SharedIngest
{
	TimestampTz as_of;
	DayRange	days;			/* whose rows are kept for later; empty: none */
	int			source_count;
	int			worker_count;
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
 * Chunks in all logs of an ingest
 */
static uint64
count_chunks(const Ingest *ingest)
{
	uint64		count = 0;

	for (int network = 0; network < ingest->model->network_count; network++)
		for (int i = 0; ingest->networks[network].partitions != NULL && i < PARTITION_COUNT; i++)
			for (int kind = 0; kind < ROW_KIND_COUNT; kind++)
				count += ingest->networks[network].partitions[i].logs[kind].chunk_count;
	return count;
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
 * Put the records of all days into the area, but for those in the file
 */
static void
share_days(DaySet *set, List *days, dsa_area *area, HandOver *to, SharedChunk *chunks)
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
				chunks = share_log(area, day_log(set, rows, key.network, key.kind), key, chunks, NULL);
	}
}

/*
 * Put all records into the area, but for those in the file
 */
static void
share_rows(Ingest *ingest, dsa_area *area, HandOver *to)
{
	List	   *days = list_days(ingest->days);
	SharedChunk *chunks;

	to->chunk_count = count_chunks(ingest) + count_day_chunks(ingest->days, days);
	to->chunks = dsa_allocate_extended(area, sizeof(SharedChunk) * Max(to->chunk_count, 1), DSA_ALLOC_HUGE);
	chunks = dsa_get_address(area, to->chunks);
	for (int network = 0; network < ingest->model->network_count; network++)
		for (int i = 0; ingest->networks[network].partitions != NULL && i < PARTITION_COUNT; i++)
		{
			for (int kind = 0; kind < ROW_KIND_COUNT; kind++)
				chunks = share_log(area, ingest_log(ingest, network, i, kind),
								   shared_chunk(network, i, kind), chunks, NULL);
			if (i % PARTITIONS_PER_GIVE_BACK == 0)
				memory_give_back();
		}
	share_days(ingest->days, days, area, to, chunks);
	to->has_file = spill_is_used(ingest->spill);
	spill_export(ingest->spill);
	spill_close(ingest->spill);
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
 * Worker: put all that was read into the area
 */
static void
hand_over(Ingest *ingest, dsa_area *area, HandOver *to)
{
	to->person_count = intern_count(ingest->people);
	to->ids = share_ids(area, ingest->people, ingest->model->ref.id_type);
	if (to->person_count > 0)
	{
		to->last_active_at = share_bytes(area, ingest->last_active_at,
										 to->person_count * sizeof(TimestampTz));
		if (ingest->sentiment != NULL)
			to->sentiment = share_bytes(area, ingest->sentiment, to->person_count * sizeof(Sentiment));
	}
	to->earliest_reaction = ingest->earliest_reaction;
	to->rows_read = ingest->rows_read;
	memcpy(to->rows_ignored, ingest->rows_ignored, sizeof(to->rows_ignored));

	share_rows(ingest, area, to);
	to->done = true;
}

/*
 * Leader: give the people of a worker their numbers; returns them by the worker's
 */
static uint32 *
number_people(Ingest *ingest, dsa_area *area, const HandOver *from)
{
	Oid			id_type = ingest->model->ref.id_type;
	uint32	   *numbers = huge_array(CurrentMemoryContext, from->person_count, sizeof(uint32));
	char	   *next = dsa_get_address(area, from->ids);

	for (uint32 i = 0; i < from->person_count; i++)
	{
		Datum		id;

		if (id_type == INT8OID && i + PREFETCH_AHEAD < from->person_count)
			intern_prefetch(ingest->people, Int64GetDatum(((int64 *) next)[PREFETCH_AHEAD]));
		id = id_type == INT8OID ? Int64GetDatum(*(int64 *) next) : PointerGetDatum(next);
		next += id_size(id, id_type);
		numbers[i] = ingest_person(ingest, id);
	}
	return numbers;
}

/*
 * Leader: add what a worker knows of people to what we know of them
 */
static void
take_over_people(Ingest *ingest, dsa_area *area, const HandOver *from, const uint32 *numbers)
{
	const TimestampTz *last_active_at = dsa_get_address(area, from->last_active_at);
	const Sentiment *sentiment = DsaPointerIsValid(from->sentiment) ?
		dsa_get_address(area, from->sentiment) : NULL;

	for (uint32 i = 0; i < from->person_count; i++)
	{
		if (i + PREFETCH_AHEAD < from->person_count)
			ingest_prefetch_person(ingest, numbers[i + PREFETCH_AHEAD]);
		ingest_note_activity(ingest, numbers[i], last_active_at[i]);
		if (sentiment != NULL)
			ingest_add_sentiment(ingest, numbers[i], sentiment[i]);
	}
}

/*
 * Leader: add records of a size to our own logs, with our numbers for people
 *
 * has_actor: an AnonymousCount has nobody there, and nothing.
 */
static pg_attribute_always_inline void
take_over_records(Ingest *ingest, const SharedChunk *chunk, const char *record, const uint32 *numbers,
				  Size size, bool has_actor)
{
	StaticAssertStmt(offsetof(Interaction, actor) == offsetof(PostEvent, actor),
					 "records must have their actor at the same place");
	for (uint32 i = 0; i < chunk->count; i++, record += size)
	{
		uint32		packed = *(const uint32 *) record;
		uint32		target = numbers[person_at(chunk->partition, packed & PLACE_MASK)];
		Interaction *copy;

		if (has_actor && i + PREFETCH_AHEAD < chunk->count)
		{
			uint32		actor = ((const Interaction *) (record + PREFETCH_AHEAD * size))->actor;

			if (actor != NOBODY)
				prefetch(&numbers[actor]);
		}
		copy = record_log_append(ingest_log(ingest, chunk->network, partition_of(target), chunk->kind));
		memcpy(copy, record, size);
		copy->place_and_rows = (packed & ~PLACE_MASK) | place_of(target);
		if (has_actor && copy->actor != NOBODY)
			copy->actor = numbers[copy->actor];
	}
}

/*
 * Leader: add a worker's chunk to our own logs. Copies of a known size are no calls.
 */
static void
take_over_chunk(Ingest *ingest, const SharedChunk *chunk, const char *records, const uint32 *numbers)
{
	if (chunk->kind == ROWS_PLAIN)
		take_over_records(ingest, chunk, records, numbers, PLAIN_INTERACTION_BYTES, true);
	else if (chunk->kind == ROWS_INTERACTIONS)
		take_over_records(ingest, chunk, records, numbers, sizeof(Interaction), true);
	else
		take_over_records(ingest, chunk, records, numbers, ingest_record_size(chunk->kind),
						  chunk->kind != ROWS_ANONYMOUS);
}

/*
 * Leader: add a worker's chunk of a day to our own log
 */
static void
take_over_day_chunk(DaySet *set, DayRows *rows, const SharedChunk *chunk, const char *record,
					const uint32 *numbers)
{
	RecordLog  *log = day_log(set, rows, chunk->network, chunk->kind);
	bool		has_actor = day_kind_has_actor(chunk->kind);
	Size		size = day_record_size(chunk->kind);

	for (uint32 i = 0; i < chunk->count; i++, record += size)
	{
		uint32	   *copy = record_log_append(log);

		memcpy(copy, record, size);
		copy[0] = numbers[copy[0]];
		if (has_actor && copy[1] != NOBODY)
			copy[1] = numbers[copy[1]];
	}
}

/*
 * Leader: take over what a worker knows of days besides their records; returns
 * our days by the worker's numbers
 */
static DayRows **
take_over_days(Ingest *ingest, dsa_area *area, const HandOver *from)
{
	const SharedDay *shared = dsa_get_address(area, from->days);
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
 * Leader: add a chunk to our own records
 */
static void
take_over_any_chunk(Ingest *ingest, DayRows **days, const SharedChunk *chunk, const char *records,
					const uint32 *numbers)
{
	if (chunk->day < 0)
		take_over_chunk(ingest, chunk, records, numbers);
	else
		take_over_day_chunk(ingest->days, days[chunk->day], chunk, records, numbers);
}

/*
 * Leader: take over the records of a worker, those in its file, too
 */
static void
take_over_rows(Ingest *ingest, dsa_area *area, const HandOver *from, SpillFile *file,
			   const uint32 *numbers)
{
	SharedChunk *chunks = dsa_get_address(area, from->chunks);
	DayRows   **days = take_over_days(ingest, area, from);
	char	   *buffer = palloc(LAST_CHUNK_BYTES);

	for (uint64 i = 0; i < from->chunk_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (DsaPointerIsValid(chunks[i].records))
		{
			take_over_any_chunk(ingest, days, &chunks[i], dsa_get_address(area, chunks[i].records), numbers);
			dsa_free(area, chunks[i].records);
		}
		else
		{
			spill_read(file, chunks[i].place, buffer,
					   chunks[i].count * (chunks[i].day < 0 ? ingest_record_size(chunks[i].kind) :
										  day_record_size(chunks[i].kind)));
			take_over_any_chunk(ingest, days, &chunks[i], buffer, numbers);
		}
		ingest_limit_memory(ingest);
	}
	pfree(buffer);
	pfree(days);
}

/*
 * Leader: take over all that a worker has read
 */
static void
take_over(Ingest *ingest, dsa_area *area, SharedIngest *shared, int worker)
{
	const HandOver *from = &shared->workers[worker];
	SpillFile  *file = NULL;
	uint32	   *numbers;

	ingest->rows_read += from->rows_read;
	for (int i = 0; i < IGNORE_REASON_COUNT; i++)
		ingest->rows_ignored[i] += from->rows_ignored[i];
	ingest->earliest_reaction = Min(ingest->earliest_reaction, from->earliest_reaction);
	if (from->person_count == 0)
		return;

	numbers = number_people(ingest, area, from);
	take_over_people(ingest, area, from, numbers);
	if (from->has_file)
		file = spill_open_shared(&shared->files, file_name(worker), CurrentMemoryContext);
	take_over_rows(ingest, area, from, file, numbers);
	if (file != NULL)
		spill_close(file);
	pfree(numbers);
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
 * Lay out shared memory and start the workers; returns their area
 *
 * memory_limit: of all workers together, in bytes.
 */
static dsa_area *
launch(ParallelContext *context, const Ingest *ingest, List *sources, Size memory_limit,
	   SharedIngest **shared)
{
	Size		texts_size;
	char	   *texts = pack_texts(ingest->model, sources, &texts_size);
	Size		shared_size = add_size(offsetof(SharedIngest, workers),
									   mul_size(sizeof(HandOver), Max(context->nworkers, 1)));
	dsa_area   *area = NULL;
	void	   *place;
	ListCell   *lc;

	shm_toc_estimate_chunk(&context->estimator, shared_size);
	shm_toc_estimate_chunk(&context->estimator, texts_size);
	shm_toc_estimate_chunk(&context->estimator, AREA_BYTES);
	shm_toc_estimate_keys(&context->estimator, 3);
	foreach(lc, sources)
		shared_scan_estimate(((SharedSource *) lfirst(lc))->query, context);

	InitializeParallelDSM(context);
	*shared = shm_toc_allocate(context->toc, shared_size);
	memset(*shared, 0, shared_size);
	(*shared)->as_of = ingest->as_of;
	if (ingest->days != NULL)
		(*shared)->days = ingest->days->range;
	(*shared)->source_count = list_length(sources);
	(*shared)->worker_count = context->nworkers;
	(*shared)->memory_limit = memory_limit / Max(context->nworkers, 1);
	if (context->seg != NULL)
		SharedFileSetInit(&(*shared)->files, context->seg);
	shm_toc_insert(context->toc, KEY_SHARED, *shared);

	place = shm_toc_allocate(context->toc, texts_size);
	memcpy(place, texts, texts_size);
	shm_toc_insert(context->toc, KEY_TEXTS, place);

	place = shm_toc_allocate(context->toc, AREA_BYTES);
	if (context->seg != NULL)
		area = dsa_create_in_place(place, AREA_BYTES, LWTRANCHE_PARALLEL_QUERY_DSA, context->seg);
	shm_toc_insert(context->toc, KEY_AREA, place);

	foreach(lc, sources)
		shared_scan_share(((SharedSource *) lfirst(lc))->query, context);
	LaunchParallelWorkers(context);
	return area;
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
	dsa_area   *area;
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
	area = launch(context, ingest, sources, memory_limit, &shared);

	foreach(lc, sources)
		read_part(lfirst(lc), model);
	WaitForParallelWorkersToFinish(context);
	for (int i = 0; i < context->nworkers_launched; i++)
		if (shared->workers[i].done)
			take_over(ingest, area, shared, i);

	foreach(lc, sources)
		shared_scan_end(((SharedSource *) lfirst(lc))->query);
	if (area != NULL)
		dsa_detach(area);
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
	dsa_area   *area = dsa_attach_in_place(shm_toc_lookup(toc, KEY_AREA, false), segment);
	ParallelWorkerContext context = {.seg = segment,.toc = toc};
	Model	   *model = config_load(model_find(text));
	Ingest	   *ingest;

	SharedFileSetAttach(&shared->files, segment);
	ingest = ingest_create(model, shared->as_of,
						   spill_create_shared(&shared->files, file_name(ParallelWorkerNumber),
											   CurrentMemoryContext),
						   shared->memory_limit);
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
	hand_over(ingest, area, &shared->workers[ParallelWorkerNumber]);
	dsa_detach(area);
}
