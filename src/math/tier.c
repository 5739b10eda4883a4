/*
 * Names for ranges of scores.
 */
#include "math/tier.h"

#define LOWEST_SCORE	1.0
#define HIGHEST_SCORE	100.0

/* From the top, so that the first range that starts at or below a score fits */
static const ScoreRange tiers[] = {
	{80.0, "celebrity"},
	{70.0, "popular"},
	{60.0, "excellent"},
	{50.0, "above average"},
	{40.0, "average"},
	{LOWEST_SCORE, "below average"}
};

static const ScoreRange buckets[] = {
	{90.0, "90-100"},
	{80.0, "80-89"},
	{70.0, "70-79"},
	{60.0, "60-69"},
	{50.0, "50-59"},
	{40.0, "40-49"},
	{30.0, "30-39"},
	{20.0, "20-29"},
	{10.0, "10-19"},
	{LOWEST_SCORE, "1-9"}
};

#define RANGES(array)	(sizeof(array) / sizeof((array)[0]))

/*
 * The tiers of a scale that nobody has edited, from the top
 */
const ScoreRange *
tier_defaults(size_t *count)
{
	*count = RANGES(tiers);
	return tiers;
}

/*
 * Name of the range a score lies in, NULL if it is no score (NaN included)
 *
 * ranges: count of them from the top, the last of which starts at 1.
 */
const char *
tier_in_ranges(const ScoreRange *ranges, size_t count, double score)
{
	size_t		i;

	if (!(score <= HIGHEST_SCORE))
		return NULL;
	for (i = 0; i < count; i++)
	{
		if (score >= ranges[i].from)
			return ranges[i].name;
	}
	return NULL;
}

/*
 * Tier of a score in 1..100, NULL outside
 */
const char *
tier_name(double score)
{
	return tier_in_ranges(tiers, RANGES(tiers), score);
}

/*
 * Bucket, ten points wide, of a score in 1..100, NULL outside
 */
const char *
tier_bucket(double score)
{
	return tier_in_ranges(buckets, RANGES(buckets), score);
}
