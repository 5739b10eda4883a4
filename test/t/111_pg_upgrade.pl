# pg_upgrade, copying and linking: configuration, history and scores survive to the
# digit, and models go on where they were.
#
# From this version to itself, or from the one whose programs are in the directory
# INFLUENCE_OLD_INSTALL/bin, which test/upgrade.sh prepares.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $old_install = $ENV{INFLUENCE_OLD_INSTALL};

chomp(my $bindir = `pg_config --bindir`);
plan skip_all => "there is no pg_upgrade in $bindir" if !-x "$bindir/pg_upgrade";

# settings($config): of both clusters; pg_cron where it is there
sub settings
{
	my ($pg_config) = @_;
	my $settings = "timezone = 'UTC'\nfsync = off\nautovacuum = off\njit = off\nsynchronize_seqscans = off\nmax_worker_processes = 16\n";

	chomp(my $share = `$pg_config --sharedir`);
	return -f "$share/extension/pg_cron.control"
		? "${settings}shared_preload_libraries = 'pg_cron'\ncron.database_name = 'postgres'\ncron.launch_active_jobs = off\n" : $settings;
}

# new_node($name, $install): a cluster that the other version can be upgraded from or to
sub new_node
{
	my ($name, $install) = @_;
	my $pg_config = defined $install ? "$install/bin/pg_config" : "$bindir/pg_config";
	my @options = ('--encoding=UTF8', '--no-locale');
	my $node = PostgreSQL::Test::Cluster->new($name, defined $install ? (install_path => $install) : ());

	# 18 has them on by default; both must be the same
	push @options, '--no-data-checksums' if `$pg_config --version` =~ /(\d+)/ && $1 >= 18;
	$node->init(extra => \@options);
	$node->append_conf('postgresql.conf', settings($pg_config));
	return $node;
}

my $old = new_node('old', $old_install);
$old->start;
note('from ' . $old->safe_psql('postgres', 'SHOW server_version') . ' to ' . `$bindir/postgres --version`);
my $has_cron = settings(defined $old_install ? "$old_install/bin/pg_config" : 'pg_config') =~ /cron/ && settings('pg_config') =~ /cron/;

