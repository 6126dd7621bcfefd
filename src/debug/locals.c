/* SPDX-License-Identifier: MIT */
/*
 * What DWARF says about a pc is the same for all frames with that pc, so it is read once and kept: for each variable a register, an offset, or both. Frames then
 * only add.
 */
#include "debug/locals.h"

#include <dwarf.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "debug/die_names.h"
#include "debug/functions.h"
#include "debug/members.h"
#include "target/cfi.h"

enum {
	/** A power of two. */
	HEADS = 256,
	/** Variables of one function, pieces counted. */
	LOCALS_MAX = 1 << 12,
	/** Of one variable. */
	PIECES_MAX = 16,
	/** Entries of all location lists of one function. */
	STEPS_MAX = 1 << 16,
};

struct kept_locals {
	struct kept_locals *next;
	struct locals locals;
};

struct local_table {
	struct kept_locals *heads[HEADS];
};

static void locals_deinit(struct locals *locals)
{
	for (size_t i = 0; i < locals->v.n; i++) {
		free(locals->v.v[i].name);
		free(locals->v.v[i].function);
		free(locals->v.v[i].source);
	}
	array_deinit(&locals->v);
}

void local_table_destroy(struct local_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < HEADS; i++) {
		while (table->heads[i]) {
			struct kept_locals *next = table->heads[i]->next;

			locals_deinit(&table->heads[i]->locals);
			free(table->heads[i]);
			table->heads[i] = next;
		}
	}
	free(table);
}

/* ---- places ---- */

/* Where something is, before it is known what. */
struct place {
	bool is_known;
	enum local_base base;
	unsigned reg;
	int64_t offset;
	bool needs_frame_pointer;
};

/* What an expression may refer to. */
struct surroundings {
	/** What DW_OP_fbreg counts from. */
	struct place frame_base;
	/** Entries of location lists that were looked at. */
	size_t steps;
};

/* Reads the first operation of a place; false when it is none. */
static bool place_begin(const Dwarf_Op *op, const struct surroundings *around, struct place *ret)
{
	*ret = (struct place){ .is_known = true };
	if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31) {
		ret->base = LOCAL_AT_REGISTER;
		ret->reg = op->atom - DW_OP_breg0;
		ret->offset = (int64_t)op->number;
		return true;
	}
	if (op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31) {
		ret->base = LOCAL_IN_REGISTER;
		ret->reg = op->atom - DW_OP_reg0;
		return true;
	}
	switch (op->atom) {
	case DW_OP_bregx:
		ret->base = LOCAL_AT_REGISTER;
		ret->reg = (unsigned)op->number;
		ret->offset = (int64_t)op->number2;
		return op->number < THREAD_REGISTERS_MAX;
	case DW_OP_regx:
		ret->base = LOCAL_IN_REGISTER;
		ret->reg = (unsigned)op->number;
		return op->number < THREAD_REGISTERS_MAX;
	case DW_OP_call_frame_cfa:
		ret->base = LOCAL_AT_CFA;
		return true;
	case DW_OP_fbreg:
		if (!around || !around->frame_base.is_known)
			return false;
		*ret = around->frame_base;
		return !__builtin_add_overflow(ret->offset, (int64_t)op->number, &ret->offset);
	default:
		return false;
	}
}

/* The number that an operation pushes; false for any other one. */
static bool constant_of(const Dwarf_Op *op, int64_t *ret)
{
	if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31) {
		*ret = op->atom - DW_OP_lit0;
		return true;
	}
	switch (op->atom) {
	case DW_OP_const1u:
	case DW_OP_const1s:
	case DW_OP_const2u:
	case DW_OP_const2s:
	case DW_OP_const4u:
	case DW_OP_const4s:
	case DW_OP_const8u:
	case DW_OP_const8s:
	case DW_OP_constu:
	case DW_OP_consts:
		*ret = (int64_t)op->number;
		return true;
	default:
		return false;
	}
}

/* Reads one place from an expression, up to its end or to DW_OP_piece: how many operations; 0 when it is not a place that can be told without the
   memory of the target. */
static size_t place_read(const Dwarf_Op *ops, size_t n, const struct surroundings *around, struct place *ret)
{
	size_t i = 1;
	struct place place;
	int64_t value;

	if (n == 0 || !place_begin(&ops[0], around, &place))
		return 0;
	while (i < n && ops[i].atom != DW_OP_piece) {
		if (place.base == LOCAL_IN_REGISTER)
			return 0;
		if (ops[i].atom == DW_OP_plus_uconst) {
			if (__builtin_add_overflow(place.offset, (int64_t)ops[i].number, &place.offset))
				return 0;
			i++;
		} else if (i + 1 < n && constant_of(&ops[i], &value) && (ops[i + 1].atom == DW_OP_plus || ops[i + 1].atom == DW_OP_minus)) {
			if (ops[i + 1].atom == DW_OP_plus ? __builtin_add_overflow(place.offset, value, &place.offset) :
							    __builtin_sub_overflow(place.offset, value, &place.offset))
				return 0;
			i += 2;
		} else {
			return 0;
		}
	}
	*ret = place;
	return i;
}

