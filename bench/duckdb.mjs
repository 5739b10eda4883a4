// The same scores in DuckDB: the steps of handwritten.sql in its dialect.
//
// node duckdb.mjs DIR REPETITIONS: reads interactions.csv, signals.csv, knots.csv
// and model.json in DIR, copies the interactions into a database of its own (not
// timed), computes, and prints the milliseconds of each repetition. The views
// are left in DIR as CSV. Two threads; intermediate results are temporary tables,
// and nothing is indexed, since DuckDB scans.
import { DuckDBInstance } from '@duckdb/node-api';
import { readFileSync } from 'node:fs';

const [dir, repetitions] = process.argv.slice(2);
const model = JSON.parse(readFileSync(`${dir}/model.json`));
const instance = await DuckDBInstance.create(`${dir}/interactions.duckdb`, { threads: '2' });
const db = await instance.connect();

const asOf = `epoch_us(TIMESTAMP '${model.as_of}')`;
const rows = async (sql) => (await db.runAndReadAll(sql)).getRowObjects();
const table = (name, query) => db.run(`CREATE OR REPLACE TEMP TABLE ${name} AS ${query}`);
const view = (name, query) => db.run(`CREATE OR REPLACE TABLE ${name} AS ${query}`);

async function load() {
	await db.run(`CREATE OR REPLACE TABLE interactions AS SELECT * FROM read_csv('${dir}/interactions.csv', header = false,
		columns = {actor: 'BIGINT', target: 'BIGINT', kind: 'VARCHAR', network: 'VARCHAR',
			happened_at: 'TIMESTAMP', post_id: 'BIGINT', weight: 'DOUBLE'})`);
	await db.run(`CREATE OR REPLACE TABLE signal AS SELECT * FROM read_csv('${dir}/signals.csv', header = true)`);
	await db.run(`CREATE OR REPLACE TABLE knot AS SELECT * FROM read_csv('${dir}/knots.csv', header = true)`);
	await db.run('CHECKPOINT');
}

// Trust of an actor who reacted so often, gave so much that can be traded, and traded so much of it
// with so many
const trust = (c, given, traded, partners) => `(1 / (1 + ((${c})::DOUBLE / ${model.days}) / ${model.selectivity_rate})
	* (1 - coalesce(discount * least(greatest(${partners} - 1, 0) / 2, 1) * ((${traded}) / nullif(${given}, 0)) ** 3, 0)))`;

// Steps 2 to 4: rows that count, the view of signals, pairs and actors
async function pairs() {
	await table('counted', `
		SELECT signal_no, actor, target, post_id, happened_at,
			coalesce(i.weight, 1) * exp(-rate * greatest(${asOf} - epoch_us(happened_at), 0) / 1e6) AS decayed
		FROM interactions AS i
		JOIN signal AS g USING (network, kind)
		WHERE epoch_us(happened_at) <= ${asOf} + ${model.clock_skew_us}
			AND (epoch_us(happened_at) >= ${asOf} - ${model.time_window_us} OR role = 'follow')
			AND (actor <> target OR role = 'post')
			AND g.weight * coalesce(i.weight, 1) > 0`);
	await table('received', `
		SELECT target, signal_no, count(*) AS count, sum(decayed) AS decayed
		FROM counted GROUP BY target, signal_no`);
	await view('signals', `
		SELECT target AS user_id, network, kind, count, decayed * influence_weight AS decayed_value
		FROM received JOIN signal USING (signal_no)`);
	await table('pair', `
		SELECT network_no, actor, target, count(*) AS c,
			sum(influence_weight * decayed) AS x,
			sum(CASE WHEN conversational THEN 0 ELSE influence_weight * decayed END) AS n,
			sum(tradable) AS g,
			max(CASE WHEN positive THEN happened_at END) AS last_at
		FROM counted JOIN signal USING (signal_no)
		WHERE engaging
		GROUP BY network_no, actor, target`);
	await table('trade', `
		SELECT there.*, coalesce(back.n, 0) AS returned, least(there.g, 2 * coalesce(back.g, 0)) AS traded,
			CAST(there.g > 0 AND coalesce(back.g, 0) > 0 AS INTEGER) AS partner
		FROM pair AS there
		LEFT JOIN pair AS back ON back.network_no = there.network_no
			AND back.actor = there.target AND back.target = there.actor AND back.n > 0`);
	await table('actor', `
		WITH actors AS (
			SELECT network_no, actor, sum(c)::BIGINT AS c, sum(g) AS given, sum(traded) AS traded, sum(partner)::DOUBLE AS partners
			FROM trade GROUP BY network_no, actor
		), trading AS (
			SELECT network_no, ${model.trading_discount} * least(1, (1 - coalesce(avg(traded / nullif(given, 0)), 0)) / 0.25) AS discount
			FROM actors GROUP BY network_no
		)
		SELECT actors.*, discount, ${trust('c', 'given', 'traded', 'partners')} AS trust FROM actors JOIN trading USING (network_no)`);
}

