/* SPDX-License-Identifier: MIT */
/*
 * One chunk: what it is, who holds it, what it holds, what it keeps, and (if the snapshot has them) its words.
 */
#ifndef HEAPSNAP_REPORT_PRINT_SHOW_H
#define HEAPSNAP_REPORT_PRINT_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/writer.h"
#include "snapshot/snapshot.h"

struct show_options {
	/** References in each direction that text shows. */
	size_t limit;
	/** Fields that text shows; 0 for all. */
	size_t fields;
	size_t lines;
	/** The address that was asked for. */
	vaddr address;
	/** As the user would type it again. Borrowed. */
	const char *target;
	bool quiet;
};

/** Prints it, between writer_begin() and writer_finish(). Cost: linear in chunks and edges. */
void print_show(struct writer *writer, const struct snapshot *snapshot, chunk_id chunk, const struct show_options *options);

#endif
