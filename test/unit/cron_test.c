/*
 * Unit test of math/cron.c, in TAP. The calendar is checked against gmtime():
 * every minute from the start is tried until one matches.
 *
 *   cc -std=gnu99 -Isrc test/unit/cron_test.c src/math/cron.c -o cron_test && ./cron_test
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "math/cron.h"

static int	tests = 0;
static int	failures = 0;

static void
ok(bool passed, const char *name, const char *detail)
{
	tests++;
	if (!passed)
		failures++;
	printf("%sok %d - %s%s%s\n", passed ? "" : "not ", tests, name, detail ? ": " : "", detail ? detail : "");
}

static int64_t
minute_of(int year, int month, int day, int hour, int minute)
{
	struct tm	tm;

	memset(&tm, 0, sizeof(tm));
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	tm.tm_hour = hour;
	tm.tm_min = minute;
	return (int64_t) timegm(&tm) / 60;
}

static void
next_is(const char *text, int64_t after, int64_t expected)
{
	CronSchedule schedule;
	CronError	error;
	int64_t		next = 0;
	char		detail[64];

	if (!cron_parse(text, &schedule, &error))
	{
		ok(false, text, error.problem);
		return;
	}
	if (!cron_next_minute(&schedule, after, &next))
	{
		ok(false, text, "no next run");
		return;
	}
	snprintf(detail, sizeof(detail), "%lld, expected %lld", (long long) next, (long long) expected);
	ok(next == expected, text, next == expected ? NULL : detail);
}

static void
refused(const char *text, const char *field, const char *problem)
{
	CronSchedule schedule;
	CronError	error;
	bool		parsed = cron_parse(text, &schedule, &error);
	bool		same_field = !parsed && (field == NULL ? error.field == NULL : error.field != NULL && strcmp(error.field, field) == 0);

	ok(!parsed && same_field && strstr(error.problem, problem) != NULL, text, parsed ? "was accepted" : error.problem);
}

/* Whether a minute matches, by the C library's calendar */
static bool
matches(const CronSchedule *schedule, int64_t minute)
{
	time_t		at = (time_t) (minute * 60);
	time_t		tomorrow = at + 86400;
	struct tm	tm;
	struct tm	tm_tomorrow;
	bool		day;
	bool		weekday;

	gmtime_r(&at, &tm);
	gmtime_r(&tomorrow, &tm_tomorrow);
	day = (schedule->days >> tm.tm_mday & 1) || (schedule->last_day && tm_tomorrow.tm_mday == 1);
	weekday = schedule->weekdays >> tm.tm_wday & 1;
	return (schedule->minutes >> tm.tm_min & 1) && (schedule->hours >> tm.tm_hour & 1) &&
		(schedule->months >> (tm.tm_mon + 1) & 1) &&
		(schedule->day_star || schedule->weekday_star ? day && weekday : day || weekday);
}

/* Compare with trying every minute, from starts spread over a century */
static void
agrees_with_every_minute(const char *text)
{
	CronSchedule schedule;
	CronError	error;
	int64_t		start = minute_of(1950, 1, 1, 0, 0);
	int			i;

	if (!cron_parse(text, &schedule, &error))
	{
		ok(false, text, error.problem);
		return;
	}
	for (i = 0; i < 40; i++)
	{
		int64_t		after = start + (int64_t) i * 1318357;
		int64_t		expected = after + 1;
		int64_t		next;

		while (!matches(&schedule, expected))
			expected++;
		if (!cron_next_minute(&schedule, after, &next) || next != expected)
		{
			ok(false, text, "differs from trying every minute");
			return;
		}
	}
	ok(true, text, "equals trying every minute");
}

