/* SPDX-License-Identifier: MIT */
#include "code/bodies.h"

#include <dwarf.h>
#include <stdlib.h>

#include "debug/instructions.h"

enum {
	/** Attributes of one DIE that are looked at. */
	VALUES_MAX = 32,
	/** DIEs inside each other. */
	DEPTH_MAX = 64,
	/** Of one function. */
	VARIABLES_MAX = 1 << 14,
	PLACES_MAX = 1 << 16,
	CALLS_MAX = 1 << 15,
	DIES_MAX = 1 << 20,
	RANGES_MAX = 64,
	/** Entries of all location lists of one function. */
	ENTRIES_MAX = 1 << 17,
	/** How often all DIEs and all lists may be read. */
	BUDGET_ROUNDS = 8,
};

void body_deinit(struct body *body)
{
	array_deinit(&body->variables);
	array_deinit(&body->places);
	array_deinit(&body->calls);
	array_deinit(&body->arguments);
	array_deinit(&body->ranges);
}

void body_budget(struct body *body, const struct dwarf_sections *sections)
{
	body->dies_budget = sections->info.size * BUDGET_ROUNDS;
	// The shortest entry has some three bytes; and each variable may have one that is in no list.
	body->entries_budget = (sections->loc.size + sections->loclists.size + sections->info.size) * BUDGET_ROUNDS / 3;
}

struct body_reader {
	struct body *body;
	struct die_reader *dies;
	const struct declarations *declarations;
	struct canonical_types *canonical;
	struct die_value values[VALUES_MAX];
	size_t n, entries;
	/** What DW_OP_fbreg counts from. */
	struct location_place frame_base;
	/** By depth: the code that a scope covers; when that is in several ranges, the DIE that lists them. */
	struct body_scope {
		struct body_range range;
		uint64_t ranges_die;
	} scopes[DEPTH_MAX];
};

static uint64_t reference(const struct body_reader *reader, unsigned name)
{
	const struct die_value *value = die_value_find(reader->values, reader->n, name);

	return value && value->kind == DIE_REFERENCE ? value->number : 0;
}

/* Adds a place once for each range of a scope. */
static void place_spread(struct body_reader *reader, const struct body_place *model, const struct body_scope *scope)
{
	struct body_place place = *model;
	Dwarf_Addr base, low, high;
	ptrdiff_t at = 0;
	Dwarf_Die die;

	if (!scope->ranges_die || !die_at(reader->declarations->file, scope->ranges_die, &die)) {
		place.low = scope->range.low;
		place.high = scope->range.high;
		array_append(&reader->body->places, place);
		return;
	}
	for (int i = 0; i < RANGES_MAX && reader->entries < ENTRIES_MAX && (at = dwarf_ranges(&die, at, &base, &low, &high)) > 0; i++) {
		reader->entries++;
		place.low = low;
		place.high = high;
		if (low < high)
			array_append(&reader->body->places, place);
	}
}

/* Adds a place, with what the frame base is put in. */
static void place_add(struct body_reader *reader, const struct location *location, const struct body_scope *scope, uint32_t variable)
{
	struct body_place place = { .low = location->low,
				    .high = location->high,
				    .place = location_place(reader->dies, location->expression, location->size),
				    .variable = variable };

	if (place.place.kind == LOCATION_AT_FRAME_BASE) {
		struct location_place base = reader->frame_base;

		if (base.kind == LOCATION_NOWHERE || __builtin_add_overflow(base.offset, place.place.offset, &base.offset))
			return;
		place.place = base;
	}
	if (place.place.kind == LOCATION_NOWHERE || place.place.kind == LOCATION_AT_ADDRESS || place.place.kind == LOCATION_CONSTANT ||
	    place.place.reg >= REGISTERS_MAX)
		return;
	if (place.low == 0 && place.high == UINT64_MAX)
		place_spread(reader, &place, scope);
	else
		array_append(&reader->body->places, place);
}

static void variable_read(struct body_reader *reader, const struct body_scope *scope)
{
	struct body *body = reader->body;
	const struct die_value *value = die_value_find(reader->values, reader->n, DW_AT_location);
	struct body_variable variable = { .die = reader->dies->die.offset, .type = reference(reader, DW_AT_type), .aggregate = CODE_NONE };
	struct location_list list;
	struct location location;

	if (!value || body->variables.n >= VARIABLES_MAX || !location_list_begin(&list, reader->dies, value))
		return;
	if (!variable.type)
		variable.type = object_type(reader->declarations, reference(reader, DW_AT_abstract_origin));
	variable.pointee = pointee_of(reader->declarations, reader->canonical, variable.type);
	if (!variable.pointee.is_pointer) {
		const struct type_record *type = type_record_peel(reader->declarations, variable.type);

		if (!type || (type->tag != DW_TAG_structure_type && type->tag != DW_TAG_class_type && type->tag != DW_TAG_union_type))
			return;
		variable.aggregate = type_canonical(reader->declarations, reader->canonical, variable.type);
	}
	variable.size = type_record_size(reader->declarations, variable.type);

	size_t before = body->places.n;

	while (reader->entries < ENTRIES_MAX && body->places.n < PLACES_MAX && location_list_next(&list, &location)) {
		reader->entries++;
		place_add(reader, &location, scope, (uint32_t)body->variables.n);
	}
	if (body->places.n > before)
		array_append(&body->variables, variable);
}

