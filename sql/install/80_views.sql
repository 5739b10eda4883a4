-- How fresh the scores are. The view refresh_status in each model's schema
-- selects its row from here.

-- security_invoker: the caller's row-level security picks the models. In a
-- model's refresh_status that is a role with SELECT on it, and no more.
SET LOCAL search_path = pg_catalog, pg_temp;
CREATE VIEW influence.refresh_status WITH (security_invoker = true) AS
	SELECT
		m.model,
		success.at AS last_success,
		now() - success.at AS age,
		success.at IS NULL
			OR coalesce(last_run.status = 'failed', false)
			-- missed: the run after the one that was due has passed, too
			OR coalesce(@extschema@.influence_job_next_run(job.schedule,
							@extschema@.influence_job_next_run(job.schedule, success.at)) < now(),
						now() - success.at > '1 day') AS stale,
		@extschema@.influence_job_next_run(job.schedule, now()) AS next_run,
		last_run.status AS last_status,
		CASE last_run.status WHEN 'failed' THEN last_run.error END AS last_error
	FROM influence.models AS m
	LEFT JOIN LATERAL (
		SELECT max(l.finished_at) AS at
		FROM influence.refresh_log AS l
		WHERE l.model = m.model AND l.status = 'success' AND l.finished_at >= m.created_at) AS success ON true
	LEFT JOIN LATERAL (
		SELECT l.status, l.error
		FROM influence.refresh_log AS l
		WHERE l.model = m.model AND l.status <> 'skipped' AND l.finished_at >= m.created_at
		ORDER BY l.finished_at DESC, l.run_id DESC
		LIMIT 1) AS last_run ON true
	LEFT JOIN LATERAL (
		SELECT j.schedule
		FROM @extschema@.influence_jobs(m.model) AS j
		WHERE j.active
		ORDER BY j.job_id
		LIMIT 1) AS job ON true;
COMMENT ON VIEW influence.refresh_status IS 'How fresh the scores of each model are that the current role may see';
COMMENT ON COLUMN influence.refresh_status.model IS 'Model';
COMMENT ON COLUMN influence.refresh_status.last_success IS 'When the last successful refresh ended; NULL when there was none';
COMMENT ON COLUMN influence.refresh_status.age IS 'Time since then';
COMMENT ON COLUMN influence.refresh_status.stale IS 'True when no refresh succeeded, the last one failed, a scheduled one was missed, or, without a schedule, a day went by';
COMMENT ON COLUMN influence.refresh_status.next_run IS 'When pg_cron refreshes next; NULL when it does not, or when its job belongs to another role';
COMMENT ON COLUMN influence.refresh_status.last_status IS 'How the last refresh ended: success or failed; skipped ones are left out';
COMMENT ON COLUMN influence.refresh_status.last_error IS 'Message of the last refresh when it failed';

GRANT SELECT ON influence.refresh_status TO PUBLIC;
SET LOCAL search_path = @extschema@, pg_temp;
