-- The tables of score_history: what a refresh adds, forgets and leaves alone
SET client_min_messages = warning;
CREATE ROLE regress_history_owner;
CREATE ROLE regress_history_other;
CREATE SCHEMA history AUTHORIZATION regress_history_owner;
GRANT USAGE, CREATE ON SCHEMA history TO regress_history_other;
SET ROLE regress_history_owner;
CREATE TABLE history.likes (user_id bigint, author_id bigint, created_at timestamptz);
INSERT INTO history.likes SELECT i, 1 + i % 3, '2023-01-01' FROM generate_series(10, 19) AS i;
SELECT influence_create_model('history');
SELECT influence_add_source('history', 'likes', 'history.likes', actor => 'user_id', target => 'author_id',
							occurred_at => 'created_at', kind => 'like');
UPDATE influence.models SET history_retention = NULL, time_window = NULL WHERE model = 'history';
SELECT m, r.status
FROM unnest(ARRAY['2023-01-10', '2024-02-20', '2024-05-20', '2024-06-10', '2024-06-28']) AS m, influence_refresh('history', m::timestamptz) AS r;
CREATE VIEW history.tables AS
SELECT c.relname AS "table", c.relkind AS kind, c.relispartition AS attached
FROM pg_class AS c
WHERE c.relnamespace = 'history'::regnamespace AND c.relname LIKE 'score\_history\_%' AND c.relkind IN ('r', 'p', 'v');
SELECT * FROM history.tables ORDER BY 1;

-- a view of somebody else's under the name of a day is not read: it would run
-- as the owner
SET ROLE regress_history_other;
CREATE FUNCTION history.intrude() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RAISE WARNING 'runs as %', current_user;
	RETURN 1;
END
$$;
CREATE VIEW history.score_history_2024_06_29 AS SELECT history.intrude() AS user_id, 1::float8 AS score;
GRANT SELECT ON history.score_history_2024_06_29 TO PUBLIC;
SET ROLE regress_history_owner;
SELECT status FROM influence_refresh('history', '2024-06-30');
-- the changes are those since the day before
SELECT count(*), count(day_change) FROM history.scores;
SELECT influence_refresh('history', '2024-06-29');
SET ROLE regress_history_other;
DROP VIEW history.score_history_2024_06_29;
SET ROLE regress_history_owner;

-- beyond the retention: what was detached stays, what something depends on does,
-- with a warning, and nothing is too old to go
ALTER TABLE history.score_history_2024_06 DETACH PARTITION history.score_history_2024_06_10;
ALTER TABLE history.score_history DETACH PARTITION history.score_history_2024_05;
CREATE VIEW history.kept AS SELECT * FROM history.score_history_2024_02_20;
UPDATE influence.models SET history_retention = '5 days' WHERE model = 'history';
SELECT status FROM influence_refresh('history', '2024-07-01');
SELECT * FROM history.tables ORDER BY 1;
DROP VIEW history.kept;
SELECT status FROM influence_refresh('history', '2024-07-04');
SELECT * FROM history.tables ORDER BY 1;

RESET ROLE;
SELECT influence_drop_model('history');
DROP SCHEMA history CASCADE;
DROP ROLE regress_history_owner, regress_history_other;
DELETE FROM influence.refresh_log;
