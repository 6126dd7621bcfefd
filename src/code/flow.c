/* SPDX-License-Identifier: MIT */
/*
 * One function, instruction by instruction. Each register and stack slot holds a value: a symbol plus a number. A symbol stands for something that the function got hold of (a
 * parameter, the result of a call, what it loaded), whatever that is, and collects what is found out about it: the node it came from, the types it was taken for, the nodes it went
 * to. What two registers have from the same place is the same symbol, so what one of them shows is known of both.
 *
 * Where a variable of some type begins to be in a register, by its location list, the symbol in there has that type. Stores to typed members, arguments and results give the
 * rest. At the end of the function its symbols are turned into facts and flows.
 *
 * The code is read once, from front to back. The state at a forward jump is kept and put together with what falls through to its target; what only a backward jump or a table
 * leads to begins with nothing but the variables that DWARF knows there. So a loop is read once, which loses little.
 */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "code/bodies.h"
#include "code/reader.h"
#include "debug/symbols.h"

enum {
	/** Symbols that are always there. */
	SYMBOL_NONE,
	/** The number is the value. */
	SYMBOL_CONSTANT,
	/** The number is from the CFA. */
	SYMBOL_CFA,
	SYMBOLS_FIRST,
	/** Of one function. */
	SYMBOLS_MAX = 1 << 18,
	/** Stack slots that are followed at once; a power of two. */
	SLOTS_MAX = 64,
	/** Jumps whose target is ahead; a power of two. */
	PENDING_MAX = 1024,
	/** Places of variables that are in force at once. */
	ACTIVE_MAX = 256,
	ACTIVE_REGISTER_MAX = 6,
	/** Code of one function. Units: bytes. */
	CODE_MAX = 16 << 20,
	/** Instructions of all modules. */
	INSTRUCTIONS_MAX = 1 << 26,
	/** How far from the start of something a pointer to it may be. Units: bytes. */
	REACH_MAX = 1 << 20,
	/** Calls of all modules. */
	CALLS_MAX = 1 << 22,
	/** Of one function. */
	GOINGS_MAX = 1 << 18,
	RETURNED_MAX = 1 << 14,
};

struct value {
	int32_t symbol;
	int64_t number;
};

enum symbol_kind {
	SYMBOL_OPAQUE,
	/** A register argument of the function. */
	SYMBOL_ARGUMENT,
	/** Of a call. */
	SYMBOL_RESULT,
	/** k * something. */
	SYMBOL_SCALED,
	/** One of two constants. */
	SYMBOL_EITHER,
	/** The product of two arguments. */
	SYMBOL_PRODUCT,
	/** One of two symbols, which are older. */
	SYMBOL_JOIN,
};

struct symbol_state {
	enum symbol_kind kind;
	/** Where it came from; CODE_NONE for nowhere in particular. */
	int32_t node;
	/** Of a result: in calls. */
	int32_t call;
	/** The register argument that all of it comes from, or -1; of a product the other one is k. */
	int8_t parameter;
	uint8_t n_types;
	bool is_rounded;
	/** Factor, or the two constants. */
	int64_t k, c;
	/** Of a join: what it is one of. */
	struct value joined[2];
	struct typing types[SYMBOL_TYPES_MAX];
};

struct slot {
	/** From the CFA. */
	int64_t offset;
	struct value value;
};

struct state {
	/** Nothing is known of how the code got here: what is unknown is only not known. */
	bool is_guess;
	struct value registers[REGISTERS_MAX];
	/** By offset / 8. */
	struct slot slots[SLOTS_MAX];
};

struct pending {
	/** 0 for none. */
	vaddr target;
	struct state *state;
};

/** A symbol goes to a node. */
struct going {
	int32_t symbol, node;
};

struct flow {
	struct code_reader *reader;
	const struct declarations *declarations;
	struct module *module;
	const struct convention *convention;
	struct instruction_reader *instructions;
	uint32_t module_index;
	struct body body;
	/** Index in facts.functions. */
	int32_t function;
	ARRAY(struct symbol_state) symbols;
	ARRAY(struct going) goings;
	/** Symbols that are returned, and how far into them. */
	ARRAY(struct value) returned;
	/** Calls of this function begin here. */
	size_t first_call;
	struct state now;
	bool is_reachable;
	struct pending pending[PENDING_MAX];
	size_t n_pending;
	ARRAY(struct state *) unused;
	/** Next place to come into force, and those that are: by register, and in memory. */
	size_t next_place;
	uint32_t active[REGISTERS_MAX][ACTIVE_REGISTER_MAX];
	uint8_t n_active[REGISTERS_MAX];
	uint32_t active_memory[ACTIVE_MAX];
	size_t n_active_memory;
	/** The stack pointer at the last call. */
	struct value body_sp;
	/** The range that is read, and the instruction. */
	struct body_range range;
	vaddr pc, next_pc;
};

static const struct value unknown = { .symbol = SYMBOL_NONE };

static struct value constant(int64_t number)
{
	return (struct value){ .symbol = SYMBOL_CONSTANT, .number = number };
}

/* ---- symbols ---- */

