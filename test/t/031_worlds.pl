# What the score promises, in thousands of small worlds made at random: a few people,
# networks and posts each. Many stand side by side in one model, and do not know of each
# other: each has people of its own. Where a promise is about the score, which depends on
# everybody on a network, each has networks of its own, too, and they share nothing but
# the map from raw influence to score, which rises.
#
# SEED=n WORLDS=n make other worlds, or more. A world in which a promise is broken loses
# row after row as long as it stays broken, and is printed as SQL that shows it in an
# empty database.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SEED} || 20261123;
my $worlds = $ENV{WORLDS} || 2000;
my $side_by_side = 500;
# Fewer of those with networks of their own: a refresh measures each network
my $of_their_own = 25;

# Ids of a world are its number times this, and then some
my $PEOPLE = 100;
my $NOW = '2024-06-01 12:00Z';

my %kinds = (
	app => [qw(like comment share follow post)],
	twitter => [qw(favorite reply retweet follow)],
	facebook => [qw(like comment share friend)]);
my %conversational = (app => 'comment', twitter => 'reply', facebook => 'comment');
my %silent = (app => 'like', twitter => 'favorite', facebook => 'like');
my %sharing = (app => 'share', twitter => 'retweet', facebook => 'share');
my %following = (app => 'follow', twitter => 'follow', facebook => 'friend');

srand($seed);
note("SEED=$seed WORLDS=$worlds");

sub one_of { return $_[ int(rand(@_)) ] }

# network_of($world, $name): the world's own, while a promise asks for that
our $own_networks;

sub network_of
{
	my ($world, $name) = @_;

	return $own_networks ? "${name}_" . $world % $of_their_own : $name;
}

# row($world, ...): as SQL. Ages are in hours before $NOW; people are numbers within the world
sub row
{
	my ($world, %row) = @_;
	my $id = sub { defined $_[0] ? $world * $PEOPLE + $_[0] : 'NULL' };
	my $or_null = sub { defined $_[0] ? $_[0] : 'NULL' };

	return sprintf("('%s', '%s', %s, %s, %s, %s, %s, %s)", network_of($world, $row{network}), $row{kind}, $id->($row{actor}), $id->($row{target}),
		defined $row{age} ? "timestamptz '$NOW' - interval '$row{age} hours'" : 'NULL',
		defined $row{post} ? "'$world/$row{post}'" : 'NULL', $or_null->($row{weight}), $or_null->($row{sentiment}));
}

# new_world($number): people 1 to 6, rows of the last 60 days, and what a change will be about:
# a network, and one person of whom another, who never got anything from the first, wants something
sub new_world
{
	my ($number) = @_;
	my $people = 2 + int(rand(5));
	my %world = (number => $number, rows => []);

	foreach my $i (1 .. 3 + int(rand(25)))
	{
		my $network = one_of(qw(app app app twitter facebook));
		my $kind = one_of(@{ $kinds{$network} });
		my $target = 1 + int(rand($people) * rand());
		my $actor = $kind eq 'post' ? $target : 1 + int(rand($people));

		$actor = undef if rand() < 0.1 && $kind ne 'post';
		push @{ $world{rows} }, {
			network => $network, kind => $kind, actor => $actor, target => $target, age => int(rand(60 * 24)),
			post => $kind =~ /post|share|retweet/ ? 1 + int(rand(3)) : undef,
			weight => rand() < 0.2 ? one_of(0.5, 2, 10) : undef,
			sentiment => rand() < 0.1 ? one_of(-1, -0.5, 0.5) : undef };
	}
	$world{network} = one_of(qw(app twitter facebook));
	$world{target} = 1 + int(rand($people));
	$world{age} = int(rand(50 * 24));
	my %got = map { $_->{target} => 1 } grep { defined $_->{actor} && $_->{actor} == $world{target} } @{ $world{rows} };
	$world{actor} = one_of(grep { $_ != $world{target} && !$got{$_} } 1 .. $people + 1);
	return \%world;
}

# change($world, %row): a row about what the world's change is about
sub change
{
	my ($world, %row) = @_;

	return row($world->{number}, network => $world->{network}, actor => $world->{actor}, target => $world->{target},
		age => $world->{age}, %row);
}

