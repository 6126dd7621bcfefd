#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The truth is only worth something if the comparison can fail: a list made of the recorder's own books
# is equal, and each way of being wrong is noticed. Also: a forked child has books of its own, and what
# a program prints of its chunks is what the recorder holds.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/truth/truth.sh"
need /usr/bin/python3 timeout
dump=$top_srcdir/tests/truth/truth

# held STATE: the recorder's books as heapsnap would list them.
held() {
	echo 'address,size,kind,arena,state,type,confidence,evidence,reach,retained,owner,lang'
	"$dump" dump "$truth" | sed -n "s/^\(0x[^,]*\),\([0-9]*\),live\$/\1,\2,heap,0,$1,,,,,,,/p"
}

# judged DESCRIPTION STATUS: what the comparison says of $tmp/list.csv.
judged() {
	status=0
	truth_judge || status=$?
	is "$1" "$status" "$2"
	[ "$status" -eq "$2" ] || diag_file "$tmp/verdict"
}

record "$fixtures/mix" --threads 3 --seed 5 --print --exit-every 2 || done_testing
held in-use >"$tmp/right.csv"
cp "$tmp/right.csv" "$tmp/list.csv"
judged "the recorder's own books are equal" 0
sed 2d "$tmp/right.csv" >"$tmp/list.csv"
judged "a missing chunk is noticed" 1
{ cat "$tmp/right.csv"; echo 0x10,24,heap,0,in-use,,,,,,,; } >"$tmp/list.csv"
judged "an extra chunk is noticed" 1
{ cat "$tmp/right.csv"; echo 0x10,24,heap,0,tcache,,,,,,,; } >"$tmp/list.csv"
judged "a free chunk is not an extra one" 0
{ cat "$tmp/right.csv"; echo 0x10,24,heap,0,internal,,,,,,,; } >"$tmp/list.csv"
judged "libc's own chunk is not an extra one" 0
sed '2s/,\([0-9]*\),heap/,1\1,heap/' "$tmp/right.csv" >"$tmp/list.csv"
judged "a wrong size is noticed" 1
sed '2s/in-use/tcache/' "$tmp/right.csv" >"$tmp/list.csv"
judged "a chunk in use that is called free is noticed" 1
{ cat "$tmp/right.csv"; sed -n 2p "$tmp/right.csv"; } >"$tmp/list.csv"
judged "a chunk that is listed twice is no list" 2
sed 1s/state/status/ "$tmp/right.csv" >"$tmp/list.csv"
judged "other columns are no list" 2
printed=$(sed -n 's/^\(0x[0-9a-f]*\) .* in-use$/\1/p' "$target_out" | head -n 1)
sed "s/^\($printed,.*\),in-use,/\1,internal,/" "$tmp/right.csv" >"$tmp/list.csv"
judged "the program's own chunk that is called internal is noticed" 1
cp "$truth" "$tmp/whole"
truth=$tmp/part
head -c 100000 "$tmp/whole" >"$truth"
cp "$tmp/right.csv" "$tmp/list.csv"
judged "half a truth is none" 2
stop_target "$target_main"

# The child frees and obtains chunks after the fork; the parent's books stay as they were.
if record "$fixtures/mix" --threads 4 --seed 6 --fork --print; then
	held in-use >"$tmp/list.csv"
	judged "what a forked child prints is what its books hold" 0
	child=$(held in-use)
	truth=$truth_prefix.$target_main
	parent=$(held in-use)
	check_not "parent and child have books of their own" test "$child" = "$parent"
	check "no copy is left over" test -z "$(find "$tmp" -name '*.fork*')"
	stop_target "$target_main"
fi

# Many forks, one after the other and at the same time, while threads allocate.
cat >"$tmp/forks.py" <<'END'
import os, threading
stop = False


def churn():
    while not stop:
        [bytearray(n * 7 % 5000) for n in range(200)]


def spawn():
    child = os.fork()
    if child == 0:
        held = [bytearray(n) for n in range(600, 900)]
        os._exit(0 if len(held) == 300 else 1)
    return child


threads = [threading.Thread(target=churn) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(10):
    for child in [spawn(), spawn(), spawn()]:
        if os.waitpid(child, 0)[1]:
            os._exit(1)
stop = True
for thread in threads:
    thread.join()
END
truth_prefix=$tmp/forks
check "30 forks of a program with threads" timeout 60 env HEAPSNAP_TRUTH="$truth_prefix" \
	HEAPSNAP_TRUTH_LOG2=16 LD_PRELOAD="$recorder" PYTHONMALLOC=malloc \
	/usr/bin/python3 "$tmp/forks.py"
is "each has books of its own" "$(find "$tmp" -name 'forks.*' ! -name '*.py' | wc -l)" 31
bad=0
for truth in "$truth_prefix".[0-9]*; do
	"$dump" dump "$truth" >/dev/null || bad=$((bad + 1))
done
is "and all of them can be trusted" "$bad" 0
done_testing
