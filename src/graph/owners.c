/* SPDX-License-Identifier: MIT */
/*
 * One search along the edges, from all roots of a tier at once, then on from those of the next. While it works, what has no owner yet is marked in the column
 * itself by how it may be reached, so that an edge costs one look at its target:
 *
 *   AWAITS_STRONG   reachable: by edges that are not weak, from reachable chunks
 *   AWAITS_ANY      possible: by any edge
 */
#include "graph/owners.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/column.h"
#include "base/names.h"
#include "graph/nearest.h"

#define AWAITS_STRONG (OWNER_NONE - 1)
#define AWAITS_ANY (OWNER_NONE - 2)

enum {
	TIERS = 6,
	/** How far ahead of the queue memory is asked for. */
	AHEAD = 16,
};

/* ---- names ---- */

/* What the path of a root says without subscripts: of an inner one the brackets stay. Owner: the caller. */
static char *path_fold(const char *path)
{
	char *folded = xstrdup(path), *to = folded;
	unsigned depth = 0;

	for (const char *at = path; *at; at++) {
		if (*at == ']' && depth)
			depth--;
		if (!depth)
			*to++ = *at;
		if (*at == '[')
			depth++;
	}
	*to = '\0';
	while (to - folded >= 2 && !strcmp(to - 2, "[]"))
		*(to -= 2) = '\0';
	return folded;
}

/* The name of what lies at a path of a place; the path is folded. Owner: the caller. */
static char *owner_name(const struct root_place *place, const char *path)
{
	switch (place->kind) {
	case PLACE_MODULE:
		return xasprintf("module %s", place->name);
	case PLACE_VARIABLE:
		return xasprintf("%s%s", place->name, path);
	case PLACE_THREAD:
		return xstrdup("a thread");
	case PLACE_REGISTER:
		return xstrdup("registers");
	case PLACE_FRAME:
		if (!place->name)
			return xstrdup("the bottom of a stack");
		return *path ? xasprintf("%s in %s", path, place->name) : xasprintf("frame of %s", place->name);
	case PLACE_TLS:
		return xasprintf("thread-local %s%s", place->name, path);
	case PLACE_DESCRIPTOR:
		return xstrdup("a thread descriptor");
	case PLACE_MAPPING:
		return place->name ? xasprintf("mapping %s", place->name) : xstrdup("other mappings");
	case PLACE_LIBC:
		return xstrdup("libc itself");
	case PLACE_LEAKED:
	case PLACE_KINDS:
		break;
	}
	return xstrdup("nothing (leaked)");
}

static void owner_add(struct owners *owners, const struct roots *roots, place_id place, const char *path)
{
	array_append(&owners->v, (struct owner){ place, owner_name(&roots->places.v[place], path) });
}

/* The owner that each root stands for. Roots are sorted by place, so the folded paths of one place are told apart at a time. Owner: the caller. */
static owner_id *roots_name(struct owners *owners, const struct roots *roots)
{
	owner_id *of_root = xmalloc((roots->v.n + 1) * sizeof(*of_root));
	size_t at = 0;

	while (at < roots->v.n) {
		struct names paths = { 0 };
		place_id place = roots->v.v[at].place;
		owner_id first = (owner_id)owners->v.n;

		for (; at < roots->v.n && roots->v.v[at].place == place; at++) {
			const char *path = roots->v.v[at].path;
			_cleanup_free_ char *folded = path ? path_fold(path) : NULL;
			uint32_t number = names_number(&paths, folded ? folded : "");

			if (first + number == owners->v.n)
				owner_add(owners, roots, place, paths.v.v[number]);
			of_root[at] = first + number;
		}
		names_deinit(&paths);
	}
	return of_root;
}

/* ---- the search ---- */

/* Who is asked first. */
static unsigned tier_of(const struct heap *heap, const struct root_place *place)
{
	switch (place->kind) {
	case PLACE_VARIABLE:
	case PLACE_MODULE:
		// stdout's buffer is in a list of libc's, and in a variable of the program's.
		return place_is_of_malloc(heap, place);
	case PLACE_TLS:
	case PLACE_DESCRIPTOR:
		return 2;
	case PLACE_LIBC:
	case PLACE_MAPPING:
		return 3;
	case PLACE_FRAME:
	case PLACE_THREAD:
		return 4;
	case PLACE_REGISTER:
	case PLACE_LEAKED:
	case PLACE_KINDS:
		break;
	}
	return TIERS - 1;
}