static struct value symbol_new(struct flow *flow, enum symbol_kind kind)
{
	if (flow->symbols.n >= SYMBOLS_MAX)
		return unknown;
	array_append(&flow->symbols, (struct symbol_state){ .kind = kind, .node = CODE_NONE, .call = -1, .parameter = -1, .k = 1 });
	return (struct value){ .symbol = (int32_t)flow->symbols.n - 1 };
}

/* What is known of the symbol of a value; NULL when that is none. */
static struct symbol_state *symbol_of(struct flow *flow, struct value value)
{
	return value.symbol >= SYMBOLS_FIRST ? &flow->symbols.v[value.symbol] : NULL;
}

static bool type_is_aggregate(const struct flow *flow, int32_t type)
{
	unsigned tag = flow->reader->facts->types.v[type].tag;

	return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type;
}

/* Takes note that a value points to a type. */
static void value_type(struct flow *flow, struct value value, int32_t type, enum type_source source)
{
	struct symbol_state *symbol = symbol_of(flow, value);
	int64_t offset = -value.number;

	if (!symbol || type < 0 || offset > REACH_MAX || offset < -REACH_MAX)
		return;
	// A number or a byte inside of something says nothing of that.
	if (offset != 0 && !type_is_aggregate(flow, type))
		return;
	for (unsigned i = 0; i < symbol->n_types; i++) {
		if (symbol->types[i].type == type && symbol->types[i].offset == offset) {
			if (source > symbol->types[i].source)
				symbol->types[i].source = source;
			return;
		}
	}
	if (symbol->n_types < SYMBOL_TYPES_MAX)
		symbol->types[symbol->n_types++] = (struct typing){ .type = type, .offset = (int32_t)offset, .source = source };
}

/* A symbol of what is loaded from, or comes out of, a node that is declared so. */
static struct value symbol_from(struct flow *flow, enum symbol_kind kind, int32_t node, const struct pointee *pointee, enum type_source source)
{
	struct value value = symbol_new(flow, kind);
	struct symbol_state *symbol = symbol_of(flow, value);

	if (symbol) {
		symbol->node = node;
		value_type(flow, value, pointee->type, source);
	}
	return value;
}

/* ---- nodes ---- */

static int32_t node_member(struct flow *flow, const struct place_in_type *place)
{
	if (!place->pointee.is_pointer || place->pointee.function)
		return CODE_NONE;
	return reader_node(flow->reader, &(struct code_node){ .kind = CODE_NODE_MEMBER,
							      .type = place->owner,
							      .function = CODE_NONE,
							      .offset = place->offset,
							      .declared = place->pointee.type,
							      .is_generic = place->pointee.is_generic });
}

/* A variable of this function, when it may hold anything. */
static int32_t node_local(struct flow *flow, const struct body_variable *variable)
{
	if (!variable->pointee.is_pointer || !variable->pointee.is_generic)
		return CODE_NONE;
	return reader_node(flow->reader, &(struct code_node){ .kind = CODE_NODE_LOCAL,
							      .type = CODE_NONE,
							      .function = CODE_NONE,
							      .module = flow->module_index,
							      .die = variable->die,
							      .declared = variable->pointee.type,
							      .is_generic = true });
}

/* Takes note that a value goes to a node. */
static void value_goes(struct flow *flow, struct value value, int32_t node)
{
	uint64_t offset;

	if (node < 0)
		return;
	if (value.symbol >= SYMBOLS_FIRST && value.number == 0) {
		array_append(&flow->goings, (struct going){ .symbol = value.symbol, .node = node });
		return;
	}
	if (value.symbol != SYMBOL_CONSTANT || value.number < 4096)
		return;

	// The address of a variable.
	const struct global_record *global = global_at(flow->declarations, (vaddr)value.number, &offset);

	if (global && offset == 0)
		reader_fact(flow->reader, node, type_canonical(flow->declarations, &flow->reader->canonical, global->type), 0);
}

/* ---- variables ---- */

static bool place_is_current(const struct flow *flow, uint32_t index)
{
	const struct body_place *place = &flow->body.places.v[index];

	return place->low <= flow->pc && flow->pc < place->high;
}

/* A symbol of a variable that is known by its place alone. */
static struct value symbol_of_variable(struct flow *flow, const struct body_variable *variable)
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

static struct value register_read(struct flow *flow, unsigned reg)
{
	if (reg >= REGISTERS_MAX)
		return unknown;
	if (flow->now.registers[reg].symbol == SYMBOL_NONE)
		flow->now.registers[reg] = register_by_dwarf(flow, reg);
	return flow->now.registers[reg];
}

static void register_write(struct flow *flow, unsigned reg, struct value value)
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

/* The variable that covers an offset from the CFA, and how far into it that is. */
static const struct body_variable *slot_variable(struct flow *flow, int64_t offset, uint64_t *into_ret)
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

static struct slot *slot_at(struct state *state, int64_t offset)
{
	return &state->slots[(uint64_t)(offset >> 3) % SLOTS_MAX];
}

/* Applies a place that comes into force: what is there has the type of the variable. */
static void place_begin(struct flow *flow, uint32_t index)
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

/* ---- values ---- */

/* A symbol that is one of two. */
static struct value symbol_join(struct flow *flow, struct value a, struct value b)
{
	struct value value = symbol_new(flow, SYMBOL_JOIN);
	struct symbol_state *symbol = symbol_of(flow, value);

