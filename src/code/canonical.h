/* SPDX-License-Identifier: MIT */
/*
 * The types that the modules declare, each once: those of all modules share one table, code_facts.types. What a type points to, and what lies where in it.
 */
#ifndef HEAPSNAP_CODE_CANONICAL_H
#define HEAPSNAP_CODE_CANONICAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "code/declarations.h"
#include "code/facts.h"
#include "code/keys.h"

/** Canonical types of all modules. */
struct canonical_types {
	struct code_facts *facts;
	struct keys by_key;
	/** Answers of type_embeds(): 0 or 1. */
	struct keys embeds;
	/** For each of facts->types: where its record is, and whether other structs have it inside. */
	ARRAY(struct canonical_type {
		const struct declarations *declarations;
		uint32_t record;
		bool is_part;
	}) v;
};

/** Gives the structs of a module their canonical types. Borrows the declarations. */
void declarations_settle(struct declarations *declarations, struct canonical_types *canonical);

/** What something of a type is, when it holds one pointer. */
struct pointee {
	/** It is a pointer. */
	bool is_pointer;
	/** Index in code_facts.types of what it points to; CODE_NONE for void and functions. */
	int32_t type;
	/** void *, a pointer to bytes, or to what other structs have inside (list heads, bases). */
	bool is_generic;
	/** It points to functions; the record of its function type. */
	const struct type_record *function;
};

/** What a type (by its DIE) points to. */
struct pointee pointee_of(const struct declarations *declarations, struct canonical_types *canonical, uint64_t die);

/** The canonical type of a type by its DIE, made when it is new; CODE_NONE for void and functions. */
int32_t type_canonical(const struct declarations *declarations, struct canonical_types *canonical, uint64_t die);

/** A place in a type. */
struct place_in_type {
	/** Innermost struct or union (no further than the first union), or CODE_NONE when the type has no members there. */
	int32_t owner;
	uint64_t offset;
	/** What it holds. */
	struct pointee pointee;
};

/** What 8 bytes at an offset of a canonical type are; false when that is no member, or none of that size. Elements of arrays are all as the first one. */
bool place_in_type(struct canonical_types *canonical, int32_t type, uint64_t offset, struct place_in_type *ret);

/** Whether an object of one canonical type has one of another at an offset, as a member (or base) of any depth. */
bool type_embeds(struct canonical_types *canonical, int32_t outer, uint64_t offset, int32_t inner);

#endif
