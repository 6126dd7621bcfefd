/* SPDX-License-Identifier: MIT */
/*
 * A struct's canonical type is found by a key: that of its declaration, its size and the number of its members. A pointer's is that of what it points to.
 */
#include "code/canonical.h"

#include <dwarf.h>

enum {
	/** Typedefs and qualifiers, arrays, structs in structs. */
	CHAIN_MAX = 64,
	/** Pointers to pointers. */
	POINTERS_MAX = 8,
	NESTING_MAX = 32,
	/** Structs in a struct that are at one offset. */
	EMBEDDED_MAX = 64,
	/** Questions about that. */
	EMBEDS_MAX = 1 << 20,
	/** Members of a union that are looked at. */
	ALTERNATIVES_MAX = 64,
	POINTER_SIZE = 8,
	/** Tells keys of declarations from those of definitions, and so on. */
	KEY_ANY_DEFINITION = 1,
	KEY_DECLARATION,
	KEY_POINTER,
	KEY_SCALAR,
};

/* ---- canonical types ---- */

static int32_t canonical_add(struct canonical_types *canonical, const struct declarations *declarations, const struct type_record *record, uint64_t size)
{
	array_append(&canonical->facts->types, (struct code_type){ .module = declarations->module,
								   .die = record->die,
								   .tag = record->tag,
								   .size = size,
								   .name = record->name });
	array_append(&canonical->v, (struct canonical_type){ .declarations = declarations, .record = (uint32_t)(record - declarations->types.v) });
	return (int32_t)canonical->facts->types.n - 1;
}

/* The type with a key, made of a record when it is new. */
static int32_t canonical_intern(struct canonical_types *canonical, const struct declarations *declarations, const struct type_record *record, uint64_t a,
				uint64_t b, uint64_t size)
{
	int32_t next = (int32_t)canonical->facts->types.n, found = keys_intern(&canonical->by_key, a, b, next);

	return found == next ? canonical_add(canonical, declarations, record, size) : found;
}

void declarations_settle(struct declarations *declarations, struct canonical_types *canonical)
{
	for (size_t i = 0; i < declarations->types.n; i++) {
		struct type_record *type = &declarations->types.v[i];

		if (!tag_is_aggregate(type->tag) || type->is_declaration)
			continue;
		// A class may be called a struct elsewhere, but a union is a union.
		uint64_t shape = key_mix(type->size, (uint64_t)type->count << 1 | (type->tag == DW_TAG_union_type));

		type->canonical = canonical_intern(canonical, declarations, type, type->key, shape | 1 << 8, type->size);
		keys_intern(&declarations->definitions, type->key, 0, (int32_t)i);
		keys_intern(&canonical->by_key, type->key, KEY_ANY_DEFINITION, type->canonical);
	}
	for (size_t i = 0; i < declarations->members.n; i++) {
		const struct type_record *inner = type_record_peel(declarations, declarations->members.v[i].type);

		if (inner && (inner->tag == DW_TAG_structure_type || inner->tag == DW_TAG_class_type) && inner->canonical >= 0)
			canonical->v.v[inner->canonical].is_part = true;
	}
}

/* The definition that a declaration stands for. */
static int32_t declaration_resolve(const struct declarations *declarations, struct canonical_types *canonical, const struct type_record *type)
{
	int32_t own = keys_find(&declarations->definitions, type->key, 0);

	if (own >= 0)
		return declarations->types.v[own].canonical;

	int32_t any = keys_find(&canonical->by_key, type->key, KEY_ANY_DEFINITION);

	return any >= 0 ? any : canonical_intern(canonical, declarations, type, type->key, KEY_DECLARATION, 0);
}

/* The canonical type of what is no pointer and no array. */
static int32_t simple_canonical(const struct declarations *declarations, struct canonical_types *canonical, struct type_record *type)
{
	if (type->canonical != CANONICAL_UNKNOWN)
		return type->canonical;
	if (tag_is_aggregate(type->tag))
		type->canonical = declaration_resolve(declarations, canonical, type);
	else if (type->tag == DW_TAG_base_type || type->tag == DW_TAG_enumeration_type)
		type->canonical = canonical_intern(canonical, declarations, type, key_mix(type->key, type->size), KEY_SCALAR, type->size);
	else
		type->canonical = CODE_NONE;
	return type->canonical;
}

