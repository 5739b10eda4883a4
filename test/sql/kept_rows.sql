-- What the rows depend on that incremental sources keep, besides what the tables have
-- in them: after each change a refresh gives what one gives that reads everything.

SET client_min_messages = warning;
SET timezone = 'UTC';
\set SHOW_CONTEXT never
CREATE ROLE regress_kept_owner;
CREATE ROLE regress_kept_heir;
CREATE SCHEMA kept;
CREATE TABLE kept.likes (n int, actor bigint, target bigint, weight float8, at timestamptz, pad text DEFAULT repeat('x', 4000));
ALTER TABLE kept.likes ALTER pad SET STORAGE PLAIN;
INSERT INTO kept.likes
SELECT n, n % 7, n % 5, 1, timestamptz '2024-03-01 12:00Z' - n * interval '3 hours' FROM generate_series(1, 200) AS n;
CREATE TABLE kept.follows AS
SELECT n % 11 AS actor, n % 3 AS target, timestamptz '2024-03-01 12:00Z' - n * interval '5 hours' AS at
FROM generate_series(1, 100) AS n;
GRANT USAGE, CREATE ON SCHEMA kept TO regress_kept_owner, regress_kept_heir;
GRANT SELECT ON ALL TABLES IN SCHEMA kept TO regress_kept_owner, regress_kept_heir;
SELECT format('GRANT CREATE ON DATABASE %I TO regress_kept_owner, regress_kept_heir', current_database()) \gexec

SET ROLE regress_kept_owner;
CREATE FUNCTION kept.weight(float8) RETURNS float8 LANGUAGE sql IMMUTABLE RETURN $1;
CREATE VIEW kept.view AS SELECT * FROM kept.likes;
CREATE MATERIALIZED VIEW kept.materialized AS SELECT * FROM kept.likes WHERE n <= 150;
GRANT SELECT ON kept.view, kept.materialized TO regress_kept_heir;
-- a model that keeps rows of a relation, and one that does not, and how they differ
CREATE FUNCTION kept.models(relation regclass, weight text DEFAULT 'weight') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 0 .. 1 LOOP
		PERFORM influence_create_model((ARRAY['kept', 'read'])[1 + i], schema => (ARRAY['kept_scores', 'read_scores'])[1 + i]);
		PERFORM influence_add_source((ARRAY['kept', 'read'])[1 + i], 'likes', models.relation, actor => 'actor', target => 'target',
			occurred_at => 'at', kind => 'like', weight => models.weight, incremental => i = 0);
		PERFORM influence_add_source((ARRAY['kept', 'read'])[1 + i], 'follows', 'kept.follows', actor => 'actor', target => 'target',
			occurred_at => 'at', kind => 'follow', incremental => i = 0);
	END LOOP;
	PERFORM influence_refresh('kept', '2024-03-02 12:00Z');
END
$$;
CREATE FUNCTION kept.compare(OUT rows_kept bigint, OUT rows_read bigint, OUT signals bigint, OUT same boolean) LANGUAGE plpgsql AS $$
BEGIN
	SELECT r.rows_kept, r.rows_read INTO rows_kept, rows_read FROM influence_refresh('kept', '2024-03-02 12:00Z') AS r;
	PERFORM influence_refresh('read', '2024-03-02 12:00Z');
	SELECT count(*), bool_and((abs(a.decayed_value - b.decayed_value) < 1e-9) IS TRUE) INTO signals, same
	FROM kept_scores.signals AS a FULL JOIN read_scores.signals AS b USING (user_id, network, kind);
END
$$;

-- policies: the source that has some is read whole, others are not
SELECT kept.models('kept.likes');
SELECT * FROM kept.compare();
RESET ROLE;
ALTER TABLE kept.likes ENABLE ROW LEVEL SECURITY;
SET ROLE regress_kept_owner;
SELECT * FROM kept.compare();
RESET ROLE;
CREATE POLICY even ON kept.likes TO regress_kept_owner USING (n % 2 = 0);
CREATE POLICY third ON kept.likes TO regress_kept_heir USING (n % 3 = 0);
SET ROLE regress_kept_owner;
SELECT * FROM kept.compare();
SELECT * FROM kept.compare();
RESET ROLE;
ALTER POLICY even ON kept.likes USING (n % 2 = 1 AND n > coalesce(nullif(current_setting('kept.least', true), ''), '0')::int);
SET ROLE regress_kept_owner;
SELECT * FROM kept.compare();
SET kept.least = 100;
SELECT * FROM kept.compare();
RESET kept.least;
-- by several processes, too: slowly, so that each gets some of the pages
RESET ROLE;
CREATE FUNCTION kept.in_time(n int) RETURNS boolean LANGUAGE plpgsql PARALLEL SAFE AS $$
BEGIN
	PERFORM pg_sleep(0.002);
	RETURN n % 2 = 1;
