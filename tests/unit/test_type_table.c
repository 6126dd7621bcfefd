/* SPDX-License-Identifier: MIT */
/*
 * The type table: a C and a C++ source whose sizes and places the compiler itself tells, in every form of DWARF.
 */
#include "types/type_table.h"

#include <gnu/libc-version.h>
#include <string.h>

#include "dwarf_case.h"
#include "unit.h"

static const char c_source[] =
	"#include <stddef.h>\n"
	"#include <stdbool.h>\n"
	"#include <stdint.h>\n"
	"struct link { struct link *next, *prev; };\n"
	"enum kind { KIND_ONE = 1, KIND_TWO = 40, KIND_MINUS = -3 };\n"
	"struct later;\n"
	"typedef struct { const char *text; struct link link; } Named;\n"
	"struct conn {\n"
	"	uint32_t id;\n"
	"	Named *volatile names[4];\n"
	"	struct link link;\n"
	"	enum kind kind;\n"
	"	unsigned bits : 3, more : 9;\n"
	"	union { long number; struct conn *peer; } either;\n"
	"	void (*callback)(struct conn *);\n"
	"	bool flag;\n"
	"	double real;\n"
	"	struct later *later;\n"
	"	struct never *never;\n"
	"	int grid[3][5];\n"
	"	void *tail[];\n"
	"};\n"
	"struct holder { int n; struct conn last; };\n"
	"struct later { int x; struct holder *holder; };\n"
	"struct conn *head; struct later one; Named named; struct holder *held; static _Thread_local struct link *mine;\n"
	"long counted(void *p) { static struct later *inner; long is = (long)inner ^ (long)mine; inner = p; mine = p; return is; }\n"
	"size_t sizes[] = { sizeof(struct conn), sizeof(Named), sizeof(struct later), offsetof(struct conn, either), offsetof(struct conn, tail) };\n"
	"struct conn **where(void) { return &head; }\n";

static const char cxx_source[] =
	"#include <cstddef>\n"
	"namespace zoo {\n"
	"struct Animal { virtual ~Animal() {} int legs = 4; };\n"
	"struct Named { const char *name = nullptr; virtual void say() {} };\n"
	"class Dog : public Animal, public Named { public: Dog *friend_ = nullptr; static int count; struct Collar { int size; Dog &dog; } *collar = nullptr; };\n"
	"int Dog::count = 3;\n"
	"template <typename T, int N> struct Box { T values[N]; Box *next; };\n"
	"namespace { struct Hidden { long x; } hidden; }\n"
	"}\n"
	"zoo::Dog *dog; zoo::Box<zoo::Dog *, 7> box; zoo::Dog::Collar ring{3, *dog};\n"
	"extern \"C\" { size_t sizes[] = { sizeof(zoo::Dog), sizeof(box) }; void *where(void) { dog = new zoo::Dog; return &zoo::hidden; } }\n";

static const char *const c_commands[] = {
	"gcc -g -O0", "gcc -gdwarf-4 -O2", "gcc -gdwarf-3", "gcc -gdwarf-2 -gstrict-dwarf", "gcc -g -fdebug-types-section", "gcc -g -flto", "clang -g -O1", "clang -gdwarf-4",
};
static const char *const cxx_commands[] = {
	"g++ -g -O0", "g++ -gdwarf-4", "g++ -g -fdebug-types-section", "clang++ -g", "clang++ -gdwarf-4",
};

static void table_of(struct dwarf_case *one, struct type_table *table)
{
	type_table_init(table);
	ck_assert(type_table_read(table, &one->modules, (size_t)(one->module - one->modules.v.v)));
	type_table_seal(table);
	ck_assert(!table->truncated);
}

static type_id named(const struct type_table *table, const char *name, const char *form)
{
	type_id id = type_named(table, name);

	ck_assert_msg(id != TYPE_NONE, "%s: no %s", form, name);
	return id;
}