	if (!symbol)
		return unknown;
	symbol->joined[0] = a;
	symbol->joined[1] = b;
	for (int i = 0; i < 2; i++) {
		const struct symbol_state old = flow->symbols.v[symbol->joined[i].symbol];

		for (unsigned k = 0; k < old.n_types; k++)
			value_type(flow, (struct value){ .symbol = value.symbol, .number = symbol->joined[i].number - old.types[k].offset }, old.types[k].type,
				   SOURCE_DECLARED);
	}
	if (flow->symbols.v[a.symbol].parameter == flow->symbols.v[b.symbol].parameter && flow->symbols.v[a.symbol].kind != SYMBOL_PRODUCT &&
	    flow->symbols.v[b.symbol].kind != SYMBOL_PRODUCT) {
		symbol->parameter = flow->symbols.v[a.symbol].parameter;
		symbol->is_rounded = true;
	}
	return value;
}

/* What two ways lead to. */
static struct value value_join(struct flow *flow, struct value a, struct value b)
{
	struct symbol_state *symbol;
	struct value value;

	if (a.symbol == b.symbol && (a.number == b.number || a.symbol == SYMBOL_NONE))
		return a;
	if (a.symbol == SYMBOL_NONE || b.symbol == SYMBOL_NONE)
		return unknown;
	if (a.symbol == SYMBOL_CONSTANT && b.symbol == SYMBOL_CONSTANT) {
		value = symbol_new(flow, SYMBOL_EITHER);
		symbol = symbol_of(flow, value);
		if (symbol) {
			symbol->k = a.number;
			symbol->c = b.number;
		}
		return value;
	}
	if (a.symbol == SYMBOL_CONSTANT) {
		value = a;
		a = b;
		b = value;
	}
	if (a.symbol < SYMBOLS_FIRST)
		return unknown;
	if (b.symbol == SYMBOL_CONSTANT) {
		// A pointer, or NULL.
		if (b.number == 0)
			return a;

		int8_t parameter = flow->symbols.v[a.symbol].parameter;

		// At least so much.
		if (parameter < 0)
			return unknown;
		value = symbol_new(flow, SYMBOL_OPAQUE);
		symbol = symbol_of(flow, value);
		if (symbol) {
			symbol->parameter = parameter;
			symbol->is_rounded = true;
		}
		return value;
	}
	return b.symbol >= SYMBOLS_FIRST ? symbol_join(flow, a, b) : unknown;
}

static void state_join(struct flow *flow, const struct state *other)
{
	const bool is_guess = flow->now.is_guess, other_is_guess = other->is_guess;

	for (unsigned i = 0; i < REGISTERS_MAX; i++) {
		struct value *value = &flow->now.registers[i];
		bool is_kept = !(flow->convention->scratch >> i & 1);

		if (is_guess && is_kept && value->symbol == SYMBOL_NONE)
			*value = other->registers[i];
		else if (!other_is_guess || !is_kept || other->registers[i].symbol != SYMBOL_NONE)
			*value = value_join(flow, *value, other->registers[i]);
	}
	for (unsigned i = 0; i < SLOTS_MAX; i++) {
		struct slot *slot = &flow->now.slots[i];

		if (is_guess && slot->value.symbol == SYMBOL_NONE)
			*slot = other->slots[i];
		else if (other_is_guess && other->slots[i].value.symbol == SYMBOL_NONE)
			continue;
		else if (slot->offset != other->slots[i].offset)
			slot->value = unknown;
		else
			slot->value = value_join(flow, slot->value, other->slots[i].value);
	}
	flow->now.is_guess = is_guess && other_is_guess;
}

/* The sum of two values. */
static struct value value_add(struct flow *flow, struct value a, struct value b)
{
	struct value value;
	struct symbol_state *symbol;

	if (a.symbol == SYMBOL_CONSTANT) {
		value = a;
		a = b;
		b = value;
	}
	if (b.symbol == SYMBOL_CONSTANT) {
		if (a.symbol == SYMBOL_NONE)
			return unknown;
		a.number = (int64_t)((uint64_t)a.number + (uint64_t)b.number);
		return a;
	}
	value = symbol_new(flow, SYMBOL_OPAQUE);
	symbol = symbol_of(flow, value);
	if (!symbol)
		return unknown;

	const struct symbol_state *left = symbol_of(flow, a), *right = symbol_of(flow, b);

	if (left && right && left->parameter == right->parameter)
		symbol->parameter = left->parameter;
	symbol->is_rounded = true;
	// An element of an array: whichever of the two is a pointer.
	if (right && right->n_types && !(left && left->n_types)) {
		left = right;
		a = b;
	}
	if (left && left->n_types) {
		memcpy(symbol->types, left->types, sizeof(symbol->types));
		symbol->n_types = left->n_types;
		for (unsigned i = 0; i < symbol->n_types; i++)
			symbol->types[i].source = SOURCE_DECLARED;
		value.number = a.number;
	}
	return value;
}

/* A value times a constant. */
static struct value value_scale(struct flow *flow, struct value a, int64_t factor)
{
	struct value value;
	struct symbol_state *symbol;

