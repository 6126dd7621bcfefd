/* SPDX-License-Identifier: MIT */
#include "graph/suspects.h"

#include "graph/children.h"
#include "graph_builder.h"
#include "target/image.h"
#include "unit.h"

struct world {
	struct graph_builder builder;
	struct dominators dominators;
	struct image image;
	suspect_array suspects;
};

static void world_finish(struct world *world)
{
	place_id leaked = roots_add_place(&world->builder.roots, (struct root_place){.kind = PLACE_LEAKED, .parent = PLACE_NONE});
	struct edges edges = builder_edges(&world->builder);
	struct reach reach;

	reach_compute(&world->builder.chunks, &edges, &world->builder.roots, &reach);
	dominators_compute(&world->builder.chunks, &edges, &world->builder.roots, &reach, leaked, &world->dominators);
	reach_deinit(&reach);
	image_init(&world->image);
	image_seal(&world->image);
	suspects_find(&world->builder.chunks, &world->image, &world->builder.roots, &world->dominators, 5, &world->suspects);
}

static void world_deinit(struct world *world)
{
	dominators_deinit(&world->dominators);
	image_deinit(&world->image);
	array_deinit(&world->suspects);
	builder_deinit(&world->builder);
}

static place_id module_add(struct graph_builder *builder)
{
	return roots_add_place(&builder->roots, (struct root_place){.kind = PLACE_MODULE, .parent = PLACE_NONE});
}

/* A variable → a table → 1000 of one size; and a little elsewhere. */
START_TEST(the_way_leads_down_to_where_it_fans_out)
{
	struct world world = {0};
	builder_init(&world.builder, 1003);
	place_id module = module_add(&world.builder);
	place_id variable = builder_place(&world.builder, module), other = builder_place(&world.builder, module);
	builder_root(&world.builder, variable, 0, HIT_START);
	builder_root(&world.builder, other, 1002, HIT_START);
	for (uint32_t i = 0; i < 1003; i++)
		chunks_set_usable(&world.builder.chunks, i, 96);
	builder_edge(&world.builder, 0, 1, false);
	for (uint32_t i = 2; i < 1002; i++)
		builder_edge(&world.builder, 1, i, false);
	world_finish(&world);
	ck_assert_uint_eq(world.suspects.n, 1);
	const struct suspect *suspect = &world.suspects.v[0];
	ck_assert_uint_eq(suspect->place, variable);
	ck_assert(!suspect->is_shared);
	ck_assert_uint_eq(suspect->point, 1);
	ck_assert_uint_eq(suspect->retained, 1002 * 96);
	ck_assert_uint_eq(suspect->child_usable, 96);
	ck_assert_uint_eq(suspect->child_count, 1000);
	world_deinit(&world);
}
END_TEST

/* A variable that holds everything itself, in many slots. */
START_TEST(a_place_can_be_the_point)
{
	struct world world = {0};
	builder_init(&world.builder, 50);
	place_id variable = builder_place(&world.builder, module_add(&world.builder));
	for (uint32_t i = 0; i < 50; i++) {
		chunks_set_usable(&world.builder.chunks, i, 40);
		builder_root(&world.builder, variable, i, HIT_START);
	}
	world_finish(&world);
	ck_assert_uint_eq(world.suspects.n, 1);
	ck_assert_uint_eq(world.suspects.v[0].place, variable);
	ck_assert(world.suspects.v[0].point == VERTEX_NONE);
	ck_assert_uint_eq(world.suspects.v[0].child_count, 50);
	ck_assert_uint_eq(world.suspects.v[0].n_offsets, 50);
	ck_assert_uint_eq(world.suspects.v[0].offset, 0);
	world_deinit(&world);
}
END_TEST

