#!/bin/sh
# SPDX-License-Identifier: MIT
# What it costs to find the types of many chunks: CPU of the phases graph and types beyond what they cost for the same program with hardly any chunks (which is reading its
# debug information and code), by chunk; memory beyond a report without types; and how many have the type that the program says.
#
# «typed» is what services are like; in «linked» any of a thousand types may be behind each pointer.
#
#	BENCH_TYPED	numbers of chunks (1000000 5000000)
#	BENCH_RUNS	runs of each (5)
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

: "${BENCH_TYPED:=1000000 5000000}" "${BENCH_RUNS:=5}"
programs=$top_builddir/tests/bench

# middle COLUMN: the median of the numbers in a column of stdin.
middle() {
	awk -v column="$1" '{ print $column }' | sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}

# looked OPTION...: one report; «GRAPH_MS TYPES_MS PEAK_KIB».
looked() {
	"$programs/measure" -w $((chunks * 160 + 200000000)) "$tmp/cost" "$HEAPSNAP" report "$@" -v --format json -p "$target_pid" >"$tmp/json" 2>"$tmp/phases" ||
		{ cat "$tmp/phases" >&2; exit 1; }
	awk 'NR == FNR { peak = $3; next } $1 == "heapsnap:" && ($2 == "graph" || $2 == "types") { cpu[$2] = $5 } END { print cpu["graph"] + 0, cpu["types"] + 0, peak }' \
		"$tmp/cost" "$tmp/phases"
}

# looked_often OPTION...: the medians of as many runs.
looked_often() {
	: >"$tmp/runs"
	for _ in $(seq "$BENCH_RUNS"); do
		looked "$@" >>"$tmp/runs"
	done
	echo "$(middle 1 <"$tmp/runs") $(middle 2 <"$tmp/runs") $(middle 3 <"$tmp/runs")"
}

printf '%-8s %-9s %8s %8s %10s %12s %8s\n' program chunks 'graph, s' 'types, s' 'ns/chunk' 'bytes/chunk' right
for program in typed linked; do
	for count in 1000 $BENCH_TYPED; do
		start_target "$programs/$program" "$count" || exit 1
		chunks=$(sed -n 's/^chunks //p' "$target_out")
		read -r graph types peak <<-END
			$(looked_often)
		END
		if [ "$count" = 1000 ]; then
			base_graph=$graph base_types=$types
		else
			read -r _ _ plain_peak <<-END
				$(looked_often --no-types)
			END
			"$HEAPSNAP" report --format csv -q -n 0 -p "$target_pid" >"$tmp/rows"
			right=$(awk 'NR == FNR { if ($1 == "chunks") all = $2; else { name = $0; sub(/ [0-9]+$/, "", name); truth[name] = $NF }; next }
				{ split($0, cell, ","); if (cell[1] in truth) sum += cell[2] < truth[cell[1]] ? cell[2] : truth[cell[1]] }
				END { printf "%.2f", 100 * sum / all }' "$target_out" "$tmp/rows")
			echo "$program $chunks $graph $types $base_graph $base_types $peak $plain_peak $right" | awk '{
				graph = ($3 - $5) / 1000; types = ($4 - $6) / 1000
				printf "%-8s %-9d %8.3f %8.3f %10.0f %12.1f %7s%%\n", $1, $2, graph, types, (graph + types) / $2 * 1e9, ($7 - $8) * 1024 / $2, $9
			}'
		fi
		stop_target
	done
done
