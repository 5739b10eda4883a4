# What a release says about itself: META.json is what PGXN accepts, and the version
# is the same wherever it stands. influence.control has the one that counts.
use strict;
use warnings FATAL => 'all';

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

#
# The PGXN Meta Spec, version 1.0.0, https://pgxn.org/meta/spec.txt
#

my $SEMVER = qr/^(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)){2}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;
my $RANGE = qr/^(?:(?:[<>]=?|==|!=)?\s*[0-9]+(?:\.[0-9]+){2}[-0-9A-Za-z]*(?:\s*,\s*(?!$)|$))+$|^0$/;
my %LICENSES = map { $_ => 1 } qw(agpl_3 apache_1_1 apache_2_0 artistic_1 artistic_2 bsd freebsd gfdl_1_2 gfdl_1_3 gpl_1 gpl_2 gpl_3 lgpl_2_1
	lgpl_3_0 mit mozilla_1_0 mozilla_1_1 openssl perl_5 postgresql qpl_1_0 ssleay sun zlib open_source restricted unrestricted unknown);

# Each kind of value: true if it is one
sub is_string { return defined $_[0] && !ref $_[0] && $_[0] ne '' }
sub is_term { return is_string($_[0]) && $_[0] =~ m{^[^/\\\s[:cntrl:]]{2,}$} }
sub is_tag { return is_string($_[0]) && $_[0] =~ m{^[^/\\[:cntrl:]]{2,255}$} }
sub is_version { return is_string($_[0]) && $_[0] =~ $SEMVER }
sub is_file { return is_string($_[0]) && $_[0] !~ m{^/|\\|(?:^|/)\.\.(?:/|$)} && -f $_[0] }
sub is_list_of { my ($kind, $list) = @_; return ref $list eq 'ARRAY' && @$list > 0 && !grep { !$kind->($_) } @$list }
sub is_license { return is_string($_[0]) && $LICENSES{ $_[0] } }

# Keys of an object: what they must be, and which must be there
my %document = (
	'name' => \&is_term, 'version' => \&is_version, 'abstract' => \&is_string, 'description' => \&is_string, 'generated_by' => \&is_string,
	'maintainer' => sub { is_string($_[0]) || is_list_of(\&is_string, $_[0]) },
	'license' => sub { is_license($_[0]) || is_list_of(\&is_license, $_[0]) || is_object($_[0], sub { is_string($_[0]) && $_[0] =~ m{^https?://} }) },
	'release_status' => sub { is_string($_[0]) && $_[0] =~ /^(?:stable|testing|unstable)$/ },
	'tags' => sub { is_list_of(\&is_tag, $_[0]) },
	'provides' => sub { is_object($_[0], \&is_extension, \&is_term) },
	'prereqs' => sub { is_object($_[0], \&is_phase, sub { $_[0] =~ /^(?:configure|build|test|runtime|develop)$/ }) },
	'meta-spec' => sub { is_object_of($_[0], ['version'], 'version' => sub { $_[0] =~ /^1\.0\.[0-9]+$/ }, 'url' => sub { $_[0] =~ m{^https?://pgxn\.org/meta/spec\.txt$} }) },
	'resources' => sub { ref $_[0] eq 'HASH' && %{ $_[0] } });
my @required = qw(name version abstract maintainer license provides meta-spec);

# An object whose values are of a kind, and whose keys are
sub is_object
{
	my ($object, $kind, $key_kind) = @_;

	return ref $object eq 'HASH' && %$object && !grep { !(/^x_./i || (!$key_kind || $key_kind->($_)) && $kind->($object->{$_})) } keys %$object;
}

# An object with certain keys: those required, and the kind of each that may be there
sub is_object_of
{
	my ($object, $keys, %kinds) = @_;

	return ref $object eq 'HASH' && !grep({ !exists $object->{$_} } @$keys)
		&& !grep { !(/^x_./i || $kinds{$_} && $kinds{$_}->($object->{$_})) } keys %$object;
}

sub is_extension
{
	return is_object_of($_[0], [ 'file', 'version' ], 'file' => \&is_file, 'docfile' => \&is_file, 'version' => \&is_version, 'abstract' => \&is_string);
}

sub is_phase
{
	return is_object($_[0], sub { is_object($_[0], sub { defined $_[0] && $_[0] =~ $RANGE }, \&is_term) },
		sub { $_[0] =~ /^(?:requires|recommends|suggests|conflicts)$/ });
}

# The keys of a document that are missing or not what they must be
sub problems
{
	my ($meta) = @_;

	return grep { exists $meta->{$_} ? !(/^x_./i || $document{$_} && $document{$_}->($meta->{$_})) : 1 } sort keys %{ { map { $_ => 1 } keys %$meta, @required } };
}

my $json = slurp_file('META.json');
my $meta = JSON::PP->new->decode($json);
is(join(', ', problems($meta)), '', 'META.json is as PGXN wants it');

# the check notices what is wrong
foreach my $case (
	[ 'name', sub { $_[0]{name} = 'a b' } ], [ 'version', sub { $_[0]{version} = '0.1' } ], [ 'license', sub { delete $_[0]{license} } ],
	[ 'license', sub { $_[0]{license} = 'postgres' } ], [ 'provides', sub { $_[0]{provides}{influence}{file} = 'nothing' } ],
	[ 'provides', sub { delete $_[0]{provides}{influence}{version} } ], [ 'prereqs', sub { $_[0]{prereqs}{runtime}{requires}{PostgreSQL} = '15' } ],
	[ 'keywords', sub { $_[0]{keywords} = [] } ], [ 'tags', sub { $_[0]{tags} = 'one' } ], [ 'meta-spec', sub { $_[0]{'meta-spec'}{version} = '2.0.0' } ])
{
	my ($key, $spoil) = @$case;
	my $copy = JSON::PP->new->decode($json);

	$spoil->($copy);
	is(join(', ', problems($copy)), $key, "... and would be refused for its $key");
}

#
# One version
#

sub found
{
	my ($file, $pattern) = @_;
	my ($version) = slurp_file($file) =~ $pattern;

	return $version // "none in $file";
}

my $version = found('influence.control', qr/^default_version = '([^']+)'$/m);
like($version, $SEMVER, 'influence.control has a version');
is($meta->{version}, $version, 'META.json: the version');
is($meta->{provides}{influence}{version}, $version, 'META.json: the version of the extension');
is($meta->{provides}{influence}{abstract}, found('influence.control', qr/^comment = '([^']+)'$/m), 'META.json: the abstract');
is(found('CHANGELOG.md', qr/^## (\S+)/m), $version, 'CHANGELOG.md: the newest version');
is(found('README.md', qr/\bVersion ([0-9]+\.[0-9]+\.[0-9]+)/), $version, 'README.md: the version');
is(found('debian/changelog', qr/\A\S+ \(([^)]+)-[^-)]+\)/), $version, 'debian/changelog: the version');

done_testing();
