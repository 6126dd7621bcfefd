#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The leaked set is LeakSanitizer's, on every fixture that both can run, of the process and of its core. (Of the torture program leaks.t
# compares chunk by chunk.) The same source is built twice, since a program has either malloc; so this compares how many objects of
# which size are leaked.
#
# Not here, since LeakSanitizer cannot run them, or two runs have nothing in common:
#   brk_blocked foreign_sbrk corrupted stuck_in_malloc tcache_padded    they are about glibc's own heap
#   dlmopen_second fork_child unreadable    it cannot stop all their threads, or a second libc is in the process
#   busy churn leaky_server on_demand restless served signal_storm single_churn    they never stand still, or wait for orders
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace
need /usr/bin/python3

reach=$top_srcdir/tests/truth/reach
: "${CC:=gcc}" "${CXX:=g++}"
$CC -c -o "$tmp/hook.o" "$top_srcdir/tests/truth/lsan_hook.c" 2>"$tmp/cc.err" &&
	printf 'int main(void) { return 0; }\n' >"$tmp/empty.c" && $CC -fsanitize=leak -o "$tmp/empty" "$tmp/empty.c" 2>"$tmp/cc.err" &&
	"$tmp/empty" 2>"$tmp/cc.err" || skip_all "$CC has no LeakSanitizer"

# lsan_build NAME: the fixture with LeakSanitizer.
lsan_build() {
	[ -e "$tmp/$1" ] && return
	source=$top_srcdir/fixtures/programs/$1
	# shellcheck disable=SC2086 # may be several words
	if [ -e "$source.c" ]; then
		$CC -std=gnu11 -g -O1 -D_GNU_SOURCE -fsanitize=leak -o "$tmp/$1" "$source.c" "$tmp/hook.o" -pthread -ldl
	else
		$CXX -g -O1 -fsanitize=leak -o "$tmp/$1" "$source.cc" "$tmp/hook.o" -pthread
	fi
}

# compare NAME [OPTION...]
compare() {
	name=$1
	shift
	lsan_build "$name" 2>"$tmp/cc.err" || { not_ok "$name is built" "$(cat "$tmp/cc.err")"; return; }
	export LSAN_OPTIONS=report_objects=1:max_leaks=0:exitcode=0
	start_target "$tmp/$name" "$@" || return
	kill -USR2 "$target_pid"
	wait "$target_pid" 2>/dev/null
	cp "$target_out.err" "$tmp/report"
	if grep -q 'was not suspended\|LeakSanitizer has encountered a fatal error' "$tmp/report"; then
		skip "$name $*" "LeakSanitizer could not look at it"
		return
	fi
	start_target "$fixtures/$name" "$@" || return
	run "$HEAPSNAP" list -q --format csv -p "$target_pid"
	check "$name${1:+ $*}" "$reach" sizes "$out" "$tmp/report"
	if command -v gcore >/dev/null; then
		gcore -o "$tmp/core" "$target_pid" >/dev/null 2>&1
		run "$HEAPSNAP" list -q --format csv --core "$tmp/core.$target_pid"
		check "$name${1:+ $*}, its core" "$reach" sizes "$out" "$tmp/report"
		rm -f "$tmp/core.$target_pid"
	else
		skip "$name, its core" "gcore is not installed"
	fi
	stop_target
}

compare one_chunk
compare tcache_full
compare fastbins
compare many_arenas
compare several_heaps
compare mmapped
compare thread_exit
compare core_threads
compare blocked_calls
compare named_roots
compare known_leaks
compare mix --seed 3
compare mix --seed 5 --heaps 80 --exit-every 4
compare cxx_objects
done_testing
