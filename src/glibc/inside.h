/* SPDX-License-Identifier: MIT */
/*
 * Which threads are inside malloc: asked of a stopped process, and of an image. Private to glibc/.
 *
 * A thread is inside when its pc, or the pc of one of its frames, lies in malloc's code. One that waits for an arena's lock has changed
 * nothing yet and counts as outside. Locks prove nothing alone (tcache paths take none, single-threaded programs neither), but
 * a lock that is held says that somebody is inside.
 */
#ifndef HEAPSNAP_GLIBC_INSIDE_H
#define HEAPSNAP_GLIBC_INSIDE_H

#include "base/array.h"
#include "glibc/instance.h"
#include "target/frames.h"
#include "target/target.h"

struct inside {
	const struct glibc *glibc;
	/** How memory is read. Borrowed. */
	frames_read *read;
	void *context;
	struct unwinder *unwinder;
	/** Addresses of the arenas' locks. */
	ARRAY(vaddr) locks;
};

/** Prepares the question; everything is borrowed until inside_deinit(). */
void inside_init(struct inside *inside, const struct glibc *glibc, const mapping_array *mappings, frames_read *read, void *context);

/** Releases it. */
void inside_deinit(struct inside *inside);

/** Whether a pc lies in malloc's code. */
bool inside_code(const struct glibc *glibc, vaddr pc);

/** Whether some arena's lock is held. */
bool inside_any_lock_held(const struct inside *inside);

/** Whether a thread waits for an arena's lock, or its next instruction asks the kernel to let it wait. */
bool inside_waits(const struct inside *inside, const struct thread *thread);

/** 0 when the thread is outside; else the stack pointer above its outermost malloc frame, VADDR_NONE when the frames do not tell. */
vaddr inside_until(const struct inside *inside, const struct thread *thread);

/** Whether any frame of a thread lies in malloc's code, however deep: below a signal handler too, which inside_until() does not look for since that would cost
    pause. One that waits for an arena's lock is not meant. Cost: some µs a thread. */
bool inside_anywhere(const struct inside *inside, const struct thread *thread);

#endif
