#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The Pythons of every suite, stripped as Debian ships them, against what they print of themselves, live and from a core.
#
#	suites	bullseye 3.9, bookworm 3.11, trixie 3.13, sid 3.14
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/suites/suites.sh"
. "$top_srcdir/tests/python/python.sh"
need_ptrace
need /usr/bin/python3
: "${MATRIX_SUITES:=bullseye bookworm trixie sid}"
# shellcheck disable=SC2086
need_suites $MATRIX_SUITES
# shellcheck disable=SC2086
need_suites --python $MATRIX_SUITES

story_cores=
command -v gcore >/dev/null && story_cores=yes
leaky_build suite_cc "$oldest_suite" || skip_all "the extension that leaks cannot be built"
for suite in $MATRIX_SUITES; do
	suite_use "$suite"
	suite_use_python
	# shellcheck disable=SC2086
	census_start $suite_python || continue
	label="$suite, Python $suite_python_version"
	census_judge "$label" -p "$target_pid"
	if command -v gcore >/dev/null; then
		gcore -o "$tmp/core" "$target_pid" >"$tmp/gcore.log" 2>&1
		census_judge "$label, core" --core "$tmp/core.$target_pid" --debuginfo-path ''
		rm -f "$tmp/core.$target_pid"
	else
		skip "$label, core" "gcore is not installed"
	fi
	stop_target
	for allocator in debug malloc malloc_debug; do
		# shellcheck disable=SC2086
		start_target env PYTHONMALLOC=$allocator $suite_python -S "$census_program" || continue
		census_judge "$label, PYTHONMALLOC=$allocator" -p "$target_pid"
		stop_target
	done
	# shellcheck disable=SC2086
	builds_judge "$label" $suite_python -E
	# shellcheck disable=SC2086
	leaks_judge "$label" $suite_python -S -E
done
done_testing
