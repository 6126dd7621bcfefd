/* SPDX-License-Identifier: MIT */
#include "snapshot/census.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void census_init(struct census *census)
{
	*census = (struct census){ .has_owners = true, .has_types = true, .has_labels = true };
	series_init(&census->sizes);
	series_init(&census->owners);
	series_init(&census->kept);
	series_init(&census->types);
	series_init(&census->labels);
	series_init(&census->label_kept);
}

void census_deinit(struct census *census)
{
	series_deinit(&census->sizes);
	series_deinit(&census->owners);
	series_deinit(&census->kept);
	series_deinit(&census->types);
	series_deinit(&census->labels);
	series_deinit(&census->label_kept);
	names_deinit(&census->label_names);
	array_deinit(&census->label_tells);
	names_deinit(&census->type_names);
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

static void count_owners(struct census *census, const struct snapshot *snapshot, const uint32_t *numbers)
{
	const struct chunks *chunks = &snapshot->heap.chunks;
	const struct owners *owners = &snapshot->graph.owners;

	for (size_t i = 0; i < chunks->n; i++) {
		if (chunks->state[i] != CHUNK_IN_USE)
			continue;

		uint32_t owner = numbers[owners->of[i]];
		uint64_t usable = chunk_usable(chunks, (chunk_id)i);

		series_count(&census->owners, owner, 1, usable);
		series_count(&census->kept, census_key(usable, owner), 1, usable);
	}
}

static void count_types(struct census *census, const struct python *python)
{
	for (size_t i = 0; i < python->classes.n; i++) {
		const struct py_class *class = &python->classes.v[i];

		if (class->objects.count)
			series_count(&census->types, names_number(&census->type_names, class->name), class->objects.count,
				     class->objects.bytes + class->tables.bytes + class->native.bytes);
	}
}

/* Whether a name says more than a size does: not what looks as anything may. */
static bool name_tells(const char *name)
{
	static const char *const vague[] = { "char[]", "(text)", "(zeros)", "(integers)", "(pointers)", "(compressed or random bytes)" };

	for (size_t i = 0; i < sizeof(vague) / sizeof(vague[0]); i++)
		if (!strcmp(name, vague[i]))
			return false;
	return true;
}

uint32_t *census_label_numbers(struct census *census, const struct types *types)
{
	uint32_t *numbers = xcalloc(types->labels.n + 1, sizeof(*numbers));

	for (size_t i = 0; i < types->labels.n; i++) {
		numbers[i] = names_number(&census->label_names, types->labels.v[i].name);
		if (numbers[i] == census->label_tells.n)
			array_append(&census->label_tells, i != 0 && name_tells(types->labels.v[i].name));
	}
	return numbers;
}

/* Of whoever is not known as an owner, there is none. */
static void count_labels(struct census *census, const struct snapshot *snapshot, const uint32_t *owners)
{
	const struct chunks *chunks = &snapshot->heap.chunks;
	const struct types *types = &snapshot->types;
	_cleanup_free_ uint32_t *numbers = census_label_numbers(census, types);

	for (size_t i = 0; i < chunks->n; i++) {
		uint32_t number = numbers[types->label[i]];
		uint64_t usable = chunk_usable(chunks, (chunk_id)i);

		if (chunks->state[i] != CHUNK_IN_USE)
			continue;
		series_count(&census->labels, number, 1, usable);
		if (owners)
			series_count(&census->label_kept, census_key(number, owners[snapshot->graph.owners.of[i]]), 1, usable);
	}
}

void census_add(struct census *census, const struct snapshot *snapshot)
{
	series_add_sizes(&census->sizes, &snapshot->heap.chunks);
	series_begin(&census->owners);
	series_begin(&census->kept);
	series_begin(&census->types);
	series_begin(&census->labels);
	series_begin(&census->label_kept);
	census->has_types &= python_is_known(&snapshot->python);
	if (census->has_types)
		count_types(census, &snapshot->python);
	census->has_owners &= snapshot->graph.options.with_owners;
	census->has_labels &= snapshot->types.is_built;

	_cleanup_free_ uint32_t *owners = census->has_owners ? owners_number(census, &snapshot->graph) : NULL;

	if (census->has_owners)
		count_owners(census, snapshot, owners);
	if (census->has_labels)
		count_labels(census, snapshot, owners);
}

void census_thin(struct census *census)
{
	series_thin(&census->sizes);
	series_thin(&census->owners);
	series_thin(&census->kept);
	series_thin(&census->types);
	series_thin(&census->labels);
	series_thin(&census->label_kept);
}
