/* SPDX-License-Identifier: MIT */
/*
 * What DWARF says about the inside of a function: where its variables are and what the calls pass on. Those of what was inlined into it are its own, too.
 */
#ifndef HEAPSNAP_CODE_BODIES_H
#define HEAPSNAP_CODE_BODIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "code/canonical.h"
#include "debug/locations.h"

/** A variable that is a pointer, or a struct in the frame. */
struct body_variable {
	uint64_t die, type;
	struct pointee pointee;
	/** Of a struct: its canonical type; CODE_NONE for a pointer. */
	int32_t aggregate;
	/** Units: bytes. */
	uint64_t size;
};

/** Where one is, for a while. */
struct body_place {
	/** Half-open, file addresses. */
	vaddr low, high;
	/** Never LOCATION_AT_FRAME_BASE. */
	struct location_place place;
	/** Index in variables. */
	uint32_t variable;
};

/** An argument whose value a call site gives. */
struct body_argument {
	/** DWARF number. */
	unsigned reg;
	int64_t value;
};

struct body_call {
	/** File address behind the call. */
	vaddr return_pc;
	/** The DIE of what is called; 0 when that is not said. */
	uint64_t callee;
	/** In arguments. */
	uint32_t first, count;
};

/** Code of the function. Half-open, file addresses. */
struct body_range {
	vaddr low, high;
};

struct body {
	ARRAY(struct body_variable) variables;
	/** By low. */
	ARRAY(struct body_place) places;
	/** By return_pc. */
	ARRAY(struct body_call) calls;
	ARRAY(struct body_argument) arguments;
	/** The first one is the entry's. */
	ARRAY(struct body_range) ranges;
	/** What may still be read, by all functions together: bytes of DIEs and entries of lists. Functions of a damaged file may be inside each other, and share their lists. */
	uint64_t dies_budget, entries_budget;
};

/** Sets what may be read by what there is. */
void body_budget(struct body *body, const struct dwarf_sections *sections);

/** Reads the body of a function by a reader of its module's DWARF. The body is one that was used before (or zero bytes), whose memory is taken. False when there is no code, or the budget is spent.
    Owner: the caller, body_deinit(). */
bool body_read(struct body *body, struct die_reader *dies, const struct declarations *declarations, struct canonical_types *canonical,
	       const struct function_record *function);

/** Code that was inlined into a function. */
struct body_inline {
	/** Half-open, file addresses. */
	vaddr low, high;
	/** How many others it is in, and the DIE of the function that it is a copy of. */
	unsigned depth;
	uint64_t origin;
	/** Where it is called: number of the file in the unit, and line. */
	uint64_t file, line;
};

typedef ARRAY(struct body_inline) body_inline_array;

/** Lists what was inlined into a function, by a reader of its module's DWARF, in any order. The array is one that was used before (or zero bytes). Owner: the caller, array_deinit(). */
void body_inlines(body_inline_array *inlines, struct die_reader *dies, const struct declarations *declarations, const struct function_record *function);

/** The call with a return address; NULL when there is none. */
const struct body_call *body_call_at(const struct body *body, vaddr return_pc);

/** Frees it. */
void body_deinit(struct body *body);

#endif
