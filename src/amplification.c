/*
 * influence_amplification(shares, posts): probability that a post is shared.
 */
#include "compat.h"

#include <math.h>

#include "fmgr.h"
#include "utils/float.h"

#include "amplification.h"
#include "math/amplification.h"

PG_FUNCTION_INFO_V1(influence_amplification);

/*
 * Refuse what cannot be a (decayed) count; name is the argument's
 */
static void
check_count(const char *name, double count)
{
	if (!(count >= 0.0 && isfinite(count)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a finite number, not negative, but is \"%s\"",
						name, float8out_internal(count)),
				 errhint("Pass counts, such as count(*) or a decayed sum.")));
}

/*
 * Amplification probability (0..1) of four counts, of which none is trusted
 */
double
amplification_checked(double shares, double posts,
					  double prior_shares, double prior_posts)
{
	check_count("shares", shares);
	check_count("posts", posts);
	check_count("prior_shares", prior_shares);
	check_count("prior_posts", prior_posts);
	return amplification_probability(shares, posts, prior_shares, prior_posts);
}

/*
 * influence_amplification(shares, posts, prior_shares, prior_posts) -> 0..1
 */
Datum
influence_amplification(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(amplification_checked(PG_GETARG_FLOAT8(0), PG_GETARG_FLOAT8(1),
										   PG_GETARG_FLOAT8(2), PG_GETARG_FLOAT8(3)));
}
