/* SPDX-License-Identifier: MIT */
/*
 * Each instruction is taken apart by capstone and put together again from steps. What has no case of its own writes what capstone says it writes, and nothing
 * is known of that.
 */
#include "debug/instructions.h"

#include <capstone.h>
#include <stdlib.h>

#include "base/alloc.h"

enum {
	/** DWARF numbers of x86-64. */
	RAX,
	RDX,
	RCX,
	RBX,
	RSI,
	RDI,
	RBP,
	RSP,
};

struct instruction_reader {
	enum machine machine;
	csh capstone;
	cs_insn *insn;
	const uint8_t *at;
	size_t size;
	uint64_t address;
};

static const struct convention x86_convention = {
	.arguments = { RDI, RSI, RDX, RCX, 8, 9 },
	.n_arguments = 6,
	.result = RAX,
	.sp = RSP,
	.fp = RBP,
	.result_address = REGISTER_NONE,
	.scratch = 1 << RAX | 1 << RDX | 1 << RCX | 1 << RSI | 1 << RDI | 0xf << 8 | ((UINT64_C(1) << LANES) - 1) << LANES_FIRST,
	.cfa_offset = 8,
};

static const struct convention arm64_convention = {
	.arguments = { 0, 1, 2, 3, 4, 5, 6, 7 },
	.n_arguments = 8,
	.result = 0,
	.sp = 31,
	.fp = 29,
	.result_address = 8,
	// x0 to x18, and the link register.
	.scratch = 0x7ffff | UINT64_C(1) << 30,
	.cfa_offset = 0,
};

const struct convention *convention_of(enum machine machine)
{
	return machine == MACHINE_X86_64 ? &x86_convention : &arm64_convention;
}

struct instruction_reader *instruction_reader_create(enum machine machine)
{
	csh capstone;
	cs_err error = machine == MACHINE_X86_64 ? cs_open(CS_ARCH_X86, CS_MODE_64, &capstone) : cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &capstone);

	if (error != CS_ERR_OK)
		return NULL;
	cs_option(capstone, CS_OPT_DETAIL, CS_OPT_ON);
	cs_option(capstone, CS_OPT_SKIPDATA, CS_OPT_ON);

	cs_insn *insn = cs_malloc(capstone);

	if (!insn) {
		cs_close(&capstone);
		return NULL;
	}

	struct instruction_reader *reader = xcalloc(1, sizeof(*reader));

	reader->machine = machine;
	reader->capstone = capstone;
	reader->insn = insn;
	return reader;
}

void instruction_reader_destroy(struct instruction_reader *reader)
{
	if (!reader)
		return;
	cs_free(reader->insn, 1);
	cs_close(&reader->capstone);
	free(reader);
}

void instruction_reader_begin(struct instruction_reader *reader, const void *bytes, size_t size, vaddr start)
{
	reader->at = bytes;
	reader->size = size;
	reader->address = start;
}

/* ---- operands ---- */

static const struct operand no_operand = { .kind = OPERAND_NONE, .reg = REGISTER_NONE, .index = REGISTER_NONE };

static struct operand register_operand(uint8_t reg, unsigned size)
{
	return (struct operand){ .kind = reg == REGISTER_NONE ? OPERAND_NONE : OPERAND_REGISTER,
				 .size = (uint8_t)size,
				 .reg = reg,
				 .index = REGISTER_NONE };
}

static struct operand number_operand(int64_t number)
{
	return (struct operand){ .kind = OPERAND_NUMBER, .size = 8, .reg = REGISTER_NONE, .index = REGISTER_NONE, .number = number };
}

static struct operand memory_operand(uint8_t reg, int64_t number, unsigned size)
{
	return (struct operand){ .kind = OPERAND_MEMORY, .size = (uint8_t)size, .reg = reg, .index = REGISTER_NONE, .number = number };
}

static struct step *step_add(struct instruction *instruction, enum step_kind kind, struct operand to, struct operand from, struct operand other)
{
	static struct step dropped;

