#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A Python that is not the usual one: with nothing in it, several interpreters, in a C program; and what only looks like one that is read.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/python/python.sh"
need_ptrace
need /usr/bin/python3
/usr/bin/python3 -c 'import sys; sys.exit(not (3, 8) <= sys.version_info < (3, 15))' ||
	skip_all "the host's Python is none that is read"

builds_judge "host" /usr/bin/python3

library=$(/usr/bin/python3 -c '
import os, sysconfig
folder, name = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME")
places = [os.path.join(folder, middle, name) for middle in ("", sysconfig.get_config_var("MULTIARCH") or "")]
print(next((place for place in places if ".so" in name and os.path.exists(place)), ""))')
if [ -n "$library" ]; then
	"${CC:-cc}" -O1 -o "$tmp/embed" "$top_srcdir/fixtures/python/embed.c" -ldl || not_ok "the C program is built"
	embed_judge "host" "$library" "$tmp/embed"
else
	skip "a Python in a C program" "libpython is not installed"
fi

# Versions that are not known, builds without the lock, and one whose interpreter is laid out in another way: their native heap is reported.
"${CC:-cc}" -rdynamic -O1 -o "$tmp/odd" "$top_srcdir/fixtures/python/odd.c" || not_ok "the odd program is built"
while read -r version free_threaded says; do
	start_target "$tmp/odd" "$version" "$free_threaded" || continue
	for words in python "why py:str"; do
		# shellcheck disable=SC2046,SC2086 # a command and its operand
		run "$HEAPSNAP" ${words%% *} -p "$target_pid" $(expr "$words" : '.* \(.*\)')
		is "$words of $version: status" "$status" 4
	done
	run "$HEAPSNAP" python -p "$target_pid"
	matches "$version: it says why" "$err" "^heapsnap: the objects of CPython 3\\.[0-9.]* cannot be read: $says; heapsnap report has the native heap\$"
	run "$HEAPSNAP" report --format json -q -p "$target_pid"
	is "report of $version: status" "$status" 0
	matches "report of $version: it is said" "$out" "the objects of CPython 3\\.[0-9.]* \\(.*/odd\\) are not told apart: $says"
	check "report of $version: the native heap is there" /usr/bin/python3 -c '
import json, sys
report = json.load(open(sys.argv[1]))
assert report["exact"] and report["heap"]["in_use_chunks"] >= 1000, report["heap"]' "$out"
	stop_target
done <<'END'
0x030f00f0 0 it is not among the versions whose objects are read \(3\.8 to 3\.14\)
0x030d05f0 1 it is a build without the GIL, whose objects are not read yet
0x030e00f0 1 it is a build without the GIL, whose objects are not read yet
0x030e00f0 0 its interpreter is not laid out as that of CPython 3\.14\.0 is, or is not running yet
END
done_testing
