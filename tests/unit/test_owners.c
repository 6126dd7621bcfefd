/* SPDX-License-Identifier: MIT */
#include "graph/owners.h"

#include "base/alloc.h"
#include "graph/dominators.h"
#include "graph_builder.h"
#include "unit.h"

/* What follows from a builder's pairs and roots; `leaked` is a place. */
struct world {
	struct graph_builder builder;
	struct edges edges;
	struct reach reach;
	struct owners owners;
	/** None unless a test gives some. */
	struct holders holders;
	place_id leaked;
};

static void world_find(struct world *world)
{
	struct graph_builder *builder = &world->builder;
	struct heap heap;

	world->leaked = roots_add_place(&builder->roots, (struct root_place){ .kind = PLACE_LEAKED, .parent = PLACE_NONE });
	world->edges = builder_edges(builder);
	reach_compute(&builder->chunks, &world->edges, &builder->roots, &world->reach);
	heap_init(&heap);
	array_append(&heap.allocators, (struct heap_allocator){ .module = xstrdup("/lib/libc.so.6") });

	struct chunks none = heap.chunks;

	// Borrowed.
	heap.chunks = builder->chunks;

	uint32_t *nearest = nearest_find(&heap, &world->edges, &builder->roots, &world->holders, &world->reach);

	owners_compute(nearest, &builder->roots, &world->holders, &world->reach, world->leaked, &world->owners);
	nearest_free(nearest, world->reach.n);
	heap.chunks = none;
	heap_deinit(&heap);
}

static void world_deinit(struct world *world)
{
	owners_deinit(&world->owners);
	reach_deinit(&world->reach);
	edges_deinit(&world->edges);
	builder_deinit(&world->builder);
}

static void is_owned(const struct world *world, chunk_id chunk, const char *name)
{
	owner_id owner = world->owners.of[chunk];

	ck_assert_uint_lt(owner, world->owners.v.n);
	ck_assert_str_eq(world->owners.v.v[owner].name, name);
}

static place_id place(struct world *world, enum place_kind kind, place_id parent, const char *name)
{
	return roots_add_place(&world->builder.roots,
			       (struct root_place){ .kind = kind, .parent = parent, .name = name ? xstrdup(name) : NULL });
}

static void root(struct world *world, place_id at, chunk_id chunk, enum pointer_hit hit, const char *path)
{
	builder_root(&world->builder, at, chunk, hit);
	world->builder.roots.v.v[world->builder.roots.v.n - 1].path = path ? xstrdup(path) : NULL;
}

/* Chunk 0 is a table of the variable «server», 1 to 3 hang off it one below the other; a thread and another variable hold some of them too. */
START_TEST(a_table_has_one_owner)
{
	struct world world = { 0 };

	builder_init(&world.builder, 13);
	for (uint32_t i = 0; i < 3; i++)
		builder_edge(&world.builder, i, i + 1, false);

	place_id thread = place(&world, PLACE_THREAD, PLACE_NONE, "main"), frame = place(&world, PLACE_FRAME, thread, "work"),
		 module = place(&world, PLACE_MODULE, PLACE_NONE, "server"), server = place(&world, PLACE_VARIABLE, module, "server"),
		 last = place(&world, PLACE_VARIABLE, module, "last_client"), rbx = place(&world, PLACE_REGISTER, thread, "rbx"),
		 tls = place(&world, PLACE_TLS, thread, "current"), nameless = place(&world, PLACE_FRAME, thread, NULL);

	root(&world, server, 0, HIT_START, ".db");
	// A shorter chain does not matter where it comes from a stack …
	root(&world, frame, 1, HIT_START, "entry");
	root(&world, rbx, 2, HIT_START, NULL);
	root(&world, tls, 3, HIT_START, NULL);
	// … but it does among variables.
	root(&world, last, 4, HIT_START, NULL);
	builder_edge(&world.builder, 4, 3, false);
	// libc's come after the program's own, however short.
	place_id streams = place(&world, PLACE_VARIABLE, module, "_IO_list_all");

	world.builder.roots.places.v[streams].module = xstrdup("libc.so.6");
	root(&world, streams, 2, HIT_START, NULL);
	root(&world, streams, 11, HIT_START, NULL);
	// What only the thread has: TLS before frames, these before registers.
	root(&world, rbx, 5, HIT_START, NULL);
	root(&world, frame, 5, HIT_START, "request");
	root(&world, frame, 6, HIT_START, "request.parts[3]");
	root(&world, nameless, 7, HIT_START, NULL);
	// By an interior pointer alone; a chain that is weak does not take what a strong one has.
	root(&world, server, 8, HIT_INTERIOR, ".slots[8].head");
	root(&world, server, 9, HIT_INTERIOR, ".slots[9].head");
	root(&world, frame, 9, HIT_START, "at");
	builder_edge(&world.builder, 8, 10, false);
	world_find(&world);
	is_owned(&world, 0, "server.db");
	is_owned(&world, 1, "server.db");
	is_owned(&world, 2, "server.db");
	is_owned(&world, 3, "last_client");
	is_owned(&world, 4, "last_client");
	is_owned(&world, 5, "request in work");
	is_owned(&world, 6, "request.parts in work");
	is_owned(&world, 7, "the bottom of a stack");
	is_owned(&world, 8, "server.slots[].head");
	is_owned(&world, 9, "at in work");
	is_owned(&world, 10, "server.slots[].head");
	is_owned(&world, 11, "_IO_list_all");
	is_owned(&world, 12, "nothing (leaked)");
	world_deinit(&world);
}
END_TEST

