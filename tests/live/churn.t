#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Programs that never stop allocating, looked at at random moments. For the recorder's books and
# heapsnap's copy to be of the same instant, the program must not run on when heapsnap has gone. Two
# ways to that:
#
#	caught	it runs, and gets SIGSTOP while heapsnap holds it (tests/truth/ambush.c)
#	frozen	it was stopped by SIGSTOP before heapsnap came, and stays so
#
# What heapsnap calls exact must be right every time, and it must be exact in at least 95 of 100 stops.
#
# $CHURN_STOPS is how often each of the eight programs is caught (27: 216 stops); one time in four more
# it is frozen.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/suites/suites.sh"
. "$top_srcdir/tests/truth/truth.sh"
need_ptrace
need /usr/bin/python3
: "${MATRIX_SUITES:=bullseye bookworm trixie sid}"
: "${CHURN_STOPS:=27}"
# shellcheck disable=SC2086
need_suites "$oldest_suite" $MATRIX_SUITES

bin=$tmp/bin
mkdir "$bin"
if ! build_recorder "$bin" >"$tmp/build.log" 2>&1 ||
	! build_programs "$bin" churn single_churn >>"$tmp/build.log" 2>&1; then
	not_ok "the fixtures are built against $oldest_suite"
	diag_file "$tmp/build.log"
	done_testing
fi
recorder=$bin/recorder.so

# all_threads STATES: each thread is in one of these states by now. A thread that a tracer lets go needs a
# moment to get back to where it was.
all_threads() {
	_tries=0
	until ! grep -h '^State:' /proc/"$target_pid"/task/*/status | grep -qv "^State:.[$1]"; do
		_tries=$((_tries + 1))
		[ "$_tries" -lt 200 ] || return 1
		sleep 0.005
	done
}

not_traced() {
	! grep -q '^TracerPid:.*[1-9]' "/proc/$target_pid/status"
}

# caught: heapsnap looks at the running program, which is stopped from then on. Fails where it was not
# quick enough, and leaves the program running.
caught() {
	echo missed >"$tmp/ambush"
	status=0
	"$top_builddir/tests/truth/ambush" "$target_pid" "$tmp/ambush" \
		"$HEAPSNAP" list --all --format csv --bytes --debuginfo-path "$path" -p "$target_pid" \
		>"$tmp/list.csv" 2>"$tmp/list.err" || status=$?
	case $(cat "$tmp/ambush") in
	held) return 0 ;;
	late) kill -CONT "$target_pid" ;;
	esac
	return 1
}

frozen() {
	kill -STOP "$target_pid"
	all_threads T
	truth_list --debuginfo-path "$path" -p "$target_pid"
}

# judge_stop: counts the stop in exact, admitted or wrong, and in disturbed if the program does not stand.
judge_stop() {
	stops=$((stops + 1))
	if ! all_threads T || ! not_traced; then
		disturbed=$((disturbed + 1))
		diag "not stopped: $(grep -h '^State\|^TracerPid' /proc/"$target_pid"/task/*/status)"
	fi
	if [ "$status" -eq 0 ] && truth_judge; then
		exact=$((exact + 1))
	elif [ "$status" -eq 5 ]; then
		admitted=$((admitted + 1))
		truth_judge
		diag_file "$tmp/list.err"
		diag_file "$tmp/verdict"
	else
		wrong=$((wrong + 1))
		diag "exit status $status"
		diag_file "$tmp/list.err"
		diag_file "$tmp/verdict"
	fi
	kill -CONT "$target_pid"
}

# churn NAME COMMAND...
churn() {
	_name=$1
	shift
	# shellcheck disable=SC2086
	record $suite_run "$@" || return
	stops=0 exact=0 admitted=0 wrong=0 disturbed=0 quick=0
	_stop=0
	while [ "$_stop" -lt "$CHURN_STOPS" ]; do
		_stop=$((_stop + 1))
		# Every second one has debug information to read.
		path=$suite_debug
		[ $((_stop % 2)) -eq 0 ] || path=
		# Not a round figure: nothing in the program keeps step with it.
		sleep "0.0$((_stop * 7 % 41))"
		if caught; then
			quick=$((quick + 1))
		else
			frozen
		fi
		judge_stop
		[ $((_stop % 4)) -eq 0 ] || continue
		sleep "0.0$((_stop * 5 % 23))"
		frozen
		judge_stop
	done
	label="$suite $suite_version, $_name"
	is "$label: of $stops stops ($quick caught, $exact exact, $admitted said not to be) wrong" "$wrong" 0
	is "$label: times that it was not left as it was" "$disturbed" 0
	truth_list -p "$target_pid"
	check "$label: nobody holds it when heapsnap has looked" not_traced
	check "$label: it runs on" all_threads RSD
	total_exact=$((total_exact + exact))
	total=$((total + stops))
	stop_target
}

total=0 total_exact=0
for suite in $MATRIX_SUITES; do
	suite_use "$suite"
	churn "7 threads" "$bin/churn" --share
	churn "one thread" "$bin/single_churn"
done
check "at least 95 of 100 stops are exact ($total_exact of $total)" \
	test $((total_exact * 100)) -ge $((total * 95))
done_testing
