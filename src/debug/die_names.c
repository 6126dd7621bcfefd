/* SPDX-License-Identifier: MIT */
#include "debug/die_names.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "debug/lines.h"
#include "debug/scopes.h"

enum {
	/** Scopes around a name. */
	PARTS_MAX = 32,
};

char *die_qualified_name(struct dwarf_file *file, const Dwarf_Die *die_in)
{
	const char *parts[PARTS_MAX];
	size_t n = 0, length = 1;
	Dwarf_Die die = *die_in;

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
	} while (n < PARTS_MAX && scope_around(file, &die));
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
