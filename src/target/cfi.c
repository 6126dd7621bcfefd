/* SPDX-License-Identifier: MIT */
#include "target/cfi.h"

#include <string.h>

enum {
	/** Bytes of one CIE or FDE. The largest in gdb, libstdc++ and a web browser is some 5000. */
	ENTRY_SIZE_MAX = 32768,
	/** States that DW_CFA_remember_state keeps; compilers nest them once. */
	REMEMBERED_MAX = 8,
	/** Values and steps of one expression. */
	STACK_MAX = 64,
	STEPS_MAX = 1000,
	EXPRESSION_SIZE_MAX = 512,
	AUGMENTATION_MAX = 8,
};

/* DWARF 5 section 7.24, and the vendors' that are met in .eh_frame. */
enum {
	CFA_ADVANCE_LOC = 0x40,
	CFA_OFFSET = 0x80,
	CFA_RESTORE = 0xc0,
	CFA_NOP = 0x00,
	CFA_SET_LOC = 0x01,
	CFA_ADVANCE_LOC1 = 0x02,
	CFA_ADVANCE_LOC2 = 0x03,
	CFA_ADVANCE_LOC4 = 0x04,
	CFA_OFFSET_EXTENDED = 0x05,
	CFA_RESTORE_EXTENDED = 0x06,
	CFA_UNDEFINED = 0x07,
	CFA_SAME_VALUE = 0x08,
	CFA_REGISTER = 0x09,
	CFA_REMEMBER_STATE = 0x0a,
	CFA_RESTORE_STATE = 0x0b,
	CFA_DEF_CFA = 0x0c,
	CFA_DEF_CFA_REGISTER = 0x0d,
	CFA_DEF_CFA_OFFSET = 0x0e,
	CFA_DEF_CFA_EXPRESSION = 0x0f,
	CFA_EXPRESSION = 0x10,
	CFA_OFFSET_EXTENDED_SF = 0x11,
	CFA_DEF_CFA_SF = 0x12,
	CFA_DEF_CFA_OFFSET_SF = 0x13,
	CFA_VAL_OFFSET = 0x14,
	CFA_VAL_OFFSET_SF = 0x15,
	CFA_VAL_EXPRESSION = 0x16,
	CFA_AARCH64_NEGATE_RA_STATE = 0x2d,
	CFA_GNU_ARGS_SIZE = 0x2e,
	CFA_GNU_NEGATIVE_OFFSET_EXTENDED = 0x2f,
};

/* Encodings of pointers: LSB 5.0 «DWARF Exception Header Encoding». */
enum {
	PE_OMIT = 0xff,
	PE_FORMAT = 0x0f,
	PE_ABSPTR = 0x00,
	PE_ULEB128 = 0x01,
	PE_UDATA2 = 0x02,
	PE_UDATA4 = 0x03,
	PE_UDATA8 = 0x04,
	PE_SLEB128 = 0x09,
	PE_SDATA2 = 0x0a,
	PE_SDATA4 = 0x0b,
	PE_SDATA8 = 0x0c,
	PE_RELATION = 0x70,
	PE_PCREL = 0x10,
	PE_DATAREL = 0x30,
	PE_INDIRECT = 0x80,
};

/* Opcodes of expressions: DWARF 5 section 7.7.1. */
enum {
	OP_ADDR = 0x03,
	OP_DEREF = 0x06,
	OP_CONST1U = 0x08,
	OP_CONST1S = 0x09,
	OP_CONST2U = 0x0a,
	OP_CONST2S = 0x0b,
	OP_CONST4U = 0x0c,
	OP_CONST4S = 0x0d,
	OP_CONST8U = 0x0e,
	OP_CONST8S = 0x0f,
	OP_CONSTU = 0x10,
	OP_CONSTS = 0x11,
	OP_DUP = 0x12,
	OP_DROP = 0x13,
	OP_OVER = 0x14,
	OP_PICK = 0x15,
	OP_SWAP = 0x16,
	OP_ROT = 0x17,
	OP_ABS = 0x19,
	OP_AND = 0x1a,
	OP_DIV = 0x1b,
	OP_MINUS = 0x1c,
	OP_MOD = 0x1d,
	OP_MUL = 0x1e,
	OP_NEG = 0x1f,
	OP_NOT = 0x20,
	OP_OR = 0x21,
	OP_PLUS = 0x22,
	OP_PLUS_UCONST = 0x23,
	OP_SHL = 0x24,
	OP_SHR = 0x25,
	OP_SHRA = 0x26,
	OP_XOR = 0x27,
	OP_BRA = 0x28,
	OP_EQ = 0x29,
	OP_GE = 0x2a,
	OP_GT = 0x2b,
	OP_LE = 0x2c,
	OP_LT = 0x2d,
	OP_NE = 0x2e,
	OP_SKIP = 0x2f,
	OP_LIT0 = 0x30,
	OP_LIT31 = 0x4f,
	OP_BREG0 = 0x70,
	OP_BREG31 = 0x8f,
	OP_BREGX = 0x92,
	OP_DEREF_SIZE = 0x94,
	OP_NOP = 0x96,
};

