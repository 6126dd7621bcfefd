/* SPDX-License-Identifier: MIT */
/* The account of a process's memory: every byte of every mapping goes to one kind, and shared mappings are divided. */
#include <string.h>

#include "base/alloc.h"
#include "cmd/memory.h"
#include "snapshot_builder.h"
#include "unit.h"

enum { PAGE = 4096 };

static uint8_t bytes[64 * PAGE];

static struct mapping *map(struct target *target, vaddr start, unsigned pages, unsigned prot,
			   const char *path, uint64_t rss_pages)
{
	struct mapping *mapping = array_push(&target->mappings);

	*mapping = (struct mapping){
		.start = start,
		.end = start + pages * PAGE,
		.prot = prot,
		.path = path ? xstrdup(path) : NULL,
		.file = -1,
		.rss = rss_pages * PAGE,
	};
	return mapping;
}

static void is_kind(const struct snapshot *snapshot, enum memory_kind kind, uint64_t mapped_pages,
		    uint64_t rss_pages)
{
	ck_assert_msg(snapshot->memory[kind].mapped == mapped_pages * PAGE &&
			      snapshot->memory[kind].rss == rss_pages * PAGE,
		      "%s: %g pages mapped, %g resident; expected %u and %u",
		      memory_kind_name(kind), (double)snapshot->memory[kind].mapped / PAGE,
		      (double)snapshot->memory[kind].rss / PAGE, (unsigned)mapped_pages,
		      (unsigned)rss_pages);
}

enum { READ_WRITE = MAPPING_READ | MAPPING_WRITE };

START_TEST(mappings_without_a_heap_have_one_kind)
{
	_cleanup_target_ struct target *target = target_create(TARGET_LIVE);
	struct snapshot snapshot;
	struct thread *thread = array_push(&target->threads);

	snapshot_init(&snapshot);
	target->page_size = PAGE;
	*thread = (struct thread){ .tid = 1, .sp = 0x50000 + 100 };
	map(target, 0x10000, 4, MAPPING_READ | MAPPING_EXEC, "/bin/program", 3);
	map(target, 0x20000, 2, READ_WRITE, "/bin/program", 2);
	map(target, 0x30000, 8, READ_WRITE, NULL, 5);
	map(target, 0x40000, 8, READ_WRITE, "[heap]", 1);
	map(target, 0x50000, 8, READ_WRITE, NULL, 2);
	map(target, 0x60000, 8, 0, NULL, 7);
	map(target, 0x70000, 3, READ_WRITE, "[anon: pool]", 3);
	map(target, 0x80000, 4, READ_WRITE, "/memfd:buffer", 4)->shared = true;
	map(target, 0x90000, 4, READ_WRITE, "/dev/zero", 1)->shared = true;
	map(target, 0xa0000, 2, READ_WRITE, "/SYSV00000000", 1)->shared = true;
	map(target, 0xb0000, 16, READ_WRITE, "[stack]", 4);
	map(target, 0xc0000, 4, MAPPING_READ, "[vvar]", 0);
	map(target, 0xd0000, 2, MAPPING_READ | MAPPING_EXEC, "[vdso]", 1);
	image_seal(&target->image);
	memory_account(target, &snapshot);

	is_kind(&snapshot, MEMORY_FILE, 6, 5);
	// Without a heap even [heap] is nobody's; what has no access is reserved, but for the pages that are there.
	is_kind(&snapshot, MEMORY_ANONYMOUS, 19 + 7, 9 + 7);
	is_kind(&snapshot, MEMORY_STACK, 24, 6);
	is_kind(&snapshot, MEMORY_SHARED, 10, 6);
	is_kind(&snapshot, MEMORY_KERNEL, 6, 1);
	is_kind(&snapshot, MEMORY_HEAP, 0, 0);
	ck_assert_uint_eq(snapshot_memory_total(&snapshot).mapped, 72 * PAGE);
	ck_assert_uint_eq(snapshot_memory_total(&snapshot).n_mappings, 13);
	snapshot_deinit(&snapshot);
}
END_TEST

