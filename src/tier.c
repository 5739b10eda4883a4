/*
 * influence_tier() and influence_bucket(): names for ranges of scores, and the
 * tiers that a model starts with.
 */
#include "compat.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/float.h"

#include "math/tier.h"

PG_FUNCTION_INFO_V1(influence_tier);
PG_FUNCTION_INFO_V1(influence_bucket);
PG_FUNCTION_INFO_V1(influence_default_tiers);

/*
 * A range's name as a datum; name is NULL if the score was none
 */
static Datum
range_datum(const char *name, double score)
{
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("score must be from 1 to 100, but is \"%s\"", float8out_internal(score)),
				 errhint("Pass a score as influence_score() returns it, or NULL for a person without one.")));
	return PointerGetDatum(cstring_to_text(name));
}

/*
 * influence_tier(score) -> 'average', 'popular', ...
 */
Datum
influence_tier(PG_FUNCTION_ARGS)
{
	double		score = PG_GETARG_FLOAT8(0);

	return range_datum(tier_name(score), score);
}

/*
 * influence_bucket(score) -> '1-9', '10-19', ... '90-100'
 */
Datum
influence_bucket(PG_FUNCTION_ARGS)
{
	double		score = PG_GETARG_FLOAT8(0);

	return range_datum(tier_bucket(score), score);
}

/*
 * influence_default_tiers() -> tier, min_score: what influence_tier() goes by
 */
Datum
influence_default_tiers(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	size_t		count;
	const ScoreRange *ranges = tier_defaults(&count);

	InitMaterializedSRF(fcinfo, 0);
	for (size_t i = 0; i < count; i++)
	{
		Datum		values[2];
		bool		nulls[2] = {false};

		values[0] = CStringGetTextDatum(ranges[i].name);
		values[1] = Float8GetDatum(ranges[i].from);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
