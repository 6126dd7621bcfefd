/* SPDX-License-Identifier: MIT */
#include "graph/chains.h"

#include <stdlib.h>

#include "base/column.h"

struct search {
	const struct edges *edges;
	const struct edges_in *in;
	const struct roots *roots;
	const struct reach *reach;
	bool with_weak;
	/** For each chunk that was met the one after it on the way to the target (the target: itself); CHUNK_NONE. */
	chunk_id *next;
	chunk_id *queue;
	/** Roots by chunk: indices, sorted. */
	size_t *by_chunk;
	/** Places a chain begins in. */
	uint8_t *place_used;
	/** Roots that would have been a further chain of a place. */
	ARRAY(size_t) spare;
};

/* How little a root says to people: a variable most, a slot of a frame that nobody can name next to nothing. */
static unsigned vagueness(const struct roots *roots, const struct root *root)
{
	switch (roots->places.v[root->place].kind) {
	case PLACE_VARIABLE:
	case PLACE_TLS:
		return 0;
	case PLACE_FRAME:
		return root->path ? 1 : 4;
	case PLACE_REGISTER:
		return root->path ? 2 : 5;
	case PLACE_DESCRIPTOR:
	case PLACE_MAPPING:
		return 3;
	case PLACE_MODULE:
	case PLACE_THREAD:
	case PLACE_LIBC:
	case PLACE_LEAKED:
	case PLACE_KINDS:
		break;
	}
	return 6;
}

/* By chunk; of one chunk those first that say most. */
static int compare_roots(const void *left, const void *right, void *context)
{
	const struct roots *roots = context;
	size_t a = *(const size_t *)left, b = *(const size_t *)right;
	chunk_id chunk_a = roots->v.v[a].chunk, chunk_b = roots->v.v[b].chunk;

	if (chunk_a != chunk_b)
		return chunk_a < chunk_b ? -1 : 1;

	unsigned vague_a = vagueness(roots, &roots->v.v[a]), vague_b = vagueness(roots, &roots->v.v[b]);

	if (vague_a != vague_b)
		return vague_a < vague_b ? -1 : 1;
	return a < b ? -1 : a > b;
}

