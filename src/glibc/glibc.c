/* SPDX-License-Identifier: MIT */
#include "glibc/glibc.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "glibc/inside.h"
#include "glibc/tls.h"
#include "glibc/walk.h"

static bool read_image(void *context, vaddr address, void *buffer, size_t size)
{
	return image_get(context, address, buffer, size);
}

/*
 * Flags the threads that were inside malloc at the copy; returns how many. Frames are asked again, now that nobody waits and all of them can be looked at;
 * a live capture also knows whom it could not get out, which counts where the image has no stack to tell from.
 */
static size_t threads_inside(const struct glibc *glibc, const struct target *target, bool *flags)
{
	struct inside inside;
	size_t n = 0;

	inside_init(&inside, glibc, &target->mappings, read_image, (void *)(uintptr_t)&target->image);
	for (size_t i = 0; i < target->threads.n; i++) {
		flags[i] = inside_anywhere(&inside, &target->threads.v[i]);
		for (size_t k = 0; k < glibc->inside.n && !flags[i]; k++)
			flags[i] = glibc->inside.v[k] == target->threads.v[i].tid;
		n += flags[i];
	}
	inside_deinit(&inside);
	return n;
}

static void allocators_collect(struct walk *walk)
{
	for (size_t i = 0; i < walk->glibc->instances.n; i++) {
		const struct instance *instance = &walk->glibc->instances.v[i];
		struct heap_allocator allocator = {
			.name = xstrdup("glibc"),
			.module = xstrdup(instance->path),
			.offsets = xstrdup(instance->offsets),
		};
		uint32_t n_mmaps = 0;

		image_get(&walk->target->image, instance->mp + instance->layout.mp.n_mmaps, &n_mmaps, sizeof(n_mmaps));
		allocator.n_mmaps = n_mmaps;
		image_get_word(&walk->target->image, instance->mp + instance->layout.mp.mmapped_mem, &allocator.mmapped_bytes);
		array_append(&walk->heap->allocators, allocator);
	}
}

void glibc_describe(const struct glibc *glibc, size_t index, const char **module_ret, const char **version_ret, const char **offsets_ret)
{
	const struct instance *instance = &glibc->instances.v[index];

	*module_ret = instance->path;
	*version_ret = instance->version ? instance->version : glibc_layout_releases(&instance->layout);
	*offsets_ret = instance->offsets;
}

static void books_add(struct heap *heap, vaddr start, uint64_t size)
{
	array_append(&heap->books, (struct heap_books){ start, start + size });
}

/* Where the variables of malloc lie: they point to what is free, and to headers of chunks. */
static void books_collect(struct walk *walk)
{
	for (size_t i = 0; i < walk->glibc->instances.n; i++) {
		const struct instance *instance = &walk->glibc->instances.v[i];
		int64_t distance;

		books_add(walk->heap, instance->main_arena, instance->layout.arena.size);
		books_add(walk->heap, instance->mp, instance->layout.mp.size);
		if (instance->tcache_offset == VADDR_NONE || !tls_distance(instance, walk->target, &distance))
			continue;
		for (size_t k = 0; k < walk->target->threads.n; k++)
			if (walk->target->threads.v[k].tp)
				books_add(walk->heap, walk->target->threads.v[k].tp + (vaddr)distance + instance->tcache_offset, 8);
	}
}

/* A file without a banner is known by its structure alone, in full only after the walk (size of the tcache). */
static void versions_name(struct walk *walk)
{
	for (size_t i = 0; i < walk->glibc->instances.n; i++) {
		const struct instance *instance = &walk->glibc->instances.v[i];

		walk->heap->allocators.v[i].version =
			xstrdup(instance->version ? instance->version : glibc_layout_releases(&instance->layout));
	}
}

static uint64_t image_bytes(const struct image *image)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < image->segments.n; i++)
		if (image->segments.v[i].bytes)
			bytes += image->segments.v[i].end - image->segments.v[i].start;
	return bytes;
}

void glibc_walk(struct glibc *glibc, const struct target *target, struct heap *ret, bool **in_malloc_ret)
{
	bool *flags = xcalloc(target->threads.n, sizeof(*flags));
	struct walk walk = { .target = target, .glibc = glibc, .heap = ret };

	heap_init(ret);
	if (glibc->instances.n) {
		window_init(&walk.window, &target->image);
		// Enough for some passes over everything; only damage needs any.
		walk.search_budget = image_bytes(&target->image) / CHUNK_ALIGN * 4 + 1024 * 1024;
		walk.chunks_maximum = image_bytes(&target->image) / CHUNK_MINIMUM + 1;
		allocators_collect(&walk);
		arenas_collect(&walk);
		for (size_t i = 0; i < walk.arenas.n; i++)
			bins_collect(&walk, &walk.arenas.v[i]);
		segments_collect(&walk);
		mmapped_collect(&walk);
		pieces_emit(&walk);

		size_t dropped = chunks_seal(&ret->chunks);

		if (dropped)
			heap_finding(ret, FINDING_CORRUPTION, 0, UINT32_MAX, "%zu chunks overlap others and were left out", dropped);
		bins_mark(&walk);
		tcaches_mark(&walk);
		books_collect(&walk);
		checks_run(&walk, threads_inside(glibc, target, flags));
		versions_name(&walk);
		heap_sum(ret);
	}
	array_deinit(&walk.arenas);
	array_deinit(&walk.listed);
	array_deinit(&walk.pieces);
	if (in_malloc_ret)
		*in_malloc_ret = flags;
	else
		free(flags);
}
