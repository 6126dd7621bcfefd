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
 * Finding a chunk by address costs three dependent loads and a population count, whatever the number of chunks:
 *
 *   address   | above bit 48: none | bits 28..47: stretch | 16..27: page | 10..15: word | 4..9: bit |
 *   stretches   256 MiB each: nothing, or where its pages begin, or the one row that covers all of it
 *   pages       64 KiB each: nothing, or where its words begin, or the one row that reaches into it (no row begins there)
 *   words       1 KiB each: a bit for each CHUNK_ALIGN bytes at which a row begins, and how many rows begin before
 *
 * A number that is no pointer is nearly always refused by the first of them, which stays in the nearest cache. The words, the only part that
 * grows with the heap, take 12 bytes per KiB of it.
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

enum { CHUNK_ALIGN = 16, CHUNK_SIZE_UNIT = 8 };
#define CHUNK_SIZE_ODD UINT32_MAX

/** No process of a supported architecture has user memory from here on without asking for it by address, which no allocator does: rows
    must end below. Units: bytes. */
#define CHUNK_MEM_END (UINT64_C(1) << 48)

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

enum {
	CHUNK_STRETCH_SHIFT = 28,
	CHUNK_PAGE_SHIFT = 16,
	CHUNK_WORD_SHIFT = 10,
	CHUNK_STRETCHES = 1 << (48 - CHUNK_STRETCH_SHIFT),
	CHUNK_STRETCH_PAGES = 1 << (CHUNK_STRETCH_SHIFT - CHUNK_PAGE_SHIFT),
	CHUNK_PAGE_WORDS = 1 << (CHUNK_PAGE_SHIFT - CHUNK_WORD_SHIFT),
};

/** In an entry of stretches or pages: the rest is the row that covers it. */
#define CHUNK_COVERED (UINT32_C(1) << 31)

struct chunk_word {
	/** Bit n: a row begins at the word's start + n * CHUNK_ALIGN. */
	uint64_t bits;
	/** Rows that begin before the word. */
	uint32_t rank;
} __attribute__((packed, aligned(4)));

/** A row whose usable bytes do not fit its column. */
struct chunk_odd_size {
	vaddr mem;
	uint64_t usable;
};

struct chunks {
	/** Number of rows, how many there is room for, and how many were refused because no chunk_id is left. */
	size_t n, capacity, refused;
	/** The pointer the program holds. */
	vaddr *mem;
	/** Bytes the program may use from there, in units of CHUNK_SIZE_UNIT: chunk_usable() knows. CHUNK_SIZE_ODD is for those that are no multiple of
	    it or 32 GiB and more, which odd has by mem. */
	uint32_t *size_units;
	/** enum chunk_state. */
	uint8_t *state;
	/** enum chunk_kind. */
	uint8_t *kind;

	ARRAY(struct chunk_odd_size) odd;

	/** The index, built by chunks_seal(); see above. Entries are 0 for nothing, CHUNK_COVERED and a row, or 1 + which group of the next
	    level. NULL before. */
	uint32_t *stretches, *pages;
	struct chunk_word *words;
	/** Groups there are, and there is room for. */
	size_t n_stretches, stretches_capacity, n_pages, pages_capacity;
};

/** Starts an empty table. */
void chunks_init(struct chunks *chunks);

/** Frees it. */
void chunks_deinit(struct chunks *chunks);

/** Makes room for that many rows in all. Room that is not used takes no memory. */
void chunks_reserve(struct chunks *chunks, size_t capacity);

/** What a row's usable bytes are; of one that does not fit the column. Cost: logarithmic in how many these are, which no allocator makes. */
uint64_t chunk_odd_usable(const struct chunks *chunks, chunk_id id);

/** Bytes the program may use from the start of a row. */
static inline uint64_t chunk_usable(const struct chunks *chunks, chunk_id id)
{
	uint32_t units = chunks->size_units[id];

	return __builtin_expect(units != CHUNK_SIZE_ODD, 1) ? (uint64_t)units * CHUNK_SIZE_UNIT : chunk_odd_usable(chunks, id);
}

