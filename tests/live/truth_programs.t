#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Programs that were not written for this: redis-server with data in it and under load, the Python
# interpreter, sqlite3. The recorder tells what they hold.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/truth/truth.sh"
need_ptrace
need /usr/bin/python3
TRUTH_LOG2=21

# started COMMAND...: as record, for a program that says nothing; $ready is a command that succeeds once
# it has got where it is wanted.
started() {
	_started=$((${_started:-0} + 1))
	truth_prefix=$tmp/program.$_started
	target_out=$truth_prefix.out
	env HEAPSNAP_TRUTH="$truth_prefix" HEAPSNAP_TRUTH_LOG2="$TRUTH_LOG2" LD_PRELOAD="$recorder" "$@" \
		<"$tmp/input" >"$target_out" 2>&1 &
	target_pid=$!
	_tap_targets="$_tap_targets $target_pid"
	truth=$truth_prefix.$target_pid
	_tries=0
	until eval "$ready" >/dev/null 2>&1; do
		_tries=$((_tries + 1))
		if ! kill -0 "$target_pid" 2>/dev/null || [ "$_tries" -gt 1500 ]; then
			not_ok "the program becomes ready" "$*"
			diag_file "$target_out"
			return 1
		fi
		sleep 0.02
	done
}

threads_stopped() {
	for _status in /proc/"$target_pid"/task/*/status; do
		grep -q '^State:.[Tt]' "$_status" || return 1
	done
}

freeze() {
	kill -STOP "$target_pid"
	until threads_stopped; do
		sleep 0.002
	done
}

# settled DESCRIPTION: a program that waits for its input holds what it holds; stopped all the same, so
# that a timer of its own cannot come between.
settled() {
	freeze
	truth_equal "$1" -p "$target_pid"
	kill -CONT "$target_pid"
}

# ---- the Python interpreter ----

: >"$tmp/input"
cat >"$tmp/program.py" <<'END'
import collections, json, sys, time
words = {str(n): [n, float(n), "text" * (n % 50)] for n in range(20000)}
tree = json.loads(json.dumps(words))
queue = collections.deque(bytearray(n % 3000) for n in range(3000))
for n in range(0, 20000, 3):
    del words[str(n)]
print("ready", flush=True)
time.sleep(600)
END
ready='grep -q ready "$target_out"'
if started /usr/bin/python3 "$tmp/program.py"; then
	settled "python3"
	stop_target
fi
# Without pymalloc every object is a chunk of its own.
if started PYTHONMALLOC=malloc /usr/bin/python3 "$tmp/program.py"; then
	settled "python3, every object from malloc"
	stop_target
fi

# ---- sqlite3 ----

if command -v sqlite3 >/dev/null; then
	mkfifo "$tmp/sql"
	{
		cat <<-END
			create table t(id integer primary key, a text, b blob);
			with recursive n(i) as (select 1 union all select i + 1 from n where i < 30000)
				insert into t select i, 'row ' || i, randomblob(i % 700) from n;
			create index ta on t(a);
			select 'ready ' || count(*) from t where a like '%7%';
		END
		exec sleep 600
	} >"$tmp/sql" &
	feeder=$!
	_tap_targets="$_tap_targets $feeder"
	rm "$tmp/input" && ln -s "$tmp/sql" "$tmp/input"
	if started sqlite3 :memory:; then
		settled "sqlite3"
		stop_target
	fi
	stop_target "$feeder"
	rm "$tmp/input"
	: >"$tmp/input"
else
	skip "sqlite3" "sqlite3 is not installed"
fi

# ---- redis-server ----

if command -v redis-server >/dev/null && command -v redis-benchmark >/dev/null; then
	socket=$tmp/redis.sock
	# Its libc comes before the allocator that Debian links it with, so that the heap is glibc's.
	ready='redis-cli -s "$socket" ping'
	if started LD_PRELOAD="$recorder libc.so.6" redis-server --port 0 --unixsocket "$socket" \
		--save '' --appendonly no --daemonize no --dir "$tmp"; then
		redis-benchmark -s "$socket" -q -n 20000 -r 20000 -d 100 \
			-t set,lpush,hset,sadd,zadd >"$tmp/load.out" 2>&1
		settled "redis-server with data"

		redis-benchmark -s "$socket" -q -l -n 100000 -r 20000 -d 300 -c 20 -t set,lpush,hset,zadd \
			>/dev/null 2>&1 &
		load=$!
		_tap_targets="$_tap_targets $load"
		right=0 admitted=0 wrong=0
		for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
			sleep 0.1
			freeze
			truth_list -p "$target_pid"
			if [ "$status" -eq 5 ]; then
				admitted=$((admitted + 1))
				diag_file "$tmp/list.err"
			elif [ "$status" -eq 0 ] && truth_judge; then
				right=$((right + 1))
			else
				wrong=$((wrong + 1))
				diag "exit status $status"
				diag_file "$tmp/list.err"
				diag_file "$tmp/verdict"
			fi
			kill -CONT "$target_pid"
		done
		is "redis-server under load, stopped 12 times: what is called exact is right" "$wrong" 0
		check "redis-server under load: at least 11 stops are exact ($right)" test "$right" -ge 11
		check "redis-server still answers" redis-cli -s "$socket" ping
		stop_target "$load"
		stop_target "$target_pid"
	fi
else
	skip "redis-server" "redis-server is not installed"
fi
done_testing