	if (instruction->n == STEPS_MAX)
		return &dropped;

	struct step *step = &instruction->steps[instruction->n++];

	*step = (struct step){ .kind = kind, .to = to, .from = from, .other = other };
	return step;
}

static void clobber(struct instruction *instruction, uint8_t reg)
{
	if (reg < REGISTERS_MAX)
		instruction->clobbers |= UINT64_C(1) << reg;
}

/* ---- x86-64 ---- */

/* The DWARF number of a register, and how much of it is meant. */
static uint8_t x86_register(unsigned reg, unsigned *size_ret)
{
	static const struct {
		uint16_t registers[5];
		uint8_t number;
	} low[] = {
		{ { X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL, X86_REG_AH }, RAX },
		{ { X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH }, RDX },
		{ { X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH }, RCX },
		{ { X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL, X86_REG_BH }, RBX },
		{ { X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL, 0 }, RSI },
		{ { X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL, 0 }, RDI },
		{ { X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL, 0 }, RBP },
		{ { X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL, 0 }, RSP },
	};
	static const uint8_t sizes[] = { 8, 4, 2, 1, 1 };

	*size_ret = 8;
	if (reg == X86_REG_INVALID)
		return REGISTER_NONE;
	if (reg >= X86_REG_R8 && reg <= X86_REG_R15)
		return (uint8_t)(8 + reg - X86_REG_R8);
	*size_ret = 4;
	if (reg >= X86_REG_R8D && reg <= X86_REG_R15D)
		return (uint8_t)(8 + reg - X86_REG_R8D);
	*size_ret = 2;
	if (reg >= X86_REG_R8W && reg <= X86_REG_R15W)
		return (uint8_t)(8 + reg - X86_REG_R8W);
	*size_ret = 1;
	if (reg >= X86_REG_R8B && reg <= X86_REG_R15B)
		return (uint8_t)(8 + reg - X86_REG_R8B);
	for (size_t i = 0; i < sizeof(low) / sizeof(*low); i++) {
		for (size_t j = 0; j < 5; j++) {
			if (low[i].registers[j] == reg) {
				*size_ret = sizes[j];
				return low[i].number;
			}
		}
	}
	return REGISTER_NONE;
}

static struct operand x86_operand(const cs_insn *insn, int i)
{
	const cs_x86_op *from = &insn->detail->x86.operands[i];
	struct operand operand = no_operand;
	unsigned size;

	if (i >= insn->detail->x86.op_count)
		return operand;
	switch (from->type) {
	case X86_OP_REG:
		operand.reg = x86_register(from->reg, &size);
		if (operand.reg == REGISTER_NONE)
			return no_operand;
		return register_operand(operand.reg, size);
	case X86_OP_IMM:
		return number_operand(from->imm);
	case X86_OP_MEM:
		operand = memory_operand(REGISTER_NONE, from->mem.disp, from->size);
		if (from->mem.segment == X86_REG_FS || from->mem.segment == X86_REG_GS) {
			operand.kind = OPERAND_THREAD_LOCAL;
			return operand;
		}
		if (from->mem.base == X86_REG_RIP) {
			operand.number += (int64_t)(insn->address + insn->size);
			return operand;
		}
		operand.reg = x86_register(from->mem.base, &size);
		operand.index = x86_register(from->mem.index, &size);
		operand.scale = (uint8_t)from->mem.scale;
		return operand;
	case X86_OP_INVALID:
		break;
	}
	return operand;
}

/* The first half of a vector register, whose second one is the next; REGISTER_NONE for one that is not followed. */
static uint8_t x86_lane(unsigned reg)
{
	unsigned number;

	if (reg >= X86_REG_XMM0 && reg <= X86_REG_XMM31)
		number = reg - X86_REG_XMM0;
	else if (reg >= X86_REG_YMM0 && reg <= X86_REG_YMM31)
		number = reg - X86_REG_YMM0;
	else
		return REGISTER_NONE;
	return number < LANES / 2 ? (uint8_t)(LANES_FIRST + 2 * number) : REGISTER_NONE;
}

