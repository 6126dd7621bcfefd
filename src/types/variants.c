/* SPDX-License-Identifier: MIT */
#include "types/variants.h"

#include <stddef.h>
#include <string.h>

#include "target/window.h"

enum { DEPTH_MAX = 32 };

/* ---- Rust ---- */

/* The discriminant of an enum; NULL when it has none. */
static const struct type_member *discriminant_of(const struct type_table *table, const struct type *type)
{
	for (uint32_t i = 0; i < type->n; i++) {
		const struct type_member *member = &table->members.v[type->first + i];

		if (member->kind == MEMBER_DISCRIMINANT)
			return member;
	}
	return NULL;
}

static bool discriminant_read(const struct type_table *table, struct window *window, const struct type_member *member, vaddr start, uint64_t *value_ret, uint64_t *mask_ret)
{
	type_id id = type_strip(table, member->type);
	uint64_t size = id == TYPE_NONE ? 0 : type_at(table, id)->size, value = 0;

	if (size == 0 || size > sizeof(value) || !image_get(window->image, start + member->offset, &value, size))
		return false;
	*mask_ret = size == sizeof(value) ? UINT64_MAX : (UINT64_C(1) << size * 8) - 1;
	*value_ret = value & *mask_ret;
	return true;
}

/* The variant of an enum that begins at an address; NULL when none is there. */
static const struct type_member *variant_at(const struct type_table *table, struct window *window, const struct type *type, const struct type_member *discriminant,
					    vaddr start)
{
	const struct type_member *other = NULL;
	uint64_t value, mask;

	if (!discriminant_read(table, window, discriminant, start, &value, &mask))
		return NULL;
	for (uint32_t i = 1; i < type->n; i++) {
		const struct type_member *member = &table->members.v[type->first + i];

		if (member->kind != MEMBER_VARIANT)
			continue;
		// It belongs to the field in front of it.
		if (member->offset == MEMBER_NO_OFFSET)
			other = member - 1;
		else if ((member->offset & mask) == value)
			return member - 1;
	}
	return other;
}

/* ---- C++ ---- */

static bool begins_with(const char *name, const char *start)
{
	return strncmp(name, start, strlen(start)) == 0;
}

/* Whether a string of libc++ is a short one, which has its text where a long one has a pointer. The flag is the first bit, where the pointer is the last of three words. */
static bool is_short_string(struct window *window, const struct type *type, vaddr start, uint64_t offset)
{
	enum { POINTER_AT = 16 };
	uint8_t first;

	return begins_with(type->name, "std::__1::basic_string<") && offset == POINTER_AT && image_get(window->image, start, &first, 1) && !(first & 1);
}

/* What the two libraries call the parts of std::variant: the base that has all, the index, the alternatives; of these the first, and the rest. */
static const struct {
	const char *storage, *index, *alternatives, *first, *rest;
} cxx_variants[] = {
	{"std::__detail::__variant::_Variant_storage<", "_M_index", "_M_u", "_M_first", "_M_rest"},
	{"std::__1::__variant_detail::__base<", "__index", "__data", "__head", "__tail"},
};

/* The alternative of a std::variant that is there, and where it begins, from the variant; false when the type is none. TYPE_NONE for one without a value. */
static bool alternative_at(const struct type_table *table, struct window *window, type_id id, vaddr start, type_id *type_ret, uint64_t *offset_ret)
{
	const char *name = type_at(table, id)->name;

	for (size_t i = 0; i < sizeof(cxx_variants) / sizeof(cxx_variants[0]); i++) {
		const struct type_member *index, *alternatives;
		uint64_t nth, mask;

		if (!begins_with(name, cxx_variants[i].storage))
			continue;
		index = type_member_named(table, id, cxx_variants[i].index);
		alternatives = type_member_named(table, id, cxx_variants[i].alternatives);
		if (!index || !alternatives || !discriminant_read(table, window, index, start, &nth, &mask))
			return false;
		*type_ret = type_strip(table, alternatives->type);
		*offset_ret = alternatives->offset;
		for (uint64_t left = nth;; left--) {
			const struct type_member *part =
				type_is_aggregate(table, *type_ret) ? type_member_named(table, *type_ret, left ? cxx_variants[i].rest : cxx_variants[i].first) : NULL;

			*type_ret = part && nth < DEPTH_MAX ? type_strip(table, part->type) : TYPE_NONE;
			*offset_ret += part ? part->offset : 0;
			if (!left || *type_ret == TYPE_NONE)
				return true;
		}
	}
	return false;
}

/* ---- both ---- */

/* The only member that is a struct and covers an offset; NULL when there is none, or several are. */
static const struct type_member *inner_at(const struct type_table *table, const struct type *type, uint64_t offset)
{
	const struct type_member *found = NULL;

	for (uint32_t i = 0; i < type->n; i++) {
		const struct type_member *member = &table->members.v[type->first + i];
		type_id id = type_strip(table, member->type);

		if ((member->kind != MEMBER_FIELD && member->kind != MEMBER_BASE) || member->offset == MEMBER_NO_OFFSET || member->offset > offset ||
		    id == TYPE_NONE || offset - member->offset >= type_at(table, id)->size)
			continue;
		// An empty base.
		if (type_is_aggregate(table, id) && type_at(table, id)->size == 1)
			continue;
		if (found)
			return NULL;
		found = member;
	}
	return found;
}

slot_id variant_slot(struct layouts *layouts, struct window *window, type_id type, vaddr start, uint64_t offset, bool is_array)
{
	const struct type_table *table = layouts->table;
	slot_id whole = layout_slot(layouts, type, offset, is_array);
	type_id id = type_strip(table, type), variant = TYPE_NONE;
	uint64_t into = 0;

	if (whole == SLOT_NONE || !slot_at(layouts, whole)->in_union)
		return whole;
	for (int depth = 0; depth < DEPTH_MAX && id != TYPE_NONE; depth++) {
		const struct type *at = type_at(table, id);
		const struct type_member *next, *discriminant;

		if (at->kind == TYPE_ARRAY || (depth == 0 && is_array && at->size && offset >= at->size)) {
			type_id element = at->kind == TYPE_ARRAY ? type_strip(table, at->target) : id;
			uint64_t size = element == TYPE_NONE ? 0 : type_at(table, element)->size;

			if (!size)
				break;
			start += offset / size * size;
			offset %= size;
			id = element;
			continue;
		}
		if (!type_is_aggregate(table, id))
			break;
		if (is_short_string(window, at, start, offset))
			return SLOT_NONE;
		type_id alternative;
		uint64_t begin;
		if (alternative_at(table, window, id, start, &alternative, &begin)) {
			if (alternative == TYPE_NONE || begin > offset)
				return SLOT_NONE;
			start += begin;
			offset -= begin;
			id = variant = alternative;
			into = offset;
			continue;
		}
		discriminant = discriminant_of(table, at);
		next = discriminant ? variant_at(table, window, at, discriminant, start) : inner_at(table, at, offset);
		if (discriminant && (!next || next->offset > offset))
			return SLOT_NONE;
		if (!next)
			break;
		start += next->offset;
		offset -= next->offset;
		id = type_strip(table, next->type);
		if (discriminant) {
			variant = id;
			into = offset;
		}
	}
	return variant == TYPE_NONE ? whole : layout_slot(layouts, variant, into, false);
}
