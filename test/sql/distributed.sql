-- Rules of the catalog by which others spread the work: parallel plans, postgres_fdw,
-- and Citus, which pulls every row to the coordinator where one of them is broken

CREATE TEMP VIEW member AS
	SELECT d.classid, d.objid FROM pg_depend AS d JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
	WHERE e.extname = 'influence' AND d.deptype = 'e';
CREATE TEMP VIEW state AS
	SELECT t.* FROM pg_type AS t JOIN member AS m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid
	WHERE t.typtype = 'b' AND t.typelem = 0;
CREATE TEMP VIEW aggregate AS
	SELECT p.*, a.* FROM pg_proc AS p JOIN member AS m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
	JOIN pg_aggregate AS a ON a.aggfnoid = p.oid;
-- what an aggregate calls on a server that has some of the rows
CREATE TEMP VIEW part AS
	SELECT a.oid::regprocedure AS aggregate, v.role, p.*
	FROM aggregate AS a CROSS JOIN LATERAL (VALUES ('transition', a.aggtransfn::oid), ('combine', a.aggcombinefn), ('final', a.aggfinalfn)) AS v (role, id)
	JOIN pg_proc AS p ON p.oid = v.id;

-- all of them, so that a new one is looked at
SELECT oid::regprocedure AS aggregate, aggtranstype::regtype AS state, prorettype::regtype AS result FROM aggregate ORDER BY oid::regprocedure::text COLLATE "C";
SELECT typname AS state FROM state ORDER BY typname COLLATE "C";

CREATE TEMP VIEW broken AS
	-- states are of a type that can be stored and sent, in text and in binary
	SELECT 'state is not concrete' AS rule, a.oid::regprocedure::text AS object FROM aggregate AS a
	JOIN pg_type AS t ON t.oid = a.aggtranstype
	WHERE t.typtype = 'p' OR t.typreceive = 0 OR t.typsend = 0
UNION ALL
	SELECT 'state cannot be sent', typname FROM state WHERE 0 IN (typinput::oid, typoutput::oid, typreceive::oid, typsend::oid) OR typlen <> -1
UNION ALL
	-- states of parts are put together
	SELECT 'does not combine', oid::regprocedure::text FROM aggregate WHERE aggcombinefn = 0 OR aggserialfn <> 0 OR aggdeserialfn <> 0
UNION ALL
	SELECT 'depends on order', oid::regprocedure::text FROM aggregate WHERE aggkind <> 'n'
UNION ALL
	-- types of arguments are exact, so that a call elsewhere finds the same function
	SELECT 'arguments are not exact', p.oid::regprocedure::text FROM pg_proc AS p JOIN member AS m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
	WHERE EXISTS (SELECT FROM unnest(p.proargtypes) AS a (type) JOIN pg_type AS t ON t.oid = a.type
				  WHERE t.typtype = 'p' AND t.typname NOT IN ('cstring', 'internal')) OR (p.provariadic <> 0 AND p.prokind = 'a')
UNION ALL
	-- nothing asks for the time or the settings of a server
	SELECT format('%s function %s is not immutable', role, oid::regprocedure), aggregate::text FROM part WHERE provolatile <> 'i' OR proparallel <> 's'
UNION ALL
	SELECT 'is not immutable', oid::regprocedure::text FROM aggregate WHERE provolatile <> 'i' OR proparallel <> 's'
UNION ALL
	SELECT 'is not immutable', p.oid::regprocedure::text FROM pg_proc AS p JOIN member AS m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
	WHERE p.proname IN ('influence_decay', 'influence_amplification', 'influence_wilson', 'influence_organic_reach', 'influence_viewers')
	  AND (p.provolatile <> 'i' OR p.proparallel <> 's' OR NOT p.proisstrict)
UNION ALL
	SELECT 'is not immutable', p.oid::regprocedure::text FROM pg_proc AS p JOIN member AS m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
	WHERE EXISTS (SELECT FROM state AS s WHERE s.oid = ANY (p.proargtypes)) AND p.prokind = 'f' AND (p.provolatile <> 'i' OR p.proparallel <> 's');

SELECT * FROM broken;

-- accessors that depend on the moment take it
SELECT p.oid::regprocedure AS accessor, 'timestamptz'::regtype = ANY (p.proargtypes) AS takes_the_moment
FROM pg_proc AS p JOIN member AS m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
WHERE p.prokind = 'f' AND EXISTS (SELECT FROM state AS s WHERE s.oid = ANY (p.proargtypes))
  AND NOT EXISTS (SELECT FROM part WHERE part.oid = p.oid) AND NOT EXISTS (SELECT FROM state AS s WHERE p.oid IN (s.typoutput, s.typsend))
ORDER BY p.oid::regprocedure::text COLLATE "C";

-- what breaks the rules is noticed
BEGIN;
CREATE AGGREGATE influence_tried(bigint) (SFUNC = int8_avg_accum, STYPE = internal, FINALFUNC = numeric_poly_sum);
CREATE FUNCTION any_first(anyelement, anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE AGGREGATE influence_tried(anyelement) (SFUNC = any_first, STYPE = anyelement);
CREATE FUNCTION influence_tried(state influence_decay_state) RETURNS float8 LANGUAGE sql STABLE AS 'SELECT influence_decayed_sum(state, now())';
ALTER EXTENSION influence ADD AGGREGATE influence_tried(bigint);
ALTER EXTENSION influence ADD AGGREGATE influence_tried(anyelement);
ALTER EXTENSION influence ADD FUNCTION influence_tried(influence_decay_state);
SELECT * FROM broken ORDER BY object COLLATE "C", rule COLLATE "C";
ROLLBACK;
