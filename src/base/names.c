/* SPDX-License-Identifier: MIT */
#include "base/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum { SLOTS_MIN = 256 };

void names_deinit(struct names *names)
{
	for (size_t i = 0; i < names->v.n; i++)
		free(names->v.v[i]);
	array_deinit(&names->v);
	free(names->slots);
	*names = (struct names){ 0 };
}

/* The slot of a name, or the empty one where it belongs. */
static uint32_t *slot_of(const struct names *names, const char *name)
{
	// FNV-1a.
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *at = name; *at; at++)
		hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);

	size_t at = (hash ^ hash >> 32) & (names->n_slots - 1);

	while (names->slots[at] && strcmp(names->v.v[names->slots[at] - 1], name) != 0)
		at = (at + 1) & (names->n_slots - 1);
	return &names->slots[at];
}

static void names_grow(struct names *names)
{
	names->n_slots = names->n_slots ? names->n_slots * 2 : SLOTS_MIN;
	free(names->slots);
	names->slots = xcalloc(names->n_slots, sizeof(*names->slots));
	for (size_t i = 0; i < names->v.n; i++)
		*slot_of(names, names->v.v[i]) = (uint32_t)i + 1;
}

uint32_t names_number(struct names *names, const char *name)
{
	if (names->v.n * 2 >= names->n_slots)
		names_grow(names);

	uint32_t *slot = slot_of(names, name);

	if (!*slot) {
		array_append(&names->v, xstrdup(name));
		*slot = (uint32_t)names->v.n;
	}
	return *slot - 1;
}
