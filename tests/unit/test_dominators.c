/* SPDX-License-Identifier: MIT */
#include "graph/dominators.h"

#include "graph_builder.h"
#include "unit.h"

enum { VERTICES_MAX = 64 };

/* What the tree must be, found the simple way: remove each vertex and see what is cut off. */
struct reference {
	size_t n;
	uint8_t leads[VERTICES_MAX][VERTICES_MAX];
	uint8_t dominates[VERTICES_MAX][VERTICES_MAX];
	uint8_t met[VERTICES_MAX];
};

static void flood(const struct reference *reference, size_t without, size_t from, uint8_t *met)
{
	if (from == without || met[from])
		return;
	met[from] = 1;
	for (size_t to = 0; to < reference->n; to++) {
		if (reference->leads[from][to])
			flood(reference, without, to, met);
	}
}

static void reference_make(struct reference *reference, struct graph_builder *builder,
			   const struct reach *reach, place_id leaked)
{
	size_t n = builder->chunks.n, n_places = builder->roots.places.n;

	memset(reference, 0, sizeof(*reference));
	reference->n = n + n_places + 1;
	for (size_t i = 0; i < builder->pairs.n; i++) {
		const struct pair *pair = &builder->pairs.v[i];
		if (!reach_is_leaked(reach, pair->from) || reach_is_leaked(reach, pair->to))
			reference->leads[pair->from][pair->to] = 1;
	}
	for (size_t i = 0; i < builder->roots.v.n; i++)
		reference->leads[n + builder->roots.v.v[i].place][builder->roots.v.v[i].chunk] = 1;
	for (size_t i = 0; i < reach->leaks.n; i++)
		reference->leads[n + leaked][reach->leaks.v[i].chunk] = 1;
	for (size_t i = 0; i < n_places; i++) {
		place_id parent = builder->roots.places.v[i].parent;
		reference->leads[parent == PLACE_NONE ? n + n_places : n + parent][n + i] = 1;
	}
	flood(reference, SIZE_MAX, reference->n - 1, reference->met);
	for (size_t v = 0; v < reference->n; v++) {
		uint8_t met[VERTICES_MAX] = {0};
		flood(reference, v, reference->n - 1, met);
		for (size_t w = 0; w < reference->n; w++)
			reference->dominates[v][w] = reference->met[w] && !met[w];
	}
}

/* The immediate dominator: the one that all the others dominate. */
static vertex_id reference_idom(const struct reference *reference, size_t w)
{
	for (size_t v = 0; v < reference->n && reference->met[w]; v++) {
		if (v == w || !reference->dominates[v][w])
			continue;
		bool nearest = true;
		for (size_t u = 0; u < reference->n; u++) {
			if (u != w && reference->dominates[u][w] && !reference->dominates[u][v])
				nearest = false;
		}
		if (nearest)
			return (vertex_id)v;
	}
	return VERTEX_NONE;
}

static void compare_once(struct graph_builder *builder)
{
	place_id leaked = roots_add_place(&builder->roots, (struct root_place){.kind = PLACE_LEAKED,
									      .parent = PLACE_NONE});
	struct edges edges = builder_edges(builder);
	struct reach reach;
	struct dominators dominators;
	static struct reference reference;
	uint64_t in_use = 0, at_top = 0;

	reach_compute(&builder->chunks, &edges, &builder->roots, &reach);
	reference_make(&reference, builder, &reach, leaked);
	dominators_compute(&builder->chunks, &edges, &builder->roots, &reach, leaked, &dominators);
	ck_assert_uint_eq(vertex_count(&dominators), reference.n);
	ck_assert_ptr_null(edges.to);

	uint32_t *counts = dominators_counts(&dominators);
	place_id *owners = dominators_places(&dominators);
	for (size_t v = 0; v < reference.n; v++) {
		vertex_id expected = reference_idom(&reference, v);
		uint64_t retained = 0;
		uint32_t count = 0;
		place_id owner = PLACE_NONE;

		ck_assert_uint_eq(dominators.idom[v], expected);
		for (size_t w = 0; w < builder->chunks.n; w++) {
			if (reference.dominates[v][w]) {
				retained += chunk_usable(&builder->chunks, w);
				count++;
			}
		}
		ck_assert_uint_eq(dominators.retained[v], retained);
		ck_assert_uint_eq(counts[v], count);
		if (v >= builder->chunks.n)
			continue;
		for (vertex_id up = expected; up != VERTEX_NONE; up = reference_idom(&reference, up)) {
			if (up >= builder->chunks.n) {
				owner = up == vertex_top(&dominators) ? PLACE_NONE :
									(place_id)(up - builder->chunks.n);
				break;
			}
		}
		ck_assert_uint_eq(owners[v], owner);
		if (chunk_is_node(&builder->chunks, (chunk_id)v)) {
			ck_assert(reference.met[v]);
			in_use += chunk_usable(&builder->chunks, v);
		}
	}
	for (size_t v = 0; v < reference.n; v++) {
		if (dominators.idom[v] == vertex_top(&dominators))
			at_top += dominators.retained[v];
	}
	ck_assert_uint_eq(at_top, in_use);
	ck_assert_uint_eq(dominators.retained[vertex_top(&dominators)], in_use);
	column_free(counts, reference.n * 4);
	column_free(owners, builder->chunks.n * 4);
	dominators_deinit(&dominators);
	reach_deinit(&reach);
	builder_deinit(builder);
}

