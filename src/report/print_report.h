/* SPDX-License-Identifier: MIT */
/*
 * The main report: who owns the memory. Head, account, and the histogram of chunks in use by size.
 */
#ifndef HEAPSNAP_REPORT_PRINT_REPORT_H
#define HEAPSNAP_REPORT_PRINT_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "report/histogram.h"
#include "report/writer.h"
#include "snapshot/snapshot.h"

struct report_options {
	struct histogram_options histogram;
	/** Findings, notices and modules that text shows. */
	size_t lines;
	/** As the user would type it again: «-p 4711». Borrowed. */
	const char *target;
	/** No hints. */
	bool quiet;
};

/** Prints it, between writer_begin() and writer_finish(). Cost: linear in chunks. */
void print_report(struct writer *writer, const struct snapshot *snapshot,
		  const struct report_options *options);

/** The histogram alone, as a table; the main one or not. */
void print_sizes(struct writer *writer, const struct histogram *histogram, bool is_main);

#endif
