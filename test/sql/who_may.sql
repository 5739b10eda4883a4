-- Who may do what: each action, as PUBLIC, a reader, the owner of the model, the owner
-- of another and a superuser. Each is undone.

\set SHOW_CONTEXT never
SET client_min_messages = error;
SET timezone = 'UTC';

CREATE ROLE regress_may_public;
CREATE ROLE regress_may_reader;
CREATE ROLE regress_may_owner;
CREATE ROLE regress_may_other;
CREATE ROLE regress_may_member IN ROLE regress_may_owner;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_may_owner, regress_may_other', current_database()); END $$;

SET ROLE regress_may_owner;
CREATE SCHEMA may_app;
CREATE TABLE may_app.likes (user_id bigint, author_id bigint, created_at timestamptz);
INSERT INTO may_app.likes SELECT a, t, '2024-06-01 11:00Z' FROM generate_series(1, 9) AS a, generate_series(1, 9) AS t WHERE a > t;
CREATE TABLE may_app.names AS SELECT i AS id, 'n' || i AS name FROM generate_series(1, 9) AS i;
SELECT influence_create_model('may');
SELECT influence_add_source('may', 'likes', 'may_app.likes', actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'like', incremental => true);
SELECT status FROM influence_refresh('may', '2024-06-01 12:00Z');
GRANT USAGE ON SCHEMA may TO regress_may_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA may TO regress_may_reader;
SET ROLE regress_may_other;
SELECT influence_create_model('may_not');
RESET ROLE;

