/*
 * Finding a model and checking who may use it.
 *
 * A model belongs to the owner of its view "scores", so that ALTER ... OWNER
 * and REASSIGN OWNED move models as they move tables. The definition of the view
 * names the model, and nobody but its owner can have written it: a view of another
 * model, or of none, that comes to stand in the place of "scores" by a rename does
 * not make its owner run what somebody else has configured.
 *
 * The table influence.models is scanned directly rather than through SQL: the
 * look-up precedes every influence_score(), must not depend on search_path,
 * and must work for readers who have no rights on the configuration.
 */
#include "compat.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_type_d.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"
#include "nodes/readfuncs.h"
#include "rewrite/rewriteSupport.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "influence.h"
#include "model/model.h"

/* Columns of influence.models that identify a model */
#define MODELS_MODEL	1
#define MODELS_ID_TYPE	2
#define MODELS_SCHEMA	3
#define MODELS_CREATED_BY	4

/*
 * Turn a row of influence.models into a ModelRef
 */
static ModelRef *
model_from_tuple(HeapTuple tuple, TupleDesc desc)
{
	ModelRef   *model = palloc0(sizeof(ModelRef));
	bool		isnull;
	Datum		created_by;
	Oid			namespace;

	model->name = TextDatumGetCString(heap_getattr(tuple, MODELS_MODEL, desc, &isnull));
	model->id_type = DatumGetObjectId(heap_getattr(tuple, MODELS_ID_TYPE, desc, &isnull));
	model->schema = TextDatumGetCString(heap_getattr(tuple, MODELS_SCHEMA, desc, &isnull));
	created_by = heap_getattr(tuple, MODELS_CREATED_BY, desc, &isnull);
	model->created_by = isnull ? NULL : TextDatumGetCString(created_by);

	namespace = get_namespace_oid(model->schema, true);
	if (OidIsValid(namespace))
		model->scores = get_relname_relid("scores", namespace);
	/* whoever may create in the schema may have put something else there */
	if (OidIsValid(model->scores) && get_rel_relkind(model->scores) != RELKIND_MATVIEW)
		model->scores = InvalidOid;
	return model;
}

static int
compare_model_names(const ListCell *a, const ListCell *b)
{
	return strcmp(((ModelRef *) lfirst(a))->name, ((ModelRef *) lfirst(b))->name);
}

/*
 * The table influence.models
 */
Oid
models_relation(void)
{
	Oid			relation = get_relname_relid("models", get_namespace_oid("influence", false));

	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"influence.models\" does not exist"),
				 errhint("Run CREATE EXTENSION influence.")));
	return relation;
}

/*
 * The visible rows of influence.models, byte by byte: equal when they are the same
 */
