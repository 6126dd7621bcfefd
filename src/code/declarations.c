/* SPDX-License-Identifier: MIT */
/*
 * Types refer to each other by DIE offset, and are looked up by bisection. Each struct has a key: its name with what it stands in. One without a name goes by the typedef
 * that names it, else by where it is a member.
 */
#include "code/declarations.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "debug/instructions.h"
#include "debug/locations.h"

enum {
	/** Of one module. */
	RECORDS_MAX = 1 << 24,
	/** DIEs inside each other. */
	DEPTH_MAX = 64,
	/** Attributes of one DIE that are looked at. */
	VALUES_MAX = 32,
	/** Typedefs and qualifiers. */
	CHAIN_MAX = 64,
	/** Structs without a name inside such. */
	ANONYMOUS_ROUNDS = 8,
	POINTER_SIZE = 8,
	/** Of a parameter's location list, up to the function's first instruction. */
	ENTRIES_MAX = 4,
	/** How many variables at or below an address are looked at. */
	NEIGHBOURS_MAX = 4,
};

#define NO_RECORD UINT32_MAX
/** peeled of a record that was not looked at, and of void. */
#define PEELED_UNKNOWN UINT32_MAX
#define PEELED_NOTHING (UINT32_MAX - 1)

void declarations_deinit(struct declarations *declarations)
{
	array_deinit(&declarations->types);
	array_deinit(&declarations->members);
	array_deinit(&declarations->objects);
	array_deinit(&declarations->globals);
	array_deinit(&declarations->functions);
	array_deinit(&declarations->parameters);
	keys_deinit(&declarations->by_name);
	keys_deinit(&declarations->definitions);
}

/* ---- reading ---- */

/* What is open around a DIE. */
struct scope {
	uint64_t key;
	uint32_t type, function;
	/** Parameters of a function type. */
	uint32_t n;
};

struct declaration_reader {
	struct declarations *declarations;
	struct die_reader dies;
	struct die_value values[VALUES_MAX];
	size_t n;
	/** By depth. */
	struct scope scopes[DEPTH_MAX];
};

static uint64_t value_number(const struct declaration_reader *reader, unsigned name, uint64_t otherwise)
{
	const struct die_value *value = die_value_find(reader->values, reader->n, name);

	return value && value->kind == DIE_NUMBER ? value->number : otherwise;
}

static uint64_t value_reference(const struct declaration_reader *reader, unsigned name)
{
	const struct die_value *value = die_value_find(reader->values, reader->n, name);

	return value && value->kind == DIE_REFERENCE ? value->number : 0;
}

static const char *value_string(const struct declaration_reader *reader, unsigned name)
{
	const struct die_value *value = die_value_find(reader->values, reader->n, name);

	return value && value->kind == DIE_STRING && value->size ? value->string : NULL;
}

static void type_read(struct declaration_reader *reader, const struct scope *around, struct scope *own)
{
	struct declarations *declarations = reader->declarations;
	const struct die *die = &reader->dies.die;
	struct type_record record = {
		.die = die->offset,
		.target = value_reference(reader, DW_AT_type),
		.size = value_number(reader, DW_AT_byte_size, 0),
		.name = value_string(reader, DW_AT_name),
		.tag = (uint16_t)die->tag,
		.is_declaration = value_number(reader, DW_AT_declaration, 0) != 0 || die_value_find(reader->values, reader->n, DW_AT_signature),
		.is_by_reference = value_number(reader, DW_AT_calling_convention, 0) == DW_CC_pass_by_reference,
		.peeled = PEELED_UNKNOWN,
		.canonical = CANONICAL_UNKNOWN,
	};
	uint64_t encoding = die->tag == DW_TAG_base_type ? value_number(reader, DW_AT_encoding, 0) : 0;

	record.is_float = encoding == DW_ATE_float || encoding == DW_ATE_complex_float || encoding == DW_ATE_decimal_float;
	if (record.name)
		record.key = key_mix(around->key, key_of_string(record.name));
	// Of an array this counts elements, until the type is asked for.
	if (die->tag == DW_TAG_array_type)
		record.size = 1;
	own->type = (uint32_t)declarations->types.n;
	own->key = record.key ? record.key : key_mix(around->key, die->offset);
	array_append(&declarations->types, record);
}

