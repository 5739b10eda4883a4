-- Traps: whatever the owner of a model can set up runs as the owner, whoever calls

\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE ROLE regress_trap_owner;
CREATE ROLE regress_trap_reader;
CREATE ROLE regress_trap_writer;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_trap_owner', current_database()); END $$;

CREATE SCHEMA lair AUTHORIZATION regress_trap_owner;
CREATE SEQUENCE public.sprung;
GRANT USAGE ON SEQUENCE public.sprung TO PUBLIC;
GRANT SELECT ON SEQUENCE public.sprung TO PUBLIC;

SET ROLE regress_trap_owner;
GRANT USAGE ON SCHEMA lair TO regress_trap_reader, regress_trap_writer;
-- a warning wherever it runs as anybody else, who is robbed if possible
CREATE FUNCTION lair.spring(place text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	IF current_user <> 'regress_trap_owner' OR (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
		RAISE WARNING 'a trap at % ran as %', place, current_user;
		ALTER ROLE regress_trap_owner SUPERUSER;
	END IF;
	PERFORM pg_catalog.nextval('public.sprung');
	RETURN true;
END
$$;
CREATE FUNCTION lair.innocent(place text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN lair.spring(place); END $$;
CREATE FUNCTION lair.innocent_number(place text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM lair.spring(place); RETURN 0; END $$;
-- how often since the last time it was asked
CREATE FUNCTION lair.was_sprung() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	count bigint := (SELECT s.last_value FROM public.sprung AS s);
BEGIN
	PERFORM pg_catalog.setval('public.sprung', 1);
	RETURN count > 1;
END
$$;
RESET ROLE;
GRANT UPDATE ON SEQUENCE public.sprung TO PUBLIC;
SELECT setval('public.sprung', 1);

--
-- Sources with everything in them: types with casts, a domain, an operator, policies,
-- indexes, constraints and statistics with functions, a view
--
SET ROLE regress_trap_owner;
CREATE TYPE lair.person AS ENUM ('1', '2', '3', '4', '5', '6');
CREATE FUNCTION lair.person_number(lair.person) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS
	$$ BEGIN PERFORM lair.spring('cast to bigint'); RETURN pg_catalog.enum_out($1)::pg_catalog.text::bigint; END $$;
CREATE CAST (lair.person AS bigint) WITH FUNCTION lair.person_number AS IMPLICIT;
CREATE FUNCTION lair.person_text(lair.person) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
	$$ BEGIN PERFORM lair.spring('cast to text'); RETURN 'like'; END $$;
CREATE CAST (lair.person AS text) WITH FUNCTION lair.person_text AS IMPLICIT;
CREATE DOMAIN lair.moment AS timestamptz CHECK (lair.innocent('domain') AND VALUE IS NOT NULL);
CREATE FUNCTION lair.same(bigint, bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
	$$ BEGIN RETURN lair.spring('operator'); END $$;
CREATE OPERATOR lair.=== (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = lair.same);

CREATE TABLE lair.likes (
	liker lair.person, author bigint, at timestamptz,
	CONSTRAINT folded CHECK (author + lair.innocent_number('constraint') > 0));
INSERT INTO lair.likes SELECT a::text::lair.person, t, '2024-06-01 11:00Z'
	FROM generate_series(1, 6) AS a, generate_series(1, 6) AS t WHERE a > t;
CREATE INDEX ON lair.likes ((author + lair.innocent_number('index expression')));
CREATE INDEX ON lair.likes (author) WHERE lair.innocent('index predicate');
CREATE STATISTICS lair.statistics ON (author + lair.innocent_number('statistics')), at FROM lair.likes;
ALTER TABLE lair.likes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY everybody ON lair.likes USING (lair.spring('policy'));
CREATE VIEW lair.watched AS SELECT author AS liker, 1::bigint AS author, at::lair.moment AS at FROM lair.likes WHERE lair.spring('view');
CREATE TABLE lair.accounts AS SELECT i AS user_id, 'app'::text AS network, i::text AS account_id FROM generate_series(1, 6) AS i;
CREATE VIEW lair.names AS SELECT i AS id, 'person ' || i AS name FROM generate_series(1, 6) AS i WHERE lair.spring('profiles');
CREATE VIEW lair.handles AS SELECT * FROM lair.accounts WHERE lair.spring('accounts');
SELECT influence_create_model('trapped');
UPDATE influence.models SET history_retention = NULL WHERE model = 'trapped';
RESET ROLE;
SELECT lair.was_sprung() IS NOT NULL AS reset;

-- registered by a superuser, who must not run anything either
SET constraint_exclusion = on;
SELECT influence_add_source('trapped', 'likes', 'lair.likes', actor => 'liker::bigint', target => 'author', occurred_at => 'at', kind_column => 'liker', filter => 'author OPERATOR(lair.===) author', incremental => true);
SELECT influence_add_source('trapped', 'watched', 'lair.watched', actor => 'liker', target => 'author', occurred_at => 'at', kind => 'like');
SELECT influence_add_source('trapped', 'handles', 'lair.watched', actor => 'liker::text', target => 'author::text', occurred_at => 'at', kind => 'like', by_account => true);
SELECT influence_set_accounts('trapped', 'lair.handles');
SELECT influence_set_profiles('trapped', 'lair.names', user_id => 'id', display_name => 'name');
SELECT lair.was_sprung();

--
-- Refreshing, by every way
--
SELECT status, users FROM influence_refresh('trapped', '2024-06-01 12:00Z');
SELECT lair.was_sprung();
SELECT status, users FROM influence_refresh('trapped', '2024-06-05 12:00Z');
SELECT lair.was_sprung();
SELECT status FROM influence_refresh('trapped', '2024-06-05 12:00Z', true);
SELECT lair.was_sprung();
SELECT status FROM influence_calibrate('trapped', '2024-06-05 12:00Z');
SELECT lair.was_sprung();
REFRESH MATERIALIZED VIEW trapped.scores;
SELECT lair.was_sprung();
REFRESH MATERIALIZED VIEW CONCURRENTLY trapped.network_scores;
SELECT lair.was_sprung();
SELECT (influence_preview('trapped', '{"damping": 0.5}'))->'people' AS people;
SELECT lair.was_sprung();
SELECT count(*) FROM influence_fit('trapped', 'SELECT a AS more_influential, a + 1 AS less_influential FROM generate_series(1, 4) AS a', folds => 2);
SELECT lair.was_sprung();
SELECT count(*) FROM influence_model_scores('trapped') AS s (user_id bigint, score float8, tier text, rank bigint, percentile float8,
	true_reach float8, amplification float8, network_influence float8, audience float8, notoriety float8, day_change float8, week_change float8, month_change float8,
	last_active_at timestamptz, frozen_since timestamptz, as_of timestamptz, controversy float8, month_change_own float8, month_change_scale float8);
SELECT lair.was_sprung();
CALL influence_refresh_all();
SELECT lair.was_sprung();
-- with workers
SET ROLE regress_trap_owner;
CREATE FUNCTION lair.who(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	IF current_user <> 'regress_trap_owner' OR pg_catalog.current_setting('search_path') <> 'pg_catalog, pg_temp' THEN
		RAISE WARNING 'a worker ran as %, with path %', current_user, pg_catalog.current_setting('search_path');
	END IF;
	RETURN $1;
END
$$;
CREATE TABLE lair.many AS SELECT i::bigint % 1000 AS liker, i::bigint % 7 AS author, timestamptz '2024-06-01 11:00Z' AS at FROM generate_series(1, 20000) AS i;
ANALYZE lair.many;
SELECT influence_add_source('trapped', 'many', 'lair.many', actor => 'lair.who(liker)', target => 'author', occurred_at => 'at', kind => 'like', incremental => true);
RESET ROLE;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET max_parallel_workers_per_gather = 2;
SELECT status, rows_read > 20000 AS all_read FROM influence_refresh('trapped', '2024-06-05 12:00Z');
RESET min_parallel_table_scan_size;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET max_parallel_workers_per_gather;
SELECT influence_remove_source('trapped', 'many');
SELECT lair.was_sprung();

--
-- Reading: indexes and statistics of the views, which the planner evaluates
--
SET ROLE regress_trap_owner;
GRANT USAGE ON SCHEMA trapped TO regress_trap_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA trapped TO regress_trap_reader;
DROP INDEX trapped.scores_user_id_idx;
CREATE UNIQUE INDEX planted_predicate ON trapped.scores (user_id) WHERE lair.innocent('predicate of scores');
CREATE UNIQUE INDEX scores_user_id_idx ON trapped.scores (user_id);
CREATE INDEX ON trapped.scores ((score + lair.innocent_number('index of scores')));
CREATE INDEX ON trapped.network_scores ((score + lair.innocent_number('index of network_scores')));
CREATE INDEX ON trapped.signals ((count + lair.innocent_number('index of signals')));
CREATE INDEX ON trapped.score_history ((score + lair.innocent_number('index of score_history')));
RESET ROLE;
SELECT lair.was_sprung() IS NOT NULL AS reset;
-- everything that reads, one row
CREATE FUNCTION public.read_all(OUT calls bigint, OUT failed text) LANGUAGE plpgsql AS $$
DECLARE
	statement text;
BEGIN
	calls := 0;
	FOREACH statement IN ARRAY ARRAY[
		$q$ SELECT influence_score(1, 'trapped') $q$,
		$q$ SELECT influence_score('1', 'trapped') $q$,
		$q$ SELECT count(influence_score(i, 'trapped')) FROM generate_series(1, 100) AS i $q$,
		$q$ SELECT influence_score(1, timestamptz '2024-06-05 12:00Z', 'trapped') $q$,
		$q$ SELECT count(*) FROM influence_history(1, model => 'trapped') $q$,
		$q$ SELECT count(*) FROM influence_explain(1, 'trapped') $q$,
		$q$ SELECT count(*) FROM influence_explain_kinds(1, 'trapped') $q$,
		$q$ SELECT count(*) FROM influence_what_if(1, 'like', model => 'trapped') $q$,
		$q$ SELECT count(*) FROM influence_next_tier(1, 'trapped') $q$,
		$q$ SELECT influence_tier_percentile(1, 'trapped') $q$,
		$q$ SELECT count(*) FROM influence_compare(ARRAY[1, 2]::bigint[], 'trapped') $q$,
		$q$ SELECT count(*) FROM influence_leaderboard('trapped') $q$,
		$q$ SELECT count(*) FROM influence_leaderboard('trapped', 'app') $q$,
		$q$ SELECT count(*) FROM influence_search('trapped', 'person') $q$,
		$q$ SELECT count(*) FROM influence_evaluate('trapped', 'SELECT 1 AS more_influential, 2 AS less_influential') $q$,
		$q$ SELECT count(*) FROM influence_doctor('trapped') $q$,
		$q$ SELECT count(*) FROM influence.refresh_status $q$,
		$q$ SELECT count(*) FROM influence.models $q$]
	LOOP
		BEGIN
			EXECUTE statement;
			calls := calls + 1;
		EXCEPTION WHEN OTHERS THEN
			failed := concat_ws(', ', failed, SQLSTATE || substring(statement FROM 'influence_\w+|influence\.\w+'));
		END;
	END LOOP;
END
$$;
SELECT * FROM read_all();
SET ROLE regress_trap_reader;
SELECT * FROM read_all();
RESET ROLE;
GRANT SELECT ON lair.names TO regress_trap_reader;
SET ROLE regress_trap_reader;
SELECT * FROM read_all();
RESET ROLE;
SELECT lair.was_sprung();

-- others in the place of the views
SET ROLE regress_trap_owner;
ALTER TABLE trapped.score_history RENAME TO real_history;
ALTER MATERIALIZED VIEW trapped.network_scores RENAME TO real_networks;
ALTER MATERIALIZED VIEW trapped.signals RENAME TO real_signals;
CREATE VIEW trapped.score_history AS SELECT * FROM trapped.real_history WHERE lair.spring('history');
CREATE VIEW trapped.network_scores AS SELECT * FROM trapped.real_networks WHERE lair.spring('network_scores');
CREATE VIEW trapped.signals AS SELECT * FROM trapped.real_signals WHERE lair.spring('signals');
GRANT SELECT ON ALL TABLES IN SCHEMA trapped TO regress_trap_reader;
RESET ROLE;
SELECT lair.was_sprung() IS NOT NULL AS reset;
SELECT * FROM read_all();
SET ROLE regress_trap_reader;
SELECT * FROM read_all();
RESET ROLE;
SELECT lair.was_sprung();

-- columns of other types, with casts
SET ROLE regress_trap_owner;
DROP VIEW trapped.score_history, trapped.network_scores, trapped.signals;
CREATE FUNCTION lair.person_score(lair.person) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM lair.spring('cast of a score'); RETURN 50; END $$;
CREATE CAST (lair.person AS float8) WITH FUNCTION lair.person_score AS IMPLICIT;
CREATE TABLE trapped.score_history (user_id lair.person, day date, as_of timestamptz, score lair.person);
INSERT INTO trapped.score_history VALUES ('1', '2024-06-01', '2024-06-01', '1');
CREATE TABLE trapped.people (user_id lair.person);
INSERT INTO trapped.people VALUES ('1');
CREATE VIEW trapped.network_scores AS SELECT 1 AS network, 2 AS user_id, NULL::int AS score;
CREATE VIEW trapped.signals AS SELECT 1 AS network, 2 AS user_id, 3 AS kind;
GRANT SELECT ON ALL TABLES IN SCHEMA trapped TO regress_trap_reader;
RESET ROLE;
SELECT lair.was_sprung() IS NOT NULL AS reset;
SELECT influence_score(1, timestamptz '2024-06-05 12:00Z', 'trapped');
SELECT * FROM influence_history(1, model => 'trapped');
SELECT relation, matches > 0 AS some FROM influence_check_forgotten(1, 'trapped');
SELECT lair.was_sprung();
SELECT * FROM read_all();
SET ROLE regress_trap_reader;
SELECT * FROM read_all();
SELECT * FROM influence_check_forgotten(1, 'trapped');

-- policies on the history are for those who read it themselves
SET ROLE regress_trap_owner;
DROP VIEW trapped.network_scores, trapped.signals;
DROP TABLE trapped.score_history, trapped.people;
ALTER TABLE trapped.real_history RENAME TO score_history;
ALTER MATERIALIZED VIEW trapped.real_networks RENAME TO network_scores;
ALTER MATERIALIZED VIEW trapped.real_signals RENAME TO signals;
ALTER TABLE trapped.score_history ENABLE ROW LEVEL SECURITY;
CREATE POLICY others ON trapped.score_history USING (lair.spring('policy of the history') AND user_id > 1);
GRANT SELECT ON trapped.score_history TO regress_trap_reader;
SET ROLE regress_trap_reader;
\set VERBOSITY default
SELECT influence_score(1, timestamptz '2024-06-05 12:00Z', 'trapped');
SELECT * FROM influence_history(1, model => 'trapped');
RESET ROLE;
SELECT influence_score(1, timestamptz '2024-06-05 12:00Z', 'trapped') IS NOT NULL AS superuser;
SET ROLE regress_trap_owner;
SELECT influence_score(1, timestamptz '2024-06-05 12:00Z', 'trapped') IS NOT NULL AS owner;
ALTER TABLE trapped.score_history DISABLE ROW LEVEL SECURITY;
RESET ROLE;

--
-- Removing people: what the history does on DELETE, and relations that only look like views
--
SET ROLE regress_trap_owner;
CREATE FUNCTION lair.on_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.spring('trigger on DELETE'); RETURN OLD; END $$;
CREATE TRIGGER deleted BEFORE DELETE ON trapped.score_history FOR EACH ROW EXECUTE FUNCTION lair.on_delete();
RESET ROLE;
SELECT lair.was_sprung() IS NOT NULL AS reset;
SELECT influence_opt_out(6, 'trapped');
SELECT influence_opt_out(2, 'trapped');
SELECT lair.was_sprung();
SET ROLE regress_trap_owner;
CREATE CONSTRAINT TRIGGER deferred AFTER DELETE ON trapped.score_history DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lair.on_delete();
RESET ROLE;
SELECT influence_opt_out(1, 'trapped');
SET ROLE regress_trap_owner;
DROP TRIGGER deferred ON trapped.score_history;
ALTER MATERIALIZED VIEW trapped.signals RENAME TO real_signals;
GRANT CREATE ON SCHEMA trapped TO regress_trap_reader;
SET ROLE regress_trap_reader;
CREATE TABLE trapped.signals (user_id bigint);
INSERT INTO trapped.signals VALUES (3);
SET ROLE regress_trap_owner;
SELECT influence_remove_person('trapped', '3');
RESET ROLE;
SELECT influence_remove_person('trapped', '3');
SELECT count(*) AS still_there FROM trapped.signals;
DROP TABLE trapped.signals;
SET ROLE regress_trap_owner;
CREATE MATERIALIZED VIEW trapped.signals AS SELECT '3'::text AS user_id;
SELECT influence_remove_person('trapped', '3');
DROP MATERIALIZED VIEW trapped.signals;
ALTER MATERIALIZED VIEW trapped.real_signals RENAME TO signals;
-- ids that are pointers where numbers are
SELECT influence_create_model('texts', 'text');
DROP MATERIALIZED VIEW texts.signals;
CREATE MATERIALIZED VIEW texts.signals AS SELECT 1 AS user_id;
SELECT influence_remove_person('texts', '1');
SELECT influence_drop_model('texts');
RESET ROLE;

--
-- Triggers of influence_track_changes: the rows are seen by the owner while it may see them
--
CREATE SCHEMA vault;
GRANT USAGE ON SCHEMA vault TO regress_trap_owner, regress_trap_writer;
CREATE TABLE vault.payments (user_id bigint, author_id bigint, created_at timestamptz, secret text);
GRANT SELECT ON vault.payments TO regress_trap_owner;
GRANT INSERT ON vault.payments TO regress_trap_writer;
SET ROLE regress_trap_owner;
-- what it says of itself is not true, and nobody can know
CREATE TABLE lair.loot (secret text, who text);
CREATE FUNCTION lair.rob(secret text, who text) RETURNS void LANGUAGE sql VOLATILE AS 'INSERT INTO lair.loot VALUES (secret, who)';
CREATE FUNCTION lair.moment_of(at timestamptz, secret text) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE AS
	$$ BEGIN PERFORM lair.rob(secret, current_user), lair.spring('mapping'); RETURN at; END $$;
SELECT influence_add_source('trapped', 'payments', 'vault.payments', actor => 'user_id', target => 'author_id', occurred_at => 'lair.moment_of(created_at, secret)', kind => 'like', incremental => true);
RESET ROLE;
SELECT influence_track_changes('trapped', 'payments');
SELECT lair.was_sprung() IS NOT NULL AS reset;
SET ROLE regress_trap_writer;
INSERT INTO vault.payments VALUES (1, 2, '2024-06-01 11:00Z', 'may be seen');
SELECT * FROM influence.invalidations;
RESET ROLE;
SELECT * FROM lair.loot;
SELECT source, since, until FROM influence.invalidations WHERE source = 'payments' ORDER BY 2, 3;
DELETE FROM influence.invalidations;
-- row-level security hides rows from the owner
ALTER TABLE vault.payments ENABLE ROW LEVEL SECURITY;
CREATE POLICY public ON vault.payments USING (secret LIKE '%may be seen%');
INSERT INTO vault.payments VALUES (1, 2, '2024-06-01 11:00Z', 'hidden by a policy');
SELECT * FROM lair.loot;
SELECT source, since, until FROM influence.invalidations WHERE source = 'payments' ORDER BY 2, 3;
DELETE FROM influence.invalidations;
-- a column itself tells nobody
SET ROLE regress_trap_owner;
UPDATE influence.sources SET occurred_at = 'created_at' WHERE source = 'payments';
RESET ROLE;
INSERT INTO vault.payments VALUES (1, 2, '2024-06-01 11:00Z', 'hidden by a policy');
SELECT source, since, until FROM influence.invalidations WHERE source = 'payments' ORDER BY 2, 3;
SET ROLE regress_trap_owner;
UPDATE influence.sources SET occurred_at = 'lair.moment_of(created_at, secret)' WHERE source = 'payments';
RESET ROLE;
DELETE FROM influence.invalidations;
ALTER TABLE vault.payments DISABLE ROW LEVEL SECURITY;
-- the right to SELECT is taken away
REVOKE SELECT ON vault.payments FROM regress_trap_owner;
GRANT SELECT (user_id, author_id, created_at) ON vault.payments TO regress_trap_owner;
INSERT INTO vault.payments VALUES (1, 2, '2024-06-01 11:00Z', 'no right to see');
SELECT * FROM lair.loot;
SELECT source, since, until FROM influence.invalidations WHERE source = 'payments' ORDER BY 2, 3;
GRANT SELECT (secret) ON vault.payments TO regress_trap_owner;
INSERT INTO vault.payments VALUES (1, 2, '2024-06-01 11:00Z', 'by column');
SELECT * FROM lair.loot;
-- another table than that of the source is none of its business
CREATE TABLE vault.salaries (LIKE vault.payments);
CREATE TRIGGER planted AFTER INSERT ON vault.salaries REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION influence_log_changes('trapped', 'payments');
INSERT INTO vault.salaries VALUES (1, 2, '2024-06-01 11:00Z', 'a salary');
SELECT count(*) FROM lair.loot WHERE secret = 'a salary';
SELECT influence_remove_source('trapped', 'payments');

--
-- Models are bound to views that were made for them
--
SET ROLE regress_trap_owner;
CREATE SCHEMA analytics;
CREATE MATERIALIZED VIEW analytics.scores AS SELECT 1::bigint AS user_id, 1::float8 AS score;
INSERT INTO influence.models (model, id_type, schema) VALUES ('planted', 'bigint', 'analytics');
INSERT INTO influence.networks (model, network) VALUES ('planted', 'app');
INSERT INTO influence.signals (model, network, kind, role) VALUES ('planted', 'app', 'like', 'reaction');
INSERT INTO influence.sources (model, source, relation, relation_name, target, occurred_at, kind, network)
	VALUES ('planted', 'watched', 'lair.watched', 'lair.watched', 'author', 'at', 'like', 'app');
DROP SCHEMA analytics CASCADE;
RESET ROLE;
-- a superuser's view of that name, which is about something else
CREATE SCHEMA analytics;
CREATE MATERIALIZED VIEW analytics.scores AS SELECT 1::bigint AS user_id, 1::float8 AS score;
SELECT lair.was_sprung() IS NOT NULL AS reset;
CALL influence_refresh_all();
SELECT lair.was_sprung() AS only_of_trapped;
SELECT influence_refresh('planted');
SELECT influence_preview('planted', '{}');
SELECT influence_score(1, 'planted');
SELECT lair.was_sprung();
DROP SCHEMA analytics CASCADE;
-- where views are gone, nothing is configured by those who could clear away
SET ROLE regress_trap_owner;
INSERT INTO influence.sources (model, source, relation, relation_name, target, occurred_at, kind, network)
	VALUES ('planted', 'more', 'lair.watched', 'lair.watched', 'author', 'at', 'like', 'app');
UPDATE influence.sources SET target = 'liker' WHERE model = 'planted';
UPDATE influence.models SET damping = 0.1 WHERE model = 'planted';
INSERT INTO influence.models (model, id_type, schema) VALUES ('nowhere', 'bigint', 'nowhere');
CREATE SCHEMA somewhere;
INSERT INTO influence.models (model, id_type, schema) VALUES ('somewhere', 'bigint', 'somewhere');
SELECT influence_drop_model('planted');
RESET ROLE;
-- a schema whose owner could exchange the view
SELECT influence_create_model('boss', schema => 'somewhere');
DROP SCHEMA somewhere;
-- exchanged by renaming
SET ROLE regress_trap_owner;
SELECT influence_create_model('first');
SELECT influence_create_model('second');
ALTER SCHEMA first RENAME TO spare;
ALTER SCHEMA second RENAME TO first;
SELECT influence_refresh('first');
SELECT influence_score(1, 'first');
ALTER SCHEMA first RENAME TO second;
ALTER SCHEMA spare RENAME TO first;
SELECT status FROM influence_refresh('first');
SELECT influence_drop_model('first');
SELECT influence_drop_model('second');

--
-- Roles in one session: nothing that was found for one is used for another
--
SELECT status FROM influence_refresh('trapped', '2024-06-05 12:00Z');
SET ROLE regress_trap_owner;
PREPARE ask AS SELECT influence_score(3, 'trapped') IS NOT NULL AS scored;
PREPARE explain AS SELECT count(*) > 0 AS explained FROM influence_explain(3, 'trapped');
PREPARE history AS SELECT count(*) > 0 AS known FROM influence_history(3, model => 'trapped');
SET plan_cache_mode = force_generic_plan;
EXECUTE ask;
EXECUTE explain;
EXECUTE history;
SET ROLE regress_trap_reader;
EXECUTE ask;
EXECUTE explain;
EXECUTE history;
SET ROLE regress_trap_writer;
EXECUTE ask;
EXECUTE explain;
EXECUTE history;
SET ROLE regress_trap_owner;
REVOKE SELECT ON trapped.scores, trapped.network_scores, trapped.score_history FROM regress_trap_reader;
SET ROLE regress_trap_reader;
EXECUTE ask;
EXECUTE explain;
EXECUTE history;
SET ROLE regress_trap_owner;
GRANT SELECT ON trapped.scores, trapped.network_scores, trapped.score_history TO regress_trap_reader;
SET ROLE regress_trap_reader;
EXECUTE ask;
EXECUTE explain;
EXECUTE history;
-- in one query, of which the second part runs as another role
RESET ROLE;
CREATE FUNCTION public.ask_as(role name) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	PERFORM set_config('role', role, true);
	RETURN influence_score(3, 'trapped') IS NOT NULL;
EXCEPTION WHEN insufficient_privilege THEN
	RETURN NULL;
END
$$;
SELECT ask_as('regress_trap_owner') AS owner, ask_as('regress_trap_writer') AS writer, ask_as('regress_trap_reader') AS reader;
RESET ROLE;
BEGIN;
SELECT ask_as('regress_trap_writer') AS writer;
SET ROLE regress_trap_owner;
GRANT USAGE ON SCHEMA trapped TO regress_trap_writer;
GRANT SELECT (user_id, score) ON trapped.scores TO regress_trap_writer;
SELECT ask_as('regress_trap_writer') AS writer;
ROLLBACK;
SELECT ask_as('regress_trap_writer') AS writer;
RESET ROLE;
-- policies of a source are the owner's, also in a plan that somebody else has made
SET ROLE regress_trap_owner;
CREATE TABLE lair.tenants (liker bigint, author bigint, at timestamptz, tenant text);
INSERT INTO lair.tenants SELECT a, t, '2024-06-01 11:00Z', CASE WHEN a % 2 = 0 THEN 'regress_trap_owner' ELSE 'regress_trap_reader' END FROM generate_series(1, 6) AS a, generate_series(1, 6) AS t;
ALTER TABLE lair.tenants ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON lair.tenants USING (tenant = current_user);
GRANT SELECT ON lair.tenants TO regress_trap_reader;
SELECT influence_create_model('tenants', schema => 'tenants');
SELECT influence_add_source('tenants', 'tenants', 'lair.tenants', actor => 'liker', target => 'author', occurred_at => 'at', kind => 'like');
PREPARE refresh AS SELECT status, rows_read FROM influence_refresh('tenants', '2024-06-01 12:00Z');
PREPARE own AS SELECT tenant, count(*) FROM lair.tenants GROUP BY 1 ORDER BY 1;
EXECUTE refresh;
EXECUTE own;
SET ROLE regress_trap_reader;
EXECUTE refresh;
EXECUTE own;
RESET ROLE;
EXECUTE refresh;
EXECUTE own;
SET row_security = off;
EXECUTE refresh;
RESET row_security;
RESET plan_cache_mode;
RESET constraint_exclusion;
DEALLOCATE ALL;

--
-- A cancel that is only claimed ends neither the refresh of other models nor a writer's statement
--
SET ROLE regress_trap_owner;
CREATE FUNCTION lair.claim_cancel(at timestamptz) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE AS
	$$ BEGIN RAISE 'claimed' USING ERRCODE = 'query_canceled'; END $$;
SELECT influence_create_model('claims');
SELECT influence_add_source('claims', 'payments', 'vault.payments', actor => 'user_id', target => 'author_id', occurred_at => 'lair.claim_cancel(created_at)', kind => 'like', incremental => true);
RESET ROLE;
SELECT influence_track_changes('claims', 'payments');
CREATE TABLE vault.likes AS SELECT a AS liker, t AS author, now() - interval '1 hour' AS at FROM generate_series(1, 6) AS a, generate_series(1, 6) AS t;
SELECT influence_create_model('later');
SELECT influence_add_source('later', 'likes', 'vault.likes', actor => 'liker', target => 'author', occurred_at => 'at', kind => 'like');
SET client_min_messages = error;
CALL influence_refresh_all();
SET client_min_messages = warning;
SELECT model, status, error_code FROM influence.refresh_log WHERE model IN ('claims', 'later') ORDER BY run_id;
SET ROLE regress_trap_writer;
INSERT INTO vault.payments VALUES (1, 2, '2024-06-01 11:00Z');
RESET ROLE;
SELECT source, since, until FROM influence.invalidations WHERE model = 'claims';
SELECT influence_drop_model('later');
SELECT influence_drop_model('claims');

-- dropping as a superuser
SELECT lair.was_sprung() IS NOT NULL AS reset;
SELECT influence_drop_model('tenants');
SELECT influence_drop_model('trapped');
SELECT lair.was_sprung();
SELECT rolname, rolsuper FROM pg_roles WHERE rolname LIKE 'regress\_trap\_%' ORDER BY 1;

DELETE FROM influence.refresh_log;
DELETE FROM influence.configurations;
DROP FUNCTION public.read_all, public.ask_as;
SET client_min_messages = error;
DROP SCHEMA lair, vault CASCADE;
DROP SEQUENCE public.sprung;
DROP OWNED BY regress_trap_owner, regress_trap_reader, regress_trap_writer CASCADE;
DROP ROLE regress_trap_owner, regress_trap_reader, regress_trap_writer;
