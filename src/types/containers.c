/* SPDX-License-Identifier: MIT */
/*
 * Everything is one operation: in a struct and what it consists of, pointers to one type become pointers to another (retarget). What changes by that is
 * copied, since others may consist of it too; only the struct at which the operation began changes in place, for it is the container's own.
 */
#include "types/containers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "types/type_index.h"
#include "types/type_table.h"

enum {
	/** Structs in structs that are looked into, from the container. */
	DEPTH_MAX = 8,
	/** Pointers to pointers. */
	POINTERS_MAX = 3,
	/** Bases of a node that others point to. */
	BASES_MAX = 3,
	/** Copies for one container. */
	COPIES_MAX = 64,
	/** Members of a struct that is looked into. */
	MEMBERS_MAX = 256,
};

/* Bytes in which a value lies, by the name of the struct around them. */
static const struct {
	/** Without template arguments. */
	const char *name;
	/** A struct in that, or "". */
	const char *inner;
	/** The type parameter that says what the value is. */
	unsigned parameter;
	/** What the bytes are called. */
	const char *member;
} storages[] = {
	{"__gnu_cxx::__aligned_membuf", "", 0, "_M_storage"},
	{"__gnu_cxx::__aligned_buffer", "", 0, "_M_storage"},
	{"std::__1::__shared_ptr_emplace", "::_Storage", 0, "__blob_"},
};

/* Structs and unions that are nothing but their parameter. */
static const char *const wrappers[] = {
	"core::mem::maybe_uninit::MaybeUninit",
	"core::mem::manually_drop::ManuallyDrop",
	"core::mem::maybe_dangling::MaybeDangling",
};

/* Structs that point to something more general than it is, by name. */
static const struct {
	const char *name;
	/** Their parameter that is the parameter of the node. */
	unsigned parameter;
	/** What is pointed to, without arguments; NULL: the parameter itself. */
	const char *node;
	/** What they seem to point to: the base of the node, or this; NULL: the base. */
	const char *seems;
} owners[] = {
	{"std::_Rb_tree_iterator", 0, "std::_Rb_tree_node", NULL},
	{"std::_Rb_tree_const_iterator", 0, "std::_Rb_tree_node", NULL},
	{"std::_List_iterator", 0, "std::_List_node", NULL},
	{"std::_List_const_iterator", 0, "std::_List_node", NULL},
	{"std::_Fwd_list_iterator", 0, "std::_Fwd_list_node", NULL},
	{"std::_Fwd_list_const_iterator", 0, "std::_Fwd_list_node", NULL},
	{"std::_Hashtable", 1, "std::__detail::_Hash_node", NULL},
	{"std::__1::__tree", 0, "std::__1::__tree_node", NULL},
	{"std::__1::__tree_iterator", 0, "std::__1::__tree_node", NULL},
	{"std::__1::__tree_const_iterator", 0, "std::__1::__tree_node", NULL},
	{"std::__1::__list_imp", 0, "std::__1::__list_node", NULL},
	{"std::__1::__list_iterator", 0, "std::__1::__list_node", NULL},
	{"std::__1::__list_const_iterator", 0, "std::__1::__list_node", NULL},
	{"alloc::raw_vec::RawVec", 0, NULL, "u8"},
	{"hashbrown::raw::RawTable", 0, NULL, "u8"},
};

struct node {
	type_id type;
	/** What it begins with and what points to itself; and what that begins with. TYPE_NONE for none. */
	type_id bases[BASES_MAX];
	/** The links of its base are pointers to the node by now. */
	bool is_linked;
};

struct containers {
	struct type_table *table;
	size_t n_before, changed;
	/** By hash of (name without arguments, parameter). */
	struct hash_map by_parameter;
	/** By type of the node: index in nodes. */
	struct hash_map by_node;
	ARRAY(struct node) nodes;
};

/* One operation: pointers to one of `from` become pointers to `to`. */
struct retarget {
	struct containers *containers;
	type_id from[BASES_MAX], to;
	/** Of the struct at which it began, only in the bases. */
	bool bases_only;
	/** Types that were met, and what became of them. */
	size_t n;
	struct {
		type_id before, after;
	} copies[COPIES_MAX];
};

/* ---- names ---- */

/* The length of a name without its template arguments; all of it when it has none. A name «A<B>::C» is not that of a template's instance. */
static size_t base_length(const char *name)
{
	size_t length = strlen(name), depth = 0;

	if (length == 0 || name[length - 1] != '>')
		return length;
	for (size_t at = length; at-- > 0;) {
		if (name[at] == '>' && (at == 0 || name[at - 1] != '-'))
			depth++;
		else if (name[at] == '<' && depth > 0 && --depth == 0)
			return at;
	}
	return length;
}

