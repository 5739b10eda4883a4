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
	'People side by side, in the order given, a row each: name (with influence_set_profiles()), score, tier, rank, percentile among all and within the tier, measures and changes as in the view scores; NULLs for somebody with no score, and no name for who opted out. Needs SELECT on scores, and on the profile relation where there is one. Errors as for influence_score()';

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
