/* SPDX-License-Identifier: MIT */
/*
 * Classes that a unit only declares.
 *
 * A compiler describes a class that has virtual functions in the unit of its key function alone; all others, though they have variables of it and members,
 * get a declaration. The definition has the same qualified name.
 */
#ifndef HEAPSNAP_DEBUG_DEFINITIONS_H
#define HEAPSNAP_DEBUG_DEFINITIONS_H

#include <stdbool.h>

#include "debug/dwarf.h"

/** Goes from the declaration of a struct, class or union to its definition in another unit of the file. False when there is none. Cost: the first declaration of a file reads all
    DIEs but those of functions (some 20 ms for 5 MB); then some 10 µs. */
bool definition_find(struct dwarf_file *file, Dwarf_Die *die);

/** Frees the table of a module; NULL is accepted. For dwarf.c. */
void definition_table_destroy(struct definition_table *table);

#endif
