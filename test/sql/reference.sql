--
-- Scores against an independent recomputation in plain SQL (test/oracle.sql)
--
\getenv inputdir PG_ABS_SRCDIR
\set oracle_file :inputdir '/oracle.sql'
\set ECHO none
\i :oracle_file
\set ECHO all
SET TimeZone = 'UTC';

--
-- The recomputation itself, on worlds that are small enough for a pencil
--
-- T = 2024-01-11, window 10 days, so D = 10; selectivity_rate 1: someone with c
-- rows has selectivity 1 / (1 + c/10).
INSERT INTO influence.models (model, id_type, schema, time_window, selectivity_rate,
	reach_half_life, damping, authority_weight)
VALUES ('pencil', 'text', 'pencil', '10 days', 1, '10 days', 0.5, 1);
INSERT INTO influence.networks VALUES
	('pencil', 'pairs', 1), ('pencil', 'graph', 1), ('pencil', 'posts', 1), ('pencil', 'facts', 2);
INSERT INTO influence.signals (model, network, kind, role, weight, half_life, conversational) VALUES
	('pencil', 'pairs', 'like', 'reaction', 1, NULL, false),
	('pencil', 'pairs', 'comment', 'reaction', 2, '10 days', true),
	('pencil', 'pairs', 'follow', 'follow', 0.5, NULL, false),
	('pencil', 'graph', 'like', 'reaction', 1, NULL, false),
	('pencil', 'posts', 'post', 'post', 1, NULL, false),
	('pencil', 'posts', 'share', 'share', 1, NULL, false),
	('pencil', 'facts', 'inlink', 'authority', 4, NULL, false);
INSERT INTO influence.calibrations (model, version, as_of, people, raw, score)
VALUES ('pencil', 1, '2024-01-11', 2, ARRAY[0, ln(49::float8)], '{1, 41}');

INSERT INTO oracle.interactions VALUES
	-- 1. ann likes ute and wim once, bob commented ute 10 days ago (2 halves to
	-- 1), ute likes ann 3 times, 4 unknown people like ute
	('pairs', 'like', 'ann', 'ute', '2024-01-11', NULL, NULL, NULL),
	('pairs', 'like', 'ann', 'wim', '2024-01-11', NULL, NULL, NULL),
	('pairs', 'comment', 'bob', 'ute', '2024-01-01', NULL, NULL, NULL),
	('pairs', 'like', 'ute', 'ann', '2024-01-11', NULL, NULL, NULL),
	('pairs', 'like', 'ute', 'ann', '2024-01-11', NULL, NULL, NULL),
	('pairs', 'like', 'ute', 'ann', '2024-01-11', NULL, NULL, NULL),
	('pairs', 'like', NULL, 'ute', '2024-01-11', NULL, 4, NULL),
	-- ann and 7 unknown people follow wim, ann twice
	('pairs', 'follow', 'ann', 'wim', '2020-01-01', NULL, NULL, NULL),
	('pairs', 'follow', 'ann', 'wim', '2021-01-01', NULL, NULL, NULL),
	('pairs', 'follow', NULL, 'wim', '2021-01-01', NULL, 7, NULL),
	-- 2. ann and bob like ute, who likes nobody
	('graph', 'like', 'ann', 'ute', '2024-01-11', NULL, NULL, NULL),
	('graph', 'like', 'bob', 'ute', '2024-01-11', NULL, NULL, NULL),
	-- 3. ute has 2 posts with 5 shares (one of them given twice), wim 4 posts with 1
	('posts', 'post', NULL, 'ute', '2024-01-11', 'ute 1', NULL, NULL),
	('posts', 'post', NULL, 'ute', '2024-01-10', 'ute 1', NULL, NULL),
	('posts', 'post', NULL, 'ute', '2024-01-10', 'ute 2', NULL, NULL),
	('posts', 'post', NULL, 'wim', '2024-01-10', 'wim 1', NULL, NULL),
	('posts', 'post', NULL, 'wim', '2024-01-10', 'wim 2', NULL, NULL),
	('posts', 'post', NULL, 'wim', '2024-01-10', NULL, 2, NULL),
	('posts', 'share', 'ann', 'ute', '2024-01-11', 'ute 1', NULL, NULL),
	('posts', 'share', 'ann', 'ute', '2024-01-11', 'ute 1', NULL, NULL),
	('posts', 'share', 'bob', 'ute', '2024-01-11', 'ute 1', NULL, NULL),
	('posts', 'share', NULL, 'ute', '2024-01-11', 'ute 1', 3, NULL),
	('posts', 'share', 'ann', 'wim', '2024-01-11', 'wim 1', NULL, NULL),
	-- 4. a fact of weight 4 about eve, a quarter of it negative
	('facts', 'inlink', NULL, 'eve', '2024-01-11', NULL, NULL, -0.25),
	-- 5. rows that do not count
	('pairs', 'like', 'ann', NULL, NULL, NULL, NULL, NULL),
	('pairs', 'like', 'ann', 'ute', NULL, NULL, NULL, NULL),
	('pairs', 'stare', 'ann', 'ute', '2024-01-11', NULL, NULL, NULL),
	('pairs', 'like', 'ann', 'ute', 'infinity', NULL, NULL, NULL),
	('pairs', 'like', 'ann', 'ute', '2024-01-11', NULL, 'NaN', NULL),
	('pairs', 'like', 'ann', 'ute', '2024-01-11', NULL, -1, NULL),
	('pairs', 'like', 'ann', 'ute', '2024-01-11', NULL, 1, 1.01),
	('pairs', 'like', 'ann', 'ute', '2024-01-11 00:05:00.000001', NULL, NULL, NULL),
	('pairs', 'like', 'ann', 'ute', '2023-12-31 23:59:59.999999', NULL, NULL, NULL),
	('pairs', 'like', 'ann', 'ute', '2024-01-11', NULL, 0, NULL),
	('pairs', 'like', 'ann', 'ann', '2024-01-11', NULL, NULL, NULL);