/* The first root, by chunk, that holds a chunk or a later one. */
static size_t first_root(const struct search *search, chunk_id chunk)
{
	size_t low = 0, high = search->roots->v.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (search->roots->v.v[search->by_chunk[middle]].chunk < chunk)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first edge from one chunk to another that the search may use. */
static size_t edge_between(const struct search *search, chunk_id from, chunk_id to)
{
	for (size_t edge = search->edges->first[from]; edge < search->edges->first[from + 1]; edge++)
		if (edge_to(search->edges, edge) == to && (search->with_weak || !(search->edges->to[edge] & EDGE_WEAK)))
			return edge;
	return SIZE_MAX;
}

static void chain_add(const struct search *search, chunk_id start, size_t root, chain_array *chains)
{
	struct chain *chain = array_push(chains);

	*chain = (struct chain){ .root = root };
	for (chunk_id at = start;; at = search->next[at]) {
		bool is_last = search->next[at] == at;

		array_append(&chain->hops, (struct chain_hop){ at, is_last ? SIZE_MAX : edge_between(search, at, search->next[at]) });
		if (is_last)
			break;
	}
}

/* The chains that begin at a chunk that was just met. */
static void chains_begin(struct search *search, chunk_id chunk, size_t wanted, chain_array *chains)
{
	if (search->reach->kind[chunk] == REACH_DIRECT) {
		chain_add(search, chunk, SIZE_MAX, chains);
		return;
	}
	for (size_t i = first_root(search, chunk); i < search->roots->v.n; i++) {
		const struct root *root = &search->roots->v.v[search->by_chunk[i]];

		if (root->chunk != chunk || chains->n == wanted)
			break;
		if (root->hit == HIT_INTERIOR && !search->with_weak)
			continue;
		if (!search->place_used[root->place]) {
			search->place_used[root->place] = 1;
			chain_add(search, chunk, search->by_chunk[i], chains);
		} else if (search->spare.n < wanted) {
			array_append(&search->spare, search->by_chunk[i]);
		}
	}
}

static void search_run(struct search *search, chunk_id target, size_t wanted, chain_array *chains)
{
	size_t head = 0, tail = 0;

	search->next[target] = target;
	search->queue[tail++] = target;
	while (head < tail && chains->n < wanted) {
		chunk_id chunk = search->queue[head++];

		chains_begin(search, chunk, wanted, chains);
		for (size_t i = search->in->first[chunk]; i < search->in->first[chunk + 1]; i++) {
			chunk_id from = search->in->from[i] & ~EDGE_WEAK;

			if (search->next[from] != CHUNK_NONE || (search->in->from[i] & EDGE_WEAK && !search->with_weak) ||
			    // What is leaked keeps nothing alive.
			    reach_is_leaked(search->reach, from) != reach_is_leaked(search->reach, target))
				continue;
			search->next[from] = chunk;
			search->queue[tail++] = from;
		}
	}
	for (size_t i = 0; i < search->spare.n && chains->n < wanted; i++)
		chain_add(search, search->roots->v.v[search->spare.v[i]].chunk, search->spare.v[i], chains);
}

static int compare_chains(const void *left, const void *right, void *context)
{
	const struct roots *roots = context;
	const struct chain *a = left, *b = right;

	if (a->hops.n != b->hops.n)
		return a->hops.n < b->hops.n ? -1 : 1;
	if (a->root != SIZE_MAX && b->root != SIZE_MAX) {
		unsigned vague_a = vagueness(roots, &roots->v.v[a->root]), vague_b = vagueness(roots, &roots->v.v[b->root]);

		if (vague_a != vague_b)
			return vague_a < vague_b ? -1 : 1;
	}
	return a->root < b->root ? -1 : a->root > b->root;
}

void chains_find(const struct edges *edges, const struct edges_in *in, const struct roots *roots, const struct reach *reach, chunk_id chunk,
		 size_t wanted, chain_array *ret)
{
	size_t n = edges->n_chunks;
	chain_array chains = { 0 };
	struct search search = { .edges = edges, .in = in, .roots = roots, .reach = reach,
				 .with_weak = reach->kind[chunk] != REACH_REACHABLE };

	if (reach->kind[chunk] != REACH_NONE && wanted) {
		search.next = column_grow(NULL, 0, n * sizeof(*search.next));
		search.queue = column_grow(NULL, 0, n * sizeof(*search.queue));
		for (size_t i = 0; i < n; i++)
			search.next[i] = CHUNK_NONE;
		search.by_chunk = xcalloc(roots->v.n + 1, sizeof(*search.by_chunk));
		search.place_used = xcalloc(roots->places.n + 1, 1);
		for (size_t i = 0; i < roots->v.n; i++)
			search.by_chunk[i] = i;
		qsort_r(search.by_chunk, roots->v.n, sizeof(*search.by_chunk), compare_roots, (void *)(uintptr_t)roots);
		search_run(&search, chunk, wanted, &chains);
		if (chains.n)
			qsort_r(chains.v, chains.n, sizeof(*chains.v), compare_chains, (void *)(uintptr_t)roots);
		column_free(search.next, n * sizeof(*search.next));
		column_free(search.queue, n * sizeof(*search.queue));
		free(search.by_chunk);
		free(search.place_used);
		array_deinit(&search.spare);
	}
	ret->v = chains.v;
	ret->n = chains.n;
	ret->capacity = chains.capacity;
}

void chains_deinit(chain_array *chains)
{
	for (size_t i = 0; i < chains->n; i++)
		array_deinit(&chains->v[i].hops);
	array_deinit(chains);
}
