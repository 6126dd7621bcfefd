/* SPDX-License-Identifier: MIT */
/*
 * Call frame information: what .eh_frame says about one place in the code, and what follows for the caller's registers.
 *
 *   .eh_frame_hdr  sorted (function start, FDE) pairs       FDE → CIE      programs of DW_CFA_… instructions
 *        binary search for the pc                           run both up to the pc: a row of rules, one for each register
 *
 * This is an interpreter of its own, because its input is the target's: libunwind 1.6.2 uses a return address column and the operand
 * of DW_CFA_register as indices without a look at them, and divides as an expression tells it to; a damaged core would
 * be the end of us, in the middle of a stop. Here nothing is out of bounds, every loop is counted, and one architecture can unwind
 * another's core. Sources: DWARF 5 section 6.4, LSB 5.0 «Exception Frames», the psABIs of both architectures.
 *
 * It is not a walk: frames.c is, with its rules for what a plausible frame is.
 */
#ifndef HEAPSNAP_TARGET_CFI_H
#define HEAPSNAP_TARGET_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vaddr.h"
#include "target/target.h"

/** Where bytes come from: false when any of them is absent. */
typedef bool cfi_read(void *context, vaddr address, void *buffer, size_t size);

/** The search table of one module. */
struct cfi_table {
	/** Address of .eh_frame_hdr, the base of what its entries say. */
	vaddr header;
	/** Address of its first entry, and how many there are. An entry has 8 bytes. */
	vaddr entries;
	uint32_t count;
};

enum cfi_rule_kind {
	/** Nothing is said: kept if the ABI has the callee keep it. */
	CFI_UNSPECIFIED,
	/** Kept for certain. */
	CFI_SAME,
	/** Lost. Of the return address: this is the outermost frame. */
	CFI_UNDEFINED,
	/** At CFA + value in memory. */
	CFI_OFFSET,
	/** Is CFA + value. */
	CFI_VALUE_OFFSET,
	/** In register `value`. */
	CFI_REGISTER,
	/** In memory where the expression of `size` bytes at `value` says. */
	CFI_EXPRESSION,
	/** Is what that expression gives. */
	CFI_VALUE_EXPRESSION,
};

struct cfi_rule {
	/** enum cfi_rule_kind. */
	uint8_t kind;
	/** Bytes of an expression. */
	uint16_t size;
	/** An offset, a register number, or the address of an expression. */
	int64_t value;
};

/** The rules at one place. */
struct cfi_row {
	/** The CFA: CFI_REGISTER (plus cfa_offset) or CFI_VALUE_EXPRESSION; CFI_UNSPECIFIED as long as it was not said. */
	struct cfi_rule cfa;
	int64_t cfa_offset;
	struct cfi_rule rules[THREAD_REGISTERS_MAX];
	/** The register whose rule tells the return address; below THREAD_REGISTERS_MAX. */
	uint8_t return_column;
	/** The frame of a signal trampoline: its «caller» was interrupted and did not call. */
	bool is_signal_frame;
	/** aarch64: the return address is signed. */
	bool is_signed;
};

/** Registers of one frame by DWARF number, and which of them are known (bit n for register n). */
struct cfi_registers {
	uint64_t known;
	uint64_t values[THREAD_REGISTERS_MAX];
	/** Where in memory a callee has put the value; 0 when it still is in its register, or is no saved one. */
	vaddr saved_at[THREAD_REGISTERS_MAX];
};

/** Reads the head of an .eh_frame_hdr of `size` bytes. False when it has no table, or one that is not sorted pairs of 4-byte offsets. */
bool cfi_table_read(cfi_read *read, void *context, vaddr header, uint64_t size, struct cfi_table *ret);

/** The row for a pc; false when no FDE covers it or what covers it is damaged. Cost: some twenty reads. */
bool cfi_row_find(cfi_read *read, void *context, const struct cfi_table *table, vaddr pc, struct cfi_row *ret);

/** The caller's registers by a row: stack pointer and pc are among them. False when they cannot be had; `outermost_ret` then says whether
    that is because there is no caller. */
bool cfi_row_apply(cfi_read *read, void *context, enum machine machine, const struct cfi_row *row, const struct cfi_registers *callee,
		   struct cfi_registers *ret, bool *outermost_ret);

/** DWARF numbers of the stack pointer, the pc and the frame pointer. */
unsigned register_sp(enum machine machine);

/** See register_sp(). */
unsigned register_pc(enum machine machine);

/** See register_sp(). */
unsigned register_fp(enum machine machine);

/** Bits of the registers that a callee preserves (stack pointer and pc are not among them). */
uint64_t registers_saved(enum machine machine);

#endif
