/*
 * influence_amplification_state: decayed counts of shares and posts of one
 * person, which can be merged in any order and read at any later moment.
 *
 * Wording:
 *   period    the half-life a moment lies in, counted from 2000-01-01
 *   phase     how far into its period a moment is, 0 to 1
 *
 * A row at time t counts 2^((t - landmark) / half_life): forward decay of
 * G. Cormode et al., "Forward Decay: A Practical Time Decay Model for Streaming
 * Systems", ICDE 2009. Read at a moment T the counts are multiplied by
 * 2^(-(T - landmark) / half_life). The landmark is the start of the period of the
 * last row. It need not be stored, no row weighs more than 2, and it moves by
 * whole half-lives, whose rescaling by a power of two is exact: the order of
 * rows and merges leaves no trace but the rounding of sums.
 *
 * The bytes of a state may come from anywhere (text, binary, a damaged page), so
 * every function checks them before it uses them.
 *
 * Each row counts once: telling posts apart over any number of merges would
 * need a state as large as the rows. The post is an argument so that
 * influence_amplification_agg(DISTINCT ...) can drop rows that were read twice;
 * the functions here do not look at it.
 */
#include "compat.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "amplification.h"
#include "duration.h"

#define AMPLIFICATION_STATE_VERSION	1

/* Longest half-life in microseconds, about 285,000 years */
#define MAX_HALF_LIFE		INT64CONST(9000000000000000000)

/* After so many half-lives nothing is left of any double */
#define VANISHING_PERIODS	2200

/* Bytes of the binary form: version, half_life, last_at, shares, posts */
#define BINARY_SIZE			(1 + 2 * sizeof(int64) + 2 * sizeof(double))

typedef struct AmplificationState
{
	int32		vl_len_;		/* varlena header, do not touch directly */
	uint8		version;
	uint8		unused[3];		/* 0 */
	int64		half_life;		/* microseconds */
	TimestampTz last_at;		/* time of the last row */
	double		shares;			/* relative to the landmark */
	double		posts;			/* relative to the landmark */
} AmplificationState;

PG_FUNCTION_INFO_V1(influence_amplification_state_in);
PG_FUNCTION_INFO_V1(influence_amplification_state_out);
PG_FUNCTION_INFO_V1(influence_amplification_state_recv);
PG_FUNCTION_INFO_V1(influence_amplification_state_send);
PG_FUNCTION_INFO_V1(influence_amplification_accum);
PG_FUNCTION_INFO_V1(influence_amplification_combine);
PG_FUNCTION_INFO_V1(influence_amplification_at);

/*
 * Period a moment lies in; also correct before 2000
 */
static int64
period_of(TimestampTz at, int64 half_life)
{
	int64		period = at / half_life;

	return at % half_life < 0 ? period - 1 : period;
}

/*
 * How far into its period a moment is
 */
static double
phase_of(TimestampTz at, int64 half_life)
{
	int64		rest = at % half_life;

	return (double) (rest < 0 ? rest + half_life : rest) / (double) half_life;
}

/*
 * Whole periods between two moments, as an exponent: capped, where they no
 * longer matter. The difference may not fit an int64, but fits an uint64.
 */
static int
periods_between(TimestampTz from, TimestampTz to, int64 half_life)
{
	uint64		periods = (uint64) period_of(to, half_life) - (uint64) period_of(from, half_life);

	return (int) Min(periods, VANISHING_PERIODS);
}

/*
 * What is wrong with a state of the right size, NULL if nothing is
 */
