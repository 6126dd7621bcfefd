#!/bin/sh
# SPDX-License-Identifier: MIT
# cli_target.t: each command in each format on one quiet process: the figures agree with each other,
# every field of JSON is in the manual, and output goes where it should, or says that it cannot.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace
need python3 timeout

start_target "$fixtures/many_arenas" || done_testing

# ok_run ARGUMENT...: runs heapsnap, which must end well and say nothing on stderr.
ok_run() {
	run timeout 60 "$HEAPSNAP" "$@"
	is "status of: heapsnap $(echo "$*" | sed "s/$target_pid/PID/g")" "$status" 0
	is "stderr of: heapsnap $(echo "$*" | sed "s/$target_pid/PID/g")" "$(cat "$err")" ""
}

for command in report list arenas doctor; do
	for format in text json csv; do
		ok_run "$command" -p "$target_pid" --format "$format"
		cp "$out" "$command.$format"
		check "$command --format $format prints something" test -s "$command.$format"
	done
done
check_not "text that is no terminal's has no escapes" grep -q "$(printf '\033')" report.text arenas.text
check_not "text fits 80 columns" grep -E '.{81}' report.text arenas.text list.text
matches "the report is exact" report.text ': .* chunks in use, exact$'

# The figures of one command against those of the others.
cat >figures.py <<'END'
import csv, json, re, sys
report, arenas, listed, doctor = (json.load(open(name + ".json")) for name in ("report", "arenas", "list", "doctor"))
rows = list(csv.DictReader(open("list.csv")))
def same(what, a, b):
    if a != b:
        print(f"{what}: {a} is not {b}")
        sys.exit(1)
heap = report["heap"]
for one, command in ((report, "report"), (arenas, "arenas"), (listed, "list"), (doctor, "doctor")):
    same("schema", one["schema"], "heapsnap/1")
    same("command", one["command"], command)
same("heap of arenas", arenas["heap"], heap)
same("the sum", heap["system_bytes"], sum(heap[part + "_bytes"] for part in
     ("in_use", "internal", "free", "top", "overhead", "foreign", "unwalked")))
same("free bytes", heap["free_bytes"], sum(heap[part + "_bytes"] for part in
     ("tcache", "fast", "unsorted", "small", "large", "unbinned")))
same("sizes", sum(row["bytes"] for row in report["sizes"]), heap["in_use_bytes"])
same("sizes", sum(row["count"] for row in report["sizes"]), heap["in_use_chunks"])
same("rows of csv", len(rows), heap["in_use_chunks"])
same("bytes of csv", sum(int(row["size"]) for row in rows), heap["in_use_bytes"])
same("rows of json", len(listed["chunks"]), listed["rows"])
same("list", [(row["address"], str(row["size"]), row["kind"]) for row in listed["chunks"]],
     [(row["address"], row["size"], row["kind"]) for row in rows])
same("arenas", sum(row["in_use_bytes"] for row in arenas["arenas"]) +
     sum(int(row["size"]) for row in rows if row["kind"] == "mmapped"), heap["in_use_bytes"])
same("heaps", sum(row["free_bytes"] for row in arenas["heaps"]), heap["free_bytes"])
same("tcaches", sum(row["bytes"] for row in arenas["tcaches"]), heap["tcache_bytes"])
same("heap memory", [row["mapped_bytes"] for row in report["memory"] if row["kind"] == "heap"], [heap["system_bytes"]])
same("exact", (report["exact"], arenas["exact"], listed["exact"]), (True, True, True))
same("pid", report["program"]["pid"], int(sys.argv[1]))
same("status of doctor", doctor["status"], 0)
for row in rows:
    if not re.fullmatch("0x[0-9a-f]+", row["address"]) or row["state"] != "in-use":
        print("no row of the contract:", row)
        sys.exit(1)
