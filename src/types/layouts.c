/* SPDX-License-Identifier: MIT */
#include "types/layouts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "types/type_index.h"

enum {
	/** Of one layout. */
	FIELDS_MAX = 1 << 12,
	INNER_MAX = 1 << 9,
	/** Structs in structs. */
	DEPTH_MAX = 24,
	/** Slots are found by word up to this many. */
	SLOT_WORDS_MAX = 512,
	POINTER_SIZE = 8,
};

/** Of all layouts. */
#define FIELDS_TOTAL_MAX (UINT64_C(1) << 24)

/** A place of a layout that was not asked for yet. */
#define SLOT_UNKNOWN (SLOT_NONE - 1)

struct slot_map {
	struct hash_map map;
};

void layouts_init(struct layouts *layouts, const struct type_table *table)
{
	*layouts = (struct layouts){ .table = table,
				     .by_type = xcalloc(table->v.n + 1, sizeof(*layouts->by_type)),
				     .map = xcalloc(1, sizeof(*layouts->map)),
				     .empty = xcalloc(1, sizeof(*layouts->empty)) };
	layouts->empty->tail = UINT64_MAX;
}

static void type_layout_destroy(struct type_layout *layout)
{
	array_deinit(&layout->v);
	array_deinit(&layout->inner);
	free(layout->slots);
	free(layout);
}

void layouts_deinit(struct layouts *layouts)
{
	if (!layouts->table)
		return;
	for (size_t i = 0; i < layouts->table->v.n; i++) {
		if (layouts->by_type[i])
			type_layout_destroy(layouts->by_type[i]);
	}
	free(layouts->by_type);
	type_layout_destroy(layouts->empty);
	array_deinit(&layouts->slots);
	hash_map_deinit(&layouts->map->map);
	free(layouts->map);
	*layouts = (struct layouts){ .table = NULL };
}

/* ---- making one ---- */

static enum layout_kind scalar_kind(const struct type_table *table, const struct type *type)
{
	switch ((enum type_kind)type->kind) {
	case TYPE_POINTER:
	case TYPE_REFERENCE: {
		type_id target = type_strip(table, type->target);

		return target != TYPE_NONE && type_at(table, target)->kind == TYPE_FUNCTION ? LAYOUT_FUNCTION : LAYOUT_POINTER;
	}
	case TYPE_BOOL:
		return LAYOUT_BOOL;
	case TYPE_SIGNED:
		return LAYOUT_SIGNED;
	case TYPE_UNSIGNED:
		return LAYOUT_UNSIGNED;
	case TYPE_CHAR:
		return LAYOUT_CHAR;
	case TYPE_FLOAT:
		return LAYOUT_FLOAT;
	case TYPE_ENUM:
		return LAYOUT_ENUM;
	case TYPE_VOID:
	case TYPE_MEMBER_POINTER:
	case TYPE_FUNCTION:
	case TYPE_ARRAY:
	case TYPE_STRUCT:
	case TYPE_CLASS:
	case TYPE_UNION:
	case TYPE_TYPEDEF:
	case TYPE_FORWARD:
	case TYPE_KINDS:
		break;
	}
	return LAYOUT_OTHER;
}

/* Takes arrays and typedefs off; false when there is nothing of a known size in them. */
static bool element_of(const struct type_table *table, type_id *type, uint64_t *count)
{
	*count = 1;
	for (int i = 0; i < DEPTH_MAX; i++) {
		*type = type_strip(table, *type);
		if (*type == TYPE_NONE)
			return false;
		if (type_at(table, *type)->kind != TYPE_ARRAY)
			return true;
		if (__builtin_mul_overflow(*count, type_at(table, *type)->count, count))
			return false;
		*type = type_at(table, *type)->target;
	}
	return false;
}

static void field_add(struct layouts *layouts, struct type_layout *layout, const struct layout_field *field)
{
	if (layout->v.n >= FIELDS_MAX || layouts->n_fields >= FIELDS_TOTAL_MAX) {
		layout->truncated = true;
		return;
	}
	layouts->n_fields++;
	array_append(&layout->v, *field);
}

struct open_struct {
	const struct type *type;
	uint64_t offset;
	uint32_t next;
	bool in_union;
	/** Whose members these are, for those who ask about the innermost struct; and where that begins. */
	type_id owner;
	uint64_t owner_start;
	/** The same, unions left out. */
	type_id holder;
	uint64_t holder_start;
};

