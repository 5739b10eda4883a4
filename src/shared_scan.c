/*
 * One query in several processes, each taking its part of the table scans.
 *
 * A parallel plan of the server sends every row through a queue to the leader,
 * which then does all the work on it. Here each process runs the whole plan
 * itself and keeps its rows: the plan is an ordinary one, made once by the
 * leader, and its sequential scans, wherever they stand, share their blocks out
 * among the processes by the server's own parallel table scan. So rights,
 * row-level security, filters, partitions and expressions are the executor's
 * business as always.
 *
 * That works for plans that treat each row by itself: sequential scans under
 * nothing but projections, subquery scans and appends. For others
 * shared_scan_plan() says no.
 */
#include "compat.h"

#include "access/relation.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "executor/nodeSeqscan.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "parser/parsetree.h"
#include "storage/bufmgr.h"
#include "tcop/tcopprot.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "query.h"
#include "shared_scan.h"

/* What the walk over a plan finds out */
typedef struct PlanWalk
{
	PlannedStmt *plan;
	int			next_node_id;
	BlockNumber pages;			/* of all tables scanned */
} PlanWalk;

static bool walk_plan(Plan *node, PlanWalk *walk);

/*
 * A sequential scan: gets a number that no other scan has, as the key of its
 * shared state, and its pages are counted
 */
static bool
walk_seqscan(SeqScan *scan, PlanWalk *walk)
{
	Index		index = scan->scan.scanrelid;
	Relation	relation = relation_open(rt_fetch(index, walk->plan->rtable)->relid, NoLock);

	walk->pages += RelationGetNumberOfBlocks(relation);
	relation_close(relation, NoLock);
	((Plan *) scan)->plan_node_id = walk->next_node_id++;
	return true;
}

/*
 * Is every row of this plan made of one row of one table scan?
 */
static bool
walk_plan(Plan *node, PlanWalk *walk)
{
	ListCell   *lc;

	switch (nodeTag(node))
	{
		case T_SeqScan:
			return walk_seqscan((SeqScan *) node, walk);
		case T_SubqueryScan:
			return walk_plan(((SubqueryScan *) node)->subplan, walk);
		case T_Result:
			return node->lefttree != NULL && ((Result *) node)->resconstantqual == NULL &&
				walk_plan(node->lefttree, walk);
		case T_Append:
			if (append_prunes_at_run_time((Append *) node) || ((Append *) node)->nasyncplans > 0)
				return false;
			foreach(lc, ((Append *) node)->appendplans)
				if (!walk_plan(lfirst(lc), walk))
					return false;
			return true;
		default:
			return false;
	}
}

/*
 * Plan a query for several processes; NULL when it cannot be shared
 *
 * first_node_id: from which its scans are numbered; queries that run in the same
 * parallel context need different numbers. pages: set to the size of its tables.
 */
PlannedStmt *
shared_scan_plan(const char *sql, int first_node_id, BlockNumber *pages)
{
	Query	   *query = analyse_select(sql);
	PlanWalk	walk = {.next_node_id = first_node_id};

	if (max_parallel_hazard(query) != PROPARALLEL_SAFE)
		return NULL;
	walk.plan = pg_plan_query(query, sql, 0, NULL);
	if (walk.plan->subplans != NIL || !walk_plan(walk.plan->planTree, &walk))
		return NULL;
	*pages = walk.pages;
	return walk.plan;
}

/*
 * Start a planned query under a copy of the active snapshot
 */
QueryDesc *
shared_scan_start(PlannedStmt *plan, const char *sql, DestReceiver *dest)
{
	QueryDesc  *query;

	query = CreateQueryDesc(plan, sql, GetActiveSnapshot(), InvalidSnapshot, dest, NULL, NULL, 0);
	ExecutorStart(query, 0);
	return query;
}

/* What is done with each scan of a started query */
typedef struct ScanVisit
{
	void		(*visit) (SeqScanState *scan, void *context);
	void	   *context;
} ScanVisit;

static bool
visit_scans(PlanState *state, void *arg)
{
	ScanVisit  *visit = arg;

	if (IsA(state, SeqScanState))
		visit->visit((SeqScanState *) state, visit->context);
	return planstate_tree_walker(state, visit_scans, arg);
}

static void
for_each_scan(QueryDesc *query, void (*visit) (SeqScanState *, void *), void *context)
{
	ScanVisit	arg = {.visit = visit,.context = context};

	visit_scans(query->planstate, &arg);
}

static void
estimate_scan(SeqScanState *scan, void *context)
{
	ExecSeqScanEstimate(scan, context);
}

static void
share_scan(SeqScanState *scan, void *context)
{
	ExecSeqScanInitializeDSM(scan, context);
}

static void
join_scan(SeqScanState *scan, void *context)
{
	ExecSeqScanInitializeWorker(scan, context);
}

/*
 * Leader, before the shared memory is laid out: room for the scans
 */
void
shared_scan_estimate(QueryDesc *query, ParallelContext *context)
{
	for_each_scan(query, estimate_scan, context);
}

/*
 * Leader, before the workers start: put the scans into shared memory
 */
void
shared_scan_share(QueryDesc *query, ParallelContext *context)
{
	for_each_scan(query, share_scan, context);
}

/*
 * Worker: take part in the scans
 */
void
shared_scan_join(QueryDesc *query, ParallelWorkerContext *context)
{
	for_each_scan(query, join_scan, context);
}

/*
 * Send this process's part of the rows to the query's receiver
 */
void
shared_scan_run(QueryDesc *query)
{
	ExecutorRunAll(query);
}

/*
 * End a started query
 */
void
shared_scan_end(QueryDesc *query)
{
	ExecutorFinish(query);
	ExecutorEnd(query);
	FreeQueryDesc(query);
}
