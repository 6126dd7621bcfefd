/* SPDX-License-Identifier: MIT */
/*
 * Type units: types that stand in a unit of their own and are referred to by a signature, in .debug_info (DWARF 5) or in .debug_types (DWARF 4), which lies right behind
 * .debug_info here (debug_image.h).
 */
#ifndef HEAPSNAP_DEBUG_TYPE_UNITS_H
#define HEAPSNAP_DEBUG_TYPE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

struct dwarf_sections;
struct type_units;

/** Reads the headers of the type units; NULL when there are none. Owner: the caller. Cost: linear in units. */
struct type_units *type_units_read(const struct dwarf_sections *sections);

/** Frees them; NULL is accepted. */
void type_units_destroy(struct type_units *units);

/** The DIE of the type with a signature, as an offset in .debug_info; false when no unit has it. NULL has none. Cost: logarithmic. */
bool type_units_find(const struct type_units *units, uint64_t signature, uint64_t *die_ret);

#endif
