#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The host's Python, against what it prints of itself: blocks, objects that the collector tracks, sizes; live and from a core, with
# each of its allocators.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/python/python.sh"
need_ptrace
need /usr/bin/python3

/usr/bin/python3 -c 'import sys; sys.exit(not (3, 8) <= sys.version_info < (3, 15))' ||
	skip_all "the host's Python is none that is read"

census_start /usr/bin/python3 || done_testing
census_judge "live" -p "$target_pid"
cp "$tmp/report.json" "$tmp/live.json"
# Without any debug information.
census_judge "without debug information" --debuginfo-path '' -p "$target_pid"

# Rows of the list are those of the report, and add up.
run "$HEAPSNAP" list --format csv -q -p "$target_pid"
is "list: status" "$status" 0
awk -F, '$3 == "pymalloc"' "$out" | wc -l | tr -d ' ' >"$tmp/got"
/usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["pymalloc"]["used_blocks"])' "$tmp/live.json" >"$tmp/wanted"
is "list has every block" "$(cat "$tmp/got")" "$(cat "$tmp/wanted")"
is "list: 1000 connections" "$(awk -F, '$6 == "__main__.Connection" && $12 == "python"' "$out" | wc -l | tr -d ' ')" 1000
is "list: each is reachable" "$(awk -F, '$6 == "__main__.Connection" && $9 == "reachable"' "$out" | wc -l | tr -d ' ')" 1000

connection=$(awk -F, '$6 == "__main__.Connection" { print $1; exit }' "$out")
run "$HEAPSNAP" why -q -p "$target_pid" "$connection"
sed -n 1,10p "$out" >"$tmp/first"
matches "why of an object: the way by name" "$tmp/first" "^In Python: __main__\\.leak\\['cache'\\]\\[i\\]\$"

# The sums of every report include the blocks.
run "$HEAPSNAP" report --format json -q -p "$target_pid"
check "the sums close" /usr/bin/python3 -c '
import json, sys
heap = json.load(open(sys.argv[1]))["heap"]
assert heap["system_bytes"] == sum(heap[name + "_bytes"] for name in
	("in_use", "internal", "free", "top", "overhead", "foreign", "unwalked")), heap' "$out"
check "the report has Python's types" /usr/bin/python3 -c '
import json, sys
rows = {row["type"]: row for row in json.load(open(sys.argv[1]))["types"]}
assert rows["__main__.Connection"]["count"] == 1000 and rows["__main__.Connection"]["evidence"] == "python", rows["__main__.Connection"]' "$out"
run "$HEAPSNAP" leaks -q -p "$target_pid"
is "leaks: none after a collection" "$status" 0

if command -v gcore >/dev/null; then
	gcore -o "$tmp/core" "$target_pid" >"$tmp/gcore.log" 2>&1
	census_judge "core" --core "$tmp/core.$target_pid"
	check "a core has the same types" /usr/bin/python3 -c '
import json, sys
live, core = (json.load(open(path))["types"] for path in sys.argv[1:])
assert live == core, [pair for pair in zip(live, core) if pair[0] != pair[1]][:5]' "$tmp/live.json" "$tmp/report.json"
else
	skip "core" "gcore is not installed"
fi

# In text, the first lines are the answer.
run "$HEAPSNAP" python -q -p "$target_pid"
sed -n 1,6p "$out" | sed 's/[0-9][0-9.,]* [KM]*i*B/N/; s/  .*//' >"$tmp/got"
matches "the headline" "$out" "^python3.*: .* in use, [0-9,]* Python objects, exact$"
for line in "Python objects" "native memory owned by Python" "native memory owned by C code" unreachable; do
	check "among the first lines: $line" sh -c "sed -n 2,6p '$out' | grep -q '^  $line  '"
done
stop_target

# What is in malloc's chunks, and with 16 bytes before each.
for allocator in malloc debug malloc_debug; do
	PYTHONMALLOC=$allocator
	export PYTHONMALLOC
	start_target /usr/bin/python3 -S "$census_program" || continue
	census_judge "PYTHONMALLOC=$allocator" -p "$target_pid"
	stop_target
done
unset PYTHONMALLOC

# Cycles that wait for the collector, and what hangs off them.
cat >"$tmp/cycles.py" <<'END'
import gc, time

