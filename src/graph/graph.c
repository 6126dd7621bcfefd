/* SPDX-License-Identifier: MIT */
#include "graph/graph.h"

#include "graph/root_areas.h"
#include "graph/root_scan.h"
#include "heap/heap.h"
#include "target/target.h"

/* Suspects that are told. */
enum { SUSPECTS = 5 };

void graph_build(const struct target *target, struct modules *modules, const struct heap *heap, const struct graph_options *options,
		 struct graph *ret)
{
	struct graph graph = { .is_built = true, .options = *options };
	struct root_options roots = { .pointers = options->pointers, .without_dwarf = options->without_dwarf };
	struct edge_options edges = { .pointers = options->pointers,
				      .threads = options->threads,
				      .without_places = options->with_dominators || !options->with_edges };
	struct root_areas areas;

	root_areas_find(target, modules, heap, &areas);
	roots_scan(target, modules, heap, &areas, &roots, &graph.roots, &graph.leaked);
	edges.cuts = areas.cuts.v;
	edges.n_cuts = areas.cuts.n;
	edges_build(&heap->chunks, &target->image, &edges, &graph.edges);
	graph.unread_chunks = graph.edges.unread;
	graph.unread_roots = graph.roots.unread;
	graph.refused = graph.edges.refused;
	reach_compute(&heap->chunks, &graph.edges, &graph.roots, &graph.reach);
	if (options->with_owners)
		owners_compute(&heap->chunks, &graph.edges, &graph.roots, &graph.reach, graph.leaked, &graph.owners);
	if (options->with_dominators) {
		dominators_compute(&heap->chunks, &graph.edges, &graph.roots, &graph.reach, graph.leaked, &graph.dominators);
		suspects_find(&heap->chunks, &target->image, &graph.roots, &graph.dominators, SUSPECTS, &graph.suspects);
		// Once more, this time with places: both at once would take more memory than a second look takes time.
		edges.without_places = false;
		if (options->with_edges)
			edges_build(&heap->chunks, &target->image, &edges, &graph.edges);
	} else if (!options->with_edges) {
		edges_deinit(&graph.edges);
	}
	root_areas_deinit(&areas);
	*ret = graph;
}

void graph_deinit(struct graph *graph)
{
	if (!graph->is_built)
		return;
	roots_deinit(&graph->roots);
	edges_deinit(&graph->edges);
	reach_deinit(&graph->reach);
	owners_deinit(&graph->owners);
	if (graph->options.with_dominators)
		dominators_deinit(&graph->dominators);
	array_deinit(&graph->suspects);
	*graph = (struct graph){ 0 };
}

bool graph_is_complete(const struct graph *graph)
{
	return !graph->unread_chunks && !graph->unread_roots && !graph->refused;
}
