/* SPDX-License-Identifier: MIT */
/*
 * Edges: which chunk holds a pointer to which, as compressed rows.
 *
 *   first      0     2  2        5 …         row of chunk c: edges first[c] … first[c + 1] - 1, in the order of their place
 *   to       [ 7, 3 |  | 3, 3w, 9 | …        the chunk they lead to; w: a weak edge, by an interior address that no rule knows
 *   place    [ 0, 8 |  | 0, 16, 24 | …       where in the source the pointer lies, and how it hits
 *
 * Sources and targets are nodes: chunks in use, and those internal to libc. Free chunks have neither out-edges nor in-edges, whatever stale bytes they hold.
 * A chunk may have several edges to the same chunk, and to itself. The result does not depend on how many threads build it.
 *
 * Memory: 4 bytes per chunk and 8 per edge; half of that where places are left out.
 */
#ifndef HEAPSNAP_GRAPH_EDGES_H
#define HEAPSNAP_GRAPH_EDGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "graph/pointers.h"

/** In an element of to: a weak edge. */
#define EDGE_WEAK (UINT32_C(1) << 31)

/** Edges have numbers of 32 bits; some of these are for roots, where both are counted. */
#define EDGES_MAX UINT32_C(0xf0000000)

enum {
	/** In an element of place: the upper two bits are enum pointer_hit. */
	EDGE_HIT_SHIFT = 30,
	EDGE_PLACE_MAX = (1 << EDGE_HIT_SHIFT) - 1,
};

/** A chunk whose first bytes are not looked at: a stack or a TLS block lies there, which is looked at as such. */
struct edge_cut {
	chunk_id chunk;
	/** Where its edges begin. Units: bytes. */
	uint64_t offset;
};

struct edge_options {
	struct pointer_options pointers;
	/** Leave out places. */
	bool without_places;
	/** 0 and 1: no threads besides the caller's. */
	unsigned threads;
	/** Borrowed; ascending by chunk. */
	const struct edge_cut *cuts;
	size_t n_cuts;
};

struct edges {
	/** Chunks; and edges, and how many more were found for which no number was left (EDGES_MAX). */
	size_t n_chunks, n;
	uint64_t refused;
	/** n_chunks + 1. */
	uint32_t *first;
	uint32_t *to;
	/** NULL where left out. */
	uint32_t *place;
	size_t capacity;
	/** What a place counts: 8 bytes, or 1 with unaligned pointers. EDGE_PLACE_MAX is «there or behind». */
	unsigned place_unit;
	/** Bytes of nodes that are not in the image: edges may be missing. */
	uint64_t unread;
};

/** Builds them. The table must be sealed. Owner: the caller, edges_deinit(). Cost: linear in the bytes of all nodes. */
void edges_build(const struct chunks *chunks, const struct image *image, const struct edge_options *options, struct edges *ret);

/** Frees them; an initialiser of zeroes is accepted. */
void edges_deinit(struct edges *edges);

/** The chunk an edge leads to. */
static inline chunk_id edge_to(const struct edges *edges, size_t edge)
{
	return edges->to[edge] & ~EDGE_WEAK;
}

/** Where in its source the pointer of an edge lies. Units: bytes. */
static inline uint64_t edge_offset(const struct edges *edges, size_t edge)
{
	return (uint64_t)(edges->place[edge] & EDGE_PLACE_MAX) * edges->place_unit;
}

/** Whether it lies so far into its source that its place says no more than that. */
static inline bool edge_is_far(const struct edges *edges, size_t edge)
{
	return (edges->place[edge] & EDGE_PLACE_MAX) == EDGE_PLACE_MAX;
}

/** How it hits its target. */
static inline enum pointer_hit edge_hit(const struct edges *edges, size_t edge)
{
	return edges->place[edge] >> EDGE_HIT_SHIFT;
}

/** The row that an edge is in. Cost: logarithmic. */
chunk_id edge_source(const struct edges *edges, size_t edge);

/** Rows of the reverse: for each chunk the chunks that lead to it, ascending, with EDGE_WEAK as the edge has it; self-edges left out. */
struct edges_in {
	uint32_t *first;
	uint32_t *from;
	size_t n_chunks, n;
};

/** Builds the reverse. Owner: the caller, edges_in_deinit(). Memory: 4 bytes per chunk and per edge. Cost: linear. */
void edges_reverse(const struct edges *edges, struct edges_in *ret);

/** Frees it; an initialiser of zeroes is accepted. */
void edges_in_deinit(struct edges_in *in);

#endif
