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

/** The line that the code at an address comes from: its file as line_file_name() gives it, and its number. False when the unit's table does not say. Cost: runs the program of
    the unit up to there, some 5 ns a byte. */
bool line_at(const struct dwarf_file *file, Dwarf_Die *unit, vaddr pc, const char **name_ret, uint64_t *line_ret);

struct line {
	/** A file address, asked for. */
	vaddr pc;
	/** As line_file_name() gives it; NULL when the table does not say. */
	const char *name;
	uint64_t number;
};

/** line_at() of many addresses that ascend: the program runs once. What it does not say stays as it is. */
void lines_at(const struct dwarf_file *file, Dwarf_Die *unit, struct line *lines, size_t n);

#endif
