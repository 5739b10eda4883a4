# Faults: a refresh that is cancelled, times out or is killed leaves the old
# scores, as do dump, restore and replication. What was published is compared
# to the last bit.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use FaultTest qw(wait_for_server);
use IPC::Run qw(start finish timeout);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

# Longest time from a cancel to the end of the refresh, in seconds; what the
# machine itself may take is added by a factor
my $patience = 5;

my $node = PostgreSQL::Test::Cluster->new('faults');
$node->init(allows_streaming => 1);
# without synchronize_seqscans rows come in the same order, so that a restored
# database can be compared to the last bit
$node->append_conf('postgresql.conf', "synchronize_seqscans = off\nmax_worker_processes = 16\nfsync = off\nautovacuum = off\nrestart_after_crash = on\n");
$node->start;

# Two models over 300,000 rows; "slow" sleeps a little every so often while
# they are read, so that there is time to disturb it.
$node->safe_psql('postgres', q{
	CREATE EXTENSION influence;
	CREATE TABLE likes (user_id bigint, author_id bigint, post_id bigint, created_at timestamptz);
	INSERT INTO likes SELECT (i * 7919::bigint) % 5003, (i % 1009) * (i % 13 + 1) / 13, i % 3001, timestamptz '2024-06-01 12:00Z' - i * interval '20 seconds'
	FROM generate_series(1, 300000) AS i;
	CREATE TABLE delay (seconds float8);
	INSERT INTO delay VALUES (0);
	CREATE FUNCTION dawdle(bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
	BEGIN
		IF $1 % 1000 = 0 THEN
			PERFORM pg_sleep(seconds) FROM public.delay WHERE seconds > 0;
		END IF;
		RETURN true;
	END $$;
	CREATE VIEW slow_likes AS SELECT * FROM likes WHERE dawdle(post_id);
	SELECT influence_create_model('social');
	SELECT influence_add_source('social', 'likes', 'slow_likes', actor => 'user_id', target => 'author_id',
		occurred_at => 'created_at', post => 'post_id', kind => 'share');
	SELECT influence_refresh('social', '2024-05-31 12:00Z');
	SELECT influence_refresh('social', '2024-06-01 12:00Z');
});

# Everything that is published, to the last bit
my $published_query = q{
	SELECT md5(concat(
		(SELECT string_agg(s::text, ';' ORDER BY s.user_id) FROM social.scores AS s),
		(SELECT string_agg(s::text, ';' ORDER BY s.user_id, s.network) FROM social.network_scores AS s),
		(SELECT string_agg(s::text, ';' ORDER BY s.user_id, s.network, s.kind) FROM social.signals AS s),
		(SELECT string_agg(h::text, ';' ORDER BY h.user_id, h.day) FROM social.score_history AS h),
		(SELECT string_agg(c::text, ';' ORDER BY c.version) FROM influence.calibrations AS c),
		(SELECT string_agg(m::text, ';') FROM influence.models AS m),
		(SELECT string_agg(s::text, ';') FROM influence.sources AS s),
		(SELECT string_agg(s::text, ';' ORDER BY s.network, s.kind) FROM influence.signals AS s)))};
my $published = $node->safe_psql('postgres', $published_query);
$node->safe_psql('postgres', 'CREATE TABLE kept AS TABLE social.scores');
my $people = $node->safe_psql('postgres', 'SELECT count(*) FROM kept');
is($node->safe_psql('postgres', 'SELECT count(*) > 900, count(DISTINCT score) > 300 FROM social.scores'), 't|t', 'there are scores');

# start_refresh($settings): a refresh in the background, in the middle of
# reading; returns its handle and pid
sub start_refresh
{
	my ($settings) = @_;
	my ($in, $out, $err) = ('', '', '');

	$node->safe_psql('postgres', 'UPDATE delay SET seconds = 0.2');
	my $handle = start([
			'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $settings . "SET application_name = 'refresher'",
			'-c', "SELECT influence_refresh('social', '2024-06-01 13:00Z')" ],
		\$in, \$out, \$err);
	$node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM pg_stat_activity
		WHERE application_name = 'refresher' AND query LIKE 'influence_refresh "social": reading %')})
		or die 'the refresh did not start';
	my $pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE application_name = 'refresher'});
	return { handle => $handle, pid => $pid, err => \$err, out => \$out };
}

