# What the tests of faults share: a world with a model, refreshes in the
# background that are stopped in a given phase, and what must hold afterwards.
#
# A refresh is stopped from outside, by SIGSTOP: a function in the server watches
# pg_stat_activity, which shows each phase, and has a shell send the signal. The
# phase is looked up again once the process stands still; when it is over, the
# refresh goes on and another one is tried.

package FaultTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Basename;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

our @EXPORT = qw(wait_for_server create_world watch_over sql run_beside ended wait_for next_refresh published start_and_stop start_and_sleep start_and_wait children shut_gate open_gate waits_at_gate
  old_scores_intact next_refresh_works unknown_files leftovers temporary_files REFRESHED DISTURBED);

# The moment of all that is published, and that of the refreshes that are disturbed
use constant { REFRESHED => '2024-06-01 12:00Z', DISTURBED => '2024-06-01 18:00Z' };

my ($node, $published);

sub sql
{
	my ($statement) = @_;

	return $node->safe_psql('postgres', $statement);
}

# watch_over($server): from now on that is where everything happens
sub watch_over
{
	($node) = @_;
}

# create_world($server, $rows, $people): table "events", read incrementally by the
# model "social"; what a refresh that nobody disturbs publishes is in "kept"
sub create_world
{
	my $rows;
	my $people;

	($node, $rows, $people) = @_;
	sql(qq{
		CREATE EXTENSION influence;
		CREATE TABLE events AS
		SELECT 1 + i * 7919 % $people AS actor, 1 + (power((i * 104729 % 1000003)::float8 / 1000003, 2) * $people)::bigint AS target,
			(ARRAY['like', 'comment', 'share', 'follow', 'post'])[1 + i % 5] AS kind, (ARRAY['app', 'twitter'])[1 + i / 3 % 2] AS network,
			timestamptz '2024-06-01 11:00Z' - i % 70 * interval '1 day' AS at, i % 1009 AS post
		FROM generate_series(1::bigint, $rows) AS i;
		UPDATE events SET kind = 'favorite' WHERE network = 'twitter' AND kind = 'like';
		SELECT influence_create_model('social');
		SELECT influence_add_source('social', 'events', 'events', actor => 'actor', target => 'target', occurred_at => 'at',
			kind_column => 'kind', network_column => 'network', post => 'post', incremental => true);
		-- sleeps when the setting fault.sleep names this place, and waits for whoever has
		-- the advisory lock 42 when fault.wait does
		CREATE FUNCTION sleeps_at(place text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS \$\$
		BEGIN
			IF current_setting('fault.sleep', true) = place THEN
				PERFORM pg_sleep(60);
			ELSIF current_setting('fault.wait', true) = place THEN
				PERFORM pg_advisory_xact_lock_shared(42);
			END IF;
			RETURN true;
		END \$\$;
		CREATE FUNCTION slow_log() RETURNS trigger LANGUAGE plpgsql AS \$\$
		BEGIN
			PERFORM public.sleeps_at('log');
			RETURN NEW;
		END \$\$;
		CREATE TRIGGER slow_log BEFORE INSERT ON influence.refresh_log FOR EACH ROW EXECUTE FUNCTION slow_log();
		CREATE VIEW gate AS SELECT 1::bigint AS actor, 2::bigint AS target, timestamptz '2024-06-01 11:00Z' AS at WHERE sleeps_at('gate');
		SELECT influence_add_source('social', 'gate', 'gate', actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like');
		CREATE INDEX slow ON social.scores ((user_id > 0 AND public.sleeps_at('index')));
		CREATE FUNCTION stop_refresh(phase text, kind text, OUT victim int, OUT leader int) LANGUAGE plpgsql AS \$\$
		DECLARE
			give_up timestamptz := clock_timestamp() + interval '5 seconds';
			-- a refresh that is over shows the client's query again
			refreshes text := 'influence_refresh "social": %';
			seen boolean := false;
		BEGIN
			LOOP
				PERFORM pg_stat_clear_snapshot();
				SELECT a.pid, CASE kind WHEN 'leader' THEN a.pid ELSE w.pid END INTO leader, victim
				FROM pg_stat_activity AS a LEFT JOIN pg_stat_activity AS w ON w.leader_pid = a.pid
				WHERE a.backend_type = 'client backend' AND a.query LIKE 'influence_refresh "social": ' || phase || '%'
				LIMIT 1;
				EXIT WHEN victim IS NOT NULL;
				IF EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE refreshes) THEN
					seen := true;
				ELSIF seen OR clock_timestamp() > give_up THEN
					RETURN;
				END IF;
			END LOOP;
			EXECUTE format('COPY (SELECT) TO PROGRAM %L', 'kill -STOP ' || victim || ' || true; cat > /dev/null');
			PERFORM pg_stat_clear_snapshot();
			IF EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.pid = leader AND a.query LIKE 'influence_refresh "social": ' || phase || '%')
				AND EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.pid = victim) THEN
				RETURN;
			END IF;
			EXECUTE format('COPY (SELECT) TO PROGRAM %L', 'kill -CONT ' || victim || ' || true; cat > /dev/null');
			victim := NULL;
		END \$\$;
		SELECT influence_refresh('social', timestamptz '@{[ REFRESHED ]}' - interval '1 day');
		SELECT influence_refresh('social', '@{[ REFRESHED ]}');
		CREATE TABLE kept AS TABLE social.scores;
	});
	$published = published();
}

