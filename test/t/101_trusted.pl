# The extension is trusted: a role that may create in the database installs and uses
# it. That gives the role no way to more rights, though what it has installed belongs
# to the superuser, and the role may drop it and owns the schema that it is in.
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('trusted');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nfsync = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE installer LOGIN; CREATE ROLE other LOGIN; CREATE ROLE reader LOGIN');

# sql($database, $role, $statements): what they print, as that role from the start
sub sql
{
	my ($database, $role, $statements) = @_;

	return $node->safe_psql($database, "SET client_min_messages = error;\n$statements", extra_params => [ '-U', $role ]);
}

# fails($database, $role, $statement, $sqlstate, $name)
sub fails
{
	my ($database, $role, $statement, $sqlstate, $name) = @_;
	my ($status, $stdout, $stderr) = $node->psql($database, "\\set VERBOSITY verbose\n$statement", extra_params => [ '-U', $role ]);

	isnt($status, 0, "$name fails");
	like($stderr, qr/ERROR:  $sqlstate:/, "$name: $sqlstate");
	return;
}

my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my $no_superusers = q{SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolsuper AND rolname IN ('installer', 'other', 'reader')};

#
# Installing and using, in the schema public and in one's own
#
foreach my $schema ('public', 'mine')
{
	my $database = "db_$schema";

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	fails($database, 'installer', 'CREATE EXTENSION influence', '42501', 'CREATE EXTENSION without CREATE on the database');
	$node->safe_psql('postgres', "GRANT CREATE ON DATABASE $database TO installer, other");
	sql($database, 'installer', 'CREATE SCHEMA mine; GRANT USAGE ON SCHEMA mine TO PUBLIC') if $schema eq 'mine';
	sql($database, 'installer', "CREATE EXTENSION influence SCHEMA $schema");
	is(sql($database, $superuser, q{SELECT extowner::regrole FROM pg_extension WHERE extname = 'influence'}), 'installer', 'the installer owns the extension');
	is(sql($database, $superuser, q{
		SELECT DISTINCT o.owner::regrole FROM pg_depend AS d
		JOIN (SELECT 'pg_proc'::regclass AS classid, oid, proowner AS owner FROM pg_proc UNION ALL SELECT 'pg_class'::regclass, oid, relowner FROM pg_class
			  UNION ALL SELECT 'pg_type'::regclass, oid, typowner FROM pg_type UNION ALL SELECT 'pg_namespace'::regclass, oid, nspowner FROM pg_namespace) AS o USING (classid)
		WHERE d.deptype = 'e' AND d.objid = o.oid AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'influence')}),
		$superuser, 'and the superuser what is in it');

	foreach my $role ('installer', 'other')
	{
		my $printed = sql($database, $role, qq{
			SET search_path = $schema;
			CREATE SCHEMA ${role}_app;
			CREATE TABLE ${role}_app.likes (user_id bigint, author_id bigint, created_at timestamptz);
			INSERT INTO ${role}_app.likes SELECT a, t, now() - interval '1 day' FROM generate_series(1, 9) AS a, generate_series(1, 9) AS t WHERE a > t;
			SELECT influence_create_model('$role');
			SELECT influence_add_source('$role', 'likes', '${role}_app.likes', actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'like', incremental => true);
			SELECT influence_track_changes('$role', 'likes');
			SELECT status, users FROM influence_refresh('$role');
			UPDATE influence.models SET damping = 0.9 WHERE model = '$role';
			SELECT influence_configure('$role', '{"target_mean": 30}');
			UPDATE ${role}_app.likes SET author_id = author_id;
			CALL influence_refresh_all();
			SELECT influence_score(1, '$role') > influence_score(7, '$role'), count(*) FROM influence_explain(1, '$role');
			SELECT jsonb_typeof(influence_preview('$role', '{"damping": 0.5}'));
			SELECT influence_opt_out(2, '$role');
			SELECT status, damping, target_mean FROM influence.refresh_log AS l JOIN influence.models USING (model) WHERE model = '$role' ORDER BY run_id;
			GRANT USAGE ON SCHEMA $role TO reader;
			GRANT SELECT ON ALL TABLES IN SCHEMA $role TO reader;
		});
		is($printed =~ s/\n+/\n/gr =~ s/^\n//r, "success|8\nt|6\nobject\nsuccess|0.9|30\nsuccess|0.9|30", "$role uses it in schema $schema");
		fails($database, $role, "SET search_path = $schema; SELECT influence_schedule('$role', '\@daily')", '0A000', "scheduling without pg_cron in schema $schema");
	}
	is(sql($database, 'reader', "SET search_path = $schema; SELECT influence_score(1, 'installer') > 1"), 't', 'a reader reads');

	# the installer is nobody special
	fails($database, 'installer', "SELECT $schema.influence_refresh('other')", '42501', 'the model of another role, to the installer,');
	fails($database, 'installer', $_->[0], $_->[1] // '42501', $_->[0]) foreach (
		[ q{ALTER TABLE influence.models ADD COLUMN mine int} ],
		[ q{ALTER TABLE influence.models DISABLE ROW LEVEL SECURITY} ],
		[ q{CREATE TRIGGER mine AFTER INSERT ON influence.models FOR EACH ROW EXECUTE FUNCTION } . $schema . q{.influence_check_tiers()} ],
		[ q{CREATE RULE mine AS ON INSERT TO influence.refresh_log DO ALSO NOTHING} ],
		[ q{CREATE POLICY mine ON influence.models USING (true)} ],
		[ q{CREATE TABLE influence.mine (i int)} ],
		[ q{UPDATE influence.presets SET target_mean = 1} ],
		[ q{DELETE FROM influence.refresh_log} ],
		[ q{UPDATE influence.models SET schema = 'other'} ],
		[ q{UPDATE influence.models SET created_by = 'installer'} ],
		[ q{SELECT * FROM influence.closed_records} ],
		[ q{ALTER SCHEMA influence RENAME TO mine_too} ],
		[ q{DROP SCHEMA influence CASCADE} ],
		[ "CREATE OR REPLACE FUNCTION $schema.influence_may_change(schema text, created_by text DEFAULT NULL) RETURNS boolean LANGUAGE sql AS 'SELECT true'" ],
		[ "ALTER FUNCTION $schema.influence_may_change(text, text) OWNER TO installer" ],
		[ "ALTER FUNCTION $schema.influence_may_change(text, text) SECURITY DEFINER" ],
		[ "ALTER EXTENSION influence DROP TABLE influence.models" ],
		[ "ALTER EXTENSION influence DROP FUNCTION $schema.influence_may_change(text, text)" ],
		[ q{INSERT INTO influence.models (model, id_type, schema) VALUES ('x', 'bigint', 'pg_catalog')} ],
		[ q{INSERT INTO influence.sources (model, source, relation, relation_name, target, occurred_at, kind, network)
			VALUES ('other', 'x', 'installer_app.likes', 'x', 'author_id', 'created_at', 'like', 'app')} ]);
	is(sql($database, 'installer', q{UPDATE influence.models SET damping = 0.1 WHERE model = 'other' RETURNING model; DELETE FROM influence.models WHERE model = 'other' RETURNING model}),
		'', 'the configuration of another role stays as it is');
	is(sql($database, $superuser, $no_superusers), '', 'nobody has become a superuser');
	sql($database, $superuser, "SELECT $schema.influence_drop_model('other')");
	sql($database, 'installer', "SELECT $schema.influence_drop_model('installer')");
}

