/* SPDX-License-Identifier: MIT */
/*
 * A snapshot with a graph: the sample's chunks, pointers between them by dice, roots of every kind; and every report of such a snapshot. Include it before
 * unit.h.
 */
#ifndef TESTS_UNIT_GRAPH_SNAPSHOT_H
#define TESTS_UNIT_GRAPH_SNAPSHOT_H

#include "graph_builder.h"
#include "report/print_arenas.h"
#include "report/print_leaks.h"
#include "report/print_list.h"
#include "report/print_report.h"
#include "report/print_show.h"
#include "report/print_top.h"
#include "report/print_type.h"
#include "report/print_why.h"
#include "snapshot_builder.h"
#include "types_builder.h"

/* A chunk that is a node, from somewhere on. */
static inline chunk_id some_node(const struct chunks *chunks, uint64_t *state)
{
	chunk_id chunk = dice(state, (uint32_t)chunks->n);

	while (!chunk_is_node(chunks, chunk))
		chunk = (chunk + 1) % (uint32_t)chunks->n;
	return chunk;
}

/* Gives a snapshot its graph; n_edges pointers. */
static inline void graph_add(struct snapshot *snapshot, size_t n_edges, uint64_t seed)
{
	struct graph *graph = &snapshot->graph;
	const struct chunks *chunks = &snapshot->heap.chunks;
	struct graph_builder builder = { .chunks = *chunks };
	uint64_t state = seed;

	for (unsigned kind = 0; kind < PLACE_KINDS; kind++) {
		bool of_thread = kind > PLACE_THREAD && kind <= PLACE_DESCRIPTOR;
		bool is_nameless = kind == PLACE_FRAME || kind == PLACE_MAPPING;

		roots_add_place(&builder.roots,
				(struct root_place){
					.kind = (enum place_kind)kind,
					.parent = of_thread		   ? PLACE_THREAD
						  : kind == PLACE_VARIABLE ? PLACE_MODULE
									   : PLACE_NONE,
					.name = is_nameless ? NULL : xasprintf("place\x1b%u", kind),
					.module = kind % 3 ? NULL : xstrdup("/lib/libx.so"),
					.source = kind % 4 ? NULL : xasprintf("file.c:%u", kind),
					.start = 0x1000 * kind,
					.end = 0x1000 * kind + 0x800,
					.tid = of_thread || kind == PLACE_THREAD ? 4711 : 0,
					.frame = kind,
				});
	}
	for (size_t i = 0; i < n_edges; i++)
		builder_edge(&builder, some_node(chunks, &state), some_node(chunks, &state),
			     dice(&state, 5) == 0);
	for (unsigned i = 0; i < 40; i++) {
		builder_root(&builder, dice(&state, PLACE_LEAKED), some_node(chunks, &state),
			     (enum pointer_hit)dice(&state, HIT_INTERIOR + 1));
		if (i % 5 == 0)
			builder.roots.v.v[i].path = xasprintf(".slots[%u]", i);
	}

	struct edges spent = builder_edges(&builder);
	uint32_t *nearest;

	graph->is_built = true;
	graph->options = (struct graph_options){ .with_dominators = true,
						   .with_owners = true,
						   .with_edges = true };
	graph->roots = builder.roots;
	graph->leaked = PLACE_LEAKED;
	graph->unread_chunks = 4096;
	reach_compute(chunks, &spent, &graph->roots, &graph->reach);
	nearest = nearest_find(&snapshot->heap, &spent, &graph->roots, NULL, &graph->reach);
	owners_compute(nearest, &graph->roots, NULL, &graph->reach, graph->leaked, &graph->owners);
	nearest_free(nearest, graph->reach.n);
	dominators_compute(chunks, &spent, &graph->roots, &graph->reach, graph->leaked,
			   &graph->dominators);
	graph->edges = builder_edges(&builder);
	array_append(&graph->suspects, (struct suspect){ .place = 1,
							 .start = some_node(chunks, &state),
							 .point = some_node(chunks, &state),
							 .retained = 5000,
							 .child_usable = 88,
							 .child_count = 3,
							 .child_retained = 300,
							 .offset = 16,
							 .n_offsets = 2 });
	array_append(&graph->suspects, (struct suspect){ .place = PLACE_NONE,
							 .start = VERTEX_NONE,
							 .point = VERTEX_NONE,
							 .is_shared = true,
							 .retained = 70000 });
	for (unsigned i = 0; i < 50; i++) {
		chunk_id chunk = i * 7;
		size_t length = chunk_usable(chunks, chunk) < 64 ? chunk_usable(chunks, chunk) : 64,
		       at = snapshot->content_bytes.n;

		for (size_t j = 0; j < length; j++)
			array_append(&snapshot->content_bytes, (uint8_t)dice(&state, 256));
		array_append(&snapshot->contents, (struct snapshot_content){ chunk, length, at });
	}
	array_deinit(&builder.pairs);
}

