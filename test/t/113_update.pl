# ALTER EXTENSION influence UPDATE: from every version that was released, the catalog
# becomes that of a fresh installation, and configuration, scores and history stay. A
# database that was not updated yet works with the new library, or says what to do.
#
# When this test fails after a change of sql/install/: what it prints with "-" must be
# taken away by the upgrade script to this version, and what it prints with "+" added.
use strict;
use warnings FATAL => 'all';

use File::Copy qw(copy);
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('update');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nfsync = off\nautovacuum = off\nsynchronize_seqscans = off\n");
$node->start;

my ($current) = slurp_file('influence.control') =~ /^default_version = '([^']+)'$/m;
my @released = split /\n/, $node->safe_psql('postgres', qq{
	SELECT p.source FROM pg_extension_update_paths('influence') AS p
	JOIN pg_available_extension_versions AS v ON v.name = 'influence' AND v.version = p.source
	WHERE p.target = '$current' AND p.path IS NOT NULL ORDER BY p.source});
my @frozen = sort map { m{^sql/influence--([^-]+)\.sql$} && $1 ne $current ? $1 : () } glob 'sql/influence--*.sql';
is("@released", "@frozen", 'there is a way from every frozen version to this one');

# database($name, $statements): a new one
sub database
{
	my ($name, $statements) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, $statements);
}

# catalog($database): what the extension is there; see test/catalog.sql
sub catalog
{
	my ($database) = @_;

	return $node->safe_psql($database, slurp_file('test/catalog.sql')
		. q{SELECT name || ': ' || said FROM description ORDER BY name COLLATE "C", said COLLATE "C"}) . "\n";
}

# same_catalog($database, $expected, $name): show what differs
sub same_catalog
{
	my ($database, $expected, $name) = @_;
	my $directory = PostgreSQL::Test::Utils::tempdir();
	my $catalog = catalog($database);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	append_to_file("$directory/updated", $catalog);
	append_to_file("$directory/fresh", $expected);
	ok($catalog eq $expected, $name) or diag(scalar `diff -U 1 -F '^[a-z]* .*: ' $directory/updated $directory/fresh`);
}

# C functions by symbol, with all that code must know about how they are called
my $calls = q{
	SELECT p.prosrc, string_agg(DISTINCT format('%s(%s) returns %s%s%s', p.proname, pg_get_function_identity_arguments(p.oid),
		pg_get_function_result(p.oid), CASE WHEN p.proisstrict THEN ' strict' END, CASE WHEN p.proretset THEN ' set' END), '; ')
	FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
	WHERE l.lanname = 'c' AND p.probin LIKE '%influence' GROUP BY 1 ORDER BY 1};

sub calls
{
	my ($database) = @_;

	return map { split /\|/, $_, 2 } split /\n/, $node->safe_psql($database, $calls);
}

# Models over the three types of ids; what the upgrade must not touch
my $world = q{
	CREATE TABLE likes AS SELECT (i * 7919::bigint) % 503 AS user_id, i % 101 AS author_id, i % 301 AS post_id,
		timestamptz '2024-06-01 12:00Z' - i * interval '8 minutes' AS created_at FROM generate_series(1, 12000) AS i;
	SELECT influence_create_model('numbers');
	SELECT influence_create_model('uuids', 'uuid', preset => 'public');
	SELECT influence_create_model('texts', 'text', schema => 'Texts of people');
	SELECT influence_add_source(m, 'likes', 'likes', actor => format(e, 'user_id'), target => format(e, 'author_id'), occurred_at => 'created_at',
		post => 'post_id', kind => k, incremental => true)
	FROM (VALUES ('numbers', '%s', 'like'), ('uuids', 'md5(%s::text)::uuid', 'share'), ('texts', '%s::text', 'comment')) AS v (m, e, k);
	SELECT influence_track_changes(model, source) FROM influence.sources;
	UPDATE influence.models SET damping = 0.8, closing_delay = '2 hours' WHERE model = 'numbers';
	UPDATE influence.signals SET weight = 1.25 WHERE model = 'texts' AND kind = 'comment';
	SELECT influence_opt_out(7, 'numbers');
	SELECT influence_refresh(model, '2024-05-31 12:00Z') FROM influence.models;
	SELECT influence_refresh(model, '2024-06-01 12:00Z') FROM influence.models;
	CREATE TABLE states AS SELECT influence_decay_agg(1, created_at, '3 days') AS decay, influence_reach_agg(user_id) AS reach FROM likes;
};

