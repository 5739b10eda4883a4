# Sources on other servers are grouped there: a refresh sends GROUP BY to the
# servers of a partitioned table and fetches one row for each group, and comes to
# what it comes to from the same rows in a local table. Where a server cannot
# group, its rows are fetched.
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

my $AS_OF = '2024-06-01 12:00Z';

sub sql
{
	my ($statement) = @_;

	return $node->safe_psql('postgres', $statement);
}

my $COLUMNS = 'shard int, origin varchar(20), kind text, actor bigint, target bigint, at timestamptz, post int, weight float8, mood real, who uuid, whom uuid';

# Rows of one server: pairs and posts are spread over all servers. Among them rows
# of every role and every reason not to count.
sub rows_of
{
	my ($shard) = @_;

	return qq{
		SELECT $shard,
			CASE WHEN i % 97 = 0 THEN NULL WHEN i % 5 < 3 THEN 'app' WHEN i % 5 = 3 THEN 'twitter' ELSE 'lab' END,
			CASE WHEN i % 5 = 4 THEN (ARRAY['cited', 'boost', 'silent', 'note'])[1 + i / 7 % 4]
				WHEN i % 5 = 3 THEN (ARRAY['favorite', 'retweet', 'list_add', 'post', 'like'])[1 + i / 7 % 5]
				ELSE (ARRAY['like', 'comment', 'share', 'follow', 'post', 'block', 'view', 'endorsement', 'poke', NULL])[1 + i / 3 % 10] END,
			nullif(1 + i * 13 % 23, 23),
			nullif(1 + i * 29 % 31 * (i * 31 % 30) / 31, 17),
			CASE WHEN i % 211 = 0 THEN NULL WHEN i % 223 = 0 THEN timestamptz 'infinity' WHEN i % 227 = 0 THEN timestamptz '-infinity'
				WHEN i % 229 = 0 THEN timestamptz '0044-03-15 12:00Z BC' WHEN i % 233 = 0 THEN timestamptz '2024-06-03'
				ELSE timestamptz '2024-06-01 12:03Z' - i % 100 * interval '1 day' - i * interval '10.001 second' END,
			nullif(i % 12, 3),
			CASE WHEN i % 251 = 0 THEN float8 'NaN' WHEN i % 257 = 0 THEN -1 WHEN i % 263 = 0 THEN float8 'infinity' WHEN i % 269 = 0 THEN 2e12
				WHEN i % 11 = 0 THEN NULL WHEN i % 271 = 0 THEN 0 ELSE 0.1 + i % 3 END,
			CASE WHEN i % 277 = 0 THEN real 'NaN' WHEN i % 281 = 0 THEN -1.5 WHEN i % 3 = 0 THEN NULL ELSE round(cos(i)::numeric, 1) END,
			md5((i * 13 % 23)::text)::uuid, md5((i * 29 % 31)::text)::uuid
		FROM generate_series(${shard}::bigint, 9000, 3) AS i};
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
		ANALYZE});
	sql(qq{
		CREATE SERVER shard$i FOREIGN DATA WRAPPER postgres_fdw
			OPTIONS (host '$host', port '$port', dbname 'postgres', extensions 'influence', async_capable 'true');
		CREATE USER MAPPING FOR CURRENT_USER SERVER shard$i;
		CREATE FOREIGN TABLE there_$i PARTITION OF interactions FOR VALUES IN ($i) SERVER shard$i OPTIONS (table_name 'interactions')});
}
sql(q{CREATE TABLE all_here AS SELECT * FROM interactions;
	CREATE VIEW kinds_there AS SELECT * FROM there_1 WHERE kind <> 'poke';
	CREATE TABLE kinds_here AS SELECT * FROM kinds_there;
	CREATE TABLE shard_1_here AS SELECT * FROM there_1; ANALYZE});

# Whether two rows are the same, but for 1e-9
sql(q{CREATE FUNCTION same(a jsonb, b jsonb) RETURNS boolean LANGUAGE sql AS $$
	SELECT bool_and(CASE WHEN jsonb_typeof(a.value) = 'number' AND jsonb_typeof(b.value) = 'number'
			THEN abs((a.value)::float8 - (b.value)::float8) <= 1e-9 * greatest(1, abs((a.value)::float8))
			ELSE a.value = b.value END) IS TRUE
	FROM jsonb_each(a) AS a FULL JOIN jsonb_each(b) AS b USING (key)
	WHERE key NOT IN ('rank', 'percentile') $$});

