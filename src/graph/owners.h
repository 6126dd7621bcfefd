/* SPDX-License-Identifier: MIT */
/*
 * Owners: the one place that each chunk is put down to, by a name that a developer knows: «server.db», «session in worker_main».
 *
 * That is the root nearest to the chunk (nearest.h).
 *
 * Chunks of another language may have holders, which have names in it («__main__.cache»); that is their owner then.
 *
 * Where a variable or a frame alone keeps a chunk (it dominates it), every chain begins there, so that is the owner. Where several do, whole modules or
 * threads would be what keeps it, which tells nobody anything.
 *
 * The members of an array are one owner: «table» for table[3], «pool.slots[].head» for pool.slots[3].head.
 */
#ifndef HEAPSNAP_GRAPH_OWNERS_H
#define HEAPSNAP_GRAPH_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "graph/dominators.h"
#include "graph/kinds.h"
#include "graph/nearest.h"
#include "graph/reach.h"
#include "graph/roots.h"

typedef uint32_t owner_id;
#define OWNER_NONE UINT32_MAX

struct owner {
	place_id place;
	/** The same in every run and thread: no ids, no addresses. Owned, unescaped. */
	char *name;
};

struct owners {
	/** By place; the last one is of what is leaked. */
	ARRAY(struct owner) v;
	/** For each chunk its owner, OWNER_NONE for what is no node. */
	owner_id *of;
	size_t n_chunks;
};

/** Takes them from the roots nearest to the chunks (nearest.h), with the same holders: each of these becomes a place of its own, a variable without an address. `leaked` is the place of
    leaked chunks. Owner: the caller, owners_deinit(). Memory: 4 bytes per chunk. Cost: linear. */
void owners_compute(const uint32_t *nearest, struct roots *roots, const struct holders *holders, const struct reach *reach, place_id leaked, struct owners *ret);

/** Makes room for the owners of n chunks, none of which has one known yet: 0. */
void owners_reserve(struct owners *owners, size_t n_chunks);

/** Frees them; an initialiser of zeroes is accepted. */
void owners_deinit(struct owners *owners);

/** It stands for a holder (nearest.h), not for a place in memory. */
static inline bool owner_is_holder(const struct roots *roots, const struct owner *owner)
{
	return roots->places.v[owner->place].kind == PLACE_VARIABLE && !roots->places.v[owner->place].end;
}

struct owner_share {
	owner_id owner;
	uint64_t count;
};

/** Which owners the chunks of one key (kinds.h) right below a vertex have: the first up to `wanted` into ret, most chunks first. Gives how many there are. Cost: linear in chunks. */
size_t owners_count(const struct owners *owners, const struct kinds *kinds, const struct dominators *dominators, vertex_id above, uint64_t key, struct owner_share *ret,
		    size_t wanted);

#endif
