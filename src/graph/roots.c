/* SPDX-License-Identifier: MIT */
#include "graph/roots.h"

#include <assert.h>
#include <stdlib.h>

void roots_init(struct roots *roots)
{
	*roots = (struct roots){ 0 };
}

void roots_deinit(struct roots *roots)
{
	for (size_t i = 0; i < roots->places.n; i++) {
		free(roots->places.v[i].name);
		free(roots->places.v[i].module);
		free(roots->places.v[i].source);
	}
	for (size_t i = 0; i < roots->v.n; i++)
		free(roots->v.v[i].path);
	array_deinit(&roots->places);
	array_deinit(&roots->v);
	roots_init(roots);
}

place_id roots_add_place(struct roots *roots, struct root_place place)
{
	assert(place.parent == PLACE_NONE || place.parent < roots->places.n);
	array_append(&roots->places, place);
	return (place_id)roots->places.n - 1;
}

static int compare(const void *left, const void *right)
{
	const struct root *a = left, *b = right;

	if (a->place != b->place)
		return a->place < b->place ? -1 : 1;
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

void roots_seal(struct roots *roots)
{
	bool sorted = true;

	for (size_t i = 1; i < roots->v.n && sorted; i++)
		sorted = compare(&roots->v.v[i - 1], &roots->v.v[i]) <= 0;
	if (!sorted)
		qsort(roots->v.v, roots->v.n, sizeof(*roots->v.v), compare);
}

/* The first root of this place or a later one. */
static size_t first_from(const struct roots *roots, uint64_t place)
{
	size_t low = 0, high = roots->v.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (roots->v.v[middle].place < place)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t roots_of_place(const struct roots *roots, place_id place, size_t *end_ret)
{
	*end_ret = first_from(roots, (uint64_t)place + 1);
	return first_from(roots, place);
}

const char *place_kind_name(enum place_kind kind)
{
	static const char *const names[PLACE_KINDS] = {
		[PLACE_MODULE] = "module",     [PLACE_VARIABLE] = "variable", [PLACE_THREAD] = "thread",
		[PLACE_REGISTER] = "register", [PLACE_FRAME] = "frame",	[PLACE_TLS] = "tls",
		[PLACE_DESCRIPTOR] = "descriptor", [PLACE_MAPPING] = "mapping", [PLACE_LIBC] = "libc",
		[PLACE_LEAKED] = "leaked",
	};

	assert((unsigned)kind < PLACE_KINDS);
	return names[kind];
}
