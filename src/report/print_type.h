/* SPDX-License-Identifier: MIT */
/*
 * One type by itself: how many chunks, their sizes, how that was told and how sure it is, where they hang, who keeps them, where code allocates them, what they are made of.
 */
#ifndef HEAPSNAP_REPORT_PRINT_TYPE_H
#define HEAPSNAP_REPORT_PRINT_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#include "report/histogram.h"
#include "report/writer.h"
#include "snapshot/snapshot.h"

struct type_options {
	struct histogram_options histogram;
	/** Sizes were asked for: text has them though they are all the same. */
	bool wants_sizes;
	/** Rows of each other table in text; 0 for all. */
	size_t rows;
	/** Members that text shows; 0 for all. */
	size_t members;
	size_t lines;
	/** As the user would type it again. Borrowed. */
	const char *target;
	bool quiet;
};

/** Prints it, between writer_begin() and writer_finish(). The snapshot has types; retained sizes and owners are told where it has these. Cost: linear in chunks. */
void print_type(struct writer *writer, const struct snapshot *snapshot, label_id label, const struct type_options *options);

#endif
