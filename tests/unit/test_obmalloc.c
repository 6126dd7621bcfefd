/* SPDX-License-Identifier: MIT */
/*
 * A small pymalloc, written by hand: one arena of 3.12, whose pools are in each state that pools can be in, with and without damage.
 *
 *   pool 0   in use: blocks of 32 bytes, ten carved, three of them free
 *   pool 1   on the arena's list of free ones
 *   pool 2   in use: blocks of 512 bytes, full
 *   the rest was never used
 */
#include <string.h>

#include "base/alloc.h"
#include "cpython/walk.h"

#include "unit.h"

#define DATA UINT64_C(0x600000)
#define TABLE UINT64_C(0x700000)
#define ARENA UINT64_C(0x7f0000001000)

enum {
	DATA_SIZE = 0x2000,
	/** Where usedpools lies in the module's data. */
	USED_POOLS = 0x400,
	ARENA_BYTES = 1 << 20,
	POOL = 1 << 14,
	HEADER = 48,
	FULL = (POOL - HEADER) / 512,
	/** The arena is not aligned to pools; its first one is. */
	FIRST = POOL - 0x1000,
};

struct small {
	struct image image;
	struct target target;
	struct module module;
	struct modules modules;
	struct heap heap;
	struct python python;
	struct py_walk walk;
	uint8_t *data, *table, *arena;
};

static void put(uint8_t *at, uint64_t word)
{
	memcpy(at, &word, 8);
}

static void put32(uint8_t *at, uint32_t word)
{
	memcpy(at, &word, 4);
}

static vaddr pool_address(unsigned pool)
{
	return ARENA + FIRST + (vaddr)pool * POOL;
}

static uint8_t *pool_bytes(struct small *small, unsigned pool)
{
	return small->arena + FIRST + (size_t)pool * POOL;
}

static void pool_write(struct small *small, unsigned pool, uint32_t count, vaddr free_block, uint32_t class, uint32_t fresh)
{
	uint8_t *bytes = pool_bytes(small, pool);

	put32(bytes, count);
	put(bytes + 8, free_block);
	put32(bytes + 32, 0);
	put32(bytes + 36, class);
	put32(bytes + 40, fresh);
}

static void small_init(struct small *small)
{
	memset(small, 0, sizeof(*small));
	small->data = xcalloc(1, DATA_SIZE);
	small->table = xcalloc(1, 4096);
	small->arena = xcalloc(1, ARENA_BYTES);

	// Empty lists point to themselves, two words before.
	for (unsigned i = 0; i < 32; i++) {
		put(small->data + USED_POOLS + i * 16, DATA + USED_POOLS + i * 16 - 16);
		put(small->data + USED_POOLS + i * 16 + 8, DATA + USED_POOLS + i * 16 - 16);
	}
	put(small->data + USED_POOLS + 16, pool_address(0));
	put(small->data + USED_POOLS + 24, pool_address(0));
	put(small->data + USED_POOLS + 512, TABLE);
	put32(small->data + USED_POOLS + 520, 4);
	put(small->data + USED_POOLS + 1088, 77);

	put(small->table, ARENA);
	put(small->table + 8, pool_address(3));
	put32(small->table + 16, 60 + 1);
	put32(small->table + 20, 63);
	put(small->table + 24, pool_address(1));

	pool_write(small, 0, 7, pool_address(0) + HEADER + 32, 1, HEADER + 10 * 32);
	put(pool_bytes(small, 0) + HEADER + 32, pool_address(0) + HEADER + 5 * 32);
	put(pool_bytes(small, 0) + HEADER + 5 * 32, pool_address(0) + HEADER + 9 * 32);
	put(pool_bytes(small, 0) + HEADER + 9 * 32, 0);
	pool_write(small, 2, FULL, 0, 31, HEADER + FULL * 512);
}

/* Walks it; gives whether the books were found. */
static bool small_walk(struct small *small)
{
	struct py_walk *walk = &small->walk;
	bool found;

	image_init(&small->target.image);
	image_add_bytes(&small->target.image, DATA, DATA_SIZE, small->data);
	image_add_bytes(&small->target.image, TABLE, 4096, small->table);
	image_add_bytes(&small->target.image, ARENA, ARENA_BYTES, small->arena);
	image_seal(&small->target.image);
	heap_init(&small->heap);
	chunks_seal(&small->heap.chunks);
	python_init(&small->python);
	array_append(&small->python.runtimes, (struct py_runtime){ .module = xstrdup("python"), .version = xstrdup("3.12.0") });
	small->module.start = DATA;
	small->module.end = DATA + DATA_SIZE;
	array_append(&small->module.segments, (struct module_segment){ .start = DATA, .end = DATA + DATA_SIZE, .flags = 6 });
	*walk = (struct py_walk){ .target = &small->target, .modules = &small->modules, .heap = &small->heap, .python = &small->python,
				  .runtime = &small->python.runtimes.v[0], .module = &small->module };
	window_init(&walk->near, &small->target.image);
	window_init(&walk->far, &small->target.image);
	ck_assert(py_layout_builtin(12, &walk->layout));
	found = obmalloc_find(walk);
	if (found) {
		obmalloc_walk(walk);
		obmalloc_add(walk);
	}
	return found;
}

static void small_deinit(struct small *small)
{
	array_deinit(&small->module.segments);
	array_deinit(&small->walk.states);
	array_deinit(&small->walk.arenas);
	chunks_deinit(&small->walk.blocks);
	python_deinit(&small->python);
	heap_deinit(&small->heap);
	image_deinit(&small->target.image);
	free(small->data);
	free(small->table);
	free(small->arena);
}