# A model with signals of further half-lives, and one source
sub create_model
{
	my ($model, $relation, $mappings, %options) = @_;

	sql(qq{SELECT influence_create_model('$model', id_type => '} . ($options{id_type} // 'bigint') . qq{');
		INSERT INTO influence.networks VALUES ('$model', 'lab', 0.7);
		INSERT INTO influence.signals VALUES
			('$model', 'lab', 'cited', 'authority', 2, '400 days', 0, false),
			('$model', 'lab', 'boost', 'share', 1.5, '7 days', 0, false),
			('$model', 'lab', 'silent', 'reaction', 0, '7 days', 0, false),
			('$model', 'lab', 'note', 'reaction', 1, '1 month', -0.25, true);
		UPDATE influence.models SET } . ($options{settings} // 'model = model') . qq{ WHERE model = '$model';
		SELECT influence_add_source('$model', 'interactions', '$relation', $mappings)});
}

sub compare_models
{
	my ($far, $near, $what) = @_;

	is( sql(qq{SELECT (SELECT rows_read > 0 FROM influence.refresh_log WHERE model = '$far' ORDER BY run_id DESC LIMIT 1),
			count(DISTINCT (rows_read, rows_ignored, users)) FROM influence.refresh_log
			WHERE run_id IN (SELECT max(run_id) FROM influence.refresh_log WHERE model IN ('$far', '$near') AND status = 'success' GROUP BY model)}),
		't|1', "$what: as many rows read and ignored");
	foreach my $view ([ 'scores', 'user_id' ], [ 'network_scores', 'user_id, network' ], [ 'signals', 'user_id, network, kind' ])
	{
		my ($name, $key) = @$view;

		is( sql(qq{SELECT count(*) > 10, count(*) FILTER (WHERE same(to_jsonb(f), to_jsonb(n)) IS NOT TRUE)
				FROM $far.$name AS f FULL JOIN $near.$name AS n USING ($key)}),
			't|0', "$what: the same $name");
	}
}

sub refresh
{
	my ($model) = @_;
	my ($status, $output, $messages) = $node->psql('postgres', qq{
		LOAD 'auto_explain';
		SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on;
		SET auto_explain.log_analyze = on; SET auto_explain.log_verbose = on; SET auto_explain.log_timing = off;
		SET client_min_messages = log;
		SELECT status FROM influence_refresh('$model', '$AS_OF')});

	is($output, 'success', "a refresh of $model") or diag($messages);
	return $messages;
}

my $BARE = q{actor => 'actor', target => 'target', occurred_at => 'at', kind_column => 'kind', network_column => 'origin'};
my $FULL = "$BARE, post => 'post', weight => 'weight', sentiment => 'mood'";

