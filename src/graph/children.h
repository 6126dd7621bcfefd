/* SPDX-License-Identifier: MIT */
/*
 * What hangs right below some vertices of the dominator tree: the large chunks one by one, the others by kind (kinds.h).
 */
#ifndef HEAPSNAP_GRAPH_CHILDREN_H
#define HEAPSNAP_GRAPH_CHILDREN_H

#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "graph/dominators.h"
#include "graph/kinds.h"

struct child_group {
	/** Index of the vertex they hang below, in the list that was asked for. */
	uint32_t parent;
	/** One chunk for itself; CHUNK_NONE for all those of one kind. */
	chunk_id chunk;
	/** What they are of, and of those with a name that. */
	uint64_t key;
	uint32_t name;
	/** Usable size of each, 0 when they have several. Units: bytes. */
	uint64_t usable;
	/** Chunks of the group, and what they retain together. */
	uint64_t count, retained;
	/** The one that retains most. */
	chunk_id example;
};

typedef ARRAY(struct child_group) child_group_array;

/** Groups the chunks right below n vertices; those that retain at least `large` bytes are groups of their own. By parent, then by what they retain, most first.
    Owner: the caller, array_deinit(). Memory: 4 bytes per vertex while it works. Cost: linear. */
void children_group(const struct kinds *kinds, const struct dominators *dominators, const vertex_id *vertices, size_t n, uint64_t large,
		    child_group_array *ret);

#endif
