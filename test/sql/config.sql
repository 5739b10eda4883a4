-- Configuration tables: checks, comments, presets, what is dumped

\set SHOW_CONTEXT never

-- every relation and column of the schema is commented; those of sequences cannot be
SELECT c.oid::regclass AS relation, a.attname
FROM pg_class AS c
LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND c.relkind <> 'S'
WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'S')
  AND (obj_description(c.oid, 'pg_class') IS NULL OR a.attnum IS NOT NULL AND col_description(c.oid, a.attnum) IS NULL);
-- and so is every function of the extension; those in SQL pin their search_path
SELECT p.oid::regprocedure AS "function"
FROM pg_proc AS p
JOIN pg_language AS l ON l.oid = p.prolang
JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension AS e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
WHERE e.extname = 'influence'
  AND (obj_description(p.oid, 'pg_proc') IS NULL
	   OR l.lanname IN ('sql', 'plpgsql') AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false)
	   OR p.prosecdef)
ORDER BY 1;

-- what pg_dump keeps
SELECT c.oid::regclass AS dumped
FROM pg_extension AS e, unnest(e.extconfig) AS config (id)
JOIN pg_class AS c ON c.oid = config.id
WHERE e.extname = 'influence'
ORDER BY c.oid::regclass::text COLLATE "C";

-- presets
SELECT preset, target_mean, target_p95 FROM influence.presets ORDER BY preset;
SELECT network, weight FROM influence.preset_networks WHERE preset = 'klout' ORDER BY network COLLATE "C";
SELECT network, kind, role, weight, half_life, polarity, conversational
FROM influence.preset_signals WHERE preset = 'klout'
ORDER BY network COLLATE "C", role COLLATE "C", kind COLLATE "C";
SELECT count(*) AS signals_that_differ
FROM (SELECT network, kind, role, weight, half_life, polarity, conversational, preset FROM influence.preset_signals WHERE preset = 'klout') AS k
FULL JOIN (SELECT network, kind, role, weight, half_life, polarity, conversational, preset FROM influence.preset_signals WHERE preset = 'public') AS p
	USING (network, kind, role, weight, polarity, conversational)
WHERE k.preset IS NULL OR p.preset IS NULL OR k.half_life IS DISTINCT FROM p.half_life;
-- shares and posts of a network fade alike
SELECT network FROM influence.preset_signals WHERE role IN ('share', 'post')
GROUP BY network HAVING count(DISTINCT half_life) <> 1;

-- the checks refuse nonsense, NaN too
\set VERBOSITY terse
SELECT influence_create_model('config_test');
UPDATE influence.models SET time_window = '0' WHERE model = 'config_test';
UPDATE influence.models SET time_window = '-1 day' WHERE model = 'config_test';
UPDATE influence.models SET clock_skew = '-1 second' WHERE model = 'config_test';
UPDATE influence.models SET reach_half_life = '0' WHERE model = 'config_test';
UPDATE influence.models SET history_retention = '0' WHERE model = 'config_test';
UPDATE influence.models SET bad_row_policy = 'ignore' WHERE model = 'config_test';
UPDATE influence.models SET sentiment_policy = '' WHERE model = 'config_test';
UPDATE influence.models SET inactivity_policy = 'sleep' WHERE model = 'config_test';
UPDATE influence.models SET grace_period = '-1 second' WHERE model = 'config_test';
UPDATE influence.models SET max_daily_gain = 0 WHERE model = 'config_test';
UPDATE influence.models SET max_daily_gain = 'NaN' WHERE model = 'config_test';
UPDATE influence.models SET calibration_policy = 'never' WHERE model = 'config_test';
UPDATE influence.models SET damping = 1 WHERE model = 'config_test';
UPDATE influence.models SET selectivity_rate = 0 WHERE model = 'config_test';
UPDATE influence.models SET tolerance = 0 WHERE model = 'config_test';
UPDATE influence.models SET max_iterations = 0 WHERE model = 'config_test';
UPDATE influence.models SET engagement_weight = -0.1 WHERE model = 'config_test';
UPDATE influence.models SET target_p95 = 40 WHERE model = 'config_test';
UPDATE influence.models SET formula_version = 2 WHERE model = 'config_test';
UPDATE influence.models SET id_type = 'integer' WHERE model = 'config_test';
UPDATE influence.networks SET weight = 'NaN' WHERE model = 'config_test' AND network = 'app';
UPDATE influence.networks SET weight = -1 WHERE model = 'config_test' AND network = 'app';
UPDATE influence.signals SET role = 'like' WHERE model = 'config_test' AND kind = 'like';
UPDATE influence.signals SET half_life = '0' WHERE model = 'config_test' AND kind = 'like';
UPDATE influence.signals SET polarity = -1.5 WHERE model = 'config_test' AND kind = 'like';
UPDATE influence.signals SET kind = '' WHERE model = 'config_test' AND kind = 'like';
INSERT INTO influence.signals (model, network, kind, role) VALUES ('config_test', 'nowhere', 'like', 'reaction');

