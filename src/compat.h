/*
 * Differences between the PostgreSQL versions we build on (15, 17 and 18).
 * Nothing else in the tree tests PG_VERSION_NUM.
 */
#ifndef INFLUENCE_COMPAT_H
#define INFLUENCE_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Run a QueryDesc to its end; 18 dropped the last argument of ExecutorRun */
#if PG_VERSION_NUM >= 180000
#define ExecutorRunAll(query_desc) \
	ExecutorRun(query_desc, ForwardScanDirection, 0)
#else
#define ExecutorRunAll(query_desc) \
	ExecutorRun(query_desc, ForwardScanDirection, 0, true)
#endif

#endif							/* INFLUENCE_COMPAT_H */
