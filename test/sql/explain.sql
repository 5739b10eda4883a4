-- influence_explain, influence_explain_kinds: where the points come from, to the last one

\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE SCHEMA told;
CREATE TABLE told.rows (actor bigint, target bigint, post bigint, at timestamptz, kind text, network text, weight float8);
INSERT INTO told.rows
SELECT a, t, 100 * t, timestamptz '2024-06-15 12:00Z' - make_interval(days => (a * 7 + t * 3) % 60), k.kind, k.network, 1 + a % 3
FROM generate_series(1, 25) AS a, generate_series(1, 25) AS t,
	(VALUES (1, 'like', 'app'), (2, 'share', 'app'), (3, 'endorsement', 'app'), (4, 'follow', 'app'), (5, 'retweet', 'twitter'), (6, 'follow', 'twitter'),
			(7, 'list_add', 'twitter'), (8, 'block', 'app'), (9, 'reply', 'twitter')) AS k (place, kind, network)
WHERE a > t AND (a * 5 + t * 11 + k.place) % 9 < 2;
INSERT INTO told.rows
SELECT NULL, t, t, '2024-06-10', k.kind, k.network, t
FROM generate_series(1, 25) AS t, (VALUES ('post', 'app'), ('view', 'app'), ('inlink', 'wikipedia'), ('mention', 'wikipedia')) AS k (kind, network) WHERE t % 4 < 2;
SELECT influence_create_model('told_model', schema => 'told_model');
SELECT influence_add_source('told_model', 'rows', 'told.rows', actor => 'actor', target => 'target', occurred_at => 'at',
	kind_column => 'kind', network_column => 'network', post => 'post', weight => 'weight');
SELECT status, users FROM influence_refresh('told_model', '2024-06-15 12:00Z');

-- measures: value, points and percentile once more, by hand
CREATE TABLE told.measures AS
SELECT n.user_id, n.network, m.measure, m.value, m.points,
	100 * (count(*) OVER (PARTITION BY n.network, m.measure ORDER BY m.value) - count(*) OVER (PARTITION BY n.network, m.measure, m.value) / 2.0)
		/ count(*) OVER (PARTITION BY n.network, m.measure) AS percentile
FROM told_model.network_scores AS n CROSS JOIN LATERAL (VALUES ('engagement', n.engagement, n.engagement_points), ('true_reach', n.true_reach, n.true_reach_points),
	('audience', n.audience, n.audience_points), ('amplification', n.amplification, n.amplification_points),
	('network_influence', n.network_influence, n.network_influence_points), ('authority', n.authority, n.authority_points)) AS m (measure, value, points);
SELECT count(*) = (SELECT count(*) FROM told.measures) AS all_there, bool_and(e.value = m.value AND e.points = m.points) AS same, max(abs(e.percentile - m.percentile)) < 1e-9 AS percentile
FROM told_model.scores AS s, LATERAL influence_explain(s.user_id) AS e JOIN told.measures AS m ON m.network = e.network AND m.measure = e.measure
WHERE m.user_id = s.user_id;
SELECT max(abs(s.score - 1 - e.points)) < 1e-9 AS adds_up FROM told_model.scores AS s, LATERAL (SELECT sum(points) AS points FROM influence_explain(s.user_id)) AS e;
SELECT measure, network, round(points::numeric, 4) AS points, round(percentile::numeric, 2) AS percentile FROM influence_explain(4) LIMIT 6;

