/* SPDX-License-Identifier: MIT */
/*
 * Claims are made class by class, and what an earlier class has, a later one cannot get:
 *
 *   in chunks     stacks and TLS blocks that lie in chunks
 *   nothing       what malloc owns; below stack pointers; stacks of threads that have ended
 *   TLS, descriptors, stacks, and then everything writable
 *
 * The stack of a thread that glibc started ends in its TLS blocks and its descriptor, which the thread pointer shows, so that is told from any other
 * mapping with a stack pointer in it: of a coroutine, say, below whose stack pointer there may be anything. Only where it is known what a mapping is, is the part
 * below the stack pointer left out.
 */
#include "graph/root_areas.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum {
	/** Below the stack pointer, what a leaf function may use on x86-64. */
	RED_ZONE = 128,
	/** Frames of one thread that are told apart. */
	FRAMES_WANTED = 4096,
	/** struct pthread where libc does not say: more than it ever had. */
	DESCRIPTOR_SIZE = 4096,
	/** How far below the end of its stack the descriptor of a thread that has ended is looked for. */
	ENDED_SEARCH = 64 * 1024,
	/** struct tcbhead_t on x86-64: its own address, twice. */
	TCB_SELF = 16,
	TCB_ALIGN = 64,
	/** What stands between two rows that are neighbours; above this somebody else's sbrk() lies there. */
	FOREIGN_MIN = 64,
	SEGMENT_WRITE = 2,
};

enum claim_class {
	CLAIM_IN_CHUNK,
	CLAIM_NOTHING,
	CLAIM_TLS,
	CLAIM_DESCRIPTOR,
	CLAIM_STACK,
	CLAIM_REST,
	CLAIM_CLASSES,
};

struct survey {
	const struct target *target;
	struct modules *modules;
	const struct heap *heap;
	struct root_areas *areas;
	range_array claims[CLAIM_CLASSES];
	tls_module_array tls_modules;
	/** Descriptors of live threads, by address. */
	range_array homes;
	uint64_t page_mask;
};

static void claim(struct survey *survey, enum claim_class class, vaddr start, vaddr end, struct root_area area)
{
	if (start >= end)
		return;
	ranges_add(&survey->claims[class], start, end, survey->areas->v.n);
	array_append(&survey->areas->v, area);
}

static void claim_nothing(struct survey *survey, vaddr start, vaddr end)
{
	ranges_add(&survey->claims[CLAIM_NOTHING], start, end, 0);
}

static vaddr page_up(const struct survey *survey, vaddr address)
{
	return (address + survey->page_mask) & ~survey->page_mask;
}

/* ---- what malloc owns ---- */

/* A source, but for what somebody else's sbrk() got in its midst. */
static void claim_source(struct survey *survey, const struct heap_source *source)
{
	const struct chunks *chunks = &survey->heap->chunks;
	vaddr from = source->start;
	size_t low = 0, high = chunks->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (chunks->mem[middle] < source->start)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t row = low; source->totals.foreign && row + 1 < chunks->n && chunks->mem[row + 1] < source->end; row++) {
		vaddr end = chunks->mem[row] + chunk_usable(chunks, row);

		if (chunks->mem[row + 1] - end < FOREIGN_MIN)
			continue;
		claim_nothing(survey, from, end);
		from = chunks->mem[row + 1];
	}
	claim_nothing(survey, from, source->end);
}

static void claim_malloc(struct survey *survey)
{
	const struct heap *heap = survey->heap;

	for (size_t i = 0; i < heap->sources.n; i++)
		claim_source(survey, &heap->sources.v[i]);
	for (size_t i = 0; i < heap->books.n; i++)
		claim_nothing(survey, heap->books.v[i].start, heap->books.v[i].end);
	for (size_t i = 0; i < heap->chunks.n; i++)
		if (heap->chunks.kind[i] == CHUNK_MMAPPED)
			// Its header, and what is left of its last page.
			claim_nothing(survey, (heap->chunks.mem[i] - 1) & ~survey->page_mask,
				      page_up(survey, heap->chunks.mem[i] + chunk_usable(&heap->chunks, i)));
		else if (heap->chunks.kind[i] == CHUNK_PYMALLOC)
			claim_nothing(survey, heap->chunks.mem[i], heap->chunks.mem[i] + chunk_usable(&heap->chunks, i));
}

/* ---- threads ---- */

/* A chunk that holds part of a thread: that part is an area of the thread, the chunk lives, and nothing else in it counts. */
static void claim_in_chunk(struct survey *survey, chunk_id chunk, vaddr start, vaddr end, struct root_area area)
{
	array_append(&survey->areas->held, (struct held_chunk){ chunk, survey->areas->v.n });
	array_append(&survey->areas->cuts, (struct edge_cut){ chunk, chunk_usable(&survey->heap->chunks, chunk) });
	claim(survey, CLAIM_IN_CHUNK, start, end, area);
}

