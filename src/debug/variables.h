/* SPDX-License-Identifier: MIT */
/*
 * Variables that live as long as their module: which of them covers an address, and what it has there.
 *
 *	variable_at(modules, module, address - module->bias, &variable)    →  conns, server.c:120, from 0x4040, 96 bytes
 *	variable_member(modules, module, &variable, 40)                    →  .slots[3].head
 *
 * Globals, statics of files, functions and classes, and thread-local ones: all that DWARF gives one fixed place. Nothing is opened before a module is first
 * asked about; what then is, stays with it until dwarf_files_release().
 */
#ifndef HEAPSNAP_DEBUG_VARIABLES_H
#define HEAPSNAP_DEBUG_VARIABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "debug/dwarf.h"

struct variable {
	/** «conns», «ns::Class::member», «function::name». Owned, unescaped. */
	char *name;
	/** Where it is declared, «server.c:120». Owned, unescaped; NULL when it is not said. */
	char *source;
	/** In the file's own addresses (add the bias), or an offset in the TLS segment. */
	vaddr start;
	/** Units: bytes. */
	uint64_t size;
	/** Private: its DIE in .debug_info. */
	uint64_t die;
};

/** The variable that covers a file address; false if DWARF knows none. Owner: the caller, variable_deinit(). Cost: the first call for a module opens its DWARF
    and reads all of it (20 to 50 ms for 5 MB, a second for 200 MB); then some 20 µs. */
bool variable_at(struct modules *modules, struct module *module, vaddr file_address, struct variable *ret);

/** The thread-local variable that covers an offset in the module's TLS segment. Otherwise as variable_at(). */
bool variable_thread_local(struct modules *modules, struct module *module, uint64_t offset, struct variable *ret);

/** What the variable has at an offset from its start: as member_path() says. */
char *variable_member(struct modules *modules, struct module *module, const struct variable *variable, uint64_t offset);

struct die_reader;

/** The fixed place that the variable read last has by its location: a file address, or an offset in the TLS segment; false when it has none, or one outside of the
    module. */
bool variable_place(const struct die_reader *reader, const struct module *module, uint64_t *value_ret, bool *thread_local_ret);

/** Frees what it owns. */
void variable_deinit(struct variable *variable);

/** Frees the table of a module; NULL is accepted. For dwarf.c. */
void variable_table_destroy(struct variable_table *table);

#endif
