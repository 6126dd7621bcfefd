/* SPDX-License-Identifier: MIT */
/*
 * Memory by arena: what each got from the system and what became of it, heap by heap, bin by bin and thread by thread; and what keeps free memory
 * resident.
 */
#ifndef HEAPSNAP_REPORT_PRINT_ARENAS_H
#define HEAPSNAP_REPORT_PRINT_ARENAS_H

#include <stdbool.h>
#include <stddef.h>

#include "report/writer.h"
#include "snapshot/snapshot.h"

enum arenas_order {
	/** What it got from the system, most first. */
	ARENAS_BY_BYTES,
	/** Free memory, most first. */
	ARENAS_BY_FREE,
	/** As the allocator chains them: the main arena first. */
	ARENAS_BY_INDEX,
};

struct arenas_options {
	enum arenas_order order;
	/** Rows of each table in text; 0 for no limit. JSON and CSV have all. */
	size_t limit;
	/** Findings and notices that text shows. */
	size_t lines;
	/** As the user would type it again. Borrowed. */
	const char *target;
	/** No hints. */
	bool quiet;
};

/** Prints it, between writer_begin() and writer_finish(). Cost: linear in chunks. */
void print_arenas(struct writer *writer, const struct snapshot *snapshot,
		  const struct arenas_options *options);

#endif
