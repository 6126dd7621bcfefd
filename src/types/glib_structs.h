/* SPDX-License-Identifier: MIT */
/*
 * What GLib hides of its structs, put back into the type table.
 *
 *   GHashTable   is only declared in its headers
 *   GArray       is declared as the two members that everybody may use; what is allocated has more of them behind
 *
 * Programs that are built against GLib have these in their debug information as far as the headers go. The rest is data here (glib_structs.c); where debug information
 * of GLib itself is there, that is taken. A chunk must still have the size for it.
 */
#ifndef HEAPSNAP_TYPES_GLIB_STRUCTS_H
#define HEAPSNAP_TYPES_GLIB_STRUCTS_H

#include <stddef.h>

#include "types/type_table.h"

/** Completes the structs of GLib that a sealed table has, once, and gives them the names people use: «GList», not «struct _GList». Gives how many there were. Cost: constant. */
size_t glib_structs_apply(struct type_table *table);

/** The struct of that typedef, which has its name from then on; TYPE_NONE when there is none. */
type_id glib_struct_named(struct type_table *table, const char *name);

#endif