	if (a.symbol == SYMBOL_CONSTANT)
		return constant((int64_t)((uint64_t)a.number * (uint64_t)factor));
	if (factor == 1)
		return a;
	if (a.symbol == SYMBOL_CFA)
		return unknown;
	value = symbol_new(flow, SYMBOL_SCALED);
	symbol = symbol_of(flow, value);
	if (!symbol)
		return unknown;

	const struct symbol_state *from = symbol_of(flow, a);
	int64_t k = from && from->kind == SYMBOL_SCALED ? from->k : 1;

	symbol->k = (int64_t)((uint64_t)k * (uint64_t)factor);
	symbol->parameter = from ? from->parameter : (int8_t)-1;
	symbol->is_rounded = from && from->is_rounded;
	value.number = (int64_t)((uint64_t)a.number * (uint64_t)factor);
	return value;
}

static struct value value_multiply(struct flow *flow, struct value a, struct value b)
{
	const struct symbol_state *left = symbol_of(flow, a), *right = symbol_of(flow, b);

	if (b.symbol == SYMBOL_CONSTANT)
		return value_scale(flow, a, b.number);
	if (a.symbol == SYMBOL_CONSTANT)
		return value_scale(flow, b, a.number);
	if (left && right && left->kind == SYMBOL_ARGUMENT && right->kind == SYMBOL_ARGUMENT && a.number == 0 && b.number == 0) {
		int8_t one = left->parameter, other = right->parameter;
		struct value value = symbol_new(flow, SYMBOL_PRODUCT);
		struct symbol_state *symbol = symbol_of(flow, value);

		if (symbol) {
			symbol->parameter = one;
			symbol->k = other;
		}
		return value;
	}
	return symbol_new(flow, SYMBOL_OPAQUE);
}

/* A value that keeps nothing but which parameter it comes from. */
static struct value value_round(struct flow *flow, struct value from)
{
	const struct symbol_state *old = symbol_of(flow, from);
	int8_t parameter = old && old->kind != SYMBOL_PRODUCT ? old->parameter : (int8_t)-1;
	struct value value = symbol_new(flow, SYMBOL_OPAQUE);
	struct symbol_state *symbol = symbol_of(flow, value);

	if (symbol) {
		symbol->parameter = parameter;
		symbol->is_rounded = true;
	}
	return value;
}

/* ---- memory ---- */

/* What an address leads to. */
struct memory {
	enum { MEMORY_UNKNOWN, MEMORY_SLOT, MEMORY_PLACE, MEMORY_GLOBAL } kind;
	/** From the CFA. */
	int64_t offset;
	/** What is declared there. */
	struct pointee pointee;
	int32_t node;
};

/* The address that a memory operand has. */
static struct value operand_address(struct flow *flow, const struct operand *operand)
{
	struct value base = operand->reg == REGISTER_NONE ? constant(0) : register_read(flow, operand->reg);

	if (operand->index != REGISTER_NONE && operand->index == operand->reg) {
		base = value_scale(flow, base, (int64_t)operand->scale + 1);
	} else if (operand->index != REGISTER_NONE) {
		struct value index = register_read(flow, operand->index);

		if (operand->scale > 1 || index.symbol != SYMBOL_CONSTANT)
			index = value_scale(flow, index, operand->scale);
		base = value_add(flow, base, index);
	}
	return value_add(flow, base, constant(operand->number));
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

static struct memory memory_at(struct flow *flow, struct value address)
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
		return unknown;
	if (variable->pointee.is_pointer)
		return into == 0 ? symbol_of_variable(flow, variable) : unknown;
	if (variable->aggregate >= 0 && memory_in_type(flow, variable->aggregate, (int64_t)into, &memory) && memory.pointee.is_pointer)
		return symbol_from(flow, SYMBOL_OPAQUE, memory.node, &memory.pointee, SOURCE_DECLARED);
	return unknown;
}

static struct value memory_load(struct flow *flow, const struct operand *operand)
{
	struct value address = operand_address(flow, operand);
	struct memory memory;

	if (operand->size == 4 && address.symbol == SYMBOL_CFA && slot_at(&flow->now, address.number)->offset == address.number)
		return slot_at(&flow->now, address.number)->value;
	if (operand->size != 8)
		return unknown;
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
			return constant((int64_t)import->value);
	}
	if (memory.kind == MEMORY_UNKNOWN || !memory.pointee.is_pointer)
		return unknown;
	return symbol_from(flow, SYMBOL_OPAQUE, memory.node, &memory.pointee, SOURCE_DECLARED);
}

/* Stores to a variable in the frame. */
static void slot_store(struct flow *flow, int64_t offset, struct value value)
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
				slot->value = unknown;
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

/* ---- operands ---- */

static struct value operand_read(struct flow *flow, const struct operand *operand)
{
	switch (operand->kind) {
	case OPERAND_REGISTER:
		return operand->size >= 4 ? register_read(flow, operand->reg) : unknown;
	case OPERAND_NUMBER:
		return constant(operand->number);
	case OPERAND_MEMORY:
		return memory_load(flow, operand);
	case OPERAND_THREAD_LOCAL:
	case OPERAND_NONE:
		break;
	}
	return unknown;
}

