/*
 * What a refresh is doing, shown as the query of its row in pg_stat_activity,
 * as autovacuum does it: 'influence_refresh "social": reading likes'.
 */
#include "compat.h"

#include "lib/stringinfo.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"

#include "model/progress.h"

/*
 * Show what is going on
 */
void
progress_report(const char *model, const char *format,...)
{
	char		activity[256];
	int			length;
	va_list		args;

	length = snprintf(activity, sizeof(activity), "influence_refresh \"%s\": ", model);
	if (length > 0 && length < (int) sizeof(activity))
	{
		va_start(args, format);
		vsnprintf(activity + length, sizeof(activity) - length, format, args);
		va_end(args);
	}
	pgstat_report_activity(STATE_RUNNING, activity);
}

/*
 * Show the client's query again
 */
void
progress_end(void)
{
	pgstat_report_activity(STATE_RUNNING, debug_query_string ? debug_query_string : "");
}
