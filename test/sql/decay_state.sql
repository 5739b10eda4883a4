-- influence_decay_state, its aggregates and its accessors
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

-- report SQLSTATE, message, detail and hint of a failing query
CREATE FUNCTION pg_temp.try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE query INTO result;
	RETURN coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ': ' || concat_ws(' | ', message, nullif(detail, ''), nullif(hint, ''));
END $$;

-- 10 and 10 one unit later, read at the later moment: a half-life of one unit gives 15,
-- a time constant of one unit (half-life: ln 2 units) gives 13.678794411714424
SELECT round(influence_decayed_sum(state, '2024-01-01 01:00')::numeric, 9) AS sum,
	round(influence_decayed_count(state, '2024-01-01 01:00')::numeric, 9) AS count,
	influence_last_at(state),
	round(influence_decayed_sum(state, '2024-01-01 02:00')::numeric, 9) AS an_hour_later,
	influence_decayed_sum(state, 'infinity') AS in_the_end
FROM (SELECT influence_decay_agg(10, t, '1 hour') AS state
	FROM (VALUES ('2024-01-01 00:00'::timestamptz), ('2024-01-01 01:00')) v(t)) x;
SELECT round(influence_decayed_sum(influence_decay_agg(10, t, interval '1000 hours' * ln(2::float8)), '2024-02-11 16:00')::numeric, 9)
FROM (VALUES ('2024-01-01 00:00'::timestamptz), ('2024-02-11 16:00')) v(t);

CREATE TABLE decay_rows AS
	SELECT i, i % 100 AS u, i % 7 AS part, (i * 7919 % 1000) / 10.0::float8 AS value,
		timestamptz '2024-01-01 00:00+00' + i * 7919 % 100003 * interval '77 seconds' AS occurred_at
	FROM generate_series(1, 20000) i;
ANALYZE decay_rows;
CREATE TABLE decay_serial AS
	SELECT u, influence_decay_agg(value, occurred_at, '1 week') AS state,
		sum(value * influence_decay(occurred_at, '2024-04-01', '1 week')) AS sum,
		sum(influence_decay(occurred_at, '2024-04-01', '1 week')) AS count,
		max(occurred_at) AS last_at
	FROM decay_rows GROUP BY u;

-- both states read the same
CREATE FUNCTION pg_temp.same(a influence_decay_state, b influence_decay_state) RETURNS boolean LANGUAGE sql AS $$
	SELECT influence_last_at(a) = influence_last_at(b)
		AND abs(influence_decayed_sum(a, '2024-04-01') / influence_decayed_sum(b, '2024-04-01') - 1) < 1e-9
		AND abs(influence_decayed_count(a, '2024-04-01') / influence_decayed_count(b, '2024-04-01') - 1) < 1e-9
$$;

-- the state reads as its definition says
SELECT count(*) AS users, bool_and(influence_last_at(state) = last_at) AS last_at,
	bool_and(abs(influence_decayed_sum(state, '2024-04-01') / sum - 1) < 1e-9) AS sum,
	bool_and(abs(influence_decayed_count(state, '2024-04-01') / count - 1) < 1e-9) AS count
FROM decay_serial;

-- the order of rows does not matter
SELECT bool_and(pg_temp.same(s.state, o.up) AND pg_temp.same(s.state, o.down) AND pg_temp.same(s.state, o.mixed)) AS equal
FROM (SELECT u, influence_decay_agg(value, occurred_at, '1 week' ORDER BY occurred_at) AS up,
		influence_decay_agg(value, occurred_at, '1 week' ORDER BY occurred_at DESC) AS down,
		influence_decay_agg(value, occurred_at, '1 week' ORDER BY md5(i::text)) AS mixed
	FROM decay_rows GROUP BY u) o JOIN decay_serial s USING (u);

-- nor do batches: roll-up of parts equals the whole
CREATE TABLE decay_parts AS
	SELECT u, part, influence_decay_agg(value, occurred_at, '168 hours') AS state FROM decay_rows GROUP BY u, part
	UNION ALL SELECT u, NULL, NULL FROM decay_serial;
SELECT count(*) AS users, bool_and(pg_temp.same(r.state, s.state)) AS equal
FROM (SELECT u, influence_rollup(state) AS state FROM decay_parts GROUP BY u) r JOIN decay_serial s USING (u);

-- nor does a parallel plan
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT influence_decay_agg(value, occurred_at, '1 week') FROM decay_rows;
SELECT count(*) AS users, bool_and(pg_temp.same(p.state, s.state)) AS equal
FROM (SELECT u, influence_decay_agg(value, occurred_at, '1 week') AS state FROM decay_rows GROUP BY u) p JOIN decay_serial s USING (u);
SELECT pg_temp.same(p.state, s.state) AS equal
FROM (SELECT influence_decay_agg(value, occurred_at, '1 week') AS state FROM decay_rows) p,
	(SELECT influence_rollup(state) AS state FROM decay_serial) s;
