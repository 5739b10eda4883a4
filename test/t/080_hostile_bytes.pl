# Hostile bytes: mutations of valid states, in the text form, the binary form and
# as stored, go to every function that takes a state. Each is either refused with
# the SQLSTATE for that, or is a state like any other: it survives output and
# input, and everything that can be read from it is a number.
#
# The values go to the server as parameters of prepared statements, text and
# binary, which is how a hostile client would send them; the protocol is spoken
# here because no client program passes on any bytes it is given. Stored bytes
# come in through a type of our own that is binary coercible to each state.
#
# The same seed gives the same mutations: INFLUENCE_FUZZ_SEED chooses another one,
# INFLUENCE_FUZZ_ROUNDS more of them than the usual 1.
use strict;
use warnings FATAL => 'all';

use IO::Socket::UNIX;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $SEED = $ENV{INFLUENCE_FUZZ_SEED} // 2008;
my $ROUNDS = $ENV{INFLUENCE_FUZZ_ROUNDS} // 1;

# Mutations of each type in each form
my $MUTATIONS = 12000 * $ROUNDS;

# Statements sent before their answers are read, which must fit into the socket
my $BATCH = 60;

# Failures shown of each kind
my $SHOWN = 5;

my ($TEXT, $BINARY) = (0, 1);

# Valid states: plain, empty, full, at the ends of every range
my %states = (
	influence_decay_state => [
		q{influence_decay_agg(1, '2024-06-01 12:00Z', '1 day')},
		q{influence_decay_agg(v, '2024-06-01 12:00Z', '1 day') FROM unnest(ARRAY[0.1, 0.2, -7.25]) AS v},
		q{influence_decay_agg(0, '4714-11-24 00:00Z BC', '1 microsecond')},
		q{influence_decay_agg(-1e-300, '294276-12-31 23:59:59.999999Z', '285000 years')},
		q{influence_decay_agg(1.7e308, '1999-12-31 23:59:59.999999Z', '1 second')},
		q{influence_decay_agg(i, '2024-06-01 12:00Z', '1 day') FROM generate_series(1, 1000) AS i}],
	influence_amplification_state => [
		q{influence_amplification_agg(true, 1, '2024-06-01 12:00Z', '1 day')},
		q{influence_amplification_agg(i % 3 = 0, i, '2024-06-01 12:00Z', '1 day') FROM generate_series(1, 10) AS i},
		q{influence_amplification_agg(false, 1, '4714-11-24 00:00Z BC', '1 microsecond')},
		q{influence_amplification_agg(true, 1, '294276-12-31 23:59:59.999999Z', '285000 years')}],
	influence_reach_sketch => [
		q{influence_reach_agg(i) FROM generate_series(1, 3::bigint) AS i},
		q{influence_reach_agg(i, 16) FROM generate_series(1, 100::bigint) AS i},
		q{influence_reach_agg(i, 16) FROM generate_series(1, 16::bigint) AS i},
		q{influence_reach_agg(i, 17) FROM generate_series(1, 1000::bigint) AS i},
		q{influence_reach_agg('550e8400-e29b-41d4-a716-446655440000'::uuid)},
		q{influence_reach_agg(i::text, 65536) FROM generate_series(1, 20) AS i},
		q{'1:bigint:16:exact:0:'::influence_reach_sketch},
		# more people than there can be
		q{('1:bigint:16:sampled:16:' || string_agg(lpad(to_hex(i), 16, '0'), ''))::influence_reach_sketch FROM generate_series(0, 15) AS i},
		# the two forms that a running aggregate has: with a front, and with a tail
		q{reach_running(i) FROM generate_series(1, 3::bigint) AS i},
		q{reach_running(i) FROM generate_series(1, 20::bigint) AS i}]);

# What is read from a state s, without which it is of no use. All are numbers.
my %accessors = (
	influence_decay_state => q{influence_last_at(s), influence_decayed_count(s, influence_last_at(s)),
		influence_decayed_sum(s, 'infinity'), influence_decayed_count(s, '294276-12-31 23:59:59.999999Z')},
	influence_amplification_state => q{influence_amplification(s, '294276-12-31 23:59:59.999999Z'),
		influence_amplification(s, '294276-12-31 23:59:59.999999Z', 0, 0)},
	influence_reach_sketch => q{influence_reach_count(s), influence_reach_error(s), coalesce(influence_reach_overlap(s, s), 1),
		influence_reach_intersection(s, s)});

