#!/bin/sh
# SPDX-License-Identifier: MIT
# Processes that cannot be captured: each is refused with a message that says why and what helps, and is left as it was.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/live/capture.sh"
need_ptrace

# refused DESC MESSAGE COMMAND...: fails with a line that matches.
refused() {
	desc=$1 message=$2
	shift 2
	run "$@"
	is "$desc: status" "$status" 1
	matches "$desc: message" "$out" "$message"
}

refused "a number of no process" '^error os process 4194304 cannot be read: No such process' "$driver" 4194304
refused "zero" '^error usage 0 is no process number' "$driver" 0
refused "ourselves" '^error usage process [0-9]* is heapsnap itself' sh -c 'exec "$0" $$' "$driver"
if [ -d /proc/2 ] && [ "$(cat /proc/2/comm)" = kthreadd ]; then
	refused "a thread of the kernel" '^error unsupported 2 \(kthreadd\) is a thread of the kernel' "$driver" 2
else
	skip "a thread of the kernel" "none is to be seen"
fi

# A child that has ended and is not waited for.
start_target sh -c 'sleep 1 & echo "zombie $!"; echo ready; exec sleep 1000' || done_testing
zombie=$(sed -n 's/^zombie //p' "$target_out")
check "there is a zombie" wait_for_state "$zombie" Z
refused "a zombie" '^error os process [0-9]* \(sleep\) is a zombie: it has ended' "$driver" "$zombie"
stop_target

start_target "$fixtures/busy" 1 1 "$tmp/counter" || done_testing
thread=$(ls "/proc/$target_pid/task" | sed "/^$target_pid\$/d" | head -n 1)
refused "a thread" "^error usage $thread is a thread \\(busy\\) of process $target_pid: give that number" "$driver" "$thread"

if [ "$(id -u)" = 0 ] && setpriv --reuid=65534 --regid=65534 --clear-groups true 2>/dev/null; then
	as_nobody="setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all"
	chmod 755 "$tmp"
	cp "$driver" "$tmp/driver"
	# shellcheck disable=SC2086
	refused "another user's process" \
		"^error os process $target_pid \\(busy\\) belongs to root and heapsnap runs as (nobody|user 65534): run it as root or with CAP_SYS_PTRACE" \
		$as_nobody "$tmp/driver" "$target_pid"
	refused "without the capability" \
		"^error os process $target_pid \\(busy\\) (cannot be read: root here lacks CAP_SYS_PTRACE, as in a container; start it with --cap-add SYS_PTRACE|belongs to)" \
		setpriv --bounding-set=-sys_ptrace,-sys_admin --inh-caps=-all --nnp setpriv --bounding-set=-sys_ptrace,-sys_admin "$tmp/driver" "$target_pid"
else
	skip "another user's process" "not root"
fi
check "the process that was refused runs on" counts_up "$tmp/counter"
check "and nobody traces it" untouched "$target_pid"

# ---- the room for the copy ----

refused "a spool directory that is not there" "^error os process $target_pid \\(busy\\): the spool directory $tmp/none cannot be used: No such file" \
	"$driver" -s -d "$tmp/none" "$target_pid"
refused "a file for a spool directory" "^error os process $target_pid \\(busy\\): no spool file can be made in $tmp/counter: Not a directory" \
	"$driver" -s -d "$tmp/counter" "$target_pid"
stop_target
start_target "$fixtures/busy" 40 1 "$tmp/counter" || done_testing
mkdir "$tmp/small"
cat >"$tmp/inside" <<-END
	mount -t tmpfs -o size=20m none "$tmp/small" && "$driver" -s -d "$tmp/small" $target_pid
END
if unshare -m true 2>/dev/null; then
	refused "no room to spool" \
		"^error os process $target_pid \\(busy\\): it has [0-9.]* MiB to copy; .* of memory are available, and $tmp/small has 20.0 MiB, which is memory too: name a directory with room \\(--spool DIR\\)" \
		unshare -m sh "$tmp/inside"
else
	skip "no room to spool" "unshare -m is refused"
fi
# Address space for the copy runs out: said before the stop. A sanitizer needs more of it than that for itself.
run sh -c 'ulimit -v 200000; exec "$@"' sh "$driver"
if [ "$status" = 2 ]; then
	refused "no address space" "^error os process $target_pid \\(busy\\): no address space is left for the copy: Cannot allocate memory" \
		sh -c 'ulimit -v 40000; exec "$@"' sh "$driver" "$target_pid"
	# Just enough for what there is, without a reserve: it works.
	run sh -c 'ulimit -v 200000; exec "$@"' sh "$driver" "$target_pid"
	is "little address space: status" "$status" 0
else
	skip "little address space" "this build does not start with 200 MB of it"
fi
check "the process that found no room runs on" counts_up "$tmp/counter"
stop_target

# ---- other machines ----

# A 32-bit program by hand: pause() for ever, in 20 bytes of i386 code behind the two headers.
{
	printf '\177ELF\001\001\001\000\000\000\000\000\000\000\000\000\002\000\003\000\001\000\000\000\124\200\004\010\064\000\000\000'
	printf '\000\000\000\000\000\000\000\000\064\000\040\000\001\000\000\000\000\000\000\000'
	printf '\001\000\000\000\000\000\000\000\000\200\004\010\000\200\004\010\150\000\000\000\150\000\000\000\005\000\000\000\000\020\000\000'
	printf '\270\035\000\000\000\315\200\353\367\220\220\220\220\220\220\220\220\220\220\220'
} >"$tmp/i386"
chmod +x "$tmp/i386"
start_i386() {
	"$tmp/i386" &
	target_pid=$!
	_tap_targets="$_tap_targets $target_pid"
	sleep 0.3
	[ "$(readlink "/proc/$target_pid/exe")" = "$tmp/i386" ]
}
if [ "$(uname -m)" = x86_64 ] && start_i386 2>/dev/null; then
	refused "a 32-bit program" "^error unsupported process $target_pid \\(i386\\) is a 32-bit program \\(i386\\); heapsnap reads 64-bit ones" \
		"$driver" "$target_pid"
	stop_target
else
	skip "a 32-bit program" "the kernel does not run it"
fi
done_testing
