/* SPDX-License-Identifier: MIT */
/*
 * Who keeps how much: suspects in a sentence each, then the dominator tree from the top, then by size.
 */
#ifndef HEAPSNAP_REPORT_PRINT_TOP_H
#define HEAPSNAP_REPORT_PRINT_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/writer.h"
#include "snapshot/snapshot.h"

struct top_options {
	/** Rows below one parent; 0 for all. */
	uint64_t limit;
	/** Levels of the tree, from 1: modules, threads and mappings. */
	size_t depth;
	/** Only rows that retain at least this much. Units: bytes. */
	uint64_t min_size;
	size_t lines;
	/** As the user would type it again. Borrowed. */
	const char *target;
	bool quiet;
};

/** Prints it, between writer_begin() and writer_finish(). Cost: linear in chunks for each level. */
void print_top(struct writer *writer, const struct snapshot *snapshot, const struct top_options *options);

#endif
