/* SPDX-License-Identifier: MIT */
/*
 * Reachability: which chunks the program can still get at.
 *
 *   reachable   by a chain of pointers to starts (or known interior pointers) from a root
 *   possible    by a chain from a root, but only through some interior pointer
 *   direct      leaked, and held by nothing, or by chunks of its own cycle alone; of a cycle the one with the lowest address stands for all
 *   indirect    leaked, and held by leaked chunks
 *   suppressed  leaked, but not to be told (suppress.h)
 *
 * Leaked is direct and indirect. Freeing the direct ones, with all below, is what mends a program.
 *
 * Source: the four kinds are memcheck's (valgrind manual 4.2.8).
 */
#ifndef HEAPSNAP_GRAPH_REACH_H
#define HEAPSNAP_GRAPH_REACH_H

#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "graph/edges.h"
#include "graph/roots.h"

enum reach_kind {
	/** No node: free. */
	REACH_NONE,
	REACH_REACHABLE,
	REACH_POSSIBLE,
	REACH_DIRECT,
	REACH_INDIRECT,
	/** Only after suppressions_apply(). */
	REACH_SUPPRESSED,
	REACH_KINDS,
};

struct leak {
	/** The direct one. */
	chunk_id chunk;
	/** Chunks of the cycle that it stands for; 1: it is in none (or points to itself alone). */
	uint32_t cycle;
};

struct reach {
	/** One for each chunk: enum reach_kind. */
	uint8_t *kind;
	size_t n;
	/** Per kind. */
	uint64_t count[REACH_KINDS];
	/** Per kind, usable bytes. */
	uint64_t bytes[REACH_KINDS];
	/** Ascending by chunk. */
	ARRAY(struct leak) leaks;
};

/** Finds it out. Owner: the caller, reach_deinit(). Memory: 1 byte per chunk to stay, and while it works 4 per reachable or 16 per leaked one at most. Cost:
    linear in chunks and edges. */
void reach_compute(const struct chunks *chunks, const struct edges *edges, const struct roots *roots, struct reach *ret);

/** Frees it; an initialiser of zeroes is accepted. */
void reach_deinit(struct reach *reach);

/** Leaked: direct, indirect or suppressed. */
static inline bool reach_is_leaked(const struct reach *reach, chunk_id chunk)
{
	return reach->kind[chunk] >= REACH_DIRECT;
}

/** «reachable», «possible», «direct», «indirect», «suppressed»; NULL for what is no node. Borrowed: for ever. */
const char *reach_kind_name(enum reach_kind kind);

#endif
