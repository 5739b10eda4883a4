#!/bin/bash
# Build the Debian package, install it, use it: test/package.sh [MAJOR...] (15)
#
# For each version of PostgreSQL, on the Debian release that ships it:
#
# 1. The package is built twice, at different places, with the SQL tests the first
#    time. Both must be the same to the byte, and lintian must not complain.
# 2. In a second chroot, without compilers, apt installs it beside the server. A new
#    cluster gets the extension and refreshes a small model.
# 3. Removing the package leaves nothing of it behind.
#
# The chroots are made by mmdebstrap and kept as tar files, one and a half gigabytes
# for each version; what runs in them has no network. The archives of "make dist" are checked
# first. Needs root.
#
# Environment:
#   PACKAGE_CACHE   where chroots are kept (${XDG_CACHE_HOME:-/var/cache}/influence-package);
#                   remove them to take newer packages
#   PACKAGE_RESULT  folder to leave the packages in; none by default
#   CHROOT_MIRROR   a mirror of Debian instead of the one that apt uses
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
cache=${PACKAGE_CACHE:-${XDG_CACHE_HOME:-/var/cache}/influence-package}
version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" "$root/influence.control")

. "$root/test/chroot.sh"

# What belongs in a package and has no place here yet: a list to report bugs to, and
# an address that exists.
lintian_suppressed=initial-upload-closes-no-bugs

packages_of() {
	case $1 in
	build) echo "build-essential debhelper iproute2 lintian postgresql-all" ;;
	install) echo "postgresql-$2" ;;
	esac
}

# base PURPOSE MAJOR: path of the tar file with the chroot, made when it is not there
base() {
	local suite file options=()
	suite=$(suite_of "$2")
	# what is tried is whether the package installs as it is, documents included
	[ "$1" = install ] || options=(--dpkgopt='path-exclude=/usr/share/'{doc,man,locale}'/*')
	file=$cache/$1-$2-$suite-$({ packages_of "$1" "$2"; declare -f base make_chroot; } | cksum | cut -d' ' -f1).tar
	if [ ! -f "$file" ]; then
		say "PostgreSQL $2: making the chroot to $1 in, $file" >&2
		mkdir -p "$cache"
		rm -f "$cache/$1-$2"-*.tar
		make_chroot "$suite" "$file" "$(packages_of "$1" "$2")" "${options[@]}" >&2
	fi
	echo "$file"
}