class Node:
    pass

def make():
    for i in range(100):
        left, right = Node(), Node()
        left.other, right.other = right, left
        left.load = "load %d" % i

gc.disable()
make()
print("ready", flush=True)
time.sleep(100000)
END
start_target /usr/bin/python3 -S -E "$tmp/cycles.py" || done_testing
run "$HEAPSNAP" python --format csv -n 0 -q -p "$target_pid"
is "cycles: all nodes are unreachable" "$(awk -F, '$1 == "__main__.Node" { print $2 "," $13 }' "$out")" 200,200
run "$HEAPSNAP" leaks -q -p "$target_pid"
is "cycles: leaks finds them" "$status" 1
stop_target

# What grew, by type; and a snapshot has all that the process had, but references with names.
cat >"$tmp/grows.py" <<'END'
import signal

class Connection:
    def __init__(self, number):
        self.number = number

kept = [Connection(i) for i in range(100)]

def more(*_):
    kept.extend(Connection(i) for i in range(3000))
    print("more", flush=True)

signal.signal(signal.SIGUSR1, more)
print("ready", flush=True)
while True:
    signal.pause()
END
start_target /usr/bin/python3 -S -E "$tmp/grows.py" || done_testing
run "$HEAPSNAP" save -q -p "$target_pid" -o "$tmp/old.hsnap"
is "save: status" "$status" 0
kill -USR1 "$target_pid"
tries=0
while ! grep -q more "$target_out" && [ "$tries" -lt 500 ]; do
	tries=$((tries + 1))
	sleep 0.02
done
run "$HEAPSNAP" save -q -p "$target_pid" -o "$tmp/new.hsnap"
run "$HEAPSNAP" diff --format json "$tmp/old.hsnap" "$tmp/new.hsnap"
is "diff: status" "$status" 0
check "diff: 3000 connections more" /usr/bin/python3 -c '
import json, sys
rows = [row for row in json.load(open(sys.argv[1]))["types"] if row["type"] == "__main__.Connection"]
assert len(rows) == 1 and rows[0]["old_count"] == 100 and rows[0]["new_count"] == 3100 and rows[0]["count_change"] == 3000, rows' "$out"
run "$HEAPSNAP" diff -q "$tmp/old.hsnap" "$tmp/new.hsnap"
matches "diff: a name of the program is who keeps them" "$out" '^In use: .* kept by __main__\.kept\.'
matches "diff: the chunks, too" "$out" '^__main__\.Connection .*  __main__\.kept$'
for format in text csv; do
	run "$HEAPSNAP" python --format $format -q -n 0 -p "$target_pid"
	cp "$out" "$tmp/of_process"
	run "$HEAPSNAP" python --format $format -q -n 0 "$tmp/new.hsnap"
	check "python says the same of a snapshot, as $format" cmp "$tmp/of_process" "$out"
done
run "$HEAPSNAP" list --format csv -q -p "$target_pid"
cut -d, -f1-7,12 "$out" >"$tmp/of_process"
run "$HEAPSNAP" list --format csv -q "$tmp/new.hsnap"
cut -d, -f1-7,12 "$out" >"$tmp/of_file"
check "list says the same of a snapshot" cmp "$tmp/of_process" "$tmp/of_file"
for words in "why --format json py:Connection" "why --format json py:str" "top --format json"; do
	# shellcheck disable=SC2046,SC2086 # command, options and operand
	run "$HEAPSNAP" ${words% py:*} -q -p "$target_pid" $(expr "$words" : '.*\(py:.*\)')
	# What differs by itself: how long it took, and which file it is.
	grep -v -e '_ms"' -e '^    "time"' "$out" >"$tmp/of_process"
	# shellcheck disable=SC2046,SC2086
	run "$HEAPSNAP" ${words% py:*} -q "$tmp/new.hsnap" $(expr "$words" : '.*\(py:.*\)')
	is "$words of a snapshot: status" "$status" 0
	grep -v -e '_ms"' -e '^    "time"' "$out" >"$tmp/of_file"
	check "$words says the same of a snapshot" cmp "$tmp/of_process" "$tmp/of_file"
