/*
 * Any text as a cron schedule: it is refused with a reason, or has sets that a
 * schedule can have, and a next minute that is later.
 */
#include "fuzz.h"

#include "math/cron.h"

/* Moments that schedules are asked about: before 1970, a leap day, far away */
static const int64_t moments[] = {INT64_C(-62135596800) / 60, -1, 0, 28486080, INT64_C(9223371331200) / 60};

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char	   *text = malloc(size + 1);
	CronSchedule schedule;
	CronError	error = {NULL, NULL};
	size_t		i;

	FUZZ_ASSERT(text != NULL);
	memcpy(text, bytes, size);
	text[size] = '\0';
	if (!cron_parse(text, &schedule, &error))
		FUZZ_ASSERT(error.problem != NULL);
	else if (schedule.interval_seconds != 0)
		FUZZ_ASSERT(schedule.interval_seconds >= 1 && schedule.interval_seconds <= 59);
	else
	{
		FUZZ_ASSERT(schedule.minutes >> 60 == 0 && schedule.hours >> 24 == 0 && schedule.months >> 13 == 0 && schedule.weekdays >> 7 == 0);
		FUZZ_ASSERT(schedule.minutes != 0 && schedule.hours != 0 && (schedule.months & ~1u) != 0);
		for (i = 0; i < sizeof(moments) / sizeof(moments[0]); i++)
		{
			int64_t		next = 0;

			if (cron_next_minute(&schedule, moments[i], &next))
			{
				FUZZ_ASSERT(next > moments[i]);
				FUZZ_ASSERT(schedule.minutes >> (((next % 60) + 60) % 60) & 1);
			}
		}
	}
	free(text);
	return 0;
}

static const char *const seeds[] = {
	"*/15 * * * *", "0 3 1,15 jan-jun mon", "@hourly", "30 seconds", "59 23 $ 2 0-7/2", "0 0 29 2 *", "0-59/7,3 1-2 31 4,6 sun", ""
};

size_t
fuzz_seeds(void)
{
	return sizeof(seeds) / sizeof(seeds[0]);
}

size_t
fuzz_seed(size_t number, uint8_t *bytes, size_t capacity)
{
	size_t		size = strlen(seeds[number]);

	FUZZ_ASSERT(size <= capacity);
	memcpy(bytes, seeds[number], size);
	return size;
}
