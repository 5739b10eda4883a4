# Properties that Klout stated or that its critics asked for, each in a small
# world of its own: people against a common background of some hundred others.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# As-of time of every world
my $NOW = '2024-06-01 12:00+00';

# Ids of the people in question; the background has 1 to 300
my ($ANN, $BOB, $EVE, $UTE) = (1001, 1002, 1003, 1004);

my $node = PostgreSQL::Test::Cluster->new('properties');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nfsync = off\nmax_parallel_workers = 8\n");
$node->start;

# Queries add to this world and share it; actor, target, kind, when are enough
# for most
my $COLUMNS = '(network, kind, actor, target, occurred_at, post, weight, sentiment)';

# The background: 300 people with few famous among them, on one network, who
# follow, like, comment and share each other and publish
my $BACKGROUND = q{
	CREATE FUNCTION dice(i int, what text) RETURNS float8
	LANGUAGE sql IMMUTABLE AS $$
		SELECT ('x' || substr(md5(what || i), 1, 8))::bit(32)::bigint / 4294967296::float8
	$$;
	CREATE TABLE background AS
	SELECT 'app' AS network, kind,
		CASE WHEN kind = 'post' THEN target ELSE 1 + floor(300 * dice(i, 'actor'))::bigint END AS actor,
		target,
		timestamptz '2024-06-01 12:00+00' - dice(i, 'ago') * interval '89 days' AS occurred_at,
		target || '/' || floor(dice(i, 'post') * 5) AS post,
		NULL::float8 AS weight, NULL::float8 AS sentiment
	FROM generate_series(1, 6000) AS i
	CROSS JOIN LATERAL (SELECT 1 + floor(300 * power(dice(i, 'target'), 3))::bigint) AS t (target)
	CROSS JOIN LATERAL (SELECT CASE
		WHEN dice(i, 'kind') < 0.45 THEN 'like'
		WHEN dice(i, 'kind') < 0.60 THEN 'comment'
		WHEN dice(i, 'kind') < 0.70 THEN 'share'
		WHEN dice(i, 'kind') < 0.90 THEN 'follow'
		ELSE 'post' END) AS k (kind);
};

sub sql
{
	my ($statement) = @_;

	return $node->safe_psql('postgres', $statement);
}