#
# Renaming the schema that the extension is in, and putting another in its place:
# what a superuser does without naming that schema finds the right functions
#
sql('db_mine', 'installer', q{
	SELECT mine.influence_create_model('prey');
	ALTER SCHEMA mine RENAME TO hidden;
	CREATE SCHEMA mine;
	GRANT USAGE ON SCHEMA mine TO PUBLIC;
	CREATE FUNCTION mine.rob() RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		IF current_user <> 'installer' THEN
			ALTER ROLE installer SUPERUSER;
		END IF;
		RETURN true;
	END
	$$;
	DO $do$
	DECLARE
		f record;
	BEGIN
		FOR f IN SELECT p.proname, oidvectortypes(p.proargtypes) AS arguments, p.prorettype::regtype AS result, p.proretset
				 FROM pg_proc AS p WHERE p.pronamespace = 'hidden'::regnamespace AND p.prokind = 'f' AND oidvectortypes(p.proargtypes) !~ 'internal|cstring|influence_'
				   AND p.prorettype::regtype::text !~ 'record|trigger|internal|cstring|void'
		LOOP
			EXECUTE format('CREATE FUNCTION mine.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS $$ BEGIN PERFORM mine.rob(); RETURN %s; END $$',
				f.proname, f.arguments, CASE WHEN f.proretset THEN 'SETOF' END, f.result, CASE WHEN NOT f.proretset THEN 'NULL' END);
		END LOOP;
	END
	$do$;
});
sql('db_mine', $superuser, q{
	SELECT * FROM influence.refresh_status;
	SELECT * FROM prey.refresh_status;
	SELECT * FROM influence.current_configuration;
	SELECT * FROM influence.models;
	UPDATE influence.models SET damping = 0.5;
	UPDATE influence.tiers SET tier = tier;
	REFRESH MATERIALIZED VIEW prey.scores;
	INSERT INTO installer_app.likes VALUES (1, 2, now());
	DROP MATERIALIZED VIEW prey.scores;
});
is(sql('db_mine', $superuser, $no_superusers), '', 'another schema of the name is not found');
fails('db_mine', $superuser, 'SELECT hidden.influence_check_job_schema()', '42501', 'a job of a superuser that would run what the installer puts there');
is(sql('db_mine', 'installer', 'SELECT hidden.influence_check_job_schema() IS NOT NULL'), 't', 'not so a job of the installer');
is(sql('db_public', $superuser, 'SELECT public.influence_check_job_schema() IS NOT NULL'), 't', 'nor one in a schema of a superuser');

