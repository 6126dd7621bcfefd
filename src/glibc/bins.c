/* SPDX-License-Identifier: MIT */
/*
 * Bins: the free chunks that an arena keeps lists of.
 *
 * Bins 1..126 are circular lists through fd and bk whose heads lie in the arena, two words each, addressed as if a chunk stood 16 bytes before them.
 * Fast bins are singly linked to NULL; since 2.32 each link is stored XOR (its own address >> 12), the heads are plain.
 *
 * A chunk in a fast bin still looks in use by its neighbour's header; one in any other bin must look free.
 */
#include <stdlib.h>

#include "glibc/walk.h"

enum {
	FD = 16,
	BK = 24,
	LINK_SHIFT = 12,
};

static void list_broken(struct walk *walk, const struct arena *arena, vaddr address, const char *what, unsigned bin)
{
	walk->broken_lists++;
	heap_finding(walk->heap, FINDING_CORRUPTION, address, arena->id,
		     "%s %u of this arena is broken here: its link leads nowhere it could; free chunks behind it are not known as such", what,
		     bin);
}

static bool link_plausible(vaddr link)
{
	return link && link % CHUNK_ALIGN == 0;
}

/* Whether there is no room for one more chunk: then lists run into each other, for each chunk is in one of them at most. */
static bool listed_too_many(const struct walk *walk)
{
	return walk->listed.n >= walk->chunks_maximum;
}

/* One end of a bin's list: goes from chunk to chunk along one of the two links. */
struct cursor {
	/** The link that is followed, and the one that must lead back. */
	uint32_t link, back_link;
	vaddr at;
	bool broken;
};

/* Goes one chunk on and lists it; false when the list ends there: at `other`, the end of what the other cursor has seen, or at damage. */
static bool cursor_step(struct walk *walk, struct cursor *cursor, vaddr other, enum chunk_state state)
{
	vaddr next, back;

	if (!window_word(&walk->window, cursor->at + cursor->link, &next) || (next != other && !link_plausible(next)) ||
	    !window_word(&walk->window, next + cursor->back_link, &back) || back != cursor->at) {
		cursor->broken = true;
		return false;
	}
	if (next == other)
		return false;
	if (listed_too_many(walk)) {
		cursor->broken = true;
		return false;
	}
	array_append(&walk->listed, listed_make(next, state));
	cursor->at = next;
	return true;
}

/*
 * From both ends at once: such a list is a chain of cache misses, and two at a time take half as long; and of a list that is broken somewhere both halves
 * are known.
 */
static void bin_collect(struct walk *walk, const struct arena *arena, unsigned bin)
{
	const struct glibc_layout *layout = &arena->instance->layout;
	vaddr head = walk->heap->arenas.v[arena->id].address + layout->arena.bins + (bin - 1) * 16 - FD;
	enum chunk_state state = bin == BIN_UNSORTED ? CHUNK_UNSORTED : bin < BIN_LARGE ? CHUNK_SMALL : CHUNK_LARGE;
	struct cursor forward = { FD, BK, head, false }, backward = { BK, FD, head, false };

	while (cursor_step(walk, &forward, backward.at, state) && cursor_step(walk, &backward, forward.at, state))
		;
	// Behind damage the other end goes on alone, until it comes to the damage too.
	while (forward.broken && cursor_step(walk, &backward, forward.at, state))
		;
	while (backward.broken && !forward.broken && cursor_step(walk, &forward, backward.at, state))
		;
	if (forward.broken || backward.broken)
		list_broken(walk, arena, forward.broken ? forward.at : backward.at, "bin", bin);
}

/* A list that comes back to itself after `period` chunks: keeps each chunk once. Returns the last one, whose link closes the circle. */
static vaddr circle_cut(struct walk *walk, size_t first, size_t period)
{
	size_t start = first;

	while (start + period < walk->listed.n && walk->listed.v[start] != walk->listed.v[start + period])
		start++;
	walk->listed.n = start + period;
	return listed_chunk(walk->listed.v[walk->listed.n - 1]);
}