/** Changes that. */
void chunks_set_usable(struct chunks *chunks, chunk_id id, uint64_t usable);

/** Appends a row in any order; ids are final after chunks_seal(). At most 2^31 - 1 rows are kept. Cost: amortised constant. */
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
	if (__builtin_expect(usable % CHUNK_SIZE_UNIT || usable / CHUNK_SIZE_UNIT >= CHUNK_SIZE_ODD, 0))
		chunks_set_usable(chunks, (chunk_id)chunks->n, usable);
	else
		chunks->size_units[chunks->n] = (uint32_t)(usable / CHUNK_SIZE_UNIT);
	chunks->state[chunks->n] = (uint8_t)state;
	chunks->kind[chunks->n] = (uint8_t)kind;
	chunks->n++;
}

/** Sorts the rows (at no cost where they are sorted already), drops rows that overlap an earlier one, are not aligned or lie beyond CHUNK_MEM_END, and builds the index.
    Returns how many were dropped or refused. */
size_t chunks_seal(struct chunks *chunks);

/** How many bits are set. Without a compiler flag for it, the compiler calls a function that is four times as slow. */
static inline unsigned chunk_bits_count(uint64_t bits)
{
	bits -= bits >> 1 & UINT64_C(0x5555555555555555);
	bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
	bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (unsigned)(bits * UINT64_C(0x0101010101010101) >> 56);
}

/** False when no chunk can be at an address; in a sealed table. Cost: a load; this is what refuses most words that are no pointers. */
static inline bool chunks_may_hold(const struct chunks *chunks, vaddr address)
{
	return address < CHUNK_MEM_END && chunks->stretches[address >> CHUNK_STRETCH_SHIFT];
}

/** The page entry of an address that chunks_may_hold() does not refuse: 0, CHUNK_COVERED and a row, or for chunk_word_at(). */
static inline uint32_t chunks_page(const struct chunks *chunks, vaddr address)
{
	uint32_t stretch = chunks->stretches[address >> CHUNK_STRETCH_SHIFT];

	if (__builtin_expect(!stretch || stretch & CHUNK_COVERED, 0))
		return stretch;
	return chunks->pages[(size_t)(stretch - 1) * CHUNK_STRETCH_PAGES + (address >> CHUNK_PAGE_SHIFT) % CHUNK_STRETCH_PAGES];
}

/** The word of an address in a page whose entry is neither 0 nor covered. */
static inline const struct chunk_word *chunk_word_at(const struct chunks *chunks, uint32_t page, vaddr address)
{
	return &chunks->words[(size_t)(page - 1) * CHUNK_PAGE_WORDS + (address >> CHUNK_WORD_SHIFT) % CHUNK_PAGE_WORDS];
}

/** The last row of a word's page or before that begins at or before an address in the word, CHUNK_NONE when there is none; the address may lie
    behind its end. *begins_ret says whether it begins in the very CHUNK_ALIGN bytes that hold the address. */
static inline chunk_id chunk_word_row(const struct chunk_word *word, vaddr address, bool *begins_ret)
{
	unsigned bit = address / CHUNK_ALIGN % 64;

	*begins_ret = word->bits >> bit & 1;
	return word->rank + chunk_bits_count(word->bits & UINT64_MAX >> (63 - bit)) - 1;
}

/** The row whose mem is exactly this address, or CHUNK_NONE. Cost: constant. */
chunk_id chunks_at(const struct chunks *chunks, vaddr mem);

/** The row with mem <= address < mem + usable, or CHUNK_NONE. Cost: constant. */
chunk_id chunks_find(const struct chunks *chunks, vaddr address);

/** Checks the invariants; NULL if they hold, else a sentence about the first that does not. Owner: the caller. Cost: linear. */
char *chunks_verify(const struct chunks *chunks);

#endif
