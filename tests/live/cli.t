#!/bin/sh
# SPDX-License-Identifier: MIT
# cli.t: the command line without any target: help, mistakes, exit statuses. (That the manual and the
# completion know every option is tests/build/manual.t.)
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

# says STATUS REGEX ARGUMENT...: the exit status, and a line of stderr.
says() {
	wanted=$1 regex=$2
	shift 2
	run "$HEAPSNAP" "$@"
	is "status of: heapsnap $*" "$status" "$wanted"
	matches "message of: heapsnap $*" "$err" "$regex"
	is "nothing on stdout of: heapsnap $*" "$(wc -c <"$out")" 0
}

# ---- mistakes ----------------------------------------------------------------------------------

says 2 '^heapsnap: nothing to do'
says 2 'there is no command "lsit"; did you mean list\?' lsit 1
says 2 'there is no command "arens"; did you mean arenas\?' arens
says 2 '"frobnicate" is no command, no process id and no file' frobnicate
says 2 'there is no option --sizess; did you mean --sizes\?' --sizess
says 2 'there is no option --xyzzy$' --xyzzy
says 2 'there is no option -Z$' -Z
says 2 '--m can mean --min-size or --max-size' list --m 1
says 2 '^heapsnap: .heapsnap list --help. lists the options$' list --xyzzy
says 2 'report does not take --state \(heapsnap list does\)' -p 1 --state top
says 2 'arenas does not take -a \(heapsnap list does\)' arenas -a -p 1
says 2 '-p needs PID' report -p
says 2 '--core needs FILE' --core
says 2 '--bytes takes no value' --bytes=1 -p 1
for bad in 0 -1 12x 99999999999 0x 1.5 ''; do
	says 2 '--pid takes a process id, not ' report -p "$bad"
done
for bad in x 10q -5 1k2 0x '' 1e999; do
	says 2 '--min-size takes a size such as 4096, 64k or 1.5M, not ' report --min-size "$bad" 1
done
says 2 '--limit takes a number, not "many"' -n many 1
says 2 '--jobs takes a number from 1 to 1024, not "0"' -j 0 1
says 2 '--format takes text, json or csv, not "xml"' --format xml 1
says 2 '--color takes auto, always or never, not "pink"' --color pink 1
says 2 '--sizes takes exact or class, not "some"' --sizes some 1
says 2 '--sort takes bytes, count, size or retained, not "address"' -s address 1
says 2 '--sort takes address or size, not "bytes"' list -s bytes 1
says 2 '--sort takes bytes, free or index, not "size"' arenas -s size 1
says 2 '--state takes in-use, .*, not "gone"' list --state top,gone 1
says 2 '--kind takes heap, mmapped or pymalloc, not ""' list --kind heap, 1
says 2 '--arena takes an index, an address or main, not "second"' list --arena second 1
says 2 '--min-size is larger than --max-size' list --min-size 2k --max-size 1k 1
says 2 '-p and --core are two targets' -p 1 --core x
says 2 'no target: give a process id, a core or a snapshot' list --all
says 2 'one target at a time: what is "two2"\?' -p 1 two2
says 2 '"two" is no command' -p 1 two
says 2 'the command comes first: heapsnap arenas' report arenas
says 2 'the command comes first: heapsnap list' -p 1 -- list
# Options may stand before the command, but what they take is no command.
says 2 'list does not take --sizes \(heapsnap report does\)' -v --sizes class list -p 1
says 2 'list does not take --sizes' -qv --sizes=class list -p 1
says 2 '--sort takes bytes, count, size or retained, not "list"' -s list -p 1
says 2 '--sort takes bytes, count, size or retained, not "list"' -vs list -p 1
says 2 '--sort takes address or size, not "arenas"' -s arenas list -p 1
says 2 'there is no command "lsit"; did you mean list\?' -v lsit
says 2 '-e is for cores' -p 1 -e /bin/true
says 2 'there is no command "lits"; did you mean list\?' help lits
says 2 'there is no command "zzz"; heapsnap help lists them' help zzz
says 3 'cannot open ./none: No such file or directory' ./none
says 3 'none: No such file or directory' --core ./none
says 3 'is a directory, neither a core nor a process id' "$tmp"
says 3 'is neither a core file nor a snapshot' "$top_srcdir/README.md"
: >empty
says 3 'empty is neither a core file nor a snapshot' ./empty
mkfifo fifo
says 3 'fifo is neither a core file nor a snapshot' ./fifo

# What is quoted may be hostile.
says 3 'cannot open \./\\x1b\[31mred: No such file' "$(printf './\033[31mred')"
says 2 'not "\\x1b\\x07"' --format "$(printf '\033\007')" 1

# ---- help --------------------------------------------------------------------------------------

for ask in --help -h help; do
	run "$HEAPSNAP" $ask
	is "status of heapsnap $ask" "$status" 0
	matches "heapsnap $ask shows the usage" "$out" '^Usage: heapsnap '
	is "heapsnap $ask is silent on stderr" "$(wc -c <"$err")" 0
done
run "$HEAPSNAP" --version
is "status of --version" "$status" 0
matches "--version is one line" "$out" '^heapsnap [0-9]+\.[0-9]+\.[0-9]+$'

commands=$("$HEAPSNAP" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
check "the help lists the commands" test "$(echo $commands)" = "report leaks top why show list python arenas save diff watch sql doctor help version"

for command in $commands; do
	run "$HEAPSNAP" "$command" --help
	is "status of $command --help" "$status" 0
	matches "$command --help shows its usage" "$out" "^Usage: heapsnap $command"
	check_not "$command --help fits 80 columns" grep -E '.{81}' "$out"
	check "help $command is the same" sh -c '"$1" help "$2" | cmp - "$3"' - "$HEAPSNAP" "$command" "$out"
done

manual=$tmp/manual
sed 's/\\-/-/g' "$top_srcdir/man/heapsnap.1" >"$manual"
completion=$top_srcdir/man/completions/heapsnap

# The values an option takes are the same in help and completion.
for value in text json csv exact class auto always never in-use internal tcache fast unsorted small \
	large free top heap mmapped pymalloc main; do
	check "the completion has the value $value" grep -Eq "[\" 	]$value([\" ]|\$)" "$completion"
done
for status in 0 1 2 3 4 5; do
	check "the manual has exit status $status" grep -qx "\.B $status" "$manual"
done
matches "the manual has the contract of CSV" "$manual" \
	'^address,size,kind,arena,state,type,confidence,evidence,reach,retained,owner,lang$'

# ---- output that cannot be written -------------------------------------------------------------

if [ -c /dev/full ]; then
	run sh -c '"$1" --help >/dev/full' - "$HEAPSNAP"
	is "status of help to a full disk" "$status" 3
	matches "help to a full disk says so" "$err" 'cannot write the output'
fi
done_testing