/* Whether all of a register is written. */
static bool is_whole(const struct operand *operand)
{
	return operand->kind != OPERAND_REGISTER || operand->size >= 4;
}

/* Adds a move, or what it does when only a part of a register is moved. */
static void move_add(struct instruction *instruction, struct operand to, struct operand from)
{
	step_add(instruction, is_whole(&to) ? STEP_MOVE : STEP_OTHER, to, from, no_operand);
}

static void lanes_clobber(struct instruction *instruction, unsigned reg)
{
	uint8_t lane = x86_lane(reg);

	if (lane != REGISTER_NONE) {
		clobber(instruction, lane);
		clobber(instruction, (uint8_t)(lane + 1));
	}
}

/* What is written by an instruction without a case of its own. */
static void x86_other(const cs_insn *insn, struct instruction *instruction)
{
	const cs_detail *detail = insn->detail;
	unsigned size;

	for (int i = 0; i < detail->x86.op_count; i++) {
		struct operand operand = x86_operand(insn, i);

		if (detail->x86.operands[i].access & CS_AC_WRITE) {
			if (operand.kind == OPERAND_REGISTER)
				clobber(instruction, operand.reg);
			else if (operand.kind == OPERAND_MEMORY)
				step_add(instruction, STEP_OTHER, operand, no_operand, no_operand);
			else if (detail->x86.operands[i].type == X86_OP_REG)
				lanes_clobber(instruction, detail->x86.operands[i].reg);
		}
	}
	for (int i = 0; i < detail->regs_write_count; i++)
		clobber(instruction, x86_register(detail->regs_write[i], &size));
}

/* Adds an operation of two operands, the first of which is the result too. */
static void x86_binary(const cs_insn *insn, enum step_kind kind, struct instruction *instruction)
{
	struct operand to = x86_operand(insn, 0), other = x86_operand(insn, 1);

	if (to.kind != OPERAND_REGISTER || !is_whole(&to))
		step_add(instruction, STEP_OTHER, to, no_operand, no_operand);
	else if (kind == STEP_SUBTRACT && other.kind == OPERAND_REGISTER && other.reg == to.reg)
		step_add(instruction, STEP_MOVE, to, number_operand(0), no_operand);
	else
		step_add(instruction, kind, to, to, other);
}

static void x86_push(struct instruction *instruction, struct operand from)
{
	struct operand sp = register_operand(RSP, 8);

	step_add(instruction, STEP_SUBTRACT, sp, sp, number_operand(8));
	step_add(instruction, STEP_MOVE, memory_operand(RSP, 0, 8), from, no_operand);
}

static void x86_pop(struct instruction *instruction, struct operand to)
{
	struct operand sp = register_operand(RSP, 8);

	step_add(instruction, STEP_MOVE, to, memory_operand(RSP, 0, 8), no_operand);
	step_add(instruction, STEP_ADD, sp, sp, number_operand(8));
}

static void x86_multiply(const cs_insn *insn, struct instruction *instruction)
{
	int n = insn->detail->x86.op_count;

	if (n == 2)
		x86_binary(insn, STEP_MULTIPLY, instruction);
	else if (n == 3 && insn->detail->x86.operands[0].size >= 4)
		step_add(instruction, STEP_MULTIPLY, x86_operand(insn, 0), x86_operand(insn, 1), x86_operand(insn, 2));
	else
		x86_other(insn, instruction);
}

/* One half of a vector operand: of a register or of 16 bytes of memory. */
static struct operand x86_half(const cs_insn *insn, int i, unsigned half)
{
	const cs_x86_op *from = &insn->detail->x86.operands[i];
	struct operand operand = no_operand;
	uint8_t lane;

