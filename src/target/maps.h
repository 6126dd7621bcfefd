/* SPDX-License-Identifier: MIT */
/*
 * The target's mappings: what /proc/PID/maps or a core's program headers and NT_FILE note say.
 *
 * A list sorted by start, half-open [start, end), without overlap. It says where memory is and what backs it, not
 * what it holds: bytes are in the image.
 */
#ifndef HEAPSNAP_TARGET_MAPS_H
#define HEAPSNAP_TARGET_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/error.h"
#include "base/vaddr.h"

enum mapping_prot {
	MAPPING_READ = 1,
	MAPPING_WRITE = 2,
	MAPPING_EXEC = 4,
};

struct mapping {
	/** Half-open. Units: bytes, multiples of the page size. */
	vaddr start, end;
	/** Position of start in the file; 0 for anonymous memory. Units: bytes. */
	uint64_t offset;
	/** Bits of enum mapping_prot. */
	unsigned prot;
	/** MAP_SHARED; false for private. Cores do not tell: false. */
	bool shared;
	/** Device and inode as /proc/PID/maps has them; 0 when anonymous or from a core. */
	uint32_t dev_major, dev_minor;
	uint64_t inode;
	/** What maps prints last: a path (as the target sees it, without « (deleted)»), a name in brackets, or NULL. Owned.
	    As the target wrote it: escape before printing. */
	char *path;
	/** The line ended in « (deleted)». */
	bool deleted;
	/** Index in target.files of the file behind it, or -1. */
	int file;
	/** Resident bytes, UINT64_MAX when unknown (cores). */
	uint64_t rss;
};

typedef ARRAY(struct mapping) mapping_array;

/** Parses the text of /proc/PID/maps. Lines that are not understood are an ERROR_FORMAT; `file` is -1 and `rss` UINT64_MAX in
    each. Owner: the caller, mappings_deinit(). Source: proc_pid_maps(5). */
struct error *mappings_parse(const char *text, size_t length, mapping_array *ret) _must_check_;

/** Frees the list and its paths. */
void mappings_deinit(mapping_array *mappings);

/** The mapping that holds an address, or NULL. Cost: logarithmic. Borrowed: until the list changes. */
const struct mapping *mappings_find(const mapping_array *mappings, vaddr address);

/** Memory without a file behind it (no path, [heap], [stack], [anon:…], huge-page and /dev/zero pseudo files included),
    private, readable and writable: where malloc may have put something. */
bool mapping_is_private_anonymous(const struct mapping *mapping);

#endif