static void
test_next(void)
{
	int64_t		noon = minute_of(2014, 10, 16, 12, 0);	/* a Thursday */
	CronSchedule schedule;
	CronError	error;

	next_is("* * * * *", noon, noon + 1);
	next_is("*/15 * * * *", noon, noon + 15);
	next_is("*/15 * * * *", noon + 14, noon + 15);
	next_is("*/7 * * * *", noon + 56, noon + 60);
	next_is("5,35 * * * *", noon + 5, noon + 35);
	next_is("0 0 * * *", noon, minute_of(2014, 10, 17, 0, 0));
	next_is("  30\t4 * *  sun ", noon, minute_of(2014, 10, 19, 4, 30));
	next_is("30 4 * * 7", noon, minute_of(2014, 10, 19, 4, 30));
	next_is("30 4 * * 5-7", noon, minute_of(2014, 10, 17, 4, 30));
	next_is("30 4 * * Fri-sat", noon, minute_of(2014, 10, 17, 4, 30));
	next_is("0 12 * * 1-5", noon, minute_of(2014, 10, 17, 12, 0));
	next_is("0 0 1 JAN *", noon, minute_of(2015, 1, 1, 0, 0));
	next_is("0 0 31 * *", noon, minute_of(2014, 10, 31, 0, 0));
	next_is("0 0 31 11,12 *", noon, minute_of(2014, 12, 31, 0, 0));
	next_is("0 0 29 2 *", noon, minute_of(2016, 2, 29, 0, 0));
	next_is("0 0 29 2 *", minute_of(2096, 2, 29, 0, 0), minute_of(2104, 2, 29, 0, 0));
	next_is("0 0 29 2 */7", minute_of(2072, 3, 1, 0, 0), minute_of(2088, 2, 29, 0, 0));
	/* both restricted: either day; one begins with a star: both */
	next_is("0 0 13 * 5", noon, minute_of(2014, 10, 17, 0, 0));
	next_is("0 0 13 * */5", noon, minute_of(2015, 2, 13, 0, 0));
	next_is("0 0 $ * *", noon, minute_of(2014, 10, 31, 0, 0));
	next_is("0 0 1,$ 2 *", minute_of(2016, 2, 1, 0, 0), minute_of(2016, 2, 29, 0, 0));
	next_is("@hourly", noon, noon + 60);
	next_is("@Daily ", noon, minute_of(2014, 10, 17, 0, 0));
	next_is("@weekly", noon, minute_of(2014, 10, 19, 0, 0));
	next_is("@monthly", noon, minute_of(2014, 11, 1, 0, 0));
	next_is("@yearly", noon, minute_of(2015, 1, 1, 0, 0));
	next_is("59 23 31 12 *", minute_of(1969, 12, 31, 23, 58), -1);
	next_is("0 0 1 1 *", minute_of(1600, 6, 1, 0, 0), minute_of(1601, 1, 1, 0, 0));

	ok(cron_parse("10 seconds", &schedule, &error) && schedule.interval_seconds == 10, "10 seconds", NULL);
	ok(cron_parse("1 Second", &schedule, &error) && schedule.interval_seconds == 1, "1 Second", NULL);
}

static void
test_refused(void)
{
	refused("", "minute", "missing");
	refused("* * * *", "day of week", "missing");
	refused("* * * * * *", NULL, "behind");
	refused("60 * * * *", "minute", "range");
	refused("* 24 * * *", "hour", "range");
	refused("* * 0 * *", "day of month", "range");
	refused("* * 32 * *", "day of month", "range");
	refused("* * * 13 *", "month", "range");
	refused("* * * * 8", "day of week", "range");
	refused("-1 * * * *", "minute", "not a number");
	refused("99999999999999999999 * * * *", "minute", "range");
	refused("5-1 * * * *", "minute", "ends before");
	refused("*/0 * * * *", "minute", "step");
	refused("*/60 * * * *", "minute", "step");
	refused("*/ * * * *", "minute", "step");
	refused("5/10 * * * *", "minute", "step");
	refused("1, * * * *", "minute", "not a number");
	refused("1,,2 * * * *", "minute", "not a number");
	refused("1- * * * *", "minute", "not a number");
	refused("*5 * * * *", "minute", "not a number");
	refused("$ * * * *", "minute", "not a number");
	refused("* * * jan2 *", "month", "not a number");
	refused("* * * * monday", "day of week", "not a number");
	refused("every hour", "minute", "not a number");
	refused("0 0 30 2 *", NULL, "never");
	refused("@reboot", NULL, "macro");
	refused("@hourlyish", NULL, "macro");
	refused("0 seconds", NULL, "seconds");
	refused("60 seconds", NULL, "seconds");
	refused("10 seconds later", "hour", "not a number");
}

static void
test_every_minute(void)
{
	agrees_with_every_minute("7 3 * * *");
	agrees_with_every_minute("*/13 1-5/2 * * *");
	agrees_with_every_minute("0 0 29 * 1");
	agrees_with_every_minute("15 6 */9 * 2");
	agrees_with_every_minute("15 6 */9 */3 */2");
	agrees_with_every_minute("59 23 $ * *");
	agrees_with_every_minute("0 12 28-31 feb,apr *");
	agrees_with_every_minute("30 8 29 2 *");
}

int
main(void)
{
	test_next();
	test_refused();
	test_every_minute();
	printf("1..%d\n", tests);
	return failures == 0 ? 0 : 1;
}
