/*
 * What the rows of a source that are kept depend on, but for the rows of its relation:
 * the configuration of the model and the source, who owns the model, and what the
 * source's query is made of.
 *
 * The query is looked at as the server has analysed and rewritten it: views are in it as
 * they are defined now, and policies of row-level security as conditions. Of its functions
 * and of the relation's columns, who last changed their rows in the catalogs is noted.
 * Whatever a function reads or calls is not known here, nor are rows of tables behind views.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/transam.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "model/source.h"
#include "model/source_fingerprint.h"
#include "query.h"

/* Version of the form in which days are kept */
#define STATE_VERSION	3

/* What is found in a query */
typedef struct Dependencies
{
	StringInfo	text;
	bool		by_policy;		/* there are conditions of policies */
} Dependencies;

/*
 * Note what decides what is kept of a row, in the configuration
 */
static void
note_configuration(StringInfo text, const Model *model, const Source *source)
{
	const char *const texts[] = {
		source->relation_name, source->actor, source->target, source->occurred_at, source->kind, source->network,
		source->kind_column, source->network_column, source->post, source->weight, source->sentiment, source->filter
	};

	appendStringInfo(text, "%d %d %u %u %u %.17g %d %d %d " UINT64_FORMAT "\n", STATE_VERSION, PG_VERSION_NUM / 10000,
					 GetUserId(), model->ref.id_type, source->relation, model->clock_skew, model->bad_rows_fail,
					 model->ignore_sentiment, model->hidden_actors_count, privacy_fingerprint(model->privacy));
	for (int i = 0; i < (int) lengthof(texts); i++)
		appendStringInfo(text, "%d %s\n", texts[i] == NULL ? -1 : (int) strlen(texts[i]),
						 texts[i] == NULL ? "" : texts[i]);
	for (int i = 0; i < model->network_count; i++)
		appendStringInfo(text, "%d %s\n", (int) strlen(model->networks[i].name), model->networks[i].name);
	for (int i = 0; i < model->signal_count; i++)
	{
		const Signal *signal = &model->signals[i];

		appendStringInfo(text, "%d %d %s %d %.17g %.17g %d\n", signal->network, (int) strlen(signal->kind),
						 signal->kind, signal->role, signal->half_life, signal->polarity, signal->weight == 0);
	}
}

/*
 * Note who last changed a row of a catalog, and where it is since, as one transaction may
 * change it twice; the row is released
 */
static void
note_change(StringInfo text, HeapTuple row)
{
	if (!HeapTupleIsValid(row))
		return;
	appendStringInfo(text, " %u %u %u", HeapTupleHeaderGetRawXmin(row->t_data),
					 ItemPointerGetBlockNumber(&row->t_self), ItemPointerGetOffsetNumber(&row->t_self));
	ReleaseSysCache(row);
}

/*
 * Note the columns of the source's relation, whose type may be what it was, and the values
 * others, and what a foreign table is there
 */
static void
note_columns(StringInfo text, const Model *model, const Source *source)
{
	Relation	relation = source_open(model, source);

	for (int i = 1; i <= RelationGetNumberOfAttributes(relation); i++)
		note_change(text, SearchSysCache2(ATTNUM, ObjectIdGetDatum(source->relation), Int16GetDatum(i)));
	if (relation->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
		note_change(text, SearchSysCache1(FOREIGNTABLEREL, ObjectIdGetDatum(source->relation)));
	relation_close(relation, AccessShareLock);
}

/*
 * Note a function; the server's own change with its version only
 */
static bool
note_function(Oid function, void *arg)
{
	Dependencies *found = arg;

	if (function >= FirstNormalObjectId)
		note_change(found->text, SearchSysCache1(PROCOID, ObjectIdGetDatum(function)));
	return false;
}

/*
 * Note what a relation of the query is: a materialized view that is refreshed has other
 * storage then
 */
static void
note_relation(const RangeTblEntry *entry, Dependencies *found)
{
	HeapTuple	row;

	if (entry->securityQuals != NIL)
		found->by_policy = true;
	if (entry->rtekind != RTE_RELATION || entry->relkind != RELKIND_MATVIEW)
		return;
	row = SearchSysCache1(RELOID, ObjectIdGetDatum(entry->relid));
	if (!HeapTupleIsValid(row))
		return;
	appendStringInfo(found->text, " %u", ((Form_pg_class) GETSTRUCT(row))->relfilenode);
	ReleaseSysCache(row);
}

/*
 * Note what is found below a node of the query
 */
static bool
note_node(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		note_relation((RangeTblEntry *) node, arg);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, note_node, arg, QTW_EXAMINE_RTES_BEFORE);
	(void) check_functions_in_node(node, note_function, arg);
	return expression_tree_walker(node, note_node, arg);
}

/*
 * The query of a source, analysed and rewritten
 */
static Query *
analyse_source(const Model *model, const Source *source)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *sql = source_query(model, source);
	Query	   *query = NULL;

	PG_TRY();
	{
		query = analyse_select(sql);
	}
	PG_CATCH();
	{
		source_rethrow(model, source, context);
	}
	PG_END_TRY();
	return query;
}

/*
 * Hash of all that decides what is kept of a row
 *
 * source: without ranges. by_policy: gets whether policies of row-level security choose
 * its rows. These can be about anything, so that nothing that is kept stays right. The
 * caller has become the owner. Errors as for source_query().
 */
uint64
source_fingerprint(const Model *model, const Source *source, bool *by_policy)
{
	StringInfoData text;
	Dependencies found = {.text = &text};
	Query	   *query = analyse_source(model, source);

	Assert(source->ranges == NULL);
	initStringInfo(&text);
	note_configuration(&text, model, source);
	note_columns(&text, model, source);
	note_node((Node *) query, &found);
	appendStringInfoString(&text, nodeToString(query));
	*by_policy = found.by_policy;
	return hash_bytes_extended((const unsigned char *) text.data, text.len, 0);
}
