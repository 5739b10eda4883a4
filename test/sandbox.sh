#!/bin/bash
# Run a command of the project in a sandbox: test/sandbox.sh COMMAND [ARGUMENT...]
#
# 1. Install the missing Debian packages, or name them when not root.
# 2. Copy the project and the PostgreSQL tree into a new directory in /tmp.
# 3. Run COMMAND in that copy, as an ordinary user.
#
# Why a copy: the extension is installed into the private tree only, so the
# system's PostgreSQL stays untouched and nothing old is tested by mistake. Why
# in /tmp: servers refuse to run as root, and the user "postgres" cannot enter a
# checkout in, say, /root; besides, the path of a unix socket has 107 bytes.
#
# Environment:
#   PG_MAJOR             version of PostgreSQL (15)
#   PG_CONFIG            a pg_config to use instead of Debian's for PG_MAJOR
#   INFLUENCE_TEST_USER  whom root runs the command as (postgres)
#   INFLUENCE_TEST_DATA  folder of real data for tests (../shared/data); may be absent
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
major=${PG_MAJOR:-15}
pg_config=${PG_CONFIG:-}
data=${INFLUENCE_TEST_DATA:-$root/../shared/data}

say() { echo "== $*"; }
fail() { echo "$*" >&2; exit 1; }

install_packages() {
	local packages=(gcc libc6-dev make perl libipc-run-perl) missing=() package
	if [ -z "$pg_config" ]; then
		packages+=("postgresql-$major" "postgresql-server-dev-$major" "postgresql-$major-cron")
	fi
	command -v dpkg-query > /dev/null || return 0
	for package in "${packages[@]}"; do
		dpkg-query -W -f '${db:Status-Status}\n' "$package" 2> /dev/null | grep -qx installed || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" -eq 0 ] || fail "Missing packages. Install them with:
  sudo apt-get install --no-install-recommends ${missing[*]}"
	say "Installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get -qq update
	apt-get -qqy -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}" > /dev/null ||
		fail "Could not install them; another PostgreSQL is chosen with, for example, PG_MAJOR=17"
}

# What the benchmark compares us with: it names what it has to do without.
install_yardsticks() {
	local packages=(python3-igraph) package
	[ "$(id -u)" -eq 0 ] && command -v apt-get > /dev/null || return 0
	[ -n "$pg_config" ] || packages+=("postgresql-$major-hll")
	command -v node > /dev/null || packages+=(nodejs)
	command -v npm > /dev/null || packages+=(npm)
	for package in "${packages[@]}"; do
		dpkg-query -W -f '${db:Status-Status}\n' "$package" 2> /dev/null | grep -qx installed && continue
		say "Installing $package"
		DEBIAN_FRONTEND=noninteractive apt-get -qqy -o Dpkg::Use-Pty=0 install --no-install-recommends "$package" > /dev/null ||
			say "Could not install $package"
	done
}

# Run a command with an ordinary user's rights and nothing else of ours.
as_user() {
	if [ "$(id -u)" -eq 0 ]; then
		(cd / && runuser -u "${INFLUENCE_TEST_USER:-postgres}" -- "$@")
	else
		"$@"
	fi
}

# copy_tree FROM TO: root reads, the ordinary user writes and owns the copy.
copy_tree() {
	as_user mkdir -p "$2"
	tar -C "$1" --exclude-vcs --exclude='*.o' --exclude='*.so' -cf - . | as_user tar -C "$2" -xf -
}

# PostgreSQL finds its directories relative to the real path of its programs:
# these are copied, everything else may be links.
stage_postgres() {
	local bin lib share include
	bin=$("$pg_config" --bindir)
	lib=$("$pg_config" --pkglibdir)
	share=$("$pg_config" --sharedir)
	include=$("$pg_config" --includedir-server)
	as_user mkdir -p "$1$bin" "$1$lib" "$1$share" "$1${include%/*}"
	as_user cp -RL "$bin/." "$1$bin"
	as_user cp -Rs "$lib/." "$1$lib"
	as_user cp -Rs "$share/." "$1$share"
	as_user ln -s "$include" "$1$include"
	pg_config=$1$bin/pg_config
}

finish() {
	local status=$?
	if [ $status -eq 0 ] || [ ! -d "$sandbox/influence" ]; then
		rm -rf "$sandbox"
	else
		say "Failed; what is left is in $sandbox/influence"
	fi
}

install_packages
[ "$1" != bench/bench.sh ] || install_yardsticks
: "${pg_config:=/usr/lib/postgresql/$major/bin/pg_config}"

umask 022
sandbox=$(as_user mktemp -d /tmp/influence.XXXXXX)
trap finish EXIT
copy_tree "$root" "$sandbox/influence"
[ ! -d "$data" ] || copy_tree "$data" "$sandbox/data"
stage_postgres "$sandbox/postgres"
say "$("$pg_config" --version) in $sandbox"

# What the caller's environment says about make and servers is not for the sandbox.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES TMPDIR "${!PG@}"
as_user env -C "$sandbox/influence" HOME="$sandbox" PG_CONFIG="$pg_config" \
	PATH="${pg_config%/*}:$PATH" INFLUENCE_TEST_DATA="$sandbox/data" "$@"