int32_t type_canonical(const struct declarations *declarations, struct canonical_types *canonical, uint64_t die)
{
	struct type_record *pointers[POINTERS_MAX], *type = NULL;
	int n = 0;
	int32_t result;

	for (int i = 0; i < CHAIN_MAX; i++) {
		type = type_record_peel(declarations, die);
		if (!type)
			break;
		if (tag_is_pointer(type->tag)) {
			if (n == POINTERS_MAX)
				return CODE_NONE;
			pointers[n++] = type;
		} else if (type->tag != DW_TAG_array_type) {
			break;
		}
		die = type->target;
	}
	if (type && (tag_is_pointer(type->tag) || type->tag == DW_TAG_array_type))
		type = NULL;
	result = type ? simple_canonical(declarations, canonical, type) : CODE_NONE;
	while (n-- > 0) {
		if (pointers[n]->canonical == CANONICAL_UNKNOWN)
			pointers[n]->canonical = canonical_intern(canonical, declarations, pointers[n], (uint64_t)(result + 1), KEY_POINTER, POINTER_SIZE);
		result = pointers[n]->canonical;
	}
	return result;
}

/* Whether nothing but the name of a struct is known in any module: a handle. */
static bool is_opaque(const struct code_type *type)
{
	return tag_is_aggregate(type->tag) && type->size == 0;
}

struct pointee pointee_of(const struct declarations *declarations, struct canonical_types *canonical, uint64_t die)
{
	const struct type_record *type = type_record_peel(declarations, die), *target;
	struct pointee pointee = { .type = CODE_NONE };

	if (!type || !tag_is_pointer(type->tag))
		return pointee;
	pointee.is_pointer = true;
	target = type_record_peel(declarations, type->target);
	if (target && target->tag == DW_TAG_subroutine_type) {
		pointee.function = target;
		return pointee;
	}
	pointee.type = type_canonical(declarations, canonical, type->target);
	pointee.is_generic = pointee.type == CODE_NONE || (target->tag == DW_TAG_base_type && canonical->facts->types.v[pointee.type].size == 1) ||
			     canonical->v.v[pointee.type].is_part || is_opaque(&canonical->facts->types.v[pointee.type]);
	return pointee;
}

/* ---- places ---- */

