/*
 * influence_score: one person's published score.
 *
 * Reads the view "scores" through its index on user_id with the caller's
 * rights and snapshot. What is found out about the model on the first call of
 * a query is kept for its other calls; the lock on the view is then held until
 * the end of the (sub)transaction, so that it cannot go stale. After many calls
 * the scores of all people are loaded, if memory allows.
 *
 * Nothing stays open between two calls: no relation, page, scan or snapshot. So
 * there is nothing to be closed by the end of a query, cursor or transaction,
 * or by an error; what is kept is plain memory below that of the expression.
 * PL/pgSQL keeps expressions for the whole transaction and longer. Each call
 * therefore checks that it would find the same: model and rights
 * (score_view_holds), snapshot and locks (moment_is_now).
 */
#include "compat.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "intern.h"
#include "model/model.h"
#include "model/moment.h"
#include "model/score_table.h"
#include "model/score_view.h"

/* Single reads before it is asked whether loading all scores is worth it */
#define FIRST_READS	100

/* What the calls of a query share */
typedef struct ScoreQuery
{
	MemoryContext context;		/* holds all of this */
	ScoreView  *view;
	Moment	   *moment;			/* of the first call */
	uint64		reads;			/* through the index */
	uint64		reads_to_load;	/* so many, then the table is loaded */
	ScoreTable *table;			/* NULL: not yet, or never */
} ScoreQuery;

/*
 * Find the view; keeps the result for the other calls of the query
 */
static ScoreQuery *
begin_query(FunctionCallInfo fcinfo, const text *model_argument)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "influence score",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	ScoreQuery *query = palloc0(sizeof(ScoreQuery));

	query->context = context;
	query->view = score_view_open(model_argument);
	query->moment = moment_now();
	query->reads_to_load = FIRST_READS;

	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, fcinfo->flinfo->fn_mcxt);
	fcinfo->flinfo->fn_extra = query;
	return query;
}

/*
 * What the query's calls share, for the model of this call
 */
static ScoreQuery *
get_query(FunctionCallInfo fcinfo, const text *model_argument)
{
	ScoreQuery *query = fcinfo->flinfo->fn_extra;

	if (query != NULL && score_view_holds(query->view, model_argument) && moment_is_now(query->moment))
		return query;

	fcinfo->flinfo->fn_extra = NULL;
	if (query != NULL)
		MemoryContextDelete(query->context);
	return begin_query(fcinfo, model_argument);
}

/*
 * Read a score through the index; false when there is none
 */
static bool
read_score(const ScoreView *view, Datum id, double *score)
{
	Relation	scores = table_open(view->scores, NoLock);
	Relation	index = index_open(view->index, NoLock);
	TupleTableSlot *slot = table_slot_create(scores, NULL);
	IndexScanDesc scan = begin_index_scan(scores, index, GetActiveSnapshot(), 1);
	ScanKeyData key;
	bool		found;
	bool		isnull = true;

	ScanKeyEntryInitialize(&key, 0, 1, BTEqualStrategyNumber, InvalidOid,
						   index->rd_indcollation[0], view->equal, id);
	index_rescan(scan, &key, 1, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, slot);
	if (found)
		*score = DatumGetFloat8(slot_getattr(slot, SCORES_SCORE, &isnull));
	ExecDropSingleTupleTableSlot(slot);
	index_endscan(scan);
	index_close(index, NoLock);
	table_close(scores, NoLock);
	return found && !isnull;
}

/*
 * Load the scores of all people, or learn when that is worth it
 */
static void
consider_table(ScoreQuery *query)
{
	if (query->reads == FIRST_READS)
		query->reads_to_load = Max(score_table_worth(query->view), FIRST_READS);
	if (query->reads < query->reads_to_load)
		return;
	/* once only: when it does not fit, or fails, it would again */
	query->reads_to_load = PG_UINT64_MAX;
	query->table = score_table_load(query->view, query->context);
}

/*
 * Score of a person; false when there is none
 */
static bool
find_score(ScoreQuery *query, Datum id, double *score)
{
	if (query->table == NULL && query->reads == query->reads_to_load)
		consider_table(query);
	if (query->table != NULL)
		return score_table_find(query->table, id, score);
	query->reads++;
	return read_score(query->view, id, score);
}

/*
 * An id given as text, in the type of the model
 */
static Datum
convert_text_id(const ScoreView *view, Datum id)
{
	if (view->id_type == TEXTOID)
		return id;
	return id_from_text(view->id_type, TextDatumGetCString(id));
}

/*
 * An id of any supported type in the type of the model; 42804 when they differ
 */
static Datum
convert_id(const ScoreView *view, Datum id, Oid type)
{
	if (type == TEXTOID)
		return convert_text_id(view, id);
	if (type != view->id_type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("user ids of model \"%s\" have type %s, not %s",
						view->model, format_type_be(view->id_type), format_type_be(type)),
				 errhint("Cast the id, or name another model.")));
	return id;
}

/*
 * influence_score(user_id, model) for one type of id
 */
static Datum
score_of(FunctionCallInfo fcinfo, Oid type)
{
	ScoreQuery *query;
	double		score;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	query = get_query(fcinfo, PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1));
	if (!find_score(query, convert_id(query->view, PG_GETARG_DATUM(0), type), &score))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(score);
}

PG_FUNCTION_INFO_V1(influence_score_bigint);
PG_FUNCTION_INFO_V1(influence_score_uuid);
PG_FUNCTION_INFO_V1(influence_score_text);
PG_FUNCTION_INFO_V1(influence_find_model);

/*
 * influence_score(user_id bigint, model text): score, NULL for unknown people
 */
Datum
influence_score_bigint(PG_FUNCTION_ARGS)
{
	return score_of(fcinfo, INT8OID);
}

/*
 * influence_score(user_id uuid, model text)
 */
Datum
influence_score_uuid(PG_FUNCTION_ARGS)
{
	return score_of(fcinfo, UUIDOID);
}

/*
 * influence_score(user_id text, model text); the text is read as an id of the
 * model's type
 */
Datum
influence_score_text(PG_FUNCTION_ARGS)
{
	return score_of(fcinfo, TEXTOID);
}

/*
 * influence_find_model(model text, refreshed boolean): name, schema and id type
 * of the model that a call means; an error when its views are gone, or when they
 * must have been filled (refreshed) and are not
 */
Datum
influence_find_model(PG_FUNCTION_ARGS)
{
	ModelRef   *model = model_resolve(PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0)));
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false};

	model_owner(model);
	if (!PG_ARGISNULL(1) && PG_GETARG_BOOL(1))
	{
		Relation	scores = table_open(model->scores, AccessShareLock);

		model_check_refreshed(model, scores);
		table_close(scores, AccessShareLock);
	}
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = CStringGetTextDatum(model->name);
	values[1] = CStringGetTextDatum(model->schema);
	values[2] = ObjectIdGetDatum(model->id_type);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