static void member_read(struct declaration_reader *reader, const struct scope *around)
{
	struct declarations *declarations = reader->declarations;
	const struct die_value *place = die_value_find(reader->values, reader->n, DW_AT_data_member_location);
	struct member_record member = { .owner = around->type,
					.type = value_reference(reader, DW_AT_type),
					.order = (uint32_t)declarations->members.n };

	if (place && place->kind == DIE_BLOCK) {
		// DWARF 2 has DW_OP_plus_uconst here; of a virtual base, it is computed.
		struct cursor at = cursor_of(place->bytes, place->size, 0);

		if (cursor_number(&at, 1) != DW_OP_plus_uconst)
			return;
		member.offset = cursor_uleb(&at);
		if (at.failed || cursor_left(&at))
			return;
	} else if (place && place->kind == DIE_NUMBER) {
		member.offset = place->number;
	} else if (declarations->types.v[around->type].tag != DW_TAG_union_type) {
		// A static one, or a bit-field.
		return;
	}
	if (!die_value_find(reader->values, reader->n, DW_AT_bit_size))
		array_append(&declarations->members, member);
}

/* The register that the parameter at hand is in at an address; REGISTER_NONE when it is said to be in none. */
static uint8_t entry_register(const struct declaration_reader *reader, vaddr entry)
{
	const struct die_value *value = die_value_find(reader->values, reader->n, DW_AT_location);
	struct location_list list;
	struct location location;

	if (!value || !location_list_begin(&list, &reader->dies, value))
		return REGISTER_NONE;
	for (int i = 0; i < ENTRIES_MAX && location_list_next(&list, &location); i++) {
		struct location_place place;

		if (entry < location.low || entry >= location.high)
			continue;
		place = location_place(&reader->dies, location.expression, location.size);
		return place.kind == LOCATION_REGISTER && place.reg < REGISTERS_MAX ? (uint8_t)place.reg : REGISTER_NONE;
	}
	return REGISTER_NONE;
}

static void parameter_read(struct declaration_reader *reader, struct scope *around)
{
	struct declarations *declarations = reader->declarations;
	struct parameter_record parameter = { .die = reader->dies.die.offset,
					      .type = value_reference(reader, DW_AT_type),
					      .origin = value_reference(reader, DW_AT_abstract_origin),
					      .reg = REGISTER_NONE };

	if (around->type != NO_RECORD) {
		if (declarations->types.v[around->type].tag == DW_TAG_subroutine_type)
			array_append(&declarations->members,
				     (struct member_record){ .owner = around->type, .offset = around->n++, .type = parameter.type });
	} else if (around->function != NO_RECORD) {
		struct function_record *function = &declarations->functions.v[around->function];

		if (function->count == 0)
			function->first = (uint32_t)declarations->parameters.n;
		if (function->low)
			parameter.reg = entry_register(reader, function->low);
		if (function->first + function->count == declarations->parameters.n) {
			array_append(&declarations->parameters, parameter);
			function->count++;
		}
	}
}

static void object_read(struct declaration_reader *reader)
{
	uint64_t type = value_reference(reader, DW_AT_type);

	if (type)
		array_append(&reader->declarations->objects, (struct object_record){ .die = reader->dies.die.offset, .type = type });
}

static void variable_read(struct declaration_reader *reader)
{
	const struct die_value *location = die_value_find(reader->values, reader->n, DW_AT_location);
	uint64_t origin = value_reference(reader, DW_AT_specification);
	struct location_place place;

	object_read(reader);
	if (!location || location->kind != DIE_BLOCK)
		return;
	place = location_place(&reader->dies, location->bytes, location->size);
	if (place.kind != LOCATION_AT_ADDRESS || place.offset == 0)
		return;
	if (!origin)
		origin = value_reference(reader, DW_AT_abstract_origin);

	struct global_record global = { .start = (vaddr)place.offset, .die = reader->dies.die.offset, .type = value_reference(reader, DW_AT_type) };

	if (!global.type)
		global.type = object_type(reader->declarations, origin);
	array_append(&reader->declarations->globals, global);
}

