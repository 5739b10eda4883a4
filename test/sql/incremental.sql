-- Incremental refreshes: what is kept and when it is used; errors and rights.
-- test/t/075_incremental.pl compares with full refreshes at random.

SET client_min_messages = warning;
SET timezone = 'Europe/Berlin';
SET datestyle = 'ISO';
\set SHOW_CONTEXT never
CREATE SCHEMA inc;
CREATE TABLE inc.events (actor bigint, target bigint, kind text, at timestamptz, post bigint, weight float8, mood float8);
INSERT INTO inc.events (actor, target, kind, at)
SELECT n % 7, n % 5, (ARRAY['like', 'comment', 'share', 'follow', 'post', 'block'])[1 + n % 6],
	timestamptz '2024-03-01 12:00Z' - n * interval '7 hours'
FROM generate_series(1, 500) AS n;
SELECT influence_create_model('inc', schema => 'inc_scores');
UPDATE influence.models SET time_window = '30 days' WHERE model = 'inc';
SELECT influence_add_source('inc', 'events', 'inc.events', actor => 'actor', target => 'target', occurred_at => 'at',
	kind_column => 'kind', post => 'post', weight => 'weight', sentiment => 'mood');

-- a refresh, and whether a model that reads everything gives the same
SELECT influence_create_model('all', schema => 'all_scores');
UPDATE influence.models SET time_window = '30 days' WHERE model = 'all';
SELECT influence_add_source('all', 'events', 'inc.events', actor => 'actor', target => 'target', occurred_at => 'at',
	kind_column => 'kind', post => 'post', weight => 'weight', sentiment => 'mood');
CREATE FUNCTION inc.refresh(as_of timestamptz, "full" boolean DEFAULT false,
	OUT rows_read bigint, OUT rows_kept bigint, OUT days bigint, OUT same boolean)
LANGUAGE plpgsql AS $$
BEGIN
	SELECT r.rows_read, r.rows_kept INTO rows_read, rows_kept FROM influence_refresh('inc', as_of, "full" => "full") AS r;
	PERFORM influence_refresh('all', as_of);
	days := (SELECT count(*) FROM influence.closed_days WHERE model = 'inc');
	same := NOT EXISTS (
		SELECT FROM inc_scores.scores AS a FULL JOIN all_scores.scores AS b USING (user_id)
		WHERE (abs(a.score - b.score) < 1e-9 AND abs(a.notoriety - b.notoriety) < 1e-9
			AND abs(a.true_reach - b.true_reach) < 1e-9
			AND (a.last_active_at IS NOT DISTINCT FROM b.last_active_at)) IS NOT TRUE)
		AND NOT EXISTS (
		SELECT FROM inc_scores.signals AS a FULL JOIN all_scores.signals AS b USING (user_id, network, kind)
		WHERE (a.count = b.count AND abs(a.decayed_value - b.decayed_value) < 1e-9) IS NOT TRUE);
END
$$;

-- nothing is kept of a source that does not say so
SELECT * FROM inc.refresh('2024-03-01 12:00Z');
UPDATE influence.sources SET incremental = true WHERE model = 'inc';
SELECT * FROM inc.refresh('2024-03-01 12:00Z');
SELECT min(day), max(day), count(*), sum(rows), count(*) FILTER (WHERE complete) AS complete,
	count(earliest_reaction) AS with_reaction
FROM influence.closed_days WHERE model = 'inc';
-- from now on the open day is read, and the one that the window splits
SELECT * FROM inc.refresh('2024-03-01 12:00Z');
SELECT * FROM inc.refresh('2024-03-01 23:59:59.999999Z');
-- at midnight a day is over, and no day is split
SELECT * FROM inc.refresh('2024-03-02 00:00Z');
SELECT * FROM inc.refresh('2024-03-02 00:00Z');
SELECT * FROM inc.refresh('2024-03-02 00:00:00.000001Z');
-- weeks later
SELECT * FROM inc.refresh('2024-03-20 08:00Z');
SELECT * FROM inc.refresh('2024-03-20 08:00Z');
-- in the past: the days that were before the window then have lost their rows
SELECT * FROM inc.refresh('2024-02-10 08:00Z');
SELECT * FROM inc.refresh('2024-02-10 08:00Z');
SELECT * FROM inc.refresh('2024-03-20 08:00Z');
-- another window
UPDATE influence.models SET time_window = '60 days' WHERE model IN ('inc', 'all');
SELECT * FROM inc.refresh('2024-03-20 08:00Z');
UPDATE influence.models SET time_window = NULL WHERE model IN ('inc', 'all');
SELECT * FROM inc.refresh('2024-03-20 08:00Z');
SELECT * FROM inc.refresh('2024-03-20 08:00Z');
UPDATE influence.models SET time_window = '30 days' WHERE model IN ('inc', 'all');
SELECT * FROM inc.refresh('2024-03-20 08:00Z');

