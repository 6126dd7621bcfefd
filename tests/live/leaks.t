#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Reachability of the torture program's chunks: its own truth, live and from a core, with the options
# that change it, with one thread and with several; and what LeakSanitizer and memcheck say of the same
# program.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace
need /usr/bin/python3

reach=$top_srcdir/tests/truth/reach
plugin=$fixtures/torture_plugin.so

# More nodes than one thread takes alone.
start_target "$fixtures/torture" --plugin "$plugin" --list 80000 || done_testing
echo 0x7f >"/proc/$target_pid/coredump_filter" # shared memory too

for options in "" --tagged-top-byte --unaligned "--tagged-top-byte --unaligned"; do
	# shellcheck disable=SC2086 # none, one or two words
	run "$HEAPSNAP" list --format csv -q -j 1 $options -p "$target_pid"
	is "list${options:+ $options}: status" "$status" 0
	cp "$out" "$tmp/one.csv"
	# shellcheck disable=SC2086
	check "list${options:+ $options}: the truth" "$reach" judge "$target_out" "$tmp/one.csv" $options
	# shellcheck disable=SC2086
	run "$HEAPSNAP" list --format csv -q -j 3 $options -p "$target_pid"
	check "list${options:+ $options}: the same with three threads" cmp "$out" "$tmp/one.csv"
done

run "$HEAPSNAP" list --format csv -q -p "$target_pid"
cp "$out" "$tmp/live.csv"
for command in leaks "leaks --contents" top "why 600" "top --depth 6 -n 20"; do
	# shellcheck disable=SC2086
	run "$HEAPSNAP" $command --format csv -q -p "$target_pid"
	cp "$out" "$tmp/live.$(echo "$command" | tr -d ' ')"
done

# The kinds, as leaks counts them.
run "$HEAPSNAP" leaks -q -p "$target_pid"
is "leaks: status" "$status" 1
for kind in direct indirect possible; do
	awk -F, -v kind="$kind" '$9 == kind' "$tmp/live.csv" | wc -l >"$tmp/wanted"
	awk -v kind="$kind" '$1 == kind { gsub(",", "", $2); print $2 }' "$out" >"$tmp/got"
	is "leaks counts what is $kind" "$(cat "$tmp/got")" "$(tr -d ' ' <"$tmp/wanted")"
done
run "$HEAPSNAP" leaks -q --min-size 1G -p "$target_pid"
is "leaks that are too small do not count" "$status" 0

# Retained sizes: what hangs at the top is everything.
run "$HEAPSNAP" top -q --format csv --depth 1 -n 0 -p "$target_pid"
is "what the top rows retain is all that is in use" \
	"$(awk -F, 'NR > 1 { sum += $3 } END { printf "%d", sum }' "$out")" \
	"$("$HEAPSNAP" list -q --format csv --state in-use,internal -p "$target_pid" |
		awk -F, 'NR > 1 { sum += $2 } END { printf "%d", sum }')"

# A core does not have the names of threads.
nameless() {
	sed 's/\(thread [0-9]*\) (torture)/\1/g' "$1"
}

# same_as_live DESCRIPTION FILE: what was printed last, and what was printed of the process.
same_as_live() {
	nameless "$out" >"$tmp/core.nameless"
	nameless "$2" >"$tmp/live.nameless"
	check "$1" diff "$tmp/live.nameless" "$tmp/core.nameless"
}

if command -v gcore >/dev/null; then
	check "a core is written" gcore -o "$tmp/core" "$target_pid"
	run "$HEAPSNAP" list --format csv -q --core "$tmp/core.$target_pid"
	same_as_live "the core's list is the process's" "$tmp/live.csv"
	for command in leaks "leaks --contents" top "why 600" "top --depth 6 -n 20"; do
		# shellcheck disable=SC2086
		run "$HEAPSNAP" $command --format csv -q --core "$tmp/core.$target_pid"
		same_as_live "the core's $command is the process's" "$tmp/live.$(echo "$command" | tr -d ' ')"
	done
	rm -f "$tmp/core.$target_pid"
else
	skip "a core says the same" "gcore is not installed"
fi
stop_target

# The same program, in the eyes of others.
if ${CC:-gcc} -std=gnu11 -g -O1 -D_GNU_SOURCE -fsanitize=leak -o "$tmp/torture-lsan" \
	"$top_srcdir/fixtures/programs/torture.c" -pthread -ldl 2>"$tmp/cc.err"; then
	LSAN_OPTIONS=report_objects=1:max_leaks=0 "$tmp/torture-lsan" --check --list 100 --plugin "$plugin" \
		>"$tmp/lsan.truth" 2>"$tmp/lsan.report"
	check "LeakSanitizer finds the same leaks" "$reach" lsan "$tmp/lsan.truth" "$tmp/lsan.report"
else
	skip "LeakSanitizer finds the same leaks" "${CC:-gcc} has no LeakSanitizer"
fi
if command -v valgrind >/dev/null; then
	valgrind --leak-check=full --show-leak-kinds=all --errors-for-leak-kinds=none \
		"$fixtures/torture" --check --list 100 --plugin "$plugin" >"$tmp/memcheck.truth" 2>"$tmp/memcheck.report"
	check "memcheck finds the same kinds" "$reach" memcheck "$tmp/memcheck.truth" "$tmp/memcheck.report"
else
	skip "memcheck finds the same kinds" "valgrind is not installed"
fi

# Constants in pages that nobody writes to, as a program with one place only has them, are no gap.
cat >"$tmp/constants.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
extern void *const table[2048];
void *const table[2048] __attribute__((section(".data.rel.ro"))) = { (void *)table };
int main(void)
{
	void *volatile kept = malloc(100);
	puts("ready");
	fflush(stdout);
	pause();
	return kept == table[0];
}
END
if ${CC:-gcc} -no-pie -Wl,-z,relro -o "$tmp/constants" "$tmp/constants.c" 2>"$tmp/cc.err"; then
	start_target "$tmp/constants" || done_testing
	run "$HEAPSNAP" leaks -q -p "$target_pid"
	is "constants: status" "$status" 0
	check_not "constants are no gap" grep "not in the image" "$out"
	stop_target
else
	skip "constants are no gap" "${CC:-gcc} cannot link without -pie"
fi
done_testing
