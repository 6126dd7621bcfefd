/* SPDX-License-Identifier: MIT */
/*
 * Outlines: thousands of trees of chunks that look alike, as one small tree.
 *
 *   500 × 48 B ─┬ +0x8  → 500 × 200 B                      500 leaks of one kind: a chunk of 48 bytes that holds one of 200
 *               └ +0x10 → 9,000 × 48 B (again) …           and a list of further chunks like itself
 *
 * Chunks join a node when they have the same size, and are held at the same offset by chunks of the same node. A size that stands above in the same branch is a list
 * or tree of one kind, which joins the node above. From a chunk that holds many, the offset does not tell them apart: an array.
 *
 * The same the other way up tells who holds all chunks of one size: each is counted once, along its shortest way to a root.
 *
 *   9,000 × 96 B ─── held at +0x8 by 4,096 B chunks ─── held by g_cache
 *
 * Sizes are what chunks without a type are told apart by; those with one are, whatever their size, of the same kind (kinds.h).
 */
#ifndef HEAPSNAP_GRAPH_OUTLINE_H
#define HEAPSNAP_GRAPH_OUTLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "graph/edges.h"
#include "graph/kinds.h"
#include "graph/reach.h"
#include "graph/roots.h"

#define OUTLINE_NONE UINT32_MAX
/** An offset that does not matter: the element of an array. */
#define OUTLINE_ANY_OFFSET UINT64_MAX

struct outline_node {
	/** OUTLINE_NONE at the top. A parent comes before its children. */
	uint32_t parent;
	/** 0 at the top. */
	uint32_t depth;
	/** Chunks further below look like these, and are among them. */
	bool is_again;
	/** Some of these are in cycles; at the top only. */
	bool is_cycle;
	/** Where those above hold these; 0 at the top. Units: bytes. */
	uint64_t offset;
	/** What they are called, as the kinds have it; 0 for those that go by size. */
	uint32_t name;
	/** Usable size of each; 0 stands for several sizes of one name, for any kind, where there were too many to tell apart, and for a place. Units: bytes. */
	uint64_t usable;
	/** Of referrers: the place that a way ends in; PLACE_NONE for chunks. */
	place_id place;
	/** One of the roots that the way ends in: all of them have the same path, but for the indices of arrays. SIZE_MAX for chunks. */
	size_t root;
	/** At the top: how many trees. Else 0. */
	uint64_t trees;
	/** Chunks of this node, and their usable bytes. */
	uint64_t count, bytes;
	/** The same with everything below. */
	uint64_t below_count, below_bytes;
	/** The first of them: at the top the root of a tree. */
	chunk_id example;
};

struct outline {
	ARRAY(struct outline_node) nodes;
};

/** The outline of all leaks; edges must have places. Owner: the caller, outline_deinit(). Memory: a bit per chunk, 8 bytes per chunk of the largest leak. Cost: linear in leaked
    chunks and their edges. */
void outline_leaks(const struct kinds *kinds, const struct edges *edges, const struct reach *reach, struct outline *ret);

/** Who holds the chunks of one name, or of one usable size (whatever their names are), that are not leaked: at the top these chunks themselves, below each node what holds those of the node above. Counts
    and bytes are of the chunks that were asked for. Edges must have places. Owner: the caller, outline_deinit(). Memory: 16 bytes per chunk. Cost: linear, and some
    dozen steps for each of these chunks. */
void outline_referrers(const struct kinds *kinds, const struct edges *edges, const struct roots *roots, const struct reach *reach,
		       uint64_t key, struct outline *ret);

/** Frees it; an initialiser of zeroes is accepted. */
void outline_deinit(struct outline *outline);

#endif
