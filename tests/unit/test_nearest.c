/* SPDX-License-Identifier: MIT */
#include "graph/nearest.h"

#include "base/alloc.h"
#include "graph_builder.h"
#include "unit.h"

/*   variable a → 0 → 1 → 2        frame → 2, 3        variable of libc → 4 → 1        4 → 5        6 is leaked */
START_TEST(variables_come_first_and_short_ways)
{
	struct graph_builder builder;
	struct heap heap;

	builder_init(&builder, 7);

	place_id a = builder_place(&builder, PLACE_NONE);
	place_id frame = roots_add_place(&builder.roots, (struct root_place){ .kind = PLACE_FRAME, .parent = PLACE_NONE });
	place_id libc = roots_add_place(&builder.roots, (struct root_place){ .kind = PLACE_VARIABLE, .parent = PLACE_NONE, .module = xstrdup("libc.so.6") });
	place_id b = builder_place(&builder, PLACE_NONE);

	builder_root(&builder, frame, 2, HIT_START);
	builder_root(&builder, frame, 3, HIT_INTERIOR);
	builder_root(&builder, libc, 4, HIT_START);
	builder_root(&builder, a, 0, HIT_START);
	builder_root(&builder, b, 1, HIT_START);
	builder_edge(&builder, 0, 1, false);
	builder_edge(&builder, 1, 2, false);
	builder_edge(&builder, 4, 1, false);
	builder_edge(&builder, 4, 5, true);

	struct edges edges = builder_edges(&builder);

	heap_init(&heap);
	chunks_deinit(&heap.chunks);
	heap.chunks = builder.chunks;
	array_append(&heap.allocators, (struct heap_allocator){ .module = xstrdup("/lib/libc.so.6") });

	const place_id expected[] = { a, b, b, frame, libc, libc, PLACE_NONE };
	struct reach reach;

	reach_compute(&heap.chunks, &edges, &builder.roots, &reach);

	uint32_t *nearest = nearest_find(&heap, &edges, &builder.roots, NULL, &reach);

	for (size_t i = 0; i < 7; i++)
		ck_assert_msg((nearest[i] == NEAREST_NONE ? PLACE_NONE : builder.roots.v.v[nearest[i]].place) == expected[i], "chunk %zu: root %u", i,
			      nearest[i]);
	nearest_free(nearest, 7);
	reach_deinit(&reach);
	edges_deinit(&edges);
	roots_deinit(&builder.roots);
	array_deinit(&builder.pairs);
	heap_deinit(&heap);
}
END_TEST

UNIT_SUITE("nearest", variables_come_first_and_short_ways)
