-- The scores of model 1 in SQL, as one would write it without the extension.
--
-- Set-based, each step one table. Intermediate results are unlogged (which,
-- unlike temporary tables, are scanned in parallel) and analysed; what is shown
-- is ordinary and indexed like the views of a model. Written for this one table
-- of interactions: no anonymous rows, no sentiment of their own, no authority
-- signals, every post with its id. Configuration and calibration are those of
-- the model "bench"; the variable as_of is the moment. Leaves its results in
-- the schema handwritten.
--
-- Short names are those of the formula. Of a pair of people on a network: c rows,
-- x and n their decayed weight (n: what is not conversational), g what can be traded
-- of it without decay, y engagement.

SET client_min_messages = warning;
-- What holds the hash tables of 10 million interactions.
SET work_mem = '512MB';
-- The planner thinks too little of hash joins on three columns.
SET enable_mergejoin = off;
CREATE SCHEMA IF NOT EXISTS handwritten;
SET search_path = handwritten, public;

-- Step 1: options as constants, signals with numbers instead of names. Rates
-- are ln(2) / half-life, a second; months have 30 days.

SELECT extract(epoch FROM time_window) / 86400 AS days, time_window, clock_skew,
	ln(2) / date_part('epoch', reach_half_life) AS reach_rate,
	selectivity_rate, reciprocity_discount, trading_discount,
	audience_weight, engagement_weight, true_reach_weight, amplification_weight, network_influence_weight
FROM influence.models WHERE model = 'bench' \gset

DROP TABLE IF EXISTS signal;
CREATE UNLOGGED TABLE signal AS
SELECT row_number() OVER (ORDER BY network, kind)::int2 AS signal_no,
	dense_rank() OVER (ORDER BY network)::int2 AS network_no,
	network, kind, role, s.weight, n.weight AS network_weight, conversational,
	role IN ('reaction', 'share', 'endorsement') AS engaging,
	polarity >= 0 AS positive,
	CASE WHEN conversational OR polarity < 0 THEN 0 ELSE round(1000 * s.weight) END AS tradable,
	s.weight * (1 + least(polarity, 0)) AS influence_weight,
	s.weight * greatest(-polarity, 0) AS notoriety_weight,
	coalesce(ln(2) / date_part('epoch', half_life), 0) AS rate
FROM influence.signals AS s
JOIN influence.networks AS n USING (model, network)
WHERE model = 'bench' AND (network, kind) IN (SELECT DISTINCT network, kind FROM interactions);
ANALYZE signal;

-- Step 2: rows that count, and what remains of them

DROP TABLE IF EXISTS counted;
CREATE UNLOGGED TABLE counted AS
SELECT g.signal_no, i.actor, i.target, i.post_id, i.happened_at,
	coalesce(i.weight, 1)
		* exp(-g.rate * greatest(date_part('epoch', :'as_of'::timestamptz - i.happened_at), 0)) AS decayed
FROM interactions AS i
JOIN signal AS g USING (network, kind)
WHERE i.happened_at <= :'as_of'::timestamptz + :'clock_skew'::interval
	AND (i.happened_at >= :'as_of'::timestamptz - :'time_window'::interval OR g.role = 'follow')
	AND (i.actor <> i.target OR g.role = 'post')
	AND g.weight * coalesce(i.weight, 1) > 0;
ANALYZE counted;

-- Step 3: the view of signals, with notoriety beside it

DROP TABLE IF EXISTS received;
CREATE UNLOGGED TABLE received AS
SELECT target, signal_no,
	count(*) AS count,
	sum(decayed) AS decayed
FROM counted
GROUP BY target, signal_no;
ANALYZE received;

DROP TABLE IF EXISTS signals;
CREATE TABLE signals AS
SELECT target AS user_id, network, kind, count, decayed * influence_weight AS decayed_value
FROM received
JOIN signal USING (signal_no);
CREATE UNIQUE INDEX ON signals (user_id, network, kind);

-- Step 4: pairs, what came back, and actors with what they did in all

