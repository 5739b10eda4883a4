/*
 * Reading all sources of a model.
 */
#ifndef INFLUENCE_INGEST_RUN_H
#define INFLUENCE_INGEST_RUN_H

#include "model/ingest.h"

extern Ingest *ingest_run(const Model *model, TimestampTz as_of);

#endif							/* INFLUENCE_INGEST_RUN_H */
