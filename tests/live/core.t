#!/bin/sh
# SPDX-License-Identifier: MIT
# Real cores of a small program, kernel-written and gcore-written, plain and compressed, whole, cut off and damaged, with and
# without the right files: what target/core.c makes of them is what the program said of itself.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace

summary=$top_builddir/tests/live/core_summary
flips=$top_builddir/tests/live/core_flips
program=$tmp/program
cp "$fixtures/core_threads" "$program"

# Small stacks, since gcore writes every byte of them.
ulimit -s 256
ulimit -c unlimited 2>/dev/null
start_target "$program" || done_testing
truth=$target_out

cores=
if command -v gcore >/dev/null; then
	gcore -o "$tmp/gcore" "$target_pid" >"$tmp/gcore.log" 2>&1
	mv "$tmp/gcore.$target_pid" "$tmp/gcore" && cores=gcore
	[ -n "$cores" ] || { not_ok "gcore writes a core"; diag_file "$tmp/gcore.log"; }
else
	skip "gcore cores" "gcore is not installed"
fi
kill -ABRT "$target_pid"
wait "$target_pid" 2>/dev/null
kernel_core=$(find "$tmp" -maxdepth 1 -name 'core*' -size +0 | head -n 1)
if [ -n "$kernel_core" ]; then
	mv "$kernel_core" "$tmp/kernel"
	cores="$cores kernel"
else
	skip "kernel cores" "core_pattern is $(cat /proc/sys/kernel/core_pattern), the limit $(ulimit -c)"
fi
[ -n "$cores" ] || done_testing

# read_options: -r for each line of the truth about bytes.
read_options() {
	sed -n 's/^bytes [a-z]* \(0x[0-9a-f]*\) \([0-9a-f]*\)$/\1 \2/p' "$truth" | while read -r address hex; do
		echo "-r $address:$((${#hex} / 2))"
	done
}

# same_bytes FILE: what was read is what the program said.
same_bytes() {
	sed -n 's/^bytes [a-z]* \(0x[0-9a-f]* [0-9a-f]*\)$/\1/p' "$truth" >"$tmp/said"
	sed -n 's/^bytes \(0x[0-9a-f]* [0-9a-f]*\)$/\1/p' "$1" >"$tmp/read"
	[ "$(wc -l <"$tmp/said")" -eq 11 ] && diff "$tmp/said" "$tmp/read"
}

# same_threads FILE: each thread with its thread pointer and call (34 pause, 202 futex on x86-64).
same_threads() {
	sed -n 's/^thread //p' "$truth" | sed 's/call=pause/syscall=34/; s/call=futex/syscall=202/' |
	while read -r tid tp call argument; do
		grep -q "^thread $tid .*$tp $call ${argument:-argument=}" "$1" || { echo "thread $tid $tp $call $argument"; exit 1; }
	done
}

whole_core() {
	# shellcheck disable=SC2046 # several options
	run "$summary" "$2" $(read_options)
	is "$1: opens" "$status" 0
	diag_file "$err"
	check "$1: the bytes are those the program said" same_bytes "$out"
	check "$1: pid" grep -qx "pid $target_pid" "$out"
	check "$1: name" grep -qx "name program" "$out"
	check "$1: command" grep -qx "command $program" "$out"
	check "$1: executable" grep -qx "exe $program" "$out"
	check "$1: page size" grep -qx "page-size 4096" "$out"
	check "$1: three threads" grep -qx "threads 3" "$out"
	if [ "$(uname -m)" = x86_64 ]; then
		check "$1: thread pointers and system calls" same_threads "$out"
	fi
	check "$1: the main thread has the name" grep -q "^thread $target_pid .* name=program$" "$out"
	check "$1: libc's text is executable" grep -q "^mapping .* r-x .*libc" "$out"
	check "$1: the stack and the vdso have names" sh -c "grep -q ' rw- .*\[stack\]$' '$out' && grep -q ' r-x .*\[vdso\]$' '$out'"
	is "$1: no file is missing" "$(grep -c "is not on this machine\|could not be verified\|cut off" "$out")" 0
}

for kind in $cores; do
	whole_core "$kind" "$tmp/$kind"
	if command -v zstd >/dev/null; then
		zstd -q "$tmp/$kind" -o "$tmp/$kind.zst"
		whole_core "$kind, compressed" "$tmp/$kind.zst"
		check "$kind, compressed: unpacked" grep -qx "spooled 1" "$out"
		head -c "$(($(wc -c <"$tmp/$kind.zst") / 2))" "$tmp/$kind.zst" >"$tmp/half.zst"
		run "$summary" -q "$tmp/half.zst"
		check "$kind, compressed and cut off: says so" grep -qe "^notice .*could be unpacked only to .*: it is cut off" "$out" "$err"
		is "$kind, compressed and cut off: opens, or is refused" "$([ "$status" -eq 0 ] || [ "$status" -eq 3 ] && echo yes)" yes
		run "$summary" -q -t /nonexistent/spool "$tmp/$kind.zst"
		is "$kind, compressed: no such spool directory: status" "$status" 3
		matches "$kind, compressed: no such spool directory: message" "$err" "/nonexistent/spool"
	else
		skip "$kind, compressed" "zstd is not installed"
	fi
done

