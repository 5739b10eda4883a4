-- influence_pagerank: ranks against published ones and against an independent
-- check, properties, and errors. Numbers are from igraph's and networkx's unit
-- tests (numbers only), LDBC Graphalytics (Apache-2.0), and MATLAB's ranks of
-- Zachary's karate club as printed in LAGraph's tests (BSD-2-Clause).

-- A toy graph whose ranks are known to 12 digits
CREATE TABLE toy (source int, target int);
INSERT INTO toy VALUES (0,1), (0,2), (0,4), (1,2), (1,3), (2,3), (2,5), (2,6), (3,0), (4,0), (5,6), (6,3);
SELECT node_id, round(rank::numeric, 12) AS rank
FROM influence_pagerank('SELECT * FROM toy', tolerance => 1e-14, max_iterations => 500)
ORDER BY rank DESC, node_id;

-- Small graphs; undirected edges are listed in both directions
CREATE TABLE small_case (id int PRIMARY KEY, name text, damping float8, tolerance float8);
CREATE TABLE small_edge (id int, source int, target int, weight float8);
CREATE TABLE small_expected (id int, node_id int, rank float8, seed float8);
INSERT INTO small_case VALUES
	(1, 'igraph 1', 0.85, 1e-06),
	(2, 'igraph 2', 0.85, 1e-06),
	(3, 'igraph star 11', 0.85, 1e-06),
	(4, 'igraph star 11 personalized, damping 0.5', 0.5, 1e-06),
	(5, 'igraph edgeless personalized (all dangling: mass goes to the reset vector)', 0.85, 1e-06),
	(6, 'igraph one edge, two isolated, personalized', 0.85, 1e-06),
	(7, 'igraph 3 weighted with dangling', 0.85, 1e-06),
	(8, 'igraph undirected multigraph', 0.85, 1e-06),
	(9, 'networkx Langville-Meyer, dangling vertex 1 (0-based), damping 0.9', 0.9, 1e-07),
	(10, 'networkx K4 personalized 1,1,4,4', 0.85, 1e-06);
INSERT INTO small_edge VALUES
	(1,0,1,1), (1,1,0,1), (1,1,2,1), (1,2,1,1), (1,2,0,1), (1,0,2,1), (1,3,2,1), (1,2,3,1),
	(1,0,2,1), (1,2,0,1), (2,0,1,1), (2,1,0,1), (2,0,2,1), (2,2,0,1), (2,0,3,1), (2,3,0,1),
	(2,1,0,1), (2,0,1,1), (2,2,0,1), (2,0,2,1), (2,3,0,1), (2,0,3,1), (2,3,4,1), (2,4,3,1),
	(2,3,5,1), (2,5,3,1), (2,3,6,1), (2,6,3,1), (2,3,7,1), (2,7,3,1), (2,4,0,1), (2,0,4,1),
	(2,5,0,1), (2,0,5,1), (2,6,0,1), (2,0,6,1), (2,7,0,1), (2,0,7,1), (3,0,1,1), (3,1,0,1),
	(3,0,2,1), (3,2,0,1), (3,0,3,1), (3,3,0,1), (3,0,4,1), (3,4,0,1), (3,0,5,1), (3,5,0,1),
	(3,0,6,1), (3,6,0,1), (3,0,7,1), (3,7,0,1), (3,0,8,1), (3,8,0,1), (3,0,9,1), (3,9,0,1),
	(3,0,10,1), (3,10,0,1), (4,0,1,1), (4,1,0,1), (4,0,2,1), (4,2,0,1), (4,0,3,1), (4,3,0,1),
	(4,0,4,1), (4,4,0,1), (4,0,5,1), (4,5,0,1), (4,0,6,1), (4,6,0,1), (4,0,7,1), (4,7,0,1),
	(4,0,8,1), (4,8,0,1), (4,0,9,1), (4,9,0,1), (4,0,10,1), (4,10,0,1), (6,0,1,1), (6,1,0,1),
	(7,0,5,4), (7,1,5,5), (7,2,0,5), (7,3,1,4), (7,5,4,4), (7,5,7,4), (7,6,0,3), (7,8,0,4),
	(7,8,1,4), (8,0,1,1), (8,1,0,1), (8,1,2,1), (8,2,1,1), (8,1,2,1), (8,2,1,1), (9,0,1,1),
	(9,0,2,1), (9,2,0,1), (9,2,1,1), (9,2,4,1), (9,3,4,1), (9,3,5,1), (9,4,3,1), (9,4,5,1),
	(9,5,3,1), (10,0,1,1), (10,1,0,1), (10,0,2,1), (10,2,0,1), (10,0,3,1), (10,3,0,1), (10,1,2,1),
	(10,2,1,1), (10,1,3,1), (10,3,1,1), (10,2,3,1), (10,3,2,1);
