/* SPDX-License-Identifier: MIT */
/*
 * Getting everybody out of malloc, while the target stands still.
 *
 * Only threads inside malloc (inside.h) are advanced, a moment at a time; all others stay where they are. A thread has left when
 * inside_until() says so: neither its pc nor one of its frames is in malloc.
 *
 * A thread that is found in the wait for an arena's lock is left alone too: the holder is let out, and the lock with it. A lock that
 * is still held afterwards means that somebody is inside whom we did not see.
 *
 * Every moment is pause, so all of it is bounded; who is left is remembered and the walk says so.
 */
#include "glibc/glibc.h"
#include "glibc/inside.h"
#include "glibc/instance.h"

enum {
	/** Moments that one thread is let run; one that does nothing but malloc and free is out after 20 on the average. */
	RUNS_PER_THREAD = 2000,
	ROUNDS = 4,
};

/* From the moment on when all stand still: on a busy machine it may have taken long until they did. Units: ns. */
static const uint64_t TIME_MAX = UINT64_C(500) * 1000 * 1000;

static bool read_stopped(void *context, vaddr address, void *buffer, size_t size)
{
	return stopped_get(context, address, buffer, size);
}

/* Lets one thread run until it is found outside malloc, or waits for another one; gives up at the bounds. There is no single step to
   watch it leave (target/stopped.h says why): it may have left and come back, so each look is a new one. */
static void step_out(const struct inside *inside, struct stopped *stopped, size_t index, uint64_t deadline)
{
	for (unsigned runs = 0; runs < RUNS_PER_THREAD && stopped_elapsed(stopped) < deadline; runs++) {
		// A thread that cannot be let run any more is gone, and what it did with it.
		if (!stopped_run(stopped, index, 0))
			return;
		if (!inside_until(inside, stopped_thread(stopped, index)))
			return;
	}
}

/* One look at all threads; returns how many were inside. */
static size_t round_all(const struct inside *inside, struct stopped *stopped, uint64_t deadline)
{
	size_t n = 0;

	for (size_t i = 0; i < stopped_threads(stopped); i++) {
		vaddr end = inside_until(inside, stopped_thread(stopped, i));

		if (!end)
			continue;
		n++;
		if (inside->glibc->may_step)
			step_out(inside, stopped, i, deadline);
	}
	return n;
}

struct error *glibc_quiesce(struct stopped *stopped, void *context)
{
	struct glibc *glibc = context;
	struct inside inside;
	uint64_t deadline = stopped_elapsed(stopped) + TIME_MAX;

	glibc->inside.n = 0;
	inside_init(&inside, glibc, stopped_mappings(stopped), read_stopped, stopped);
	for (unsigned round = 0; round < ROUNDS; round++) {
		if (!round_all(&inside, stopped, deadline) && !inside_any_lock_held(&inside))
			break;
		if (!glibc->may_step || stopped_elapsed(stopped) >= deadline)
			break;
	}
	for (size_t i = 0; i < stopped_threads(stopped); i++)
		if (inside_until(&inside, stopped_thread(stopped, i)))
			array_append(&glibc->inside, stopped_thread(stopped, i)->tid);
	inside_deinit(&inside);
	return NULL;
}
