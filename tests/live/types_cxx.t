#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The type of every chunk of a C++ program (and, where there is a compiler, of a Rust one): classes, arrays, what containers allocate, what is erased.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace
command -v python3 >/dev/null || skip_all "python3 is not installed"

# judge TRUTH LIST: how many are right; the others are shown. Compilers write the same name in different ways.
cat >judge.py <<'END'
import csv, re, sys

def same(text):
    text = re.sub(r"\b(struct|class|const|cookie)\b ?", "", text)
    text = re.sub(r"\[\d*\]$", "[]", text)
    text = text.replace("long int", "long").replace("long unsigned int", "unsigned long")
    # An enumerator and its value; the base of nodes and the nodes; a function and what is in it.
    text = re.sub(r"\(__gnu_cxx::_Lock_policy\)2|__gnu_cxx::_S_atomic", "2", text)
    text = re.sub(r"_Hash_node(_base|<.*>) ?\*\[\]", "_Hash_node*[]", text)
    text = text.replace("classes()::", "")
    return text.replace(" ", "")

rows = {int(row["address"], 16): row for row in csv.DictReader(open(sys.argv[2]))}
right = wrong = unknown = 0
for line in open(sys.argv[1]):
    if not line.startswith("type "):
        continue
    _, address, truth = line.rstrip("\n").split(" ", 2)
    row = rows.get(int(address, 16), {"type": "", "confidence": ""})
    if same(row["type"]) == same(truth):
        right += 1
    elif row["confidence"]:
        wrong += 1
        print("wrong:", truth, "is called", row["type"], row["confidence"], row["evidence"])
    else:
        unknown += 1
        print("unknown:", truth, "is called", row["type"])
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
