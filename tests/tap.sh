# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# The test protocol for shell: sourced by tests/live/*.t and tests/golden/*.sh.
#
#	#!/bin/sh
#	# SPDX-License-Identifier: MIT
#	. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
#	need_ptrace
#	start_target "$fixtures/one_chunk"
#	run "$HEAPSNAP" list --format csv -p "$target_pid"
#	is "exit status" "$status" 0
#	check "the chunk is listed" grep -q "^$(sed -n 's/^chunk //p' "$target_out")," "$out"
#	done_testing
#
# A test runs in a directory of its own, $tmp, which is its working directory and is removed when
# it ends; targets it started are ended with it. All paths in the environment are absolute:
#
#	top_srcdir top_builddir	the two trees
#	HEAPSNAP		the program under test
#	fixtures		where the compiled fixture programs are
#	tmp			this test's own directory
#
# A test that dies before done_testing has printed no plan, which the harness counts as an error.

_tap_abs() {
	(cd "$1" 2>/dev/null && pwd -P) || { echo "Bail out! no directory $1"; exit 99; }
}

top_srcdir=$(_tap_abs "${top_srcdir:-$(dirname "$0")/../..}") || { echo "$top_srcdir"; exit 99; }
top_builddir=$(_tap_abs "${top_builddir:-$top_srcdir/build}") || { echo "$top_builddir"; exit 99; }
case ${HEAPSNAP:=$top_builddir/heapsnap} in
/*) ;;
*) HEAPSNAP=$PWD/$HEAPSNAP ;;
esac
fixtures=$top_builddir/fixtures/programs
export top_srcdir top_builddir HEAPSNAP fixtures
# One language for messages and sorting, and no terminal habits from the caller.
LC_ALL=C NO_COLOR=1
export LC_ALL NO_COLOR

_tap_count=0
_tap_failed=0
_tap_targets=
tmp=$(mktemp -d "${TMPDIR:-/tmp}/heapsnap-test.XXXXXX") || { echo "Bail out! mktemp failed"; exit 99; }
cd "$tmp" || exit 99
# What heapsnap keeps between runs is this test's own; what tests fetch is not.
: "${HEAPSNAP_SUITES:=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/heapsnap-suites}" \
	"${BENCH_TYPES_CACHE:=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/heapsnap-bench}"
XDG_CACHE_HOME=$tmp/cache
export HEAPSNAP_SUITES XDG_CACHE_HOME

_tap_end() {
	_tap_status=$?
	trap - EXIT
	for _tap_pid in $_tap_targets; do
		kill -KILL "$_tap_pid" 2>/dev/null
		wait "$_tap_pid" 2>/dev/null
	done
	cd / && rm -rf "$tmp"
	exit $_tap_status
}
trap _tap_end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# diag TEXT...: a remark in the log.
diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

# diag_file FILE: a file in the log, as remarks; a long one is cut.
diag_file() {
	[ -s "$1" ] && head -c 8000 "$1" | sed 's/^/# /' && echo
	return 0
}

# ok DESC: one passed assertion.
ok() {
	_tap_count=$((_tap_count + 1))
	printf 'ok %d - %s\n' "$_tap_count" "$1"
}

# not_ok DESC [REMARK...]: one failed assertion.
not_ok() {
	_tap_count=$((_tap_count + 1))
	_tap_failed=$((_tap_failed + 1))
	printf 'not ok %d - %s\n' "$_tap_count" "$1"
	shift
	[ $# -eq 0 ] || diag "$@"
}

# skip DESC REASON: one assertion that cannot be made here.
skip() {
	_tap_count=$((_tap_count + 1))
	printf 'ok %d - %s # SKIP %s\n' "$_tap_count" "$1" "$2"
}

# skip_all REASON: ends the test; nothing of it can be done here.
skip_all() {
	if [ "$_tap_count" -ne 0 ]; then
		skip "the rest of the test" "$1"
		done_testing
	fi
	printf '1..0 # SKIP %s\n' "$1"
	exit 0
}

# check DESC COMMAND...: passes when the command does; what it printed is shown when it does not.
# The command runs in this shell, so it may be a function that sets variables.
check() {
	_tap_desc=$1
	shift
	if "$@" >"$tmp/.check" 2>&1; then
		ok "$_tap_desc"
	else
		_tap_code=$?
		not_ok "$_tap_desc" "status $_tap_code from: $*"
		diag_file "$tmp/.check"
	fi
}

# check_not DESC COMMAND...: passes when the command fails (but not when it is killed or missing).
check_not() {
	_tap_desc=$1
	shift
	_tap_code=0
	"$@" >"$tmp/.check" 2>&1 || _tap_code=$?
	if [ "$_tap_code" -ne 0 ] && [ "$_tap_code" -lt 126 ]; then
		ok "$_tap_desc"
	else
		not_ok "$_tap_desc" "status $_tap_code from: $*"
		diag_file "$tmp/.check"
	fi
}

# is DESC GOT WANTED: passes when two strings are equal.
is() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "     got: $2"
		diag "expected: $3"
	fi
}

# matches DESC FILE REGEX: passes when a line of the file matches (grep -E).
matches() {
	if grep -Eq -e "$3" "$2"; then
		ok "$1"
	else
		not_ok "$1" "no line matches: $3"
		diag_file "$2"
	fi
}

# run COMMAND...: runs it, its output in the files $out and $err, its exit status in $status.
run() {
	out=$tmp/out err=$tmp/err status=0
	"$@" >"$out" 2>"$err" || status=$?
}

# start_target COMMAND...: starts a fixture in the background and waits for its line "ready";
# sets target_pid and target_out (the file with all that it has printed). A fixture that ends
# before it says "ready" (or does not say it within a minute) is one failed assertion, status 1.
start_target() {
	_tap_started=$((${_tap_started:-0} + 1))
	target_out=$tmp/target.$_tap_started
	: >"$target_out"
	"$@" >"$target_out" 2>"$target_out.err" </dev/null &
	target_pid=$!
	_tap_targets="$_tap_targets $target_pid"
	_tap_tries=0
	while ! grep -q '^ready' "$target_out"; do
		_tap_tries=$((_tap_tries + 1))
		if ! kill -0 "$target_pid" 2>/dev/null || [ "$_tap_tries" -gt 3000 ]; then
			# It may have said so just before it ended.
			grep -q '^ready' "$target_out" && break
			not_ok "the target becomes ready" "$*"
			diag_file "$target_out.err"
			return 1
		fi
		sleep 0.02
	done
}

# stop_target [PID]: ends a target that start_target started (the last one).
stop_target() {
	_tap_pid=${1:-$target_pid}
	kill -KILL "$_tap_pid" 2>/dev/null
	wait "$_tap_pid" 2>/dev/null
	_tap_rest=
	for _tap_other in $_tap_targets; do
		[ "$_tap_other" = "$_tap_pid" ] || _tap_rest="$_tap_rest $_tap_other"
	done
	_tap_targets=$_tap_rest
	return 0
}

# need_ptrace: skips the whole test where the kernel does not let a parent trace its child.
need_ptrace() {
	[ -x "$fixtures/can_ptrace" ] || { echo "Bail out! no $fixtures/can_ptrace"; exit 99; }
	_tap_why=$("$fixtures/can_ptrace" 2>&1) || skip_all "ptrace is refused here: $_tap_why"
}

# need COMMAND...: skips the whole test where one of these programs is not installed.
need() {
	for _tap_cmd; do
		command -v "$_tap_cmd" >/dev/null 2>&1 || skip_all "$_tap_cmd is not installed"
	done
}

# done_testing: the plan; the last thing a test does.
done_testing() {
	printf '1..%d\n' "$_tap_count"
	[ "$_tap_failed" -eq 0 ] && exit 0
	# The harness counts the assertions and would count a bad exit status as one failure more.
	[ -n "$HARNESS_ACTIVE" ] && exit 0
	exit 1
}