INSERT INTO small_expected VALUES
	(1,0,0.288717,NULL), (1,1,0.201989,NULL), (1,2,0.389109,NULL), (1,3,0.120186,NULL), (2,0,0.336204,NULL), (2,1,0.0759047,NULL),
	(2,2,0.0759047,NULL), (2,3,0.205964,NULL), (2,4,0.0765056,NULL), (2,5,0.0765056,NULL), (2,6,0.0765056,NULL), (2,7,0.0765056,NULL),
	(3,0,0.46683,NULL), (3,1,0.053317,NULL), (3,2,0.053317,NULL), (3,3,0.053317,NULL), (3,4,0.053317,NULL), (3,5,0.053317,NULL),
	(3,6,0.053317,NULL), (3,7,0.053317,NULL), (3,8,0.053317,NULL), (3,9,0.053317,NULL), (3,10,0.053317,NULL), (4,0,0.333333,0),
	(4,1,0.516667,1), (4,2,0.0166667,0), (4,3,0.0166667,0), (4,4,0.0166667,0), (4,5,0.0166667,0), (4,6,0.0166667,0),
	(4,7,0.0166667,0), (4,8,0.0166667,0), (4,9,0.0166667,0), (4,10,0.0166667,0), (5,0,0.1,1), (5,1,0.2,2),
	(5,2,0.3,3), (5,3,0.4,4), (6,0,0.36036,1), (6,1,0.38038,2), (6,2,0.111111,3), (6,3,0.148148,4),
	(7,0,0.143734,NULL), (7,1,0.104639,NULL), (7,2,0.045995,NULL), (7,3,0.045995,NULL), (7,4,0.155268,NULL), (7,5,0.257112,NULL),
	(7,6,0.045995,NULL), (7,7,0.155268,NULL), (7,8,0.045995,NULL), (8,0,0.187838,NULL), (8,1,0.486486,NULL), (8,2,0.325676,NULL),
	(9,0,0.03721197,NULL), (9,1,0.05395735,NULL), (9,2,0.04150565,NULL), (9,3,0.37508082,NULL), (9,4,0.20599833,NULL), (9,5,0.28624589,NULL),
	(10,0,0.23246732615667579,1), (10,1,0.23246732615667579,1), (10,2,0.267532673843324,4), (10,3,0.2675326738433241,4);

SELECT c.id, c.name, count(*) AS nodes, max(abs(p.rank - x.rank)) < c.tolerance AS equal
FROM small_case c
JOIN small_expected x USING (id)
LEFT JOIN LATERAL influence_pagerank(
		format('SELECT source, target, weight FROM small_edge WHERE id = %s', c.id),
		damping => c.damping, tolerance => 1e-13, max_iterations => 1000,
		seeds => format('SELECT node_id, coalesce(seed, 1) AS weight FROM small_expected WHERE id = %s', c.id)) p
	ON p.node_id = x.node_id
GROUP BY c.id
ORDER BY c.id;

