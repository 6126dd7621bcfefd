/* SPDX-License-Identifier: MIT */
/*
 * Arenas and what they are made of.
 *
 * All arenas hang on a ring through `next`, starting at main_arena. Another arena's memory is a chain of heaps: the newest holds top, each names the
 * one before it. The main arena starts at mp_.sbrk_base and is contiguous up to top, but for what others took with sbrk in between; where
 * brk failed, it goes on in anonymous mappings that nothing lists: these are found by their shape, a chain of chunks from the start
 * of a page to a fence at the end of one.
 */
#include <stdlib.h>
#include <string.h>

#include "glibc/walk.h"

enum {
	/** No process has as many. */
	ARENAS_MAX = 1 << 16,
};

static const uint64_t HEAP_MAX = UINT64_C(64) << 20;

static bool word_at(struct walk *walk, vaddr base, uint32_t offset, uint64_t *ret)
{
	return offset != MEMBER_ABSENT && window_word(&walk->window, base + offset, ret);
}

static bool int_at(struct walk *walk, vaddr base, uint32_t offset, uint32_t *ret)
{
	return offset != MEMBER_ABSENT && image_get(&walk->target->image, base + offset, ret, sizeof(*ret));
}

static bool arena_read(struct walk *walk, const struct instance *instance, vaddr address, vaddr *next_ret)
{
	const struct glibc_layout *layout = &instance->layout;
	uint32_t id = (uint32_t)walk->heap->arenas.n;
	struct heap_arena arena = {
		.address = address,
		.allocator = (uint32_t)(instance - walk->glibc->instances.v),
		.is_main = address == instance->main_arena,
	};
	uint32_t mutex, flags;
	vaddr top;

	if (address % 8 || !int_at(walk, address, layout->arena.mutex, &mutex) || !int_at(walk, address, layout->arena.flags, &flags) ||
	    !word_at(walk, address, layout->arena.top, &top) || !word_at(walk, address, layout->arena.next, next_ret) ||
	    !word_at(walk, address, layout->arena.system_mem, &arena.system_bytes) ||
	    !word_at(walk, address, layout->arena.max_system_mem, &arena.max_system_bytes))
		return false;
	word_at(walk, address, layout->arena.attached_threads, &arena.attached_threads);
	arena.locked = mutex != 0;
	arena.noncontiguous = flags & ARENA_NONCONTIGUOUS;
	// An arena that was never used has no top yet, or (2.42) its own bin header.
	if (top >= address && top < address + layout->arena.size)
		top = 0;
	array_append(&walk->heap->arenas, arena);
	array_append(&walk->arenas, (struct arena){ .instance = instance, .top = top, .id = id });
	return true;
}

void arenas_collect(struct walk *walk)
{
	for (size_t i = 0; i < walk->glibc->instances.n; i++) {
		const struct instance *instance = &walk->glibc->instances.v[i];
		vaddr address = instance->main_arena, next;
		size_t first = walk->arenas.n;

		do {
			if (walk->arenas.n >= ARENAS_MAX || !arena_read(walk, instance, address, &next)) {
				heap_finding(walk->heap, FINDING_MISSING, address, UINT32_MAX,
					     "the ring of arenas breaks off here after %zu; chunks of further arenas are missing",
					     walk->arenas.n - first);
				break;
			}
			address = next;
			// A ring that bites itself elsewhere than at its start is damage, and would never end.
			for (size_t k = first + 1; k < walk->arenas.n; k++)
				if (walk->heap->arenas.v[k].address == address) {
					heap_finding(walk->heap, FINDING_CORRUPTION, address, walk->arenas.v[k].id,
						     "the ring of arenas comes back to this one, not to main_arena");
					address = instance->main_arena;
				}
		} while (address != instance->main_arena);
	}
}

/* Where the newest heap of an arena starts, and the size that a heap of this process may have at most: 64 MiB, or (2.35–2.41 with huge pages) four of
   these. */
static vaddr heap_newest(struct walk *walk, const struct arena *arena, uint64_t *maximum_ret)
{
	const struct instance *instance = arena->instance;
	uint64_t pagesize, sizes[2] = { HEAP_MAX, HEAP_MAX };

	if (word_at(walk, instance->mp, instance->layout.mp.hp_pagesize, &pagesize) && pagesize && pagesize < UINT64_C(1) << 40 &&
	    !(pagesize & (pagesize - 1))) {
		sizes[0] = pagesize * 4 < HEAP_MAX ? pagesize * 4 : HEAP_MAX;
		sizes[1] = pagesize * 4 < HEAP_MAX ? HEAP_MAX : pagesize * 4;
	}
	*maximum_ret = sizes[1];
	// The right one is that whose heap_info names this arena; asking memory is safer than knowing releases. The smaller one first: a larger step back
	// may well lead to an older heap of the same arena.
	for (size_t i = 0; i < 2; i++) {
		vaddr heap = arena->top & ~(sizes[i] - 1);
		uint64_t ar_ptr;

		if (word_at(walk, heap, instance->layout.heap_info.ar_ptr, &ar_ptr) && ar_ptr == walk->heap->arenas.v[arena->id].address)
			return heap;
	}
	return arena->top & ~(HEAP_MAX - 1);
}

