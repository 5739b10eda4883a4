-- Models: creating and dropping, names, rights

\set SHOW_CONTEXT never
SET client_min_messages = warning;

SELECT influence_create_model('social');
SELECT model, id_type, schema, target_mean, target_p95, published_as_of, schema_created FROM influence.models;
SELECT (SELECT count(*) FROM influence.networks WHERE model = 'social') = (SELECT count(*) FROM influence.preset_networks WHERE preset = 'klout') AS networks,
	   (SELECT count(*) FROM influence.signals WHERE model = 'social') = (SELECT count(*) FROM influence.preset_signals WHERE preset = 'klout') AS signals;

-- relations, columns and types; the views are granted to nobody
SELECT c.relname, c.relkind, c.relispopulated, c.relacl FROM pg_class AS c
WHERE c.relnamespace = 'social'::regnamespace ORDER BY c.relname COLLATE "C";
SELECT a.attrelid::regclass AS relation, a.attname, format_type(a.atttypid, a.atttypmod) AS type,
	   col_description(a.attrelid, a.attnum) IS NOT NULL AS commented
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
WHERE c.relnamespace = 'social'::regnamespace AND c.relkind IN ('m', 'v', 'p') AND a.attnum > 0
ORDER BY c.relname COLLATE "C", a.attnum;
SELECT indexdef FROM pg_indexes WHERE schemaname = 'social' ORDER BY indexname COLLATE "C";
SELECT obj_description('social.scores'::regclass, 'pg_class');

-- nothing to read before the first refresh, and that is said
SELECT * FROM social.scores;
SELECT * FROM social.refresh_status;

-- names that need quotes; other id types; a preset; a schema of another name
SELECT influence_create_model('Pets "R" us, o''clock', 'uuid', preset => 'public');
SELECT influence_create_model('by name', 'text', schema => 'Team''s "scores"');
SELECT model, id_type, schema, target_mean, target_p95 FROM influence.models ORDER BY model COLLATE "C";
SELECT a.attrelid::regclass AS relation, format_type(a.atttypid, a.atttypmod) AS type
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname IN ('Pets "R" us, o''clock', 'Team''s "scores"') AND c.relkind IN ('m', 'p') AND a.attname = 'user_id'
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C";
SELECT model, stale, next_run FROM "Team's ""scores""".refresh_status;
SELECT influence_drop_model('Pets "R" us, o''clock');
SELECT influence_drop_model('by name');
SELECT nspname FROM pg_namespace WHERE nspname LIKE 'Pets%' OR nspname LIKE 'Team%';

