/* SPDX-License-Identifier: MIT */
/*
 * Getting everybody out of malloc, of a process that is played: the functions of target/stopped.h are those below, and its
 * threads do by their script what real ones do. (Real ones are in tests/live.)
 */
#include "glibc/glibc.h"

#include "malloc_threads.h"
#include "target/stopped.h"
#include "unit.h"

enum { FOREVER = 1 << 30 };

/* What a thread does when it is let run. */
struct script {
	/* Inside for so many more runs. */
	unsigned runs_inside;
	/* The lock that it holds until it leaves, 0 for none; and the one it needs to leave. */
	vaddr holds, needs;
	/* It cannot be let run: gone, or in the kernel. */
	bool is_stuck;
	/* It was let run so often. */
	unsigned runs;
};

struct stopped {
	struct image_builder b;
	struct script scripts[TLS_THREADS];
	/* How long a run takes. Units: ns. */
	uint64_t run_time;
	uint64_t elapsed;
	size_t reads;
	/* A run of thread 0 starts another one. */
	bool spawns;
};

size_t stopped_threads(const struct stopped *stopped)
{
	return stopped->b.target->threads.n;
}

const struct thread *stopped_thread(const struct stopped *stopped, size_t index)
{
	ck_assert_uint_lt(index, stopped->b.target->threads.n);
	return &stopped->b.target->threads.v[index];
}

const mapping_array *stopped_mappings(const struct stopped *stopped)
{
	return &stopped->b.target->mappings;
}

bool stopped_get(struct stopped *stopped, vaddr address, void *buffer, size_t size)
{
	const struct built_memory *memory = builder_find(&stopped->b, address);

	stopped->reads++;
	if (!memory || size > memory->end - address)
		return false;
	memcpy(buffer, memory->bytes + (address - memory->start), size);
	return true;
}

uint64_t stopped_elapsed(const struct stopped *stopped)
{
	return stopped->elapsed;
}

static uint32_t lock_value(const struct stopped *stopped, vaddr lock)
{
	return (uint32_t)builder_get(&stopped->b, lock);
}

/* Where a thread is, by its script. */
static void place(struct stopped *stopped, size_t index)
{
	static const vaddr outside[] = { PROGRAM_CODE, PROGRAM_CODE + 0x20 },
			   in[] = { MALLOC_CODE, PROGRAM_CODE },
			   waiting[] = { LIBC_OTHER, MALLOC_CODE, PROGRAM_CODE };
	struct script *script = &stopped->scripts[index];
	struct thread *thread = &stopped->b.target->threads.v[index];

	if (script->needs && lock_value(stopped, script->needs)) {
		thread_place(&stopped->b, thread, waiting, 3);
		thread->syscall = SYS_futex;
		thread->syscall_argument = script->needs;
	} else if (script->runs_inside) {
		thread_place(&stopped->b, thread, in, 2);
	} else {
		thread_place(&stopped->b, thread, outside, 2);
	}
}

static struct script *thread_add(struct stopped *stopped, unsigned runs_inside, vaddr holds,
				 vaddr needs)
{
	size_t index = stopped->b.target->threads.n;

	builder_thread(&stopped->b, 0);
	stopped->scripts[index] =
		(struct script){ .runs_inside = runs_inside, .holds = holds, .needs = needs };
	if (holds)
		builder_put_int(&stopped->b, holds, 1);
	place(stopped, index);
	return &stopped->scripts[index];
}

bool stopped_run(struct stopped *stopped, size_t index, unsigned microseconds)
{
	struct script *script = &stopped->scripts[index];

	ck_assert_uint_eq(microseconds, 0);
	stopped->elapsed += stopped->run_time;
	if (script->is_stuck)
		return false;
	script->runs++;
	if (!script->needs || !lock_value(stopped, script->needs)) {
		script->needs = 0;
		if (script->runs_inside && script->runs_inside != FOREVER &&
		    !--script->runs_inside && script->holds) {
			builder_put_int(&stopped->b, script->holds, 0);
			script->holds = 0;
		}
	}
	place(stopped, index);
	if (stopped->spawns) {
		stopped->spawns = false;
		thread_add(stopped, 3, 0, 0);
	}
	return true;
}

static void stopped_init(struct stopped *stopped)
{
	*stopped = (struct stopped){ .run_time = 60 * 1000 };
	malloc_threads_init(&stopped->b, 2);
}

/* Runs the step, and returns how many threads it could not get out. */
static size_t quiesce(struct stopped *stopped)
{
	struct error *error = glibc_quiesce(stopped, stopped->b.glibc);

	ck_assert_ptr_null(error);
	return stopped->b.glibc->inside.n;
}

