/* SPDX-License-Identifier: MIT */
/*
 * The pointers of one row: all its words but those that its head says are none, and but for what is looked at as a stack.
 */
#ifndef HEAPSNAP_GRAPH_ROW_SCAN_H
#define HEAPSNAP_GRAPH_ROW_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "graph/edges.h"
#include "graph/pointers.h"

struct row_scan {
	const struct chunks *chunks;
	const struct image *image;
	const struct edge_options *options;
	struct pointers *pointers;
	/** Where the last row was. */
	const struct segment *segment;
	/** Bytes that are not in the image. */
	uint64_t unread;
};

/** Prepares scans, whose pointers reach `take` at the latest with pointers_flush(). All arguments are borrowed. Owner: the caller, row_scan_deinit(). */
void row_scan_init(struct row_scan *scan, const struct chunks *chunks, const struct image *image, const struct edge_options *options, pointers_take *take,
		   void *context);

/** Frees it. */
void row_scan_deinit(struct row_scan *scan);

/** Looks at a row that is a node; `from` of the pointers is the row, and in the lower 32 bits the place. */
void row_scan(struct row_scan *scan, chunk_id row);

#endif
