/* SPDX-License-Identifier: MIT */
/*
 * Vertices are numbered in the order in which a depth-first search from the root above all meets them; from there on everything is in these numbers.
 * SEMI-NCA: from the last number to the first, the semidominator of a vertex is the lowest number among its predecessors that come before it, and the semidominators
 * on the paths above those that come after it (a forest in which paths are compressed). Then, from the first to the last, the immediate dominator is the
 * nearest vertex above the parent whose number is not greater than the semidominator.
 *
 * Edges of the search tree need no list of predecessors (a vertex knows its parent), nor does one that comes from the parent again. What is left is put into
 * lists by the numbers at their ends, in two passes over the edges in their own order, which memory likes. Then the edges can go.
 */
#include "graph/dominators.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/column.h"

#define NOT_MET UINT32_MAX

enum {
	/** How far ahead numbers are asked for. */
	AHEAD = 24,
};

/* What the search walks: chunks by their rows, places by their children and roots. */
struct walk {
	const struct chunks *chunks;
	struct edges *edges;
	const struct roots *roots;
	const struct reach *reach;
	place_id leaked;
	size_t n_chunks, n_places, n_vertices;
	/** Children of each place, and of the root above all (the last): first and next, PLACE_NONE at the end. */
	place_id *first_child, *next_child;
	/** First root of each place; one more. */
	size_t *first_root;
	/** By vertex. */
	uint32_t *number;
	/** By number; the compressed forest later. */
	uint32_t *parent;
	uint32_t n_met;
};

static uint32_t *column_of(size_t n)
{
	return column_grow(NULL, 0, (n ? n : 1) * sizeof(uint32_t));
}

static void column_done(uint32_t *column, size_t n)
{
	column_free(column, (n ? n : 1) * sizeof(uint32_t));
}

static void walk_init(struct walk *walk)
{
	size_t at = 0;

	walk->first_child = xmalloc((walk->n_places + 1) * sizeof(*walk->first_child));
	walk->next_child = xmalloc((walk->n_places + 1) * sizeof(*walk->next_child));
	walk->first_root = xcalloc(walk->n_places + 1, sizeof(*walk->first_root));
	for (size_t i = 0; i <= walk->n_places; i++)
		walk->first_child[i] = PLACE_NONE;
	for (size_t i = walk->n_places; i-- > 0;) {
		place_id parent = walk->roots->places.v[i].parent;
		place_id *first = &walk->first_child[parent == PLACE_NONE ? walk->n_places : parent];

		walk->next_child[i] = *first;
		*first = (place_id)i;
	}
	for (size_t i = 0; i <= walk->n_places; i++) {
		while (at < walk->roots->v.n && walk->roots->v.v[at].place < i)
			at++;
		walk->first_root[i] = at;
	}
	walk->number = column_of(walk->n_vertices);
	memset(walk->number, 0xff, walk->n_vertices * sizeof(*walk->number));
	walk->parent = column_of(walk->n_vertices);
}

static void walk_drop_places(struct walk *walk)
{
	free(walk->first_child);
	free(walk->next_child);
	free(walk->first_root);
}

/* Whether an edge counts: nothing that is alive is held by what is not. */
static inline bool edge_counts(const struct walk *walk, bool source_is_leaked, chunk_id to)
{
	return !source_is_leaked || reach_is_leaked(walk->reach, to);
}

struct step {
	vertex_id vertex;
	/** How many of its successors were tried. Of a place: children first, then roots. */
	uint32_t tried;
};

/* The next successor of a vertex that is no chunk, VERTEX_NONE at the end. `child` is where it stands among the children. */
static vertex_id successor(const struct walk *walk, struct step *step, place_id *child)
{
	size_t place = step->vertex - walk->n_chunks;

	if (*child != PLACE_NONE) {
		place_id now = *child;

		*child = walk->next_child[now];
		return (vertex_id)(walk->n_chunks + now);
	}
	if (place == walk->n_places)
		return VERTEX_NONE;
	if (place == walk->leaked)
		return step->tried < walk->reach->leaks.n ? walk->reach->leaks.v[step->tried++].chunk : VERTEX_NONE;
	if (walk->first_root[place] + step->tried >= walk->first_root[place + 1])
		return VERTEX_NONE;
	return walk->roots->v.v[walk->first_root[place] + step->tried++].chunk;
}

static void meet(struct walk *walk, vertex_id vertex, uint32_t parent)
{
	walk->number[vertex] = walk->n_met;
	walk->parent[walk->n_met++] = parent;
}

