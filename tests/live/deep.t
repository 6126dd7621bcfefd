#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Graphs without end: a list of five million nodes, linked by their first words, and a million pointers to one chunk, looked at with
# a stack of 256 KiB, so that nothing can go down the list by calling itself.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace

nodes=5000000 references=1000000
# The nodes take 320 MB, and so does their copy; in a build with sanitizers several times as much.
awk '$1 == "MemAvailable:" { exit !($2 < 4000000) }' /proc/meminfo && skip_all "less than 4 GB of memory are free"
if grep -q __asan_init "$HEAPSNAP"; then
	nodes=200000 references=50000
fi

start_target "$fixtures/torture" --list "$nodes" --references "$references" --quiet || done_testing

# small COMMAND...: run, with little stack.
small() {
	out=$tmp/out err=$tmp/err status=0
	# shellcheck disable=SC3045 # every shell has it
	(ulimit -s 256 && exec "$@") >"$out" 2>"$err" || status=$?
}

# truth KINDS: how many chunks the program printed that are of these kinds (those with options are direct without).
truth() {
	awk -v kinds="$1" 'NF == 5 && $3 == "in-use" && (" " kinds " ") ~ (" " $4 " ")' "$target_out" | wc -l | tr -d ' '
}

small "$HEAPSNAP" leaks -q --format json -p "$target_pid"
is "leaks: status" "$status" 1
for kind in direct indirect possible; do
	kinds=$kind
	[ "$kind" = direct ] && kinds="direct top-byte packed"
	is "what is $kind is what the program says" \
		"$(sed -n "s/.*\"reach\": \"$kind\", \"count\": \([0-9]*\).*/\1/p" "$out")" "$(truth "$kinds")"
done
reachable=$(sed -n 's/.*"reach": "reachable", "count": \([0-9]*\).*/\1/p' "$out")
check "the list is reachable" [ "$reachable" -gt "$nodes" ]
edges=$(sed -n 's/.*"edges": \([0-9]*\).*/\1/p' "$out")
check "every pointer is an edge" [ "$edges" -gt $((nodes + references)) ]

small "$HEAPSNAP" top -q --format csv -p "$target_pid"
is "top: status" "$status" 0
is "the head keeps all nodes" \
	"$(awk -F, '$2 == "variable" && /held_list/ { print $3, $5 }' "$out")" "$((nodes * 56)) $nodes"
one=$(awk '$5 == "referenced" { print $1 }' "$target_out")
small "$HEAPSNAP" why -q "$target_pid" "$one"
is "why the chunk that many point to: status" "$status" 0
matches "it is held by the table" "$out" '^held_references'

tail=$(awk '$1 == "long-list-tail" { print $2 }' "$target_out")
small "$HEAPSNAP" why -q "$target_pid" "$tail"
is "why the last node: status" "$status" 0
matches "from the head" "$out" '^held_list'
matches "by way of all the others" "$out" "$(echo $((nodes - 24)) | sed 's/...$/,&/; s/\(.\)\(...,\)/\1,\2/')"
matches "to it" "$out" "$tail"
small "$HEAPSNAP" why -q "$target_pid" 56
is "why all of one size: status" "$status" 0
matches "each other, and the head" "$out" "held_list"
small "$HEAPSNAP" show -q "$target_pid" "$tail"
is "show the last node: status" "$status" 0
stop_target

# What a chunk is may depend on what the next one is, and so on.
chained=$((nodes / 10))
start_target "$fixtures/types_chain" "$chained" || done_testing
small "$HEAPSNAP" report -q --format json -p "$target_pid"
is "types along a chain: status" "$status" 0
check "all of it is in the report" [ "$(sed -n 's/^.*"in_use_chunks": \([0-9]*\).*/\1/p' "$out")" -ge "$chained" ]
done_testing
