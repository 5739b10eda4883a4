-- influence_score() keeps what it finds out about a model for later calls of
-- the same expression. PL/pgSQL keeps expressions for a whole transaction, so
-- that much may change between two calls.
SET client_min_messages = warning;
CREATE SCHEMA score_app;
CREATE TABLE score_app.likes (user_id bigint, author_id bigint, created_at timestamptz);
INSERT INTO score_app.likes
SELECT i, 1 + i % 3, '2026-06-29' FROM generate_series(10, 19) AS i;

SELECT influence_create_model('score_a', schema => 'score_a');
SELECT influence_create_model('score_b', schema => 'score_b', preset => 'public');
SELECT influence_add_source(m, 'likes', 'score_app.likes', actor => 'user_id', target => 'author_id',
							occurred_at => 'created_at', kind => 'like')
FROM unnest(ARRAY['score_a', 'score_b']) AS m;
SELECT model, status FROM influence_refresh('score_a', '2026-06-30');
SELECT model, status FROM influence_refresh('score_b', '2026-06-30');
RESET client_min_messages;

-- the default model may change
DO $$
DECLARE
	chosen text;
	score float8;
BEGIN
	FOREACH chosen IN ARRAY ARRAY['score_a', 'score_b', 'score_a'] LOOP
		PERFORM set_config('influence.default_model', chosen, true);
		score := influence_score(1);
		RAISE NOTICE '%: %', chosen, score = influence_score(1, chosen);
	END LOOP;
END
$$;

-- the rollback of a subtransaction gives up the lock, the next call takes it again
CREATE FUNCTION score_app.locks() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'score_a.scores'::regclass
$$;
DO $$
DECLARE
	score float8;
BEGIN
	FOR i IN 1..2 LOOP
		BEGIN
			score := influence_score(1, 'score_a');
			RAISE NOTICE 'call %: score %, locks %', i, score IS NOT NULL, score_app.locks();
			RAISE EXCEPTION 'rolled back';
		EXCEPTION WHEN raise_exception THEN
			RAISE NOTICE 'call % rolled back: locks %', i, score_app.locks();
		END;
	END LOOP;
END
$$;

-- calls that alternate between models do not gather memory
BEGIN;
DECLARE alternating CURSOR FOR
	SELECT influence_score(1, CASE WHEN i % 2 = 0 THEN 'score_a' ELSE 'score_b' END)
	FROM generate_series(1, 20000) AS i;
MOVE 19000 FROM alternating;
SELECT sum(total_bytes) < 100000 AS is_small, count(*) FROM pg_backend_memory_contexts WHERE name = 'influence score';
SELECT sum(total_bytes) < 5000000 AS is_small FROM pg_backend_memory_contexts WHERE name IN ('ExecutorState', 'ExprContext');
COMMIT;

SET client_min_messages = warning;
SELECT influence_drop_model(m) FROM unnest(ARRAY['score_a', 'score_b']) AS m;

-- a stranger's model is nobody's default, and does not stand in the way of one
CREATE ROLE regress_score_stranger;
CREATE ROLE regress_score_reader;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_score_stranger', current_database()); END $$;
CREATE TABLE score_app.weighed (actor bigint, target bigint, at timestamptz, weight float8);
INSERT INTO score_app.weighed SELECT i, i % 7, '2024-06-01 12:00Z'::timestamptz - i * interval '1 hour', CASE i WHEN 5 THEN 1e308 WHEN 6 THEN 1e12 END
FROM generate_series(1, 100) AS i;
SELECT influence_create_model('score_own');
SELECT influence_add_source('score_own', 'likes', 'score_app.weighed', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like', weight => 'weight');
-- and a weight that no sum could hold is a bad one
SELECT status, rows_ignored FROM influence_refresh('score_own', '2024-06-01 12:00Z');
GRANT USAGE ON SCHEMA score_own TO regress_score_reader;
GRANT SELECT ON score_own.scores TO regress_score_reader;
SET ROLE regress_score_stranger;
SELECT influence_create_model('score_strange');
GRANT USAGE ON SCHEMA score_strange TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA score_strange TO PUBLIC;
SET ROLE regress_score_reader;
SELECT influence_score(3) BETWEEN 1 AND 100 AS is_score;
RESET ROLE;
SELECT influence_score(3) BETWEEN 1 AND 100 AS is_score;
SELECT influence_drop_model('score_own');
SET ROLE regress_score_reader;
SELECT influence_score(3);
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT influence_drop_model('score_strange');
DROP OWNED BY regress_score_stranger, regress_score_reader;
DROP ROLE regress_score_stranger, regress_score_reader;
DROP SCHEMA score_app CASCADE;
DELETE FROM influence.refresh_log;
