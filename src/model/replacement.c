/*
 * New contents for a relation, built beside the old and swapped in.
 *
 * As CLUSTER and REFRESH MATERIALIZED VIEW do it, a transient table of the same
 * shape is filled and then exchanges its storage with the relation, which keeps
 * its OID, rights, comments and whatever depends on it. Unlike there, the
 * indexes are built on the transient table too, before the exchange, and
 * exchange their storage with the old ones: the relation is locked exclusively
 * only while a few rows of pg_class are updated, not while anything is written.
 *
 *   social.scores  ----> new rows, new indexes      (same OIDs as before)
 *   pg_temp_12345  ----> old rows, old indexes      (dropped at once)
 *
 * Locks: ExclusiveLock on the relation while its replacement is built, which
 * keeps DDL, VACUUM and changes away but no reader. The exclusive lock is waited
 * for only briefly, then given up and asked for again later: a reader that holds
 * on to the relation delays us, and never the readers behind it. That includes
 * the locks on indexes and the toast table, which somebody may hold without one
 * on the relation: VACUUM of the toast table does. What the end of the
 * transaction would have to write out is written before the lock.
 */
#include "compat.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/multixact.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/toast_internals.h"
#include "access/visibilitymap.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "commands/cluster.h"
#include "commands/defrem.h"
#include "commands/matview.h"
#include "commands/tablecmds.h"
#include "commands/vacuum.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "optimizer/paths.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/predicate.h"
#include "storage/smgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#include "model/attempt.h"
#include "model/heap_writer.h"
#include "model/replacement.h"

/*
 * Longest wait for the exclusive locks, all of them together, in milliseconds:
 * what a reader behind us may feel. It grows with every attempt, as many long
 * queries at a time may leave no shorter gap.
 */
#define FIRST_LOCK_WAIT		100
#define LONGEST_LOCK_WAIT	200
#define LOCK_WAIT_STEP		2

/* Pause before the locks are asked for again; it doubles up to the longest */
#define FIRST_PAUSE_MS		20
#define LONGEST_PAUSE_MS	1000

/* Attempts before the refresh fails: about ten minutes */
#define LOCK_ATTEMPTS	600

struct Replacement
{
	Oid			relation;
	Oid			heap;			/* the transient table */
	Relation	heap_rel;		/* open while rows are put */
	HeapWriter *writer;
	uint64		row_count;
	List	   *old_indexes;	/* OIDs, in the same order as new_indexes */
	List	   *old_valid;		/* whether each is valid, integers */
	List	   *new_indexes;
};

/*
 * Refuse what has no storage of its own, or belongs to somebody else: whoever
 * may create in the schema may have put it there
 */
static void
check_replaceable(Relation relation)
{
	if (relation->rd_rel->relkind != RELKIND_RELATION && relation->rd_rel->relkind != RELKIND_MATVIEW)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table or materialized view", RelationGetRelationName(relation)),
				 errhint("Rename or drop it; it is in the place of one that a refresh fills.")));
	if (!class_ownercheck(RelationGetRelid(relation), GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of %s %s",
						relation->rd_rel->relkind == RELKIND_MATVIEW ? "materialized view" : "table",
						RelationGetRelationName(relation)),
				 errhint("A model belongs to the owner of its view \"scores\", who must own its other views, "
						 "\"score_history\" and the partitions of that, too.")));
}

/*
 * Create the twin of one index of the relation on the transient table, empty yet
 *
 * Only its storage will be used. Like REINDEX CONCURRENTLY, this asks for no
 * rights on what the index has already: its tablespace, its functions.
 */
static Oid
create_twin(Relation heap, Oid kept)
{
	char	   *name = ChooseRelationName(get_rel_name(kept), NULL, "new", RelationGetNamespace(heap), false);
	Oid			twin = index_concurrently_create_copy(heap, kept, get_rel_tablespace(kept), name);

	CommandCounterIncrement();
	return twin;
}

/*
 * Start a replacement: create the transient table and its indexes
 *
 * The current user must own the relation (42501).
 */
