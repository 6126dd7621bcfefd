#!/bin/sh
# SPDX-License-Identifier: MIT
# diff.t: a program that makes and frees what it says; a diff finds exactly that, from files, cores and
# the process, in two snapshots and in more; conditions fail when they should.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace
need timeout python3

start_target "$fixtures/grows" || done_testing

# next_step: has the program do its next step.
number=0
next_step() {
	number=$((number + 1))
	kill -USR1 "$target_pid"
	tries=0
	until grep -q "^step $number$" "$target_out"; do
		tries=$((tries + 1))
		if [ $tries -gt 3000 ]; then
			not_ok "the program does step $number"
			done_testing
		fi
		sleep 0.02
	done
}
save() {
	run timeout 60 "$HEAPSNAP" save -p "$target_pid" -o "$1"
	is "status of save to $1" "$status" 0
}
save 0.hsnap
next_step
save 1.hsnap
next_step
save 2.hsnap

cat >rows.py <<'END'
# rows.py FILE SIZE:COUNT_CHANGE:MADE:FREED...: these are all the sizes that changed.
import json, sys
diff = json.load(open(sys.argv[1]))
expected = {}
for word in sys.argv[2:]:
    size, change, made, freed = word.split(":")
    expected[int(size)] = (int(change), int(made), int(freed))
got = {row["min_size"]: (row["count_change"], row["made"], row["freed"])
       for row in diff["sizes"] if row["count_change"] or row["made"] or row["freed"]}
for row in diff["sizes"]:
    assert row["min_size"] == row["max_size"] and row["sizes"] == 1, row
    assert row["bytes_change"] == row["count_change"] * row["min_size"], row
    assert row["new_count"] == row["made"] + row["surviving"] and row["old_count"] == row["freed"] + row["surviving"], row
total = diff["sizes_total"]
for key in ("old_count", "new_count", "count_change", "old_bytes", "new_bytes", "bytes_change", "made", "freed", "surviving"):
    assert total[key] == sum(row[key] for row in diff["sizes"]), key
assert total["new_bytes"] == diff["snapshots"][-1]["in_use_bytes"]
if got != expected:
    print("got", got, "expected", expected)
    sys.exit(1)
END

# finds DESCRIPTION OLD NEW ROW...: these rows and no others.
finds() {
	what=$1 old=$2 new=$3
	shift 3
	run timeout 60 "$HEAPSNAP" diff "$old" "$new" --format json
	is "$what: status" "$status" 0
	check "$what: exactly that" python3 rows.py "$out" "$@"
}

# malloc rounds up: 24, 40, 56 … bytes can be used; of a mapping, all of its pages but 16 bytes.
mapping=$((1048576 + 4096 - 16))
finds "step 1" 0.hsnap 1.hsnap 200:100:100:0 1000:30:30:0 $mapping:1:1:0 56:-10:0:10
finds "step 2" 1.hsnap 2.hsnap 200:100:100:0
finds "both" 0.hsnap 2.hsnap 200:200:200:0 1000:30:30:0 $mapping:1:1:0 56:-10:0:10
finds "a file and itself" 1.hsnap 1.hsnap
finds "a file and the process" 1.hsnap "$target_pid" 200:100:100:0
if command -v gcore >/dev/null && gcore -o core "$target_pid" >/dev/null 2>&1; then
	finds "a file and a core" 0.hsnap "core.$target_pid" 200:200:200:0 1000:30:30:0 $mapping:1:1:0 56:-10:0:10
	check "a core is told to seem the same run" grep -q '"relation": "same-addresses"' "$out"
else
	skip "a file and a core" "gcore cannot dump here"
fi
next_step
finds "step 3" 2.hsnap "$target_pid" 200:-200:0:200

# ---- what people read --------------------------------------------------------------------------

run timeout 60 "$HEAPSNAP" diff 0.hsnap 1.hsnap
is "status of a diff as text" "$status" 0
tr '\n' ' ' <"$out" >words
matches "the first sentence names the culprit" words \
	'^In use: \+1\.05 MiB, 121 more chunks, nearly all leaked\. 1 more of 1,052,656 bytes \(\+1\.00 MiB\) is 9[0-9] % of the growth\.'
