/* SPDX-License-Identifier: MIT */
/*
 * Snapshots built by hand, for tests of what is computed from them: heaps laid out chunk by chunk as a picture of states and sizes.
 */
#ifndef TESTS_UNIT_SNAPSHOT_BUILDER_H
#define TESTS_UNIT_SNAPSHOT_BUILDER_H

#include <string.h>

#include "base/alloc.h"
#include "snapshot/snapshot.h"

/* A source that is being laid out: where the next chunk's header goes. */
struct layout_at {
	struct heap *heap;
	vaddr at;
};

static inline struct layout_at source_begin(struct heap *heap, vaddr start)
{
	return (struct layout_at){ heap, start };
}

/* The next chunk: usable bytes are the size less 8, as malloc counts them. Gives its mem. */
static inline vaddr chunk_next(struct layout_at *layout, uint64_t usable, enum chunk_state state)
{
	vaddr mem = layout->at + 16;

	chunks_add(&layout->heap->chunks, mem, usable, state, CHUNK_HEAP);
	layout->at += usable + 8;
	return mem;
}

/* Several alike. */
static inline void chunks_next(struct layout_at *layout, size_t count, uint64_t usable,
			       enum chunk_state state)
{
	while (count--)
		chunk_next(layout, usable, state);
}

/* Ends a source: the rest up to its end is top. */
static inline void source_end_top(struct layout_at *layout, enum source_kind kind, uint32_t arena,
				  vaddr start, vaddr end)
{
	chunks_add(&layout->heap->chunks, layout->at + 16, end - layout->at - 16, CHUNK_TOP,
		   CHUNK_HEAP);
	array_append(
		&layout->heap->sources,
		(struct heap_source){ .kind = kind, .arena = arena, .start = start, .end = end });
}

/* Ends a source where it is, in a fence of 16 bytes. */
static inline void source_end_fence(struct layout_at *layout, enum source_kind kind, uint32_t arena,
				    vaddr start)
{
	array_append(&layout->heap->sources, (struct heap_source){ .kind = kind,
								   .arena = arena,
								   .start = start,
								   .end = layout->at + 16 });
}

static inline void passed_checks(struct heap *heap)
{
	heap_check(heap, "bins", CHECK_PASSED, 0, "%s", "");
	heap_check(heap, "sums", CHECK_PASSED, 0, "%s", "");
	heap_check(heap, "mmapped", CHECK_SKIPPED, 0, "this glibc does not keep the sum");
}

/* A server with two arenas, one chunk that is a mapping of its own, three threads, and memory of every kind. */
static inline void sample_snapshot(struct snapshot *snapshot)
{
	enum { MAPPED = 0x200000 };
	const vaddr main_start = 0x555555600000, heap_start = 0x7f0000000000,
		    mapping = 0x7ffff0000000;
	struct heap *heap = &snapshot->heap;

	snapshot_init(snapshot);
	snapshot->kind = SNAPSHOT_LIVE;
	snapshot->pid = 4711;
	snapshot->name = xstrdup("serv\x1b[31mer");
	snapshot->exe = xstrdup("/usr/sbin/server");
	snapshot->command = xstrdup("/usr/sbin/server --config \"/etc/a,b\nc\" \xff");
	snapshot->time = 1795190760;
	snapshot->machine = "x86-64";
	snapshot->page_size = 4096;
	snapshot->pause_ns = 14230000;
	snapshot->copy_ns = 9100000;
	snapshot->quiesce_ns = 350000;
	snapshot->copied_bytes = 5 << 20;
	snapshot->steps = 3;
	snapshot->threads_stepped = 1;
	for (pid_t tid = 4711; tid < 4714; tid++) {
		struct snapshot_thread *thread = array_push(&snapshot->threads);

		*thread = (struct snapshot_thread){ .tid = tid,
						    .pc = 0x401000,
						    .sp = 0x7ffffffde000 };
		snprintf(thread->name, sizeof(thread->name), tid == 4711 ? "server" : "worker/%d",
			 tid - 4711);
	}
	array_append(&snapshot->modules,
		     (struct snapshot_module){
			     .path = xstrdup("/usr/sbin/server"),
			     .start = 0x555555400000,
			     .end = 0x555555500000,
			     .build_id = xstrdup("00112233445566778899aabbccddeeff00112233"),
			     .debug = xstrdup("inside") });
	array_append(&snapshot->modules,
		     (struct snapshot_module){ .path = xstrdup("/lib/libgone.so"),
					       .start = 0x7ffff7000000,
					       .end = 0x7ffff7010000,
					       .why_absent = xstrdup("is not on this machine"),
					       .replaced = true });
	snapshot->memory[MEMORY_HEAP] = (struct snapshot_memory){ 0x280000 + MAPPED,
								  0x240000 + MAPPED, 3 };
	snapshot->memory[MEMORY_ANONYMOUS] = (struct snapshot_memory){ 0x400000, 0x100000, 5 };
	snapshot->memory[MEMORY_STACK] = (struct snapshot_memory){ 0x1800000, 0x9000, 3 };
	snapshot->memory[MEMORY_FILE] = (struct snapshot_memory){ 0x300000, 0x180000, 12 };
	snapshot->memory[MEMORY_KERNEL] = (struct snapshot_memory){ 0x4000, 0x1000, 2 };
	snapshot->trimmable_resident = 0x8000;

	array_append(&heap->allocators,
		     (struct heap_allocator){ .name = xstrdup("glibc"),
					      .version = xstrdup("2.36"),
					      .module = xstrdup("/lib/libc.so.6"),
					      .offsets = xstrdup("DWARF, confirmed by structure"),
					      .n_mmaps = 1,
					      .mmapped_bytes = MAPPED,
					      .found_mmaps = 1,
					      .found_mmapped_bytes = MAPPED });
	array_append(&heap->arenas, (struct heap_arena){ .address = 0x7ffff7e00c80,
							 .is_main = true,
							 .attached_threads = 1,
							 .system_bytes = 0x200000,
							 .max_system_bytes = 0x300000 });
	array_append(&heap->arenas, (struct heap_arena){ .address = heap_start + 0x30,
							 .attached_threads = 2,
							 .system_bytes = 0x80000,
							 .max_system_bytes = 0x80000,
							 .locked = true });

	struct layout_at at = source_begin(heap, main_start);

	chunk_next(&at, 648, CHUNK_INTERNAL);
	for (unsigned i = 0; i < 1000; i++) {
		chunk_next(&at, 88, CHUNK_IN_USE);
		chunk_next(&at, 24 + 16 * (i % 20), i % 4 == 3 ? CHUNK_SMALL : CHUNK_IN_USE);
		chunk_next(&at, 88, i % 50 == 7 ? CHUNK_TCACHE : CHUNK_IN_USE);
	}
	chunk_next(&at, 40, CHUNK_FAST);
	chunk_next(&at, 100008, CHUNK_LARGE);
	chunk_next(&at, 66520, CHUNK_IN_USE);
	chunk_next(&at, 1048, CHUNK_UNSORTED);
	chunk_next(&at, 4104, CHUNK_IN_USE);
	source_end_top(&at, SOURCE_SEGMENT, 0, main_start, main_start + 0x200000);

	at = source_begin(heap, heap_start + 0x8c0);
	chunk_next(&at, 648, CHUNK_INTERNAL);
	chunks_next(&at, 300, 1032, CHUNK_IN_USE);
	source_end_top(&at, SOURCE_HEAP, 1, heap_start, heap_start + 0x80000);

	chunks_add(&heap->chunks, mapping + 16, MAPPED - 16, CHUNK_IN_USE, CHUNK_MMAPPED);
	chunks_seal(&heap->chunks);
	heap_sum(heap);
	array_append(&heap->tcaches, (struct heap_tcache){ 4711, main_start + 16, 20, 20 * 88 });
	array_append(&heap->tcaches, (struct heap_tcache){ 4712, heap_start + 0x8d0, 0, 0 });
	array_append(&heap->tcaches, (struct heap_tcache){ 0, heap_start + 0x10, 2, 80 });
	passed_checks(heap);
}

