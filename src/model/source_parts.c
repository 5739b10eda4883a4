/*
 * Sources whose rows are elsewhere, and their parts.
 *
 * A foreign table is one part, and so is a distributed table of Citus, which
 * splits an aggregate by itself. A partitioned table with foreign partitions
 * is taken apart: grouped as a whole it could be shipped only with its partition
 * key among the groups, which for a table partitioned by time would leave
 * nothing to group. Records of one pair from several parts add up later.
 *
 * Reading a partition by its own name asks for rights on it, and passes by the
 * policies of its parent: where that makes a difference the source is not taken
 * apart, and so not grouped.
 */
#include "compat.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type_d.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "foreign/fdwapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "model/source_parts.h"
#include "query.h"

/*
 * Is the relation a table that Citus has spread over its workers?
 */
static bool
is_citus_table(Oid relation)
{
	Oid			types[1] = {OIDOID};
	Datum		values[1];
	bool		found;

	if (!OidIsValid(get_extension_oid("citus", true)) ||
		!OidIsValid(get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE)))
		return false;
	values[0] = ObjectIdGetDatum(relation);
	SPI_connect();
	SPI_execute_with_args("SELECT FROM pg_catalog.pg_dist_partition "
						  "WHERE logicalrelid = $1 AND partmethod IN ('h', 'r', 'a')",
						  1, types, values, NULL, true, 1);
	found = SPI_processed > 0;
	SPI_finish();
	return found;
}

/*
 * Can the foreign-data wrapper of a foreign table do more than fetch rows?
 */
static bool
can_aggregate(Oid foreign_table)
{
	return GetFdwRoutineByRelId(foreign_table)->GetForeignUpperPaths != NULL;
}

/*
 * Does reading the relation by its name give what reading it as a part of its
 * parent gives?
 */
static bool
is_readable(Oid relation)
{
	return pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		check_enable_rls(relation, InvalidOid, true) != RLS_ENABLED;
}

/*
 * Add a part that is read from the relation
 */
static List *
add_part(List *parts, const Source *source, Oid relation)
{
	SourcePart *part = palloc0(sizeof(SourcePart));
	char		kind = get_rel_relkind(relation);

	part->source = *source;
	part->source.relation = relation;
	part->elsewhere = kind != RELKIND_RELATION || is_citus_table(relation);
	part->grouping_expected = kind == RELKIND_FOREIGN_TABLE && can_aggregate(relation);
	return lappend(parts, part);
}

/*
 * The partitions of a partitioned table, if any of them is foreign
 */
static List *
partition_parts(const Source *source)
{
	List	   *relations = find_all_inheritors(source->relation, AccessShareLock, NULL);
	List	   *parts = NIL;
	bool		any_foreign = false;
	ListCell   *lc;

	if (check_enable_rls(source->relation, InvalidOid, true) == RLS_ENABLED)
		return NIL;
	foreach(lc, relations)
	{
		Oid			relation = lfirst_oid(lc);

		if (get_rel_relkind(relation) == RELKIND_PARTITIONED_TABLE)
			continue;
		if (!is_readable(relation))
			return NIL;
		any_foreign = any_foreign || get_rel_relkind(relation) == RELKIND_FOREIGN_TABLE;
		parts = add_part(parts, source, relation);
	}
	return any_foreign ? parts : NIL;
}

/*
 * The parts of a source of which some may be elsewhere; NIL when it is here, or
 * cannot be taken apart
 */
List *
source_parts(const Source *source)
{
	switch (get_rel_relkind(source->relation))
	{
		case RELKIND_FOREIGN_TABLE:
		case RELKIND_VIEW:
			return add_part(NIL, source, source->relation);
		case RELKIND_PARTITIONED_TABLE:
			return is_citus_table(source->relation) ?
				add_part(NIL, source, source->relation) : partition_parts(source);
		case RELKIND_RELATION:
			return is_citus_table(source->relation) ?
				add_part(NIL, source, source->relation) : NIL;
		default:
			return NIL;
	}
}

/*
 * Does every row of the plan come from a server that has grouped it?
 *
 * A foreign scan of no single table is what the foreign server made of more than
 * a scan; with nothing above it, that is all of the query.
 */
static bool
plan_is_pushed(const Plan *node)
{
	ListCell   *lc;

	switch (nodeTag(node))
	{
		case T_ForeignScan:
			return ((const ForeignScan *) node)->scan.scanrelid == 0;
		case T_SubqueryScan:
			return plan_is_pushed(((const SubqueryScan *) node)->subplan);
		case T_Result:
			return node->lefttree != NULL && plan_is_pushed(node->lefttree);
		case T_Append:
			foreach(lc, ((const Append *) node)->appendplans)
				if (!plan_is_pushed(lfirst(lc)))
					return false;
			return true;
		default:
			return false;
	}
}

/*
 * Are there texts that are equal without being the same? Rows keep them apart.
 */
static bool
has_fuzzy_texts(Query *query)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		Oid			collation = exprCollation((Node *) lfirst_node(TargetEntry, lc)->expr);

		if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
			return true;
	}
	foreach(lc, query->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, lc);

		if (entry->rtekind == RTE_SUBQUERY && has_fuzzy_texts(entry->subquery))
			return true;
	}
	return false;
}

/*
 * Would the grouped query of a source, or of a part, be run where its rows are?
 *
 * Citus has no say before it runs: it splits what it can.
 */
bool
source_is_grouped_elsewhere(const Source *source, const char *sql)
{
	Query	   *query = analyse_select(sql);
	PlannedStmt *plan;

	if (has_fuzzy_texts(query))
		return false;
	if (is_citus_table(source->relation))
		return true;
	plan = pg_plan_query(query, sql, 0, NULL);
	return plan->subplans == NIL && plan_is_pushed(plan->planTree);
}
