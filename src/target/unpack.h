/* SPDX-License-Identifier: MIT */
/*
 * A zstd-compressed file, unpacked to an unlinked one.
 *
 * Pages of zeros are not written: they become holes, so a core that reserves much and holds little takes little room. The
 * content is hostile: a few bytes can claim to be petabytes, so both the length and the bytes on disk are limited.
 */
#ifndef HEAPSNAP_TARGET_UNPACK_H
#define HEAPSNAP_TARGET_UNPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct unpack_limits {
	/** Longest result, holes included. Units: bytes. */
	uint64_t length;
	/** Most bytes on disk. Units: bytes. */
	uint64_t stored;
};

struct unpacked {
	/** Open for reading, without a name. Owned. */
	int fd;
	/** Units: bytes; `stored` is what is no hole. */
	uint64_t length, stored;
	/** Why it ends before its end (cut off, damaged), NULL when it is complete. Owned. */
	char *incomplete;
};

/** Whether these are the first bytes of a zstd frame (or of a skippable one, which may come before it). */
bool unpack_recognise(const uint8_t *bytes, size_t size);

/** Unpacks the open file `fd`, called `path` in messages, into directory `dir` (NULL: $TMPDIR, else /tmp). Limits NULL: what the file system
    has room for, and a length in proportion to the compressed one. What precedes damage is kept and `incomplete` says so. Errors: ERROR_OS;
    ERROR_FORMAT when nothing could be unpacked or the limits are exceeded. Cost: 0.6–1 GB/s. */
struct error *unpack_zstd(int fd, const char *path, const char *dir, const struct unpack_limits *limits,
			  struct unpacked *ret) _must_check_;

/** Closes the file and frees the rest. */
void unpacked_deinit(struct unpacked *unpacked);

#endif
