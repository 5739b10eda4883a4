-- Rights on every object of the extension, and what its functions are allowed to be

\pset format unaligned
\pset footer off
SET search_path = pg_catalog;

CREATE TEMP VIEW member AS
	SELECT d.classid, d.objid FROM pg_depend AS d
	WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
	  AND d.refobjid = (SELECT e.oid FROM pg_extension AS e WHERE e.extname = 'influence');
-- rights as text, the owner's name left out: "owner: SELECT, ...; PUBLIC: SELECT"
CREATE FUNCTION pg_temp.rights(acl aclitem[], owner oid) RETURNS text LANGUAGE sql AS $$
	SELECT replace(coalesce(string_agg(g.who || ': ' || g.rights, '; ' ORDER BY g.who COLLATE "C"), 'nobody'),
		'owner: delete, insert, references, select, trigger, truncate, update', 'owner: all')
	FROM (SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' WHEN owner THEN 'owner' ELSE a.grantee::regrole::text END AS who,
				 string_agg(lower(a.privilege_type), ', ' ORDER BY a.privilege_type) || CASE WHEN bool_or(a.is_grantable) THEN ' (may grant)' ELSE '' END AS rights
		  FROM aclexplode(acl) AS a
		  -- 17 has one more
		  WHERE a.privilege_type <> 'MAINTAIN' GROUP BY 1, a.grantee) AS g
$$;

-- schema
SELECT n.nspname AS schema, pg_temp.rights(coalesce(n.nspacl, acldefault('n', n.nspowner)), n.nspowner) AS rights
FROM pg_namespace AS n JOIN member AS m ON m.classid = 'pg_namespace'::regclass AND m.objid = n.oid ORDER BY 1;

-- tables, views and sequences, by their rights; policies: whether row-level security narrows these down
SELECT pg_temp.rights(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)), c.relowner) AS rights,
	CASE WHEN c.relrowsecurity THEN 'policies' WHEN 'security_invoker=true' = ANY (c.reloptions) THEN 'of the tables' ELSE '' END AS rows,
	c.oid::regclass AS relation
FROM pg_class AS c JOIN member AS m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
WHERE c.relkind NOT IN ('i', 't', 'c') ORDER BY 1, 2, c.oid::regclass::text COLLATE "C";

-- columns with rights of their own
SELECT pg_temp.rights(a.attacl, c.relowner) AS rights, c.oid::regclass AS relation, string_agg(a.attname, ', ' ORDER BY a.attnum) AS columns
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN member AS m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
WHERE a.attacl IS NOT NULL GROUP BY 1, 2 ORDER BY 1, c.oid::regclass::text COLLATE "C";

-- policies
SELECT p.polrelid::regclass AS relation, p.polname AS policy, p.polcmd AS command,
	md5(concat_ws('|', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))) = ANY (ARRAY(
		SELECT md5(concat_ws('|', pg_get_expr(q.polqual, q.polrelid), pg_get_expr(q.polwithcheck, q.polrelid))) FROM pg_policy AS q WHERE q.polrelid = 'influence.networks'::regclass)) AS as_networks
FROM pg_policy AS p JOIN member AS m ON m.classid = 'pg_class'::regclass AND m.objid = p.polrelid ORDER BY p.polrelid::regclass::text COLLATE "C", 2;
SELECT pg_get_expr(p.polqual, p.polrelid) AS using, pg_get_expr(p.polwithcheck, p.polrelid) AS with_check
FROM pg_policy AS p WHERE p.polrelid = 'influence.networks'::regclass;
-- tables that PUBLIC may write to, or that hold a model's rows, without policies
SELECT c.oid::regclass AS unguarded
FROM pg_class AS c JOIN member AS m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
WHERE c.relkind = 'r' AND NOT c.relrowsecurity
  AND (has_any_column_privilege('public', c.oid, 'INSERT, UPDATE') OR has_table_privilege('public', c.oid, 'DELETE, TRUNCATE, TRIGGER, REFERENCES')
	   OR has_table_privilege('public', c.oid, 'SELECT') AND c.relname !~ '^preset');

-- types
SELECT pg_temp.rights(coalesce(t.typacl, acldefault('T', t.typowner)), t.typowner) AS rights, t.oid::regtype AS type
FROM pg_type AS t JOIN member AS m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid
WHERE t.typnamespace <> 'influence'::regnamespace AND t.typelem = 0 ORDER BY 1, t.typname COLLATE "C";

-- functions, by their rights
SELECT pg_temp.rights(coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner) AS rights,
	p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' AS function
FROM pg_proc AS p JOIN member AS m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
ORDER BY 1, p.proname COLLATE "C", pg_get_function_identity_arguments(p.oid) COLLATE "C";

-- everything of one kind has one owner, who is a superuser
SELECT DISTINCT o.kind, r.rolsuper FROM (
	SELECT 'function' AS kind, p.oid, p.proowner AS owner, 'pg_proc'::regclass AS class FROM pg_proc AS p
	UNION ALL SELECT 'relation', c.oid, c.relowner, 'pg_class'::regclass FROM pg_class AS c
	UNION ALL SELECT 'type', t.oid, t.typowner, 'pg_type'::regclass FROM pg_type AS t
	UNION ALL SELECT 'schema', n.oid, n.nspowner, 'pg_namespace'::regclass FROM pg_namespace AS n) AS o
JOIN member AS m ON m.classid = o.class AND m.objid = o.oid JOIN pg_roles AS r ON r.oid = o.owner ORDER BY 1;

--
-- Rules
--
-- nothing runs with the rights of who made it
SELECT p.oid::regprocedure AS security_definer FROM pg_proc AS p JOIN member AS m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass WHERE p.prosecdef;
SELECT c.oid::regclass AS view_without_security_invoker FROM pg_class AS c JOIN member AS m ON m.objid = c.oid AND m.classid = 'pg_class'::regclass
WHERE c.relkind = 'v' AND 'security_invoker=true' <> ALL (coalesce(c.reloptions, '{}'));
-- every function in SQL or PL/pgSQL has its path pinned, and a body that is parsed under it
SELECT p.oid::regprocedure AS path_not_pinned FROM pg_proc AS p JOIN member AS m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass
JOIN pg_language AS l ON l.oid = p.prolang
WHERE l.lanname NOT IN ('c', 'internal') AND ('search_path=pg_catalog, pg_temp' <> ALL (coalesce(p.proconfig, '{}')) OR p.prosqlbody IS NOT NULL);
SELECT l.lanname AS language, count(*) > 0 AS some FROM pg_proc AS p JOIN member AS m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass
JOIN pg_language AS l ON l.oid = p.prolang GROUP BY 1 ORDER BY 1;
-- nothing depends on anything outside of the extension and the catalog
SELECT DISTINCT pg_describe_object(d.refclassid, d.refobjid, 0) AS foreign_object FROM pg_depend AS d
JOIN member AS m ON m.classid = d.classid AND m.objid = d.objid
WHERE d.deptype = 'n' AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass, 'pg_class'::regclass, 'pg_collation'::regclass)
  AND NOT EXISTS (SELECT FROM member AS n WHERE n.classid = d.refclassid AND n.objid = d.refobjid)
  AND NOT (d.refclassid = 'pg_type'::regclass AND EXISTS (
	SELECT FROM pg_type AS t WHERE t.oid = d.refobjid AND t.typnamespace = 'influence'::regnamespace));
DROP VIEW pg_temp.member;