static unsigned runs_of_all(const struct stopped *stopped)
{
	unsigned runs = 0;

	for (size_t i = 0; i < TLS_THREADS; i++)
		runs += stopped->scripts[i].runs;
	return runs;
}

START_TEST(nobody_inside_nobody_runs)
{
	struct stopped stopped;

	stopped_init(&stopped);
	for (unsigned i = 0; i < 5; i++)
		thread_add(&stopped, 0, 0, 0);
	ck_assert_uint_eq(quiesce(&stopped), 0);
	ck_assert_uint_eq(runs_of_all(&stopped), 0);
	// Some words of each arena at most: each read is a system call while the target waits.
	ck_assert_uint_le(stopped.reads, 20);
	image_builder_deinit(&stopped.b);
}
END_TEST

START_TEST(those_inside_run_until_they_are_out)
{
	struct stopped stopped;

	stopped_init(&stopped);
	thread_add(&stopped, 0, 0, 0);
	thread_add(&stopped, 7, MAIN_ARENA, 0);
	thread_add(&stopped, 0, 0, 0);
	thread_add(&stopped, 1, 0, 0);
	thread_add(&stopped, 300, thread_arena(1), 0);
	ck_assert_uint_eq(quiesce(&stopped), 0);
	ck_assert_uint_eq(stopped.scripts[0].runs, 0);
	ck_assert_uint_eq(stopped.scripts[1].runs, 7);
	ck_assert_uint_eq(stopped.scripts[2].runs, 0);
	ck_assert_uint_eq(stopped.scripts[3].runs, 1);
	ck_assert_uint_eq(stopped.scripts[4].runs, 300);
	ck_assert_uint_eq(lock_value(&stopped, MAIN_ARENA), 0);
	ck_assert_uint_eq(lock_value(&stopped, thread_arena(1)), 0);
	image_builder_deinit(&stopped.b);
}
END_TEST

START_TEST(one_that_waits_for_a_lock_lets_the_holder_go_first)
{
	for (unsigned order = 0; order < 2; order++) {
		struct stopped stopped;
		unsigned waiter = order, holder = !order;

		stopped_init(&stopped);
		if (order == 0)
			thread_add(&stopped, 4, 0, MAIN_ARENA);
		thread_add(&stopped, 9, MAIN_ARENA, 0);
		if (order == 1)
			thread_add(&stopped, 4, 0, MAIN_ARENA);
		else
			place(&stopped, 0);
		ck_assert_uint_eq(quiesce(&stopped), 0);
		ck_assert_uint_eq(stopped.scripts[holder].runs, 9);
		// It had changed nothing yet, and stays where it is.
		ck_assert_uint_eq(stopped.scripts[waiter].runs, 0);
		ck_assert_uint_eq(lock_value(&stopped, MAIN_ARENA), 0);
		image_builder_deinit(&stopped.b);
	}
}
END_TEST

START_TEST(one_that_comes_to_wait_is_left_alone)
{
	struct stopped stopped;

	stopped_init(&stopped);
	// Inside, holding one lock and about to need another one.
	struct script *first = thread_add(&stopped, 3, thread_arena(0), 0);

	thread_add(&stopped, 5, thread_arena(1), 0);
	first->needs = thread_arena(1);
	ck_assert_uint_eq(quiesce(&stopped), 0);
	// Once into the wait; out after the second one had left.
	ck_assert_uint_eq(stopped.scripts[1].runs, 5);
	ck_assert_uint_ge(first->runs, 1);
	ck_assert_uint_le(first->runs, 4);
	image_builder_deinit(&stopped.b);
}
END_TEST

START_TEST(one_that_never_leaves_is_remembered)
{
	struct stopped stopped;

	stopped_init(&stopped);
	thread_add(&stopped, FOREVER, 0, 0);
	thread_add(&stopped, 5, 0, 0);
	ck_assert_uint_eq(quiesce(&stopped), 1);
	ck_assert_int_eq(stopped.b.glibc->inside.v[0], FIRST_TID);
	// Bounded in runs and in time; the other one got out all the same.
	ck_assert_uint_le(stopped.scripts[0].runs, 4 * 2000);
	ck_assert_uint_le(stopped.elapsed, UINT64_C(510) * 1000 * 1000);
	ck_assert_uint_eq(stopped.scripts[1].runs, 5);
	image_builder_deinit(&stopped.b);
}
END_TEST