# Promises. Each has steps, which add rows to every world (or do what SQL they are), or look
# from another time; "broken" finds people by what steps 0 (nothing added), 1, 2 ... gave.
my $both = 'FROM seen AS o JOIN seen AS n USING (user_id, network) WHERE o.step = 0 AND n.step = 1';
my @promises = (
	{ name => 'what does not count changes nothing',
	  steps => [ sub {
		my $w = $_[0];
		my %other = (kind => $silent{ $w->{network} });
		return (change($w, %other, actor => $w->{target}), change($w, %other, age => 24 * 100), change($w, %other, age => -48),
			change($w, %other, target => undef), change($w, %other, age => undef), change($w, %other, weight => "'NaN'"),
			change($w, kind => 'unheard of'));
	  } ],
	  broken => q{SELECT coalesce(o.user_id, n.user_id) FROM (SELECT * FROM seen WHERE step = 0) AS o
		FULL JOIN (SELECT * FROM seen WHERE step = 1) AS n USING (user_id, network)
		WHERE (abs(o.score - n.score) < 1e-9 AND abs(o.engagement - n.engagement) < 1e-9 AND abs(o.true_reach - n.true_reach) < 1e-9
			AND abs(o.audience - n.audience) < 1e-9 AND abs(o.notoriety - n.notoriety) < 1e-9) IS NOT TRUE} },
	{ name => 'the order of rows and the sources that bring them do not matter',
	  steps => [ q{CREATE TABLE shuffled AS SELECT * FROM rows ORDER BY md5(rows::text);
		TRUNCATE rows; INSERT INTO rows SELECT network, kind, actor, target, occurred_at, post, weight, sentiment, 1 + (hashtext(shuffled::text) & 1) FROM shuffled;
		DROP TABLE shuffled;} ],
	  broken => q{SELECT coalesce(o.user_id, n.user_id) FROM (SELECT * FROM seen WHERE step = 0) AS o
		FULL JOIN (SELECT * FROM seen WHERE step = 1) AS n USING (user_id, network)
		WHERE (greatest(abs(o.score - n.score), abs(o.engagement - n.engagement), abs(o.true_reach - n.true_reach), abs(o.audience - n.audience),
			abs(o.amplification - n.amplification), abs(o.network_influence - n.network_influence), abs(o.notoriety - n.notoriety)) < 1e-9) IS NOT TRUE} },
	{ name => 'each further reaction of a person gives more, and less than the one before',
	  steps => [ map { my $times = $_; sub { my $w = $_[0]; return map { change($w, kind => $conversational{ $w->{network} }) } 1 .. $times } } 1 .. 3 ],
	  broken => q{SELECT user_id FROM (
		SELECT user_id, step, engagement - lag(engagement, 1, 0::float8) OVER person AS gain, true_reach - lag(true_reach) OVER person AS reach
		FROM (SELECT p.user_id, p.network, i AS step, coalesce(s.engagement, 0) AS engagement, coalesce(s.true_reach, 0) AS true_reach
			  FROM changed AS p CROSS JOIN generate_series(0, 3) AS i
			  LEFT JOIN seen AS s ON s.user_id = p.user_id AND s.network = p.network AND s.step = i) AS all_steps
		WINDOW person AS (PARTITION BY user_id ORDER BY step)) AS gains
		GROUP BY user_id
		HAVING NOT (min(gain) FILTER (WHERE step > 0) > 0 AND min(reach) >= -1e-12
			AND max(gain) FILTER (WHERE step = 2) < max(gain) FILTER (WHERE step = 1)
			AND max(gain) FILTER (WHERE step = 3) < max(gain) FILTER (WHERE step = 2))} },
	{ name => 'a nameless count is so many people, a tenth of them there',
	  steps => [ sub { my $w = $_[0]; return change($w, kind => $silent{ $w->{network} }, actor => undef, weight => 3) },
				 sub { my $w = $_[0]; return map { change($w, kind => $silent{ $w->{network} }, actor => $_) } 90 .. 92 } ],
	  broken => q{SELECT p.user_id FROM changed AS p
		LEFT JOIN seen AS o ON o.user_id = p.user_id AND o.network = p.network AND o.step = 0
		LEFT JOIN seen AS n ON n.user_id = p.user_id AND n.network = p.network AND n.step = 1
		LEFT JOIN seen AS m ON m.user_id = p.user_id AND m.network = p.network AND m.step = 2
		WHERE (abs(n.engagement - m.engagement) < 1e-9
			AND abs((n.true_reach - coalesce(o.true_reach, 0)) * 10 - (m.true_reach - coalesce(o.true_reach, 0))) < 1e-9) IS NOT TRUE} },
	{ name => 'followers are counted, nameless ones in full',
	  steps => [ sub { my $w = $_[0]; return change($w, kind => $following{ $w->{network} }, actor => undef, weight => 4) },
				 sub { my $w = $_[0]; return map { change($w, kind => $following{ $w->{network} }, actor => $_) } 90 .. 93 } ],
	  broken => q{SELECT p.user_id FROM changed AS p
		LEFT JOIN seen AS o ON o.user_id = p.user_id AND o.network = p.network AND o.step = 0
		LEFT JOIN seen AS n ON n.user_id = p.user_id AND n.network = p.network AND n.step = 1
		LEFT JOIN seen AS m ON m.user_id = p.user_id AND m.network = p.network AND m.step = 2
		WHERE (abs(n.audience - coalesce(o.audience, 0) - 4) < 1e-9 AND abs(m.audience - coalesce(o.audience, 0) - 4) < 1e-9) IS NOT TRUE} },
	{ name => 'anger gives notoriety and nothing else', own_networks => 1,
	  steps => [ sub { my $w = $_[0]; return map { change($w, kind => $silent{ $w->{network} }, actor => $_, sentiment => -1) } $w->{actor}, 90 .. 95 },
				 sub { my $w = $_[0]; return map { change($w, kind => $sharing{ $w->{network} }, actor => $_, sentiment => -1) } 90 .. 95 } ],
	  broken => q{SELECT p.user_id FROM changed AS p
		LEFT JOIN seen AS o ON o.user_id = p.user_id AND o.network = p.network AND o.step = 0
		LEFT JOIN seen AS n ON n.user_id = p.user_id AND n.network = p.network AND n.step = 1
		WHERE (n.notoriety > coalesce(o.notoriety, 0) AND n.engagement <= coalesce(o.engagement, 0) + 1e-12
			AND n.true_reach <= coalesce(o.true_reach, 0) + 1e-12 AND n.audience <= coalesce(o.audience, 0) + 1e-12) IS NOT TRUE
		UNION ALL SELECT p.user_id FROM changed AS p
		LEFT JOIN (SELECT DISTINCT user_id, score FROM seen WHERE step = 0) AS o USING (user_id)
		LEFT JOIN (SELECT DISTINCT user_id, score FROM seen WHERE step = 2) AS m USING (user_id)
		WHERE (abs(m.score - coalesce(o.score, 1)) < 1e-9) IS NOT TRUE} },
	{ name => 'a network leaves the others alone',
	  steps => [ sub { my $w = $_[0]; return map { change($w, network => 'facebook', kind => $_) } qw(like comment friend) } ],
	  broken => "SELECT user_id $both AND network NOT LIKE 'facebook%' AND NOT (abs(o.engagement - n.engagement) < 1e-12 AND abs(o.true_reach - n.true_reach) < 1e-12
		AND abs(o.audience - n.audience) < 1e-12 AND abs(o.amplification - n.amplification) < 1e-12 AND abs(o.network_influence - n.network_influence) < 1e-9)" },
	{ name => 'with time reactions fade to nothing, and followers stay',
	  times => [ '15 days', '400 days' ],
	  broken => "SELECT user_id $both AND NOT ((n.engagement < o.engagement OR o.engagement = 0 AND n.engagement = 0)
			AND (n.true_reach < o.true_reach OR o.true_reach = 0 AND n.true_reach = 0)
			AND (n.notoriety < o.notoriety OR o.notoriety = 0 AND n.notoriety = 0) AND n.audience >= o.audience - 1e-12)
		UNION ALL SELECT user_id FROM seen WHERE step = 2 AND NOT (engagement = 0 AND true_reach = 0)" },
	{ name => 'another reaction, conversation, share, follower or network does not lower the score', own_networks => 1,
	  steps => [ (map { my $kind = $_; sub { my $w = $_[0]; return change($w, kind => $kind->{ $w->{network} }) } }
		\%silent, \%conversational, \%sharing, \%following ), sub { return change($_[0], network => 'facebook', kind => 'like') } ],
	  broken => q{SELECT p.user_id FROM changed AS p CROSS JOIN generate_series(1, 5) AS i
		LEFT JOIN (SELECT DISTINCT user_id, score FROM seen WHERE step = 0) AS o USING (user_id)
		LEFT JOIN (SELECT DISTINCT user_id, step, score FROM seen) AS n ON n.user_id = p.user_id AND n.step = i
		WHERE (n.score >= coalesce(o.score, 1) - 1e-9) IS NOT TRUE} },
	{ name => 'somebody new who reacts raises engagement, true reach and network influence', own_networks => 1,
	  steps => [ sub { my $w = $_[0]; return change($w, kind => $silent{ $w->{network} }, actor => 90) } ],
	  broken => q{SELECT p.user_id FROM changed AS p
		LEFT JOIN seen AS o ON o.user_id = p.user_id AND o.network = p.network AND o.step = 0
		LEFT JOIN seen AS n ON n.user_id = p.user_id AND n.network = p.network AND n.step = 1
		WHERE (n.engagement > coalesce(o.engagement, 0) AND n.true_reach > coalesce(o.true_reach, 0)
			AND n.network_influence > coalesce(o.network_influence, 0)) IS NOT TRUE} },
	{ name => 'points add up to the score',
	  broken => q{SELECT s.user_id FROM world.scores AS s WHERE s.user_id % 100 < 2
		AND NOT abs(s.score - 1 - (SELECT coalesce(sum(e.points), 0) FROM influence_explain(s.user_id, 'world') AS e)) < 1e-9} },
);

