/* SPDX-License-Identifier: MIT */
#include "graph/graph.h"

#include "graph/marks.h"
#include "graph/root_areas.h"
#include "graph/root_scan.h"
#include "heap/heap.h"
#include "target/target.h"

/* Suspects that are told. */
enum { SUSPECTS = 5 };

void graph_build(const struct target *target, struct modules *modules, const struct heap *heap, const struct graph_options *options,
		 struct graph *ret)
{
	struct graph graph = { .is_built = true, .options = *options, .suppressions = options->suppressions };
	struct root_options roots = { .pointers = options->pointers, .without_dwarf = options->without_dwarf };
	struct edge_options edges = { .pointers = options->pointers,
				      .threads = options->threads,
				      .without_places = options->with_dominators || !options->with_edges };
	struct root_areas areas;

	root_areas_find(target, modules, heap, &areas);
	roots_scan(target, modules, heap, &areas, &roots, &graph.roots, &graph.leaked);
	edges.cuts = areas.cuts.v;
	edges.n_cuts = areas.cuts.n;
	graph.unread_roots = graph.roots.unread;
	if (options->marks_alone) {
		graph.unread_chunks = reach_mark(&heap->chunks, &target->image, &edges, &graph.roots, &graph.reach);
		root_areas_deinit(&areas);
		*ret = graph;
		return;
	}
	edges_build(&heap->chunks, &target->image, &edges, &graph.edges);
	graph.n_edges = graph.edges.n;
	graph.unread_chunks = graph.edges.unread;
	graph.refused = graph.edges.refused;
	reach_compute(&heap->chunks, &graph.edges, &graph.roots, &graph.reach);
	if (options->with_owners) {
		uint32_t *nearest = nearest_find(heap, &graph.edges, &graph.roots, &options->holders, &graph.reach);

		owners_compute(nearest, &graph.roots, &options->holders, &graph.reach, graph.leaked, &graph.owners);
		nearest_free(nearest, graph.reach.n);
	}
	// By type only when types are known, which takes the graph.
	if (graph.suppressions && !suppressions_have_types(graph.suppressions))
		suppressions_apply(graph.suppressions, &target->image, modules, &heap->chunks, NULL, &graph.edges, &graph.reach);
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
	graph.options.holders = (struct holders){ .of = NULL };
	root_areas_deinit(&areas);
	*ret = graph;
}

void graph_deinit(struct graph *graph)
{
	if (!graph->is_built)
		return;
	roots_deinit(&graph->roots);
	edges_deinit(&graph->edges);
	owners_deinit(&graph->owners);
	if (graph->options.with_dominators)
		dominators_deinit(&graph->dominators);
	array_deinit(&graph->suspects);
	reach_deinit(&graph->reach);
	suppressions_destroy(graph->suppressions);
	*graph = (struct graph){ 0 };
}

bool graph_is_complete(const struct graph *graph)
{
	return !graph->unread_chunks && !graph->unread_roots && !graph->refused;
}
