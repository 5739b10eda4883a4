-- Scores over time: influence_history(), what was published then, and what
-- changes are made of
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
\set SHOW_CONTEXT never

CREATE FUNCTION dice(i int, what text) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$
	SELECT ('x' || substr(md5(what || i), 1, 8))::bit(32)::bigint / 4294967296::float8
$$;
-- likes of 3 months, more of them every day
CREATE TABLE changes_likes AS
SELECT 1 + floor(80 * dice(i, 'actor'))::bigint AS actor, 1 + floor(60 * power(dice(i, 'target'), 2))::bigint AS target,
	timestamptz '2024-06-30 12:00Z' - power(dice(i, 'ago'), 1.5) * interval '90 days' AS at
FROM generate_series(1, 3000) AS i;

CREATE FUNCTION refresh(at timestamptz, model text DEFAULT 'changes') RETURNS text LANGUAGE sql AS $$
	SELECT status FROM influence_refresh(model, at)
$$;
SELECT influence_create_model('changes');
SELECT influence_add_source('changes', 'likes', 'changes_likes', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like');

--
-- influence_history()
--
SELECT count(refresh(at)) FROM generate_series(timestamptz '2024-05-30 12:00Z', '2024-06-30 12:00Z', '1 day') AS at;
SELECT count(*) AS days, min(as_of), max(as_of), bool_and(as_of > earlier) IS NOT FALSE AS in_order
FROM (SELECT as_of, lag(as_of) OVER () AS earlier FROM influence_history(1)) AS h;
SELECT bool_and(h.score = s.score AND h.score = influence_score(1, h.as_of)) AS same
FROM influence_history(1) AS h JOIN changes.score_history AS s ON s.user_id = 1 AND s.as_of = h.as_of;
-- both ends count, and either may be left out
SELECT as_of FROM influence_history(1, '2024-06-10 12:00Z', '2024-06-12 12:00Z');
SELECT as_of FROM influence_history('1', since => '2024-06-29 12:00:00.000001Z', model => 'changes');
SELECT as_of FROM influence_history(1, until => '2024-05-30 12:00Z');
SELECT count(*) FROM influence_history(1, '2024-06-10 12:01Z', '2024-06-11 11:59Z');
SELECT count(*) FROM influence_history(1, '-infinity', 'infinity');
-- nobody, and NULL
SELECT count(*) FROM influence_history(4711);
SELECT count(*) FROM influence_history(NULL::bigint);
SELECT influence_history(1, '2024-06-12', '2024-06-10');
SELECT influence_history(1, model => 'none');
SELECT influence_history('one');
SELECT influence_history('11111111-1111-1111-1111-111111111111'::uuid);
-- the caller's rights
CREATE ROLE regress_changes_reader;
GRANT USAGE ON SCHEMA changes TO regress_changes_reader;
GRANT SELECT ON changes.scores TO regress_changes_reader;
SET ROLE regress_changes_reader;
SELECT influence_history(1);
RESET ROLE;
GRANT SELECT ON changes.score_history TO regress_changes_reader;
SET ROLE regress_changes_reader;
SELECT count(*) FROM influence_history(1);
RESET ROLE;

--
-- A refresh as of the past publishes what would have been published then
--
CREATE TABLE changes_then AS SELECT user_id, score FROM changes.score_history WHERE day = '2024-06-10';
INSERT INTO changes_likes SELECT i, 1, '2024-06-20' FROM generate_series(1, 50) AS i;
SELECT refresh('2024-06-10 12:00Z');
SELECT count(*) > 40 AS people, max(abs(a.score - b.score)) < 1e-9 AS same, count(*) = count(a.user_id) AND count(*) = count(b.user_id) AS all
FROM changes.scores AS a FULL JOIN changes_then AS b USING (user_id);
SELECT refresh('2024-06-30 12:00Z');

--
-- month_change: what is the person's own, and what is the scale's
--
-- by hand: the raw influence of then, off the map of then, on the map of now
CREATE FUNCTION read_off(map int, score float8, OUT raw float8) LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN read_off.score <= 1 THEN 0 ELSE (
		SELECT k.raw + (read_off.score - k.score) / (k.next_score - k.score) * (k.next_raw - k.raw)
		FROM (SELECT k.*, lead(k.raw) OVER (ORDER BY k.n) AS next_raw, lead(k.score) OVER (ORDER BY k.n) AS next_score
			  FROM influence.calibrations AS c, unnest(c.raw, c.score) WITH ORDINALITY AS k (raw, score, n)
			  WHERE c.model = 'changes' AND c.version = map) AS k
		WHERE k.score <= read_off.score AND k.next_score >= read_off.score ORDER BY k.n LIMIT 1) END
$$;
CREATE FUNCTION read_score(map int, raw float8, OUT score float8) LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN read_score.raw <= 0 THEN 1 ELSE (
		SELECT k.score + (read_score.raw - k.raw) / (k.next_raw - k.raw) * (k.next_score - k.score)
		FROM (SELECT k.*, lead(k.raw) OVER (ORDER BY k.n) AS next_raw, lead(k.score) OVER (ORDER BY k.n) AS next_score
			  FROM influence.calibrations AS c, unnest(c.raw, c.score) WITH ORDINALITY AS k (raw, score, n)
			  WHERE c.model = 'changes' AND c.version = map) AS k
		WHERE k.raw <= read_score.raw AND k.next_raw >= read_score.raw ORDER BY k.n LIMIT 1) END
$$;
CREATE VIEW parts AS
SELECT count(month_change) AS changes, count(month_change_own) AS own, count(month_change_scale) AS scale,
	coalesce(max(abs(month_change_own + month_change_scale - month_change)), 0) < 1e-12 AS add_up,
	coalesce(max(abs(month_change_own)), 0) > 0.1 AS own_moved, coalesce(max(abs(month_change_scale)), 0) > 0.1 AS scale_moved
FROM changes.scores;
-- on a scale that stays put, all of it is the person's
TABLE parts;
SELECT count(*), min(version), max(version) FROM influence.history_calibrations WHERE model = 'changes';
-- unless it is fitted anew
SELECT status FROM influence_calibrate('changes', '2024-06-30 12:00Z');
TABLE parts;
SELECT day, version FROM influence.history_calibrations WHERE model = 'changes' AND day > '2024-06-28' ORDER BY day;
-- the scale that follows the population; the maps of the days in the history stay
UPDATE influence.models SET calibration_policy = 'each_refresh' WHERE model = 'changes';
SELECT count(refresh(at)) FROM generate_series(timestamptz '2024-05-30 12:00Z', '2024-06-30 12:00Z', '1 day') AS at;
TABLE parts;
SELECT count(*) AS days, count(DISTINCT h.version) AS versions, (SELECT count(*) FROM influence.calibrations WHERE model = 'changes') AS maps
FROM influence.history_calibrations AS h WHERE model = 'changes';
SELECT count(*) > 40 AS people, count(*) FILTER (WHERE now_score IS NOT NULL) > 40 AS compared,
	max(abs(now_score - then_score - month_change_scale)) < 1e-9 AS scale, max(abs(score - now_score - month_change_own)) < 1e-9 AS own
FROM (
	SELECT s.*, h.score AS then_score, read_score((SELECT max(version) FROM influence.calibrations WHERE model = 'changes'), read_off(c.version, h.score)) AS now_score
	FROM changes.scores AS s
	JOIN changes.score_history AS h ON h.user_id = s.user_id AND h.day = '2024-05-31'
	JOIN influence.history_calibrations AS c ON c.model = 'changes' AND c.day = h.day) AS s;
-- of two refreshes of a day, the map of the first goes
SELECT refresh('2024-06-30 12:00Z'), count(*) FROM influence.calibrations WHERE model = 'changes';
-- a day whose map nobody knows
DELETE FROM influence.history_calibrations WHERE model = 'changes' AND day = '2024-05-31';
SELECT refresh('2024-06-30 12:00Z');
TABLE parts;
-- what the history forgets, its maps follow
UPDATE influence.models SET history_retention = '3 days' WHERE model = 'changes';
SELECT refresh('2024-06-30 13:00Z'), refresh('2024-06-30 14:00Z');
SELECT array_agg(day ORDER BY day) AS days, (SELECT count(*) FROM influence.calibrations WHERE model = 'changes') AS maps
FROM influence.history_calibrations WHERE model = 'changes';

--
-- max_daily_gain
--
UPDATE influence.models SET calibration_policy = 'anchored', history_retention = NULL, max_daily_gain = 2 WHERE model = 'changes';
-- everybody likes 4711, who is new, and 60, who had few likes
INSERT INTO changes_likes SELECT i, t, '2024-06-30 15:00Z' FROM generate_series(1, 80) AS i, unnest('{60,4711}'::int[]) AS t WHERE i <> t;
SELECT refresh('2024-06-30 16:00Z');
SELECT s.user_id, round((s.score - h.score)::numeric, 6) AS gain, s.score = max(s.score) OVER () AS first
FROM changes.scores AS s LEFT JOIN changes.score_history AS h ON h.user_id = s.user_id AND h.day = '2024-06-29'
WHERE s.user_id IN (60, 4711) ORDER BY 1;
-- days later there is more room; a person's own last day counts
SELECT refresh('2024-07-02 16:00Z');
SELECT s.user_id, round((s.score - h.score)::numeric, 6) AS gain FROM changes.scores AS s
JOIN changes.score_history AS h ON h.user_id = s.user_id AND h.day = '2024-06-30' WHERE s.user_id IN (60, 4711) ORDER BY 1;
DELETE FROM changes.score_history WHERE user_id = 60 AND day >= '2024-06-30';
SELECT refresh('2024-07-02 16:00Z');
SELECT round((influence_score(60) - influence_score(60, as_of => '2024-06-29 23:59Z'))::numeric, 6) AS gain;
-- nobody else is held back, but by what they gained themselves
SELECT count(*) > 40 AS people, max(s.score - h.score) <= 6 + 1e-9 AS limited
FROM changes.scores AS s JOIN changes.score_history AS h ON h.user_id = s.user_id AND h.day = '2024-06-29';
-- ranks, percentiles and tiers are those of what is published, and points add up
SELECT bool_and(rank = expected) AS ranks, bool_and(abs(percentile - expected_percentile) < 1e-9) AS percentiles, bool_and(tier = influence_tier(score)) AS tiers
FROM (SELECT *, row_number() OVER (ORDER BY score DESC, user_id) AS expected,
		100 * (count(*) OVER (ORDER BY score) - count(*) OVER (PARTITION BY score) / 2.0) / count(*) OVER () AS expected_percentile
	  FROM changes.scores) AS s;
SELECT max(abs(s.score - 1 - e.points)) < 1e-9 AS add_up
FROM changes.scores AS s CROSS JOIN LATERAL (SELECT sum(points) AS points FROM influence_explain(s.user_id)) AS e;
SELECT bool_and(n.score <= s.score) AS networks FROM changes.scores AS s JOIN changes.network_scores AS n USING (user_id);
-- REFRESH alone, and without a limit
CREATE TABLE changes_limited AS SELECT user_id, score, rank FROM changes.scores;
REFRESH MATERIALIZED VIEW changes.scores;
SELECT count(*) FROM changes.scores JOIN changes_limited USING (user_id, rank, score);
UPDATE influence.models SET max_daily_gain = NULL WHERE model = 'changes';
SELECT refresh('2024-07-02 16:00Z');
SELECT influence_score(60) - influence_score(60, as_of => '2024-06-29 23:59Z') > 6 AS gain;
-- so long ago that nothing is limited
UPDATE influence.models SET max_daily_gain = 33 WHERE model = 'changes';
DELETE FROM changes.score_history WHERE day > '2024-06-29';
SELECT refresh('2024-07-02 16:00Z');
SELECT influence_score(60) - influence_score(60, as_of => '2024-06-29 23:59Z') > 6 AS gain;

DROP TABLE changes_then, changes_limited;
DROP VIEW parts;
DROP FUNCTION read_off, read_score;
SELECT influence_drop_model('changes');
DROP ROLE regress_changes_reader;
DROP TABLE changes_likes;
DROP FUNCTION refresh, dice;
DELETE FROM influence.refresh_log;
