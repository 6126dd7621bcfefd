/* SPDX-License-Identifier: MIT */
/*
 * Why a chunk is alive: the chains from roots to it; and for a type or a size, who holds all chunks of it.
 */
#ifndef HEAPSNAP_REPORT_PRINT_WHY_H
#define HEAPSNAP_REPORT_PRINT_WHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/referrers.h"
#include "report/writer.h"
#include "snapshot/snapshot.h"

struct why_options {
	/** Chains that are looked for. */
	size_t chains;
	/** Hops of a chain that text shows; what is more is cut out of the middle. 0 for all. */
	size_t hops;
	/** Levels of referrers that are printed, and the least share of what was asked for that a row must have (text). */
	size_t depth;
	double min_share;
	/** Members that hold the chunks of a type or size, in text; 0 for all. */
	size_t members;
	size_t lines;
	/** As the user would type it again. Borrowed. */
	const char *target;
	bool quiet;
};

/** Prints the chains to one chunk, between writer_begin() and writer_finish(). Cost: linear in chunks and edges. */
void print_why_chunk(struct writer *writer, const struct snapshot *snapshot, chunk_id chunk, const struct why_options *options);

/** Prints who holds the chunks of a type or of a usable size, likewise: by which members, as a tree up to the roots, and the shortest chains to some of them. Gives how many such chunks are
    in use. */
uint64_t print_why_chunks(struct writer *writer, const struct snapshot *snapshot, const struct chunk_choice *choice, const struct why_options *options);

/** Prints the chains as a table by themselves; gives how many there are. */
size_t print_chains(struct writer *writer, const struct snapshot *snapshot, chunk_id chunk, size_t wanted, size_t hops);

#endif
