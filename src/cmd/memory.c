/* SPDX-License-Identifier: MIT */
#include "cmd/memory.h"

#include <stdlib.h>
#include <string.h>

#include "report/pins.h"

/* A half-open range of memory that malloc uses. */
struct range {
	vaddr start, end;
};

typedef ARRAY(struct range) range_array;

static int compare_ranges(const void *left, const void *right)
{
	const struct range *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* The sources, and the pages of chunks that are mappings of their own; sorted and without overlap. */
static range_array heap_ranges(const struct heap *heap, uint64_t page_size)
{
	enum { HEADER = 16 };
	const struct chunks *chunks = &heap->chunks;
	range_array ranges = { 0 };

	for (size_t i = 0; i < heap->sources.n; i++)
		array_append(&ranges,
			     (struct range){ heap->sources.v[i].start, heap->sources.v[i].end });
	for (size_t i = 0; i < chunks->n; i++) {
		const uint8_t *next = memchr(chunks->kind + i, CHUNK_MMAPPED, chunks->n - i);

		if (!next)
			break;
		i = (size_t)(next - chunks->kind);

		vaddr start = chunks->mem[i] - HEADER,
		      end = chunks->mem[i] + chunk_usable(chunks, i) + page_size - 1;

		array_append(&ranges,
			     (struct range){ start - start % page_size, end - end % page_size });
	}
	if (ranges.n)
		qsort(ranges.v, ranges.n, sizeof(*ranges.v), compare_ranges);

	size_t kept = 0;

	for (size_t i = 0; i < ranges.n; i++) {
		if (kept && ranges.v[i].start <= ranges.v[kept - 1].end) {
			if (ranges.v[i].end > ranges.v[kept - 1].end)
				ranges.v[kept - 1].end = ranges.v[i].end;
		} else {
			ranges.v[kept++] = ranges.v[i];
		}
	}
	ranges.n = kept;
	return ranges;
}

/* How many bytes of [start, end) had been touched. */
static uint64_t touched_bytes(const struct image *image, vaddr start, vaddr end)
{
	size_t low = 0, high = image->segments.n;
	uint64_t sum = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (image->segments.v[middle].end <= start)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < image->segments.n && image->segments.v[low].start < end; low++) {
		const struct segment *segment = &image->segments.v[low];
		vaddr from = segment->start > start ? segment->start : start,
		      to = segment->end < end ? segment->end : end;

		if (segment->bytes && !segment->untouched)
			sum += to - from;
	}
	return sum;
}

static bool has_prefix(const char *string, const char *prefix)
{
	return !strncmp(string, prefix, strlen(prefix));
}

typedef ARRAY(vaddr) vaddr_array;

static int compare_addresses(const void *left, const void *right)
{
	const vaddr *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

/* Sorted: there may be as many threads as mappings, and many of both. */
static vaddr_array stack_pointers(const struct target *target)
{
	vaddr_array pointers = { 0 };

	for (size_t i = 0; i < target->threads.n; i++)
		array_append(&pointers, target->threads.v[i].sp);
	if (pointers.n)
		qsort(pointers.v, pointers.n, sizeof(*pointers.v), compare_addresses);
	return pointers;
}

static bool holds_stack_pointer(const vaddr_array *pointers, const struct mapping *mapping)
{
	size_t low = 0, high = pointers->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pointers->v[middle] < mapping->start)
			low = middle + 1;
		else
			high = middle;
	}
	return low < pointers->n && pointers->v[low] < mapping->end;
}

/* What a mapping is for where malloc does not use it. */
static enum memory_kind mapping_kind(const vaddr_array *pointers, const struct mapping *mapping)
{
	const char *path = mapping->path ? mapping->path : "";

