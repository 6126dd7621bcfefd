#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Rules that leave leaks out: by what a leak points to, by size and by shape; what is wrong with them; of a process
# and of a core.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace

start_target "$fixtures/known_leaks" || done_testing
rules=$tmp/rules

# left DESCRIPTION WANTED RULE...: how many direct leaks are left with these rules.
left() {
	description=$1 wanted=$2
	shift 2
	printf '%s\n' "$@" >"$rules"
	if [ -n "$core" ]; then set -- --core "$core"; else set -- -p "$target_pid"; fi
	run "$HEAPSNAP" leaks -q --bytes --suppress "$rules" "$@"
	is "$description" "$(awk '$1 == "direct" { print $2 }' "$out") leaks, status $status" "$wanted"
}
core=
left "without rules all are told" "15 leaks, status 1" "# nothing"
left "by a function" "10 leaks, status 1" "function=session_*"
left "a function is no variable" "15 leaks, status 1" "variable=session_*"
left "by a variable" "11 leaks, status 1" "variable=tcp_operations"
left "by a module" "6 leaks, status 1" "module=known_leaks"
left "by the path of a module" "6 leaks, status 1" "module=*/known_leaks"
left "by the name of another module" "15 leaks, status 1" "module=libc.so*"
left "by size" "12 leaks, status 1" "size=200-208"
left "by shape" "12 leaks, status 1" "holds=+0x18:296-312"
left "cycles" "13 leaks, status 1" "cycle"
left "by all conditions of a rule" "15 leaks, status 1" "cycle function=session_*"
left "by any of the rules" "0 leaks, status 0" "module=known_*" "size=200-208" "cycle" "size=1000- holds=none"

run "$HEAPSNAP" leaks -q --format json --suppress "$rules" -p "$target_pid"
is "what each rule was for" \
	"$(sed -n 's/.*"line": \([0-9]*\), "leaks": \([0-9]*\), "count": \([0-9]*\),.*/\1:\2:\3/p' "$out" | tr '\n' ' ')" \
	"1:9:13 2:3:6 3:2:4 4:1:1 "
run "$HEAPSNAP" leaks -q --suppress "$rules" -p "$target_pid"
matches "text has a line for what is suppressed" "$out" '^suppressed *24 '
matches "and says that nothing else is" "$out" '^Nothing else is leaked'

# What is wrong.
printf 'size=8\nfunktion=f\n' >"$rules"
run "$HEAPSNAP" leaks --suppress "$rules" -p "$target_pid"
is "a bad line: status" "$status" 2
matches "a bad line: which" "$err" 'rules, line 2, "funktion=f": it is none of module, function, variable'
run "$HEAPSNAP" leaks --suppress "$tmp/absent" -p "$target_pid"
is "no such file: status" "$status" 2
matches "no such file" "$err" 'absent: No such file'
run "$HEAPSNAP" leaks --suppress "$tmp" -p "$target_pid"
is "a directory: status" "$status" 2
head -c 2000000 /dev/zero >"$rules"
run "$HEAPSNAP" leaks --suppress "$rules" -p "$target_pid"
matches "a file that is no list of rules" "$err" 'too large'

if command -v gcore >/dev/null; then
	check "a core is written" gcore -o "$tmp/core" "$target_pid"
	core=$tmp/core.$target_pid
	left "of a core: by a function" "10 leaks, status 1" "function=session_*"
	left "of a core: by a variable" "11 leaks, status 1" "variable=tcp_operations"
else
	skip "of a core" "gcore is not installed"
fi

# Of a file: what needs no memory of the target.
run "$HEAPSNAP" save -q -p "$target_pid" -o "$tmp/kept.hsnap"
is "it is kept" "$status" 0
printf 'cycle\nmodule=known_*\n' >"$rules"
run "$HEAPSNAP" leaks -q --suppress "$rules" "$tmp/kept.hsnap"
matches "of a file: cycles" "$out" '^suppressed *4 '
matches "of a file: no names" "$out" 'rules on modules.* suppress nothing'
run "$HEAPSNAP" leaks -q --suppress "$rules" -p "$target_pid" -o "$tmp/kept2.hsnap"
is "what is kept is kept whole" "$status" 2
stop_target
done_testing
