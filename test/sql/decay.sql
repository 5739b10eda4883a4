-- influence_decay() and the one-step aggregate influence_decayed_sum()
SET timezone = 'UTC';
SET intervalstyle = 'postgres';

-- report SQLSTATE, message and hint of a failing query
CREATE FUNCTION pg_temp.try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
	message text;
	hint text;
BEGIN
	EXECUTE query INTO result;
	RETURN coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ': ' || message || '. ' || hint;
END $$;

-- half-life
SELECT influence_decay('0'::interval, '1 day'), influence_decay('1 day'::interval, '1 day'),
	influence_decay('48 hours'::interval, '1 day'), influence_decay('-1 microsecond'::interval, '1 day');
SELECT influence_decay('1 month'::interval, '30 days') AS month_is_30_days,
	influence_decay('1 month -30 days'::interval, '1 microsecond') AS cancels_out,
	influence_decay('100000 years'::interval, '1 microsecond') AS nothing_left,
	influence_decay('1 microsecond'::interval, '178000000 years') AS nothing_lost,
	influence_decay('178000000 years'::interval, '178000000 years') AS longest;
SELECT influence_decay(age => '6 hours', half_life => '3 hours') AS named;
SELECT influence_decay(NULL::interval, '1 day') IS NULL AS strict_age, influence_decay('1 day'::interval, NULL) IS NULL AS strict_half_life;

-- between two times: elapsed time, whatever the calendar says
SELECT influence_decay('2024-01-01'::timestamptz, '2024-03-01', '30 days') = influence_decay('60 days'::interval, '30 days') AS sixty_days,
	influence_decay('2024-01-02'::timestamptz, '2024-01-01', '1 day') AS in_the_future,
	influence_decay('2024-01-01'::timestamptz, '2024-01-01', '1 day') AS now;
SET timezone = 'America/New_York';
SELECT influence_decay('2024-03-09 12:00'::timestamptz, '2024-03-10 13:00', '1 day') AS day_of_23_hours_and_one;
SET timezone = 'UTC';
SELECT influence_decay('4713-01-01 BC'::timestamptz, '294276-12-31', '1 day') AS nothing_left,
	round(influence_decay('4713-01-01 BC'::timestamptz, '294276-12-31', '100000 years')::numeric, 6) AS far,
	influence_decay('294276-12-31'::timestamptz, '4713-01-01 BC', '1 day') AS far_future;
SELECT occurred_at, as_of, influence_decay(occurred_at, as_of, '1 day')
FROM (VALUES ('-infinity'::timestamptz), ('infinity'), ('2024-01-01')) a(occurred_at),
	(VALUES ('-infinity'::timestamptz), ('infinity'), ('2024-01-01')) b(as_of)
ORDER BY occurred_at, as_of;

-- kernels
SELECT kernel, age, round(influence_decay(age, '2 days', kernel)::numeric, 12) AS plain,
	round(influence_decay(age, '2 days', kernel, '1 day')::numeric, 12) AS with_grace
FROM unnest('{exponential,exponential_time_constant,linear,gaussian,power,window}'::text[]) WITH ORDINALITY k(kernel, position),
	unnest('{-1 second,0,1 day,2 days,3 days,3 days 1 second,20 days}'::interval[]) age
ORDER BY position, age;
SELECT influence_decay('3 days'::interval, '2 days', kernel => 'exponential') = influence_decay('3 days'::interval, '2 days') AS same;

-- 10 now and 10 one unit ago: 15 with a half-life, 13.678794411714424 with a time constant of one unit
SELECT sum(10 * influence_decay(age, '1 hour')) AS half_life,
	round(sum(10 * influence_decay(age, '1 hour', 'exponential_time_constant'))::numeric, 12) AS time_constant
FROM (VALUES ('0'::interval), ('1 hour')) v(age);

-- errors
SELECT pg_temp.try($$SELECT influence_decay('1 day'::interval, '0')$$);
SELECT pg_temp.try($$SELECT influence_decay('1 day'::interval, '-1 day')$$);
SELECT pg_temp.try($$SELECT influence_decay('1 day'::interval, '1 month -30 days')$$);
SELECT pg_temp.try($$SELECT influence_decay(now(), now(), '-3 days')$$);
SELECT pg_temp.try($$SELECT influence_decay('1 day'::interval, '0', 'linear')$$);
SELECT pg_temp.try($$SELECT influence_decay('1 day'::interval, '1 day', 'Linear')$$);
SELECT pg_temp.try($$SELECT influence_decay('1 day'::interval, '1 day', '')$$);
SELECT pg_temp.try($$SELECT influence_decay('1 day'::interval, '1 day', 'linear', '-1 second')$$);