/* Adds what lies at an offset: one number or pointer, or many of one kind. */
static void scalar_add(struct layouts *layouts, struct type_layout *layout, type_id id, uint64_t offset, uint64_t count, const struct type_member *member,
		       const struct open_struct *around)
{
	const struct type *type = type_at(layouts->table, id);
	struct layout_field field = {
		.offset = offset,
		.size = type->size < UINT32_MAX ? (uint32_t)type->size : 0,
		.count = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX,
		.type = id,
		.target = TYPE_NONE,
		.owner = around ? around->owner : TYPE_NONE,
		.owner_offset = around ? (uint32_t)(offset - around->owner_start) : 0,
		.holder = around ? around->holder : TYPE_NONE,
		.holder_offset = around ? (uint32_t)(offset - around->holder_start) : 0,
		.kind = (uint8_t)scalar_kind(layouts->table, type),
		.in_union = around && around->in_union,
		.is_bit_field = member && member->bit_size,
	};

	if (field.kind == LAYOUT_POINTER)
		field.target = type_pointee(layouts->table, id);
	if (field.size)
		field_add(layouts, layout, &field);
}

static bool has_fields(const struct type_table *table, const struct type *type)
{
	for (uint32_t i = 0; i < type->n; i++) {
		if (table->members.v[type->first + i].kind == MEMBER_FIELD)
			return true;
	}
	return false;
}

/* Variants of Rust lie one over the other without a union. */
static bool overlaps_before(const struct type_table *table, const struct type *type, uint32_t nth, uint64_t offset)
{
	if (!(type->flags & TYPE_IS_RUST) || nth == 0)
		return false;
	for (uint32_t i = 0; i < type->n && i < DEPTH_MAX; i++) {
		const struct type_member *other = &table->members.v[type->first + i];
		type_id id = type_strip(table, other->type);
		// The discriminant may lie in a variant, and a variant without members nowhere.
		bool is_discriminant = i + 1 < type->n && other[1].kind == MEMBER_DISCRIMINANT;
		bool is_empty = type_is_aggregate(table, id) && !has_fields(table, type_at(table, id));

		if (i != nth && other->kind == MEMBER_FIELD && other->offset == offset && !is_discriminant && !is_empty)
			return true;
	}
	return false;
}

/* Whether a member is the «a[1]» at the end of a struct that is allocated with more of them. */
static bool is_open_end(const struct type_table *table, const struct type *type, uint32_t nth)
{
	type_id id = type_strip(table, table->members.v[type->first + nth].type);

	return (type->flags & TYPE_IS_FLEXIBLE) && nth + 1 == type->n && id != TYPE_NONE && type_at(table, id)->kind == TYPE_ARRAY;
}

static void layout_fill(struct layouts *layouts, struct type_layout *layout, type_id id)
{
	const struct type_table *table = layouts->table;
	struct open_struct open[DEPTH_MAX];
	size_t depth = 1;
	uint64_t end = type_at(table, id)->size;

	open[0] = (struct open_struct){ .type = type_at(table, id), .in_union = type_at(table, id)->kind == TYPE_UNION, .owner = id, .holder = id };
	while (depth) {
		struct open_struct *top = &open[depth - 1];

		if (top->next == top->type->n || layout->truncated) {
			depth--;
			continue;
		}

		uint32_t nth = top->next++;
		const struct type_member *member = &table->members.v[top->type->first + nth];
		type_id type = member->type;
		uint64_t count, offset;

		if ((member->kind != MEMBER_FIELD && member->kind != MEMBER_BASE) || member->offset == MEMBER_NO_OFFSET ||
		    __builtin_add_overflow(top->offset, member->offset, &offset) || offset > UINT32_MAX || !element_of(table, &type, &count))
			continue;

		bool in_union = top->in_union || overlaps_before(table, top->type, nth, member->offset);

		if (!type_is_aggregate(table, type)) {
			struct open_struct around = *top;

			around.in_union = in_union;
			scalar_add(layouts, layout, type, offset, count, member, &around);
			continue;
		}

		const struct type *inner = type_at(table, type);

		// An empty base has a size, and no bytes of its own.
		if (!inner->n || !inner->size || inner->size > UINT32_MAX)
			continue;
		if (layout->inner.n < INNER_MAX && count) {
			*array_push(&layout->inner) = (__typeof__(*layout->inner.v)){ offset, type };
		}
		if (count != 1 || is_open_end(table, top->type, nth)) {
			struct layout_field field = { .offset = offset, .size = (uint32_t)inner->size, .count = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX,
						      .type = type, .target = TYPE_NONE, .kind = LAYOUT_ARRAY, .in_union = in_union };

			// Of elements as large as the whole it cannot be.
			if (inner->size <= end || count == 0)
				field_add(layouts, layout, &field);
			continue;
		}
		if (depth < DEPTH_MAX)
			open[depth++] = (struct open_struct){ .type = inner,
							      .offset = offset,
							      .in_union = in_union || inner->kind == TYPE_UNION,
							      .owner = in_union ? top->owner : type,
							      .owner_start = in_union ? top->owner_start : offset,
							      .holder = in_union || inner->kind == TYPE_UNION ? top->holder : type,
							      .holder_start = in_union || inner->kind == TYPE_UNION ? top->holder_start : offset };
	}
}

