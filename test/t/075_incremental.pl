# Incremental refreshes give what full ones give. Two models read the same tables,
# one of them incrementally; rows are added, also late, changed and deleted at
# random, and after each round all views of both are compared. SEED gives other
# random rows.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use FaultTest qw(wait_for_server);
use IPC::Run qw(start finish timeout);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $seed = $ENV{SEED} // 20240601;
srand($seed);
note("SEED=$seed");

my $node = PostgreSQL::Test::Cluster->new('incremental');
$node->init;
$node->append_conf('postgresql.conf',
	"timezone = 'Pacific/Auckland'\nfsync = off\nautovacuum = off\nmax_worker_processes = 16\n" .
	"max_prepared_transactions = 2\nrestart_after_crash = on\nlog_min_messages = warning\n");
$node->start;

sub sql
{
	my ($statement) = @_;

	return $node->safe_psql('postgres', $statement);
}

sub pick { return $_[ int(rand(scalar @_)) ]; }

# All rows happen before this moment; long enough ago that every day is over
my $START = '2024-03-01 09:30Z';

# Tables of four shapes: times with and without zone, and dates; ids by their type
sub create_world
{
	my ($type) = @_;

	sql(qq{
		CREATE SCHEMA w_$type;
		SET search_path = w_$type, public;
		CREATE FUNCTION id(n int) RETURNS $type LANGUAGE sql IMMUTABLE AS
			\$\$ SELECT @{[ $type eq 'uuid' ? "md5(n::text)::uuid" : "(100 + n)::$type" ]} \$\$;
		CREATE TABLE events (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, actor $type, target $type, network text,
			kind text, at timestamptz, post text, weight float8, mood float8, note text);
		CREATE INDEX ON events (at);
		CREATE SEQUENCE follow;
		CREATE TABLE follows (n bigint DEFAULT nextval('follow'), follower $type, followed $type,
			at timestamp) PARTITION BY RANGE (at);
		CREATE TABLE follows_old PARTITION OF follows FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
		CREATE TABLE follows_new PARTITION OF follows DEFAULT;
		CREATE TABLE views (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, target $type, day date, people float8);
		CREATE TABLE links (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, target $type, source $type, at timestamptz, mood float8);
	});
	for my $model ("inc_$type", "full_$type")
	{
		my $incremental = "incremental => " . ($model =~ /^inc/ ? 'true' : 'false');

		sql(qq{
			SELECT influence_create_model('$model', id_type => '$type');
			UPDATE influence.models SET time_window = '40 days' WHERE model = '$model';
			SELECT influence_add_source('$model', 'events', 'w_$type.events', actor => 'actor', target => 'target',
				occurred_at => 'at', network_column => 'network', kind_column => 'kind', post => 'post',
				weight => 'weight', sentiment => 'mood', filter => 'note IS NULL', $incremental);
			SELECT influence_add_source('$model', 'follows', 'w_$type.follows', actor => 'follower', target => 'followed',
				occurred_at => 'at', kind => 'follow', $incremental);
			SELECT influence_add_source('$model', 'views', 'w_$type.views', target => 'target', occurred_at => 'day',
				kind => 'view', weight => 'people', $incremental);
			SELECT influence_add_source('$model', 'links', 'w_$type.links', actor => 'source', target => 'target',
				occurred_at => 'at', kind => 'inlink', network => 'wikipedia', sentiment => 'mood', $incremental);
		});
	}
	sql("SELECT influence_track_changes('inc_$type', source) FROM influence.sources WHERE model = 'inc_$type'");
	sql("INSERT INTO w_$type.follows_old (follower, followed, at) VALUES (w_$type.id(1), w_$type.id(2), '2020-02-29')");
}

