#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every glibc, with and without its debug information, live and from both kinds of core: what heapsnap
# lists is the truth of the recorder, pointer for pointer and byte for byte.
#
#	suites	bullseye 2.31, bookworm 2.36, trixie 2.41, sid 2.43
#	sources	the running process, a core that gcore wrote, a core that the kernel wrote
#	debug	the suite's libc6-dbg, or none at all
#
# One start of a program serves all of its cases. $MATRIX_SUITES and $MATRIX_CASES (a regular expression
# over the names below) narrow it down.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/suites/suites.sh"
. "$top_srcdir/tests/truth/truth.sh"
need_ptrace
need /usr/bin/python3
: "${MATRIX_SUITES:=bullseye bookworm trixie sid}"
: "${MATRIX_CASES:=.}"
# shellcheck disable=SC2086
need_suites "$oldest_suite" $MATRIX_SUITES

# name: command, with NAME for a program of ours. Small, because gcore writes every byte of a stack.
cases='
one chunk: one_chunk
full tcaches: tcache_full
fast bins: fastbins
mix: mix --seed 11
an arena for each thread: many_arenas
several heaps: several_heaps --mib 70
foreign sbrk: foreign_sbrk --gaps 3 --decoy
blocked brk: brk_blocked --chunks 60
blocked brk, mappings apart: brk_blocked --chunks 90 --apart
mmapped: mmapped --chunks 80
fork child: fork_child
tcache in a larger chunk: tcache_padded
ended threads: thread_exit
second libc: dlmopen_second recorder.so dlmopen_plugin.so
mix, gaps, mmapped, ended threads: mix --seed 12 --gaps 3 --mmapped 60 --exit-every 4
mix, blocked brk, dlopen, fork child: mix --seed 13 --block-brk --dlopen dlmopen_plugin.so --fork
'

# A stack is as large as its limit allows, and gcore writes all of it.
ulimit -s 1024
ulimit -c unlimited 2>/dev/null
kernel_cores=
case $(cat /proc/sys/kernel/core_pattern) in
core) ;;
*) kernel_cores="core_pattern is not 'core'" ;;
esac
[ "$(ulimit -c)" = unlimited ] || kernel_cores="the limit of core files is $(ulimit -c)"

bin=$tmp/bin
mkdir "$bin"
if ! build_recorder "$bin" >"$tmp/build.log" 2>&1 ||
	! build_programs "$bin" one_chunk tcache_full fastbins mix many_arenas several_heaps foreign_sbrk \
		brk_blocked mmapped fork_child tcache_padded thread_exit dlmopen_second >>"$tmp/build.log" 2>&1; then
	not_ok "the fixtures are built against $oldest_suite"
	diag_file "$tmp/build.log"
	done_testing
fi
recorder=$bin/recorder.so

# compare_both SOURCE ARGUMENTS...: with and without debug information, as far as $debug says.
compare_both() {
	_source=$1
	shift
	case $debug in
	*with\ *) truth_equal "$label, $_source, with debug info" --debuginfo-path "$suite_debug" "$@" ;;
	esac
	case $debug in
	*without*) truth_equal "$label, $_source, without" --debuginfo-path '' "$@" ;;
	esac
}

# compare_sources: the target that was just recorded, in every way; it ends here.
compare_sources() {
	compare_both live -p "$target_pid"
	# gcore answers 1 where it could not read a guard page, and writes the core all the same.
	if ! command -v gcore >/dev/null; then
		skip "$label, gcore" "gcore is not installed"
	else
		gcore -o "$tmp/gcore" "$target_pid" >"$tmp/gcore.log" 2>&1
		if [ -s "$tmp/gcore.$target_pid" ]; then
			compare_both gcore --core "$tmp/gcore.$target_pid"
		else
			not_ok "$label, gcore writes a core"
			diag_file "$tmp/gcore.log"
		fi
		rm -f "$tmp/gcore.$target_pid"
	fi
	if [ -n "$kernel_cores" ]; then
		skip "$label, kernel core" "$kernel_cores"
	else
		kill -SEGV "$target_pid"
		# A forked child is its parent's to wait for, which then ends too.
		wait "$target_main" 2>/dev/null
		_core=$(find "$tmp" -maxdepth 1 -name 'core*' -size +0 | head -n 1)
		if [ -n "$_core" ]; then
			compare_both "kernel core" --core "$_core"
			rm -f "$_core"
		else
			not_ok "$label, the kernel writes a core"
		fi
	fi
	stop_target "$target_main"
	rm -f "$truth"
}

for suite in $MATRIX_SUITES; do
	suite_use "$suite"
	debug='with without'
	echo "$cases" >"$tmp/cases"
	while IFS= read -r line; do
		name=${line%%: *} command=${line#*: }
		[ -n "$line" ] && echo "$name" | grep -Eq -e "$MATRIX_CASES" || continue
		label="$suite $suite_version, $name"
		# Words that are files of ours get their folder.
		words=
		for word in $command; do
			[ -e "$bin/$word" ] && word=$bin/$word
			words="$words $word"
		done
		# shellcheck disable=SC2086
		record $suite_run $words || continue
		compare_sources
	done <"$tmp/cases"

	# A static program has no libc to find: it has its own symbols, or none.
	for option in -static -static-pie; do
		echo "mix, $option" | grep -Eq -e "$MATRIX_CASES" || continue
		label="$suite $suite_version, mix, $option"
		if ! build_static "$bin/static" mix "$option" >"$tmp/build.log" 2>&1; then
			not_ok "$label is built"
			diag_file "$tmp/build.log"
			continue
		fi
		record_static "$bin/static" --seed 14 --mmapped 20 || continue
		debug='with '
		compare_sources
		debug=without
		strip "$bin/static"
		record_static "$bin/static" --seed 15 --gaps 2 || continue
		label="$label, stripped"
		compare_sources
	done
done
done_testing
