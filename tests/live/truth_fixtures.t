#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The fixtures on this machine's own glibc: one phenomenon each, and heapsnap's list is the truth of
# the recorder and of the fixture. The quick share of matrix.t.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/truth/truth.sh"
need_ptrace
need /usr/bin/python3

# compare DESCRIPTION COMMAND...
compare() {
	_desc=$1
	shift
	record "$@" || return
	truth_equal "$_desc" -p "$target_pid"
	stop_target "$target_main"
}

cd "$fixtures" || exit 99
compare "one chunk" ./one_chunk
compare "full tcaches" ./tcache_full
compare "fast bins" ./fastbins
compare "an arena for each thread" ./many_arenas
compare "several heaps in an arena" ./several_heaps
compare "a heap with gaps" ./foreign_sbrk
compare "a heap with gaps that look like chunks" ./foreign_sbrk --decoy --gaps 5 --seed 2
compare "a main arena that is not contiguous" ./brk_blocked
compare "mmapped chunks, aligned and moved" ./mmapped
compare "the child of a program with threads" ./fork_child
compare "threads that have ended" ./thread_exit
compare "a second libc" ./dlmopen_second "$recorder" "$fixtures/dlmopen_plugin.so"
compare "C++" ./cxx_objects
compare "everything mixed" ./mix --seed 3 --gaps 3 --mmapped 100 --heaps 80 --exit-every 4
compare "everything mixed, forked" ./mix --seed 4 --block-brk --dlopen ./dlmopen_plugin.so --fork

# One allocation of the program's own that begins like an mmapped chunk cannot be told from one. The
# books of malloc say that there is one too many: the list may be right or wrong, but not exact.
record ./mmapped --decoy && {
	truth_list -p "$target_pid"
	decoy=$(sed -n 's/^decoy //p' "$target_out")
	if grep -q "^$decoy,.*,in-use," "$tmp/list.csv"; then
		is "a decoy that is listed is not called exact" "$status" 5
	else
		is "a decoy that is not listed" "$status" 0
		check "the rest is right" truth_judge
	fi
	stop_target
}
cd "$tmp" || exit 99
done_testing
