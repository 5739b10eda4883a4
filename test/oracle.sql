-- An independent recomputation of every score in plain SQL.
--
-- The tests load a copy of the interactions of a model into
-- oracle.interactions, call oracle.compute(model, as_of), and compare what the
-- extension published with oracle.compare(model). Nothing here calls a function
-- of the extension; the only things shared are the configuration tables and the
-- stored knots of the calibration.
--
-- Every step of the formula is one materialized view, in the order in which it
-- is computed:
--
--   interactions -> classified -> pauses -> clocked -> counted -> observation
--     -> pairs -> trades -> trading -> actors
--     -> trust -> reciprocity -> pair_values
--     -> engagement, true_reach, audience, amplification (shares_and_posts,
--        prior), graph (edges, nodes, ranks) -> network_influence, authority
--     -> terms -> network_mass -> person_mass -> knots
--     -> network_scores, scores, signals, ignored
--
-- Letters are those of the formula: a is an actor, u a target, T the as-of
-- time, D the days observed. Ids are text. Times are microseconds.

CREATE SCHEMA oracle;

CREATE TABLE oracle.interactions (
	network      text,
	kind         text,
	actor        text,
	target       text,
	occurred_at  timestamptz,
	post         text,
	weight       float8,
	sentiment    float8
);

-- What compute() was called with, one row
CREATE TABLE oracle.run (model text NOT NULL, as_of timestamptz NOT NULL);

-- The history of the model, copied by compute()
CREATE TABLE oracle.history (user_id text, day date, score float8);

-- Numbers

-- Intervals as microseconds, with months of 30 days and days of 24 hours.
-- (extract(epoch) would take twelve months for 365.25 days.)
CREATE FUNCTION oracle.microseconds(span interval) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$
	SELECT ((extract(year FROM span) * 12 + extract(month FROM span)) * 30 * 86400000000
			+ extract(day FROM span) * 86400000000
			+ extract(hour FROM span) * 3600000000
			+ extract(minute FROM span) * 60000000
			+ extract(microseconds FROM span))::float8
$$;