static void operand_write(struct flow *flow, const struct operand *operand, struct value value)
{
	if (operand->kind == OPERAND_REGISTER)
		register_write(flow, operand->reg, value);
	else if (operand->kind == OPERAND_MEMORY)
		memory_store(flow, operand, value);
}

/* ---- jumps ---- */

static struct pending *pending_at(struct flow *flow, vaddr target)
{
	size_t i = (size_t)(target ^ target >> 7) % PENDING_MAX;

	for (size_t steps = 0; steps < PENDING_MAX; steps++, i = (i + 1) % PENDING_MAX) {
		if (flow->pending[i].target == target)
			return &flow->pending[i];
		if (!flow->pending[i].target)
			return &flow->pending[i];
	}
	return NULL;
}

/* Keeps the state for a target that is ahead. */
static void pending_keep(struct flow *flow, vaddr target)
{
	struct pending *pending;

	if (target <= flow->pc || target >= flow->range.high || flow->n_pending >= PENDING_MAX / 2)
		return;
	pending = pending_at(flow, target);
	if (!pending)
		return;
	if (pending->target) {
		// state_join() works on the present one.
		struct state *now = flow->unused.n ? flow->unused.v[flow->unused.n - 1] : NULL;

		if (!now) {
			now = xmalloc(sizeof(*now));
			array_append(&flow->unused, now);
		}
		*now = flow->now;
		state_join(flow, pending->state);
		*pending->state = flow->now;
		flow->now = *now;
		return;
	}
	pending->target = target;
	if (flow->unused.n)
		pending->state = flow->unused.v[--flow->unused.n];
	else
		pending->state = xmalloc(sizeof(*pending->state));
	*pending->state = flow->now;
	flow->n_pending++;
}

/* Takes a kept state out. */
static void pending_drop(struct flow *flow, struct pending *pending)
{
	size_t hole = (size_t)(pending - flow->pending), i = hole;

	array_append(&flow->unused, pending->state);
	flow->n_pending--;
	flow->pending[hole].target = 0;
	// Those behind it that are not at their own place move up.
	for (;;) {
		size_t own;

		i = (i + 1) % PENDING_MAX;
		if (!flow->pending[i].target)
			return;
		own = (size_t)(flow->pending[i].target ^ flow->pending[i].target >> 7) % PENDING_MAX;
		if ((i > hole && (own <= hole || own > i)) || (i < hole && own <= hole && own > i)) {
			flow->pending[hole] = flow->pending[i];
			flow->pending[i].target = 0;
			hole = i;
		}
	}
}

/* Forgets all but where the frame is. */
static void state_reset(struct flow *flow)
{
	struct value fp = flow->now.registers[flow->convention->fp];

	memset(&flow->now, 0, sizeof(flow->now));
	flow->now.is_guess = true;
	flow->now.registers[flow->convention->sp] = flow->body_sp;
	if (fp.symbol == SYMBOL_CFA)
		flow->now.registers[flow->convention->fp] = fp;
}

/* Gives what came together the types of the variables that hold it. */
static void joins_type(struct flow *flow)
{
	for (unsigned reg = 0; reg < REGISTERS_MAX; reg++) {
		struct value value = flow->now.registers[reg];
		const struct symbol_state *symbol = symbol_of(flow, value);

		if (!symbol || symbol->kind != SYMBOL_JOIN)
			continue;
		for (unsigned i = 0; i < flow->n_active[reg]; i++) {
			const struct body_place *place = &flow->body.places.v[flow->active[reg][i]];
			const struct body_variable *variable = &flow->body.variables.v[place->variable];

			if (!place_is_current(flow, flow->active[reg][i]) || !variable->pointee.is_pointer)
				continue;
			value = flow->now.registers[reg];
			if (place->place.kind == LOCATION_SUM)
				value.number += place->place.offset;
			value_type(flow, value, variable->pointee.type, SOURCE_VARIABLE);
			value_goes(flow, value, node_local(flow, variable));
		}
	}
}

/* Whether some jump leads to the instruction at hand. */
static bool is_target(struct flow *flow)
{
	const struct pending *pending = flow->n_pending ? pending_at(flow, flow->pc) : NULL;

	return pending && pending->target;
}

/* Goes to an instruction. */
static void instruction_begin(struct flow *flow)
{
	struct pending *pending = flow->n_pending ? pending_at(flow, flow->pc) : NULL;

	if (pending && pending->target) {
		if (flow->is_reachable)
			state_join(flow, pending->state);
		else
			flow->now = *pending->state;
		pending_drop(flow, pending);
		joins_type(flow);
	} else if (!flow->is_reachable) {
		state_reset(flow);
	}
	flow->is_reachable = true;
	while (flow->next_place < flow->body.places.n && flow->body.places.v[flow->next_place].low <= flow->pc) {
		uint32_t index = (uint32_t)flow->next_place++;

		if (place_is_current(flow, index))
			place_begin(flow, index);
	}
}

/* ---- calls ---- */

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
			flow->now.registers[argument->reg] = constant(argument->value);
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

static void clobber(struct flow *flow, uint64_t registers)
{
	for (unsigned i = 0; i < REGISTERS_MAX; i++) {
		if (registers >> i & 1)
			flow->now.registers[i] = unknown;
	}
}