# For the other arguments of a function that gets a hostile state
my %constants = (
	'bigint' => q{1}, 'integer' => q{16}, 'uuid' => q{'550e8400-e29b-41d4-a716-446655440000'}, 'text' => q{'a'},
	'boolean' => q{true}, 'double precision' => q{1}, 'interval' => q{'1 day'},
	'timestamp with time zone' => q{'294276-12-31 23:59:59.999999Z'});

my $node = PostgreSQL::Test::Cluster->new('hostile');
$node->init;
# errors are what we are after and would fill the log; a crash is above that level
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nlog_min_messages = log\nfsync = off\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION influence;
	CREATE AGGREGATE reach_running(bigint) (SFUNC = influence_reach_add, STYPE = influence_reach_sketch);
	CREATE TYPE hostile_bytes;
	CREATE FUNCTION hostile_in(cstring) RETURNS hostile_bytes LANGUAGE internal IMMUTABLE STRICT AS 'byteain';
	CREATE FUNCTION hostile_out(hostile_bytes) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'byteaout';
	CREATE FUNCTION hostile_receive(internal) RETURNS hostile_bytes LANGUAGE internal IMMUTABLE STRICT AS 'bytearecv';
	CREATE FUNCTION hostile_send(hostile_bytes) RETURNS bytea LANGUAGE internal IMMUTABLE STRICT AS 'byteasend';
	CREATE TYPE hostile_bytes (INPUT = hostile_in, OUTPUT = hostile_out, RECEIVE = hostile_receive, SEND = hostile_send,
		ALIGNMENT = double, STORAGE = extended)});
foreach my $type (keys %states)
{
	$node->safe_psql('postgres', "CREATE CAST (hostile_bytes AS $type) WITHOUT FUNCTION; CREATE CAST ($type AS hostile_bytes) WITHOUT FUNCTION");
}

#
# The protocol
#

my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port) or die "cannot connect: $!";
my $received = '';
my $statements = 0;
my %oids;

# message($kind, $body): as it is sent
sub message
{
	my ($kind, $body) = @_;

	return $kind . pack('N', 4 + length $body) . $body;
}

sub send_bytes
{
	my ($bytes) = @_;

	local $SIG{PIPE} = 'IGNORE';
	while ($bytes ne '')
	{
		my $sent = syswrite($socket, $bytes) // die "the server is gone: $!";
		substr($bytes, 0, $sent, '');
	}
}

# The next message: kind and body
sub receive_message
{
	while (length $received < 5 || length $received < 1 + unpack('x N', $received))
	{
		sysread($socket, $received, 65536, length $received) or die 'the server is gone';
	}
	my ($kind, $length) = unpack('a N', $received);

	return ($kind, substr(substr($received, 0, 1 + $length, ''), 5));
}

# Answer to everything up to a Sync: the columns of a row, or an error
sub receive_answer
{
	my %answer;

	while (1)
	{
		my ($kind, $body) = receive_message();

		if ($kind eq 'D')
		{
			my ($columns, $at) = (unpack('n', $body), 2);
			foreach (1 .. $columns)
			{
				my $length = unpack("x$at l>", $body);
				push @{ $answer{row} }, $length < 0 ? undef : substr($body, $at + 4, $length);
				$at += 4 + ($length < 0 ? 0 : $length);
			}
		}
		elsif ($kind eq 'E')
		{
			($answer{error}) = $body =~ /(?:\A|\0)C([^\0]*)/;
			($answer{message}) = $body =~ /\0M([^\0]*)/;
			die "the server ends: $answer{message}" if $body =~ /(?:\A|\0)V(?:FATAL|PANIC)\0/;
		}
		elsif ($kind eq 'Z')
		{
			return \%answer;
		}
	}
}

