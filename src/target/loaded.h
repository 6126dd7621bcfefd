/* SPDX-License-Identifier: MIT */
/*
 * The modules of a core that has no NT_FILE note (too many mappings for it, or a gcore that was cut off): found by the ELF
 * headers at the start of its segments, named by the dynamic loader's own list (link_map), else by their DT_SONAME.
 *
 * Everything read here is the target's memory: lists are bounded, and what makes no sense is left out.
 */
#ifndef HEAPSNAP_TARGET_LOADED_H
#define HEAPSNAP_TARGET_LOADED_H

#include <stddef.h>

#include "base/vaddr.h"
#include "target/core_notes.h"
#include "target/target.h"

/** What the headers in memory tell beside the files. */
struct loaded {
	/** An address within the executable, and where the vdso begins; 0 when not found. */
	vaddr exe, vdso;
};

/** Adds to notes.files the ranges of the modules that begin at one of the given addresses (n of them, where segments start), and leaves
    them sorted. Cost: linear in the modules. */
void loaded_find(struct core_notes *notes, const struct target *target, const struct image *dumped, const vaddr *starts, size_t n,
		 struct loaded *ret);

#endif
