/* SPDX-License-Identifier: MIT */
#include "graph/chains.h"

#include "graph_builder.h"
#include "unit.h"

enum { N_MAX = 32 };

/* Steps from each chunk to the target, UINT32_MAX where there is no way. */
static void distances(const struct graph_builder *builder, chunk_id target, bool with_weak, uint32_t *ret)
{
	for (size_t i = 0; i < builder->chunks.n; i++)
		ret[i] = i == target ? 0 : UINT32_MAX;
	for (size_t round = 0; round < builder->chunks.n; round++) {
		for (size_t i = 0; i < builder->pairs.n; i++) {
			const struct pair *pair = &builder->pairs.v[i];
			if ((with_weak || !pair->weak) && ret[pair->to] != UINT32_MAX &&
			    ret[pair->to] + 1 < ret[pair->from])
				ret[pair->from] = ret[pair->to] + 1;
		}
	}
}

/* That it is a chain at all: each hop is an edge to the next. */
static void chain_check(const struct chain *chain, const struct edges *edges, const struct roots *roots,
			bool with_weak, chunk_id target)
{
	ck_assert_uint_ge(chain->hops.n, 1);
	ck_assert_uint_eq(chain->hops.v[chain->hops.n - 1].chunk, target);
	ck_assert(chain->hops.v[chain->hops.n - 1].edge == SIZE_MAX);
	if (chain->root != SIZE_MAX) {
		ck_assert_uint_eq(roots->v.v[chain->root].chunk, chain->hops.v[0].chunk);
		ck_assert(with_weak || roots->v.v[chain->root].hit != HIT_INTERIOR);
	}
	for (size_t i = 0; i + 1 < chain->hops.n; i++) {
		size_t edge = chain->hops.v[i].edge;
		ck_assert_uint_eq(edge_source(edges, edge), chain->hops.v[i].chunk);
		ck_assert_uint_eq(edge_to(edges, edge), chain->hops.v[i + 1].chunk);
		ck_assert(with_weak || !(edges->to[edge] & EDGE_WEAK));
	}
}

static void compare_once(struct graph_builder *builder)
{
	struct edges edges = builder_edges(builder);
	struct edges_in in;
	struct reach reach;

	reach_compute(&builder->chunks, &edges, &builder->roots, &reach);
	edges_reverse(&edges, &in);
	for (chunk_id target = 0; target < builder->chunks.n; target++) {
		uint32_t distance[N_MAX], shortest = UINT32_MAX;
		bool with_weak = reach.kind[target] != REACH_REACHABLE;
		size_t ways = 0;
		chain_array chains;

		chains_find(&edges, &in, &builder->roots, &reach, target, 1000, &chains);
		distances(builder, target, with_weak, distance);
		if (reach.kind[target] == REACH_REACHABLE || reach.kind[target] == REACH_POSSIBLE) {
			for (size_t i = 0; i < builder->roots.v.n; i++) {
				const struct root *root = &builder->roots.v.v[i];
				if ((with_weak || root->hit != HIT_INTERIOR) && distance[root->chunk] != UINT32_MAX) {
					ways++;
					shortest = distance[root->chunk] < shortest ? distance[root->chunk] : shortest;
				}
			}
		} else if (reach_is_leaked(&reach, target)) {
			for (size_t i = 0; i < reach.leaks.n; i++) {
				chunk_id leak = reach.leaks.v[i].chunk;
				if (distance[leak] != UINT32_MAX) {
					ways++;
					shortest = distance[leak] < shortest ? distance[leak] : shortest;
				}
			}
		}
		ck_assert_uint_eq(chains.n, ways);
		for (size_t i = 0; i < chains.n; i++) {
			chain_check(&chains.v[i], &edges, &builder->roots, with_weak, target);
			ck_assert(i == 0 || chains.v[i - 1].hops.n <= chains.v[i].hops.n);
		}
		if (chains.n) {
			chain_array one;
			ck_assert_uint_eq(chains.v[0].hops.n, shortest + 1);
			chains_find(&edges, &in, &builder->roots, &reach, target, 1, &one);
			ck_assert_uint_eq(one.n, 1);
			ck_assert_uint_eq(one.v[0].hops.n, shortest + 1);
			chains_deinit(&one);
		}
		chains_deinit(&chains);
	}
	edges_in_deinit(&in);
	reach_deinit(&reach);
	edges_deinit(&edges);
	builder_deinit(builder);
}

START_TEST(chains_are_chains_and_the_shortest_is_first)
{
	uint64_t state = 77;

	for (int i = 0; i < unit_rounds(1500); i++) {
		struct graph_builder builder;
		builder_random(&builder, &state);
		compare_once(&builder);
	}
}
END_TEST

/* Two slots of one variable and one of another lead to the same chunk: the two variables come first. */
START_TEST(chains_differ_in_their_places_first)
{
	struct graph_builder builder;
	struct edges_in in;
	struct reach reach;
	chain_array chains;

	builder_init(&builder, 4);
	place_id a = builder_place(&builder, PLACE_NONE), b = builder_place(&builder, PLACE_NONE);
	builder_root(&builder, a, 0, HIT_START);
	builder_root(&builder, a, 0, HIT_START);
	builder_root(&builder, b, 2, HIT_START);
	builder_edge(&builder, 0, 3, false);
	builder_edge(&builder, 2, 1, false);
	builder_edge(&builder, 1, 3, false);
	struct edges edges = builder_edges(&builder);
	reach_compute(&builder.chunks, &edges, &builder.roots, &reach);
	edges_reverse(&edges, &in);
	chains_find(&edges, &in, &builder.roots, &reach, 3, 2, &chains);
	ck_assert_uint_eq(chains.n, 2);
	ck_assert_uint_eq(builder.roots.v.v[chains.v[0].root].place, a);
	ck_assert_uint_eq(builder.roots.v.v[chains.v[1].root].place, b);
	ck_assert_uint_eq(chains.v[1].hops.n, 3);
	chains_deinit(&chains);
	edges_in_deinit(&in);
	reach_deinit(&reach);
	edges_deinit(&edges);
	builder_deinit(&builder);
}
END_TEST

UNIT_SUITE("chains", chains_are_chains_and_the_shortest_is_first, chains_differ_in_their_places_first)
