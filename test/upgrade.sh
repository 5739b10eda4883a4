#!/bin/bash
# pg_upgrade from one version of PostgreSQL to another: test/upgrade.sh [OLD [NEW]] (15 17)
#
# No Debian release ships both. The base system of the new version gets the programs of
# the old one from the base system of that, and those libraries of it that are missing;
# libc is the new one. Both get the extension, and test/t/111_pg_upgrade.pl runs. Needs
# root, mmdebstrap and a Debian. Nothing of this has a way to the network.
#
# Environment: see test/base.sh
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)

. "$root/test/base.sh"

# Libraries that programs of the old version ask for and do not find
missing_libraries() {
	find "$1/usr/lib/postgresql/$2" -type f \( -path '*/bin/*' -o -name '*.so' \) ! -name 'llvm*' ! -name '*perl*' ! -name '*python*' ! -name '*tcl*' -printf '/%P\n' |
		sed "s:^:/usr/lib/postgresql/$2:" | chroot "$1" xargs ldd 2> /dev/null | sed -n 's/^\t\(.*\) => not found/\1/p' | sort -u
}

# add_old DIRECTORY OLD: the programs of a version, and what they need
add_old() {
	local base library missing='' before=none
	base=$(base_of "$2")
	tar -C "$1" -xf "$base" --wildcards "./usr/*/postgresql/$2"
	while missing=$(missing_libraries "$1" "$2") && [ -n "$missing" ] && [ "$missing" != "$before" ]; do
		for library in $missing; do
			tar -C "$1" -xf "$base" --wildcards "./usr/lib/*/$library*"
		done
		before=$missing
	done
	[ -z "$missing" ] || fail "PostgreSQL $2 does not find $missing"
}

# in_chroot OLD NEW DIRECTORY: in namespaces of its own, which end with it
in_chroot() {
	local old=$1 new=$2 dir=$3
	tar -C "$dir" -xf "$(base_of "$new")"
	add_old "$dir" "$old"
	copy_project "$dir/root/influence"
	mount -t proc proc "$dir/proc"
	mount --rbind /dev "$dir/dev"
	mount -t tmpfs -o mode=1777 tmpfs "$dir/dev/shm"
	mount -t tmpfs -o mode=1777 tmpfs "$dir/tmp"
	exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 \
		chroot "$dir" bash -euo pipefail -c '
			cp -R /root/influence /tmp
			cd /tmp/influence
			for major; do
				config=/usr/lib/postgresql/$major/bin/pg_config
				make -s clean PG_CONFIG=$config
				make -s -j"$(nproc)" COPT=-Werror PG_CONFIG=$config
				make -s install PG_CONFIG=$config
			done
			chown -R postgres: .
			runuser -u postgres -- make -s prove_installcheck UNIT_TESTS= FUZZ_TESTS= PROVE_TESTS=test/t/111_pg_upgrade.pl \
				PG_CONFIG=$config INFLUENCE_OLD_INSTALL=/usr/lib/postgresql/$1 ||
				{ tail -n 60 tmp_check/log/regress_log_111*; exit 1; }
		' upgrade "$old" "$new"
}

if [ "${1:-}" = --in-chroot ]; then
	shift
	in_chroot "$@"
fi

[ "$(id -u)" -eq 0 ] || fail "The upgrade is tried in a chroot, which needs root: sudo $0 $*"
old=${1:-15}
new=${2:-17}
need_base "$old"
need_base "$new"

start=$SECONDS
dir=$(mktemp -d "${TMPDIR:-/tmp}/influence_upgrade.XXXXXX")
trap 'rm -rf --one-file-system "$dir"' EXIT
chmod 755 "$dir"
say "pg_upgrade from PostgreSQL $old to $new, on Debian $(suite_of "$new")"
unshare --mount --pid --net --fork --kill-child --propagation private "$0" --in-chroot "$old" "$new" "$dir"
say "pg_upgrade from PostgreSQL $old to $new: passed, $((SECONDS - start)) s"
