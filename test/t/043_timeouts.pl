# Timeouts that come together, and sessions that hold on to a refresh: a cancel is
# not lost to the timeout of a lock, the session's lock_timeout is not that of the
# swap, and a refresh that is never committed leaves nothing.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use FaultTest;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

# Longest time from a cancel to the end of the statement, in milliseconds
my $PATIENCE = 2000;

my $node = PostgreSQL::Test::Cluster->new('timeouts');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nfsync = off\nautovacuum = off\nsynchronize_seqscans = off\nmax_parallel_workers_per_gather = 0\n");
$node->start;
create_world($node, 20_000, 4_000);

# ended_soon($run, $milliseconds): whether it succeeded; killed when it does not end
sub ended_soon
{
	my ($run, $milliseconds) = @_;
	my $since = time;

	while ($run->{harness}->pumpable)
	{
		$run->{harness}->pump_nb;
		usleep(2_000);
		if ((time - $since) * 1000 > $milliseconds)
		{
			$run->{harness}->kill_kill;
			fail('in time');
			return 0;
		}
	}
	return ended($run);
}

# A psql in the background that stays after its statements
sub run_beside_and_idle
{
	my ($statements) = @_;
	my $run = { in => "$statements\n\\echo ready\n", out => '', err => '' };

	$run->{harness} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], \$run->{in}, \$run->{out}, \$run->{err});
	$run->{harness}->pump until $run->{out} =~ /ready/;
	return $run;
}

# A cancel or a statement timeout that comes together with the timeout of a lock is
# not lost: while a refresh waits for readers it gives up again and again. It is
# stopped for longer than it waits for a lock, so that both are there when it goes on.
foreach my $what ('user request', 'statement timeout')
{
	my @settings = $what =~ /statement/ ? 'SET statement_timeout = 3000' : ();
	my $refresh = start_and_wait(@settings);
	my $since = sql("SELECT extract(epoch FROM query_start) FROM pg_stat_activity WHERE pid = $refresh->{pid}");

	my $waiting = "EXISTS (SELECT FROM pg_locks WHERE pid = $refresh->{pid} AND NOT granted)";
	foreach my $attempt (1 .. 400)
	{
		wait_for($waiting, 'it waits for a lock');
		kill 'STOP', $refresh->{pid};
		last if sql("SELECT $waiting") eq 't';
		kill 'CONT', $refresh->{pid};
	}
	if ($what =~ /statement/)
	{
		wait_for("extract(epoch FROM clock_timestamp()) > $since + 2.7", 'the statement times out');
	}
	else
	{
		usleep(300_000);
		sql("SELECT pg_cancel_backend($refresh->{pid})");
	}
	kill 'CONT', $refresh->{pid};
	ok(!ended_soon($refresh, $PATIENCE), "a $what that comes with a lock timeout ends the refresh");
	like($refresh->{err}, qr/canceling statement due to $what/, '... with its error');
	sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'});
	ended($refresh->{reader});
	old_scores_intact("a $what with a lock timeout");
}

# Two signals of a kind that are on their way to a process are one. A refresh that
# waits for readers never sends itself the signal of a cancel, which could be the one
# that is left of two: it is looked for at each system call for some seconds, and
# where it is found, a cancel is sent.
SKIP:
{
	my %requests = (seize => 0x4206, interrupt => 0x4207, to_syscall => 24, detach => 17);
	my ($ptrace, $wait4) = eval { local $SIG{__WARN__} = sub { }; require 'sys/syscall.ph'; (SYS_ptrace(), SYS_wait4()) };
	skip 'the numbers of system calls are not known', 5 unless defined $wait4;

	my $refresh = start_and_wait();
	my $pid = 0 + $refresh->{pid};
	my $until = time + 6;
	my $met = 0;
	my $trace = sub { return syscall($ptrace, $requests{ $_[0] }, $pid, 0, $_[1] // 0) == 0 };
	my $stopped_by = sub { my $status = pack 'i', 0; return syscall($wait4, $pid, $status, 0, 0) == $pid ? unpack('i', $status) >> 8 & 0xff : die };

	if (!$trace->('seize', 1))
	{
		my $why = $!;

		sql(qq{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $pid OR query = 'SELECT pg_sleep(60)'});
		ended($_) foreach $refresh, $refresh->{reader};
		skip "a process cannot be traced: $why", 5;
	}
	$trace->('interrupt');
	for (my $over = 0; !$over;)
	{
		my $signal = $stopped_by->();

		# bit 1 is SIGINT
		$met = 1 if hex(substr((slurp_file("/proc/$pid/status") =~ /^ShdPnd:\s*(\w+)/m)[0], -1)) & 2;
		kill 'INT', $pid if $met;
		$over = $met || time > $until;
		# system calls have 0x80 in it, and SIGTRAP is that of the interrupt
		$trace->($over ? 'detach' : 'to_syscall', $signal & 0x80 || $signal == POSIX::SIGTRAP ? 0 : $signal);
	}
	is($met, 0, 'no signal of its own can be taken for a cancel');
	kill 'INT', $refresh->{pid} unless $met;
	ok(!ended_soon($refresh, $PATIENCE), '... and a cancel ends it');
	sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'});
	ended($refresh->{reader});
	old_scores_intact('a cancel among other signals');
}

# The session's own lock_timeout and deadlock_timeout are not those of the swap, and
# a session that idles with a refresh that it never commits is ended.
{
	my $refresh = start_and_wait('SET lock_timeout = 30', "SET deadlock_timeout = '20ms'");

	usleep(400_000);
	sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'});
	ended($refresh->{reader});
	ok(ended($refresh), 'lock_timeout does not end a refresh that waits for readers') or diag($refresh->{err});
	next_refresh_works('with lock_timeout');

	$refresh = run_beside_and_idle("SET idle_in_transaction_session_timeout = '100ms'; BEGIN; " . next_refresh(DISTURBED) . ';');
	wait_for(q{NOT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'idle in transaction')}, 'the session ends');
	$refresh->{in} .= "\\q\n";
	ended($refresh);
	old_scores_intact('idle_in_transaction_session_timeout');
	next_refresh_works('idle_in_transaction_session_timeout');
}

$node->stop;
done_testing();
