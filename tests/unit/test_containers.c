/* SPDX-License-Identifier: MIT */
/* Containers: what the DWARF of compilers and libraries that are there makes of them, once the rules were applied; and damaged DWARF. */
#include <stdio.h>
#include <string.h>

#include "dwarf_case.h"
#include "types/containers.h"
#include "types/type_table.h"
#include "unit.h"

static const char source[] =
	"#include <cstddef>\n"
	"#include <forward_list>\n"
	"#include <list>\n"
	"#include <map>\n"
	"#include <memory>\n"
	"#include <set>\n"
	"#include <string>\n"
	"#include <unordered_map>\n"
	"#include <vector>\n"
	"struct Row { long a; double b; Row *next; };\n"
	"struct Widget { Widget *parent; long x; };\n"
	"struct Button : Widget { long y; };\n"
	"struct Lib {\n"
	"	std::map<int, Row> map;\n"
	"	std::set<Row *> set;\n"
	"	std::list<Row> list;\n"
	"	std::forward_list<Row> forward;\n"
	"	std::unordered_map<std::string, Row> hash;\n"
	"	std::map<int, std::map<long, Row>> nested;\n"
	"	std::vector<Button> buttons;\n"
	"	std::shared_ptr<Row> shared;\n"
	"	std::map<int, Row>::iterator map_iterator;\n"
	"	std::list<Row>::iterator list_iterator;\n"
	"};\n"
	"Lib lib;\n"
	"extern \"C\" void use() {\n"
	"	lib.map[1].a = 1; lib.set.insert(nullptr); lib.list.emplace_back(); lib.forward.push_front(Row()); lib.hash[\"x\"].a = 2;\n"
	"	lib.nested[1][2].a = 3; lib.buttons.push_back(Button()); lib.shared = std::make_shared<Row>();\n"
	"	lib.map_iterator = lib.map.begin(); lib.list_iterator = lib.list.begin();\n"
	"}\n";

struct seen {
	const struct type_table *table;
	/* What the pointers of a struct lead to, whatever it consists of. */
	type_id targets[256];
	size_t n;
	/* A type by value. */
	type_id wanted;
	bool has_wanted;
};

static void look(struct seen *seen, type_id id, unsigned depth)
{
	id = type_strip(seen->table, id);
	if (id == TYPE_NONE || depth > 12)
		return;
	seen->has_wanted |= id == seen->wanted;
	const struct type *type = type_at(seen->table, id);
	if (type->kind == TYPE_POINTER) {
		type_id target = type_strip(seen->table, type->target);

		while (target != TYPE_NONE && type_at(seen->table, target)->kind == TYPE_POINTER)
			target = type_strip(seen->table, type_at(seen->table, target)->target);
		if (seen->n < 256 && target != TYPE_NONE)
			seen->targets[seen->n++] = target;
	}
	for (uint32_t i = 0; type_is_aggregate(seen->table, id) && i < type->n; i++) {
		const struct type_member *member = &seen->table->members.v[type->first + i];

		if (member->kind == MEMBER_FIELD || member->kind == MEMBER_BASE)
			look(seen, member->type, depth + 1);
	}
}

static struct seen seen_in(const struct type_table *table, type_id id)
{
	struct seen seen = {.table = table, .wanted = type_named(table, "Row")};

	look(&seen, id, 0);
	return seen;
}

/* The type of a member of Lib. */
static type_id member_type(const struct type_table *table, const char *name)
{
	const struct type_member *member = type_member_named(table, type_named(table, "Lib"), name);

	ck_assert_msg(member != NULL, "%s", name);
	return type_strip(table, member->type);
}

