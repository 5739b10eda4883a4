# kill -9 of the process of a refresh, of its workers and of the postmaster, in
# each phase: the old scores are there when the server is back, nothing is left
# over, and the next refresh gives what one gives that nobody disturbs.
#
# The server itself leaves the files of relations that were created by a
# transaction that it did not live to roll back: nothing says whose they were.
# That is so for CREATE TABLE, too, which is tried at the end; until its views are
# written, a refresh has created none.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use FaultTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = PostgreSQL::Test::Cluster->new('kills');
$node->init;
$node->append_conf('postgresql.conf', q{
	timezone = 'UTC'
	fsync = off
	autovacuum = off
	shared_buffers = '16MB'
	restart_after_crash = on
	synchronize_seqscans = off
	max_worker_processes = 16
	max_parallel_workers_per_gather = 1
	min_parallel_table_scan_size = 0
	maintenance_work_mem = '128MB'
	log_min_messages = warning
});
$node->start;
create_world($node, 60_000, 12_000);
is(scalar(my @unknown = unknown_files()), 0, 'all files belong to relations');

# Phases in their order: what is shown, arguments of the refresh, whether files of
# new relations may be left behind, and where it is held up if it is not stopped
my $full = ', "full" => true';
my @phases = (
	[ 'loading closed days', '', 0 ],
	[ 'reading 1 sources in parallel', $full, 0 ],
	[ 'reading source "gate"', '', 0, 'gate' ],
	[ 'keeping closed days', $full, 0 ],
	[ 'measuring network', '', 0 ],
	[ 'scoring', '', 0 ],
	[ 'publishing view "signals"', '', 1 ],
	[ 'publishing view "scores"', '', 1 ],
	[ 'publishing the history', '', 1 ],
	[ 'publishing the indexes', '', 1, 'index' ],
	[ 'waiting for readers', '', 1, 'reader' ],
	[ 'swapped, writing the log', '', 1, 'log' ]);

# stopped($phase, ...): a refresh that stands still in this phase
sub stopped
{
	my ($phase, $more, undef, $place) = @_;

	return !defined $place ? start_and_stop($phase, [], $more) : $place eq 'reader' ? start_and_wait() : start_and_sleep($place);
}

# restart_after_killing(@others): kills the postmaster and others, lets who stands
# still go on, and starts the server once nobody is left
sub restart_after_killing
{
	my (@others) = @_;
	my $since = time;
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my @all = ($postmaster, children());

	kill 'KILL', $postmaster, @others;
	kill 'CONT', @all;
	while (my @alive = grep { is_alive($_) } @all)
	{
		die 'processes do not end' if time > $since + 180;
		# who waits for an internal lock of the dead does not see that the postmaster has
		# gone: that is the server's, and systemd ends them all, too
		kill 'KILL', @alive if time > $since + 5;
		usleep(10_000);
	}
	# who was killed may not be buried yet, and look alive to the server
	unlink $node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock';
	$node->{_pid} = undef;
	$node->start;
}

# is_alive($pid): and not just a process that nobody has waited for
sub is_alive
{
	my ($pid) = @_;

	open my $file, '<', "/proc/$pid/stat" or return 0;
	# it may end between the two
	my $stat = <$file>;
	return defined $stat && $stat !~ /\) Z/;
}

# recovered($name, $may_leave): what must hold when the server is back
sub recovered
{
	my ($name, $may_leave) = @_;
	my @left = unknown_files();
	my $new = @left - @unknown;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	old_scores_intact($name);
	if ($may_leave)
	{
		note("the server leaves $new files");
	}
	else
	{
		is($new, 0, "$name: no file is left behind");
	}
	@unknown = @left;
	next_refresh_works($name);
}

foreach (@phases)
{
	my ($phase, undef, $may_leave) = @$_;

	my $refresh = stopped(@$_);
	kill 'KILL', $refresh->{pid};
	ok(!ended($refresh), "killed while $phase");
	wait_for_server($node, $refresh->{pid});
	recovered("killed while $phase", $may_leave);
}

# A worker that reads, one that measures, and one that builds an index
foreach ([ 'reading 1 sources in parallel', $full, 0 ], [ 'measuring network', '', 0 ], [ 'publishing', '', 1 ])
{
	my ($phase, $more, $may_leave) = @$_;

	my $refresh = start_and_stop($phase, [], $more, 'worker');
	isnt($refresh->{pid}, $refresh->{leader}, 'a worker is stopped');
	is(sql('SELECT count(*) FROM influence_refresh_progress()'), '1', '... and is no refresh of its own');
	kill 'KILL', $refresh->{pid};
	ok(!ended($refresh), "a worker is killed while $phase");
	wait_for_server($node, $refresh->{pid});
	recovered("a worker was killed while $phase", $may_leave);
}

# The postmaster, and the process of the refresh with it
foreach (grep { $_->[0] !~ /history/ } @phases)
{
	my ($phase, undef, $may_leave) = @$_;

	my $refresh = stopped(@$_);
	restart_after_killing($refresh->{pid});
	ok(!ended($refresh), "killed with the postmaster while $phase");
	recovered("the postmaster was killed while $phase", $may_leave);
}

# The postmaster alone: a process ends when it waits for something, or when it is
# done. Either way all of the new scores are there, or all of the old.
foreach my $phase ('reading 1 sources in parallel', 'measuring network', 'publishing view "scores"')
{
	my $refresh = start_and_stop($phase, [], $phase =~ /^reading/ ? $full : '');
	restart_after_killing();
	note("$phase: the refresh " . (ended($refresh) ? 'succeeded' : 'ended'));
	is( sql(q{SELECT count(DISTINCT as_of) FROM (SELECT as_of FROM social.scores UNION SELECT published_as_of FROM influence.models
			UNION (SELECT as_of FROM social.score_history ORDER BY as_of DESC LIMIT 1)) AS moments}),
		'1', "the postmaster alone was killed while $phase: all of one refresh");
	@unknown = unknown_files();
	next_refresh_works("the postmaster alone was killed while $phase");
}

# What the server leaves of a table
{
	my $writer = run_beside('BEGIN', 'CREATE TABLE never AS SELECT generate_series(1, 1000)', 'SELECT pg_sleep(60)');

	wait_for(q{EXISTS (SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)')}, 'a table is created');
	my $pid = sql(q{SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'});

	kill 'KILL', $pid;
	ended($writer);
	wait_for_server($node, $pid);
	cmp_ok(scalar(my @left = unknown_files()), '>', scalar @unknown, 'a table that was never committed leaves its file, too');
}

$node->stop;
done_testing();
