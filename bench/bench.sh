#!/bin/bash
# Measurements. Run by "make bench" in the sandbox that test/sandbox.sh prepares.
#
# Environment:
#   SCALE  interactions, any of 1m, 10m and 100m ("1m 10m")
set -euo pipefail

echo '== Building'
if ! { make clean && make -j"$(nproc)" && make install; } > build.log 2>&1; then
	cat build.log
	exit 1
fi

cd bench
gcc -std=gnu99 -O2 -Wall -o generate generate.c
# Our kernel as in the extension, the yardstick as its original is built
gcc -std=gnu99 -O2 -ffp-contract=off -I../src -c ../src/math/graph.c ../src/math/pagerank.c ../src/math/refinement.c
gcc -std=gnu99 -O3 -Wall -pthread -I../src -o pagerank_bench pagerank_bench.c graph.o pagerank.o refinement.o -lm

# The server that test/with_server.sh starts runs with fsync off.
read -ra scales <<< "${SCALE:-1m 10m}"
exec ../test/with_server.sh ./measure.sh "${scales[@]}"
