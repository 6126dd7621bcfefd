/* SPDX-License-Identifier: MIT */
/*
 * Each of the first functions of a vtable is followed from its entry, straight on: which registers and words of the stack hold `this`, and which a constant. Where `this` and a
 * constant are the arguments of a call of the sized operator delete, that is the size. What is behind a branch is read too, as if it was not taken.
 */
#include "types/class_sizes.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "debug/instructions.h"
#include "debug/modules.h"
#include "debug/relocations.h"
#include "debug/symbols.h"
#include "target/image.h"
#include "types/vtables.h"

enum {
	WORD = 8,
	/** Functions of a vtable that are looked at. */
	FUNCTIONS_MAX = 8,
	/** Of one function. Units: instructions, bytes. */
	INSTRUCTIONS_MAX = 96,
	CODE_MAX = 512,
	/** Words of the stack where `this` may be kept. */
	SPILLS_MAX = 4,
	SIZE_MAX_OF_CLASS = 1 << 24,
};

enum value_kind { OTHER, THIS, NUMBER };

struct value {
	enum value_kind kind;
	int64_t number;
};

struct sizer {
	struct modules *modules;
	const struct image *image;
	struct instruction_reader *reader;
	const struct convention *convention;
	/** By module; made when first needed. */
	import_slot_array *imports;
	bool *has_imports;
};

struct state {
	struct value registers[REGISTERS_MAX];
	/** Words of the stack that hold `this`, by their base register and offset. */
	struct {
		uint8_t reg;
		int64_t offset;
	} spills[SPILLS_MAX];
	size_t n_spills;
};

static bool is_spill(const struct state *state, const struct operand *operand)
{
	for (size_t i = 0; i < state->n_spills; i++) {
		if (state->spills[i].reg == operand->reg && state->spills[i].offset == operand->number && operand->index == REGISTER_NONE)
			return true;
	}
	return false;
}

static struct value value_of(const struct state *state, const struct operand *operand)
{
	switch (operand->kind) {
	case OPERAND_REGISTER:
		return operand->reg < REGISTERS_MAX ? state->registers[operand->reg] : (struct value){OTHER, 0};
	case OPERAND_NUMBER:
		return (struct value){NUMBER, operand->number};
	case OPERAND_MEMORY:
		return (struct value){is_spill(state, operand) ? THIS : OTHER, 0};
	case OPERAND_NONE:
	case OPERAND_THREAD_LOCAL:
		break;
	}
	return (struct value){OTHER, 0};
}

static void value_set(struct state *state, const struct sizer *sizer, const struct operand *to, struct value value)
{
	if (to->kind == OPERAND_REGISTER && to->reg < REGISTERS_MAX)
		state->registers[to->reg] = value;
	else if (to->kind == OPERAND_MEMORY && value.kind == THIS && (to->reg == sizer->convention->sp || to->reg == sizer->convention->fp) &&
		 to->index == REGISTER_NONE && !is_spill(state, to) && state->n_spills < SPILLS_MAX) {
		state->spills[state->n_spills].reg = to->reg;
		state->spills[state->n_spills++].offset = to->number;
	}
}

/* Whether a call leads to the sized operator delete. */
static bool is_delete(struct sizer *sizer, struct module *module, const struct operand *callee)
{
	static const char name[] = "_ZdlPvm";
	size_t index = (size_t)(module - sizer->modules->v.v);
	const struct import_slot *import = NULL;
	struct symbol symbol;

	if (!sizer->has_imports[index]) {
		relocations_imports(module, &sizer->imports[index]);
		sizer->has_imports[index] = true;
	}
	if (callee->kind == OPERAND_MEMORY && callee->reg == REGISTER_NONE && callee->index == REGISTER_NONE)
		import = import_slot_at(&sizer->imports[index], (vaddr)callee->number);
	else if (callee->kind == OPERAND_NUMBER)
		import = import_of_stub(module, &sizer->imports[index], (vaddr)callee->number);
	if (import)
		return strcmp(import->name, name) == 0;
	// In a static program it is a function like others.
	return callee->kind == OPERAND_NUMBER && symbol_at(sizer->modules, module, (vaddr)callee->number, &symbol) &&
	       symbol.value == (vaddr)callee->number && strcmp(symbol.name, name) == 0;
}