SELECT oracle.compute('pencil', '2024-01-11');

SELECT * FROM oracle.ignored ORDER BY reason;

-- ann did c = 2 rows on pairs, one of them towards ute: her trust in ute is that
-- of 1 row, 10/11. She likes ute once, ute likes her thrice: r = 1/3, which
-- discounts by 1 - 0.5/3 = 5/6. An unknown person who likes once is worth ln 2
-- and present for a tenth.
--
-- On graph, ann and bob have selectivity 10/11 and ute 1, so teleport is 10, 10
-- and 11 of 31. Be B = 0.5 + 0.5 rank(ute), then rank(ann) = rank(bob) = 10/31 B,
-- rank(ute) = 11/31 B + 0.5 * 20/31 B, B = 31/41, N = 3 * 0.5 * 20/31 B = 30/41.
--
-- On posts, m = 6/6; phi = (3^2 - 2 + 3^2 - 4) / (4 + 16) = 0.6, a = b = 5/3.
--
-- Eve: O = 4 * 3/4 = 3, M = exp(ln 4) - 1 = 3, raw = ln(1 + 2 * 3) is half of
-- ln 49, so her score is 21, and the negative quarter is her notoriety.
SELECT what, abs(hand - found) < 1e-12 AS ok
FROM oracle.terms AS t
CROSS JOIN LATERAL (VALUES
	('E', 'pairs', 'ute', ln(2::float8) * (25/33.0 + 1 + 4), engagement),
	('E', 'pairs', 'wim', ln(2::float8) * 10/11, engagement),
	('E', 'pairs', 'ann', ln(4::float8) * 5/6, engagement),
	('R', 'pairs', 'ute', 10/11.0 + 0.5 + 0.4, true_reach),
	('F', 'pairs', 'wim', 10/11.0 + 7, audience),
	('audience term', 'pairs', 'wim', 0.3 * 0.5 * ln(1 + 10/11.0 + 7), audience_term),
	('N', 'graph', 'ute', 30/41.0, network_influence),
	('lambda', 'posts', 'ute', 20/11.0, lambda),
	('lambda', 'posts', 'wim', 8/17.0, lambda),
	('O', 'facts', 'eve', 3, authority))
	AS v (what, network, target, hand, found)
WHERE (t.network, t.target) = (v.network, v.target)
ORDER BY t.network, what, t.target;

SELECT user_id, round(score::numeric, 12) AS score, tier, round(notoriety::numeric, 12) AS notoriety
FROM oracle.scores WHERE user_id = 'eve';