# prepare($query, @types): a statement, with parameters of these types
sub prepare
{
	my ($query, @types) = @_;
	my $name = 's' . ++$statements;
	my @oids = map { $oids{$_} //= $node->safe_psql('postgres', "SELECT '$_'::regtype::oid") } @types;

	send_bytes(message('P', pack('Z* Z* n N*', $name, $query, scalar @oids, @oids)) . message('S', ''));
	my $answer = receive_answer();
	die "$query: $answer->{message}" if $answer->{error};
	return $name;
}

# bound($statement, $format, $value, @result_formats): its execution, as it is sent
sub bound
{
	my ($statement, $format, $value, @result_formats) = @_;

	return message('B', pack('Z* Z* n n n N/a n n*', '', $statement, 1, $format, 1, $value, scalar @result_formats, @result_formats))
		. message('E', pack('Z* N', '', 0))
		. message('S', '');
}

# answers(@messages): what the server says to each
sub answers
{
	my @messages = @_;
	my @answers;

	while (my @batch = splice @messages, 0, $BATCH)
	{
		send_bytes(join '', @batch);
		push @answers, receive_answer() foreach @batch;
	}
	return @answers;
}

#
# Mutations
#

sub one_of { return $_[ rand @_ ] }

# Numbers that break things, as bytes in either order
my @edges = map { $_, scalar reverse $_ } (
	(map { pack 'd>', $_ } 0, 1, -1, 0.5, 9**9**9, -9**9**9, -sin(9**9**9), 5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 1e16),
	pack('H*', '8000000000000000'), pack('H*', '7ff0000000000001'), pack('H*', 'fff8000000000000'),
	(map { pack 'q>', $_ } 1, -1, 2, 86400000000, 9223372036854775807, -9223372036854775807, 9000000000000000000, 9000000000000000001,
		-211813488000000000, -211813488000000001, 9223371331200000000, 9223371331199999999),
	(map { pack 'N', $_ } 0, 1, 2, 15, 16, 17, 1023, 65535, 65536, 65537, 0x7fffffff, 0x80000000, 0xffffffff, 0x20000000),
	(map { chr } 0, 1, 2, 3, 4, 7, 8, 127, 128, 255));

my @numbers = ('1,5', qw(nan NaN inf -inf Infinity 1e400 -1e400 1e-400 1e308 1.7976931348623157e308 0x10 99999999999999999999 9223372036854775807
	9223372036854775808 -9223372036854775808 9000000000000000000 18446744073709551616 65535 65536 4294967296 -0 -0.0 -1 0 00 01 1. .5 1e 1e+ +1 --1
	0.5 0.4999999999999999 1e16 1_000 9223371331.2 4503599627370497));

my @letters = (split(//, '0123456789abcdefABCDEFxXeE+-.:=_ \'"\\/%$,;vn'), "\t", "\n", "\x01", "\x7f", "\xc3\xa9", "\xf0\x9f\xa6\x8a");

# Change some bytes
sub mutate_bytes
{
	my ($bytes, @others) = @_;
	my $at = int rand(1 + length $bytes);
	my $kind = rand 10;

	if ($kind < 2)
	{
		foreach (0 .. rand 3)
		{
			my $bit = rand(8 * length $bytes);
			vec($bytes, $bit, 1) ^= 1 if $bytes ne '';
		}
	}
	elsif ($kind < 3) { substr($bytes, $at, 1) = chr rand 256 }
	elsif ($kind < 7)
	{
		my $edge = one_of(@edges);
		# most fields of the binary forms are behind 1, 3 or 7 bytes, and of the stored ones aligned
		$at -= ($at - one_of(0, 1, 3, 4)) % 8 if rand() < 0.8 && $at > 8;
		substr($bytes, $at, length $edge) = $edge;
	}
	elsif ($kind < 7.5) { substr($bytes, $at) = '' }
	elsif ($kind < 8) { substr($bytes, $at, 1 + rand 9) = '' }
	elsif ($kind < 8.5) { substr($bytes, $at, 0) = join '', map { chr rand 256 } 0 .. rand 20 }
	elsif ($kind < 9) { substr($bytes, $at) = substr(one_of(@others), rand 8) }
	elsif ($kind < 9.2) { $bytes = join '', map { chr rand 256 } 1 .. rand 80 }
	elsif ($kind < 9.21) { $bytes .= chr(rand 256) x rand 1e6 }
	else { $bytes = mutate_bytes(mutate_bytes($bytes, @others), @others) }
	return $bytes;
}

# Change some characters
sub mutate_text
{
	my ($text, @others) = @_;
	my $at = int rand(1 + length $text);
	my $kind = rand 10;

	if ($kind < 2) { substr($text, $at, 1) = one_of(@letters) }
	elsif ($kind < 3) { substr($text, $at, 0) = one_of(@letters) }
	elsif ($kind < 4) { substr($text, $at, 1 + rand 3) = '' }
	elsif ($kind < 7.5)
	{
		my @parts = split /([-+.0-9e]+)/, $text;
		$parts[ 2 * int(rand(@parts / 2)) + 1 ] = one_of(@numbers);
		$text = join '', map { $_ // '' } @parts;
	}
	elsif ($kind < 8) { substr($text, $at) = '' }
	elsif ($kind < 8.5) { substr($text, $at) = substr(one_of(@others), rand 20) }
	elsif ($kind < 8.8) { $text = $text . $text }
	elsif ($kind < 8.81) { substr($text, $at, 0) = one_of(@letters, '0', '9') x rand 1e5 }
	elsif ($kind < 9) { $text = uc $text }
	else { $text = mutate_text(mutate_text($text, @others), @others) }
	# what cuts a character in two is refused before we see it
	utf8::decode(my $copy = $text) or $text =~ tr/\x80-\xff//d;
	return $text;
}

#
# Checks
#

sub shown
{
	my ($value, $format) = @_;
	my $shown = $format == $TEXT ? $value : unpack('H*', $value);

	return length $shown > 300 ? substr($shown, 0, 300) . '... (' . length($value) . ' bytes)' : $shown;
}

# report($name, \@values, $format, $problem): pass if $problem->($i) finds none with any value
sub report
{
	my ($name, $values, $format, $problem) = @_;
	my @found;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach my $i (0 .. $#$values)
	{
		my $text = $problem->($i);
		push @found, "$text\n    " . shown($values->[$i], $format) if $text;
	}
	is(scalar @found, 0, "$name (" . @$values . ')') or diag(join "\n", splice @found, 0, $SHOWN);
}

sub described
{
	my ($answer) = @_;

	return $answer->{error} ? "$answer->{error}: $answer->{message}" : join ' | ', map { $_ // 'null' } @{ $answer->{row} };
}

# What is wrong with the answer to check_query(), or nothing
sub state_problem
{
	my ($answer) = @_;
	my ($same, @numbers) = $answer->{error} ? () : @{ $answer->{row} };

	return 'accepted, then ' . described($answer) if $answer->{error};
	return 'output and input change it' unless $same eq 't';
	return 'accepted, but reads ' . described($answer) if grep { !defined || /nan/i } @numbers;
	return '';
}

# A query that reads everything from a state, and sends it there and back
sub check_query
{
	my ($type, $parameter) = @_;

	return "SELECT ${type}_send(${type}_in(${type}_out(s))) = ${type}_send(s), $accessors{$type} FROM (SELECT $parameter AS s OFFSET 0) AS _";
}

# A state that comes in as text or in binary
sub check_input
{
	my ($type, $format, $refusal, @valid) = @_;
	my $form = $format == $TEXT ? 'text' : 'binary';
	my $echo = prepare('SELECT $1', $type);
	my $check = prepare(check_query($type, '$1'), $type);
	my $mutate = $format == $TEXT ? \&mutate_text : \&mutate_bytes;
	my @values = map { $mutate->(one_of(@valid), @valid) } 1 .. $MUTATIONS;
	my @answers = answers(map { bound($echo, $format, $_, $format) } @values);
	my @accepted = grep { !$answers[$_]{error} } 0 .. $#values;
	my @checked = answers(map { bound($check, $format, $values[$_], $TEXT) } @accepted);

	report("$type, $form: refused with $refusal or accepted", \@values, $format, sub {
		my $error = $answers[ $_[0] ]{error};
		return $error && $error ne $refusal ? described($answers[ $_[0] ]) : '';
	});
	report("$type, $form: what is accepted is a state", [ @values[@accepted] ], $format, sub { state_problem($checked[ $_[0] ]) });
	if ($format == $BINARY)
	{
		report("$type, binary: comes out as it went in", [ @values[@accepted] ], $format, sub {
			my ($i) = @_;
			return $values[ $accepted[$i] ] eq $answers[ $accepted[$i] ]{row}[0] ? '' : 'came out as ' . unpack('H*', $answers[ $accepted[$i] ]{row}[0]);
		});
	}
	cmp_ok(scalar @accepted, '>', $MUTATIONS / 200, "$type, $form: some are accepted");
	cmp_ok(scalar @accepted, '<', $MUTATIONS * 0.9, "$type, $form: some are refused");
}

# Every call of a function or aggregate that takes the type, with the parameter as
# each of its states in turn
sub calls
{
	my ($type, $valid) = @_;
	my $signatures = $node->safe_psql('postgres', qq{
		SELECT proname, array_to_string(proargtypes::regtype[], ','), prorettype::regtype
		FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
			JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
		WHERE extname = 'influence' AND '$type'::regtype = ANY (proargtypes) ORDER BY p.oid::regprocedure::text COLLATE "C"});
	my @calls;

	foreach (split /\n/, $signatures)
	{
		my ($name, $types, $result) = split /\|/;
		my @types = split /,/, $types;

		foreach my $hostile (grep { $types[$_] eq $type } 0 .. $#types)
		{
			my @arguments = map {
				$_ == $hostile ? "\$1::$type" : ($types[$_] eq $type ? $valid : $constants{ $types[$_] }) . "::$types[$_]"
			} 0 .. $#types;
			my $call = "$name(" . join(', ', @arguments) . ')';
			push @calls, $result eq $type ? "SELECT $call" . '::hostile_bytes' : "SELECT $call";
		}
	}
	push @calls, "SELECT influence_decayed_sum(\$1::$type, influence_last_at(\$1::$type))" if $type eq 'influence_decay_state';
	foreach my $rows ("(\$1::$type), ($valid)", "($valid), (\$1::$type)", "(\$1::$type), (NULL), (\$1::$type)")
	{
		push @calls, "SELECT influence_rollup(s)::hostile_bytes FROM (VALUES $rows) AS v (s)";
	}
	return @calls;
}

# A state on a damaged page: all functions must refuse it, or all take it and do
# what they do
sub check_stored
{
	my ($type, @valid) = @_;
	my @calls = calls($type, "'\\x" . unpack('H*', $valid[0]) . "'::hostile_bytes::$type");
	my @statements = map { prepare($_, 'hostile_bytes') } @calls;
	my $gate = prepare("SELECT ${type}_send(\$1::$type)", 'hostile_bytes');
	my $check = prepare(check_query($type, "\$1::$type"), 'hostile_bytes');
	my @values = map { mutate_bytes(one_of(@valid), @valid) } 1 .. $MUTATIONS;
	my @gates = answers(map { bound($gate, $BINARY, $_, $BINARY) } @values);
	my @answers = answers(map { bound($statements[ $_ % @statements ], $BINARY, $values[$_], $BINARY) } 0 .. $#values);
	my @accepted = grep { !$gates[$_]{error} } 0 .. $#values;
	my @checked = answers(map { bound($check, $BINARY, $values[$_], $TEXT) } @accepted);
	my @made = grep { $calls[ $_ % @calls ] =~ /\)::hostile_bytes( FROM|$)/ && $answers[$_]{row} } 0 .. $#values;
	my @made_checked = answers(map { bound($check, $BINARY, $answers[$_]{row}[0], $TEXT) } @made);

	cmp_ok(scalar @calls, '>', 7, "$type, stored: functions were found");
	report("$type, stored: refused with XX001 or accepted", \@values, $BINARY, sub {
		return !$gates[ $_[0] ]{error} || $gates[ $_[0] ]{error} eq 'XX001' ? '' : described($gates[ $_[0] ]);
	});
	report("$type, stored: all functions agree", \@values, $BINARY, sub {
		my ($i) = @_;
		my $error = $answers[$i]{error} // '';
		my $call = $calls[ $i % @calls ];

		# half-lives, kinds of ids and times are as good as any, but may not go with the others; counts may overflow
		return '' if $gates[$i]{error} ? $error eq 'XX001' : $error =~ /^(|22023|22003)$/;
		return "$call: " . described($answers[$i]) . ', but output ' . described($gates[$i]);
	});
	report("$type, stored: what is accepted is a state", [ @values[@accepted] ], $BINARY, sub { state_problem($checked[ $_[0] ]) });
	report("$type, stored: what is made of it is a state", [ @values[@made] ], $BINARY, sub {
		my $problem = state_problem($made_checked[ $_[0] ]);
		return $problem && $calls[ $made[ $_[0] ] % @calls ] . ": $problem";
	});
	cmp_ok(scalar @accepted, '>', $MUTATIONS / 200, "$type, stored: some are accepted");
}

srand $SEED;
note "INFLUENCE_FUZZ_SEED=$SEED";

my $startup = pack('(Z*)6 x', 'user', scalar getpwuid($>), 'database', 'postgres', 'options', '-c plan_cache_mode=force_generic_plan');
send_bytes(pack('N N', 8 + length $startup, 196608) . $startup);
my $welcome = receive_answer();
die "cannot connect: $welcome->{message}" if $welcome->{error};

foreach my $type (sort keys %states)
{
	my (@texts, @binaries, @stored);

	foreach my $query (map { /^(.*?)( FROM .*)?$/ ? [ $1, $2 // '' ] : () } @{ $states{$type} })
	{
		my ($state, $from) = @$query;
		my $hex = $node->safe_psql('postgres', "SELECT ($state)::text, ${type}_send($state), ($state)::hostile_bytes $from");
		my ($text, $binary, $bytes) = split /\|/, $hex;

		push @texts, $text;
		push @binaries, pack('H*', substr $binary, 2);
		push @stored, pack('H*', substr $bytes, 2);
	}
	check_input($type, $TEXT, '22P02', @texts);
	check_input($type, $BINARY, '22P03', @binaries);
	check_stored($type, @stored);
}

unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC/, 'the server lived');
$node->stop;
done_testing();
