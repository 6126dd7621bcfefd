/* SPDX-License-Identifier: MIT */
/*
 * Tiny heaps of glibc, written in memory word by word, with a target around them: mappings, an image, threads, and a struct
 * glibc that knows where main_arena and mp_ are. What glibc_walk() makes of it is compared with what was written.
 *
 *	struct image_builder b;
 *	image_builder_init(&b, GLIBC_2_36);
 *	struct pen pen = pen_main(&b, 0x21000);		// a brk heap of that many bytes
 *	vaddr mem = pen_used(&pen, 0x30);		// a chunk in use: the pointer the program holds
 *	vaddr chunk = pen_free(&pen, 0x90);		// a free one: its header; in no bin yet
 *	builder_bin(&b, MAIN_ARENA, 8, chunk);
 *	pen_top(&pen);					// the rest
 *	image_builder_seal(&b);				// from here on the image is fixed
 *	glibc_walk(b.glibc, b.target, &heap, NULL);
 *	image_builder_deinit(&b);
 *
 * Any word can be made wrong before the seal (builder_put), and any range taken out (builder_absent).
 *
 * Where things are:
 *
 *	BRK_HEAP        the main arena's first segment, «[heap]»
 *	THREAD_HEAP     a multiple of 64 MiB: the first heap of another arena; further ones at + 64 MiB each
 *	MMAPPED         anonymous memory, for mmapped chunks
 *	LIBC            a module: mp_ at LIBC_MP, main_arena at MAIN_ARENA
 *	TLS             one page for each thread
 *
 * Here too: a process with some of everything (builder_process), and the loader of fixtures/images, whose heaps are written by hand (image_load).
 */
#ifndef TESTS_UNIT_IMAGE_BUILDER_H
#define TESTS_UNIT_IMAGE_BUILDER_H

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/array.h"
#include "glibc/glibc.h"
#include "glibc/instance.h"
#include "target/target.h"

#define BRK_HEAP UINT64_C(0x555555559000)
#define THREAD_HEAP UINT64_C(0x7fffe8000000)
#define HEAP_STRIDE UINT64_C(0x4000000)
#define MMAPPED UINT64_C(0x7ffff7800000)
#define LIBC UINT64_C(0x7ffff7dd0000)
#define LIBC_SIZE UINT64_C(0x3000)
#define LIBC_MP UINT64_C(0x7ffff7dd0280)
#define LIBC_DUMMY UINT64_C(0x7ffff7dd0100)
#define MAIN_ARENA UINT64_C(0x7ffff7dd0c80)
#define LIBC_CODE UINT64_C(0x7ffff7c90000)
#define LIBC_CODE_SIZE UINT64_C(0x5000)
#define TLS UINT64_C(0x7ffff7fa0000)

enum {
	BUILDER_PAGE = 4096,
	TLS_SIZE = 0x90,
	TLS_TCACHE = 0x48,
	TLS_POINTER = 0x740,
	TLS_THREADS = 8,
	FIRST_TID = 1000,
	/* What mp_.tcache_count is at first. */
	TCACHE_COUNT = 7,
};

/* One for each shape that malloc's state has had; the name is that of a release with it. */
enum glibc_release {
	GLIBC_2_24,
	GLIBC_2_26,
	GLIBC_2_29,
	GLIBC_2_31,
	GLIBC_2_34,
	GLIBC_2_36,
	GLIBC_2_42,
	GLIBC_2_43,
	GLIBC_RELEASES,
};

static const struct {
	const char *name;
	uint32_t next_offset, n_mmaps_max;
	bool safe_linking, large_tcache, has_tcache, small_counters;
} glibc_releases[GLIBC_RELEASES] = {
	[GLIBC_2_24] = { "2.24", 2152, 44, false, false, false, false },
	[GLIBC_2_26] = { "2.26", 2152, 44, false, false, true, true },
	[GLIBC_2_29] = { "2.29", 2160, 44, false, false, true, true },
	[GLIBC_2_31] = { "2.31", 2160, 44, false, false, true, false },
	[GLIBC_2_34] = { "2.34", 2160, 44, true, false, true, false },
	[GLIBC_2_36] = { "2.36", 2160, 64, true, false, true, false },
	[GLIBC_2_42] = { "2.42", 2160, 64, true, true, true, false },
	[GLIBC_2_43] = { "2.43", 2072, 72, true, false, true, false },
};