static bool is_instance_of(const struct type *type, const char *name)
{
	size_t length = strlen(name);

	return strncmp(type->name, name, length) == 0 && type->name[length] == '<' && base_length(type->name) == length;
}

/* «std::allocator<…>», «ns::PoolAllocator<…>». */
static bool is_allocator(const struct type *type)
{
	size_t length = base_length(type->name);

	return type->name[length] == '<' && length >= 8 && memcmp(type->name + length - 8, "llocator", 8) == 0;
}

/* ---- the table ---- */

static bool is_struct(const struct type_table *table, type_id id)
{
	return type_is_aggregate(table, id) && !(type_at(table, id)->flags & TYPE_IS_DECLARATION) && type_at(table, id)->n <= MEMBERS_MAX;
}

static type_id pointer_to(struct containers *containers, type_id pointer, type_id target)
{
	struct type copy = *type_at(containers->table, pointer);

	if (containers->table->v.n >= TYPES_MAX)
		return pointer;
	copy.target = target;
	copy.flags |= TYPE_BY_CONTAINER;
	array_append(&containers->table->v, copy);
	return (type_id)containers->table->v.n - 1;
}

/* Room for n members, which stay where they are until more are made; false when there is none. */
static bool members_make(struct type_table *table, uint32_t n, uint32_t *first_ret)
{
	if (table->members.n + n > TYPE_MEMBERS_MAX)
		return false;
	*first_ret = (uint32_t)table->members.n;
	array_reserve(&table->members, n);
	table->members.n += n;
	return true;
}

/* ---- retargeting ---- */

static type_id retarget_type(struct retarget *retarget, type_id id, unsigned depth);

/* A pointer to what is sought, or to such a pointer. */
static type_id retarget_pointer(struct retarget *retarget, type_id id, unsigned pointers)
{
	struct containers *containers = retarget->containers;
	type_id pointer = type_strip(containers->table, id), target;

	if (pointer == TYPE_NONE || type_at(containers->table, pointer)->kind != TYPE_POINTER || pointers > POINTERS_MAX)
		return id;
	target = type_strip(containers->table, type_at(containers->table, pointer)->target);
	if (target == TYPE_NONE)
		return id;
	for (unsigned i = 0; i < BASES_MAX; i++) {
		if (target == retarget->from[i])
			return pointer_to(containers, pointer, retarget->to);
	}
	type_id other = retarget_pointer(retarget, target, pointers + 1);
	return other == target ? id : pointer_to(containers, pointer, other);
}

/* Whether a member says where something is, in contrast to parameters of templates. */
static bool member_has_place(const struct type_member *member)
{
	return (member->kind == MEMBER_FIELD || member->kind == MEMBER_BASE) && member->offset != MEMBER_NO_OFFSET;
}

/* Finds the members of a struct that change; true when some do, and then members_ret is as many as it has. Owner of members_ret: the caller. */
static bool retarget_members(struct retarget *retarget, type_id id, unsigned depth, struct type_member **members_ret)
{
	struct type_table *table = retarget->containers->table;
	uint32_t first = type_at(table, id)->first, n = type_at(table, id)->n;
	struct type_member *members = xcalloc(n + 1, sizeof(*members));
	bool changes = false;

	memcpy(members, table->members.v + first, n * sizeof(*members));
	for (uint32_t i = 0; i < n; i++) {
		if (!member_has_place(&members[i]) || (retarget->bases_only && depth == 1 && members[i].kind != MEMBER_BASE))
			continue;
		type_id after = retarget_type(retarget, members[i].type, depth);

		changes |= after != members[i].type;
		members[i].type = after;
	}
	if (changes) {
		*members_ret = members;
		return true;
	}
	free(members);
	return false;
}

static type_id retarget_struct(struct retarget *retarget, type_id id, unsigned depth)
{
	struct type_table *table = retarget->containers->table;
	struct type_member *members;
	uint32_t first;
	size_t slot;

	for (size_t i = 0; i < retarget->n; i++) {
		if (retarget->copies[i].before == id)
			return retarget->copies[i].after;
	}
	if (retarget->n == COPIES_MAX || table->v.n >= TYPES_MAX)
		return id;
	slot = retarget->n++;
	retarget->copies[slot].before = retarget->copies[slot].after = id;
	if (!retarget_members(retarget, id, depth + 1, &members))
		return id;

	struct type copy = *type_at(table, id);
	if (members_make(table, copy.n, &first)) {
		memcpy(table->members.v + first, members, copy.n * sizeof(*members));
		copy.first = first;
		array_append(&table->v, copy);
		retarget->copies[slot].after = (type_id)table->v.n - 1;
	}
	free(members);
	return retarget->copies[slot].after;
}

