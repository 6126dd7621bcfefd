/* SPDX-License-Identifier: MIT */
/*
 * The histogram of chunks in use by what they are.
 *
 * A row is a label of types.h: a type, an array of it, a place, or what bytes look like. What nothing is known about is one row, too, so the rows and the rest add up to all chunks
 * in use, always.
 */
#ifndef HEAPSNAP_REPORT_TYPE_ROWS_H
#define HEAPSNAP_REPORT_TYPE_ROWS_H

#include "base/array.h"
#include "report/histogram.h"
#include "snapshot/snapshot.h"

struct type_row {
	label_id label;
	uint64_t count;
	/** Sum of usable sizes; and the smallest and the largest of them. */
	uint64_t bytes, min, max;
	/** What its chunks retain (graph/retained.h); UINT64_MAX where that is not known. */
	uint64_t retained;
	/** Mean of what its chunks have. Units: percent. */
	unsigned confidence;
	/** What decided for most of them. */
	enum type_evidence evidence;
	/** Where most of them hang: a label, 0 for none; and how many do. */
	label_id owner;
	uint64_t owner_count;
};

struct type_rows {
	ARRAY(struct type_row) v;
	/** Rows that the limit left out, as one; and how many. */
	struct type_row rest;
	size_t rest_rows;
	/** All chunks that are counted; of these what has a type by name; and those smaller than the asked minimum, which are left out. */
	struct type_row total, named, below;
};

/** Counts the chunks in use. The snapshot has types. `mode` of the options is not looked at. Owner: the caller, type_rows_deinit(). Cost: linear in chunks. */
void type_rows_compute(const struct snapshot *snapshot, const struct histogram_options *options, struct type_rows *ret);

/** Frees them. */
void type_rows_deinit(struct type_rows *rows);

#endif
