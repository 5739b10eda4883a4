/*
 * Building indexes of new heaps while other heaps are still being filled.
 *
 *   leader    fills A ... fills B ... fills C ... builds what is left ... waits
 *   worker 1            builds A's index 1 ... builds B's ...
 *   worker 2            builds A's index 2 ...
 *
 * The server's parallel CREATE INDEX shares out one sort among processes and
 * merges what they sorted. Rows come here in the order of most indexes, so that
 * there is nothing to share out: each index is built whole, by one process, with
 * the server's own code, and all of them at a time.
 *
 * Rights, settings, transaction and locks come to the workers with the server's
 * parallel context. Between index_builder_begin() and index_builder_end() the
 * leader may write to its new heaps, but not to catalogs: what is known of an
 * index in pg_class is for the caller to store afterwards. Without workers the
 * leader builds everything in the end.
 */
#include "compat.h"

#include "access/genam.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "optimizer/paths.h"
#include "pgstat.h"
#include "storage/condition_variable.h"
#include "storage/spin.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "model/index_builder.h"
#include "model/new_heap_scan.h"

/* Key of what is in shared memory */
#define KEY_TASKS	UINT64CONST(0xA200000000000001)

/* Least memory of one sort, as for the server's own workers, in kB */
#define LEAST_SORT_MEMORY	32768

typedef struct SharedTasks
{
	slock_t		mutex;			/* over "complete" and the tasks' flags */
	ConditionVariable changed;
	bool		complete;		/* all heaps are filled */
	int			count;
	IndexTask	tasks[FLEXIBLE_ARRAY_MEMBER];
} SharedTasks;

struct IndexBuilder
{
	ParallelContext *context;
	SharedTasks *shared;
	int			nest_level;		/* of the settings before ours */
};

PGDLLEXPORT void influence_index_worker(dsm_segment *segment, shm_toc *toc);

/*
 * Whether an index can be built here: a B-tree of columns of a permanent table.
 * Others may call functions that are not safe in a worker, or need more than
 * their storage.
 */
bool
index_builder_can_build(Relation heap, Relation index)
{
	IndexInfo  *info = BuildIndexInfo(index);

	return RelationIsPermanent(heap) && index->rd_rel->relam == BTREE_AM_OID &&
		info->ii_Expressions == NIL && info->ii_Predicate == NIL && info->ii_ExclusionOps == NULL;
}

/*
 * Build one index
 */
static void
build_index(IndexTask *task)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "influence index",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Relation	heap = table_open(task->heap, ShareLock);
	Relation	index = index_open(task->index, AccessExclusiveLock);
	IndexBuildResult *result = new_heap_build_index(heap, index);

	task->heap_tuples = result->heap_tuples;
	task->index_tuples = result->index_tuples;
	index_close(index, NoLock);
	table_close(heap, NoLock);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/*
 * A task that nobody has begun, NULL when there is none now; "complete" tells
 * whether there may be one later
 */
static IndexTask *
take_task(SharedTasks *shared, bool *complete)
{
	IndexTask  *task = NULL;

	SpinLockAcquire(&shared->mutex);
	for (int i = 0; i < shared->count && task == NULL; i++)
	{
		if (shared->tasks[i].filled && !shared->tasks[i].taken)
		{
			task = &shared->tasks[i];
			task->taken = true;
		}
	}
	*complete = shared->complete;
	SpinLockRelease(&shared->mutex);
	return task;
}

/*
 * Build indexes until there are no more
 */