/* The one type that pointers of a member lead to whose name has this in it; and none leads to one whose name has the other. */
static type_id only_target(const struct type_table *table, type_id id, const char *node, const char *base, const char *what)
{
	struct seen seen = seen_in(table, id);
	type_id found = TYPE_NONE;

	for (size_t i = 0; i < seen.n; i++) {
		const char *name = type_at(table, seen.targets[i])->name;

		ck_assert_msg(!strstr(name, base), "%s: %s", what, name);
		if (!strstr(name, node))
			continue;
		ck_assert_msg(found == TYPE_NONE || found == seen.targets[i], "%s: %s and %s", what, name,
			      found == TYPE_NONE ? "" : type_at(table, found)->name);
		found = seen.targets[i];
	}
	ck_assert_msg(found != TYPE_NONE, "%s: nothing leads to %s", what, node);
	return found;
}

/* The links of a node lead to such nodes, and a Row lies in it. */
static void node_is_sound(const struct type_table *table, type_id node, const char *node_name, const char *base, bool has_row, const char *what)
{
	struct seen seen = seen_in(table, node);

	ck_assert_uint_eq(only_target(table, node, node_name, base, what), node);
	ck_assert_msg(seen.has_wanted == has_row, "%s: Row", what);
}

struct library {
	const char *tree, *tree_base, *list, *list_base, *forward, *forward_base, *hash, *hash_base;
};

static const struct library libstdcxx = {
	"std::_Rb_tree_node<", "_Rb_tree_node_base", "std::_List_node<", "_List_node_base",
	"std::_Fwd_list_node<", "_Fwd_list_node_base", "std::__detail::_Hash_node<", "_Hash_node_base",
};

// The bases of hash and forward nodes are told apart by their nodes there.
static const struct library libcxx = {
	"std::__1::__tree_node<", "__tree_node_base<void", "std::__1::__list_node<", "__list_node_base<",
	"std::__1::__forward_list_node<", "(none)", "std::__1::__hash_node<", "(none)",
};

static void rules_hold(const struct type_table *table, const struct library *library, const char *form)
{
	type_id node;
	char what[192];

	snprintf(what, sizeof(what), "map, %s", form);
	node = only_target(table, member_type(table, "map"), library->tree, library->tree_base, what);
	node_is_sound(table, node, library->tree, library->tree_base, true, what);
	ck_assert_uint_eq(only_target(table, member_type(table, "map_iterator"), library->tree, library->tree_base, what), node);

	snprintf(what, sizeof(what), "set, %s", form);
	node = only_target(table, member_type(table, "set"), library->tree, library->tree_base, what);
	node_is_sound(table, node, library->tree, library->tree_base, false, what);

	snprintf(what, sizeof(what), "list, %s", form);
	node = only_target(table, member_type(table, "list"), library->list, library->list_base, what);
	node_is_sound(table, node, library->list, library->list_base, true, what);

	snprintf(what, sizeof(what), "forward_list, %s", form);
	node = only_target(table, member_type(table, "forward"), library->forward, library->forward_base, what);
	node_is_sound(table, node, library->forward, library->forward_base, true, what);

	snprintf(what, sizeof(what), "unordered_map, %s", form);
	node = only_target(table, member_type(table, "hash"), library->hash, library->hash_base, what);
	node_is_sound(table, node, library->hash, library->hash_base, true, what);

	// A node whose value is a map leads to nodes of two kinds: its like, and those of its value.
	snprintf(what, sizeof(what), "map of maps, %s", form);
	type_id outer = only_target(table, member_type(table, "nested"), library->tree, library->tree_base, what);
	struct seen seen = seen_in(table, outer);
	size_t own = 0, inner = 0;
	for (size_t i = 0; i < seen.n; i++) {
		const char *name = type_at(table, seen.targets[i])->name;

		ck_assert_msg(!strstr(name, library->tree_base), "%s: %s", what, name);
		own += seen.targets[i] == outer;
		inner += strstr(name, library->tree) && seen.targets[i] != outer;
	}
	ck_assert_msg(own >= 3 && inner >= 2, "%s: %zu %zu", what, own, inner);

	// A vector of what happens to have a base that points to itself is left alone.
	type_id button = type_named(table, "Button"), widget = type_named(table, "Widget");
	seen = seen_in(table, button);
	ck_assert_uint_eq(seen.n, 1);
	ck_assert_uint_eq(seen.targets[0], widget);
}

