/* SPDX-License-Identifier: MIT */
#include "debug/die_names.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "debug/dies.h"
#include "debug/lines.h"

enum {
	/** Scopes around a name. */
	PARTS_MAX = 32,
};

/* The DIE at an offset of the .debug_info that another one is in. */
static bool die_beside(const Dwarf_Die *die, uint64_t offset, Dwarf_Die *ret)
{
	return dwarf_offdie(dwarf_cu_getdwarf(die->cu), offset, ret) != NULL;
}

/* Goes to the DIE around one that gives it part of its name; false when there is none. */
static bool scope_around(const struct dwarf_file *file, struct die_reader *reader, Dwarf_Die *die)
{
	struct die ancestors[ANCESTORS_MAX];
	uint64_t offset = dwarf_dieoffset(die), unit = offset - dwarf_cuoffset(die);

	reader->sections = die_sections(file, die);
	for (size_t n = die_ancestors(reader, unit, offset, ancestors); n-- > 0;) {
		switch (ancestors[n].tag) {
		case DW_TAG_namespace:
		case DW_TAG_structure_type:
		case DW_TAG_class_type:
		case DW_TAG_union_type:
		case DW_TAG_subprogram:
		case DW_TAG_inlined_subroutine:
			return die_beside(die, ancestors[n].offset, die);
		default:
			break;
		}
	}
	return false;
}

char *die_qualified_name(const struct dwarf_file *file, const Dwarf_Die *die_in)
{
	const char *parts[PARTS_MAX];
	size_t n = 0, length = 1;
	Dwarf_Die die = *die_in;
	struct die_reader reader;

	die_reader_init(&reader, &file->sections);
	do {
		const char *part = die_origin(&die) ? die_name(file, &die) : NULL;

		if (!part && n == 0)
			break;
		if (!part && dwarf_tag(&die) == DW_TAG_namespace)
			part = "(anonymous namespace)";
		if (part) {
			parts[n++] = part;
			length += strlen(part) + 2;
		}
	} while (n < PARTS_MAX && scope_around(file, &reader, &die));
	die_reader_deinit(&reader);
	if (n == 0)
		return NULL;

	char *name = xmalloc(length), *at = name;

	while (n-- > 0)
		at = stpcpy(stpcpy(at, parts[n]), n ? "::" : "");
	return name;
}

char *die_source(const struct dwarf_file *file, const Dwarf_Die *die_in)
{
	Dwarf_Die die = *die_in, unit;
	Dwarf_Attribute attribute;
	Dwarf_Word line, index;

	if (dwarf_formudata(dwarf_attr_integrate(&die, DW_AT_decl_line, &attribute), &line) != 0 ||
	    dwarf_formudata(dwarf_attr_integrate(&die, DW_AT_decl_file, &attribute), &index) != 0)
		return NULL;
	// The number of a file is that of the unit which says it.
	if (!dwarf_cu_die(attribute.cu, &unit, NULL, NULL, NULL, NULL, NULL, NULL))
		return NULL;

	const char *name = line_file_name(file, &unit, index);

	return name ? xasprintf("%s:%" PRIu64, name, (uint64_t)line) : NULL;
}
