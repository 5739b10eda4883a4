#!/bin/bash
# All tests. Run by "make check" in the sandbox that test/sandbox.sh prepares.
#
# Environment: PROVE_FLAGS, such as -j2 to run two TAP tests at a time
set -euo pipefail

failed=()

# step TITLE COMMAND [ARGUMENT...]: a failure is remembered, and the next step runs.
step() {
	printf '\n== %s\n' "$1"
	"${@:2}" || failed+=("$1")
}

build() {
	make -s clean
	make -s -j"$(nproc)" COPT=-Werror all unit-tests
	make -s install
}

# installcheck [VARIABLE=...]: print what differs from expected/, if anything does.
installcheck() {
	rm -f regression.diffs
	test/with_server.sh make -s installcheck "$@" && return
	[ ! -f regression.diffs ] || cat regression.diffs
	return 1
}

printf '\n== Build, with warnings as errors\n'
build
step 'Lint, by clang' make -s lint
step 'SQL tests (test/sql)' installcheck ISOLATION=
[ ! -d test/specs ] || step 'Isolation tests (test/specs)' installcheck REGRESS=
step 'Unit and TAP tests (test/unit, test/t)' make -s prove_installcheck PROVE_FLAGS="${PROVE_FLAGS:-}"

echo
if [ ${#failed[@]} -gt 0 ]; then
	printf 'make check: FAILED: %s\n' "${failed[@]}"
	exit 1
fi
echo 'make check: everything passed'