DROP TABLE IF EXISTS pair;
CREATE UNLOGGED TABLE pair AS
SELECT network_no, actor, target,
	count(*)::int AS c,
	sum(influence_weight * decayed) AS x,
	sum(CASE WHEN conversational THEN 0 ELSE influence_weight * decayed END) AS n,
	sum(tradable) AS g,
	max(CASE WHEN positive THEN happened_at END) AS last_at
FROM counted
JOIN signal USING (signal_no)
WHERE engaging
GROUP BY network_no, actor, target;
ANALYZE pair;

DROP TABLE IF EXISTS trade;
CREATE UNLOGGED TABLE trade AS
SELECT network_no, actor, target, there.c, there.x, there.n, there.g, there.last_at,
	coalesce(back.n, 0) AS returned,
	least(there.g, 2 * coalesce(back.g, 0)) AS traded,
	(there.g > 0 AND coalesce(back.g, 0) > 0)::int AS partner
FROM pair AS there
LEFT JOIN (SELECT network_no, actor AS target, target AS actor, n, g FROM pair WHERE n > 0) AS back
	USING (network_no, actor, target);
ANALYZE trade;

DROP TABLE IF EXISTS actor;
CREATE UNLOGGED TABLE actor AS
WITH actors AS (
	SELECT network_no, actor, sum(c) AS c, sum(g) AS given, sum(traded) AS traded, sum(partner)::float8 AS partners
	FROM trade
	GROUP BY network_no, actor
), trading AS (
	SELECT network_no, :trading_discount * least(1, (1 - coalesce(avg(traded / nullif(given, 0)), 0)) / 0.25) AS discount
	FROM actors
	GROUP BY network_no
)
SELECT network_no, actor, c, given, traded, partners, discount,
	1 / (1 + (c::float8 / :days) / :selectivity_rate)
		* (1 - discount * least(greatest(partners - 1, 0) / 2, 1) * coalesce(traded / nullif(given, 0), 0) ^ 3) AS trust
FROM actors
JOIN trading USING (network_no);
ANALYZE actor;

-- Step 5: engagement y and presence of a pair. Trust looks at what the actor
-- does towards others, reciprocity at what comes back.

DROP TABLE IF EXISTS edge;
CREATE UNLOGGED TABLE edge AS
SELECT network_no, actor, target,
	ln(1 + p.x) * t.trust
		* CASE WHEN returned > 0 THEN 1 - :reciprocity_discount * least(p.n, returned) / greatest(p.n, returned) ELSE 1 END AS y,
	CASE
		WHEN p.last_at IS NULL THEN 0
		ELSE t.trust * exp(-:reach_rate * greatest(date_part('epoch', :'as_of'::timestamptz - p.last_at), 0))
	END AS presence
FROM trade AS p
JOIN actor AS a USING (network_no, actor)
CROSS JOIN LATERAL (
	SELECT 1 / (1 + ((a.c - p.c)::float8 / :days) / :selectivity_rate)
		* (1 - discount * least(greatest(a.partners - p.partner - 1, 0) / 2, 1) * coalesce((a.traded - p.traded) / nullif(a.given - p.g, 0), 0) ^ 3) AS trust) AS t;
ANALYZE edge;

DROP TABLE IF EXISTS engagement;
CREATE UNLOGGED TABLE engagement AS
SELECT network_no, target, sum(y) AS engagement, sum(presence) AS true_reach
FROM edge
GROUP BY network_no, target;
ANALYZE engagement;

-- Step 6: audience, by kind of follower and then in all

