/* SPDX-License-Identifier: MIT */
#include "types/type_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "types/type_index.h"

enum {
	/** Typedefs on the way to a type, arrays in arrays, pointers to pointers. */
	CHAIN_MAX = 64,
	/** Structs whose last member is a struct, as far as flexible ends are looked for. */
	FLEXIBLE_ROUNDS = 6,
	PIECE_SIZE = 1 << 16,
	POINTER_SIZE = 8,
};

/* ---- hashes and text ---- */

uint64_t hash_bytes(const char *bytes, size_t length)
{
	uint64_t hash = length * UINT64_C(0xff51afd7ed558ccd), word;

	for (; length >= sizeof(word); bytes += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = hash_mix(hash, word);
	}
	word = 0;
	memcpy(&word, bytes, length);
	return hash_mix(hash, word);
}

static size_t hash_map_slot(const struct hash_map *map, uint64_t hash)
{
	size_t i = hash & (map->capacity - 1);

	while (map->v[i].hash && map->v[i].hash != hash)
		i = (i + 1) & (map->capacity - 1);
	return i;
}

uint32_t hash_map_get(const struct hash_map *map, uint64_t hash)
{
	hash |= !hash;
	if (!map->n)
		return UINT32_MAX;

	size_t i = hash_map_slot(map, hash);

	return map->v[i].hash ? map->v[i].value : UINT32_MAX;
}

void hash_map_set(struct hash_map *map, uint64_t hash, uint32_t value)
{
	hash |= !hash;
	// Three of four at most.
	if (map->n + map->n / 3 + 1 >= map->capacity) {
		struct hash_map larger = { .capacity = map->capacity ? map->capacity * 2 : 256, .n = map->n };

		larger.v = xcalloc(larger.capacity, sizeof(*larger.v));
		for (size_t i = 0; i < map->capacity; i++) {
			if (map->v[i].hash)
				larger.v[hash_map_slot(&larger, map->v[i].hash)] = map->v[i];
		}
		free(map->v);
		*map = larger;
	}

	size_t i = hash_map_slot(map, hash);

	map->n += !map->v[i].hash;
	map->v[i].hash = hash;
	map->v[i].value = value;
}

void hash_map_deinit(struct hash_map *map)
{
	free(map->v);
	*map = (struct hash_map){ .v = NULL };
}

const char *type_index_text(struct type_index *index, const char *text, size_t length)
{
	uint64_t hash = hash_bytes(text, length);
	uint32_t known = hash_map_get(&index->texts_by_hash, hash);

	if (!length)
		return "";
	if (known != UINT32_MAX)
		return index->texts.v[known];
	if (index->text_size + length + 1 > TYPE_TEXT_MAX)
		return "";
	if (!index->pieces.n || length + 1 > index->pieces.v[index->pieces.n - 1].left) {
		size_t piece = length + 1 > PIECE_SIZE ? length + 1 : PIECE_SIZE;

		array_append(&index->pieces, (struct text_piece){ xmalloc(piece), piece, piece });
	}

	struct text_piece *piece = &index->pieces.v[index->pieces.n - 1];
	char *copy = piece->bytes + (piece->left -= length + 1);

	memcpy(copy, text, length);
	copy[length] = '\0';
	index->text_size += length + 1;
	hash_map_set(&index->texts_by_hash, hash, (uint32_t)index->texts.n);
	array_append(&index->texts, copy);
	return copy;
}

/* ---- the table ---- */

void type_table_init(struct type_table *table)
{
	*table = (struct type_table){ .index = xcalloc(1, sizeof(*table->index)) };
	array_append(&table->v, (struct type){ .name = "void", .target = TYPE_NONE, .kind = TYPE_VOID });
}

void type_table_deinit(struct type_table *table)
{
	struct type_index *index = table->index;

	array_deinit(&table->v);
	array_deinit(&table->members);
	array_deinit(&table->variables);
	for (size_t i = 0; i < table->n_dies; i++)
		array_deinit(&table->dies[i].v);
	free(table->dies);
	if (index) {
		hash_map_deinit(&index->equal);
		array_deinit(&index->pointers);
		array_deinit(&index->references);
		hash_map_deinit(&index->named);
		hash_map_deinit(&index->texts_by_hash);
		array_deinit(&index->texts);
		for (size_t i = 0; i < index->pieces.n; i++)
			free(index->pieces.v[i].bytes);
		array_deinit(&index->pieces);
		array_deinit(&index->forwards);
	}
	free(index);
	*table = (struct type_table){ .index = NULL };
}

