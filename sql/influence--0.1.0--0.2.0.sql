-- complain if the script is sourced in psql rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION influence UPDATE TO '0.2.0'" to load this file. \quit

-- Incremental sources: what logical replication writes is tracked. Call
-- influence_track_changes() again for sources that are tracked already.

COMMENT ON FUNCTION influence_log_changes() IS
	'Trigger of influence_track_changes(): logs the closed days of a source whose rows a statement has added, changed or deleted in influence.invalidations; fired for a row, those of the row. Arguments: model and source';

CREATE OR REPLACE FUNCTION influence_drop_triggers(model text, source text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	arguments bytea := @extschema@.influence_trigger_arguments(model, source);
	found record;
BEGIN
	FOR found IN
		SELECT t.tgname, t.tgrelid::regclass AS relation FROM pg_trigger AS t
		WHERE t.tgfoid = '@extschema@.influence_log_changes()'::regprocedure
		  AND t.tgparentid = 0		-- others go with their parent
		  AND substr(t.tgargs, 1, length(arguments)) = arguments
		ORDER BY t.tgrelid::regclass::text COLLATE "C", t.tgname
	LOOP
		BEGIN
			EXECUTE format('DROP TRIGGER %I ON %s', found.tgname, found.relation);
		EXCEPTION WHEN insufficient_privilege THEN
			RAISE NOTICE 'trigger "%" of % stays: %', found.tgname, found.relation, SQLERRM
				USING HINT = 'It does nothing without its source; let the owner of the table drop it.';
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_drop_triggers(text, text) IS
	'Drops the triggers of influence_track_changes() for a source, or for all sources of a model; a notice names those that the caller may not drop';

CREATE OR REPLACE FUNCTION influence_track_changes(model text, source text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tracked influence.sources := @extschema@.influence_owned_source(model, source);
	relation_kind "char" := (SELECT c.relkind FROM pg_class AS c WHERE c.oid = tracked.relation);
	suffix text := substr(md5(model || '/' || source), 1, 8);
	part regclass;
	event record;
BEGIN
	IF relation_kind IS NULL THEN
		RAISE EXCEPTION 'relation % of source "%" of model "%" does not exist', tracked.relation_name, source, model
			USING ERRCODE = 'undefined_table', HINT = 'Remove the source with influence_remove_source() and add it again.';
	END IF;
	IF relation_kind NOT IN ('r', 'p') THEN
		RAISE EXCEPTION 'changes of % cannot be tracked, which is not a table', tracked.relation
			USING ERRCODE = 'wrong_object_type',
				  HINT = 'Views and foreign tables have no triggers that see all changes. Call influence_invalidate() where their rows change.';
	END IF;

	-- a statement fires the triggers of the table that it names, so each partition gets its own
	FOR part IN
		WITH RECURSIVE parts (id) AS (
			SELECT tracked.relation::oid
			UNION
			SELECT i.inhrelid FROM pg_inherits AS i JOIN parts AS p ON i.inhparent = p.id)
		SELECT p.id FROM parts AS p ORDER BY p.id
	LOOP
		IF (SELECT c.relkind FROM pg_class AS c WHERE c.oid = part) = 'f' THEN
			RAISE EXCEPTION 'changes of % cannot be tracked, since its partition % is a foreign table', tracked.relation, part
				USING ERRCODE = 'wrong_object_type', HINT = 'Call influence_invalidate() where its rows change.';
		END IF;
		FOR event IN
			SELECT * FROM (VALUES
				('INSERT', 'REFERENCING NEW TABLE AS new_rows'),
				('UPDATE', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'),
				('DELETE', 'REFERENCING OLD TABLE AS old_rows'),
				('TRUNCATE', '')) AS e (name, tables)
		LOOP
			EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %s %s FOR EACH STATEMENT '
				'EXECUTE FUNCTION @extschema@.influence_log_changes(%L, %L)',
				format('influence_%s_%s', lower(event.name), suffix),
				event.name, part, event.tables, model, source);
		END LOOP;
		CONTINUE WHEN NOT (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c WHERE c.oid = part);

		-- What logical replication writes, and others under session_replication_role = replica: that
		-- fires triggers for rows, and those for TRUNCATE. Partitions have those of their parent.
		EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', part, 'influence_truncate_' || suffix);
		CONTINUE WHEN part <> tracked.relation AND (SELECT c.relispartition FROM pg_class AS c WHERE c.oid = part);
		EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW '
			'EXECUTE FUNCTION @extschema@.influence_log_changes(%L, %L)', 'influence_replica_' || suffix, part, model, source);
		EXECUTE format('ALTER TABLE %s ENABLE REPLICA TRIGGER %I', part, 'influence_replica_' || suffix);
	END LOOP;
	IF NOT (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c WHERE c.oid = tracked.relation) THEN
		RAISE NOTICE 'what logical replication writes to % is not tracked', tracked.relation
			USING HINT = 'Only a role with the rights of the owner of a table can track that: call influence_track_changes() as one, or influence_invalidate() where rows are replicated.';
	END IF;
	-- nobody has logged what changed so far
	PERFORM @extschema@.influence_invalidate(model, source => source);
END
$$;
COMMENT ON FUNCTION influence_track_changes(text, text) IS
	'Puts triggers on the table of a source, and on its partitions, that log which closed days INSERT, UPDATE, DELETE, COPY, MERGE and TRUNCATE touch, and (for callers with the rights of the table''s owner; a notice tells others) what logical replication writes, so that the next refresh reads these again. Call it again when partitions were added. Errors: 42704 no such model or source, 42501 the model belongs to another role or the right TRIGGER on the table is missing, 42809 not a table';

-- Rows that refer to others. These are no foreign keys, since a restore by several
-- processes loads the tables of an extension in any order and would fail.

CREATE FUNCTION influence_check_reference() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	parent text := TG_ARGV[0];
	columns text := TG_ARGV[1];
	key text;
	found boolean;
BEGIN
	-- as pg_dump has it set while its output is restored, and nobody else
	IF current_setting('row_security') = 'off' THEN
		RETURN NULL;
	END IF;
	-- what we refer to must not go before we have committed
	EXECUTE format('SELECT true FROM influence.%I WHERE (%s) = (SELECT %s FROM (SELECT ($1).*) AS n) %s', parent, columns, columns,
			CASE WHEN has_any_column_privilege(format('influence.%I', parent), 'UPDATE') THEN 'FOR KEY SHARE' END)
		INTO found USING NEW;
	IF found IS NULL THEN
		EXECUTE format('SELECT concat_ws($2, %s) FROM (SELECT ($1).*) AS n', columns) INTO key USING NEW, ', ';
		RAISE EXCEPTION 'insert or update on table "%" violates foreign key constraint "%"', TG_TABLE_NAME, TG_NAME
			USING ERRCODE = 'foreign_key_violation',
				  SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME,
				  DETAIL = format('Key (%s)=(%s) is not present in table "%s".', columns, key, parent),
				  HINT = format('What a row refers to must be in influence.%I first.', parent);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION influence_check_reference() IS
	'Trigger of configuration tables: error 23503 for a row that refers to one that is not there, except while a dump is restored (row_security is off). Arguments: table that is referred to, columns';

CREATE FUNCTION influence_keep_references() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	child text := TG_ARGV[0];
	columns text := TG_ARGV[1];
	broken boolean;
BEGIN
	IF TG_OP = 'DELETE' THEN
		EXECUTE format('DELETE FROM influence.%I WHERE (%s) = (SELECT %s FROM (SELECT ($1).*) AS o)', child, columns, columns) USING OLD;
		RETURN OLD;
	END IF;
	EXECUTE format('SELECT (SELECT ROW(%2$s) FROM (SELECT ($1).*) AS o) IS DISTINCT FROM (SELECT ROW(%2$s) FROM (SELECT ($2).*) AS n)
			AND EXISTS (SELECT FROM influence.%1$I WHERE (%2$s) = (SELECT %2$s FROM (SELECT ($1).*) AS o))', child, columns)
		INTO broken USING OLD, NEW;
	IF broken THEN
		RAISE EXCEPTION 'update on table "%" violates references from table "%"', TG_TABLE_NAME, child
			USING ERRCODE = 'foreign_key_violation', DETAIL = format('Its key (%s) is still referred to.', columns);
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION influence_keep_references() IS
	'Trigger of configuration tables: deletes what refers to a row with it; error 23503 for another key while there are such rows. Arguments: table that refers, columns';

ALTER TABLE influence.networks DROP CONSTRAINT networks_model_fkey;
ALTER TABLE influence.signals DROP CONSTRAINT signals_model_network_fkey;
ALTER TABLE influence.sources DROP CONSTRAINT sources_model_fkey;
ALTER TABLE influence.accounts DROP CONSTRAINT accounts_model_fkey;
ALTER TABLE influence.profiles DROP CONSTRAINT profiles_model_fkey;
ALTER TABLE influence.tiers DROP CONSTRAINT tiers_model_fkey;
ALTER TABLE influence.calibrations DROP CONSTRAINT calibrations_model_fkey;
ALTER TABLE influence.history_calibrations DROP CONSTRAINT history_calibrations_model_version_fkey;
ALTER TABLE influence.privacy_choices DROP CONSTRAINT privacy_choices_model_fkey;

CREATE TRIGGER networks_model_fkey AFTER INSERT OR UPDATE OF model ON influence.networks
	FOR EACH ROW EXECUTE FUNCTION influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_networks BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION influence_keep_references('networks', 'model');
CREATE TRIGGER signals_model_network_fkey AFTER INSERT OR UPDATE OF model, network ON influence.signals
	FOR EACH ROW EXECUTE FUNCTION influence_check_reference('networks', 'model, network');
CREATE TRIGGER referred_to_by_signals BEFORE DELETE OR UPDATE OF model, network ON influence.networks
	FOR EACH ROW EXECUTE FUNCTION influence_keep_references('signals', 'model, network');
CREATE TRIGGER sources_model_fkey AFTER INSERT OR UPDATE OF model ON influence.sources
	FOR EACH ROW EXECUTE FUNCTION influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_sources BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION influence_keep_references('sources', 'model');
CREATE TRIGGER accounts_model_fkey AFTER INSERT OR UPDATE OF model ON influence.accounts
	FOR EACH ROW EXECUTE FUNCTION influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_accounts BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION influence_keep_references('accounts', 'model');
CREATE TRIGGER profiles_model_fkey AFTER INSERT OR UPDATE OF model ON influence.profiles
	FOR EACH ROW EXECUTE FUNCTION influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_profiles BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION influence_keep_references('profiles', 'model');
CREATE TRIGGER tiers_model_fkey AFTER INSERT OR UPDATE OF model ON influence.tiers
	FOR EACH ROW EXECUTE FUNCTION influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_tiers BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION influence_keep_references('tiers', 'model');
CREATE TRIGGER calibrations_model_fkey AFTER INSERT OR UPDATE OF model ON influence.calibrations
	FOR EACH ROW EXECUTE FUNCTION influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_calibrations BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION influence_keep_references('calibrations', 'model');
CREATE TRIGGER history_calibrations_model_version_fkey AFTER INSERT OR UPDATE OF model, version ON influence.history_calibrations
	FOR EACH ROW EXECUTE FUNCTION influence_check_reference('calibrations', 'model, version');
CREATE TRIGGER referred_to_by_history_calibrations BEFORE DELETE OR UPDATE OF model, version ON influence.calibrations
	FOR EACH ROW EXECUTE FUNCTION influence_keep_references('history_calibrations', 'model, version');
CREATE TRIGGER privacy_choices_model_fkey AFTER INSERT OR UPDATE OF model ON influence.privacy_choices
	FOR EACH ROW EXECUTE FUNCTION influence_check_reference('models', 'model');
CREATE TRIGGER referred_to_by_privacy_choices BEFORE DELETE OR UPDATE OF model ON influence.models
	FOR EACH ROW EXECUTE FUNCTION influence_keep_references('privacy_choices', 'model');