/* Everything below one chunk that was just met. */
static void search_chunks(struct walk *walk, struct step *steps, chunk_id start)
{
	const struct edges *edges = walk->edges;
	size_t n = 0;

	steps[n++] = (struct step){ .vertex = start };
	while (n) {
		struct step *step = &steps[n - 1];
		size_t edge = edges->first[step->vertex] + (size_t)step->tried, end = edges->first[step->vertex + 1];
		bool is_leaked = reach_is_leaked(walk->reach, step->vertex);

		for (; edge < end; edge++) {
			chunk_id to = edge_to(edges, edge);

			if (walk->number[to] == NOT_MET && edge_counts(walk, is_leaked, to))
				break;
		}
		if (edge == end) {
			n--;
			continue;
		}
		step->tried = (uint32_t)(edge + 1 - edges->first[step->vertex]);
		meet(walk, edge_to(edges, edge), walk->number[step->vertex]);
		steps[n++] = (struct step){ .vertex = edge_to(edges, edge) };
	}
}

/* The places, and below each root it holds the chunks. Places nest as deep as their table says, which has an order: parents first. */
static void search(struct walk *walk)
{
	struct step *steps = column_grow(NULL, 0, walk->n_vertices * sizeof(*steps));
	size_t depth = 0;
	_cleanup_free_ struct step *places = xmalloc((walk->n_places + 2) * sizeof(*places));
	_cleanup_free_ place_id *children = xmalloc((walk->n_places + 2) * sizeof(*children));

	places[0] = (struct step){ .vertex = (vertex_id)(walk->n_chunks + walk->n_places) };
	children[0] = walk->first_child[walk->n_places];
	depth = 1;
	meet(walk, places[0].vertex, 0);
	while (depth) {
		struct step *step = &places[depth - 1];
		vertex_id to = successor(walk, step, &children[depth - 1]);

		if (to == VERTEX_NONE) {
			depth--;
		} else if (walk->number[to] == NOT_MET) {
			meet(walk, to, walk->number[step->vertex]);
			if (to < walk->n_chunks) {
				search_chunks(walk, steps, to);
			} else {
				places[depth] = (struct step){ .vertex = to };
				children[depth++] = walk->first_child[to - walk->n_chunks];
			}
		}
	}
	column_free(steps, walk->n_vertices * sizeof(*steps));
}

/* ---- lists of predecessors ---- */

struct lists {
	/** Numbers of sources, by number of the target, ascending. */
	uint32_t *from;
	size_t n;
	/** By number: how many; then the end, which filing moves to the start. */
	uint32_t *at;
};

/* Turns the target of an edge into its number, NOT_MET when it needs no list. */
static inline uint32_t list_number(const struct walk *walk, uint32_t source, vertex_id to)
{
	uint32_t number = walk->number[to];

	return number == NOT_MET || walk->parent[number] == source || number == source ? NOT_MET : number;
}

/* Calls for each root that needs a list entry: counts it, or files it. */
static void roots_list(const struct walk *walk, struct lists *lists, bool is_filing)
{
	for (size_t place = 0; place < walk->n_places; place++) {
		uint32_t source = walk->number[walk->n_chunks + place];
		size_t end = place == walk->leaked ? walk->reach->leaks.n : walk->first_root[place + 1] - walk->first_root[place];

		for (size_t i = 0; i < end; i++) {
			chunk_id chunk = place == walk->leaked ? walk->reach->leaks.v[i].chunk : walk->roots->v.v[walk->first_root[place] + i].chunk;
			uint32_t number = list_number(walk, source, chunk);

			if (number == NOT_MET)
				continue;
			if (is_filing)
				lists->from[--lists->at[number]] = source;
			else
				lists->at[number]++;
		}
	}
}

