/* SPDX-License-Identifier: MIT */
/*
 * Kinds: what chunks are told apart by where thousands of them become one row: a number that the caller gives (the name of a type), and for chunks without one their size.
 *
 *   key   KEY_NAMED | number      chunks that are called alike, whatever their sizes
 *         usable size             chunks without a name; 0 is nobody's
 */
#ifndef HEAPSNAP_GRAPH_KINDS_H
#define HEAPSNAP_GRAPH_KINDS_H

#include <stddef.h>
#include <stdint.h>

#include "heap/chunks.h"

#define KEY_NAMED (UINT64_C(1) << 62)

struct kinds {
	/** Borrowed. */
	const struct chunks *chunks;
	/** By chunk a number, 0 for none; NULL when there are no names at all. Borrowed. */
	const uint32_t *of;
};

/** The key of a chunk. */
static inline uint64_t kind_key(const struct kinds *kinds, chunk_id chunk)
{
	return kinds->of && kinds->of[chunk] ? KEY_NAMED | kinds->of[chunk] : chunk_usable(kinds->chunks, chunk);
}

/** The number in a key, 0 for that of a size. */
static inline uint32_t key_name(uint64_t key)
{
	return key & KEY_NAMED ? (uint32_t)key : 0;
}

#endif
