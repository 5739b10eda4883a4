-- All that the extension is in the catalog of a database, as rows of text: a name
-- and what there is to say about it. Two databases with the same rows have the same
-- extension. Nothing here depends on OIDs; the order of columns counts.

CREATE TEMPORARY VIEW member AS
	SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS name
	FROM pg_depend AS d JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
	WHERE e.extname = 'influence' AND d.deptype = 'e';

-- Relations, with the sequences of identity columns
CREATE TEMPORARY VIEW relation AS
	SELECT c.* FROM pg_class AS c JOIN member AS m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
	UNION
	SELECT c.* FROM pg_class AS c
	JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i'
	JOIN member AS m ON d.refclassid = 'pg_class'::regclass AND m.classid = d.refclassid AND m.objid = d.refobjid
	WHERE c.relkind = 'S';

CREATE TEMPORARY VIEW relation_column AS
	SELECT a.attrelid, a.attname, a.attnum, a.atttypid, a.atttypmod, a.attcollation, a.attnotnull, a.attidentity, a.attgenerated,
		a.attstorage, a.attcompression, a.attacl, row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS place
	FROM pg_attribute AS a JOIN relation AS r ON r.oid = a.attrelid
	WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind <> 'S';

-- Privileges in an order of their own
CREATE FUNCTION pg_temp.privileges(acl aclitem[]) RETURNS text LANGUAGE sql RETURN
	coalesce((SELECT string_agg(p::text, ' ' ORDER BY p::text COLLATE "C") FROM unnest(acl) AS p), 'default');

-- Rows of a table
CREATE FUNCTION pg_temp.contents(relation regclass) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT t::text FROM %s AS t', relation);
END
$$;

CREATE TEMPORARY VIEW description AS
	SELECT m.name, format('comment: %s', obj_description(m.objid, c.relname)) AS said
	FROM member AS m JOIN pg_class AS c ON c.oid = m.classid
UNION ALL
	SELECT 'extension', format('%s, schema %s, relocatable %s', e.extversion, e.extnamespace::regnamespace, e.extrelocatable)
	FROM pg_extension AS e WHERE e.extname = 'influence'
UNION ALL
	SELECT 'rows of ' || t.id::regclass || ' are dumped', coalesce(e.extcondition[t.place], '')
	FROM pg_extension AS e, unnest(e.extconfig) WITH ORDINALITY AS t (id, place) WHERE e.extname = 'influence'
UNION ALL
	SELECT m.name, pg_get_functiondef(p.oid)
	FROM member AS m JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid WHERE p.prokind <> 'a'
UNION ALL
	SELECT m.name, format('privileges: %s; leakproof %s', pg_temp.privileges(p.proacl), p.proleakproof)
	FROM member AS m JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
UNION ALL
	SELECT m.name, format('(%s) returns %s, volatility %s, parallel %s, strict %s, state %s: %s', pg_get_function_arguments(p.oid),
		pg_get_function_result(p.oid), p.provolatile, p.proparallel, p.proisstrict, a.aggtranstype::regtype,
		to_jsonb(a) - '{aggfnoid,aggtranstype,aggmtranstype,aggsortop}'::text[])
	FROM member AS m JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid JOIN pg_aggregate AS a ON a.aggfnoid = p.oid
UNION ALL
	SELECT m.name, format('privileges: %s', pg_temp.privileges(n.nspacl))
	FROM member AS m JOIN pg_namespace AS n ON m.classid = 'pg_namespace'::regclass AND m.objid = n.oid
UNION ALL
	SELECT m.name, format('length %s, by value %s, category %s%s, preferred %s, delimiter %s, input %s, output %s, receive %s, send %s, modifier %s %s, alignment %s, storage %s, not null %s, default %s, privileges: %s',
		CASE t.typtype WHEN 'c' THEN -1 ELSE t.typlen END, t.typbyval, t.typcategory, t.typtype, t.typispreferred, t.typdelim, t.typinput, t.typoutput, t.typreceive, t.typsend,
		t.typmodin, t.typmodout, t.typalign, t.typstorage, t.typnotnull, t.typdefault, pg_temp.privileges(t.typacl))
	FROM member AS m JOIN pg_type AS t ON m.classid = 'pg_type'::regclass AND m.objid = t.oid
