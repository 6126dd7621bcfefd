/* SPDX-License-Identifier: MIT */
/*
 * The end of a function: what its symbols have shown.
 */
#include "code/flow.h"

#include <string.h>

/* Whether a type is more than what a node is declared to point to. */
static bool is_news(const struct flow *flow, int32_t node, const struct typing *typing)
{
	int32_t declared = flow->reader->facts->nodes.v[node].declared;

	if (typing->offset != 0 || declared < 0)
		return true;
	return declared != typing->type && !type_embeds(&flow->reader->canonical, declared, 0, typing->type);
}

/* Drops types that another one has inside at that place: the bases and first members of what the pointer points to. */
static void types_reduce(struct flow *flow, struct symbol_state *symbol)
{
	unsigned n = 0;
	struct typing kept[SYMBOL_TYPES_MAX];

	if (symbol->n_types < 2)
		return;
	for (unsigned i = 0; i < symbol->n_types; i++) {
		const struct typing *inner = &symbol->types[i];
		bool is_part = false;

		for (unsigned k = 0; k < symbol->n_types && !is_part; k++) {
			const struct typing *outer = &symbol->types[k];

			is_part = k != i && outer->offset >= inner->offset && outer->type != inner->type &&
				  type_embeds(&flow->reader->canonical, outer->type, (uint64_t)(outer->offset - inner->offset), inner->type);
		}
		if (!is_part)
			kept[n++] = *inner;
	}
	if (n == 0)
		return;
	memcpy(symbol->types, kept, n * sizeof(*kept));
	symbol->n_types = (uint8_t)n;
}

/* Whether a node may learn from a typing of what it holds. */
static bool typing_counts(const struct typing *typing)
{
	// That something else comes further on is known by the type of the whole.
	return typing->offset >= 0;
}

/* A part of what is returned is returned. */
static void returned_add(struct flow *flow, const struct returned *returned, struct value part)
{
	if (part.symbol < SYMBOLS_FIRST)
		return;
	part.number += returned->value.number;
	array_append(&flow->returned, (struct returned){ .value = part, .depth = (uint8_t)(returned->depth + 1) });
}

/* Hands the types of a symbol to something that it may be. */
static void types_hand(struct flow *flow, const struct symbol_state *symbol, struct value part)
{
	for (unsigned i = 0; i < symbol->n_types; i++) {
		if (symbol->types[i].source != SOURCE_DECLARED)
			value_type(flow, (struct value){ .symbol = part.symbol, .number = part.number - symbol->types[i].offset },
				   symbol->types[i].type, symbol->types[i].source);
	}
}

/* Hands what is known of joins down to what they are made of: newer ones first, for these may be of older ones; where a loop leads to what is newer, a few times. */
static void joins_settle(struct flow *flow)
{
	int rounds = flow->links.n ? JOIN_ROUNDS : 1;

	for (int round = 0; round < rounds; round++) {
		for (size_t i = flow->symbols.n; i-- > SYMBOLS_FIRST;) {
			const struct symbol_state symbol = flow->symbols.v[i];

			if (symbol.kind != SYMBOL_JOIN || symbol.n_types == 0)
				continue;
			types_hand(flow, &symbol, symbol.joined[0]);
			types_hand(flow, &symbol, symbol.joined[1]);
			for (int32_t link = symbol.first_link; link >= 0; link = flow->links.v[link].next)
				types_hand(flow, &symbol, flow->links.v[link].value);
		}
	}
	// What goes somewhere: the lists grow while they are read.
	for (size_t i = 0; i < flow->goings.n && flow->goings.n < GOINGS_MAX; i++) {
		const struct going going = flow->goings.v[i];
		const struct symbol_state *symbol = &flow->symbols.v[going.symbol];
		struct value parts[2] = { symbol->joined[0], symbol->joined[1] };

		if (symbol->kind != SYMBOL_JOIN || going.depth == JOIN_DEPTH)
			continue;
		for (int k = 0; k < 2; k++) {
			if (parts[k].symbol >= SYMBOLS_FIRST && parts[k].number == 0)
				array_append(&flow->goings,
					     (struct going){ .symbol = parts[k].symbol, .node = going.node, .depth = (uint8_t)(going.depth + 1) });
		}
		for (int32_t link = symbol->first_link; link >= 0; link = flow->links.v[link].next) {
			struct value part = flow->links.v[link].value;

			if (part.number == 0)
				array_append(&flow->goings,
					     (struct going){ .symbol = part.symbol, .node = going.node, .depth = (uint8_t)(going.depth + 1) });
		}
	}
	for (size_t i = 0; i < flow->returned.n && flow->returned.n < RETURNED_MAX; i++) {
		const struct returned returned = flow->returned.v[i];
		const struct symbol_state *symbol = &flow->symbols.v[returned.value.symbol];

		if (symbol->kind != SYMBOL_JOIN || returned.depth == JOIN_DEPTH)
			continue;
		for (int k = 0; k < 2; k++)
			returned_add(flow, &returned, symbol->joined[k]);
		for (int32_t link = symbol->first_link; link >= 0; link = flow->links.v[link].next)
			returned_add(flow, &returned, flow->links.v[link].value);
	}
}

/* The register argument that a function returns, whatever way it takes; -1 when there is none. */
static int8_t returned_argument(const struct flow *flow)
{
	int8_t argument = -1;

	for (size_t i = 0; i < flow->returned.n; i++) {
		const struct symbol_state *symbol = &flow->symbols.v[flow->returned.v[i].value.symbol];

		if (symbol->kind == SYMBOL_JOIN)
			continue;
		if (symbol->kind != SYMBOL_ARGUMENT || flow->returned.v[i].value.number != 0 || (argument >= 0 && argument != symbol->parameter))
			return -1;
		argument = symbol->parameter;
	}
	return argument;
}

void symbols_settle(struct flow *flow)
{
	struct code_reader *reader = flow->reader;

	joins_settle(flow);
	for (size_t i = SYMBOLS_FIRST; i < flow->symbols.n; i++)
		types_reduce(flow, &flow->symbols.v[i]);
	for (size_t i = SYMBOLS_FIRST; i < flow->symbols.n; i++) {
		const struct symbol_state *symbol = &flow->symbols.v[i];

		for (unsigned k = 0; symbol->kind != SYMBOL_JOIN && k < symbol->n_types; k++) {
			if (symbol->node >= 0 && typing_counts(&symbol->types[k]) && symbol->types[k].source != SOURCE_DECLARED && is_news(flow, symbol->node, &symbol->types[k]))
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
			if (typing_counts(&symbol->types[k]) && is_news(flow, going->node, &symbol->types[k]))
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
		const struct symbol_state *symbol = &flow->symbols.v[flow->returned.v[i].value.symbol];

		reader->infos.v[flow->function].returns_other |= symbol->call < 0 && symbol->kind != SYMBOL_JOIN;
	}
	for (size_t i = 0; i < flow->returned.n; i++) {
		const struct symbol_state *symbol = &flow->symbols.v[flow->returned.v[i].value.symbol];

		if (symbol->call >= 0) {
			reader->calls.v[symbol->call].is_returned = true;
			reader->calls.v[symbol->call].shift = flow->returned.v[i].value.number;
		}
	}
}