type_id type_dies_find(const struct type_dies *dies, uint64_t offset)
{
	size_t low = 0, high = dies->v.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (dies->v.v[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low < dies->v.n && dies->v.v[low].offset == offset ? dies->v.v[low].type : TYPE_NONE;
}

static type_id type_of_file_die(const struct type_table *table, size_t module, bool is_shared, uint64_t die)
{
	for (size_t i = 0; i < table->n_dies; i++) {
		if (table->dies[i].module == module && table->dies[i].is_shared == is_shared && !table->dies[i].is_split)
			return type_dies_find(&table->dies[i], die);
	}
	return TYPE_NONE;
}

type_id type_of_die(const struct type_table *table, size_t module, uint64_t die)
{
	return type_of_file_die(table, module, false, die);
}

type_id type_of_shared_die(const struct type_table *table, size_t module, uint64_t die)
{
	return type_of_file_die(table, module, true, die);
}

/* ---- sealing ---- */

static bool kind_has_name(unsigned kind)
{
	switch (kind) {
	case TYPE_BOOL:
	case TYPE_SIGNED:
	case TYPE_UNSIGNED:
	case TYPE_CHAR:
	case TYPE_FLOAT:
	case TYPE_ENUM:
	case TYPE_STRUCT:
	case TYPE_CLASS:
	case TYPE_UNION:
	case TYPE_TYPEDEF:
		return true;
	default:
		return false;
	}
}

/* Typedefs have names of their own: «typedef struct other Conn» must not hide struct Conn. */
static uint64_t name_hash(const char *name, bool is_typedef)
{
	return hash_mix(hash_bytes(name, strlen(name)), is_typedef);
}

void type_index_names(struct type_table *table)
{
	struct hash_map *named = &table->index->named;

	for (size_t i = 0; i < table->v.n; i++) {
		const struct type *type = &table->v.v[i];

		if (!kind_has_name(type->kind) || !*type->name || (type->flags & (TYPE_IS_DECLARATION | TYPE_IS_ANONYMOUS)))
			continue;

		uint64_t hash = name_hash(type->name, type->kind == TYPE_TYPEDEF);
		uint32_t known = hash_map_get(named, hash);

		if (known == UINT32_MAX || table->v.v[known].size < type->size)
			hash_map_set(named, hash, (uint32_t)i);
	}
}

/* Where forwards lead; everything else to itself. Owner: the caller. */
static type_id *forwards_find(const struct type_table *table)
{
	type_id *finals = xmalloc(table->v.n * sizeof(*finals));
	const struct type_index *index = table->index;

	for (size_t i = 0; i < table->v.n; i++)
		finals[i] = (type_id)i;
	for (size_t i = 0; i < index->forwards.n; i++) {
		const struct type_forward *forward = &index->forwards.v[i];
		type_id found = type_dies_find(&table->dies[forward->file], forward->die);

		finals[forward->type] = found == TYPE_NONE ? 0 : found;
	}
	return finals;
}

/* Names structs by typedefs that stand in another unit than they: of type units, or of those that dwz made. */
static void names_give(struct type_table *table, const type_id *finals)
{
	for (size_t i = 0; i < table->v.n; i++) {
		const struct type *type = &table->v.v[i];

		if (type->kind != TYPE_TYPEDEF || !*type->name || type->target == TYPE_NONE)
			continue;

		struct type *target = &table->v.v[finals[type->target]];

		if ((target->flags & TYPE_IS_ANONYMOUS) && target->kind >= TYPE_ENUM && *target->name) {
			target->name = type->name;
			target->flags = (uint8_t)((target->flags & ~TYPE_IS_ANONYMOUS) | TYPE_HAS_TYPEDEF_NAME);
		}
	}
}

/* Where everything that is no type of its own leads: forwards to their types, as they do already; declarations to definitions. */
static void finals_find(struct type_table *table, type_id *finals)
{
	struct type_index *index = table->index;

	for (size_t i = 0; i < table->v.n; i++) {
		const struct type *type = &table->v.v[i];

		if (!(type->flags & TYPE_IS_DECLARATION) || !*type->name)
			continue;

		uint32_t found = hash_map_get(&index->named, name_hash(type->name, false));

		if (found != UINT32_MAX && (table->v.v[found].kind == TYPE_ENUM) == (type->kind == TYPE_ENUM) &&
		    (table->v.v[found].kind == TYPE_UNION) == (type->kind == TYPE_UNION) && table->v.v[found].kind >= TYPE_ENUM)
			finals[i] = found;
	}
	// A forward may lead to a declaration, or to another forward.
	for (size_t i = 0; i < table->v.n; i++) {
		type_id at = finals[i];
		int steps = 0;

		while (finals[at] != at && steps++ < CHAIN_MAX)
			at = finals[at];
		finals[i] = steps > CHAIN_MAX || table->v.v[at].kind == TYPE_FORWARD ? 0 : at;
	}
}

/* Sizes of what has none of its own. */
static void size_find(struct type_table *table, type_id id)
{
	uint64_t count = 1, size = 0;
	type_id at = id;

	for (int i = 0; i < CHAIN_MAX && at != TYPE_NONE; i++) {
		const struct type *type = &table->v.v[at];

		if (type->kind == TYPE_ARRAY) {
			if (__builtin_mul_overflow(count, type->count, &count))
				count = 0;
		} else if (type->kind != TYPE_TYPEDEF) {
			size = type->size;
			break;
		}
		at = type->target;
	}
	if (__builtin_mul_overflow(count, size, &size))
		size = 0;
	table->v.v[id].size = size;
}

/* The member that ends last; NULL when there is none with a place. */
static const struct type_member *member_last(const struct type_table *table, const struct type *type)
{
	const struct type_member *last = NULL;

	for (uint32_t i = 0; i < type->n; i++) {
		const struct type_member *member = &table->members.v[type->first + i];

		if (member->kind == MEMBER_FIELD && (!last || member->offset >= last->offset))
			last = member;
	}
	return last;
}

static bool is_flexible(const struct type_table *table, const struct type *type)
{
	const struct type_member *last = member_last(table, type);
	type_id id = last ? type_strip(table, last->type) : TYPE_NONE;

	if (id == TYPE_NONE || type->kind == TYPE_UNION)
		return false;

	const struct type *end = type_at(table, id);

	if (end->kind == TYPE_ARRAY)
		return end->count <= 1 && type->size && last->offset > 0;
	return (end->kind == TYPE_STRUCT || end->kind == TYPE_CLASS) && (end->flags & TYPE_IS_FLEXIBLE);
}

static void flexibles_mark(struct type_table *table)
{
	bool changed = true;

	for (int round = 0; changed && round < FLEXIBLE_ROUNDS; round++) {
		changed = false;
		for (size_t i = 0; i < table->v.n; i++) {
			struct type *type = &table->v.v[i];

			if ((type->kind != TYPE_STRUCT && type->kind != TYPE_CLASS) || (type->flags & TYPE_IS_FLEXIBLE) || !is_flexible(table, type))
				continue;
			type->flags |= TYPE_IS_FLEXIBLE;
			changed = true;
		}
	}
}

static int variable_compare(const void *a, const void *b)
{
	const struct type_variable *left = a, *right = b;

	if (left->module != right->module)
		return left->module < right->module ? -1 : 1;
	if (left->is_thread_local != right->is_thread_local)
		return left->is_thread_local ? 1 : -1;
	if (left->start != right->start)
		return left->start < right->start ? -1 : 1;
	return left->die < right->die ? -1 : left->die > right->die;
}

void type_table_seal(struct type_table *table)
{
	_cleanup_free_ type_id *finals = forwards_find(table);

	names_give(table, finals);
	type_index_names(table);
	finals_find(table, finals);
	for (size_t i = 0; i < table->v.n; i++) {
		struct type *type = &table->v.v[i];

		if (type->target != TYPE_NONE)
			type->target = finals[type->target];
	}
	for (size_t i = 0; i < table->members.n; i++) {
		struct type_member *member = &table->members.v[i];

		if (member->type != TYPE_NONE)
			member->type = finals[member->type];
	}
	for (size_t i = 0; i < table->n_dies; i++) {
		struct type_dies *dies = &table->dies[i];

		for (size_t j = 0; j < dies->v.n; j++)
			dies->v.v[j].type = finals[dies->v.v[j].type];
	}
	for (size_t i = 0; i < table->variables.n; i++)
		table->variables.v[i].type = finals[table->variables.v[i].type];
	for (size_t i = 0; i < table->v.n; i++) {
		if (table->v.v[i].kind == TYPE_ARRAY || table->v.v[i].kind == TYPE_TYPEDEF)
			size_find(table, (type_id)i);
	}
	flexibles_mark(table);
	if (table->variables.n)
		qsort(table->variables.v, table->variables.n, sizeof(*table->variables.v), variable_compare);
	hash_map_deinit(&table->index->equal);
	array_deinit(&table->index->pointers);
	array_deinit(&table->index->references);
	array_deinit(&table->index->forwards);
}

/* ---- questions ---- */

type_id type_named(const struct type_table *table, const char *name)
{
	type_id id = hash_map_get(&table->index->named, name_hash(name, false));

	return id != UINT32_MAX ? id : hash_map_get(&table->index->named, name_hash(name, true));
}

type_id type_strip(const struct type_table *table, type_id id)
{
	for (int i = 0; i < CHAIN_MAX && id != TYPE_NONE; i++) {
		const struct type *type = type_at(table, id);

		if (type->kind != TYPE_TYPEDEF)
			return id;
		id = type->target;
	}
	return id == TYPE_NONE ? TYPE_NONE : 0;
}

type_id type_pointee(const struct type_table *table, type_id id)
{
	id = type_strip(table, id);
	if (id == TYPE_NONE || (type_at(table, id)->kind != TYPE_POINTER && type_at(table, id)->kind != TYPE_REFERENCE))
		return TYPE_NONE;

	type_id target = type_strip(table, type_at(table, id)->target);

	return target == TYPE_NONE ? 0 : target;
}

const struct type_member *type_member_named(const struct type_table *table, type_id id, const char *name)
{
	const struct type *type = type_at(table, id);

	for (uint32_t i = 0; i < type->n; i++) {
		const struct type_member *member = &table->members.v[type->first + i];

		if (!strcmp(member->name, name) && member->kind != MEMBER_TEMPLATE_TYPE && member->kind != MEMBER_TEMPLATE_VALUE)
			return member;
	}
	return NULL;
}

type_id type_parameter(const struct type_table *table, type_id id, size_t nth)
{
	const struct type *type = type_at(table, id);

	for (uint32_t i = 0; i < type->n; i++) {
		const struct type_member *member = &table->members.v[type->first + i];

		if (member->kind == MEMBER_TEMPLATE_TYPE && nth-- == 0)
			return member->type;
	}
	return TYPE_NONE;
}

/* «struct Conn», «Conn»: what needs no other type. */
static char *plain_label(const struct type *type)
{
	static const char *const words[TYPE_KINDS] = {
		[TYPE_ENUM] = "enum ",
		[TYPE_STRUCT] = "struct ",
		[TYPE_CLASS] = "class ",
		[TYPE_UNION] = "union ",
	};
	bool has_word = !(type->flags & (TYPE_HAS_TYPEDEF_NAME | TYPE_IS_CLASSY)) && words[type->kind];

	return xasprintf("%s%s", has_word ? words[type->kind] : "", *type->name ? type->name : "(anonymous)");
}

char *type_label(const struct type_table *table, type_id id)
{
	char *behind = xstrdup(""), *label;
	bool after_pointer = false;

	// A type is read from its name outwards; so what comes behind the name is put together first.
	for (int i = 0; i < CHAIN_MAX; i++) {
		const struct type *type = type_at(table, id == TYPE_NONE ? 0 : id);
		char *longer = NULL;

		switch ((enum type_kind)type->kind) {
		case TYPE_POINTER:
		case TYPE_REFERENCE:
			longer = xasprintf("%s%s", type->kind == TYPE_POINTER ? "*" : "&", behind);
			after_pointer = true;
			break;
		case TYPE_ARRAY:
			longer = xasprintf(after_pointer ? "(%s)[%.0" PRIu64 "]" : "%s[%.0" PRIu64 "]", behind, type->count);
			after_pointer = false;
			break;
		case TYPE_FUNCTION:
			label = xasprintf("function %s", behind);
			free(behind);
			return label;
		case TYPE_MEMBER_POINTER:
			label = xasprintf("member pointer%s", behind);
			free(behind);
			return label;
		case TYPE_VOID:
		case TYPE_BOOL:
		case TYPE_SIGNED:
		case TYPE_UNSIGNED:
		case TYPE_CHAR:
		case TYPE_FLOAT:
		case TYPE_ENUM:
		case TYPE_STRUCT:
		case TYPE_CLASS:
		case TYPE_UNION:
		case TYPE_TYPEDEF:
		case TYPE_FORWARD:
		case TYPE_KINDS: {
			char *plain = plain_label(type);

			label = xasprintf("%s%s%s", plain, *behind && *behind != '[' ? " " : "", behind);
			free(plain);
			free(behind);
			return label;
		}
		}
		free(behind);
		behind = longer;
		id = type->target;
	}
	label = xasprintf("…%s", behind);
	free(behind);
	return label;
}

bool type_begins_with_vptr(const struct type_table *table, type_id id)
{
	enum { BASES_MAX = 32 };

	for (unsigned n = 0; n < BASES_MAX && id != TYPE_NONE; n++) {
		const struct type *type = &table->v.v[id];
		const struct type_member *first = type->n ? &table->members.v[type->first] : NULL;

		if (type->flags & TYPE_HAS_VPTR)
			return true;
		if (!(type->flags & TYPE_IS_CLASSY) || !first || first->kind != MEMBER_BASE || first->offset)
			return false;
		id = type_strip(table, first->type);
	}
	return false;
}
