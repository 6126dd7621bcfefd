/* SPDX-License-Identifier: MIT */
#include "graph/suspects.h"

#include <stdlib.h>

#include "base/column.h"
#include "graph/children.h"
#include "graph/pointers.h"

enum {
	/** A suspect has one part in so many of everything. */
	PART_MIN = 10,
	/** The way down goes on while the largest child has this much of what its parent has. Units: per cent. */
	STEP_MIN = 70,
};

struct hunt {
	const struct chunks *chunks;
	const struct image *image;
	const struct roots *roots;
	const struct dominators *dominators;
	/** For each vertex the child that retains most; VERTEX_NONE without children. */
	vertex_id *largest;
	uint64_t threshold;
	suspect_array suspects;
};

/* Places that only sort others: a module, a thread, the root above all. */
static bool is_structural(const struct hunt *hunt, vertex_id vertex)
{
	if (vertex < hunt->dominators->n_chunks)
		return false;
	if (vertex == vertex_top(hunt->dominators))
		return true;

	enum place_kind kind = hunt->roots->places.v[vertex - hunt->dominators->n_chunks].kind;

	return kind == PLACE_MODULE || kind == PLACE_THREAD;
}

static place_id place_of(const struct hunt *hunt, vertex_id vertex)
{
	return vertex == vertex_top(hunt->dominators) ? PLACE_NONE : (place_id)(vertex - hunt->dominators->n_chunks);
}

static void largest_find(struct hunt *hunt)
{
	const struct dominators *dominators = hunt->dominators;
	size_t n = vertex_count(dominators);

	hunt->largest = column_grow(NULL, 0, n * sizeof(*hunt->largest));
	for (size_t i = 0; i < n; i++)
		hunt->largest[i] = VERTEX_NONE;
	for (vertex_id vertex = 0; vertex < n; vertex++) {
		vertex_id above = dominators->idom[vertex];

		if (above != VERTEX_NONE && (hunt->largest[above] == VERTEX_NONE ||
					     dominators->retained[vertex] > dominators->retained[hunt->largest[above]]))
			hunt->largest[above] = vertex;
	}
}

/* What begins right below a structural vertex: goes down to where it falls apart. */
static void begin(struct hunt *hunt, vertex_id start)
{
	const struct dominators *dominators = hunt->dominators;
	vertex_id point = start;

	for (;;) {
		vertex_id next = hunt->largest[point];

		if (next == VERTEX_NONE || dominators->retained[next] < dominators->retained[point] / 100 * STEP_MIN)
			break;
		point = next;
	}
	array_append(&hunt->suspects,
		     (struct suspect){ .place = start < dominators->n_chunks ? place_of(hunt, dominators->idom[start]) : place_of(hunt, start),
				       .is_shared = start < dominators->n_chunks,
				       .start = start < dominators->n_chunks ? start : VERTEX_NONE,
				       .point = point < dominators->n_chunks ? point : VERTEX_NONE,
				       .retained = dominators->retained[start] });
}

/* Chunks that several places share: no single one is large, but all of a size together. */
static void begin_shared(struct hunt *hunt)
{
	ARRAY(vertex_id) vertices = { 0 };
	child_group_array groups;

	for (size_t i = 0; i <= hunt->dominators->n_places; i++)
		if (is_structural(hunt, (vertex_id)(hunt->dominators->n_chunks + i)))
			array_append(&vertices, (vertex_id)(hunt->dominators->n_chunks + i));
	children_group(&(struct kinds){ .chunks = hunt->chunks }, hunt->dominators, vertices.v, vertices.n, hunt->threshold, &groups);
	for (size_t i = 0; i < groups.n; i++) {
		const struct child_group *group = &groups.v[i];

		if (group->chunk != CHUNK_NONE || group->retained < hunt->threshold)
			continue;
		array_append(&hunt->suspects, (struct suspect){ .place = place_of(hunt, vertices.v[group->parent]),
								.is_shared = true,
								.start = VERTEX_NONE,
								.point = VERTEX_NONE,
								.retained = group->retained,
								.child_usable = group->usable,
								.child_count = group->count,
								.child_retained = group->retained });
	}
	array_deinit(&groups);
	array_deinit(&vertices);
}

