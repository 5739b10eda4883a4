-- rules of thumb
SELECT influence_organic_reach(5000), influence_organic_reach(5000, 0.5), influence_organic_reach(0);
SELECT influence_viewers(100), influence_viewers(1000), influence_viewers(7, 0);
SELECT influence_organic_reach(friends => 10, rate => 1), influence_viewers(likes => 10, per_like => 2.5);

-- strict
SELECT influence_organic_reach(NULL), influence_organic_reach(1, NULL), influence_viewers(NULL), influence_viewers(1, NULL);

-- errors
CREATE FUNCTION pg_temp.outcome(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
	hint text;
BEGIN
	EXECUTE query INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE, SQLERRM, NULLIF(hint, ''));
END
$$;
SELECT call, pg_temp.outcome('SELECT ' || call) AS outcome FROM (VALUES
	('influence_organic_reach(-1)'),
	('influence_organic_reach(1, -0.1)'),
	('influence_organic_reach(1, 1.1)'),
	('influence_organic_reach(1, ''NaN'')'),
	('influence_organic_reach(1, ''Infinity'')'),
	('influence_viewers(-1)'),
	('influence_viewers(1, -1)'),
	('influence_viewers(1, ''NaN'')'),
	('influence_viewers(1, ''Infinity'')'),
	('influence_viewers(1, ''-Infinity'')'),
	('influence_viewers(9223372036854775807, 1e300)')
) AS calls(call);
SELECT influence_organic_reach(9223372036854775807, 1), influence_viewers(9223372036854775807);