static int field_compare(const void *a, const void *b)
{
	const struct layout_field *left = a, *right = b;

	if (left->offset != right->offset)
		return left->offset < right->offset ? -1 : 1;
	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	return left->type < right->type ? -1 : left->type > right->type;
}

/* Where the flexible end begins: the last field that may go on. */
static uint64_t tail_find(const struct type_layout *layout, const struct type *type)
{
	const struct layout_field *last = layout->v.n ? &layout->v.v[layout->v.n - 1] : NULL;

	if (!(type->flags & TYPE_IS_FLEXIBLE) || !last)
		return UINT64_MAX;
	return last->offset;
}

const struct type_layout *layout_of(struct layouts *layouts, type_id id)
{
	uint64_t count;

	if (!element_of(layouts->table, &id, &count) || id >= layouts->table->v.n)
		return layouts->empty;
	if (layouts->by_type[id])
		return layouts->by_type[id];

	struct type_layout *layout = layouts->by_type[id] = xcalloc(1, sizeof(*layout));

	layout->tail = UINT64_MAX;
	if (type_is_aggregate(layouts->table, id)) {
		layout_fill(layouts, layout, id);
		if (layout->v.n)
			qsort(layout->v.v, layout->v.n, sizeof(*layout->v.v), field_compare);
		layout->tail = tail_find(layout, type_at(layouts->table, id));
	} else {
		scalar_add(layouts, layout, id, 0, 1, NULL, NULL);
	}
	return layout;
}

/* ---- slots ---- */

static slot_id slot_find(struct layouts *layouts, const struct slot *slot)
{
	uint64_t hash = hash_mix(hash_mix(hash_mix(UINT64_C(0x510), slot->kind), slot->origin), slot->offset);
	slot_id id = hash_map_get(&layouts->map->map, hash);

	if (id != UINT32_MAX)
		return id;
	id = (slot_id)layouts->slots.n;
	array_append(&layouts->slots, *slot);
	hash_map_set(&layouts->map->map, hash, id);
	return id;
}

slot_id slot_like(struct layouts *layouts, enum slot_kind kind, uint32_t origin, uint64_t offset, slot_id model)
{
	struct slot slot = layouts->slots.v[model];

	slot.kind = (uint8_t)kind;
	slot.origin = origin;
	slot.offset = offset;
	return slot_find(layouts, &slot);
}

static void target_add(struct slot *slot, const struct layout_field *field)
{
	slot->in_union |= field->in_union;
	slot->owner = field->owner;
	slot->owner_offset = field->owner_offset;
	slot->holder = field->holder;
	slot->holder_offset = field->holder_offset;
	for (size_t i = 0; i < slot->n_targets; i++) {
		if (slot->targets[i] == field->target)
			return;
	}
	if (slot->n_targets < SLOT_TARGETS_MAX)
		slot->targets[slot->n_targets++] = field->target;
}

/* Adds the pointers that lie at an offset; gives the offset without the index of arrays, for all elements share a slot. */
static uint64_t targets_find(struct layouts *layouts, type_id type, uint64_t offset, uint64_t tail_size, struct slot *slot)
{
	uint64_t canonical = 0;

	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		const struct type_layout *layout = layout_of(layouts, type);
		const struct layout_field *within = NULL;
		uint64_t place = offset;
		unsigned pointers = 0, others = 0;

		for (size_t i = 0; i < layout->v.n && layout->v.v[i].offset <= offset; i++) {
			const struct layout_field *field = &layout->v.v[i];
			uint64_t size = (uint64_t)field->size * field->count, into = offset - field->offset;
			bool is_tail = field->offset == layout->tail && tail_size;

			if (is_tail)
				size = UINT64_MAX;
			if (into >= size)
				continue;
			if (field->kind == LAYOUT_ARRAY) {
				within = field;
			} else if (field->kind == LAYOUT_POINTER && into % field->size == 0) {
				target_add(slot, field);
				place = field->offset;
				pointers++;
			}
			others += field->kind != LAYOUT_POINTER;
		}
		// Where all alternatives of a union have the same pointer, it is as good as in none.
		if (pointers > 1 && !others && slot->n_targets == 1)
			slot->in_union = false;
		canonical += slot->n_targets ? place : within ? within->offset : offset;
		if (slot->n_targets || !within)
			break;
		type = within->type;
		offset = (offset - within->offset) % within->size;
		tail_size = 0;
	}
	return canonical;
}