-- no float8 of the configuration takes NaN or infinity
DO $$
DECLARE
	c record;
	bad text;
BEGIN
	FOR c IN SELECT a.attrelid::regclass AS relation, a.attname
			 FROM pg_attribute AS a
			 WHERE a.attrelid IN ('influence.models'::regclass, 'influence.networks'::regclass, 'influence.signals'::regclass)
			   AND a.atttypid = 'float8'::regtype
			 ORDER BY 1, a.attnum
	LOOP
		FOREACH bad IN ARRAY ARRAY['NaN', 'infinity', '-infinity'] LOOP
			BEGIN
				EXECUTE format('UPDATE %s SET %I = %L WHERE model = ''config_test''', c.relation, c.attname, bad);
				RAISE WARNING '%.% takes %', c.relation, c.attname, bad;
			EXCEPTION WHEN check_violation THEN
				NULL;
			END;
		END LOOP;
	END LOOP;
END
$$;

-- knots of a calibration
INSERT INTO influence.calibrations (model, version, as_of, people, raw, score) VALUES ('config_test', 1, now(), 1, '{0,1}', '{1,2,3}');
INSERT INTO influence.calibrations (model, version, as_of, people, raw, score) VALUES ('config_test', 1, now(), 1, '{0}', '{1}');
INSERT INTO influence.calibrations (model, version, as_of, people, raw, score) VALUES ('config_test', 1, now(), 1, '{0,NaN}', '{1,2}');
INSERT INTO influence.calibrations (model, version, as_of, people, raw, score) VALUES ('config_test', 1, now(), 1, '{0,NULL}', '{1,2}');
INSERT INTO influence.calibrations (model, version, as_of, people, raw, score) VALUES ('config_test', 1, now(), 1, '{0,infinity}', '{1,2}');
INSERT INTO influence.calibrations (model, version, as_of, people, raw, score) VALUES ('config_test', 1, now(), 1, '{0,1}', '{1,101}');
INSERT INTO influence.calibrations (model, version, as_of, people, raw, score) VALUES ('config_test', 1, now(), 1, '{0,1}', '{1,NaN}');
INSERT INTO influence.calibrations (model, version, as_of, people, raw, score) VALUES ('config_test', 1, now(), 1, '{0,1}', '{1,99}');

-- knots that do not increase are found out by who reads them
CREATE TABLE config_likes AS SELECT i AS user_id, i % 3 AS author_id, timestamptz '2024-06-14' AS at FROM generate_series(1, 9) AS i;
SELECT influence_add_source('config_test', 'likes', 'config_likes', actor => 'user_id', target => 'author_id', occurred_at => 'at', kind => 'like');
UPDATE influence.calibrations SET raw = '{0,0}' WHERE model = 'config_test';
SELECT influence_refresh('config_test', '2024-06-15');
UPDATE influence.calibrations SET raw = '{1,2}' WHERE model = 'config_test';
SELECT influence_refresh('config_test', '2024-06-15');
UPDATE influence.calibrations SET raw = '{0,1}', score = '{99,1}' WHERE model = 'config_test';
SELECT influence_refresh('config_test', '2024-06-15');
DELETE FROM influence.calibrations WHERE model = 'config_test';
SELECT influence_remove_source('config_test', 'likes');
DROP TABLE config_likes;

-- sensible changes pass
UPDATE influence.models SET time_window = NULL, history_retention = NULL, target_mean = 20, target_p95 = 50,
	calibration_policy = 'each_refresh', damping = 0 WHERE model = 'config_test';
INSERT INTO influence.networks (model, network) VALUES ('config_test', 'mastodon');
INSERT INTO influence.signals (model, network, kind, role, weight, half_life) VALUES ('config_test', 'mastodon', 'boost', 'share', 3, '30 days');

-- a dropped model leaves nothing
SELECT influence_drop_model('config_test');
SELECT (SELECT count(*) FROM influence.networks WHERE model = 'config_test')
	 + (SELECT count(*) FROM influence.signals WHERE model = 'config_test')
	 + (SELECT count(*) FROM influence.calibrations WHERE model = 'config_test') AS left_behind;
