/* SPDX-License-Identifier: MIT */
#include "heap/heap.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void heap_init(struct heap *heap)
{
	*heap = (struct heap){ 0 };
	chunks_init(&heap->chunks);
}

void heap_deinit(struct heap *heap)
{
	chunks_deinit(&heap->chunks);
	for (size_t i = 0; i < heap->allocators.n; i++) {
		free(heap->allocators.v[i].name);
		free(heap->allocators.v[i].version);
		free(heap->allocators.v[i].module);
		free(heap->allocators.v[i].offsets);
	}
	array_deinit(&heap->allocators);
	array_deinit(&heap->arenas);
	array_deinit(&heap->sources);
	array_deinit(&heap->tcaches);
	array_deinit(&heap->books);
	for (size_t i = 0; i < heap->checks.n; i++) {
		free(heap->checks.v[i].name);
		free(heap->checks.v[i].detail);
	}
	array_deinit(&heap->checks);
	for (size_t i = 0; i < heap->findings.n; i++)
		free(heap->findings.v[i].text);
	array_deinit(&heap->findings);
	*heap = (struct heap){ 0 };
}

void heap_finding(struct heap *heap, enum finding_kind kind, vaddr address, uint32_t arena, const char *format, ...)
{
	if (heap->findings.n >= HEAP_FINDINGS_MAX) {
		heap->findings_dropped++;
		return;
	}

	va_list args;

	va_start(args, format);
	array_append(&heap->findings, (struct heap_finding){ kind, address, arena, xvasprintf(format, args) });
	va_end(args);
}

void heap_check(struct heap *heap, const char *name, enum check_result result, uint64_t failures, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *detail = xvasprintf(format, args);
	va_end(args);
	if (result == CHECK_PASSED || !*detail) {
		free(detail);
		detail = NULL;
	}
	array_append(&heap->checks, (struct heap_check){ xstrdup(name), result, failures, detail });
}

bool heap_is_exact(const struct heap *heap)
{
	if (!heap->allocators.n || heap->findings.n)
		return false;
	for (size_t i = 0; i < heap->checks.n; i++)
		if (heap->checks.v[i].result == CHECK_FAILED)
			return false;
	return true;
}

const struct heap_source *heap_source_at(const struct heap *heap, vaddr address)
{
	size_t low = 0, high = heap->sources.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (heap->sources.v[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address >= heap->sources.v[low - 1].end)
		return NULL;
	return &heap->sources.v[low - 1];
}

void heap_totals_add(struct heap_totals *totals, const struct heap_totals *more)
{
	for (size_t state = 0; state < CHUNK_STATES; state++) {
		totals->count[state] += more->count[state];
		totals->bytes[state] += more->bytes[state];
	}
	totals->overhead += more->overhead;
	totals->foreign += more->foreign;
	totals->unwalked += more->unwalked;
}

uint64_t heap_totals_free(const struct heap_totals *totals)
{
	return totals->bytes[CHUNK_TCACHE] + totals->bytes[CHUNK_FAST] + totals->bytes[CHUNK_UNSORTED] +
	       totals->bytes[CHUNK_SMALL] + totals->bytes[CHUNK_LARGE] + totals->bytes[CHUNK_FREE];
}

static uint64_t totals_accounted(const struct heap_totals *totals)
{
	uint64_t sum = totals->foreign + totals->unwalked;

	for (size_t state = 0; state < CHUNK_STATES; state++)
		sum += totals->bytes[state];
	return sum;
}

static bool state_is_free(uint8_t state)
{
	return state == CHUNK_UNSORTED || state == CHUNK_SMALL || state == CHUNK_LARGE || state == CHUNK_FREE;
}

void heap_sum(struct heap *heap)
{
	const struct chunks *chunks = &heap->chunks;
	size_t source = 0;

	heap->totals = (struct heap_totals){ 0 };
	heap->system_bytes = 0;
	for (size_t i = 0; i < heap->arenas.n; i++) {
		heap->arenas.v[i].totals = (struct heap_totals){ 0 };
		heap->arenas.v[i].largest_free = 0;
	}
	for (size_t i = 0; i < heap->sources.n; i++) {
		struct heap_totals *totals = &heap->sources.v[i].totals;

		*totals = (struct heap_totals){ .foreign = totals->foreign, .unwalked = totals->unwalked };
	}
	// Chunks and sources both ascend, so one pass over the rows meets each source once.
	for (size_t i = 0; i < chunks->n; i++) {
		while (source < heap->sources.n && chunks->mem[i] >= heap->sources.v[source].end)
			source++;

		bool inside = source < heap->sources.n && chunks->mem[i] >= heap->sources.v[source].start;
		struct heap_totals *totals = inside ? &heap->sources.v[source].totals : &heap->totals;

		totals->count[chunks->state[i]]++;
		totals->bytes[chunks->state[i]] += chunk_usable(chunks, i);
		if (inside && state_is_free(chunks->state[i])) {
			struct heap_arena *arena = &heap->arenas.v[heap->sources.v[source].arena];

			if (chunk_usable(chunks, i) > arena->largest_free)
				arena->largest_free = chunk_usable(chunks, i);
		}
	}

	uint64_t mmapped = 0, mappings = 0;

	for (size_t state = 0; state < CHUNK_STATES; state++)
		mmapped += heap->totals.bytes[state];
	for (size_t i = 0; i < heap->allocators.n; i++)
		mappings += heap->allocators.v[i].found_mmapped_bytes;
	heap->system_bytes = mappings;
	heap->totals.overhead = mappings > mmapped ? mappings - mmapped : 0;
	for (size_t i = 0; i < heap->sources.n; i++) {
		struct heap_source *from = &heap->sources.v[i];
		uint64_t size = from->end - from->start, accounted = totals_accounted(&from->totals);

		from->totals.overhead = size > accounted ? size - accounted : 0;
		heap->system_bytes += size;
		heap_totals_add(&heap->arenas.v[from->arena].totals, &from->totals);
		heap_totals_add(&heap->totals, &from->totals);
	}
}

char *heap_verify(const struct heap *heap)
{
	char *complaint = chunks_verify(&heap->chunks);

	if (complaint)
		return complaint;

	vaddr previous = 0;

	for (size_t i = 0; i < heap->sources.n; i++) {
		const struct heap_source *source = &heap->sources.v[i];

		if (source->start >= source->end || source->start < previous)
			return xasprintf("source %zu at 0x%" PRIxVADDR " is empty or out of order", i, source->start);
		if (source->arena >= heap->arenas.n)
			return xasprintf("source %zu at 0x%" PRIxVADDR " belongs to no arena", i, source->start);
		if (totals_accounted(&source->totals) + source->totals.overhead != source->end - source->start)
			return xasprintf("source %zu at 0x%" PRIxVADDR " holds more than its own size", i, source->start);
		previous = source->end;
	}
	if (totals_accounted(&heap->totals) + heap->totals.overhead != heap->system_bytes)
		return xasprintf("in use, free, top and overhead are %" PRIu64 " bytes, not the %" PRIu64 " got from the system",
				 totals_accounted(&heap->totals) + heap->totals.overhead, heap->system_bytes);
	return NULL;
}
