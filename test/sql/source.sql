-- Sources: registering and removing

\set SHOW_CONTEXT never
SET client_min_messages = warning;

CREATE SCHEMA app;
CREATE TABLE app.likes (user_id bigint, author_id bigint, post_id bigint, created_at timestamptz, type text, origin text, strength float8, mood float8, tags text[], hidden boolean);
CREATE TABLE app."Odd ""name""" (LIKE app.likes);
CREATE VIEW app.seen AS SELECT * FROM app.likes;
CREATE MATERIALIZED VIEW app.kept AS SELECT * FROM app.likes;
CREATE TABLE app.split (LIKE app.likes) PARTITION BY RANGE (created_at);
CREATE SEQUENCE app.numbers;
SELECT influence_create_model('social');

SELECT influence_add_source('social', 'likes', 'app.likes',
	actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'like', post => 'post_id');
SELECT influence_add_source('social', 'everything', 'app."Odd ""name"""',
	actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind_column => 'type', network_column => 'origin',
	post => 'post_id', weight => 'strength', sentiment => 'mood', topics => 'tags', filter => 'NOT hidden');
-- without an actor rows are anonymous counts
SELECT influence_add_source('social', 'tweets', 'app.seen', target => 'author_id', occurred_at => 'created_at', kind => 'retweet', network => 'twitter');
SELECT influence_add_source('social', 'kept', 'app.kept', target => 'author_id', occurred_at => 'created_at', kind => 'post');
SELECT influence_add_source('social', 'split', 'app.split', target => 'author_id', occurred_at => 'created_at', kind => 'view', weight => 'strength');
SELECT source, relation, relation_name, kind, network, actor IS NOT NULL AS actor, kind_column IS NOT NULL AS kind_column,
	network_column IS NOT NULL AS network_column, post IS NOT NULL AS post, weight IS NOT NULL AS weight,
	sentiment IS NOT NULL AS sentiment, topics IS NOT NULL AS topics, filter IS NOT NULL AS filter
FROM influence.sources ORDER BY source COLLATE "C";

