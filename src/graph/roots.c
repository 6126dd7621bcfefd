/* SPDX-License-Identifier: MIT */
#include "graph/roots.h"

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"

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

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9E3779B97F4A7C15);
	return hash ^ hash >> 29;
}

/* Hashes what a root is of its place, without the indices of arrays. */
static uint64_t root_hash(const struct root *root)
{
	uint64_t hash = mix(1, root->place);
	bool in_index = false;

	for (const char *at = root->path; at && *at; at++) {
		in_index = in_index ? *at != ']' : *at == '[';
		if (!in_index || *at == '[')
			hash = mix(hash, (unsigned char)*at);
	}
	return hash;
}

uint32_t *roots_kinds(const struct roots *roots)
{
	size_t size = 1024;

	while (size < 2 * (roots->v.n + 1))
		size *= 2;

	uint32_t *kinds = xcalloc(roots->v.n + 1, sizeof(*kinds));
	// Index + 1; with the hash, since comparing these is as good as comparing paths.
	_cleanup_free_ uint32_t *table = xcalloc(size, sizeof(*table));
	_cleanup_free_ uint64_t *hashes = xcalloc(roots->v.n + 1, sizeof(*hashes));

	for (size_t i = 0; i < roots->v.n; i++) {
		size_t at;

		hashes[i] = root_hash(&roots->v.v[i]);
		for (at = hashes[i] & (size - 1); table[at] && hashes[table[at] - 1] != hashes[i]; at = (at + 1) & (size - 1))
			;
		if (!table[at])
			table[at] = (uint32_t)i + 1;
		kinds[i] = table[at] - 1;
	}
	return kinds;
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