-- LDBC Graphalytics: 50 vertices to 1e-9
CREATE TABLE ldbc_edge (source int, target int);
INSERT INTO ldbc_edge
SELECT line[1], unnest(line[2:])
FROM (VALUES
	('{1,19,21,22,27,31,37,45,48}'::int[]),
	('{2,3,20,39,46}'::int[]),
	('{3,6,10,32,41,45}'::int[]),
	('{4,15}'::int[]),
	('{5,15,16,18,28,47}'::int[]),
	('{6,49}'::int[]),
	('{7,6,27,43,46}'::int[]),
	('{8,5,21,29,30,32,43}'::int[]),
	('{9,16,18,21,28,30,35,40}'::int[]),
	('{10,9,13,28,29,33}'::int[]),
	('{11,3,39}'::int[]),
	('{12,47,50}'::int[]),
	('{13,7,12,17,32,48}'::int[]),
	('{14,4,20,21,35,38,40}'::int[]),
	('{15,8,24,31,35,44}'::int[]),
	('{16}'::int[]),
	('{17,5,9,11,16,26,37}'::int[]),
	('{18,1,12,28,30,44,45,47,50}'::int[]),
	('{19,10,11,13,27,38}'::int[]),
	('{20,15,25}'::int[]),
	('{21,22,27,31,32,40}'::int[]),
	('{22,19,26,27,31}'::int[]),
	('{23,22,35,36,38,40,46,47}'::int[]),
	('{24,9,13,15,34,36,50}'::int[]),
	('{25,8,24,30,34,41,47}'::int[]),
	('{26,7,31,37,40,44,47}'::int[]),
	('{27,31,33,43}'::int[]),
	('{28,8,32,42,45}'::int[]),
	('{29,1,2,12,14,16,19,20,36}'::int[]),
	('{30,9,24,34,44}'::int[]),
	('{31,11,17,32,39,46,47}'::int[]),
	('{32,2,28,29,30,31}'::int[]),
	('{33,7,8,9,10,32,34,37}'::int[]),
	('{34,26,48}'::int[]),
	('{35,3,10,17,24,26,28,33,41}'::int[]),
	('{36,20,21,29,32,46}'::int[]),
	('{37,1,5,9,13,23,24}'::int[]),
	('{38,2,22,50}'::int[]),
	('{39,6,8,20,28,30,47,48}'::int[]),
	('{40,5,7,8,11,33,34,37,49}'::int[]),
	('{41,24,43}'::int[]),
	('{42}'::int[]),
	('{43,1,2,11,15,17,29,38,47}'::int[]),
	('{44,11,13,15}'::int[]),
	('{45,5,11,12,21,24}'::int[]),
	('{46,23,24,26,31,36,41}'::int[]),
	('{47,8,14,16,28,29,34,35,40,42,46,50}'::int[]),
	('{48,8,19,30,35,38,43,50}'::int[]),
	('{49,7,8,17,18}'::int[]),
	('{50,4,28,47}'::int[])) AS adjacency (line);
CREATE TABLE ldbc_expected (node_id int, rank float8);
INSERT INTO ldbc_expected VALUES
	(1, 0.01230514588446495), (2, 0.01851622003726000), (3, 0.02089512714725092),
	(4, 0.01176585382420890), (5, 0.01812188699760293), (6, 0.01370603172547424),
	(7, 0.01766993644629599), (8, 0.03400137250799818), (9, 0.02253772178242931),
	(10, 0.01315614200506950), (11, 0.02654403475508309), (12, 0.01386383239731235),
	(13, 0.02030864505387470), (14, 0.00902512774017356), (15, 0.03672808695956838),
	(16, 0.01771992643552917), (17, 0.02031073797506916), (18, 0.01298439013813405),
	(19, 0.01267137259396788), (20, 0.01679586725172487), (21, 0.01911653027692032),
	(22, 0.01289817411164510), (23, 0.00882485667115226), (24, 0.03290195003741163),
	(25, 0.01067032002801407), (26, 0.02369530123252170), (27, 0.01673916517786888),
	(28, 0.03375421104823002), (29, 0.02465138400978424), (30, 0.02526104021117763),
	(31, 0.03431971273393954), (32, 0.03497314211893426), (33, 0.01458158825232488),
	(34, 0.02164031394989468), (35, 0.02020836868133508), (36, 0.01508472096454471),
	(37, 0.01476737354061426), (38, 0.01319038598708231), (39, 0.02360994727883383),
	(40, 0.01809943553861050), (41, 0.01394375154429174), (42, 0.01357868803688285),
	(43, 0.02524445976750379), (44, 0.01988024806748353), (45, 0.01694403111121369),
	(46, 0.02259342804847692), (47, 0.03719089314603851), (48, 0.02035602345369202),
	(49, 0.01710526843866147), (50, 0.02454782687642342);

SELECT count(*) AS nodes, count(p.rank) AS found, max(abs(p.rank - x.rank)) < 1e-9 AS equal
FROM ldbc_expected x
LEFT JOIN influence_pagerank('SELECT * FROM ldbc_edge', tolerance => 1e-12, max_iterations => 500) p
	USING (node_id);