-- "yes" or the SQLSTATE of the error; "nothing" when no row is read or changed
CREATE FUNCTION may(role name, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	done bigint;
BEGIN
	BEGIN
		PERFORM set_config('role', role, true);
		EXECUTE statement;
		GET DIAGNOSTICS done = ROW_COUNT;
		RAISE SQLSTATE 'UNDO0';
	EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
		RETURN CASE WHEN done = 0 AND statement ~ '^ (SELECT|INSERT|UPDATE|DELETE)' THEN 'nothing' ELSE 'yes' END;
	WHEN OTHERS THEN
		RETURN SQLSTATE;
	END;
END
$$;
GRANT EXECUTE ON FUNCTION may TO PUBLIC;

SELECT a.action, may('regress_may_public', a.statement) AS public, may('regress_may_reader', a.statement) AS reader, may('regress_may_other', a.statement) AS other,
	may('regress_may_owner', a.statement) AS owner, may('regress_may_member', a.statement) AS member, may(session_user, a.statement) AS superuser
FROM (VALUES
	('create a model', $$ SELECT influence_create_model('new') $$),
	('create one over it', $$ SELECT influence_create_model('new', schema => 'may') $$),
	('use building blocks', $$ SELECT influence_decay('1 day', '1 day') $$),
	('pagerank of own query', $$ SELECT * FROM influence_pagerank('SELECT 1 AS source, 2 AS target') $$),
	('pagerank of the sources', $$ SELECT * FROM influence_pagerank('SELECT user_id AS source, author_id AS target FROM may_app.likes') $$),
	('read presets', $$ SELECT * FROM influence.presets $$),
	('change presets', $$ UPDATE influence.presets SET target_mean = 30 $$),
	('see the model', $$ SELECT * FROM influence.models WHERE model = 'may' $$),
	('change options', $$ UPDATE influence.models SET damping = 0.5 WHERE model = 'may' $$),
	('change its schema', $$ UPDATE influence.models SET schema = 'x' WHERE model = 'may' $$),
	('delete the row of the model', $$ DELETE FROM influence.models WHERE model = 'may' $$),
	('see sources', $$ SELECT * FROM influence.sources WHERE model = 'may' $$),
	('see signals', $$ SELECT * FROM influence.signals WHERE model = 'may' $$),
	('change signals', $$ UPDATE influence.signals SET weight = 2 WHERE model = 'may' $$),
	('insert a source', $$ INSERT INTO influence.sources (model, source, relation, relation_name, target, occurred_at, kind, network) VALUES ('may', 'x', 'may_app.likes', 'x', 'author_id', 'created_at', 'like', 'app') $$),
	('change networks', $$ UPDATE influence.networks SET weight = 2 WHERE model = 'may' $$),
	('change tiers', $$ UPDATE influence.tiers SET tier = tier WHERE model = 'may' $$),
	('see calibrations', $$ SELECT * FROM influence.calibrations WHERE model = 'may' $$),
	('change calibrations', $$ UPDATE influence.calibrations SET people = 1 $$),
	('see the log', $$ SELECT * FROM influence.refresh_log WHERE model = 'may' $$),
	('write the log', $$ INSERT INTO influence.refresh_log (model, status, started_at, finished_at) VALUES ('may', 'success', now(), now()) $$),
	('rewrite the log', $$ DELETE FROM influence.refresh_log $$),
	('see configurations', $$ SELECT * FROM influence.configurations WHERE model = 'may' $$),
	('see closed days', $$ SELECT * FROM influence.closed_days WHERE model = 'may' $$),
	('see closed records', $$ SELECT * FROM influence.closed_records $$),
	('note a privacy choice', $$ INSERT INTO influence.privacy_choices (model, user_hash, choice) VALUES ('may', sha256(''), 'opted_out') $$),
	('see the status', $$ SELECT * FROM influence.refresh_status WHERE model = 'may' $$),
	('configure', $$ SELECT influence_configure('may', '{"damping": 0.5}') $$),
	('add a source', $$ SELECT influence_add_source('may', 'x', 'may_app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like') $$),
	('remove a source', $$ SELECT influence_remove_source('may', 'likes') $$),
	('set accounts', $$ SELECT influence_set_accounts('may', 'may_app.names', 'id', '''app''', 'name') $$),
	('set profiles', $$ SELECT influence_set_profiles('may', 'may_app.names', 'id', 'name') $$),
	('track changes', $$ SELECT influence_track_changes('may', 'likes') $$),
	('invalidate', $$ SELECT influence_invalidate('may') $$),
	('refresh', $$ SELECT influence_refresh('may', '2024-06-01 12:00Z') $$),
	('calibrate', $$ SELECT influence_calibrate('may', '2024-06-01 12:00Z') $$),
	('preview', $$ SELECT influence_preview('may') $$),
	('examine', $$ SELECT * FROM influence_doctor('may') $$),
	('evaluate', $$ SELECT * FROM influence_evaluate('may', 'SELECT 1 AS more_influential, 2 AS less_influential') $$),
	('fit', $$ SELECT * FROM influence_fit('may', 'SELECT a AS more_influential, a + 1 AS less_influential FROM generate_series(1, 5) AS a', 2) $$),
	('rows of a view', $$ SELECT * FROM influence_model_signals('may') AS s (user_id bigint, network text, kind text, count float8, decayed_value float8) $$),
	('REFRESH a view', $$ REFRESH MATERIALIZED VIEW may.scores $$),
	('SELECT scores', $$ SELECT * FROM may.scores $$),
	('score', $$ SELECT influence_score(1, 'may') $$),
	('score in the past', $$ SELECT influence_score(1, now(), 'may') $$),
	('history', $$ SELECT * FROM influence_history(1, model => 'may') $$),
	('explain', $$ SELECT * FROM influence_explain(1, 'may') $$),
	('explain by kind', $$ SELECT * FROM influence_explain_kinds(1, 'may') $$),
	('forecast', $$ SELECT * FROM influence_what_if(1, 'like', model => 'may') $$),
	('way to the next tier', $$ SELECT * FROM influence_next_tier(2, 'may') $$),
	('percentile in the tier', $$ SELECT influence_tier_percentile(1, 'may') $$),
	('compare', $$ SELECT * FROM influence_compare('{1,2}'::bigint[], 'may') $$),
	('leaderboard', $$ SELECT * FROM influence_leaderboard('may') $$),
	('best on a network', $$ SELECT * FROM influence_leaderboard('may', 'app') $$),
	('opt out', $$ SELECT influence_opt_out(1, 'may') $$),
	('opt in', $$ SELECT influence_opt_in(1, 'may') $$),
	('forget', $$ SELECT influence_forget(1, 'may') $$),
	('check who is forgotten', $$ SELECT * FROM influence_check_forgotten(1, 'may') $$),
	('ids of a person''s accounts', $$ SELECT influence_account_ids('may', '1') $$),
	('remove a person', $$ SELECT influence_remove_person('may', '1') $$),
	('schedule (there is no pg_cron)', $$ SELECT influence_schedule('may', '@daily') $$),
	('unschedule', $$ SELECT influence_unschedule('may') $$),
	('drop the model', $$ SELECT influence_drop_model('may') $$),
	('drop the extension', $$ DROP EXTENSION influence CASCADE $$),
	('change a table', $$ ALTER TABLE influence.models ADD COLUMN x int $$),
	('put a trigger on one', $$ CREATE TRIGGER x AFTER INSERT ON influence.models EXECUTE FUNCTION influence_check_tiers() $$),
	('put a table beside them', $$ CREATE TABLE influence.x (i int) $$)
) AS a (action, statement);

SELECT influence_drop_model('may'), influence_drop_model('may_not');
DROP FUNCTION may;
DELETE FROM influence.refresh_log;
DELETE FROM influence.configurations;
DROP OWNED BY regress_may_owner, regress_may_other, regress_may_reader, regress_may_public, regress_may_member;
DROP ROLE regress_may_member, regress_may_owner, regress_may_other, regress_may_reader, regress_may_public;
