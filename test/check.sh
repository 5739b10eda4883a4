#!/bin/bash
# All tests: test/check.sh, or those that tell versions of PostgreSQL apart, in two
# minutes: test/check.sh quick. Run by "make check" in the sandbox that
# test/sandbox.sh prepares.
#
# Two builds are tested. SQL and isolation tests, which come to most of the code, run
# with one that checks its invariants after each change (Assert() of the server and
# INVARIANT() of the math layer). The TAP tests run with the one that is installed
# everywhere, and with unit tests that check invariants and memory.
#
# Environment: PROVE_FLAGS, such as -j2 to run two TAP tests at a time
set -euo pipefail

# Installing, pg_cron, swapping relations, rights, updates
quick_tests=(test/t/{001_smoke,010_schedule,043_timeouts,101_trusted,110_dump,113_update}.pl)
failed=()

# step TITLE COMMAND [ARGUMENT...]: a failure is remembered, and the next step runs.
step() {
	printf '\n== %s\n' "$1"
	"${@:2}" || failed+=("$1")
}

# build FLAGS GOAL...: and install
build() {
	make -s clean
	make -s -j"$(nproc)" COPT="-Werror $1" "${@:2}"
	make -s install
}

# installcheck [VARIABLE=...]: print what differs from expected/, if anything does.
installcheck() {
	rm -f regression.diffs
	test/with_server.sh make -s installcheck "$@" && return
	[ ! -f regression.diffs ] || cat regression.diffs
	return 1
}

printf '\n== Build with assertions, with warnings as errors\n'
build -DUSE_ASSERT_CHECKING all
step 'Lint, by clang' make -s lint
step 'SQL tests (test/sql)' installcheck ISOLATION=
[ ! -d test/specs ] || step 'Isolation tests (test/specs)' installcheck REGRESS=
if [ "${1:-}" = quick ]; then
	step 'Some TAP tests' make -s prove_installcheck PROVE_FLAGS="${PROVE_FLAGS:-}" UNIT_TESTS= FUZZ_TESTS= PROVE_TESTS="${quick_tests[*]}"
else
	printf '\n== Build without assertions\n'
	build '' all unit-tests
	step 'Unit and TAP tests (test/unit, test/t)' make -s prove_installcheck PROVE_FLAGS="${PROVE_FLAGS:-}"
fi

echo
if [ ${#failed[@]} -gt 0 ]; then
	printf 'make check: FAILED: %s\n' "${failed[@]}"
	exit 1
fi
echo 'make check: everything passed'
