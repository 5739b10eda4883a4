-- A source or an index whose function does something to its own model in the middle of
-- a refresh: that succeeds, or fails with an SQLSTATE for it, and the next one works

\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = error;
SET timezone = 'UTC';
CREATE SCHEMA nest;
CREATE TABLE nest.likes AS SELECT i % 20 AS a, i % 7 AS t, timestamptz '2024-06-01 11:00Z' - i * interval '7 hours' AS at FROM generate_series(1, 300) AS i;

-- how it went, which is not rolled back
CREATE SEQUENCE nest.ran;

-- once, where it is wanted; what it says of itself is not true
CREATE FUNCTION nest.act_once(place text, OUT outcome text) LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
	wanted text := current_setting('nest.action', true);
BEGIN
	IF current_setting('nest.place', true) IS DISTINCT FROM place THEN
		RETURN;
	END IF;
	PERFORM set_config('nest.place', '', false);
	BEGIN
		EXECUTE wanted;
		outcome := 'done';
	EXCEPTION WHEN OTHERS THEN
		outcome := SQLSTATE;
	END;
	PERFORM setval('nest.ran', CASE outcome WHEN 'done' THEN 2 ELSE 3 END);
END
$$;
CREATE FUNCTION nest.acts(place text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
	$$ BEGIN PERFORM nest.act_once(place); RETURN true; END $$;

CREATE PROCEDURE nest.start_model() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM influence_create_model('nested');
	PERFORM influence_add_source('nested', 'first', 'nest.likes', actor => 'a', target => 't', occurred_at => 'at', kind => 'like', filter => 'nest.acts(''source'')', incremental => true);
	PERFORM influence_add_source('nested', 'second', 'nest.likes', actor => 'a', target => 't', occurred_at => 'at', kind => 'comment');
	PERFORM influence_refresh('nested', '2024-06-01 12:00Z');
	CREATE INDEX ON nested.scores ((user_id > 0 AND nest.acts('index')));
	CREATE INDEX ON nested.score_history ((user_id > 0 AND nest.acts('history')));
END
$$;
CREATE FUNCTION nest.refresh_nested() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (influence_refresh('nested', '2024-06-01 18:00Z')).status;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
-- everything is undone in the end
CREATE FUNCTION nest.try(place text, action text, OUT outcome text, OUT refresh text, OUT left_over bigint, OUT next_refresh text) LANGUAGE plpgsql AS $$
BEGIN
	CALL nest.start_model();
	PERFORM set_config('nest.action', action, false), setval('nest.ran', 1), set_config('nest.place', place, false);
	refresh := nest.refresh_nested();
	outcome := (SELECT (ARRAY['did not run', 'done', 'failed'])[r.last_value] FROM nest.ran AS r);
	left_over := (SELECT count(*) FROM pg_class AS c WHERE c.relname ~ '^pg_temp_[0-9]' OR c.relrewrite <> 0);
	PERFORM set_config('nest.place', '', false);
	next_refresh := nest.refresh_nested();
	RAISE SQLSTATE 'UNDO0';
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
	NULL;
END
$$;

SELECT p.place, a.action, t.*
FROM unnest(ARRAY['source', 'index', 'history']) WITH ORDINALITY AS p (place, number), unnest(ARRAY[
	$q$ SELECT influence_refresh('nested') $q$,
	$q$ SELECT influence_calibrate('nested') $q$,
	$q$ SELECT influence_drop_model('nested') $q$,
	$q$ SELECT influence_remove_source('nested', 'second') $q$,
	$q$ SELECT influence_opt_out(1::bigint, 'nested') $q$,
	$q$ SELECT influence_preview('nested') $q$,
	$q$ SELECT influence_score(1, 'nested') $q$,
	$q$ SELECT count(*) FROM influence_doctor('nested') $q$,
	$q$ DELETE FROM influence.models $q$,
	$q$ DROP SCHEMA nested CASCADE $q$,
	$q$ ALTER SCHEMA nested RENAME TO elsewhere $q$,
	$q$ DROP MATERIALIZED VIEW nested.signals CASCADE $q$,
	$q$ DROP MATERIALIZED VIEW nested.scores CASCADE $q$,
	$q$ DROP TABLE nested.score_history $q$,
	$q$ DROP INDEX nested.scores_user_id_idx $q$,
	$q$ CREATE INDEX ON nested.signals (count) $q$,
	$q$ REFRESH MATERIALIZED VIEW nested.scores $q$,
	$q$ CLUSTER nested.signals USING signals_user_id_network_kind_idx $q$,
	$q$ ALTER TABLE nested.score_history DETACH PARTITION nested.score_history_2024_06 $q$,
	$q$ TRUNCATE nest.likes $q$,
	$q$ ALTER TABLE nest.likes RENAME a TO b $q$,
	$q$ CREATE TEMP TABLE nest_temp () $q$,
	$q$ SET ROLE pg_monitor $q$]) WITH ORDINALITY AS a (action, number), nest.try(p.place, a.action) AS t
ORDER BY p.number, a.number;

DELETE FROM influence.refresh_log WHERE model = 'nested';
DROP SCHEMA nest CASCADE;
