/* SPDX-License-Identifier: MIT */
/*
 * A file mapped read-only, whole.
 *
 * Mapping costs no copy and no memory that the kernel could not take back, which is what makes a core of many GB bearable. Its price:
 * when the file is cut short under us, or its disk fails, a read of our own memory is a SIGBUS. No check beforehand closes that
 * window, so the signal is caught: when it is about one of these files, the program says so and ends with status 3, as base/alloc.h
 * does when memory runs out (every read of the image would otherwise need a way to fail). Any other SIGBUS goes where it went
 * before.
 */
#ifndef HEAPSNAP_TARGET_MAPPED_FILE_H
#define HEAPSNAP_TARGET_MAPPED_FILE_H

#include <stdint.h>

#include "base/error.h"

struct mapped_file {
	/** Its bytes; NULL when nothing is mapped. */
	const uint8_t *bytes;
	/** Units: bytes. */
	uint64_t size;
	/** Entry in the table of what is guarded. */
	int guard;
};

/** Maps the first `size` bytes (more than 0) of an open file. The name is for messages; a copy is kept. The descriptor is not needed
    afterwards. Errors: ERROR_OS. */
struct error *mapped_file_init(struct mapped_file *file, int fd, uint64_t size, const char *name) _must_check_;

/** Unmaps it; one that was never mapped (zero bytes) is accepted. */
void mapped_file_deinit(struct mapped_file *file);

#endif
