#!/bin/sh
# SPDX-License-Identifier: MIT
# sql.t: queries answer the same on a process and on its file; the manual describes each table, and each
# of its examples can be run as it stands.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace
need timeout

start_target "$fixtures/torture" || done_testing
manual=$top_srcdir/man/heapsnap-snapshot.5

run timeout 60 "$HEAPSNAP" sql -p "$target_pid" "SELECT count(*), sum(size) FROM chunk WHERE state = 'in-use'" \
	--format csv -o F.hsnap
is "status of a query on a process" "$status" 0
is "and it says nothing else" "$(cat "$err")" ""
cp "$out" first
run timeout 60 "$HEAPSNAP" sql F.hsnap "SELECT count(*), sum(size) FROM chunk WHERE state = 'in-use'" --format csv
check "its file answers the same" cmp "$out" first
ask='SELECT c.id, c.reach, c.retained, o.name, p.kind, p.name, count(e.source) FROM chunk AS c LEFT JOIN owners AS o ON o.id = c.owner
	LEFT JOIN places AS p ON p.id = c.sole_place
	LEFT JOIN edge AS e ON e.source = c.id GROUP BY c.id'
run timeout 60 "$HEAPSNAP" sql -p "$target_pid" "$ask" --format csv -o G.hsnap
is "status of a query about the graph" "$status" 0
cp "$out" graph
run timeout 60 "$HEAPSNAP" sql G.hsnap "$ask" --format csv
check "the file answers that, too" cmp "$out" graph
is "and it is what list has" "$(tail -n 1 first)" \
	"$("$HEAPSNAP" list F.hsnap --format csv | awk -F, 'NR > 1 { n++; bytes += $2 } END { printf "%d,%d\n", n, bytes }')"
"$HEAPSNAP" list F.hsnap --all --format csv | sed 1d | cut -d, -f1-5 >listed
"$HEAPSNAP" sql F.hsnap "SELECT printf('%#x', address), size, kind, ifnull(arena, ''), state FROM chunk" --format csv |
	sed 1d >queried
check "the rows of chunk are those of list" cmp listed queried
run "$HEAPSNAP" sql F.hsnap "SELECT id FROM chunk" -n 3 --format csv
is "-n cuts" "$(tr '\n' ' ' <"$out")" "id 0 1 2 "

# ---- mistakes, found before the process is stopped ---------------------------------------------

says() {
	wanted=$1 regex=$2
	shift 2
	run "$HEAPSNAP" sql "$@"
	is "status of: sql $*" "$status" "$wanted"
	matches "message of: sql $*" "$err" "$regex"
	is "nothing on stdout of: sql $*" "$(wc -c <"$out")" 0
}
says 2 'in the query: near "SELEC": syntax error' F.hsnap 'SELEC 1'
says 2 'in the query: near "\.": syntax error \(without a query all tables are listed\)' F.hsnap '.schema'
says 3 'the target stands before the query: cannot open SELECT 1' 'SELECT 1' F.hsnap
says 2 'in the query: no such table: nowhere \(without a query' F.hsnap 'SELECT * FROM nowhere'
says 2 'a snapshot can only be read' F.hsnap 'DELETE FROM arenas'
says 2 'one query at a time, in quotes: what is "count' F.hsnap SELECT 'count(*)'
says 2 'one query at a time: what is "SELECT 2"' F.hsnap 'SELECT 1; SELECT 2'
says 2 'the query asks for nothing' F.hsnap ''
says 2 'near "SELEC": syntax error' -p 1 'SELEC 1'
says 3 'cannot open ./none' ./none 'SELECT 1'
says 2 'no target'

# ---- the manual --------------------------------------------------------------------------------

run "$HEAPSNAP" sql F.hsnap
is "status without a query" "$status" 0
check_not "the tables fit 80 columns" grep -E '.{81}' "$out"
sed -n "s/^  \(heapsnap sql .*\)/\1/p; s/^    WHERE/ WHERE/p" "$out" >hints
check "there are examples" test -s hints
check "they can be run" sh -c 'heapsnap() { "$HEAPSNAP" "$@"; }; . ./hints'
run "$HEAPSNAP" sql F.hsnap -q
check_not "-q has the tables alone" grep -q 'For example' "$out"

"$HEAPSNAP" sql F.hsnap --format csv | sed 1d | sort >columns
check "there are tables" test -s columns
sed 's/\\-/-/g; s/^\.TP$//' "$manual" >plain
while IFS=, read -r table column type; do
	# The words of a table's own section that are set in bold: its columns.
	if sed -n "/^\.SS $table\$/,/^\.S[SH] /p" plain | grep -E '^\.B[IR]* ' | tr -cs 'a-z_0-9' '\n' | grep -qx "$column"; then
		ok "the manual has $table.$column ($type)"
	elif [ "$column" = id ]; then
		ok "the manual has $table.id, as of every table"
	else
		not_ok "the manual has $table.$column"
	fi
done <columns
cut -d, -f1 columns | sort -u >tables
echo columns | sort - tables >known
sed -n '/^\.SH TABLES/,/^\.SH COLUMNS/s/^\.SS \([a-z]*\)$/\1/p' "$manual" | sort >described
check "the manual has no table that is none" cmp described known
"$HEAPSNAP" sql F.hsnap 'SELECT key FROM meta' --format csv | sed 1d >keys
while read -r key; do
	check "the manual has the key $key of meta" sh -c \
		'sed -n "/^\.SS meta$/,/^\.SS memory$/p" plain | grep -E "^\.B[IR]* " | tr -cs a-z_ "\n" | grep -qx "$1"' - "$key"
done <keys
for word in live core in-use internal tcache fast unsorted small large free top heap mmapped pymalloc anonymous stack file \
	shared kernel passed failed skipped corruption ambiguous missing segment x86-64 aarch64 module variable thread \
	register frame tls descriptor mapping libc leaked start known interior reachable possible direct indirect; do
	check "the manual has the word $word" grep -qw -e "$word" plain
done

# Every example of both manuals, as it stands.
cp F.hsnap before.hsnap
sed 's/\\-/-/g; s/^\.TP$//' "$top_srcdir/man/heapsnap.1" >plain.1
for page in plain.1 plain; do
	awk '/^\.nf$/ { on = 1; next } /^\.fi$/ { if (text ~ /^heapsnap sql /) printf "%s%c", text, 0; text = ""; on = 0; next }
		on { text = text $0 "\n" }' "$page" >examples
	count=$(tr -dc '\000' <examples | wc -c)
	least=8
	[ "$page" = plain ] || least=1
	check "the manual has examples ($page: $count)" test "$count" -ge "$least"
	number=0
	while [ "$number" -lt "$count" ]; do
		number=$((number + 1))
		tr '\n\000' '\001\n' <examples | sed -n "${number}p" | tr '\001' '\n' >example
		run sh -c 'heapsnap() { "$HEAPSNAP" "$@"; }; . ./example'
		is "status of example $number of $page: $(head -n 1 example | cut -c1-60)" "$status" 0
		check "example $number of $page finds something" test "$(wc -l <"$out")" -ge 2
		diag_file "$err"
	done
done
check "no query of the manual is left out" test "$(grep -c '^heapsnap sql ' plain.1)" -eq 1
stop_target
done_testing
