/* SPDX-License-Identifier: MIT */
/*
 * Every chunk, one row each. The CSV form is a contract (heapsnap(1)): its columns keep their order, and later versions only append.
 */
#ifndef HEAPSNAP_REPORT_PRINT_LIST_H
#define HEAPSNAP_REPORT_PRINT_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "report/writer.h"
#include "snapshot/snapshot.h"

enum list_order {
	LIST_BY_ADDRESS,
	/** Largest first. */
	LIST_BY_SIZE,
};

struct list_options {
	enum list_order order;
	/** Most rows; 0 for no limit. */
	uint64_t limit;
	/** Usable size, both included. Units: bytes. */
	uint64_t min_size, max_size;
	/** Bit n: chunks of enum chunk_state n. */
	unsigned states;
	/** Bit n: chunks of enum chunk_kind n. */
	unsigned kinds;
	/** Only chunks of these arenas (indexes); all when has_arenas is false. */
	bool has_arenas;
	ARRAY(uint32_t) arenas;
	/** Only chunks with this label of snapshot.types. */
	bool has_label;
	label_id label;
};

/** Prints it, between writer_begin() and writer_finish(). Gives how many rows were printed. Cost: linear; a sort by size for that order. */
uint64_t print_list(struct writer *writer, const struct snapshot *snapshot,
		    const struct list_options *options);

#endif
