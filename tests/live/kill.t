#!/bin/sh
# SPDX-License-Identifier: MIT
# A target survives whatever happens to us while it is stopped: 100 times SIGKILL at a random moment of the stop, of heapsnap itself and of
# the capture alone with threads being let run, and the signals that people send. And we survive what happens to it.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/live/capture.sh"
need_ptrace

trials=$top_builddir/tests/live/kill_trials
start_target "$fixtures/busy" 64 6 "$tmp/counter" || done_testing

# So long is a stop here and now.
run "$driver" -w "$target_pid"
is "a capture without trouble: status" "$status" 0
pause=$(value pause_us)
diag "a stop takes $pause us"

# trials_check DESC TRIALS LONGEST OPTION... -- COMMAND...: no trial harmed the target, and enough of them hit the stop: a third of one batch, ten at least.
# Where the machine has other things to do a signal comes late, or the stop is over soon; then there are more batches.
trials_check() {
	desc=$1 n=$2 longest=$3 options=
	shift 3
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	enough=$(((n + 2) / 3)) hits=0 batches=0
	[ $enough -ge 10 ] || enough=10
	: >all
	while [ $hits -lt $enough ] && [ $batches -lt 10 ]; do
		# shellcheck disable=SC2086 # options are words
		run "$trials" -m "$longest" $options "$n" "$target_pid" "$tmp/counter" "$@"
		cat "$out" >>all
		batches=$((batches + 1))
		in_stop=$(sed -n 's/^trials .* in_stop \([0-9]*\) .*/\1/p' "$out")
		hits=$((hits + ${in_stop:-0}))
	done
	diag_file all
	is "$desc: nothing was harmed" "$(grep -c "^trials $n in_stop [0-9]* harmed 0\$" all)" "$batches"
	check "$desc: $hits trials hit the stop" test $hits -ge $enough
}
trials_check "SIGKILL of the capture" 30 $((pause * 2 / 3)) -- "$driver" -w "$target_pid"
trials_check "SIGKILL of heapsnap" 40 $((pause * 2 / 3)) -- "$HEAPSNAP" -p "$target_pid"
# Threads are being stopped, and let run, in the first moments.
trials_check "SIGKILL at once" 30 1000 -- "$driver" -w "$target_pid"
for signal in "INT 2" "TERM 15" "HUP 1"; do
	number=${signal#* } signal=${signal% *}
	trials_check "SIG$signal" 5 $((pause / 2)) -s "$number" -- "$driver" -w "$target_pid"
	matches "SIG$signal: it ends the capture as it should" all "^signal $number\$"
done
check "the target still counts" counts_up "$tmp/counter"
run "$driver" "$target_pid"
is "and can be captured" "$status" 0
stop_target

# What is ignored stays ignored: nohup.
start_target "$fixtures/busy" 1 0 "$tmp/counter" || done_testing
run sh -c 'trap "" HUP; exec "$@"' sh "$driver" -r 20 "$target_pid"
is "with SIGHUP ignored: status" "$status" 0
stop_target

# The target is killed in its turn; some of the trials must come before the copy has ended.
trial=0 wrong=0 hit=0
while [ $trial -lt 15 ] || { [ $hit -lt 2 ] && [ $trial -lt 100 ]; }; do
	start_target "$fixtures/busy" 30 3 "$tmp/counter" || done_testing
	run "$trials" -m 8000 -t "$target_pid" "$driver" "$target_pid"
	case $(cat "$out") in
	'exit 0') ;;
	'exit 1') hit=$((hit + 1)) ;;
	*) wrong=$((wrong + 1)); diag_file "$out" ;;
	esac
	stop_target
	trial=$((trial + 1))
done
diag "$trial targets killed, $hit before the end of the copy"
is "targets killed while they were copied: an image or an error, never worse" "$wrong" 0
check "targets killed while they were copied: some before the end of it" test "$hit" -ge 2
done_testing
