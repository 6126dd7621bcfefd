/* SPDX-License-Identifier: MIT */
/*
 * A raw type finds its equal by a hash of what it says; only structs that are new have their members' types looked at. References to what comes later in the file are left as
 * forwards, which sealing resolves.
 */
#include <stdlib.h>

#include "debug/dwarf.h"
#include "debug/modules.h"
#include "types/raw_types.h"

enum {
	/** References from type to type that are followed without a new struct between them. */
	REFERENCES_MAX = 128,
	/** Of them, those that tell equal members from others. */
	SIGNATURE_STEPS = 6,
	POINTER_SIZE = 8,
};

/* Counts what raw_at() goes by. */
static void ranks_count(struct type_reader *reader)
{
	uint32_t rank = 0;

	reader->ranks.n = 0;
	array_reserve(&reader->ranks, reader->bits.n);
	for (size_t i = 0; i < reader->bits.n; i++) {
		reader->ranks.v[reader->ranks.n++] = rank;
		rank += (uint32_t)__builtin_popcountll(reader->bits.v[i]);
	}
}

/* The raw type that a reference leads to within the unit; NO_RAW when it leads out of it. */
static int32_t raw_of_link(const struct type_reader *reader, struct raw_link link)
{
	return link.space == LINK_INFO ? raw_at(reader, link.to) : NO_RAW;
}

static type_id type_add(struct type_reader *reader, struct type type)
{
	type.module = reader->module_index < UINT16_MAX ? (uint16_t)reader->module_index : UINT16_MAX;
	array_append(&reader->table->v, type);
	return (type_id)(reader->table->v.n - 1);
}

/* The type that stands for a DIE of a file which has not been read that far. */
static type_id forward_to(struct type_reader *reader, uint32_t file, uint64_t die)
{
	struct type_index *index = reader->table->index;
	uint64_t hash = hash_mix(hash_mix(UINT64_C(0xf0), file), die);
	type_id id = hash_map_get(&index->equal, hash);

	if (id != UINT32_MAX)
		return id;
	id = type_add(reader, (struct type){ .name = "", .target = TYPE_NONE, .kind = TYPE_FORWARD });
	array_append(&index->forwards, (struct type_forward){ id, file, die });
	hash_map_set(&index->equal, hash, id);
	return id;
}

/* The type that a reference out of the unit leads to. */
static type_id outer_type(struct type_reader *reader, struct raw_link link)
{
	uint32_t file = reader->file;
	uint64_t die = link.to;

	if (link.space == LINK_NONE)
		return 0;
	if (link.space == LINK_SHARED) {
		file = reader->shared_file;
		if (file == UINT32_MAX)
			return 0;
	}

	type_id id = type_dies_find(&reader->table->dies[file], die);

	if (id != TYPE_NONE)
		return id;
	return die >= reader->dies.unit.offset && die < reader->dies.unit.end && file == reader->file ? 0 : forward_to(reader, file, die);
}

/* A type that is equal to any other with the same target (and count, and name). */
static type_id derived_type(struct type_reader *reader, enum type_kind kind, type_id target, uint64_t count, uint64_t size, const char *name, uint64_t scope)
{
	struct hash_map *equal = &reader->table->index->equal;
	uint64_t hash = hash_mix(hash_mix(hash_mix(hash_mix(hash_mix(UINT64_C(0xd1), kind), target), count), name ? name_hash(reader, name) : 0), scope);
	type_id id = hash_map_get(equal, hash);

	if (id != UINT32_MAX)
		return id;
	id = type_add(reader, (struct type){ .name = "", .kind = (uint8_t)kind, .target = target, .count = count, .size = size });
	hash_map_set(equal, hash, id);
	return id;
}

/* The pointer (or reference) to a type. */
static type_id pointer_type(struct type_reader *reader, enum type_kind kind, type_id target)
{
	struct type_index *index = reader->table->index;
	type_id_array *known = kind == TYPE_POINTER ? &index->pointers : &index->references;

	while (known->n <= target)
		array_append(known, TYPE_NONE);
	if (known->v[target] == TYPE_NONE) {
		type_id id = type_add(reader, (struct type){ .name = "", .kind = (uint8_t)kind, .target = target, .size = POINTER_SIZE });

		known->v[target] = id;
	}
	return known->v[target];
}

