-- Opting out and in, being forgotten, and consent
SET timezone = 'UTC';
SET client_min_messages = warning;
\set SHOW_CONTEXT never

CREATE TABLE privacy_likes (actor bigint, target bigint, at timestamptz, kind text, weight float8);
INSERT INTO privacy_likes
	SELECT a, t, timestamptz '2026-01-01' - (a + t) % 9 * interval '1 day', 'like', 1 + (a + t) % 2
	FROM generate_series(1, 12) AS a, generate_series(1, 12) AS t WHERE (a * 5 + t * 7) % 4 <> 0;
INSERT INTO privacy_likes SELECT a, 3, '2025-12-30', 'follow', 1 FROM generate_series(1, 6) AS a;
SELECT influence_create_model('privacy');
SELECT influence_add_source('privacy', 'likes', 'privacy_likes', actor => 'actor', target => 'target',
	occurred_at => 'at', kind_column => 'kind', weight => 'weight');
SELECT (influence_refresh('privacy', '2025-12-31')).status;
SELECT (influence_refresh('privacy', '2026-01-01')).status;
SELECT * FROM influence_check_forgotten(3);

-- At commit, nothing is left; a rollback takes it back
BEGIN;
SELECT influence_opt_out(3);
SELECT sum(matches) FROM influence_check_forgotten(3);
ROLLBACK;
SELECT sum(matches) > 0 AS "is there" FROM influence_check_forgotten(3);
SELECT influence_opt_out(3);
SELECT * FROM influence_check_forgotten(3);
SELECT influence_score(3), influence_score(3, '2025-12-31'::timestamptz), influence_score(4) > 1 AS others;
SELECT count(*) FROM influence_explain(3);
SET enable_seqscan = off;
SELECT count(*) FROM privacy.scores WHERE user_id = 3;
RESET enable_seqscan;

-- No refresh brings the person back, not even of a day when they were scored
SELECT status, rows_ignored FROM influence_refresh('privacy', '2026-01-01');
SELECT status, rows_ignored FROM influence_refresh('privacy', '2025-12-31');
REFRESH MATERIALIZED VIEW privacy.scores;
REFRESH MATERIALIZED VIEW privacy.network_scores;
REFRESH MATERIALIZED VIEW privacy.signals;
SELECT sum(matches) FROM influence_check_forgotten(3);
SELECT status FROM influence_refresh('privacy', '2026-01-01');

-- What they do to others is what somebody unknown does: the scores are those of
-- the same rows without them
CREATE TABLE opted_out AS SELECT * FROM privacy.network_scores;
SELECT influence_opt_in(3);
CREATE TABLE privacy_anonymous AS SELECT * FROM privacy_likes;
UPDATE privacy_anonymous SET actor = NULL WHERE actor = 3 AND weight = 1;
DELETE FROM privacy_anonymous WHERE target = 3 OR actor = 3;
DELETE FROM privacy_likes WHERE actor = 3 AND weight <> 1;
SELECT influence_create_model('privacy_anonymous');
SELECT influence_add_source('privacy_anonymous', 'likes', 'privacy_anonymous', actor => 'actor', target => 'target',
	occurred_at => 'at', kind_column => 'kind', weight => 'weight');
SELECT influence_opt_out(3, 'privacy');
SELECT status FROM influence_refresh('privacy', '2026-01-01');
SELECT status FROM influence_refresh('privacy_anonymous', '2026-01-01');
SELECT count(*) FROM privacy.network_scores AS a FULL JOIN privacy_anonymous.network_scores AS b USING (user_id, network)
WHERE (abs(a.engagement - b.engagement) < 1e-12 AND abs(a.true_reach - b.true_reach) < 1e-12
	AND abs(a.network_influence - b.network_influence) < 1e-12) IS NOT TRUE;

