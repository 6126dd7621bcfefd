#!/bin/sh
# SPDX-License-Identifier: MIT
# What a Python's objects cost: the pause against a bare copy of the same bytes in the same run, CPU, and memory against what the process has resident. Each
# figure stands with its limit; "over" marks what is above it. Medians of several runs.
#
#	BENCH_OBJECTS	numbers of objects (5000000)
#	BENCH_RUNS	runs of each (3)
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

: "${BENCH_OBJECTS:=5000000}" "${BENCH_RUNS:=3}"
programs=$top_builddir/tests/bench

# median COLUMN FILE: of the numbers in a column.
median() {
	awk -v column="$1" '{ print $column }' "$2" | sort -n | awk '{ value[NR] = $1 }
		END { print NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2 }'
}

# field NAME FILE: a number of the JSON report.
field() {
	sed -n "s/^.*\"$1\": \([0-9.]*\).*/\1/p" "$2" | head -n 1
}

# measure_one COMMAND [OPERAND]: adds to $tmp/runs the pause, per byte against a bare copy, CPU seconds, memory against resident memory, and wall seconds.
measure_one() {
	# Only a report tells its pause.
	"$HEAPSNAP" report --no-types --format json -p "$target_pid" >"$tmp/report"
	pause=$(field pause_ms "$tmp/report") bytes=$(field copied_bytes "$tmp/report")
	"$programs/bare_copy" "$target_pid" >"$tmp/bare" || { echo "bare_copy failed" >&2; exit 1; }
	"$programs/measure" "$tmp/cost" "$HEAPSNAP" "$1" -q --format json -p "$target_pid" ${2:+"$2"} >"$tmp/json" 2>"$tmp/errors"
	case $? in
	0 | 1 | 5) ;;
	*)
		cat "$tmp/errors" >&2
		exit 1
		;;
	esac
	rss=$(awk '$1 == "VmRSS:" { print $2 }' "/proc/$target_pid/status")
	echo "$(cat "$tmp/bare") $(cat "$tmp/cost") $pause $bytes $rss" |
	awk '{ print $7, ($7 / $8) / ($2 / $1), $5, $6 / $9, $4 }' >>"$tmp/runs"
}

printf '%-9s %-18s %9s %6s %6s %7s %6s %8s %6s %7s\n' objects command 'pause,ms' /bare limit CPU,s limit memory limit wall,s
for count in $BENCH_OBJECTS; do
	start_target /usr/bin/python3 -S -E "$top_srcdir/fixtures/python/many.py" "$count" || exit 1
	# The first copy of so many bytes pays for making the machine's memory ready; this one does here.
	"$programs/bare_copy" "$target_pid" >/dev/null
	for command in python 'why py:Event'; do
		: >"$tmp/runs"
		run=0
		while [ "$run" -lt "$BENCH_RUNS" ]; do
			# shellcheck disable=SC2086 # a command and its operand
			measure_one $command
			run=$((run + 1))
		done
		echo "$(median 1 "$tmp/runs") $(median 2 "$tmp/runs") $(median 3 "$tmp/runs") $(median 4 "$tmp/runs") $(median 5 "$tmp/runs")" |
		awk -v count="$count" -v command="$command" '{
			limit = 4 * count / 5000000
			printf "%-9d %-18s %9.1f %6.2f %6.2f %7.2f %6.2f %8.2f %6.2f %7.2f%s%s%s\n", count, command, $1, $2, 1.3, $3, limit, $4, 1.6, $5,
				($2 > 1.3) ? "  pause over" : "", (command == "python" && $3 > limit) ? "  CPU over" : "",
				(command == "python" && $4 > 1.6) ? "  memory over" : ""
		}'
	done
	stop_target
done