Replacement *
replacement_begin(Oid relation)
{
	Replacement *replacement = palloc0(sizeof(Replacement));
	Relation	old = table_open(relation, ExclusiveLock);
	ListCell   *lc;

	check_replaceable(old);
	CheckTableNotInUse(old, "influence_refresh");
	replacement->relation = relation;
	replacement->heap = make_new_heap(relation, old->rd_rel->reltablespace, old->rd_rel->relam,
									  old->rd_rel->relpersistence, ExclusiveLock);
	LockRelationOid(replacement->heap, AccessExclusiveLock);
	CommandCounterIncrement();

	replacement->heap_rel = table_open(replacement->heap, NoLock);
	replacement->old_indexes = RelationGetIndexList(old);
	foreach(lc, replacement->old_indexes)
		replacement->old_valid = lappend_int(replacement->old_valid, get_index_isvalid(lfirst_oid(lc)));
	foreach(lc, replacement->old_indexes)
		replacement->new_indexes = lappend_oid(replacement->new_indexes,
											   create_twin(replacement->heap_rel, lfirst_oid(lc)));
	table_close(old, NoLock);

	replacement->writer = heap_writer_begin(replacement->heap_rel);
	return replacement;
}

/*
 * Shape of the rows to put
 */
TupleDesc
replacement_desc(const Replacement *replacement)
{
	return RelationGetDescr(replacement->heap_rel);
}

/*
 * Add one row; values and nulls as for heap_form_tuple
 */
void
replacement_put(Replacement *replacement, Datum *values, bool *nulls)
{
	heap_writer_put(replacement->writer, values, nulls);
	replacement->row_count++;
}

/*
 * Bring new storage to disk if it is not in the WAL (wal_level = minimal): the
 * end of the transaction does it while readers wait, and finds it done
 */
static void
sync_storage(Oid oid)
{
	Relation	relation = relation_open(oid, NoLock);

	if (RelationIsPermanent(relation) && !RelationNeedsWAL(relation))
	{
		FlushRelationBuffers(relation);
		smgrimmedsync(RelationGetSmgr(relation), MAIN_FORKNUM);
	}
	relation_close(relation, NoLock);
}

/*
 * What has to be built, of that which an IndexBuilder can build
 */
static List *
index_tasks(const Replacement *replacement)
{
	List	   *tasks = NIL;
	ListCell   *valid;
	ListCell   *new;

	forboth(valid, replacement->old_valid, new, replacement->new_indexes)
	{
		Relation	index = index_open(lfirst_oid(new), AccessExclusiveLock);

		if (lfirst_int(valid) &&
			index_builder_can_build(replacement->heap_rel, index))
		{
			IndexTask  *task = palloc0(sizeof(IndexTask));

			task->heap = replacement->heap;
			task->index = lfirst_oid(new);
			tasks = lappend(tasks, task);
		}
		index_close(index, NoLock);
	}
	return tasks;
}

/*
 * Have indexes built while rows are put; NULL when that is not worth it for so
 * many pages, and they are built in the end
 *
 * From here to replacement_finish_all() nothing may change catalogs.
 */
IndexBuilder *
replacement_start_indexes(List *replacements, uint64 pages)
{
	List	   *tasks = NIL;
	ListCell   *lc;

	foreach(lc, replacements)
	{
		/* other access methods may not like to be written to meanwhile */
		if (((Replacement *) lfirst(lc))->heap_rel->rd_tableam != GetHeapamTableAmRoutine())
			return NULL;
		tasks = list_concat(tasks, index_tasks(lfirst(lc)));
	}
	return index_builder_begin(tasks, pages);
}

/*
 * No more rows: the indexes can be built
 */
void
replacement_end_rows(Replacement *replacement, IndexBuilder *builder)
{
	heap_writer_end(replacement->writer);
	replacement->writer = NULL;
	if (builder != NULL)
		index_builder_offer(builder, replacement->heap);
}

/*
 * The task of an index, NULL when it was not among those of the builder
 */