static void call_read(struct body_reader *reader)
{
	const struct die_value *pc = die_value_find(reader->values, reader->n, DW_AT_call_return_pc);
	struct body_call call = { .callee = reference(reader, DW_AT_call_origin), .first = (uint32_t)reader->body->arguments.n };

	if (reader->dies->die.tag == DW_TAG_GNU_call_site) {
		pc = die_value_find(reader->values, reader->n, DW_AT_low_pc);
		call.callee = reference(reader, DW_AT_abstract_origin);
	}
	if (!pc || pc->kind != DIE_ADDRESS || reader->body->calls.n >= CALLS_MAX)
		return;
	call.return_pc = pc->number;
	array_append(&reader->body->calls, call);
}

static void argument_read(struct body_reader *reader)
{
	struct body *body = reader->body;
	bool is_old = reader->dies->die.tag == DW_TAG_GNU_call_site_parameter;
	const struct die_value *place = die_value_find(reader->values, reader->n, DW_AT_location);
	const struct die_value *value = die_value_find(reader->values, reader->n, is_old ? DW_AT_GNU_call_site_value : DW_AT_call_value);
	struct location_place where;
	struct body_argument argument;

	if (!place || place->kind != DIE_BLOCK || !value || value->kind != DIE_BLOCK || body->calls.n == 0 || body->arguments.n >= CALLS_MAX * 4)
		return;
	where = location_place(reader->dies, place->bytes, place->size);
	if (where.kind != LOCATION_REGISTER || !location_constant(reader->dies, value->bytes, value->size, &argument.value))
		return;
	argument.reg = where.reg;
	array_append(&body->arguments, argument);
	body->calls.v[body->calls.n - 1].count++;
}

/* Lists the code of the function. */
static void ranges_read(struct body_reader *reader, const struct function_record *function)
{
	Dwarf_Addr base, low, high;
	ptrdiff_t at = 0;
	Dwarf_Die die;

	if (!function->has_ranges) {
		if (function->low)
			array_append(&reader->body->ranges, (struct body_range){ function->low, function->high });
		return;
	}
	if (!die_at(reader->declarations->file, function->die, &die))
		return;
	while (reader->body->ranges.n < RANGES_MAX && (at = dwarf_ranges(&die, at, &base, &low, &high)) > 0) {
		if (low && low < high)
			array_append(&reader->body->ranges, (struct body_range){ low, high });
	}
}

static int place_compare(const void *a, const void *b)
{
	const struct body_place *left = a, *right = b;

	if (left->low != right->low)
		return left->low < right->low ? -1 : 1;
	return left->variable < right->variable ? -1 : left->variable > right->variable;
}

static int call_compare(const void *a, const void *b)
{
	const struct body_call *left = a, *right = b;

	if (left->return_pc != right->return_pc)
		return left->return_pc < right->return_pc ? -1 : 1;
	return left->first < right->first ? -1 : left->first > right->first;
}

/* Reads what is below the DIE of the function. */
static void dies_read(struct body_reader *reader)
{
	struct die_reader *dies = reader->dies;

	for (size_t i = 0; i < DIES_MAX && die_reader_next(dies); i++) {
		const struct die *die = &dies->die;
		struct body_scope *scope, *around;

		if (die->depth == 0 || die->depth >= DEPTH_MAX)
			continue;
		around = &reader->scopes[die->depth - 1];
		scope = &reader->scopes[die->depth];
		*scope = *around;
		switch (die->tag) {
		case DW_TAG_subprogram:
			// One that is local to this is read for itself.
			die_reader_skip(dies);
			continue;
		case DW_TAG_lexical_block:
		case DW_TAG_inlined_subroutine:
			if (die->low && die->low < die->high)
				*scope = (struct body_scope){ .range = { die->low, die->high } };
			else if (die->has_ranges)
				scope->ranges_die = die->offset;
			continue;
		case DW_TAG_variable:
		case DW_TAG_formal_parameter:
		case DW_TAG_call_site:
		case DW_TAG_GNU_call_site:
		case DW_TAG_call_site_parameter:
		case DW_TAG_GNU_call_site_parameter:
			break;
		default:
			continue;
		}
		reader->n = die_reader_values(dies, reader->values, VALUES_MAX);
		if (die->tag == DW_TAG_variable || die->tag == DW_TAG_formal_parameter)
			variable_read(reader, around);
		else if (die->tag == DW_TAG_call_site || die->tag == DW_TAG_GNU_call_site)
			call_read(reader);
		else
			argument_read(reader);
	}
}

