-- The configuration of a model as one value: to look at, to keep with the log,
-- to change, and to preview changes of.

-- In the shape that influence_configure() takes. Without what is fixed at
-- creation or written by refreshes, and without the salt, which is a secret.
SET LOCAL search_path = pg_catalog, pg_temp;
CREATE VIEW influence.current_configuration WITH (security_invoker = true) AS
	SELECT
		m.model,
		m.formula_version,
		jsonb_build_object(
			'models', to_jsonb(m) - '{model,id_type,schema,created_by,formula_version,id_salt,published_as_of,created_at,schema_created}'::text[],
			'networks', (SELECT coalesce(jsonb_agg(to_jsonb(n) - '{model,prior_shares,prior_posts}'::text[] ORDER BY n.network COLLATE "C"), '[]')
						 FROM influence.networks AS n WHERE n.model = m.model),
			'signals', (SELECT coalesce(jsonb_agg(to_jsonb(s) - 'model' ORDER BY s.network COLLATE "C", s.kind COLLATE "C"), '[]')
						FROM influence.signals AS s WHERE s.model = m.model),
			'tiers', (SELECT coalesce(jsonb_agg(to_jsonb(t) - 'model' ORDER BY t.min_score), '[]')
					  FROM influence.tiers AS t WHERE t.model = m.model),
			-- a relation is printed by the search_path, its name was kept
			'sources', (SELECT coalesce(jsonb_agg(to_jsonb(s) - '{model,relation}'::text[] ORDER BY s.source COLLATE "C"), '[]')
						FROM influence.sources AS s WHERE s.model = m.model),
			'accounts', (SELECT to_jsonb(a) - '{model,relation}'::text[] FROM influence.accounts AS a WHERE a.model = m.model)) AS configuration
	FROM influence.models AS m
	WHERE @extschema@.influence_may_change(m.schema, m.created_by);
COMMENT ON VIEW influence.current_configuration IS 'The configuration of each model that the current role owns, as one value';
COMMENT ON COLUMN influence.current_configuration.model IS 'Model';
COMMENT ON COLUMN influence.current_configuration.formula_version IS 'Version of the formula';
COMMENT ON COLUMN influence.current_configuration.configuration IS 'Object with models (the options), networks, signals, tiers, sources and accounts; without the last two it is a change for influence_configure()';
GRANT SELECT ON influence.current_configuration TO PUBLIC;
SET LOCAL search_path = @extschema@, pg_temp;

