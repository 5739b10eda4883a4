-- influence_amplification(shares, posts): probability that a post is shared
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

-- the formula, with and without the prior
SELECT abs(influence_amplification(0, 0) - (1 - exp(-0.1))) < 1e-15 AS prior_alone,
	abs(influence_amplification(100, 10) - (1 - exp(-100.5 / 15))) < 1e-15 AS defaults,
	abs(influence_amplification(3, 4, 1, 2) - (1 - exp(-4.0 / 6))) < 1e-15 AS own_prior,
	influence_amplification(shares => 3, posts => 4, prior_shares => 0, prior_posts => 0) AS no_prior;

-- 100 reactions on 10 posts beat 100 on 1,000
SELECT influence_amplification(100, 10) > influence_amplification(100, 1000) AS few_posts_win;

-- more shares raise it, more posts without shares lower it
SELECT bool_and(influence_amplification(n + 1, 20) > influence_amplification(n, 20)) AS shares_raise,
	bool_and(influence_amplification(5, n + 1) < influence_amplification(5, n)) AS posts_lower
FROM generate_series(0, 100) n;

-- one lucky post is no habit
SELECT influence_amplification(1, 1) < influence_amplification(90, 100) AS habit_wins;

-- small rates keep their digits
SELECT influence_amplification(1e-20, 1, 0, 1);

-- no posts at all, and the largest of numbers
SELECT influence_amplification(0, 0, 0, 0) AS nothing, influence_amplification(1, 0, 0, 0) AS only_shares,
	influence_amplification(1.7e308, 1.7e308, 1.7e308, 1.7e308) AS huge,
	influence_amplification(1e308, 1e-308, 0, 0) AS certain;

-- NULL in each argument
SELECT influence_amplification(NULL::float8, 1, 1, 1) IS NULL AS shares, influence_amplification(1, NULL::float8, 1, 1) IS NULL AS posts,
	influence_amplification(1, 1, NULL, 1) IS NULL AS prior_shares, influence_amplification(1, 1, 1, NULL) IS NULL AS prior_posts;

-- what is refused
SELECT pg_temp.failure(format('SELECT influence_amplification(%s)', arguments))
FROM unnest(ARRAY['-1, 1', '1, -0.5', '1, 1, -1', '1, 1, 1, -1',
	'''NaN''::float8, 1', '1, ''NaN''::float8', '1, 1, ''NaN''', '1, 1, 1, ''NaN''',
	'''Infinity''::float8, 1', '1, ''Infinity''::float8', '1, 1, ''-Infinity''', '1, 1, 1, ''Infinity''']) arguments;

SELECT proname, provolatile, proisstrict, proparallel FROM pg_proc WHERE oid = 'influence_amplification(float8, float8, float8, float8)'::regprocedure;