static void lists_build(struct walk *walk, struct lists *lists)
{
	struct edges *edges = walk->edges;

	lists->at = column_of(walk->n_met);
	roots_list(walk, lists, false);
	for (chunk_id source = 0; source < walk->n_chunks; source++) {
		uint32_t number = walk->number[source];
		bool is_leaked = reach_is_leaked(walk->reach, source);

		for (size_t edge = edges->first[source]; edge < edges->first[source + 1]; edge++) {
			chunk_id to = edge_to(edges, edge);
			uint32_t listed = NOT_MET;

			if (edge + AHEAD < edges->n)
				__builtin_prefetch(&walk->number[edge_to(edges, edge + AHEAD)]);
			if (number != NOT_MET && edge_counts(walk, is_leaked, to))
				listed = list_number(walk, number, to);
			edges->to[edge] = listed;
			if (listed != NOT_MET)
				lists->at[listed]++;
		}
	}

	size_t end = 0;

	for (size_t i = 0; i < walk->n_met; i++)
		lists->at[i] = (uint32_t)(end += lists->at[i]);
	lists->n = end;
	lists->from = column_of(end);
	roots_list(walk, lists, true);
	for (chunk_id source = 0; source < walk->n_chunks; source++)
		for (size_t edge = edges->first[source]; edge < edges->first[source + 1]; edge++) {
			if (edge + AHEAD < edges->n && edges->to[edge + AHEAD] != NOT_MET)
				__builtin_prefetch(&lists->at[edges->to[edge + AHEAD]], 1);
			if (edge + AHEAD / 2 < edges->n && edges->to[edge + AHEAD / 2] != NOT_MET)
				__builtin_prefetch(&lists->from[lists->at[edges->to[edge + AHEAD / 2]] - 1], 1);
			if (edges->to[edge] != NOT_MET)
				lists->from[--lists->at[edges->to[edge]]] = walk->number[source];
		}
}

/* ---- SEMI-NCA ---- */

struct forest {
	/** By number. */
	uint32_t *ancestor, *label;
	/** For paths. */
	uint32_t *stack;
};

/* The lowest semidominator on the path above a vertex, as far as it is processed (numbers above `current`); compresses the path. */
static uint32_t evaluate(struct forest *forest, uint32_t vertex, uint32_t current)
{
	uint32_t *ancestor = forest->ancestor, *label = forest->label, *stack = forest->stack;
	size_t n = 0;

	if (vertex <= current)
		return vertex;
	for (uint32_t at = vertex; ancestor[at] > current; at = ancestor[at])
		stack[n++] = at;
	// The topmost of them has nothing above that counts.
	while (n > 0) {
		uint32_t at = stack[--n], above = ancestor[at];

		if (label[above] < label[at])
			label[at] = label[above];
		ancestor[at] = ancestor[above];
	}
	return label[vertex];
}

/* Immediate dominators by number; destroys parents and lists. */
static uint32_t *semi_nca(struct walk *walk, struct lists *lists)
{
	size_t n = walk->n_met;
	uint32_t *semi = lists->at, *idom = column_of(n);
	struct forest forest = { .ancestor = walk->parent, .label = column_of(n), .stack = column_of(n) };
	size_t at = lists->n;

	memcpy(idom, walk->parent, n * sizeof(*idom));
	for (size_t vertex = n; vertex-- > 1;) {
		uint32_t lowest = idom[vertex];

		// Lists lie in the order of their targets: ours is what is left from its start on.
		while (at > semi[vertex]) {
			uint32_t label = evaluate(&forest, lists->from[--at], (uint32_t)vertex);

			if (at >= AHEAD) {
				__builtin_prefetch(&forest.ancestor[lists->from[at - AHEAD]], 1);
				__builtin_prefetch(&forest.label[lists->from[at - AHEAD]], 1);
			}
			if (label < lowest)
				lowest = label;
		}
		semi[vertex] = forest.label[vertex] = lowest;
	}
	column_done(forest.label, n);
	column_done(forest.stack, n);
	for (size_t vertex = 1; vertex < n; vertex++) {
		uint32_t above = idom[vertex];

		if (vertex + AHEAD < n)
			__builtin_prefetch(&idom[idom[vertex + AHEAD]]);
		while (above > semi[vertex])
			above = idom[above];
		idom[vertex] = above;
	}
	return idom;
}