/* Memory of the target, writable until the seal. */
struct built_memory {
	vaddr start, end;
	uint8_t *bytes;
};

struct built_hole {
	vaddr start, end;
	/* Known to be zero, instead of not being there. */
	bool untouched;
};

struct image_builder {
	struct target *target;
	struct glibc *glibc;
	/* Sorted by start. */
	ARRAY(struct built_memory) memory;
	ARRAY(struct built_hole) holes;
};

static inline const struct glibc_layout *builder_layout(const struct image_builder *b)
{
	return &b->glibc->instances.v[0].layout;
}

static inline struct built_memory *builder_find(const struct image_builder *b, vaddr address)
{
	for (size_t i = 0; i < b->memory.n; i++)
		if (address >= b->memory.v[i].start && address < b->memory.v[i].end)
			return &b->memory.v[i];
	return NULL;
}

/* A mapping of private, readable and writable memory, zero at first. A name that begins with a slash makes it a file's. */
static inline void builder_map(struct image_builder *b, vaddr start, uint64_t size,
			       const char *name)
{
	struct mapping mapping = {
		.start = start,
		.end = start + size,
		.prot = MAPPING_READ | MAPPING_WRITE,
		.path = name ? xstrdup(name) : NULL,
		.file = -1,
		.rss = UINT64_MAX,
	};
	struct built_memory memory = { start, start + size, xcalloc(size, 1) };
	size_t at = 0;

	array_append(&b->memory, memory);
	array_append(&b->target->mappings, mapping);
	while (at + 1 < b->memory.n && b->memory.v[at].start < start)
		at++;
	memmove(&b->memory.v[at + 1], &b->memory.v[at],
		(b->memory.n - 1 - at) * sizeof(*b->memory.v));
	memmove(&b->target->mappings.v[at + 1], &b->target->mappings.v[at],
		(b->target->mappings.n - 1 - at) * sizeof(*b->target->mappings.v));
	b->memory.v[at] = memory;
	b->target->mappings.v[at] = mapping;
}

static inline void builder_bytes(struct image_builder *b, vaddr address, const void *bytes,
				 size_t size)
{
	struct built_memory *memory = builder_find(b, address);

	assert(memory && size <= memory->end - address);
	memcpy(memory->bytes + (address - memory->start), bytes, size);
}

static inline void builder_put(struct image_builder *b, vaddr address, uint64_t word)
{
	builder_bytes(b, address, &word, sizeof(word));
}

static inline void builder_put_int(struct image_builder *b, vaddr address, uint32_t value)
{
	builder_bytes(b, address, &value, sizeof(value));
}

static inline uint64_t builder_get(const struct image_builder *b, vaddr address)
{
	struct built_memory *memory = builder_find(b, address);
	uint64_t word;

	assert(memory && memory->end - address >= 8);
	memcpy(&word, memory->bytes + (address - memory->start), sizeof(word));
	return word;
}

/* Takes a range out of the image; the mappings keep it. */
static inline void builder_absent(struct image_builder *b, vaddr start, uint64_t size)
{
	array_append(&b->holes, (struct built_hole){ start, start + size, false });
}

/* Makes a range one that was never touched: it reads as zero, and has no bytes. */
static inline void builder_untouched(struct image_builder *b, vaddr start, uint64_t size)
{
	array_append(&b->holes, (struct built_hole){ start, start + size, true });
}

/* A malloc_state without any chunk yet: empty bins, attached to one thread, and put into the ring behind main_arena. */
static inline void builder_arena(struct image_builder *b, vaddr arena)
{
	const struct glibc_layout *layout = builder_layout(b);
	vaddr next = arena;

	for (unsigned bin = BIN_UNSORTED; bin < BIN_END; bin++) {
		vaddr head = arena + layout->arena.bins + (bin - 1) * 16 - 16;

		builder_put(b, head + 16, head);
		builder_put(b, head + 24, head);
	}
	if (arena != MAIN_ARENA) {
		next = builder_get(b, MAIN_ARENA + layout->arena.next);
		builder_put(b, MAIN_ARENA + layout->arena.next, arena);
	}
	builder_put(b, arena + layout->arena.next, next);
	builder_put(b, arena + layout->arena.attached_threads, 1);
}