DROP TABLE IF EXISTS audience;
CREATE UNLOGGED TABLE audience AS
WITH follows AS (
	SELECT DISTINCT network_no, signal_no, influence_weight, actor, target
	FROM counted
	JOIN signal USING (signal_no)
	WHERE role = 'follow' AND positive
), followers AS (
	SELECT network_no, signal_no, influence_weight, target,
		sum(1 / (1 + ((coalesce(a.c, 0) - coalesce(p.c, 0))::float8 / :days) / :selectivity_rate)
			* (1 - coalesce(discount * least(greatest(a.partners - coalesce(p.partner, 0) - 1, 0) / 2, 1) * ((a.traded - coalesce(p.traded, 0)) / nullif(a.given - coalesce(p.g, 0), 0)) ^ 3, 0))) AS people
	FROM follows AS f
	LEFT JOIN actor AS a USING (network_no, actor)
	LEFT JOIN trade AS p USING (network_no, actor, target)
	GROUP BY network_no, signal_no, influence_weight, target
)
SELECT network_no, target, sum(people) AS audience, sum(influence_weight * ln(1 + people)) AS weighted_logs
FROM followers
GROUP BY network_no, target;
ANALYZE audience;

-- Step 7: amplification: each actor's share of a post once, each post once,
-- shrunk towards what is usual on the network

DROP TABLE IF EXISTS amplification;
CREATE UNLOGGED TABLE amplification AS
WITH latest AS (
	SELECT network_no, role, rate, target, post_id, max(happened_at) AS happened_at
	FROM counted
	JOIN signal USING (signal_no)
	WHERE role = 'post' OR (role = 'share' AND positive)
	GROUP BY network_no, role, rate, target, post_id, CASE WHEN role = 'share' THEN actor END
), decays AS (
	SELECT network_no, role, target,
		exp(-rate * greatest(date_part('epoch', :'as_of'::timestamptz - happened_at), 0)) AS decay
	FROM latest
), sums AS MATERIALIZED (
	SELECT network_no, target,
		sum(CASE WHEN role = 'share' THEN decay ELSE 0 END) AS shares,
		sum(CASE WHEN role = 'post' THEN decay ELSE 0 END) AS posts
	FROM decays
	GROUP BY network_no, target
), means AS (
	SELECT network_no, count(*) AS people, sum(shares) / sum(posts) AS m
	FROM sums
	WHERE posts > 0
	GROUP BY network_no
), dispersions AS (
	SELECT network_no, people, m,
		sum((shares - m * posts) ^ 2 - m * posts) / nullif(m ^ 2 * sum(posts ^ 2), 0) AS phi
	FROM sums
	JOIN means USING (network_no)
	WHERE posts > 0
	GROUP BY network_no, people, m
), shapes AS (
	SELECT *, CASE WHEN phi > 0 THEN least(greatest(1 / phi, 0.05), 50) ELSE 50 END AS a
	FROM dispersions
), priors AS (
	SELECT network_no,
		CASE WHEN people < 2 OR m <= 0 THEN 0.5 ELSE a END AS a,
		CASE WHEN people < 2 OR m <= 0 THEN 5 ELSE least(greatest(a / nullif(m, 0), 1e-3), 1e6) END AS b
	FROM shapes
)
SELECT network_no, target,
	CASE WHEN shares > 0 THEN (shares + coalesce(a, 0.5)) / (posts + coalesce(b, 5)) ELSE 0 END AS lambda
FROM sums
LEFT JOIN priors USING (network_no);
ANALYZE amplification;

-- Step 8: PageRank, network by network, by power iteration from the teleport
-- vector until the L1 residual is below the model's tolerance. Ranks live in a
-- table that each iteration writes anew; gives is rank / out-weight.

DROP TABLE IF EXISTS network_influence;
CREATE UNLOGGED TABLE network_influence (network_no int2, target bigint, network_influence float8);

-- Small tables whose statistics only have to be roughly right.
SET default_statistics_target = 10;
DO $$
DECLARE
	model       record;
	net         int2;
	n           float8;
	dangling    float8;
	share       float8;
	residual    float8;
	iterations  int;
