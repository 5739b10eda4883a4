-- complain if the script is sourced in psql rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION influence" to load this file. \quit

-- Configuration tables live here; a schema planted under this name is refused.
CREATE SCHEMA influence;
COMMENT ON SCHEMA influence IS 'Configuration and logs of the influence extension';

-- The server runs this script with the schema of the extension in the search_path,
-- where others may have put functions and operators whose argument types fit ours
-- better than those of the catalog. Tables, views, policies and rows are therefore
-- made under a path of the catalog alone, and so do our functions run; only their own
-- names are resolved in the schema of the extension, with the exact arguments.
-- Decay of one event, and the one-step sum of decayed values

CREATE FUNCTION influence_decay(age interval, half_life interval) RETURNS float8
	AS 'MODULE_PATHNAME', 'influence_decay_age' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_decay(interval, interval) IS
'Share that is left after age: 2^(-age/half_life). 0 for a negative age, which has not happened yet. A month counts as 30 days, a year as 360. Error 22023 if half_life is not positive and finite.';

CREATE FUNCTION influence_decay(occurred_at timestamptz, as_of timestamptz, half_life interval) RETURNS float8
	AS 'MODULE_PATHNAME', 'influence_decay_between' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_decay(timestamptz, timestamptz, interval) IS
'Share that is left at as_of of something that happened at occurred_at: 2^(-(as_of - occurred_at)/half_life), the age in elapsed microseconds. 0 if it happens after as_of; 0, the limit, if either time is infinite. Error 22023 if half_life is not positive and finite.';

CREATE FUNCTION influence_decay(age interval, scale interval, kernel text, grace interval DEFAULT '0') RETURNS float8
	AS 'MODULE_PATHNAME', 'influence_decay_kernel' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_decay(interval, interval, text, interval) IS
'Share that is left after age, with x = max(0, age - grace)/scale: exponential 2^-x (scale is the half-life), exponential_time_constant e^-x, linear max(0, 1 - x), gaussian 2^-(x^2) (a half at x = 1), power 1/(1 + x), window 1 while x <= 1, then 0. 0 for a negative age. Error 22023 for another kernel, a scale that is not positive and finite, or a negative or infinite grace.';

CREATE FUNCTION influence_decayed_sum_transition(state float8[], value float8, occurred_at timestamptz, as_of timestamptz, half_life interval) RETURNS float8[]
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_decayed_sum_transition(float8[], float8, timestamptz, timestamptz, interval) IS
'Transition function of influence_decayed_sum: adds value times influence_decay(occurred_at, as_of, half_life) to a sum kept as two float8, its rounded value and the rest.';

CREATE FUNCTION influence_decayed_sum_combine(state float8[], other float8[]) RETURNS float8[]
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_decayed_sum_combine(float8[], float8[]) IS
'Combine function of influence_decayed_sum: adds two partial sums.';

CREATE FUNCTION influence_decayed_sum_final(state float8[]) RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_decayed_sum_final(float8[]) IS
'Final function of influence_decayed_sum: the rounded sum.';

