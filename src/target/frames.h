/* SPDX-License-Identifier: MIT */
/*
 * Stack frames of a thread, unwound offline: over an image, or over a stopped process for the quiesce step alone.
 *
 * libunwind's remote interface with our own accessors (notes in frames.c); nothing here needs the target to be alive. Frames are
 * accepted only while the pc lies in an executable mapping and the stack pointer grows.
 */
#ifndef HEAPSNAP_TARGET_FRAMES_H
#define HEAPSNAP_TARGET_FRAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/array.h"
#include "target/target.h"

/** Where the unwinder reads memory: returns false when absent. */
typedef bool frames_read(void *context, vaddr address, void *buffer, size_t size);

struct frame {
	vaddr pc, sp;
	/** Interrupted by a signal (look its pc up as it is; callers at pc - 1). */
	bool interrupted;
	/** Saved registers known in this frame: bit n for DWARF register n; all in frame 0. */
	uint64_t known;
	uint64_t registers[THREAD_REGISTERS_MAX];
};

typedef ARRAY(struct frame) frame_array;

struct unwinder;

/** An unwinder over mappings, with its own way to read their bytes (text and .eh_frame included). For threads of this machine's own architecture
    only: of another one it finds no frames. Everything is borrowed until it is destroyed. */
struct unwinder *unwinder_create(const mapping_array *mappings, frames_read *read, void *context);

/** Frees an unwinder; NULL is accepted. */
void unwinder_destroy(struct unwinder *unwinder);

/** The frames of a thread, innermost first, at most maximum. `complete_ret` says whether the walk reached the bottom (_start, clone). No
    registers: no frames. Cost: about 0.6 µs a frame when warm. */
void unwinder_walk(struct unwinder *unwinder, const struct thread *thread, size_t maximum, frame_array *ret, bool *complete_ret);

#endif
