/* SPDX-License-Identifier: MIT */
/*
 * Counting by usable size: how many, and one more sum beside it.
 *
 * Nearly all chunks are small and their sizes a few hundred values, so small sizes index an array directly; the rest goes to a hash table. Ten
 * million rows cost some tens of milliseconds.
 */
#ifndef HEAPSNAP_HEAP_SIZES_H
#define HEAPSNAP_HEAP_SIZES_H

#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "heap/chunks.h"

enum {
	/** Sizes below this are indexed directly. Units: bytes. */
	SIZES_DIRECT = 32 * 1024,
	SIZES_STEP = 8,
};

struct size_count {
	/** Units: bytes. */
	uint64_t usable;
	uint64_t count;
	/** What the caller sums. */
	double sum;
};

struct sizes {
	/** Indexed by usable / SIZES_STEP. */
	struct size_count *direct;
	/** Open addressing, a power of two of slots; count 0 is empty. */
	struct size_count *slots;
	size_t n_slots, n_used;
};

/** Starts an empty count. */
void sizes_init(struct sizes *sizes);

/** Frees it. */
void sizes_deinit(struct sizes *sizes);

/** The entry of a size that is not below SIZES_DIRECT or no multiple of SIZES_STEP. Borrowed: until the next call. The caller must count
    it at once (count 0 is an empty slot). */
struct size_count *sizes_hashed(struct sizes *sizes, uint64_t usable);

/** The entry of a size, to be counted by the caller at once. Borrowed: until the next call. */
static inline struct size_count *sizes_at(struct sizes *sizes, uint64_t usable)
{
	if (usable < SIZES_DIRECT && usable % SIZES_STEP == 0)
		return &sizes->direct[usable / SIZES_STEP];
	return sizes_hashed(sizes, usable);
}

/** How many were counted of a size, 0 for none. */
uint64_t sizes_count(const struct sizes *sizes, uint64_t usable);

typedef ARRAY(struct size_count) size_count_array;

/** The order of rows of sizes, from large to small: those with the larger end first, and where a range and a size within it end alike, the size. As of qsort(). */
static inline int size_range_compare(uint64_t min_a, uint64_t max_a, uint64_t min_b, uint64_t max_b)
{
	if (max_a != max_b)
		return max_a > max_b ? -1 : 1;
	return min_a > min_b ? -1 : min_a < min_b;
}

/** All entries with a count, by ascending size. Owner: the caller, array_deinit(). */
void sizes_list(const struct sizes *sizes, size_count_array *ret);

/** How many chunks in use there are of each size, by ascending size. Owner: the caller, array_deinit(). Cost: linear in chunks. */
void sizes_in_use(const struct chunks *chunks, size_count_array *ret);

#endif
