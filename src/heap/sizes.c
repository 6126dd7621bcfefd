/* SPDX-License-Identifier: MIT */
#include "heap/sizes.h"

#include <stdlib.h>

#include "base/alloc.h"

void sizes_init(struct sizes *sizes)
{
	*sizes = (struct sizes){ .direct = xcalloc(SIZES_DIRECT / SIZES_STEP,
						   sizeof(*sizes->direct)) };
	for (size_t i = 0; i < SIZES_DIRECT / SIZES_STEP; i++)
		sizes->direct[i].usable = i * SIZES_STEP;
}

void sizes_deinit(struct sizes *sizes)
{
	free(sizes->direct);
	free(sizes->slots);
	*sizes = (struct sizes){ 0 };
}

static size_t slot_of(uint64_t usable, size_t n_slots)
{
	// The low bits of sizes are alike; a multiplicative hash takes its high ones.
	return (usable * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & (n_slots - 1);
}

static struct size_count *probe(struct size_count *slots, size_t n_slots, uint64_t usable)
{
	size_t at = slot_of(usable, n_slots);

	while (slots[at].count && slots[at].usable != usable)
		at = (at + 1) & (n_slots - 1);
	return &slots[at];
}

static void grow(struct sizes *sizes)
{
	size_t n_slots = sizes->n_slots ? sizes->n_slots * 2 : 1024;
	struct size_count *slots = xcalloc(n_slots, sizeof(*slots));

	for (size_t i = 0; i < sizes->n_slots; i++)
		if (sizes->slots[i].count)
			*probe(slots, n_slots, sizes->slots[i].usable) = sizes->slots[i];
	free(sizes->slots);
	sizes->slots = slots;
	sizes->n_slots = n_slots;
}

struct size_count *sizes_hashed(struct sizes *sizes, uint64_t usable)
{
	if (sizes->n_used * 2 >= sizes->n_slots)
		grow(sizes);

	struct size_count *slot = probe(sizes->slots, sizes->n_slots, usable);

	if (!slot->count) {
		slot->usable = usable;
		sizes->n_used++;
	}
	return slot;
}

uint64_t sizes_count(const struct sizes *sizes, uint64_t usable)
{
	if (usable < SIZES_DIRECT && usable % SIZES_STEP == 0)
		return sizes->direct[usable / SIZES_STEP].count;
	return sizes->n_slots ? probe(sizes->slots, sizes->n_slots, usable)->count : 0;
}

static int compare_usable(const void *left, const void *right)
{
	const struct size_count *a = left, *b = right;

	return a->usable < b->usable ? -1 : a->usable > b->usable;
}

void sizes_list(const struct sizes *sizes, size_count_array *ret)
{
	size_count_array list = { 0 };

	for (size_t i = 0; i < SIZES_DIRECT / SIZES_STEP; i++)
		if (sizes->direct[i].count)
			array_append(&list, sizes->direct[i]);
	for (size_t i = 0; i < sizes->n_slots; i++)
		if (sizes->slots[i].count)
			array_append(&list, sizes->slots[i]);
	// A small size that is no multiple of the step was hashed, so the direct part need not come first.
	if (list.n)
		qsort(list.v, list.n, sizeof(*list.v), compare_usable);
	*ret = list;
}

void sizes_in_use(const struct chunks *chunks, size_count_array *ret)
{
	struct sizes sizes;

	sizes_init(&sizes);
	for (size_t i = 0; i < chunks->n; i++)
		if (chunks->state[i] == CHUNK_IN_USE)
			sizes_at(&sizes, chunk_usable(chunks, i))->count++;
	sizes_list(&sizes, ret);
	sizes_deinit(&sizes);
}
