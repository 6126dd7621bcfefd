/* SPDX-License-Identifier: MIT */
/*
 * Sites: where the program's code allocates the types that chunks have, «createObject, object.c:45».
 *
 * What else needs a recorder that is loaded with the program is read from its code here. So it is inferred: a site says that such a type is allocated there, and not which
 * chunks came from it; of a type with one site these are likely all.
 */
#ifndef HEAPSNAP_TYPES_TYPE_SITES_H
#define HEAPSNAP_TYPES_TYPE_SITES_H

#include <stddef.h>
#include <stdint.h>

struct types;

enum {
	/** Of one label; the surest are kept. */
	SITES_OF_ONE_MAX = 64,
};

struct type_site {
	/** Whose it is: index in labels. */
	uint32_t label;
	/** How sure it is that this type is allocated there. Units: percent. */
	uint32_t confidence;
	/** What is asked for, where that is a constant; UINT64_MAX else. Units: bytes. */
	uint64_t size;
	/** The function that allocates (the inlined one, where it was), NULL for one without a name; and where it is written down, «object.c:45», NULL when that is not known. Owned,
	    unescaped. */
	char *function, *source;
	/** What it calls: «malloc», «zmalloc»; NULL when that has no name. Owned, unescaped. */
	char *allocator;
};

/** Frees the strings of one. */
void type_site_deinit(struct type_site *site);

/** Frees them all. */
void type_sites_deinit(struct types *types);

/** The sites of a label, the surest first. NULL when none is known. Borrowed: as long as the types. Cost: logarithmic. */
const struct type_site *label_sites(const struct types *types, uint32_t label, size_t *n_ret);

#endif
