#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every glibc under the settings that change how its heap looks: tunables, and the checking malloc of
# libc_malloc_debug, whose heap is not libc's own. Live, with and without debug information.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/suites/suites.sh"
. "$top_srcdir/tests/truth/truth.sh"
need_ptrace
need /usr/bin/python3
: "${MATRIX_SUITES:=bullseye bookworm trixie sid}"
# shellcheck disable=SC2086
need_suites "$oldest_suite" $MATRIX_SUITES

# A libc that does not know one ignores it.
tunables='
glibc.malloc.mmap_threshold=4096
glibc.malloc.tcache_count=0
glibc.malloc.tcache_count=100:glibc.malloc.mxfast=160
glibc.malloc.arena_max=2:glibc.malloc.perturb=85
glibc.malloc.hugetlb=1
glibc.malloc.hugetlb=2
glibc.malloc.tcache_max=4194304
glibc.mem.decorate_maps=1
glibc.malloc.top_pad=0:glibc.malloc.trim_threshold=4096
'

ulimit -s 1024
bin=$tmp/bin
mkdir "$bin"
if ! build_recorder "$bin" >"$tmp/build.log" 2>&1 ||
	! build_programs "$bin" mix mmapped several_heaps tcache_full >>"$tmp/build.log" 2>&1; then
	not_ok "the fixtures are built against $oldest_suite"
	diag_file "$tmp/build.log"
	done_testing
fi
recorder=$bin/recorder.so

compare_both() {
	truth_equal "$1, with debug info" --debuginfo-path "$suite_debug" -p "$target_pid"
	truth_equal "$1, without" --debuginfo-path '' -p "$target_pid"
	stop_target "$target_main"
	rm -f "$truth"
}

# compare_printed DESCRIPTION PRELOAD COMMAND...: with what the fixture printed, because the allocator
# that is at work is not the one that the recorder calls.
compare_printed() {
	_desc=$1 _preload=$2
	shift 2
	start_target env LD_PRELOAD="$_preload" "$@" || return
	truth=-
	truth_list --debuginfo-path "$suite_debug" -p "$target_pid"
	if [ "$status" -eq 0 ] && truth_judge --no-recorder --sizes at-least; then
		ok "$_desc"
	else
		not_ok "$_desc" "exit status $status"
		diag_file "$tmp/list.err"
		diag_file "$tmp/verdict"
	fi
	stop_target
}

seed=20
for suite in $MATRIX_SUITES; do
	suite_use "$suite"
	for tunable in $tunables; do
		seed=$((seed + 1))
		label="$suite $suite_version, $tunable"
		# shellcheck disable=SC2086
		record GLIBC_TUNABLES="$tunable" $suite_run "$bin/mix" --seed $seed --exit-every 4 \
			--gaps $((seed % 3)) --mmapped 20 && compare_both "$label"
	done
	label="$suite $suite_version"
	# Its heaps are smaller, and there are more of them.
	# shellcheck disable=SC2086
	record GLIBC_TUNABLES=glibc.malloc.hugetlb=2 $suite_run "$bin/several_heaps" --mib 70 &&
		compare_both "$label, several heaps, hugetlb=2"
	# The tcache of another thread, of another length; without a tcache there is nothing to find.
	# shellcheck disable=SC2086
	record GLIBC_TUNABLES=glibc.malloc.tcache_count=20 $suite_run "$bin/mix" --seed $seed --fork &&
		compare_both "$label, fork child, tcache_count=20"
	# shellcheck disable=SC2086
	record GLIBC_TUNABLES=glibc.malloc.mmap_threshold=4096 $suite_run "$bin/mix" --seed $seed --fork &&
		compare_both "$label, fork child, mmap_threshold=4096"

	checking=$suite_libs/libc_malloc_debug.so.0
	if [ -e "$checking" ]; then
		# shellcheck disable=SC2086
		compare_printed "$label, libc_malloc_debug" "$checking" \
			$suite_run "$bin/mix" --seed $seed --print
		# shellcheck disable=SC2086
		compare_printed "$label, libc_malloc_debug, check=3" "$checking" \
			GLIBC_TUNABLES=glibc.malloc.check=3 $suite_run "$bin/mix" --seed $seed --print
	fi
done
done_testing
