/*
 * Taking one person out of what is published, at once.
 *
 * The score views are materialized views, from which SQL deletes nothing. So
 * their rows are deleted here as the server deletes from any table: with a lock
 * that readers do not notice, visible to others at commit, undone by a rollback.
 * The refresh lock is taken first: a refresh that is under way, and may have read
 * the person's rows already, has published before we look.
 */
#include "compat.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/relation.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "intern.h"
#include "model/closed_days.h"
#include "model/model_lock.h"
#include "model/owner.h"
#include "model/removal.h"
#include "model/views.h"

/* Column of the id in every score view */
#define VIEW_USER_ID	1

/*
 * An index of the view that begins with the id; InvalidOid when there is none
 */
static Oid
find_id_index(Relation view)
{
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(view))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		bool		fits = index->rd_index->indisvalid && index->rd_index->indkey.values[0] == VIEW_USER_ID &&
			index->rd_rel->relam == BTREE_AM_OID &&
			RelationGetIndexPredicate(index) == NIL;

		index_close(index, NoLock);
		if (fits)
			return lfirst_oid(lc);
	}
	return InvalidOid;
}

static RegProcedure
equality_of(Oid id_type)
{
	return id_type == INT8OID ? F_INT8EQ : id_type == UUIDOID ? F_UUID_EQ : F_TEXTEQ;
}

/*
 * Refuse what is not a view of the model: somebody else's relation, or other ids
 */
static void
check_view(const ModelRef *ref, Relation view)
{
	TupleDesc	desc = RelationGetDescr(view);

	if (!class_ownercheck(RelationGetRelid(view), GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(view->rd_rel->relkind),
					   RelationGetRelationName(view));
	if (view->rd_rel->relkind != RELKIND_MATVIEW || view->rd_tableam != GetHeapamTableAmRoutine() ||
		desc->natts < VIEW_USER_ID || TupleDescAttr(desc, VIEW_USER_ID - 1)->atttypid != ref->id_type)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s.%s\" is not a view of model \"%s\"",
						ref->schema, RelationGetRelationName(view), ref->name),
				 errhint("Rename or drop it; it is in the place of one that a refresh fills.")));
}

/*
 * Delete a person's rows from one view; returns their number
 */
static uint64
remove_from_view(const ModelRef *ref, Oid relation, Datum id)
{
	Relation	view = relation_open(relation, RowExclusiveLock);
	Oid			index;
	ScanKeyData key;
	Snapshot	snapshot;
	SysScanDesc scan;
	HeapTuple	tuple;
	uint64		count = 0;

	check_view(ref, view);
	index = find_id_index(view);
	/* with the lock, not before: a swap or REFRESH may have come in between */
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyEntryInitialize(&key, 0, VIEW_USER_ID, BTEqualStrategyNumber, ref->id_type,
						   TupleDescAttr(RelationGetDescr(view), VIEW_USER_ID - 1)->attcollation,
						   equality_of(ref->id_type), id);
	scan = systable_beginscan(view, index, OidIsValid(index), snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		simple_heap_delete(view, &tuple->t_self);
		count++;
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	relation_close(view, NoLock);
	return count;
}

/*
 * Delete people's rows from the history; returns their number
 *
 * The caller has become the owner and holds the model's lock.
 */
uint64
removal_from_history(const ModelRef *ref, const Datum *ids, int count)
{
	char	   *sql = psprintf("DELETE FROM %s WHERE user_id OPERATOR(pg_catalog.=) ANY ($1)",
							   quote_qualified_identifier(ref->schema, "score_history"));
	Oid			types[1] = {get_array_type(ref->id_type)};
	Datum		values[1];
	uint64		deleted;
	int16		length;
	bool		by_value;
	char		alignment;

	get_typlenbyvalalign(ref->id_type, &length, &by_value, &alignment);
	SPI_connect();
	values[0] = PointerGetDatum(construct_array(unconstify(Datum *, ids), count, ref->id_type, length, by_value, alignment));
	SPI_execute_with_args(sql, 1, types, values, NULL, false, 0);
	deleted = SPI_processed;
	SPI_finish();
	return deleted;
}

PG_FUNCTION_INFO_V1(influence_remove_person);

/*
 * influence_remove_person(model text, user_id text) returns bigint: delete the
 * rows about a person from all score views and the history
 *
 * Returns how many there were. Errors: 42501 for others than the model's owner,
 * 22P02 when the id is none of the model's type.
 */
Datum
influence_remove_person(PG_FUNCTION_ARGS)
{
	ModelRef   *ref = model_find(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	char	   *user_id = text_to_cstring(PG_GETARG_TEXT_PP(1));
	OwnerContext saved;
	Datum		id;
	uint64		count = 0;

	model_check_owner(ref);
	id = id_from_text(ref->id_type, user_id);

	owner_enter(&saved, model_owner(ref));
	model_lock(ref, true);
	for (ScoreView view = 0; view < VIEW_COUNT; view++)
	{
		Oid			relation = get_relname_relid(view_name(view), get_namespace_oid(ref->schema, false));

		if (OidIsValid(relation))
			count += remove_from_view(ref, relation, id);
	}
	count += removal_from_history(ref, &id, 1);
	/* all that was kept of closed days, as nothing tells whom it is about */
	closed_days_forget(ref->name);
	owner_leave(&saved);
	PG_RETURN_INT64((int64) count);
}
