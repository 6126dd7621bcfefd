/* SPDX-License-Identifier: MIT */
/*
 * Nearest: the one root that each chunk is put down to.
 *
 * That is the root from which a chain reaches the chunk first: global variables are asked before those of libc, these before thread-local ones, then other mappings,
 * holders that the caller knows (the names of another language), stacks, registers; within these the shortest chain, and of equally long ones the root that comes first.
 * No chain from a root passes through a chunk that has a holder. As where chains are told (chains.h), a
 * reachable chunk has its root by chains without weak edges, and only a possible one by others. What is leaked has none.
 *
 * Dominators leave what several places share to nobody. People still know it by the variable they would look for it in.
 */
#ifndef HEAPSNAP_GRAPH_NEAREST_H
#define HEAPSNAP_GRAPH_NEAREST_H

#include <stddef.h>
#include <stdint.h>

#include "graph/edges.h"
#include "graph/reach.h"
#include "graph/roots.h"
#include "heap/heap.h"

/** No root leads there. */
#define NEAREST_NONE UINT32_MAX

/** Who keeps chunks in the program's own language, where the caller knows that better than pointers tell. */
struct holders {
	/** For each chunk 1 + the index of its holder, 0 for none. Borrowed; NULL when there are none at all. */
	const uint32_t *of;
	/** Borrowed, unescaped. */
	char *const *names;
	size_t n;
};

/** For each chunk the index of the root nearest to it, that of its holder behind the last of the roots, NEAREST_NONE where there is neither. `holders` may be NULL. The edges need no
    places. Owner: the caller, nearest_free(). Memory: 4 bytes per chunk, and 4 more while it works. Cost: linear in chunks and edges. */
uint32_t *nearest_find(const struct heap *heap, const struct edges *edges, const struct roots *roots, const struct holders *holders, const struct reach *reach);

/** Frees it; NULL is accepted. */
void nearest_free(uint32_t *nearest, size_t n_chunks);

#endif