# run_beside(@statements): psql in the background, and what it says
sub run_beside
{
	my (@statements) = @_;
	my $run = { out => '', err => '' };
	my @command = ('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'));

	push @command, '-c', $_ foreach @statements;
	$run->{harness} = IPC::Run::start(\@command, '<', \undef, '>', \$run->{out}, '2>', \$run->{err});
	return $run;
}

# ended($run): wait for it; whether it succeeded
sub ended
{
	my ($run) = @_;

	return $run->{harness}->finish;
}

sub wait_for
{
	my ($condition, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->poll_query_until('postgres', "SELECT $condition") or die "timed out: $name";
}

# The statement of a refresh
sub next_refresh
{
	my ($as_of, $more) = @_;

	return "SELECT status FROM influence_refresh('social', '$as_of'" . ($more // '') . ')';
}

# Everything that is published and configured, to the last bit
sub published
{
	return sql(q{SELECT md5(concat(
		(SELECT string_agg(s::text, ';' ORDER BY s.user_id) FROM social.scores AS s),
		(SELECT string_agg(s::text, ';' ORDER BY s.user_id, s.network) FROM social.network_scores AS s),
		(SELECT string_agg(s::text, ';' ORDER BY s.user_id, s.network, s.kind) FROM social.signals AS s),
		(SELECT string_agg(h::text, ';' ORDER BY h.user_id, h.day) FROM social.score_history AS h),
		(SELECT string_agg(c::text, ';' ORDER BY c.version) FROM influence.calibrations AS c WHERE model = 'social'),
		(SELECT string_agg(m::text, ';') FROM influence.models AS m WHERE model = 'social'),
		(SELECT string_agg(n::text, ';' ORDER BY n.network) FROM influence.networks AS n WHERE model = 'social'),
		(SELECT string_agg(s::text, ';' ORDER BY s.source) FROM influence.sources AS s WHERE model = 'social')))});
}

# wait_for_server($server, $pid): after that process of it was killed; whether it is back
sub wait_for_server
{
	my ($server, $pid) = @_;
	# poll_query_until() feeds psql through a pipe, which breaks when psql cannot connect
	my @command = ('psql', '-X', '-q', '-d', $server->connstr('postgres'), '-c', 'SELECT');
	my $since = time;

	# before the postmaster has learnt of the death it lets people in, and throws them out then
	usleep(1_000) while kill(0, $pid) && time < $since + 60;
	until (IPC::Run::run(\@command, '<', \undef, '>', \my $out, '2>', \my $err))
	{
		return 0 if time > $since + 180;
		usleep(20_000);
	}
	return 1;
}

# children(): of the postmaster
sub children
{
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;

	return split / /, slurp_file("/proc/$postmaster/task/$postmaster/children");
}

# ended_or_revived($watch): wait for who stops a refresh; a process that was stopped
# while it held a lock of the server's own goes on first
sub ended_or_revived
{
	my ($watch) = @_;
	my $since = time;

	while ($watch->{harness}->pumpable)
	{
		$watch->{harness}->pump_nb;
		usleep(2_000);
		kill 'CONT', children() if time > $since + 8;
	}
	return ended($watch);
}

# start_and_stop($phase, $settings, $more, $kind): a refresh in the background
# whose process ("leader") or one of its workers ("worker") stands still in a phase
sub start_and_stop
{
	my ($phase, $settings, $more, $kind) = @_;

	foreach my $attempt (1 .. 40)
	{
		my $watch = run_beside("SELECT victim, leader FROM stop_refresh('$phase', '@{[ $kind // 'leader' ]}') WHERE victim IS NOT NULL");
		my $refresh = run_beside(@$settings, next_refresh(DISTURBED, $more));

		ended_or_revived($watch) or die $watch->{err};
		if ($watch->{out} =~ /(\d+)\|(\d+)/)
		{
			($refresh->{pid}, $refresh->{leader}) = ($1, $2);
			note("\"$phase\" was hit at attempt $attempt");
			return $refresh;
		}
		ended($refresh) or die $refresh->{err};
		# what was too fast to be stopped has been published
		sql(next_refresh(REFRESHED));
		$published = published();
	}
	die "no refresh could be stopped while $phase";
}

# start_and_sleep($place): a refresh in the background that sleeps in a place
sub start_and_sleep
{
	my ($place, @settings) = @_;
	my $refresh = run_beside(@settings, "SET fault.sleep = $place", next_refresh(DISTURBED));
	my $sleeping = q{FROM pg_stat_activity WHERE query LIKE 'influence_refresh "social": %' AND wait_event = 'PgSleep'};

	wait_for("EXISTS (SELECT $sleeping)", "a refresh sleeps at $place");
	$refresh->{leader} = $refresh->{pid} = sql("SELECT pid $sleeping");
	return $refresh;
}

# start_and_wait(@settings): a refresh in the background that waits for a reader
sub start_and_wait
{
	my (@settings) = @_;
	my $reader = run_beside('BEGIN', 'SELECT FROM social.scores LIMIT 1', 'SELECT pg_sleep(60)');
	wait_for(q{EXISTS (SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)')}, 'a reader reads');
	my $refresh = run_beside(@settings, next_refresh(DISTURBED));
	my $waiting = q{FROM pg_stat_activity WHERE query LIKE 'influence_refresh "social": waiting for readers'};

	wait_for("EXISTS (SELECT $waiting)", 'a refresh waits for a reader');
	$refresh->{reader} = $reader;
	$refresh->{leader} = $refresh->{pid} = sql("SELECT pid $waiting");
	return $refresh;
}

# Hold up refreshes that wait (fault.wait); gives what lets them go on
sub shut_gate
{
	my $gate = { in => "SELECT pg_advisory_lock(42);\n\\echo shut\n", out => '', err => '' };

	$gate->{harness} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], \$gate->{in}, \$gate->{out}, \$gate->{err});
	$gate->{harness}->pump until $gate->{out} =~ /shut/;
	return $gate;
}

sub open_gate
{
	my ($gate) = @_;

	$gate->{in} .= "\\q\n";
	return $gate->{harness}->finish;
}

# waits_at_gate(): until somebody does
sub waits_at_gate
{
	wait_for(q{EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)}, 'somebody waits at the gate');
}

# Transient tables and their indexes, and toast tables with the name of another
sub leftovers
{
	return sql(q{
		SELECT count(*) FROM pg_class WHERE relname ~ '^pg_temp_\d' OR relname LIKE '%\_new' OR relrewrite <> 0
		OR (relkind = 't' AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.reltoastrelid = pg_class.oid
			AND pg_class.relname = 'pg_toast_' || c.oid))});
}

