#!/bin/sh
# SPDX-License-Identifier: MIT
# harness.t: the test harness itself can fail: tests/tap.sh and tests/count-results.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

# inner TEXT: runs it as a test of its own; output in $out, exit status in $status.
inner() {
	{
		printf '#!/bin/sh\n. "%s/tests/tap.sh"\n' "$top_srcdir"
		cat
	} >"$tmp/inner.t"
	run env HARNESS_ACTIVE="$1" TMPDIR="$tmp/inner-tmp" sh "$tmp/inner.t"
	left=$(ls "$tmp/inner-tmp")
}
mkdir "$tmp/inner-tmp"

inner '' <<'END'
ok "one"
check "two" true
is "three" a a
check_not "four" false
skip "five" "a reason"
done_testing
END
is "a good test passes" "$status" 0
is "it has its plan" "$(tail -n 1 "$out")" "1..5"
is "nothing in it failed" "$(grep -c '^not ok' "$out")" 0
matches "a skip says why" "$out" '^ok 5 - five # SKIP a reason'
is "its directory is removed" "$left" ""

inner '' <<'END'
not_ok "one" "a remark"
check "two" sh -c 'echo said; exit 3'
is "three" a b
check_not "four" true
check_not "five" no-such-command-here
echo line >file
matches "six" file '^other'
done_testing
END
is "a bad test fails" "$status" 1
is "each of its assertions failed" "$(grep -c '^not ok' "$out")" 6
matches "what a command said is shown" "$out" '^# said'
matches "what was expected is shown" "$out" '^# expected: b'

inner 1 <<'END'
not_ok "one"
done_testing
END
is "the harness counts by itself" "$status" 0

inner '' <<'END'
ok "one"
exit 7
END
is "a test that ends early keeps its status" "$status" 7
is "and has no plan" "$(grep -c '^1\.\.' "$out")" 0
is "its directory is removed too" "$left" ""

inner '' <<'END'
start_target sh -c 'echo ready; exec sleep 1000'
echo "target $target_pid"
kill -TERM $$
done_testing
END
is "a test that is ended says so" "$status" 143
pid=$(sed -n 's/^target //p' "$out")
check "it had a target" test -n "$pid"
check_not "its target is ended with it" kill -0 "$pid"

inner '' <<'END'
start_target sh -c 'echo no reason >&2; exit 1' || echo "returned 1"
skip_all "nothing else to do"
END
matches "a target that dies early is a failure" "$out" '^not ok 1 '
matches "what it said is shown" "$out" '^# no reason'
matches "and the test can go on" "$out" '^returned 1'
is "skip_all late in a test does not hide the failure" "$status" 1

# count-results: adds up over all directories, and a target that failed is never lost.
mkdir -p "$tmp/results/below"
printf ':test-result: PASS a\n:test-result: SKIP b\n:test-result: XFAIL c\n' >"$tmp/results/a.trs"
printf ':test-result: PASS d\n' >"$tmp/results/below/b.trs"
run "$top_srcdir/tests/count-results" 0 "$tmp/results"
is "results are added up" "$(cat "$out")" "3 passed, 0 failed, 1 skipped"
is "all passed: status" "$status" 0
run "$top_srcdir/tests/count-results" 2 "$tmp/results"
is "targets that failed are failures" "$(cat "$out")" "3 passed, 2 failed, 1 skipped"
is "a target failed: status" "$status" 1
printf ':test-result: FAIL e\n:test-result: ERROR f\n:test-result: XPASS g\n' >"$tmp/results/c.trs"
run "$top_srcdir/tests/count-results" 2 "$tmp/results"
is "failures, errors and unexpected passes count as failed" "$(cat "$out")" \
	"3 passed, 3 failed, 1 skipped"
matches "each is named" "$err" 'c.log: ERROR f'
mkdir "$tmp/empty"
run "$top_srcdir/tests/count-results" 0 "$tmp/empty"
is "no results at all are a failure" "$(cat "$out")" "0 passed, 1 failed, 0 skipped"
done_testing
