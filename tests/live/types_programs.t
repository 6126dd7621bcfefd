#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The types of programs that were not written for this, built from Debian source with -g -O2: held
# against tables made by hand of which type each place in the source allocates (tests/truth/types).
# HEAPSNAP_JUDGE names some of the programs; by default all but vim, which takes as long to build as
# several others together: HEAPSNAP_JUDGE=vim asks for it. One that cannot be built (sources need
# dpkg-dev; sqlite3 needs tcl, tmux and zsh libncurses-dev, tmux libevent-dev too) is skipped, or a
# failure with HEAPSNAP_NEED_PROGRAMS.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
need_ptrace
need /usr/bin/python3
need addr2line
types=$top_srcdir/tests/truth/types
cache=${HEAPSNAP_PROGRAMS:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/heapsnap-programs}
rights=

# stacked PROGRAM ARGUMENTS...: starts it with the recorder of stacks, reading $tmp/input; $ready is a
# command that succeeds once it has got where it is wanted.
stacked() {
	target_out=$tmp/$program.out
	env HEAPSNAP_STACKS="$tmp/stacks" LD_PRELOAD="$top_builddir/tests/truth/stacks.so" "$@" \
		<"$tmp/input" >"$target_out" 2>&1 &
	target_pid=$!
	_tap_targets="$_tap_targets $target_pid"
	until_ready
}

until_ready() {
	_tries=0
	until eval "$ready" >/dev/null 2>&1; do
		_tries=$((_tries + 1))
		if ! kill -0 "$target_pid" 2>/dev/null || [ "$_tries" -gt 1500 ]; then
			diag_file "$target_out"
			return 1
		fi
		sleep 0.05
	done
}

# beside COMMAND...: something that stays beside the program: $ready as above.
beside() {
	"$@" >"$tmp/beside.out" 2>&1 &
	beside_pid=$!
	_tap_targets="$_tap_targets $beside_pid"
	until_ready && return 0
	diag_file "$tmp/beside.out"
	return 1
}

start_lua() {
	rm "$tmp/input" && mkfifo "$tmp/input"
	sleep 600 >"$tmp/input" &
	beside_pid=$!
	_tap_targets="$_tap_targets $beside_pid"
	ready='grep -q ready "$target_out"'
	stacked "$1" "$types/load/lua.lua"
}

start_redis() {
	ready='[ -S "$tmp/redis.socket" ]'
	stacked "$1" --port 0 --unixsocket "$tmp/redis.socket" --save '' --appendonly no --dir "$tmp" || return 1
	ready='grep -q ready "$tmp/beside.out"'
	beside /usr/bin/python3 "$types/load/redis.py" "$tmp/redis.socket"
}

start_sqlite3() {
	rm "$tmp/input" && mkfifo "$tmp/input"
	"$types/load/sqlite3.sh" >"$tmp/input" &
	beside_pid=$!
	_tap_targets="$_tap_targets $beside_pid"
	ready='grep -q ready "$target_out"'
	stacked "$1" -batch -interactive :memory:
}

start_nginx() {
	"$types/load/nginx.sh" "$tmp/nginx"
	ready='[ -S "$tmp/nginx/socket" ]'
	stacked "$1" -p "$tmp/nginx" -c "$tmp/nginx/nginx.conf" || return 1
	ready='grep -q ready "$tmp/beside.out"'
	beside /usr/bin/python3 "$types/load/nginx.py" "$tmp/nginx/socket"
}

start_tmux() {
	ready='[ -S "$tmp/tmux.socket" ]'
	stacked "$1" -D -S "$tmp/tmux.socket" -f /dev/null || return 1
	"$types/load/tmux.sh" "$1" "$tmp/tmux.socket" >"$tmp/beside.out" 2>&1 || {
		diag_file "$tmp/beside.out"
		return 1
	}
}

start_ninja() {
	"$types/load/ninja.sh" "$tmp/ninja"
	ready='[ -e "$tmp/ninja/started" ]'
	stacked "$1" -C "$tmp/ninja" -j 2
}

start_mosquitto() {
	printf '%s\n' "listener 0 $tmp/mosquitto.socket" 'allow_anonymous true' 'max_queued_messages 1000' \
		'sys_interval 0' "user $(id -un)" >"$tmp/mosquitto.conf"
	ready='[ -S "$tmp/mosquitto.socket" ]'
	stacked "$1" -c "$tmp/mosquitto.conf" || return 1
	ready='grep -q ready "$tmp/beside.out"'
	beside /usr/bin/python3 "$types/load/mosquitto.py" "$tmp/mosquitto.socket"
}

start_bash() {
	rm "$tmp/input" && mkfifo "$tmp/input"
	sleep 600 >"$tmp/input" &
	beside_pid=$!
	_tap_targets="$_tap_targets $beside_pid"
	ready='grep -q ready "$target_out"'
	stacked "$1" "$types/load/bash.bash"
}

start_zsh() {
	rm "$tmp/input" && mkfifo "$tmp/input"
	sleep 600 >"$tmp/input" &
	beside_pid=$!
	_tap_targets="$_tap_targets $beside_pid"
	ready='grep -q ready "$target_out"'
	stacked "$1" -f "$types/load/zsh.zsh"
}

start_gawk() {
	rm "$tmp/input" && mkfifo "$tmp/input"
	sleep 600 >"$tmp/input" &
	beside_pid=$!
	_tap_targets="$_tap_targets $beside_pid"
	ready='grep -q ready "$target_out"'
	stacked "$1" -f "$types/load/gawk.awk" "${1%/*}"/source/[a-i]*.c
}