-- kinds: they add up, to the measure and to the score
CREATE TABLE told.kinds AS SELECT s.user_id, e.* FROM told_model.scores AS s, LATERAL influence_explain_kinds(s.user_id) AS e;
SELECT count(*) FILTER (WHERE k.measure IS NULL) AS missing, max(abs(m.points - coalesce(k.points, 0))) < 1e-9 AS adds_up
FROM told.measures AS m LEFT JOIN (SELECT user_id, network, measure, sum(points) AS points FROM told.kinds GROUP BY user_id, network, measure) AS k USING (user_id, network, measure)
WHERE m.points > 0;
SELECT max(abs(s.score - 1 - k.points)) < 1e-9 AS adds_up FROM told_model.scores AS s, LATERAL (SELECT sum(points) AS points FROM influence_explain_kinds(s.user_id)) AS k;
SELECT count(*) FROM told.kinds WHERE NOT points > 0 OR kind IS NULL;
-- by the rules: which kinds feed which measure, and how much
SELECT measure, string_agg(DISTINCT network || ' ' || kind, ', ' ORDER BY network || ' ' || kind) AS kinds FROM told.kinds GROUP BY measure ORDER BY measure;
WITH parts AS (
	SELECT g.user_id, g.network, g.kind, m.measure, m.points, CASE WHEN m.measure = 'audience'
			THEN c.weight * ln(1 + m.value * g.count / sum(g.count) OVER (PARTITION BY g.user_id, g.network, m.measure)) ELSE g.decayed_value END AS part
	FROM told_model.signals AS g
	JOIN influence.signals AS c ON c.model = 'told_model' AND c.network = g.network AND c.kind = g.kind
	JOIN told.measures AS m ON m.user_id = g.user_id AND m.network = g.network AND CASE m.measure
		WHEN 'audience' THEN c.role = 'follow' WHEN 'amplification' THEN c.role = 'share' WHEN 'authority' THEN c.role = 'authority'
		ELSE c.role IN ('reaction', 'share', 'endorsement') END
	WHERE m.points > 0
), expected AS (
	SELECT user_id, network, kind, measure, points * part / sum(part) OVER (PARTITION BY user_id, network, measure) AS points FROM parts
)
SELECT count(*) AS wrong FROM (SELECT * FROM expected WHERE points > 0) AS x FULL JOIN told.kinds AS k USING (user_id, network, kind, measure)
WHERE abs(x.points - k.points) < 1e-9 IS NOT TRUE;
SELECT bool_and(k.count = g.count AND k.decayed_value = g.decayed_value) AS as_published FROM told.kinds AS k JOIN told_model.signals AS g USING (user_id, network, kind);
SELECT measure, network, kind, count, round(decayed_value::numeric, 4) AS decayed_value, round(points::numeric, 4) AS points FROM influence_explain_kinds(4) LIMIT 6;

-- nobody, by other types of id, and signals that were edited since
SELECT * FROM influence_explain_kinds(99);
SELECT * FROM influence_explain_kinds(NULL::text);
SELECT count(*) > 0 AS explained FROM influence_explain_kinds('4');
SELECT * FROM influence_explain_kinds(gen_random_uuid(), 'nowhere');
\echo :LAST_ERROR_SQLSTATE
BEGIN;
DELETE FROM influence.signals WHERE model = 'told_model' AND role = 'follow';
SELECT measure, network, kind, count, decayed_value FROM influence_explain_kinds(4) WHERE measure = 'audience' ORDER BY network;
DELETE FROM influence.networks WHERE model = 'told_model';
SELECT count(*) FILTER (WHERE kind IS NOT NULL) AS kinds, abs(sum(points) + 1 - influence_score(4)) < 1e-9 AS adds_up FROM influence_explain_kinds(4);
ROLLBACK;

-- somebody's own view in the place of ours
BEGIN;
ALTER MATERIALIZED VIEW told_model.network_scores RENAME TO ours;
CREATE VIEW told_model.network_scores AS SELECT user_id, NULL::int AS network, '1'::numeric AS score, 1 AS points, 1 AS engagement, 1::numeric AS true_reach, 1 AS audience, 1 AS amplification,
	1 AS network_influence, 1 AS authority, 1 AS engagement_points, 1 AS true_reach_points, 1 AS audience_points, 1 AS amplification_points,
	1 AS network_influence_points, 1 AS authority_points FROM told_model.ours;
SELECT * FROM influence_explain(4);
CREATE OR REPLACE VIEW told_model.network_scores AS SELECT user_id, length(network) AS network, '1'::numeric AS score, 1 AS points, 1 AS engagement, 1::numeric AS true_reach, 1 AS audience, 1 AS amplification,
	1 AS network_influence, 1 AS authority, 1 AS engagement_points, 1 AS true_reach_points, 1 AS audience_points, 1 AS amplification_points,
	1 AS network_influence_points, 1 AS authority_points FROM told_model.ours;
SELECT * FROM influence_explain(4) ORDER BY network, measure LIMIT 2;
\set VERBOSITY sqlstate
SELECT * FROM influence_explain_kinds(4);
\set VERBOSITY default
ROLLBACK;

SELECT influence_drop_model('told_model');
DROP SCHEMA told CASCADE;
DELETE FROM influence.refresh_log;
