-- The configuration as one value: versions of it, changing it, previewing changes
SET timezone = 'UTC';
SET client_min_messages = warning;
\set SHOW_CONTEXT never

CREATE TABLE config_rows (actor bigint, target bigint, at timestamptz, kind text);
INSERT INTO config_rows
	SELECT a, t, timestamptz '2026-01-01' - (a * t) % 60 * interval '1 day', CASE WHEN (a + t) % 3 = 0 THEN 'comment' ELSE 'like' END
	FROM generate_series(1, 60) AS a, generate_series(1, 40) AS t WHERE (a * 5 + t * 7) % (t / 4 + 2) = 0;
INSERT INTO config_rows SELECT 1, t, '2025-11-01', 'post' FROM generate_series(38, 45) AS t;
SELECT influence_create_model('configured');
SELECT influence_add_source('configured', 'rows', 'config_rows', actor => 'actor', target => 'target',
	occurred_at => 'at', kind_column => 'kind');

-- nothing to compare with yet
SELECT influence_preview('configured');

-- The log names the version of the configuration; one that is the same is not noted again
SELECT status, formula_version, configuration FROM influence_refresh('configured', '2026-01-01');
SELECT status, formula_version, configuration FROM influence_refresh('configured', '2026-01-01');
SELECT model, version, formula_version, ARRAY(SELECT jsonb_object_keys(configuration) ORDER BY 1) AS parts,
	jsonb_array_length(configuration->'networks') AS networks, configuration->'signals'->0 AS a_signal, configuration #>> '{sources,0,relation_name}' AS a_source,
	hash = sha256(convert_to(configuration::text, 'UTF8')) AS is_hashed
FROM influence.configurations WHERE model = 'configured';
-- all that may be changed, and the salt is no part of it
SELECT a.attname FROM pg_attribute AS a
WHERE a.attrelid = 'influence.models'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'published_as_of'
  AND EXISTS (SELECT FROM aclexplode(a.attacl) AS acl WHERE acl.privilege_type = 'UPDATE')
	<> (SELECT configuration->'models' ? a.attname FROM influence.configurations WHERE model = 'configured');
SET intervalstyle = 'postgres';
SELECT c.configuration = v.configuration AS "is current" FROM influence.configurations AS v JOIN influence.current_configuration AS c USING (model) WHERE model = 'configured';
-- whatever the session's settings
SET intervalstyle = 'iso_8601';
SET extra_float_digits = -10;
SELECT configuration FROM influence_refresh('configured', '2026-01-01');
SET intervalstyle = 'postgres';
RESET extra_float_digits;

-- Changing it: options at the top or under "models"
SELECT influence_configure('configured', '{"damping": 0.5, "time_window": null}');
SELECT influence_configure('configured', '{"models": {"reach_half_life": "10 days"},
	"networks": [{"network": "app", "weight": 2}], "tiers": [{"tier": "popular", "min_score": 75}],
	"signals": [{"network": "app", "kind": "like", "weight": 3, "half_life": null}, {"network": "app", "kind": "wave", "role": "reaction"}]}');
SELECT damping, time_window, reach_half_life FROM influence.models WHERE model = 'configured';
SELECT weight FROM influence.networks WHERE model = 'configured' AND network = 'app';
SELECT min_score FROM influence.tiers WHERE model = 'configured' AND tier = 'popular';
SELECT * FROM influence.signals WHERE model = 'configured' AND network = 'app' AND kind IN ('like', 'wave');
SELECT configuration FROM influence_refresh('configured', '2026-01-01');
-- and back to the first version, but for the signal that is new
SELECT influence_configure('configured', configuration - '{sources,accounts}'::text[]) FROM influence.configurations WHERE model = 'configured' AND version = 1;
DELETE FROM influence.signals WHERE model = 'configured' AND kind = 'wave';
SELECT configuration FROM influence_refresh('configured', '2026-01-01');
SELECT version, hash = first_value(hash) OVER (ORDER BY version) AS "as the first"
FROM influence.configurations WHERE model = 'configured' ORDER BY version;

