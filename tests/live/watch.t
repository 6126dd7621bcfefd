#!/bin/sh
# SPDX-License-Identifier: MIT
# watch.t: snapshots one after the other: what grew from one to the next, how it grew in all; whatever
# ends the watch, the end is told.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace
need timeout python3

# begin_watch OUT ARGUMENT...: a watch in the background.
begin_watch() {
	watched=$1
	shift
	timeout -k 5 100 "$HEAPSNAP" watch "$@" >"$watched" 2>"$watched.err" </dev/null &
	watch_pid=$!
	_tap_targets="$_tap_targets $watch_pid"
}
# until_shows FILE REGEX: waits for a line.
until_shows() {
	tries=0
	until grep -Eq -e "$2" "$1"; do
		tries=$((tries + 1))
		if [ $tries -gt 3000 ]; then
			not_ok "it shows: $2"
			diag_file "$1"
			done_testing
		fi
		sleep 0.02
	done
}
# end_watch: waits for it; its status in $status.
end_watch() {
	status=0
	wait "$watch_pid" || status=$?
}

# ---- a program that does as it is told ---------------------------------------------------------

start_target "$fixtures/grows" || done_testing
begin_watch text "$target_pid" --interval 0.4
until_shows text '^nothing grew$'
matches "it says what it watches" text "^grows, pid $target_pid, every 0\.4 s$"
kill -USR1 "$target_pid"
until_shows text '^ +1,000 +30 +\+30 +29\.3 KiB +\+29\.3 KiB +\+29\.3 KiB$'
ok "a round shows what grew"
matches "the line of the round has the sum" text '^20.*Z  1\.05 MiB in 176 chunks \(\+1\.05 MiB, \+121\); pause '
kill -USR1 "$target_pid"
until_shows text '^ +200 +200 +\+100 +39\.1 KiB +\+19\.5 KiB +\+39\.1 KiB$'
ok "and what grew again"
stop_target
end_watch
is "status when the process ends" "$status" 0
is "nothing on stderr" "$(cat text.err)" ""
matches "the end of the process is told" text '^The process has ended\. [0-9]+ snapshots in [0-9]+ s\.$'
matches "the whole, row by row" text '^ +1,000 +30 +\+30 +29\.3 KiB +\+29\.3 KiB +once '
check_not "it fits 80 columns" grep -E '^[^2].{80}' text

# ---- a server that leaks -----------------------------------------------------------------------

start_target "$fixtures/leaky_server" --seconds 100 || done_testing
run timeout 60 "$HEAPSNAP" watch -p "$target_pid" --interval 0.7 --count 5 -o kept --keep 2
is "status after --count" "$status" 0
matches "--count ends it" "$out" '^5 snapshots in [0-9]+ s\.$'
tr '\n' ' ' <"$out" >words
matches "what leaks is told" words 'Leaks (steadily|under some activity only): \+[0-9.]+ KiB\.'
matches "and so is what is held for ever" words \
	'Held and growing, steadily: session_cache\.buckets \([a-z_.:0-9]*, leaky_server\) \(\+.*\)\. It is reachable and never shrinks'
