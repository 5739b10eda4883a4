/*
 * The view "scores" that a call of influence_score() reads.
 *
 * Which view that is, whether the caller may read it and which index leads to a
 * person takes longer to find out than the score itself. The answer to the last
 * question is therefore remembered from one statement to the next. It holds
 *
 *   - for the same name of a model and the same user,
 *   - while the visible rows of influence.models are the same: they are read
 *     each time, with the snapshot of the call, as a message about changed rows
 *     would say nothing about who can see the change,
 *   - while nothing else that it depends on has changed: the relations (dropped,
 *     renamed, granted, filled, ...), the schemas, roles and their memberships
 *     and the owner of the database. The server's invalidation messages tell.
 *     They are received no later than when the lock on the view is taken.
 *
 * What the messages invalidate is counted in a generation. Who keeps an answer
 * of its own asks score_view_holds() before each use.
 */
#include "compat.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "influence.h"
#include "model/model.h"
#include "model/score_view.h"

/* Changes when an answer may have ceased to hold */
static uint64 generation = 1;

/* Relations that answers depend on, OIDs; dropped ones stay */
static List *watched = NIL;

/* While an answer is looked for, any relation may turn out to matter */
static bool watch_all = false;

/* The last answer; no context: none */
static struct
{
	MemoryContext context;
	Oid			models;			/* table influence.models */
	StringInfo	rows;			/* of it, see models_rows() */
	ScoreView  *view;
}			remembered;

/*
 * A relation has changed; InvalidOid: any
 */
static void
relation_changed(Datum arg pg_attribute_unused(), Oid relation)
{
	if (watch_all || !OidIsValid(relation) || list_member_oid(watched, relation))
		generation++;
}

/*
 * A schema, role, membership or database has changed
 */
static void
catalog_changed(Datum arg pg_attribute_unused(), int cache pg_attribute_unused(),
				uint32 hash pg_attribute_unused())
{
	generation++;
}

/*
 * Ask the server for its messages, once in a backend
 */
static void
listen(void)
{
	static const int caches[] = {NAMESPACEOID, AUTHOID, AUTHMEMROLEMEM, DATABASEOID};
	static bool is_listening = false;

	if (is_listening)
		return;
	for (int i = 0; i < (int) lengthof(caches); i++)
		CacheRegisterSyscacheCallback(caches[i], catalog_changed, (Datum) 0);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	is_listening = true;
}

/*
 * Look out for changes of a relation
 */
static void
watch(Oid relation)
{
	MemoryContext old = MemoryContextSwitchTo(CacheMemoryContext);

	watched = list_append_unique_oid(watched, relation);
	MemoryContextSwitchTo(old);
}

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
 * Is it the unique index on user_id alone?
 *
 * A predicate is not read: that would evaluate functions in it, as the caller.
 */
static bool
is_user_index(Relation index)
{
	return index->rd_index->indisunique && index->rd_index->indisvalid &&
		index->rd_index->indnkeyatts == 1 &&
		index->rd_index->indkey.values[0] == SCORES_USER_ID &&
		heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);
}

/*
 * Find the index on user_id, and what equality of ids means there
 */
static void
find_user_index(Relation scores, ScoreView *view)
{
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(scores))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		if (is_user_index(index))
		{
			Oid			collation = index->rd_indcollation[0];

			view->index = lfirst_oid(lc);
			view->equal_bytes = !OidIsValid(collation) || get_collation_isdeterministic(collation);
		}
		index_close(index, NoLock);
		if (OidIsValid(view->index))
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("view \"%s.scores\" has no unique index on user_id",
					get_namespace_name(RelationGetNamespace(scores))),
			 errhint("CREATE UNIQUE INDEX ON it.")));
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

static char *
copy_string(const char *string)
{
	return string == NULL ? NULL : pstrdup(string);
}

static ScoreView *
copy_view(const ScoreView *view)
{
	ScoreView  *copy = palloc(sizeof(ScoreView));

	*copy = *view;
	copy->wanted = copy_string(view->wanted);
	copy->model = pstrdup(view->model);
	return copy;
}

/*
 * Name of the model that a call wants; NULL: the only one
 */
static const char *
wanted_model(const text *model_argument)
{
	if (model_argument != NULL)
		return text_to_cstring(model_argument);
	return influence_default_model == NULL || influence_default_model[0] == '\0' ? NULL :
		influence_default_model;
}

/*
 * Is that the model of an earlier call?
 */
static bool
is_wanted(const ScoreView *view, const text *model_argument)
{
	const char *name = view->wanted;

	if (model_argument == NULL)
	{
		const char *wanted = wanted_model(NULL);

		return wanted == NULL || name == NULL ? wanted == name : strcmp(wanted, name) == 0;
	}
	return name != NULL && strlen(name) == VARSIZE_ANY_EXHDR(model_argument) &&
		memcmp(name, VARDATA_ANY(model_argument), strlen(name)) == 0;
}