/* The label of a member's type, and where it is. */
static void check_member(const struct type_table *table, type_id id, const char *name, uint64_t offset, const char *label, const char *form)
{
	const struct type_member *member = type_member_named(table, id, name);

	ck_assert_msg(member != NULL, "%s: no member %s", form, name);
	ck_assert_msg(member->offset == offset, "%s: %s is at %lu", form, name, (unsigned long)member->offset);

	char *got = type_label(table, member->type);

	ck_assert_msg(!strcmp(got, label), "%s: %s is %s", form, name, got);
	free(got);
}

static void c_check(struct dwarf_case *one)
{
	const size_t *sizes = dlsym(one->object, "sizes");
	const char *form = one->form;
	struct type_table table;

	table_of(one, &table);

	type_id conn = named(&table, "conn", form), name = named(&table, "Named", form), later = named(&table, "later", form), link = named(&table, "link", form);

	ck_assert_uint_eq(type_at(&table, conn)->size, sizes[0]);
	ck_assert_uint_eq(type_at(&table, name)->size, sizes[1]);
	ck_assert_uint_eq(type_at(&table, later)->size, sizes[2]);
	ck_assert_uint_eq(type_at(&table, conn)->kind, TYPE_STRUCT);
	ck_assert(type_at(&table, name)->kind == TYPE_TYPEDEF || type_at(&table, name)->kind == TYPE_STRUCT);
	check_member(&table, conn, "names", 8, "Named *[4]", form);
	check_member(&table, conn, "link", 40, "struct link", form);
	check_member(&table, conn, "kind", 56, "enum kind", form);
	check_member(&table, conn, "later", sizes[3] + 32, "struct later *", form);
	check_member(&table, conn, "never", sizes[3] + 40, "struct never *", form);
	check_member(&table, conn, "grid", sizes[3] + 48, "int[15]", form);
	check_member(&table, conn, "tail", sizes[4], "void *[]", form);
	check_member(&table, link, "prev", 8, "struct link *", form);
	ck_assert_uint_eq(type_member_named(&table, conn, "more")->bit_size, 9);
	ck_assert(type_at(&table, conn)->flags & TYPE_IS_FLEXIBLE);
	ck_assert(type_at(&table, named(&table, "holder", form))->flags & TYPE_IS_FLEXIBLE);
	ck_assert(!(type_at(&table, later)->flags & TYPE_IS_FLEXIBLE));
	ck_assert_uint_eq(type_pointee(&table, type_member_named(&table, conn, "later")->type), later);
	ck_assert_uint_eq(type_at(&table, type_pointee(&table, type_member_named(&table, conn, "callback")->type))->kind, TYPE_FUNCTION);

	type_id never = type_pointee(&table, type_member_named(&table, conn, "never")->type);

	ck_assert(never == 0 || (type_at(&table, never)->flags & TYPE_IS_DECLARATION));

	type_id kind = named(&table, "kind", form);

	ck_assert_uint_eq(type_at(&table, kind)->n, 3);
	ck_assert_int_eq((int64_t)type_member_named(&table, kind, "KIND_TWO")->offset, 40);
	ck_assert_uint_eq(type_at(&table, kind)->size, 4);

	// Variables: by address, and the type that is theirs.
	vaddr head = (vaddr)(uintptr_t)(*(void *(**)(void))&(void *){ dlsym(one->object, "where") })() - one->module->bias;
	bool has_head = false, has_inner = false, has_mine = false;

	for (size_t i = 0; i < table.variables.n; i++) {
		const struct type_variable *variable = &table.variables.v[i];
		type_id target = type_pointee(&table, variable->type);

		has_head |= !variable->is_thread_local && variable->start == head && target == conn;
		has_inner |= !variable->is_thread_local && target == later;
		has_mine |= variable->is_thread_local && target == link;
	}
	ck_assert_msg(has_head && has_inner && has_mine, "%s: variables %d %d %d", form, has_head, has_inner, has_mine);
	type_table_deinit(&table);
}

