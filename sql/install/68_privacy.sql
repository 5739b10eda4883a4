-- Privacy: people who are not scored, and leave no trace.

SET LOCAL search_path = pg_catalog, pg_temp;
CREATE TABLE influence.privacy_choices (
	model      text NOT NULL,
	user_hash  bytea NOT NULL
		CONSTRAINT user_hash_of_32_bytes CHECK (octet_length(user_hash) = 32),
	choice     text NOT NULL
		CONSTRAINT choice_is_known CHECK (choice IN ('opted_in', 'opted_out', 'forgotten')),
	chosen_at  timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (model, user_hash)
);
COMMENT ON TABLE influence.privacy_choices IS 'Who opted in or out of each model, by a hash of the id: the list is no trace of the people on it; filled by influence_opt_out(), influence_opt_in() and influence_forget()';
COMMENT ON COLUMN influence.privacy_choices.model IS 'Model';
COMMENT ON COLUMN influence.privacy_choices.user_hash IS 'SHA-256 of the model''s id_salt and the id, see influence_user_hash()';
COMMENT ON COLUMN influence.privacy_choices.choice IS 'opted_in: may be scored where scored_only is on; opted_out, forgotten: is not scored, and acts as somebody unknown';
COMMENT ON COLUMN influence.privacy_choices.chosen_at IS 'When';

CREATE TRIGGER privacy_choices_model_fkey AFTER INSERT OR UPDATE OF model ON influence.privacy_choices
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_privacy_choices BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION @extschema@.influence_keep_references('privacy_choices', 'model');

GRANT SELECT, INSERT, UPDATE, DELETE ON influence.privacy_choices TO PUBLIC;
ALTER TABLE influence.privacy_choices ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON influence.privacy_choices
	USING (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_may_change(m.schema, m.created_by)))
	WITH CHECK (model IN (SELECT m.model FROM influence.models AS m WHERE @extschema@.influence_is_owner(m.schema)));
SELECT pg_catalog.pg_extension_config_dump('influence.privacy_choices', '');
SET LOCAL search_path = @extschema@, pg_temp;

CREATE FUNCTION influence_user_hash(salt bytea, id_type regtype, user_id text) RETURNS bytea
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_user_hash(bytea, regtype, text) IS
	'Hash that stands for a person in influence.privacy_choices: SHA-256 of the salt and the id (bigint: 8 bytes, highest first; uuid: 16 bytes; text: its bytes). Error 22P02 when the text is no id of that type';

CREATE FUNCTION influence_remove_person(model text, user_id text) RETURNS bigint
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION influence_remove_person(text, text) IS
	'Delete the rows about a person from the score views and the history of a model, at commit; returns how many there were. The next refresh brings them back, unlike after influence_opt_out(). Waits for a refresh that is running. Errors: 42501 for others than the owner of the model, 22P02 for an id that is none of the model''s type';

CREATE FUNCTION influence_account_ids(model text, user_id text) RETURNS SETOF text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION influence_account_ids(text, text) IS
	'Ids under which a model may hold the accounts that are linked to a person now, from when nobody had linked them: network:account where ids are text, else none; part of influence_opt_out(). Errors: 42501 for others than the owner of the model, and those of reading the relation that influence_set_accounts() named';

CREATE FUNCTION influence_choose_privacy(user_id text, choice text, model text) RETURNS void
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