static void function_read(struct declaration_reader *reader, const struct scope *around, struct scope *own)
{
	struct declarations *declarations = reader->declarations;
	const struct die *die = &reader->dies.die;
	struct function_record function = {
		.die = die->offset,
		.unit = reader->dies.unit.offset,
		.origin = value_reference(reader, DW_AT_abstract_origin),
		.type = value_reference(reader, DW_AT_type),
		.linkage_name = value_string(reader, DW_AT_linkage_name),
		.name = value_string(reader, DW_AT_name),
		.low = die->low,
		.high = die->high,
		.has_ranges = die->has_ranges,
	};

	if (!function.origin)
		function.origin = value_reference(reader, DW_AT_specification);
	own->function = (uint32_t)declarations->functions.n;
	own->key = key_mix(around->key, function.name ? key_of_string(function.name) : die->offset);
	array_append(&declarations->functions, function);
}

/* Adds what a DIE says. */
static void die_read(struct declaration_reader *reader)
{
	const struct die *die = &reader->dies.die;
	struct scope nothing = { .type = NO_RECORD, .function = NO_RECORD }, *around, *own;

	if (die->depth == 0 || die->depth >= DEPTH_MAX) {
		if (die->depth == 0)
			reader->scopes[0] = nothing;
		return;
	}
	around = &reader->scopes[die->depth - 1];
	own = &reader->scopes[die->depth];
	*own = nothing;
	own->key = around->key;
	switch (die->tag) {
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_base_type:
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
	case DW_TAG_typedef:
	case DW_TAG_const_type:
	case DW_TAG_volatile_type:
	case DW_TAG_restrict_type:
	case DW_TAG_atomic_type:
	case DW_TAG_array_type:
	case DW_TAG_subroutine_type:
	case DW_TAG_unspecified_type:
	case DW_TAG_subrange_type:
	case DW_TAG_member:
	case DW_TAG_inheritance:
	case DW_TAG_formal_parameter:
	case DW_TAG_variable:
	case DW_TAG_subprogram:
	case DW_TAG_namespace:
		reader->n = die_reader_values(&reader->dies, reader->values, VALUES_MAX);
		break;
	default:
		return;
	}
	switch (die->tag) {
	case DW_TAG_subrange_type:
		if (around->type != NO_RECORD && reader->declarations->types.v[around->type].tag == DW_TAG_array_type) {
			struct type_record *array = &reader->declarations->types.v[around->type];
			uint64_t upper = value_number(reader, DW_AT_upper_bound, UINT64_MAX);

			if (__builtin_mul_overflow(array->size, value_number(reader, DW_AT_count, upper + 1), &array->size))
				array->size = 0;
		}
		break;
	case DW_TAG_member:
	case DW_TAG_inheritance:
		object_read(reader);
		if (around->type != NO_RECORD && tag_is_aggregate(reader->declarations->types.v[around->type].tag))
			member_read(reader, around);
		break;
	case DW_TAG_formal_parameter:
		object_read(reader);
		parameter_read(reader, around);
		break;
	case DW_TAG_variable:
		variable_read(reader);
		break;
	case DW_TAG_subprogram:
		function_read(reader, around, own);
		break;
	case DW_TAG_namespace: {
		const char *name = value_string(reader, DW_AT_name);

		own->key = key_mix(around->key, name ? key_of_string(name) : 1);
		break;
	}
	default:
		type_read(reader, around, own);
	}
}

static int global_compare(const void *a, const void *b)
{
	const struct global_record *left = a, *right = b;

	if (left->start != right->start)
		return left->start < right->start ? -1 : 1;
	return left->die < right->die ? -1 : left->die > right->die;
}