EXPLAIN (COSTS OFF) SELECT influence_rollup(state) FROM decay_parts;
SELECT pg_temp.same(p.state, s.state) AS equal
FROM (SELECT influence_rollup(state) AS state FROM decay_parts) p,
	(SELECT influence_rollup(state ORDER BY u DESC) AS state FROM decay_serial) s;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- as a window aggregate: changing the state in place does not spoil earlier rows
SELECT t, round(influence_decayed_sum(state, '2024-01-04')::numeric, 9) AS sum, round(influence_decayed_count(state, '2024-01-04')::numeric, 9) AS count
FROM (SELECT t, influence_decay_agg(8, t, '1 day') OVER (ORDER BY t) AS state
	FROM generate_series('2024-01-01'::timestamptz, '2024-01-04', '1 day') t OFFSET 0) x ORDER BY t DESC;
SELECT t, round(influence_decayed_sum(influence_decay_agg(8, t, '1 day') OVER (ORDER BY t ROWS 1 PRECEDING), '2024-01-04')::numeric, 9) AS sum
FROM generate_series('2024-01-01'::timestamptz, '2024-01-04', '1 day') t;
-- nor does merging into a stored state
SELECT influence_decay_state_combine(state, state) IS NOT NULL AS merged, state::text = before AS unchanged
FROM (SELECT state, state::text AS before FROM decay_serial WHERE u = 1 OFFSET 0) x;

-- NULL rows are skipped, groups without rows are NULL
SELECT influence_decay_agg(v, t, '1 day') FROM (VALUES (NULL::float8, '2024-01-01'::timestamptz), (1, NULL)) x(v, t);
SELECT influence_decay_agg(v, t, h) IS NOT NULL AS one_row
FROM (VALUES (NULL::float8, '2024-01-01'::timestamptz, NULL::interval), (1, '2024-01-01', '1 day')) x(v, t, h);
SELECT influence_decay_agg(1, now(), '1 day') FROM (SELECT WHERE false) x;
SELECT influence_rollup(state) FROM (VALUES (NULL::influence_decay_state), (NULL)) x(state);
SELECT influence_decay_state_combine(NULL, NULL) IS NULL AS none,
	influence_decay_state_combine(state, NULL)::text = state::text AS one,
	influence_decay_state_combine(NULL, state)::text = state::text AS other
FROM decay_serial WHERE u = 1;

-- a single row can be added to a stored state
SELECT round(influence_decayed_sum(influence_decay_state_transition(state, 1, '2024-01-02', '1 day'), '2024-01-02')::numeric, 9) AS sum
FROM (SELECT influence_decay_state_transition(NULL, 8, '2024-01-01', '1 day') AS state) x;

-- errors of rows
SELECT pg_temp.try($$SELECT influence_decay_agg('NaN', now(), '1 day')$$);
SELECT pg_temp.try($$SELECT influence_decay_agg('infinity', now(), '1 day')$$);
SELECT pg_temp.try($$SELECT influence_decay_agg('-infinity', now(), '1 day')$$);
SELECT pg_temp.try($$SELECT influence_decay_agg(1, 'infinity', '1 day')$$);
SELECT pg_temp.try($$SELECT influence_decay_agg(1, '-infinity', '1 day')$$);
SELECT pg_temp.try($$SELECT influence_decay_agg(1, now(), NULL)$$);
SELECT pg_temp.try($$SELECT influence_decay_agg(1, now(), '0')$$);
SELECT pg_temp.try($$SELECT influence_decay_agg(1, now(), '-1 day')$$);
SELECT pg_temp.try($$SELECT influence_decay_agg(1, now(), '400000 years')$$);
SELECT pg_temp.try($$SELECT influence_decay_agg(1.7e308, now(), '1 day') FROM generate_series(1, 5)$$);
-- half-lives that differ
SELECT pg_temp.try($$SELECT influence_decay_agg(1, now(), h) FROM (VALUES ('1 day'::interval), ('36 hours')) v(h)$$);
SELECT pg_temp.try($$SELECT influence_rollup(s) FROM (SELECT influence_decay_agg(1, now(), h) AS s
	FROM (VALUES ('1 day'::interval), ('1 day 0.000001 seconds')) v(h) GROUP BY h ORDER BY h) x$$);
SELECT influence_decay_agg(1, '2024-01-01', h) IS NOT NULL AS equal_half_lives FROM (VALUES ('1 month'::interval), ('30 days'), ('720 hours')) v(h);
-- a moment before the last row
SELECT pg_temp.try($$SELECT influence_decayed_sum(influence_decay_agg(1, '2024-01-02', '1 day'), '2024-01-01')$$);
SELECT pg_temp.try($$SELECT influence_decayed_count(influence_decay_agg(1, '2024-01-02', '1 day'), '-infinity')$$);

