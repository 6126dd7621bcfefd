/* SPDX-License-Identifier: MIT */
/*
 * Disassembly of one function of a module, with capstone: what the structural search needs.
 */
#ifndef HEAPSNAP_DEBUG_DISASM_H
#define HEAPSNAP_DEBUG_DISASM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "debug/modules.h"

struct disasm_reference {
	/** File address of the instruction. */
	vaddr at;
	/** File address that it loads from, stores to, or takes the address of (rip-relative; adrp with add/ldr on aarch64). */
	vaddr to;
	/** It takes the address (lea, adrp+add); else it reads or writes memory there. */
	bool is_address;
	/** With !is_address: it loads 8 bytes to a register. */
	bool is_load;
};

typedef ARRAY(struct disasm_reference) disasm_reference_array;

/** The references of the code in [start, start + size) of a module, in address order, at most 4096 of at most 16 MiB. Unknown instructions are
    skipped. Empty when the bytes are not there; ret need not be initialised. Owner: the caller, array_deinit(). Cost: about 3 M instructions
    a second. */
void disasm_references(const struct module *module, vaddr start, uint64_t size, disasm_reference_array *ret);

/** disasm_references() of bytes at hand, whose first is at start. */
void disasm_bytes(enum machine machine, const void *bytes, size_t size, vaddr start, disasm_reference_array *ret);

#endif
