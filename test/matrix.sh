#!/bin/bash
# Run "make check" on several PostgreSQL versions: test/matrix.sh [MAJOR...]
# or only make the base systems: test/matrix.sh --bases MAJOR...
#
# Each version runs on the Debian release that ships it, in a chroot of its own:
#
# 1. mmdebstrap makes a base system with PostgreSQL, pg_cron and compilers, once;
#    it is kept as a tar file, three quarters of a gigabyte each.
# 2. The base is unpacked, and a clean copy of the project put in.
# 3. "make check" runs there with no network but unix sockets.
#
# Addresses of mirrors, proxies and the like are those of this machine's apt.
# Signatures are always checked. Needs root, mmdebstrap and a Debian.
#
# Environment:
#   MATRIX_CACHE, CHROOT_MIRROR  see test/base.sh
#   MATRIX_COMMAND       what to run instead of make check, by a shell, as root
#   INFLUENCE_TEST_DATA  folder of real data for tests (../shared/data); may be absent
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
data=${INFLUENCE_TEST_DATA:-$root/../shared/data}

. "$root/test/base.sh"

# in_chroot MAJOR BASE DIRECTORY: runs in namespaces of its own, which end with
# it. There is no way to the network, nor to this machine's processes.
in_chroot() {
	local major=$1 base=$2 dir=$3
	tar -C "$dir" -xf "$base"
	copy_project "$dir/root/influence"
	if [ -d "$data" ]; then
		mkdir -p "$dir/root/shared"
		cp -R "$data" "$dir/root/shared/data"
	fi
	mount -t proc proc "$dir/proc"
	mount --rbind /dev "$dir/dev"
	mount -t tmpfs -o mode=1777 tmpfs "$dir/dev/shm"
	mount -t tmpfs -o mode=1777 tmpfs "$dir/tmp"	# sandbox and clusters: about a gigabyte
	# where the user postgres can enter a project, and this one cannot
	chmod 700 "$dir/root"
	exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" \
		PG_MAJOR="$major" PROVE_FLAGS="${PROVE_FLAGS:-}" PG_CONFIG="/usr/lib/postgresql/$major/bin/pg_config" \
		chroot "$dir" env -C /root/influence sh -c "${MATRIX_COMMAND:-make check}"
}

# check MAJOR: one line for the summary is added to $summary.
check() {
	local major=$1 base start status=0
	base=$(base_of "$major")
	need_base "$major"
	start=$SECONDS
	dir=$(mktemp -d "${TMPDIR:-/tmp}/influence_matrix.XXXXXX")
	trap 'rm -rf --one-file-system "$dir"' EXIT
	chmod 755 "$dir"
	say "PostgreSQL $major: checking on Debian $(suite_of "$major")"
	unshare --mount --pid --net --fork --kill-child --propagation private \
		"$0" --in-chroot "$major" "$base" "$dir" || status=$?
	rm -rf --one-file-system "$dir"
	summary+=("PostgreSQL $major on $(suite_of "$major"): $([ $status -eq 0 ] && echo passed || echo FAILED), $((SECONDS - start)) s")
	[ $status -eq 0 ] || failed=1
}

if [ "${1:-}" = --in-chroot ]; then
	shift
	in_chroot "$@"
fi

[ "$(id -u)" -eq 0 ] || fail "The matrix makes chroots and needs root: sudo $0 $*"
[ $# -gt 0 ] || set -- "${all_majors[@]}"
if [ "$1" = --bases ]; then
	for major in "${@:2}"; do suite_of "$major" > /dev/null; need_base "$major"; done
	exit
fi
for major; do suite_of "$major" > /dev/null; done

failed=0
summary=()
for major; do check "$major"; done
echo
printf '%s\n' "${summary[@]}"
exit $failed