-- What a person is made of adds up to the score
SELECT count(*) AS people, max(abs(points + 1 - score)) < 1e-12 AS ok
FROM oracle.scores
JOIN (SELECT user_id, sum(points) AS points FROM oracle.network_scores GROUP BY user_id) AS n USING (user_id);

DELETE FROM influence.models WHERE model = 'pencil';

--
-- The extension against the recomputation
--
-- A world of people who are numbers, made of hashes: all roles on three
-- networks, unknown people, moods, and rows that do not count.
CREATE FUNCTION dice(i int, what text) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$
	SELECT ('x' || substr(md5(what || i), 1, 8))::bit(32)::bigint / 4294967296::float8
$$;

CREATE TABLE world AS
SELECT i,
	CASE WHEN dice(i, 'network') < 0.50 THEN 'alpha'
		WHEN dice(i, 'network') < 0.80 THEN 'beta'
		WHEN dice(i, 'network') < 0.99 THEN 'gamma'
		WHEN dice(i, 'network') < 0.995 THEN 'delta'
	END AS network,
	kind,
	CASE WHEN kind = 'post' AND dice(i, 'self') < 0.5 THEN target
		WHEN kind IN ('post', 'award') OR dice(i, 'unknown') < 0.12 THEN NULL
		ELSE 1 + floor(60 * power(dice(i, 'actor'), 1.5))::int
	END AS actor,
	target,
	CASE WHEN dice(i, 'when') < 0.015 THEN NULL
		WHEN dice(i, 'when') < 0.020 THEN 'infinity'
		WHEN dice(i, 'when') < 0.025 THEN '-infinity'
		WHEN dice(i, 'when') < 0.045 THEN timestamptz '2024-06-01 12:00+00' + dice(i, 'ahead') * interval '10 minutes'
		ELSE timestamptz '2024-06-01 12:00+00' - power(dice(i, 'ago'), 1.3) * interval '110 days'
	END AS occurred_at,
	CASE WHEN dice(i, 'post') < 0.8 THEN 'post ' || target || '/' || floor(dice(i, 'number') * 6) END AS post,
	CASE WHEN kind = 'post' AND dice(i, 'self') < 0.5 THEN NULL
		WHEN dice(i, 'weight') < 0.60 THEN NULL
		WHEN dice(i, 'weight') < 0.61 THEN 'NaN'
		WHEN dice(i, 'weight') < 0.615 THEN 'Infinity'
		WHEN dice(i, 'weight') < 0.62 THEN -1
		WHEN dice(i, 'weight') < 0.63 THEN 0
		WHEN dice(i, 'unknown') < 0.12 THEN ceil(40 * dice(i, 'count'))
		ELSE 3 * dice(i, 'count')
	END AS weight,
	CASE WHEN dice(i, 'mood') < 0.60 THEN NULL
		WHEN dice(i, 'mood') < 0.61 THEN 'NaN'
		WHEN dice(i, 'mood') < 0.62 THEN -1.5
		ELSE 2 * dice(i, 'sentiment') - 1
	END AS sentiment
FROM generate_series(1, 1500) AS i
CROSS JOIN LATERAL (SELECT
	CASE WHEN dice(i, 'target') > 0.008 THEN 1 + floor(50 * power(dice(i, 'target'), 2.2))::int END) AS t (target)
CROSS JOIN LATERAL (SELECT
	CASE WHEN dice(i, 'kind') < 0.40 THEN 'like'
		WHEN dice(i, 'kind') < 0.55 THEN 'comment'
		WHEN dice(i, 'kind') < 0.67 THEN 'share'
		WHEN dice(i, 'kind') < 0.77 THEN 'follow'
		WHEN dice(i, 'kind') < 0.81 THEN 'list'
		WHEN dice(i, 'kind') < 0.90 THEN 'post'
		WHEN dice(i, 'kind') < 0.92 THEN 'award'
		WHEN dice(i, 'kind') < 0.95 THEN 'praise'
		WHEN dice(i, 'kind') < 0.97 THEN 'block'
		WHEN dice(i, 'kind') < 0.98 THEN 'mute'
		WHEN dice(i, 'kind') < 0.99 THEN 'unheard of'
	END) AS k (kind);

