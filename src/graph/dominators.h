/* SPDX-License-Identifier: MIT */
/*
 * Dominators: who alone keeps what, and how much.
 *
 * A vertex dominates a chunk when every chain from outside to the chunk goes through it: were it gone, so would the chunk be. Immediate dominators form a
 * tree; the retained size of a vertex is what hangs below it, itself included: what would be freed with it.
 *
 *   vertices   0 … n_chunks - 1   chunks
 *              n_chunks …         places of roots (roots.h), whose parents in their own tree are their predecessors
 *              the last one       the root above all
 *
 * Every node of the graph has its place in the tree: possible chunks count as reachable; the direct ones among the leaked hang on a place given for them,
 * and edges from leaked chunks to others do not count. So retained sizes add up to all that is in use.
 *
 * Source: SEMI-NCA, from Georgiadis, Tarjan, Werneck 2006 «Finding dominators in practice»; Lengauer and Tarjan 1979 for what it stands on.
 */
#ifndef HEAPSNAP_GRAPH_DOMINATORS_H
#define HEAPSNAP_GRAPH_DOMINATORS_H

#include <stddef.h>
#include <stdint.h>

#include "graph/edges.h"
#include "graph/reach.h"
#include "graph/roots.h"

typedef uint32_t vertex_id;
#define VERTEX_NONE UINT32_MAX

struct dominators {
	size_t n_chunks, n_places;
	/** One for each vertex; VERTEX_NONE of the root above all and of what is no node. */
	vertex_id *idom;
	/** Usable bytes that the vertex keeps; 0 of what is not in the tree. */
	uint64_t *retained;
};

/** Computes them. `leaked` is the place (at the top) below which leaked chunks hang. Uses the edges up: they are as after edges_deinit() then, since their
    memory is needed. Owner: the caller, dominators_deinit(). Memory: while it works 20 bytes per vertex, and per edge 4 beside what the edges had, or 4 in
    all; 12 per vertex to stay. Cost: linear in vertices and edges, but for a logarithm that does not show. */
void dominators_compute(const struct chunks *chunks, struct edges *edges, const struct roots *roots, const struct reach *reach,
			place_id leaked, struct dominators *ret);

/** Frees it; an initialiser of zeroes is accepted. */
void dominators_deinit(struct dominators *dominators);

/** The vertex of a place. */
static inline vertex_id vertex_of_place(const struct dominators *dominators, place_id place)
{
	return (vertex_id)(dominators->n_chunks + place);
}

/** The root above all. */
static inline vertex_id vertex_top(const struct dominators *dominators)
{
	return (vertex_id)(dominators->n_chunks + dominators->n_places);
}

/** Vertices in all. */
static inline size_t vertex_count(const struct dominators *dominators)
{
	return dominators->n_chunks + dominators->n_places + 1;
}

/** For each chunk the lowest place that dominates it, PLACE_NONE where several places at the top share it or it is no node. Owner: the caller,
    column_free() of n_chunks * 4 bytes (at least 4). Cost: linear. */
place_id *dominators_places(const struct dominators *dominators);

/** For each vertex how many chunks it retains, itself included. Owner: the caller, column_free() of vertex_count() * 4 bytes. Cost: linear. */
uint32_t *dominators_counts(const struct dominators *dominators);

#endif
