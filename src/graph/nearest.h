/* SPDX-License-Identifier: MIT */
/*
 * Nearest: the one root that each chunk is put down to.
 *
 * That is the root from which a chain reaches the chunk first: global variables are asked before those of libc, these before thread-local ones, then other mappings,
 * stacks, registers; within these the shortest chain, and of equally long ones the root that comes first. As where chains are told (chains.h), a
 * reachable chunk has its root by chains without weak edges, and only a possible one by others. What is leaked has none.
 *
 * Dominators leave what several places share to nobody. People still know it by the variable they would look for it in.
 */
#ifndef HEAPSNAP_GRAPH_NEAREST_H
#define HEAPSNAP_GRAPH_NEAREST_H

#include <stddef.h>
#include <stdint.h>

#include "graph/dominators.h"
#include "graph/edges.h"
#include "graph/kinds.h"
#include "graph/reach.h"
#include "graph/roots.h"
#include "heap/heap.h"

/** No root leads there. */
#define NEAREST_NONE UINT32_MAX

/** For each chunk the index of the root nearest to it, NEAREST_NONE where there is none. The edges need no places. Owner: the caller, nearest_free(). Memory: 4 bytes per chunk, and 4
    more while it works. Cost: linear in chunks and edges. */
uint32_t *nearest_find(const struct heap *heap, const struct edges *edges, const struct roots *roots, const struct reach *reach);

/** Frees it; NULL is accepted. */
void nearest_free(uint32_t *nearest, size_t n_chunks);

struct nearest_share {
	/** Index of a root, which stands for its kind (roots_kinds()). */
	uint32_t root;
	uint64_t count;
};

/** Which kinds of roots are nearest to the chunks of one key (kinds.h) right below a vertex: the first up to `wanted` into ret, most chunks first. Gives how many there are. Cost: linear in
    chunks. */
size_t nearest_count(const struct kinds *kinds, const struct dominators *dominators, const struct roots *roots, const uint32_t *nearest, vertex_id above,
		     uint64_t key, struct nearest_share *ret, size_t wanted);

#endif
