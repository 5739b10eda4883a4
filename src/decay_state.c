/*
 * influence_decay_state: a forward-decayed sum that can be stored, merged in
 * any order and read at any moment from its last row on. math/decay.h has the
 * formula.
 *
 * Wording:
 *	state     what influence_decay_agg returns; it has at least one row
 *	landmark  the time that the state's sums are relative to; follows from the
 *	          last row and the half-life, so it is neither printed nor sent
 *
 * Text:   v1 half_life=21600 last_at=1413417600.25 sum=7.5 sum_low=0 count=1 count_low=0
 *	       half_life in seconds, last_at in seconds since 1970 UTC, both exact to
 *	       the microsecond; sum and count are relative to the landmark, in the
 *	       shortest digits that read back as the same bits, and the low parts are
 *	       what the rounded ones lack.
 * Binary: one byte version (1), then in network byte order int64 half_life in
 *	       microseconds, int64 last_at in microseconds since 2000 UTC, and
 *	       float8 sum, sum_low, count, count_low: 49 bytes.
 *
 * Every state that comes in is checked: text and binary in the input functions,
 * stored ones in read_state. In an aggregate the transition value is changed in
 * place; it was checked when it entered the aggregate.
 */
#include "compat.h"

#include <math.h>

#include "common/int.h"
#include "common/shortest_dec.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/timestamp.h"

#include "duration.h"
#include "math/decay.h"
#include "math/prefetch.h"

#define DECAY_STATE_VERSION 1

/* Bytes of the binary form */
#define DECAY_STATE_WIRE_SIZE (1 + 2 * 8 + 4 * 8)

/* Seconds from 1970 to 2000 */
#define POSTGRES_EPOCH_SECONDS \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

#define USEC_DIGITS 6

typedef struct DecayState
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	uint32		version;		/* DECAY_STATE_VERSION */
	DecaySum	decay;
} DecayState;

StaticAssertDecl(sizeof(DecayState) == 64, "the layout on disk has changed");

/* What a call of the transition function knows from the one before */
typedef struct CallCache
{
	bool		in_aggregate;
	Interval	half_life;		/* of the last row, as given and converted; 0: none yet */
	int64		usec;
} CallCache;

/* Where the text input is */
typedef struct TextReader
{
	const char *input;			/* all of it, for messages */
	const char *next;
} TextReader;

PG_FUNCTION_INFO_V1(influence_decay_state_in);
PG_FUNCTION_INFO_V1(influence_decay_state_out);
PG_FUNCTION_INFO_V1(influence_decay_state_recv);
PG_FUNCTION_INFO_V1(influence_decay_state_send);
PG_FUNCTION_INFO_V1(influence_decay_state_transition);
PG_FUNCTION_INFO_V1(influence_decay_state_combine);
PG_FUNCTION_INFO_V1(influence_decay_state_sum);
PG_FUNCTION_INFO_V1(influence_decay_state_count);
PG_FUNCTION_INFO_V1(influence_decay_state_last_at);

/*
 * Allocate a state without rows
 */
static DecayState *
new_state(int64 half_life)
{
	DecayState *state = palloc0(sizeof(DecayState));

	SET_VARSIZE(state, sizeof(DecayState));
	state->version = DECAY_STATE_VERSION;
	decay_sum_init(&state->decay, half_life);
	return state;
}

/*
 * What is wrong with a sum, or NULL
 */
static const char *
state_problem(const DecaySum *decay)
{
	const char *problem = decay_sum_problem(decay);

	if (problem == NULL && !IS_VALID_TIMESTAMP(decay->last_at))
		problem = "time of the last row is out of range";
	return problem;
}

/*
 * Refuse a state of another size or version
 */
static void
check_layout(const DecayState *state)
{
	if (VARSIZE(state) != sizeof(DecayState))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("influence_decay_state has %u bytes instead of %zu",
						(unsigned int) VARSIZE(state), sizeof(DecayState))));
	if (state->version != DECAY_STATE_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("influence_decay_state has the unknown version %u", state->version)));
}

