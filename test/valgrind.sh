#!/bin/bash
# SQL and isolation tests under memcheck: test/valgrind.sh [TEST...] (all of both)
#
# 1. PostgreSQL is built from Debian's source, once, in ten minutes: with assertions,
#    and so that memcheck knows each palloc'd chunk and not just blocks of malloc.
# 2. test/sandbox.sh copies the project and runs the tests there, beside a server
#    whose every process runs in valgrind: fifty times as slow as without.
# 3. An error counts if a function of ours is in its stack. Those of the server
#    alone are only counted. A test that takes another course does not fail the run:
#    there are time-outs in some, and what they test is not what is tested here.
#
# Needs root, and a Debian, for the first step.
#
# Environment:
#   PG_MAJOR        version of PostgreSQL (15)
#   VALGRIND_CACHE  where the built server is kept (${XDG_CACHE_HOME:-/var/cache}/influence-valgrind)
#   VALGRIND_SKIP   tests to leave out: those that take a quarter of an hour each
#                   (memory reach_sketch reference)
#   CHROOT_MIRROR   a mirror of Debian instead of the one that apt uses
set -euo pipefail
umask 022

root=$(cd "$(dirname "$0")/.." && pwd)
major=${PG_MAJOR:-15}
cache=${VALGRIND_CACHE:-${XDG_CACHE_HOME:-/var/cache}/influence-valgrind}
skipped=${VALGRIND_SKIP-memory reach_sketch reference}

. "$root/test/chroot.sh"

install_packages() {
	local packages=(bison bzip2 flex gcc libc6-dev libipc-run-perl make perl valgrind) missing=() package
	for package in "${packages[@]}"; do
		dpkg-query -W -f '${db:Status-Status}\n' "$package" 2> /dev/null | grep -qx installed || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" -eq 0 ] || fail "Missing: sudo apt-get install --no-install-recommends ${missing[*]}"
	say "Installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get -qq update
	apt-get -qqy -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}" > /dev/null
}

# download_source DIRECTORY: the source package, from the repository of the release,
# verified by apt. Nothing of this machine's own list of repositories changes.
download_source() {
	local options=(-o APT::Sandbox::User=root -o Dir::Etc::SourceList="$1/sources.list" -o Dir::Etc::SourceParts=/dev/null
		-o Dir::State::Lists="$1/lists" -o Dir::Cache="$1/cache" -o Acquire::Check-Valid-Until=false)
	mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
	echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) $(suite_of "$major") main" > "$1/sources.list"
	apt-get -qq "${options[@]}" update
	(cd "$1" && apt-get -qq "${options[@]}" source --download-only "postgresql-$major" > /dev/null)
}

# build_server PREFIX
build_server() {
	local dir
	dir=$(mktemp -d "${TMPDIR:-/tmp}/influence_valgrind.XXXXXX")
	say "PostgreSQL $major: building it for valgrind, in $1"
	download_source "$dir"
	mkdir "$dir/source"
	tar -C "$dir/source" --strip-components=1 -xf "$dir"/postgresql-*.orig.tar.*
	(
		cd "$dir/source"
		./configure --quiet --prefix="$1.new" --enable-cassert --enable-debug --without-icu --without-readline --without-zlib \
			CFLAGS='-O1 -fno-omit-frame-pointer' CPPFLAGS=-DUSE_VALGRIND
		make -s -j"$(nproc)" install
		make -s -C src/test/isolation install
	) > "$dir/log" 2>&1 || { tail -n 50 "$dir/log"; fail "Could not build PostgreSQL; what is left is in $dir"; }
	mv "$1.new" "$1"
	rm -rf "$dir"
}

# The server as a program, for pg_ctl: one log for each process
write_program() {
	cat > "$1" <<- EOF
		#!/bin/bash
		exec valgrind --quiet --leak-check=no --trace-children=yes --num-callers=40 --error-limit=no --fullpath-after= \\
			--suppressions='$root/test/valgrind.supp' --log-file='$2/%p.log' '${PG_CONFIG%/*}/postgres' "\$@"
	EOF
	chmod +x "$1"
}

# errors_of LOG...: the errors with a function of ours in the stack of the access, or
# the first of them. Where the memory came from does not matter.
errors_of() {
	awk -v ours="$root/src/" '
		function flush() { if (is_ours && ++found <= 20) print text; text = ""; is_ours = 0; origin = 0 }
		{ line = $0; sub(/^==[0-9]+== ?/, "", line) }
		line == "" { flush(); next }
		{ text = text $0 "\n" }
		line ~ /^ +(Address|Uninitialised value was created)/ { origin = 1 }
		!origin && index(line, ours) { is_ours = 1 }
		END { flush(); exit found > 0 }
	' "$@"
}

# The tests of these that are there, without those to skip
chosen() {
	local folder=$1 suffix=$2 file name
	shift 2
	for file in "$root/test/$folder"/*."$suffix"; do
		name=$(basename "$file" ".$suffix")
		if [ $# -gt 0 ]; then
			[[ " $* " != *" $name "* ]] || echo "$name"
		else
			[[ " $skipped " == *" $name "* ]] || echo "$name"
		fi
	done
}

# In the sandbox: build the extension against that server, and run the tests
run_tests() {
	local logs=$root/valgrind program=$root/valgrind/postgres sql isolation
	mkdir "$logs"
	write_program "$program" "$logs"
	make -s -j"$(nproc)" COPT=-Werror
	make -s install
	sql=$(chosen sql sql "$@")
	isolation=$(chosen specs spec "$@")
	SERVER_PROGRAM=$program test/with_server.sh make -s -k installcheck REGRESS="${sql//$'\n'/ }" ISOLATION="${isolation//$'\n'/ }" ||
		echo '== Some tests took another course'
	echo "== $(cat "$logs"/*.log | grep -c '^==[0-9]*==    at ' || true) stacks reported, server included"
	errors_of "$logs"/*.log || { echo 'make check-valgrind: FAILED: see the errors above'; exit 1; }
	echo 'make check-valgrind: no error in the extension'
}

if [ "${1:-}" = --in-sandbox ]; then
	shift
	run_tests "$@"
	exit
fi

install_packages
prefix=$cache/postgresql-$major
[ -x "$prefix/bin/postgres" ] || { mkdir -p "$cache"; build_server "$prefix"; }
PG_CONFIG=$prefix/bin/pg_config exec "$root/test/sandbox.sh" test/valgrind.sh --in-sandbox "$@"
