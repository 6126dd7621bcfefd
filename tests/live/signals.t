#!/bin/sh
# SPDX-License-Identifier: MIT
# Signals and waits of the target pass the stop unharmed: none is lost, none is doubled, none comes out of order; what is pending stays so; a
# wait goes on.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/live/capture.sh"
need_ptrace

# Several hundred stops fall into this.
start_target "$fixtures/signal_storm" 4000 || done_testing
captures=0
until grep -q '^received' "$target_out"; do
	run "$driver" -w -r 20 "$target_pid"
	[ "$status" = 0 ] || { not_ok "a capture during the storm" "$(cat "$out")"; break; }
	captures=$((captures + 20))
done
check "there were stops in it ($captures)" test "$captures" -ge 40
is "4000 queued signals" "$(sed -n '/^received/p' "$target_out")" "received 4000 in order"
stop_target

# The same with us being killed.
start_target "$fixtures/signal_storm" 3000 || done_testing
while ! grep -q '^received' "$target_out" && kill -0 "$target_pid"; do
	"$driver" -w -r 100 "$target_pid" >/dev/null 2>&1 &
	driver_pid=$!
	sleep 0.03
	{ kill -KILL "$driver_pid"; wait "$driver_pid"; } 2>/dev/null
done
is "3000 queued signals, with us killed again and again" "$(sed -n '/^received/p' "$target_out")" "received 3000 in order"
stop_target

start_target "$fixtures/blocked_calls" || done_testing
run "$driver" "$target_pid"
futex=$(sed -n 's/^futex //p' "$target_out")
case $(uname -m) in
aarch64) futex_call=98 ;;
*) futex_call=202 ;;
esac
is "a wait shows as the system call it is" "$(grep -c "^thread .* syscall $futex_call $futex\$" "$out")" 2
is "nine threads" "$(grep -c '^thread' "$out")" 9
for option in "" -w; do
	# shellcheck disable=SC2086
	run "$driver" $option -r 5 "$target_pid"
	is "waits ($option): status" "$status" 0
done
sleep 0.2
is "no wait has returned" "$(grep '^returned' "$target_out")" ""
kill -TERM "$target_pid"
wait_for "$target_out" '^pending'
is "the pending signal was still there" "$(sed -n '/^pending/p' "$target_out")" "pending 1"
stop_target
done_testing
