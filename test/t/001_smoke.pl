# The extension as a package: it installs in any schema, documents every object,
# pins what must be pinned, and leaves nothing behind.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('smoke');
$node->init;
$node->start;

# Every member of the extension. Array types and the row types of tables come
# with something else.
my $members = q{
	SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS object
	FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
	WHERE e.extname = 'influence' AND d.deptype = 'e'
	AND NOT (d.classid = 'pg_type'::regclass AND EXISTS (
		SELECT FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
		WHERE t.oid = d.objid AND (t.typcategory = 'A' OR c.relkind <> 'c')))};

# Whatever was created since initdb
my $created = join ' UNION ALL ', map {
	"SELECT pg_describe_object('$_'::regclass, oid, 0) FROM $_ WHERE oid >= 16384"
} qw(pg_extension pg_namespace pg_class pg_type pg_proc pg_cast pg_operator pg_opclass pg_opfamily pg_trigger);

# none($database, $query, $name): the query finds nothing; what it finds is shown
sub none
{
	my ($database, $query, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql($database, $query), '', $name);
}

# check_members($database, $schema): all that must hold for an installed extension
sub check_members
{
	my ($database, $schema) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;

	none($database, qq{
		SELECT object FROM ($members) m
		WHERE obj_description(objid, (SELECT relname FROM pg_class WHERE oid = classid)) IS NULL ORDER BY 1},
		"every object has a comment ($schema)");

	none($database, qq{
		SELECT attrelid::regclass || ': ' || string_agg(attname, ', ' ORDER BY attnum)
		FROM ($members) m JOIN pg_attribute a ON classid = 'pg_class'::regclass AND attrelid = objid
			JOIN pg_class c ON c.oid = attrelid
		WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'v', 'm', 'c')
		AND col_description(attrelid, attnum) IS NULL GROUP BY attrelid ORDER BY 1},
		"every column has a comment ($schema)");

	none($database, qq{
		SELECT object FROM ($members) m JOIN pg_proc p ON classid = 'pg_proc'::regclass AND p.oid = objid
			JOIN pg_language l ON l.oid = prolang
		WHERE lanname NOT IN ('c', 'internal')
		AND 'search_path=pg_catalog, pg_temp' <> ALL (coalesce(proconfig, '{}')) ORDER BY 1},
		"every function that is not in C pins its search_path ($schema)");

	none($database, qq{
		SELECT object FROM ($members) m JOIN pg_proc p ON classid = 'pg_proc'::regclass AND p.oid = objid
		WHERE prosecdef ORDER BY 1},
		"no function is SECURITY DEFINER ($schema)");

	none($database, qq{
		SELECT object FROM ($members) m JOIN pg_proc p ON classid = 'pg_proc'::regclass AND p.oid = objid
			JOIN generate_subscripts(proargtypes, 1) i ON true
		WHERE coalesce(proargnames[i + 1], '') = ''
		AND NOT EXISTS (SELECT FROM pg_type WHERE p.oid IN (typinput, typoutput, typreceive, typsend))
		GROUP BY 1 ORDER BY 1},
		"every parameter has a name ($schema)");

	none($database, qq{
		SELECT object FROM ($members) m JOIN pg_proc p ON classid = 'pg_proc'::regclass AND p.oid = objid
		WHERE pronamespace <> '$schema'::regnamespace OR proname NOT LIKE 'influence\\_%' ORDER BY 1},
		"every function is influence_something in the schema $schema");
}

foreach my $schema ('public', 'Klout et al')
{
	my $database = $schema eq 'public' ? 'plain' : 'elsewhere';
	my $quoted = qq{"$schema"};

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, "CREATE SCHEMA $quoted") if $schema ne 'public';
	my $before = $node->safe_psql($database, $created);

	$node->safe_psql($database,
		"CREATE EXTENSION influence" . ($schema eq 'public' ? '' : " SCHEMA $quoted"));
	is($node->safe_psql($database, "SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'influence'"),
		$schema eq 'public' ? $schema : $quoted, "installed in the schema $schema");
	check_members($database, $quoted);

	$node->safe_psql($database, "DROP EXTENSION influence");
	is($node->safe_psql($database, $created), $before, "DROP EXTENSION leaves nothing behind ($schema)");
}

# A schema that someone else made under our name is not taken over.
$node->safe_psql('postgres', "CREATE SCHEMA influence");
my ($status, $stdout, $stderr) = $node->psql('postgres', "CREATE EXTENSION influence");
isnt($status, 0, 'a planted schema "influence" stops the installation');
like($stderr, qr/schema "influence" already exists/, '... and is named');

$node->stop;
done_testing();
