/* SPDX-License-Identifier: MIT */
/*
 * Variables by address, as the source names them: globals, static and thread-local ones, those of a frame; and what is at an offset of one, by its type.
 *
 *   0x55d0c1b2a2a0  →  conns, server.c:40  →  «.slots[3].head»
 *
 * Nothing is read before it is asked for; then the whole DWARF of a module is gone through once for its variables, and units once for their functions.
 */
#ifndef HEAPSNAP_DEBUG_VARIABLES_H
#define HEAPSNAP_DEBUG_VARIABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "debug/modules.h"
#include "target/frames.h"

struct variables;

struct variable {
	/** Borrowed: as long as the struct variables. */
	const char *name;
	/** The file's address (add the bias), the offset in the TLS segment, or of a frame's variable the address in the target. Units: bytes. */
	vaddr start;
	uint64_t size;
	/** Index of its module, and where its DIE is, for variable_path(). */
	size_t module;
	uint64_t die;
};

/** A reader of variables; the modules are borrowed until it is destroyed. Owner: the caller. */
struct variables *variables_create(struct modules *modules);

/** Frees it; NULL is accepted. */
void variables_destroy(struct variables *variables);

/** The variable that holds a file address of a module; false if none is known. */
bool variable_at(struct variables *variables, const struct module *module, vaddr file_address, struct variable *ret);

/** The thread-local variable that holds an offset of a module's TLS segment; false if none is known. */
bool variable_thread_local(struct variables *variables, const struct module *module, uint64_t offset, struct variable *ret);

/** Where a variable is written down, «server.c:40»; NULL when it is not known. Owner: the caller. */
char *variable_source(struct variables *variables, const struct variable *variable);

/** What is at an offset of a variable, by its type: «.slots[3].head»; empty for the variable itself, NULL when the type does not tell. Owner: the caller. */
char *variable_path(struct variables *variables, const struct variable *variable, uint64_t offset);

/** The line of the source that code at a file address of a module comes from, «server.c:120»; NULL when it is not known. Owner: the caller. */
char *code_source(struct variables *variables, const struct module *module, vaddr file_address);

/** What a frame knows for finding its variables. */
struct variable_frame {
	const struct module *module;
	/** In its code, as a file address: of a caller the call, not where it goes on. */
	vaddr file_pc;
	/** Stack pointer of the caller's frame; VADDR_NONE when unknown. */
	vaddr cfa;
	/** Borrowed. */
	const struct frame *frame;
};

typedef ARRAY(struct variable) variable_array;

/** The variables and parameters of a frame that lie in memory at a fixed place. Owner: the caller, array_deinit(). */
void variables_in_frame(struct variables *variables, const struct variable_frame *frame, variable_array *ret);

/** The name of the variable of a frame that is in a register (by DWARF number) as a whole; NULL if none is. Borrowed: as long as the struct variables. */
const char *variable_in_register(struct variables *variables, const struct variable_frame *frame, unsigned number);

#endif
