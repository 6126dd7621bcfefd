/* SPDX-License-Identifier: MIT */
/* What is marked is what reach_compute() finds along edges. */
#include "graph/marks.h"

#include <string.h>

#include "base/alloc.h"
#include "unit.h"

#define BASE UINT64_C(0x7f0000000000)

static uint64_t state;

static uint64_t dice(uint64_t sides)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return ((state * UINT64_C(0x2545F4914F6CDD1D)) >> 13) % sides;
}

/* A heap of chunks that point to starts, into the middle and to nothing. */
struct memory {
	struct chunks chunks;
	struct image image;
	struct roots roots;
	uint8_t *bytes;
	size_t size;
};

static void memory_init(struct memory *memory, size_t n)
{
	vaddr at = BASE + 16;
	place_id place;

	memset(memory, 0, sizeof(*memory));
	chunks_init(&memory->chunks);
	for (size_t i = 0; i < n; i++) {
		uint64_t usable = 24 + dice(6) * 16;

		chunks_add(&memory->chunks, at, usable, dice(6) ? CHUNK_IN_USE : dice(2) ? CHUNK_SMALL : CHUNK_INTERNAL, CHUNK_HEAP);
		at += usable + 8;
	}
	ck_assert_uint_eq(chunks_seal(&memory->chunks), 0);
	memory->size = at - BASE;
	memory->bytes = xcalloc(memory->size, 1);
	for (size_t offset = 0; offset + 8 <= memory->size; offset += 8) {
		uint64_t word = memory->chunks.mem[dice(n)] + (dice(4) ? 0 : 8 * dice(4));

		if (dice(4) == 0)
			memcpy(memory->bytes + offset, &word, 8);
	}
	image_init(&memory->image);
	image_add_bytes(&memory->image, BASE, memory->size, memory->bytes);
	image_seal(&memory->image);
	roots_init(&memory->roots);
	place = roots_add_place(&memory->roots, (struct root_place){ .kind = PLACE_VARIABLE, .parent = PLACE_NONE });
	for (size_t i = dice(3); i < 3; i++) {
		chunk_id chunk = (chunk_id)dice(n);

		if (chunk_is_node(&memory->chunks, chunk))
			array_append(&memory->roots.v, (struct root){ .place = place, .chunk = chunk, .hit = dice(2) ? HIT_START : HIT_INTERIOR });
	}
	roots_seal(&memory->roots);
}

static void memory_deinit(struct memory *memory)
{
	chunks_deinit(&memory->chunks);
	image_deinit(&memory->image);
	roots_deinit(&memory->roots);
	free(memory->bytes);
}

static enum reach_kind expected(enum reach_kind kind)
{
	return kind == REACH_POSSIBLE ? REACH_REACHABLE : kind == REACH_INDIRECT ? REACH_DIRECT : kind;
}

START_TEST(agrees_with_edges)
{
	uint64_t leaked = 0, reached = 0;

	for (int round = 1; round <= unit_rounds(300); round++) {
		struct edge_options options = { .without_places = true };
		struct memory memory;
		struct edges edges;
		struct reach marks, reach;

		state = (uint64_t)round * UINT64_C(0x9e3779b97f4a7c15);
		memory_init(&memory, 2 + dice(200));
		edges_build(&memory.chunks, &memory.image, &options, &edges);
		reach_compute(&memory.chunks, &edges, &memory.roots, &reach);
		ck_assert_uint_eq(reach_mark(&memory.chunks, &memory.image, &options, &memory.roots, &marks), 0);
		for (size_t i = 0; i < memory.chunks.n; i++)
			ck_assert_msg(marks.kind[i] == expected(reach.kind[i]), "round %d, chunk %zu: %u and %u", round, i, marks.kind[i], reach.kind[i]);
		ck_assert_uint_eq(marks.count[REACH_REACHABLE], reach.count[REACH_REACHABLE] + reach.count[REACH_POSSIBLE]);
		ck_assert_uint_eq(marks.bytes[REACH_DIRECT], reach.bytes[REACH_DIRECT] + reach.bytes[REACH_INDIRECT]);
		leaked += marks.count[REACH_DIRECT];
		reached += marks.count[REACH_REACHABLE];
		reach_deinit(&marks);
		reach_deinit(&reach);
		edges_deinit(&edges);
		memory_deinit(&memory);
	}
	// Both are tried.
	ck_assert_uint_gt(leaked, 10);
	ck_assert_uint_gt(reached, 10);
}
END_TEST

UNIT_SUITE("marks", agrees_with_edges)