# Without NT_FILE (the kernel leaves it out when it would be too long): the dynamic loader's list takes its place.
for kind in $cores; do
	cp "$tmp/$kind" "$tmp/nofile"
	at=$(grep -obUa ELIF "$tmp/nofile" | head -n 1 | cut -d: -f1)
	printf X | dd of="$tmp/nofile" bs=1 seek="$((at + 3))" conv=notrunc 2>/dev/null
	# shellcheck disable=SC2046 # several options
	run "$summary" "$tmp/nofile" $(read_options)
	is "$kind, no list of files: opens" "$status" 0
	check "$kind, no list of files: says so" grep -q "^notice the core does not list the mapped files: they were found" "$out"
	check "$kind, no list of files: the bytes are those the program said" same_bytes "$out"
	check "$kind, no list of files: executable" grep -qx "exe $program" "$out"
	is "$kind, no list of files: none is missing" "$(grep -c "is not on this machine\|could not be verified" "$out")" 0
done

case " $cores " in
*" kernel "*)
	run "$summary" "$tmp/kernel" -r "$(sed -n 's/^withheld //p' "$truth"):1"
	check "kernel: what was withheld is absent, not zero" grep -q "^bytes 0x[0-9a-f]* absent$" "$out"
	check "kernel: and said to be" grep -q "^notice 4.00 KiB of writable memory in 1 segment was not dumped" "$out"
	check "kernel: the signal" grep -qx "signal 6 0x0" "$out"
	;;
esac

# Every prefix that ends at a page.
for kind in $cores; do
	size=$(wc -c <"$tmp/$kind")
	at=0 opened=0 refused=0 wrong=
	while [ "$at" -lt "$size" ]; do
		head -c "$at" "$tmp/$kind" >"$tmp/cut"
		"$summary" -q "$tmp/cut" >"$tmp/cut.out" 2>"$tmp/cut.err"
		case $? in
		0)
			opened=$((opened + 1))
			grep -q "^notice the core is cut off: it has $at of " "$tmp/cut.out" || wrong="$wrong $at:silent"
			;;
		3)
			refused=$((refused + 1))
			grep -q "^error 2 .*\(cut off\|is empty\|no memory\)" "$tmp/cut.err" || wrong="$wrong $at:unclear"
			;;
		*)
			wrong="$wrong $at:crash"
			;;
		esac
		at=$((at + 4096))
	done
	is "$kind: cut at every page ($opened open, $refused are refused): all are told clearly" "$wrong" ""
	is "$kind: cut at every page: most still open" "$([ "$opened" -gt $((refused * 5)) ] && echo yes)" yes
	# A core that lost its last page has all but that.
	head -c $((size - 1)) "$tmp/$kind" >"$tmp/cut"
	run "$summary" "$tmp/cut"
	check "$kind: the last byte missing: it is said how much" grep -q "^notice the core is cut off: it has $((size - 1)) of $size bytes" "$out"
done

for kind in $cores; do
	run "$flips" "$tmp/$kind" 600
	is "$kind: 600 times with bits flipped in headers and notes" "$status" 0
	diag_file "$err"
	diag "$(cat "$out")"
done

# The files are elsewhere.
kind=${cores##* }
run "$summary" "$tmp/$kind"
build_id=$(sed -n "s|^file [0-9]* $program build-id=\([0-9a-f]*\) .*|\1|p" "$out")
is "the build ID of the program is in the core" "${#build_id}" 40
text=$(sed -n 's/^bytes text \(0x[0-9a-f]*\) .*/\1/p' "$truth" | head -n 1)
text_bytes=$(sed -n 's/^bytes text 0x[0-9a-f]* \(.*\)/\1/p' "$truth" | head -n 1)

mv "$program" "$tmp/moved"
run "$summary" "$tmp/$kind" -r "$text:32"
check "program gone: its text is absent" grep -qx "bytes $text absent" "$out"
check "program gone: said, with the build ID wanted" grep -q "^notice $program is not on this machine: wanted is build ID $build_id$" "$out"

run "$summary" "$tmp/$kind" -e "$tmp/moved" -r "$text:32"
check "-e: its text is there" grep -qx "bytes $text $text_bytes" "$out"

run "$summary" "$tmp/$kind" -e "$fixtures/can_ptrace" -r "$text:32"
check "-e with another program: absent" grep -qx "bytes $text absent" "$out"
check "-e with another program: said" grep -q "^notice $fixtures/can_ptrace has another build ID: " "$out"

mkdir -p "$tmp/root/$tmp" && cp "$tmp/moved" "$tmp/root/$program"
run "$summary" "$tmp/$kind" -s "$tmp/root" -r "$text:32"
check "--sysroot: its text is there" grep -qx "bytes $text $text_bytes" "$out"
check "--sysroot: the other files are taken from their paths" sh -c "grep -q '^file .*libc.so.6 build-id=[0-9a-f]* /.*libc.so.6$' '$out'"

mkdir -p "$tmp/debug/.build-id/$(echo "$build_id" | cut -c1-2)"
cp "$tmp/moved" "$tmp/debug/.build-id/$(echo "$build_id" | cut -c1-2)/$(echo "$build_id" | cut -c3-)"
run "$summary" "$tmp/$kind" -d "$tmp/debug" -r "$text:32"
check "by build ID in a debug directory" grep -qx "bytes $text $text_bytes" "$out"

cp "$fixtures/can_ptrace" "$program"
run "$summary" "$tmp/$kind" -r "$text:32"
check "replaced program: absent" grep -qx "bytes $text absent" "$out"
check "replaced program: told what is there instead" grep -q "^notice $program is not on this machine: wanted is build ID $build_id; $program has another build ID: [0-9a-f]*$" "$out"

# What is no core.
run "$summary" "$tmp/moved"
is "a program is refused" "$status" 3
matches "a program is refused: message" "$err" "is a program or a library, not a core"
check "a program is not recognised" grep -qx "recognised 0" "$out"
done_testing
