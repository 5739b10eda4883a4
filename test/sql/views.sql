-- Score views: what is published, and what becomes of it

\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE SCHEMA app;
CREATE TABLE app.likes (user_id bigint, author_id bigint, post_id bigint, created_at timestamptz, type text, origin text);

-- 20 people: the lower the number, the more they are liked, and by more others;
-- some rows a month, a week, a day and an hour before 2024-06-15 12:00
INSERT INTO app.likes
SELECT a, t, t, timestamptz '2024-06-15 12:00Z' - age, k.type, n.origin
FROM generate_series(1, 20) AS a, generate_series(1, 20) AS t,
	unnest(ARRAY[interval '31 days', '8 days', '25 hours', '1 hour']) WITH ORDINALITY AS w (age, place),
	(VALUES ('like'), ('share'), ('follow'), ('post')) AS k (type), (VALUES ('app'), ('twitter')) AS n (origin)
WHERE a > t AND (a * 7 + t * 11 + place * 3) % 5 < 3
	AND EXISTS (SELECT FROM (VALUES ('app', 'like'), ('app', 'share'), ('app', 'follow'), ('app', 'post')) AS s (origin, type) WHERE s = (n.origin, k.type))
UNION ALL
SELECT a, t, t, timestamptz '2024-06-15 12:00Z' - interval '2 days', 'retweet', 'twitter'
FROM generate_series(1, 20) AS a, generate_series(1, 20) AS t WHERE a <> t AND (a + t) % 3 = 0;

SELECT influence_create_model('social');
SELECT influence_add_source('social', 'likes', 'app.likes', actor => 'user_id', target => 'author_id', occurred_at => 'created_at',
	kind_column => 'type', network_column => 'origin', post => 'post_id');
SELECT r.status, r.as_of, r.rows_read, r.rows_ignored, r.users, r.iterations BETWEEN 2 AND 200 AS iterated, r.residual < 1e-9 AS converged, r.calibration,
	r.error_code, r.error, r.run_by = current_user AS mine, r.started_at <= r.finished_at AS in_order,
	(SELECT string_agg(m.key, ', ' ORDER BY m.key) FROM jsonb_each(r.milliseconds) AS m) AS phases
FROM influence_refresh('social', '2024-06-15 12:00Z') AS r \gx
SELECT model, status, users FROM influence.refresh_log;

-- what there is to read
SELECT user_id, round(score::numeric, 4) AS score, tier, rank, round(percentile::numeric, 4) AS percentile, round(true_reach::numeric, 4) AS true_reach,
	round(amplification::numeric, 4) AS amplification, round(network_influence::numeric, 4) AS network_influence, round(audience::numeric, 4) AS audience,
	notoriety, day_change, week_change, month_change, last_active_at, frozen_since, as_of
FROM social.scores ORDER BY rank LIMIT 3;
SELECT count(*) AS people, count(DISTINCT user_id) AS ids, count(DISTINCT rank) AS ranks, min(rank) AS first_rank, max(rank) AS last_rank,
	bool_and(score BETWEEN 1 AND 100) AS scores, bool_and(tier = influence_tier(score)) AS tiers, bool_and(percentile BETWEEN 0 AND 100) AS percentiles,
	count(DISTINCT as_of) AS moments,
	bool_and(amplification BETWEEN 0 AND 100) AS amplifications, bool_and(network_influence BETWEEN 0 AND 100) AS network_influences
FROM social.scores;
SELECT count(*) FROM (SELECT score, lead(score) OVER (ORDER BY rank) AS next FROM social.scores) AS s WHERE next > score;
SELECT network, count(*), round(sum(points)::numeric, 4) AS points FROM social.network_scores GROUP BY network ORDER BY network COLLATE "C";
-- points of the networks, and of their measures, add up
SELECT max(abs(s.score - 1 - n.points)) < 1e-9 AS by_network, max(abs(n.points - n.measures)) < 1e-9 AS by_measure
FROM social.scores AS s JOIN (
	SELECT user_id, sum(points) AS points, sum(engagement_points + true_reach_points + audience_points
		+ amplification_points + network_influence_points + authority_points) AS measures
	FROM social.network_scores GROUP BY user_id) AS n USING (user_id);
