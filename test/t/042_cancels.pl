# pg_cancel_backend() and statement_timeout end a refresh, and what else computes
# scores, within a second, whatever it is doing.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use FaultTest;
use List::Util qw(max);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Longest time from a cancel to the end of the statement, in milliseconds: a second,
# and as much again for machines that others keep busy
my $PATIENCE = 2000;

# More rows and more random moments than usual, to look for what is slow
my $rows = $ENV{CANCEL_ROWS} // 1_000_000;
my $moments = $ENV{CANCELS} // 6;

my $node = PostgreSQL::Test::Cluster->new('cancels');
$node->init;
$node->append_conf('postgresql.conf', q{
	timezone = 'UTC'
	fsync = off
	autovacuum = off
	max_wal_size = '4GB'
	synchronize_seqscans = off
	max_worker_processes = 16
	log_min_messages = warning
	log_statement = none
});
$node->start;
create_world($node, $rows, $rows / 20);

# cancel_in(phase, after): waits until a statement shows this, and cancels it a
# little later; gives what it was doing then and how long it took to end
sql(q{
	CREATE FUNCTION cancel_in(wanted text, after float8, OUT phase text, OUT milliseconds int) LANGUAGE plpgsql AS $$
	DECLARE
		since timestamptz := clock_timestamp();
		victim int;
	BEGIN
		LOOP
			PERFORM pg_stat_clear_snapshot();
			SELECT pid INTO victim FROM pg_stat_activity WHERE application_name = 'victim' AND state = 'active' AND query LIKE wanted;
			EXIT WHEN FOUND;
			IF clock_timestamp() > since + interval '60 seconds' THEN
				RETURN;
			END IF;
		END LOOP;
		PERFORM pg_sleep(after), pg_stat_clear_snapshot();
		SELECT query INTO phase FROM pg_stat_activity WHERE pid = victim AND state = 'active';
		since := clock_timestamp();
		PERFORM pg_cancel_backend(victim);
		LOOP
			PERFORM pg_stat_clear_snapshot();
			EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = victim AND state = 'active');
		END LOOP;
		milliseconds := extract(epoch FROM clock_timestamp() - since) * 1000;
	END $$;
});

my $longest = 0;

# cancelled($statement, $phase, $after, @settings): whether it came in time, and
# whether the statement was what was cancelled
sub cancelled
{
	my ($statement, $phase, $after, @settings) = @_;

	foreach my $attempt (1 .. 20)
	{
		my $watch = run_beside("SELECT * FROM cancel_in('$phase%', $after)");
		my $victim = run_beside(@settings, "SET application_name = 'victim'", $statement);

		my $succeeded = ended($victim);
		ended($watch) or die $watch->{err};
		next if $succeeded;
		my ($hit, $milliseconds) = $watch->{out} =~ /^(.*)\|(\d+)$/ or next;
		like($victim->{err}, qr/canceling statement due to user request/, "cancelled: $hit");
		cmp_ok($milliseconds, '<', $PATIENCE, "... after $milliseconds ms");
		$longest = max($longest, $milliseconds);
		return;
	}
	fail("$statement was never cancelled at $phase");
}

my $shown = 'influence_refresh "social": ';
my $refresh = next_refresh(DISTURBED);
my $full_refresh = next_refresh(DISTURBED, ', "full" => true');

cancelled($refresh, $shown . 'loading closed days', 0);
cancelled($full_refresh, $shown . 'reading', 0.2);
cancelled($full_refresh, $shown . 'keeping closed days', 0.1);
cancelled($refresh, $shown . 'measuring network', 0.05);
cancelled($refresh, $shown . 'scoring', 0);
cancelled($refresh, $shown . 'publishing view "signals"', 0);
cancelled($refresh, $shown . 'publishing view "scores"', 0);
cancelled($refresh, $shown . 'publishing the history', 0);
cancelled($refresh, $shown . 'publishing the indexes', 0);

# At any moment
foreach (1 .. $moments)
{
	my $milliseconds = 20 + int(rand(900));
	my ($status, undef, $error) = $node->psql('postgres', "SET statement_timeout = $milliseconds; $full_refresh");

	if ($status == 0)
	{
		next_refresh_works('in time');
		next;
	}
	like($error, qr/canceling statement due to statement timeout/, "statement_timeout after $milliseconds ms");
	cmp_ok(sql('SELECT extract(epoch FROM finished_at - started_at) * 1000 FROM influence.refresh_log ORDER BY run_id DESC LIMIT 1'),
		'<', $milliseconds + $PATIENCE, '... in time');
}
is(leftovers(), '0', 'no relation is left behind');

# In the other functions that take their time. Pairs are judged at random.
sql(qq{
	CREATE TABLE pairs AS SELECT 1 + i * 7919 % @{[ $rows / 20 ]} AS more_influential, 1 + i * 104729 % @{[ $rows / 20 ]} AS less_influential
		FROM generate_series(1::bigint, @{[ $rows / 4 ]}) AS i;
	DELETE FROM pairs WHERE more_influential = less_influential;
	CREATE EXTENSION postgres_fdw;
	CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '@{[ $node->host ]}', port '@{[ $node->port ]}', dbname 'postgres', extensions 'influence');
	CREATE USER MAPPING FOR CURRENT_USER SERVER far;
	CREATE FOREIGN TABLE far_events (actor bigint, target bigint, kind text, network text, at timestamptz, post bigint) SERVER far OPTIONS (table_name 'events');
	SELECT influence_create_model('far');
	SELECT influence_add_source('far', 'events', 'far_events', actor => 'actor', target => 'target', occurred_at => 'at', kind_column => 'kind', network_column => 'network', post => 'post');
});
my %statements = (
	fit => [ q{SELECT count(*) FROM influence_fit('social', 'TABLE pairs')}, 0, 0.5, 1 ],
	evaluate => [ q{SELECT count(*) FROM influence_evaluate('social', 'TABLE pairs')}, 0, 0.05 ],
	preview => [ q{SELECT count(*) FROM influence_preview('social', '{"damping": 0.5}')}, 0.3, 0.7 ],
	check => [ q{SELECT sum(matches) FROM generate_series(1, 100) AS i, influence_check_forgotten(i, 'social')}, 0, 0.02 ],
	pagerank => [ q{SELECT count(*) FROM influence_pagerank('SELECT actor AS source, target FROM events')}, 0, 0.2 ],
	groups => [ q{SELECT influence_refresh('far')}, 0, 0.3 ]);
foreach my $name (sort keys %statements)
{
	my ($statement, @moments) = @{ $statements{$name} };

	cancelled($statement, $name =~ /preview|groups|fit/ ? 'influence_refresh' : 'SELECT', $_) foreach @moments;
}
note("the longest took $longest ms");
old_scores_intact('after many cancels');

$node->stop;
done_testing();
