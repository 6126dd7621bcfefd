/* SPDX-License-Identifier: MIT */
/*
 * The graph: roots, edges, and what follows from them, as tables that outlive the image.
 *
 *   areas → roots ─┐
 *   chunks → edges ┴→ reach → owners, dominators
 */
#ifndef HEAPSNAP_GRAPH_GRAPH_H
#define HEAPSNAP_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "graph/dominators.h"
#include "graph/edges.h"
#include "graph/nearest.h"
#include "graph/owners.h"
#include "graph/pointers.h"
#include "graph/reach.h"
#include "graph/roots.h"
#include "graph/suppress.h"
#include "graph/suspects.h"

struct target;
struct modules;
struct heap;

struct graph_options {
	struct pointer_options pointers;
	/** Threads that scan; 0 and 1 for none besides the caller's. */
	unsigned threads;
	/** Compute dominators. */
	bool with_dominators;
	/** Find owners. */
	bool with_owners;
	/** Keep the edges, with their places. */
	bool with_edges;
	/** Only find out what is reachable (marks.h); with none of the above, and without suppressions. */
	bool marks_alone;
	bool without_dwarf;
	/** For the owners. Borrowed: until it is built. */
	struct holders holders;
	/** Takes; NULL for none. Those that go by type are the caller's to apply. */
	struct suppressions *suppressions;
};

struct graph {
	/** It was built; else all of it is empty. */
	bool is_built;
	struct graph_options options;
	struct roots roots;
	/** The place below which leaked chunks hang. */
	place_id leaked;
	/** Empty unless options.with_edges. */
	struct edges edges;
	struct reach reach;
	/** Empty unless options.with_owners. */
	struct owners owners;
	/** Empty unless options.with_dominators. */
	struct dominators dominators;
	suspect_array suspects;
	/** As they were given, with what each was for. */
	struct suppressions *suppressions;
	/** Bytes of chunks, and of areas of roots, that are not in the image. Then leaks may be none. */
	uint64_t unread_chunks, unread_roots;
	/** How many edges there are, or were before they were let go. */
	uint64_t n_edges;
	/** Edges and roots beyond what there are numbers for. */
	uint64_t refused;
};

/** Builds it from a captured target and its walked heap. Owner: the caller, graph_deinit(). */
void graph_build(const struct target *target, struct modules *modules, const struct heap *heap, const struct graph_options *options,
		 struct graph *ret);

/** Frees it; an initialiser of zeroes is accepted. */
void graph_deinit(struct graph *graph);

/** All memory that could hold a pointer was there to be looked at. */
bool graph_is_complete(const struct graph *graph);

#endif
