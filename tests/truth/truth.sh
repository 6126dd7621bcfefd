# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# Comparing heapsnap's list with the truth: sourced after tests/tap.sh.
#
#	recorder=DIR/recorder.so
#	record ./program		starts it with the recorder, as start_target does
#	truth_equal "what it is" -p "$target_pid"	one assertion: set equality, and exit status 0
#
# record sets target_pid to the process to look at (a fixture may name its child), target_main to the
# one that was started, and truth to the truth file of the former.

recorder=$top_builddir/tests/truth/recorder.so
: "${TRUTH_LOG2:=16}"

# record COMMAND...: may begin with VARIABLE=value words, which only the program gets.
record() {
	truth_prefix=$tmp/truth.$((${_tap_started:-0} + 1))
	start_target env HEAPSNAP_TRUTH="$truth_prefix" HEAPSNAP_TRUTH_LOG2="$TRUTH_LOG2" \
		LD_PRELOAD="$recorder" "$@" || return 1
	truth_found
}

# record_static COMMAND...: the same for a program that has the recorder linked in.
record_static() {
	truth_prefix=$tmp/truth.$((${_tap_started:-0} + 1))
	start_target env HEAPSNAP_TRUTH="$truth_prefix" HEAPSNAP_TRUTH_LOG2="$TRUTH_LOG2" "$@" ||
		return 1
	truth_found
}

truth_found() {
	target_main=$target_pid
	_truth_child=$(sed -n 's/^pid //p' "$target_out")
	target_pid=${_truth_child:-$target_pid}
	truth=$truth_prefix.$target_pid
}

# The fixture printed chunks of its own: hold them against the list as well.
truth_printed() {
	grep -q '^0x' "$target_out" && echo --printed "$target_out"
}

# truth_list ARGUMENTS...: heapsnap's list of every chunk in $tmp/list.csv; its exit status in $status.
truth_list() {
	status=0
	"$HEAPSNAP" list --all --format csv --bytes "$@" >"$tmp/list.csv" 2>"$tmp/list.err" || status=$?
}

# truth_judge [OPTION...]: compares $tmp/list.csv with $truth; what it says is in $tmp/verdict.
truth_judge() {
	# shellcheck disable=SC2046
	"$top_srcdir/tests/truth/truth" compare "$truth" "$tmp/list.csv" $(truth_printed) "$@" \
		>"$tmp/verdict" 2>&1
}

# truth_equal DESCRIPTION ARGUMENTS...: heapsnap ARGUMENTS lists the truth, and says that it is exact.
truth_equal() {
	_truth_desc=$1
	shift
	truth_list "$@"
	if [ "$status" -ne 0 ]; then
		not_ok "$_truth_desc" "exit status $status"
		truth_judge
		diag_file "$tmp/list.err"
		diag_file "$tmp/verdict"
	elif truth_judge; then
		ok "$_truth_desc ($(sed -n '1s/, matched.*/ held/p' "$tmp/verdict"))"
	else
		not_ok "$_truth_desc"
		diag_file "$tmp/list.err"
		diag_file "$tmp/verdict"
	fi
}
