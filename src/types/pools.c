/* SPDX-License-Identifier: MIT */
/*
 * Pools: chunks out of which the program hands pieces by itself.
 *
 *	65536 bytes:  struct node | «n17» | struct val | struct node | «n18» | …
 *
 * A pointer to the first of them leads to the start of the chunk, which would then be called by the name of one small piece. What tells such a chunk from a struct with something more behind
 * it is that further in there is the same type again; and from an array, that it does not lie there at multiples of its size.
 */
#include "base/alloc.h"
#include "types/inference.h"

enum {
	/** How many further ones there are at least. */
	LIKES_MIN = 3,
};

/* Whether an object lies behind the start of a chunk that begins with its like. */
static bool is_like_start(const struct inference *inference, const struct tenant *tenant)
{
	const struct typing *typing = &inference->typing[tenant->chunk];
	uint64_t size = type_at(inference->table, tenant->type)->size;

	return typing->type == tenant->type && (typing->form & FORM_HAS_REST) && form_of(inference, tenant->chunk) == FORM_ONE && tenant->into >= size;
}

bool *pools_find(const struct inference *inference)
{
	size_t n = inference->chunks->n;
	uint8_t *likes;
	bool *is_pool;

	if (!inference->tenants.n)
		return NULL;
	likes = xcalloc(n + 1, sizeof(*likes));
	is_pool = xcalloc(n + 1, sizeof(*is_pool));
	for (size_t i = 0; i < inference->tenants.n; i++) {
		const struct tenant *tenant = &inference->tenants.v[i];

		if (!is_like_start(inference, tenant))
			continue;
		if (likes[tenant->chunk] < LIKES_MIN)
			likes[tenant->chunk]++;
		// Not known yet whether there are enough.
		if (tenant->into % type_at(inference->table, tenant->type)->size)
			is_pool[tenant->chunk] = true;
	}
	for (size_t i = 0; i < n; i++)
		is_pool[i] = is_pool[i] && likes[i] == LIKES_MIN;
	free(likes);
	return is_pool;
}
