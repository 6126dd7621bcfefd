/* SPDX-License-Identifier: MIT */
/*
 * The copy in a file: for a target that is larger than the memory at hand.
 *
 * The file has no name, so it goes when we go. The bytes are written to it while the target stands still, and mapped, read-only, over
 * their places in the store afterwards; from then on nobody can tell the difference.
 */
#ifndef HEAPSNAP_TARGET_SPOOL_H
#define HEAPSNAP_TARGET_SPOOL_H

#include <stdint.h>

#include "base/array.h"
#include "base/error.h"
#include "target/copy.h"
#include "target/store.h"

/** A stretch of the target that is one stretch of the file. */
struct spool_group {
	vaddr start, end;
	uint64_t offset;
};

typedef ARRAY(struct spool_group) spool_group_array;

/** Opens an unnamed file in a directory. Owner: the caller. Errors: ERROR_OS, naming the directory. */
struct error *spool_open(const char *directory, int *ret) _must_check_;

/** Gives each part its place in the file. Owner: the caller, array_deinit(). */
void spool_place(copy_part_array *parts, spool_group_array *ret);

/** Maps what was written over its places in the store. */
struct error *spool_map(int fd, const spool_group_array *groups,
			const struct store *store) _must_check_;

#endif
