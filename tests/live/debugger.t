#!/bin/sh
# SPDX-License-Identifier: MIT
# A process has one tracer. Held stopped by a debugger, it is read without attaching; traced and running, it is refused by the tracer's name.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/live/capture.sh"
need_ptrace
ulimit -c 0

if command -v gdb >/dev/null; then
	start_target "$fixtures/busy" 20 4 "$tmp/counter" || done_testing
	cat >"$tmp/inside" <<-END
		#!/bin/sh
		"$driver" $(range_options "$target_out" | tr '\n' ' ') "$target_pid" >"$tmp/out" 2>&1
		echo \$? >"$tmp/status"
		"$driver" -s -d "$tmp" $(range_options "$target_out" | tr '\n' ' ') "$target_pid" >"$tmp/out.spooled" 2>&1
	END
	chmod +x "$tmp/inside"
	gdb -q -nx -batch -p "$target_pid" -ex 'info threads' -ex "shell $tmp/inside" -ex 'info threads' -ex detach </dev/null \
		>"$tmp/gdb" 2>&1
	out=$tmp/out
	is "gdb: status" "$(cat "$tmp/status")" 0
	is "gdb: it says so" "$(value held)" 1
	is "gdb: no pause of ours" "$(value pause_us)" 0
	check "gdb: the bytes are the target's" sums_agree "$target_out"
	is "gdb: all threads" "$(grep -c '^thread' "$out")" 5
	is "gdb: every thread has a program counter and a stack" \
		"$(grep -c '^thread .* registers 0 pc 0x[1-9a-f][0-9a-f]* sp 0x[1-9a-f]' "$out")" 5
	out=$tmp/out.spooled
	check "gdb, spooled: the bytes are the target's" sums_agree "$target_out"
	check "gdb: it still had its threads afterwards" test "$(grep -c 'Thread 0x.*LWP' "$tmp/gdb")" -ge 10
	check "gdb: after it detached the target runs on" untouched "$target_pid"
	check "gdb: and counts" counts_up "$tmp/counter"
	# Let go on by the debugger while we copy: not an image of one moment.
	: >"$tmp/status" # the first capture's, which would be taken for the end of this one
	cat >"$tmp/inside" <<-END
		#!/bin/sh
		(sleep 0.2; "$driver" -r 1000 "$target_pid" >"$tmp/out" 2>&1; echo \$? >"$tmp/status") &
	END
	gdb -q -nx -batch -p "$target_pid" -ex "shell $tmp/inside" -ex 'shell sleep 1' -ex detach </dev/null >"$tmp/gdb" 2>&1
	wait_for "$tmp/status" '^[0-9]'
	# Either it noticed in the middle of one, or the next one attached and was undisturbed.
	case $(cat "$tmp/status") in
	0) ok "gdb lets go in the middle: the next capture attaches" ;;
	1) matches "gdb lets go in the middle: it is noticed" "$tmp/out" 'the debugger let it run|is traced by gdb' ;;
	*) not_ok "gdb lets go in the middle" "$(cat "$tmp/status" "$tmp/out")" ;;
	esac
	check "gdb lets go in the middle: the target runs on" untouched "$target_pid"
	stop_target
else
	skip "held by a debugger" "gdb is not installed"
fi

if command -v strace >/dev/null; then
	start_target "$fixtures/busy" 1 2 "$tmp/counter" || done_testing
	: >"$tmp/strace"
	strace -f -o /dev/null -p "$target_pid" 2>"$tmp/strace" &
	strace_pid=$!
	wait_for "$tmp/strace" attached
	run "$driver" "$target_pid"
	is "strace: status" "$status" 1
	matches "strace: named" "$out" "^error os process $target_pid \\(busy\\) is traced by strace \\(process $strace_pid\\), which lets it run"
	run "$HEAPSNAP" -p "$target_pid"
	is "strace: heapsnap's status" "$status" 3
	matches "strace: heapsnap names it" "$err" "is traced by strace \\(process $strace_pid\\)"
	check "strace: the target counts" counts_up "$tmp/counter"
	kill -TERM "$strace_pid"
	wait "$strace_pid" 2>/dev/null
	run "$driver" "$target_pid"
	is "after strace: status" "$status" 0
	stop_target
else
	skip "traced and running" "strace is not installed"
fi
done_testing