static void
build_indexes(SharedTasks *shared)
{
	IndexTask  *task;
	bool		complete;

	for (;;)
	{
		while ((task = take_task(shared, &complete)) != NULL)
		{
			ConditionVariableCancelSleep();
			build_index(task);
		}
		if (complete)
			break;
		ConditionVariableSleep(&shared->changed, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
}

/*
 * How many workers are worth starting for so many indexes on so many pages, and
 * have the memory for their sorts
 */
static int
choose_workers(int tasks, uint64 pages)
{
	int			workers = Min(max_parallel_maintenance_workers, tasks);

	if (pages < (uint64) min_parallel_table_scan_size)
		return 0;
	while (workers > 0 && maintenance_work_mem / (workers + 1) < LEAST_SORT_MEMORY)
		workers--;
	return workers;
}

/*
 * Divide maintenance_work_mem by the number of those who sort; workers inherit it
 */
static void
share_sort_memory(int participants)
{
	char		kilobytes[32];

	snprintf(kilobytes, sizeof(kilobytes), "%d", maintenance_work_mem / participants);
	(void) set_config_option("maintenance_work_mem", kilobytes, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * Start workers for indexes of heaps that are about to be filled
 *
 * tasks: a list of IndexTask, in any order. pages: about so many will the heaps
 * have. Returns NULL when that is not worth it, or cannot be done here.
 */
IndexBuilder *
index_builder_begin(List *tasks, uint64 pages)
{
	int			workers = choose_workers(list_length(tasks), pages);
	Size		size = offsetof(SharedTasks, tasks) + sizeof(IndexTask) * list_length(tasks);
	IndexBuilder *builder;
	SharedTasks *shared;

	if (workers == 0 || IsInParallelMode())
		return NULL;
	builder = palloc(sizeof(IndexBuilder));
	builder->nest_level = NewGUCNestLevel();
	share_sort_memory(workers + 1);
	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
	EnterParallelMode();
	builder->context = CreateParallelContext("influence", "influence_index_worker", workers);
	shm_toc_estimate_chunk(&builder->context->estimator, size);
	shm_toc_estimate_keys(&builder->context->estimator, 1);
	InitializeParallelDSM(builder->context);

	shared = builder->shared = shm_toc_allocate(builder->context->toc, size);
	SpinLockInit(&shared->mutex);
	ConditionVariableInit(&shared->changed);
	shared->complete = false;
	shared->count = list_length(tasks);
	for (int i = 0; i < shared->count; i++)
		shared->tasks[i] = *(IndexTask *) list_nth(tasks, i);
	shm_toc_insert(builder->context->toc, KEY_TASKS, shared);
	LaunchParallelWorkers(builder->context);
	return builder;
}

/*
 * A heap is complete: its indexes may be built from now on
 */
void
index_builder_offer(IndexBuilder *builder, Oid heap)
{
	SharedTasks *shared = builder->shared;

	SpinLockAcquire(&shared->mutex);
	for (int i = 0; i < shared->count; i++)
		if (shared->tasks[i].heap == heap)
			shared->tasks[i].filled = true;
	SpinLockRelease(&shared->mutex);
	ConditionVariableBroadcast(&shared->changed);
}

/*
 * All heaps are complete: build what is left, wait for the workers, and return
 * the tasks
 */
List *
index_builder_end(IndexBuilder *builder)
{
	SharedTasks *shared = builder->shared;
	List	   *tasks = NIL;

	SpinLockAcquire(&shared->mutex);
	shared->complete = true;
	SpinLockRelease(&shared->mutex);
	ConditionVariableBroadcast(&shared->changed);

	build_indexes(shared);
	WaitForParallelWorkersToFinish(builder->context);
	for (int i = 0; i < shared->count; i++)
	{
		IndexTask  *task = palloc(sizeof(IndexTask));

		*task = shared->tasks[i];
		tasks = lappend(tasks, task);
	}
	DestroyParallelContext(builder->context);
	ExitParallelMode();
	PopActiveSnapshot();
	AtEOXact_GUC(false, builder->nest_level);
	pfree(builder);
	return tasks;
}

/*
 * Main function of a worker
 */
void
influence_index_worker(dsm_segment *segment pg_attribute_unused(), shm_toc *toc)
{
	build_indexes(shm_toc_lookup(toc, KEY_TASKS, false));
}
