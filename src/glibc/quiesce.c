/* SPDX-License-Identifier: MIT */
/*
 * Getting everybody out of malloc, while the target stands still.
 *
 * A thread is inside malloc when its pc, or the pc of one of its frames, lies in malloc's code. Only such threads are advanced,
 * one instruction at a time; all others stay where they are. A thread has left when its pc is outside and its stack pointer is
 * back above the frame of the outermost malloc function (without frames: when its pc is outside).
 *
 * A thread that waits for an arena's lock has changed nothing yet: it is left alone, also when stepping brings it to that wait. The holder
 * is stepped out, and the lock with it. tcache paths take no lock and single-threaded programs none at all, so the lock alone proves
 * nothing; but a lock that is still held afterwards means that somebody is inside whom we did not see.
 *
 * Every step is pause, so all of it is bounded; who is left is remembered and the walk says so.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/alloc.h"
#include "glibc/glibc.h"
#include "glibc/instance.h"
#include "target/frames.h"

enum {
	/** Arenas that are looked at during the stop; more than any machine's default limit (8 per core). */
	ARENAS_MAX = 4096,
	/** Frames from the top in which malloc is looked for: its deepest callees are three or four below it. */
	FRAMES_MAX = 12,
	STEPS_PER_THREAD = 100 * 1000,
	/** Single steps before a thread is let run for a moment instead (a large memcpy below realloc). */
	STEPS_BEFORE_RUN = 20 * 1000,
	RUN_MICROSECONDS = 200,
	ROUNDS = 4,
};

static const uint64_t TIME_MAX = UINT64_C(500) * 1000 * 1000; // ns

struct quiesce {
	struct glibc *glibc;
	struct stopped *stopped;
	struct unwinder *unwinder;
	ARRAY(vaddr) locks;
};

static bool in_malloc_code(const struct glibc *glibc, vaddr pc)
{
	for (size_t i = 0; i < glibc->instances.n; i++)
		if (pc - glibc->instances.v[i].code_start < glibc->instances.v[i].code_end - glibc->instances.v[i].code_start)
			return true;
	return false;
}

static bool in_malloc_module(const struct glibc *glibc, vaddr pc)
{
	for (size_t i = 0; i < glibc->instances.n; i++)
		if (pc - glibc->instances.v[i].module_start < glibc->instances.v[i].module_end - glibc->instances.v[i].module_start)
			return true;
	return false;
}

/* The arenas' locks, by following `next` from each main_arena. */
static void locks_collect(struct quiesce *q)
{
	for (size_t i = 0; i < q->glibc->instances.n; i++) {
		const struct instance *instance = &q->glibc->instances.v[i];
		vaddr arena = instance->main_arena;

		for (size_t n = 0; n < ARENAS_MAX; n++) {
			array_append(&q->locks, arena + instance->layout.arena.mutex);
			if (!stopped_get(q->stopped, arena + instance->layout.arena.next, &arena, sizeof(arena)) ||
			    arena == instance->main_arena || arena % CHUNK_ALIGN)
				break;
		}
	}
}

static bool any_lock_held(struct quiesce *q)
{
	for (size_t i = 0; i < q->locks.n; i++) {
		uint32_t value;

		if (stopped_get(q->stopped, q->locks.v[i], &value, sizeof(value)) && value)
			return true;
	}
	return false;
}

static bool is_lock(const struct quiesce *q, vaddr address)
{
	for (size_t i = 0; i < q->locks.n; i++)
		if (q->locks.v[i] == address)
			return true;
	return false;
}

/* The thread waits for an arena's lock, or is about to ask the kernel to let it wait. */
static bool waits_for_lock(struct quiesce *q, const struct thread *thread)
{
	if (thread->syscall == SYS_futex)
		return is_lock(q, thread->syscall_argument);
#if defined(__x86_64__)
	enum { RAX = 0, RDI = 5 };
	uint8_t code[2];

	return thread->registers[RAX] == SYS_futex && is_lock(q, thread->registers[RDI]) &&
	       stopped_get(q->stopped, thread->pc, code, sizeof(code)) && code[0] == 0x0f && code[1] == 0x05;
#else
	uint32_t code;

	return thread->registers[8] == SYS_futex && is_lock(q, thread->registers[0]) &&
	       stopped_get(q->stopped, thread->pc, &code, sizeof(code)) && code == 0xd4000001; // svc #0
#endif
}

