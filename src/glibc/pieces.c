/* SPDX-License-Identifier: MIT */
/*
 * Chunk by chunk through the pieces.
 *
 * A chunk's header gives its size; whether it is in use stands in the header of the next one (PREV_INUSE). So each step reads one word, which serves
 * twice. A stretch ends at the arena's top or in a fence: in the main arena two headers of size 0x10, the second exactly 0x11 (the first loses
 * its PREV_INUSE when the chunk before it is freed); in another heap a header of size 0x10 followed by the value 1. Where exactly 0x30 bytes
 * were left at the end of a heap, a header 0x21 (which loses its PREV_INUSE in the same way) stands before the 1 and is no chunk: in these heaps
 * every chunk that was handed out is marked as not of the main arena, and this one is not.
 *
 * Behind a fence of the main arena, and behind a header that cannot be, the next chunk is searched: the lowest aligned address whose chain reaches a fence or
 * top (or goes on for so long that it is no accident) and passes through every free chunk that the bins know of.
 */
#include <stdlib.h>

#include "glibc/walk.h"

enum {
	FENCE_SIZE = 0x10,
	FENCE_SECOND = 0x11,
	HEAP_FENCE_LAST = 1,
	PHANTOM_SIZE = 0x20,
	/** So many sound chunks in a row are no accident behind damage; and so many are none in what somebody else took, which may well look like chunks. */
	CHUNKS_BEHIND_DAMAGE = 32,
	CHUNKS_IN_GAP = 1024,
	/** How far ahead memory is asked for: some tens of small chunks. Units: bytes. */
	AHEAD = 2048,
	LINE = 64,
};