/*
 * Does an answer hold for this call, of a statement with the same snapshot that
 * has not given up the locks?
 */
bool
score_view_holds(const ScoreView *view, const text *model_argument)
{
	return view->generation == generation && view->user == GetUserId() &&
		is_wanted(view, model_argument);
}

/*
 * Does what is remembered hold for this call? Takes the locks on it if so.
 *
 * The messages are received before a lock is given, so that nothing that was
 * committed before is missed.
 */
static bool
lock_remembered(const text *model_argument)
{
	const ScoreView *view = remembered.view;
	StringInfo	rows;
	bool		holds;

	if (remembered.context == NULL || !score_view_holds(view, model_argument))
		return false;
	LockRelationOid(view->scores, AccessShareLock);
	LockRelationOid(view->index, AccessShareLock);
	/* not received with a lock that is held already */
	AcceptInvalidationMessages();
	LockRelationOid(remembered.models, AccessShareLock);
	holds = view->generation == generation;
	if (holds)
	{
		rows = models_rows(remembered.models);
		holds = rows->len == remembered.rows->len &&
			memcmp(rows->data, remembered.rows->data, rows->len) == 0;
		pfree(rows->data);
		pfree(rows);
	}
	UnlockRelationOid(remembered.models, AccessShareLock);
	if (!holds)
	{
		UnlockRelationOid(view->index, AccessShareLock);
		UnlockRelationOid(view->scores, AccessShareLock);
	}
	return holds;
}

/*
 * Find the view, check rights and take the locks
 */
static ScoreView *
find_view(const char *wanted)
{
	ScoreView  *view = palloc0(sizeof(ScoreView));
	ModelRef   *model = model_resolve(wanted);
	Relation	scores;

	model_owner(model);
	scores = table_open(model->scores, AccessShareLock);
	check_may_read(model);
	check_column_types(model, scores);
	model_check_refreshed(model, scores);
	find_user_index(scores, view);
	table_close(scores, NoLock);

	view->wanted = copy_string(wanted);
	view->user = GetUserId();
	view->model = model->name;
	view->id_type = model->id_type;
	view->scores = model->scores;
	view->equal = id_equality(model->id_type);
	return view;
}

/*
 * Look out for all that an answer depends on; false when that cannot be done:
 * nobody tells us when a view that is gone comes back
 */
static bool
watch_view(const ScoreView *view)
{
	/* which one is the only one depends on what may be read of the others */
	List	   *others = view->wanted == NULL ? models_all() : NIL;
	bool		can_watch = true;
	ListCell   *lc;

	watch(models_relation());
	watch(view->scores);
	watch(view->index);
	foreach(lc, others)
	{
		const ModelRef *model = lfirst(lc);

		if (OidIsValid(model->scores))
			watch(model->scores);
		else
			can_watch = false;
	}
	return can_watch;
}

/*
 * Forget the last answer, and remember this one
 */
static void
remember(const ScoreView *view)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "influence score view",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	ScoreView  *copy = copy_view(view);
	Oid			models = models_relation();
	StringInfo	rows = models_rows(models);

	MemoryContextSwitchTo(old);
	if (remembered.context != NULL)
		MemoryContextDelete(remembered.context);
	MemoryContextSetParent(context, CacheMemoryContext);
	remembered.context = context;
	remembered.models = models;
	remembered.rows = rows;
	remembered.view = copy;
}

/*
 * Find and remember the view that a call means
 */
static ScoreView *
find_anew(const text *model_argument)
{
	uint64		before = generation;
	ScoreView  *view;

	listen();
	/* an error leaves this true, and then we are told more than we need */
	watch_all = true;
	view = find_view(wanted_model(model_argument));
	/* should something have changed meanwhile, the next call asks again */
	view->generation = before;
	if (watch_view(view) && generation == before)
		remember(view);
	watch_all = false;
	return view;
}

/*
 * The view that a call means, locked, the caller's rights on it checked
 *
 * The answer is in the current memory context, the locks stay until the end of
 * the (sub)transaction. Errors are those of model_resolve(), and 42501, 42804,
 * 42704, 55000.
 */
ScoreView *
score_view_open(const text *model_argument)
{
	MemoryContext scratch;
	MemoryContext old;
	ScoreView  *view;

	if (lock_remembered(model_argument))
		return copy_view(remembered.view);

	scratch = AllocSetContextCreate(CurrentMemoryContext, "influence model", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(scratch);
	view = find_anew(model_argument);
	MemoryContextSwitchTo(old);
	view = copy_view(view);
	MemoryContextDelete(scratch);
	return view;
}
