-- influence_fit(): judgements drawn with known weights give these weights back
SET jit = off;
SET client_min_messages = warning;

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

CREATE SCHEMA fit_app;
CREATE FUNCTION fit_app.dice(i bigint, what text) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$
	SELECT ('x' || substr(md5(what || i), 1, 8))::bit(32)::bigint / 4294967296::float8
$$;

-- 150 people on two networks; who is good at what differs
CREATE TABLE fit_app.events AS
SELECT network, kind, 'a' || floor(700 * fit_app.dice(i, 'actor')) AS actor,
	'p' || floor(1 + 150 * power(fit_app.dice(i, 'target'), 2) + shift)::int % 150 AS target,
	timestamptz '2026-06-29' - fit_app.dice(i, 'ago') * interval '80 days' AS at, floor(8 * fit_app.dice(i, 'post')) AS post
FROM generate_series(1, 9000) AS i
JOIN (VALUES (0, 'app', 'like', 0), (1, 'app', 'comment', 10), (2, 'app', 'follow', 50), (3, 'app', 'share', 90),
			 (4, 'app', 'post', 20), (5, 'app', 'inlink', 70), (6, 'twitter', 'favorite', 60), (7, 'twitter', 'follow', 110),
			 (8, 'twitter', 'retweet', 30), (9, 'twitter', 'post', 0)) AS k (n, network, kind, shift) ON k.n = i % 10;

SELECT influence_create_model('fit', id_type => 'text');
INSERT INTO influence.signals (model, network, kind, role) VALUES ('fit', 'app', 'inlink', 'authority');
SELECT influence_add_source('fit', 'events', 'fit_app.events', actor => $$CASE WHEN kind NOT IN ('post', 'inlink') THEN actor END$$,
	target => 'target', occurred_at => 'at', kind_column => 'kind', network_column => 'network', post => $$target || '/' || post$$);
SELECT model, status, users FROM influence_refresh('fit', '2026-06-30');

-- What the formula adds up: an array of ln(1 + measure) for each person and network, from the view
CREATE TABLE fit_app.terms AS
SELECT s.user_id, n.weight AS omega, ARRAY[ln(1 + s.audience), ln(1 + s.engagement), ln(1 + s.true_reach),
	ln(1 - ln(1 - s.amplification / 100)), ln(1 + s.network_influence / (100 - s.network_influence)), ln(1 + s.authority)] AS term
FROM fit.network_scores AS s JOIN influence.networks AS n ON n.model = 'fit' AND n.network = s.network;
CREATE FUNCTION fit_app.dot(a float8[], b float8[]) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
	SELECT a[1] * b[1] + a[2] * b[2] + a[3] * b[3] + a[4] * b[4] + a[5] * b[5] + a[6] * b[6]
$$;
CREATE FUNCTION fit_app.raw(weights float8[]) RETURNS TABLE (user_id text, raw float8) LANGUAGE sql AS $$
	SELECT t.user_id, ln(1 + sum(t.omega * (exp(fit_app.dot(weights, t.term)) - 1))) FROM fit_app.terms AS t GROUP BY t.user_id
$$;

-- 6,000 judgements by people who think in raw under other weights than the model's, with a slope of 5
CREATE TABLE fit_app.truth AS SELECT ARRAY[0.40, 0.10, 0.05, 0.30, 0.15, 0.60]::float8[] AS weights;
CREATE TABLE fit_app.pairs AS
WITH people AS MATERIALIZED (SELECT r.* FROM fit_app.truth, fit_app.raw(weights) AS r)
SELECT CASE WHEN a_wins THEN a.user_id ELSE b.user_id END AS more_influential,
	CASE WHEN a_wins THEN b.user_id ELSE a.user_id END AS less_influential
FROM generate_series(1, 6000) AS i
JOIN people AS a ON a.user_id = 'p' || floor(150 * fit_app.dice(i, 'a'))
JOIN people AS b ON b.user_id = 'p' || floor(150 * fit_app.dice(i, 'b')) AND b.user_id <> a.user_id
CROSS JOIN LATERAL (SELECT fit_app.dice(i, 'wins') < 1 / (1 + exp(-5 * (a.raw - b.raw)))) AS w (a_wins);
CREATE TABLE fit_app.learned AS
SELECT row_number() OVER () AS n, f.* FROM influence_fit('fit', 'SELECT * FROM fit_app.pairs') AS f;
RESET client_min_messages;

-- each weight comes back within 0.05; engagement and true reach, which say nearly the same, do so in sum
SELECT max(abs(weight - truth)) FILTER (WHERE n NOT IN (2, 3)) < 0.05 AS weights,
	abs(sum(weight - truth) FILTER (WHERE n IN (2, 3))) < 0.05 AS both, abs(sum(weight) FILTER (WHERE n < 6) - 1) < 1e-12 AS sum,
	min(weight) >= 0 AS not_negative, abs(min(slope) - 5) < 0.5 AS slope
