/* SPDX-License-Identifier: MIT */
/*
 * What DIEs stand in: the namespace, class or function around one.
 *
 * DIEs do not say where they are; libdw finds out by reading their unit from its start, each time. Here a unit is read once, when a DIE of it is first asked
 * about, and the extents of all that gives names to others are kept.
 */
#ifndef HEAPSNAP_DEBUG_SCOPES_H
#define HEAPSNAP_DEBUG_SCOPES_H

#include <stdbool.h>

#include "debug/dwarf.h"

/** Goes from a DIE to the innermost namespace, class, struct, union or function (an inlined one too) around it. False when it stands at the top of its unit. Cost:
    the first DIE of a unit reads all of it; then logarithmic. */
bool scope_around(struct dwarf_file *file, Dwarf_Die *die);

/** Frees the table of a module; NULL is accepted. For dwarf.c. */
void scope_table_destroy(struct scope_table *table);

#endif
