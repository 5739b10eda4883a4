-- Scores for the social network of social_network.sql, from CREATE EXTENSION to who is who.
SET timezone = 'UTC';
SET client_min_messages = warning;
\pset null -
\pset border 1

\echo
\echo '== What the application has'
SELECT (SELECT count(*) FROM app.users) AS users, (SELECT count(*) FROM app.posts) AS posts,
	(SELECT count(*) FROM app.likes) AS likes, (SELECT count(*) FROM app.comments) AS comments,
	(SELECT count(*) FROM app.shares) AS shares, (SELECT count(*) FROM app.follows) AS follows,
	(SELECT count(*) FROM app.social_activity) AS social_activity;

\echo '== A model and its sources: nothing is copied, the tables stay as they are'
\set ECHO queries
CREATE EXTENSION influence;
\o /dev/null
SELECT influence_create_model('social');
SELECT influence_add_source('social', 'likes', 'app.likes',
	actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'like', post => 'post_id');
SELECT influence_add_source('social', 'comments', 'app.comments',
	actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'comment', post => 'post_id');
SELECT influence_add_source('social', 'shares', 'app.shares',
	actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'share', post => 'post_id');
SELECT influence_add_source('social', 'follows', 'app.follows',
	actor => 'follower_id', target => 'followed_id', occurred_at => 'created_at', kind => 'follow');
SELECT influence_add_source('social', 'posts', 'app.posts',
	target => 'author_id', occurred_at => 'created_at', kind => 'post', post => 'id');
SELECT influence_add_source('social', 'activity', 'app.social_activity',
	actor => 'actor_id', target => 'target_id', occurred_at => 'happened_at',
	kind_column => 'kind', network_column => 'network', post => 'post_id');
\o
\set ECHO none

\echo
\echo '== Three refreshes: as of a month ago, a week ago, and today, which is 2026-06-30 here'
\set ECHO queries
\o /dev/null
SELECT influence_refresh('social', as_of => '2026-05-31');
SELECT influence_refresh('social', as_of => '2026-06-23');
SELECT influence_refresh('social', as_of => '2026-06-30');
\o
SELECT as_of::date, status, rows_read, rows_ignored, users AS people_scored,
	round(extract(epoch FROM finished_at - started_at) * 1000) || ' ms' AS took
FROM influence.refresh_log ORDER BY run_id;
\set ECHO none

\echo '== The top ten'
SELECT rank, name, round(score::numeric, 1) AS score, tier, round(true_reach) AS true_reach,
	round(amplification::numeric, 1) AS amplification, round(network_influence::numeric, 1) AS network_influence,
	round(audience) AS audience, round(week_change::numeric, 1) AS week_change
FROM social.scores JOIN app.users ON id = user_id
ORDER BY rank
LIMIT 10;

SELECT user_id AS who, name AS who_name, round(score::numeric, 1) AS who_score
FROM social.scores JOIN app.users ON id = user_id ORDER BY rank LIMIT 1 \gset
\echo '== Why' :who_name 'has' :who_score
SELECT network, measure, round(value::numeric, 2) AS value, round(points::numeric, 2) AS points,
	round(percentile::numeric, 1) AS better_than_percent
FROM influence_explain(:who)
WHERE points > 0
UNION ALL
SELECT '', 'everybody starts with', NULL, 1, NULL
UNION ALL
SELECT '', 'score', NULL, round(influence_score(:who)::numeric, 2), NULL;

\echo '== Who rose and who fell in a month, of those who are or were above 60'
WITH movers AS (
	SELECT name, part, score - month_change AS month_ago, score AS today, month_change,
		row_number() OVER (ORDER BY month_change DESC, user_id) AS up, row_number() OVER (ORDER BY month_change, user_id) AS down
	FROM social.scores JOIN app.users ON id = user_id JOIN app.cast USING (user_id)
	WHERE greatest(score, score - month_change) > 60 AND month_change IS NOT NULL
)
SELECT name, part, round(month_ago::numeric, 1) AS month_ago, round(today::numeric, 1) AS today,
	round(month_change::numeric, 1) AS month_change
FROM movers
WHERE up <= 3 OR down <= 3 OR part LIKE '%star'
ORDER BY movers.month_change DESC;

\echo '== Those who want to look influential, and others'
WITH received AS (
	SELECT target_id AS user_id, count(*) AS reactions, count(DISTINCT actor_id) AS people
	FROM (
		SELECT user_id AS actor_id, author_id AS target_id FROM app.likes
		UNION ALL SELECT user_id, author_id FROM app.comments
		UNION ALL SELECT user_id, author_id FROM app.shares
		UNION ALL SELECT actor_id, target_id FROM app.social_activity
	) AS interactions
	GROUP BY target_id
), posted AS (
	SELECT author_id AS user_id, count(*) AS posts FROM app.posts GROUP BY author_id
), accounts AS (
	SELECT CASE
			WHEN part <> 'person' THEN part
			WHEN reactions BETWEEN 400 AND 600 THEN 'people with 400 to 600 reactions'
			WHEN reactions IS NULL THEN 'people whom nobody reacted to'
			ELSE 'other people'
		END AS who,
		coalesce(posts, 0) AS posts, coalesce(reactions, 0) AS reactions, coalesce(people, 0) AS people,
		score, percentile, notoriety
	FROM app.cast LEFT JOIN received USING (user_id) LEFT JOIN posted USING (user_id) LEFT JOIN social.scores USING (user_id)
)
SELECT who, count(*) AS accounts, round(avg(posts)) AS posts, round(avg(reactions)) AS reactions,
	round(avg(people)) AS by_people, round(avg(score)::numeric, 1) AS mean_score,
	influence_tier(avg(score)) AS tier, round(avg(percentile)::numeric) AS percentile, round(avg(notoriety)) AS notoriety