/*
 * Check a state that was stored
 */
static void
check_state(const DecayState *state)
{
	const char *problem;

	check_layout(state);
	problem = state_problem(&state->decay);
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("influence_decay_state is corrupted: %s", problem)));
}

/*
 * A state argument for reading
 */
static DecayState *
read_state(Datum datum)
{
	DecayState *state = (DecayState *) PG_DETOAST_DATUM(datum);

	check_state(state);
	return state;
}

/*
 * Ask for a state that is needed soon: among many groups it is in no cache, and
 * lies across two lines of it
 */
static inline void
prefetch_state(Datum datum)
{
	prefetch_to_write(DatumGetPointer(datum));
	prefetch_to_write(DatumGetPointer(datum) + sizeof(DecayState) - 1);
}

/*
 * The first argument for writing: the transition value of an aggregate in
 * place, else a copy. It is always ours in an aggregate, plain and checked,
 * because our functions and the type's input are all that can have made it.
 */
static DecayState *
writable_state(FunctionCallInfo fcinfo, bool in_aggregate)
{
	DecayState *state = (DecayState *) PG_GETARG_POINTER(0);

	if (in_aggregate && !VARATT_IS_EXTENDED(state))
	{
		check_layout(state);
		return state;
	}

	state = (DecayState *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0));
	check_state(state);
	return state;
}

/*
 * Append an amount of microseconds as seconds; negative if the sign is set
 */
static void
append_seconds(StringInfo text, bool negative, uint64 seconds, int usec)
{
	int			digits = USEC_DIGITS;

	appendStringInfo(text, "%s" UINT64_FORMAT, negative ? "-" : "", seconds);
	if (usec == 0)
		return;

	while (usec % 10 == 0)
	{
		usec /= 10;
		digits--;
	}
	appendStringInfo(text, ".%0*d", digits, usec);
}

/*
 * Append a time as seconds since 1970
 */
static void
append_time(StringInfo text, int64 time)
{
	int64		seconds = time / USECS_PER_SEC;
	int			usec = (int) (time % USECS_PER_SEC);

	/* round down, change the epoch, which may change the sign */
	if (usec < 0)
	{
		usec += USECS_PER_SEC;
		seconds--;
	}
	seconds += POSTGRES_EPOCH_SECONDS;

	if (seconds >= 0)
		append_seconds(text, false, (uint64) seconds, usec);
	else if (usec == 0)
		append_seconds(text, true, (uint64) -seconds, 0);
	else
		append_seconds(text, true, (uint64) -(seconds + 1), (int) USECS_PER_SEC - usec);
}

/*
 * Append a number, whatever extra_float_digits is
 */
static void
append_number(StringInfo text, const char *label, double number)
{
	char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(number, digits);
	appendStringInfo(text, "%s%s", label, digits);
}

/*
 * Output function
 */
Datum
influence_decay_state_out(PG_FUNCTION_ARGS)
{
	DecaySum   *decay = &read_state(PG_GETARG_DATUM(0))->decay;
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "v%d half_life=", DECAY_STATE_VERSION);
	append_seconds(&text, false, (uint64) (decay->half_life / USECS_PER_SEC),
				   (int) (decay->half_life % USECS_PER_SEC));
	appendStringInfoString(&text, " last_at=");
	append_time(&text, decay->last_at);
	append_number(&text, " sum=", decay->sum.high);
	append_number(&text, " sum_low=", decay->sum.low);
	append_number(&text, " count=", decay->count.high);
	append_number(&text, " count_low=", decay->count.low);

	PG_RETURN_CSTRING(text.data);
}

/*
 * Refuse the text
 */
static void
text_error(const TextReader *reader, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%s\"", "influence_decay_state", reader->input),
			 errdetail("At character %d: %s.", (int) (reader->next - reader->input) + 1, problem)));
}

/*
 * Pass over a literal
 */
