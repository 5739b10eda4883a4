#!/bin/bash
# Base systems with PostgreSQL, pg_cron and compilers, for test/matrix.sh and
# test/upgrade.sh, which source this. Each is made once, and kept as a tar file of three
# quarters of a gigabyte. The caller sets root, the project's directory.
#
# Environment:
#   MATRIX_CACHE   where bases are kept (${XDG_CACHE_HOME:-/var/cache}/influence-matrix);
#                  remove them to take newer packages
#   CHROOT_MIRROR  a mirror of Debian instead of the one that apt uses

cache=${MATRIX_CACHE:-${XDG_CACHE_HOME:-/var/cache}/influence-matrix}

. "$root/test/chroot.sh"

packages_of() {
	echo "clang gcc libc6-dev libipc-run-perl make perl postgresql-$1 postgresql-$1-cron"
}

# make_base MAJOR FILE
make_base() {
	local major=$1 file=$2
	say "PostgreSQL $major: making its base, $file"
	mkdir -p "$cache"
	rm -f "$cache/$major"-*.tar
	# The development package wants all of LLVM installed, for bitcode that we do
	# not build: it is only unpacked. Clusters are made by the tests themselves.
	make_chroot "$(suite_of "$major")" "$file" "$(packages_of "$major")" \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--customize-hook='cd "$1/tmp"
			APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -qq -o APT::Sandbox::User=root download postgresql-server-dev-'"$major"'
			dpkg -x postgresql-server-dev-*.deb "$1"
			rm postgresql-server-dev-*.deb'
}

# The base is known by what goes into it.
base_of() {
	echo "$cache/$1-$(suite_of "$1")-$({ packages_of "$1"; declare -f make_base make_chroot; } | cksum | cut -d' ' -f1).tar"
}

# need_base MAJOR: make it unless it is there
need_base() {
	local base
	base=$(base_of "$1")
	[ -f "$base" ] || make_base "$1" "$base"
}
