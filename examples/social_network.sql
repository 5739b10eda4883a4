-- A small social network, the same on every run: 2,000 accounts, the 90 days before
-- 2026-06-30, about 100,000 interactions, in tables as an application has them.
--
-- Most people are ordinary. Some have a part in app.cast: celebrities, a rising and a
-- faded star, a provoker, and accounts that want to look influential: a bot that posts
-- every five minutes, a spammer who likes nearly everything, and a ring that likes each
-- other. The extension never sees that table.

\set as_of '''2026-06-30 00:00+00''::timestamptz'

CREATE SCHEMA app;

CREATE TABLE app.users (
	id         bigint PRIMARY KEY,
	name       text NOT NULL,
	joined_at  timestamptz NOT NULL
);

CREATE TABLE app.posts (
	id          bigint PRIMARY KEY,
	author_id   bigint NOT NULL REFERENCES app.users,
	created_at  timestamptz NOT NULL
);

CREATE TABLE app.likes (
	id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	user_id     bigint NOT NULL REFERENCES app.users,
	post_id     bigint NOT NULL REFERENCES app.posts,
	author_id   bigint NOT NULL REFERENCES app.users,
	created_at  timestamptz NOT NULL,
	UNIQUE (user_id, post_id)
);
CREATE TABLE app.shares (LIKE app.likes INCLUDING ALL);
CREATE TABLE app.comments (LIKE app.likes INCLUDING IDENTITY, PRIMARY KEY (id));

CREATE TABLE app.follows (
	follower_id  bigint NOT NULL REFERENCES app.users,
	followed_id  bigint NOT NULL REFERENCES app.users,
	created_at   timestamptz NOT NULL,
	PRIMARY KEY (follower_id, followed_id)
);

-- Everything else in one table: replies and moderation in the app, and what was collected elsewhere.
CREATE TABLE app.social_activity (
	actor_id     bigint NOT NULL REFERENCES app.users,
	target_id    bigint NOT NULL REFERENCES app.users,
	network      text NOT NULL,
	kind         text NOT NULL,
	happened_at  timestamptz NOT NULL,
	post_id      bigint
);

-- Who plays what
CREATE TABLE app.cast (
	user_id  bigint PRIMARY KEY REFERENCES app.users,
	part     text NOT NULL
);

-- Chance without random(): a number in [0, 1) that depends on its arguments only.
CREATE FUNCTION app.dice(roll bigint, question int) RETURNS float8 LANGUAGE sql IMMUTABLE
RETURN hashint8extended(roll, question) / 18446744073709551616.0::float8 + 0.5;

-- One of 1..n; the higher the skew, the more often a low one.
CREATE FUNCTION app.pick(n int, roll bigint, question int, skew float8 DEFAULT 1) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN 1 + floor(n * power(app.dice(roll, question), skew))::bigint;

-- One of the ordinary people, 12 to 1980; some react far more often than others.
CREATE FUNCTION app.someone(roll bigint, question int) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN 11 + app.pick(1969, app.pick(1969, roll, question, 1.7), 1);

-- 48 first names and 47 last names give 2,256 pairs; a stride prime to that keeps them distinct.
WITH names AS (
	SELECT string_to_array(
			'Ada Amara Anders Anouk Aylin Bashir Beatriz Bruno Carmen Chen Chidi Dalia Dmitri Elena Emeka Farah '
			'Felix Freya Giulia Hana Hiro Ines Ivan Jamal Jonas Kaya Kofi Lars Leila Lucia Malik Marta '
			'Mei Mina Nadia Noor Olga Omar Paulo Priya Rafael Rosa Samir Sanne Tariq Tomas Yuki Zoe', ' ') AS first,
		string_to_array(
			'Abebe Ahmed Andersen Baker Banerjee Castro Chukwu Costa Dubois Eriksen Fernandes Fischer Garcia Haddad '
			'Hansen Ibrahim Ito Jansen Jensen Kaplan Khan Kim Kovacs Laurent Lindqvist Lopez Mensah Meyer Moreau '
			'Nakamura Nguyen Novak Okafor Olsen Park Patel Petrov Rossi Sato Schmidt Silva Singh Tanaka Torres Wang '
			'Weber Yilmaz', ' ') AS last
)
INSERT INTO app.users
SELECT id,
	CASE
		WHEN id BETWEEN 1981 AND 1992 THEN format('Top Creator %s', id - 1980)
		WHEN id = 1999 THEN 'Headlines 24x7'
		WHEN id = 2000 THEN 'Best Deals Ever'
		ELSE first[1 + id * 1013 % 2256 % 48] || ' ' || last[1 + id * 1013 % 2256 / 48]
	END,
	:as_of - interval '1000 days' * (1 + app.dice(id, 2))
FROM names, generate_series(1, 2000) AS id;

INSERT INTO app.cast
SELECT id,
	CASE
		WHEN id <= 8 THEN 'celebrity'
		WHEN id = 9 THEN 'rising star'
		WHEN id = 10 THEN 'faded star'
		WHEN id = 11 THEN 'provoker'
		WHEN id BETWEEN 1981 AND 1992 THEN 'like ring'
		WHEN id = 1999 THEN 'bot'
		WHEN id = 2000 THEN 'spammer'
		ELSE 'person'
	END
FROM app.users;

-- How much they write, from which day to which, and how much attention it finds. Attention follows a power law.
CREATE TEMPORARY TABLE habits AS
SELECT c.user_id, coalesce(h.posts, floor(25 * power(app.dice(c.user_id, 3), 2))) AS posts,
	coalesce(h.first_day, 0) AS first_day, coalesce(h.last_day, 90) AS last_day, coalesce(h.skew, 1) AS skew,
	CASE c.part
		WHEN 'celebrity' THEN 60.0 / c.user_id
		WHEN 'person' THEN 10 / power(1 + c.user_id * 7 % 1999, 0.8)
		ELSE h.attention
	END AS attention
FROM app.cast c
	LEFT JOIN (VALUES
		('celebrity',   120,           0,  90, 1.0,  NULL),
		('rising star',  30,           0,  90, 0.25, 14),
		('faded star',   60,           0,  30, 1.0,  25),
		('provoker',     60,           0,  90, 1.0,  3),
		('like ring',    45,           0,  90, 1.0,  0.05),
		('bot',          90 * 24 * 12, 0,  90, 1.0,  0),
		('spammer',      20,           0,  90, 1.0,  0.05)
	) AS h (part, posts, first_day, last_day, skew, attention) USING (part);

-- The bot writes every five minutes, people when they like to; the rising star more and more.
INSERT INTO app.posts
SELECT row_number() OVER (ORDER BY created_at, user_id), user_id, created_at
FROM habits CROSS JOIN generate_series(1, posts::int) AS n
	CROSS JOIN LATERAL (
		SELECT :as_of - interval '90 days' + interval '1 day' * (first_day + (last_day - first_day)
			* CASE WHEN posts > 10000 THEN (n - 0.5) / posts ELSE power(app.dice(user_id * 1000 + n, 4), skew) END) AS created_at
	) AS moment;

-- A draw in [0, 1) falls on a post: its author's attention is divided among the posts, and some posts take off.
CREATE TEMPORARY TABLE draw AS
SELECT id AS post_id, author_id, created_at, sum(share) OVER (ORDER BY id) / sum(share) OVER () AS upto
FROM app.posts JOIN habits ON user_id = author_id
	CROSS JOIN LATERAL (SELECT attention / posts / sqrt(0.02 + app.dice(id, 5)) AS share) AS popularity
WHERE attention > 0;
CREATE UNIQUE INDEX ON draw (upto);
ANALYZE draw;

-- Genuine reactions, mostly on the day of the post. Celebrities have an eye on each other. Some of it
-- happens on Twitter and Instagram, if the author is there.
CREATE TEMPORARY TABLE reactions AS
SELECT n, post_id, author_id, actor_id, happened_at, app.dice(n, 10) AS what,
	CASE
		WHEN place < 0.2 AND app.dice(author_id, 11) < 0.6 THEN 'twitter'
		WHEN place > 0.9 AND app.dice(author_id, 12) < 0.5 THEN 'instagram'
		ELSE 'app'
	END AS network
FROM generate_series(1, 85000) AS n
	CROSS JOIN LATERAL (SELECT * FROM draw WHERE upto > app.dice(n, 6) ORDER BY upto LIMIT 1) AS drawn
	CROSS JOIN LATERAL (
		SELECT app.dice(n, 7) AS place,
			created_at + interval '9 hours' * -ln(1 - app.dice(n, 8)) AS happened_at,
			CASE WHEN author_id <= 8 AND app.dice(n, 9) < 0.01 THEN app.pick(8, n, 13) ELSE app.someone(n, 13) END AS actor_id
	) AS reaction
WHERE actor_id <> author_id AND happened_at < :as_of;

INSERT INTO app.likes (user_id, post_id, author_id, created_at)
SELECT actor_id, post_id, author_id, happened_at FROM reactions WHERE network = 'app' AND what < 0.68 ORDER BY n
ON CONFLICT DO NOTHING;

INSERT INTO app.comments (user_id, post_id, author_id, created_at)
SELECT actor_id, post_id, author_id, happened_at FROM reactions WHERE network = 'app' AND what BETWEEN 0.68 AND 0.9 ORDER BY n;

INSERT INTO app.shares (user_id, post_id, author_id, created_at)
SELECT actor_id, post_id, author_id, happened_at FROM reactions WHERE network = 'app' AND what > 0.9 ORDER BY n
ON CONFLICT DO NOTHING;

INSERT INTO app.social_activity
SELECT actor_id, author_id, network, kind, happened_at, CASE WHEN of_post THEN post_id END
FROM reactions JOIN (VALUES
	('twitter',   'favorite', 0.00, 0.45, true),
	('twitter',   'retweet',  0.45, 0.65, true),
	('twitter',   'reply',    0.65, 0.80, true),
	('twitter',   'mention',  0.80, 0.92, false),
	('twitter',   'follow',   0.92, 0.99, false),
	('twitter',   'list_add', 0.99, 1.00, false),
	('instagram', 'like',     0.00, 0.75, true),
	('instagram', 'comment',  0.75, 0.92, true),
	('instagram', 'follow',   0.92, 1.00, false)
) AS k (network, kind, low, high, of_post) USING (network)
WHERE what >= low AND what < high
ORDER BY n;

-- Conversation: an author answers every third comment.
INSERT INTO app.social_activity
SELECT author_id, user_id, 'app', 'reply', created_at + interval '3 hours' * app.dice(id, 14), post_id
FROM app.comments
WHERE app.dice(id, 15) < 0.33 AND created_at < :as_of - interval '3 hours';

-- Attention brings followers, over the years.
INSERT INTO app.follows
SELECT follower_id, author_id, :as_of - interval '90 days' * -ln(1 - app.dice(n, 16))
FROM generate_series(1, 14000) AS n
	CROSS JOIN LATERAL (SELECT author_id FROM draw WHERE upto > app.dice(n, 17) ORDER BY upto LIMIT 1) AS drawn
	CROSS JOIN LATERAL (SELECT app.someone(n, 18) AS follower_id) AS follower
WHERE follower_id <> author_id
ON CONFLICT DO NOTHING;

-- The provoker: a storm of blocks and reports in the last three weeks.
INSERT INTO app.social_activity
SELECT app.someone(n, 19), 11, 'app', CASE WHEN n % 3 = 0 THEN 'report' ELSE 'block' END,
	:as_of - interval '21 days' * app.dice(n, 20), NULL
FROM generate_series(1, 900) AS n;

-- The ring: a dozen accounts follow each other, and each likes every post of the others within the hour.
INSERT INTO app.follows
SELECT a, b, :as_of - interval '80 days'
FROM generate_series(1981, 1992) AS a, generate_series(1981, 1992) AS b
WHERE a <> b;

INSERT INTO app.likes (user_id, post_id, author_id, created_at)
SELECT member, id, author_id, created_at + interval '1 hour' * app.dice(id * 12 + member, 21)
FROM app.posts CROSS JOIN generate_series(1981, 1992) AS member
WHERE author_id BETWEEN 1981 AND 1992 AND member <> author_id AND created_at < :as_of - interval '1 hour'
ORDER BY id, member;

-- The spammer: likes two of three posts of everybody, all day, and comments now and then. Some people block it.
INSERT INTO app.likes (user_id, post_id, author_id, created_at)
SELECT 2000, id, author_id, created_at + interval '10 minutes'
FROM app.posts
WHERE author_id < 1981 AND app.dice(id, 22) < 0.6 AND created_at < :as_of - interval '10 minutes'
ORDER BY id;

INSERT INTO app.comments (user_id, post_id, author_id, created_at)
SELECT 2000, id, author_id, created_at + interval '10 minutes'
FROM app.posts
WHERE author_id < 1981 AND app.dice(id, 23) < 0.1 AND created_at < :as_of - interval '10 minutes'
ORDER BY id;

INSERT INTO app.social_activity
SELECT app.someone(n, 24), 2000, 'app', 'block', :as_of - interval '90 days' * app.dice(n, 25), NULL
FROM generate_series(1, 120) AS n;

ANALYZE app.users, app.posts, app.likes, app.comments, app.shares, app.follows, app.social_activity, app.cast;