/* [heap] with a source in part of it, a mapping of a chunk merged with other memory, and an arena's heap beside reserve. */
static void heap_target(struct target *target, struct snapshot *snapshot)
{
	struct heap *heap = &snapshot->heap;

	snapshot_init(snapshot);
	target->page_size = PAGE;
	map(target, 0x100000, 16, READ_WRITE, "[heap]", 8);
	map(target, 0x200000, 16, READ_WRITE, NULL, 12);
	map(target, 0x300000, 8, READ_WRITE, NULL, 8);
	map(target, 0x308000, 8, 0, NULL, 0);
	array_append(&heap->arenas, (struct heap_arena){ .is_main = true });
	array_append(&heap->arenas, (struct heap_arena){ .is_main = false });
	// 12 of the 16 pages of [heap] are malloc's; of its 8 touched pages 6 are.
	chunks_add(&heap->chunks, 0x104010, 12 * PAGE - 16, CHUNK_TOP, CHUNK_HEAP);
	array_append(&heap->sources,
		     (struct heap_source){ .arena = 0, .start = 0x104000, .end = 0x110000 });
	image_add_bytes(&target->image, 0x102000, 8 * PAGE, bytes);
	image_add_untouched(&target->image, 0x10a000, 6 * PAGE, bytes);
	// Four pages of a chunk, all touched, within 12 touched pages.
	chunks_add(&heap->chunks, 0x202010, 4 * PAGE - 32, CHUNK_IN_USE, CHUNK_MMAPPED);
	image_add_bytes(&target->image, 0x200000, 12 * PAGE, bytes);
	chunks_add(&heap->chunks, 0x300010, 8 * PAGE - 16, CHUNK_TOP, CHUNK_HEAP);
	array_append(&heap->sources,
		     (struct heap_source){ .arena = 1, .start = 0x300000, .end = 0x308000 });
	image_add_bytes(&target->image, 0x300000, 8 * PAGE, bytes);
	image_seal(&target->image);
	ck_assert_uint_eq(chunks_seal(&heap->chunks), 0);
}

START_TEST(a_shared_mapping_is_divided)
{
	_cleanup_target_ struct target *target = target_create(TARGET_LIVE);
	struct snapshot snapshot;

	heap_target(target, &snapshot);
	memory_account(target, &snapshot);
	is_kind(&snapshot, MEMORY_HEAP, 12 + 4 + 8, 6 + 4 + 8);
	is_kind(&snapshot, MEMORY_ANONYMOUS, 4 + 12, 2 + 8);
	// Of the main arena's top all but its first page can go; 5 pages of that had been touched.
	ck_assert_uint_eq(snapshot.trimmable_resident, 5 * PAGE);
	snapshot_deinit(&snapshot);
}
END_TEST

START_TEST(a_core_has_no_resident_memory)
{
	_cleanup_target_ struct target *target = target_create(TARGET_CORE);
	struct snapshot snapshot;

	heap_target(target, &snapshot);
	for (size_t i = 0; i < target->mappings.n; i++)
		target->mappings.v[i].rss = UINT64_MAX;
	memory_account(target, &snapshot);
	for (size_t i = 0; i < MEMORY_KINDS; i++)
		ck_assert_uint_eq(snapshot.memory[i].rss, UINT64_MAX);
	ck_assert_uint_eq(snapshot.memory[MEMORY_HEAP].mapped, 24 * PAGE);
	ck_assert_uint_eq(snapshot.trimmable_resident, UINT64_MAX);
	ck_assert_uint_eq(snapshot_memory_total(&snapshot).rss, UINT64_MAX);
	snapshot_deinit(&snapshot);
}
END_TEST

UNIT_SUITE("memory", mappings_without_a_heap_have_one_kind, a_shared_mapping_is_divided,
	   a_core_has_no_resident_memory)
