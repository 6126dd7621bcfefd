#!/bin/sh
# SPDX-License-Identifier: MIT
# snapshot.t: what is kept of a process or a core prints the same reports again; and where it can be kept.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace
need timeout

# but_for_target FILE: a report without the hints, which name the target: nothing else may differ.
but_for_target() {
	sed '/^Next$/,$d; /"command": "heapsnap /d' "$1"
}

# same_report COMMAND [OPERAND] [OPTION]...: in each format, live and from what it kept itself.
same_report() {
	command=$1
	shift
	what="$name: $(echo "$command $*" | sed "s/ *$//; s/0x[0-9a-f]*/ADDRESS/")"
	for format in text json csv; do
		rm -f kept.hsnap
		# shellcheck disable=SC2086 # words without blanks
		run timeout 60 "$HEAPSNAP" "$command" $target "$@" --format $format -o kept.hsnap
		first=$status
		cp "$out" first.out
		sed "s/$target/TARGET/" "$err" >first.err
		run timeout 60 "$HEAPSNAP" "$command" kept.hsnap "$@" --format $format
		is "$what: status as $format" "$status" "$first"
		but_for_target first.out >first.same
		but_for_target "$out" >second.same
		check "$what as $format prints something" test -s first.same
		check "$what as $format is the same from the file" cmp first.same second.same
		check "$what as $format says the same on stderr" cmp first.err "$err"
	done
}

# same_reports NAME TARGET: each report; the words of the target have no blanks.
same_reports() {
	name=$1 target=$2
	# A chunk to ask about, in the middle of the list, and its size.
	# shellcheck disable=SC2086
	"$HEAPSNAP" list $target -s size --format csv 2>/dev/null | sed 1d >rows
	row=$(sed -n "$(($(wc -l <rows) / 2 + 1))p" rows)
	address=$(echo "$row" | cut -d, -f1) size=$(echo "$row" | cut -d, -f2)
	same_report report
	same_report leaks
	same_report top
	same_report show "$address"
	if [ "$name" = "a process" ]; then
		same_report list --all
		same_report arenas
		same_report leaks --contents
		same_report why "$address"
		same_report why "$size"
		same_report show "$address" --contents
	fi
	# The status of doctor is that of reports; the hints name the file, and can be followed.
	run "$HEAPSNAP" arenas kept.hsnap
	first=$status
	run "$HEAPSNAP" doctor kept.hsnap
	is "$name: status of doctor on the file is that of reports" "$status" "$first"
	run "$HEAPSNAP" kept.hsnap
	matches "$name: hints name the file" "$out" '^  heapsnap [a-z]+ kept\.hsnap'
}

start_target "$fixtures/many_arenas" || done_testing
same_reports "a process" "-p $target_pid"

run timeout 60 "$HEAPSNAP" save "$target_pid" -o a.hsnap
is "status of save" "$status" 0
matches "save says what it kept" "$out" '^a\.hsnap: many_arenas, .* chunks in use, exact; .*iB on the disk$'
is "the file is private" "$(stat -c %a a.hsnap)" 600
run timeout 60 "$HEAPSNAP" save a.hsnap -o b.hsnap --format json
is "status of save from a file" "$status" 0
check "JSON of save" grep -q '"in_use_chunks": [1-9]' "$out"
check "a copy lists the same" sh -c '"$HEAPSNAP" list --all a.hsnap >a && "$HEAPSNAP" list --all b.hsnap | cmp - a'
if command -v sqlite3 >/dev/null; then
	run sqlite3 a.hsnap 'select * from histogram limit 5'
	is "the stock client reads it" "$status" 0
	is "the rows of the histogram" "$(grep -cE '^[0-9]+\|[0-9]+\|[0-9]+$' "$out")" 5
	run sqlite3 a.hsnap 'select sum(bytes) from histogram'
	is "it adds up" "$(cat "$out")" "$("$HEAPSNAP" a.hsnap --format json | sed -n 's/.*"in_use_bytes": \([0-9]*\).*/\1/p' | head -n 1)"
else
	skip "the stock client reads it" "sqlite3 is not installed"
fi