static inline void image_builder_init_layout(struct image_builder *b,
					     const struct glibc_layout *layout)
{
	*b = (struct image_builder){ .target = target_create(TARGET_CORE),
				     .glibc = xcalloc(1, sizeof(struct glibc)) };
	b->target->machine = MACHINE_X86_64;
	b->target->page_size = BUILDER_PAGE;
	array_append(&b->glibc->instances, (struct instance){
						   .path = xstrdup("/usr/lib/libc.so.6"),
						   .offsets = xstrdup("as built"),
						   .layout = *layout,
						   .main_arena = MAIN_ARENA,
						   .mp = LIBC_MP,
						   .code_start = LIBC_CODE,
						   .code_end = LIBC_CODE + LIBC_CODE_SIZE,
						   .module_start = LIBC_CODE,
						   .module_end = LIBC + LIBC_SIZE,
						   .tcache_offset = TLS_TCACHE,
						   .tls_size = TLS_SIZE,
						   .tls_align = 16,
						   .is_static = true,
					   });
	builder_map(b, LIBC, LIBC_SIZE, "/usr/lib/libc.so.6");
	builder_map(b, TLS, TLS_THREADS * BUILDER_PAGE, NULL);
	builder_arena(b, MAIN_ARENA);
	if (layout->mp.tcache_count != MEMBER_ABSENT)
		builder_put(b, LIBC_MP + layout->mp.tcache_count, TCACHE_COUNT);
}

static inline struct glibc_layout release_layout(enum glibc_release release)
{
	struct glibc_layout layout;
	bool known = glibc_layout_by_structure(
		glibc_releases[release].next_offset, glibc_releases[release].n_mmaps_max,
		glibc_releases[release].safe_linking, glibc_releases[release].large_tcache,
		glibc_releases[release].has_tcache, &layout);

	assert(known);
	if (known && glibc_releases[release].small_counters)
		glibc_layout_small_counters(&layout);
	return layout;
}

/* A process that never called malloc. */
static inline void image_builder_init(struct image_builder *b, enum glibc_release release)
{
	struct glibc_layout layout = release_layout(release);

	image_builder_init_layout(b, &layout);
}

static inline void image_builder_deinit(struct image_builder *b)
{
	target_destroy(b->target);
	glibc_destroy(b->glibc);
	for (size_t i = 0; i < b->memory.n; i++)
		free(b->memory.v[i].bytes);
	array_deinit(&b->memory);
	array_deinit(&b->holes);
}

/* Adds [start, end) of a memory to the image, less the holes from `hole` on. */
static inline void builder_add(struct image_builder *b, const struct built_memory *memory,
			       vaddr start, vaddr end, size_t hole)
{
	for (; hole < b->holes.n; hole++) {
		vaddr from = b->holes.v[hole].start, to = b->holes.v[hole].end;

		if (from >= end || to <= start)
			continue;
		if (from > start)
			builder_add(b, memory, start, from, hole + 1);
		if (b->holes.v[hole].untouched)
			image_add_untouched(&b->target->image, from > start ? from : start,
					    (to < end ? to : end) - (from > start ? from : start),
					    NULL);
		if (to >= end)
			return;
		start = to;
	}
	image_add_bytes(&b->target->image, start, end - start,
			memory->bytes + (start - memory->start));
}

/* Makes the image of what was written. */
static inline void image_builder_seal(struct image_builder *b)
{
	for (size_t i = 0; i < b->memory.n; i++)
		builder_add(b, &b->memory.v[i], b->memory.v[i].start, b->memory.v[i].end, 0);
	image_seal(&b->target->image);
}

/* ---- books ---- */

static inline uint64_t arena_get(const struct image_builder *b, vaddr arena, uint32_t member)
{
	return builder_get(b, arena + member);
}

static inline vaddr bin_head(const struct image_builder *b, vaddr arena, unsigned bin)
{
	return arena + builder_layout(b)->arena.bins + (bin - 1) * 16 - 16;
}

/* The bin of chunks of a size, below the large ones. */
static inline unsigned bin_of(uint64_t size)
{
	return (unsigned)(size / 16);
}