my $preamble = q{CREATE EXTENSION influence;
CREATE TABLE rows (network text, kind text, actor bigint, target bigint, occurred_at timestamptz, post text, weight float8, sentiment float8, part int DEFAULT 1);
CREATE TABLE changed (user_id bigint, network text);
SELECT influence_create_model('world');
INSERT INTO influence.networks (model, network, weight)
SELECT model, network || '_' || i, weight FROM influence.networks CROSS JOIN generate_series(0, OF_THEIR_OWN - 1) AS i
WHERE model = 'world' AND network IN ('app', 'twitter', 'facebook');
INSERT INTO influence.signals (model, network, kind, role, weight, half_life, polarity, conversational)
SELECT model, network || '_' || i, kind, role, weight, half_life, polarity, conversational FROM influence.signals CROSS JOIN generate_series(0, OF_THEIR_OWN - 1) AS i
WHERE model = 'world' AND (network, kind) IN (KINDS);
SELECT influence_add_source('world', 'part ' || part, 'rows', actor => 'actor', target => 'target', occurred_at => 'occurred_at', kind_column => 'kind',
	network_column => 'network', post => 'post', weight => 'weight', sentiment => 'sentiment', filter => 'part = ' || part) FROM generate_series(1, 2) AS part;
CREATE TABLE seen (step int, user_id bigint, network text, score float8, engagement float8, true_reach float8, audience float8, amplification float8,
	network_influence float8, notoriety float8);
};
my $in_use = join(', ', map { my $network = $_; map { "('$network', '$_')" } @{ $kinds{$network} } } sort keys %kinds);
$preamble =~ s/OF_THEIR_OWN/$of_their_own/g;
$preamble =~ s/KINDS/$in_use/;
my $columns = '(network, kind, actor, target, occurred_at, post, weight, sentiment)';

