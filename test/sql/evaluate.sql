-- influence_evaluate(): every number against its definition in plain SQL
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

CREATE SCHEMA evaluate_app;
CREATE TABLE evaluate_app.likes AS
SELECT 1000 + i * 7 % 400 AS user_id, 1 + floor(60 * power(i * 0.618 % 1, 2))::bigint AS author_id,
	timestamptz '2026-06-29' - i * interval '20 minutes' AS created_at
FROM generate_series(1, 3000) AS i;
SELECT influence_create_model('evaluate');
SELECT influence_add_source('evaluate', 'likes', 'evaluate_app.likes', actor => 'user_id', target => 'author_id',
							occurred_at => 'created_at', kind => 'like');

-- before the first refresh
SELECT pg_temp.failure($$SELECT influence_evaluate('evaluate', 'SELECT 1 AS more_influential, 2 AS less_influential')$$);

SELECT model, status FROM influence_refresh('evaluate', '2026-06-30');

-- judgements that agree with the score mostly, on equal scores too, and some on people without one
CREATE TABLE evaluate_app.pairs AS
SELECT CASE WHEN swap THEN b ELSE a END AS more_influential, CASE WHEN swap THEN a ELSE b END AS less_influential
FROM (
	SELECT i, 1 + i * 13 % 61 AS a, 1 + (i * 13 + 1 + i % 7) % 61 AS b FROM generate_series(1, 500) AS i) AS p
CROSS JOIN LATERAL (
	SELECT coalesce(influence_score(a, 'evaluate') + 40 * (i * 0.618 % 1 - 0.5) < influence_score(b, 'evaluate'), false)) AS s (swap)
WHERE a <> b;
CREATE VIEW evaluate_app.judged AS
SELECT a.score - b.score AS d
FROM evaluate_app.pairs AS p
JOIN evaluate.scores AS a ON a.user_id = p.more_influential JOIN evaluate.scores AS b ON b.user_id = p.less_influential;
CREATE TABLE evaluate_app.result AS
SELECT * FROM influence_evaluate('evaluate', 'SELECT more_influential, less_influential FROM evaluate_app.pairs');
RESET client_min_messages;

SELECT r.pairs, r.pairs_unknown, r.pairs = (SELECT count(*) FROM evaluate_app.judged) AS as_many,
	r.pairs + r.pairs_unknown = (SELECT count(*) FROM evaluate_app.pairs) AS all_of_them,
	round(r.auc::numeric, 6) AS auc, round(r.accuracy::numeric, 6) AS accuracy, round(r.slope::numeric, 6) AS slope
FROM evaluate_app.result AS r;
SELECT abs(r.auc - (SELECT avg(CASE WHEN x.d > -y.d THEN 1 WHEN x.d = -y.d THEN 0.5 ELSE 0 END)
					FROM evaluate_app.judged AS x, evaluate_app.judged AS y)) < 1e-12 AS auc,
	abs(r.accuracy - (SELECT avg(CASE WHEN d > 0 THEN 1 WHEN d = 0 THEN 0.5 ELSE 0 END) FROM evaluate_app.judged)) < 1e-12 AS accuracy,
	abs(r.log_loss - (SELECT avg(ln(1 + exp(-r.slope * d))) FROM evaluate_app.judged)) < 1e-12 AS log_loss,
	abs(r.brier - (SELECT avg(power(1 / (1 + exp(r.slope * d)), 2)) FROM evaluate_app.judged)) < 1e-12 AS brier,
	-- the derivative of the penalised log-loss is 0
	abs((SELECT avg(-d / (1 + exp(r.slope * d))) + r.slope * avg(d * d) / 6.25 / count(*) FROM evaluate_app.judged)) < 1e-10 AS slope
FROM evaluate_app.result AS r;

-- the calibration table
WITH tie AS (
	SELECT abs(d) AS size, d, count(*) OVER (ORDER BY abs(d)) - count(*) OVER (PARTITION BY abs(d)) / 2.0 AS middle,
		count(*) OVER () AS judgements
	FROM evaluate_app.judged),
plain AS (
	SELECT floor(10 * t.middle / t.judgements) AS tenth, count(*) AS pairs, avg(1 / (1 + exp(-r.slope * size))) AS predicted,
		avg(CASE WHEN d > 0 THEN 1 WHEN d = 0 THEN 0.5 ELSE 0 END) AS observed
	FROM tie AS t, evaluate_app.result AS r GROUP BY tenth),