# Reactions of one person each, from first to last, to somebody; a day ago
sub reactions_of_people
{
	my ($first, $last, $target, $kind) = @_;

	return "SELECT 'app', '" . ($kind // 'like') . "', i, $target, timestamptz '$NOW' - interval '1 day',
		NULL, NULL::float8, NULL::float8 FROM generate_series($first, $last) AS i";
}

# So many reactions of one person to somebody, one a minute until a day ago
sub reactions_of_one
{
	my ($times, $actor, $target, $kind) = @_;

	return "SELECT 'app', '" . ($kind // 'like') . "', $actor, $target,
		timestamptz '$NOW' - interval '1 day' - i * interval '1 minute', NULL, NULL::float8, NULL::float8
		FROM generate_series(1, $times) AS i";
}

# A model over the background and the rows of some queries. Its table is
# NAME_rows; rows may be added to it and the model be refreshed again.
my $models = 0;

sub new_model
{
	my (@queries) = @_;
	my $model = 'world' . ++$models;

	sql("CREATE TABLE ${model}_rows AS SELECT * FROM background");
	sql("SELECT influence_create_model('$model')");
	sql("INSERT INTO influence.signals (model, network, kind, role)
		 SELECT '$model', network, kind, role FROM influence.networks,
			(VALUES ('like', 'reaction'), ('share', 'share'), ('follow', 'follow'), ('post', 'post')) AS s (kind, role)
		 WHERE model = '$model' AND network IN ('twitter', 'facebook') ON CONFLICT DO NOTHING");
	sql("SELECT influence_add_source('$model', 'rows', '${model}_rows', actor => 'actor', target => 'target',
		occurred_at => 'occurred_at', kind_column => 'kind', network_column => 'network', post => 'post',
		weight => 'weight', sentiment => 'sentiment')");
	add_rows($model, @queries);
	return $model;
}

# Add rows, and refresh as of a time (now)
sub add_rows
{
	my ($model, @queries) = @_;

	sql("INSERT INTO ${model}_rows $COLUMNS $_") foreach @queries;
	refresh($model);
}

sub refresh
{
	my ($model, $as_of, $settings) = @_;

	sql(($settings // '') . "SELECT influence_refresh('$model', as_of => '" . ($as_of // $NOW) . "')");
}

sub score
{
	my ($model, $person) = @_;

	return sql("SELECT influence_score($person, '$model')");
}

# One column of the person in the model's scores, or of network_scores
sub measure
{
	my ($model, $person, $column, $network) = @_;

	return sql($network
		? "SELECT $column FROM $model.network_scores WHERE user_id = $person AND network = '$network'"
		: "SELECT $column FROM $model.scores WHERE user_id = $person");
}

# Keep the scores as they are now, to be compared with later ones
sub keep_scores
{
	my ($model) = @_;

	sql("DROP TABLE IF EXISTS ${model}_before;
		 CREATE TABLE ${model}_before AS SELECT user_id, score, true_reach, audience, amplification,
			network_influence, notoriety FROM $model.scores");
}

# Largest difference of any number of anybody
sub largest_difference
{
	my ($model, $before) = @_;

	return sql("SELECT max(greatest(abs(a.score - b.score), abs(a.true_reach - b.true_reach), abs(a.audience - b.audience),
			abs(a.amplification - b.amplification), abs(a.network_influence - b.network_influence),
			abs(a.notoriety - b.notoriety), (num_nulls(a.user_id, b.user_id) * 1e9)))
		FROM $model.scores AS a FULL JOIN $before AS b USING (user_id)");
}

sub test_amplification
{
	my $shares = "SELECT 'app', 'share', i, %d, timestamptz '$NOW' - interval '1 day', 'p' || i %% %d, NULL::float8, NULL::float8
		FROM generate_series(1, 100) AS i";
	my $posts = "SELECT 'app', 'post', %1\$d, %1\$d, timestamptz '$NOW' - interval '1 day', 'p' || i, NULL::float8, NULL::float8
		FROM generate_series(0, %2\$d - 1) AS i";
	my $model = new_model(sprintf($shares, $ANN, 10), sprintf($posts, $ANN, 10),
		sprintf($shares, $BOB, 1000), sprintf($posts, $BOB, 1000));

	cmp_ok(measure($model, $ANN, 'amplification'), '>', measure($model, $BOB, 'amplification'),
		'100 shares of 10 posts amplify more than 100 of 1,000');
	cmp_ok(score($model, $ANN), '>', score($model, $BOB), 'and give a higher score');
}

sub test_people_beat_repetition
{
	my $model = new_model(reactions_of_people(1, 100, $ANN), reactions_of_one(100, 150, $BOB),
		reactions_of_people(201, 220, $EVE), reactions_of_people(201, 205, $EVE), reactions_of_one(500, 151, $UTE));

	cmp_ok(score($model, $ANN), '>', score($model, $BOB), '100 people once beat one person 100 times');
	cmp_ok(score($model, $EVE), '>', score($model, $UTE), '20 strangers with 25 reactions beat a sponsor with 500');
	cmp_ok(measure($model, $EVE, 'true_reach', 'app'), '>', 10 * measure($model, $UTE, 'true_reach', 'app'),
		'and are a larger audience');
}

sub test_who_reacts
{
	# 2001 reacts once, 2002 all day, to many people
	my $model = new_model(reactions_of_one(1, 2001, $ANN), reactions_of_one(1, 2002, $BOB),
		"SELECT 'app', 'like', 2002, 1 + i % 300, timestamptz '$NOW' - i * interval '10 minutes', NULL, NULL::float8, NULL::float8
		 FROM generate_series(1, 12000) AS i");
	cmp_ok(measure($model, $ANN, 'engagement', 'app'), '>', 1.5 * measure($model, $BOB, 'engagement', 'app'),
		'a selective person engages more than one who reacts all day');
	cmp_ok(score($model, $ANN), '>', score($model, $BOB), 'and gives a higher score');

	# The first and the last of those who react to as many people
	my ($high, $low) = split /\|/, sql(qq{
		WITH busy AS (
			SELECT actor AS user_id, count(DISTINCT target) AS targets FROM background
			WHERE kind IN ('like', 'comment', 'share') GROUP BY actor)
		SELECT a.user_id, b.user_id
		FROM $model.scores AS a JOIN busy AS x USING (user_id),
			$model.scores AS b JOIN busy AS y USING (user_id)
		WHERE x.targets = y.targets
		ORDER BY a.score - b.score DESC LIMIT 1});
	$model = new_model(reactions_of_one(1, $high, $ANN), reactions_of_one(1, $low, $BOB));
	note(sprintf('a reaction of someone with %.1f gives %.2f, of someone with %.1f gives %.2f',
			score($model, $high), score($model, $ANN), score($model, $low), score($model, $BOB)));
	cmp_ok(score($model, $ANN), '>', score($model, $BOB), 'a reaction of a high scorer is worth more than that of a low one');
}

sub test_another_network
{
	my $model = new_model();

	keep_scores($model);
	sql("CREATE TABLE ${model}_network_before AS SELECT * FROM $model.network_scores");

	# Some people get little there, some only a dislike, some publish in vain
	add_rows($model,
		"SELECT 'twitter', 'like', 400 + i % 7, i, timestamptz '$NOW' - interval '40 days', NULL, NULL::float8, NULL::float8
		 FROM generate_series(1, 100) AS i",
		"SELECT 'twitter', 'like', 400 + i % 7, i, timestamptz '$NOW' - interval '40 days', NULL, NULL::float8, -1
		 FROM generate_series(101, 150) AS i",
		"SELECT 'twitter', 'post', i, i, timestamptz '$NOW' - interval '1 day', 'p', NULL::float8, NULL::float8
		 FROM generate_series(151, 200) AS i");
	is(sql("SELECT count(*) FROM ${model}_before AS b LEFT JOIN $model.scores AS a USING (user_id)
			WHERE NOT coalesce(a.score >= b.score - 1e-9, false)"), 0, 'another network never lowers a score');
	is(sql("SELECT count(*) FROM ${model}_before AS b JOIN $model.scores AS a USING (user_id)
			WHERE user_id <= 100 AND NOT a.score > b.score"), 0, 'and raises that of whoever is liked there');
	is(sql("SELECT count(*) FROM ${model}_network_before AS b LEFT JOIN $model.network_scores AS a USING (user_id, network)
			WHERE NOT coalesce(greatest(abs(a.score - b.score), abs(a.engagement - b.engagement),
				abs(a.true_reach - b.true_reach), abs(a.network_influence - b.network_influence),
				abs(a.amplification - b.amplification), abs(a.audience - b.audience)) < 1e-9, false)"),
		0, 'it leaves the other network untouched');
}

sub test_publishing
{
	my $model = new_model(reactions_of_people(1, 10, $ANN));
	my $publish = "SELECT 'app', 'post', i, i, timestamptz '$NOW' - n * interval '1 hour', 'new ' || n, NULL::float8, NULL::float8
		FROM generate_series(1, 50) AS n, unnest(ARRAY[%s]) AS i";

	keep_scores($model);
	add_rows($model, sprintf($publish, "$ANN, $BOB"));
	is_deeply([ map { score($model, $_) } $ANN, $BOB ], [ sql("SELECT score FROM ${model}_before WHERE user_id = $ANN"), 1 ],
		'publishing without being shared changes nothing');

	# Those who are shared lose, because their posts find less
	foreach my $person (1, 5, 20, 60)
	{
		$model = new_model();
		my $before = score($model, $person);
		add_rows($model, sprintf($publish, $person));
		cmp_ok(score($model, $person), '<=', $before + 1e-9, "publishing in vain does not raise person $person");
	}
}

sub test_time
{
	# A gap: nothing that concerns a person with a steady following happens in the
	# last three days
	foreach my $person (1, 10)
	{
		my $model = new_model();
		my $before = score($model, $person);
		sql("DELETE FROM ${model}_rows WHERE target = $person AND occurred_at > timestamptz '$NOW' - interval '71 hours'");
		refresh($model);
		my $after = score($model, $person);
		note(sprintf('a gap of three days: %.3f to %.3f', $before, $after));
		cmp_ok(abs($after - $before), '<', 0.5, "a gap of less than three days moves person $person by less than half a point");
	}

	my $model = new_model();
	keep_scores($model);
	add_rows($model,
		"SELECT 'app', kind, i, 1 + i % 300, timestamptz '$NOW' - interval '90 days 1 microsecond' - i * interval '1 minute',
			'old', NULL::float8, NULL::float8
		 FROM generate_series(1, 3000) AS i, (VALUES ('like'), ('share'), ('post'), ('comment')) AS k (kind)");
	is(largest_difference($model, "${model}_before"), 0, 'what is older than the window has no effect at all');
}

# Everybody published just now, and then nothing happens to anybody
sub test_grace
{
	my $everybody = "SELECT 'app', 'post', i, i, timestamptz '$NOW' - interval '1 minute', NULL, NULL::float8, NULL::float8
		FROM generate_series(1, 300) AS i";

	foreach my $policy (qw(decay grace))
	{
		my $model = new_model($everybody);

		sql("UPDATE influence.models SET inactivity_policy = '$policy' WHERE model = '$model'");
		refresh($model);
		keep_scores($model);
		refresh($model, '2024-06-04 11:00+00');
		my ($mean, $largest) = split /\|/,
		  sql("SELECT avg(a.score - b.score), max(abs(a.score - b.score))
			   FROM $model.scores AS a JOIN ${model}_before AS b USING (user_id)");
		note(sprintf('three days of silence, %s: %.3f points on average, %.3f at most', $policy, $mean, $largest));
		if ($policy eq 'decay')
		{
			cmp_ok($mean, '<', -0.5, 'with the policy decay, silence costs points');
		}
		else
		{
			cmp_ok($largest, '<', 0.5, 'with grace, less than three days of silence move nobody by half a point');
		}
	}
}

# A holiday: Ann publishes daily and finds an echo until she leaves for 18 days,
# while her fans go on to like others as before. Klout took 9 points for that, from 66 to 57.
sub test_holiday
{
	my @ann = (
		"SELECT 'app', 'post', $ANN, $ANN, timestamptz '$NOW' - n * interval '1 day', 'ann ' || n, NULL::float8, NULL::float8
		 FROM generate_series(0, 60) AS n",
		"SELECT 'app', (ARRAY['like', 'comment', 'share'])[1 + i % 3], 1 + i % 40, $ANN, timestamptz '$NOW' - i * interval '12 hours',
			'ann ' || i / 2, NULL::float8, NULL::float8
		 FROM generate_series(0, 40) AS i",
		"SELECT 'app', 'like', 1 + i % 40, 1 + i * 7 % 300, timestamptz '$NOW' + (i - 4320) * interval '30 minutes', NULL, NULL::float8, NULL::float8
		 FROM generate_series(0, 5184) AS i");
	my %fall;

	foreach my $policy (qw(decay freeze))
	{
		my $model = new_model(@ann);
		my @scores;

		sql("UPDATE influence.models SET inactivity_policy = '$policy' WHERE model = '$model'");
		foreach my $days (0, 3, 4, 18, 170)
		{
			refresh($model, sql("SELECT timestamptz '$NOW' + interval '$days days'"));
			push @scores, score($model, $ANN) || 0;
			if ($policy eq 'freeze')
			{
				is(measure($model, $ANN, 'frozen_since'), $days < 4 ? '' : '2024-06-04 12:00:00+00', "frozen after $days days?");
			}
		}
		note(sprintf('%s: %.2f at the last post, %.2f after 3 days, %.2f after 4, %.2f after 18, %.2f after 170', $policy, @scores));
		$fall{$policy} = $scores[0] - $scores[3];
		next if $policy eq 'decay';

		cmp_ok($scores[0] - $scores[1], '<', 1, 'the days until the clock stops cost less than a point');
		cmp_ok(abs($scores[3] - $scores[1]), '<', 0.5, 'frozen, a holiday moves nothing');
		cmp_ok($scores[4], '>', $scores[1] - 0.5, 'and half a year keeps the score');

		# She is back: nothing jumps, and from then on the clock runs
		add_rows($model, "SELECT 'app', 'post', $ANN, $ANN, timestamptz '$NOW' + interval '18 days', 'back', NULL::float8, NULL::float8");
		refresh($model, sql("SELECT timestamptz '$NOW' + interval '18 days'"));
		cmp_ok(abs(score($model, $ANN) - $scores[3]), '<', 0.5, 'a post after the holiday makes nothing jump');
		is(measure($model, $ANN, 'frozen_since'), '', 'and is the end of the frost');
	}
	cmp_ok($fall{decay}, '>', 2, 'under decay the holiday costs points');
}

sub test_storm
{
	my $model = new_model(reactions_of_people(1, 30, $ANN));
	my $before = score($model, $ANN);

	cmp_ok(measure($model, $ANN, 'notoriety'), '==', 0, 'nobody is notorious for being liked');
	add_rows($model,
		"SELECT 'app', 'reply', 3000 + i, $ANN, timestamptz '$NOW' - interval '1 hour', 'scandal', NULL::float8, -1
		 FROM generate_series(1, 500) AS i");
	is(score($model, $ANN), $before, 'a storm of angry replies does not change the score');
	cmp_ok(measure($model, $ANN, 'notoriety'), '>', 100, 'but makes notorious');
	is(measure($model, $ANN, 'controversy'), 0, 'a one-sided crowd is no controversy');

	# As many are for her, a little less firmly
	add_rows($model,
		"SELECT 'app', 'reply', 3500 + i, $ANN, timestamptz '$NOW' - interval '1 hour', 'scandal', NULL::float8, 0.9
		 FROM generate_series(1, 500) AS i");
	cmp_ok(abs(measure($model, $ANN, 'controversy') - 1.8 / 1.9), '<', 1e-9, 'when others stand up for her, it is');
	cmp_ok(score($model, $ANN), '>', $before, 'and these raise the score');

	sql("UPDATE influence.models SET sentiment_policy = 'ignore' WHERE model = '$model'");
	refresh($model);
	is(sql("SELECT max(notoriety), max(controversy) FROM $model.scores"), '0|0', 'without sentiment there is neither');
	sql("UPDATE influence.models SET sentiment_policy = 'split' WHERE model = '$model'");

	# Blocks and reports are negative without saying so
	add_rows($model, reactions_of_people(4001, 4100, $BOB, 'block'), reactions_of_people(4001, 4100, $BOB, 'report'));
	is(score($model, $BOB), 1, 'who is only blocked has the lowest score');
	cmp_ok(measure($model, $BOB, 'notoriety'), '>', 0, 'and is notorious');
}

sub test_nobody
{
	my $model = new_model(reactions_of_one(5, $EVE, 1));

	is(score($model, 999999), '', 'a person on no network has no score');
	is(score($model, $EVE), '', 'neither has one who was only seen as an actor');
}

sub test_bots
{
	# One post every 1, 5, 15 and 30 minutes for 80 days, five followers each
	my $model = new_model(
		"SELECT 'app', 'post', 5000 + m, 5000 + m, timestamptz '$NOW' - n * m * interval '1 minute', NULL, NULL::float8, NULL::float8
		 FROM unnest('{1, 5, 15, 30}'::int[]) AS m, generate_series(1, 80 * 24 * 60 / m) AS n");

	is(sql("SELECT count(*), min(score), max(score) FROM $model.scores WHERE user_id IN (5001, 5005, 5015, 5030)"),
		'4|1|1', 'bots that talk to nobody have the lowest score');
	add_rows($model, map { reactions_of_people(1, 5, 5000 + $_, 'follow') } 1, 5, 15, 30);
	my $tiers = sql("SELECT string_agg(DISTINCT tier, ',') FROM $model.scores WHERE user_id IN (5001, 5005, 5015, 5030)");
	is($tiers, sql('SELECT influence_tier(1)'), 'and with a few followers stay in the lowest tier')
	  or diag(sql("SELECT user_id, score FROM $model.scores WHERE user_id IN (5001, 5005, 5015, 5030)"));
}

# An account that posts "acorn" all day and never answers, and one that talks with people
# who answer. Both have the same ten followers, and the acorns get a like a week
sub test_acorn
{
	my ($acorn, $talker) = (5101, 5102);
	my $model = new_model(
		"SELECT 'app', 'post', $acorn, $acorn, timestamptz '$NOW' - n * interval '10 minutes', 'acorn ' || n, NULL::float8, NULL::float8
		 FROM generate_series(1, 12000) AS n",
		"SELECT 'app', 'like', n, $acorn, timestamptz '$NOW' - n * interval '7 days', 'acorn ' || n * 1008, NULL::float8, NULL::float8
		 FROM generate_series(1, 10) AS n",
		"SELECT 'app', 'post', $talker, $talker, timestamptz '$NOW' - n * interval '3 days', 'talk ' || n, NULL::float8, NULL::float8
		 FROM generate_series(1, 25) AS n",
		"SELECT 'app', 'comment', CASE WHEN answer THEN $talker ELSE 1 + n % 20 END, CASE WHEN answer THEN 1 + n % 20 ELSE $talker END,
			timestamptz '$NOW' - n * interval '1 day', 'talk ' || n / 3, NULL::float8, NULL::float8
		 FROM generate_series(1, 75) AS n, unnest(ARRAY[false, true]) AS answer",
		map { reactions_of_people(1, 10, $_, 'follow') } $acorn, $talker);

	note(sprintf('acorn has %.2f, the conversationalist %.2f', score($model, $acorn), score($model, $talker)));
	is(sql("SELECT string_agg(count::text, ' ') FROM $model.signals WHERE user_id IN ($acorn, $talker) AND kind = 'follow'"), '10 10',
		'both have ten followers');
	cmp_ok(score($model, $acorn), '<', score($model, $talker) - 5, 'who posts acorn all day is far below who talks with people');
	cmp_ok(measure($model, $acorn, 'rank'), '>', measure($model, $talker, 'rank'), 'and ranks below');
}

sub test_same_rows
{
	my $model = new_model();

	keep_scores($model);
	sql("CREATE TABLE shuffled AS SELECT * FROM ${model}_rows ORDER BY md5(${model}_rows::text);
		 TRUNCATE ${model}_rows; INSERT INTO ${model}_rows SELECT * FROM shuffled");
	refresh($model);
	cmp_ok(largest_difference($model, "${model}_before"), '<', 1e-9, 'the order of rows does not matter');

	sql("SELECT influence_remove_source('$model', 'rows')");
	sql("SELECT influence_add_source('$model', 'rows ' || i, '${model}_rows', actor => 'actor', target => 'target',
			occurred_at => 'occurred_at', kind_column => 'kind', network_column => 'network', post => 'post',
			weight => 'weight', sentiment => 'sentiment', filter => 'target % 5 = ' || i)
		 FROM generate_series(0, 4) AS i");
	refresh($model);
	cmp_ok(largest_difference($model, "${model}_before"), '<', 1e-9, 'nor do batches');

	refresh($model, $NOW, 'SET max_parallel_workers_per_gather = 4; SET parallel_setup_cost = 0;
		SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; ');
	cmp_ok(largest_difference($model, "${model}_before"), '<', 1e-9, 'nor does a parallel plan');
}

# Each of these is good news for Ann alone
sub test_monotony
{
	my $model = new_model(reactions_of_people(1, 20, $ANN), reactions_of_one(3, 21, $ANN));
	my $before = score($model, $ANN);
	my @good_news = (
		[ 'a follower',                    reactions_of_one(1, 250, $ANN, 'follow') ],
		[ 'a follower who is new',         reactions_of_one(1, 6001, $ANN, 'follow') ],
		[ 'a like of somebody new',        reactions_of_one(1, 6002, $ANN) ],
		[ 'a like of somebody else',       reactions_of_one(1, 251, $ANN) ],
		[ 'another like of the same',      reactions_of_one(1, 251, $ANN) ],
		[ 'a comment of the same',         reactions_of_one(1, 251, $ANN, 'comment') ],
		[ 'a hundred likes of one person', reactions_of_one(100, 252, $ANN) ],
		[ 'a share',                       reactions_of_one(1, 253, $ANN, 'share') ],
		[ 'a hundred unknown followers',
			"SELECT 'app', 'follow', NULL::bigint, $ANN, timestamptz '$NOW', NULL, 100, NULL::float8" ],
		[ 'ten unknown likes',
			"SELECT 'app', 'like', NULL::bigint, $ANN, timestamptz '$NOW', NULL, 10, NULL::float8" ]);

	foreach my $news (@good_news)
	{
		add_rows($model, $news->[1]);
		my $after = score($model, $ANN);
		cmp_ok($after, '>=', $before - 1e-9, "$news->[0] does not lower the score");
		note(sprintf('%s: %.4f to %.4f', $news->[0], $before, $after));
		$before = $after;
	}

	# Two who trade likes: the tenth like of one, when the other gave ten
	$model = new_model(reactions_of_one(10, $BOB, $UTE), reactions_of_one(9, $UTE, $BOB));
	$before = score($model, $BOB);
	add_rows($model, "SELECT 'app', 'like', $UTE, $BOB, timestamptz '$NOW' - interval '1 day', NULL, NULL::float8, NULL::float8");
	TODO:
	{
		local $TODO = 'the discount of a traded like grows faster than what the like gives';
		cmp_ok(score($model, $BOB), '>=', $before - 1e-9, 'a traded like does not lower the score');
	}
}

# A ring of ten who like each other ten times, against ten who are liked as often
# by strangers, each by nine
sub test_ring
{
	my $strangers = "SELECT 'app', 'like', 8000 + 10 * a + b, 7100 + a, timestamptz '$NOW' - n * interval '1 day',
		NULL, NULL::float8, NULL::float8
		FROM generate_series(1, 10) AS a, generate_series(1, 9) AS b, generate_series(1, 10) AS n";
	my $ring = "SELECT 'app', 'like', 7000 + b, 7000 + a, timestamptz '$NOW' - n * interval '1 day',
		NULL, NULL::float8, NULL::float8
		FROM generate_series(1, 10) AS a, generate_series(1, 10) AS b, generate_series(1, 10) AS n WHERE a <> b";
	my $model = new_model($ring, $strangers);
	my $of_ring = score($model, 7001) - 1;
	my $of_strangers = score($model, 7101) - 1;

	diag(sprintf('a ring gains %.3f of what strangers give: %.2f and %.2f points',
			$of_ring / $of_strangers, $of_ring, $of_strangers));
	cmp_ok($of_ring, '<', $of_strangers / 5, 'a ring gains less than a fifth of what strangers give');
	cmp_ok(measure($model, 7001, 'engagement', 'app'), '<', 0.05 * measure($model, 7101, 'engagement', 'app'),
		'likes in a ring are hardly any engagement');
}

sub test_scale
{
	my $model = new_model();
	my $steps = sql("SELECT count(*) FROM (
			SELECT rank, score - lead(score) OVER (ORDER BY rank) AS step FROM $model.scores) AS s WHERE step < 0");

	is($steps, 0, 'scores fall with the rank');
	is(sql("SELECT count(*) FROM $model.scores WHERE score < 1 OR score >= 100"), 0, 'scores are from 1 to below 100');
}

sql('CREATE EXTENSION influence');
sql($BACKGROUND);

test_amplification();
test_people_beat_repetition();
test_who_reacts();
test_another_network();
test_publishing();
test_time();
test_grace();
test_holiday();
test_storm();
test_nobody();
test_bots();
test_acorn();
test_same_rows();
test_monotony();
test_ring();
test_scale();

$node->stop;
done_testing();
