/* SPDX-License-Identifier: MIT */
#include "graph/row_scan.h"

#include <stdlib.h>

#include "base/alloc.h"

enum {
	/** Above this a row goes the long way. Units: bytes. */
	SHORT_MAX = 1 << EDGE_HIT_SHIFT,
};

void row_scan_init(struct row_scan *scan, const struct chunks *chunks, const struct image *image, const struct edge_options *options, pointers_take *take,
		   void *context)
{
	*scan = (struct row_scan){ .chunks = chunks, .image = image, .options = options, .pointers = xmalloc(sizeof(*scan->pointers)) };
	pointers_init(scan->pointers, chunks, image, &options->pointers, take, context);
}

void row_scan_deinit(struct row_scan *scan)
{
	free(scan->pointers);
}

/* Where the bytes of a row begin that are its own. Units: bytes from its start. */
static uint64_t cut_of(const struct edge_options *options, chunk_id row)
{
	size_t low = 0, high = options->n_cuts;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (options->cuts[middle].chunk < row)
			low = middle + 1;
		else
			high = middle;
	}
	return low < options->n_cuts && options->cuts[low].chunk == row ? options->cuts[low].offset & ~UINT64_C(7) : 0;
}

/* Looks at [start, end) of a row across segments and holes. */
static void scan_long(struct row_scan *scan, chunk_id row, vaddr start, vaddr end)
{
	uint64_t place = (start - scan->chunks->mem[row]) / (scan->options->pointers.unaligned ? 1 : 8);

	if (place > EDGE_PLACE_MAX)
		place = EDGE_PLACE_MAX;
	scan->unread += pointers_scan_range(scan->pointers, start, end, (uint64_t)row << 32 | place, EDGE_PLACE_MAX - place);
}

/* Looks at a row that has a head: not at the links of a collector, nor at a weak reference. */
static void scan_headed(struct row_scan *scan, chunk_id row)
{
	enum { LINKS = 16, WEAK_AT = 16, LEAF = 16, STALE = 32 };
	vaddr mem = scan->chunks->mem[row], end = mem + chunk_usable(scan->chunks, row);
	uint16_t head = scan->chunks->head[row];
	vaddr start = mem + chunk_head_bytes(head), from = start;

	if (start > end)
		start = from = end;
	if (head & CHUNK_HEAD_LEAF && end - start > LEAF)
		end = start + LEAF;
	if (head & CHUNK_HEAD_STALE && end - start > STALE)
		end = start + STALE;
	if (start > mem && head & CHUNK_HEAD_LINKS && start - mem >= LINKS)
		scan_long(scan, row, mem, start - LINKS);
	else if (start > mem)
		scan_long(scan, row, mem, start);
	if (head & CHUNK_HEAD_WEAK && end - start >= WEAK_AT + 8) {
		scan_long(scan, row, start, start + WEAK_AT);
		from = start + WEAK_AT + 8;
	}
	if (from < end)
		scan_long(scan, row, from, end);
}

void row_scan(struct row_scan *scan, chunk_id row)
{
	const struct chunks *chunks = scan->chunks;
	vaddr mem = chunks->mem[row], end = mem + chunk_usable(chunks, row), start = mem;

	if (scan->options->n_cuts)
		start += cut_of(scan->options, row);
	if (start >= end)
		return;
	if (chunks->head && chunks->head[row] && start == mem) {
		scan_headed(scan, row);
		return;
	}
	if (!scan->segment || start < scan->segment->start || start >= scan->segment->end)
		scan->segment = image_find(scan->image, start);
	// Neighbours share a segment nearly always.
	if (scan->segment && end <= scan->segment->end && scan->segment->bytes && !scan->segment->untouched && start == mem && end - start <= SHORT_MAX)
		pointers_scan(scan->pointers, scan->segment->bytes + (start - scan->segment->start), end - start, (uint64_t)row << 32);
	else
		scan_long(scan, row, start, end);
}