# Models with ids of each type, with everything that can be set up
$old->safe_psql('postgres', 'CREATE EXTENSION pg_cron') if $has_cron;
$old->safe_psql('postgres', q{
	CREATE EXTENSION influence;
	CREATE SCHEMA app;
	CREATE TABLE app.likes (user_id bigint, author_id bigint, post_id bigint, mood float8, created_at timestamptz) PARTITION BY RANGE (created_at);
	CREATE TABLE app.likes_old PARTITION OF app.likes FOR VALUES FROM (MINVALUE) TO ('2024-05-01');
	CREATE TABLE app.likes_new PARTITION OF app.likes FOR VALUES FROM ('2024-05-01') TO (MAXVALUE);
	INSERT INTO app.likes SELECT (i * 7919::bigint) % 503, i % 101, i % 301, (i % 21) / 10.0 - 1, timestamptz '2024-06-01 11:00Z' - i * interval '8 minutes'
	FROM generate_series(1, 12000) AS i;
	CREATE VIEW app.shares AS SELECT user_id AS actor, author_id AS target, post_id, created_at FROM app.likes WHERE post_id % 5 = 0;
	CREATE TABLE app.handles AS SELECT i AS person, 'twitter' AS network, '@' || i AS handle FROM generate_series(1::bigint, 90) AS i;
	CREATE TABLE app.tweets AS SELECT '@' || i % 131 AS who, '@' || i % 53 AS whom, timestamptz '2024-05-31Z' - i * interval '1 hour' AS at FROM generate_series(1, 900) AS i;
	CREATE TABLE app.people AS SELECT i AS id, 'Person ' || i AS name FROM generate_series(1::bigint, 110) AS i;

	SELECT influence_create_model('numbers');
	SELECT influence_create_model('uuids', 'uuid', preset => 'public');
	SELECT influence_create_model('texts', 'text', schema => 'Texts of people');
	SELECT influence_add_source('numbers', 'likes', 'app.likes', actor => 'user_id', target => 'author_id', occurred_at => 'created_at',
		post => 'post_id', kind => 'like', sentiment => 'mood', incremental => true);
	SELECT influence_track_changes('numbers', 'likes');
	SELECT influence_add_source('numbers', 'tweets', 'app.tweets', actor => 'who', target => 'whom', occurred_at => 'at', network => 'twitter', kind => 'retweet', by_account => true);
	SELECT influence_set_accounts('numbers', 'app.handles', user_id => 'person', account_id => 'handle');
	SELECT influence_set_profiles('numbers', 'app.people', user_id => 'id', display_name => 'name');
	SELECT influence_add_source('uuids', 'shares', 'app.shares', actor => 'md5(actor::text)::uuid', target => 'md5(target::text)::uuid', occurred_at => 'created_at',
		post => 'post_id', kind => 'share');
	SELECT influence_add_source('texts', 'likes', 'app.likes', actor => 'user_id::text', target => $$'person ' || author_id$$, occurred_at => 'created_at', kind => 'comment');
	DELETE FROM influence.tiers WHERE model = 'texts';
	INSERT INTO influence.tiers VALUES ('texts', 'seen', 1), ('texts', 'heard', 50);
	UPDATE influence.models SET damping = 0.8, closing_delay = '2 hours', max_daily_gain = 20 WHERE model = 'numbers';
	UPDATE influence.models SET inactivity_policy = 'grace', history_retention = NULL WHERE model = 'uuids';
	UPDATE influence.signals SET weight = 1.25 WHERE model = 'texts' AND kind = 'comment';
	INSERT INTO influence.networks (model, network, weight) VALUES ('texts', 'forum', 2);
	SELECT influence_opt_out(7, 'numbers');
	SELECT influence_forget('person 9', 'texts');
	SELECT influence_refresh(model, '2024-05-01 12:00Z') FROM influence.models;
	SELECT influence_refresh(model, '2024-05-31 12:00Z') FROM influence.models;
	SELECT influence_calibrate('numbers', '2024-06-01 10:00Z');
	SELECT influence_refresh(model, '2024-06-01 12:00Z') FROM influence.models;
	CREATE ROLE analyst;
	GRANT USAGE ON SCHEMA numbers TO analyst;
	GRANT SELECT ON numbers.scores TO analyst;
	CREATE TABLE app.states AS SELECT author_id, influence_decay_agg(1, created_at, '3 days') AS decay, influence_reach_agg(user_id) AS reach,
		influence_amplification_agg(mood > 0, post_id, created_at, '9 days') AS amplification FROM app.likes GROUP BY author_id;
});
$old->safe_psql('postgres', q{SELECT influence_schedule('numbers', '*/15 * * * *')}) if $has_cron;

# state($node): all that must survive, a row a line
my @views = map { my $schema = $_; map { "$schema.$_" } qw(scores network_scores signals score_history) } 'numbers', 'uuids', '"Texts of people"';
my @tables = map { "influence.$_" }
	qw(models networks signals sources accounts profiles tiers calibrations history_calibrations configurations refresh_log privacy_choices invalidations presets preset_networks preset_signals);

sub state_of
{
	my ($node) = @_;

	return join "\n", map { "$_: " . $node->safe_psql('postgres', qq{SELECT count(*), md5(string_agg(t::text, ';' ORDER BY t::text COLLATE "C")) FROM $_ AS t}) }
		@views, @tables, 'app.states';
}

# next_refresh($node, $as_of, $author): rows that come late, a refresh, and the scores as text
sub next_refresh
{
	my ($node, $as_of, $author) = @_;

	$node->safe_psql('postgres', qq{INSERT INTO app.likes SELECT i, $author, 1, 0.5, '2024-05-20 12:00Z' FROM generate_series(1, 60) AS i;
		SELECT influence_refresh(model, '$as_of') FROM influence.models});
	return $node->safe_psql('postgres', q{SELECT user_id::text, score, rank, month_change FROM numbers.scores UNION ALL SELECT user_id::text, score, rank, month_change FROM uuids.scores
		UNION ALL SELECT user_id, score, rank, month_change FROM "Texts of people".scores ORDER BY 1});
}

