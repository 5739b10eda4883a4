# README.md does what it says. Its SQL blocks run in order in one database:
#
#	```sql                  must succeed
#	```sql needs NAME       the same; skipped when the extension NAME is not on this machine
#	```sql fails SQLSTATE   must fail with that SQLSTATE
#	```text                 right after one of these: exactly what psql prints
#
# And its reference lists every object that a user may call or read, and nothing else.
use strict;
use warnings FATAL => 'all';

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $text = slurp_file('README.md');
my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->start;

sub available
{
	my ($extension) = @_;

	return $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_available_extensions WHERE name = '$extension'");
}

if (available('pg_cron'))
{
	$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'pg_cron'
cron.database_name = 'mydb'
cron.use_background_workers = on
max_worker_processes = 16
});
	$node->restart;
}
$node->safe_psql('postgres', 'CREATE DATABASE mydb');

# What the text takes for granted: the roles it grants to, and the tables of
# an application beyond those that its first section creates.
$node->safe_psql('mydb', q{
	CREATE ROLE app_backend;
	CREATE ROLE bi_reader;
	CREATE SCHEMA crm;
	CREATE TABLE crm.events (
		id bigint GENERATED ALWAYS AS IDENTITY, actor_id int, target_id int, origin text, action text,
		happened_at timestamp NOT NULL, mood numeric, object uuid);
	INSERT INTO crm.events (actor_id, target_id, origin, action, happened_at, mood, object)
	SELECT n % 40 + 1, n % 7 + 1, (ARRAY['app', 'twitter', 'instagram'])[n % 3 + 1],
		(ARRAY['comment', 'retweet', 'like'])[n % 3 + 1], now() - n * interval '1 hour',
		(n % 5 - 2) / 2.0, gen_random_uuid()
	FROM generate_series(1, 300) AS n;
	CREATE TABLE crm.page_views (author_id bigint, day date, views bigint);
	INSERT INTO crm.page_views SELECT n % 9 + 1, current_date - n % 30, 10 * n FROM generate_series(1, 90) AS n;
	CREATE TABLE crm.members (id uuid PRIMARY KEY, name text);
	CREATE TABLE crm.kudos (giver uuid, receiver uuid, given_at timestamptz);
	INSERT INTO crm.members SELECT gen_random_uuid(), 'member ' || n FROM generate_series(1, 20) AS n;
	INSERT INTO crm.kudos SELECT a.id, b.id, now() - interval '1 day'
	FROM crm.members AS a, crm.members AS b WHERE a.id <> b.id AND hashtext(a.name || b.name) % 3 = 0;
});

# run_psql($sql): exit status, stdout, stderr, as a person at psql would see them
sub run_psql
{
	my ($sql) = @_;
	my @command = ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-P', 'pager=off',
		'-d', $node->connstr('mydb'));
	my ($stdout, $stderr);

	$sql = "\\set SHOW_CONTEXT never\n\\set VERBOSITY verbose\n" . $sql;
	IPC::Run::run(\@command, '<', \$sql, '>', \$stdout, '2>', \$stderr);
	return ($? >> 8, $stdout, $stderr);
}

# tidy($text): without what an editor would not keep
sub tidy
{
	my ($printed) = @_;

	$printed =~ s/[ \t]+$//mg;
	$printed =~ s/\n+\z/\n/;
	$printed =~ s/\A\n+//;
	return $printed;
}

