#!/bin/sh
# SPDX-License-Identifier: MIT
# What is captured is what the target held, in memory and in a spool file, with one copy thread and with several, with new kernels'
# means and old ones'; from a target that runs, that is stopped, whose threads and mappings come and go, whose main thread has ended.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/live/capture.sh"
need_ptrace

# capture_checks DESC FILE OPTIONS... PID: a capture succeeds, agrees with what the fixture said, and leaves it alone.
capture_checks() {
	desc=$1 said=$2
	shift 2
	for pid; do :; done
	# shellcheck disable=SC2046 # one word each
	run "$driver" $(range_options "$said") "$@"
	is "$desc: status" "$status" 0
	[ "$status" = 0 ] || diag_file "$out"
	check "$desc: the bytes are the target's" sums_agree "$said"
	check "$desc: the target runs on" untouched "$pid"
}

# ---- a busy program ----

start_target "$fixtures/busy" 40 6 "$tmp/counter" || done_testing
busy=$target_pid busy_out=$target_out
capture_checks "busy" "$busy_out" "$busy"
check "busy: all its threads" test "$(grep -c '^thread .* registers 1 ' "$out")" = 7
check "busy: every thread has its stack and thread pointer" \
	test "$(grep -c '^thread .* pc 0x[1-9a-f][0-9a-f]* sp 0x[1-9a-f][0-9a-f]* tp 0x[1-9a-f]' "$out")" = 7
check "busy: the copy is the private memory" test "$(value bytes)" -ge $((40 << 20))
is "busy: in memory" "$(value spooled)" 0
is "busy: not held" "$(value held)" 0
check "busy: the executable is known" test "$(value exe)" = "$fixtures/busy"
check "busy: the executable is among the files" test "$(value exe_file)" -ge 0
matches "busy: the command line" "$out" "^command $fixtures/busy 40 6 $tmp/counter\$"
is "busy: every file was found" "$(grep -c '^file .* - replaced' "$out")" 0
check "busy: a pause was measured" test "$(value pause_us)" -gt 0
capture_checks "one copy thread" "$busy_out" -j 1 "$busy"
capture_checks "four copy threads" "$busy_out" -j 4 "$busy"
capture_checks "threads let run for a moment" "$busy_out" -w "$busy"
check "threads let run for a moment: each was" test "$(value runs)" -ge 7
capture_checks "as before Linux 6.7" "$busy_out" -o "$busy"
capture_checks "captured five times" "$busy_out" -r 5 "$busy"
mkdir "$tmp/spool"
capture_checks "spooled" "$busy_out" -s -d "$tmp/spool" "$busy"
is "spooled: it says so" "$(value spooled)" 1
is "spooled: nothing is left behind" "$(ls "$tmp/spool")" ""
capture_checks "spooled, as before Linux 6.7" "$busy_out" -s -o -d "$tmp/spool" "$busy"
check "busy: it still counts" counts_up "$tmp/counter"

# ---- stopped by SIGSTOP, it stays so ----

kill -STOP "$busy"
check "SIGSTOP: the target stops" wait_for_state "$busy" T
before=$(count "$tmp/counter")
# shellcheck disable=SC2046
run "$driver" $(range_options "$busy_out") -r 3 "$busy"
is "SIGSTOP: status" "$status" 0
check "SIGSTOP: the bytes are the target's" sums_agree "$busy_out"
is "SIGSTOP: it is stopped still" "$(sed -n 's/^State:	\(.\).*/\1/p' /proc/"$busy"/task/*/status | sort -u)" T
is "SIGSTOP: nobody traces it" "$(sed -n 's/^TracerPid:	//p' /proc/"$busy"/task/*/status | sort -u)" 0
is "SIGSTOP: it did nothing meanwhile" "$(count "$tmp/counter")" "$before"
kill -CONT "$busy"
check "SIGSTOP: SIGCONT resumes it" counts_up "$tmp/counter"
check "SIGSTOP: all of it" untouched "$busy"
stop_target "$busy"

# ---- memory with holes ----

