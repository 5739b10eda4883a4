# pg_dump and pg_restore: in every format, in parallel, the schema and the data apart,
# by who does not own the extension; configuration, history and scores survive, presets
# come once, and a source that is not there is named.
use strict;
use warnings FATAL => 'all';

use Digest::MD5 qw(md5_hex);
use Encode qw(encode);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nfsync = off\nautovacuum = off\nsynchronize_seqscans = off\n");
$node->start;

my $AS_OF = '2024-06-01 12:00Z';

# Three models, of which one belongs to somebody else; many configuration rows, so
# that a parallel restore has something to get in the wrong order
$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE ROLE analyst LOGIN; CREATE ROLE keeper LOGIN BYPASSRLS; CREATE DATABASE source OWNER owner');
$node->safe_psql('source', qq{
	CREATE EXTENSION influence;
	CREATE SCHEMA app AUTHORIZATION owner;
	SET ROLE owner;
	CREATE TABLE app.likes AS SELECT (i * 7919::bigint) % 503 AS user_id, i % 101 AS author_id, i % 301 AS post_id,
		timestamptz '$AS_OF' - i * interval '8 minutes' AS created_at FROM generate_series(1, 12000) AS i;
	CREATE TABLE app.people AS SELECT i AS id, 'Person ' || i AS name FROM generate_series(1::bigint, 110) AS i;
	CREATE TABLE app.handles AS SELECT i AS user_id, 'twitter' AS network, '\@' || i AS account_id FROM generate_series(1::bigint, 90) AS i;
	SELECT influence_create_model('theirs');
	SELECT influence_add_source('theirs', 'likes', 'app.likes', actor => 'user_id', target => 'author_id', occurred_at => 'created_at',
		post => 'post_id', kind => 'like', incremental => true);
	SELECT influence_track_changes('theirs', 'likes');
	SELECT influence_set_profiles('theirs', 'app.people', user_id => 'id', display_name => 'name');
	SELECT influence_set_accounts('theirs', 'app.handles');
	SELECT influence_opt_out(7, 'theirs');
	RESET ROLE;
	SELECT influence_create_model('uuids', 'uuid', preset => 'public');
	SELECT influence_add_source('uuids', 'likes', 'app.likes', actor => 'md5(user_id::text)::uuid', target => 'md5(author_id::text)::uuid', occurred_at => 'created_at', kind => 'share', post => 'post_id');
	SELECT influence_create_model('texts', 'text', schema => 'Texts of people');
	SELECT influence_add_source('texts', 'likes', 'app.likes', actor => 'user_id::text', target => 'author_id::text', occurred_at => 'created_at', kind => 'comment');
	INSERT INTO influence.networks (model, network) SELECT 'texts', 'forum ' || i FROM generate_series(1, 2000) AS i;
	INSERT INTO influence.signals (model, network, kind, role) SELECT 'texts', network, 'like', 'reaction' FROM influence.networks WHERE network LIKE 'forum%';
	UPDATE influence.models SET damping = 0.8, history_retention = NULL;
	SELECT influence_refresh(model, '2024-05-31 12:00Z') FROM influence.models;
	SELECT influence_calibrate('texts', '2024-06-01 10:00Z');
	SELECT influence_refresh(model, '$AS_OF') FROM influence.models;
	CREATE TABLE app.states AS SELECT author_id, influence_decay_agg(1, created_at, '3 days') AS decay, influence_reach_agg(user_id) AS reach FROM app.likes GROUP BY author_id;
	ALTER TABLE app.states OWNER TO owner;
});

my @configuration = map { "influence.$_" }
	qw(models networks signals sources accounts profiles tiers calibrations history_calibrations configurations refresh_log privacy_choices presets preset_networks preset_signals);
my @views = map { my $schema = $_; map { "$schema.$_" } qw(scores network_scores signals score_history) } 'theirs', 'uuids', '"Texts of people"';