-- what is refused
SELECT influence_add_source('sociable', 'x', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', 'x', 'app.dislikes', target => 'author_id', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', 'x', NULL, target => 'author_id', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', 'x', 'app.numbers', target => 'author_id', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', '', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', 'likes', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', 'x', 'app.likes', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', 'x', 'app.likes', target => 'author_id', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', 'x', 'app.likes', target => 'author_id', occurred_at => 'created_at');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', 'x', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like', kind_column => 'type');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', 'x', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like', network => NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', 'x', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'lik');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', 'x', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like', network => 'twiter');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', 'x', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'poke', network_column => 'origin');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', 'x', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind_column => 'type', network => 'myspace');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', 'x', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind_column => 'type', network => 'twitter', network_column => 'origin');
\echo :LAST_ERROR_SQLSTATE
-- what other sessions, and so their refreshes, do not have
CREATE TEMPORARY TABLE passing (LIKE app.likes);
CREATE VIEW passing_seen AS SELECT p.* FROM passing AS p JOIN app.likes AS l USING (user_id);
CREATE TEMPORARY VIEW likes_seen AS SELECT * FROM app.likes;
CREATE UNLOGGED TABLE app.quick (LIKE app.likes);
SELECT influence_add_source('social', 'x', 'passing', target => 'author_id', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', 'x', 'passing_seen', target => 'author_id', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', 'x', 'likes_seen', target => 'author_id', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_set_accounts('social', 'passing', network => 'origin', account_id => 'type');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_set_profiles('social', 'passing', user_id => 'user_id', display_name => 'type');
\echo :LAST_ERROR_SQLSTATE
DROP VIEW passing_seen, likes_seen;
DROP TABLE passing;
SELECT influence_add_source('social', 'quick', 'app.quick', target => 'author_id', occurred_at => 'created_at', kind => 'like');
SELECT influence_remove_source('social', 'quick');
SELECT count(*) FROM influence.sources;

-- removing
SELECT influence_remove_source('social', 'likes');
SELECT influence_remove_source('social', 'likes');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_remove_source('social', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT source FROM influence.sources ORDER BY source COLLATE "C";

-- rights: the caller's and the owner's on the relation, the owner's on the model
CREATE ROLE regress_influence_owner;
CREATE ROLE regress_influence_other;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_influence_owner', current_database()); END $$;
GRANT USAGE ON SCHEMA app TO regress_influence_owner, regress_influence_other;
GRANT SELECT ON app.likes TO regress_influence_other;
SET ROLE regress_influence_owner;
SELECT influence_create_model('theirs');
SELECT influence_add_source('theirs', 'likes', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_influence_other;
SELECT influence_add_source('theirs', 'likes', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_remove_source('theirs', 'likes');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT influence_add_source('theirs', 'likes', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
GRANT SELECT (author_id, created_at) ON app.likes TO regress_influence_owner;
SET ROLE regress_influence_owner;
SELECT influence_add_source('theirs', 'likes', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like');
SELECT model, source FROM influence.sources;
-- these are the only columns that its mappings may use, whichever they are
SELECT influence_add_source('theirs', 'x', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like', filter => 'hidden IS NOT TRUE');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('theirs', 'x', 'app.likes', actor => 'user_id + author_id', target => 'author_id', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('theirs', 'x', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind_column => 'type');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('theirs', 'x', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like', filter => 'likes IS NOT NULL');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('theirs', 'x', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like', filter => 'tableoid > 0');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_set_accounts('theirs', 'app.likes', user_id => 'author_id', network => 'origin', account_id => 'type');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_set_profiles('theirs', 'app.likes', user_id => 'author_id', display_name => 'type');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_check_expression('app.likes', 'type', 'text', 'filter', 'x', 'theirs');
\echo :LAST_ERROR_SQLSTATE
-- whoever registers a source, its owner reads it
RESET ROLE;
SELECT influence_add_source('theirs', 'x', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like', filter => 'hidden IS NOT TRUE');
\echo :LAST_ERROR_SQLSTATE
GRANT SELECT (user_id, hidden, tableoid) ON app.likes TO regress_influence_owner;
SET ROLE regress_influence_owner;
SELECT influence_add_source('theirs', 'filtered', 'app.likes', actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'like', filter => 'hidden IS NOT TRUE AND tableoid > 0');
SELECT status, users FROM influence_refresh('theirs');
RESET ROLE;

-- the name of a relation that is gone is still known
DROP MATERIALIZED VIEW app.kept;
SELECT relation_name FROM influence.sources WHERE source = 'kept';

SELECT influence_drop_model('theirs');
SELECT influence_drop_model('social');
SELECT count(*) FROM influence.sources;
DROP SCHEMA app CASCADE;
DROP OWNED BY regress_influence_owner, regress_influence_other;
DROP ROLE regress_influence_owner, regress_influence_other;

-- kinds are told apart by all of their names: each of these is one byte from another
CREATE TABLE many_kinds (actor bigint, target bigint, at timestamptz, kind text);
INSERT INTO many_kinds
	SELECT 1, 2, timestamptz '2026-01-01', overlay(repeat('a', length) PLACING 'b' FROM place) FROM generate_series(1, 20) AS length, generate_series(1, length) AS place
	UNION ALL SELECT 1, 2, timestamptz '2026-01-01', repeat('a', length) FROM generate_series(1, 20) AS length;
SELECT influence_create_model('kinds');
INSERT INTO influence.signals (model, network, kind, role) SELECT 'kinds', 'app', kind, 'reaction' FROM many_kinds;
SELECT influence_add_source('kinds', 'all', 'many_kinds', actor => 'actor', target => 'target', occurred_at => 'at', kind_column => 'kind');
SELECT rows_read, rows_ignored FROM influence_refresh('kinds', '2026-01-02');
SELECT count(*), count(*) FILTER (WHERE count = 1) AS once FROM kinds.signals;
SELECT influence_drop_model('kinds');
DELETE FROM influence.refresh_log WHERE model IN ('theirs', 'kinds');
DROP TABLE many_kinds;
