/* SPDX-License-Identifier: MIT */
/*
 * The histogram of chunks in use by usable size.
 *
 * A size is a name for those who know their structs, so sizes that matter stand alone; the long tail is folded into ranges of powers of two, so that
 * everything fits a screen and still adds up:
 *
 *   HISTOGRAM_FOLDED   sizes that hold much have a row of their own, the others share rows by range
 *   HISTOGRAM_EXACT    one row for each size
 *   HISTOGRAM_CLASS    ranges alone
 *
 * Rows beyond the limit are summed in `rest`: rows and rest together are `total`, always.
 */
#ifndef HEAPSNAP_REPORT_HISTOGRAM_H
#define HEAPSNAP_REPORT_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "heap/chunks.h"

enum histogram_mode {
	HISTOGRAM_FOLDED,
	HISTOGRAM_EXACT,
	HISTOGRAM_CLASS,
};

enum histogram_order {
	HISTOGRAM_BY_BYTES,
	HISTOGRAM_BY_COUNT,
	/** Largest size first. */
	HISTOGRAM_BY_SIZE,
	/** Of types: what retains most first. Sizes have nothing of the kind: as by bytes. */
	HISTOGRAM_BY_RETAINED,
};

struct histogram_row {
	/** Smallest and largest usable size in it; equal for a single size. Units: bytes. */
	uint64_t min, max;
	/** How many sizes. */
	uint64_t sizes;
	uint64_t count;
	/** Sum of usable sizes. */
	uint64_t bytes;
};

struct histogram {
	ARRAY(struct histogram_row) rows;
	/** Rows that the limit left out, as one; sizes 0 when there are none. `rest_rows` says how many. */
	struct histogram_row rest;
	size_t rest_rows;
	/** All chunks in use that are counted. */
	struct histogram_row total;
	/** Chunks in use that are smaller than the asked minimum: left out of all of the above. */
	struct histogram_row below;
};

struct histogram_options {
	enum histogram_mode mode;
	enum histogram_order order;
	/** Most rows; 0 for no limit. */
	size_t limit;
	/** Chunks of fewer usable bytes are left out. */
	uint64_t min_size;
	/** Only chunks that have this number among those by chunk; NULL for all. Borrowed. */
	const uint32_t *groups;
	uint32_t group;
	/** Of types: what they retain, where the snapshot has dominators. */
	bool with_retained;
};

/** Counts the chunks in use. Owner: the caller, histogram_deinit(). Cost: linear in chunks, with a small constant. */
void histogram_compute(const struct chunks *chunks, const struct histogram_options *options,
		       struct histogram *ret);

/** Frees it. */
void histogram_deinit(struct histogram *histogram);

#endif