# ended($refresh, $since): seconds since then until the refresh's process is gone
sub ended
{
	my ($refresh, $since) = @_;

	finish($refresh->{handle});
	my $seconds = time - $since;
	$node->safe_psql('postgres', 'UPDATE delay SET seconds = 0');
	return $seconds;
}

# same_scores($what): the scores of a new refresh are those at the start; rows
# may have come in another order, so not to the last bit
sub same_scores
{
	my ($what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is( $node->safe_psql('postgres', q{SELECT count(*), count(*) FILTER (WHERE abs(s.score - k.score) < 1e-9 AND s.rank = k.rank)
			FROM social.scores AS s FULL JOIN kept AS k USING (user_id)}),
		"$people|$people", "$what: the same scores");
	$published = $node->safe_psql('postgres', $published_query);
}

# as_before($what): nothing of the failed refresh is to be seen, and the next one works
sub as_before
{
	my ($what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql('postgres', $published_query), $published, "$what: everything is as before");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname ~ '^pg_temp_\d' OR relnamespace::regnamespace::text LIKE 'pg_temp%'}),
		'0', "$what: no table is left behind");
	is( $node->safe_psql('postgres', q{SELECT status FROM influence_refresh('social', '2024-06-01 12:00Z')}),
		'success', "$what: the next refresh works");
	same_scores($what);
}

# logged($what, $code, $pattern): the last run but the successful ones, in the log
sub logged
{
	my ($what, $code, $pattern) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $row = $node->safe_psql('postgres', q{SELECT status, error_code, error FROM influence.refresh_log ORDER BY run_id DESC LIMIT 1});
	like($row, qr/^failed\|$code\|$pattern/, "$what: logged");
}

# pg_cancel_backend, with progress and readers on the way
{
	my $refresh = start_refresh('');
	is( $node->safe_psql('postgres', "SELECT query FROM pg_stat_activity WHERE pid = $refresh->{pid}"),
		'influence_refresh "social": reading source "likes"', 'progress is in pg_stat_activity');
	is($node->safe_psql('postgres', q{SET statement_timeout = '5s'; SELECT influence_score(1) = score FROM social.scores WHERE user_id = 1}),
		't', 'scores are readable during a refresh');
	is( $node->safe_psql('postgres', q{SELECT status FROM influence_refresh('social', '2024-06-01 14:00Z')}),
		'skipped', 'a second refresh is skipped');
	my $since = time;
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($refresh->{pid})");
	cmp_ok(ended($refresh, $since), '<', $patience, 'a cancelled refresh ends soon');
	like(${ $refresh->{err} }, qr/canceling statement due to user request/, 'cancelled');
	logged('cancelled', '57014', qr/canceling statement due to user request/);
	as_before('cancelled');
}

# statement_timeout
{
	my $since = time;
	my $refresh = start_refresh('SET statement_timeout = 700; ');
	cmp_ok(ended($refresh, $since), '<', 0.7 + $patience, 'a refresh that times out ends soon');
	like(${ $refresh->{err} }, qr/canceling statement due to statement timeout/, 'timed out');
	logged('timed out', '57014', qr/canceling statement due to statement timeout/);
	as_before('timed out');
}

# the session is terminated: rolled back, too late for the log
{
	my $refresh = start_refresh('');
	my $since = time;
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($refresh->{pid})");
	cmp_ok(ended($refresh, $since), '<', $patience, 'a terminated refresh ends soon');
	like(${ $refresh->{err} }, qr/terminating connection due to administrator command/, 'terminated');
	as_before('terminated');
}

# cancelled at any moment of the work that follows the reading, too
{
	my $cancelled = 0;
	for my $milliseconds (map { 60 * $_ } 1 .. 20)
	{
		my ($status, $stdout, $stderr) = $node->psql('postgres',
			"SET statement_timeout = $milliseconds; SELECT influence_refresh('social', '2024-06-01 15:00Z')");
		last if $status == 0;
		like($stderr, qr/statement timeout/, "cancelled after $milliseconds ms") or last;
		$cancelled++;
	}
	cmp_ok($cancelled, '>', 0, 'a refresh was cancelled at different moments');
	$node->safe_psql('postgres', q{SELECT influence_refresh('social', '2024-06-01 12:00Z')});
	same_scores('cancelled at different moments');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname ~ '^pg_temp_\d'}), '0', '... and no table is left behind');
}