static const char *
state_problem(const AmplificationState *state)
{
	if (state->version != AMPLIFICATION_STATE_VERSION)
		return "unknown version";
	if (state->unused[0] != 0 || state->unused[1] != 0 || state->unused[2] != 0)
		return "unused bytes are not zero";
	if (state->half_life < 1 || state->half_life > MAX_HALF_LIFE)
		return "half-life is out of range";
	if (!IS_VALID_TIMESTAMP(state->last_at))
		return "time of the last row is out of range";
	if (!isfinite(state->shares) || !isfinite(state->posts))
		return "count is not finite";
	if (signbit(state->shares) || signbit(state->posts))
		return "count is negative";
	/* the last row alone weighs as much */
	if (state->shares < 1.0 && state->posts < 1.0)
		return "counts are too small for the time of the last row";
	return NULL;
}

/*
 * An argument as a state that can be trusted; may point to the argument itself
 */
static AmplificationState *
state_from_datum(Datum datum)
{
	AmplificationState *state = (AmplificationState *) PG_DETOAST_DATUM(datum);
	const char *problem = "wrong size";

	if (VARSIZE(state) == sizeof(AmplificationState))
		problem = state_problem(state);
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("invalid influence_amplification_state: %s", problem),
				 errhint("Build the state again with influence_amplification_agg().")));
	return state;
}

/*
 * Can this state be changed in place? Only an aggregate's own may be.
 */
static bool
state_is_ours(FunctionCallInfo fcinfo, Datum datum, const AmplificationState *state)
{
	return AggCheckCallContext(fcinfo, NULL) != 0 &&
		(const void *) state == (const void *) DatumGetPointer(datum);
}

/*
 * A new state in the aggregate's memory, or the caller's outside of one
 */
static AmplificationState *
state_alloc(FunctionCallInfo fcinfo)
{
	AmplificationState *state;
	MemoryContext context;

	if (AggCheckCallContext(fcinfo, &context) == 0)
		context = CurrentMemoryContext;
	state = (AmplificationState *) MemoryContextAllocZero(context, sizeof(AmplificationState));
	SET_VARSIZE(state, sizeof(AmplificationState));
	state->version = AMPLIFICATION_STATE_VERSION;
	return state;
}

/*
 * Copy of a state, to be changed
 */
static AmplificationState *
state_copy(FunctionCallInfo fcinfo, const AmplificationState *source)
{
	AmplificationState *state = state_alloc(fcinfo);

	memcpy(state, source, sizeof(AmplificationState));
	return state;
}

/*
 * Move the landmark to a later last row
 */
static void
state_advance(AmplificationState *state, TimestampTz last_at)
{
	int			periods;

	if (last_at <= state->last_at)
		return;
	periods = periods_between(state->last_at, last_at, state->half_life);
	state->shares = ldexp(state->shares, -periods);
	state->posts = ldexp(state->posts, -periods);
	state->last_at = last_at;
}

/*
 * Add counts that are relative to the landmark of a row not after the last
 */
static void
state_add(AmplificationState *state, TimestampTz at, double shares, double posts)
{
	int			periods = periods_between(at, state->last_at, state->half_life);

	state->shares += ldexp(shares, -periods);
	state->posts += ldexp(posts, -periods);
	if (!isfinite(state->shares) || !isfinite(state->posts))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("count of an influence_amplification_state is out of range"),
				 errhint("Check where the states that are merged come from.")));
	Assert(state_problem(state) == NULL);
}

/*
 * Refuse to mix half-lives (microseconds)
 */
static void
check_same_half_life(int64 first, int64 second)
{
	if (first != second)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("half-lives differ: \"%g\" and \"%g\" seconds",
						(double) first / USECS_PER_SEC, (double) second / USECS_PER_SEC),
				 errhint("Counts of different half-lives cannot be added; use one half-life, or GROUP BY it.")));
}

/*
 * A half-life in whole microseconds, checked
 */
static int64
half_life_usec(const Interval *interval)
{
	double		usec = interval_to_usec(interval);

	if (!(usec >= 1.0 && usec <= (double) MAX_HALF_LIFE))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("half_life must be positive and finite, but is \"%s\"",
						interval_text(interval)),
				 errhint("Pass an interval such as '30 days'.")));
	return (int64) usec;
}

