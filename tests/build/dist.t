#!/bin/sh
# SPDX-License-Identifier: MIT
# dist.t: the release archive holds all that it needs, builds out of a tree it cannot write to,
# installs and uninstalls (make distcheck; the tests themselves have run already).
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

# The variables of the outer make say what to run, which here is something else.
unset MAKEFLAGS MFLAGS MAKELEVEL TESTS TEST_LOGS TEST_SUITE_LOG
check "a tree of its own is configured" "$top_srcdir/configure" -q
# Not optimised: other builds are, and this one is about files.
run make -s -j2 distcheck TESTS= DISTCHECK_CONFIGURE_FLAGS=CFLAGS=-O0
is "make distcheck passes" "$status" 0
[ "$status" -eq 0 ] || diag_file "$err"
archive=$(ls heapsnap-*.tar.gz 2>/dev/null)
tar -tzf "$archive" 2>/dev/null | sed 's#^[^/]*/##' | sort >"$tmp/archive"

# What the project has that the archive lacks; only a checkout can tell.
if git -C "$top_srcdir" rev-parse --git-dir >/dev/null 2>&1; then
	git -C "$top_srcdir" ls-files | sort | comm -23 - "$tmp/archive" >"$tmp/left-out"
	check "every file of the project is in the archive" test ! -s "$tmp/left-out"
	diag_file "$tmp/left-out"
else
	skip "every file of the project is in the archive" "this is not a checkout"
fi
done_testing