/* Takes one step; true when it is the call that is sought, with the size in *ret. */
static bool step_take(struct sizer *sizer, struct module *module, struct state *state, const struct step *step, uint64_t *ret)
{
	const struct convention *convention = sizer->convention;

	switch (step->kind) {
	case STEP_MOVE:
		value_set(state, sizer, &step->to, value_of(state, &step->from));
		return false;
	case STEP_CALL:
	case STEP_JUMP: {
		struct value object = state->registers[convention->arguments[0]], size = state->registers[convention->arguments[1]];

		if (object.kind == THIS && size.kind == NUMBER && size.number >= WORD && size.number < SIZE_MAX_OF_CLASS && is_delete(sizer, module, &step->from)) {
			*ret = (uint64_t)size.number;
			return true;
		}
		for (unsigned i = 0; step->kind == STEP_CALL && i < REGISTERS_MAX; i++) {
			if (convention->scratch >> i & 1)
				state->registers[i].kind = OTHER;
		}
		return false;
	}
	case STEP_MOVE_MAYBE:
	case STEP_ADDRESS:
	case STEP_ADD:
	case STEP_SUBTRACT:
	case STEP_MULTIPLY:
	case STEP_SHIFT:
	case STEP_MASK:
	case STEP_OTHER:
		value_set(state, sizer, &step->to, (struct value){OTHER, 0});
		return false;
	case STEP_BRANCH:
	case STEP_RETURN:
	case STEP_TRAP:
		break;
	}
	return false;
}

/* The size that a function deletes its object with; 0 when it does not. */
static uint64_t function_size(struct sizer *sizer, vaddr address)
{
	struct module *module = modules_find(sizer->modules, address);
	uint8_t code[CODE_MAX];
	struct state state = {.n_spills = 0};
	struct instruction instruction;
	size_t length = CODE_MAX;
	uint64_t size;

	if (!module || !module->type)
		return 0;
	while (length >= WORD && !module_get(module, address - module->bias, code, length))
		length /= 2;
	if (length < WORD)
		return 0;
	state.registers[sizer->convention->arguments[0]].kind = THIS;
	instruction_reader_begin(sizer->reader, code, length, address - module->bias);
	for (int i = 0; i < INSTRUCTIONS_MAX && instruction_reader_next(sizer->reader, &instruction); i++) {
		for (unsigned j = 0; j < instruction.n; j++) {
			if (step_take(sizer, module, &state, &instruction.steps[j], &size))
				return size;
			// What is behind it is another function, or the rest of this one: its registers are not known.
			if (instruction.steps[j].kind == STEP_RETURN || instruction.steps[j].kind == STEP_JUMP || instruction.steps[j].kind == STEP_TRAP)
				return 0;
		}
		for (unsigned j = 0; j < REGISTERS_MAX; j++) {
			if (instruction.clobbers >> j & 1)
				state.registers[j].kind = OTHER;
		}
	}
	return 0;
}

uint64_t *class_sizes_find(struct modules *modules, const struct image *image, const struct vtables *vtables, const bool *wanted)
{
	struct sizer sizer = {.modules = modules, .image = image, .convention = convention_of(modules->target->machine)};
	uint64_t *sizes = xcalloc(vtables->classes.n + 1, sizeof(*sizes));

	sizer.reader = instruction_reader_create(modules->target->machine);
	sizer.imports = xcalloc(modules->v.n + 1, sizeof(*sizer.imports));
	sizer.has_imports = xcalloc(modules->v.n + 1, sizeof(*sizer.has_imports));
	for (size_t i = 0; sizer.reader && i < vtables->v.n; i++) {
		const struct vtable *vtable = &vtables->v.v[i];

		if (vtable->offset || !wanted[vtable->class])
			continue;
		for (uint64_t j = 0; j < FUNCTIONS_MAX && !sizes[vtable->class]; j++) {
			uint64_t function;

			// The next vtable begins with what is no code.
			if (!image_get_word(image, vtable->address_point + j * WORD, &function) || !modules_find(modules, function))
				break;
			sizes[vtable->class] = function_size(&sizer, function);
		}
	}
	for (size_t i = 0; i < modules->v.n; i++)
		array_deinit(&sizer.imports[i]);
	free(sizer.imports);
	free(sizer.has_imports);
	instruction_reader_destroy(sizer.reader);
	return sizes;
}
