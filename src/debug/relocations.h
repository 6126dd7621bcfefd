/* SPDX-License-Identifier: MIT */
/*
 * Dynamic relocations of a module, read from its file: which words are pointers into the module itself, and which GOT slots hold
 * the distance from the thread pointer to a thread-local variable.
 *
 * Both are facts of the pristine file, so they hold whatever state the process is in.
 */
#ifndef HEAPSNAP_DEBUG_RELOCATIONS_H
#define HEAPSNAP_DEBUG_RELOCATIONS_H

#include <stdbool.h>

#include "base/array.h"
#include "debug/modules.h"

struct relative_word {
	/** File address of the word, and of what it points to (both without bias). */
	vaddr at, to;
};

typedef ARRAY(struct relative_word) relative_word_array;

/** The words that the loader adds the bias to (RELATIVE entries of DT_RELA and DT_RELR). For a file that is not position-independent: every aligned word of
    its writable segments, whose value may be anything. At most 16 M words. Owner: the caller, array_deinit(). */
void relocations_relative(const struct module *module, relative_word_array *ret);

struct tls_slot {
	/** File address of the GOT slot. At run time it holds (start of the module's TLS block + offset) - thread pointer. */
	vaddr slot;
	/** Offset of the variable in the module's TLS segment. */
	uint64_t offset;
};

typedef ARRAY(struct tls_slot) tls_slot_array;

struct import_slot {
	/** File address of the GOT slot that the loader fills with the address of a symbol. */
	vaddr slot;
	/** The symbol's name. Borrowed: as long as the module; unescaped. */
	const char *name;
	/** File address of it in the module itself; 0 when the module does not define it. */
	vaddr value;
};

typedef ARRAY(struct import_slot) import_slot_array;

/** The slots of functions and variables that are looked up by name (GLOB_DAT, JUMP_SLOT and 64-bit entries with a symbol), by slot. At most 1 M. Owner: the caller. */
void relocations_imports(const struct module *module, import_slot_array *ret);

/** The import whose slot is at a file address; NULL when there is none. Cost: logarithmic. */
const struct import_slot *import_slot_at(const import_slot_array *imports, vaddr slot);

/** The import that the code at a file address jumps to at once, as the stubs of a procedure linkage table do; NULL when it is none. */
const struct import_slot *import_of_stub(const struct module *module, const import_slot_array *imports, vaddr code);

/** The initial-exec TLS slots of variables of the module itself (R_X86_64_TPOFF64, R_AARCH64_TLS_TPREL without a symbol). Owner: the caller. */
void relocations_tls(const struct module *module, tls_slot_array *ret);

#endif
