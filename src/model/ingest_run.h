/*
 * Reading all sources of a model.
 */
#ifndef INFLUENCE_INGEST_RUN_H
#define INFLUENCE_INGEST_RUN_H

#include "model/closed_days.h"
#include "model/ingest.h"

extern Ingest *ingest_run(const Model *model, TimestampTz as_of, ClosedDays *closed);

#endif							/* INFLUENCE_INGEST_RUN_H */
