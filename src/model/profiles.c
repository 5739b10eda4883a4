/*
 * influence_find_profiles: names of people, from the relation that
 * influence_set_profiles() registered.
 *
 * The expressions are the model owner's and run as the owner, as in a refresh, so
 * that reading a leaderboard runs nobody else's code with the reader's rights. The
 * reader must all the same be allowed to read the relation, and where row-level
 * security would hide rows from the reader, nothing is read. Who opted out of the model
 * has no profile in it.
 */
#include "compat.h"

#include "access/relation.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "intern.h"
#include "model/owner.h"
#include "model/source.h"

/* What messages call the mapping */
#define PROFILES_SOURCE "profiles"

/* A row of influence.profiles */
typedef struct Profiles
{
	Oid			relation;
	char	   *relation_name;
	char	   *user_id;		/* expressions */
	char	   *display_name;
	char	   *region;			/* NULL: absent */
	char	   *account_created_at; /* NULL: absent */
} Profiles;

/*
 * A column of the only row as text in context
 */
static char *
text_at(int column, MemoryContext context)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);

	return value == NULL ? NULL : MemoryContextStrdup(context, value);
}

/*
 * The profiles of a model, read as its owner; NULL when none are registered
 */
static Profiles *
load_profiles(const ModelRef *ref)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	Profiles   *profiles = NULL;

	SPI_connect();
	values[0] = CStringGetTextDatum(ref->name);
	SPI_execute_with_args("SELECT relation::oid, relation_name, user_id, display_name, region, account_created_at "
						  "FROM influence.profiles WHERE model OPERATOR(pg_catalog.=) $1",
						  1, types, values, NULL, true, 1);
	if (SPI_processed == 1)
	{
		bool		isnull;

		profiles = MemoryContextAllocZero(context, sizeof(Profiles));
		profiles->relation = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0],
															SPI_tuptable->tupdesc, 1, &isnull));
		profiles->relation_name = text_at(2, context);
		profiles->user_id = text_at(3, context);
		profiles->display_name = text_at(4, context);
		profiles->region = text_at(5, context);
		profiles->account_created_at = text_at(6, context);
	}
	SPI_finish();
	return profiles;
}

/*
 * Open the relation, if the reader may; errors 42P01 and 42501
 */
static Relation
open_profiles(const ModelRef *ref, const Profiles *profiles, Oid owner, Oid reader)
{
	Relation	relation = try_relation_open(profiles->relation, AccessShareLock);
	Oid			schema;

	if (relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation %s with the profiles of model \"%s\" does not exist",
						profiles->relation_name, ref->name),
				 errhint("Register another with influence_set_profiles(), or none with influence_remove_profiles().")));
	schema = RelationGetNamespace(relation);
	if (namespace_aclcheck(schema, reader, ACL_USAGE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA, get_namespace_name(schema));
	if (pg_class_aclcheck(profiles->relation, reader, ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(profiles->relation, reader, ACL_SELECT, ACLMASK_ALL) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(get_rel_relkind(profiles->relation)),
					   qualified_name(profiles->relation));
	if (reader != owner && check_enable_rls(profiles->relation, reader, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("row-level security of %s, with the profiles of model \"%s\", applies to role \"%s\"",
						qualified_name(profiles->relation), ref->name, GetUserNameFromId(reader, false)),
				 errhint("Register a view of what everybody may see with influence_set_profiles().")));
	return relation;
}

/*
 * The query for profiles; $1 are ids as text, $2 is a part of a name
 *
 * Several rows of one person make one: the first by name.
 */
static char *
profiles_query(const ModelRef *ref, const Profiles *profiles, Relation relation, bool by_id, bool by_name)
{
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfo(&query,
					 "SELECT DISTINCT ON (p.user_id) p.user_id::text, p.display_name, p.region, p.account_created_at "
					 "FROM (SELECT %s AS user_id, %s AS display_name, %s AS region, %s AS account_created_at FROM %s) AS p "
					 "WHERE p.user_id IS NOT NULL",
					 source_expression(relation, ref->name, PROFILES_SOURCE, "user_id", profiles->user_id, ref->id_type),
					 source_expression(relation, ref->name, PROFILES_SOURCE, "display_name", profiles->display_name, TEXTOID),
					 source_expression(relation, ref->name, PROFILES_SOURCE, "region", profiles->region, TEXTOID),
					 source_expression(relation, ref->name, PROFILES_SOURCE, "account_created_at", profiles->account_created_at, TIMESTAMPTZOID),
					 qualified_name(RelationGetRelid(relation)));
	if (by_id)
		appendStringInfo(&query, " AND p.user_id = ANY ($1::%s[])", format_type_be(ref->id_type));
	if (by_name)
		appendStringInfoString(&query, " AND strpos(lower(p.display_name), lower($2)) > 0");
	appendStringInfoString(&query, " ORDER BY p.user_id, p.display_name, p.region, p.account_created_at");
	return query.data;
}

/*
 * Put the rows of SPI_tuptable into the result, but for those of people who opted out
 */
static void
put_profiles(const ModelRef *ref, ReturnSetInfo *result)
{
	const PrivacyList *privacy = config_load_people(ref)->privacy;
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "influence profile", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(row);

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		char	   *id;

		CHECK_FOR_INTERRUPTS();
		id = privacy_hides_anybody(privacy) ? SPI_getvalue(tuple, SPI_tuptable->tupdesc, 1) : NULL;
		if (id == NULL || privacy_rule(privacy, id_from_text(ref->id_type, id), ref->id_type) != PRIVACY_HIDDEN)
			tuplestore_puttuple(result->setResult, tuple);
		MemoryContextReset(row);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row);
}

PG_FUNCTION_INFO_V1(influence_find_profiles);

/*
 * influence_find_profiles(model text, user_ids text[], name text): user_id,
 * display_name, region, account_created_at
 *
 * user_ids: whose, NULL for everybody. name: a part of the name, in any case; NULL
 * for any. People who opted out are left out. Without profiles there are no rows;
 * looking for a name is an error then.
 */
Datum
influence_find_profiles(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ModelRef   *ref = model_resolve(PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0)));
	Oid			owner = model_owner(ref);
	Oid			reader = GetUserId();
	Oid			types[2] = {TEXTARRAYOID, TEXTOID};
	Datum		values[2] = {PG_GETARG_DATUM(1), PG_GETARG_DATUM(2)};
	char		nulls[2] = {PG_ARGISNULL(1) ? 'n' : ' ', PG_ARGISNULL(2) ? 'n' : ' '};
	OwnerContext saved;
	Profiles   *profiles;

	InitMaterializedSRF(fcinfo, 0);
	owner_enter(&saved, owner);
	profiles = load_profiles(ref);
	if (profiles != NULL)
	{
		Relation	relation = open_profiles(ref, profiles, owner, reader);

		SPI_connect();
		SPI_execute_with_args(profiles_query(ref, profiles, relation, !PG_ARGISNULL(1), !PG_ARGISNULL(2)),
							  2, types, values, nulls, true, 0);
		put_profiles(ref, result);
		SPI_finish();
		relation_close(relation, NoLock);
	}
	owner_leave(&saved);
	if (profiles == NULL && !PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no profiles", ref->name),
				 errhint("Its owner registers a relation that holds names with influence_set_profiles().")));
	return (Datum) 0;
}
