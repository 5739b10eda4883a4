#!/bin/bash
# Measure beside a server: measure.sh SCALE... (bench.sh prepares both)
#
# Every ratio is of two things that were run in turn, in this run, on this
# machine; each is the median of some repetitions. Nothing is asserted. The last
# thing printed is a table of the ratios, in Markdown, and one of the
# milliseconds behind them.
set -euo pipefail

here=$PWD
work=$(mktemp -d /tmp/influence_bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
cp duckdb.mjs "$work"
cd "$work"

as_of='2026-01-01 00:00 UTC'
refresh="SELECT influence_refresh('bench', '$as_of')"
duckdb=@duckdb/node-api@1.5.6-r.1

say() { printf '\n== %s\n' "$*"; }
skip() { echo "SKIPPED: $*" | tee -a skipped; }

query() { psql -Xq -v ON_ERROR_STOP=1 -v as_of="$as_of" "$@"; }

# Milliseconds that the commands of a psql session take
timed() { query -c '\timing on' "$@" > timings && awk '/^Time: / {sum += $2} END {printf "%.3f\n", sum}' timings; }

# Median of the numbers in a file
median() { sort -n "$1" | awk '{value[NR] = $1} END {print value[int((NR + 1) / 2)]}'; }

# ratio ROW OURS THEIRS: remember what was measured for a row of the table
ratio() { printf '%s\t%s\t%s\t%s\n' "$1" "$scale" "$2" "$3" | tee -a results; }

# pair ROW REPETITIONS OURS THEIRS: two commands for psql, in turn; sessions are new ones
pair() {
	local i
	rm -f ours theirs
	for ((i = 0; i < $2; i++)); do
		timed -c "$3" >> ours
		timed -c "$4" >> theirs
	done
	ratio "$1" "$(median ours)" "$(median theirs)"
}

# compare SCHEMA: show that its tables are equal to our views
compare() {
	say "$scale: largest difference between the views and those of $1, relative to max(1, |value|)"
	query -v other="$1" -f "$here/compare.sql"
}

server() {
	local setting
	# No autovacuum: it would run beside what happens to be measured next.
	for setting in shared_buffers=2GB work_mem=64MB maintenance_work_mem=512MB max_wal_size=16GB \
		max_parallel_workers_per_gather=2 jit=off autovacuum=off; do
		query -c "ALTER SYSTEM SET ${setting%=*} = '${setting#*=}'"
	done
	pg_ctl -D "$PGHOST/data" -l "$PGHOST/log" restart > /dev/null
	say "$(query -At -c 'SELECT version()')"
	awk -v cores="$(nproc)" -v load="$(cut -d ' ' -f 1 /proc/loadavg)" \
		'/^MemTotal/ {printf "%d cores, %.0f GiB, load %s\n", cores, $2 / 1048576, load}' /proc/meminfo
	query -P footer=off -c "SELECT name, current_setting(name) AS value FROM pg_settings WHERE name IN ('shared_buffers',
		'work_mem', 'maintenance_work_mem', 'max_wal_size', 'max_parallel_workers_per_gather', 'jit', 'fsync', 'autovacuum')"
}

install_duckdb() {
	command -v npm > /dev/null || { skip 'DuckDB: there is no npm'; return; }
	npm install --no-save --no-audit --no-fund --silent $duckdb > npm.log 2>&1 ||
		skip "DuckDB: npm could not install $duckdb: $(tail -n 1 npm.log)"
}

generate() {
	say "$scale: generating $rows interactions"
	createdb "bench_$scale"
	export PGDATABASE=bench_$scale
	"$here/generate" "$rows" | query -f "$here/setup.sql" > /dev/null
	query -c "$refresh" > /dev/null
	query -c 'CREATE TABLE people AS SELECT actor AS id FROM interactions UNION SELECT target FROM interactions' \
		-c 'VACUUM (ANALYZE) people'
	query -x -P footer=off -c "SELECT (SELECT count(*) FROM people) AS people,
			(SELECT count(*) FROM bench.scores) AS scored,
			pg_size_pretty(pg_table_size('interactions')) AS interactions"
}

measure_sql() {
	say "$scale: refresh, hand-written SQL"
	pair handwritten "$slow" "$refresh" "\\i $here/handwritten.sql"
	compare handwritten
	measure_scan
}

