/* SPDX-License-Identifier: MIT */
#include "types/raw_types.h"

#include "debug/variables.h"

/** What is open around a DIE. */
struct open_die {
	int32_t raw, scope;
	bool is_struct;
	/** Of Rust: what follows is the discriminant, or a variant with one. */
	bool is_variant_part, is_variant;
	/** Of the variant; MEMBER_NO_OFFSET where it has none. */
	uint64_t discriminant;
};

/* Opens a scope within another. */
static int32_t scope_add(struct type_reader *reader, int32_t parent, const char *name)
{
	array_append(&reader->scopes, (struct scope){ .name = name, .parent = parent });
	scope_hash_set(reader, (int32_t)reader->scopes.n - 1);
	return (int32_t)reader->scopes.n - 1;
}

static void bit_set(struct type_reader *reader, uint64_t offset)
{
	size_t bit = offset - reader->dies.unit.offset, word = bit / 64;

	if (reader->bits.n <= word) {
		size_t more = word + 1 - reader->bits.n;

		array_reserve(&reader->bits, more);
		memset(reader->bits.v + reader->bits.n, 0, more * sizeof(*reader->bits.v));
		reader->bits.n = word + 1;
	}
	reader->bits.v[word] |= UINT64_C(1) << bit % 64;
}

static struct raw_link raw_link(struct die_link link)
{
	return (struct raw_link){ link.space, link.to };
}

static int32_t raw_add(struct type_reader *reader, int32_t scope)
{
	const struct die *die = &reader->dies.die;
	const struct die_facts *facts = &reader->dies.facts;

	bit_set(reader, die->offset);
	array_append(&reader->raws, (struct raw){
		.offset = die->offset,
		.size = facts->has_size ? facts->size : 0,
		.has_size = facts->has_size,
		.name = facts->name,
		.type = raw_link(facts->type),
		.origin = raw_link(facts->origin),
		.signature = raw_link(facts->signature),
		.scope = scope,
		.own_scope = -1,
		.first = -1,
		.last = -1,
		.id = TYPE_NONE,
		.tag = (uint16_t)die->tag,
		.encoding = (uint8_t)facts->encoding,
		.is_declaration = facts->is_declaration,
		.count = 1,
	});
	return (int32_t)reader->raws.n - 1;
}

/* Appends a member to a raw type. */
static void member_add(struct type_reader *reader, int32_t owner, struct raw_member member)
{
	struct raw *raw = &reader->raws.v[owner];
	int32_t index = (int32_t)reader->members.n;

	if (reader->members.n >= TYPE_MEMBERS_MAX) {
		reader->table->truncated = true;
		return;
	}
	member.next = -1;
	array_append(&reader->members, member);
	if (raw->last >= 0)
		reader->members.v[raw->last].next = index;
	else
		raw->first = index;
	raw->last = index;
	raw->n++;
}

static void field_read(struct type_reader *reader, int32_t owner)
{
	const struct die_facts *facts = &reader->dies.facts;
	bool is_base = reader->dies.die.tag == DW_TAG_inheritance;
	struct raw_member member = {
		.name = facts->name,
		.type = raw_link(facts->type),
		.offset = facts->has_place ? facts->place : 0,
		.kind = is_base ? MEMBER_BASE : MEMBER_FIELD,
	};

	// Static members are variables, not members.
	if (!is_base && (facts->is_declaration || facts->is_static))
		return;
	// A virtual base is where its object says.
	if (is_base && !facts->has_place)
		member.offset = MEMBER_NO_OFFSET;
	if (facts->bit_size && facts->bit_size < UINT16_MAX) {
		member.bit_size = (uint16_t)facts->bit_size;
		if (facts->has_bit_offset) {
			member.offset = facts->bit_offset / 8;
			member.bit_offset = (uint8_t)(facts->bit_offset % 8);
		}
	}
	if (facts->name && facts->name[0] == '_' && !strncmp(facts->name, "_vptr", 5))
		reader->raws.v[owner].has_vptr = true;
	member_add(reader, owner, member);
}

/* What an enum of Rust says of the member just read. */
static void variant_read(struct type_reader *reader, const struct open_die *around)
{
	const struct die_facts *facts = &reader->dies.facts;

	if (around->is_variant)
		member_add(reader, around->raw, (struct raw_member){ .type = raw_link(facts->type), .offset = around->discriminant, .kind = MEMBER_VARIANT });
	else if (around->is_variant_part)
		member_add(reader, around->raw,
			   (struct raw_member){ .type = raw_link(facts->type), .offset = facts->has_place ? facts->place : 0, .kind = MEMBER_DISCRIMINANT });
}

static void variable_read(struct type_reader *reader)
{
	const struct die_facts *facts = &reader->dies.facts;
	struct raw_variable variable = { .offset = reader->dies.die.offset, .type = raw_link(facts->type), .origin = raw_link(facts->origin) };
	uint64_t value;
	bool is_thread_local;

	if (reader->dies.die.tag == DW_TAG_variable && reader->dies.die.location &&
	    variable_place(&reader->dies, reader->module, &value, &is_thread_local)) {
		variable.start = value;
		variable.has_place = true;
		variable.is_thread_local = is_thread_local;
	}
	// One without a place may be completed by another that has one.
	if (variable.has_place || facts->is_declaration || facts->is_static)
		array_append(&reader->variables, variable);
}

