-- Scheduling through pg_cron, which is used when it is there and never
-- required: its objects are named in dynamic statements only.

CREATE FUNCTION influence_next_run(schedule text, after timestamptz) RETURNS timestamptz
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_next_run(text, timestamptz) IS
	'First run of a cron schedule (five fields in UTC, a macro such as @hourly, or ''10 seconds'') that is later than a moment. Errors: 22023 for a schedule that is not valid or never runs and for a moment that is not finite';

CREATE FUNCTION influence_job_name(model text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
-- pg_cron 1.4 keeps 63 bytes of a job's name
AS $$ SELECT 'influence:' || CASE WHEN octet_length(model) <= 53 THEN model ELSE md5(model) END $$;
COMMENT ON FUNCTION influence_job_name(text) IS
	'Name of the pg_cron job of a model: influence:<model>, with the MD5 of a name of more than 53 bytes';

CREATE FUNCTION influence_job_command(model text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
-- with the exact arguments, so that no other function of that name is meant
AS $$ SELECT 'SELECT @extschema@.influence_refresh(' || quote_literal(model) || '::pg_catalog.text, pg_catalog.now(), false)' $$;
COMMENT ON FUNCTION influence_job_command(text) IS
	'Statement that the pg_cron job of a model runs';

CREATE FUNCTION influence_has_pg_cron() RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') $$;
COMMENT ON FUNCTION influence_has_pg_cron() IS
	'Whether pg_cron is installed in this database';

CREATE FUNCTION influence_jobs(model text)
RETURNS TABLE (job_id bigint, schedule text, active boolean, run_by text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- by no name in the schema of the extension, which its owner can rename: a view calls this
	IF NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') OR NOT has_schema_privilege('cron', 'USAGE') THEN
		RETURN;
	END IF;
	RETURN QUERY EXECUTE
		'SELECT j.jobid, j.schedule, j.active, j.username
		 FROM cron.job AS j
		 WHERE j.jobname::text = $1 AND j.database = current_database()
		 ORDER BY j.jobid'
		USING 'influence:' || CASE WHEN octet_length(model) <= 53 THEN model ELSE md5(model) END;
END
$$;
COMMENT ON FUNCTION influence_jobs(text) IS
	'pg_cron jobs of a model that the current role may see: its own, and for a superuser all; nothing without pg_cron';

CREATE FUNCTION influence_job_next_run(schedule text, after timestamptz) RETURNS timestamptz
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION influence_job_next_run(text, timestamptz) IS
	'First run of a pg_cron job later than a moment; NULL when its schedule is not understood';

CREATE FUNCTION influence_require_pg_cron(model text, cron text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	preloaded boolean;
	home text;
BEGIN
	IF @extschema@.influence_has_pg_cron() THEN
		IF NOT has_schema_privilege('cron', 'USAGE') THEN
			RAISE EXCEPTION 'role "%" may not use pg_cron', current_user
				USING ERRCODE = 'insufficient_privilege',
					  HINT = format('GRANT USAGE ON SCHEMA cron TO %I;', current_user);
		END IF;
		RETURN;
	END IF;

	BEGIN
		home := current_setting('cron.database_name', true);
		preloaded := home IS NOT NULL;
	EXCEPTION WHEN insufficient_privilege THEN
		-- the setting exists, and is shown to administrators only
		preloaded := true;
	END;
	IF NOT preloaded THEN
		RAISE EXCEPTION 'cannot schedule model "%": pg_cron is not loaded', model
			USING ERRCODE = 'feature_not_supported',
				  HINT = format('Install the package postgresql-%s-cron, set shared_preload_libraries = ''pg_cron'' and '
								'cron.database_name = %L, restart the server and run CREATE EXTENSION pg_cron. '
								'Or run %s from any other scheduler.',
								current_setting('server_version_num')::int / 10000, current_database(),
								@extschema@.influence_job_command(model));
	ELSIF home = current_database() THEN
		RAISE EXCEPTION 'cannot schedule model "%": pg_cron is not installed in database "%"', model, current_database()
			USING ERRCODE = 'feature_not_supported', HINT = 'Run CREATE EXTENSION pg_cron; as a superuser.';
	END IF;
	RAISE EXCEPTION 'cannot schedule model "%" from here: pg_cron lives in %', model,
			coalesce('database "' || home || '"', 'another database')
		USING ERRCODE = 'feature_not_supported',
			  HINT = format('Run as a superuser in %s: SELECT cron.schedule_in_database(%L, %L, %L, %L);',
							coalesce('database "' || home || '"', 'the database that SHOW cron.database_name names'),
							@extschema@.influence_job_name(model || '@' || current_database()), cron,
							@extschema@.influence_job_command(model), current_database());
END
$$;
COMMENT ON FUNCTION influence_require_pg_cron(text, text) IS
	'Error that says what to do unless pg_cron can be used from this database: 0A000 when it is not here, 42501 when the role may not use it';

CREATE FUNCTION influence_check_job_schema() RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owner oid := (SELECT CASE WHEN r.rolname = 'pg_database_owner' THEN d.datdba ELSE n.nspowner END
				  FROM pg_namespace AS n
				  JOIN pg_roles AS r ON r.oid = n.nspowner
				  JOIN pg_database AS d ON d.datname = current_database()
				  WHERE n.oid = '@extschema@'::regnamespace);
BEGIN
	-- the job names a function there, and whoever owns a schema can put another in its place
	IF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user)
			AND NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.oid = owner) THEN
		RAISE EXCEPTION 'a job of superuser "%" would run what role "%" puts into schema %', current_user, pg_get_userbyid(owner), '@extschema@'
			USING ERRCODE = 'insufficient_privilege', HINT = 'SET ROLE to the owner of the model and schedule it again.';
	END IF;
END
$$;
COMMENT ON FUNCTION influence_check_job_schema() IS
	'Error 42501 for a superuser where the schema of the extension belongs to a role that is none; part of influence_schedule()';

CREATE FUNCTION influence_schedule(model text, cron text) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
	job_id bigint;
BEGIN
	IF cron IS NULL THEN
		RAISE EXCEPTION 'schedule of model "%" is missing', model
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Give a cron schedule such as ''*/15 * * * *''.';
	END IF;
	-- an error when the schedule is not valid
	PERFORM @extschema@.influence_next_run(cron, now());
	PERFORM @extschema@.influence_require_pg_cron(owned.model, cron);
	PERFORM @extschema@.influence_check_job_schema();

	-- pg_cron replaces a job of the same name and role; those of other roles
	-- that we may see would run beside it
	EXECUTE 'SELECT cron.unschedule(j.job_id) FROM @extschema@.influence_jobs($1) AS j WHERE j.run_by <> current_user'
		USING owned.model;
	BEGIN
		EXECUTE 'SELECT cron.schedule($1, $2, $3)' INTO job_id
			USING @extschema@.influence_job_name(owned.model), cron, @extschema@.influence_job_command(owned.model);
	EXCEPTION WHEN invalid_parameter_value THEN
		RAISE EXCEPTION 'pg_cron % refuses schedule "%"',
				(SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'pg_cron'), cron
			USING ERRCODE = 'invalid_parameter_value', DETAIL = SQLERRM,
				  HINT = 'Schedules of seconds and the last day of a month ($) need pg_cron 1.6.';
	END;
	RETURN job_id;
END
$$;
COMMENT ON FUNCTION influence_schedule(text, text) IS
	'Lets pg_cron refresh a model on a schedule (five cron fields in UTC), in place of an earlier one; returns the id of the job, named influence:<model>, which runs as the calling role. Errors: 42704 no such model, 42501 no right, 22023 schedule not valid, 0A000 pg_cron is not in this database, with what to do about it';

CREATE FUNCTION influence_remove_jobs(model text) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	removed bigint := 0;
BEGIN
	IF @extschema@.influence_has_pg_cron() THEN
		EXECUTE 'SELECT count(cron.unschedule(j.job_id)) FROM @extschema@.influence_jobs($1) AS j'
			INTO removed USING model;
	END IF;
	RETURN removed;
END
$$;
COMMENT ON FUNCTION influence_remove_jobs(text) IS
	'Removes the pg_cron jobs of a model that the current role may see and returns their number; 0 without pg_cron';

CREATE FUNCTION influence_unschedule(model text) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, false);
BEGIN
	IF NOT @extschema@.influence_has_pg_cron() THEN
		RAISE EXCEPTION 'cannot unschedule model "%": pg_cron is not installed in database "%"', model, current_database()
			USING ERRCODE = 'feature_not_supported',
				  HINT = format('If it lives in another database, run there: SELECT cron.unschedule(%L);',
								@extschema@.influence_job_name(model || '@' || current_database()));
	END IF;
	RETURN @extschema@.influence_remove_jobs(owned.model) > 0;
END
$$;
COMMENT ON FUNCTION influence_unschedule(text) IS
	'Removes the pg_cron jobs of a model that the caller may see; false when there was none. Errors: 42704 no such model, 42501 no right, 0A000 pg_cron is not in this database';
