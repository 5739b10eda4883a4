/*
 * What must be true of every run, whatever its rows are.
 */
#ifndef INFLUENCE_RUN_CHECK_H
#define INFLUENCE_RUN_CHECK_H

#include "model/run.h"

#ifdef USE_ASSERT_CHECKING
extern void ingest_check(const Ingest *ingest);
extern void run_check(const Run *run);
#else
#define ingest_check(ingest) ((void) 0)
#define run_check(run) ((void) 0)
#endif

#endif							/* INFLUENCE_RUN_CHECK_H */