/* What of a suspect's pointers counts. */
struct via {
	struct hunt *hunt;
	struct suspect *suspect;
	vertex_id point;
};

static void via_add(const struct via *via, chunk_id chunk, uint64_t offset)
{
	if (via->hunt->dominators->idom[chunk] != via->point || chunk_usable(via->hunt->chunks, chunk) != via->suspect->child_usable)
		return;
	if (!via->suspect->n_offsets++)
		via->suspect->offset = offset;
}

static void via_take(void *context, const struct pointer *pointers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		via_add(context, pointers[i].chunk, pointers[i].from * 8);
}

/* Where the point holds its children. */
static void via_find(struct hunt *hunt, struct suspect *suspect, vertex_id point)
{
	struct via via = { hunt, suspect, point };

	if (point >= hunt->dominators->n_chunks) {
		size_t end, at = roots_of_place(hunt->roots, place_of(hunt, point), &end);

		for (; at < end; at++)
			via_add(&via, hunt->roots->v.v[at].chunk, hunt->roots->v.v[at].offset);
		return;
	}

	struct pointers *pointers = xmalloc(sizeof(*pointers));
	vaddr mem = hunt->chunks->mem[point];

	pointers_init(pointers, hunt->chunks, hunt->image, &(struct pointer_options){ 0 }, via_take, &via);
	pointers_scan_range(pointers, mem, mem + chunk_usable(hunt->chunks, point), 0, UINT64_MAX);
	pointers_flush(pointers);
	free(pointers);
}

/* The kind of child that has most below each point. */
static void describe(struct hunt *hunt)
{
	ARRAY(vertex_id) points = { 0 };
	ARRAY(size_t) suspects = { 0 };
	child_group_array groups;

	for (size_t i = 0; i < hunt->suspects.n; i++) {
		const struct suspect *suspect = &hunt->suspects.v[i];

		if (suspect->child_count)
			continue;
		array_append(&suspects, i);
		array_append(&points, suspect->point != VERTEX_NONE ? suspect->point : vertex_of_place(hunt->dominators, suspect->place));
	}
	children_group(&(struct kinds){ .chunks = hunt->chunks }, hunt->dominators, points.v, points.n, UINT64_MAX, &groups);
	for (size_t i = 0; i < groups.n; i++) {
		struct suspect *suspect = &hunt->suspects.v[suspects.v[groups.v[i].parent]];

		// The first of each parent is the largest.
		if (suspect->child_count)
			continue;
		suspect->child_usable = groups.v[i].usable;
		suspect->child_count = groups.v[i].count;
		suspect->child_retained = groups.v[i].retained;
		via_find(hunt, suspect, points.v[groups.v[i].parent]);
	}
	array_deinit(&groups);
	array_deinit(&points);
	array_deinit(&suspects);
}

static int compare(const void *left, const void *right)
{
	const struct suspect *a = left, *b = right;

	if (a->retained != b->retained)
		return a->retained > b->retained ? -1 : 1;
	return a->place < b->place ? -1 : a->place > b->place;
}

void suspects_find(const struct chunks *chunks, const struct image *image, const struct roots *roots, const struct dominators *dominators,
		   size_t wanted, suspect_array *ret)
{
	struct hunt hunt = { .chunks = chunks, .image = image, .roots = roots, .dominators = dominators };
	size_t n = vertex_count(dominators);

	hunt.threshold = dominators->retained[vertex_top(dominators)] / PART_MIN + 1;
	largest_find(&hunt);
	for (vertex_id vertex = 0; vertex < n; vertex++)
		if (dominators->idom[vertex] != VERTEX_NONE && dominators->retained[vertex] >= hunt.threshold &&
		    !is_structural(&hunt, vertex) && is_structural(&hunt, dominators->idom[vertex]))
			begin(&hunt, vertex);
	column_free(hunt.largest, n * sizeof(*hunt.largest));
	begin_shared(&hunt);
	if (hunt.suspects.n)
		qsort(hunt.suspects.v, hunt.suspects.n, sizeof(*hunt.suspects.v), compare);
	if (hunt.suspects.n > wanted)
		hunt.suspects.n = wanted;
	describe(&hunt);
	ret->v = hunt.suspects.v;
	ret->n = hunt.suspects.n;
	ret->capacity = hunt.suspects.capacity;
}
