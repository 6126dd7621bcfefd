#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The class of every object with a vptr, against what the fixture says of itself: of gcc and clang, optimised or not, with symbols and without,
# linked in every way, alive and as a core.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace

driver=$top_builddir/tests/live/types_driver
[ -x "$driver" ] || { echo "Bail out! no $driver"; exit 99; }
source=$top_srcdir/fixtures/programs/types_cxx.cc

# same_classes TARGET: what the driver says of each vptr is what the fixture printed.
same_classes() {
	grep '^vptr ' "$target_out" | sort -u >said
	[ "$(wc -l <said)" -gt 25 ] || { cat "$target_out"; return 1; }
	cut -d ' ' -f 2 said | "$driver" -d '' "$1" >answer || return 1
	grep '^vptr ' answer | sort -u | diff said -
}

# none_of_the_rest TARGET: nor is any other word at the start of a chunk taken for a vptr.
none_of_the_rest() {
	grep '^type ' "$target_out" | cut -d ' ' -f 2 | sort -u >all
	grep '^vptr ' "$target_out" | cut -d ' ' -f 2 | sort -u >with
	comm -23 all with | "$driver" -d '' "$1" | grep '^vptr ' >answer
	[ -s answer ] && ! grep -v ' none$' answer
}

# all_typed TARGET: debug information has a type for each of these classes, but for streams, which only that of the library has.
all_typed() {
	grep '^vptr ' "$target_out" | cut -d ' ' -f 2 | sort -u | "$driver" -d '' -t "$1" | grep typed | sort -u >answer
	! grep untyped answer | grep -v basic_string && grep -qx 'typed 24 zoo::Dog' answer && grep -qx 'typed 40 Duck' answer && grep -qx 'typed 40 classes()::Local' answer
}

for compile in "g++ -O0 -g" "g++ -O2" "g++ -O1 -fno-rtti" "clang++ -O2 -g"; do
	if ! command -v "${compile%% *}" >cc.err; then
		skip "$compile: classes" "${compile%% *} is not there"
		continue
	fi
	# shellcheck disable=SC2086 # several words
	if ! $compile -std=c++17 -fPIE -c -o types.o "$source" 2>cc.err; then
		not_ok "$compile: the fixture compiles"
		diag_file cc.err
		continue
	fi
	case $compile in
	g++\ -O2) links="-pie:-s:-s -no-pie:-s -static:-s -Wl,-z,norelro" ;;
	*) links="-pie" ;;
	esac
	while [ "$links" ]; do
		link=${links%%:*}
		links=${links#"$link"}
		links=${links#:}
		name="$compile $link"
		# shellcheck disable=SC2086 # several words
		if ! ${compile%% *} $link -o types types.o -pthread 2>cc.err; then
			not_ok "$name: the fixture links"
			diag_file cc.err
			continue
		fi
		start_target ./types || continue
		check "$name: classes" same_classes "$target_pid"
		check "$name: no others" none_of_the_rest "$target_pid"
		case $compile in
		*-g) check "$name: their types" all_typed "$target_pid" ;;
		esac
		if [ "$link" = -s ] && command -v gcore >cc.err; then
			gcore -o core "$target_pid" >gcore.log 2>&1
			check "$name: classes, from a core" same_classes "./core.$target_pid"
			rm -f core.*
		fi
		stop_target
	done
done
done_testing
