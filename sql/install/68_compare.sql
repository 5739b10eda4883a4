-- People next to each other: side by side, by rank, within their tier.

CREATE FUNCTION influence_tier_percentile(user_id text, model text DEFAULT NULL) RETURNS float8
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found record;
	percentile float8;
BEGIN
	found := @extschema@.influence_find_model(model, refreshed => true);
	-- mid-rank: 1 for whoever scores less, 1/2 for whoever scores the same
	EXECUTE format('SELECT 50 * (1 + sum(sign(s.score - o.score)) / count(*))
					FROM %1$I.scores AS s JOIN %1$I.scores AS o ON o.tier = s.tier
					WHERE s.user_id = $1::%2$s', found.schema, found.id_type)
	INTO percentile USING user_id;
	RETURN percentile;
END
$$;
COMMENT ON FUNCTION influence_tier_percentile(text, text) IS
	'Percent of the people in a person''s tier who score less, those of equal score counted half, 0 to 100; NULL for somebody with no score. Reads the view scores, once over the tier. Errors as for influence_score()';

CREATE FUNCTION influence_tier_percentile(user_id bigint, model text DEFAULT NULL) RETURNS float8
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN @extschema@.influence_tier_percentile(user_id::text, model);
COMMENT ON FUNCTION influence_tier_percentile(bigint, text) IS
	'Percentile of a person within the tier; see influence_tier_percentile(text, text)';

CREATE FUNCTION influence_tier_percentile(user_id uuid, model text DEFAULT NULL) RETURNS float8
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN @extschema@.influence_tier_percentile(user_id::text, model);
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
	found := @extschema@.influence_find_model(model, refreshed => true);
	RETURN QUERY EXECUTE format($query$
		WITH people AS (
			SELECT p.id::%2$s AS typed_id, p.place FROM unnest($1) WITH ORDINALITY AS p (id, place)
		), within_tier AS (
			SELECT s.user_id, 50 * (1 + sum(sign(s.score - o.score)) / count(*)) AS percentile
			FROM %1$I.scores AS s JOIN %1$I.scores AS o ON o.tier = s.tier
			WHERE s.user_id IN (SELECT p.typed_id FROM people AS p)
			GROUP BY s.user_id
		)
		SELECT p.typed_id::text, f.display_name, s.score, s.tier, s.rank, s.percentile, t.percentile,
			s.true_reach, s.amplification, s.network_influence, s.audience, s.day_change, s.week_change, s.month_change
		FROM people AS p
		LEFT JOIN %1$I.scores AS s ON s.user_id = p.typed_id
		LEFT JOIN within_tier AS t ON t.user_id = p.typed_id
		LEFT JOIN @extschema@.influence_find_profiles(%3$L, $1) AS f ON f.user_id = p.typed_id::text
		ORDER BY p.place
		$query$, found.schema, found.id_type, found.name)
	USING user_ids;
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
BEGIN ATOMIC
	SELECT c.user_id, c.display_name, c.score, c.tier, c.rank, c.percentile, c.tier_percentile, c.true_reach, c.amplification,
		c.network_influence, c.audience, c.day_change, c.week_change, c.month_change
	FROM @extschema@.influence_compare(user_ids::text[], model) AS c;
END;
COMMENT ON FUNCTION influence_compare(bigint[], text) IS
	'People of a model side by side; see influence_compare(text[], text)';

CREATE FUNCTION influence_compare(user_ids uuid[], model text)
RETURNS TABLE (
	user_id text, display_name text, score float8, tier text, rank bigint, percentile float8, tier_percentile float8,
	true_reach float8, amplification float8, network_influence float8, audience float8,
	day_change float8, week_change float8, month_change float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT c.user_id, c.display_name, c.score, c.tier, c.rank, c.percentile, c.tier_percentile, c.true_reach, c.amplification,
		c.network_influence, c.audience, c.day_change, c.week_change, c.month_change
	FROM @extschema@.influence_compare(user_ids::text[], model) AS c;
END;
COMMENT ON FUNCTION influence_compare(uuid[], text) IS
	'People of a model side by side; see influence_compare(text[], text)';

CREATE FUNCTION influence_compare(VARIADIC user_ids bigint[])
RETURNS TABLE (
	user_id text, display_name text, score float8, tier text, rank bigint, percentile float8, tier_percentile float8,
	true_reach float8, amplification float8, network_influence float8, audience float8,
	day_change float8, week_change float8, month_change float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT c.user_id, c.display_name, c.score, c.tier, c.rank, c.percentile, c.tier_percentile, c.true_reach, c.amplification,
		c.network_influence, c.audience, c.day_change, c.week_change, c.month_change
	FROM @extschema@.influence_compare(user_ids::text[], NULL) AS c;
END;
COMMENT ON FUNCTION influence_compare(bigint[]) IS
	'People of the default model side by side; see influence_compare(text[], text)';

CREATE FUNCTION influence_compare(VARIADIC user_ids uuid[])
RETURNS TABLE (
	user_id text, display_name text, score float8, tier text, rank bigint, percentile float8, tier_percentile float8,
	true_reach float8, amplification float8, network_influence float8, audience float8,
	day_change float8, week_change float8, month_change float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT c.user_id, c.display_name, c.score, c.tier, c.rank, c.percentile, c.tier_percentile, c.true_reach, c.amplification,
		c.network_influence, c.audience, c.day_change, c.week_change, c.month_change
	FROM @extschema@.influence_compare(user_ids::text[], NULL) AS c;
END;
COMMENT ON FUNCTION influence_compare(uuid[]) IS
	'People of the default model side by side; see influence_compare(text[], text)';

CREATE FUNCTION influence_compare(VARIADIC user_ids text[])
RETURNS TABLE (
	user_id text, display_name text, score float8, tier text, rank bigint, percentile float8, tier_percentile float8,
	true_reach float8, amplification float8, network_influence float8, audience float8,
	day_change float8, week_change float8, month_change float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT c.user_id, c.display_name, c.score, c.tier, c.rank, c.percentile, c.tier_percentile, c.true_reach, c.amplification,
		c.network_influence, c.audience, c.day_change, c.week_change, c.month_change
	FROM @extschema@.influence_compare(user_ids, NULL) AS c;
END;
COMMENT ON FUNCTION influence_compare(text[]) IS
	'People of the default model side by side; see influence_compare(text[], text)';

CREATE FUNCTION influence_leaderboard(model text DEFAULT NULL, network text DEFAULT NULL, "limit" int DEFAULT 10)
RETURNS TABLE (rank bigint, user_id text, display_name text, score float8, tier text, week_change float8)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found record;
	best text;
BEGIN
	IF "limit" < 0 THEN
		RAISE EXCEPTION 'limit must not be negative, but is %', "limit"
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the number of people, or NULL for all.';
	END IF;
	found := @extschema@.influence_find_model(model, refreshed => true);
	IF network IS NULL THEN
		best := format('SELECT s.rank, s.user_id, s.score, s.tier, s.week_change
						FROM %1$I.scores AS s ORDER BY s.rank LIMIT $1', found.schema);
	ELSE
		best := format('SELECT row_number() OVER (ORDER BY n.score DESC, n.user_id%2$s) AS rank, n.user_id, n.score, s.tier, s.week_change
						FROM (SELECT o.user_id, o.score FROM %1$I.network_scores AS o WHERE o.network = $2
							  ORDER BY o.score DESC, o.user_id%2$s LIMIT $1) AS n
						JOIN %1$I.scores AS s ON s.user_id = n.user_id',
					   found.schema, CASE found.id_type WHEN 'text'::regtype THEN ' COLLATE "C"' END);
	END IF;
	RETURN QUERY EXECUTE format('
		WITH best AS MATERIALIZED (%1$s)
		SELECT b.rank, b.user_id::text, f.display_name, b.score, b.tier, b.week_change
		FROM best AS b
		LEFT JOIN @extschema@.influence_find_profiles(%2$L, ARRAY(SELECT b.user_id::text FROM best AS b)) AS f ON f.user_id = b.user_id::text
		ORDER BY b.rank', best, found.name)
	USING "limit", network;
END
$$;
COMMENT ON FUNCTION influence_leaderboard(text, text, int) IS
	'The people of the highest scores, best first, over all or on one network: score is that of the network then, while tier and week_change are always those of the person; display_name with influence_set_profiles(). limit: NULL for all. Needs SELECT on scores, with a network on network_scores, and on the profile relation where there is one. Error 22023 for a negative limit, otherwise as for influence_score()';