-- Pairs who like each other, or talk to each other
INSERT INTO world
SELECT 1500 + n, 'alpha', CASE WHEN a < 7 THEN 'like' ELSE 'comment' END, a, b,
	timestamptz '2024-06-01 12:00+00' - n * interval '1 day'
FROM (VALUES (1, 1, 2), (2, 1, 2), (3, 2, 1), (4, 3, 4), (5, 4, 3), (6, 5, 6), (7, 6, 5),
		(8, 6, 5), (9, 7, 8), (10, 8, 7), (11, 8, 7)) AS v (n, a, b);
-- Equals: 71 to 74 through somebody unknown, 77 and 78 through the same fan; 75 published and 76
-- was blocked, no more
INSERT INTO world
SELECT 1520 + n, 'alpha', kind, actor, target, '2024-05-20'
FROM (VALUES (1, 'like', NULL, 71), (2, 'like', NULL, 72), (3, 'like', NULL, 73), (4, 'like', NULL, 74),
		(5, 'post', NULL, 75), (6, 'block', 80, 76), (7, 'like', 79, 77), (8, 'like', 79, 78))
	AS v (n, kind, actor, target);

SELECT count(*) AS rows,
	count(*) FILTER (WHERE actor IS NULL) > 100 AS unknown_people,
	count(DISTINCT kind) AS kinds,
	count(DISTINCT target) AS people
FROM world;

-- Three kinds of relation, each holding a third of the rows. The table has
-- milliseconds and marks.
CREATE TABLE world_table AS
SELECT i, network, kind, actor AS who, target AS whom, occurred_at, post,
	coalesce(weight, 1) * 10 AS tenths, sentiment AS mood, i % 2 = 0 AS even
FROM world WHERE i % 3 = 0;
CREATE TABLE world_partitioned (LIKE world) PARTITION BY RANGE (occurred_at);
CREATE TABLE world_april PARTITION OF world_partitioned FOR VALUES FROM ('2024-04-01') TO ('2024-05-01');
CREATE TABLE world_other PARTITION OF world_partitioned DEFAULT;
INSERT INTO world_partitioned SELECT * FROM world WHERE i % 3 = 1;

-- Ids of each type. The text ids sort otherwise in a natural language than by bytes.
CREATE FUNCTION bigint_id(person int) RETURNS bigint
LANGUAGE sql IMMUTABLE AS 'SELECT person * 7::bigint - 100';
CREATE FUNCTION uuid_id(person int) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$SELECT md5('person ' || person)::uuid$$;
CREATE FUNCTION text_id(person int) RETURNS text
LANGUAGE sql IMMUTABLE AS $$SELECT (ARRAY['ann ', 'Zoe', 'o''Neill_', '"x"'])[1 + person % 4] || person$$;

CREATE VIEW world_view AS
SELECT network, kind, occurred_at, post, weight, sentiment,
	bigint_id(actor) AS bigint_actor, bigint_id(target) AS bigint_target,
	uuid_id(actor) AS uuid_actor, uuid_id(target) AS uuid_target,
	text_id(actor) AS text_actor, text_id(target) AS text_target
FROM world WHERE i % 3 = 2;

-- A model with ids of a type over the three relations
CREATE PROCEDURE make_model(id_type text)
LANGUAGE plpgsql AS $$
DECLARE
	name text := id_type || '_world';
