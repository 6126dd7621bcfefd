/* SPDX-License-Identifier: MIT */
/*
 * What changed between snapshots.
 */
#ifndef HEAPSNAP_REPORT_PRINT_DIFF_H
#define HEAPSNAP_REPORT_PRINT_DIFF_H

#include <stdbool.h>

#include "report/writer.h"
#include "snapshot/diff.h"
#include "snapshot/growth.h"

struct diff_options {
	/** Steps and survivors are filled in here. */
	struct growth_options growth;
	/** Sizes are asked for: text has them though types are known. */
	bool wants_sizes;
};

/** Prints it, between writer_begin() and writer_finish(): the snapshots, the account, the causes, the rows by size. At least two were added, and diff_survivors()
    was called. */
void print_diff(struct writer *writer, const struct diff *diff, const struct diff_options *options);

/** Prints which commands to run next, on the last of what was compared. */
void print_diff_hints(struct writer *writer, const struct diff *diff);

#endif