/* «ns::Class::name». */
static const char *qualified_name(struct type_reader *reader, const char *name, int32_t scope)
{
	char buffer[TYPE_NAME_MAX];
	size_t at = sizeof(buffer), length = strnlen(name, TYPE_NAME_MAX - 1);

	// From its end forwards; what has no room is cut off at the front.
	at -= length;
	memcpy(buffer + at, name, length);
	while (scope >= 0) {
		const char *outer = reader->scopes.v[scope].name;
		size_t outer_length = strnlen(outer, TYPE_NAME_MAX);

		if (outer_length + 2 > at)
			break;
		at -= 2;
		memcpy(buffer + at, "::", 2);
		at -= outer_length;
		memcpy(buffer + at, outer, outer_length);
		scope = reader->scopes.v[scope].parent;
	}
	return type_index_text(reader->table->index, buffer + at, sizeof(buffer) - at);
}

/* What tells the type of a member from others, without finding that type: the way to the next name. */
static uint64_t link_signature(const struct type_reader *reader, struct raw_link link)
{
	uint64_t hash = 1;

	for (int i = 0; i < SIGNATURE_STEPS; i++) {
		int32_t index = raw_of_link(reader, link);

		if (index < 0)
			return hash;

		const struct raw *raw = &reader->raws.v[index];

		switch (raw->tag) {
		case DW_TAG_const_type:
		case DW_TAG_volatile_type:
		case DW_TAG_restrict_type:
		case DW_TAG_atomic_type:
			break;
		default:
			hash = hash_mix(hash, raw->tag == DW_TAG_class_type ? DW_TAG_structure_type : raw->tag);
			if (raw->name)
				return hash_mix(hash, name_hash(reader, raw->name));
		}
		link = raw->type;
	}
	return hash;
}

static uint64_t members_hash(const struct type_reader *reader, const struct raw *raw)
{
	uint64_t hash = raw->n;

	for (int32_t i = raw->first; i >= 0; i = reader->members.v[i].next) {
		const struct raw_member *member = &reader->members.v[i];

		hash = hash_mix(hash, member->offset ^ (uint64_t)member->kind << 60 ^ (uint64_t)member->bit_offset << 56);
		hash = hash_mix(hash, member->name ? name_hash(reader, member->name) : 3);
		if (member->kind != MEMBER_ENUMERATOR)
			hash = hash_mix(hash, link_signature(reader, member->type));
	}
	return hash;
}

static enum type_kind kind_of(const struct raw *raw)
{
	switch (raw->tag) {
	case DW_TAG_structure_type:
		return TYPE_STRUCT;
	case DW_TAG_class_type:
	case DW_TAG_interface_type:
		return TYPE_CLASS;
	case DW_TAG_union_type:
		return TYPE_UNION;
	case DW_TAG_enumeration_type:
		return TYPE_ENUM;
	case DW_TAG_subroutine_type:
		return TYPE_FUNCTION;
	case DW_TAG_base_type:
		break;
	default:
		return TYPE_VOID;
	}
	switch (raw->encoding) {
	case DW_ATE_boolean:
		return TYPE_BOOL;
	case DW_ATE_float:
	case DW_ATE_complex_float:
	case DW_ATE_imaginary_float:
	case DW_ATE_decimal_float:
		return TYPE_FLOAT;
	case DW_ATE_signed:
		return TYPE_SIGNED;
	case DW_ATE_signed_char:
	case DW_ATE_unsigned_char:
		return raw->size == 1 ? TYPE_CHAR : raw->encoding == DW_ATE_signed_char ? TYPE_SIGNED : TYPE_UNSIGNED;
	default:
		return TYPE_UNSIGNED;
	}
}