// Steps 5 to 7: engagement, presence, audience, amplification
async function measures() {
	await table('edge', `
		SELECT p.network_no, p.actor, p.target, trust,
			ln(1 + p.x) * trust * CASE WHEN returned > 0
				THEN 1 - ${model.reciprocity_discount} * least(p.n, returned) / greatest(p.n, returned) ELSE 1 END AS y,
			CASE WHEN p.last_at IS NULL THEN 0
				ELSE trust * exp(-${model.reach_rate} * greatest(${asOf} - epoch_us(p.last_at), 0) / 1e6) END AS presence
		FROM (SELECT t.*, ${trust('actor.c - t.c', 'actor.given - t.g', 'actor.traded - t.traded', 'actor.partners - t.partner')} AS trust
			FROM trade AS t JOIN actor USING (network_no, actor)) AS p`);
	await table('engagement', `
		SELECT network_no, target, sum(y) AS engagement, sum(presence) AS true_reach
		FROM edge GROUP BY network_no, target`);
	await table('audience', `
		WITH follows AS (
			SELECT DISTINCT network_no, signal_no, influence_weight, actor, target
			FROM counted JOIN signal USING (signal_no)
			WHERE role = 'follow' AND positive
		), followers AS (
			SELECT network_no, signal_no, influence_weight, target,
				sum(${trust('coalesce(a.c, 0) - coalesce(p.c, 0)', 'a.given - coalesce(p.g, 0)', 'a.traded - coalesce(p.traded, 0)', 'a.partners - coalesce(p.partner, 0)')}) AS people
			FROM follows
			LEFT JOIN actor AS a USING (network_no, actor)
			LEFT JOIN trade AS p USING (network_no, actor, target)
			GROUP BY network_no, signal_no, influence_weight, target
		)
		SELECT network_no, target, sum(people) AS audience, sum(influence_weight * ln(1 + people)) AS weighted_logs
		FROM followers GROUP BY network_no, target`);
	await table('amplification', `
		WITH latest AS (
			SELECT network_no, role, rate, target, post_id, max(happened_at) AS happened_at
			FROM counted JOIN signal USING (signal_no)
			WHERE role = 'post' OR (role = 'share' AND positive)
			GROUP BY network_no, role, rate, target, post_id, CASE WHEN role = 'share' THEN actor END
		), decays AS (
			SELECT network_no, role, target,
				exp(-rate * greatest(${asOf} - epoch_us(happened_at), 0) / 1e6) AS decay
			FROM latest
		), sums AS MATERIALIZED (
			SELECT network_no, target,
				sum(CASE WHEN role = 'share' THEN decay ELSE 0 END) AS shares,
				sum(CASE WHEN role = 'post' THEN decay ELSE 0 END) AS posts
			FROM decays GROUP BY network_no, target
		), means AS (
			SELECT network_no, count(*) AS people, sum(shares) / sum(posts) AS m
			FROM sums WHERE posts > 0 GROUP BY network_no
		), dispersions AS (
			SELECT network_no, people, m,
				sum((shares - m * posts) ** 2 - m * posts) / nullif(m ** 2 * sum(posts ** 2), 0) AS phi
			FROM sums JOIN means USING (network_no)
			WHERE posts > 0 GROUP BY network_no, people, m
		), shapes AS (
			SELECT *, CASE WHEN phi > 0 THEN least(greatest(1 / phi, 0.05), 50) ELSE 50 END AS a FROM dispersions
		), priors AS (
			SELECT network_no,
				CASE WHEN people < 2 OR m <= 0 THEN 0.5 ELSE a END AS a,
				CASE WHEN people < 2 OR m <= 0 THEN 5 ELSE least(greatest(a / nullif(m, 0), 1e-3), 1e6) END AS b
			FROM shapes
		)
		SELECT network_no, target,
			CASE WHEN shares > 0 THEN (shares + coalesce(a, 0.5)) / (posts + coalesce(b, 5)) ELSE 0 END AS share_rate
		FROM sums LEFT JOIN priors USING (network_no)`);
}

