#!/bin/sh
# SPDX-License-Identifier: MIT
# manual.t: the manual is well formed and as complete as the help; so is the bash completion, which
# completes what it says it does.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

manual=$top_srcdir/man/heapsnap.1
completion=$top_srcdir/man/completions/heapsnap

for page in "$top_srcdir"/man/*.[1-8]; do
	if command -v man >/dev/null && man --warnings -E UTF-8 -l "$page" >"$tmp/manual" 2>"$tmp/warnings" &&
	   [ -s "$tmp/manual" ]; then
		check "${page##*/} formats without a warning" test ! -s "$tmp/warnings"
		diag_file "$tmp/warnings"
	else
		skip "${page##*/} formats without a warning" "man cannot format pages here"
	fi
done

# Commands and options as the program knows them, each option with both its names.
run "$HEAPSNAP" --help
is "the help is there" "$status" 0
sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' "$out" >"$tmp/commands"
check "it lists commands" test -s "$tmp/commands"
while read -r command; do
	run "$HEAPSNAP" "$command" --help
	is "$command explains itself" "$status" 0
	matches "$command is in the manual" "$manual" "^\.B $command\$"
	matches "$command is in the completion" "$completion" "commands=.*[\" ]$command[\" ]"
	sed -n '/^Options/,/^$/p' "$out" | grep -oE '^ +(-[a-zA-Z], )?--[a-z-]+' | tr -d ' ' | tr ',' '\n' \
		>>"$tmp/options"
done <"$tmp/commands"
sort -u "$tmp/options" >"$tmp/known"
check "there are options" test -s "$tmp/known"

# In the manual a hyphen is \-, and an option begins a line of bold.
grep -oE '\\-(\\-)?[a-zA-Z][a-zA-Z\\-]*' "$manual" | sed 's/\\-/-/g; s/\\$//' | sort -u >"$tmp/in-manual"
check_lists() {
	comm -23 "$2" "$3" >"$tmp/missing"
	check "$1" test ! -s "$tmp/missing"
	diag_file "$tmp/missing"
}
check_lists "every option is in the manual" "$tmp/known" "$tmp/in-manual"
sed -n '/local options=/,/"$/p' "$completion" | grep -oE -e '(^|[ "	])-[a-zA-Z-]+' | tr -d ' "	' | sort -u \
	>"$tmp/in-completion"
check_lists "every option is in the completion" "$tmp/known" "$tmp/in-completion"
printf '%s\n' -V --version >>"$tmp/known"
sort -o "$tmp/known" "$tmp/known"
check_lists "the completion has no option that is none" "$tmp/in-completion" "$tmp/known"
# The manual's entries, that is, not the options of other programs in its examples.
grep -E '^\.(B|BR|BI) \\-' "$manual" | grep -oE '\\-(\\-)?[a-zA-Z][a-zA-Z\\-]*' | sed 's/\\-/-/g; s/\\$//' |
	sort -u >"$tmp/entries"
check_lists "the manual has no option that is none" "$tmp/entries" "$tmp/known"

# completes WORDS...: what bash offers for the last of them.
completes() {
	bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _heapsnap; echo "${COMPREPLY[*]}"' \
		bash "$completion" "$@" 2>&1
}
if command -v bash >/dev/null; then
	is "a command is completed" "$(completes heapsnap do)" doctor
	is "an option is completed" "$(completes heapsnap report --forma)" --format
	is "a value is completed" "$(completes heapsnap --format = j)" json
	is "a value after a space is completed" "$(completes heapsnap --format c)" csv
	touch core.1234
	is "a file is completed" "$(completes heapsnap core)" core.1234
	is "a process is completed" "$(completes heapsnap -p $$)" $$
else
	skip "bash completes" "bash is not installed"
fi
done_testing
