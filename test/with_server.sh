#!/bin/bash
# Run a command beside a throwaway server: test/with_server.sh COMMAND [ARGUMENT...]
#
# The server has a new cluster and a unix socket that nobody else can reach; PGHOST,
# PGUSER and PGDATABASE lead the command there. Needs PostgreSQL's programs in PATH;
# SERVER_PROGRAM is run in the place of the server's.
set -euo pipefail

dir=$(mktemp -d /tmp/influence_server.XXXXXX)
finish() {
	pg_ctl -t 300 -D "$dir/data" -m immediate stop > /dev/null || true
	rm -rf "$dir"
}
trap finish EXIT

initdb -D "$dir/data" -U postgres -A trust -E UTF8 --no-locale --no-sync > /dev/null
pg_ctl -t 300 ${SERVER_PROGRAM:+-p "$SERVER_PROGRAM"} -D "$dir/data" -l "$dir/log" -o "-k $dir -c listen_addresses='' -c fsync=off" start > /dev/null ||
	{ cat "$dir/log"; exit 1; }
PGHOST=$dir PGUSER=postgres PGDATABASE=postgres "$@"
