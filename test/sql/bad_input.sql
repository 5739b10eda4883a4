-- Bad input: every refusal has an SQLSTATE, names what is wrong and says what
-- to do; a refresh that fails leaves everything as it was.

\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE SCHEMA app;
CREATE TABLE app.likes (
	id bigint GENERATED ALWAYS AS IDENTITY, user_id bigint, author_id bigint, post_id bigint, created_at timestamptz,
	type text, origin text, strength float8, mood float8, tags text[], payload json, place point);
CREATE FUNCTION app.volatile_id(bigint) RETURNS bigint LANGUAGE sql VOLATILE RETURN $1;
CREATE FUNCTION app.stable_id(bigint) RETURNS bigint LANGUAGE sql STABLE RETURN $1;
CREATE TABLE app.precious (id int);

SELECT influence_create_model('social');

-- What registering a mapping answers: the expression stored, or SQLSTATE,
-- message and hint
CREATE FUNCTION app.try_mapping(mapping text, expression text, relation text DEFAULT 'app.likes') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	mappings jsonb := '{"target": "author_id", "occurred_at": "created_at"}' || jsonb_build_object(mapping, expression);
	arguments text;
	stored text;
	hint text;
BEGIN
	IF mapping <> 'kind_column' THEN
		mappings := mappings || '{"kind": "like"}';
	END IF;
	SELECT string_agg(format('%I => %L', m.key, m.value), ', ' ORDER BY m.key) INTO arguments FROM jsonb_each_text(mappings) AS m;
	EXECUTE format('SELECT influence_add_source(''social'', ''tried'', %L, %s)', relation, arguments);
	EXECUTE format('SELECT %I FROM influence.sources WHERE source = ''tried''', mapping) INTO stored;
	PERFORM influence_remove_source('social', 'tried');
	RETURN 'stored: ' || stored;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN format(E'%s: %s\n    HINT: %s', SQLSTATE, replace(SQLERRM, 'source "tried" of model "social": ', ''),
				  regexp_replace(hint, '^(Columns of (likes: id|ids: short)).*(place|code) .*', '\1 ...'));
END
$$;