START_TEST(time_is_a_bound_too)
{
	struct stopped stopped;

	// A busy machine: each run takes 20 ms, and the stop itself took a second.
	stopped_init(&stopped);
	stopped.run_time = 20 * 1000 * 1000;
	stopped.elapsed = 1000 * 1000 * 1000;
	for (unsigned i = 0; i < 4; i++)
		thread_add(&stopped, FOREVER, 0, 0);
	ck_assert_uint_eq(quiesce(&stopped), 4);
	ck_assert_uint_ge(runs_of_all(&stopped), 20);
	ck_assert_uint_le(runs_of_all(&stopped), 30);
	image_builder_deinit(&stopped.b);
}
END_TEST

START_TEST(no_time_passes_and_it_ends)
{
	struct stopped stopped;

	stopped_init(&stopped);
	stopped.run_time = 0;
	thread_add(&stopped, FOREVER, 0, 0);
	ck_assert_uint_eq(quiesce(&stopped), 1);
	ck_assert_uint_le(stopped.scripts[0].runs, 4 * 2000);
	image_builder_deinit(&stopped.b);
}
END_TEST

START_TEST(one_that_cannot_run_is_not_waited_for)
{
	struct stopped stopped;

	stopped_init(&stopped);
	thread_add(&stopped, 5, 0, 0)->is_stuck = true;
	thread_add(&stopped, 5, 0, 0);
	ck_assert_uint_eq(quiesce(&stopped), 1);
	ck_assert_int_eq(stopped.b.glibc->inside.v[0], FIRST_TID);
	ck_assert_uint_eq(stopped.scripts[0].runs, 0);
	ck_assert_uint_eq(stopped.scripts[1].runs, 5);
	ck_assert_uint_le(stopped.elapsed, 60 * 1000 * 20);
	image_builder_deinit(&stopped.b);
}
END_TEST

START_TEST(without_leave_to_step_nobody_runs)
{
	struct stopped stopped;

	stopped_init(&stopped);
	glibc_set_stepping(stopped.b.glibc, false);
	thread_add(&stopped, 5, MAIN_ARENA, 0);
	thread_add(&stopped, 0, 0, 0);
	thread_add(&stopped, 2, 0, 0);
	ck_assert_uint_eq(quiesce(&stopped), 2);
	ck_assert_uint_eq(runs_of_all(&stopped), 0);
	ck_assert_int_eq(stopped.b.glibc->inside.v[0], FIRST_TID);
	ck_assert_int_eq(stopped.b.glibc->inside.v[1], FIRST_TID + 2);
	image_builder_deinit(&stopped.b);
}
END_TEST

START_TEST(a_thread_that_starts_meanwhile_is_led_out_too)
{
	struct stopped stopped;

	stopped_init(&stopped);
	stopped.spawns = true;
	thread_add(&stopped, 2, 0, 0);
	ck_assert_uint_eq(quiesce(&stopped), 0);
	ck_assert_uint_eq(stopped_threads(&stopped), 2);
	ck_assert_uint_eq(stopped.scripts[1].runs, 3);
	image_builder_deinit(&stopped.b);
}
END_TEST

START_TEST(a_lock_that_nobody_seems_to_hold)
{
	struct stopped stopped;

	stopped_init(&stopped);
	thread_add(&stopped, 0, 0, 0);
	builder_put_int(&stopped.b, thread_arena(0), 1);
	ck_assert_uint_eq(quiesce(&stopped), 0);
	ck_assert_uint_eq(runs_of_all(&stopped), 0);
	// The walk says that the arena was locked.
	ck_assert_uint_le(stopped.reads, 100);
	image_builder_deinit(&stopped.b);
}
END_TEST

START_TEST(a_second_stop_starts_anew)
{
	struct stopped stopped;

	stopped_init(&stopped);
	thread_add(&stopped, FOREVER, 0, 0);
	ck_assert_uint_eq(quiesce(&stopped), 1);
	stopped.scripts[0].runs_inside = 0;
	place(&stopped, 0);
	ck_assert_uint_eq(quiesce(&stopped), 0);
	image_builder_deinit(&stopped.b);
}
END_TEST

UNIT_SUITE("quiesce", nobody_inside_nobody_runs, those_inside_run_until_they_are_out,
	   one_that_waits_for_a_lock_lets_the_holder_go_first, one_that_comes_to_wait_is_left_alone,
	   one_that_never_leaves_is_remembered, time_is_a_bound_too, no_time_passes_and_it_ends,
	   one_that_cannot_run_is_not_waited_for, without_leave_to_step_nobody_runs,
	   a_thread_that_starts_meanwhile_is_led_out_too, a_lock_that_nobody_seems_to_hold,
	   a_second_stop_starts_anew)
