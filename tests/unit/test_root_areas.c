/* SPDX-License-Identifier: MIT */
/* Hand-made address spaces, and what of them may hold roots. */
#include "graph/root_areas.h"

#include "base/alloc.h"
#include "unit.h"

struct world {
	struct target *target;
	struct modules modules;
	struct heap heap;
	struct root_areas areas;
};

static void world_init(struct world *world)
{
	world->target = target_create(TARGET_CORE);
	world->target->machine = MACHINE_X86_64;
	world->target->pid = 1;
	world->target->page_size = 4096;
	heap_init(&world->heap);
}

/* In ascending order. */
static struct mapping *map(struct world *world, vaddr start, vaddr end, unsigned prot, const char *path)
{
	struct mapping *mapping = array_push(&world->target->mappings);

	*mapping = (struct mapping){ .start = start, .end = end, .prot = prot, .path = path ? xstrdup(path) : NULL, .file = -1, .rss = UINT64_MAX };
	return mapping;
}

static void thread(struct world *world, pid_t tid, vaddr sp, vaddr tp)
{
	array_append(&world->target->threads, (struct thread){ .tid = tid, .sp = sp, .tp = tp, .syscall = -1 });
}

static void chunk(struct world *world, vaddr mem, uint64_t usable, enum chunk_kind kind)
{
	chunks_add(&world->heap.chunks, mem, usable, CHUNK_IN_USE, kind);
}

static void find(struct world *world)
{
	chunks_seal(&world->heap.chunks);
	image_seal(&world->target->image);
	modules_init(&world->modules, world->target, &(struct debug_options){ .debug_path = "" });
	root_areas_find(world->target, &world->modules, &world->heap, &world->areas);
}

static void world_deinit(struct world *world)
{
	root_areas_deinit(&world->areas);
	modules_deinit(&world->modules);
	heap_deinit(&world->heap);
	target_destroy(world->target);
}

struct expected {
	vaddr start, end;
	enum area_kind kind;
	/** Index; SIZE_MAX for none. */
	size_t thread;
};

static void is_area(const struct world *world, size_t i, struct expected expected)
{
	const struct range *range = &world->areas.ranges.v[i];
	const struct root_area *area = &world->areas.v.v[range->tag];

	ck_assert_msg(range->start == expected.start && range->end == expected.end, "area %zu is [%" PRIxVADDR ", %" PRIxVADDR "), not [%" PRIxVADDR ", %" PRIxVADDR ")",
		      i, range->start, range->end, expected.start, expected.end);
	ck_assert_msg(area->kind == expected.kind, "area %zu is of kind %d", i, (int)area->kind);
	ck_assert_uint_eq(area->thread, expected.thread);
}

#define ARE_AREAS(world, ...)                                                                  \
	do {                                                                                   \
		const struct expected expected[] = { __VA_ARGS__ };                            \
		size_t n_expected = sizeof(expected) / sizeof(expected[0]);                    \
                                                                                               \
		for (size_t at = 0; at < n_expected && at < (world)->areas.ranges.n; at++)     \
			is_area(world, at, expected[at]);                                      \
		ck_assert_uint_eq((world)->areas.ranges.n, n_expected);                        \
	} while (0)

enum { READ = MAPPING_READ, BOTH = MAPPING_READ | MAPPING_WRITE };

START_TEST(writable_memory_that_malloc_does_not_own)
{
	struct world world = { 0 };

	world_init(&world);
	map(&world, 0x10000, 0x20000, BOTH, NULL);
	map(&world, 0x20000, 0x30000, READ, NULL);
	map(&world, 0x30000, 0x40000, MAPPING_WRITE, NULL);
	map(&world, 0x40000, 0x50000, BOTH, "/dev/dri/card0");
	map(&world, 0x50000, 0x60000, BOTH, "/dev/shm/pool")->shared = true;
	map(&world, 0x60000, 0x70000, 0, NULL);
	// The heap, with something behind its end; and a chunk that is a mapping, in a larger one.
	map(&world, 0x100000, 0x122000, BOTH, "[heap]");
	array_append(&world.heap.sources, (struct heap_source){ .kind = SOURCE_SEGMENT, .start = 0x100000, .end = 0x121000 });
	chunk(&world, 0x100010, 0x18, CHUNK_HEAP);
	map(&world, 0x200000, 0x208000, BOTH, NULL);
	chunk(&world, 0x202010, 0x2000, CHUNK_MMAPPED);
	// Books of malloc's own, in memory of somebody else.
	map(&world, 0x300000, 0x302000, BOTH, NULL);
	array_append(&world.heap.books, (struct heap_books){ .start = 0x300100, .end = 0x300900 });
	find(&world);
	ARE_AREAS(&world, { 0x10000, 0x20000, AREA_MAPPING, SIZE_MAX }, { 0x50000, 0x60000, AREA_MAPPING, SIZE_MAX },
		  { 0x121000, 0x122000, AREA_MAPPING, SIZE_MAX }, { 0x200000, 0x202000, AREA_MAPPING, SIZE_MAX },
		  { 0x205000, 0x208000, AREA_MAPPING, SIZE_MAX }, { 0x300000, 0x300100, AREA_MAPPING, SIZE_MAX },
		  { 0x300900, 0x302000, AREA_MAPPING, SIZE_MAX });
	ck_assert_uint_eq(world.areas.cuts.n, 0);
	ck_assert_uint_eq(world.areas.held.n, 0);
	world_deinit(&world);
}
END_TEST

