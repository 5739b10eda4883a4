-- influence.tiers: the names of ranges of scores, a model's own

\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';

SELECT * FROM influence_default_tiers();
SELECT count(*) FROM generate_series(1, 100, 0.5) AS s WHERE influence_tier(s) IS DISTINCT FROM
	(SELECT tier FROM influence_default_tiers() WHERE min_score <= s ORDER BY min_score DESC LIMIT 1);

CREATE SCHEMA ranged;
CREATE TABLE ranged.likes AS SELECT a, t, timestamptz '2024-06-15' AS at FROM generate_series(1, 12) AS a, generate_series(1, 12) AS t WHERE a > t;
SELECT influence_create_model('tiers_model', schema => 'tiers_model');
SELECT influence_add_source('tiers_model', 'likes', 'ranged.likes', actor => 'a', target => 't', occurred_at => 'at', kind => 'like');
SELECT tier, min_score FROM influence.tiers WHERE model = 'tiers_model' ORDER BY min_score;
SELECT status FROM influence_refresh('tiers_model', '2024-06-15');
SELECT bool_and(tier = influence_tier(score)) AS default_tiers FROM tiers_model.scores;

-- other names, other limits, fewer of them; the next refresh uses them
DELETE FROM influence.tiers WHERE model = 'tiers_model' AND tier IN ('celebrity', 'popular', 'excellent');
UPDATE influence.tiers SET tier = CASE tier WHEN 'below average' THEN 'Neuling' WHEN 'average' THEN 'Stammgast' ELSE 'Star' END,
	min_score = CASE tier WHEN 'below average' THEN 1 WHEN 'average' THEN 30 ELSE 55.5 END WHERE model = 'tiers_model';
SELECT bool_and(tier = influence_tier(score)) AS still_the_old_ones FROM tiers_model.scores;
SELECT status FROM influence_refresh('tiers_model', '2024-06-15');
SELECT tier, count(*), bool_and(tier = CASE WHEN score >= 55.5 THEN 'Star' WHEN score >= 30 THEN 'Stammgast' ELSE 'Neuling' END) AS in_range
FROM tiers_model.scores GROUP BY tier ORDER BY max(score) DESC;
SELECT DISTINCT w.tier_now = s.tier AS same FROM tiers_model.scores AS s, influence_what_if(s.user_id, 'like') AS w;
-- all moved up at once, through each other's places
UPDATE influence.tiers SET min_score = CASE min_score WHEN 30 THEN 55.5 WHEN 55.5 THEN 80 ELSE 1 END WHERE model = 'tiers_model';

-- every score needs a tier, one
\set VERBOSITY terse
UPDATE influence.tiers SET min_score = 20 WHERE model = 'tiers_model' AND tier = 'Neuling';
DELETE FROM influence.tiers WHERE model = 'tiers_model' AND tier = 'Neuling';
UPDATE influence.tiers SET min_score = 80 WHERE model = 'tiers_model' AND tier = 'Stammgast';
UPDATE influence.tiers SET min_score = 0 WHERE model = 'tiers_model' AND tier = 'Neuling';
UPDATE influence.tiers SET min_score = 100.5 WHERE model = 'tiers_model' AND tier = 'Star';
UPDATE influence.tiers SET min_score = 'NaN' WHERE model = 'tiers_model' AND tier = 'Star';
UPDATE influence.tiers SET tier = '' WHERE model = 'tiers_model' AND tier = 'Star';
INSERT INTO influence.tiers VALUES ('tiers_model', 'Star', 99);
INSERT INTO influence.tiers VALUES ('nowhere', 'Star', 1);
\set VERBOSITY default
-- without any, those of influence_tier()
DELETE FROM influence.tiers WHERE model = 'tiers_model';
SELECT status FROM influence_refresh('tiers_model', '2024-06-15');
SELECT bool_and(tier = influence_tier(score)) AS default_tiers FROM tiers_model.scores;
-- a row that a restore would insert first is no error; a refresh that finds only that is one
INSERT INTO influence.tiers VALUES ('tiers_model', 'Star', 50);
SELECT status FROM influence_refresh('tiers_model', '2024-06-15');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO influence.tiers VALUES ('tiers_model', 'Neuling', 1);
SELECT status FROM influence_refresh('tiers_model', '2024-06-15');
SELECT DISTINCT tier FROM tiers_model.scores ORDER BY tier;

-- the owner's own business
CREATE ROLE regress_tiers_other;
SET ROLE regress_tiers_other;
SELECT count(*) FROM influence.tiers;
UPDATE influence.tiers SET tier = 'mine';
INSERT INTO influence.tiers VALUES ('tiers_model', 'mine', 70);
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
DROP ROLE regress_tiers_other;
-- dropped with the model, also where the extension goes in the same transaction
BEGIN;
SELECT influence_drop_model('tiers_model');
SELECT count(*) FROM influence.tiers;
DROP EXTENSION influence;
ROLLBACK;
SELECT influence_drop_model('tiers_model');
DROP SCHEMA ranged CASCADE;
DELETE FROM influence.refresh_log;
