-- Sources: registering the relations that a model reads. What is stored are
-- the canonical expressions that influence_check_expression() returns.

CREATE FUNCTION influence_check_signal(model text, network text, kind text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF EXISTS (SELECT FROM influence.signals AS s
			   WHERE s.model = influence_check_signal.model
				 AND s.network = coalesce(influence_check_signal.network, s.network)
				 AND s.kind = coalesce(influence_check_signal.kind, s.kind)) THEN
		RETURN;
	END IF;
	IF network IS NOT NULL AND NOT EXISTS (
			SELECT FROM influence.networks AS n
			WHERE n.model = influence_check_signal.model AND n.network = influence_check_signal.network) THEN
		RAISE EXCEPTION 'model "%" has no network "%"', model, network
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = (SELECT format('Its networks are: %s. Others are added to influence.networks and influence.signals.',
										coalesce(string_agg(n.network, ', ' ORDER BY n.network), 'none'))
						  FROM influence.networks AS n WHERE n.model = influence_check_signal.model);
	END IF;
	RAISE EXCEPTION 'model "%" has no signal for kind "%" on %', model, coalesce(kind, 'any'),
			coalesce('network "' || network || '"', 'any network')
		USING ERRCODE = 'invalid_parameter_value',
			  HINT = (SELECT format('The kinds %s are: %s. Others are added to influence.signals.',
									CASE WHEN influence_check_signal.network IS NULL THEN 'of the model' ELSE 'of that network' END,
									coalesce(string_agg(DISTINCT s.kind, ', '), 'none'))
					  FROM influence.signals AS s
					  WHERE s.model = influence_check_signal.model
						AND s.network = coalesce(influence_check_signal.network, s.network));
END
$$;
COMMENT ON FUNCTION influence_check_signal(text, text, text) IS
	'Error 22023 unless a model has a signal for a kind on a network; NULL stands for any';

CREATE FUNCTION influence_check_relation(relation regclass, source text, owner oid) RETURNS void
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

CREATE FUNCTION influence_check_mapping(relation regclass, expression text, expected regtype, mapping text, source text, model text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF expression IS NULL THEN
		RETURN NULL;
	END IF;
	RETURN @extschema@.influence_check_expression(relation, expression, expected, mapping, source, model);
END
$$;
COMMENT ON FUNCTION influence_check_mapping(regclass, text, regtype, text, text, text) IS
	'Canonical form of a mapping of influence_add_source(), NULL for one that is not given';

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

CREATE FUNCTION influence_add_source(
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

CREATE FUNCTION influence_remove_source(model text, name text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owned influence.models := @extschema@.influence_owned_model(model, true);
BEGIN
	PERFORM @extschema@.influence_drop_triggers(owned.model, name);
	DELETE FROM influence.sources AS s
	WHERE s.model = owned.model AND s.source = influence_remove_source.name;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'model "%" has no source "%"', model, coalesce(name, 'NULL')
			USING ERRCODE = 'undefined_object',
				  HINT = (SELECT coalesce('Its sources are: ' || string_agg(quote_ident(s.source), ', ' ORDER BY s.source) || '.',
										  'It has no source; influence_add_source() adds one.')
						  FROM influence.sources AS s WHERE s.model = owned.model);
	END IF;
END
$$;
COMMENT ON FUNCTION influence_remove_source(text, text) IS
	'Removes a source from a model; the published scores change with the next refresh. Errors: 42704 no such model or source, 42501 the model belongs to another role';

CREATE FUNCTION influence_set_accounts(
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