/* Puts a free chunk at the end of a bin of its arena. */
static inline void builder_bin(struct image_builder *b, vaddr arena, unsigned bin, vaddr chunk)
{
	vaddr head = bin_head(b, arena, bin), last = builder_get(b, head + 24);

	builder_put(b, chunk + 16, head);
	builder_put(b, chunk + 24, last);
	builder_put(b, last + 16, chunk);
	builder_put(b, head + 24, chunk);
}

static inline vaddr fastbin_head(const struct image_builder *b, vaddr arena, unsigned bin)
{
	return arena + builder_layout(b)->arena.fastbins + bin * 8;
}

/* A link as it is stored at an address. */
static inline uint64_t link_stored(const struct image_builder *b, vaddr at, vaddr to)
{
	return builder_layout(b)->safe_linking ? to ^ at >> 12 : to;
}

/* Puts a chunk (its header's address) at the front of a fast bin. */
static inline void builder_fastbin(struct image_builder *b, vaddr arena, unsigned bin, vaddr chunk)
{
	vaddr head = fastbin_head(b, arena, bin);

	builder_put(b, chunk + 16, link_stored(b, chunk + 16, builder_get(b, head)));
	builder_put(b, head, chunk);
}

/* ---- chunks, one after another ---- */

struct pen {
	struct image_builder *b;
	vaddr arena;
	/* Where the next header goes, and the end of the heap or segment. */
	vaddr at, end;
	/* NON_MAIN in heaps of other arenas. */
	uint64_t mark;
	/* Size of the chunk before, if it is free; else 0. */
	uint64_t free_before;
};

static inline vaddr pen_header(struct pen *pen, uint64_t size, uint64_t mark)
{
	vaddr chunk = pen->at;

	if (pen->free_before)
		builder_put(pen->b, chunk, pen->free_before);
	builder_put(pen->b, chunk + 8, size | mark | (pen->free_before ? 0 : CHUNK_PREV_INUSE));
	pen->free_before = 0;
	pen->at += size;
	return chunk;
}

/* A chunk in use, by its whole size; returns the pointer that the program holds. */
static inline vaddr pen_used(struct pen *pen, uint64_t size)
{
	return pen_header(pen, size, pen->mark) + CHUNK_HEADER;
}

/* A free chunk; returns its header's address. */
static inline vaddr pen_free(struct pen *pen, uint64_t size)
{
	vaddr chunk = pen_header(pen, size, pen->mark);

	pen->free_before = size;
	return chunk;
}

/* The rest becomes top. */
static inline vaddr pen_top(struct pen *pen)
{
	vaddr chunk = pen_header(pen, pen->end - pen->at, 0);

	builder_put(pen->b, pen->arena + builder_layout(pen->b)->arena.top, chunk);
	return chunk;
}

/* The two headers at the end of a segment of the main arena. */
static inline void pen_fence(struct pen *pen)
{
	pen_header(pen, 0x10, 0);
	pen_header(pen, 0x10, 0);
}

/* The two headers at the end of a heap. */
static inline void pen_heap_fence(struct pen *pen)
{
	pen_header(pen, 0x10, pen->mark);
	builder_put(pen->b, pen->at + 8, 1);
	pen->at += 0x10;
}

static inline void arena_add_system(struct image_builder *b, vaddr arena, uint64_t size)
{
	const struct glibc_layout *layout = builder_layout(b);
	uint64_t sum = builder_get(b, arena + layout->arena.system_mem) + size;

	builder_put(b, arena + layout->arena.system_mem, sum);
	builder_put(b, arena + layout->arena.max_system_mem, sum);
}

/* The main arena's first segment, of that many bytes from BRK_HEAP on. */
static inline struct pen pen_main(struct image_builder *b, uint64_t size)
{
	builder_map(b, BRK_HEAP, size, "[heap]");
	builder_put(b, LIBC_MP + builder_layout(b)->mp.sbrk_base, BRK_HEAP);
	arena_add_system(b, MAIN_ARENA, size);
	return (struct pen){ .b = b, .arena = MAIN_ARENA, .at = BRK_HEAP, .end = BRK_HEAP + size };
}

