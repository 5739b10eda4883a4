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
