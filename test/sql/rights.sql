-- Rights: who may do what, and whose rights a refresh uses

\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE ROLE regress_influence_owner;
CREATE ROLE regress_influence_other;
CREATE ROLE regress_influence_reader;
CREATE ROLE regress_influence_nobody;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_influence_owner, regress_influence_other', current_database()); END $$;

CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.likes (user_id bigint, author_id bigint, created_at timestamptz, tenant text);
INSERT INTO app.likes SELECT a, t, '2024-06-01 11:00Z', CASE WHEN a % 2 = 0 THEN 'regress_influence_owner' ELSE 'somebody else' END
FROM generate_series(1, 9) AS a, generate_series(1, 9) AS t WHERE a > t;
CREATE TABLE app.secrets AS SELECT * FROM app.likes;
GRANT SELECT ON app.likes TO regress_influence_owner;

--
-- Creating: a right to create a schema, or a schema of one's own
--
SET ROLE regress_influence_nobody;
\set VERBOSITY sqlstate
SELECT influence_create_model('mine');
\set VERBOSITY default
RESET ROLE;
CREATE SCHEMA nobodys AUTHORIZATION regress_influence_nobody;
SET ROLE regress_influence_nobody;
SELECT influence_create_model('mine', schema => 'nobodys');
SELECT influence_drop_model('mine');
SET ROLE regress_influence_other;
SELECT influence_create_model('mine', schema => 'nobodys');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
DROP SCHEMA nobodys;