-- what does not decide what is kept of a row changes nothing
UPDATE influence.models SET reach_half_life = '3 days', selectivity_rate = 5 WHERE model IN ('inc', 'all');
UPDATE influence.signals SET weight = 9 WHERE model IN ('inc', 'all') AND kind = 'like';
SELECT * FROM inc.refresh('2024-03-20 08:00Z');
-- what does has everything read again
CREATE PROCEDURE inc.try(change text) LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	EXECUTE change;
	SELECT * INTO r FROM inc.refresh('2024-03-20 08:00Z');
	RAISE WARNING '%: kept %, same %', change, r.rows_kept, r.same;
	SELECT * INTO r FROM inc.refresh('2024-03-20 08:00Z');
	RAISE WARNING 'again: kept %, same %', r.rows_kept, r.same;
END
$$;
\set VERBOSITY terse
CALL inc.try($$UPDATE influence.signals SET weight = 0 WHERE model IN ('inc', 'all') AND kind = 'like'$$);
CALL inc.try($$UPDATE influence.signals SET half_life = '2 days' WHERE model IN ('inc', 'all') AND kind = 'comment'$$);
CALL inc.try($$UPDATE influence.signals SET polarity = -0.5 WHERE model IN ('inc', 'all') AND kind = 'comment'$$);
CALL inc.try($$UPDATE influence.signals SET role = 'reaction' WHERE model IN ('inc', 'all') AND kind = 'share'$$);
CALL inc.try($$INSERT INTO influence.signals (model, network, kind, role) SELECT model, 'app', 'aaa', 'reaction' FROM influence.models WHERE model IN ('inc', 'all')$$);
CALL inc.try($$INSERT INTO influence.networks (model, network) SELECT model, 'aaa' FROM influence.models WHERE model IN ('inc', 'all')$$);
CALL inc.try($$UPDATE influence.models SET sentiment_policy = 'ignore' WHERE model IN ('inc', 'all')$$);
CALL inc.try($$UPDATE influence.models SET bad_row_policy = 'error' WHERE model IN ('inc', 'all')$$);
CALL inc.try($$UPDATE influence.models SET clock_skew = '1 minute' WHERE model IN ('inc', 'all')$$);
CALL inc.try($$UPDATE influence.sources SET filter = '(target <> 4)' WHERE model IN ('inc', 'all')$$);
CALL inc.try($$ALTER TABLE inc.events ALTER post TYPE text$$);
CALL inc.try($$UPDATE influence.sources SET source = 'the events' WHERE model = 'inc'$$);
UPDATE influence.sources SET source = 'events' WHERE model = 'inc';

-- invalidations: half-open, of one source or of all, used up by the next refresh
SELECT influence_invalidate('inc', '2024-03-10 00:00Z', '2024-03-11 00:00Z');
SELECT influence_invalidate('inc', '2024-02-25 23:59Z', '2024-02-26 00:01Z', 'events');
SELECT source, since AT TIME ZONE 'UTC' AS since, until AT TIME ZONE 'UTC' AS until
FROM influence.invalidations WHERE model = 'inc' ORDER BY since;
BEGIN;
DELETE FROM influence.closed_days WHERE day = '2024-03-04';
SELECT string_agg(day::text, ', ' ORDER BY day) AS kept_before FROM influence.closed_days
WHERE model = 'inc' AND day BETWEEN '2024-02-24' AND '2024-02-27' OR day BETWEEN '2024-03-09' AND '2024-03-12';
CREATE TABLE inc.before AS SELECT day_id, day FROM influence.closed_days WHERE model = 'inc';
SELECT rows_kept > 0 AS kept, same FROM inc.refresh('2024-03-20 08:00Z');
SELECT string_agg(day::text, ', ' ORDER BY day) AS closed_again FROM influence.closed_days AS d
WHERE model = 'inc' AND NOT EXISTS (SELECT FROM inc.before AS b WHERE b.day_id = d.day_id);
SELECT count(*) AS left_over FROM influence.invalidations WHERE model = 'inc';
ROLLBACK;
SELECT influence_invalidate('inc', until => '2024-02-01Z');
SELECT influence_invalidate('inc', since => '2024-03-15Z');
SELECT influence_invalidate('inc');
SELECT rows_kept, same FROM inc.refresh('2024-03-20 08:00Z');
SELECT influence_invalidate('inc', '2024-03-10Z', '2024-03-10Z');
SELECT influence_invalidate('inc', source => 'likes');
SELECT influence_invalidate('nobody');
-- many of them leave a few ranges to read
SELECT count(influence_invalidate('inc', at, at + interval '1 hour'))
FROM generate_series(timestamptz '2023-10-15 Z', '2024-03-10 Z', '3 days') AS at;
SELECT rows_read, rows_kept > 0 AS kept, same FROM inc.refresh('2024-03-20 08:00Z');
SELECT rows_kept > 70 AS kept, same FROM inc.refresh('2024-03-20 08:00Z');

