/* SPDX-License-Identifier: MIT */
/*
 * The sealed type table as columns (debug/cache.h), and back.
 *
 * What comes back is checked as what comes from DWARF is: every index and kind is in its bounds, every name ends; what types say of each other may be nonsense, which nobody
 * who asks the table may take for impossible anyway.
 */
#ifndef HEAPSNAP_TYPES_TYPE_CACHE_H
#define HEAPSNAP_TYPES_TYPE_CACHE_H

#include <stdbool.h>
#include <stddef.h>

struct cache_entry;
struct type_table;

/** Adds the columns of a sealed table, and which of so many modules have DWARF. */
void type_table_keep(const struct type_table *table, const bool *described, size_t n_modules, struct cache_entry *entry);

/** Makes a sealed table of columns, in an empty one, for so many modules; false, and the table is as it was, when they are not what they should be. */
bool type_table_revive(struct type_table *table, bool *described, size_t n_modules, const struct cache_entry *entry);

#endif
