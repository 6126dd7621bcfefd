/* SPDX-License-Identifier: MIT */
/*
 * One sweep over the rows of each source, page by page. A page is open while rows touch it; its free bytes and the chunks in use on it are counted,
 * and when the first row beyond it comes it is closed and judged. The rows on a page are consecutive, so the chunks that pin it are found again
 * without keeping them. A row touches at most two pages partly, hence linear.
 *
 * A chunk reaches from its header, two words below mem, to where the next one's header begins, which is one word before the end of its usable bytes.
 */
#include "report/pins.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "heap/sizes.h"

enum {
	HEADER = 16,
	/** Of a chunk's usable bytes, this many lie in the header of the next. */
	SHARED = 8,
	/** sizeof(struct malloc_chunk), which mtrim() keeps at the start of a free chunk. */
	KEPT = 48,
	/** MINSIZE, which systrim() keeps of the top. */
	MINIMUM = 32,
};

static vaddr chunk_start(const struct chunks *chunks, size_t row)
{
	return chunks->mem[row] - HEADER;
}

static vaddr chunk_end(const struct chunks *chunks, size_t row)
{
	uint64_t usable = chunk_usable(chunks, row);

	return chunks->mem[row] - HEADER + (usable > SHARED ? usable : SHARED) + SHARED;
}

static bool is_held(uint8_t state)
{
	return state == CHUNK_IN_USE || state == CHUNK_INTERNAL;
}

static bool is_binned(uint8_t state)
{
	return state == CHUNK_FAST || state == CHUNK_UNSORTED || state == CHUNK_SMALL ||
	       state == CHUNK_LARGE || state == CHUNK_FREE;
}

struct sweep {
	const struct chunks *chunks;
	uint64_t page_size;
	struct pins *pins;
	struct sizes sizes;
	/** The open page, and the first row that touches it. */
	vaddr page;
	size_t first;
	uint64_t free, cached, held;
	/** Rows below this have been counted as pinning. */
	size_t counted;
};

static void page_close(struct sweep *sweep, size_t row)
{
	uint64_t free = sweep->free + sweep->cached;

	if (free && sweep->held) {
		double part = (double)free / (double)sweep->held;

		sweep->pins->pinned += free;
		sweep->pins->pages++;
		for (size_t i = sweep->first; i < row; i++) {
			if (!is_held(sweep->chunks->state[i]))
				continue;

			struct size_count *size = sizes_at(&sweep->sizes, chunk_usable(sweep->chunks, i));

			if (i >= sweep->counted) {
				size->count++;
				sweep->pins->chunks++;
				sweep->counted = i + 1;
			}
			size->sum += part;
		}
	} else if (sweep->cached) {
		sweep->pins->cached += free;
	} else {
		sweep->pins->whole += free;
	}
	sweep->free = sweep->cached = sweep->held = 0;
	sweep->page = VADDR_NONE;
}

/* A row's bytes [start, end) on one page. */
static void page_add(struct sweep *sweep, size_t row, vaddr start, vaddr end)
{
	vaddr page = start - start % sweep->page_size;
	uint8_t state = sweep->chunks->state[row];

	if (page != sweep->page) {
		page_close(sweep, row);
		sweep->page = page;
		sweep->first = row;
	}
	if (is_held(state))
		sweep->held++;
	else if (state == CHUNK_TCACHE)
		sweep->cached += end - start;
	else if (is_binned(state))
		sweep->free += end - start;
}

static void sweep_row(struct sweep *sweep, size_t row)
{
	vaddr start = chunk_start(sweep->chunks, row), end = chunk_end(sweep->chunks, row);
	vaddr first = start - start % sweep->page_size,
	      last = (end - 1) - (end - 1) % sweep->page_size;
	uint8_t state = sweep->chunks->state[row];

	if (first == last) {
		page_add(sweep, row, start, end);
		return;
	}
	page_add(sweep, row, start, first + sweep->page_size);

	uint64_t between = last - first - sweep->page_size;

	if (state == CHUNK_TCACHE)
		sweep->pins->cached += between;
	else if (is_binned(state))
		sweep->pins->whole += between;
	// The row itself is the first one on its last page, so it must not be closed away with the page before.
	page_close(sweep, row + 1);
	page_add(sweep, row, last, end);
	sweep->first = row;
}

static int compare_bytes(const void *left, const void *right)
{
	const struct pins_size *a = left, *b = right;

	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	return a->usable < b->usable ? -1 : a->usable > b->usable;
}

static void count_trimmable(vaddr start, vaddr end, void *context)
{
	*(uint64_t *)context += end - start;
}