UNION ALL
	SELECT m.name, format('context %s, method %s, function %s', c.castcontext, c.castmethod, c.castfunc::regprocedure)
	FROM member AS m JOIN pg_cast AS c ON m.classid = 'pg_cast'::regclass AND m.objid = c.oid
UNION ALL
	SELECT m.name, format('result %s, function %s, commutator %s, negator %s, restrict %s, join %s, hashes %s, merges %s',
		o.oprresult::regtype, o.oprcode, o.oprcom::regoperator, o.oprnegate::regoperator, o.oprrest, o.oprjoin, o.oprcanhash, o.oprcanmerge)
	FROM member AS m JOIN pg_operator AS o ON m.classid = 'pg_operator'::regclass AND m.objid = o.oid
UNION ALL
	SELECT m.name, pg_describe_object(d.classid, d.objid, 0)
	FROM member AS m JOIN pg_depend AS d ON d.refclassid = m.classid AND d.refobjid = m.objid
	WHERE d.classid IN ('pg_amop'::regclass, 'pg_amproc'::regclass)
UNION ALL
	SELECT r.oid::regclass::text, format('kind %s, persistence %s, row security %s %s, options %s, replica identity %s, privileges: %s',
		r.relkind, r.relpersistence, r.relrowsecurity, r.relforcerowsecurity, r.reloptions, r.relreplident, pg_temp.privileges(r.relacl))
	FROM relation AS r
UNION ALL
	SELECT r.oid::regclass::text, pg_get_viewdef(r.oid) FROM relation AS r WHERE r.relkind IN ('v', 'm')
UNION ALL
	SELECT r.oid::regclass::text, format('%s from %s to %s by %s, cache %s, cycle %s, start %s; comment: %s', s.seqtypid::regtype, s.seqmin, s.seqmax, s.seqincrement, s.seqcache, s.seqcycle, s.seqstart,
		obj_description(r.oid, 'pg_class'))
	FROM relation AS r JOIN pg_sequence AS s ON s.seqrelid = r.oid
UNION ALL
	SELECT format('%s.%s', a.attrelid::regclass, a.attname), format('column %s, %s, collation %s, not null %s, default %s, identity %s, generated %s, storage %s, compression %s, privileges: %s, comment: %s',
		a.place, format_type(a.atttypid, a.atttypmod), a.attcollation::regcollation, a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated,
		a.attstorage, a.attcompression, pg_temp.privileges(a.attacl), col_description(a.attrelid, a.attnum))
	FROM relation_column AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
UNION ALL
	SELECT format('%s, constraint %s', c.conrelid::regclass, c.conname), format('%s; validated %s; comment: %s', pg_get_constraintdef(c.oid), c.convalidated, obj_description(c.oid, 'pg_constraint'))
	FROM pg_constraint AS c JOIN relation AS r ON r.oid = c.conrelid
UNION ALL
	SELECT format('%s, index %s', i.indrelid::regclass, i.indexrelid::regclass), format('%s; valid %s', pg_get_indexdef(i.indexrelid), i.indisvalid)
	FROM pg_index AS i JOIN relation AS r ON r.oid = i.indrelid
UNION ALL
	SELECT format('%s, trigger %s', t.tgrelid::regclass, t.tgname), format('%s; enabled %s', pg_get_triggerdef(t.oid), t.tgenabled)
	FROM pg_trigger AS t JOIN relation AS r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
UNION ALL
	SELECT format('%s, policy %s', p.polrelid::regclass, p.polname), format('for %s, permissive %s, roles %s, using %s, check %s', p.polcmd, p.polpermissive,
		p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
	FROM pg_policy AS p JOIN relation AS r ON r.oid = p.polrelid
UNION ALL
	-- what pg_dump takes for granted
	SELECT pg_describe_object(i.classoid, i.objoid, i.objsubid), format('initial privileges: %s', pg_temp.privileges(i.initprivs))
	FROM pg_init_privs AS i WHERE i.privtype = 'e'
UNION ALL
	-- rows that the extension brings
	SELECT r.oid::regclass::text, row
	FROM relation AS r, pg_extension AS e, pg_temp.contents(r.oid) AS row
	WHERE e.extname = 'influence' AND r.relkind = 'r' AND r.oid <> ALL (coalesce(e.extconfig, '{}'));
