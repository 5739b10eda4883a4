# Sources on other servers, through postgres_fdw: a partitioned table whose
# partitions are foreign gives the scores of a local one; aggregates are shipped
# whole, and states that were made and stored elsewhere are rolled up here.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @shards = map { PostgreSQL::Test::Cluster->new("shard$_") } 1, 2;
my $node = PostgreSQL::Test::Cluster->new('center');

foreach my $server (@shards, $node)
{
	$server->init(extra => [ '--encoding=UTF8', '--no-locale' ]);
	$server->append_conf('postgresql.conf', "timezone = 'UTC'\n");
	$server->start;
	$server->safe_psql('postgres', 'CREATE EXTENSION influence');
}

sub sql
{
	my ($statement) = @_;

	return $node->safe_psql('postgres', $statement);
}

my $COLUMNS = 'shard int, actor bigint, target bigint, kind text, at timestamptz, weight float8';

# Rows of one server: everybody is reacted to from all servers. A few rows do
# not count: no target, no actor, a weight that is not a number.
sub rows_of
{
	my ($shard) = @_;

	return qq{
		SELECT $shard, nullif(1 + i * 7919 % 300, 300), nullif(1 + i * 104729 % 997 * (i * 31 % 300) / 997, 17),
			(ARRAY['like', 'comment', 'share', 'follow'])[1 + i % 4],
			timestamptz '2024-06-01 12:00Z' - i % 80 * interval '1 day' - i * interval '1 second',
			CASE WHEN i % 500 = 0 THEN float8 'NaN' ELSE 1 + i % 3 END
		FROM generate_series(${shard}::bigint, 12000, 3) AS i};
}

sql(qq{
	CREATE EXTENSION postgres_fdw;
	CREATE TABLE interactions ($COLUMNS) PARTITION BY LIST (shard);
	CREATE TABLE here PARTITION OF interactions FOR VALUES IN (3);
	INSERT INTO here } . rows_of(3));
foreach my $i (1, 2)
{
	my $host = $shards[ $i - 1 ]->host;
	my $port = $shards[ $i - 1 ]->port;

	$shards[ $i - 1 ]->safe_psql('postgres', qq{
		CREATE TABLE interactions ($COLUMNS);
		INSERT INTO interactions } . rows_of($i) . q{;
		CREATE TABLE states AS SELECT target, influence_decay_agg(weight, at, '7 days') AS decay, influence_reach_agg(actor) AS reach
			FROM interactions WHERE weight <> 'NaN' GROUP BY target;
		ANALYZE});
	sql(qq{
		CREATE SERVER shard$i FOREIGN DATA WRAPPER postgres_fdw
			OPTIONS (host '$host', port '$port', dbname 'postgres', extensions 'influence', async_capable 'true', use_remote_estimate 'true');
		CREATE USER MAPPING FOR CURRENT_USER SERVER shard$i;
		CREATE FOREIGN TABLE there_$i PARTITION OF interactions FOR VALUES IN ($i) SERVER shard$i OPTIONS (table_name 'interactions');
		CREATE FOREIGN TABLE states_$i (target bigint, decay influence_decay_state, reach influence_reach_sketch)
			SERVER shard$i OPTIONS (table_name 'states')});
}
sql('CREATE TABLE all_here AS SELECT * FROM interactions; ANALYZE');
is(sql('SELECT count(*) FROM all_here'), '12000', 'rows of all servers');

# --- The same scores as from a local table
foreach my $model ([ 'far', 'interactions' ], [ 'near', 'all_here' ], [ 'foreign_only', 'there_1' ])
{
	my ($name, $relation) = @$model;

	sql(qq{
		SELECT influence_create_model('$name');
		SELECT influence_add_source('$name', 'interactions', '$relation',
			actor => 'actor', target => 'target', occurred_at => 'at', kind_column => 'kind', weight => 'weight')});
	is(sql("SELECT status FROM influence_refresh('$name', '2024-06-01 12:00Z')"), 'success', "a refresh from $relation");
}
is( sql(q{SELECT count(DISTINCT (rows_read, rows_ignored, users)) FROM influence.refresh_log WHERE model IN ('far', 'near')}),
	'1', 'as many rows read and ignored');
like(sql(q{SELECT rows_ignored FROM influence.refresh_log WHERE model = 'far'}), qr/(?=.*bad_weight)(?=.*null_target)/, '... and some were ignored');
is( sql(q{SELECT count(*) > 200, count(*) FILTER (WHERE f.score - n.score BETWEEN -1e-9 AND 1e-9 AND f.true_reach - n.true_reach BETWEEN -1e-9 AND 1e-9)
		= count(*) FROM far.scores AS f FULL JOIN near.scores AS n USING (user_id)}),
	't|t', 'foreign partitions give the scores of a local table');
