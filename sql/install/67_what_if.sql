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
