-- influence.max_memory: what does not fit is kept in temporary files, and the
-- scores are the same.
SET timezone = 'UTC';
SET client_min_messages = warning;

-- so many people that little is left for what is between them
CREATE TABLE memory_likes AS
	SELECT (i * 7919::bigint) % 40009 AS actor, (i * i * 31 + i) % 39989 AS target,
		timestamptz '2026-01-01' - (i % 80) * interval '1 day' AS at,
		(ARRAY['like', 'comment', 'share', 'follow', 'post'])[1 + i % 5] AS kind,
		i % 977 AS post, 1 + i % 3 AS weight
	FROM generate_series(1::bigint, 400000) AS i;
-- rows without an actor, and rows traded
INSERT INTO memory_likes SELECT NULL, target, at, 'like', post, 1 FROM memory_likes LIMIT 20000;
INSERT INTO memory_likes SELECT target, actor, at, 'like', post, 2 FROM memory_likes WHERE actor % 2 = 0 LIMIT 40000;

SELECT influence_create_model('memory');
SELECT influence_add_source('memory', 'likes', 'memory_likes', actor => 'actor', target => 'target',
	occurred_at => 'at', kind_column => 'kind', post => 'post', weight => 'weight');

-- counted when a statement is over
CREATE FUNCTION pg_temp.temporary_files() RETURNS bigint LANGUAGE sql
	RETURN (SELECT temp_files FROM pg_stat_database WHERE datname = current_database());

SHOW influence.max_memory;
SELECT (influence_refresh('memory', '2026-01-01')).status;
CREATE TABLE large_scores AS SELECT * FROM memory.scores;
CREATE TABLE large_network_scores AS SELECT * FROM memory.network_scores;
CREATE TABLE large_signals AS SELECT * FROM memory.signals;

CREATE FUNCTION pg_temp.differences(OUT people bigint, OUT scores bigint, OUT networks bigint, OUT signals bigint) LANGUAGE sql
	RETURN ROW(
		(SELECT count(*) FROM memory.scores),
		(SELECT count(*) FROM memory.scores AS s FULL JOIN large_scores AS l USING (user_id)
			WHERE (abs(s.score - l.score) < 1e-9 AND s.rank = l.rank AND abs(s.notoriety - l.notoriety) < 1e-9) IS NOT TRUE),
		(SELECT count(*) FROM memory.network_scores AS s FULL JOIN large_network_scores AS l USING (user_id, network)
			WHERE (abs(s.engagement - l.engagement) <= 1e-9 * l.engagement AND abs(s.points - l.points) < 1e-9) IS NOT TRUE),
		(SELECT count(*) FROM memory.signals AS s FULL JOIN large_signals AS l USING (user_id, network, kind)
			WHERE (s.count = l.count AND abs(s.decayed_value - l.decayed_value) <= 1e-9 * l.decayed_value) IS NOT TRUE));

-- With room enough, with little room, and with little room and several processes
SELECT pg_stat_force_next_flush();
SELECT pg_temp.temporary_files() AS files \gset
SET max_parallel_workers_per_gather = 0;
SELECT (influence_refresh('memory', '2026-01-01')).status;
SELECT pg_stat_force_next_flush();
SELECT pg_temp.temporary_files() > :files AS files_used, * FROM pg_temp.differences();

SET influence.max_memory = '16MB';
SELECT (influence_refresh('memory', '2026-01-01')).status;
SELECT pg_stat_force_next_flush();
SELECT pg_temp.temporary_files() > :files AS files_used, * FROM pg_temp.differences();

SELECT pg_stat_force_next_flush();
SELECT pg_temp.temporary_files() AS files \gset
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT (influence_refresh('memory', '2026-01-01')).status;
SELECT pg_stat_force_next_flush();
SELECT pg_temp.temporary_files() > :files AS files_used, * FROM pg_temp.differences();

