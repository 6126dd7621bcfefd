/* SPDX-License-Identifier: MIT */
/*
 * Suspects: where the memory is kept, in a few words.
 *
 * From each variable, frame or mapping that retains much, the way of the largest child leads down as long as that child has most of it. Where it
 * falls apart into many is the accumulation point: the hash table, the list, the array that grew. What several roots share has no such point; then the
 * chunks themselves are the suspect.
 */
#ifndef HEAPSNAP_GRAPH_SUSPECTS_H
#define HEAPSNAP_GRAPH_SUSPECTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "graph/dominators.h"

struct image;

struct suspect {
	/** Where it begins: the place that has it, or a module, a thread or PLACE_NONE (the whole process), where several places share it. */
	place_id place;
	/** Where it begins below the place: VERTEX_NONE for the place itself, else the chunk that several places share. */
	vertex_id start;
	/** Below it, where the chunks fan out: VERTEX_NONE when `place` itself is what holds them, else a chunk. */
	vertex_id point;
	/** Several places share the chunks; none of them can be named. */
	bool is_shared;
	/** All that it keeps. Units: bytes. */
	uint64_t retained;
	/** The kind of child that has most of it: usable size of each, how many, and what they retain. No children: 0. */
	uint64_t child_usable, child_count, child_retained;
	/** Where the point holds these: an offset, the lowest one of several … Units: bytes. */
	uint64_t offset;
	/** … and at how many; 0 when it does so by way of others. */
	uint64_t n_offsets;
};

typedef ARRAY(struct suspect) suspect_array;

/** Finds up to `wanted`, largest first, none below a tenth of all that is in use. Owner: the caller, array_deinit(). Memory: 4 bytes per vertex while it works. Cost: linear. */
void suspects_find(const struct chunks *chunks, const struct image *image, const struct roots *roots, const struct dominators *dominators,
		   size_t wanted, suspect_array *ret);

#endif
