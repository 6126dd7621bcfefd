/* SPDX-License-Identifier: MIT */
/*
 * x86-64: an operand relative to rip names an address by itself. aarch64: `adrp` puts a page into a register and a later `add`,
 * `ldr` or `str` adds the rest, so the pages that registers hold are followed along the instructions as they stand,
 * forgotten where something else is written to the register or a call may have done so.
 *
 * Capstone stops at the first instruction it does not know (with AVX-512 that is 40 % into libc's code) unless
 * CS_OPT_SKIPDATA is set.
 */
#include "debug/disasm.h"

#include <capstone.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"

enum {
	REFERENCES_MAX = 4096,
	/** Code of one call. Units: bytes. */
	CODE_MAX = 16 << 20,
	/** General registers of aarch64 that can hold a page: x0 to x30. */
	PAGES = 31,
};

struct reader {
	csh capstone;
	enum machine machine;
	/** aarch64: whether a register holds a page, and which. */
	bool has_page[PAGES];
	vaddr page[PAGES];
	disasm_reference_array *references;
};

static void reader_add(struct reader *reader, const cs_insn *insn, vaddr to, bool is_address, bool is_load)
{
	array_append(reader->references, (struct disasm_reference){
						 .at = insn->address, .to = to, .is_address = is_address, .is_load = is_load});
}

static void x86_read(struct reader *reader, const cs_insn *insn)
{
	const cs_x86 *x86 = &insn->detail->x86;

	for (int i = 0; i < x86->op_count; i++) {
		const cs_x86_op *operand = &x86->operands[i];

		if (operand->type != X86_OP_MEM || operand->mem.base != X86_REG_RIP)
			continue;
		bool is_load = insn->id == X86_INS_MOV && i == 1 && x86->operands[0].type == X86_OP_REG && operand->size == 8;
		// A multi-byte nop may have such an operand too, and refers to nothing.
		if (insn->id != X86_INS_NOP)
			reader_add(reader, insn, insn->address + insn->size + (uint64_t)operand->mem.disp,
				   insn->id == X86_INS_LEA, is_load);
	}
}

/* The number of a 64-bit general register; -1 for any other. */
static int arm64_register(unsigned reg)
{
	if (reg >= ARM64_REG_X0 && reg <= ARM64_REG_X28)
		return (int)(reg - ARM64_REG_X0);
	if (reg == ARM64_REG_X29)
		return 29;
	if (reg == ARM64_REG_X30)
		return 30;
	return -1;
}

static void arm64_forget(struct reader *reader, unsigned reg)
{
	int n = arm64_register(reg);

	// Writing the low half clears the rest.
	if (n < 0 && reg >= ARM64_REG_W0 && reg <= ARM64_REG_W30)
		n = (int)(reg - ARM64_REG_W0);
	if (n >= 0)
		reader->has_page[n] = false;
}

static bool arm64_page(const struct reader *reader, unsigned reg, vaddr *ret)
{
	int n = arm64_register(reg);

	if (n < 0 || !reader->has_page[n])
		return false;
	*ret = reader->page[n];
	return true;
}

static void arm64_read(struct reader *reader, const cs_insn *insn)
{
	const cs_arm64 *arm64 = &insn->detail->arm64;
	const cs_arm64_op *operands = arm64->operands;
	vaddr page;

	if (insn->id == ARM64_INS_ADRP && arm64->op_count == 2 && arm64_register(operands[0].reg) >= 0) {
		int n = arm64_register(operands[0].reg);

		reader->has_page[n] = true;
		reader->page[n] = (vaddr)operands[1].imm;
		return;
	}
	if (insn->id == ARM64_INS_ADR && arm64->op_count == 2)
		reader_add(reader, insn, (vaddr)operands[1].imm, true, false);
	if (insn->id == ARM64_INS_ADD && arm64->op_count == 3 && operands[2].type == ARM64_OP_IMM &&
	    operands[2].shift.type == ARM64_SFT_INVALID && arm64_page(reader, operands[1].reg, &page))
		reader_add(reader, insn, page + (vaddr)operands[2].imm, true, false);
	for (int i = 0; i < arm64->op_count; i++) {
		if (operands[i].type == ARM64_OP_MEM && operands[i].mem.index == ARM64_REG_INVALID &&
		    arm64_page(reader, operands[i].mem.base, &page))
			reader_add(reader, insn, page + (vaddr)(int64_t)operands[i].mem.disp, false,
				   insn->id == ARM64_INS_LDR && i == 1 && arm64_register(operands[0].reg) >= 0);
	}
	if (insn->id == ARM64_INS_LDR && arm64->op_count == 2 && operands[1].type == ARM64_OP_IMM)
		reader_add(reader, insn, (vaddr)operands[1].imm, false, arm64_register(operands[0].reg) >= 0);

	// A callee may write x0 to x18 and x30.
	if (insn->id == ARM64_INS_BL || insn->id == ARM64_INS_BLR) {
		memset(reader->has_page, 0, 19 * sizeof(reader->has_page[0]));
		reader->has_page[30] = false;
		return;
	}
	for (int i = 0; i < arm64->op_count; i++) {
		if (operands[i].type == ARM64_OP_REG && (operands[i].access & CS_AC_WRITE))
			arm64_forget(reader, operands[i].reg);
		if (operands[i].type == ARM64_OP_MEM && arm64->writeback)
			arm64_forget(reader, operands[i].mem.base);
	}
}

static bool capstone_open(enum machine machine, csh *ret)
{
	csh capstone;
	cs_err error = machine == MACHINE_X86_64 ? cs_open(CS_ARCH_X86, CS_MODE_64, &capstone)
						 : cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &capstone);

	if (error != CS_ERR_OK)
		return false;
	cs_option(capstone, CS_OPT_DETAIL, CS_OPT_ON);
	cs_option(capstone, CS_OPT_SKIPDATA, CS_OPT_ON);
	*ret = capstone;
	return true;
}

void disasm_bytes(enum machine machine, const void *bytes, size_t size, vaddr start, disasm_reference_array *ret)
{
	struct reader reader = {.machine = machine, .references = ret};
	const uint8_t *at = bytes;
	uint64_t address = start;

	*ret = (disasm_reference_array){0};
	if (!capstone_open(machine, &reader.capstone))
		return;
	cs_insn *insn = cs_malloc(reader.capstone);
	while (insn && ret->n < REFERENCES_MAX && cs_disasm_iter(reader.capstone, &at, &size, &address, insn)) {
		// What was skipped has id 0 and no detail.
		if (insn->id == 0)
			continue;
		if (machine == MACHINE_X86_64)
			x86_read(&reader, insn);
		else
			arm64_read(&reader, insn);
	}
	if (insn)
		cs_free(insn, 1);
	cs_close(&reader.capstone);
}

void disasm_references(const struct module *module, vaddr start, uint64_t size, disasm_reference_array *ret)
{
	*ret = (disasm_reference_array){0};
	if (size == 0 || size > CODE_MAX)
		return;
	_cleanup_free_ uint8_t *code = xmalloc(size);
	if (module_get(module, start, code, size))
		disasm_bytes(module->machine, code, size, start, ret);
}
