/* SPDX-License-Identifier: MIT */
/*
 * Symbols of a module: .dynsym of the file, and .symtab of the file or of its separate debug file (or of .gnu_debugdata).
 */
#ifndef HEAPSNAP_DEBUG_SYMBOLS_H
#define HEAPSNAP_DEBUG_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "debug/modules.h"

struct symbol {
	/** Borrowed from the ELF file; unescaped. */
	const char *name;
	/** In the file's own addresses (add the bias); for TLS symbols the offset in the TLS segment. */
	vaddr value;
	uint64_t size;
	/** STT_… and STB_…. */
	unsigned char type, binding;
};

/** Tables that are read when first asked for: one for each module, made and freed with it by modules.c. Owner: the caller. */
struct symbol_tables *symbol_tables_create(void);

/** Frees them; NULL is accepted. */
void symbol_tables_destroy(struct symbol_tables *tables);

/** An exported (.dynsym) defined symbol by name; false if there is none. Works on a stripped file. */
bool symbol_exported(const struct module *module, const char *name, struct symbol *ret);

/** Any defined symbol by name: .dynsym, then .symtab of the file or its debug file. A suffix the compiler added (.lto_priv.0, .isra.0) is ignored
    where no symbol has the very name. Cost: the first call reads the table, then constant. */
bool symbol_named(struct modules *modules, struct module *module, const char *name, struct symbol *ret);

/** The function or object that holds a file address, from the fullest table there is; false if none. The first call sorts
    the table. */
bool symbol_at(struct modules *modules, struct module *module, vaddr file_address, struct symbol *ret);

/** The thread-local variable that holds an offset of the module's TLS segment; false if none is known. Cost: as symbol_at(). */
bool symbol_thread_local(struct modules *modules, struct module *module, uint64_t offset, struct symbol *ret);

/** Calls visit for each exported symbol whose name begins with prefix, until it returns false. */
void symbols_exported(const struct module *module, const char *prefix, bool (*visit)(const struct symbol *symbol, void *context), void *context);

/** The same for every defined symbol, exported or not, of .dynsym and then of .symtab of the file or its debug file: many come twice. */
void symbols_prefixed(struct modules *modules, struct module *module, const char *prefix, bool (*visit)(const struct symbol *symbol, void *context),
		      void *context);

#endif
