/* SPDX-License-Identifier: MIT */
/*
 * Machine code as a sequence of simple steps, the same for all architectures: what is moved, added, loaded, stored, called.
 *
 *	x86-64   push rbx                   rsp = rsp - 8; store [rsp] = rbx
 *	x86-64   lea rdi, [rbx + rbx*2]     rdi = address rbx + rbx*2
 *	aarch64  ldp x0, x1, [x19, #16]     x0 = load [x19 + 16]; x1 = load [x19 + 24]
 *
 * What data flow over pointers and sizes needs, and no more: arithmetic other than sums and multiples is «other», which says
 * only what it writes.
 */
#ifndef HEAPSNAP_DEBUG_INSTRUCTIONS_H
#define HEAPSNAP_DEBUG_INSTRUCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vaddr.h"
#include "debug/modules.h"

enum {
	/** General registers have their DWARF numbers, which are below this; behind them come the halves (of 8 bytes) of vector registers in which compilers move two pointers at once. */
	LANES_FIRST = 33,
	LANES = 30,
	/** What is none of these is REGISTER_NONE. */
	REGISTERS_MAX = LANES_FIRST + LANES,
	REGISTER_NONE = 255,
	/** Steps of one instruction. */
	STEPS_MAX = 4,
};

enum operand_kind {
	OPERAND_NONE,
	OPERAND_REGISTER,
	OPERAND_NUMBER,
	/** Memory at base + index * scale + number. */
	OPERAND_MEMORY,
	/** Memory at an offset from the thread pointer. */
	OPERAND_THREAD_LOCAL,
};

struct operand {
	enum operand_kind kind;
	/** Units: bytes. A register of 4 is the lower half, whose write clears the rest. */
	uint8_t size;
	/** Of a register operand, or of memory; REGISTER_NONE for none. */
	uint8_t reg, index;
	uint8_t scale;
	/** A number, or what is added; the file address of memory without registers. */
	int64_t number;
};

enum step_kind {
	/** to = from. */
	STEP_MOVE,
	/** to = from, or stays what it is. */
	STEP_MOVE_MAYBE,
	/** to = the address of from, which is memory. */
	STEP_ADDRESS,
	/** to = from + other, from - other, from * other, from << other. */
	STEP_ADD,
	STEP_SUBTRACT,
	STEP_MULTIPLY,
	STEP_SHIFT,
	/** to = from, with some bits cleared (rounding). */
	STEP_MASK,
	/** to is written, with what is not told. */
	STEP_OTHER,
	/** `from` is called: a number is a file address. */
	STEP_CALL,
	/** Goes on at from (a number, else it is computed). */
	STEP_JUMP,
	/** As a jump, or goes on with the next instruction. */
	STEP_BRANCH,
	STEP_RETURN,
	/** Does not go on. */
	STEP_TRAP,
};

struct step {
	enum step_kind kind;
	struct operand to, from, other;
};

struct instruction {
	/** File address, and length in bytes. */
	vaddr at;
	unsigned size;
	/** Other registers that are written, by number. */
	uint64_t clobbers;
	unsigned n;
	struct step steps[STEPS_MAX];
};

/** What the calling convention says. */
struct convention {
	/** Registers of the integer arguments, in order, and how many. */
	uint8_t arguments[8];
	unsigned n_arguments;
	/** Of the result, the stack pointer, and the frame pointer. */
	uint8_t result, sp, fp;
	/** Of the address of a result in memory when that is no argument; else REGISTER_NONE. */
	uint8_t result_address;
	/** Registers that a call may write, by number. */
	uint64_t scratch;
	/** The CFA is the stack pointer at entry plus this. */
	int64_t cfa_offset;
};

/** That of an architecture. Borrowed: for ever. */
const struct convention *convention_of(enum machine machine);

/** Reads instructions. Owner: the caller, instruction_reader_destroy(). NULL when there is no disassembler for the architecture. */
struct instruction_reader *instruction_reader_create(enum machine machine);

/** Frees it; NULL is accepted. */
void instruction_reader_destroy(struct instruction_reader *reader);

/** Goes to bytes whose first one is at an address. Borrows them. */
void instruction_reader_begin(struct instruction_reader *reader, const void *bytes, size_t size, vaddr start);

/** Reads the next instruction; false at the end. What is not known is stepped over as one without steps. Cost: some 0.4 µs. */
bool instruction_reader_next(struct instruction_reader *reader, struct instruction *ret);

#endif