static void
read_literal(TextReader *reader, const char *literal)
{
	size_t		length = strlen(literal);

	if (strncmp(reader->next, literal, length) != 0)
		text_error(reader, psprintf("\"%s\" expected", literal));
	reader->next += length;
}

/*
 * Read a run of digits as an integer. It stops before a digit that would make
 * it overflow, which is then an error of syntax.
 */
static uint64
read_digits(TextReader *reader)
{
	uint64		number = 0;

	if (*reader->next < '0' || *reader->next > '9')
		text_error(reader, "digit expected");

	while (*reader->next >= '0' && *reader->next <= '9' && number < PG_INT64_MAX / 10)
		number = number * 10 + (uint64) (*reader->next++ - '0');

	return number;
}

/*
 * Read seconds with up to six decimals, counted from epoch_seconds after the
 * zero of the result, as microseconds
 */
static int64
read_seconds(TextReader *reader, int64 epoch_seconds)
{
	bool		negative = *reader->next == '-';
	int64		seconds;
	int64		usec = 0;
	int64		result = 0;

	if (negative)
		reader->next++;
	seconds = (int64) read_digits(reader);

	if (*reader->next == '.')
	{
		int64		unit = USECS_PER_SEC;

		reader->next++;
		if (*reader->next < '0' || *reader->next > '9')
			text_error(reader, "digit expected");
		while (*reader->next >= '0' && *reader->next <= '9' && unit > 1)
		{
			unit /= 10;
			usec += unit * (*reader->next++ - '0');
		}
	}

	if (negative)
	{
		seconds = -seconds;
		usec = -usec;
	}
	if (pg_add_s64_overflow(seconds, epoch_seconds, &seconds) ||
		pg_mul_s64_overflow(seconds, USECS_PER_SEC, &result) ||
		pg_add_s64_overflow(result, usec, &result))
		text_error(reader, "number of seconds is out of range");

	return result;
}

/*
 * Read a finite number
 */
static double
read_number(TextReader *reader)
{
	char	   *end;
	double		number;

	/* strtod would also take blanks, hexadecimal digits and "nan" */
	if (strchr("-0123456789", *reader->next) == NULL || *reader->next == '\0')
		text_error(reader, "number expected");
	number = strtod(reader->next, &end);
	if (end == reader->next || !isfinite(number))
		text_error(reader, "finite number expected");

	reader->next = end;
	return number;
}

/*
 * Input function
 */
Datum
influence_decay_state_in(PG_FUNCTION_ARGS)
{
	TextReader	reader;
	DecayState *state = new_state(1);
	DecaySum   *decay = &state->decay;
	const char *problem;

	reader.input = PG_GETARG_CSTRING(0);
	reader.next = reader.input;

	read_literal(&reader, "v1 half_life=");
	decay->half_life = read_seconds(&reader, 0);
	read_literal(&reader, " last_at=");
	decay->last_at = read_seconds(&reader, -POSTGRES_EPOCH_SECONDS);
	read_literal(&reader, " sum=");
	decay->sum.high = read_number(&reader);
	read_literal(&reader, " sum_low=");
	decay->sum.low = read_number(&reader);
	read_literal(&reader, " count=");
	decay->count.high = read_number(&reader);
	read_literal(&reader, " count_low=");
	decay->count.low = read_number(&reader);
	if (*reader.next != '\0')
		text_error(&reader, "end of input expected");

	decay_sum_restore(decay);
	problem = state_problem(decay);
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid influence_decay_state \"%s\"", reader.input),
				 errdetail("The %s.", problem)));

	PG_RETURN_POINTER(state);
}

/*
 * Binary output function
 */