/* System calls that malloc makes itself: only below these can a sleeping thread be inside it. */
static bool malloc_calls(long syscall)
{
	switch (syscall) {
	case SYS_brk:
	case SYS_mmap:
	case SYS_munmap:
	case SYS_mremap:
	case SYS_madvise:
	case SYS_mprotect:
	case SYS_futex:
	// Reading overcommit and huge-page settings, and the random tcache key.
#ifdef SYS_open
	case SYS_open:
#endif
	case SYS_openat:
	case SYS_read:
	case SYS_close:
	case SYS_getrandom:
	case SYS_prctl:
		return true;
	default:
		return false;
	}
}

static bool read_stopped(void *context, vaddr address, void *buffer, size_t size)
{
	struct quiesce *q = context;

	return stopped_get(q->stopped, address, buffer, size);
}

/* The stack pointer above the outermost malloc frame of a thread; 0 when it has no such frame, VADDR_NONE when it has one but nothing above
   it could be unwound. */
static vaddr malloc_frame_end(struct quiesce *q, const struct thread *thread)
{
	frame_array frames = { 0 };
	bool complete;
	vaddr end = 0;

	unwinder_walk(q->unwinder, thread, FRAMES_MAX, &frames, &complete);
	for (size_t i = 0; i < frames.n; i++)
		if (in_malloc_code(q->glibc, frames.v[i].pc - (i && !frames.v[i].interrupted)))
			end = i + 1 < frames.n ? frames.v[i + 1].sp : VADDR_NONE;
	array_deinit(&frames);
	if (!end && in_malloc_code(q->glibc, thread->pc))
		end = VADDR_NONE;
	return end;
}

/* malloc_frame_end(), without the cost of unwinding for threads that cannot be inside. */
static vaddr inside_until(struct quiesce *q, const struct thread *thread)
{
	if (!thread->has_registers)
		return 0;
	if (!in_malloc_code(q->glibc, thread->pc)) {
		// malloc calls nothing outside its own module but the vdso-less kernel.
		if (!in_malloc_module(q->glibc, thread->pc) || (thread->syscall >= 0 && !malloc_calls(thread->syscall)))
			return 0;
		if (thread->syscall == SYS_futex && !is_lock(q, thread->syscall_argument))
			return 0;
	}
	return waits_for_lock(q, thread) ? 0 : malloc_frame_end(q, thread);
}

static bool has_left(const struct quiesce *q, const struct thread *thread, vaddr end)
{
	if (in_malloc_code(q->glibc, thread->pc))
		return false;
	return end == VADDR_NONE || thread->sp >= end;
}

/* Advances one thread until it has left malloc, or waits for another one; false when the bounds were hit. */
static bool step_out(struct quiesce *q, size_t index, vaddr end)
{
	for (unsigned steps = 0; steps < STEPS_PER_THREAD; steps++) {
		const struct thread *thread = stopped_thread(q->stopped, index);

		if (has_left(q, thread, end))
			return true;
		if (!in_malloc_code(q->glibc, thread->pc) && waits_for_lock(q, thread))
			return true;
		if (stopped_elapsed(q->stopped) > TIME_MAX)
			return false;
		if (steps < STEPS_BEFORE_RUN ? !stopped_step(q->stopped, index) : !stopped_run(q->stopped, index, RUN_MICROSECONDS))
			return true; // it is gone, and so is what it did
		if (steps >= STEPS_BEFORE_RUN) {
			// It ran freely: it may be anywhere by now, in malloc again as well.
			end = inside_until(q, stopped_thread(q->stopped, index));
			if (!end)
				return true;
		}
	}
	return false;
}

/* One look at all threads; returns how many were inside. */
static size_t round_all(struct quiesce *q)
{
	size_t inside = 0;

	for (size_t i = 0; i < stopped_threads(q->stopped); i++) {
		vaddr end = inside_until(q, stopped_thread(q->stopped, i));

		if (!end)
			continue;
		inside++;
		if (q->glibc->may_step)
			step_out(q, i, end);
	}
	return inside;
}

struct error *glibc_quiesce(struct stopped *stopped, void *context)
{
	struct glibc *glibc = context;
	struct quiesce q = { .glibc = glibc, .stopped = stopped };

	glibc->inside.n = 0;
	q.unwinder = unwinder_create(stopped_mappings(stopped), read_stopped, &q);
	locks_collect(&q);
	for (unsigned round = 0; round < ROUNDS; round++) {
		if (!round_all(&q) && !any_lock_held(&q))
			break;
		if (!glibc->may_step || stopped_elapsed(stopped) > TIME_MAX)
			break;
	}
	for (size_t i = 0; i < stopped_threads(stopped); i++)
		if (inside_until(&q, stopped_thread(stopped, i)))
			array_append(&glibc->inside, stopped_thread(stopped, i)->tid);
	glibc->quiesced = true;
	unwinder_destroy(q.unwinder);
	array_deinit(&q.locks);
	return NULL;
}
