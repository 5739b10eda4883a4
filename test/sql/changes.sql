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
	timestamptz '2026-06-30 12:00Z' - power(dice(i, 'ago'), 1.5) * interval '90 days' AS at
FROM generate_series(1, 3000) AS i;

CREATE FUNCTION refresh(at timestamptz, model text DEFAULT 'changes') RETURNS text LANGUAGE sql AS $$
	SELECT status FROM influence_refresh(model, at)
$$;
SELECT influence_create_model('changes');
SELECT influence_add_source('changes', 'likes', 'changes_likes', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like');

--
-- influence_history()
--
SELECT count(refresh(at)) FROM generate_series(timestamptz '2026-05-30 12:00Z', '2026-06-30 12:00Z', '1 day') AS at;
SELECT count(*) AS days, min(as_of), max(as_of), bool_and(as_of > earlier) IS NOT FALSE AS in_order
FROM (SELECT as_of, lag(as_of) OVER () AS earlier FROM influence_history(1)) AS h;
SELECT bool_and(h.score = s.score AND h.score = influence_score(1, h.as_of)) AS same
FROM influence_history(1) AS h JOIN changes.score_history AS s ON s.user_id = 1 AND s.as_of = h.as_of;
-- both ends count, and either may be left out
SELECT as_of FROM influence_history(1, '2026-06-10 12:00Z', '2026-06-12 12:00Z');
SELECT as_of FROM influence_history('1', "from" => '2026-06-29 12:00:00.000001Z', model => 'changes');
SELECT as_of FROM influence_history(1, "to" => '2026-05-30 12:00Z');
SELECT count(*) FROM influence_history(1, '2026-06-10 12:01Z', '2026-06-11 11:59Z');
SELECT count(*) FROM influence_history(1, '-infinity', 'infinity');
-- nobody, and NULL
SELECT count(*) FROM influence_history(4711);
SELECT count(*) FROM influence_history(NULL::bigint);
SELECT influence_history(1, '2026-06-12', '2026-06-10');
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
CREATE TABLE changes_then AS SELECT user_id, score FROM changes.score_history WHERE day = '2026-06-10';
INSERT INTO changes_likes SELECT i, 1, '2026-06-20' FROM generate_series(1, 50) AS i;
SELECT refresh('2026-06-10 12:00Z');
SELECT count(*) > 40 AS people, max(abs(a.score - b.score)) < 1e-9 AS same, count(*) = count(a.user_id) AND count(*) = count(b.user_id) AS all
FROM changes.scores AS a FULL JOIN changes_then AS b USING (user_id);
SELECT refresh('2026-06-30 12:00Z');

DROP TABLE changes_then;
SELECT influence_drop_model('changes');
DROP ROLE regress_changes_reader;
DROP TABLE changes_likes;
DROP FUNCTION refresh, dice;
DELETE FROM influence.refresh_log;