measure_scan() {
	say "$scale: refresh, scan"
	pair scan "$([ "$scale" = 100m ] && echo 2 || echo 5)" "$refresh" 'SELECT count(*), sum(weight) FROM interactions'
	awk '{print $3; exit}' <(grep -P "^scan\t$scale\t" results) > "refresh_$scale"
	echo 'Phases of the last refresh, milliseconds:'
	query -At -c "SELECT milliseconds || jsonb_build_object('iterations', iterations)
		FROM influence.refresh_log ORDER BY run_id DESC LIMIT 1"
}

measure_duckdb() {
	local i
	[ -d node_modules/@duckdb ] || return 0
	say "$scale: refresh, DuckDB"
	query -f "$here/export.sql"
	rm -f ours
	for ((i = 0; i < slow; i++)); do timed -c "$refresh" >> ours; done
	if node duckdb.mjs . "$slow" > theirs 2> duckdb.log; then
		ratio duckdb "$(median ours)" "$(median theirs)"
		query -f "$here/import.sql"
		compare duckdb
	else
		skip "DuckDB at $scale: $(tail -n 1 duckdb.log)"
	fi
	rm -f ./*.csv interactions.duckdb*
}

# Median milliseconds that pagerank_bench printed
kernel() { awk -v what="$1" '$1 == what {print $2}' kernel; }

measure_pagerank() {
	local repetitions=15
	say "$scale: PageRank kernel"
	query -f "$here/graph.sql"
	"$here/pagerank_bench" $repetitions < graph.bin | tee kernel
	ratio pagerank "$(kernel kernel)" "$(kernel gapbs)"
	ratio pagerank_threads "$(kernel threads)" "$(kernel gapbs)"
	ratio pagerank_prepare "$(kernel prepare)" "$(kernel gapbs)"
	if ! /usr/bin/python3 -c 'import igraph' 2> /dev/null; then
		[ "$scale" != "$first" ] || skip 'igraph: /usr/bin/python3 has no such module'
	elif /usr/bin/python3 "$here/pagerank_igraph.py" graph.txt 3 > igraph; then
		ratio igraph "$(kernel converged)" "$(cat igraph)"
	fi
	rm -f graph.bin graph.txt
}

measure_aggregates() {
	local from='AS s FROM interactions GROUP BY'
	local reach="SELECT sum(influence_reach_count(s)) FROM (SELECT influence_reach_agg(actor) $from"
	local distinct="SELECT sum(s) FROM (SELECT count(DISTINCT actor) $from"
	local hll="SELECT sum(hll_cardinality(s)) FROM (SELECT hll_add_agg(hll_hash_bigint(actor), 10) $from"
	local decay="SELECT sum(influence_decayed_sum(s, '$as_of'))
		FROM (SELECT influence_decay_agg(coalesce(weight, 1), happened_at, '14 days') $from"
	local sum="SELECT sum(s) FROM (SELECT sum(coalesce(weight, 1) * exp(-ln(2) / 1209600
			* date_part('epoch', timestamptz '$as_of' - happened_at))) $from"
	local large='network, kind, happened_at::date) AS g' small='target) AS g'

	say "$scale: aggregates"
	pair decay_large 7 "$decay $large" "$sum $large"
	pair decay_small 7 "$decay $small" "$sum $small"
	pair distinct_large "$slow" "$reach $large" "$distinct $large"
	pair distinct_small "$slow" "$reach $small" "$distinct $small"
	if query -c 'CREATE EXTENSION hll' > /dev/null 2>&1; then
		# 1.04 / sqrt(2^10) = 3.3 % standard error, ours 1 / sqrt(1024 - 2) = 3.1 %
		pair hll_large "$slow" "$reach $large" "$hll $large"
		pair hll_small "$slow" "$reach $small" "$hll $small"
	elif [ "$scale" = "$first" ]; then
		skip 'postgresql-hll: the extension is not installed'
	fi
}

# Microseconds of a prepared statement in pgbench
lookup() {
	printf '\\set id random(1, %s)\n%s\n' "$people" "$1" > lookup.sql
	pgbench -n -M prepared -c 1 -T 3 -f lookup.sql | awk '/^tps/ {printf "%.3f\n", 1000 / $3}'
}

measure_lookups() {
	local people i
	say "$scale: looking up scores"
	pair join 5 'SELECT count(influence_score(id)) FROM people' \
		'SELECT count(score) FROM people LEFT JOIN bench.scores ON user_id = id'
	people=$(query -At -c 'SELECT max(id) FROM people')
	rm -f ours theirs
	for ((i = 0; i < 3; i++)); do
		lookup 'SELECT influence_score(:id::bigint);' >> ours
		lookup 'SELECT score FROM bench.scores WHERE user_id = :id;' >> theirs
	done
	ratio lookup "$(median ours)" "$(median theirs)"
}

# Private memory of processes, bytes. VmHWM would be its peak, but it counts the
# pages of shared_buffers that the process has touched, too.
private_memory() {
	{ cat /dev/null "${@/%//status}" 2> /dev/null || true; } | awk '/^RssAnon/ {sum += $2 * 1024} END {print sum + 0}'
}

# Files of processes that work for another one, in /proc
workers_of() { grep -lsa "parallel [w]orker for PID $1 " /proc/[0-9]*/cmdline | sed 's|/cmdline||'; }

