-- influence_set_profiles: names of people, and whose rights they are read with

\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE ROLE regress_profiles_owner;
CREATE ROLE regress_profiles_reader;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_profiles_owner', current_database()); END $$;
CREATE SCHEMA people AUTHORIZATION regress_profiles_owner;
SET ROLE regress_profiles_owner;
CREATE TABLE people.users (id int PRIMARY KEY, "Full Name" text, country text, joined timestamp, tenant text);
INSERT INTO people.users SELECT n, CASE WHEN n = 3 THEN '100 % Ann_' ELSE 'Person ' || n END, CASE WHEN n % 2 = 0 THEN 'SE' END, timestamp '2020-01-01' + make_interval(days => n), 'a' FROM generate_series(1, 8) AS n;
CREATE TABLE people.likes AS SELECT a, t, timestamptz '2024-06-15' AS at FROM generate_series(1, 9) AS a, generate_series(1, 9) AS t WHERE a > t;
SELECT influence_create_model('named');
SELECT influence_add_source('named', 'likes', 'people.likes', actor => 'a', target => 't', occurred_at => 'at', kind => 'like');
SELECT influence_set_profiles('named', 'people.users', user_id => 'id', display_name => 'Full Name', region => 'coalesce(country, ''elsewhere'')', account_created_at => $$joined AT TIME ZONE 'UTC'$$);
SELECT * FROM influence.profiles;
SELECT influence_set_profiles('named', 'people.users', user_id => 'id + 0.5', display_name => 'Full Name');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_search('named', 'person');
\echo :LAST_ERROR_SQLSTATE
SELECT status, users FROM influence_refresh('named', '2024-06-15');

