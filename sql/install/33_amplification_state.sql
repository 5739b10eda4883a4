-- Amplification in two steps: aggregate rows to a state, read it at any later moment.

CREATE TYPE influence_amplification_state;

CREATE FUNCTION influence_amplification_state_in(input cstring) RETURNS influence_amplification_state
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_amplification_state_in(cstring) IS
	'Text input of influence_amplification_state. Error 22P02 for anything its output cannot have made.';

CREATE FUNCTION influence_amplification_state_out(state influence_amplification_state) RETURNS cstring
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_amplification_state_out(influence_amplification_state) IS
	'Text output of influence_amplification_state, exact to the last bit: version:half_life:last_at:shares:posts, times in microseconds since 2000-01-01 UTC.';

CREATE FUNCTION influence_amplification_state_recv(input internal) RETURNS influence_amplification_state
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_amplification_state_recv(internal) IS
	'Binary input of influence_amplification_state. Error 22P03 for anything its output cannot have made.';

CREATE FUNCTION influence_amplification_state_send(state influence_amplification_state) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_amplification_state_send(influence_amplification_state) IS
	'Binary output of influence_amplification_state: version (1 byte), half_life, last_at (int8, microseconds), shares, posts (float8).';

CREATE TYPE influence_amplification_state (
	INPUT = influence_amplification_state_in,
	OUTPUT = influence_amplification_state_out,
	RECEIVE = influence_amplification_state_recv,
	SEND = influence_amplification_state_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = plain
);
COMMENT ON TYPE influence_amplification_state IS
	'Decayed counts of the shares and posts of one person, made by influence_amplification_agg(): merged by influence_rollup() in any order, read by influence_amplification() at any moment from the last row on. 40 bytes.';

CREATE FUNCTION influence_amplification_accum(state influence_amplification_state, is_share boolean, post bigint, occurred_at timestamptz, half_life interval)
	RETURNS influence_amplification_state
	AS 'MODULE_PATHNAME', 'influence_amplification_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_amplification_accum(influence_amplification_state, boolean, bigint, timestamptz, interval) IS
	'Adds a row to the state of influence_amplification_agg(), whose errors it raises.';

CREATE FUNCTION influence_amplification_accum(state influence_amplification_state, is_share boolean, post uuid, occurred_at timestamptz, half_life interval)
	RETURNS influence_amplification_state
	AS 'MODULE_PATHNAME', 'influence_amplification_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_amplification_accum(influence_amplification_state, boolean, uuid, timestamptz, interval) IS
	'Adds a row to the state of influence_amplification_agg(), whose errors it raises.';

CREATE FUNCTION influence_amplification_accum(state influence_amplification_state, is_share boolean, post text, occurred_at timestamptz, half_life interval)
	RETURNS influence_amplification_state
	AS 'MODULE_PATHNAME', 'influence_amplification_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_amplification_accum(influence_amplification_state, boolean, text, timestamptz, interval) IS
	'Adds a row to the state of influence_amplification_agg(), whose errors it raises.';

CREATE FUNCTION influence_amplification_combine(state influence_amplification_state, other influence_amplification_state)
	RETURNS influence_amplification_state
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_amplification_combine(influence_amplification_state, influence_amplification_state) IS
	'Adds up two states; NULL stands for no rows. Error 22023 if their half-lives differ.';

CREATE AGGREGATE influence_amplification_agg(is_share boolean, post bigint, occurred_at timestamptz, half_life interval) (
	SFUNC = influence_amplification_accum,
	STYPE = influence_amplification_state,
	COMBINEFUNC = influence_amplification_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_amplification_agg(boolean, bigint, timestamptz, interval) IS
	'Decayed counts of one person''s rows: is_share true is one share of the post, false the person''s publishing it. Each row counts once, so aggregate DISTINCT if rows may come twice; a NULL post is a post of its own. Rows with NULL is_share or occurred_at are skipped; NULL without any row. Forward decay (Cormode et al., ICDE 2009). Error 22023 for an infinite occurred_at, for a half_life that is not positive and finite or not the same in all rows, 22004 for a NULL one.';

CREATE AGGREGATE influence_amplification_agg(is_share boolean, post uuid, occurred_at timestamptz, half_life interval) (
	SFUNC = influence_amplification_accum,
	STYPE = influence_amplification_state,
	COMBINEFUNC = influence_amplification_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_amplification_agg(boolean, uuid, timestamptz, interval) IS
	'Decayed counts of one person''s rows, the posts being uuids; otherwise the same as for bigint posts.';

CREATE AGGREGATE influence_amplification_agg(is_share boolean, post text, occurred_at timestamptz, half_life interval) (
	SFUNC = influence_amplification_accum,
	STYPE = influence_amplification_state,
	COMBINEFUNC = influence_amplification_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_amplification_agg(boolean, text, timestamptz, interval) IS
	'Decayed counts of one person''s rows, the posts being text; otherwise the same as for bigint posts.';

CREATE AGGREGATE influence_rollup(state influence_amplification_state) (
	SFUNC = influence_amplification_combine,
	STYPE = influence_amplification_state,
	COMBINEFUNC = influence_amplification_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_rollup(influence_amplification_state) IS
	'Adds up states, such as those of single days or shards, in any order; NULL states are skipped. Error 22023 if their half-lives differ.';

CREATE FUNCTION influence_amplification(state influence_amplification_state, as_of timestamptz, prior_shares float8 DEFAULT 0.5, prior_posts float8 DEFAULT 5)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'influence_amplification_at' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_amplification(influence_amplification_state, timestamptz, float8, float8) IS
	'Probability, 0 to 1, that a post is shared at least once, from the counts of a state decayed to as_of. Error 22023 if as_of is infinite or before the last row, or if a prior is negative, infinite or NaN.';
