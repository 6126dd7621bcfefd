/* SPDX-License-Identifier: MIT */
#include "graph/outline.h"

#include "base/alloc.h"
#include "graph_builder.h"
#include "unit.h"

/* A graph with sizes of its own. */
static void sizes_set(struct graph_builder *builder, const uint64_t *sizes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		chunks_set_usable(&builder->chunks, i, sizes[i]);
}

static struct outline outline_of(struct graph_builder *builder, uint64_t usable)
{
	struct edges edges = builder_edges(builder);
	struct reach reach;
	struct outline outline;

	reach_compute(&builder->chunks, &edges, &builder->roots, &reach);
	if (usable)
		outline_referrers(&(struct kinds){ .chunks = &builder->chunks }, &edges, &builder->roots, &reach, usable, &outline);
	else
		outline_leaks(&(struct kinds){ .chunks = &builder->chunks }, &edges, &reach, &outline);
	reach_deinit(&reach);
	edges_deinit(&edges);
	return outline;
}

START_TEST(leaks_that_look_alike_are_one_node)
{
	// Two times 48 → 200, and one 48 by itself.
	struct graph_builder builder;
	builder_init(&builder, 5);
	sizes_set(&builder, (uint64_t[]){48, 200, 48, 200, 48}, 5);
	builder_edge(&builder, 0, 1, false);
	builder_edge(&builder, 2, 3, false);

	struct outline outline = outline_of(&builder, 0);
	ck_assert_uint_eq(outline.nodes.n, 3);
	const struct outline_node *pair = &outline.nodes.v[0], *below = &outline.nodes.v[1];
	ck_assert_uint_eq(pair->usable, 48);
	ck_assert_uint_eq(pair->trees, 2);
	ck_assert_uint_eq(pair->count, 2);
	ck_assert_uint_eq(pair->below_count, 4);
	ck_assert_uint_eq(pair->below_bytes, 2 * (48 + 200));
	ck_assert_uint_eq(pair->example, 0);
	ck_assert_uint_eq(below->parent, 0);
	ck_assert_uint_eq(below->depth, 1);
	ck_assert_uint_eq(below->usable, 200);
	ck_assert_uint_eq(below->count, 2);
	ck_assert_uint_eq(outline.nodes.v[2].trees, 1);
	ck_assert_uint_eq(outline.nodes.v[2].below_count, 1);
	outline_deinit(&outline);
	builder_deinit(&builder);
}
END_TEST

START_TEST(a_list_and_a_cycle_are_one_node_each)
{
	struct graph_builder builder;
	builder_init(&builder, 2003);
	for (uint32_t i = 0; i < 2003; i++)
		chunks_set_usable(&builder.chunks, i, i < 2000 ? 56 : 72);
	for (uint32_t i = 0; i + 1 < 2000; i++)
		builder_edge(&builder, i, i + 1, false);
	builder_edge(&builder, 2000, 2001, false);
	builder_edge(&builder, 2001, 2002, false);
	builder_edge(&builder, 2002, 2000, false);

	struct outline outline = outline_of(&builder, 0);
	ck_assert_uint_eq(outline.nodes.n, 2);
	ck_assert_uint_eq(outline.nodes.v[0].count, 2000);
	ck_assert(outline.nodes.v[0].is_again && !outline.nodes.v[0].is_cycle);
	ck_assert_uint_eq(outline.nodes.v[1].count, 3);
	ck_assert_uint_eq(outline.nodes.v[1].trees, 1);
	ck_assert(outline.nodes.v[1].is_cycle);
	outline_deinit(&outline);
	builder_deinit(&builder);
}
END_TEST

/* An array of 100 of one size has one node below, whatever the offsets. */
START_TEST(elements_of_an_array_are_one_node)
{
	struct graph_builder builder;
	builder_init(&builder, 101);
	for (uint32_t i = 0; i < 101; i++)
		chunks_set_usable(&builder.chunks, i, i ? 40 : 808);
	for (uint32_t i = 1; i < 101; i++)
		builder_edge(&builder, 0, i, false);

	struct outline outline = outline_of(&builder, 0);
	ck_assert_uint_eq(outline.nodes.n, 2);
	ck_assert_uint_eq(outline.nodes.v[1].count, 100);
	ck_assert(outline.nodes.v[1].offset == OUTLINE_ANY_OFFSET);
	outline_deinit(&outline);
	builder_deinit(&builder);
}
END_TEST

