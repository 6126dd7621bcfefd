/* SPDX-License-Identifier: MIT */
/*
 * Nearest: for chunks that several places share, which root has the shortest way to them.
 *
 * Dominators leave what is shared to nobody. People still know it by the variable they would look for it in, so this gives each chunk one: variables (thread-local ones,
 * and keys of threads too) come first, those of libc after the others, and only what none of them leads to belongs to a frame, a register or a mapping.
 */
#ifndef HEAPSNAP_GRAPH_NEAREST_H
#define HEAPSNAP_GRAPH_NEAREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/dominators.h"
#include "graph/edges.h"
#include "graph/kinds.h"
#include "graph/roots.h"
#include "heap/heap.h"

/** The place is one of a module that has malloc, as libc is: what the program has itself says more. */
bool place_is_of_malloc(const struct heap *heap, const struct root_place *place);

/** No root leads there. */
#define NEAREST_NONE UINT32_MAX

/** For each chunk the root nearest to it, NEAREST_NONE where there is none; of its kind (roots_kinds()) the first. The edges need no places. Owner: the caller, nearest_free(). Memory: 4 bytes per chunk, and 4
    more while it works. Cost: linear in chunks and edges. */
uint32_t *nearest_find(const struct heap *heap, const struct edges *edges, const struct roots *roots);

/** Frees it; NULL is accepted. */
void nearest_free(uint32_t *nearest, size_t n_chunks);

struct nearest_share {
	/** Index of a root, which stands for its kind. */
	uint32_t root;
	uint64_t count;
};

/** Which kinds of roots are nearest to the chunks of one key (kinds.h) right below a vertex: the first up to `wanted` into ret, most chunks first. Gives how many there are. Cost: linear in
    chunks. */
size_t nearest_count(const struct kinds *kinds, const struct dominators *dominators, const struct roots *roots, const uint32_t *nearest, vertex_id above,
		     uint64_t key, struct nearest_share *ret, size_t wanted);

#endif