# Temporary files that are there while nothing runs
sub temporary_files
{
	return join ' ', map { glob($node->data_dir . "/$_") } 'base/pgsql_tmp/*', 'pg_tblspc/*/*/pgsql_tmp/*';
}

# Files in the directory of the database that belong to no relation
sub unknown_files
{
	my $directory = $node->data_dir . '/base/' . sql("SELECT oid FROM pg_database WHERE datname = 'postgres'");
	my %known;

	# the files of what was dropped go at a checkpoint
	sql('CHECKPOINT');
	%known = map { $_ => 1 } split /\n/, sql('SELECT pg_relation_filenode(oid) FROM pg_class WHERE relkind IN (\'r\', \'t\', \'m\', \'i\', \'S\')');
	return sort grep { /^(\d+)/ && !$known{$1} } map { basename($_) } glob("$directory/*");
}

# old_scores_intact($what): nothing of a refresh that failed is to be seen
sub old_scores_intact
{
	my ($what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(published(), $published, "$what: the old scores, to the last bit");
	is(leftovers(), '0', "$what: no relation is left behind");
	is(temporary_files(), '', "$what: no temporary file is left behind");
}

# next_refresh_works($what): and gives the scores of one that nobody disturbed
sub next_refresh_works
{
	my ($what, @settings) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(sql(join(';', @settings, next_refresh(REFRESHED))), 'success', "$what: the next refresh works");
	is( sql(q{SELECT count(*) FILTER (WHERE abs(s.score - k.score) < 1e-9 AND s.rank = k.rank
			AND abs(s.network_influence - k.network_influence) < 1e-9) = count(*) FROM social.scores AS s FULL JOIN kept AS k USING (user_id)}),
		't', "$what: ... and gives the same scores");
	$published = published();
}

1;
