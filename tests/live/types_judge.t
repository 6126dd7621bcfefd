#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The judge of types (tests/truth/types_judge) can say right, wrong, unknown and not covered: it is
# held against a list whose answers are known, and against a table with a row broken.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need /usr/bin/python3
need addr2line

cat >program.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
struct first { long a; };
struct second { long a, b, c, d, e; };
static void *kept[64];
static int n;
__attribute__((noinline)) void *wrapper(size_t size)
{
	kept[n] = calloc(1, size);
	printf("%p\n", kept[n]);
	return kept[n++];
}
__attribute__((noinline)) void make_first(void)
{
	for (int i = 0; i < 4; i++)
		wrapper(sizeof(struct first));
}
__attribute__((noinline)) void make_both(void)
{
	wrapper(sizeof(struct first)); // the smaller
	wrapper(sizeof(struct second)); // the larger
}
int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	make_first();
	make_both();
	kept[n++] = realloc(malloc(8), 4000);
	printf("%p\n", kept[n - 1]);
	free(malloc(100));
	puts("ready");
	pause();
	return 0;
}
END
run "${CC:-cc}" -g -O1 -o program program.c
is "the program compiles" "$status" 0
cat >table <<'END'
# A remark.
wrap wrapper
make_first: struct first
make_both @the smaller: struct first
make_both < main: struct second | union third
END
start_target env HEAPSNAP_STACKS="$tmp/stacks" LD_PRELOAD="$top_builddir/tests/truth/stacks.so" ./program
cat "/proc/$target_pid/maps" >maps
# Of the seven chunks: two right by name, one by the other name, one wrong, two unknown, one that is in
# no row.
{
	echo "address,size,kind,arena,state,type,confidence,evidence"
	grep '^0x' "$target_out" | awk -v OFS=, '
		NR == 1 { print $1, 24, "heap", 0, "in-use", "struct first", 0.95, "pointer" }
		NR == 2 { print $1, 24, "heap", 0, "in-use", "struct other *[]", 0.95, "flow" }
		NR == 3 { print $1, 24, "heap", 0, "in-use", "", "", "" }
		NR == 4 { print $1, 24, "heap", 0, "in-use", "← kept[]", 0, "role" }
		NR == 5 { print $1, 24, "heap", 0, "in-use", "first", 0.5, "shape" }
		NR == 6 { print $1, 40, "heap", 0, "in-use", "union third", 0.91, "pointer" }
		NR == 7 { print $1, 4008, "heap", 0, "in-use", "char[]", 0.5, "content" }'
} >list.csv

judge() {
	run "$top_srcdir/tests/truth/types_judge" table "$tmp/stacks.$target_pid" maps list.csv
}
judge
is "status" "$status" 0
diag_file "$err"
matches "six of seven are covered, three right, one wrong, two unknown, of the sure two in three" "$out" \
	"^summary covered=8571 right=5000 wrong=1667 unknown=3333 sure=6666"
matches "the wrong one is shown" "$out" " 1 chunks  *24 bytes  is first said struct other \*\[\] \\(flow 0.95\\), from make_first"
matches "the one in no row is shown" "$out" " 1 chunks  *4008 bytes  main "
sed -i 's/^make_both <.*/make_both: struct first/' table
judge
matches "a row that is broken: it says wrong" "$out" "^summary covered=8571 right=3333 wrong=3334"
sed -i '/^make_both:/d' table
judge
matches "a row that is gone: it says not covered" "$out" "^summary covered=7142 right=4000 wrong=2000"
# What the source line says makes the name, of a typedef too; a size tells sites apart.
cat >table <<'END'
wrap wrapper
alias ONE first third OTHER
make_both #8: ONE
make_first @/sizeof\(struct (\w+)\)/: \1
make_both #40: OTHER
END
judge
matches "by source line, size and alias" "$out" \
	"^summary covered=8571 right=5000 wrong=1667 unknown=3333 sure=6666"
cp "$out" judged
run "$top_srcdir/tests/truth/types_judge" --together judged
matches "several are shown together" "$out" "^program .* 7 .* 85.7 .* 50.0 .* 16.7 .* 33.3 "
echo 'nonsense' >>table
judge
is "a row that is none: no verdict" "$status" 2
stop_target
done_testing
