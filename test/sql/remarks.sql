-- What a refresh remarks on: rows that did not count, people who are gone

\set SHOW_CONTEXT never
SET timezone = 'UTC';

CREATE SCHEMA app;
CREATE TABLE app.events (actor bigint, target bigint, at timestamptz, kind text, weight float8, mood float8);
CREATE FUNCTION app.fill(actors int, target bigint, at timestamptz, kind text DEFAULT 'like', weight float8 DEFAULT 1, mood float8 DEFAULT 0) RETURNS void
BEGIN ATOMIC
	INSERT INTO app.events SELECT 100 + n, fill.target, fill.at, fill.kind, fill.weight, fill.mood FROM generate_series(1, actors) AS n;
END;
SELECT influence_create_model('social');
SELECT influence_add_source('social', 'events', 'app.events', actor => 'actor', target => 'target', occurred_at => 'at',
	kind_column => 'kind', weight => 'weight', sentiment => 'mood');

-- nothing to read
SELECT influence_create_model('empty');
SELECT rows_read, users FROM influence_refresh('empty');
SELECT influence_drop_model('empty');
SELECT rows_read, users FROM influence_refresh('social', '2024-06-01');

-- half of the rows is not more than half
SELECT app.fill(5, n, '2024-05-31') FROM generate_series(1, 5) AS n;
SELECT app.fill(25, 6, '2024-05-31', 'lik');
SELECT rows_read, rows_ignored, users FROM influence_refresh('social', '2024-06-01');
SELECT app.fill(1, 6, '2024-05-31', 'lik');
SELECT rows_read, rows_ignored, users FROM influence_refresh('social', '2024-06-01');

-- each reason
DELETE FROM app.events WHERE kind = 'lik';
BEGIN; SELECT app.fill(30, NULL, '2024-05-31'); SELECT rows_ignored FROM influence_refresh('social', '2024-06-01'); ROLLBACK;
BEGIN; SELECT app.fill(30, 6, NULL); SELECT rows_ignored FROM influence_refresh('social', '2024-06-01'); ROLLBACK;
BEGIN; SELECT app.fill(30, 6, 'infinity'); SELECT rows_ignored FROM influence_refresh('social', '2024-06-01'); ROLLBACK;
BEGIN; SELECT app.fill(30, 6, '2024-05-31', weight => -1); SELECT rows_ignored FROM influence_refresh('social', '2024-06-01'); ROLLBACK;
BEGIN; SELECT app.fill(30, 6, '2024-05-31', mood => 2); SELECT rows_ignored FROM influence_refresh('social', '2024-06-01'); ROLLBACK;
BEGIN; SELECT app.fill(30, 6, '2024-05-31', weight => 0); SELECT rows_ignored FROM influence_refresh('social', '2024-06-01'); ROLLBACK;
BEGIN; UPDATE app.events SET actor = target WHERE target > 2; SELECT rows_ignored FROM influence_refresh('social', '2024-06-01'); ROLLBACK;
-- rows before the window and after as_of are usual, unless there are no others
BEGIN; SELECT app.fill(30, 6, '2023-05-31'); SELECT rows_ignored FROM influence_refresh('social', '2024-06-01'); ROLLBACK;
BEGIN; SELECT app.fill(30, 6, '2024-06-02'); SELECT rows_ignored FROM influence_refresh('social', '2024-06-01'); ROLLBACK;
BEGIN; SELECT rows_ignored FROM influence_refresh('social', '2024-05-01'); ROLLBACK;

-- people who are gone: a warning for each fall, and none as of an earlier moment
SELECT users FROM influence_refresh('social', '2024-06-02');
DELETE FROM app.events WHERE target > 3;
SELECT users FROM influence_refresh('social', '2024-06-03');
DELETE FROM app.events WHERE target > 1;
SELECT users FROM influence_refresh('social', '2024-06-02');
SELECT users FROM influence_refresh('social', '2024-06-03');
SELECT app.fill(5, n, '2024-05-31') FROM generate_series(2, 5) AS n;
SELECT users FROM influence_refresh('social', '2024-06-04');
SELECT users FROM influence_refresh('social', '2025-06-04');
SELECT users FROM influence_refresh('social', '2025-06-05');
SELECT users FROM influence_refresh('social', '2024-06-05');
TRUNCATE app.events;
SELECT users FROM influence_refresh('social', '2024-06-06');
SELECT users FROM influence_refresh('social', '2024-06-07');

-- people of an earlier model of that name are not missed
SELECT app.fill(5, n, '2024-05-31') FROM generate_series(1, 5) AS n;
SELECT users FROM influence_refresh('social', '2024-06-08');
SELECT influence_drop_model('social');
SELECT influence_create_model('social');
SELECT influence_add_source('social', 'events', 'app.events', actor => 'actor', target => 'target', occurred_at => 'at', kind_column => 'kind', filter => 'target = 1');
SELECT users FROM influence_refresh('social', '2024-06-09');

SELECT influence_drop_model('social');
DELETE FROM influence.refresh_log;
SET client_min_messages = warning;
DROP SCHEMA app CASCADE;
