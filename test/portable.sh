#!/bin/bash
# The unit and fuzz tests of the math layer on other kinds of processors: test/portable.sh
#
#   32 bits     gcc -m32              Debian: lib32gcc-NN-dev libc6-dev-i386
#   big-endian  gcc for s390x, qemu   Debian: gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user-static
#
# What the machine cannot build or run is skipped, by name.
set -euo pipefail

cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=()

# try NAME RUNNER COMPILER [OPTION...]: build and run every test
try() {
	local name=$1 runner=$2 test program more
	shift 2
	echo 'int main(void) { return 0; }' > "$dir/empty.c"
	# the runner is a command with arguments, or nothing
	if ! "$@" -o "$dir/empty" "$dir/empty.c" 2> /dev/null || ! $runner "$dir/empty" 2> /dev/null; then
		echo "skipped: $name: $* or $runner is not here"
		return
	fi
	for test in test/unit/*_test.c test/fuzz/*_fuzz.c; do
		program=$dir/$(basename "$test" .c)
		more=
		[[ $test != *_fuzz.c ]] || more=test/fuzz/fuzz.c
		if "$@" -std=gnu99 -O1 -Wall -Wextra -Wdeclaration-after-statement -Werror -ffp-contract=off -pthread \
			-D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -Isrc -o "$program" "$test" $more src/math/*.c -lm &&
			$runner "$program" > "$program.log" 2>&1; then
			echo "ok: $name: $test"
		else
			echo "FAILED: $name: $test"
			! [ -f "$program.log" ] || grep -v '^ok' "$program.log" || true
			failed+=("$name: $test")
		fi
	done
}

# the arithmetic of SSE, which is that of every other processor
try '32 bits' '' gcc -m32 -msse2 -mfpmath=sse
qemu=$(command -v qemu-s390x-static || command -v qemu-s390x || echo qemu-s390x)
try 'big-endian' "$qemu" s390x-linux-gnu-gcc -static

[ ${#failed[@]} -eq 0 ]
