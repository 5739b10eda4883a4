/*
 * Reading large tables in several processes.
 */
#ifndef INFLUENCE_INGEST_PARALLEL_H
#define INFLUENCE_INGEST_PARALLEL_H

#include "model/ingest.h"

extern List *ingest_in_parallel(Ingest *ingest, Size memory_limit);

#endif							/* INFLUENCE_INGEST_PARALLEL_H */
