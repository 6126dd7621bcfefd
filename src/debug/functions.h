/* SPDX-License-Identifier: MIT */
/*
 * Which function some code belongs to, and what was inlined there.
 *
 *	code_at(modules, module, pc - module->bias, &code)    →  list_push  list.c:31        inlined into
 *	                                                         add_session  server.c:120   inlined into
 *	                                                         worker_main  server.c:204
 *
 * The pc of a caller is that of the instruction after its call, which may belong to another line, or another function: ask for pc - 1. So is the pc of
 * all frames but the innermost one and those that a signal interrupted (struct frame).
 *
 * What DWARF does not say is asked of the symbols. clang writes no .debug_aranges, so units are found by the ranges that they give themselves.
 */
#ifndef HEAPSNAP_DEBUG_FUNCTIONS_H
#define HEAPSNAP_DEBUG_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "debug/dies.h"
#include "debug/dwarf.h"

struct code_function {
	/** «ns::Class::method», without parameters. Owned, unescaped; NULL when it is not known. */
	char *name;
	/** Where in its source it is: «server.c:204». Of a function into which another one was inlined, the call. Owned, unescaped; NULL when it is not known. */
	char *source;
};

struct code {
	/** Innermost first; the last one is the function that the others were inlined into. Never empty. */
	ARRAY(struct code_function) functions;
};

/** What a pc (a file address) belongs to; false when neither DWARF nor a symbol knows. Owner: the caller, code_deinit(). Cost: the first call for a module
    opens its DWARF, the first for a unit reads that; then up to some hundred µs, and next to nothing for a pc that was asked for before. */
bool code_at(struct modules *modules, struct module *module, vaddr pc, struct code *ret);

/** Frees what it owns. */
void code_deinit(struct code *code);

/* ---- for locals.c ---- */

/** A DIE of a function that a pc is in, or a variable of such. */
struct function_die {
	/** In .debug_info. */
	uint64_t offset;
	unsigned tag;
	/** How many inlined functions it is in; 0 for the function itself. */
	unsigned inlined;
};

typedef ARRAY(struct function_die) function_die_array;

/** Lists the DIE of the function that holds a pc (a file address), then, in their order, all below it that are in force there: lexical blocks, inlined functions, and the
    variables and parameters of all of these. Empty when DWARF knows no function there. Owner: the caller, array_deinit(). */
void function_dies(struct modules *modules, struct module *module, vaddr pc, function_die_array *ret);

/** Frees the table of a module; NULL is accepted. For dwarf.c. */
void function_table_destroy(struct function_table *table);

#endif
