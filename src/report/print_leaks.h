/* SPDX-License-Identifier: MIT */
/*
 * Leaks: the four kinds of reachability in a line each, then what is leaked, as an outline of its trees.
 */
#ifndef HEAPSNAP_REPORT_PRINT_LEAKS_H
#define HEAPSNAP_REPORT_PRINT_LEAKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/writer.h"
#include "snapshot/snapshot.h"

struct leaks_options {
	/** Kinds of leaks (rows at the top) that are printed; 0 for all. */
	uint64_t limit;
	/** Only kinds that have at least this much with all below. Units: bytes. */
	uint64_t min_size;
	/** Levels below the top that are printed, and the least share of the bytes of its kind that a row there must have. */
	size_t depth;
	double min_share;
	/** Findings and notices that text shows. */
	size_t lines;
	/** As the user would type it again. Borrowed. */
	const char *target;
	bool quiet;
};

/** Prints it, between writer_begin() and writer_finish(). Gives how many direct leaks there are of the kinds that are large enough. Cost: linear in what is leaked. */
uint64_t print_leaks(struct writer *writer, const struct snapshot *snapshot, const struct leaks_options *options);

#endif