	if (from->type == X86_OP_MEM) {
		operand = x86_operand(insn, i);
		operand.size = 8;
		operand.number += 8 * (int)half;
		return operand;
	}
	lane = from->type == X86_OP_REG ? x86_lane(from->reg) : REGISTER_NONE;
	return lane == REGISTER_NONE ? operand : register_operand((uint8_t)(lane + half), 8);
}

static bool x86_is_vector(const cs_insn *insn, int i)
{
	return i < insn->detail->x86.op_count && insn->detail->x86.operands[i].type == X86_OP_REG && insn->detail->x86.operands[i].reg >= X86_REG_XMM0 &&
	       insn->detail->x86.operands[i].reg <= X86_REG_XMM31;
}

/* Moves of two pointers at once; false for any other instruction. */
static bool x86_vector_read(const cs_insn *insn, struct instruction *instruction)
{
	const cs_x86 *x86 = &insn->detail->x86;
	bool to_vector = x86_is_vector(insn, 0), from_vector = x86_is_vector(insn, 1);

	if (x86->op_count < 2 || (!to_vector && !from_vector))
		return false;
	switch (insn->id) {
	case X86_INS_MOVQ:
		if (to_vector) {
			step_add(instruction, STEP_MOVE, x86_half(insn, 0, 0), from_vector ? x86_half(insn, 1, 0) : x86_operand(insn, 1), no_operand);
			step_add(instruction, STEP_MOVE, x86_half(insn, 0, 1), number_operand(0), no_operand);
		} else {
			step_add(instruction, STEP_MOVE, x86_operand(insn, 0), x86_half(insn, 1, 0), no_operand);
		}
		return true;
	case X86_INS_MOVHPS:
	case X86_INS_MOVHPD:
		if (to_vector)
			step_add(instruction, STEP_MOVE, x86_half(insn, 0, 1), x86_operand(insn, 1), no_operand);
		else
			step_add(instruction, STEP_MOVE, x86_operand(insn, 0), x86_half(insn, 1, 1), no_operand);
		return true;
	case X86_INS_PUNPCKLQDQ:
	case X86_INS_UNPCKLPD:
		step_add(instruction, STEP_MOVE, x86_half(insn, 0, 1), x86_half(insn, 1, 0), no_operand);
		return true;
	case X86_INS_PINSRQ:
		step_add(instruction, STEP_MOVE, x86_half(insn, 0, x86->op_count > 2 && x86->operands[2].imm == 1), x86_operand(insn, 1), no_operand);
		return true;
	case X86_INS_MOVDQA:
	case X86_INS_MOVDQU:
	case X86_INS_MOVAPS:
	case X86_INS_MOVUPS:
	case X86_INS_MOVAPD:
	case X86_INS_MOVUPD:
		step_add(instruction, STEP_MOVE, x86_half(insn, 0, 0), x86_half(insn, 1, 0), no_operand);
		step_add(instruction, STEP_MOVE, x86_half(insn, 0, 1), x86_half(insn, 1, 1), no_operand);
		return true;
	case X86_INS_PXOR:
	case X86_INS_XORPS:
		if (!from_vector || x86->operands[0].reg != x86->operands[1].reg)
			return false;
		step_add(instruction, STEP_MOVE, x86_half(insn, 0, 0), number_operand(0), no_operand);
		step_add(instruction, STEP_MOVE, x86_half(insn, 0, 1), number_operand(0), no_operand);
		return true;
	default:
		return false;
	}
}

