#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The fixtures for types, compiled in every way: both compilers and both C++ libraries, optimised or not, DWARF 4 and 5, position-independent or not; with debug information in the program, in
# a separate file, and without any. HEAPSNAP_FIXTURES names some of the fixtures; all by default. Each result is a line of $HEAPSNAP_TABLE, if that is set.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/live/types_fixture.sh"
need_ptrace
need objcopy strip

c_fixtures="types_plain types_intrusive types_generic types_pools types_doubt types_tails types_glib"
cxx_fixtures="types_cxx types_nested types_dictionary"
rust_fixtures="types_rust"

# row DESC: the last result, as a row of the table.
row() {
	[ -z "${HEAPSNAP_TABLE-}" ] || printf '%s | %s\n' "$1" "$types_sums" >>"$HEAPSNAP_TABLE"
}

wanted() {
	case " ${HEAPSNAP_FIXTURES:-$1} " in
	*" $1 "*) return 0 ;;
	*) return 1 ;;
	esac
}

# held FIXTURE COMPILER OPTION...: with its debug information in the program; then without.
held() {
	types_compile "$@" || return
	name="$1, $(shift; echo "$*")"
	types_check "$name"
	row "$name"
	case $* in
	# How the information is coded and where the program lies is all the same to a separate file.
	*-gdwarf-4* | *-no-pie*) return ;;
	esac
	objcopy --only-keep-debug fixture fixture.debug 2>strip.err && strip fixture 2>strip.err && objcopy --add-gnu-debuglink=fixture.debug fixture 2>strip.err || {
		not_ok "$name: strips"
		diag_file strip.err
		return
	}
	types_check "$name, stripped, with a separate debug file"
	row "$name, separate"
	rm fixture.debug
	types_check "$name, stripped, without" --unnamed
	row "$name, stripped"
}

# ways FIXTURE COMPILER OPTION...
ways() {
	for optimise in -O0 -O2; do
		for dwarf in -gdwarf-4 -gdwarf-5; do
			for place in "-fPIE -pie" "-fno-pie -no-pie"; do
				# shellcheck disable=SC2086 # several words
				held "$@" $optimise $dwarf $place
			done
		done
	done
}

for fixture in $c_fixtures; do
	for compiler in gcc clang; do
		wanted "$fixture" && ways "$fixture" "$compiler"
	done
done
for fixture in $cxx_fixtures; do
	wanted "$fixture" || continue
	ways "$fixture" g++ -std=c++17
	ways "$fixture" clang++ -std=c++17
	if echo '#include <vector>' | clang++ -stdlib=libc++ -x c++ -fsyntax-only - 2>cc.err; then
		ways "$fixture" clang++ -stdlib=libc++ -std=c++17
	else
		skip "$fixture, libc++" "libc++ is not installed"
	fi
done
for fixture in $rust_fixtures; do
	wanted "$fixture" || continue
	for options in -g "-g -C opt-level=2" "-g -C symbol-mangling-version=v0"; do
		# shellcheck disable=SC2086 # several words
		held "$fixture" rustc $options
	done
done
done_testing