slot_id layout_slot(struct layouts *layouts, type_id type, uint64_t offset, bool is_array)
{
	const struct type_layout *seen = type < layouts->table->v.n ? layouts->by_type[type] : NULL;
	uint64_t count;

	// What has a layout is its own element; nearly always this place was asked for before.
	if (seen && offset % POINTER_SIZE == 0 && offset / POINTER_SIZE < seen->n_slots && seen->slots[offset / POINTER_SIZE] != SLOT_UNKNOWN)
		return seen->slots[offset / POINTER_SIZE];
	// Of an array, that of its elements.
	if (!element_of(layouts->table, &type, &count))
		return SLOT_NONE;
	is_array |= count != 1;

	const struct type *whole = type_at(layouts->table, type);
	struct type_layout *layout = (struct type_layout *)layout_of(layouts, type);
	struct slot slot = { .kind = SLOT_MEMBER, .origin = type, .owner = TYPE_NONE, .holder = TYPE_NONE };

	if (offset >= whole->size && is_array && whole->size)
		offset %= whole->size;
	if (offset % POINTER_SIZE == 0 && offset / POINTER_SIZE < SLOT_WORDS_MAX && offset < whole->size) {
		if (!layout->slots) {
			layout->n_slots = (uint32_t)((whole->size + POINTER_SIZE - 1) / POINTER_SIZE);
			if (layout->n_slots > SLOT_WORDS_MAX)
				layout->n_slots = SLOT_WORDS_MAX;
			layout->slots = xmalloc(layout->n_slots * sizeof(*layout->slots));
			for (uint32_t i = 0; i < layout->n_slots; i++)
				layout->slots[i] = SLOT_UNKNOWN;
		}

		uint32_t *known = &layout->slots[offset / POINTER_SIZE];

		if (*known == SLOT_UNKNOWN) {
			slot.offset = targets_find(layouts, type, offset, 0, &slot);
			*known = slot.n_targets ? slot_find(layouts, &slot) : SLOT_NONE;
		}
		return *known;
	}
	slot.offset = targets_find(layouts, type, offset, layout->tail != UINT64_MAX && offset >= layout->tail && !is_array, &slot);
	return slot.n_targets ? slot_find(layouts, &slot) : SLOT_NONE;
}

/* ---- paths ---- */

static char *path_append(char *path, const char *name, uint64_t index, bool has_index, bool any_index)
{
	char number[24] = "";
	char *longer;

	if (has_index)
		snprintf(number, sizeof(number), any_index ? "[]" : "[%" PRIu64 "]", index);
	longer = xasprintf("%s%s%s%s", path, *name ? "." : "", name, number);
	free(path);
	return longer;
}

/* The member that covers an offset, one that is or ends in a pointer before others. */
static const struct type_member *member_covering(const struct type_table *table, const struct type *type, uint64_t offset)
{
	const struct type_member *best = NULL;

	for (uint32_t i = 0; i < type->n; i++) {
		const struct type_member *member = &table->members.v[type->first + i];
		type_id id = type_strip(table, member->type);

		if ((member->kind != MEMBER_FIELD && member->kind != MEMBER_BASE) || member->offset == MEMBER_NO_OFFSET || member->offset > offset || id == TYPE_NONE)
			continue;

		const struct type *inner = type_at(table, id);
		bool is_open = inner->kind == TYPE_ARRAY && inner->count <= 1 && (type->flags & TYPE_IS_FLEXIBLE) && member->offset + 8 >= type->size - 8;

		if (offset - member->offset < inner->size || is_open) {
			bool is_pointer = inner->kind == TYPE_POINTER || inner->kind == TYPE_REFERENCE;

			if (!best || (is_pointer && member->offset == offset))
				best = member;
			if (is_pointer)
				return best;
		}
	}
	return best;
}

/* What the members of a struct are called is the business of the library that it is from; pairs and tuples excepted. */
static bool is_library_inside(const struct type *type)
{
	static const char *const libraries[] = { "std::", "__gnu_cxx::", "core::", "alloc::", "hashbrown::" };

	if (!strncmp(type->name, "std::pair<", 10))
		return false;
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		if (!strncmp(type->name, libraries[i], strlen(libraries[i])))
			return true;
	}
	return false;
}

char *layout_path(struct layouts *layouts, type_id id, uint64_t offset, bool any_index)
{
	const struct type_table *table = layouts->table;
	char *path = xstrdup("");

	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		id = type_strip(table, id);
		if (id == TYPE_NONE)
			break;

		const struct type *type = type_at(table, id);

		if (type->kind == TYPE_ARRAY) {
			uint64_t size = type_at(table, type->target)->size;

			if (!size)
				break;
			path = path_append(path, "", offset / size, true, any_index);
			offset %= size;
			id = type->target;
			continue;
		}
		if (!type_is_aggregate(table, id))
			break;

		const struct type_member *member = member_covering(table, type, offset);

		if (!member)
			break;
		if (!is_library_inside(type))
			path = path_append(path, member->kind == MEMBER_BASE ? "" : member->name, 0, false, false);
		offset -= member->offset;
		id = member->type;
	}
	return path;
}
