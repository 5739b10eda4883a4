-- Models: creating and dropping them. Both do nothing but what the caller
-- could do by hand, with the caller's rights.

CREATE FUNCTION influence_model_names() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce('The models are: ' || string_agg(quote_ident(m.model), ', ' ORDER BY m.model) || '.',
					'There is no model yet; influence_create_model() makes one.')
	FROM influence.models AS m
$$;
COMMENT ON FUNCTION influence_model_names() IS
	'The models that the current role may see, as a sentence for a hint';

CREATE FUNCTION influence_owned_model(model text, with_views boolean DEFAULT true) RETURNS influence.models
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found influence.models;
BEGIN
	SELECT m.* INTO found FROM influence.models AS m WHERE m.model = influence_owned_model.model;
	IF found.model IS NULL THEN
		RAISE EXCEPTION 'model "%" does not exist', coalesce(model, 'NULL')
			USING ERRCODE = 'undefined_object', HINT = @extschema@.influence_model_names();
	END IF;
	IF NOT @extschema@.influence_may_change(found.schema, found.created_by) THEN
		RAISE EXCEPTION 'must be owner of model "%"', model
			USING ERRCODE = 'insufficient_privilege',
				  HINT = format('The owner of a model is the owner of its view %I.scores.', found.schema);
	END IF;
	IF with_views THEN
		-- an error when they are gone
		PERFORM @extschema@.influence_find_model(model, false);
	END IF;
	RETURN found;
END
$$;
COMMENT ON FUNCTION influence_owned_model(text, boolean) IS
	'Row of a model that the caller owns; error 42704 when it does not exist, 42501 when it belongs to another role, and 3F000 or 42P01 when its schema or view scores was dropped or renamed (with_views)';

