/* SPDX-License-Identifier: MIT */
/*
 * The chunk table: one row for each chunk of every heap of the target, whatever allocator it came from.
 *
 * Columns, not objects: passes touch one field of millions of rows. Rows are sorted by `mem`, the pointer the program holds
 * (not the chunk header). A row number is a chunk_id.
 *
 * Invariants, checked by chunks_verify(): strictly ascending; no overlap (mem + usable <= the next mem); mem is a multiple of
 * CHUNK_ALIGN. A free chunk has a row too: mem is where its user pointer would be.
 *
 * Finding a chunk by address costs one load of a bitmap word and a population count: a bit for each CHUNK_ALIGN bytes of the
 * address ranges that hold chunks, with the rank (number of earlier rows) of each 64-bit word. That is 12 bytes per KiB of heap.
 */
#ifndef HEAPSNAP_HEAP_CHUNKS_H
#define HEAPSNAP_HEAP_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/vaddr.h"

typedef uint32_t chunk_id;
#define CHUNK_NONE UINT32_MAX

enum { CHUNK_ALIGN = 16 };

enum chunk_state {
	/** The program holds it, as far as the allocator knows. */
	CHUNK_IN_USE,
	/** In use by libc itself, proven (tcache structs, dtv, TLS blocks). */
	CHUNK_INTERNAL,
	/** Free, kept by a thread's cache. */
	CHUNK_TCACHE,
	/** Free, in a fast bin, the unsorted bin, a small or a large bin. */
	CHUNK_FAST,
	CHUNK_UNSORTED,
	CHUNK_SMALL,
	CHUNK_LARGE,
	/** Free by its neighbour's header but in no bin: damage, or a stop inside malloc. Always comes with a finding. */
	CHUNK_FREE,
	/** The rest at the end of an arena. */
	CHUNK_TOP,
	CHUNK_STATES,
};

enum chunk_kind {
	CHUNK_HEAP,
	CHUNK_MMAPPED,
	CHUNK_PYMALLOC,
	CHUNK_KINDS,
};

/** «in-use», «tcache» …: the word of the CSV contract. Borrowed: for ever. */
const char *chunk_state_name(enum chunk_state state);

/** «heap», «mmapped», «pymalloc». Borrowed: for ever. */
const char *chunk_kind_name(enum chunk_kind kind);

struct chunk_range {
	/** Half-open range of addresses covered by the index, start a multiple of 64 * CHUNK_ALIGN. Units: bytes. */
	vaddr start, end;
	/** Position of its first word in the index. */
	size_t word;
};

struct chunks {
	/** Number of rows, how many there is room for, and how many were refused because no chunk_id is left. */
	size_t n, capacity, refused;
	/** The pointer the program holds. */
	vaddr *mem;
	/** Bytes the program may use from there. */
	uint64_t *usable;
	/** enum chunk_state. */
	uint8_t *state;
	/** enum chunk_kind. */
	uint8_t *kind;

	/** The index, built by chunks_seal(). */
	ARRAY(struct chunk_range) ranges;
	uint64_t *bits;
	uint32_t *rank;
	size_t n_words;
};

/** Starts an empty table. */
void chunks_init(struct chunks *chunks);

/** Frees it. */
void chunks_deinit(struct chunks *chunks);

/** Makes room for that many rows in all. Room that is not used takes no memory. */
void chunks_reserve(struct chunks *chunks, size_t capacity);

/** Appends a row in any order; ids are final after chunks_seal(). At most 2^32 - 1 rows are kept. Cost: amortised constant. */
static inline void chunks_add(struct chunks *chunks, vaddr mem, uint64_t usable, enum chunk_state state, enum chunk_kind kind)
{
	if (__builtin_expect(chunks->n == chunks->capacity, 0)) {
		chunks_reserve(chunks, chunks->capacity * 2 + 4096);
		if (chunks->n == chunks->capacity) {
			chunks->refused++;
			return;
		}
	}
	chunks->mem[chunks->n] = mem;
	chunks->usable[chunks->n] = usable;
	chunks->state[chunks->n] = (uint8_t)state;
	chunks->kind[chunks->n] = (uint8_t)kind;
	chunks->n++;
}

/** Sorts the rows (at no cost where they are sorted already), drops rows that overlap an earlier one or are not aligned, and builds the index.
    Returns how many were dropped or refused. */
size_t chunks_seal(struct chunks *chunks);

/** The row whose mem is exactly this address, or CHUNK_NONE. Cost: constant within a range, logarithmic in the number of ranges. */
chunk_id chunks_at(const struct chunks *chunks, vaddr mem);

/** The row with mem <= address < mem + usable, or CHUNK_NONE. Cost: as chunks_at(). */
chunk_id chunks_find(const struct chunks *chunks, vaddr address);

/** Checks the invariants; NULL if they hold, else a sentence about the first that does not. Owner: the caller. Cost: linear. */
char *chunks_verify(const struct chunks *chunks);

#endif