-- or not at all
UPDATE influence.models SET opted_out_actors = 'ignore' WHERE model = 'privacy';
DELETE FROM privacy_anonymous WHERE actor IS NULL;
SELECT status, rows_ignored FROM influence_refresh('privacy', '2026-01-01');
SELECT status FROM influence_refresh('privacy_anonymous', '2026-01-01');
SELECT count(*) FROM privacy.network_scores AS a FULL JOIN privacy_anonymous.network_scores AS b USING (user_id, network)
WHERE (abs(a.engagement - b.engagement) < 1e-12 AND abs(a.true_reach - b.true_reach) < 1e-12
	AND abs(a.network_influence - b.network_influence) < 1e-12) IS NOT TRUE;

-- A heavy row of somebody hidden is one person, not as many as it weighs
UPDATE influence.models SET opted_out_actors = 'anonymous' WHERE model = 'privacy';
INSERT INTO privacy_likes VALUES (3, 99, '2026-01-01', 'like', 5);
SELECT status FROM influence_refresh('privacy', '2026-01-01');
SELECT engagement = ln(1 + 5::float8) AS one_person, true_reach FROM privacy.network_scores WHERE user_id = 99;
SELECT count FROM privacy.signals WHERE user_id = 99;

-- Back again
SELECT influence_opt_in(3, 'privacy');
SELECT influence_score(3, 'privacy');
SELECT status FROM influence_refresh('privacy', '2026-01-01');
SELECT influence_score(3, 'privacy') > 1;

-- Being forgotten
SELECT influence_forget(3, 'privacy');
SELECT sum(matches) FROM influence_check_forgotten(3, 'privacy');
SELECT choice, octet_length(user_hash) FROM influence.privacy_choices WHERE model = 'privacy';
SELECT status FROM influence_refresh('privacy', '2026-01-01');
SELECT influence_score(3, 'privacy');

-- Consent: only who opted in is scored, all others act as before
UPDATE influence.models SET scored_only = true WHERE model = 'privacy';
SELECT influence_opt_in(4, 'privacy'), influence_opt_in(5, 'privacy');
SELECT status FROM influence_refresh('privacy', '2026-01-01');
SELECT user_id FROM privacy.scores ORDER BY user_id;
UPDATE influence.models SET scored_only = false WHERE model = 'privacy';

-- Other ids
CREATE TABLE privacy_names AS SELECT 'u' || actor AS actor, 'u' || target AS target, at, kind FROM privacy_likes;
SELECT influence_create_model('privacy_names', id_type => 'text');
SELECT influence_add_source('privacy_names', 'likes', 'privacy_names', actor => 'actor', target => 'target',
	occurred_at => 'at', kind_column => 'kind');
SELECT influence_opt_out('u4', 'privacy_names');
SELECT status FROM influence_refresh('privacy_names', '2026-01-01');
SELECT influence_score('u4', 'privacy_names'), influence_score('u5', 'privacy_names') > 1 AS others;
SELECT influence_create_model('privacy_uuids', id_type => 'uuid');
CREATE TABLE privacy_uuids AS SELECT md5(actor)::uuid AS actor, md5(target)::uuid AS target, at, kind FROM privacy_names;
SELECT influence_add_source('privacy_uuids', 'likes', 'privacy_uuids', actor => 'actor', target => 'target',
	occurred_at => 'at', kind_column => 'kind');
SELECT status FROM influence_refresh('privacy_uuids', '2026-01-01');
SELECT influence_forget(md5('u4')::uuid, 'privacy_uuids');
SELECT sum(matches) FROM influence_check_forgotten(md5('u4')::uuid, 'privacy_uuids');
SELECT count(*) > 0 FROM privacy_uuids.scores;

-- What is kept of closed days goes, and what is kept later holds no id either
CREATE TABLE privacy_long AS SELECT 'somebody called ' || actor AS actor, 'somebody called ' || target AS target, at, kind FROM privacy_names;
SELECT influence_create_model('privacy_days', id_type => 'text');
SELECT influence_add_source('privacy_days', 'likes', 'privacy_long', actor => 'actor', target => 'target',
	occurred_at => 'at', kind_column => 'kind', incremental => true);
