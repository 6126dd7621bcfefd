#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The Pythons of every suite against what can be known from inside: every object that gc.get_referents() leads to, numbers of objects that were made between
# two snapshots, and a hundred stops of a program that never rests.
#
#	MATRIX_SUITES	bullseye 3.9, bookworm 3.11, trixie 3.13, sid 3.14
#	PYTHON_STOPS	stops of each (100)
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/suites/suites.sh"
need_ptrace
need /usr/bin/python3
: "${MATRIX_SUITES:=bullseye bookworm trixie sid}" "${PYTHON_STOPS:=100}"
# shellcheck disable=SC2086
need_suites $MATRIX_SUITES
# shellcheck disable=SC2086
need_suites --python $MATRIX_SUITES

# closure_judge LABEL PYTHON...
closure_judge() {
	_label=$1
	shift
	start_target "$@" -S -E "$top_srcdir/fixtures/python/closure.py" "$tmp/inside" || return
	run "$HEAPSNAP" list --format csv -q -p "$target_pid"
	check "$_label: all objects that can be found from inside" "$top_srcdir/tests/python/closure" "$tmp/inside" "$out"
	diag "$_label: $(head -n 1 "$tmp/.check")"
	if command -v gcore >/dev/null; then
		gcore -o "$tmp/core" "$target_pid" >"$tmp/gcore.log" 2>&1
		run "$HEAPSNAP" list --format csv -q --core "$tmp/core.$target_pid"
		check "$_label, core: all objects that can be found from inside" "$top_srcdir/tests/python/closure" "$tmp/inside" "$out"
		rm -f "$tmp/core.$target_pid"
	fi
	stop_target
}

# deltas_judge LABEL PYTHON...
deltas_judge() {
	_label=$1
	shift
	start_target "$@" -S -E "$top_srcdir/fixtures/python/deltas.py" || return
	run "$HEAPSNAP" save -q -p "$target_pid" -o "$tmp/old.hsnap"
	kill -USR1 "$target_pid"
	_tries=0
	while ! grep -q '^more' "$target_out" && [ "$_tries" -lt 500 ]; do
		_tries=$((_tries + 1))
		sleep 0.02
	done
	run "$HEAPSNAP" save -q -p "$target_pid" -o "$tmp/new.hsnap"
	run "$HEAPSNAP" diff --format json -q -n 0 "$tmp/old.hsnap" "$tmp/new.hsnap"
	check "$_label: what was made between two snapshots, to the object" "$top_srcdir/tests/python/deltas" "$target_out" "$out"
	diag "$_label: $(head -n 1 "$tmp/.check")"
	rm -f "$tmp/old.hsnap" "$tmp/new.hsnap"
	stop_target
}

# stops_judge LABEL PYTHON...: each stop gives an answer; what is not exact says why, and is rare.
stops_judge() {
	_label=$1
	shift
	start_target "$@" -S -E "$top_srcdir/fixtures/python/restless.py" || return
	_stop=0 _exact=0 _odd=0 _collecting=0 _moving=0
	while [ "$_stop" -lt "$PYTHON_STOPS" ]; do
		_stop=$((_stop + 1))
		run "$HEAPSNAP" python --format json -q -n 0 -p "$target_pid"
		grep -q '"exact": true' "$out" && _exact=$((_exact + 1))
		grep -q '"collecting": true' "$out" && _collecting=$((_collecting + 1))
		grep -q '"in_motion": 1' "$out" && _moving=$((_moving + 1))
		# Nodes come in pairs; whoever stops in the middle of a pair sees one.
		/usr/bin/python3 -c '
import json, sys
report = json.load(open(sys.argv[1]))
roles = {row["role"]: row["chunks"] for row in report["roles"]}
assert roles["object"] > 3000 and roles["unknown"] * 100 < report["pymalloc"]["used_blocks"], roles
assert report["types"] and report["pymalloc"]["in_motion"] <= 2, report["pymalloc"]' "$out" >"$tmp/.stop" 2>&1 || {
			_odd=$((_odd + 1))
			diag_file "$tmp/.stop"
		}
		kill -0 "$target_pid" 2>/dev/null || break
	done
	diag "$_label: $_stop stops: $_exact exact, $_collecting while it collected, $_moving with a block on its way, $_odd odd"
	is "$_label: it runs on after $PYTHON_STOPS stops" "$_stop" "$PYTHON_STOPS"
	is "$_label: every stop gives an answer that makes sense" "$_odd" 0
	check "$_label: nearly all are exact ($_exact)" [ "$_exact" -ge $((PYTHON_STOPS * 95 / 100)) ]
	stop_target
}

for suite in $MATRIX_SUITES; do
	suite_use "$suite"
	suite_use_python
	label="$suite, Python $suite_python_version"
	# shellcheck disable=SC2086
	closure_judge "$label" $suite_python
	# shellcheck disable=SC2086
	deltas_judge "$label" $suite_python
	# shellcheck disable=SC2086
	stops_judge "$label" $suite_python
done
done_testing