ours AS (
	SELECT row_number() OVER () AS n, g.*
	FROM evaluate_app.result AS r, jsonb_to_recordset(r.calibration) AS g (pairs bigint, predicted float8, observed float8))
SELECT count(*) AS groups, bool_and(o.pairs = p.pairs) AS pairs, max(abs(o.predicted - p.predicted)) < 1e-12 AS predicted,
	max(abs(o.observed - p.observed)) < 1e-12 AS observed,
	abs(sum(p.pairs * abs(p.predicted - p.observed)) / sum(p.pairs) - (SELECT calibration_error FROM evaluate_app.result)) < 1e-12 AS error
FROM (SELECT row_number() OVER (ORDER BY tenth) AS n, * FROM plain) AS p FULL JOIN ours AS o USING (n);

-- the order of the pairs does not show at all
SELECT count(DISTINCT e::text) AS different
FROM unnest(ARRAY['more_influential', 'less_influential DESC', 'md5(more_influential::text || less_influential)']) AS o,
	LATERAL influence_evaluate('evaluate', 'SELECT * FROM evaluate_app.pairs ORDER BY ' || o) AS e;

-- one pair; all wrong
SELECT pairs, pairs_unknown, auc, accuracy, slope > 0 AS slope
FROM influence_evaluate('evaluate', 'SELECT 1 AS more_influential, 40 AS less_influential');
SELECT pairs, auc, accuracy, slope, round(log_loss::numeric, 6) AS log_loss, brier, calibration_error, calibration
FROM influence_evaluate('evaluate', 'SELECT * FROM (VALUES (40::smallint, 1), (50, 2)) AS v (more_influential, less_influential)');

-- what is refused; the hint names the models that other tests have left
SELECT split_part(pg_temp.failure($$SELECT influence_evaluate('no such model', 'SELECT 1')$$), ' / ', 1);
SELECT pg_temp.failure('SELECT ' || call) FROM (VALUES
	($$influence_evaluate(NULL, 'SELECT 1')$$),
	($$influence_evaluate('evaluate', NULL)$$),
	($$influence_evaluate('evaluate', '')$$),
	($$influence_evaluate('evaluate', 'DELETE FROM evaluate_app.pairs')$$),
	($$influence_evaluate('evaluate', 'SELECT 1 AS more_influential')$$),
	($$influence_evaluate('evaluate', 'SELECT 1 AS more_influential, 2 AS more_influential, 3 AS less_influential')$$),
	($$influence_evaluate('evaluate', 'SELECT 1 AS more_influential, 2 AS less_influential, 3 AS weight')$$),
	($$influence_evaluate('evaluate', 'SELECT 1 AS more_influential, ''2''::text AS less_influential')$$),
	($$influence_evaluate('evaluate', 'SELECT 1.5 AS more_influential, 2 AS less_influential')$$),
	($$influence_evaluate('evaluate', 'SELECT NULL::bigint AS more_influential, 2 AS less_influential')$$),
	($$influence_evaluate('evaluate', 'SELECT 2 AS more_influential, 2 AS less_influential')$$),
	($$influence_evaluate('evaluate', 'SELECT 1 AS more_influential, 2 AS less_influential WHERE false')$$),
	($$influence_evaluate('evaluate', 'SELECT 1000 AS more_influential, 2 AS less_influential')$$),
	($$influence_evaluate('evaluate', 'SELECT 1 AS more_influential, 1 / 0 AS less_influential')$$)) AS c (call);

-- the caller needs rights on the scores and on what the query reads, and no more
CREATE ROLE regress_influence_judge;
SET ROLE regress_influence_judge;
SELECT pairs FROM influence_evaluate('evaluate', 'SELECT 1 AS more_influential, 2 AS less_influential');
RESET ROLE;
GRANT USAGE ON SCHEMA evaluate, evaluate_app TO regress_influence_judge;
GRANT SELECT (user_id, score) ON evaluate.scores TO regress_influence_judge;
SET ROLE regress_influence_judge;
SELECT pairs FROM influence_evaluate('evaluate', 'SELECT 1 AS more_influential, 2 AS less_influential');
SELECT pairs FROM influence_evaluate('evaluate', 'SELECT * FROM evaluate_app.pairs');
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA evaluate_app CASCADE;
SELECT influence_drop_model('evaluate');
DROP OWNED BY regress_influence_judge;
DROP ROLE regress_influence_judge;