static type_id retarget_type(struct retarget *retarget, type_id id, unsigned depth)
{
	struct type_table *table = retarget->containers->table;
	type_id stripped = type_strip(table, id), after;

	if (stripped == TYPE_NONE || depth > DEPTH_MAX)
		return id;
	if (type_at(table, stripped)->kind == TYPE_POINTER)
		return retarget_pointer(retarget, id, 0);
	if (!is_struct(table, stripped))
		return id;
	after = retarget_struct(retarget, stripped, depth);
	return after == stripped ? id : after;
}

/* Pointers to one type become pointers to another in a struct, which changes in place. Gives whether there were any. */
static bool retarget_in(struct containers *containers, type_id id, const type_id from[BASES_MAX], type_id to, bool bases_only)
{
	struct retarget retarget = {.containers = containers, .to = to, .bases_only = bases_only, .n = 1, .copies = {{id, id}}};
	struct type_table *table = containers->table;
	struct type_member *members;
	uint32_t first;

	memcpy(retarget.from, from, sizeof(retarget.from));
	if (!retarget_members(&retarget, id, 1, &members))
		return false;
	if (members_make(table, type_at(table, id)->n, &first)) {
		memcpy(table->members.v + first, members, type_at(table, id)->n * sizeof(*members));
		table->v.v[id].first = first;
		containers->changed++;
	}
	free(members);
	return true;
}

/* ---- values in bytes ---- */

static void storage_apply(struct containers *containers, type_id id)
{
	struct type_table *table = containers->table;
	const struct type *type = type_at(table, id);

	for (size_t rule = 0; rule < sizeof(storages) / sizeof(storages[0]); rule++) {
		size_t length = strlen(type->name), inner = strlen(storages[rule].inner);
		type_id around = id, value;
		uint32_t first;

		if (strncmp(type->name, storages[rule].name, strlen(storages[rule].name)) != 0 || length <= inner)
			continue;
		if (inner) {
			if (strcmp(type->name + length - inner, storages[rule].inner) != 0)
				continue;
			_cleanup_free_ char *name = xstrndup(type->name, length - inner);
			around = type_named(table, name);
		}
		if (around == TYPE_NONE || !is_instance_of(type_at(table, around), storages[rule].name))
			continue;
		value = type_parameter(table, around, storages[rule].parameter);
		if (value == TYPE_NONE || type_strip(table, value) == TYPE_NONE)
			return;
		const struct type *value_type = type_at(table, type_strip(table, value));
		if (value_type->size == 0 || value_type->size > type->size || !members_make(table, 2, &first))
			return;
		// The base that only has the bytes goes; the parameter stays for who asks for it.
		table->members.v[first] = (struct type_member){.name = storages[rule].member, .type = value, .kind = MEMBER_FIELD};
		table->members.v[first + 1] = (struct type_member){
			.name = "_Tp", .offset = MEMBER_NO_OFFSET, .type = value, .kind = MEMBER_TEMPLATE_TYPE};
		table->v.v[id].first = first;
		table->v.v[id].n = 2;
		containers->changed++;
		return;
	}
}

static void wrapper_apply(struct containers *containers, type_id id)
{
	struct type_table *table = containers->table;

	for (size_t rule = 0; rule < sizeof(wrappers) / sizeof(wrappers[0]); rule++) {
		type_id value;

		if (!is_instance_of(type_at(table, id), wrappers[rule]))
			continue;
		value = type_strip(table, type_parameter(table, id, 0));
		// Not of an array, which would be taken for one of its elements.
		if (value == TYPE_NONE || value == id || type_at(table, value)->kind == TYPE_ARRAY ||
		    type_at(table, value)->size != type_at(table, id)->size)
			return;
		table->v.v[id].kind = TYPE_TYPEDEF;
		table->v.v[id].target = value;
		table->v.v[id].n = 0;
		containers->changed++;
		return;
	}
}

/* ---- what is only declared ---- */

/* The character of std::__cxx11::basic_string<wchar_t, …>; TYPE_NONE for another class. */
static type_id string_character(const struct type_table *table, const struct type *type)
{
	static const char name[] = "std::__cxx11::basic_string<";
	size_t length = strlen(name);

	if (strncmp(type->name, name, length) != 0 || base_length(type->name) != length - 1)
		return TYPE_NONE;
	_cleanup_free_ char *character = xstrndup(type->name + length, strcspn(type->name + length, ",>"));

	return type_named(table, character);
}

