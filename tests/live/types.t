#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The type of every chunk, against what the fixtures say of themselves: of gcc and clang, optimised or not. Right is what has the very name; a place or a look is
# no name. Of all chunks of a fixture 98 in 100 must be right, and at most one in 200 wrong.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace

# judge: counts the chunks of $target_pid that `list` names right, wrong and not at all, and shows the first that are not right.
judge() {
	sed -n 's/^type \(0x[0-9a-f]*\) /\1|/p' "$target_out" >truth
	run "$HEAPSNAP" list --format csv -p "$target_pid"
	[ "$status" -eq 0 ] || { diag "status $status"; diag_file "$err"; return 1; }
	awk '
		# A field of CSV that may be quoted: names of types have commas.
		function field(line, n, i, c, quoted, at, text) {
			at = 1
			for (i = 1; i <= length(line); i++) {
				c = substr(line, i, 1)
				if (c == "\"") quoted = !quoted
				else if (c == "," && !quoted) { if (at++ == n) return text; text = "" }
				else text = text c
			}
			return at == n ? text : ""
		}
		# Bytes are bytes.
		function plain(name) { sub(/^unsigned char/, "char", name); return name }
		NR == FNR { split($0, part, "|"); truth[part[1]] = plain(part[2]); n++; next }
		{
			address = field($0, 1)
			if (!(address in truth)) next
			got = plain(field($0, 6))
			seen[address] = 1
			if (got == truth[address]) { right++; next }
			if (got == "" || got ~ /^(←|\()/) unknown++
			else wrong++
			if (shown++ < 10) print "# " address " is " truth[address] ", not " got
		}
		END {
			for (address in truth) if (!(address in seen)) missing++
			print "# " n " chunks: right " right + 0 ", wrong " wrong + 0 ", no name " unknown + 0 ", not listed " missing + 0
			exit !(n > 100 && missing == 0 && right * 100 >= n * 98 && wrong * 200 <= n)
		}' truth "$out"
}

for source in types_plain types_intrusive types_generic types_pools; do
	for compile in "gcc -O0" "gcc -O2" "clang -O0" "clang -O2"; do
		if ! command -v "${compile%% *}" >cc.err; then
			skip "$source, $compile" "${compile%% *} is not there"
			continue
		fi
		# shellcheck disable=SC2086 # several words
		if ! $compile -g -o fixture "$top_srcdir/fixtures/programs/$source.c" 2>cc.err; then
			not_ok "$source, $compile: compiles"
			diag_file cc.err
			continue
		fi
		start_target ./fixture || continue
		if judge >judged; then
			ok "$source, $compile: types are right"
		else
			not_ok "$source, $compile: types are right"
		fi
		cat judged
		stop_target
	done
done

# Without debug information nothing is named by a type of the program, and it says so.
start_target "$fixtures/types_generic"
strip -o stripped "$fixtures/types_generic" 2>strip.err && {
	stop_target
	start_target ./stripped
	run "$HEAPSNAP" -p "$target_pid"
	is "a stripped program: exit status" "$status" 0
	matches "a stripped program: it says what is missing" "$out" "^Debug information would name more: .*stripped"
	check_not "a stripped program: no struct of its own" grep -q "struct user" "$out"
}
stop_target

start_target "$fixtures/types_generic"
run "$HEAPSNAP" -p "$target_pid"
matches "the report: a struct, its number, and where it hangs" "$out" "^struct user +120 .* ← entry.value"
run "$HEAPSNAP" list -p "$target_pid" --type "struct user" --format csv
is "list --type: one row each" "$(grep -c ',struct user,' "$out")" 120
run "$HEAPSNAP" list -p "$target_pid" --type "struct nobody"
is "list --type: of what there is not" "$status" 2
run "$HEAPSNAP" -p "$target_pid" --no-types
check_not "--no-types: no types" grep -q "struct user" "$out"
matches "--no-types: sizes" "$out" "^usable size"
run "$HEAPSNAP" -p "$target_pid" --sizes exact --format csv
matches "--sizes: sizes" "$out" "^min_size,max_size"
stop_target

# What has neither a name nor a place has the name of its content, whatever slots there are.
start_target "$fixtures/leaky_server" --seconds 60
run "$HEAPSNAP" -p "$target_pid" --debuginfo-path ""
matches "the report: buffers that nothing holds are told by their content" "$out" "^\\(HTTP\\) .* content "
stop_target

done_testing