/*
 * Refuse an infinite moment; name is the argument's
 */
static void
check_finite(const char *name, TimestampTz at)
{
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be finite, but is \"%s\"", name, timestamptz_to_str(at)),
				 errhint("Pass a finite moment, or filter with isfinite(%s).", name)));
}

/*
 * One part of the text form: an integer
 */
static bool
parse_int64(const char **text, int64 *value)
{
	char	   *end;

	errno = 0;
	*value = strtoi64(*text, &end, 10);
	if (end == *text || errno != 0)
		return false;
	*text = end;
	return true;
}

/*
 * One part of the text form: a count
 */
static bool
parse_double(const char **text, double *value)
{
	char	   *end;

	*value = strtod(*text, &end);
	if (end == *text)
		return false;
	*text = end;
	return true;
}

/*
 * One part of the text form: the separator
 */
static bool
parse_colon(const char **text)
{
	if (**text != ':')
		return false;
	(*text)++;
	return true;
}

/*
 * Read "version:half_life:last_at:shares:posts" to its end
 */
static bool
parse_state(const char *text, AmplificationState *state)
{
	int64		version;

	/* no spaces, no inf, no nan, no hexadecimal digits */
	if (text[strspn(text, "0123456789+-.e:")] != '\0')
		return false;
	if (!(parse_int64(&text, &version) && parse_colon(&text) &&
		  parse_int64(&text, &state->half_life) && parse_colon(&text) &&
		  parse_int64(&text, &state->last_at) && parse_colon(&text) &&
		  parse_double(&text, &state->shares) && parse_colon(&text) &&
		  parse_double(&text, &state->posts)))
		return false;
	if (*text != '\0' || version < 0 || version > PG_UINT8_MAX)
		return false;
	state->version = (uint8) version;
	return true;
}

/*
 * Text input: "version:half_life:last_at:shares:posts", times in microseconds
 */
Datum
influence_amplification_state_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	AmplificationState *state = state_alloc(fcinfo);
	const char *problem = "expected five numbers separated by colons";

	if (parse_state(text, state))
		problem = state_problem(state);
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid influence_amplification_state \"%s\": %s", text, problem),
				 errhint("States are made by influence_amplification_agg(); pass one on unchanged.")));
	PG_RETURN_POINTER(state);
}

/*
 * Text output, exact whatever extra_float_digits is
 */
Datum
influence_amplification_state_out(PG_FUNCTION_ARGS)
{
	AmplificationState *state = state_from_datum(PG_GETARG_DATUM(0));
	char		shares[DOUBLE_SHORTEST_DECIMAL_LEN];
	char		posts[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(state->shares, shares);
	double_to_shortest_decimal_buf(state->posts, posts);
	PG_RETURN_CSTRING(psprintf("%d:" INT64_FORMAT ":" INT64_FORMAT ":%s:%s",
							   state->version, state->half_life, state->last_at,
							   shares, posts));
}

/*
 * Binary input
 */
Datum
influence_amplification_state_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	AmplificationState *state = state_alloc(fcinfo);
	const char *problem = "wrong size";

	if (buf->len - buf->cursor == BINARY_SIZE)
	{
		state->version = (uint8) pq_getmsgbyte(buf);
		state->half_life = pq_getmsgint64(buf);
		state->last_at = pq_getmsgint64(buf);
		state->shares = pq_getmsgfloat8(buf);
		state->posts = pq_getmsgfloat8(buf);
		problem = state_problem(state);
	}
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid influence_amplification_state in binary input: %s", problem),
				 errhint("States are made by influence_amplification_agg(); pass one on unchanged.")));
	PG_RETURN_POINTER(state);
}

/*
 * Binary output
 */