SET ROLE regress_influence_owner;
SELECT influence_create_model('social');
SELECT influence_add_source('social', 'likes', 'app.likes', actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'like');
SELECT influence_add_source('social', 'secrets', 'app.secrets', actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT status, users, run_by FROM influence_refresh('social', '2024-06-01 12:00Z');
SELECT influence_score(1) IS NOT NULL AS scored, (SELECT count(*) FROM influence_explain(1)) AS explained, influence_score(1, now()) = influence_score(1) AS history;

-- nothing is granted to anybody by itself
SELECT relname, relacl FROM pg_class WHERE relnamespace = 'social'::regnamespace AND relkind IN ('m', 'v', 'p', 'r') AND relacl IS NOT NULL;
SELECT nspacl FROM pg_namespace WHERE nspname = 'social';

-- the owner's word in influence.sources is not the owner's right to read
INSERT INTO influence.sources (model, source, relation, relation_name, target, occurred_at, kind, network)
	VALUES ('social', 'planted', 'app.secrets', 'app.secrets', 'author_id', 'created_at', 'like', 'app');
SELECT influence_refresh('social', '2024-06-01 12:00Z');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT influence_refresh('social', '2024-06-01 12:00Z');
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_influence_owner;
SELECT influence_remove_source('social', 'planted');

--
-- Roles without rights: nothing is read, and little is said
--
SET ROLE regress_influence_nobody;
SELECT influence_score(1);
\echo :LAST_ERROR_SQLSTATE
SELECT influence_score(1, 'social');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
SELECT influence_score(1, now(), 'social');
SELECT * FROM influence_explain(1, 'social');
\set VERBOSITY default
SELECT * FROM social.scores;
SELECT (SELECT count(*) FROM influence.models) AS models, (SELECT count(*) FROM influence.networks) AS networks, (SELECT count(*) FROM influence.signals) AS signals,
	(SELECT count(*) FROM influence.sources) AS sources, (SELECT count(*) FROM influence.calibrations) AS calibrations,
	(SELECT count(*) FROM influence.refresh_log) AS runs, (SELECT count(*) FROM influence.refresh_status) AS statuses;
SELECT influence_refresh('social');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_calibrate('social');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_model_scores('social') AS t (user_id bigint);
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', 'x', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_remove_source('social', 'likes');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_schedule('social', '@daily');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_unschedule('social');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_drop_model('social');
\echo :LAST_ERROR_SQLSTATE
REFRESH MATERIALIZED VIEW social.scores;
CALL influence_refresh_all();
UPDATE influence.models SET damping = 0.1;
DELETE FROM influence.models;
DELETE FROM influence.calibrations;
UPDATE influence.presets SET target_mean = 50;
INSERT INTO influence.refresh_log (model, status, started_at, finished_at) VALUES ('social', 'success', now(), now());

-- a reader: the score, once the views may be read
RESET ROLE;
GRANT USAGE ON SCHEMA social TO regress_influence_reader;
SET ROLE regress_influence_reader;
SELECT influence_score(1);
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_influence_owner;
GRANT SELECT ON social.scores TO regress_influence_reader;
SET ROLE regress_influence_reader;
SELECT influence_score(1) IS NOT NULL AS scored, influence_score('1', 'social') IS NOT NULL AS scored_by_name, (SELECT count(*) FROM social.scores) AS people;
SELECT influence_score(1, now());
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_explain(1);
\echo :LAST_ERROR_SQLSTATE
SELECT model FROM influence.models;
SELECT (SELECT count(*) FROM influence.signals) AS signals, (SELECT count(*) FROM influence.sources) AS sources, (SELECT count(*) FROM influence.refresh_log) AS runs;
SELECT influence_refresh('social');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', 'x', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_schedule('social', '@daily');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_drop_model('social');
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_influence_owner;
GRANT SELECT ON social.network_scores, social.score_history, social.refresh_status TO regress_influence_reader;
SET ROLE regress_influence_reader;
SELECT influence_score(1, now()) = influence_score(1) AS history, (SELECT count(*) FROM influence_explain(1)) AS explained, (SELECT last_status FROM social.refresh_status) AS last_status;
-- two columns are enough for a score
SET ROLE regress_influence_owner;
REVOKE SELECT ON social.scores FROM regress_influence_reader;
GRANT SELECT (score) ON social.scores TO regress_influence_reader;
SET ROLE regress_influence_reader;
SELECT influence_score(1);
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_influence_owner;
GRANT SELECT (user_id) ON social.scores TO regress_influence_reader;
SET ROLE regress_influence_reader;
SELECT influence_score(1) IS NOT NULL AS scored;
-- and no USAGE on the schema is none on the score, also in the middle of a transaction
BEGIN;
SELECT influence_score(1) IS NOT NULL AS scored;
SET ROLE regress_influence_owner;
REVOKE USAGE ON SCHEMA social FROM regress_influence_reader;
RESET ROLE;
REVOKE USAGE ON SCHEMA social FROM regress_influence_reader;
SET ROLE regress_influence_reader;
SELECT influence_score(1, 'social');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- another owner: own models only
RESET ROLE;
SET ROLE regress_influence_other;
SELECT influence_create_model('theirs');
SELECT model FROM influence.models;
SELECT DISTINCT model FROM influence.signals;
SELECT influence_refresh('social');
\echo :LAST_ERROR_SQLSTATE
UPDATE influence.models SET damping = 0.1 WHERE model = 'social';
UPDATE influence.sources SET filter = 'false';
INSERT INTO influence.calibrations (model, version, as_of, people, raw, score) VALUES ('social', 9, now(), 1, '{0,1}', '{1,2}');
CALL influence_refresh_all();
SELECT model, status, run_by FROM influence.refresh_log;
SELECT influence_score(1) IS NULL AS only_theirs_is_meant;
-- membership counts
RESET ROLE;
GRANT regress_influence_owner TO regress_influence_other;
SET ROLE regress_influence_other;
SELECT status, run_by FROM influence_refresh('social', '2024-06-01 12:00Z');
SELECT model FROM influence.models ORDER BY model COLLATE "C";
SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'social'::regnamespace;
RESET ROLE;
REVOKE regress_influence_owner FROM regress_influence_other;
SET ROLE regress_influence_other;
SELECT influence_drop_model('theirs');
RESET ROLE;

--
-- Whose rights: the owner's, whoever refreshes
--
CREATE TABLE app.witnesses (who text, really text, search_path text, row_security text, timezone text);
GRANT INSERT ON app.witnesses TO PUBLIC;
CREATE SCHEMA owned AUTHORIZATION regress_influence_owner;
SET ROLE regress_influence_owner;
-- a view may hold a volatile function
CREATE FUNCTION owned.witness() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	INSERT INTO app.witnesses VALUES (current_user, session_user, current_setting('search_path'), current_setting('row_security'), current_setting('timezone'));
	RETURN true;
END
$$;
CREATE VIEW owned.watched AS SELECT 1::bigint AS user_id, 2::bigint AS author_id, timestamptz '2024-06-01 11:00Z' AS created_at WHERE owned.witness();
SELECT influence_create_model('watched', schema => 'owned');
SELECT influence_add_source('watched', 'watched', 'owned.watched', actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'like');
SELECT status FROM influence_refresh('watched', '2024-06-01 12:00Z');
RESET ROLE;
SET timezone = 'Asia/Tokyo';
SET search_path = app, public;
SELECT status, run_by = session_user AS by_superuser FROM influence_refresh('watched', '2024-06-01 12:00Z');
REFRESH MATERIALIZED VIEW owned.scores;
CALL influence_refresh_all();
SELECT current_setting('search_path') AS search_path, current_setting('timezone') AS timezone, current_user = session_user AS myself;
RESET search_path;
SET timezone = 'UTC';
SELECT who, really = session_user AS really, search_path, row_security, timezone, count(*) FROM app.witnesses GROUP BY 1, 2, 3, 4, 5;
TRUNCATE app.witnesses;

-- what a source must not do: reach into the session of whoever refreshes
CREATE FUNCTION app.refresh_error(model text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM influence_refresh(model, '2024-06-01 12:00Z');
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;
CREATE FUNCTION owned.attack(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE OR REPLACE FUNCTION owned.witness() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $f$ BEGIN EXECUTE %L; RETURN true; END $f$', command);
	RETURN app.refresh_error('watched');
END
$$;
-- (16 has other words for a role that may not be altered)
SELECT c.command, regexp_replace(owned.attack(c.command), 'must be superuser to alter .*', 'permission denied to alter role') AS attack FROM (VALUES
	('CREATE TEMP TABLE t (i int)'), ('SET ROLE postgres'), ('RESET ROLE'), ('SET SESSION AUTHORIZATION postgres'), ('DECLARE c CURSOR WITH HOLD FOR SELECT 1'),
	('ALTER ROLE regress_influence_owner SUPERUSER'), ('SELECT count(*) FROM app.secrets'), ('UPDATE influence.presets SET target_mean = 1'), ('DELETE FROM influence.refresh_log'),
	('COMMIT')) AS v (command), LATERAL (SELECT v.command) AS c (command);
-- settings it makes are gone afterwards
SELECT owned.attack('SET search_path = app'), owned.attack('SET timezone = ''Asia/Tokyo''');
SELECT current_setting('search_path') AS search_path, current_setting('timezone') AS timezone;
-- a refresh within itself is skipped
SELECT owned.attack('INSERT INTO app.witnesses SELECT l.status FROM public.influence_refresh(''watched'') AS l');
SELECT who FROM app.witnesses;
TRUNCATE app.witnesses;
-- dropping what is being refreshed
SELECT owned.attack('SELECT public.influence_drop_model(''watched'')');
SELECT model FROM influence.models WHERE model = 'watched';
SELECT owned.attack('DROP MATERIALIZED VIEW owned.scores');
SELECT owned.attack('SELECT 1');
-- a trigger on the history does not run at all
SET ROLE regress_influence_owner;
CREATE FUNCTION owned.on_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.witnesses (who) VALUES (current_user);
	RETURN NEW;
END
$$;
CREATE TRIGGER witness BEFORE INSERT ON owned.score_history FOR EACH ROW EXECUTE FUNCTION owned.on_history();
RESET ROLE;
SELECT app.refresh_error('watched');
SELECT DISTINCT who FROM app.witnesses;
-- an expression in an index of a view runs with the owner's rights
SET ROLE regress_influence_owner;
DROP TRIGGER witness ON owned.score_history;
CREATE FUNCTION owned.witness_score(float8) RETURNS float8 LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	INSERT INTO app.witnesses (who) VALUES (current_user);
	RETURN $1;
END
$$;
CREATE FUNCTION owned.indexed(float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT owned.witness_score($1)';
CREATE INDEX ON owned.scores (owned.indexed(score));
RESET ROLE;
TRUNCATE app.witnesses;
SELECT app.refresh_error('watched');
SELECT DISTINCT who FROM app.witnesses;

-- relations that only look like those of a model
SET ROLE regress_influence_owner;
DROP MATERIALIZED VIEW owned.scores;
CREATE TABLE owned.scores (user_id text UNIQUE, score float8);
INSERT INTO owned.scores VALUES ('1', 1);
RESET ROLE;
SELECT influence_score(1, 'watched');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_refresh('watched');
\echo :LAST_ERROR_SQLSTATE
CALL influence_refresh_all();
DROP TABLE owned.scores;
SET ROLE regress_influence_owner;
CREATE MATERIALIZED VIEW owned.scores AS SELECT '1'::text AS user_id, 'x'::text AS score;
CREATE UNIQUE INDEX ON owned.scores (user_id);
SELECT influence_score(1, 'watched');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_score('1', 'watched');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_refresh('watched', '2024-06-03 12:00Z');
\echo :LAST_ERROR_SQLSTATE
DROP MATERIALIZED VIEW owned.scores;
CREATE VIEW owned.scores AS SELECT 1::bigint AS user_id, 99::float8 AS score;
SELECT influence_score(1, 'watched');
\echo :LAST_ERROR_SQLSTATE
DROP VIEW owned.scores;
RESET ROLE;
SELECT influence_drop_model('watched');
-- a history of other types
SET ROLE regress_influence_owner;
SELECT influence_create_model('texts', 'text', schema => 'owned');
SELECT influence_add_source('texts', 'likes', 'app.likes', actor => 'user_id::text', target => 'author_id::text', occurred_at => 'created_at', kind => 'like');
SELECT status FROM influence_refresh('texts', '2024-06-01 12:00Z');
CREATE TABLE owned.score_history_2024_06_02 (user_id bigint, day date, as_of timestamptz, score text);
INSERT INTO owned.score_history_2024_06_02 VALUES (1, '2024-06-02', now(), 'high');
SELECT influence_refresh('texts', '2024-06-02 12:00Z');
\echo :LAST_ERROR_SQLSTATE
SELECT status FROM influence_refresh('texts', '2024-06-03 12:00Z');
DROP TABLE owned.score_history_2024_06_02;
-- somebody else's table in the place of a day or a view gets no scores
GRANT USAGE, CREATE ON SCHEMA owned TO regress_influence_other;
SET ROLE regress_influence_other;
CREATE TABLE owned.score_history_2024_06_02 (user_id text, day date, as_of timestamptz, score float8);
SET ROLE regress_influence_owner;
SELECT influence_refresh('texts', '2024-06-02 12:00Z');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT influence_refresh('texts', '2024-06-02 12:00Z');
\echo :LAST_ERROR_SQLSTATE
DROP TABLE owned.score_history_2024_06_02;
SET ROLE regress_influence_owner;
DROP MATERIALIZED VIEW owned.signals;
CREATE VIEW owned.signals AS SELECT 1 AS one;
SELECT influence_refresh('texts', '2024-06-02 12:00Z');
\echo :LAST_ERROR_SQLSTATE
DROP VIEW owned.signals;
SET ROLE regress_influence_other;
CREATE TABLE owned.signals (user_id text, network text, kind text, count float8, decayed_value float8);
SET ROLE regress_influence_owner;
SELECT influence_refresh('texts', '2024-06-02 12:00Z');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
DROP TABLE owned.signals;
SET ROLE regress_influence_owner;
SELECT influence_drop_model('texts');
RESET ROLE;

--
-- Row-level security of a source: the owner's, whoever refreshes
--
ALTER TABLE app.likes ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenants ON app.likes USING (tenant = current_user);
SET ROLE regress_influence_owner;
SELECT count(*) AS visible FROM app.likes;
SELECT status, rows_read FROM influence_refresh('social', '2024-06-01 12:00Z');
SET row_security = off;
SELECT status, rows_read FROM influence_refresh('social', '2024-06-01 12:00Z');
RESET row_security;
RESET ROLE;
SELECT count(*) AS visible FROM app.likes;
SELECT status, rows_read FROM influence_refresh('social', '2024-06-01 12:00Z');
SELECT influence_score(1, 'social') AS score \gset
REFRESH MATERIALIZED VIEW social.scores;
SELECT influence_score(1, 'social') = :score AS same;
-- current_user in a filter is the owner, too
SELECT influence_remove_source('social', 'likes');
SELECT influence_add_source('social', 'likes', 'app.likes', actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'like', filter => 'tenant = current_user');
SELECT status, rows_read FROM influence_refresh('social', '2024-06-01 12:00Z');

--
-- Objects planted in the caller's search_path, or in pg_temp, never run
--
CREATE SCHEMA evil;
CREATE TABLE evil.caught (what text);
CREATE FUNCTION evil.catch(what text) RETURNS void LANGUAGE sql AS 'INSERT INTO evil.caught VALUES (what)';
DO $do$
DECLARE
	o record;
	f record;
BEGIN
	-- every operator on the types in use
	FOR o IN SELECT DISTINCT oprname, oprleft::regtype AS l, oprright::regtype AS r, oprresult::regtype AS result FROM pg_operator
			 WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprkind = 'b'
			   AND oprleft IN ('text'::regtype, 'bigint'::regtype, 'integer'::regtype, 'oid'::regtype, 'float8'::regtype, 'name'::regtype, '"char"'::regtype, 'timestamptz'::regtype, 'interval'::regtype, 'date'::regtype, 'boolean'::regtype, 'uuid'::regtype, 'jsonb'::regtype)
			   AND oprname IN ('=', '<>', '<', '>', '<=', '>=', '+', '-', '*', '/', '||', '~~')
	LOOP
		EXECUTE format('CREATE FUNCTION evil.op(%1$s, %2$s) RETURNS %3$s LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.catch(%4$L); RETURN NULL; END $$',
			o.l, o.r, o.result, format('%s %s %s', o.l, o.oprname, o.r));
		EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.op)', o.oprname, o.l, o.r);
		EXECUTE format('ALTER FUNCTION evil.op(%s, %s) RENAME TO op_%s', o.l, o.r, md5(format('%s %s %s', o.l, o.oprname, o.r)));
	END LOOP;
	-- functions by name, with the signatures of the catalog's
	FOR f IN SELECT p.proname, pg_get_function_identity_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result
			 FROM pg_proc AS p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.proname IN
				('now', 'format', 'quote_ident', 'quote_literal', 'pg_has_role', 'has_table_privilege', 'has_any_column_privilege', 'octet_length', 'starts_with', 'md5',
				 'to_regclass', 'pg_get_userbyid', 'current_setting', 'isfinite', 'abs', 'has_schema_privilege', 'num_nonnulls', 'current_database')
			   AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) AS t WHERE t::regtype::text LIKE 'any%' OR t::regtype::text LIKE '"any"%')
			   AND p.provariadic = 0
	LOOP
		EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.catch(%L); RETURN NULL; END $$',
			f.proname, f.arguments, f.result, f.proname);
	END LOOP;
	FOR f IN SELECT DISTINCT p.proname, pg_get_function_identity_arguments(p.oid) AS arguments FROM pg_proc AS p
			 JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
			 JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'influence'
			 WHERE p.prokind = 'f' AND p.proname ~ '^influence_(check|owned|may|model_names|job|jobs|has|require|remove_jobs|find|create_views|comment_views|model_)'
			   AND pg_get_function_identity_arguments(p.oid) !~ 'OUT '
	LOOP
		EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.catch(%L); RETURN true; END $$',
			f.proname, f.arguments, f.proname);
	END LOOP;
