-- Rules of thumb for reach

CREATE FUNCTION influence_organic_reach(friends bigint, rate float8 DEFAULT 0.16) RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_organic_reach(bigint, float8) IS
	'People who see a post without promotion: friends times rate, the share of friends (0 to 1); 5,000 friends give 800. Error 22023 for negative friends or a rate outside 0..1.';

CREATE FUNCTION influence_viewers(likes bigint, per_like float8 DEFAULT 100) RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_viewers(bigint, float8) IS
	'People who saw a post: likes times viewers per like; 100 likes give 10,000. Error 22023 for negative likes or a per_like that is negative or not finite, 22003 if the result overflows.';
