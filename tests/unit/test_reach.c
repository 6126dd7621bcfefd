/* SPDX-License-Identifier: MIT */
#include "graph/reach.h"

#include "graph_builder.h"
#include "unit.h"

enum { N_MAX = 32 };

/* Which chunks lead to which in any number of steps, over strong edges alone or all of them. */
static void closure(const struct graph_builder *builder, bool with_weak, uint8_t leads[N_MAX][N_MAX])
{
	size_t n = builder->chunks.n;

	memset(leads, 0, N_MAX * N_MAX);
	for (size_t i = 0; i < n; i++)
		leads[i][i] = 1;
	for (size_t i = 0; i < builder->pairs.n; i++) {
		if (with_weak || !builder->pairs.v[i].weak)
			leads[builder->pairs.v[i].from][builder->pairs.v[i].to] = 1;
	}
	for (size_t k = 0; k < n; k++)
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < n; j++)
				leads[i][j] |= leads[i][k] & leads[k][j];
}

static void compare_once(struct graph_builder *builder)
{
	struct edges edges = builder_edges(builder);
	uint8_t strong[N_MAX][N_MAX], all[N_MAX][N_MAX];
	uint8_t reachable[N_MAX] = {0}, possible[N_MAX] = {0};
	size_t n = builder->chunks.n;
	uint64_t leaked_count = 0, leaked_bytes = 0;
	struct reach reach;

	reach_compute(&builder->chunks, &edges, &builder->roots, &reach);
	closure(builder, false, strong);
	closure(builder, true, all);
	for (size_t r = 0; r < builder->roots.v.n; r++) {
		const struct root *root = &builder->roots.v.v[r];
		for (size_t i = 0; i < n; i++) {
			possible[i] |= all[root->chunk][i];
			reachable[i] |= root->hit != HIT_INTERIOR && strong[root->chunk][i];
		}
	}
	for (size_t i = 0; i < n; i++) {
		enum reach_kind expected = REACH_DIRECT;

		if (!chunk_is_node(&builder->chunks, (chunk_id)i)) {
			expected = REACH_NONE;
		} else if (reachable[i]) {
			expected = REACH_REACHABLE;
		} else if (possible[i]) {
			expected = REACH_POSSIBLE;
		} else {
			for (size_t j = 0; j < n; j++) {
				bool leaked = chunk_is_node(&builder->chunks, (chunk_id)j) && !possible[j];
				// Held from outside its cycle, or by a lower one of its cycle.
				if (leaked && j != i && all[j][i] && (!all[i][j] || j < i))
					expected = REACH_INDIRECT;
			}
			leaked_count++;
			leaked_bytes += chunk_usable(&builder->chunks, i);
		}
		ck_assert_uint_eq(reach.kind[i], expected);
	}
	for (size_t i = 0; i < reach.leaks.n; i++) {
		const struct leak *leak = &reach.leaks.v[i];
		uint32_t cycle = 0;

		ck_assert_uint_eq(reach.kind[leak->chunk], REACH_DIRECT);
		for (size_t j = 0; j < n; j++)
			cycle += all[leak->chunk][j] && all[j][leak->chunk];
		ck_assert_uint_eq(leak->cycle, cycle);
	}
	ck_assert_uint_eq(reach.leaks.n, reach.count[REACH_DIRECT]);
	ck_assert_uint_eq(reach.count[REACH_DIRECT] + reach.count[REACH_INDIRECT], leaked_count);
	ck_assert_uint_eq(reach.bytes[REACH_DIRECT] + reach.bytes[REACH_INDIRECT], leaked_bytes);
	reach_deinit(&reach);
	edges_deinit(&edges);
	builder_deinit(builder);
}

START_TEST(agrees_with_the_closure)
{
	uint64_t state = 4711;

	for (int i = 0; i < unit_rounds(5000); i++) {
		struct graph_builder builder;
		builder_random(&builder, &state);
		compare_once(&builder);
	}
}
END_TEST

START_TEST(nothing_is_leaked_where_nothing_is)
{
	struct graph_builder builder;

	builder_init(&builder, 0);
	compare_once(&builder);
}
END_TEST

/* A cycle of a million that nothing holds is one leak, and its lowest chunk stands for it. */
START_TEST(a_long_cycle_is_one_leak)
{
	enum { N = 1000000 };
	struct graph_builder builder;
	struct reach reach;

	builder_init(&builder, N);
	for (uint32_t i = 0; i < N; i++)
		builder_edge(&builder, i, (i + N - 7) % N, false);
	struct edges edges = builder_edges(&builder);
	reach_compute(&builder.chunks, &edges, &builder.roots, &reach);
	ck_assert_uint_eq(reach.leaks.n, 1);
	ck_assert_uint_eq(reach.leaks.v[0].chunk, 0);
	ck_assert_uint_eq(reach.leaks.v[0].cycle, N);
	reach_deinit(&reach);
	edges_deinit(&edges);
	builder_deinit(&builder);
}
END_TEST

UNIT_SUITE("reach", agrees_with_the_closure, nothing_is_leaked_where_nothing_is, a_long_cycle_is_one_leak)
