#!/bin/sh
# SPDX-License-Identifier: MIT
# owners.t: what two globals and the stack reach has one owner, by the name that a developer knows; it is the same in list, in sql, in what
# diff says first, and in watch, for a process and for its files.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace
need timeout python3

start_target "$fixtures/two_ways" || done_testing
entries=0
# grow: 500 entries more.
grow() {
	entries=$((entries + 500))
	kill -USR1 "$target_pid"
	tries=0
	until grep -q "^entries $entries$" "$target_out"; do
		tries=$((tries + 1))
		if [ $tries -gt 3000 ]; then
			not_ok "the table grows"
			done_testing
		fi
		sleep 0.02
	done
}
run timeout 60 "$HEAPSNAP" save "$target_pid" -o 0.hsnap
is "status of save" "$status" 0
grow
run timeout 60 "$HEAPSNAP" save "$target_pid" -o 1.hsnap
owner='server\.table (two_ways\.c:[0-9]*, two_ways)'
escaped='server\.table \(two_ways\.c:[0-9]+, two_ways\)'

run timeout 60 "$HEAPSNAP" top 1.hsnap --format csv
check_not "no variable alone keeps the entries" grep -E '^(0x|)[^,]*,.*server.*,5[0-9]{4},' "$out"

# says WHAT OPERAND...: a diff of these names the culprit first.
says() {
	what=$1
	shift
	run timeout 60 "$HEAPSNAP" diff "$@"
	is "$what: status" "$status" 0
	tr '\n' ' ' <"$out" >words
	matches "$what: the first sentence names the culprit" words \
		"^In use: \+58\.6 KiB, 500 more chunks, kept by $escaped\. 500 more struct entry \(\+58\.6 KiB\) are 100 % of the growth\."
	matches "$what: the table of types has it" "$out" '^struct entry +[0-9,]+ +\+500 .* server\.table \(two_ways\)$'
	check_not "$what: it fits 80 columns" grep -E '.{81}' "$out"
	matches "$what: the table of owners has it" "$out" '^server\.table \(two_ways\) +501 +\+500 '
}
says "files" 0.hsnap 1.hsnap
says "a file and the process" 0.hsnap "$target_pid"

# list and sql, live and saved.
"$HEAPSNAP" list "$target_pid" --format csv >live
"$HEAPSNAP" list 1.hsnap --format csv >saved
check "list says the same of the process and its file" cmp live saved
is "list has the owner of each entry" "$(awk -F, '$2 == 120' saved | grep -c "\"$owner\"")" 500
cat >ask <<'END'
SELECT o.name, p.name AS variable, count(*) AS chunks FROM chunk AS c JOIN owners AS o ON o.id = c.owner
JOIN places AS p ON p.id = o.place WHERE c.size = 120 GROUP BY o.id
END
for target in 1.hsnap "$target_pid"; do
	run timeout 60 "$HEAPSNAP" sql "$target" "$(cat ask)" --format csv
	is "sql has it of $target" "$(sed 1d "$out")" "server.table,server,500"
done
run timeout 60 "$HEAPSNAP" sql 1.hsnap 'SELECT count(*), count(sole_place) FROM chunk WHERE size = 120' --format csv
is "no place is the only one" "$(sed 1d "$out")" "500,0"

# Conditions: the member, and the variable that has it.
for name in server.table server 'server.table (two_ways)'; do
	run timeout 60 "$HEAPSNAP" diff 0.hsnap 1.hsnap --fail-if "owner:$name count>=500"
	is "--fail-if owner:$name" "$status" 1
done
run timeout 60 "$HEAPSNAP" diff 0.hsnap 1.hsnap --fail-if "owner:serv count>=500"
is "--fail-if with half a name" "$status" 0

# A watch: the owner grows as its chunks do.
timeout -k 5 100 "$HEAPSNAP" watch "$target_pid" --interval 0.3 --format json -o kept >watched 2>watched.err &
watch_pid=$!
_tap_targets="$_tap_targets $watch_pid"
# until_watched COMMAND...: waits until it succeeds.
until_watched() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		if [ $tries -gt 1500 ]; then
			not_ok "the watch goes on: $*"
			diag_file watched.err
			done_testing
		fi
		sleep 0.02
	done
}
until_watched sh -c 'test -e kept/*-0001.hsnap'
round=0
while [ $round -lt 4 ]; do
	round=$((round + 1))
	grow
	until_watched grep -q "\"count\": $entries,.*\"type\"" watched
done
kill -INT "$watch_pid"
wait "$watch_pid"
check "the owner grew as its chunks did" python3 -c '
import json, sys
watch = json.load(open(sys.argv[1]))
size = [row for row in watch["sizes"] if row["min_size"] == 120]
owner = [row for row in watch["owners"] if row["owner"] == "server.table (two_ways)"]
assert len(size) == len(owner) == 1, (size, owner)
size, owner = size[0], owner[0]
print(size, owner)
assert size["growth"] == owner["growth"] in ("steadily", "at times"), "growth"
assert size["bytes_change"] == owner["bytes_change"] and owner["never_shrank"], "change"
grew = [row["owner"] for row in watch["owners"] if row["bytes_change"]]
assert grew == ["server.table (two_ways)"], grew' watched
diag_file watched.err
stop_target
done_testing
