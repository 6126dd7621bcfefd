/* SPDX-License-Identifier: MIT */
/*
 * Line tables: which line of which file some code comes from.
 *
 * The program of a unit's table is run each time, and stops when it knows; no rows are kept. (libdw builds all rows of a unit, of any number that a
 * damaged file says, and trusts the names of files to end.)
 * Source: DWARF 5, section 6.2; DWARF 2 to 4.
 */
#ifndef HEAPSNAP_DEBUG_LINES_H
#define HEAPSNAP_DEBUG_LINES_H

#include "debug/dwarf.h"

/** The name of a source file by its number in a unit, without the path; NULL when there is none. Borrowed: as long as the file; unescaped. */
const char *line_file_name(const struct dwarf_file *file, Dwarf_Die *unit, uint64_t index);

#endif