/* A heap of another arena, already mapped: `prev` is the one before it, 0 for the first, whose arena struct it holds. */
static inline struct pen pen_heap(struct image_builder *b, vaddr arena, vaddr heap, uint64_t size,
				  vaddr prev)
{
	const struct glibc_layout *layout = builder_layout(b);
	vaddr first = heap + layout->heap_info.size + (prev ? 0 : layout->arena.size);

	builder_put(b, heap + layout->heap_info.ar_ptr, arena);
	builder_put(b, heap + layout->heap_info.prev, prev);
	builder_put(b, heap + layout->heap_info.size_member, size);
	arena_add_system(b, arena, size);
	return (struct pen){
		.b = b,
		.arena = arena,
		.at = (first + 15) & ~UINT64_C(15),
		.end = heap + size,
		.mark = CHUNK_NON_MAIN,
	};
}

/* Another arena and its first heap; the arena is at heap + sizeof(heap_info) = pen.arena. */
static inline struct pen pen_thread_arena(struct image_builder *b, vaddr heap, uint64_t size)
{
	vaddr arena = heap + builder_layout(b)->heap_info.size;

	builder_map(b, heap, size, NULL);
	builder_arena(b, arena);
	return pen_heap(b, arena, heap, size, 0);
}

/* A chunk that is a mapping of its own, whose header lies `offset` bytes behind the mapping's start; returns the
   pointer the program holds. The memory must be mapped already. */
static inline vaddr builder_mmapped(struct image_builder *b, vaddr base, uint64_t total,
				    uint64_t offset)
{
	const struct glibc_layout *layout = builder_layout(b);
	vaddr n_mmaps = LIBC_MP + layout->mp.n_mmaps, bytes = LIBC_MP + layout->mp.mmapped_mem;
	uint32_t n;

	builder_put(b, base + offset, offset);
	builder_put(b, base + offset + 8,
		    (total - offset - layout->mmapped_tail) | CHUNK_IS_MMAPPED);
	memcpy(&n, builder_find(b, n_mmaps)->bytes + (n_mmaps - LIBC), sizeof(n));
	builder_put_int(b, n_mmaps, n + 1);
	builder_put(b, bytes, builder_get(b, bytes) + total);
	return base + offset + CHUNK_HEADER;
}

/* ---- threads and their caches ---- */

/* A thread whose `tcache` variable has a value. */
static inline struct thread *builder_thread(struct image_builder *b, vaddr tcache)
{
	size_t n = b->target->threads.n;
	struct thread thread = {
		.tid = FIRST_TID + (pid_t)n,
		.tp = TLS + n * BUILDER_PAGE + TLS_POINTER,
		.syscall = -1,
	};

	assert(n < TLS_THREADS);
	builder_put(b, thread.tp - TLS_SIZE + TLS_TCACHE, tcache);
	array_append(&b->target->threads, thread);
	return &b->target->threads.v[n];
}

/* Size of the chunk that holds a tcache. */
static inline uint64_t tcache_chunk_size(const struct image_builder *b)
{
	return (builder_layout(b)->tcache.size + 8 + 15) & ~UINT64_C(15);
}

static inline uint64_t tcache_counter(const struct image_builder *b, vaddr tcache, unsigned bin)
{
	const struct glibc_layout *layout = builder_layout(b);
	vaddr at = tcache + layout->tcache.counters + bin * layout->tcache.counter_size;
	struct built_memory *memory = builder_find(b, at);
	uint16_t value = 0;

	memcpy(&value, memory->bytes + (at - memory->start), layout->tcache.counter_size);
	return value;
}

static inline void tcache_set_counter(struct image_builder *b, vaddr tcache, unsigned bin,
				      uint64_t value)
{
	const struct glibc_layout *layout = builder_layout(b);
	uint16_t counter = (uint16_t)value;

	builder_bytes(b, tcache + layout->tcache.counters + bin * layout->tcache.counter_size,
		      &counter, layout->tcache.counter_size);
}

/* A chunk with an empty tcache in it; returns the pointer to it. */
static inline vaddr pen_tcache(struct pen *pen)
{
	vaddr tcache = pen_used(pen, tcache_chunk_size(pen->b));

	if (builder_layout(pen->b)->tcache.counts_down)
		for (unsigned bin = 0; bin < builder_layout(pen->b)->tcache.n_bins; bin++)
			tcache_set_counter(pen->b, tcache, bin, TCACHE_COUNT);
	return tcache;
}