my $blocks = 0;
while ($text =~ /^```sql([^\n]*)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/msg)
{
	my ($rule, $sql, $printed) = ($1, $2, $3);
	my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
	my $name = "README.md line $line";

	$blocks++;
	if ($rule =~ /needs (\w+)/ && !available($1))
	{
	  SKIP: { skip "$name: $1 is not installed on this machine", 1; }
		next;
	}
	my ($status, $stdout, $stderr) = run_psql($sql);
	if ($rule =~ /fails (\w{5})/)
	{
		like($stderr, qr/ERROR:  $1:/, "$name fails with SQLSTATE $1");
		next;
	}
	is($status, 0, $name) or diag($stderr);
	is(tidy($stdout), tidy($printed), "$name prints what it says") if defined $printed;
}
cmp_ok($blocks, '>', 20, "README.md has SQL blocks ($blocks)");

# The text ends with DROP EXTENSION: the reference is compared with a new one.
$node->safe_psql('postgres', q{CREATE DATABASE reference});
$node->safe_psql('reference', q{CREATE EXTENSION influence; SELECT influence_create_model('social')});

# Reference: the functions, in backquotes, with names and types of their arguments.
# a/b/c in place of a type is one function for each.
my ($reference) = $text =~ /^## Reference\n(.*?)^## /ms;
my ($internal) = $reference =~ /^### Internal functions\n(.*)/ms;
my %documented;

while ($reference =~ /`(influence_\w+)\(([^`]*)\)`/g)
{
	my ($function, $arguments) = ($1, $2);

	$arguments =~ s/ DEFAULT ('[^']*'|[\w.()-]+)//g;
	$arguments =~ s/\bint\b/integer/g;
	my @forms = ($arguments);
	if ($arguments =~ m{(\w+(?:/\w+)+)})
	{
		my $types = $1;
		@forms = map { $arguments =~ s/\Q$types\E/$_/r } split m{/}, $types;
	}
	$documented{"$function($_)"} = 1 foreach @forms;
}
my %is_internal = map { $_ => 1 } $internal =~ /`(influence_\w+)`/g;

my @functions = split /\n/, $node->safe_psql('reference', q{
	SELECT proname || '(' || replace(replace(pg_get_function_identity_arguments(p.oid),
		'double precision', 'float8'), 'timestamp with time zone', 'timestamptz') || ')'
	FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
		JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
	WHERE e.extname = 'influence' ORDER BY 1});
my %exists = map { $_ => 1 } @functions;
my %name_exists = map { /^(\w+)/ => 1 } @functions;

is_deeply([ grep { /^(\w+)/; !$documented{$_} && !$is_internal{$1} } @functions ],
	[], 'every function is in the reference, or listed as internal');
is_deeply([ grep { !$exists{$_} } sort keys %documented ],
	[], 'every function in the reference exists as it is written there');
is_deeply([ grep { !$name_exists{$_} } sort keys %is_internal ],
	[], 'every function that is listed as internal exists');

# Relations of the schema influence and of a model, with their columns, types and settings
my @names = split /\n/, $node->safe_psql('reference', q{
	SELECT format('influence.%s', relname) FROM pg_class
	WHERE relnamespace = 'influence'::regnamespace AND relkind IN ('r', 'v')
	UNION
	SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
	WHERE (c.relnamespace = 'influence'::regnamespace AND c.relkind IN ('r', 'v') AND c.relname NOT LIKE 'preset%'
		OR c.relnamespace = 'social'::regnamespace AND c.relkind IN ('m', 'p', 'v'))
		AND a.attnum > 0 AND NOT a.attisdropped
	UNION
	SELECT relname FROM pg_class WHERE relnamespace = 'social'::regnamespace AND relkind IN ('m', 'p', 'v')
	UNION
	SELECT typname FROM pg_type WHERE typname LIKE 'influence\_%'
	UNION
	SELECT name FROM pg_settings WHERE name LIKE 'influence.%'
	ORDER BY 1});
is_deeply([ grep { $reference !~ /`\Q$_\E`/ } @names ],
	[], 'every table, view, column, type and setting is in the reference');

# Errors: every SQLSTATE that is raised somewhere is in the table of what to do
my ($errors) = $text =~ /^\| SQLSTATE \| when .*?\n(.*?)\n\n/ms;
my %codes = map { /^#define ERRCODE_(\w+) MAKE_SQLSTATE\('(.)','(.)','(.)','(.)','(.)'\)/ ? ($1 => "$2$3$4$5$6") : () }
	split /\n/, slurp_file($node->config_data('--includedir-server') . '/utils/errcodes.h');
my $code = join "\n", map { slurp_file($_) } glob('src/*.c src/*/*.c sql/install/*.sql');
my %raised = map { defined ? (uc $_ => 1) : () } $code =~ /\berrcode\(ERRCODE_(\w+)\)|ERRCODE = '(\w+)'/g;
cmp_ok(scalar keys %raised, '>', 30, 'errors are raised');
is_deeply([ grep { my $state = $codes{$_}; !defined $state || $errors !~ /\b$state\b/ } sort keys %raised ], [], 'every error is in the table of errors');

my %anchors;
while ($text =~ /^##+ (.*)$/mg)
{
	my $anchor = lc $1;

	$anchor =~ s/[^\w\- ]//g;
	$anchor =~ tr/ /-/;
	$anchors{$anchor} = 1;
}
is_deeply([ grep { !$anchors{$_} } $text =~ /\]\(#([^)]*)\)/g ], [], 'every link inside README.md leads somewhere');

$node->stop;
done_testing();
