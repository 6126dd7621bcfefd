/* SPDX-License-Identifier: MIT */
/*
 * What lies at an offset of a type, in the words of its source: «.slots[3].head».
 *
 * Where there is a choice (unions, and the bases of a class), the first way that ends at a pointer is taken, for pointers are what is asked about; else
 * simply the first one. Unnamed members and bases leave no trace, bit-fields are nothing.
 */
#ifndef HEAPSNAP_DEBUG_MEMBERS_H
#define HEAPSNAP_DEBUG_MEMBERS_H

#include "debug/dwarf.h"

/** The members and indices from the start of a type to an offset inside. «+4» follows where it is not the start of something that has a name. NULL when there is nothing to
    be said: offset 0 of what has no members. Owner: the caller; unescaped. Cost: some 10 µs. */
char *member_path(struct dwarf_file *file, const Dwarf_Die *type, uint64_t offset);

#endif
