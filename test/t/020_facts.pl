# Numbers that were computed by independent programs or printed by the source
# of a data set, on real data: messages among students (SNAP CollegeMsg), the
# Higgs announcement on Twitter (SNAP higgs-twitter), and Klout's open data
# (reactions on Twitter and Facebook). Their folder is INFLUENCE_TEST_DATA.
use strict;
use warnings;

use File::Basename;
use File::Spec;
use JSON::PP;
use List::Util qw(max);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

# psql may run elsewhere, so the paths are absolute
my $root = File::Spec->rel2abs(dirname(__FILE__) . '/../..');
my $data = File::Spec->rel2abs($ENV{INFLUENCE_TEST_DATA} || "$root/../shared/data");

my @files = qw(collegemsg.txt higgs_activity.tsv.gz twitter_reactions.tsv facebook_reactions.tsv
  pagerank/ldbc-pr-dir-input pagerank/ldbc-pr-dir-output pagerank/karate.edges.tsv
  pagerank/karate-matlab.tsv pagerank/small_cases.json);
foreach my $file (@files)
{
	plan skip_all => "no $file in $data, see INFLUENCE_TEST_DATA" if !-r "$data/$file";
}

my $node = PostgreSQL::Test::Cluster->new('facts');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nfsync = off\nmax_parallel_workers = 8\n");
$node->start;
sql('CREATE EXTENSION influence');

# When the two long records end
my $COLLEGE_END = "to_timestamp(1098777142)";
my $HIGGS_END = "to_timestamp(1341705593)";

sub sql
{
	my ($statement) = @_;

	return $node->safe_psql('postgres', $statement);
}

sub is_close
{
	my ($found, $expected, $tolerance, $name) = @_;
	my $ok = $found ne '' && abs($found - $expected) <= $tolerance;

	ok($ok, $name) or diag("found $found, expected $expected");
}

