-- Profiles: the relation that knows the names of people, and finding them by name.

CREATE FUNCTION influence_find_profiles(model text, user_ids text[] DEFAULT NULL, name text DEFAULT NULL)
RETURNS TABLE (user_id text, display_name text, region text, account_created_at timestamptz)
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_find_profiles(text, text[], text) IS
	'Names of people of a model, of those given (NULL: everybody) whose name holds a text (NULL: any), a row each; without those who opted out; part of influence_leaderboard(), influence_compare() and influence_search(). Errors: 42501 the caller may not read the profile relation, or row-level security applies, 42P01 it is gone, 55000 no profiles (name)';

CREATE FUNCTION influence_create_named_scores(model text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
BEGIN
	-- reads the profiles when it is read, so that their relation can be altered and dropped
	EXECUTE format($view$
		CREATE OR REPLACE VIEW %1$I.named_scores WITH (security_invoker = true) AS
		SELECT s.user_id, p.display_name, p.region, p.account_created_at, s.as_of - p.account_created_at AS account_age,
			s.score, s.tier, s.rank, s.percentile, s.day_change, s.week_change, s.month_change, s.last_active_at, s.as_of
		FROM %1$I.scores AS s
		LEFT JOIN @extschema@.influence_find_profiles(%2$L::text, NULL::text[], NULL::text) AS p ON p.user_id = s.user_id::text
		$view$, owned.schema, owned.model);
	EXECUTE format('COMMENT ON VIEW %I.named_scores IS %L', owned.schema,
		format('Scores of the influence model "%s" with the profiles of its people; who reads it needs SELECT on scores and on the relation of the profiles', owned.model));
	EXECUTE format($comments$
		COMMENT ON COLUMN %1$I.named_scores.user_id IS 'The person';
		COMMENT ON COLUMN %1$I.named_scores.display_name IS 'Name; NULL when there is no profile';
		COMMENT ON COLUMN %1$I.named_scores.region IS 'Region; NULL when unknown';
		COMMENT ON COLUMN %1$I.named_scores.account_created_at IS 'When the account was made; NULL when unknown';
		COMMENT ON COLUMN %1$I.named_scores.account_age IS 'Age of the account when the score was computed';
		COMMENT ON COLUMN %1$I.named_scores.score IS 'As in scores, like the columns that follow';
		COMMENT ON COLUMN %1$I.named_scores.tier IS 'See scores';
		COMMENT ON COLUMN %1$I.named_scores.rank IS 'See scores';
		COMMENT ON COLUMN %1$I.named_scores.percentile IS 'See scores';
		COMMENT ON COLUMN %1$I.named_scores.day_change IS 'See scores';
		COMMENT ON COLUMN %1$I.named_scores.week_change IS 'See scores';
		COMMENT ON COLUMN %1$I.named_scores.month_change IS 'See scores';
		COMMENT ON COLUMN %1$I.named_scores.last_active_at IS 'See scores';
		COMMENT ON COLUMN %1$I.named_scores.as_of IS 'See scores'
		$comments$, owned.schema);
	EXECUTE format('ALTER VIEW %I.named_scores OWNER TO %s', owned.schema,
		(SELECT c.relowner::regrole FROM pg_class AS c WHERE c.oid = to_regclass(format('%I.scores', owned.schema))));
END
$$;
COMMENT ON FUNCTION influence_create_named_scores(text) IS
	'Makes the view named_scores of a model, for influence_set_profiles(). Errors: 42P07 or 42809 something else has its name';

CREATE FUNCTION influence_set_profiles(
	model text,
	relation regclass,
	user_id text,
	display_name text,
	region text DEFAULT NULL,
	account_created_at text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
	added influence.profiles;
BEGIN
	IF user_id IS NULL OR display_name IS NULL THEN
		RAISE EXCEPTION 'profiles of model "%" have no %', model, CASE WHEN user_id IS NULL THEN 'user_id' ELSE 'display_name' END
			USING ERRCODE = 'null_value_not_allowed',
				  HINT = 'Map the columns: user_id => ''id'', display_name => ''name''.';
	END IF;
	PERFORM @extschema@.influence_check_relation(relation, 'profiles'::text,
		(SELECT c.relowner FROM pg_class AS c WHERE c.oid = to_regclass(format('%I.scores', owned.schema))));

	added.model := model;
	added.relation := relation;
	added.relation_name := (SELECT format('%I.%I', n.nspname, c.relname)
							FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
							WHERE c.oid = influence_set_profiles.relation);
	added.user_id            := @extschema@.influence_check_mapping(relation, user_id, owned.id_type, 'user_id'::text, 'profiles'::text, model);
	added.display_name       := @extschema@.influence_check_mapping(relation, display_name, 'text'::regtype, 'display_name'::text, 'profiles'::text, model);
	added.region             := @extschema@.influence_check_mapping(relation, region, 'text'::regtype, 'region'::text, 'profiles'::text, model);
	added.account_created_at := @extschema@.influence_check_mapping(relation, account_created_at, 'timestamptz'::regtype, 'account_created_at'::text, 'profiles'::text, model);
	DELETE FROM influence.profiles AS p WHERE p.model = owned.model;
	INSERT INTO influence.profiles SELECT added.*;
	PERFORM @extschema@.influence_create_named_scores(owned.model);
END
$$;
COMMENT ON FUNCTION influence_set_profiles(text, regclass, text, text, text, text) IS
	'Registers the relation that holds the names of a model''s people, in place of an earlier one. user_id and display_name, and region and account_created_at where there are such, are SQL expressions over its columns, most simply column names. influence_leaderboard(), influence_compare() and influence_search() read it as the owner of the model, for callers who may SELECT from it, and so does the view named_scores that is made in the model''s schema. Errors as for influence_add_source()';

CREATE FUNCTION influence_remove_profiles(model text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
BEGIN
	DELETE FROM influence.profiles AS p WHERE p.model = owned.model;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'model "%" has no profiles', model
			USING ERRCODE = 'undefined_object', HINT = 'influence_set_profiles() registers the relation that holds them.';
	END IF;
	EXECUTE format('DROP VIEW IF EXISTS %I.named_scores', owned.schema);
END
$$;
COMMENT ON FUNCTION influence_remove_profiles(text) IS
	'Forgets the relation with the profiles of a model, and drops the view named_scores. Errors: 42704 no such model or no profiles, 42501 the model belongs to another role';

CREATE FUNCTION influence_search(model text, name text, "limit" int DEFAULT 10)
RETURNS TABLE (user_id text, display_name text, region text, account_created_at timestamptz, score float8, tier text, rank bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found record;
BEGIN
	IF coalesce(name, '') = '' THEN
		RAISE EXCEPTION 'name to search for is missing'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Give a part of the display name.';
	END IF;
	IF "limit" < 0 THEN
		RAISE EXCEPTION 'limit must not be negative, but is %', "limit"
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the number of people, or NULL for all.';
	END IF;
	found := @extschema@.influence_find_model(model, true);
	RETURN QUERY
		WITH matches AS MATERIALIZED (
			SELECT * FROM @extschema@.influence_find_profiles(found.name, NULL::text[], name)
		)
		SELECT m.user_id, m.display_name, m.region, m.account_created_at, p.score, p.tier, p.rank
		FROM matches AS m
		LEFT JOIN @extschema@.influence_find_people(found.name, ARRAY(SELECT m.user_id FROM matches AS m), false) AS p
			ON p.user_id = m.user_id
		ORDER BY p.rank, m.display_name COLLATE "C", m.user_id COLLATE "C"
		LIMIT "limit";
END
$$;
COMMENT ON FUNCTION influence_search(text, text, int) IS
	'People by a part of their display name, in capitals or not, best first; those with no score last, those who opted out not at all. model NULL: the default; limit NULL: all. Needs SELECT on scores and on the profile relation. Errors: 22004 no name, 22023 negative limit, 55000 no profiles, 42501, otherwise as for influence_score()';
