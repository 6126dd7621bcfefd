#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Where debug information is found when it is not in the program: symbols packed inside of it, and what a client of debuginfod has downloaded. (Installed files and links: types_matrix.t.)
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace
need objcopy strip nm xz readelf

unset DEBUGINFOD_CACHE_PATH
cp "$fixtures/types_generic" server
objcopy --only-keep-debug server server.debug
build_id=$(readelf -n server | sed -n 's/^ *Build ID: //p')

# doctored: what doctor says of the program's debug information, in one line.
doctored() {
	start_target ./server || return
	run "$HEAPSNAP" doctor -p "$target_pid"
	tr -s '\n ' ' ' <"$out" >line
	out=$tmp/line
	stop_target
}

# sites OPTION...: which function allocates what, by the program's own symbols.
sites() {
	start_target ./server || return
	run "$HEAPSNAP" sql -p "$target_pid" "$@" "SELECT l.name, s.function, s.allocator FROM type_sites s JOIN labels l ON l.id = s.label"
	stop_target
}

# pack FILE: it becomes the .gnu_debugdata of the program.
pack() {
	objcopy --remove-section .gnu_debugdata server 2>objcopy.err
	objcopy --add-section .gnu_debugdata="$1" server
}

# ---- symbols packed inside ----

# As distributions make them: the functions that .dynsym does not have.
nm --format=posix --defined-only server | awk '$2 == "T" || $2 == "t" { print $1 }' >functions
objcopy -S --keep-symbols=functions server.debug mini
strip server
sites
check_not "stripped: no site has a name" grep -q handler_add "$out"
xz -k mini
pack mini.xz
sites
is "packed symbols: exit status" "$status" 0
matches "packed symbols: where what hangs from a variable is allocated" "$out" '^← .* +handler_add +calloc'
doctored
matches "packed symbols: doctor says that these are no types" "$out" 'debug info [^ ]*/server: symbols alone, build ID'

# Cut short, damaged, of something else, or larger than symbols are: as if there were none.
refused() {
	pack "$1"
	sites
	is "$2: exit status" "$status" 0
	check_not "$2: is not read" grep -q handler_add "$out"
}
head -c 100 mini.xz >short
refused short "packed symbols, cut short"
{ head -c 200 mini.xz && head -c 64 /dev/zero && tail -c +265 mini.xz; } >damaged
refused damaged "packed symbols, damaged"
xz -c "$top_srcdir/README.md" >text.xz
refused text.xz "packed text"
truncate -s 300M zeroes
{ cat mini && cat zeroes; } | xz -0 >bomb.xz
refused bomb.xz "packed 300 MB"

# ---- what was downloaded ----

mkdir -p "$XDG_CACHE_HOME/debuginfod_client/$build_id"
cp server.debug "$XDG_CACHE_HOME/debuginfod_client/$build_id/debuginfo"
doctored
matches "downloaded: doctor says where" "$out" "debug info [^ ]*/server: $XDG_CACHE_HOME/debuginfod_client/$build_id/debuginfo"
start_target ./server
run "$HEAPSNAP" report --format csv -q -n 0 -p "$target_pid"
is "downloaded: types have their names" "$(awk -F, '$1 == "struct user" { print $2 }' "$out")" "$(grep -c '^type 0x[0-9a-f]* struct user$' "$target_out")"
run "$HEAPSNAP" report --format csv -q -n 0 -p "$target_pid" --debuginfo-path ''
check_not "downloaded, and not wanted: no types" grep -q 'struct user' "$out"
stop_target
mkdir elsewhere
mv "$XDG_CACHE_HOME/debuginfod_client/$build_id" elsewhere/
doctored
check_not "downloaded, and gone: not found" grep -q "/debuginfo" "$out"
DEBUGINFOD_CACHE_PATH=$tmp/elsewhere
export DEBUGINFOD_CACHE_PATH
doctored
matches "downloaded to where the environment says" "$out" "debug info [^ ]*/server: $tmp/elsewhere/$build_id/debuginfo"
# Of another program.
objcopy --only-keep-debug "$fixtures/types_plain" "elsewhere/$build_id/debuginfo"
doctored
check_not "downloaded for another program: is not taken" grep -q "/elsewhere/" "$out"
DEBUGINFOD_URLS=http://192.0.2.1/
export DEBUGINFOD_URLS
doctored
matches "a server is known: how to ask it" "$out" "debuginfod-find debuginfo $build_id"
done_testing
