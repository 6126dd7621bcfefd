/* SPDX-License-Identifier: MIT */
/*
 * What a variable or function is called, and where it is written down.
 */
#ifndef HEAPSNAP_DEBUG_DIE_NAMES_H
#define HEAPSNAP_DEBUG_DIE_NAMES_H

#include "debug/dwarf.h"

/** The name with what it stands in: «ns::Class::member», «function::name» for what is local to a function, «(anonymous namespace)::name». NULL when the DIE has
    no name. Owner: the caller; unescaped. Cost: as scope_around(). */
char *die_qualified_name(struct dwarf_file *file, const Dwarf_Die *die);

/** «server.c:120», without the path; NULL when it is not said. Owner: the caller; unescaped. */
char *die_source(const struct dwarf_file *file, const Dwarf_Die *die);

#endif
