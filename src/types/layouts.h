/* SPDX-License-Identifier: MIT */
/*
 * Layouts: what lies where in a type, flat, down to its numbers and pointers.
 *
 *   struct conn { uint32_t id; struct list_head link; struct slot slots[8]; }
 *
 *   0 id: unsigned   8 link.next → list_head   16 link.prev → list_head   24 slots: an array of 8 struct slot (LAYOUT_ARRAY, 24 bytes apart)
 *
 * Structs within structs are flat, arrays of structs stay one field that has a layout of its own. What lies in a union overlaps, and says so.
 *
 * Slots: places of pointers. A slot is a type of a chunk and an offset in it, so that the same member of the same type is the same slot in millions of chunks;
 * of an array of structs all elements share theirs. What one slot is known to hold, all chunks that it leads to are.
 */
#ifndef HEAPSNAP_TYPES_LAYOUTS_H
#define HEAPSNAP_TYPES_LAYOUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "types/type_table.h"

enum layout_kind {
	LAYOUT_POINTER,
	/** A pointer to code. */
	LAYOUT_FUNCTION,
	LAYOUT_SIGNED,
	LAYOUT_UNSIGNED,
	LAYOUT_CHAR,
	LAYOUT_BOOL,
	LAYOUT_ENUM,
	LAYOUT_FLOAT,
	/** An array of structs: type is the struct. */
	LAYOUT_ARRAY,
	LAYOUT_OTHER,
};

struct layout_field {
	uint64_t offset;
	/** Of one element; how many there are, 1 for what is no array, 0 for one without a bound. Units: bytes. */
	uint32_t size, count;
	/** Of one element, without typedefs. */
	type_id type;
	/** Of a pointer what it points to, without typedefs: 0 for void. */
	type_id target;
	/** The innermost struct around it, but no further in than the outermost union; and where in that it is. */
	type_id owner;
	uint32_t owner_offset;
	/** The innermost struct that is around all unions; and where in that it is. */
	type_id holder;
	uint32_t holder_offset;
	/** enum layout_kind. */
	uint8_t kind;
	bool in_union, is_bit_field;
};

struct type_layout {
	/** By offset. */
	ARRAY(struct layout_field) v;
	/** Where a flexible end begins; UINT64_MAX for none. Units: bytes. */
	uint64_t tail;
	/** Struct types at offsets within, itself not counted. */
	ARRAY(struct { uint64_t offset; type_id type; }) inner;
	/** Slots by word, made when first asked for; n_slots is how many words that are. */
	uint32_t *slots;
	uint32_t n_slots;
	bool truncated;
};

typedef uint32_t slot_id;
#define SLOT_NONE UINT32_MAX

enum {
	/** Pointers that may lie at one offset of a union. */
	SLOT_TARGETS_MAX = 16,
};

enum slot_kind {
	/** A member of a type. */
	SLOT_MEMBER,
	/** A variable of a module, or of a frame: what `origin` counts is the seed's business. */
	SLOT_ROOT,
	/** The elements of a buffer of pointers that another slot leads to. */
	SLOT_ELEMENTS,
};

struct slot {
	/** enum slot_kind. */
	uint8_t kind;
	bool in_union;
	uint8_t n_targets;
	/** Of SLOT_MEMBER the type, of SLOT_ELEMENTS the slot, of SLOT_ROOT a number. */
	uint32_t origin;
	uint64_t offset;
	/** The innermost struct around it, but no further in than the outermost union, and where in that it is; TYPE_NONE where there is none. */
	type_id owner;
	uint64_t owner_offset;
	/** The innermost struct around all unions, and where in that it is; TYPE_NONE where there is none. */
	type_id holder;
	uint64_t holder_offset;
	/** What may be pointed to, by what is declared; 0 is void. */
	type_id targets[SLOT_TARGETS_MAX];
};

struct layouts {
	const struct type_table *table;
	/** By type_id; NULL until asked for. */
	struct type_layout **by_type;
	ARRAY(struct slot) slots;
	/** Private: slots by what they are. */
	struct slot_map *map;
	/** Fields of all layouts. */
	uint64_t n_fields;
	struct type_layout *empty;
};

/** Starts with none. The table (sealed) is borrowed. */
void layouts_init(struct layouts *layouts, const struct type_table *table);

/** Frees all. */
void layouts_deinit(struct layouts *layouts);

/** The layout of a type, made when first asked for. Typedefs may be on it. Borrowed: as long as the layouts. */
const struct type_layout *layout_of(struct layouts *layouts, type_id type);

/** The slot at an offset of a type; SLOT_NONE when no pointer lies there. Behind the type's end its flexible tail goes on, or (array) the next element begins. Cost: a few
    ns for small offsets, some 100 else. */
slot_id layout_slot(struct layouts *layouts, type_id type, uint64_t offset, bool is_array);

/** The slot of a variable or of elements; the same for the same kind, origin and offset. What it may point to is taken from another slot. */
slot_id slot_like(struct layouts *layouts, enum slot_kind kind, uint32_t origin, uint64_t offset, slot_id model);

/** One slot. Borrowed: until the next is made. */
static inline const struct slot *slot_at(const struct layouts *layouts, slot_id id)
{
	return &layouts->slots.v[id];
}

/** The members and indices that lead to an offset, what is within containers of libraries left out: «.slots[3].head», or «.slots[].head» for any index; "" for the start of what has no members. Owner: the caller. */
char *layout_path(struct layouts *layouts, type_id type, uint64_t offset, bool any_index);

#endif