-- Karate club: MATLAB stopped early, so to 1e-4
CREATE TABLE karate_edge (source int, target int);
INSERT INTO karate_edge VALUES
	(1,2), (1,3), (1,4), (1,5), (1,6), (1,7), (1,8), (1,9), (1,11), (1,12),
	(1,13), (1,14), (1,18), (1,20), (1,22), (1,32), (2,3), (2,4), (2,8), (2,14),
	(2,18), (2,20), (2,22), (2,31), (3,4), (3,8), (3,9), (3,10), (3,14), (3,28),
	(3,29), (3,33), (4,8), (4,13), (4,14), (5,7), (5,11), (6,7), (6,11), (6,17),
	(7,17), (9,31), (9,33), (9,34), (10,34), (14,34), (15,33), (15,34), (16,33), (16,34),
	(19,33), (19,34), (20,34), (21,33), (21,34), (23,33), (23,34), (24,26), (24,28), (24,30),
	(24,33), (24,34), (25,26), (25,28), (25,32), (26,32), (27,30), (27,34), (28,34), (29,32),
	(29,34), (30,33), (30,34), (31,33), (31,34), (32,33), (32,34), (33,34);
CREATE TABLE karate_expected (node_id int, rank float8);
INSERT INTO karate_expected VALUES
	(1, 0.0970011147), (2, 0.0528720584), (3, 0.0570750515), (4, 0.0358615175),
	(5, 0.0219857202), (6, 0.0291233505), (7, 0.0291233505), (8, 0.0244945048),
	(9, 0.0297681451), (10, 0.0143104668), (11, 0.0219857202), (12, 0.0095668739),
	(13, 0.0146475355), (14, 0.0295415677), (15, 0.0145381625), (16, 0.0145381625),
	(17, 0.0167900065), (18, 0.0145622041), (19, 0.0145381625), (20, 0.0196092670),
	(21, 0.0145381625), (22, 0.0145622041), (23, 0.0145381625), (24, 0.0315206825),
	(25, 0.0210719482), (26, 0.0210013837), (27, 0.0150430281), (28, 0.0256382216),
	(29, 0.0195723309), (30, 0.0262863139), (31, 0.0245921424), (32, 0.0371606178),
	(33, 0.0716632142), (34, 0.1008786453);

SELECT count(*) AS nodes, max(abs(p.rank - x.rank)) < 1e-4 AS equal
FROM karate_expected x
LEFT JOIN influence_pagerank(
		'SELECT source, target FROM karate_edge UNION ALL SELECT target, source FROM karate_edge') p
	USING (node_id);

-- An independent check: push the ranks along the edges once, in SQL. The L1
-- residual must be below the tolerance, and the ranks must sum to 1.
CREATE TABLE big_edge AS
SELECT (i * 7919::bigint % 1000) / (1 + i % 3) AS source,
	i * i % 613 AS target,
	1 + i % 5 AS weight
FROM generate_series(1, 5000) AS i;
CREATE TABLE big_seed AS
SELECT i * 17 AS node_id, i AS weight FROM generate_series(1, 70) AS i;

CREATE FUNCTION push_check(edges regclass, seeds regclass, damping float8, tolerance float8)
RETURNS TABLE (residual_is_small boolean, sum_is_one boolean)
LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMP TABLE x AS
	SELECT * FROM influence_pagerank(format('SELECT source, target, weight FROM %s', edges),
		damping, 1000, tolerance, 'SELECT node_id, weight FROM ' || seeds);
	CREATE TEMP TABLE e (source bigint, target bigint, weight float8);
	EXECUTE format('INSERT INTO e SELECT source, target, weight FROM %s', edges);
	CREATE TEMP TABLE t (node_id bigint, share float8);
	IF seeds IS NULL THEN
		INSERT INTO t SELECT node_id, 1.0 / count(*) OVER () FROM x;
	ELSE
		EXECUTE format('INSERT INTO t SELECT node_id, weight::float8 / sum(weight) OVER () FROM %s', seeds);
	END IF;

	RETURN QUERY
	WITH sender AS (SELECT source, sum(weight) AS total FROM e GROUP BY source),
	pushed AS (
		SELECT target, sum(x.rank * e.weight / sender.total) AS mass
		FROM e JOIN sender USING (source) JOIN x ON x.node_id = e.source
		GROUP BY target),
	dangling AS (
		SELECT coalesce(sum(rank), 0) AS mass
		FROM x WHERE node_id NOT IN (SELECT source FROM sender))
	SELECT sum(abs(damping * coalesce(pushed.mass, 0)
			+ (1 - damping + damping * dangling.mass) * coalesce(t.share, 0) - x.rank)) < tolerance,
		abs(sum(x.rank::numeric) - 1) < 1e-12
	FROM x LEFT JOIN pushed ON pushed.target = x.node_id LEFT JOIN t USING (node_id), dangling;

	DROP TABLE x, e, t;