/* From numbers to vertices, and the sums. */
static void tree_make(struct walk *walk, const uint32_t *idom, struct dominators *dominators)
{
	uint32_t *vertices = column_of(walk->n_met);

	for (size_t vertex = 0; vertex < walk->n_vertices; vertex++) {
		if (vertex + AHEAD < walk->n_vertices && walk->number[vertex + AHEAD] != NOT_MET)
			__builtin_prefetch(&vertices[walk->number[vertex + AHEAD]], 1);
		if (walk->number[vertex] != NOT_MET)
			vertices[walk->number[vertex]] = (uint32_t)vertex;
	}
	dominators->retained = column_grow(NULL, 0, walk->n_vertices * sizeof(*dominators->retained));
	for (size_t chunk = 0; chunk < walk->n_chunks; chunk++)
		if (walk->number[chunk] != NOT_MET)
			dominators->retained[chunk] = chunk_usable(walk->chunks, chunk);
	// A dominator has a lower number than what it dominates.
	for (size_t number = walk->n_met; number-- > 1;) {
		if (number > AHEAD)
			__builtin_prefetch(&vertices[idom[number - AHEAD]]);
		if (number > AHEAD / 2) {
			__builtin_prefetch(&dominators->retained[vertices[number - AHEAD / 2]]);
			__builtin_prefetch(&dominators->retained[vertices[idom[number - AHEAD / 2]]], 1);
		}
		dominators->retained[vertices[idom[number]]] += dominators->retained[vertices[number]];
	}
	dominators->idom = walk->number;
	for (size_t number = 1; number < walk->n_met; number++) {
		if (number + AHEAD < walk->n_met) {
			__builtin_prefetch(&vertices[idom[number + AHEAD]]);
			__builtin_prefetch(&dominators->idom[vertices[number + AHEAD]], 1);
		}
		dominators->idom[vertices[number]] = vertices[idom[number]];
	}
	dominators->idom[vertices[0]] = VERTEX_NONE;
	column_done(vertices, walk->n_met);
}

void dominators_compute(const struct chunks *chunks, struct edges *edges, const struct roots *roots, const struct reach *reach,
			place_id leaked, struct dominators *ret)
{
	struct walk walk = { .chunks = chunks,
			     .edges = edges,
			     .roots = roots,
			     .reach = reach,
			     .leaked = leaked,
			     .n_chunks = chunks->n,
			     .n_places = roots->places.n,
			     .n_vertices = chunks->n + roots->places.n + 1 };
	struct dominators dominators = { .n_chunks = walk.n_chunks, .n_places = walk.n_places };
	struct lists lists;

	walk_init(&walk);
	search(&walk);
	lists_build(&walk, &lists);
	walk_drop_places(&walk);
	edges_deinit(edges);

	uint32_t *idom = semi_nca(&walk, &lists);

	column_done(walk.parent, walk.n_vertices);
	column_done(lists.at, walk.n_met);
	column_done(lists.from, lists.n);
	tree_make(&walk, idom, &dominators);
	column_done(idom, walk.n_met);
	*ret = dominators;
}

void dominators_deinit(struct dominators *dominators)
{
	size_t n = vertex_count(dominators);

	column_free(dominators->idom, n * sizeof(*dominators->idom));
	column_free(dominators->retained, n * sizeof(*dominators->retained));
	*dominators = (struct dominators){ 0 };
}

place_id *dominators_places(const struct dominators *dominators)
{
	const place_id unknown = PLACE_NONE - 1;
	size_t n = dominators->n_chunks;
	const vertex_id *idom = dominators->idom;
	place_id *places = column_of(n);

	for (size_t chunk = 0; chunk < n; chunk++)
		places[chunk] = unknown;
	for (size_t chunk = 0; chunk < n; chunk++) {
		place_id place = PLACE_NONE;
		vertex_id at = (vertex_id)chunk;

		while (at < n && places[at] == unknown)
			at = idom[at];
		if (at < n)
			place = places[at];
		else if (at != VERTEX_NONE && at != vertex_top(dominators))
			place = (place_id)(at - n);
		// The same way again, so that nobody walks it a third time.
		for (at = (vertex_id)chunk; at < n && places[at] == unknown; at = idom[at])
			places[at] = place;
	}
	return places;
}

uint32_t *dominators_counts(const struct dominators *dominators)
{
	size_t n = vertex_count(dominators);
	const vertex_id *idom = dominators->idom;
	uint32_t *counts = column_of(n), *waiting = column_of(n);

	// From the leaves up: a vertex is done when the last of its children is.
	for (size_t vertex = 0; vertex < n; vertex++)
		if (idom[vertex] != VERTEX_NONE)
			waiting[idom[vertex]]++;
	for (size_t vertex = 0; vertex < n; vertex++) {
		vertex_id at = (vertex_id)vertex;

		while (at != VERTEX_NONE && !waiting[at]) {
			vertex_id above = idom[at];

			waiting[at] = VERTEX_NONE;
			counts[at] += at < dominators->n_chunks && above != VERTEX_NONE;
			if (above == VERTEX_NONE)
				break;
			counts[above] += counts[at];
			waiting[above]--;
			// One with a higher number gets its turn by itself.
			if (above > vertex)
				break;
			at = above;
		}
	}
	column_done(waiting, n);
	return counts;
}