-- the whole of it, once
SELECT influence_add_source('social', 'tried', 'app.likes', target => 'nobody', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE

\pset format unaligned
\pset tuples_only on

-- what fits: names, expressions, implicit and assignment casts
SELECT app.try_mapping(v.mapping, v.expression) FROM (VALUES
	('actor', 'user_id'), ('actor', 'user_id + 1'), ('actor', 'nullif(user_id, 0)'), ('actor', '42'), ('actor', 'NULL'),
	('actor', 'strength::bigint'), ('actor', 'user_id -- a comment'), ('actor', '/* ; */ user_id'), ('actor', 'app.stable_id(user_id)'),
	('target', 'CASE WHEN author_id > 0 THEN author_id END'),
	('occurred_at', 'created_at - interval ''1 hour'''), ('occurred_at', 'now()'), ('occurred_at', '''2024-01-01'''),
	('kind_column', 'lower(type)'), ('network_column', 'coalesce(origin, ''app'')'),
	('post', 'post_id'), ('post', '(post_id, type)'), ('post', 'tags'), ('post', '''one'''),
	('weight', 'post_id'), ('sentiment', 'mood / 2'), ('topics', 'tags'), ('topics', 'ARRAY[type]'),
	('filter', 'mood IS NULL'), ('filter', 'true')) AS v (mapping, expression);

-- no such column, function, operator, type
SELECT app.try_mapping(v.mapping, v.expression) FROM (VALUES
	('actor', 'nobody'), ('actor', 'Author_Id'), ('actor', '"Author_Id"'), ('actor', 'other.user_id'), ('actor', 'likes.nobody'),
	('actor', 'no_function(user_id)'), ('actor', 'volatile_id(user_id)'), ('actor', 'user_id @@@ 1'), ('actor', 'user_id::no_type')) AS v (mapping, expression);

-- wrong type
SELECT app.try_mapping(v.mapping, v.expression) FROM (VALUES
	('actor', 'type'), ('actor', 'created_at'), ('actor', '''a text'''), ('target', 'tags'), ('occurred_at', 'post_id'), ('occurred_at', '''yesterday week'''),
	('post', 'payload'), ('post', 'place'), ('weight', 'type'), ('sentiment', 'created_at'), ('topics', 'type'),
	('filter', 'post_id'), ('filter', '1'), ('kind_column', 'place IS NULL')) AS v (mapping, expression);

-- ids of bigint come from integers: people of 1.6 and 2.4 are not both 2
CREATE DOMAIN app.handle AS int;
CREATE DOMAIN app.person AS app.handle CHECK (VALUE > 0);
CREATE DOMAIN app.share AS numeric;
CREATE TABLE app.ids (short smallint, plain int, long bigint, handle app.handle, person app.person, price numeric, whole numeric(20),
	ratio real, rate double precision, object oid, share app.share, cost money, flag boolean, "Net worth" numeric, author_id bigint, created_at timestamptz, code bit(8));
SELECT app.try_mapping('actor', attname, 'app.ids') FROM pg_attribute WHERE attrelid = 'app.ids'::regclass AND attnum > 0 ORDER BY attnum;
SELECT app.try_mapping('target', attname, 'app.ids') FROM pg_attribute WHERE attrelid = 'app.ids'::regclass AND attname IN ('person', 'price', 'rate') ORDER BY attnum;
SELECT app.try_mapping('actor', expression, 'app.ids') FROM (VALUES ('plain + long'), ('abs(short)'), ('round(price)'), ('price::bigint'), ('plain * 1.0')) AS e (expression);

-- what has no meaning for one row
SELECT app.try_mapping(v.mapping, v.expression) FROM (VALUES
	('actor', 'max(user_id)'), ('weight', 'count(*)'), ('weight', 'sum(strength) FILTER (WHERE true)'),
	('weight', 'rank() OVER (ORDER BY user_id)'), ('weight', 'sum(strength) OVER ()'),
	('actor', '(SELECT 1)'), ('actor', '(SELECT user_id)'), ('filter', 'EXISTS (SELECT)'), ('filter', 'user_id IN (SELECT 1)'), ('filter', 'user_id = ANY (ARRAY(SELECT 1::bigint))'),
	('actor', 'generate_series(1, 3)'), ('weight', 'unnest(ARRAY[1.5])'), ('weight', 'random()'), ('occurred_at', 'clock_timestamp()'),
	('actor', 'app.volatile_id(user_id)'), ('actor', 'nextval(''app.likes_id_seq'')'), ('filter', 'pg_sleep(0) IS NULL'),
	('actor', '$1'), ('actor', 'DEFAULT'), ('actor', 'GROUPING(user_id)'), ('post', 'likes'), ('post', 'likes.*'), ('post', '*')) AS v (mapping, expression);

-- text that tries to be more than one expression
SELECT app.try_mapping(v.mapping, v.expression) FROM (VALUES
	('actor', ''), ('actor', ' '), ('actor', '-- '), ('actor', 'user_id, author_id'), ('actor', 'user_id) , (author_id'), ('actor', 'user_id)'),
	('actor', '1); DROP TABLE app.precious; --'), ('actor', '1; DROP TABLE app.precious'), ('actor', 'user_id /*'), ('actor', '''open'), ('actor', '"open'),
	('actor', 'user_id AS actor'), ('actor', 'user_id actor'), ('actor', 'user_id FROM app.precious'), ('actor', 'user_id WHERE true'), ('actor', 'user_id LIMIT 1'),
	('actor', 'user_id UNION SELECT 1'), ('actor', 'DISTINCT user_id'), ('actor', 'user_id ORDER BY 1'), ('actor', 'user_id GROUP BY 1'), ('actor', 'user_id FOR UPDATE'),
	('actor', 'user_id INTO app.stolen'), ('filter', 'true OR true) OR (true'), ('filter', 'true; --'), ('actor', E'user_id\n\n--\n'), ('actor', 'SELECT 1')) AS v (mapping, expression);

SELECT count(*) FROM influence.sources;
SELECT to_regclass('app.precious'), to_regclass('app.stolen');

\pset tuples_only off
\pset format aligned

--
-- Rows
--

-- 1 to 9 are good: everybody is liked by somebody else, 1 most
INSERT INTO app.likes (user_id, author_id, post_id, created_at, type, origin, strength, mood)
SELECT a, t, t, '2024-06-01 11:00Z', 'like', 'app', 1, 0
FROM generate_series(1, 9) AS a, generate_series(1, 9) AS t WHERE a > t;
SELECT influence_add_source('social', 'likes', 'app.likes', actor => 'user_id', target => 'author_id', occurred_at => 'created_at',
	kind_column => 'type', network_column => 'origin', post => 'post_id', weight => 'strength', sentiment => 'mood');
\set as_of '''2024-06-01 12:00Z'''
SELECT status, rows_read, rows_ignored, users FROM influence_refresh('social', :as_of);

-- Everything that is published, to the last bit
CREATE FUNCTION app.published() RETURNS text LANGUAGE sql AS $$
	SELECT md5(concat(
		(SELECT string_agg(s::text, E'\n' ORDER BY s.user_id) FROM social.scores AS s),
		(SELECT string_agg(s::text, E'\n' ORDER BY s.user_id, s.network) FROM social.network_scores AS s),
		(SELECT string_agg(s::text, E'\n' ORDER BY s.user_id, s.network, s.kind) FROM social.signals AS s),
		(SELECT string_agg(s::text, E'\n' ORDER BY s.user_id, s.day) FROM social.score_history AS s),
		(SELECT string_agg(c::text, E'\n' ORDER BY c.version) FROM influence.calibrations AS c WHERE c.model = 'social'),
		(SELECT published_as_of FROM influence.models WHERE model = 'social')))
$$;
SELECT app.published() AS published \gset

-- a row of each kind that does not count, and the edges of those that do
INSERT INTO app.likes (user_id, author_id, created_at, type, origin, strength, mood) VALUES
	(1, NULL, '2024-06-01 11:00Z', 'like', 'app', 1, 0),
	(1, 2, NULL, 'like', 'app', 1, 0),
	(1, 2, '2024-06-01 11:00Z', NULL, 'app', 1, 0),
	(1, 2, '2024-06-01 11:00Z', 'like', NULL, 1, 0),
	(1, 2, '2024-06-01 11:00Z', 'poke', 'app', 1, 0),
	(1, 2, '2024-06-01 11:00Z', 'like', 'myspace', 1, 0),
	(1, 2, '2024-06-01 11:00Z', 'LIKE', 'app', 1, 0),
	(1, 2, '2024-06-01 11:00Z', '', '', 1, 0),
	(1, 2, 'infinity', 'like', 'app', 1, 0),
	(1, 2, '-infinity', 'like', 'app', 1, 0),
	(1, 2, '2024-06-01 11:00Z', 'like', 'app', 'NaN', 0),
	(1, 2, '2024-06-01 11:00Z', 'like', 'app', 'infinity', 0),
	(1, 2, '2024-06-01 11:00Z', 'like', 'app', '-infinity', 0),
	(1, 2, '2024-06-01 11:00Z', 'like', 'app', -1, 0),
	(1, 2, '2024-06-01 11:00Z', 'like', 'app', -1e-300, 0),
	(1, 2, '2024-06-01 11:00Z', 'like', 'app', 1, 'NaN'),
	(1, 2, '2024-06-01 11:00Z', 'like', 'app', 1, 'infinity'),
	(1, 2, '2024-06-01 11:00Z', 'like', 'app', 1, -1.0000001),
	(1, 2, '2024-06-01 11:00Z', 'like', 'app', 1, 1.0000001),
	(1, 2, '2024-06-01 12:05:00.000001Z', 'like', 'app', 1, 0),
	(1, 2, '294276-12-31 23:59Z', 'like', 'app', 1, 0),
	(1, 2, '2024-03-03 11:59:59.999999Z', 'like', 'app', 1, 0),
	(1, 2, '4713-01-01 00:00Z BC', 'like', 'app', 1, 0),
	(1, 2, '2024-06-01 11:00Z', 'like', 'app', 0, 0),
	(1, 2, '2024-06-01 11:00Z', 'like', 'app', '-0', 0),
	(2, 2, '2024-06-01 11:00Z', 'like', 'app', 1, 0),
	-- the first reason is the one counted
	(NULL, NULL, NULL, NULL, NULL, 'NaN', 'NaN'),
	(2, 2, 'infinity', 'like', 'app', 'NaN', 'NaN'),
	(2, 2, '2024-06-01 13:00Z', 'like', 'app', 'NaN', 'NaN');
SELECT status, rows_read, users FROM influence_refresh('social', :as_of);
SELECT i.key AS reason, i.value AS rows
FROM (SELECT rows_ignored FROM influence.refresh_log ORDER BY run_id DESC LIMIT 1) AS l, jsonb_each(l.rows_ignored) AS i ORDER BY i.key COLLATE "C";
-- none of them left a trace
SELECT app.published() = :'published' AS same;

-- just inside: the last moment of skew and of the window, the ends of sentiment, huge and tiny weights
CREATE TABLE app.edges (user_id bigint, author_id bigint, post_id bigint, created_at timestamptz, type text, origin text, strength float8, mood float8);
INSERT INTO app.edges (user_id, author_id, created_at, type, origin, strength, mood) VALUES
	(1, 2, '2024-06-01 12:05:00Z', 'like', 'app', 1, 0),
	(1, 2, '2024-03-03 12:00:00Z', 'like', 'app', 1, 0),
	(1, 2, '2024-06-01 11:00Z', 'like', 'app', 1, -1),
	(1, 2, '2024-06-01 11:00Z', 'like', 'app', 1, 1),
	(1, 3, '2024-06-01 11:00Z', 'like', 'app', 1.7976931348623157e308, NULL),
	(1, 4, '2024-06-01 11:00Z', 'like', 'app', 4.9e-324, NULL),
	(NULL, 3, '2024-06-01 11:00Z', 'like', 'app', 1.7976931348623157e308, NULL),
	(NULL, 3, '2024-06-01 11:00Z', 'like', 'app', 1.7976931348623157e308, NULL),
	(NULL, 4, '2024-06-01 11:00Z', 'share', 'app', 1.7976931348623157e308, NULL),
	(NULL, 4, '2024-06-01 11:00Z', 'share', 'app', 1.7976931348623157e308, NULL),
	(5, 3, '2024-06-01 11:00Z', 'post', 'app', 1.7976931348623157e308, NULL),
	(5, 3, '2024-06-01 11:00Z', 'post', 'app', 1.7976931348623157e308, NULL),
	(NULL, 5, '2024-06-01 11:00Z', 'follow', 'app', 1.7976931348623157e308, NULL),
	(NULL, 5, '2024-06-01 11:00Z', 'follow', 'app', 1.7976931348623157e308, NULL),
	(NULL, 6, '0001-01-01 00:00Z', 'inlink', 'wikipedia', 1.7976931348623157e308, NULL),
	(NULL, 6, '0001-01-01 00:00Z', 'inlink', 'wikipedia', 1.7976931348623157e308, NULL);
SELECT influence_create_model('edges');
SELECT influence_add_source('edges', 'edges', 'app.edges', actor => 'user_id', target => 'author_id', occurred_at => 'created_at',
	kind_column => 'type', network_column => 'origin', post => 'post_id', weight => 'strength', sentiment => 'mood');
-- weights that no sum could hold are bad ones, large ones are not
SELECT status, rows_read, rows_ignored, users FROM influence_refresh('edges', :as_of);
UPDATE app.edges SET strength = 1e12 WHERE strength > 1;
SELECT status, rows_read, rows_ignored, users FROM influence_refresh('edges', :as_of);
-- measures that leave the range of numbers: an error, no score
UPDATE influence.models SET authority_weight = 100 WHERE model = 'edges';
SELECT status FROM influence_refresh('edges', :as_of);
\echo :LAST_ERROR_SQLSTATE
UPDATE influence.models SET authority_weight = 0.3 WHERE model = 'edges';
SELECT count(*) AS people, bool_and(score BETWEEN 1 AND 100) AS scores, count(*) FILTER (WHERE percentile = 'NaN') AS not_numbers FROM edges.scores;
SELECT influence_drop_model('edges');

-- under the other policy each fails the run, and nothing moves
UPDATE influence.models SET bad_row_policy = 'error' WHERE model = 'social';
CREATE FUNCTION app.refresh_error() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
	logged influence.refresh_log;
BEGIN
	PERFORM influence_refresh('social', '2024-06-01 12:00Z');
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN format(E'%s: %s\n    HINT: %s', SQLSTATE, SQLERRM, hint);
END
$$;
-- Whether the log has that very error, and everything is as it was
CREATE FUNCTION app.logged_and_unchanged(raised text, published text) RETURNS TABLE (logged text, same boolean) LANGUAGE sql AS $$
	SELECT l.status || CASE WHEN starts_with(raised, l.error_code || ': ' || l.error || E'\n') THEN ', same error' ELSE ': ' || l.error END,
		app.published() = logged_and_unchanged.published
	FROM influence.refresh_log AS l WHERE l.model = 'social' ORDER BY l.run_id DESC LIMIT 1
$$;
DELETE FROM app.likes WHERE type = 'like' AND origin = 'app' AND author_id IS NOT NULL AND
	(strength = 'NaN' OR abs(strength) = 'infinity' OR strength < 0 OR NOT mood BETWEEN -1 AND 1 OR NOT isfinite(created_at));
SELECT app.refresh_error();
DO $$
DECLARE
	bad record;
	error text;
	state record;
	published text := app.published();
BEGIN
	FOR bad IN SELECT * FROM (VALUES
		('created_at', 'infinity'), ('created_at', '-infinity'),
		('strength', 'NaN'), ('strength', 'infinity'), ('strength', '-infinity'), ('strength', '-1'), ('strength', '-1e-300'),
		('mood', 'NaN'), ('mood', 'infinity'), ('mood', '-1.0000001'), ('mood', '2')) AS v (name, value)
	LOOP
		EXECUTE format('UPDATE app.likes SET %I = %L WHERE id = 1', bad.name, bad.value);
		error := app.refresh_error();
		SELECT * INTO state FROM app.logged_and_unchanged(error, published);
		RAISE WARNING E'%\n    log: %; unchanged: %', error, state.logged, state.same;
		UPDATE app.likes SET created_at = '2024-06-01 11:00Z', strength = 1, mood = 0 WHERE id = 1;
	END LOOP;
END
$$;
SELECT app.refresh_error();
SELECT app.published() = :'published' AS same;
UPDATE influence.models SET bad_row_policy = 'skip' WHERE model = 'social';

--
-- Sources that change under a model
--
DELETE FROM app.likes WHERE id > 36;
\pset format unaligned
\pset tuples_only on

-- a column renamed, retyped, dropped
ALTER TABLE app.likes RENAME COLUMN author_id TO writer_id;
SELECT app.refresh_error() AS error \gset
\echo :error
SELECT * FROM app.logged_and_unchanged(:'error', :'published');
ALTER TABLE app.likes RENAME COLUMN writer_id TO author_id;
SELECT app.refresh_error();

ALTER TABLE app.likes ALTER COLUMN user_id TYPE text;
SELECT app.refresh_error() AS error \gset
\echo :error
SELECT * FROM app.logged_and_unchanged(:'error', :'published');
ALTER TABLE app.likes ALTER COLUMN user_id TYPE bigint USING user_id::bigint;
SELECT app.refresh_error();

ALTER TABLE app.likes RENAME COLUMN strength TO old_strength;
ALTER TABLE app.likes ADD COLUMN strength text DEFAULT '1';
SELECT app.refresh_error() AS error \gset
\echo :error
SELECT * FROM app.logged_and_unchanged(:'error', :'published');
ALTER TABLE app.likes DROP COLUMN strength;
SELECT app.refresh_error();
ALTER TABLE app.likes RENAME COLUMN old_strength TO strength;
SELECT app.refresh_error();

-- the table renamed and moved: it is still the same one
ALTER TABLE app.likes RENAME TO "Likes; --";
CREATE SCHEMA "else where";
ALTER TABLE app."Likes; --" SET SCHEMA "else where";
SELECT app.refresh_error();
SELECT app.published() = :'published' AS same;

-- the table dropped, and another of its name in its place
ALTER TABLE "else where"."Likes; --" SET SCHEMA app;
ALTER TABLE app."Likes; --" RENAME TO likes;
CREATE TABLE app.kept AS SELECT * FROM app.likes;
DROP TABLE app.likes;
SELECT app.refresh_error() AS error \gset
\echo :error
SELECT * FROM app.logged_and_unchanged(:'error', :'published');
ALTER TABLE app.kept RENAME TO likes;
SELECT app.refresh_error();
SELECT influence_remove_source('social', 'likes');
SELECT influence_add_source('social', 'likes', 'app.likes', actor => 'user_id', target => 'author_id', occurred_at => 'created_at',
	kind_column => 'type', network_column => 'origin', post => 'post_id', weight => 'strength', sentiment => 'mood');
SELECT app.refresh_error();
SELECT app.published() = :'published' AS same;

-- a view replaced: first by one that fits, then by one that fails while it is read
SELECT influence_remove_source('social', 'likes');
CREATE VIEW app.seen AS SELECT user_id, author_id, created_at FROM app.likes;
SELECT influence_add_source('social', 'seen', 'app.seen', actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'like');
SELECT app.refresh_error();
SELECT app.published() AS published \gset
CREATE OR REPLACE VIEW app.seen AS SELECT user_id, author_id, created_at, 1 AS more FROM app.likes;
SELECT app.refresh_error();
SELECT app.published() = :'published' AS same;
CREATE OR REPLACE VIEW app.seen AS SELECT user_id, author_id / (user_id - 9) AS author_id, created_at, 1 AS more FROM app.likes;
SELECT app.refresh_error() AS error \gset
\echo :error
SELECT * FROM app.logged_and_unchanged(:'error', :'published');
DROP VIEW app.seen;
CREATE VIEW app.seen AS SELECT 'x'::text AS user_id, author_id, created_at FROM app.likes;
SELECT app.refresh_error() AS error \gset
\echo :error
SELECT * FROM app.logged_and_unchanged(:'error', :'published');
SELECT influence_remove_source('social', 'seen');
SELECT influence_add_source('social', 'likes', 'app.likes', actor => 'user_id', target => 'author_id', occurred_at => 'created_at',
	kind => 'like', post => 'post_id');

-- an edited row of influence.sources is checked like a new one
SELECT app.refresh_error();
SELECT app.published() AS published \gset
DO $$
DECLARE
	edit record;
	error text;
	state record;
	kept influence.sources;
	published text := app.published();
BEGIN
	SELECT * INTO kept FROM influence.sources WHERE model = 'social';
	FOR edit IN SELECT * FROM (VALUES
		('actor', '1); DROP TABLE app.precious; --'), ('actor', '1) FROM app.likes; --'), ('actor', 'no_such_column'), ('actor', ''),
		('target', 'author_id) , (user_id'), ('target', 'max(author_id)'), ('target', '(SELECT 1)'), ('target', 'random()::bigint'),
		('occurred_at', 'type'), ('post', 'generate_series(1, 2)'), ('post', 'payload'), ('post', 'likes.*'), ('weight', 'app.volatile_id(1)'), ('sentiment', '''NaN'' || type'),
		('filter', 'true) OR (true'), ('filter', 'true UNION SELECT 1'), ('filter', 'type')) AS v (name, value)
	LOOP
		EXECUTE format('UPDATE influence.sources SET %I = %L WHERE model = ''social''', edit.name, edit.value);
		error := app.refresh_error();
		SELECT * INTO state FROM app.logged_and_unchanged(error, published);
		RAISE WARNING E'%\n    log: %; unchanged: %', regexp_replace(error, '(Columns of likes: id).*place .*', '\1 ...'), state.logged, state.same;
		DELETE FROM influence.sources WHERE model = 'social';
		INSERT INTO influence.sources SELECT kept.*;
	END LOOP;
END
$$;
-- names are folded like those of any expression
UPDATE influence.sources SET actor = 'User_Id' WHERE model = 'social';
SELECT app.refresh_error();
SELECT app.published() = :'published' AS same;
SELECT to_regclass('app.precious');

\pset tuples_only off
\pset format aligned
-- constraints of the table itself
UPDATE influence.sources SET target = NULL;
UPDATE influence.sources SET occurred_at = NULL;
UPDATE influence.sources SET kind = NULL;
UPDATE influence.sources SET kind_column = 'type';
UPDATE influence.sources SET network = NULL;
UPDATE influence.sources SET network_column = 'origin';
UPDATE influence.sources SET source = '';
UPDATE influence.sources SET relation = NULL;
UPDATE influence.sources SET relation = 'app.nowhere';
UPDATE influence.sources SET model = 'nowhere';
UPDATE influence.sources SET network = 'nope';
INSERT INTO influence.sources SELECT (jsonb_populate_record(s, '{"source": "more", "network": "nope"}')).* FROM influence.sources AS s;

-- a network that went when the source was there, and a row that no trigger has seen: the refresh names
-- them, and the scores stay
SELECT app.refresh_error();
SELECT app.published() AS published \gset
BEGIN;
ALTER TABLE influence.sources DISABLE TRIGGER sources_model_network_fkey;
UPDATE influence.sources SET network = 'nope' WHERE model = 'social';
SELECT app.refresh_error() AS error \gset
\echo :error
SELECT * FROM app.logged_and_unchanged(:'error', :'published');
ROLLBACK;
BEGIN;
DELETE FROM influence.networks WHERE model = 'social' AND network NOT IN ('twitter', 'facebook');
SELECT app.refresh_error();
REFRESH MATERIALIZED VIEW social.scores;
ROLLBACK;
BEGIN;
DELETE FROM influence.networks WHERE model = 'social';
SELECT app.refresh_error();
SELECT influence_preview('social', '{}');
ROLLBACK;
-- one that is read from the rows is looked for in each
BEGIN;
UPDATE influence.sources SET network = NULL, network_column = '''nope''' WHERE model = 'social';
SELECT rows_ignored->'no_signal' IS NOT NULL AS counted FROM influence_refresh('social', :as_of);
ROLLBACK;
SELECT app.refresh_error();
SELECT app.published() = :'published' AS same;

-- a model without sources, without signals
SELECT influence_create_model('empty');
SELECT influence_score(1, 'empty');
SELECT * FROM influence_explain(1, 'empty');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_score(1, now(), 'empty');
SELECT status, rows_read, rows_ignored, users, iterations, calibration FROM influence_refresh('empty');
SELECT count(*) FROM empty.scores;
SELECT influence_score(1, 'empty');
SELECT * FROM influence_explain(1, 'empty');
DELETE FROM influence.networks WHERE model = 'empty';
SELECT status, rows_read, users FROM influence_refresh('empty');
SELECT influence_drop_model('empty');

--
-- Arguments of every function on models
--
SELECT influence_refresh('sociable');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_refresh(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT influence_refresh('');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_refresh(repeat('x', 1000));
\echo :LAST_ERROR_SQLSTATE
SELECT influence_refresh('social', 'infinity');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_refresh('social', '-infinity');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_calibrate('sociable');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_calibrate(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT influence_calibrate('social', 'infinity');
\echo :LAST_ERROR_SQLSTATE
-- a moment is taken for a model when it is not named
SELECT influence_score(1, '2026-06-25');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_score('1', '2026-06-25 12:00+02');
SELECT influence_score(1, 'Yesterday');
SELECT influence_score(1, '2026');
SELECT * FROM influence_explain(1, '2026-06-25');
-- nothing is written where nothing can be
BEGIN READ ONLY;
SELECT influence_refresh('social');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SET default_transaction_read_only = on;
CALL influence_refresh_all();
RESET default_transaction_read_only;
SELECT * FROM influence_refresh_progress();
SELECT * FROM influence_model_scores('social');
SELECT * FROM influence_model_scores('social') AS t (user_id text);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_model_scores('social') AS t (a bigint, b float8, c text, d bigint, e float8, f float8, g float8, h float8, i float8, j float8, k float8, l float8, m float8, n timestamptz, o timestamptz, p text);
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM influence_model_signals('social') AS t (user_id bigint, network text, kind text, count float8, decayed_value float8);
SELECT count(*) FROM influence_model_signals(NULL) AS t (user_id bigint, network text, kind text, count float8, decayed_value float8);
SELECT * FROM influence_model_network_scores('sociable') AS t (user_id bigint);
\echo :LAST_ERROR_SQLSTATE
SELECT influence_schedule('sociable', '@daily');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_schedule(NULL, '@daily');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_schedule('social', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT influence_unschedule(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source(NULL, 'x', 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_add_source('social', NULL, 'app.likes', target => 'author_id', occurred_at => 'created_at', kind => 'like');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_remove_source(NULL, 'likes');
\echo :LAST_ERROR_SQLSTATE
BEGIN;
CALL influence_refresh_all();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- years in which there is no timestamp left to subtract from, and those with no partition
SELECT status, users FROM influence_refresh('social', '4714-11-24 00:00Z BC');
SELECT status, users FROM influence_refresh('social', '294276-12-31 23:59:59Z');
SELECT status, users FROM influence_refresh('social', '9998-12-31 23:59:59Z');
SELECT count(*) FROM social.scores WHERE score <> 1;
-- forgets the far future first
DELETE FROM social.score_history;
SELECT status, users FROM influence_refresh('social', :as_of);

-- one person's score
SELECT influence_score(NULL::bigint), influence_score(NULL::text), influence_score(NULL::uuid), influence_score(NULL::bigint, NULL::text);
SELECT round(influence_score(1)::numeric, 6) AS by_id, influence_score(1) = influence_score('1') AS by_text, influence_score(1) = influence_score(' 1 ', 'social') AS by_spaced_text,
	influence_score(99) AS unknown, influence_score('-99') AS unknown_text, influence_score(1, NULL::text) IS NOT NULL AS default_model;
SELECT influence_score('one');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_score('99999999999999999999');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_score('b5a3c4d0-0000-0000-0000-000000000000'::uuid);
\echo :LAST_ERROR_SQLSTATE
SELECT influence_score(1, 'sociable');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_score(1, '');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_score(1, 'infinity'::timestamptz) = influence_score(1) AS ever, influence_score(1, '-infinity'::timestamptz) AS never, influence_score(1, NULL::timestamptz) AS unknown_when;
SELECT influence_score('one', now());
\echo :LAST_ERROR_SQLSTATE
SELECT influence_score('b5a3c4d0-0000-0000-0000-000000000000'::uuid, now());
\echo :LAST_ERROR_SQLSTATE
SELECT (SELECT count(*) FROM influence_explain(1)) AS measures, (SELECT count(*) FROM influence_explain(99)) AS unknown,
	(SELECT count(*) FROM influence_explain(NULL::bigint)) AS nobody;
SELECT * FROM influence_explain('one');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_explain('b5a3c4d0-0000-0000-0000-000000000000'::uuid);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_explain(1, 'sociable');
\echo :LAST_ERROR_SQLSTATE

-- which model is meant
SELECT influence_create_model('other', 'uuid');
SELECT influence_score(1);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_explain(1);
\echo :LAST_ERROR_SQLSTATE
SELECT influence_score(1, now());
\echo :LAST_ERROR_SQLSTATE
SELECT influence_score(1, 'other');
\echo :LAST_ERROR_SQLSTATE
SET influence.default_model = 'social';
SELECT influence_score(1) IS NOT NULL AS social;
SET influence.default_model = 'sociable';
SELECT influence_score(1);
\echo :LAST_ERROR_SQLSTATE
SELECT influence_score(1, 'social') IS NOT NULL AS social;
SET influence.default_model = '';
SELECT influence_score(1);
\echo :LAST_ERROR_SQLSTATE
RESET influence.default_model;
SELECT influence_drop_model('other');
SET influence.default_modle = 'social';
\echo :LAST_ERROR_SQLSTATE
-- an id read from each row, models that differ by row
SELECT v.m, influence_score(v.u, v.m) IS NOT NULL AS scored FROM (VALUES (1, 'social'), (99, 'social'), (1, NULL), (NULL, 'social')) AS v (u, m);
SELECT influence_score(v.u, v.m) FROM (VALUES (1, 'social'), (1, 'sociable')) AS v (u, m);
\echo :LAST_ERROR_SQLSTATE

-- objects of a model that somebody removed or altered by hand
DROP MATERIALIZED VIEW social.signals;
SELECT app.refresh_error();
SELECT influence_score(1) IS NOT NULL AS still_scored;
DROP MATERIALIZED VIEW social.scores;
SELECT influence_score(1);
\echo :LAST_ERROR_SQLSTATE
SELECT influence_refresh('social');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_drop_model('social');
SELECT influence_score(1);
\echo :LAST_ERROR_SQLSTATE
SELECT influence_refresh('social');
\echo :LAST_ERROR_SQLSTATE

--
-- Hostile names: of model, schema, table and columns at once
--
CREATE FUNCTION app.works_with(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	own_schema text := left(name, 60) || '2';
	row_count bigint;
	scores text;
BEGIN
	EXECUTE format('CREATE SCHEMA %I', own_schema);
	EXECUTE format('CREATE TABLE %1$I.%2$I (%2$I bigint, author_id bigint, created_at timestamptz)', own_schema, name);
	EXECUTE format('INSERT INTO %I.%I SELECT user_id, author_id, created_at FROM app.likes', own_schema, name);
	PERFORM influence_create_model(name);
	PERFORM influence_add_source(name, name, format('%I.%I', own_schema, name)::regclass, actor => name, target => 'author_id',
		occurred_at => 'created_at', kind => 'like', filter => format('%I > 1', name));
	PERFORM influence_refresh(name, '2024-06-01 12:00Z');
	PERFORM influence_refresh(name, '2024-06-01 12:01Z');
	EXECUTE format('REFRESH MATERIALIZED VIEW %I.signals', name);
	EXECUTE format('SELECT count(*) FROM %I.score_history', name) INTO row_count;
	SELECT string_agg(to_char(influence_score(u, name), 'FM990.0'), ' ' ORDER BY u) INTO scores FROM generate_series(1, 3) AS u;
	SELECT scores || format('; %s days; %s; explained: %s', row_count,
		(SELECT string_agg(DISTINCT l.status, ', ') FROM influence.refresh_log AS l WHERE l.model = name),
		(SELECT abs(sum(e.points) + 1 - influence_score(1, name)) < 1e-9 FROM influence_explain(1, name) AS e)) INTO scores;
	PERFORM influence_remove_source(name, name);
	PERFORM influence_drop_model(name);
	EXECUTE format('DROP SCHEMA %I CASCADE', own_schema);
	RETURN scores;
END
$$;
SELECT v.name, app.works_with(v.name) FROM (VALUES
	('plain'), ('Capitals'), ('two words'), ('user'), ('order'), ('select'), ('now()'), ('ctid '), ('"quoted"'), ('it''s'), ('$$'), ('$1'), ('%s %I'), ('semi;colon'), ('a.b'),
	('1'), (' '), ('''; DROP TABLE app.precious; --'), ('");'), ('back\slash'), ('tab	tab'), (E'line\nline'), ('ünïcödé'), ('影響力'), ('🙂'), ('public.x'), ('{}'), ('--'), ('/*')) AS v (name);
SELECT app.works_with(repeat('x', 62) || 'y') = app.works_with('plain') AS long_name, app.works_with(repeat('é', 31)) = app.works_with('plain') AS long_unicode_name;
SELECT to_regclass('app.precious');

-- two columns whose names differ by quotes only: each means itself, now and in a refresh
CREATE TABLE app.twins (author_id bigint, created_at timestamptz, "user" bigint, """user""" bigint, "(user_id + 1)" bigint, user_id bigint, "now()" timestamptz);
INSERT INTO app.twins VALUES (1, '2024-06-01 11:00Z', 10, 1, 1, 10, '2024-06-01 11:00Z');
SELECT influence_create_model('twins');
SELECT influence_add_source('twins', 'a', 'app.twins', actor => 'user', target => 'author_id', occurred_at => 'now()', kind => 'like');
SELECT influence_add_source('twins', 'b', 'app.twins', actor => '"user"', target => 'author_id', occurred_at => 'created_at', kind => 'like');
SELECT influence_add_source('twins', 'c', 'app.twins', actor => 'user_id + 1', target => 'author_id', occurred_at => 'created_at', kind => 'like');
SELECT source, actor, occurred_at FROM influence.sources WHERE model = 'twins' ORDER BY source COLLATE "C";
-- b alone is a self-reaction
SELECT rows_read, rows_ignored FROM influence_refresh('twins', :as_of);
SELECT influence_drop_model('twins');

-- targets that no index could hold: they hold up nobody else
CREATE TABLE app.names (author text, fan text, at timestamptz DEFAULT '2024-06-01 11:00Z');
INSERT INTO app.names
SELECT left(string_agg(md5(n::text || v.length), '' ORDER BY n), v.length), 'fan' FROM generate_series(1, 400) AS n, (VALUES (2000), (2001), (12800)) AS v (length) GROUP BY v.length
UNION ALL SELECT 'ann', string_agg(md5(n::text), '' ORDER BY n) FROM generate_series(1, 400) AS n;
SELECT influence_create_model('names', id_type => 'text');
SELECT influence_add_source('names', 'n', 'app.names', actor => 'fan', target => 'author', occurred_at => 'at', kind => 'like');
SELECT rows_read, rows_ignored, users FROM influence_refresh('names', :as_of);
SELECT octet_length(user_id) FROM names.scores ORDER BY 1;
UPDATE influence.models SET bad_row_policy = 'error' WHERE model = 'names';
DELETE FROM app.names WHERE octet_length(author) = 12800;
SELECT influence_refresh('names', :as_of);
-- packed, the same letters take few bytes
INSERT INTO app.names SELECT repeat('long', 5000), 'fan';
DELETE FROM app.names WHERE octet_length(author) = 2001;
SELECT status, users FROM influence_refresh('names', :as_of);
-- by accounts: what counts is the id of the person
CREATE FUNCTION app.letters(count int) RETURNS text LANGUAGE sql AS 'SELECT left(string_agg(md5(n::text), '''' ORDER BY n), count) FROM generate_series(1, 100) AS n';
CREATE TABLE app.links (user_id text, network text, account_id text);
INSERT INTO app.links SELECT app.letters(2400), 'twitter', 'short' UNION ALL SELECT 'ann', 'twitter', app.letters(2400);
CREATE TABLE app.mentions (account text, at timestamptz DEFAULT '2024-06-01 11:00Z');
INSERT INTO app.mentions VALUES ('short'), (app.letters(2400)), (app.letters(1993)), (app.letters(1992));
SELECT influence_set_accounts('names', 'app.links');
SELECT influence_add_source('names', 'm', 'app.mentions', target => 'account', occurred_at => 'at', kind => 'mention', network => 'twitter', by_account => true);
SELECT influence_remove_source('names', 'n');
SELECT influence_refresh('names', :as_of);
UPDATE influence.models SET bad_row_policy = 'skip' WHERE model = 'names';
SELECT rows_read, rows_ignored, users FROM influence_refresh('names', :as_of);
SELECT left(user_id, 9) AS starts, octet_length(user_id) FROM names.scores ORDER BY 2;
SELECT influence_drop_model('names');

DELETE FROM influence.refresh_log;
\set VERBOSITY terse
DROP SCHEMA app, "else where" CASCADE;