END $$;

SELECT * FROM push_check('big_edge', NULL, 0.85, 1e-9);
SELECT * FROM push_check('big_edge', NULL, 0.85, 1e-13);
SELECT * FROM push_check('big_edge', 'big_seed', 0.85, 1e-9);
SELECT * FROM push_check('big_edge', 'big_seed', 0.99, 1e-9);
SELECT * FROM push_check('big_edge', NULL, 0, 1e-9);
SELECT * FROM push_check('big_edge', NULL, 0.2, 0.5);

-- Pairs and loops that nobody leaves, where plain iteration needs 130 iterations
CREATE TABLE closed_edge AS
SELECT i AS source, i / 2 * 2 + (i + 1) % 2 AS target, 1 AS weight FROM generate_series(0, 99) AS i
UNION ALL SELECT 1000 + i, i / 3, 1 + i % 2 FROM generate_series(0, 299) AS i
UNION ALL SELECT 100 + i, 200 + i % 7 * 5, 1 FROM generate_series(0, 30) AS i
UNION ALL SELECT 200 + i * 5, 200 + i * 5, 3 FROM generate_series(0, 6) AS i;
SELECT * FROM push_check('closed_edge', NULL, 0.85, 1e-12);
SELECT count(*) FROM influence_pagerank('SELECT * FROM closed_edge', max_iterations => 30);

-- The order of rows does not matter, and parallel edges add up
CREATE VIEW big_rank AS
SELECT * FROM influence_pagerank('SELECT source, target, weight FROM big_edge');
SELECT count(*), max(abs(a.rank - b.rank)) < 1e-15 AS equal
FROM big_rank a
FULL JOIN influence_pagerank('SELECT weight, target, source FROM big_edge ORDER BY weight, target DESC, source') b
	USING (node_id);
SELECT count(*), max(abs(a.rank - b.rank)) < 1e-15 AS equal
FROM big_rank a
FULL JOIN influence_pagerank('SELECT source, target, sum(weight) AS weight FROM big_edge GROUP BY 1, 2') b
	USING (node_id);
SELECT count(*), max(abs(a.rank - b.rank)) < 1e-15 AS equal
FROM big_rank a
FULL JOIN influence_pagerank('SELECT source, target FROM big_edge, generate_series(1, weight)') b
	USING (node_id);

-- A parallel plan changes nothing either
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT count(*), max(abs(a.rank - b.rank)) < 1e-15 AS equal
FROM big_rank a
FULL JOIN influence_pagerank('SELECT source, target, sum(weight) AS weight FROM big_edge GROUP BY 1, 2') b
	USING (node_id);
RESET min_parallel_table_scan_size;
RESET parallel_tuple_cost;
RESET parallel_setup_cost;

-- Multiplying all weights changes nothing
SELECT factor, count(*), max(abs(a.rank - b.rank)) < 1e-12 AS equal
FROM (VALUES ('1e149'), ('1e-149'), ('0.1')) AS f (factor),
	LATERAL influence_pagerank(format('SELECT source, target, weight * %s::float8 AS weight FROM big_edge', factor)) b
	JOIN big_rank a USING (node_id)
GROUP BY factor ORDER BY factor;

-- Column types: every integer for ids, every number for weights, domains too
CREATE DOMAIN user_id AS bigint;
SELECT weight_type, array_agg(round(rank::numeric, 6) ORDER BY node_id) AS ranks
FROM unnest('{int2,int4,int8,float4,float8,numeric}'::text[]) AS weight_type,
	LATERAL influence_pagerank(format(
		'SELECT source::int2, target::user_id, weight::%s
		 FROM (VALUES (1, 2, 3), (2, 1, 1), (1, 3, 1)) AS e (source, target, weight)',
		weight_type))
GROUP BY weight_type ORDER BY weight_type;

-- The smallest and the largest id
SELECT node_id, round(rank::numeric, 6) AS rank
FROM influence_pagerank('SELECT (-9223372036854775808)::bigint AS source, 9223372036854775807 AS target')
ORDER BY node_id;