# Each row of a query, a key and a number, against the expected number of the key
sub rows_are_close
{
	my ($query, $expected, $tolerance, $name) = @_;
	my %found = map { split /\|/ } split(/\n/, sql($query));

	is_close($found{$_} // '', $expected->{$_}, $tolerance, "$name of $_")
	  foreach sort keys %$expected;
}

sub load_data
{
	sql(qq{
		CREATE TABLE college_epochs (sender bigint, receiver bigint, epoch bigint);
		COPY college_epochs FROM '$data/collegemsg.txt' (DELIMITER ' ');
		CREATE TABLE college AS
			SELECT sender, receiver, to_timestamp(epoch) AS sent_at FROM college_epochs;
		ANALYZE college;

		CREATE TABLE higgs_epochs (actor bigint, target bigint, epoch bigint, kind text);
		COPY higgs_epochs FROM PROGRAM 'gzip -dc "$data/higgs_activity.tsv.gz"' (HEADER);
		CREATE TABLE higgs AS
			SELECT actor, target, to_timestamp(epoch) AS at, kind FROM higgs_epochs;
		ANALYZE higgs;
	});
	foreach my $network (qw(twitter facebook))
	{
		sql(qq{
			CREATE TABLE ${network}_fingerprints (author bigint, actor bigint, post bigint,
				posted_ms bigint, acted_ms bigint, time_zone text);
			COPY ${network}_fingerprints FROM '$data/${network}_reactions.tsv' (HEADER);
			CREATE TABLE ${network}_reactions AS
				SELECT author, actor, post, to_timestamp(posted_ms / 1000.0) AS posted_at,
					to_timestamp(acted_ms / 1000.0) AS acted_at
				FROM ${network}_fingerprints;
			CREATE VIEW ${network}_posts AS
				SELECT DISTINCT author, post, posted_at FROM ${network}_reactions;
			ANALYZE ${network}_reactions;
		});
	}
	is(sql('SELECT count(*) FROM college'), 59835, 'messages of CollegeMsg');
	is(sql('SELECT count(*) FROM higgs'), 563069, 'interactions of Higgs');
}

sub test_decay
{
	is(sql(q{SELECT influence_decayed_sum(v, at::timestamptz, '2024-01-02', '1 day')
			 FROM (VALUES (10, '2024-01-01'), (10, '2024-01-02')) AS t (v, at)}),
		15, 'a half-life of one unit gives 15');
	is_close(sql(q{SELECT 10 * influence_decay(interval '1 day', interval '1 day', 'exponential_time_constant')
				   + 10 * influence_decay(interval '0', interval '1 day', 'exponential_time_constant')}),
		13.678794411714424, 1e-12, 'a time constant of one unit gives 13.68');

	rows_are_close(
		q{SELECT author, influence_decayed_count(influence_decay_agg(1, acted_at, '6 hours'),
				'2014-10-16 00:00+00')
		  FROM twitter_reactions GROUP BY author},
		{
			'-8501252379779725973' => 88.842825732,
			'1202276955820070505' => 18.241699043,
			'342974838997530624' => 6.722589143,
		},
		1e-8, 'decayed reactions');
	rows_are_close(
		qq{SELECT receiver, influence_decayed_count(influence_decay_agg(1, sent_at, '30 days'), $COLLEGE_END)
		   FROM college GROUP BY receiver},
		{
			1624 => 199.229995951, 398 => 58.942188303, 561 => 56.327413455,
			105 => 48.281403947, 1168 => 45.355218362,
		},
		1e-8, 'decayed messages');
	rows_are_close(
		qq{SELECT target, influence_decayed_count(influence_decay_agg(1, at, '1 day'), $HIGGS_END)
		   FROM higgs WHERE target IN (88, 677) GROUP BY target},
		{ 88 => 3282.180216110881, 677 => 1257.997516863956 },
		1e-6, 'decayed interactions');
	rows_are_close(
		qq{SELECT target, influence_decayed_sum(1, at, $HIGGS_END, '1 day')
		   FROM higgs WHERE target IN (88, 677) GROUP BY target},
		{ 88 => 3282.180216110881, 677 => 1257.997516863956 },
		1e-6, 'decayed interactions in one step');
	is(sql(qq{SELECT count(*), count(DISTINCT receiver) FROM college
			  WHERE sent_at BETWEEN $COLLEGE_END - interval '90 days' AND $COLLEGE_END}),
		'5951|646', 'the last 90 days of CollegeMsg');
}

# One push along every edge leaves the ranks as they are
sub ranks_stand_still
{
	my ($edges, $ranks, $name) = @_;

	my $residual = sql(qq{
		WITH edges AS (SELECT source, target, sum(weight) AS weight FROM ($edges) AS e GROUP BY source, target),
		sources AS (SELECT source, sum(weight) AS weight FROM edges GROUP BY source),
		received AS (
			SELECT target AS node_id, sum(r.rank * e.weight / s.weight) AS mass
			FROM edges AS e JOIN sources AS s USING (source) JOIN $ranks AS r ON r.node_id = source
			GROUP BY target),
		dangling AS (
			SELECT coalesce(sum(rank), 0) AS mass, (SELECT count(*) FROM $ranks) AS nodes
			FROM $ranks WHERE node_id NOT IN (SELECT source FROM sources))
		SELECT sum(abs(rank - (0.15 + 0.85 * d.mass) / d.nodes - 0.85 * coalesce(i.mass, 0)))
		FROM $ranks LEFT JOIN received AS i USING (node_id) CROSS JOIN dangling AS d});
	is_close($residual, 0, 1e-9, "one more iteration does not move the ranks of $name");
	is_close(sql("SELECT sum(rank) FROM $ranks"), 1, 1e-9, "ranks of $name sum to 1");
}

# Closer than the default, which may take more than the default number of rounds
# where a graph is nearly bipartite
my $EXACT = ', tolerance => 1e-13, max_iterations => 1000';

sub test_pagerank
{
	rows_are_close(
		q{SELECT * FROM influence_pagerank($$SELECT source, target FROM (VALUES
			(0,1), (0,2), (0,4), (1,2), (1,3), (2,3), (2,5), (2,6), (3,0), (4,0), (5,6), (6,3))
			AS e (source, target)$$)},
		{
			0 => .278254883400, 3 => .201881147261, 2 => .142881123458, 6 => .114536379356,
			1 => .100267455059, 4 => .100267455059, 5 => .061911556408,
		},
		1e-9, 'rank in the toy graph');

	my $college = 'SELECT sender AS source, receiver AS target, 1.0::float8 AS weight FROM college';
	sql(qq{CREATE TABLE college_ranks AS SELECT * FROM influence_pagerank(\$\$$college\$\$$EXACT)});
	rows_are_close('SELECT * FROM college_ranks',
		{
			32 => .006853678189, 323 => .006841040983, 372 => .006088294124,
			103 => .005739580340, 1624 => .005542148962,
		},
		1e-9, 'rank in CollegeMsg');
	ranks_stand_still($college, 'college_ranks', 'CollegeMsg');

	my $higgs = 'SELECT actor AS source, target, 1.0::float8 AS weight FROM higgs';
	my $start = time;
	sql(qq{CREATE TABLE higgs_ranks AS SELECT * FROM influence_pagerank(\$\$$higgs\$\$$EXACT)});
	note(sprintf('PageRank of Higgs: %.2f s', time - $start));
	rows_are_close('SELECT * FROM higgs_ranks WHERE node_id IN (88, 14454, 677)',
		{ 88 => .057326865965, 14454 => .015249533058, 677 => .009141937944 },
		1e-9, 'rank in Higgs');
	ranks_stand_still($higgs, 'higgs_ranks', 'Higgs');
}

# An undirected edge goes both ways
sub edges_query
{
	my ($edges, $directed) = @_;
	my @rows = map { "($_->[0], $_->[1], $_->[2])" } @$edges;

	push @rows, map { "($_->[1], $_->[0], $_->[2])" } @$edges if !$directed;
	return 'SELECT 0 AS source, 0 AS target WHERE false' if !@rows;
	return 'SELECT source, target, weight::float8 FROM (VALUES '
	  . join(', ', @rows)
	  . ') AS e (source, target, weight)';
}

# Largest difference between the ranks of a graph and what they should be, by node
sub rank_difference
{
	my ($edges, $expected, $options) = @_;
	my %found = map { split /\|/ }
	  split(/\n/, sql("SELECT * FROM influence_pagerank(\$\$$edges\$\$$EXACT$options)"));

	return max(map { abs(($found{$_} // 'inf') - $expected->{$_}) } keys %$expected);
}

sub words_of_lines
{
	my ($file) = @_;

	return map { [ split ' ' ] } grep { !/^#/ } split(/\n/, slurp_file("$data/pagerank/$file"));
}

sub test_pagerank_of_others
{
	my @ldbc = map { my ($from, @to) = @$_; map { [ $from, $_, 1 ] } @to } words_of_lines('ldbc-pr-dir-input');
	my %ldbc_ranks = map { @$_ } words_of_lines('ldbc-pr-dir-output');
	cmp_ok(rank_difference(edges_query(\@ldbc, 1), \%ldbc_ranks, ''),
		'<=', 1e-9, 'ranks of LDBC Graphalytics');

	my @karate = map { [ @$_, 1 ] } words_of_lines('karate.edges.tsv');
	my %karate_ranks = map { @$_ } words_of_lines('karate-matlab.tsv');
	cmp_ok(rank_difference(edges_query(\@karate, 0), \%karate_ranks, ''),
		'<=', 1e-4, 'ranks of the karate club by MATLAB');

	foreach my $case (@{ decode_json(slurp_file("$data/pagerank/small_cases.json")) })
	{
		my @last = (0 .. $case->{n} - 1);
		my %expected = map { $_ => $case->{expected}[$_] } @last;
		my $options = ", damping => $case->{damping}";

		if ($case->{reset})
		{
			my $seeds = join(', ', map { "($_, $case->{reset}[$_]::float8)" }
				  grep { $case->{reset}[$_] > 0 } @last);
			$options .= ", seeds => 'SELECT * FROM (VALUES $seeds) AS s (node_id, weight)'";
		}
		cmp_ok(rank_difference(edges_query($case->{edges}, $case->{directed}), \%expected, $options),
			'<=', $case->{tolerance}, "ranks: $case->{name}");
	}
}

sub test_counting
{
	my %senders = (32 => 137, 42 => 120, 638 => 119, 372 => 115, 598 => 115);
	my %higgs_people = (88 => 23144, 677 => 8953, 14454 => 6504);

	rows_are_close('SELECT receiver, influence_reach(sender) FROM college GROUP BY receiver',
		\%senders, 0, 'senders');
	rows_are_close('SELECT receiver, influence_reach_count(influence_reach_agg(sender)) FROM college GROUP BY receiver',
		\%senders, 0, 'senders in a sketch');
	rows_are_close('SELECT receiver, count(*) FROM college GROUP BY receiver',
		{ 1624 => 558, 323 => 534, 32 => 501, 103 => 440, 372 => 428 }, 0, 'messages');
	rows_are_close('SELECT target, count(*) FROM higgs GROUP BY target',
		{ 88 => 35988, 677 => 13065, 1988 => 7866 }, 0, 'interactions');

	# A sketch of many is an estimate: four standard errors
	my %found = map { /^(\d+)\|(.*)$/ ? ($1 => [ split /\|/, $2 ]) : () } split(/\n/,
		sql('SELECT target, influence_reach_count(s), influence_reach_error(s)
			 FROM (SELECT target, influence_reach_agg(actor) AS s FROM higgs
				   WHERE target IN (88, 677, 14454) GROUP BY target) AS t'));
	foreach my $person (sort keys %higgs_people)
	{
		my ($count, $error) = @{ $found{$person} // [ 0, 0 ] };
		is_close($count, $higgs_people{$person}, 4 * $error * $higgs_people{$person}, "people who reacted to $person");
	}
	is(sql('SELECT count(*), influence_reach(actor), count(DISTINCT post) FROM twitter_reactions
			WHERE author = -8501252379779725973'),
		'554|554|1', 'the author with most reactions');

	sql(qq{
		CREATE TABLE college_orders AS
		SELECT receiver, influence_reach(sender) AS reach, count(*) AS count,
			influence_decayed_sum(1, sent_at, $COLLEGE_END, '30 days') AS decayed, max(rank) AS rank
		FROM college JOIN college_ranks ON node_id = receiver
		GROUP BY receiver
	});
	my @orders = map { sql("SELECT array_agg(receiver) FROM
			(SELECT receiver FROM college_orders ORDER BY $_ DESC, receiver LIMIT 10) AS t") } qw(reach count decayed rank);
	my %different = map { $_ => 1 } @orders;
	is(keys %different, 4, 'reach, count, decayed count and rank order people in four ways')
	  or diag(join("\n", @orders));
}

sub test_rules_of_thumb
{
	# z = 1.96 is a confidence of 95.0004 %
	rows_are_close(
		q{SELECT s || '/' || n, influence_wilson(s, n, 0.9500042097035591)
		  FROM (VALUES (1, 1), (9, 10), (90, 100), (100, 1000)) AS t (s, n)},
		{ '1/1' => .206543, '9/10' => .595844, '90/100' => .825633, '100/1000' => .082909 },
		5e-7, 'Wilson bound');
	is(sql('SELECT influence_viewers(100), influence_viewers(1000), influence_organic_reach(5000)'),
		'10000|100000|800', 'viewers and organic reach');
	is(sql(q{SELECT string_agg(influence_tier(s), ',' ORDER BY s)
			 FROM unnest('{1, 39.9, 40, 49.9, 50, 59.9, 60, 69.9, 70, 79.9, 80, 99}'::float8[]) AS s}),
		'below average,below average,average,average,above average,above average,'
		  . 'excellent,excellent,popular,popular,celebrity,celebrity',
		'tiers');
}

# A refresh of a model, with its time as a note
sub refresh
{
	my ($model, $as_of, $settings) = @_;
	my $start = time;

	sql(($settings // '') . "SELECT influence_refresh('$model', as_of => $as_of)");
	note(sprintf('refresh of %s: %.2f s', $model, time - $start));
}

# What must hold in every model
sub test_model
{
	my ($model, $people) = @_;

	is(sql("SELECT count(*) FROM $model.scores"), $people, "$model: people who have a score");
	is(sql("SELECT count(*) FROM $model.scores
			WHERE influence_score(user_id, '$model') IS DISTINCT FROM score"),
		0, "$model: influence_score() says what the view says");
	is(sql("SELECT count(*) FROM $model.scores WHERE NOT score >= 1 OR NOT score < 100
			OR tier <> influence_tier(score)"), 0, "$model: scores are from 1 to below 100");
	is(sql("SELECT count(*), count(DISTINCT rank), min(rank), max(rank) FROM $model.scores"),
		"$people|$people|1|$people", "$model: ranks are unique");
	is_close(sql("SELECT max(abs(s.score - 1 - n.points)) FROM $model.scores AS s
			JOIN (SELECT user_id, sum(points) AS points FROM $model.network_scores GROUP BY user_id) AS n USING (user_id)"),
		0, 1e-6, "$model: the points of everybody add up to the score less 1");
	is_close(sql("SELECT max(abs(points - engagement_points - true_reach_points - audience_points
			- amplification_points - network_influence_points - authority_points)) FROM $model.network_scores"),
		0, 1e-6, "$model: so do those of the measures");
	is_close(sql("SELECT avg(score) FROM $model.scores WHERE score > 1"), 40, 1, "$model: mean");

	# Somebody's 95th percentile lies between two people where there are few
	my $beyond = sql("SELECT avg((score >= 63)::int) FROM $model.scores WHERE score > 1");
	is_close($beyond, 0.05, 0.005 + 1 / $people, "$model: one in twenty has 63 or more");

	return if sql("SELECT count(*) FROM pg_proc WHERE proname = 'influence_explain'") == 0;
	is_close(sql("SET influence.default_model = '$model';
			SELECT coalesce(max(abs(s.score - 1 - e.points)), 'NaN')
			FROM (SELECT * FROM $model.scores ORDER BY rank LIMIT CASE WHEN $people <= 1000 THEN 1000 ELSE 3 END) AS s,
			LATERAL (SELECT sum(points) AS points FROM influence_explain(s.user_id)) AS e"),
		0, 1e-6, "$model: influence_explain() adds up");
}

# The model against test/oracle.sql; query: its interactions. Measures agree to
# 1e-9, and so do scores, unless people whose raw influence is nearly the same lie
# points apart: then to what rounding (1e-13) makes of the steepest step of the map.
sub test_oracle
{
	my ($model, $as_of, $query) = @_;
	my $start = time;
	my $steepest = sql("SELECT max(step) FROM influence.calibrations AS c,
			LATERAL (SELECT (y - lag(y) OVER (ORDER BY x)) / (x - lag(x) OVER (ORDER BY x)) AS step
					 FROM unnest(c.raw, c.score) AS k (x, y)) AS steps
		WHERE model = '$model'");
	my $score_tolerance = max(1e-9, 1e-13 * $steepest);

	note(sprintf('steepest step of the map of %s: %.3g points', $model, $steepest));

	my $differences = sql(qq{
		TRUNCATE oracle.interactions;
		INSERT INTO oracle.interactions (network, kind, actor, target, occurred_at, post) $query;
		DO \$\$ BEGIN PERFORM oracle.compute('$model', $as_of); END \$\$;
		SELECT * FROM oracle.compare('$model')
		WHERE rows = 0 AND view <> 'rows_ignored' OR missing + extra > 0 OR NOT max_difference <
			CASE WHEN column_name ~ 'score|points' THEN $score_tolerance ELSE 1e-9 END});
	is($differences, '', "$model: the same as recomputed in SQL");
	note(sprintf('recomputation of %s: %.2f s, largest difference %s', $model, time - $start,
			sql("SELECT max(max_difference) FROM oracle.compare('$model')")));
	is(sql('SELECT off_curve, max_difference < 1e-9 FROM oracle.compare_calibration()'),
		'0|t', "$model: the calibration lies on the curve");
}

# The scores of one model against those of another
sub same_scores
{
	my ($model, $other, $name) = @_;

	foreach my $view (['scores', '{user_id}'], ['network_scores', '{user_id, network}'],
		['signals', '{user_id, network, kind}'])
	{
		is(sql("SELECT * FROM oracle.compare_relation('$view->[0]', '$model.$view->[0]', '$other.$view->[0]', '$view->[1]')
				WHERE rows = 0 OR missing + extra > 0 OR NOT max_difference < 1e-9"),
			'', "$name: same $view->[0]");
	}
}

sub create_college_model
{
	my ($model, @sources) = @_;

	sql("SELECT influence_create_model('$model')");

	# The oracle's ranks are exact to rounding, so ours have to be
	sql("UPDATE influence.models SET tolerance = 1e-14, max_iterations = 1000 WHERE model = '$model'");
	my $n = 0;
	foreach my $source (@sources)
	{
		my ($relation, $filter) = @$source;
		$n++;
		sql("SELECT influence_add_source('$model', 'messages $n', '$relation',
				actor => 'sender', target => 'receiver', occurred_at => 'sent_at', kind => 'mention'"
			  . ($filter ? ", filter => '$filter')" : ')'));
	}
}

sub test_college_model
{
	create_college_model('college_model', ['college']);
	refresh('college_model', $COLLEGE_END);
	test_model('college_model', 646);
	test_oracle('college_model', $COLLEGE_END,
		"SELECT 'app', 'mention', sender, receiver, sent_at, NULL FROM college");

	# True reach counts the same people, less those who left or write to all
	is_close(sql("SELECT corr(a, b) FROM (
			SELECT rank() OVER (ORDER BY s.true_reach) AS a, rank() OVER (ORDER BY t.senders) AS b
			FROM college_model.scores AS s
			JOIN (SELECT receiver, count(DISTINCT sender) AS senders FROM college
				  WHERE sent_at >= $COLLEGE_END - interval '90 days' GROUP BY receiver) AS t ON receiver = user_id) AS r"),
		0.9, 0.1, 'the order by true reach is much like that by senders');
	is(sql('SELECT count(*) FROM college_model.scores AS s
			JOIN (SELECT receiver, influence_reach(sender) AS senders FROM college GROUP BY receiver) AS t ON receiver = user_id
			WHERE s.true_reach > t.senders'), 0, 'true reach is never above the number of senders');
}

sub test_same_rows
{
	sql('CREATE TABLE college_shuffled AS SELECT * FROM college ORDER BY md5(sent_at::text || sender || receiver)');
	create_college_model('shuffled', ['college_shuffled']);
	refresh('shuffled', $COLLEGE_END);
	same_scores('college_model', 'shuffled', 'another order');

	create_college_model('split', ['college', 'sender % 3 = 0'], ['college_shuffled', 'sender % 3 <> 0']);
	refresh('split', $COLLEGE_END);
	same_scores('college_model', 'split', 'two sources');

	my $parallel = "SET max_parallel_workers_per_gather = 4; SET parallel_setup_cost = 0;
		SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; ";
	like(sql($parallel . 'EXPLAIN SELECT * FROM college'), qr/Gather/, 'a plan is parallel');
	create_college_model('parallel', ['college']);
	refresh('parallel', $COLLEGE_END, $parallel);
	same_scores('college_model', 'parallel', 'a parallel plan');
}

sub test_higgs_model
{
	sql("SELECT influence_create_model('higgs_model')");
	sql(q{SELECT influence_add_source('higgs_model', 'activity', 'higgs', actor => 'actor', target => 'target',
		occurred_at => 'at', network => 'twitter',
		kind_column => $$CASE kind WHEN 'RT' THEN 'retweet' WHEN 'MT' THEN 'mention' WHEN 'RE' THEN 'reply' END$$)});
	refresh('higgs_model', $HIGGS_END);
	test_model('higgs_model', sql('SELECT count(DISTINCT target) FROM higgs WHERE actor <> target'));
	is(sql(q{SELECT rows_read, rows_ignored FROM influence.refresh_log WHERE model = 'higgs_model'}),
		'563069|{"self": 7588}', 'rows of Higgs that do not count');
	is(sql('SELECT user_id FROM higgs_model.scores WHERE rank = 1'), 88, 'the first of Higgs');
}

# Reactions and the posts that they belong to, on either network
sub test_reactions_model
{
	my ($network, $reaction, $role) = @_;
	my $model = "${network}_model";
	my $as_of = "timestamptz '2014-10-16 00:00+00'";

	sql("SELECT influence_create_model('$model')");
	sql("INSERT INTO influence.signals (model, network, kind, role, weight, half_life)
		 VALUES ('$model', '$network', 'post', 'post', 1, '30 days') ON CONFLICT DO NOTHING");
	sql("UPDATE influence.models SET tolerance = 1e-14, max_iterations = 1000 WHERE model = '$model'");
	sql("SELECT influence_add_source('$model', 'reactions', '${network}_reactions', actor => 'actor',
		target => 'author', occurred_at => 'acted_at', network => '$network', kind => '$reaction', post => 'post')");
	sql("SELECT influence_add_source('$model', 'posts', '${network}_posts', actor => 'author',
		target => 'author', occurred_at => 'posted_at', network => '$network', kind => 'post', post => 'post')");
	refresh($model, $as_of);
	test_model($model, sql("SELECT count(DISTINCT author) FROM ${network}_reactions"))
	  if $network eq 'facebook';
	test_oracle($model, $as_of,
		"SELECT '$network', '$reaction', actor, author, acted_at, post FROM ${network}_reactions
		 UNION ALL SELECT '$network', 'post', author, author, posted_at, post FROM ${network}_posts");
}

load_data();
test_decay();
test_pagerank();
test_pagerank_of_others();
test_counting();
test_rules_of_thumb();

$node->safe_psql('postgres', slurp_file("$root/test/oracle.sql"));
test_college_model();
test_same_rows();
test_higgs_model();
test_reactions_model('twitter', 'retweet');
is(sql("SELECT count FROM twitter_model.signals
		WHERE user_id = -8501252379779725973 AND kind = 'retweet'"),
	554, 'reactions of the author with most of them');
test_reactions_model('facebook', 'share');

$node->stop;
done_testing();