CREATE FUNCTION influence_check_model_schema(schema text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owner oid;
	taken text;
BEGIN
	IF octet_length(schema) NOT BETWEEN 1 AND 63 THEN
		RAISE EXCEPTION 'schema name "%" of % bytes is not usable', schema, octet_length(schema)
			USING ERRCODE = 'invalid_name', HINT = 'Give a schema name of 1 to 63 bytes.';
	END IF;
	IF schema IN ('influence', 'information_schema') OR starts_with(schema, 'pg_') THEN
		RAISE EXCEPTION 'schema "%" is reserved', schema
			USING ERRCODE = 'reserved_name', HINT = 'Give another schema for the score views: schema => ''...''.';
	END IF;

	SELECT n.nspowner INTO owner FROM pg_namespace AS n WHERE n.nspname = influence_check_model_schema.schema;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	IF NOT pg_has_role(owner, 'USAGE') THEN
		RAISE EXCEPTION 'schema "%" already exists and belongs to role "%"', schema, pg_get_userbyid(owner)
			USING ERRCODE = 'duplicate_schema', HINT = 'Give another schema for the score views: schema => ''...''.';
	END IF;

	-- whoever owns a schema decides, by renaming, which view is the model's: not over somebody of more rights
	IF NOT pg_has_role((SELECT CASE WHEN r.rolname = 'pg_database_owner' THEN d.datdba ELSE r.oid END
						FROM pg_roles AS r JOIN pg_database AS d ON d.datname = current_database()
						WHERE r.oid = owner), current_user, 'USAGE') THEN
		RAISE EXCEPTION 'schema "%" belongs to role "%", which has not the rights of role "%"', schema, pg_get_userbyid(owner), current_user
			USING ERRCODE = 'insufficient_privilege',
				  HINT = 'SET ROLE to the owner of the schema, or give another schema for the score views: schema => ''...''.';
	END IF;

	SELECT string_agg(quote_ident(c.relname), ', ' ORDER BY c.relname) INTO taken
	FROM pg_class AS c
	JOIN pg_namespace AS n ON n.oid = c.relnamespace
	WHERE n.nspname = influence_check_model_schema.schema
	  AND c.relname IN ('scores', 'network_scores', 'signals', 'score_history', 'refresh_status');
	IF taken IS NOT NULL THEN
		RAISE EXCEPTION 'schema "%" already holds: %', schema, taken
			USING ERRCODE = 'duplicate_table',
				  HINT = 'Give another schema for the score views, schema => ''...'', or rename what is in the way.';
	END IF;
	RETURN true;
END
$$;
COMMENT ON FUNCTION influence_check_model_schema(text) IS
	'Whether the schema for a model''s views exists; error 42602 or 42939 for an unusable name, 42P06 when it belongs to another role, 42501 when that role has less rights than the caller, 42P07 when it holds a relation of a name the model needs';

CREATE FUNCTION influence_create_views(model text, id_type regtype, schema text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format(
		'CREATE MATERIALIZED VIEW %1$I.scores AS
		 SELECT t.* FROM @extschema@.influence_model_scores(%3$L::text) AS t (
			user_id %2$s, score float8, tier text, rank bigint, percentile float8,
			true_reach float8, amplification float8, network_influence float8, audience float8, notoriety float8,
			day_change float8, week_change float8, month_change float8,
			last_active_at timestamptz, frozen_since timestamptz, as_of timestamptz,
			controversy float8, month_change_own float8, month_change_scale float8)
		 WITH NO DATA', schema, id_type, model);
	EXECUTE format('CREATE UNIQUE INDEX ON %I.scores (user_id)', schema);
	EXECUTE format('CREATE UNIQUE INDEX ON %I.scores (rank)', schema);

	EXECUTE format(
		'CREATE MATERIALIZED VIEW %1$I.network_scores AS
		 SELECT t.* FROM @extschema@.influence_model_network_scores(%3$L::text) AS t (
			user_id %2$s, network text COLLATE "C", score float8, points float8,
			engagement float8, true_reach float8, audience float8,
			amplification float8, network_influence float8, authority float8,
			engagement_points float8, true_reach_points float8, audience_points float8,
			amplification_points float8, network_influence_points float8, authority_points float8)
		 WITH NO DATA', schema, id_type, model);
	EXECUTE format('CREATE UNIQUE INDEX ON %I.network_scores (user_id, network)', schema);

	EXECUTE format(
		'CREATE MATERIALIZED VIEW %1$I.signals AS
		 SELECT t.* FROM @extschema@.influence_model_signals(%3$L::text) AS t (
			user_id %2$s, network text COLLATE "C", kind text COLLATE "C", count float8, decayed_value float8)
		 WITH NO DATA', schema, id_type, model);
	EXECUTE format('CREATE UNIQUE INDEX ON %I.signals (user_id, network, kind)', schema);

	-- a refresh adds the tables of its month and day
	EXECUTE format(
		'CREATE TABLE %1$I.score_history (
			user_id %2$s NOT NULL, day date NOT NULL, as_of timestamptz NOT NULL, score float8 NOT NULL,
			PRIMARY KEY (user_id, day)) PARTITION BY RANGE (day)', schema, id_type);

	EXECUTE format(
		'CREATE VIEW %I.refresh_status AS
		 SELECT s.model, s.last_success, s.age, s.stale, s.next_run, s.last_status, s.last_error
		 FROM influence.refresh_status AS s WHERE s.model = %L', schema, model);
END
$$;
COMMENT ON FUNCTION influence_create_views(text, regtype, text) IS
	'Creates the views of a model, empty, and its history; part of influence_create_model()';

CREATE FUNCTION influence_comment_views(model text, schema text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c record;
BEGIN
	FOR c IN SELECT * FROM (VALUES
		('MATERIALIZED VIEW', 'scores', 'Influence scores of model "%s", a row per person'),
		('MATERIALIZED VIEW', 'network_scores', 'Influence scores of model "%s" by network, a row per person and network; points add up to score - 1'),
		('MATERIALIZED VIEW', 'signals', 'What counted in model "%s", a row per person, network and kind'),
		('TABLE', 'score_history', 'Scores of model "%s" over time, a row per person and day (UTC); the last refresh of a day stays'),
		('VIEW', 'refresh_status', 'How fresh the scores of model "%s" are'))
		AS v (relation_type, relation, comment)
	LOOP
		EXECUTE format('COMMENT ON %s %I.%I IS %L', c.relation_type, schema, c.relation, format(c.comment, model));
	END LOOP;

	FOR c IN SELECT * FROM (VALUES
		('scores', 'user_id', 'The person'),
		('scores', 'score', 'Influence score, 1 to 100'),
		('scores', 'tier', 'Tier of the score, as influence.tiers names it'),
		('scores', 'rank', 'Place by score, 1 for the highest; each place once, equal scores in order of user_id'),
		('scores', 'percentile', 'Percent of the scored people who score less, those of equal score counted half; 0 to 100'),
		('scores', 'true_reach', 'Real people who react now, each by trust and presence, over all networks'),
		('scores', 'amplification', 'Percent probability that a post is shared at least once, 0 to 100; mean over the networks'),
		('scores', 'network_influence', 'Being engaged by the influential, 0 to 100; mean over the networks'),
		('scores', 'audience', 'Followers, list members and connections, each by trust, over all networks'),
		('scores', 'notoriety', 'Decayed weight of what was negative; never part of the score'),
		('scores', 'day_change', 'Points gained since a day before; NULL without a score then'),
		('scores', 'week_change', 'Points gained since 7 days before; NULL without a score then'),
		('scores', 'month_change', 'Points gained since 30 days before; NULL without a score then'),
		('scores', 'last_active_at', 'When the person last acted or published; NULL when never seen to'),
		('scores', 'frozen_since', 'Since when the person''s clock stands still (inactivity policy freeze); NULL when it runs'),
		('scores', 'as_of', 'Moment that the score was computed for'),
		('scores', 'controversy', 'How divided people are about the person, 0 (all for or all against, or no sentiment) to 1 (as much for as against)'),
		('scores', 'month_change_own', 'What of month_change is the person''s own: points gained on the scale of now; NULL when the scale of then is not known'),
		('scores', 'month_change_scale', 'What of month_change is that of the scale: how the score of then reads on the scale of now, less that score; NULL when the scale of then is not known'),
		('network_scores', 'user_id', 'The person'),
		('network_scores', 'network', 'Network'),
		('network_scores', 'score', 'Score that this network alone would give, 1 to 100'),
		('network_scores', 'points', 'Points of the person''s score that come from this network'),
		('network_scores', 'engagement', 'Reactions, concave in each person who reacted, by trust and decay'),
		('network_scores', 'true_reach', 'Real people who react now, each by trust and presence'),
		('network_scores', 'audience', 'Followers, list members and connections, each by trust'),
		('network_scores', 'amplification', 'Percent probability that a post is shared at least once, 0 to 100'),
		('network_scores', 'network_influence', 'Being engaged by the influential, 0 to 100'),
		('network_scores', 'authority', 'Weight of standing facts such as links from Wikipedia'),
		('network_scores', 'engagement_points', 'Points of the person''s score from engagement'),
		('network_scores', 'true_reach_points', 'Points of the person''s score from true reach'),
		('network_scores', 'audience_points', 'Points of the person''s score from audience'),
		('network_scores', 'amplification_points', 'Points of the person''s score from amplification'),
		('network_scores', 'network_influence_points', 'Points of the person''s score from network influence'),
		('network_scores', 'authority_points', 'Points of the person''s score from authority'),
		('signals', 'user_id', 'The person'),
		('signals', 'network', 'Network'),
		('signals', 'kind', 'Kind of interaction'),
		('signals', 'count', 'Interactions that counted; an anonymous count of n is n'),
		('signals', 'decayed_value', 'Their weight in the score: signal weight x row weight x decay, without the negative part'),
		('score_history', 'user_id', 'The person'),
		('score_history', 'day', 'Day (UTC)'),
		('score_history', 'as_of', 'Moment that the score was computed for'),
		('score_history', 'score', 'Influence score, 1 to 100'),
		('refresh_status', 'model', 'Model'),
		('refresh_status', 'last_success', 'When the last successful refresh ended; NULL when there was none'),
		('refresh_status', 'age', 'Time since then'),
		('refresh_status', 'stale', 'True when no refresh succeeded, the last one failed, a scheduled one was missed, or, without a schedule, a day went by'),
		('refresh_status', 'next_run', 'When pg_cron refreshes next; NULL when it does not, or when its job belongs to another role'),
		('refresh_status', 'last_status', 'How the last refresh ended: success or failed'),
		('refresh_status', 'last_error', 'Message of the last refresh when it failed'))
		AS v (relation, "column", comment)
	LOOP
		EXECUTE format('COMMENT ON COLUMN %I.%I.%I IS %L', schema, c.relation, c."column", c.comment);
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_comment_views(text, text) IS
	'Comments on the views of a model and on their columns; part of influence_create_model()';

CREATE FUNCTION influence_create_model(
	model text,
	id_type regtype DEFAULT 'bigint',
	schema text DEFAULT NULL,
	preset text DEFAULT 'klout')
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema_name text := coalesce(schema, model);
	schema_exists boolean;
	chosen influence.presets;
BEGIN
	IF model IS NULL OR octet_length(model) NOT BETWEEN 1 AND 63 THEN
		RAISE EXCEPTION 'model name "%" of % bytes is not usable', coalesce(model, 'NULL'), coalesce(octet_length(model), 0)
			USING ERRCODE = 'invalid_name', HINT = 'Give a name of 1 to 63 bytes.';
	END IF;
	IF EXISTS (SELECT FROM influence.models AS m WHERE m.model = influence_create_model.model) THEN
		RAISE EXCEPTION 'model "%" already exists', model
			USING ERRCODE = 'duplicate_object',
				  HINT = format('Give another name, or drop it first: SELECT influence_drop_model(%L).', model);
	END IF;
	IF id_type IS NULL OR id_type NOT IN ('bigint'::regtype, 'uuid'::regtype, 'text'::regtype) THEN
		RAISE EXCEPTION 'user ids of type % are not supported', coalesce(id_type::text, 'NULL')
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = CASE
					WHEN id_type IN ('integer'::regtype, 'smallint'::regtype) THEN 'Use bigint, which integer columns fit.'
					WHEN id_type IN ('varchar'::regtype, 'bpchar'::regtype, 'name'::regtype) THEN 'Use text, which character columns fit.'
					ELSE 'Use bigint, uuid or text.' END;
	END IF;
	SELECT p.* INTO chosen FROM influence.presets AS p WHERE p.preset = influence_create_model.preset;
	IF chosen.preset IS NULL THEN
		RAISE EXCEPTION 'preset "%" does not exist', coalesce(preset, 'NULL')
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = (SELECT 'The presets are: ' || string_agg(p.preset, ', ' ORDER BY p.preset) || '.'
						  FROM influence.presets AS p);
	END IF;

	schema_exists := @extschema@.influence_check_model_schema(schema_name);
	IF NOT schema_exists THEN
		EXECUTE format('CREATE SCHEMA %I', schema_name);
		EXECUTE format('COMMENT ON SCHEMA %I IS %L', schema_name, format('Scores of the influence model "%s"', model));
	END IF;
	PERFORM @extschema@.influence_create_views(model, id_type, schema_name);
	PERFORM @extschema@.influence_comment_views(model, schema_name);

	-- after the views, because whoever owns them owns the row
	INSERT INTO influence.models (model, id_type, schema, target_mean, target_p95, schema_created)
	VALUES (influence_create_model.model, influence_create_model.id_type, schema_name,
			chosen.target_mean, chosen.target_p95, NOT schema_exists)
	ON CONFLICT DO NOTHING;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'model "%" already exists and belongs to another role', model
			USING ERRCODE = 'duplicate_object', HINT = 'Give another name.';
	END IF;
	INSERT INTO influence.networks (model, network, weight)
	SELECT influence_create_model.model, n.network, n.weight
	FROM influence.preset_networks AS n WHERE n.preset = chosen.preset;
	INSERT INTO influence.signals (model, network, kind, role, weight, half_life, polarity, conversational)
	SELECT influence_create_model.model, s.network, s.kind, s.role, s.weight, s.half_life, s.polarity, s.conversational
	FROM influence.preset_signals AS s WHERE s.preset = chosen.preset;
	INSERT INTO influence.tiers (model, tier, min_score)
	SELECT influence_create_model.model, t.tier, t.min_score FROM @extschema@.influence_default_tiers() AS t;
END
$$;
COMMENT ON FUNCTION influence_create_model(text, regtype, text, text) IS
	'Creates a model: its configuration from a preset and, in a schema (default: named like the model, created when missing), its views scores, network_scores, signals and refresh_status and its table score_history. id_type: bigint, uuid or text. The views are granted to nobody and hold nothing before the first influence_refresh(). Errors: 42710 when it exists, 42602 for a bad name, 22023 for a bad id type or preset, 42P06, 42P07 or 42939 when the schema is not usable';

CREATE FUNCTION influence_drop_model(model text) RETURNS void
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
COMMENT ON FUNCTION influence_drop_model(text) IS
	'Drops a model: its schedule, configuration, views and history, and its schema when that was created for the model and is empty then. Where the schema was dropped or renamed, the rest. Its rows in influence.refresh_log stay. Errors: 42704 when there is no such model, 42501 when it belongs to another role, 2BP01 when other objects depend on its views';