-- what is refused
SELECT influence_create_model('social');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_create_model('');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_create_model(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT influence_create_model(repeat('x', 64));
\echo :LAST_ERROR_SQLSTATE
SELECT influence_create_model('ids', 'int');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_create_model('ids', 'varchar');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_create_model('ids', 'numeric');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_create_model('ids', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT influence_create_model('ids', preset => 'kred');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_create_model('influence');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_create_model('ids', schema => 'pg_scores');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_create_model('ids', schema => 'information_schema');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_create_model('ids', schema => '');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_create_model('second', schema => 'social');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_drop_model('sociable');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_drop_model(NULL);
\echo :LAST_ERROR_SQLSTATE

-- an existing schema of the caller is used, and kept
CREATE SCHEMA team;
CREATE TABLE team.members (id bigint);
SELECT influence_create_model('inside', schema => 'team');
SELECT influence_drop_model('inside');
SELECT relname FROM pg_class WHERE relnamespace = 'team'::regnamespace;
DROP SCHEMA team CASCADE;

-- a schema made for the model is kept when something else is in it
SELECT influence_create_model('crowded');
CREATE TABLE crowded.guest (id bigint);
SET client_min_messages = notice;
SELECT influence_drop_model('crowded');
SET client_min_messages = warning;
DROP SCHEMA crowded CASCADE;

-- views that others built on stop a drop
CREATE VIEW public.best AS SELECT user_id FROM social.scores;
SELECT influence_drop_model('social');
\echo :LAST_ERROR_SQLSTATE
SELECT model FROM influence.models;
DROP VIEW public.best;

-- what DROP SCHEMA leaves behind can be dropped
SELECT influence_create_model('orphan');
DROP SCHEMA orphan CASCADE;
SELECT influence_create_model('orphan');
SELECT influence_drop_model('orphan');
SELECT influence_drop_model('social');

-- roles: an owner, one who reads a score view, and one with nothing
CREATE ROLE regress_influence_owner;
CREATE ROLE regress_influence_reader;
CREATE ROLE regress_influence_other;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_influence_owner, regress_influence_other', current_database()); END $$;

SET ROLE regress_influence_owner;
SELECT influence_create_model('social');
SELECT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE oid = 'social.scores'::regclass;
UPDATE influence.models SET damping = 0.8 WHERE model = 'social';
UPDATE influence.models SET schema = 'elsewhere' WHERE model = 'social';
UPDATE influence.signals SET weight = 2 WHERE model = 'social' AND network = 'app' AND kind = 'like';
INSERT INTO influence.calibrations (model, version, as_of, people, raw, score) VALUES ('social', 1, now(), 1, '{0,1}', '{1,99}');
UPDATE influence.calibrations SET people = 2;
INSERT INTO influence.refresh_log (model, status, started_at, finished_at, error) VALUES ('social', 'failed', now(), now(), 'disk is full');
DELETE FROM influence.refresh_log;
GRANT USAGE ON SCHEMA social TO regress_influence_reader;
GRANT SELECT ON social.refresh_status TO regress_influence_reader;

SET ROLE regress_influence_reader;
SELECT model, stale, next_run, last_status, last_error FROM social.refresh_status;
SELECT model FROM influence.models;
SELECT count(*) FROM influence.signals;
SELECT count(*) FROM influence.sources;
SELECT model, status FROM influence.refresh_log;
UPDATE influence.models SET damping = 0.1;
INSERT INTO influence.refresh_log (model, status, started_at, finished_at) VALUES ('social', 'success', now(), now());
SELECT * FROM social.scores;
SELECT influence_drop_model('social');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
SELECT influence_create_model('mine');
\set VERBOSITY default

SET ROLE regress_influence_other;
SELECT model FROM influence.models;
SELECT model FROM influence.refresh_status;
SELECT model FROM influence.refresh_log;
SELECT * FROM social.refresh_status;
UPDATE influence.models SET damping = 0.1;
DELETE FROM influence.models;
INSERT INTO influence.signals (model, network, kind, role) VALUES ('social', 'app', 'poke', 'reaction');
INSERT INTO influence.sources (model, source, relation, relation_name, target, occurred_at, kind, network)
	VALUES ('social', 'planted', 'pg_class', 'pg_class', '1', 'now()', 'like', 'app');
INSERT INTO influence.models (model, id_type, schema) VALUES ('planted', 'bigint', 'social_too');
SELECT influence_drop_model('social');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_create_model('social', schema => 'other');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_create_model('other', schema => 'social');
\echo :LAST_ERROR_SQLSTATE
SELECT nspname FROM pg_namespace WHERE nspname = 'other';

-- a model follows its views to a new owner
RESET ROLE;
REASSIGN OWNED BY regress_influence_owner TO regress_influence_other;
SET ROLE regress_influence_owner;
SELECT model FROM influence.models;
SET ROLE regress_influence_other;
SELECT model, damping FROM influence.models;
SELECT influence_drop_model('social');
-- a later model of that name does not show the earlier one's runs
SELECT influence_create_model('social');
SELECT count(*) FROM influence.refresh_log;
SELECT last_status FROM social.refresh_status;
SELECT influence_drop_model('social');

-- a schema that was renamed: its owner is told, and may drop what is left
SELECT influence_create_model('moved');
RESET ROLE;
ALTER SCHEMA moved RENAME TO elsewhere;
SET ROLE regress_influence_other;
SELECT influence_score(1);
\echo :LAST_ERROR_SQLSTATE
SELECT influence_score(1, 'moved');
SELECT influence_score(1, now(), 'moved');
SELECT * FROM influence_explain(1, 'moved');
SELECT influence_refresh('moved');
SELECT influence_add_source('moved', 'roles', 'pg_roles', target => 'oid', occurred_at => 'rolvaliduntil', kind => 'like');
SELECT influence_remove_source('moved', 'roles');
CALL influence_refresh_all();
SELECT count(*) > 0 AS signals FROM influence.signals WHERE model = 'moved';
SELECT model, stale FROM influence.refresh_status;
-- it is not in the way of another one
SELECT influence_create_model('second');
SELECT influence_score(1);
SELECT influence_score(1, 'thrid');
SELECT influence_drop_model('second');
-- a stranger is not told, and can not
SET ROLE regress_influence_reader;
SELECT influence_score(1);
SELECT influence_drop_model('moved');
\echo :LAST_ERROR_SQLSTATE
SELECT model FROM influence.models;
DELETE FROM influence.models;
INSERT INTO influence.models (model, id_type, schema) VALUES ('planted', 'bigint', 'nowhere');
-- renamed back it is as it was
RESET ROLE;
ALTER SCHEMA elsewhere RENAME TO moved;
SET ROLE regress_influence_other;
SELECT influence_score(1);
RESET ROLE;
ALTER SCHEMA moved RENAME TO elsewhere;
SET ROLE regress_influence_other;
SET client_min_messages = notice;
SELECT influence_drop_model('moved');
SET client_min_messages = warning;
SELECT influence_score(1);
DROP SCHEMA elsewhere CASCADE;
-- and one that was dropped
SELECT influence_create_model('dropped');
DROP SCHEMA dropped CASCADE;
SELECT influence_refresh('dropped');
SELECT influence_drop_model('dropped');
SELECT model FROM influence.models;

RESET ROLE;

-- what others have under the names of a model's views is not dropped with it
CREATE SCHEMA shop;
CREATE TABLE shop.score_history (game text, points int);
CREATE MATERIALIZED VIEW shop.signals AS SELECT 'traffic' AS kind;
GRANT USAGE, CREATE ON SCHEMA shop TO regress_influence_other;
SET ROLE regress_influence_other;
CREATE MATERIALIZED VIEW shop.scores AS SELECT 1::bigint AS user_id, 1::float8 AS score;
INSERT INTO influence.models (model, id_type, schema) VALUES ('shop', 'bigint', 'shop');
RESET ROLE;
SELECT influence_drop_model('shop');
SELECT relname FROM pg_class WHERE relnamespace = 'shop'::regnamespace ORDER BY relname;
DROP SCHEMA shop CASCADE;

-- of a model whose views have different owners, those of others stay, and it is said
SELECT influence_create_model('halved');
ALTER MATERIALIZED VIEW halved.scores OWNER TO regress_influence_other;
GRANT USAGE ON SCHEMA halved TO regress_influence_other;
SET client_min_messages = notice;
SET ROLE regress_influence_other;
SELECT influence_refresh('halved');
RESET ROLE;
SELECT influence_drop_model('halved');
SET client_min_messages = warning;
DROP SCHEMA halved CASCADE;
DELETE FROM influence.refresh_log WHERE model = 'halved';

SELECT model, status, run_by FROM influence.refresh_log;
DELETE FROM influence.refresh_log WHERE model = 'social';
DROP OWNED BY regress_influence_owner, regress_influence_reader, regress_influence_other;
DROP ROLE regress_influence_owner, regress_influence_reader, regress_influence_other;