unsigned register_sp(enum machine machine)
{
	return machine == MACHINE_X86_64 ? 7 : 31;
}

unsigned register_pc(enum machine machine)
{
	return machine == MACHINE_X86_64 ? 16 : 32;
}

unsigned register_fp(enum machine machine)
{
	return machine == MACHINE_X86_64 ? 6 : 29;
}

uint64_t registers_saved(enum machine machine)
{
	// rbx rbp r12 to r15; x19 to x29.
	return machine == MACHINE_X86_64 ? UINT64_C(0xf048) : UINT64_C(0x3ff80000);
}

/* Bytes at hand with the address of the first one; what does not fit in sets failed and reads as 0. */
struct bytes {
	const uint8_t *start, *at, *end;
	vaddr address;
	bool failed;
};

static vaddr bytes_address(const struct bytes *bytes)
{
	return bytes->address + (vaddr)(bytes->at - bytes->start);
}

static uint64_t bytes_unsigned(struct bytes *bytes, size_t size)
{
	uint64_t value = 0;

	if (bytes->failed || (size_t)(bytes->end - bytes->at) < size) {
		bytes->failed = true;
		return 0;
	}
	// Both architectures are little-endian.
	memcpy(&value, bytes->at, size);
	bytes->at += size;
	return value;
}

static int64_t bytes_signed(struct bytes *bytes, size_t size)
{
	unsigned unused = 64 - 8 * (unsigned)size;

	return (int64_t)(bytes_unsigned(bytes, size) << unused) >> unused;
}

