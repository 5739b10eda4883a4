/*
 * influence_wilson(): lower bound of a proportion seen in few trials.
 */
#include "compat.h"

#include <math.h>

#include "fmgr.h"
#include "utils/float.h"

#include "math/normal.h"
#include "math/wilson.h"

PG_FUNCTION_INFO_V1(influence_wilson);

/*
 * Refuse counts that are no counts, and more successes than trials
 */
static void
check_counts(double successes, double trials)
{
	if (!(trials >= 0.0 && isfinite(trials)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("trials must be a finite number, not negative, but is \"%s\"",
						float8out_internal(trials)),
				 errhint("Pass the number of things that could have succeeded.")));
	if (!(successes >= 0.0 && successes <= trials))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("successes must be from 0 to trials, \"%s\", but is \"%s\"",
						float8out_internal(trials), float8out_internal(successes)),
				 errhint("Count each trial as at most one success.")));
}

/*
 * influence_wilson(successes, trials, confidence) -> 0..1
 *
 * confidence (between 0 and 1) is that of the two-sided interval whose lower
 * end is returned: 0.95 is 1.96 standard deviations wide.
 */
Datum
influence_wilson(PG_FUNCTION_ARGS)
{
	double		successes = PG_GETARG_FLOAT8(0);
	double		trials = PG_GETARG_FLOAT8(1);
	double		confidence = PG_GETARG_FLOAT8(2);
	double		z;

	check_counts(successes, trials);
	if (!(confidence > 0.0 && confidence < 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("confidence must be between 0 and 1, but is \"%s\"",
						float8out_internal(confidence)),
				 errhint("Pass a share such as 0.95 for 95 %%.")));

	/* The lower tail keeps its digits when confidence is close to 1 */
	z = -normal_quantile(0.5 * (1.0 - confidence));
	PG_RETURN_FLOAT8(wilson_lower(successes, trials, z));
}
