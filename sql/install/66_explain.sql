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