# Shared memory that comes and goes, bytes: all of it is the refresh's here
shared_memory() { { du -cB1 /dev/shm/PostgreSQL.* 2> /dev/null || true; } | awk 'END {print $1 + 0}'; }

# watch_refresh SETTINGS: look at a refreshing backend every 20 ms, alone and with its
# workers and what it shares with them. Sets peak and peak_of_all, in bytes.
watch_refresh() {
	local pid before shared now psql to from
	peak=0 peak_of_all=0
	# Copies, because bash forgets these as soon as the process has ended.
	coproc psql -XqAt
	psql=$COPROC_PID
	exec {from}<&"${COPROC[0]}" {to}>&"${COPROC[1]}"
	echo "$1 SELECT influence_score(1::bigint) IS NULL; SELECT pg_backend_pid();" >&"$to"
	read -r _ <&"$from"
	read -r pid <&"$from"
	before=$(private_memory "/proc/$pid")
	shared=$(shared_memory)
	echo "$refresh;" >&"$to"
	while ! read -r -t 0.02 _ <&"$from"; do
		now=$(($(private_memory "/proc/$pid") - before))
		[ "$now" -le "$peak" ] || peak=$now
		# shellcheck disable=SC2046
		now=$((now + $(private_memory $(workers_of "$pid")) + $(shared_memory) - shared))
		[ "$now" -le "$peak_of_all" ] || peak_of_all=$now
	done
	echo '\q' >&"$to"
	wait "$psql"
	exec {from}<&- {to}>&-
}

# A refresh by one process, which has all of it, and one with workers. Edges are pairs
# of people on a network.
measure_memory() {
	local peak peak_of_all alone edges people
	say "$scale: memory of a refresh"
	watch_refresh 'SET max_parallel_workers_per_gather = 0; SET max_parallel_maintenance_workers = 0;'
	alone=$peak
	watch_refresh ''
	# rows whose actor is another person than their target; a follow alone makes no edge
	edges=$(query -At -c "SELECT count(*) FROM (SELECT DISTINCT i.actor, i.target, i.network FROM interactions AS i
		JOIN influence.signals AS s ON s.model = 'bench' AND s.network = i.network AND s.kind = i.kind
		WHERE i.actor <> i.target AND s.role IN ('reaction', 'share', 'endorsement')) AS pairs")
	people=$(query -At -c 'SELECT count(*) FROM people')
	awk -v alone="$alone" -v peak="$peak" -v all="$peak_of_all" -v rows="$rows" -v people="$people" -v edges="$edges" 'BEGIN {
		printf "alone %.1f MB: %.1f bytes an interaction (%d), %.1f an edge (%d), %.0f a person (%d); with workers %.1f MB, all of them %.1f MB\n",
			alone / 1e6, alone / rows, rows, alone / edges, edges, alone / people, people, peak / 1e6, all / 1e6}'
	ratio memory_alone "$alone" $((24 * edges + 200 * people))
	ratio memory "$peak" $((24 * edges + 200 * people))
	ratio memory_of_all "$peak_of_all" $((24 * edges + 200 * people))
	note_growth "$peak_of_all" "$edges"
}