# A report is printed even where it cannot be kept; save has then done nothing.
mkdir folder
run timeout 60 "$HEAPSNAP" -p "$target_pid" -o folder
is "status of a report that cannot be kept" "$status" 3
matches "it says why" "$err" '^heapsnap: folder is there and is no snapshot; it is not replaced$'
matches "and prints" "$out" 'chunks in use, exact$'
run timeout 60 "$HEAPSNAP" save -p "$target_pid" -o nowhere/a.hsnap
is "status of save into no folder" "$status" 3
matches "the folder is missed" "$err" '^heapsnap: cannot write nowhere/a.hsnap: No such file or directory$'
check "and nothing is printed" test ! -s "$out"
run "$HEAPSNAP" save -p "$target_pid"
is "status of save without a file" "$status" 2
cp "$top_srcdir/README.md" precious
run timeout 60 "$HEAPSNAP" save -p "$target_pid" -o precious
is "status of save over something else" "$status" 3
check "it is still there" cmp precious "$top_srcdir/README.md"
run "$HEAPSNAP" --core a.hsnap
is "status of a snapshot as a core" "$status" 2
matches "the way is told" "$err" 'a.hsnap is a snapshot, not a core: leave --core out'
run "$HEAPSNAP" a.hsnap -e /bin/true
is "status of -e with a snapshot" "$status" 2

# ---- disks -------------------------------------------------------------------------------------

if [ "$(id -u)" = 0 ] && command -v unshare >/dev/null && unshare -m true 2>/dev/null; then
	mkdir disk
	cat >full.sh <<-'END'
		mount -t tmpfs -o size=48k,mode=700 none disk || exit 77
		: >disk/old.hsnap && head -c 45056 /dev/zero >disk/ballast
		"$HEAPSNAP" save "$1" -o disk/old.hsnap
		echo "status $?"
		ls -A disk
		mount -o remount,ro disk
		"$HEAPSNAP" save "$1" -o disk/new.hsnap
		echo "status $?"
	END
	run timeout 60 unshare -m sh full.sh a.hsnap
	if [ "$status" = 77 ]; then
		skip "a full disk" "tmpfs cannot be mounted here"
	else
		is "a full disk and a read-only one end save" "$(grep -c '^status 3' "$out")" 2
		matches "a full disk is named" "$err" '^heapsnap: cannot write disk/old.hsnap: its disk: No space left on device$'
		matches "a read-only disk is named" "$err" '^heapsnap: cannot write disk/new.hsnap: Read-only file system$'
		is "nothing is left of it" "$(grep -v status "$out" | tr '\n' ' ')" "ballast old.hsnap "
	fi
else
	skip "a full disk" "this is not root, or there is no unshare"
fi
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	chmod 755 "$tmp"
	cp a.hsnap readable.hsnap
	chmod 644 readable.hsnap
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$HEAPSNAP" save readable.hsnap -o mine.hsnap
	if [ "$status" != 126 ] && [ "$status" != 127 ]; then
		is "status of save into another's directory" "$status" 3
		matches "it says so" "$err" '^heapsnap: cannot write mine.hsnap: Permission denied$'
		run setpriv --reuid 65534 --regid 65534 --clear-groups "$HEAPSNAP" a.hsnap
		is "status of another's snapshot" "$status" 3
		matches "it cannot be opened" "$err" '^heapsnap: cannot open a.hsnap: Permission denied$'
	else
		skip "another's directory" "another user cannot run the program"
	fi
else
	skip "another's directory" "this is not root, or setpriv is not installed"
fi

# ---- what is no snapshot -----------------------------------------------------------------------

head -c 5000 a.hsnap >cut.hsnap
run "$HEAPSNAP" cut.hsnap
is "status of a file that was cut" "$status" 3
matches "it is told" "$err" '^heapsnap: cut.hsnap: it is cut off: 5000 of its [0-9]+ bytes are there$'
cp a.hsnap flipped.hsnap
printf 'X' | dd of=flipped.hsnap bs=1 seek=9000 conv=notrunc 2>/dev/null
run "$HEAPSNAP" flipped.hsnap
is "status of a file with a byte changed" "$status" 3
matches "its page is told" "$err" '^heapsnap: flipped.hsnap: it is damaged: the checksum of page 3 is wrong$'
cp a.hsnap newer.hsnap
printf '\000\000\000\011' | dd of=newer.hsnap bs=1 seek=60 conv=notrunc 2>/dev/null
run "$HEAPSNAP" newer.hsnap
is "status of a newer format" "$status" 4
matches "it is told" "$err" 'newer.hsnap: a newer heapsnap wrote it: its format is 9, this one knows up to 1$'
stop_target

# ---- damage, another allocator, a core ---------------------------------------------------------

if start_target "$fixtures/corrupted" size; then
	same_reports "a damaged heap" "-p $target_pid"
	stop_target
fi
if command -v gcore >/dev/null && start_target "$fixtures/mix"; then
	if gcore -o dumped "$target_pid" >/dev/null 2>&1; then
		same_reports "a core" "--core dumped.$target_pid"
	else
		skip "a core" "gcore cannot dump here"
	fi
	stop_target
else
	skip "a core" "gcore is not installed"
fi
done_testing
