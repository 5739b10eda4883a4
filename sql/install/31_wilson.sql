-- Lower bound of a proportion.

CREATE FUNCTION influence_wilson(successes float8, trials float8, confidence float8 DEFAULT 0.95)
	RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_wilson(float8, float8, float8) IS
	'Lower end, 0 to 1, of the two-sided Wilson score interval of a proportion (Wilson, JASA 1927): sorts 90 of 100 before 1 of 1. confidence is between 0 and 1 (0.95: 1.96 standard deviations). 0 without trials. Error 22023 if an argument is negative, infinite or NaN, or if there are more successes than trials.';