# insert_rows($type, $count, $as_of, $days): rows of the so many days before as_of
sub insert_rows
{
	my ($type, $count, $as_of, $days) = @_;
	my $at = "timestamptz '$as_of' - random() * random() * interval '$days days'";
	my $follows = $count / 10 + 1;
	my $salt = rand() * 2 - 1;

	sql(qq{
		SELECT setseed($salt);
		INSERT INTO w_$type.events (actor, target, network, kind, at, post, weight, mood, note)
		SELECT CASE WHEN random() < 0.95 THEN w_$type.id(floor(random() * random() * 60)::int) END,
			w_$type.id(floor(random() * random() * 60)::int), pick.network, pick.kind,
			CASE WHEN random() < 0.99 THEN $at ELSE pick.odd END,
			CASE WHEN random() < 0.9 THEN floor(random() * 20)::text END,
			CASE WHEN random() < 0.3 THEN round((random() * 4)::numeric, 1) WHEN random() < 0.01 THEN -1 END,
			CASE WHEN random() < 0.3 THEN random() * 2 - 1 END, CASE WHEN random() < 0.05 THEN 'hidden' END
		FROM generate_series(1, $count) AS i, LATERAL (SELECT
			(ARRAY['app', 'twitter', 'instagram'])[1 + floor(random() * 3 + i * 0)::int],
			(ARRAY['like', 'comment', 'share', 'retweet', 'reply', 'favorite', 'mention', 'follow', 'block', 'post'])[1 + floor(random() * 10 + i * 0)::int],
			(ARRAY[NULL, 'infinity', '-infinity', '0044-03-15 BC', '1950-01-01']::timestamptz[])[1 + floor(random() * 5 + i * 0)::int])
			AS pick (network, kind, odd);
		INSERT INTO w_$type.events (actor, target, network, kind, at)
		SELECT w_$type.id(7), w_$type.id(8), 'app', 'like', timestamptz '$as_of' - interval '1 day' + i * interval '1 second'
		FROM generate_series(1, @{[ pick(0, 0, 300, 600) ]}) AS i;
		INSERT INTO w_$type.follows (follower, followed, at)
		SELECT w_$type.id(floor(random() * 60)::int), w_$type.id(floor(random() * 60)::int), ($at) AT TIME ZONE 'UTC' - floor(random() * 3 + i * 0) * interval '60 days'
		FROM generate_series(1, $follows) AS i;
		INSERT INTO w_$type.views (target, day, people)
		SELECT w_$type.id(floor(random() * 60)::int), ($at)::date, floor(random() * 50) FROM generate_series(1, $follows) AS i;
		INSERT INTO w_$type.links (target, source, at, mood)
		SELECT w_$type.id(floor(random() * 60)::int), CASE WHEN random() < 0.5 THEN w_$type.id(70 + floor(random() * 5)::int) END,
			($at) - floor(random() * 3 + i * 0) * interval '60 days', CASE WHEN random() < 0.5 THEN random() * 2 - 1 END
		FROM generate_series(1, $follows) AS i});
}

# Something that happens to rows that are there
sub disturb
{
	my ($type, $as_of) = @_;
	my $table = pick('events', 'events', 'follows', 'views', 'links');
	my $time = $table eq 'views' ? 'day' : 'at';
	my $some = "n % " . pick(7, 29, 101) . " = " . pick(0, 1, 2);
	my $recent = "$time > timestamptz '$as_of' - interval '5 days'";

	my $statement = pick(
		"DELETE FROM w_$type.$table WHERE $some",
		"DELETE FROM w_$type.$table WHERE $some AND $recent",
		"UPDATE w_$type.$table SET $time = $time + interval '@{[ pick('1 day', '-9 days', '31 days', '100 days', '-3 seconds') ]}' WHERE $some AND isfinite($time)",
		"UPDATE w_$type.$table SET target = w_$type.id(3) WHERE $some",
		"UPDATE w_$type.events SET mood = -mood, weight = 2 WHERE $some",
		"UPDATE w_$type.events SET note = CASE WHEN note IS NULL THEN 'hidden' END WHERE $some AND $some",
		"UPDATE w_$type.events SET note = NULL WHERE $some",
		"DELETE FROM w_$type.follows_old WHERE $some",
		"MERGE INTO w_$type.views AS v USING (SELECT generate_series(1, 9) AS n) AS s ON v.n = s.n WHEN MATCHED THEN DELETE
			WHEN NOT MATCHED THEN INSERT (target, day, people) VALUES (w_$type.id(5), '2024-02-02', 3)",
		"TRUNCATE w_$type.@{[ pick('links', 'views', 'follows_old') ]}");
	$statement =~ s/target = /followed = / if $table eq 'follows';
	$statement =~ s/timestamptz ('[^']*')/(timestamptz $1 AT TIME ZONE 'UTC')/ if $table eq 'follows';
	sql($statement);
	return $statement;
}