/* clang leaves out what the library instantiates: strings. Source: libstdc++ bits/basic_string.h. */
static void declared_apply(struct containers *containers, type_id id)
{
	enum { LENGTH_AT = 8, LOCAL_AT = 16, STRING_SIZE = 32 };
	struct type_table *table = containers->table;
	type_id character = string_character(table, type_at(table, id)), number = type_named(table, "unsigned long"), pointer;
	uint32_t first;

	if (character == TYPE_NONE || table->v.n + 2 > TYPES_MAX || !members_make(table, 4, &first))
		return;
	if (number == TYPE_NONE) {
		number = (type_id)table->v.n;
		array_append(&table->v, (struct type){.name = "unsigned long", .size = 8, .target = TYPE_NONE, .kind = TYPE_UNSIGNED});
	}
	pointer = (type_id)table->v.n;
	array_append(&table->v, (struct type){.name = "", .size = 8, .target = character, .kind = TYPE_POINTER, .flags = TYPE_BY_CONTAINER});
	table->members.v[first] = (struct type_member){.name = "_M_p", .type = pointer, .kind = MEMBER_FIELD};
	table->members.v[first + 1] = (struct type_member){.name = "_M_string_length", .offset = LENGTH_AT, .type = number, .kind = MEMBER_FIELD};
	table->members.v[first + 2] = (struct type_member){.name = "_M_allocated_capacity", .offset = LOCAL_AT, .type = number, .kind = MEMBER_FIELD};
	table->members.v[first + 3] = (struct type_member){.name = "_CharT", .offset = MEMBER_NO_OFFSET, .type = character, .kind = MEMBER_TEMPLATE_TYPE};
	table->v.v[id].first = first;
	table->v.v[id].n = 4;
	table->v.v[id].size = STRING_SIZE;
	table->v.v[id].flags &= (uint8_t)~TYPE_IS_DECLARATION;
	containers->changed++;
}

/* ---- nodes ---- */

/* Whether a struct has a pointer to itself among its members. */
static bool points_to_itself(const struct type_table *table, type_id id)
{
	const struct type *type = type_at(table, id);

	for (uint32_t i = 0; i < type->n; i++) {
		const struct type_member *member = &table->members.v[type->first + i];

		if (member_has_place(member) && type_pointee(table, member->type) == id)
			return true;
	}
	return false;
}

/* What a struct begins with: the base that has no offset. TYPE_NONE when there is none. */
static type_id first_base(const struct type_table *table, type_id id)
{
	const struct type *type = type_at(table, id);

	for (uint32_t i = 0; i < type->n; i++) {
		const struct type_member *member = &table->members.v[type->first + i];
		type_id base = member->kind == MEMBER_BASE && member->offset == 0 ? type_strip(table, member->type) : TYPE_NONE;

		if (base != TYPE_NONE && is_struct(table, base))
			return base;
	}
	return TYPE_NONE;
}

/* Finds the base of a node that points to itself, and what that begins with. False when it is no node. */
static bool link_bases(const struct type_table *table, type_id id, type_id ret[BASES_MAX])
{
	type_id base = is_struct(table, id) ? first_base(table, id) : TYPE_NONE;
	size_t n = 0;

	for (unsigned depth = 0; depth < DEPTH_MAX && base != TYPE_NONE && !points_to_itself(table, base); depth++)
		base = first_base(table, base);
	if (base == TYPE_NONE || !points_to_itself(table, base))
		return false;
	for (; n < BASES_MAX && base != TYPE_NONE; base = first_base(table, base))
		ret[n++] = base;
	while (n < BASES_MAX)
		ret[n++] = TYPE_NONE;
	return true;
}

static uint64_t parameter_hash(const char *name, size_t length, type_id parameter)
{
	return hash_mix(hash_bytes(name, length), parameter);
}

/* The node of a type; NULL when it is no node. Borrowed: until the next is made. */
static struct node *node_of(struct containers *containers, type_id id)
{
	uint32_t index = hash_map_get(&containers->by_node, hash_mix(UINT64_C(0x70de), id));
	struct node node = {.type = id};

	if (index != UINT32_MAX)
		return index == UINT32_MAX - 1 ? NULL : &containers->nodes.v[index];
	if (!link_bases(containers->table, id, node.bases)) {
		hash_map_set(&containers->by_node, hash_mix(UINT64_C(0x70de), id), UINT32_MAX - 1);
		return NULL;
	}
	hash_map_set(&containers->by_node, hash_mix(UINT64_C(0x70de), id), (uint32_t)containers->nodes.n);
	array_append(&containers->nodes, node);
	return &containers->nodes.v[containers->nodes.n - 1];
}