static void fastbin_collect(struct walk *walk, const struct arena *arena, unsigned bin)
{
	const struct glibc_layout *layout = &arena->instance->layout;
	vaddr at = walk->heap->arenas.v[arena->id].address + layout->arena.fastbins + bin * 8, chunk;
	size_t first = walk->listed.n;
	// Brent: one chunk of the list is remembered, and another one after each power of two steps; a circle leads back to it.
	vaddr remembered = 0;
	size_t steps = 0, power = 1;

	while (window_word(&walk->window, at, &chunk)) {
		if (walk->listed.n > first && layout->safe_linking)
			chunk ^= at >> LINK_SHIFT;
		if (!chunk)
			return;
		if (!link_plausible(chunk))
			break;
		steps++;
		if (chunk == remembered) {
			at = circle_cut(walk, first, steps) + FD;
			break;
		}
		if (listed_too_many(walk))
			break;
		if (steps == power) {
			remembered = chunk;
			power *= 2;
			steps = 0;
		}
		array_append(&walk->listed, listed_make(chunk, CHUNK_FAST));
		at = chunk + FD;
	}
	list_broken(walk, arena, at, "fast bin", bin);
}

void bins_collect(struct walk *walk, const struct arena *arena)
{
	const struct glibc_layout *layout = &arena->instance->layout;
	// An arena that was never used has lists that are not set up yet.
	if (!arena->top)
		return;
	for (unsigned bin = BIN_UNSORTED; bin < BIN_END; bin++)
		bin_collect(walk, arena, bin);
	for (unsigned bin = 0; bin < layout->arena.n_fastbins; bin++)
		fastbin_collect(walk, arena, bin);
}

static int compare_listed(const void *left, const void *right)
{
	const listed *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

void bins_sort(struct walk *walk)
{
	if (walk->listed_sorted)
		return;
	if (walk->listed.n)
		qsort(walk->listed.v, walk->listed.n, sizeof(*walk->listed.v), compare_listed);
	walk->listed_sorted = true;
}

/* The arena that an address of a chunk belongs to, for a finding about it. */
static uint32_t arena_at(const struct walk *walk, vaddr chunk)
{
	const struct heap_source *source = heap_source_at(walk->heap, chunk);

	return source ? source->arena : UINT32_MAX;
}

void bins_mark(struct walk *walk)
{
	struct chunks *chunks = &walk->heap->chunks;

	for (size_t i = 0; i < walk->listed.n; i++) {
		vaddr chunk = listed_chunk(walk->listed.v[i]);
		enum chunk_state state = listed_state(walk->listed.v[i]);
		// Fast bins hold chunks whose neighbours take them for used; all others must look free.
		enum chunk_state expected = state == CHUNK_FAST ? CHUNK_IN_USE : CHUNK_FREE;
		chunk_id id = chunks_at(chunks, chunk + CHUNK_HEADER);

		if (id == CHUNK_NONE) {
			walk->listed_not_walked++;
			heap_finding(walk->heap, FINDING_CORRUPTION, chunk + CHUNK_HEADER, arena_at(walk, chunk),
				     "a %s bin holds this address, but no chunk starts here", chunk_state_name(state));
		} else if (chunks->state[id] == expected) {
			chunks->state[id] = (uint8_t)state;
		} else if (chunks->state[id] == CHUNK_IN_USE) {
			walk->listed_not_free++;
			heap_finding(walk->heap, FINDING_AMBIGUOUS, chunks->mem[id], arena_at(walk, chunk),
				     "a %s bin holds this chunk, but its neighbour says that it is in use; it is counted as free",
				     chunk_state_name(state));
			chunks->state[id] = (uint8_t)state;
		} else {
			walk->listed_twice++;
			heap_finding(walk->heap, FINDING_CORRUPTION, chunks->mem[id], arena_at(walk, chunk),
				     "a %s bin holds this chunk, which is %s already", chunk_state_name(state),
				     chunk_state_name(chunks->state[id]));
		}
	}
}