// Step 8 on one network
async function pagerank(net) {
	await table('link', `SELECT actor AS source, target, y AS weight FROM edge WHERE y > 0 AND network_no = ${net}`);
	await table('ranks', `
		WITH nodes AS (
			SELECT coalesce(s.node, t.node) AS node, coalesce(out_inverse, 0) AS out_inverse, t.node IS NOT NULL AS engaged
			FROM (SELECT source AS node, 1 / sum(weight) AS out_inverse FROM link GROUP BY source) AS s
			FULL JOIN (SELECT DISTINCT target AS node FROM link) AS t ON t.node = s.node
		), teleports AS (
			SELECT node, out_inverse, engaged,
				coalesce(coalesce(trust, 1) / nullif(sum(coalesce(trust, 1)) OVER (), 0), 1.0 / count(*) OVER ()) AS teleport
			FROM nodes LEFT JOIN actor ON actor = node AND network_no = ${net}
		)
		SELECT *, teleport AS rank, teleport * out_inverse AS gives, 0::DOUBLE AS change FROM teleports`);
	const state = `SELECT count(*)::DOUBLE AS n, sum(change) AS residual,
		coalesce(sum(rank) FILTER (WHERE out_inverse = 0), 0) AS dangling FROM ranks`;
	let [{ n, dangling }] = await rows(state);
	let residual = 1;
	let share;
	for (let i = 0; residual >= model.tolerance; i++) {
		if (i >= model.max_iterations)
			throw new Error(`network ${net} did not converge`);
		share = 1 - model.damping + model.damping * dangling;
		await table('ranks', `
			SELECT node, out_inverse, engaged, teleport, next AS rank, next * out_inverse AS gives, abs(next - rank) AS change
			FROM (SELECT r.*, ${model.damping} * coalesce(flow, 0) + ${share} * teleport AS next
				FROM ranks AS r
				LEFT JOIN (SELECT link.target AS node, sum(weight * gives) AS flow
					FROM link JOIN ranks ON node = source GROUP BY link.target) AS flows USING (node)) AS step`);
		[{ residual, dangling }] = await rows(state);
	}
	await db.run(`INSERT INTO network_influence
		SELECT ${net}, node, CASE WHEN engaged THEN ${n} * (rank - teleport * ${share}) ELSE 0 END FROM ranks`);
}

async function networkInfluence() {
	await db.run('CREATE OR REPLACE TEMP TABLE network_influence (network_no BIGINT, target BIGINT, network_influence DOUBLE)');
	for (const { network_no } of await rows('SELECT DISTINCT network_no FROM signal ORDER BY 1'))
		await pagerank(network_no);
}

// The score at a raw, k being the knot at or below it
const score = (raw) => `CASE
	WHEN ${raw} <= 0 THEN 1
	WHEN slope IS NOT NULL THEN k.score + (${raw} - k.raw) * slope
	WHEN ${raw} = k.raw THEN k.score
	ELSE k.score + (100 - k.score) * (1 - exp(-last_slope * (${raw} - k.raw) / (100 - k.score))) END`;