static int member_compare(const void *a, const void *b)
{
	const struct member_record *left = a, *right = b;

	if (left->offset != right->offset)
		return left->offset < right->offset ? -1 : 1;
	return left->order < right->order ? -1 : left->order > right->order;
}

/* Sorts members by owner, and those of one by offset, and tells the owners. */
static void members_sort(struct declarations *declarations)
{
	size_t n = declarations->members.n;
	uint32_t at = 0;

	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		declarations->types.v[declarations->members.v[i].owner].count++;
	for (size_t i = 0; i < declarations->types.n; i++) {
		declarations->types.v[i].first = at;
		at += declarations->types.v[i].count;
		declarations->types.v[i].count = 0;
	}

	struct member_record *sorted = xcalloc(n, sizeof(*sorted));

	for (size_t i = 0; i < n; i++) {
		struct type_record *owner = &declarations->types.v[declarations->members.v[i].owner];

		sorted[owner->first + owner->count++] = declarations->members.v[i];
	}
	free(declarations->members.v);
	declarations->members.v = sorted;
	declarations->members.capacity = n;
	for (size_t i = 0; i < declarations->types.n; i++) {
		const struct type_record *owner = &declarations->types.v[i];

		if (owner->count > 1)
			qsort(sorted + owner->first, owner->count, sizeof(*sorted), member_compare);
	}
}

/* Gives types without a name those of their typedefs. */
static void names_complete(struct declarations *declarations)
{
	for (size_t i = 0; i < declarations->types.n; i++) {
		const struct type_record *type = &declarations->types.v[i];
		struct type_record *target;

		if (type->tag != DW_TAG_typedef || !type->name)
			continue;
		target = type_record_at(declarations, type->target);
		if (target && !target->name && (tag_is_aggregate(target->tag) || target->tag == DW_TAG_enumeration_type)) {
			target->name = type->name;
			target->key = key_mix(type->key, DW_TAG_typedef);
		}
	}
}

/* Gives structs that no name leads to the key of where they are a member; what is left gets one of its own. */
static void keys_complete(struct declarations *declarations)
{
	for (int round = 0; round < ANONYMOUS_ROUNDS; round++) {
		bool changed = false;

		for (size_t i = 0; i < declarations->members.n; i++) {
			const struct member_record *member = &declarations->members.v[i];
			const struct type_record *owner = &declarations->types.v[member->owner];
			struct type_record *type = type_record_peel(declarations, member->type);

			if (type && type->tag == DW_TAG_array_type)
				type = type_record_peel(declarations, type->target);
			if (type && !type->key && owner->key && tag_is_aggregate(type->tag)) {
				type->key = key_mix(owner->key, member->offset << 8 | (i - owner->first) % 256);
				changed = true;
			}
		}
		if (!changed)
			break;
	}
	for (size_t i = 0; i < declarations->types.n; i++) {
		struct type_record *type = &declarations->types.v[i];

		if (!type->key)
			type->key = key_mix(key_mix(declarations->module, 1), type->die);
	}
}

void declarations_read(struct declarations *declarations, uint32_t module, struct dwarf_file *file)
{
	struct declaration_reader *reader = xcalloc(1, sizeof(*reader));

	*declarations = (struct declarations){ .module = module, .file = file };
	reader->declarations = declarations;
	die_reader_init(&reader->dies, &file->sections);
	for (uint64_t at = 0; die_reader_unit(&reader->dies, at) || reader->dies.unit.end; at = reader->dies.unit.end) {
		while (!declarations->truncated && die_reader_next(&reader->dies)) {
			die_read(reader);
			declarations->truncated = declarations->types.n >= RECORDS_MAX || declarations->members.n >= RECORDS_MAX ||
						  declarations->objects.n >= RECORDS_MAX || declarations->parameters.n >= RECORDS_MAX;
		}
	}
	die_reader_deinit(&reader->dies);
	free(reader);
	members_sort(declarations);
	names_complete(declarations);
	keys_complete(declarations);
	if (declarations->globals.n)
		qsort(declarations->globals.v, declarations->globals.n, sizeof(*declarations->globals.v), global_compare);
	for (size_t i = 0; i < declarations->functions.n; i++) {
		const struct function_record *function = &declarations->functions.v[i];
		const char *name = function->linkage_name ? function->linkage_name : function->name;

		if (name && (function->count || function->type))
			keys_intern(&declarations->by_name, key_of_string(name), 0, (int32_t)i);
	}
}

