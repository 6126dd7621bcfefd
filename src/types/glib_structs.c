/* SPDX-License-Identifier: MIT */
#include "types/glib_structs.h"

#include <string.h>

#include "types/type_index.h"

enum { MEMBERS_MAX = 13 };

/* What a member is. */
enum glib_kind {
	NOTHING,
	INT,
	UNSIGNED,
	POINTER,
	POINTERS,
	BYTES,
	NUMBERS,
	FUNCTION,
	TREE_NODE,
	KINDS,
};

/* Source: GLib 2.74, glib/garray.c (GRealArray, GRealPtrArray), gbytes.c, ghash.c, gtree.c, and its headers. */
static const struct {
	const char *name;
	/** sizeof what is allocated; 0 where the header says it all. Units: bytes. */
	uint64_t size;
	struct {
		const char *name;
		uint16_t offset;
		/** enum glib_kind. */
		uint8_t kind;
	} members[MEMBERS_MAX];
} structs[] = {
	{"GList", 0, {{NULL, 0, NOTHING}}},
	{"GSList", 0, {{NULL, 0, NOTHING}}},
	{"GQueue", 0, {{NULL, 0, NOTHING}}},
	{"GString", 0, {{NULL, 0, NOTHING}}},
	{"GNode", 0, {{NULL, 0, NOTHING}}},
	{"GError", 0, {{NULL, 0, NOTHING}}},
	{"GArray",
	 40,
	 {{"data", 0, POINTER},
	  {"len", 8, UNSIGNED},
	  {"elt_capacity", 12, UNSIGNED},
	  {"elt_size", 16, UNSIGNED},
	  {"flags", 20, UNSIGNED},
	  {"ref_count", 24, INT},
	  {"clear_func", 32, FUNCTION}}},
	{"GByteArray",
	 40,
	 {{"data", 0, BYTES},
	  {"len", 8, UNSIGNED},
	  {"elt_capacity", 12, UNSIGNED},
	  {"elt_size", 16, UNSIGNED},
	  {"flags", 20, UNSIGNED},
	  {"ref_count", 24, INT},
	  {"clear_func", 32, FUNCTION}}},
	{"GPtrArray",
	 32,
	 {{"pdata", 0, POINTERS}, {"len", 8, UNSIGNED}, {"alloc", 12, UNSIGNED}, {"ref_count", 16, INT}, {"flags", 20, UNSIGNED}, {"element_free_func", 24, FUNCTION}}},
	{"GBytes", 40, {{"data", 0, BYTES}, {"size", 8, UNSIGNED}, {"ref_count", 16, INT}, {"free_func", 24, FUNCTION}, {"user_data", 32, POINTER}}},
	{"GHashTable",
	 96,
	 {{"size", 0, UNSIGNED},
	  {"mod", 8, INT},
	  {"mask", 12, UNSIGNED},
	  {"nnodes", 16, UNSIGNED},
	  {"noccupied", 20, UNSIGNED},
	  {"flags", 24, UNSIGNED},
	  {"keys", 32, POINTERS},
	  {"hashes", 40, NUMBERS},
	  {"values", 48, POINTERS},
	  {"hash_func", 56, FUNCTION},
	  {"key_equal_func", 64, FUNCTION},
	  {"key_destroy_func", 80, FUNCTION},
	  {"value_destroy_func", 88, FUNCTION}}},
	{"GTree",
	 48,
	 {{"root", 0, TREE_NODE},
	  {"key_compare", 8, FUNCTION},
	  {"key_destroy_func", 16, FUNCTION},
	  {"value_destroy_func", 24, FUNCTION},
	  {"key_compare_data", 32, POINTER},
	  {"nnodes", 40, UNSIGNED},
	  {"ref_count", 44, INT}}},
	{"GTreeNode", 40, {{"key", 0, POINTER}, {"value", 8, POINTER}, {"left", 16, TREE_NODE}, {"right", 24, TREE_NODE}}},
};

static type_id number_type(struct type_table *table, const char *name, enum type_kind kind)
{
	type_id id = type_named(table, name);

	if (id != TYPE_NONE)
		return id;
	array_append(&table->v, (struct type){.name = type_index_text(table->index, name, strlen(name)), .size = 4, .target = TYPE_NONE, .kind = (uint8_t)kind});
	return (type_id)table->v.n - 1;
}

static type_id pointer_type(struct type_table *table, type_id target)
{
	array_append(&table->v, (struct type){.name = "", .size = 8, .target = target, .kind = TYPE_POINTER});
	return (type_id)table->v.n - 1;
}

/* Makes the types of members. */
static void kinds_make(struct type_table *table, type_id ret[KINDS])
{
	type_id tree_node = type_strip(table, type_named(table, "GTreeNode")), character = type_named(table, "char");

	ret[INT] = number_type(table, "int", TYPE_SIGNED);
	ret[UNSIGNED] = number_type(table, "unsigned int", TYPE_UNSIGNED);
	ret[POINTER] = pointer_type(table, 0);
	ret[POINTERS] = pointer_type(table, ret[POINTER]);
	ret[BYTES] = pointer_type(table, character == TYPE_NONE ? 0 : character);
	ret[NUMBERS] = pointer_type(table, ret[UNSIGNED]);
	array_append(&table->v, (struct type){.name = "", .target = TYPE_NONE, .kind = TYPE_FUNCTION});
	ret[FUNCTION] = pointer_type(table, (type_id)table->v.n - 1);
	ret[TREE_NODE] = pointer_type(table, tree_node == TYPE_NONE ? 0 : tree_node);
	ret[NOTHING] = 0;
}

type_id glib_struct_named(struct type_table *table, const char *name)
{
	type_id id = type_strip(table, type_named(table, name));
	struct type *type;

	if (!type_is_aggregate(table, id))
		return TYPE_NONE;
	type = &table->v.v[id];
	// «struct _GList» is what the typedef hides.
	if (type->name[0] == '_' && strcmp(type->name + 1, name) == 0) {
		type->name++;
		type->flags |= TYPE_HAS_TYPEDEF_NAME;
	}
	return id;
}

static void struct_complete(struct type_table *table, size_t index, const type_id kinds[KINDS], type_id id)
{
	uint32_t first = (uint32_t)table->members.n, n = 0;

	if (first + MEMBERS_MAX > TYPE_MEMBERS_MAX)
		return;
	for (; n < MEMBERS_MAX && structs[index].members[n].name; n++)
		array_append(&table->members, (struct type_member){.name = structs[index].members[n].name,
								   .offset = structs[index].members[n].offset,
								   .type = kinds[structs[index].members[n].kind],
								   .kind = MEMBER_FIELD});
	table->v.v[id].size = structs[index].size;
	table->v.v[id].first = first;
	table->v.v[id].n = n;
	table->v.v[id].flags &= (uint8_t)~TYPE_IS_DECLARATION;
}

size_t glib_structs_apply(struct type_table *table)
{
	type_id kinds[KINDS];
	size_t found = 0;

	for (size_t i = 0; i < sizeof(structs) / sizeof(structs[0]); i++) {
		type_id id = glib_struct_named(table, structs[i].name);

		if (id == TYPE_NONE)
			continue;
		if (!found++)
			kinds_make(table, kinds);
		if (type_at(table, id)->size < structs[i].size)
			struct_complete(table, i, kinds, id);
	}
	return found;
}