-- Refused, all of it
\set VERBOSITY terse
SELECT influence_configure('configured', '{"damping": 0.6, "dampign": 0.5}');
SELECT influence_configure('configured', '{"id_salt": "\\x00"}');
SELECT influence_configure('configured', '{"published_as_of": null}');
\set VERBOSITY default
SELECT influence_configure('configured', '{"damping": 0.6, "networks": [{"network": "app", "weight": -2}]}');
SELECT influence_configure('configured', '{"damping": 1}');
SELECT influence_configure('configured', '{"damping": "half"}');
SELECT influence_configure('configured', '{"damping": null}');
SELECT influence_configure('configured', '{"damping": 0.5, "models": {"damping": 0.6}}');
SELECT influence_configure('configured', '{"target_mean": 70}');
SELECT influence_configure('configured', '{"sources": []}');
SELECT influence_configure('configured', '{"accounts": null}');
SELECT influence_configure('configured', '{"networks": [{"network": "nowhere", "weight": 1}]}');
SELECT influence_configure('configured', '{"tiers": [{"tier": "loud", "min_score": 90}]}');
SELECT influence_configure('configured', '{"tiers": [{"tier": "below average", "min_score": 2}]}');
SELECT influence_configure('configured', '{"networks": {"app": 1}}');
SELECT influence_configure('configured', '{"networks": ["app"]}');
SELECT influence_configure('configured', '{"networks": [{"weight": 1}]}');
SELECT influence_configure('configured', '{"signals": [{"network": "app", "kind": "like", "wieght": 1}]}');
SELECT influence_configure('configured', '{"signals": [{"network": "app", "kind": "ilke", "weight": 1}]}');
SELECT influence_configure('configured', '{"signals": [{"network": "nowhere", "kind": "like", "role": "reaction"}]}');
SELECT influence_configure('configured', '{"signals": [{"network": "app", "kind": "wave", "role": "reader"}]}');
SELECT influence_configure('configured', '[1]');
SELECT influence_configure('configured', '{"models": 1}');
SELECT influence_configure('configured', '1');
SELECT influence_configure('configured', NULL);
\set VERBOSITY terse
SELECT influence_configure('nobody', '{}');
\set VERBOSITY default
SELECT damping FROM influence.models WHERE model = 'configured';

-- A preview changes nothing: no row of any table
SELECT (influence_refresh('configured', '2025-12-25')).status;
SELECT (influence_refresh('configured', '2026-01-01')).status;
CREATE FUNCTION config_state() RETURNS text LANGUAGE sql AS $$
	SELECT md5((SELECT string_agg(m::text || m.xmin, '|') FROM influence.models AS m)
		|| (SELECT string_agg(s::text || s.xmin, '|' ORDER BY s::text) FROM influence.signals AS s)
		|| (SELECT string_agg(n::text || n.xmin, '|' ORDER BY n::text) FROM influence.networks AS n)
		|| (SELECT string_agg(c::text, '|') FROM influence.calibrations AS c)
		|| (SELECT string_agg(c::text, '|') FROM influence.configurations AS c)
		|| (SELECT string_agg(l::text, '|') FROM influence.refresh_log AS l)
		|| (SELECT string_agg(h::text, '|' ORDER BY h::text) FROM configured.score_history AS h)
		|| (SELECT string_agg(s::text, '|' ORDER BY rank) FROM configured.scores AS s))
$$;
SELECT config_state() AS before \gset
SELECT influence_preview('configured') - '{tiers,mean_before,mean_after}'::text[] AS nothing_moves;
SELECT influence_preview('configured', '{"damping": 0.3, "signals": [{"network": "app", "kind": "comment", "weight": 9}]}') IS NOT NULL AS previewed;
SELECT influence_preview('configured', '{"target_mean": 20, "target_p95": 50}') IS NOT NULL AS previewed;
SELECT influence_preview('configured', '{}', recalibrate => true) IS NOT NULL AS previewed;
SELECT config_state() = :'before' AS unchanged;

-- It shows what the next refresh then does: an anchored map stays, changed
-- targets take what influence_calibrate() gives
CREATE TABLE config_preview AS
SELECT *, 'weights' AS changes FROM influence_preview_scores('configured', '{"damping": 0.3,
	"signals": [{"network": "app", "kind": "comment", "weight": 9}], "networks": [{"network": "app", "weight": 1.5}]}');
INSERT INTO config_preview
SELECT *, 'targets' FROM influence_preview_scores('configured', '{"models": {"target_mean": 20, "target_p95": 50}}');
INSERT INTO config_preview
SELECT *, 'recalibrate' FROM influence_preview_scores('configured', '{"damping": 0.3}', recalibrate => true);
INSERT INTO config_preview
SELECT *, 'policy' FROM influence_preview_scores('configured', '{"damping": 0.3, "calibration_policy": "each_refresh"}');
INSERT INTO config_preview
SELECT *, 'moment' FROM influence_preview_scores('configured', '{"damping": 0.3}', '2025-12-25');

CREATE TABLE config_published AS SELECT * FROM configured.scores;
CREATE FUNCTION config_compare(what text) RETURNS TABLE (people bigint, wrong bigint, moved bigint) LANGUAGE sql AS $$
	SELECT count(*),
		count(*) FILTER (WHERE (abs(p.score_after - s.score) < 1e-9 AND p.rank_after = s.rank AND p.tier_after = s.tier
			AND p.score_before = b.score AND p.rank_before = b.rank AND p.change = p.score_after - p.score_before) IS NOT TRUE),
		count(*) FILTER (WHERE p.change <> 0)
	FROM (SELECT * FROM config_preview WHERE changes = what) AS p
	FULL JOIN configured.scores AS s ON s.user_id::text = p.user_id
	FULL JOIN config_published AS b ON b.user_id = s.user_id