static inline vaddr tcache_head(const struct image_builder *b, vaddr tcache, unsigned bin)
{
	return tcache + builder_layout(b)->tcache.entries + bin * 8;
}

/* The list of chunks of a size. */
static inline unsigned tcache_bin(uint64_t size)
{
	return (unsigned)((size - CHUNK_MINIMUM) / CHUNK_ALIGN);
}

/* Puts a chunk (as the program had it) at the front of a list. */
static inline void builder_tcache(struct image_builder *b, vaddr tcache, unsigned bin, vaddr mem)
{
	vaddr head = tcache_head(b, tcache, bin);
	uint64_t counter = tcache_counter(b, tcache, bin);

	builder_put(b, mem, link_stored(b, mem, builder_get(b, head)));
	builder_put(b, head, mem);
	tcache_set_counter(b, tcache, bin,
			   builder_layout(b)->tcache.counts_down ? counter - 1 : counter + 1);
}

/* ---- a whole process ---- */

/* A process with two arenas, one of two heaps, fences, each kind of list, two threads and mmapped chunks; and, unless `plain`, a
   foreign gap, an orphan and an offset header: things that are there or not by what they look like. */
static inline void builder_process(struct image_builder *b, enum glibc_release release, bool plain)
{
	image_builder_init(b, release);

	const struct glibc_layout *layout = builder_layout(b);
	struct pen pen = pen_main(b, 0x9000);
	vaddr caches[3] = { 0 }, chunk;

	for (unsigned i = 0; layout->tcache.size && i < (plain ? 2 : 3); i++) {
		caches[i] = pen_tcache(&pen);
		for (unsigned k = 0; k < 3; k++)
			builder_tcache(b, caches[i], tcache_bin(0x40 + k * 0x10),
				       pen_used(&pen, 0x40 + k * 0x10));
		if (i < 2)
			builder_thread(b, caches[i]);
	}
	for (unsigned i = 0; i < 4; i++) {
		chunk = pen_free(&pen, 0x90);
		builder_bin(b, MAIN_ARENA, i % 2 ? 1 : 9, chunk);
		if (layout->arena.n_fastbins)
			builder_fastbin(b, MAIN_ARENA, 1, pen_used(&pen, 0x30) - CHUNK_HEADER);
		pen_used(&pen, 0x100);
	}
	chunk = pen_free(&pen, 0x2000);
	builder_bin(b, MAIN_ARENA, 120, chunk);
	if (!plain) {
		pen_fence(&pen);
		pen.at += 0x800;
	}
	pen_used(&pen, 0x1000);
	pen_top(&pen);

	struct pen older = pen_thread_arena(b, THREAD_HEAP, 0x4000);

	pen_used(&older, 0x100);
	chunk = pen_free(&older, 0x400);
	builder_bin(b, older.arena, 64, chunk);
	pen_used(&older, older.end - 0x20 - older.at);
	pen_heap_fence(&older);
	builder_map(b, THREAD_HEAP + HEAP_STRIDE, 0x3000, NULL);

	struct pen newer = pen_heap(b, older.arena, THREAD_HEAP + HEAP_STRIDE, 0x3000, THREAD_HEAP);

	pen_used(&newer, 0x1230);
	pen_top(&newer);
	builder_map(b, MMAPPED, 0xa000, NULL);
	builder_mmapped(b, MMAPPED, 0x2000, 0);
	builder_mmapped(b, MMAPPED + 0x2000, 0x3000, plain ? 0 : 48);
	builder_put(b, MMAPPED + 0x2008, (0x3000 - layout->mmapped_tail) | 2);
	builder_mmapped(b, MMAPPED + 0x6000, 0x4000, 0);
}

