/* SPDX-License-Identifier: MIT */
/*
 * Loads and stores: members of what a pointer points to, variables of the module, slots of the frame.
 */
#include "code/flow.h"

#include <dwarf.h>

struct value operand_address(struct flow *flow, const struct operand *operand)
{
	struct value base = operand->reg == REGISTER_NONE ? value_constant(0) : register_read(flow, operand->reg);

	if (operand->index != REGISTER_NONE && operand->index == operand->reg) {
		base = value_scale(flow, base, (int64_t)operand->scale + 1);
	} else if (operand->index != REGISTER_NONE) {
		struct value index = register_read(flow, operand->index);

		if (operand->scale > 1 || index.symbol != SYMBOL_CONSTANT)
			index = value_scale(flow, index, operand->scale);
		base = value_add(flow, base, index);
	}
	return value_add(flow, base, value_constant(operand->number));
}

/* A member of a type, or an element that a pointer points to. */
static bool memory_in_type(struct flow *flow, int32_t type, int64_t offset, struct memory *ret)
{
	struct canonical_types *canonical = &flow->reader->canonical;
	const struct code_type *one = &flow->reader->facts->types.v[type];
	struct place_in_type place;

	if (offset < 0 || offset > REACH_MAX)
		return false;
	if (one->tag == DW_TAG_pointer_type || one->tag == DW_TAG_reference_type || one->tag == DW_TAG_rvalue_reference_type) {
		const struct declarations *declarations = canonical->v.v[type].declarations;

		if (offset % 8)
			return false;
		*ret = (struct memory){ .kind = MEMORY_PLACE, .node = CODE_NONE, .pointee = pointee_of(declarations, canonical, one->die) };
		return true;
	}
	// Elements of an array behind the first one are as the first one.
	if (one->size && (uint64_t)offset >= one->size) {
		struct memory last;

		if (place_in_type(canonical, type, (uint64_t)offset, &place)) {
			*ret = (struct memory){ .kind = MEMORY_PLACE, .node = node_member(flow, &place), .pointee = place.pointee };
			return true;
		}
		last = (struct memory){ .kind = MEMORY_UNKNOWN, .node = CODE_NONE };
		*ret = last;
		return false;
	}
	if (!place_in_type(canonical, type, (uint64_t)offset, &place))
		return false;
	*ret = (struct memory){ .kind = MEMORY_PLACE, .node = node_member(flow, &place), .pointee = place.pointee };
	return true;
}

/* The variable at a file address. */
static bool memory_global(struct flow *flow, vaddr address, struct memory *ret)
{
	struct canonical_types *canonical = &flow->reader->canonical;
	uint64_t offset;
	const struct global_record *global = global_at(flow->declarations, address, &offset);
	const struct type_record *type;
	struct pointee pointee;

	if (!global)
		return false;
	type = type_record_peel(flow->declarations, global->type);
	for (int i = 0; i < 8 && type && type->tag == DW_TAG_array_type; i++)
		type = type_record_peel(flow->declarations, type->target);
	if (!type)
		return false;
	if (type->tag == DW_TAG_structure_type || type->tag == DW_TAG_class_type || type->tag == DW_TAG_union_type) {
		int32_t aggregate = type_canonical(flow->declarations, canonical, type->die);

		return aggregate >= 0 && type->size && memory_in_type(flow, aggregate, (int64_t)(offset % type->size), ret);
	}
	pointee = pointee_of(flow->declarations, canonical, type->die);
	*ret = (struct memory){ .kind = MEMORY_GLOBAL, .node = CODE_NONE, .pointee = pointee };
	if (pointee.is_pointer && !pointee.function && offset % 8 == 0)
		ret->node = reader_node(flow->reader, &(struct code_node){ .kind = CODE_NODE_GLOBAL,
									   .type = CODE_NONE,
									   .function = CODE_NONE,
									   .module = flow->module_index,
									   .die = global->die,
									   .declared = pointee.type,
									   .is_generic = pointee.is_generic });
	return true;
}

struct memory memory_at(struct flow *flow, struct value address)
{
	struct memory memory = { .kind = MEMORY_UNKNOWN, .node = CODE_NONE, .pointee = { .type = CODE_NONE } };
	const struct symbol_state *symbol = symbol_of(flow, address);

	if (address.symbol == SYMBOL_CFA) {
		memory.kind = MEMORY_SLOT;
		memory.offset = address.number;
		return memory;
	}
	if (address.symbol == SYMBOL_CONSTANT) {
		memory_global(flow, (vaddr)address.number, &memory);
		return memory;
	}
	// An element of an array of the module.
	if (symbol && symbol->n_types == 0 && address.number >= 4096 && memory_global(flow, (vaddr)address.number, &memory))
		return memory;
	// What was found out last is the most specific.
	for (unsigned i = symbol ? symbol->n_types : 0; i-- > 0;) {
		if (memory_in_type(flow, symbol->types[i].type, symbol->types[i].offset + address.number, &memory))
			return memory;
	}
	return memory;
}

/* What is read from a slot that nothing is known of: what the variable there says. */
static struct value slot_by_dwarf(struct flow *flow, int64_t offset)
{
	uint64_t into;
	const struct body_variable *variable = slot_variable(flow, offset, &into);
	struct memory memory;