CREATE FUNCTION influence_configure_row(model text, relation regclass, key text[], change jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	kind text := rtrim((SELECT c.relname FROM pg_class AS c WHERE c.oid = relation), 's');
	what text := CASE kind WHEN 'model' THEN 'the options' ELSE 'a ' || kind END;
	possible text[];
	given text[];
	wrong text;
	"constraint" text;
	hint text;
	changed bigint;
BEGIN
	IF jsonb_typeof(change) <> 'object' THEN
		RAISE EXCEPTION 'change of % of model "%" is not an object: %', what, model, change
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write it as {"column": value, ...}.';
	END IF;
	SELECT array_agg(a.attname ORDER BY a.attnum) INTO possible
	FROM pg_attribute AS a
	WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
	  AND a.attname <> ALL ('{model,prior_shares,prior_posts}')
	  AND (kind <> 'model' OR a.attname IN (SELECT jsonb_object_keys(c.configuration->'models')
											FROM influence.current_configuration AS c WHERE c.model = influence_configure_row.model));
	SELECT array_agg(k ORDER BY k) INTO given FROM jsonb_object_keys(change) AS k;
	SELECT min(k) INTO wrong FROM unnest(given) AS k WHERE k <> ALL (possible);
	IF wrong IS NOT NULL THEN
		RAISE EXCEPTION '% no % "%"', CASE kind WHEN 'model' THEN format('model "%s" has', model) ELSE format('influence.%ss has', kind) END,
				CASE kind WHEN 'model' THEN 'option' ELSE 'column' END, wrong
			USING ERRCODE = 'undefined_column', HINT = format('There are: %s.', array_to_string(possible, ', '));
	END IF;
	SELECT min(k) INTO wrong FROM unnest(key) AS k WHERE change->>k IS NULL;
	IF wrong IS NOT NULL THEN
		RAISE EXCEPTION 'change of % of model "%" has no %: %', what, model, wrong, change
			USING ERRCODE = 'null_value_not_allowed',
				  HINT = format('Say which %s it is about: %s.', kind, array_to_string(key, ', '));
	END IF;
	IF given IS NULL THEN
		RETURN;
	END IF;

	BEGIN
		EXECUTE format('UPDATE %s AS r SET (%s) = ROW (%s) FROM jsonb_populate_record(NULL::%s, $2) AS new WHERE r.model = $1 %s',
			relation,
			(SELECT string_agg(quote_ident(k), ', ') FROM unnest(given) AS k),
			(SELECT string_agg('new.' || quote_ident(k), ', ') FROM unnest(given) AS k),
			relation,
			(SELECT string_agg(format(' AND r.%1$I = new.%1$I', k), '') FROM unnest(key) AS k))
		USING model, change;
		GET DIAGNOSTICS changed = ROW_COUNT;
		IF changed = 0 AND change ? 'role' THEN
			EXECUTE format('INSERT INTO %s (model, %s) SELECT $1, %s FROM jsonb_populate_record(NULL::%s, $2) AS new',
				relation,
				(SELECT string_agg(quote_ident(k), ', ') FROM unnest(given) AS k),
				(SELECT string_agg('new.' || quote_ident(k), ', ') FROM unnest(given) AS k),
				relation)
			USING model, change;
			changed := 1;
		END IF;
	EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
		GET STACKED DIAGNOSTICS "constraint" = CONSTRAINT_NAME, hint = PG_EXCEPTION_HINT;
		RAISE EXCEPTION 'cannot change % of model "%": %', what, model, SQLERRM
			USING ERRCODE = SQLSTATE, DETAIL = format('The change is %s.', change),
				  HINT = coalesce((SELECT format('The rule is %s.', pg_get_constraintdef(c.oid)) FROM pg_constraint AS c
								   WHERE c.conrelid = relation AND c.conname = "constraint"),
								  nullif(hint, ''), 'Values are written as in UPDATE: numbers, ''45 days'', true.');
	END;
	IF changed = 0 THEN
		RAISE EXCEPTION 'model "%" has no % "%"', model,
				CASE kind WHEN 'signal' THEN format('signal for kind "%s" on network', change->>'kind') ELSE kind END, change->>key[1]
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = CASE kind WHEN 'signal' THEN 'With a role it is added: {"network": "app", "kind": "wave", "role": "reaction"}.'
						 ELSE format('A new one is a row of influence.%ss.', kind) END;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_configure_row(text, regclass, text[], jsonb) IS
	'One change of influence_configure(): a row of influence.models, networks, signals or tiers, found by the columns of key';

CREATE FUNCTION influence_configure(model text, changes jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
	options jsonb := coalesce(changes->'models', '{}');
	others jsonb;
	part text;
	change jsonb;
BEGIN
	IF changes IS NULL OR jsonb_typeof(changes) <> 'object' OR jsonb_typeof(options) <> 'object' THEN
		RAISE EXCEPTION 'changes of model "%" are not an object: %', model, coalesce(changes::text, 'NULL')
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Write {"damping": 0.9}, or {"models": {"damping": 0.9}, "networks": [{"network": "app", "weight": 2}], "signals": [...]}.';
	END IF;
	others := changes - '{models,networks,signals,tiers}'::text[];
	IF others ?| '{sources,accounts}' THEN
		RAISE EXCEPTION 'changes of model "%" hold "%"', model, CASE WHEN others ? 'sources' THEN 'sources' ELSE 'accounts' END
			USING ERRCODE = 'feature_not_supported',
				  HINT = 'These are changed with influence_add_source(), influence_remove_source() and influence_set_accounts(); take them out: changes - ''{sources,accounts}''::text[].';
	END IF;
	SELECT min(k) INTO part FROM jsonb_object_keys(others) AS k WHERE options ? k;
	IF part IS NOT NULL THEN
		RAISE EXCEPTION 'changes of model "%" hold option "%" twice', model, part
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give it once, inside or outside of "models".';
	END IF;

	PERFORM @extschema@.influence_configure_row(owned.model, 'influence.models'::regclass, '{}'::text[], options || others);
	FOREACH part IN ARRAY '{networks,signals,tiers}'::text[] LOOP
		IF jsonb_typeof(coalesce(changes->part, '[]')) <> 'array' THEN
			RAISE EXCEPTION '"%" in the changes of model "%" is not an array: %', part, model, changes->part
				USING ERRCODE = 'invalid_parameter_value', HINT = format('Write "%s": [{...}, ...].', part);
		END IF;
		FOR change IN SELECT e.value FROM jsonb_array_elements(coalesce(changes->part, '[]')) AS e LOOP
			PERFORM @extschema@.influence_configure_row(owned.model, ('influence.' || part)::regclass,
				CASE part WHEN 'networks' THEN '{network}' WHEN 'signals' THEN '{network,kind}' ELSE '{tier}' END::text[], change);
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_configure(text, jsonb) IS
	'Changes the configuration of a model, all of it or nothing, for the next refresh: the same as UPDATEs of influence.models, networks, signals and tiers. changes: an object of options of influence.models, at its top or under "models", and arrays "networks" (each with network), "signals" (each with network and kind; one that is new needs its role, and is added) and "tiers" (each with tier). Errors: 42704 no such model, 42501 not its owner, 42703 unknown option or column, 23514 or another of class 22 or 23 for a value that is refused, 22023 not an object, no such network, signal or tier, 0A000 sources or accounts';

CREATE FUNCTION influence_preview_rows(model text, changes jsonb, as_of timestamptz, recalibrate boolean,
	OUT user_id text, OUT score_before float8, OUT score_after float8, OUT rank_before bigint, OUT rank_after bigint,
	OUT tier_before text, OUT tier_after text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE;
COMMENT ON FUNCTION influence_preview_rows(text, jsonb, timestamptz, boolean) IS
	'What influence_preview() and influence_preview_scores() have in common: the published scores and those under changes, as of a moment; recalibrate: fit the map from raw to score anew';

CREATE FUNCTION influence_preview_moment(model text, as_of timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
BEGIN
	IF owned.published_as_of IS NULL THEN
		RAISE EXCEPTION 'model "%" has not been refreshed yet', model
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('SELECT influence_refresh(%L);', model);
	END IF;
	RETURN coalesce(as_of, owned.published_as_of);
END
$$;
COMMENT ON FUNCTION influence_preview_moment(text, timestamptz) IS
	'The moment of a preview: the one given, else the published one; error 55000 when nothing is published';

CREATE FUNCTION influence_preview_recalibrates(model text, changes jsonb, recalibrate boolean) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(recalibrate, false)
		OR flat.options ?| '{target_mean,target_p95}'
		OR coalesce(flat.options->>'calibration_policy', m.calibration_policy) = 'each_refresh'
	FROM influence.models AS m
	CROSS JOIN LATERAL (SELECT CASE WHEN jsonb_typeof(changes->'models') = 'object' THEN changes || (changes->'models') ELSE changes END) AS flat (options)
	WHERE m.model = influence_preview_recalibrates.model
$$;
COMMENT ON FUNCTION influence_preview_recalibrates(text, jsonb, boolean) IS
	'Whether a preview fits the map from raw to score anew: on request, when the targets change, and when the map follows the population';

CREATE FUNCTION influence_preview_scores(
	model text,
	changes jsonb DEFAULT '{}',
	as_of timestamptz DEFAULT NULL,
	recalibrate boolean DEFAULT false)
RETURNS TABLE (user_id text, score_before float8, score_after float8, change float8,
			   tier_before text, tier_after text, rank_before bigint, rank_after bigint)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT p.user_id, p.score_before, p.score_after, p.score_after - p.score_before,
		p.tier_before, p.tier_after, p.rank_before, p.rank_after
	FROM @extschema@.influence_preview_rows(model, coalesce(changes, '{}'::jsonb),
			@extschema@.influence_preview_moment(model, as_of),
			@extschema@.influence_preview_recalibrates(model, changes, recalibrate)) AS p
$$;
COMMENT ON FUNCTION influence_preview_scores(text, jsonb, timestamptz, boolean) IS
	'The published score of each person beside the one under changed options, as influence_configure() takes them; nothing is published or changed. NULL where a person has no score, before or after. as_of: default the published moment. The map from raw to score stays as it is, unless recalibrate is true, the changes touch target_mean or target_p95, or the map follows the population. For the owner of the model. Errors: those of influence_configure() and of a refresh, 55000 before the first refresh, 25006 in a read-only transaction';

CREATE FUNCTION influence_preview(
	model text,
	changes jsonb DEFAULT '{}',
	as_of timestamptz DEFAULT NULL,
	recalibrate boolean DEFAULT false)
RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH p AS MATERIALIZED (
		SELECT * FROM @extschema@.influence_preview_scores(model, changes, as_of, recalibrate)
	), moved AS MATERIALIZED (
		SELECT jsonb_build_object('user_id', p.user_id, 'before', p.score_before, 'after', p.score_after, 'change', p.change) AS person,
			p.change,
			row_number() OVER (ORDER BY p.change DESC, p.rank_before) AS rise,
			row_number() OVER (ORDER BY p.change, p.rank_before) AS fall
		FROM p WHERE p.change IS NOT NULL
	), tiers AS (
		SELECT p.tier_before, p.tier_after, count(*) AS people, min(p.score_before) AS low_before, min(p.score_after) AS low_after
		FROM p WHERE p.change IS NOT NULL GROUP BY p.tier_before, p.tier_after
	)
	SELECT jsonb_build_object(
		'model', influence_preview.model,
		'changes', coalesce(influence_preview.changes, '{}'),
		'as_of', @extschema@.influence_preview_moment(influence_preview.model, influence_preview.as_of),
		'recalibrated', @extschema@.influence_preview_recalibrates(influence_preview.model, influence_preview.changes, influence_preview.recalibrate),
		'people', count(p.score_after),
		'compared', count(p.change),
		'new', count(*) FILTER (WHERE p.score_before IS NULL),
		'gone', count(*) FILTER (WHERE p.score_after IS NULL),
		'mean_before', avg(p.score_before),
		'mean_after', avg(p.score_after),
		'mean_absolute_change', avg(abs(p.change)),
		'moved_more_than', jsonb_build_object(
			'1', count(*) FILTER (WHERE abs(p.change) > 1),
			'5', count(*) FILTER (WHERE abs(p.change) > 5),
			'10', count(*) FILTER (WHERE abs(p.change) > 10)),
		'largest_rises', (SELECT coalesce(jsonb_agg(m.person ORDER BY m.rise), '[]') FROM moved AS m WHERE m.rise <= 10 AND m.change > 0),
		'largest_falls', (SELECT coalesce(jsonb_agg(m.person ORDER BY m.fall), '[]') FROM moved AS m WHERE m.fall <= 10 AND m.change < 0),
		'tiers', (SELECT coalesce(jsonb_agg(jsonb_build_object('from', t.tier_before, 'to', t.tier_after, 'people', t.people)
											ORDER BY t.low_before DESC, t.low_after DESC), '[]') FROM tiers AS t))
	FROM p
$$;
COMMENT ON FUNCTION influence_preview(text, jsonb, timestamptz, boolean) IS
	'What changed options would do to the published scores, as an object: people scored after, compared (with a score before and after), new, gone, the means, how many move by more than 1, 5 and 10 points, the ten largest rises and falls, and how many go from which tier to which. Nothing is published or changed. Arguments and errors as for influence_preview_scores()';
