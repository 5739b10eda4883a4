#!/bin/bash
# The worked example. Run by "make demo" in the sandbox that test/sandbox.sh prepares.
set -euo pipefail

echo '== Building the extension'
if ! { make clean && make -j"$(nproc)" && make install; } > build.log 2>&1; then
	cat build.log
	exit 1
fi

echo '== Starting a throwaway server, inventing a social network'
cd examples
SECONDS=0
../test/with_server.sh psql -X -q -v ON_ERROR_STOP=1 -P pager=off -P footer=off \
	-f social_network.sql -f demo.sql
echo "== All of that, server and network included, took $SECONDS s"