/* The same with damage: it is not exact. */
static inline void damaged_snapshot(struct snapshot *snapshot)
{
	struct heap *heap;

	sample_snapshot(snapshot);
	heap = &snapshot->heap;
	heap_check(heap, "walk", CHECK_FAILED, 2,
		   "2 walks end elsewhere than in the top: arena 1 at 0x7f0000001000");
	for (unsigned i = 0; i < 12; i++)
		heap_finding(heap, i % 3 == 2 ? FINDING_AMBIGUOUS : FINDING_CORRUPTION,
			     0x555555600000 + i * 0x40, i % 2 ? 0 : UINT32_MAX,
			     "the size 0x%x is no size; 0x60 bytes of \"a\\b\" follow", i);
	array_append(&snapshot->notices,
		     xstrdup("the segment at 0x7f1000000000 of /srv/\x1b[2Jheap was not dumped"));
	// A second libc, which its path tells from the first.
	array_append(&heap->allocators,
		     (struct heap_allocator){ .name = xstrdup("glibc"),
					      .version = xstrdup("2.41"),
					      .module = xstrdup("/opt/\x1b]0;x\a/libc.so.6"),
					      .offsets = xstrdup("structure") });
}

/* The same served by another allocator, with nothing in glibc's heap. */
static inline void foreign_snapshot(struct snapshot *snapshot)
{
	snapshot_init(snapshot);
	snapshot->kind = SNAPSHOT_CORE;
	snapshot->name = xstrdup("server");
	snapshot->core = xstrdup("/var/crash/core.4711");
	snapshot->signal = 11;
	snapshot->fault_address = 0x10;
	snapshot->time = 1795190760;
	snapshot->machine = "aarch64";
	snapshot->page_size = 65536;
	snapshot->foreign_allocator = xstrdup("jemalloc");
	snapshot->allocator_evidence = xstrdup("libjemalloc.so.2 defines malloc and mallctl");
	snapshot->memory[MEMORY_ANONYMOUS] = (struct snapshot_memory){ 1 << 30, UINT64_MAX, 7 };
	snapshot->memory[MEMORY_FILE] = (struct snapshot_memory){ 1 << 20, UINT64_MAX, 3 };
	for (unsigned i = 0; i < 3; i++)
		array_append(&snapshot->modules,
			     (struct snapshot_module){ .path = xasprintf("/lib/lib%u.so", i),
						       .start = 0x7ffff7000000 + i * 0x10000,
						       .end = 0x7ffff7010000 + i * 0x10000 });
}

/* The same where nothing is known of any allocator. */
static inline void unknown_snapshot(struct snapshot *snapshot)
{
	foreign_snapshot(snapshot);
	free(snapshot->foreign_allocator);
	snapshot->foreign_allocator = NULL;
	free(snapshot->allocator_evidence);
	snapshot->allocator_evidence = xstrdup(
		"the program cannot be read, and no other module defines malloc");
}

#endif