static int compare_pieces(const void *left, const void *right)
{
	const struct piece *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

void pieces_sort(struct walk *walk)
{
	if (walk->pieces.n)
		qsort(walk->pieces.v, walk->pieces.n, sizeof(*walk->pieces.v), compare_pieces);
}

void pieces_settle(struct walk *walk)
{
	size_t kept = 0;

	pieces_sort(walk);
	for (size_t i = 0; i < walk->pieces.n; i++) {
		struct piece piece = walk->pieces.v[i];
		const struct piece *before = kept ? &walk->pieces.v[kept - 1] : NULL;

		if (before && piece.start < before->end) {
			heap_finding(walk->heap, FINDING_CORRUPTION, piece.start, piece.arena,
				     "a heap or segment of this arena would overlap the one at 0x%" PRIxVADDR "; it is left out", before->start);
			walk->arenas.v[piece.arena].walked_bytes -= piece.end - piece.start;
			walk->arenas.v[piece.arena].bad_ends++;
			continue;
		}
		walk->pieces.v[kept++] = piece;
	}
	walk->pieces.n = kept;
}

const struct piece *piece_at(const struct walk *walk, size_t n_sorted, vaddr address)
{
	size_t low = 0, high = n_sorted;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (walk->pieces.v[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address < walk->pieces.v[low - 1].end ? &walk->pieces.v[low - 1] : NULL;
}

/* What a header says about the place where it stands. */
enum header_kind {
	HEADER_CHUNK,
	HEADER_TOP,
	/** The end of a stretch; end_ret is the address behind it. */
	HEADER_FENCE,
	HEADER_BROKEN,
};

static inline uint64_t header_size(uint64_t header)
{
	return header & ~(uint64_t)CHUNK_FLAGS;
}

static enum header_kind fence_kind(struct walk *walk, bool is_heap, vaddr chunk, uint64_t header, vaddr limit, vaddr *end_ret)
{
	uint64_t next;

	// A heap that had no room for the first of its two headers.
	if (is_heap && header == HEAP_FENCE_LAST) {
		*end_ret = chunk + CHUNK_HEADER;
		return HEADER_FENCE;
	}
	if (header_size(header) != FENCE_SIZE || limit - chunk < 2 * FENCE_SIZE || !window_word(&walk->window, chunk + FENCE_SIZE + 8, &next))
		return HEADER_BROKEN;
	if (next != (is_heap ? HEAP_FENCE_LAST : FENCE_SECOND))
		return HEADER_BROKEN;
	*end_ret = chunk + 2 * FENCE_SIZE;
	return HEADER_FENCE;
}

static inline enum header_kind header_kind(struct walk *walk, const struct arena *arena, bool is_heap, vaddr chunk, uint64_t header, vaddr limit,
					   vaddr *end_ret)
{
	uint64_t size = header_size(header), next;

	if (chunk == arena->top && size >= CHUNK_HEADER && size <= limit - chunk) {
		*end_ret = chunk + size;
		return HEADER_TOP;
	}
	if (__builtin_expect(size < CHUNK_MINIMUM, 0))
		return fence_kind(walk, is_heap, chunk, header, limit, end_ret);
	if (size % CHUNK_ALIGN || size > limit - chunk || header & CHUNK_IS_MMAPPED || (!is_heap && header & CHUNK_NON_MAIN))
		return HEADER_BROKEN;
	if (__builtin_expect(is_heap && (header & ~(uint64_t)CHUNK_PREV_INUSE) == PHANTOM_SIZE, 0) && limit - chunk >= CHUNK_MINIMUM + CHUNK_HEADER &&
	    window_word(&walk->window, chunk + CHUNK_MINIMUM + 8, &next) && next == HEAP_FENCE_LAST) {
		*end_ret = chunk + CHUNK_MINIMUM + CHUNK_HEADER;
		return HEADER_FENCE;
	}
	*end_ret = chunk + size;
	return HEADER_CHUNK;
}

/* Position in `listed` (sorted) of the first free chunk at or behind an address. */
static size_t listed_from(const struct walk *walk, vaddr chunk)
{
	size_t low = 0, high = walk->listed.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (listed_chunk(walk->listed.v[middle]) < chunk)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* As chain_follow(), but content with a number of chunks: CHAIN_LONG then. */
static enum chain_end chain_follow_some(struct walk *walk, const struct arena *arena, bool is_heap, vaddr first, vaddr limit, bool strict,
					uint64_t enough, vaddr *end_ret)
{
	size_t known = strict ? listed_from(walk, first) : walk->listed.n;
	vaddr chunk = first, end;

	for (uint64_t n = 0; chunk < limit && limit - chunk >= CHUNK_HEADER && walk->search_budget; n++) {
		uint64_t header;

		walk->search_budget--;
		if (!window_word(&walk->window, chunk + 8, &header))
			break;
		// A free chunk that the chain stepped over: then it is not the chain of the real chunks.
		if (known < walk->listed.n && listed_chunk(walk->listed.v[known]) < chunk)
			break;
		while (known < walk->listed.n && listed_chunk(walk->listed.v[known]) == chunk)
			known++;
		if (n >= enough) {
			*end_ret = chunk;
			return CHAIN_LONG;
		}
		switch (header_kind(walk, arena, is_heap, chunk, header, limit, &end)) {
		case HEADER_TOP:
			*end_ret = end;
			return CHAIN_TOP;
		case HEADER_FENCE:
			*end_ret = end;
			return CHAIN_FENCE;
		case HEADER_CHUNK:
			chunk = end;
			continue;
		case HEADER_BROKEN:
			break;
		}
		break;
	}
	return CHAIN_BROKEN;
}

enum chain_end chain_follow(struct walk *walk, const struct arena *arena, bool is_heap, vaddr first, vaddr limit, bool strict, vaddr *end_ret)
{
	return chain_follow_some(walk, arena, is_heap, first, limit, strict, UINT64_MAX, end_ret);
}

/* The lowest address from which a chain of chunks starts, or limit when there is none. */
static vaddr resync_look(struct walk *walk, const struct arena *arena, bool is_heap, vaddr from, vaddr limit, bool is_gap, bool strict)
{
	vaddr page_size = walk->target->page_size;

	for (vaddr chunk = from; chunk < limit && limit - chunk > CHUNK_MINIMUM && walk->search_budget; chunk += CHUNK_ALIGN) {
		uint64_t header;
		vaddr end;

		walk->search_budget--;
		if (chunk == from || chunk % page_size == 0) {
			// Skip what is not in the image, and what was never touched, in one go.
			vaddr present = window_next(&walk->window, chunk + 8);

			if (present >= limit)
				break;
			if (present - chunk > CHUNK_HEADER)
				chunk = (present - 8 + CHUNK_ALIGN - 1) & ~(vaddr)(CHUNK_ALIGN - 1);
		}
		if (!window_word(&walk->window, chunk + 8, &header))
			continue;
		if (header_size(header) < CHUNK_MINIMUM && chunk != arena->top)
			continue;
		if (is_gap && !(header & CHUNK_PREV_INUSE))
			continue;
		if (chain_follow_some(walk, arena, is_heap, chunk, limit, strict, is_gap ? CHUNKS_IN_GAP : CHUNKS_BEHIND_DAMAGE, &end) !=
		    CHAIN_BROKEN)
			return chunk;
	}
	return limit;
}

/* The next chunk from an address on, or limit when there is none. Since there may be (more) damage ahead, a long chain will do that does not reach the
   end: else all before that damage would be taken for one chunk, or for somebody else's. */
static vaddr resync(struct walk *walk, const struct arena *arena, bool is_heap, vaddr from, vaddr limit, bool is_gap)
{
	bins_sort(walk);

	vaddr found = resync_look(walk, arena, is_heap, from, limit, is_gap, true);

	// Damaged bins may name addresses that are no chunks; the second look goes without them.
	return found < limit ? found : resync_look(walk, arena, is_heap, from, limit, is_gap, false);
}

/* Whether a bin holds this chunk. (Chunks in fast bins look in use.) */
static bool chunk_is_listed(struct walk *walk, vaddr chunk)
{
	bins_sort(walk);
	for (size_t i = listed_from(walk, chunk); i < walk->listed.n && listed_chunk(walk->listed.v[i]) == chunk; i++)
		if (listed_state(walk->listed.v[i]) != CHUNK_FAST)
			return true;
	return false;
}

struct emit {
	struct walk *walk;
	const struct piece *piece;
	struct arena *arena;
	struct heap_source *source;
	bool is_heap;
};

static void emit_row(struct emit *e, vaddr chunk, vaddr end, bool in_use, uint64_t header)
{
	chunks_add(&e->walk->heap->chunks, chunk + CHUNK_HEADER, end - chunk - 8, in_use ? CHUNK_IN_USE : CHUNK_FREE, CHUNK_HEAP);
	if (e->is_heap && in_use && !(header & CHUNK_NON_MAIN))
		e->arena->unmarked++;
}

static void emit_top(struct emit *e, vaddr chunk, vaddr end)
{
	// Nothing comes behind top, so unlike a chunk it cannot use the first word of its neighbour.
	if (end - chunk > CHUNK_HEADER)
		chunks_add(&e->walk->heap->chunks, chunk + CHUNK_HEADER, end - chunk - CHUNK_HEADER, CHUNK_TOP, CHUNK_HEAP);
	e->arena->top_met = true;
}

/* Goes on behind a header that cannot be; `before` is the chunk whose size led there (0: none), whose row was not added yet. Returns where. */
static vaddr emit_damage(struct emit *e, vaddr chunk, vaddr before, uint64_t before_header)
{
	struct walk *walk = e->walk;
	uint64_t header = 0, sound_header = CHUNK_PREV_INUSE;
	bool present = window_word(&walk->window, chunk + 8, &header);
	vaddr limit = e->piece->end;
	// Either header may be the damaged one, so look from the first on.
	vaddr culprit = before ? before : chunk;
	vaddr sound = resync(walk, e->arena, e->is_heap, culprit + CHUNK_MINIMUM, limit, false);
	enum finding_kind kind = present ? FINDING_CORRUPTION : FINDING_MISSING;

	if (before && sound > chunk) {
		// The size that led here was right: that chunk stands, and this one reaches to the next sound one. Whether it is in use stands in the
		// damaged header, so the bins are asked.
		emit_row(e, before, chunk, !chunk_is_listed(walk, before), before_header);
		culprit = chunk;
	}
	if (sound < limit) {
		window_word(&walk->window, sound + 8, &sound_header);
		emit_row(e, culprit, sound, sound_header & CHUNK_PREV_INUSE, CHUNK_NON_MAIN);
		heap_finding(walk->heap, kind, culprit + CHUNK_HEADER, e->arena->id,
			     "%s of the chunk at 0x%" PRIxVADDR " (size field 0x%" PRIx64
			     "); chunk before it at 0x%" PRIxVADDR ", next sound chunk at 0x%" PRIxVADDR ": the %" PRIu64
			     " bytes between are taken as one chunk",
			     present ? "damaged header" : "the image lacks the header", culprit + CHUNK_HEADER,
			     culprit == chunk ? header : before_header, before ? before + CHUNK_HEADER : 0, sound + CHUNK_HEADER, sound - culprit);
	} else {
		e->source->totals.unwalked += limit - culprit;
		e->arena->bad_ends++;
		heap_finding(walk->heap, kind, culprit + CHUNK_HEADER, e->arena->id,
			     "%s of the chunk at 0x%" PRIxVADDR " (size field 0x%" PRIx64
			     "), and no sound chunk follows: %" PRIu64 " bytes of this arena are not accounted for",
			     present ? "damaged header" : "the image lacks the header", culprit + CHUNK_HEADER,
			     culprit == chunk ? header : before_header, limit - culprit);
	}
	return sound;
}

/* Goes on behind a fence of the main arena, where somebody else may have moved brk. Returns the next chunk, or the end of the piece. */
static vaddr emit_hole(struct emit *e, vaddr end)
{
	vaddr limit = e->piece->end;
	vaddr sound = end < limit ? resync(e->walk, e->arena, false, end, limit, true) : limit;

	e->source->totals.foreign += sound - end;
	if (sound == limit && end < limit && !e->walk->heap->arenas.v[e->arena->id].noncontiguous)
		e->arena->bad_ends++;
	return sound;
}

static void emit_stretches(struct emit *e)
{
	struct walk *walk = e->walk;
	vaddr chunk = e->piece->first, limit = e->piece->end, before = 0, end;
	vaddr asked = chunk;
	uint64_t header, before_header = 0;

	// No room for anything that it could end in.
	if (chunk >= limit || limit - chunk < CHUNK_HEADER)
		e->arena->bad_ends++;
	while (chunk < limit && limit - chunk >= CHUNK_HEADER) {
		enum header_kind kind = HEADER_BROKEN;

		// All lines of as many bytes as the last step went, since any of them may hold a header; but none that it stepped over.
		for (asked = asked > chunk ? asked : chunk; asked < chunk + AHEAD; asked += LINE)
			window_prefetch(&walk->window, asked);
		if (window_word(&walk->window, chunk + 8, &header))
			kind = header_kind(walk, e->arena, e->is_heap, chunk, header, limit, &end);
		if (kind == HEADER_BROKEN) {
			chunk = emit_damage(e, chunk, before, before_header);
			before = 0;
			continue;
		}
		if (before)
			emit_row(e, before, chunk, header & CHUNK_PREV_INUSE, before_header);
		before = 0;
		switch (kind) {
		case HEADER_CHUNK:
			before = chunk;
			before_header = header;
			chunk = end;
			break;
		case HEADER_TOP:
			emit_top(e, chunk, end);
			return;
		case HEADER_FENCE:
			if (e->is_heap) {
				// At the end of the heap, or within the alignment of it.
				if (limit - end > CHUNK_MINIMUM) {
					e->arena->bad_ends++;
					e->source->totals.unwalked += limit - end;
					heap_finding(walk->heap, FINDING_CORRUPTION, end, e->arena->id,
						     "the chunks of this heap end here, %" PRIu64 " bytes before its end", limit - end);
				}
				return;
			}
			chunk = emit_hole(e, end);
			break;
		case HEADER_BROKEN:
			break;
		}
	}
	// The memory ended in the middle of a stretch. At the very end of a segment without top that is a lost fence.
	if (before) {
		emit_row(e, before, chunk, true, before_header);
		e->arena->bad_ends++;
		heap_finding(walk->heap, FINDING_CORRUPTION, before + CHUNK_HEADER, e->arena->id,
			     "this stretch of chunks ends at 0x%" PRIxVADDR " in neither top nor a fence", chunk);
	}
}

static void piece_emit(struct walk *walk, const struct piece *piece)
{
	if (piece->kind == PIECE_MMAPPED) {
		uint64_t header = 0;
		uint32_t tail = walk->glibc->instances.v[0].layout.mmapped_tail;

		window_word(&walk->window, piece->first + 8, &header);
		// The size counts from the header; the last `tail` bytes of the mapping are beyond it, and usable no more than the header's 16
		// (8 where the next chunk's first word is usable, which the tail stands for).
		chunks_add(&walk->heap->chunks, piece->first + CHUNK_HEADER, header_size(header) - (tail ? 8 : CHUNK_HEADER), CHUNK_IN_USE,
			   CHUNK_MMAPPED);
		return;
	}

	struct heap_source *source = array_push(&walk->heap->sources);

	*source = (struct heap_source){
		.kind = piece->kind == PIECE_HEAP ? SOURCE_HEAP : SOURCE_SEGMENT,
		.arena = piece->arena,
		.start = piece->start,
		.end = piece->end,
	};

	struct emit e = { walk, piece, &walk->arenas.v[piece->arena], source, piece->kind == PIECE_HEAP };

	emit_stretches(&e);
}

void pieces_emit(struct walk *walk)
{
	uint64_t rows = 0;

	pieces_sort(walk);
	// As many as there could be at the most: room that is not used costs nothing, growing does.
	for (size_t i = 0; i < walk->pieces.n; i++)
		rows += walk->pieces.v[i].kind == PIECE_MMAPPED ? 1 : (walk->pieces.v[i].end - walk->pieces.v[i].start) / CHUNK_MINIMUM + 1;
	if (rows > walk->chunks_maximum)
		rows = walk->chunks_maximum;
	chunks_reserve(&walk->heap->chunks, rows);
	for (size_t i = 0; i < walk->pieces.n; i++)
		piece_emit(walk, &walk->pieces.v[i]);
}