static void x86_read(const cs_insn *insn, struct instruction *instruction)
{
	struct operand first = x86_operand(insn, 0), second = x86_operand(insn, 1);

	if (x86_vector_read(insn, instruction))
		return;
	switch (insn->id) {
	case X86_INS_MOV:
	case X86_INS_MOVABS:
		if (first.kind == OPERAND_NONE)
			x86_other(insn, instruction);
		else
			move_add(instruction, first, second);
		return;
	case X86_INS_MOVSXD:
		move_add(instruction, first, second);
		return;
	case X86_INS_CDQE:
		step_add(instruction, STEP_MOVE, register_operand(RAX, 8), register_operand(RAX, 4), no_operand);
		return;
	case X86_INS_LEA:
		step_add(instruction, is_whole(&first) ? STEP_ADDRESS : STEP_OTHER, first, second, no_operand);
		return;
	case X86_INS_ADD:
		x86_binary(insn, STEP_ADD, instruction);
		return;
	case X86_INS_SUB:
		x86_binary(insn, STEP_SUBTRACT, instruction);
		return;
	case X86_INS_INC:
	case X86_INS_DEC:
		if (first.kind == OPERAND_REGISTER && is_whole(&first))
			step_add(instruction, insn->id == X86_INS_INC ? STEP_ADD : STEP_SUBTRACT, first, first, number_operand(1));
		else
			step_add(instruction, STEP_OTHER, first, no_operand, no_operand);
		return;
	case X86_INS_SHL:
	case X86_INS_SAL:
		x86_binary(insn, STEP_SHIFT, instruction);
		return;
	case X86_INS_AND:
		x86_binary(insn, second.kind == OPERAND_NUMBER ? STEP_MASK : STEP_OTHER, instruction);
		return;
	case X86_INS_XOR:
		if (first.kind == OPERAND_REGISTER && second.kind == OPERAND_REGISTER && first.reg == second.reg && first.size >= 4)
			step_add(instruction, STEP_MOVE, first, number_operand(0), no_operand);
		else
			step_add(instruction, STEP_OTHER, first, no_operand, no_operand);
		return;
	case X86_INS_IMUL:
		x86_multiply(insn, instruction);
		return;
	case X86_INS_PUSH:
		x86_push(instruction, first);
		return;
	case X86_INS_POP:
		x86_pop(instruction, first);
		return;
	case X86_INS_LEAVE:
		step_add(instruction, STEP_MOVE, register_operand(RSP, 8), register_operand(RBP, 8), no_operand);
		x86_pop(instruction, register_operand(RBP, 8));
		return;
	case X86_INS_XCHG:
		// As padding, it does nothing.
		if (first.kind == OPERAND_REGISTER && second.kind == OPERAND_REGISTER && first.reg == second.reg)
			return;
		x86_other(insn, instruction);
		return;
	case X86_INS_CALL:
		step_add(instruction, STEP_CALL, no_operand, first, no_operand);
		return;
	case X86_INS_JMP:
		step_add(instruction, STEP_JUMP, no_operand, first, no_operand);
		return;
	case X86_INS_RET:
		step_add(instruction, STEP_RETURN, no_operand, no_operand, no_operand);
		return;
	case X86_INS_UD2:
	case X86_INS_HLT:
	case X86_INS_INT3:
		step_add(instruction, STEP_TRAP, no_operand, no_operand, no_operand);
		return;
	case X86_INS_NOP:
	case X86_INS_ENDBR64:
	case X86_INS_CMP:
	case X86_INS_TEST:
	case X86_INS_BT:
		return;
	default:
		break;
	}
	for (int i = 0; i < insn->detail->groups_count; i++) {
		if (insn->detail->groups[i] == CS_GRP_JUMP) {
			step_add(instruction, STEP_BRANCH, no_operand, first, no_operand);
			return;
		}
	}
	if (insn->id >= X86_INS_CMOVA && insn->id <= X86_INS_CMOVS && first.kind == OPERAND_REGISTER && is_whole(&first))
		step_add(instruction, STEP_MOVE_MAYBE, first, second, no_operand);
	else
		x86_other(insn, instruction);
}

/* ---- aarch64 ---- */