/* A call: its record, and what it does to the registers. */
static void call_read(struct flow *flow, const struct operand *to)
{
	const struct convention *convention = flow->convention;
	const struct body_call *call = body_call_at(&flow->body, flow->next_pc);
	int32_t callee = callee_of(flow, to, call);
	struct call_record record = { .module = flow->module_index, .pc = flow->pc, .function = flow->function, .callee = callee };
	struct pointee result = { .type = CODE_NONE };
	int32_t node = CODE_NONE;
	struct value value, out = unknown, same = unknown;

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
	clobber(flow, convention->scratch);
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

static void return_read(struct flow *flow)
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
		array_append(&flow->returned, value);
}

/* ---- steps ---- */

static bool is_inside(const struct flow *flow, vaddr address)
{
	for (size_t i = 0; i < flow->body.ranges.n; i++) {
		if (address >= flow->body.ranges.v[i].low && address < flow->body.ranges.v[i].high)
			return true;
	}
	return false;
}

static void jump_read(struct flow *flow, const struct step *step)
{
	const struct operand *to = &step->from;
	bool is_direct = to->kind == OPERAND_NUMBER;

	if (is_direct && is_inside(flow, (vaddr)to->number)) {
		pending_keep(flow, (vaddr)to->number);
	} else if (step->kind == STEP_JUMP) {
		// A tail call; or a table of jumps, in whose place a register stands.
		struct value address = to->kind == OPERAND_MEMORY && to->index == REGISTER_NONE ? operand_address(flow, to) : unknown;

		if (is_direct || address.symbol != SYMBOL_NONE || flow->now.registers[flow->convention->sp].number == -flow->convention->cfa_offset) {
			call_read(flow, to);
			return_read(flow);
		}
	}
	if (step->kind == STEP_JUMP)
		flow->is_reachable = false;
}

static void step_read(struct flow *flow, const struct step *step)
{
	struct value from, other;

	switch (step->kind) {
	case STEP_MOVE:
		operand_write(flow, &step->to, operand_read(flow, &step->from));
		break;
	case STEP_MOVE_MAYBE:
		from = operand_read(flow, &step->from);
		operand_write(flow, &step->to, value_join(flow, operand_read(flow, &step->to), from));
		break;
	case STEP_ADDRESS:
		operand_write(flow, &step->to, operand_address(flow, &step->from));
		break;
	case STEP_ADD:
		from = operand_read(flow, &step->from);
		operand_write(flow, &step->to, value_add(flow, from, operand_read(flow, &step->other)));
		break;
	case STEP_SUBTRACT:
		from = operand_read(flow, &step->from);
		other = operand_read(flow, &step->other);
		if (other.symbol == SYMBOL_CONSTANT)
			from = value_add(flow, from, constant((int64_t)-(uint64_t)other.number));
		else
			from = symbol_new(flow, SYMBOL_OPAQUE);
		operand_write(flow, &step->to, from);
		break;
	case STEP_MULTIPLY:
		from = operand_read(flow, &step->from);
		operand_write(flow, &step->to, value_multiply(flow, from, operand_read(flow, &step->other)));
		break;
	case STEP_SHIFT:
		from = operand_read(flow, &step->from);
		if (step->other.kind == OPERAND_NUMBER && step->other.number >= 0 && step->other.number < 32)
			from = value_scale(flow, from, INT64_C(1) << step->other.number);
		else
			from = symbol_new(flow, SYMBOL_OPAQUE);
		operand_write(flow, &step->to, from);
		break;
	case STEP_MASK:
		from = operand_read(flow, &step->from);
		if (from.symbol == SYMBOL_CONSTANT)
			from = constant(from.number & step->other.number);
		else if (from.symbol != SYMBOL_CFA)
			from = value_round(flow, from);
		operand_write(flow, &step->to, from);
		break;
	case STEP_OTHER:
		operand_write(flow, &step->to, unknown);
		break;
	case STEP_CALL:
		call_read(flow, &step->from);
		break;
	case STEP_JUMP:
	case STEP_BRANCH:
		jump_read(flow, step);
		break;
	case STEP_RETURN:
		return_read(flow);
		flow->is_reachable = false;
		break;
	case STEP_TRAP:
		flow->is_reachable = false;
		break;
	}
}

/* ---- functions ---- */

/* The state in which a function begins. */
static void entry_state(struct flow *flow)
{
	const struct convention *convention = flow->convention;
	const struct function_info *info = &flow->reader->infos.v[flow->function];

	memset(&flow->now, 0, sizeof(flow->now));
	flow->now.registers[convention->sp] = (struct value){ .symbol = SYMBOL_CFA, .number = -convention->cfa_offset };
	flow->body_sp = flow->now.registers[convention->sp];
	for (unsigned i = 0; i < convention->n_arguments; i++) {
		struct value value = symbol_from(flow, SYMBOL_ARGUMENT, info->nodes[i], &info->pointees[i], SOURCE_VARIABLE);

		if (symbol_of(flow, value))
			symbol_of(flow, value)->parameter = (int8_t)i;
		register_write(flow, convention->arguments[i], value);
	}
}

