/* SPDX-License-Identifier: MIT */
/*
 * A table for each file: all definitions outside of functions, by the hash of their own name. Qualified names, which cost more, are compared when one is asked for.
 */
#include "debug/definitions.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "debug/die_names.h"
#include "debug/dies.h"

enum {
	/** Of one file. */
	DEFINITIONS_MAX = 1 << 22,
	/** Definitions of one name that are looked at: «Impl», «Iterator». */
	NAMESAKES_MAX = 256,
};

struct definition {
	uint32_t hash;
	/** In .debug_info. */
	uint64_t die;
};

struct definition_table {
	/** By hash, then place. */
	ARRAY(struct definition) v;
};

void definition_table_destroy(struct definition_table *table)
{
	if (table)
		array_deinit(&table->v);
	free(table);
}

/* FNV-1a. */
static uint32_t name_hash(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return hash;
}

static bool tag_has_members(unsigned tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type;
}

static int definition_compare(const void *a, const void *b)
{
	const struct definition *left = a, *right = b;

	if (left->hash != right->hash)
		return left->hash < right->hash ? -1 : 1;
	return left->die < right->die ? -1 : left->die > right->die;
}

static struct definition_table *table_build(const struct dwarf_file *file)
{
	struct definition_table *table = xcalloc(1, sizeof(*table));
	struct die_reader reader;

	die_reader_init(&reader, &file->sections);
	die_reader_with_facts(&reader, file->shared ? &file->shared_sections : NULL);
	for (uint64_t at = 0; die_reader_unit(&reader, at) || reader.unit.end; at = reader.unit.end) {
		if (reader.unit.type == DW_UT_type)
			continue;
		while (die_reader_next(&reader)) {
			if (reader.die.tag == DW_TAG_subprogram)
				die_reader_skip(&reader);
			else if (tag_has_members(reader.die.tag) && reader.facts.name && !reader.facts.is_declaration && table->v.n < DEFINITIONS_MAX)
				array_append(&table->v, (struct definition){ name_hash(reader.facts.name), reader.die.offset });
		}
	}
	die_reader_deinit(&reader);
	if (table->v.n)
		qsort(table->v.v, table->v.n, sizeof(*table->v.v), definition_compare);
	return table;
}

bool definition_find(struct dwarf_file *file, Dwarf_Die *die)
{
	const char *own = die_name(file, die);
	_cleanup_free_ char *wanted = own && tag_has_members((unsigned)dwarf_tag(die)) ? die_qualified_name(file, die) : NULL;

	if (!wanted)
		return false;
	if (!file->definitions)
		file->definitions = table_build(file);

	const struct definition_table *table = file->definitions;
	uint32_t hash = name_hash(own);
	size_t low = 0, high = table->v.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->v.v[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = low; i < table->v.n && table->v.v[i].hash == hash && i - low < NAMESAKES_MAX; i++) {
		Dwarf_Die found;
		_cleanup_free_ char *name = die_at(file, table->v.v[i].die, &found) ? die_qualified_name(file, &found) : NULL;

		if (name && strcmp(name, wanted) == 0) {
			*die = found;
			return true;
		}
	}
	return false;
}
