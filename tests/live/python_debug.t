#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The Pythons of every suite with their debug information beside, and without: offsets come from elsewhere, and everything is the same.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/suites/suites.sh"
. "$top_srcdir/tests/python/python.sh"
need_ptrace
need /usr/bin/python3
: "${MATRIX_SUITES:=bullseye bookworm trixie sid}"
# shellcheck disable=SC2086
need_suites $MATRIX_SUITES
# shellcheck disable=SC2086
need_suites --python-dbg $MATRIX_SUITES

# same_report DESC ONE OTHER: but for where offsets are from.
same_report() {
	check "$1" /usr/bin/python3 -c '
import json, sys
one, other = (json.load(open(path)) for path in sys.argv[1:])
for report in one, other:
	for runtime in report["runtimes"]:
		del runtime["offsets"]
for part in "memory", "types", "roles", "runtimes", "pymalloc", "pymalloc_sizes":
	assert one[part] == other[part], part' "$2" "$3"
}

suite_cc "$oldest_suite" -o "$tmp/embed" "$top_srcdir/fixtures/python/embed.c" -ldl || skip_all "the C program cannot be built"
for suite in $MATRIX_SUITES; do
	suite_use "$suite"
	suite_use_python dbg
	label="$suite, Python $suite_python_version"
	# shellcheck disable=SC2086
	census_start $suite_python || continue
	census_judge "$label, described" --debuginfo-path "$suite_python_debug" -p "$target_pid"
	cp "$tmp/report.json" "$tmp/described.json"
	matches "$label: offsets are from DWARF" "$tmp/described.json" '"offsets": "DWARF, confirmed by structure"'
	census_judge "$label, stripped" --debuginfo-path '' -p "$target_pid"
	matches "$label: offsets are from a table" "$tmp/report.json" '"offsets": "the table of 3\.'
	same_report "$label: the same with debug information and without" "$tmp/described.json" "$tmp/report.json"
	if command -v gcore >/dev/null; then
		gcore -o "$tmp/core" "$target_pid" >"$tmp/gcore.log" 2>&1
		run "$HEAPSNAP" python --format json -n 0 --debuginfo-path "$suite_python_debug" --core "$tmp/core.$target_pid"
		same_report "$label: the same of a core" "$tmp/described.json" "$out"
		rm -f "$tmp/core.$target_pid"
	else
		skip "$label, core" "gcore is not installed"
	fi
	stop_target
	for words in "query_log str __main__\.connections\.storage\.default\.queries_log\[i\]\['sql'\]" \
		"frame Event frame\(\) \(leaks\.py:[0-9]+\) local local\[i\]"; do
		# shellcheck disable=SC2086
		start_target $suite_python -S -E "$leaks_program" "${words%% *}" || continue
		rest=${words#* }
		run "$HEAPSNAP" why -q --debuginfo-path "$suite_python_debug" -p "$target_pid" "py:${rest%% *}"
		sed -n 1,10p "$out" >"$tmp/first"
		matches "$label, ${words%% *}: ${rest#* }" "$tmp/first" "  ${rest#* }\$"
		stop_target
	done
	# shellcheck disable=SC2086
	embed_judge "$label" "$(ls "$suite_python_home"/lib/*/libpython3.*.so.1.0)" env PYTHONHOME="$suite_python_home" ${suite_python% *} "$tmp/embed"
done
done_testing
