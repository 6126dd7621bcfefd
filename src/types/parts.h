/* SPDX-License-Identifier: MIT */
/*
 * Parts: what the types of chunks are made of, as people read a struct: by name, in the order of the declaration, each with its place, its type and what kind of value it is.
 *
 *   struct conn                            depth 0: the whole, which has no name
 *     0x00 id: uint64_t                          1
 *     0x08 peer: struct conn *                   1
 *     0x10 link: struct list_head                1
 *       0x10 next: struct list_head *            2
 *     0x20 slots: struct slot[8]                 1; count 8, and below it what the first of them has
 *
 * A table of labels, so it outlives the type table and goes into the snapshot file: a report on a file says the same. It is *not* what the inference goes by (layouts.h), and holds
 * no bytes of the target. Of hostile debug information there is a bounded number of parts, to a bounded depth.
 */
#ifndef HEAPSNAP_TYPES_PARTS_H
#define HEAPSNAP_TYPES_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/chunks.h"

struct types;

enum part_kind {
	/** A struct or class, or one within; its parts follow, one deeper. */
	PART_STRUCT,
	/** The same, and its parts lie one over the other. */
	PART_UNION,
	PART_POINTER,
	/** A pointer to code. */
	PART_FUNCTION,
	PART_SIGNED,
	PART_UNSIGNED,
	PART_CHAR,
	PART_BOOL,
	PART_ENUM,
	PART_FLOAT,
	PART_OTHER,
	PART_KINDS,
};

enum {
	/** Units: levels below the whole. */
	PART_DEPTH_MAX = 12,
	/** Of one label, and of all. */
	PARTS_OF_ONE_MAX = 1 << 11,
	PARTS_MAX = 1 << 19,
	/** Constants of all enumerations. */
	PART_CONSTANTS_MAX = 1 << 18,
};

struct type_part {
	/** Whose it is: index in labels. */
	uint32_t label;
	uint32_t depth;
	/** From the start of the whole, or of its first element. Units: bytes. */
	uint64_t offset;
	/** Of one element. Units: bytes. */
	uint64_t size;
	/** Elements; 1 for what is no array, 0 for an array without a bound. */
	uint64_t count;
	/** Of a bit-field its width, else 0; and where it begins, from `offset`. Units: bits. */
	uint32_t bit_size, bit_offset;
	/** Index of its first constant (of an enum), UINT32_MAX for none; those of one enumeration stand together, and have its number. */
	uint32_t constants;
	enum part_kind kind;
	bool is_array;
	/** "" for the whole, for a base class, and for what has no name. Owned, unescaped. */
	char *name;
	/** Of one element, as its language writes it: «struct conn *». Owned, unescaped. */
	char *type;
};

struct type_constant {
	/** Which enumeration. */
	uint32_t enumeration;
	int64_t value;
	/** Owned, unescaped. */
	char *name;
};

/** Fills in the parts of all labels that are types, from the type table. Cost: linear in the members of these types. */
void parts_build(struct types *types);

/** Frees them. */
void parts_deinit(struct types *types);

/** The parts of a label: the first is the whole. NULL when it has none. Borrowed: as long as the types. Cost: logarithmic. */
const struct type_part *label_parts(const struct types *types, uint32_t label, size_t *n_ret);

/** Where the elements of a chunk begin, which is 0 for nearly all, and how many there are room for: 1 for what is no array. Units: bytes. */
uint64_t chunk_elements(const struct types *types, const struct chunks *chunks, chunk_id chunk, uint64_t *start_ret);

/** What lies at an offset of a chunk: «[3].slots[0].head», or with any_index «[].slots[].head»; "" where that is not known. Owner: the caller; unescaped. */
char *chunk_path(const struct types *types, const struct chunks *chunks, chunk_id chunk, uint64_t offset, bool any_index);

/** The same with the type in front: «dictEntry.v», «slot[].head», «slot at +0x14» where no member is; NULL for a chunk without a type. Owner: the caller; unescaped. */
char *chunk_member(const struct types *types, const struct chunks *chunks, chunk_id chunk, uint64_t offset);

/** The constant of an enumeration that a part has; NULL when none has this value. Borrowed: as long as the types. Cost: linear in the constants of the enumeration. */
const char *part_constant(const struct types *types, const struct type_part *part, int64_t value);

/** «struct», «pointer», «function» …: the word of the file and of JSON. Borrowed: for ever. */
const char *part_kind_name(enum part_kind kind);

#endif