bool body_read(struct body *body, struct die_reader *dies, const struct declarations *declarations, struct canonical_types *canonical,
	       const struct function_record *function)
{
	struct body_reader reader = { .body = body, .dies = dies, .declarations = declarations, .canonical = canonical };
	const struct die_value *base;

	body->variables.n = body->places.n = body->calls.n = body->arguments.n = body->ranges.n = 0;
	ranges_read(&reader, function);
	if (!body->dies_budget || !body->entries_budget)
		return false;
	if (body->ranges.n == 0 || !die_reader_seek(dies, function->unit, function->die) || !die_reader_next(dies))
		return body->ranges.n != 0;
	reader.n = die_reader_values(dies, reader.values, VALUES_MAX);
	base = die_value_find(reader.values, reader.n, DW_AT_frame_base);
	if (base && base->kind == DIE_BLOCK)
		reader.frame_base = location_place(dies, base->bytes, base->size);
	// A register that names a frame base stands for its value.
	if (reader.frame_base.kind == LOCATION_REGISTER)
		reader.frame_base.kind = LOCATION_AT_REGISTER;
	reader.scopes[0].range = (struct body_range){ body->ranges.v[0].low, body->ranges.v[0].high };
	if (body->ranges.n > 1)
		reader.scopes[0].range = (struct body_range){ 0, UINT64_MAX };
	if (dies->die.has_children)
		dies_read(&reader);
	// Where it ended up is how far it came.
	uint64_t end = (uint64_t)(dies->at.at - dies->sections->info.bytes), read = end > function->die ? end - function->die : 0;

	body->dies_budget -= read < body->dies_budget ? read : body->dies_budget;
	body->entries_budget -= reader.entries < body->entries_budget ? reader.entries : body->entries_budget;
	if (body->places.n)
		qsort(body->places.v, body->places.n, sizeof(*body->places.v), place_compare);
	if (body->calls.n)
		qsort(body->calls.v, body->calls.n, sizeof(*body->calls.v), call_compare);
	return true;
}

const struct body_call *body_call_at(const struct body *body, vaddr return_pc)
{
	size_t low = 0, high = body->calls.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (body->calls.v[middle].return_pc < return_pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low < body->calls.n && body->calls.v[low].return_pc == return_pc ? &body->calls.v[low] : NULL;
}

static uint64_t number(const struct body_reader *reader, unsigned name)
{
	const struct die_value *value = die_value_find(reader->values, reader->n, name);

	return value && value->kind == DIE_NUMBER ? value->number : 0;
}

/* Adds one inlined function, once for each range of its code. */
static void inline_add(struct body_reader *reader, body_inline_array *inlines, unsigned depth)
{
	const struct die *die = &reader->dies->die;
	struct body_inline one = { .depth = depth,
				   .origin = reference(reader, DW_AT_abstract_origin),
				   .file = number(reader, DW_AT_call_file),
				   .line = number(reader, DW_AT_call_line) };
	Dwarf_Addr base, low, high;
	ptrdiff_t at = 0;
	Dwarf_Die ranges;

	if (!die->has_ranges) {
		one.low = die->low;
		one.high = die->high;
		array_append(inlines, one);
		return;
	}
	if (!die_at(reader->declarations->file, die->offset, &ranges))
		return;
	for (int i = 0; i < RANGES_MAX && (at = dwarf_ranges(&ranges, at, &base, &low, &high)) > 0; i++) {
		one.low = low;
		one.high = high;
		array_append(inlines, one);
	}
}

void body_inlines(body_inline_array *inlines, struct die_reader *dies, const struct declarations *declarations, const struct function_record *function)
{
	struct body_reader reader = { .dies = dies, .declarations = declarations };
	unsigned depths[DEPTH_MAX] = { 0 };

	inlines->n = 0;
	if (!die_reader_seek(dies, function->unit, function->die) || !die_reader_next(dies) || !dies->die.has_children)
		return;
	for (size_t i = 0; i < DIES_MAX && inlines->n < PLACES_MAX && die_reader_next(dies); i++) {
		const struct die *die = &dies->die;

		if (die->depth == 0 || die->depth >= DEPTH_MAX)
			continue;
		depths[die->depth] = depths[die->depth - 1];
		if (die->tag != DW_TAG_inlined_subroutine)
			continue;
		reader.n = die_reader_values(dies, reader.values, VALUES_MAX);
		inline_add(&reader, inlines, depths[die->depth]++);
	}
}
