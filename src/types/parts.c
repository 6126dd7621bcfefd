/* SPDX-License-Identifier: MIT */
#include "types/parts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "types/class_names.h"
#include "types/type_index.h"
#include "types/types.h"

enum {
	/** The count in front of new[] elements. Units: bytes. */
	COUNT_SIZE = 8,
	/** Arrays of arrays, typedefs of these. */
	CHAIN_MAX = 24,
};

const char *part_kind_name(enum part_kind kind)
{
	static const char *const names[PART_KINDS] = {
		[PART_STRUCT] = "struct",     [PART_UNION] = "union", [PART_POINTER] = "pointer", [PART_FUNCTION] = "function",
		[PART_SIGNED] = "signed",     [PART_CHAR] = "char",   [PART_BOOL] = "bool",	  [PART_ENUM] = "enum",
		[PART_UNSIGNED] = "unsigned", [PART_FLOAT] = "float", [PART_OTHER] = "other",
	};

	assert((unsigned)kind < PART_KINDS);
	return names[kind];
}

/* ---- building ---- */

static enum part_kind kind_of(const struct type_table *table, type_id id)
{
	const struct type *type = type_at(table, id);

	switch ((enum type_kind)type->kind) {
	case TYPE_STRUCT:
	case TYPE_CLASS:
		return PART_STRUCT;
	case TYPE_UNION:
		return PART_UNION;
	case TYPE_POINTER:
	case TYPE_REFERENCE: {
		type_id target = type_strip(table, type->target);

		return target != TYPE_NONE && type_at(table, target)->kind == TYPE_FUNCTION ? PART_FUNCTION : PART_POINTER;
	}
	case TYPE_BOOL:
		return PART_BOOL;
	case TYPE_SIGNED:
		return PART_SIGNED;
	case TYPE_UNSIGNED:
		return PART_UNSIGNED;
	case TYPE_CHAR:
		return PART_CHAR;
	case TYPE_FLOAT:
		return PART_FLOAT;
	case TYPE_ENUM:
		return PART_ENUM;
	case TYPE_VOID:
	case TYPE_MEMBER_POINTER:
	case TYPE_FUNCTION:
	case TYPE_ARRAY:
	case TYPE_TYPEDEF:
	case TYPE_FORWARD:
	case TYPE_KINDS:
		break;
	}
	return PART_OTHER;
}

/* The element of an array (of arrays), with the typedef it is written by; false when there is none. */
static bool element_of(const struct type_table *table, type_id id, type_id *written_ret, type_id *type_ret, uint64_t *count_ret, bool *is_array_ret)
{
	uint64_t count = 1;
	bool is_array = false;

	for (int i = 0; i < CHAIN_MAX && id != TYPE_NONE; i++) {
		type_id plain = type_strip(table, id);

		if (plain == TYPE_NONE)
			return false;
		if (type_at(table, plain)->kind != TYPE_ARRAY) {
			*written_ret = id;
			*type_ret = plain;
			*count_ret = count;
			*is_array_ret = is_array;
			return true;
		}
		if (__builtin_mul_overflow(count, type_at(table, plain)->count, &count))
			return false;
		is_array = true;
		id = type_at(table, plain)->target;
	}
	return false;
}

struct builder {
	struct types *types;
	/** Where the constants of an enum begin, by type. */
	struct hash_map enumerations;
};

/* The constants of an enum, put down once. */
static uint32_t constants_of(struct builder *builder, type_id id)
{
	struct types *types = builder->types;
	const struct type *type = type_at(types->table, id);
	uint64_t hash = hash_mix(3, id);
	uint32_t first = hash_map_get(&builder->enumerations, hash);

	if (first != UINT32_MAX || !type->n || types->constants.n + type->n > PART_CONSTANTS_MAX)
		return first;
	first = (uint32_t)types->constants.n;
	for (uint32_t i = 0; i < type->n; i++) {
		const struct type_member *member = &types->table->members.v[type->first + i];

		if (member->kind == MEMBER_ENUMERATOR)
			array_append(&types->constants, (struct type_constant){ first, (int64_t)member->offset, xstrdup(member->name) });
	}
	if (types->constants.n == first)
		return UINT32_MAX;
	hash_map_set(&builder->enumerations, hash, first);
	return first;
}