start_target "$fixtures/unreadable" || done_testing
unreadable=$target_pid unreadable_out=$target_out
grep -q '^absent' "$unreadable_out" || not_ok "the fixture has unreadable pages"
capture_checks "holes" "$unreadable_out" "$unreadable"
capture_checks "holes, spooled" "$unreadable_out" -s -d "$tmp/spool" "$unreadable"
if grep -q '^reserve' "$unreadable_out"; then
	capture_checks "holes, two copy threads" "$unreadable_out" -j 2 "$unreadable"
	check "a reserve of 20 TiB costs nothing" test "$(value bytes)" -lt $((64 << 20))
	# What an old kernel cannot tell is said, and is absent rather than zero.
	# shellcheck disable=SC2046
	run "$driver" -o $(range_options "$unreadable_out") "$unreadable"
	is "a reserve of 20 TiB before Linux 6.7: status" "$status" 0
	matches "a reserve of 20 TiB before Linux 6.7: a notice" "$out" '^notice mappings that were not copied: 1 of 20.0 TiB'
	reserve=$(sed -n 's/^reserve \(0x[0-9a-f]*\)-.*/\1/p' "$unreadable_out")
	awk -v reserve="$reserve" '/^reserve/ { after = 1; next } !after' "$unreadable_out" >"$tmp/said"
	check "a reserve of 20 TiB before Linux 6.7: the rest is exact" sums_agree "$tmp/said"
else
	skip "a reserve of 20 TiB" "the system does not give it"