static const IndexTask *
find_task(List *tasks, Oid index)
{
	ListCell   *lc;

	foreach(lc, tasks)
		if (((IndexTask *) lfirst(lc))->index == index)
			return lfirst(lc);
	return NULL;
}

/*
 * Build an index of the transient table, unless a task has done so, and store
 * how large it is
 */
static void
finish_index(Relation heap, Oid oid, const IndexTask *task, bool valid)
{
	Relation	index = index_open(oid, AccessExclusiveLock);

	if (task != NULL)
		store_relation_size(index, RelationGetNumberOfBlocks(index), task->index_tuples, 0, 0, false);
	else
	{
		IndexInfo  *info = BuildIndexInfo(index);

		/* one that could not be built, and is waiting to be dropped, cannot hold us up */
		if (!valid)
			info->ii_Unique = false;
		/* asking the planner for workers leaves a cache entry a column, each time */
		index_build(heap, index, info, false,
					RelationGetNumberOfBlocks(heap) >= (BlockNumber) min_parallel_table_scan_size);
	}
	index_close(index, NoLock);
	CommandCounterIncrement();
	sync_storage(oid);
}

/*
 * Store how large the transient table is; index_build() did for its own sake
 */
static void
store_heap_size(Relation heap, const Replacement *replacement)
{
	BlockNumber all_visible;
	BlockNumber all_frozen;

	visibilitymap_count(heap, &all_visible, &all_frozen);
	store_relation_size(heap, RelationGetNumberOfBlocks(heap), (double) replacement->row_count,
						all_visible, all_frozen, replacement->new_indexes != NIL);
	CommandCounterIncrement();
}

/*
 * Refuse to go on when a relation or its indexes are not what they were, 42P01 or 55006
 *
 * The lock keeps others from that, and not a function of an index, which may do
 * anything in this session.
 */
static void
check_unchanged(const Replacement *replacement)
{
	Relation	relation = try_relation_open(replacement->relation, NoLock);

	if (relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("a view was dropped during the refresh")));
	if (!equal(replacement->old_indexes, RelationGetIndexList(relation)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("indexes of \"%s\" were changed during the refresh",
						RelationGetRelationName(relation))));
	relation_close(relation, NoLock);
}

/*
 * Complete a replacement whose rows are all there
 */
static void
finish(Replacement *replacement, List *tasks)
{
	ListCell   *valid;
	ListCell   *new;

	forboth(valid, replacement->old_valid, new, replacement->new_indexes)
		finish_index(replacement->heap_rel, lfirst_oid(new), find_task(tasks, lfirst_oid(new)),
					 lfirst_int(valid));
	store_heap_size(replacement->heap_rel, replacement);
	sync_storage(replacement->heap);
	if (OidIsValid(replacement->heap_rel->rd_rel->reltoastrelid))
		sync_storage(replacement->heap_rel->rd_rel->reltoastrelid);
	table_close(replacement->heap_rel, NoLock);
	replacement->heap_rel = NULL;
}

/*
 * Complete all replacements: whatever is not yet built or written is now
 */
void
replacement_finish_all(List *replacements, IndexBuilder *builder)
{
	List	   *tasks = builder != NULL ? index_builder_end(builder) : NIL;
	ListCell   *lc;

	foreach(lc, replacements)
		finish(lfirst(lc), tasks);
}

#define SWAP(type, a, b) \
	do { type swapped = (a); (a) = (b); (b) = swapped; } while (0)

/*
 * Exchange what two rows of pg_class say about storage and its contents
 */
static void
swap_class_rows(Form_pg_class a, Form_pg_class b)
{
	SWAP(Oid, a->relfilenode, b->relfilenode);
	SWAP(Oid, a->reltablespace, b->reltablespace);
	SWAP(int32, a->relpages, b->relpages);
	SWAP(float4, a->reltuples, b->reltuples);
	SWAP(int32, a->relallvisible, b->relallvisible);
	swap_all_frozen(a, b);
	if (a->relkind != RELKIND_INDEX)
	{
		SWAP(Oid, a->reltoastrelid, b->reltoastrelid);
		SWAP(TransactionId, a->relfrozenxid, b->relfrozenxid);
		SWAP(MultiXactId, a->relminmxid, b->relminmxid);
	}
}