CREATE AGGREGATE influence_decayed_sum(value float8, occurred_at timestamptz, as_of timestamptz, half_life interval) (
	SFUNC = influence_decayed_sum_transition,
	STYPE = float8[],
	COMBINEFUNC = influence_decayed_sum_combine,
	FINALFUNC = influence_decayed_sum_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_decayed_sum(float8, timestamptz, timestamptz, interval) IS
'Sum of value * influence_decay(occurred_at, as_of, half_life), in any order. Rows after as_of add 0; rows with a NULL value or time are skipped; NULL without rows. Errors: 22004 if as_of or half_life is NULL, 22023 for a value that is NaN or infinite or a half-life that is not positive and finite, 22003 if the sum overflows.';
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
-- Distinct people: aggregate ids into an influence_reach_sketch, store it, merge it, read it

CREATE TYPE influence_reach_sketch;

CREATE FUNCTION influence_reach_sketch_in(input cstring) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_sketch_in(cstring) IS
	'Read a sketch from text: 1:id type:k:exact or sampled:number of hashes:hashes. Error 22P02 if it is not one.';

CREATE FUNCTION influence_reach_sketch_out(sketch influence_reach_sketch) RETURNS cstring
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_sketch_out(influence_reach_sketch) IS
	'Write a sketch as text: 1:id type:k:exact or sampled:number of hashes:hashes, ascending, 16 hexadecimal digits each. Reading it back gives the same sketch.';

CREATE FUNCTION influence_reach_sketch_recv(message internal) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_sketch_recv(internal) IS
	'Read a sketch from its binary form. Error 22P03 if it is not one.';

CREATE FUNCTION influence_reach_sketch_send(sketch influence_reach_sketch) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_sketch_send(influence_reach_sketch) IS
	'Write a sketch in binary form, in network byte order: version, id type, sampled (1 byte each), k, number of hashes (4 bytes each), hashes ascending (8 bytes each).';

-- Hashes do not compress
CREATE TYPE influence_reach_sketch (
	INPUT = influence_reach_sketch_in,
	OUTPUT = influence_reach_sketch_out,
	RECEIVE = influence_reach_sketch_recv,
	SEND = influence_reach_sketch_send,
	INTERNALLENGTH = variable,
	ALIGNMENT = double,
	STORAGE = external
);
COMMENT ON TYPE influence_reach_sketch IS
	'Distinct people: exact up to k of them (8 bytes each), then the k smallest hashes (Beyer et al., SIGMOD 2007), which estimate the number with a relative standard error of 1/sqrt(k - 2)';

-- Transition functions

CREATE FUNCTION influence_reach_add(sketch influence_reach_sketch, actor bigint) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME', 'influence_reach_add_bigint' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_add(influence_reach_sketch, bigint) IS
	'Add a person to a sketch; a null sketch becomes a new one with k = 1024, a null actor is skipped. Error 22023 if the sketch holds ids of another type.';

CREATE FUNCTION influence_reach_add(sketch influence_reach_sketch, actor uuid) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME', 'influence_reach_add_uuid' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_add(influence_reach_sketch, uuid) IS
	'Add a person to a sketch; a null sketch becomes a new one with k = 1024, a null actor is skipped. Error 22023 if the sketch holds ids of another type.';

CREATE FUNCTION influence_reach_add(sketch influence_reach_sketch, actor text) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME', 'influence_reach_add_text' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_add(influence_reach_sketch, text) IS
	'Add a person to a sketch, equal bytes being the same person; a null sketch becomes a new one with k = 1024, a null actor is skipped. Error 22023 if the sketch holds ids of another type.';

CREATE FUNCTION influence_reach_add(sketch influence_reach_sketch, actor bigint, k int) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME', 'influence_reach_add_bigint' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_add(influence_reach_sketch, bigint, int) IS
	'Add a person to a sketch, lowering its k to the one given; a null sketch becomes a new one, a null actor is skipped. Errors: 22023 if k is not in 16..65536 or the sketch holds ids of another type, 22004 if k is null.';

CREATE FUNCTION influence_reach_add(sketch influence_reach_sketch, actor uuid, k int) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME', 'influence_reach_add_uuid' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_add(influence_reach_sketch, uuid, int) IS
	'Add a person to a sketch, lowering its k to the one given; a null sketch becomes a new one, a null actor is skipped. Errors: 22023 if k is not in 16..65536 or the sketch holds ids of another type, 22004 if k is null.';

CREATE FUNCTION influence_reach_add(sketch influence_reach_sketch, actor text, k int) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME', 'influence_reach_add_text' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_add(influence_reach_sketch, text, int) IS
	'Add a person to a sketch, equal bytes being the same person, lowering its k to the one given; a null sketch becomes a new one, a null actor is skipped. Errors: 22023 if k is not in 16..65536 or the sketch holds ids of another type, 22004 if k is null.';

CREATE FUNCTION influence_reach_combine(a influence_reach_sketch, b influence_reach_sketch) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_combine(influence_reach_sketch, influence_reach_sketch) IS
	'The union of two sketches, with the smaller k of both; a null is no sketch. Error 22023 if they hold ids of different types.';

CREATE FUNCTION influence_reach_final(sketch influence_reach_sketch) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_final(influence_reach_sketch) IS
	'The sketch without the spare room of a running aggregate';

CREATE FUNCTION influence_reach_final_count(sketch influence_reach_sketch) RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_final_count(influence_reach_sketch) IS
	'Number of distinct people of a running aggregate, 0 without any';

-- Aggregates. A group is planned for with 8 kB, a full sketch: groups beyond work_mem
-- are then sorted or hashed in batches from the start, not when memory has run out.

CREATE AGGREGATE influence_reach_agg(actor bigint) (
	SFUNC = influence_reach_add,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_reach_agg(bigint) IS
	'Sketch of the distinct actors, k = 1024: exact up to 1,024 people, 3.1 % standard error beyond. Nulls are skipped; null without any actor.';

CREATE AGGREGATE influence_reach_agg(actor uuid) (
	SFUNC = influence_reach_add,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_reach_agg(uuid) IS
	'Sketch of the distinct actors, k = 1024: exact up to 1,024 people, 3.1 % standard error beyond. Nulls are skipped; null without any actor.';

CREATE AGGREGATE influence_reach_agg(actor text) (
	SFUNC = influence_reach_add,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_reach_agg(text) IS
	'Sketch of the distinct actors, k = 1024: exact up to 1,024 people, 3.1 % standard error beyond. Equal bytes are the same person, whatever the collation. Nulls are skipped; null without any actor.';

CREATE AGGREGATE influence_reach_agg(actor bigint, k int) (
	SFUNC = influence_reach_add,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_reach_agg(bigint, int) IS
	'Sketch of the distinct actors: exact up to k people (16 to 65536, else error 22023), a standard error of 1/sqrt(k - 2) beyond. If k varies, the smallest holds. Null actors are skipped; null without any actor.';

CREATE AGGREGATE influence_reach_agg(actor uuid, k int) (
	SFUNC = influence_reach_add,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_reach_agg(uuid, int) IS
	'Sketch of the distinct actors: exact up to k people (16 to 65536, else error 22023), a standard error of 1/sqrt(k - 2) beyond. If k varies, the smallest holds. Null actors are skipped; null without any actor.';

CREATE AGGREGATE influence_reach_agg(actor text, k int) (
	SFUNC = influence_reach_add,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_reach_agg(text, int) IS
	'Sketch of the distinct actors: exact up to k people (16 to 65536, else error 22023), a standard error of 1/sqrt(k - 2) beyond. Equal bytes are the same person, whatever the collation. If k varies, the smallest holds. Null actors are skipped; null without any actor.';

CREATE AGGREGATE influence_rollup(sketch influence_reach_sketch) (
	SFUNC = influence_reach_combine,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_rollup(influence_reach_sketch) IS
	'The union of sketches, each person once, with the smallest k of all. Nulls are skipped; null without any sketch. Error 22023 if they hold ids of different types.';

CREATE AGGREGATE influence_reach(actor bigint) (
	SFUNC = influence_reach_add,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final_count,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_reach(bigint) IS
	'Number of distinct actors, like count(DISTINCT actor): exact up to 1,024 people, 3.1 % standard error beyond. Nulls are skipped; 0 without any actor.';

CREATE AGGREGATE influence_reach(actor uuid) (
	SFUNC = influence_reach_add,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final_count,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_reach(uuid) IS
	'Number of distinct actors, like count(DISTINCT actor): exact up to 1,024 people, 3.1 % standard error beyond. Nulls are skipped; 0 without any actor.';

CREATE AGGREGATE influence_reach(actor text) (
	SFUNC = influence_reach_add,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final_count,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_reach(text) IS
	'Number of distinct actors, like count(DISTINCT actor): exact up to 1,024 people, 3.1 % standard error beyond. Equal bytes are the same person, whatever the collation. Nulls are skipped; 0 without any actor.';

-- Accessors

CREATE FUNCTION influence_reach_count(sketch influence_reach_sketch) RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_count(influence_reach_sketch) IS
	'Number of distinct people: exact up to k, then the estimate (k - 1)/theta, rounded; theta is the k-th smallest hash on a scale of 0 to 1 (Bar-Yossef et al., RANDOM 2002; Beyer et al., SIGMOD 2007)';

CREATE FUNCTION influence_reach_error(sketch influence_reach_sketch) RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_error(influence_reach_sketch) IS
	'Relative standard error of influence_reach_count: 0 while exact, then 1/sqrt(k - 2); 0.031 for k = 1024';

CREATE FUNCTION influence_reach_overlap(a influence_reach_sketch, b influence_reach_sketch) RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_overlap(influence_reach_sketch, influence_reach_sketch) IS
	'Jaccard overlap of two audiences, people in both over people in either, 0 to 1: exact while both sketches are, then estimated from the hashes below the smaller theta (Dasgupta et al., ICDT 2016). Null if both are empty. Error 22023 if they hold ids of different types.';

CREATE FUNCTION influence_reach_intersection(a influence_reach_sketch, b influence_reach_sketch) RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_intersection(influence_reach_sketch, influence_reach_sketch) IS
	'Number of people in both sketches: exact while both are, then estimated from the hashes below the smaller theta (Dasgupta et al., ICDT 2016). Error 22023 if they hold ids of different types.';
-- Rules of thumb for reach

CREATE FUNCTION influence_organic_reach(friends bigint, rate float8 DEFAULT 0.16) RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_organic_reach(bigint, float8) IS
	'People who see a post without promotion: friends times rate, the share of friends (0 to 1); 5,000 friends give 800. Error 22023 for negative friends or a rate outside 0..1.';

CREATE FUNCTION influence_viewers(likes bigint, per_like float8 DEFAULT 100) RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_viewers(bigint, float8) IS
	'People who saw a post: likes times viewers per like; 100 likes give 10,000. Error 22023 for negative likes or a per_like that is negative or not finite, 22003 if the result overflows.';
-- Amplification: how likely a post is to be shared.

CREATE FUNCTION influence_amplification(shares float8, posts float8, prior_shares float8 DEFAULT 0.5, prior_posts float8 DEFAULT 5)
	RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_amplification(float8, float8, float8, float8) IS
	'Probability, 0 to 1, that a post is shared at least once: 1 - exp(-(shares + prior_shares) / (posts + prior_posts)), all counts. The prior keeps a lucky first post from counting as a habit: gamma-Poisson shrinkage (Clayton and Kaldor, Biometrics 1987). Without posts and prior_posts it is 1 if there are shares, else 0. Error 22023 if an argument is negative, infinite or NaN.';
-- Lower bound of a proportion.

CREATE FUNCTION influence_wilson(successes float8, trials float8, confidence float8 DEFAULT 0.95)
	RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_wilson(float8, float8, float8) IS
	'Lower end, 0 to 1, of the two-sided Wilson score interval of a proportion (Wilson, JASA 1927): sorts 90 of 100 before 1 of 1. confidence is between 0 and 1 (0.95: 1.96 standard deviations). 0 without trials. Error 22023 if an argument is negative, infinite or NaN, or if there are more successes than trials.';
-- Names for ranges of scores.

CREATE FUNCTION influence_tier(score float8)
	RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_tier(float8) IS
	'Tier of a score: below average (under 40), average (40 to under 50), above average (50), excellent (60), popular (70), celebrity (80 and more). Error 22023 if the score is not from 1 to 100.';

CREATE FUNCTION influence_bucket(score float8)
	RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_bucket(float8) IS
	'Bucket of a score for histograms: 1-9, 10-19, ... 80-89, 90-100; 19.9 is in 10-19. Error 22023 if the score is not from 1 to 100.';

CREATE FUNCTION influence_default_tiers()
	RETURNS TABLE (tier text, min_score float8)
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_default_tiers() IS
	'The tiers of influence_tier() and the scores they start at, from the top; every model starts with a copy of them in influence.tiers';
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
CREATE FUNCTION influence_pagerank(edges text,
		damping float8 DEFAULT 0.85,
		max_iterations integer DEFAULT 100,
		tolerance float8 DEFAULT 1e-9,
		seeds text DEFAULT NULL)
	RETURNS TABLE (node_id bigint, rank float8)
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION influence_pagerank(text, float8, integer, float8, text) IS
'Weighted PageRank (Page et al. 1999; personalised as in Gleich 2015) of every node in a graph. '
'edges: a SELECT with the columns source, target (integers) and optional weight (a number, at least 0; 1 if left out); '
'parallel edges add up, self-loops count, an edge of weight 0 only names its nodes. '
'damping: probability of following an edge, 0 <= damping < 1. '
'seeds: a SELECT with node_id and optional weight to teleport to; all nodes alike if left out; a seed without edges is a node too. '
'Ranks sum to 1. Iterates until ranks change by less than tolerance in sum (L1); '
'error 54000 if max_iterations do not suffice, 22023 for a bad argument or weight, 22004 for a null, 42703 or 42804 for bad columns. '
'Runs the queries with the rights of the caller.';
-- Configuration: plain tables that an administrator may UPDATE. The checks
-- refuse nonsense (every float8 has an upper bound, which NaN exceeds);
-- functions such as influence_add_source() fill them.

SET LOCAL search_path = pg_catalog, pg_temp;
CREATE TABLE influence.models (
	model                     text PRIMARY KEY
		CONSTRAINT model_name_of_1_to_63_bytes CHECK (octet_length(model) BETWEEN 1 AND 63),
	id_type                   regtype NOT NULL
		CONSTRAINT id_type_is_bigint_uuid_or_text CHECK (id_type IN ('bigint'::regtype, 'uuid'::regtype, 'text'::regtype)),
	schema                    text NOT NULL UNIQUE
		CONSTRAINT schema_name_of_1_to_63_bytes CHECK (octet_length(schema) BETWEEN 1 AND 63),
	created_by                text DEFAULT current_user,
	formula_version           int NOT NULL DEFAULT 1
		CONSTRAINT formula_version_is_1 CHECK (formula_version = 1),
	-- which rows count
	time_window               interval DEFAULT '90 days'
		CONSTRAINT time_window_is_positive CHECK (time_window > '0' AND isfinite(time_window)),
	clock_skew                interval NOT NULL DEFAULT '5 minutes'
		CONSTRAINT clock_skew_is_not_negative CHECK (clock_skew >= '0' AND isfinite(clock_skew)),
	bad_row_policy            text NOT NULL DEFAULT 'skip'
		CONSTRAINT bad_row_policy_is_skip_or_error CHECK (bad_row_policy IN ('skip', 'error')),
	sentiment_policy          text NOT NULL DEFAULT 'split'
		CONSTRAINT sentiment_policy_is_split_or_ignore CHECK (sentiment_policy IN ('split', 'ignore')),
	-- what people received while they are away
	inactivity_policy         text NOT NULL DEFAULT 'decay'
		CONSTRAINT inactivity_policy_is_decay_grace_or_freeze CHECK (inactivity_policy IN ('decay', 'grace', 'freeze')),
	grace_period              interval NOT NULL DEFAULT '3 days'
		CONSTRAINT grace_period_to_1000_years CHECK (grace_period >= '0' AND grace_period <= '1000 years'),
	-- one pair
	reach_half_life           interval NOT NULL DEFAULT '30 days'
		CONSTRAINT reach_half_life_is_positive CHECK (reach_half_life > '0' AND isfinite(reach_half_life)),
	reciprocity_discount      float8 NOT NULL DEFAULT 0.5
		CONSTRAINT reciprocity_discount_from_0_to_1 CHECK (reciprocity_discount BETWEEN 0 AND 1),
	selectivity_rate          float8 NOT NULL DEFAULT 50
		CONSTRAINT selectivity_rate_from_1e_6_to_1e9 CHECK (selectivity_rate BETWEEN 1e-6 AND 1e9),
	anonymous_reach           float8 NOT NULL DEFAULT 0.1
		CONSTRAINT anonymous_reach_from_0_to_1 CHECK (anonymous_reach BETWEEN 0 AND 1),
	-- network influence
	damping                   float8 NOT NULL DEFAULT 0.85
		CONSTRAINT damping_from_0_to_below_1 CHECK (damping >= 0 AND damping < 1),
	max_iterations            int NOT NULL DEFAULT 200
		CONSTRAINT max_iterations_from_1_to_10000 CHECK (max_iterations BETWEEN 1 AND 10000),
	tolerance                 float8 NOT NULL DEFAULT 1e-13
		CONSTRAINT tolerance_from_1e_14_to_1e_3 CHECK (tolerance BETWEEN 1e-14 AND 1e-3),
	-- weight of each measure
	audience_weight           float8 NOT NULL DEFAULT 0.30
		CONSTRAINT audience_weight_from_0_to_100 CHECK (audience_weight BETWEEN 0 AND 100),
	engagement_weight         float8 NOT NULL DEFAULT 0.25
		CONSTRAINT engagement_weight_from_0_to_100 CHECK (engagement_weight BETWEEN 0 AND 100),
	true_reach_weight         float8 NOT NULL DEFAULT 0.15
		CONSTRAINT true_reach_weight_from_0_to_100 CHECK (true_reach_weight BETWEEN 0 AND 100),
	amplification_weight      float8 NOT NULL DEFAULT 0.10
		CONSTRAINT amplification_weight_from_0_to_100 CHECK (amplification_weight BETWEEN 0 AND 100),
	network_influence_weight  float8 NOT NULL DEFAULT 0.20
		CONSTRAINT network_influence_weight_from_0_to_100 CHECK (network_influence_weight BETWEEN 0 AND 100),
	authority_weight          float8 NOT NULL DEFAULT 0.30
		CONSTRAINT authority_weight_from_0_to_100 CHECK (authority_weight BETWEEN 0 AND 100),
	-- the scale
	target_mean               float8 NOT NULL DEFAULT 40
		CONSTRAINT target_mean_from_5_to_90 CHECK (target_mean BETWEEN 5 AND 90),
	target_p95                float8 NOT NULL DEFAULT 63
		CONSTRAINT target_p95_below_99 CHECK (target_p95 < 99),
	calibration_policy        text NOT NULL DEFAULT 'anchored'
		CONSTRAINT calibration_policy_is_anchored_or_each_refresh CHECK (calibration_policy IN ('anchored', 'each_refresh')),
	max_daily_gain            float8
		CONSTRAINT max_daily_gain_to_99 CHECK (max_daily_gain > 0 AND max_daily_gain <= 99),
	-- what is kept
	history_retention         interval DEFAULT '90 days'
		CONSTRAINT history_retention_to_1000_years CHECK (history_retention > '0' AND history_retention <= '1000 years'),
	-- who is not scored
	opted_out_actors          text NOT NULL DEFAULT 'anonymous'
		CONSTRAINT opted_out_actors_is_anonymous_or_ignore CHECK (opted_out_actors IN ('anonymous', 'ignore')),
	scored_only               boolean NOT NULL DEFAULT false,
	id_salt                   bytea NOT NULL DEFAULT uuid_send(gen_random_uuid())
		CONSTRAINT id_salt_of_16_bytes_or_more CHECK (octet_length(id_salt) >= 16),
	-- when a day of an incremental source is over
	closing_delay             interval NOT NULL DEFAULT '1 hour'
		CONSTRAINT closing_delay_to_1000_years CHECK (closing_delay >= '0' AND closing_delay <= '1000 years'),
	-- what was published last
	published_as_of           timestamptz
		CONSTRAINT published_as_of_is_finite CHECK (isfinite(published_as_of)),
	created_at                timestamptz NOT NULL DEFAULT now(),
	-- whether influence_drop_model() should remove the schema too
	schema_created            boolean NOT NULL DEFAULT false,
	CONSTRAINT target_p95_above_target_mean CHECK (target_p95 > target_mean)
);
COMMENT ON TABLE influence.models IS 'Models: one row each, with every option of the score; a role sees those whose views it may read and changes those it owns (the owner of a model is the owner of its view scores)';
COMMENT ON COLUMN influence.models.model IS 'Name of the model';
COMMENT ON COLUMN influence.models.id_type IS 'Type of user ids: bigint, uuid or text';
COMMENT ON COLUMN influence.models.schema IS 'Schema that holds the views of the model';
COMMENT ON COLUMN influence.models.created_by IS 'Role that created the model; it may drop the model even when the schema is gone, and with it the views whose owner owns the model';
COMMENT ON COLUMN influence.models.formula_version IS 'Version of the formula; 1 is the only one so far';
COMMENT ON COLUMN influence.models.time_window IS 'Older rows do not count, except standing ones (follow, authority); NULL: every row counts';
COMMENT ON COLUMN influence.models.clock_skew IS 'Rows up to this far after the as-of time count as if they had just happened; later ones are ignored';
COMMENT ON COLUMN influence.models.bad_row_policy IS 'skip: rows with an impossible weight, time or sentiment are counted in the log and skipped; error: they fail the refresh';
COMMENT ON COLUMN influence.models.sentiment_policy IS 'split: the negative part of a row goes to notoriety and not to the score; ignore: sentiment has no effect';
COMMENT ON COLUMN influence.models.inactivity_policy IS 'What the clock does by which the rows towards a person age: decay, it always runs; grace, it stops for grace_period after the last post; freeze, it stops grace_period after each post until the next one';
COMMENT ON COLUMN influence.models.grace_period IS 'How long after a post a person''s clock stands (inactivity policy grace) or runs on (freeze)';
COMMENT ON COLUMN influence.models.reach_half_life IS 'Time after which a person''s last reaction counts half in true reach';
COMMENT ON COLUMN influence.models.reciprocity_discount IS 'Part of the engagement that is taken off between two people who react to each other equally; 0 to 1';
COMMENT ON COLUMN influence.models.selectivity_rate IS 'Reactions a day at which a single reaction of a person counts half';
COMMENT ON COLUMN influence.models.anonymous_reach IS 'Part of an anonymous count (a row without an actor) that counts as true reach; 0 to 1';
COMMENT ON COLUMN influence.models.damping IS 'PageRank: probability of following an edge rather than teleporting; 0 to below 1';
COMMENT ON COLUMN influence.models.max_iterations IS 'PageRank: not converging within this many iterations fails the refresh';
COMMENT ON COLUMN influence.models.tolerance IS 'PageRank: L1 residual at which the ranks have converged';
COMMENT ON COLUMN influence.models.audience_weight IS 'Weight of the measure audience in the score; not negative';
COMMENT ON COLUMN influence.models.engagement_weight IS 'Weight of the measure engagement in the score; not negative';
COMMENT ON COLUMN influence.models.true_reach_weight IS 'Weight of the measure true reach in the score; not negative';
COMMENT ON COLUMN influence.models.amplification_weight IS 'Weight of the measure amplification in the score; not negative';
COMMENT ON COLUMN influence.models.network_influence_weight IS 'Weight of the measure network influence in the score; not negative';
COMMENT ON COLUMN influence.models.authority_weight IS 'Weight of the measure authority in the score; not negative';
COMMENT ON COLUMN influence.models.target_mean IS 'Mean score that a calibration aims at';
COMMENT ON COLUMN influence.models.target_p95 IS '95th percentile of the scores that a calibration aims at; above target_mean';
COMMENT ON COLUMN influence.models.calibration_policy IS 'anchored: the map from raw to score stays until influence_calibrate(); each_refresh: it follows the population';
COMMENT ON COLUMN influence.models.max_daily_gain IS 'Most points that a score may gain in a day (UTC) over the person''s latest score of an earlier day; NULL: no limit';
COMMENT ON COLUMN influence.models.history_retention IS 'How long score_history keeps a day; NULL: for ever';
COMMENT ON COLUMN influence.models.opted_out_actors IS 'What people who opted out do to others: anonymous, it counts as of somebody unknown; ignore, it does not count';
COMMENT ON COLUMN influence.models.scored_only IS 'Consent mode: only people who opted in are scored (influence_opt_in)';
COMMENT ON COLUMN influence.models.id_salt IS 'Random bytes in front of ids when influence.privacy_choices hashes them';
COMMENT ON COLUMN influence.models.closing_delay IS 'How long after its end a day of an incremental source stays open, so that each refresh reads it: rows of that day that come later need an invalidation';
COMMENT ON COLUMN influence.models.published_as_of IS 'As-of time of the scores that are published now; NULL before the first refresh';
COMMENT ON COLUMN influence.models.created_at IS 'When the model was created';
COMMENT ON COLUMN influence.models.schema_created IS 'Whether the schema was created for the model, and goes with it when it is empty then';

CREATE TABLE influence.networks (
	model    text NOT NULL,
	network  text NOT NULL
		CONSTRAINT network_is_not_empty CHECK (network <> ''),
	weight   float8 NOT NULL DEFAULT 1
		CONSTRAINT weight_from_0_to_1000 CHECK (weight BETWEEN 0 AND 1000),
	-- what was published last
	prior_shares  float8
		CONSTRAINT prior_shares_from_0_to_1e9 CHECK (prior_shares BETWEEN 0 AND 1e9),
	prior_posts   float8
		CONSTRAINT prior_posts_from_0_to_1e9 CHECK (prior_posts BETWEEN 0 AND 1e9),
	PRIMARY KEY (model, network)
);
COMMENT ON TABLE influence.networks IS 'Networks of each model';
COMMENT ON COLUMN influence.networks.model IS 'Model';
COMMENT ON COLUMN influence.networks.network IS 'Name of the network: app, twitter, ...';
COMMENT ON COLUMN influence.networks.weight IS 'Weight of the network in the score; 0 leaves it out';
COMMENT ON COLUMN influence.networks.prior_shares IS 'The a of amplification, (shares + a) / (posts + b), as fitted by the refresh that was published last; NULL when that saw nobody on the network';
COMMENT ON COLUMN influence.networks.prior_posts IS 'The b of amplification; see prior_shares';

CREATE TABLE influence.signals (
	model           text NOT NULL,
	network         text NOT NULL,
	kind            text NOT NULL
		CONSTRAINT kind_is_not_empty CHECK (kind <> ''),
	role            text NOT NULL
		CONSTRAINT role_is_known CHECK (role IN ('reaction', 'share', 'follow', 'post', 'authority', 'endorsement')),
	weight          float8 NOT NULL DEFAULT 1
		CONSTRAINT weight_from_0_to_1e6 CHECK (weight BETWEEN 0 AND 1e6),
	half_life       interval
		CONSTRAINT half_life_is_positive CHECK (half_life > '0' AND isfinite(half_life)),
	polarity        float8 NOT NULL DEFAULT 0
		CONSTRAINT polarity_from_minus_1_to_1 CHECK (polarity BETWEEN -1 AND 1),
	conversational  boolean NOT NULL DEFAULT false,
	PRIMARY KEY (model, network, kind)
);
COMMENT ON TABLE influence.signals IS 'Signals of each model: how an interaction of a kind on a network counts';
COMMENT ON COLUMN influence.signals.model IS 'Model';
COMMENT ON COLUMN influence.signals.network IS 'Network of the interaction';
COMMENT ON COLUMN influence.signals.kind IS 'Kind of the interaction: like, comment, follow, ...';
COMMENT ON COLUMN influence.signals.role IS 'reaction, share, follow, post, authority or endorsement';
COMMENT ON COLUMN influence.signals.weight IS 'Weight of one interaction; 0: it does not count';
COMMENT ON COLUMN influence.signals.half_life IS 'Time after which an interaction counts half; NULL: it does not fade';
COMMENT ON COLUMN influence.signals.polarity IS 'Sentiment of rows that bring none, -1 (a block) to 1';
COMMENT ON COLUMN influence.signals.conversational IS 'Whether it is part of a conversation (comment, reply, mention), which is not a traded reaction';

CREATE TABLE influence.sources (
	model           text NOT NULL,
	source          text NOT NULL
		CONSTRAINT source_is_not_empty CHECK (source <> ''),
	relation        regclass NOT NULL,
	relation_name   text NOT NULL,
	actor           text,
	target          text NOT NULL,
	occurred_at     text NOT NULL,
	kind            text,
	kind_column     text,
	network         text,
	network_column  text,
	post            text,
	weight          text,
	sentiment       text,
	topics          text,
	filter          text,
	incremental     boolean NOT NULL DEFAULT false,
	by_account      boolean NOT NULL DEFAULT false,
	PRIMARY KEY (model, source),
	-- a link that changes says anew whose old rows are
	CONSTRAINT incremental_is_not_by_account CHECK (NOT (incremental AND by_account)),
	CONSTRAINT either_kind_or_kind_column CHECK (num_nonnulls(kind, kind_column) = 1),
	CONSTRAINT either_network_or_network_column CHECK (num_nonnulls(network, network_column) = 1)
);
COMMENT ON TABLE influence.sources IS 'Sources of each model: relations and the mapping of their columns; filled by influence_add_source()';
COMMENT ON COLUMN influence.sources.model IS 'Model';
COMMENT ON COLUMN influence.sources.source IS 'Name of the source';
COMMENT ON COLUMN influence.sources.relation IS 'Relation that is read';
COMMENT ON COLUMN influence.sources.relation_name IS 'Qualified name of the relation when it was registered, for messages once it is gone';
COMMENT ON COLUMN influence.sources.actor IS 'Expression: user who acted; NULL: every row is an anonymous count';
COMMENT ON COLUMN influence.sources.target IS 'Expression: user who is scored';
COMMENT ON COLUMN influence.sources.occurred_at IS 'Expression: timestamptz of the interaction';
COMMENT ON COLUMN influence.sources.kind IS 'Kind of every row; NULL: read from kind_column';
COMMENT ON COLUMN influence.sources.kind_column IS 'Expression: kind of the row';
COMMENT ON COLUMN influence.sources.network IS 'Network of every row; NULL: read from network_column';
COMMENT ON COLUMN influence.sources.network_column IS 'Expression: network of the row';
COMMENT ON COLUMN influence.sources.post IS 'Expression: piece of content the row is about';
COMMENT ON COLUMN influence.sources.weight IS 'Expression: float8 weight of the row, not negative; people in an anonymous count';
COMMENT ON COLUMN influence.sources.sentiment IS 'Expression: float8 sentiment of the row, -1 to 1';
COMMENT ON COLUMN influence.sources.topics IS 'Expression: text[] topics of the row';
COMMENT ON COLUMN influence.sources.filter IS 'Expression: boolean, rows where it is not true are left out';
COMMENT ON COLUMN influence.sources.incremental IS 'Whether a refresh keeps what it read of days that are over, instead of reading them again; rows of such days that are added, changed or deleted then need influence_track_changes() or influence_invalidate()';
COMMENT ON COLUMN influence.sources.by_account IS 'Whether actor and target are accounts on the row''s network instead of ids, see influence.accounts';

CREATE TABLE influence.accounts (
	model          text PRIMARY KEY,
	relation       regclass NOT NULL,
	relation_name  text NOT NULL,
	user_id        text NOT NULL,
	network        text NOT NULL,
	account_id     text NOT NULL,
	filter         text
);
COMMENT ON TABLE influence.accounts IS 'Where each model finds whose an account is: a relation and the mapping of its columns; filled by influence_set_accounts()';
COMMENT ON COLUMN influence.accounts.model IS 'Model';
COMMENT ON COLUMN influence.accounts.relation IS 'Relation that is read, a row for each account';
COMMENT ON COLUMN influence.accounts.relation_name IS 'Qualified name of the relation when it was registered, for messages once it is gone';
COMMENT ON COLUMN influence.accounts.user_id IS 'Expression: the person';
COMMENT ON COLUMN influence.accounts.network IS 'Expression: network of the account';
COMMENT ON COLUMN influence.accounts.account_id IS 'Expression: the account as sources name it';
COMMENT ON COLUMN influence.accounts.filter IS 'Expression: boolean, rows where it is not true are left out';

CREATE TABLE influence.profiles (
	model               text PRIMARY KEY,
	relation            regclass NOT NULL,
	relation_name       text NOT NULL,
	user_id             text NOT NULL,
	display_name        text NOT NULL,
	region              text,
	account_created_at  text
);
COMMENT ON TABLE influence.profiles IS 'Relation of each model that holds the names of its people, and the mapping of its columns; filled by influence_set_profiles()';
COMMENT ON COLUMN influence.profiles.model IS 'Model';
COMMENT ON COLUMN influence.profiles.relation IS 'Relation that is read';
COMMENT ON COLUMN influence.profiles.relation_name IS 'Qualified name of the relation when it was registered, for messages once it is gone';
COMMENT ON COLUMN influence.profiles.user_id IS 'Expression: the person, in the id type of the model';
COMMENT ON COLUMN influence.profiles.display_name IS 'Expression: text name of the person';
COMMENT ON COLUMN influence.profiles.region IS 'Expression: text region of the person';
COMMENT ON COLUMN influence.profiles.account_created_at IS 'Expression: timestamptz since when the person is there';

CREATE TABLE influence.tiers (
	model      text NOT NULL,
	tier       text NOT NULL
		CONSTRAINT tier_is_not_empty CHECK (tier <> ''),
	min_score  float8 NOT NULL
		CONSTRAINT min_score_from_1_to_100 CHECK (min_score BETWEEN 1 AND 100),
	PRIMARY KEY (model, tier),
	-- checked at the end of a statement, so that one UPDATE can move several
	CONSTRAINT min_score_is_unique UNIQUE (model, min_score) DEFERRABLE
);
COMMENT ON TABLE influence.tiers IS 'Tiers of each model, for the column tier of its view scores; a model without any has those of influence_tier()';
COMMENT ON COLUMN influence.tiers.model IS 'Model';
COMMENT ON COLUMN influence.tiers.tier IS 'Name of the tier';
COMMENT ON COLUMN influence.tiers.min_score IS 'Lowest score of the tier, which goes up to that of the next; the lowest tier starts at 1';
SET LOCAL search_path = @extschema@, pg_temp;

CREATE FUNCTION influence_check_tiers() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lowest float8;
BEGIN
	SELECT min(t.min_score) INTO lowest FROM influence.tiers AS t WHERE t.model = OLD.model;
	-- NULL when none is left
	IF lowest > 1 THEN
		RAISE EXCEPTION 'no tier of model "%" starts at 1, the lowest at %', OLD.model, lowest
			USING ERRCODE = 'check_violation',
				  HINT = 'Every score from 1 to 100 needs a tier: let the lowest min_score be 1, or delete all tiers of the model.';
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION influence_check_tiers() IS
	'Trigger on influence.tiers: error 23514 after a statement that leaves low scores of a model without a tier';
-- not on INSERT, which a restore may do row by row; a refresh checks again
SET LOCAL search_path = pg_catalog, pg_temp;
CREATE TRIGGER lowest_tier_starts_at_1 AFTER UPDATE OR DELETE ON influence.tiers
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_tiers();

-- The map from raw to score. Between knots it is linear; a version is never changed.
CREATE TABLE influence.calibrations (
	model       text NOT NULL,
	version     int NOT NULL
		CONSTRAINT version_is_positive CHECK (version > 0),
	as_of       timestamptz NOT NULL,
	people      bigint NOT NULL,
	raw         float8[] NOT NULL
		CONSTRAINT raw_is_finite_and_not_negative CHECK (0 <= ALL (raw) AND 'infinity' > ALL (raw) AND array_position(raw, NULL) IS NULL),
	score       float8[] NOT NULL
		CONSTRAINT score_from_1_to_100 CHECK (1 <= ALL (score) AND 100 >= ALL (score) AND array_position(score, NULL) IS NULL),
	created_at  timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (model, version),
	CONSTRAINT as_many_raw_as_score_and_at_least_2 CHECK (cardinality(raw) = cardinality(score) AND cardinality(raw) >= 2)
);
COMMENT ON TABLE influence.calibrations IS 'Maps from raw to score, stored as knots with linear pieces between them';
COMMENT ON COLUMN influence.calibrations.model IS 'Model';
COMMENT ON COLUMN influence.calibrations.version IS 'Version, counted from 1; the highest is in use';
COMMENT ON COLUMN influence.calibrations.as_of IS 'As-of time of the refresh that it was fitted to';
COMMENT ON COLUMN influence.calibrations.people IS 'People that it was fitted to: those with raw above 0';
COMMENT ON COLUMN influence.calibrations.raw IS 'Knots: raw, increasing, the first 0';
COMMENT ON COLUMN influence.calibrations.score IS 'Knots: score at each raw, 1 to 100';
COMMENT ON COLUMN influence.calibrations.created_at IS 'When it was stored';

-- Which map the scores of each day of a score_history were read off
CREATE TABLE influence.history_calibrations (
	model    text NOT NULL,
	day      date NOT NULL,
	version  int NOT NULL,
	PRIMARY KEY (model, day)
);
CREATE INDEX history_calibrations_version_idx ON influence.history_calibrations (model, version);
COMMENT ON TABLE influence.history_calibrations IS 'Calibration of each day in the score_history of a model, which tells a person''s change from that of the scale';
COMMENT ON COLUMN influence.history_calibrations.model IS 'Model';
COMMENT ON COLUMN influence.history_calibrations.day IS 'Day (UTC) of the history';
COMMENT ON COLUMN influence.history_calibrations.version IS 'Version of the calibration that gave the scores of that day';

-- Rows that refer to others. These are no foreign keys, since a restore by several
-- processes loads the tables of an extension in any order and would fail.

SET LOCAL search_path = @extschema@, pg_temp;

CREATE FUNCTION influence_check_reference() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	parent text := TG_ARGV[0];
	columns text := TG_ARGV[1];
	key text;
	found boolean;
BEGIN
	-- as pg_dump has it set while its output is restored, and nobody else
	IF current_setting('row_security') = 'off' THEN
		RETURN NULL;
	END IF;
	-- what we refer to must not go before we have committed
	EXECUTE format('SELECT true FROM influence.%I WHERE (%s) = (SELECT %s FROM (SELECT ($1).*) AS n) %s', parent, columns, columns,
			CASE WHEN has_any_column_privilege(format('influence.%I', parent), 'UPDATE') THEN 'FOR KEY SHARE' END)
		INTO found USING NEW;
	IF found IS NULL THEN
		EXECUTE format('SELECT concat_ws($2, %s) FROM (SELECT ($1).*) AS n', columns) INTO key USING NEW, ', ';
		RAISE EXCEPTION 'insert or update on table "%" violates foreign key constraint "%"', TG_TABLE_NAME, TG_NAME
			USING ERRCODE = 'foreign_key_violation',
				  SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME,
				  DETAIL = format('Key (%s)=(%s) is not present in table "%s".', columns, key, parent),
				  HINT = format('What a row refers to must be in influence.%I first.', parent);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION influence_check_reference() IS
	'Trigger of configuration tables: error 23503 for a row that refers to one that is not there, except while a dump is restored (row_security is off). Arguments: table that is referred to, columns';

CREATE FUNCTION influence_keep_references() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	child text := TG_ARGV[0];
	columns text := TG_ARGV[1];
	broken boolean;
BEGIN
	IF TG_OP = 'DELETE' THEN
		EXECUTE format('DELETE FROM influence.%I WHERE (%s) = (SELECT %s FROM (SELECT ($1).*) AS o)', child, columns, columns) USING OLD;
		RETURN OLD;
	END IF;
	EXECUTE format('SELECT (SELECT ROW(%2$s) FROM (SELECT ($1).*) AS o) IS DISTINCT FROM (SELECT ROW(%2$s) FROM (SELECT ($2).*) AS n)
			AND EXISTS (SELECT FROM influence.%1$I WHERE (%2$s) = (SELECT %2$s FROM (SELECT ($1).*) AS o))', child, columns)
		INTO broken USING OLD, NEW;
	IF broken THEN
		RAISE EXCEPTION 'update on table "%" violates references from table "%"', TG_TABLE_NAME, child
			USING ERRCODE = 'foreign_key_violation', DETAIL = format('Its key (%s) is still referred to.', columns);
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION influence_keep_references() IS
	'Trigger of configuration tables: deletes what refers to a row with it; error 23503 for another key while there are such rows. Arguments: table that refers, columns';

SET LOCAL search_path = pg_catalog, pg_temp;
CREATE TRIGGER networks_model_fkey AFTER INSERT OR UPDATE OF model ON influence.networks
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_networks BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_keep_references('networks', 'model');
CREATE TRIGGER signals_model_network_fkey AFTER INSERT OR UPDATE OF model, network ON influence.signals
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_reference('networks', 'model, network');
CREATE TRIGGER referred_to_by_signals BEFORE DELETE OR UPDATE OF model, network ON influence.networks
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_keep_references('signals', 'model, network');
CREATE TRIGGER sources_model_fkey AFTER INSERT OR UPDATE OF model ON influence.sources
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_sources BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_keep_references('sources', 'model');
CREATE TRIGGER accounts_model_fkey AFTER INSERT OR UPDATE OF model ON influence.accounts
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_accounts BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_keep_references('accounts', 'model');
CREATE TRIGGER profiles_model_fkey AFTER INSERT OR UPDATE OF model ON influence.profiles
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_profiles BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_keep_references('profiles', 'model');
CREATE TRIGGER tiers_model_fkey AFTER INSERT OR UPDATE OF model ON influence.tiers
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_tiers BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_keep_references('tiers', 'model');
CREATE TRIGGER calibrations_model_fkey AFTER INSERT OR UPDATE OF model ON influence.calibrations
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_calibrations BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_keep_references('calibrations', 'model');
CREATE TRIGGER history_calibrations_model_version_fkey AFTER INSERT OR UPDATE OF model, version ON influence.history_calibrations
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_reference('calibrations', 'model, version');
CREATE TRIGGER referred_to_by_history_calibrations BEFORE DELETE OR UPDATE OF model, version ON influence.calibrations
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_keep_references('history_calibrations', 'model, version');

-- One row a run, kept when the model is dropped.
CREATE TABLE influence.refresh_log (
	run_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	model           text NOT NULL,
	status          text NOT NULL
		CONSTRAINT status_is_success_skipped_or_failed CHECK (status IN ('success', 'skipped', 'failed')),
	as_of           timestamptz,
	started_at      timestamptz NOT NULL,
	finished_at     timestamptz NOT NULL,
	rows_read       bigint,
	rows_kept       bigint,
	rows_ignored    jsonb,
	accounts        jsonb,
	users           bigint,
	milliseconds    jsonb,
	iterations      int,
	residual        float8,
	calibration     int,
	formula_version int,
	configuration   int,
	error_code      text,
	error           text,
	run_by          text NOT NULL DEFAULT current_user
);
CREATE INDEX refresh_log_model_idx ON influence.refresh_log (model, finished_at DESC);
COMMENT ON TABLE influence.refresh_log IS 'Every refresh that ran, was skipped or failed; rows stay when the model is dropped';
COMMENT ON COLUMN influence.refresh_log.run_id IS 'Number of the run';
COMMENT ON COLUMN influence.refresh_log.model IS 'Model';
COMMENT ON COLUMN influence.refresh_log.status IS 'success, skipped (another refresh of the model was running) or failed (the old scores stayed)';
COMMENT ON COLUMN influence.refresh_log.as_of IS 'Moment that the scores are computed for';
COMMENT ON COLUMN influence.refresh_log.started_at IS 'When the run began';
COMMENT ON COLUMN influence.refresh_log.finished_at IS 'When the run ended';
COMMENT ON COLUMN influence.refresh_log.rows_read IS 'Rows read from all sources';
COMMENT ON COLUMN influence.refresh_log.rows_kept IS 'Rows that counted without being read: those of closed days of incremental sources';
COMMENT ON COLUMN influence.refresh_log.rows_ignored IS 'Rows that did not count: an object of reason and number of rows';
COMMENT ON COLUMN influence.refresh_log.accounts IS 'Links between accounts and people: an object of links, people, rows left out for a NULL (null), and for a network that the model does not have (unknown_network); NULL where no source names accounts';
COMMENT ON COLUMN influence.refresh_log.users IS 'People scored';
COMMENT ON COLUMN influence.refresh_log.milliseconds IS 'Milliseconds of each phase';
COMMENT ON COLUMN influence.refresh_log.iterations IS 'PageRank iterations of the network that took most';
COMMENT ON COLUMN influence.refresh_log.residual IS 'Largest L1 residual of PageRank';
COMMENT ON COLUMN influence.refresh_log.calibration IS 'Version of the calibration used';
COMMENT ON COLUMN influence.refresh_log.formula_version IS 'Version of the formula used';
COMMENT ON COLUMN influence.refresh_log.configuration IS 'Version of the configuration used, see influence.configurations';
COMMENT ON COLUMN influence.refresh_log.error_code IS 'SQLSTATE of a failed run';
COMMENT ON COLUMN influence.refresh_log.error IS 'Message of a failed run';
COMMENT ON COLUMN influence.refresh_log.run_by IS 'Role that ran it';

-- What the log's versions of the configuration were, kept as the log is.
CREATE TABLE influence.configurations (
	model             text NOT NULL,
	model_created_at  timestamptz NOT NULL,
	version           int NOT NULL
		CONSTRAINT version_is_positive CHECK (version > 0),
	formula_version   int NOT NULL,
	configuration     jsonb NOT NULL,
	hash              bytea NOT NULL
		CONSTRAINT hash_of_32_bytes CHECK (octet_length(hash) = 32),
	first_used_at     timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (model, model_created_at, version)
);
COMMENT ON TABLE influence.configurations IS 'Configurations that refreshes used: a new version whenever one finds it different from the last one; rows stay when the model is dropped';
COMMENT ON COLUMN influence.configurations.model IS 'Model';
COMMENT ON COLUMN influence.configurations.model_created_at IS 'When the model was created: tells it from an earlier one of its name';
COMMENT ON COLUMN influence.configurations.version IS 'Version, counted from 1; refresh_log.configuration names it';
COMMENT ON COLUMN influence.configurations.formula_version IS 'Version of the formula';
COMMENT ON COLUMN influence.configurations.configuration IS 'Options (models), networks, signals, tiers, sources and accounts, as influence.current_configuration shows them';
COMMENT ON COLUMN influence.configurations.hash IS 'SHA-256 of the text of configuration: the same for two models that compute the same';
COMMENT ON COLUMN influence.configurations.first_used_at IS 'When a refresh first used it';

-- Who may see and change what. Roles are those of the caller: a view of the
-- model's schema reads these tables with its owner's table rights, but
-- policies still ask about the role that reads the view.

SET LOCAL search_path = @extschema@, pg_temp;

CREATE FUNCTION influence_may_change(schema text, created_by text DEFAULT NULL) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
		-- the owner of a model is the owner of its view scores
		WHEN c.oid IS NOT NULL THEN pg_has_role(c.relowner, 'USAGE')
		-- what a DROP or a RENAME left behind can still be dropped
		WHEN n.oid IS NOT NULL THEN pg_has_role(n.nspowner, 'USAGE')
		ELSE pg_has_role('pg_database_owner', 'USAGE')
			OR EXISTS (SELECT FROM pg_roles AS r
					   WHERE r.rolname = influence_may_change.created_by AND pg_has_role(r.oid, 'USAGE'))
	END
	FROM (VALUES (1)) AS always
	LEFT JOIN pg_namespace AS n ON n.nspname = influence_may_change.schema
	LEFT JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = 'scores' AND c.relkind = 'm'
$$;
COMMENT ON FUNCTION influence_may_change(text, text) IS
	'Whether the current role owns the model whose views are in a schema (has the rights of the owner of its view scores); when the schema is gone, whether it owns the database or has the rights of the role that created the model';

CREATE FUNCTION influence_may_read(schema text, view text DEFAULT NULL) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (
		SELECT FROM pg_class AS c
		JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE n.nspname = influence_may_read.schema
		  AND c.relname IN ('scores', 'network_scores', 'signals', 'refresh_status')
		  AND c.relname = coalesce(influence_may_read.view, c.relname)
		  AND has_table_privilege(c.oid, 'SELECT'))
$$;
COMMENT ON FUNCTION influence_may_read(text, text) IS
	'Whether the current role may read a view (NULL: any) of the model whose views are in a schema';

CREATE FUNCTION influence_is_owner(schema text) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (
		SELECT FROM pg_class AS c
		JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE n.nspname = influence_is_owner.schema AND c.relname = 'scores' AND c.relkind = 'm'
		  AND pg_has_role(c.relowner, 'USAGE'))
$$;
COMMENT ON FUNCTION influence_is_owner(text) IS
	'Whether the current role owns the model whose views are in a schema: has the rights of the owner of its view scores, which must exist';

SET LOCAL search_path = pg_catalog, pg_temp;
GRANT USAGE ON SCHEMA influence TO PUBLIC;

-- Name, id type and schema of a model cannot change: its views hold them.
GRANT SELECT, INSERT, DELETE ON influence.models TO PUBLIC;
GRANT UPDATE (time_window, clock_skew, bad_row_policy, sentiment_policy, inactivity_policy, grace_period,
			  reach_half_life, reciprocity_discount, selectivity_rate, anonymous_reach,
			  damping, max_iterations, tolerance,
			  audience_weight, engagement_weight, true_reach_weight, amplification_weight,
			  network_influence_weight, authority_weight,
			  target_mean, target_p95, calibration_policy, max_daily_gain, history_retention, closing_delay, published_as_of,
			  opted_out_actors, scored_only)
	ON influence.models TO PUBLIC;
ALTER TABLE influence.models ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON influence.models FOR SELECT
	USING (@extschema@.influence_may_read(schema, NULL::text) OR @extschema@.influence_may_change(schema, created_by));
-- not a model without views, whose views somebody else could make
CREATE POLICY owner_adds ON influence.models FOR INSERT
	WITH CHECK (@extschema@.influence_is_owner(schema));
CREATE POLICY owner_changes ON influence.models FOR UPDATE
	USING (@extschema@.influence_is_owner(schema));
CREATE POLICY owner_drops ON influence.models FOR DELETE
	USING (@extschema@.influence_may_change(schema, created_by));

-- A model whose views are gone can be cleared away and not changed: whoever makes
-- its views anew would run what is configured.
GRANT SELECT, INSERT, UPDATE, DELETE ON influence.networks, influence.signals, influence.sources, influence.accounts, influence.profiles, influence.tiers TO PUBLIC;
-- A version of a calibration is never changed.
GRANT SELECT, INSERT, DELETE ON influence.calibrations, influence.history_calibrations TO PUBLIC;

ALTER TABLE influence.networks ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.networks
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));
ALTER TABLE influence.signals ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.signals
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));
ALTER TABLE influence.sources ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.sources
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));
ALTER TABLE influence.accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.accounts
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));
ALTER TABLE influence.profiles ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.profiles
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));
ALTER TABLE influence.tiers ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.tiers
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));
ALTER TABLE influence.calibrations ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.calibrations
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));

