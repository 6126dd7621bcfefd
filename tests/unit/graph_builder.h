/* SPDX-License-Identifier: MIT */
/*
 * Graphs written by hand or by dice: n chunks without bytes, edges as pairs, roots as they come. Include it before unit.h.
 */
#ifndef TESTS_UNIT_GRAPH_BUILDER_H
#define TESTS_UNIT_GRAPH_BUILDER_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/column.h"
#include "graph/edges.h"
#include "graph/reach.h"
#include "graph/roots.h"
#include "heap/chunks.h"

struct pair {
	uint32_t from, to;
	bool weak;
};

struct graph_builder {
	struct chunks chunks;
	struct roots roots;
	ARRAY(struct pair) pairs;
};

/* n chunks in use of 24, 40, 56 … usable bytes. */
static inline void builder_init(struct graph_builder *builder, size_t n)
{
	memset(builder, 0, sizeof(*builder));
	chunks_init(&builder->chunks);
	roots_init(&builder->roots);
	for (size_t i = 0; i < n; i++)
		chunks_add(&builder->chunks, 0x10000 + i * 1024, 24 + i % 32 * 16, CHUNK_IN_USE, CHUNK_HEAP);
	chunks_seal(&builder->chunks);
}

static inline void builder_deinit(struct graph_builder *builder)
{
	chunks_deinit(&builder->chunks);
	roots_deinit(&builder->roots);
	array_deinit(&builder->pairs);
}

static inline void builder_edge(struct graph_builder *builder, uint32_t from, uint32_t to, bool weak)
{
	array_append(&builder->pairs, (struct pair){from, to, weak});
}

static inline place_id builder_place(struct graph_builder *builder, place_id parent)
{
	return roots_add_place(&builder->roots, (struct root_place){.kind = PLACE_VARIABLE, .parent = parent});
}

static inline void builder_root(struct graph_builder *builder, place_id place, chunk_id chunk,
				enum pointer_hit hit)
{
	array_append(&builder->roots.v, (struct root){.place = place,
						      .chunk = chunk,
						      .offset = builder->roots.v.n * 8,
						      .hit = hit});
}

static inline int builder_compare(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;
	return a->from < b->from ? -1 : a->from > b->from;
}

/* The edges, in columns as edges_build() makes them; a place counts the edges of its row. */
static inline struct edges builder_edges(struct graph_builder *builder)
{
	struct edges edges = {.n_chunks = builder->chunks.n, .n = builder->pairs.n, .place_unit = 8};

	edges.capacity = edges.n + 1;
	edges.first = column_grow(NULL, 0, (edges.n_chunks + 1) * 4);
	edges.to = column_grow(NULL, 0, edges.capacity * 4);
	edges.place = column_grow(NULL, 0, edges.capacity * 4);
	roots_seal(&builder->roots);
	if (builder->pairs.n)
		qsort(builder->pairs.v, builder->pairs.n, sizeof(*builder->pairs.v), builder_compare);
	size_t at = 0;
	for (size_t chunk = 0; chunk < edges.n_chunks; chunk++) {
		for (; at < edges.n && builder->pairs.v[at].from == chunk; at++) {
			const struct pair *pair = &builder->pairs.v[at];
			edges.to[at] = pair->to | (pair->weak ? EDGE_WEAK : 0);
			edges.place[at] = (uint32_t)(at - edges.first[chunk]) |
					  (pair->weak ? (uint32_t)HIT_INTERIOR << EDGE_HIT_SHIFT : 0);
		}
		edges.first[chunk + 1] = (uint32_t)at;
	}
	return edges;
}

/* xorshift64*: the same graphs in every run. */
static inline uint32_t dice(uint64_t *state, uint32_t sides)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)((*state * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % sides;
}

/* A random graph: sparse or dense, with trees and back edges, nodes and free chunks, places in places. */
static inline void builder_random(struct graph_builder *builder, uint64_t *state)
{
	uint32_t n = 1 + dice(state, 24), n_edges = dice(state, n * (1 + dice(state, 4)) + 1);
	uint32_t n_places = dice(state, 6), n_roots = n_places ? dice(state, 8) : 0;

	builder_init(builder, n);
	for (uint32_t i = 0; i < n; i++) {
		if (dice(state, 10) == 0)
			builder->chunks.state[i] = CHUNK_SMALL;
		else if (dice(state, 20) == 0)
			builder->chunks.state[i] = CHUNK_INTERNAL;
	}
	for (uint32_t i = 0; i < n_edges; i++) {
		uint32_t from = dice(state, n), to = dice(state, 3) ? dice(state, n) : (from + 1) % n;
		if (chunk_is_node(&builder->chunks, from) && chunk_is_node(&builder->chunks, to))
			builder_edge(builder, from, to, dice(state, 6) == 0);
	}
	for (uint32_t i = 0; i < n_places; i++)
		builder_place(builder, i && dice(state, 2) ? dice(state, i) : PLACE_NONE);
	for (uint32_t i = 0; i < n_roots; i++) {
		uint32_t chunk = dice(state, n);
		if (chunk_is_node(&builder->chunks, chunk))
			builder_root(builder, dice(state, n_places), chunk,
				     dice(state, 5) ? HIT_START : HIT_INTERIOR);
	}
}

#endif