# A full refresh keeps the closed days anew, where one of a source that is not
# incremental just reads: both are "full"
measure_increment() {
	local i
	say "$scale: refresh after 1 % new interactions"
	rm -f plain full ours
	for i in 1 2 3; do timed -c "$refresh" >> plain; done
	query -c 'CREATE INDEX ON interactions (happened_at)' -c 'UPDATE influence.sources SET incremental = true'
	for i in 1 2 3; do
		timed -c "SELECT influence_refresh('bench', '$as_of', \"full\" => true)" >> full
		query -c "INSERT INTO interactions SELECT actor, target, kind, network, '$as_of', post_id, weight
			FROM interactions TABLESAMPLE SYSTEM (1) REPEATABLE ($i)"
		timed -c "$refresh" >> ours
	done
	ratio increment "$(median ours)" "$(median full)"
	ratio increment_plain "$(median ours)" "$(median plain)"
}

measure_growth() {
	[ ! -f refresh_1m ] || [ ! -f refresh_10m ] || scale=10m ratio growth "$(cat refresh_10m)" "$(cat refresh_1m)"
	[ ! -f refresh_10m ] || [ ! -f refresh_100m ] || scale=100m ratio growth "$(cat refresh_100m)" "$(cat refresh_10m)"
}

# note_growth BYTES EDGES: a line for the table of growth
note_growth() {
	local sizes
	sizes=$(query -At -F $'\t' -c "SELECT pg_total_relation_size('interactions'),
		(SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class AS c
			WHERE c.relnamespace = 'bench'::regnamespace AND c.relkind IN ('m', 'r'))")
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$scale" "$people" "$2" "$(cat "refresh_$scale")" "$1" "$sizes" >> growth
}

report_growth() {
	awk -F '\t' 'BEGIN {
			print "| interactions | people | pairs of people | seconds | memory of all processes | source | views and history |"
			print "|---:|---:|---:|---:|---:|---:|---:|"
		}
		{ printf "| %s | %.2f M | %.1f M | %.1f | %.0f MB | %.1f GB | %.2f GB |\n",
			$1, $2 / 1e6, $3 / 1e6, $4 / 1e3, $5 / 1e6, $6 / 1e9, $7 / 1e9 }' growth
}

# Rows of the tables: key, what, must, aim, and whether higher is better
report() {
	local table=$1
	awk -F '\t' -v table="$table" -v scales="$*" '
		FNR == NR { ours[$1, $2] = $3; theirs[$1, $2] = $4; next }
		FNR == 1 {
			n = split(scales, scale, " ")
			head = "| what"; line = "|---"
			if (table == "ratios") { head = head " | must | aim"; line = line "|---|---" }
			for (i = 2; i <= n; i++) { head = head " | " scale[i]; line = line "|---:" }
			print head " |\n" line "|"
		}
		{
			row = "| " $2
			if (table == "ratios") row = row " | " $3 " | " $4
			for (i = 2; i <= n; i++) {
				key = $1 SUBSEP scale[i]
				if (!(key in ours)) cell = "-"
				else if (table == "medians") cell = sprintf(ours[key] < 10 ? "%.3f : %.3f" : "%.0f : %.0f", ours[key], theirs[key])
				else if ($5 == "higher") cell = sprintf("%.2f", theirs[key] / ours[key])
				else cell = sprintf("%.2f", ours[key] / theirs[key])
				row = row " | " cell
			}
			print row " |"
		}' results "$here/rows.tsv"
}

server
say 'Yardsticks'
install_duckdb
for scale in "$@"; do
	first=${first:-$scale}
	rows=${scale%m}000000
	# what takes minutes runs once
	slow=$([ "$scale" = 1m ] && echo 3 || echo 1)
	generate
	if [ "$scale" = 100m ]; then
		# The yardsticks would take an hour, and tell nothing new.
		measure_scan
	else
		measure_sql
		measure_duckdb
		measure_pagerank
		measure_aggregates
		measure_lookups
	fi
	measure_memory
	measure_increment
	export PGDATABASE=postgres
	dropdb "bench_$scale"
done
measure_growth

say 'Growth'
report_growth
say 'Ratios: "faster" is the time of the yardstick / ours, "time" and "size" are ours / the yardstick'
report ratios "$@"
say 'Medians behind them, ours : the yardstick, milliseconds (memory: bytes)'
report medians "$@"
[ ! -f skipped ] || { echo; cat skipped; }