-- Several processes with room enough measure people together, by one and by three more
RESET influence.max_memory;
SET max_parallel_workers_per_gather = 1;
SELECT (influence_refresh('memory', '2026-01-01')).status;
SELECT * FROM pg_temp.differences();
SET max_parallel_workers_per_gather = 3;
SELECT (influence_refresh('memory', '2026-01-01')).status;
SELECT * FROM pg_temp.differences();
SET max_parallel_workers_per_gather = 2;
SET influence.max_memory = '16MB';

-- So few people with so many edges that most of a team have nobody to rank
CREATE TABLE dense_likes AS SELECT a AS actor, t AS target FROM generate_series(1, 700) AS a, generate_series(1, 700) AS t WHERE (a * 31 + t * 17) % 3 > 0;
SELECT influence_create_model('dense');
SELECT influence_add_source('dense', 'likes', 'dense_likes', actor => 'actor', target => 'target', occurred_at => $$timestamptz '2025-12-31'$$, kind => 'like');
RESET influence.max_memory;
SET max_parallel_workers_per_gather = 0;
SELECT (influence_refresh('dense', '2026-01-01')).status;
CREATE TABLE dense_alone AS SELECT user_id, network_influence, score FROM dense.scores;
SELECT workers, (SELECT (influence_refresh('dense', '2026-01-01')).status FROM set_config('max_parallel_workers_per_gather', workers::text, false)) AS status
FROM unnest('{1,2,3,1,2,3}'::int[]) AS workers;
SELECT count(*) AS people, count(*) FILTER (WHERE (abs(s.network_influence - a.network_influence) < 1e-9 AND abs(s.score - a.score) < 1e-9) IS NOT TRUE) AS differences
FROM dense.scores AS s FULL JOIN dense_alone AS a USING (user_id);
SELECT influence_drop_model('dense');
DROP TABLE dense_likes, dense_alone;
DELETE FROM influence.refresh_log WHERE model = 'dense';
SET max_parallel_workers_per_gather = 2;
SET influence.max_memory = '16MB';

-- The same with clocks that stand still
UPDATE influence.models SET inactivity_policy = 'freeze', time_window = '30 days' WHERE model = 'memory';
RESET influence.max_memory;
SELECT (influence_refresh('memory', '2026-01-01')).status;
SELECT count(frozen_since) > 1000 AS frozen FROM memory.scores;
TRUNCATE large_scores, large_network_scores, large_signals;
INSERT INTO large_scores TABLE memory.scores;
INSERT INTO large_network_scores TABLE memory.network_scores;
INSERT INTO large_signals TABLE memory.signals;
SET influence.max_memory = '16MB';
SELECT (influence_refresh('memory', '2026-01-01')).status;
SELECT * FROM pg_temp.differences();
UPDATE influence.models SET inactivity_policy = 'decay', time_window = '90 days' WHERE model = 'memory';
RESET influence.max_memory;
SELECT (influence_refresh('memory', '2026-01-01')).status;
SET influence.max_memory = '16MB';

-- Too many people: an error that says how much is needed, which is enough then
INSERT INTO memory_likes SELECT i, i + 1, '2025-12-31', 'like', NULL, 1 FROM generate_series(100000, 170000) AS i;
CREATE PROCEDURE pg_temp.refuse() LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	PERFORM influence_refresh('memory', '2026-01-01');
EXCEPTION WHEN configuration_limit_exceeded THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RAISE WARNING '%: %', SQLSTATE, SQLERRM;
	PERFORM set_config('influence.max_memory', substring(hint FROM '\d+ MB'), false);
END $$;
SET max_parallel_workers_per_gather = 0;
CALL pg_temp.refuse();
SELECT count(*) FROM memory.scores;
SELECT (influence_refresh('memory', '2026-01-01')).status;
SELECT count(*) FROM memory.scores;

-- Nonsense; versions differ in how they write the range
\set VERBOSITY sqlstate
SET influence.max_memory = 0;
SET influence.max_memory = '1kB';
\set VERBOSITY default

DROP FUNCTION pg_temp.differences, pg_temp.temporary_files;
RESET client_min_messages;
SELECT influence_drop_model('memory');
DROP TABLE memory_likes, large_scores, large_network_scores, large_signals;
DELETE FROM influence.refresh_log WHERE model = 'memory';
