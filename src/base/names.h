/* SPDX-License-Identifier: MIT */
/*
 * Names: distinct strings, numbered from 0 in the order in which they came.
 */
#ifndef HEAPSNAP_BASE_NAMES_H
#define HEAPSNAP_BASE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/array.h"

struct names {
	/** Owned. */
	ARRAY(char *) v;
	/** By hash: open addressing, a power of two of slots, index + 1; 0 is empty. */
	uint32_t *slots;
	size_t n_slots;
};

/** Frees them; an initialiser of zeroes is an empty table. */
void names_deinit(struct names *names);

/** The number of a name, which is copied when it is new. At most UINT32_MAX - 1 names. Cost: that of its hash. */
uint32_t names_number(struct names *names, const char *name);

#endif
