/*
 * Cron schedules: parsing, and the next minute that matches.
 *
 * The language is the one of Vixie cron and pg_cron: five fields (minute,
 * hour, day of month, month, day of week) of values, ranges, lists, steps and
 * English names; macros such as @hourly; the last day of the month as '$';
 * and, instead of fields, "10 seconds". Where Vixie cron silently drops what
 * it does not understand ("5/10", a sixth field), we refuse.
 *
 * Time is a count of minutes since 1970-01-01 00:00 UTC; there is no other
 * time zone and no C library time here.
 */
#include <stddef.h>
#include <string.h>

#include "math/cron.h"

#define MINUTES_PER_HOUR 60
#define MINUTES_PER_DAY 1440

/* The calendar repeats, weekdays included, after this many days (400 years) */
#define DAYS_PER_CYCLE 146097

/* 1970-01-01 was a Thursday */
#define EPOCH_WEEKDAY 4

/* Numbers of more digits than this cannot be in any range */
#define MAX_DIGITS 4

/* A field of a schedule: its range, and names for the values from low on */
typedef struct CronField
{
	const char *name;
	int			low;
	int			high;
	const char *names;			/* three letters each; NULL: none */
} CronField;

enum
{
	FIELD_MINUTE, FIELD_HOUR, FIELD_DAY, FIELD_MONTH, FIELD_WEEKDAY, FIELD_COUNT
};

