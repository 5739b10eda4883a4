# No room: a full disk, files that may not grow, a limit of temporary files and
# memory that runs out, in each place where a refresh writes or allocates. It fails
# with the server's error, the old scores stay, what it wrote is given back, and the
# next refresh works.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use FaultTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The full disk is a small one in memory, which the server sees in a namespace of
# its own: root is needed in there only.
my $disk = PostgreSQL::Test::Utils::tempdir_short();
my @in_namespace = ('unshare', '-Urm', 'sh', '-c',
	'mount -t tmpfs -o size=48m tmpfs "$1" && shift && exec unshare -U --map-user=' . $> . ' --map-group=' . (split / /, $))[0] . ' "$@"', 'sh', $disk);
my $has_disk = IPC::Run::run([ @in_namespace, 'true' ], '<', \undef, '>', \my $out, '2>', \my $err);

my $node = PostgreSQL::Test::Cluster->new('no_room');
$node->init(extra => ['--wal-segsize=1']);
$node->append_conf('postgresql.conf', q{
	timezone = 'UTC'
	fsync = off
	autovacuum = off
	synchronize_seqscans = off
	max_worker_processes = 16
	max_parallel_workers_per_gather = 1
	wal_level = minimal
	max_wal_senders = 0
	log_min_messages = warning
});
if ($has_disk)
{
	command_ok([ @in_namespace, 'pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile, '-o', '--cluster-name=no_room', 'start' ], 'the server starts with a small disk');
	$node->_update_pid(1);
}
else
{
	$node->start;
}
create_world($node, 300_000, 10_000);

# fails($what, $code, $error, @statements): so does the refresh, and changes nothing
sub fails
{
	my ($what, $code, $error, @statements) = @_;
	my $refresh = pop @statements;
	my $run = run_beside(@statements, $refresh);

	ok(!ended($run), "$what: the refresh fails");
	like($run->{err}, $error, '... with its error');
	like(sql('SELECT error_code FROM influence.refresh_log ORDER BY run_id DESC LIMIT 1'), $code, '... in the log');
	old_scores_intact($what);
}

# limited($resource, $bytes): a statement that limits its own process, as ulimit does
sub limited
{
	my ($resource, $bytes) = @_;

	return qq{DO \$\$ BEGIN EXECUTE format('COPY (SELECT) TO PROGRAM %L', 'cat > /dev/null; exec prlimit --pid ' || pg_backend_pid() || ' --$resource=' || $bytes || ':'); END \$\$};
}

my $refresh = next_refresh(DISTURBED);
my $full_refresh = next_refresh(DISTURBED, ', "full" => true');
my $spilling = "SET influence.max_memory = '16MB'";
my $DISK_FULL = qr/could not (extend|write).*(No space left on device|wrote only)/;

SKIP:
{
	skip 'user namespaces are not allowed here, so that there is no small disk', 1 unless $has_disk;

	sql("CREATE TABLESPACE small LOCATION '$disk'");

	# fill($kilobytes): leave so much of the disk
	my $fill = sub {
		sql("COPY (SELECT) TO PROGRAM 'cat > /dev/null; cd $disk; rm -f filler; head -c \$((\$(df -k --output=avail . | tail -1) - $_[0]))K /dev/zero > filler'");
	};
	my $used_now = sub { sql("COPY (SELECT) TO PROGRAM 'cat > /dev/null; df -k --output=used $disk | tail -1 > $disk/used'; SELECT trim(pg_read_file('$disk/used'))"); };

	my $today = sql("SELECT relid FROM pg_partition_tree('social.score_history') WHERE isleaf ORDER BY relid::text DESC LIMIT 1");

	foreach (
		[ 'the heap of a view', 'ALTER MATERIALIZED VIEW social.signals SET TABLESPACE' ],
		[ 'an index', 'ALTER INDEX social.signals_user_id_network_kind_idx SET TABLESPACE' ],
		[ 'the history', "ALTER TABLE $today SET TABLESPACE" ],
		[ 'closed days', 'ALTER TABLE influence.closed_records SET TABLESPACE', $full_refresh ],
		[ 'temporary files', 'SET temp_tablespaces =', $full_refresh, $spilling ])
	{
		my ($what, $move, $statement, @settings) = @$_;
		my @before = $move =~ /^SET/ ? ("$move small") : ();

		sql("$move small") if !@before;
		next_refresh_works("$what on the small disk");
		sql('CHECKPOINT');
		$fill->(64);
		my $used = $used_now->();
		fails("no room for $what", qr/^53100$/, $DISK_FULL, @before, @settings, $statement // $refresh);
		sql('CHECKPOINT');
		# rows that were rolled back wait for VACUUM
		cmp_ok($used_now->(), '<=', $used + ($what eq 'closed days' ? 80 : 8), 'what was written is given back');
		sql("COPY (SELECT) TO PROGRAM 'cat > /dev/null; rm $disk/filler'");
		sql("$move pg_default") if !@before;
		next_refresh_works("after no room for $what");
	}
}

# temp_file_limit
fails('a limit of temporary files', qr/^53400$/, qr/temporary file size exceeds "?temp_file_limit"?/, $spilling, "SET temp_file_limit = '500kB'", $full_refresh);
next_refresh_works('after a limit of temporary files', $spilling);

# Files that may not grow beyond 1.1 MB (a segment of the WAL has 1 MB here)
foreach ([ 'a temporary file', $spilling ], [ 'a view' ])
{
	my ($what, @settings) = @$_;

	sql('CHECKPOINT');
	fails("no growth of $what", qr/^(53100|XX000)$/, qr/could not (extend|write).*File too large/, @settings,
		'SET max_parallel_workers_per_gather = 0', limited('fsize', 1_100_000), $full_refresh);
}

# Rows that workers have read wait in shared memory. Where they had to go to a file,
# that is given back before people are measured.
sub shared_kilobytes_while_measuring
{
	my (@settings) = @_;
	my $refresh = start_and_stop('measuring', \@settings, ', "full" => true');
	my $mapped = slurp_file("/proc/$refresh->{leader}/smaps");
	my $kilobytes = 0;

	$kilobytes += $1 while $mapped =~ m{ /dev/shm/PostgreSQL\..*\nSize: +(\d+) kB}g;
	kill 'CONT', $refresh->{pid};
	ended($refresh) or die $refresh->{err};
	next_refresh_works("after @settings");
	return $kilobytes;
}

cmp_ok(shared_kilobytes_while_measuring("SET influence.max_memory = '1GB'"), '>', 4096, 'rows are in shared memory while people are measured');
cmp_ok(shared_kilobytes_while_measuring($spilling), '<', 4096, 'none are when they had to go to a file');

# Memory that the system does not give, at ever later moments
my $failures = 0;
my $size = "(SELECT split_part(pg_read_file('/proc/' || pg_backend_pid() || '/statm'), ' ', 1)::bigint * 4096)";
foreach my $megabytes (1, 5, 10, 16, 22, 28, 40, 60, 80)
{
	my $run = run_beside('SET max_parallel_workers_per_gather = 0', 'SELECT influence_score(1)', limited('as', "($size + $megabytes * 1048576)"), $full_refresh);

	last if ended($run);
	like($run->{err}, qr/out of memory|could not (map|resize)/, "$megabytes MB are not enough");
	is(sql('SELECT error_code FROM influence.refresh_log ORDER BY run_id DESC LIMIT 1'), '53200', '... in the log');
	old_scores_intact("$megabytes MB");
	$failures++;
}
cmp_ok($failures, '>', 1, "memory ran out $failures times");
next_refresh_works('after memory ran out');

$node->stop;
done_testing();
