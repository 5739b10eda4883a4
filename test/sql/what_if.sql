-- influence_what_if, influence_next_tier: recomputed here from the views and the
-- formula, then held against a refresh that sees the interactions happen

\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE SCHEMA what;
CREATE TABLE what.rows (actor bigint, target bigint, post bigint, at timestamptz, kind text, network text);
-- 30 people, the lower the number the more they get; one row a kind, pair and post
INSERT INTO what.rows
SELECT a, t, 100 * t + p, timestamptz '2024-06-15 12:00Z' - make_interval(days => (a * 7 + t * 3 + p * 11) % 60), k.kind, k.network
FROM generate_series(1, 30) AS a, generate_series(1, 30) AS t, generate_series(1, 2) AS p,
	(VALUES (1, 'like', 'app'), (2, 'share', 'app'), (3, 'comment', 'app'), (4, 'follow', 'app'), (5, 'retweet', 'twitter'), (6, 'follow', 'twitter')) AS k (place, kind, network)
WHERE a > t AND (a * 5 + t * 11 + p * 7 + k.place) % 9 < 2 AND (k.network = 'app' OR t % 3 = 0) AND (k.kind <> 'follow' OR p = 1);
INSERT INTO what.rows
SELECT NULL, t, 100 * t + p, timestamptz '2024-06-15 12:00Z' - make_interval(days => (t + p * 5) % 40), 'post', n
FROM generate_series(1, 30) AS t, generate_series(1, 6) AS p, unnest('{app,twitter}'::text[]) AS n WHERE p <= 1 + t % 6;
-- and one who only lends authority, one who is only blocked
INSERT INTO what.rows VALUES (NULL, 40, NULL, '2024-06-01', 'inlink', 'wikipedia'), (1, 41, NULL, '2024-06-14', 'block', 'app');

SELECT influence_create_model('what');
SELECT influence_add_source('what', 'rows', 'what.rows', actor => 'actor', target => 'target', occurred_at => 'at',
	kind_column => 'kind', network_column => 'network', post => 'post');