END
check "the figures of all commands agree" python3 figures.py "$target_pid"
is "the header of CSV is the contract" "$(head -n 1 list.csv)" \
	address,size,kind,arena,state,type,confidence,evidence,reach,retained,owner,lang

check "every field of JSON is in the manual" "$top_srcdir/tests/live/fields_in_manual" \
	report.json arenas.json list.json doctor.json

# ---- choosing ----------------------------------------------------------------------------------

rows() {
	ok_run list "$@" -p "$target_pid" --format csv
	rows=$(sed 1d "$out" | wc -l)
}
rows --all
all=$rows
rows
in_use=$rows
check "--all is more" test "$all" -gt "$in_use"
rows --state in-use,internal,tcache,fast,unsorted,small,large,free,top
is "all states are --all" "$rows" "$all"
rows --kind heap
heap=$rows
rows --kind mmapped
is "heap and mmapped are all" "$((heap + rows))" "$in_use"
rows --arena main
main=$rows
rows --arena 0
is "arena 0 is the main arena" "$rows" "$main"
address=$(python3 -c 'import json; print(json.load(open("arenas.json"))["arenas"][-1]["address"])')
index=$(python3 -c 'import json; print(json.load(open("arenas.json"))["arenas"][-1]["arena"])')
rows --arena "$address"
by_address=$rows
rows --arena "$index"
is "an arena by address is that by index" "$rows" "$by_address"
rows --min-size 100
large=$rows
rows --max-size 99
is "sizes from 100 and up to 99 are all" "$((large + rows))" "$in_use"
rows -n 3
is "-n cuts" "$rows" 3
rows -s size
check "-s size sorts" sh -c 'sed 1d "$1" | cut -d, -f2 | sort -rnc' - "$out"
run "$HEAPSNAP" list -p "$target_pid" --arena 4000000
is "status of an arena that is not there" "$status" 2
matches "an arena that is not there is named" "$err" 'there is no arena 4000000; there are [0-9]+'

ok_run "$target_pid" --sizes exact -n 2 -q
is "a pid as the operand, and -n of the report" "$(grep -cE '^ +[0-9,]+ +[0-9,]+ ' "$out")" 2
check_not "-q has no hints" grep -q '^Next' "$out"
ok_run "$target_pid" --bytes
check_not "--bytes has no units" grep -q '[KM]iB' "$out"
run "$HEAPSNAP" "$target_pid" -v
matches "-v tells the phases" "$err" '^heapsnap: walk +[0-9.]+ ms, +[0-9.]+ ms CPU$'
ok_run "$target_pid" --color always
check "--color always has colours" grep -q "$(printf '\033\\[')" "$out"

# What the report says to run next can be run as it stands.
sed -n '/^Next/,$s/^  \(heapsnap [^ ].*\)/\1/p' report.text arenas.text | sed -e 's/   *[a-z].*//' -e 's/ --interval 5 / --interval 0.1 /' >hints
check "there are hints" test -s hints
while read -r hint; do
	check "the hint can be followed: $(echo "$hint" | sed "s/$target_pid/PID/")" \
		sh -c "heapsnap() { \"\$HEAPSNAP\" \"\$@\"; }; $hint"
done <hints

# ---- output ------------------------------------------------------------------------------------

check "a reader that goes away is no error" sh -c '
	("$HEAPSNAP" list --all -p "$1" --format csv; echo $? >status) 2>stderr | head -n 1 >/dev/null
	[ "$(cat status)" = 0 ] && [ ! -s stderr ]' - "$target_pid"
if [ -c /dev/full ]; then
	for command in report list arenas doctor; do
		run sh -c '"$HEAPSNAP" $1 -p "$2" >/dev/full' - $command "$target_pid"
		is "status of $command to a full disk" "$status" 3
		matches "$command to a full disk says so" "$err" 'cannot write the output: No space left'
	done
