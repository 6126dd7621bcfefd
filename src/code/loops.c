/* SPDX-License-Identifier: MIT */
/*
 * Where ways come together, and loops.
 */
#include "code/flow.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

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
			slot->value = value_unknown;
		else
			slot->value = value_join(flow, slot->value, other->slots[i].value);
	}
	flow->now.is_guess = is_guess && other_is_guess;
}

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

void pending_keep(struct flow *flow, vaddr target)
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

void state_reset(struct flow *flow)
{
	struct value fp = flow->now.registers[flow->convention->fp];

	memset(&flow->now, 0, sizeof(flow->now));
	flow->now.is_guess = true;
	flow->now.registers[flow->convention->sp] = flow->body_sp;
	if (fp.symbol == SYMBOL_CFA)
		flow->now.registers[flow->convention->fp] = fp;
}

size_t instruction_at(const struct flow *flow, vaddr address)
{
	size_t low = 0, high = flow->code.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (flow->code.v[middle].at < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < flow->code.n && flow->code.v[low].at == address ? low : flow->code.n;
}

/* Whether an instruction gives a register back to the caller. */
static bool is_restored(const struct flow *flow, const struct instruction *instruction, unsigned reg)
{
	const struct step *last = &instruction->steps[instruction->n - 1];

	return !(flow->convention->scratch >> reg & 1) && instruction->n > 1 && last->kind == STEP_ADD && last->to.kind == OPERAND_REGISTER &&
	       last->to.reg == flow->convention->sp;
}

/* Makes a symbol of what a register has where a loop begins that changes it: what it was before, or what it is at the end of the loop. */
static void loop_register_begin(struct flow *flow, unsigned reg)
{
	struct value old = flow->now.registers[reg], value;
	const struct symbol_state *before = symbol_of(flow, old);

	if (old.symbol == SYMBOL_NONE || old.symbol == SYMBOL_CFA)
		return;
	value = symbol_new(flow, SYMBOL_JOIN);
	if (!symbol_of(flow, value)) {
		flow->now.registers[reg] = value_unknown;
		return;
	}
	before = symbol_of(flow, old);
	if (before && before->kind != SYMBOL_EITHER) {
		const struct symbol_state copy = *before;

		symbol_of(flow, value)->joined[0] = old;
		for (unsigned i = 0; i < copy.n_types; i++)
			value_type(flow, (struct value){ .symbol = value.symbol, .number = old.number - copy.types[i].offset }, copy.types[i].type,
				   SOURCE_DECLARED);
	}
	symbol_of(flow, value)->is_rounded = true;
	flow->now.registers[reg] = value;
	array_append(&flow->loop_registers, (struct loop_register){ .head = flow->at, .reg = (uint8_t)reg, .symbol = value.symbol });
}

void loop_back(struct flow *flow, vaddr target)
{
	size_t head = instruction_at(flow, target), low = 0, high = flow->loop_registers.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (flow->loop_registers.v[middle].head < head)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < flow->loop_registers.n && flow->loop_registers.v[low].head == head && flow->links.n < LINKS_MAX; low++) {
		const struct loop_register *one = &flow->loop_registers.v[low];
		struct value value = flow->now.registers[one->reg];

		if (value.symbol < SYMBOLS_FIRST || value.symbol == one->symbol)
			continue;
		array_append(&flow->links, (struct link){ .value = value, .next = flow->symbols.v[one->symbol].first_link });
		flow->symbols.v[one->symbol].first_link = (int32_t)flow->links.n - 1;
	}
}

/* Forgets the constants that a loop changes, where it begins. What is a pointer stays: another one of its kind, as a rule. */
static void loop_begin(struct flow *flow)
{
	size_t end = flow->loop_ends.v[flow->at];
	bool all = end - flow->at > flow->loop_budget;
	uint64_t written = 0;

	for (size_t i = flow->at; !all && i <= end; i++, flow->loop_budget--) {
		const struct instruction *instruction = &flow->code.v[i];

		written |= instruction->clobbers;
		for (unsigned k = 0; k < instruction->n; k++) {
			const struct operand *to = &instruction->steps[k].to;
			struct value base;

			if (instruction->steps[k].kind == STEP_CALL)
				written |= flow->convention->scratch;
			if (to->kind == OPERAND_REGISTER && !is_restored(flow, instruction, to->reg))
				written |= UINT64_C(1) << to->reg;
			if (to->kind != OPERAND_MEMORY || to->reg >= REGISTERS_MAX || to->index != REGISTER_NONE)
				continue;
			base = flow->now.registers[to->reg];
			if (base.symbol != SYMBOL_CFA)
				continue;

			struct slot *slot = slot_at(&flow->now, base.number + to->number);

			if (slot->offset == base.number + to->number && value_is_constant(flow, slot->value))
				slot->value = value_unknown;
		}
	}
	for (unsigned i = 0; i < REGISTERS_MAX; i++) {
		if (all && value_is_constant(flow, flow->now.registers[i]))
			flow->now.registers[i] = value_unknown;
		else if (!all && (written >> i & 1))
			loop_register_begin(flow, i);
	}
	for (unsigned i = 0; all && i < SLOTS_MAX; i++) {
		if (value_is_constant(flow, flow->now.slots[i].value))
			flow->now.slots[i].value = value_unknown;
	}
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

bool instruction_is_target(struct flow *flow)
{
	const struct pending *pending = flow->n_pending ? pending_at(flow, flow->pc) : NULL;

	return pending && pending->target;
}

void instruction_begin(struct flow *flow)
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
	if (flow->loop_ends.v[flow->at]) {
		loop_begin(flow);
		joins_type(flow);
	}
	flow->is_reachable = true;
	while (flow->next_place < flow->body.places.n && flow->body.places.v[flow->next_place].low <= flow->pc) {
		uint32_t index = (uint32_t)flow->next_place++;

		if (place_is_current(flow, index))
			place_begin(flow, index);
	}
}