# published($database): scores, history and configuration, without columns that only new versions have
sub published
{
	my ($database) = @_;
	my $rows = $node->safe_psql($database, q{
		SELECT t, r FROM (
			SELECT 'numbers' AS t, to_jsonb(s) AS r FROM numbers.scores AS s UNION ALL
			SELECT 'uuids', to_jsonb(s) FROM uuids.scores AS s UNION ALL
			SELECT 'texts', to_jsonb(s) FROM "Texts of people".scores AS s UNION ALL
			SELECT 'texts network', to_jsonb(s) FROM "Texts of people".network_scores AS s UNION ALL
			SELECT 'texts history', to_jsonb(s) FROM "Texts of people".score_history AS s UNION ALL
			SELECT 'numbers history', to_jsonb(s) FROM numbers.score_history AS s UNION ALL
			SELECT 'models', to_jsonb(s) - 'created_at' - 'id_salt' - '{trading_discount}'::text[] FROM influence.models AS s UNION ALL
			SELECT 'networks', to_jsonb(s) FROM influence.networks AS s UNION ALL
			SELECT 'signals', to_jsonb(s) FROM influence.signals AS s UNION ALL
			SELECT 'sources', to_jsonb(s) FROM influence.sources AS s UNION ALL
			SELECT 'calibrations', to_jsonb(s) - 'created_at' FROM influence.calibrations AS s UNION ALL
			SELECT 'states', to_jsonb(s) FROM states AS s) AS u
		ORDER BY t, r::text COLLATE "C"});
	return $rows;
}

# still_there($database, $before, $what): each row of before is there, with the same values in its columns
sub still_there
{
	my ($database, $before, $what) = @_;
	my $directory = PostgreSQL::Test::Utils::tempdir();

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	append_to_file("$directory/before", "$before\n");
	append_to_file("$directory/after", published($database) . "\n");
	my $lost = `diff $directory/before $directory/after`;
	is($lost, '', $what);
}

database('fresh', 'CREATE EXTENSION influence');
my $fresh = catalog('fresh');
my %fresh_calls = calls('fresh');
# models that are updated go on as they were: without what is new
database('fresh_world', "CREATE EXTENSION influence; ALTER TABLE influence.models ALTER trading_discount SET DEFAULT 0; $world");
my $scores = q{SELECT user_id, round(score::numeric, 9), rank FROM numbers.scores ORDER BY 1};
my $expected = $node->safe_psql('fresh_world', $scores);

# the test sees what differs
database('other', q{CREATE EXTENSION influence; COMMENT ON COLUMN influence.models.damping IS 'other'; ALTER TABLE influence.tiers DROP CONSTRAINT tier_is_not_empty;
	UPDATE influence.presets SET target_mean = 41 WHERE preset = 'klout'; REVOKE EXECUTE ON FUNCTION influence_wilson FROM public});
my %differs = map { $_ => 1 } grep { index($fresh, "$_\n") < 0 } split /\n/, catalog('other');
is(scalar(keys %differs), 3, 'a comment, a row and a privilege that differ are seen');
isnt(index($fresh, 'influence.tiers, constraint tier_is_not_empty'), -1, '... and a constraint that is missing');