	if (!variable)
		return value_unknown;
	if (variable->pointee.is_pointer)
		return into == 0 ? symbol_of_variable(flow, variable) : value_unknown;
	if (variable->aggregate >= 0 && memory_in_type(flow, variable->aggregate, (int64_t)into, &memory) && memory.pointee.is_pointer)
		return symbol_from(flow, SYMBOL_OPAQUE, memory.node, &memory.pointee, SOURCE_DECLARED);
	return value_unknown;
}

static struct value memory_load(struct flow *flow, const struct operand *operand)
{
	struct value address = operand_address(flow, operand);
	struct memory memory;

	if (operand->size == 4 && address.symbol == SYMBOL_CFA && slot_at(&flow->now, address.number)->offset == address.number)
		return slot_at(&flow->now, address.number)->value;
	if (operand->size != 8)
		return value_unknown;
	memory = memory_at(flow, address);
	if (memory.kind == MEMORY_SLOT) {
		struct slot *slot = slot_at(&flow->now, memory.offset);

		if (slot->offset != memory.offset || slot->value.symbol == SYMBOL_NONE) {
			slot->offset = memory.offset;
			slot->value = slot_by_dwarf(flow, memory.offset);
		}
		return slot->value;
	}
	if (memory.kind == MEMORY_UNKNOWN && address.symbol == SYMBOL_CONSTANT) {
		// A slot that holds the address of a variable.
		const struct import_slot *import = import_slot_at(&flow->reader->of[flow->module_index].imports, (vaddr)address.number);

		if (import && import->value)
			return value_constant((int64_t)import->value);
	}
	if (memory.kind == MEMORY_UNKNOWN || !memory.pointee.is_pointer)
		return value_unknown;

	const struct body_variable *alias = flow->n_active_memory ? alias_at(flow, address) : NULL;
	struct value value = symbol_from(flow, SYMBOL_OPAQUE, memory.node, &memory.pointee, SOURCE_DECLARED);

	if (alias && alias->pointee.is_pointer)
		value_type(flow, value, alias->pointee.type, SOURCE_VARIABLE);
	return value;
}

void slot_store(struct flow *flow, int64_t offset, struct value value)
{
	uint64_t into;
	const struct body_variable *variable = slot_variable(flow, offset, &into);
	struct memory memory;

	if (!variable)
		return;
	if (variable->pointee.is_pointer && into == 0) {
		value_type(flow, value, variable->pointee.type, SOURCE_VARIABLE);
		value_goes(flow, value, node_local(flow, variable));
	} else if (variable->aggregate >= 0 && memory_in_type(flow, variable->aggregate, (int64_t)into, &memory) && memory.pointee.is_pointer) {
		value_type(flow, value, memory.pointee.type, SOURCE_STORE);
		value_goes(flow, value, memory.node);
	}
}

static void memory_store(struct flow *flow, const struct operand *operand, struct value value)
{
	struct value address = operand_address(flow, operand);
	struct memory memory;

	if (address.symbol == SYMBOL_CFA) {
		for (int64_t at = address.number & ~INT64_C(7); at < address.number + operand->size; at += 8) {
			struct slot *slot = slot_at(&flow->now, at);

			if (slot->offset == at)
				slot->value = value_unknown;
		}
		if (operand->size != 8 && operand->size != 4)
			return;
		*slot_at(&flow->now, address.number) = (struct slot){ .offset = address.number, .value = value };
		if (operand->size == 8)
			slot_store(flow, address.number, value);
		return;
	}
	if (operand->size != 8 || value.symbol == SYMBOL_NONE)
		return;
	memory = memory_at(flow, address);
	if (memory.kind == MEMORY_UNKNOWN || !memory.pointee.is_pointer)
		return;
	value_type(flow, value, memory.pointee.type, SOURCE_STORE);
	value_goes(flow, value, memory.node);
}

struct value operand_read(struct flow *flow, const struct operand *operand)
{
	switch (operand->kind) {
	case OPERAND_REGISTER:
		return operand->size >= 4 ? register_read(flow, operand->reg) : value_unknown;
	case OPERAND_NUMBER:
		return value_constant(operand->number);
	case OPERAND_MEMORY:
		return memory_load(flow, operand);
	case OPERAND_THREAD_LOCAL:
	case OPERAND_NONE:
		break;
	}
	return value_unknown;
}

/* What is written to a register while that is some variable is assigned to the variable. */
static void assignment_type(struct flow *flow, unsigned reg, struct value value)
{
	if (value.symbol < SYMBOLS_FIRST || reg >= REGISTERS_MAX)
		return;
	for (unsigned i = 0; i < flow->n_active[reg]; i++) {
		const struct body_place *place = &flow->body.places.v[flow->active[reg][i]];
		const struct body_variable *variable = &flow->body.variables.v[place->variable];

		if (place->place.kind != LOCATION_REGISTER || !variable->pointee.is_pointer || flow->next_pc >= place->high || flow->pc < place->low)
			continue;
		value_type(flow, value, variable->pointee.type, SOURCE_VARIABLE);
		value_goes(flow, value, node_local(flow, variable));
	}
}

void operand_write(struct flow *flow, const struct operand *operand, struct value value)
{
	if (operand->kind == OPERAND_REGISTER) {
		register_write(flow, operand->reg, value);
		assignment_type(flow, operand->reg, value);
	}
	if (operand->kind == OPERAND_MEMORY)
		memory_store(flow, operand, value);
}
