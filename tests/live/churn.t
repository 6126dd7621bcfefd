#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Programs that never stop allocating, looked at at random moments. Stopped by SIGSTOP first, so that
# the recorder's books and heapsnap's image are of the same instant: heapsnap gets its threads out of
# malloc, leaves the program stopped, and then the books are read. What heapsnap calls exact must be
# right every time, and it must be exact in at least 95 of 100 stops.
#
# $CHURN_STOPS is how often each of the eight programs is stopped (27: 216 stops).
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

all_threads() {
	for _status in /proc/"$target_pid"/task/*/status; do
		grep -q "^State:.[$1]" "$_status" || return 1
	done
}

not_traced() {
	! grep -q '^TracerPid:.*[1-9]' "/proc/$target_pid/status"
}

# stop_and_compare: one stop; counts it in exact, admitted, wrong and disturbed.
stop_and_compare() {
	kill -STOP "$target_pid"
	until all_threads T; do
		sleep 0.002
	done
	truth_list --debuginfo-path "$path" -p "$target_pid"
	if ! all_threads T || ! not_traced; then
		disturbed=$((disturbed + 1))
		diag "not stopped as before: $(grep -h '^State\|^TracerPid' /proc/"$target_pid"/task/*/status)"
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

# churn NAME COMMAND...: stops it $CHURN_STOPS times, half of them without debug information.
churn() {
	_name=$1
	shift
	# shellcheck disable=SC2086
	record $suite_run "$@" || return
	exact=0 admitted=0 wrong=0 disturbed=0
	_stop=0
	while [ $_stop -lt "$CHURN_STOPS" ]; do
		_stop=$((_stop + 1))
		path=$suite_debug
		[ $((_stop % 2)) -eq 0 ] || path=
		# Not a round figure: nothing in the program keeps step with it.
		sleep "0.0$((_stop * 7 % 41))"
		stop_and_compare
	done
	label="$suite $suite_version, $_name"
	is "$label: what is called exact is right ($exact exact, $admitted say that they are not)" \
		"$wrong" 0
	is "$label: it stays stopped" "$disturbed" 0
	check "$label: it runs on" kill -0 "$target_pid"
	total_exact=$((total_exact + exact))
	total=$((total + CHURN_STOPS))
	stop_target
}

# running NAME THREADS COMMAND...: looks at a program that runs. It holds the same number of chunks, but
# for one a thread, at every moment; the first look, while it is stopped, tells how many those are.
running() {
	_name=$1 _threads=$2
	shift 2
	# shellcheck disable=SC2086
	record $suite_run "$@" || return
	kill -STOP "$target_pid"
	until all_threads T; do
		sleep 0.002
	done
	_held=$("$top_srcdir/tests/truth/truth" dump "$truth" | grep -c ',live$')
	kill -CONT "$target_pid"
	_looks=0 _outside=0 _bad=0 exact=0
	while [ $_looks -lt 10 ]; do
		_looks=$((_looks + 1))
		truth_list -p "$target_pid"
		case $status in
		0) exact=$((exact + 1)) ;;
		5) diag_file "$tmp/list.err" ;;
		*)
			_bad=$((_bad + 1))
			diag "exit status $status"
			diag_file "$tmp/list.err"
			;;
		esac
		_count=$(awk -F, '$5 == "in-use" || $5 == "internal"' "$tmp/list.csv" | wc -l)
		_internal=$(awk -F, '$5 == "internal"' "$tmp/list.csv" | wc -l)
		# What libc made for itself without asking the recorder: at most a tcache a thread.
		if [ "$status" -eq 0 ] && { [ "$_count" -lt $((_held - _threads)) ] ||
			[ "$_count" -gt $((_held + 2 * _threads + _internal)) ]; }; then
			_outside=$((_outside + 1))
			diag "$_count in use, $_internal of them internal; $_held held, $_threads threads"
		fi
	done
	label="$suite $suite_version, $_name, running"
	is "$label: every look gives a list" "$_bad" 0
	is "$label: as many chunks as it holds ($exact of $_looks exact)" "$_outside" 0
	check "$label: it runs on, untraced" not_traced
	check "$label: it is not left stopped" all_threads RSD
	total_exact=$((total_exact + exact))
	total=$((total + _looks))
	stop_target
}

total=0 total_exact=0
for suite in $MATRIX_SUITES; do
	suite_use "$suite"
	churn "7 threads" "$bin/churn" --share
	churn "one thread" "$bin/single_churn"
	running "7 threads" 7 "$bin/churn"
done
check "at least 95 of 100 stops are exact ($total_exact of $total)" \
	test $((total_exact * 100)) -ge $((total * 95))
done_testing
