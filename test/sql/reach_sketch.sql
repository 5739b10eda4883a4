CREATE FUNCTION pg_temp.outcome(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE query INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

-- exact while small
SELECT influence_reach(i), influence_reach(i % 7), influence_reach(NULLIF(i % 7, 3))
FROM generate_series(1, 1024::bigint) i;
SELECT influence_reach(md5(i::text)::uuid), influence_reach('user' || i % 1000)
FROM generate_series(1, 5000) i WHERE i <= 1024 OR i % 1000 < 24;
SELECT influence_reach_count(s), influence_reach_error(s)
FROM (SELECT influence_reach_agg(i, 65536) AS s FROM generate_series(1, 65536::bigint) i) _;
SELECT influence_reach(x) FROM (VALUES (-9223372036854775808), (9223372036854775807), (0), (-1), (0)) AS v(x);

-- int actors fit the bigint aggregate; equal bytes are one person
SELECT influence_reach(i) FROM (VALUES (1), (2), (1)) AS v(i);
SELECT influence_reach(t) FROM (VALUES ('Ann'), ('ann'), ('ann '), (''), ('ann')) AS v(t);

-- nulls are skipped; nobody
SELECT influence_reach_agg(x), influence_reach_agg(x, 16), influence_reach(x) FROM (VALUES (NULL::bigint), (NULL)) AS v(x);
SELECT influence_reach_agg(x), influence_reach(x) FROM (SELECT 1::bigint AS x WHERE false) _;
SELECT influence_reach_agg(NULL::uuid), influence_reach_agg(NULL::text), influence_reach(NULL::uuid), influence_reach(NULL::text);
SELECT influence_rollup(NULL::influence_reach_sketch);

-- within 4 standard errors beyond k, at each size, with each type
SELECT n, k, abs(influence_reach_count(s) - n) < 4 * n * influence_reach_error(s) AS near, influence_reach_error(s)
FROM (VALUES (2000, 1024), (100000, 16), (100000, 1024), (1000000, 1024), (1000000, 16384)) AS v(n, k),
	LATERAL (SELECT influence_reach_agg(i, k) AS s FROM generate_series(1, n::bigint) i) _;
SELECT abs(influence_reach(md5(i::text)::uuid) / 100000.0 - 1) < 0.125 AS near_uuid,
	abs(influence_reach('user' || i) / 100000.0 - 1) < 0.125 AS near_text,
	abs(influence_reach(lpad(to_hex(i), 32, '0')::uuid) / 100000.0 - 1) < 0.125 AS near_sequential_uuid
FROM generate_series(1, 100000) i;

-- the hashes are for ever
SELECT influence_reach_agg(0::bigint, 16), influence_reach_agg(''::text, 16);
SELECT influence_reach_agg('550e8400-e29b-41d4-a716-446655440000'::uuid, 16), influence_reach_agg('abcdefghijklmnopq'::text, 16);

-- order, repetition and grouping change nothing
CREATE TABLE reach_rows (author int, actor bigint, name text);
INSERT INTO reach_rows SELECT i % 7, i * 7919 % 20000, 'user' || i * 7919 % 20000 FROM generate_series(1, 60000) i;
ANALYZE reach_rows;
CREATE TABLE reach_daily AS
	SELECT author, influence_reach_agg(actor) AS people, influence_reach_agg(name) AS names FROM reach_rows GROUP BY author;
SELECT count(DISTINCT s) AS sketches, max(length(s)) AS length FROM (
	SELECT influence_reach_agg(actor)::text AS s FROM reach_rows
	UNION ALL SELECT influence_reach_agg(actor ORDER BY actor)::text FROM reach_rows
	UNION ALL SELECT influence_reach_agg(actor ORDER BY actor DESC)::text FROM reach_rows
	UNION ALL SELECT influence_reach_agg(actor ORDER BY name)::text FROM reach_rows
	UNION ALL SELECT influence_reach_agg(DISTINCT actor)::text FROM reach_rows
	UNION ALL SELECT influence_reach_agg(actor, 1024)::text FROM reach_rows
	UNION ALL SELECT influence_rollup(people)::text FROM reach_daily
	UNION ALL SELECT influence_rollup(people ORDER BY author DESC)::text FROM reach_daily
) _;

-- a varying k: the smallest holds, in any order
SELECT count(DISTINCT s) AS sketches, min(substr(s, 1, 21)) AS head FROM (
	SELECT influence_reach_agg(actor, 100)::text AS s FROM reach_rows
	UNION ALL SELECT influence_reach_agg(actor, 100 + author * 1000)::text FROM reach_rows
	UNION ALL SELECT influence_reach_agg(actor, 100 + author * 1000 ORDER BY author)::text FROM reach_rows
	UNION ALL SELECT influence_reach_agg(actor, 100 + author * 1000 ORDER BY author DESC)::text FROM reach_rows
	UNION ALL SELECT influence_rollup(s)::text FROM (SELECT influence_reach_agg(actor, 100 + author * 1000) AS s FROM reach_rows GROUP BY author) _
	UNION ALL SELECT influence_rollup(s ORDER BY author DESC)::text FROM (SELECT author, influence_reach_agg(actor, 100 + author * 1000) AS s FROM reach_rows GROUP BY author) _
) _;

-- parallel plans give the same sketch
CREATE TABLE reach_serial AS SELECT influence_reach_agg(actor) AS people, influence_reach(actor) AS n,
	influence_reach_agg(name, 16) AS names, influence_reach_agg(md5(name)::uuid) AS ids FROM reach_rows;
CREATE TABLE reach_serial_groups AS SELECT author, influence_reach_agg(actor % 50) AS people FROM reach_rows GROUP BY author;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
EXPLAIN (COSTS OFF) SELECT influence_reach_agg(actor), influence_reach(name) FROM reach_rows;
SELECT p.people::text = s.people::text AND p.names::text = s.names::text AND p.ids::text = s.ids::text AND p.n = s.n AS same
FROM reach_serial s, (SELECT influence_reach_agg(actor) AS people, influence_reach(actor) AS n,
	influence_reach_agg(name, 16) AS names, influence_reach_agg(md5(name)::uuid) AS ids FROM reach_rows) p;
SELECT bool_and(p.people::text = s.people::text) AS same, count(*)
FROM reach_serial_groups s JOIN (SELECT author, influence_reach_agg(actor % 50) AS people FROM reach_rows GROUP BY author) p USING (author);
EXPLAIN (COSTS OFF) SELECT influence_rollup(people) FROM reach_daily;
SELECT influence_rollup(people)::text = (SELECT people::text FROM reach_serial) AS same FROM reach_daily;
SELECT influence_reach_agg(actor) FROM reach_rows WHERE actor < 0;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
RESET parallel_leader_participation;

-- a running reach over a window; two aggregates that share a state
SELECT i, influence_reach(i % 5) OVER (ORDER BY i), influence_reach_count(influence_reach_agg(i % 5) OVER (ORDER BY i))
FROM generate_series(1, 8::bigint) i;
SELECT bool_and(n = least(i, 3000)) FROM (
	SELECT i, influence_reach_count(influence_reach_agg(i % 3000, 4096) OVER (ORDER BY i)) AS n FROM generate_series(1, 4000::bigint) i) _;
SELECT influence_reach(i % 9), influence_reach_count(influence_reach_agg(i % 9)) FROM generate_series(1, 100::bigint) i;

-- overlap and intersection
CREATE TABLE reach_audiences AS SELECT
	influence_reach_agg(i) FILTER (WHERE i <= 60) AS small_a,
	influence_reach_agg(i) FILTER (WHERE i BETWEEN 41 AND 100) AS small_b,
	influence_reach_agg(i) FILTER (WHERE i <= 60000) AS a,
	influence_reach_agg(i, 4096) FILTER (WHERE i > 40000) AS b,
	influence_reach_agg(i) FILTER (WHERE i > 60000) AS c
FROM generate_series(1, 100000::bigint) i;
SELECT influence_reach_overlap(small_a, small_b), influence_reach_intersection(small_a, small_b),
	influence_reach_overlap(small_a, small_a), influence_reach_overlap(a, a),
	influence_reach_intersection(a, a) = influence_reach_count(a) AS self FROM reach_audiences;
SELECT abs(influence_reach_overlap(a, b) - 0.2) < 4 * sqrt(0.2 * 0.8 / 1024) AS overlap,
	influence_reach_overlap(a, b) = influence_reach_overlap(b, a) AS symmetric,
	abs(influence_reach_intersection(a, b) - 20000) < 4 * 20000 * sqrt(5.0 / 1024) AS intersection,
	influence_reach_overlap(a, c) AS apart, influence_reach_intersection(c, a) AS none,
	influence_reach_count(influence_reach_combine(a, b)) = influence_reach_count((SELECT influence_reach_agg(i) FROM generate_series(1, 100000::bigint) i)) AS "union"
FROM reach_audiences;
SELECT influence_reach_overlap(e, e), influence_reach_intersection(e, e), influence_reach_count(e), influence_reach_error(e),
	influence_reach_overlap(e, small_a), influence_reach_combine(e, small_a)::text = small_a::text AS neutral,
	influence_reach_overlap(a, e)
FROM reach_audiences, CAST('1:bigint:1024:exact:0:' AS influence_reach_sketch) e;

-- memory: 16 bytes, and 8 for each person up to k
SELECT n, pg_column_size(s) FROM (VALUES (1), (3), (6), (7), (100), (5000)) AS v(n),
	LATERAL (SELECT influence_reach_agg(i) AS s FROM generate_series(1, n::bigint) i) _;

-- a state without final function keeps its spare room; everything reads it
CREATE AGGREGATE reach_running(bigint) (SFUNC = influence_reach_add, STYPE = influence_reach_sketch,
	COMBINEFUNC = influence_reach_combine, PARALLEL = SAFE);
SELECT n, pg_column_size(s) AS running FROM (VALUES (1), (2), (3), (6), (7), (100), (5000)) AS v(n),
	LATERAL (SELECT reach_running(i) AS s FROM generate_series(1, n::bigint) i) _;
CREATE TABLE reach_states AS SELECT n, s, c FROM (VALUES (1), (2), (3), (7), (40), (1024), (1025), (5000)) AS v(n),
	LATERAL (SELECT reach_running(i) AS s, influence_reach_agg(i) AS c FROM generate_series(1, n::bigint) i) _;
SELECT n, s::text = c::text AS text, influence_reach_sketch_send(s) = influence_reach_sketch_send(c) AS binary,
	influence_reach_count(s) = influence_reach_count(c) AS count, influence_reach_error(s) = influence_reach_error(c) AS error,
	influence_reach_overlap(s, c) AS overlap, influence_reach_intersection(s, c) = influence_reach_count(c) AS intersection,
	influence_reach_final(s)::text = c::text AS final, influence_reach_final_count(s) = influence_reach_count(c) AS final_count,
	influence_reach_combine(s, c)::text = c::text AS combine, influence_reach_combine(c, s)::text = c::text AS combine_back,
	influence_reach_add(s, 1)::text = c::text AS add
FROM reach_states ORDER BY n;
SELECT influence_rollup(s)::text = influence_rollup(c)::text AS same FROM reach_states;

-- text and binary forms come back the same
SELECT bool_and(s::text::influence_reach_sketch::text = s::text) AS text FROM reach_states;
CREATE TABLE reach_files (path text);
INSERT INTO reach_files SELECT current_setting('data_directory') || '/influence_reach_sketch.bin';
CREATE TABLE reach_received (s influence_reach_sketch);
CREATE FUNCTION pg_temp.receive(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	file text := (SELECT path FROM reach_files);
	detail text;
BEGIN
	EXECUTE format('COPY (SELECT %L::bytea) TO %L (FORMAT binary)', bytes, file);
	EXECUTE format('COPY reach_received FROM %L (FORMAT binary)', file);
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || SQLERRM || ' ' || detail;
END
$$;
SELECT n, pg_temp.receive(influence_reach_sketch_send(s)) FROM reach_states ORDER BY n;
SELECT count(*), bool_and(r.s::text = c::text) AS same FROM reach_received r JOIN reach_states t ON r.s::text = t.c::text;
SELECT influence_reach_sketch_send(influence_reach_agg(i, 300)) FROM generate_series(0, 1::bigint) i;

-- hostile bytes
SELECT name, pg_temp.receive(bytes) FROM (VALUES
	('empty', '\x'::bytea),
	('short', '\x01010000000010000000'),
	('no hashes', '\x0101000000001000000000'),
	('version', '\x0201000000001000000000'),
	('id type 0', '\x0100000000001000000000'),
	('id type 4', '\x0104000000001000000000'),
	('sampled 2', '\x0101020000001000000000'),
	('sampled without hashes', '\x0101010000001000000000'),
	('k 15', '\x0101000000000f00000000'),
	('k 65537', '\x0101000001000100000000'),
	('k 0', '\x0101000000000000000000'),
	('k negative', '\x010100ffffffff00000000'),
	('truncated', '\x0101000000001000000002000000000000000100000000000000'),
	('too long', '\x01010000000010000000010000000000000001ff'),
	('count overflows', '\x0101000000001020000001'),
	('count negative', '\x01010000000010ffffffff'),
	('descending', '\x010100000000100000000200000000000000020000000000000001'),
	('repeated', '\x010100000000100000000200000000000000010000000000000001'),
	('more than k', decode('0101000000001000000011' || (SELECT string_agg(lpad(to_hex(i), 16, '0'), '' ORDER BY i) FROM generate_series(1, 17) i), 'hex')),
	('largest hash', '\x010100000000100000000200000000000000ffffffffffffffffff'),
	('fine', '\x010100000000100000000200000000000000ffffffffffffffff00')
) AS v(name, bytes);

-- hostile text
SELECT left(input, 60) AS input, pg_temp.outcome(format('SELECT %L::influence_reach_sketch', input)) FROM (VALUES
	(''), ('1'), ('1:'), (':'), ('2:bigint:1024:exact:0:'), ('01:bigint:1024:exact:0:'), ('-1:bigint:1024:exact:0:'),
	('1:int:1024:exact:0:'), ('1:bigint:15:exact:0:'), ('1:bigint:65537:exact:0:'), ('1:bigint:100000:exact:0:'),
	('1:bigint:99999999999999999999:exact:0:'), ('1:bigint:+16:exact:0:'), ('1:bigint: 16:exact:0:'),
	('1:bigint:16:exactly:0:'), ('1:bigint:16:sampled:0:'), ('1:bigint:16:exact:1:'), ('1:bigint:16:exact:0:00'),
	('1:bigint:16:exact:1:000000000000000g'), ('1:bigint:16:exact:1:000000000000000A'), ('1:bigint:16:exact:1:00000000000000001'),
	('1:bigint:16:exact:2:00000000000000010000000000000001'), ('1:bigint:16:exact:2:00000000000000020000000000000001'),
	('1:bigint:16:exact:17:' || (SELECT string_agg(lpad(to_hex(i), 16, '0'), '' ORDER BY i) FROM generate_series(1, 17) i)),
	(' 1:bigint:16:exact:0:'), ('1:bigint:16:exact:0: '), ('1:bigint:16:exact:1:0000000000000000'),
	('1:uuid:16:exact:1:ffffffffffffffff'), ('1:text:16:exact:0:'), (repeat('x', 100))
) AS v(input);

-- made-up hashes: a count beyond bigint is the largest bigint
SELECT pg_temp.outcome(format('SELECT influence_reach_count(%L)', '1:bigint:16:sampled:16:' ||
	(SELECT string_agg(lpad(to_hex(i), 16, '0'), '' ORDER BY i) FROM generate_series(0, 15) i)));

-- parameters
SELECT call, pg_temp.outcome('SELECT ' || call) FROM (VALUES
	('influence_reach_agg(1::bigint, 15)'), ('influence_reach_agg(1::bigint, 65537)'), ('influence_reach_agg(1::bigint, -1)'),
	('influence_reach_agg(''a''::text, 0)'), ('influence_reach_agg(NULL::uuid, 0)'), ('influence_reach_agg(1::bigint, NULL)'),
	('influence_reach_agg(1::bigint, 16)'), ('influence_reach_agg(1::bigint, 65536)'),
	('influence_reach_overlap(influence_reach_agg(1::bigint), influence_reach_agg(''1''::text))'),
	('influence_reach_intersection(influence_reach_agg(1::bigint), influence_reach_agg(''1''::text))'),
	('influence_reach_combine(influence_reach_agg(1::bigint), influence_reach_agg(''1''::text))'),
	('influence_rollup(s) FROM (SELECT influence_reach_agg(1::bigint) AS s UNION ALL SELECT influence_reach_agg(''1''::text)) _'),
	('influence_reach_add(influence_reach_agg(1::bigint), ''1''::text)')
) AS v(call);

-- support functions called directly
SELECT influence_reach_add(NULL, 0::bigint, 16), influence_reach_add(NULL, NULL::bigint), influence_reach_add(NULL, NULL::text, 16);
SELECT influence_reach_add(influence_reach_add(NULL, 0::bigint, 16), NULL::bigint);
SELECT influence_reach_count(influence_reach_add(influence_reach_add(NULL, 0::bigint, 100), 1::bigint, 50));
SELECT influence_reach_combine(NULL, NULL), influence_reach_combine('1:bigint:16:exact:0:', NULL), influence_reach_combine(NULL, '1:bigint:17:exact:0:'),
	influence_reach_combine('1:bigint:16:exact:0:', '1:bigint:17:exact:0:'), influence_reach_final(NULL), influence_reach_final_count(NULL);

-- hostile stored bytes, past the input functions
SET client_min_messages = warning;
CREATE TYPE reach_bytes;
CREATE FUNCTION reach_bytes_in(cstring) RETURNS reach_bytes AS 'byteain' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION reach_bytes_out(reach_bytes) RETURNS cstring AS 'byteaout' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE reach_bytes (INPUT = reach_bytes_in, OUTPUT = reach_bytes_out, ALIGNMENT = double, STORAGE = external);
RESET client_min_messages;
CREATE CAST (reach_bytes AS influence_reach_sketch) WITHOUT FUNCTION;
CREATE TABLE reach_garbage (name text, bytes reach_bytes);
INSERT INTO reach_garbage VALUES
	('empty', '\x'),
	('short', '\x0101ff03'),
	('version', '\x0201ff030000000000000000'),
	('not a multiple of 8', '\x0101ff03000000000000000000'),
	('id type', '\x0100ff030000000000000000'),
	('more than there is', '\x0101ff0301000000010000000100000000'),
	('far more', '\x0101ff03ffffffffffffffff'),
	('run longer than all', '\x0101ff0300000000ffffffff'),
	('sampled, no hashes', '\x0105ff030000000000000000'),
	('k too small', '\x010100000000000000000000'),
	('front without room', '\x0161ff030000000000000000'),
	('front of a compact one', '\x0111ff0300000000000000000100000000000000'),
	('front too long', '\x0179ff03000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000'),
	('front of 15', '\x01f9ff03000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000'),
	('descending', '\x0101ff03020000000200000002000000000000000100000000000000'),
	('repeated', '\x0101ff03020000000200000001000000000000000100000000000000'),
	('tail', '\x0101ff030300000001000000020000000000000001000000000000000200000000000000'),
	('front', '\x0129ff030000000000000000020000000000000001000000000000000000000000000000');
SELECT name, f, pg_temp.outcome(format('SELECT %s FROM (SELECT CAST(bytes AS influence_reach_sketch) AS s FROM reach_garbage WHERE name = %L) _', f, name))
FROM reach_garbage, (VALUES ('influence_reach_count(s)')) AS v(f);
SELECT f, array_agg(DISTINCT left(pg_temp.outcome(format('SELECT %s FROM (SELECT CAST(bytes AS influence_reach_sketch) AS s FROM reach_garbage WHERE name = %L) _', f, name)), 5))
FROM reach_garbage, (VALUES ('influence_reach_error(s)'), ('influence_reach_overlap(s, s)'), ('influence_reach_intersection(s, s)'),
	('influence_reach_combine(s, s)'), ('influence_reach_combine(''1:bigint:16:exact:0:'', s)'), ('influence_reach_combine(s, ''1:bigint:16:exact:0:'')'),
	('influence_reach_add(s, 1)'), ('influence_reach_add(s, 1, 16)'), ('influence_reach_add(s, ''a''::text)'),
	('influence_reach_add(s, ''550e8400-e29b-41d4-a716-446655440000''::uuid)'),
	('influence_reach_final(s)'), ('influence_reach_final_count(s)'), ('influence_reach_sketch_out(s)'), ('influence_reach_sketch_send(s)'),
	('influence_rollup(s)')) AS v(f)
WHERE name NOT IN ('tail', 'front') GROUP BY f ORDER BY f;
-- garbage as the state of a running aggregate, where only sizes are checked
SELECT name, pg_temp.outcome(format('SELECT influence_reach_count(influence_rollup(s)) FROM (SELECT CAST(bytes AS influence_reach_sketch) AS s FROM reach_garbage WHERE name = %L UNION ALL SELECT influence_reach_agg(i) FROM generate_series(1, 2000::bigint) i UNION ALL SELECT influence_reach_agg(i) FROM generate_series(1, 3000::bigint) i) _', name)) NOT LIKE 'XX001%' AS taken
FROM reach_garbage;
DROP TABLE reach_garbage;
DROP TYPE reach_bytes CASCADE;

-- every function is strict or takes nulls on purpose, immutable and parallel safe; no internal state
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'
WHERE proname LIKE 'influence_reach%' AND prokind = 'f' AND (provolatile <> 'i' OR proparallel <> 's' OR (NOT proisstrict AND proname NOT IN ('influence_reach_add', 'influence_reach_combine', 'influence_reach_final_count')));
SELECT a.aggfnoid::regprocedure, aggtranstype::regtype, aggcombinefn <> 0 AS combines, proparallel
FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid
WHERE aggtranstype = 'influence_reach_sketch'::regtype AND proname LIKE 'influence%' ORDER BY a.aggfnoid::regprocedure::text COLLATE "C";

-- stored sketches survive an update and toast
UPDATE reach_states SET s = c;
SELECT bool_and(s::text = c::text) FROM reach_states;

DO $$ BEGIN EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'cat > /dev/null; rm -f ' || (SELECT quote_literal(path) FROM reach_files)); END $$;
DROP TABLE reach_rows, reach_daily, reach_serial, reach_serial_groups, reach_audiences, reach_states, reach_files, reach_received;
DROP AGGREGATE reach_running(bigint);