-- full => true keeps everything anew
UPDATE inc.events SET weight = 3 WHERE target = 2;
SELECT same FROM inc.refresh('2024-03-20 08:00Z');
SELECT rows_kept, same FROM inc.refresh('2024-03-20 08:00Z', "full" => true);
SELECT rows_kept > 0 AS kept, same FROM inc.refresh('2024-03-20 08:00Z');
-- REFRESH MATERIALIZED VIEW reads everything
CREATE TABLE inc.scores AS TABLE inc_scores.scores;
REFRESH MATERIALIZED VIEW inc_scores.scores;
SELECT count(*) FILTER (WHERE (abs(a.score - b.score) < 1e-9) IS NOT TRUE) AS different
FROM inc.scores AS a FULL JOIN inc_scores.scores AS b USING (user_id);
-- so does a model that is not incremental any more, and nothing stays
UPDATE influence.sources SET incremental = false WHERE model = 'inc';
SELECT * FROM inc.refresh('2024-03-20 08:00Z');
SELECT count(*) AS records, (SELECT count(*) FROM influence.closed_people) AS people FROM influence.closed_records;
UPDATE influence.sources SET incremental = true WHERE model = 'inc';

-- tracking: every kind of statement, the days that it touched
SELECT influence_track_changes('inc', 'events');
SELECT influence_track_changes('inc', 'events');
SELECT tgname LIKE 'influence\_%' AS named, count(*) FROM pg_trigger WHERE tgrelid = 'inc.events'::regclass GROUP BY 1;
CREATE PROCEDURE inc.change(change text) LANGUAGE plpgsql AS $$
DECLARE
	log text;
	same boolean;
BEGIN
	DELETE FROM influence.invalidations WHERE model = 'inc';
	EXECUTE change;
	SELECT string_agg(format('%s to %s', since AT TIME ZONE 'UTC', until AT TIME ZONE 'UTC'), ', ' ORDER BY since) INTO log
	FROM influence.invalidations WHERE model = 'inc';
	same := (inc.refresh('2024-03-20 08:00Z')).same;
	RAISE WARNING '%: %; same %', change, coalesce(log, 'nothing'), same;
END
$$;
SELECT same FROM inc.refresh('2024-03-20 08:00Z');
CALL inc.change($$INSERT INTO inc.events (actor, target, kind, at) SELECT 9, 1, 'like', at FROM unnest('{2024-03-02 01:00Z,2024-03-01 23:00Z,2024-03-01 00:00Z,2024-02-02 23:59:59.999999Z}'::timestamptz[]) AS at$$);
CALL inc.change($$UPDATE inc.events SET at = at + interval '2 days' WHERE actor = 9 AND at >= '2024-03-02Z'$$);
CALL inc.change($$DELETE FROM inc.events WHERE actor = 9 AND at < '2024-03-01Z'$$);
CALL inc.change($$DELETE FROM inc.events WHERE actor = 99$$);
CALL inc.change($$INSERT INTO inc.events (target, at) SELECT 1, at FROM unnest('{NULL,infinity,-infinity}'::timestamptz[]) AS at$$);
CALL inc.change($$INSERT INTO inc.events (actor, target, kind, at) VALUES (9, 1, 'like', now()), (9, 1, 'like', now() + interval '1 year')$$);
CALL inc.change($$INSERT INTO inc.events (actor, target, kind, at) SELECT 9, 1, 'like', timestamptz '2023-01-01Z' + n * interval '3 days' FROM generate_series(0, 100) AS n$$);
CALL inc.change($$MERGE INTO inc.events AS e USING (VALUES (9)) AS v (actor) ON e.actor = v.actor AND e.at < '2023-01-02Z' WHEN MATCHED THEN DELETE$$);
CALL inc.change($$TRUNCATE inc.events$$);
COPY inc.events (actor, target, kind, at) FROM stdin;
3	4	like	2024-03-02 00:00Z
\.
SELECT count(*) FROM influence.invalidations WHERE model = 'inc';
-- an error in the mapping is not the writer's
UPDATE influence.sources SET occurred_at = '(at + interval ''1 day'' / weight)' WHERE model = 'inc';
CALL inc.change($$INSERT INTO inc.events (actor, target, kind, at, weight) VALUES (1, 2, 'like', '2024-03-03Z', 2)$$);
DELETE FROM influence.invalidations;
INSERT INTO inc.events (actor, target, kind, at, weight) VALUES (1, 2, 'like', '2024-03-03Z', 0);
SELECT since, until FROM influence.invalidations WHERE model = 'inc';
UPDATE influence.sources SET occurred_at = 'at' WHERE model = 'inc';
-- partitions have triggers, too
CREATE TABLE inc.parts (actor bigint, target bigint, at timestamp) PARTITION BY RANGE (at);
CREATE TABLE inc.part_1 PARTITION OF inc.parts FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE inc.part_2 (at timestamp, target bigint, actor bigint);
ALTER TABLE inc.parts ATTACH PARTITION inc.part_2 DEFAULT;
SELECT influence_add_source('inc', 'parts', 'inc.parts', actor => 'actor', target => 'target', occurred_at => 'at',
	kind => 'like', incremental => true);
