-- One person, many accounts
SET timezone = 'UTC';
SET client_min_messages = warning;
\set SHOW_CONTEXT never

-- Rows name accounts on two networks; people have ids of their own in the app
CREATE FUNCTION accounts_dice(i int, what text) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
	SELECT ('x' || substr(md5(what || i), 1, 8))::bit(32)::bigint / 4294967296::float8
$$;
CREATE TABLE account_rows AS
SELECT n.network, k.kind,
	CASE WHEN accounts_dice(i, 'anonymous') > 0.02 THEN left(n.network, 1) || floor(60 * accounts_dice(i, 'actor')) END AS actor,
	left(n.network, 1) || floor(50 * power(accounts_dice(i, 'target'), 2)) AS target,
	timestamptz '2026-01-01' - accounts_dice(i, 'ago') * interval '89 days' AS at
FROM generate_series(1, 3000) AS i
CROSS JOIN LATERAL (SELECT CASE WHEN accounts_dice(i, 'network') < 0.6 THEN 'twitter' ELSE 'facebook' END) AS n (network)
CROSS JOIN LATERAL (SELECT CASE WHEN accounts_dice(i, 'kind') < 0.7 THEN CASE n.network WHEN 'twitter' THEN 'favorite' ELSE 'like' END
	WHEN accounts_dice(i, 'kind') < 0.85 THEN CASE n.network WHEN 'twitter' THEN 'retweet' ELSE 'share' END
	ELSE CASE n.network WHEN 'twitter' THEN 'follow' ELSE 'friend' END END) AS k (kind);
CREATE TABLE app_rows AS
SELECT floor(40 * accounts_dice(i, 'app actor'))::bigint AS actor, floor(40 * accounts_dice(i, 'app target'))::bigint AS target,
	timestamptz '2026-01-01' - accounts_dice(i, 'app ago') * interval '89 days' AS at
FROM generate_series(1, 500) AS i;
-- person n has the accounts t(n) and, of every third, f(n + 5); t40 and up are nobody's
CREATE TABLE account_links (user_id bigint, network text, account_id text);
INSERT INTO account_links SELECT n, 'twitter', 't' || n FROM generate_series(0, 39) AS n;
INSERT INTO account_links SELECT n, 'facebook', 'f' || n + 5 FROM generate_series(0, 39, 3) AS n;
INSERT INTO account_links VALUES (1, 'twitter', 't1'), (1, 'myspace', 'm1'), (NULL, 'twitter', 't77'), (7, NULL, 't78'), (7, 'twitter', NULL);