-- names appear
SELECT rank, user_id, display_name FROM influence_leaderboard("limit" => 4);
SELECT rank, user_id, display_name FROM influence_leaderboard('named', 'app', 2);
SELECT user_id, display_name, rank FROM influence_compare(3, 8, 99);
-- and are found, in any case, best first; one with no score last
SELECT user_id, display_name, region, account_created_at, round(score::numeric, 2) AS score, tier, rank FROM influence_search('named', 'PERSON', 3);
INSERT INTO people.users VALUES (70, 'Person nobody likes'), (71, NULL), (72, 'Person '), (-1, '');
SELECT user_id, display_name, score IS NULL AS unknown FROM influence_search('named', 'erson', NULL) OFFSET 6;
-- who opted out is not found and has no name, whether or not a refresh has come since
BEGIN;
SELECT influence_opt_out(4, 'named'), influence_forget(70, 'named');
SELECT user_id, display_name FROM influence_search('named', 'person', NULL) WHERE user_id IN ('4', '5', '70');
SELECT user_id, display_name, score IS NULL AS unknown FROM influence_compare(3, 4, 70);
SELECT count(*) FROM named.named_scores WHERE user_id = 4 OR display_name LIKE 'Person nobody%';
SELECT count(*) FROM influence_find_profiles('named') WHERE user_id IN ('4', '70');
SELECT status FROM influence_refresh('named', '2024-06-15');
SELECT user_id, display_name FROM influence_search('named', 'person', NULL) WHERE user_id IN ('4', '5', '70');
SELECT influence_opt_in(4, 'named');
SELECT user_id, display_name, score IS NULL AS unknown FROM influence_search('named', 'person 4');
SELECT user_id, display_name FROM influence_compare(4, 70);
-- who did not agree where that is asked for is known all the same
UPDATE influence.models SET scored_only = true WHERE model = 'named';
SELECT status FROM influence_refresh('named', '2024-06-15');
SELECT user_id, display_name, score IS NULL AS unknown FROM influence_search('named', 'person 5');
ROLLBACK;
-- wildcards are letters here
SELECT user_id FROM influence_search('named', '0 % A');
SELECT user_id FROM influence_search('named', 'nn_');
SELECT user_id FROM influence_search('named', 'n%');
SELECT user_id FROM influence_search(NULL, 'ann');
SELECT * FROM influence_search('named', '');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_search('named', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_search('named', 'x', -1);
\echo :LAST_ERROR_SQLSTATE

-- the view of scores with names, for who may read both
SELECT user_id, display_name, region, account_age, round(score::numeric, 2) AS score, rank FROM named.named_scores ORDER BY rank LIMIT 3;
SELECT c.relname, c.relowner::regrole, c.reloptions, obj_description(c.oid), (SELECT count(*) FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND col_description(c.oid, a.attnum) IS NULL) AS without_comment
FROM pg_class AS c WHERE c.oid = 'named.named_scores'::regclass;
GRANT USAGE ON SCHEMA named TO regress_profiles_reader;
GRANT SELECT ON named.named_scores TO regress_profiles_reader;
SET ROLE regress_profiles_reader;
SELECT count(*) FROM named.named_scores;
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_profiles_owner;
GRANT SELECT ON named.scores TO regress_profiles_reader;
SET ROLE regress_profiles_reader;
SELECT count(*) FROM named.named_scores;
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_profiles_owner;
GRANT USAGE ON SCHEMA people TO regress_profiles_reader;
GRANT SELECT ON people.users TO regress_profiles_reader;
SET ROLE regress_profiles_reader;
SELECT count(*) FROM named.named_scores;
SET ROLE regress_profiles_owner;
REVOKE USAGE ON SCHEMA people FROM regress_profiles_reader;
REVOKE SELECT ON people.users FROM regress_profiles_reader;
REVOKE SELECT ON named.scores FROM regress_profiles_reader;
REVOKE USAGE ON SCHEMA named FROM regress_profiles_reader;

-- another relation in place of the first, with several rows of one person
CREATE VIEW people.names AS SELECT id::bigint AS id, 'b' || id AS name FROM people.users UNION ALL SELECT id, 'a' || id FROM people.users WHERE id < 3 UNION ALL SELECT NULL, 'nobody';
SELECT influence_set_profiles('named', 'people.names', 'id', 'name');
SELECT relation, region, account_created_at FROM influence.profiles;
SELECT user_id, display_name FROM influence_leaderboard("limit" => 3);
SELECT user_id, display_name, region FROM influence_search('named', 'b', 2);

-- what cannot be registered
\set VERBOSITY terse
SELECT influence_set_profiles('nowhere', 'people.users', 'id', 'country');
SELECT influence_set_profiles('named', 'people.users', NULL, 'country');
SELECT influence_set_profiles('named', 'people.users', 'id', NULL);
SELECT influence_set_profiles('named', NULL, 'id', 'country');
SELECT influence_set_profiles('named', 'people.users', 'country', 'country');
SELECT influence_set_profiles('named', 'people.users', 'id', 'nickname');
SELECT influence_set_profiles('named', 'people.users', 'id', '(SELECT country)');
SELECT influence_set_profiles('named', 'people.users', 'id', 'country, country');
SELECT influence_set_profiles('named', 'people.users', 'id', 'country', account_created_at => 'country');
SELECT influence_set_profiles('named', 'people.users', 'id', 'random()::text');
SELECT influence_set_profiles('named', 'people.users_pkey', 'id', 'country');
\set VERBOSITY default
SELECT relation FROM influence.profiles;

-- a reader needs the scores and the names
SELECT influence_set_profiles('named', 'people.users', user_id => 'id', display_name => 'Full Name');
GRANT USAGE ON SCHEMA named TO regress_profiles_reader;
GRANT SELECT ON named.scores TO regress_profiles_reader;
SET ROLE regress_profiles_reader;
SELECT * FROM influence_leaderboard();
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_profiles_owner;
GRANT USAGE ON SCHEMA people TO regress_profiles_reader;
SET ROLE regress_profiles_reader;
SELECT * FROM influence_leaderboard();
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_compare(1);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM influence_search('named', 'ann');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_set_profiles('named', 'people.users', 'id', 'country');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_remove_profiles('named');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM influence.profiles;
SET ROLE regress_profiles_owner;
GRANT SELECT ON people.users TO regress_profiles_reader;
SET ROLE regress_profiles_reader;
SELECT display_name FROM influence_leaderboard("limit" => 1);
SELECT user_id FROM influence_search('named', 'ann');
-- where row-level security hides rows, nothing is read past it
SET ROLE regress_profiles_owner;
ALTER TABLE people.users ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenants ON people.users USING (tenant = 'b');
SET ROLE regress_profiles_reader;
SELECT * FROM influence_leaderboard("limit" => 1);
\echo :LAST_ERROR_SQLSTATE
-- messages call the relation what it is called now
SET ROLE regress_profiles_owner;
ALTER TABLE people.users RENAME TO "Everybody";
SET ROLE regress_profiles_reader;
SELECT * FROM influence_leaderboard("limit" => 1);
SET ROLE regress_profiles_owner;
REVOKE SELECT ON people."Everybody" FROM regress_profiles_reader;
SET ROLE regress_profiles_reader;
SELECT * FROM influence_leaderboard("limit" => 1);
SET ROLE regress_profiles_owner;
GRANT SELECT ON people."Everybody" TO regress_profiles_reader;
ALTER TABLE people."Everybody" RENAME TO users;
SELECT display_name FROM influence_leaderboard("limit" => 1);
ALTER TABLE people.users DISABLE ROW LEVEL SECURITY;

-- an expression runs as the owner of the model, whoever reads
CREATE FUNCTION people.whoami(text) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1 || '' read by '' || current_user';
SELECT influence_set_profiles('named', 'people.users', 'id', 'people.whoami("Full Name")');
RESET ROLE;
SELECT display_name FROM influence_leaderboard("limit" => 1);
SET ROLE regress_profiles_owner;
-- choices of people are the owner's to read, and hold for other readers
SELECT influence_set_profiles('named', 'people.users', user_id => 'id', display_name => 'Full Name');
SELECT influence_opt_out(3, 'named');
SET ROLE regress_profiles_reader;
SELECT count(*) FROM influence.privacy_choices;
SELECT user_id, display_name FROM influence_search('named', 'ann');
SELECT user_id, display_name FROM influence_compare(3, 4);
SET ROLE regress_profiles_owner;
SELECT influence_opt_in(3, 'named');
SELECT influence_set_profiles('named', 'people.users', 'id', 'people.whoami("Full Name")');
-- also one that was put into the table past the checks
UPDATE influence.profiles SET display_name = 'country) FROM people.users; DROP TABLE people.likes; --';
SELECT * FROM influence_leaderboard();
\echo :LAST_ERROR_SQLSTATE
UPDATE influence.profiles SET display_name = 'missing';
SELECT * FROM influence_leaderboard();
\echo :LAST_ERROR_SQLSTATE
DROP VIEW people.names;
DROP TABLE people.users;
SELECT * FROM influence_leaderboard();
\echo :LAST_ERROR_SQLSTATE
SELECT influence_remove_profiles('named');
SELECT influence_remove_profiles('named');
\echo :LAST_ERROR_SQLSTATE
SELECT user_id, display_name FROM influence_leaderboard("limit" => 1);
SELECT * FROM influence_search('named', 'ann');
\echo :LAST_ERROR_SQLSTATE
SELECT influence_drop_model('named');
RESET ROLE;
DELETE FROM influence.refresh_log;
DROP OWNED BY regress_profiles_owner, regress_profiles_reader CASCADE;
DROP ROLE regress_profiles_owner, regress_profiles_reader;
