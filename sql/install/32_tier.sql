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