BEGIN
	SELECT * INTO model FROM influence.models WHERE models.model = 'bench';
	FOR net IN SELECT DISTINCT network_no FROM handwritten.signal ORDER BY 1 LOOP
		DROP TABLE IF EXISTS link, ranks;
		EXECUTE format('CREATE UNLOGGED TABLE link AS
			SELECT actor AS source, target, y AS weight FROM edge WHERE y > 0 AND network_no = %s', net);
		ANALYZE link;
		EXECUTE format('CREATE UNLOGGED TABLE ranks AS
			WITH sources AS (
				SELECT source AS node, 1 / sum(weight) AS out_inverse FROM link GROUP BY source
			), targets AS (
				SELECT DISTINCT target AS node FROM link
			), nodes AS (
				SELECT node, coalesce(out_inverse, 0) AS out_inverse, t.node IS NOT NULL AS engaged
				FROM sources FULL JOIN targets AS t USING (node)
			), teleports AS (
				SELECT node, out_inverse, engaged,
					coalesce(coalesce(trust, 1) / nullif(sum(coalesce(trust, 1)) OVER (), 0), 1.0 / count(*) OVER ()) AS teleport
				FROM nodes
				LEFT JOIN actor ON actor = node AND network_no = %s
			)
			SELECT node, out_inverse, engaged, teleport,
				teleport AS rank, teleport * out_inverse AS gives, 0::float8 AS change
			FROM teleports', net);
		ANALYZE ranks;
		SELECT count(*), coalesce(sum(rank) FILTER (WHERE out_inverse = 0), 0) INTO n, dangling FROM ranks;

		residual := 1;
		iterations := 0;
		WHILE residual >= model.tolerance AND iterations < model.max_iterations LOOP
			share := 1 - model.damping + model.damping * dangling;
			EXECUTE format('CREATE UNLOGGED TABLE next_ranks AS
				SELECT node, out_inverse, engaged, teleport, next AS rank, next * out_inverse AS gives,
					abs(next - rank) AS change
				FROM ranks
				LEFT JOIN (
					SELECT link.target AS node, sum(weight * gives) AS flow
					FROM link JOIN ranks ON node = source
					GROUP BY link.target) AS flows USING (node)
				CROSS JOIN LATERAL (SELECT %s * coalesce(flow, 0) + %s * teleport AS next) AS step',
				model.damping, share);
			DROP TABLE ranks;
			ALTER TABLE next_ranks RENAME TO ranks;
			ANALYZE ranks;
			SELECT sum(change), coalesce(sum(rank) FILTER (WHERE out_inverse = 0), 0) INTO residual, dangling FROM ranks;
			iterations := iterations + 1;
		END LOOP;
		IF residual >= model.tolerance THEN
			RAISE EXCEPTION 'network % did not converge', net;
		END IF;

		INSERT INTO network_influence
		SELECT net, node, CASE WHEN engaged THEN n * (rank - teleport * share) ELSE 0 END FROM ranks;
	END LOOP;
END
$$;
RESET default_statistics_target;
ANALYZE network_influence;

-- Step 9: terms of z and mass, for everyone who received something on a network

DROP TABLE IF EXISTS mass;
CREATE UNLOGGED TABLE mass AS
WITH people AS (
	SELECT DISTINCT network_no, network, network_weight, target
	FROM received
	JOIN signal USING (signal_no)
), measures AS (
	SELECT network_no, network, network_weight, target,
		coalesce(engagement, 0) AS engagement,
		coalesce(true_reach, 0) AS true_reach,
		coalesce(audience, 0) AS audience,
		coalesce(lambda, 0) AS lambda,
		coalesce(network_influence, 0) AS network_influence,
		coalesce(weighted_logs, 0) AS weighted_logs
	FROM people
	LEFT JOIN engagement USING (network_no, target)
	LEFT JOIN audience USING (network_no, target)
	LEFT JOIN amplification USING (network_no, target)
	LEFT JOIN network_influence USING (network_no, target)
), terms AS (
	SELECT *,
		:engagement_weight * ln(1 + engagement) AS engagement_term,
		:true_reach_weight * ln(1 + true_reach) AS true_reach_term,
		:audience_weight * weighted_logs AS audience_term,
		:amplification_weight * ln(1 + lambda) AS amplification_term,
		:network_influence_weight * ln(1 + network_influence) AS network_influence_term
	FROM measures
)
SELECT network, target, engagement, true_reach, audience, lambda, network_influence,
	engagement_term, true_reach_term, audience_term, amplification_term, network_influence_term,
	z, network_weight * (exp(z) - 1) AS mass
FROM terms
CROSS JOIN LATERAL (
	SELECT engagement_term + true_reach_term + audience_term + amplification_term + network_influence_term AS z) AS total;
ANALYZE mass;

-- Step 10: a person's raw, place and score, by the knots of the calibration.
-- People whose raw is equal but for rounding share all three. Beyond the last
-- knot, which is where its population ends, the score saturates.

DROP TABLE IF EXISTS knot;
CREATE UNLOGGED TABLE knot AS
SELECT knot_no::int, k.raw, k.score,
	lead(k.raw) OVER (ORDER BY knot_no) AS next_raw,
	(lead(k.score) OVER (ORDER BY knot_no) - k.score) / (lead(k.raw) OVER (ORDER BY knot_no) - k.raw) AS slope,
	(k.score - lag(k.score) OVER (ORDER BY knot_no)) / (k.raw - lag(k.raw) OVER (ORDER BY knot_no)) AS last_slope
FROM (SELECT raw, score FROM influence.calibrations WHERE model = 'bench' ORDER BY version DESC LIMIT 1) AS latest,
	unnest(latest.raw, latest.score) WITH ORDINALITY AS k (raw, score, knot_no);
CREATE UNIQUE INDEX ON knot (knot_no);
ANALYZE knot;
SELECT array_agg(raw ORDER BY knot_no) AS knots FROM knot \gset

DROP TABLE IF EXISTS person;
CREATE UNLOGGED TABLE person AS
WITH people AS (
	SELECT target, sum(mass) AS mass, ln(1 + sum(mass)) AS raw
	FROM mass
	GROUP BY target
), steps AS (
	SELECT *,
		coalesce((raw - lag(raw) OVER by_raw > 1e-10 OR (raw > 0 AND lag(raw) OVER by_raw = 0))::int, 0) AS step
	FROM people
	WINDOW by_raw AS (ORDER BY raw)
), groups AS (
	SELECT *, sum(step) OVER (ORDER BY raw ROWS UNBOUNDED PRECEDING) AS group_no
	FROM steps
), places AS (
	SELECT group_no, max(raw) AS raw,
		(sum(count(*)) OVER (ORDER BY group_no)::float8 - count(*) / 2.0) / sum(count(*)) OVER () AS share
	FROM groups
	GROUP BY group_no
)
SELECT target, mass, p.raw, share,
	CASE
		WHEN p.raw <= 0 THEN 1
		WHEN slope IS NOT NULL THEN k.score + (p.raw - k.raw) * slope
		WHEN p.raw = k.raw THEN k.score
		ELSE k.score + (100 - k.score) * (1 - exp(-last_slope * (p.raw - k.raw) / (100 - k.score)))
	END AS score
FROM groups
JOIN places AS p USING (group_no)
JOIN knot AS k ON knot_no = width_bucket(p.raw, :'knots'::float8[]);
ANALYZE person;

-- Step 11: the view by network

DROP TABLE IF EXISTS network_scores;
CREATE TABLE network_scores AS
SELECT target AS user_id, network,
	CASE
		WHEN m.mass <= 0 THEN 1
		WHEN slope IS NOT NULL THEN k.score + (alone - k.raw) * slope
		WHEN alone = k.raw THEN k.score
		ELSE k.score + (100 - k.score) * (1 - exp(-last_slope * (alone - k.raw) / (100 - k.score)))
	END AS score,
	points, engagement, true_reach, audience,
	100 * (1 - exp(-lambda)) AS amplification,
	100 * network_influence / (1 + network_influence) AS network_influence,
	0::float8 AS authority,
	engagement_term * unit AS engagement_points,
	true_reach_term * unit AS true_reach_points,
	audience_term * unit AS audience_points,
	amplification_term * unit AS amplification_points,
	network_influence_term * unit AS network_influence_points,
	0::float8 AS authority_points
FROM mass AS m
JOIN person AS p USING (target)
CROSS JOIN LATERAL (SELECT ln(1 + m.mass) AS alone, coalesce(m.mass / nullif(p.mass, 0) * (p.score - 1), 0) AS points) AS l
CROSS JOIN LATERAL (SELECT coalesce(points / nullif(z, 0), 0) AS unit) AS u
JOIN knot AS k ON knot_no = width_bucket(alone, :'knots'::float8[]);
CREATE UNIQUE INDEX ON network_scores (user_id, network);

-- Step 12: the view of scores. Between equals, ids decide about ranks.

CREATE TABLE IF NOT EXISTS score_history (
	user_id bigint, day date, as_of timestamptz NOT NULL, score float8 NOT NULL, PRIMARY KEY (user_id, day));
CREATE INDEX IF NOT EXISTS score_history_day ON score_history (day);

DROP TABLE IF EXISTS scores;
CREATE TABLE scores AS
WITH ranked AS (
	SELECT target, score, row_number() OVER (ORDER BY raw DESC, target) AS rank, 100 * share AS percentile
	FROM person
), shown AS (
	SELECT n.user_id,
		sum(n.true_reach) AS true_reach,
		sum(n.audience) AS audience,
		coalesce(sum(m.mass * n.amplification) / nullif(sum(m.mass), 0), 0) AS amplification,
		coalesce(sum(m.mass * n.network_influence) / nullif(sum(m.mass), 0), 0) AS network_influence
	FROM network_scores AS n
	JOIN mass AS m ON m.target = n.user_id AND m.network = n.network
	GROUP BY n.user_id
), notorious AS (
	SELECT target, sum(decayed * notoriety_weight) AS notoriety
	FROM received
	JOIN signal USING (signal_no)
	WHERE engaging AND notoriety_weight > 0
	GROUP BY target
), active AS (
	-- the author of a post is its actor here
	SELECT actor AS target, max(happened_at) AS last_active_at
	FROM counted
	GROUP BY actor
)
SELECT r.target AS user_id, r.score,
	CASE
		WHEN r.score >= 80 THEN 'celebrity'
		WHEN r.score >= 70 THEN 'popular'
		WHEN r.score >= 60 THEN 'excellent'
		WHEN r.score >= 50 THEN 'above average'
		WHEN r.score >= 40 THEN 'average'
		ELSE 'below average'
	END AS tier,
	r.rank, r.percentile, s.true_reach, s.amplification, s.network_influence, s.audience,
	coalesce(n.notoriety, 0) AS notoriety,
	r.score - d.score AS day_change, r.score - w.score AS week_change, r.score - m.score AS month_change,
	a.last_active_at, NULL::timestamptz AS frozen_since, :'as_of'::timestamptz AS as_of,
	0::float8 AS controversy, r.score - m.score AS month_change_own, m.score - m.score AS month_change_scale
FROM ranked AS r
JOIN shown AS s ON s.user_id = r.target
LEFT JOIN notorious AS n USING (target)
LEFT JOIN active AS a USING (target)
LEFT JOIN score_history AS d ON d.user_id = r.target AND d.day =
	(SELECT max(day) FROM score_history WHERE day <= (:'as_of'::timestamptz AT TIME ZONE 'UTC')::date - 1)
LEFT JOIN score_history AS w ON w.user_id = r.target AND w.day =
	(SELECT max(day) FROM score_history WHERE day <= (:'as_of'::timestamptz AT TIME ZONE 'UTC')::date - 7)
LEFT JOIN score_history AS m ON m.user_id = r.target AND m.day =
	(SELECT max(day) FROM score_history WHERE day <= (:'as_of'::timestamptz AT TIME ZONE 'UTC')::date - 30);
CREATE UNIQUE INDEX ON scores (user_id);
CREATE UNIQUE INDEX ON scores (rank);

DELETE FROM score_history WHERE day = (:'as_of'::timestamptz AT TIME ZONE 'UTC')::date;
INSERT INTO score_history SELECT user_id, (as_of AT TIME ZONE 'UTC')::date, as_of, score FROM scores;