static uint64_t bytes_uleb(struct bytes *bytes)
{
	uint64_t value = 0;

	for (unsigned shift = 0;; shift += 7) {
		uint64_t byte = bytes_unsigned(bytes, 1);

		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
}

static int64_t bytes_sleb(struct bytes *bytes)
{
	uint64_t value = 0;

	for (unsigned shift = 0;;) {
		uint64_t byte = bytes_unsigned(bytes, 1);

		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		shift += 7;
		if (byte & 0x80)
			continue;
		if (shift < 64 && (byte & 0x40))
			value |= ~UINT64_C(0) << shift;
		return (int64_t)value;
	}
}

static void bytes_skip(struct bytes *bytes, uint64_t size)
{
	if (bytes->failed || size > (uint64_t)(bytes->end - bytes->at))
		bytes->failed = true;
	else
		bytes->at += size;
}

/* A pointer in one of the encodings; with relative false the number alone (a length). */
static uint64_t bytes_pointer(struct bytes *bytes, unsigned encoding, vaddr data, bool relative)
{
	vaddr place = bytes_address(bytes);
	uint64_t value;

	switch (encoding & PE_FORMAT) {
	case PE_ABSPTR:
	case PE_UDATA8:
	case PE_SDATA8:
		value = bytes_unsigned(bytes, 8);
		break;
	case PE_ULEB128:
		value = bytes_uleb(bytes);
		break;
	case PE_UDATA2:
		value = bytes_unsigned(bytes, 2);
		break;
	case PE_UDATA4:
		value = bytes_unsigned(bytes, 4);
		break;
	case PE_SLEB128:
		value = (uint64_t)bytes_sleb(bytes);
		break;
	case PE_SDATA2:
		value = (uint64_t)bytes_signed(bytes, 2);
		break;
	case PE_SDATA4:
		value = (uint64_t)bytes_signed(bytes, 4);
		break;
	default:
		bytes->failed = true;
		return 0;
	}
	if (!relative)
		return value;
	if ((encoding & PE_RELATION) == PE_PCREL)
		value += place;
	else if ((encoding & PE_RELATION) == PE_DATAREL)
		value += data;
	else if ((encoding & PE_RELATION) != 0)
		bytes->failed = true;
	// Code is never pointed to indirectly.
	if (encoding & PE_INDIRECT)
		bytes->failed = true;
	return value;
}

bool cfi_table_read(cfi_read *read, void *context, vaddr header, uint64_t size, struct cfi_table *ret)
{
	uint8_t head[4];
	uint32_t count;

	if (size < 12 || !read(context, header, head, sizeof(head)))
		return false;
	// Version, encoding of the pointer to .eh_frame (4 bytes in all that is met), of the count, of the table.
	if (head[0] != 1 || ((head[1] & PE_FORMAT) != PE_SDATA4 && (head[1] & PE_FORMAT) != PE_UDATA4) || head[2] != PE_UDATA4 ||
	    head[3] != (PE_DATAREL | PE_SDATA4) || !read(context, header + 8, &count, sizeof(count)))
		return false;
	if (count == 0 || count > (size - 12) / 8)
		return false;
	*ret = (struct cfi_table){.header = header, .entries = header + 12, .count = count};
	return true;
}

/* The address of the FDE that may cover a pc. */
static bool table_search(cfi_read *read, void *context, const struct cfi_table *table, vaddr pc, vaddr *ret)
{
	uint64_t low = 0, high = table->count;
	int32_t entry[2];

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (!read(context, table->entries + middle * 8, entry, sizeof(entry)))
			return false;
		if (table->header + (vaddr)(int64_t)entry[0] <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || !read(context, table->entries + (low - 1) * 8, entry, sizeof(entry)))
		return false;
	*ret = table->header + (vaddr)(int64_t)entry[1];
	return true;
}

/* Reads a CIE or FDE, without its length. (The 64-bit form, with a length of 2^32 and more, is not met in a program.) */
static bool entry_read(cfi_read *read, void *context, vaddr at, uint8_t buffer[ENTRY_SIZE_MAX], struct bytes *ret)
{
	uint32_t length;

	if (!read(context, at, &length, sizeof(length)) || length < 4 || length > ENTRY_SIZE_MAX ||
	    !read(context, at + 4, buffer, length))
		return false;
	*ret = (struct bytes){.start = buffer, .at = buffer, .end = buffer + length, .address = at + 4};
	return true;
}

/* What a CIE says, and where its instructions are. */
struct cie {
	uint64_t code_align;
	int64_t data_align;
	uint64_t return_column;
	uint8_t pointer_encoding;
	bool has_augmentation_size, is_signal_frame;
	struct bytes instructions;
};

static bool cie_parse(struct bytes *bytes, struct cie *ret)
{
	struct cie cie = {.pointer_encoding = PE_ABSPTR};
	char augmentation[AUGMENTATION_MAX] = "";
	struct bytes rest;

	uint64_t id = bytes_unsigned(bytes, 4), version = bytes_unsigned(bytes, 1);
	if (bytes->failed || id != 0 || (version != 1 && version != 3))
		return false;
	size_t length = strnlen((const char *)bytes->at, (size_t)(bytes->end - bytes->at));
	if (length >= AUGMENTATION_MAX)
		return false;
	memcpy(augmentation, bytes->at, length);
	bytes_skip(bytes, length + 1);
	cie.code_align = bytes_uleb(bytes);
	cie.data_align = bytes_sleb(bytes);
	cie.return_column = version == 1 ? bytes_unsigned(bytes, 1) : bytes_uleb(bytes);
	if (augmentation[0] == 'z') {
		uint64_t size = bytes_uleb(bytes);

		cie.has_augmentation_size = true;
		rest = *bytes;
		bytes_skip(bytes, size);
		for (const char *c = augmentation + 1; *c; c++) {
			unsigned encoding;

			switch (*c) {
			case 'L':
				bytes_unsigned(&rest, 1);
				break;
			case 'R':
				cie.pointer_encoding = (uint8_t)bytes_unsigned(&rest, 1);
				break;
			case 'P':
				// The personality is of no interest, so neither is what it is relative to.
				encoding = (unsigned)bytes_unsigned(&rest, 1);
				bytes_pointer(&rest, encoding & PE_FORMAT, 0, false);
				break;
			case 'S':
				cie.is_signal_frame = true;
				break;
			case 'B': // aarch64: return addresses are signed with the other key
			case 'G': // aarch64: the stack is tagged
				break;
			default:
				// What follows is skipped by its size, but may have been the encoding.
				return false;
			}
		}
		if (rest.failed)
			return false;
	} else if (augmentation[0] != '\0') {
		return false;
	}
	if (bytes->failed || cie.return_column >= THREAD_REGISTERS_MAX)
		return false;
	cie.instructions = *bytes;
	*ret = cie;
	return true;
}

/* The state of the program that builds a row. */
struct program {
	const struct cie *cie;
	struct cfi_row row;
	/** What the CIE's instructions gave: where CFA_RESTORE goes back to. */
	struct cfi_row initial;
	struct cfi_row remembered[REMEMBERED_MAX];
	size_t n_remembered;
	vaddr location;
};

static void rule_set(struct program *program, uint64_t reg, enum cfi_rule_kind kind, int64_t value)
{
	// Vector registers have numbers beyond; their rules do not concern us.
	if (reg < THREAD_REGISTERS_MAX)
		program->row.rules[reg] = (struct cfi_rule){.kind = (uint8_t)kind, .value = value};
}

/* An expression in the instructions: only where it is and how long. */
static struct cfi_rule rule_expression(struct bytes *bytes, enum cfi_rule_kind kind)
{
	uint64_t size = bytes_uleb(bytes);
	struct cfi_rule rule = {.kind = (uint8_t)kind, .size = (uint16_t)size, .value = (int64_t)bytes_address(bytes)};

	if (size > EXPRESSION_SIZE_MAX)
		bytes->failed = true;
	bytes_skip(bytes, size);
	return rule;
}

static int64_t factored(const struct program *program, uint64_t offset)
{
	return (int64_t)(offset * (uint64_t)program->cie->data_align);
}

static void program_advance(struct program *program, uint64_t delta)
{
	program->location += delta * program->cie->code_align;
}

static void restore_rule(struct program *program, uint64_t reg)
{
	if (reg < THREAD_REGISTERS_MAX)
		program->row.rules[reg] = program->initial.rules[reg];
}

/* Executes one instruction that is not one of the three with an operand in the opcode. */
static bool program_extended(struct program *program, struct bytes *bytes, unsigned opcode)
{
	struct cfi_row *row = &program->row;
	uint64_t reg, offset;

	switch (opcode) {
	case CFA_NOP:
		return true;
	case CFA_SET_LOC:
		program->location = bytes_pointer(bytes, program->cie->pointer_encoding, 0, true);
		return true;
	case CFA_ADVANCE_LOC1:
		program_advance(program, bytes_unsigned(bytes, 1));
		return true;
	case CFA_ADVANCE_LOC2:
		program_advance(program, bytes_unsigned(bytes, 2));
		return true;
	case CFA_ADVANCE_LOC4:
		program_advance(program, bytes_unsigned(bytes, 4));
		return true;
	case CFA_REMEMBER_STATE:
		if (program->n_remembered == REMEMBERED_MAX)
			return false;
		program->remembered[program->n_remembered++] = *row;
		return true;
	case CFA_RESTORE_STATE:
		if (program->n_remembered == 0)
			return false;
		*row = program->remembered[--program->n_remembered];
		return true;
	case CFA_DEF_CFA_OFFSET:
		row->cfa_offset = (int64_t)bytes_uleb(bytes);
		return true;
	case CFA_DEF_CFA_OFFSET_SF:
		row->cfa_offset = factored(program, (uint64_t)bytes_sleb(bytes));
		return true;
	case CFA_DEF_CFA_EXPRESSION:
		row->cfa = rule_expression(bytes, CFI_VALUE_EXPRESSION);
		return true;
	case CFA_AARCH64_NEGATE_RA_STATE:
		row->is_signed = !row->is_signed;
		return true;
	case CFA_GNU_ARGS_SIZE:
		bytes_uleb(bytes);
		return true;
	default:
		break;
	}

	// The others begin with a register.
	reg = bytes_uleb(bytes);
	switch (opcode) {
	case CFA_OFFSET_EXTENDED:
		rule_set(program, reg, CFI_OFFSET, factored(program, bytes_uleb(bytes)));
		return true;
	case CFA_OFFSET_EXTENDED_SF:
		rule_set(program, reg, CFI_OFFSET, factored(program, (uint64_t)bytes_sleb(bytes)));
		return true;
	case CFA_GNU_NEGATIVE_OFFSET_EXTENDED:
		rule_set(program, reg, CFI_OFFSET, factored(program, -bytes_uleb(bytes)));
		return true;
	case CFA_VAL_OFFSET:
		rule_set(program, reg, CFI_VALUE_OFFSET, factored(program, bytes_uleb(bytes)));
		return true;
	case CFA_VAL_OFFSET_SF:
		rule_set(program, reg, CFI_VALUE_OFFSET, factored(program, (uint64_t)bytes_sleb(bytes)));
		return true;
	case CFA_RESTORE_EXTENDED:
		restore_rule(program, reg);
		return true;
	case CFA_UNDEFINED:
		rule_set(program, reg, CFI_UNDEFINED, 0);
		return true;
	case CFA_SAME_VALUE:
		rule_set(program, reg, CFI_SAME, 0);
		return true;
	case CFA_REGISTER:
		offset = bytes_uleb(bytes);
		rule_set(program, reg, offset < THREAD_REGISTERS_MAX ? CFI_REGISTER : CFI_UNDEFINED, (int64_t)offset);
		return true;
	case CFA_EXPRESSION:
	case CFA_VAL_EXPRESSION: {
		struct cfi_rule rule = rule_expression(bytes, opcode == CFA_EXPRESSION ? CFI_EXPRESSION : CFI_VALUE_EXPRESSION);

		if (reg < THREAD_REGISTERS_MAX)
			row->rules[reg] = rule;
		return true;
	}
	case CFA_DEF_CFA:
	case CFA_DEF_CFA_SF:
	case CFA_DEF_CFA_REGISTER:
		if (reg >= THREAD_REGISTERS_MAX)
			return false;
		row->cfa = (struct cfi_rule){.kind = CFI_REGISTER, .value = (int64_t)reg};
		if (opcode == CFA_DEF_CFA)
			row->cfa_offset = (int64_t)bytes_uleb(bytes);
		else if (opcode == CFA_DEF_CFA_SF)
			row->cfa_offset = factored(program, (uint64_t)bytes_sleb(bytes));
		return true;
	default:
		return false;
	}
}

/* Executes instructions until they are at an end, or lead to a place behind the pc. */
static bool program_run(struct program *program, struct bytes *bytes, vaddr pc)
{
	while (bytes->at < bytes->end && !bytes->failed) {
		unsigned opcode = (unsigned)bytes_unsigned(bytes, 1), operand = opcode & 0x3f;

		switch (opcode & 0xc0) {
		case CFA_ADVANCE_LOC:
			program_advance(program, operand);
			break;
		case CFA_OFFSET:
			rule_set(program, operand, CFI_OFFSET, factored(program, bytes_uleb(bytes)));
			break;
		case CFA_RESTORE:
			restore_rule(program, operand);
			break;
		default:
			if (!program_extended(program, bytes, opcode))
				return false;
			break;
		}
		if (program->location > pc)
			break;
	}
	return !bytes->failed;
}

bool cfi_row_find(cfi_read *read, void *context, const struct cfi_table *table, vaddr pc, struct cfi_row *ret)
{
	uint8_t fde_buffer[ENTRY_SIZE_MAX], cie_buffer[ENTRY_SIZE_MAX];
	struct bytes fde, cie_bytes;
	struct cie cie;
	vaddr at;

	if (!table_search(read, context, table, pc, &at) || !entry_read(read, context, at, fde_buffer, &fde))
		return false;
	// The distance back to the CIE counts from this very member.
	uint64_t back = bytes_unsigned(&fde, 4);
	if (back == 0 || back > at + 4 || !entry_read(read, context, at + 4 - back, cie_buffer, &cie_bytes) ||
	    !cie_parse(&cie_bytes, &cie))
		return false;
	vaddr start = bytes_pointer(&fde, cie.pointer_encoding, table->header, true);
	uint64_t length = bytes_pointer(&fde, cie.pointer_encoding, 0, false);
	if (cie.has_augmentation_size)
		bytes_skip(&fde, bytes_uleb(&fde));
	if (fde.failed || pc < start || pc - start >= length)
		return false;

	struct program program = {.cie = &cie, .location = start};
	program.row.return_column = (uint8_t)cie.return_column;
	program.row.is_signal_frame = cie.is_signal_frame;
	if (!program_run(&program, &cie.instructions, UINT64_MAX))
		return false;
	program.initial = program.row;
	program.location = start;
	if (!program_run(&program, &fde, pc) || program.row.cfa.kind == CFI_UNSPECIFIED)
		return false;
	*ret = program.row;
	return true;
}

/* The machine of an expression. */
struct evaluation {
	cfi_read *read;
	void *context;
	const struct cfi_registers *registers;
	uint64_t stack[STACK_MAX];
	size_t depth;
	bool failed;
};

static void push(struct evaluation *evaluation, uint64_t value)
{
	if (evaluation->depth == STACK_MAX)
		evaluation->failed = true;
	else
		evaluation->stack[evaluation->depth++] = value;
}

static uint64_t pop(struct evaluation *evaluation)
{
	if (evaluation->depth == 0) {
		evaluation->failed = true;
		return 0;
	}
	return evaluation->stack[--evaluation->depth];
}

static uint64_t pick(struct evaluation *evaluation, uint64_t index)
{
	if (index >= evaluation->depth) {
		evaluation->failed = true;
		return 0;
	}
	return evaluation->stack[evaluation->depth - 1 - index];
}

static void push_register(struct evaluation *evaluation, uint64_t reg, int64_t offset)
{
	if (reg >= THREAD_REGISTERS_MAX || !(evaluation->registers->known >> reg & 1))
		evaluation->failed = true;
	else
		push(evaluation, evaluation->registers->values[reg] + (uint64_t)offset);
}

static void push_memory(struct evaluation *evaluation, uint64_t size)
{
	uint64_t value = 0;
	vaddr at = pop(evaluation);

	if (size > 8 || !evaluation->read(evaluation->context, at, &value, size))
		evaluation->failed = true;
	push(evaluation, value);
}

/* An operator on the two topmost values; false when the opcode is none. */
static bool evaluate_binary(struct evaluation *evaluation, unsigned opcode)
{
	uint64_t result, b = pick(evaluation, 0), a = pick(evaluation, 1);
	int64_t left = (int64_t)a, right = (int64_t)b;

	switch (opcode) {
	case OP_AND:
		result = a & b;
		break;
	case OP_DIV:
		// INT64_MIN / -1 traps.
		if (b == 0)
			evaluation->failed = true;
		result = right == -1 ? -a : b ? (uint64_t)(left / right) : 0;
		break;
	case OP_MINUS:
		result = a - b;
		break;
	case OP_MOD:
		if (b == 0)
			evaluation->failed = true;
		result = b ? a % b : 0;
		break;
	case OP_MUL:
		result = a * b;
		break;
	case OP_OR:
		result = a | b;
		break;
	case OP_PLUS:
		result = a + b;
		break;
	case OP_SHL:
		result = b < 64 ? a << b : 0;
		break;
	case OP_SHR:
		result = b < 64 ? a >> b : 0;
		break;
	case OP_SHRA:
		result = (uint64_t)(left >> (b < 64 ? b : 63));
		break;
	case OP_XOR:
		result = a ^ b;
		break;
	case OP_EQ:
		result = a == b;
		break;
	case OP_GE:
		result = left >= right;
		break;
	case OP_GT:
		result = left > right;
		break;
	case OP_LE:
		result = left <= right;
		break;
	case OP_LT:
		result = left < right;
		break;
	case OP_NE:
		result = a != b;
		break;
	default:
		return false;
	}
	pop(evaluation);
	pop(evaluation);
	push(evaluation, result);
	return true;
}

/* Rearranges the stack, or changes its top; false when the opcode does not. */
static bool evaluate_stack(struct evaluation *evaluation, unsigned opcode, struct bytes *bytes)
{
	uint64_t a, b, c;

	switch (opcode) {
	case OP_DUP:
		push(evaluation, pick(evaluation, 0));
		return true;
	case OP_DROP:
		pop(evaluation);
		return true;
	case OP_OVER:
		push(evaluation, pick(evaluation, 1));
		return true;
	case OP_PICK:
		push(evaluation, pick(evaluation, bytes_unsigned(bytes, 1)));
		return true;
	case OP_SWAP:
		a = pop(evaluation);
		b = pop(evaluation);
		push(evaluation, a);
		push(evaluation, b);
		return true;
	case OP_ROT:
		a = pop(evaluation);
		b = pop(evaluation);
		c = pop(evaluation);
		push(evaluation, a);
		push(evaluation, c);
		push(evaluation, b);
		return true;
	case OP_ABS:
		a = pop(evaluation);
		push(evaluation, (int64_t)a < 0 ? -a : a);
		return true;
	case OP_NEG:
		push(evaluation, -pop(evaluation));
		return true;
	case OP_NOT:
		push(evaluation, ~pop(evaluation));
		return true;
	case OP_PLUS_UCONST:
		push(evaluation, pop(evaluation) + bytes_uleb(bytes));
		return true;
	case OP_DEREF:
		push_memory(evaluation, 8);
		return true;
	case OP_DEREF_SIZE:
		push_memory(evaluation, bytes_unsigned(bytes, 1));
		return true;
	default:
		return false;
	}
}

/* Pushes a constant or a register plus an offset; false when the opcode does not. */
static bool evaluate_literal(struct evaluation *evaluation, unsigned opcode, struct bytes *bytes)
{
	uint64_t reg;

	if (opcode >= OP_LIT0 && opcode <= OP_LIT31) {
		push(evaluation, opcode - OP_LIT0);
		return true;
	}
	if (opcode >= OP_BREG0 && opcode <= OP_BREG31) {
		push_register(evaluation, opcode - OP_BREG0, bytes_sleb(bytes));
		return true;
	}
	switch (opcode) {
	case OP_BREGX:
		reg = bytes_uleb(bytes);
		push_register(evaluation, reg, bytes_sleb(bytes));
		return true;
	case OP_CONST1U:
		push(evaluation, bytes_unsigned(bytes, 1));
		return true;
	case OP_CONST1S:
		push(evaluation, (uint64_t)bytes_signed(bytes, 1));
		return true;
	case OP_CONST2U:
		push(evaluation, bytes_unsigned(bytes, 2));
		return true;
	case OP_CONST2S:
		push(evaluation, (uint64_t)bytes_signed(bytes, 2));
		return true;
	case OP_CONST4U:
		push(evaluation, bytes_unsigned(bytes, 4));
		return true;
	case OP_CONST4S:
		push(evaluation, (uint64_t)bytes_signed(bytes, 4));
		return true;
	case OP_ADDR:
	case OP_CONST8U:
	case OP_CONST8S:
		push(evaluation, bytes_unsigned(bytes, 8));
		return true;
	case OP_CONSTU:
		push(evaluation, bytes_uleb(bytes));
		return true;
	case OP_CONSTS:
		push(evaluation, (uint64_t)bytes_sleb(bytes));
		return true;
	default:
		return false;
	}
}

/* Evaluates the expression of a rule; with a CFA on the stack for those of registers. */
static bool rule_evaluate(cfi_read *read, void *context, const struct cfi_rule *rule, const struct cfi_registers *registers,
			  const uint64_t *cfa, uint64_t *ret)
{
	struct evaluation evaluation = {.read = read, .context = context, .registers = registers};
	uint8_t buffer[EXPRESSION_SIZE_MAX];
	struct bytes bytes = {.start = buffer, .at = buffer, .end = buffer + rule->size, .address = (vaddr)rule->value};

	if (rule->size > EXPRESSION_SIZE_MAX || !read(context, (vaddr)rule->value, buffer, rule->size))
		return false;
	if (cfa)
		push(&evaluation, *cfa);
	for (int step = 0; bytes.at < bytes.end; step++) {
		unsigned opcode = (unsigned)bytes_unsigned(&bytes, 1);

		if (step == STEPS_MAX)
			return false;
		if (opcode == OP_SKIP || opcode == OP_BRA) {
			int64_t distance = bytes_signed(&bytes, 2);

			if (opcode == OP_BRA && pop(&evaluation) == 0)
				distance = 0;
			if (distance < bytes.start - bytes.at || distance > bytes.end - bytes.at)
				return false;
			bytes.at += distance;
		} else if (opcode != OP_NOP && !evaluate_literal(&evaluation, opcode, &bytes) &&
			   !evaluate_stack(&evaluation, opcode, &bytes) && !evaluate_binary(&evaluation, opcode)) {
			return false;
		}
		if (bytes.failed || evaluation.failed)
			return false;
	}
	*ret = pop(&evaluation);
	return !evaluation.failed;
}

/* The caller's value of a register by its rule; false when it is lost. */
static bool rule_apply(cfi_read *read, void *context, const struct cfi_rule *rule, unsigned reg, bool is_kept, uint64_t cfa,
		       const struct cfi_registers *callee, uint64_t *ret, vaddr *saved_at_ret)
{
	unsigned from = reg;
	uint64_t at;

	*saved_at_ret = 0;

	switch ((enum cfi_rule_kind)rule->kind) {
	case CFI_UNDEFINED:
		return false;
	case CFI_OFFSET:
		*saved_at_ret = cfa + (uint64_t)rule->value;
		return read(context, *saved_at_ret, ret, sizeof(*ret));
	case CFI_VALUE_OFFSET:
		*ret = cfa + (uint64_t)rule->value;
		return true;
	case CFI_EXPRESSION:
		if (!rule_evaluate(read, context, rule, callee, &cfa, &at))
			return false;
		*saved_at_ret = at;
		return read(context, at, ret, sizeof(*ret));
	case CFI_VALUE_EXPRESSION:
		return rule_evaluate(read, context, rule, callee, &cfa, ret);
	case CFI_REGISTER:
		from = (unsigned)rule->value;
		break;
	case CFI_UNSPECIFIED:
		if (!is_kept)
			return false;
		break;
	case CFI_SAME:
		break;
	}
	if (from >= THREAD_REGISTERS_MAX || !(callee->known >> from & 1))
		return false;
	*ret = callee->values[from];
	*saved_at_ret = callee->saved_at[from];
	return true;
}

bool cfi_row_apply(cfi_read *read, void *context, enum machine machine, const struct cfi_row *row, const struct cfi_registers *callee,
		   struct cfi_registers *ret, bool *outermost_ret)
{
	struct cfi_registers caller = {0};
	const unsigned sp = register_sp(machine), pc = register_pc(machine);
	uint64_t saved = registers_saved(machine), cfa;

	*outermost_ret = row->rules[row->return_column].kind == CFI_UNDEFINED;
	if (*outermost_ret)
		return false;
	if (row->cfa.kind == CFI_REGISTER) {
		uint64_t reg = (uint64_t)row->cfa.value;

		if (reg >= THREAD_REGISTERS_MAX || !(callee->known >> reg & 1))
			return false;
		cfa = callee->values[reg] + (uint64_t)row->cfa_offset;
	} else if (row->cfa.kind != CFI_VALUE_EXPRESSION || !rule_evaluate(read, context, &row->cfa, callee, NULL, &cfa)) {
		return false;
	}
	for (unsigned reg = 0; reg < THREAD_REGISTERS_MAX; reg++) {
		// A leaf function on aarch64 has its return address still in the link register.
		bool is_kept = row->is_signal_frame || (reg == row->return_column && reg != pc) || (saved >> reg & 1);

		if (rule_apply(read, context, &row->rules[reg], reg, is_kept, cfa, callee, &caller.values[reg], &caller.saved_at[reg]))
			caller.known |= UINT64_C(1) << reg;
	}
	if (!(caller.known >> row->return_column & 1))
		return false;
	uint64_t return_address = caller.values[row->return_column];
	if (row->return_column != pc) {
		if (row->is_signed)
			return_address &= (UINT64_C(1) << 48) - 1;
		// What the callee was called with is not what the caller has there now; the interrupted one has its own pc.
		if (row->is_signal_frame && (caller.known >> pc & 1) && row->rules[pc].kind != CFI_UNSPECIFIED)
			return_address = caller.values[pc];
		else if (!row->is_signal_frame)
			caller.known &= ~(UINT64_C(1) << row->return_column);
	}
	caller.values[pc] = return_address;
	caller.known |= UINT64_C(1) << pc;
	if (row->rules[sp].kind == CFI_UNSPECIFIED || !(caller.known >> sp & 1)) {
		caller.values[sp] = cfa;
		caller.known |= UINT64_C(1) << sp;
	}
	*ret = caller;
	return true;
}
