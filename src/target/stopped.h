/* SPDX-License-Identifier: MIT */
/*
 * A process while it stands still: what the quiesce step may do.
 *
 * live.c calls the step once, between the stop of the last thread and the copy. The step decides (glibc/quiesce.c: which
 * threads are inside malloc); this interface only offers the means: reading a little memory, single-stepping one
 * thread, letting one thread run for a moment. Everything it does costs pause, so callers bound it.
 */
#ifndef HEAPSNAP_TARGET_STOPPED_H
#define HEAPSNAP_TARGET_STOPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vaddr.h"
#include "target/target.h"

struct stopped;

/** The quiesce step: returns with all threads stopped. An error ends the capture (the target is resumed all the same); what
    is merely not achieved (a thread that would not leave malloc) is the step's own to remember in context. */
typedef struct error *quiesce_step(struct stopped *stopped, void *context);

/** How many threads are stopped. */
size_t stopped_threads(const struct stopped *stopped);

/** One thread, with its registers as of its last stop. Borrowed: until it is stepped or run. */
const struct thread *stopped_thread(const struct stopped *stopped, size_t index);

/** The mappings at the stop, read after the last thread stood still. Borrowed: until the process is resumed. */
const mapping_array *stopped_mappings(const struct stopped *stopped);

/** Reads the stopped process; false when any byte is not readable. Cost: one system call. */
bool stopped_get(struct stopped *stopped, vaddr address, void *buffer, size_t size);

/** Executes one instruction of one thread and reads its registers. Signals that arrive meanwhile are kept and delivered on
    detach. False when the thread cannot be stepped any more (it exited, or execs). */
bool stopped_step(struct stopped *stopped, size_t index);

/** Lets one thread run for about the given time, then stops it again. False as for stopped_step(). Units: µs. */
bool stopped_run(struct stopped *stopped, size_t index, unsigned microseconds);

/** Nanoseconds since the first thread was asked to stop. */
uint64_t stopped_elapsed(const struct stopped *stopped);

#endif
