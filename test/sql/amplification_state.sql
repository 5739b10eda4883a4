-- influence_amplification_agg() and its state: two-step amplification
SET extra_float_digits = 0;
SET timezone = 'UTC';

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

-- 2,000 rows of 10 people over 400 days, from before to after 2000-01-01
CREATE TABLE amplification_rows AS
SELECT i % 10 AS person, i % 7 < 3 AS is_share, i / 20 AS post,
	timestamptz '1999-08-01 00:00+00' + ((i * 7919) % 9600) * interval '1 hour' + (i % 977) * interval '1 microsecond' AS occurred_at
FROM generate_series(1, 2000) i;

-- the same counts by hand: 2^(-age / half-life)
CREATE FUNCTION pg_temp.by_hand(of_person int, as_of timestamptz, half_life interval) RETURNS float8 LANGUAGE sql AS $$
	SELECT 1 - exp(-(coalesce(sum(w) FILTER (WHERE is_share), 0) + 0.5) / (coalesce(sum(w) FILTER (WHERE NOT is_share), 0) + 5))
	FROM (SELECT is_share, 2.0::float8 ^ greatest(-extract(epoch FROM as_of - occurred_at)::float8 / extract(epoch FROM half_life)::float8, -1000) AS w
		FROM amplification_rows WHERE person = of_person) weighed
$$;

-- one share and one post, one half-life apart: 1 share and 0.5 posts are left
SELECT abs(influence_amplification(influence_amplification_agg(is_share, post, at, '1 day'), '2020-01-02') - (1 - exp(-1.5 / 5.5))) < 1e-15 AS at_last_row,
	abs(influence_amplification(influence_amplification_agg(is_share, post, at, '1 day'), '2020-01-03', 0, 0) - (1 - exp(-0.5 / 0.25))) < 1e-15 AS a_day_later
FROM (VALUES (false, 1, timestamptz '2020-01-01'), (true, 1, '2020-01-02')) rows(is_share, post, at);

-- equal to the sums by hand, for several half-lives and moments of reading
SELECT half_life, max(abs(influence_amplification(state, as_of) - pg_temp.by_hand(person, as_of, half_life))) < 1e-12 AS equal
FROM unnest(ARRAY[interval '1 hour', '17 hours 3 minutes', '1 day', '1 month', '1826 days', '36500000 days']) half_life,
	LATERAL (SELECT person, influence_amplification_agg(is_share, post, occurred_at, half_life) AS state FROM amplification_rows GROUP BY person) states,
	unnest(ARRAY[timestamptz '2000-09-04', '2001-01-01 12:34:56.789', '2030-01-01']) as_of
GROUP BY half_life ORDER BY half_life;

-- 100 reactions on 10 posts beat 100 on 1,000
SELECT influence_amplification(few, '2020-02-01') > influence_amplification(many, '2020-02-01') AS few_posts_win
FROM (SELECT influence_amplification_agg(i > 10, i, '2020-01-01', '30 days') FROM generate_series(1, 110) i) a(few),
	(SELECT influence_amplification_agg(i > 1000, i, '2020-01-01', '30 days') FROM generate_series(1, 1100) i) b(many);

-- the order of rows does not matter
SELECT max(abs(influence_amplification(up, '2001-01-01') - influence_amplification(down, '2001-01-01'))) < 1e-14 AS down,
	max(abs(influence_amplification(up, '2001-01-01') - influence_amplification(mixed, '2001-01-01'))) < 1e-14 AS mixed
FROM (SELECT influence_amplification_agg(is_share, post, occurred_at, '10 days' ORDER BY occurred_at) AS up,
		influence_amplification_agg(is_share, post, occurred_at, '10 days' ORDER BY occurred_at DESC) AS down,
		influence_amplification_agg(is_share, post, occurred_at, '10 days' ORDER BY md5(occurred_at::text)) AS mixed
	FROM amplification_rows GROUP BY person) orders;

-- uuid and text posts, and posts without an id
SELECT influence_amplification_agg(is_share, post, occurred_at, '10 days')::text = influence_amplification_agg(is_share, post::text, occurred_at, '10 days')::text AS text,
	influence_amplification_agg(is_share, post, occurred_at, '10 days')::text = influence_amplification_agg(is_share, md5(post::text)::uuid, occurred_at, '10 days')::text AS uuid,
	influence_amplification_agg(is_share, post, occurred_at, '10 days')::text = influence_amplification_agg(is_share, NULL::bigint, occurred_at, '10 days')::text AS no_id
