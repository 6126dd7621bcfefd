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

/** The initial-exec TLS slots of variables of the module itself (R_X86_64_TPOFF64, R_AARCH64_TLS_TPREL without a symbol). Owner: the caller. */
void relocations_tls(const struct module *module, tls_slot_array *ret);

#endif