-- extreme dates and half-lives
SELECT half_life, influence_last_at(state),
	influence_decayed_sum(state, '294276-12-31 23:59:59.999999')::numeric(12, 9) AS sum,
	influence_decayed_count(state, '294276-12-31 23:59:59.999999')::numeric(12, 9) AS count,
	state::text::influence_decay_state::text = state::text AS round_trip
FROM (SELECT half_life, influence_decay_agg(v, t, half_life) AS state
	FROM (VALUES (1, '294276-12-31 23:59:59.999999'::timestamptz), (5, '4714-11-24 00:00 BC'), (3, '0001-01-01 BC'), (2, '294276-12-31')) x(v, t),
		unnest('{00:00:00.000001,1 second,12 hours,1 year,285000 years}'::interval[]) half_life
	GROUP BY half_life) y ORDER BY half_life;
SELECT influence_decayed_sum(influence_decay_agg(1.7e308, '2024-01-01', '1 day'), '2024-01-01') / 1.7e308 AS largest_value;
-- a value that is large enough survives a thousand half-lives, whatever comes first
SELECT round((influence_decayed_sum(influence_decay_agg(v, t, '1 hour' ORDER BY t), '2024-01-01') * 1e13)::numeric, 9) AS up,
	round((influence_decayed_sum(influence_decay_agg(v, t, '1 hour' ORDER BY t DESC), '2024-01-01') * 1e13)::numeric, 9) AS down
FROM (VALUES (0, '2024-01-01'::timestamptz), (1e300, '2024-01-01'::timestamptz - interval '1040 hours')) x(v, t);

-- text: exact, readable, the same whatever the settings
SELECT influence_decay_agg(7, t, '0.25 seconds') FROM (VALUES ('2014-10-16 00:00:00.25'::timestamptz)) v(t);
SELECT influence_decay_agg(-1, t, '0.5 seconds') FROM (VALUES ('1969-12-31 23:59:59.5'::timestamptz)) v(t);
SELECT influence_decay_agg(1, t, '1 second') FROM (VALUES ('1969-12-31 23:59:50'::timestamptz)) v(t);
SELECT influence_decay_agg(1, t, '0.000001 seconds') FROM (VALUES ('1969-12-31 23:59:48.499999'::timestamptz)) v(t);
SET extra_float_digits = -5;
SET timezone = 'Asia/Tokyo';
SET datestyle = 'SQL, DMY';
SELECT bool_and(state::text::influence_decay_state::text = state::text) AS text,
	bool_and(influence_decay_state_send(state::text::influence_decay_state) = influence_decay_state_send(state)) AS exact
