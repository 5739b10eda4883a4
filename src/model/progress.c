/*
 * What a refresh is doing, shown as the query of its row in pg_stat_activity,
 * as autovacuum does it: 'influence_refresh "social": scoring'. The function
 * influence_refresh_progress() takes it apart.
 */
#include "compat.h"

#include "access/parallel.h"
#include "mb/pg_wchar.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"

#include "model/progress.h"

/* Longest text; a model's name of 63 quotes and the phase fit */
#define MAX_ACTIVITY	256

/*
 * Append text in double quotes, those in it doubled, so that it can be told
 * from what follows
 */
static void
append_quoted(StringInfo activity, const char *text)
{
	appendStringInfoChar(activity, '"');
	for (; *text != '\0'; text++)
	{
		if (*text == '"')
			appendStringInfoChar(activity, '"');
		appendStringInfoChar(activity, *text);
	}
	appendStringInfoChar(activity, '"');
}

/*
 * Show what is going on; its leader does for a worker
 */
void
progress_report(const char *model, const char *format,...)
{
	char		phase[MAX_ACTIVITY];
	StringInfoData activity;
	va_list		args;

	if (IsParallelWorker())
		return;
	va_start(args, format);
	vsnprintf(phase, sizeof(phase), format, args);
	va_end(args);

	initStringInfo(&activity);
	appendStringInfoString(&activity, "influence_refresh ");
	append_quoted(&activity, model);
	appendStringInfo(&activity, ": %s", phase);
	/* not in the middle of a character */
	activity.data[pg_mbcliplen(activity.data, activity.len, MAX_ACTIVITY)] = '\0';
	pgstat_report_activity(STATE_RUNNING, activity.data);
	pfree(activity.data);
}

/*
 * Show the client's query again
 */
void
progress_end(void)
{
	pgstat_report_activity(STATE_RUNNING, debug_query_string ? debug_query_string : "");
}
