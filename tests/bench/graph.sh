#!/bin/sh
# SPDX-License-Identifier: MIT
# What it costs to say what is leaked, and who keeps how much, without types (typing.sh): all CPU time of a run, from attaching to the last line, and its memory beyond the image. Each
# figure stands with its limit; "over" marks what is above it. Costs per chunk at the end are compared with those of the smallest number of chunks.
#
#	BENCH_COUNTS	numbers of chunks (1000000 5000000 10000000)
#	BENCH_LINKS	where the pointers are in the struct (first last)
#	BENCH_RUNS	runs of each (3); the median counts
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

: "${BENCH_COUNTS:=1000000 5000000 10000000}" "${BENCH_LINKS:=first last}" "${BENCH_RUNS:=3}"
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

# measure_one COMMAND: adds to $tmp/COMMAND.runs its CPU seconds, those of the graph, and bytes beyond the image.
measure_one() {
	"$programs/measure" "$tmp/cost" "$HEAPSNAP" "$1" --no-types -v --format json -p "$target_pid" >"$tmp/$1.json" 2>"$tmp/phases"
	case $? in
	0 | 1 | 5) ;;
	*)
		cat "$tmp/phases" >&2
		exit 1
		;;
	esac
	read -r wall cpu peak <"$tmp/cost"
	graph=$(awk '$1 == "heapsnap:" && $2 == "graph" { print $5 }' "$tmp/phases")
	echo "$wall $cpu $peak $graph $(field copied_bytes "$tmp/$1.json")" |
	awk '{ print $2, $4 / 1000, $3 * 1024 - $5, $1 }' >>"$tmp/$1.runs"
}

printf '%-9s %-5s %-6s %9s %7s %9s %11s %11s %8s %9s\n' chunks links what edges CPU,s 'limit' 'in graph' 'beyond,MiB' limit wall,s
for links in $BENCH_LINKS; do
	rm -f "$tmp/first.leaks" "$tmp/first.top"
	for count in $BENCH_COUNTS; do
		start_target "$programs/chunks" "$count" "$links" || exit 1
		rm -f "$tmp/leaks.runs" "$tmp/top.runs"
		# The first copy of so many bytes pays for making the machine's memory ready; a bare one pays for it here.
		"$programs/bare_copy" "$target_pid" >/dev/null
		run=0
		while [ "$run" -lt "$BENCH_RUNS" ]; do
			measure_one leaks
			measure_one top
			run=$((run + 1))
		done
		edges=$(field edges "$tmp/leaks.json")
		for what in leaks top; do
			# Two seconds and four for five million.
			limit=$(echo "$count $what" | awk '{ print ($2 == "leaks" ? 2 : 4) * $1 / 5000000 }')
			echo "$(median 1 "$tmp/$what.runs") $(median 2 "$tmp/$what.runs") $(median 3 "$tmp/$what.runs") $(median 4 "$tmp/$what.runs") $edges" |
			awk -v count="$count" -v links="$links" -v what="$what" -v limit="$limit" '{
				most = (40 * count + 8 * $5) / 1048576
				printf "%-9d %-5s %-6s %9d %7.3f %9.3f %11.3f %11.1f %8.1f %9.2f%s%s\n", count, links, what, $5, $1, limit, $2,
					$3 / 1048576, most, $4, ($1 > limit) ? "  CPU over" : "", ($3 / 1048576 > most) ? "  memory over" : ""
			}'
			median 1 "$tmp/$what.runs" | awk -v count="$count" '{ print $1 / count * 1e9 }' >"$tmp/cost.$what"
			if [ -e "$tmp/first.$what" ]; then
				echo "$(cat "$tmp/cost.$what") $(cat "$tmp/first.$what")" |
				awk -v what="$what" '{ printf "%25s %.0f ns for a chunk, %.2f times as much as for the fewest (limit 1.25)%s\n", what, $1, $1 / $2,
					($1 / $2 > 1.25) ? "  over" : "" }'
			else
				cp "$tmp/cost.$what" "$tmp/first.$what"
			fi
		done
		stop_target
	done
done
