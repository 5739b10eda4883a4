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
