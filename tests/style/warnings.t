#!/bin/sh
# SPDX-License-Identifier: MIT
# warnings.t: gcc and clang have nothing to say about any source, test or fixture. Optimised, since
# some warnings of gcc come only from data flow; those of clang are all made before it optimises.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

flags="-std=gnu11 -O2 -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wundef -Wvla
	-Wswitch-enum -Werror -D_GNU_SOURCE -DPACKAGE_VERSION=\"0\" -I$top_srcdir/src -I$top_srcdir/tests/unit
	$CPPFLAGS $TEST_CPPFLAGS"

# clean COMPILER FLAGS FILE...: compiles each, as far as warnings need it; all are tried.
# shellcheck disable=SC2086 # several flags
clean() {
	compiler=$1 its_flags=$2
	shift 2
	case $compiler in
	clang) until="-fsyntax-only" ;;
	*) until="-S -o /dev/null" ;;
	esac
	bad=0
	for file; do
		"$compiler" $its_flags $until "$file" || bad=1
	done
	return $bad
}

cd "$top_srcdir" || exit 99
for compiler in gcc clang; do
	if ! command -v "$compiler" >/dev/null; then
		skip "$compiler has no warnings" "$compiler is not installed"
		continue
	fi
	for folder in src/*/ tests/unit/ tests/fuzz/; do
		set -- "$folder"*.c
		[ -e "$1" ] || continue
		check "$compiler has no warnings for $folder" clean "$compiler" "$flags" "$@"
	done
	# Fixtures say noclone, which is gcc's alone: clang does not clone.
	unknown=
	[ "$compiler" != clang ] || unknown=-Wno-unknown-attributes
	glib=fixtures/programs/types_glib.c
	if glib_flags=$(pkg-config --cflags gobject-2.0 2>/dev/null); then
		check "$compiler has no warnings for the fixture of GLib" clean "$compiler" "-std=gnu11 -O1 -Wall -Wextra -Werror $unknown $glib_flags" $glib
	else
		skip "$compiler has no warnings for the fixture of GLib" "GLib's headers are not installed"
	fi
	set --
	for file in fixtures/programs/*.c; do
		[ "$file" = $glib ] || set -- "$@" "$file"
	done
	check "$compiler has no warnings for the fixtures" clean "$compiler" \
		"-std=gnu11 -O1 -Wall -Wextra -Werror $unknown -D_GNU_SOURCE" "$@"
done
done_testing