static void range_read(struct flow *flow, const struct body_range *range, bool is_entry)
{
	struct code_facts *facts = flow->reader->facts;
	struct instruction instruction;
	uint64_t size = range->high - range->low;

	if (size > CODE_MAX) {
		facts->truncated = true;
		return;
	}

	_cleanup_free_ uint8_t *code = xmalloc(size + 1);

	if (!module_get(flow->module, range->low, code, size))
		return;
	flow->range = *range;
	flow->pc = range->low;
	flow->is_reachable = true;
	flow->next_place = 0;
	flow->n_active_memory = 0;
	memset(flow->n_active, 0, sizeof(flow->n_active));
	if (is_entry)
		entry_state(flow);
	else
		state_reset(flow);
	instruction_reader_begin(flow->instructions, code, size, range->low);
	while (instruction_reader_next(flow->instructions, &instruction)) {
		if (++facts->instructions > INSTRUCTIONS_MAX) {
			facts->truncated = true;
			break;
		}
		flow->pc = instruction.at;
		flow->next_pc = instruction.at + instruction.size;
		// Padding leads nowhere.
		if (!flow->is_reachable && instruction.n == 0 && !instruction.clobbers && !is_target(flow))
			continue;
		instruction_begin(flow);
		for (unsigned i = 0; i < instruction.n; i++)
			step_read(flow, &instruction.steps[i]);
		if (instruction.clobbers)
			clobber(flow, instruction.clobbers);
	}
	// What is left leads to nowhere.
	for (size_t i = 0; flow->n_pending && i < PENDING_MAX; i++) {
		if (flow->pending[i].target) {
			array_append(&flow->unused, flow->pending[i].state);
			flow->pending[i].target = 0;
			flow->n_pending--;
		}
	}
}

/* Whether a type is what a node is declared to point to. */
static bool is_news(const struct flow *flow, int32_t node, const struct typing *typing)
{
	return typing->offset != 0 || flow->reader->facts->nodes.v[node].declared != typing->type;
}

/* A symbol's own typings that a node of it may learn from. */
static bool typing_counts(const struct flow *flow, const struct symbol_state *symbol, const struct typing *typing)
{
	// That it is the start of something which has another thing further on is known by its own type.
	for (unsigned i = 0; typing->offset < 0 && i < symbol->n_types; i++) {
		if (symbol->types[i].offset == 0 && type_is_aggregate(flow, symbol->types[i].type))
			return false;
	}
	return true;
}

/* Hands what is known of joins down to what they are made of: newer ones first, for these may be of older ones. */
static void joins_settle(struct flow *flow)
{
	for (size_t i = flow->symbols.n; i-- > SYMBOLS_FIRST;) {
		const struct symbol_state symbol = flow->symbols.v[i];

		for (int k = 0; symbol.kind == SYMBOL_JOIN && k < 2; k++) {
			for (unsigned j = 0; j < symbol.n_types; j++) {
				struct value part = symbol.joined[k];

				if (symbol.types[j].source == SOURCE_DECLARED)
					continue;
				part.number = part.number - symbol.types[j].offset;
				value_type(flow, (struct value){ .symbol = part.symbol, .number = part.number }, symbol.types[j].type, symbol.types[j].source);
			}
		}
	}
	// What goes somewhere: the list grows while it is read.
	for (size_t i = 0; i < flow->goings.n && flow->goings.n < GOINGS_MAX; i++) {
		const struct going going = flow->goings.v[i];
		const struct symbol_state *symbol = &flow->symbols.v[going.symbol];

		for (int k = 0; symbol->kind == SYMBOL_JOIN && k < 2; k++) {
			if (symbol->joined[k].number == 0)
				array_append(&flow->goings, (struct going){ .symbol = symbol->joined[k].symbol, .node = going.node });
		}
	}
	for (size_t i = 0; i < flow->returned.n && flow->returned.n < RETURNED_MAX; i++) {
		const struct value value = flow->returned.v[i];
		const struct symbol_state *symbol = &flow->symbols.v[value.symbol];

		for (int k = 0; symbol->kind == SYMBOL_JOIN && k < 2; k++) {
			struct value part = symbol->joined[k];

			part.number += value.number;
			array_append(&flow->returned, part);
		}
	}
}

/* The register argument that a function returns, whatever way it takes; -1 when there is none. */
static int8_t returned_argument(const struct flow *flow)
{
	int8_t argument = -1;

	for (size_t i = 0; i < flow->returned.n; i++) {
		const struct symbol_state *symbol = &flow->symbols.v[flow->returned.v[i].symbol];

		if (symbol->kind == SYMBOL_JOIN)
			continue;
		if (symbol->kind != SYMBOL_ARGUMENT || flow->returned.v[i].number != 0 || (argument >= 0 && argument != symbol->parameter))
			return -1;
		argument = symbol->parameter;
	}
	return argument;
}