/* The type of a raw one that is not merely another one in another form: structs, enums, base types. */
static type_id plain_type(struct type_reader *reader, int32_t index)
{
	struct raw *raw = &reader->raws.v[index];
	enum type_kind kind = kind_of(raw);
	struct hash_map *equal = &reader->table->index->equal;
	bool is_class = kind == TYPE_STRUCT || kind == TYPE_CLASS;

	if (kind == TYPE_VOID)
		return 0;

	uint64_t hash = hash_mix(UINT64_C(0xa0) + (is_class ? TYPE_STRUCT : kind), scope_hash(reader, reader->is_c ? -1 : raw->scope));

	hash = hash_mix(hash, raw->name ? name_hash(reader, raw->name) : 11);
	hash = hash_mix(hash, raw->is_declaration ? 13 : raw->size);
	if (!raw->is_declaration && raw->n)
		hash = hash_mix(hash, members_hash(reader, raw));

	type_id id = hash_map_get(equal, hash);

	if (id != UINT32_MAX)
		return id;

	bool has_members = raw->n && reader->table->members.n + raw->n <= TYPE_MEMBERS_MAX;
	struct type type = {
		.name = raw->name ? qualified_name(reader, raw->name, reader->is_c ? -1 : raw->scope) :
			kind == TYPE_FUNCTION ? "" : qualified_name(reader, "(anonymous)", reader->is_c ? -1 : raw->scope),
		.size = raw->size,
		.target = TYPE_NONE,
		.first = (uint32_t)reader->table->members.n,
		.n = has_members ? raw->n : 0,
		.kind = (uint8_t)kind,
		.flags = (uint8_t)((raw->is_declaration ? TYPE_IS_DECLARATION : 0) | (raw->has_typedef_name ? TYPE_HAS_TYPEDEF_NAME : 0) |
				   (raw->name ? 0 : TYPE_IS_ANONYMOUS) | (reader->is_c ? 0 : TYPE_IS_CLASSY) | (raw->has_vptr ? TYPE_HAS_VPTR : 0) |
				   (reader->is_rust ? TYPE_IS_RUST : 0)),
	};

	id = type_add(reader, type);
	hash_map_set(equal, hash, id);
	raw->id = id;
	if (has_members) {
		array_reserve(&reader->table->members, raw->n);
		for (int32_t i = raw->first; i >= 0; i = reader->members.v[i].next) {
			const struct raw_member *member = &reader->members.v[i];

			reader->table->members.v[reader->table->members.n++] = (struct type_member){
				.name = member->name ? type_index_text(reader->table->index, member->name, strnlen(member->name, TYPE_NAME_MAX)) : "",
				.offset = member->offset,
				.type = 0,
				.bit_size = member->bit_size,
				.bit_offset = member->bit_offset,
				.kind = member->kind,
			};
		}
	}
	if (has_members || kind == TYPE_ENUM)
		array_append(&reader->pending, index);
	return id;
}

static bool tag_is_plain(unsigned tag)
{
	switch (tag) {
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_interface_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_base_type:
	case DW_TAG_unspecified_type:
	case DW_TAG_subroutine_type:
		return true;
	default:
		return false;
	}
}

/* Whether something stands in an instance of a template. */
static bool is_of_instance(const struct type_reader *reader, int32_t scope)
{
	const char *name = scope >= 0 ? reader->scopes.v[scope].name : "";
	size_t length = strnlen(name, TYPE_NAME_MAX);

	return length && name[length - 1] == '>';
}

