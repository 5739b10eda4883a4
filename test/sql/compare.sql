-- influence_compare, influence_leaderboard, influence_tier_percentile: people next to each other

\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE SCHEMA side;
-- 20 people; 11 to 13 get the same from the same
CREATE TABLE side.likes AS
SELECT a, t, timestamptz '2024-06-01' AS at, 'app' AS network, 'like' AS kind FROM generate_series(30, 60) AS a, generate_series(1, 20) AS t
WHERE a - 30 <= CASE WHEN t BETWEEN 11 AND 13 THEN 12 ELSE 24 - t END
UNION ALL SELECT a, t, '2024-06-02', 'twitter', 'favorite' FROM generate_series(30, 40) AS a, generate_series(5, 9) AS t WHERE a - 30 < t;
SELECT influence_create_model('side_by_side', schema => 'side_by_side');
SELECT influence_add_source('side_by_side', 'likes', 'side.likes', actor => 'a', target => 't', occurred_at => 'at', kind_column => 'kind', network_column => 'network');
SELECT * FROM influence_leaderboard();
\echo :LAST_ERROR_SQLSTATE
SELECT status, users FROM influence_refresh('side_by_side', '2024-06-02');
SELECT status, users FROM influence_refresh('side_by_side', '2024-06-12');

-- percentile within the tier, by hand
CREATE TABLE side.expected AS
SELECT user_id, tier, 100 * (count(*) OVER (PARTITION BY tier ORDER BY score) - count(*) OVER (PARTITION BY tier, score) / 2.0) / count(*) OVER (PARTITION BY tier) AS percentile
FROM side_by_side.scores;
SELECT max(abs(percentile - influence_tier_percentile(user_id))) < 1e-9 AS same, count(DISTINCT tier) AS tiers FROM side.expected;
SELECT influence_tier_percentile(11) = influence_tier_percentile('13') AS equals, influence_tier_percentile(99), influence_tier_percentile(NULL::bigint);

-- side by side, in the order of the call
SELECT user_id, display_name, round(score::numeric, 4) AS score, tier, rank, round(percentile::numeric, 2) AS percentile, round(tier_percentile::numeric, 2) AS tier_percentile,
	round(true_reach::numeric, 4) AS true_reach, round(week_change::numeric, 4) AS week_change FROM influence_compare(7, 12, 99, 1);
SELECT count(*) AS people, bool_and(c.score = s.score AND c.tier = s.tier AND c.rank = s.rank AND c.percentile = s.percentile AND c.true_reach = s.true_reach
	AND c.amplification = s.amplification AND c.network_influence = s.network_influence AND c.audience = s.audience
	AND (c.day_change, c.week_change, c.month_change) IS NOT DISTINCT FROM (s.day_change, s.week_change, s.month_change)) AS as_published, max(abs(c.tier_percentile - x.percentile)) < 1e-9 AS tier_percentile
FROM influence_compare(VARIADIC ARRAY(SELECT user_id FROM side_by_side.scores)) AS c JOIN side_by_side.scores AS s ON s.user_id::text = c.user_id JOIN side.expected AS x ON x.user_id = s.user_id;
SELECT user_id, rank FROM influence_compare(VARIADIC '{2,2,1}'::bigint[]);
SELECT user_id, rank FROM influence_compare('2', ' 1');
SELECT user_id, rank FROM influence_compare(ARRAY[2, 1], 'side_by_side');
SELECT user_id, rank FROM influence_compare(ARRAY['2', '1'], model => 'side_by_side');
SELECT * FROM influence_compare('{}'::bigint[], 'side_by_side');
SELECT count(*) FROM influence_compare(NULL::bigint[], 'side_by_side');
SELECT user_id, round(score::numeric, 6) AS score FROM influence_compare(1, NULL);
SELECT * FROM influence_compare('one', 'two');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_compare(ARRAY[1], 'nowhere');
\echo :LAST_ERROR_SQLSTATE