FROM decay_serial;
RESET extra_float_digits;
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- binary: 49 bytes, network byte order
SELECT influence_decay_state_send(influence_decay_agg(7, '2000-01-01 00:00:01', '1 second')) AS bytes;
-- receive a column of states from a binary COPY, which printf writes
CREATE TEMP TABLE received (state influence_decay_state);
CREATE FUNCTION pg_temp.receive(fields bytea[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	-- signature, flags, extension; per row one field with its length; trailer
	file bytea := '\x5047434f50590aff0d0a000000000000000000'::bytea
		|| (SELECT string_agg('\x0001'::bytea || int4send(length(field)) || field, '' ORDER BY position)
			FROM unnest(fields) WITH ORDINALITY f(field, position)) || '\xffff'::bytea;
	octal text := (SELECT string_agg(format('\0%s%s%s', byte / 64, byte / 8 % 8, byte % 8), '' ORDER BY i)
		FROM generate_series(0, length(file) - 1) i, get_byte(file, i) byte);
BEGIN
	EXECUTE format('COPY received FROM PROGRAM %L (FORMAT binary)', format('printf %%b ''%s''', octal));
END $$;
SELECT pg_temp.receive(array_agg(influence_decay_state_send(state) ORDER BY u)) FROM decay_serial WHERE u < 50;
SELECT count(*) AS users, bool_and(influence_decay_state_send(r.state) = influence_decay_state_send(s.state)) AS exact
FROM (SELECT row_number() OVER () - 1 AS u, state FROM received) r JOIN decay_serial s USING (u);

-- hostile text
SELECT input, replace(pg_temp.try(format('SELECT %L::influence_decay_state', input)),
	format('invalid input syntax for type influence_decay_state: "%s" | ', input), '') AS result
FROM unnest(ARRAY[
	'', ' ', 'v', 'garbage', 'v1', '1',
	'v2 half_life=1 last_at=0 sum=0.5 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=1 last_at=0 sum=0.5 sum_low=0 count=0.5 count_low=',
	'v1 half_life=1 last_at=0 sum=0.5 sum_low=0 count=0.5 count_low=0 ',
	' v1 half_life=1 last_at=0 sum=0.5 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=1 last_at=0 sum=0.5 sum_low=0 count=0.5 count_low=0 more=1',
	'v1 half_life=0 last_at=0 sum=0.5 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=-1 last_at=0 sum=0.5 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=1. last_at=0 sum=0.5 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=.5 last_at=0 sum=0.5 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=0.0000001 last_at=0 sum=0.5 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=9000000000001 last_at=0 sum=0.5 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=99999999999999 last_at=0 sum=0.5 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=99999999999999999999999999999 last_at=0 sum=0.5 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=NaN last_at=0 sum=0.5 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=1 last_at=infinity sum=0.5 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=1 last_at=- sum=0.5 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=1 last_at=--1 sum=0.5 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=1 last_at=9224318016000 sum=0.5 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=1 last_at=-210866803201 sum=0.5 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=1 last_at=-922337203685477580 sum=0.5 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=1 last_at=0 sum=NaN sum_low=0 count=0.5 count_low=0',
	'v1 half_life=1 last_at=0 sum=-inf sum_low=0 count=0.5 count_low=0',
	'v1 half_life=1 last_at=0 sum=1e999 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=1 last_at=0 sum=+1 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=1 last_at=0 sum= 1 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=1 last_at=0 sum=- sum_low=0 count=0.5 count_low=0',
	'v1 half_life=1 last_at=0 sum=1 sum_low=1 count=0.5 count_low=0',
	'v1 half_life=1 last_at=0 sum=1 sum_low=0 count=-1 count_low=0',
	'v1 half_life=1 last_at=0 sum=1 sum_low=0 count=0 count_low=0',
	'v1 half_life=1 last_at=0 sum=1 sum_low=0 count=1 count_low=-0.5',
	'v1 half_life=1 last_at=0 sum=1 sum_low=0 count=1 count_low=nan',
	'V1 half_life=1 last_at=0 sum=0.5 sum_low=0 count=0.5 count_low=0',
	'v1 half_life=1 last_at=0 sum=0.5 sum_low=0 count=0.5 count_low=0']) input;

-- hostile bytes: each field of a good state spoilt
SELECT what, pg_temp.try(format('SELECT pg_temp.receive(ARRAY[%L::bytea])', bytes)) AS result
FROM (SELECT '\x01'::bytea AS version, int8send(3600000000) AS half_life, int8send(0) AS last_at,
		float8send(0.5) AS half, float8send(0) AS zero) g,
	LATERAL (VALUES
	('good', version || half_life || last_at || half || zero || half || zero),
	('empty', ''::bytea),
	('version only', version),
	('truncated', substr(version || half_life || last_at || half || zero || half || zero, 1, 48)),
	('trailing byte', version || half_life || last_at || half || zero || half || zero || '\x00'::bytea),
	('version 0', '\x00'::bytea || half_life || last_at || half || zero || half || zero),
	('version 255', '\xff'::bytea || half_life || last_at || half || zero || half || zero),
	('half-life 0', version || int8send(0) || last_at || half || zero || half || zero),
	('half-life -1', version || int8send(-1) || last_at || half || zero || half || zero),
	('half-life too long', version || int8send(9223372036854775807) || last_at || half || zero || half || zero),
	('time -infinity', version || half_life || '\x8000000000000000'::bytea || half || zero || half || zero),
	('time infinity', version || half_life || int8send(9223372036854775807) || half || zero || half || zero),
	('time too early', version || half_life || int8send(-211813488000000001) || half || zero || half || zero),
	('time too late', version || half_life || int8send(9223371331200000000) || half || zero || half || zero),
	('sum NaN', version || half_life || last_at || float8send('NaN') || zero || half || zero),
	('sum infinite', version || half_life || last_at || float8send('infinity') || zero || half || zero),
	('low sum NaN', version || half_life || last_at || half || float8send('NaN') || half || zero),
	('low sum too large', version || half_life || last_at || half || half || half || zero),
	('count NaN', version || half_life || last_at || half || zero || float8send('NaN') || zero),
	('count infinite', version || half_life || last_at || half || zero || float8send('infinity') || zero),
	('count negative', version || half_life || last_at || half || zero || float8send(-1) || zero),
	('count 0', version || half_life || last_at || half || zero || zero || zero),
	('low count infinite', version || half_life || last_at || half || zero || half || float8send('-infinity'))) v(what, bytes);

-- everything is commented
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'influence'
WHERE p.proname ~ 'decay|rollup|last_at' AND obj_description(p.oid, 'pg_proc') IS NULL;

DROP TABLE decay_rows, decay_parts, decay_serial;