START_TEST(sums_hold_and_sizes_stay_few_on_random_graphs)
{
	uint64_t state = 99;

	for (int round = 0; round < unit_rounds(3000); round++) {
		struct graph_builder builder;
		uint64_t count = 0, bytes = 0, top_count = 0, top_bytes = 0, trees = 0;

		builder_random(&builder, &state);
		struct edges edges = builder_edges(&builder);
		struct reach reach;
		struct outline outline;
		reach_compute(&builder.chunks, &edges, &builder.roots, &reach);
		outline_leaks(&(struct kinds){ .chunks = &builder.chunks }, &edges, &reach, &outline);
		for (size_t i = 0; i < outline.nodes.n; i++) {
			const struct outline_node *node = &outline.nodes.v[i];

			count += node->count;
			bytes += node->bytes;
			ck_assert(node->parent == OUTLINE_NONE || node->parent < i);
			if (node->parent == OUTLINE_NONE) {
				top_count += node->below_count;
				top_bytes += node->below_bytes;
				trees += node->trees;
			}
		}
		ck_assert_uint_eq(count, reach.count[REACH_DIRECT] + reach.count[REACH_INDIRECT]);
		ck_assert_uint_eq(bytes, reach.bytes[REACH_DIRECT] + reach.bytes[REACH_INDIRECT]);
		ck_assert_uint_eq(top_count, count);
		ck_assert_uint_eq(top_bytes, bytes);
		ck_assert_uint_eq(trees, reach.leaks.n);
		outline_deinit(&outline);

		// Each chunk that is held is told once at the top, and once at some place.
		uint64_t wanted = chunk_usable(&builder.chunks, 0), held = 0, placed = 0;
		for (size_t i = 0; i < builder.chunks.n; i++)
			held += chunk_usable(&builder.chunks, i) == wanted && (reach.kind[i] == REACH_REACHABLE || reach.kind[i] == REACH_POSSIBLE);
		outline_referrers(&(struct kinds){ .chunks = &builder.chunks }, &edges, &builder.roots, &reach, wanted, &outline);
		for (size_t i = 0; i < outline.nodes.n; i++) {
			placed += outline.nodes.v[i].place != PLACE_NONE ? outline.nodes.v[i].count : 0;
			ck_assert_uint_le(outline.nodes.v[i].count, held);
		}
		ck_assert_uint_eq(outline.nodes.n ? outline.nodes.v[0].count : 0, held);
		ck_assert_uint_eq(placed, held);
		outline_deinit(&outline);
		reach_deinit(&reach);
		edges_deinit(&edges);
		builder_deinit(&builder);
	}
}
END_TEST

/* root → array → 500 buckets of 24 → list of 104: who holds the 104s. */
START_TEST(referrers_are_told_from_the_chunks_up)
{
	enum { N = 500 };
	struct graph_builder builder;
	builder_init(&builder, 1 + N + N);
	place_id table = builder_place(&builder, PLACE_NONE);
	builder_root(&builder, table, 0, HIT_START);
	for (uint32_t i = 0; i < 1 + 2 * N; i++)
		chunks_set_usable(&builder.chunks, i, i == 0 ? 4000 : i <= N ? 24 : 104);
	for (uint32_t i = 1; i <= N; i++) {
		builder_edge(&builder, 0, i, false);
		builder_edge(&builder, i, i + N, false);
	}

	struct outline outline = outline_of(&builder, 104);
	ck_assert_uint_eq(outline.nodes.n, 4);
	ck_assert_uint_eq(outline.nodes.v[0].usable, 104);
	ck_assert_uint_eq(outline.nodes.v[1].usable, 24);
	ck_assert_uint_eq(outline.nodes.v[1].parent, 0);
	ck_assert_uint_eq(outline.nodes.v[1].offset, 0);
	ck_assert_uint_eq(outline.nodes.v[2].usable, 4000);
	ck_assert(outline.nodes.v[2].offset == OUTLINE_ANY_OFFSET);
	ck_assert_uint_eq(outline.nodes.v[3].place, table);
	for (size_t i = 0; i < 4; i++)
		ck_assert_uint_eq(outline.nodes.v[i].count, N);
	outline_deinit(&outline);
	builder_deinit(&builder);
}
END_TEST

/* 60 chunks are held by 60 kinds of holders, and only then come 1000 that one kind holds: these have a row all the same; and
   roots that differ in an index alone are one place. */
START_TEST(kinds_that_come_first_leave_room_for_large_ones)
{
	enum { FEW = 60, MANY = 1000 };
	struct graph_builder builder;
	uint32_t at = 0;

	builder_init(&builder, 2 * FEW + 2 * MANY);

	place_id table = builder_place(&builder, PLACE_NONE), other = builder_place(&builder, PLACE_NONE);

	for (uint32_t i = 0; i < FEW + MANY; i++) {
		bool is_few = i < FEW;

		chunks_set_usable(&builder.chunks, at, is_few ? 1000 + i * 16 : 504);
		chunks_set_usable(&builder.chunks, at + 1, 104);
		builder_root(&builder, is_few ? other : table, at, HIT_START);
		builder.roots.v.v[builder.roots.v.n - 1].path = is_few ? NULL : xasprintf(".slots[%u].first", i);
		builder_edge(&builder, at, at + 1, false);
		at += 2;
	}

	struct outline outline = outline_of(&builder, 104);
	bool has_many = false;

	ck_assert_uint_eq(outline.nodes.v[0].count, FEW + MANY);
	for (size_t i = 0; i < outline.nodes.n; i++) {
		const struct outline_node *node = &outline.nodes.v[i];

		ck_assert_uint_gt(node->count, 0);
		if (node->place == table && outline.nodes.v[node->parent].usable == 504) {
			ck_assert_uint_eq(node->count, MANY);
			ck_assert_str_eq(builder.roots.v.v[node->root].path, ".slots[60].first");
			has_many = true;
		}
	}
	ck_assert(has_many);
	outline_deinit(&outline);
	builder_deinit(&builder);
}
END_TEST

UNIT_SUITE("outline", leaks_that_look_alike_are_one_node, a_list_and_a_cycle_are_one_node_each, elements_of_an_array_are_one_node,
	   sums_hold_and_sizes_stay_few_on_random_graphs, referrers_are_told_from_the_chunks_up,
	   kinds_that_come_first_leave_room_for_large_ones)