fi
run sh -c '"$HEAPSNAP" -p "$1" >&-' - "$target_pid"
is "status of a report to a closed descriptor" "$status" 3
if command -v script >/dev/null; then
	# NO_COLOR is a habit of tests; a terminal has colours without it.
	run env -u NO_COLOR TERM=xterm script -qec "'$HEAPSNAP' -p $target_pid" /dev/null
	is "status on a terminal" "$status" 0
	check "a terminal has colours" grep -q "$(printf '\033\\[')" "$out"
	run env NO_COLOR=1 TERM=xterm script -qec "'$HEAPSNAP' -q -p $target_pid" /dev/null
	check_not "unless NO_COLOR is set" grep -q "$(printf '\033\\[')" "$out"
	run env TERM=dumb script -qec "'$HEAPSNAP' -q -p $target_pid" /dev/null
	check_not "or the terminal is dumb" grep -q "$(printf '\033\\[')" "$out"
else
	skip "terminals" "script is not installed"
fi

# ---- the target is left alone, doctor does not even stop it ------------------------------------

check "the target waits as before" grep -q '^State:[[:space:]]*S' "/proc/$target_pid/status"
check "nobody traces the target" grep -q '^TracerPid:[[:space:]]*0$' "/proc/$target_pid/status"
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	chmod 755 "$tmp"
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$HEAPSNAP" doctor -p "$target_pid"
	if [ "$status" != 126 ] && [ "$status" != 127 ]; then
		is "status of doctor without the right to attach" "$status" 3
		matches "doctor says what is missing" "$out" '^PROBLEM permission +the process belongs to root'
		matches "and what to do" "$out" '> sudo heapsnap -p'
		run setpriv --reuid 65534 --regid 65534 --clear-groups "$HEAPSNAP" -p "$target_pid"
		is "status of a report without it" "$status" 3
	else
		skip "doctor without the right to attach" "another user cannot run the program"
	fi
	run setpriv --bounding-set -sys_ptrace --inh-caps -sys_ptrace "$HEAPSNAP" doctor -p "$target_pid"
	is "status of doctor as root without CAP_SYS_PTRACE" "$status" 3
	matches "doctor speaks of containers" "$out" 'CAP_SYS_PTRACE'
else
	skip "doctor without the right to attach" "this is not root, or setpriv is not installed"
fi
stop_target

# Of the same user, and yet not to be read.
nobody='setpriv --reuid 65534 --regid 65534 --clear-groups'
if [ "$(id -u)" = 0 ] && $nobody "$HEAPSNAP" version >/dev/null 2>&1 && $nobody test -x "$fixtures/one_chunk"; then
	mkdir bin
	cp "$fixtures/one_chunk" bin/unread
	cp "$fixtures/one_chunk" bin/other
	chmod 111 bin/unread
	# shellcheck disable=SC2086
	start_target $nobody "$fixtures/one_chunk" --secret || done_testing
	# shellcheck disable=SC2086
	run $nobody "$HEAPSNAP" doctor "$target_pid"
	matches "doctor knows what is not dumpable" "$out" '^PROBLEM permission +the process belongs to us but is not dumpable'
	# shellcheck disable=SC2086
	run $nobody "$HEAPSNAP" "$target_pid"
	matches "and so does a report" "$err" 'belongs to the same user: it is marked as not dumpable'
	stop_target
	# shellcheck disable=SC2086
	start_target $nobody bin/unread || done_testing
	# shellcheck disable=SC2086
	run $nobody "$HEAPSNAP" "$target_pid"
	matches "an executable that may not be read" "$err" '(its executable may not be read|marked as not dumpable)'
	stop_target
	chown 65534 bin/other
	chmod 4755 bin/other
	start_target bin/other || done_testing
	if grep -q '^Uid:[[:space:]]0[[:space:]]65534[[:space:]]' "/proc/$target_pid/status"; then
		# shellcheck disable=SC2086
		run $nobody "$HEAPSNAP" doctor "$target_pid"
		matches "doctor knows setuid" "$out" '^PROBLEM permission +the process belongs to us but has the rights of another$'
		# shellcheck disable=SC2086
		run $nobody "$HEAPSNAP" "$target_pid"
		matches "and so does a report of it" "$err" 'but has the rights of another one too \(setuid\)'
	else
		skip "a setuid program" "programs are not setuid in $tmp"
	fi
	stop_target