FROM accounts
GROUP BY who
ORDER BY avg(score) DESC NULLS LAST, who;

-- Two worlds that differ in what the ring did, as two more models with the same sources and the same scale.
\o /dev/null
SELECT influence_create_model(world)
FROM unnest('{without_ring,strangers}'::text[]) AS world;
INSERT INTO influence.sources
SELECT (s).* FROM unnest('{without_ring,strangers}'::text[]) AS world,
	LATERAL (SELECT jsonb_populate_record(sources, jsonb_build_object('model', world)) AS s
		FROM influence.sources WHERE model = 'social') AS copied;
INSERT INTO influence.calibrations
SELECT world, version, as_of, people, raw, score
FROM influence.calibrations, unnest('{without_ring,strangers}'::text[]) AS world WHERE model = 'social';
UPDATE influence.sources
SET filter = format('%s NOT BETWEEN 1981 AND 1992 OR %s NOT BETWEEN 1981 AND 1992', actor, target)
WHERE model = 'without_ring' AND source IN ('likes', 'follows');
UPDATE influence.sources
SET actor = format('CASE WHEN %s BETWEEN 1981 AND 1992 AND %s BETWEEN 1981 AND 1992 THEN 12 + %s %% 1969 ELSE %s END',
	actor, target, CASE source WHEN 'likes' THEN 'id' ELSE '(follower_id * 97 + followed_id * 31)' END, actor)
WHERE model = 'strangers' AND source IN ('likes', 'follows');
SELECT influence_refresh(world, as_of => '2026-06-30') FROM unnest('{without_ring,strangers}'::text[]) AS world;
\o
\echo '== The ring: what its likes and follows of each other are worth'
SELECT what, round(avg(score)::numeric, 1) AS mean_score, round(min(score)::numeric, 1) AS lowest,
	round(max(score)::numeric, 1) AS highest, round(avg(percentile)::numeric) AS percentile
FROM (
	SELECT 1 AS row, 'without them' AS what, * FROM without_ring.scores
	UNION ALL SELECT 2, 'as it is', * FROM social.scores
	UNION ALL SELECT 3, 'if as many came from strangers', * FROM strangers.scores
) AS worlds JOIN app.cast USING (user_id)
WHERE part = 'like ring'
GROUP BY row, what
ORDER BY row;

\echo '== The spammer: how far a reaction of somebody counts who reacts that often (in the app, 90 days)'
WITH rates AS (
	SELECT actor_id, count(*) / 90.0 AS a_day
	FROM (
		SELECT user_id AS actor_id FROM app.likes
		UNION ALL SELECT user_id FROM app.comments
		UNION ALL SELECT user_id FROM app.shares
		UNION ALL SELECT actor_id FROM app.social_activity WHERE network = 'app'
	) AS reactions
	GROUP BY actor_id
)
SELECT who, round(avg(a_day), 1) AS reactions_a_day, round(avg(1 / (1 + a_day / selectivity_rate))::numeric, 2) AS selectivity
FROM influence.models, (
	SELECT 1 AS row, 'the spammer' AS who, a_day FROM rates WHERE actor_id = 2000
	UNION ALL SELECT 2, 'a member of the ring', avg(a_day) FROM rates WHERE actor_id BETWEEN 1981 AND 1992
	UNION ALL SELECT 3, 'the busiest ordinary person', max(a_day) FROM rates WHERE actor_id BETWEEN 12 AND 1980
	UNION ALL SELECT 4, 'an ordinary person', avg(a_day) FROM rates WHERE actor_id BETWEEN 12 AND 1980
) AS actors
WHERE model = 'social'
GROUP BY row, who
ORDER BY row;

\echo '== Tiers'
SELECT influence_bucket(score) AS score, max(tier) AS tier, count(*) AS people,
	repeat('*', ceil(60.0 * count(*) / max(count(*)) OVER ())::int) AS " "
FROM social.scores
GROUP BY 1
ORDER BY 1 DESC;

\echo '== In the application: NULL is somebody with no data'
\set ECHO queries
SET influence.default_model = 'social';
SELECT name, influence_score(id) AS score FROM app.users WHERE id IN (1, 42, 1981, 1999) OR id = (
	SELECT min(user_id) FROM app.cast WHERE user_id NOT IN (SELECT user_id FROM social.scores)) ORDER BY id;
\set ECHO none