# A change of the configuration, of both models
sub reconfigure
{
	my ($type) = @_;
	my $change = pick(
		"UPDATE influence.models SET time_window = @{[ pick(q('40 days'), q('40 days'), q('61 days 7 hours'), q('10 days'), 'NULL') ]}",
		"UPDATE influence.models SET sentiment_policy = '@{[ pick('split', 'split', 'ignore') ]}'",
		"UPDATE influence.models SET inactivity_policy = '@{[ pick('decay', 'decay', 'grace', 'freeze') ]}'",
		"UPDATE influence.signals SET weight = @{[ pick(0, 2, 5) ]} WHERE kind = '@{[ pick('like', 'comment') ]}'",
		"UPDATE influence.signals SET half_life = '@{[ pick('2 days', '45 days') ]}' WHERE kind = '@{[ pick('like', 'share') ]}'",
		"UPDATE influence.signals SET polarity = @{[ pick(0, -0.5) ]} WHERE kind = 'mention'",
		"UPDATE influence.models SET reach_half_life = '@{[ pick('3 days', '30 days') ]}'");

	sql($change . ($change =~ /WHERE/ ? ' AND' : ' WHERE') . " model IN ('inc_$type', 'full_$type')");
	return $change;
}

# Largest difference between the views of two schemas, relative to max(1, |value|);
# 1e9 for a row or a value that only one of them has
sub difference
{
	my ($one, $other) = @_;

	return sql(join(' UNION ALL ', map {
		my ($view, $key) = @$_;
		qq{SELECT a.i AS value FROM (
			SELECT max(CASE WHEN a.value IS NOT DISTINCT FROM b.value THEN 0
				WHEN a.value ~ '^-?[0-9.]+(e[-+]?[0-9]+)?\$' AND b.value ~ '^-?[0-9.]+(e[-+]?[0-9]+)?\$'
				THEN abs(a.value::float8 - b.value::float8) / greatest(1, abs(a.value::float8)) ELSE 1e9 END) AS i
			FROM (SELECT $key AS id, e.key, e.value FROM $one.$view AS v, jsonb_each_text(to_jsonb(v) - '{day_change,week_change,month_change,month_change_own,month_change_scale,rank,percentile,tier}'::text[]) AS e) AS a
			FULL JOIN (SELECT $key AS id, e.key, e.value FROM $other.$view AS v, jsonb_each_text(to_jsonb(v) - '{day_change,week_change,month_change,month_change_own,month_change_scale,rank,percentile,tier}'::text[]) AS e) AS b
				USING (id, key)) AS a}
	} ([ 'scores', 'user_id::text' ], [ 'network_scores', "user_id || '/' || network" ],
		[ 'signals', "user_id || '/' || network || '/' || kind" ])) . ' ORDER BY value DESC NULLS LAST LIMIT 1');
}

