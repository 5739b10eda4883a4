/*
 * Cron schedules, as pg_cron (Vixie cron) reads them.
 */
#ifndef INFLUENCE_MATH_CRON_H
#define INFLUENCE_MATH_CRON_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A parsed schedule: either a number of seconds, or sets of minutes and days.
 * Bit n of a set stands for the value n (weekday 0 is Sunday).
 */
typedef struct CronSchedule
{
	int			interval_seconds;	/* 1 to 59; 0: the sets below */
	uint64_t	minutes;		/* bits 0 to 59 */
	uint32_t	hours;			/* bits 0 to 23 */
	uint32_t	days;			/* bits 1 to 31 */
	uint32_t	months;			/* bits 1 to 12 */
	uint32_t	weekdays;		/* bits 0 to 6 */
	bool		last_day;		/* '$': the last day of the month, too */
	bool		day_star;		/* day field begins with '*' */
	bool		weekday_star;	/* weekday field begins with '*' */
} CronSchedule;

/* What is wrong: a field's name, NULL for the whole, and a clause about it */
typedef struct CronError
{
	const char *field;
	const char *problem;
} CronError;

extern bool cron_parse(const char *text, CronSchedule *schedule, CronError *error);
extern bool cron_next_minute(const CronSchedule *schedule, int64_t after, int64_t *next);

#endif							/* INFLUENCE_MATH_CRON_H */