/* ---- heaps written by hand ----
 *
 * A line is a directive, all numbers hexadecimal without 0x; from # on it is a comment.
 *
 *	glibc 2.36			the shape of malloc's state; first of all
 *	map START END [NAME]		memory of the target
 *	absent START END		not in the image
 *	untouched START END		zero, never touched
 *	arena ADDRESS			an arena with empty bins (main_arena is there)
 *	set ARENA MEMBER VALUE		ARENA is an address or «main»; MEMBER of malloc_state
 *	bin ARENA NUMBER FD BK		the head of a bin (NUMBER is decimal); FD or BK «head»: itself
 *	fast ARENA NUMBER CHUNK		the head of a fast bin (NUMBER is decimal)
 *	mp MEMBER VALUE			a member of malloc_par
 *	thread TCACHE			a thread, and what its tcache variable holds
 *	ADDRESS: WORD...		memory, word by word
 *	expect chunk MEM USABLE STATE	a row of the chunk table; all rows, in order
 *	expect finding KIND ADDRESS	corruption, ambiguous or missing
 *	expect failed CHECK...		the checks that fail; all that are not named pass
 *	expect foreign BYTES		bytes of others in the arenas
 *	expect unwalked BYTES		bytes that could not be walked
 */

struct expected_row {
	vaddr mem;
	uint64_t usable;
	char state[16];
};

struct expected_finding {
	char kind[16];
	vaddr address;
};

struct loaded_image {
	struct image_builder builder;
	bool has_builder;
	ARRAY(struct expected_row) rows;
	ARRAY(struct expected_finding) findings;
	/* Names of checks with a space before and behind each. */
	char failed[256];
	uint64_t foreign, unwalked;
};

static inline void loaded_image_deinit(struct loaded_image *loaded)
{
	if (loaded->has_builder)
		image_builder_deinit(&loaded->builder);
	array_deinit(&loaded->rows);
	array_deinit(&loaded->findings);
}

static inline bool load_number(const char *word, uint64_t *ret)
{
	char *end;

	if (!word || !*word)
		return false;
	*ret = strtoull(word, &end, 16);
	return !*end;
}

static inline bool load_arena(const char *word, vaddr *ret)
{
	if (word && strcmp(word, "main") == 0) {
		*ret = MAIN_ARENA;
		return true;
	}
	return load_number(word, ret);
}