SELECT network, kind, sum(count) AS count, round(sum(decayed_value)::numeric, 3) AS decayed_value
FROM social.signals GROUP BY network, kind ORDER BY network COLLATE "C", kind COLLATE "C";

-- unique indexes for REFRESH ... CONCURRENTLY and joins; comments on all columns
SELECT indexrelid::regclass, indisunique, indisvalid FROM pg_index WHERE indrelid IN ('social.scores'::regclass, 'social.network_scores'::regclass,
	'social.signals'::regclass, 'social.score_history'::regclass) ORDER BY 1;
SELECT a.attrelid::regclass, a.attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
WHERE c.relnamespace = 'social'::regnamespace AND c.relkind IN ('m', 'v', 'p') AND NOT c.relispartition AND a.attnum > 0 AND col_description(c.oid, a.attnum) IS NULL;
-- a join on the typed id needs no cast and uses the index
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT score FROM social.scores WHERE user_id = 3::bigint;
EXPLAIN (COSTS OFF) SELECT user_id FROM social.scores ORDER BY rank LIMIT 10;
RESET enable_seqscan;

--
-- The views one by one: the same rows as from the refresh, as of its moment
--
CREATE TABLE app.before_scores AS SELECT * FROM social.scores;
CREATE TABLE app.before_network_scores AS SELECT * FROM social.network_scores;
CREATE TABLE app.before_signals AS SELECT * FROM social.signals;
CREATE FUNCTION app.differences(relation text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	result bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM ((TABLE social.%1$I EXCEPT ALL TABLE app.before_%1$I) UNION ALL (TABLE app.before_%1$I EXCEPT ALL TABLE social.%1$I)) AS d', relation)
	INTO result;
	RETURN result;
END
$$;
REFRESH MATERIALIZED VIEW social.scores;
REFRESH MATERIALIZED VIEW social.network_scores;
REFRESH MATERIALIZED VIEW social.signals;
SELECT app.differences('scores'), app.differences('network_scores'), app.differences('signals');
REFRESH MATERIALIZED VIEW CONCURRENTLY social.scores;
REFRESH MATERIALIZED VIEW CONCURRENTLY social.network_scores;
REFRESH MATERIALIZED VIEW CONCURRENTLY social.signals;
SELECT app.differences('scores'), app.differences('network_scores'), app.differences('signals');
-- and it is not a run
SELECT count(*) FROM influence.refresh_log WHERE model = 'social';
REFRESH MATERIALIZED VIEW social.scores WITH NO DATA;
SELECT influence_score(1);
\echo :LAST_ERROR_SQLSTATE
SELECT status FROM influence_refresh('social', '2024-06-15 12:00Z');
SELECT app.differences('scores'), app.differences('network_scores'), app.differences('signals');

--
-- What others have built on the views outlives a refresh
--
CREATE VIEW app.best AS SELECT user_id, score FROM social.scores WHERE rank <= 3;
CREATE MATERIALIZED VIEW app.kept AS SELECT count(*) FROM social.signals;
CREATE ROLE regress_influence_reader;
GRANT USAGE ON SCHEMA social, app TO regress_influence_reader;
GRANT SELECT ON social.scores, app.best TO regress_influence_reader;
CREATE INDEX by_tier ON social.scores (tier);
COMMENT ON COLUMN social.scores.tier IS 'our words';
ALTER MATERIALIZED VIEW social.scores SET (fillfactor = 90);
ALTER MATERIALIZED VIEW social.scores ALTER COLUMN tier SET STATISTICS 7;
ALTER MATERIALIZED VIEW social.scores CLUSTER ON by_tier;
CREATE STATISTICS social.tiers ON tier, score FROM social.scores;
SELECT 'social.scores'::regclass::oid AS scores_oid \gset
SELECT status FROM influence_refresh('social', '2024-06-15 12:00Z');
SELECT 'social.scores'::regclass::oid = :scores_oid AS same_relation, count(*) AS best FROM app.best;
SELECT app.differences('scores'), app.differences('network_scores'), app.differences('signals');
SELECT relacl::text LIKE '%regress_influence_reader=r/%' AS granted, reloptions, relispopulated FROM pg_class WHERE oid = 'social.scores'::regclass;
SELECT indexrelid::regclass, indisvalid, indisready, indisclustered FROM pg_index WHERE indrelid = 'social.scores'::regclass ORDER BY 1;
SELECT attstattarget, col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = 'social.scores'::regclass AND attname = 'tier';
SELECT stxname FROM pg_statistic_ext WHERE stxrelid = 'social.scores'::regclass;
SET enable_seqscan = off;
SELECT count(*) > 0 AS by_new_index FROM social.scores WHERE tier = 'average';
SELECT count(*) AS by_rank FROM (SELECT user_id FROM social.scores WHERE rank BETWEEN 1 AND 20) AS s;
RESET enable_seqscan;
SET ROLE regress_influence_reader;
SELECT count(*) FROM app.best;
SELECT influence_score(1) IS NOT NULL AS scored;
RESET ROLE;
-- statistics of what was just published
SELECT reltuples FROM pg_class WHERE oid = 'social.scores'::regclass;
ANALYZE social.scores;

--
-- History: a row per person and day, the last refresh of a day stays
--
SELECT day, as_of, count(*) FROM social.score_history GROUP BY day, as_of;
SELECT status FROM influence_refresh('social', '2024-06-15 23:59:59.999999Z');
SELECT status FROM influence_refresh('social', '2024-06-16 00:00:00Z');
SELECT day, as_of, count(*), count(DISTINCT user_id) AS people FROM social.score_history GROUP BY day, as_of ORDER BY day;
-- 'last' is by when it ran, not by what moment it was for
SELECT status FROM influence_refresh('social', '2024-06-15 08:00:00Z');
SELECT day, as_of, count(*) FROM social.score_history GROUP BY day, as_of ORDER BY day;
SELECT DISTINCT s.as_of, m.published_as_of FROM social.scores AS s, influence.models AS m WHERE m.model = 'social';
-- day is one of UTC, whatever the session thinks
SET timezone = 'Asia/Tokyo';
SELECT status FROM influence_refresh('social', '2024-06-16 23:30:00Z');
SET timezone = 'America/Los_Angeles';
SELECT status FROM influence_refresh('social', '2024-06-17 00:30:00Z');
SET timezone = 'UTC';
SELECT day, as_of FROM social.score_history GROUP BY day, as_of ORDER BY day;

-- a partition a month, in it one a day
SELECT status FROM influence_refresh('social', '2024-07-01 00:00:00Z');
SELECT status FROM influence_refresh('social', '2023-12-31 23:59:59Z');
SELECT status FROM influence_refresh('social', '2024-05-15 12:00Z');
SELECT t.relid, t.parentrelid, pg_get_expr(c.relpartbound, c.oid) AS bounds, obj_description(c.oid, 'pg_class') AS comment
FROM pg_partition_tree('social.score_history') AS t JOIN pg_class AS c ON c.oid = t.relid ORDER BY c.relname COLLATE "C";
SELECT day, count(*) FROM social.score_history GROUP BY day ORDER BY day;

-- retention: older days go with the next refresh; NULL keeps all
UPDATE influence.models SET history_retention = '1 mon' WHERE model = 'social';
SELECT status FROM influence_refresh('social', '2024-07-15 12:00Z');
SELECT day, count(*) > 0 AS kept FROM social.score_history GROUP BY day ORDER BY day;
UPDATE influence.models SET history_retention = NULL WHERE model = 'social';
SELECT status FROM influence_refresh('social', '2124-06-15 12:00Z');
SELECT day FROM social.score_history GROUP BY day ORDER BY day;
-- what is old is so by today's date: no refresh for a moment to come forgets what is kept today
UPDATE influence.models SET history_retention = '300 years' WHERE model = 'social';
SELECT status FROM influence_refresh('social', '2999-12-31 12:00Z');
SELECT count(DISTINCT day) FROM social.score_history;
UPDATE influence.models SET history_retention = '90 days' WHERE model = 'social';
DELETE FROM social.score_history;

-- day, week and month change: against the latest published day at least that long ago
SELECT status FROM influence_refresh('social', '2024-05-10 12:00Z');
SELECT status FROM influence_refresh('social', '2024-06-05 12:00Z');
SELECT status FROM influence_refresh('social', '2024-06-14 12:00Z');
SELECT status FROM influence_refresh('social', '2024-06-15 12:00Z');
SELECT count(*) AS people, count(day_change) AS day, count(week_change) AS week, count(month_change) AS month FROM social.scores;
SELECT s.user_id,
	max(abs(s.day_change - (s.score - h.score))) FILTER (WHERE h.day = '2024-06-14') < 1e-9 AS day,
	max(abs(s.week_change - (s.score - h.score))) FILTER (WHERE h.day = '2024-06-05') < 1e-9 AS week,
	max(abs(s.month_change - (s.score - h.score))) FILTER (WHERE h.day = '2024-05-10') < 1e-9 AS month
FROM social.scores AS s JOIN social.score_history AS h USING (user_id) WHERE s.rank <= 3 GROUP BY s.user_id ORDER BY s.user_id;
-- somebody new has none; so has everybody when there is no earlier day
INSERT INTO app.likes VALUES (1, 99, 99, '2024-06-15 12:30Z', 'like', 'app');
SELECT status FROM influence_refresh('social', '2024-06-15 13:00Z');
SELECT user_id, day_change, week_change, month_change FROM social.scores WHERE user_id = 99;
DELETE FROM app.likes WHERE author_id = 99;
SELECT status FROM influence_refresh('social', '2024-05-10 12:00Z');
SELECT count(day_change), count(week_change), count(month_change) FROM social.scores;

-- a score of the past
SELECT influence_score(1, timestamptz '2024-06-14 12:00Z') = (SELECT score FROM social.score_history WHERE user_id = 1 AND day = '2024-06-14') AS that_day,
	influence_score(1, timestamptz '2024-06-14 11:59Z') = (SELECT score FROM social.score_history WHERE user_id = 1 AND day = '2024-06-05') AS just_before,
	influence_score(1, timestamptz '2024-06-10 00:00Z') = (SELECT score FROM social.score_history WHERE user_id = 1 AND day = '2024-06-05') AS between_days,
	influence_score('1', timestamptz '2030-01-01 00:00Z', 'social') = (SELECT score FROM social.score_history WHERE user_id = 1 AND day = '2024-06-15') AS later,
	influence_score(1, timestamptz '2024-05-09 00:00Z') AS before_all, influence_score(12345, timestamptz '2024-06-14 12:00Z') AS unknown;

--
-- Calibration
--
DELETE FROM influence.calibrations WHERE model = 'social';
DELETE FROM social.score_history;
SELECT calibration FROM influence_refresh('social', '2024-06-15 12:00Z');
SELECT version, as_of, people, array_length(raw, 1) = array_length(score, 1) AS pairs, raw[1], score[1] FROM influence.calibrations WHERE model = 'social';
-- anchored: fewer reactions lower scores, the map stays
CREATE TABLE app.all_likes AS TABLE app.likes;
DELETE FROM app.likes WHERE origin = 'twitter' OR user_id % 2 = 0;
CREATE TABLE app.mean AS SELECT 1 AS run, avg(score) AS score FROM social.scores WHERE score > 1;
SELECT calibration FROM influence_refresh('social', '2024-06-15 12:00Z');
INSERT INTO app.mean SELECT 2, avg(score) FROM social.scores WHERE score > 1;
-- a new calibration is version 2: the mean is back near its target, and later refreshes use it
SELECT calibration FROM influence_calibrate('social', '2024-06-15 12:00Z');
INSERT INTO app.mean SELECT 3, avg(score) FROM social.scores WHERE score > 1;
DROP TABLE app.before_scores;
CREATE TABLE app.before_scores AS SELECT * FROM social.scores;
SELECT calibration FROM influence_refresh('social', '2024-06-15 12:00Z');
SELECT app.differences('scores');
SELECT run, abs(score - 40) < 3 AS near_target FROM app.mean ORDER BY run;
SELECT version, people FROM influence.calibrations WHERE model = 'social' ORDER BY version;
-- following the population: one version, the latest
UPDATE influence.models SET calibration_policy = 'each_refresh' WHERE model = 'social';
SELECT calibration FROM influence_refresh('social', '2024-06-15 12:00Z');
TRUNCATE app.likes;
INSERT INTO app.likes TABLE app.all_likes;
SELECT calibration FROM influence_refresh('social', '2024-06-15 12:00Z');
SELECT abs(avg(score) - 40) < 3 AS near_target FROM social.scores WHERE score > 1;
SELECT version FROM influence.calibrations WHERE model = 'social' ORDER BY version;
-- also for a view on its own, which stores nothing
DROP TABLE app.before_scores;
CREATE TABLE app.before_scores AS SELECT * FROM social.scores;
REFRESH MATERIALIZED VIEW social.scores;
SELECT app.differences('scores');
SELECT version FROM influence.calibrations WHERE model = 'social' ORDER BY version;
-- nobody with any influence: no map, nothing stored, no error
UPDATE influence.models SET calibration_policy = 'anchored' WHERE model = 'social';
DELETE FROM influence.calibrations WHERE model = 'social';
UPDATE app.likes SET type = 'post', origin = 'app';
SELECT status, users, calibration FROM influence_refresh('social', '2024-06-15 12:00Z');
SELECT min(score), max(score), min(percentile), max(percentile) FROM social.scores;
SELECT count(*) FROM influence.calibrations WHERE model = 'social';
TRUNCATE app.likes;
SELECT status, users, calibration FROM influence_refresh('social', '2024-06-15 12:00Z');
SELECT count(*) FROM social.scores;
INSERT INTO app.likes TABLE app.all_likes;
SELECT status, users, calibration FROM influence_refresh('social', '2024-06-15 12:00Z');

--
-- Transactions
--
DROP TABLE app.before_scores, app.before_network_scores, app.before_signals;
CREATE TABLE app.before_scores AS SELECT * FROM social.scores;
CREATE TABLE app.before_network_scores AS SELECT * FROM social.network_scores;
CREATE TABLE app.before_signals AS SELECT * FROM social.signals;
SELECT count(*) AS runs FROM influence.refresh_log \gset
BEGIN;
DELETE FROM app.likes WHERE user_id > 10;
SELECT status, users FROM influence_refresh('social', '2024-06-20 12:00Z');
SELECT app.differences('scores') > 0 AS new_scores_inside;
SELECT round(influence_score(1)::numeric, 4) = (SELECT round(score::numeric, 4) FROM social.scores WHERE user_id = 1) AS same_inside;
SAVEPOINT s;
SELECT status, users FROM influence_refresh('social', '2024-06-21 12:00Z');
ROLLBACK TO s;
SELECT DISTINCT as_of FROM social.scores;
ROLLBACK;
SELECT app.differences('scores'), app.differences('network_scores'), app.differences('signals');
SELECT count(*) - :runs AS runs_logged FROM influence.refresh_log;
SELECT published_as_of FROM influence.models WHERE model = 'social';
SELECT max(day) FROM social.score_history;
-- a failure does not end a transaction that expects it, and is logged even so
DO $$
BEGIN
	UPDATE influence.models SET damping = 0.5 WHERE model = 'social';
	ALTER TABLE app.likes RENAME TO hidden;
	ALTER TABLE app.hidden RENAME COLUMN user_id TO renamed;
	PERFORM influence_refresh('social', '2024-06-15 12:00Z');
EXCEPTION WHEN undefined_column THEN
	NULL;
END
$$;
SELECT damping FROM influence.models WHERE model = 'social';
SELECT status, error_code FROM influence.refresh_log ORDER BY run_id DESC LIMIT 1;
SELECT status FROM influence_refresh('social', '2024-06-15 12:00Z');
-- several refreshes in one statement
SELECT r.status FROM generate_series(1, 3) AS g, LATERAL influence_refresh('social', timestamptz '2024-06-15 12:00Z' + g * interval '0 hours') AS r;
SELECT app.differences('scores'), app.differences('network_scores'), app.differences('signals');
-- not where nothing may be written
\set VERBOSITY sqlstate
BEGIN READ ONLY;
SELECT influence_refresh('social');
ROLLBACK;
BEGIN READ ONLY;
SELECT influence_score(1) IS NOT NULL AS scored;
COMMIT;
-- nor while the same session is in the middle of reading a view
BEGIN;
DECLARE c CURSOR FOR SELECT user_id FROM social.scores ORDER BY rank;
FETCH 1 FROM c;
SELECT influence_refresh('social', '2024-06-15 12:00Z');
ROLLBACK;
\set VERBOSITY default

--
-- All models at once: one that fails does not stop the others
--
SELECT influence_create_model('a first');
SELECT influence_create_model('broken');
SELECT influence_create_model('z last');
CREATE TABLE app.short_lived AS TABLE app.likes;
SELECT influence_add_source(v.m, 'likes', v.r::regclass, actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'like')
FROM (VALUES ('a first', 'app.likes'), ('broken', 'app.short_lived'), ('z last', 'app.likes')) AS v (m, r);
DROP TABLE app.short_lived;
SELECT max(run_id) AS last_run FROM influence.refresh_log \gset
CALL influence_refresh_all();
\echo :LAST_ERROR_SQLSTATE
SELECT model, status, error_code FROM influence.refresh_log WHERE run_id > :last_run ORDER BY run_id;
SELECT influence_drop_model('broken');
CALL influence_refresh_all();
SELECT influence_drop_model('a first');
SELECT influence_drop_model('z last');
DO $$ BEGIN CALL influence_refresh_all(); END $$;
SELECT model, status FROM influence.refresh_log ORDER BY run_id DESC LIMIT 1;

--
-- A model moves with its views
--
CREATE ROLE regress_influence_first;
CREATE ROLE regress_influence_second;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_influence_first, regress_influence_second', current_database()); END $$;
GRANT USAGE ON SCHEMA app TO regress_influence_first, regress_influence_second;
GRANT SELECT ON app.likes TO regress_influence_first, regress_influence_second;
SET ROLE regress_influence_first;
SELECT influence_create_model('moving');
SELECT influence_add_source('moving', 'likes', 'app.likes', actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'like');
SELECT status, run_by FROM influence_refresh('moving', '2024-06-15 12:00Z');
RESET ROLE;
REASSIGN OWNED BY regress_influence_first TO regress_influence_second;
SET ROLE regress_influence_first;
SELECT influence_refresh('moving', '2024-06-16 12:00Z');
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_influence_second;
SELECT status, run_by FROM influence_refresh('moving', '2024-06-16 12:00Z');
SELECT status FROM influence_refresh('moving', '2024-08-16 12:00Z');
SELECT count(DISTINCT day) FROM moving.score_history;
SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'moving'::regnamespace;
-- its new owner may not read the source: the run fails and says so
RESET ROLE;
REVOKE SELECT ON app.likes FROM regress_influence_second;
SET ROLE regress_influence_second;
SELECT influence_refresh('moving', '2024-06-16 12:00Z');
\echo :LAST_ERROR_SQLSTATE
SELECT stale, last_status, last_error FROM moving.refresh_status;
SELECT influence_drop_model('moving');
RESET ROLE;
-- the schema of a model renamed
ALTER SCHEMA social RENAME TO elsewhere;
SELECT influence_refresh('social');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_score(1, 'social');
\echo :LAST_ERROR_SQLSTATE
UPDATE influence.models SET schema = 'elsewhere' WHERE model = 'social';
SELECT status FROM influence_refresh('social', '2024-06-15 12:00Z');
SELECT influence_score(1) IS NOT NULL AS scored, (SELECT count(*) FROM elsewhere.refresh_status) AS statuses;
UPDATE influence.models SET schema = 'social' WHERE model = 'social';
ALTER SCHEMA elsewhere RENAME TO social;

-- text and uuid ids
CREATE VIEW app.by_text AS SELECT 'user ' || user_id AS user_id, 'user ' || author_id AS author_id, created_at FROM app.likes WHERE type = 'like';
CREATE VIEW app.by_uuid AS SELECT md5(user_id::text)::uuid AS user_id, md5(author_id::text)::uuid AS author_id, created_at FROM app.likes WHERE type = 'like';
CREATE VIEW app.by_bigint AS SELECT user_id, author_id, created_at FROM app.likes WHERE type = 'like';
SELECT influence_create_model('by_' || t, t::regtype) FROM unnest('{text,uuid,bigint}'::text[]) AS t;
SELECT influence_add_source('by_' || t, 's', format('app.by_%s', t)::regclass, actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'like') FROM unnest('{text,uuid,bigint}'::text[]) AS t;
SELECT r.status, r.users FROM unnest('{text,uuid,bigint}'::text[]) AS t, influence_refresh('by_' || t, '2024-06-15 12:00Z') AS r;
SELECT count(*), max(abs(b.score - t.score)) < 1e-9 AS text_same, max(abs(b.score - u.score)) < 1e-9 AS uuid_same
FROM by_bigint.scores AS b JOIN by_text.scores AS t ON t.user_id = 'user ' || b.user_id JOIN by_uuid.scores AS u ON u.user_id = md5(b.user_id::text)::uuid;
SELECT influence_score('user 1', 'by_text') = influence_score(1, 'by_bigint') AS text, influence_score(md5('1')::uuid, 'by_uuid') = influence_score(1, 'by_bigint') AS uuid,
	influence_score(md5('1'), 'by_uuid') = influence_score(1, 'by_bigint') AS uuid_as_text,
	influence_score('user 1', now(), 'by_text') = influence_score('user 1', 'by_text') AS text_history,
	influence_score(md5('1')::uuid, now(), 'by_uuid') = influence_score(md5('1'), 'by_uuid') AS uuid_history,
	(SELECT count(*) FROM influence_explain('user 1', 'by_text')) AS text_explained, (SELECT count(*) FROM influence_explain(md5('1')::uuid, 'by_uuid')) AS uuid_explained;
SELECT pg_typeof(t.user_id), pg_typeof(u.user_id), pg_typeof(b.user_id) FROM by_text.score_history AS t, by_uuid.score_history AS u, by_bigint.score_history AS b LIMIT 1;
SELECT influence_drop_model('by_' || t) FROM unnest('{text,uuid,bigint}'::text[]) AS t;

\set VERBOSITY terse
DROP VIEW app.best;
DROP MATERIALIZED VIEW app.kept;
SELECT influence_drop_model('social');
SELECT count(*) FROM pg_namespace WHERE nspname = 'social';
DELETE FROM influence.refresh_log;
DROP SCHEMA app CASCADE;
DROP OWNED BY regress_influence_first, regress_influence_second, regress_influence_reader;
DROP ROLE regress_influence_first, regress_influence_second, regress_influence_reader;