static void cxx_check(struct dwarf_case *one)
{
	const size_t *sizes = dlsym(one->object, "sizes");
	const char *form = one->form;
	struct type_table table;

	table_of(one, &table);

	type_id dog = named(&table, "zoo::Dog", form), animal = named(&table, "zoo::Animal", form);
	const struct type *type = type_at(&table, dog);
	size_t bases = 0;

	ck_assert_uint_eq(type->size, sizes[0]);
	ck_assert_uint_eq(type->kind, TYPE_CLASS);
	ck_assert(type_at(&table, animal)->flags & TYPE_HAS_VPTR);
	for (uint32_t i = 0; i < type->n; i++) {
		const struct type_member *member = &table.members.v[type->first + i];

		if (member->kind != MEMBER_BASE)
			continue;
		bases++;
		ck_assert_uint_eq(member->type, member->offset == 0 ? animal : named(&table, "zoo::Named", form));
	}
	ck_assert_uint_eq(bases, 2);
	ck_assert_ptr_null(type_member_named(&table, dog, "count"));
	check_member(&table, dog, "friend_", 32, "zoo::Dog *", form);
	check_member(&table, dog, "collar", 40, "zoo::Dog::Collar *", form);
	check_member(&table, named(&table, "zoo::Dog::Collar", form), "dog", 8, "zoo::Dog &", form);

	type_id box = TYPE_NONE;

	for (size_t i = 0; i < table.v.n; i++)
		if (!strncmp(table.v.v[i].name, "zoo::Box<", 9) && !(table.v.v[i].flags & TYPE_IS_DECLARATION) && table.v.v[i].kind == TYPE_STRUCT)
			box = (type_id)i;
	ck_assert_msg(box != TYPE_NONE, "%s: no box", form);
	ck_assert_uint_eq(type_at(&table, box)->size, sizes[1]);
	ck_assert_uint_eq(type_pointee(&table, type_parameter(&table, box, 0)), dog);
	ck_assert_uint_eq(type_parameter(&table, box, 1), TYPE_NONE);
	named(&table, "zoo::(anonymous namespace)::Hidden", form);
	type_table_deinit(&table);
}

static size_t run_all(const char *source, const char *extension, const char *const *commands, size_t n, void (*check)(struct dwarf_case *))
{
	size_t ran = 0;

	for (size_t i = 0; i < n; i++) {
		struct dwarf_case one;

		if (!dwarf_case_init(&one, source, extension, commands[i]))
			continue;
		check(&one);
		dwarf_case_deinit(&one);
		ran++;
	}
	return ran;
}

START_TEST(types_of_c)
{
	ck_assert_uint_gt(run_all(c_source, "c", c_commands, sizeof(c_commands) / sizeof(*c_commands), c_check), 3);
}
END_TEST

START_TEST(types_of_cxx)
{
	run_all(cxx_source, "cc", cxx_commands, sizeof(cxx_commands) / sizeof(*cxx_commands), cxx_check);
}
END_TEST

/* libc's types, where its debug information is installed: many units, each type once. */
START_TEST(equal_types_are_one)
{
	struct target *target = self_target();
	const struct debug_options options = { .debug_path = NULL };
	struct modules modules;
	struct type_table table;
	struct module *libc;
	size_t file_structs = 0;

	modules_init(&modules, target, &options);
	// Sanitizers have functions of their own for most of libc's.
	libc = modules_find(&modules, (vaddr)(uintptr_t)&gnu_get_libc_version);
	type_table_init(&table);
	if (libc && type_table_read(&table, &modules, (size_t)(libc - modules.v.v))) {
		type_table_seal(&table);
		for (size_t i = 0; i < table.v.n; i++)
			file_structs += !strcmp(table.v.v[i].name, "_IO_FILE") && table.v.v[i].kind == TYPE_STRUCT && !(table.v.v[i].flags & TYPE_IS_DECLARATION);
		ck_assert_uint_eq(file_structs, 1);
		ck_assert_uint_ne(type_named(&table, "malloc_state"), TYPE_NONE);
		ck_assert(!table.truncated);
	}
	type_table_deinit(&table);
	modules_deinit(&modules);
	target_destroy(target);
}
END_TEST

UNIT_SUITE("type_table", types_of_c, types_of_cxx, equal_types_are_one)