/* Appends the piece of a heap; false, with a finding, when none of this arena lies there. */
static bool heap_append(struct walk *walk, struct arena *arena, vaddr heap, uint64_t maximum, vaddr *prev_ret)
{
	const struct glibc_layout *layout = &arena->instance->layout;
	vaddr address = walk->heap->arenas.v[arena->id].address;
	uint64_t ar_ptr, size;

	if (heap % 4096 || !word_at(walk, heap, layout->heap_info.ar_ptr, &ar_ptr) || !word_at(walk, heap, layout->heap_info.prev, prev_ret) ||
	    !word_at(walk, heap, layout->heap_info.size_member, &size)) {
		heap_finding(walk->heap, FINDING_MISSING, heap, arena->id, "a heap of this arena is not in the image; its chunks are missing");
		return false;
	}
	if (ar_ptr != address || size > maximum || size < layout->heap_info.size || heap + size < heap) {
		heap_finding(walk->heap, FINDING_CORRUPTION, heap, arena->id,
			     "no heap of this arena lies here (owner 0x%" PRIx64 ", size %" PRIu64 "); chunks of this and older heaps are missing",
			     ar_ptr, size);
		return false;
	}

	// The arena's own struct stands at the start of its first heap.
	bool holds_arena = address > heap && address < heap + size;
	vaddr first = heap + layout->heap_info.size + (holds_arena ? layout->arena.size : 0);

	first = (first + CHUNK_ALIGN - 1) & ~(vaddr)(CHUNK_ALIGN - 1);
	array_append(&walk->pieces, (struct piece){ PIECE_HEAP, arena->id, heap, heap + size, first });
	arena->walked_bytes += size;
	return true;
}

/* A chain of heaps that comes back to itself after `period` of them: keeps each piece once. Returns the heap that it comes back to. */
static vaddr heaps_cut(struct walk *walk, struct arena *arena, size_t first, size_t period)
{
	size_t start = first;

	while (start + period < walk->pieces.n && walk->pieces.v[start].start != walk->pieces.v[start + period].start)
		start++;
	for (size_t i = start + period; i < walk->pieces.n; i++)
		arena->walked_bytes -= walk->pieces.v[i].end - walk->pieces.v[i].start;
	walk->pieces.n = start + period;
	return walk->pieces.v[start].start;
}

static void heaps_collect(struct walk *walk, struct arena *arena)
{
	uint64_t maximum;
	size_t first = walk->pieces.n;
	// Brent: one heap of the chain is remembered, and another one after each power of two steps; a circle leads back to it.
	vaddr remembered = 0;
	size_t steps = 0, power = 1;

	if (!arena->top)
		return;
	for (vaddr heap = heap_newest(walk, arena, &maximum), prev; heap; heap = prev) {
		steps++;
		if (heap == remembered) {
			vaddr back = heaps_cut(walk, arena, first, steps);

			heap_finding(walk->heap, FINDING_CORRUPTION, back, arena->id,
				     "the chain of heaps of this arena comes back to this one; chunks of older heaps are missing");
			arena->bad_ends++;
			return;
		}
		if (!heap_append(walk, arena, heap, maximum, &prev)) {
			arena->bad_ends++;
			return;
		}
		if (steps == power) {
			remembered = heap;
			power *= 2;
			steps = 0;
		}
	}
}

/* The end of the memory that goes on without a gap from an address through private anonymous mappings. */
static vaddr run_end(const struct walk *walk, vaddr address)
{
	const mapping_array *mappings = &walk->target->mappings;
	const struct mapping *mapping = mappings_find(mappings, address);

	if (!mapping)
		return address;
	const struct mapping *last = mapping;

	for (size_t i = (size_t)(mapping - mappings->v) + 1; i < mappings->n; i++) {
		if (mappings->v[i].start != last->end || !mapping_is_private_anonymous(&mappings->v[i]))
			break;
		last = &mappings->v[i];
	}
	return last->end;
}

static void segment_append(struct walk *walk, struct arena *arena, vaddr start, vaddr first, vaddr end)
{
	array_append(&walk->pieces, (struct piece){ PIECE_SEGMENT, arena->id, start, end, first });
	arena->walked_bytes += end - start;
}

/* A segment of the main arena that starts at a page: its first header says PREV_INUSE and nothing else, its chain ends in a fence at the end of a page, or
   in top. Returns its end, 0 for none. */
static vaddr segment_at_page(struct walk *walk, const struct arena *arena, vaddr page, vaddr limit)
{
	uint64_t header;
	vaddr end;

	if (!window_word(&walk->window, page + 8, &header) || (header & CHUNK_FLAGS) != CHUNK_PREV_INUSE)
		return 0;
	switch (chain_follow(walk, arena, false, page, limit, true, &end)) {
	case CHAIN_TOP:
		return end;
	case CHAIN_FENCE:
		return end % walk->target->page_size ? 0 : end;
	case CHAIN_LONG:
	case CHAIN_BROKEN:
		break;
	}
	return 0;
}