# look($step, $later): refresh, and keep what there is to see
sub look
{
	my ($step, $later) = @_;

	return "SELECT influence_refresh('world', timestamptz '$NOW' + interval '" . ($later // '0') . "');
INSERT INTO seen SELECT $step, user_id, network, s.score, n.engagement, n.true_reach, n.audience, n.amplification, n.network_influence, s.notoriety
FROM world.network_scores AS n JOIN world.scores AS s USING (user_id);\n";
}

# insert(@rows): many at a time
sub insert
{
	return @_ == 0 ? '' : "INSERT INTO rows $columns VALUES\n" . join(",\n", @_) . ";\n";
}

# script($promise, @worlds): SQL that ends with the query for those to whom it was broken. The first
# refresh fits the map anew, so that nothing depends on what was before.
sub script
{
	my ($promise, @worlds) = @_;
	local $own_networks = $promise->{own_networks};
	my @rows = map { my $w = $_; map { row($w->{number}, %$_) } @{ $w->{rows} } } @worlds;
	my $sql = "TRUNCATE rows, changed, seen;\nDELETE FROM influence.history_calibrations;\nDELETE FROM influence.calibrations;\n" . insert(@rows)
	  . 'INSERT INTO changed VALUES '
	  . join(', ', map { sprintf("(%d, '%s')", $_->{number} * $PEOPLE + $_->{target}, network_of($_->{number}, $_->{network})) } @worlds) . ";\n"
	  . look(0);
	my $step = 0;

	$sql .= look(++$step, $_) foreach @{ $promise->{times} // [] };
	foreach my $change (@{ $promise->{steps} // [] })
	{
		$sql .= "TRUNCATE rows;\n" . insert(@rows) if $step > 0;
		$sql .= ref $change ? insert(map { $change->($_) } @worlds) : "$change\n";
		$sql .= look(++$step);
	}
	return "$sql$promise->{broken};\n";
}

my $node = PostgreSQL::Test::Cluster->new('worlds');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nfsync = off\nautovacuum = off\njit = off\n");
$node->start;
$node->safe_psql('postgres', $preamble);

# broken($promise, @worlds): numbers of the worlds in which the promise is broken
sub broken
{
	my ($promise, @worlds) = @_;
	my $answer = $node->safe_psql('postgres', "SET client_min_messages = error;\n" . script($promise, @worlds));
	# what refreshes return stands before the answer, and is no number alone
	my %numbers = map { int($_ / $PEOPLE) => 1 } grep { /^\d+$/ } split /\n/, $answer;

	# an array, which is their number where one asks whether there are any
	my @broken = sort { $a <=> $b } keys %numbers;

	return @broken;
}

# separate($promise, $number, @worlds): that world, and as few others as it needs to break the promise
sub separate
{
	my ($promise, $number, @worlds) = @_;
	my ($world) = grep { $_->{number} == $number } @worlds;
	my @others = grep { $_->{number} != $number } @worlds;

	while (@others)
	{
		my @fewer = @others[ 0 .. int(@others / 2) - 1 ];
		last if !grep { $_ == $number } broken($promise, $world, @fewer);
		@others = @fewer;
	}
	return ($world, @others);
}

# shrink($promise, $world): as few rows as break the promise
sub shrink
{
	my ($promise, $world) = @_;
	my $i = 0;

	while ($i < @{ $world->{rows} })
	{
		my @fewer = @{ $world->{rows} };
		splice(@fewer, $i, 1);
		my $smaller = { %$world, rows => \@fewer };
		if (broken($promise, $smaller)) { $world = $smaller }
		else { $i++ }
	}
	return $world;
}

# keeps($promise, @batches): the test of a promise in worlds, some at a time
sub keeps
{
	my ($promise, @batches) = @_;
	my $count = 0;

	foreach my $batch (@batches)
	{
		my ($number) = broken($promise, @$batch);

		$count += @$batch;
		next if !defined $number;
		fail("$promise->{name}: not in world $number of $count");
		my ($world, @others) = separate($promise, $number, @$batch);
		$world = shrink($promise, $world) if !@others;
		diag("SEED=$seed; broken to whom this returns:\n$preamble" . script($promise, $world, @others));
		return;
	}
	pass("$promise->{name} ($count worlds)");
}

# batches($size, @worlds)
sub batches
{
	my ($size, @all) = @_;
	my @batches;

	push @batches, [ splice(@all, 0, $size) ] while @all;
	return @batches;
}

my @all = map { new_world($_) } 1 .. $worlds;
my @batches = batches($side_by_side, @all);
keeps($_, $_->{own_networks} ? batches($of_their_own, @all) : @batches) foreach @promises;

# The map itself, of many populations: always rising, and at the top each point is harder to gain
my @populations = batches(50, @all);
foreach my $batch (@populations)
{
	$node->safe_psql('postgres', 'TRUNCATE rows; ' . insert(map { my $w = $_; map { row($w->{number}, %$_) } @{ $w->{rows} } } @$batch)
		. "SET client_min_messages = error; SELECT influence_calibrate('world', '$NOW')");
}
$node->safe_psql('postgres', q{
	CREATE VIEW steps AS
	SELECT c.version, m.target_p95, points - points_before AS ds, knot - knot_before AS dr, points_before,
		(points - points_before) / (knot - knot_before) AS slope
	FROM influence.calibrations AS c JOIN influence.models AS m USING (model)
	CROSS JOIN LATERAL (SELECT knot, points, lag(knot) OVER k AS knot_before, lag(points) OVER k AS points_before
						FROM unnest(c.raw, c.score) AS u (knot, points) WINDOW k AS (ORDER BY knot)) AS k
	WHERE knot_before IS NOT NULL});
is($node->safe_psql('postgres', 'SELECT count(DISTINCT version), count(*) FILTER (WHERE NOT (dr > 0 AND ds > 0)) FROM steps'),
	1 + @populations . '|0', 'the map always rises');
is($node->safe_psql('postgres', q{
	SELECT count(*) > 0, count(*) FILTER (WHERE slope > before * (1 + 1e-9))
	FROM (SELECT slope, lag(slope) OVER (PARTITION BY version ORDER BY points_before) AS before FROM steps WHERE points_before >= target_p95) AS s
	WHERE before IS NOT NULL}), 't|0', 'and at the top each point is harder to gain');

$node->stop;
done_testing();
