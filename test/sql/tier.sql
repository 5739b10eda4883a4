-- influence_tier() and influence_bucket(): names for ranges of scores

-- a call that must fail: its SQLSTATE, message and hint
CREATE FUNCTION pg_temp.failure(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE query;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ': ' || SQLERRM || coalesce(' / ' || nullif(hint, ''), '');
END $$;

-- every boundary, and the last double before it
SELECT score, influence_tier(score), influence_bucket(score)
FROM unnest(ARRAY[1, 5, 9.999999999999998, 10, 19.9, 20, 29.999999999999996, 30, 39.99999999999999, 40, 49.99999999999999, 50,
	59.99999999999999, 60, 69.99999999999999, 70, 79.99999999999999, 80, 89.99999999999999, 90, 99.99999999999999, 100]::float8[]) score;

-- whole points per name
SELECT influence_tier(score), min(score), max(score) FROM generate_series(1, 100) score GROUP BY 1 ORDER BY 2;
SELECT influence_bucket(score), min(score), max(score) FROM generate_series(1, 100) score GROUP BY 1 ORDER BY 2;

-- a person without a score
SELECT influence_tier(NULL) IS NULL AS tier, influence_bucket(NULL) IS NULL AS bucket;

-- what is refused
SELECT pg_temp.failure(format('SELECT %s(%L::float8)', f, score))
FROM unnest(ARRAY['influence_tier', 'influence_bucket']) f,
	unnest(ARRAY['0', '0.9999999', '100.00001', '-1', 'NaN', 'Infinity', '-Infinity']) score;

SELECT proname, provolatile, proisstrict, proparallel FROM pg_proc WHERE proname IN ('influence_tier', 'influence_bucket') ORDER BY proname;