static uint8_t arm64_register(unsigned reg, unsigned *size_ret)
{
	*size_ret = 8;
	if (reg >= ARM64_REG_X0 && reg <= ARM64_REG_X28)
		return (uint8_t)(reg - ARM64_REG_X0);
	if (reg == ARM64_REG_X29)
		return 29;
	if (reg == ARM64_REG_X30)
		return 30;
	if (reg == ARM64_REG_SP)
		return 31;
	*size_ret = 4;
	if (reg >= ARM64_REG_W0 && reg <= ARM64_REG_W30)
		return (uint8_t)(reg - ARM64_REG_W0);
	if (reg == ARM64_REG_WSP)
		return 31;
	return REGISTER_NONE;
}

static struct operand arm64_operand(const cs_insn *insn, int i, unsigned memory_size)
{
	const cs_arm64_op *from = &insn->detail->arm64.operands[i];
	struct operand operand = no_operand;
	unsigned size;

	if (i >= insn->detail->arm64.op_count)
		return operand;
	if (from->type == ARM64_OP_REG) {
		if (from->reg == ARM64_REG_XZR || from->reg == ARM64_REG_WZR)
			return number_operand(0);
		operand.reg = arm64_register(from->reg, &size);
		return register_operand(operand.reg, size);
	}
	if (from->type == ARM64_OP_IMM)
		return number_operand(from->shift.type == ARM64_SFT_LSL && from->shift.value < 64 ? (int64_t)((uint64_t)from->imm << from->shift.value) :
												      from->imm);
	if (from->type == ARM64_OP_MEM) {
		operand = memory_operand(arm64_register(from->mem.base, &size), from->mem.disp, memory_size);
		operand.index = from->mem.index == ARM64_REG_INVALID ? REGISTER_NONE : arm64_register(from->mem.index, &size);
		operand.scale = (uint8_t)(from->shift.value < 8 ? 1u << from->shift.value : 1);
	}
	return operand;
}

static void arm64_other(const cs_insn *insn, struct instruction *instruction)
{
	const cs_arm64 *arm64 = &insn->detail->arm64;
	unsigned size;

	for (int i = 0; i < arm64->op_count; i++) {
		const cs_arm64_op *operand = &arm64->operands[i];

		if (operand->type == ARM64_OP_REG && (operand->access & CS_AC_WRITE))
			clobber(instruction, arm64_register(operand->reg, &size));
		if (operand->type == ARM64_OP_MEM) {
			if (operand->access & CS_AC_WRITE)
				step_add(instruction, STEP_OTHER, arm64_operand(insn, i, 16), no_operand, no_operand);
			if (arm64->writeback)
				clobber(instruction, arm64_register(operand->mem.base, &size));
		}
	}
}

/* The second source of a sum, which may be shifted or extended: as a memory operand with base and index. */
static bool arm64_is_scaled(const cs_arm64_op *operand)
{
	return operand->type == ARM64_OP_REG && (operand->shift.type == ARM64_SFT_LSL || operand->ext != ARM64_EXT_INVALID) && operand->shift.value < 8;
}

static void arm64_sum(const cs_insn *insn, enum step_kind kind, struct instruction *instruction)
{
	const cs_arm64_op *last = &insn->detail->arm64.operands[2];
	struct operand to = arm64_operand(insn, 0, 8), from = arm64_operand(insn, 1, 8), other = arm64_operand(insn, 2, 8);

	if (insn->detail->arm64.op_count < 3) {
		arm64_other(insn, instruction);
	} else if (arm64_is_scaled(last) && kind == STEP_ADD && from.kind == OPERAND_REGISTER && other.kind == OPERAND_REGISTER) {
		struct operand address = memory_operand(from.reg, 0, 8);

		address.index = other.reg;
		address.scale = (uint8_t)(1u << last->shift.value);
		step_add(instruction, STEP_ADDRESS, to, address, no_operand);
	} else if (last->type == ARM64_OP_REG && last->shift.type != ARM64_SFT_INVALID) {
		step_add(instruction, STEP_OTHER, to, no_operand, no_operand);
	} else {
		step_add(instruction, kind, to, from, other);
	}
}