Datum
influence_decay_state_send(PG_FUNCTION_ARGS)
{
	DecaySum   *decay = &read_state(PG_GETARG_DATUM(0))->decay;
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	pq_sendint8(&buffer, DECAY_STATE_VERSION);
	pq_sendint64(&buffer, (uint64) decay->half_life);
	pq_sendint64(&buffer, (uint64) decay->last_at);
	pq_sendfloat8(&buffer, decay->sum.high);
	pq_sendfloat8(&buffer, decay->sum.low);
	pq_sendfloat8(&buffer, decay->count.high);
	pq_sendfloat8(&buffer, decay->count.low);

	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

/*
 * Refuse the bytes
 */
static void
binary_error(const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid binary form of influence_decay_state: %s", problem)));
}

/*
 * Binary input function
 */
Datum
influence_decay_state_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buffer = (StringInfo) PG_GETARG_POINTER(0);
	int			size = buffer->len - buffer->cursor;
	DecayState *state = new_state(1);
	DecaySum   *decay = &state->decay;
	const char *problem;
	int			version;

	if (size != DECAY_STATE_WIRE_SIZE)
		binary_error(psprintf("%d bytes instead of %d", size, DECAY_STATE_WIRE_SIZE));
	version = pq_getmsgbyte(buffer);
	if (version != DECAY_STATE_VERSION)
		binary_error(psprintf("unknown version %d", version));

	decay->half_life = pq_getmsgint64(buffer);
	decay->last_at = pq_getmsgint64(buffer);
	decay->sum.high = pq_getmsgfloat8(buffer);
	decay->sum.low = pq_getmsgfloat8(buffer);
	decay->count.high = pq_getmsgfloat8(buffer);
	decay->count.low = pq_getmsgfloat8(buffer);

	decay_sum_restore(decay);
	problem = state_problem(decay);
	if (problem != NULL)
		binary_error(problem);

	PG_RETURN_POINTER(state);
}

/*
 * Half-life of a state, in whole microseconds
 */
static int64
half_life_to_usec(const Interval *half_life)
{
	double		usec = positive_interval_to_usec(half_life, "half-life");

	if (usec > (double) DECAY_MAX_HALF_LIFE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("half-life \"%s\" is too long", interval_text(half_life)),
				 errhint("At most 285000 years are possible.")));

	return (int64) usec;
}

/*
 * What this place in a query knows from the row before
 */
static CallCache *
call_cache(FunctionCallInfo fcinfo)
{
	CallCache  *cache = fcinfo->flinfo->fn_extra;

	if (likely(cache != NULL))
		return cache;
	cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CallCache));
	cache->in_aggregate = AggCheckCallContext(fcinfo, NULL);
	fcinfo->flinfo->fn_extra = cache;
	return cache;
}

/*
 * The half-life of a row, which is nearly always that of the row before
 */
static int64
cached_half_life(CallCache *cache, const Interval *half_life)
{
	if (cache->usec == 0 || cache->half_life.time != half_life->time ||
		cache->half_life.day != half_life->day || cache->half_life.month != half_life->month)
	{
		cache->usec = half_life_to_usec(half_life);
		cache->half_life = *half_life;
	}

	return cache->usec;
}

/*
 * A duration in microseconds as text, for messages
 */
static char *
usec_text(int64 usec)
{
	StringInfoData text;

	initStringInfo(&text);
	append_seconds(&text, false, (uint64) (usec / USECS_PER_SEC), (int) (usec % USECS_PER_SEC));
	return text.data;
}

/*
 * Sums of different half-lives cannot be added
 */
static void
check_same_half_life(int64 half_life, int64 other)
{
	if (half_life != other)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("half-lives differ: %s and %s seconds", usec_text(half_life), usec_text(other)),
				 errhint("Aggregate each half-life into a state of its own, and add up what influence_decayed_sum() reads from them.")));
}

/*
 * A sum that has overflowed is an error
 */
static void
check_overflow(bool in_range)
{
	if (!in_range)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("decayed sum is out of range: overflow")));
}

/*
 * Refuse a row that no state can hold
 */
static void
check_row(double value, TimestampTz occurred_at)
{
	if (!isfinite(value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value must be finite, not \"%g\"", value),
				 errhint("Leave out such rows with FILTER (WHERE ...).")));
	if (TIMESTAMP_NOT_FINITE(occurred_at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("occurred_at must be finite, not \"%s\"",
						TIMESTAMP_IS_NOEND(occurred_at) ? "infinity" : "-infinity"),
				 errhint("Leave out such rows with FILTER (WHERE isfinite(...)).")));
}

