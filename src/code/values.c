/* SPDX-License-Identifier: MIT */
/*
 * Symbols, and what is computed with them.
 */
#include "code/flow.h"

#include <dwarf.h>
#include <string.h>

struct value symbol_new(struct flow *flow, enum symbol_kind kind)
{
	if (flow->symbols.n >= SYMBOLS_MAX)
		return value_unknown;
	array_append(&flow->symbols, (struct symbol_state){ .kind = kind, .node = CODE_NONE, .call = -1, .parameter = -1, .k = 1, .first_link = -1 });
	return (struct value){ .symbol = (int32_t)flow->symbols.n - 1 };
}

struct symbol_state *symbol_of(struct flow *flow, struct value value)
{
	return value.symbol >= SYMBOLS_FIRST ? &flow->symbols.v[value.symbol] : NULL;
}

bool type_is_aggregate(const struct flow *flow, int32_t type)
{
	unsigned tag = flow->reader->facts->types.v[type].tag;

	return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type;
}

void value_type(struct flow *flow, struct value value, int32_t type, enum type_source source)
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

struct value symbol_from(struct flow *flow, enum symbol_kind kind, int32_t node, const struct pointee *pointee, enum type_source source)
{
	struct value value = symbol_new(flow, kind);
	struct symbol_state *symbol = symbol_of(flow, value);

	if (symbol) {
		symbol->node = node;
		value_type(flow, value, pointee->type, source);
	}
	return value;
}

int32_t node_member(struct flow *flow, const struct place_in_type *place)
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

int32_t node_local(struct flow *flow, const struct body_variable *variable)
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

void value_goes(struct flow *flow, struct value value, int32_t node)
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

bool value_is_constant(struct flow *flow, struct value value)
{
	const struct symbol_state *symbol = symbol_of(flow, value);

	return value.symbol == SYMBOL_CONSTANT || (symbol && symbol->kind == SYMBOL_EITHER);
}

/* A symbol that is one of two. */
static struct value symbol_join(struct flow *flow, struct value a, struct value b)
{
	struct value value = symbol_new(flow, SYMBOL_JOIN);
	struct symbol_state *symbol = symbol_of(flow, value);

	if (!symbol)
		return value_unknown;
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

struct value value_join(struct flow *flow, struct value a, struct value b)
{
	struct symbol_state *symbol;
	struct value value;

	if (a.symbol == b.symbol && (a.number == b.number || a.symbol == SYMBOL_NONE))
		return a;
	if (a.symbol == SYMBOL_NONE || b.symbol == SYMBOL_NONE)
		return value_unknown;
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
		return value_unknown;
	if (b.symbol == SYMBOL_CONSTANT) {
		// A pointer, or NULL.
		if (b.number == 0)
			return a;

		int8_t parameter = flow->symbols.v[a.symbol].parameter;

		// At least so much.
		if (parameter < 0)
			return value_unknown;
		value = symbol_new(flow, SYMBOL_OPAQUE);
		symbol = symbol_of(flow, value);
		if (symbol) {
			symbol->parameter = parameter;
			symbol->is_rounded = true;
		}
		return value;
	}
	return b.symbol >= SYMBOLS_FIRST ? symbol_join(flow, a, b) : value_unknown;
}

struct value multiples_add(struct flow *flow, struct value a, struct value b, int64_t sign)
{
	const struct symbol_state *left = symbol_of(flow, a), *right = symbol_of(flow, b);
	struct value base, value;
	int8_t parameter;
	int64_t k;

	if (!left || !right)
		return value_unknown;
	base = left->kind == SYMBOL_SCALED ? left->joined[0] : (struct value){ .symbol = a.symbol };
	if (base.symbol != (right->kind == SYMBOL_SCALED ? right->joined[0].symbol : b.symbol) || base.symbol < SYMBOLS_FIRST)
		return value_unknown;
	k = (int64_t)((uint64_t)(left->kind == SYMBOL_SCALED ? left->k : 1) +
		      (uint64_t)sign * (uint64_t)(right->kind == SYMBOL_SCALED ? right->k : 1));
	if (k == 0)
		return value_unknown;
	parameter = left->parameter;
	value = symbol_new(flow, SYMBOL_SCALED);
	if (!symbol_of(flow, value))
		return value_unknown;
	symbol_of(flow, value)->k = k;
	symbol_of(flow, value)->parameter = parameter;
	symbol_of(flow, value)->joined[0] = base;
	value.number = (int64_t)((uint64_t)a.number + (uint64_t)sign * (uint64_t)b.number);
	return value;
}

struct value value_add(struct flow *flow, struct value a, struct value b)
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
			return value_unknown;
		a.number = (int64_t)((uint64_t)a.number + (uint64_t)b.number);
		return a;
	}
	value = multiples_add(flow, a, b, 1);
	if (value.symbol != SYMBOL_NONE)
		return value;
	value = symbol_new(flow, SYMBOL_OPAQUE);
	symbol = symbol_of(flow, value);
	if (!symbol)
		return value_unknown;

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

struct value value_scale(struct flow *flow, struct value a, int64_t factor)
{
	struct value value;
	struct symbol_state *symbol;

	if (a.symbol == SYMBOL_CONSTANT)
		return value_constant((int64_t)((uint64_t)a.number * (uint64_t)factor));
	if (factor == 1)
		return a;
	if (a.symbol == SYMBOL_CFA)
		return value_unknown;
	value = symbol_new(flow, SYMBOL_SCALED);
	symbol = symbol_of(flow, value);
	if (!symbol)
		return value_unknown;

	const struct symbol_state *from = symbol_of(flow, a);
	int64_t k = from && from->kind == SYMBOL_SCALED ? from->k : 1;

	symbol->k = (int64_t)((uint64_t)k * (uint64_t)factor);
	symbol->joined[0] = from && from->kind == SYMBOL_SCALED ? from->joined[0] : (struct value){ .symbol = a.symbol };
	symbol->parameter = from ? from->parameter : (int8_t)-1;
	symbol->is_rounded = from && from->is_rounded;
	value.number = (int64_t)((uint64_t)a.number * (uint64_t)factor);
	return value;
}

struct value value_multiply(struct flow *flow, struct value a, struct value b)
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

struct value value_round(struct flow *flow, struct value from)
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
