/* SPDX-License-Identifier: MIT */
/*
 * Variables and parameters of a function that is running: what covers an address of its frame, what is in a register.
 *
 *	locals = locals_at(modules, module, pc)                            what DWARF says about this pc, whatever the frame
 *	frame = local_frame_of(frames, i, machine)                         the frame, with its CFA
 *	local = local_covering(locals, &frame, address, &offset)           →  session
 *	local_member(modules, module, local, offset)                       →  .user.name
 *
 * Only what has one exact place is here: an offset from the CFA or from a register, a register, or pieces of these. What the compiler computes on the fly, or
 * keeps behind a pointer of its own, is not; nor are static variables, which variables.h has.
 */
#ifndef HEAPSNAP_DEBUG_LOCALS_H
#define HEAPSNAP_DEBUG_LOCALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "debug/dwarf.h"
#include "target/frames.h"

enum local_base {
	/** At the CFA plus the offset. */
	LOCAL_AT_CFA,
	/** At the value of the register plus the offset. */
	LOCAL_AT_REGISTER,
	/** In the register itself. */
	LOCAL_IN_REGISTER,
};

struct local {
	/** «session». Owned, unescaped. */
	char *name;
	/** The inlined function that it belongs to; NULL when that is the frame's own. Owned, unescaped. */
	char *function;
	/** Where it is declared, «server.c:120». Owned, unescaped; NULL when it is not said. */
	char *source;
	enum local_base base;
	/** DWARF number. */
	unsigned reg;
	/** In memory. Units: bytes. */
	int64_t offset;
	/** Of this piece of the variable, and where in the variable it begins. Units: bytes. */
	uint64_t size, piece_offset;
	/** Private: its DIE; how many inlined functions it is in; its base is the frame pointer that the function sets up first. */
	uint64_t die;
	unsigned inlined;
	bool needs_frame_pointer;
};

struct locals {
	/** The file address they are in force at. */
	vaddr pc;
	/** Those of the function itself first, then those of what was inlined into it. */
	ARRAY(struct local) v;
};

/** A frame of a thread. */
struct local_frame {
	enum machine machine;
	const struct frame *frame;
	/** VADDR_NONE when it is not known. */
	vaddr cfa;
};

/** The frame with an index, 0 for the innermost. Borrows it. */
struct local_frame local_frame_of(const frame_array *frames, size_t index, enum machine machine);

/** The pc to look a frame up by: its own, or, of a caller, the one before. */
vaddr local_frame_pc(const frame_array *frames, size_t index);

/** What is in force at a pc (a file address), by DWARF; NULL when it says nothing. Owner: the module, until dwarf_files_release(). Cost: as code_at(); then some 10 µs a variable, and next to
    nothing for a pc that was asked for before. */
const struct locals *locals_at(struct modules *modules, struct module *module, vaddr pc);

/** The variable that covers an address in this frame, and how far into it the address is; NULL when none does. Borrowed: as the locals. */
const struct local *local_covering(const struct locals *locals, const struct local_frame *frame, vaddr address, uint64_t *offset_ret);

/** The variable that is in a register; NULL when none is. Borrowed: as the locals. */
const struct local *local_in_register(const struct locals *locals, unsigned reg);

/** What a variable has at an offset from its start: as member_path() says. */
char *local_member(struct modules *modules, struct module *module, const struct local *local, uint64_t offset);

/** Where a variable (or piece of one) that is in memory begins in a frame; false when it is in a register, or that cannot be told. */
bool local_address(const struct local *local, const struct local_frame *frame, vaddr *ret);

/** The value of a register in a frame, by its DWARF number; false when it is not known. */
bool local_register(const struct local_frame *frame, unsigned reg, uint64_t *ret);

/** The DIE of a variable's type, as an offset in .debug_info of the file, or (is_shared) of that which dwz made; false when it has none. */
bool local_type(struct modules *modules, struct module *module, const struct local *local, uint64_t *die_ret, bool *is_shared_ret);

/** Frees the table of a module; NULL is accepted. For dwarf.c. */
void local_table_destroy(struct local_table *table);

#endif