/*
 * influence_decay_agg: add a row
 *
 * A row without value or time is skipped. A NULL half-life is an error: it
 * would silently skip rows that count.
 */
Datum
influence_decay_state_transition(PG_FUNCTION_ARGS)
{
	CallCache  *cache = call_cache(fcinfo);
	DecayState *state;
	double		value;
	TimestampTz occurred_at;
	int64		half_life;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("half-life must not be null"),
				 errhint("Only rows whose value or time is null are skipped.")));

	if (!PG_ARGISNULL(0))
		prefetch_state(PG_GETARG_DATUM(0));
	value = PG_GETARG_FLOAT8(1);
	occurred_at = PG_GETARG_TIMESTAMPTZ(2);
	check_row(value, occurred_at);
	half_life = cached_half_life(cache, PG_GETARG_INTERVAL_P(3));

	state = PG_ARGISNULL(0) ? new_state(half_life) : writable_state(fcinfo, cache->in_aggregate);
	check_same_half_life(state->decay.half_life, half_life);
	check_overflow(decay_sum_add(&state->decay, value, occurred_at));
	Assert(state_problem(&state->decay) == NULL);

	PG_RETURN_POINTER(state);
}

/*
 * influence_decay_agg and influence_rollup: merge two states, either of which
 * may be NULL
 */
Datum
influence_decay_state_combine(PG_FUNCTION_ARGS)
{
	DecayState *state;
	DecayState *other;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}

	if (!PG_ARGISNULL(0))
		prefetch_state(PG_GETARG_DATUM(0));
	other = read_state(PG_GETARG_DATUM(1));
	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(other);

	state = writable_state(fcinfo, AggCheckCallContext(fcinfo, NULL));
	check_same_half_life(state->decay.half_life, other->decay.half_life);
	check_overflow(decay_sum_merge(&state->decay, &other->decay));
	Assert(state_problem(&state->decay) == NULL);

	PG_RETURN_POINTER(state);
}

/*
 * A state can be read from its last row on
 */
static void
check_as_of(const DecaySum *decay, TimestampTz as_of)
{
	/* timestamptz_to_str() returns a static buffer */
	if (as_of < decay->last_at)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("as_of \"%s\" is before the last row of the state, \"%s\"",
						pstrdup(timestamptz_to_str(as_of)),
						pstrdup(timestamptz_to_str(decay->last_at))),
				 errhint("Aggregate only the rows up to as_of: FILTER (WHERE occurred_at <= as_of).")));
}

/*
 * influence_decayed_sum(state, as_of)
 */
Datum
influence_decay_state_sum(PG_FUNCTION_ARGS)
{
	DecaySum   *decay = &read_state(PG_GETARG_DATUM(0))->decay;
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(1);
	double		sum;

	check_as_of(decay, as_of);
	if (TIMESTAMP_IS_NOEND(as_of))
		PG_RETURN_FLOAT8(0);

	sum = decay_sum_value(decay, as_of);
	check_overflow(isfinite(sum));
	PG_RETURN_FLOAT8(sum);
}

/*
 * influence_decayed_count(state, as_of)
 */
Datum
influence_decay_state_count(PG_FUNCTION_ARGS)
{
	DecaySum   *decay = &read_state(PG_GETARG_DATUM(0))->decay;
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(1);
	double		count;

	check_as_of(decay, as_of);
	if (TIMESTAMP_IS_NOEND(as_of))
		PG_RETURN_FLOAT8(0);

	count = decay_sum_count(decay, as_of);
	check_overflow(isfinite(count));
	PG_RETURN_FLOAT8(count);
}

/*
 * influence_last_at(state)
 */
Datum
influence_decay_state_last_at(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(read_state(PG_GETARG_DATUM(0))->decay.last_at);
}
