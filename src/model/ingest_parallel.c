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
 * with the worker. Where the leader has to use a file, all rows go there in the end, and
 * the area is given up.
 *
 * Rights, settings, snapshot and transaction come to the workers with the
 * server's parallel context; they read the model's configuration themselves.
 */
#include "compat.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "nodes/nodes.h"
#include "optimizer/cost.h"
#include "optimizer/paths.h"
#include "utils/snapmgr.h"

#include "model/day_rows.h"
#include "model/hand_over.h"
#include "model/ingest_parallel.h"
#include "model/progress.h"
#include "model/reader.h"
#include "model/source.h"
#include "query.h"
#include "shared_scan.h"
#include "workers.h"

/* Keys of what is in shared memory; scans have small numbers */
#define KEY_SHARED	UINT64CONST(0xA100000000000001)
#define KEY_TEXTS	UINT64CONST(0xA100000000000002)

/* Numbers that the scans of one source may take up */
#define SCANS_PER_SOURCE	100000

typedef struct SharedIngest
{
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
 * Leader: take over the rows of a worker, those in its file, too
 */
static void
join_worker(Ingest *ingest, SharedIngest *shared, int worker)
{
	const HandOver *from = &shared->workers[worker];
	SpillFile  *file = from->has_file ?
		spill_open_shared(&shared->files, file_name(worker), CurrentMemoryContext) : NULL;

	take_over_rows(ingest, from, file);
	if (file != NULL)
		spill_close(file);
}

/*
 * Leader: give the people of all workers their numbers, and take over the rows
 */
static void
join_workers(Ingest *ingest, ParallelContext *context, SharedIngest *shared)
{
	Size		limit = ingest->memory_limit;

	/* one that never comes would be waited for */
	WaitForParallelWorkersToAttach(context);
	for (int i = 0; i < context->nworkers_launched; i++)
		take_over_people(ingest, &shared->workers[i]);
	WaitForParallelWorkersToFinish(context);
	for (int i = 0; i < context->nworkers_launched; i++)
		join_worker(ingest, shared, i);
	/* the limit may have been raised while there was an area */
	ingest_leave_area_for_file(ingest);
	ingest->memory_limit = limit;
	ingest_limit_relieved(ingest);
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
 * Texts that the workers need, one behind the other: name of the model, then of each
 * source name, whether it is incremental this time, query and plan
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
		appendBinaryStringInfo(&texts, shared->source->incremental ? "1" : "0", 2);
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
	for (int i = 0; i < context->nworkers; i++)
		hand_over_init(&shared->workers[i]);
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
static Source *
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
		Source	   *configured;

		text += strlen(text) + 1;
		configured = find_source(model, text);
		text += strlen(text) + 1;
		configured->incremental = *text == '1';
		source.source = configured;
		text += strlen(text) + 1;
		source.sql = pstrdup(text);
		text += strlen(text) + 1;
		source.plan = stringToNode(text);

		start_source(&source, ingest);
		shared_scan_join(source.query, &context);
		read_part(&source, model);
		shared_scan_end(source.query);
	}
	hand_over(ingest, &shared->workers[ParallelWorkerNumber]);
	ingest_leave_area(ingest);
}