static inline void graph_snapshot(struct snapshot *snapshot)
{
	sample_snapshot(snapshot);
	graph_add(snapshot, 2500, 42);
}

/* The same with types. */
static inline void typed_snapshot(struct snapshot *snapshot)
{
	graph_snapshot(snapshot);
	types_add(snapshot);
	array_append(&snapshot->symbols, (struct snapshot_symbol){ 0x555555400010, xstrdup("clo\x1bsed"), xstrdup("server") });
	array_append(&snapshot->symbols, (struct snapshot_symbol){ 0x555555400020, NULL, xstrdup("server") });
}

/* Every report there is of a snapshot, as far as it has what they need. */
static inline void print_everything(struct writer *writer, const struct snapshot *snapshot)
{
	const struct chunks *chunks = &snapshot->heap.chunks;
	struct list_options list = {
		.max_size = UINT64_MAX, .states = ~0u, .kinds = ~0u, .limit = 5000
	};
	const struct graph *graph = &snapshot->graph;

	print_report(writer, snapshot, &(struct report_options){ .lines = 1000, .target = "X" });
	print_arenas(writer, snapshot, &(struct arenas_options){ .lines = 1000, .target = "X" });
	print_list(writer, snapshot, &list);
	list.order = LIST_BY_SIZE;
	print_list(writer, snapshot, &list);
	if (graph->options.with_dominators)
		print_top(writer, snapshot,
			  &(struct top_options){
				  .depth = 5, .limit = 20, .lines = 1000, .target = "X" });
	for (label_id i = 0; i < snapshot->types.labels.n && i < 8; i++)
		print_type(writer, snapshot, i, &(struct type_options){ .lines = 1000, .target = "X" });
	if (!graph->options.with_edges || !graph->options.with_dominators)
		return;
	for (label_id i = 1; i < snapshot->types.labels.n && i < 8; i++)
		print_why_chunks(writer, snapshot, &(struct chunk_choice){ .label = i }, &(struct why_options){ .chains = 2, .depth = 4, .lines = 1000, .target = "X" });
	for (chunk_id i = 0; i < chunks->n && snapshot->types.is_built; i += 1 + (chunk_id)chunks->n / 40)
		print_show(writer, snapshot, i, &(struct show_options){ .limit = 100, .lines = 1000, .address = chunks->mem[i], .target = "X" });
	print_leaks(writer, snapshot,
		    &(struct leaks_options){ .depth = 10, .lines = 1000, .target = "X" });
	for (size_t i = 0; i < chunks->n; i += 1 + chunks->n / 3) {
		struct why_options why = { .chains = 3, .depth = 4, .lines = 1000, .target = "X" };

		print_show(writer, snapshot, (chunk_id)i,
			   &(struct show_options){ .limit = 100,
						   .lines = 1000,
						   .address = chunks->mem[i],
						   .target = "X" });
		print_why_chunk(writer, snapshot, (chunk_id)i, &why);
		print_why_chunks(writer, snapshot, &(struct chunk_choice){ .usable = chunk_usable(chunks, (chunk_id)i) }, &why);
	}
}

#endif
