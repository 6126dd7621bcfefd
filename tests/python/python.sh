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

leaks_program=$top_srcdir/fixtures/python/leaks.py

# leak_judge LABEL NAME TYPE WAY COMMAND...: under that Python, the leak NAME is told by its shortest way (a regular expression), which
# most objects of TYPE have.
leak_judge() {
	_label="$1, $2" _name=$2 _type=$3 _way=$4
	shift 4
	start_target "$@" "$leaks_program" "$_name" || return
	run "$HEAPSNAP" why -q -p "$target_pid" "py:$_type"
	is "$_label: status" "$status" 0
	# The first line of the table is the fourth.
	sed -n 4p "$out" >"$tmp/way"
	matches "$_label: $_way" "$tmp/way" "^ *[0-9.]+ %  +[0-9,]+  +[0-9.]+ [KM]*i*B  $_way\$"
	stop_target
}

# leaks_judge LABEL COMMAND...: all of them.
leaks_judge() {
	_label=$1
	shift
	_title=$_label
	leak_judge "$_title" global_list Event '__main__\.events\[i\]' "$@"
	leak_judge "$_title" class_attribute Event '__main__\.Pool\.connections\[i\]' "$@"
	leak_judge "$_title" query_log str "__main__\\.connections\\.storage\\.default\\.queries_log\\[i\\]\\['sql'\\]" "$@"
	leak_judge "$_title" lru_cache Event '__main__\.lookup\.cache\[key\]' "$@"
	leak_judge "$_title" generator Event '__main__\.pending\[i\](\.gi_frame)? local event' "$@"
	leak_judge "$_title" traceback Event '__main__\.errors\[i\]\.__traceback__\.tb_next\.tb_frame local event' "$@"
	leak_judge "$_title" frame Event 'frame\(\) \(leaks\.py:[0-9]+\) local local\[i\]' "$@"

	# What nothing reaches.
	for _name in cycles finalized; do
		start_target "$@" "$leaks_program" "$_name" || continue
		run "$HEAPSNAP" python --format json -q -n 0 -p "$target_pid"
		check "$_title, $_name: nearly all are unreachable, none is lost" /usr/bin/python3 -c '
import json, sys
rows = [row for row in json.load(open(sys.argv[1]))["types"] if row["type"] in ("__main__.Cycle", "__main__.Finalized")]
assert len(rows) == 1 and rows[0]["count"] == 5000 and rows[0]["unreachable"] > 4900 and rows[0]["lost"] == 0, rows' "$out"
		stop_target
	done
}
