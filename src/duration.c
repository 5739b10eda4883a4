/*
 * Conversion of intervals into microseconds.
 */
#include "compat.h"

#include <math.h>

#include "common/int.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "duration.h"

/*
 * Length of an interval in microseconds, a month being 30 days. Exact up to
 * 2^53 (285 years), then rounded; +-INFINITY for an infinite interval.
 */
double
interval_to_usec(const Interval *interval)
{
	int64		days = (int64) interval->month * DAYS_PER_MONTH + interval->day;
	int64		usec;

	if (INTERVAL_IS_NOBEGIN(interval))
		return -INFINITY;
	if (INTERVAL_IS_NOEND(interval))
		return INFINITY;

	/* in integers as long as it fits, so that parts may cancel out */
	if (!pg_mul_s64_overflow(days, USECS_PER_DAY, &usec) &&
		!pg_add_s64_overflow(usec, interval->time, &usec))
		return (double) usec;

	return (double) days * (double) USECS_PER_DAY + (double) interval->time;
}

/*
 * The same for an interval that must be positive and finite, such as a
 * half-life; what names it in the error.
 */
double
positive_interval_to_usec(const Interval *interval, const char *what)
{
	double		usec = interval_to_usec(interval);

	if (!(usec > 0) || isinf(usec))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be positive and finite, not \"%s\"", what, interval_text(interval)),
				 errhint("Pass an interval such as '30 days'.")));

	return usec;
}

/*
 * An interval as text, for messages
 */
char *
interval_text(const Interval *interval)
{
	return DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(interval)));
}