# contents($database, @relations): their rows in few words. Views are computed anew by a
# restore, so their numbers are rounded; history and configuration are the same to the bit.
sub contents
{
	my ($database, @relations) = @_;

	return join "\n", map {
		my $rows = $node->safe_psql($database, qq{SELECT t FROM $_ AS t ORDER BY t::text COLLATE "C"});
		$rows =~ s/(\d+\.\d+(?:e-?\d+)?)/sprintf '%.9f', $1/ge if /[.](?:network_)?scores|[.]signals/ && !/^influence/;
		"$_: " . ($rows =~ tr/\n// + ($rows ne '')) . ' ' . md5_hex(encode('UTF-8', $rows)) } @relations;
}
my $expected = contents('source', @configuration, @views, 'app.states');

# restored($database, $what): everything is there, and goes on
sub restored
{
	my ($database, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(contents($database, @configuration, @views, 'app.states'), $expected, "$what: everything is as before");
	is($node->safe_psql($database, q{SELECT string_agg(relowner::regrole::text, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'theirs'::regnamespace AND relkind = 'm'}),
		'owner owner owner', "$what: the model belongs to its owner");
	is( $node->safe_psql($database, q{SET ROLE owner; INSERT INTO app.likes SELECT i, 5, 1, '2024-05-20 12:00Z' FROM generate_series(1, 60) AS i;
			SELECT status, rows_read > 12000 FROM influence_refresh('theirs', '2024-06-02 12:00Z'); SELECT count(*) FROM influence_search('theirs', 'Person 5')}),
		"success|t\n10", "$what: its next refresh works, and reads all rows once");
	is($node->safe_psql($database, q{SELECT status FROM influence_refresh('texts', '2024-06-02 12:00Z'); SELECT max(version) FROM influence.calibrations WHERE model = 'texts'}),
		"success\n2", "$what: so does that of another, on the same scale");
	is($node->safe_psql($database, q{INSERT INTO influence.refresh_log (model, status, started_at, finished_at) VALUES ('x', 'success', now(), now()); SELECT count(*) - count(DISTINCT run_id) FROM influence.refresh_log}),
		'0', "$what: the log goes on");
	my ($status, $stdout, $stderr) = $node->psql($database, q{INSERT INTO influence.signals (model, network, kind, role) VALUES ('texts', 'nowhere', 'like', 'reaction')});
	like($stderr, qr/violates foreign key/, "$what: references are checked");
}

my $directory = $node->backup_dir;
mkdir $directory;
my @source = ('-d', $node->connstr('source'));

# --- Every format; restored one table after the other, and several at a time
command_ok([ 'pg_dump', @source, '-F', 'p', '-f', "$directory/plain.sql" ], 'pg_dump, plain');
command_ok([ 'pg_dump', @source, '-F', 'c', '-f', "$directory/custom" ], 'pg_dump, custom');
command_ok([ 'pg_dump', @source, '-F', 'd', '-j', '4', '-f', "$directory/directory" ], 'pg_dump, directory, in parallel');
foreach my $case (
	[ 'plain', 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$directory/plain.sql" ],
	[ 'custom', 'pg_restore', '--exit-on-error', "$directory/custom" ],
	[ 'custom_single', 'pg_restore', '--exit-on-error', '--single-transaction', "$directory/custom" ],
	[ 'custom_parallel', 'pg_restore', '--exit-on-error', '-j', '4', "$directory/custom" ],
	[ 'directory_parallel', 'pg_restore', '--exit-on-error', '-j', '4', "$directory/directory" ])
{
	my ($name, $program, @arguments) = @$case;

	$node->safe_psql('postgres', "CREATE DATABASE $name");
	command_ok([ $program, '-d', $node->connstr($name), @arguments ], "$name: restored");
	restored($name, $name);
	$node->safe_psql('postgres', "DROP DATABASE $name");
}

# --- The schema first: models have no rows, and nothing but the presets. Then the data.
# (pg_restore --schema-only of a whole dump would fill the views.)
$node->safe_psql('postgres', 'CREATE DATABASE apart');
command_ok([ 'pg_dump', @source, "--$_-only", '-F', 'c', '-f', "$directory/$_" ], "$_ only: pg_dump") foreach 'schema', 'data';
command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('apart'), "$directory/schema" ], 'schema only: restored');
is($node->safe_psql('apart', q{SELECT count(*) FROM influence.models; SELECT count(*) FROM influence.presets; SELECT relispopulated FROM pg_class WHERE oid = 'theirs.scores'::regclass}),
	"0\n2\nf", 'schema only: no model, the presets, and empty views');
my ($status, $stdout, $stderr) = $node->psql('apart', q{SELECT influence_score(5, 'theirs')});
like($stderr, qr/model "theirs" does not exist/, 'schema only: a model without its configuration is not there');
command_ok([ 'pg_restore', '--exit-on-error', '-j', '4', '-d', $node->connstr('apart'), "$directory/data" ], 'data only: restored');
is(contents('apart', @configuration), contents('source', @configuration), 'data only: the configuration is as before');
$node->safe_psql('apart', $_) foreach map { "REFRESH MATERIALIZED VIEW $_" } grep { !/history/ } @views;
restored('apart', 'schema and data apart');

# --- Data into a database that has the extension, but no schema of a model
command_ok([ 'pg_dump', @source, '--data-only', '-t', 'influence.*', '-e', 'influence', '-f', "$directory/configuration.sql" ], 'configuration only: pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE configured');
$node->safe_psql('configured', 'CREATE EXTENSION influence; CREATE SCHEMA app; CREATE TABLE app.likes (LIKE pg_class); CREATE TABLE app.people (); CREATE TABLE app.handles ()');
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('configured'), '-f', "$directory/configuration.sql" ], 'configuration only: restored');
($status, $stdout, $stderr) = $node->psql('configured', q{SELECT influence_refresh('theirs')});
like($stderr, qr/ERROR:.*"theirs".*HINT:/s, 'configuration only: a model whose views are not there says so');

# --- A source that is not there is named
$node->safe_psql('postgres', 'CREATE DATABASE without');
# the view is filled when it is restored, which needs the source: without its rows
command_ok([ 'pg_dump', @source, '-T', 'app.likes', '-F', 'c', '-f', "$directory/without" ], 'without a source: pg_dump');
command_fails_like([ 'pg_restore', '-d', $node->connstr('without'), "$directory/without" ], qr/relation "app.likes" does not exist/, 'without a source: pg_restore names it');
$node->safe_psql('postgres', 'DROP DATABASE without; CREATE DATABASE without');
command_ok([ 'psql', '-Xq', '-d', $node->connstr('without'), '-c', 'CREATE SCHEMA app; CREATE TABLE app.likes (user_id bigint, author_id bigint, post_id bigint, created_at timestamptz)' ], 'without a source: an empty one');
$node->run_log([ 'pg_restore', '-d', $node->connstr('without'), "$directory/without" ]);
is($node->safe_psql('without', q{SELECT count(*) FROM influence.sources}), '3', 'without a source: the configuration is complete');
is($node->safe_psql('without', q{SELECT count(*) > 0 FROM theirs.score_history}), 't', 'without a source: the history, too');
$node->safe_psql('without', 'DROP TABLE app.likes');
($status, $stdout, $stderr) = $node->psql('without', q{SELECT influence_refresh('theirs')});
like($stderr, qr/relation app\.likes of source "likes" of model "theirs" does not exist/, 'a source that was dropped is named');
# a table of its name is another one
$node->safe_psql('without', 'CREATE TABLE app.likes (user_id bigint, author_id bigint, post_id bigint, created_at timestamptz)');
($status, $stdout, $stderr) = $node->psql('without', q{SELECT influence_refresh('theirs')});
like($stderr, qr/relation app\.likes of source "likes" of model "theirs" does not exist.*HINT:  Remove the source/s, '... and one of its name is not taken for it');

# A dangling source is dumped as a number, which is nothing where it is restored
$node->safe_psql('source', 'CREATE TABLE app.gone (LIKE app.likes)');
$node->safe_psql('source', q{SELECT influence_add_source('uuids', 'gone', 'app.gone', actor => 'md5(user_id::text)::uuid', target => 'md5(author_id::text)::uuid', occurred_at => 'created_at', kind => 'like')});
$node->safe_psql('source', 'DROP TABLE app.gone');
command_ok([ 'pg_dump', @source, '-f', "$directory/dangling.sql" ], 'a dangling source: pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE dangling');
$node->run_log([ 'psql', '-Xq', '-d', $node->connstr('dangling'), '-f', "$directory/dangling.sql" ]);
is($node->safe_psql('dangling', q{SELECT source, relation_name FROM influence.sources WHERE model = 'uuids' ORDER BY 1}), "gone|app.gone\nlikes|app.likes", 'a dangling source: the row is there');
($status, $stdout, $stderr) = $node->psql('dangling', q{SELECT influence_refresh('uuids')});
like($stderr, qr/relation app\.gone of source "gone" of model "uuids" does not exist/, 'a dangling source: named');
is($node->safe_psql('dangling', q{SELECT influence_remove_source('uuids', 'gone'); SELECT status FROM influence_refresh('uuids', '2024-06-02 12:00Z')}), "\nsuccess", 'a dangling source: removed, and the refresh works');

# --- Others than superusers: who may not see all rows gets no dump that lacks some
foreach my $role ('owner', 'analyst')
{
	command_fails_like([ 'pg_dump', '-U', $role, @source, '-f', "$directory/$role.sql" ], qr/row-level security|permission denied/, "$role: no dump with a part of the configuration");
}
$node->safe_psql('source', 'GRANT SELECT ON ALL TABLES IN SCHEMA influence TO keeper; GRANT pg_read_all_data TO keeper; SELECT influence_remove_source(\'uuids\', \'gone\')');
command_ok([ 'pg_dump', '-U', 'keeper', @source, '-F', 'c', '-f', "$directory/keeper" ], 'a role with pg_read_all_data and BYPASSRLS can dump');
$node->safe_psql('postgres', 'CREATE DATABASE kept');
command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $node->connstr('kept'), "$directory/keeper" ], '... what a superuser restores');
is(contents('kept', @configuration, @views, 'app.states'), $expected, '... completely');

# the owner dumps what is theirs, without the configuration
command_ok([ 'pg_dump', '-U', 'owner', @source, '-n', 'theirs', '-n', 'app', '-f', "$directory/owned.sql" ], 'the owner dumps the schema of the model');

$node->stop;
done_testing();