/* Two variables of one module hold the same chunk, which holds all. */
START_TEST(what_is_shared_is_called_so)
{
	struct world world = {0};
	builder_init(&world.builder, 101);
	place_id module = module_add(&world.builder);
	builder_root(&world.builder, builder_place(&world.builder, module), 0, HIT_START);
	builder_root(&world.builder, builder_place(&world.builder, module), 0, HIT_START);
	for (uint32_t i = 1; i < 101; i++)
		builder_edge(&world.builder, 0, i, false);
	world_finish(&world);
	ck_assert_uint_ge(world.suspects.n, 1);
	ck_assert_uint_eq(world.suspects.v[0].place, module);
	ck_assert(world.suspects.v[0].is_shared);
	ck_assert_uint_eq(world.suspects.v[0].start, 0);
	ck_assert_uint_eq(world.suspects.v[0].point, 0);
	world_deinit(&world);
}
END_TEST

/* Many small chunks, each held by the same two variables: none is large, all together are. */
START_TEST(many_that_are_shared_are_one_suspect)
{
	struct world world = {0};
	builder_init(&world.builder, 60);
	place_id module = module_add(&world.builder);
	place_id a = builder_place(&world.builder, module), b = builder_place(&world.builder, module);
	for (uint32_t i = 0; i < 60; i++) {
		chunks_set_usable(&world.builder.chunks, i, 56);
		builder_root(&world.builder, a, i, HIT_START);
		builder_root(&world.builder, b, i, HIT_START);
	}
	world_finish(&world);
	ck_assert_uint_eq(world.suspects.n, 1);
	ck_assert_uint_eq(world.suspects.v[0].place, module);
	ck_assert(world.suspects.v[0].is_shared && world.suspects.v[0].point == VERTEX_NONE);
	ck_assert_uint_eq(world.suspects.v[0].child_count, 60);
	ck_assert_uint_eq(world.suspects.v[0].retained, 60 * 56);
	world_deinit(&world);
}
END_TEST

START_TEST(an_empty_heap_has_no_suspects)
{
	struct world world = {0};
	builder_init(&world.builder, 0);
	world_finish(&world);
	ck_assert_uint_eq(world.suspects.n, 0);
	world_deinit(&world);
}
END_TEST

/* Children by size add up to what the tree says. */
START_TEST(children_add_up_on_random_graphs)
{
	uint64_t state = 31;

	for (int round = 0; round < unit_rounds(2000); round++) {
		struct world world = {0};
		builder_random(&world.builder, &state);
		world_finish(&world);

		size_t n = vertex_count(&world.dominators);
		vertex_id *vertices = xcalloc(n, sizeof(*vertices));
		uint64_t *below = xcalloc(n, sizeof(*below)), *expected = xcalloc(n, sizeof(*expected));
		child_group_array groups;
		for (size_t i = 0; i < n; i++)
			vertices[i] = (vertex_id)i;
		for (size_t i = 0; i < world.dominators.n_chunks; i++) {
			if (world.dominators.idom[i] != VERTEX_NONE)
				expected[world.dominators.idom[i]] += world.dominators.retained[i];
		}
		children_group(&(struct kinds){ .chunks = &world.builder.chunks }, &world.dominators, vertices, n, 200, &groups);
		for (size_t i = 0; i < groups.n; i++) {
			const struct child_group *group = &groups.v[i];

			below[vertices[group->parent]] += group->retained;
			ck_assert(group->chunk == CHUNK_NONE || (group->count == 1 && group->retained >= 200));
			ck_assert_uint_eq(chunk_usable(&world.builder.chunks, group->example), group->usable);
			if (i && groups.v[i - 1].parent == group->parent)
				ck_assert_uint_ge(groups.v[i - 1].retained, group->retained);
		}
		ck_assert_mem_eq(below, expected, n * sizeof(*below));
		free(vertices);
		free(below);
		free(expected);
		array_deinit(&groups);
		world_deinit(&world);
	}
}
END_TEST

UNIT_SUITE("suspects", the_way_leads_down_to_where_it_fans_out, a_place_can_be_the_point, what_is_shared_is_called_so,
	   many_that_are_shared_are_one_suspect, an_empty_heap_has_no_suspects, children_add_up_on_random_graphs)
