/* SPDX-License-Identifier: MIT */
/*
 * Which types have another type inside, and where: what a pointer to a member or to a base says about the whole.
 *
 *	list_head: in struct task at 16, in struct wait at 0 …
 *	GCObject:  «begins as» Table, String …       their first members have the same names and places (C's way to inherit)
 *
 *	char: in struct item at 17                   text at the end of a struct, which is as long as it has to be
 *
 * Elements of other arrays are not inside in this sense: links and bases stand alone.
 */
#ifndef HEAPSNAP_TYPES_ENCLOSING_H
#define HEAPSNAP_TYPES_ENCLOSING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "types/layouts.h"
#include "types/type_table.h"

struct enclosing_type {
	type_id inner;
	uint32_t offset;
	type_id outer;
	/** sizeof outer, as far as it is told. Units: bytes. */
	uint32_t size;
};

struct enclosing {
	/** By inner, offset, size of outer, outer. */
	ARRAY(struct enclosing_type) v;
	/** Begins of the rows of each type: n types + 1. */
	uint32_t *first;
	/** Stands for all types of characters: its rows are the structs that end in text; TYPE_NONE when there are none. */
	type_id text;
	size_t n_types;
};

/** Collects them from all types of the table (sealed). Owner: the caller, enclosing_deinit(). Cost: linear in all members of all types, nested ones counted again. */
void enclosing_build(const struct type_table *table, struct enclosing *ret);

/** Frees them. */
void enclosing_deinit(struct enclosing *enclosing);

/** The types that have `inner` at an offset: the first of the rows, and how many. */
const struct enclosing_type *enclosing_find(const struct enclosing *enclosing, type_id inner, uint64_t offset, size_t *n_ret);

/** How many types have it at their start. */
size_t enclosing_heirs(const struct enclosing *enclosing, type_id inner);

#endif