foreach my $version (@released)
{
	my $old = 'v' . $version =~ s/\W/_/gr;

	# --- The catalog, in any schema
	database($old, "CREATE EXTENSION influence VERSION '$version'");
	my %calls = calls($old);
	my @changed = grep { exists $fresh_calls{$_} && $fresh_calls{$_} ne $calls{$_} } sort keys %calls;
	is(join("\n", map { "$_: $calls{$_} is now $fresh_calls{$_}" } @changed), '',
		"$version: C functions are called as they were; one that is not needs a symbol of another name");
	$node->safe_psql($old, 'ALTER EXTENSION influence UPDATE');
	same_catalog($old, $fresh, "$version: the updated catalog is that of a fresh installation");
	database("${old}_elsewhere", qq{CREATE SCHEMA "Klout et al"; CREATE EXTENSION influence SCHEMA "Klout et al" VERSION '$version'; ALTER EXTENSION influence UPDATE});
	database("${old}_fresh_elsewhere", q{CREATE SCHEMA "Klout et al"; CREATE EXTENSION influence SCHEMA "Klout et al"});
	same_catalog("${old}_elsewhere", catalog("${old}_fresh_elsewhere"), "$version: ... in another schema, too");

	# --- Not updated yet: the new library under the old SQL
	database("${old}_world", "CREATE EXTENSION influence VERSION '$version'");
	my ($status, $stdout, $stderr) = $node->psql("${old}_world", $world, on_error_stop => 1);
	if ($status == 0)
	{
		is($node->safe_psql("${old}_world", $scores), $expected, "$version: the new library gives the same scores");
	}
	else
	{
		like($stderr, qr/ERROR: .*ALTER EXTENSION influence UPDATE/s, "$version: the new library says what to do");
		next;
	}

	# --- Updated: everything is still there, and goes on
	my $before = published("${old}_world");
	$node->safe_psql("${old}_world", 'ALTER EXTENSION influence UPDATE');
	still_there("${old}_world", $before, "$version: scores, history, configuration and states are as before the update");
	$node->safe_psql("${old}_world", q{SELECT influence_refresh(model, '2024-06-01 12:00Z') FROM influence.models});
	is($node->safe_psql("${old}_world", $scores), $expected, "$version: a refresh gives the same scores");
	is($node->safe_psql("${old}_world", q{SELECT influence_create_model('newer');
		SELECT model || ' ' || trading_discount FROM influence.models ORDER BY model}), "\nnewer 1\nnumbers 0\ntexts 0\nuuids 0",
		"$version: what is new is turned on for new models");
	$node->safe_psql("${old}_world", q{SELECT influence_drop_model('newer')});
	$node->safe_psql($_, q{
		INSERT INTO likes SELECT i, 5, 1, '2024-05-20 12:00Z' FROM generate_series(1, 50) AS i;
		SELECT influence_refresh('numbers', '2024-06-02 12:00Z')}) foreach "${old}_world", 'fresh_world';
	is($node->safe_psql("${old}_world", $scores), $node->safe_psql('fresh_world', $scores), "$version: ... and the next, too");
	$node->safe_psql('fresh_world', q{DELETE FROM likes WHERE author_id = 5 AND created_at = '2024-05-20 12:00Z'});
	is($node->safe_psql("${old}_world", q{SELECT string_agg(influence_drop_model(model)::text, '') FROM influence.models}), '', "$version: models can be dropped");
	$node->safe_psql("${old}_world", 'DROP TABLE states; DROP EXTENSION influence');
}
$node->stop;

# --- make freeze, in a copy
my $copy = PostgreSQL::Test::Utils::tempdir();
my @needed = ('influence.control', 'META.json', 'README.md', 'CHANGELOG.md', 'debian/changelog', 'sql/freeze.sh', glob('sql/install/*.sql'));
make_path("$copy/sql/install", "$copy/debian");
copy($_, "$copy/$_") or die "$_: $!" foreach @needed;
my @freeze = ('env', '-C', $copy, 'GIT_DIR=/nonexistent', 'bash', 'sql/freeze.sh');
command_fails_like([ @freeze, $current ], qr/does not come after/, 'the next version comes after this one');
command_fails_like([ @freeze, 'next' ], qr/Name the version that comes after \Q$current\E/, '... and is a version');
command_ok([ @freeze, '99.0.0' ], 'this version can be frozen');
is(slurp_file("$copy/sql/influence--$current.sql"), join('', map { slurp_file($_) } sort glob 'sql/install/*.sql'), '... with its install script');
like(slurp_file("$copy/sql/influence--$current--99.0.0.sql"), qr/\\echo .* \\quit$/m, '... and a script for the next version');
like(slurp_file("$copy/$_"), qr/\b99\.0\.0\b/, "... that $_ names") foreach 'influence.control', 'META.json', 'README.md', 'CHANGELOG.md', 'debian/changelog';
command_fails_like([ @freeze, '99.0.0' ], qr/does not come after/, '... and only once');

done_testing();