FROM fit_app.truth CROSS JOIN LATERAL unnest(weights) WITH ORDINALITY AS w (truth, n) JOIN fit_app.learned AS l USING (n);
SELECT measure, current_weight, pairs, pairs_unknown, lambda, accuracy > current_accuracy AS better, log_loss < current_log_loss AS likelier
FROM fit_app.learned ORDER BY n;

-- Plain and independent: the penalised log-loss as documented, on theta = slope * weight
CREATE FUNCTION fit_app.variation() RETURNS float8[] LANGUAGE sql AS $$
	WITH gradient AS MATERIALIZED (
		SELECT t.user_id, c, sum(omega * exp(fit_app.dot(weights, term)) * term[c])
			/ (1 + sum(omega * (exp(fit_app.dot(weights, term)) - 1))) AS g
		FROM fit_app.terms AS t, generate_series(1, 6) AS c,
			(SELECT array_agg(current_weight ORDER BY n) AS weights FROM fit_app.learned) AS w
		GROUP BY user_id, c)
	SELECT array_agg(v ORDER BY c)
	FROM (SELECT a.c, avg((a.g - b.g) * (a.g - b.g)) AS v
		  FROM fit_app.pairs AS p JOIN gradient AS a ON a.user_id = p.more_influential
		  JOIN gradient AS b ON b.user_id = p.less_influential AND b.c = a.c GROUP BY a.c) AS v
$$;
CREATE TABLE fit_app.plain AS
SELECT fit_app.variation() AS v, array_agg(slope * weight ORDER BY n) AS theta,
	array_agg(current_weight ORDER BY n) AS current, min(lambda) AS lambda
FROM fit_app.learned;
CREATE FUNCTION fit_app.objective(theta float8[]) RETURNS float8 LANGUAGE sql AS $$
	WITH slope AS (SELECT theta[1] + theta[2] + theta[3] + theta[4] + theta[5] AS s),
	people AS MATERIALIZED (
		SELECT r.* FROM slope, fit_app.raw((SELECT array_agg(t / s ORDER BY n) FROM unnest(theta) WITH ORDINALITY AS u (t, n))) AS r)
	SELECT (SELECT avg(ln(1 + exp(-s * (a.raw - b.raw)))) FROM fit_app.pairs AS p
			JOIN people AS a ON a.user_id = p.more_influential JOIN people AS b ON b.user_id = p.less_influential)
		+ lambda / 2 * (SELECT sum(v[c] * power(theta[c] - s * current[c], 2)) FROM generate_series(1, 6) AS c)
		+ s * s / 2 * (SELECT avg(x) FROM unnest(v) AS x) / 6.25 / (SELECT count(*) FROM fit_app.pairs)
	FROM slope, fit_app.plain AS p (v, unused, current, lambda)
$$;
CREATE FUNCTION fit_app.moved(c bigint, step float8) RETURNS float8[] LANGUAGE sql AS $$
	SELECT array_agg(CASE WHEN n = c THEN t + step ELSE t END ORDER BY n)
	FROM fit_app.plain, unnest(theta) WITH ORDINALITY AS u (t, n)
$$;
-- its derivative, in units of log-odds, is 0 for weights above 0 and not negative for those of 0
SELECT l.measure, CASE WHEN l.weight > 0 THEN abs(derivative) < 1e-7 ELSE derivative > 0 END AS is_optimal
FROM fit_app.learned AS l, fit_app.plain,
	LATERAL (SELECT (fit_app.objective(fit_app.moved(n, 1e-5)) - fit_app.objective(fit_app.moved(n, -1e-5))) / 2e-5 / sqrt(v[n])) AS d (derivative)
ORDER BY n;
-- and the current weights are right about as many pairs as in plain SQL
SELECT abs(current_accuracy - plain) < 1e-12 AS accuracy, abs(current_accuracy - e.accuracy) < 1e-12 AS as_evaluated
FROM (SELECT * FROM fit_app.learned LIMIT 1) AS l,
	influence_evaluate('fit', 'SELECT * FROM fit_app.pairs') AS e,
	LATERAL (WITH people AS MATERIALIZED (SELECT r.* FROM fit_app.plain, fit_app.raw(current) AS r)
	 SELECT avg(CASE WHEN abs(a.raw - b.raw) < 1e-10 THEN 0.5 WHEN a.raw > b.raw THEN 1 ELSE 0 END)
	 FROM fit_app.pairs AS p JOIN people AS a ON a.user_id = p.more_influential JOIN people AS b ON b.user_id = p.less_influential) AS c (plain);

