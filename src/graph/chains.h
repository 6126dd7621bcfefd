/* SPDX-License-Identifier: MIT */
/*
 * Chains: how a root reaches a chunk, hop by hop.
 *
 * Found from the chunk backwards, level by level, so the shortest come first; of one length those whose roots have names. A reachable chunk has chains without weak edges, and only these are
 * told; a possible one has others. What is leaked has no root: its chains begin at the direct leaks that hold it.
 *
 * Chains are distinct in the place they begin in; only when there are too few of these, in where within the place. They may share their ends.
 */
#ifndef HEAPSNAP_GRAPH_CHAINS_H
#define HEAPSNAP_GRAPH_CHAINS_H

#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "graph/edges.h"
#include "graph/reach.h"
#include "graph/roots.h"

struct chain_hop {
	chunk_id chunk;
	/** The edge that leads on; SIZE_MAX at the last hop. */
	size_t edge;
};

struct chain {
	/** Index of the root that it begins with, SIZE_MAX for a leaked chunk. */
	size_t root;
	/** From the chunk that the root holds to the one that was asked for. */
	ARRAY(struct chain_hop) hops;
};

typedef ARRAY(struct chain) chain_array;

/** Up to `wanted` chains to a chunk, shortest first; none when it is no node. Owner: the caller, chains_deinit(). Memory: 8 bytes per chunk while it works. Cost: linear
    in chunks and edges at most. */
void chains_find(const struct edges *edges, const struct edges_in *in, const struct roots *roots, const struct reach *reach, chunk_id chunk,
		 size_t wanted, chain_array *ret);

/** Frees them. */
void chains_deinit(chain_array *chains);

#endif
