-- score_history: which table holds a day, the ends of months, years and of the
-- calendar, retention, and tables that are only named like ours.
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