StringInfo
models_rows(Oid relation)
{
	Relation	rel = table_open(relation, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	StringInfo	rows = makeStringInfo();
	HeapTuple	tuple;

	/* without the part of the header that says who wrote a row */
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		appendBinaryStringInfo(rows, (char *) &tuple->t_len, sizeof(tuple->t_len));
		appendBinaryStringInfo(rows, (char *) tuple->t_data + offsetof(HeapTupleHeaderData, t_hoff),
							   tuple->t_len - offsetof(HeapTupleHeaderData, t_hoff));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return rows;
}

/*
 * All models, or the one of the given name, as a list of ModelRef in order of their names
 */
static List *
scan_models(const char *name)
{
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *models = NIL;

	/* a lock that is held already does not bring the news of renames and grants */
	AcceptInvalidationMessages();
	rel = table_open(models_relation(), AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		ModelRef   *model = model_from_tuple(tuple, RelationGetDescr(rel));

		if (name == NULL || strcmp(model->name, name) == 0)
			models = lappend(models, model);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	list_sort(models, compare_model_names);
	return models;
}

/*
 * All models, as a list of ModelRef in order of their names
 */
List *
models_all(void)
{
	return scan_models(NULL);
}

/*
 * Names of the models, quoted and separated by commas, for messages
 */
static char *
model_names(List *models)
{
	StringInfoData names;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, models)
		appendStringInfo(&names, "%s\"%s\"", names.len > 0 ? ", " : "",
						 ((ModelRef *) lfirst(lc))->name);
	return names.data;
}

/*
 * May the current user read the scores of this model?
 */
static bool
is_readable(const ModelRef *model)
{
	return OidIsValid(model->scores) &&
		pg_class_aclcheck(model->scores, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

/*
 * Is this constant the name?
 */
static bool
is_text(Node *node, const char *name)
{
	Const	   *constant = castNode(Const, node);

	return constant->consttype == TEXTOID && !constant->constisnull &&
		strcmp(TextDatumGetCString(constant->constvalue), name) == 0;
}

/*
 * Is this a call of influence_model_scores(name)?
 */
static bool
is_call_for(Node *node, const char *name)
{
	FuncExpr   *call = (FuncExpr *) node;

	return IsA(node, FuncExpr) && list_length(call->args) == 1 &&
		IsA(linitial(call->args), Const) && is_text(linitial(call->args), name) &&
		strcmp(get_func_name(call->funcid), "influence_model_scores") == 0 &&
		getExtensionOfObject(ProcedureRelationId, call->funcid) == get_extension_oid("influence", true);
}

/*
 * Does a materialized view say that it shows the scores of the model of this name?
 *
 * The catalog is asked, not the relation, which a refresh may have locked.
 */
static bool
is_view_of(Oid scores, const char *name)
{
	HeapTuple	rule = SearchSysCache2(RULERELNAME, ObjectIdGetDatum(scores), PointerGetDatum(ViewSelectRuleName));
	Datum		action;
	bool		isnull;
	List	   *actions;
	ListCell   *lc;

	if (!HeapTupleIsValid(rule))
		return false;
	action = SysCacheGetAttr(RULERELNAME, rule, Anum_pg_rewrite_ev_action, &isnull);
	actions = stringToNode(TextDatumGetCString(action));
	ReleaseSysCache(rule);
	foreach(lc, linitial_node(Query, actions)->rtable)
	{
		const RangeTblEntry *entry = lfirst_node(RangeTblEntry, lc);

		if (entry->rtekind == RTE_FUNCTION && list_length(entry->functions) == 1 &&
			is_call_for(linitial_node(RangeTblFunction, entry->functions)->funcexpr, name))
			return true;
	}
	return false;
}

/*
 * The owner of a relation; InvalidOid when it is gone
 */
static Oid
relation_owner(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * The role that owns a model; InvalidOid where model_owner() is an error
 */
static Oid
model_owner_if_any(const ModelRef *model)
{
	Oid			owner = relation_owner(model->scores);

	return OidIsValid(owner) && is_view_of(model->scores, model->name) ? owner : InvalidOid;
}

/*
 * Has the current user reason to trust the owner of this model: a superuser, the
 * owner of the database, or a role that the user belongs to?
 */
static bool
is_trusted(const ModelRef *model)
{
	Oid			owner = model_owner_if_any(model);

	if (!OidIsValid(owner))
		return false;
	return superuser_arg(owner) || is_member_of_role_nosuper(GetUserId(), owner) ||
		database_ownercheck(MyDatabaseId, owner);
}

/*
 * The models whose schema the current user may use
 */
static List *
usable_models(void)
{
	List	   *usable = NIL;
	ListCell   *lc;

	foreach(lc, models_all())
	{
		ModelRef   *model = lfirst(lc);
		Oid			namespace = get_namespace_oid(model->schema, true);

		if (OidIsValid(namespace) &&
			namespace_aclcheck(namespace, GetUserId(), ACL_USAGE) == ACLCHECK_OK)
			usable = lappend(usable, model);
	}
	return usable;
}

/*
 * The models whose schema is gone that the current user created
 */
static List *
stranded_models(void)
{
	List	   *stranded = NIL;
	ListCell   *lc;

	foreach(lc, models_all())
	{
		ModelRef   *model = lfirst(lc);

		if (!OidIsValid(get_namespace_oid(model->schema, true)) && model->created_by != NULL &&
			has_privs_of_role(GetUserId(), get_role_oid(model->created_by, true)))
			stranded = lappend(stranded, model);
	}
	return stranded;
}

/*
 * Whether a name is rather a moment: influence_score(42, '2026-01-31')
 */
static bool
looks_like_moment(const char *name)
{
	return (strspn(name, "0123456789") == 4 && name[4] == '-') ||
		pg_strcasecmp(name, "today") == 0 || pg_strcasecmp(name, "yesterday") == 0 ||
		pg_strcasecmp(name, "now") == 0;
}

/*
 * Find a model by name
 *
 * Error 42704 naming the models that exist when there is none of that name.
 */
ModelRef *
model_find(const char *name)
{
	List	   *models = scan_models(name);
	List	   *usable;

	if (models != NIL)
		return linitial(models);

	usable = usable_models();
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("model \"%s\" does not exist", name),
			 looks_like_moment(name) ?
			 errhint("For the score at a moment write as_of => %s.", quote_literal_cstr(name)) :
			 usable == NIL ?
			 errhint("Create one with SELECT influence_create_model('social').") :
			 errhint("Models: %s.", model_names(usable))));
	return NULL;
}

/*
 * Find a model by name; NULL when there is none of that name
 */
ModelRef *
model_find_if_any(const char *name)
{
	List	   *models = scan_models(name);

	return models == NIL ? NULL : linitial(models);
}

/*
 * The one model that passes a test, NULL when there is none or more than one
 */
static ModelRef *
only_one(List *models, bool (*test) (const ModelRef *))
{
	ModelRef   *only = NULL;
	ListCell   *lc;

	foreach(lc, models)
	{
		if (!test(lfirst(lc)))
			continue;
		if (only != NULL)
			return NULL;
		only = lfirst(lc);
	}
	return only;
}

static bool
is_readable_and_trusted(const ModelRef *model)
{
	return is_readable(model) && is_trusted(model);
}

/*
 * The one model that a call without a name can mean, NULL when there is no such
 *
 * That is the only one that the user may read; of several the only one of a
 * trusted owner, since anybody who can create a schema can add one more. A
 * single model that the user may not read is returned, too, for a better error
 * than that it is not there.
 */
static ModelRef *
only_default(List *usable)
{
	ModelRef   *only = only_one(usable, is_readable);

	if (only == NULL)
		only = only_one(usable, is_readable_and_trusted);
	if (only == NULL && list_length(usable) == 1)
		only = linitial(usable);
	return only;
}

/*
 * The model that a call means
 *
 * name: as given by the caller, NULL for the default: the setting
 * influence.default_model, else the only model that the caller may use. A model
 * whose schema is gone is meant only by those who have no other.
 */
ModelRef *
model_resolve(const char *name)
{
	List	   *usable;
	ModelRef   *only;

	if (name != NULL)
		return model_find(name);
	if (influence_default_model != NULL && influence_default_model[0] != '\0')
		return model_find(influence_default_model);

	usable = usable_models();
	if (usable == NIL)
		usable = stranded_models();
	only = only_default(usable);
	if (only != NULL)
		return only;
	if (usable == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no model"),
				 errhint("Create one with SELECT influence_create_model('social').")));
	ereport(ERROR,
			(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
			 errmsg("there is more than one model: %s", model_names(usable)),
			 errhint("Name the model in the call, or SET influence.default_model.")));
	return NULL;
}

/*
 * Raise 3F000 or 42P01: the schema of the model, or its view "scores", is gone
 */
pg_noreturn static void
report_stranded(const ModelRef *model)
{
	const char *drop = psprintf("SELECT influence_drop_model(%s);", quote_literal_cstr(model->name));

	if (!OidIsValid(get_namespace_oid(model->schema, true)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("schema \"%s\" of model \"%s\" does not exist", model->schema, model->name),
				 errhint("If it was renamed, rename it back with ALTER SCHEMA. To be rid of the model: %s", drop)));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("materialized view \"%s.scores\" of model \"%s\" does not exist", model->schema, model->name),
			 errhint("If it was renamed, rename it back. To be rid of the model: %s", drop)));
}