CREATE FUNCTION influence_opt_out(user_id text, model text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT @extschema@.influence_choose_privacy(user_id, 'opted_out'::text, model)
$$;
COMMENT ON FUNCTION influence_opt_out(text, text) IS
	'A person is not scored any more: at commit no view of the model and no history holds a row about them, nor about an account that is linked to them under its own id (network:account), and no refresh makes one until influence_opt_in(), whatever becomes of the links; accounts that are linked later follow at the next refresh. What they do to others counts as of somebody unknown, or not at all (opted_out_actors in influence.models). Waits for a refresh that is running. model: default influence.default_model, else the only one. For the owner of the model. Errors: 42501 for others, 22P02 for an id that is none of the model''s type, and those of reading the relation that influence_set_accounts() named';

CREATE FUNCTION influence_opt_out(user_id bigint, model text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT @extschema@.influence_choose_privacy(user_id::text, 'opted_out'::text, model)
$$;
COMMENT ON FUNCTION influence_opt_out(bigint, text) IS 'A person is not scored any more; see influence_opt_out(text, text)';

CREATE FUNCTION influence_opt_out(user_id uuid, model text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT @extschema@.influence_choose_privacy(user_id::text, 'opted_out'::text, model)
$$;
COMMENT ON FUNCTION influence_opt_out(uuid, text) IS 'A person is not scored any more; see influence_opt_out(text, text)';

CREATE FUNCTION influence_opt_in(user_id text, model text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT @extschema@.influence_choose_privacy(user_id, 'opted_in'::text, model)
$$;
COMMENT ON FUNCTION influence_opt_in(text, text) IS
	'A person may be scored, from the next refresh on: takes back influence_opt_out() and influence_forget(), for the accounts that are linked to them, too, and is the consent that scored_only in influence.models asks for. Arguments and errors as for influence_opt_out(text, text)';

CREATE FUNCTION influence_opt_in(user_id bigint, model text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT @extschema@.influence_choose_privacy(user_id::text, 'opted_in'::text, model)
$$;
COMMENT ON FUNCTION influence_opt_in(bigint, text) IS 'A person may be scored; see influence_opt_in(text, text)';

CREATE FUNCTION influence_opt_in(user_id uuid, model text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT @extschema@.influence_choose_privacy(user_id::text, 'opted_in'::text, model)
$$;
COMMENT ON FUNCTION influence_opt_in(uuid, text) IS 'A person may be scored; see influence_opt_in(text, text)';

CREATE FUNCTION influence_forget(user_id text, model text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT @extschema@.influence_choose_privacy(user_id, 'forgotten'::text, model)
$$;
COMMENT ON FUNCTION influence_forget(text, text) IS
	'Forget a person: as influence_opt_out(), noted as a request for erasure. influence_check_forgotten() proves it. Your own tables are yours to clear';

CREATE FUNCTION influence_forget(user_id bigint, model text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT @extschema@.influence_choose_privacy(user_id::text, 'forgotten'::text, model)
$$;
COMMENT ON FUNCTION influence_forget(bigint, text) IS 'Forget a person; see influence_forget(text, text)';

CREATE FUNCTION influence_forget(user_id uuid, model text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT @extschema@.influence_choose_privacy(user_id::text, 'forgotten'::text, model)
$$;
COMMENT ON FUNCTION influence_forget(uuid, text) IS 'Forget a person; see influence_forget(text, text)';

CREATE FUNCTION influence_check_forgotten(user_id text, model text DEFAULT NULL)
RETURNS TABLE (relation text, matches bigint)
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_check_forgotten(text, text) IS
	'Look for a person in every relation of a model: a row for each of them, with the number of its rows about them, those of accounts that are linked to them under their own ids (network:account) included. After influence_opt_out() or influence_forget() all are 0. For the owner of the model';

CREATE FUNCTION influence_check_forgotten(user_id bigint, model text DEFAULT NULL)
RETURNS TABLE (relation text, matches bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.relation, c.matches FROM @extschema@.influence_check_forgotten(user_id::text, model) AS c
$$;
COMMENT ON FUNCTION influence_check_forgotten(bigint, text) IS 'Look for a person in every relation of a model; see influence_check_forgotten(text, text)';

CREATE FUNCTION influence_check_forgotten(user_id uuid, model text DEFAULT NULL)
RETURNS TABLE (relation text, matches bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.relation, c.matches FROM @extschema@.influence_check_forgotten(user_id::text, model) AS c
$$;
COMMENT ON FUNCTION influence_check_forgotten(uuid, text) IS 'Look for a person in every relation of a model; see influence_check_forgotten(text, text)';
