/*
 * influence_score: one person's published score.
 *
 * Reads the view "scores" through its index on user_id with the caller's
 * rights and snapshot. What is found out about the model on the first call of
 * a query is kept for its other calls; the lock on the view is then held until
 * the end of the (sub)transaction, so that it cannot go stale. PL/pgSQL keeps an
 * expression for the whole transaction, over changes of settings and over
 * subtransactions whose rollback gives up the lock: then it is found out anew.
 */
#include "compat.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "influence.h"
#include "model/model.h"

/* Columns of the view "scores" */
#define SCORES_USER_ID	1
#define SCORES_SCORE	2

/* What the first call of a query finds out */
typedef struct ScoreLookup
{
	MemoryContext context;		/* holds all of this */
	SubTransactionId subtransaction;	/* that took the lock */
	ModelRef   *model;
	Oid			index;			/* unique index on user_id */
	Oid			checked_user;	/* who may read the view */
	RegProcedure equal;			/* of user_id */
	char	   *model_argument; /* as given; NULL: the default */
	char	   *default_model;	/* the setting then */
} ScoreLookup;

/*
 * The caller must be able to SELECT from the view, as if it had been named
 */
static void
check_may_read(const ModelRef *model)
{
	Oid			schema = get_namespace_oid(model->schema, false);
	AclResult	result = namespace_aclcheck(schema, GetUserId(), ACL_USAGE);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_SCHEMA, model->schema);
	if (pg_class_aclcheck(model->scores, GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
		(pg_attribute_aclcheck(model->scores, SCORES_USER_ID, GetUserId(), ACL_SELECT) != ACLCHECK_OK ||
		 pg_attribute_aclcheck(model->scores, SCORES_SCORE, GetUserId(), ACL_SELECT) != ACLCHECK_OK))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_MATVIEW, psprintf("%s.scores", model->schema));
}

/*
 * The unique index on user_id alone
 */
static Oid
find_user_index(Relation scores)
{
	Oid			found = InvalidOid;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(scores))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		if (index->rd_index->indisunique && index->rd_index->indisvalid &&
			index->rd_index->indnkeyatts == 1 &&
			index->rd_index->indkey.values[0] == SCORES_USER_ID &&
			RelationGetIndexPredicate(index) == NIL)
			found = lfirst_oid(lc);
		index_close(index, NoLock);
		if (OidIsValid(found))
			break;
	}
	if (!OidIsValid(found))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("view \"%s.scores\" has no unique index on user_id",
						get_namespace_name(RelationGetNamespace(scores))),
				 errhint("CREATE UNIQUE INDEX ON it.")));
	return found;
}

/*
 * The view may not be the one we created: refuse other types of id and score
 * than those it is read with, which would be read as what they are not
 */
static void
check_column_types(const ModelRef *model, Relation scores)
{
	TupleDesc	desc = RelationGetDescr(scores);

	if (desc->natts < SCORES_SCORE ||
		TupleDescAttr(desc, SCORES_USER_ID - 1)->atttypid != model->id_type ||
		TupleDescAttr(desc, SCORES_SCORE - 1)->atttypid != FLOAT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("materialized view \"%s.scores\" is not the one of model \"%s\"",
						model->schema, model->name),
				 errhint("Drop the model with influence_drop_model() and create it again.")));
}

/*
 * Equality function of an id type
 */
static RegProcedure
id_equality(Oid id_type)
{
	switch (id_type)
	{
		case INT8OID:
			return F_INT8EQ;
		case UUIDOID:
			return F_UUID_EQ;
		default:
			return F_TEXTEQ;
	}
}

/*
 * Resolve the model, check rights and take the lock; keeps the result for the
 * other calls of the query
 */
static ScoreLookup *
begin_lookup(FunctionCallInfo fcinfo, const char *model_argument)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "influence score",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	ScoreLookup *lookup = palloc0(sizeof(ScoreLookup));
	Relation	scores;

	lookup->context = context;
	lookup->subtransaction = GetCurrentSubTransactionId();
	lookup->model = model_resolve(model_argument);
	lookup->model_argument = model_argument == NULL ? NULL : pstrdup(model_argument);
	lookup->default_model = pstrdup(influence_default_model);
	model_owner(lookup->model);
	scores = table_open(lookup->model->scores, AccessShareLock);
	check_may_read(lookup->model);
	check_column_types(lookup->model, scores);
	model_check_refreshed(lookup->model, scores);
	lookup->checked_user = GetUserId();
	lookup->index = find_user_index(scores);
	lookup->equal = id_equality(lookup->model->id_type);
	table_close(scores, NoLock);

	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, fcinfo->flinfo->fn_mcxt);
	fcinfo->flinfo->fn_extra = lookup;
	return lookup;
}

/*
 * Whether this call means the model of an earlier one
 */
static bool
is_same_model(const ScoreLookup *lookup, const char *model_argument)
{
	if (model_argument == NULL || lookup->model_argument == NULL)
		return model_argument == lookup->model_argument &&
			strcmp(lookup->default_model, influence_default_model) == 0;
	return strcmp(lookup->model_argument, model_argument) == 0;
}

/*
 * What the query's calls share, for the model of this call
 */
static ScoreLookup *
get_lookup(FunctionCallInfo fcinfo, const char *model_argument)
{
	ScoreLookup *lookup = fcinfo->flinfo->fn_extra;

	if (lookup != NULL && lookup->checked_user == GetUserId() &&
		lookup->subtransaction == GetCurrentSubTransactionId() &&
		is_same_model(lookup, model_argument))
		return lookup;

	fcinfo->flinfo->fn_extra = NULL;
	if (lookup != NULL)
		MemoryContextDelete(lookup->context);
	return begin_lookup(fcinfo, model_argument);
}

/*
 * Read a score by id; false when there is none
 */
static bool
read_score(const ScoreLookup *lookup, Datum id, double *score)
{
	Relation	scores = table_open(lookup->model->scores, NoLock);
	Relation	index = index_open(lookup->index, NoLock);
	TupleTableSlot *slot = table_slot_create(scores, NULL);
	IndexScanDesc scan = begin_index_scan(scores, index, GetActiveSnapshot(), 1);
	ScanKeyData key;
	bool		found;
	bool		isnull = true;

	ScanKeyEntryInitialize(&key, 0, 1, BTEqualStrategyNumber, InvalidOid,
						   index->rd_indcollation[0], lookup->equal, id);
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
 * An id given as text, in the type of the model
 */
static Datum
convert_text_id(const ModelRef *model, Datum id)
{
	Oid			input;
	Oid			io_param;

	if (model->id_type == TEXTOID)
		return id;
	getTypeInputInfo(model->id_type, &input, &io_param);
	return OidInputFunctionCall(input, TextDatumGetCString(id), io_param, -1);
}

/*
 * An id of any supported type in the type of the model; 42804 when they differ
 */
static Datum
convert_id(const ModelRef *model, Datum id, Oid type)
{
	if (type == TEXTOID)
		return convert_text_id(model, id);
	if (type != model->id_type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("user ids of model \"%s\" have type %s, not %s",
						model->name, format_type_be(model->id_type), format_type_be(type)),
				 errhint("Cast the id, or name another model.")));
	return id;
}

/*
 * influence_score(user_id, model) for one type of id
 */
static Datum
score_of(FunctionCallInfo fcinfo, Oid type)
{
	ScoreLookup *lookup;
	double		score;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	lookup = get_lookup(fcinfo, PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	if (!read_score(lookup, convert_id(lookup->model, PG_GETARG_DATUM(0), type), &score))
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
