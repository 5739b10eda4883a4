/*
 * Run a query text and stream its rows into C.
 *
 * The text is one SELECT, as a user wrote it or as a model was configured
 * with. It is parsed, planned (parallel plans included) and executed as COPY
 * (query) TO and REFRESH MATERIALIZED VIEW do it, with the rights of the
 * current user and under row-level security; the executor hands each row to a
 * DestReceiver, so nothing is materialised on the way.
 *
 * Snapshot: a copy of the active one, which the caller must have, with the
 * current command id, so that the query sees what this transaction has written
 * so far. The caller's security context is neither changed nor relied on.
 *
 * Memory: parse and plan trees live in the context "influence query", gone when
 * the query ends; the executor's state in its own. After an error the abort of
 * the (sub)transaction frees both.
 */
#include "compat.h"

#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "query.h"

typedef struct StreamReceiver
{
	DestReceiver pub;
	StartCallback start;
	RowCallback row;
	void	   *arg;
	MemoryContext row_context;
} StreamReceiver;

/*
 * What a relation, which must be there, is called now: for queries and messages
 */
char *
qualified_name(Oid relation)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation));
}

/*
 * Tell in errors which query they are about
 *
 * A parse error's position is one in this text, not in what the client sent.
 */
static void
query_error_callback(void *arg)
{
	const char *sql = (const char *) arg;
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(sql);
	}
	else
		errcontext("query \"%s\"", sql);
}

static ErrorContextCallback
query_error_context(const char *sql)
{
	return (ErrorContextCallback)
	{
		.previous = error_context_stack,
		.callback = query_error_callback,
		.arg = unconstify(char *, sql)
	};
}

/*
 * Parse the text; 42601 unless it is one statement
 */
static RawStmt *
parse_query(const char *sql)
{
	List	   *statements = pg_parse_query(sql);

	if (statements == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("query is empty"),
				 errhint("Write one SELECT statement.")));
	if (list_length(statements) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("query has %d statements", list_length(statements)),
				 errhint("Write one SELECT statement.")));

	return linitial_node(RawStmt, statements);
}

/*
 * Refuse statements other than SELECT, VALUES and TABLE with 0A000
 */
static void
require_select(bool is_select, Node *statement)
{
	if (!is_select)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("query must be a SELECT statement, not %s",
						CreateCommandName(statement))));
}

/*
 * Analyse and rewrite a statement, and refuse what writes with 0A000
 */
static Query *
analyse_query(RawStmt *statement, const char *sql)
{
	List	   *queries;
	Query	   *query;

	/* Other statements are refused before analysis locks what they name. */
	require_select(IsA(statement->stmt, SelectStmt), (Node *) statement);

	queries = pg_analyze_and_rewrite_fixedparams(statement, sql, NULL, 0, NULL);
	if (list_length(queries) != 1)
		elog(ERROR, "SELECT was rewritten into %d queries", list_length(queries));

	query = linitial_node(Query, queries);

	/* SELECT INTO turns out to be CREATE TABLE AS. */
	require_select(query->commandType == CMD_SELECT, (Node *) query);

	if (query->hasModifyingCTE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("query must not contain data-modifying statements in WITH")));
	if (query->rowMarks != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("query must not lock rows"),
				 errhint("Leave out FOR UPDATE or FOR SHARE.")));

	return query;
}

/*
 * The analysed and rewritten form of one plain SELECT; errors as for run_query()
 */
Query *
analyse_select(const char *sql)
{
	ErrorContextCallback error_context = query_error_context(sql);
	Query	   *query;

	error_context_stack = &error_context;
	query = analyse_query(parse_query(sql), sql);
	error_context_stack = error_context.previous;
	return query;
}

/*
 * Execute a plan, sending its rows to "dest"; returns how many there were
 */
