# Hostile arguments: NULL, infinities, not-a-numbers, the ends of every range,
# empty and huge text, objects that are not there, in each argument of each
# function and aggregate, and in settings that an administrator may edit. Each is
# refused with an SQLSTATE of its own, or gives a result without a NaN in it.
#
# The catalog says what there is to call, so a new function is tried from its first
# day on. INFLUENCE_FUZZ_SEED chooses other combinations of several such arguments.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $SEED = $ENV{INFLUENCE_FUZZ_SEED} // 2008;

# Calls with several hostile arguments, of each function
my $COMBINATIONS = 25 * ($ENV{INFLUENCE_FUZZ_ROUNDS} // 1);

# Hostile values of each type, beside NULL, as SQL
my %values = (
	'bigint' => [ 0, 1, -1, 2147483648, "'9223372036854775807'", "'-9223372036854775808'" ],
	'integer' => [ 0, 1, -1, 15, 16, 65536, 65537, 2147483647, "'-2147483648'" ],
	'double precision' => [ 0, "'-0'", 1, -1, 0.95, 99.999999, 100, "'NaN'", "'Infinity'", "'-Infinity'", "'1.7976931348623157e308'", "'-1.7976931348623157e308'", "'5e-324'" ],
	'boolean' => [qw(true false)],
	'bytea' => [ map { "'$_'" } '', '\\x00', '\\x00112233445566778899aabbccddeeff' ],
	'jsonb' => [ map { "'$_'" } '{}', 'null', '[]', '1', '{"damping": 2}', '{"damping": "x"}', '{"models": []}', '{"signals": [{}]}', '{"networks": [{"network": "app", "weight": "NaN"}]}', '{"nothing": 1}', '{"time_window": "-1 day"}' ],
	'bigint[]' => [ map { "'$_'" } '{}', '{1}', '{NULL,1,1}', '{{1,2},{3,4}}', '{-9223372036854775808}' ],
	'uuid[]' => [ map { "'$_'" } '{}', '{00000000-0000-0000-0000-000000000000}', '{NULL}' ],
	'text[]' => [ map { "'$_'" } '{}', '{1}', '{NULL,"",x}', '{{1,2},{3,4}}' ],
	'uuid' => [ "'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'" ],
	'text' => [ "''", "' '", "'social'", "'nobody'", "'app'", "repeat('x', 63)", "repeat('x', 64)", "repeat('x', 100000)", "repeat('é', 32)", q{E'a"b''c\\\\d'}, "'%s%n'",
		"';--'", "'('", "'1'", "'user_id'", "'exponential'", "'* * * * *'", "'60 seconds'", "'99 99 99 99 99'", "repeat('*/1,', 5000)", "'SELECT 1'", "'klout'",
		"'SELECT 1 AS source, 1 AS target, ''nan''::float8 AS weight'", "'SELECT 1 AS source, 2 AS target WHERE false'",
		"'SELECT NULL::int AS source, 2 AS target'", "'SELECT 1 AS node_id, -1 AS weight'" ],
	'timestamp with time zone' => [ map { "'$_'" } 'infinity', '-infinity', '4714-11-24 00:00Z BC', '294276-12-31 23:59:59.999999Z', '2000-01-01 00:00Z', '2024-06-01 12:00Z' ],
	'interval' => [ map { "'$_'" } '0', '1 day', '-1 day', '1 microsecond', '1 month -30 days', '178000000 years', '-178000000 years', '2147483647 days',
		'2147483647 months 2147483647 days 9223372036854775807 microseconds', '-2147483648 months -2147483648 days -9223372036854775807 microseconds' ],
	'double precision[]' => [ map { "'$_'" } '{}', '{0,0}', '{1,0}', '{NaN,0}', '{0,NaN}', '{Infinity,0}', '{0,-Infinity}', '{1e308,1e308}', '{1.7e308,0}', '{1}', '{1,2,3}', '{NULL,0}', '{{1,0}}', '[0:1]={1,0}' ],
	'regclass' => [ map { "'$_'" } 'app.likes', 'app.view', 'app.sequence', 'app.likes_pkey', 'pg_class', 'influence.models', '0', '4294967295' ],
	'regtype' => [ map { "'$_'" } 'bigint', 'text', 'integer', 'record', 'anyelement', 'cstring', 'bigint[]', '0', '4294967295' ],
	'oid' => [ map { "'$_'" } '0', '10', '4294967295' ],
	'influence_decay_state' => [ map { "'v1 $_'" } 'half_life=86400 last_at=0 sum=1 sum_low=0 count=1 count_low=0',
		'half_life=0.000001 last_at=-210866803200 sum=0 sum_low=0 count=1 count_low=0',
		'half_life=9000000000000 last_at=9224318015999.999999 sum=-1.7976931348623157e308 sum_low=0 count=8e307 count_low=0' ],
	'influence_reach_sketch' => [ map { "'1:$_'" } 'bigint:16:exact:0:', 'uuid:65536:exact:1:0000000000000000', 'text:1024:exact:1:ffffffffffffffff',
		'bigint:16:sampled:16:' . join('', map { sprintf '%016x', $_ } 0 .. 15) ],
	'influence_amplification_state' => [ map { "'1:$_'" } '86400000000:0:1:1', '1:-211813488000000000:0:1', '9000000000000000000:9223371331199999999:1.7976931348623157e308:1.7976931348623157e308' ]);

# A harmless value by the argument's name, else the second of its type
my %harmless = (model => "'social'", name => "'tried'", source => "'likes'", network => "'app'", kind => "'like'", actor => "'user_id'", target => "'author_id'",
	edges => "'SELECT 1 AS source, 2 AS target'", seeds => "'SELECT 1 AS node_id'", kernel => "'exponential'", expression => "'user_id'",
	schedule => "'* * * * *'", cron => "'* * * * *'", relation => "'app.likes'", half_life => "'1 day'", scale => "'1 day'", grace => "'0'",
	as_of => "'2024-06-01 12:00Z'", k => 16, confidence => 0.95);

# Taking these to pieces is what the server does for its own statements
my $EXPRESSION = 'edges|seeds|pairs|changes|relation|create_views|comment_views|expression|actor|target|occurred_at|post|weight|sentiment|topics|filter|_column';

my $node = PostgreSQL::Test::Cluster->new('arguments');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nlog_min_messages = log\nfsync = off\nstatement_timeout = '2min'\n");
$node->start;
my $later = $node->safe_psql('postgres', 'SHOW server_version_num') >= 170000;
push @{ $values{interval} }, "'infinity'", "'-infinity'" if $later;

$node->safe_psql('postgres', q{
	CREATE EXTENSION influence;
	CREATE SCHEMA app;
	CREATE TABLE app.likes (id bigint PRIMARY KEY, user_id bigint, author_id bigint, created_at timestamptz, strength float8);
	INSERT INTO app.likes SELECT i, i % 20, i % 7, timestamptz '2024-06-01 11:00Z' - i * interval '1 hour', 1 FROM generate_series(1, 200) AS i;
	CREATE VIEW app.view AS SELECT * FROM app.likes;
	CREATE SEQUENCE app.sequence;
	SELECT influence_create_model('social');
	SELECT influence_add_source('social', 'likes', 'app.likes', actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'like', weight => 'strength');
	SELECT influence_create_model('by_uuid', 'uuid');
	SELECT influence_add_source('by_uuid', 'likes', 'app.likes', actor => 'lpad(user_id::text, 32, ''0'')::uuid', target => 'lpad(author_id::text, 32, ''0'')::uuid', occurred_at => 'created_at', kind => 'like');
	SELECT influence_create_model('by_text', 'text');
	SELECT influence_add_source('by_text', 'likes', 'app.likes', actor => 'user_id::text', target => 'author_id::text', occurred_at => 'created_at', kind => 'like');
	SELECT influence_refresh(model, '2024-06-01 12:00Z') FROM influence.models;

	-- What a query says, as text, or its error; whatever it did is undone
	CREATE FUNCTION public.attempt(query text, OUT error text, OUT message text, OUT result text) LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE 'SELECT string_agg(r::text, '','') FROM (' || query || ') AS r' INTO result;
		RAISE EXCEPTION USING ERRCODE = 'UNDO0';
	EXCEPTION WHEN OTHERS THEN
		IF SQLSTATE <> 'UNDO0' THEN
			error := SQLSTATE;
			message := SQLERRM;
			result := NULL;
		END IF;
	END
	$$});

# report($name, @queries): no query gives a NaN, nor an error that is nobody's fault but ours
sub report
{
	my ($name, @queries) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $file = $node->basedir . '/queries';
	append_to_file($file, join '', map { s/\\/\\\\/gr . "\n" } @queries);
	my $found = $node->safe_psql('postgres', qq{
		SET client_min_messages = error;
		CREATE TEMP TABLE queries (number int GENERATED ALWAYS AS IDENTITY, query text);
		COPY queries (query) FROM '$file';
		CREATE TEMP TABLE attempts AS SELECT q.*, a.* FROM queries AS q, LATERAL public.attempt(q.query) AS a ORDER BY number;
		SELECT concat_ws(E'\\n    ', concat(error, ': ', left(message, 200), left(result, 200)), left(query, 500)) FROM attempts
		WHERE error ~ '^(XX|57|58|53|25|2D|3B)' OR message = '' OR result ~ '\\mNaN\\M'
			OR error IN ('42601', '42703', '42P01', '42883') AND query !~ '$EXPRESSION' ORDER BY number LIMIT 40;
	});
	unlink $file;
	is($found, '', "$name (" . @queries . ')');
}

srand $SEED;
note "INFLUENCE_FUZZ_SEED=$SEED";

# Functions and aggregates: name, kind, types, names and number of the arguments without a default
my @functions = map { [ split /\|/ ] } split /\n/, $node->safe_psql('postgres', q{
	SELECT proname, CASE WHEN proargmodes IS NULL AND prorettype = 'record'::regtype THEN 'r' ELSE prokind END, array_to_string(proargtypes::regtype[], ','), array_to_string(proargnames[1:pronargs], ','), pronargs - pronargdefaults, provariadic <> 0
	FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
		JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
	WHERE extname = 'influence' AND prokind IN ('f', 'a') AND NOT ARRAY['internal', 'cstring']::regtype[] && proargtypes::regtype[]
		AND prorettype <> 'trigger'::regtype
	ORDER BY p.oid::regprocedure::text COLLATE "C"});
cmp_ok(scalar @functions, '>', 90, 'functions were found');

# Columns of the view that a function fills
sub view_columns
{
	my ($function) = @_;

	return $node->safe_psql('postgres', qq{
		SELECT string_agg(attname || ' ' || atttypid::regtype, ', ' ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = replace('$function', 'influence_model_', 'social.')::regclass AND attnum > 0});
}

# queries($function, %hostile): calls with these arguments by their positions, others being harmless
sub queries
{
	my ($function, %hostile) = @_;
	my ($name, $kind, $types, $names, $required, $variadic) = @$function;
	my @types = split /,/, $types;
	my @names = split /,/, $names;
	my @arguments;

	foreach my $i (0 .. $#types)
	{
		next if $kind eq 'f' && $i >= $required && !exists $hostile{$i};
		die "no values of type $types[$i]" unless $values{ $types[$i] };
		my $value = $hostile{$i} // ($types[$i] ne 'boolean' && $harmless{ $names[$i] }) || $values{ $types[$i] }[1];
		push @arguments, ($variadic eq 't' && $i == $#types ? 'VARIADIC ' : '') . ($kind eq 'f' && @names ? "\"$names[$i]\" => " : '') . "$value\::$types[$i]";
	}
	my $call = "$name(" . join(', ', @arguments) . ')';
	return "SELECT * FROM $call" if $kind eq 'f';
	return map { "SELECT * FROM $call AS r ($_)" } view_columns($name), 'user_id bigint', 'user_id internal' if $kind eq 'r';
	return map { "SELECT $call FROM generate_series(1, $_)" } 0 .. 2;
}

my (@single, @several);
foreach my $function (@functions)
{
	my @types = split /,/, $function->[2];

	push @single, queries($function);
	foreach my $i (0 .. $#types)
	{
		push @single, queries($function, $i => $_) foreach 'NULL', @{ $values{ $types[$i] } };
	}
	next if @types < 2;
	foreach (1 .. $COMBINATIONS)
	{
		my %hostile = map { my @pool = ('NULL', @{ $values{ $types[$_] } }); ($_ => $pool[ rand @pool ]) } grep { rand() < 0.6 } 0 .. $#types;
		push @several, queries($function, %hostile);
	}
}
report('one hostile argument', @single);
report('several hostile arguments', @several);

# Workers without rows have no states to combine
foreach my $call (split /\n/, $node->safe_psql('postgres', q{
	SELECT DISTINCT format('%s(NULL::%s, NULL::%s)', aggcombinefn, aggtranstype::regtype, aggtranstype::regtype)
	FROM pg_aggregate AS a JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = a.aggfnoid AND d.deptype = 'e'
		JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
	WHERE extname = 'influence' ORDER BY 1}))
{
	is($node->safe_psql('postgres', "SELECT $call IS NULL"), 't', "$call is nothing");
}

# Settings: what may be stored may be refreshed with
$node->safe_psql('postgres', q{
	CREATE FUNCTION public.refreshed_with(setting text) RETURNS SETOF text LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE setting;
		PERFORM influence_refresh('social', '2024-06-01 12:00Z');
		RETURN QUERY SELECT s::text FROM social.scores AS s;
		RETURN QUERY SELECT s::text FROM social.network_scores AS s;
	END
	$$});
my @settings = map {
	my ($table, $column, $type) = split /\|/;
	map { "UPDATE influence.$table SET $column = $_ WHERE model = 'social'" . ($table eq 'signals' ? " AND network = 'app' AND kind = 'like'" : '') }
		'NULL', map { "$_\::$type" } @{ $values{$type} }
} split /\n/, $node->safe_psql('postgres', q{
	SELECT relname, attname, format_type(atttypid, atttypmod) FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
	WHERE relnamespace = 'influence'::regnamespace AND relname IN ('models', 'networks', 'signals', 'calibrations') AND attnum > 0
		AND format_type(atttypid, atttypmod) IN ('double precision', 'integer', 'interval', 'boolean', 'timestamp with time zone', 'double precision[]', 'bigint')
	ORDER BY 1, attnum});
foreach my $knots ([ '{{0,1}}', '{{1,100}}' ], [ '{1,0}', '{1,100}' ], [ '{0,1}', '{100,1}' ], [ '{0,0}', '{1,1}' ], [ '{0,1.7e308}', '{1,100}' ], [ '[5:6]={0,1}', '{1,100}' ])
{
	push @settings, "UPDATE influence.calibrations SET raw = '$knots->[0]', score = '$knots->[1]'";
}
report('settings', map { 'SELECT * FROM public.refreshed_with($$' . $_ . '$$)' } @settings);

$node->stop;
done_testing();