ALTER TABLE influence.history_calibrations ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.history_calibrations
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));

-- Nobody but the owner of the extension rewrites the log. Runs of an earlier
-- model of the same name are not the business of the present one.
GRANT SELECT, INSERT ON influence.refresh_log TO PUBLIC;
ALTER TABLE influence.refresh_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON influence.refresh_log FOR SELECT
	USING (EXISTS (SELECT FROM influence.models AS m
				   WHERE m.model = refresh_log.model AND m.created_at <= refresh_log.finished_at
					 AND (@extschema@.influence_may_read(m.schema, 'refresh_status')
						  OR @extschema@.influence_may_change(m.schema, m.created_by))));
CREATE POLICY owner_adds ON influence.refresh_log FOR INSERT
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)));

-- Like the log, but for those who may see the tables that it was made from.
GRANT SELECT, INSERT ON influence.configurations TO PUBLIC;
ALTER TABLE influence.configurations ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.configurations
	USING ((model, model_created_at) IN (SELECT m.model, m.created_at FROM influence.models AS m
										 WHERE @extschema@.influence_may_change(m.schema, m.created_by)));

-- pg_dump keeps the rows of all of these.
SELECT pg_catalog.pg_extension_config_dump('influence.models', '');
SELECT pg_catalog.pg_extension_config_dump('influence.networks', '');
SELECT pg_catalog.pg_extension_config_dump('influence.signals', '');
SELECT pg_catalog.pg_extension_config_dump('influence.sources', '');
SELECT pg_catalog.pg_extension_config_dump('influence.accounts', '');
SELECT pg_catalog.pg_extension_config_dump('influence.profiles', '');
SELECT pg_catalog.pg_extension_config_dump('influence.tiers', '');
SELECT pg_catalog.pg_extension_config_dump('influence.calibrations', '');
SELECT pg_catalog.pg_extension_config_dump('influence.history_calibrations', '');
SELECT pg_catalog.pg_extension_config_dump('influence.refresh_log', '');
SELECT pg_catalog.pg_extension_config_dump('influence.configurations', '');
SELECT pg_catalog.pg_extension_config_dump('influence.refresh_log_run_id_seq', '');
SET LOCAL search_path = @extschema@, pg_temp;
-- Presets: what influence_create_model() starts a model with. They belong to
-- the extension and are not dumped; a model owns its copy.

SET LOCAL search_path = pg_catalog, pg_temp;
CREATE TABLE influence.presets (
	preset       text PRIMARY KEY,
	description  text NOT NULL,
	target_mean  float8 NOT NULL,
	target_p95   float8 NOT NULL
);
COMMENT ON TABLE influence.presets IS 'Presets that influence_create_model() knows';
COMMENT ON COLUMN influence.presets.preset IS 'Name of the preset';
COMMENT ON COLUMN influence.presets.description IS 'What it is for';
COMMENT ON COLUMN influence.presets.target_mean IS 'Mean score that a calibration aims at';
COMMENT ON COLUMN influence.presets.target_p95 IS '95th percentile of the scores that a calibration aims at';

CREATE TABLE influence.preset_networks (
	preset   text NOT NULL REFERENCES influence.presets,
	network  text NOT NULL,
	weight   float8 NOT NULL,
	PRIMARY KEY (preset, network)
);
COMMENT ON TABLE influence.preset_networks IS 'Networks of each preset';
COMMENT ON COLUMN influence.preset_networks.preset IS 'Preset';
COMMENT ON COLUMN influence.preset_networks.network IS 'Name of the network';
COMMENT ON COLUMN influence.preset_networks.weight IS 'Weight of the network in the score';

CREATE TABLE influence.preset_signals (
	preset          text NOT NULL,
	network         text NOT NULL,
	kind            text NOT NULL,
	role            text NOT NULL,
	weight          float8 NOT NULL,
	half_life       interval,
	polarity        float8 NOT NULL,
	conversational  boolean NOT NULL,
	PRIMARY KEY (preset, network, kind),
	FOREIGN KEY (preset, network) REFERENCES influence.preset_networks
);
COMMENT ON TABLE influence.preset_signals IS 'Signals of each preset; see influence.signals';
COMMENT ON COLUMN influence.preset_signals.preset IS 'Preset';
COMMENT ON COLUMN influence.preset_signals.network IS 'Network of the interaction';
COMMENT ON COLUMN influence.preset_signals.kind IS 'Kind of the interaction';
COMMENT ON COLUMN influence.preset_signals.role IS 'reaction, share, follow, post, authority or endorsement';
COMMENT ON COLUMN influence.preset_signals.weight IS 'Weight of one interaction';
COMMENT ON COLUMN influence.preset_signals.half_life IS 'Time after which an interaction counts half; NULL: it does not fade';
COMMENT ON COLUMN influence.preset_signals.polarity IS 'Sentiment of rows that bring none, -1 to 1';
COMMENT ON COLUMN influence.preset_signals.conversational IS 'Whether it is part of a conversation';

GRANT SELECT ON influence.presets, influence.preset_networks, influence.preset_signals TO PUBLIC;

-- Registered users averaged 40, and 63 was the top 5 %; over the whole public
-- population, registered or not, it was 20 and 50.
INSERT INTO influence.presets (preset, description, target_mean, target_p95) VALUES
	('klout', 'The networks and kinds that Klout counted, scaled to registered users', 40, 63),
	('public', 'The same, scaled to everyone who is seen in public', 20, 50);

INSERT INTO influence.preset_networks (preset, network, weight)
	SELECT p.preset, n.network, n.weight
	FROM influence.presets AS p,
		 (VALUES ('app', 1.0), ('blogger', 1), ('facebook', 1), ('flickr', 1), ('foursquare', 1),
				 ('google_plus', 1), ('instagram', 1), ('lastfm', 1), ('linkedin', 1), ('tumblr', 1),
				 ('twitter', 1.5), ('wikipedia', 1), ('wordpress', 1), ('yammer', 1), ('youtube', 1))
		 AS n (network, weight);

-- Passing content on says more than talking about it, which says more than a
-- click on a button; being looked at says little. Shares and posts fade alike,
-- so that their ratio (amplification) compares the same stretch of time.
INSERT INTO influence.preset_signals (preset, network, kind, role, weight, half_life, polarity, conversational)
	SELECT p.preset, s.network, s.kind, s.role, s.weight, s.half_life::interval, s.polarity, s.conversational
	FROM influence.presets AS p,
		 (VALUES
			('app',         'like',              'reaction',    1.0,  '45 days',  0, false),
			('app',         'view',              'reaction',    0.05, '45 days',  0, false),
			('app',         'comment',           'reaction',    2.0,  '45 days',  0, true),
			('app',         'reply',             'reaction',    2.0,  '45 days',  0, true),
			('app',         'mention',           'reaction',    2.0,  '45 days',  0, true),
			('app',         'share',             'share',       3.0,  '45 days',  0, false),
			('app',         'endorsement',       'endorsement', 3.0,  '90 days',  0, false),
			('app',         'follow',            'follow',      1.0,  NULL,       0, false),
			('app',         'post',              'post',        1.0,  '45 days',  0, false),
			('app',         'block',             'reaction',    3.0,  '45 days', -1, false),
			('app',         'report',            'reaction',    3.0,  '45 days', -1, false),

			('twitter',     'favorite',          'reaction',    1.0,  '45 days',  0, false),
			('twitter',     'mention',           'reaction',    2.0,  '45 days',  0, true),
			('twitter',     'reply',             'reaction',    2.0,  '45 days',  0, true),
			('twitter',     'retweet',           'share',       3.0,  '45 days',  0, false),
			('twitter',     'follow',            'follow',      1.0,  NULL,       0, false),
			('twitter',     'list_add',          'follow',      3.0,  NULL,       0, false),
			('twitter',     'post',              'post',        1.0,  '45 days',  0, false),

			('facebook',    'like',              'reaction',    1.0,  '45 days',  0, false),
			('facebook',    'comment',           'reaction',    2.0,  '45 days',  0, true),
			('facebook',    'mention',           'reaction',    2.0,  '45 days',  0, true),
			('facebook',    'wall_post',         'reaction',    2.0,  '45 days',  0, true),
			('facebook',    'share',             'share',       3.0,  '45 days',  0, false),
			('facebook',    'friend',            'follow',      1.0,  NULL,       0, false),
			('facebook',    'subscriber',        'follow',      1.0,  NULL,       0, false),
			('facebook',    'post',              'post',        1.0,  '45 days',  0, false),

			('google_plus', 'plus_one',          'reaction',    1.0,  '45 days',  0, false),
			('google_plus', 'comment',           'reaction',    2.0,  '45 days',  0, true),
			('google_plus', 'reshare',           'share',       3.0,  '45 days',  0, false),
			('google_plus', 'post',              'post',        1.0,  '45 days',  0, false),

			('youtube',     'view',              'reaction',    0.02, '45 days',  0, false),
			('youtube',     'like',              'reaction',    1.0,  '45 days',  0, false),
			('youtube',     'comment',           'reaction',    2.0,  '45 days',  0, true),
			('youtube',     'subscribe',         'follow',      1.0,  NULL,       0, false),
			('youtube',     'post',              'post',        1.0,  '45 days',  0, false),

			('instagram',   'like',              'reaction',    1.0,  '45 days',  0, false),
			('instagram',   'comment',           'reaction',    2.0,  '45 days',  0, true),
			('instagram',   'follow',            'follow',      1.0,  NULL,       0, false),
			('instagram',   'post',              'post',        1.0,  '45 days',  0, false),

			('linkedin',    'like',              'reaction',    1.0,  '45 days',  0, false),
			('linkedin',    'comment',           'reaction',    2.0,  '45 days',  0, true),
			('linkedin',    'share',             'share',       3.0,  '45 days',  0, false),
			('linkedin',    'skill_endorsement', 'endorsement', 2.0,  '90 days',  0, false),
			('linkedin',    'recommendation',    'endorsement', 5.0,  '90 days',  0, false),
			('linkedin',    'connection',        'follow',      1.0,  NULL,       0, false),
			('linkedin',    'post',              'post',        1.0,  '45 days',  0, false),

			('foursquare',  'tip_saved',         'reaction',    1.0,  '45 days',  0, false),
			('foursquare',  'tip_done',          'reaction',    2.0,  '45 days',  0, false),

			('tumblr',      'like',              'reaction',    1.0,  '45 days',  0, false),
			('tumblr',      'comment',           'reaction',    2.0,  '45 days',  0, true),
			('tumblr',      'share',             'share',       3.0,  '45 days',  0, false),
			('tumblr',      'post',              'post',        1.0,  '45 days',  0, false),

			('blogger',     'like',              'reaction',    1.0,  '45 days',  0, false),
			('blogger',     'comment',           'reaction',    2.0,  '45 days',  0, true),
			('blogger',     'share',             'share',       3.0,  '45 days',  0, false),
			('blogger',     'post',              'post',        1.0,  '45 days',  0, false),

			('wordpress',   'like',              'reaction',    1.0,  '45 days',  0, false),
			('wordpress',   'comment',           'reaction',    2.0,  '45 days',  0, true),
			('wordpress',   'share',             'share',       3.0,  '45 days',  0, false),
			('wordpress',   'post',              'post',        1.0,  '45 days',  0, false),

			('lastfm',      'listen',            'reaction',    0.05, '45 days',  0, false),
			('lastfm',      'comment',           'reaction',    2.0,  '45 days',  0, true),
			('lastfm',      'friend',            'follow',      1.0,  NULL,       0, false),

			('flickr',      'view',              'reaction',    0.02, '45 days',  0, false),
			('flickr',      'favorite',          'reaction',    1.0,  '45 days',  0, false),
			('flickr',      'comment',           'reaction',    2.0,  '45 days',  0, true),
			('flickr',      'contact',           'follow',      1.0,  NULL,       0, false),
			('flickr',      'post',              'post',        1.0,  '45 days',  0, false),

			('yammer',      'like',              'reaction',    1.0,  '45 days',  0, false),
			('yammer',      'reply',             'reaction',    2.0,  '45 days',  0, true),
			('yammer',      'mention',           'reaction',    2.0,  '45 days',  0, true),
			('yammer',      'share',             'share',       3.0,  '45 days',  0, false),
			('yammer',      'follow',            'follow',      1.0,  NULL,       0, false),
			('yammer',      'post',              'post',        1.0,  '45 days',  0, false),

			('wikipedia',   'inlink',            'authority',   1.0,  NULL,       0, false),
			('wikipedia',   'mention',           'authority',   1.0,  NULL,       0, false))
		 AS s (network, kind, role, weight, half_life, polarity, conversational);
SET LOCAL search_path = @extschema@, pg_temp;
-- Models: creating and dropping them. Both do nothing but what the caller
-- could do by hand, with the caller's rights.

CREATE FUNCTION influence_model_names() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce('The models are: ' || string_agg(quote_ident(m.model), ', ' ORDER BY m.model) || '.',
					'There is no model yet; influence_create_model() makes one.')
	FROM influence.models AS m
$$;
COMMENT ON FUNCTION influence_model_names() IS
	'The models that the current role may see, as a sentence for a hint';

