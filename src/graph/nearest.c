/* SPDX-License-Identifier: MIT */
#include "graph/nearest.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/column.h"

/* In which order people would look: variables, those of the module that has malloc, everything else. */
enum { RANKS = 3 };

static int place_rank(const struct heap *heap, const struct root_place *place)
{
	if (place->kind != PLACE_VARIABLE && place->kind != PLACE_TLS && place->kind != PLACE_DESCRIPTOR)
		return 2;
	return place_is_of_malloc(heap, place);
}

bool place_is_of_malloc(const struct heap *heap, const struct root_place *place)
{
	for (size_t i = 0; i < heap->allocators.n && place->module; i++) {
		const char *path = heap->allocators.v[i].module, *slash = strrchr(path, '/');

		if (!strcmp(slash ? slash + 1 : path, place->module))
			return true;
	}
	return false;
}

uint32_t *nearest_find(const struct heap *heap, const struct edges *edges, const struct roots *roots)
{
	const struct chunks *chunks = &heap->chunks;
	size_t size = (chunks->n + 1) * sizeof(uint32_t), head = 0, tail = 0;
	_cleanup_free_ uint32_t *kinds = roots_kinds(roots);
	uint32_t *nearest = column_grow(NULL, 0, size);
	chunk_id *queue = column_grow(NULL, 0, size);

	for (size_t i = 0; i < chunks->n; i++)
		nearest[i] = NEAREST_NONE;
	for (int rank = 0; rank < RANKS; rank++) {
		for (size_t i = 0; i < roots->v.n; i++) {
			const struct root *root = &roots->v.v[i];

			if (nearest[root->chunk] != NEAREST_NONE || place_rank(heap, &roots->places.v[root->place]) != rank)
				continue;
			nearest[root->chunk] = kinds[i];
			queue[tail++] = root->chunk;
		}
		while (head < tail) {
			chunk_id chunk = queue[head++];

			for (size_t edge = edges->first[chunk]; edge < edges->first[chunk + 1]; edge++) {
				chunk_id to = edge_to(edges, edge);

				if (nearest[to] != NEAREST_NONE)
					continue;
				nearest[to] = nearest[chunk];
				queue[tail++] = to;
			}
		}
	}
	column_free(queue, size);
	return nearest;
}

void nearest_free(uint32_t *nearest, size_t n_chunks)
{
	column_free(nearest, (n_chunks + 1) * sizeof(*nearest));
}

static int compare(const void *left, const void *right)
{
	const struct nearest_share *a = left, *b = right;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return a->root < b->root ? -1 : a->root > b->root;
}

size_t nearest_count(const struct kinds *kinds, const struct dominators *dominators, const struct roots *roots, const uint32_t *nearest, vertex_id above,
		     uint64_t key, struct nearest_share *ret, size_t wanted)
{
	_cleanup_free_ struct nearest_share *shares = xcalloc(roots->v.n + 1, sizeof(*shares));
	size_t n = 0;

	for (chunk_id chunk = 0; chunk < kinds->chunks->n; chunk++)
		if (dominators->idom[chunk] == above && nearest[chunk] != NEAREST_NONE && kind_key(kinds, chunk) == key)
			shares[nearest[chunk]].count++;
	for (uint32_t root = 0; root < roots->v.n; root++)
		if (shares[root].count)
			shares[n++] = (struct nearest_share){ root, shares[root].count };
	if (n)
		qsort(shares, n, sizeof(*shares), compare);
	for (size_t i = 0; i < n && i < wanted; i++)
		ret[i] = shares[i];
	return n;
}