/* A raw type that is made of another: a pointer to it, an array of it. */
static type_id type_around(struct type_reader *reader, const struct raw *raw, type_id inner)
{
	switch (raw->tag) {
	case DW_TAG_pointer_type:
		return pointer_type(reader, TYPE_POINTER, inner);
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		return pointer_type(reader, TYPE_REFERENCE, inner);
	case DW_TAG_ptr_to_member_type:
		return derived_type(reader, TYPE_MEMBER_POINTER, inner, 0, raw->has_size ? raw->size : POINTER_SIZE, NULL, 0);
	case DW_TAG_array_type:
		return derived_type(reader, TYPE_ARRAY, inner, raw->has_dimension ? raw->count : 0, 0, NULL, 0);
	case DW_TAG_typedef: {
		// value_type, pointer: of all names of a C++ program these are the most text, and say least.
		if (is_of_instance(reader, raw->scope) && !(reader->table->v.v[inner].flags & TYPE_IS_ANONYMOUS))
			return inner;

		type_id id = derived_type(reader, TYPE_TYPEDEF, inner, 0, 0, raw->name ? raw->name : "", scope_hash(reader, reader->is_c ? -1 : raw->scope));
		struct type *type = &reader->table->v.v[id];

		if (!*type->name && raw->name) {
			const char *name = qualified_name(reader, raw->name, reader->is_c ? -1 : raw->scope);

			reader->table->v.v[id].name = name;
		}
		return id;
	}
	default:
		// Qualifiers.
		return inner;
	}
}

/* The type that a reference leads to. Follows it through pointers, arrays and typedefs to a struct or the like, then builds on the way back. */
static type_id link_type(struct type_reader *reader, struct raw_link link)
{
	int32_t way[REFERENCES_MAX];
	size_t n = 0;
	type_id id = 0;

	for (;;) {
		int32_t index = raw_of_link(reader, link);

		if (index < 0) {
			id = outer_type(reader, link);
			break;
		}

		struct raw *raw = &reader->raws.v[index];

		if (raw->state == RAW_DONE) {
			id = raw->id;
			break;
		}
		// In a circle, or absurdly long.
		if (raw->state == RAW_BUSY || n == REFERENCES_MAX)
			break;
		if (raw->signature.space != LINK_NONE && (raw->is_declaration || !raw->has_size)) {
			// It is in a type unit.
			raw->id = id = outer_type(reader, raw->signature);
			raw->state = RAW_DONE;
			break;
		}
		if (tag_is_plain(raw->tag)) {
			raw->state = RAW_DONE;
			id = plain_type(reader, index);
			reader->raws.v[index].id = id;
			break;
		}
		raw->state = RAW_BUSY;
		way[n++] = index;
		link = raw->type;
	}
	while (n--) {
		struct raw *raw = &reader->raws.v[way[n]];

		id = type_around(reader, raw, id);
		raw->id = id;
		raw->state = RAW_DONE;
	}
	return id;
}

/* Finds the types of the members of structs that are new. */
static void pending_resolve(struct type_reader *reader)
{
	while (reader->pending.n) {
		int32_t index = reader->pending.v[--reader->pending.n];
		const struct raw *raw = &reader->raws.v[index];
		type_id id = raw->id;
		uint32_t at = reader->table->v.v[id].first;

		if (raw->tag == DW_TAG_enumeration_type) {
			if (!raw->has_size && raw->type.space != LINK_NONE) {
				type_id base = link_type(reader, raw->type);

				reader->table->v.v[id].size = reader->table->v.v[base].size;
			}
			continue;
		}
		for (int32_t i = raw->first; i >= 0; i = reader->members.v[i].next) {
			struct raw_link link = reader->members.v[i].type;
			type_id type = link_type(reader, link);

			reader->table->members.v[at++].type = type;
		}
	}
}