/* Calls visit for each source with the rows in it. Rows and sources both ascend. */
static void each_source(const struct heap *heap,
			void (*visit)(const struct heap_source *source, size_t begin, size_t end,
				      void *context),
			void *context)
{
	const struct chunks *chunks = &heap->chunks;
	size_t row = 0;

	for (size_t i = 0; i < heap->sources.n; i++) {
		const struct heap_source *source = &heap->sources.v[i];

		while (row < chunks->n && chunks->mem[row] < source->start)
			row++;

		size_t begin = row;

		while (row < chunks->n && chunks->mem[row] < source->end)
			row++;
		visit(source, begin, row, context);
	}
}

static void sweep_source(const struct heap_source *source, size_t begin, size_t end, void *context)
{
	struct sweep *sweep = context;

	(void)source;
	for (size_t row = begin; row < end; row++)
		if (sweep->chunks->kind[row] == CHUNK_HEAP)
			sweep_row(sweep, row);
	page_close(sweep, end);
}

void pins_compute(const struct heap *heap, uint32_t page_size, struct pins *ret)
{
	struct pins pins = { 0 };
	struct sweep sweep = {
		.chunks = &heap->chunks,
		.page_size = page_size,
		.pins = &pins,
		.page = VADDR_NONE,
	};

	sizes_init(&sweep.sizes);
	each_source(heap, sweep_source, &sweep);
	pins_trimmable(heap, page_size, count_trimmable, &pins.trimmable);

	size_count_array list;

	sizes_list(&sweep.sizes, &list);
	for (size_t i = 0; i < list.n; i++)
		array_append(&pins.sizes, (struct pins_size){ list.v[i].usable, list.v[i].count,
							      list.v[i].sum });
	if (pins.sizes.n)
		qsort(pins.sizes.v, pins.sizes.n, sizeof(*pins.sizes.v), compare_bytes);
	array_deinit(&list);
	sizes_deinit(&sweep.sizes);
	*ret = pins;
}

void pins_deinit(struct pins *pins)
{
	array_deinit(&pins->sizes);
}

struct trim {
	const struct heap *heap;
	uint64_t page_size;
	void (*visit)(vaddr start, vaddr end, void *context);
	void *context;
};

static void trim_pages(const struct trim *trim, vaddr start, vaddr end)
{
	start += trim->page_size - 1;
	start -= start % trim->page_size;
	end -= end % trim->page_size;
	if (start < end)
		trim->visit(start, end, trim->context);
}

static void trim_source(const struct heap_source *source, size_t begin, size_t end, void *context)
{
	const struct trim *trim = context;
	const struct chunks *chunks = &trim->heap->chunks;
	const struct heap_arena *arena = &trim->heap->arenas.v[source->arena];
	vaddr run = VADDR_NONE, run_end = 0;

	for (size_t row = begin; row < end; row++) {
		// Fast chunks are consolidated first, so neighbours become one free chunk.
		bool joins = run != VADDR_NONE && chunk_start(chunks, row) == run_end;
		uint8_t state = chunks->state[row];

		if (run != VADDR_NONE && (!is_binned(state) || !joins)) {
			// A run that touches the top is consolidated into it; trimming the top is another matter.
			if (!(state == CHUNK_TOP && joins && arena->is_main &&
			      !arena->noncontiguous))
				trim_pages(trim, run + KEPT, run_end);
		}
		if (state == CHUNK_TOP && arena->is_main && !arena->noncontiguous) {
			vaddr start = run != VADDR_NONE && joins ? run : chunk_start(chunks, row);
			// No header follows the top: it ends where its segment does.
			vaddr top_end = source->end;

			// systrim() keeps MINSIZE and lowers the break by whole pages, from the end.
			if (top_end - start > MINIMUM + 1) {
				uint64_t extra = top_end - start - MINIMUM - 1;

				extra -= extra % trim->page_size;
				if (extra)
					trim->visit(top_end - extra, top_end, trim->context);
			}
			run = VADDR_NONE;
			continue;
		}
		if (!is_binned(state)) {
			run = VADDR_NONE;
		} else {
			if (run == VADDR_NONE || !joins)
				run = chunk_start(chunks, row);
			run_end = chunk_end(chunks, row);
		}
	}
	if (run != VADDR_NONE)
		trim_pages(trim, run + KEPT, run_end);
}

void pins_trimmable(const struct heap *heap, uint32_t page_size,
		    void (*visit)(vaddr start, vaddr end, void *context), void *context)
{
	struct trim trim = { heap, page_size, visit, context };

	each_source(heap, trim_source, &trim);
}