# nearly($scores, $expected, $name): the same lines, numbers to 1e-9
sub nearly
{
	my ($scores, $expected, $name) = @_;
	my ($round) = sub { return $_[0] =~ s/(\d+\.\d+(?:e-?\d+)?)/sprintf '%.9f', $1/ger };

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($round->($scores), $round->($expected), $name);
}

my $expected;
foreach my $mode ('--copy', '--link')
{
	my $name = $mode =~ s/--//r;
	my $before = state_of($old);
	my $reads = q{SELECT influence_score(5, 'numbers'), influence_score(5, timestamptz '2024-05-31 13:00Z', 'numbers'), influence_score('person 5', 'texts'),
		(SELECT count(*) FROM influence_explain(5, 'numbers')), (SELECT string_agg(name, ' ') FROM (SELECT display_name AS name FROM influence_search('numbers', 'Person 5')) AS s),
		(SELECT sum(influence_decayed_sum(decay, '2024-06-02Z') + influence_reach_count(reach)) FROM app.states)};
	my $read = $old->safe_psql('postgres', $reads);
	my $new = new_node("new_$name", undef);

	$old->stop;
	# copying is the default, and has a name since 16
	my @mode = $mode eq '--link' ? ($mode) : ();
	my @command = ("$bindir/pg_upgrade", '--no-sync', '--old-datadir', $old->data_dir, '--new-datadir', $new->data_dir,
		'--old-bindir', defined $old_install ? "$old_install/bin" : $bindir, '--new-bindir', $bindir,
		'--socketdir', $new->host, '--old-port', $old->port, '--new-port', $new->port, @mode);
	splice @command, 1, 1 if !grep { /--no-sync/ } `$bindir/pg_upgrade --help`;
	chdir $new->basedir or die $!;
	command_ok(\@command, "$name: pg_upgrade");
	chdir '../..' or die $!;
	$new->start;

	is(state_of($new), $before, "$name: configuration, history, scores and presets are the same");
	is($new->safe_psql('postgres', $reads), $read, "$name: ... and read as before");
	is($new->safe_psql('postgres', "SET ROLE analyst; SELECT influence_score(5, 'numbers') IS NOT NULL"), 't', "$name: rights, too");
	is($new->safe_psql('postgres', q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'influence%' AND tgenabled IN ('R', 'A')}), '6', "$name: triggers are enabled as they were");
	is($new->safe_psql('postgres', q{SELECT schedule FROM cron.job WHERE command LIKE '%numbers%'}), '*/15 * * * *', "$name: the schedule, too") if $has_cron;

	if ($mode eq '--copy')
	{
		$old->start;
		nearly(next_refresh($new, '2024-06-02 12:00Z', 11), next_refresh($old, '2024-06-02 12:00Z', 11),
			"$name: the next refresh gives what it gives in the old cluster");
		$expected = next_refresh($new, '2024-06-03 12:00Z', 12);
	}
	else
	{
		nearly(next_refresh($new, '2024-06-03 12:00Z', 12), $expected, "$name: the next refresh gives what it gave when copied");
	}
	is($new->safe_psql('postgres', q{SELECT status || coalesce(error, '') FROM influence.refresh_log ORDER BY run_id DESC LIMIT 3}), "success\nsuccess\nsuccess", "$name: ... and succeeds");
	$new->safe_psql('postgres', q{SELECT influence_create_model('more', preset => 'public'); SELECT influence_drop_model(model) FROM influence.models});
	is($new->safe_psql('postgres', 'DROP TABLE app.states; DROP EXTENSION influence; SELECT count(*) FROM pg_namespace WHERE nspname IN (\'influence\', \'numbers\', \'uuids\')'),
		'0', "$name: it can be dropped without a trace");
	$new->stop;
}

done_testing();