/* Turns what was found out about the symbols into facts and flows. */
static void symbols_settle(struct flow *flow)
{
	struct code_reader *reader = flow->reader;

	joins_settle(flow);
	for (size_t i = SYMBOLS_FIRST; i < flow->symbols.n; i++) {
		const struct symbol_state *symbol = &flow->symbols.v[i];

		for (unsigned k = 0; symbol->kind != SYMBOL_JOIN && k < symbol->n_types; k++) {
			if (symbol->node >= 0 && typing_counts(flow, symbol, &symbol->types[k]) && symbol->types[k].source != SOURCE_DECLARED && is_news(flow, symbol->node, &symbol->types[k]))
				reader_fact(reader, symbol->node, symbol->types[k].type, symbol->types[k].offset);
		}
		if (symbol->call < 0)
			continue;

		struct call_record *call = &reader->calls.v[symbol->call];

		memcpy(call->types, symbol->types, sizeof(call->types));
		call->n_types = symbol->n_types;
	}
	for (size_t i = 0; i < flow->goings.n; i++) {
		const struct going *going = &flow->goings.v[i];
		const struct symbol_state *symbol = &flow->symbols.v[going->symbol];

		for (unsigned k = 0; k < symbol->n_types; k++) {
			if (typing_counts(flow, symbol, &symbol->types[k]) && is_news(flow, going->node, &symbol->types[k]))
				reader_fact(reader, going->node, symbol->types[k].type, symbol->types[k].offset);
		}
		if (symbol->node >= 0 && symbol->node != going->node)
			reader_flow(reader, symbol->node, going->node);
		if (symbol->call >= 0) {
			struct call_record *call = &reader->calls.v[symbol->call];

			if (call->n_nodes < CALL_NODES_MAX)
				call->nodes[call->n_nodes++] = going->node;
		}
	}
	reader->infos.v[flow->function].returns = returned_argument(flow);
	for (size_t i = 0; i < flow->returned.n; i++) {
		const struct symbol_state *symbol = &flow->symbols.v[flow->returned.v[i].symbol];

		reader->infos.v[flow->function].returns_other |= symbol->call < 0 && symbol->kind != SYMBOL_JOIN;
	}
	for (size_t i = 0; i < flow->returned.n; i++) {
		const struct symbol_state *symbol = &flow->symbols.v[flow->returned.v[i].symbol];

		if (symbol->call >= 0) {
			reader->calls.v[symbol->call].is_returned = true;
			reader->calls.v[symbol->call].shift = flow->returned.v[i].number;
		}
	}
}

static void function_read(struct flow *flow)
{
	flow->symbols.n = flow->goings.n = flow->returned.n = 0;
	for (int i = 0; i < SYMBOLS_FIRST; i++)
		symbol_new(flow, SYMBOL_OPAQUE);
	for (size_t i = 0; i < flow->body.ranges.n; i++)
		range_read(flow, &flow->body.ranges.v[i], i == 0);
	symbols_settle(flow);
	flow->reader->facts->functions_read++;
}

static void flow_destroy(struct flow *flow)
{
	for (size_t i = 0; i < flow->unused.n; i++)
		free(flow->unused.v[i]);
	array_deinit(&flow->unused);
	array_deinit(&flow->symbols);
	array_deinit(&flow->goings);
	array_deinit(&flow->returned);
	body_deinit(&flow->body);
	instruction_reader_destroy(flow->instructions);
	free(flow);
}

/* A function, and where it is. */
struct ordered {
	uint64_t unit;
	vaddr low;
	size_t index;
};

static int ordered_compare(const void *a, const void *b)
{
	const struct ordered *left = a, *right = b;

	if (left->unit != right->unit)
		return left->unit < right->unit ? -1 : 1;
	if (left->low != right->low)
		return left->low < right->low ? -1 : 1;
	return left->index < right->index ? -1 : left->index > right->index;
}

/* The functions of a module that may have code, in the order of their code: what is called stands before its callers more often than not. Owner: the caller. */
static struct ordered *functions_order(const struct declarations *declarations, size_t *n_ret)
{
	struct ordered *all = xcalloc(declarations->functions.n + 1, sizeof(*all));
	size_t n = 0;

	for (size_t i = 0; i < declarations->functions.n; i++) {
		const struct function_record *record = &declarations->functions.v[i];

		if (record->low || record->has_ranges)
			all[n++] = (struct ordered){ .unit = record->unit, .low = record->low, .index = i };
	}
	if (n)
		qsort(all, n, sizeof(*all), ordered_compare);
	*n_ret = n;
	return all;
}

void flow_read_module(struct code_reader *reader, uint32_t module)
{
	size_t n;
	_cleanup_free_ struct ordered *order = functions_order(&reader->of[module].declarations, &n);
	struct flow *flow = xcalloc(1, sizeof(*flow));
	struct die_reader dies;

	flow->reader = reader;
	flow->declarations = &reader->of[module].declarations;
	flow->module = &reader->modules->v.v[module];
	flow->module_index = module;
	flow->convention = convention_of(flow->module->machine);
	flow->instructions = instruction_reader_create(flow->module->machine);
	die_reader_init(&dies, &flow->declarations->file->sections);
	for (size_t i = 0; flow->instructions && !reader->facts->truncated && i < n; i++) {
		const struct function_record *record = &flow->declarations->functions.v[order[i].index];

		if (!body_read(&flow->body, &dies, flow->declarations, &reader->canonical, record))
			continue;
		flow->function = keys_find(&reader->function_entries, module, flow->body.ranges.v[0].low);
		// The same code may be there twice.
		if (flow->function < 0 || reader->infos.v[flow->function].record != record)
			continue;
		function_read(flow);
	}
	die_reader_deinit(&dies);
	flow_destroy(flow);
}
