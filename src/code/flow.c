/* SPDX-License-Identifier: MIT */
#include "code/flow.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "debug/symbols.h"

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
		flow->body_sp = flow->now.registers[flow->convention->sp];
		if ((vaddr)to->number <= flow->pc && (vaddr)to->number >= flow->range.low)
			loop_back(flow, (vaddr)to->number);
		pending_keep(flow, (vaddr)to->number);
	} else if (step->kind == STEP_JUMP) {
		// A tail call; or a table of jumps, in whose place a register stands.
		struct value address = to->kind == OPERAND_MEMORY && to->index == REGISTER_NONE ? operand_address(flow, to) : value_unknown;

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
			from = value_add(flow, from, value_constant((int64_t)-(uint64_t)other.number));
		else
			from = multiples_add(flow, from, other, -1);
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
			from = value_constant(from.number & step->other.number);
		else if (from.symbol != SYMBOL_CFA)
			from = value_round(flow, from);
		operand_write(flow, &step->to, from);
		break;
	case STEP_OTHER:
		operand_write(flow, &step->to, value_unknown);
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

/* Takes the code of a range apart, and finds its loops. */
static void code_decode(struct flow *flow, const uint8_t *code, uint64_t size)
{
	struct code_facts *facts = flow->reader->facts;
	struct instruction instruction;

	flow->code.n = flow->loop_ends.n = flow->loop_registers.n = 0;
	instruction_reader_begin(flow->instructions, code, size, flow->range.low);
	while (instruction_reader_next(flow->instructions, &instruction)) {
		if (++facts->instructions > INSTRUCTIONS_MAX) {
			facts->truncated = true;
			break;
		}
		array_append(&flow->code, instruction);
		array_append(&flow->loop_ends, 0);
	}
	flow->loop_budget = flow->code.n * LOOP_ROUNDS;
	for (size_t i = 0; i < flow->code.n; i++) {
		for (unsigned k = 0; k < flow->code.v[i].n; k++) {
			const struct step *step = &flow->code.v[i].steps[k];
			size_t head;

			if ((step->kind != STEP_JUMP && step->kind != STEP_BRANCH) || step->from.kind != OPERAND_NUMBER ||
			    (vaddr)step->from.number > flow->code.v[i].at)
				continue;
			head = instruction_at(flow, (vaddr)step->from.number);
			if (head < flow->code.n)
				flow->loop_ends.v[head] = (uint32_t)i;
		}
	}
}

static void range_read(struct flow *flow, const struct body_range *range, bool is_entry)
{
	struct code_facts *facts = flow->reader->facts;
	uint64_t size = range->high - range->low;

	if (size > CODE_MAX || size > flow->code_budget) {
		facts->truncated = true;
		return;
	}

	flow->code_budget -= size;

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
	code_decode(flow, code, size);
	for (flow->at = 0; flow->at < flow->code.n; flow->at++) {
		const struct instruction *instruction = &flow->code.v[flow->at];

		flow->pc = instruction->at;
		flow->next_pc = instruction->at + instruction->size;
		// Padding leads nowhere.
		if (!flow->is_reachable && instruction->n == 0 && !instruction->clobbers && !instruction_is_target(flow))
			continue;
		instruction_begin(flow);
		for (unsigned i = 0; i < instruction->n; i++)
			step_read(flow, &instruction->steps[i]);
		if (instruction->clobbers)
			registers_clobber(flow, instruction->clobbers);
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

static void function_read(struct flow *flow)
{
	flow->symbols.n = flow->goings.n = flow->returned.n = flow->links.n = 0;
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
	array_deinit(&flow->links);
	array_deinit(&flow->loop_registers);
	array_deinit(&flow->code);
	array_deinit(&flow->loop_ends);
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

static struct flow *flow_create(struct code_reader *reader, uint32_t module)
{
	struct flow *flow = xcalloc(1, sizeof(*flow));

	flow->reader = reader;
	flow->declarations = &reader->of[module].declarations;
	flow->module = &reader->modules->v.v[module];
	flow->module_index = module;
	flow->convention = convention_of(flow->module->machine);
	flow->instructions = instruction_reader_create(flow->module->machine);
	for (size_t i = 0; i < flow->module->segments.n; i++) {
		if (flow->module->segments.v[i].flags & PF_X)
			flow->code_budget += flow->module->segments.v[i].file_size * CODE_ROUNDS;
	}
	if (reader->of[module].has_declarations)
		body_budget(&flow->body, &flow->declarations->file->sections);
	return flow;
}

void flow_read_functions(struct code_reader *reader, uint32_t module, const struct range *functions, size_t n)
{
	struct flow *flow = flow_create(reader, module);

	reader->of[module].has_symbols = true;
	for (size_t i = 0; i < n; i++) {
		struct symbol symbol;

		if (symbol_at(reader->modules, flow->module, functions[i].start, &symbol) && symbol.value == functions[i].start)
			reader_function(reader, module, functions[i].start, symbol.name);
	}
	for (size_t i = 0; flow->instructions && !reader->facts->truncated && i < n; i++) {
		flow->function = keys_find(&reader->function_entries, module, functions[i].start);
		if (flow->function < 0)
			continue;
		flow->body.ranges.n = 0;
		array_append(&flow->body.ranges, (struct body_range){ functions[i].start, functions[i].end });
		function_read(flow);
	}
	flow_destroy(flow);
}

void flow_read_module(struct code_reader *reader, uint32_t module)
{
	size_t n;
	_cleanup_free_ struct ordered *order = functions_order(&reader->of[module].declarations, &n);
	struct flow *flow = flow_create(reader, module);
	struct die_reader dies;

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
