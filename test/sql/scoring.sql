-- People without any influence score 1 and stay out of the calibration, also when
-- somebody's influence is as good as none
SET client_min_messages = warning;
CREATE SCHEMA scoring_app;
CREATE TABLE scoring_app.rows (actor bigint, target bigint, at timestamptz, kind text, sentiment float8);
INSERT INTO scoring_app.rows
SELECT NULL, i, timestamptz '2026-06-29', 'post', NULL::float8 FROM generate_series(1000, 1099) AS i
UNION ALL SELECT i, i % 7, '2026-06-29', 'like', 0 FROM generate_series(100, 200) AS i
-- long ago and half negative
UNION ALL SELECT 99, 9, '2026-04-11', 'like', -0.5;
SELECT influence_create_model('scoring');
SELECT influence_add_source('scoring', 'rows', 'scoring_app.rows', actor => 'actor', target => 'target',
							occurred_at => 'at', kind_column => 'kind', sentiment => 'sentiment');
UPDATE influence.models SET network_influence_weight = 0 WHERE model = 'scoring';
UPDATE influence.signals SET half_life = '2 days' WHERE model = 'scoring' AND kind = 'like';
SELECT status, users FROM influence_refresh('scoring', '2026-06-30');
SELECT people FROM influence.calibrations WHERE model = 'scoring';
SELECT user_id BETWEEN 1000 AND 1099 AS has_posts_only, count(*), max(score) = 1 AS is_1, min(rank), max(rank)
FROM scoring.scores GROUP BY 1 ORDER BY 1;

-- Many people: the highest score first, equals by their ids, which may be any bigints; rows lie in that order
TRUNCATE scoring_app.rows;
INSERT INTO scoring_app.rows
SELECT i, (i::numeric * 1844674407370955 - 9223372036854775808)::bigint, timestamptz '2026-06-29', (ARRAY['like', 'comment'])[i % 2 + 1], 0
FROM generate_series(1, 10000) AS i
UNION ALL SELECT 20000 + i, i, '2026-06-29', 'like', 0 FROM generate_series(-50, 50) AS j, LATERAL (VALUES (j * 90000000000::bigint)) AS v (i);
SELECT status, users FROM influence_refresh('scoring', '2026-06-30');
SELECT count(DISTINCT score) AS levels, bool_and(rank = expected) AS by_score_and_id, bool_and(position = rank) AS in_order, min(user_id), max(user_id)
FROM (SELECT *, row_number() OVER (ORDER BY score DESC, user_id) AS expected, row_number() OVER (ORDER BY ctid) AS position FROM scoring.scores) AS s;
SELECT bool_and(position = expected) AS by_id
FROM (SELECT row_number() OVER (ORDER BY user_id) AS expected, row_number() OVER (ORDER BY ctid) AS position FROM scoring.network_scores) AS s;

SELECT influence_drop_model('scoring');
DROP SCHEMA scoring_app CASCADE;
DELETE FROM influence.refresh_log;
