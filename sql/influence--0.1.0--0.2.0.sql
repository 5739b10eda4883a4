-- complain if the script is sourced in psql rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION influence UPDATE TO '0.2.0'" to load this file. \quit

-- A look at how a model is set up. Catalogs, the server's statistics, the log and the
-- model's own views are looked at, the latter as its owner, never the rows of sources.

CREATE FUNCTION influence_find_kinds(model text)
RETURNS TABLE (network text, kind text)
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION influence_find_kinds(text) IS
	'Networks and kinds that the view signals of a model has rows of; part of influence_doctor(). Errors: 42704 no such model, 42501 the caller may not read the view';

CREATE FUNCTION influence_source_parts(relation oid) RETURNS SETOF pg_class
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.* FROM pg_class AS c WHERE c.oid = relation AND c.relkind <> 'p'
	UNION ALL
	SELECT c.* FROM pg_partition_tree(relation::regclass) AS p JOIN pg_class AS c ON c.oid = p.relid WHERE p.isleaf AND c.oid <> relation
$$;
COMMENT ON FUNCTION influence_source_parts(oid) IS
	'The partitions of a relation that hold rows, or the relation itself; part of influence_doctor()';

CREATE FUNCTION influence_examine_source(model text, source text, owner oid)
RETURNS TABLE (severity text, finding text, remedy text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	s influence.sources;
	c pg_class;
	name text;
	row_count float8;
	is_large boolean;
BEGIN
	SELECT t.* INTO s FROM influence.sources AS t WHERE t.model = influence_examine_source.model AND t.source = influence_examine_source.source;
	SELECT r.* INTO c FROM pg_class AS r WHERE r.oid = s.relation;
	name := s.relation::text;
	row_count := (SELECT sum(p.reltuples) FROM @extschema@.influence_source_parts(c.oid) AS p WHERE p.relkind IN ('r', 'm') AND p.reltuples > 0);
	is_large := coalesce(row_count >= 1e6, false);
	IF c.oid IS NULL THEN
		RETURN QUERY SELECT 'problem', format('relation %s does not exist', s.relation_name),
			format('SELECT influence_remove_source(%L, %L); and add the source again', model, source);
		RETURN;
	END IF;
	IF NOT (has_table_privilege(owner, c.oid, 'SELECT') OR has_any_column_privilege(owner, c.oid, 'SELECT')) THEN
		RETURN QUERY SELECT 'problem', format('role %s, which owns the model, may not read %s', owner::regrole, name),
			format('GRANT SELECT ON %s TO %s;', name, owner::regrole);
	END IF;
	IF c.relrowsecurity AND (c.relowner <> owner OR c.relforcerowsecurity)
			AND NOT (SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles AS r WHERE r.oid = owner) THEN
		RETURN QUERY SELECT 'warning', format('row-level security decides which rows of %s role %s reads', name, owner::regrole),
			'See that its policies show this role all rows that should count';
	END IF;
	IF s.kind IS NOT NULL AND s.network IS NOT NULL AND NOT EXISTS (
			SELECT FROM influence.signals AS g WHERE g.model = s.model AND g.network = s.network AND g.kind = s.kind AND g.weight > 0) THEN
		RETURN QUERY SELECT 'problem', format('no signal with a weight for kind "%s" on network "%s", so none of its rows counts', s.kind, s.network),
			'INSERT or UPDATE its row in influence.signals';
	END IF;
	RETURN QUERY SELECT 'advice', format('%s was never analysed, so the server knows nothing of its size', p.oid::regclass), format('ANALYZE %s;', p.oid::regclass)
	FROM @extschema@.influence_source_parts(c.oid) AS p WHERE p.relkind IN ('r', 'm') AND p.reltuples < 0 ORDER BY p.oid::regclass::text COLLATE "C";
	RETURN QUERY SELECT 'warning', format('autovacuum is disabled for %s', p.oid::regclass),
		format('ALTER %s %s RESET (autovacuum_enabled);', CASE p.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, p.oid::regclass)
	FROM @extschema@.influence_source_parts(c.oid) AS p CROSS JOIN LATERAL pg_options_to_table(p.reloptions) AS o
	WHERE o.option_name = 'autovacuum_enabled' AND NOT o.option_value::boolean ORDER BY p.oid::regclass::text COLLATE "C";
	IF is_large AND NOT s.incremental AND NOT s.by_account THEN
		RETURN QUERY SELECT 'advice', format('about %s rows of %s are read by each refresh', row_count::bigint, name),
			'Where old rows rarely change: UPDATE influence.sources SET incremental = true for it, with an index on the time column';
	END IF;
	IF (is_large OR s.incremental) AND c.relkind IN ('r', 'p', 'm') AND EXISTS (
			SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND s.occurred_at IN (a.attname, quote_ident(a.attname)))
		AND NOT EXISTS (
			SELECT FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
			WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL AND s.occurred_at IN (a.attname, quote_ident(a.attname))) THEN
		RETURN QUERY SELECT CASE WHEN s.incremental THEN 'warning' ELSE 'advice' END,
			format('no index of %s begins with its time column, so that open days cannot be read alone', name),
			format('CREATE INDEX %sON %s (%s);', CASE WHEN c.relkind <> 'p' THEN 'CONCURRENTLY ' END, name, s.occurred_at);
	END IF;
	IF s.incremental AND NOT EXISTS (
			SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND t.tgfoid = '@extschema@.influence_log_changes()'::regprocedure) THEN
		RETURN QUERY SELECT 'advice', format('rows of %s that come late, change or go are not seen on days that are closed', name),
			format('SELECT influence_track_changes(%L, %L); or influence_invalidate() where that happens', model, source);
	END IF;
END
$$;
COMMENT ON FUNCTION influence_examine_source(text, text, oid) IS
	'What influence_doctor() finds about one source of a model that belongs to a role';

CREATE FUNCTION influence_examine_schedule(model text, last_seconds float8)
RETURNS TABLE (severity text, finding text, remedy text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	job record;
	failure text;
	home text;
BEGIN
	IF NOT @extschema@.influence_has_pg_cron() THEN
		BEGIN
			home := nullif(current_setting('cron.database_name', true), current_database());
		EXCEPTION WHEN insufficient_privilege THEN
			home := NULL;
		END;
		RETURN QUERY SELECT 'advice', coalesce('pg_cron works in database "' || home || '", so that only a job there can refresh the model',
				'pg_cron is not installed in this database, so nothing here refreshes the model'),
			format('SELECT influence_schedule(%L, ''*/15 * * * *''); says what is missing; or call influence_refresh() from another scheduler', model);
		RETURN;
	ELSIF NOT has_schema_privilege('cron', 'USAGE') THEN
		RETURN QUERY SELECT 'advice', format('role %s may not look at the jobs of pg_cron', quote_ident(current_user)),
			format('GRANT USAGE ON SCHEMA cron TO %I;', current_user);
		RETURN;
	END IF;
	SELECT j.* INTO job FROM @extschema@.influence_jobs(model) AS j ORDER BY j.active DESC, j.job_id LIMIT 1;
	IF job.job_id IS NULL THEN
		RETURN QUERY SELECT 'advice', 'no job of pg_cron that this role can see refreshes the model', format('SELECT influence_schedule(%L, ''*/15 * * * *'');', model);
		RETURN;
	END IF;
	IF NOT job.active THEN
		RETURN QUERY SELECT 'warning', format('job %s of pg_cron is not active', job.job_id), format('SELECT cron.alter_job(%s, active => true);', job.job_id);
	END IF;
	IF last_seconds > extract(epoch FROM @extschema@.influence_job_next_run(job.schedule, @extschema@.influence_job_next_run(job.schedule, now()))
			- @extschema@.influence_job_next_run(job.schedule, now())) THEN
		RETURN QUERY SELECT 'warning', format('the last refresh took %s s, longer than its schedule "%s" leaves', round(last_seconds::numeric, 1), job.schedule),
			'Schedule it less often, or make large sources incremental';
	END IF;
	BEGIN
		EXECUTE 'SELECT coalesce(d.return_message, ''no message'') FROM (SELECT * FROM cron.job_run_details AS r WHERE r.jobid = $1 ORDER BY r.runid DESC LIMIT 1) AS d
			WHERE d.status = ''failed''' INTO failure USING job.job_id;
	EXCEPTION WHEN insufficient_privilege OR undefined_table OR undefined_column THEN
		failure := NULL;
	END;
	IF failure IS NOT NULL THEN
		RETURN QUERY SELECT 'problem', format('the last run of job %s of pg_cron failed: %s', job.job_id, failure), 'See cron.job_run_details and influence.refresh_log';
	END IF;
END
$$;
COMMENT ON FUNCTION influence_examine_schedule(text, float8) IS
	'What influence_doctor() finds about the schedule of a model whose last refresh took so many seconds (NULL: unknown)';

CREATE FUNCTION influence_examine_runs(model text)
RETURNS TABLE (severity text, finding text, remedy text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	status influence.refresh_status;
	last influence.refresh_log;
BEGIN
	SELECT r.* INTO status FROM influence.refresh_status AS r WHERE r.model = influence_examine_runs.model;
	IF status.last_status = 'failed' THEN
		SELECT l.* INTO last FROM influence.refresh_log AS l
		WHERE l.model = influence_examine_runs.model AND l.status = 'failed' ORDER BY l.finished_at DESC, l.run_id DESC LIMIT 1;
		RETURN QUERY SELECT 'problem', format('the last refresh failed with %s: %s', last.error_code, last.error),
			format('Mend that, then SELECT influence_refresh(%L);', model);
	END IF;
	IF status.last_success IS NULL THEN
		RETURN QUERY SELECT 'problem', 'the model has no scores, since no refresh has succeeded', format('SELECT influence_refresh(%L);', model);
		RETURN;
	ELSIF status.stale AND status.last_status IS DISTINCT FROM 'failed' THEN
		RETURN QUERY SELECT 'warning', format('scores are stale: the last refresh ended at %s', status.last_success),
			format('SELECT influence_refresh(%L); and see what became of its schedule', model);
	END IF;
	SELECT l.* INTO last FROM influence.refresh_log AS l
	WHERE l.model = influence_examine_runs.model AND l.status = 'success' ORDER BY l.finished_at DESC, l.run_id DESC LIMIT 1;
	RETURN QUERY SELECT 'warning', format('%s of %s rows were left out, for the reason %s', r.value, last.rows_read, r.key),
		CASE r.key
			WHEN 'no_signal' THEN 'Their kinds and networks have no row in influence.signals: add some, or filter them out'
			WHEN 'outside_window' THEN 'They are older than time_window in influence.models; a filter in the source saves reading them'
			WHEN 'unlinked_account' THEN 'See influence_set_accounts()'
			ELSE 'Look at them in the source; a filter leaves them out on purpose' END
	FROM jsonb_each_text(last.rows_ignored) AS r
	WHERE r.value::numeric > 0.05 * last.rows_read OR (r.key = 'no_signal' AND r.value::numeric > 0)
	ORDER BY r.value::numeric DESC, r.key;
END
$$;
COMMENT ON FUNCTION influence_examine_runs(text) IS
	'What influence_doctor() finds about the refreshes of a model';

CREATE FUNCTION influence_examine_views(model text, schema text)
RETURNS TABLE (severity text, finding text, remedy text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	scores pg_class;
BEGIN
	SELECT c.* INTO scores FROM pg_class AS c WHERE c.oid = to_regclass(format('%I.scores', schema));
	RETURN QUERY SELECT 'warning', format('autovacuum is disabled for %s', c.oid::regclass),
		format('ALTER %s %s RESET (autovacuum_enabled);', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, c.oid::regclass)
	FROM pg_class AS c CROSS JOIN LATERAL pg_options_to_table(c.reloptions) AS o
	WHERE c.relnamespace = scores.relnamespace AND c.relowner = scores.relowner AND c.relkind IN ('m', 'r')
		AND o.option_name = 'autovacuum_enabled' AND NOT o.option_value::boolean
	ORDER BY c.relname;
	IF NOT EXISTS (SELECT FROM aclexplode(scores.relacl) AS a WHERE a.grantee <> scores.relowner AND a.privilege_type = 'SELECT') THEN
		RETURN QUERY SELECT 'advice', 'nobody but the owner may read the scores',
			format('GRANT USAGE ON SCHEMA %I TO somebody; GRANT SELECT ON ALL TABLES IN SCHEMA %I TO somebody;', schema, schema);
	END IF;
	IF scores.relispopulated THEN
		-- of the networks that there are rows of
		RETURN QUERY
			WITH counted AS MATERIALIZED (SELECT k.network, k.kind FROM @extschema@.influence_find_kinds(model) AS k)
			SELECT 'advice', format('no row of network "%s" is of the kinds %s', g.network, string_agg(g.kind, ', ' ORDER BY g.kind)),
				'Nothing, unless such rows are expected: then see how kinds are spelt in influence.signals'
			FROM influence.signals AS g
			WHERE g.model = influence_examine_views.model AND g.weight > 0 AND g.network IN (SELECT c.network FROM counted AS c)
				AND NOT EXISTS (SELECT FROM counted AS c WHERE c.network = g.network AND c.kind = g.kind)
			GROUP BY g.network ORDER BY g.network;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_examine_views(text, text) IS
	'What influence_doctor() finds about the views of a model in a schema';

CREATE FUNCTION influence_doctor(model text)
RETURNS TABLE (severity text, subject text, finding text, remedy text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
	owner oid := (SELECT c.relowner FROM pg_class AS c WHERE c.oid = to_regclass(format('%I.scores', owned.schema)));
	seconds float8 := (SELECT extract(epoch FROM l.finished_at - l.started_at) FROM influence.refresh_log AS l
					   WHERE l.model = owned.model AND l.status = 'success' ORDER BY l.finished_at DESC LIMIT 1);
BEGIN
	RETURN QUERY
		WITH found (place, subject, severity, finding, remedy) AS (
			SELECT 1, 'refresh', e.* FROM @extschema@.influence_examine_runs(owned.model) AS e
			UNION ALL
			SELECT 2, 'sources', 'problem', 'the model has no sources', format('SELECT influence_add_source(%L, ...);', owned.model)
			WHERE NOT EXISTS (SELECT FROM influence.sources AS s WHERE s.model = owned.model)
			UNION ALL
			SELECT 3, format('source "%s"', s.source), e.*
			FROM influence.sources AS s CROSS JOIN LATERAL @extschema@.influence_examine_source(s.model, s.source, owner) AS e
			WHERE s.model = owned.model
			UNION ALL
			SELECT 4, 'schedule', e.* FROM @extschema@.influence_examine_schedule(owned.model, seconds) AS e
			UNION ALL
			SELECT 5, 'views', e.* FROM @extschema@.influence_examine_views(owned.model, owned.schema) AS e
			UNION ALL
			SELECT 6, 'server', 'warning', format('%s is off: nothing is vacuumed or analysed by itself', g.name), format('ALTER SYSTEM SET %s = on;', g.name)
			FROM (VALUES ('autovacuum'), ('track_counts')) AS g (name) WHERE NOT current_setting(g.name)::boolean
			UNION ALL
			SELECT 7, 'server', 'advice', 'large sources are read by one process alone, since ' || g.name || ' is 0', format('ALTER SYSTEM SET %s = 2; or more', g.name)
			FROM (VALUES ('max_parallel_workers_per_gather'), ('max_parallel_workers')) AS g (name)
			WHERE current_setting(g.name)::int = 0 AND EXISTS (
				SELECT FROM influence.sources AS s JOIN pg_class AS c ON c.oid = s.relation WHERE s.model = owned.model AND c.reltuples >= 1e6))
		SELECT f.severity, f.subject, f.finding, f.remedy FROM found AS f
		ORDER BY array_position(ARRAY['problem', 'warning', 'advice'], f.severity), f.place, f.subject COLLATE "C";
	IF NOT FOUND THEN
		RETURN QUERY SELECT 'ok', 'model', 'nothing that should be otherwise', NULL::text;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_doctor(text) IS
	'What is wrong, doubtful or could be better in how a model is set up, the worst first: severity (problem, warning, advice; one row ok when there is nothing), what it is about, what was found, and the statement or step that mends it. Looks at catalogs, statistics, the log and the model''s views, not at rows of sources. Errors: 42704 no such model, 42501 the model belongs to another role';

-- Sources that name accounts without saying so

CREATE FUNCTION influence_names_accounts(
	model text, relation regclass, target text, network text, source text) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id_type regtype := (SELECT m.id_type FROM influence.models AS m WHERE m.model = influence_names_accounts.model);
BEGIN
	-- in the application itself people have ids
	IF target IS NULL OR network IS NOT DISTINCT FROM 'app'
		OR NOT EXISTS (SELECT FROM influence.accounts AS a WHERE a.model = influence_names_accounts.model) THEN
		RETURN false;
	END IF;
	IF id_type = 'text'::regtype THEN
		RETURN true;
	END IF;
	PERFORM @extschema@.influence_check_expression(relation, target, id_type, 'target'::text, source, model);
	RETURN false;
EXCEPTION WHEN datatype_mismatch THEN
	-- no ids; that they can be accounts is checked next
	RETURN true;
END
$$;
COMMENT ON FUNCTION influence_names_accounts(text, regclass, text, text, text) IS
	'Whether a source that does not say so (by_account) names people by account: of other networks than app (NULL: a column says of which), where the model knows whose the accounts are and its ids are text, or the target is none; part of influence_add_source()';

CREATE OR REPLACE FUNCTION influence_add_source(
	model text,
	name text,
	relation regclass,
	actor text DEFAULT NULL,
	target text DEFAULT NULL,
	occurred_at text DEFAULT NULL,
	kind text DEFAULT NULL,
	kind_column text DEFAULT NULL,
	network text DEFAULT 'app',
	network_column text DEFAULT NULL,
	post text DEFAULT NULL,
	weight text DEFAULT NULL,
	sentiment text DEFAULT NULL,
	topics text DEFAULT NULL,
	filter text DEFAULT NULL,
	incremental boolean DEFAULT false,
	by_account boolean DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
	added influence.sources;
	person_type regtype;
BEGIN
	IF coalesce(name, '') = '' THEN
		RAISE EXCEPTION 'source name of model "%" is missing', model
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Give a name that is not empty, such as ''likes''.';
	END IF;
	IF target IS NULL OR occurred_at IS NULL THEN
		RAISE EXCEPTION 'source "%" has no %', name, CASE WHEN target IS NULL THEN 'target' ELSE 'occurred_at' END
			USING ERRCODE = 'null_value_not_allowed',
				  HINT = 'Map the columns: target => ''author_id'' (the user who is scored), occurred_at => ''created_at''.';
	END IF;
	IF num_nonnulls(kind, kind_column) <> 1 THEN
		RAISE EXCEPTION 'source "%" has %', name,
				CASE WHEN kind IS NULL THEN 'neither kind nor kind_column' ELSE 'both kind and kind_column' END
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Give the kind of all rows (kind => ''like'') or a column that holds it (kind_column => ''type''), and only one of them.';
	END IF;
	IF network_column IS NOT NULL THEN
		-- 'app' is what it is when it is left out
		IF network <> 'app' THEN
			RAISE EXCEPTION 'source "%" has both network and network_column', name
				USING ERRCODE = 'invalid_parameter_value',
					  HINT = format('Give only one of them. For rows that name none: network_column => %L.',
									format('coalesce(%s, %L)', network_column, network));
		END IF;
		network := NULL;
	ELSIF network IS NULL THEN
		RAISE EXCEPTION 'source "%" has neither network nor network_column', name
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Give the network of all rows (network => ''app'') or a column that holds it (network_column => ''origin'').';
	END IF;
	IF EXISTS (SELECT FROM influence.sources AS s
			   WHERE s.model = influence_add_source.model AND s.source = influence_add_source.name) THEN
		RAISE EXCEPTION 'model "%" already has a source "%"', model, name
			USING ERRCODE = 'duplicate_object',
				  HINT = format('Give another name, or remove it first: SELECT influence_remove_source(%L, %L).', model, name);
	END IF;
	PERFORM @extschema@.influence_check_relation(relation, name,
		(SELECT c.relowner FROM pg_class AS c WHERE c.oid = to_regclass(format('%I.scores', owned.schema))));
	PERFORM @extschema@.influence_check_signal(model, network, kind);

	incremental := coalesce(incremental, false);
	IF by_account IS NULL THEN
		by_account := NOT incremental AND @extschema@.influence_names_accounts(model, relation, target, network, name);
		IF by_account THEN
			RAISE NOTICE 'source "%" of model "%" is taken to name people by account', name, model
				USING HINT = 'by_account => true says so, and false that they are ids.';
		END IF;
	END IF;
	person_type := CASE WHEN by_account THEN 'text' ELSE owned.id_type END;

	added.model := model;
	added.source := name;
	added.relation := relation;
	added.relation_name := (SELECT format('%I.%I', n.nspname, c.relname)
							FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
							WHERE c.oid = influence_add_source.relation);
	added.actor          := @extschema@.influence_check_mapping(relation, actor, person_type, 'actor'::text, name, model);
	added.target         := @extschema@.influence_check_mapping(relation, target, person_type, 'target'::text, name, model);
	added.occurred_at    := @extschema@.influence_check_mapping(relation, occurred_at, 'timestamptz'::regtype, 'occurred_at'::text, name, model);
	added.kind           := kind;
	added.kind_column    := @extschema@.influence_check_mapping(relation, kind_column, 'text'::regtype, 'kind_column'::text, name, model);
	added.network        := network;
	added.network_column := @extschema@.influence_check_mapping(relation, network_column, 'text'::regtype, 'network_column'::text, name, model);
	added.post           := @extschema@.influence_check_mapping(relation, post, NULL::regtype, 'post'::text, name, model);
	added.weight         := @extschema@.influence_check_mapping(relation, weight, 'float8'::regtype, 'weight'::text, name, model);
	added.sentiment      := @extschema@.influence_check_mapping(relation, sentiment, 'float8'::regtype, 'sentiment'::text, name, model);
	added.topics         := @extschema@.influence_check_mapping(relation, topics, 'text[]'::regtype, 'topics'::text, name, model);
	added.filter         := @extschema@.influence_check_mapping(relation, filter, 'boolean'::regtype, 'filter'::text, name, model);
	added.incremental    := incremental;
	added.by_account     := by_account;
	INSERT INTO influence.sources SELECT added.*;
END
$$;
COMMENT ON FUNCTION influence_add_source(text, text, regclass, text, text, text, text, text, text, text, text, text, text, text, text, boolean, boolean) IS
	'Registers a relation as a source of a model. kind and network are constants; every other mapping is an SQL expression over the relation''s columns, most simply a column name; functions and types outside pg_catalog need their schema. target and occurred_at are needed; without actor every row is an anonymous count of weight people. incremental: a refresh keeps what it read of days that are over, see influence_track_changes(). by_account: actor and target are accounts on the row''s network, as text, and influence_set_accounts() says whose; such a source cannot be incremental, since links change; NULL: true after influence_set_accounts() for rows of other networks than app, where ids are text or the target is no id, which a notice tells; else false. Errors name the source, mapping and value: 42704 no such model, 42501 no right, 42710 name taken, 42809 not a table or view, 22004 or 22023 mapping missing, doubled or unknown';

CREATE OR REPLACE FUNCTION influence_set_accounts(
	model text,
	relation regclass,
	user_id text DEFAULT 'user_id',
	network text DEFAULT 'network',
	account_id text DEFAULT 'account_id',
	filter text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
	added influence.accounts;
	by_id text;
BEGIN
	IF relation IS NOT NULL THEN
		IF num_nulls(user_id, network, account_id) > 0 THEN
			RAISE EXCEPTION 'accounts of model "%" have no %', model,
					CASE WHEN user_id IS NULL THEN 'user_id' WHEN network IS NULL THEN 'network' ELSE 'account_id' END
				USING ERRCODE = 'null_value_not_allowed',
					  HINT = 'Map the columns: user_id => ''person'', network => ''origin'', account_id => ''handle''.';
		END IF;
		PERFORM @extschema@.influence_check_relation(relation, 'accounts'::text,
			(SELECT c.relowner FROM pg_class AS c WHERE c.oid = to_regclass(format('%I.scores', owned.schema))));
		added.model := owned.model;
		added.relation := relation;
		added.relation_name := (SELECT format('%I.%I', n.nspname, c.relname)
								FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
								WHERE c.oid = influence_set_accounts.relation);
		added.user_id    := @extschema@.influence_check_mapping(relation, user_id, owned.id_type, 'user_id'::text, 'accounts'::text, model);
		added.network    := @extschema@.influence_check_mapping(relation, network, 'text'::regtype, 'network'::text, 'accounts'::text, model);
		added.account_id := @extschema@.influence_check_mapping(relation, account_id, 'text'::regtype, 'account_id'::text, 'accounts'::text, model);
		added.filter     := @extschema@.influence_check_mapping(relation, filter, 'boolean'::regtype, 'filter'::text, 'accounts'::text, model);
	END IF;
	DELETE FROM influence.accounts AS a WHERE a.model = owned.model;
	INSERT INTO influence.accounts SELECT added.* WHERE added.model IS NOT NULL;

	-- what was registered earlier goes on to name people by id
	by_id := (SELECT string_agg(quote_ident(s.source), ', ' ORDER BY s.source) FROM influence.sources AS s
			  WHERE s.model = owned.model AND NOT s.by_account AND s.network IS DISTINCT FROM 'app');
	IF by_id IS NOT NULL AND added.model IS NOT NULL THEN
		RAISE NOTICE 'sources of model "%" that name people by id: %', model, by_id
			USING HINT = 'Those that name accounts are to be removed and added again with by_account => true.';
	END IF;
END
$$;
COMMENT ON FUNCTION influence_set_accounts(text, regclass, text, text, text, text) IS
	'Tells a model whose the accounts are that sources with by_account name: a relation with a row for each account, and expressions over its columns for the person, the network and the account; in place of an earlier one. NULL for the relation: there is none any more. Read at each refresh, so linking and unlinking takes effect at the next. An account that is linked to nobody is a person of its own: the one named network:account where ids are text, else one who acts but is not scored. An account linked to two people fails the refresh (23505). Errors: 42704 no such model, 42501 no right, 42P01 or 42809 no such table or view, 22004 a mapping is missing, and those of expressions as for influence_add_source()';

-- Dropping a model tells what it leaves because it belongs to somebody else.

CREATE OR REPLACE FUNCTION influence_drop_model(model text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	dropped influence.models := @extschema@.influence_owned_model(model, false);
	schema_exists boolean := EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = dropped.schema);
	owner oid := (SELECT c.relowner FROM pg_class AS c
				  WHERE c.oid = to_regclass(format('%I.scores', dropped.schema)) AND c.relkind = 'm');
	part record;
BEGIN
	PERFORM @extschema@.influence_remove_jobs(dropped.model);
	PERFORM @extschema@.influence_drop_triggers(dropped.model, NULL::text);
	-- before the views, because whoever owns them owns the row
	DELETE FROM influence.models AS m WHERE m.model = dropped.model;
	IF NOT schema_exists THEN
		RAISE NOTICE 'schema "%" of model "%" does not exist, so no views were dropped', dropped.schema, dropped.model
			USING HINT = 'If it was renamed, drop it under its new name.';
		RETURN;
	END IF;

	-- what else goes by these names there is somebody's own
	FOR part IN
		SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'p' THEN 'TABLE' ELSE 'MATERIALIZED VIEW' END AS kind, c.relname,
			c.relowner, c.relowner = coalesce(owner, c.relowner) AS is_own
		FROM pg_class AS c
		WHERE c.relnamespace = to_regnamespace(quote_ident(dropped.schema))
		  AND (c.relname, c.relkind) IN (('refresh_status', 'v'), ('named_scores', 'v'), ('score_history', 'p'),
										 ('scores', 'm'), ('network_scores', 'm'), ('signals', 'm'))
		ORDER BY c.relkind = 'm', c.relname
	LOOP
		IF part.is_own THEN
			EXECUTE format('DROP %s %I.%I', part.kind, dropped.schema, part.relname);
		ELSE
			RAISE NOTICE '% "%.%" is kept: it belongs to role %', lower(part.kind), dropped.schema, part.relname, part.relowner::regrole
				USING HINT = format('If it was part of the model: DROP %s %I.%I;', part.kind, dropped.schema, part.relname);
		END IF;
	END LOOP;
	IF dropped.schema_created THEN
		BEGIN
			EXECUTE format('DROP SCHEMA %I RESTRICT', dropped.schema);
		EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN
			RAISE NOTICE 'schema "%" is kept: %', dropped.schema, SQLERRM;
		END;
	END IF;
END
$$;

-- Which relations can be sources

CREATE OR REPLACE FUNCTION influence_check_relation(relation regclass, source text, owner oid) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	kind "char" := (SELECT c.relkind FROM pg_class AS c WHERE c.oid = influence_check_relation.relation);
	persistence "char" := (SELECT c.relpersistence FROM pg_class AS c WHERE c.oid = influence_check_relation.relation);
	reader oid;
BEGIN
	IF kind IS NULL THEN
		RAISE EXCEPTION 'relation % of source "%" does not exist', coalesce(relation::text, 'NULL'), source
			USING ERRCODE = 'undefined_table', HINT = 'Give the name of a table or view, with its schema: ''app.likes''.';
	END IF;
	IF kind NOT IN ('r', 'p', 'v', 'm', 'f') THEN
		RAISE EXCEPTION 'source "%" cannot read %, which is not a table or view', source, relation
			USING ERRCODE = 'wrong_object_type',
				  HINT = 'A source is a table, partitioned table, view, materialized view or foreign table.';
	END IF;
	-- a view on one is temporary, too
	IF persistence = 't' THEN
		RAISE EXCEPTION 'source "%" cannot read %, which is temporary', source, relation
			USING ERRCODE = 'feature_not_supported',
				  HINT = 'No other session could read it in a refresh. Use a table that is not temporary, or a view on such tables.';
	END IF;

	-- the caller registers it, the owner of the model reads it in each refresh
	FOR reader IN SELECT current_user::regrole::oid UNION SELECT owner WHERE owner IS NOT NULL LOOP
		IF NOT has_table_privilege(reader, relation, 'SELECT') AND NOT has_any_column_privilege(reader, relation, 'SELECT') THEN
			RAISE EXCEPTION 'role "%" may not read % of source "%"', pg_get_userbyid(reader), relation, source
				USING ERRCODE = 'insufficient_privilege',
					  HINT = format('GRANT SELECT ON %s TO %s; the owner of a model and the role that registers a source both need it.',
								relation, reader::regrole);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_check_relation(regclass, text, oid) IS
	'Error unless a relation can be a source: 42P01 when it does not exist, 42809 when it is neither table nor view, 0A000 when it is temporary, 42501 when the caller or the owner of the model may not read it';

-- Rights to columns that mappings use

COMMENT ON FUNCTION influence_check_expression(regclass, text, regtype, text, text, text) IS
	'Checks an expression over a relation''s columns for influence_add_source() and returns it with every name qualified; expected: the type it must have, NULL for any hashable one. Errors name the source and the mapping: 42703 no such column, 42601 not one expression, 42804 wrong type, 0A000 aggregate, subquery, volatile or set-returning function, 42501 the caller or the owner of the model may not read a column that it uses';

-- Trust of people who give only what comes back. Models that are there keep their
-- scores: their owners turn it on, and influence_preview() shows what that does.

SET LOCAL search_path = pg_catalog, pg_temp;
ALTER TABLE influence.models ADD COLUMN trading_discount float8 NOT NULL DEFAULT 0
	CONSTRAINT trading_discount_from_0_to_1 CHECK (trading_discount BETWEEN 0 AND 1);
ALTER TABLE influence.models ALTER COLUMN trading_discount SET DEFAULT 1;
COMMENT ON COLUMN influence.models.trading_discount IS 'Part of the trust that is taken off somebody who gives only what comes back, as in a ring of people who like each other; little of it where little comes back; 0 to 1';
GRANT UPDATE (trading_discount) ON influence.models TO PUBLIC;
COMMENT ON COLUMN influence.sources.incremental IS 'Whether a refresh keeps what it read of days that are over, instead of reading them again; rows of such days that are added, changed or deleted then need influence_track_changes() or influence_invalidate(). Where policies of row-level security choose the rows, all are read all the same';

-- Sources of networks that the model does not have: rows that are there are left to the
-- next refresh, which names them

CREATE TRIGGER sources_model_network_fkey AFTER INSERT OR UPDATE OF model, network ON influence.sources
	FOR EACH ROW WHEN (NEW.network IS NOT NULL) EXECUTE FUNCTION @extschema@.influence_check_reference('networks', 'model, network');
COMMENT ON TRIGGER sources_model_network_fkey ON influence.sources IS 'Error 23503 for a source of a network that the model does not have';
SET LOCAL search_path = @extschema@, pg_temp;
COMMENT ON FUNCTION influence_refresh(text, timestamptz, boolean) IS
	'Computes the scores of a model as of a moment, fills its views and its history, and returns the run''s row of influence.refresh_log. full: closed days of incremental sources are read again, too, and kept anew. While another refresh of the model runs it returns at once with status skipped. On an error the old scores stay and the failure is logged. Errors: 42704 no such model, 42501 not its owner, 42P01 a source is gone, 22023 a source is of a network that the model does not have, 22000 a bad row (bad_row_policy) or a failed sanity check, 54000 no convergence';

-- The sequences of identity columns, which had no comments

COMMENT ON SEQUENCE influence.refresh_log_run_id_seq IS 'Numbers of the runs in influence.refresh_log';
COMMENT ON SEQUENCE influence.closed_days_day_id_seq IS 'Numbers of the days in influence.closed_days';
COMMENT ON SEQUENCE influence.invalidations_invalidation_id_seq IS 'Numbers of the rows in influence.invalidations';

-- What people choose of their privacy holds for the own ids of their accounts.

CREATE FUNCTION influence_account_ids(model text, user_id text) RETURNS SETOF text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION influence_account_ids(text, text) IS
	'Ids under which a model may hold the accounts that are linked to a person now, from when nobody had linked them: network:account where ids are text, else none; part of influence_opt_out(). Errors: 42501 for others than the owner of the model, and those of reading the relation that influence_set_accounts() named';

CREATE OR REPLACE FUNCTION influence_choose_privacy(user_id text, choice text, model text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models;
	account_ids text[];
BEGIN
	owned := @extschema@.influence_owned_model((@extschema@.influence_find_model(model, false)).name, true);
	IF user_id IS NULL THEN
		RAISE EXCEPTION 'user_id must not be NULL' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	-- first the rows: that waits for a refresh that is running, and no other begins
	-- before the choice is there to be seen
	IF choice <> 'opted_in' THEN
		PERFORM @extschema@.influence_remove_person(owned.model, user_id);
	END IF;
	account_ids := ARRAY(SELECT @extschema@.influence_account_ids(owned.model, user_id));
	INSERT INTO influence.privacy_choices AS c (model, user_hash, choice)
	SELECT owned.model, @extschema@.influence_user_hash(owned.id_salt, owned.id_type, p.id), influence_choose_privacy.choice
	FROM unnest(user_id || CASE WHEN choice <> 'opted_in' THEN account_ids END) AS p (id)
	ON CONFLICT ON CONSTRAINT privacy_choices_pkey DO UPDATE SET choice = excluded.choice, chosen_at = now();
	IF choice <> 'opted_in' THEN
		PERFORM @extschema@.influence_remove_person(owned.model, a.id) FROM unnest(account_ids) AS a (id);
	ELSE
		-- consent is the person's: what takes back is no consent of an account on its own
		DELETE FROM influence.privacy_choices AS c
		USING unnest(account_ids) AS a (id)
		WHERE c.model = owned.model AND c.choice <> 'opted_in'
		  AND c.user_hash = @extschema@.influence_user_hash(owned.id_salt, owned.id_type, a.id);
	END IF;
END
$$;
COMMENT ON FUNCTION influence_choose_privacy(text, text, text) IS
	'What influence_opt_out(), influence_opt_in() and influence_forget() have in common, for the person and the ids that the person''s accounts have on their own (influence_account_ids); choice: opted_out, opted_in or forgotten';

COMMENT ON FUNCTION influence_opt_out(text, text) IS
	'A person is not scored any more: at commit no view of the model and no history holds a row about them, nor about an account that is linked to them under its own id (network:account), and no refresh makes one until influence_opt_in(), whatever becomes of the links; accounts that are linked later follow at the next refresh. What they do to others counts as of somebody unknown, or not at all (opted_out_actors in influence.models). Waits for a refresh that is running. model: default influence.default_model, else the only one. For the owner of the model. Errors: 42501 for others, 22P02 for an id that is none of the model''s type, and those of reading the relation that influence_set_accounts() named';
COMMENT ON FUNCTION influence_opt_in(text, text) IS
	'A person may be scored, from the next refresh on: takes back influence_opt_out() and influence_forget(), for the accounts that are linked to them, too, and is the consent that scored_only in influence.models asks for. Arguments and errors as for influence_opt_out(text, text)';
COMMENT ON FUNCTION influence_check_forgotten(text, text) IS
	'Look for a person in every relation of a model: a row for each of them, with the number of its rows about them, those of accounts that are linked to them under their own ids (network:account) included. After influence_opt_out() or influence_forget() all are 0. For the owner of the model';

-- Who opted out has no name.

COMMENT ON FUNCTION influence_find_profiles(text, text[], text) IS
	'Names of people of a model, of those given (NULL: everybody) whose name holds a text (NULL: any), a row each; without those who opted out; part of influence_leaderboard(), influence_compare() and influence_search(). Errors: 42501 the caller may not read the profile relation, or row-level security applies, 42P01 it is gone, 55000 no profiles (name)';
COMMENT ON FUNCTION influence_search(text, text, int) IS
	'People by a part of their display name, in capitals or not, best first; those with no score last, those who opted out not at all. model NULL: the default; limit NULL: all. Needs SELECT on scores and on the profile relation. Errors: 22004 no name, 22023 negative limit, 55000 no profiles, 42501, otherwise as for influence_score()';
COMMENT ON FUNCTION influence_compare(text[], text) IS
	'People side by side, in the order given, a row each: name (with influence_set_profiles()), score, tier, rank, percentile among all and within the tier, measures and changes as in the view scores; NULLs for somebody with no score, and no name for who opted out. Needs SELECT on scores, and on the profile relation where there is one. Errors as for influence_score()';
