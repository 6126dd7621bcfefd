/* SPDX-License-Identifier: MIT */
/*
 * Objects of GObject, told by the classes they point to.
 *
 *	            ┌ private data of the class, and of those above it: private_size bytes
 *	an object   └→ g_class ──→ its class ┬ g_type ──→ TypeNode ┬ data ──→ TypeData: class, instance_size, private_size
 *	               …                     └ functions …         ├ qname: the number of its name in the list of all quarks
 *	                                                           └ supers: itself, its parent … a fundamental type, 0
 *
 * None of that is in a header, and the library comes stripped; so it is found by its structure, which proves itself: a TypeNode is what has its own address at the head of a row that ends
 * in a fundamental type; its data holds the class that the node was found by, and behind it sizes, which the objects' chunks must have; and the number that names it is where the
 * numbers of all nodes are names, all of them different. Debug information is not asked.
 *
 * GLib before 2.76 takes small objects from slabs: then a chunk is a page of many, and is named as that.
 *
 * Source: GLib 2.40 to 2.80, gobject/gtype.c (struct _TypeNode, struct _InstanceData, g_type_create_instance), glib/gquark.c, glib/gslice.c (SlabInfo).
 */
#ifndef HEAPSNAP_TYPES_GOBJECTS_H
#define HEAPSNAP_TYPES_GOBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "heap/chunks.h"
#include "types/type_table.h"

struct edges;
struct image;
struct modules;

struct gobject {
	chunk_id chunk;
	type_id type;
	bool is_array;
};

struct gobjects {
	/** Ascending by chunk. */
	ARRAY(struct gobject) v;
	/** Classes that were found. */
	size_t n_classes;
};

/** Finds the objects, their classes, and slabs; and appends their types to the sealed table, where these are not in it: with the members that debug information has, private ones
    too. Empty where no module is GObject. Owner: the caller, gobjects_deinit(). Cost: linear in chunks and edges. */
void gobjects_find(const struct modules *modules, const struct image *image, const struct chunks *chunks, const struct edges *edges, struct type_table *table,
		   struct gobjects *ret);

/** Frees them; an initialiser of zeroes is accepted. */
void gobjects_deinit(struct gobjects *gobjects);

#endif