END
$do$;
CREATE TABLE evil.pg_class (oid oid);
CREATE TABLE evil.pg_namespace (oid oid);
CREATE TABLE evil.models (model text);
CREATE DOMAIN evil.bigint AS text;
CREATE DOMAIN evil.timestamptz AS text;
CREATE TEMP TABLE pg_namespace (oid oid);
CREATE TEMP TABLE pg_class (oid oid);
SELECT count(*) > 60 AS many FROM pg_operator WHERE oprnamespace = 'evil'::regnamespace;
SELECT count(*) > 30 AS many FROM pg_proc WHERE pronamespace = 'evil'::regnamespace AND proname NOT LIKE 'op\_%';
SET search_path = evil, pg_temp, pg_catalog, public;
SELECT public.influence_create_model('prey');
SELECT public.influence_add_source('prey', 'likes', 'app.likes', actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'like', filter => 'user_id > 2');
SELECT public.influence_add_source('prey', 'likes again', 'app.likes', actor => 'nullif(user_id, 3) + 0', target => 'abs(author_id)', occurred_at => 'created_at', kind => 'like', filter => 'tenant || '''' <> ''''');
SELECT source, actor, target, filter FROM influence.sources WHERE model OPERATOR(pg_catalog.=) 'prey' ORDER BY source COLLATE "C";
SELECT status, users FROM public.influence_refresh('prey', '2024-06-01 12:00Z');
SELECT status, users FROM public.influence_refresh('prey', '2024-06-02 12:00Z');
SELECT status, users FROM public.influence_calibrate('prey', '2024-06-02 12:00Z');
REFRESH MATERIALIZED VIEW prey.scores;
SELECT public.influence_score(1::pg_catalog.int8, 'prey') IS NOT NULL AS scored;
SELECT public.influence_score('1', 'prey') IS NOT NULL AS scored_text;
SELECT public.influence_score('1', pg_catalog.now(), 'prey') IS NOT NULL AS scored_then;
SELECT pg_catalog.count(*) FROM public.influence_explain('1', 'prey');
SELECT stale, last_status FROM prey.refresh_status;
\set VERBOSITY sqlstate
SELECT public.influence_schedule('prey', '@daily');
SELECT public.influence_unschedule('prey');
\set VERBOSITY default
CALL public.influence_refresh_all();
SELECT public.influence_remove_source('prey', 'likes');
SELECT public.influence_drop_model('prey');
SELECT DISTINCT what FROM evil.caught;
RESET search_path;
DROP TABLE pg_temp.pg_namespace, pg_temp.pg_class;
-- they would have been caught
SET search_path = evil, pg_catalog, public;
SELECT 1::pg_catalog.int8 = 2::pg_catalog.int8, format('x');
SELECT DISTINCT what FROM evil.caught;
RESET search_path;

\set VERBOSITY terse
SELECT influence_drop_model('social');
DELETE FROM influence.refresh_log;
DROP SCHEMA app, evil, owned CASCADE;
DROP OWNED BY regress_influence_owner, regress_influence_other, regress_influence_reader, regress_influence_nobody;
DROP ROLE regress_influence_owner, regress_influence_other, regress_influence_reader, regress_influence_nobody;
