#!/bin/sh
# SPDX-License-Identifier: MIT
# types_commands.t: why, report --type, show, leaks, top, diff and their conditions and suppressions speak of the program's types, of a process, of its core and of its file alike.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace
need timeout python3

start_target "$fixtures/types_lost" || done_testing
conn=$(sed -n 's/^conn //p' "$target_out")
source='types_lost\.c:[0-9]+'
run timeout 60 "$HEAPSNAP" save "$target_pid" -o plain.hsnap
is "status of save" "$status" 0
run timeout 60 "$HEAPSNAP" save "$target_pid" --contents -o full.hsnap
is "status of save --contents" "$status" 0
targets="plain.hsnap $target_pid"
if command -v gcore >/dev/null && gcore -o core "$target_pid" >/dev/null 2>&1; then
	targets="$targets core.$target_pid"
else
	skip "of a core, too" "gcore cannot dump here"
fi

for target in $targets; do
	what=${target%".$target_pid"}
	[ "$what" != "$target_pid" ] || what=process

	# ---- why ----------------------------------------------------------------------------
	run timeout 60 "$HEAPSNAP" why "$target" 'struct conn'
	is "$what: status of why" "$status" 0
	matches "$what: why tells how many" "$out" '^struct conn: 44 chunks in use, 4 of them leaked\.$'
	matches "$what: by which variable they are held" "$out" "^ +40 +40 +90\.9 % +- +conns\[\] \($source, types_lost\)\$"
	matches "$what: by which member" "$out" '^ +39 +39 +88\.6 % +0x[0-9a-f]+ +conn\.peer$'
	matches "$what: and a way to one of them" "$out" "^conns\[0\] \($source, types_lost\)\$"
	# The rest is the same work on other tables.
	if [ "$what" = core ]; then
		run timeout 60 "$HEAPSNAP" leaks "$target"
		matches "$what: leaks by type" "$out" "^ +4 +4 +672 B .* struct conn of 168 B, from conn_make \\($source\\)\$"
		continue
	fi
	run timeout 60 "$HEAPSNAP" why "$target" buffer
	matches "$what: the word struct may be left out" "$out" '^struct buffer: 88 chunks in use, 8 of them leaked\.$'
	matches "$what: an array of structs is one member" "$out" '^ +44 +44 +50\.0 % +0x[0-9a-f]+ +conn\.slots\[\]\.buffer$'
	matches "$what: and so in the tree" "$out" '^ +40 .* conn\.slots\[\]\.buffer$'
	run timeout 60 "$HEAPSNAP" why plain.hsnap nobody
	is "$what: of what there is not" "$status" 2
	matches "$what: that is said" "$err" 'no chunk is called "nobody"'

	# ---- one type -----------------------------------------------------------------------
	run timeout 60 "$HEAPSNAP" report "$target" --type conn
	is "$what: status of report --type" "$status" 0
	matches "$what: how many, of what size" "$out" '^44 chunks of 168 B each: 7\.22 KiB, '
	matches "$what: what is leaked" "$out" '^4 of them are leaked\.$'
	matches "$what: by what it was told" "$out" '^ +40 +[0-9.]+ % +pointer +typed pointers lead to them$'
	matches "$what: who keeps them" "$out" "^ +40 +6\.56 KiB +90\.9 % +conns \($source, types_lost\)\$"
	matches "$what: where they are allocated" "$out" "^[0-9.]+ % +conn_make \($source\) +calloc\([0-9]+\)\$"
	matches "$what: its members" "$out" '^ +\+0x48 +kind +unsigned int: 5$'
	check_not "$what: it fits 80 columns" grep -E '.{81}' "$out"
	run timeout 60 "$HEAPSNAP" report "$target" --retained --format json
	check "$what: what types retain" python3 -c '
import json, sys
rows = {row["type"]: row for row in json.load(open(sys.argv[1]))["types"]}
conn, buffer = rows["struct conn"], rows["struct buffer"]
assert conn["retained"] == 44 * 168 + 88 * 120, conn
assert buffer["retained"] == buffer["bytes"] == 88 * 120, buffer' "$out"

	# ---- top and leaks ------------------------------------------------------------------
	run timeout 60 "$HEAPSNAP" top "$target"
	matches "$what: top has types that retain" "$out" '^struct conn +44 +7\.22 KiB +17\.5 KiB '
	tr -s '\n ' '  ' <"$out" >words
	matches "$what: and suspects of a type" words ' conns .* through 40 x struct conn of 168 B hanging off conns\[\]\.'
	run timeout 60 "$HEAPSNAP" leaks "$target"
	is "$what: status of leaks" "$status" 1
	matches "$what: leaks by type, and where they come from" "$out" "^ +4 +4 +672 B .* struct conn of 168 B, from conn_make \($source\)\$"
	matches "$what: what they hold, by member" "$out" '^ +- +4 +480 B .* \.slots\[\]\.buffer (→|->) struct buffer of 120 B$'
	run timeout 60 "$HEAPSNAP" leaks "$target" --suppress 'type:struct conn'
	is "$what: suppressed by type: status" "$status" 0
	matches "$what: suppressed by type: the rule" "$out" '^ +1 +4 +12 +1\.59 KiB  type:struct conn$'
	[ "$what" != process ] || continue
	echo 'type=con[mn] size=168' >rules
	run timeout 60 "$HEAPSNAP" leaks "$target" --suppress rules
	is "$what: suppressed by a rule of a file" "$status" 0
	run timeout 60 "$HEAPSNAP" leaks "$target" --suppress type:buffer
	is "$what: a rule for another type" "$status" 1
