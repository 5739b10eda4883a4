/*
 * Days of incremental sources that are over, and kept.
 */
#ifndef INFLUENCE_CLOSED_DAYS_H
#define INFLUENCE_CLOSED_DAYS_H

#include "postgres.h"

#include "model/ingest.h"

/* What a run may do with closed days */
typedef enum ClosedDaysUse
{
	CLOSED_DAYS_IGNORE,			/* read everything, keep nothing */
	CLOSED_DAYS_USE,			/* read what is not kept, and keep it */
	CLOSED_DAYS_REBUILD			/* read everything, and keep it anew */
} ClosedDaysUse;

typedef struct ClosedDays ClosedDays;

extern ClosedDays *closed_days_plan(Model *model, TimestampTz as_of, ClosedDaysUse use, TimestampTz settled_before);
extern void closed_days_load(ClosedDays *closed, Ingest *ingest);
extern void closed_days_keep(ClosedDays *closed, Ingest *ingest);
extern void closed_days_forget(const char *model);
extern uint64 closed_days_generation(void);

#endif							/* INFLUENCE_CLOSED_DAYS_H */
