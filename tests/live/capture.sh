# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# For tests of the live target alone: tests/live/capture_driver.c, and what a fixture says of its memory. Sourced after tap.sh.

driver=$top_builddir/tests/live/capture_driver
[ -x "$driver" ] || { echo "Bail out! no $driver"; exit 99; }

# value KEY: what the last capture printed for it.
value() {
	sed -n "s/^$1 //p" "$out" | head -n 1
}

# range_options FILE: -x for each stretch of memory that a fixture speaks of.
range_options() {
	sed -n 's/^\(range\|readable\|absent\|zero\) \(0x[0-9a-f]*-0x[0-9a-f]*\).*/-x \2/p' "$1"
}

# sums_agree FILE: the last capture read each of these stretches as the fixture says it is.
sums_agree() {
	_capture_wrong=0
	while read -r _capture_what range sum; do
		case $_capture_what in
		range | readable) wanted="sum $range $sum absent 0" ;;
		zero) wanted="sum $range 0 absent 0" ;;
		absent) wanted="sum $range 0 absent $((${range#*-} - ${range%-*}))" ;;
		*) continue ;;
		esac
		grep -qx "$wanted" "$out" && continue
		echo "$_capture_what: expected: $wanted; got: $(grep "^sum $range" "$out")"
		_capture_wrong=1
	done <"$1"
	return $_capture_wrong
}

# untouched PID: it runs on as if nothing had happened.
untouched() {
	[ -d "/proc/$1" ] || return 1
	for _capture_status in /proc/"$1"/task/*/status; do
		# A thread may end while we look.
		_capture_text=$(cat "$_capture_status" 2>/dev/null) || continue
		case $_capture_text in
		*'TracerPid:	0'*) ;;
		*) echo "$_capture_text"; return 1 ;;
		esac
		case $_capture_text in
		*'State:	'[tTZX]*) echo "$_capture_text"; return 1 ;;
		esac
	done
	return 0
}

# wait_for FILE REGEX: until a line of the file matches, at most a minute.
wait_for() {
	_capture_tries=0
	until grep -Eq -e "$2" "$1"; do
		_capture_tries=$((_capture_tries + 1))
		[ "$_capture_tries" -lt 3000 ] || return 1
		sleep 0.02
	done
}

# state PID: one letter.
state() {
	sed -n 's/^State:	\(.\).*/\1/p' "/proc/$1/status"
}

# wait_for_state PID LETTER: at most ten seconds.
wait_for_state() {
	_capture_tries=0
	until [ "$(state "$1")" = "$2" ]; do
		_capture_tries=$((_capture_tries + 1))
		[ "$_capture_tries" -lt 500 ] || return 1
		sleep 0.02
	done
}

# count FILE: the number that fixtures/programs/busy.c counts up.
count() {
	od -A n -t u8 -N 8 "$1" | tr -d ' '
}

# counts_up FILE: within ten seconds.
counts_up() {
	_capture_first=$(count "$1")
	_capture_tries=0
	while [ "$(count "$1")" = "$_capture_first" ]; do
		_capture_tries=$((_capture_tries + 1))
		[ "$_capture_tries" -lt 500 ] || return 1
		sleep 0.02
	done
}