static void claim_tls(struct survey *survey, size_t thread)
{
	for (size_t i = 0; i < survey->tls_modules.n; i++) {
		const struct tls_module *module = &survey->tls_modules.v[i];
		uint64_t size = survey->modules->v.v[module->module].tls_size;
		struct root_area area = { .kind = AREA_TLS, .thread = thread, .module = module->module };
		chunk_id chunk;

		if (!tls_block(survey->target, &survey->target->threads.v[thread], module, &area.base) || area.base % 8 ||
		    area.base > VADDR_NONE - size)
			continue;
		chunk = chunks_find(&survey->heap->chunks, area.base);
		if (chunk == CHUNK_NONE) {
			claim(survey, CLAIM_TLS, area.base, area.base + size, area);
		} else if (chunk_is_node(&survey->heap->chunks, chunk)) {
			vaddr end = survey->heap->chunks.mem[chunk] + chunk_usable(&survey->heap->chunks, chunk);

			claim_in_chunk(survey, chunk, area.base, area.base + size < end ? area.base + size : end, area);
		}
	}
}

/* Where the descriptor of a thread begins and ends. */
static bool descriptor_of(const struct survey *survey, const struct thread *thread, vaddr *start_ret, vaddr *end_ret)
{
	const struct mapping *mapping = mappings_find(&survey->target->mappings, thread->tp);
	uint32_t size = survey->areas->thread_db.pthread.size;

	if (!thread->tp || !mapping || !(mapping->prot & MAPPING_WRITE))
		return false;
	if (size == MEMBER_ABSENT)
		size = DESCRIPTOR_SIZE;
	// On aarch64 it lies in front of the thread pointer.
	*start_ret = survey->target->machine == MACHINE_X86_64 ? thread->tp :
		     thread->tp - mapping->start > size	       ? thread->tp - size :
								 mapping->start;
	*end_ret = *start_ret + size < mapping->end ? *start_ret + size : mapping->end;
	return true;
}

static void claim_descriptors(struct survey *survey)
{
	for (size_t i = 0; i < survey->target->threads.n; i++) {
		struct root_area area = { .kind = AREA_DESCRIPTOR, .thread = i };
		vaddr end;

		if (!descriptor_of(survey, &survey->target->threads.v[i], &area.base, &end))
			continue;
		claim(survey, CLAIM_DESCRIPTOR, area.base, end, area);
		ranges_add(&survey->homes, area.base, page_up(survey, end), i);
	}
	ranges_settle(&survey->homes);
}

