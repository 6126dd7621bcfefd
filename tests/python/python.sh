# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# Pythons as targets: sourced after tests/tap.sh.
#
#	census_start COMMAND...	starts the census fixture under that Python; sets target_pid, target_out
#	census_judge LABEL ARGUMENTS...	compares heapsnap python with what it printed of itself
#	leaks_judge LABEL COMMAND...	the leaks that people meet, each told in the first ten lines of one command

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

# leaky_build COMPILER...: the extension of the stories `native` and `decref`, which fits every Python, in $tmp/leaky.
leaky_build() {
	mkdir -p "$tmp/leaky" && "$@" -shared -fPIC -O1 -o "$tmp/leaky/leaky.so" "$top_srcdir/fixtures/python/leaky.c"
}

# story_targets: prints the ways to look at the target, one a line: alive, and with $story_cores also as a core.
story_targets() {
	echo "-p $target_pid"
	[ -n "$story_cores" ] || return 0
	gcore -o "$tmp/core" "$target_pid" >"$tmp/gcore.log" 2>&1 && echo "--core $tmp/core.$target_pid"
}

# story_judge LABEL NAME COMMAND REGEX PYTHON...: under that Python the leak NAME is answered by one command of heapsnap, in its first ten lines. COMMAND is
# `python`, `leaks` or `why TYPE`.
story_judge() {
	_label="$1, $2" _name=$2 _command=$3 _regex=$4
	shift 4
	start_target "$@" "$leaks_program" "$_name" "$tmp/leaky" || return
	story_targets >"$tmp/targets"
	while read -r _kind _target; do
		case $_command in
		why\ *) run "$HEAPSNAP" why -q "$_kind" "$_target" "py:${_command#why }" ;;
		*) run "$HEAPSNAP" "$_command" -q "$_kind" "$_target" ;;
		esac
		case $status in
		0) ;;
		1) [ "$_command" = leaks ] || not_ok "$_label: status 1" ;;
		*) not_ok "$_label: status $status" ;;
		esac
		sed -n 1,10p "$out" >"$tmp/first"
		matches "$_label, ${_kind#-}: $_regex" "$tmp/first" "$_regex"
	done <"$tmp/targets"
	stop_target
	rm -f "$tmp"/core.*
}

# leaks_judge LABEL PYTHON...: all of them. The leaky extension is built.
leaks_judge() {
	_title=$1
	shift
	_row='^ *[0-9.]+ %  +[0-9,]+  +[0-9.]+ [KM]*i*B  '
	story_judge "$_title" global_list 'why Event' "$_row"'__main__\.events\[i\]$' "$@"
	story_judge "$_title" class_attribute 'why Event' "$_row"'__main__\.Pool\.connections\[i\]$' "$@"
	story_judge "$_title" queue 'why tuple' "$_row"'__main__\.jobs\.queue\[i\]$' "$@"
	story_judge "$_title" query_log 'why str' "$_row"'__main__\.connections\.storage\.default\.queries_log\[i\]\['"'sql'"'\]$' "$@"
	story_judge "$_title" lru_cache 'why Event' "$_row"'__main__\.lookup\.cache\[key\]$' "$@"
	story_judge "$_title" handlers 'why StreamHandler' "$_row""logging\\.Logger\\.manager\\.loggerDict\\['app'\\]\\.handlers\\[i\\]\$" "$@"
	story_judge "$_title" generator 'why Event' "$_row"'__main__\.pending\[i\](\.gi_frame)? local event$' "$@"
	story_judge "$_title" traceback 'why Event' "$_row"'__main__\.errors\[i\]\.__traceback__\.tb_next\.tb_frame local event$' "$@"
	story_judge "$_title" frame 'why Event' "$_row"'frame\(\) \(leaks\.py:[0-9]+\) local local\[i\]$' "$@"
	# What nothing reaches.
	story_judge "$_title" cycles python '^  unreachable .* of all of it: [0-9,]+ objects, most of __main__\.Cycle, ' "$@"
	story_judge "$_title" finalized python '^  unreachable .* of all of it: [0-9,]+ objects, most of __main__\.Finalized, ' "$@"
	for _name in cycles finalized; do
		start_target "$@" "$leaks_program" "$_name" || continue
		run "$HEAPSNAP" python --format json -q -n 0 -p "$target_pid"
		# The C stack may still have the last ones.
		check "$_title, $_name: nearly all are unreachable, none is lost" /usr/bin/python3 -c '
import json, sys
rows = [row for row in json.load(open(sys.argv[1]))["types"] if row["type"] in ("__main__.Cycle", "__main__.Finalized")]
assert len(rows) == 1 and rows[0]["count"] == 5000 and rows[0]["unreachable"] >= 4900 and rows[0]["lost"] == 0, rows' "$out"
		stop_target
	done
	# An extension's: that forgets references, and that forgets to free.
	story_judge "$_title" decref python '^  unreachable .*; (4,99[0-9]|5,000) are lost, most of __main__\.Event: references to them that nobody holds$' "$@"
	story_judge "$_title" native python '^  native memory owned by C code +[0-9.]+ MiB +[89][0-9]\.[0-9] %' "$@"
	story_judge "$_title" native python '^  unreachable +9\.[0-9]+ MiB +[0-9.]+ %  of all of it: 0 objects, (4,9[0-9]{2}|5,000) chunks besides$' "$@"
	story_cores='' story_judge "$_title" native leaks '^direct +(4,9[0-9]{2}|5,000) .*leaked: nothing points to them$' "$@"
}

