-- The storable decayed sum: its type, its aggregates, its accessors

CREATE TYPE influence_decay_state;

CREATE FUNCTION influence_decay_state_in(input cstring) RETURNS influence_decay_state
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_decay_state_in(cstring) IS
'Text input of influence_decay_state. Error 22P02 for anything but the exact form of a possible state.';

CREATE FUNCTION influence_decay_state_out(state influence_decay_state) RETURNS cstring
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_decay_state_out(influence_decay_state) IS
'Text output of influence_decay_state; reads back as exactly the same state.';

CREATE FUNCTION influence_decay_state_recv(input internal) RETURNS influence_decay_state
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_decay_state_recv(internal) IS
'Binary input of influence_decay_state. Error 22P03 for bytes that are not a possible state.';

CREATE FUNCTION influence_decay_state_send(state influence_decay_state) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_decay_state_send(influence_decay_state) IS
'Binary output of influence_decay_state: 49 bytes, version byte 1, then in network byte order int64 half_life and last_at in microseconds, float8 sum, sum_low, count, count_low.';

CREATE TYPE influence_decay_state (
	INPUT = influence_decay_state_in,
	OUTPUT = influence_decay_state_out,
	RECEIVE = influence_decay_state_recv,
	SEND = influence_decay_state_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = plain
);
COMMENT ON TYPE influence_decay_state IS
'Forward-decayed sum and count (Cormode et al., ICDE 2009) of the rows given to influence_decay_agg: 64 bytes, mergeable in any order with influence_rollup, readable at every moment from the last row on. Text: v1 half_life=(seconds) last_at=(seconds since 1970 UTC) sum= sum_low= count= count_low=; the sums are relative to the half-life that the last row lies in, so read them with influence_decayed_sum and influence_decayed_count.';

CREATE FUNCTION influence_decay_state_transition(state influence_decay_state, value float8, occurred_at timestamptz, half_life interval) RETURNS influence_decay_state
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_decay_state_transition(influence_decay_state, float8, timestamptz, interval) IS
'Transition function of influence_decay_agg; can also add a single row to a stored state. A NULL state has no rows yet.';

CREATE FUNCTION influence_decay_state_combine(state influence_decay_state, other influence_decay_state) RETURNS influence_decay_state
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_decay_state_combine(influence_decay_state, influence_decay_state) IS
'Combine function of influence_decay_agg and influence_rollup: merges two states, either of which may be NULL. Error 22023 if their half-lives differ, 22003 if the sum overflows.';

CREATE AGGREGATE influence_decay_agg(value float8, occurred_at timestamptz, half_life interval) (
	SFUNC = influence_decay_state_transition,
	STYPE = influence_decay_state,
	SSPACE = 64,
	COMBINEFUNC = influence_decay_state_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_decay_agg(float8, timestamptz, interval) IS
'Gathers rows into an influence_decay_state, in any order. Rows with a NULL value or time are skipped; NULL without rows. A month counts as 30 days. Errors: 22004 if half_life is NULL; 22023 if it is not positive and finite, longer than 285000 years or not the same in the whole group, or if a value or time is NaN or infinite; 22003 if the sum overflows.';

CREATE AGGREGATE influence_rollup(state influence_decay_state) (
	SFUNC = influence_decay_state_combine,
	STYPE = influence_decay_state,
	SSPACE = 64,
	COMBINEFUNC = influence_decay_state_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_rollup(influence_decay_state) IS
'Merges states into the state of all their rows, in any order. NULL states are skipped; NULL without states. Error 22023 if the half-lives differ, 22003 if the sum overflows.';

CREATE FUNCTION influence_decayed_sum(state influence_decay_state, as_of timestamptz) RETURNS float8
	AS 'MODULE_PATHNAME', 'influence_decay_state_sum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_decayed_sum(influence_decay_state, timestamptz) IS
'Decayed sum of the values at as_of: sum of value * 2^(-(as_of - occurred_at)/half_life); 0 at infinity. Error 22023 if as_of is before the last row, which the state can no longer take out; 22003 if the sum overflows.';

CREATE FUNCTION influence_decayed_count(state influence_decay_state, as_of timestamptz) RETURNS float8
	AS 'MODULE_PATHNAME', 'influence_decay_state_count' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_decayed_count(influence_decay_state, timestamptz) IS
'Decayed number of rows at as_of: sum of 2^(-(as_of - occurred_at)/half_life); 0 at infinity. Error 22023 if as_of is before the last row.';

CREATE FUNCTION influence_last_at(state influence_decay_state) RETURNS timestamptz
	AS 'MODULE_PATHNAME', 'influence_decay_state_last_at' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_last_at(influence_decay_state) IS
'Time of the latest row of the state, the earliest moment it can be read at.';