-- leaderboards
SELECT rank, user_id, display_name, round(score::numeric, 4) AS score, tier, round(week_change::numeric, 4) AS week_change FROM influence_leaderboard("limit" => 3);
SELECT count(*) AS default_limit FROM influence_leaderboard();
SELECT count(*) AS people, bool_and(l.score = s.score AND l.user_id = s.user_id::text AND l.tier = s.tier AND l.week_change IS NOT DISTINCT FROM s.week_change) AS as_published
FROM influence_leaderboard('side_by_side', "limit" => NULL) AS l JOIN side_by_side.scores AS s USING (rank);
SELECT l.rank, l.user_id, l.score = n.score AS of_the_network, l.tier = s.tier AS of_the_person FROM influence_leaderboard('side_by_side', 'twitter', 3) AS l
JOIN side_by_side.network_scores AS n ON n.user_id::text = l.user_id AND n.network = 'twitter' JOIN side_by_side.scores AS s ON s.user_id = n.user_id ORDER BY l.rank;
-- equals in the order of their ids, on a network, too
SELECT user_id, rank FROM influence_leaderboard('side_by_side', 'app', 20) WHERE user_id IN ('11', '12', '13');
SELECT * FROM influence_leaderboard('side_by_side', 'nowhere');
SELECT * FROM influence_leaderboard("limit" => 0);
SELECT * FROM influence_leaderboard("limit" => -1);
\echo :LAST_ERROR_SQLSTATE

-- of several models, one has to be meant
SELECT influence_create_model('side_2', id_type => 'uuid', schema => 'side_2');
SELECT * FROM influence_leaderboard();
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_compare(1, 2);
\echo :LAST_ERROR_SQLSTATE
CREATE VIEW side.by_uuid AS SELECT md5(a::text)::uuid AS a, md5(t::text)::uuid AS t, at FROM side.likes;
SELECT influence_add_source('side_2', 'likes', 'side.by_uuid', actor => 'a', target => 't', occurred_at => 'at', kind => 'like');
SELECT status FROM influence_refresh('side_2', '2024-06-12');
SELECT count(*) FROM influence_leaderboard('side_2', 'app');
SELECT user_id, rank FROM influence_compare(ARRAY[md5('2'), md5('1')]::uuid[], 'side_2');
SET influence.default_model = 'side_2';
SELECT user_id, rank FROM influence_compare(md5('2')::uuid, md5('1')::uuid);
SELECT influence_tier_percentile(md5('1')::uuid) > 0 AS ranked;
SELECT w.points > 0 AS gains, (SELECT abs(sum(points) + 1 - w.score_now) < 1e-9 FROM influence_explain_kinds(md5('9')::uuid)) AS adds_up,
	(SELECT count(*) > 0 FROM influence_next_tier(md5('9')::uuid)) AS ways FROM influence_what_if(md5('9')::uuid, 'like') AS w;
SELECT user_id FROM influence_compare(1, 2);
\echo :LAST_ERROR_SQLSTATE
RESET influence.default_model;
SELECT influence_drop_model('side_2');
-- ids of text, in the order of their bytes
CREATE VIEW side.by_text AS SELECT 'a''' || a AS a, CASE t WHEN 11 THEN 'b' WHEN 12 THEN 'É' WHEN 13 THEN 'B' ELSE 't "' || t END AS t, at FROM side.likes WHERE network = 'app';
SELECT influence_create_model('side_3', id_type => 'text', schema => 'side_3');
SELECT influence_add_source('side_3', 'likes', 'side.by_text', actor => 'a', target => 't', occurred_at => 'at', kind => 'like');
SELECT status FROM influence_refresh('side_3', '2024-06-12');
SELECT n.rank, n.user_id, s.rank = n.rank AS same_overall FROM influence_leaderboard('side_3', 'app', NULL) AS n JOIN side_3.scores AS s USING (user_id) WHERE length(user_id) = 1 ORDER BY 1;
SELECT user_id, rank FROM influence_compare(ARRAY['É', 't "1', 'b '], 'side_3');
SELECT w.points > 0 AS gains, (SELECT count(*) > 0 FROM influence_next_tier('É', 'side_3')) AS ways FROM influence_what_if('É', 'like', model => 'side_3') AS w;
SELECT influence_drop_model('side_3');

-- the caller's rights
CREATE ROLE regress_side_reader;
GRANT USAGE ON SCHEMA side_by_side TO regress_side_reader;
SET ROLE regress_side_reader;
SELECT * FROM influence_leaderboard('side_by_side');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_compare(ARRAY[1], 'side_by_side');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_tier_percentile(1, 'side_by_side');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT SELECT ON side_by_side.scores TO regress_side_reader;
SET ROLE regress_side_reader;
SELECT (SELECT count(*) FROM influence_leaderboard()) AS best, (SELECT count(*) FROM influence_compare(1, 2)) AS compared, influence_tier_percentile(1) > 0 AS ranked;
SELECT * FROM influence_leaderboard(network => 'app');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
DROP OWNED BY regress_side_reader;
DROP ROLE regress_side_reader;
SELECT influence_drop_model('side_by_side');
DROP SCHEMA side CASCADE;
DELETE FROM influence.refresh_log;
