#!/bin/sh
# SPDX-License-Identifier: MIT
# valgrind.t: the unit tests named in UNIT_TESTS, each under valgrind: no bad access, no use of what
# was never written, nothing leaked. Without Check's forks, so that leaks are seen.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

need valgrind
[ -n "$UNIT_TESTS" ] || skip_all "there are no unit tests in this build"
unset CK_TAP_LOG_FILE_NAME
CK_FORK=no UNIT_SHARE=20
export CK_FORK UNIT_SHARE

# One for each processor at a time.
# shellcheck disable=SC2016 # for that shell
printf '%s\n' $UNIT_TESTS | xargs -P "$(nproc)" -n 1 sh -c '
	name=${1##*/}
	timeout -k 5 600 valgrind -q --error-exitcode=97 --leak-check=full \
		--errors-for-leak-kinds=definite,indirect,possible "$top_builddir/$1" >"$name.out" 2>"$name.err"
	echo $? >"$name.status"' sh

for test in $UNIT_TESTS; do
	name=${test##*/}
	# Its own reader of debug information gives up on some files that a test maps.
	if [ "$(cat "$name.status")" != 0 ] && grep -q "^==[0-9]*== Valgrind: I can't recover" "$name.err"; then
		skip "$test is clean under valgrind" "$(valgrind --version) gave up, not the test"
		continue
	fi
	is "$test is clean under valgrind" "$(cat "$name.status")" 0
	if [ "$(cat "$name.status")" != 0 ]; then
		diag_file "$name.out"
		# What it does not know of the kernel is no finding.
		grep -v '^--[0-9]*--' "$name.err" >"$name.findings"
		diag_file "$name.findings"
	fi
done
done_testing
