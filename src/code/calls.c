/* SPDX-License-Identifier: MIT */
/*
 * Calls: who is called, with what, and what comes back.
 */
#include "code/flow.h"

#include <dwarf.h>

#include "debug/symbols.h"

static int32_t function_named(struct flow *flow, const char *name)
{
	return reader_import(flow->reader, flow->module_index, name);
}

/* The function at an address of this module. */
static int32_t function_at(struct flow *flow, vaddr entry)
{
	struct code_module *of = &flow->reader->of[flow->module_index];
	int32_t known = keys_find(&flow->reader->function_entries, flow->module_index, entry);
	struct symbol symbol;

	if (known >= 0)
		return known;

	const struct import_slot *import = import_of_stub(flow->module, &of->imports, entry);

	if (import) {
		known = function_named(flow, import->name);
	} else if (symbol_at(flow->reader->modules, flow->module, entry, &symbol) && symbol.value == entry) {
		// libc may be linked in.
		if (!reader_knows(symbol.name))
			return reader_function(flow->reader, flow->module_index, entry, symbol.name);
		known = function_named(flow, symbol.name);
	}
	if (known < 0)
		return reader_function(flow->reader, flow->module_index, entry, NULL);
	// Next time it is found at once.
	return keys_intern(&flow->reader->function_entries, flow->module_index, entry, known);
}

/* The function that a DIE declares. */
static int32_t function_of_die(struct flow *flow, uint64_t die)
{
	const struct function_record *record = function_record_at(flow->declarations, die), *origin;
	const char *name;

	if (!record)
		return CODE_NONE;
	origin = function_record_origin(flow->declarations, record);
	name = record->linkage_name ? record->linkage_name : record->name ? record->name : origin->linkage_name ? origin->linkage_name : origin->name;
	return name ? function_named(flow, name) : CODE_NONE;
}

/* What a call leads to; CODE_NONE when it is not known. */
static int32_t callee_of(struct flow *flow, const struct operand *to, const struct body_call *call)
{
	const struct import_slot *import = NULL;
	struct value address;

	if (to->kind == OPERAND_NUMBER)
		return function_at(flow, (vaddr)to->number);
	if (to->kind == OPERAND_MEMORY) {
		address = operand_address(flow, to);
		if (address.symbol == SYMBOL_CONSTANT)
			import = import_slot_at(&flow->reader->of[flow->module_index].imports, (vaddr)address.number);
		if (import)
			return function_named(flow, import->name);
	}
	if (to->kind == OPERAND_REGISTER && flow->now.registers[to->reg].symbol == SYMBOL_CONSTANT)
		return function_at(flow, (vaddr)flow->now.registers[to->reg].number);
	return call && call->callee ? function_of_die(flow, call->callee) : CODE_NONE;
}

static struct call_argument argument_of(struct flow *flow, struct value value)
{
	const struct symbol_state *symbol = symbol_of(flow, value);
	struct call_argument argument = { .kind = ARGUMENT_UNKNOWN, .k = 1, .c = value.number, .parameter = -1 };

	if (value.symbol == SYMBOL_CONSTANT) {
		argument.kind = ARGUMENT_CONSTANT;
		return argument;
	}
	if (!symbol)
		return argument;
	argument.parameter = symbol->parameter;
	argument.kind = ARGUMENT_SUM;
	switch (symbol->kind) {
	case SYMBOL_EITHER:
		argument.kind = ARGUMENT_EITHER;
		argument.k = symbol->k + value.number;
		argument.c = symbol->c + value.number;
		break;
	case SYMBOL_SCALED:
		argument.kind = ARGUMENT_SCALED;
		argument.k = symbol->k;
		break;
	case SYMBOL_PRODUCT:
		argument.kind = ARGUMENT_PRODUCT;
		argument.k = symbol->k;
		break;
	case SYMBOL_ARGUMENT:
		argument.is_exact = true;
		break;
	case SYMBOL_OPAQUE:
	case SYMBOL_RESULT:
	case SYMBOL_JOIN:
		break;
	}
	return argument;
}

/* Takes the constants that DWARF gives for the arguments. */
static void arguments_by_dwarf(struct flow *flow, const struct body_call *call)
{
	for (uint32_t i = 0; call && i < call->count; i++) {
		const struct body_argument *argument = &flow->body.arguments.v[call->first + i];

		if (argument->reg < REGISTERS_MAX && flow->now.registers[argument->reg].symbol != SYMBOL_CONSTANT)
			flow->now.registers[argument->reg] = value_constant(argument->value);
	}
}

/* Gives the arguments the types of their parameters. */
static void arguments_type(struct flow *flow, int32_t callee)
{
	const struct function_info *info = &flow->reader->infos.v[callee];

	for (unsigned i = 0; i < flow->convention->n_arguments; i++) {
		struct value value = flow->now.registers[flow->convention->arguments[i]];

		if (info->parameters[i] < 0 || !info->pointees[i].is_pointer || value.symbol == SYMBOL_NONE)
			continue;
		value_type(flow, value, info->pointees[i].type, SOURCE_ARGUMENT);
		value_goes(flow, value, info->nodes[i]);
	}
}

