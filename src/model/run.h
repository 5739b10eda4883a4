/*
 * One computation of a model's scores as of a moment.
 */
#ifndef INFLUENCE_RUN_H
#define INFLUENCE_RUN_H

#include "postgres.h"

#include "model/closed_days.h"
#include "model/ingest.h"
#include "model/measures.h"
#include "model/model.h"
#include "model/scoring.h"

/* What the time goes to */
typedef enum RunPhase
{
	PHASE_READ,
	PHASE_KEEP,
	PHASE_MEASURE,
	PHASE_SCORE,
	PHASE_PUBLISH
} RunPhase;

#define RUN_PHASE_COUNT	(PHASE_PUBLISH + 1)

typedef struct Run
{
	MemoryContext context;		/* holds everything below */
	Model	   *model;
	TimestampTz as_of;
	Ingest	   *ingest;
	Measures   *measures;
	Scores	   *scores;
	double		milliseconds[RUN_PHASE_COUNT];
} Run;

/* How a run goes about it */
typedef struct RunOptions
{
	bool		recalibrate;	/* fit a new map even where the model is anchored to an old one */
	ClosedDaysUse closed_days;
	TimestampTz settled_before; /* start of the oldest transaction, see closed_days.h */
} RunOptions;

extern Run *run_compute(const ModelRef *ref, TimestampTz as_of, RunOptions options);
extern Run *run_compute_preview(Model *model, TimestampTz as_of, bool recalibrate);
extern void run_free_people(Run *run);
extern void run_free(Run *run);
extern const PersonScore *run_next_person(const Run *run, const uint32 *order, uint32 i);

#endif							/* INFLUENCE_RUN_H */
