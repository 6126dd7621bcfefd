#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The type of every chunk, against what the fixtures say of themselves: of gcc and clang, optimised or not (types_matrix.t has more ways). Of all chunks of a fixture
# 98 in 100 must be right, and at most one in 200 wrong (types_held says what is right).
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/live/types_fixture.sh"
need_ptrace

# pools_are_told: of those that the fixture printed, at most one (whose first piece is the end of a list) is not in the list as a pool, and nothing else is.
pools_are_told() {
	sed -n 's/^pool //p' "$target_out" | sort >pools
	awk -F, '/\(pool of struct (twig|leaf)\)/ { print $1 }' list.csv | sort >told
	diff pools told >missing
	! grep '^>' missing && [ "$(grep -c '^<' missing)" -le 1 ] && [ "$(wc -l <told)" -ge 3 ]
}

for source in types_plain types_intrusive types_generic types_pools types_doubt types_tails; do
	for compile in "gcc -O0" "gcc -O2" "clang -O0" "clang -O2"; do
		# shellcheck disable=SC2086 # several words
		types_compile "$source" $compile -g && types_check "$source, $compile: types are right"
		[ "$source" != types_pools ] || check "$compile: a block that begins with one of many is a pool" pools_are_told
	done
done

# Without debug information nothing is named by a type of the program, and it says so.
start_target "$fixtures/types_generic"
strip -o stripped "$fixtures/types_generic" 2>strip.err && {
	stop_target
	start_target ./stripped
	run "$HEAPSNAP" -p "$target_pid"
	is "a stripped program: exit status" "$status" 0
	matches "a stripped program: it says what is missing" "$out" "^Debug information would name more: .*stripped"
	check_not "a stripped program: no struct of its own" grep -q "struct user" "$out"
}
stop_target

start_target "$fixtures/types_generic"
run "$HEAPSNAP" -p "$target_pid"
matches "the report: a struct, its number, and where it hangs" "$out" "^struct user +120 .* ← entry.value"
run "$HEAPSNAP" list -p "$target_pid" --type "struct user" --format csv
is "list --type: one row each" "$(grep -c ',struct user,' "$out")" 120
run "$HEAPSNAP" list -p "$target_pid" --type "struct nobody"
is "list --type: of what there is not" "$status" 2
run "$HEAPSNAP" -p "$target_pid" --no-types
check_not "--no-types: no types" grep -q "struct user" "$out"
matches "--no-types: sizes" "$out" "^usable size"
run "$HEAPSNAP" -p "$target_pid" --sizes exact --format csv
matches "--sizes: sizes" "$out" "^min_size,max_size"
stop_target

# What has neither a name nor a place has the name of its content, whatever slots there are.
start_target "$fixtures/leaky_server" --seconds 60
run "$HEAPSNAP" -p "$target_pid" --debuginfo-path ""
matches "the report: buffers that nothing holds are told by their content" "$out" "^\\(HTTP\\) .* content "
stop_target

done_testing