static void table_of(struct type_table *table, struct modules *modules, struct module *module)
{
	type_table_init(table);
	type_table_read(table, modules, (size_t)(module - modules->v.v));
	type_table_seal(table);
}

static void forms_hold(const char *const *forms, size_t n, const struct library *library)
{
	for (size_t i = 0; i < n; i++) {
		struct dwarf_case one;
		struct type_table table;

		if (!dwarf_case_init(&one, source, "cc", forms[i]))
			continue;
		table_of(&table, &one.modules, one.module);
		ck_assert_uint_gt(containers_apply(&table), 10);
		rules_hold(&table, library, one.form);
		// Once more changes nothing that matters.
		containers_apply(&table);
		rules_hold(&table, library, one.form);
		type_table_deinit(&table);
		dwarf_case_deinit(&one);
	}
}

START_TEST(nodes_of_libstdcxx)
{
	static const char *const forms[] = {"g++ -std=c++17 -g -O0", "g++ -std=c++17 -gdwarf-4 -O2", "clang++ -std=c++17 -g -O1 -stdlib=libstdc++"};

	forms_hold(forms, sizeof(forms) / sizeof(forms[0]), &libstdcxx);
}
END_TEST

START_TEST(nodes_of_libcxx)
{
	static const char *const forms[] = {"clang++ -std=c++17 -g -O1 -stdlib=libc++"};

	forms_hold(forms, 1, &libcxx);
}
END_TEST

START_TEST(values_of_shared_pointers)
{
	struct dwarf_case one;
	struct type_table table;
	size_t found = 0;

	if (!dwarf_case_init(&one, source, "cc", "g++ -std=c++17 -g -O1"))
		return;
	table_of(&table, &one.modules, one.module);
	containers_apply(&table);
	for (type_id id = 0; id < table.v.n; id++) {
		if (!type_is_aggregate(&table, id) || strncmp(type_at(&table, id)->name, "std::_Sp_counted_ptr_inplace<Row", 32) != 0 ||
		    !type_at(&table, id)->n || strstr(type_at(&table, id)->name, ">::"))
			continue;
		struct seen seen = seen_in(&table, id);
		ck_assert(seen.has_wanted);
		found++;
	}
	ck_assert_uint_ge(found, 1);
	type_table_deinit(&table);
	dwarf_case_deinit(&one);
}
END_TEST

static void ask_containers(struct modules *modules, struct module *module)
{
	struct type_table table;

	table_of(&table, modules, module);
	size_t before = table.v.n;
	containers_apply(&table);
	ck_assert_uint_ge(table.v.n, before);
	for (type_id id = 0; id < table.v.n; id++) {
		const struct type *type = type_at(&table, id);

		ck_assert(type->target == TYPE_NONE || type->target < table.v.n);
		ck_assert_uint_le((uint64_t)type->first + type->n, table.members.n);
	}
	type_table_deinit(&table);
}

START_TEST(damaged_debug_information_costs_its_types)
{
	struct dwarf_case one;

	if (!dwarf_case_init(&one, source, "cc", "g++ -std=c++17 -g -O1"))
		return;
	dwarf_case_damage(&one, ".debug_info", 12, 1, ask_containers);
	dwarf_case_damage(&one, ".debug_abbrev", 12, 2, ask_containers);
	dwarf_case_damage(&one, ".debug_str", 6, 3, ask_containers);
	dwarf_case_deinit(&one);
}
END_TEST

START_TEST(a_table_without_any_is_left_alone)
{
	struct type_table table;

	type_table_init(&table);
	type_table_seal(&table);
	ck_assert_uint_eq(containers_apply(&table), 0);
	type_table_deinit(&table);
}
END_TEST

UNIT_SUITE("containers", nodes_of_libstdcxx, nodes_of_libcxx, values_of_shared_pointers, damaged_debug_information_costs_its_types,
	   a_table_without_any_is_left_alone)
