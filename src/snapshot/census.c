/* SPDX-License-Identifier: MIT */
#include "snapshot/census.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/column.h"

void census_init(struct census *census)
{
	*census = (struct census){ .has_owners = true };
	series_init(&census->sizes);
	series_init(&census->owners);
	series_init(&census->kept);
}

void census_deinit(struct census *census)
{
	series_deinit(&census->sizes);
	series_deinit(&census->owners);
	series_deinit(&census->kept);
	for (size_t i = 0; i < census->owner_names.n; i++)
		free(census->owner_names.v[i]);
	array_deinit(&census->owner_names);
	free(census->slots);
	*census = (struct census){ 0 };
}

/* ---- names of owners ---- */

static uint32_t *probe(uint32_t *slots, size_t n_slots, char *const *names, const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *at = name; *at; at++)
		hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);

	size_t at = (hash ^ hash >> 32) & (n_slots - 1);

	while (slots[at] && strcmp(names[slots[at] - 1], name) != 0)
		at = (at + 1) & (n_slots - 1);
	return &slots[at];
}

static void names_grow(struct census *census)
{
	size_t n_slots = census->n_slots ? census->n_slots * 2 : 256;
	uint32_t *slots = xcalloc(n_slots, sizeof(*slots));

	for (size_t i = 0; i < census->owner_names.n; i++)
		*probe(slots, n_slots, census->owner_names.v,
		       census->owner_names.v[i]) = (uint32_t)i + 1;
	free(census->slots);
	census->slots = slots;
	census->n_slots = n_slots;
}

/* The index of a name, which is taken. */
static uint32_t name_index(struct census *census, char *name)
{
	enum { NAMES_MAX = 1 << 24 };

	if (census->owner_names.n * 2 >= census->n_slots)
		names_grow(census);

	uint32_t *slot = probe(census->slots, census->n_slots, census->owner_names.v, name);

	if (*slot || census->owner_names.n == NAMES_MAX) {
		free(name);
		return *slot ? *slot - 1 : CENSUS_SHARED;
	}
	array_append(&census->owner_names, name);
	*slot = (uint32_t)census->owner_names.n;
	return *slot - 1;
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* What is the same in every thread and run: no thread ids, no addresses. */
static char *owner_name(const struct root_place *place)
{
	_cleanup_free_ char *module = place->module ? xasprintf(" (%s)", file_name(place->module))
						    : xstrdup("");

	switch (place->kind) {
	case PLACE_MODULE:
		return xasprintf("module %s", place->name);
	case PLACE_VARIABLE:
		return xasprintf("%s%s", place->name, module);
	case PLACE_THREAD:
		return xstrdup("a thread");
	case PLACE_REGISTER:
		return xstrdup("registers");
	case PLACE_FRAME:
		return place->name ? xasprintf("frame of %s%s", place->name, module)
				   : xstrdup("the bottom of a stack");
	case PLACE_TLS:
		return xasprintf("thread-local %s%s", place->name, module);
	case PLACE_DESCRIPTOR:
		return xstrdup("a thread descriptor");
	case PLACE_MAPPING:
		return place->name ? xasprintf("mapping %s", place->name)
				   : xstrdup("other mappings");
	case PLACE_LIBC:
		return xstrdup("libc itself");
	case PLACE_LEAKED:
	case PLACE_KINDS:
		break;
	}
	return xstrdup("nothing (leaked)");
}

/* ---- counting ---- */

/* The index of the name of each place. Owner: the caller. */
static uint32_t *places_name(struct census *census, const struct roots *roots)
{
	uint32_t *indexes = xcalloc(roots->places.n + 1, sizeof(*indexes));

	if (!census->owner_names.n) {
		name_index(census, xstrdup("several places"));
		name_index(census, xstrdup("nothing (leaked)"));
	}
	for (size_t i = 0; i < roots->places.n; i++)
		indexes[i] = name_index(census, owner_name(&roots->places.v[i]));
	return indexes;
}

static void count_owners(struct census *census, const struct snapshot *snapshot)
{
	const struct chunks *chunks = &snapshot->heap.chunks;
	_cleanup_free_ uint32_t *names = places_name(census, &snapshot->graph.roots);
	place_id *owners = dominators_owners(&snapshot->graph.dominators);

	for (size_t i = 0; i < chunks->n; i++) {
		if (chunks->state[i] != CHUNK_IN_USE)
			continue;

		uint32_t owner = owners[i] == PLACE_NONE ? CENSUS_SHARED : names[owners[i]];
		uint64_t usable = chunk_usable(chunks, (chunk_id)i);

		series_count(&census->owners, owner, 1, usable);
		series_count(&census->kept, census_key(usable, owner), 1, usable);
	}
	column_free(owners, (chunks->n ? chunks->n : 1) * sizeof(*owners));
}

void census_add(struct census *census, const struct snapshot *snapshot)
{
	series_add_sizes(&census->sizes, &snapshot->heap.chunks);
	series_begin(&census->owners);
	series_begin(&census->kept);
	census->has_owners &= snapshot->graph.is_built && snapshot->graph.options.with_dominators;
	if (census->has_owners)
		count_owners(census, snapshot);
}

void census_thin(struct census *census)
{
	series_thin(&census->sizes);
	series_thin(&census->owners);
	series_thin(&census->kept);
}