FROM amplification_rows;

-- rows that were read twice can be dropped
SELECT influence_amplification_agg(DISTINCT is_share, post, at, '1 day') FROM (VALUES (true, 1, timestamptz '2000-01-01'), (true, 1, '2000-01-01'), (true, 2, '2000-01-01')) rows(is_share, post, at);

-- NULL in each argument, and no rows
SELECT influence_amplification_agg(is_share, 1, at, '1 day') FROM (VALUES (true, timestamptz '2000-01-01'), (NULL, '2000-01-02'), (false, NULL), (NULL, NULL)) rows(is_share, at);
SELECT influence_amplification_agg(NULL, 1, '2000-01-01', '1 day') IS NULL AS only_nulls FROM generate_series(1, 3);
SELECT influence_amplification_agg(true, 1, '2000-01-01', '1 day') IS NULL AS no_rows, influence_rollup(NULL::influence_amplification_state) IS NULL AS no_states FROM generate_series(1, 0);
SELECT influence_amplification(NULL::influence_amplification_state, '2000-01-01') IS NULL AS state,
	influence_amplification(s, NULL) IS NULL AS as_of, influence_amplification(s, '2000-01-01', NULL) IS NULL AS prior_shares,
	influence_amplification(s, '2000-01-01', 1, NULL) IS NULL AS prior_posts
FROM influence_amplification_accum(NULL, true, 1::bigint, '2000-01-01', '1 day') s;
SELECT pg_temp.failure('SELECT influence_amplification_agg(true, 1, ''2000-01-01'', NULL)');

-- rollup of daily states equals one aggregate; NULL states are skipped
SELECT max(abs(influence_amplification(rolled, '2001-01-01') - pg_temp.by_hand(person, '2001-01-01', '10 days'))) < 1e-12 AS equal
FROM (SELECT person, influence_rollup(state ORDER BY md5(day::text)) AS rolled
	FROM (SELECT person, occurred_at::date AS day, influence_amplification_agg(is_share, post, occurred_at, '10 days') AS state
		FROM amplification_rows GROUP BY 1, 2 UNION ALL SELECT generate_series(0, 9), NULL, NULL) days
	GROUP BY person) states;

-- a running aggregate: each row has a state of its own
SELECT count(DISTINCT state::text), bool_and(influence_amplification(state, '2001-01-01') IS NOT NULL)
FROM (SELECT influence_amplification_agg(is_share, post, occurred_at, '10 days') OVER (ORDER BY occurred_at, post) AS state
	FROM amplification_rows WHERE person = 3 AND is_share) running;
