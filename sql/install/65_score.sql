-- Reading scores: one person's score, now or in the past.

CREATE FUNCTION influence_find_model(model text DEFAULT NULL, refreshed boolean DEFAULT false, OUT name text, OUT schema text, OUT id_type regtype)
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_find_model(text, boolean) IS
	'The model that a call means: the one named, else the setting influence.default_model, else the only one. Errors: 42704 no such model, 42P08 more than one, 3F000 or 42P01 its schema or view scores is gone, and 55000 before its first refresh (refreshed)';

CREATE FUNCTION influence_score(user_id bigint, model text DEFAULT NULL) RETURNS float8
AS 'MODULE_PATHNAME', 'influence_score_bigint'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_score(bigint, text) IS
	'Influence score of a person, 1 to 100; NULL for somebody with no data. model: default influence.default_model, else the only one. Errors: 42804 when the model has other ids, 42501 without SELECT on the view scores, 55000 before the first refresh';

CREATE FUNCTION influence_score(user_id uuid, model text DEFAULT NULL) RETURNS float8
AS 'MODULE_PATHNAME', 'influence_score_uuid'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_score(uuid, text) IS
	'Influence score of a person of a model with uuid ids; see influence_score(bigint, text)';

CREATE FUNCTION influence_score(user_id text, model text DEFAULT NULL) RETURNS float8
AS 'MODULE_PATHNAME', 'influence_score_text'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_score(text, text) IS
	'Influence score of a person by the id as text, which is read as an id of the model''s type; see influence_score(bigint, text)';

CREATE FUNCTION influence_score(user_id text, as_of timestamptz, model text DEFAULT NULL) RETURNS float8
AS 'MODULE_PATHNAME', 'influence_score_at'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_score(text, timestamptz, text) IS
	'Score of a person as it stood at a moment: the latest day of score_history until then; NULL when there is none. Errors: 42501 without SELECT on score_history';

CREATE FUNCTION influence_score(user_id bigint, as_of timestamptz, model text DEFAULT NULL) RETURNS float8
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT @extschema@.influence_score(user_id::text, as_of, model) $$;
COMMENT ON FUNCTION influence_score(bigint, timestamptz, text) IS
	'Score of a person as it stood at a moment; see influence_score(text, timestamptz, text)';

CREATE FUNCTION influence_score(user_id uuid, as_of timestamptz, model text DEFAULT NULL) RETURNS float8
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT @extschema@.influence_score(user_id::text, as_of, model) $$;
COMMENT ON FUNCTION influence_score(uuid, timestamptz, text) IS
	'Score of a person as it stood at a moment; see influence_score(text, timestamptz, text)';

CREATE FUNCTION influence_history(user_id text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, model text DEFAULT NULL)
RETURNS TABLE (as_of timestamptz, score float8)
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_history(text, timestamptz, timestamptz, text) IS
	'Published scores of a person from one moment to another, both included and NULL for no limit: a row per day of score_history, oldest first; no rows for somebody unknown. Errors: 42501 without SELECT on score_history, 22023 when it ends before it begins, and those of finding the model as for influence_score()';

CREATE FUNCTION influence_history(user_id bigint, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, model text DEFAULT NULL)
RETURNS TABLE (as_of timestamptz, score float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT h.as_of, h.score FROM @extschema@.influence_history(user_id::text, since, until, model) AS h
$$;
COMMENT ON FUNCTION influence_history(bigint, timestamptz, timestamptz, text) IS
	'Published scores of a person over time; see influence_history(text, timestamptz, timestamptz, text)';

CREATE FUNCTION influence_history(user_id uuid, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, model text DEFAULT NULL)
RETURNS TABLE (as_of timestamptz, score float8)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT h.as_of, h.score FROM @extschema@.influence_history(user_id::text, since, until, model) AS h
$$;
COMMENT ON FUNCTION influence_history(uuid, timestamptz, timestamptz, text) IS
	'Published scores of a person over time; see influence_history(text, timestamptz, timestamptz, text)';
