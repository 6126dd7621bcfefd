#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The type of every chunk of a program that uses GLib and GObject; its classes also without any debug information; and the slabs of an old GLib.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/live/types_fixture.sh"
need_ptrace

types_compile types_glib gcc -O2 -g || done_testing
types_check "types_glib, gcc -O2 -g: types" --all

# The library's own debug information may be there or not: without any of it, and none of the program.
strip fixture
start_target ./fixture
run "$HEAPSNAP" -p "$target_pid" --debuginfo-path "" --format csv -n 1000
is "stripped: exit status" "$status" 0
for class in ZooAnimal ZooDragon; do
	is "stripped: objects of $class" "$(sed -n "s/^$class,\([0-9]*\),.*/\1/p" "$out")" "$(grep -c "^type .* $class\$" "$target_out")"
done
for what in ZooAnimalClass ZooBeastClass ZooDragonClass; do
	is "stripped: $what" "$(sed -n "s/^$what,\([0-9]*\),.*/\1/p" "$out")" 1
done
matches "stripped: what an object holds has its place" "$out" '^← ZooDragon→'
"$HEAPSNAP" list --format csv -p "$target_pid" --debuginfo-path "" </dev/null >list.csv
check "stripped: nothing is called what it is not" "$top_srcdir/tests/live/types_held" --unnamed "$target_out" list.csv
stop_target

start_target env G_SLICE= ./fixture
run "$HEAPSNAP" -p "$target_pid" --format csv -n 1000
if pkg-config --atleast-version 2.76 glib-2.0; then
	check_not "a GLib without slices: no slabs" grep -q "^GSlice slab" "$out"
else
	matches "slices: slabs are named as what they are" "$out" "^GSlice slab,[0-9]+,[0-9]+,.*,vtable,"
	check_not "slices: what is in a slab is no chunk" grep -q "^ZooAnimal," "$out"
fi
stop_target
done_testing