BEGIN
	PERFORM influence_create_model(name, id_type => id_type::regtype);
	DELETE FROM influence.networks WHERE model = name;
	INSERT INTO influence.networks VALUES (name, 'alpha', 1), (name, 'beta', 1.5), (name, 'gamma', 0.7);
	INSERT INTO influence.signals (model, network, kind, role, weight, half_life, polarity, conversational)
	SELECT name, network, kind, role, weight * factor, half_life::interval, polarity, conversational
	FROM (VALUES
		('like', 'reaction', 1, '30 days', 0, false),
		('comment', 'reaction', 3, '20 days', 0, true),
		('share', 'share', 4, '15 days 12:30:00', 0, false),
		('follow', 'follow', 0.3, NULL, 0, false),
		('list', 'follow', 1, '1 mon', 0, false),
		('post', 'post', 1, '15 days', 0, false),
		('award', 'authority', 2, '1 year', 0, false),
		('praise', 'endorsement', 5, NULL, 0.5, false),
		('block', 'reaction', 2, '60 days', -1, false),
		('mute', 'reaction', 0, '60 days', -1, false))
		AS s (kind, role, weight, half_life, polarity, conversational)
	CROSS JOIN (VALUES ('alpha', 1), ('beta', 0.8), ('gamma', 1.25)) AS v (network, factor)
	-- nobody publishes on gamma
	WHERE (network, kind) <> ('gamma', 'post');
	-- Ranks as exact as those that they are compared with
	UPDATE influence.models SET tolerance = 1e-14, max_iterations = 1000 WHERE model = name;

	PERFORM influence_add_source(name, 'even', 'world_table',
		actor => format('public.%s_id(who)', id_type), target => format('public.%s_id(whom)', id_type),
		occurred_at => 'occurred_at', kind_column => 'kind', network_column => 'network',
		post => 'upper(post)', weight => 'tenths / 10', sentiment => 'mood', filter => 'even');
	PERFORM influence_add_source(name, 'odd', 'world_table',
		actor => format('public.%s_id(who)', id_type), target => format('public.%s_id(whom)', id_type),
		occurred_at => 'occurred_at', kind_column => 'kind', network_column => 'network',
		post => 'upper(post)', weight => 'tenths / 10', sentiment => 'mood', filter => 'NOT even');
	PERFORM influence_add_source(name, 'partitioned', 'world_partitioned',
		actor => format('public.%s_id(actor)', id_type), target => format('public.%s_id(target)', id_type),
		occurred_at => 'occurred_at', kind_column => 'kind', network_column => 'network',
		post => 'upper(post)', weight => 'weight', sentiment => 'sentiment');
	PERFORM influence_add_source(name, 'view', 'world_view',
		actor => id_type || '_actor', target => id_type || '_target',
		occurred_at => 'occurred_at', kind_column => 'kind', network_column => 'network',
		post => 'upper(post)', weight => 'weight', sentiment => 'sentiment');

	TRUNCATE oracle.interactions;
	EXECUTE format('INSERT INTO oracle.interactions
		SELECT network, kind, %1$I(actor)::text, %1$I(target)::text, occurred_at, upper(post), weight, sentiment
		FROM world', id_type || '_id');
END
$$;

-- Refresh by the extension and by hand; what differs. Counts keys that only one
-- of them has as differences.
CREATE FUNCTION refresh_and_compare(model text, as_of timestamptz)
RETURNS TABLE (view text, columns bigint, rows bigint, differences text)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM influence_refresh(model, as_of => as_of);
	PERFORM oracle.compute(model, as_of);
	RETURN QUERY
	SELECT c.view, count(*), max(c.rows),
		string_agg(format('%s: %s missing, %s extra, difference %s',
						  c.column_name, c.missing, c.extra, c.max_difference), '; ')
			FILTER (WHERE c.missing + c.extra > 0 OR NOT c.max_difference < 1e-9)
	FROM oracle.compare(model) AS c
	GROUP BY c.view
	ORDER BY c.view;
END
$$;

-- The defaults. The knots of the first refresh are new and lie on the curve;
-- the second goes on with them, beyond the last one too, and knows what
-- changed.
CALL make_model('bigint');
SELECT * FROM refresh_and_compare('bigint_world', '2024-05-24 12:00');
SELECT knots > 30 AS many, off_curve, max_difference < 1e-9 AS same FROM oracle.compare_calibration();
SELECT * FROM refresh_and_compare('bigint_world', '2024-06-01 12:00');
SELECT count(day_change) > 40 AS many_changes, count(month_change) AS month_changes,
	(SELECT max(raw) FROM oracle.person_mass) > (SELECT max(raw) FROM oracle.knots) AS beyond
FROM oracle.scores;

-- Everybody, without moods, an undamped dislike of traded likes, calibrated each time
CALL make_model('uuid');
UPDATE influence.models
SET sentiment_policy = 'ignore', reciprocity_discount = 1, damping = 0.5, selectivity_rate = 0.2,
	target_mean = 20, target_p95 = 50, calibration_policy = 'each_refresh', time_window = NULL
WHERE model = 'uuid_world';
SELECT * FROM refresh_and_compare('uuid_world', '2024-05-24 12:00');
SELECT * FROM refresh_and_compare('uuid_world', '2024-06-01 12:00');
SELECT knots > 30 AS many, off_curve, max_difference < 1e-9 AS same FROM oracle.compare_calibration();

-- A short window, unknown people in full, an exact clock
CALL make_model('text');
UPDATE influence.models
SET time_window = '1 mon 15 days', clock_skew = '0', anonymous_reach = 1, reach_half_life = '36 hours',
	selectivity_rate = 1, amplification_weight = 2, authority_weight = 0
WHERE model = 'text_world';
SELECT * FROM refresh_and_compare('text_world', '2024-06-01 12:00');
SELECT knots > 30 AS many, off_curve, max_difference < 1e-9 AS same FROM oracle.compare_calibration();

-- Equals have equal scores, and their ids decide who comes first
SELECT count(*) AS people, count(DISTINCT score) AS scores, count(DISTINCT rank) AS ranks,
	array_agg(user_id ORDER BY rank) = array_agg(user_id ORDER BY user_id COLLATE "C") AS by_id
FROM text_world.scores
WHERE user_id IN (SELECT text_id(person) FROM generate_series(71, 74) AS person);
SELECT user_id, score FROM text_world.scores
WHERE user_id IN (text_id(75), text_id(76)) ORDER BY user_id COLLATE "C";

-- The clocks of people who do not post stand still: rows that the window has left
-- behind count, and those that count for nobody are counted as such
UPDATE influence.models SET inactivity_policy = 'grace', grace_period = '5 days 03:00' WHERE model = 'text_world';
SELECT * FROM refresh_and_compare('text_world', '2024-06-01 12:00');
SELECT count(*) > 100 AS rows, count(*) FILTER (WHERE NOT recent AND ignored_because IS NULL) > 0 AS brought_back,
	count(*) FILTER (WHERE was_read AND ignored_because = 'outside_window') > 0 AS outside
FROM oracle.clocked WHERE clock_age < age;
UPDATE influence.models SET inactivity_policy = 'freeze', grace_period = '36 hours' WHERE model = 'text_world';
SELECT * FROM refresh_and_compare('text_world', '2024-06-01 12:00');
SELECT count(*) > 100 AS rows, count(*) FILTER (WHERE NOT recent AND ignored_because IS NULL) > 0 AS brought_back,
	count(*) FILTER (WHERE was_read AND ignored_because = 'outside_window') > 0 AS outside
FROM oracle.clocked WHERE clock_age < age;
SELECT count(*) > 20 AS people, count(frozen_since) > 10 AS frozen, max(frozen_since) < max(as_of) AS past FROM oracle.scores;
UPDATE influence.models SET grace_period = '0', time_window = NULL WHERE model = 'text_world';
SELECT * FROM refresh_and_compare('text_world', '2024-05-20 12:00');
-- More people, read in parallel
UPDATE influence.models SET grace_period = '1 day', time_window = '30 days' WHERE model = 'text_world';
CREATE TABLE more AS
SELECT 6 * i AS i, 'alpha' AS network, CASE WHEN i % 3 = 0 THEN 'like' ELSE 'post' END AS kind, CASE WHEN i % 3 = 0 THEN i % 60 + 1 END AS actor,
	100 + i % 149 AS target, timestamptz '2024-06-01 12:00+00' - i * interval '1 hour' AS occurred_at
FROM generate_series(1, 3000) AS i;
INSERT INTO world_table
SELECT i, network, kind, actor, target, occurred_at, NULL, 10, NULL, true FROM more;
INSERT INTO oracle.interactions
SELECT network, kind, text_id(actor), text_id(target), occurred_at FROM more;
SET min_parallel_table_scan_size = 0;
SELECT * FROM refresh_and_compare('text_world', '2024-06-01 12:00');

SET client_min_messages = warning;
SELECT influence_drop_model(model) IS NOT NULL AS dropped
FROM unnest('{bigint_world, uuid_world, text_world}'::text[]) AS model;
DROP VIEW world_view;
DROP TABLE world, world_table, world_partitioned, more;
DROP PROCEDURE make_model;
DROP FUNCTION refresh_and_compare, dice, bigint_id, uuid_id, text_id;
DROP SCHEMA oracle CASCADE;