CREATE FUNCTION pg_temp.kept(OUT days bigint, OUT with_id bigint) LANGUAGE sql
	RETURN ROW((SELECT count(*) FROM influence.closed_days WHERE model = 'privacy_days'),
		(SELECT count(*) FROM influence.closed_people WHERE model = 'privacy_days' AND position('somebody called u4' IN convert_from(replace(encode(ids, 'escape'), '\', '/')::bytea, 'SQL_ASCII')) > 0));
SELECT status, rows_kept FROM influence_refresh('privacy_days', '2026-01-01');
SELECT days > 0 AS days, with_id FROM pg_temp.kept();
SELECT relation, matches > 0 AS some FROM influence_check_forgotten('somebody called u4', 'privacy_days');
SELECT influence_opt_out('somebody called u4', 'privacy_days');
SELECT * FROM pg_temp.kept();
SELECT * FROM influence_check_forgotten('somebody called u4', 'privacy_days');
SELECT status, rows_kept FROM influence_refresh('privacy_days', '2026-01-01');
SELECT days > 0 AS days, with_id FROM pg_temp.kept();
SELECT sum(matches) FROM influence_check_forgotten('somebody called u4', 'privacy_days');
SELECT sum(matches) > 0 AS others FROM influence_check_forgotten('somebody called u5', 'privacy_days') WHERE relation = 'influence.closed_people';
SELECT status, rows_kept > 0 AS kept FROM influence_refresh('privacy_days', '2026-01-01');
SELECT influence_score('somebody called u4', 'privacy_days'), influence_score('somebody called u5', 'privacy_days') > 1 AS others;
CREATE TABLE privacy_kept AS SELECT * FROM privacy_days.scores;
SELECT status, rows_kept FROM influence_refresh('privacy_days', '2026-01-01', "full" => true);
SELECT count(*) FROM privacy_days.scores AS a FULL JOIN privacy_kept AS b USING (user_id) WHERE (abs(a.score - b.score) < 1e-9) IS NOT TRUE;
SELECT influence_opt_in('somebody called u4', 'privacy_days');
SELECT status, rows_kept FROM influence_refresh('privacy_days', '2026-01-01');
SELECT influence_score('somebody called u4', 'privacy_days') > 1 AS again;
-- of other ids, too: each is kept once
UPDATE influence.sources SET incremental = true WHERE model IN ('privacy', 'privacy_uuids');
SELECT status FROM influence_refresh('privacy', '2026-01-01');
SELECT status FROM influence_refresh('privacy_uuids', '2026-01-01');
SELECT matches FROM influence_check_forgotten(5, 'privacy') WHERE relation = 'influence.closed_people'
UNION ALL SELECT matches FROM influence_check_forgotten(999999, 'privacy') WHERE relation = 'influence.closed_people'
UNION ALL SELECT matches FROM influence_check_forgotten(md5('u5')::uuid, 'privacy_uuids') WHERE relation = 'influence.closed_people'
UNION ALL SELECT matches FROM influence_check_forgotten(md5('u4')::uuid, 'privacy_uuids') WHERE relation = 'influence.closed_people';
UPDATE influence.sources SET incremental = false WHERE model IN ('privacy', 'privacy_uuids');

-- Errors
SELECT influence_opt_out(NULL::bigint, 'privacy');
SELECT influence_opt_out('four', 'privacy');
SELECT influence_opt_out(4, 'nobody''s');
SELECT influence_opt_out(4);
CREATE ROLE privacy_reader;
GRANT USAGE ON SCHEMA privacy TO privacy_reader;
GRANT SELECT ON privacy.scores TO privacy_reader;
SET ROLE privacy_reader;
SELECT influence_opt_out(5, 'privacy');
SELECT influence_opt_in(3, 'privacy');
SELECT influence_remove_person('privacy', '5');
SELECT * FROM influence_check_forgotten(5, 'privacy');
SELECT count(*) FROM influence.privacy_choices;
RESET ROLE;
SELECT influence_score(5, 'privacy') > 1;

SELECT influence_drop_model(model) FROM influence.models WHERE model LIKE 'privacy%';
SELECT count(*) FROM influence.privacy_choices;
DROP TABLE privacy_likes, privacy_anonymous, privacy_names, privacy_uuids, privacy_long, privacy_kept, opted_out;
DROP OWNED BY privacy_reader;
DROP ROLE privacy_reader;
DELETE FROM influence.refresh_log WHERE model LIKE 'privacy%';