# --- The plan of the query that a refresh runs
create_model('far', 'interactions', $FULL);
create_model('near', 'all_here', $FULL);
my $plan = refresh('far');
refresh('near');
foreach my $i (1, 2)
{
	like($plan, qr/Relations: Aggregate on \(public\.there_$i\)\s+Remote SQL: SELECT [^\n]*public\.influence_decay_agg\([^\n]* FROM public\.interactions WHERE [^\n]* GROUP BY /,
		"server $i groups the rows that count");
	like($plan, qr/Relations: Aggregate on \(public\.there_$i [^\n]*\)\s+Remote SQL: SELECT \(CASE [^\n]* GROUP BY /, '... and counts the others by reason');
}
like($plan, qr/Async Foreign Scan/, 'servers work side by side');
unlike($plan, qr/Remote SQL: (?![^\n]* GROUP BY)[^\n]*interactions/, 'nothing is fetched in rows');
unlike($plan, qr/NOTICE/, 'and nothing is remarkable');
is( sql(q{SELECT count(*) FROM influence.refresh_log, jsonb_each_text(rows_ignored) WHERE model = 'near' AND value::int > 0}),
	'10', 'the rows have every reason not to count');
compare_models('far', 'near', 'full mappings');

# --- A view that is refreshed by itself is grouped alike
sql('CREATE TABLE published AS SELECT * FROM far.scores; REFRESH MATERIALIZED VIEW far.scores');
is( sql(q{SELECT count(*) > 10, count(*) FILTER (WHERE same(to_jsonb(f), to_jsonb(p)) IS NOT TRUE) FROM far.scores AS f FULL JOIN published AS p USING (user_id)}),
	't|0', 'REFRESH MATERIALIZED VIEW gives the same');

# --- As many rows are fetched as there are groups
create_model('pairs', 'there_1', q{actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like', filter => 'target < 5 AND actor > 3 AND isfinite(at)'},
	settings => 'time_window = NULL');
create_model('pairs_here', 'shard_1_here', q{actor => 'actor', target => 'target', occurred_at => 'at', kind => 'like', filter => 'target < 5 AND actor > 3 AND isfinite(at)'},
	settings => 'time_window = NULL');
$plan = refresh('pairs');
my $pairs = sql(qq{SELECT count(DISTINCT (actor, target)) FROM shard_1_here
	WHERE target < 5 AND actor > 3 AND actor <> target AND isfinite(at) AND at <= timestamptz '$AS_OF' + interval '5 minutes'});
my $rows = sql(q{SELECT rows_read FROM influence.refresh_log WHERE model = 'pairs'});
like($plan, qr/Foreign Scan  \(cost=[^\n]* \(actual rows=$pairs(\.00)? loops=1\)\s+Output: [^\n]*\s+Relations: Aggregate/, 'as many rows are fetched as there are groups');
cmp_ok($rows, '>', 2 * $pairs, '... fewer than there are rows');
refresh('pairs_here');
is( sql(q{SELECT count(*) FILTER (WHERE same(to_jsonb(f), to_jsonb(n)) IS NOT TRUE) FROM pairs.scores AS f FULL JOIN pairs_here.scores AS n USING (user_id)}),
	'0', 'the same scores');

# --- Other mappings, options, ids
my %variants = (
	bare => [ $BARE ],
	unweighted => [ "$BARE, post => 'post'" ],
	endless => [ $FULL, undef, settings => q{time_window = NULL, clock_skew = '0', selectivity_rate = 0.5} ],
	indifferent => [ $FULL, undef, settings => q{sentiment_policy = 'ignore'} ],
	anonymous => [ q{target => 'target', occurred_at => 'at', kind_column => 'kind', network_column => 'origin', weight => 'weight', sentiment => 'mood'} ],
	uuids => [ q{actor => 'who', target => 'whom', occurred_at => 'at', kind_column => 'kind', network_column => 'origin', post => 'whom', sentiment => 'mood'}, undef, id_type => 'uuid' ],
	cast => [ q{actor => 'md5(actor::text)::uuid', target => 'whom', occurred_at => 'at', kind_column => 'kind', network_column => 'origin'}, undef, id_type => 'uuid', rows => 1 ],
	texts => [ q{actor => 'origin', target => 'kind', occurred_at => 'at', kind => 'retweet', network => 'twitter', post => 'origin', weight => 'weight'}, undef, id_type => 'text' ],
	long_texts => [ q{actor => 'origin', target => $$left(} . join(' || ', map { "md5(kind || '$_')" } 1 .. 80) . q{, 1500 + 30 * target::int)$$, occurred_at => 'at', kind => 'retweet', network => 'twitter', weight => 'weight'}, undef, id_type => 'text' ],
	frozen => [ $FULL, undef, settings => q{inactivity_policy = 'freeze', grace_period = '1 day'}, quiet => 1 ],
	posts => [ q{target => 'target', occurred_at => 'at', kind => 'post', weight => 'weight', sentiment => 'mood'} ],
	computed => [ q{actor => 'actor', target => 'target', kind => 'like', network_column => 'CASE WHEN origin = ''app'' THEN ''twitter'' ELSE ''app'' END',
		occurred_at => 'at', weight => 'weight * 2', filter => 'mood > 0'}, undef, rows => 1 ],
	filtered => [ q{actor => 'actor + 1', target => 'target', kind_column => 'CASE WHEN kind = ''comment'' THEN ''reply'' ELSE kind END',
		occurred_at => 'at', weight => 'weight * 2', filter => 'mood > 0 AND origin <> ''lab'''} ],
);
foreach my $name (sort keys %variants)
{
	my ($mappings, undef, %options) = @{ $variants{$name} };

	create_model("far_$name", 'interactions', $mappings, %options);
	create_model("near_$name", 'all_here', $mappings, %options);
	$plan = refresh("far_$name");
	refresh("near_$name");
	my $shipped = $plan =~ /Remote SQL: SELECT [^\n]* GROUP BY /;
	my $noticed = $plan =~ /NOTICE:  model "far_$name": source "interactions" fetches every row of "there_1"/;

	is("$shipped|$noticed", $options{quiet} ? '|' : $options{rows} ? '|1' : '1|',
		"$name: " . ($options{quiet} ? 'rows are fetched' : $options{rows} ? 'rows are fetched, and a notice says so' : 'servers group'));
	compare_models("far_$name", "near_$name", $name);
}

# --- A bad row fails the run where the policy says so, and is named
sql(q{UPDATE influence.models SET bad_row_policy = 'error' WHERE model IN ('far', 'near')});
my @errors = map { ($node->psql('postgres', "SELECT influence_refresh('$_', '$AS_OF')"))[2] =~ /has a row with (\w+ \S+)/ ? $1 : '' } 'far', 'near';
like($errors[0], qr/^(occurred_at -?infinity|weight (NaN|-1|Infinity|2e\+12)|sentiment (NaN|-1.5))$/, 'a bad row is named');
like($errors[1], qr/^(occurred_at|weight|sentiment)/, '... as from a local table');
sql(q{UPDATE influence.models SET bad_row_policy = 'skip' WHERE model IN ('far', 'near')});

# --- A server without the extension
$shards[1]->safe_psql('postgres', 'DROP EXTENSION influence');
$plan = refresh('far');
like($plan, qr/NOTICE:  model "far": source "interactions" fetches every row of "there_2"/, 'a notice says which rows are fetched');
like($plan, qr/DETAIL:  Rows cannot be grouped by server "shard2": .*function public\.influence_decay_agg\(.* does not exist/, '... and why');
unlike($plan, qr/fetches every row of "there_1"/, 'the other server groups');
compare_models('far', 'near', 'without the extension on one server');
sql(q{ALTER SERVER shard2 OPTIONS (ADD use_remote_estimate 'true')});
like(refresh('far'), qr/DETAIL:  Rows cannot be grouped by server "shard2": .*does not exist/, 'the same where the server is asked for estimates');
compare_models('far', 'near', 'with estimates of the servers');
$shards[1]->safe_psql('postgres', 'CREATE EXTENSION influence');

# --- A server that is not said to have it
sql(q{ALTER SERVER shard1 OPTIONS (DROP extensions); ALTER SERVER shard1 OPTIONS (SET async_capable 'false')});
$plan = refresh('far');
like($plan, qr/fetches every row of "there_1"\s*DETAIL:  Rows are not grouped by server "shard1"\.\s*HINT:  .*option "extensions"/, 'a hint says what to set');
unlike($plan, qr/fetches every row of "there_2"/, 'the other server groups');
compare_models('far', 'near', 'without the option on one server');
sql(q{ALTER SERVER shard1 OPTIONS (ADD extensions 'influence')});
unlike(refresh('far'), qr/NOTICE/, 'one server after the other');
compare_models('far', 'near', 'one server after the other');

# --- Rights are those on the source: a partition is not read by its own name
# without rights on it, nor past the policies of the source
sql(q{CREATE ROLE reader;
	GRANT SELECT ON interactions, all_here TO reader; GRANT CREATE ON DATABASE postgres TO reader;
	CREATE USER MAPPING FOR reader SERVER shard1 OPTIONS (user 'postgres', password_required 'false');
	CREATE USER MAPPING FOR reader SERVER shard2 OPTIONS (user 'postgres', password_required 'false');
	ALTER TABLE interactions ENABLE ROW LEVEL SECURITY; ALTER TABLE all_here ENABLE ROW LEVEL SECURITY;
	CREATE POLICY most ON interactions USING (actor <> 5); CREATE POLICY most ON all_here USING (actor <> 5)});
foreach my $step ([ 'far_policy', 'near_policy', 'GRANT SELECT ON there_1, there_2, here TO reader' ],
	[ 'far_rights', 'near_rights', 'REVOKE SELECT ON there_1 FROM reader; ALTER TABLE interactions DISABLE ROW LEVEL SECURITY; ALTER TABLE all_here DISABLE ROW LEVEL SECURITY' ])
{
	my ($far, $near, $change) = @$step;

	sql(qq{$change; SET ROLE reader; SELECT influence_create_model('$far'), influence_create_model('$near')});
	sql(qq{SET ROLE reader; SELECT influence_add_source('$_->[0]', 'interactions', '$_->[1]', $FULL)}) foreach [ $far, 'interactions' ], [ $near, 'all_here' ];
	unlike(refresh($far), qr/GROUP BY/, "$far: rows are fetched through the source");
	refresh($near);
	compare_models($far, $near, $far);
}
sql(q{GRANT SELECT ON there_1 TO reader});
like(refresh('far_rights'), qr/Remote SQL: [^\n]* GROUP BY/, 'with rights on all partitions servers group');
compare_models('far_rights', 'near_rights', 'with rights on all partitions');

# --- A view over a foreign table, and texts that are equal without being the same
my $server_has_icu = sql(q{SELECT count(*) FROM pg_collation WHERE collprovider = 'i'}) > 0;
sql(q{CREATE COLLATION fuzzy (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
	CREATE FOREIGN TABLE fuzzy_there (actor bigint, target bigint, at timestamptz, kind text COLLATE fuzzy)
		SERVER shard1 OPTIONS (table_name 'interactions')}) if $server_has_icu;
create_model('far_view', 'kinds_there', $FULL);
create_model('near_view', 'kinds_here', $FULL);
like(refresh('far_view'), qr/Remote SQL: [^\n]* GROUP BY/, 'what a view shows is grouped on the server');
refresh('near_view');
compare_models('far_view', 'near_view', 'a view');
SKIP:
{
	skip 'no ICU', 2 unless $server_has_icu;
	create_model('fuzzy', 'fuzzy_there', q{actor => 'actor', target => 'target', occurred_at => 'at', kind_column => 'kind'});
	unlike(refresh('fuzzy'), qr/GROUP BY/, 'texts that may be equal without being the same are not grouped');
}

# --- More groups than fit into work_mem
is( sql(qq{SET work_mem = '64kB'; SELECT status FROM influence_refresh('far', '$AS_OF')}), 'success', 'groups wait in a file');
compare_models('far', 'near', 'with groups in a file');

# --- More rows in a group than a record can stand for
$shards[0]->safe_psql('postgres', q{
	CREATE TABLE crowd AS SELECT 1 + i % 2 * (i / 2 % 3) AS actor, 7 + i % 2 * (i / 2 % 2) AS target, CASE i % 2 WHEN 0 THEN 'like' ELSE 'post' END AS kind,
		timestamptz '2024-06-01 12:00Z' - i * interval '1 second' AS at FROM generate_series(1, 140000) AS i});
sql(q{CREATE FOREIGN TABLE crowd_there (actor bigint, target bigint, kind text, at timestamptz) SERVER shard1 OPTIONS (table_name 'crowd');
	CREATE TABLE crowd_here AS SELECT * FROM crowd_there});
foreach my $model ([ 'far_crowd', 'crowd_there' ], [ 'near_crowd', 'crowd_here' ])
{
	create_model(@$model, q{actor => 'actor', target => 'target', occurred_at => 'at', kind_column => 'kind'});
	refresh($model->[0]);
}
is(sql(q{SELECT count FROM far_crowd.signals WHERE user_id = 7 AND kind = 'like'}), '70000', 'a group of many rows');
is( sql(q{SELECT count(*), count(*) FILTER (WHERE same(to_jsonb(f), to_jsonb(n)) IS NOT TRUE)
		FROM far_crowd.network_scores AS f FULL JOIN near_crowd.network_scores AS n USING (user_id, network)}),
	'2|0', '... gives the scores of its rows');
is( sql(q{SELECT count(*) FILTER (WHERE same(to_jsonb(f), to_jsonb(n)) IS NOT TRUE)
		FROM far_crowd.signals AS f FULL JOIN near_crowd.signals AS n USING (user_id, network, kind)}),
	'0', '... and the signals');

# --- People who opted out: their rows are grouped only where they do not count at all
sql(qq{SELECT influence_opt_out(5, '$_'); UPDATE influence.models SET opted_out_actors = 'ignore' WHERE model = '$_'}) foreach 'far', 'near';
like(refresh('far'), qr/Remote SQL: [^\n]* GROUP BY/, 'what people do who opted out is ignored in groups');
refresh('near');
compare_models('far', 'near', 'opted out, ignored');
sql(qq{UPDATE influence.models SET opted_out_actors = 'anonymous' WHERE model = '$_'}) foreach 'far', 'near';
unlike(refresh('far'), qr/GROUP BY/, '... and counts row by row as of somebody unknown');
refresh('near');
compare_models('far', 'near', 'opted out, anonymous');

$_->stop foreach $node, @shards;
done_testing();
