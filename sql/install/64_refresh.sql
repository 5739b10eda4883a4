-- Refreshing: the functions behind the score views, and what fills them.

CREATE FUNCTION influence_check_expression(relation regclass, expression text, expected regtype, mapping text, source text, model text) RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_check_expression(regclass, text, regtype, text, text, text) IS
	'Checks an expression over a relation''s columns for influence_add_source() and returns it with every name qualified; expected: the type it must have, NULL for any hashable one. Errors name the source and the mapping: 42703 no such column, 42601 not one expression, 42804 wrong type, 0A000 aggregate, subquery, volatile or set-returning function, 42501 the caller or the owner of the model may not read a column that it uses';

CREATE FUNCTION influence_model_scores(model text) RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE;
COMMENT ON FUNCTION influence_model_scores(text) IS
	'Rows of the view scores of a model, which is a materialized view over this function; owner only (42501)';

CREATE FUNCTION influence_model_network_scores(model text) RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE;
COMMENT ON FUNCTION influence_model_network_scores(text) IS
	'Rows of the view network_scores of a model, which is a materialized view over this function; owner only (42501)';

CREATE FUNCTION influence_model_signals(model text) RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE;
COMMENT ON FUNCTION influence_model_signals(text) IS
	'Rows of the view signals of a model, which is a materialized view over this function; owner only (42501)';

CREATE FUNCTION influence_refresh(model text, as_of timestamptz DEFAULT now(), "full" boolean DEFAULT false) RETURNS influence.refresh_log
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION influence_refresh(text, timestamptz, boolean) IS
	'Computes the scores of a model as of a moment, fills its views and its history, and returns the run''s row of influence.refresh_log. full: closed days of incremental sources are read again, too, and kept anew. While another refresh of the model runs it returns at once with status skipped. On an error the old scores stay and the failure is logged. Errors: 42704 no such model, 42501 not its owner, 42P01 a source is gone, 22023 a source is of a network that the model does not have, 22000 a bad row (bad_row_policy) or a failed sanity check, 54000 no convergence';

CREATE FUNCTION influence_calibrate(model text, as_of timestamptz DEFAULT now()) RETURNS influence.refresh_log
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION influence_calibrate(text, timestamptz) IS
	'A refresh that fits the map from raw influence to score to the people as they are now and stores it as a new version; otherwise as influence_refresh()';

CREATE PROCEDURE influence_refresh_all()
AS 'MODULE_PATHNAME'
LANGUAGE C;
COMMENT ON PROCEDURE influence_refresh_all() IS
	'Refreshes every model that the caller owns, each in a transaction of its own; a failing model does not stop the others. Error 55000 at the end when any failed, naming them';

CREATE FUNCTION influence_refresh_progress()
RETURNS TABLE (model text, pid int, phase text, started_at timestamptz, running_for interval)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a refresh shows its model, in double quotes, and phase in place of its query
	SELECT replace(shown.parts[1], '""', '"'), a.pid, shown.parts[2], since.started_at, clock_timestamp() - since.started_at
	FROM pg_stat_activity AS a
	CROSS JOIN LATERAL regexp_match(a.query, '^influence_refresh "((?:[^"]|"")*)": (.*)$') AS shown (parts)
	-- the statement began later in a longer transaction, the transaction in influence_refresh_all()
	CROSS JOIN LATERAL greatest(a.xact_start, a.query_start) AS since (started_at)
	WHERE a.datname = current_database() AND a.state = 'active' AND shown.parts IS NOT NULL
	ORDER BY since.started_at, a.pid
$$;
COMMENT ON FUNCTION influence_refresh_progress() IS
	'The refreshes that run in this database now, longest first: model, process (pg_cancel_backend() stops it), what it is doing, since when. Only those of one''s own role, unless one has the rights of pg_read_all_stats';