is( sql(q{SELECT count(*) > 200, count(*) FILTER (WHERE f.count = n.count AND abs(f.decayed_value - n.decayed_value) < 1e-9) = count(*)
		FROM far.signals AS f FULL JOIN near.signals AS n USING (user_id, network, kind)}),
	't|t', '... and the same signals');
is( sql(q{SELECT count(*) FROM foreign_only.scores}),
	$shards[0]->safe_psql('postgres', q{SELECT count(DISTINCT target) FROM interactions
		WHERE actor IS DISTINCT FROM target AND weight <> 'NaN'}), 'a foreign table alone is a source');

# --- A server that is down fails the refresh, and the old scores stay.
my $before = sql('SELECT md5(string_agg(s::text, E\'\\n\' ORDER BY user_id)) FROM far.scores AS s');
$shards[1]->stop;
my ($status, undef, $error) = $node->psql('postgres', q{SELECT influence_refresh('far', '2024-06-01 13:00Z')});
isnt($status, 0, 'a refresh fails without one of its servers');
like($error, qr/could not connect to server "shard2"/, '... and says which one is missing');
is(sql(q{SELECT status, error FROM influence.refresh_log WHERE model = 'far' ORDER BY run_id DESC LIMIT 1}) =~ /^failed\|.*shard2/, 1, '... in the log too');
is(sql('SELECT md5(string_agg(s::text, E\'\\n\' ORDER BY user_id)) FROM far.scores AS s'), $before, 'the old scores stay');
$shards[1]->start;
is(sql(q{SELECT status FROM influence_refresh('far', '2024-06-01 13:00Z')}), 'success', 'with the server back, the next refresh works');

# --- Aggregates over a foreign table are shipped whole
sub plan_of
{
	my ($query) = @_;

	return sql("EXPLAIN (VERBOSE, COSTS OFF) $query");
}

my %aggregates = (
	influence_decay_agg => q{influence_decay_agg(weight, at, '7 days')},
	influence_reach_agg => 'influence_reach_agg(actor)');
foreach my $name (sort keys %aggregates)
{
	my $query = "SELECT target, $aggregates{$name} FROM there_1 WHERE weight <> 'NaN' GROUP BY target";

	like(plan_of($query), qr/Relations: Aggregate on .*Remote SQL: SELECT target, public\.$name\(.* GROUP BY 1/s, "$name is shipped whole");
	sql(q{ALTER SERVER shard1 OPTIONS (SET extensions '')});
	unlike(plan_of($query), qr/Remote SQL: [^\n]*$name/, '... only when the extension is named in the option "extensions" of the server');
	sql(q{ALTER SERVER shard1 OPTIONS (SET extensions 'influence')});
}

# --- States made there, on the fly or long ago, are rolled up here
my $made = join ' UNION ALL ', map {
	"SELECT target, influence_decay_agg(weight, at, '7 days') AS decay, influence_reach_agg(actor) AS reach
	 FROM $_ WHERE weight <> 'NaN' GROUP BY target"
} qw(there_1 there_2);
my $stored = 'SELECT * FROM states_1 UNION ALL SELECT * FROM states_2';
foreach my $states ([ 'made', $made ], [ 'stored', $stored ])
{
	my ($name, $query) = @$states;
	my $rolled_up = "SELECT target, influence_rollup(decay) AS decay, influence_rollup(reach) AS reach FROM ($query) AS s GROUP BY target";

	like(plan_of($rolled_up), qr/Async Foreign Scan/, "states $name on the servers are fetched side by side");
	is( sql(qq{
		SELECT count(*) > 200, count(*) FILTER (WHERE
			abs(influence_decayed_sum(r.decay, '2024-06-02') / influence_decayed_sum(l.decay, '2024-06-02') - 1) < 1e-9
			AND influence_decayed_count(r.decay, '2024-06-02') / influence_decayed_count(l.decay, '2024-06-02') BETWEEN 1 - 1e-9 AND 1 + 1e-9
			AND influence_last_at(r.decay) = influence_last_at(l.decay)
			AND influence_reach_count(r.reach) = influence_reach_count(l.reach)) = count(*)
		FROM ($rolled_up) AS r FULL JOIN (
			SELECT target, influence_decay_agg(weight, at, '7 days') AS decay, influence_reach_agg(actor) AS reach
			FROM all_here WHERE shard IN (1, 2) AND weight <> 'NaN' GROUP BY target) AS l ON coalesce(l.target, 0) = coalesce(r.target, 0)}),
		't|t', "states $name on the servers give the numbers of a local table");
}

$_->stop foreach $node, @shards;
done_testing();
