-- What a person chooses holds for the ids that the person's accounts had on their own
SET timezone = 'UTC';
SET client_min_messages = warning;
\set SHOW_CONTEXT never

-- sender and mentioned are accounts, which nobody has linked on the first day
CREATE TABLE mentions (sender text, mentioned text, at timestamptz);
INSERT INTO mentions SELECT '@s' || n, '@' || n % 6, timestamptz '2026-01-02' - n * interval '1 hour' FROM generate_series(1, 90) AS n;
INSERT INTO mentions SELECT '@' || n % 6, '@5', timestamptz '2026-01-02' - n * interval '1 hour' FROM generate_series(1, 6) AS n;
CREATE TABLE likes (actor text, target text, at timestamptz);
INSERT INTO likes SELECT 'app' || n, 'app' || n % 4, timestamptz '2026-01-02' - n * interval '1 hour' FROM generate_series(1, 90) AS n;
CREATE TABLE links (user_id text, network text, account_id text);
SELECT influence_create_model('handles', id_type => 'text');
SELECT influence_set_accounts('handles', 'links');
SELECT influence_add_source('handles', 'mentions', 'mentions', actor => 'sender', target => 'mentioned', occurred_at => 'at',
	kind => 'mention', network => 'twitter', by_account => true);
-- closed days of this one are kept, with the people of both
SELECT influence_add_source('handles', 'likes', 'likes', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like', incremental => true);
CREATE FUNCTION refreshed(as_of timestamptz) RETURNS TABLE (status text, users bigint, not_scored int) LANGUAGE sql AS $$
	SELECT r.status, r.users, (r.rows_ignored->>'not_scored')::int FROM influence_refresh('handles', as_of) AS r
$$;
CREATE FUNCTION traces(id text) RETURNS TABLE (relation text, found boolean) LANGUAGE sql AS $$
	SELECT c.relation, c.matches > 0 FROM influence_check_forgotten(id, 'handles') AS c
$$;
SELECT * FROM refreshed('2026-01-01');
SELECT user_id FROM handles.scores ORDER BY user_id COLLATE "C";

-- Linked and refreshed, the account is a part of the person; its own id is in the history
INSERT INTO links VALUES ('ann', 'twitter', '@1'), ('ann', 'twitter', '@1'), ('ann', 'myspace', '@1'), ('ann', NULL, '@4'), ('bert', 'twitter', '@4');
SELECT * FROM refreshed('2026-01-02');
SELECT user_id FROM handles.scores ORDER BY user_id COLLATE "C";
SELECT * FROM influence_account_ids('handles', 'ann') AS id ORDER BY id COLLATE "C";
SELECT * FROM traces('ann');
BEGIN;
SELECT influence_opt_out('ann', 'handles');
SELECT * FROM traces('ann') WHERE found;
SELECT * FROM traces('twitter:@1') WHERE found;
SELECT influence_score('ann', 'handles'), influence_score('twitter:@1', timestamptz '2026-01-01 12:00', 'handles');
SELECT count(*) FROM handles.score_history WHERE user_id IN ('ann', 'twitter:@1');
SELECT count(*) > 0 AS others FROM handles.score_history WHERE user_id = 'twitter:@4';
ROLLBACK;
SELECT count(*) > 0 AS "is there" FROM handles.score_history WHERE user_id = 'twitter:@1';

-- Linked and not refreshed yet, its own id is in the views, and goes from there
INSERT INTO links VALUES ('bob', 'twitter', '@2');
SELECT * FROM traces('bob');
SELECT influence_opt_out('bob', 'handles');
SELECT * FROM traces('bob') WHERE found;
SELECT count(*) FROM handles.scores WHERE user_id = 'twitter:@2';
SELECT count(*) FROM handles.score_history WHERE user_id = 'twitter:@2';
SELECT * FROM refreshed('2026-01-02');
SELECT * FROM traces('bob') WHERE found;
-- and does not come back when the application deletes what it knows of the person
DELETE FROM links WHERE user_id = 'bob';
SELECT * FROM refreshed('2026-01-02');
SELECT * FROM traces('twitter:@2') WHERE found;
SELECT count(*) > 0 AS others FROM handles.scores WHERE user_id = 'twitter:@3';

-- A link that is made after the opt-out: the next refresh takes out the account's own id
SELECT influence_opt_out('carl', 'handles');
SELECT * FROM refreshed('2026-01-02');
INSERT INTO links VALUES ('carl', 'twitter', '@3');
SELECT * FROM traces('carl');
SELECT * FROM refreshed('2026-01-02');
SELECT * FROM traces('carl') WHERE found;
DELETE FROM links WHERE user_id = 'carl';
SELECT * FROM refreshed('2026-01-02');
SELECT * FROM traces('twitter:@3') WHERE found;
-- also in a transaction that sees no more than it began with, and where no closed day is used
SELECT influence_forget('dora', 'handles');
SELECT * FROM refreshed('2026-01-02');
INSERT INTO links VALUES ('dora', 'twitter', '@0');
UPDATE influence.models SET inactivity_policy = 'grace' WHERE model = 'handles';
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM traces('dora') WHERE found;
SELECT * FROM refreshed('2026-01-02');
SELECT * FROM traces('dora') WHERE found;
COMMIT;
SELECT * FROM traces('twitter:@0') WHERE found;
SELECT choice, count(*) FROM influence.privacy_choices WHERE model = 'handles' GROUP BY 1 ORDER BY 1;
UPDATE influence.models SET inactivity_policy = 'decay' WHERE model = 'handles';

-- Back again, with all accounts that are linked then
INSERT INTO links VALUES ('bob', 'twitter', '@2');
SELECT influence_opt_in('bob', 'handles');
SELECT * FROM refreshed('2026-01-02');
SELECT influence_score('bob', 'handles') > 1 AS again;
SELECT choice, count(*) FROM influence.privacy_choices WHERE model = 'handles' GROUP BY 1 ORDER BY 1;
DELETE FROM links WHERE user_id = 'bob';
SELECT * FROM refreshed('2026-01-02');
SELECT influence_score('twitter:@2', 'handles') > 1 AS "on its own";

-- An account that opted out stays out, whoever links it: its rows are those of the same model without it
SELECT influence_opt_out('twitter:@5', 'handles');
SELECT * FROM traces('twitter:@5') WHERE found;
INSERT INTO links VALUES ('eve', 'twitter', '@5'), ('eve', 'twitter', '@2');
INSERT INTO mentions SELECT '@5', '@4', timestamptz '2026-01-02' - n * interval '1 hour' FROM generate_series(1, 6) AS n;
SELECT * FROM refreshed('2026-01-02');
SELECT count FROM handles.signals WHERE user_id = 'eve';
CREATE TABLE with_opted_out AS SELECT user_id, network, engagement, true_reach, network_influence FROM handles.network_scores;
DELETE FROM mentions WHERE mentioned = '@5';
UPDATE mentions SET sender = NULL WHERE sender = '@5';
SELECT * FROM refreshed('2026-01-02');
SELECT count(*) FROM with_opted_out AS a FULL JOIN handles.network_scores AS b USING (user_id, network)
WHERE (abs(a.engagement - b.engagement) < 1e-12 AND abs(a.true_reach - b.true_reach) < 1e-12
	AND abs(a.network_influence - b.network_influence) < 1e-12) IS NOT TRUE;

-- A person whose id is the account's own
INSERT INTO links VALUES ('twitter:@4', 'twitter', '@4');
DELETE FROM links WHERE user_id = 'bert';
SELECT count(*) FROM influence_account_ids('handles', 'twitter:@4');
SELECT influence_opt_out('twitter:@4', 'handles');
SELECT * FROM refreshed('2026-01-02');
SELECT * FROM traces('twitter:@4') WHERE found;
SELECT influence_opt_in('twitter:@4', 'handles');
SELECT * FROM refreshed('2026-01-02');
SELECT influence_score('twitter:@4', 'handles') > 1 AS again;

-- Where ids are no texts, accounts have none
SELECT influence_create_model('numbers');
SELECT influence_set_accounts('numbers', 'links', user_id => 'hashtext(user_id)::bigint');
SELECT count(*) FROM influence_account_ids('numbers', '7');
SELECT influence_opt_out(7, 'numbers');

-- The links are read with the rights of the owner of the model, for those who have them
CREATE ROLE regress_handles_owner;
CREATE ROLE regress_handles_reader;
CREATE SCHEMA theirs AUTHORIZATION regress_handles_owner;
GRANT SELECT ON mentions, links TO regress_handles_owner;
SET ROLE regress_handles_owner;
SELECT influence_create_model('theirs', id_type => 'text');
SELECT influence_set_accounts('theirs', 'links', filter => $$current_user = 'regress_handles_owner'$$);
RESET ROLE;
SELECT * FROM influence_account_ids('theirs', 'eve') AS id ORDER BY id COLLATE "C";
SET ROLE regress_handles_reader;
SELECT * FROM influence_account_ids('theirs', 'eve');
RESET ROLE;
REVOKE SELECT ON links FROM regress_handles_owner;
SET ROLE regress_handles_owner;
SELECT influence_opt_out('eve', 'theirs');
RESET ROLE;
DROP TABLE links;
SELECT influence_opt_out('eve', 'theirs');
SELECT * FROM influence_check_forgotten('eve', 'theirs');
SELECT influence_set_accounts('theirs', NULL);
SELECT influence_opt_out('eve', 'theirs');

SELECT influence_drop_model(model) FROM influence.models WHERE model IN ('handles', 'numbers', 'theirs') ORDER BY model;
DROP TABLE mentions, likes, with_opted_out;
DROP FUNCTION refreshed(timestamptz), traces(text);
DROP OWNED BY regress_handles_owner, regress_handles_reader CASCADE;
DROP ROLE regress_handles_owner, regress_handles_reader;
DELETE FROM influence.refresh_log WHERE model IN ('handles', 'numbers', 'theirs');
