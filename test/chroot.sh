#!/bin/bash
# Debian chroots for test/matrix.sh and test/package.sh, which source this. The
# caller sets root, the project's directory. Needs root, mmdebstrap and a Debian.
#
# Environment:
#   CHROOT_MIRROR  a mirror of Debian instead of the one that apt uses

# PostgreSQL versions that we build on, each on the Debian release that ships it
all_majors=(15 17 18)

say() { echo "==== $*"; }
fail() { echo "$*" >&2; exit 1; }

suite_of() {
	case $1 in
	15) echo bookworm ;;
	17) echo trixie ;;
	18) echo forky ;;
	*) fail "no Debian release is known to ship PostgreSQL $1; known are ${all_majors[*]}" ;;
	esac
}

# repositories CODENAME: addresses that apt has for a release, once it has an index
repositories() {
	apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
		awk -v codename="$1" '$2 == codename && $3 == "main" && !seen++ { print $1 }'
}

# The first repository of the release that this machine runs.
mirror() {
	local codename uri
	if [ -n "${CHROOT_MIRROR:-}" ]; then
		echo "$CHROOT_MIRROR"
		return
	fi
	codename=$(. /etc/os-release && [ "$ID" = debian ] && echo "${VERSION_CODENAME:-testing}") ||
		fail "This machine is no Debian; name a mirror of Debian in CHROOT_MIRROR"
	uri=$(repositories "$codename")
	[ -n "$uri" ] || { apt-get -qq update >&2 && uri=$(repositories "$codename"); }
	[ -n "$uri" ] || fail "apt knows no mirror of $codename; name one in CHROOT_MIRROR"
	echo "$uri"
}

# How this machine's apt fetches, and nothing of what it trusts. A mirror of
# testing may lag behind the date until which its index is valid.
apt_options() {
	apt-config dump --no-empty --format '%f "%v";%n' Acquire::http Acquire::https Acquire::Retries \
		Acquire::Check-Date Acquire::ForceIPv4 Acquire::ForceIPv6
	echo 'Acquire::Check-Valid-Until "false";'
}

# make_chroot SUITE FILE 'PACKAGE...' [MMDEBSTRAP-OPTION...]: a tar file of a system
# with these packages. Clusters are made by the tests themselves.
make_chroot() {
	local suite=$1 file=$2 packages=$3 options
	command -v mmdebstrap > /dev/null || fail "Missing: sudo apt-get install --no-install-recommends mmdebstrap"
	options=$(mktemp)
	apt_options > "$options"
	mmdebstrap --quiet --variant=apt --aptopt="$options" --include="${packages// /,}" \
		--essential-hook='mkdir -p "$1/etc/postgresql-common"
			echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"' \
		"${@:4}" "$suite" "$file.new.tar" "$(mirror)"
	rm -f "$options"
	mv "$file.new.tar" "$file"
}

# What git keeps or would add, as it is now: nothing that was built.
copy_project() {
	mkdir -p "$1"
	(cd "$root" && git -c safe.directory="$root" ls-files -z --cached --others --exclude-standard --deduplicate |
		while IFS= read -r -d '' path; do [ ! -e "$path" ] || printf '%s\0' "$path"; done |
		tar --null --files-from=- -cf - --owner=0 --group=0) | tar -C "$1" -xf -
}
