/* SPDX-License-Identifier: MIT */
#include "base/ranges.h"

#include <stdlib.h>

void ranges_add(range_array *ranges, vaddr start, vaddr end, uint64_t tag)
{
	if (start < end)
		array_append(ranges, (struct range){ start, end, tag });
}

/* A range while it is being settled. */
struct claim {
	struct range range;
	size_t order;
};

static int compare(const void *left, const void *right)
{
	const struct claim *a = left, *b = right;

	if (a->range.start != b->range.start)
		return a->range.start < b->range.start ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* The claims that hold the present address, as a heap: the one added first at the top. */
static void heap_push(struct claim *heap, size_t *n, struct claim claim)
{
	size_t at = (*n)++;

	for (; at && claim.order < heap[(at - 1) / 2].order; at = (at - 1) / 2)
		heap[at] = heap[(at - 1) / 2];
	heap[at] = claim;
}

static void heap_pop(struct claim *heap, size_t *n)
{
	struct claim last = heap[--*n];
	size_t at = 0;

	for (size_t child; (child = 2 * at + 1) < *n; at = child) {
		if (child + 1 < *n && heap[child + 1].order < heap[child].order)
			child++;
		if (last.order < heap[child].order)
			break;
		heap[at] = heap[child];
	}
	heap[at] = last;
}

/* Appends a piece; lengthens the last one where it goes on with the same tag. */
static void emit(range_array *ranges, struct range range)
{
	struct range *last = ranges->n ? &ranges->v[ranges->n - 1] : NULL;

	if (range.start >= range.end)
		return;
	if (last && last->end == range.start && last->tag == range.tag)
		last->end = range.end;
	else
		array_append(ranges, range);
}

void ranges_settle(range_array *ranges)
{
	size_t n = ranges->n, n_open = 0;
	struct claim *claims = xcalloc(n + 1, sizeof(*claims)), *open = xcalloc(n + 1, sizeof(*open));
	range_array settled = { 0 };
	vaddr at = 0;

	for (size_t i = 0; i < n; i++)
		claims[i] = (struct claim){ ranges->v[i], i };
	qsort(claims, n, sizeof(*claims), compare);
	for (size_t i = 0; i < n || n_open;) {
		while (n_open && open[0].range.end <= at)
			heap_pop(open, &n_open);
		if (!n_open) {
			if (i == n)
				break;
			at = claims[i].range.start;
		}
		for (; i < n && claims[i].range.start <= at; i++)
			heap_push(open, &n_open, claims[i]);

		vaddr end = open[0].range.end;

		if (i < n && claims[i].range.start < end)
			end = claims[i].range.start;
		emit(&settled, (struct range){ at, end, open[0].range.tag });
		at = at < end ? end : at;
	}
	free(claims);
	free(open);
	array_deinit(ranges);
	ranges->v = settled.v;
	ranges->n = settled.n;
	ranges->capacity = settled.capacity;
}

void ranges_subtract(range_array *ranges, const range_array *others)
{
	range_array kept = { 0 };
	size_t other = 0;

	for (size_t i = 0; i < ranges->n; i++) {
		struct range range = ranges->v[i];

		while (other < others->n && others->v[other].end <= range.start)
			other++;
		for (size_t k = other; k < others->n && others->v[k].start < range.end; k++) {
			emit(&kept, (struct range){ range.start, others->v[k].start, range.tag });
			if (others->v[k].end > range.start)
				range.start = others->v[k].end;
		}
		emit(&kept, range);
	}
	array_deinit(ranges);
	ranges->v = kept.v;
	ranges->n = kept.n;
	ranges->capacity = kept.capacity;
}

void ranges_merge(range_array *ranges, const range_array *others)
{
	range_array all = { 0 };
	size_t a = 0, b = 0;

	array_reserve(&all, ranges->n + others->n);
	while (a < ranges->n || b < others->n) {
		if (b == others->n || (a < ranges->n && ranges->v[a].start < others->v[b].start))
			all.v[all.n++] = ranges->v[a++];
		else
			all.v[all.n++] = others->v[b++];
	}
	array_deinit(ranges);
	ranges->v = all.v;
	ranges->n = all.n;
	ranges->capacity = all.capacity;
}

const struct range *ranges_find(const range_array *ranges, vaddr address)
{
	size_t low = 0, high = ranges->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ranges->v[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address < ranges->v[low - 1].end ? &ranges->v[low - 1] : NULL;
}