matches "the sentence has who keeps it" words 'more chunks, \+.* kept by session_cache\.buckets .* and \+.* leaked\. .* more struct session, with .* and [0-9]+ more \(HTTP\) \(\+[0-9.]+ KiB, leaked\)'
is "--keep leaves so many" "$(ls kept | wc -l)" 2
check "they are the last" sh -c 'ls kept | grep -c -- "-000[45].hsnap$" | grep -qx 2'
is "the directory is private" "$(stat -c %a kept)" 700
run timeout 60 "$HEAPSNAP" diff kept/*
is "what was kept can be compared" "$status" 0
run timeout 60 "$HEAPSNAP" watch "$target_pid" --interval 0.3 --count 4 --format json
check "JSON of a watch" python3 -c '
import json, sys
watch = json.load(open(sys.argv[1]))
assert watch["schema"] == "heapsnap/1" and watch["command"] == "watch" and watch["ended"] == "complete", watch
assert [row["round"] for row in watch["rounds"]] == [1, 2, 3, 4]
grown = watch["rounds"][3]["in_use_bytes"] - watch["rounds"][0]["in_use_bytes"]
assert sum(row["bytes_change"] for row in watch["sizes"]) == grown
assert all(row["bytes_change"] > 0 and row["round"] > 1 for row in watch["growth"])
last = {}
for row in watch["growth"]:
    assert row["size"] is None, row
    last[row["type"]] = row["bytes_change_in_all"]
assert "struct session" in last, last
assert all(row["bytes_change"] == last.get(row["type"], 0) for row in watch["chunk_types"] if row["bytes_change"] > 0)' "$out"
check "every field of it is in the manual" "$top_srcdir/tests/live/fields_in_manual" "$out"
run timeout 60 "$HEAPSNAP" watch "$target_pid" --interval 0.2 --for 0.5 --format csv
is "the header of CSV" "$(head -n 1 "$out")" round,time,size,count,count_change,bytes,bytes_change,bytes_change_in_all,type
run timeout 60 "$HEAPSNAP" watch "$target_pid" --interval 0.3 --count 3 --no-types --format json
check "without types it is by size" python3 -c '
import json, sys
watch = json.load(open(sys.argv[1]))
last = {}
for row in watch["growth"]:
    assert row["type"] is None, row
    last[row["size"]] = row["bytes_change_in_all"]
assert last and all(row["bytes_change"] == last.get(row["min_size"], 0) for row in watch["sizes"] if row["bytes_change"] > 0)' "$out"
run timeout 60 "$HEAPSNAP" watch "$target_pid" --interval 0.2 --count 3 --max-pause 0.01
is "status when no stop is short enough" "$status" 0
is "each is left out" "$(grep -c '  no snapshot: the stop would take about [0-9.]* ms, more than 0\.01 ms$' "$out")" 3
matches "and that is told in the end" "$out" '^0 snapshots in [0-9]+ s, 3 left out\.$'
run timeout 60 "$HEAPSNAP" watch "$target_pid" --interval 0.2 --count 2 --max-pause 60000
check_not "a budget that is large enough leaves nothing out" grep -q 'no snapshot' "$out"

# What is left open when somebody has seen enough.
for signal in INT TERM HUP; do
	begin_watch "end.$signal" "$target_pid" --interval 0.3
	until_shows "end.$signal" '\(\+'
	# timeout passes signals on, and would then say 124.
	kill -$signal "$(ps -o pid= --ppid "$watch_pid" 2>/dev/null || pgrep -P "$watch_pid")"
	end_watch
	is "status after SIG$signal" "$status" 0
	matches "SIG$signal: the end is told" "end.$signal" '^[0-9]+ snapshots in [0-9]+ s\.$'
done
check "the server runs on" kill -0 "$target_pid"
check "nobody traces it" grep -q '^TracerPid:[[:space:]]*0$' "/proc/$target_pid/status"
check "a reader that goes away ends it" sh -c '
	timeout 60 "$HEAPSNAP" watch "$1" --interval 0.1 2>stderr | head -n 3 >/dev/null; [ ! -s stderr ]' - "$target_pid"

# A directory that cannot be written to is told each time; the watch goes on.
: >kept/file
run timeout 60 "$HEAPSNAP" watch "$target_pid" --interval 0.2 --count 2 -o kept/file
is "status of a file in place of the directory" "$status" 2
matches "it is told" "$err" 'kept/file is no directory'
stop_target

# ---- a process that becomes another ------------------------------------------------------------

mkfifo gate
start_target sh -c 'echo ready; read line <gate; exec sleep 60'
begin_watch replaced "$target_pid" --interval 0.3
until_shows replaced '^nothing grew$'
echo go >gate
end_watch
is "status when the process becomes another program" "$status" 0
matches "it is told" replaced '^The process has become another program\.'
stop_target

# ---- mistakes ----------------------------------------------------------------------------------

says() {
	wanted=$1 regex=$2
	shift 2
	run timeout 60 "$HEAPSNAP" watch "$@"
	is "status of: watch $(echo "$*" | sed "s/$target_pid/PID/")" "$status" "$wanted"
	matches "message of: watch $(echo "$*" | sed "s/$target_pid/PID/")" "$err" "$regex"
}
says 3 'process [0-9]+ cannot be followed: No such process' "$target_pid"
says 2 'watch is for running processes' "$(ls kept/*.hsnap | head -n 1)"
says 2 'no target'
says 2 '--keep is about the snapshots in a directory' "$$" --keep 3
says 3 'cannot make no/such/folder' "$$" -o no/such/folder
for bad in 0 -1 x 5x '' 1e3 0x5 nan '5 m'; do
	says 2 '--interval takes a time such as 30, 5m or 1.5h' --interval "$bad" 1
done
says 2 '--count takes a number from 1 on' --count 0 1
says 2 '--max-pause takes milliseconds' --max-pause fast 1
says 2 'watch does not take --core' --core x
done_testing
