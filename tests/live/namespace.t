#!/bin/sh
# SPDX-License-Identifier: MIT
# Files of a target that are not where its paths say: in another mount and PID namespace, deleted, replaced, in a chroot.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/live/capture.sh"
need_ptrace
need unshare setpriv

# text_range: the executable mapping of the target's own program, as the last capture saw it.
text_range() {
	sed -n "s/^mapping \(0x[0-9a-f]*-0x[0-9a-f]*\) prot 5 shared 0 rss [0-9]* file $(value exe_file) .*/\1/p" "$out"
}

# text_sum: the sum of a range's words, and how much of it was absent.
text_sum() {
	sed -n 's/^sum [^ ]* //p' "$out"
}

# ---- its own namespaces ----

if unshare -m -p -f true 2>/dev/null; then
	mkdir "$tmp/hidden"
	cat >"$tmp/inside" <<-END
		mount -t tmpfs none "$tmp/hidden" && cp "$fixtures/busy" "$tmp/hidden/program" && cd "$tmp/hidden" &&
		exec ./program 20 2 "$tmp/counter"
	END
	start_target unshare -m -p -f --mount-proc sh "$tmp/inside" || done_testing
	unshare_pid=$target_pid
	inner=$(cat "/proc/$unshare_pid/task/$unshare_pid/children" | tr -d ' ')
	is "its path is not ours" "$(ls "$tmp/hidden")" ""
	# shellcheck disable=SC2046
	run "$driver" -m $(range_options "$target_out") "$inner"
	is "other namespaces: status" "$status" 0
	check "other namespaces: the bytes are the target's" sums_agree "$target_out"
	matches "other namespaces: the executable through its root" "$out" \
		"^file $tmp/hidden/program /proc/$inner/root$tmp/hidden/program replaced 0\$"
	is "other namespaces: no file is missing" "$(grep -c '^file .* - replaced' "$out")" 0
	check "other namespaces: the executable is known" test "$(value exe_file)" -ge 0
	kill -KILL "$inner"
	stop_target "$unshare_pid"
else
	skip "other namespaces" "unshare -m -p is refused"
fi

# ---- deleted and replaced, with and without the right to open what is mapped ----

cp "$fixtures/busy" "$tmp/program"
start_target "$tmp/program" 1 0 "$tmp/counter" || done_testing
run "$driver" -m "$target_pid"
range=$(text_range)
run "$driver" -x "$range" "$target_pid"
text=$(text_sum)
matches "the text comes from the file" "$out" "^sum $range [1-9][0-9]* absent 0\$"
matches "in its place: not replaced" "$out" "^file $tmp/program .*$tmp/program replaced 0\$"
rm "$tmp/program"
run "$driver" -x "$range" "$target_pid"
matches "deleted: opened all the same" "$out" "^file $tmp/program /proc/$target_pid/(map_files/[0-9a-f-]*|exe) replaced 1\$"
is "deleted: the text is the same" "$(text_sum)" "$text"
cp "$fixtures/restless" "$tmp/program"
run "$driver" -x "$range" "$target_pid"
matches "another program in its place: not mistaken for it" "$out" "^file $tmp/program /proc/$target_pid/(map_files/[0-9a-f-]*|exe) replaced 1\$"
is "another program in its place: the text is the same" "$(text_sum)" "$text"
check "another program in its place: the executable is known" test "$(value exe_file)" -ge 0
# The path is a pipe now: opening it would hang.
rm "$tmp/program" && mkfifo "$tmp/program"
run timeout 20 "$driver" -x "$range" "$target_pid"
is "a pipe in its place: status" "$status" 0
is "a pipe in its place: the text is the same" "$(text_sum)" "$text"
rm "$tmp/program"
stop_target

if [ "$(id -u)" = 0 ] && setpriv --reuid=65534 --regid=65534 --clear-groups true 2>/dev/null; then
	as_nobody="setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all"
	chmod 755 "$tmp"
	mkdir "$tmp/theirs" && chown 65534 "$tmp/theirs"
	cp "$fixtures/busy" "$tmp/theirs/program"
	cp "$driver" "$tmp/theirs/driver"
	# The libraries too, so that one can be deleted.
	for library in $(ldd "$fixtures/busy" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p'); do
		cp "$library" "$tmp/theirs/"
	done
	# shellcheck disable=SC2086
	start_target $as_nobody env LD_LIBRARY_PATH="$tmp/theirs" "$tmp/theirs/program" 1 0 "$tmp/theirs/counter" || done_testing
	# shellcheck disable=SC2086
	run $as_nobody "$tmp/theirs/driver" -m "$target_pid"
	is "as another user, for itself: status" "$status" 0
	is "as another user: no file is missing" "$(grep -c '^file .* - replaced' "$out")" 0
	range=$(text_range)
	rm "$tmp/theirs/program" "$tmp/theirs/libc.so.6"
	# shellcheck disable=SC2086
	run $as_nobody "$tmp/theirs/driver" -x "$range" "$target_pid"
	is "deleted, without privileges: status" "$status" 0
	matches "deleted, without privileges: the executable through /proc/PID/exe" "$out" \
		"^file $tmp/theirs/program /proc/$target_pid/exe replaced 1\$"
	is "deleted, without privileges: the text is the same" "$(text_sum)" "$text"
	matches "deleted, without privileges: the library is missing, and why" "$out" \
		"^file $tmp/theirs/libc.so.6 - replaced 1 why is not there any more, .*CAP_CHECKPOINT_RESTORE"
	# What is not in a file that we can open was copied from memory.
	run "$driver" -m "$target_pid"
	libc_text=$(sed -n "s/^mapping \(0x[0-9a-f]*-0x[0-9a-f]*\) prot 5 .*libc.so.6\$/\1/p" "$out")
	run "$driver" -x "$libc_text" "$target_pid"
	whole=$(text_sum)
	# shellcheck disable=SC2086
	run $as_nobody "$tmp/theirs/driver" -x "$libc_text" "$target_pid"
	is "deleted, without privileges: the library's text comes from memory" "$(text_sum)" "$whole"
	# The same file under another inode, as after a reinstallation.
	cp "$fixtures/busy" "$tmp/theirs/program"
	# shellcheck disable=SC2086
	run $as_nobody "$tmp/theirs/driver" -x "$range" "$target_pid"
	matches "reinstalled, without privileges: found by its bytes" "$out" \
		"^file $tmp/theirs/program /proc/$target_pid/root$tmp/theirs/program replaced 1\$"
	stop_target
else
	skip "without privileges" "not root"
fi

# ---- chroot: the path that we see is longer than the target's ----

if [ "$(id -u)" = 0 ]; then
	mkdir "$tmp/jail"
	for file in $(ldd "$fixtures/busy" | grep -o '/[^ ]*'); do
		mkdir -p "$tmp/jail$(dirname "$file")"
		cp -L "$file" "$tmp/jail$file"
	done
	cp "$fixtures/busy" "$tmp/jail/program"
	if chroot "$tmp/jail" /program 2>/dev/null | grep -q usage; then
		start_target chroot "$tmp/jail" /program 1 0 /counter || done_testing
		run "$driver" "$target_pid"
		is "chroot: status" "$status" 0
		is "chroot: no file is missing" "$(grep -c '^file .* - replaced' "$out")" 0
		is "chroot: none is replaced" "$(grep -c '^file .* replaced 1' "$out")" 0
		stop_target
	else
		skip "chroot" "a program does not run in one here"
	fi
else
	skip "chroot" "not root"
fi
done_testing
