# Nothing that somebody has planted runs or is adopted when the extension is
# installed, updated or used: functions, operators, types, tables and schemas named
# like ours or like those of the catalog, with arguments that fit ours better, in the
# schema of the extension, by a role that may create there.
use strict;
use warnings;

use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = dirname(__FILE__) . '/../..';
my $node = PostgreSQL::Test::Cluster->new('hijack');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nmax_locks_per_transaction = 1000\n");
$node->start;

# The install script without comments and the bodies of functions
my @parts = sort glob("$root/sql/install/*.sql");
my $script = join "\n", map { slurp_file($_) } @parts;

# sql($database, $statements): what they print; dies on an error. The path is safe, so
# that the test is not caught itself
sub sql
{
	my ($database, $statements) = @_;

	return $node->safe_psql($database, "SET client_min_messages = error; SET search_path = pg_catalog;\n$statements");
}

# refused($database, $statements, $sqlstate, $name)
sub refused
{
	my ($database, $statements, $sqlstate, $name) = @_;
	my ($status, $stdout, $stderr) =
	  $node->psql($database, "\\set VERBOSITY verbose\nSET client_min_messages = error;\n$statements", on_error_stop => 1);

	isnt($status, 0, "$name is refused");
	like($stderr, qr/ERROR:  $sqlstate:/, "$name with $sqlstate");
	return $stderr;
}

#
# Rules for scripts. Statements whose expressions are parsed when they run stand under
# a path of the catalog alone; functions have bodies that are parsed when they are
# called; nothing takes over what is there.
#
sub broken_rules
{
	my ($text, $is_upgrade) = @_;
	my ($pinned, @broken) = (0);

	$text =~ s/\$(\w*)\$.*?\$\1\$/''/sg;
	$text =~ s/^\s*--.*$//mg;
	$text =~ s/^\\.*$//mg;
	foreach my $statement (split /;[ \t]*(?:\n|\z)/, $text)
	{
		$statement =~ s/^\s+//;
		next if $statement eq '';
		my $start = substr($statement, 0, 60) =~ s/\s+/ /gr;
		if ($statement =~ /^SET LOCAL search_path = (.*)$/)
		{
			$pinned = $1 eq 'pg_catalog, pg_temp';
			push @broken, "$start: another path" unless $pinned || $1 eq '@extschema@, pg_temp';
			next;
		}
		# in an upgrade the server refuses to replace a function that is not the extension's
		push @broken, "$start: OR REPLACE" if $statement =~ /^CREATE OR REPLACE (?!FUNCTION)/i || (!$is_upgrade && $statement =~ /^CREATE OR REPLACE/i);
		push @broken, "$start: IF NOT EXISTS" if $statement =~ /^(?:CREATE|ALTER)\b.*IF NOT EXISTS/is;
		push @broken, "$start: SECURITY DEFINER" if $statement =~ /SECURITY DEFINER/i;
		if ($statement =~ /^CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE)\s+(\S+?)\(/i)
		{
			my $name = $1;

			push @broken, "$start: body parsed under the path of the script"
			  if $statement =~ /\bBEGIN ATOMIC\b|^RETURN\b/m;
			push @broken, "$start: no pinned path"
			  if $statement !~ /LANGUAGE C\b/i && $statement !~ /SET search_path = pg_catalog, pg_temp/;
			push @broken, "$start: in pg_catalog" if $pinned && $name !~ /^\@extschema\@\./;
			next;
		}
		# these name objects and hold no expressions
		next if $statement =~ /^(?:COMMENT|GRANT|REVOKE|CREATE SCHEMA|CREATE TYPE|CREATE AGGREGATE|DROP)\b/i;
		push @broken, "$start: not under SET LOCAL search_path = pg_catalog, pg_temp" unless $pinned;
	}
	return @broken;
}
foreach my $file (@parts, sort glob("$root/sql/*--*--*.sql"))
{
	is_deeply([ broken_rules(scalar slurp_file($file), $file =~ /--.*--/) ], [], basename($file) . ' keeps the rules for scripts');
}
is(scalar(broken_rules("CREATE TABLE influence.x (y int CHECK (y > 1.0));\nCREATE OR REPLACE VIEW v AS SELECT 1;\n")), 3,
	'the rules are looked at');