# It says what it has parsed to someone who stops listening, and waits.
start_cppcheck() {
	mkfifo "$tmp/parsed.cpp.dump"
	cp "${1%/*}/source/lib/mathlib.cpp" "$tmp/parsed.cpp"
	/usr/bin/python3 "$types/load/cppcheck.py" "$tmp/parsed.cpp.dump" >"$tmp/beside.out" 2>&1 &
	beside_pid=$!
	_tap_targets="$_tap_targets $beside_pid"
	ready='grep -q ready "$tmp/beside.out"'
	stacked "$1" --dump -I "${1%/*}/source/lib" "$tmp/parsed.cpp"
}

start_jq() {
	rm "$tmp/input" && mkfifo "$tmp/input"
	sleep 600 >"$tmp/input" &
	beside_pid=$!
	_tap_targets="$_tap_targets $beside_pid"
	ready='grep -q ready "$target_out"'
	stacked "$1" -n -f "$types/load/jq.jq"
}

start_xmllint() {
	/usr/bin/python3 "$types/load/xmllint.py" "${1%/*}/source/doc/libxml2-api.xml" "$tmp" || return 1
	rm "$tmp/input" && mkfifo "$tmp/input"
	sleep 600 >"$tmp/input" &
	beside_pid=$!
	_tap_targets="$_tap_targets $beside_pid"
	ready='grep -q "^/ >" "$target_out"'
	stacked "$1" --valid --schema "$tmp/doc.xsd" --shell "$tmp/doc.xml"
}

start_troff() {
	rm "$tmp/input" && mkfifo "$tmp/input"
	sleep 600 >"$tmp/input" &
	beside_pid=$!
	_tap_targets="$_tap_targets $beside_pid"
	ready='grep -q "^ready" "$target_out"'
	roff=${1%/*}/source
	stacked "$1" -Tps -F "$roff/font" -M "$roff/tmac" -dsource="$roff" -man "$roff/man/groff.7.man" "$types/load/troff.roff" -
}

start_vim() {
	rm "$tmp/input" && mkfifo "$tmp/input"
	sleep 600 >"$tmp/input" &
	beside_pid=$!
	_tap_targets="$_tap_targets $beside_pid"
	ready='grep -q ready "$target_out"'
	stacked "$1" -u NONE -i NONE -n -es --cmd "let g:source = '${1%/*}/source/src'" -S "$types/load/vim.vim"
}

# figure NAME: of the summary, in hundredths of a percent.
figure() {
	sed -n "s/^summary .*$1=\([0-9]*\).*/\1/p" "$tmp/judged"
}

judge() {
	rm -f "$tmp/input" && : >"$tmp/input"
	beside_pid=
	if ! "start_$program" "$cache/$program/$program"; then
		not_ok "$program: becomes ready"
		return
	fi
	sleep 0.5
	cat "/proc/$target_pid/maps" >"$tmp/maps"
	run "$HEAPSNAP" list --format csv --bytes -p "$target_pid"
	if [ "$status" -ne 0 ]; then
		not_ok "$program: is listed" "exit status $status"
		diag_file "$err"
	elif ! "$top_srcdir/tests/truth/types_judge" --name "$program" "$types/$program" \
		"$tmp/stacks.$target_pid" "$tmp/maps" "$out" >"$tmp/judged" 2>"$tmp/judge.err"; then
		not_ok "$program: is judged"
		diag_file "$tmp/judge.err"
	else
		grep -v '^counts' "$tmp/judged" | sed "s/^/# /"
		grep '^counts' "$tmp/judged" >>"$tmp/counts"
		rights="$rights $(figure right)"
		check "$program: the table covers at least 95 % of the chunks ($(figure covered))" \
			test "$(figure covered)" -ge 9500
		check "$program: at least 75 % are right ($(figure right))" test "$(figure right)" -ge 7500
		check "$program: at most 3 % are wrong ($(figure wrong))" test "$(figure wrong)" -le 300
		check "$program: of what is called 0.9 sure, at least 95 % is right ($(figure sure))" \
			test "$(figure sure)" -ge 9500
	fi
	stop_target "$target_pid"
	[ -z "$beside_pid" ] || stop_target "$beside_pid"
	rm -f "$tmp"/stacks.*
}

for program in ${HEAPSNAP_JUDGE:-lua redis sqlite3 nginx tmux ninja mosquitto bash gawk zsh cppcheck jq xmllint troff}; do
	if "$types/build" "$program" 2>"$tmp/build.err"; then
		judge
	elif [ -n "${HEAPSNAP_NEED_PROGRAMS-}" ]; then
		not_ok "$program: is built"
		diag_file "$tmp/build.err"
	else
		skip "$program" "$(tail -n 1 "$tmp/build.err")"
	fi
done

if [ -s "$tmp/counts" ]; then
	"$top_srcdir/tests/truth/types_judge" --together "$tmp/counts" | sed "s/^/# /"
fi
# The one in the middle; of an even number, the lower.
set -- $(printf '%s\n' $rights | sort -n)
if [ $# -ge 5 ]; then
	shift $((($# - 1) / 2))
	check "in the median, at least 90 % are right ($1)" test "$1" -ge 9000
else
	skip "in the median, at least 90 % are right" "fewer than five programs were judged"
fi
done_testing
