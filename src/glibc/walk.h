/* SPDX-License-Identifier: MIT */
/*
 * The walk over an image, shared by its chapters. Private to glibc/.
 *
 *   arenas_collect   the ring of arenas, from each main_arena             → arenas, heap.arenas
 *   bins_collect     every free list of every arena                       → listed
 *   pieces_…         what the arenas are made of, and mmapped chunks      → pieces
 *   pieces_emit      chunk by chunk, in address order                     → heap.chunks, heap.sources
 *   bins_mark, tcaches_mark, internal_mark                                → states
 *   checks_run       does it all add up?                                  → heap.checks
 *
 * Lists are bounded by how many chunks the memory could hold; a cycle, a link outside and a size that cannot be are findings.
 */
#ifndef HEAPSNAP_GLIBC_WALK_H
#define HEAPSNAP_GLIBC_WALK_H

#include "base/array.h"
#include "glibc/instance.h"
#include "heap/heap.h"
#include "target/target.h"
#include "target/window.h"

/** A malloc_state as read from the image; parallel to heap.arenas. */
struct arena {
	const struct instance *instance;
	/** Header address of the top chunk; 0 when the arena was never used. */
	vaddr top;
	/** Index in heap.arenas. */
	uint32_t id;
	/** What the walk found for the checks: bytes of its segments or heaps, walks that ended neither in top nor in a fence, chunks without the
	    mark of a non-main arena. */
	uint64_t walked_bytes, bad_ends, unmarked;
	bool top_met;
};

/** A free chunk that a list of an arena holds: its header's address, and in the low bits, which an address of a chunk has not, its enum chunk_state. */
typedef uint64_t listed;

static inline listed listed_make(vaddr chunk, enum chunk_state state)
{
	return chunk | state;
}

static inline vaddr listed_chunk(listed entry)
{
	return entry & ~(vaddr)(CHUNK_ALIGN - 1);
}

static inline enum chunk_state listed_state(listed entry)
{
	return (enum chunk_state)(entry & (CHUNK_ALIGN - 1));
}

_Static_assert((int)CHUNK_STATES <= (int)CHUNK_ALIGN, "a state fits the low bits of a chunk's address");

enum piece_kind {
	/** A stretch of the main arena; holes in it are searched for the next chunk. */
	PIECE_SEGMENT,
	PIECE_HEAP,
	PIECE_MMAPPED,
};

/** A range that holds chunks. */
struct piece {
	enum piece_kind kind;
	/** Index in arenas; unused for mmapped chunks. */
	uint32_t arena;
	/** Half-open; and where the first chunk's header lies (of a mmapped chunk: its only one). */
	vaddr start, end, first;
};

struct walk {
	const struct target *target;
	struct glibc *glibc;
	struct heap *heap;
	struct window window;
	ARRAY(struct arena) arenas;
	ARRAY(listed) listed;
	bool listed_sorted;
	ARRAY(struct piece) pieces;
	/** Steps that searching may still make: keeps damaged or hostile heaps linear. */
	uint64_t search_budget;
	/** The image has no room for more chunks than this. */
	uint64_t chunks_maximum;
	/** Free list entries that could not be matched, for the checks. */
	uint64_t listed_not_walked, listed_not_free, listed_twice, broken_lists;
	/** Threads whose tcache could not be read. */
	uint64_t tcaches_unread;
	uint64_t orphan_tcaches;
};

/** Reads the arenas of every instance. */
void arenas_collect(struct walk *walk);

/** Lists the free chunks of every bin and fast bin of an arena. */
void bins_collect(struct walk *walk, const struct arena *arena);

/** Sorts the list by address, for segments_collect() to check chains against. Cost: n log n; nothing when it is not asked for. */
void bins_sort(struct walk *walk);

/** Puts the states of the listed chunks into the sealed table. */
void bins_mark(struct walk *walk);

/** The ranges of the main arena, and the heaps of the others. */
void segments_collect(struct walk *walk);

/** The mmapped chunks, in private anonymous memory outside the pieces so far. */
void mmapped_collect(struct walk *walk);

/** Sorts the pieces by address. */
void pieces_sort(struct walk *walk);

/** Sorts the pieces and sees that none overlaps another: memory belongs to the one that starts first, the other is dropped with a finding. */
void pieces_settle(struct walk *walk);

/** The piece among the first n_sorted that holds an address, or NULL. */
const struct piece *piece_at(const struct walk *walk, size_t n_sorted, vaddr address);

/** Sorts the pieces, walks each and adds rows and sources. */
void pieces_emit(struct walk *walk);

enum chain_end {
	/** It ended at the arena's top, or in a fence. */
	CHAIN_TOP,
	CHAIN_FENCE,
	/** It went on for long enough. */
	CHAIN_LONG,
	/** A header that cannot be, or is not there. */
	CHAIN_BROKEN,
};

/** Follows headers from `first` without recording anything. `end_ret` is the address behind the end. With `strict`, it must pass through each listed free chunk
    on its way. Uses up the search budget. */
enum chain_end chain_follow(struct walk *walk, const struct arena *arena, bool is_heap, vaddr first, vaddr limit, bool strict, vaddr *end_ret);

/** Marks the entries of the threads' caches, of caches whose thread is gone, and what libc keeps for itself. */
void tcaches_mark(struct walk *walk);

/** Runs the closure checks. `n_inside` threads were inside malloc at the copy. */
void checks_run(struct walk *walk, size_t n_inside);

#endif