SELECT influence_add_source('all', 'parts', 'inc.parts', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like');
SELECT influence_track_changes('inc', 'parts');
SELECT same FROM inc.refresh('2024-03-20 08:00Z');
CALL inc.change($$INSERT INTO inc.parts VALUES (1, 2, '2024-01-05 23:30'), (1, 2, '2024-03-05 23:30')$$);
CALL inc.change($$INSERT INTO inc.part_2 VALUES ('2024-03-06 00:30', 2, 1)$$);
CALL inc.change($$UPDATE inc.parts SET at = '2024-03-07 01:00' WHERE at < '2024-02-01'$$);
SELECT influence_untrack_changes('inc', 'parts');
SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('inc.parts'::regclass, 'inc.part_1'::regclass, 'inc.part_2'::regclass);

-- what cannot be tracked
CREATE VIEW inc.view AS TABLE inc.events;
SELECT influence_add_source('inc', 'view', 'inc.view', actor => 'actor', target => 'target', occurred_at => 'at',
	kind => 'like', incremental => true);
SELECT influence_track_changes('inc', 'view');
SELECT influence_track_changes('inc', 'likes');
SELECT influence_track_changes('inc', NULL);
SELECT influence_untrack_changes('inc', 'likes');
CREATE TRIGGER mine BEFORE INSERT ON inc.events FOR EACH ROW EXECUTE FUNCTION influence_log_changes('inc', 'events');
INSERT INTO inc.events (target) VALUES (1);
DROP TRIGGER mine ON inc.events;

-- rights: a writer needs none on our tables, others see and change nothing
CREATE ROLE regress_incremental_writer;
GRANT USAGE ON SCHEMA inc TO regress_incremental_writer;
GRANT INSERT ON inc.events TO regress_incremental_writer;
DELETE FROM influence.invalidations;
SET ROLE regress_incremental_writer;
INSERT INTO inc.events (actor, target, kind, at) VALUES (1, 2, 'like', '2024-03-05 12:00Z');
SELECT count(*) FROM influence.closed_days;
SELECT count(*) FROM influence.invalidations;
SELECT count(*) FROM influence.closed_records;
SELECT count(*) FROM influence.closed_people;
INSERT INTO influence.invalidations (model, since, until) VALUES ('inc', '-infinity', 'infinity');
SELECT influence_invalidate('inc');
SELECT influence_track_changes('inc', 'events');
SELECT influence_untrack_changes('inc', 'events');
-- a table of one's own that pretends to be the source
CREATE TEMP TABLE events (actor bigint, target bigint, kind text, at timestamptz);
CREATE TRIGGER mine AFTER INSERT ON events REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
	EXECUTE FUNCTION influence_log_changes('inc', 'events');
INSERT INTO events (at) VALUES ('2024-03-08');
RESET ROLE;
SELECT since AT TIME ZONE 'UTC' AS since FROM influence.invalidations WHERE model = 'inc';
DROP TABLE events;
REVOKE ALL ON inc.events FROM regress_incremental_writer;
REVOKE ALL ON SCHEMA inc FROM regress_incremental_writer;
DROP ROLE regress_incremental_writer;

-- a model of another owner
CREATE ROLE regress_incremental_owner;
CREATE SCHEMA owned AUTHORIZATION regress_incremental_owner;
GRANT USAGE ON SCHEMA inc TO regress_incremental_owner;
GRANT SELECT ON inc.events TO regress_incremental_owner;
SET ROLE regress_incremental_owner;
SELECT influence_create_model('owned', schema => 'owned');
SELECT influence_add_source('owned', 'events', 'inc.events', actor => 'actor', target => 'target', occurred_at => 'at',
	kind_column => 'kind', incremental => true);
SELECT rows_kept FROM influence_refresh('owned', '2024-03-20 08:00Z');
SELECT rows_kept > 0 AS kept FROM influence_refresh('owned', '2024-03-20 08:00Z');
SELECT DISTINCT model FROM influence.closed_days;
SELECT influence_track_changes('owned', 'events');
SELECT influence_invalidate('owned');
SELECT rows_kept FROM influence_refresh('owned', '2024-03-20 08:00Z');
RESET ROLE;
GRANT TRIGGER ON inc.events TO regress_incremental_owner;
SET ROLE regress_incremental_owner;
SELECT influence_track_changes('owned', 'events');
SELECT influence_drop_model('owned');
RESET ROLE;
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'inc.events'::regclass;
INSERT INTO inc.events (target) VALUES (1);

-- what is damaged is refused, and kept anew
INSERT INTO inc.events (actor, target, kind, at)
SELECT n, 1, 'comment', timestamptz '2024-03-15 12:00Z' - n * interval '5 hours' FROM generate_series(2, 40) AS n;
SELECT rows_kept FROM influence_refresh('inc', '2024-03-20 08:00Z', "full" => true);
UPDATE influence.closed_records SET records = '\xff' || substr(records, 2) WHERE kind = 0;
SELECT influence_refresh('inc', '2024-03-20 08:00Z');
UPDATE influence.closed_records SET records = substr(records, 2);
SELECT influence_refresh('inc', '2024-03-20 08:00Z');
DELETE FROM influence.closed_people;
SELECT influence_refresh('inc', '2024-03-20 08:00Z');
SELECT rows_kept FROM influence_refresh('inc', '2024-03-20 08:00Z', "full" => true);
SELECT rows_kept > 0 AS kept FROM influence_refresh('inc', '2024-03-20 08:00Z');

-- ids of any length
CREATE TABLE inc.names (actor text, target text, at timestamptz);
INSERT INTO inc.names
SELECT repeat(chr(65 + n % 26), n * n), CASE n % 3 WHEN 0 THEN '' ELSE repeat('x', n * 40 % 1900) END,
	timestamptz '2024-03-15 12:00Z' - n * interval '5 hours'
FROM generate_series(1, 60) AS n;
SELECT influence_create_model('names', id_type => 'text');
SELECT influence_add_source('names', 'names', 'inc.names', actor => 'actor', target => 'target', occurred_at => 'at',
	kind => 'like', incremental => true);
SELECT rows_read, rows_kept FROM influence_refresh('names', '2024-03-20 08:00Z');
CREATE TABLE inc.name_scores AS TABLE names.scores;
SELECT rows_read, rows_kept FROM influence_refresh('names', '2024-03-20 08:00Z');
SELECT count(*), count(*) FILTER (WHERE (abs(a.score - b.score) < 1e-9 AND a.last_active_at IS NOT DISTINCT FROM b.last_active_at) IS NOT TRUE) AS different
FROM inc.name_scores AS a FULL JOIN names.scores AS b USING (user_id);
SELECT influence_drop_model('names');

-- dropping takes everything along
SELECT influence_remove_source('inc', 'events');
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'inc.events'::regclass AND tgname LIKE 'influence%';
SELECT influence_drop_model('inc');
SELECT influence_drop_model('all');
SELECT (SELECT count(*) FROM influence.closed_days) AS days, (SELECT count(*) FROM influence.closed_records) AS records,
	(SELECT count(*) FROM influence.closed_people) AS people, (SELECT count(*) FROM influence.invalidations) AS invalidations;
DROP SCHEMA inc CASCADE;
DROP SCHEMA owned;
REASSIGN OWNED BY regress_incremental_owner TO CURRENT_USER;
DROP OWNED BY regress_incremental_owner;
DROP ROLE regress_incremental_owner;
DELETE FROM influence.refresh_log WHERE model IN ('inc', 'all', 'owned', 'names');