/* What the member of a struct that is called returns, and takes. */
static void indirect_type(struct flow *flow, const struct operand *to, struct pointee *result_ret)
{
	struct memory memory;
	const struct type_record *function;
	struct canonical_types *canonical = &flow->reader->canonical;
	unsigned at = 0;

	if (to->kind != OPERAND_MEMORY)
		return;
	memory = memory_at(flow, operand_address(flow, to));
	function = memory.kind == MEMORY_PLACE || memory.kind == MEMORY_GLOBAL ? memory.pointee.function : NULL;
	// The record is of this module when the member's struct is.
	if (!function || function < flow->declarations->types.v || function >= flow->declarations->types.v + flow->declarations->types.n)
		return;
	*result_ret = pointee_of(flow->declarations, canonical, function->target);
	for (uint32_t i = 0; i < function->count && at < flow->convention->n_arguments; i++, at++) {
		uint64_t type = flow->declarations->members.v[function->first + i].type;
		struct pointee pointee = pointee_of(flow->declarations, canonical, type);

		// Only while each one is in one register.
		if (!pointee.is_pointer) {
			const struct type_record *record = type_record_peel(flow->declarations, type);

			if (!record || record->is_float || record->size > 8 || record->tag == DW_TAG_structure_type)
				return;
			continue;
		}
		value_type(flow, flow->now.registers[flow->convention->arguments[at]], pointee.type, SOURCE_ARGUMENT);
	}
}

void registers_clobber(struct flow *flow, uint64_t registers)
{
	for (unsigned i = 0; i < REGISTERS_MAX; i++) {
		if (registers >> i & 1)
			flow->now.registers[i] = value_unknown;
	}
}

void call_read(struct flow *flow, const struct operand *to)
{
	const struct convention *convention = flow->convention;
	const struct body_call *call = body_call_at(&flow->body, flow->next_pc);
	int32_t callee = callee_of(flow, to, call);
	struct call_record record = { .module = flow->module_index, .pc = flow->pc, .function = flow->function, .callee = callee };
	struct pointee result = { .type = CODE_NONE };
	int32_t node = CODE_NONE;
	struct value value, out = value_unknown, same = value_unknown;

	arguments_by_dwarf(flow, call);
	for (unsigned i = 0; i < convention->n_arguments; i++)
		record.arguments[i] = argument_of(flow, register_read(flow, convention->arguments[i]));
	if (callee >= 0) {
		const struct function_info *info = &flow->reader->infos.v[callee];

		arguments_type(flow, callee);
		result = info->result;
		node = info->result_node;
		// What is reallocated stays what it is; what is freed came in as a parameter.
		if (info->known == CODE_REALLOC + 1 && symbol_of(flow, flow->now.registers[convention->arguments[0]]))
			out = flow->now.registers[convention->arguments[0]];
		if (info->returns >= 0)
			same = flow->now.registers[convention->arguments[info->returns]];
		if (info->is_free && record.arguments[0].is_exact && record.arguments[0].parameter >= 0 && record.arguments[0].c == 0)
			flow->reader->infos.v[flow->function].is_free = true;
	} else {
		indirect_type(flow, to, &result);
	}
	// posix_memalign() writes the result to a variable of the caller.
	bool is_out = callee >= 0 && flow->reader->infos.v[callee].result_is_out;
	struct value where = flow->now.registers[convention->arguments[0]];

	value = symbol_from(flow, SYMBOL_RESULT, node, &result, SOURCE_DECLARED);
	if (out.symbol != SYMBOL_NONE && out.number == 0 && symbol_of(flow, value)) {
		const struct symbol_state *old = symbol_of(flow, out);

		for (unsigned i = 0; i < old->n_types; i++)
			value_type(flow, (struct value){ .symbol = value.symbol, .number = -old->types[i].offset }, old->types[i].type,
				   old->types[i].source == SOURCE_DECLARED ? SOURCE_VARIABLE : old->types[i].source);
	}
	registers_clobber(flow, convention->scratch);
	// A callee may write what it has the address of.
	flow->body_sp = flow->now.registers[convention->sp];
	if (symbol_of(flow, value) && flow->reader->calls.n < CALLS_MAX) {
		symbol_of(flow, value)->call = (int32_t)flow->reader->calls.n;
		array_append(&flow->reader->calls, record);
	}
	if (is_out && where.symbol == SYMBOL_CFA) {
		*slot_at(&flow->now, where.number) = (struct slot){ .offset = where.number, .value = value };
		slot_store(flow, where.number, value);
	} else if (same.symbol >= SYMBOLS_FIRST) {
		// It returns what it was given: that is the same thing, whatever it is declared to be.
		value_type(flow, same, result.type, SOURCE_VARIABLE);
		register_write(flow, convention->result, same);
	} else {
		register_write(flow, convention->result, value);
	}
}

void return_read(struct flow *flow)
{
	const struct function_info *info = &flow->reader->infos.v[flow->function];
	struct value value = flow->now.registers[flow->convention->result];

	if (!info->result.is_pointer && info->record)
		return;
	if (value.symbol == SYMBOL_NONE || value.symbol == SYMBOL_CFA)
		return;
	value_type(flow, value, info->result.type, SOURCE_RETURN);
	value_goes(flow, value, info->result_node);
	if (symbol_of(flow, value))
		array_append(&flow->returned, (struct returned){ .value = value });
}