/* ---- looking up ---- */

#define record_at(array, offset)                                        \
	({                                                              \
		size_t low_ = 0, high_ = (array)->n;                    \
		uint64_t die_ = (offset);                               \
                                                                        \
		while (low_ < high_) {                                  \
			size_t middle_ = low_ + (high_ - low_) / 2;     \
                                                                        \
			if ((array)->v[middle_].die < die_)             \
				low_ = middle_ + 1;                     \
			else                                            \
				high_ = middle_;                        \
		}                                                       \
		low_ < (array)->n && (array)->v[low_].die == die_ ? &(array)->v[low_] : NULL; \
	})

struct type_record *type_record_at(const struct declarations *declarations, uint64_t die)
{
	return die ? record_at(&declarations->types, die) : NULL;
}

uint64_t object_type(const struct declarations *declarations, uint64_t die)
{
	const struct object_record *object = die ? record_at(&declarations->objects, die) : NULL;

	return object ? object->type : 0;
}

const struct function_record *function_record_at(const struct declarations *declarations, uint64_t die)
{
	return die ? record_at(&declarations->functions, die) : NULL;
}

const struct function_record *function_record_origin(const struct declarations *declarations, const struct function_record *function)
{
	for (int i = 0; i < CHAIN_MAX && function->origin; i++) {
		const struct function_record *origin = function_record_at(declarations, function->origin);

		if (!origin)
			break;
		function = origin;
	}
	return function;
}

/* Goes through typedefs and qualifiers from a type; NULL for void, or when there is no end. */
static struct type_record *record_peel(const struct declarations *declarations, struct type_record *type)
{
	for (int i = 0; type && i < CHAIN_MAX; i++) {
		switch (type->tag) {
		case DW_TAG_typedef:
		case DW_TAG_const_type:
		case DW_TAG_volatile_type:
		case DW_TAG_restrict_type:
		case DW_TAG_atomic_type:
			type = type_record_at(declarations, type->target);
			break;
		case DW_TAG_unspecified_type:
			return NULL;
		default:
			return type;
		}
	}
	return NULL;
}

struct type_record *type_record_peel(const struct declarations *declarations, uint64_t die)
{
	struct type_record *type = type_record_at(declarations, die), *peeled;

	if (!type)
		return NULL;
	if (type->peeled == PEELED_UNKNOWN) {
		peeled = record_peel(declarations, type);
		type->peeled = peeled ? (uint32_t)(peeled - declarations->types.v) : PEELED_NOTHING;
	}
	return type->peeled == PEELED_NOTHING ? NULL : &declarations->types.v[type->peeled];
}

uint64_t type_record_size(const struct declarations *declarations, uint64_t die)
{
	uint64_t count = 1, size;

	for (int i = 0; i < CHAIN_MAX; i++) {
		const struct type_record *type = type_record_peel(declarations, die);

		if (!type)
			return 0;
		if (type->tag == DW_TAG_array_type) {
			if (__builtin_mul_overflow(count, type->size, &count))
				return 0;
			die = type->target;
			continue;
		}
		size = tag_is_pointer(type->tag) ? POINTER_SIZE : type->size;
		return __builtin_mul_overflow(size, count, &size) ? 0 : size;
	}
	return 0;
}

const struct global_record *global_at(const struct declarations *declarations, vaddr address, uint64_t *offset_ret)
{
	size_t low = 0, high = declarations->globals.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (declarations->globals.v[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (int steps = 0; low-- > 0 && steps < NEIGHBOURS_MAX; steps++) {
		const struct global_record *global = &declarations->globals.v[low];

		if (address - global->start < type_record_size(declarations, global->type)) {
			*offset_ret = address - global->start;
			return global;
		}
	}
	return NULL;
}