#
# DROP EXTENSION beneath a refresh: the run of a superuser's model, and the process that
# logs failures as superuser, find no tables that were put in the place of ours
#
my $plant = q{
	DROP EXTENSION influence CASCADE;
	CREATE SCHEMA influence;
	CREATE FUNCTION influence.rob() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		ALTER ROLE installer SUPERUSER;
		RETURN NEW;
	END
	$$;
	GRANT USAGE ON SCHEMA influence TO PUBLIC;
	CREATE TABLE influence.refresh_log (
		run_id bigint GENERATED ALWAYS AS IDENTITY, model text, status text, as_of timestamptz, started_at timestamptz, finished_at timestamptz,
		rows_read bigint, rows_kept bigint, rows_ignored jsonb, accounts jsonb, users bigint, milliseconds jsonb, iterations int, residual float8,
		calibration int, formula_version int, configuration int, error_code text, error text, run_by text);
	GRANT ALL ON influence.refresh_log TO PUBLIC;
	CREATE TRIGGER rob BEFORE INSERT ON influence.refresh_log FOR EACH ROW EXECUTE FUNCTION influence.rob();
};
sql('db_public', 'installer', q{
	CREATE FUNCTION installer_app.slow() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(2); RAISE 'on purpose'; END $$;
	CREATE VIEW installer_app.slow_likes AS SELECT * FROM installer_app.likes WHERE installer_app.slow();
	SELECT influence_create_model('slow');
	SELECT influence_add_source('slow', 'likes', 'installer_app.slow_likes', target => 'author_id', occurred_at => 'created_at', kind => 'like');
});
my ($out, $err) = ('', '');
my $refresh = IPC::Run::start(
	[ 'psql', '-XAtq', '-U', 'installer', '-d', $node->connstr('db_public'), '-c', q{SELECT influence_refresh('slow')} ],
	'<', \undef, '>', \$out, '2>', \$err);
$node->poll_query_until('db_public', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'}) or die 'it does not run';
sql('db_public', 'installer', $plant);
$refresh->finish;
like($err, qr/on purpose/, 'the refresh fails');
is(sql('db_public', $superuser, $no_superusers), '', 'no table in the place of the log was written to as superuser');

$node->stop;
done_testing();