Datum
influence_amplification_state_send(PG_FUNCTION_ARGS)
{
	AmplificationState *state = state_from_datum(PG_GETARG_DATUM(0));
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, state->version);
	pq_sendint64(&buf, state->half_life);
	pq_sendint64(&buf, state->last_at);
	pq_sendfloat8(&buf, state->shares);
	pq_sendfloat8(&buf, state->posts);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/*
 * A changeable state with the given half-life for the first argument: itself if
 * it is the aggregate's own, a copy, or a new one that begins at a first row
 */
static AmplificationState *
state_for_row(FunctionCallInfo fcinfo, int64 half_life, TimestampTz at)
{
	AmplificationState *state;

	if (PG_ARGISNULL(0))
	{
		state = state_alloc(fcinfo);
		state->half_life = half_life;
		state->last_at = at;
		return state;
	}
	state = state_from_datum(PG_GETARG_DATUM(0));
	check_same_half_life(state->half_life, half_life);
	if (!state_is_ours(fcinfo, PG_GETARG_DATUM(0), state))
		state = state_copy(fcinfo, state);
	return state;
}

/*
 * Transition: (state, is_share, post, occurred_at, half_life) -> state
 *
 * Serves all types of post, which is not looked at. Rows without is_share or
 * occurred_at are skipped. NULL as long as there was no row.
 */
Datum
influence_amplification_accum(PG_FUNCTION_ARGS)
{
	AmplificationState *state;
	TimestampTz at;
	int64		half_life;
	double		weight;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(3))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	if (PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("half_life must not be null"),
				 errhint("Pass an interval such as '30 days'.")));
	at = PG_GETARG_TIMESTAMPTZ(3);
	check_finite("occurred_at", at);
	half_life = half_life_usec(PG_GETARG_INTERVAL_P(4));

	state = state_for_row(fcinfo, half_life, at);
	state_advance(state, at);
	weight = exp2(phase_of(at, half_life));
	if (PG_GETARG_BOOL(1))
		state_add(state, at, weight, 0.0);
	else
		state_add(state, at, 0.0, weight);
	PG_RETURN_POINTER(state);
}

/*
 * Combine: (state, state) -> state; NULL stands for no rows
 *
 * Also the transition of influence_rollup().
 */
Datum
influence_amplification_combine(PG_FUNCTION_ARGS)
{
	AmplificationState *state;
	AmplificationState *other;

	if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(state_from_datum(PG_GETARG_DATUM(0)));
	other = state_from_datum(PG_GETARG_DATUM(1));
	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(state_copy(fcinfo, other));

	state = state_from_datum(PG_GETARG_DATUM(0));
	check_same_half_life(state->half_life, other->half_life);
	if (!state_is_ours(fcinfo, PG_GETARG_DATUM(0), state))
		state = state_copy(fcinfo, state);
	state_advance(state, other->last_at);
	state_add(state, other->last_at, other->shares, other->posts);
	PG_RETURN_POINTER(state);
}

/*
 * influence_amplification(state, as_of, prior_shares, prior_posts) -> 0..1
 */
Datum
influence_amplification_at(PG_FUNCTION_ARGS)
{
	AmplificationState *state = state_from_datum(PG_GETARG_DATUM(0));
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(1);
	double		left;
	int			periods;

	check_finite("as_of", as_of);
	if (as_of < state->last_at)
	{
		/* timestamptz_to_str() returns a static buffer */
		char	   *as_of_text = pstrdup(timestamptz_to_str(as_of));

		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("as_of \"%s\" is before the last row of the state, \"%s\"",
						as_of_text, timestamptz_to_str(state->last_at)),
				 errhint("Read the state at a later moment, or aggregate only the rows up to as_of.")));
	}

	periods = periods_between(state->last_at, as_of, state->half_life);
	left = exp2(-phase_of(as_of, state->half_life));
	PG_RETURN_FLOAT8(amplification_checked(ldexp(state->shares * left, -periods),
										   ldexp(state->posts * left, -periods),
										   PG_GETARG_FLOAT8(2), PG_GETARG_FLOAT8(3)));
}