fi
fragments=$(sed -n 's/^fragments //p' "$unreadable_out")
looked=$(sed -n 's/^looked //p' "$unreadable_out")
run "$driver" -m "$unreadable"
matches "pages in many places are counted" "$out" "^mapping ${fragments% *} prot 3 shared 0 rss ${fragments#* } "
if printf '6.7\n%s\n' "$(uname -r)" | sort -VC; then
	# What older kernels cannot tell: two pages of the reserve, and the pages of zeros.
	bytes=$(($(value bytes) + ${looked#*-} - ${looked%-*}))
	! grep -q '^reserve' "$unreadable_out" || bytes=$((bytes - 8192))
	run "$driver" -m -o "$unreadable"
	is "pages in many places are copied once" "$bytes" "$(value bytes)"
	run "$driver" -m "$unreadable"
	matches "pages that were read and never written are not resident" "$out" "^mapping $looked prot 1 shared 0 rss 0 "
else
	skip "pages that were read and never written" "Linux before 6.7 does not tell them from others"
fi
stop_target "$unreadable"

# ---- memory that somebody serves, who may be in the process that stands still ----

start_target "$fixtures/served" || done_testing
served=$target_pid served_out=$target_out
if refused=$(sed -n 's/^refused //p' "$served_out") && [ -n "$refused" ]; then
	skip "memory that is served" "$refused"
elif run timeout -s KILL 60 "$driver" "$served" && [ "$status" != 0 ]; then
	not_ok "a capture of served memory ends" "status $status"
else
	for option in "" -s -o; do
		# shellcheck disable=SC2086
		set -- $option
		capture_checks "served memory${1:+ ($1)}" "$served_out" "$@" "$served"
	done
	# The thread came to malloc and waits for its stack: nothing is known of its frames.
	run timeout -s KILL 60 "$HEAPSNAP" list --min-size 1G "$served"
	is "served memory: a thread in malloc that waits for it" "$status" 5
	check "served memory: the process runs on" untouched "$served"
fi
stop_target "$served"

# ---- threads and mappings that come and go ----

for what in threads mappings; do
	start_target "$fixtures/restless" $what || done_testing
	restless=$target_pid restless_out=$target_out
	latest=$(sed -n 's/^latest //p' "$restless_out")
	wrong=0
	: >"$tmp/latest"
	trial=0
	while [ $trial -lt 20 ]; do
		# shellcheck disable=SC2046
		run "$driver" $([ $((trial % 2)) = 0 ] || echo -w) -l "$latest" $(range_options "$restless_out") "$restless"
		grep '^latest' "$out" >>"$tmp/latest"
		{ [ "$status" = 0 ] && sums_agree "$restless_out"; } >"$tmp/why" || {
			wrong=$((wrong + 1))
			diag_file "$out"
			diag_file "$tmp/why"
		}
		trial=$((trial + 1))
	done
	is "restless $what: 20 captures succeed" "$wrong" 0
	if [ $what = mappings ]; then
		# What was mapped after the preparations, and after a thread was let run on, is in the copy too.
		matches "restless $what: a new mapping is captured" "$tmp/latest" '^latest right$'
		check_not "restless $what: and every time" grep -vE '^latest (right|none)$' "$tmp/latest"
	fi
	check "restless $what: the target runs on" untouched "$restless"
	stop_target "$restless"
done

# ---- changes between the look before the stop and the stop ----

mkfifo "$tmp/to" "$tmp/go"
# on_demand_start: a target that does what is written to descriptor 7.
on_demand_start() {
	_tap_started=$((${_tap_started:-0} + 1))
	target_out=$tmp/target.$_tap_started
	: >"$target_out"
	"$fixtures/on_demand" <"$tmp/to" >"$target_out" 2>&1 &
	target_pid=$!
	_tap_targets="$_tap_targets $target_pid"
	exec 7>"$tmp/to"
	wait_for "$target_out" '^ready'
}
# driver_start OPTIONS: opens the target, then waits for a line on descriptor 8.
driver_start() {
	out=$tmp/out
	: >"$out"
	"$driver" -p "$@" "$target_pid" <"$tmp/go" >"$out" 2>&1 &
	driver_pid=$!
	exec 8>"$tmp/go"
	wait_for "$out" '^opened'
}
# driver_go: lets it go on; sets $status.
driver_go() {
	echo >&8
	exec 8>&-
	status=0
	wait "$driver_pid" || status=$?
}

on_demand_start
driver_start
echo map >&7
until [ "$(grep -c '^range' "$target_out")" = 2 ]; do sleep 0.02; done
sed -n 's/^range \([^ ]*\) .*/\1/p' "$target_out" >&8
driver_go
is "mapped after the look: status" "$status" 0
check "mapped after the look: the bytes are there" sums_agree "$target_out"

driver_start
echo exec >&7
until [ "$(grep -c '^ready' "$target_out")" = 2 ]; do sleep 0.02; done
driver_go
is "executed another program: status" "$status" 1
matches "executed another program: the message" "$out" '^error os process [0-9]* \(on_demand\): it has executed another program since it was opened'
check "executed another program: it runs on" untouched "$target_pid"

driver_start
echo exit >&7
wait "$target_pid"
driver_go
is "ended meanwhile: status" "$status" 1
matches "ended meanwhile: the message" "$out" '^error os process [0-9]* \(exe\) has ended'
exec 7>&-

# ---- a thread that cannot be stopped, a process without its main thread ----

on_demand_start
echo vfork >&7
wait_for "$target_out" '^vforked'
# shellcheck disable=SC2046
run "$driver" $(range_options "$target_out") "$target_pid"
is "vfork: status" "$status" 0
matches "vfork: the thread is named" "$out" "^notice thread $target_pid could not be stopped"
matches "vfork: what it waits in is known" "$out" "^thread $target_pid on_demand registers 0 pc 0x[1-9a-f].* syscall [0-9]"
check "vfork: the pause is bounded" test "$(value pause_us)" -lt 2000000
is "vfork: nobody traces it" "$(sed -n 's/^TracerPid:	//p' /proc/"$target_pid"/status)" 0
exec 7>&-
stop_target

on_demand_start
echo leave >&7
wait_for "$target_out" '^left'
is "the main thread is a zombie" "$(state "$target_pid")" Z
# shellcheck disable=SC2046
run "$driver" $(range_options "$target_out") "$target_pid"
is "without a main thread: status" "$status" 0
check "without a main thread: the bytes are the target's" sums_agree "$target_out"
is "without a main thread: one thread" "$(grep -c '^thread' "$out")" 1
exec 7>&-
stop_target
done_testing
