/* SPDX-License-Identifier: MIT */
/*
 * Which words are pointers to chunks: the one scan that edges and roots are made of.
 *
 * A word is a pointer when it is the address of a byte that some chunk in use (or internal to libc) lets the program have. How it hits matters:
 *
 *   start      the address the program got from malloc; the low three bits are not looked at, programs keep flags there
 *   known      an interior address that a compiler or a library makes by rule, and that alone keeps a chunk alive in good programs:
 *              behind the element count of new[], a second base class, the text behind the header of a string (known_interior.h)
 *   interior   any other address within
 *
 * It is *not* a decision on what is alive (reach.h), and it does not see pointers that are hidden: XORed, compressed to 32 bits, or tagged in high
 * bits, unless an option says so.
 *
 * The work is done in batches, so that the loads from the index and the chunk table, which miss every cache in a large heap, wait for
 * each other's memory and not for their own.
 */
#ifndef HEAPSNAP_GRAPH_POINTERS_H
#define HEAPSNAP_GRAPH_POINTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/chunks.h"
#include "target/image.h"
#include "target/window.h"

enum pointer_hit {
	HIT_START,
	HIT_KNOWN,
	HIT_INTERIOR,
};

struct pointer_options {
	/** The highest byte of a word is not looked at (pointers tagged there). */
	bool tagged_top_byte;
	/** Pointers may begin at every byte, not just at multiples of eight (packed structs). */
	bool unaligned;
};

struct pointer {
	/** What pointers_scan() was told, plus the position: in words, or in bytes when unaligned. */
	uint64_t from;
	chunk_id chunk;
	enum pointer_hit hit;
};

/** Takes pointers as they are found, in the order of the scan. */
typedef void pointers_take(void *context, const struct pointer *pointers, size_t n);

enum { POINTERS_BATCH = 512 };

struct pointers {
	const struct chunks *chunks;
	struct pointer_options options;
	/** For the bytes of chunks that are hit in their interior. */
	struct window window;
	pointers_take *take;
	void *context;
	/** Where rows lie: [low, low + span). */
	vaddr low;
	uint64_t span;
	/** What may be pointers: the words as they are, and from. */
	size_t n;
	struct {
		uint64_t word, from;
	} candidates[2 * POINTERS_BATCH];
};

/** Prepares a scan. The table (sealed) and the image are borrowed until the last flush. */
void pointers_init(struct pointers *pointers, const struct chunks *chunks, const struct image *image,
		   const struct pointer_options *options, pointers_take *take, void *context);

/** Looks at size bytes, the first of which lies at a multiple of eight in the target. What is found reaches `take` at the latest with the next flush.
    Cost: under a nanosecond for a word that is no pointer. */
void pointers_scan(struct pointers *pointers, const uint8_t *bytes, size_t size, uint64_t from);

/** Looks at [start, end) of the image, as far as captured bytes are there; start is a multiple of eight. `from` is that of start and counts as for
    pointers_scan(), but no piece begins with more than from + limit. Gives how many bytes are not in the image (pages that were never touched are: as
    zeroes, or as their file has them). */
uint64_t pointers_scan_range(struct pointers *pointers, vaddr start, vaddr end, uint64_t from, uint64_t limit);

/** Hands over what is still held back. */
void pointers_flush(struct pointers *pointers);

/** Whether a row is a node of the graph: held by the program or by libc itself. */
static inline bool chunk_is_node(const struct chunks *chunks, chunk_id id)
{
	return chunks->state[id] <= CHUNK_INTERNAL;
}

#endif
