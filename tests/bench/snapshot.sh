#!/bin/sh
# SPDX-License-Identifier: MIT
# What a snapshot file costs: bytes for each chunk and edge, CPU of saving it beyond the analysis, of reading it for each report, and of comparing it with
# another one.
#
#	BENCH_SNAPSHOT	number of chunks (10000000)
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

: "${BENCH_SNAPSHOT:=10000000}"
programs=$top_builddir/tests/bench

# phase NAME FILE: the CPU seconds of a phase that -v tells.
phase() {
	awk -v name="$1" '$1 == "heapsnap:" && $2 == name { cpu += $5 } END { printf "%.3f", cpu / 1000 }' "$2"
}

start_target "$programs/chunks" "$BENCH_SNAPSHOT" first || exit 1
"$HEAPSNAP" save -v -p "$target_pid" -o one.hsnap >/dev/null 2>phases || { cat phases >&2; exit 1; }
stop_target
chunks=$("$HEAPSNAP" sql one.hsnap "SELECT value FROM meta WHERE key = 'chunks'" --format csv 2>/dev/null | tail -n 1)
edges=$("$HEAPSNAP" sql one.hsnap 'SELECT count(*) FROM edge' --format csv | tail -n 1)
bytes=$(stat -c %s one.hsnap)
printf '%-12s %12s %12s %10s %14s %10s\n' chunks edges bytes 'B/chunk' 'of 12 + 3/edge' 'save, CPU s'
echo "$chunks $edges $bytes $(phase save phases)" |
awk '{ printf "%-12s %12s %12s %10.2f %13.0f%% %10s\n\n", $1, $2, $3, $3 / $1, 100 * $3 / (12 * $1 + 3 * $2), $4 }'

printf '%-12s %12s %12s %10s\n' 'from a file' 'read, CPU s' 'CPU s' 'MiB'
for command in report arenas leaks top list 'diff one.hsnap'; do
	# shellcheck disable=SC2086 # a command and its operand
	"$programs/measure" cost "$HEAPSNAP" $command -v one.hsnap >/dev/null 2>phases
	case $? in
	0 | 1) ;;
	*) cat phases >&2; exit 1 ;;
	esac
	read -r wall cpu peak <cost
	echo "${command%% *} $(phase read phases) $cpu $peak" |
	awk '{ printf "%-12s %12s %12.3f %10.0f\n", $1, $2, $3, $4 / 1024 }'
done