SELECT influence_create_model('accounts');
SELECT influence_add_source('accounts', 'app', 'app_rows', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like');
SELECT influence_add_source('accounts', 'networks', 'account_rows', actor => 'actor', target => 'target', occurred_at => 'at',
	kind_column => 'kind', network_column => 'network', by_account => true);
SELECT influence_set_accounts('accounts', 'account_links');
SELECT user_id, network, account_id, relation_name, filter FROM influence.accounts;

-- The same in ids: whom nobody has linked is somebody who acts
SELECT influence_create_model('resolved');
SELECT influence_add_source('resolved', 'app', 'app_rows', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like');
CREATE VIEW resolved_rows AS
SELECT CASE WHEN r.actor IS NOT NULL THEN coalesce(a.user_id, -1000 - hashtext(r.network || r.actor)) END AS actor,
	t.user_id AS target, r.at, r.kind, r.network
FROM account_rows AS r
LEFT JOIN (SELECT DISTINCT * FROM account_links) AS a ON a.network = r.network AND a.account_id = r.actor
LEFT JOIN (SELECT DISTINCT * FROM account_links) AS t ON t.network = r.network AND t.account_id = r.target;
SELECT influence_add_source('resolved', 'networks', 'resolved_rows', actor => 'actor', target => 'target', occurred_at => 'at',
	kind_column => 'kind', network_column => 'network');

SELECT status, rows_read, rows_ignored, accounts, users FROM influence_refresh('accounts', '2026-01-01');
SELECT status, rows_read, rows_ignored, accounts, users FROM influence_refresh('resolved', '2026-01-01');
CREATE FUNCTION accounts_differences() RETURNS TABLE (scores bigint, network_scores bigint, signals bigint) LANGUAGE sql AS $$
	SELECT (SELECT count(*) FROM accounts.scores AS a FULL JOIN resolved.scores AS b USING (user_id)
			WHERE (abs(a.score - b.score) < 1e-9 AND a.rank = b.rank AND abs(a.notoriety - b.notoriety) < 1e-9
				AND a.last_active_at IS NOT DISTINCT FROM b.last_active_at) IS NOT TRUE),
		(SELECT count(*) FROM accounts.network_scores AS a FULL JOIN resolved.network_scores AS b USING (user_id, network)
			WHERE (abs(a.score - b.score) < 1e-9 AND abs(a.engagement - b.engagement) < 1e-9 AND abs(a.true_reach - b.true_reach) < 1e-9
				AND abs(a.network_influence - b.network_influence) < 1e-9) IS NOT TRUE),
		(SELECT count(*) FROM (SELECT user_id, network, kind, count FROM accounts.signals
							   EXCEPT SELECT user_id, network, kind, count FROM resolved.signals) AS d)
$$;
SELECT * FROM accounts_differences();
-- in parallel, from shuffled rows, in little memory, by REFRESH, and in a preview
SET min_parallel_table_scan_size = 0;
SET influence.max_memory = '16MB';
CREATE TABLE shuffled AS SELECT * FROM account_rows ORDER BY md5(account_rows::text);
SELECT influence_remove_source('accounts', 'networks');
SELECT influence_add_source('accounts', 'networks', 'shuffled', actor => 'actor', target => 'target', occurred_at => 'at',
	kind_column => 'kind', network_column => 'network', by_account => true);
SELECT status, accounts FROM influence_refresh('accounts', '2026-01-01');
SELECT * FROM accounts_differences();
RESET min_parallel_table_scan_size;
RESET influence.max_memory;
REFRESH MATERIALIZED VIEW accounts.scores;
SELECT * FROM accounts_differences();
SELECT max(abs(change)) < 1e-9 AS same, count(change), count(*) FROM influence_preview_scores('accounts');

-- Linking and unlinking takes effect at the next refresh
SELECT count(*) AS "has no account there" FROM accounts.network_scores WHERE user_id = 1 AND network = 'facebook';
INSERT INTO account_links VALUES (1, 'facebook', 'f1');
SELECT count(*) AS "not yet" FROM accounts.network_scores WHERE user_id = 1 AND network = 'facebook';
CREATE TABLE accounts_before AS SELECT * FROM accounts.scores;
CREATE TABLE network_scores_before AS SELECT * FROM accounts.network_scores;
SELECT accounts FROM influence_refresh('accounts', '2026-01-01');
SELECT count(*) AS linked FROM accounts.network_scores WHERE user_id = 1 AND network = 'facebook';
SELECT a.score > b.score AS rises FROM accounts.scores AS a JOIN accounts_before AS b USING (user_id) WHERE user_id = 1;
SELECT (influence_refresh('resolved', '2026-01-01')).status;
SELECT * FROM accounts_differences();
-- the other networks are as they were, for everybody
SELECT count(*) FROM accounts.network_scores AS a FULL JOIN network_scores_before AS b USING (user_id, network)
WHERE network <> 'facebook' AND (abs(a.engagement - b.engagement) < 1e-9 AND abs(a.network_influence - b.network_influence) < 1e-9) IS NOT TRUE;
DELETE FROM account_links WHERE user_id = 1 AND network = 'facebook';
SELECT accounts FROM influence_refresh('accounts', '2026-01-01');
SELECT count(*) FROM accounts.scores AS a FULL JOIN accounts_before AS b USING (user_id) WHERE (abs(a.score - b.score) < 1e-9) IS NOT TRUE;

-- An account of two people is an error that names both; the old scores stay
INSERT INTO account_links VALUES (9, 'twitter', 't5');
SELECT influence_refresh('accounts', '2026-01-01');
SELECT status, error_code FROM influence.refresh_log WHERE model = 'accounts' ORDER BY run_id DESC LIMIT 1;
SELECT count(*) = (SELECT count(*) FROM accounts_before) AS "scores stay" FROM accounts.scores;
-- and what the relation is called now
ALTER TABLE account_links RENAME TO "Links";
SELECT influence_refresh('accounts', '2026-01-01');
ALTER TABLE "Links" RENAME TO account_links;
-- unless the link is left out
SELECT influence_set_accounts('accounts', 'account_links', filter => $$NOT (user_id = 9 AND account_id = 't5')$$);
SELECT (influence_refresh('accounts', '2026-01-01')).accounts;
DELETE FROM account_links WHERE user_id = 9 AND account_id = 't5';
SELECT influence_set_accounts('accounts', 'account_links');

-- People are integers there, too
CREATE VIEW rounded_links AS SELECT user_id::numeric AS user_id, network, account_id FROM account_links;
SELECT influence_set_accounts('accounts', 'rounded_links');
\echo :LAST_ERROR_SQLSTATE
DROP VIEW rounded_links;

-- Own accounts are oneself: reactions between them do not count
CREATE TABLE own_rows (actor text, target text, at timestamptz);
INSERT INTO own_rows VALUES ('t1', 'a1', '2025-12-31'), ('t2', 'a1', '2025-12-31');
INSERT INTO account_links VALUES (1, 'twitter', 'a1');
SELECT influence_add_source('accounts', 'own', 'own_rows', actor => 'actor', target => 'target', occurred_at => 'at',
	kind => 'mention', network => 'twitter', by_account => true);
SELECT rows_ignored->'self' AS self FROM influence_refresh('accounts', '2026-01-01') \gset with_
SELECT influence_remove_source('accounts', 'own');
SELECT :with_self - (rows_ignored->'self')::int AS "one more" FROM influence_refresh('accounts', '2026-01-01');

-- Who opted out is out with all accounts
SELECT influence_opt_out(1, 'accounts');
SELECT (influence_refresh('accounts', '2026-01-01')).status;
SELECT sum(matches) FROM influence_check_forgotten(1, 'accounts');
SELECT influence_opt_in(1, 'accounts');
UPDATE influence.models SET scored_only = true WHERE model = 'accounts';
SELECT (influence_refresh('accounts', '2026-01-01')).status;
SELECT user_id FROM accounts.scores;
UPDATE influence.models SET scored_only = false WHERE model = 'accounts';

-- Without the relation nobody is linked
SELECT influence_set_accounts('accounts', NULL);
SELECT rows_ignored->'unlinked_account' AS unlinked_account, accounts, users FROM influence_refresh('accounts', '2026-01-01');
-- and a model without such sources does not read it
SELECT influence_set_accounts('resolved', 'account_links');
SELECT accounts FROM influence_refresh('resolved', '2026-01-01');

-- Ids of text: whom nobody has linked is scored as network:account
SELECT influence_create_model('text_accounts', 'text');
INSERT INTO influence.networks VALUES ('text_accounts', 'a:b', 1), ('text_accounts', 'a', 1), ('text_accounts', 'back\slash', 1);
INSERT INTO influence.signals (model, network, kind, role) SELECT 'text_accounts', network, 'like', 'reaction'
	FROM influence.networks WHERE model = 'text_accounts' AND network IN ('a:b', 'a', 'back\slash');
CREATE TABLE text_rows (network text, actor text, target text, at timestamptz DEFAULT '2025-12-31');
INSERT INTO text_rows VALUES ('a:b', 'x', 'c'), ('a', 'x', 'b:c'), ('a', 'x', 'b:d'), ('a', 'x', 'e\f:g'), ('back\slash', 'x', 'h'), ('a', 'b:c', 'linked'), ('a', 'y', 'x'),
	('a', 'x', repeat('long', 100));
CREATE TABLE text_links (person text, network text, handle varchar);
INSERT INTO text_links VALUES ('ann', 'a', 'linked'), ('ann', 'a', 'linked'), ('ann', 'a:b', 'x');
SELECT influence_add_source('text_accounts', 'rows', 'text_rows', actor => 'actor', target => 'target', occurred_at => 'at',
	kind => 'like', network_column => 'network', by_account => true);
SELECT influence_set_accounts('text_accounts', 'text_links', user_id => 'person', account_id => 'handle');
SELECT rows_read, rows_ignored, accounts, users FROM influence_refresh('text_accounts', '2026-01-01');
SELECT left(user_id, 20) AS user_id, last_active_at FROM text_accounts.scores ORDER BY user_id COLLATE "C";
SELECT influence_opt_out('a:b:d', 'text_accounts');
SELECT rows_ignored, users FROM influence_refresh('text_accounts', '2026-01-01');

-- Ids of uuid
SELECT influence_create_model('uuid_accounts', 'uuid');
SELECT influence_add_source('uuid_accounts', 'rows', 'text_rows', actor => 'actor', target => 'target', occurred_at => 'at',
	kind => 'like', network => 'app', by_account => true, filter => $$network = 'a'$$);
SELECT influence_set_accounts('uuid_accounts', 'text_links', user_id => 'md5(person)::uuid', network => $$'app'$$, account_id => 'handle', filter => $$network = 'a'$$);
SELECT rows_read, rows_ignored, accounts, users FROM influence_refresh('uuid_accounts', '2026-01-01');
SELECT s.user_id, s.true_reach, s.last_active_at FROM uuid_accounts.scores AS s;

-- Merging two profiles never lowers the score: in random worlds, people who are
-- linked get no less than the better of their profiles on different networks had
-- under the same map, and everybody else keeps all measures
CREATE TABLE worlds (world int, network text, kind text, actor text, target text, at timestamptz);
CREATE TABLE world_links (world int, user_id text, network text, account_id text);
SELECT influence_create_model('merged', 'text');
CREATE VIEW world_rows AS SELECT * FROM worlds WHERE world = current_setting('accounts.world')::int;
CREATE VIEW links_of_world AS SELECT * FROM world_links WHERE world = current_setting('accounts.world')::int;
SELECT influence_add_source('merged', 'rows', 'world_rows', actor => 'actor', target => 'target', occurred_at => 'at',
	kind_column => 'kind', network_column => 'network', by_account => true);
SELECT influence_set_accounts('merged', 'links_of_world');
INSERT INTO worlds
SELECT w, n.network, CASE n.network WHEN 'twitter' THEN (ARRAY['favorite', 'retweet', 'reply', 'follow'])[k]
	WHEN 'facebook' THEN (ARRAY['like', 'share', 'comment', 'friend'])[k] ELSE (ARRAY['like', 'share', 'comment', 'follow'])[k] END,
	left(n.network, 1) || floor(25 * accounts_dice(i, 'a' || w)), left(n.network, 1) || floor(25 * power(accounts_dice(i, 't' || w), 1 + w % 3)),
	timestamptz '2026-01-01' - accounts_dice(i, 'o' || w) * interval '89 days'
FROM generate_series(1, 12) AS w, generate_series(1, 300) AS i
CROSS JOIN LATERAL (SELECT 1 + floor(4 * accounts_dice(i, 'k'))::int) AS k (k)
CROSS JOIN LATERAL (SELECT (ARRAY['twitter', 'facebook', 'app'])[1 + floor(3 * accounts_dice(i, 'n'))::int]) AS n (network);
INSERT INTO world_links
SELECT w, 'person ' || i, n, left(n, 1) || (i * (CASE n WHEN 'twitter' THEN 7 WHEN 'facebook' THEN 11 ELSE 3 END)) % 25
FROM generate_series(1, 12) AS w, generate_series(0, 8) AS i, unnest(ARRAY['twitter', 'facebook', 'app']) AS n
WHERE accounts_dice(i, n || w) < 0.8;
CREATE TABLE merging (world int, lowered bigint, others_changed bigint, merged bigint, raised bigint);
DO $$
BEGIN
	FOR w IN 1..12 LOOP
		PERFORM set_config('accounts.world', w::text, false);
		PERFORM influence_set_accounts('merged', NULL);
		PERFORM influence_calibrate('merged', '2026-01-01');
		DROP TABLE IF EXISTS apart, networks_apart;
		CREATE TEMP TABLE apart AS SELECT coalesce(l.user_id, s.user_id) AS user_id, max(s.score) AS best, count(*) AS profiles
			FROM merged.scores AS s LEFT JOIN links_of_world AS l ON l.network || ':' || l.account_id = s.user_id GROUP BY 1;
		CREATE TEMP TABLE networks_apart AS SELECT coalesce(l.user_id, s.user_id) AS user_id, s.network, s.engagement, s.true_reach,
				s.audience, s.amplification, s.network_influence
			FROM merged.network_scores AS s LEFT JOIN links_of_world AS l ON l.network || ':' || l.account_id = s.user_id;
		PERFORM influence_set_accounts('merged', 'links_of_world');
		PERFORM influence_refresh('merged', '2026-01-01');
		INSERT INTO merging
		SELECT w, count(*) FILTER (WHERE (s.score >= a.best - 1e-9) IS NOT TRUE),
			(SELECT count(*) FROM merged.network_scores AS n FULL JOIN networks_apart AS b USING (user_id, network)
			 WHERE (abs(n.engagement - b.engagement) < 1e-9 AND abs(n.true_reach - b.true_reach) < 1e-9 AND abs(n.audience - b.audience) < 1e-9
				AND abs(n.amplification - b.amplification) < 1e-9 AND abs(n.network_influence - b.network_influence) < 1e-9) IS NOT TRUE),
			count(*) FILTER (WHERE a.profiles > 1), count(*) FILTER (WHERE a.profiles > 1 AND s.score > a.best)
		FROM apart AS a FULL JOIN merged.scores AS s USING (user_id);
	END LOOP;
END $$;
SELECT count(*) AS worlds, sum(lowered) AS lowered, sum(others_changed) AS others_changed, min(merged) > 0 AS merged,
	sum(raised) > 0.9 * sum(merged) AS raised FROM merging;

-- Errors
SELECT influence_set_accounts('accounts', 'account_links', user_id => 'person');
SELECT influence_set_accounts('accounts', 'account_links', user_id => 'account_id');
SELECT influence_set_accounts('accounts', 'account_links', network => NULL);
SELECT influence_set_accounts('accounts', 'account_links', account_id => 'max(account_id)');
SELECT influence_set_accounts('accounts', 'pg_class_oid_index');
SELECT influence_set_accounts('nobody', 'account_links');
SELECT influence_add_source('accounts', 'ids', 'app_rows', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like', by_account => true);
SELECT influence_add_source('accounts', 'ids', 'account_rows', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like');

-- Who has told whose the accounts are need not say that a source names accounts, but where it could as well name
-- ids: those of the app, and those that are text before there are accounts
SET client_min_messages = notice;
CREATE FUNCTION by_account_of(model text) RETURNS TABLE (source text, by_account boolean) LANGUAGE sql AS $$
	SELECT s.source, s.by_account FROM influence.sources AS s WHERE s.model = by_account_of.model ORDER BY s.source
$$;
SELECT influence_create_model('unsaid', id_type => 'text');
SELECT influence_add_source('unsaid', 'before', 'account_rows', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'mention', network => 'twitter');
CREATE VIEW links_of_text AS SELECT 'person ' || user_id AS user_id, network, account_id FROM account_links;
SELECT influence_set_accounts('unsaid', 'links_of_text');
SELECT influence_remove_source('unsaid', 'before');
SELECT influence_set_accounts('unsaid', 'links_of_text');
SELECT influence_add_source('unsaid', 'by column', 'account_rows', actor => 'actor', target => 'target', occurred_at => 'at', kind_column => 'kind', network_column => 'network');
SELECT influence_add_source('unsaid', 'on twitter', 'account_rows', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'mention', network => 'twitter');
SELECT influence_add_source('unsaid', 'in the app', 'account_rows', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like');
SELECT influence_add_source('unsaid', 'ids', 'account_rows', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'mention', network => 'twitter', by_account => false);
SELECT influence_add_source('unsaid', 'kept', 'account_rows', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'mention', network => 'twitter', incremental => true);
SELECT * FROM by_account_of('unsaid');
SELECT influence_remove_source('unsaid', source) FROM influence.sources WHERE model = 'unsaid' AND source <> 'by column';
SELECT status, accounts FROM influence_refresh('unsaid', '2026-01-01');
SELECT count(*) FILTER (WHERE user_id LIKE 'person %') > 10 AS people, count(*) FILTER (WHERE user_id LIKE 'twitter:t%' OR user_id LIKE 'facebook:f%') > 10 AS accounts,
	count(*) FILTER (WHERE user_id ~ '^[tf][0-9]') AS others FROM unsaid.scores;
SELECT influence_create_model('unsaid_ids');
SELECT influence_add_source('unsaid_ids', 'early', 'account_rows', actor => 'actor', target => 'target', occurred_at => 'at', kind_column => 'kind', network_column => 'network');
SELECT influence_set_accounts('unsaid_ids', 'account_links');
SELECT influence_add_source('unsaid_ids', 'accounts', 'account_rows', actor => 'actor', target => 'target', occurred_at => 'at', kind_column => 'kind', network_column => 'network');
SELECT influence_add_source('unsaid_ids', 'ids', 'resolved_rows', actor => 'actor', target => 'target', occurred_at => 'at', kind_column => 'kind', network_column => 'network');
SELECT * FROM by_account_of('unsaid_ids');
SET client_min_messages = warning;
SELECT influence_drop_model('unsaid'), influence_drop_model('unsaid_ids');
DELETE FROM influence.refresh_log WHERE model = 'unsaid';
DELETE FROM influence.configurations WHERE model = 'unsaid';
DROP VIEW links_of_text;
DROP FUNCTION by_account_of;

CREATE VIEW broken_links AS SELECT user_id, network, (1 / (user_id - user_id))::text AS account_id FROM account_links;
SELECT influence_set_accounts('accounts', 'broken_links');
SELECT influence_refresh('accounts', '2026-01-01');
DROP VIEW broken_links;
SELECT influence_refresh('accounts', '2026-01-01');
SELECT influence_set_accounts('accounts', 'account_links');
ALTER TABLE account_links RENAME user_id TO person;
SELECT influence_refresh('accounts', '2026-01-01');
ALTER TABLE account_links RENAME person TO user_id;
SELECT (influence_refresh('accounts', '2026-01-01')).status;

-- For the owner of the model, who must be able to read the relation
CREATE ROLE regress_influence_reader;
GRANT USAGE ON SCHEMA accounts TO regress_influence_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA accounts TO regress_influence_reader;
SET ROLE regress_influence_reader;
SELECT influence_set_accounts('accounts', NULL);
SELECT count(*) FROM influence.accounts;
UPDATE influence.accounts SET filter = 'false';
RESET ROLE;
DROP OWNED BY regress_influence_reader;
DROP ROLE regress_influence_reader;

SELECT influence_drop_model(model) FROM influence.models WHERE model IN ('accounts', 'resolved', 'text_accounts', 'uuid_accounts', 'merged') ORDER BY model;
SELECT count(*) FROM influence.accounts;
DELETE FROM influence.refresh_log WHERE model IN ('accounts', 'resolved', 'text_accounts', 'uuid_accounts', 'merged');
DELETE FROM influence.configurations WHERE model IN ('accounts', 'resolved', 'text_accounts', 'uuid_accounts', 'merged');
DROP VIEW resolved_rows, world_rows, links_of_world;
DROP TABLE account_rows, app_rows, account_links, shuffled, accounts_before, network_scores_before, own_rows, text_rows, text_links,
	worlds, world_links, merging, apart, networks_apart;
DROP FUNCTION accounts_dice, accounts_differences;