matches "it is one run" words ' s apart, in one run \(pid and start time are the same\)\.'
matches "what survived is told" words '131 chunks are new, 10 were freed, [0-9,]+ survived \(one that was freed'
check_not "it fits 80 columns" grep -E '.{81}' "$out"
matches "who keeps it is told" "$out" '^few \(grows\) +30 +\+30 +29\.3 KiB +\+29\.3 KiB$'
matches "and what leaked" "$out" '^Leaked meanwhile: 1 of the new ones \(1\.00 MiB\)\.$'
run timeout 60 "$HEAPSNAP" diff 0.hsnap 1.hsnap --format json
check "owners add up" python3 -c '
import json, sys
diff = json.load(open(sys.argv[1]))
assert sum(row["new_bytes"] for row in diff["owners"]) == diff["snapshots"][-1]["in_use_bytes"]
assert sum(row["count_change"] for row in diff["owners"]) == diff["sizes_total"]["count_change"]
assert diff["leaked"]["new_count"] == 1 and diff["leaked"]["since_count"] == 0, diff["leaked"]
changes = {row["owner"]: row["count_change"] for row in diff["owners"] if row["count_change"]}
assert changes == {"few (grows)": 30, "many (grows)": 100, "old (grows)": -10, "nothing (leaked)": 1}, changes' "$out"
check "every field of it is in the manual" "$top_srcdir/tests/live/fields_in_manual" "$out"
run timeout 60 "$HEAPSNAP" diff 0.hsnap 1.hsnap 2.hsnap "$target_pid" --sizes exact
matches "a row that came and went" "$out" '^ +200 +0 +0 +0 '
matches "rows that never shrank" "$out" '^Never shrank: 1,052,656, 1,000\.$'
run timeout 60 "$HEAPSNAP" diff 0.hsnap 1.hsnap 2.hsnap "$target_pid" --format json
check "the series has each step" python3 -c '
import json, sys
diff = json.load(open(sys.argv[1]))
got = [row["bytes"] for row in diff["series"] if row["min_size"] == 200]
print(got)
sys.exit(got != [0, 20000, 40000, 0])' "$out"
run timeout 60 "$HEAPSNAP" diff 0.hsnap 2.hsnap -s size -n 2 --min-size 100 --format csv
is "-s, -n and --min-size" "$(cut -d, -f1,6,9 "$out" | tr '\n' ' ')" \
	"min_size,count_change,bytes_change $mapping,1,$mapping 1000,30,30000 "

# ---- conditions --------------------------------------------------------------------------------

# fails STATUS CONDITION...
fails() {
	wanted=$1
	shift
	for condition; do
		set -- "$@" --fail-if "$condition"
		shift
	done
	run timeout 60 "$HEAPSNAP" diff 0.hsnap 1.hsnap "$@"
	is "status of: $*" "$status" "$wanted"
}
fails 0 'bytes>2M' 'count>121' 'size:200 count>100' 'resident>900%'
fails 1 'bytes>1M'
fails 1 'bytes>2M' 'size:200 count>=100' 'count>500'
matches "each condition is judged" "$out" '^size:200 count>=100 +\+100 +failed$'
matches "those that are kept, too" "$out" '^count>500 +\+121 +kept$'
fails 1 'size:56 count<0'
fails 2 'weight>3'
matches "a condition that is none" "$err" 'the condition "weight>3" is about nothing that is known'
fails 0 'leaked>2M' 'owner:many count>100'
fails 1 'leaked>0'
fails 1 'owner:many count>=100'
fails 0 'owner:nobody count>1'
matches "an owner that nobody is" "$err" '"owner:nobody count>1" is about an owner that none of the snapshots has'
fails 1 'resident > -1 %' 'bytes > 1 M'
fails 0 'type:struct nobody count>100'
matches "a type that nothing has" "$err" '"type:struct nobody count>100" is about a type that none of the snapshots has'
fails 2 'weight:5 count>100'
matches "a choice that is not known" "$err" 'chooses by what this version does not know'

# ---- other runs, other programs, mistakes ------------------------------------------------------

first=$target_pid
start_target "$fixtures/grows" || done_testing
run timeout 60 "$HEAPSNAP" diff 0.hsnap "$target_pid"
is "status of another run" "$status" 0
matches "another run is told" "$out" '^Two runs of the program, compared by size and not by address'
check_not "and nothing is said of addresses" grep -q 'survived' "$out"
stop_target
start_target "$fixtures/mix" || done_testing
run timeout 60 "$HEAPSNAP" diff 0.hsnap "$target_pid"
is "status of another program" "$status" 0
matches "another program is a warning" "$out" '^WARNING: these are different programs'
is "it comes first" "$(head -c 8 "$out")" "WARNING:"
stop_target
stop_target "$first"

says() {
	wanted=$1 regex=$2
	shift 2
	run timeout 60 "$HEAPSNAP" diff "$@"
	is "status of: diff $*" "$status" "$wanted"
	matches "message of: diff $*" "$err" "$regex"
	is "nothing on stdout of: diff $*" "$(wc -c <"$out")" 0
}
says 2 'diff compares two or more' 0.hsnap
says 2 'diff compares two or more'
says 3 'cannot open ./none' 0.hsnap ./none
says 3 'No such process' 0.hsnap "$first"
says 2 'diff does not take -p' -p 1 0.hsnap
done_testing