# Calls of our own functions in bodies give all arguments, with their types
$node->safe_psql('postgres', 'CREATE DATABASE reference');
sql('reference', 'CREATE EXTENSION influence SCHEMA public');
my @ours = map { [ split /\|/, $_, -1 ] } split /\n/, sql('reference', q{
	SELECT p.proname, (SELECT coalesce(string_agg(t.type::regtype::text, ',' ORDER BY t.n), '')
					   FROM unnest(p.proargtypes) WITH ORDINALITY AS t (type, n))
	FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'influence') ORDER BY 1, 2});
cmp_ok(scalar @ours, '>', 100, 'functions of the extension');
my %ours = map { ("$_->[0]($_->[1])" => 1) } @ours;

#
# What the attacker plants into a schema
#
my @types = qw(text name varchar int4 int8 numeric float8 interval timestamptz bool oid regtype jsonb bytea text[] float8[]);
my @names = do {
	my %seen;
	grep { !$seen{$_}++ } $script =~ /(?<![\w.])([a-z_]+)\(/g;
};

# Functions like ours with fewer arguments, or others in the place of one
sub look_alikes
{
	my %signatures;

	foreach my $function (@ours)
	{
		my ($name, $arguments) = @$function;
		my @arguments = split /,/, $arguments;

		$signatures{"$name(" . join(',', @arguments[ 0 .. $_ - 1 ]) . ')'} = 1 foreach 0 .. $#arguments;
		foreach my $i (0 .. $#arguments)
		{
			foreach my $type ('text', 'character varying', 'name', 'oid', 'regclass', 'anyelement', 'jsonb', 'integer')
			{
				my @others = @arguments;

				$others[$i] = $type;
				$signatures{"$name(" . join(',', @others) . ')'} = 1;
			}
		}
	}
	return grep { !$ours{$_} && !/influence_\w+_state|influence_reach_sketch|internal|cstring/ } sort keys %signatures;
}
my @look_alikes = look_alikes();

# plants($schema): statements for the attacker
sub plants
{
	my ($schema) = @_;
	my $types = join ',', map { "'$_'" } @types;
	my $names = join ',', map { "'$_'" } @names;
	my $likes = join ',', map { "'$_'" } @look_alikes;

	return qq{
		SET check_function_bodies = off;
		SET search_path = pg_catalog;
		DO \$do\$
		DECLARE
			f record;
			body text := 'LANGUAGE plpgsql AS \$f\$ BEGIN PERFORM lair.catch(%L); RETURN NULL; END \$f\$';
		BEGIN
			FOR f IN SELECT o, l, r, CASE WHEN o IN ('+', '-', '*', '/', '||', '->', '->>') THEN l ELSE 'bool' END AS result
					 FROM unnest(ARRAY['=', '<>', '<', '>', '<=', '>=', '+', '-', '*', '||', '~', '->', '->>', '?', '?|']) AS o,
						unnest(ARRAY[$types]) AS l, unnest(ARRAY[$types]) AS r
			LOOP
				EXECUTE format('CREATE FUNCTION $schema.%I(%s, %s) RETURNS %s ' || body, 'op_' || md5(f.o), f.l, f.r, f.result, f.l || f.o || f.r);
				EXECUTE format('CREATE OPERATOR $schema.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = $schema.%I)', f.o, f.l, f.r, 'op_' || md5(f.o));
			END LOOP;
			FOR f IN SELECT n, a FROM unnest(ARRAY[$names]) AS n,
						(SELECT t AS a FROM unnest(ARRAY[$types]) AS t UNION ALL SELECT ''
						 UNION ALL SELECT t || ',' || u FROM unnest(ARRAY[$types]) AS t, unnest(ARRAY['text', 'text[]', 'int4', 'jsonb', 'bool']) AS u
						 UNION ALL SELECT 'text,text,text' UNION ALL SELECT 'oid,name,text' UNION ALL SELECT 'anyelement'
						 UNION ALL SELECT 'name, VARIADIC name[]') AS a (a)
					 WHERE n IN (SELECT p.proname FROM pg_proc AS p WHERE p.pronamespace = 'pg_catalog'::regnamespace)
			LOOP
				EXECUTE format('CREATE FUNCTION $schema.%I(%s) RETURNS %s ' || body, f.n, f.a, CASE f.a WHEN '' THEN 'text' WHEN 'anyelement' THEN 'text' ELSE 'bool' END, f.n || '(' || f.a || ')');
			END LOOP;
			FOR f IN SELECT s FROM unnest(ARRAY[$likes]::text[]) AS s LOOP
				BEGIN
					EXECUTE format('CREATE FUNCTION $schema.%s RETURNS bool ' || body, f.s, f.s);
				EXCEPTION WHEN undefined_object OR undefined_table OR invalid_schema_name THEN
					NULL;
				END;
			END LOOP;
			FOR f IN SELECT t FROM unnest(ARRAY['text', 'bigint', 'int8', 'int4', 'float8', 'interval', 'timestamptz', 'bool', 'boolean', 'regtype', 'regclass', 'jsonb', 'bytea', 'date', 'uuid', 'trigger']) AS t LOOP
				EXECUTE format('CREATE DOMAIN $schema.%I AS pg_catalog.text CHECK (lair.catch(%L))', f.t, 'domain ' || f.t);
			END LOOP;
			FOR f IN SELECT t FROM unnest(ARRAY['models', 'sources', 'presets', 'refresh_log', 'pg_class', 'pg_namespace', 'pg_proc', 'pg_roles', 'pg_extension', 'unnest']) AS t LOOP
				EXECUTE format('CREATE VIEW $schema.%I AS SELECT ''x''::text AS model WHERE lair.catch(%L)', f.t, 'view ' || f.t);
			END LOOP;
			CREATE COLLATION $schema."C" FROM "POSIX";
			CREATE SEQUENCE $schema.refresh_log_run_id_seq;
		END
		\$do\$;
	};
}

# A database with the attacker's own schema, which also says who was caught
sub new_database
{
	my ($database, $schema) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql('postgres', "GRANT CREATE ON DATABASE $database TO mallory, installer");
	sql($database, qq{
		GRANT CREATE ON SCHEMA public TO mallory;
		SET ROLE mallory;
		CREATE SCHEMA lair;
		GRANT USAGE ON SCHEMA lair TO PUBLIC;
		CREATE TABLE lair.caught (what text, who text);
		GRANT INSERT ON lair.caught TO PUBLIC;
		CREATE FUNCTION lair.note(what text) RETURNS void LANGUAGE plpgsql VOLATILE AS \$\$
		BEGIN
			INSERT INTO lair.caught VALUES (what, current_user);
			IF (SELECT r.rolsuper FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) current_user) THEN
				ALTER ROLE mallory SUPERUSER;
			END IF;
		END \$\$;
		CREATE FUNCTION lair.catch(what text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
			\$\$ BEGIN PERFORM lair.note(what); RETURN true; END \$\$;
	});
	sql($database, "SET ROLE mallory; CREATE SCHEMA $schema; GRANT USAGE ON SCHEMA $schema TO PUBLIC") unless $schema eq 'public';
	sql($database, "SET ROLE mallory;" . plants($schema));
	return;
}

# Nothing of the attacker's ran, and nothing of ours holds on to it
sub nothing_caught
{
	my ($database, $name) = @_;

	is(sql($database, 'SELECT DISTINCT what, who FROM lair.caught ORDER BY 1, 2'), '', "$name: nothing planted ran");
	is(sql($database, q{
		SELECT pg_describe_object(d.classid, d.objid, d.objsubid), pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
		FROM pg_depend AS d
		WHERE d.classid IN ('pg_constraint'::regclass, 'pg_attrdef'::regclass, 'pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass,
							'pg_class'::regclass, 'pg_aggregate'::regclass, 'pg_proc'::regclass)
		  AND EXISTS (SELECT FROM pg_shdepend AS s WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
					  AND s.classid = d.refclassid AND s.objid = d.refobjid AND s.deptype = 'o' AND s.refobjid = 'mallory'::regrole)
		  AND d.refclassid <> 'pg_namespace'::regclass
		  AND NOT (d.classid = 'pg_class'::regclass AND (SELECT c.relkind = 't' FROM pg_class AS c WHERE c.oid = d.objid))
		  AND NOT EXISTS (SELECT FROM pg_shdepend AS s WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
						  AND s.classid = d.classid AND s.objid = d.objid AND s.deptype = 'o' AND s.refobjid = 'mallory'::regrole)
		  AND NOT (d.classid = 'pg_constraint'::regclass AND (SELECT c.contypid <> 0 FROM pg_constraint AS c WHERE c.oid = d.objid))
		  AND NOT (d.classid = 'pg_rewrite'::regclass AND (SELECT c.relowner = 'mallory'::regrole FROM pg_rewrite AS w JOIN pg_class AS c ON c.oid = w.ev_class WHERE w.oid = d.objid))
	}), '', "$name: nothing planted was adopted");
	is(sql($database, q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'}), 'f', "$name: the attacker is no superuser");
	return;
}

# What a person does with a model, every argument of its exact type. $e: schema of the extension
sub workload
{
	my ($e, $prefix) = @_;
	my $as_of = q{pg_catalog.now()};
	my $m = "'${prefix}_model'::pg_catalog.text";
	my $s = "${prefix}_app";

	return qq{
		CREATE SCHEMA $s;
		CREATE TABLE $s.likes (user_id pg_catalog.int8, author_id pg_catalog.int8, created_at pg_catalog.timestamptz);
		INSERT INTO $s.likes SELECT a, t, pg_catalog.now() OPERATOR(pg_catalog.-) pg_catalog.interval '1 hour'
			FROM pg_catalog.generate_series(1::pg_catalog.int8, 9::pg_catalog.int8) AS a, pg_catalog.generate_series(1::pg_catalog.int8, 9::pg_catalog.int8) AS t
			WHERE a OPERATOR(pg_catalog.>) t;
		CREATE TABLE $s.names AS SELECT a AS id, 'somebody'::pg_catalog.text AS name FROM pg_catalog.generate_series(1::pg_catalog.int8, 9::pg_catalog.int8) AS a;
		SELECT $e.influence_create_model($m, 'bigint'::pg_catalog.regtype, $m, 'klout'::pg_catalog.text);
		SELECT $e.influence_add_source($m, 'likes'::pg_catalog.text, '$s.likes'::pg_catalog.regclass, 'user_id'::pg_catalog.text, 'author_id'::pg_catalog.text,
			'created_at'::pg_catalog.text, 'like'::pg_catalog.text, NULL::pg_catalog.text, 'app'::pg_catalog.text, NULL::pg_catalog.text, NULL::pg_catalog.text,
			NULL::pg_catalog.text, NULL::pg_catalog.text, NULL::pg_catalog.text, 'user_id > 1 AND length(''x'') = 1'::pg_catalog.text, true, false);
		SELECT $e.influence_track_changes($m, 'likes'::pg_catalog.text);
		SELECT $e.influence_set_profiles($m, '$s.names'::pg_catalog.regclass, 'id'::pg_catalog.text, 'name'::pg_catalog.text, NULL::pg_catalog.text, NULL::pg_catalog.text);
		SELECT $e.influence_set_accounts($m, '$s.names'::pg_catalog.regclass, 'id'::pg_catalog.text, 'name'::pg_catalog.text, 'name'::pg_catalog.text, NULL::pg_catalog.text);
		SELECT $e.influence_refresh($m, $as_of, false);
		SELECT $e.influence_calibrate($m, $as_of);
		UPDATE $s.likes SET created_at = created_at;
		UPDATE influence.models SET damping = 0.5::pg_catalog.float8 WHERE model OPERATOR(pg_catalog.=) $m;
		UPDATE influence.signals SET weight = 2::pg_catalog.float8 WHERE model OPERATOR(pg_catalog.=) $m;
		UPDATE influence.tiers SET tier = tier WHERE model OPERATOR(pg_catalog.=) $m;
		SELECT $e.influence_configure($m, '{"damping": 0.9, "tiers": [{"tier": "average", "min_score": 41}]}'::pg_catalog.jsonb);
		SELECT $e.influence_preview($m, '{"damping": 0.7}'::pg_catalog.jsonb, NULL::pg_catalog.timestamptz, false);
		SELECT $e.influence_score(1::pg_catalog.int8, $m), $e.influence_score('1'::pg_catalog.text, $m), $e.influence_score(1::pg_catalog.int8, $as_of, $m);
		SELECT * FROM $e.influence_history(1::pg_catalog.int8, NULL::pg_catalog.timestamptz, NULL::pg_catalog.timestamptz, $m);
		SELECT * FROM $e.influence_explain(1::pg_catalog.int8, $m);
		SELECT * FROM $e.influence_explain_kinds(1::pg_catalog.int8, $m);
		SELECT * FROM $e.influence_what_if(1::pg_catalog.int8, 'like'::pg_catalog.text, 'app'::pg_catalog.text, 3, $m);
		SELECT * FROM $e.influence_next_tier(1::pg_catalog.int8, $m);
		SELECT $e.influence_tier_percentile(1::pg_catalog.int8, $m);
		SELECT * FROM $e.influence_compare(ARRAY[1, 2]::pg_catalog.int8[], $m);
		SELECT * FROM $e.influence_leaderboard($m, NULL::pg_catalog.text, 3);
		SELECT * FROM $e.influence_search($m, 'some'::pg_catalog.text, 3);
		SELECT * FROM $e.influence_evaluate($m, 'SELECT 1 AS more_influential, 2 AS less_influential'::pg_catalog.text);
		SELECT * FROM $e.influence_refresh_progress();
		SELECT * FROM $e.influence_doctor($m);
		SELECT $e.influence_opt_out(1::pg_catalog.int8, $m), $e.influence_opt_in('1'::pg_catalog.text, $m), $e.influence_forget(2::pg_catalog.int8, $m);
		SELECT * FROM $e.influence_check_forgotten(2::pg_catalog.int8, $m);
		SELECT $e.influence_invalidate($m, NULL::pg_catalog.timestamptz, NULL::pg_catalog.timestamptz, NULL::pg_catalog.text);
		REFRESH MATERIALIZED VIEW ${prefix}_model.scores;
		SELECT * FROM ${prefix}_model.refresh_status;
		SELECT * FROM influence.refresh_status;
		SELECT * FROM influence.current_configuration;
		SELECT * FROM influence.refresh_log;
		CALL $e.influence_refresh_all();
		SELECT $e.influence_untrack_changes($m, 'likes'::pg_catalog.text);
		SELECT $e.influence_remove_source($m, 'likes'::pg_catalog.text);
		SELECT $e.influence_remove_profiles($m);
		SELECT $e.influence_decay(pg_catalog.interval '1 day', pg_catalog.interval '1 day'), $e.influence_tier(50::pg_catalog.float8);
		SELECT $e.influence_rollup(s) FROM (SELECT $e.influence_decay_agg(1::pg_catalog.float8, $as_of, pg_catalog.interval '1 day') AS s) AS states;
		SELECT $e.influence_drop_model($m);
	};
}

$node->safe_psql('postgres', 'CREATE ROLE mallory LOGIN; CREATE ROLE installer LOGIN; CREATE ROLE team');

#
# Everything that fits better is there before, and something more is put there after
#
foreach my $place ([ 'in_public', 'public' ], [ 'in_theirs', 'den' ])
{
	my ($database, $schema) = @$place;

	new_database($database, $schema);
	# what is in the session's own schema of temporary objects counts before all others
	sql($database, qq{
		RESET search_path;
		CREATE TEMP TABLE models (model text);
		CREATE TEMP VIEW pg_namespace AS SELECT 1 AS oid;
		CREATE DOMAIN pg_temp.regtype AS text;
		CREATE FUNCTION pg_temp.influence_may_change(text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
		CREATE EXTENSION influence SCHEMA $schema;
	});
	nothing_caught($database, "CREATE EXTENSION, schema $schema");
	is(sql($database, q{SELECT count(*) FROM pg_depend AS d JOIN pg_class AS c ON c.oid = d.objid
		WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e' AND c.relnamespace <> 'influence'::regnamespace}), '0', 'relations are where they belong');
	sql($database, "GRANT CREATE ON DATABASE $database TO team");
	sql($database, "SET search_path = $schema, pg_catalog; SET ROLE team;" . workload($schema, 'team'));
	nothing_caught($database, "in use by a role, schema $schema");
	sql($database, "SET search_path = $schema, pg_catalog;" . workload($schema, 'super'));
	nothing_caught($database, "in use by a superuser, schema $schema");
	# with arguments of our own row types
	sql($database, "SET ROLE mallory;"
		. join('', map { "CREATE FUNCTION $schema.to_jsonb(influence.$_) RETURNS jsonb LANGUAGE plpgsql AS \$\$ BEGIN PERFORM lair.catch('to_jsonb'); RETURN NULL; END \$\$;" }
			qw(models networks signals tiers sources accounts)));
	sql($database, "SET ROLE team;" . workload($schema, 'team2'));
	sql($database, workload($schema, 'super2'));
	nothing_caught($database, "with functions over our types, schema $schema");
	sql($database, 'DROP EXTENSION influence CASCADE; RESET search_path; CREATE EXTENSION influence SCHEMA ' . $schema);
	nothing_caught($database, "installed again, schema $schema");
}
# they are there to be caught
sql('in_public', q{RESET search_path; SELECT 1::oid::regtype = 2::oid::regtype, num_nonnulls('x'::text, 'y'::text)});
is(sql('in_public', 'SELECT string_agg(what, $$ $$ ORDER BY what) FROM lair.caught'), 'num_nonnulls(text,text) regtype=regtype',
	'what is planted would run');
sql('in_public', 'ALTER ROLE mallory NOSUPERUSER');

#
# What stands in the way is refused, and nothing is left of the attempt
#
my $number = 0;
foreach my $case (
	[ 'schema influence', 'CREATE SCHEMA influence', '42P06', 'public' ],
	[ 'schema influence with tables', 'CREATE SCHEMA influence; CREATE TABLE influence.models (model text)', '42P06', 'public' ],
	[ 'a function', 'CREATE FUNCTION public.influence_decay(interval, interval) RETURNS float8 LANGUAGE sql AS $$ SELECT 1.0 $$', '42723', 'public' ],
	[ 'a function of a policy', 'CREATE FUNCTION public.influence_may_change(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$', '42723', 'public' ],
	[ 'a type', 'CREATE TYPE public.influence_decay_state AS ENUM ()', '42710', 'public' ],
	[ 'a table, which is a type', 'CREATE TABLE public.influence_reach_sketch (i int)', '42710', 'public' ],
	[ 'an aggregate', 'CREATE AGGREGATE public.influence_reach(bigint) (SFUNC = int8pl, STYPE = bigint)', '42723', 'public' ],
	[ 'a procedure', 'CREATE PROCEDURE public.influence_refresh_all() LANGUAGE sql AS $$ SELECT 1 $$', '42723', 'public' ])
{
	my ($what, $plant, $sqlstate, $schema) = @$case;
	my $database = 'refused' . $number++;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql('postgres', "GRANT CREATE ON DATABASE $database TO mallory, installer");
	sql($database, "GRANT CREATE ON SCHEMA public TO mallory; SET ROLE mallory; $plant");
	refused($database, "CREATE EXTENSION influence SCHEMA $schema", $sqlstate, $what);
	refused($database, "SET ROLE installer; CREATE EXTENSION influence SCHEMA $schema", $sqlstate, "$what, installed by a role,");
	is(sql($database, q{SELECT count(*) FROM pg_extension WHERE extname = 'influence'}), '0', "$what: not installed");
	is(sql($database, q{SELECT count(*) FROM pg_proc WHERE proname LIKE 'influence%' AND proowner = 10}), '0', "$what: nothing is left");
	sql($database, 'DROP OWNED BY mallory');
	sql($database, 'CREATE EXTENSION influence SCHEMA public');
}

#
# ALTER EXTENSION UPDATE, to a version that does what versions do
#
my $share = $node->config_data('--sharedir') . '/extension';
my $version = sql('reference', q{SELECT extversion FROM pg_extension WHERE extname = 'influence'});
my $update = "$share/influence--$version--$version.hijack.sql";
my $next = q{
SET LOCAL search_path = pg_catalog, pg_temp;
ALTER TABLE influence.models ADD COLUMN trial float8 NOT NULL DEFAULT 1
	CONSTRAINT trial_from_0_to_1 CHECK (trial BETWEEN 0 AND 1.0 AND num_nonnulls(model, schema) = 2);
UPDATE influence.presets SET target_mean = target_mean + 0 WHERE target_mean > 1;
CREATE TABLE influence.trials (model text REFERENCES influence.models, t regtype CHECK (t IN ('text'::regtype)));
CREATE POLICY trials ON influence.trials USING (@extschema@.influence_may_read(model, NULL::text));
CREATE VIEW influence.all_trials AS SELECT to_jsonb(t) - '{model}'::text[] AS trial FROM influence.trials AS t;
CREATE FUNCTION @extschema@.influence_trial(model text, trial float8) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT to_jsonb(trial) $$;
};
SKIP:
{
	skip 'the extension directory cannot be written to', 1 unless -w $share;
	append_to_file($update, $next);
	is_deeply([ broken_rules($next) ], [], 'a version that keeps the rules');
	foreach my $place ([ 'in_public', 'public' ], [ 'in_theirs', 'den' ])
	{
		my ($database, $schema) = @$place;

		sql($database, 'TRUNCATE lair.caught');
		sql($database, "SET ROLE mallory; CREATE FUNCTION $schema.influence_trial(text, float8) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'");
		refused($database, "ALTER EXTENSION influence UPDATE TO '$version.hijack'", '42723', "a function that is there, schema $schema");
		is(sql($database, q{SELECT extversion FROM pg_extension WHERE extname = 'influence'}), $version, 'still the old version');
		sql($database, "DROP FUNCTION $schema.influence_trial(text, float8)");
		sql($database, "SET ROLE mallory; CREATE FUNCTION $schema.influence_trial(text, numeric) RETURNS boolean LANGUAGE plpgsql AS \$\$ BEGIN RETURN lair.catch('trial'); END \$\$");
		sql($database, "RESET search_path; ALTER EXTENSION influence UPDATE TO '$version.hijack'");
		nothing_caught($database, "ALTER EXTENSION UPDATE, schema $schema");
		sql($database, workload($schema, 'updated'));
		nothing_caught($database, "in use after the update, schema $schema");
	}
	# whoever owns the extension can add to it what an update would replace
	$node->safe_psql('postgres', 'CREATE DATABASE added');
	$node->safe_psql('postgres', 'GRANT CREATE ON DATABASE added TO installer');
	sql('added', 'GRANT CREATE ON SCHEMA public TO installer');
	sql('added', q{RESET search_path; SET ROLE installer; CREATE EXTENSION influence;
		CREATE FUNCTION public.influence_trial(text, float8) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
		ALTER EXTENSION influence ADD FUNCTION public.influence_trial(text, float8)});
	refused('added', "ALTER EXTENSION influence UPDATE TO '$version.hijack'", '42723', 'a function that was added to the extension');
}

END
{
	my $status = $?;

	unlink $update if defined $update;
	$? = $status;
}

$node->stop;
done_testing();