-- the order of the pairs does not matter, nor does that of the sources' rows
CREATE TABLE fit_app.shuffled AS SELECT * FROM fit_app.events ORDER BY md5(target || actor || at);
UPDATE influence.sources SET relation = 'fit_app.shuffled', relation_name = 'fit_app.shuffled' WHERE model = 'fit';
SELECT max(abs(f.weight - l.weight)) < 1e-9 AS same, count(*) AS rows
FROM unnest(ARRAY['more_influential', 'less_influential DESC', 'md5(more_influential || less_influential)']) AS o,
	LATERAL influence_fit('fit', 'SELECT less_influential, more_influential FROM fit_app.pairs ORDER BY ' || o) AS f
JOIN fit_app.learned AS l USING (measure);

-- nothing is stored unless asked for; what is takes effect with the next refresh
SELECT audience_weight, engagement_weight, true_reach_weight, amplification_weight, network_influence_weight, authority_weight
FROM influence.models WHERE model = 'fit';
CREATE TABLE fit_app.before AS SELECT * FROM influence_evaluate('fit', 'SELECT * FROM fit_app.pairs');
CREATE TABLE fit_app.stored AS SELECT * FROM influence_fit('fit', 'SELECT * FROM fit_app.pairs', store => true);
SELECT m.measure, m.weight = s.weight AS stored
FROM influence.models, LATERAL (VALUES ('audience', audience_weight), ('engagement', engagement_weight), ('true_reach', true_reach_weight),
	('amplification', amplification_weight), ('network_influence', network_influence_weight), ('authority', authority_weight)) AS m (measure, weight)
JOIN fit_app.stored AS s USING (measure) JOIN fit_app.learned AS l USING (measure) WHERE model = 'fit' ORDER BY n;
SELECT e::text = b::text AS still_the_same FROM fit_app.before AS b, influence_evaluate('fit', 'SELECT * FROM fit_app.pairs') AS e;
SELECT status FROM influence_refresh('fit', '2026-06-30');
SELECT e.auc > b.auc AS auc, e.accuracy > b.accuracy AS accuracy, e.log_loss < b.log_loss AS log_loss, e.brier < b.brier AS brier
FROM fit_app.before AS b, influence_evaluate('fit', 'SELECT * FROM fit_app.pairs') AS e;

-- folds; few pairs stay near the current weights; people without a score
SELECT folds, max(abs(f.weight - l.weight)) < 0.01 AS about_the_same
FROM unnest(ARRAY[2, 10]) AS folds, LATERAL influence_fit('fit', 'SELECT * FROM fit_app.pairs', folds) AS f
JOIN fit_app.learned AS l USING (measure) GROUP BY folds ORDER BY folds;
SELECT max(pairs) AS pairs, max(pairs_unknown) AS unknown, max(abs(weight - current_weight)) < 0.3 AS near
FROM influence_fit('fit', $$SELECT * FROM (SELECT * FROM fit_app.pairs LIMIT 20) AS p UNION ALL SELECT 'p1', 'nobody'$$);

-- what is refused; the hint names the models that other tests have left
SELECT split_part(pg_temp.failure($$SELECT influence_fit('no such model', 'SELECT 1')$$), ' / ', 1);
SELECT pg_temp.failure('SELECT ' || call) FROM (VALUES
	($$influence_fit(NULL, 'SELECT 1')$$),
	($$influence_fit('fit', NULL)$$),
	($$influence_fit('fit', 'SELECT 1', NULL)$$),
	($$influence_fit('fit', 'SELECT 1', store => NULL)$$),
	($$influence_fit('fit', 'SELECT * FROM fit_app.pairs', 1)$$),
	($$influence_fit('fit', 'SELECT * FROM fit_app.pairs', 101)$$),
	($$influence_fit('fit', 'SELECT * FROM fit_app.pairs WHERE false')$$),
	($$influence_fit('fit', 'SELECT 1 AS more_influential, 2 AS less_influential')$$),
	($$influence_fit('fit', 'SELECT ''p1''::text AS more_influential')$$),
	($$influence_fit('fit', 'SELECT ''p1''::text AS more_influential, NULL::text AS less_influential')$$),
	($$influence_fit('fit', 'SELECT ''p1''::text AS more_influential, ''p1''::varchar AS less_influential')$$),
	($$influence_fit('fit', 'SELECT ''p1''::text AS more_influential, ''nobody''::text AS less_influential')$$),
	($$influence_fit('fit', 'SELECT * FROM fit_app.pairs LIMIT 4')$$),
	-- the same two people, however often, are one pair
	($$influence_fit('fit', 'SELECT ''p1'' AS more_influential, ''p2'' AS less_influential FROM generate_series(1, 99)')$$),
	($$influence_fit('fit', 'SELECT more_influential AS less_influential, less_influential AS more_influential FROM fit_app.pairs')$$))
	AS c (call);