# builds_judge LABEL PYTHON...: one with hardly anything in it, and one with several interpreters.
builds_judge() {
	_title=$1
	shift
	start_target "$@" -S -c 'import time; print("ready", flush=True); time.sleep(100000)' || return
	run "$HEAPSNAP" python --format json -q -p "$target_pid"
	is "$_title, with nothing in it: status" "$status" 0
	check "$_title, with nothing in it: exact" /usr/bin/python3 -c '
import json, sys
report = json.load(open(sys.argv[1]))
roles = {row["role"]: row["chunks"] for row in report["roles"]}
assert report["exact"] and roles["object"] > 3000 and roles["unknown"] <= 10, (roles, report["findings"][:5])' "$out"
	stop_target

	start_target "$@" -S "$top_srcdir/fixtures/python/interpreters.py" || return
	run "$HEAPSNAP" python --format json -q -n 0 -p "$target_pid"
	is "$_title, three interpreters: status" "$status" 0
	check "$_title, three interpreters: the objects of each" /usr/bin/python3 -c '
import json, sys
report = json.load(open(sys.argv[1]))
rows = [row for row in report["types"] if row["type"] == "__main__.Event"]
roles = {row["role"]: row["chunks"] for row in report["roles"]}
assert report["exact"] and report["runtimes"][0]["interpreters"] == 3, (report["findings"][:5], report["runtimes"])
assert [row["count"] for row in rows] == [1000] * 3 and not any(row["unreachable"] or row["lost"] for row in rows), rows
assert roles["unknown"] * 1000 <= report["pymalloc"]["used_blocks"], roles' "$out"
	run "$HEAPSNAP" why -q -p "$target_pid" py:Event
	sed -n 1,10p "$out" >"$tmp/first"
	matches "$_title, three interpreters: who holds them" "$tmp/first" '^100\.0 %  +3,000 .*  __main__\.events\[i\]$'
	stop_target
}

# embed_judge LABEL LIBPYTHON COMMAND...: a C program that runs the census in that library.
embed_judge() {
	_title="$1, in a C program" _library=$2
	shift 2
	start_target "$@" "$_library" "$census_program" || return
	census_judge "$_title" -p "$target_pid"
	check "$_title: what is C's" /usr/bin/python3 -c '
import json, sys
report = json.load(open(sys.argv[1]))
assert report["memory"]["c_native_bytes"] >= 500000 and "libpython" in report["runtimes"][0]["module"], (report["memory"], report["runtimes"])' "$tmp/report.json"
	stop_target
}
