/* SPDX-License-Identifier: MIT */
/*
 * Stack frames of a thread, unwound offline: over an image, or over a stopped process for the quiesce step alone.
 *
 * By call frame information (target/cfi.h), which is read like everything else through the reader that the caller gives; nothing here needs
 * the target to be alive, or of this machine's architecture. Frames are accepted only while the pc lies in an executable mapping
 * and the stack pointer grows.
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
	/** Where on the stack a frame further in keeps a register of this one; 0 when none does. */
	vaddr saved_at[THREAD_REGISTERS_MAX];
};

typedef ARRAY(struct frame) frame_array;

struct unwinder;

/** An unwinder over mappings, with its own way to read their bytes (text and .eh_frame included). What it reads of memory that cannot be
    written is kept until it is destroyed; of other memory, for one walk. Everything is borrowed until it is destroyed. */
struct unwinder *unwinder_create(const mapping_array *mappings, frames_read *read, void *context);

/** Frees an unwinder; NULL is accepted. */
void unwinder_destroy(struct unwinder *unwinder);

/** The frames of a thread, innermost first, at most maximum. `complete_ret` says whether the walk reached the bottom (_start, clone). No
    registers: no frames. `ret` need not be initialised. Owner: the caller, array_deinit(). Cost: about 0.5 µs a frame when warm. */
void unwinder_walk(struct unwinder *unwinder, const struct thread *thread, size_t maximum, frame_array *ret, bool *complete_ret);

#endif
