/*
 * influence_decay(): what is left of something after a while, and the one-step
 * aggregate influence_decayed_sum(value, occurred_at, as_of, half_life), which
 * adds up values times that.
 *
 * The transition value of the aggregate is a float8 array with the two parts
 * of a CompensatedSum. Each row brings its own as_of and half_life, so there
 * is nothing else to keep; sums that are to be read at other moments are the
 * business of decay_state.c.
 */
#include "compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/int.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "duration.h"
#include "math/decay.h"

PG_FUNCTION_INFO_V1(influence_decay_age);
PG_FUNCTION_INFO_V1(influence_decay_between);
PG_FUNCTION_INFO_V1(influence_decay_kernel);
PG_FUNCTION_INFO_V1(influence_decayed_sum_transition);
PG_FUNCTION_INFO_V1(influence_decayed_sum_combine);
PG_FUNCTION_INFO_V1(influence_decayed_sum_final);

/*
 * Age in microseconds. An infinite time on either side has a limit: what
 * happened infinitely long ago has an infinite age, and what never happens a
 * negative one, whatever the moment it is looked at.
 */
static double
age_between(TimestampTz occurred_at, TimestampTz as_of)
{
	int64		age;

	if (TIMESTAMP_IS_NOEND(occurred_at) || TIMESTAMP_IS_NOBEGIN(as_of))
		return -INFINITY;
	if (TIMESTAMP_IS_NOBEGIN(occurred_at) || TIMESTAMP_IS_NOEND(as_of))
		return INFINITY;

	if (pg_sub_s64_overflow(as_of, occurred_at, &age))
		return (double) as_of - (double) occurred_at;

	return (double) age;
}

/*
 * The kernel of the given name
 */
static DecayKernel
kernel_by_name(const text *name)
{
	DecayKernel kernel;
	StringInfoData names;
	int			i;

	if (decay_kernel_lookup(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), &kernel))
		return kernel;

	initStringInfo(&names);
	for (i = 0; i < DECAY_KERNELS; i++)
		appendStringInfo(&names, "%s%s", i == 0 ? "" : ", ", decay_kernel_names[i]);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown decay kernel \"%s\"", text_to_cstring(name)),
			 errhint("The kernels are: %s.", names.data)));
}

/*
 * influence_decay(age, half_life)
 */
Datum
influence_decay_age(PG_FUNCTION_ARGS)
{
	double		age = interval_to_usec(PG_GETARG_INTERVAL_P(0));
	double		half_life = positive_interval_to_usec(PG_GETARG_INTERVAL_P(1), "half-life");

	PG_RETURN_FLOAT8(decay_factor(age, half_life));
}

/*
 * influence_decay(occurred_at, as_of, half_life)
 */
Datum
influence_decay_between(PG_FUNCTION_ARGS)
{
	double		age = age_between(PG_GETARG_TIMESTAMPTZ(0), PG_GETARG_TIMESTAMPTZ(1));
	double		half_life = positive_interval_to_usec(PG_GETARG_INTERVAL_P(2), "half-life");

	PG_RETURN_FLOAT8(decay_factor(age, half_life));
}

/*
 * influence_decay(age, scale, kernel, grace)
 */
Datum
influence_decay_kernel(PG_FUNCTION_ARGS)
{
	double		age = interval_to_usec(PG_GETARG_INTERVAL_P(0));
	double		scale = positive_interval_to_usec(PG_GETARG_INTERVAL_P(1), "scale");
	DecayKernel kernel = kernel_by_name(PG_GETARG_TEXT_PP(2));
	Interval   *grace_interval = PG_GETARG_INTERVAL_P(3);
	double		grace = interval_to_usec(grace_interval);

	if (grace < 0 || isinf(grace))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("grace must be finite and not negative, not \"%s\"",
						interval_text(grace_interval)),
				 errhint("Pass an interval such as '3 days', or '0' for none.")));

	PG_RETURN_FLOAT8(decay_apply(kernel, age, scale, grace));
}

/*
 * The two parts of a transition value; the array may be anybody's
 */
static CompensatedSum *
array_sum(ArrayType *array)
{
	CompensatedSum *sum = NULL;

	StaticAssertStmt(sizeof(CompensatedSum) == 2 * sizeof(float8), "not an array of two float8");
	if (ARR_NDIM(array) == 1 && ARR_DIMS(array)[0] == 2 &&
		!ARR_HASNULL(array) && ARR_ELEMTYPE(array) == FLOAT8OID)
		sum = (CompensatedSum *) ARR_DATA_PTR(array);

	if (sum == NULL || !isfinite(sum->high) || !isfinite(sum->low))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("transition value of influence_decayed_sum must be two finite float8 numbers"),
				 errhint("This function is called by the aggregate only.")));
	return sum;
}

/*
 * The first argument as an array that may be written to: the aggregate's own
 * one in place, else a copy; zeros for NULL.
 */
static ArrayType *
writable_array(FunctionCallInfo fcinfo)
{
	Datum		zeros[2] = {Float8GetDatum(0), Float8GetDatum(0)};

	if (PG_ARGISNULL(0))
		return construct_array(zeros, 2, FLOAT8OID, sizeof(float8),
							   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	if (AggCheckCallContext(fcinfo, NULL))
		return PG_GETARG_ARRAYTYPE_P(0);

	return PG_GETARG_ARRAYTYPE_P_COPY(0);
}

/*
 * A sum that has overflowed is an error
 */
static void
check_finite(const CompensatedSum *sum)
{
	if (!isfinite(sum->high))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("decayed sum is out of range: overflow")));
}

/*
 * influence_decayed_sum: add value times its decay
 *
 * A row without value or time is skipped. A NULL as_of or half_life is an
 * error: to skip all rows silently is not what anybody wants.
 */
Datum
influence_decayed_sum_transition(PG_FUNCTION_ARGS)
{
	double		value;
	double		age;
	double		half_life;
	ArrayType  *array;
	CompensatedSum *sum;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		array = PG_GETARG_ARRAYTYPE_P(0);
		check_finite(array_sum(array));
		PG_RETURN_ARRAYTYPE_P(array);
	}
	if (PG_ARGISNULL(3) || PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", PG_ARGISNULL(3) ? "as_of" : "half-life"),
				 errhint("Only rows whose value or time is null are skipped.")));

	value = PG_GETARG_FLOAT8(1);
	if (!isfinite(value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value must be finite, not \"%g\"", value),
				 errhint("Leave out such rows with FILTER (WHERE ...).")));
	age = age_between(PG_GETARG_TIMESTAMPTZ(2), PG_GETARG_TIMESTAMPTZ(3));
	half_life = positive_interval_to_usec(PG_GETARG_INTERVAL_P(4), "half-life");

	array = writable_array(fcinfo);
	sum = array_sum(array);
	compensated_add(sum, value * decay_factor(age, half_life));
	check_finite(sum);

	PG_RETURN_ARRAYTYPE_P(array);
}

/*
 * influence_decayed_sum: add two partial sums
 */
Datum
influence_decayed_sum_combine(PG_FUNCTION_ARGS)
{
	ArrayType  *array;
	CompensatedSum *sum;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}

	array = writable_array(fcinfo);
	sum = array_sum(array);
	compensated_merge(sum, array_sum(PG_GETARG_ARRAYTYPE_P(1)));
	check_finite(sum);

	PG_RETURN_ARRAYTYPE_P(array);
}

/*
 * influence_decayed_sum: the sum itself
 */
Datum
influence_decayed_sum_final(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(array_sum(PG_GETARG_ARRAYTYPE_P(0))->high);
}