/* The location that is in force at a pc, as libdw takes it apart; 0 operations when there is none. `steps` counts entries of location lists. */
static size_t expression_at(Dwarf_Die *die, unsigned name, vaddr pc, size_t *steps, Dwarf_Op **ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;
	size_t n;

	if (!dwarf_attr(die, name, &attribute))
		return 0;
	for (; *steps < STEPS_MAX && (at = dwarf_getlocations(&attribute, at, &base, &start, &end, ret, &n)) > 0; ++*steps) {
		if (start <= pc && pc < end)
			return n;
	}
	return 0;
}

/* What DW_OP_fbreg counts from in a function. */
static struct place frame_base_read(Dwarf_Die *function, vaddr pc, size_t *steps)
{
	struct place place = { .is_known = false };
	Dwarf_Op *ops;
	size_t n = expression_at(function, DW_AT_frame_base, pc, steps, &ops);

	if (n == 0 || place_read(ops, n, NULL, &place) != n)
		return (struct place){ .is_known = false };
	if (place.base == LOCAL_IN_REGISTER) {
		// A register that names a frame base stands for its value.
		place.base = LOCAL_AT_REGISTER;
		place.needs_frame_pointer = true;
	}
	return place;
}

/* ---- variables ---- */

static void local_add(struct locals *locals, const struct local *model, const struct place *place, uint64_t piece_offset, uint64_t size)
{
	struct local local = *model;

	if (locals->v.n >= LOCALS_MAX || size == 0)
		return;
	local.name = xstrdup(model->name);
	local.function = model->function ? xstrdup(model->function) : NULL;
	local.source = model->source ? xstrdup(model->source) : NULL;
	local.base = place->base;
	local.reg = place->reg;
	local.offset = place->offset;
	local.needs_frame_pointer = place->needs_frame_pointer;
	local.piece_offset = piece_offset;
	local.size = size;
	array_append(&locals->v, local);
}

/* Adds a variable with all of its pieces. */
static void pieces_add(struct locals *locals, const struct local *model, const Dwarf_Op *ops, size_t n, const struct surroundings *around, uint64_t size)
{
	uint64_t offset = 0;
	struct place place;
	size_t used = place_read(ops, n, around, &place);

	if (used == n) {
		local_add(locals, model, &place, 0, size);
		return;
	}
	for (size_t i = 0, pieces = 0; i < n && pieces < PIECES_MAX; pieces++) {
		// One without a place was optimised away. A place that cannot be told has an unknown number of operations.
		bool is_absent = ops[i].atom == DW_OP_piece;

		used = is_absent ? 0 : place_read(ops + i, n - i, around, &place);
		if (!is_absent && used == 0) {
			while (i + used < n && ops[i + used].atom != DW_OP_piece)
				used++;
			is_absent = true;
		}
		if (i + used >= n)
			return;

		uint64_t piece = ops[i + used].number;

		if (piece > size - offset)
			return;
		if (!is_absent)
			local_add(locals, model, &place, offset, piece);
		offset += piece;
		i += used + 1;
	}
}

/* Adds what a DIE of a variable or parameter says. */
static void local_read(struct dwarf_file *file, Dwarf_Die *die, const struct local *model_in, vaddr pc, struct surroundings *around, struct locals *locals)
{
	struct local model = *model_in;
	uint64_t size, count;
	Dwarf_Die type;
	Dwarf_Op *ops;
	size_t n = expression_at(die, DW_AT_location, pc, &around->steps, &ops);
	const char *name = n ? die_name(file, die) : NULL;

	if (!name || !die_type(die, &type) || !type_size(file, &type, &size, &count))
		return;

	size_t before = locals->v.n;
	char *copy = xstrdup(name);

	model.name = copy;
	model.die = dwarf_dieoffset(die);
	pieces_add(locals, &model, ops, n, around, size);
	free(copy);
	if (locals->v.n > before)
		locals->v.v[before].source = die_source(file, die);
}

/* The name of the inlined function that a DIE is of. Owner: the caller; NULL when it has none. */
static char *inlined_name(struct dwarf_file *file, uint64_t offset)
{
	Dwarf_Die die;

	return die_at(file, offset, &die) ? die_qualified_name(file, &die) : NULL;
}

/* Reads the variables in force at a pc that are in a given number of inlined functions. */
static void level_read(struct dwarf_file *file, const function_die_array *dies, unsigned level, struct surroundings *around, struct locals *locals)
{
	struct local model = { .inlined = level };

	for (size_t i = 0; i < dies->n; i++) {
		const struct function_die *one = &dies->v[i];
		Dwarf_Die die;

		if (one->inlined != level)
			continue;
		if (one->tag == DW_TAG_inlined_subroutine) {
			free(model.function);
			model.function = inlined_name(file, one->offset);
		} else if ((one->tag == DW_TAG_variable || one->tag == DW_TAG_formal_parameter) && die_at(file, one->offset, &die)) {
			local_read(file, &die, &model, locals->pc, around, locals);
		}
	}
	free(model.function);
}

