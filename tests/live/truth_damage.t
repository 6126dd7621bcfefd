#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A damaged heap is a finding and no end: heapsnap says where, goes on behind it, and does not call the
# result exact. And a thread that never leaves malloc is not waited for.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/truth/truth.sh"
need_ptrace
need /usr/bin/python3 timeout

# damaged WHAT CHUNKS: up to CHUNKS may be listed wrongly.
damaged() {
	record "$fixtures/corrupted" "$1" || return
	status=0
	timeout 60 "$HEAPSNAP" list --all --format csv --bytes -p "$target_pid" \
		>"$tmp/list.csv" 2>"$tmp/list.err" || status=$?
	is "$1: not exact, but printed" "$status" 5
	check "$1: the rest of the heap is listed" truth_judge --damage "$2"
	diag "$(head -n 4 "$tmp/verdict")"
	# A size is a word before the pointer; a link is at it, two words behind the chunk.
	at=$(sed -n 's/^damaged \(0x[0-9a-f]*\) .*/\1/p' "$target_out")
	near=$(printf '0x%x|0x%x|0x%x' "$at" $((at + 8)) $((at - 16)))
	run timeout 60 "$HEAPSNAP" report -p "$target_pid"
	is "$1: the report is printed too" "$status" 5
	matches "$1: a finding names the place" "$out" "($near)([^0-9a-f]|\$)"
	check "$1: the target is as it was" still_waiting
	stop_target
}

# Not stopped, not traced, waiting in pause: at last, since on a busy machine it may have to wait for a processor to get there.
still_waiting() {
	for still_try in $(seq 100); do
		[ "$(sed -n 's/^TracerPid:[[:space:]]*//p' "/proc/$target_pid/status")" = 0 ] &&
			sed -n 's/^State:[[:space:]]*//p' "/proc/$target_pid/status" | grep -q '^S' && return 0
		sleep 0.1
	done
	return 1
}

# A size concerns its chunk and the one before, whose end it is; a link, what hangs behind it.
damaged size 3
damaged huge 3
damaged zero 3
damaged bin 8
damaged cycle 8
damaged tcache 8
damaged top 3

if record "$fixtures/stuck_in_malloc"; then
	status=0
	timeout 60 "$HEAPSNAP" list --all --format csv --bytes -p "$target_pid" \
		>"$tmp/list.csv" 2>"$tmp/list.err" || status=$?
	is "a thread that stays below malloc: not exact, but printed" "$status" 5
	check "a thread that stays below malloc: the target is as it was" still_waiting
	own=$(sed -n 's/^\(0x[0-9a-f]*\) .*/\1/p' "$target_out")
	check "a thread that stays below malloc: the main arena is listed" \
		grep -q "^$own,.*,in-use," "$tmp/list.csv"
	stop_target
fi
done_testing
