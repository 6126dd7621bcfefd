#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Python programs with large libraries in them: a Django application whose log of queries grows, and numpy.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace
need /usr/bin/python3

# targets: prints the ways to look at the target, one a line: the process, and its core.
targets() {
	echo "-p $target_pid"
	command -v gcore >/dev/null && gcore -o "$tmp/core" "$target_pid" >"$tmp/gcore.log" 2>&1 && echo "--core $tmp/core.$target_pid"
}

if /usr/bin/python3 -c 'import django' 2>/dev/null; then
	mkdir "$tmp/shop"
	start_target /usr/bin/python3 "$top_srcdir/fixtures/python/shop.py" "$tmp/shop" || done_testing
	targets >"$tmp/targets"
	while read -r kind target; do
		run "$HEAPSNAP" python -q "$kind" "$target"
		is "django, ${kind#-}: status" "$status" 0
		sed -n 1,10p "$out" >"$tmp/first"
		matches "django, ${kind#-}: str takes most" "$tmp/first" '^str  .* [3-9][0-9]\.[0-9] %'
		run "$HEAPSNAP" why -q "$kind" "$target" py:str
		sed -n 1,10p "$out" >"$tmp/first"
		matches "django, ${kind#-}: the log of queries has most of it" "$tmp/first" \
			"^ *[5-9][0-9]\.[0-9] %  +8,000  +[0-9.]+ MiB  .*\\['default'\\]\\.queries_log\\[i\\]\\['sql'\\]\$"
		run "$HEAPSNAP" python --format json -q -n 0 "$kind" "$target"
		check "django, ${kind#-}: exact, and nearly everything is explained" /usr/bin/python3 -c '
import json, sys
report = json.load(open(sys.argv[1]))
roles = {row["role"]: row["chunks"] for row in report["roles"]}
assert report["exact"] and roles["unknown"] * 1000 < report["pymalloc"]["used_blocks"], (roles, report["findings"])' "$out"
	done <"$tmp/targets"
	stop_target
else
	skip "django" "python3-django is not installed"
fi

if /usr/bin/python3 -c 'import numpy' 2>/dev/null; then
	start_target /usr/bin/python3 "$top_srcdir/fixtures/python/frames.py" || done_testing
	data=$(sed -n 's/^data //p' "$target_out")
	targets >"$tmp/targets"
	while read -r kind target; do
		run "$HEAPSNAP" python --format json -q -n 0 "$kind" "$target"
		check "numpy, ${kind#-}: the numbers are those of the arrays" /usr/bin/python3 -c '
import json, sys
report, data = json.load(open(sys.argv[1])), int(sys.argv[2])
row = [row for row in report["types"] if row["type"] == "numpy.ndarray"][0]
assert data <= row["native_bytes"] < data * 1.01, (data, row)
assert report["exact"] and report["memory"]["python_native_bytes"] > report["memory"]["in_use_bytes"] * 0.4, report["memory"]' "$out" "$data"
		run "$HEAPSNAP" why -q "$kind" "$target" py:ndarray
		sed -n 1,10p "$out" >"$tmp/first"
		matches "numpy, ${kind#-}: who holds them" "$tmp/first" '^ *9[0-9]\.[0-9] % +40 +1[0-9.]+ MiB  __main__\.kept\[i\]\.pixels$'
		run "$HEAPSNAP" top --format json -q "$kind" "$target"
		# The C stack may still have the last ones.
		check "numpy, ${kind#-}: the list retains the numbers" /usr/bin/python3 -c '
import json, sys
report, data = json.load(open(sys.argv[1])), int(sys.argv[2])
kept = [row for row in report["python_objects"] if row["path"] == "__main__.kept"]
assert kept and kept[0]["retained"] >= data * 0.9, report["python_objects"][:5]' "$out" "$data"
	done <"$tmp/targets"
	stop_target
else
	skip "numpy" "python3-numpy is not installed"
fi
done_testing
