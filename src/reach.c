/*
 * Rules of thumb for reach: how many people see a post.
 */
#include "compat.h"

#include <math.h>

#include "fmgr.h"

/*
 * Multiply a number of people by a factor. Error if the result overflows.
 */
static double
scale_people(int64 people, double factor)
{
	double		result = (double) people * factor;

	if (isinf(result))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg(INT64_FORMAT " times %g is out of range", people, factor)));
	return result;
}

/*
 * Friends who see a post organically: friends times rate (0 to 1)
 */
PG_FUNCTION_INFO_V1(influence_organic_reach);
Datum
influence_organic_reach(PG_FUNCTION_ARGS)
{
	int64		friends = PG_GETARG_INT64(0);
	double		rate = PG_GETARG_FLOAT8(1);

	if (friends < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("friends must not be negative: " INT64_FORMAT, friends),
				 errhint("Pass a number of people, 0 or more.")));
	if (!(rate >= 0 && rate <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rate must be between 0 and 1, not %g", rate),
				 errhint("Pass the share of friends who see a post; 16 %% is 0.16.")));

	PG_RETURN_FLOAT8(scale_people(friends, rate));
}

/*
 * Viewers that a number of likes stands for: likes times viewers per like
 */
PG_FUNCTION_INFO_V1(influence_viewers);
Datum
influence_viewers(PG_FUNCTION_ARGS)
{
	int64		likes = PG_GETARG_INT64(0);
	double		per_like = PG_GETARG_FLOAT8(1);

	if (likes < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("likes must not be negative: " INT64_FORMAT, likes),
				 errhint("Pass a number of likes, 0 or more.")));
	if (!(per_like >= 0) || isinf(per_like))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("per_like must be a finite number from 0 up, not %g", per_like),
				 errhint("Pass how many people see a post for each like it gets; the default is 100.")));

	PG_RETURN_FLOAT8(scale_people(likes, per_like));
}
