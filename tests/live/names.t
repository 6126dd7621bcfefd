#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What roots are called: by DWARF (of gcc and clang, optimised or not), by symbols, and without either.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace

source=$top_srcdir/fixtures/programs/named_roots.c

# first_roots: the root of the shortest way to each chunk that the fixture printed, beside its name. One look at the target answers for all.
first_roots() {
	"$HEAPSNAP" save -q -p "$target_pid" -o roots.hsnap >saved 2>&1 || cat saved >&2
	grep ' in-use ' "$target_out" | while read -r address size state name; do
		root=$("$HEAPSNAP" why --format csv -q roots.hsnap "$address" </dev/null |
			sed -n -e 1d -e '/"/s/^[^"]*"\([^"]*\)".*/\1/' -e '/"/!s/^\([^,]*,\)\{5\}\([^,]*\).*/\2/' -e 2p)
		echo "$name: $root"
	done
}

# judged FILE: every root begins with its name.
judged() {
	! awk -F': ' 'index($2, $1) != 1 { print; bad = 1 } END { exit !bad && NR > 8 }' "$1"
}

# build COMMAND...: the fixture, with these words before the file.
build() {
	"$@" -std=gnu11 -D_GNU_SOURCE -o named "$source" -pthread 2>cc.err
}

for compiler in gcc clang; do
	for flags in "-g -O0" "-g -O2" "-gdwarf-4 -O1" "-gdwarf-5 -O1 -no-pie"; do
		# shellcheck disable=SC2086 # several flags
		if ! command -v $compiler >cc.err || ! build $compiler $flags; then
			skip "$compiler $flags: roots have the names of the source" "$compiler is not there"
			continue
		fi
		start_target ./named || continue
		first_roots >roots
		check "$compiler $flags: roots have the names of the source" judged roots
		stop_target
	done
done

# Symbols alone: the variable, but not what of it.
if build "${CC:-gcc}" -O1 -g0; then
	start_target ./named && first_roots >roots
	matches "by symbols: a global" roots '^conns.slots\[3\].head: conns\+0x[0-9a-f]+ \(named\)'
	matches "by symbols: an array" roots '^grid\[2\]\[1\]: grid\+0x48 \(named\)'
	matches "by symbols: a thread-local variable" roots '^own.slots\[0\].head: own\+0x[0-9a-f]+ \(named\), thread [0-9]+ \(named\)'
	matches "by symbols: a frame" roots '^session\[1\].head in serve: frame of (serve|pause below serve).* \(named\), thread [0-9]+ \(named\)'
	stop_target
	strip named
	start_target ./named && first_roots >roots
	matches "stripped: where in the module" roots '^conns.slots\[3\].head: named\+0x[0-9a-f]+'
	matches "stripped: a thread-local variable" roots '^own.slots\[0\].head: named.tls\+0x[0-9a-f]+, thread'
	stop_target
else
	not_ok "the fixture compiles"
	diag_file cc.err
fi
# A class that is described in another unit than its variables are.
programs=$top_srcdir/fixtures/programs
for compiler in g++ clang++; do
	if ! command -v $compiler >cc.err || ! $compiler -g -O0 -o named "$programs/declared_class.cc" "$programs/declared_class_key.cc" 2>cc.err; then
		skip "$compiler: variables of a class that their unit only declares" "$compiler is not there"
		continue
	fi
	start_target ./named || continue
	first_roots >roots
	matches "$compiler: a global of a class that its unit only declares" roots '^shared.entries: shared.entries \(declared_class.cc:[0-9]+, named\)'
	matches "$compiler: a member of such a class" roots '^server.registry.entries: server.registry.entries \(declared_class.cc:[0-9]+, named\)'
	matches "$compiler: a local of such a class" roots '^own.entries: .*own.entries.*main'
	run "$HEAPSNAP" list -q --format csv -p "$target_pid"
	is "$compiler: what hangs from them has its type" "$(grep -c ',56,heap,[0-9]*,in-use,Entry,' "$out")" 3
	stop_target
done
done_testing
