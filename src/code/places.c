/* SPDX-License-Identifier: MIT */
/*
 * Where variables are: what DWARF says about registers and slots, by the places in force.
 */
#include "code/flow.h"

#include <string.h>

bool place_is_current(const struct flow *flow, uint32_t index)
{
	const struct body_place *place = &flow->body.places.v[index];

	return place->low <= flow->pc && flow->pc < place->high;
}

struct value symbol_of_variable(struct flow *flow, const struct body_variable *variable)
{
	return symbol_from(flow, SYMBOL_OPAQUE, node_local(flow, variable), &variable->pointee, SOURCE_VARIABLE);
}

/* What is in a register, by the variables that DWARF has there. */
static struct value register_by_dwarf(struct flow *flow, unsigned reg)
{
	for (unsigned i = flow->n_active[reg]; i-- > 0;) {
		const struct body_place *place = &flow->body.places.v[flow->active[reg][i]];
		const struct body_variable *variable = &flow->body.variables.v[place->variable];
		struct value value;

		if (!place_is_current(flow, flow->active[reg][i]) || !variable->pointee.is_pointer)
			continue;
		value = symbol_of_variable(flow, variable);
		// «The variable is rbx + 16» makes rbx the variable - 16.
		if (place->place.kind == LOCATION_SUM)
			value.number -= place->place.offset;
		return value;
	}
	return symbol_new(flow, SYMBOL_OPAQUE);
}

struct value register_read(struct flow *flow, unsigned reg)
{
	if (reg >= REGISTERS_MAX)
		return value_unknown;
	if (flow->now.registers[reg].symbol == SYMBOL_NONE)
		flow->now.registers[reg] = register_by_dwarf(flow, reg);
	return flow->now.registers[reg];
}

void register_write(struct flow *flow, unsigned reg, struct value value)
{
	if (reg < REGISTERS_MAX)
		flow->now.registers[reg] = value;
}

/* The offset from the CFA of a place in memory; false when it is elsewhere. */
static bool place_slot(struct flow *flow, const struct location_place *place, int64_t *ret)
{
	struct value base;

	if (place->kind == LOCATION_AT_CFA) {
		*ret = place->offset;
		return true;
	}
	if (place->kind != LOCATION_AT_REGISTER)
		return false;
	base = flow->now.registers[place->reg];
	if (base.symbol != SYMBOL_CFA)
		return false;
	*ret = base.number + place->offset;
	return true;
}

const struct body_variable *slot_variable(struct flow *flow, int64_t offset, uint64_t *into_ret)
{
	for (size_t i = flow->n_active_memory; i-- > 0;) {
		const struct body_place *place = &flow->body.places.v[flow->active_memory[i]];
		const struct body_variable *variable = &flow->body.variables.v[place->variable];
		int64_t start;

		if (!place_is_current(flow, flow->active_memory[i]) || !place_slot(flow, &place->place, &start))
			continue;
		if (offset >= start && (uint64_t)(offset - start) < variable->size) {
			*into_ret = (uint64_t)(offset - start);
			return variable;
		}
	}
	return NULL;
}

/* A variable may be said to be in a member of something: the compiler reads it there each time. Then what the member holds has the variable's type. */
static void alias_begin(struct flow *flow, const struct body_place *place, const struct body_variable *variable)
{
	struct value value;
	struct memory memory;

	if (place->place.kind != LOCATION_AT_REGISTER || !variable->pointee.is_pointer)
		return;
	value = register_read(flow, place->place.reg);
	value.number += place->place.offset;
	if (value.symbol < SYMBOLS_FIRST)
		return;
	memory = memory_at(flow, value);
	if (memory.kind == MEMORY_UNKNOWN || !memory.pointee.is_pointer || memory.node < 0)
		return;
	value = symbol_from(flow, SYMBOL_OPAQUE, memory.node, &memory.pointee, SOURCE_DECLARED);
	value_type(flow, value, variable->pointee.type, SOURCE_VARIABLE);
	value_goes(flow, value, node_local(flow, variable));
}

const struct body_variable *alias_at(struct flow *flow, struct value address)
{
	for (size_t i = 0; i < flow->n_active_memory; i++) {
		const struct body_place *place = &flow->body.places.v[flow->active_memory[i]];
		struct value base;

		if (place->place.kind != LOCATION_AT_REGISTER || !place_is_current(flow, flow->active_memory[i]))
			continue;
		base = flow->now.registers[place->place.reg];
		if (base.symbol == address.symbol && base.number + place->place.offset == address.number)
			return &flow->body.variables.v[place->variable];
	}
	return NULL;
}

void place_begin(struct flow *flow, uint32_t index)
{
	const struct body_place *place = &flow->body.places.v[index];
	const struct body_variable *variable = &flow->body.variables.v[place->variable];
	unsigned reg = place->place.reg;

	if (place->place.kind != LOCATION_REGISTER && place->place.kind != LOCATION_SUM) {
		// Old ones make room.
		if (flow->n_active_memory == ACTIVE_MAX) {
			size_t n = 0;

			for (size_t i = 0; i < ACTIVE_MAX; i++) {
				if (place_is_current(flow, flow->active_memory[i]))
					flow->active_memory[n++] = flow->active_memory[i];
			}
			flow->n_active_memory = n;
		}
		if (flow->n_active_memory < ACTIVE_MAX)
			flow->active_memory[flow->n_active_memory++] = index;

		int64_t offset;

		alias_begin(flow, place, variable);
		// A variable that is spilled keeps its value; one at -O0 is not written yet.
		if (variable->pointee.is_pointer && place_slot(flow, &place->place, &offset) && slot_at(&flow->now, offset)->offset == offset &&
		    place->low > flow->range.low)
			value_type(flow, slot_at(&flow->now, offset)->value, variable->pointee.type, SOURCE_VARIABLE);
		return;
	}

	unsigned n = 0;

	for (unsigned i = 0; i < flow->n_active[reg]; i++) {
		if (place_is_current(flow, flow->active[reg][i]))
			flow->active[reg][n++] = flow->active[reg][i];
	}
	if (n == ACTIVE_REGISTER_MAX)
		memmove(flow->active[reg], flow->active[reg] + 1, --n * sizeof(flow->active[reg][0]));
	flow->active[reg][n++] = index;
	flow->n_active[reg] = (uint8_t)n;

	struct value value = flow->now.registers[reg];

	if (!variable->pointee.is_pointer || value.symbol < SYMBOLS_FIRST)
		return;
	if (place->place.kind == LOCATION_SUM)
		value.number += place->place.offset;
	value_type(flow, value, variable->pointee.type, SOURCE_VARIABLE);
	value_goes(flow, value, node_local(flow, variable));
}
