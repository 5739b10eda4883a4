-- What a refresh swaps in besides the rows: long values, and the indexes that an
-- owner has added
SET client_min_messages = warning;
CREATE SCHEMA replacement_app;
CREATE TABLE replacement_app.likes (fan text, author text, created_at timestamptz);
-- too long for a row, but not for an index
INSERT INTO replacement_app.likes
SELECT 'fan ' || i % 4, i % 10 || (SELECT string_agg(md5(i % 10 || ' ' || k), '') FROM generate_series(1, 62) AS k), '2026-06-29'
FROM generate_series(1, 30) AS i;
INSERT INTO replacement_app.likes VALUES ('fan 1', 'short', '2026-06-29');
SELECT influence_create_model('replacement', 'text');
SELECT influence_add_source('replacement', 'likes', 'replacement_app.likes', actor => 'fan', target => 'author',
							occurred_at => 'created_at', kind => 'like');
SELECT status, users FROM influence_refresh('replacement', '2026-06-30');
SELECT status, users FROM influence_refresh('replacement', '2026-06-30');
SELECT count(*), sum(length(user_id)) AS length, count(influence_score(user_id, 'replacement')) AS found
FROM replacement.scores;

-- the toast table is named after its table, depends on it and is the only one
CREATE VIEW replacement_app.toast_tables AS
SELECT c.relname,
	   t.relname = 'pg_toast_' || c.oid AS named, i.indexrelid::regclass::text = 'pg_toast.pg_toast_' || c.oid || '_index' AS index_named,
	   (SELECT array_agg(d.refobjid::regclass::text) FROM pg_depend AS d
		WHERE d.classid = 'pg_class'::regclass AND d.objid = t.oid) = ARRAY[c.oid::regclass::text] AS depends
FROM pg_class AS c
LEFT JOIN pg_class AS t ON t.oid = c.reltoastrelid
LEFT JOIN pg_index AS i ON i.indrelid = t.oid
WHERE c.relnamespace = 'replacement'::regnamespace AND c.relkind IN ('m', 'r');
SELECT * FROM replacement_app.toast_tables ORDER BY relname;
SELECT count(*) FROM pg_class WHERE relname LIKE 'pg\_temp\_%';

-- rolled back
BEGIN;
SAVEPOINT before;
SELECT status FROM influence_refresh('replacement', '2026-07-01');
SELECT count(*), min(as_of) = '2026-07-01' AS is_new FROM replacement.scores;
ROLLBACK TO before;
SELECT count(*), sum(length(user_id)) AS length, min(as_of) = '2026-06-30' AS is_old FROM replacement.scores;
SELECT status FROM influence_refresh('replacement', '2026-06-30');
COMMIT;
SELECT count(*), sum(length(user_id)) AS length FROM replacement.scores;
SELECT * FROM replacement_app.toast_tables ORDER BY relname;

-- indexes of the owner's stay, also one that failed to be built concurrently
CREATE INDEX of_tier ON replacement.scores (lower(tier)) WHERE score > 1;
\set VERBOSITY sqlstate
CREATE UNIQUE INDEX CONCURRENTLY not_unique ON replacement.scores (as_of);
\set VERBOSITY default
SELECT status FROM influence_refresh('replacement', '2026-06-30');
SELECT indexrelid::regclass, indisunique, indisvalid, pg_relation_size(indexrelid) > 8192 AS has_rows
FROM pg_index WHERE indrelid = 'replacement.scores'::regclass ORDER BY 1;

-- not where nothing may be written
BEGIN READ ONLY;
SELECT influence_refresh('replacement');
ROLLBACK;

SELECT influence_drop_model('replacement');
DROP SCHEMA replacement_app CASCADE;
DELETE FROM influence.refresh_log;
