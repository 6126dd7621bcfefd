/* SPDX-License-Identifier: MIT */
#include "debug/type_units.h"

#include <dwarf.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/array.h"
#include "debug/dies.h"
#include "debug/dwarf.h"

struct type_unit {
	uint64_t signature, die;
};

struct type_units {
	/** By signature, then place. */
	ARRAY(struct type_unit) v;
};

static int unit_compare(const void *a, const void *b)
{
	const struct type_unit *left = a, *right = b;

	if (left->signature != right->signature)
		return left->signature < right->signature ? -1 : 1;
	return left->die < right->die ? -1 : left->die > right->die;
}

struct type_units *type_units_read(const struct dwarf_sections *sections)
{
	struct type_units *units = NULL;
	struct die_unit unit;

	for (uint64_t at = 0; die_unit_read(sections, at, &unit) || unit.end; at = unit.end) {
		if (unit.type != DW_UT_type && unit.type != DW_UT_split_type)
			continue;
		if (!units)
			units = xcalloc(1, sizeof(*units));
		array_append(&units->v, (struct type_unit){ unit.signature, unit.offset + unit.type_offset });
	}
	if (units)
		qsort(units->v.v, units->v.n, sizeof(*units->v.v), unit_compare);
	return units;
}

void type_units_destroy(struct type_units *units)
{
	if (units)
		array_deinit(&units->v);
	free(units);
}

bool type_units_find(const struct type_units *units, uint64_t signature, uint64_t *die_ret)
{
	size_t low = 0, high = units ? units->v.n : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (units->v.v[middle].signature < signature)
			low = middle + 1;
		else
			high = middle;
	}
	if (!units || low == units->v.n || units->v.v[low].signature != signature)
		return false;
	*die_ret = units->v.v[low].die;
	return true;
}