/* 7 is Sunday, too; it is folded into 0 after parsing, so that 5-7 works */
static const CronField fields[FIELD_COUNT] = {
	{"minute", 0, 59, NULL},
	{"hour", 0, 23, NULL},
	{"day of month", 1, 31, NULL},
	{"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
	{"day of week", 0, 7, "sunmontuewedthufrisat"}
};

static const struct
{
	const char *name;
	const char *text;
}			macros[] = {
	{"@yearly", "0 0 1 1 *"},
	{"@annually", "0 0 1 1 *"},
	{"@monthly", "0 0 1 * *"},
	{"@weekly", "0 0 * * 0"},
	{"@daily", "0 0 * * *"},
	{"@midnight", "0 0 * * *"},
	{"@hourly", "0 * * * *"}
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char
to_lower(char c)
{
	return (c >= 'A' && c <= 'Z') ? (char) (c - 'A' + 'a') : c;
}

static void
skip_blanks(const char **p)
{
	while (is_blank(**p))
		(*p)++;
}

/* Whether *p begins with a word, in any case; goes behind it then */
static bool
skip_word(const char **p, const char *word, size_t length)
{
	size_t		i;

	for (i = 0; i < length; i++)
	{
		if (to_lower((*p)[i]) != word[i])
			return false;
	}
	*p += length;
	return true;
}

/* Read an unsigned number of few digits; false when there is none */
static bool
parse_digits(const char **p, int *value)
{
	int			digits = 0;

	*value = 0;
	while (is_digit(**p))
	{
		if (++digits > MAX_DIGITS)
			return false;
		*value = *value * 10 + (**p - '0');
		(*p)++;
	}
	return digits > 0;
}

/* Read a value of a field, a number or a name, and check its range */
static bool
parse_value(const char **p, const CronField *field, int *value, CronError *error)
{
	size_t		count = field->names ? strlen(field->names) / 3 : 0;
	size_t		i;

	for (i = 0; i < count; i++)
	{
		if (skip_word(p, field->names + 3 * i, 3))
		{
			*value = field->low + (int) i;
			return true;
		}
	}
	if (!is_digit(**p))
	{
		error->problem = **p == '\0' ? "is missing" : "is not a number, a range, a list or *";
		return false;
	}
	if (!parse_digits(p, value) || *value < field->low || *value > field->high)
	{
		error->problem = "is out of range";
		return false;
	}
	return true;
}

/*
 * Read one element of a list ("*", "5", "1-5", each range with a step as in
 * "1-30/5") into a set of bits.
 */
static bool
parse_element(const char **p, const CronField *field, uint64_t *set, CronError *error)
{
	int			first = field->low;
	int			last = field->high;
	int			step = 1;
	bool		range = true;
	int			value;

	if (**p == '*')
		(*p)++;
	else
	{
		if (!parse_value(p, field, &first, error))
			return false;
		range = (**p == '-');
		last = first;
		if (range)
		{
			(*p)++;
			if (!parse_value(p, field, &last, error))
				return false;
			if (last < first)
			{
				error->problem = "has a range that ends before it begins";
				return false;
			}
		}
	}
	if (**p == '/')
	{
		(*p)++;
		if (!range)
		{
			error->problem = "has a step behind a single value; write a range or */step";
			return false;
		}
		if (!parse_digits(p, &step) || step < 1 || step > field->high)
		{
			error->problem = "has a step that is out of range";
			return false;
		}
	}
	for (value = first; value <= last; value += step)
		*set |= UINT64_C(1) << value;
	return true;
}

/* Read a field, a list of elements, up to the blank or end behind it */
static bool
parse_field(const char **p, const CronField *field, uint64_t *set, bool *last_day, CronError *error)
{
	error->field = field->name;
	*set = 0;
	for (;;)
	{
		if (last_day != NULL && **p == '$')
		{
			*last_day = true;
			(*p)++;
		}
		else if (!parse_element(p, field, set, error))
			return false;

		if (**p != ',')
			break;
		(*p)++;
	}
	if (**p != '\0' && !is_blank(**p))
	{
		error->problem = "is not a number, a range, a list or *";
		return false;
	}
	skip_blanks(p);
	error->field = NULL;
	return true;
}

/* Read "10 seconds"; false, with p where it was, when it is something else */
static bool
parse_seconds(const char **p, int *seconds)
{
	const char *start = *p;

	if (parse_digits(p, seconds) && is_blank(**p))
	{
		skip_blanks(p);
		if (skip_word(p, "second", 6))
		{
			(void) skip_word(p, "s", 1);
			skip_blanks(p);
			if (**p == '\0')
				return true;
		}
	}
	*p = start;
	return false;
}

/* Days of a month; month is 1 to 12 */
static int
days_of_month(int64_t year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/*
 * Date of a day since 1970-01-01 in the proleptic Gregorian calendar. Years
 * are counted from March, so that the leap day is the last of its year
 * (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
 */
static void
date_of_day(int64_t day, int64_t *year, int *month, int *day_of_month)
{
	int64_t		shifted = day + 719468; /* since 0000-03-01 */
	int64_t		cycle = (shifted >= 0 ? shifted : shifted - (DAYS_PER_CYCLE - 1)) / DAYS_PER_CYCLE;
	int			day_of_cycle = (int) (shifted - cycle * DAYS_PER_CYCLE);
	int			year_of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36524 - day_of_cycle / 146096) / 365;
	int			day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
	int			month_from_march = (5 * day_of_year + 2) / 153;

	*day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
	*month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
	*year = cycle * 400 + year_of_cycle + (*month <= 2 ? 1 : 0);
}

/*
 * Whether a day matches. Cron's rule: when both the day of month and the day
 * of week are restricted either is enough, else both must match.
 */
static bool
day_matches(const CronSchedule *schedule, int64_t day)
{
	int64_t		year;
	int			month;
	int			day_of_month;
	int			weekday = (int) (((day + EPOCH_WEEKDAY) % 7 + 7) % 7);
	bool		by_day;
	bool		by_weekday;

	date_of_day(day, &year, &month, &day_of_month);
	if (!(schedule->months & (UINT32_C(1) << month)))
		return false;

	by_day = (schedule->days & (UINT32_C(1) << day_of_month)) != 0 ||
		(schedule->last_day && day_of_month == days_of_month(year, month));
	by_weekday = (schedule->weekdays & (UINT32_C(1) << weekday)) != 0;
	if (schedule->day_star || schedule->weekday_star)
		return by_day && by_weekday;
	return by_day || by_weekday;
}

/* First minute of a day, not before from, that matches; -1: none */
static int
minute_of_day(const CronSchedule *schedule, int from)
{
	int			minute;

	for (minute = from; minute < MINUTES_PER_DAY; minute++)
	{
		if ((schedule->hours & (UINT32_C(1) << (minute / MINUTES_PER_HOUR))) &&
			(schedule->minutes & (UINT64_C(1) << (minute % MINUTES_PER_HOUR))))
			return minute;
	}
	return -1;
}

/* Read the five fields */
static bool
parse_fields(const char *p, CronSchedule *schedule, CronError *error)
{
	uint64_t	sets[FIELD_COUNT];
	int			i;

	for (i = 0; i < FIELD_COUNT; i++)
	{
		if (i == FIELD_DAY)
			schedule->day_star = (*p == '*');
		if (i == FIELD_WEEKDAY)
			schedule->weekday_star = (*p == '*');
		if (!parse_field(&p, &fields[i], &sets[i], i == FIELD_DAY ? &schedule->last_day : NULL, error))
			return false;
	}
	if (*p != '\0')
	{
		error->problem = "has something behind the five fields";
		return false;
	}
	schedule->minutes = sets[FIELD_MINUTE];
	schedule->hours = (uint32_t) sets[FIELD_HOUR];
	schedule->days = (uint32_t) sets[FIELD_DAY];
	schedule->months = (uint32_t) sets[FIELD_MONTH];
	schedule->weekdays = (uint32_t) ((sets[FIELD_WEEKDAY] | sets[FIELD_WEEKDAY] >> 7) & 0x7f);
	return true;
}

/* Text of a macro, or NULL; blanks may follow its name */
static const char *
expand_macro(const char *text)
{
	size_t		i;

	for (i = 0; i < sizeof(macros) / sizeof(macros[0]); i++)
	{
		const char *p = text;

		if (!skip_word(&p, macros[i].name, strlen(macros[i].name)))
			continue;
		skip_blanks(&p);
		if (*p == '\0')
			return macros[i].text;
	}
	return NULL;
}

/*
 * Parse a schedule. Returns false, with the error set, when it is not valid
 * or when no day ever matches (30 February).
 */
bool
cron_parse(const char *text, CronSchedule *schedule, CronError *error)
{
	const char *p = text;
	int64_t		next;

	memset(schedule, 0, sizeof(*schedule));
	error->field = NULL;
	error->problem = NULL;

	skip_blanks(&p);
	if (parse_seconds(&p, &schedule->interval_seconds))
	{
		if (schedule->interval_seconds >= 1 && schedule->interval_seconds <= 59)
			return true;
		error->problem = "must have 1 to 59 seconds";
		return false;
	}
	schedule->interval_seconds = 0;
	if (*p == '@')
	{
		p = expand_macro(p);
		if (p == NULL)
		{
			error->problem = "is not a macro that has a next run";
			return false;
		}
	}
	if (!parse_fields(p, schedule, error))
		return false;
	if (!cron_next_minute(schedule, 0, &next))
	{
		error->problem = "never runs";
		return false;
	}
	return true;
}

/*
 * First minute after a given one that matches a schedule of fields; both in
 * minutes since 1970-01-01 00:00 UTC. False when there is none: then no day of
 * a whole calendar cycle matches.
 */
bool
cron_next_minute(const CronSchedule *schedule, int64_t after, int64_t *next)
{
	int64_t		first = after + 1;
	int64_t		day = (first >= 0 ? first : first - (MINUTES_PER_DAY - 1)) / MINUTES_PER_DAY;
	int64_t		last_day = day + DAYS_PER_CYCLE;
	int			from = (int) (first - day * MINUTES_PER_DAY);

	for (; day <= last_day; day++, from = 0)
	{
		int			minute;

		if (!day_matches(schedule, day))
			continue;
		minute = minute_of_day(schedule, from);
		if (minute >= 0)
		{
			*next = day * MINUTES_PER_DAY + minute;
			return true;
		}
	}
	return false;
}
