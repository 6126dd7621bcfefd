/* SPDX-License-Identifier: MIT */
/*
 * The files behind a core's mappings: which they are, where they are on this machine, and which of their pages stand in for
 * pages that were not dumped.
 *
 * A file stands in for what nobody can have changed: never for a writable mapping, never for pages that the dynamic loader writes and then
 * protects (PT_GNU_RELRO). Those were dumped, or are absent.
 */
#ifndef HEAPSNAP_TARGET_CORE_FILES_H
#define HEAPSNAP_TARGET_CORE_FILES_H

#include "target/core.h"
#include "target/target.h"

enum {
	/** The protection of a mapping that only NT_FILE knows, until core_files_add_pages() has asked the file. */
	CORE_PROT_UNKNOWN = 1 << 30,
};

/** Sets target.files, the mappings' file and, where no segment told it, their protection; the executable; and a notice for each module that is
    not on this machine or could not be verified. `dumped` is the sealed image of what the core holds. Data files (no ELF header) are not looked
    for: nothing would tell whether they are the same. `exe` is an address within the executable where the auxiliary vector does not
    tell, else 0. */
void core_files_find(struct target *target, const struct image *dumped, vaddr exe, const struct core_options *options);

/** Adds to the target's image the pages of files that may stand in (the image settles that dumped bytes win), and replaces
    CORE_PROT_UNKNOWN. */
void core_files_add_pages(struct target *target);

#endif
