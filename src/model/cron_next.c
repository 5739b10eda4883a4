/*
 * The next run of a cron schedule.
 */
#include "compat.h"

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "math/cron.h"

/* Minutes between the epochs of Unix (1970) and PostgreSQL (2000) */
#define EPOCH_MINUTES ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * 1440)

/*
 * Minutes since 1970 of a timestamp, rounded down
 */
static int64
timestamp_minute(TimestampTz at)
{
	int64		minute = at / USECS_PER_MINUTE;

	if (at % USECS_PER_MINUTE < 0)
		minute--;
	return minute + EPOCH_MINUTES;
}

/*
 * First run later than a finite moment; DT_NOEND when that is out of range
 *
 * A schedule of n seconds runs n seconds after the moment. Fields are those of UTC.
 */
static TimestampTz
next_run(const CronSchedule *schedule, TimestampTz after)
{
	TimestampTz run = DT_NOEND;
	int64		minute;

	/* seconds and 400 years of minutes are far from the range of int64 */
	if (schedule->interval_seconds > 0)
		run = after + schedule->interval_seconds * USECS_PER_SEC;
	else if (cron_next_minute(schedule, timestamp_minute(after), &minute))
		run = (minute - EPOCH_MINUTES) * USECS_PER_MINUTE;
	return IS_VALID_TIMESTAMP(run) ? run : DT_NOEND;
}

/*
 * First run of a schedule (text) later than a moment (timestamptz)
 *
 * Errors: 22023 for a schedule or moment that is not usable, 22008 when the
 * run is beyond the range of timestamptz.
 */
PG_FUNCTION_INFO_V1(influence_next_run);
Datum
influence_next_run(PG_FUNCTION_ARGS)
{
	char	   *expression = text_to_cstring(PG_GETARG_TEXT_PP(0));
	TimestampTz after = PG_GETARG_TIMESTAMPTZ(1);
	CronSchedule schedule;
	CronError	error;
	TimestampTz run;

	if (!cron_parse(expression, &schedule, &error))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid cron schedule \"%s\"", expression),
				 error.field ? errdetail("The field \"%s\" %s.", error.field, error.problem)
				 : errdetail("It %s.", error.problem),
				 errhint("Give minute, hour, day of month, month and day of week, such as \"*/15 * * * *\", or a macro such as \"@hourly\".")));
	if (TIMESTAMP_NOT_FINITE(after))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("moment after which a schedule runs must be finite")));

	run = next_run(&schedule, after);
	if (TIMESTAMP_IS_NOEND(run))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("next run of schedule \"%s\" is out of range", expression)));
	PG_RETURN_TIMESTAMPTZ(run);
}

/*
 * A moment as the clocks of a time zone show it, in microseconds like a timestamptz,
 * or (from_zone) the other way round
 */
static TimestampTz
shift(TimestampTz at, const char *zone, bool from_zone)
{
	Datum		name = CStringGetTextDatum(zone);

	if (from_zone)
		return DatumGetTimestampTz(DirectFunctionCall2(timestamp_zone, name, TimestampGetDatum(at)));
	return DatumGetTimestamp(DirectFunctionCall2(timestamptz_zone, name, TimestampTzGetDatum(at)));
}

PG_FUNCTION_INFO_V1(influence_job_next_run);

/*
 * influence_job_next_run(schedule text, after timestamptz) returns timestamptz: as
 * influence_next_run(), in the time zone in which pg_cron means it; NULL when the
 * schedule is not understood, as one that only pg_cron knows
 */
Datum
influence_job_next_run(PG_FUNCTION_ARGS)
{
	TimestampTz after = PG_GETARG_TIMESTAMPTZ(1);
	CronSchedule schedule;
	CronError	error;
	TimestampTz run;
	const char *zone;

	if (TIMESTAMP_NOT_FINITE(after) || !cron_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)), &schedule, &error))
		PG_RETURN_NULL();
	/* since pg_cron 1.5 a setting says in which time zone schedules are meant */
	zone = GetConfigOption("cron.timezone", true, false);
	if (zone == NULL)
		zone = "GMT";
	run = next_run(&schedule, shift(after, zone, false));
	if (TIMESTAMP_IS_NOEND(run))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(shift(run, zone, true));
}
