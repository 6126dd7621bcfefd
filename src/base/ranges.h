/* SPDX-License-Identifier: MIT */
/*
 * Sets of addresses, as sorted half-open ranges that do not overlap, each with a tag that says whose it is.
 *
 * Ranges are added in any order and settled once. What is settled can be taken away from another set, or put together with it.
 */
#ifndef HEAPSNAP_BASE_RANGES_H
#define HEAPSNAP_BASE_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/vaddr.h"

struct range {
	/** Half-open. Units: bytes. */
	vaddr start, end;
	/** The caller's. */
	uint64_t tag;
};

typedef ARRAY(struct range) range_array;

/** Adds a range; an empty one is ignored. */
void ranges_add(range_array *ranges, vaddr start, vaddr end, uint64_t tag);

/** Sorts them; where some overlap, the one added first keeps the bytes. Cost: n log n. */
void ranges_settle(range_array *ranges);

/** Takes the bytes of one settled set out of another one. Cost: linear. */
void ranges_subtract(range_array *ranges, const range_array *others);

/** Puts the ranges of one settled set into another one that has none of their bytes. Cost: linear. */
void ranges_merge(range_array *ranges, const range_array *others);

/** The range of a settled set that holds an address, or NULL. Cost: logarithmic. Borrowed: until the set changes. */
const struct range *ranges_find(const range_array *ranges, vaddr address);

#endif
