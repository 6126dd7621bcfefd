#!/bin/sh
# SPDX-License-Identifier: MIT
# What is kept of debug information between runs: the report is the same with it, without it and in spite of it.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace

start_target "$fixtures/types_plain" || exit 99

# listed FILE [OPTIONS]: all chunks, and that nothing was said.
listed() {
	file=$1
	shift
	"$HEAPSNAP" list --format csv -p "$target_pid" "$@" >"$file" 2>"$file.err"
}
same() { [ -s one ] && cmp one "$1" >&2 && [ ! -s "$1.err" ]; }
directory=$XDG_CACHE_HOME/heapsnap

listed none --no-cache
check "--no-cache keeps nothing" [ ! -e "$directory" ]
listed one
if [ ! -d "$directory" ]; then
	# Nothing but the fixture has debug information here (libc6-dbg would be enough), and that is too little to be kept.
	done_testing
	exit 0
fi
check "the first run said nothing" [ ! -s one.err ]
check "what the cache is for does not change the report" cmp one none
is "the directory is the user's alone" "$(stat -c %a "$directory")" 700
check "so are its files" eval '[ -z "$(find "$directory" -type f ! -perm 600)" ]'
kept=$(find "$directory" -type f -name 'types-*')
check "the types were kept" [ -n "$kept" ]

before=$(stat -c %i "$kept")
listed two
check "from the cache the report is the same" same two
is "the file was not written again" "$(stat -c %i "$kept")" "$before"

# Other bytes where there were some, cut off, and empty.
size=$(stat -c %s "$kept")
for damage in "dd if=/dev/zero of=$kept bs=1 seek=$((size / 2)) count=16 conv=notrunc" "truncate -s $((size / 3)) $kept" "truncate -s 0 $kept"; do
	$damage 2>/dev/null
	listed damaged
	check "a damaged file is not believed (${damage%% *})" same damaged
	is "and made anew" "$(stat -c %s "$kept")" "$size"
done

# Somebody else may write there.
chmod 777 "$directory"
rm "$kept"
listed open
check "a directory that others may write to is no cache" same open
check "nothing is written to it" [ ! -e "$kept" ]
"$HEAPSNAP" list --format csv -v -p "$target_pid" >verbose 2>verbose.err
matches "-v says why" verbose.err 'nothing was kept of the debug information: '
chmod 700 "$directory"

# A place that is none.
rm -r "$XDG_CACHE_HOME"
: >"$XDG_CACHE_HOME"
listed nowhere
check "where nothing can be kept, the report is the same, in silence" same nowhere
stop_target
done_testing