START_TEST(stacks_from_their_stack_pointers_up)
{
	struct world world = { 0 };

	world_init(&world);
	// glibc's stack of a thread: frames, then its descriptor.
	map(&world, 0x300000, 0x310000, BOTH, NULL);
	map(&world, 0x7ffff0000000, 0x7ffff0021000, BOTH, "[stack]");
	thread(&world, 1, 0x7ffff0010008, 0);
	thread(&world, 2, 0x308000, 0x30f000);
	find(&world);
	ARE_AREAS(&world, { 0x307f80, 0x30f000, AREA_STACK, 1 }, { 0x30f000, 0x310000, AREA_DESCRIPTOR, 1 },
		  { 0x7ffff000ff88, 0x7ffff0021000, AREA_STACK, 0 });
	world_deinit(&world);

	// The red zone ends where the stack does.
	world_init(&world);
	map(&world, 0x300000, 0x310000, BOTH, NULL);
	thread(&world, 2, 0x300010, 0x30f000);
	find(&world);
	ARE_AREAS(&world, { 0x300000, 0x30f000, AREA_STACK, 0 }, { 0x30f000, 0x310000, AREA_DESCRIPTOR, 0 });
	world_deinit(&world);
}
END_TEST

START_TEST(a_thread_on_a_stack_of_its_own_making)
{
	struct world world = { 0 };

	// Its own stack counts as a whole, since nothing tells what of it is in use; and of the other one nobody knows what lies below.
	world_init(&world);
	map(&world, 0x300000, 0x310000, BOTH, NULL);
	map(&world, 0x500000, 0x510000, BOTH, NULL);
	thread(&world, 2, 0x508000, 0x30f000);
	find(&world);
	ARE_AREAS(&world, { 0x300000, 0x30f000, AREA_STACK, 0 }, { 0x30f000, 0x310000, AREA_DESCRIPTOR, 0 },
		  { 0x500000, 0x507f80, AREA_MAPPING, SIZE_MAX }, { 0x507f80, 0x510000, AREA_STACK, 0 });
	world_deinit(&world);
}
END_TEST

START_TEST(a_stack_in_a_chunk_is_cut_out_of_it)
{
	struct world world = { 0 };

	world_init(&world);
	map(&world, 0x100000, 0x121000, BOTH, "[heap]");
	array_append(&world.heap.sources, (struct heap_source){ .kind = SOURCE_SEGMENT, .start = 0x100000, .end = 0x121000 });
	chunk(&world, 0x100010, 0x18, CHUNK_HEAP);
	chunk(&world, 0x100030, 0x8008, CHUNK_HEAP);
	thread(&world, 2, 0x104000, 0);
	find(&world);
	ARE_AREAS(&world, { 0x103f80, 0x108038, AREA_STACK, 0 });
	ck_assert_uint_eq(world.areas.held.n, 1);
	ck_assert_uint_eq(world.areas.held.v[0].chunk, 1);
	ck_assert_uint_eq(world.areas.cuts.n, 1);
	ck_assert_uint_eq(world.areas.cuts.v[0].chunk, 1);
	ck_assert_uint_eq(world.areas.cuts.v[0].offset, 0x8008);
	world_deinit(&world);
}
END_TEST

START_TEST(stack_pointers_that_lie)
{
	static const vaddr wrong[] = { 0, 8, 0x2fffff, 0x310000, 0x30f800, VADDR_NONE, VADDR_NONE - 7, UINT64_C(1) << 63 };

	// Nowhere, at the ends, in the descriptor: the descriptor is one all the same, and nothing is in two areas.
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		for (size_t k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++) {
			struct world world = { 0 };

			world_init(&world);
			map(&world, 0x300000, 0x310000, BOTH, NULL);
			map(&world, 0x310000, 0x311000, READ, NULL);
			thread(&world, 1, wrong[i], wrong[k]);
			thread(&world, 2, wrong[k], 0x30f000);
			find(&world);
			for (size_t at = 0; at < world.areas.ranges.n; at++) {
				const struct range *range = &world.areas.ranges.v[at];

				ck_assert_uint_lt(range->start, range->end);
				ck_assert_uint_ge(range->start, at ? world.areas.ranges.v[at - 1].end : 0x300000);
				ck_assert_uint_le(range->end, 0x310000);
			}
			ck_assert_uint_gt(world.areas.ranges.n, 0);
			world_deinit(&world);
		}
	}
}
END_TEST

UNIT_SUITE("root_areas", writable_memory_that_malloc_does_not_own, stacks_from_their_stack_pointers_up, a_thread_on_a_stack_of_its_own_making,
	   a_stack_in_a_chunk_is_cut_out_of_it, stack_pointers_that_lie)
