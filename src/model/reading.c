/*
 * Reading the relations of a model for somebody who was granted them.
 *
 * What goes by the names of a model's views may be anything that its owner has put
 * there: a view with a function in it, an index on an expression (which the planner
 * evaluates), a type with a cast of its own. A SELECT would run all of that with the
 * rights of the reader, who has asked for a score and not for somebody's code. So
 * the reader's rights are checked here, as SELECT checks them, and the query then runs
 * as the owner of the model, in a security-restricted operation (owner.c).
 *
 * Row-level security of a relation would not apply to the owner. Where it applies to
 * the reader, the reader is refused, and can still SELECT from the relation.
 */
#include "compat.h"

#include "access/attnum.h"
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "model/reading.h"

/*
 * Is SELECT granted on each of the columns?
 */
static bool
may_read_columns(Oid relation, Oid reader, const char *columns)
{
	char	   *rest = pstrdup(columns);
	char	   *column;

	while ((column = strsep(&rest, " ")) != NULL)
	{
		AttrNumber	number = get_attnum(relation, column);

		if (number == InvalidAttrNumber ||
			pg_attribute_aclcheck(relation, number, reader, ACL_SELECT) != ACLCHECK_OK)
			return false;
	}
	return true;
}

/*
 * Lock a relation, and refuse a reader who may not SELECT from it
 *
 * Errors: 42P01 when it does not exist, 42501.
 */
static void
check_readable(const ModelRef *ref, const ReadRelation *read, Oid reader, Oid owner)
{
	Oid			schema = get_namespace_oid(ref->schema, false);
	Oid			oid = get_relname_relid(read->name, schema);
	Relation	relation = OidIsValid(oid) ? try_relation_open(oid, AccessShareLock) : NULL;

	if (relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s.%s\" does not exist", ref->schema, read->name)));
	if (pg_class_aclcheck(oid, reader, ACL_SELECT) != ACLCHECK_OK &&
		!may_read_columns(oid, reader, read->columns))
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(relation->rd_rel->relkind), read->name);
	if (reader != owner && check_enable_rls(oid, reader, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("row-level security of \"%s.%s\" applies to role \"%s\"",
						ref->schema, read->name, GetUserNameFromId(reader, false)),
				 errhint("SELECT from %s.", quote_qualified_identifier(ref->schema, read->name))));
	relation_close(relation, NoLock);
}

/*
 * Become the owner of a model to read relations of its schema; owner_leave() ends it
 *
 * Errors: 42501 when the current user may not read all of them, 42P01 when one is gone.
 */
void
reading_enter(OwnerContext *saved, const ModelRef *ref, const ReadRelation *relations, int count)
{
	Oid			reader = GetUserId();
	Oid			owner = model_owner(ref);
	AclResult	usage = namespace_aclcheck(get_namespace_oid(ref->schema, false), reader, ACL_USAGE);

	if (usage != ACLCHECK_OK)
		aclcheck_error(usage, OBJECT_SCHEMA, ref->schema);
	for (int i = 0; i < count; i++)
		check_readable(ref, &relations[i], reader, owner);
	owner_enter(saved, owner);
}

/*
 * Run the query; its rows are in SPI_tuptable until SPI_finish()
 */
static void
execute(const Reading *reading)
{
	SPI_connect();
	if (SPI_execute_with_args(reading->sql, reading->parameter_count, reading->types, reading->values,
							  reading->nulls, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "reading the score views failed");
}

/*
 * Have a set-returning function return the rows of a query, which has its columns
 */
void
reading_rows(FunctionCallInfo fcinfo, const Reading *reading)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	OwnerContext saved;

	InitMaterializedSRF(fcinfo, 0);
	reading_enter(&saved, reading->ref, reading->relations, reading->relation_count);
	execute(reading);
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
	SPI_finish();
	owner_leave(&saved);
}

/*
 * The float8 in the first column of a query's first row; NULL without any row
 */
Datum
reading_value(const Reading *reading, bool *isnull)
{
	OwnerContext saved;
	Datum		value = (Datum) 0;

	reading_enter(&saved, reading->ref, reading->relations, reading->relation_count);
	execute(reading);
	*isnull = SPI_processed == 0;
	if (SPI_processed > 0)
		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
	value = *isnull ? value : Float8GetDatum(DatumGetFloat8(value));
	SPI_finish();
	owner_leave(&saved);
	return value;
}
