/* SPDX-License-Identifier: MIT */
/*
 * A process while it stands still: what the quiesce step may do.
 *
 * live.c calls the step once, between the stop of the last thread and the copy. The step decides (glibc/quiesce.c: which
 * threads are inside malloc); this interface only offers the means: reading a little memory, and letting one thread run for a
 * moment. Everything it does costs pause, so callers bound it.
 *
 * There is no single step, on purpose. When the tracer is killed between PTRACE_SINGLESTEP and the detach, Linux leaves the trap flag
 * set in the tracee, and its next instruction ends it with SIGTRAP (Linux 6.18: 50 of 50 targets died; 0 of 50 with
 * PTRACE_CONT and PTRACE_INTERRUPT). Hardware breakpoints stay armed in the same way. A thread that is let run for a moment is
 * somewhere else afterwards, inside malloc again or not: whoever wants it outside asks again until it is, each time anew from its
 * registers. A thread that does nothing but malloc and free is outside about once in 20 times.
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

/** One thread, with its registers as of its last stop. Borrowed: until a thread is run. */
const struct thread *stopped_thread(const struct stopped *stopped, size_t index);

/** The mappings at the stop, read after the last thread stood still. Borrowed: until the process is resumed. */
const mapping_array *stopped_mappings(const struct stopped *stopped);

/** Reads the stopped process; false when any byte is not readable. Cost: one system call. */
bool stopped_get(struct stopped *stopped, vaddr address, void *buffer, size_t size);

/** Lets one thread run for about the given time, then stops it again and reads its registers; 0 is the shortest time that can be relied
    on to get it further (some 50 µs pass). Signals that reach it are delivered as if nobody watched. Threads it starts meanwhile are stopped
    too and stand at the end of the list. False when it cannot go on (it exited, or sits in the kernel and cannot be interrupted) or
    when the capture was interrupted. Units: µs. */
bool stopped_run(struct stopped *stopped, size_t index, unsigned microseconds);

/** Nanoseconds since the first thread was asked to stop. */
uint64_t stopped_elapsed(const struct stopped *stopped);

#endif