END
$$;
ALTER POLICY even ON kept.likes USING (kept.in_time(n));
SET ROLE regress_kept_owner;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SELECT * FROM kept.compare();
SELECT * FROM kept.compare();
RESET min_parallel_table_scan_size;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
-- another owner sees other rows
RESET ROLE;
REASSIGN OWNED BY regress_kept_owner TO regress_kept_heir;
SET ROLE regress_kept_heir;
SELECT * FROM kept.compare();
RESET ROLE;
-- without policies, what was kept before them is not taken for what there is
ALTER TABLE kept.likes DISABLE ROW LEVEL SECURITY;
UPDATE kept.likes SET weight = 2 WHERE n < 20;
SET ROLE regress_kept_heir;
SELECT * FROM kept.compare();
SELECT * FROM kept.compare();
-- a policy on the table behind a view that looks with the rights of who asks
RESET ROLE;
ALTER TABLE kept.likes ENABLE ROW LEVEL SECURITY;
SET ROLE regress_kept_heir;
SELECT influence_drop_model('kept'), influence_drop_model('read');
ALTER VIEW kept.view SET (security_invoker = true);
SELECT kept.models('kept.view');
SELECT * FROM kept.compare();
SELECT influence_drop_model('kept'), influence_drop_model('read');
RESET ROLE;
ALTER TABLE kept.likes DISABLE ROW LEVEL SECURITY;

-- another definition of a view
SET ROLE regress_kept_heir;
SELECT kept.models('kept.view');
SELECT * FROM kept.compare();
CREATE OR REPLACE VIEW kept.view AS SELECT n, actor, target, 2 * weight AS weight, at FROM kept.likes;
SELECT * FROM kept.compare();
SELECT * FROM kept.compare();
SELECT influence_drop_model('kept'), influence_drop_model('read');

-- a materialized view that was refreshed
SELECT kept.models('kept.materialized');
SELECT * FROM kept.compare();
REFRESH MATERIALIZED VIEW kept.materialized;
SELECT * FROM kept.compare();
SELECT influence_drop_model('kept'), influence_drop_model('read');

-- another body of a function in a mapping
SELECT kept.models('kept.likes', 'kept.weight(weight)');
SELECT * FROM kept.compare();
CREATE OR REPLACE FUNCTION kept.weight(float8) RETURNS float8 LANGUAGE sql IMMUTABLE RETURN $1 + 1;
SELECT * FROM kept.compare();
SELECT * FROM kept.compare();
-- twice in one transaction
BEGIN;
CREATE OR REPLACE FUNCTION kept.weight(float8) RETURNS float8 LANGUAGE sql IMMUTABLE RETURN $1 + 2;
SELECT * FROM kept.compare();
CREATE OR REPLACE FUNCTION kept.weight(float8) RETURNS float8 LANGUAGE sql IMMUTABLE RETURN $1 + 3;
SELECT * FROM kept.compare();
COMMIT;
SELECT * FROM kept.compare();
-- nothing depends on how the session writes names and values
SET quote_all_identifiers = on;
SET bytea_output = escape;
SELECT * FROM kept.compare();
RESET quote_all_identifiers;
RESET bytea_output;
SELECT influence_drop_model('kept'), influence_drop_model('read');

-- other values in a column of the same type
SELECT kept.models('kept.likes');
SELECT * FROM kept.compare();
RESET ROLE;
DROP VIEW kept.view;
DROP MATERIALIZED VIEW kept.materialized;
ALTER TABLE kept.likes ALTER weight TYPE float8 USING weight * 5;
SET ROLE regress_kept_heir;
SELECT * FROM kept.compare();
SELECT * FROM kept.compare();
SELECT influence_drop_model('kept'), influence_drop_model('read');

RESET ROLE;
DROP SCHEMA kept CASCADE;
DROP OWNED BY regress_kept_owner, regress_kept_heir;
DROP ROLE regress_kept_owner, regress_kept_heir;
DELETE FROM influence.refresh_log WHERE model IN ('kept', 'read');