START_TEST(blocks_become_rows)
{
	struct small small;
	const struct py_pymalloc *pymalloc;

	small_init(&small);
	ck_assert(small_walk(&small));
	pymalloc = &small.python.runtimes.v[0].pymalloc;
	ck_assert_uint_eq(pymalloc->address, DATA + USED_POOLS);
	ck_assert_uint_eq(pymalloc->arenas, 1);
	ck_assert_uint_eq(pymalloc->pools, 2);
	ck_assert_uint_eq(pymalloc->free_pools, 1);
	ck_assert_uint_eq(pymalloc->fresh_pools, 60);
	ck_assert_uint_eq(pymalloc->used.count, 7 + FULL);
	ck_assert_uint_eq(pymalloc->used.bytes, 7 * 32 + FULL * 512);
	ck_assert_uint_eq(pymalloc->classes[1].used, 7);
	ck_assert_uint_eq(pymalloc->classes[1].free, (POOL - HEADER) / 32 - 7);
	ck_assert_uint_eq(pymalloc->classes[31].used, FULL);
	ck_assert_uint_eq(pymalloc->raw_blocks, 77);
	ck_assert_uint_eq(small.heap.chunks.n, 7 + FULL);
	ck_assert_uint_eq(small.heap.chunks.mem[0], pool_address(0) + HEADER);
	// The second block is free.
	ck_assert_uint_eq(small.heap.chunks.mem[1], pool_address(0) + HEADER + 64);
	ck_assert_uint_eq(chunk_usable(&small.heap.chunks, 1), 32);
	ck_assert_uint_eq(small.heap.chunks.kind[1], CHUNK_PYMALLOC);
	ck_assert_uint_eq(small.heap.system_bytes, ARENA_BYTES);
	ck_assert_uint_eq(small.heap.totals.bytes[CHUNK_IN_USE] + small.heap.totals.overhead, ARENA_BYTES);
	ck_assert(heap_is_exact(&small.heap));

	char *complaint = heap_verify(&small.heap);

	ck_assert_msg(!complaint, "%s", complaint);
	small_deinit(&small);
}
END_TEST

START_TEST(a_block_on_its_way_is_no_damage)
{
	struct small small;

	small_init(&small);
	put32(pool_bytes(&small, 0), 8);
	ck_assert(small_walk(&small));
	ck_assert_uint_eq(small.python.runtimes.v[0].pymalloc.in_motion, 1);
	ck_assert(heap_is_exact(&small.heap));
	small_deinit(&small);
}
END_TEST

/* Each is told, and none is followed. */
START_TEST(damage_is_told)
{
	for (unsigned damage = 0; damage < 7; damage++) {
		struct small small;
		char *complaint;

		small_init(&small);
		switch (damage) {
		case 0: // a list that bites itself
			put(pool_bytes(&small, 0) + HEADER + 9 * 32, pool_address(0) + HEADER + 32);
			break;
		case 1: // a link into the midst of a block
			put(pool_bytes(&small, 0) + HEADER + 32, pool_address(0) + HEADER + 5 * 32 + 8);
			break;
		case 2: // a link behind what was carved
			put(pool_bytes(&small, 0) + HEADER + 32, pool_address(0) + HEADER + 11 * 32);
			break;
		case 3: // a count that is far off
			put32(pool_bytes(&small, 0), 2);
			break;
		case 4: // a pool of another arena
			put32(pool_bytes(&small, 2) + 32, 3);
			break;
		case 5: // a size that no pool has
			put32(pool_bytes(&small, 2) + 36, 4000000000);
			break;
		case 6: // an arena whose pools end before they begin
			put(small.table + 8, ARENA - POOL);
			break;
		}
		ck_assert(small_walk(&small));
		ck_assert_msg(!heap_is_exact(&small.heap), "damage %u", damage);
		complaint = heap_verify(&small.heap);
		ck_assert_msg(!complaint, "damage %u: %s", damage, complaint);
		small_deinit(&small);
	}
}
END_TEST

START_TEST(another_thing_of_that_form_is_none)
{
	struct small small;

	// The table of arenas knows nothing of the pool.
	small_init(&small);
	put(small.table, ARENA + ARENA_BYTES);
	ck_assert(!small_walk(&small));
	ck_assert_uint_eq(small.heap.chunks.n, 0);
	small_deinit(&small);

	// A list leads to a pool of another size.
	small_init(&small);
	put32(pool_bytes(&small, 0) + 36, 2);
	ck_assert(!small_walk(&small));
	small_deinit(&small);
}
END_TEST

START_TEST(no_pool_at_all_is_another_allocator)
{
	struct small small;

	small_init(&small);
	put(small.data + USED_POOLS + 16, DATA + USED_POOLS);
	put(small.data + USED_POOLS + 24, DATA + USED_POOLS);
	put(small.table, 0);
	ck_assert(small_walk(&small));
	ck_assert_uint_eq(small.python.runtimes.v[0].pymalloc.address, VADDR_NONE);
	ck_assert_uint_eq(small.heap.chunks.n, 0);
	small_deinit(&small);
}
END_TEST

UNIT_SUITE("obmalloc", blocks_become_rows, a_block_on_its_way_is_no_damage, damage_is_told, another_thing_of_that_form_is_none,
	   no_pool_at_all_is_another_allocator)