# build MAJOR: the user "postgres" does it, to whom root only gives a loopback device
build() {
	ip link set lo up
	chown -R postgres: /work
	exec runuser -u postgres -- env HOME=/work bash -euo pipefail -c '
		build_in() {
			mkdir -p "$1"
			cp -R /work/influence "$1"
			cd "$1/influence"
			pg_buildext updatecontrol
			dpkg-buildpackage -us -uc -b
		}
		(umask 022; build_in /work/first) > /work/first.log 2>&1 || { tail -n 100 /work/first.log; exit 1; }
		(umask 002; DEB_BUILD_OPTIONS=nocheck TZ=Asia/Kathmandu build_in /work/elsewhere/second) > /work/second.log 2>&1 ||
			{ tail -n 100 /work/second.log; exit 1; }
		grep "All [0-9]* tests passed" /work/first.log
		for package in /work/first/*.deb; do
			cmp "$package" "/work/elsewhere/second/${package##*/}"
			echo "== ${package##*/}: twice the same"
		done
		dpkg-deb -x /work/first/postgresql-"$1"-influence_*.deb /work/content
		! grep -r /work/ /work/content || { echo "There is a path of the build in the package"; exit 1; }
		lintian --fail-on error,warning --suppress-tags "$2" /work/first/*.changes
		echo "== lintian does not complain"
		cp /work/first/*.deb /work/result
	' build "$1" "$lintian_suppressed"
}

# quietly COMMAND...: its output only if it fails
quietly() {
	"$@" > /tmp/output 2>&1 || { cat /tmp/output; exit 1; }
}

in_database() {
	runuser -u postgres -- psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"
}

# use MAJOR VERSION
use() {
	quietly apt-get -qqy install /work/result/postgresql-"$1"-influence_*.deb
	dpkg-query -W "postgresql-$1-influence"
	quietly pg_createcluster "$1" main -o "listen_addresses=" --start
	quietly in_database <<- 'SQL'
		CREATE EXTENSION influence;
		CREATE TABLE likes (user_id bigint, author_id bigint, created_at timestamptz);
		INSERT INTO likes SELECT i % 97, i % 31, now() - i * interval '1 minute' FROM generate_series(1, 5000) AS i;
		SELECT influence_create_model('social');
		SELECT influence_add_source('social', 'likes', 'likes', actor => 'user_id', target => 'author_id', occurred_at => 'created_at', kind => 'like');
		SELECT influence_refresh('social');
	SQL
	[ "$(in_database -c "SELECT count(*), min(score) >= 1, max(score) <= 100 FROM social.scores")" = '31|t|t' ]
	[ "$(in_database -c "SELECT extversion FROM pg_extension WHERE extname = 'influence'")" = "$2" ]
	quietly in_database -c 'SELECT influence_drop_model($$social$$)' -c 'DROP EXTENSION influence'
	echo "== Installed, and a model refreshed"

	quietly apt-get -qqy purge "postgresql-$1-influence"
	left=$(find /etc /usr /var/lib -xdev -name '*influence*')
	[ -z "$left" ] || { echo "Left behind by the package: $left"; exit 1; }
	echo "== Removed without a trace"
}

# in_chroot PURPOSE MAJOR DIRECTORY: in namespaces of its own, which end with it
in_chroot() {
	local dir=$3
	mount -t proc proc "$dir/proc"
	mount --rbind /dev "$dir/dev"
	mount -t tmpfs -o mode=1777 tmpfs "$dir/dev/shm"
	mount -t tmpfs -o mode=1777 tmpfs "$dir/tmp"
	exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" \
		LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
		chroot "$dir" bash -euo pipefail -c "lintian_suppressed=$lintian_suppressed
			$(declare -f build use quietly in_database)
			$([ "$1" = build ] && echo build || echo use) $2 $version"
}

# run PURPOSE MAJOR DIRECTORY: unpack, and run with $result as /work/result
run() {
	local base
	base=$(base "$1" "$2")
	mkdir "$3"
	tar -C "$3" -xf "$base"
	mkdir "$3/work"
	[ "$1" != build ] || copy_project "$3/work/influence"
	cp -R "$result" "$3/work/result"
	say "PostgreSQL $2: $1"
	unshare --mount --pid --net --fork --kill-child --propagation private "$0" --in-chroot "$1" "$2" "$3"
	cp -R "$3/work/result/." "$result"
	rm -rf --one-file-system "$3"
}

# The archives hold what git has, and are the same each time.
check_dist() {
	local name=influence-$version sums
	say 'make dist'
	make -s -C "$root" dist
	sums=$(cd "$root/dist" && cksum "$name.tar.gz" "$name.zip")
	sleep 1
	TZ=Asia/Kathmandu make -s -C "$root" dist
	[ "$sums" = "$(cd "$root/dist" && cksum "$name.tar.gz" "$name.zip")" ] || fail 'make dist: two archives differ'
	[ "$(tar -tzf "$root/dist/$name.tar.gz" | grep -v '/$' | sort)" = "$(git -C "$root" ls-tree -r --name-only HEAD | sed "s:^:$name/:" | sort)" ] ||
		fail 'make dist: the archive does not hold what git has'
	echo "== $name.tar.gz, $name.zip: twice the same"
}

if [ "${1:-}" = --in-chroot ]; then
	shift
	in_chroot "$@"
fi

[ "$(id -u)" -eq 0 ] || fail "Packages are tried in chroots, which needs root: sudo $0 $*"
[ $# -gt 0 ] || set -- 15
for major; do suite_of "$major" > /dev/null; done

dir=$(mktemp -d "${TMPDIR:-/tmp}/influence_package.XXXXXX")
trap 'rm -rf --one-file-system "$dir"' EXIT
chmod 755 "$dir"
result=$dir/result
mkdir "$result"

check_dist
for major; do
	run build "$major" "$dir/build"
	run install "$major" "$dir/install"
done
if [ -n "${PACKAGE_RESULT:-}" ]; then
	mkdir -p "$PACKAGE_RESULT"
	cp "$result"/*.deb "$PACKAGE_RESULT"
fi
say "$(cd "$result" && echo postgresql-*-influence_*.deb): passed"
