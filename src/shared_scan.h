/*
 * One query in several processes, each taking its part of the table scans.
 */
#ifndef INFLUENCE_SHARED_SCAN_H
#define INFLUENCE_SHARED_SCAN_H

#include "compat.h"

#include "access/parallel.h"
#include "executor/execdesc.h"
#include "nodes/plannodes.h"
#include "tcop/dest.h"

extern PlannedStmt *shared_scan_plan(const char *sql, int first_node_id, BlockNumber *pages);
extern QueryDesc *shared_scan_start(PlannedStmt *plan, const char *sql, DestReceiver *dest);
extern void shared_scan_estimate(QueryDesc *query, ParallelContext *context);
extern void shared_scan_share(QueryDesc *query, ParallelContext *context);
extern void shared_scan_join(QueryDesc *query, ParallelWorkerContext *context);
extern void shared_scan_run(QueryDesc *query);
extern void shared_scan_end(QueryDesc *query);

#endif							/* INFLUENCE_SHARED_SCAN_H */