	if (has_prefix(path, "[stack"))
		return MEMORY_STACK;
	if (has_prefix(path, "[v") || has_prefix(path, "[uprobes"))
		return MEMORY_KERNEL;
	if (has_prefix(path, "/memfd:") || has_prefix(path, "/SYSV") ||
	    has_prefix(path, "/dev/shm/") ||
	    (mapping->shared &&
	     (has_prefix(path, "/dev/zero") || has_prefix(path, "/anon_hugepage") ||
	      has_prefix(path, "[anon_shmem") || !*path)))
		return MEMORY_SHARED;
	if (mapping_is_private_anonymous(mapping) || !*path || *path == '[')
		return holds_stack_pointer(pointers, mapping) ? MEMORY_STACK : MEMORY_ANONYMOUS;
	return MEMORY_FILE;
}

static void add(struct snapshot_memory *memory, uint64_t mapped, uint64_t rss)
{
	memory->mapped += mapped;
	memory->n_mappings++;
	if (rss == UINT64_MAX || memory->rss == UINT64_MAX)
		memory->rss = UINT64_MAX;
	else
		memory->rss += rss;
}

static void add_mapping(const struct target *target, const struct mapping *mapping,
			const vaddr_array *pointers, const range_array *ranges, size_t *range,
			struct snapshot *snapshot)
{
	uint64_t size = mapping->end - mapping->start, rss = mapping->rss, ours = 0, touched = 0;

	// Mappings ascend, so ranges that end before this one are done with.
	while (*range < ranges->n && ranges->v[*range].end <= mapping->start)
		(*range)++;
	for (size_t i = *range; i < ranges->n && ranges->v[i].start < mapping->end; i++) {
		vaddr from = ranges->v[i].start > mapping->start ? ranges->v[i].start
								 : mapping->start;
		vaddr to = ranges->v[i].end < mapping->end ? ranges->v[i].end : mapping->end;

		ours += to - from;
		touched += touched_bytes(&target->image, from, to);
	}
	// What nobody may touch is merely reserved, but for what it holds from before.
	if (!mapping->prot)
		size = rss == UINT64_MAX ? 0 : rss;

	enum memory_kind kind = mapping_kind(pointers, mapping);

	if (ours == 0) {
		add(&snapshot->memory[kind], size, rss);
		return;
	}
	if (ours >= size || rss == UINT64_MAX) {
		add(&snapshot->memory[MEMORY_HEAP], ours, rss);
		if (ours < size)
			add(&snapshot->memory[kind], size - ours, rss);
		return;
	}

	uint64_t all = touched_bytes(&target->image, mapping->start, mapping->end);
	uint64_t heap_rss = all ? (uint64_t)((double)rss * ((double)touched / (double)all)) : 0;

	if (heap_rss > rss)
		heap_rss = rss;
	add(&snapshot->memory[MEMORY_HEAP], ours, heap_rss);
	add(&snapshot->memory[kind], size - ours, rss - heap_rss);
}

struct resident {
	const struct image *image;
	uint64_t bytes;
};

static void add_resident(vaddr start, vaddr end, void *context)
{
	struct resident *resident = context;

	resident->bytes += touched_bytes(resident->image, start, end);
}

void memory_account(const struct target *target, struct snapshot *snapshot)
{
	range_array ranges = heap_ranges(&snapshot->heap, target->page_size);
	vaddr_array pointers = stack_pointers(target);
	size_t range = 0;

	for (size_t i = 0; i < target->mappings.n; i++)
		add_mapping(target, &target->mappings.v[i], &pointers, &ranges, &range, snapshot);
	array_deinit(&ranges);
	array_deinit(&pointers);
	// A core has pages that were dumped, whether or not they were resident.
	if (target->kind == TARGET_LIVE) {
		struct resident resident = { .image = &target->image };

		pins_trimmable(&snapshot->heap, target->page_size, add_resident, &resident);
		snapshot->trimmable_resident = resident.bytes;
	} else {
		for (size_t i = 0; i < MEMORY_KINDS; i++)
			snapshot->memory[i].rss = UINT64_MAX;
	}
}