# kill -9 of the backend: the server recovers, the old scores are there
{
	my $refresh = start_refresh('');
	kill 'KILL', $refresh->{pid};
	eval { finish($refresh->{handle}) };
	like(${ $refresh->{err} }, qr/server closed the connection|connection to server was lost|terminat/, 'killed');
	ok(wait_for_server($node, $refresh->{pid}), 'the server recovers');
	$node->safe_psql('postgres', 'UPDATE delay SET seconds = 0');
	as_before('killed');
}

# a full server crash right after a refresh
$node->safe_psql('postgres', q{SELECT influence_refresh('social', '2024-06-01 12:00Z')});
$node->stop('immediate');
$node->start;
as_before('crashed');

# dump and restore: configuration, history, calibrations and scores
$node->safe_psql('postgres', q{UPDATE delay SET seconds = 0; UPDATE influence.models SET damping = 0.8; UPDATE influence.signals SET weight = 1.5 WHERE kind = 'share';
	SELECT influence_calibrate('social', '2024-06-01 12:00Z');
	CREATE ROLE analyst; GRANT USAGE ON SCHEMA social TO analyst; GRANT SELECT ON social.scores TO analyst;});
$published = $node->safe_psql('postgres', $published_query);
my $runs = $node->safe_psql('postgres', 'SELECT count(*), max(run_id) FROM influence.refresh_log');
my $directory = $node->backup_dir;
mkdir $directory;
foreach my $format ('plain', 'custom')
{
	my $file = "$directory/$format.dump";
	my $database = "restored_$format";

	command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-F', $format, '-f', $file ], "pg_dump, $format");
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	if ($format eq 'plain')
	{
		command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-f', $file ], 'restored with psql');
	}
	else
	{
		command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr($database), $file ], 'restored with pg_restore');
	}
	is($node->safe_psql($database, $published_query), $published, "$format: everything is as before");
	is($node->safe_psql($database, 'SELECT count(*), max(run_id) FROM influence.refresh_log'), $runs, "$format: the log, too");
	is($node->safe_psql($database, 'SET ROLE analyst; SELECT influence_score(1) IS NOT NULL'), 't', "$format: and the rights");
	is( $node->safe_psql($database, q{SELECT status, calibration FROM influence_refresh('social', '2024-06-02 12:00Z')}),
		'success|2', "$format: the next refresh works");
	is($node->safe_psql($database, q{SELECT count(day_change) > 900 FROM social.scores}), 't', "$format: and knows the history");
	is( $node->safe_psql($database, q{SELECT count(*) FROM influence.refresh_log WHERE run_id > } . (split /\|/, $runs)[1]),
		'1', "$format: the log goes on");
	$node->safe_psql($database, q{SELECT influence_drop_model('social')});
}

# tables of an extension come in any order
$node->safe_psql('postgres', 'CREATE DATABASE restored_parallel');
command_ok([ 'pg_restore', '--exit-on-error', '-j', '4', '-d', $node->connstr('restored_parallel'), "$directory/custom.dump" ],
	'restored in parallel');
is($node->safe_psql('restored_parallel', $published_query), $published, 'parallel: everything is as before');

# a hot standby reads, and follows
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', $published_query), $published, 'a standby has the scores');
my $score_query = q{SELECT influence_score(1), influence_score('1', 'social'), influence_score(1, timestamptz '2024-05-31 12:00Z'), (SELECT count(*) FROM influence_explain(1)), (SELECT stale FROM social.refresh_status)};
is($standby->safe_psql('postgres', $score_query), $node->safe_psql('postgres', $score_query), 'influence_score() on a standby');
my ($status, $stdout, $stderr) = $standby->psql('postgres', q{SELECT influence_refresh('social')});
like($stderr, qr/cannot refresh model "social" on a standby server/, 'no refresh on a standby');
($status, $stdout, $stderr) = $standby->psql('postgres', q{CALL influence_refresh_all()});
like($stderr, qr/ERROR:  models that failed to refresh: "social"/, 'nor of all models');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM influence_refresh_progress()}), 0, 'no refresh runs there');
$node->safe_psql('postgres', q{SELECT influence_refresh('social', '2024-06-03 12:00Z')});
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', $published_query), $node->safe_psql('postgres', $published_query), 'a standby follows a refresh');
is($standby->safe_psql('postgres', $score_query), $node->safe_psql('postgres', $score_query), 'influence_score() follows');

$standby->stop;
$node->stop;
done_testing();