/* Takes a DIE in; gives what is open for its children. */
static struct open_die die_take(struct type_reader *reader, const struct open_die *around)
{
	const struct die_facts *facts = &reader->dies.facts;
	struct open_die open = { .raw = NO_RAW, .scope = around->scope };

	switch (reader->dies.die.tag) {
	case DW_TAG_namespace:
	case DW_TAG_module:
		open.scope = scope_add(reader, around->scope, facts->name ? facts->name : "(anonymous namespace)");
		break;
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_interface_type:
		open.raw = raw_add(reader, around->scope);
		open.is_struct = true;
		if (reader->dies.die.has_children && !reader->is_c) {
			open.scope = scope_add(reader, around->scope, facts->name ? facts->name : "(anonymous)");
			reader->raws.v[open.raw].own_scope = open.scope;
		}
		break;
	case DW_TAG_enumeration_type:
	case DW_TAG_array_type:
		open.raw = raw_add(reader, around->scope);
		break;
	case DW_TAG_typedef:
	case DW_TAG_base_type:
	case DW_TAG_unspecified_type:
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
	case DW_TAG_ptr_to_member_type:
	case DW_TAG_subroutine_type:
	case DW_TAG_const_type:
	case DW_TAG_volatile_type:
	case DW_TAG_restrict_type:
	case DW_TAG_atomic_type:
		raw_add(reader, around->scope);
		break;
	case DW_TAG_subrange_type:
		// A range outside of an array is a type that nothing here asks about.
		if (around->raw >= 0 && reader->raws.v[around->raw].tag == DW_TAG_array_type) {
			struct raw *array = &reader->raws.v[around->raw];

			array->has_dimension = true;
			if (!facts->has_count || __builtin_mul_overflow(array->count, facts->count, &array->count))
				array->count = 0;
		}
		break;
	case DW_TAG_member:
		if (around->is_struct && around->raw >= 0) {
			field_read(reader, around->raw);
			variant_read(reader, around);
		}
		if (facts->is_declaration || facts->is_static)
			variable_read(reader);
		break;
	case DW_TAG_inheritance:
		if (around->is_struct && around->raw >= 0)
			field_read(reader, around->raw);
		break;
	case DW_TAG_variant_part:
	case DW_TAG_variant:
		// Its members are members of the struct around it, one over the other.
		open = *around;
		open.is_variant = reader->dies.die.tag == DW_TAG_variant;
		open.is_variant_part = !open.is_variant;
		open.discriminant = facts->has_value ? facts->value : MEMBER_NO_OFFSET;
		break;
	case DW_TAG_template_type_parameter:
	case DW_TAG_template_value_parameter:
		if (around->is_struct && around->raw >= 0)
			member_add(reader, around->raw, (struct raw_member){
				.name = facts->name,
				.type = raw_link(facts->type),
				.offset = facts->has_value ? facts->value : MEMBER_NO_OFFSET,
				.kind = reader->dies.die.tag == DW_TAG_template_type_parameter ? MEMBER_TEMPLATE_TYPE : MEMBER_TEMPLATE_VALUE,
			});
		break;
	case DW_TAG_enumerator:
		if (around->raw >= 0 && reader->raws.v[around->raw].tag == DW_TAG_enumeration_type && facts->has_value)
			member_add(reader, around->raw, (struct raw_member){ .name = facts->name, .offset = facts->value, .kind = MEMBER_ENUMERATOR });
		break;
	case DW_TAG_variable:
		variable_read(reader);
		break;
	case DW_TAG_subprogram:
		// What a class declares is completed elsewhere.
		if (around->is_struct)
			die_reader_skip(&reader->dies);
		break;
	default:
		break;
	}
	return open;
}

void raw_types_read(struct type_reader *reader)
{
	struct open_die open[ANCESTORS_MAX + 1];

	reader->raws.n = reader->members.n = reader->variables.n = reader->scopes.n = reader->bits.n = 0;
	open[0] = (struct open_die){ .raw = NO_RAW, .scope = -1 };
	if (!die_reader_next(&reader->dies))
		return;

	unsigned language = reader->dies.facts.language;

	reader->is_c = language == DW_LANG_C89 || language == DW_LANG_C || language == DW_LANG_C99 || language == DW_LANG_C11;
	reader->is_rust = language == DW_LANG_Rust;
	while (die_reader_next(&reader->dies)) {
		unsigned depth = reader->dies.die.depth;

		if (depth == 0 || depth > ANCESTORS_MAX) {
			die_reader_skip(&reader->dies);
			continue;
		}
		if (reader->raws.n + reader->table->v.n >= TYPES_MAX) {
			reader->table->truncated = true;
			return;
		}
		open[depth < ANCESTORS_MAX ? depth : ANCESTORS_MAX] = die_take(reader, &open[depth - 1]);
	}
}
