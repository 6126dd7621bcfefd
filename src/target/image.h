/* SPDX-License-Identifier: MIT */
/*
 * The image: the bytes of the target at one moment.
 *
 * Segments sorted by start, half-open [start, end), without overlap: captured bytes (a live copy, or the mapped core file),
 * or a range of a file on disk (read-only pages that nobody copied), or anonymous pages that the target never touched and that
 * are therefore known to be zero. Once sealed it never changes. A read that leaves the segments fails: what was not captured is
 * never read as zero.
 *
 * It is *not* a cache and knows nothing of pages, ELF or processes.
 */
#ifndef HEAPSNAP_TARGET_IMAGE_H
#define HEAPSNAP_TARGET_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/error.h"
#include "base/vaddr.h"

struct segment {
	/** Half-open. Units: bytes. */
	vaddr start, end;
	/** The bytes at start; NULL for a file segment, and for untouched pages too many to lie in our address space. Borrowed from
	    whoever added them: until the image goes. */
	const uint8_t *bytes;
	/** For a file segment: an open descriptor (borrowed) and the position of start in it; else -1. */
	int fd;
	uint64_t offset;
	/** Pages that the target never touched: they read as zero, and a pass that looks for something skips them (a mapping can
	    reserve terabytes). */
	bool untouched;
};

struct image {
	ARRAY(struct segment) segments;
	bool sealed;
	/** For tests: how many reads (views included) still succeed; the next one fails. NULL: all of them. Borrowed. */
	uint64_t *reads_left;
};

/** Starts an empty image. */
void image_init(struct image *image);

/** Frees the segment list, not the bytes or descriptors (the target owns these). */
void image_deinit(struct image *image);

/** Adds captured bytes for [start, start + size). Borrowed: until the image goes. Before image_seal() only. */
void image_add_bytes(struct image *image, vaddr start, uint64_t size, const void *bytes);

/** Adds anonymous pages that were never touched: [start, start + size) is zero. `bytes` is NULL, or where as many zeros lie in our
    memory (beside the captured bytes of the same mapping, so that image_view() sees across). Borrowed: until the image goes. Before
    image_seal() only. */
void image_add_untouched(struct image *image, vaddr start, uint64_t size, const void *bytes);

/** Adds a file range for [start, start + size). The descriptor is borrowed. Before image_seal() only. */
void image_add_file(struct image *image, vaddr start, uint64_t size, int fd, uint64_t offset);

/** Sorts the segments and settles overlaps: captured bytes win over untouched pages, these over file ranges, of two of a kind the
    one added first. Adjacent segments whose bytes (or file offsets) are adjacent too become one. */
void image_seal(struct image *image);

/** The segment that holds an address, or NULL. Cost: logarithmic. */
const struct segment *image_find(const struct image *image, vaddr address);

/** A pointer to [address, address + size) when all of it lies in one piece in our memory (captured bytes, and untouched pages beside
    them), else NULL. Borrowed: as long as the image. Cost: logarithmic; no copy. */
const void *image_view(const struct image *image, vaddr address, uint64_t size);

/** Copies [address, address + size) to buffer, across segments and from files; false when any byte is absent, and buffer is
    then undefined. For reads whose failure is a normal answer. */
bool image_get(const struct image *image, vaddr address, void *buffer, size_t size);

/** image_get() of one 8-byte word in the byte order of the machine. */
bool image_get_word(const struct image *image, vaddr address, uint64_t *ret);

/** As image_get(), with an ERROR_FAULT that names the address and `what` was wanted there. */
struct error *image_read(const struct image *image, vaddr address, void *buffer, size_t size,
			 const char *what) _must_check_;

/** A NUL-terminated string of at most maximum bytes, or NULL when it is not there or longer. Owner: the caller. */
char *image_get_string(const struct image *image, vaddr address, size_t maximum);

#endif