/* Names what has none of its own: structs by their typedefs, definitions by what they complete. */
static void names_complete(struct type_reader *reader)
{
	bool moved = false;

	for (size_t i = 0; i < reader->raws.n; i++) {
		struct raw *raw = &reader->raws.v[i];
		int32_t origin = raw->origin.space != LINK_NONE ? raw_of_link(reader, raw->origin) : NO_RAW;

		if (origin < 0)
			continue;
		if (!raw->name)
			raw->name = reader->raws.v[origin].name;
		raw->scope = reader->raws.v[origin].scope;
		if (raw->own_scope >= 0) {
			// Scopes come before those within them, or else names could run in circles.
			if (raw->scope < raw->own_scope)
				reader->scopes.v[raw->own_scope].parent = raw->scope;
			if (raw->name)
				reader->scopes.v[raw->own_scope].name = raw->name;
			moved = true;
		}
	}
	for (size_t i = 0; moved && i < reader->scopes.n; i++)
		scope_hash_set(reader, (int32_t)i);
	for (size_t i = 0; i < reader->raws.n; i++) {
		const struct raw *raw = &reader->raws.v[i];

		if (raw->tag != DW_TAG_typedef || !raw->name)
			continue;

		struct raw_link link = raw->type;

		for (int step = 0; step < SIGNATURE_STEPS; step++) {
			int32_t index = raw_of_link(reader, link);
			struct raw *target = index >= 0 ? &reader->raws.v[index] : NULL;

			if (target && (target->tag == DW_TAG_const_type || target->tag == DW_TAG_volatile_type)) {
				link = target->type;
				continue;
			}
			if (target && !target->name && (tag_is_named(target->tag) || target->tag == DW_TAG_enumeration_type)) {
				target->name = raw->name;
				target->has_typedef_name = true;
				target->scope = raw->scope;
			}
			break;
		}
	}
}

static int raw_variable_compare(const void *key, const void *element)
{
	uint64_t offset = *(const uint64_t *)key, other = ((const struct raw_variable *)element)->offset;

	return offset < other ? -1 : offset > other;
}

static void variable_keep(struct type_reader *reader, const struct raw_variable *variable, type_id type)
{
	if (reader->table->variables.n >= TYPE_VARIABLES_MAX)
		return;
	array_append(&reader->table->variables, (struct type_variable){
		.start = variable->start,
		.die = reader->dies.sections->is_split ? 0 : variable->offset,
		.type = type,
		.module = reader->module_index,
		.is_thread_local = variable->is_thread_local,
	});
}

static void variables_keep(struct type_reader *reader)
{
	for (size_t i = 0; i < reader->variables.n; i++) {
		const struct raw_variable *variable = &reader->variables.v[i];
		struct raw_link link = variable->type;

		if (!variable->has_place)
			continue;
		if (link.space == LINK_NONE && variable->origin.space == LINK_INFO) {
			const struct raw_variable *origin = bsearch(&(uint64_t){ variable->origin.to }, reader->variables.v, reader->variables.n,
								    sizeof(*reader->variables.v), raw_variable_compare);

			if (origin)
				link = origin->type;
		}
		if (link.space != LINK_NONE)
			variable_keep(reader, variable, link_type(reader, link));
		else if (variable->origin.space == LINK_INFO && reader->distant.n < TYPE_VARIABLES_MAX)
			array_append(&reader->distant, *variable);
		pending_resolve(reader);
	}
}

void unit_types_keep_distant(struct type_reader *reader, struct modules *modules)
{
	const struct dwarf_file *file = reader->distant.n ? module_dwarf(modules, &modules->v.v[reader->module_index]) : NULL;

	for (size_t i = 0; file && i < reader->distant.n; i++) {
		Dwarf_Die die, type;
		type_id id;

		if (!die_at(file, reader->distant.v[i].offset, &die) || !die_type(&die, &type))
			continue;
		id = type_dies_find(&reader->table->dies[reader->file], dwarf_dieoffset(&type));
		if (id != TYPE_NONE)
			variable_keep(reader, &reader->distant.v[i], id);
	}
}

void unit_types_keep(struct type_reader *reader)
{
	struct type_dies *dies = &reader->table->dies[reader->file];

	ranks_count(reader);
	names_complete(reader);
	for (size_t i = 0; i < reader->raws.n; i++) {
		link_type(reader, (struct raw_link){ LINK_INFO, reader->raws.v[i].offset });
		pending_resolve(reader);
	}
	for (size_t i = 0; i < reader->raws.n; i++) {
		const struct raw *raw = &reader->raws.v[i];

		array_append(&dies->v, (struct type_die){ (uint32_t)raw->offset, raw->id == TYPE_NONE ? 0 : raw->id });
	}
	variables_keep(reader);
}