START_TEST(agrees_with_the_quadratic_reference)
{
	uint64_t state = 20261120;

	for (int i = 0; i < unit_rounds(5000); i++) {
		struct graph_builder builder;
		builder_random(&builder, &state);
		compare_once(&builder);
	}
}
END_TEST

START_TEST(an_empty_heap_has_only_the_top)
{
	struct graph_builder builder;

	builder_init(&builder, 0);
	compare_once(&builder);
}
END_TEST

/* 0 → 1, 2; both → 3; 3 → 4: 3 hangs on 0, not on 1 or 2. */
START_TEST(a_diamond_hangs_on_its_top)
{
	struct graph_builder builder;
	struct dominators dominators;
	struct reach reach;

	builder_init(&builder, 5);
	place_id variable = builder_place(&builder, PLACE_NONE), leaked = builder_place(&builder, PLACE_NONE);
	builder_root(&builder, variable, 0, HIT_START);
	builder_edge(&builder, 0, 1, false);
	builder_edge(&builder, 0, 2, false);
	builder_edge(&builder, 1, 3, false);
	builder_edge(&builder, 2, 3, false);
	builder_edge(&builder, 3, 4, false);
	struct edges edges = builder_edges(&builder);
	reach_compute(&builder.chunks, &edges, &builder.roots, &reach);
	dominators_compute(&builder.chunks, &edges, &builder.roots, &reach, leaked, &dominators);
	ck_assert_uint_eq(dominators.idom[3], 0);
	ck_assert_uint_eq(dominators.idom[4], 3);
	ck_assert_uint_eq(dominators.idom[0], vertex_of_place(&dominators, variable));
	ck_assert_uint_eq(dominators.retained[1], 40);
	ck_assert_uint_eq(dominators.retained[0], 24 + 40 + 56 + 72 + 88);
	dominators_deinit(&dominators);
	reach_deinit(&reach);
	builder_deinit(&builder);
}
END_TEST

/* A million in a row, each also pointing back: nothing recurses, nothing is quadratic. */
START_TEST(a_long_list_with_links_back_is_linear)
{
	enum { N = 1000000 };
	struct graph_builder builder;
	struct dominators dominators;
	struct reach reach;

	builder_init(&builder, N);
	place_id variable = builder_place(&builder, PLACE_NONE), leaked = builder_place(&builder, PLACE_NONE);
	builder_root(&builder, variable, 0, HIT_START);
	for (uint32_t i = 0; i + 1 < N; i++) {
		builder_edge(&builder, i, i + 1, false);
		builder_edge(&builder, i + 1, i, false);
	}
	struct edges edges = builder_edges(&builder);
	reach_compute(&builder.chunks, &edges, &builder.roots, &reach);
	ck_assert_uint_eq(reach.count[REACH_REACHABLE], N);
	dominators_compute(&builder.chunks, &edges, &builder.roots, &reach, leaked, &dominators);
	for (uint32_t i = 1; i < N; i++)
		ck_assert_uint_eq(dominators.idom[i], i - 1);
	dominators_deinit(&dominators);
	reach_deinit(&reach);
	builder_deinit(&builder);
}
END_TEST

UNIT_SUITE("dominators", agrees_with_the_quadratic_reference, an_empty_heap_has_only_the_top,
	   a_diamond_hangs_on_its_top, a_long_list_with_links_back_is_linear)
