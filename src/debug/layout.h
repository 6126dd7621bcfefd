/* SPDX-License-Identifier: MIT */
/*
 * Layouts: where the members of a struct lie, by name.
 *
 * A model lists the structs and members that it reads; this fills their offsets from DWARF. A member that is not there stays
 * MEMBER_ABSENT: its presence decides behaviour, never a version number. What has no DWARF is filled by the model itself (glibc/structs.c).
 */
#ifndef HEAPSNAP_DEBUG_LAYOUT_H
#define HEAPSNAP_DEBUG_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "debug/modules.h"

enum { MEMBER_ABSENT = 0xffffffff };

struct layout_member {
	/** Name in the source. */
	const char *name;
	/** From the start of the struct, or MEMBER_ABSENT. Units: bytes. */
	uint32_t offset;
	/** Of the whole member. Units: bytes. */
	uint32_t size;
	/** Elements when it is an array, else 1. */
	uint32_t count;
};

struct layout {
	/** Tag or typedef name in the source. */
	const char *name;
	/** sizeof, 0 until it was found. Units: bytes. */
	uint32_t size;
	struct layout_member *members;
	size_t n_members;
};

struct layout_variable {
	/** Name in the source. */
	const char *name;
	/** What DWARF says: an address of the file (add the bias), or an offset in the TLS segment; VADDR_NONE when it has no location. */
	vaddr value;
	bool is_tls;
};

/** Fills layouts and variables from the DWARF of one compilation unit of a module: the one whose name ends in `unit` («malloc.c»). Members and
    variables that it does not have stay as «none». Returns false when there is no DWARF or no such unit (outputs untouched). `low_ret` and
    `high_ret` get the unit's code range(s) as one hull, in file addresses, 0 when it has none. Cost: opening the debug file; 40–60 ms for libc. */
bool layouts_from_dwarf(struct modules *modules, struct module *module, const char *unit, struct layout *layouts, size_t n_layouts,
			struct layout_variable *variables, size_t n_variables, vaddr *low_ret, vaddr *high_ret);

#endif
