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

-- which table holds a day: the ends of months, years and of the calendar,
-- retention, and tables that are only named like ours
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE TABLE likes (user_id bigint, author_id bigint, created_at timestamptz);
INSERT INTO likes SELECT a, t, 'epoch' FROM generate_series(1, 5) AS a, generate_series(1, 5) AS t WHERE a > t;
SELECT influence_create_model('social');
-- standing signals and no window, so that everybody is scored at every time
SELECT influence_add_source('social', 'likes', 'likes', actor => 'user_id', target => 'author_id',
	occurred_at => '''1890-01-01 00:00Z''::timestamptz', kind => 'follow');
UPDATE influence.models SET history_retention = NULL WHERE model = 'social';

CREATE FUNCTION refresh(at timestamptz) RETURNS text LANGUAGE sql AS $$
	SELECT status || ' ' || users FROM influence_refresh('social', at)
$$;
CREATE VIEW tables AS
SELECT relid::regclass AS relation, pg_get_expr(relpartbound, oid) AS bounds, obj_description(oid) AS what
FROM pg_partition_tree('social.score_history') JOIN pg_class ON oid = relid WHERE level > 0 ORDER BY relid::regclass::text COLLATE "C";
CREATE VIEW days AS
SELECT tableoid::regclass AS relation, day, min(as_of) AS as_of, count(*) AS people
FROM social.score_history GROUP BY tableoid, day ORDER BY day;

-- ends of days, months and years, UTC whatever the session's time zone
SET timezone = 'Pacific/Auckland';
SELECT refresh(at) FROM unnest('{2023-12-31 23:59:59.999999Z,2024-01-01 00:00Z,2024-02-28 23:59Z,2024-02-29 12:00Z,2024-03-01 00:00Z}'::timestamptz[]) AS at;
SET timezone = 'UTC';
TABLE tables;
TABLE days;
-- the last refresh of a day stays, also when it is as of an earlier moment
SELECT refresh('2024-02-29 18:00Z'), refresh('2024-02-29 06:00Z');
SELECT * FROM days WHERE day = '2024-02-29';
-- a day in the past looks at what was published for days before it only
SELECT refresh('2024-02-29 06:00Z');
SELECT DISTINCT day_change IS NOT NULL AS day, week_change IS NOT NULL AS week, month_change IS NOT NULL AS month FROM social.scores;
SELECT refresh('2023-12-31 12:00Z');
SELECT DISTINCT day_change IS NOT NULL AS day, week_change IS NOT NULL AS week, month_change IS NOT NULL AS month FROM social.scores;
-- ... however long ago
SELECT refresh('2031-07-01 12:00Z');
SELECT DISTINCT day_change IS NOT NULL AS day, week_change IS NOT NULL AS week, month_change IS NOT NULL AS month FROM social.scores;

-- the calendar of the history: 1900 to 9999; beyond it, scores without history
SELECT refresh('1899-12-31 23:59:59.999999Z'), refresh('1900-01-01 00:00Z'), refresh('9999-12-31 23:59:59.999999Z'), refresh('10000-01-01 00:00Z');
SELECT DISTINCT as_of FROM social.scores;
SELECT * FROM tables WHERE relation::text ~ '1900|9999' AND what LIKE '%month%';
SELECT * FROM days WHERE day NOT BETWEEN '2000-01-01' AND '2999-12-31';

-- retention: the day that lies so far back stays, the one before goes; also
-- what is older by years, some months at each refresh
UPDATE influence.models SET history_retention = '1 day' WHERE model = 'social';
SELECT refresh('2024-03-02 00:00Z');
TABLE days;
SELECT refresh('2024-03-02 23:59Z');
TABLE days;
SELECT relation FROM tables;
-- a day to come is no reason to forget; what it left behind is one day
SELECT refresh('9000-01-01 00:00Z');
TABLE days;

-- tables that are not ours: named like a day or a month that was, is or will be
DROP TABLE social.score_history_9000_01, social.score_history_9999_12, social.score_history_2031_07;
CREATE TABLE social.score_history_2020_05 AS SELECT 1 AS archived;
CREATE TABLE social.score_history_2024_03_01_mine AS SELECT 1 AS mine;
CREATE TABLE social.score_history_2024_02_20 (LIKE social.score_history);
INSERT INTO social.score_history_2024_02_20 VALUES (1, '2024-02-20', '2024-02-20', 1);
CREATE VIEW social.score_history_2024_02_29 AS SELECT 1 AS a_view;
SELECT refresh('2024-03-10 12:00Z');
TABLE social.score_history_2020_05;
SELECT count(*) FROM social.score_history_2024_02_20;
DROP TABLE social.score_history_2020_05, social.score_history_2024_03_01_mine;
DROP VIEW social.score_history_2024_02_29;
-- in the place of a new one: an error that names it, and nothing is lost
SELECT refresh('2024-02-20 12:00Z');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM social.score_history_2024_02_20;
DROP TABLE social.score_history_2024_02_20;
CREATE TABLE social.score_history_2024_04 (note text);
SELECT refresh('2024-04-01 12:00Z');
SELECT DISTINCT as_of FROM social.scores;
ALTER TABLE social.score_history_2024_04 RENAME TO notes;
SELECT refresh('2024-04-01 12:00Z');

-- one that was detached to be kept is the user's; renamed, it is in nobody's way
ALTER TABLE social.score_history DETACH PARTITION social.score_history_2024_04;
SELECT refresh('2024-04-02 12:00Z');
ALTER TABLE social.score_history_2024_04 RENAME TO kept_2024_04;
ALTER TABLE social.score_history_2024_04_01 RENAME TO kept_2024_04_01;
SELECT refresh('2024-04-02 12:00Z'), refresh('2024-04-20 12:00Z');
SELECT day, count(*) FROM social.kept_2024_04 GROUP BY day;
TABLE days;
-- one that was renamed or moved is still the history's
ALTER TABLE social.score_history_2024_04_20 RENAME TO today;
SELECT refresh('2024-04-20 18:00Z');
TABLE days;
DROP TABLE social.kept_2024_04;

-- a partition of the user's own: a default one is no obstacle, one of many days
-- is an error, one that is beyond the retention goes
CREATE TABLE social.rest PARTITION OF social.score_history DEFAULT;
CREATE TABLE social.imported PARTITION OF social.score_history FOR VALUES FROM ('2024-06-01') TO ('2024-07-01');
INSERT INTO social.score_history VALUES (1, '2024-06-05', '2024-06-05', 50), (1, '1950-01-01', '1950-01-01', 50);
SELECT refresh('2024-05-31 12:00Z');
SELECT refresh('2024-06-10 12:00Z');
\echo :LAST_ERROR_SQLSTATE
SELECT refresh('2024-07-01 12:00Z');
TABLE days;
SELECT refresh('2024-07-02 12:00Z');
TABLE days;

-- what depends on a table keeps it, with a warning; the refresh succeeds
CREATE VIEW social.first_of_july AS TABLE social.score_history_2024_07_01;
SELECT refresh('2024-07-20 12:00Z');
SELECT refresh('2024-08-20 12:00Z');
DROP VIEW social.first_of_july;
SELECT refresh('2024-08-20 12:00Z');
TABLE days;

-- other columns than ours
ALTER TABLE social.score_history ADD COLUMN note text;
SELECT refresh('2024-08-20 12:00Z');
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE social.score_history DROP COLUMN note;
SELECT refresh('2024-08-20 12:00Z');
-- an index and a comment that were added stay
CREATE INDEX by_score ON social.score_history (score);
COMMENT ON TABLE social.score_history_2024_08_20 IS 'a good day';
SELECT refresh('2024-08-21 12:00Z');
SELECT * FROM tables WHERE relation::text LIKE '%\_2024_08%';
SELECT count(*), bool_and(indisvalid) FROM pg_partition_tree('social.by_score') JOIN pg_index ON indexrelid = relid;

DROP VIEW days, tables;
DROP TABLE social.notes;
SELECT influence_drop_model('social');
DROP FUNCTION refresh;
DROP TABLE likes;
SELECT count(*) FROM pg_class WHERE relname LIKE 'score\_history%' OR relname LIKE 'pg\_temp\_%';
DELETE FROM influence.refresh_log;