static char *written_type(const struct type_table *table, type_id written)
{
	_cleanup_free_ char *full = type_label(table, written);

	return class_name_short(full);
}

/* Adds a part; false when there is no room. */
static bool part_add(struct builder *builder, label_id label, size_t first, uint32_t depth, const struct type_member *member, uint64_t offset, type_id *type_ret)
{
	struct types *types = builder->types;
	struct type_part part = { .label = label, .depth = depth, .offset = offset };
	type_id written, type;

	if (types->parts.n - first >= PARTS_OF_ONE_MAX || types->parts.n >= PARTS_MAX)
		return false;
	*type_ret = TYPE_NONE;
	if (!element_of(types->table, member->type, &written, &type, &part.count, &part.is_array))
		return true;
	part.size = type_at(types->table, type)->size;
	part.bit_size = member->bit_size;
	part.bit_offset = member->bit_offset;
	part.kind = kind_of(types->table, type);
	part.constants = part.kind == PART_ENUM ? constants_of(builder, type) : UINT32_MAX;
	part.name = xstrdup(member->kind == MEMBER_FIELD ? member->name : "");
	part.type = written_type(types->table, written);
	array_append(&types->parts, part);
	*type_ret = type;
	return true;
}

struct open_type {
	const struct type *type;
	uint64_t offset;
	uint32_t next;
};

/* The whole, and what is inside, down to where it is deep enough. */
static void label_fill(struct builder *builder, label_id label, type_id id)
{
	const struct type_table *table = builder->types->table;
	struct open_type open[PART_DEPTH_MAX];
	const struct type_member whole = { .name = "", .type = id };
	size_t first = builder->types->parts.n;
	uint32_t depth = 0;
	type_id type;

	if (!part_add(builder, label, first, 0, &whole, 0, &type) || type == TYPE_NONE || !type_is_aggregate(table, type))
		return;
	open[depth++] = (struct open_type){ .type = type_at(table, type) };
	while (depth) {
		struct open_type *top = &open[depth - 1];
		uint64_t offset;

		if (top->next == top->type->n) {
			depth--;
			continue;
		}

		const struct type_member *member = &table->members.v[top->type->first + top->next++];

		if ((member->kind != MEMBER_FIELD && member->kind != MEMBER_BASE) || member->offset == MEMBER_NO_OFFSET ||
		    __builtin_add_overflow(top->offset, member->offset, &offset))
			continue;
		if (!part_add(builder, label, first, depth, member, offset, &type))
			return;
		if (type != TYPE_NONE && type_is_aggregate(table, type) && depth < PART_DEPTH_MAX)
			open[depth++] = (struct open_type){ .type = type_at(table, type), .offset = offset };
	}
}

void parts_build(struct types *types)
{
	struct builder builder = { .types = types };

	for (size_t i = 0; i < types->labels.n && types->table; i++) {
		if (types->labels.v[i].is_type && types->labels.v[i].type != TYPE_NONE)
			label_fill(&builder, (label_id)i, types->labels.v[i].type);
	}
	hash_map_deinit(&builder.enumerations);
}

void parts_deinit(struct types *types)
{
	for (size_t i = 0; i < types->parts.n; i++) {
		free(types->parts.v[i].name);
		free(types->parts.v[i].type);
	}
	array_deinit(&types->parts);
	for (size_t i = 0; i < types->constants.n; i++)
		free(types->constants.v[i].name);
	array_deinit(&types->constants);
}

/* ---- asking ---- */

const struct type_part *label_parts(const struct types *types, label_id label, size_t *n_ret)
{
	size_t low = 0, high = types->parts.n, end;

	// Sorted by label.
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (types->parts.v[middle].label < label)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < types->parts.n && types->parts.v[end].label == label; end++)
		;
	*n_ret = end - low;
	return end > low ? &types->parts.v[low] : NULL;
}

