
# Scheduling through pg_cron on a real server: a job runs and refreshes, and
# where pg_cron is missing or elsewhere the error says what to do.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('schedule');

# Runs a statement that must fail; checks its SQLSTATE and message.
sub fails_like
{
	my ($database, $role, $statement, $sqlstate, $pattern, $name) = @_;
	my ($status, $stdout, $stderr) = $node->psql(
		$database,
		"\\set VERBOSITY verbose\nSET ROLE $role;\n$statement",
		on_error_die => 0);
	isnt($status, 0, "$name: fails");
	like($stderr, qr/ERROR:  \Q$sqlstate\E:/, "$name: SQLSTATE $sqlstate");
	like($stderr, $pattern, "$name: message");
	return $stderr;
}

$node->init;
$node->start;

my $available = $node->safe_psql('postgres',
	q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'});
if (!$available)
{
	$node->stop;
	plan skip_all => 'pg_cron is not installed on this machine';
}

my $major = $node->safe_psql('postgres',
	q{SELECT current_setting('server_version_num')::int / 10000});

# A model of a role that is not a superuser, and a role that may look at it.
my $setup = q{
	CREATE EXTENSION influence;
	GRANT CREATE ON DATABASE postgres TO app;
	SET ROLE app;
	CREATE SCHEMA app;
	CREATE TABLE app.likes (user_id bigint, author_id bigint, created_at timestamptz);
	INSERT INTO app.likes SELECT i, i % 3, now() FROM generate_series(10, 40) AS i;
	SELECT influence_create_model('social');
	SELECT influence_add_source('social', 'likes', 'app.likes',
		actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'like');
	GRANT USAGE ON SCHEMA social TO looker;
	GRANT SELECT ON social.refresh_status TO looker;
};
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
$node->safe_psql('postgres', 'CREATE ROLE looker LOGIN');
$node->safe_psql('postgres', $setup);

# pg_cron is not loaded
for my $role ('app', 'postgres')
{
	my $message = fails_like(
		'postgres', $role,
		q{SELECT influence_schedule('social', '* * * * *')},
		'0A000', qr/pg_cron is not loaded/,
		"not loaded, $role");
	like($message, qr/postgresql-$major-cron/, 'hint names the package');
	like($message, qr/shared_preload_libraries = 'pg_cron'/, 'hint names the setting');
	like($message, qr/CREATE EXTENSION pg_cron/, 'hint names the statement');
}
fails_like('postgres', 'app', q{SELECT influence_unschedule('social')},
	'0A000', qr/pg_cron is not installed/, 'unschedule without pg_cron');
is($node->safe_psql('postgres', 'SELECT next_run IS NULL FROM social.refresh_status'),
	't', 'no next run without pg_cron');

# loaded, but not created
$node->append_conf(
	'postgresql.conf', q{
shared_preload_libraries = 'pg_cron'
cron.database_name = 'postgres'
cron.use_background_workers = on
max_worker_processes = 16
});
$node->restart;
fails_like('postgres', 'postgres',
	q{SELECT influence_schedule('social', '* * * * *')},
	'0A000', qr/HINT:  Run CREATE EXTENSION pg_cron;/, 'not created');

# in another database: the hint holds the very statement, which works
$node->safe_psql('postgres', 'CREATE EXTENSION pg_cron');
# doctor($role): what influence_doctor() says of the schedule
sub doctor
{
	return $node->safe_psql('postgres', "SET ROLE $_[0]; SELECT severity, finding FROM influence_doctor('social') WHERE subject = 'schedule'");
}
is(doctor('app'), 'advice|role app may not look at the jobs of pg_cron', 'the doctor says what it cannot see');
is(doctor('postgres'), 'advice|no job of pg_cron that this role can see refreshes the model', '... and that there is no job');
$node->safe_psql('postgres', q{CREATE DATABASE "it's far"});
$node->safe_psql("it's far",
	q{CREATE EXTENSION influence; SELECT influence_create_model('away')});
my $far = fails_like("it's far", 'postgres',
	q{SELECT influence_schedule('away', '*/5 * * * *')},
	'0A000', qr/pg_cron lives in database "postgres"/, 'in another database');
is($node->safe_psql("it's far", q{SELECT finding FROM influence_doctor('away') WHERE subject = 'schedule'}),
	'pg_cron works in database "postgres", so that only a job there can refresh the model', 'the doctor names the database of pg_cron');
my ($statement) = $far =~ /(SELECT cron\.schedule_in_database\(.*\);)/;
ok(defined $statement, 'hint holds a statement');
$node->safe_psql('postgres', $statement);
is( $node->safe_psql('postgres',
		q{SELECT schedule, database, command FROM cron.job WHERE jobname = 'influence:away@it''s far'}),
	q{*/5 * * * *|it's far|SELECT public.influence_refresh('away'::pg_catalog.text, pg_catalog.now(), false)},
	'the statement of the hint makes the job');
my ($unschedule) = fails_like("it's far", 'postgres',
	q{SELECT influence_unschedule('away')},
	'0A000', qr/cron\.unschedule/, 'unschedule in another database')
  =~ /(SELECT cron\.unschedule\(.*\);)/;
$node->safe_psql('postgres', $unschedule);
is($node->safe_psql('postgres', 'SELECT count(*) FROM cron.job'),
	'0', 'the statement of the hint removes it');

# an ordinary role may not see where pg_cron lives, and is told how to find out
$node->safe_psql("it's far", q{GRANT CREATE ON DATABASE "it's far" TO app});
$node->safe_psql("it's far", q{SET ROLE app; SELECT influence_create_model('near')});
fails_like("it's far", 'app', q{SELECT influence_schedule('near', '* * * * *')},
	'0A000', qr/lives in another database\n.*SHOW cron\.database_name names: SELECT cron\.schedule_in_database\(/, 'in another database, app');

# rights
fails_like('postgres', 'app',
	q{SELECT influence_schedule('social', '* * * * *')},
	'42501', qr/GRANT USAGE ON SCHEMA cron TO app;/, 'no right on pg_cron');
$node->safe_psql('postgres', 'GRANT USAGE ON SCHEMA cron TO app');
is($node->safe_psql('postgres', q{
	SET ROLE app;
	BEGIN;
	SELECT influence_schedule('social', '*/5 * * * *') > 0;
	SELECT count(*) FROM influence_doctor('social') WHERE subject = 'schedule';
	RESET ROLE;
	UPDATE cron.job SET active = false;
	INSERT INTO cron.job_run_details (jobid, runid, job_pid, database, username, command, status, return_message)
	SELECT jobid, 1000000, 1, database, username, command, 'failed', 'no such luck' FROM cron.job;
	SELECT severity || ' ' || regexp_replace(finding, '[0-9]+', 'N') FROM influence_doctor('social') WHERE subject = 'schedule';
	SELECT severity FROM influence_examine_schedule('social', 301) WHERE finding LIKE '%longer than its schedule%';
	ROLLBACK}), "t\n0\nproblem the last run of job N of pg_cron failed: no such luck\nwarning job N of pg_cron is not active\nwarning",
	'the doctor looks at the job and its last run');
fails_like('postgres', 'looker',
	q{SELECT influence_schedule('social', '* * * * *')},
	'42501', qr/must be owner of model "social"/, 'not the owner');
fails_like('postgres', 'app',
	q{SELECT influence_schedule('social', 'now and then')},
	'22023', qr/invalid cron schedule "now and then"/, 'no schedule');

# scheduling again replaces
my $app = "SET ROLE app;\n";
my $first = $node->safe_psql('postgres', $app . q{SELECT influence_schedule('social', '0 3 * * *')});
is($node->safe_psql('postgres', $app . 'SELECT stale FROM social.refresh_status'),
	't', 'stale before the first run');
my $job = $node->safe_psql('postgres', $app . q{SELECT influence_schedule('social', '* * * * *')});
like($job, qr/^\d+$/, 'schedule returns the id of the job');
is( $node->safe_psql('postgres',
		q{SELECT jobid, jobname, schedule, command, username FROM cron.job}),
	"$job|influence:social|* * * * *|SELECT public.influence_refresh('social'::pg_catalog.text, pg_catalog.now(), false)|app",
	'one job, of the role that asked');
is( $node->safe_psql('postgres',
		$app . q{SELECT next_run = date_trunc('minute', now()) + '1 minute' FROM social.refresh_status}),
	't', 'next run is the next minute');

# it runs
ok( $node->poll_query_until('postgres',
		q{SELECT EXISTS (SELECT FROM cron.job_run_details WHERE status IN ('succeeded', 'failed'))}),
	'pg_cron ran the job');
is( $node->safe_psql('postgres',
		q{SELECT status FROM cron.job_run_details ORDER BY runid LIMIT 1}),
	'succeeded', 'the run succeeded');
is( $node->safe_psql('postgres',
		q{SELECT status, run_by FROM influence.refresh_log WHERE model = 'social' ORDER BY run_id LIMIT 1}),
	'success|app', 'the run is in the log');
$node->safe_psql('postgres', $app . 'SELECT * FROM social.scores');
is( $node->safe_psql('postgres',
		$app . q{SELECT stale, last_status, age < '2 minutes', next_run > now() FROM social.refresh_status}),
	'f|success|t|t', 'fresh after the run');
is( $node->safe_psql('postgres',
		q{SET ROLE looker; SELECT stale, last_status, next_run IS NULL FROM social.refresh_status}),
	'f|success|t', 'a role with SELECT on refresh_status reads it, without the job of another role');

# missed runs
$node->safe_psql('postgres', $app . q{SELECT influence_schedule('social', '*/10 * * * *')});
$node->safe_psql('postgres', q{
	UPDATE influence.models SET created_at = now() - interval '1 day';
	UPDATE influence.refresh_log SET finished_at = now() - interval '21 minutes';
});
is($node->safe_psql('postgres', $app . 'SELECT stale FROM social.refresh_status'),
	't', 'stale when a whole run was missed');

# removing
is($node->safe_psql('postgres', $app . q{SELECT influence_unschedule('social')}), 't', 'unschedule');
is($node->safe_psql('postgres', $app . q{SELECT influence_unschedule('social')}), 'f', 'nothing left to unschedule');
is($node->safe_psql('postgres', $app . 'SELECT next_run IS NULL, stale FROM social.refresh_status'),
	't|f', 'no next run; without a schedule a day may pass');
$node->safe_psql('postgres', $app . q{SELECT influence_schedule('social', '@daily')});
$node->safe_psql('postgres', q{SELECT influence_schedule('social', '@hourly')});
is($node->safe_psql('postgres', 'SELECT schedule, username FROM cron.job'),
	'@hourly|postgres', 'a superuser replaces the job of the owner');
$node->safe_psql('postgres', q{SELECT influence_schedule('social', '@daily')});
$node->safe_psql('postgres', q{SELECT influence_drop_model('social')});
is($node->safe_psql('postgres', 'SELECT count(*) FROM cron.job'),
	'0', 'a dropped model has no job');

$node->stop;
done_testing();
