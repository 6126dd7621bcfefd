/* SPDX-License-Identifier: MIT */
#include "debug/scopes.h"

#include <dwarf.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/array.h"
#include "debug/dies.h"

enum {
	/** A power of two. */
	HEADS = 512,
	/** Of one unit. */
	SCOPES_MAX = 1 << 22,
	SCOPE_NONE = -1,
};

struct scope {
	/** Of its DIE, and of the first one behind all that it holds. */
	uint64_t offset, end;
	/** The one around it, by index. */
	int parent;
};

struct unit_scopes {
	struct unit_scopes *next;
	/** Of its header, and in which file it is. */
	uint64_t offset;
	bool is_shared;
	/** By offset. */
	ARRAY(struct scope) v;
};

struct scope_table {
	struct unit_scopes *heads[HEADS];
};

void scope_table_destroy(struct scope_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < HEADS; i++) {
		while (table->heads[i]) {
			struct unit_scopes *next = table->heads[i]->next;

			array_deinit(&table->heads[i]->v);
			free(table->heads[i]);
			table->heads[i] = next;
		}
	}
	free(table);
}

static bool tag_is_scope(unsigned tag)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_subprogram:
	case DW_TAG_inlined_subroutine:
		return true;
	default:
		return false;
	}
}

static void unit_read(struct unit_scopes *unit, const struct dwarf_sections *sections)
{
	// Those that are open, and how deep each is.
	int open[ANCESTORS_MAX];
	unsigned depths[ANCESTORS_MAX], n_open = 0;
	struct die_reader reader;

	die_reader_init(&reader, sections);
	if (die_reader_unit(&reader, unit->offset)) {
		while (die_reader_next(&reader) && unit->v.n < SCOPES_MAX) {
			const struct die *die = &reader.die;

			while (n_open && depths[n_open - 1] >= die->depth)
				unit->v.v[open[--n_open]].end = die->offset;
			if (!die->has_children || !tag_is_scope(die->tag) || n_open == ANCESTORS_MAX)
				continue;
			depths[n_open] = die->depth;
			open[n_open] = (int)unit->v.n;
			array_append(&unit->v, (struct scope){ .offset = die->offset, .end = reader.unit.end, .parent = n_open ? open[n_open - 1] : SCOPE_NONE });
			n_open++;
		}
	}
	die_reader_deinit(&reader);
}

static const struct unit_scopes *unit_find(struct dwarf_file *file, Dwarf_Die *die)
{
	const struct dwarf_sections *sections = die_sections(file, die);
	uint64_t offset = 0;
	bool is_shared = false;

	if (die_place(file, die, &offset, &is_shared))
		offset -= dwarf_cuoffset(die);

	if (!file->scopes)
		file->scopes = xcalloc(1, sizeof(*file->scopes));

	struct unit_scopes **head = &file->scopes->heads[(offset ^ offset >> 9) % HEADS], *unit;

	for (unit = *head; unit; unit = unit->next) {
		if (unit->offset == offset && unit->is_shared == is_shared)
			return unit;
	}
	unit = xcalloc(1, sizeof(*unit));
	unit->offset = offset;
	unit->is_shared = is_shared;
	unit->next = *head;
	*head = unit;
	unit_read(unit, sections);
	return unit;
}

bool scope_around(struct dwarf_file *file, Dwarf_Die *die)
{
	const struct unit_scopes *unit = unit_find(file, die);
	uint64_t offset = 0;
	size_t low = 0, high = unit->v.n;
	bool is_shared;

	if (!die_place(file, die, &offset, &is_shared))
		return false;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (unit->v.v[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	// The last scope that begins before the DIE, or one around that.
	for (int i = (int)low - 1; i != SCOPE_NONE; i = unit->v.v[i].parent) {
		if (offset < unit->v.v[i].end)
			return is_shared ? dwarf_offdie(file->shared, unit->v.v[i].offset, die) != NULL : die_at(file, unit->v.v[i].offset, die);
	}
	return false;
}
