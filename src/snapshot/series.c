/* SPDX-License-Identifier: MIT */
#include "snapshot/series.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "heap/sizes.h"

void series_init(struct series *series)
{
	*series = (struct series){ 0 };
}

void series_deinit(struct series *series)
{
	for (size_t i = 0; i < series->steps.n; i++)
		free(series->steps.v[i].v);
	array_deinit(&series->steps);
	array_deinit(&series->keys);
	free(series->slots);
	series_init(series);
}

static uint32_t *probe(uint32_t *slots, size_t n_slots, const uint64_t *keys, uint64_t key)
{
	// The low bits of sizes are alike; a multiplicative hash takes its high ones.
	size_t at = (key * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & (n_slots - 1);

	while (slots[at] && keys[slots[at] - 1] != key)
		at = (at + 1) & (n_slots - 1);
	return &slots[at];
}

static void grow(struct series *series)
{
	size_t n_slots = series->n_slots ? series->n_slots * 2 : 1024;
	uint32_t *slots = xcalloc(n_slots, sizeof(*slots));

	for (size_t row = 0; row < series->keys.n; row++)
		*probe(slots, n_slots, series->keys.v, series->keys.v[row]) = (uint32_t)row + 1;
	free(series->slots);
	series->slots = slots;
	series->n_slots = n_slots;
}

/* The row of a key, which is a new one when it is not there. */
static size_t row_of(struct series *series, uint64_t key)
{
	if (series->keys.n * 2 >= series->n_slots)
		grow(series);

	uint32_t *slot = probe(series->slots, series->n_slots, series->keys.v, key);

	if (!*slot) {
		array_append(&series->keys, key);
		*slot = (uint32_t)series->keys.n;
	}
	return *slot - 1;
}

void series_begin(struct series *series)
{
	array_append(&series->steps, (struct series_step){ 0 });
}

void series_count(struct series *series, uint64_t key, uint64_t count, uint64_t bytes)
{
	struct series_step *step = &series->steps.v[series->steps.n - 1];
	size_t row = row_of(series, key);

	if (row >= step->capacity) {
		size_t capacity = row + row / 2 + 64;

		step->v = xreallocarray(step->v, capacity, sizeof(*step->v));
		step->capacity = capacity;
	}
	if (row >= step->n) {
		memset(step->v + step->n, 0, (row + 1 - step->n) * sizeof(*step->v));
		step->n = row + 1;
	}
	step->v[row].count += count;
	step->v[row].bytes += bytes;
}

void series_add_sizes(struct series *series, const struct chunks *chunks)
{
	size_count_array list;

	sizes_in_use(chunks, &list);
	series_begin(series);
	for (size_t i = 0; i < list.n; i++)
		series_count(series, list.v[i].usable, list.v[i].count,
			     list.v[i].count * list.v[i].usable);
	array_deinit(&list);
}

struct series_value series_get(const struct series *series, size_t row, size_t step)
{
	assert(step < series->steps.n);
	return row < series->steps.v[step].n ? series->steps.v[step].v[row]
					     : (struct series_value){ 0 };
}

void series_thin(struct series *series)
{
	size_t kept = 0;

	for (size_t i = 0; i < series->steps.n; i++) {
		if (i % 2 && i + 1 < series->steps.n)
			free(series->steps.v[i].v);
		else
			series->steps.v[kept++] = series->steps.v[i];
	}
	series->steps.n = kept;
}
