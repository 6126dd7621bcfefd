/* SPDX-License-Identifier: MIT */
/*
 * Roots, found and named.
 *
 * The areas of root_areas.h and the registers are scanned; each pointer gets a place: of data the variable that holds it, of a stack the frame. Names come
 * from symbols and, where there is any, from DWARF. Where a module has no symbols, a pointer by itself is a place, and so is a row of many.
 */
#ifndef HEAPSNAP_GRAPH_ROOT_SCAN_H
#define HEAPSNAP_GRAPH_ROOT_SCAN_H

#include "graph/pointers.h"
#include "graph/root_areas.h"
#include "graph/roots.h"

struct root_options {
	struct pointer_options pointers;
	/** Do not ask DWARF, which takes time to open. */
	bool without_dwarf;
};

/** Finds them, with a place at the end for what is leaked (*leaked_ret). Owner of the roots: the caller, roots_deinit(). Cost: linear in the bytes of all areas. */
void roots_scan(const struct target *target, struct modules *modules, const struct heap *heap, const struct root_areas *areas,
		const struct root_options *options, struct roots *ret, place_id *leaked_ret);

#endif
