-- Scores for the social network of social_network.sql, from CREATE EXTENSION to who is who.
SET timezone = 'UTC';
SET client_min_messages = warning;

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
	actor => 'author_id', target => 'author_id', occurred_at => 'created_at', kind => 'post', post => 'id');
SELECT influence_add_source('social', 'activity', 'app.social_activity',
	actor => 'actor_id', target => 'target_id', occurred_at => 'happened_at',
	kind_column => 'kind', network_column => 'network', post => 'post_id');
\o
\set ECHO none

\echo
\echo '== Two refreshes, as of a week ago and as of today, 2026-06-30'
\set ECHO queries
SELECT status, as_of, rows_read, users, finished_at - started_at AS took
FROM influence_refresh('social', as_of => '2026-06-23');
SELECT status, as_of, rows_read, users, finished_at - started_at AS took
FROM influence_refresh('social', as_of => '2026-06-30');
\set ECHO none

\echo '== The top ten'
SELECT rank, name, round(score::numeric, 1) AS score, tier, round(true_reach::numeric) AS true_reach,
	round(amplification::numeric, 1) AS amplification, round(network_influence::numeric, 1) AS network_influence,
	round(audience::numeric) AS audience, round(week_change::numeric, 1) AS week_change
FROM social.scores JOIN app.users ON id = user_id
ORDER BY rank
LIMIT 10;

\echo '== Who rose and who fell in a week'
(SELECT name, part, round(score::numeric, 1) AS score, round(week_change::numeric, 1) AS week_change
FROM social.scores JOIN app.users ON id = user_id JOIN app.cast USING (user_id)
WHERE week_change IS NOT NULL AND score > 40 ORDER BY social.scores.week_change DESC, user_id LIMIT 3)
UNION ALL
(SELECT name, part, round(score::numeric, 1), round(week_change::numeric, 1)
FROM social.scores JOIN app.users ON id = user_id JOIN app.cast USING (user_id)
WHERE week_change IS NOT NULL AND score > 40 ORDER BY social.scores.week_change, user_id LIMIT 3)
ORDER BY week_change DESC;

SELECT user_id AS who, name AS who_name, round(score::numeric, 1) AS who_score
FROM social.scores JOIN app.users ON id = user_id ORDER BY rank LIMIT 1 \gset
\echo '== Why' :who_name 'has' :who_score '- the points and 1 add up to it'
SELECT network, measure, round(value::numeric, 2) AS value, round(points::numeric, 2) AS points,
	round(percentile::numeric, 1) AS percentile
FROM influence_explain(:who::bigint)
ORDER BY influence_explain.points DESC;

\echo '== Those who want to look influential, beside people who got as many reactions as the ring or the spammer'
WITH received AS (
	SELECT target_id AS user_id, count(*) AS reactions, count(DISTINCT actor_id) AS people
	FROM (
		SELECT user_id AS actor_id, author_id AS target_id FROM app.likes
		UNION ALL SELECT user_id, author_id FROM app.comments
		UNION ALL SELECT user_id, author_id FROM app.shares
		UNION ALL SELECT actor_id, target_id FROM app.social_activity
	) AS interactions
	GROUP BY target_id
), accounts AS (
	SELECT CASE
			WHEN part <> 'person' THEN part
			WHEN reactions BETWEEN 400 AND 600 THEN 'people with 400 to 600 reactions'
			WHEN reactions BETWEEN 100 AND 140 THEN 'people with 100 to 140 reactions'
			WHEN reactions IS NULL THEN 'people without reactions'
			ELSE 'other people'
		END AS who,
		reactions, people, score, notoriety, (SELECT count(*) FROM app.posts WHERE author_id = user_id) AS posts
	FROM app.cast LEFT JOIN received USING (user_id) LEFT JOIN social.scores USING (user_id)
)
SELECT who, count(*) AS accounts, count(score) AS scored, round(avg(posts)) AS posts,
	round(avg(reactions)) AS reactions, round(avg(people)) AS by_people,
	round(avg(score)::numeric, 1) AS mean_score, round(max(score)::numeric, 1) AS highest,
	round(avg(notoriety)::numeric, 1) AS notoriety
FROM accounts
GROUP BY who
ORDER BY avg(score) DESC NULLS LAST;

\echo '== Tiers'
SELECT influence_bucket(score) AS score, max(tier) AS tier, count(*) AS people,
	repeat('*', ceil(60.0 * count(*) / max(count(*)) OVER ())::int) AS " "
FROM social.scores
GROUP BY 1
ORDER BY 1 DESC;

\echo '== In the application'
\set ECHO queries
SELECT name, influence_score(id) AS score FROM app.users WHERE id IN (1, 9, 42, 1981, 1999) ORDER BY id;
\set ECHO none