done

# ---- show ----------------------------------------------------------------------------------

run timeout 60 "$HEAPSNAP" show "$target_pid" "$conn"
is "show: status" "$status" 0
matches "show: a pointer is told without the bytes" "$out" '^ +\+0x8 +peer +struct conn \* +0x[0-9a-f]+ \(168 B, struct conn\)$'
matches "show: other values are not" "$out" '^ +\+0x0 +id +long int +-$'
matches "show: which is said" "$out" '^Values take --contents'
check_not "show: nothing of the memory" grep -q 'roy' "$out"
for target in "$target_pid" full.hsnap; do
	run timeout 60 "$HEAPSNAP" show "$target" "$conn" --contents
	cp "$out" "show.$target"
done
sed 's/stopped for .*//; s/-p [0-9]*/TARGET/' "show.$target_pid" >live
sed 's/stopped for .*//; s/full\.hsnap/TARGET/' show.full.hsnap >file
is "show --contents: the same of a file" "$(sed '/^  heapsnap/d; /^  *further/d' live)" "$(sed '/^  heapsnap/d; /^  *further/d' file)"
matches "show --contents: a number" live '^ +\+0x0 +id +long int +1$'
matches "show --contents: text, escaped" live '^ +\+0x20 +name +char\[16\] +"kil\\x1broy"$'
matches "show --contents: a function" live '^ +\+0x18 +on_close +function \* +0x[0-9a-f]+ \(conn_closed \(types_lost\)\)$'
matches "show --contents: a constant" live '^ +\+0x30 +phase +enum phase +PHASE_READ \(1\)$'
matches "show --contents: true" live '^ +\+0x34 +alive +_Bool +true$'
matches "show --contents: a fraction" live '^ +\+0x38 +load +double +0\.5$'
matches "show --contents: a bit-field of the second element" live '^ +\+0x58 +kind +unsigned int: 5 +9$'
matches "show --contents: of many elements some" live '^ +\+0x70 +counts +int\[12\] +0, 0, 0, -4, 8 more$'
run timeout 60 "$HEAPSNAP" show full.hsnap "$conn"
check_not "show: what is kept is not shown unasked" grep -q 'roy' "$out"

# ---- diff ----------------------------------------------------------------------------------

kill -USR1 "$target_pid"
tries=0
until grep -q '^nodes 500$' "$target_out" || [ $tries -gt 3000 ]; do
	tries=$((tries + 1))
	sleep 0.02
done
run timeout 60 "$HEAPSNAP" diff plain.hsnap "$target_pid" --fail-if 'type:node count>=500'
is "diff: a condition on a type" "$status" 1
tr '\n' ' ' <"$out" >words
matches "diff: the first sentences name type and owner" words \
	"^In use: \+11\.7 KiB, 500 more chunks, kept by nodes \($source, types_lost\)\. 500 more struct node \(\+11\.7 KiB\) are 100 % of the growth\."
matches "diff: the table of types" "$out" '^struct node +500 +\+500 +11\.7 KiB +\+11\.7 KiB +nodes \(types_lost\)$'
run timeout 60 "$HEAPSNAP" diff plain.hsnap "$target_pid" --fail-if 'type:struct conn count>0' --no-types
is "diff --no-types: nothing is known of types" "$status" 5
matches "diff --no-types: sizes" "$out" '^ +24 +0 +500 +\+500 '

# ---- the manual ----------------------------------------------------------------------------

for command in "why full.hsnap conn" "report full.hsnap --type conn" "report full.hsnap --retained" "show full.hsnap $conn --contents" "leaks full.hsnap" "top full.hsnap" \
	"diff plain.hsnap full.hsnap"; do
	# shellcheck disable=SC2086 # several words
	run timeout 60 "$HEAPSNAP" $command --format json
	check "every field of ${command%% *} is in the manual" "$top_srcdir/tests/live/fields_in_manual" "$out"
done

done_testing