/*
 * Tell the relation cache that "kept" gets storage created in this transaction,
 * and "transient" the storage that "kept" had
 */
static void
swap_subids(Oid kept, Oid transient)
{
	Relation	kept_rel = relation_open(kept, NoLock);
	Relation	transient_rel = relation_open(transient, NoLock);

	transient_rel->rd_createSubid = kept_rel->rd_createSubid;
	transient_rel->rd_newStorageSubid = kept_rel->rd_newStorageSubid;
	transient_rel->rd_firstStorageSubid = kept_rel->rd_firstStorageSubid;
	RelationAssumeNewStorage(kept_rel);
	relation_close(kept_rel, NoLock);
	relation_close(transient_rel, NoLock);
}

/*
 * Exchange the storage of two relations, both locked exclusively
 */
static void
swap_storage(Oid kept, Oid transient)
{
	Relation	classes = table_open(RelationRelationId, RowExclusiveLock);
	HeapTuple	kept_row = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(kept));
	HeapTuple	transient_row = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(transient));

	if (!HeapTupleIsValid(kept_row) || !HeapTupleIsValid(transient_row))
		elog(ERROR, "cache lookup failed for relation %u or %u", kept, transient);

	swap_subids(kept, transient);
	swap_class_rows((Form_pg_class) GETSTRUCT(kept_row), (Form_pg_class) GETSTRUCT(transient_row));
	CatalogTupleUpdate(classes, &kept_row->t_self, kept_row);
	CatalogTupleUpdate(classes, &transient_row->t_self, transient_row);
	table_close(classes, RowExclusiveLock);
	close_storage_by_oid(kept);
	close_storage_by_oid(transient);
}

static Oid
toast_table_of(Oid oid)
{
	Relation	relation = table_open(oid, NoLock);
	Oid			toast = relation->rd_rel->reltoastrelid;

	table_close(relation, NoLock);
	return toast;
}

/*
 * Let the toast table of one relation go with another relation from now on
 */
static void
move_toast(Oid toast, Oid from, Oid to)
{
	if (OidIsValid(toast) &&
		changeDependencyFor(RelationRelationId, toast, RelationRelationId, from, to) != 1)
		elog(ERROR, "toast table %u does not depend on relation %u", toast, from);
}

/*
 * Give a toast table and its index the names that go with their relation
 */
static void
rename_toast(Oid toast, Oid relation)
{
	Oid			index = toast_get_valid_index(toast, AccessExclusiveLock);

	RenameRelationInternal(toast, psprintf("pg_toast_%u", relation), true, false);
	RenameRelationInternal(index, psprintf("pg_toast_%u_index", relation), true, true);
	CommandCounterIncrement();
	ResetRelRewrite(toast);
}

/*
 * Exchange the storage of the heap with its toast table, and drop the old one
 *
 * Toast tables are exchanged as they are, since values point to them by OID.
 */