static inline bool load_set(struct image_builder *b, vaddr arena, const char *member,
			    uint64_t value)
{
	const struct glibc_layout *layout = builder_layout(b);
	const struct {
		const char *name;
		uint32_t offset, size;
	} members[] = {
		{ "mutex", layout->arena.mutex, 4 },
		{ "flags", layout->arena.flags, 4 },
		{ "top", layout->arena.top, 8 },
		{ "next", layout->arena.next, 8 },
		{ "system_mem", layout->arena.system_mem, 8 },
		{ "max_system_mem", layout->arena.max_system_mem, 8 },
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		if (strcmp(members[i].name, member) == 0) {
			builder_bytes(b, arena + members[i].offset, &value, members[i].size);
			return true;
		}
	return false;
}

static inline bool load_mp(struct image_builder *b, const char *member, uint64_t value)
{
	const struct glibc_layout *layout = builder_layout(b);
	const struct {
		const char *name;
		uint32_t offset, size;
	} members[] = {
		{ "n_mmaps", layout->mp.n_mmaps, 4 },
		{ "mmapped_mem", layout->mp.mmapped_mem, 8 },
		{ "sbrk_base", layout->mp.sbrk_base, 8 },
		{ "hp_pagesize", layout->mp.hp_pagesize, 8 },
		{ "tcache_count", layout->mp.tcache_count, 4 },
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		if (strcmp(members[i].name, member) == 0 && members[i].offset != MEMBER_ABSENT) {
			builder_bytes(b, LIBC_MP + members[i].offset, &value, members[i].size);
			return true;
		}
	return false;
}

static inline bool load_expect(struct loaded_image *loaded, char **words, size_t n)
{
	uint64_t a, u;

	if (n >= 3 && strcmp(words[1], "failed") == 0) {
		for (size_t i = 2; i < n; i++) {
			strcat(loaded->failed, words[i]);
			strcat(loaded->failed, " ");
		}
		return true;
	}
	if (n == 5 && strcmp(words[1], "chunk") == 0 && load_number(words[2], &a) &&
	    load_number(words[3], &u)) {
		struct expected_row row = { a, u, "" };

		snprintf(row.state, sizeof(row.state), "%s", words[4]);
		array_append(&loaded->rows, row);
		return true;
	}
	if (n == 4 && strcmp(words[1], "finding") == 0 && load_number(words[3], &a)) {
		struct expected_finding finding = { "", a };

		snprintf(finding.kind, sizeof(finding.kind), "%s", words[2]);
		array_append(&loaded->findings, finding);
		return true;
	}
	if (n == 3 && strcmp(words[1], "foreign") == 0)
		return load_number(words[2], &loaded->foreign);
	if (n == 3 && strcmp(words[1], "unwalked") == 0)
		return load_number(words[2], &loaded->unwalked);
	return false;
}

static inline bool load_bin(struct image_builder *b, vaddr arena, unsigned bin, const char *fd,
			    const char *bk)
{
	vaddr head = bin_head(b, arena, bin);
	uint64_t forward = head, back = head;

	if ((strcmp(fd, "head") && !load_number(fd, &forward)) ||
	    (strcmp(bk, "head") && !load_number(bk, &back)))
		return false;
	builder_put(b, head + 16, forward);
	builder_put(b, head + 24, back);
	return true;
}

static inline bool load_line(struct loaded_image *loaded, char **words, size_t n)
{
	struct image_builder *b = &loaded->builder;
	const char *verb = words[0];
	size_t length = strlen(verb);
	uint64_t a, u;

	if (strcmp(verb, "glibc") == 0 && n == 2 && !loaded->has_builder) {
		for (size_t i = 0; i < GLIBC_RELEASES; i++)
			if (strcmp(glibc_releases[i].name, words[1]) == 0) {
				image_builder_init(b, (enum glibc_release)i);
				loaded->has_builder = true;
			}
		return loaded->has_builder;
	}
	if (!loaded->has_builder)
		return false;
	if (strcmp(verb, "expect") == 0)
		return load_expect(loaded, words, n);
	if (verb[length - 1] == ':') {
		words[0][length - 1] = '\0';
		if (!load_number(verb, &a))
			return false;
		for (size_t i = 1; i < n; i++, a += 8) {
			if (!load_number(words[i], &u))
				return false;
			builder_put(b, a, u);
		}
		return true;
	}
	if (strcmp(verb, "thread") == 0 && n == 2 && load_number(words[1], &a)) {
		builder_thread(b, a);
		return true;
	}
	if (strcmp(verb, "mp") == 0)
		return n == 3 && load_number(words[2], &u) && load_mp(b, words[1], u);
	if (n < 2 || !load_arena(words[1], &a))
		return false;
	if (strcmp(verb, "arena") == 0 && n == 2) {
		builder_arena(b, a);
		return true;
	}
	if (strcmp(verb, "set") == 0)
		return n == 4 && load_number(words[3], &u) && load_set(b, a, words[2], u);
	if (strcmp(verb, "bin") == 0)
		return n == 5 && load_bin(b, a, (unsigned)atoi(words[2]), words[3], words[4]);
	if (strcmp(verb, "fast") == 0 && n == 4 && load_number(words[3], &u)) {
		builder_put(b, fastbin_head(b, a, (unsigned)atoi(words[2])), u);
		return true;
	}
	if (n < 3 || !load_number(words[2], &u) || u <= a)
		return false;
	if (strcmp(verb, "map") == 0)
		builder_map(b, a, u - a, n > 3 ? words[3] : NULL);
	else if (strcmp(verb, "absent") == 0)
		builder_absent(b, a, u - a);
	else if (strcmp(verb, "untouched") == 0)
		builder_untouched(b, a, u - a);
	else
		return false;
	return true;
}

/* Loads a heap that was written by hand. Returns 0, or the number of the line that is not understood. Owner: the
   caller, loaded_image_deinit(), either way. */
static inline unsigned image_load(FILE *stream, struct loaded_image *ret)
{
	char line[512];
	unsigned number = 0;

	*ret = (struct loaded_image){ .failed = " " };
	while (fgets(line, sizeof(line), stream)) {
		char *words[32], *rest = NULL;
		size_t n = 0;

		number++;
		line[strcspn(line, "#\n")] = '\0';
		for (char *word = strtok_r(line, " \t", &rest); word && n < 32;
		     word = strtok_r(NULL, " \t", &rest))
			words[n++] = word;
		if (n && !load_line(ret, words, n))
			return number;
	}
	return ret->has_builder ? 0 : number + 1;
}

#endif