/* What a struct allocates, by the allocator among its bases. TYPE_NONE when it has none. */
static type_id allocated_by(const struct type_table *table, type_id id, unsigned depth)
{
	const struct type *type = type_at(table, id);

	for (uint32_t i = 0; i < type->n; i++) {
		const struct type_member *member = &table->members.v[type->first + i];
		type_id base, found;

		if (!member_has_place(member))
			continue;
		base = type_strip(table, member->type);
		if (base == TYPE_NONE || !is_struct(table, base))
			continue;
		// libc++ keeps the allocator beside a member.
		if (member->kind == MEMBER_FIELD && !strstr(type_at(table, base)->name, "compressed_pair"))
			continue;
		if (is_allocator(type_at(table, base))) {
			found = type_parameter(table, base, 0);
			// clang leaves the parameter to the base of the allocator.
			if (found == TYPE_NONE && depth < DEPTH_MAX)
				found = allocated_by(table, base, depth + 1);
			return type_strip(table, found);
		}
		found = depth < 4 ? allocated_by(table, base, depth + 1) : TYPE_NONE;
		if (found != TYPE_NONE)
			return found;
	}
	return TYPE_NONE;
}

/* Where a struct points to the base of a node, it points to the node; and then the node does, too. A vector of what happens to have such a base has no such pointers. */
static void node_apply(struct containers *containers, type_id id, type_id node_type)
{
	struct node *node = node_type == TYPE_NONE || node_type == id ? NULL : node_of(containers, node_type);

	if (!node || !retarget_in(containers, id, node->bases, node->type, false) || node->is_linked)
		return;
	node->is_linked = true;
	// Not in the value, which may be a container itself.
	retarget_in(containers, node->type, node->bases, node->type, true);
}

static void allocator_apply(struct containers *containers, type_id id)
{
	node_apply(containers, id, allocated_by(containers->table, id, 0));
}

static void owner_apply(struct containers *containers, type_id id)
{
	struct type_table *table = containers->table;

	for (size_t rule = 0; rule < sizeof(owners) / sizeof(owners[0]); rule++) {
		if (!is_instance_of(type_at(table, id), owners[rule].name))
			continue;
		type_id parameter = type_strip(table, type_parameter(table, id, owners[rule].parameter));
		if (parameter == TYPE_NONE && owners[rule].node && owners[rule].parameter == 0) {
			// gcc leaves the parameters of some out; the name has them still.
			const char *name = type_at(table, id)->name;
			_cleanup_free_ char *node = xasprintf("%s%s", owners[rule].node, name + strlen(owners[rule].name));

			node_apply(containers, id, type_named(table, node));
			return;
		}
		if (parameter == TYPE_NONE)
			return;
		if (!owners[rule].node) {
			const type_id seems[BASES_MAX] = {type_named(table, owners[rule].seems), TYPE_NONE, TYPE_NONE};

			if (seems[0] != TYPE_NONE && seems[0] != parameter)
				retarget_in(containers, id, seems, parameter, false);
			return;
		}
		uint32_t found = hash_map_get(&containers->by_parameter,
					      parameter_hash(owners[rule].node, strlen(owners[rule].node), parameter));
		node_apply(containers, id, found);
		return;
	}
}

/* ---- the whole ---- */

size_t containers_apply(struct type_table *table)
{
	struct containers containers = {.table = table, .n_before = table->v.n};

	for (type_id id = 0; id < containers.n_before; id++) {
		if (type_is_aggregate(table, id) && (type_at(table, id)->flags & TYPE_IS_DECLARATION))
			declared_apply(&containers, id);
		if (!is_struct(table, id) || !strchr(type_at(table, id)->name, '<'))
			continue;
		storage_apply(&containers, id);
		wrapper_apply(&containers, id);
		type_id parameter = type_strip(table, type_parameter(table, id, 0));
		if (parameter != TYPE_NONE)
			hash_map_set(&containers.by_parameter,
				     parameter_hash(type_at(table, id)->name, base_length(type_at(table, id)->name), parameter), id);
	}
	for (type_id id = 0; id < containers.n_before; id++) {
		if (!is_struct(table, id) || !strchr(type_at(table, id)->name, '<'))
			continue;
		allocator_apply(&containers, id);
		owner_apply(&containers, id);
	}
	hash_map_deinit(&containers.by_parameter);
	hash_map_deinit(&containers.by_node);
	array_deinit(&containers.nodes);
	return containers.changed;
}
