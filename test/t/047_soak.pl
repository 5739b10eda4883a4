# A thousand refreshes by one session, beside writers and readers: its memory, its
# files and locks, the relations and the catalogs do not grow. SOAK gives another
# number of refreshes.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $refreshes = $ENV{SOAK} // 1000;

my $node = PostgreSQL::Test::Cluster->new('soak');
$node->init;
$node->append_conf('postgresql.conf', q{
	timezone = 'UTC'
	shared_buffers = '8MB'
	fsync = off
	autovacuum = on
	autovacuum_naptime = '1s'
	autovacuum_vacuum_cost_delay = 0
	max_worker_processes = 16
	log_min_messages = warning
	log_statement = none
});
$node->start;

sub sql
{
	my ($statement) = @_;

	return $node->safe_psql('postgres', $statement);
}

# Two models of the same 2,000 interactions, which are replaced all the time
sql(q{
	CREATE EXTENSION influence;
	CREATE TABLE events (actor bigint, target bigint, kind text, at timestamptz);
	CREATE INDEX ON events (at);
	CREATE FUNCTION write_events(n int) RETURNS void LANGUAGE sql AS $$
		INSERT INTO events SELECT 1 + random() * 300, 1 + random() * random() * 300, (ARRAY['like', 'comment', 'share', 'post'])[1 + i % 4],
			now() - random() * random() * interval '50 days' FROM generate_series(1, n) AS i
	$$;
	SELECT write_events(2000);
	SELECT influence_create_model('incremental');
	SELECT influence_create_model('plain');
	SELECT influence_add_source('incremental', 'events', 'events', actor => 'actor', target => 'target', occurred_at => 'at', kind_column => 'kind', incremental => true);
	SELECT influence_track_changes('incremental', 'events');
	SELECT influence_add_source('plain', 'events', 'events', actor => 'actor', target => 'target', occurred_at => 'at', kind_column => 'kind');
	SELECT influence_refresh('incremental'), influence_refresh('plain');
	SET default_statistics_target = 10;
	VACUUM ANALYZE;
	CREATE TABLE measured (refreshes int, memory bigint, resident bigint, peak bigint, files int, locks int, relations int, scores bigint, catalogs bigint);
	CREATE FUNCTION measure(refreshes int) RETURNS void LANGUAGE sql AS $$
		INSERT INTO measured SELECT refreshes, (SELECT sum(used_bytes) FROM pg_backend_memory_contexts),
			substring(status, 'RssAnon:\s*(\d+)')::bigint, substring(status, 'VmHWM:\s*(\d+)')::bigint,
			(SELECT count(*) FROM pg_ls_dir('/proc/self/fd')), (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()),
			(SELECT count(*) FROM pg_class),
			(SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace IN ('plain'::regnamespace, 'incremental'::regnamespace) AND relkind IN ('r', 'm')),
			(SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r')
		FROM pg_read_file('/proc/self/status') AS status
	$$;
});

# The session, which measures now and then
my $script = '';
my @measured = map { int($refreshes * $_ / 5) } 1 .. 5;
foreach my $i (1 .. $refreshes)
{
	my $model = $i % 2 == 0 ? 'plain' : 'incremental';

	$script .= "SELECT 1 / (status = 'success')::int FROM influence_refresh('$model') \\g /dev/null\n";
	# failures and rollbacks leave nothing, either
	$script .= "BEGIN; SELECT influence_refresh('$model') \\g /dev/null\nROLLBACK;\n" if $i % 20 == 0;
	$script .= "SET statement_timeout = 8;\n\\set ON_ERROR_STOP off\nSELECT influence_refresh('$model', full => true) \\g /dev/null\n\\set ON_ERROR_STOP on\nRESET statement_timeout;\n" if $i % 50 == 0;
	$script .= "SELECT measure($i);\n" if grep { $_ == $i } @measured;
}
my $directory = PostgreSQL::Test::Utils::tempdir;
append_to_file("$directory/script", $script);
append_to_file("$directory/writer", "SELECT write_events(5);\nDELETE FROM events WHERE ctid IN (SELECT ctid FROM events ORDER BY random() LIMIT 5);\n\\sleep 20 ms\n");
append_to_file("$directory/reader", q{
	\set id random(1, 300)
	SELECT influence_score(:id, 'plain'), count(*) FROM incremental.scores;
	SELECT 1 / (count(*) > 0 AND min(as_of) = max(as_of))::int FROM plain.scores;
	\sleep 10 ms
});
my %beside;
foreach my $name ('writer', 'reader')
{
	$beside{$name} = { out => '', err => '' };
	$beside{$name}{harness} = IPC::Run::start([ 'pgbench', '-n', '-c', '2', '-T', '3600', '-f', "$directory/$name", $node->connstr('postgres') ],
		'<', \undef, '>', \$beside{$name}{out}, '2>', \$beside{$name}{err});
}
my ($out, $err);
ok(IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', "$directory/script" ],
	'<', \undef, '>', \$out, '2>', \$err), "$refreshes refreshes") or diag($err);
foreach my $name (sort keys %beside)
{
	ok($beside{$name}{harness}->pumpable, "the ${name}s had no errors") or diag($beside{$name}{err});
	# one that was started in the background of a script ignores INT, and so do its children
	$beside{$name}{harness}->signal('TERM');
	eval { $beside{$name}{harness}->finish };
	unlike($beside{$name}{err}, qr/ERROR/, '... to the end');
}
is(sql(q{SELECT count(*) FILTER (WHERE status = 'success') FROM influence.refresh_log}) - 2, $refreshes, 'all are in the log');

# What it had after two fifths of the refreshes it has in the end, but for what the
# server remembers of each relation that ever was, such as a toast table that it had
# no statistics of: about 2 kB a refresh, and 1 kB of a REFRESH MATERIALIZED VIEW.
my @columns = split /\|/, 'refreshes|memory|resident|peak|files|locks|relations|scores|catalogs';
my @rows = map { my %row; @row{@columns} = split /\|/, $_; \%row } split /\n/, sql('TABLE measured ORDER BY refreshes');
note(join "\n", map { my $row = $_; join ', ', map { "$_ $row->{$_}" } @columns } @rows);
my ($early, $late) = @rows[1, -1];
my $more = $late->{refreshes} - $early->{refreshes};
cmp_ok($late->{memory}, '<=', $early->{memory} + 3072 * $more + 65536, 'bytes in memory contexts');
cmp_ok($late->{resident}, '<', $early->{resident} + 4 * $more + 1024, 'resident kB');
cmp_ok($late->{peak}, '<', $early->{peak} + 4 * $more + 2048, 'most kB that ever were');
cmp_ok($late->{files}, '<=', $early->{files} + 40, 'open files');
is($late->{locks}, $early->{locks}, 'locks');
is($late->{relations}, $early->{relations}, 'relations');
cmp_ok($late->{scores}, '<', $early->{scores} * 1.5, 'bytes of the score views');
cmp_ok($late->{catalogs}, '<', $early->{catalogs} * 2, 'bytes of the catalogs, under autovacuum');
is(sql(q{SELECT count(*) FROM pg_class WHERE relname ~ '^pg_temp_\d' OR relname LIKE '%\_new' OR relrewrite <> 0}), '0', 'no transient relation is left');
is(join(' ', glob($node->data_dir . '/base/pgsql_tmp/*')), '', 'no temporary file is left');

$node->stop;
unlike(slurp_file($node->logfile), qr/WARNING:.*leak|TRAP|PANIC/, 'no leak is in the log');
done_testing();