$$;
BEGIN;
SELECT influence_configure('configured', '{"damping": 0.3, "signals": [{"network": "app", "kind": "comment", "weight": 9}], "networks": [{"network": "app", "weight": 1.5}]}');
SELECT (influence_refresh('configured', '2026-01-01')).status;
SELECT * FROM config_compare('weights');
ROLLBACK;
BEGIN;
SELECT influence_configure('configured', '{"target_mean": 20, "target_p95": 50}');
SELECT (influence_calibrate('configured', '2026-01-01')).status;
SELECT * FROM config_compare('targets');
ROLLBACK;
BEGIN;
SELECT influence_configure('configured', '{"damping": 0.3}');
SELECT (influence_calibrate('configured', '2026-01-01')).status;
SELECT * FROM config_compare('recalibrate');
SELECT * FROM config_compare('policy');
ROLLBACK;
-- somebody may have no score before, or after
BEGIN;
SELECT influence_configure('configured', '{"damping": 0.3}');
SELECT (influence_refresh('configured', '2025-12-25')).status;
SELECT * FROM config_compare('moment');
ROLLBACK;
INSERT INTO config_rows VALUES (1, 99, '2025-12-31', 'like');
DELETE FROM config_rows WHERE target = 1;
SELECT user_id, score_before > 1 AS before, score_after > 1 AS after, tier_before, tier_after, rank_before, rank_after
FROM influence_preview_scores('configured') WHERE change IS NULL ORDER BY 1;
SELECT r->'people' AS people, r->'compared' AS compared, r->'new' AS new, r->'gone' AS gone FROM influence_preview('configured') AS r;
-- large tables, too, for which a refresh uses workers
SET min_parallel_table_scan_size = 0;
SELECT sum(score_after) AS sum FROM influence_preview_scores('configured', '{"damping": 0.3}') \gset
SELECT influence_configure('configured', '{"damping": 0.3}');
SELECT (influence_refresh('configured', '2026-01-01')).status;
SELECT abs(sum(score) - :sum) < 1e-9 AS same FROM configured.scores;
RESET min_parallel_table_scan_size;

-- The report
SELECT r - '{largest_rises,largest_falls,mean_before,mean_after,mean_absolute_change}'::text[] AS report,
	jsonb_array_length(r->'largest_rises') AS rises, jsonb_array_length(r->'largest_falls') AS falls,
	r #> '{largest_rises,0,user_id}' AS first_rise, r #> '{largest_falls,0,user_id}' AS first_fall
FROM influence_preview('configured', '{"engagement_weight": 0.05, "network_influence_weight": 0.4}') AS r;
SELECT r->'tiers' AS tiers, r->'moved_more_than' AS moved_more_than
FROM influence_preview('configured', '{"tiers": [{"tier": "average", "min_score": 30}]}') AS r;
SELECT r->>'recalibrated' AS recalibrated, round((r->>'mean_after')::numeric, 1) AS mean_after
FROM influence_preview('configured', '{"models": {"target_mean": 20, "target_p95": 50}}') AS r;

-- Errors are those of configuring and of refreshing
SELECT influence_preview('configured', '{"damping": 1}');
SELECT influence_preview('configured', '1');
SELECT influence_preview('configured', '{"max_iterations": 1}');
SELECT influence_preview('configured', '{}', 'infinity');
\set VERBOSITY terse
SELECT influence_preview('nobody');
SELECT influence_preview(NULL);
\set VERBOSITY default
BEGIN READ ONLY;
SELECT influence_preview('configured');
ROLLBACK;
SELECT damping, max_iterations FROM influence.models WHERE model = 'configured';
-- in whatever transaction
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT influence_preview('configured', '{"damping": 0.9}') #>> '{moved_more_than,1}' > '0' AS moved;
COMMIT;

-- Only for the owner of the model
CREATE ROLE regress_influence_reader;
GRANT USAGE ON SCHEMA configured TO regress_influence_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA configured TO regress_influence_reader;
SET ROLE regress_influence_reader;
SELECT influence_configure('configured', '{"damping": 0.9}');
SELECT influence_preview('configured');
SELECT * FROM influence_preview_rows('configured', '{}', '2026-01-01', false);
SELECT (SELECT count(*) FROM influence.configurations) AS versions, (SELECT count(*) FROM influence.current_configuration) AS current,
	(SELECT count(configuration) > 0 FROM influence.refresh_log) AS log;
INSERT INTO influence.configurations (model, model_created_at, version, formula_version, configuration, hash)
	SELECT model, created_at, 99, 1, '{}', sha256('') FROM influence.models;
DELETE FROM influence.configurations;
RESET ROLE;
DROP OWNED BY regress_influence_reader;
DROP ROLE regress_influence_reader;

-- Versions stay with the log, and a later model of the name has its own
SELECT influence_drop_model('configured');
SELECT influence_create_model('configured');
SELECT influence_add_source('configured', 'rows', 'config_rows', actor => 'actor', target => 'target',
	occurred_at => 'at', kind_column => 'kind');
SELECT configuration FROM influence_refresh('configured', '2026-01-01');
SELECT dense_rank() OVER (ORDER BY model_created_at) AS model, version FROM influence.configurations WHERE model = 'configured' ORDER BY 1, 2;

SELECT influence_drop_model('configured');
DELETE FROM influence.refresh_log WHERE model = 'configured';
DELETE FROM influence.configurations WHERE model = 'configured';
DROP TABLE config_rows, config_preview, config_published;
DROP FUNCTION config_state, config_compare;