/* One or two registers from or to memory. */
static void arm64_memory(const cs_insn *insn, bool is_load, unsigned registers, struct instruction *instruction)
{
	const cs_arm64 *arm64 = &insn->detail->arm64;
	const cs_arm64_op *memory = &arm64->operands[registers];
	unsigned size;

	if (arm64->op_count <= registers || memory->type != ARM64_OP_MEM) {
		// A literal, or something newer than this.
		arm64_other(insn, instruction);
		return;
	}

	unsigned reg = arm64->operands[0].reg;
	// A vector has up to 16.
	unsigned width = arm64_register(reg, &size) != REGISTER_NONE ? size : reg == ARM64_REG_XZR ? 8 : reg == ARM64_REG_WZR ? 4 : 16;
	bool is_general = width < 16;
	struct operand address = arm64_operand(insn, (int)registers, width), base = register_operand(address.reg, 8);
	int64_t before = 0, after = 0;

	if (arm64->op_count > (int)registers + 1 && arm64->operands[registers + 1].type == ARM64_OP_IMM)
		after = arm64->operands[registers + 1].imm;
	else if (arm64->writeback)
		before = memory->mem.disp;
	if (before) {
		step_add(instruction, STEP_ADD, base, base, number_operand(before));
		address.number = 0;
	}
	for (unsigned i = 0; i < registers; i++) {
		struct operand operand = arm64_operand(insn, (int)i, 8);

		if (is_load && operand.kind == OPERAND_REGISTER)
			step_add(instruction, STEP_MOVE, operand, address, no_operand);
		else if (!is_load)
			step_add(instruction, is_general ? STEP_MOVE : STEP_OTHER, address, operand, no_operand);
		address.number += width;
	}
	if (after)
		step_add(instruction, STEP_ADD, base, base, number_operand(after));
}

static void arm64_select(const cs_insn *insn, struct instruction *instruction)
{
	struct operand to = arm64_operand(insn, 0, 8), yes = arm64_operand(insn, 1, 8), no = arm64_operand(insn, 2, 8);

	if (no.kind == OPERAND_REGISTER && no.reg == to.reg) {
		step_add(instruction, STEP_MOVE_MAYBE, to, yes, no_operand);
		return;
	}
	step_add(instruction, STEP_MOVE, to, yes, no_operand);
	step_add(instruction, STEP_MOVE_MAYBE, to, no, no_operand);
}

