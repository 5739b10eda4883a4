#!/bin/bash
# Freeze the SQL of this version, and start the next: sql/freeze.sh NEXT-VERSION
#
# Done once a version, when it is released. What is released never changes again:
# its install script is kept as sql/influence--VERSION.sql, so that test/t/113_update.pl
# can install it and update it. From then on whoever changes sql/install/ adds the
# statements that have the same effect to sql/influence--VERSION--NEXT.sql.
set -euo pipefail

cd "$(dirname "$0")/.."
version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" influence.control)
next=${1:-}

fail() { echo "$*" >&2; exit 1; }
in_git() { git rev-parse --git-dir > /dev/null 2>&1; }

[[ $next =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "Name the version that comes after $version: make freeze NEXT=..."
[ "$next" != "$version" ] && [ "$(printf '%s\n' "$version" "$next" | sort -V | tail -n 1)" = "$next" ] ||
	fail "$next does not come after $version"
frozen=sql/influence--$version.sql
upgrade=sql/influence--$version--$next.sql
[ ! -e "$upgrade" ] || fail "$version is frozen already: there is $upgrade"

cat sql/install/*.sql > "$frozen"
cat > "$upgrade" <<- SQL
	-- complain if the script is sourced in psql rather than via ALTER EXTENSION
	\\echo Use "ALTER EXTENSION influence UPDATE TO '$next'" to load this file. \\quit
SQL

sed -i "s/^default_version = .*/default_version = '$next'/" influence.control
# not the version of the specification, at the end
sed -i "/\"meta-spec\"/,\$!s/\"version\": \"$version\"/\"version\": \"$next\"/" META.json
sed -i "s/\bVersion ${version//./\\.}\b/Version $next/" README.md
sed -i "s/^## ${version//./\\.} (unreleased)/## $next (unreleased)\n\n## $version/" CHANGELOG.md
{
	printf 'influence (%s-1) UNRELEASED; urgency=medium\n\n  * CHANGELOG.md says what is new.\n\n' "$next"
	printf ' -- The influence developers <developers@influence.invalid>  %s\n\n' "$(LC_ALL=C date -u -R)"
	cat debian/changelog
} > debian/changelog.new
mv debian/changelog.new debian/changelog

# the frozen script has the name of a generated one, which git is told to ignore
if in_git; then git add -f "$frozen" "$upgrade"; fi
echo "$frozen is frozen; changes since then go into $upgrade, too"
