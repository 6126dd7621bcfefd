/* SPDX-License-Identifier: MIT */
/*
 * Chunks that are mappings of their own. No list names them: they are found by their header at the start of a page of private anonymous memory that
 * belongs to no arena.
 *
 *   base ──► prev_size 0, size = total | 2           an ordinary one
 *   base ──► the header above, stale                  memalign'ed: the real header lies `off` bytes further and has prev_size = off,
 *     + off ► prev_size off, size = (total - off) | 2  size up to the end of the mapping; off is A - 16 for an alignment A, or k pages - 16
 *
 * (total is 16 bytes less since 2.43.) memalign leaves the header at base as it was, fully valid-looking, so an offset header inside is preferred.
 * mremap moves a chunk with its offset and without its alignment, so every k is tried, up to the size that the stale header tells.
 * Adjacent mappings merge, so the search goes on behind each hit. Never-touched pages cannot hold a header and are skipped.
 *
 * A page of somebody else's may look like a header by chance. The books of malloc know how many chunks there are and how many bytes: when one too many was found, and without one alone both agree,
 * that was the one.
 */
#include "glibc/walk.h"

enum {
	/** prev_size bit 0: the mapping uses huge pages (2.43+). */
	PREV_HUGE = 1,
	SMALLEST_ALIGNMENT = 32,
	LARGEST_SMALL_ALIGNMENT = 2048,
};

struct search {
	struct walk *walk;
	uint32_t tail;
	uint64_t page_size;
	/** End of the memory that goes on without a gap. */
	vaddr limit;
};

/* The whole size of the mapping that a header at base + off claims, 0 when there is no such header. */
static uint64_t header_total(const struct search *search, vaddr base, uint64_t off)
{
	uint64_t prev_size, header;
	vaddr chunk = base + off;

	if (!window_word(&search->walk->window, chunk, &prev_size) || (prev_size & ~(uint64_t)(search->tail ? PREV_HUGE : 0)) != off ||
	    !window_word(&search->walk->window, chunk + 8, &header) || (header & CHUNK_FLAGS) != CHUNK_IS_MMAPPED)
		return 0;
	uint64_t size = header & ~(uint64_t)CHUNK_FLAGS, total = size + off + search->tail;

	if (size < CHUNK_MINIMUM || total < size || total % search->page_size)
		return 0;
	return total;
}

static bool offset_header(const struct search *search, vaddr base, uint64_t off, uint64_t *total_ret)
{
	uint64_t total = header_total(search, base, off);

	if (!total || total > search->limit - base)
		return false;
	*total_ret = total;
	return true;
}

/* The chunk whose mapping starts at base: offset of its header, and the mapping's size. */
static bool chunk_at_page(const struct search *search, vaddr base, uint64_t *off_ret, uint64_t *total_ret)
{
	// Present whatever memalign and mremap did; its total may be stale, larger than what is left by now.
	uint64_t claimed = header_total(search, base, 0);

	if (!claimed)
		return false;
	for (uint64_t align = SMALLEST_ALIGNMENT; align <= LARGEST_SMALL_ALIGNMENT; align *= 2)
		if (offset_header(search, base, align - CHUNK_HEADER, total_ret)) {
			*off_ret = align - CHUNK_HEADER;
			return true;
		}
	for (uint64_t off = search->page_size - CHUNK_HEADER; off < claimed && off < search->limit - base && search->walk->search_budget;
	     off += search->page_size) {
		vaddr present = window_next(&search->walk->window, base + off);

		search->walk->search_budget--;
		if (present >= search->limit)
			break;
		if (present - base - off >= search->page_size) {
			// The last header before a page boundary that has any memory before it.
			off = (present - base) / search->page_size * search->page_size + search->page_size - CHUNK_HEADER;
			if (off >= claimed || off >= search->limit - base)
				break;
		}
		if (offset_header(search, base, off, total_ret)) {
			*off_ret = off;
			return true;
		}
	}
	*off_ret = 0;
	*total_ret = claimed;
	return claimed <= search->limit - base;
}

/* Searches [start, search->limit), which no piece overlaps. */
static void range_search(struct search *search, vaddr start)
{
	struct walk *walk = search->walk;
	vaddr page = start;

	while (page < search->limit && search->limit - page >= CHUNK_MINIMUM) {
		vaddr present = window_next(&walk->window, page);
		uint64_t off, total;

		if (present >= search->limit)
			break;
		if (present - page >= search->page_size) {
			page = present & ~(search->page_size - 1);
			continue;
		}
		if (!chunk_at_page(search, page, &off, &total)) {
			page += search->page_size;
			continue;
		}
		array_append(&walk->pieces, (struct piece){ PIECE_MMAPPED, 0, page, page + total, page + off });
		walk->heap->allocators.v[0].found_mmaps++;
		walk->heap->allocators.v[0].found_mmapped_bytes += total;
		page += total;
	}
}

/* Leaves out the one that the books do not have, when they tell which that is. Found are those from `first` on. */
static void decoy_drop(struct walk *walk, size_t first)
{
	struct heap_allocator *books = &walk->heap->allocators.v[0];
	uint64_t excess = books->found_mmapped_bytes - books->mmapped_bytes;
	size_t decoy = 0, n = 0;

	// 2.43 adds 16 to mmapped_mem at each mremap; and what another malloc has found is in one sum.
	if (walk->heap->allocators.n > 1 || walk->glibc->instances.v[0].layout.mmapped_tail || books->found_mmaps != books->n_mmaps + 1)
		return;
	for (size_t i = first; i < walk->pieces.n; i++) {
		if (walk->pieces.v[i].end - walk->pieces.v[i].start != excess)
			continue;
		decoy = i;
		n++;
	}
	if (n != 1)
		return;
	walk->pieces.v[decoy] = walk->pieces.v[--walk->pieces.n];
	books->found_mmaps--;
	books->found_mmapped_bytes -= excess;
}

void mmapped_collect(struct walk *walk)
{
	const mapping_array *mappings = &walk->target->mappings;
	size_t n_pieces = walk->pieces.n, piece = 0;
	struct search search = {
		.walk = walk,
		.tail = walk->glibc->instances.v[0].layout.mmapped_tail,
		.page_size = walk->target->page_size,
	};

	pieces_sort(walk);
	for (size_t i = 0; i < mappings->n;) {
		if (!mapping_is_private_anonymous(&mappings->v[i])) {
			i++;
			continue;
		}
		// A run of adjacent mappings, cut where pieces lie: neighbours may well have merged or been split since.
		vaddr start = mappings->v[i].start, end = mappings->v[i].end;

		for (i++; i < mappings->n && mappings->v[i].start == end && mapping_is_private_anonymous(&mappings->v[i]); i++)
			end = mappings->v[i].end;
		while (piece < n_pieces && walk->pieces.v[piece].end <= start)
			piece++;
		for (; piece < n_pieces && walk->pieces.v[piece].start < end; piece++) {
			search.limit = walk->pieces.v[piece].start;
			if (search.limit > start)
				range_search(&search, start);
			start = (walk->pieces.v[piece].end + search.page_size - 1) & ~(search.page_size - 1);
		}
		search.limit = end;
		if (start < end)
			range_search(&search, start);
	}
	decoy_drop(walk, n_pieces);
}
