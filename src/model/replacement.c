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
 * Locks: ShareUpdateExclusiveLock on the relation while its replacement is built,
 * which keeps DDL and VACUUM away but no reader. The exclusive lock is waited
 * for only briefly, then given up and asked for again later: a reader that holds
 * on to the relation delays us, and never the readers behind it.
 */
#include "compat.h"

#include "access/attmap.h"
#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/multixact.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/toast_internals.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "commands/cluster.h"
#include "commands/defrem.h"
#include "commands/matview.h"
#include "commands/tablecmds.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "parser/parse_utilcmd.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/resowner.h"
#include "utils/syscache.h"

#include "model/replacement.h"

/* Rows that are inserted together */
#define BATCH_ROWS	1000

/* Longest wait for an exclusive lock: what a reader behind us may feel */
#define LOCK_TIMEOUT	"100ms"

/* Pause before the lock is asked for again; it doubles up to the longest */
#define FIRST_PAUSE_USEC	(20 * 1000L)
#define LONGEST_PAUSE_USEC	(1000 * 1000L)

/* Attempts before the refresh fails: about ten minutes */
#define LOCK_ATTEMPTS	600

struct Replacement
{
	Oid			relation;
	Oid			heap;			/* the transient table */
	Relation	heap_rel;		/* open while rows are put */
	BulkInsertState bulk;
	MemoryContext batch_context;	/* the tuples of one batch */
	TupleTableSlot *slots[BATCH_ROWS];
	int			batch_count;
	uint64		row_count;
	List	   *old_indexes;	/* OIDs, in the same order as new_indexes */
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
		aclcheck_error(ACLCHECK_NOT_OWNER,
					   relation->rd_rel->relkind == RELKIND_MATVIEW ? OBJECT_MATVIEW : OBJECT_TABLE,
					   RelationGetRelationName(relation));
}

/*
 * Start a replacement: create the transient table
 *
 * The current user must own the relation (42501).
 */
Replacement *
replacement_begin(Oid relation)
{
	Replacement *replacement = palloc0(sizeof(Replacement));
	Relation	old = table_open(relation, ShareUpdateExclusiveLock);
	TupleDesc	desc;

	check_replaceable(old);
	CheckTableNotInUse(old, "influence_refresh");
	replacement->relation = relation;
	replacement->heap = make_new_heap(relation, old->rd_rel->reltablespace, old->rd_rel->relam,
									  old->rd_rel->relpersistence, ExclusiveLock);
	LockRelationOid(replacement->heap, AccessExclusiveLock);
	CommandCounterIncrement();

	replacement->heap_rel = table_open(replacement->heap, NoLock);
	/* values stored out of line must name the toast table that they end up in */
	replacement->heap_rel->rd_toastoid = old->rd_rel->reltoastrelid;
	table_close(old, NoLock);

	replacement->bulk = GetBulkInsertState();
	replacement->batch_context = AllocSetContextCreate(CurrentMemoryContext, "influence batch",
													   ALLOCSET_DEFAULT_SIZES);
	desc = RelationGetDescr(replacement->heap_rel);
	for (int i = 0; i < BATCH_ROWS; i++)
		replacement->slots[i] = MakeSingleTupleTableSlot(desc, &TTSOpsHeapTuple);
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
 * Write the rows of the batch
 *
 * They are frozen at once: the table is new, and nobody sees it before it is
 * swapped in.
 */
static void
flush_batch(Replacement *replacement)
{
	MemoryContext old = MemoryContextSwitchTo(replacement->batch_context);

	CHECK_FOR_INTERRUPTS();
	table_multi_insert(replacement->heap_rel, replacement->slots, replacement->batch_count,
					   GetCurrentCommandId(true), TABLE_INSERT_SKIP_FSM | TABLE_INSERT_FROZEN,
					   replacement->bulk);
	for (int i = 0; i < replacement->batch_count; i++)
		ExecClearTuple(replacement->slots[i]);
	MemoryContextSwitchTo(old);
	MemoryContextReset(replacement->batch_context);
	replacement->batch_count = 0;
}

/*
 * Add one row; values and nulls as for heap_form_tuple
 */
void
replacement_put(Replacement *replacement, Datum *values, bool *nulls)
{
	MemoryContext old = MemoryContextSwitchTo(replacement->batch_context);
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(replacement->heap_rel), values, nulls);

	ExecStoreHeapTuple(tuple, replacement->slots[replacement->batch_count++], false);
	MemoryContextSwitchTo(old);
	replacement->row_count++;
	if (replacement->batch_count == BATCH_ROWS)
		flush_batch(replacement);
}

/*
 * Build the twin of one index of the relation on the transient table
 */
