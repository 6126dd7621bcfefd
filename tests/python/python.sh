# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# Pythons as targets: sourced after tests/tap.sh.
#
#	census_start COMMAND...	starts the census fixture under that Python; sets target_pid, target_out
#	census_judge LABEL ARGUMENTS...	compares heapsnap python with what it printed of itself

census_program=$top_srcdir/fixtures/python/census.py

census_start() {
	start_target "$@" -S -E "$census_program"
}

census_judge() {
	_label=$1
	shift
	run "$HEAPSNAP" python --format json -n 0 "$@"
	is "$_label: status" "$status" 0
	[ "$status" -eq 0 ] || { diag_file "$err"; return; }
	cp "$out" "$tmp/report.json"
	/usr/bin/python3 "$top_srcdir/tests/python/census" "$target_out" "$target_out.err" "$tmp/report.json" >"$tmp/judged" 2>&1 ||
		not_ok "$_label: the census can be judged"
	while IFS= read -r _line; do
		case $_line in
		"ok "*) ok "$_label: ${_line#ok }" ;;
		"not ok "*) not_ok "$_label: ${_line#not ok }" ;;
		*) diag "$_line" ;;
		esac
	done <"$tmp/judged"
}