// Steps 9 to 11: mass, people, the view by network
async function masses() {
	const measured = ['engagement', 'true_reach', 'audience', 'share_rate', 'network_influence', 'weighted_logs'];
	const terms = ['engagement', 'true_reach', 'audience', 'amplification', 'network_influence'];
	await table('mass', `
		WITH people AS (
			SELECT DISTINCT network_no, network, network_weight, target FROM received JOIN signal USING (signal_no)
		), measures AS (
			SELECT network_no, network, network_weight, target,
				${measured.map((m) => `coalesce(${m}, 0) AS ${m}`).join(', ')}
			FROM people
			LEFT JOIN engagement USING (network_no, target)
			LEFT JOIN audience USING (network_no, target)
			LEFT JOIN amplification USING (network_no, target)
			LEFT JOIN network_influence USING (network_no, target)
		), terms AS (
			SELECT *,
				${model.engagement_weight} * ln(1 + engagement) AS engagement_term,
				${model.true_reach_weight} * ln(1 + true_reach) AS true_reach_term,
				${model.audience_weight} * weighted_logs AS audience_term,
				${model.amplification_weight} * ln(1 + share_rate) AS amplification_term,
				${model.network_influence_weight} * ln(1 + network_influence) AS network_influence_term
			FROM measures
		)
		SELECT *, ${terms.map((t) => `${t}_term`).join(' + ')} AS z, network_weight * (exp(z) - 1) AS mass,
			ln(1 + mass) AS alone
		FROM terms`);
	await table('person', `
		WITH people AS (
			SELECT target, sum(mass) AS mass, ln(1 + sum(mass)) AS raw FROM mass GROUP BY target
		), steps AS (
			SELECT *,
				coalesce((raw - lag(raw) OVER by_raw > 1e-10 OR (raw > 0 AND lag(raw) OVER by_raw = 0))::INT, 0) AS step
			FROM people WINDOW by_raw AS (ORDER BY raw)
		), groups AS (
			SELECT *, sum(step) OVER (ORDER BY raw ROWS UNBOUNDED PRECEDING) AS group_no FROM steps
		), places AS (
			SELECT group_no, max(raw) AS raw,
				(sum(count(*)) OVER (ORDER BY group_no) - count(*) / 2) / sum(count(*)) OVER () AS share
			FROM groups GROUP BY group_no
		)
		SELECT target, mass, p.raw, share, ${score('p.raw')} AS score
		FROM (SELECT target, mass, places.raw, share FROM groups JOIN places USING (group_no)) AS p
		ASOF JOIN knot AS k ON p.raw >= k.raw`);
	await view('network_scores', `
		SELECT target AS user_id, network, ${score('alone')} AS score,
			points, engagement, true_reach, audience,
			100 * (1 - exp(-share_rate)) AS amplification,
			100 * network_influence / (1 + network_influence) AS network_influence,
			0::DOUBLE AS authority,
			${terms.map((t) => `${t}_term * coalesce(points / nullif(z, 0), 0) AS ${t}_points`).join(', ')},
			0::DOUBLE AS authority_points
		FROM (SELECT m.*, coalesce(m.mass / nullif(p.mass, 0) * (p.score - 1), 0) AS points
			FROM mass AS m JOIN person AS p USING (target)) AS m
		ASOF JOIN knot AS k ON alone >= k.raw`);
}

// Step 12: the view of scores. There is no earlier day in the history.
async function scores() {
	await view('scores', `
		WITH ranked AS (
			SELECT target, score, row_number() OVER (ORDER BY raw DESC, target) AS rank, 100 * share AS percentile
			FROM person
		), shown AS (
			SELECT n.user_id, sum(n.true_reach) AS true_reach, sum(n.audience) AS audience,
				coalesce(sum(m.mass * n.amplification) / nullif(sum(m.mass), 0), 0) AS amplification,
				coalesce(sum(m.mass * n.network_influence) / nullif(sum(m.mass), 0), 0) AS network_influence
			FROM network_scores AS n JOIN mass AS m ON m.target = n.user_id AND m.network = n.network
			GROUP BY n.user_id
		), notorious AS (
			SELECT target, sum(decayed * notoriety_weight) AS notoriety
			FROM received JOIN signal USING (signal_no)
			WHERE engaging AND notoriety_weight > 0 GROUP BY target
		), active AS (
			SELECT actor AS target, max(happened_at) AS last_active_at FROM counted GROUP BY actor
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
			NULL::DOUBLE AS day_change, NULL::DOUBLE AS week_change, NULL::DOUBLE AS month_change,
			a.last_active_at, NULL::TIMESTAMP AS frozen_since, TIMESTAMP '${model.as_of}' AS as_of,
			0::DOUBLE AS controversy, NULL::DOUBLE AS month_change_own, NULL::DOUBLE AS month_change_scale
		FROM ranked AS r
		JOIN shown AS s ON s.user_id = r.target
		LEFT JOIN notorious AS n ON n.target = r.target
		LEFT JOIN active AS a ON a.target = r.target`);
}

await load();
for (let i = 0; i < Number(repetitions); i++) {
	const start = performance.now();
	for (const step of [pairs, measures, networkInfluence, masses, scores])
		await step();
	console.log((performance.now() - start).toFixed(1));
}
for (const name of ['scores', 'network_scores', 'signals'])
	await db.run(`COPY ${name} TO '${dir}/${name}.view.csv' (HEADER false)`);
