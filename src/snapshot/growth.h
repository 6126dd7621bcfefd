/* SPDX-License-Identifier: MIT */
/*
 * Growth: what became more or less from one step of a series to another.
 *
 * As in a histogram, sizes that matter have a row of their own and the rest shares rows by ranges of powers of two, so that everything fits a screen and
 * still adds up: rows, rest and unchanged together are the whole. What matters here is the change.
 *
 * A row that grew does so in one of these ways, told from all the steps between:
 *
 *   steadily          in nearly every interval, none of which has most of it: what leaks does this
 *   at times          in some intervals: under some activity only
 *   once              in a single interval: a cache that was filled, a pool
 *   up and down       it also shrank, by more than a tenth of what it grew
 */
#ifndef HEAPSNAP_SNAPSHOT_GROWTH_H
#define HEAPSNAP_SNAPSHOT_GROWTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "heap/sizes.h"
#include "snapshot/series.h"

enum growth_kind {
	/** It did not grow. */
	GROWTH_NONE,
	GROWTH_STEADILY,
	GROWTH_AT_TIMES,
	GROWTH_ONCE,
	GROWTH_UP_AND_DOWN,
	GROWTH_KINDS,
};

enum growth_mode {
	GROWTH_FOLDED,
	GROWTH_EXACT,
	GROWTH_CLASS,
};

enum growth_order {
	/** Largest change of bytes first, up or down. */
	GROWTH_BY_CHANGE,
	/** Most growth of bytes first, what shrank most last. */
	GROWTH_BY_GROWTH,
	/** Largest change of the count first. */
	GROWTH_BY_COUNT,
	/** Largest size first. */
	GROWTH_BY_SIZE,
};

struct growth_row {
	/** Smallest and largest usable size in it; equal for a single size. Units: bytes. */
	uint64_t min, max;
	/** How many sizes. */
	uint64_t sizes;
	struct series_value from, to;
	/** At the first step of the series, which may lie before those that are compared. */
	struct series_value first;
	/** Chunks that are in both, at the same address and of the same size. */
	uint64_t surviving;
	/** Bytes at each of the steps from `from` to `to`; steps of struct growth says how many. Owned. */
	uint64_t *bytes;
	/** Bytes never became less from one step to the next. */
	bool never_shrank;
	enum growth_kind kind;
};

struct growth {
	ARRAY(struct growth_row) rows;
	size_t steps;
	/** Rows that the limit left out, as one; `rest_rows` says how many. */
	struct growth_row rest;
	size_t rest_rows;
	/** Sizes whose count was the same at every step, when they are left out. */
	struct growth_row unchanged;
	/** Everything. */
	struct growth_row total;
	/** Bytes of all sizes that became more, and of all that became less. */
	uint64_t grown, shrunk;
};

struct growth_options {
	enum growth_mode mode;
	enum growth_order order;
	/** Most rows; 0 for no limit. */
	size_t limit;
	/** Sizes below are left out altogether. */
	uint64_t min_size;
	/** Sizes of the same count at every step are summed in `unchanged`, not rows. */
	bool only_changed;
	/** The steps that are compared. */
	size_t from, to;
	/** Chunks that survived, by size; NULL when not known. Borrowed. */
	const struct sizes *surviving;
};

/** What changed. Owner: the caller, growth_deinit(). */
void growth_compute(const struct series *series, const struct growth_options *options,
		    struct growth *ret);

/** Frees it. */
void growth_deinit(struct growth *growth);

/** How a row that had these bytes, step by step, has grown. */
enum growth_kind growth_classify(const uint64_t *bytes, size_t steps);

/** «steadily», «at times» …; «» for what did not grow. Borrowed: for ever. */
const char *growth_kind_name(enum growth_kind kind);

/** Bytes that a row gained; negative: lost. */
static inline int64_t growth_bytes(const struct growth_row *row)
{
	return (int64_t)(row->to.bytes - row->from.bytes);
}

/** Chunks that a row gained; negative: lost. */
static inline int64_t growth_count(const struct growth_row *row)
{
	return (int64_t)(row->to.count - row->from.count);
}

struct growth_part {
	/** Index in growth.rows. */
	size_t row;
	/** How many of it come with one of the cause. */
	uint64_t times;
};

/** One cause of a change: a single row; or rows of which equally many came or went, or some times as many, as parts of one thing do. */
struct growth_cause {
	/** Most bytes first. */
	ARRAY(struct growth_part) parts;
	/** How often the whole came, negative: went. */
	int64_t count;
	/** All parts together. */
	int64_t bytes;
};

typedef ARRAY(struct growth_cause) growth_cause_array;

/** The fewest causes that make up 90 % of all growth (or of all that shrank, when `shrinking`), at most `most`. `share_ret` is the part that they are. Owner: the
    caller, growth_causes_deinit(). */
void growth_explain(const struct growth *growth, bool shrinking, size_t most,
		    growth_cause_array *ret, double *share_ret);

/** Frees them. */
void growth_causes_deinit(growth_cause_array *causes);

#endif