static void
swap_heap(Oid kept, Oid transient)
{
	Oid			old_toast = toast_table_of(kept);
	Oid			new_toast = toast_table_of(transient);
	ObjectAddress dropped;

	move_toast(old_toast, kept, transient);
	move_toast(new_toast, transient, kept);
	swap_storage(kept, transient);
	CommandCounterIncrement();

	ObjectAddressSet(dropped, RelationRelationId, transient);
	performDeletion(&dropped, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
	CommandCounterIncrement();
	if (OidIsValid(new_toast))
		rename_toast(new_toast, kept);
}

/*
 * Put a finished replacement in place; the relation is locked exclusively
 */
static void
swap_in(Replacement *replacement)
{
	Relation	relation = table_open(replacement->relation, NoLock);
	ListCell   *old;
	ListCell   *new;

	CheckTableNotInUse(relation, "influence_refresh");
	check_unchanged(replacement);
	if (relation->rd_rel->relkind == RELKIND_MATVIEW)
		SetMatViewPopulatedState(relation, true);

	TransferPredicateLocksToHeapRelation(relation);

	forboth(old, replacement->old_indexes, new, replacement->new_indexes)
		swap_storage(lfirst_oid(old), lfirst_oid(new));
	pgstat_count_truncate(relation);
	pgstat_count_heap_insert(relation, replacement->row_count);
	table_close(relation, NoLock);
	swap_heap(replacement->relation, replacement->heap);
}

/* Relations to lock exclusively */
typedef struct LockRequest
{
	List	   *relations;		/* OIDs, in the order of locking */
	void		(*then) (void *arg);	/* what else waits for locks */
	void	   *arg;
} LockRequest;

/*
 * Lock all relations exclusively and do what shall be done right then
 */
static void
lock_relations(void *arg)
{
	LockRequest *request = arg;
	ListCell   *lc;

	foreach(lc, request->relations)
		LockRelationOid(lfirst_oid(lc), AccessExclusiveLock);
	request->then(request->arg);
}

/*
 * What must be locked to put replacements in place: the relations first, then
 * their indexes and toast tables
 */
static List *
relations_to_lock(List *replacements)
{
	List	   *relations = NIL;
	List	   *parts = NIL;
	ListCell   *lc;

	foreach(lc, replacements)
	{
		const Replacement *replacement = lfirst(lc);
		Oid			toast = toast_table_of(replacement->relation);

		relations = lappend_oid(relations, replacement->relation);
		parts = list_concat(parts, replacement->old_indexes);
		if (OidIsValid(toast))
			parts = lappend_oid(lappend_oid(parts, toast),
								toast_get_valid_index(toast, AccessShareLock));
	}
	return list_concat(relations, parts);
}

/*
 * Sleep, unless there is something to attend to
 */
static void
pause_ms(long milliseconds)
{
	CHECK_FOR_INTERRUPTS();
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 milliseconds, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/*
 * Lock all relations exclusively, as soon as their readers allow
 */
static void
lock_all(List *replacements, void (*then) (void *arg), void *arg)
{
	LockRequest request = {
		.relations = relations_to_lock(replacements),
		.then = then,
		.arg = arg
	};
	int			wait = FIRST_LOCK_WAIT;
	long		pause = FIRST_PAUSE_MS;
	ErrorData  *error;

	for (int i = 1; (error = attempt_locks(lock_relations, &request, wait)) != NULL; i++)
	{
		/* readers that lock in another order than we do wait for each other and us */
		if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE &&
			error->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED)
			ReThrowError(error);
		FreeErrorData(error);
		if (i == LOCK_ATTEMPTS)
			ereport(ERROR,
					(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
					 errmsg("the score views were in use for too long"),
					 errhint("End the transactions that hold locks on them, see pg_locks; pg_dump is one.")));
		pause_ms(pause);
		pause = Min(pause * 2, LONGEST_PAUSE_MS);
		wait = Min(wait + LOCK_WAIT_STEP, LONGEST_LOCK_WAIT);
	}
}

/*
 * Put all finished replacements in place together
 *
 * then(arg) is called once the relations are locked, for what needs locks of its
 * own: when it cannot have them soon, it is rolled back with our locks and tried
 * again. Whoever reads a relation and wants such a lock is never in our way for
 * good, nor are we in theirs. It may thus be called several times.
 *
 * From here to the end of the transaction the relations are locked, so nothing
 * slow should follow.
 */
void
replacement_swap_all(List *replacements, void (*then) (void *arg), void *arg)
{
	ListCell   *lc;

	foreach(lc, replacements)
		check_unchanged(lfirst(lc));
	/* or else the commit has to write it while readers wait */
	if (!XLogRecPtrIsInvalid(XactLastRecEnd))
		XLogFlush(XactLastRecEnd);
	lock_all(replacements, then, arg);
	foreach(lc, replacements)
		swap_in(lfirst(lc));
}
