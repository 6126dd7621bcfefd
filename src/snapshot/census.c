/* SPDX-License-Identifier: MIT */
#include "snapshot/census.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

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
	names_deinit(&census->names);
	for (size_t i = 0; i < census->sources.n; i++)
		free(census->sources.v[i]);
	array_deinit(&census->sources);
	*census = (struct census){ 0 };
}

/* ---- owners ---- */

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The number of a name; `source` may be NULL. */
static uint32_t owner_number(struct census *census, const char *name, const char *source)
{
	uint32_t number = census->names.v.n >> CENSUS_OWNER_BITS ? CENSUS_OTHERS
								 : names_number(&census->names, name);

	if (number == census->sources.n)
		array_append(&census->sources, NULL);
	if (source && !census->sources.v[number])
		census->sources.v[number] = xstrdup(source);
	return number;
}

/* The number of each owner of a snapshot. Owner: the caller. */
static uint32_t *owners_number(struct census *census, const struct graph *graph)
{
	uint32_t *numbers = xcalloc(graph->owners.v.n + 1, sizeof(*numbers));

	owner_number(census, "nothing (leaked)", NULL);
	owner_number(census, "others", NULL);
	for (size_t i = 0; i < graph->owners.v.n; i++) {
		const struct owner *owner = &graph->owners.v.v[i];
		const struct root_place *place = &graph->roots.places.v[owner->place];
		_cleanup_free_ char *name = place->module ? xasprintf("%s (%s)", owner->name,
								      file_name(place->module))
							  : xstrdup(owner->name);

		numbers[i] = owner->place == graph->leaked
				     ? CENSUS_LEAKED
				     : owner_number(census, name, place->source);
	}
	return numbers;
}

char *census_owner_label(const struct census *census, uint64_t owner)
{
	const char *name = census->names.v.v[owner], *source = census->sources.v[owner];
	const char *module = strrchr(name, '(');

	if (!source)
		return xstrdup(name);
	if (!module)
		return xasprintf("%s (%s)", name, source);
	return xasprintf("%.*s(%s, %s", (int)(module - name), name, source, module + 1);
}

/* ---- counting ---- */

static void count_owners(struct census *census, const struct snapshot *snapshot)
{
	const struct chunks *chunks = &snapshot->heap.chunks;
	const struct owners *owners = &snapshot->graph.owners;
	_cleanup_free_ uint32_t *numbers = owners_number(census, &snapshot->graph);

	for (size_t i = 0; i < chunks->n; i++) {
		if (chunks->state[i] != CHUNK_IN_USE)
			continue;

		uint32_t owner = numbers[owners->of[i]];
		uint64_t usable = chunk_usable(chunks, (chunk_id)i);

		series_count(&census->owners, owner, 1, usable);
		series_count(&census->kept, census_key(usable, owner), 1, usable);
	}
}

void census_add(struct census *census, const struct snapshot *snapshot)
{
	series_add_sizes(&census->sizes, &snapshot->heap.chunks);
	series_begin(&census->owners);
	series_begin(&census->kept);
	census->has_owners &= snapshot->graph.options.with_owners;
	if (census->has_owners)
		count_owners(census, snapshot);
}

void census_thin(struct census *census)
{
	series_thin(&census->sizes);
	series_thin(&census->owners);
	series_thin(&census->kept);
}
