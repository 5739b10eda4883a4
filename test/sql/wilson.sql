-- influence_wilson(): lower bound of a proportion
SET extra_float_digits = 0;

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

-- independently computed values, at z = 1.96 where 95 % is 1.959964
SELECT successes, trials, round(influence_wilson(successes, trials)::numeric, 5) AS lower,
	abs(influence_wilson(successes, trials) - known) < 1e-5 AS as_known
FROM (VALUES (1, 1, .206543), (9, 10, .595844), (90, 100, .825633), (100, 1000, .082909)) facts(successes, trials, known);

-- the same at exactly 1.96, whose two-sided confidence is this
SELECT successes, trials, round(influence_wilson(successes, trials, 0.950004209703559)::numeric, 6) AS lower
FROM (VALUES (1, 1), (9, 10), (90, 100), (100, 1000)) facts(successes, trials);

-- the textbook formula agrees
SELECT max(abs(influence_wilson(s, n) -
	(s / n + z * z / (2 * n) - z * sqrt(s / n * (1 - s / n) / n + z * z / (4 * n * n))) / (1 + z * z / n))) < 1e-14 AS agrees
FROM (SELECT s::float8, n::float8, 1.9599639845400542::float8 AS z
	FROM generate_series(1, 60) n, generate_series(0, 60) s WHERE s <= n) grid;

-- more trials at the same share raise it, up to the share; more confidence lowers it
SELECT bool_and(influence_wilson(n + 1, 2 * n + 2) > influence_wilson(n, 2 * n)) AS trials_raise,
	bool_and(influence_wilson(n, 2 * n) < 0.5) AS below_share,
	bool_and(influence_wilson(n, 2 * n, 0.99) < influence_wilson(n, 2 * n, 0.95)) AS confidence_lowers
FROM generate_series(1, 200) n;

-- the ends
SELECT influence_wilson(0, 0) AS no_trials, influence_wilson(0, 10) AS no_successes,
	influence_wilson(1, 1, 1e-300) AS no_confidence, influence_wilson(5, 10, 1 - 1e-16) > 0 AS nearly_sure,
	influence_wilson(1e-300, 1e300) AS tiny, influence_wilson(5e-324, 99, 5e-324) AS tiniest, influence_wilson(1.7e308, 1.7e308) AS huge;

-- NULL in each argument
SELECT influence_wilson(NULL, 1, 0.9) IS NULL AS successes, influence_wilson(1, NULL, 0.9) IS NULL AS trials, influence_wilson(1, 1, NULL) IS NULL AS confidence;

-- what is refused
SELECT pg_temp.failure(format('SELECT influence_wilson(%s)', arguments))
FROM unnest(ARRAY['-1, 10', '11, 10', '1, 0', '1, -1', '''NaN'', 1', '1, ''NaN''', '''Infinity'', 1', '1, ''Infinity''',
	'1, 2, 0', '1, 2, 1', '1, 2, -0.5', '1, 2, 95', '1, 2, ''NaN''', '1, 2, ''Infinity''']) arguments;

SELECT proname, provolatile, proisstrict, proparallel FROM pg_proc WHERE proname = 'influence_wilson';
