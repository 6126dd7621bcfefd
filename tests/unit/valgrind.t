#!/bin/sh
# SPDX-License-Identifier: MIT
# valgrind.t: the unit tests named in UNIT_TESTS, each under valgrind: no bad access, no use of what
# was never written, nothing leaked. Without Check's forks, so that leaks are seen.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

need valgrind
[ -n "$UNIT_TESTS" ] || skip_all "there are no unit tests in this build"
unset CK_TAP_LOG_FILE_NAME
CK_FORK=no
UNIT_SLOWER=50
export CK_FORK UNIT_SLOWER

for test in $UNIT_TESTS; do
	run timeout -k 5 600 valgrind -q --error-exitcode=97 --leak-check=full \
		--errors-for-leak-kinds=definite,indirect,possible "$top_builddir/$test"
	# Its own reader of debug information gives up on some files that a test maps.
	if [ "$status" -ne 0 ] && grep -q "^==[0-9]*== Valgrind: I can't recover" "$err"; then
		skip "$test is clean under valgrind" "$(valgrind --version) gave up, not the test"
		continue
	fi
	is "$test is clean under valgrind" "$status" 0
	if [ "$status" -ne 0 ]; then
		diag_file "$out"
		# What it does not know of the kernel is no finding.
		grep -v '^--[0-9]*--' "$err" >"$err.findings"
		diag_file "$err.findings"
	fi
done
done_testing