/* The end of the last descriptor that lies below an address, or the start of the mapping. */
static vaddr bound_below(const struct survey *survey, const struct mapping *mapping, vaddr address)
{
	size_t low = 0, high = survey->homes.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (survey->homes.v[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && survey->homes.v[low - 1].end > mapping->start ? survey->homes.v[low - 1].end : mapping->start;
}

static vaddr with_red_zone(vaddr sp, vaddr bound)
{
	return sp - bound > RED_ZONE ? (sp - RED_ZONE) & ~UINT64_C(7) : bound;
}

/* The lowest stack pointer of a thread's frames within a mapping; VADDR_NONE. */
static vaddr lowest_frame(const frame_array *frames, const struct mapping *mapping)
{
	vaddr lowest = VADDR_NONE;

	for (size_t i = 0; i < frames->n; i++)
		if (frames->v[i].sp >= mapping->start && frames->v[i].sp < mapping->end && frames->v[i].sp < lowest)
			lowest = frames->v[i].sp;
	return lowest;
}

/* A stack that begins and ends as glibc or the kernel made it: nothing below the stack pointer counts. */
static void claim_whole_stack(struct survey *survey, size_t thread, const struct mapping *mapping, vaddr sp, vaddr end)
{
	vaddr bound = bound_below(survey, mapping, sp == VADDR_NONE ? end - 1 : sp);
	vaddr low = sp == VADDR_NONE ? bound : with_red_zone(sp, bound);

	claim_nothing(survey, bound, low);
	claim(survey, CLAIM_STACK, low, end, (struct root_area){ .kind = AREA_STACK, .thread = thread });
}

/* The stack that glibc gave a thread: what lies below its descriptor. NULL when there is none. */
static const struct mapping *thread_stack(const struct survey *survey, const struct thread *thread, vaddr *end_ret)
{
	const struct mapping *mapping;
	vaddr start, end;

	if (!descriptor_of(survey, thread, &start, &end))
		return NULL;
	mapping = mappings_find(&survey->target->mappings, start);
	if (mapping->shared || (mapping->path && mapping->path[0] != '['))
		return NULL;
	*end_ret = start;
	return mapping;
}

/* The stack that the kernel gave the first thread. */
static const struct mapping *main_stack(const struct survey *survey, vaddr *end_ret)
{
	const mapping_array *mappings = &survey->target->mappings;

	for (size_t i = 0; i < mappings->n; i++)
		if (mappings->v[i].path && !strcmp(mappings->v[i].path, "[stack]")) {
			*end_ret = mappings->v[i].end;
			return &mappings->v[i];
		}
	return NULL;
}

static bool holds(const struct mapping *stack, vaddr end, vaddr sp)
{
	return stack && sp >= stack->start && sp < end;
}

static void claim_stack(struct survey *survey, size_t index)
{
	const struct thread *thread = &survey->target->threads.v[index];
	const struct chunks *chunks = &survey->heap->chunks;
	const struct mapping *mapping = mappings_find(&survey->target->mappings, thread->sp);
	struct root_area area = { .kind = AREA_STACK, .thread = index };
	bool is_main = thread->tid == survey->target->pid;
	vaddr end = 0;
	// In the child of a thread's fork(), the only thread is the first one and on a stack of glibc's all the same.
	const struct mapping *own = thread_stack(survey, thread, &end);

	if (is_main && !holds(own, end, thread->sp))
		own = main_stack(survey, &end);
	if (holds(own, end, thread->sp)) {
		claim_whole_stack(survey, index, own, thread->sp, end);
		return;
	}
	// On another stack: what its own one holds is in use up to the frame that left it.
	if (own)
		claim_whole_stack(survey, index, own, lowest_frame(&survey->areas->frames[index], own), end);

	chunk_id chunk = thread->sp ? chunks_find(chunks, thread->sp) : CHUNK_NONE;

	if (chunk != CHUNK_NONE && chunk_is_node(chunks, chunk)) {
		vaddr low = with_red_zone(thread->sp, chunks->mem[chunk]);

		claim_in_chunk(survey, chunk, low, chunks->mem[chunk] + chunk_usable(chunks, chunk), area);
	} else if (mapping && mapping->prot & MAPPING_WRITE) {
		claim(survey, CLAIM_STACK, with_red_zone(thread->sp, mapping->start), mapping->end, area);
	}
}

static bool read_image(void *context, vaddr address, void *buffer, size_t size)
{
	return image_get(context, address, buffer, size);
}

static void unwind(struct survey *survey)
{
	const struct target *target = survey->target;
	struct unwinder *unwinder = unwinder_create(&target->mappings, read_image, (void *)(uintptr_t)&target->image);

	survey->areas->n_threads = target->threads.n;
	survey->areas->frames = xcalloc(target->threads.n + 1, sizeof(*survey->areas->frames));
	for (size_t i = 0; i < target->threads.n; i++) {
		bool complete;

		unwinder_walk(unwinder, &target->threads.v[i], FRAMES_WANTED, &survey->areas->frames[i], &complete);
	}
	unwinder_destroy(unwinder);
}

/* ---- threads that have ended ---- */

/* Whether a descriptor lies at an address that is no live thread's. */
static bool is_ended(const struct survey *survey, vaddr address)
{
	const struct image *image = &survey->target->image;
	uint32_t tid_offset = survey->areas->thread_db.pthread.tid, tid;
	uint64_t self, again;

	return image_get_word(image, address, &self) && self == address && image_get_word(image, address + TCB_SELF, &again) &&
	       again == address && tid_offset != MEMBER_ABSENT && image_get(image, address + tid_offset, &tid, sizeof(tid)) && !tid;
}

/* Such a stack is a mapping with nothing before it (or a guard, which a debugger's core calls readable), and the descriptor at its end: of that the descriptor alone may matter (a result that nobody asked
   for yet). */
static void claim_ended(struct survey *survey)
{
	const mapping_array *mappings = &survey->target->mappings;

	for (size_t i = 0; i < mappings->n && survey->target->machine == MACHINE_X86_64; i++) {
		const struct mapping *mapping = &mappings->v[i], *before = i ? &mappings->v[i - 1] : NULL;
		vaddr lowest = mapping->end - mapping->start > ENDED_SEARCH ? mapping->end - ENDED_SEARCH : mapping->start;

		if (!mapping_is_private_anonymous(mapping) || (before && before->end == mapping->start && before->prot & MAPPING_WRITE))
			continue;
		for (vaddr at = (mapping->end - TCB_ALIGN) & ~(vaddr)(TCB_ALIGN - 1); at >= lowest; at -= TCB_ALIGN) {
			if (ranges_find(&survey->homes, at))
				break;
			if (!is_ended(survey, at))
				continue;
			claim_nothing(survey, mapping->start, at);
			claim(survey, CLAIM_DESCRIPTOR, at, mapping->end,
			      (struct root_area){ .kind = AREA_DESCRIPTOR, .thread = SIZE_MAX, .base = at });
			break;
		}
	}
}

/* ---- the rest ---- */

static bool is_device(const struct mapping *mapping)
{
	return mapping->path && !strncmp(mapping->path, "/dev/", 5) && strncmp(mapping->path, "/dev/shm/", 9) &&
	       strcmp(mapping->path, "/dev/zero");
}

static void claim_rest(struct survey *survey)
{
	for (size_t i = 0; i < survey->modules->v.n; i++) {
		const struct module *module = &survey->modules->v.v[i];

		// RELRO too: it was writable when the loader filled it.
		for (size_t k = 0; k < module->segments.n; k++) {
			vaddr start = module->segments.v[k].start + module->bias, end = module->segments.v[k].end + module->bias;

			if (module->segments.v[k].flags & SEGMENT_WRITE && start >= module->start && end <= module->end)
				claim(survey, CLAIM_REST, start & ~UINT64_C(7), end, (struct root_area){ .kind = AREA_DATA, .thread = SIZE_MAX, .module = i });
		}
	}
	for (size_t i = 0; i < survey->target->mappings.n; i++) {
		const struct mapping *mapping = &survey->target->mappings.v[i];
		struct module *module = modules_find(survey->modules, mapping->start);
		struct root_area area = { .kind = module ? AREA_DATA : AREA_MAPPING, .thread = SIZE_MAX, .mapping = i };

		if (module)
			area.module = (size_t)(module - survey->modules->v.v);
		if (mapping->prot & MAPPING_WRITE && mapping->prot & MAPPING_READ && !is_device(mapping))
			claim(survey, CLAIM_REST, mapping->start, mapping->end, area);
	}
}

static int compare_cuts(const void *left, const void *right)
{
	const struct edge_cut *a = left, *b = right;

	return a->chunk < b->chunk ? -1 : a->chunk > b->chunk;
}

/* Several TLS blocks may lie in one chunk, and a stack besides: the largest cut has them all. */
static void cuts_settle(struct root_areas *areas)
{
	size_t n = 0;

	if (areas->cuts.n)
		qsort(areas->cuts.v, areas->cuts.n, sizeof(*areas->cuts.v), compare_cuts);
	for (size_t i = 0; i < areas->cuts.n; i++) {
		struct edge_cut cut = areas->cuts.v[i];

		if (n && areas->cuts.v[n - 1].chunk == cut.chunk) {
			if (areas->cuts.v[n - 1].offset < cut.offset)
				areas->cuts.v[n - 1].offset = cut.offset;
		} else {
			areas->cuts.v[n++] = cut;
		}
	}
	areas->cuts.n = n;
}

/* Class by class, each without what the earlier ones have. */
static void claims_settle(struct survey *survey)
{
	range_array taken = { 0 };

	for (size_t class = 0; class < CLAIM_CLASSES; class ++) {
		range_array *claims = &survey->claims[class];

		ranges_settle(claims);
		ranges_subtract(claims, &taken);
		ranges_merge(&taken, claims);
		if (class != CLAIM_NOTHING)
			ranges_merge(&survey->areas->ranges, claims);
		array_deinit(claims);
	}
	array_deinit(&taken);
}

void root_areas_find(const struct target *target, struct modules *modules, const struct heap *heap, struct root_areas *ret)
{
	struct root_areas areas = { 0 };
	struct survey survey = { .target = target, .modules = modules, .heap = heap, .areas = &areas,
				 .page_mask = (target->page_size ? target->page_size : 4096) - 1 };

	thread_db_read(modules, &areas.thread_db);
	tls_modules_read(modules, target, &areas.thread_db, &survey.tls_modules);
	unwind(&survey);
	claim_malloc(&survey);
	claim_descriptors(&survey);
	for (size_t i = 0; i < target->threads.n; i++) {
		claim_tls(&survey, i);
		claim_stack(&survey, i);
	}
	claim_ended(&survey);
	claim_rest(&survey);
	claims_settle(&survey);
	cuts_settle(&areas);
	array_deinit(&survey.tls_modules);
	array_deinit(&survey.homes);
	*ret = areas;
}

void root_areas_deinit(struct root_areas *areas)
{
	for (size_t i = 0; i < areas->n_threads; i++)
		array_deinit(&areas->frames[i]);
	free(areas->frames);
	array_deinit(&areas->v);
	array_deinit(&areas->ranges);
	array_deinit(&areas->cuts);
	array_deinit(&areas->held);
	*areas = (struct root_areas){ 0 };
}
