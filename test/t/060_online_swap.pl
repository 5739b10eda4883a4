# A refresh puts new storage under the score views while people read them: no
# reader fails, sees a mix or waits for long; what users built on the views
# survives; nothing is left over, whatever happens to the refresh; crashes and
# standbys see the old scores or the new.
use strict;
use warnings;

use File::Basename;
use FindBin;
use lib $FindBin::RealBin;
use FaultTest qw(wait_for_server);
use IPC::Run;
use List::Util qw(max);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Longest time a reader may take on a slow machine, in milliseconds; what was
# measured is printed
my $SLOW = 2000;

my $node = PostgreSQL::Test::Cluster->new('swap');
$node->init(allows_streaming => 1, extra => ['--data-checksums']);
$node->append_conf('postgresql.conf',
	"timezone = 'UTC'\nautovacuum = off\nrestart_after_crash = on\nmax_wal_size = '2GB'\nallow_in_place_tablespaces = on\nlog_min_messages = warning\n");
$node->start;

sub sql
{
	my ($statement) = @_;

	return $node->safe_psql('postgres', $statement);
}

# run_beside($server, $statements): psql in the background, and what it says
sub run_beside
{
	my ($server, @statements) = @_;
	my $run = { out => '', err => '' };
	my @command = ('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $server->connstr('postgres'));

	push @command, '-c', $_ foreach @statements;
	$run->{harness} = IPC::Run::start(\@command, '<', \undef, '>', \$run->{out}, '2>', \$run->{err});
	return $run;
}

sub runs
{
	my ($run) = @_;

	$run->{harness}->pump_nb if $run->{harness}->pumpable;
	return $run->{harness}->pumpable;
}

# ended($run): wait for it; whether it succeeded
sub ended
{
	my ($run) = @_;

	return $run->{harness}->finish;
}

sub wait_for
{
	my ($server, $condition, $name) = @_;

	ok($server->poll_query_until('postgres', "SELECT $condition"), $name);
}

# The backend of a refresh that has got to this point
sub refresher
{
	my ($at) = @_;

	return "FROM pg_stat_activity WHERE query LIKE 'influence_refresh %$at%' AND pid <> pg_backend_pid()";
}

# Each refresh is a minute after the one before
my $minute = 0;

sub next_refresh
{
	my ($model) = @_;

	$minute++;
	return "SELECT status FROM influence_refresh('" . ($model // 'social') .
	  "', timestamptz '2024-06-01 12:00Z' + interval '$minute minutes')";
}

sub published
{
	my ($server) = @_;

	return ($server // $node)->safe_psql('postgres',
		"SELECT string_agg(DISTINCT to_char(as_of, 'HH24:MI'), ' ') FROM social.scores");
}

sub expected_as_of
{
	return sprintf('%02d:%02d', 12 + int($minute / 60), $minute % 60);
}

# Transient tables and their indexes, and toast tables with the name of another
my $LEFTOVERS = q{
	SELECT count(*) FROM pg_class WHERE relname ~ '^pg_temp_\d' OR relname LIKE '%\_new' OR relrewrite <> 0
	OR (relkind = 't' AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.reltoastrelid = pg_class.oid
		AND pg_class.relname = 'pg_toast_' || c.oid))};

# unknown_files(): files in the database's directory that belong to no relation
sub unknown_files
{
	my $directory = $node->data_dir . '/base/' . sql("SELECT oid FROM pg_database WHERE datname = 'postgres'");
	my %known = map { $_ => 1 } split /\n/, sql('SELECT pg_relation_filenode(oid) FROM pg_class WHERE relkind IN (\'r\', \'t\', \'m\', \'i\', \'S\')');

	sql('CHECKPOINT');
	return join ' ', sort grep { /^(\d+)/ && !$known{$1} } map { basename($_) } glob("$directory/*");
}

my $SIZE = q{SELECT sum(pg_total_relation_size(oid)) FROM pg_class
	WHERE relnamespace = 'social'::regnamespace AND relkind IN ('r', 'm')};

# pgbench($seconds, $prepared, %scripts): readers in the background, each script
# by one client; a wrong answer divides by zero
sub start_readers
{
	my ($seconds, %scripts) = @_;
	my @readers;

	foreach my $name (sort keys %scripts)
	{
		my $directory = PostgreSQL::Test::Utils::tempdir;
		my $reader = { name => $name, out => '', err => '', directory => $directory };

		append_to_file("$directory/script", $scripts{$name});
		$reader->{harness} = IPC::Run::start(
			['pgbench', '-n', '-M', 'prepared', '-T', $seconds, '-l', "--log-prefix=$directory/log", '-f', "$directory/script",
				$node->connstr('postgres')],
			'<', \undef, '>', \$reader->{out}, '2>', \$reader->{err});
		push @readers, $reader;
	}
	return @readers;
}

# finish_readers(@readers): checks them; the longest transaction of each, in milliseconds
sub finish_readers
{
	my (@readers) = @_;
	my %longest;

	foreach my $reader (@readers)
	{
		ok($reader->{harness}->finish, "reader \"$reader->{name}\" has no errors") or diag($reader->{err});
		my ($file) = glob("$reader->{directory}/log*");
		my @times = map { (split / /)[2] / 1000 } split /\n/, slurp_file($file);
		$longest{ $reader->{name} } = max(@times);
		note(sprintf('reader "%s": %d transactions, longest %.1f ms', $reader->{name}, scalar @times, max(@times)));
	}
	return %longest;
}

# A world of 20,000 people and 300,000 interactions
sql(q{
	CREATE EXTENSION influence;
	CREATE EXTENSION amcheck;
	CREATE EXTENSION pg_visibility;
	CREATE TABLE interactions AS
	SELECT 1 + (i * 7919 % 20000)::bigint AS actor, 1 + (power((i * 104729 % 1000003)::float8 / 1000003, 2) * 20000)::bigint AS target,
		(ARRAY['like', 'comment', 'share', 'follow'])[1 + i % 4] AS kind,
		timestamptz '2024-06-01 12:00Z' - i % 80 * interval '1 day' AS at
	FROM generate_series(1::bigint, 300000) AS i;
	SELECT influence_create_model('social');
	SELECT influence_add_source('social', 'interactions', 'interactions',
		actor => 'actor', target => 'target', occurred_at => 'at', kind_column => 'kind');
});
is(sql(next_refresh()), 'success', 'first refresh');
my $size = sql($SIZE);
note('people: ' . sql('SELECT count(*) FROM social.scores') . ", bytes: $size");

# --- Readers beside refreshes. With one network, everybody's score is that of
# the network: rows of two refreshes do not match.
my $consistent = q{1 / (count(*) > 0 AND count(*) FILTER (WHERE abs(s.score - n.score) > 1e-9) = 0
	AND min(s.as_of) = max(s.as_of))::int};
my %readers = (
	'point look-up' => q{
		\set id random(1, 20000)
		SELECT 1 / (count(*) <= 1)::int FROM social.scores WHERE user_id = :id;
		\sleep 2 ms},
	'influence_score' => q{
		\set id random(1, 100)
		SELECT 1 / (influence_score(:id) IS NOT NULL)::int;
		\sleep 2 ms},
	'whole views' => qq{
		SELECT $consistent FROM social.scores AS s JOIN social.network_scores AS n USING (user_id);
		SELECT 1 / (count(*) > 0)::int FROM social.signals;
		\\sleep 20 ms},
	'repeatable read' => qq{
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT 1 / (count(DISTINCT user_id) > 0)::int FROM social.network_scores;
		SELECT extract(epoch FROM max(as_of))::bigint AS as_of FROM social.scores \\gset
		SELECT $consistent FROM social.scores AS s JOIN social.network_scores AS n USING (user_id);
		SELECT 1 / (count(*) > 0)::int FROM social.score_history WHERE day = '2024-06-01' AND extract(epoch FROM as_of)::bigint = :as_of;
		COMMIT;
		\\sleep 20 ms});
my @running = start_readers(6, %readers);
my $refreshes = 0;

while ($refreshes < 4 || grep { runs($_) } @running)
{
	die 'a refresh failed' if sql(next_refresh()) ne 'success';
	$refreshes++;
}
my %longest = finish_readers(@running);
note("$refreshes refreshes beside them");
cmp_ok($longest{$_}, '<', $SLOW, "reader \"$_\" never waited long") foreach sort keys %longest;
is(published(), expected_as_of(), 'the last refresh is published');

# --- A transaction that holds on to a view delays the refresh, not other readers.
my $holder = run_beside($node, 'BEGIN', 'SELECT FROM social.network_scores LIMIT 1', 'SELECT pg_sleep(4)',
	'SELECT clock_timestamp()', 'COMMIT');
wait_for($node, "EXISTS (SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(4)')", 'a reader holds on to a view');
my $before = published();
my $refresh = run_beside($node, next_refresh());
@running = start_readers(2, %readers{'point look-up', 'influence_score'});
wait_for($node, 'EXISTS (SELECT ' . refresher('waiting for readers') . ')', 'the refresh waits for it');
%longest = finish_readers(@running);
cmp_ok($longest{$_}, '<', $SLOW, "reader \"$_\" was not held up") foreach sort keys %longest;
is(published(), $before, '... and reads the old scores');
ok(ended($holder), 'the holder ends');
ok(ended($refresh), 'the refresh ends') or diag($refresh->{err});
is(published(), expected_as_of(), '... and is published');
is(sql("SELECT finished_at >= '$holder->{out}' FROM influence.refresh_log ORDER BY run_id DESC LIMIT 1"),
	't', '... after the holder');

# --- Nothing bloats, nothing is left over.
sql(next_refresh()) for 1 .. 4;
my $ratio = sql($SIZE) / $size;
note(sprintf('size after %d refreshes: %.3f of that after one', $minute, $ratio));
cmp_ok($ratio, '<', 1.2, 'refreshes do not bloat the views');
is(sql($LEFTOVERS), '0', 'no transient tables are left');
is(unknown_files(), '', 'no files are left');

# --- What users built on the views survives.
sql("CREATE TABLESPACE $_ LOCATION ''") foreach qw(elsewhere by_default);
sql(q{
	CREATE ROLE analyst;
	CREATE FUNCTION public.slow(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
	BEGIN
		IF current_setting('swap.fail', true) = 'on' THEN
			RAISE EXCEPTION 'index expression failed';
		ELSIF current_setting('swap.stop', true) = 'on' THEN
			PERFORM pg_advisory_xact_lock_shared(42);
		END IF;
		RETURN $1;
	END $$;
	GRANT USAGE ON SCHEMA social TO analyst;
	GRANT SELECT ON social.scores TO analyst;
	GRANT SELECT (user_id, network) ON social.network_scores TO analyst;
	CREATE VIEW public.best AS SELECT user_id, score FROM social.scores WHERE rank <= 10;
	CREATE MATERIALIZED VIEW public.tiers AS SELECT tier, count(*) FROM social.scores GROUP BY tier;
	CREATE INDEX by_score ON social.scores (score DESC NULLS LAST) INCLUDE (tier) WITH (fillfactor = 70);
	COMMENT ON INDEX social.by_score IS 'of the analysts';
	CREATE INDEX by_tier ON social.scores (lower(tier) COLLATE "C" text_pattern_ops);
	CREATE UNIQUE INDEX best_only ON social.scores (rank, (slow(user_id))) WHERE score > 60;
	CREATE INDEX by_row ON social.scores ((hash_record_extended(scores, 0)));
	CREATE INDEX by_hash ON social.scores USING hash (user_id) TABLESPACE elsewhere;
	CREATE INDEX by_brin ON social.network_scores USING brin (score) WITH (pages_per_range = 4);
	CREATE INDEX ON social.score_history (score);
	CREATE STATISTICS social.correlated (dependencies) ON tier, score FROM social.scores;
	ALTER INDEX social.best_only ALTER COLUMN 2 SET STATISTICS 500;
	ALTER MATERIALIZED VIEW social.scores CLUSTER ON by_score;
});
my ($status) = $node->psql('postgres', 'CREATE UNIQUE INDEX CONCURRENTLY never_valid ON social.scores (tier)');
isnt($status, 0, 'a unique index cannot be built and stays behind invalid');
my $objects = q{
	SELECT c.oid, c.relname, c.relkind, c.relacl, c.reloptions, c.reltablespace, c.relpersistence, c.relowner, c.relispopulated,
		i.*, CASE WHEN i IS NOT NULL THEN pg_get_indexdef(c.oid) END, obj_description(c.oid),
		(SELECT array_agg((attname, attstattarget, attacl, col_description(c.oid, attnum)) ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid),
		(SELECT array_agg((classid, objid, objsubid, refobjsubid, deptype) ORDER BY classid, objid, objsubid, refobjsubid) FROM pg_depend AS d
			WHERE refobjid = c.oid AND NOT EXISTS (SELECT FROM pg_class AS t WHERE t.oid = d.objid AND t.relkind = 't'))
	FROM pg_class AS c LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
	WHERE c.relnamespace = 'social'::regnamespace ORDER BY c.oid};
my $objects_before = sql($objects);

sql("SET default_tablespace = by_default; " . next_refresh()) for 1 .. 2;
is(sql($objects), $objects_before, 'indexes, rights, comments, dependencies and options are as they were');
is(sql('SELECT count(*) FROM public.best'), '10', 'a view on the scores reads them');
is(sql('SELECT pg_tablespace_databases((SELECT oid FROM pg_tablespace WHERE spcname = \'by_default\')) IS NULL'),
	'', 'nothing moved to the default tablespace of the session');
is(sql('SET ROLE analyst; SELECT count(*) > 0 FROM social.scores'), 't', 'a grant holds');

# contents($server): digests of the views, with their rows in the order of an index
sub contents
{
	my ($server) = @_;
	my %keys = (scores => 'user_id', network_scores => 'user_id, network', signals => 'user_id, network, kind', score_history => 'user_id, day');

	return join "\n", map {
		my $digest = "SELECT '$_', count(*), md5(string_agg(v::text, ' ' ORDER BY $keys{$_})) FROM social.$_ AS v";
		map { $server->safe_psql('postgres', $_) } $digest, "SET enable_seqscan = off; SET enable_sort = off; $digest"
	} sort keys %keys;
}

# check_storage($name, $server): every index and every row of the model's schema
sub check_storage
{
	my ($name, $server) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is( ($server // $node)->safe_psql('postgres', q{
		SELECT count(bt_index_check(c.oid, true)) > 4 FROM pg_class AS c JOIN pg_index AS i ON i.indexrelid = c.oid JOIN pg_am AS a ON a.oid = c.relam
		WHERE amname = 'btree' AND indisvalid AND c.relkind = 'i' AND (c.relnamespace = 'social'::regnamespace OR i.indrelid IN
			(SELECT reltoastrelid FROM pg_class WHERE relnamespace = 'social'::regnamespace))}),
		't', "$name: every B-tree holds what its table holds");
	is( ($server // $node)->safe_psql('postgres', q{SELECT count(*) FROM pg_class AS c, verify_heapam(c.oid) WHERE relnamespace = 'social'::regnamespace AND relkind IN ('r', 'm')}),
		'0', "$name: no table is corrupt");
	is( ($server // $node)->safe_psql('postgres', q{SELECT count(*) FROM pg_class AS c, LATERAL (SELECT FROM pg_check_frozen(c.oid) UNION ALL SELECT FROM pg_check_visible(c.oid)) AS t
		WHERE relnamespace = 'social'::regnamespace AND relkind IN ('r', 'm')}),
		'0', "$name: the visibility map is right");
}
check_storage('after refreshes');
is( sql(q{SELECT count(*) > 3, count(*) FILTER (WHERE relpages = 0 OR relallvisible <> relpages OR reltuples < 1) FROM pg_class
	WHERE relnamespace = 'social'::regnamespace AND relkind IN ('r', 'm')}), 't|0', 'all pages are all-visible from the start');
sql('VACUUM (FREEZE, ANALYZE)');
sql('VACUUM (DISABLE_PAGE_SKIPPING) social.scores');
check_storage('after VACUUM');
my $by_heap = sql("SELECT count(*), count(*) FILTER (WHERE score > 60) FROM social.scores WHERE lower(tier) = 'average'");
is( sql(qq{SET enable_seqscan = off; SELECT count(*), count(*) FILTER (WHERE score > 60) FROM social.scores WHERE lower(tier) = 'average'}),
	$by_heap, 'an index that a user added finds as many rows');
is( sql(q{SET enable_seqscan = off; SELECT count(*) FROM social.network_scores WHERE score > 50}),
	sql(q{SET enable_bitmapscan = off; SELECT count(*) FROM social.network_scores WHERE score > 50}), 'a BRIN index too');
is(sql(q{SET enable_seqscan = off; SET enable_indexscan = on; SELECT count(*) FROM social.scores WHERE user_id = 7}), '1', 'a hash index too');
sql('REINDEX TABLE social.scores') if sql('DROP INDEX social.never_valid') eq '';
sql('REFRESH MATERIALIZED VIEW CONCURRENTLY social.scores');
sql('CLUSTER social.scores');
is(sql(next_refresh()), 'success', 'a refresh after REINDEX, REFRESH CONCURRENTLY and CLUSTER');
check_storage('after that');

# --- A refresh that fails or is cancelled while it publishes leaves nothing.
my $last = published();
my $failed;
($status, undef, $failed) = $node->psql('postgres', "SET swap.fail = on; " . next_refresh());
like($failed, qr/index expression failed/, 'a refresh fails while it builds an index');
$holder = run_beside($node, 'BEGIN', 'SELECT FROM social.signals LIMIT 1', 'SELECT pg_sleep(600)');
wait_for($node, "EXISTS (SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)')", 'a reader holds on to a view');
$refresh = run_beside($node, "SET statement_timeout = '4s'; " . next_refresh());
wait_for($node, 'EXISTS (SELECT ' . refresher('waiting for readers') . ')', 'a refresh waits for it');
ok(!ended($refresh), 'statement_timeout ends a refresh that waits');
like($refresh->{err}, qr/statement timeout/, '... with its error');
$refresh = run_beside($node, next_refresh());
wait_for($node, 'EXISTS (SELECT ' . refresher('waiting for readers') . ')', 'another one waits');
sql('SELECT pg_cancel_backend(pid) ' . refresher('waiting'));
ok(!ended($refresh), 'it is cancelled');
like($refresh->{err}, qr/canceling statement due to user request/, '... with its error');
sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'");
ended($holder);
is(published(), $last, 'the old scores stay');
is(sql($LEFTOVERS), '0', 'no transient tables are left');
is(unknown_files(), '', 'no files are left');
is(sql(next_refresh()), 'success', 'the next refresh works');

# --- Indexes are built by workers while views are written. The comparison of these
# indexes tells of the process that calls it; the refresh's own may take one of the
# two, and the other is left to a worker.
sql(q{
	CREATE FUNCTION watched(a float8, b float8) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
	DECLARE
		process text;
	BEGIN
		IF current_setting('swap.compare', true) IN ('fail', 'stop') THEN
			process := (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid());
			IF current_setting('swap.compare') = 'fail' AND process = 'parallel worker' THEN
				RAISE 'comparison failed in a %', process;
			END IF;
			PERFORM pg_sleep(0.1);
		END IF;
		RETURN btfloat8cmp(a, b);
	END $$;
	CREATE OPERATOR CLASS watched FOR TYPE float8 USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =,
		OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 watched(float8, float8);
	CREATE INDEX watched ON social.signals (count watched);
	CREATE INDEX watched_too ON social.signals (decayed_value watched);
});
my $IN_PARALLEL = 'SET min_parallel_table_scan_size = 0; SET maintenance_work_mem = \'128MB\'; SET max_parallel_maintenance_workers = 2; ';
my $COMPARING = "FROM pg_stat_activity WHERE backend_type = 'parallel worker' AND wait_event = 'PgSleep'";
is(sql($IN_PARALLEL . next_refresh()), 'success', 'a refresh with workers for indexes');
check_storage('after workers');
is(sql('SET max_parallel_maintenance_workers = 0; ' . next_refresh()), 'success', 'a refresh without');
$last = published();
($status, undef, $failed) = $node->psql('postgres', "SET swap.compare = fail; $IN_PARALLEL" . next_refresh());
like($failed, qr/comparison failed in a parallel worker/, 'a worker fails, and the refresh with it');
foreach my $signal ('pg_cancel_backend', 'pg_terminate_backend')
{
	$refresh = run_beside($node, 'SET swap.compare = stop', split(/(?<=;) /, $IN_PARALLEL), next_refresh());
	wait_for($node, "EXISTS (SELECT $COMPARING)", 'a worker builds an index');
	sql("SELECT $signal(pid) " . refresher('publishing'));
	ok(!ended($refresh), "$signal ends the refresh");
	wait_for($node, "NOT EXISTS (SELECT $COMPARING)", '... and its workers');
}
is(published(), $last, 'the old scores stay');
is(sql($LEFTOVERS), '0', 'no transient tables are left');
is(unknown_files(), '', 'no files are left');
sql('DROP INDEX social.watched, social.watched_too');

# --- kill -9 while an index is built, and while the swap waits.
$last = published();
foreach my $point ('publishing the indexes', 'waiting for readers')
{
	$holder = run_beside($node, 'BEGIN', 'SELECT FROM social.scores LIMIT 1', 'SELECT pg_advisory_lock(42)', 'SELECT pg_sleep(600)');
	wait_for($node, "EXISTS (SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)')", 'a reader holds on to a view');
	$refresh = run_beside($node, ($point =~ /indexes/ ? 'SET swap.stop = on; ' : '') . next_refresh());
	wait_for($node, 'EXISTS (SELECT ' . refresher($point) . " AND ('$point' LIKE 'waiting%' OR wait_event = 'advisory'))", "a refresh is $point");
	my $pid = sql('SELECT pid ' . refresher($point));

	kill KILL => $pid;
	ended($refresh);
	ended($holder);
	ok(wait_for_server($node, $pid), 'the server recovers');
	is(published(), $last, 'the old scores are there');
	is(sql($LEFTOVERS), '0', 'no transient tables are left');
}
check_storage('after kill -9');
is(sql(next_refresh()), 'success', 'the next refresh works');
is(published(), expected_as_of(), '... and is published');

# --- Ids that are stored out of line: longer than 2 kB when they are packed, or nearly.
sql(q{
	CREATE FUNCTION id(i bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
		SELECT i || CASE WHEN i % 3 = 0 THEN repeat('long', 5000) WHEN i % 3 = 1 THEN string_agg(md5(i::text || j), '') ELSE '' END
		FROM generate_series(1, 62) AS j
	$$;
	CREATE TABLE letters AS SELECT id(actor % 100) AS actor, id(target % 100) AS target, at FROM interactions LIMIT 2000;
	SELECT influence_create_model('letters', 'text');
	SELECT influence_add_source('letters', 'letters', 'letters', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like');
});
foreach my $round (1 .. 3)
{
	is(sql(next_refresh('letters')), 'success', 'a refresh with long ids');
	is( sql(q{SELECT count(*), count(*) FILTER (WHERE influence_score(id(i), 'letters') = s.score AND h.score = s.score) FROM generate_series(0, 99) AS i
		JOIN letters.scores AS s ON s.user_id = id(i) JOIN letters.score_history AS h ON h.user_id = id(i)}),
		'100|100', 'everybody is found');
}
is(sql('SELECT pg_relation_size(reltoastrelid) > 0 FROM pg_class WHERE oid = \'letters.scores\'::regclass'), 't', 'some ids are stored out of line');
is(sql($LEFTOVERS), '0', 'toast tables have their names, nothing is left');
is(sql(q{SELECT count(*) FROM pg_class AS c, verify_heapam(c.oid) WHERE relnamespace = 'letters'::regnamespace AND relkind IN ('r', 'm')}),
	'0', 'no table is corrupt');
is(sql(q{SELECT count(bt_index_check(c.oid, true)) FROM pg_class AS c WHERE relkind = 'i'
	AND relname ~ '^(scores|network_scores|signals)_' AND relnamespace = 'letters'::regnamespace}), '4', 'nor an index');

# An autovacuum worker or a session may hold a toast table without its view.
$holder = run_beside($node, 'BEGIN',
	'DO $$ BEGIN EXECUTE (SELECT format(\'SELECT count(*) FROM %s\', reltoastrelid::regclass) FROM pg_class WHERE oid = \'letters.scores\'::regclass); END $$',
	'SELECT pg_sleep(3)', 'COMMIT');
wait_for($node, "EXISTS (SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(3)')", 'somebody holds a toast table');
$refresh = run_beside($node, next_refresh('letters'));
@running = start_readers(1, 'beside' => 'SELECT 1 / count(*) FROM letters.scores;');
%longest = finish_readers(@running);
cmp_ok($longest{beside}, '<', $SLOW, 'readers go on meanwhile');
ok(ended($holder) && ended($refresh), 'the refresh waits for it');

# --- A standby sees the new scores; a query there is waited for or cancelled as
# the standby is set to.
$node->backup('swap');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'swap', has_streaming => 1);
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = -1\nwal_receiver_status_interval = 1\n");
$standby->start;
foreach my $feedback ('on', 'off')
{
	$standby->append_conf('postgresql.conf', "hot_standby_feedback = $feedback\n");
	$standby->reload;
	$node->wait_for_catchup($standby);
	my $old = published($standby);
	$holder = run_beside($standby, 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT max(as_of) FROM social.scores', 'SELECT pg_sleep(2)',
		'SELECT max(as_of) FROM social.scores', 'COMMIT');
	wait_for($standby, "EXISTS (SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(2)')", "feedback $feedback: a query runs on the standby");
	is(sql(next_refresh()), 'success', 'a refresh');
	ok(ended($holder), 'the query goes on') or diag($holder->{err});
	like($holder->{out}, qr/^(.*)\n\n\1$/m, '... with the old scores');
	$node->wait_for_catchup($standby);
	is(published($standby), expected_as_of(), 'the standby has the new scores');
	isnt(published($standby), $old, '... not the old ones');
	is(contents($standby), contents($node), '... row by row, by table and by index');
	check_storage('standby', $standby);
	is($standby->safe_psql('postgres', q{SELECT influence_score(7, 'social')}), sql(q{SELECT influence_score(7, 'social')}), 'influence_score works there');
	# what is kept of closed days is not: it is unlogged
	is($standby->safe_psql('postgres', q{SELECT * FROM influence_check_forgotten(7, 'social')}), sql(q{SELECT * FROM influence_check_forgotten(7, 'social')}),
		'... and so does influence_check_forgotten');
}
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = 100ms\n");
$standby->reload;
$holder = run_beside($standby, 'BEGIN', 'SELECT max(as_of) FROM social.scores', 'SELECT pg_sleep(60)', 'COMMIT');
wait_for($standby, "EXISTS (SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)')", 'a query runs on the standby');
sql(next_refresh());
ok(!ended($holder), 'the query is cancelled when the standby may not wait');
like($holder->{err}, qr/conflict with recovery/, '... with its error');
$node->wait_for_catchup($standby);
is(published($standby), expected_as_of(), 'the standby has the new scores');
$standby->stop;
$node->stop;

# --- wal_level = minimal: the new storage is not in the WAL, and safe all the same.
$node = PostgreSQL::Test::Cluster->new('minimal');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nwal_level = minimal\nmax_wal_senders = 0\nautovacuum = off\n");
$node->start;
sql(q{
	CREATE EXTENSION influence;
	CREATE EXTENSION amcheck;
	CREATE EXTENSION pg_visibility;
	CREATE TABLE interactions AS SELECT i % 9000 AS actor, i % 7000 AS target, timestamptz '2024-06-01 11:00Z' AS at FROM generate_series(1::bigint, 60000) AS i;
});
$minute = 0;
# created, indexed and refreshed twice in one transaction; then once more
sql(q{
	BEGIN;
	SELECT influence_create_model('social');
	SELECT influence_add_source('social', 'interactions', 'interactions', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like');
	CREATE INDEX ON social.scores (score);
} . next_refresh() . '; SAVEPOINT s; ' . next_refresh() . '; ROLLBACK TO s; ' . next_refresh() . '; COMMIT;');
foreach my $round (1 .. 2)
{
	$node->stop('immediate');
	$node->start;
	is(published(), expected_as_of(), "wal_level = minimal: the new scores survive a crash right after the commit ($round)");
	check_storage('wal_level = minimal');
	sql(next_refresh());
}
$node->stop;
done_testing();
