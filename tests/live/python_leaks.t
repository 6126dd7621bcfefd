#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The leaks that people meet in Python programs (fixtures/python/leaks.py), on the host's Python: one command names who holds them.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/python/python.sh"
need_ptrace
need /usr/bin/python3
/usr/bin/python3 -c 'import sys; sys.exit(not (3, 8) <= sys.version_info < (3, 15))' ||
	skip_all "the host's Python is none that is read"

leaky_build "${CC:-cc}" || skip_all "the extension that leaks cannot be built"
leaks_judge "host" /usr/bin/python3

# Of an extension that forgets a reference its objects are lost, and the ones that hang off them are not.
start_target /usr/bin/python3 "$leaks_program" decref "$tmp/leaky" || done_testing
run "$HEAPSNAP" python --format csv -q -n 0 -p "$target_pid"
is "decref: the events, and nothing else" "$(awk -F, 'NR > 1 && $14 > 0 { print $1 "," $14 }' "$out")" __main__.Event,5000
stop_target

# Of one that forgets to free it is memory of C that is lost.
start_target /usr/bin/python3 "$leaks_program" native "$tmp/leaky" || done_testing
run "$HEAPSNAP" python --format json -q -p "$target_pid"
check "native: C code owns it, and lost it" /usr/bin/python3 -c '
import json, sys
memory = json.load(open(sys.argv[1]))["memory"]
assert memory["c_native_bytes"] > 9e6 and memory["unreachable_bytes"] > 9e6, memory
assert memory["c_native_bytes"] > memory["in_use_bytes"] * 0.7 and memory["unreachable_objects"] == 0, memory' "$out"
run "$HEAPSNAP" python -p "$target_pid"
matches "native: what to ask next" "$out" "^  heapsnap leaks -p $target_pid$"
stop_target

# What a library keeps in a list of its own is C code's, though objects lead there; what they alone lead to is theirs.
start_target /usr/bin/python3 "$leaks_program" shared "$tmp/leaky" || done_testing
run "$HEAPSNAP" python --format json -q -n 0 -p "$target_pid"
check "shared: objects own what they alone lead to" /usr/bin/python3 -c '
import json, sys
report = json.load(open(sys.argv[1]))
row, memory = next(row for row in report["types"] if row["type"] == "PyCapsule"), report["memory"]
assert row["native_chunks"] == 100 and 1000000 <= row["native_bytes"] < 1010000, row
assert memory["c_native_bytes"] > 3000000 and memory["unreachable_bytes"] < 100000, memory' "$out"
stop_target

# The pattern of what refers to objects, level by level.
start_target /usr/bin/python3 "$leaks_program" class_attribute || done_testing
run "$HEAPSNAP" why -q -p "$target_pid" __main__.Event
matches "referrers by type: the objects" "$out" '^ *5,000 .* __main__\.Event'
check "referrers by type: a list, and what that hangs from, each one level deeper" awk '
	/ table of list/ && !list { list = match($0, /table of list/) }
	list && / list/ && !/table/ && match($0, / list/) > list { deeper = 1 }
	END { exit !deeper }' "$out"
stop_target

# Names that are none.
start_target /usr/bin/python3 "$leaks_program" global_list || done_testing
run "$HEAPSNAP" why -p "$target_pid" py:NoSuchThing
is "an unknown type: status" "$status" 2
matches "an unknown type: it says so" "$err" 'no Python object has a type called "NoSuchThing"'
run "$HEAPSNAP" why --format json -q -p "$target_pid" py:__main__.Event
check "as JSON" /usr/bin/python3 -c '
import json, sys
answer = json.load(open(sys.argv[1]))
assert answer["type"] == "__main__.Event" and answer["objects"] == 5000 and answer["references"] == 5000, answer
assert answer["paths"][0]["path"] == "__main__.events[i]" and answer["paths"][0]["share"] == 1, answer["paths"]
assert answer["vias"][0]["via"] == "list[i]" and answer["vias"][0]["references"] == 5000, answer["vias"]' "$out"
done_testing