else
	skip "processes of the same user" "this is not root, or another user cannot run the program"
fi

run "$HEAPSNAP" doctor -p "$target_pid"
is "status of doctor on no process" "$status" 3
matches "doctor says that there is none" "$out" '^PROBLEM process +there is no process'

# ---- a heap that is not as it should be, and one that is another's -----------------------------

if start_target "$fixtures/corrupted" size; then
	for command in report arenas list; do
		run timeout 60 "$HEAPSNAP" $command -p "$target_pid"
		is "status of $command on a damaged heap" "$status" 5
	done
	run timeout 60 "$HEAPSNAP" -p "$target_pid"
	matches "the report says so at once" "$out" 'chunks in use, NOT exact: '
	matches "and where, at the end" "$out" '^  0x[0-9a-f]+ \(corruption'
	run timeout 60 "$HEAPSNAP" -p "$target_pid" --format json
	check "JSON says so" python3 -c 'import json, sys
report = json.load(open(sys.argv[1]))
sys.exit(report["exact"] or not report["findings"] or not report["findings"][0]["address"].startswith("0x"))' "$out"
	run timeout 60 "$HEAPSNAP" list -p "$target_pid" -q
	is "list -q says it in one line" "$(cat "$err")" "heapsnap: this list is NOT exact"
	stop_target
fi

server=$(command -v redis-server) || server=
if [ -n "$server" ] && ldd "$server" | grep -q jemalloc; then
	"$server" --port 0 --unixsocket "$tmp/redis" --save '' >server.log 2>&1 &
	target_pid=$!
	_tap_targets="$_tap_targets $target_pid"
	tries=0
	until [ -S "$tmp/redis" ] || [ $tries -gt 500 ]; do
		sleep 0.02
		tries=$((tries + 1))
	done
	for command in report arenas list doctor; do
		run timeout 60 "$HEAPSNAP" $command -p "$target_pid" --format json
		is "status of $command on a program with jemalloc" "$status" 4
		check "$command is valid JSON all the same" python3 -m json.tool "$out"
	done
	run timeout 60 "$HEAPSNAP" -p "$target_pid"
	matches "the report names the allocator" "$out" "^malloc is not glibc's here: jemalloc\."
	matches "and shows what is resident" "$out" '^memory +resident +mapped'
	run timeout 60 "$HEAPSNAP" list -p "$target_pid"
	matches "list says why it is empty" "$err" "malloc is not glibc's here: jemalloc;"
	stop_target
else
	skip "a program with jemalloc" "redis-server is not there, or uses another allocator"
fi
# ---- names that would do something to a terminal ----

hostile=$(printf 'a\033[31m\\\nb')
cp "$fixtures/one_chunk" "$tmp/$hostile"
start_target "$tmp/$hostile" || done_testing
for command in report list arenas doctor; do
	for format in text json csv; do
		run timeout 60 "$HEAPSNAP" "$command" -v -p "$target_pid" --format "$format"
		is "hostile names: status of $command --format $format" "$status" 0
		cat "$out" "$err" >both
		# RFC 4180 has carriage returns, and everything has line feeds.
		check_not "hostile names: $command --format $format has no control bytes" \
			grep -q "$(printf '[\001-\010\013\014\016-\037\177]')" both
	done
	run timeout 60 "$HEAPSNAP" "$command" -p "$target_pid"
	[ "$command" = list ] ||
		check "hostile names: $command has the name" grep -qF 'a\x1b[31m\x5c\x0ab, pid' "$out"
done
stop_target

done_testing