-- A self-loop keeps its node from dangling; an edge of weight 0 names its nodes
CREATE TABLE loop (source int, target int, weight float8);
INSERT INTO loop VALUES (1, 1, 1);
SELECT * FROM influence_pagerank('SELECT * FROM loop');
INSERT INTO loop VALUES (1, 2, 1);
SELECT node_id, round(rank::numeric, 6) AS rank FROM influence_pagerank('SELECT * FROM loop') ORDER BY node_id;
INSERT INTO loop VALUES (2, 1, 0), (3, 1, '-0');
SELECT node_id, round(rank::numeric, 6) AS rank FROM influence_pagerank('SELECT * FROM loop') ORDER BY node_id;
SELECT * FROM influence_pagerank('SELECT source, target, 0 AS weight FROM loop') ORDER BY node_id;
SELECT * FROM influence_pagerank('SELECT * FROM loop WHERE false');

-- Seeds: weights are relative, repeated ones add up, one without edges is a node
SELECT node_id, round(rank::numeric, 6) AS rank
FROM influence_pagerank('SELECT * FROM toy',
	seeds => 'SELECT 5 AS node_id UNION ALL SELECT 5 UNION ALL SELECT 77')
ORDER BY node_id;
SELECT node_id, round(rank::numeric, 6) AS rank
FROM influence_pagerank('SELECT * FROM toy',
	seeds => 'SELECT * FROM (VALUES (5.0, 77), (0, 78), (10, 5)) AS s (weight, node_id)')
ORDER BY node_id;
SELECT count(*), max(abs(rank - 1 / 3000.0)) < 1e-15 AS alike
FROM influence_pagerank('SELECT * FROM loop WHERE false',
	seeds => 'SELECT generate_series(1, 3000) AS node_id');

-- It reads what its transaction has written
BEGIN;
INSERT INTO toy VALUES (6, 99);
SELECT count(*) FROM influence_pagerank('TABLE toy');
ROLLBACK;

-- Any query that only reads will do, a call of itself too
SELECT count(*) FROM influence_pagerank('WITH e AS (SELECT * FROM toy) SELECT * FROM e UNION ALL SELECT 100, 101;');
SELECT count(*)
FROM influence_pagerank('SELECT node_id AS source, node_id + 1 AS target FROM influence_pagerank(''TABLE toy'')');

-- In a read-only transaction, a cursor, and the security-restricted REFRESH
BEGIN READ ONLY;
DECLARE ranks CURSOR FOR SELECT node_id FROM influence_pagerank('TABLE toy');
FETCH 2 FROM ranks;
COMMIT;
CREATE MATERIALIZED VIEW toy_rank AS SELECT * FROM influence_pagerank('TABLE public.toy');
INSERT INTO toy VALUES (6, 99);
REFRESH MATERIALIZED VIEW toy_rank;
SELECT count(*) FROM toy_rank;
DELETE FROM toy WHERE target = 99;

-- It can be cancelled; where exactly the query was is left out
\set SHOW_CONTEXT never
SET statement_timeout = '100ms';
SELECT count(*) FROM influence_pagerank('SELECT generate_series(1, 1000000000000) AS source, 1 AS target');
RESET statement_timeout;
\set SHOW_CONTEXT errors

