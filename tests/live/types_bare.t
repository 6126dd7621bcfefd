#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What is said of a program that has no debug information: classes of C++, places, content; by symbols where there are some; and what to do about it.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/live/types_fixture.sh"
need_ptrace

# row NAME: how many chunks the report has under a name, as a pattern of sed.
row() {
	sed -n "s/^\"\{0,1\}$1\"\{0,1\},\([0-9]*\),.*/\1/p" "$out"
}

report() {
	run "$HEAPSNAP" -p "$target_pid" --debuginfo-path "" --format csv -n 1000
}

# true_count TYPE: how many of it the fixture says it has.
true_count() {
	grep -c "^type 0x[0-9a-f]* $1\$" "$target_out"
}

# honest DESC: nothing is called what it is not.
honest() {
	"$HEAPSNAP" list --format csv -p "$target_pid" --debuginfo-path "" </dev/null >list.csv
	check "$1: nothing is called what it is not" "$top_srcdir/tests/live/types_held" --unnamed "$target_out" list.csv
}

# ---- C, with symbols and without ----

cp "$fixtures/types_generic" bare
strip -g bare
start_target ./bare
report
is "C, symbols: exit status" "$status" 0
is "C, symbols: entries of a table, by the variable it hangs from" "$(row '← g_server→0x0→\[\]')" "$(true_count 'struct user')"
is "C, symbols: what its entries hold" "$(row '← g_server→0x0→\[\]→0x10')" "$(true_count 'struct user')"
is "C, symbols: a table beside it" "$(row '← g_server+0x8→0x0→\[\]→0x10')" "$(true_count 'struct host')"
is "C, symbols: a list is one row" "$(row '← g_handlers')" "$(true_count 'struct handler')"
honest "C, symbols"
check "C, symbols: nothing that hangs somewhere is unknown" awk -F, '$1 == "unknown" { exit 1 }' "$out"
run "$HEAPSNAP" -p "$target_pid" --debuginfo-path ""
matches "C, symbols: it says whose debug information would help" "$out" "^Debug information would name more: bare"
matches "C, symbols: what that would add, and which file it is" "$out" "^That of bare would tell of [0-9,]+ chunks \(.*\): build with -g; .*\.build-id/.*\.debug"
# The sites of a place: of such a size one function alone allocates.
run "$HEAPSNAP" sql -p "$target_pid" --debuginfo-path "" "SELECT l.name, s.function, s.allocator FROM type_sites s JOIN labels l ON l.id = s.label"
matches "C, symbols: where what hangs in a list is allocated" "$out" "^← g_handlers +handler_add +calloc"
matches "C, symbols: where what hangs in a tree is allocated" "$out" "^← g_values\[\].* +value_make +calloc"
run "$HEAPSNAP" -p "$target_pid" --debuginfo-path ""
run "$HEAPSNAP" doctor -p "$target_pid" --debuginfo-path ""
matches "C, symbols: and doctor, how to get it" "$out" "debug info +.*bare: symbols alone"
stop_target

strip bare
start_target ./bare
report
is "C, stripped: a list is one row, by the address of its variable in the file" "$(sed -n 's/^← bare+0x[0-9a-f]*,\([0-9]*\),.*/\1/p' "$out" | sort -n | tail -1)" \
	"$(true_count 'struct handler')"
is "C, stripped: entries of a table" "$(sed -n 's/^← bare+0x[0-9a-f]*→0x0→\[\],\([0-9]*\),.*/\1/p' "$out" | sort -n | tail -1)" "$(true_count 'struct user')"
honest "C, stripped"
stop_target

# Content has a name whoever holds it.
cp "$fixtures/leaky_server" server
strip server
start_target ./server --seconds 60
report
matches "C, stripped: content" "$out" "^\\(HTTP\\),[0-9]+,"
stop_target

# ---- C++: classes by their type information, or by the symbols of their vtables ----

types_compile types_cxx g++ -O1 -std=c++17 && {
	strip fixture
	start_target ./fixture
	report
	# The object whose first member is a Dog is none.
	for class in zoo::Dog Duck Bottom OnlyBase 'Box<std::string, 2>' std::stringstream '(anonymous namespace)::Hidden'; do
		is "C++, stripped: $class" "$(row "$class")" 1
	done
	is "C++, stripped: counted objects" "$(row 'std::_Sp_counted_ptr_inplace<zoo::Dog, .*>')" "$(true_count 'std::_Sp_counted_ptr_inplace<zoo::Dog, .*')"
	honest "C++, stripped"
	stop_target
}
types_compile types_cxx g++ -O1 -std=c++17 -fno-rtti && {
	strip -g fixture
	start_target ./fixture
	report
	for class in zoo::Dog Duck Bottom 'Box<std::string, 2>'; do
		is "C++, symbols and no type information: $class" "$(row "$class")" 1
	done
	matches "C++, symbols: a variable has its name as it is written" "$out" "^← library→"
	honest "C++, symbols and no type information"
	run "$HEAPSNAP" sql -p "$target_pid" --debuginfo-path "" "SELECT l.name, s.function FROM type_sites s JOIN labels l ON l.id = s.label"
	matches "C++, symbols: where an object is allocated" "$out" "^← library +containers\(\)"
	stop_target
}
done_testing
