-- Trust: how far people's actions count, by how much they react and how much of what
-- they give comes back. Everything happens at the as-of time, so that nothing decays,
-- and nobody is busy enough to be less than selective.
SET client_min_messages = error;
CREATE TABLE reactions (actor bigint, target bigint, kind text DEFAULT 'like', times int DEFAULT 1, age interval DEFAULT '0');
CREATE VIEW reaction_rows AS
SELECT actor, target, kind, timestamptz '2024-06-01 00:00Z' - age AS occurred_at FROM reactions, generate_series(1, times);
SELECT influence_create_model('trust');
UPDATE influence.models SET selectivity_rate = 1e9, reciprocity_discount = 0 WHERE model = 'trust';
INSERT INTO influence.signals (model, network, kind, role, weight, half_life, polarity) VALUES
	('trust', 'app', 'dislike', 'reaction', 1, NULL, -1), ('trust', 'app', 'clap', 'reaction', 0.0004, NULL, 0),
	('trust', 'app', 'wink', 'reaction', 1, '1 second', 0);
SELECT influence_add_source('trust', 'reactions', 'reaction_rows', actor => 'actor', target => 'target',
	occurred_at => 'occurred_at', kind_column => 'kind');

-- What each kind of interaction with a target is worth without distrust is ln(1 + v).
CREATE FUNCTION refresh() RETURNS void LANGUAGE sql AS $$
	SELECT influence_refresh('trust', as_of => '2024-06-01 00:00Z')
$$;
CREATE FUNCTION trust_in(target bigint) RETURNS numeric LANGUAGE sql AS $$
	SELECT round((engagement / ln(1 + decayed_value))::numeric, 6)
	FROM trust.network_scores JOIN trust.signals USING (user_id, network) WHERE user_id = target
$$;

-- A ring of five who like each other once: nobody's likes say anything, and so
-- nobody is in the graph. 19 was liked by two strangers.
INSERT INTO reactions SELECT a, b FROM generate_series(1, 5) AS a, generate_series(1, 5) AS b WHERE a <> b;
INSERT INTO reactions VALUES (17, 19), (18, 19);
SELECT refresh();
SELECT user_id, round(engagement::numeric, 8) AS engagement, round(n.true_reach::numeric, 8) AS true_reach, n.network_influence > 0 AS influential, s.score > 1 AS scored
FROM trust.network_scores AS n JOIN trust.scores AS s USING (user_id) ORDER BY user_id;

-- Half of the trust, if the model says so; all of it, if trading is no reason
CREATE VIEW ring AS
SELECT count(*) AS people, round(min(engagement / (4 * ln(2)))::numeric, 8) AS least, round(max(engagement / (4 * ln(2)))::numeric, 8) AS most,
	round(min(true_reach)::numeric, 8) AS reach
FROM trust.network_scores WHERE user_id <= 5;
UPDATE influence.models SET trading_discount = 0.5 WHERE model = 'trust';
SELECT refresh();
SELECT * FROM ring;
UPDATE influence.models SET trading_discount = 0 WHERE model = 'trust';
SELECT refresh();
SELECT * FROM ring;
\set VERBOSITY terse
UPDATE influence.models SET trading_discount = 1.01 WHERE model = 'trust';
UPDATE influence.models SET trading_discount = 'NaN' WHERE model = 'trust';
UPDATE influence.models SET trading_discount = 1 WHERE model = 'trust';

-- Where people trade more than three quarters of what they give, the discount is less:
-- with one stranger, 1/6 of the people do not trade, times 4; with none, nothing. How
-- often anybody likes the same person does not matter.
DELETE FROM reactions WHERE actor = 17;
SELECT refresh();
SELECT *, round(1 - 4 / 6.0, 8) AS by_hand FROM ring;
UPDATE reactions SET times = 3 WHERE actor = 18;
SELECT refresh();
SELECT *, round(1 - 4 / 6.0, 8) AS by_hand FROM ring;
DELETE FROM reactions WHERE actor = 18;
SELECT refresh();
SELECT * FROM ring;

-- Trust is 1 - (traded / given)^3, over what goes to others. Person 1 gives 4 likes to
-- 2, who gives one back: as far as at least half comes back it is traded, so 2 are; 3
-- to 3, of which 2 are traded as well; 1 to 5, who gives one; 1 to 4, who gives none.
-- That makes 5 of 9 for ten, however many ten gets.
TRUNCATE reactions;
INSERT INTO reactions (actor, target, times) VALUES (1, 2, 4), (2, 1, 1), (1, 3, 3), (3, 1, 1), (1, 5, 1), (5, 1, 1), (1, 4, 1), (1, 10, 7),
	(20, 21, 1), (22, 21, 1);
SELECT refresh();
SELECT trust_in(10), round(1 - (5 / 9.0) ^ 3, 6) AS by_hand;
-- Towards 2, one of the three who trade is left out, and two are half of the evidence
SELECT target, trust_in(target), round(1 - evidence * (traded / given) ^ 3, 6) AS by_hand
FROM (VALUES (2, 3, 12.0, 0.5), (3, 3, 13.0, 0.5), (4, 5, 15.0, 1), (5, 4, 15.0, 0.5)) AS v (target, traded, given, evidence);
UPDATE reactions SET times = 700 WHERE target = 10;
SELECT refresh();
SELECT trust_in(10), round(1 - (5 / 9.0) ^ 3, 6) AS by_hand;
-- Trading with one is none
DELETE FROM reactions WHERE actor IN (3, 5);
SELECT refresh();
SELECT trust_in(10), trust_in(2);

-- An answer is not traded, a dislike gives nothing, weights of less than a thousandth
-- round to nothing, and weights count: a share is given, a like comes back. Of 6 that
-- go to others than ten, 2 + 1 + 1 are traded.
TRUNCATE reactions;
INSERT INTO reactions (actor, target, kind, times) VALUES
	(1, 2, 'comment', 5), (2, 1, 'comment', 5), (1, 3, 'like', 1), (3, 1, 'dislike', 5),
	(1, 4, 'clap', 1), (4, 1, 'clap', 1), (1, 5, 'share', 1), (5, 1, 'like', 1),
	(1, 6, 'like', 1), (6, 1, 'like', 1), (1, 7, 'like', 1), (7, 1, 'like', 1), (1, 10, 'like', 1),
	(20, 21, 'like', 1), (22, 21, 'like', 1);
SELECT refresh();
SELECT kind, weight, conversational FROM influence.signals
WHERE model = 'trust' AND network = 'app' AND kind IN ('like', 'comment', 'share') ORDER BY kind;
SELECT trust_in(10), round(1 - (4 / 6.0) ^ 3, 6) AS by_hand;

-- A ring of four: each leaves the one in question out, two others are half of the
-- evidence, and half of the trust is left. In general they are not trusted. Two
-- others are, for winks long gone, and no longer in the graph; there, all are alike.
TRUNCATE reactions;
INSERT INTO reactions SELECT a, b FROM generate_series(1, 4) AS a, generate_series(1, 4) AS b WHERE a <> b;
INSERT INTO reactions VALUES (8, 1, 'wink', 1, '80 days'), (9, 1, 'wink', 1, '80 days');
SELECT refresh();
SELECT user_id, round((engagement / (3 * ln(2)))::numeric, 8) AS trust, round(network_influence::numeric, 8) AS network_influence
FROM trust.network_scores ORDER BY user_id;

DROP VIEW ring;
SELECT influence_drop_model('trust');
DELETE FROM influence.refresh_log WHERE model = 'trust';
DROP VIEW reaction_rows;
DROP TABLE reactions;
DROP FUNCTION refresh, trust_in;