-- Errors with their SQLSTATE
CREATE FUNCTION failure(call text)
RETURNS TABLE (state text, message text, hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SELECT count(*) FROM ' || call;
	message := 'no error';
	RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN NEXT;
END $$;

\x on
-- Arguments
SELECT f.* FROM (VALUES ('1'), ('-0.1'), ('NaN'), ('Infinity')) AS v (damping),
	failure(format('influence_pagerank(''TABLE toy'', damping => %L)', damping)) f;
SELECT f.* FROM (VALUES ('0'), ('-1e-9'), ('NaN'), ('Infinity')) AS v (tolerance),
	failure(format('influence_pagerank(''TABLE toy'', tolerance => %L)', tolerance)) f;
SELECT * FROM failure('influence_pagerank(''TABLE toy'', max_iterations => 0)');
SELECT message FROM failure('influence_pagerank(NULL)') f;
SELECT message FROM failure('influence_pagerank(''TABLE toy'', damping => NULL)') f;
SELECT message FROM failure('influence_pagerank(''TABLE toy'', max_iterations => NULL)') f;
SELECT state, message FROM failure('influence_pagerank(''TABLE toy'', tolerance => NULL)') f;

-- No convergence
SELECT * FROM failure('influence_pagerank(''TABLE toy'', max_iterations => 3)');
SELECT * FROM influence_pagerank('TABLE toy', max_iterations => 3);

-- Columns
SELECT f.* FROM (VALUES
		('SELECT 1 AS source'),
		('SELECT 1 AS source, 2 AS target, 3 AS wieght'),
		('SELECT 1 AS source, 2 AS target, 3 AS source'),
		('SELECT 1 AS source, ''2'' AS target'),
		('SELECT 1 AS source, 2.0 AS target'),
		('SELECT 1 AS source, 2 AS target, ''3'' AS weight'),
		('SELECT FROM toy'),
		('SELECT 1 AS source, NULL::int AS target'),
		('SELECT NULL::int8 AS source, 1 AS target'),
		('SELECT 1 AS source, 2 AS target, NULL::float8 AS weight')) AS v (edges),
	failure(format('influence_pagerank(%L)', edges)) f;

-- Weights
SELECT f.* FROM (VALUES ('-1'), ('NaN'), ('Infinity'), ('-Infinity'), ('1e-200'), ('1e200')) AS v (weight),
	failure(format('influence_pagerank(%L)',
		format('SELECT 1 AS source, 2 AS target, %L::float8 AS weight', weight))) f;
SELECT f.* FROM (VALUES ('NaN'), ('Infinity'), ('1e300')) AS v (weight),
	failure(format('influence_pagerank(%L)',
		format('SELECT 1 AS source, 2 AS target, %L::numeric AS weight', weight))) f;

-- Seeds
SELECT f.* FROM (VALUES
		('SELECT 1 AS node_id WHERE false'),
		('SELECT 1 AS node_id, 0 AS weight'),
		('SELECT 1 AS node_id, -0.5 AS weight'),
		('SELECT NULL::int AS node_id'),
		('SELECT 1 AS id'),
		('SELECT 1 AS weight')) AS v (seeds),
	failure(format('influence_pagerank(''TABLE toy'', seeds => %L)', seeds)) f;

-- Queries
SELECT f.* FROM (VALUES
		(''),
		('-- nothing'),
		('SELECT 1 AS source, 2 AS target; SELECT 3 AS source, 4 AS target'),
		('SELECT 1 AS source, 2 AS target; DROP TABLE toy'),
		('INSERT INTO toy VALUES (1, 2) RETURNING source, target'),
		('DELETE FROM toy'),
		('DROP TABLE toy'),
		('COMMIT'),
		('EXPLAIN SELECT 1'),
		('COPY toy TO STDOUT'),
		('SELECT source, target INTO toy2 FROM toy'),
		('CREATE TABLE toy2 AS SELECT 1 AS source, 2 AS target'),
		('WITH gone AS (DELETE FROM toy RETURNING *) SELECT * FROM gone'),
		('SELECT * FROM toy FOR UPDATE'),
		('SELECT $1 AS source, 2 AS target'),
		('SELECT * FROM nowhere'),
		('SELECT 1 AS source, 2 / 0 AS target')) AS v (edges),
	failure(format('influence_pagerank(%L)', edges)) f;
SELECT count(*) FROM toy;

-- An error shows where in the query it is
SELECT count(*) FROM influence_pagerank('SELECT source, tarjet FROM toy');
SELECT count(*) FROM influence_pagerank('SELECT 1 AS source, 2 / 0 AS target');

-- The query runs with the rights of the caller, under row-level security
CREATE ROLE regress_influence_reader;
GRANT EXECUTE ON FUNCTION failure TO regress_influence_reader;
SET ROLE regress_influence_reader;
SELECT * FROM failure('influence_pagerank(''TABLE toy'')');
RESET ROLE;
GRANT SELECT ON toy TO regress_influence_reader;
ALTER TABLE toy ENABLE ROW LEVEL SECURITY;
CREATE POLICY low_ids ON toy TO regress_influence_reader USING (source < 2 AND target < 3);
SET ROLE regress_influence_reader;
SELECT array_agg(node_id ORDER BY node_id) FROM influence_pagerank('TABLE toy');
RESET ROLE;
\x off

DROP OWNED BY regress_influence_reader;
DROP ROLE regress_influence_reader;
DROP MATERIALIZED VIEW toy_rank;
DROP VIEW big_rank;
DROP FUNCTION failure, push_check;
DROP TABLE toy, small_case, small_edge, small_expected, ldbc_edge, ldbc_expected,
	karate_edge, karate_expected, big_edge, big_seed, closed_edge, loop;
DROP DOMAIN user_id;