SELECT state FROM (SELECT i, influence_amplification_agg(i % 2 = 0, i, '2000-01-01', '1 day') OVER (ORDER BY i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS state
	FROM generate_series(1, 4) i) sliding ORDER BY i;

-- a parallel plan gives the same
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
ALTER TABLE amplification_rows SET (parallel_workers = 2);
ANALYZE amplification_rows;
EXPLAIN (COSTS OFF) SELECT influence_amplification_agg(is_share, post, occurred_at, '10 days') FROM amplification_rows;
CREATE TABLE amplification_parallel AS SELECT person, influence_amplification_agg(is_share, post, occurred_at, '10 days') AS state FROM amplification_rows GROUP BY person;
EXPLAIN (COSTS OFF) SELECT influence_rollup(state) FROM amplification_parallel;
SET max_parallel_workers_per_gather = 0;
SELECT max(abs(influence_amplification(p.state, '2001-01-01') - influence_amplification(s.state, '2001-01-01'))) < 1e-14 AS same, count(*)
FROM amplification_parallel p JOIN (SELECT person, influence_amplification_agg(is_share, post, occurred_at, '10 days') AS state
	FROM amplification_rows GROUP BY person) s USING (person);

-- text round trip, exact in spite of extra_float_digits
SELECT bool_and(influence_amplification_state_send(state::text::influence_amplification_state) = influence_amplification_state_send(state)) AS exact FROM amplification_parallel;
SELECT '1:86400000000:-1:0:1.5'::influence_amplification_state, '1:1:9223371331199999999:1e+300:1.5'::influence_amplification_state;

-- binary input of any bytes, through COPY
CREATE TABLE amplification_binary (state influence_amplification_state);
CREATE FUNCTION pg_temp.receive(bytes bytea) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	-- signature, flags, extension; one column; the value; the end
	file bytea := '\x5047434f50590aff0d0a00'::bytea || int4send(0) || int4send(0) || int2send(1::int2) || int4send(length(bytes)) || bytes || int2send((-1)::int2);
	octal text;
BEGIN
	SELECT string_agg('\' || (get_byte(file, i) / 64) || (get_byte(file, i) / 8 % 8) || (get_byte(file, i) % 8), '' ORDER BY i) INTO octal FROM generate_series(0, length(file) - 1) i;
	EXECUTE format('COPY amplification_binary FROM PROGRAM %L (FORMAT binary)', format('printf ''%s''', octal));
END $$;
SELECT pg_temp.receive(influence_amplification_state_send(state)) FROM amplification_parallel;
SELECT count(*) AS exact FROM amplification_binary b JOIN amplification_parallel p ON b.state::text = p.state::text;

SELECT what, pg_temp.failure(format('SELECT pg_temp.receive(%L)', bytes))
FROM (VALUES ('empty', ''::bytea), ('short', '\x01'), ('no header', '\xffffffffffffffffffffff'),
	('version', '\x02' || int8send(1) || int8send(0) || float8send(1) || float8send(1)),
	('half-life 0', '\x01' || int8send(0) || int8send(0) || float8send(1) || float8send(1)),
	('half-life < 0', '\x01' || int8send(-1) || int8send(0) || float8send(1) || float8send(1)),
	('half-life huge', '\x01' || int8send(9223372036854775807) || int8send(0) || float8send(1) || float8send(1)),
	('infinity', '\x01' || int8send(1) || int8send(9223372036854775807) || float8send(1) || float8send(1)),
	('-infinity', '\x01' || int8send(1) || int8send((-9223372036854775808)::bigint) || float8send(1) || float8send(1)),
	('NaN', '\x01' || int8send(1) || int8send(0) || float8send('NaN') || float8send(1)),
	('Infinity', '\x01' || int8send(1) || int8send(0) || float8send(1) || float8send('Infinity')),
	('negative', '\x01' || int8send(1) || int8send(0) || float8send(-1) || float8send(1)),
	('minus zero', '\x01' || int8send(1) || int8send(0) || float8send('-0') || float8send(1)),
	('no rows', '\x01' || int8send(1) || int8send(0) || float8send(0) || float8send(0)),
	('one byte more', '\x01' || int8send(1) || int8send(0) || float8send(1) || float8send(1) || '\x00')) hostile(what, bytes);

-- text input of anything
SELECT pg_temp.failure(format('SELECT %L::influence_amplification_state', input))
FROM unnest(ARRAY['', ' ', 'x', '1', '1:', '1:1', '1:1:0:1', '1:1:0:1:', '1:1:0:1:1:', '1:1:0:1:1 ', ' 1:1:0:1:1', '1: 1:0:1:1', '1:1:0:1:1x', ':1:0:1:1', '1:1:0::1',
	'0:1:0:1:1', '2:1:0:1:1', '257:1:0:1:1', '-1:1:0:1:1', '1:0:0:1:1', '1:-1:0:1:1', '1:9223372036854775807:0:1:1', '1:9223372036854775808:0:1:1',
	'1:1:9223372036854775807:1:1', '1:1:-9223372036854775808:1:1', '1:1:99999999999999999999:1:1',
	'1:1:0:nan:1', '1:1:0:inf:1', '1:1:0:1:-inf', '1:1:0:1e999:1', '1:1:0:-1:1', '1:1:0:-0:1', '1:1:0:0x10:1', '1:1:0:0.5:0.5', '1:1:0:e:1', '1.0:1:0:1:1']) input;

-- support functions called directly
SELECT influence_amplification_accum(NULL, NULL, 1::bigint, NULL, NULL) IS NULL AS nothing,
	influence_amplification_accum('1:1:0:1:1', NULL, 'x'::text, NULL, NULL) AS kept,
	influence_amplification_accum('1:86400000000:0:1:0', false, '00000000-0000-0000-0000-000000000001'::uuid, '2000-01-03', '1 day') AS added,
	influence_amplification_combine(NULL, NULL) IS NULL AS empty_empty,
	influence_amplification_combine('1:1:0:1:1', NULL) AS first,
	influence_amplification_combine(NULL, '1:1:0:1:1') AS second,
	influence_amplification_combine('1:1:0:1:1', '1:1:3:1:1') AS older_newer,
	influence_amplification_combine('1:1:3:1:1', '1:1:0:1:1') AS newer_older;
-- called directly they leave their arguments alone
SELECT influence_amplification_combine(state, state) IS NOT NULL AS combined, state
FROM (VALUES ('1:1:0:1:1'::influence_amplification_state)) one(state);
SELECT influence_amplification_combine('1:1:-211813488000000000:1:1', '1:1:9223371331199999999:1:1') AS far_apart,
	influence_amplification('1:1:-211813488000000000:1:1'::influence_amplification_state, '294276-12-31 23:59:59.999999') = influence_amplification(0, 0) AS nothing_left;
SELECT pg_temp.failure(format('SELECT influence_amplification_combine(%L, %L)', a, b))
FROM (VALUES ('1:1:0:1:1', '1:2:0:1:1'), ('1:1:0:1e308:1', '1:1:0:1e308:1')) states(a, b);

-- bytes of another type: every function refuses them
CREATE CAST (path AS influence_amplification_state) WITHOUT FUNCTION;
SELECT query, pg_temp.failure(format('SELECT %s', replace(query, 'garbage', '''((0,0),(1,1))''::path::influence_amplification_state')))
FROM unnest(ARRAY['influence_amplification_state_out(garbage)', 'influence_amplification_state_send(garbage)',
	'influence_amplification(garbage, ''2020-01-01'')', 'influence_amplification_combine(garbage, NULL)', 'influence_amplification_combine(NULL, garbage)',
	'influence_amplification_combine(''1:1:0:1:1'', garbage)', 'influence_amplification_accum(garbage, true, 1::bigint, ''2020-01-01'', ''1 day'')',
	'influence_rollup(garbage)']) query;
DROP CAST (path AS influence_amplification_state);

-- half-lives that differ, or that are none
SELECT pg_temp.failure('SELECT influence_amplification_agg(true, 1, ''2000-01-01'', i * interval ''1 day'') FROM generate_series(1, 2) i');
SELECT pg_temp.failure('SELECT influence_rollup(state) FROM (SELECT influence_amplification_agg(true, 1, ''2000-01-01'', i * interval ''1 day'') AS state FROM generate_series(1, 2) i GROUP BY i) states');
SELECT pg_temp.failure(format('SELECT influence_amplification_agg(true, 1, ''2000-01-01'', %L)', half_life))
FROM unnest(ARRAY['0', '-1 day', '1 month -30 days', '178000000 years', '-178000000 years']) half_life;
SELECT influence_amplification_agg(true, 1, '2000-01-01', '1 month')::text = influence_amplification_agg(true, 1, '2000-01-01', '30 days')::text AS month_is_30_days;

-- moments that are none, and reading before the last row
SELECT pg_temp.failure('SELECT influence_amplification_agg(true, 1, ''infinity'', ''1 day'')');
SELECT pg_temp.failure('SELECT influence_amplification_agg(true, 1, ''-infinity'', ''1 day'')');
SELECT pg_temp.failure(format('SELECT influence_amplification(%L::influence_amplification_state, %L)', '1:86400000000:86400000000:1:1', as_of))
FROM unnest(ARRAY['2000-01-01', 'infinity', '-infinity', '2000-01-02']) as_of;
SELECT pg_temp.failure(format('SELECT influence_amplification(''1:1:0:1:1''::influence_amplification_state, ''2020-01-01'', %s)', priors)) FROM unnest(ARRAY['-1', '1, -1', '''NaN''', '1, ''Infinity''']) priors;

-- no internal state, parallel safe
SELECT proname, aggtranstype::regtype, aggcombinefn IS NOT NULL AS combines, proparallel, provolatile
FROM pg_aggregate JOIN pg_proc p ON p.oid = aggfnoid WHERE aggtranstype = 'influence_amplification_state'::regtype ORDER BY 1, pg_get_function_identity_arguments(p.oid);
-- every object has a comment
SELECT count(*) AS without_comment FROM pg_proc WHERE proname ~ '^influence_(amplification|wilson|tier|bucket)' AND obj_description(oid, 'pg_proc') IS NULL;

DROP TABLE amplification_rows, amplification_parallel, amplification_binary;
