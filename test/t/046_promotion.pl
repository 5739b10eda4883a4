# The primary server is killed in the middle of a refresh: its standby, which has
# read the scores meanwhile, is promoted, has the old ones, and refreshes. What is
# kept of closed days is not in the WAL, so the new primary begins without.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use FaultTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nfsync = off\nautovacuum = off\nsynchronize_seqscans = off\n");
$node->start;
create_world($node, 20_000, 4_000);
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

# A refresh that is committed, one that writes its views, and one that has swapped them
sql(next_refresh(DISTURBED));
sql(next_refresh(REFRESHED));
my $refresh = start_and_sleep('index');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
my $query = q{SET statement_timeout = '60s'; SELECT count(*), min(as_of) = max(as_of), (SELECT count(*) FROM social.score_history), influence_score(1) FROM social.scores};
my $before = sql($query);
is($standby->safe_psql('postgres', $query), $before, 'the standby is read while views are written');
sql("SELECT pg_cancel_backend($refresh->{pid})");
ended($refresh);
$refresh = start_and_sleep('log');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
$node->stop('immediate');
ok(!ended($refresh), 'the primary server goes down in the middle of a refresh');
$standby->promote;
is($standby->safe_psql('postgres', $query), $before, 'the new primary server has the old scores');

watch_over($standby);
is(leftovers(), '0', '... and no relation is left behind');
is(sql('SELECT count(*) FROM influence.closed_days'), '0', 'it has nothing of closed days');
next_refresh_works('promoted');
isnt(sql('SELECT count(*) FROM influence.closed_days'), '0', 'now it has');
is(sql(next_refresh(DISTURBED)), 'success', 'the next one reads what is new');
next_refresh_works('promoted, later');
$standby->stop('immediate');
$standby->start;
old_scores_intact('the new primary server crashes');
next_refresh_works('after a crash');

$standby->stop;
done_testing();