CREATE FUNCTION influence_owned_model(model text, with_views boolean DEFAULT true) RETURNS influence.models
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found influence.models;
BEGIN
	SELECT m.* INTO found FROM influence.models AS m WHERE m.model = influence_owned_model.model;
	IF found.model IS NULL THEN
		RAISE EXCEPTION 'model "%" does not exist', coalesce(model, 'NULL')
			USING ERRCODE = 'undefined_object', HINT = @extschema@.influence_model_names();
	END IF;
	IF NOT @extschema@.influence_may_change(found.schema, found.created_by) THEN
		RAISE EXCEPTION 'must be owner of model "%"', model
			USING ERRCODE = 'insufficient_privilege',
				  HINT = format('The owner of a model is the owner of its view %I.scores.', found.schema);
	END IF;
	IF with_views THEN
		-- an error when they are gone
		PERFORM @extschema@.influence_find_model(model, false);
	END IF;
	RETURN found;
END
$$;
COMMENT ON FUNCTION influence_owned_model(text, boolean) IS
	'Row of a model that the caller owns; error 42704 when it does not exist, 42501 when it belongs to another role, and 3F000 or 42P01 when its schema or view scores was dropped or renamed (with_views)';

CREATE FUNCTION influence_check_model_schema(schema text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owner oid;
	taken text;
BEGIN
	IF octet_length(schema) NOT BETWEEN 1 AND 63 THEN
		RAISE EXCEPTION 'schema name "%" of % bytes is not usable', schema, octet_length(schema)
			USING ERRCODE = 'invalid_name', HINT = 'Give a schema name of 1 to 63 bytes.';
	END IF;
	IF schema IN ('influence', 'information_schema') OR starts_with(schema, 'pg_') THEN
		RAISE EXCEPTION 'schema "%" is reserved', schema
			USING ERRCODE = 'reserved_name', HINT = 'Give another schema for the score views: schema => ''...''.';
	END IF;

	SELECT n.nspowner INTO owner FROM pg_namespace AS n WHERE n.nspname = influence_check_model_schema.schema;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	IF NOT pg_has_role(owner, 'USAGE') THEN
		RAISE EXCEPTION 'schema "%" already exists and belongs to role "%"', schema, pg_get_userbyid(owner)
			USING ERRCODE = 'duplicate_schema', HINT = 'Give another schema for the score views: schema => ''...''.';
	END IF;

	-- whoever owns a schema decides, by renaming, which view is the model's: not over somebody of more rights
	IF NOT pg_has_role((SELECT CASE WHEN r.rolname = 'pg_database_owner' THEN d.datdba ELSE r.oid END
						FROM pg_roles AS r JOIN pg_database AS d ON d.datname = current_database()
						WHERE r.oid = owner), current_user, 'USAGE') THEN
		RAISE EXCEPTION 'schema "%" belongs to role "%", which has not the rights of role "%"', schema, pg_get_userbyid(owner), current_user
			USING ERRCODE = 'insufficient_privilege',
				  HINT = 'SET ROLE to the owner of the schema, or give another schema for the score views: schema => ''...''.';
	END IF;

	SELECT string_agg(quote_ident(c.relname), ', ' ORDER BY c.relname) INTO taken
	FROM pg_class AS c
	JOIN pg_namespace AS n ON n.oid = c.relnamespace
	WHERE n.nspname = influence_check_model_schema.schema
	  AND c.relname IN ('scores', 'network_scores', 'signals', 'score_history', 'refresh_status');
	IF taken IS NOT NULL THEN
		RAISE EXCEPTION 'schema "%" already holds: %', schema, taken
			USING ERRCODE = 'duplicate_table',
				  HINT = 'Give another schema for the score views, schema => ''...'', or rename what is in the way.';
	END IF;
	RETURN true;
END
$$;
COMMENT ON FUNCTION influence_check_model_schema(text) IS
	'Whether the schema for a model''s views exists; error 42602 or 42939 for an unusable name, 42P06 when it belongs to another role, 42501 when that role has less rights than the caller, 42P07 when it holds a relation of a name the model needs';

CREATE FUNCTION influence_create_views(model text, id_type regtype, schema text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format(
		'CREATE MATERIALIZED VIEW %1$I.scores AS
		 SELECT t.* FROM @extschema@.influence_model_scores(%3$L::text) AS t (
			user_id %2$s, score float8, tier text, rank bigint, percentile float8,
			true_reach float8, amplification float8, network_influence float8, audience float8, notoriety float8,
			day_change float8, week_change float8, month_change float8,
			last_active_at timestamptz, frozen_since timestamptz, as_of timestamptz,
			controversy float8, month_change_own float8, month_change_scale float8)
		 WITH NO DATA', schema, id_type, model);
	EXECUTE format('CREATE UNIQUE INDEX ON %I.scores (user_id)', schema);
	EXECUTE format('CREATE UNIQUE INDEX ON %I.scores (rank)', schema);

	EXECUTE format(
		'CREATE MATERIALIZED VIEW %1$I.network_scores AS
		 SELECT t.* FROM @extschema@.influence_model_network_scores(%3$L::text) AS t (
			user_id %2$s, network text COLLATE "C", score float8, points float8,
			engagement float8, true_reach float8, audience float8,
			amplification float8, network_influence float8, authority float8,
			engagement_points float8, true_reach_points float8, audience_points float8,
			amplification_points float8, network_influence_points float8, authority_points float8)
		 WITH NO DATA', schema, id_type, model);
	EXECUTE format('CREATE UNIQUE INDEX ON %I.network_scores (user_id, network)', schema);

	EXECUTE format(
		'CREATE MATERIALIZED VIEW %1$I.signals AS
		 SELECT t.* FROM @extschema@.influence_model_signals(%3$L::text) AS t (
			user_id %2$s, network text COLLATE "C", kind text COLLATE "C", count float8, decayed_value float8)
		 WITH NO DATA', schema, id_type, model);
	EXECUTE format('CREATE UNIQUE INDEX ON %I.signals (user_id, network, kind)', schema);

	-- a refresh adds the tables of its month and day
	EXECUTE format(
		'CREATE TABLE %1$I.score_history (
			user_id %2$s NOT NULL, day date NOT NULL, as_of timestamptz NOT NULL, score float8 NOT NULL,
			PRIMARY KEY (user_id, day)) PARTITION BY RANGE (day)', schema, id_type);

	EXECUTE format(
		'CREATE VIEW %I.refresh_status AS
		 SELECT s.model, s.last_success, s.age, s.stale, s.next_run, s.last_status, s.last_error
		 FROM influence.refresh_status AS s WHERE s.model = %L', schema, model);
END
$$;
COMMENT ON FUNCTION influence_create_views(text, regtype, text) IS
	'Creates the views of a model, empty, and its history; part of influence_create_model()';

CREATE FUNCTION influence_comment_views(model text, schema text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c record;
BEGIN
	FOR c IN SELECT * FROM (VALUES
		('MATERIALIZED VIEW', 'scores', 'Influence scores of model "%s", a row per person'),
		('MATERIALIZED VIEW', 'network_scores', 'Influence scores of model "%s" by network, a row per person and network; points add up to score - 1'),
		('MATERIALIZED VIEW', 'signals', 'What counted in model "%s", a row per person, network and kind'),
		('TABLE', 'score_history', 'Scores of model "%s" over time, a row per person and day (UTC); the last refresh of a day stays'),
		('VIEW', 'refresh_status', 'How fresh the scores of model "%s" are'))
		AS v (relation_type, relation, comment)
	LOOP
		EXECUTE format('COMMENT ON %s %I.%I IS %L', c.relation_type, schema, c.relation, format(c.comment, model));
	END LOOP;

	FOR c IN SELECT * FROM (VALUES
		('scores', 'user_id', 'The person'),
		('scores', 'score', 'Influence score, 1 to 100'),
		('scores', 'tier', 'Tier of the score, as influence.tiers names it'),
		('scores', 'rank', 'Place by score, 1 for the highest; each place once, equal scores in order of user_id'),
		('scores', 'percentile', 'Percent of the scored people who score less, those of equal score counted half; 0 to 100'),
		('scores', 'true_reach', 'Real people who react now, each by trust and presence, over all networks'),
		('scores', 'amplification', 'Percent probability that a post is shared at least once, 0 to 100; mean over the networks'),
		('scores', 'network_influence', 'Being engaged by the influential, 0 to 100; mean over the networks'),
		('scores', 'audience', 'Followers, list members and connections, each by trust, over all networks'),
		('scores', 'notoriety', 'Decayed weight of what was negative; never part of the score'),
		('scores', 'day_change', 'Points gained since a day before; NULL without a score then'),
		('scores', 'week_change', 'Points gained since 7 days before; NULL without a score then'),
		('scores', 'month_change', 'Points gained since 30 days before; NULL without a score then'),
		('scores', 'last_active_at', 'When the person last acted or published; NULL when never seen to'),
		('scores', 'frozen_since', 'Since when the person''s clock stands still (inactivity policy freeze); NULL when it runs'),
		('scores', 'as_of', 'Moment that the score was computed for'),
		('scores', 'controversy', 'How divided people are about the person, 0 (all for or all against, or no sentiment) to 1 (as much for as against)'),
		('scores', 'month_change_own', 'What of month_change is the person''s own: points gained on the scale of now; NULL when the scale of then is not known'),
		('scores', 'month_change_scale', 'What of month_change is that of the scale: how the score of then reads on the scale of now, less that score; NULL when the scale of then is not known'),
		('network_scores', 'user_id', 'The person'),
		('network_scores', 'network', 'Network'),
		('network_scores', 'score', 'Score that this network alone would give, 1 to 100'),
		('network_scores', 'points', 'Points of the person''s score that come from this network'),
		('network_scores', 'engagement', 'Reactions, concave in each person who reacted, by trust and decay'),
		('network_scores', 'true_reach', 'Real people who react now, each by trust and presence'),
		('network_scores', 'audience', 'Followers, list members and connections, each by trust'),
		('network_scores', 'amplification', 'Percent probability that a post is shared at least once, 0 to 100'),
		('network_scores', 'network_influence', 'Being engaged by the influential, 0 to 100'),
		('network_scores', 'authority', 'Weight of standing facts such as links from Wikipedia'),
		('network_scores', 'engagement_points', 'Points of the person''s score from engagement'),
		('network_scores', 'true_reach_points', 'Points of the person''s score from true reach'),
		('network_scores', 'audience_points', 'Points of the person''s score from audience'),
		('network_scores', 'amplification_points', 'Points of the person''s score from amplification'),
		('network_scores', 'network_influence_points', 'Points of the person''s score from network influence'),
		('network_scores', 'authority_points', 'Points of the person''s score from authority'),
		('signals', 'user_id', 'The person'),
		('signals', 'network', 'Network'),
		('signals', 'kind', 'Kind of interaction'),
		('signals', 'count', 'Interactions that counted; an anonymous count of n is n'),
		('signals', 'decayed_value', 'Their weight in the score: signal weight x row weight x decay, without the negative part'),
		('score_history', 'user_id', 'The person'),
		('score_history', 'day', 'Day (UTC)'),
		('score_history', 'as_of', 'Moment that the score was computed for'),
		('score_history', 'score', 'Influence score, 1 to 100'),
		('refresh_status', 'model', 'Model'),
		('refresh_status', 'last_success', 'When the last successful refresh ended; NULL when there was none'),
		('refresh_status', 'age', 'Time since then'),
		('refresh_status', 'stale', 'True when no refresh succeeded, the last one failed, a scheduled one was missed, or, without a schedule, a day went by'),
		('refresh_status', 'next_run', 'When pg_cron refreshes next; NULL when it does not, or when its job belongs to another role'),
		('refresh_status', 'last_status', 'How the last refresh ended: success or failed'),
		('refresh_status', 'last_error', 'Message of the last refresh when it failed'))
		AS v (relation, "column", comment)
	LOOP
		EXECUTE format('COMMENT ON COLUMN %I.%I.%I IS %L', schema, c.relation, c."column", c.comment);
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_comment_views(text, text) IS
	'Comments on the views of a model and on their columns; part of influence_create_model()';

CREATE FUNCTION influence_create_model(
	model text,
	id_type regtype DEFAULT 'bigint',
	schema text DEFAULT NULL,
	preset text DEFAULT 'klout')
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema_name text := coalesce(schema, model);
	schema_exists boolean;
	chosen influence.presets;
BEGIN
	IF model IS NULL OR octet_length(model) NOT BETWEEN 1 AND 63 THEN
		RAISE EXCEPTION 'model name "%" of % bytes is not usable', coalesce(model, 'NULL'), coalesce(octet_length(model), 0)
			USING ERRCODE = 'invalid_name', HINT = 'Give a name of 1 to 63 bytes.';
	END IF;
	IF EXISTS (SELECT FROM influence.models AS m WHERE m.model = influence_create_model.model) THEN
		RAISE EXCEPTION 'model "%" already exists', model
			USING ERRCODE = 'duplicate_object',
				  HINT = format('Give another name, or drop it first: SELECT influence_drop_model(%L).', model);
	END IF;
	IF id_type IS NULL OR id_type NOT IN ('bigint'::regtype, 'uuid'::regtype, 'text'::regtype) THEN
		RAISE EXCEPTION 'user ids of type % are not supported', coalesce(id_type::text, 'NULL')
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = CASE
					WHEN id_type IN ('integer'::regtype, 'smallint'::regtype) THEN 'Use bigint, which integer columns fit.'
					WHEN id_type IN ('varchar'::regtype, 'bpchar'::regtype, 'name'::regtype) THEN 'Use text, which character columns fit.'
					ELSE 'Use bigint, uuid or text.' END;
	END IF;
	SELECT p.* INTO chosen FROM influence.presets AS p WHERE p.preset = influence_create_model.preset;
	IF chosen.preset IS NULL THEN
		RAISE EXCEPTION 'preset "%" does not exist', coalesce(preset, 'NULL')
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = (SELECT 'The presets are: ' || string_agg(p.preset, ', ' ORDER BY p.preset) || '.'
						  FROM influence.presets AS p);
	END IF;

	schema_exists := @extschema@.influence_check_model_schema(schema_name);
	IF NOT schema_exists THEN
		EXECUTE format('CREATE SCHEMA %I', schema_name);
		EXECUTE format('COMMENT ON SCHEMA %I IS %L', schema_name, format('Scores of the influence model "%s"', model));
	END IF;
	PERFORM @extschema@.influence_create_views(model, id_type, schema_name);
	PERFORM @extschema@.influence_comment_views(model, schema_name);

	-- after the views, because whoever owns them owns the row
	INSERT INTO influence.models (model, id_type, schema, target_mean, target_p95, schema_created)
	VALUES (influence_create_model.model, influence_create_model.id_type, schema_name,
			chosen.target_mean, chosen.target_p95, NOT schema_exists)
	ON CONFLICT DO NOTHING;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'model "%" already exists and belongs to another role', model
			USING ERRCODE = 'duplicate_object', HINT = 'Give another name.';
	END IF;
	INSERT INTO influence.networks (model, network, weight)
	SELECT influence_create_model.model, n.network, n.weight
	FROM influence.preset_networks AS n WHERE n.preset = chosen.preset;
	INSERT INTO influence.signals (model, network, kind, role, weight, half_life, polarity, conversational)
	SELECT influence_create_model.model, s.network, s.kind, s.role, s.weight, s.half_life, s.polarity, s.conversational
	FROM influence.preset_signals AS s WHERE s.preset = chosen.preset;
	INSERT INTO influence.tiers (model, tier, min_score)
	SELECT influence_create_model.model, t.tier, t.min_score FROM @extschema@.influence_default_tiers() AS t;
END
$$;
COMMENT ON FUNCTION influence_create_model(text, regtype, text, text) IS
	'Creates a model: its configuration from a preset and, in a schema (default: named like the model, created when missing), its views scores, network_scores, signals and refresh_status and its table score_history. id_type: bigint, uuid or text. The views are granted to nobody and hold nothing before the first influence_refresh(). Errors: 42710 when it exists, 42602 for a bad name, 22023 for a bad id type or preset, 42P06, 42P07 or 42939 when the schema is not usable';

CREATE FUNCTION influence_drop_model(model text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	dropped influence.models := @extschema@.influence_owned_model(model, false);
	schema_exists boolean := EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = dropped.schema);
	owner oid := (SELECT c.relowner FROM pg_class AS c
				  WHERE c.oid = to_regclass(format('%I.scores', dropped.schema)) AND c.relkind = 'm');
	part record;
BEGIN
	PERFORM @extschema@.influence_remove_jobs(dropped.model);
	PERFORM @extschema@.influence_drop_triggers(dropped.model, NULL::text);
	-- before the views, because whoever owns them owns the row
	DELETE FROM influence.models AS m WHERE m.model = dropped.model;
	IF NOT schema_exists THEN
		RAISE NOTICE 'schema "%" of model "%" does not exist, so no views were dropped', dropped.schema, dropped.model
			USING HINT = 'If it was renamed, drop it under its new name.';
		RETURN;
	END IF;

	-- what else goes by these names there is somebody's own
	FOR part IN
		SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'p' THEN 'TABLE' ELSE 'MATERIALIZED VIEW' END AS kind, c.relname
		FROM pg_class AS c
		WHERE c.relnamespace = to_regnamespace(quote_ident(dropped.schema))
		  AND (c.relname, c.relkind) IN (('refresh_status', 'v'), ('named_scores', 'v'), ('score_history', 'p'),
										 ('scores', 'm'), ('network_scores', 'm'), ('signals', 'm'))
		  AND c.relowner = coalesce(owner, c.relowner)
		ORDER BY c.relkind = 'm', c.relname
	LOOP
		EXECUTE format('DROP %s %I.%I', part.kind, dropped.schema, part.relname);
	END LOOP;
	IF dropped.schema_created THEN
		BEGIN
			EXECUTE format('DROP SCHEMA %I RESTRICT', dropped.schema);
		EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN
			RAISE NOTICE 'schema "%" is kept: %', dropped.schema, SQLERRM;
		END;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_drop_model(text) IS
	'Drops a model: its schedule, configuration, views and history, and its schema when that was created for the model and is empty then. Where the schema was dropped or renamed, the rest. Its rows in influence.refresh_log stay. Errors: 42704 when there is no such model, 42501 when it belongs to another role, 2BP01 when other objects depend on its views';
-- Sources: registering the relations that a model reads. What is stored are
-- the canonical expressions that influence_check_expression() returns.

CREATE FUNCTION influence_check_signal(model text, network text, kind text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF EXISTS (SELECT FROM influence.signals AS s
			   WHERE s.model = influence_check_signal.model
				 AND s.network = coalesce(influence_check_signal.network, s.network)
				 AND s.kind = coalesce(influence_check_signal.kind, s.kind)) THEN
		RETURN;
	END IF;
	IF network IS NOT NULL AND NOT EXISTS (
			SELECT FROM influence.networks AS n
			WHERE n.model = influence_check_signal.model AND n.network = influence_check_signal.network) THEN
		RAISE EXCEPTION 'model "%" has no network "%"', model, network
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = (SELECT format('Its networks are: %s. Others are added to influence.networks and influence.signals.',
										coalesce(string_agg(n.network, ', ' ORDER BY n.network), 'none'))
						  FROM influence.networks AS n WHERE n.model = influence_check_signal.model);
	END IF;
	RAISE EXCEPTION 'model "%" has no signal for kind "%" on %', model, coalesce(kind, 'any'),
			coalesce('network "' || network || '"', 'any network')
		USING ERRCODE = 'invalid_parameter_value',
			  HINT = (SELECT format('The kinds %s are: %s. Others are added to influence.signals.',
									CASE WHEN influence_check_signal.network IS NULL THEN 'of the model' ELSE 'of that network' END,
									coalesce(string_agg(DISTINCT s.kind, ', '), 'none'))
					  FROM influence.signals AS s
					  WHERE s.model = influence_check_signal.model
						AND s.network = coalesce(influence_check_signal.network, s.network));
END
$$;
COMMENT ON FUNCTION influence_check_signal(text, text, text) IS
	'Error 22023 unless a model has a signal for a kind on a network; NULL stands for any';

CREATE FUNCTION influence_check_relation(relation regclass, source text, owner oid) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	kind "char" := (SELECT c.relkind FROM pg_class AS c WHERE c.oid = influence_check_relation.relation);
	reader oid;
BEGIN
	IF kind IS NULL THEN
		RAISE EXCEPTION 'relation % of source "%" does not exist', coalesce(relation::text, 'NULL'), source
			USING ERRCODE = 'undefined_table', HINT = 'Give the name of a table or view, with its schema: ''app.likes''.';
	END IF;
	IF kind NOT IN ('r', 'p', 'v', 'm', 'f') THEN
		RAISE EXCEPTION 'source "%" cannot read %, which is not a table or view', source, relation
			USING ERRCODE = 'wrong_object_type',
				  HINT = 'A source is a table, partitioned table, view, materialized view or foreign table.';
	END IF;

	-- the caller registers it, the owner of the model reads it in each refresh
	FOR reader IN SELECT current_user::regrole::oid UNION SELECT owner WHERE owner IS NOT NULL LOOP
		IF NOT has_table_privilege(reader, relation, 'SELECT') AND NOT has_any_column_privilege(reader, relation, 'SELECT') THEN
			RAISE EXCEPTION 'role "%" may not read % of source "%"', pg_get_userbyid(reader), relation, source
				USING ERRCODE = 'insufficient_privilege',
					  HINT = format('GRANT SELECT ON %s TO %s; the owner of a model and the role that registers a source both need it.',
								relation, reader::regrole);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_check_relation(regclass, text, oid) IS
	'Error unless a relation can be a source: 42P01 when it does not exist, 42809 when it is neither table nor view, 42501 when the caller or the owner of the model may not read it';

CREATE FUNCTION influence_check_mapping(relation regclass, expression text, expected regtype, mapping text, source text, model text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF expression IS NULL THEN
		RETURN NULL;
	END IF;
	RETURN @extschema@.influence_check_expression(relation, expression, expected, mapping, source, model);
END
$$;
COMMENT ON FUNCTION influence_check_mapping(regclass, text, regtype, text, text, text) IS
	'Canonical form of a mapping of influence_add_source(), NULL for one that is not given';

CREATE FUNCTION influence_add_source(
	model text,
	name text,
	relation regclass,
	actor text DEFAULT NULL,
	target text DEFAULT NULL,
	occurred_at text DEFAULT NULL,
	kind text DEFAULT NULL,
	kind_column text DEFAULT NULL,
	network text DEFAULT 'app',
	network_column text DEFAULT NULL,
	post text DEFAULT NULL,
	weight text DEFAULT NULL,
	sentiment text DEFAULT NULL,
	topics text DEFAULT NULL,
	filter text DEFAULT NULL,
	incremental boolean DEFAULT false,
	by_account boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
	added influence.sources;
	person_type regtype := CASE WHEN by_account THEN 'text' ELSE owned.id_type END;
BEGIN
	IF coalesce(name, '') = '' THEN
		RAISE EXCEPTION 'source name of model "%" is missing', model
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Give a name that is not empty, such as ''likes''.';
	END IF;
	IF target IS NULL OR occurred_at IS NULL THEN
		RAISE EXCEPTION 'source "%" has no %', name, CASE WHEN target IS NULL THEN 'target' ELSE 'occurred_at' END
			USING ERRCODE = 'null_value_not_allowed',
				  HINT = 'Map the columns: target => ''author_id'' (the user who is scored), occurred_at => ''created_at''.';
	END IF;
	IF num_nonnulls(kind, kind_column) <> 1 THEN
		RAISE EXCEPTION 'source "%" has %', name,
				CASE WHEN kind IS NULL THEN 'neither kind nor kind_column' ELSE 'both kind and kind_column' END
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Give the kind of all rows (kind => ''like'') or a column that holds it (kind_column => ''type''), and only one of them.';
	END IF;
	IF network_column IS NOT NULL THEN
		-- 'app' is what it is when it is left out
		IF network <> 'app' THEN
			RAISE EXCEPTION 'source "%" has both network and network_column', name
				USING ERRCODE = 'invalid_parameter_value',
					  HINT = format('Give only one of them. For rows that name none: network_column => %L.',
									format('coalesce(%s, %L)', network_column, network));
		END IF;
		network := NULL;
	ELSIF network IS NULL THEN
		RAISE EXCEPTION 'source "%" has neither network nor network_column', name
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Give the network of all rows (network => ''app'') or a column that holds it (network_column => ''origin'').';
	END IF;
	IF EXISTS (SELECT FROM influence.sources AS s
			   WHERE s.model = influence_add_source.model AND s.source = influence_add_source.name) THEN
		RAISE EXCEPTION 'model "%" already has a source "%"', model, name
			USING ERRCODE = 'duplicate_object',
				  HINT = format('Give another name, or remove it first: SELECT influence_remove_source(%L, %L).', model, name);
	END IF;
	PERFORM @extschema@.influence_check_relation(relation, name,
		(SELECT c.relowner FROM pg_class AS c WHERE c.oid = to_regclass(format('%I.scores', owned.schema))));
	PERFORM @extschema@.influence_check_signal(model, network, kind);

	added.model := model;
	added.source := name;
	added.relation := relation;
	added.relation_name := (SELECT format('%I.%I', n.nspname, c.relname)
							FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
							WHERE c.oid = influence_add_source.relation);
	added.actor          := @extschema@.influence_check_mapping(relation, actor, person_type, 'actor'::text, name, model);
	added.target         := @extschema@.influence_check_mapping(relation, target, person_type, 'target'::text, name, model);
	added.occurred_at    := @extschema@.influence_check_mapping(relation, occurred_at, 'timestamptz'::regtype, 'occurred_at'::text, name, model);
	added.kind           := kind;
	added.kind_column    := @extschema@.influence_check_mapping(relation, kind_column, 'text'::regtype, 'kind_column'::text, name, model);
	added.network        := network;
	added.network_column := @extschema@.influence_check_mapping(relation, network_column, 'text'::regtype, 'network_column'::text, name, model);
	added.post           := @extschema@.influence_check_mapping(relation, post, NULL::regtype, 'post'::text, name, model);
	added.weight         := @extschema@.influence_check_mapping(relation, weight, 'float8'::regtype, 'weight'::text, name, model);
	added.sentiment      := @extschema@.influence_check_mapping(relation, sentiment, 'float8'::regtype, 'sentiment'::text, name, model);
	added.topics         := @extschema@.influence_check_mapping(relation, topics, 'text[]'::regtype, 'topics'::text, name, model);
	added.filter         := @extschema@.influence_check_mapping(relation, filter, 'boolean'::regtype, 'filter'::text, name, model);
	added.incremental    := coalesce(incremental, false);
	added.by_account     := coalesce(by_account, false);
	INSERT INTO influence.sources SELECT added.*;
END
$$;
COMMENT ON FUNCTION influence_add_source(text, text, regclass, text, text, text, text, text, text, text, text, text, text, text, text, boolean, boolean) IS
	'Registers a relation as a source of a model. kind and network are constants; every other mapping is an SQL expression over the relation''s columns, most simply a column name; functions and types outside pg_catalog need their schema. target and occurred_at are needed; without actor every row is an anonymous count of weight people. incremental: a refresh keeps what it read of days that are over, see influence_track_changes(). by_account: actor and target are accounts on the row''s network, as text, and influence_set_accounts() says whose; such a source cannot be incremental, since links change. Errors name the source, mapping and value: 42704 no such model, 42501 no right, 42710 name taken, 42809 not a table or view, 22004 or 22023 mapping missing, doubled or unknown';

CREATE FUNCTION influence_remove_source(model text, name text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
BEGIN
	PERFORM @extschema@.influence_drop_triggers(owned.model, name);
	DELETE FROM influence.sources AS s
	WHERE s.model = owned.model AND s.source = influence_remove_source.name;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'model "%" has no source "%"', model, coalesce(name, 'NULL')
			USING ERRCODE = 'undefined_object',
				  HINT = (SELECT coalesce('Its sources are: ' || string_agg(quote_ident(s.source), ', ' ORDER BY s.source) || '.',
										  'It has no source; influence_add_source() adds one.')
						  FROM influence.sources AS s WHERE s.model = owned.model);
	END IF;
END
$$;
COMMENT ON FUNCTION influence_remove_source(text, text) IS
	'Removes a source from a model; the published scores change with the next refresh. Errors: 42704 no such model or source, 42501 the model belongs to another role';

CREATE FUNCTION influence_set_accounts(
	model text,
	relation regclass,
	user_id text DEFAULT 'user_id',
	network text DEFAULT 'network',
	account_id text DEFAULT 'account_id',
	filter text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
	added influence.accounts;
BEGIN
	IF relation IS NOT NULL THEN
		IF num_nulls(user_id, network, account_id) > 0 THEN
			RAISE EXCEPTION 'accounts of model "%" have no %', model,
					CASE WHEN user_id IS NULL THEN 'user_id' WHEN network IS NULL THEN 'network' ELSE 'account_id' END
				USING ERRCODE = 'null_value_not_allowed',
					  HINT = 'Map the columns: user_id => ''person'', network => ''origin'', account_id => ''handle''.';
		END IF;
		PERFORM @extschema@.influence_check_relation(relation, 'accounts'::text,
			(SELECT c.relowner FROM pg_class AS c WHERE c.oid = to_regclass(format('%I.scores', owned.schema))));
		added.model := owned.model;
		added.relation := relation;
		added.relation_name := (SELECT format('%I.%I', n.nspname, c.relname)
								FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
								WHERE c.oid = influence_set_accounts.relation);
		added.user_id    := @extschema@.influence_check_mapping(relation, user_id, owned.id_type, 'user_id'::text, 'accounts'::text, model);
		added.network    := @extschema@.influence_check_mapping(relation, network, 'text'::regtype, 'network'::text, 'accounts'::text, model);
		added.account_id := @extschema@.influence_check_mapping(relation, account_id, 'text'::regtype, 'account_id'::text, 'accounts'::text, model);
		added.filter     := @extschema@.influence_check_mapping(relation, filter, 'boolean'::regtype, 'filter'::text, 'accounts'::text, model);
	END IF;
	DELETE FROM influence.accounts AS a WHERE a.model = owned.model;
	INSERT INTO influence.accounts SELECT added.* WHERE added.model IS NOT NULL;
END
$$;
COMMENT ON FUNCTION influence_set_accounts(text, regclass, text, text, text, text) IS
	'Tells a model whose the accounts are that sources with by_account name: a relation with a row for each account, and expressions over its columns for the person, the network and the account; in place of an earlier one. NULL for the relation: there is none any more. Read at each refresh, so linking and unlinking takes effect at the next. An account that is linked to nobody is a person of its own: the one named network:account where ids are text, else one who acts but is not scored. An account linked to two people fails the refresh (23505). Errors: 42704 no such model, 42501 no right, 42P01 or 42809 no such table or view, 22004 a mapping is missing, and those of expressions as for influence_add_source()';
-- Refreshing: the functions behind the score views, and what fills them.

CREATE FUNCTION influence_check_expression(relation regclass, expression text, expected regtype, mapping text, source text, model text) RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_check_expression(regclass, text, regtype, text, text, text) IS
	'Checks an expression over a relation''s columns for influence_add_source() and returns it with every name qualified; expected: the type it must have, NULL for any hashable one. Errors name the source and the mapping: 42703 no such column, 42601 not one expression, 42804 wrong type, 0A000 aggregate, subquery, volatile or set-returning function';

CREATE FUNCTION influence_model_scores(model text) RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE;
COMMENT ON FUNCTION influence_model_scores(text) IS
	'Rows of the view scores of a model, which is a materialized view over this function; owner only (42501)';

CREATE FUNCTION influence_model_network_scores(model text) RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE;
COMMENT ON FUNCTION influence_model_network_scores(text) IS
	'Rows of the view network_scores of a model, which is a materialized view over this function; owner only (42501)';

CREATE FUNCTION influence_model_signals(model text) RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE;
COMMENT ON FUNCTION influence_model_signals(text) IS
	'Rows of the view signals of a model, which is a materialized view over this function; owner only (42501)';

CREATE FUNCTION influence_refresh(model text, as_of timestamptz DEFAULT now(), "full" boolean DEFAULT false) RETURNS influence.refresh_log
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION influence_refresh(text, timestamptz, boolean) IS
	'Computes the scores of a model as of a moment, fills its views and its history, and returns the run''s row of influence.refresh_log. full: closed days of incremental sources are read again, too, and kept anew. While another refresh of the model runs it returns at once with status skipped. On an error the old scores stay and the failure is logged. Errors: 42704 no such model, 42501 not its owner, 42P01 a source is gone, 22000 a bad row (bad_row_policy) or a failed sanity check, 54000 no convergence';

CREATE FUNCTION influence_calibrate(model text, as_of timestamptz DEFAULT now()) RETURNS influence.refresh_log
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION influence_calibrate(text, timestamptz) IS
	'A refresh that fits the map from raw influence to score to the people as they are now and stores it as a new version; otherwise as influence_refresh()';

CREATE PROCEDURE influence_refresh_all()
AS 'MODULE_PATHNAME'
LANGUAGE C;
COMMENT ON PROCEDURE influence_refresh_all() IS
	'Refreshes every model that the caller owns, each in a transaction of its own; a failing model does not stop the others. Error 55000 at the end when any failed, naming them';

CREATE FUNCTION influence_refresh_progress()
RETURNS TABLE (model text, pid int, phase text, started_at timestamptz, running_for interval)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a refresh shows its model, in double quotes, and phase in place of its query
	SELECT replace(shown.parts[1], '""', '"'), a.pid, shown.parts[2], since.started_at, clock_timestamp() - since.started_at
	FROM pg_stat_activity AS a
	CROSS JOIN LATERAL regexp_match(a.query, '^influence_refresh "((?:[^"]|"")*)": (.*)$') AS shown (parts)
	-- the statement began later in a longer transaction, the transaction in influence_refresh_all()
	CROSS JOIN LATERAL greatest(a.xact_start, a.query_start) AS since (started_at)
	WHERE a.datname = current_database() AND a.state = 'active' AND shown.parts IS NOT NULL
	ORDER BY since.started_at, a.pid
$$;
COMMENT ON FUNCTION influence_refresh_progress() IS
	'The refreshes that run in this database now, longest first: model, process (pg_cancel_backend() stops it), what it is doing, since when. Only those of one''s own role, unless one has the rights of pg_read_all_stats';
-- Reading scores: one person's score, now or in the past.

CREATE FUNCTION influence_find_model(model text DEFAULT NULL, refreshed boolean DEFAULT false, OUT name text, OUT schema text, OUT id_type regtype)
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_find_model(text, boolean) IS
	'The model that a call means: the one named, else the setting influence.default_model, else the only one. Errors: 42704 no such model, 42P08 more than one, 3F000 or 42P01 its schema or view scores is gone, and 55000 before its first refresh (refreshed)';

CREATE FUNCTION influence_score(user_id bigint, model text DEFAULT NULL) RETURNS float8
AS 'MODULE_PATHNAME', 'influence_score_bigint'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_score(bigint, text) IS
	'Influence score of a person, 1 to 100; NULL for somebody with no data. model: default influence.default_model, else the only one. Errors: 42804 when the model has other ids, 42501 without SELECT on the view scores, 55000 before the first refresh';

CREATE FUNCTION influence_score(user_id uuid, model text DEFAULT NULL) RETURNS float8
AS 'MODULE_PATHNAME', 'influence_score_uuid'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_score(uuid, text) IS
	'Influence score of a person of a model with uuid ids; see influence_score(bigint, text)';

CREATE FUNCTION influence_score(user_id text, model text DEFAULT NULL) RETURNS float8
AS 'MODULE_PATHNAME', 'influence_score_text'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_score(text, text) IS
	'Influence score of a person by the id as text, which is read as an id of the model''s type; see influence_score(bigint, text)';

CREATE FUNCTION influence_score(user_id text, as_of timestamptz, model text DEFAULT NULL) RETURNS float8
AS 'MODULE_PATHNAME', 'influence_score_at'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_score(text, timestamptz, text) IS
	'Score of a person as it stood at a moment: the latest day of score_history until then; NULL when there is none. Errors: 42501 without SELECT on score_history';

CREATE FUNCTION influence_score(user_id bigint, as_of timestamptz, model text DEFAULT NULL) RETURNS float8
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT @extschema@.influence_score(user_id::text, as_of, model) $$;
COMMENT ON FUNCTION influence_score(bigint, timestamptz, text) IS
	'Score of a person as it stood at a moment; see influence_score(text, timestamptz, text)';

CREATE FUNCTION influence_score(user_id uuid, as_of timestamptz, model text DEFAULT NULL) RETURNS float8
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT @extschema@.influence_score(user_id::text, as_of, model) $$;
COMMENT ON FUNCTION influence_score(uuid, timestamptz, text) IS
	'Score of a person as it stood at a moment; see influence_score(text, timestamptz, text)';

CREATE FUNCTION influence_history(user_id text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, model text DEFAULT NULL)
RETURNS TABLE (as_of timestamptz, score float8)
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_history(text, timestamptz, timestamptz, text) IS
	'Published scores of a person from one moment to another, both included and NULL for no limit: a row per day of score_history, oldest first; no rows for somebody unknown. Errors: 42501 without SELECT on score_history, 22023 when it ends before it begins, and those of finding the model as for influence_score()';

CREATE FUNCTION influence_history(user_id bigint, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, model text DEFAULT NULL)
RETURNS TABLE (as_of timestamptz, score float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT h.as_of, h.score FROM @extschema@.influence_history(user_id::text, since, until, model) AS h
$$;
COMMENT ON FUNCTION influence_history(bigint, timestamptz, timestamptz, text) IS
	'Published scores of a person over time; see influence_history(text, timestamptz, timestamptz, text)';

CREATE FUNCTION influence_history(user_id uuid, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, model text DEFAULT NULL)
RETURNS TABLE (as_of timestamptz, score float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT h.as_of, h.score FROM @extschema@.influence_history(user_id::text, since, until, model) AS h
$$;
COMMENT ON FUNCTION influence_history(uuid, timestamptz, timestamptz, text) IS
	'Published scores of a person over time; see influence_history(text, timestamptz, timestamptz, text)';
-- Explaining a score: what it is made of, to the point.

CREATE FUNCTION influence_explain(user_id text, model text DEFAULT NULL)
RETURNS TABLE (measure text, network text, value float8, points float8, percentile float8)
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_explain(text, text) IS
	'What a person''s score is made of, a row per measure and network, most points first: value as in network_scores, points (they add up to score - 1), percentile of the value among the people of that network (mid-rank, 0 to 100). No rows for somebody with no score. Errors as for influence_score()';

CREATE FUNCTION influence_explain(user_id bigint, model text DEFAULT NULL)
RETURNS TABLE (measure text, network text, value float8, points float8, percentile float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT e.measure, e.network, e.value, e.points, e.percentile
	FROM @extschema@.influence_explain(user_id::text, model) AS e
$$;
COMMENT ON FUNCTION influence_explain(bigint, text) IS
	'What a person''s score is made of; see influence_explain(text, text)';

CREATE FUNCTION influence_explain(user_id uuid, model text DEFAULT NULL)
RETURNS TABLE (measure text, network text, value float8, points float8, percentile float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT e.measure, e.network, e.value, e.points, e.percentile
	FROM @extschema@.influence_explain(user_id::text, model) AS e
$$;
COMMENT ON FUNCTION influence_explain(uuid, text) IS
	'What a person''s score is made of; see influence_explain(text, text)';

CREATE FUNCTION influence_explain_kinds(user_id text, model text DEFAULT NULL)
RETURNS TABLE (measure text, network text, kind text, count float8, decayed_value float8, points float8)
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_explain_kinds(text, text) IS
	'The points of influence_explain() down to the kinds of interaction that made them, most first; they add up to score - 1. A measure on a network is split over its kinds by their decayed value (audience: by signal weight x ln(1 + people)); count and decayed_value as in the view signals. kind is NULL where influence.signals no longer knows. Needs SELECT on scores, network_scores and signals. Errors as for influence_score()';

CREATE FUNCTION influence_explain_kinds(user_id bigint, model text DEFAULT NULL)
RETURNS TABLE (measure text, network text, kind text, count float8, decayed_value float8, points float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT e.measure, e.network, e.kind, e.count, e.decayed_value, e.points
	FROM @extschema@.influence_explain_kinds(user_id::text, model) AS e
$$;
COMMENT ON FUNCTION influence_explain_kinds(bigint, text) IS
	'The points of a score by measure, network and kind; see influence_explain_kinds(text, text)';

CREATE FUNCTION influence_explain_kinds(user_id uuid, model text DEFAULT NULL)
RETURNS TABLE (measure text, network text, kind text, count float8, decayed_value float8, points float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT e.measure, e.network, e.kind, e.count, e.decayed_value, e.points
	FROM @extschema@.influence_explain_kinds(user_id::text, model) AS e
$$;
COMMENT ON FUNCTION influence_explain_kinds(uuid, text) IS
	'The points of a score by measure, network and kind; see influence_explain_kinds(text, text)';
-- Incremental refreshes: what is kept of closed days, and which of them must be
-- read again.

-- What is kept can be read again from the sources, so it is neither in the
-- write-ahead log nor in a dump; after a crash the tables are empty.
SET LOCAL search_path = pg_catalog, pg_temp;
CREATE UNLOGGED TABLE influence.closed_days (
	day_id             bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	model              text NOT NULL,
	source             text NOT NULL,
	day                date NOT NULL,
	fingerprint        bigint NOT NULL,
	complete           boolean NOT NULL,
	rows               bigint NOT NULL
		CONSTRAINT rows_is_not_negative CHECK (rows >= 0),
	earliest_reaction  timestamptz,
	UNIQUE (model, source, day),
	FOREIGN KEY (model, source) REFERENCES influence.sources ON DELETE CASCADE ON UPDATE CASCADE
);
COMMENT ON TABLE influence.closed_days IS 'Closed days of incremental sources: a refresh takes their rows from influence.closed_records instead of the source';
COMMENT ON COLUMN influence.closed_days.day_id IS 'Number of the day in influence.closed_records';
COMMENT ON COLUMN influence.closed_days.model IS 'Model';
COMMENT ON COLUMN influence.closed_days.source IS 'Source of the model';
COMMENT ON COLUMN influence.closed_days.day IS 'Day (UTC)';
COMMENT ON COLUMN influence.closed_days.fingerprint IS 'Hash of the configuration that the rows were read under; another configuration makes the refresh read them again';
COMMENT ON COLUMN influence.closed_days.complete IS 'False when only standing rows (follow, authority) are kept, as of days before the window';
COMMENT ON COLUMN influence.closed_days.rows IS 'Rows of the day that counted when it was read';
COMMENT ON COLUMN influence.closed_days.earliest_reaction IS 'Time of the first reaction of the day; NULL when there was none';

-- PLAIN: read in place, a row a page.
CREATE UNLOGGED TABLE influence.closed_records (
	day_id   bigint NOT NULL REFERENCES influence.closed_days ON DELETE CASCADE,
	network  smallint NOT NULL,
	kind     smallint NOT NULL,
	records  bytea NOT NULL
);
ALTER TABLE influence.closed_records ALTER COLUMN records SET STORAGE PLAIN;
CREATE INDEX closed_records_day_id_idx ON influence.closed_records (day_id);
COMMENT ON TABLE influence.closed_records IS 'What a refresh keeps of the rows of closed days, in the form it works with; nobody but the extension reads it';
COMMENT ON COLUMN influence.closed_records.day_id IS 'Day, as in influence.closed_days';
COMMENT ON COLUMN influence.closed_records.network IS 'Number of the network';
COMMENT ON COLUMN influence.closed_records.kind IS 'Kind of the records';
COMMENT ON COLUMN influence.closed_records.records IS 'Records of fixed size, one behind the other; people by their number in influence.closed_people';

CREATE UNLOGGED TABLE influence.closed_people (
	model         text COLLATE "C" NOT NULL REFERENCES influence.models ON DELETE CASCADE,
	first_number  bigint NOT NULL,
	ids           bytea NOT NULL,
	PRIMARY KEY (model, first_number)
);
ALTER TABLE influence.closed_people ALTER COLUMN ids SET STORAGE EXTERNAL;
COMMENT ON TABLE influence.closed_people IS 'Ids of the people in influence.closed_records; nobody but the extension reads it';
COMMENT ON COLUMN influence.closed_people.model IS 'Model';
COMMENT ON COLUMN influence.closed_people.first_number IS 'Number of the first of them';
COMMENT ON COLUMN influence.closed_people.ids IS 'Ids one behind the other, as the server holds them in memory';

-- Written in the transactions that change the rows, so it is as durable as they are.
CREATE TABLE influence.invalidations (
	invalidation_id  bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	model            text NOT NULL REFERENCES influence.models ON DELETE CASCADE,
	source           text,
	since            timestamptz NOT NULL,
	until            timestamptz NOT NULL,
	CONSTRAINT since_is_before_until CHECK (since < until)
);
COMMENT ON TABLE influence.invalidations IS 'Ranges of time whose closed days the next refresh of the model reads again; it then deletes the row';
COMMENT ON COLUMN influence.invalidations.invalidation_id IS 'Number of the row';
COMMENT ON COLUMN influence.invalidations.model IS 'Model';
COMMENT ON COLUMN influence.invalidations.source IS 'Source of the model; NULL: all of them';
COMMENT ON COLUMN influence.invalidations.since IS 'Start of the range, which belongs to it';
COMMENT ON COLUMN influence.invalidations.until IS 'End of the range, which does not belong to it';

-- Records and people are for the refresh alone, which does not ask. Numbers are
-- for nobody to choose: others will get them.
GRANT SELECT, DELETE ON influence.closed_days, influence.invalidations TO PUBLIC;
GRANT INSERT (model, source, day, fingerprint, complete, rows, earliest_reaction) ON influence.closed_days TO PUBLIC;
GRANT INSERT (model, source, since, until) ON influence.invalidations TO PUBLIC;
ALTER TABLE influence.closed_days ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.closed_days
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));
ALTER TABLE influence.invalidations ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.invalidations
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));
SET LOCAL search_path = @extschema@, pg_temp;

CREATE FUNCTION influence_owned_source(model text, source text) RETURNS influence.sources
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
	found influence.sources;
BEGIN
	SELECT s.* INTO found FROM influence.sources AS s
	WHERE s.model = owned.model AND s.source = influence_owned_source.source;
	IF found.source IS NULL THEN
		RAISE EXCEPTION 'model "%" has no source "%"', model, coalesce(source, 'NULL')
			USING ERRCODE = 'undefined_object',
				  HINT = (SELECT coalesce('Its sources are: ' || string_agg(quote_ident(s.source), ', ' ORDER BY s.source) || '.',
										  'It has no source; influence_add_source() adds one.')
						  FROM influence.sources AS s WHERE s.model = owned.model);
	END IF;
	RETURN found;
END
$$;
COMMENT ON FUNCTION influence_owned_source(text, text) IS
	'Row of a source of a model that the caller owns; error 42704 when there is no such model or source, 42501 when the model belongs to another role';

CREATE FUNCTION influence_invalidate(
	model text,
	since timestamptz DEFAULT NULL,
	until timestamptz DEFAULT NULL,
	source text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
BEGIN
	IF source IS NOT NULL THEN
		PERFORM @extschema@.influence_owned_source(model, source);
	END IF;
	IF since >= until THEN
		RAISE EXCEPTION 'nothing lies between % and %', since, until
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'until must be after since. Leave one of them out for a range without that end.';
	END IF;
	INSERT INTO influence.invalidations (model, source, since, until)
	VALUES (owned.model, influence_invalidate.source, coalesce(since, '-infinity'), coalesce(until, 'infinity'));
END
$$;
COMMENT ON FUNCTION influence_invalidate(text, timestamptz, timestamptz, text) IS
	'Has the next refresh of a model read the days from since to before until again (NULL: without that end) of its incremental sources, or of one of them: call it in the transaction that adds, changes or deletes rows of closed days, where influence_track_changes() does not. Errors: 42704 no such model or source, 42501 the model belongs to another role, 22023 an empty range';

CREATE FUNCTION influence_log_changes() RETURNS trigger
AS 'MODULE_PATHNAME'
LANGUAGE C;
COMMENT ON FUNCTION influence_log_changes() IS
	'Trigger of influence_track_changes(): logs the closed days of a source whose rows a statement has added, changed or deleted in influence.invalidations; fired for a row, those of the row. Arguments: model and source';

CREATE FUNCTION influence_trigger_arguments(model text, source text DEFAULT NULL) RETURNS bytea
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT convert_to(model, getdatabaseencoding()) || '\x00'
		|| coalesce(convert_to(source, getdatabaseencoding()) || '\x00', '')
$$;
COMMENT ON FUNCTION influence_trigger_arguments(text, text) IS
	'What pg_trigger.tgargs of the triggers of influence_track_changes() begins with';

CREATE FUNCTION influence_drop_triggers(model text, source text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	arguments bytea := @extschema@.influence_trigger_arguments(model, source);
	found record;
BEGIN
	FOR found IN
		SELECT t.tgname, t.tgrelid::regclass AS relation FROM pg_trigger AS t
		WHERE t.tgfoid = '@extschema@.influence_log_changes()'::regprocedure
		  AND t.tgparentid = 0		-- others go with their parent
		  AND substr(t.tgargs, 1, length(arguments)) = arguments
		ORDER BY t.tgrelid::regclass::text COLLATE "C", t.tgname
	LOOP
		BEGIN
			EXECUTE format('DROP TRIGGER %I ON %s', found.tgname, found.relation);
		EXCEPTION WHEN insufficient_privilege THEN
			RAISE NOTICE 'trigger "%" of % stays: %', found.tgname, found.relation, SQLERRM
				USING HINT = 'It does nothing without its source; let the owner of the table drop it.';
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_drop_triggers(text, text) IS
	'Drops the triggers of influence_track_changes() for a source, or for all sources of a model; a notice names those that the caller may not drop';

CREATE FUNCTION influence_track_changes(model text, source text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tracked influence.sources := @extschema@.influence_owned_source(model, source);
	relation_kind "char" := (SELECT c.relkind FROM pg_class AS c WHERE c.oid = tracked.relation);
	suffix text := substr(md5(model || '/' || source), 1, 8);
	part regclass;
	event record;
BEGIN
	IF relation_kind IS NULL THEN
		RAISE EXCEPTION 'relation % of source "%" of model "%" does not exist', tracked.relation_name, source, model
			USING ERRCODE = 'undefined_table', HINT = 'Remove the source with influence_remove_source() and add it again.';
	END IF;
	IF relation_kind NOT IN ('r', 'p') THEN
		RAISE EXCEPTION 'changes of % cannot be tracked, which is not a table', tracked.relation
			USING ERRCODE = 'wrong_object_type',
				  HINT = 'Views and foreign tables have no triggers that see all changes. Call influence_invalidate() where their rows change.';
	END IF;

	-- a statement fires the triggers of the table that it names, so each partition gets its own
	FOR part IN
		WITH RECURSIVE parts (id) AS (
			SELECT tracked.relation::oid
			UNION
			SELECT i.inhrelid FROM pg_inherits AS i JOIN parts AS p ON i.inhparent = p.id)
		SELECT p.id FROM parts AS p ORDER BY p.id
	LOOP
		IF (SELECT c.relkind FROM pg_class AS c WHERE c.oid = part) = 'f' THEN
			RAISE EXCEPTION 'changes of % cannot be tracked, since its partition % is a foreign table', tracked.relation, part
				USING ERRCODE = 'wrong_object_type', HINT = 'Call influence_invalidate() where its rows change.';
		END IF;
		FOR event IN
			SELECT * FROM (VALUES
				('INSERT', 'REFERENCING NEW TABLE AS new_rows'),
				('UPDATE', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'),
				('DELETE', 'REFERENCING OLD TABLE AS old_rows'),
				('TRUNCATE', '')) AS e (name, tables)
		LOOP
			EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %s %s FOR EACH STATEMENT '
				'EXECUTE FUNCTION @extschema@.influence_log_changes(%L, %L)',
				format('influence_%s_%s', lower(event.name), suffix),
				event.name, part, event.tables, model, source);
		END LOOP;
		CONTINUE WHEN NOT (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c WHERE c.oid = part);

		-- What logical replication writes, and others under session_replication_role = replica: that
		-- fires triggers for rows, and those for TRUNCATE. Partitions have those of their parent.
		EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', part, 'influence_truncate_' || suffix);
		CONTINUE WHEN part <> tracked.relation AND (SELECT c.relispartition FROM pg_class AS c WHERE c.oid = part);
		EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW '
			'EXECUTE FUNCTION @extschema@.influence_log_changes(%L, %L)', 'influence_replica_' || suffix, part, model, source);
		EXECUTE format('ALTER TABLE %s ENABLE REPLICA TRIGGER %I', part, 'influence_replica_' || suffix);
	END LOOP;
	IF NOT (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c WHERE c.oid = tracked.relation) THEN
		RAISE NOTICE 'what logical replication writes to % is not tracked', tracked.relation
			USING HINT = 'Only a role with the rights of the owner of a table can track that: call influence_track_changes() as one, or influence_invalidate() where rows are replicated.';
	END IF;
	-- nobody has logged what changed so far
	PERFORM @extschema@.influence_invalidate(model, NULL::timestamptz, NULL::timestamptz, source);
END
$$;
COMMENT ON FUNCTION influence_track_changes(text, text) IS
	'Puts triggers on the table of a source, and on its partitions, that log which closed days INSERT, UPDATE, DELETE, COPY, MERGE and TRUNCATE touch, and (for callers with the rights of the table''s owner; a notice tells others) what logical replication writes, so that the next refresh reads these again. Call it again when partitions were added. Errors: 42704 no such model or source, 42501 the model belongs to another role or the right TRIGGER on the table is missing, 42809 not a table';

CREATE FUNCTION influence_untrack_changes(model text, source text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM @extschema@.influence_owned_source(model, source);
	PERFORM @extschema@.influence_drop_triggers(model, source);
END
$$;
COMMENT ON FUNCTION influence_untrack_changes(text, text) IS
	'Drops the triggers of influence_track_changes(), which only the owner of the table can. Errors: 42704 no such model or source, 42501 the model belongs to another role';
-- Learning from people's own judgements: how well do the scores agree with
-- pairs of whom one is more influential, and which weights would agree better?

CREATE FUNCTION influence_evaluate(model text, pairs text)
	RETURNS TABLE (pairs bigint, pairs_unknown bigint, auc float8, accuracy float8, slope float8,
				   log_loss float8, brier float8, calibration_error float8, calibration jsonb)
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1 COST 100000;
COMMENT ON FUNCTION influence_evaluate(text, text) IS
'How well the published scores of a model agree with judgements of who is more influential, in one row. '
'pairs: a SELECT with the columns more_influential and less_influential, ids of the model''s type; a pair may be judged often. '
'With d the score of the more influential person less that of the other: '
'pairs: those with two scores, which all else is about; pairs_unknown: the others. '
'accuracy: share with d > 0, d = 0 counts half. '
'auc: chance that the d of one pair is larger than the -d of another, equal ones half: each pair counts in its right and in its wrong order (Hanley and McNeil 1982). '
'slope: log-odds per point of score, at least 0: of a pair the one with the higher score is right with probability p = 1 / (1 + exp(-slope * |d|)), fitted to these pairs under a normal prior of deviation 2.5 on the log-odds of a typical d. '
'log_loss: mean of -ln of the probability of what was judged (ln 2 is a coin), brier: mean square of 1 less that probability (0.25 is a coin). '
'calibration: pairs in tenths by |d|, from small to large, each with pairs, predicted (mean p) and observed (share where the higher score was right, ties half); equal |d| stay together. '
'calibration_error: mean of |predicted - observed| over the pairs (Naeini et al. 2015). '
'Runs the query, and reads the view scores, with the rights of the caller. '
'Errors: 42704 no such model, 55000 before the first refresh, 42501 without SELECT on scores, 22004 for a null, 42703, 42702 or 42804 for bad columns, '
'22023 for no pairs, none with two scores, or one person on both sides of a row';

CREATE FUNCTION influence_fit(model text, pairs text, folds integer DEFAULT 5, store boolean DEFAULT false)
	RETURNS TABLE (measure text, weight float8, current_weight float8, slope float8, lambda float8,
				   pairs bigint, pairs_unknown bigint, accuracy float8, current_accuracy float8,
				   log_loss float8, current_log_loss float8)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 6 COST 100000;
COMMENT ON FUNCTION influence_fit(text, text, integer, boolean) IS
'Learns the weights of the measures from judgements of who is more influential; a row per measure. '
'pairs: as for influence_evaluate(). folds: of the cross-validation, 2 to 100; a pair''s fold follows from its ids, so the order of the rows does not matter. '
'store: put the weights into influence.models, where they take effect at the next refresh. '
'Model: a is judged more influential than b with probability 1 / (1 + exp(-slope * (raw_a - raw_b))) (Bradley and Terry 1952), with raw as the score has it, over all networks, from measures computed anew as of the published moment. '
'Fitted by penalised likelihood: weights are not negative, and those but authority sum to 1; lambda / 2 * slope^2 * sum of v * (weight - current weight)^2 pulls them to the current ones (v: mean square difference of the measure in the pairs), and the slope has a weak normal prior. '
'A measure in which no pair differs keeps its weight. lambda: that of 10 to 1e-4 with the least cross-validated log-loss (Hastie et al. 2009, 7.10). '
'weight: learned; current_weight: in influence.models; slope: log-odds per unit of raw; pairs, pairs_unknown: as for influence_evaluate(); '
'accuracy, log_loss: of held-out pairs, for the learned weights; current_accuracy, current_log_loss: for the current ones. '
'Runs the query with the rights of the caller, who must own the model, and reads the sources with those of its owner. '
'Errors: 42704 no such model, 42501 not yours, 22004 for a null, 42703, 42702 or 42804 for bad columns, '
'22023 for no pairs, none with two scores, fewer than folds, a bad number of folds, or one person on both sides of a row, '
'22000 when all pairs are tied or contradict every measure, 54000 not converged, and those of a refresh when it reads the sources';
-- What more interactions would do to a score, and the way to the next tier.

CREATE FUNCTION influence_what_if(user_id text, kind text, network text DEFAULT 'app', count int DEFAULT 10, model text DEFAULT NULL)
RETURNS TABLE (score_now float8, score_then float8, points float8, tier_now text, tier_then text, raw_now float8, raw_then float8)
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_what_if(text, text, text, int, text) IS
	'What so many more interactions of a kind would do to a score: one row, none for somebody with no score. Computed from what is published: each interaction comes from a new person of full trust who engages nobody else, at the moment of the scores, about one post, with a row weight of 1; network influence rises by damping x (1 - damping) for each; everybody else and the scale stay. Needs SELECT on scores, network_scores and signals. Errors: 22004 for a NULL, 22023 for a negative count or an unknown network or kind, otherwise as for influence_score()';

CREATE FUNCTION influence_what_if(user_id bigint, kind text, network text DEFAULT 'app', count int DEFAULT 10, model text DEFAULT NULL)
RETURNS TABLE (score_now float8, score_then float8, points float8, tier_now text, tier_then text, raw_now float8, raw_then float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT w.score_now, w.score_then, w.points, w.tier_now, w.tier_then, w.raw_now, w.raw_then
	FROM @extschema@.influence_what_if(user_id::text, kind, network, count, model) AS w
$$;
COMMENT ON FUNCTION influence_what_if(bigint, text, text, int, text) IS
	'What so many more interactions of a kind would do to a score; see influence_what_if(text, text, text, int, text)';

CREATE FUNCTION influence_what_if(user_id uuid, kind text, network text DEFAULT 'app', count int DEFAULT 10, model text DEFAULT NULL)
RETURNS TABLE (score_now float8, score_then float8, points float8, tier_now text, tier_then text, raw_now float8, raw_then float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT w.score_now, w.score_then, w.points, w.tier_now, w.tier_then, w.raw_now, w.raw_then
	FROM @extschema@.influence_what_if(user_id::text, kind, network, count, model) AS w
$$;
COMMENT ON FUNCTION influence_what_if(uuid, text, text, int, text) IS
	'What so many more interactions of a kind would do to a score; see influence_what_if(text, text, text, int, text)';

CREATE FUNCTION influence_next_tier(user_id text, model text DEFAULT NULL)
RETURNS TABLE (tier text, min_score float8, points float8, network text, kind text, count int)
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_next_tier(text, text) IS
	'The ways to the next tier, cheapest first: its name and lowest score, the points that are missing, and for each kind of reaction, share, endorsement and follow on the networks of the person how many more would do, as influence_what_if() computes it; NULL when a million would not. No rows in the highest tier and for somebody with no score. Errors as for influence_what_if()';

CREATE FUNCTION influence_next_tier(user_id bigint, model text DEFAULT NULL)
RETURNS TABLE (tier text, min_score float8, points float8, network text, kind text, count int)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT n.tier, n.min_score, n.points, n.network, n.kind, n.count
	FROM @extschema@.influence_next_tier(user_id::text, model) AS n
$$;
COMMENT ON FUNCTION influence_next_tier(bigint, text) IS
	'The ways to the next tier, cheapest first; see influence_next_tier(text, text)';

CREATE FUNCTION influence_next_tier(user_id uuid, model text DEFAULT NULL)
RETURNS TABLE (tier text, min_score float8, points float8, network text, kind text, count int)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT n.tier, n.min_score, n.points, n.network, n.kind, n.count
	FROM @extschema@.influence_next_tier(user_id::text, model) AS n
$$;
COMMENT ON FUNCTION influence_next_tier(uuid, text) IS
	'The ways to the next tier, cheapest first; see influence_next_tier(text, text)';
-- People next to each other: side by side, by rank, within their tier.

CREATE FUNCTION influence_find_people(model text, user_ids text[], within_tier boolean)
RETURNS TABLE (
	place bigint, user_id text, score float8, tier text, rank bigint, percentile float8, tier_percentile float8,
	true_reach float8, amplification float8, network_influence float8, audience float8,
	day_change float8, week_change float8, month_change float8)
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_find_people(text, text[], boolean) IS
	'Rows of the view scores of the people given, with their place in the array and NULLs for those with no score; within_tier: with the percentile within the tier. Part of influence_compare() and influence_search()';

CREATE FUNCTION influence_find_best(model text, network text, "limit" int)
RETURNS TABLE (rank bigint, user_id text, score float8, tier text, week_change float8)
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_find_best(text, text, int) IS
	'The people of the highest scores, over all or on one network; part of influence_leaderboard()';

CREATE FUNCTION influence_tier_percentile(user_id text, model text DEFAULT NULL) RETURNS float8
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_tier_percentile(text, text) IS
	'Percent of the people in a person''s tier who score less, those of equal score counted half, 0 to 100; NULL for somebody with no score. Reads the view scores, once over the tier. Errors as for influence_score()';

CREATE FUNCTION influence_tier_percentile(user_id bigint, model text DEFAULT NULL) RETURNS float8
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT @extschema@.influence_tier_percentile(user_id::text, model) $$;
COMMENT ON FUNCTION influence_tier_percentile(bigint, text) IS
	'Percentile of a person within the tier; see influence_tier_percentile(text, text)';

CREATE FUNCTION influence_tier_percentile(user_id uuid, model text DEFAULT NULL) RETURNS float8
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT @extschema@.influence_tier_percentile(user_id::text, model) $$;
COMMENT ON FUNCTION influence_tier_percentile(uuid, text) IS
	'Percentile of a person within the tier; see influence_tier_percentile(text, text)';

CREATE FUNCTION influence_compare(user_ids text[], model text)
RETURNS TABLE (
	user_id text, display_name text, score float8, tier text, rank bigint, percentile float8, tier_percentile float8,
	true_reach float8, amplification float8, network_influence float8, audience float8,
	day_change float8, week_change float8, month_change float8)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found record;
BEGIN
	found := @extschema@.influence_find_model(model, true);
	RETURN QUERY
		SELECT p.user_id, f.display_name, p.score, p.tier, p.rank, p.percentile, p.tier_percentile,
			p.true_reach, p.amplification, p.network_influence, p.audience, p.day_change, p.week_change, p.month_change
		FROM @extschema@.influence_find_people(found.name, user_ids, true) AS p
		LEFT JOIN @extschema@.influence_find_profiles(found.name, user_ids, NULL::text) AS f ON f.user_id = p.user_id
		ORDER BY p.place;
END
$$;
COMMENT ON FUNCTION influence_compare(text[], text) IS
	'People side by side, in the order given, a row each: name (with influence_set_profiles()), score, tier, rank, percentile among all and within the tier, measures and changes as in the view scores; NULLs for somebody with no score. Needs SELECT on scores, and on the profile relation where there is one. Errors as for influence_score()';

CREATE FUNCTION influence_compare(user_ids bigint[], model text)
RETURNS TABLE (
	user_id text, display_name text, score float8, tier text, rank bigint, percentile float8, tier_percentile float8,
	true_reach float8, amplification float8, network_influence float8, audience float8,
	day_change float8, week_change float8, month_change float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.user_id, c.display_name, c.score, c.tier, c.rank, c.percentile, c.tier_percentile, c.true_reach, c.amplification,
		c.network_influence, c.audience, c.day_change, c.week_change, c.month_change
	FROM @extschema@.influence_compare(user_ids::text[], model) AS c
$$;
COMMENT ON FUNCTION influence_compare(bigint[], text) IS
	'People of a model side by side; see influence_compare(text[], text)';

CREATE FUNCTION influence_compare(user_ids uuid[], model text)
RETURNS TABLE (
	user_id text, display_name text, score float8, tier text, rank bigint, percentile float8, tier_percentile float8,
	true_reach float8, amplification float8, network_influence float8, audience float8,
	day_change float8, week_change float8, month_change float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.user_id, c.display_name, c.score, c.tier, c.rank, c.percentile, c.tier_percentile, c.true_reach, c.amplification,
		c.network_influence, c.audience, c.day_change, c.week_change, c.month_change
	FROM @extschema@.influence_compare(user_ids::text[], model) AS c
$$;
COMMENT ON FUNCTION influence_compare(uuid[], text) IS
	'People of a model side by side; see influence_compare(text[], text)';

CREATE FUNCTION influence_compare(VARIADIC user_ids bigint[])
RETURNS TABLE (
	user_id text, display_name text, score float8, tier text, rank bigint, percentile float8, tier_percentile float8,
	true_reach float8, amplification float8, network_influence float8, audience float8,
	day_change float8, week_change float8, month_change float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.user_id, c.display_name, c.score, c.tier, c.rank, c.percentile, c.tier_percentile, c.true_reach, c.amplification,
		c.network_influence, c.audience, c.day_change, c.week_change, c.month_change
	FROM @extschema@.influence_compare(user_ids::text[], NULL::text) AS c
$$;
COMMENT ON FUNCTION influence_compare(bigint[]) IS
	'People of the default model side by side; see influence_compare(text[], text)';

CREATE FUNCTION influence_compare(VARIADIC user_ids uuid[])
RETURNS TABLE (
	user_id text, display_name text, score float8, tier text, rank bigint, percentile float8, tier_percentile float8,
	true_reach float8, amplification float8, network_influence float8, audience float8,
	day_change float8, week_change float8, month_change float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.user_id, c.display_name, c.score, c.tier, c.rank, c.percentile, c.tier_percentile, c.true_reach, c.amplification,
		c.network_influence, c.audience, c.day_change, c.week_change, c.month_change
	FROM @extschema@.influence_compare(user_ids::text[], NULL::text) AS c
$$;
COMMENT ON FUNCTION influence_compare(uuid[]) IS
	'People of the default model side by side; see influence_compare(text[], text)';

CREATE FUNCTION influence_compare(VARIADIC user_ids text[])
RETURNS TABLE (
	user_id text, display_name text, score float8, tier text, rank bigint, percentile float8, tier_percentile float8,
	true_reach float8, amplification float8, network_influence float8, audience float8,
	day_change float8, week_change float8, month_change float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.user_id, c.display_name, c.score, c.tier, c.rank, c.percentile, c.tier_percentile, c.true_reach, c.amplification,
		c.network_influence, c.audience, c.day_change, c.week_change, c.month_change
	FROM @extschema@.influence_compare(user_ids, NULL::text) AS c
$$;
COMMENT ON FUNCTION influence_compare(text[]) IS
	'People of the default model side by side; see influence_compare(text[], text)';

CREATE FUNCTION influence_leaderboard(model text DEFAULT NULL, network text DEFAULT NULL, "limit" int DEFAULT 10)
RETURNS TABLE (rank bigint, user_id text, display_name text, score float8, tier text, week_change float8)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found record;
BEGIN
	IF "limit" < 0 THEN
		RAISE EXCEPTION 'limit must not be negative, but is %', "limit"
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the number of people, or NULL for all.';
	END IF;
	found := @extschema@.influence_find_model(model, true);
	RETURN QUERY
		WITH best AS MATERIALIZED (
			SELECT * FROM @extschema@.influence_find_best(found.name, network, "limit")
		)
		SELECT b.rank, b.user_id, f.display_name, b.score, b.tier, b.week_change
		FROM best AS b
		LEFT JOIN @extschema@.influence_find_profiles(found.name, ARRAY(SELECT b.user_id FROM best AS b), NULL::text) AS f
			ON f.user_id = b.user_id
		ORDER BY b.rank;
END
$$;
COMMENT ON FUNCTION influence_leaderboard(text, text, int) IS
	'The people of the highest scores, best first, over all or on one network: score is that of the network then, while tier and week_change are always those of the person; display_name with influence_set_profiles(). limit: NULL for all. Needs SELECT on scores, with a network on network_scores, and on the profile relation where there is one. Error 22023 for a negative limit, otherwise as for influence_score()';
-- Privacy: people who are not scored, and leave no trace.

SET LOCAL search_path = pg_catalog, pg_temp;
CREATE TABLE influence.privacy_choices (
	model      text NOT NULL,
	user_hash  bytea NOT NULL
		CONSTRAINT user_hash_of_32_bytes CHECK (octet_length(user_hash) = 32),
	choice     text NOT NULL
		CONSTRAINT choice_is_known CHECK (choice IN ('opted_in', 'opted_out', 'forgotten')),
	chosen_at  timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (model, user_hash)
);
COMMENT ON TABLE influence.privacy_choices IS 'Who opted in or out of each model, by a hash of the id: the list is no trace of the people on it; filled by influence_opt_out(), influence_opt_in() and influence_forget()';
COMMENT ON COLUMN influence.privacy_choices.model IS 'Model';
COMMENT ON COLUMN influence.privacy_choices.user_hash IS 'SHA-256 of the model''s id_salt and the id, see influence_user_hash()';
COMMENT ON COLUMN influence.privacy_choices.choice IS 'opted_in: may be scored where scored_only is on; opted_out, forgotten: is not scored, and acts as somebody unknown';
COMMENT ON COLUMN influence.privacy_choices.chosen_at IS 'When';

CREATE TRIGGER privacy_choices_model_fkey AFTER INSERT OR UPDATE OF model ON influence.privacy_choices
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_privacy_choices BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_keep_references('privacy_choices', 'model');

GRANT SELECT, INSERT, UPDATE, DELETE ON influence.privacy_choices TO PUBLIC;
ALTER TABLE influence.privacy_choices ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.privacy_choices
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));
SELECT pg_catalog.pg_extension_config_dump('influence.privacy_choices', '');
SET LOCAL search_path = @extschema@, pg_temp;

CREATE FUNCTION influence_user_hash(salt bytea, id_type regtype, user_id text) RETURNS bytea
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_user_hash(bytea, regtype, text) IS
	'Hash that stands for a person in influence.privacy_choices: SHA-256 of the salt and the id (bigint: 8 bytes, highest first; uuid: 16 bytes; text: its bytes). Error 22P02 when the text is no id of that type';

CREATE FUNCTION influence_remove_person(model text, user_id text) RETURNS bigint
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION influence_remove_person(text, text) IS
	'Delete the rows about a person from the score views and the history of a model, at commit; returns how many there were. The next refresh brings them back, unlike after influence_opt_out(). Waits for a refresh that is running. Errors: 42501 for others than the owner of the model, 22P02 for an id that is none of the model''s type';

CREATE FUNCTION influence_choose_privacy(user_id text, choice text, model text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models;
BEGIN
	owned := @extschema@.influence_owned_model((@extschema@.influence_find_model(model, false)).name, true);
	IF user_id IS NULL THEN
		RAISE EXCEPTION 'user_id must not be NULL' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	-- first the choice, then the rows: a refresh that ends in between has seen
	-- neither, and its rows go, too
	INSERT INTO influence.privacy_choices AS c (model, user_hash, choice)
	VALUES (owned.model, @extschema@.influence_user_hash(owned.id_salt, owned.id_type, user_id), choice)
	ON CONFLICT ON CONSTRAINT privacy_choices_pkey DO UPDATE SET choice = excluded.choice, chosen_at = now();
	IF choice <> 'opted_in' THEN
		PERFORM @extschema@.influence_remove_person(owned.model, user_id);
	END IF;
END
$$;
COMMENT ON FUNCTION influence_choose_privacy(text, text, text) IS
	'What influence_opt_out(), influence_opt_in() and influence_forget() have in common; choice: opted_out, opted_in or forgotten';

CREATE FUNCTION influence_opt_out(user_id text, model text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT @extschema@.influence_choose_privacy(user_id, 'opted_out'::text, model)
$$;
COMMENT ON FUNCTION influence_opt_out(text, text) IS
	'A person is not scored any more: at commit no view of the model and no history holds a row about them, and no refresh makes one until influence_opt_in(). What they do to others counts as of somebody unknown, or not at all (opted_out_actors in influence.models). Waits for a refresh that is running. model: default influence.default_model, else the only one. For the owner of the model. Errors: 42501 for others, 22P02 for an id that is none of the model''s type';

CREATE FUNCTION influence_opt_out(user_id bigint, model text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT @extschema@.influence_choose_privacy(user_id::text, 'opted_out'::text, model)
$$;
COMMENT ON FUNCTION influence_opt_out(bigint, text) IS 'A person is not scored any more; see influence_opt_out(text, text)';

CREATE FUNCTION influence_opt_out(user_id uuid, model text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT @extschema@.influence_choose_privacy(user_id::text, 'opted_out'::text, model)
$$;
COMMENT ON FUNCTION influence_opt_out(uuid, text) IS 'A person is not scored any more; see influence_opt_out(text, text)';

CREATE FUNCTION influence_opt_in(user_id text, model text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT @extschema@.influence_choose_privacy(user_id, 'opted_in'::text, model)
$$;
COMMENT ON FUNCTION influence_opt_in(text, text) IS
	'A person may be scored, from the next refresh on: takes back influence_opt_out() and influence_forget(), and is the consent that scored_only in influence.models asks for. Arguments and errors as for influence_opt_out(text, text)';

CREATE FUNCTION influence_opt_in(user_id bigint, model text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT @extschema@.influence_choose_privacy(user_id::text, 'opted_in'::text, model)
$$;
COMMENT ON FUNCTION influence_opt_in(bigint, text) IS 'A person may be scored; see influence_opt_in(text, text)';

CREATE FUNCTION influence_opt_in(user_id uuid, model text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT @extschema@.influence_choose_privacy(user_id::text, 'opted_in'::text, model)
$$;
COMMENT ON FUNCTION influence_opt_in(uuid, text) IS 'A person may be scored; see influence_opt_in(text, text)';

CREATE FUNCTION influence_forget(user_id text, model text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT @extschema@.influence_choose_privacy(user_id, 'forgotten'::text, model)
$$;
COMMENT ON FUNCTION influence_forget(text, text) IS
	'Forget a person: as influence_opt_out(), noted as a request for erasure. influence_check_forgotten() proves it. Your own tables are yours to clear';

CREATE FUNCTION influence_forget(user_id bigint, model text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT @extschema@.influence_choose_privacy(user_id::text, 'forgotten'::text, model)
$$;
COMMENT ON FUNCTION influence_forget(bigint, text) IS 'Forget a person; see influence_forget(text, text)';

CREATE FUNCTION influence_forget(user_id uuid, model text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT @extschema@.influence_choose_privacy(user_id::text, 'forgotten'::text, model)
$$;
COMMENT ON FUNCTION influence_forget(uuid, text) IS 'Forget a person; see influence_forget(text, text)';

CREATE FUNCTION influence_check_forgotten(user_id text, model text DEFAULT NULL)
RETURNS TABLE (relation text, matches bigint)
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_check_forgotten(text, text) IS
	'Look for a person in every relation of a model: a row for each of them, with the number of its rows about them. After influence_opt_out() or influence_forget() all are 0. For the owner of the model';

CREATE FUNCTION influence_check_forgotten(user_id bigint, model text DEFAULT NULL)
RETURNS TABLE (relation text, matches bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.relation, c.matches FROM @extschema@.influence_check_forgotten(user_id::text, model) AS c
$$;
COMMENT ON FUNCTION influence_check_forgotten(bigint, text) IS 'Look for a person in every relation of a model; see influence_check_forgotten(text, text)';

CREATE FUNCTION influence_check_forgotten(user_id uuid, model text DEFAULT NULL)
RETURNS TABLE (relation text, matches bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.relation, c.matches FROM @extschema@.influence_check_forgotten(user_id::text, model) AS c
$$;
COMMENT ON FUNCTION influence_check_forgotten(uuid, text) IS 'Look for a person in every relation of a model; see influence_check_forgotten(text, text)';
-- The configuration of a model as one value: to look at, to keep with the log,
-- to change, and to preview changes of.

-- In the shape that influence_configure() takes. Without what is fixed at
-- creation or written by refreshes, and without the salt, which is a secret.
SET LOCAL search_path = pg_catalog, pg_temp;
CREATE VIEW influence.current_configuration WITH (security_invoker = true) AS
	SELECT
		m.model,
		m.formula_version,
		jsonb_build_object(
			'models', to_jsonb(m) - '{model,id_type,schema,created_by,formula_version,id_salt,published_as_of,created_at,schema_created}'::text[],
			'networks', (SELECT coalesce(jsonb_agg(to_jsonb(n) - '{model,prior_shares,prior_posts}'::text[] ORDER BY n.network COLLATE "C"), '[]')
						 FROM influence.networks AS n WHERE n.model = m.model),
			'signals', (SELECT coalesce(jsonb_agg(to_jsonb(s) - 'model' ORDER BY s.network COLLATE "C", s.kind COLLATE "C"), '[]')
						FROM influence.signals AS s WHERE s.model = m.model),
			'tiers', (SELECT coalesce(jsonb_agg(to_jsonb(t) - 'model' ORDER BY t.min_score), '[]')
					  FROM influence.tiers AS t WHERE t.model = m.model),
			-- a relation is printed by the search_path, its name was kept
			'sources', (SELECT coalesce(jsonb_agg(to_jsonb(s) - '{model,relation}'::text[] ORDER BY s.source COLLATE "C"), '[]')
						FROM influence.sources AS s WHERE s.model = m.model),
			'accounts', (SELECT to_jsonb(a) - '{model,relation}'::text[] FROM influence.accounts AS a WHERE a.model = m.model)) AS configuration
	FROM influence.models AS m
	WHERE @extschema@.influence_may_change(m.schema, m.created_by);
COMMENT ON VIEW influence.current_configuration IS 'The configuration of each model that the current role owns, as one value';
COMMENT ON COLUMN influence.current_configuration.model IS 'Model';
COMMENT ON COLUMN influence.current_configuration.formula_version IS 'Version of the formula';
COMMENT ON COLUMN influence.current_configuration.configuration IS 'Object with models (the options), networks, signals, tiers, sources and accounts; without the last two it is a change for influence_configure()';
GRANT SELECT ON influence.current_configuration TO PUBLIC;
SET LOCAL search_path = @extschema@, pg_temp;

CREATE FUNCTION influence_configure_row(model text, relation regclass, key text[], change jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	kind text := rtrim((SELECT c.relname FROM pg_class AS c WHERE c.oid = relation), 's');
	what text := CASE kind WHEN 'model' THEN 'the options' ELSE 'a ' || kind END;
	possible text[];
	given text[];
	wrong text;
	"constraint" text;
	hint text;
	changed bigint;
BEGIN
	IF jsonb_typeof(change) <> 'object' THEN
		RAISE EXCEPTION 'change of % of model "%" is not an object: %', what, model, change
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write it as {"column": value, ...}.';
	END IF;
	SELECT array_agg(a.attname ORDER BY a.attnum) INTO possible
	FROM pg_attribute AS a
	WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
	  AND a.attname <> ALL ('{model,prior_shares,prior_posts}')
	  AND (kind <> 'model' OR a.attname IN (SELECT jsonb_object_keys(c.configuration->'models')
											FROM influence.current_configuration AS c WHERE c.model = influence_configure_row.model));
	SELECT array_agg(k ORDER BY k) INTO given FROM jsonb_object_keys(change) AS k;
	SELECT min(k) INTO wrong FROM unnest(given) AS k WHERE k <> ALL (possible);
	IF wrong IS NOT NULL THEN
		RAISE EXCEPTION '% no % "%"', CASE kind WHEN 'model' THEN format('model "%s" has', model) ELSE format('influence.%ss has', kind) END,
				CASE kind WHEN 'model' THEN 'option' ELSE 'column' END, wrong
			USING ERRCODE = 'undefined_column', HINT = format('There are: %s.', array_to_string(possible, ', '));
	END IF;
	SELECT min(k) INTO wrong FROM unnest(key) AS k WHERE change->>k IS NULL;
	IF wrong IS NOT NULL THEN
		RAISE EXCEPTION 'change of % of model "%" has no %: %', what, model, wrong, change
			USING ERRCODE = 'null_value_not_allowed',
				  HINT = format('Say which %s it is about: %s.', kind, array_to_string(key, ', '));
	END IF;
	IF given IS NULL THEN
		RETURN;
	END IF;

	BEGIN
		EXECUTE format('UPDATE %s AS r SET (%s) = ROW (%s) FROM jsonb_populate_record(NULL::%s, $2) AS new WHERE r.model = $1 %s',
			relation,
			(SELECT string_agg(quote_ident(k), ', ') FROM unnest(given) AS k),
			(SELECT string_agg('new.' || quote_ident(k), ', ') FROM unnest(given) AS k),
			relation,
			(SELECT string_agg(format(' AND r.%1$I = new.%1$I', k), '') FROM unnest(key) AS k))
		USING model, change;
		GET DIAGNOSTICS changed = ROW_COUNT;
		IF changed = 0 AND change ? 'role' THEN
			EXECUTE format('INSERT INTO %s (model, %s) SELECT $1, %s FROM jsonb_populate_record(NULL::%s, $2) AS new',
				relation,
				(SELECT string_agg(quote_ident(k), ', ') FROM unnest(given) AS k),
				(SELECT string_agg('new.' || quote_ident(k), ', ') FROM unnest(given) AS k),
				relation)
			USING model, change;
			changed := 1;
		END IF;
	EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
		GET STACKED DIAGNOSTICS "constraint" = CONSTRAINT_NAME, hint = PG_EXCEPTION_HINT;
		RAISE EXCEPTION 'cannot change % of model "%": %', what, model, SQLERRM
			USING ERRCODE = SQLSTATE, DETAIL = format('The change is %s.', change),
				  HINT = coalesce((SELECT format('The rule is %s.', pg_get_constraintdef(c.oid)) FROM pg_constraint AS c
								   WHERE c.conrelid = relation AND c.conname = "constraint"),
								  nullif(hint, ''), 'Values are written as in UPDATE: numbers, ''45 days'', true.');
	END;
	IF changed = 0 THEN
		RAISE EXCEPTION 'model "%" has no % "%"', model,
				CASE kind WHEN 'signal' THEN format('signal for kind "%s" on network', change->>'kind') ELSE kind END, change->>key[1]
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = CASE kind WHEN 'signal' THEN 'With a role it is added: {"network": "app", "kind": "wave", "role": "reaction"}.'
						 ELSE format('A new one is a row of influence.%ss.', kind) END;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_configure_row(text, regclass, text[], jsonb) IS
	'One change of influence_configure(): a row of influence.models, networks, signals or tiers, found by the columns of key';

CREATE FUNCTION influence_configure(model text, changes jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
	options jsonb := coalesce(changes->'models', '{}');
	others jsonb;
	part text;
	change jsonb;
BEGIN
	IF changes IS NULL OR jsonb_typeof(changes) <> 'object' OR jsonb_typeof(options) <> 'object' THEN
		RAISE EXCEPTION 'changes of model "%" are not an object: %', model, coalesce(changes::text, 'NULL')
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Write {"damping": 0.9}, or {"models": {"damping": 0.9}, "networks": [{"network": "app", "weight": 2}], "signals": [...]}.';
	END IF;
	others := changes - '{models,networks,signals,tiers}'::text[];
	IF others ?| '{sources,accounts}' THEN
		RAISE EXCEPTION 'changes of model "%" hold "%"', model, CASE WHEN others ? 'sources' THEN 'sources' ELSE 'accounts' END
			USING ERRCODE = 'feature_not_supported',
				  HINT = 'These are changed with influence_add_source(), influence_remove_source() and influence_set_accounts(); take them out: changes - ''{sources,accounts}''::text[].';
	END IF;
	SELECT min(k) INTO part FROM jsonb_object_keys(others) AS k WHERE options ? k;
	IF part IS NOT NULL THEN
		RAISE EXCEPTION 'changes of model "%" hold option "%" twice', model, part
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give it once, inside or outside of "models".';
	END IF;

	PERFORM @extschema@.influence_configure_row(owned.model, 'influence.models'::regclass, '{}'::text[], options || others);
	FOREACH part IN ARRAY '{networks,signals,tiers}'::text[] LOOP
		IF jsonb_typeof(coalesce(changes->part, '[]')) <> 'array' THEN
			RAISE EXCEPTION '"%" in the changes of model "%" is not an array: %', part, model, changes->part
				USING ERRCODE = 'invalid_parameter_value', HINT = format('Write "%s": [{...}, ...].', part);
		END IF;
		FOR change IN SELECT e.value FROM jsonb_array_elements(coalesce(changes->part, '[]')) AS e LOOP
			PERFORM @extschema@.influence_configure_row(owned.model, ('influence.' || part)::regclass,
				CASE part WHEN 'networks' THEN '{network}' WHEN 'signals' THEN '{network,kind}' ELSE '{tier}' END::text[], change);
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_configure(text, jsonb) IS
	'Changes the configuration of a model, all of it or nothing, for the next refresh: the same as UPDATEs of influence.models, networks, signals and tiers. changes: an object of options of influence.models, at its top or under "models", and arrays "networks" (each with network), "signals" (each with network and kind; one that is new needs its role, and is added) and "tiers" (each with tier). Errors: 42704 no such model, 42501 not its owner, 42703 unknown option or column, 23514 or another of class 22 or 23 for a value that is refused, 22023 not an object, no such network, signal or tier, 0A000 sources or accounts';

CREATE FUNCTION influence_preview_rows(model text, changes jsonb, as_of timestamptz, recalibrate boolean,
	OUT user_id text, OUT score_before float8, OUT score_after float8, OUT rank_before bigint, OUT rank_after bigint,
	OUT tier_before text, OUT tier_after text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE;
COMMENT ON FUNCTION influence_preview_rows(text, jsonb, timestamptz, boolean) IS
	'What influence_preview() and influence_preview_scores() have in common: the published scores and those under changes, as of a moment; recalibrate: fit the map from raw to score anew';

CREATE FUNCTION influence_preview_moment(model text, as_of timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
BEGIN
	IF owned.published_as_of IS NULL THEN
		RAISE EXCEPTION 'model "%" has not been refreshed yet', model
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('SELECT influence_refresh(%L);', model);
	END IF;
	RETURN coalesce(as_of, owned.published_as_of);
END
$$;
COMMENT ON FUNCTION influence_preview_moment(text, timestamptz) IS
	'The moment of a preview: the one given, else the published one; error 55000 when nothing is published';

CREATE FUNCTION influence_preview_recalibrates(model text, changes jsonb, recalibrate boolean) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(recalibrate, false)
		OR flat.options ?| '{target_mean,target_p95}'
		OR coalesce(flat.options->>'calibration_policy', m.calibration_policy) = 'each_refresh'
	FROM influence.models AS m
	CROSS JOIN LATERAL (SELECT CASE WHEN jsonb_typeof(changes->'models') = 'object' THEN changes || (changes->'models') ELSE changes END) AS flat (options)
	WHERE m.model = influence_preview_recalibrates.model
$$;
COMMENT ON FUNCTION influence_preview_recalibrates(text, jsonb, boolean) IS
	'Whether a preview fits the map from raw to score anew: on request, when the targets change, and when the map follows the population';

CREATE FUNCTION influence_preview_scores(
	model text,
	changes jsonb DEFAULT '{}',
	as_of timestamptz DEFAULT NULL,
	recalibrate boolean DEFAULT false)
RETURNS TABLE (user_id text, score_before float8, score_after float8, change float8,
			   tier_before text, tier_after text, rank_before bigint, rank_after bigint)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT p.user_id, p.score_before, p.score_after, p.score_after - p.score_before,
		p.tier_before, p.tier_after, p.rank_before, p.rank_after
	FROM @extschema@.influence_preview_rows(model, coalesce(changes, '{}'::jsonb),
			@extschema@.influence_preview_moment(model, as_of),
			@extschema@.influence_preview_recalibrates(model, changes, recalibrate)) AS p
$$;
COMMENT ON FUNCTION influence_preview_scores(text, jsonb, timestamptz, boolean) IS
	'The published score of each person beside the one under changed options, as influence_configure() takes them; nothing is published or changed. NULL where a person has no score, before or after. as_of: default the published moment. The map from raw to score stays as it is, unless recalibrate is true, the changes touch target_mean or target_p95, or the map follows the population. For the owner of the model. Errors: those of influence_configure() and of a refresh, 55000 before the first refresh, 25006 in a read-only transaction';

CREATE FUNCTION influence_preview(
	model text,
	changes jsonb DEFAULT '{}',
	as_of timestamptz DEFAULT NULL,
	recalibrate boolean DEFAULT false)
RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH p AS MATERIALIZED (
		SELECT * FROM @extschema@.influence_preview_scores(model, changes, as_of, recalibrate)
	), moved AS MATERIALIZED (
		SELECT jsonb_build_object('user_id', p.user_id, 'before', p.score_before, 'after', p.score_after, 'change', p.change) AS person,
			p.change,
			row_number() OVER (ORDER BY p.change DESC, p.rank_before) AS rise,
			row_number() OVER (ORDER BY p.change, p.rank_before) AS fall
		FROM p WHERE p.change IS NOT NULL
	), tiers AS (
		SELECT p.tier_before, p.tier_after, count(*) AS people, min(p.score_before) AS low_before, min(p.score_after) AS low_after
		FROM p WHERE p.change IS NOT NULL GROUP BY p.tier_before, p.tier_after
	)
	SELECT jsonb_build_object(
		'model', influence_preview.model,
		'changes', coalesce(influence_preview.changes, '{}'),
		'as_of', @extschema@.influence_preview_moment(influence_preview.model, influence_preview.as_of),
		'recalibrated', @extschema@.influence_preview_recalibrates(influence_preview.model, influence_preview.changes, influence_preview.recalibrate),
		'people', count(p.score_after),
		'compared', count(p.change),
		'new', count(*) FILTER (WHERE p.score_before IS NULL),
		'gone', count(*) FILTER (WHERE p.score_after IS NULL),
		'mean_before', avg(p.score_before),
		'mean_after', avg(p.score_after),
		'mean_absolute_change', avg(abs(p.change)),
		'moved_more_than', jsonb_build_object(
			'1', count(*) FILTER (WHERE abs(p.change) > 1),
			'5', count(*) FILTER (WHERE abs(p.change) > 5),
			'10', count(*) FILTER (WHERE abs(p.change) > 10)),
		'largest_rises', (SELECT coalesce(jsonb_agg(m.person ORDER BY m.rise), '[]') FROM moved AS m WHERE m.rise <= 10 AND m.change > 0),
		'largest_falls', (SELECT coalesce(jsonb_agg(m.person ORDER BY m.fall), '[]') FROM moved AS m WHERE m.fall <= 10 AND m.change < 0),
		'tiers', (SELECT coalesce(jsonb_agg(jsonb_build_object('from', t.tier_before, 'to', t.tier_after, 'people', t.people)
											ORDER BY t.low_before DESC, t.low_after DESC), '[]') FROM tiers AS t))
	FROM p
$$;
COMMENT ON FUNCTION influence_preview(text, jsonb, timestamptz, boolean) IS
	'What changed options would do to the published scores, as an object: people scored after, compared (with a score before and after), new, gone, the means, how many move by more than 1, 5 and 10 points, the ten largest rises and falls, and how many go from which tier to which. Nothing is published or changed. Arguments and errors as for influence_preview_scores()';
-- Profiles: the relation that knows the names of people, and finding them by name.

CREATE FUNCTION influence_find_profiles(model text, user_ids text[] DEFAULT NULL, name text DEFAULT NULL)
RETURNS TABLE (user_id text, display_name text, region text, account_created_at timestamptz)
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_find_profiles(text, text[], text) IS
	'Names of people of a model, of those given (NULL: everybody) whose name holds a text (NULL: any), a row each; part of influence_leaderboard(), influence_compare() and influence_search(). Errors: 42501 the caller may not read the profile relation, or row-level security applies, 42P01 it is gone, 55000 no profiles (name)';

CREATE FUNCTION influence_create_named_scores(model text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
BEGIN
	-- reads the profiles when it is read, so that their relation can be altered and dropped
	EXECUTE format($view$
		CREATE OR REPLACE VIEW %1$I.named_scores WITH (security_invoker = true) AS
		SELECT s.user_id, p.display_name, p.region, p.account_created_at, s.as_of - p.account_created_at AS account_age,
			s.score, s.tier, s.rank, s.percentile, s.day_change, s.week_change, s.month_change, s.last_active_at, s.as_of
		FROM %1$I.scores AS s
		LEFT JOIN @extschema@.influence_find_profiles(%2$L::text, NULL::text[], NULL::text) AS p ON p.user_id = s.user_id::text
		$view$, owned.schema, owned.model);
	EXECUTE format('COMMENT ON VIEW %I.named_scores IS %L', owned.schema,
		format('Scores of the influence model "%s" with the profiles of its people; who reads it needs SELECT on scores and on the relation of the profiles', owned.model));
	EXECUTE format($comments$
		COMMENT ON COLUMN %1$I.named_scores.user_id IS 'The person';
		COMMENT ON COLUMN %1$I.named_scores.display_name IS 'Name; NULL when there is no profile';
		COMMENT ON COLUMN %1$I.named_scores.region IS 'Region; NULL when unknown';
		COMMENT ON COLUMN %1$I.named_scores.account_created_at IS 'When the account was made; NULL when unknown';
		COMMENT ON COLUMN %1$I.named_scores.account_age IS 'Age of the account when the score was computed';
		COMMENT ON COLUMN %1$I.named_scores.score IS 'As in scores, like the columns that follow';
		COMMENT ON COLUMN %1$I.named_scores.tier IS 'See scores';
		COMMENT ON COLUMN %1$I.named_scores.rank IS 'See scores';
		COMMENT ON COLUMN %1$I.named_scores.percentile IS 'See scores';
		COMMENT ON COLUMN %1$I.named_scores.day_change IS 'See scores';
		COMMENT ON COLUMN %1$I.named_scores.week_change IS 'See scores';
		COMMENT ON COLUMN %1$I.named_scores.month_change IS 'See scores';
		COMMENT ON COLUMN %1$I.named_scores.last_active_at IS 'See scores';
		COMMENT ON COLUMN %1$I.named_scores.as_of IS 'See scores'
		$comments$, owned.schema);
	EXECUTE format('ALTER VIEW %I.named_scores OWNER TO %s', owned.schema,
		(SELECT c.relowner::regrole FROM pg_class AS c WHERE c.oid = to_regclass(format('%I.scores', owned.schema))));
END
$$;
COMMENT ON FUNCTION influence_create_named_scores(text) IS
	'Makes the view named_scores of a model, for influence_set_profiles(). Errors: 42P07 or 42809 something else has its name';

CREATE FUNCTION influence_set_profiles(
	model text,
	relation regclass,
	user_id text,
	display_name text,
	region text DEFAULT NULL,
	account_created_at text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
	added influence.profiles;
BEGIN
	IF user_id IS NULL OR display_name IS NULL THEN
		RAISE EXCEPTION 'profiles of model "%" have no %', model, CASE WHEN user_id IS NULL THEN 'user_id' ELSE 'display_name' END
			USING ERRCODE = 'null_value_not_allowed',
				  HINT = 'Map the columns: user_id => ''id'', display_name => ''name''.';
	END IF;
	PERFORM @extschema@.influence_check_relation(relation, 'profiles'::text,
		(SELECT c.relowner FROM pg_class AS c WHERE c.oid = to_regclass(format('%I.scores', owned.schema))));

	added.model := model;
	added.relation := relation;
	added.relation_name := (SELECT format('%I.%I', n.nspname, c.relname)
							FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
							WHERE c.oid = influence_set_profiles.relation);
	added.user_id            := @extschema@.influence_check_mapping(relation, user_id, owned.id_type, 'user_id'::text, 'profiles'::text, model);
	added.display_name       := @extschema@.influence_check_mapping(relation, display_name, 'text'::regtype, 'display_name'::text, 'profiles'::text, model);
	added.region             := @extschema@.influence_check_mapping(relation, region, 'text'::regtype, 'region'::text, 'profiles'::text, model);
	added.account_created_at := @extschema@.influence_check_mapping(relation, account_created_at, 'timestamptz'::regtype, 'account_created_at'::text, 'profiles'::text, model);
	DELETE FROM influence.profiles AS p WHERE p.model = owned.model;
	INSERT INTO influence.profiles SELECT added.*;
	PERFORM @extschema@.influence_create_named_scores(owned.model);
END
$$;
COMMENT ON FUNCTION influence_set_profiles(text, regclass, text, text, text, text) IS
	'Registers the relation that holds the names of a model''s people, in place of an earlier one. user_id and display_name, and region and account_created_at where there are such, are SQL expressions over its columns, most simply column names. influence_leaderboard(), influence_compare() and influence_search() read it as the owner of the model, for callers who may SELECT from it, and so does the view named_scores that is made in the model''s schema. Errors as for influence_add_source()';

CREATE FUNCTION influence_remove_profiles(model text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
BEGIN
	DELETE FROM influence.profiles AS p WHERE p.model = owned.model;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'model "%" has no profiles', model
			USING ERRCODE = 'undefined_object', HINT = 'influence_set_profiles() registers the relation that holds them.';
	END IF;
	EXECUTE format('DROP VIEW IF EXISTS %I.named_scores', owned.schema);
END
$$;
COMMENT ON FUNCTION influence_remove_profiles(text) IS
	'Forgets the relation with the profiles of a model, and drops the view named_scores. Errors: 42704 no such model or no profiles, 42501 the model belongs to another role';

CREATE FUNCTION influence_search(model text, name text, "limit" int DEFAULT 10)
RETURNS TABLE (user_id text, display_name text, region text, account_created_at timestamptz, score float8, tier text, rank bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found record;
BEGIN
	IF coalesce(name, '') = '' THEN
		RAISE EXCEPTION 'name to search for is missing'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Give a part of the display name.';
	END IF;
	IF "limit" < 0 THEN
		RAISE EXCEPTION 'limit must not be negative, but is %', "limit"
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the number of people, or NULL for all.';
	END IF;
	found := @extschema@.influence_find_model(model, true);
	RETURN QUERY
		WITH matches AS MATERIALIZED (
			SELECT * FROM @extschema@.influence_find_profiles(found.name, NULL::text[], name)
		)
		SELECT m.user_id, m.display_name, m.region, m.account_created_at, p.score, p.tier, p.rank
		FROM matches AS m
		LEFT JOIN @extschema@.influence_find_people(found.name, ARRAY(SELECT m.user_id FROM matches AS m), false) AS p
			ON p.user_id = m.user_id
		ORDER BY p.rank, m.display_name COLLATE "C", m.user_id COLLATE "C"
		LIMIT "limit";
END
$$;
COMMENT ON FUNCTION influence_search(text, text, int) IS
	'People by a part of their display name, in capitals or not, best first; those with no score last. model NULL: the default; limit NULL: all. Needs SELECT on scores and on the profile relation. Errors: 22004 no name, 22023 negative limit, 55000 no profiles, 42501, otherwise as for influence_score()';
-- Scheduling through pg_cron, which is used when it is there and never
-- required: its objects are named in dynamic statements only.

CREATE FUNCTION influence_next_run(schedule text, after timestamptz) RETURNS timestamptz
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_next_run(text, timestamptz) IS
	'First run of a cron schedule (five fields in UTC, a macro such as @hourly, or ''10 seconds'') that is later than a moment. Errors: 22023 for a schedule that is not valid or never runs and for a moment that is not finite';

CREATE FUNCTION influence_job_name(model text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
-- pg_cron 1.4 keeps 63 bytes of a job's name
AS $$ SELECT 'influence:' || CASE WHEN octet_length(model) <= 53 THEN model ELSE md5(model) END $$;
COMMENT ON FUNCTION influence_job_name(text) IS
	'Name of the pg_cron job of a model: influence:<model>, with the MD5 of a name of more than 53 bytes';

CREATE FUNCTION influence_job_command(model text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
-- with the exact arguments, so that no other function of that name is meant
AS $$ SELECT 'SELECT @extschema@.influence_refresh(' || quote_literal(model) || '::pg_catalog.text, pg_catalog.now(), false)' $$;
COMMENT ON FUNCTION influence_job_command(text) IS
	'Statement that the pg_cron job of a model runs';

CREATE FUNCTION influence_has_pg_cron() RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') $$;
COMMENT ON FUNCTION influence_has_pg_cron() IS
	'Whether pg_cron is installed in this database';

CREATE FUNCTION influence_jobs(model text)
RETURNS TABLE (job_id bigint, schedule text, active boolean, run_by text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- by no name in the schema of the extension, which its owner can rename: a view calls this
	IF NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') OR NOT has_schema_privilege('cron', 'USAGE') THEN
		RETURN;
	END IF;
	RETURN QUERY EXECUTE
		'SELECT j.jobid, j.schedule, j.active, j.username
		 FROM cron.job AS j
		 WHERE j.jobname::text = $1 AND j.database = current_database()
		 ORDER BY j.jobid'
		USING 'influence:' || CASE WHEN octet_length(model) <= 53 THEN model ELSE md5(model) END;
END
$$;
COMMENT ON FUNCTION influence_jobs(text) IS
	'pg_cron jobs of a model that the current role may see: its own, and for a superuser all; nothing without pg_cron';

CREATE FUNCTION influence_job_next_run(schedule text, after timestamptz) RETURNS timestamptz
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION influence_job_next_run(text, timestamptz) IS
	'First run of a pg_cron job later than a moment; NULL when its schedule is not understood';

CREATE FUNCTION influence_require_pg_cron(model text, cron text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	preloaded boolean;
	home text;
BEGIN
	IF @extschema@.influence_has_pg_cron() THEN
		IF NOT has_schema_privilege('cron', 'USAGE') THEN
			RAISE EXCEPTION 'role "%" may not use pg_cron', current_user
				USING ERRCODE = 'insufficient_privilege',
					  HINT = format('GRANT USAGE ON SCHEMA cron TO %I;', current_user);
		END IF;
		RETURN;
	END IF;

	BEGIN
		home := current_setting('cron.database_name', true);
		preloaded := home IS NOT NULL;
	EXCEPTION WHEN insufficient_privilege THEN
		-- the setting exists, and is shown to administrators only
		preloaded := true;
	END;
	IF NOT preloaded THEN
		RAISE EXCEPTION 'cannot schedule model "%": pg_cron is not loaded', model
			USING ERRCODE = 'feature_not_supported',
				  HINT = format('Install the package postgresql-%s-cron, set shared_preload_libraries = ''pg_cron'' and '
								'cron.database_name = %L, restart the server and run CREATE EXTENSION pg_cron. '
								'Or run %s from any other scheduler.',
								current_setting('server_version_num')::int / 10000, current_database(),
								@extschema@.influence_job_command(model));
	ELSIF home = current_database() THEN
		RAISE EXCEPTION 'cannot schedule model "%": pg_cron is not installed in database "%"', model, current_database()
			USING ERRCODE = 'feature_not_supported', HINT = 'Run CREATE EXTENSION pg_cron; as a superuser.';
	END IF;
	RAISE EXCEPTION 'cannot schedule model "%" from here: pg_cron lives in %', model,
			coalesce('database "' || home || '"', 'another database')
		USING ERRCODE = 'feature_not_supported',
			  HINT = format('Run as a superuser in %s: SELECT cron.schedule_in_database(%L, %L, %L, %L);',
							coalesce('database "' || home || '"', 'the database that SHOW cron.database_name names'),
							@extschema@.influence_job_name(model || '@' || current_database()), cron,
							@extschema@.influence_job_command(model), current_database());
END
$$;
COMMENT ON FUNCTION influence_require_pg_cron(text, text) IS
	'Error that says what to do unless pg_cron can be used from this database: 0A000 when it is not here, 42501 when the role may not use it';

CREATE FUNCTION influence_check_job_schema() RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owner oid := (SELECT CASE WHEN r.rolname = 'pg_database_owner' THEN d.datdba ELSE n.nspowner END
				  FROM pg_namespace AS n
				  JOIN pg_roles AS r ON r.oid = n.nspowner
				  JOIN pg_database AS d ON d.datname = current_database()
				  WHERE n.oid = '@extschema@'::regnamespace);
BEGIN
	-- the job names a function there, and whoever owns a schema can put another in its place
	IF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user)
			AND NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.oid = owner) THEN
		RAISE EXCEPTION 'a job of superuser "%" would run what role "%" puts into schema %', current_user, pg_get_userbyid(owner), '@extschema@'
			USING ERRCODE = 'insufficient_privilege', HINT = 'SET ROLE to the owner of the model and schedule it again.';
	END IF;
END
$$;
COMMENT ON FUNCTION influence_check_job_schema() IS
	'Error 42501 for a superuser where the schema of the extension belongs to a role that is none; part of influence_schedule()';

CREATE FUNCTION influence_schedule(model text, cron text) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
	job_id bigint;
BEGIN
	IF cron IS NULL THEN
		RAISE EXCEPTION 'schedule of model "%" is missing', model
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Give a cron schedule such as ''*/15 * * * *''.';
	END IF;
	-- an error when the schedule is not valid
	PERFORM @extschema@.influence_next_run(cron, now());
	PERFORM @extschema@.influence_require_pg_cron(owned.model, cron);
	PERFORM @extschema@.influence_check_job_schema();

	-- pg_cron replaces a job of the same name and role; those of other roles
	-- that we may see would run beside it
	EXECUTE 'SELECT cron.unschedule(j.job_id) FROM @extschema@.influence_jobs($1) AS j WHERE j.run_by <> current_user'
		USING owned.model;
	BEGIN
		EXECUTE 'SELECT cron.schedule($1, $2, $3)' INTO job_id
			USING @extschema@.influence_job_name(owned.model), cron, @extschema@.influence_job_command(owned.model);
	EXCEPTION WHEN invalid_parameter_value THEN
		RAISE EXCEPTION 'pg_cron % refuses schedule "%"',
				(SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'pg_cron'), cron
			USING ERRCODE = 'invalid_parameter_value', DETAIL = SQLERRM,
				  HINT = 'Schedules of seconds and the last day of a month ($) need pg_cron 1.6.';
	END;
	RETURN job_id;
END
$$;
COMMENT ON FUNCTION influence_schedule(text, text) IS
	'Lets pg_cron refresh a model on a schedule (five cron fields in UTC), in place of an earlier one; returns the id of the job, named influence:<model>, which runs as the calling role. Errors: 42704 no such model, 42501 no right, 22023 schedule not valid, 0A000 pg_cron is not in this database, with what to do about it';

CREATE FUNCTION influence_remove_jobs(model text) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	removed bigint := 0;
BEGIN
	IF @extschema@.influence_has_pg_cron() THEN
		EXECUTE 'SELECT count(cron.unschedule(j.job_id)) FROM @extschema@.influence_jobs($1) AS j'
			INTO removed USING model;
	END IF;
	RETURN removed;
END
$$;
COMMENT ON FUNCTION influence_remove_jobs(text) IS
	'Removes the pg_cron jobs of a model that the current role may see and returns their number; 0 without pg_cron';

CREATE FUNCTION influence_unschedule(model text) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, false);
BEGIN
	IF NOT @extschema@.influence_has_pg_cron() THEN
		RAISE EXCEPTION 'cannot unschedule model "%": pg_cron is not installed in database "%"', model, current_database()
			USING ERRCODE = 'feature_not_supported',
				  HINT = format('If it lives in another database, run there: SELECT cron.unschedule(%L);',
								@extschema@.influence_job_name(model || '@' || current_database()));
	END IF;
	RETURN @extschema@.influence_remove_jobs(owned.model) > 0;
END
$$;
COMMENT ON FUNCTION influence_unschedule(text) IS
	'Removes the pg_cron jobs of a model that the caller may see; false when there was none. Errors: 42704 no such model, 42501 no right, 0A000 pg_cron is not in this database';
-- How fresh the scores are. The view refresh_status in each model's schema
-- selects its row from here.

-- security_invoker: the caller's row-level security picks the models. In a
-- model's refresh_status that is a role with SELECT on it, and no more.
SET LOCAL search_path = pg_catalog, pg_temp;
CREATE VIEW influence.refresh_status WITH (security_invoker = true) AS
	SELECT
		m.model,
		success.at AS last_success,
		now() - success.at AS age,
		success.at IS NULL
			OR coalesce(last_run.status = 'failed', false)
			-- missed: the run after the one that was due has passed, too
			OR coalesce(@extschema@.influence_job_next_run(job.schedule,
							@extschema@.influence_job_next_run(job.schedule, success.at)) < now(),
						now() - success.at > '1 day') AS stale,
		@extschema@.influence_job_next_run(job.schedule, now()) AS next_run,
		last_run.status AS last_status,
		CASE last_run.status WHEN 'failed' THEN last_run.error END AS last_error
	FROM influence.models AS m
	LEFT JOIN LATERAL (
		SELECT max(l.finished_at) AS at
		FROM influence.refresh_log AS l
		WHERE l.model = m.model AND l.status = 'success' AND l.finished_at >= m.created_at) AS success ON true
	LEFT JOIN LATERAL (
		SELECT l.status, l.error
		FROM influence.refresh_log AS l
		WHERE l.model = m.model AND l.status <> 'skipped' AND l.finished_at >= m.created_at
		ORDER BY l.finished_at DESC, l.run_id DESC
		LIMIT 1) AS last_run ON true
	LEFT JOIN LATERAL (
		SELECT j.schedule
		FROM @extschema@.influence_jobs(m.model) AS j
		WHERE j.active
		ORDER BY j.job_id
		LIMIT 1) AS job ON true;
COMMENT ON VIEW influence.refresh_status IS 'How fresh the scores of each model are that the current role may see';
COMMENT ON COLUMN influence.refresh_status.model IS 'Model';
COMMENT ON COLUMN influence.refresh_status.last_success IS 'When the last successful refresh ended; NULL when there was none';
COMMENT ON COLUMN influence.refresh_status.age IS 'Time since then';
COMMENT ON COLUMN influence.refresh_status.stale IS 'True when no refresh succeeded, the last one failed, a scheduled one was missed, or, without a schedule, a day went by';
COMMENT ON COLUMN influence.refresh_status.next_run IS 'When pg_cron refreshes next; NULL when it does not, or when its job belongs to another role';
COMMENT ON COLUMN influence.refresh_status.last_status IS 'How the last refresh ended: success or failed; skipped ones are left out';
COMMENT ON COLUMN influence.refresh_status.last_error IS 'Message of the last refresh when it failed';

GRANT SELECT ON influence.refresh_status TO PUBLIC;
SET LOCAL search_path = @extschema@, pg_temp;
