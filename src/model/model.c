/*
 * Finding a model and checking who may use it.
 *
 * A model belongs to the owner of its view "scores", so that ALTER ... OWNER
 * and REASSIGN OWNED move models as they move tables.
 *
 * The table influence.models is scanned directly rather than through SQL: the
 * look-up precedes every influence_score(), must not depend on search_path,
 * and must work for readers who have no rights on the configuration.
 */
#include "compat.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
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

/*
 * Turn a row of influence.models into a ModelRef
 */
static ModelRef *
model_from_tuple(HeapTuple tuple, TupleDesc desc)
{
	ModelRef   *model = palloc0(sizeof(ModelRef));
	bool		isnull;
	Oid			namespace;

	model->name = TextDatumGetCString(heap_getattr(tuple, MODELS_MODEL, desc, &isnull));
	model->id_type = DatumGetObjectId(heap_getattr(tuple, MODELS_ID_TYPE, desc, &isnull));
	model->schema = TextDatumGetCString(heap_getattr(tuple, MODELS_SCHEMA, desc, &isnull));

	namespace = get_namespace_oid(model->schema, true);
	if (OidIsValid(namespace))
		model->scores = get_relname_relid("scores", namespace);
	/* whoever may create in the schema may have put something else there */
	if (OidIsValid(model->scores) && get_rel_relkind(model->scores) != RELKIND_MATVIEW)
		model->scores = InvalidOid;
	return model;
}

/*
 * All models, or the one of the given name, as a list of ModelRef
 */
static List *
scan_models(const char *name)
{
	Oid			namespace = get_namespace_oid("influence", false);
	Oid			relid = get_relname_relid("models", namespace);
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *models = NIL;

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"influence.models\" does not exist"),
				 errhint("Run CREATE EXTENSION influence.")));

	rel = table_open(relid, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		ModelRef   *model = model_from_tuple(tuple, RelationGetDescr(rel));

		if (name == NULL || strcmp(model->name, name) == 0)
			models = lappend(models, model);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return models;
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
 * The models whose schema the current user may use
 */
static List *
usable_models(void)
{
	List	   *usable = NIL;
	ListCell   *lc;

	foreach(lc, scan_models(NULL))
	{
		ModelRef   *model = lfirst(lc);
		Oid			namespace = get_namespace_oid(model->schema, true);

		if (OidIsValid(namespace) &&
			namespace_aclcheck(namespace, GetUserId(), ACL_USAGE) == ACLCHECK_OK)
			usable = lappend(usable, model);
	}
	return usable;
}

static int
compare_model_names(const ListCell *a, const ListCell *b)
{
	return strcmp(((ModelRef *) lfirst(a))->name, ((ModelRef *) lfirst(b))->name);
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
			 usable == NIL ?
			 errhint("Create one with SELECT influence_create_model('social').") :
			 errhint("Models: %s.", model_names(usable))));
	return NULL;
}

/*
 * The model that a call means
 *
 * name: as given by the caller, NULL for the default: the setting
 * influence.default_model, else the only model that the caller may use.
 */
ModelRef *
model_resolve(const char *name)
{
	List	   *usable;

	if (name != NULL)
		return model_find(name);
	if (influence_default_model != NULL && influence_default_model[0] != '\0')
		return model_find(influence_default_model);

	usable = usable_models();
	if (list_length(usable) == 1)
		return linitial(usable);
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
 * The role that owns a model: the owner of its view "scores"
 */
Oid
model_owner(const ModelRef *model)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(model->scores));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("materialized view \"%s.scores\" of model \"%s\" does not exist", model->schema, model->name),
				 errhint("Where its schema was renamed, a superuser updates the schema in influence.models; "
						 "otherwise drop the model with influence_drop_model() and create it again.")));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
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
 * The models that the current user owns, in order of their names
 */
List *
models_owned(void)
{
	List	   *owned = NIL;
	ListCell   *lc;

	foreach(lc, scan_models(NULL))
	{
		ModelRef   *model = lfirst(lc);

		if (OidIsValid(model->scores) && has_privs_of_role(GetUserId(), model_owner(model)))
			owned = lappend(owned, model);
	}
	list_sort(owned, compare_model_names);
	return owned;
}