/*
 * The role that owns a model: the owner of its view "scores"
 *
 * Until the end of the transaction nobody can drop the extension: whoever may could
 * put other tables in the place of ours under what is then done as the owner.
 * Errors: 3F000 or 42P01 when the view is gone, 42804 when it is another.
 */
Oid
model_owner(const ModelRef *model)
{
	Oid			owner;

	LockRelationOid(models_relation(), AccessShareLock);
	owner = relation_owner(model->scores);
	if (!OidIsValid(owner))
		report_stranded(model);
	if (!is_view_of(model->scores, model->name))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("materialized view \"%s.scores\" is not the one of model \"%s\"",
						model->schema, model->name),
				 errhint("Drop the model with influence_drop_model() and create it again.")));
	return owner;
}

/*
 * Refuse anyone who does not own the model (42501)
 */
void
model_check_owner(const ModelRef *model)
{
	if (!has_privs_of_role(GetUserId(), model_owner(model)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of model \"%s\"", model->name)));
}

/*
 * Refuse a model whose view "scores", given open, no refresh has filled (55000)
 */
void
model_check_refreshed(const ModelRef *model, Relation scores)
{
	if (!RelationIsPopulated(scores))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has not been refreshed yet", model->name),
				 errhint("SELECT influence_refresh(%s);", quote_literal_cstr(model->name))));
}

/*
 * The models that the current user owns, in order of their names; a warning
 * names those whose schema is gone
 */
List *
models_owned(void)
{
	List	   *owned = NIL;
	ListCell   *lc;

	foreach(lc, stranded_models())
	{
		const ModelRef *model = lfirst(lc);

		ereport(WARNING,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("model \"%s\" is left out: its schema \"%s\" does not exist", model->name, model->schema)));
	}
	foreach(lc, models_all())
	{
		ModelRef   *model = lfirst(lc);
		Oid			owner = model_owner_if_any(model);

		if (OidIsValid(owner) && has_privs_of_role(GetUserId(), owner))
			owned = lappend(owned, model);
	}
	return owned;
}