static void locals_read(struct modules *modules, struct module *module, struct locals *locals)
{
	struct dwarf_file *file = module->dwarf;
	function_die_array dies;
	unsigned deepest = 0;
	Dwarf_Die function;

	function_dies(modules, module, locals->pc, &dies);
	if (dies.n && die_at(file, dies.v[0].offset, &function)) {
		struct surroundings around = { .steps = 0 };

		around.frame_base = frame_base_read(&function, locals->pc, &around.steps);

		for (size_t i = 0; i < dies.n; i++)
			deepest = dies.v[i].inlined > deepest ? dies.v[i].inlined : deepest;
		for (unsigned level = 0; level <= deepest; level++)
			level_read(file, &dies, level, &around, locals);
	}
	array_deinit(&dies);
}

const struct locals *locals_at(struct modules *modules, struct module *module, vaddr pc)
{
	struct dwarf_file *file = module_dwarf(modules, module);

	if (!file)
		return NULL;
	if (!file->locals)
		file->locals = xcalloc(1, sizeof(*file->locals));

	struct kept_locals **head = &file->locals->heads[(pc ^ pc >> 8) % HEADS], *kept;

	for (kept = *head; kept; kept = kept->next) {
		if (kept->locals.pc == pc)
			return kept->locals.v.n ? &kept->locals : NULL;
	}
	kept = xcalloc(1, sizeof(*kept));
	kept->locals.pc = pc;
	kept->next = *head;
	*head = kept;
	locals_read(modules, module, &kept->locals);
	return kept->locals.v.n ? &kept->locals : NULL;
}

bool local_type(struct modules *modules, struct module *module, const struct local *local, uint64_t *die_ret, bool *is_shared_ret)
{
	const struct dwarf_file *file = module_dwarf(modules, module);
	Dwarf_Die die, type;

	return file && die_at(file, local->die, &die) && die_type(&die, &type) && die_place(file, &type, die_ret, is_shared_ret);
}

char *local_member(struct modules *modules, struct module *module, const struct local *local, uint64_t offset)
{
	struct dwarf_file *file = module_dwarf(modules, module);
	Dwarf_Die die, type;

	return file && die_at(file, local->die, &die) && die_type(&die, &type) ? member_path(file, &type, offset) : NULL;
}

/* ---- frames ---- */

struct local_frame local_frame_of(const frame_array *frames, size_t index, enum machine machine)
{
	// The CFA is what the stack pointer was before the call, and is again after it. Of what a signal interrupted nothing is known.
	bool has_caller = index + 1 < frames->n && !frames->v[index + 1].interrupted;

	return (struct local_frame){ .machine = machine,
				     .frame = &frames->v[index],
				     .cfa = has_caller ? frames->v[index + 1].sp : VADDR_NONE };
}

vaddr local_frame_pc(const frame_array *frames, size_t index)
{
	const struct frame *frame = &frames->v[index];

	return frame->pc - (index > 0 && !frame->interrupted ? 1 : 0);
}

bool local_register(const struct local_frame *frame, unsigned reg, uint64_t *ret)
{
	if (reg == register_sp(frame->machine)) {
		*ret = frame->frame->sp;
		return true;
	}
	if (reg >= THREAD_REGISTERS_MAX || !(frame->frame->known >> reg & 1))
		return false;
	*ret = frame->frame->registers[reg];
	return true;
}

bool local_address(const struct local *local, const struct local_frame *frame, vaddr *ret)
{
	uint64_t value = frame->cfa;

	switch (local->base) {
	case LOCAL_AT_CFA:
		if (frame->cfa == VADDR_NONE)
			return false;
		break;
	case LOCAL_AT_REGISTER:
		if (!local_register(frame, local->reg, &value))
			return false;
		// Before the function has set its frame pointer up, that is still the caller's.
		if (local->needs_frame_pointer && local->reg == register_fp(frame->machine) && frame->machine == MACHINE_X86_64 &&
		    frame->cfa != VADDR_NONE && value + 16 != frame->cfa)
			return false;
		break;
	case LOCAL_IN_REGISTER:
		return false;
	}
	*ret = value + (uint64_t)local->offset;
	return true;
}

const struct local *local_covering(const struct locals *locals, const struct local_frame *frame, vaddr address, uint64_t *offset_ret)
{
	for (size_t i = 0; i < locals->v.n; i++) {
		const struct local *local = &locals->v.v[i];
		vaddr start;

		if (!local_address(local, frame, &start) || address - start >= local->size)
			continue;
		*offset_ret = address - start + local->piece_offset;
		return local;
	}
	return NULL;
}

const struct local *local_in_register(const struct locals *locals, unsigned reg)
{
	for (size_t i = 0; i < locals->v.n; i++) {
		if (locals->v.v[i].base == LOCAL_IN_REGISTER && locals->v.v[i].reg == reg)
			return &locals->v.v[i];
	}
	return NULL;
}
