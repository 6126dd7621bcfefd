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
#include "code/declarations.h"
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
};

/** Reads the body of a function by a reader of its module's DWARF. The body is one that was used before (or zero bytes), whose memory is taken. False when there is no code.
    Owner: the caller, body_deinit(). */
bool body_read(struct body *body, struct die_reader *dies, const struct declarations *declarations, struct canonical_types *canonical,
	       const struct function_record *function);

/** The call with a return address; NULL when there is none. */
const struct body_call *body_call_at(const struct body *body, vaddr return_pc);

/** Frees it. */
void body_deinit(struct body *body);

#endif
