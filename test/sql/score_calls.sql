-- influence_score() keeps what it has found out, and all scores when it is asked
-- for many, from one call to the next. Here everything changes in between. No
-- call may return a score that is out of date, or that its caller may not read.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA calls_app;

-- 3000 people, everybody liked by some of 20 others
CREATE TABLE calls_app.likes (actor bigint, target bigint, at timestamptz DEFAULT '2026-06-29');
INSERT INTO calls_app.likes SELECT 10000 + i % 20, i FROM generate_series(1, 3000) AS i;
INSERT INTO calls_app.likes SELECT 10000 + (i * 7) % 20, 1 + (i * i) % 3000 FROM generate_series(1, 9000) AS i;
CREATE VIEW calls_app.likes_uuid AS SELECT lpad(actor::text, 32, '0')::uuid AS actor, lpad(target::text, 32, '0')::uuid AS target, at FROM calls_app.likes;
CREATE VIEW calls_app.likes_text AS SELECT 'user ' || actor AS actor, 'user ' || target AS target, at FROM calls_app.likes;

CREATE FUNCTION calls_app.create_model(model text, id_type regtype DEFAULT 'bigint', suffix text DEFAULT '') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM influence_create_model(model, id_type => id_type);
	PERFORM influence_add_source(model, 'likes', 'calls_app.likes' || suffix, actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like');
	PERFORM influence_refresh(model, '2026-06-30');
END
$$;
-- everybody's scores change
CREATE FUNCTION calls_app.change(model text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO calls_app.likes SELECT 20000 + i % 100, i % 3000 FROM generate_series(1, 9000) AS i WHERE random() < 0.7;
	RETURN (influence_refresh(model, '2026-06-30')).status;
END
$$;
CREATE FUNCTION calls_app.sqlstate(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;
SELECT calls_app.create_model('calls');
SELECT calls_app.create_model('calls_uuid', 'uuid', '_uuid');
SELECT calls_app.create_model('calls_text', 'text', '_text');
SET influence.default_model = 'calls';

--
-- Many calls: the same scores as a join, for known and unknown ids and none
--
CREATE FUNCTION calls_app.differing() RETURNS TABLE (differing bigint, known bigint, asked bigint) LANGUAGE sql AS $$
	SELECT count(*) FILTER (WHERE a.score IS DISTINCT FROM s.score), count(s.score), count(*)
	FROM (SELECT i, influence_score(i) AS score FROM generate_series(-10, 4000) AS i) AS a LEFT JOIN calls.scores AS s ON s.user_id = a.i
$$;
SELECT * FROM calls_app.differing();
SELECT count(*) FILTER (WHERE a.score IS DISTINCT FROM s.score) AS differing, count(s.score) AS known
FROM (SELECT i, influence_score(lpad(i::text, 32, '0')::uuid, 'calls_uuid') AS score FROM generate_series(0, 4000) AS i) AS a
LEFT JOIN calls_uuid.scores AS s ON s.user_id = lpad(a.i::text, 32, '0')::uuid;
SELECT count(*) FILTER (WHERE a.score IS DISTINCT FROM s.score) AS differing, count(s.score) AS known
FROM (SELECT i, influence_score('user ' || i, 'calls_text') AS score FROM generate_series(0, 4000) AS i) AS a
LEFT JOIN calls_text.scores AS s ON s.user_id = 'user ' || a.i;
SELECT count(influence_score(i::text)) AS known, count(*) AS asked FROM generate_series(0, 4000) AS i;
SELECT count(influence_score(NULLIF(i % 2, 0) * i)) AS known, count(*) AS asked FROM generate_series(0, 4000) AS i;

-- all scores are in memory then, if there is enough
CREATE VIEW calls_app.tables AS SELECT count(*) AS tables, sum(total_bytes) < 200000 AS is_small
FROM pg_backend_memory_contexts WHERE name IN ('influence scores', 'influence ids');
BEGIN;
DECLARE c CURSOR FOR SELECT influence_score(i) FROM generate_series(1, 4000) AS i;
MOVE 100 FROM c;
SELECT * FROM calls_app.tables;
MOVE 900 FROM c;
SELECT * FROM calls_app.tables;
CLOSE c;
SELECT * FROM calls_app.tables;
SET LOCAL work_mem = '64kB';
SET LOCAL hash_mem_multiplier = 1;
DECLARE c CURSOR FOR SELECT influence_score(i) FROM generate_series(1, 4000) AS i;
MOVE 1000 FROM c;
SELECT * FROM calls_app.tables;
SELECT * FROM calls_app.differing();
COMMIT;
-- a wrong number of rows in the catalog is no reason to use more
BEGIN;
SET LOCAL work_mem = '64kB';
SET LOCAL hash_mem_multiplier = 1;
UPDATE pg_class SET reltuples = 1000, relpages = relpages * 3 WHERE oid = 'calls.scores'::regclass;
SELECT * FROM calls_app.differing();
DECLARE c CURSOR FOR SELECT influence_score(i) FROM generate_series(1, 4000) AS i;
MOVE 1000 FROM c;
SELECT * FROM calls_app.tables;
ROLLBACK;

-- parallel workers have tables of their own
CREATE TABLE calls_app.people AS SELECT i::bigint AS id FROM generate_series(1, 4000) AS i;
ANALYZE calls_app.people;
BEGIN;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL parallel_leader_participation = off;
EXPLAIN (COSTS off) SELECT count(influence_score(id)), sum(influence_score(id)) FROM calls_app.people;
SELECT count(influence_score(id)), abs(sum(influence_score(id)) - (SELECT sum(score) FROM calls.scores)) < 1e-6 AS same_sum FROM calls_app.people;
COMMIT;

--
-- Cursors
--
-- a refresh between two fetches, in a subtransaction that is rolled back
BEGIN;
DECLARE c CURSOR FOR SELECT i, influence_score(i) FROM generate_series(1, 4000) AS i;
CREATE FUNCTION calls_app.fetch(c refcursor, n int) RETURNS TABLE (fetched bigint, differing bigint) LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	fetched := 0;
	differing := 0;
	FOR i IN 1..n LOOP
		FETCH c INTO r;
		fetched := fetched + 1;
		differing := differing + (r.influence_score IS DISTINCT FROM (SELECT s.score FROM calls.scores AS s WHERE s.user_id = r.i))::int;
	END LOOP;
	RETURN NEXT;
END
$$;
SELECT * FROM calls_app.fetch('c', 500);
CREATE TEMP TABLE calls_before AS SELECT * FROM calls.scores;
SAVEPOINT s;
SELECT * FROM calls_app.fetch('c', 500);
SELECT calls_app.change('calls');
SELECT count(*) > 2000 AS have_changed FROM calls.scores AS s JOIN calls_before AS b USING (user_id) WHERE s.score <> b.score;
SELECT * FROM calls_app.fetch('c', 500);
ROLLBACK TO s;
SELECT count(*) AS have_changed FROM calls.scores AS s JOIN calls_before AS b USING (user_id) WHERE s.score <> b.score;
SELECT * FROM calls_app.fetch('c', 500);
SAVEPOINT s;
SELECT * FROM calls_app.fetch('c', 500);
RELEASE s;
SELECT * FROM calls_app.fetch('c', 500);
COMMIT;

-- a statement that fails in the middle of a fetch
BEGIN;
DECLARE c CURSOR FOR SELECT i, influence_score(i), 1 / (i - 700) FROM generate_series(1, 4000) AS i;
MOVE 600 FROM c;
SAVEPOINT s;
MOVE 200 FROM c;
ROLLBACK TO s;
SELECT influence_score(1) = score AS same FROM calls.scores WHERE user_id = 1;
COMMIT;

-- WITH HOLD keeps the scores of its transaction
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT i, influence_score(i) FROM generate_series(1, 4000) AS i;
MOVE 1000 FROM held;
COMMIT;
DROP TABLE calls_before;
CREATE TEMP TABLE calls_before AS SELECT * FROM calls.scores;
SELECT calls_app.change('calls');
DO $$
DECLARE
	held refcursor := 'held';
	r record;
	differing int := 0;
BEGIN
	FOR i IN 1..1000 LOOP
		FETCH held INTO r;
		differing := differing + (r.influence_score IS DISTINCT FROM (SELECT b.score FROM calls_before AS b WHERE b.user_id = r.i))::int;
	END LOOP;
	RAISE WARNING 'held: % differ', differing;
END
$$;
CLOSE held;

--
-- PL/pgSQL: the expression stays, over commands and transactions
--
CREATE PROCEDURE calls_app.loop(commands text[], ending text) LANGUAGE plpgsql AS $$
DECLARE
	command text;
	mine float8[];
	differing int;
BEGIN
	FOREACH command IN ARRAY commands LOOP
		EXECUTE command;
		IF ending = 'commit' THEN
			COMMIT;
		ELSIF ending = 'rollback' THEN
			ROLLBACK;
		END IF;
		FOR i IN 1..300 LOOP
			mine[i] := influence_score(i);
		END LOOP;
		SELECT count(*) INTO differing FROM generate_series(1, 300) AS i LEFT JOIN calls.scores AS s ON s.user_id = i
		WHERE s.score IS DISTINCT FROM mine[i];
		RAISE WARNING '% (%): % of % differ', command, ending, differing, cardinality(mine);
	END LOOP;
END
$$;
CALL calls_app.loop('{SELECT 1,SELECT calls_app.change(''calls''),SELECT 1,SELECT calls_app.change(''calls'')}', 'nothing');
CALL calls_app.loop('{SELECT 1,SELECT calls_app.change(''calls''),SELECT 1,SELECT calls_app.change(''calls'')}', 'commit');
CALL calls_app.loop('{SELECT 1,SELECT calls_app.change(''calls''),SELECT 1,SELECT calls_app.change(''calls'')}', 'rollback');
CALL calls_app.loop(ARRAY['SELECT 1', 'SELECT influence_drop_model(''calls'')', 'SELECT 1'], 'nothing');
CALL calls_app.loop(ARRAY['SELECT 1', 'SELECT influence_drop_model(''calls''), calls_app.create_model(''calls'')', 'SELECT 1'], 'commit');
-- the same name, another type of ids
CALL calls_app.loop(ARRAY['SELECT 1', 'SELECT influence_drop_model(''calls''), calls_app.create_model(''calls'', ''text'', ''_text'')'], 'rollback');
CALL calls_app.loop(ARRAY['SELECT 1', 'SELECT influence_drop_model(''calls''), calls_app.create_model(''calls'', ''text'', ''_text'')'], 'nothing');
CALL calls_app.loop(ARRAY['SELECT 1', 'UPDATE influence.models SET schema = ''elsewhere'' WHERE model = ''calls'''], 'nothing');

-- what one call costs is not paid in memory
DO $$
DECLARE
	score float8;
BEGIN
	FOR i IN 1..20000 LOOP
		score := influence_score(i % 3000, CASE WHEN i % 2 = 0 THEN 'calls' END);
	END LOOP;
END
$$;
SELECT sum(total_bytes) < 100000 AS is_small FROM pg_backend_memory_contexts WHERE name LIKE 'influence score%';

--
-- Rights and what a call means, between prepared calls and within an expression
--
CREATE ROLE regress_calls_reader;
CREATE ROLE regress_calls_other;
CREATE ROLE regress_calls_group;
GRANT USAGE ON SCHEMA calls, calls_app TO regress_calls_reader;
GRANT SELECT ON calls.scores TO regress_calls_reader;
PREPARE ask AS SELECT influence_score(1) IS NOT NULL AS scored;
SET plan_cache_mode = force_generic_plan;
EXECUTE ask;
SET ROLE regress_calls_reader;
EXECUTE ask;
EXECUTE ask;
RESET ROLE;
REVOKE SELECT ON calls.scores FROM regress_calls_reader;
EXECUTE ask;
SET ROLE regress_calls_reader;
EXECUTE ask;
RESET ROLE;
GRANT SELECT (user_id, score) ON calls.scores TO regress_calls_reader;
SET ROLE regress_calls_reader;
EXECUTE ask;
RESET ROLE;
REVOKE SELECT (user_id) ON calls.scores FROM regress_calls_reader;
SET ROLE regress_calls_reader;
EXECUTE ask;
RESET ROLE;
GRANT SELECT ON calls.scores TO regress_calls_group;
GRANT regress_calls_group TO regress_calls_reader;
SET ROLE regress_calls_reader;
EXECUTE ask;
RESET ROLE;
REVOKE regress_calls_group FROM regress_calls_reader;
SET ROLE regress_calls_reader;
EXECUTE ask;
RESET ROLE;
GRANT regress_calls_group TO regress_calls_reader;
SET ROLE regress_calls_reader;
EXECUTE ask;
RESET ROLE;
REVOKE USAGE ON SCHEMA calls FROM regress_calls_reader;
SET ROLE regress_calls_reader;
EXECUTE ask;
RESET ROLE;
GRANT USAGE ON SCHEMA calls TO regress_calls_reader;
ALTER ROLE regress_calls_other SUPERUSER;
SET SESSION AUTHORIZATION regress_calls_other;
EXECUTE ask;
ALTER ROLE regress_calls_other NOSUPERUSER;
EXECUTE ask;
RESET SESSION AUTHORIZATION;

-- within an expression: roles change, and grants under them
DO $$
DECLARE
	command text;
	score float8;
BEGIN
	FOREACH command IN ARRAY ARRAY['SET ROLE regress_calls_reader', 'SET ROLE regress_calls_other', 'SET ROLE regress_calls_reader',
		'RESET ROLE; REVOKE regress_calls_group FROM regress_calls_reader; SET ROLE regress_calls_reader',
		'RESET ROLE; GRANT SELECT ON calls.scores TO regress_calls_reader; SET ROLE regress_calls_reader',
		'RESET ROLE; REVOKE SELECT ON calls.scores FROM regress_calls_reader; SET ROLE regress_calls_reader', 'RESET ROLE'] LOOP
		EXECUTE command;
		BEGIN
			score := influence_score(1);
			RAISE WARNING '%: %', command, score IS NOT NULL;
		EXCEPTION WHEN OTHERS THEN
			RAISE WARNING '%: %', command, SQLERRM;
		END;
		-- and without a subtransaction
		IF current_user <> 'regress_calls_other' AND has_table_privilege('calls.scores', 'SELECT') THEN
			score := influence_score(1);
		END IF;
	END LOOP;
END
$$;
-- a revocation without a subtransaction; it goes with the error
GRANT SELECT ON calls.scores TO regress_calls_reader;
DO $$
DECLARE
	score float8;
BEGIN
	SET ROLE regress_calls_reader;
	FOR i IN 1..3 LOOP
		IF i = 3 THEN
			RESET ROLE;
			REVOKE SELECT ON calls.scores FROM regress_calls_reader;
			SET ROLE regress_calls_reader;
		END IF;
		score := influence_score(1);
		RAISE WARNING 'call %: %', i, score IS NOT NULL;
	END LOOP;
END
$$;
SET ROLE regress_calls_reader;
EXECUTE ask;
RESET ROLE;

-- the view is emptied, filled, loses its index, is renamed, goes with its schema
EXECUTE ask;
REFRESH MATERIALIZED VIEW calls.scores WITH NO DATA;
EXECUTE ask;
REFRESH MATERIALIZED VIEW calls.scores;
EXECUTE ask;
DROP INDEX calls.scores_user_id_idx;
EXECUTE ask;
CREATE UNIQUE INDEX ON calls.scores (user_id);
EXECUTE ask;
REINDEX INDEX calls.scores_user_id_idx;
EXECUTE ask;
REINDEX INDEX CONCURRENTLY calls.scores_user_id_idx;
EXECUTE ask;
BEGIN;
ALTER MATERIALIZED VIEW calls.scores RENAME TO renamed;
SELECT calls_app.sqlstate('EXECUTE ask');
SELECT calls_app.sqlstate('SELECT influence_score(1)');
CREATE MATERIALIZED VIEW calls.scores AS SELECT r.user_id, NULL::float8 AS score FROM calls.renamed AS r
	LEFT JOIN influence_model_scores('calls') AS m (user_id bigint) ON false;
CREATE UNIQUE INDEX ON calls.scores (user_id);
EXECUTE ask;
SELECT count(influence_score(i)) FROM generate_series(1, 1000) AS i;
ROLLBACK;
EXECUTE ask;
ALTER SCHEMA calls RENAME TO calls_renamed;
EXECUTE ask;
ALTER SCHEMA calls_renamed RENAME TO calls;
EXECUTE ask;
BEGIN;
UPDATE influence.models SET schema = 'elsewhere' WHERE model = 'calls';
EXECUTE ask;
ROLLBACK;
EXECUTE ask;

-- the only model: until there is another, and when it is gone
RESET influence.default_model;
EXECUTE ask;
SELECT influence_drop_model(m) FROM unnest(ARRAY['calls_uuid', 'calls_text']) AS m;
EXECUTE ask;
EXECUTE ask;
SELECT calls_app.create_model('calls_second');
EXECUTE ask;
BEGIN;
SELECT influence_drop_model('calls_second');
EXECUTE ask;
ROLLBACK;
EXECUTE ask;
GRANT USAGE ON SCHEMA calls, calls_second TO regress_calls_reader;
GRANT SELECT ON calls.scores TO regress_calls_reader;
SET ROLE regress_calls_reader;
EXECUTE ask;
RESET ROLE;
-- a second one that may be read: its owner is trusted, too
GRANT SELECT ON calls_second.scores TO regress_calls_reader;
SET ROLE regress_calls_reader;
EXECUTE ask;
RESET ROLE;
ALTER MATERIALIZED VIEW calls_second.scores OWNER TO regress_calls_other;
SET ROLE regress_calls_reader;
EXECUTE ask;
RESET ROLE;
GRANT regress_calls_other TO regress_calls_reader;
SET ROLE regress_calls_reader;
EXECUTE ask;
RESET ROLE;
ALTER MATERIALIZED VIEW calls_second.scores RENAME TO away;
SET ROLE regress_calls_reader;
EXECUTE ask;
EXECUTE ask;
RESET ROLE;
ALTER MATERIALIZED VIEW calls_second.away RENAME TO scores;
SET ROLE regress_calls_reader;
EXECUTE ask;
RESET ROLE;
SELECT influence_drop_model(m) FROM unnest(ARRAY['calls', 'calls_second']) AS m;
EXECUTE ask;
-- another installation
DROP SCHEMA calls_second CASCADE;
DROP EXTENSION influence;
CREATE EXTENSION influence;
SELECT calls_app.create_model('calls');
EXECUTE ask;

SELECT influence_drop_model('calls');
DROP OWNED BY regress_calls_reader, regress_calls_other, regress_calls_group;
DROP ROLE regress_calls_reader, regress_calls_other, regress_calls_group;
DROP SCHEMA calls_app CASCADE;
DELETE FROM influence.refresh_log;