/* Whatever the graph: nodes have an owner and nothing else has; what a place with roots dominates is its own; and an owner leads to what it owns. */
START_TEST(agrees_with_dominators)
{
	uint64_t state = 815;

	for (int round = 0; round < unit_rounds(5000); round++) {
		struct world world = { 0 };
		struct dominators dominators;
		const struct chunks *chunks = &world.builder.chunks;

		builder_random(&world.builder, &state);
		for (size_t i = 0; i < world.builder.roots.places.n; i++) {
			world.builder.roots.places.v[i].kind = (enum place_kind)dice(&state, PLACE_LEAKED);
			world.builder.roots.places.v[i].name = xasprintf("%zu", i);
		}
		world_find(&world);

		struct edges spent = builder_edges(&world.builder);

		dominators_compute(chunks, &spent, &world.builder.roots, &world.reach, world.leaked, &dominators);

		place_id *places = dominators_places(&dominators);

		for (chunk_id chunk = 0; chunk < chunks->n; chunk++) {
			owner_id owner = world.owners.of[chunk];

			ck_assert_int_eq(owner != OWNER_NONE, chunk_is_node(chunks, chunk));
			if (owner == OWNER_NONE)
				continue;
			ck_assert_uint_lt(owner, world.owners.v.n);
			ck_assert_int_eq(world.owners.v.v[owner].place == world.leaked, reach_is_leaked(&world.reach, chunk));

			// Up the tree of places from the owner's: the one that dominates is on the way.
			place_id at = world.owners.v.v[owner].place;

			while (places[chunk] != PLACE_NONE && at != places[chunk]) {
				ck_assert_uint_ne(at, PLACE_NONE);
				at = world.builder.roots.places.v[at].parent;
			}
		}
		column_free(places, chunks->n * sizeof(*places));
		dominators_deinit(&dominators);
		world_deinit(&world);
	}
}
END_TEST

/* variable a → 0 → 1 → 2    1 has a holder; 2 hangs off it alone, 3 off 2 and a frame, 4 has a holder and is leaked. */
START_TEST(holders_come_before_frames_and_bar_the_way)
{
	struct world world = { 0 };
	const uint32_t of[5] = { 0, 2, 0, 0, 1 };
	char *const names[] = { (char *)"app.lost", (char *)"app.cache" };

	world.holders = (struct holders){ of, names, 2 };
	builder_init(&world.builder, 5);
	for (uint32_t i = 0; i < 3; i++)
		builder_edge(&world.builder, i, i + 1, false);

	place_id thread = place(&world, PLACE_THREAD, PLACE_NONE, "main"), frame = place(&world, PLACE_FRAME, thread, "work");

	place_id a = place(&world, PLACE_VARIABLE, PLACE_NONE, "a");

	world.builder.roots.places.v[a].end = 8;
	root(&world, frame, 3, HIT_START, NULL);
	root(&world, a, 0, HIT_START, NULL);
	world_find(&world);
	is_owned(&world, 0, "a");
	is_owned(&world, 1, "app.cache");
	is_owned(&world, 2, "app.cache");
	is_owned(&world, 3, "app.cache");
	is_owned(&world, 4, "nothing (leaked)");
	ck_assert(owner_is_holder(&world.builder.roots, &world.owners.v.v[world.owners.of[1]]));
	ck_assert(!owner_is_holder(&world.builder.roots, &world.owners.v.v[world.owners.of[0]]));
	world_deinit(&world);
}
END_TEST

START_TEST(nothing_has_no_owner)
{
	struct world world = { 0 };

	builder_init(&world.builder, 0);
	world_find(&world);
	ck_assert_uint_eq(world.owners.v.n, 1);
	ck_assert_str_eq(world.owners.v.v[0].name, "nothing (leaked)");
	world_deinit(&world);
}
END_TEST

UNIT_SUITE("owners", a_table_has_one_owner, agrees_with_dominators, holders_come_before_frames_and_bar_the_way, nothing_has_no_owner)
