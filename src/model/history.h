/*
 * The table score_history of a model: what was published, a row per person and day.
 */
#ifndef INFLUENCE_HISTORY_H
#define INFLUENCE_HISTORY_H

#include "model/ingest.h"
#include "model/model.h"
#include "model/replacement.h"
#include "model/run.h"
#include "model/scoring.h"

extern void history_load_changes(const Model *model, TimestampTz as_of,
								 const Ingest *ingest, Scores *scores);
extern double *history_load_limits(const Model *model, TimestampTz as_of,
								   const Ingest *ingest, const Scores *scores);
extern void history_note_calibration(const Run *run);
extern Replacement *history_begin(const Run *run);
extern void history_fill(const Run *run, Replacement *replacement);
extern void history_forget(const Run *run);

#endif							/* INFLUENCE_HISTORY_H */
