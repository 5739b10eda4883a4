# What others do in the middle of a refresh, and transactions around it: sources
# that are dropped, renamed or changed, options, DROP EXTENSION, a log that is
# locked; ROLLBACK, savepoints, exceptions, isolation levels, PREPARE TRANSACTION.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use FaultTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('changes');
$node->init;
$node->append_conf('postgresql.conf', q{
	timezone = 'UTC'
	fsync = off
	autovacuum = off
	synchronize_seqscans = off
	max_worker_processes = 16
	max_prepared_transactions = 5
	max_parallel_workers_per_gather = 1
	min_parallel_table_scan_size = 0
});
$node->start;
create_world($node, 20_000, 4_000);

# A model of somebody who is no superuser, with two sources: the first is waited
# for, the second is changed meanwhile
sql(q{
	CREATE ROLE keeper;
	GRANT CREATE ON DATABASE postgres TO keeper;
	CREATE TABLE later_events AS SELECT * FROM events WHERE actor % 7 = 0;
	GRANT SELECT ON gate, later_events TO keeper;
	SET ROLE keeper;
	SELECT influence_create_model('mine');
	SELECT influence_add_source('mine', 'a gate', 'gate', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like');
	SELECT influence_add_source('mine', 'later', 'later_events', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'comment');
	SELECT influence_refresh('mine', '2024-06-01 12:00Z');
	RESET ROLE;
	CREATE TABLE mine_kept AS TABLE mine.scores;
});
my $same = q{SELECT count(*) FILTER (WHERE abs(s.score - k.score) < 1e-9) = count(*) FROM mine.scores AS s FULL JOIN mine_kept AS k USING (user_id)};
my $digest = q{SELECT md5(string_agg(s::text, ';' ORDER BY user_id)) FROM mine.scores AS s};
my @serial = ('SET ROLE keeper', 'SET max_parallel_workers_per_gather = 0');
my $refresh_mine = "SELECT status FROM influence_refresh('mine', '2024-06-01 18:00Z')";

foreach (
	[ 'dropped', 'ALTER TABLE later_events RENAME TO saved; CREATE TABLE aside AS TABLE saved; DROP TABLE saved',
		q{SET ROLE keeper; SELECT influence_remove_source('mine', 'later'); RESET ROLE; CREATE TABLE later_events AS TABLE aside; GRANT SELECT ON later_events TO keeper;
		SET ROLE keeper; SELECT influence_add_source('mine', 'later', 'later_events', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'comment')} ],
	[ 'renamed', 'ALTER TABLE later_events RENAME TO renamed', 'ALTER TABLE renamed RENAME TO later_events' ],
	[ 'moved', 'CREATE SCHEMA elsewhere; ALTER TABLE later_events SET SCHEMA elsewhere', 'ALTER TABLE elsewhere.later_events SET SCHEMA public' ],
	[ 'robbed of a column', 'ALTER TABLE later_events RENAME actor TO was_actor', 'ALTER TABLE later_events RENAME was_actor TO actor' ],
	[ 'given another type', 'ALTER TABLE later_events ALTER actor TYPE text', 'ALTER TABLE later_events ALTER actor TYPE bigint USING actor::bigint' ],
	[ 'revoked', 'REVOKE SELECT ON later_events FROM keeper', 'GRANT SELECT ON later_events TO keeper' ],
	[ 'put under row-level security', 'ALTER TABLE later_events ENABLE ROW LEVEL SECURITY', 'ALTER TABLE later_events DISABLE ROW LEVEL SECURITY' ],
	[ 'emptied', 'CREATE TABLE full_events AS TABLE later_events; TRUNCATE later_events', 'INSERT INTO later_events TABLE full_events' ])
{
	my ($what, $change, $repair) = @$_;
	my $before = sql($digest);
	my $gate = shut_gate();
	my $refresh = run_beside(@serial, 'SET fault.wait = gate', $refresh_mine);

	waits_at_gate();
	sql("SET lock_timeout = '20s'; $change");
	open_gate($gate);
	if (ended($refresh))
	{
		# the rows are those that the owner may see, as of the refresh's snapshot
		ok($what =~ /row-level|emptied|renamed|moved/, "the second source is $what while the first is read: the refresh goes on");
	}
	else
	{
		like($refresh->{err}, qr/ERROR: .*(source "later"|later_events)/, "the second source is $what while the first is read: the refresh fails and names it");
		is(sql($digest), $before, '... the old scores stay');
		like(sql(q{SELECT status, error FROM influence.refresh_log WHERE model = 'mine' ORDER BY run_id DESC LIMIT 1}), qr/^failed\|.*later/, '... it is logged');
	}
	sql($repair);
	is(sql("SET ROLE keeper; SELECT status FROM influence_refresh('mine', '2024-06-01 12:00Z')"), 'success', '... and the next one works');
	is(sql($same), 't', '... with the same scores');
}

# Several processes read: who changes a source that is being read waits
{
	sql(q{
		CREATE FUNCTION naps(bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
		BEGIN
			IF $1 = 1 AND current_setting('fault.sleep', true) = 'rows' THEN
				PERFORM pg_sleep(0.2);
			END IF;
			RETURN true;
		END $$;
		SET ROLE keeper;
		SELECT influence_add_source('mine', 'naps', 'later_events', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'share',
			filter => 'public.naps(post)');
	});
	my $refresh = run_beside('SET ROLE keeper', 'SET fault.sleep = rows', $refresh_mine);

	wait_for(q{EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'influence_refresh "mine": reading % in parallel')}, 'several processes read');
	my ($status, undef, $error) = $node->psql('postgres', "SET lock_timeout = '100ms'; ALTER TABLE later_events DROP COLUMN target");
	like($error, qr/lock timeout/, 'a source that is being read cannot be changed');
	ok(ended($refresh), '... and the refresh goes on');
	sql(q{SET ROLE keeper; SELECT influence_remove_source('mine', 'naps')});
}

# The options of a model, while it is refreshed: they count from the next one on
{
	my $gate = shut_gate();
	my $refresh = run_beside('SET max_parallel_workers_per_gather = 0', 'SET fault.wait = gate', next_refresh(REFRESHED));

	waits_at_gate();
	sql(q{UPDATE influence.models SET damping = 0.5 WHERE model = 'social'});
	open_gate($gate);
	ok(ended($refresh), 'options are changed during a refresh, which goes on');
	is(sql(q{SELECT count(*) FILTER (WHERE abs(s.score - k.score) < 1e-9) = count(*) FROM social.scores AS s FULL JOIN kept AS k USING (user_id)}),
		't', '... with the options that it began with');
	is(sql(q{SELECT damping FROM influence.models WHERE model = 'social'}), '0.5', '... and leaves the new ones');
	sql(next_refresh(REFRESHED));
	is(sql(q{SELECT bool_or(abs(s.score - k.score) > 1e-3) FROM social.scores AS s JOIN kept AS k USING (user_id)}), 't', '... for the next one');
	sql(q{UPDATE influence.models SET damping = 0.85 WHERE model = 'social'});
	next_refresh_works('after a change of options');
}

# The log is locked: a refresh waits before it locks the views, so that readers go on
{
	my $locker = run_beside('BEGIN', 'LOCK TABLE influence.refresh_log IN SHARE MODE', 'SELECT pg_sleep(60)');

	wait_for(q{EXISTS (SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)')}, 'the log is locked');
	my $refresh = run_beside(next_refresh(DISTURBED));
	wait_for(q{EXISTS (SELECT FROM pg_locks WHERE relation = 'influence.refresh_log'::regclass AND NOT granted)}, 'the refresh waits for the log');
	is($node->psql('postgres', q{SET statement_timeout = '2s'; SELECT count(*) FROM social.scores}), 0, 'readers go on while a refresh waits for the log');
	sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'});
	ended($locker);
	ok(ended($refresh), '... and the refresh goes on when the log is free');
	next_refresh_works('after a locked log');
}

# Transactions
my $runs = 'SELECT count(*) FROM influence.refresh_log';
my $count = sql($runs);

# changes_nothing($what, $statements): and is not logged, as the transaction is not
sub changes_nothing
{
	my ($what, $statements) = @_;

	sql($statements);
	old_scores_intact($what);
	is(sql($runs), $count, "$what: the log is that of what was committed");
}

my $disturbed = next_refresh(DISTURBED);
changes_nothing('ROLLBACK', "BEGIN; $disturbed; ROLLBACK");
changes_nothing('ROLLBACK TO SAVEPOINT', "BEGIN; SAVEPOINT s; $disturbed; ROLLBACK TO s; COMMIT");
changes_nothing('a released savepoint in a transaction that is rolled back', "BEGIN; SAVEPOINT s; $disturbed; RELEASE s; ROLLBACK");
changes_nothing('an exception', "DO \$\$ BEGIN PERFORM 1 FROM (SELECT ($disturbed)) AS s; RAISE EXCEPTION 'after it'; EXCEPTION WHEN raise_exception THEN NULL; END \$\$");
changes_nothing('ROLLBACK PREPARED', "BEGIN; $disturbed; PREPARE TRANSACTION 'p'; ROLLBACK PREPARED 'p'");
next_refresh_works('after transactions that were rolled back');

# A refresh fails in a subtransaction: that is logged, and the transaction goes on
$count = sql($runs);
sql(q{ALTER TABLE events RENAME at TO was_at});
is( sql("CREATE TABLE notes (note text); DO \$\$ BEGIN PERFORM 1 FROM (SELECT ($disturbed)) AS s; EXCEPTION WHEN OTHERS THEN INSERT INTO notes VALUES (SQLERRM); END \$\$; SELECT note ~ 'events' FROM notes"),
	't', 'an exception block catches a refresh that fails');
sql(q{ALTER TABLE events RENAME was_at TO at});
old_scores_intact('a refresh that fails in an exception block');
is(sql($runs), $count + 1, '... and is logged');
next_refresh_works('... the next');

# What goes with a refresh
foreach my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
{
	is(sql("BEGIN ISOLATION LEVEL $level; SELECT count(*) > 0 FROM social.scores; " . next_refresh(DISTURBED) . '; SELECT count(*) > 0 FROM social.scores; COMMIT'),
		"t\nsuccess\nt", "in a transaction that is $level");
	next_refresh_works("after $level");
}
is(sql("BEGIN; SAVEPOINT a; $disturbed; SAVEPOINT b; " . next_refresh(REFRESHED) . '; ROLLBACK TO b; RELEASE a; COMMIT; SELECT DISTINCT as_of AT TIME ZONE \'UTC\' FROM social.scores'),
	"success\nsuccess\n2024-06-01 18:00:00", 'the inner of two refreshes is rolled back');
next_refresh_works('after an inner one was rolled back');
foreach my $set ('BEGIN READ ONLY', 'SET default_transaction_read_only = on')
{
	my ($status, undef, $error) = $node->psql('postgres', "$set; $disturbed");
	like($error, qr/ERROR:  cannot refresh model "social" in a read-only transaction/, "refused: $set");
	old_scores_intact($set);
}
sql("BEGIN; $disturbed; PREPARE TRANSACTION 'p'");
is($node->psql('postgres', q{SET lock_timeout = '100ms'; SELECT count(*) FROM social.scores}), 3, 'a prepared transaction keeps the locks of the swap');
is(sql(next_refresh(REFRESHED)), 'skipped', '... and other refreshes off');
$node->stop('immediate');
$node->start;
sql("COMMIT PREPARED 'p'");
is(sql(q{SELECT DISTINCT as_of AT TIME ZONE 'UTC' FROM social.scores}), '2024-06-01 18:00:00', 'PREPARE TRANSACTION, a crash, COMMIT PREPARED: the new scores');
is(leftovers(), '0', '... and no relation is left behind');
next_refresh_works('after COMMIT PREPARED');

# DROP EXTENSION waits for a refresh, and then takes all of it
{
	my $gate = shut_gate();
	my $refresh = run_beside('SET max_parallel_workers_per_gather = 0', 'SET fault.wait = gate', next_refresh(DISTURBED));

	waits_at_gate();
	my $drop = run_beside('DROP EXTENSION influence CASCADE');
	wait_for(q{EXISTS (SELECT FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) WHERE a.query LIKE 'DROP EXTENSION%' AND NOT granted)}, 'DROP EXTENSION waits');
	open_gate($gate);
	ok(ended($refresh), 'a refresh goes on while DROP EXTENSION waits') or diag($refresh->{err});
	ok(ended($drop), '... which then succeeds') or diag($drop->{err});
	is(sql(q{SELECT count(*) FROM pg_proc WHERE proname LIKE 'influence%'}), '0', '... and leaves nothing');
}

$node->stop;
done_testing();