-- separable: every judgement is as the true weights have it, and converges
SELECT bool_and(slope > 5 AND slope < 'infinity') AS finite, min(accuracy) > 0.98 AS accuracy
FROM influence_fit('fit', $$WITH people AS MATERIALIZED (SELECT r.* FROM fit_app.truth, fit_app.raw(weights) AS r)
	SELECT a.user_id AS more_influential, b.user_id AS less_influential FROM people AS a JOIN people AS b ON a.raw > b.raw
	WHERE left(md5(a.user_id || b.user_id), 1) = '0'$$);

-- ids of type uuid: other folds, about the same weights
CREATE VIEW fit_app.uuids AS SELECT network, kind, md5(actor)::uuid AS actor, md5(target)::uuid AS target, at, target || '/' || post AS post FROM fit_app.events;
SELECT influence_create_model('fit_uuid', id_type => 'uuid');
INSERT INTO influence.signals (model, network, kind, role) VALUES ('fit_uuid', 'app', 'inlink', 'authority');
SELECT influence_add_source('fit_uuid', 'events', 'fit_app.uuids', actor => $$CASE WHEN kind NOT IN ('post', 'inlink') THEN actor END$$,
	target => 'target', occurred_at => 'at', kind_column => 'kind', network_column => 'network', post => 'post');
SELECT status FROM influence_refresh('fit_uuid', '2026-06-30');
SELECT max(abs(f.weight - l.weight)) < 0.01 AS about_the_same, max(f.pairs) = max(l.pairs) AS pairs, max(f.pairs_unknown) AS unknown
FROM influence_fit('fit_uuid', 'SELECT md5(more_influential)::uuid AS more_influential, md5(less_influential)::uuid AS less_influential FROM fit_app.pairs') AS f
JOIN fit_app.learned AS l USING (measure);

-- all tied: people who received the very same
CREATE TABLE fit_app.equals AS
SELECT gen AS actor, target, timestamptz '2026-06-29' AS at FROM generate_series(100, 109) AS gen, generate_series(1, 9) AS target;
SELECT influence_create_model('fit_equals');
SELECT influence_add_source('fit_equals', 'equals', 'fit_app.equals', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like');
SELECT status FROM influence_refresh('fit_equals', '2026-06-30');
SELECT pg_temp.failure($$SELECT influence_fit('fit_equals', 'SELECT a AS more_influential, b AS less_influential
	FROM generate_series(1, 9) AS a, generate_series(1, 9) AS b WHERE a < b')$$);
SELECT auc, accuracy, slope, calibration_error FROM influence_evaluate('fit_equals', 'SELECT 1 AS more_influential, 2 AS less_influential');

-- only the owner learns, and what the query reads is read with the caller's rights
CREATE ROLE regress_influence_learner;
GRANT USAGE ON SCHEMA fit TO regress_influence_learner;
GRANT SELECT ON ALL TABLES IN SCHEMA fit TO regress_influence_learner;
SET ROLE regress_influence_learner;
SELECT pg_temp.failure($$SELECT influence_fit('fit', 'SELECT 1')$$);
RESET ROLE;
ALTER MATERIALIZED VIEW fit.scores OWNER TO regress_influence_learner;
SET ROLE regress_influence_learner;
SELECT pg_temp.failure($$SELECT influence_fit('fit', 'SELECT * FROM fit_app.pairs', store => true)$$);
RESET ROLE;
GRANT USAGE ON SCHEMA fit_app TO regress_influence_learner;
GRANT SELECT ON fit_app.pairs TO regress_influence_learner;
SET ROLE regress_influence_learner;
-- the owner may not read the source
SELECT pg_temp.failure($$SELECT influence_fit('fit', 'SELECT * FROM fit_app.pairs', store => true)$$);
RESET ROLE;
GRANT SELECT ON fit_app.shuffled TO regress_influence_learner;
SET ROLE regress_influence_learner;
SELECT count(*) FROM influence_fit('fit', 'SELECT * FROM fit_app.pairs', store => true);
BEGIN READ ONLY;
SELECT count(*) FROM influence_fit('fit', 'SELECT * FROM fit_app.pairs');
SELECT influence_fit('fit', 'SELECT * FROM fit_app.pairs', store => true);
ROLLBACK;
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA fit_app CASCADE;
ALTER MATERIALIZED VIEW fit.scores OWNER TO CURRENT_USER;
SELECT influence_drop_model('fit'), influence_drop_model('fit_equals'), influence_drop_model('fit_uuid');
DROP OWNED BY regress_influence_learner;
DROP ROLE regress_influence_learner;
