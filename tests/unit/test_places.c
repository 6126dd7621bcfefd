/* SPDX-License-Identifier: MIT */
#include "types/places.h"

#include "base/alloc.h"
#include "target/image.h"
#include "types/types.h"
#include "graph_builder.h"
#include "unit.h"

static const char *place_of(const struct types *types, chunk_id chunk)
{
	return types->role[chunk] ? types->labels.v[types->role[chunk]].name : "";
}

/*
 * Of 24 bytes are 0 and 32, of 40 are 1 and 33.
 *
 *   g_head → 0 → 1, 2      0 → 32 → 1      2 → 3, by the same word as 2      main → 5 → 6      4 has a place, 7 hangs from it, 8 from nothing
 */
START_TEST(words_on_the_way_make_a_place)
{
	struct graph_builder builder;
	struct types types = { .is_built = true };
	const struct image image = { 0 };

	builder_init(&builder, 40);

	place_id head = roots_add_place(&builder.roots, (struct root_place){ .kind = PLACE_VARIABLE, .parent = PLACE_NONE, .name = xstrdup("_ZN3zoo6g_headE"), .module = xstrdup("app") });
	place_id frame = roots_add_place(&builder.roots, (struct root_place){ .kind = PLACE_FRAME, .parent = PLACE_NONE, .name = xstrdup("main") });

	array_append(&builder.roots.v, (struct root){ .place = head, .chunk = 0, .offset = 0, .hit = HIT_START });
	array_append(&builder.roots.v, (struct root){ .place = head, .chunk = 9, .offset = 16, .hit = HIT_START });
	array_append(&builder.roots.v, (struct root){ .place = frame, .chunk = 5, .offset = 8, .hit = HIT_START });
	// A frame leads there too, but variables come first.
	array_append(&builder.roots.v, (struct root){ .place = frame, .chunk = 1, .offset = 16, .hit = HIT_START });
	builder_edge(&builder, 0, 32, false);
	builder_edge(&builder, 0, 1, false);
	builder_edge(&builder, 0, 2, false);
	builder_edge(&builder, 2, 4, false);
	builder_edge(&builder, 2, 4, false);
	builder_edge(&builder, 2, 3, false);
	builder_edge(&builder, 4, 7, false);
	builder_edge(&builder, 5, 6, false);
	builder_edge(&builder, 32, 33, false);

	struct edges edges = builder_edges(&builder);

	types_allocate(&types, builder.chunks.n);
	array_append(&types.labels, (struct chunk_label){ .name = xstrdup("unknown"), .type = TYPE_NONE });
	array_append(&types.labels, (struct chunk_label){ .name = xstrdup("← conn.buf"), .type = TYPE_NONE });
	array_append(&types.labels, (struct chunk_label){ .name = xstrdup("(gzip)"), .type = TYPE_NONE });
	types.role[4] = types.label[4] = 1;
	types.label[3] = 2;
	array_append(&types.undescribed, (struct undescribed){ .module = xstrdup("libother.so") });
	array_append(&types.undescribed, (struct undescribed){ .module = xstrdup("app") });
	places_find(&builder.chunks, &image, &edges, &builder.roots, &types);

	ck_assert_str_eq(place_of(&types, 0), "← zoo::g_head");
	ck_assert_str_eq(place_of(&types, 9), "← zoo::g_head+0x10");
	// A list of things of one size is one place.
	ck_assert_str_eq(place_of(&types, 32), "← zoo::g_head");
	ck_assert_str_eq(place_of(&types, 1), "← zoo::g_head→0x8");
	ck_assert_str_eq(place_of(&types, 2), "← zoo::g_head→0x10");
	// So is a chain of things of different sizes that are linked by the same word.
	ck_assert_str_eq(place_of(&types, 3), "← zoo::g_head→0x10");
	ck_assert_str_eq(place_of(&types, 33), "← zoo::g_head→0x0");
	ck_assert_str_eq(place_of(&types, 5), "← the stack of main");
	ck_assert_str_eq(place_of(&types, 6), "← the stack of main→0x0");
	// What types say stays, and what hangs from it is theirs to name.
	ck_assert_str_eq(place_of(&types, 4), "← conn.buf");
	ck_assert_str_eq(place_of(&types, 7), "");
	ck_assert_str_eq(place_of(&types, 8), "");
	ck_assert_str_eq(types_name(&types, 8), "unknown");
	// A look stays the name; its place is known besides.
	ck_assert_str_eq(types_name(&types, 3), "(gzip)");
	ck_assert_str_eq(types_name(&types, 2), "← zoo::g_head→0x10");
	ck_assert_uint_eq(types.evidence[2], EVIDENCE_ROLE);

	// The module that would tell most comes first.
	ck_assert_str_eq(types.undescribed.v[0].module, "app");
	ck_assert_uint_eq(types.undescribed.v[0].chunks, 7);
	ck_assert_uint_eq(types.undescribed.v[1].chunks, 0);

	types_deinit(&types);
	edges_deinit(&edges);
	builder_deinit(&builder);
}
END_TEST

UNIT_SUITE("places", words_on_the_way_make_a_place)
