-- Explaining a score: what it is made of, to the point.

CREATE FUNCTION influence_explain(user_id text, model text DEFAULT NULL)
RETURNS TABLE (measure text, network text, value float8, points float8, percentile float8)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found record;
BEGIN
	found := @extschema@.influence_find_model(model, refreshed => true);
	RETURN QUERY EXECUTE format($query$
		SELECT m.measure, p.network, m.value, m.points, 100 * (others.below + others.equal / 2.0) / others.people
		FROM %1$I.network_scores AS p
		CROSS JOIN LATERAL (VALUES
			(1, 'audience', p.audience, p.audience_points),
			(2, 'engagement', p.engagement, p.engagement_points),
			(3, 'true_reach', p.true_reach, p.true_reach_points),
			(4, 'amplification', p.amplification, p.amplification_points),
			(5, 'network_influence', p.network_influence, p.network_influence_points),
			(6, 'authority', p.authority, p.authority_points)) AS m (position, measure, value, points)
		CROSS JOIN LATERAL (
			SELECT count(*)::float8 AS people,
				   count(*) FILTER (WHERE o.value < m.value) AS below,
				   count(*) FILTER (WHERE o.value = m.value) AS equal
			FROM (
				SELECT CASE m.position
						WHEN 1 THEN s.audience WHEN 2 THEN s.engagement WHEN 3 THEN s.true_reach
						WHEN 4 THEN s.amplification WHEN 5 THEN s.network_influence ELSE s.authority END AS value
				FROM %1$I.network_scores AS s WHERE s.network = p.network) AS o) AS others
		WHERE p.user_id = $1::%2$s
		ORDER BY m.points DESC, p.network, m.position
		$query$, found.schema, found.id_type)
	USING user_id;
END
$$;
COMMENT ON FUNCTION influence_explain(text, text) IS
	'What a person''s score is made of, a row per measure and network, most points first: value as in network_scores, points (they add up to score - 1), percentile of the value among the people of that network (mid-rank, 0 to 100). No rows for somebody with no score. Errors as for influence_score()';

CREATE FUNCTION influence_explain(user_id bigint, model text DEFAULT NULL)
RETURNS TABLE (measure text, network text, value float8, points float8, percentile float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT e.measure, e.network, e.value, e.points, e.percentile
	FROM @extschema@.influence_explain(user_id::text, model) AS e;
END;
COMMENT ON FUNCTION influence_explain(bigint, text) IS
	'What a person''s score is made of; see influence_explain(text, text)';

CREATE FUNCTION influence_explain(user_id uuid, model text DEFAULT NULL)
RETURNS TABLE (measure text, network text, value float8, points float8, percentile float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT e.measure, e.network, e.value, e.points, e.percentile
	FROM @extschema@.influence_explain(user_id::text, model) AS e;
END;
COMMENT ON FUNCTION influence_explain(uuid, text) IS
	'What a person''s score is made of; see influence_explain(text, text)';