static Oid
build_index(Replacement *replacement, Oid index_oid)
{
	Relation	index = index_open(index_oid, AccessShareLock);
	int			columns = RelationGetDescr(replacement->heap_rel)->natts;
	AttrMap    *same_columns = make_attrmap(columns);
	IndexStmt  *stmt;
	Oid			built;

	for (int i = 0; i < columns; i++)
		same_columns->attnums[i] = i + 1;
	stmt = generateClonedIndexStmt(NULL, index, same_columns, NULL);
	index_close(index, NoLock);

	/* only its storage will be used: no constraint, no comment */
	stmt->primary = false;
	stmt->isconstraint = false;
	stmt->idxcomment = NULL;
	built = define_index(replacement->heap, stmt);
	CommandCounterIncrement();
	return built;
}

/*
 * No more rows: write the last ones and build the indexes
 */
void
replacement_finish(Replacement *replacement)
{
	Relation	old;
	ListCell   *lc;

	if (replacement->batch_count > 0)
		flush_batch(replacement);
	FreeBulkInsertState(replacement->bulk);
	table_finish_bulk_insert(replacement->heap_rel, TABLE_INSERT_SKIP_FSM | TABLE_INSERT_FROZEN);
	for (int i = 0; i < BATCH_ROWS; i++)
		ExecDropSingleTupleTableSlot(replacement->slots[i]);
	MemoryContextDelete(replacement->batch_context);

	old = table_open(replacement->relation, NoLock);
	replacement->old_indexes = RelationGetIndexList(old);
	table_close(old, NoLock);
	foreach(lc, replacement->old_indexes)
		replacement->new_indexes = lappend_oid(replacement->new_indexes,
											   build_index(replacement, lfirst_oid(lc)));
	table_close(replacement->heap_rel, NoLock);
	replacement->heap_rel = NULL;
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
	swap_frozen_pages(a, b);
	if (a->relkind != RELKIND_INDEX)
	{
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
 * Exchange the storage of the toast tables of two relations
 *
 * The tables themselves stay where they are, as the values point to them by OID.
 */
static void
swap_toast(Oid kept, Oid transient)
{
	Oid			kept_toast = toast_table_of(kept);
	Oid			transient_toast = toast_table_of(transient);

	if (!OidIsValid(kept_toast) || !OidIsValid(transient_toast))
		return;
	LockRelationOid(kept_toast, AccessExclusiveLock);
	swap_storage(kept_toast, transient_toast);
	swap_storage(toast_get_valid_index(kept_toast, AccessExclusiveLock),
				 toast_get_valid_index(transient_toast, AccessExclusiveLock));
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
	ObjectAddress transient;

	CheckTableNotInUse(relation, "influence_refresh");
	if (!equal(replacement->old_indexes, RelationGetIndexList(relation)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("indexes of \"%s\" were changed during the refresh",
						RelationGetRelationName(relation))));
	if (relation->rd_rel->relkind == RELKIND_MATVIEW)
		SetMatViewPopulatedState(relation, true);

	forboth(old, replacement->old_indexes, new, replacement->new_indexes)
	{
		LockRelationOid(lfirst_oid(old), AccessExclusiveLock);
		swap_storage(lfirst_oid(old), lfirst_oid(new));
	}
	swap_toast(replacement->relation, replacement->heap);
	swap_storage(replacement->relation, replacement->heap);
	pgstat_count_truncate(relation);
	pgstat_count_heap_insert(relation, replacement->row_count);
	table_close(relation, NoLock);
	CommandCounterIncrement();

	ObjectAddressSet(transient, RelationRelationId, replacement->heap);
	performDeletion(&transient, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
}

/*
 * Try to lock all relations exclusively; false when some reader holds on to one
 *
 * In a subtransaction, so that a failed attempt lets go of those that it got.
 */
static bool
try_lock_all(List *replacements)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool locked = true;
	int			nestlevel;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		ListCell   *lc;

		nestlevel = NewGUCNestLevel();
		(void) set_config_option("lock_timeout", LOCK_TIMEOUT, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
		foreach(lc, replacements)
			LockRelationOid(((Replacement *) lfirst(lc))->relation, AccessExclusiveLock);
		AtEOXact_GUC(false, nestlevel);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
			ReThrowError(error);
		FreeErrorData(error);
		locked = false;
	}
	PG_END_TRY();
	return locked;
}

/*
 * Lock all relations exclusively, in their order, as soon as their readers allow
 */
static void
lock_all(List *replacements)
{
	long		pause = FIRST_PAUSE_USEC;

	for (int attempt = 1; !try_lock_all(replacements); attempt++)
	{
		if (attempt == LOCK_ATTEMPTS)
			ereport(ERROR,
					(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
					 errmsg("the score views were in use for too long"),
					 errhint("End the transactions that hold locks on them, see pg_locks.")));
		CHECK_FOR_INTERRUPTS();
		pg_usleep(pause);
		pause = Min(pause * 2, LONGEST_PAUSE_USEC);
	}
}

/*
 * Put all finished replacements in place together
 *
 * From here to the end of the transaction the relations are locked, so nothing
 * slow should follow.
 */
void
replacement_swap_all(List *replacements)
{
	ListCell   *lc;

	lock_all(replacements);
	foreach(lc, replacements)
		swap_in(lfirst(lc));
}
