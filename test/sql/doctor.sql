-- influence_doctor: each finding is made by what it is about, and goes with it

\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE ROLE regress_doctor_owner;
CREATE ROLE regress_doctor_reader;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_doctor_owner', current_database()); END $$;
CREATE SCHEMA clinic AUTHORIZATION regress_doctor_owner;
SET ROLE regress_doctor_owner;
CREATE TABLE clinic.likes (actor bigint, target bigint, at timestamptz, kind text);
INSERT INTO clinic.likes SELECT a, t, timestamptz '2024-06-15' - a * interval '1 day', 'like' FROM generate_series(1, 9) AS a, generate_series(1, 9) AS t WHERE a > t;
SELECT influence_create_model('patient');
DELETE FROM influence.signals WHERE model = 'patient' AND (network <> 'app' OR kind NOT IN ('like', 'comment'));
\pset format unaligned
\pset footer off

-- a model with nothing
SELECT * FROM influence_doctor('patient');

-- a source of which the server knows nothing, and no refresh
SELECT influence_add_source('patient', 'likes', 'clinic.likes', actor => 'actor', target => 'target', occurred_at => 'at', kind_column => 'kind');
SELECT * FROM influence_doctor('patient');

-- all is well but for what a database without pg_cron and a model without readers lack
ANALYZE clinic.likes;
GRANT USAGE ON SCHEMA patient TO regress_doctor_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA patient TO regress_doctor_reader;
SELECT status FROM influence_refresh('patient', '2024-06-15');
SELECT * FROM influence_doctor('patient') WHERE subject <> 'schedule';
UPDATE influence.signals SET weight = 0 WHERE model = 'patient' AND kind = 'comment';
SELECT * FROM influence_doctor('patient') WHERE subject <> 'schedule';
SELECT severity, finding FROM influence_doctor('patient');

-- rows that match no signal, and rows that are left out for other reasons
INSERT INTO clinic.likes SELECT 1, NULL, '2024-06-15', 'like' FROM generate_series(1, 5);
INSERT INTO clinic.likes VALUES (1, 2, '2024-06-15', 'lik');
SELECT status FROM influence_refresh('patient', '2024-06-15');
SELECT * FROM influence_doctor('patient') WHERE subject <> 'schedule';
DELETE FROM clinic.likes WHERE target IS NULL OR kind = 'lik';
SELECT status FROM influence_refresh('patient', '2024-06-15');

-- incremental without an index and without triggers
UPDATE influence.sources SET incremental = true WHERE model = 'patient';
SELECT * FROM influence_doctor('patient') WHERE subject <> 'schedule';
CREATE INDEX ON clinic.likes (at);
SELECT influence_track_changes('patient', 'likes');
SELECT * FROM influence_doctor('patient') WHERE subject <> 'schedule';

-- autovacuum
ALTER TABLE clinic.likes SET (autovacuum_enabled = off);
ALTER MATERIALIZED VIEW patient.scores SET (autovacuum_enabled = false);
SELECT * FROM influence_doctor('patient') WHERE subject <> 'schedule';
ALTER TABLE clinic.likes RESET (autovacuum_enabled);
ALTER MATERIALIZED VIEW patient.scores RESET (autovacuum_enabled);

-- large, as far as the server knows
SET ROLE NONE;
UPDATE pg_class SET reltuples = 2e6 WHERE oid = 'clinic.likes'::regclass;
SET ROLE regress_doctor_owner;
SET max_parallel_workers_per_gather = 0;
SELECT * FROM influence_doctor('patient') WHERE subject <> 'schedule';
UPDATE influence.sources SET incremental = false WHERE model = 'patient';
DROP INDEX clinic.likes_at_idx;
SELECT * FROM influence_doctor('patient') WHERE subject <> 'schedule';
RESET max_parallel_workers_per_gather;
ANALYZE clinic.likes;

-- a source that counts nothing; rights; row-level security; a source that is gone
SELECT influence_remove_source('patient', 'likes');
SELECT influence_add_source('patient', 'notes', 'clinic.likes', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'comment');
SET ROLE NONE;
ALTER TABLE clinic.likes OWNER TO CURRENT_USER;
ALTER TABLE clinic.likes ENABLE ROW LEVEL SECURITY;
SELECT * FROM influence_doctor('patient') WHERE subject <> 'schedule';
DROP TABLE clinic.likes;
SELECT status FROM influence_refresh('patient', '2024-06-15');
SELECT severity, subject, finding FROM influence_doctor('patient') WHERE subject <> 'schedule';

-- partitions and materialized views, as far as the server knows
SET ROLE NONE;
SELECT influence_remove_source('patient', 'notes');
CREATE TABLE clinic.parts (actor bigint, target bigint, at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE clinic.part_1 PARTITION OF clinic.parts FOR VALUES FROM ('2024-01-01') TO ('2024-06-01');
CREATE TABLE clinic.part_2 PARTITION OF clinic.parts FOR VALUES FROM ('2024-06-01') TO ('2025-01-01') WITH (autovacuum_enabled = off);
CREATE MATERIALIZED VIEW clinic.copy AS SELECT * FROM clinic.parts;
ALTER TABLE clinic.parts OWNER TO regress_doctor_owner;
ALTER MATERIALIZED VIEW clinic.copy OWNER TO regress_doctor_owner;
SELECT influence_add_source('patient', r, ('clinic.' || r)::regclass, actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like')
FROM unnest(ARRAY['parts', 'copy']) AS r;
GRANT SELECT ON clinic.parts, clinic.copy TO regress_doctor_owner;
SELECT * FROM influence_doctor('patient') WHERE subject LIKE 'source%';
UPDATE pg_class SET reltuples = 7e5 WHERE relnamespace = 'clinic'::regnamespace AND relname LIKE 'part\__';
UPDATE pg_class SET reltuples = 3e6 WHERE oid = 'clinic.copy'::regclass;
SELECT * FROM influence_doctor('patient') WHERE subject LIKE 'source%';
CREATE INDEX ON clinic.parts (at);
CREATE INDEX ON clinic.copy (at);
SELECT * FROM influence_doctor('patient') WHERE subject LIKE 'source%';

-- who may ask
SET ROLE regress_doctor_reader;
SELECT * FROM influence_doctor('patient');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_doctor('nobody');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_doctor(NULL);
\echo :LAST_ERROR_SQLSTATE

RESET ROLE;
SELECT influence_drop_model('patient');
DELETE FROM influence.refresh_log WHERE model = 'patient';
DELETE FROM influence.configurations WHERE model = 'patient';
-- nothing is left of a model
SELECT count(*) FROM pg_namespace WHERE nspname = 'patient';
CREATE FUNCTION pg_temp.has_rows(relation regclass) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	found boolean;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE model = ''patient'')', relation) INTO found;
	RETURN found;
END
$$;
WITH tables AS MATERIALIZED (
	SELECT c.oid FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'model'
	WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind = 'r')
SELECT c.oid::regclass FROM tables AS c WHERE pg_temp.has_rows(c.oid);
DROP SCHEMA clinic CASCADE;
DROP OWNED BY regress_doctor_owner, regress_doctor_reader;
DROP ROLE regress_doctor_owner, regress_doctor_reader;
