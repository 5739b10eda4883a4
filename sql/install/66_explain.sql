-- Explaining a score: what it is made of, to the point.

CREATE FUNCTION influence_explain(user_id text, model text DEFAULT NULL)
RETURNS TABLE (measure text, network text, value float8, points float8, percentile float8)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found record;
	-- in the order of equal points
	measures text[] := '{audience,engagement,true_reach,amplification,network_influence,authority}';
	percentiles text;
	rows text;
BEGIN
	found := @extschema@.influence_find_model(model, refreshed => true);
	-- mid-rank: 1 for whoever has less, 1/2 for whoever has the same
	SELECT string_agg(format('50 * (1 + sum(sign(p.%1$I - o.%1$I)) / count(*)) AS %1$I', m.name), ', '),
		   string_agg(format('(%L::text, p.%2$I, p.%3$I, o.%2$I, %4$s)', m.name, m.name, m.name || '_points', m.position), ', ')
	INTO percentiles, rows
	FROM unnest(measures) WITH ORDINALITY AS m (name, position);
	RETURN QUERY EXECUTE format($query$
		WITH person AS (
			SELECT n.* FROM %1$I.network_scores AS n WHERE n.user_id = $1::%2$s
		), percentiles AS (
			SELECT p.network, %3$s
			FROM person AS p JOIN %1$I.network_scores AS o ON o.network = p.network
			GROUP BY p.network
		)
		SELECT m.measure, p.network, m.value, m.points, m.percentile
		FROM person AS p
		JOIN percentiles AS o ON o.network = p.network
		CROSS JOIN LATERAL (VALUES %4$s) AS m (measure, value, points, percentile, position)
		ORDER BY m.points DESC, p.network, m.position
		$query$, found.schema, found.id_type, percentiles, rows)
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
BEGIN ATOMIC
	SELECT e.measure, e.network, e.kind, e.count, e.decayed_value, e.points
	FROM @extschema@.influence_explain_kinds(user_id::text, model) AS e;
END;
COMMENT ON FUNCTION influence_explain_kinds(bigint, text) IS
	'The points of a score by measure, network and kind; see influence_explain_kinds(text, text)';

CREATE FUNCTION influence_explain_kinds(user_id uuid, model text DEFAULT NULL)
RETURNS TABLE (measure text, network text, kind text, count float8, decayed_value float8, points float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT e.measure, e.network, e.kind, e.count, e.decayed_value, e.points
	FROM @extschema@.influence_explain_kinds(user_id::text, model) AS e;
END;
COMMENT ON FUNCTION influence_explain_kinds(uuid, text) IS
	'The points of a score by measure, network and kind; see influence_explain_kinds(text, text)';
