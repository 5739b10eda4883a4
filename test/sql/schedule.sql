-- Schedules: the next run of a cron expression, refresh_status, errors where
-- pg_cron is absent (test/t/010_schedule.pl runs it)

\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET client_min_messages = warning;

-- after Thursday, 2014-10-16 12:00:30
SELECT s.schedule, influence_next_run(s.schedule, '2014-10-16 12:00:30+00')
FROM (VALUES ('* * * * *'), ('*/15 * * * *'), ('0 0 * * *'), ('30 4 * * sun'), ('30 4 * * 7'), ('0 9-17/4 * * mon-fri'),
			 ('0 0 29 2 *'), ('0 0 13 * 5'), ('0 0 13 * */5'), ('0 0 $ * *'), ('@hourly'), ('@daily'), ('@weekly'),
			 ('@monthly'), ('@yearly'), ('10 seconds')) AS s (schedule);
-- the moment itself is not after itself
SELECT influence_next_run('0 12 * * *', '2014-10-16 12:00+00');
SELECT influence_next_run('0 12 * * *', '2014-10-16 11:59:59.999999+00');
-- before 1970, and before 2000
SELECT influence_next_run('59 23 * * *', '1969-12-31 23:58:30+00'), influence_next_run('0 0 1 1 *', '1999-12-31 23:59:59+00');
SELECT influence_next_run('0 0 1 1 *', '4000-06-01 00:00:00 BC');
SELECT influence_next_run(NULL, now()), influence_next_run('* * * * *', NULL);

SELECT influence_next_run('', now());
\echo :LAST_ERROR_SQLSTATE
SELECT influence_next_run('* * * *', now());
SELECT influence_next_run('* * * * * *', now());
SELECT influence_next_run('61 * * * *', now());
SELECT influence_next_run('0 0 30 2 *', now());
SELECT influence_next_run('@reboot', now());
SELECT influence_next_run('5/10 * * * *', now());
SELECT influence_next_run('90 seconds', now());
SELECT influence_next_run('* * * * *', 'infinity');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_next_run('0 0 1 1 *', '294276-12-31 23:00:00');
\echo :LAST_ERROR_SQLSTATE

SELECT influence_create_model('social');
SELECT influence_create_model(repeat('x', 60));
SELECT influence_job_name('social'), influence_job_name(repeat('x', 53)), influence_job_name(repeat('x', 60));
SELECT influence_job_command('it''s');
SELECT influence_drop_model(repeat('x', 60));

SELECT influence_schedule('sociable', '* * * * *');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_schedule('social', 'hourly');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_schedule('social', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT influence_unschedule('sociable');
\echo :LAST_ERROR_SQLSTATE

-- the messages depend on the server: test/t/010_schedule.pl looks at them
\set VERBOSITY sqlstate
SELECT influence_schedule('social', '* * * * *');
SELECT influence_unschedule('social');
\set VERBOSITY default

-- how fresh: never, just now, two days old, failed since; skipped runs say nothing
SELECT model, last_success, stale, next_run, last_status, last_error FROM social.refresh_status;
INSERT INTO influence.refresh_log (model, status, started_at, finished_at) VALUES ('social', 'success', now(), now());
SELECT age < '1 day' AS young, stale, last_status FROM social.refresh_status;
UPDATE influence.models SET created_at = now() - interval '9 days' WHERE model = 'social';
UPDATE influence.refresh_log SET finished_at = now() - interval '2 days' WHERE model = 'social';
SELECT age > '1 day' AS old, stale, last_status FROM social.refresh_status;
INSERT INTO influence.refresh_log (model, status, started_at, finished_at) VALUES ('social', 'success', now(), now());
SELECT age < '1 day' AS young, stale, last_status FROM social.refresh_status;
INSERT INTO influence.refresh_log (model, status, started_at, finished_at, error) VALUES ('social', 'failed', now(), now() + interval '1 second', 'disk is full');
INSERT INTO influence.refresh_log (model, status, started_at, finished_at) VALUES ('social', 'skipped', now(), now() + interval '2 seconds');
SELECT age < '1 day' AS young, stale, last_status, last_error FROM social.refresh_status;

SELECT influence_drop_model('social');
DELETE FROM influence.refresh_log WHERE model = 'social';