/* How many members of a type begin at or before an offset. */
static uint32_t members_until(const struct declarations *declarations, const struct type_record *type, uint64_t offset)
{
	uint32_t low = 0, high = type->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (declarations->members.v[type->first + middle].offset <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The member that holds an offset, which is then made one from the start of (one element of) its type; NULL when there is none. */
static const struct member_record *member_at(const struct declarations *declarations, const struct type_record *type, uint64_t *offset,
					     struct type_record **type_ret, uint64_t *place_ret)
{
	uint32_t i = members_until(declarations, type, *offset);

	for (int steps = 0; i-- > 0 && steps < ALTERNATIVES_MAX; steps++) {
		const struct member_record *member = &declarations->members.v[type->first + i];
		struct type_record *inner;
		uint64_t size, at;

		at = *offset - member->offset;
		inner = type_record_peel(declarations, member->type);
		if (!inner)
			continue;
		if (inner->tag != DW_TAG_array_type) {
			if (at >= type_record_size(declarations, member->type))
				continue;
			*place_ret = member->offset;
			*offset = at;
			*type_ret = inner;
			return member;
		}
		// One without a bound goes on to the end.
		size = type_record_size(declarations, member->type);
		if (size && at >= size)
			continue;
		for (int k = 0; k < CHAIN_MAX && inner && inner->tag == DW_TAG_array_type; k++)
			inner = type_record_peel(declarations, inner->target);
		if (!inner || inner->tag == DW_TAG_array_type)
			continue;
		size = type_record_size(declarations, inner->die);
		if (!size)
			continue;
		*place_ret = member->offset;
		*offset = at % size;
		*type_ret = inner;
		return member;
	}
	return NULL;
}

/* What is at an offset, by the first way that there is. */
static struct pointee scalar_at(const struct declarations *declarations, struct canonical_types *canonical, struct type_record *type, uint64_t offset)
{
	uint64_t place;

	for (int i = 0; i < NESTING_MAX && tag_is_aggregate(type->tag); i++) {
		if (!member_at(declarations, type, &offset, &type, &place))
			return (struct pointee){ .type = CODE_NONE };
	}
	return offset == 0 ? pointee_of(declarations, canonical, type->die) : (struct pointee){ .type = CODE_NONE };
}

/* What the members of a union have at an offset, together. */
static struct pointee alternatives_at(const struct declarations *declarations, struct canonical_types *canonical, const struct type_record *type,
				      uint64_t offset)
{
	struct pointee together = { .type = CODE_NONE };

	for (uint32_t i = 0; i < type->count && i < ALTERNATIVES_MAX; i++) {
		const struct member_record *member = &declarations->members.v[type->first + i];
		struct type_record *inner = type_record_peel(declarations, member->type);
		struct pointee one;

		if (!inner || offset < member->offset)
			continue;
		one = scalar_at(declarations, canonical, inner, offset - member->offset);
		if (!one.is_pointer)
			continue;
		if (!together.is_pointer)
			together = one;
		else if (together.type != one.type)
			together.type = CODE_NONE;
		together.function = NULL;
	}
	together.is_generic = together.is_pointer;
	return together;
}

bool place_in_type(struct canonical_types *canonical, int32_t type_index, uint64_t offset, struct place_in_type *ret)
{
	const struct declarations *declarations = canonical->v.v[type_index].declarations;
	struct type_record *type = &declarations->types.v[canonical->v.v[type_index].record];
	uint64_t place = 0;

	if (!tag_is_aggregate(type->tag))
		return false;
	for (int i = 0; i < NESTING_MAX; i++) {
		struct type_record *owner = type;

		if (type->tag == DW_TAG_union_type) {
			if (offset % POINTER_SIZE)
				return false;
			*ret = (struct place_in_type){ .owner = simple_canonical(declarations, canonical, type),
						       .offset = offset,
						       .pointee = alternatives_at(declarations, canonical, type, offset) };
			return ret->owner >= 0;
		}
		// What is declared here may be defined in another unit.
		if (type->is_declaration) {
			int32_t defined = simple_canonical(declarations, canonical, type);

			if (defined < 0 || canonical->v.v[defined].declarations->types.v[canonical->v.v[defined].record].is_declaration)
				return false;
			declarations = canonical->v.v[defined].declarations;
			type = owner = &declarations->types.v[canonical->v.v[defined].record];
		}
		if (!member_at(declarations, type, &offset, &type, &place))
			return false;
		if (tag_is_aggregate(type->tag))
			continue;
		if (offset != 0)
			return false;
		*ret = (struct place_in_type){ .owner = simple_canonical(declarations, canonical, owner),
					       .offset = place,
					       .pointee = pointee_of(declarations, canonical, type->die) };
		return ret->owner >= 0;
	}
	return false;
}

/* type_embeds(), found out. */
static bool embeds_find(const struct canonical_types *canonical, int32_t outer, uint64_t offset, int32_t inner)
{
	const struct declarations *declarations = canonical->v.v[outer].declarations;
	struct {
		const struct type_record *type;
		uint64_t offset;
	} queue[EMBEDDED_MAX];
	size_t n = 1;

	if (offset >= canonical->facts->types.v[outer].size || !tag_is_aggregate(declarations->types.v[canonical->v.v[outer].record].tag))
		return false;
	queue[0].type = &declarations->types.v[canonical->v.v[outer].record];
	queue[0].offset = offset;
	// Empty bases are where other members are, so all that cover the offset are looked at.
	for (size_t at = 0; at < n; at++) {
		const struct type_record *type = queue[at].type;

		uint32_t i = members_until(declarations, type, queue[at].offset);

		for (int steps = 0; i-- > 0 && steps < ALTERNATIVES_MAX; steps++) {
			const struct member_record *member = &declarations->members.v[type->first + i];
			uint64_t rest = queue[at].offset - member->offset, size;
			struct type_record *one;

			one = type_record_peel(declarations, member->type);
			for (int k = 0; k < CHAIN_MAX && one && one->tag == DW_TAG_array_type; k++)
				one = type_record_peel(declarations, one->target);
			size = type_record_size(declarations, member->type);
			if (!one || (size && rest >= size))
				continue;
			if (tag_is_aggregate(one->tag) && one->size)
				rest %= one->size;
			if (rest == 0 && one->canonical == inner)
				return true;
			if (n < EMBEDDED_MAX && tag_is_aggregate(one->tag) && one->size) {
				queue[n].type = one;
				queue[n++].offset = rest;
			}
		}
	}
	return false;
}

bool type_embeds(struct canonical_types *canonical, int32_t outer, uint64_t offset, int32_t inner)
{
	uint64_t key = (uint64_t)(uint32_t)outer << 32 | (uint32_t)inner;
	int32_t known = keys_find(&canonical->embeds, key, offset);

	if (known >= 0)
		return known;
	if (canonical->embeds.n >= EMBEDS_MAX)
		return false;
	return keys_intern(&canonical->embeds, key, offset, embeds_find(canonical, outer, offset, inner));
}
