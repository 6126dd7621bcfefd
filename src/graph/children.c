/* SPDX-License-Identifier: MIT */
#include "graph/children.h"

#include <stdlib.h>

#include "base/column.h"

/* Groups by parent and kind: open addressing, entries are index + 1. */
struct table {
	child_group_array groups;
	uint32_t *entries;
	size_t size;
};

static size_t group_hash(const struct table *table, uint32_t parent, uint64_t key)
{
	uint64_t hash = (key ^ (uint64_t)parent << 40) * UINT64_C(0x9E3779B97F4A7C15);

	return (hash ^ hash >> 32) & (table->size - 1);
}

static void table_grow(struct table *table)
{
	table->size = table->size ? table->size * 2 : 256;
	free(table->entries);
	table->entries = xcalloc(table->size, sizeof(*table->entries));
	for (size_t i = 0; i < table->groups.n; i++) {
		const struct child_group *group = &table->groups.v[i];
		size_t at = group_hash(table, group->parent, group->key);

		if (group->chunk != CHUNK_NONE)
			continue;
		while (table->entries[at])
			at = (at + 1) & (table->size - 1);
		table->entries[at] = (uint32_t)i + 1;
	}
}

static struct child_group *table_get(struct table *table, uint32_t parent, uint64_t key, uint64_t usable)
{
	size_t at;

	if (table->size < 2 * (table->groups.n + 1))
		table_grow(table);
	at = group_hash(table, parent, key);
	for (; table->entries[at]; at = (at + 1) & (table->size - 1)) {
		struct child_group *group = &table->groups.v[table->entries[at] - 1];

		if (group->parent == parent && group->key == key) {
			if (group->usable != usable)
				group->usable = 0;
			return group;
		}
	}
	table->entries[at] = (uint32_t)table->groups.n + 1;
	array_append(&table->groups, (struct child_group){ .parent = parent, .chunk = CHUNK_NONE, .key = key, .name = key_name(key), .usable = usable, .example = CHUNK_NONE });
	return &table->groups.v[table->groups.n - 1];
}

static int compare(const void *left, const void *right)
{
	const struct child_group *a = left, *b = right;

	if (a->parent != b->parent)
		return a->parent < b->parent ? -1 : 1;
	if (a->retained != b->retained)
		return a->retained > b->retained ? -1 : 1;
	return a->example < b->example ? -1 : a->example > b->example;
}

void children_group(const struct kinds *kinds, const struct dominators *dominators, const vertex_id *vertices, size_t n, uint64_t large,
		    child_group_array *ret)
{
	const struct chunks *chunks = kinds->chunks;
	struct table table = { 0 };
	size_t n_vertices = vertex_count(dominators);
	// Which of the vertices each is, plus one.
	uint32_t *wanted = column_grow(NULL, 0, n_vertices * sizeof(*wanted));

	for (size_t i = 0; i < n; i++)
		wanted[vertices[i]] = (uint32_t)i + 1;
	for (chunk_id chunk = 0; chunk < dominators->n_chunks; chunk++) {
		vertex_id above = dominators->idom[chunk];
		struct child_group *group;
		uint64_t key;

		if (above == VERTEX_NONE || !wanted[above])
			continue;
		key = kind_key(kinds, chunk);
		if (dominators->retained[chunk] >= large) {
			group = array_push(&table.groups);
			*group = (struct child_group){ .parent = wanted[above] - 1, .chunk = chunk, .key = key, .name = key_name(key), .usable = chunk_usable(chunks, chunk), .example = chunk };
		} else {
			group = table_get(&table, wanted[above] - 1, key, chunk_usable(chunks, chunk));
			if (group->example == CHUNK_NONE || dominators->retained[chunk] > dominators->retained[group->example])
				group->example = chunk;
		}
		group->count++;
		group->retained += dominators->retained[chunk];
	}
	column_free(wanted, n_vertices * sizeof(*wanted));
	free(table.entries);
	if (table.groups.n)
		qsort(table.groups.v, table.groups.n, sizeof(*table.groups.v), compare);
	ret->v = table.groups.v;
	ret->n = table.groups.n;
	ret->capacity = table.groups.capacity;
}