static uint64
execute_plan(PlannedStmt *plan, const char *sql, DestReceiver *dest)
{
	QueryDesc  *query_desc;
	uint64		rows;

	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();

	query_desc = CreateQueryDesc(plan, sql, GetActiveSnapshot(), InvalidSnapshot,
								 dest, NULL, NULL, 0);
	ExecutorStart(query_desc, 0);
	ExecutorRunAll(query_desc);
	rows = query_desc->estate->es_processed;
	ExecutorFinish(query_desc);
	ExecutorEnd(query_desc);
	FreeQueryDesc(query_desc);

	PopActiveSnapshot();

	return rows;
}

/*
 * Run one SELECT with the current user's rights; returns its number of rows
 *
 * sql: the query text. dest: where the rows go; the caller creates and
 * destroys it. Errors: 42601 when the text is not one statement, 0A000 when it
 * is not a plain SELECT, and whatever the query raises.
 */
uint64
run_query(const char *sql, DestReceiver *dest)
{
	ErrorContextCallback error_context = query_error_context(sql);
	MemoryContext query_context;
	MemoryContext caller_context;
	Query	   *query;
	PlannedStmt *plan;
	uint64		rows;

	query_context = AllocSetContextCreate(CurrentMemoryContext, "influence query",
										  ALLOCSET_DEFAULT_SIZES);
	caller_context = MemoryContextSwitchTo(query_context);

	error_context_stack = &error_context;

	query = analyse_query(parse_query(sql), sql);
	plan = pg_plan_query(query, sql, CURSOR_OPT_PARALLEL_OK, NULL);
	rows = execute_plan(plan, sql, dest);

	error_context_stack = error_context.previous;

	MemoryContextSwitchTo(caller_context);
	MemoryContextDelete(query_context);

	return rows;
}

/*
 * DestReceiver: the columns are known
 */
static void
stream_startup(DestReceiver *self, int operation pg_attribute_unused(), TupleDesc desc)
{
	StreamReceiver *receiver = (StreamReceiver *) self;

	receiver->row_context = AllocSetContextCreate(CurrentMemoryContext,
												  "influence row",
												  ALLOCSET_DEFAULT_SIZES);
	receiver->start(desc, receiver->arg);
}

/*
 * DestReceiver: here is a row
 */
static bool
stream_receive(TupleTableSlot *slot, DestReceiver *self)
{
	StreamReceiver *receiver = (StreamReceiver *) self;
	MemoryContext caller_context;

	slot_getallattrs(slot);

	caller_context = MemoryContextSwitchTo(receiver->row_context);
	receiver->row(slot, receiver->arg);
	MemoryContextSwitchTo(caller_context);
	MemoryContextReset(receiver->row_context);

	return true;
}

/*
 * DestReceiver: no more rows
 */
static void
stream_shutdown(DestReceiver *self)
{
	StreamReceiver *receiver = (StreamReceiver *) self;

	MemoryContextDelete(receiver->row_context);
	receiver->row_context = NULL;
}

/*
 * DestReceiver: nothing to free but what its creator frees
 */
static void
stream_destroy(DestReceiver *self pg_attribute_unused())
{
}

/*
 * A receiver in the current context that calls back for the columns and for each
 * row; start, row: see query.h, arg is passed to both
 */
DestReceiver *
stream_receiver(StartCallback start, RowCallback row, void *arg)
{
	StreamReceiver *receiver = palloc0(sizeof(StreamReceiver));

	receiver->pub.receiveSlot = stream_receive;
	receiver->pub.rStartup = stream_startup;
	receiver->pub.rShutdown = stream_shutdown;
	receiver->pub.rDestroy = stream_destroy;
	receiver->pub.mydest = DestNone;
	receiver->start = start;
	receiver->row = row;
	receiver->arg = arg;
	return &receiver->pub;
}

/*
 * Run one SELECT and call back for its columns and for each row
 *
 * Returns the number of rows. Errors as in run_query.
 */
uint64
query_stream(const char *sql, StartCallback start, RowCallback row, void *arg)
{
	DestReceiver *receiver = stream_receiver(start, row, arg);
	uint64		rows = run_query(sql, receiver);

	pfree(receiver);
	return rows;
}