uint64_t chunk_elements(const struct types *types, const struct chunks *chunks, chunk_id chunk, uint64_t *start_ret)
{
	enum type_form form = (enum type_form)types->form[chunk];
	uint64_t usable = chunk_usable(chunks, chunk), start = form == FORM_COUNTED ? COUNT_SIZE : form == FORM_BEHIND ? types->header : 0;
	size_t n;
	const struct type_part *parts = label_parts(types, types->label[chunk], &n);

	*start_ret = start;
	if ((form != FORM_ARRAY && form != FORM_COUNTED) || !parts || !parts->size || start >= usable)
		return 1;
	return (usable - start) / parts->size;
}

static char *path_append(char *path, const char *name, bool has_index, uint64_t index, bool any_index)
{
	_cleanup_free_ char *subscript = !has_index ? xstrdup("") : any_index ? xstrdup("[]") : xasprintf("[%" PRIu64 "]", index);
	char *longer = xasprintf("%s%s%s%s", path, *name ? "." : "", name, subscript);

	free(path);
	return longer;
}

/* Whether an offset lies in a part; of one without a bound, anything behind its beginning does. */
static bool is_in(const struct type_part *part, uint64_t offset)
{
	uint64_t size;

	if (part->offset > offset || !part->size)
		return false;
	if (part->is_array && part->count <= 1 && offset - part->offset >= part->size)
		return true;
	return !__builtin_mul_overflow(part->size, part->count, &size) && offset - part->offset < size;
}

/* Of the parts right below one the best that an offset lies in: one that holds a pointer just there before others. NULL when there is none. */
static const struct type_part *part_below(const struct type_part *above, const struct type_part *end, uint64_t offset)
{
	const struct type_part *best = NULL;

	for (const struct type_part *part = above + 1; part < end && part->depth > above->depth; part++) {
		if (part->depth != above->depth + 1 || !is_in(part, offset))
			continue;
		// What has a bound before what may go on for ever.
		if (!best || (part->kind == PART_POINTER && part->offset == offset) ||
		    (best->is_array && best->count <= 1 && best->kind != PART_POINTER))
			best = part;
	}
	return best;
}

char *chunk_path(const struct types *types, const struct chunks *chunks, chunk_id chunk, uint64_t offset, bool any_index)
{
	uint64_t start, elements;
	size_t n;
	const struct type_part *at = label_parts(types, types->label[chunk], &n), *end = at + n;
	char *path = xstrdup("");

	if (!at)
		return path;
	elements = chunk_elements(types, chunks, chunk, &start);
	if (offset < start)
		return path;
	offset -= start;
	if (elements != 1 && at->size) {
		path = path_append(path, "", true, offset / at->size, any_index);
		offset %= at->size;
	}
	// A file may say that it goes deeper.
	for (unsigned depth = 0; depth <= PART_DEPTH_MAX && (at = part_below(at, end, offset)); depth++) {
		uint64_t index = at->size ? (offset - at->offset) / at->size : 0;

		path = path_append(path, at->name, at->is_array, index, any_index);
		offset -= index * at->size;
	}
	return path;
}

char *chunk_member(const struct types *types, const struct chunks *chunks, chunk_id chunk, uint64_t offset)
{
	size_t n;
	const struct type_part *parts = label_parts(types, types->label[chunk], &n);
	_cleanup_free_ char *path = NULL;

	if (!parts)
		return NULL;
	path = chunk_path(types, chunks, chunk, offset, true);
	// Where no member is, a name by itself would be taken for the whole.
	if (!*path && n > 1)
		return xasprintf("%s at +0x%" PRIx64, text_without_keyword(parts->type), offset);
	return xasprintf("%s%s", text_without_keyword(parts->type), path);
}

const char *part_constant(const struct types *types, const struct type_part *part, int64_t value)
{
	for (size_t i = part->constants; i < types->constants.n && types->constants.v[i].enumeration == part->constants; i++)
		if (types->constants.v[i].value == value)
			return types->constants.v[i].name;
	return NULL;
}
