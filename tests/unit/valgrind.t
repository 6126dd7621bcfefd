#!/bin/sh
# SPDX-License-Identifier: MIT
# valgrind.t: the unit tests named in UNIT_TESTS, each under valgrind: no bad access, no use of what
# was never written, nothing leaked. Without Check's forks, so that leaks are seen.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

need valgrind
[ -n "$UNIT_TESTS" ] || skip_all "there are no unit tests in this build"
unset CK_TAP_LOG_FILE_NAME
CK_FORK=no
export CK_FORK

for test in $UNIT_TESTS; do
	check "$test is clean under valgrind" valgrind -q --error-exitcode=97 --leak-check=full \
		--errors-for-leak-kinds=definite,indirect,possible "$top_builddir/$test"
done
done_testing
