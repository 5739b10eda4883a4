/*
 * The table influence.refresh_log: one row a run.
 */
#ifndef INFLUENCE_REFRESH_LOG_H
#define INFLUENCE_REFRESH_LOG_H

#include "model/configuration_store.h"
#include "model/run.h"

/* What a row of the log says */
typedef struct RefreshRecord
{
	const char *model;
	const char *status;			/* success, skipped, failed */
	TimestampTz as_of;
	TimestampTz started_at;
	const Run  *run;			/* NULL unless it succeeded */
	Configuration configuration;	/* of the run */
	const char *error_code;		/* of a failure */
	const char *error;
	const char *run_by;
} RefreshRecord;

extern void refresh_log_lock(void);
extern Datum refresh_log_insert(const RefreshRecord *record);
extern void refresh_log_from_outside(RefreshRecord *record);

#endif							/* INFLUENCE_REFRESH_LOG_H */
