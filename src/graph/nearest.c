/* SPDX-License-Identifier: MIT */
/*
 * One search along the edges, from all roots of a tier at once, then on from those of the next. While it works, what has no root yet is marked in the column
 * itself by how it may be reached, so that an edge costs one look at its target:
 *
 *   AWAITS_STRONG   reachable: by edges that are not weak, from reachable chunks
 *   AWAITS_ANY      possible: by any edge
 *
 * What has a holder is taken beforehand: others do not pass there.
 */
#include "graph/nearest.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/column.h"

#define AWAITS_STRONG (NEAREST_NONE - 1)
#define AWAITS_ANY (NEAREST_NONE - 2)

enum {
	/** Holders come before frames. */
	TIER_HOLDERS = 4,
	TIERS = 7,
	/** How far ahead of the queue memory is asked for. */
	AHEAD = 16,
};

/* The place is one of a module that has malloc, as libc is: what the program has itself says more. */
static bool place_is_of_malloc(const struct heap *heap, const struct root_place *place)
{
	for (size_t i = 0; i < heap->allocators.n && place->module; i++) {
		const char *path = heap->allocators.v[i].module, *slash = strrchr(path, '/');

		if (!strcmp(slash ? slash + 1 : path, place->module))
			return true;
	}
	return false;
}

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
		return TIER_HOLDERS + 1;
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
	uint32_t *of;
	/** Chunks that were met, in that order; those from head on were not yet looked at. A little larger than there are chunks. */
	chunk_id *queue;
	size_t head, tail;
};

static inline void meet(struct search *search, chunk_id chunk, uint32_t root)
{
	search->of[chunk] = root;
	search->queue[search->tail++] = chunk;
}

/* Everything that chunks in the queue lead to. */
static void spread(struct search *search)
{
	const struct edges *edges = search->edges;
	uint32_t *of = search->of;

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

/* Gives chunks their holders, before any chain could reach them; only what is alive has one. */
static void take_holders(struct search *search, const struct holders *holders, uint32_t first)
{
	for (size_t i = 0; i < search->reach->n; i++)
		if (holders->of[i] && search->of[i] != NEAREST_NONE)
			search->of[i] = first + holders->of[i] - 1;
}

/* What they lead to is theirs, too. */
static void queue_holders(struct search *search, const struct holders *holders)
{
	for (size_t i = 0; i < search->reach->n; i++)
		if (holders->of[i] && search->of[i] != NEAREST_NONE)
			search->queue[search->tail++] = (chunk_id)i;
}

static void search_run(struct search *search, const struct heap *heap, const struct roots *roots, const struct holders *holders)
{
	_cleanup_free_ uint8_t *tiers = xmalloc(roots->places.n + 1);

	for (size_t i = 0; i < roots->places.n; i++)
		tiers[i] = (uint8_t)tier_of(heap, &roots->places.v[i]);
	if (holders)
		take_holders(search, holders, (uint32_t)roots->v.n);
	for (unsigned tier = 0; tier < TIERS; tier++) {
		for (size_t i = 0; i < roots->v.n; i++) {
			const struct root *root = &roots->v.v[i];
			uint32_t waits = search->of[root->chunk];

			if (tiers[root->place] != tier)
				continue;
			if (waits == AWAITS_ANY || (waits == AWAITS_STRONG && root->hit != HIT_INTERIOR))
				meet(search, root->chunk, (uint32_t)i);
		}
		if (tier == TIER_HOLDERS && holders)
			queue_holders(search, holders);
		spread(search);
	}
}

uint32_t *nearest_find(const struct heap *heap, const struct edges *edges, const struct roots *roots, const struct holders *holders, const struct reach *reach)
{
	const uint32_t marks[REACH_KINDS] = { NEAREST_NONE, [REACH_REACHABLE] = AWAITS_STRONG, [REACH_POSSIBLE] = AWAITS_ANY,
					      [REACH_DIRECT] = NEAREST_NONE, [REACH_INDIRECT] = NEAREST_NONE, [REACH_SUPPRESSED] = NEAREST_NONE };
	size_t queue_bytes = (reach->n + AHEAD) * sizeof(chunk_id);
	struct search search = {
		.edges = edges,
		.reach = reach,
		.of = column_grow(NULL, 0, (reach->n + 1) * sizeof(uint32_t)),
		.queue = column_grow(NULL, 0, queue_bytes),
	};

	for (size_t i = 0; i < reach->n; i++)
		search.of[i] = marks[reach->kind[i]];
	search_run(&search, heap, roots, holders && holders->of ? holders : NULL);
	// What was to be reached, by roots that are not there, has none.
	for (size_t i = 0; i < reach->n; i++) {
		if (search.of[i] == AWAITS_STRONG || search.of[i] == AWAITS_ANY)
			search.of[i] = NEAREST_NONE;
	}
	column_free(search.queue, queue_bytes);
	return search.of;
}

void nearest_free(uint32_t *nearest, size_t n_chunks)
{
	column_free(nearest, (n_chunks + 1) * sizeof(*nearest));
}