SELECT network, prior_shares, prior_posts FROM influence.networks WHERE model = 'what' AND (prior_shares IS NOT NULL OR prior_posts IS NOT NULL);
SELECT influence_what_if(1, 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT status, users FROM influence_refresh('what', '2024-06-15 12:00Z');

--
-- The formula in SQL
--
CREATE FUNCTION what.map(x float8) RETURNS float8 LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN x <= 0 THEN 1
		WHEN x > c.raw[n] THEN c.score[n] + (100 - c.score[n]) *
			(1 - exp(-(c.score[n] - c.score[n - 1]) / (c.raw[n] - c.raw[n - 1]) * (x - c.raw[n]) / (100 - c.score[n])))
		ELSE (SELECT c.score[i] + (x - c.raw[i]) / (c.raw[i + 1] - c.raw[i]) * (c.score[i + 1] - c.score[i])
			  FROM generate_series(1, n - 1) AS i WHERE x > c.raw[i] AND x <= c.raw[i + 1]) END
	FROM influence.calibrations AS c, cardinality(c.raw) AS n WHERE c.model = 'what' ORDER BY c.version DESC LIMIT 1
$$;
-- z of every network of every person, and what amplification is made of
CREATE TABLE what.standing AS
SELECT user_id, network, w.weight AS omega, engagement AS e, true_reach AS r, audience AS f, authority AS o,
	-ln(1 - amplification / 100) AS lambda, network_influence / (100 - network_influence) AS n,
	coalesce(w.prior_shares, 0.5) AS a, coalesce(w.prior_posts, 5) AS b,
	coalesce((SELECT sum(decayed_value) FROM what.signals AS g WHERE g.user_id = s.user_id AND g.network = s.network AND g.kind = 'post'), 0) AS p,
	coalesce((SELECT sum(g.decayed_value / c.weight) FROM what.signals AS g JOIN influence.signals AS c USING (network, kind)
			  WHERE c.model = 'what' AND c.role = 'share' AND g.user_id = s.user_id AND g.network = s.network), 0) AS shares
FROM what.network_scores AS s JOIN influence.networks AS w USING (network) WHERE w.model = 'what';
-- the priors are those that the refresh had
SELECT network, count(*) FILTER (WHERE shares > 0) AS shared, max(abs(lambda - CASE WHEN shares > 0 THEN (shares + a) / (p + b) ELSE 0 END)) < 1e-9 AS as_published
FROM what.standing GROUP BY network ORDER BY network;
CREATE FUNCTION what.z(e float8, r float8, f float8, lambda float8, n float8, o float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
	SELECT 0.30 * ln(1 + f) + 0.25 * ln(1 + e) + 0.15 * ln(1 + r) + 0.10 * ln(1 + lambda) + 0.20 * ln(1 + n) + 0.30 * ln(1 + o)
$$;
-- everybody, every kind, some counts; a person who is not on the network starts with nothing
CREATE TABLE what.expected AS
SELECT s.user_id, c.network, c.kind, c.role, k AS count, ln(1 + others.mass + w.weight * (exp(what.z(
		coalesce(e, 0) + CASE WHEN engaging THEN k * ln(1 + v) ELSE 0 END,
		coalesce(r, 0) + CASE WHEN engaging AND c.polarity >= 0 THEN k ELSE 0 END,
		coalesce(f, 0) + CASE WHEN c.role = 'follow' THEN k ELSE 0 END,
		CASE WHEN c.role = 'share' AND k > 0 THEN (coalesce(shares, 0) + coalesce(a, w.prior_shares, 0.5) + k) / (coalesce(p, 0) + coalesce(b, w.prior_posts, 5))
			WHEN c.role = 'post' THEN coalesce(lambda * (p + b) / (p + k + b), 0)
			ELSE coalesce(lambda, 0) END,
		coalesce(n, 0) + CASE WHEN engaging AND v > 0 THEN k * 0.85 * 0.15 ELSE 0 END,
		coalesce(o, 0) + CASE WHEN c.role = 'authority' THEN k * v ELSE 0 END)) - 1)) AS raw
FROM what.scores AS s
CROSS JOIN (SELECT *, role IN ('reaction', 'share', 'endorsement') AS engaging, weight * (1 + least(polarity, 0)) AS v FROM influence.signals WHERE model = 'what'
			AND network IN ('app', 'twitter', 'wikipedia', 'flickr') AND kind <> 'list_add') AS c
CROSS JOIN unnest('{0,1,10,5000}'::int[]) AS k
JOIN influence.networks AS w ON w.model = 'what' AND w.network = c.network
LEFT JOIN what.standing AS t ON t.user_id = s.user_id AND t.network = c.network
CROSS JOIN LATERAL (SELECT coalesce(sum(omega * (exp(what.z(x.e, x.r, x.f, x.lambda, x.n, x.o)) - 1)), 0) AS mass
					FROM what.standing AS x WHERE x.user_id = s.user_id AND x.network <> c.network) AS others;
CREATE TABLE what.found AS
SELECT x.user_id, x.network, x.kind, x.role, x.count, x.raw AS expected_raw, w.* FROM what.expected AS x, LATERAL influence_what_if(x.user_id, x.kind, x.network, x.count) AS w;
SELECT count(*) = (SELECT count(*) FROM what.expected) AS all_there, max(abs(raw_then - expected_raw)) < 1e-9 AS raw_same, max(abs(score_then - what.map(expected_raw))) < 1e-7 AS score_same,
	max(abs(score_now - influence_score(user_id))) AS now, max(abs(points - (score_then - score_now))) AS points,
	bool_and(tier_now = influence_tier(score_now) AND tier_then = influence_tier(score_then)) AS tiers
FROM what.found;
-- nothing more changes nothing
SELECT max(abs(score_then - score_now)), max(abs(raw_then - raw_now)), max(abs(score_then - influence_score(user_id))) FROM what.found WHERE count = 0;
-- more is never less, but for posts, which find no echo here
SELECT role, min(points) >= 0 AS gains, max(points) <= 0 AS loses, count(*) FILTER (WHERE points = 0) = count(*) AS nothing
FROM (SELECT role, kind, network, user_id, count, score_then - lag(score_then) OVER (PARTITION BY role, kind, network, user_id ORDER BY count) AS points FROM what.found) AS steps
WHERE points IS NOT NULL GROUP BY role ORDER BY role;
SELECT bool_and(later >= score_then) AS monotone FROM (
	SELECT w.score_then, lead(w.score_then) OVER (PARTITION BY kind ORDER BY k) AS later
	FROM generate_series(0, 60) AS k, unnest('{like,share,comment,follow,view,endorsement}'::text[]) AS kind, influence_what_if(20, kind, 'app', k) AS w) AS steps WHERE later IS NOT NULL;
SELECT * FROM influence_what_if(20, 'block', 'app', 1000) AS w WHERE points <> 0;
SELECT round(score_now::numeric, 4) AS score_now, round(score_then::numeric, 4) AS score_then, round(points::numeric, 4) AS points, tier_now, tier_then,
	round(raw_now::numeric, 4) AS raw_now, round(raw_then::numeric, 4) AS raw_then FROM influence_what_if(20, 'share');
-- two kinds of follow: the audience is split by their counts
INSERT INTO what.rows SELECT a, 3, NULL, '2024-06-01', 'list_add', 'twitter' FROM generate_series(4, 8) AS a;
SELECT status FROM influence_refresh('what', '2024-06-15 12:00Z');
SELECT abs(w.raw_then - ln(exp(w.raw_now) + m.mass * (exp(0.30 * 3 * (ln(1 + f + 7) - ln(1 + f))) - 1))) < 1e-9 AS same
FROM influence_what_if(3, 'list_add', 'twitter', 7) AS w, what.scores AS s JOIN what.network_scores AS n USING (user_id)
CROSS JOIN LATERAL (SELECT n.audience * l.count / (l.count + o.count) AS f FROM what.signals AS l, what.signals AS o
	WHERE l.user_id = 3 AND o.user_id = 3 AND l.network = 'twitter' AND o.network = 'twitter' AND l.kind = 'list_add' AND o.kind = 'follow') AS kinds
-- 1.5 of Twitter times 1 + M
CROSS JOIN LATERAL (SELECT 1.5 + (exp(w.raw_now) - 1) * n.points / (s.score - 1) AS mass) AS m
WHERE s.user_id = 3 AND n.network = 'twitter';

--
-- The next tier
--
SELECT tier, min_score, round(points::numeric, 4) AS points, network, kind, count FROM influence_next_tier(20);
-- so many reach it, one less does not; all kinds that one can hope for, cheapest first
SELECT count(*) > 200 AS many, bool_and(enough.score_then >= t.min_score) AS enough, bool_and(short.score_then < t.min_score) AS short,
	bool_and(t.min_score > s.score AND t.points = t.min_score - s.score) AS points, bool_and(influence_tier(t.min_score) = t.tier) AS tiers
FROM what.scores AS s, LATERAL influence_next_tier(s.user_id) AS t, LATERAL influence_what_if(s.user_id, t.kind, t.network, t.count) AS enough,
	LATERAL influence_what_if(s.user_id, t.kind, t.network, t.count - 1) AS short
WHERE t.count IS NOT NULL;
SELECT count(*) FILTER (WHERE next < count) AS out_of_order, count(*) FILTER (WHERE count IS NULL AND next IS NOT NULL) AS nulls_before
FROM (SELECT t.count, lead(t.count) OVER (PARTITION BY s.user_id ORDER BY t.ordinality) AS next
	  FROM what.scores AS s, LATERAL influence_next_tier(s.user_id) WITH ORDINALITY AS t) AS o;
SELECT s.user_id, n.network FROM what.scores AS s, LATERAL (SELECT DISTINCT t.network FROM influence_next_tier(s.user_id) AS t) AS n
EXCEPT SELECT user_id, network FROM what.network_scores;
SELECT DISTINCT t.kind FROM influence_next_tier(20) AS t JOIN influence.signals AS g ON g.model = 'what' AND g.network = t.network AND g.kind = t.kind
WHERE g.role IN ('post', 'authority') OR g.polarity < 0;
-- out of reach: not in a million
BEGIN;
UPDATE influence.signals SET weight = 1e-6 WHERE model = 'what' AND kind = 'follow';
SELECT kind, count FROM influence_next_tier(20) WHERE kind = 'follow';
ROLLBACK;
-- nothing above the top
SELECT count(*) FROM influence_next_tier((SELECT user_id FROM what.scores WHERE rank = 1)) WHERE (SELECT tier FROM what.scores WHERE rank = 1) = 'celebrity';
BEGIN;
UPDATE influence.tiers SET min_score = min_score / 2 + 0.5 WHERE model = 'what';
SELECT count(*) FROM influence_next_tier((SELECT user_id FROM what.scores WHERE rank = 1));
SELECT tier, min_score FROM influence_next_tier(20) LIMIT 1;
ROLLBACK;

--
-- What a refresh makes of it: 10 strangers like, share or follow. The forecast is
-- cautious: among 30 people 10 strangers make everybody's network influence rise.
--
CREATE TABLE what.forecast AS SELECT u, kind, w.score_now, w.score_then FROM unnest('{2,12,20,28}'::bigint[]) AS u, unnest('{like,share,comment,follow}'::text[]) AS kind, influence_what_if(u, kind) AS w;
CREATE TABLE what.happened (u bigint, kind text, score float8);
DO $$
DECLARE
	f record;
BEGIN
	FOR f IN SELECT * FROM what.forecast LOOP
		INSERT INTO what.rows SELECT 1000 + a, f.u, 100 * f.u + 1, '2024-06-15 12:00Z', f.kind, 'app' FROM generate_series(1, 10) AS a;
		PERFORM influence_refresh('what', '2024-06-15 12:00Z');
		INSERT INTO what.happened VALUES (f.u, f.kind, influence_score(f.u));
		DELETE FROM what.rows WHERE actor > 1000;
	END LOOP;
END
$$;
SELECT f.u, f.kind, round((f.score_then - f.score_now)::numeric, 1) AS forecast, round((h.score - f.score_now)::numeric, 1) AS gained, f.score_then < h.score + 1e-9 AS cautious
FROM what.forecast AS f JOIN what.happened AS h USING (u, kind) ORDER BY u, kind;
SELECT status FROM influence_refresh('what', '2024-06-15 12:00Z');

--
-- Arguments
--
SELECT * FROM influence_what_if(99, 'like');
SELECT * FROM influence_what_if(NULL::bigint, 'like');
SELECT * FROM influence_next_tier(99);
SELECT * FROM influence_next_tier(NULL::bigint);
SELECT * FROM influence_what_if(1, 'like', 'app', -1);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_what_if(1, 'like', 'app', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_what_if(1, NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_what_if(1, 'retweet', 'app');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_what_if(1, 'like', 'mastodon');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_what_if('one', 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_what_if(1, 'like', model => 'nowhere');
\echo :LAST_ERROR_SQLSTATE
SELECT points > 0 AS gains FROM influence_what_if('20', 'like', count => 2147483647);
-- weights changed since the refresh: the past stays, the future follows
BEGIN;
UPDATE influence.models SET engagement_weight = 0, true_reach_weight = 0, network_influence_weight = 0, amplification_weight = 0 WHERE model = 'what';
SELECT points FROM influence_what_if(20, 'like', 'app', 0) UNION ALL SELECT points FROM influence_what_if(20, 'like', 'app', 100);
UPDATE influence.networks SET weight = 0 WHERE model = 'what' AND network = 'app';
SELECT points FROM influence_what_if(20, 'follow', 'app', 100);
DELETE FROM influence.calibrations WHERE model = 'what';
SELECT points FROM influence_what_if(20, 'follow', 'app', 100);
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- rights: those of a reader of three views, who sees nothing of the configuration
CREATE ROLE regress_what_reader;
GRANT USAGE ON SCHEMA what TO regress_what_reader;
GRANT SELECT ON what.scores, what.network_scores TO regress_what_reader;
SET ROLE regress_what_reader;
SELECT * FROM influence_what_if(20, 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_explain_kinds(20);
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT SELECT ON what.signals TO regress_what_reader;
SET ROLE regress_what_reader;
SELECT count(*) FROM influence.signals;
SELECT points > 0 AS gains, current_user FROM influence_what_if(20, 'like');
SELECT count(*) > 0 AS ways FROM influence_next_tier(20);
SELECT abs(sum(points) + 1 - influence_score(20)) < 1e-9 AS adds_up FROM influence_explain_kinds(20);
BEGIN READ ONLY;
SELECT points > 0 AS gains FROM influence_what_if(20, 'like');
COMMIT;
-- an error inside leaves the caller's role as it was
DO $$
BEGIN
	PERFORM influence_what_if(20, 'like', 'mastodon');
EXCEPTION WHEN invalid_parameter_value THEN
	RAISE WARNING '%', current_user;
END
$$;
RESET ROLE;
DROP OWNED BY regress_what_reader;
DROP ROLE regress_what_reader;
SELECT influence_drop_model('what');
DROP SCHEMA IF EXISTS what CASCADE;
DELETE FROM influence.refresh_log;
