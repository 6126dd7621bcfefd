/* SPDX-License-Identifier: MIT */
#include "types/variants.h"

#include <stddef.h>

#include "target/window.h"

enum { DEPTH_MAX = 32 };

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
		if (!type_is_aggregate(table, id) || !(at->flags & TYPE_IS_RUST))
			break;
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
