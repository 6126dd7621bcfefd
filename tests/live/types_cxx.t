#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The type of every chunk of a C++ program (and, where there is a compiler, of a Rust one): classes, arrays, what containers allocate, what is erased.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace
command -v python3 >/dev/null || skip_all "python3 is not installed"

# judge TRUTH LIST: how many are right; the others are shown. Compilers write the same name in different ways.
cat >judge.py <<'END'
import csv, os, re, subprocess, sys

def prepared(text):
    text = re.sub(r"^cookie ", "", text)
    text = re.sub(r"\[\d*\]$", "[]", text)
    # An enumerator and its value; the base of nodes and the nodes; a function and what is in it.
    text = re.sub(r"\(__gnu_cxx::_Lock_policy\)2|__gnu_cxx::_S_atomic", "2", text)
    text = re.sub(r"_Hash_node(_base|<.*>) ?\*\[\]", "_Hash_node*[]", text)
    return text.replace("classes()::", "")

def keys(names):
    driver = os.environ["top_builddir"] + "/tests/live/types_driver"
    text = "".join(prepared(name) + "\n" for name in names)
    return subprocess.run([driver, "-k"], input=text, capture_output=True, text=True, check=True).stdout.split("\n")

rows = {int(row["address"], 16): row for row in csv.DictReader(open(sys.argv[2]))}
truth = []
for line in open(sys.argv[1]):
    if line.startswith("type "):
        _, address, name = line.rstrip("\n").split(" ", 2)
        truth.append((name, rows.get(int(address, 16), {"type": "", "confidence": "", "evidence": ""})))
right = wrong = unknown = 0
for (name, row), said, found in zip(truth, keys(one[0] for one in truth), keys(one[1]["type"] for one in truth)):
    if said == found:
        right += 1
    elif row["confidence"]:
        wrong += 1
        print("wrong:", name, "is called", row["type"], row["confidence"], row["evidence"])
    else:
        unknown += 1
        print("unknown:", name, "is called", row["type"])
print("right", right, "wrong", wrong, "unknown", unknown)
sys.exit(wrong > 0 or unknown > 0 or right < 5)
END

judged() {
	"$HEAPSNAP" list --format csv -p "$target_pid" </dev/null >list.csv && python3 judge.py "$target_out" list.csv
}

for compile in "g++ -O0 -g" "g++ -O2 -g -gdwarf-4" "clang++ -O2 -g"; do
	if ! command -v "${compile%% *}" >cc.err; then
		skip "$compile: types" "${compile%% *} is not there"
		continue
	fi
	# shellcheck disable=SC2086 # several words
	if ! $compile -std=c++17 -o types "$top_srcdir/fixtures/programs/types_cxx.cc" -pthread 2>cc.err; then
		not_ok "$compile: the fixture compiles"
		diag_file cc.err
		continue
	fi
	start_target ./types || continue
	check "$compile: types" judged
	stop_target
done

if ! command -v rustc >cc.err || ! rustc -g -o types_rust "$top_srcdir/fixtures/programs/types_rust.rs" 2>cc.err; then
	skip "rustc -g: types" "there is no rustc that compiles the fixture"
else
	start_target ./types_rust && {
		check "rustc -g: types" judged
		stop_target
	}
fi
done_testing