static void arm64_read(const cs_insn *insn, struct instruction *instruction)
{
	const cs_arm64 *arm64 = &insn->detail->arm64;
	struct operand first = arm64_operand(insn, 0, 8), second = arm64_operand(insn, 1, 8), third = arm64_operand(insn, 2, 8);

	switch (insn->id) {
	case ARM64_INS_MOV:
	case ARM64_INS_MOVZ:
	case ARM64_INS_ADRP:
	case ARM64_INS_ADR:
	case ARM64_INS_SXTW:
		move_add(instruction, first, second);
		return;
	case ARM64_INS_MOVN:
		move_add(instruction, first, number_operand(~second.number));
		return;
	case ARM64_INS_MOVK:
		// Fills in bits that were left 0.
		step_add(instruction, STEP_ADD, first, first, second);
		return;
	case ARM64_INS_ADD:
		arm64_sum(insn, STEP_ADD, instruction);
		return;
	case ARM64_INS_SUB:
		arm64_sum(insn, STEP_SUBTRACT, instruction);
		return;
	case ARM64_INS_LSL:
		step_add(instruction, STEP_SHIFT, first, second, third);
		return;
	case ARM64_INS_UBFIZ:
	case ARM64_INS_SBFIZ:
		step_add(instruction, STEP_SHIFT, first, second, third);
		return;
	case ARM64_INS_MUL:
	case ARM64_INS_SMULL:
	case ARM64_INS_UMULL:
		step_add(instruction, STEP_MULTIPLY, first, second, third);
		return;
	case ARM64_INS_MADD:
	case ARM64_INS_UMADDL:
	case ARM64_INS_SMADDL: {
		struct operand sum = arm64_operand(insn, 3, 8);

		if (sum.kind == OPERAND_REGISTER && sum.reg == first.reg) {
			step_add(instruction, STEP_OTHER, first, no_operand, no_operand);
			return;
		}
		step_add(instruction, STEP_MULTIPLY, first, second, third);
		step_add(instruction, STEP_ADD, first, first, sum);
		return;
	}
	case ARM64_INS_AND:
		step_add(instruction, third.kind == OPERAND_NUMBER ? STEP_MASK : STEP_OTHER, first, second, third);
		return;
	case ARM64_INS_LDR:
	case ARM64_INS_LDUR:
	case ARM64_INS_LDRSW:
	case ARM64_INS_LDURSW:
	case ARM64_INS_LDAR:
		arm64_memory(insn, true, 1, instruction);
		return;
	case ARM64_INS_LDP:
		arm64_memory(insn, true, 2, instruction);
		return;
	case ARM64_INS_STR:
	case ARM64_INS_STUR:
	case ARM64_INS_STLR:
		arm64_memory(insn, false, 1, instruction);
		return;
	case ARM64_INS_STP:
		arm64_memory(insn, false, 2, instruction);
		return;
	case ARM64_INS_STRB:
	case ARM64_INS_STRH:
	case ARM64_INS_STURB:
	case ARM64_INS_STURH:
		step_add(instruction, STEP_OTHER, arm64_operand(insn, 1, 1), no_operand, no_operand);
		if (arm64->writeback)
			arm64_other(insn, instruction);
		return;
	case ARM64_INS_CSEL:
		arm64_select(insn, instruction);
		return;
	case ARM64_INS_BL:
	case ARM64_INS_BLR:
		step_add(instruction, STEP_CALL, no_operand, first, no_operand);
		return;
	case ARM64_INS_B:
		step_add(instruction, arm64->cc == ARM64_CC_INVALID || arm64->cc == ARM64_CC_AL ? STEP_JUMP : STEP_BRANCH, no_operand, first, no_operand);
		return;
	case ARM64_INS_BR:
		step_add(instruction, STEP_JUMP, no_operand, first, no_operand);
		return;
	case ARM64_INS_CBZ:
	case ARM64_INS_CBNZ:
		step_add(instruction, STEP_BRANCH, no_operand, second, no_operand);
		return;
	case ARM64_INS_TBZ:
	case ARM64_INS_TBNZ:
		step_add(instruction, STEP_BRANCH, no_operand, third, no_operand);
		return;
	case ARM64_INS_RET:
		step_add(instruction, STEP_RETURN, no_operand, no_operand, no_operand);
		return;
	case ARM64_INS_BRK:
	case ARM64_INS_HLT:
		step_add(instruction, STEP_TRAP, no_operand, no_operand, no_operand);
		return;
	case ARM64_INS_CMP:
	case ARM64_INS_CMN:
	case ARM64_INS_TST:
	case ARM64_INS_CCMP:
	case ARM64_INS_NOP:
	case ARM64_INS_HINT:
	case ARM64_INS_PRFM:
		return;
	default:
		arm64_other(insn, instruction);
	}
}

bool instruction_reader_next(struct instruction_reader *reader, struct instruction *ret)
{
	const cs_insn *insn = reader->insn;

	if (!cs_disasm_iter(reader->capstone, &reader->at, &reader->size, &reader->address, reader->insn))
		return false;
	ret->at = insn->address;
	ret->size = insn->size;
	ret->clobbers = 0;
	ret->n = 0;
	// What was skipped has id 0 and no detail.
	if (insn->id == 0)
		return true;
	if (reader->machine == MACHINE_X86_64)
		x86_read(insn, ret);
	else
		arm64_read(insn, ret);
	return true;
}