CREATE FUNCTION oracle.microseconds(moment timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN isfinite(moment) THEN (extract(epoch FROM moment) * 1000000)::bigint END
$$;

-- 2^(-age/half_life), 1 without a half-life. PostgreSQL's power() raises an
-- error where the result is too small for a double; it is 0.
CREATE FUNCTION oracle.decay(age float8, half_life float8) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE
		WHEN half_life IS NULL THEN 1
		WHEN age / half_life > 1074 THEN 0
		ELSE power(2::float8, -age / half_life)
	END
$$;

-- ln(1 + x) and exp(x) - 1 without cancellation for small x (W. Kahan)
CREATE FUNCTION oracle.log1p(x float8) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN 1 + x = 1 THEN x ELSE ln(1 + x) * (x / ((1 + x) - 1)) END
$$;

CREATE FUNCTION oracle.expm1(x float8) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN exp(x) = 1 THEN x ELSE (exp(x) - 1) * (x / ln(exp(x))) END
$$;

-- Step 0: the model's row and T

CREATE MATERIALIZED VIEW oracle.parameters AS
SELECT m.*,
	r.as_of,
	oracle.microseconds(r.as_of) AS as_of_us,
	oracle.microseconds(m.time_window) AS time_window_us,
	oracle.microseconds(m.clock_skew) AS clock_skew_us,
	oracle.microseconds(m.grace_period) AS grace_period_us,
	oracle.microseconds(m.reach_half_life) AS reach_half_life_us
FROM oracle.run AS r
JOIN influence.models AS m USING (model)
WITH NO DATA;

-- Step 1: does the row count, and if not, why. Rows outside the window go on
-- where a clock that stood still may bring them back, and so do all posts there.

CREATE MATERIALIZED VIEW oracle.classified AS
SELECT i.network, i.kind, i.actor, i.target, i.occurred_at, i.post,
	i.weight, i.sentiment,
	g.role, g.weight AS signal_weight, g.half_life, g.polarity, g.conversational,
	CASE
		WHEN i.target IS NULL THEN 'null_target'
		WHEN i.occurred_at IS NULL THEN 'null_time'
		WHEN g.model IS NULL THEN 'no_signal'
		WHEN NOT isfinite(i.occurred_at) THEN 'bad_time'
		WHEN i.weight = 'NaN' OR i.weight = 'Infinity' OR i.weight < 0 THEN 'bad_weight'
		WHEN i.sentiment = 'NaN' OR i.sentiment NOT BETWEEN -1 AND 1 THEN 'bad_sentiment'
		WHEN oracle.microseconds(i.occurred_at) > p.as_of_us + p.clock_skew_us THEN 'future'
		WHEN g.role NOT IN ('follow', 'authority')
			AND p.as_of_us - oracle.microseconds(i.occurred_at) > p.time_window_us
				+ CASE WHEN p.inactivity_policy = 'grace' THEN p.grace_period_us ELSE 0 END
			AND (p.inactivity_policy = 'decay' OR p.inactivity_policy = 'grace' AND g.role <> 'post') THEN 'outside_window'
		WHEN g.weight * coalesce(i.weight, 1) = 0 THEN 'zero_weight'
		WHEN g.role IN ('reaction', 'share', 'follow', 'endorsement')
			AND i.actor = i.target THEN 'self'
	END AS ignored_because
FROM oracle.interactions AS i
CROSS JOIN oracle.parameters AS p
LEFT JOIN influence.signals AS g
	ON g.model = p.model AND g.network = i.network AND g.kind = i.kind
WITH NO DATA;

-- Step 1b: when people's clocks stood still. grace: at the as-of time the clock
-- shows the last post or, if that is later, the time a grace period ago; so it
-- stood since then. freeze: from a grace period after each post until the next
-- one, or the as-of time.

CREATE MATERIALIZED VIEW oracle.pauses AS
WITH posts AS (
	SELECT target, least(occurred_at, p.as_of) AS posted_at,
		lead(least(occurred_at, p.as_of), 1, p.as_of) OVER (PARTITION BY target ORDER BY occurred_at) AS next_at
	FROM oracle.classified
	CROSS JOIN oracle.parameters AS p
	WHERE role = 'post' AND ignored_because IS NULL
), stops AS (
	SELECT target, posted_at + p.grace_period AS stopped_at, next_at AS went_on_at
	FROM posts
	CROSS JOIN oracle.parameters AS p
	WHERE p.inactivity_policy = 'freeze'
	UNION ALL
	SELECT target, greatest(max(posted_at), p.as_of - p.grace_period), p.as_of
	FROM posts
	CROSS JOIN oracle.parameters AS p
	WHERE p.inactivity_policy = 'grace'
	GROUP BY target, p.as_of, p.grace_period
)
SELECT target, oracle.microseconds(stopped_at) AS stopped_us, oracle.microseconds(went_on_at) AS went_on_us,
	stopped_at, went_on_at = p.as_of AS until_now
FROM stops
CROSS JOIN oracle.parameters AS p
WHERE stopped_at < went_on_at
WITH NO DATA;

-- Step 1c: ages by the real clock and by that of the target, and whether the
-- row counts by the latter

CREATE MATERIALIZED VIEW oracle.clocked AS
WITH aged AS (
	SELECT c.*, c.ignored_because IS NULL AS was_read,
		greatest(0, p.as_of_us - oracle.microseconds(c.occurred_at))::float8 AS age,
		coalesce((SELECT sum(s.went_on_us - greatest(s.stopped_us, oracle.microseconds(c.occurred_at)))
				  FROM oracle.pauses AS s
				  WHERE s.target = c.target AND s.went_on_us > oracle.microseconds(c.occurred_at)), 0)::float8 AS stood_still
	FROM oracle.classified AS c
	CROSS JOIN oracle.parameters AS p
), recent AS (
	SELECT aged.*, age - stood_still AS clock_age,
		age <= coalesce(p.time_window_us, 'Infinity') OR role IN ('follow', 'authority') AS recent
	FROM aged
	CROSS JOIN oracle.parameters AS p
)
SELECT network, kind, actor, target, occurred_at, post, weight, sentiment,
	role, signal_weight, half_life, polarity, conversational, age, clock_age, recent, was_read,
	CASE WHEN was_read AND role NOT IN ('follow', 'authority') AND clock_age > p.time_window_us
		THEN 'outside_window' ELSE ignored_because END AS ignored_because
FROM recent
CROSS JOIN oracle.parameters AS p
WITH NO DATA;

-- Step 2: what a row is worth. w: weight of the row, s: its sentiment; v =
-- W * w * decay falls into an influence part, by the clock of the target, and a
-- notoriety part, by the real one.

CREATE MATERIALIZED VIEW oracle.counted AS
WITH moods AS (
	SELECT c.*,
		coalesce(c.weight, 1) AS w,
		CASE
			WHEN p.sentiment_policy = 'ignore' OR c.role = 'post' THEN 0
			ELSE coalesce(c.sentiment, c.polarity)
		END AS s,
		p.reach_half_life_us
	FROM oracle.clocked AS c
	CROSS JOIN oracle.parameters AS p
	WHERE c.ignored_because IS NULL
), decayed AS (
	SELECT moods.*,
		oracle.decay(clock_age, oracle.microseconds(half_life)) AS decay,
		oracle.decay(clock_age, reach_half_life_us) AS reach_decay,
		CASE WHEN recent THEN oracle.decay(age, oracle.microseconds(half_life)) ELSE 0 END AS real_decay
	FROM moods
)
SELECT network, kind, actor, target, occurred_at, post, role, conversational,
	role IN ('reaction', 'share', 'endorsement') AS engaging,
	signal_weight, age, recent, w, s, decay, reach_decay,
	signal_weight * w * decay * (1 + least(s, 0)) AS influence_part,
	signal_weight * w * real_decay * greatest(0, -s) AS notoriety_part,
	signal_weight * w * real_decay * greatest(0, s) AS approval_part
FROM decayed
WITH NO DATA;

-- Step 3: D, the days over which an actor's reactions are spread

CREATE MATERIALIZED VIEW oracle.observation AS
SELECT coalesce(p.time_window_us / 86400000000,
	greatest(1, (SELECT max(age) FROM oracle.counted WHERE engaging) / 86400000000),
	1) AS days
FROM oracle.parameters AS p
WITH NO DATA;

-- Step 4: identified pairs. c: what the actor did lately, g: what of it can be
-- traded, by weight without decay and in thousandths

CREATE MATERIALIZED VIEW oracle.pairs AS
SELECT network, actor, target,
	count(*) FILTER (WHERE recent) AS c,
	coalesce(sum(round(1000 * signal_weight)) FILTER (WHERE recent AND NOT conversational AND s >= 0), 0) AS g,
	sum(influence_part) AS x,
	coalesce(sum(influence_part) FILTER (WHERE NOT conversational), 0) AS n,
	coalesce(max(reach_decay) FILTER (WHERE s >= 0), 0) AS p
FROM oracle.counted
WHERE engaging AND actor IS NOT NULL
GROUP BY network, actor, target
WITH NO DATA;

-- Step 4b: how much of it is traded: as far as at least half came back. Trading
-- with one other person is no evidence, with two half.

CREATE MATERIALIZED VIEW oracle.trades AS
SELECT there.network, there.actor, there.target, there.c, there.g,
	least(there.g, 2 * coalesce(back.g, 0)) AS traded, (there.g > 0 AND coalesce(back.g, 0) > 0)::int AS partner
FROM oracle.pairs AS there
LEFT JOIN oracle.pairs AS back
	ON back.network = there.network
	AND back.actor = there.target AND back.target = there.actor
WITH NO DATA;

-- Step 5: actors and what is left of their trust for their selectivity,
-- 1 / (1 + (c / D) / selectivity_rate), and for their trades

CREATE FUNCTION oracle.selectivity(c numeric) RETURNS float8
LANGUAGE sql STABLE AS $$
	SELECT 1 / (1 + (c::float8 / o.days) / p.selectivity_rate)
	FROM oracle.observation AS o CROSS JOIN oracle.parameters AS p
$$;

-- The discount is less on a network where more than three quarters of what people
-- give is traded on average, each counting once

CREATE MATERIALIZED VIEW oracle.trading AS
WITH givers AS (
	SELECT network, actor, sum(traded) / nullif(sum(g), 0) AS share
	FROM oracle.trades
	GROUP BY network, actor
)
SELECT network, p.trading_discount * least(1, (1 - coalesce(avg(share), 0)) / 0.25) AS discount
FROM givers
CROSS JOIN oracle.parameters AS p
GROUP BY network, p.trading_discount
WITH NO DATA;

CREATE FUNCTION oracle.genuineness(discount float8, given float8, traded float8, partners numeric) RETURNS float8
LANGUAGE sql STABLE AS $$
	SELECT 1 - coalesce(discount, 0) * least(greatest(partners - 1, 0) / 2, 1)::float8
		* CASE WHEN given > 0 THEN power(traded / given, 3) ELSE 0 END
$$;

CREATE MATERIALIZED VIEW oracle.actors AS
SELECT network, actor, sum(c) AS c, sum(g) AS given, sum(traded) AS traded, sum(partner) AS partners,
	oracle.selectivity(sum(c)) * oracle.genuineness(discount, sum(g), sum(traded), sum(partner)) AS trust
FROM oracle.trades
JOIN oracle.trading USING (network)
GROUP BY network, actor, discount
WITH NO DATA;

-- Step 6: followers, per standing kind, and trust, of actors in the targets
-- whom they engaged or follow: by what the actor does towards others

CREATE MATERIALIZED VIEW oracle.followers AS
SELECT DISTINCT network, kind, signal_weight, actor, target
FROM oracle.counted
WHERE role = 'follow' AND s >= 0 AND actor IS NOT NULL
WITH NO DATA;

CREATE MATERIALIZED VIEW oracle.trust AS
WITH related AS (
	SELECT network, actor, target FROM oracle.pairs
	UNION
	SELECT network, actor, target FROM oracle.followers
)
SELECT network, actor, target,
	oracle.selectivity(coalesce(a.c, 0) - coalesce(t.c, 0))
		* oracle.genuineness(n.discount, coalesce(a.given, 0) - coalesce(t.g, 0), coalesce(a.traded, 0) - coalesce(t.traded, 0),
			coalesce(a.partners, 0) - coalesce(t.partner, 0)) AS trust
FROM related
LEFT JOIN oracle.trading AS n USING (network)
LEFT JOIN oracle.actors AS a USING (network, actor)
LEFT JOIN oracle.trades AS t USING (network, actor, target)
WITH NO DATA;

-- Step 7: reciprocity, over the kinds that are not conversational

CREATE MATERIALIZED VIEW oracle.reciprocity AS
SELECT there.network, there.actor, there.target,
	CASE
		WHEN greatest(there.n, back.n) > 0
			THEN least(there.n, back.n) / greatest(there.n, back.n)
		ELSE 0
	END AS r
FROM oracle.pairs AS there
JOIN oracle.pairs AS back
	ON back.network = there.network
	AND back.actor = there.target AND back.target = there.actor
WITH NO DATA;

-- Step 8: engagement and presence of a pair

CREATE MATERIALIZED VIEW oracle.pair_values AS
SELECT p.network, p.actor, p.target,
	oracle.log1p(p.x) * t.trust * (1 - q.reciprocity_discount * coalesce(r.r, 0)) AS y,
	t.trust * p.p AS presence
FROM oracle.pairs AS p
CROSS JOIN oracle.parameters AS q
JOIN oracle.trust AS t USING (network, actor, target)
LEFT JOIN oracle.reciprocity AS r USING (network, actor, target)
WITH NO DATA;

-- Step 9: engagement E and true reach R. An anonymous row is w people with one
-- row each.

CREATE MATERIALIZED VIEW oracle.engagement AS
WITH parts AS (
	SELECT network, target, y AS engagement, presence AS true_reach
	FROM oracle.pair_values
	UNION ALL
	SELECT c.network, c.target,
		c.w * oracle.log1p(c.signal_weight * c.decay * (1 + least(c.s, 0))),
		CASE WHEN c.s >= 0 THEN p.anonymous_reach * c.w * c.reach_decay ELSE 0 END
	FROM oracle.counted AS c
	CROSS JOIN oracle.parameters AS p
	WHERE c.engaging AND c.actor IS NULL
)
SELECT network, target,
	sum(engagement) AS engagement,
	sum(true_reach) AS true_reach
FROM parts
GROUP BY network, target
WITH NO DATA;

-- Step 10: audience F_k

CREATE MATERIALIZED VIEW oracle.audience AS
WITH parts AS (
	SELECT network, kind, signal_weight, target, trust AS people
	FROM oracle.followers
	JOIN oracle.trust USING (network, actor, target)
	UNION ALL
	SELECT network, kind, signal_weight, target, w
	FROM oracle.counted
	WHERE role = 'follow' AND s >= 0 AND actor IS NULL
)
SELECT network, kind, signal_weight, target, sum(people) AS audience
FROM parts
GROUP BY network, kind, signal_weight, target
WITH NO DATA;

-- Step 11: shares S and posts P, each actor's share of a post once, each post once

CREATE MATERIALIZED VIEW oracle.shares_and_posts AS
WITH parts AS (
	SELECT network, target, max(decay) AS shares, 0 AS posts
	FROM oracle.counted
	WHERE role = 'share' AND s >= 0 AND actor IS NOT NULL
	GROUP BY network, target, actor, post
	UNION ALL
	SELECT network, target, w * decay, 0
	FROM oracle.counted
	WHERE role = 'share' AND s >= 0 AND actor IS NULL
	UNION ALL
	SELECT network, target, 0, max(decay)
	FROM oracle.counted
	WHERE role = 'post' AND post IS NOT NULL
	GROUP BY network, target, post
	UNION ALL
	SELECT network, target, 0, w * decay
	FROM oracle.counted
	WHERE role = 'post' AND post IS NULL
)
SELECT network, target, sum(shares) AS shares, sum(posts) AS posts
FROM parts
GROUP BY network, target
WITH NO DATA;

-- Step 12: the gamma prior of shares a post, by moments, from those who published

CREATE MATERIALIZED VIEW oracle.prior AS
WITH publishers AS (
	SELECT network, shares, posts FROM oracle.shares_and_posts WHERE posts > 0
), means AS (
	SELECT network, count(*) AS people, sum(shares) / sum(posts) AS m
	FROM publishers
	GROUP BY network
), dispersions AS (
	SELECT network, people, m,
		sum((shares - m * posts) ^ 2 - m * posts) / nullif(m ^ 2 * sum(posts ^ 2), 0) AS phi
	FROM publishers
	JOIN means USING (network)
	GROUP BY network, people, m
), shapes AS (
	SELECT network, people, m, phi,
		CASE
			WHEN phi > 0 THEN least(greatest(1 / phi, 0.05), 50)
			ELSE 50
		END AS a
	FROM dispersions
)
SELECT network,
	CASE WHEN people < 2 OR m <= 0 THEN 0.5 ELSE a END AS a,
	CASE WHEN people < 2 OR m <= 0 THEN 5
		ELSE least(greatest(a / nullif(m, 0), 0.001), 1000000) END AS b
FROM shapes
WITH NO DATA;

-- Step 13: amplification, lambda. Nobody published on a network without a prior.

CREATE MATERIALIZED VIEW oracle.amplification AS
SELECT network, target,
	CASE
		WHEN s.shares = 0 THEN 0
		ELSE (s.shares + coalesce(p.a, 0.5)) / (s.posts + coalesce(p.b, 5))
	END AS lambda
FROM oracle.shares_and_posts AS s
LEFT JOIN oracle.prior AS p USING (network)
WITH NO DATA;

-- Step 14: the graph. Nodes are the end points of edges with y > 0; who never
-- engaged anybody has trust 1.

CREATE MATERIALIZED VIEW oracle.edges AS
SELECT network, actor, target, y / sum(y) OVER (PARTITION BY network, actor) AS part
FROM oracle.pair_values
WHERE y > 0
WITH NO DATA;

CREATE MATERIALIZED VIEW oracle.nodes AS
WITH ends AS (
	SELECT network, actor AS node FROM oracle.edges
	UNION
	SELECT network, target FROM oracle.edges
)
SELECT ends.network, ends.node,
	row_number() OVER (PARTITION BY ends.network ORDER BY ends.node) AS node_no,
	coalesce(coalesce(trust, 1) / nullif(sum(coalesce(trust, 1)) OVER (PARTITION BY ends.network), 0),
		1.0 / count(*) OVER (PARTITION BY ends.network)) AS teleport,
	NOT EXISTS (SELECT FROM oracle.edges AS e
				WHERE e.network = ends.network AND e.actor = ends.node) AS dangling
FROM ends
LEFT JOIN oracle.actors AS a ON a.network = ends.network AND a.actor = ends.node
WITH NO DATA;

-- Step 15: PageRank by power iteration, until the ranks stand still

CREATE TABLE oracle.ranks (network text, node text, rank float8, dangling_mass float8);

CREATE FUNCTION oracle.fill_ranks() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	d             float8 := (SELECT damping FROM oracle.parameters);
	net           text;
	ranks         float8[];
	next          float8[];
	dangling_mass float8;
	change        float8;
BEGIN
	TRUNCATE oracle.ranks;
	FOR net IN SELECT DISTINCT network FROM oracle.nodes LOOP
		CREATE TEMP TABLE numbered_edges ON COMMIT DROP AS
			SELECT a.node_no AS source, b.node_no AS target, e.part
			FROM oracle.edges AS e
			JOIN oracle.nodes AS a ON a.network = net AND a.node = e.actor
			JOIN oracle.nodes AS b ON b.network = net AND b.node = e.target
			WHERE e.network = net;
		ANALYZE numbered_edges;

		SELECT array_agg(teleport ORDER BY node_no) INTO ranks
		FROM oracle.nodes WHERE network = net;

		FOR i IN 1..2000 LOOP
			SELECT coalesce(sum(ranks[node_no]) FILTER (WHERE dangling), 0) INTO dangling_mass
			FROM oracle.nodes WHERE network = net;

			SELECT array_agg((1 - d) * teleport
							 + d * (coalesce(received, 0) + dangling_mass * teleport)
							 ORDER BY node_no)
			INTO next
			FROM oracle.nodes
			LEFT JOIN (SELECT target, sum(ranks[source] * part) AS received
					   FROM numbered_edges GROUP BY target) AS flow ON target = node_no
			WHERE network = net;

			SELECT sum(abs(x - y)) INTO change FROM unnest(ranks, next) AS t (x, y);
			ranks := next;
			EXIT WHEN change < 1e-15;
		END LOOP;
		IF change > 1e-13 THEN
			RAISE EXCEPTION 'ranks of network % still change by %', net, change;
		END IF;

		INSERT INTO oracle.ranks
		SELECT net, node, ranks[node_no], sum(ranks[node_no]) FILTER (WHERE dangling) OVER ()
		FROM oracle.nodes WHERE network = net;
		DROP TABLE numbered_edges;
	END LOOP;
	ANALYZE oracle.ranks;
END
$$;

-- Step 16: network influence N, what a rank is above teleport's part in it

CREATE MATERIALIZED VIEW oracle.network_influence AS
SELECT network, node AS target,
	CASE
		WHEN EXISTS (SELECT FROM oracle.edges AS e
					 WHERE e.network = r.network AND e.target = r.node)
		THEN count(*) OVER (PARTITION BY network)
			* (rank - teleport * (1 - damping + damping * coalesce(dangling_mass, 0)))
		ELSE 0
	END AS network_influence
FROM oracle.ranks AS r
JOIN oracle.nodes USING (network, node)
CROSS JOIN oracle.parameters
WITH NO DATA;

-- Step 17: authority O

CREATE MATERIALIZED VIEW oracle.authority AS
SELECT network, target, sum(influence_part) AS authority
FROM oracle.counted
WHERE role = 'authority'
GROUP BY network, target
WITH NO DATA;

-- Step 18: everyone who is the target of a counted row, per network, with the
-- measures and their terms of z

CREATE MATERIALIZED VIEW oracle.terms AS
WITH received AS (
	SELECT DISTINCT network, target FROM oracle.counted
), audiences AS (
	SELECT network, target,
		sum(audience) AS audience,
		sum(signal_weight * oracle.log1p(audience)) AS weighted_logs
	FROM oracle.audience
	GROUP BY network, target
)
SELECT network, target,
	coalesce(e.engagement, 0) AS engagement,
	coalesce(e.true_reach, 0) AS true_reach,
	coalesce(f.audience, 0) AS audience,
	coalesce(l.lambda, 0) AS lambda,
	coalesce(n.network_influence, 0) AS network_influence,
	coalesce(o.authority, 0) AS authority,
	p.engagement_weight * oracle.log1p(coalesce(e.engagement, 0)) AS engagement_term,
	p.true_reach_weight * oracle.log1p(coalesce(e.true_reach, 0)) AS true_reach_term,
	p.audience_weight * coalesce(f.weighted_logs, 0) AS audience_term,
	p.amplification_weight * oracle.log1p(coalesce(l.lambda, 0)) AS amplification_term,
	p.network_influence_weight * oracle.log1p(coalesce(n.network_influence, 0)) AS network_influence_term,
	p.authority_weight * oracle.log1p(coalesce(o.authority, 0)) AS authority_term
FROM received
CROSS JOIN oracle.parameters AS p
LEFT JOIN oracle.engagement AS e USING (network, target)
LEFT JOIN audiences AS f USING (network, target)
LEFT JOIN oracle.amplification AS l USING (network, target)
LEFT JOIN oracle.network_influence AS n USING (network, target)
LEFT JOIN oracle.authority AS o USING (network, target)
WITH NO DATA;

-- Step 19: z, and M weighted by the network (omega M)

CREATE MATERIALIZED VIEW oracle.network_mass AS
SELECT t.*, z, omega.weight * oracle.expm1(z) AS mass
FROM oracle.terms AS t
CROSS JOIN oracle.parameters AS p
CROSS JOIN LATERAL (
	SELECT engagement_term + true_reach_term + audience_term + amplification_term
		+ network_influence_term + authority_term) AS total (z)
JOIN influence.networks AS omega ON omega.model = p.model AND omega.network = t.network
WITH NO DATA;

-- Step 20: raw, and groups of people whose raw is equal but for rounding

CREATE MATERIALIZED VIEW oracle.person_mass AS
WITH people AS (
	SELECT target, sum(mass) AS mass, oracle.log1p(sum(mass)) AS raw
	FROM oracle.network_mass
	GROUP BY target
), steps AS (
	SELECT target, mass, raw,
		CASE WHEN raw - lag(raw) OVER by_raw <= 1e-10 * greatest(1, raw)
				AND (raw > 0) = (lag(raw) OVER by_raw > 0)
			THEN 0 ELSE 1 END AS step
	FROM people
	WINDOW by_raw AS (ORDER BY raw, target)
)
SELECT target, mass, raw, sum(step) OVER (ORDER BY raw, target) AS group_no
FROM steps
WITH NO DATA;

-- Step 21: the map from raw to score that the model has stored last, as segments

CREATE MATERIALIZED VIEW oracle.knots AS
WITH latest AS (
	SELECT c.raw, c.score
	FROM influence.calibrations AS c
	JOIN oracle.parameters USING (model)
	ORDER BY c.version DESC
	LIMIT 1
)
SELECT k.knot_no, k.raw, k.score,
	lead(k.raw) OVER (ORDER BY knot_no) AS next_raw,
	lead(k.score) OVER (ORDER BY knot_no) AS next_score,
	lag(k.raw) OVER (ORDER BY knot_no) AS previous_raw,
	lag(k.score) OVER (ORDER BY knot_no) AS previous_score
FROM latest
CROSS JOIN LATERAL unnest(latest.raw, latest.score) WITH ORDINALITY AS k (raw, score, knot_no)
WITH NO DATA;

-- Linear between knots. Beyond the last one the score goes on with the slope of
-- the last segment and saturates towards 100.
CREATE FUNCTION oracle.score(x float8) RETURNS float8
LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN x > 0 THEN coalesce((
		SELECT CASE
			WHEN next_raw IS NOT NULL
				THEN score + (x - raw) / (next_raw - raw) * (next_score - score)
			WHEN x = raw THEN score
			ELSE score + (100 - score) * -oracle.expm1(
				-(score - previous_score) / (raw - previous_raw) * (x - raw) / (100 - score))
		END
		FROM oracle.knots
		WHERE raw <= x
		ORDER BY raw DESC
		LIMIT 1), 1) ELSE 1 END
$$;

-- Step 22: what the views of the model show

CREATE MATERIALIZED VIEW oracle.network_scores AS
WITH shares_of_person AS (
	SELECT n.*,
		CASE WHEN p.mass > 0 THEN n.mass / p.mass * (oracle.score(p.raw) - 1) ELSE 0 END AS points
	FROM oracle.network_mass AS n
	JOIN oracle.person_mass AS p USING (target)
), points AS (
	SELECT s.*, CASE WHEN z > 0 THEN points / z ELSE 0 END AS points_per_z
	FROM shares_of_person AS s
)
SELECT target AS user_id, network,
	oracle.score(oracle.log1p(mass)) AS score,
	points,
	engagement,
	true_reach,
	audience,
	100 * -oracle.expm1(-lambda) AS amplification,
	100 * network_influence / (1 + network_influence) AS network_influence,
	authority,
	engagement_term * points_per_z AS engagement_points,
	true_reach_term * points_per_z AS true_reach_points,
	audience_term * points_per_z AS audience_points,
	amplification_term * points_per_z AS amplification_points,
	network_influence_term * points_per_z AS network_influence_points,
	authority_term * points_per_z AS authority_points
FROM points
WITH NO DATA;

-- The latest published day at least so many days ago
CREATE FUNCTION oracle.score_before(days int, person text) RETURNS float8
LANGUAGE sql STABLE AS $$
	SELECT h.score
	FROM oracle.history AS h
	WHERE h.user_id = person
		AND h.day = (SELECT max(day)
					 FROM oracle.history, oracle.parameters
					 WHERE day <= ((as_of AT TIME ZONE 'UTC') - make_interval(days => days))::date)
$$;

CREATE FUNCTION oracle.tier(score float8) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE
		WHEN score >= 80 THEN 'celebrity'
		WHEN score >= 70 THEN 'popular'
		WHEN score >= 60 THEN 'excellent'
		WHEN score >= 50 THEN 'above average'
		WHEN score >= 40 THEN 'average'
		ELSE 'below average'
	END
$$;

CREATE MATERIALIZED VIEW oracle.scores AS
WITH people AS (
	SELECT target, raw, group_no,
		CASE WHEN raw > 0 THEN oracle.score(raw) ELSE 1 END AS score
	FROM oracle.person_mass
), ranked AS (
	SELECT people.*,
		row_number() OVER (
			ORDER BY group_no DESC,
				CASE WHEN id_type = 'bigint'::regtype THEN target::numeric END,
				target COLLATE "C") AS rank,
		(count(*) OVER (ORDER BY group_no) - count(*) OVER (PARTITION BY group_no) / 2.0)
			/ count(*) OVER () * 100 AS percentile
	FROM people
	CROSS JOIN oracle.parameters
), shown AS (
	SELECT user_id,
		sum(n.true_reach) AS true_reach,
		sum(n.audience) AS audience,
		coalesce(sum(m.mass * n.amplification) / nullif(sum(m.mass), 0), 0) AS amplification,
		coalesce(sum(m.mass * n.network_influence) / nullif(sum(m.mass), 0), 0) AS network_influence
	FROM oracle.network_scores AS n
	JOIN oracle.network_mass AS m ON m.network = n.network AND m.target = n.user_id
	GROUP BY user_id
), notorious AS (
	SELECT target, sum(notoriety_part) AS notoriety, sum(approval_part) AS approval
	FROM oracle.counted
	WHERE engaging OR role = 'authority'
	GROUP BY target
), active AS (
	SELECT person, max(occurred_at) AS last_active_at
	FROM (SELECT actor AS person, occurred_at FROM oracle.clocked WHERE was_read
		  UNION ALL
		  SELECT target, occurred_at FROM oracle.clocked WHERE was_read AND role = 'post') AS actions
	GROUP BY person
), frozen AS (
	SELECT target, stopped_at AS frozen_since
	FROM oracle.pauses
	CROSS JOIN oracle.parameters
	WHERE until_now AND inactivity_policy = 'freeze'
)
SELECT r.target AS user_id,
	r.score,
	oracle.tier(r.score) AS tier,
	r.rank,
	r.percentile::float8 AS percentile,
	s.true_reach,
	s.amplification,
	s.network_influence,
	s.audience,
	coalesce(n.notoriety, 0) AS notoriety,
	r.score - oracle.score_before(1, r.target) AS day_change,
	r.score - oracle.score_before(7, r.target) AS week_change,
	r.score - oracle.score_before(30, r.target) AS month_change,
	a.last_active_at,
	f.frozen_since,
	p.as_of,
	coalesce(1 - abs(n.approval - n.notoriety) / nullif(n.approval + n.notoriety, 0), 0) AS controversy
FROM ranked AS r
CROSS JOIN oracle.parameters AS p
JOIN shown AS s ON s.user_id = r.target
LEFT JOIN notorious AS n USING (target)
LEFT JOIN active AS a ON a.person = r.target
LEFT JOIN frozen AS f USING (target)
WITH NO DATA;

CREATE MATERIALIZED VIEW oracle.score_history AS
SELECT user_id, score FROM oracle.scores
WITH NO DATA;

-- A row counts one, an anonymous row of a role that has an actor w people
CREATE MATERIALIZED VIEW oracle.signals AS
SELECT target AS user_id, network, kind,
	sum(CASE WHEN actor IS NULL AND role NOT IN ('post', 'authority') THEN w ELSE 1 END) AS count,
	sum(influence_part) AS decayed_value
FROM oracle.counted
GROUP BY target, network, kind
WITH NO DATA;

CREATE MATERIALIZED VIEW oracle.ignored AS
SELECT ignored_because AS reason, count(*) AS rows
FROM oracle.clocked
WHERE ignored_because IS NOT NULL
GROUP BY ignored_because
WITH NO DATA;

-- Run every step for a model as of a moment
CREATE FUNCTION oracle.compute(model text, as_of timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	step    text;
	history regclass := (SELECT to_regclass(format('%I.score_history', m.schema))
						 FROM influence.models AS m WHERE m.model = compute.model);
BEGIN
	TRUNCATE oracle.run, oracle.history;
	INSERT INTO oracle.run VALUES (model, as_of);
	IF history IS NOT NULL THEN
		EXECUTE format('INSERT INTO oracle.history SELECT user_id::text, day, score FROM %s', history);
	END IF;
	ANALYZE oracle.interactions;

	FOREACH step IN ARRAY '{parameters, classified, pauses, clocked, counted, observation, pairs,
		trades, trading, actors, followers, trust, reciprocity, pair_values, engagement, audience,
		shares_and_posts, prior, amplification, edges, nodes, ranks,
		network_influence, authority, terms, network_mass, person_mass, knots,
		network_scores, scores, score_history, signals, ignored}'::text[]
	LOOP
		IF step = 'ranks' THEN
			PERFORM oracle.fill_ranks();
		ELSE
			EXECUTE format('REFRESH MATERIALIZED VIEW oracle.%I', step);
			EXECUTE format('ANALYZE oracle.%I', step);
		END IF;
	END LOOP;
END
$$;

-- Compare one relation of ours with one of the model, column by column.
--
-- Numbers differ by |a - b| / max(1, |a|); anything else, and NULL against a
-- value, by nothing or infinity. missing: keys that the model does not have,
-- extra: keys that only the model has.
CREATE FUNCTION oracle.compare_relation(view text, ours text, theirs text, keys text[])
RETURNS TABLE (view_name text, column_name text, rows bigint, max_difference float8,
			   missing bigint, extra bigint)
LANGUAGE plpgsql AS $$
DECLARE
	same_key  text := (SELECT string_agg(format('a.%1$I::text = b.%1$I::text', k), ' AND ')
					   FROM unnest(keys) AS k);
	col       record;
	different text;
BEGIN
	FOR col IN
		SELECT attname::text AS name, atttypid::regtype IN ('float8', 'numeric', 'bigint', 'int') AS is_number
		FROM pg_attribute
		WHERE attrelid = ours::regclass AND attnum > 0 AND attname <> ALL (keys)
		ORDER BY attnum
	LOOP
		different := CASE
			WHEN col.is_number THEN 'abs(a.%1$I::float8 - b.%1$I::float8) / greatest(1, abs(a.%1$I::float8))'
			ELSE '''Infinity''::float8'
		END;
		RETURN QUERY EXECUTE format(
			'SELECT $1, $2, count(a.%2$I) FILTER (WHERE b.%2$I IS NOT NULL),
				coalesce(max(CASE
						WHEN a.%1$I IS NOT DISTINCT FROM b.%1$I THEN 0
						WHEN num_nulls(a.%1$I, b.%1$I) = 1 THEN ''Infinity''
						ELSE ' || different || '
					END) FILTER (WHERE a.%2$I IS NOT NULL AND b.%2$I IS NOT NULL), 0)::float8,
				count(*) FILTER (WHERE b.%2$I IS NULL),
				count(*) FILTER (WHERE a.%2$I IS NULL)
			FROM %3$s AS a FULL JOIN %4$s AS b ON %5$s',
			col.name, keys[1], ours, theirs, same_key)
		USING view, col.name;
	END LOOP;
END
$$;

-- Compare everything that the model has published with what compute() found
CREATE FUNCTION oracle.compare(model text)
RETURNS TABLE (view text, column_name text, rows bigint, max_difference float8,
			   missing bigint, extra bigint)
LANGUAGE plpgsql AS $$
DECLARE
	schema text := (SELECT m.schema FROM influence.models AS m WHERE m.model = compare.model);
BEGIN
	RETURN QUERY
	SELECT * FROM oracle.compare_relation('scores', 'oracle.scores',
		format('%I.scores', schema), '{user_id}');
	RETURN QUERY
	SELECT * FROM oracle.compare_relation('network_scores', 'oracle.network_scores',
		format('%I.network_scores', schema), '{user_id, network}');
	RETURN QUERY
	SELECT * FROM oracle.compare_relation('signals', 'oracle.signals',
		format('%I.signals', schema), '{user_id, network, kind}');
	RETURN QUERY
	SELECT * FROM oracle.compare_relation('score_history', 'oracle.score_history',
		format('(SELECT h.user_id::text, h.score FROM %I.score_history AS h, oracle.parameters AS p
			WHERE h.day = (p.as_of AT TIME ZONE ''UTC'')::date)', schema), '{user_id}');
	RETURN QUERY
	SELECT * FROM oracle.compare_relation('rows_ignored', 'oracle.ignored',
		format('(SELECT key AS reason, value::bigint AS rows
			FROM jsonb_each_text((SELECT rows_ignored FROM influence.refresh_log
				WHERE model = %L AND status = ''success'' ORDER BY run_id DESC LIMIT 1)))', model),
		'{reason}');
END
$$;

-- The calibration anew: the curve from a person's place to a score, and what it
-- gives to each group of equals. Where there are no more groups than knots, the
-- knots that a model stores when it is calibrated lie on this curve.
--
-- Targets are normal scores, location + spread * quantile(share), bent into
-- (1, 100) exponentially, low below 10 (or halfway between 1 and the mean) and
-- high above 65 % of the way from the mean to 100 (or above the 95th percentile,
-- if that is higher). The spread is such that the mean of all scores is met.

-- Standard normal distribution function: series near 0, continued fraction in
-- the tails (Abramowitz and Stegun, 26.2.11 and 26.2.14)
CREATE FUNCTION oracle.normal_cdf(x float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	density  float8 := exp(-x * x / 2) / sqrt(2 * pi());
	term     float8 := x;
	total    float8 := x;
	fraction float8 := 0;
BEGIN
	IF abs(x) < 3 THEN
		FOR i IN 1..200 LOOP
			term := term * x * x / (2 * i + 1);
			total := total + term;
			EXIT WHEN abs(term) < 1e-18;
		END LOOP;
		RETURN 0.5 + density * total;
	END IF;
	FOR i IN REVERSE 200..1 LOOP
		fraction := i / (abs(x) + fraction);
	END LOOP;
	fraction := density / (abs(x) + fraction);
	RETURN CASE WHEN x < 0 THEN fraction ELSE 1 - fraction END;
END
$$;

-- Its inverse by Newton's method, from 0 and never more than 1 at a time
CREATE FUNCTION oracle.normal_quantile(share float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	x    float8 := 0;
	step float8;
BEGIN
	FOR i IN 1..100 LOOP
		step := (share - oracle.normal_cdf(x)) * sqrt(2 * pi()) * exp(x * x / 2);
		step := least(greatest(step, -1), 1);
		x := x + step;
		EXIT WHEN abs(step) < 1e-13;
	END LOOP;
	RETURN x;
END
$$;

CREATE FUNCTION oracle.bend(target float8, low float8, high float8) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE
		WHEN target > high THEN 100 - (100 - high) * exp(-(target - high) / (100 - high))
		WHEN target < low THEN 1 + (low - 1) * exp((target - low) / (low - 1))
		ELSE target
	END
$$;

-- The spread by bisection: more of it lowers the mean, because the 95th
-- percentile stays where it is
CREATE FUNCTION oracle.curve(mean float8, p95 float8,
	OUT location float8, OUT spread float8, OUT low float8, OUT high float8)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	z95       float8 := oracle.normal_quantile(0.95);
	quantiles float8[] := (SELECT array_agg(oracle.normal_quantile((i - 0.5) / 1000)) FROM generate_series(1, 1000) AS i);
	narrow    float8 := 0;
	wide      float8 := 3 * (p95 - mean) / z95;
	mean_now  float8;
BEGIN
	low := least(10, (1 + mean) / 2);
	high := greatest(mean + 0.65 * (100 - mean), p95);
	FOR i IN 1..60 LOOP
		spread := (narrow + wide) / 2;
		location := p95 - z95 * spread;
		SELECT avg(oracle.bend(location + spread * q, low, high)) INTO mean_now
		FROM unnest(quantiles) AS q;
		IF mean_now > mean THEN
			narrow := spread;
		ELSE
			wide := spread;
		END IF;
	END LOOP;
END
$$;

-- Groups of equal raw with their mid-rank share and the score they should have;
-- a population of equals gets the mean
CREATE FUNCTION oracle.calibration()
RETURNS TABLE (raw float8, people bigint, share float8, score float8)
LANGUAGE sql STABLE AS $$
	-- people within 1e-4 of the first of their group share a knot
	WITH RECURSIVE starts AS (
		SELECT min(raw) AS first FROM oracle.person_mass WHERE raw > 0
		UNION ALL
		SELECT (SELECT min(raw) FROM oracle.person_mass
				WHERE raw - starts.first > 1e-4 * greatest(1, raw))
		FROM starts
		WHERE starts.first IS NOT NULL
	), groups AS (
		SELECT (min(p.raw) + max(p.raw)) / 2 AS raw, count(*) AS people,
			(sum(count(*)) OVER (ORDER BY s.first) - count(*) / 2.0)::float8
				/ sum(count(*)) OVER ()::float8 AS share
		FROM oracle.person_mass AS p
		CROSS JOIN LATERAL (SELECT max(first) AS first FROM starts WHERE first <= p.raw) AS s
		WHERE p.raw > 0
		GROUP BY s.first
	)
	SELECT raw, people, share,
		CASE WHEN count(*) OVER () = 1 THEN target_mean
			ELSE oracle.bend(location + spread * oracle.normal_quantile(share), low, high) END
	FROM groups
	CROSS JOIN oracle.parameters
	CROSS JOIN LATERAL oracle.curve(target_mean, target_p95)
$$;

-- The stored knots above (0, 1), each against the curve at its raw. To be called
-- for a calibration made at the as-of time of compute().
CREATE FUNCTION oracle.compare_calibration(OUT knots bigint, OUT groups bigint,
	OUT off_curve bigint, OUT max_difference float8)
LANGUAGE sql STABLE AS $$
	WITH curve AS MATERIALIZED (SELECT * FROM oracle.calibration())
	SELECT count(*), (SELECT count(*) FROM curve),
		count(*) FILTER (WHERE c.raw IS NULL),
		max(abs(c.score - k.score) / greatest(1, abs(c.score)))
	FROM oracle.knots AS k
	LEFT JOIN curve AS c ON abs(c.raw - k.raw) <= 1e-10
	WHERE k.raw > 0
$$;