-- one-step aggregate
CREATE TABLE decay_rows AS
	SELECT i % 100 AS u, (i * 7919 % 1000) / 10.0::float8 AS value,
		timestamptz '2024-01-01 00:00+00' + i * 7919 % 100003 * interval '77 seconds' AS occurred_at
	FROM generate_series(1, 20000) i;
ANALYZE decay_rows;
SELECT influence_decayed_sum(10, t, '2024-01-01 01:00', '1 hour')
FROM (VALUES ('2024-01-01 00:00'::timestamptz), ('2024-01-01 01:00'), ('2024-01-01 01:01'), ('infinity'), ('-infinity')) v(t);
SELECT count(*) AS users, bool_and(abs(one_step / by_hand - 1) < 1e-9) AS equal
FROM (SELECT influence_decayed_sum(value, occurred_at, '2024-03-01', '1 week') AS one_step,
		sum(value * exp(-ln(2::float8) * extract(epoch FROM '2024-03-01' - occurred_at)::float8 / 604800))
			FILTER (WHERE occurred_at <= '2024-03-01') AS by_hand
	FROM decay_rows GROUP BY u) x;
SELECT influence_decayed_sum(v, t, '2024-01-01', '1 day') AS no_rows,
	influence_decayed_sum(v, NULL, '2024-01-01', '1 day') IS NULL AS no_time
FROM (SELECT NULL::float8 AS v, '2024-01-01'::timestamptz AS t) x;
SELECT influence_decayed_sum(1, '2025-01-01', '2024-01-01', '1 day') AS all_later;
-- as_of and half_life may differ from row to row
SELECT influence_decayed_sum(8, '2024-01-01', as_of, half_life)
FROM (VALUES ('2024-01-02'::timestamptz, '1 day'::interval), ('2024-01-02', '12 hours'), ('2024-01-04', '1 day')) v(as_of, half_life);
-- the rounded sum in this order would be 0
SELECT influence_decayed_sum(v, '2024-01-01', '2024-01-01', '1 day') FROM (VALUES (1e16), (1), (-1e16)) x(v);
SELECT pg_temp.try($$SELECT influence_decayed_sum('NaN', now(), now(), '1 day')$$);
SELECT pg_temp.try($$SELECT influence_decayed_sum('-infinity', now(), now(), '1 day')$$);
SELECT pg_temp.try($$SELECT influence_decayed_sum(1, now(), NULL, '1 day')$$);
SELECT pg_temp.try($$SELECT influence_decayed_sum(1, now(), now(), NULL)$$);
SELECT pg_temp.try($$SELECT influence_decayed_sum(1, now(), now(), '0')$$);
SELECT pg_temp.try($$SELECT influence_decayed_sum(v, now(), now(), '1 day') FROM (VALUES (1.7e308), (1.7e308)) x(v)$$);

-- its functions called by hand
SELECT influence_decayed_sum_transition('{1,0}', 2, '2024-01-01', '2024-01-01', '1 day');
SELECT influence_decayed_sum_combine(NULL, NULL) IS NULL AS none, influence_decayed_sum_combine('{1,0}', NULL) AS one,
	influence_decayed_sum_combine(NULL, '{2,0}') AS other, influence_decayed_sum_combine('{1,0}', '{2,0}') AS both;
SELECT state, pg_temp.try(format('SELECT influence_decayed_sum_final(%L)', state)) AS final
FROM unnest(ARRAY['{}', '{1}', '{1,NULL}', '{1,0,0}', '{{1,0}}', '{{1},{0}}', '{NaN,0}', '{1,NaN}', '{Infinity,0}', '[7:8]={1,0}']) state;
SELECT pg_temp.try($$SELECT influence_decayed_sum_combine('{NaN,0}', '{1,0}')$$);
SELECT pg_temp.try($$SELECT influence_decayed_sum_combine('{1,0}', '{}')$$);
SELECT pg_temp.try($$SELECT influence_decayed_sum_transition('{1,NULL}', 2, now(), now(), '1 day')$$);

-- a parallel plan gives the same
CREATE TABLE decay_serial AS
	SELECT u, influence_decayed_sum(value, occurred_at, '2024-03-01', '1 week') AS decayed FROM decay_rows GROUP BY u;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT influence_decayed_sum(value, occurred_at, '2024-03-01', '1 week') FROM decay_rows;
SELECT count(*) AS users, bool_and(abs(p.decayed / s.decayed - 1) < 1e-9) AS equal
FROM (SELECT u, influence_decayed_sum(value, occurred_at, '2024-03-01', '1 week') AS decayed FROM decay_rows GROUP BY u) p
	JOIN decay_serial s USING (u);

DROP TABLE decay_rows, decay_serial;