sub refresh
{
	my ($model, $as_of, $more) = @_;

	return sql("SELECT status, rows_read, rows_kept FROM influence_refresh('$model', '$as_of'" . ($more // '') . ')');
}

# compare($type, $as_of, $name): refreshes both; they must agree
sub compare
{
	my ($type, $as_of, $name, $more) = @_;

	my ($status, $read, $kept) = split /\|/, refresh("inc_$type", $as_of, $more);
	my ($full_status, $full_read) = split /\|/, refresh("full_$type", $as_of);
	my $difference = difference("inc_$type", "full_$type");

	cmp_ok($difference, '<', 1e-9, "$type: $name, $read of $full_read rows read, $kept kept");
	return ($read, $kept, $full_read);
}

# later($as_of, $interval)
sub later { return sql("SELECT (timestamptz '$_[0]' + interval '$_[1]') AT TIME ZONE 'UTC' || 'Z'"); }

sql('CREATE EXTENSION influence');
my %rounds = (bigint => $ENV{ROUNDS} // 24, uuid => 8, text => 8);
my $saved = 0;

for my $type (qw(bigint uuid text))
{
	my $as_of = $START;

	create_world($type);
	insert_rows($type, 3000, $as_of, 90);
	my ($read, $kept) = compare($type, $as_of, 'first');
	is($kept, 0, "$type: nothing is kept before the first refresh");
	for my $round (1 .. $rounds{$type})
	{
		my @what;

		$as_of = later($as_of, pick('20 minutes', '1 hour', '9 hours', '1 day', '1 day', '3 days 5 hours', '14 hours 30 minutes', '-2 days', '20 days'));
		push @what, disturb($type, $as_of) foreach 1 .. pick(0, 0, 1, 1, 2, 3);
		push @what, reconfigure($type) if rand() < 0.2;
		insert_rows($type, pick(10, 100), $as_of, pick(0.5, 1, 1, 150)) if rand() < 0.9;
		my ($r, $k, $all) = compare($type, $as_of, "round $round as of $as_of", rand() < 0.1 ? ', "full" => true' : '')
			or diag(join(";\n", @what));
		$saved++ if $r < $all / 3;
		diag("SEED=$seed\n" . join(";\n", @what)) unless Test::More->builder->is_passing;
		last unless Test::More->builder->is_passing;
	}
}
cmp_ok($saved, '>', 0, "in $saved rounds less than a third of the rows was read");
sql("UPDATE influence.models SET inactivity_policy = 'decay'");

# What is not logged is not seen: the comparison can fail
{
	my $type = 'bigint';
	my $as_of = later($START, '200 days');

	sql("UPDATE influence.models SET time_window = '40 days' WHERE model IN ('inc_bigint', 'full_bigint')");
	sql("UPDATE influence.signals SET weight = 2 WHERE kind = 'comment'");
	insert_rows($type, 500, $as_of, 30);
	compare($type, $as_of, 'before the control');
	sql("SELECT influence_untrack_changes('inc_bigint', 'events')");
	sql("INSERT INTO w_bigint.events (actor, target, network, kind, at)
		SELECT 100 + i, 103, 'app', 'comment', timestamptz '$as_of' - interval '10 days' FROM generate_series(1, 20) AS i");
	refresh("inc_bigint", $as_of);
	refresh("full_bigint", $as_of);
	cmp_ok(difference('inc_bigint', 'full_bigint'), '>', 1e-3, 'a late row that nobody logs makes a difference');
	sql("SELECT influence_invalidate('inc_bigint', timestamptz '$as_of' - interval '10 days', timestamptz '$as_of' - interval '9 days')");
	compare($type, $as_of, 'after influence_invalidate()');
	sql("SELECT influence_track_changes('inc_bigint', 'events')");
}

# background($sql): a session in the background that has run some statements
sub background
{
	my ($statements) = @_;
	my %session = (in => '', out => '', err => '');

	$session{handle} = start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', '-', '-d', $node->connstr('postgres') ],
		\$session{in}, \$session{out}, \$session{err}, timeout(180));
	$session{in} = "$statements;\n\\echo ready\n";
	$session{handle}->pump until $session{out} =~ /ready/;
	return \%session;
}

sub end
{
	my ($session, $statements) = @_;

	$session->{in} .= "$statements;\n\\q\n";
	finish($session->{handle});
	is($session->{err}, '', 'the session in the background had no errors');
}

# Writers whose transactions are open while a refresh closes days
for my $round (1 .. 3)
{
	my $as_of = later($START, (201 + $round) . ' days');
	my @writers = map {
		background("BEGIN; INSERT INTO w_bigint.events (actor, target, network, kind, at)
			SELECT 100 + i, 110 + $_, 'app', 'comment', timestamptz '$as_of' - i * interval '7 hours' FROM generate_series(1, 40) AS i;
			UPDATE w_bigint.events SET weight = 3 WHERE n % 50 = $round * 10 + $_;
			DELETE FROM w_bigint.events WHERE n % 50 = $round * 10 + $_ + 3")
	} 1 .. 3;

	compare('bigint', $as_of, "$round: while others write");
	end(shift @writers, 'COMMIT');
	compare('bigint', $as_of, "$round: when one has committed");
	end(shift @writers, 'ROLLBACK');
	end(shift @writers, 'COMMIT');
	compare('bigint', $as_of, "$round: when all have ended");
}

# A day closes closing_delay after its end, but not before a transaction that was
# open then has ended. Yesterday ends at midnight: the delay says when it closes.
{
	sql("UPDATE influence.models SET closing_delay = '20 days' WHERE model = 'inc_text'");
	sql('DELETE FROM w_text.events');
	refresh('inc_text', sql('SELECT now()'));
	my $kept = "SELECT count(*) FROM influence.closed_days WHERE model = 'inc_text' AND source = 'events'
		AND day = (now() AT TIME ZONE 'UTC')::date - 1";
	my $like = sub { return "INSERT INTO w_text.events (actor, target, network, kind, at)
		VALUES (w_text.id($_[0]), w_text.id(2), 'app', 'like', date_trunc('day', now(), 'UTC') - interval '1 hour')"; };
	my $same = sub {
		my $as_of = sql('SELECT now()');
		refresh('full_text', $as_of);
		refresh('inc_text', $as_of);
		cmp_ok(difference('inc_text', 'full_text'), '<', 1e-9, $_[0]);
	};

	sql($like->(1));
	sql("UPDATE influence.models SET closing_delay = now() - date_trunc('day', now(), 'UTC') + interval '3 seconds' WHERE model = 'inc_text'");
	is(sql("SELECT count(*) FROM influence.invalidations WHERE model = 'inc_text'"), 0, 'a row of an open day is not logged');
	my $early = background("BEGIN; " . $like->(2));
	is(sql("SELECT count(*) FROM influence.invalidations WHERE model = 'inc_text'"), 0, 'nor is it by a writer who commits later');
	$same->('the day is open');
	usleep(3_500_000);
	$same->('the day is over, but a writer is not');
	is(sql($kept), 0, 'the day is not closed');
	sql("BEGIN; " . $like->(3) . "; PREPARE TRANSACTION 'two'");
	end($early, 'COMMIT');
	$same->('the writer has ended, another is prepared');
	is(sql($kept), 0, 'the day is not closed while a transaction is prepared');
	sql("COMMIT PREPARED 'two'");
	$same->('all have ended');
	is(sql($kept), 1, 'the day is closed');
	my $late = background("BEGIN; " . $like->(4));
	$same->('a late row is not committed');
	end($late, 'COMMIT');
	is(sql("SELECT count(*) FROM influence.invalidations WHERE model = 'inc_text'"), 1, 'a late row is logged');
	$same->('a late row is committed');
	is(sql("SELECT count(*) FROM influence.invalidations WHERE model = 'inc_text'"), 0, 'its invalidation is used up');
	sql("ALTER ROLE CURRENT_USER SET track_activities = off");
	sql("SELECT influence_invalidate('inc_text')");
	$same->('without track_activities');
	is(sql($kept), 0, 'nobody knows who is writing, so nothing is closed');
	sql("ALTER ROLE CURRENT_USER RESET track_activities");
}

# An invalidation that is committed while a refresh runs is left to the next one
{
	my $as_of = later($START, '210 days');
	my $writer = background("BEGIN; SELECT influence_invalidate('inc_bigint')");

	compare('bigint', $as_of, 'before the invalidation is committed');
	end($writer, 'COMMIT');
	is(sql("SELECT count(*) FROM influence.invalidations WHERE model = 'inc_bigint'"), 1, 'it is there');
	is((compare('bigint', $as_of, 'after that'))[1], 0, 'the next refresh keeps nothing');

	# in one transaction with the refresh, and rolled back
	sql("BEGIN; UPDATE w_bigint.events SET weight = 7 WHERE n % 3 = 0; SELECT influence_refresh('inc_bigint', '$as_of'); ROLLBACK");
	compare('bigint', $as_of, 'after a refresh that was rolled back');
	sql("BEGIN; SAVEPOINT a; UPDATE w_bigint.events SET weight = 7 WHERE n % 3 = 0; SELECT influence_refresh('inc_bigint', '$as_of');
		ROLLBACK TO a; UPDATE w_bigint.events SET weight = 6 WHERE n % 5 = 0; SELECT influence_refresh('inc_bigint', '$as_of'); COMMIT");
	refresh('full_bigint', $as_of);
	cmp_ok(difference('inc_bigint', 'full_bigint'), '<', 1e-9, 'after one that was rolled back to a savepoint');
	sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM w_bigint.events; SELECT influence_refresh('inc_bigint', '$as_of'); COMMIT");
	compare('bigint', $as_of, 'after one under REPEATABLE READ');
}

# Killed in the middle of a refresh
for my $milliseconds (5, 40, 120)
{
	my $as_of = later($START, '211 days');

	insert_rows('bigint', 20000, $as_of, 38);
	my $session = background("SELECT influence_invalidate('inc_bigint')");
	my $pid = sql("SELECT pid FROM pg_stat_activity WHERE query LIKE '%influence_invalidate%' AND pid <> pg_backend_pid()");
	$session->{in} .= "SELECT influence_refresh('inc_bigint', '$as_of');\n";
	$session->{handle}->pump_nb;
	usleep($milliseconds * 1000);
	kill('KILL', $pid);
	eval { finish($session->{handle}) };
	wait_for_server($node, $pid) or die 'the server did not come back';
	compare('bigint', $as_of, "after a kill in the middle of a refresh, $milliseconds ms");
	compare('bigint', later($as_of, '1 day'), 'and a day later');
}

# In little memory, and with several processes
{
	my $as_of = later($START, '213 days');

	sql('ALTER SYSTEM SET min_parallel_table_scan_size = 0; SELECT pg_reload_conf()');
	insert_rows('bigint', 100000, $as_of, 60);
	# more on one day than is merged at a time
	sql("INSERT INTO w_bigint.events (actor, target, network, kind, at)
		SELECT i % 1009, i % 211, 'app', CASE WHEN i % 3 = 0 THEN 'like' ELSE 'comment' END,
			date_trunc('day', timestamptz '$as_of' - interval '3 days', 'UTC') + i * interval '0.4 seconds'
		FROM generate_series(1, 200000) AS i");
	sql("SELECT influence_invalidate('inc_bigint')");
	sql("SET influence.max_memory = '16MB'; SELECT influence_refresh('inc_bigint', '$as_of')");
	refresh('full_bigint', $as_of);
	cmp_ok(difference('inc_bigint', 'full_bigint'), '<', 1e-9, 'closing days in little memory');
	sql("SET influence.max_memory = '16MB'; SELECT influence_refresh('inc_bigint', '$as_of')");
	cmp_ok(difference('inc_bigint', 'full_bigint'), '<', 1e-9, 'and taking rows from them');
}

$node->stop;
done_testing();