done
run "$HEAPSNAP" top --format json -q "$tmp/new.hsnap"
check "top: the list of connections, the module that has it, and its type retain them" /usr/bin/python3 -c '
import json, sys
report = json.load(open(sys.argv[1]))
objects = {row["path"]: row for row in report["python_objects"]}
modules = {row["module"]: row["retained"] for row in report["python_modules"]}
types = {row["type"]: row for row in report["python_types"]}
# 3100 objects, each with a number of its own from 257 on.
least = types["__main__.Connection"]["bytes"] + 2743 * 32
assert objects["__main__.kept"]["type"] == "list" and objects["__main__.kept"]["retained"] >= least, objects
assert modules["__main__"] >= objects["__main__.kept"]["retained"] == max(row["retained"] for row in report["python_objects"]), modules
assert types["__main__.Connection"]["count"] == 3100 and least <= types["__main__.Connection"]["retained"] < 2 * least, types["__main__.Connection"]
assert types["list"]["retained"] >= objects["__main__.kept"]["retained"], types["list"]' "$out"
run "$HEAPSNAP" top "$tmp/new.hsnap"
matches "top: who keeps most has a name of the program" "$out" '^  __main__\.kept keeps '
run "$HEAPSNAP" why "$tmp/new.hsnap" py:NoSuchThing
is "an unknown type in a snapshot: status" "$status" 2
stop_target

# Memory of extensions is their objects'.
cat >"$tmp/native.py" <<'END'
import array, sqlite3, time
numbers = [array.array("d", [0]) * 200000 for _ in range(5)]
database = sqlite3.connect(":memory:")
database.execute("create table t (x)")
database.executemany("insert into t values (?)", (("row %d" % i * 20,) for i in range(20000)))
print("ready", flush=True)
time.sleep(100000)
END
start_target /usr/bin/python3 "$tmp/native.py" || done_testing
run "$HEAPSNAP" python --format json -q -n 0 -p "$target_pid"
check "native: arrays have their numbers, a database its pages" /usr/bin/python3 -c '
import json, sys
report = json.load(open(sys.argv[1]))
rows = {row["type"]: row for row in report["types"]}
assert 8e6 <= rows["array.array"]["native_bytes"] < 8.2e6 and rows["array.array"]["native_chunks"] == 5, rows["array.array"]
assert sum(row["native_bytes"] for name, row in rows.items() if name.startswith("sqlite3.")) > 2.5e6, report["types"]
assert report["memory"]["python_native_bytes"] > 10e6, report["memory"]' "$out"
stop_target

# A core whose words are anything: an answer, a refusal, but never a crash nor a search without end.
if command -v gcore >/dev/null; then
	census_start /usr/bin/python3 || done_testing
	gcore -o "$tmp/core" "$target_pid" >"$tmp/gcore.log" 2>&1
	check "damage: every answer is one" /usr/bin/python3 -c '
import os, random, struct, subprocess, sys
heapsnap, core = sys.argv[1:]
whole = open(core, "rb").read()
for seed in range(12):
    dice, damaged = random.Random(seed), bytearray(whole)
    for _ in range((10, 300, 5000, 50000)[seed % 4]):
        at = dice.randrange(65536, len(whole) - 16) & ~7
        other = dice.randrange(65536, len(whole) - 16) & ~7
        word = struct.unpack_from("<Q", whole, at)[0]
        value = (dice.getrandbits(dice.choice((4, 16, 32, 47, 64))), 0, struct.unpack_from("<Q", whole, other)[0],
                 word + dice.choice((8, 16, -16, 64, 4096)) & 2**64 - 1)[dice.randrange(4)]
        struct.pack_into("<Q", damaged, at, value)
    open("damaged", "wb").write(damaged)
    for words in (["python"], ["why", "py:str"]):
        status = subprocess.run([heapsnap, words[0], "--core", "damaged", *words[1:], "-q", "--debuginfo-path", ""],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60).returncode
        assert 0 <= status <= 5, (seed, words, status)' "$HEAPSNAP" "$tmp/core.$target_pid"
	stop_target
else
	skip "damage" "gcore is not installed"
fi

# A program without any Python.
start_target "$fixtures/one_chunk" || done_testing
run "$HEAPSNAP" python -p "$target_pid"
is "no Python: status" "$status" 4
matches "no Python: it says so" "$err" "there is no CPython"
done_testing