struct search {
	const struct edges *edges;
	const struct reach *reach;
	owner_id *of;
	/** Chunks that were met, in that order; those from head on were not yet looked at. A little larger than there are chunks. */
	chunk_id *queue;
	size_t head, tail;
};

static inline void meet(struct search *search, chunk_id chunk, owner_id owner)
{
	search->of[chunk] = owner;
	search->queue[search->tail++] = chunk;
}

/* Everything that chunks in the queue lead to. */
static void spread(struct search *search)
{
	const struct edges *edges = search->edges;
	owner_id *of = search->of;

	while (search->head < search->tail) {
		chunk_id chunk = search->queue[search->head];
		bool is_reachable = search->reach->kind[chunk] == REACH_REACHABLE;

		// Behind the tail are zeroes: ids all the same.
		__builtin_prefetch(&edges->first[search->queue[search->head + AHEAD - 1]]);
		__builtin_prefetch(&edges->to[edges->first[search->queue[search->head + AHEAD / 2]]]);
		search->head++;
		for (size_t edge = edges->first[chunk]; edge < edges->first[chunk + 1]; edge++) {
			chunk_id to = edge_to(edges, edge);

			if (of[to] == AWAITS_ANY || (of[to] == AWAITS_STRONG && is_reachable && !(edges->to[edge] & EDGE_WEAK)))
				meet(search, to, of[chunk]);
		}
	}
}

static void search_run(struct search *search, const struct heap *heap, const struct roots *roots, const owner_id *of_root)
{
	_cleanup_free_ uint8_t *tiers = xmalloc(roots->places.n + 1);

	for (size_t i = 0; i < roots->places.n; i++)
		tiers[i] = (uint8_t)tier_of(heap, &roots->places.v[i]);
	for (unsigned tier = 0; tier < TIERS; tier++) {
		for (size_t i = 0; i < roots->v.n; i++) {
			const struct root *root = &roots->v.v[i];
			owner_id waits = search->of[root->chunk];

			if (tiers[root->place] != tier)
				continue;
			if (waits == AWAITS_ANY || (waits == AWAITS_STRONG && root->hit != HIT_INTERIOR))
				meet(search, root->chunk, of_root[i]);
		}
		spread(search);
	}
}

static void marks_set(const struct reach *reach, owner_id leaked, owner_id *of)
{
	const owner_id marks[REACH_KINDS] = {
		[REACH_NONE] = OWNER_NONE, [REACH_REACHABLE] = AWAITS_STRONG, [REACH_POSSIBLE] = AWAITS_ANY,
		[REACH_DIRECT] = leaked,   [REACH_INDIRECT] = leaked, [REACH_SUPPRESSED] = leaked,
	};

	for (size_t i = 0; i < reach->n; i++)
		of[i] = marks[reach->kind[i]];
}

static size_t owners_bytes(const struct owners *owners)
{
	return (owners->n_chunks + 1) * sizeof(*owners->of);
}

void owners_reserve(struct owners *owners, size_t n_chunks)
{
	owners->n_chunks = n_chunks;
	owners->of = column_grow(NULL, 0, owners_bytes(owners));
}

void owners_compute(const struct heap *heap, const struct edges *edges, const struct roots *roots, const struct reach *reach,
		    place_id leaked, struct owners *ret)
{
	const struct chunks *chunks = &heap->chunks;
	struct owners owners = { 0 };
	_cleanup_free_ owner_id *of_root = roots_name(&owners, roots);
	size_t queue_bytes = (chunks->n + AHEAD) * sizeof(chunk_id);

	owner_add(&owners, roots, leaked, "");
	owners_reserve(&owners, chunks->n);
	marks_set(reach, (owner_id)owners.v.n - 1, owners.of);

	struct search search = {
		.edges = edges,
		.reach = reach,
		.of = owners.of,
		.queue = column_grow(NULL, 0, queue_bytes),
	};

	search_run(&search, heap, roots, of_root);
	column_free(search.queue, queue_bytes);
	*ret = owners;
}

void owners_deinit(struct owners *owners)
{
	for (size_t i = 0; i < owners->v.n; i++)
		free(owners->v.v[i].name);
	array_deinit(&owners->v);
	if (owners->of)
		column_free(owners->of, owners_bytes(owners));
	*owners = (struct owners){ 0 };
}