/* Segments got by mmap, anywhere: step through the pages of private anonymous memory. */
static void segments_search(struct walk *walk, struct arena *arena, uint64_t wanted)
{
	const mapping_array *mappings = &walk->target->mappings;
	uint32_t page_size = walk->target->page_size;
	// What is found is appended behind these and never met again, since pages ascend.
	size_t n_sorted = walk->pieces.n;

	pieces_sort(walk);
	for (size_t i = 0; i < mappings->n && arena->walked_bytes < wanted; i++) {
		const struct mapping *mapping = &mappings->v[i];

		if (!mapping_is_private_anonymous(mapping))
			continue;
		vaddr limit = run_end(walk, mapping->start);
		vaddr page = mapping->start, end;

		while (page < mapping->end && arena->walked_bytes < wanted) {
			const struct piece *piece = piece_at(walk, n_sorted, page);
			vaddr present = window_next(&walk->window, page);

			if (piece) {
				page = piece->end;
			} else if (present - page >= page_size) {
				// Nothing there, or never touched.
				if (present >= mapping->end)
					break;
				page = present & ~(vaddr)(page_size - 1);
			} else if ((end = segment_at_page(walk, arena, page, limit))) {
				segment_append(walk, arena, page, page, end);
				page = end;
			} else {
				page += page_size;
			}
			page = (page + page_size - 1) & ~(vaddr)(page_size - 1);
		}
	}
}

/*
 * What is still missing may lie behind a foreign sbrk that came before brk failed: the books count what others took there too. A page in there on
 * which a chunk starts was taken for a segment's start, but chunks lie before it; so all that belongs to the range of brk becomes one piece with holes.
 */
static void brk_join(struct walk *walk, struct arena *arena, vaddr sbrk_base, vaddr limit)
{
	uint64_t system_bytes = walk->heap->arenas.v[arena->id].system_bytes;
	size_t i = 0;

	pieces_sort(walk);
	while (i < walk->pieces.n && walk->pieces.v[i].start != sbrk_base)
		i++;
	while (i < walk->pieces.n && arena->walked_bytes < system_bytes) {
		struct piece *piece = &walk->pieces.v[i], *next = i + 1 < walk->pieces.n ? piece + 1 : NULL;
		vaddr to = next && next->start < limit ? next->start : limit;

		if (to < piece->end || to - piece->end > system_bytes - arena->walked_bytes)
			break;
		arena->walked_bytes += to - piece->end;
		piece->end = to;
		if (to == limit || next->kind != PIECE_SEGMENT || next->arena != arena->id)
			break;
		piece->end = next->end;
		memmove(next, next + 1, (walk->pieces.n - i - 2) * sizeof(*next));
		walk->pieces.n--;
	}
}

static void main_segments_collect(struct walk *walk, struct arena *arena)
{
	const struct instance *instance = arena->instance;
	const struct heap_arena *books = &walk->heap->arenas.v[arena->id];
	uint64_t sbrk_base, top_size;
	vaddr end;

	if (!arena->top || !books->system_bytes)
		return;
	if (!word_at(walk, instance->mp, instance->layout.mp.sbrk_base, &sbrk_base) || !mappings_find(&walk->target->mappings, sbrk_base)) {
		heap_finding(walk->heap, FINDING_MISSING, instance->mp, arena->id, "the start of the main arena is not known");
		arena->bad_ends++;
		return;
	}

	vaddr first = (sbrk_base + CHUNK_ALIGN - 1) & ~(vaddr)(CHUNK_ALIGN - 1);
	vaddr limit = run_end(walk, sbrk_base);

	// Where brk never worked, heaps of other arenas may lie right behind; they are known already.
	for (size_t i = 0; i < walk->pieces.n; i++)
		if (walk->pieces.v[i].start > sbrk_base && walk->pieces.v[i].start < limit)
			limit = walk->pieces.v[i].start;

	if (!books->noncontiguous) {
		// Contiguous: everything up to the end of top, whatever others took in between.
		if (arena->top > first && arena->top < limit && window_word(&walk->window, arena->top + 8, &top_size) &&
		    (top_size & ~(uint64_t)CHUNK_FLAGS) <= limit - arena->top)
			limit = arena->top + (top_size & ~(uint64_t)CHUNK_FLAGS);
		segment_append(walk, arena, sbrk_base, first, limit);
		return;
	}
	bins_sort(walk);
	if (chain_follow(walk, arena, false, first, limit, false, &end) == CHAIN_BROKEN)
		end = limit; // damage: the walk itself finds out how far it goes
	segment_append(walk, arena, sbrk_base, first, end);
	segments_search(walk, arena, books->system_bytes);
	brk_join(walk, arena, sbrk_base, limit);
}

void segments_collect(struct walk *walk)
{
	for (size_t i = 0; i < walk->arenas.n; i++)
		if (!walk->heap->arenas.v[i].is_main)
			heaps_collect(walk, &walk->arenas.v[i]);
	for (size_t i = 0; i < walk->arenas.n; i++)
		if (walk->heap->arenas.v[i].is_main)
			main_segments_collect(walk, &walk->arenas.v[i]);
	pieces_settle(walk);
}
