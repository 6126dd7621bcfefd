#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzzing.t: the fuzz targets build as fuzzers, with clang and sanitizers, and each gets through its
# seeds and some thousand new inputs, each time the same ones. With FUZZ_SECONDS they are others each
# time, for so long: that is how findings are looked for, this is how none comes back.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

need clang
# Optimised where many inputs are to come; of a few thousand the compiler would take most of the time.
if [ -n "${FUZZ_SECONDS-}" ]; then
	inputs="-max_total_time=$FUZZ_SECONDS" cflags="-g -O1"
else
	inputs="-seed=1 -runs=2000 -max_total_time=60" cflags="-gline-tables-only -O0"
fi
unset MAKEFLAGS MFLAGS MAKELEVEL TESTS TEST_LOGS TEST_SUITE_LOG

run "$top_srcdir/configure" -q CC=clang CFLAGS="$cflags" --enable-fuzzing --enable-sanitizers
if [ "$status" -ne 0 ] && grep -q 'has no libFuzzer\|no sanitizer runtime' "$err"; then
	skip_all "clang has no libFuzzer here"
fi
is "configure takes --enable-fuzzing" "$status" 0
run make -s -j2
is "the fuzzers build" "$status" 0
if [ "$status" -ne 0 ]; then
	diag_file "$err"
	done_testing
fi

for fuzzer in tests/fuzz/fuzz_*; do
	[ -x "$fuzzer" ] && [ ! -d "$fuzzer" ] || continue
	seeds=$top_srcdir/tests/fuzz/corpus/${fuzzer##*/fuzz_}
	check "${fuzzer##*/} has seeds" test -d "$seeds"
	mkdir "new.${fuzzer##*/}"
	# shellcheck disable=SC2086 # a list of options
	run "$fuzzer" $inputs -timeout=20 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
		"new.${fuzzer##*/}" "$seeds"
	is "${fuzzer##*/} finds nothing" "$status" 0
	if [ "$status" -eq 0 ]; then
		diag "$(grep number_of_executed_units "$err")"
	else
		grep -v '^#' "$err" >"$err.report"
		diag_file "$err.report"
		for input in crash-* timeout-* oom-* leak-*; do
			[ ! -e "$input" ] || diag "$input: $(base64 -w0 <"$input" | head -c 4000)"
		done
	fi
done
done_testing
