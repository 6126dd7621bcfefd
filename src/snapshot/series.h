/* SPDX-License-Identifier: MIT */
/*
 * How much there was of each thing at several times: what a diff and a watch are made of.
 *
 *   steps      0          1          2 …        one for each snapshot
 *   row 0     12, 480    14, 560    …           count and bytes of the thing whose key is keys.v[0]
 *   row 1      0, 0       3, 96     …
 *
 * A key is a number: a usable size, or what the user of the series makes of it. Rows are in the order in which their keys were first met.
 */
#ifndef HEAPSNAP_SNAPSHOT_SERIES_H
#define HEAPSNAP_SNAPSHOT_SERIES_H

#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "heap/chunks.h"

struct series_value {
	uint64_t count;
	/** Units: usable bytes. */
	uint64_t bytes;
};

struct series_step {
	/** Of the rows that were known then; those that came later are zero. Owned. */
	struct series_value *v;
	size_t n, capacity;
};

struct series {
	/** The key of each row. */
	ARRAY(uint64_t) keys;
	ARRAY(struct series_step) steps;
	/** Rows by key: open addressing, a power of two of slots, row + 1; 0 is empty. */
	uint32_t *slots;
	size_t n_slots;
};

/** Starts an empty series. */
void series_init(struct series *series);

/** Frees it. */
void series_deinit(struct series *series);

/** Appends a step, in which there is nothing yet. */
void series_begin(struct series *series);

/** Adds to the value of a key at the last step. Cost: that of a hash. */
void series_count(struct series *series, uint64_t key, uint64_t count, uint64_t bytes);

/** Appends a step: the chunks in use, by usable size. Cost: linear in chunks. */
void series_add_sizes(struct series *series, const struct chunks *chunks);

/** The value of a row at a step. */
struct series_value series_get(const struct series *series, size_t row, size_t step);

/** Leaves out every second step, so that a long series stays small; the first and the last remain. */
void series_thin(struct series *series);

#endif
