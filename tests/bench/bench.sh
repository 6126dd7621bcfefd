#!/bin/sh
# SPDX-License-Identifier: MIT
# What heapsnap costs: the pause against a bare copy of the same bytes in the same run, CPU and memory beyond that copy, and
# whether it counted what is there, without types. Medians of several runs, alternating, so that a change of the machine's load meets both.
#
#	BENCH_COUNTS	numbers of chunks (1000000 5000000 10000000)
#	BENCH_LINKS	where the pointers are in the struct (first last)
#	BENCH_RUNS	runs of each (5)
#	BENCH_CORE	1: also from a core that the kernel writes (1)
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

: "${BENCH_COUNTS:=1000000 5000000 10000000}" "${BENCH_LINKS:=first last}" "${BENCH_RUNS:=5}" "${BENCH_CORE:=1}"
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

# phase NAME FILE: the CPU milliseconds of a phase that -v tells, 0 where there is none.
phase() {
	awk -v name="$1" '$1 == "heapsnap:" && $2 == name { cpu = $5 } END { print cpu + 0 }' "$2"
}

measure_one() {
	"$programs/bare_copy" "$target_pid" >>"$tmp/bare" || { echo "bare_copy failed" >&2; exit 1; }
	read -r bare_bytes bare_ms bare_cpu <<-END
		$(tail -n 1 "$tmp/bare")
	END
	"$programs/measure" -w $((bare_bytes + bare_bytes / 4)) "$tmp/cost" "$HEAPSNAP" report --no-types -v --format json -p "$target_pid" >"$tmp/json" 2>"$tmp/phases"
	case $? in
	0 | 5) ;;
	*)
		cat "$tmp/phases" >&2
		exit 1
		;;
	esac
	pause=$(field pause_ms "$tmp/json") bytes=$(field copied_bytes "$tmp/json")
	chunks=$(field in_use_chunks "$tmp/json") usable=$(field in_use_bytes "$tmp/json")
	read -r wall cpu peak <"$tmp/cost"
	# Per byte, since the two may not copy quite the same pages.
	echo "$pause $bytes $wall $cpu $peak $bare_ms $bare_cpu $bare_bytes" \
		"$(phase walk "$tmp/phases") $(phase account "$tmp/phases")" |
	awk -v chunks="$expected_chunks" '{
		print $1, ($1 / $2) / ($6 / $8), $4, $4 - $7, $9 + $10, ($5 * 1024 - $2) / chunks, $3, $6, $2
	}' >>"$tmp/runs"
}

printf '%-10s %-5s %9s %9s %9s %6s %9s %9s %9s %9s %9s  %s\n' chunks links copied bare pause pause/ CPU beyond walk memory/ wall 'in use, as told by the program'
printf '%-10s %-5s %9s %9s %9s %6s %9s %9s %9s %9s %9s\n' '' '' MiB ms ms bare s 'copy, s' ms chunk,B s
for count in $BENCH_COUNTS; do
	for links in $BENCH_LINKS; do
		: >"$tmp/bare"
		: >"$tmp/runs"
		start_target "$programs/chunks" "$count" "$links" || exit 1
		expected_chunks=$(sed -n 's/^chunks //p' "$target_out")
		expected_usable=$(sed -n 's/^usable //p' "$target_out")
		run=0
		while [ "$run" -lt "$BENCH_RUNS" ]; do
			measure_one
			run=$((run + 1))
		done
		verdict="chunks $((chunks - expected_chunks)), bytes $((usable - expected_usable)) off"
		if [ "$chunks" = "$expected_chunks" ] && [ "$usable" = "$expected_usable" ]; then
			verdict="equal"
		fi
		grep -q '"exact": true' "$tmp/json" && verdict="$verdict, exact"
		printf '%-10s %-5s %9.0f %9.1f %9.1f %6.2f %9.3f %9.3f %9.1f %9.1f %9.2f  %s\n' "$count" "$links" \
			"$(median 9 "$tmp/runs" | awk '{ print $1 / 1048576 }')" "$(median 8 "$tmp/runs")" \
			"$(median 1 "$tmp/runs")" "$(median 2 "$tmp/runs")" "$(median 3 "$tmp/runs")" "$(median 4 "$tmp/runs")" \
			"$(median 5 "$tmp/runs")" "$(median 6 "$tmp/runs")" "$(median 7 "$tmp/runs")" "$verdict"
		if [ "$BENCH_CORE" = 1 ] && (ulimit -c unlimited) 2>/dev/null && [ "$(cat /proc/sys/kernel/core_pattern)" = core ]; then
			prlimit --pid "$target_pid" --core=unlimited 2>/dev/null
			kill -ABRT "$target_pid"
			wait "$target_pid" 2>/dev/null
			core=$(find "$tmp" -maxdepth 1 -name 'core*' -size +0 | head -n 1)
			if [ -n "$core" ]; then
				: >"$tmp/runs"
				run=0
				while [ "$run" -lt "$BENCH_RUNS" ]; do
					"$programs/measure" "$tmp/cost" "$HEAPSNAP" report --no-types -v --format json --core "$core" >"$tmp/json" 2>"$tmp/phases" || true
					read -r wall cpu peak <"$tmp/cost"
					echo "$wall $cpu $(phase walk "$tmp/phases") $(phase account "$tmp/phases")" |
					awk '{ print $1, $2, $3 + $4 }' >>"$tmp/runs"
					run=$((run + 1))
				done
				verdict=differs
				[ "$(field in_use_chunks "$tmp/json")" = "$expected_chunks" ] && verdict=equal
				grep -q '"exact": true' "$tmp/json" && verdict="$verdict, exact"
				printf '%-10s %-5s %9s %9s %9s %6s %9.3f %9s %9.1f %9s %9.2f  %s\n' '' core "$(($(wc -c <"$core") / 1048576))" \
					'' '' '' "$(median 2 "$tmp/runs")" '' "$(median 3 "$tmp/runs")" '' "$(median 1 "$tmp/runs")" "$verdict"
				rm -f "$core"
			fi
		fi
		stop_target
	done
done
