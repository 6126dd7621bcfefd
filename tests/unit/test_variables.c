/* SPDX-License-Identifier: MIT */
/*
 * Variables: a C and a C++ source that say where each of their variables and members lies, as both compilers describe them in every form of DWARF; and
 * debug sections that were damaged.
 */
#include "debug/variables.h"

#include "debug/symbols.h"
#include "dwarf_case.h"
#include "unit.h"

/* What the objects tell of themselves. */
struct truth {
	const char *name, *path;
	const void *address;
	int line, is_thread_local;
};

static const char c_source[] =
	"#include <stddef.h>\n"
	"struct truth { const char *name, *path; const void *address; int line, is_thread_local; };\n"
	"struct node { struct node *next; long key; };\n"
	"typedef struct node node_name;\n"
	"typedef const volatile node_name *node_list[3];\n"
	"struct slot { int used; node_name *head; struct { short a; node_list lists; } named; };\n"
	"union either { long number; struct { char tag; struct node *pointer; } second; double real; };\n"
	"struct pool {\n"
	"	int n;\n"
	"	struct slot slots[2][4];\n"
	"	union { long as_number; char *as_text; };\n"
	"	struct { int low; union either either; };\n"
	"	unsigned bits : 3, more : 9;\n"
	"	void (*callback)(void);\n"
	"	char name[13];\n"
	"	node_name *none[0];\n"
	"	struct node *last[1];\n"
	"};\n"
	"struct open { int n; struct node *tail[]; };\n"
	"static struct pool pool = { 1 }; enum { pool_line = __LINE__ };\n"
	"struct node *lone; enum { lone_line = __LINE__ };\n"
	"static struct open opened = { 3, { NULL, &pool.slots[0][0].head ? 0 : 0, NULL } }; enum { opened_line = __LINE__ };\n"
	"static _Thread_local struct slot mine; enum { mine_line = __LINE__ };\n"
	"_Thread_local struct node *yours = NULL; enum { yours_line = __LINE__ };\n"
	"extern struct slot declared_first;\n"
	"struct slot declared_first = { 5 }; enum { declared_line = __LINE__ };\n"
	"static inline void **counter(void)\n"
	"{\n"
	"	static void *count[7]; enum { count_line = __LINE__ };\n"
	"	count[1] = count;\n"
	"	return count;\n"
	"}\n"
	"static int count_line = 29;\n"
	"void **same_name(void) { static void *count; void *first = &count; { static void *count[2]; count[0] = first; return count; } }\n"
	"void touch(void *p)\n"
	"{\n"
	"	pool.slots[0][0].head = lone = p; mine.head = p; yours = p; opened.tail[1] = p; pool.bits = (unsigned)(long)p; counter()[2] = p; count_line++;\n"
	"}\n"
	"#define AT(variable, line, member) { #variable, #member, &(variable member), line, 0 }\n"
	"size_t truth(const struct truth **ret)\n"
	"{\n"
	"	static struct truth all[64];\n"
	"	struct truth list[] = {\n"
	"		AT(pool, pool_line, .n), AT(pool, pool_line, .slots[0][0].used), AT(pool, pool_line, .slots[1][3].head),\n"
	"		AT(pool, pool_line, .slots[0][2].named.lists[1]), AT(pool, pool_line, .slots[1][0].named.a),\n"
	"		AT(pool, pool_line, .as_text), AT(pool, pool_line, .low), AT(pool, pool_line, .either.number),\n"
	"		AT(pool, pool_line, .either.second.pointer), AT(pool, pool_line, .callback), AT(pool, pool_line, .name[12]),\n"
	"		AT(pool, pool_line, .last[0]), { \"pool\", \".callback+3\", (char *)&pool.callback + 3, pool_line, 0 },\n"
	"		{ \"pool\", \".slots[0][1]+4\", (char *)&pool.slots[0][1] + 4, pool_line, 0 },\n"
	"		AT(lone, lone_line, ), { \"lone\", \"+7\", (char *)&lone + 7, lone_line, 0 },\n"
	"		AT(opened, opened_line, .n), AT(opened, opened_line, .tail[2]), AT(declared_first, declared_line, .named.lists[2]),\n"
	"		{ \"mine\", \".named.lists[0]\", &mine.named.lists[0], mine_line, 1 }, { \"yours\", \"\", &yours, yours_line, 1 },\n"
	"		{ \"counter::count\", \"[5]\", counter() + 5, 29, 0 },\n"
	"		{ \"same_name::count\", \"[1]\", same_name() + 1, 34, 0 }, { \"same_name::count\", \"\", *same_name(), 34, 0 },\n"
	"	};\n"
	"	__builtin_memcpy(all, list, sizeof(list));\n"
	"	*ret = all;\n"
	"	return sizeof(list) / sizeof(list[0]);\n"
	"}\n";

static const char cc_source[] =
	"#include <cstddef>\n"
	"struct truth { const char *name, *path; const void *address; int line, is_thread_local; };\n"
	"struct empty {};\n"
	"struct base { virtual ~base() {} base *link; int low; };\n"
	"struct other { other *back; };\n"
	"struct derived : empty, base, private other { char small; derived *mine; other *get() { return (other *)this; } };\n"
	"namespace outer {\n"
	"	int *counter; enum { counter_line = __LINE__ };\n"
	"	namespace { derived hidden; enum { hidden_line = __LINE__ }; }\n"
	"	inline namespace v2 {\n"
	"		struct thing {\n"
	"			static thing *first;\n"
	"			static thread_local thing *local;\n"
	"			static inline derived shared_one;\n"
	"			void *in; int &reference;\n"
	"			static void *&method() { static void *cache[2]; enum { cache_line = __LINE__ }; cache[0] = &cache; return cache[1]; }\n"
	"			void *member() { static void *kept; return &kept; }\n"
	"			struct inner { static derived deep[3]; };\n"
	"		};\n"
	"		thing *thing::first; enum { first_line = __LINE__ };\n"
	"		thread_local thing *thing::local = nullptr; enum { local_line = __LINE__ };\n"
	"		derived thing::inner::deep[3]; enum { deep_line = __LINE__ };\n"
	"	}\n"
	"	template <class T> struct box { static T *held; };\n"
	"	template <class T> T *box<T>::held = nullptr; enum { held_line = __LINE__ };\n"
	"}\n"
	"static int integer;\n"
	"static outer::thing whole = { nullptr, integer }; enum { whole_line = __LINE__ };\n"
	"extern \"C\" void touch(void *p) { outer::counter = (int *)p; outer::hidden.mine = (derived *)p; outer::thing::local = (outer::thing *)p;\n"
	"	outer::box<int>::held = (int *)p; outer::thing::shared_one.link = nullptr; outer::thing::first = &whole; whole.in = p;\n"
	"	outer::thing::inner::deep[1].low = 1; }\n"
	"extern \"C\" size_t truth(const truth **ret)\n"
	"{\n"
	"	static struct truth all[64];\n"
	"	const struct truth list[] = {\n"
	"		{ \"outer::counter\", \"\", &outer::counter, outer::counter_line, 0 },\n"
	"		{ \"outer::(anonymous namespace)::hidden\", \".mine\", &outer::hidden.mine, outer::hidden_line, 0 },\n"
	"		{ \"outer::(anonymous namespace)::hidden\", \".link\", &outer::hidden.link, outer::hidden_line, 0 },\n"
	"		{ \"outer::(anonymous namespace)::hidden\", \".back\", outer::hidden.get(), outer::hidden_line, 0 },\n"
	"		{ \"outer::v2::thing::first\", \"\", &outer::thing::first, 0, 0 },\n"
	"		{ \"outer::v2::thing::local\", \"\", &outer::thing::local, 0, 1 },\n"
	"		{ \"outer::v2::thing::shared_one\", \".link\", &outer::thing::shared_one.link, 0, 0 },\n"
	"		{ \"outer::v2::thing::inner::deep\", \"[2].low\", &outer::thing::inner::deep[2].low, 0, 0 },\n"
	"		{ \"outer::v2::thing::method::cache\", \"[1]\", &outer::thing::method(), 0, 0 },\n"
	"		{ \"outer::v2::thing::member::kept\", \"\", whole.member(), 0, 0 },\n"
	"		{ \"outer::box<int>::held\", \"\", &outer::box<int>::held, 0, 0 },\n"
	"		{ \"whole\", \".in\", &whole.in, whole_line, 0 }, { \"whole\", \".reference\", &whole.in + 1, whole_line, 0 },\n"
	"	};\n"
	"	__builtin_memcpy(all, list, sizeof(list));\n"
	"	*ret = all;\n"
	"	return sizeof(list) / sizeof(list[0]);\n"
	"}\n";

typedef size_t truth_function(const struct truth **ret);

struct tls_search {
	vaddr bias;
	vaddr block;
};

static int tls_search_visit(struct dl_phdr_info *info, size_t size, void *context)
{
	struct tls_search *search = context;

	(void)size;
	if (info->dlpi_addr == search->bias)
		search->block = (vaddr)(uintptr_t)info->dlpi_tls_data;
	return 0;
}

static void assert_truth(struct dwarf_case *one, const struct truth *truth, vaddr tls_block, const char *extension)
{
	vaddr address = (vaddr)(uintptr_t)truth->address;
	struct variable variable;
	char source[64];

	if (truth->is_thread_local)
		ck_assert_msg(variable_thread_local(&one->modules, one->module, address - tls_block, &variable), "%s: no %s", one->form,
			      truth->name);
	else
		ck_assert_msg(variable_at(&one->modules, one->module, address - one->module->bias, &variable), "%s: no %s", one->form, truth->name);
	ck_assert_msg(strcmp(variable.name, truth->name) == 0, "%s: %s is called %s", one->form, truth->name, variable.name);

	uint64_t offset = address - (truth->is_thread_local ? tls_block : one->module->bias) - variable.start;
	ck_assert_msg(offset < variable.size, "%s: %s has %lu bytes", one->form, truth->name, (unsigned long)variable.size);
	char *path = variable_member(&one->modules, one->module, &variable, offset);
	ck_assert_msg(strcmp(path ? path : "", truth->path) == 0, "%s: %s%s is called %s", one->form, truth->name, truth->path, path);
	free(path);
	ck_assert_msg(variable.source != NULL, "%s: %s is declared nowhere", one->form, truth->name);
	snprintf(source, sizeof(source), "thing.%s:%d", extension, truth->line);
	if (truth->line)
		ck_assert_msg(strcmp(variable.source, source) == 0, "%s: %s is in %s, not %s", one->form, truth->name, variable.source, source);
	variable_deinit(&variable);
}

static void assert_object(struct dwarf_case *one, const char *extension)
{
	const struct truth *truths;
	truth_function *ask = (truth_function *)(uintptr_t)dlsym(one->object, "truth");
	struct tls_search search = { .bias = one->module->bias };
	void (*touch)(void *) = (void (*)(void *))(uintptr_t)dlsym(one->object, "touch");

	touch(NULL);
	size_t n = ask(&truths);
	dl_iterate_phdr(tls_search_visit, &search);
	ck_assert_uint_gt(n, 10);
	for (size_t i = 0; i < n; i++)
		assert_truth(one, &truths[i], search.block, extension);
}

/* Asks in all forms of a source; says how many were compiled. */
static size_t assert_all(const char *source, const char *extension, const char *const *commands, size_t n)
{
	size_t compiled = 0;

	for (size_t i = 0; i < n; i++) {
		struct dwarf_case one;

		if (!dwarf_case_init(&one, source, extension, commands[i]))
			continue;
		compiled++;
		assert_object(&one, extension);
		dwarf_case_deinit(&one);
	}
	return compiled;
}

START_TEST(c_variables_have_their_names)
{
	static const char *const commands[] = {
		"gcc -g -gdwarf-5 -O0", "gcc -g -gdwarf-4 -O2", "gcc -g -gdwarf-3 -O1", "gcc -g -gdwarf-5 -O2 -flto", "gcc -g -O2 -gz=zlib -fdebug-types-section",
		"clang -g -gdwarf-5 -O0", "clang -g -gdwarf-4 -O2", "clang -g -gdwarf-5 -O2",
	};

	ck_assert_uint_ge(assert_all(c_source, "c", commands, sizeof(commands) / sizeof(commands[0])), 3);
}
END_TEST

START_TEST(cxx_variables_have_their_names)
{
	// Symbols that are unique in a process would be those of the object that was loaded first.
	static const char *const commands[] = {
		"g++ -std=c++17 -fno-gnu-unique -g -gdwarf-5 -O0", "g++ -std=c++17 -fno-gnu-unique -g -gdwarf-4 -O2", "g++ -std=c++17 -fno-gnu-unique -g -fdebug-types-section -O1",
		"clang++ -std=c++17 -g -gdwarf-5 -O0", "clang++ -std=c++17 -g -gdwarf-4 -O0",
	};

	ck_assert_uint_ge(assert_all(cc_source, "cc", commands, sizeof(commands) / sizeof(commands[0])), 2);
}
END_TEST

static void ask_everything(struct modules *modules, struct module *module)
{
	for (size_t i = 0; i < module->segments.n; i++) {
		const struct module_segment *segment = &module->segments.v[i];

		if (!(segment->flags & PF_W))
			continue;
		for (vaddr at = segment->start & ~UINT64_C(7); at < segment->end; at += 8) {
			struct variable variable;

			if (!variable_at(modules, module, at, &variable))
				continue;
			ck_assert_uint_le(variable.start, at);
			free(variable_member(modules, module, &variable, at - variable.start));
			variable_deinit(&variable);
		}
	}
	for (uint64_t at = 0; at < 64; at += 8) {
		struct variable variable;

		if (variable_thread_local(modules, module, at, &variable))
			variable_deinit(&variable);
	}
}

START_TEST(damaged_debug_sections_do_no_harm)
{
	static const char *const sections[] = { ".debug_info", ".debug_abbrev", ".debug_str", ".debug_addr", ".debug_line", ".debug_line_str" };
	struct dwarf_case one;

	ck_assert(dwarf_case_init(&one, cc_source, "cc", "g++ -std=c++17 -fno-gnu-unique -g -gdwarf-5 -O1") ||
		  dwarf_case_init(&one, cc_source, "cc", "clang++ -std=c++17 -g -gdwarf-5 -O0"));
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		dwarf_case_damage(&one, sections[i], i < 2 ? 300 : 60, (uint32_t)i + 1, ask_everything);
	dwarf_case_deinit(&one);
}
END_TEST

START_TEST(nothing_is_said_without_dwarf)
{
	struct dwarf_case one;
	struct variable variable;

	ck_assert(dwarf_case_init(&one, c_source, "c", "gcc -g0 -O1") || dwarf_case_init(&one, c_source, "c", "clang -g0 -O1"));
	ck_assert_ptr_null(module_dwarf(&one.modules, one.module));
	struct symbol symbol;
	ck_assert(symbol_named(&one.modules, one.module, "lone", &symbol));
	ck_assert(!variable_at(&one.modules, one.module, symbol.value, &variable));
	ck_assert(!variable_thread_local(&one.modules, one.module, 0, &variable));
	dwarf_case_deinit(&one);
}
END_TEST

START_TEST(what_was_released_is_read_anew)
{
	struct dwarf_case one;
	struct variable variable;
	struct symbol symbol;

	ck_assert(dwarf_case_init(&one, c_source, "c", "gcc -g -O1") || dwarf_case_init(&one, c_source, "c", "clang -g -O1"));
	ck_assert(symbol_named(&one.modules, one.module, "lone", &symbol));
	for (int i = 0; i < 3; i++) {
		ck_assert(variable_at(&one.modules, one.module, symbol.value, &variable));
		ck_assert_str_eq(variable.name, "lone");
		ck_assert_uint_eq(variable.start, symbol.value);
		ck_assert_uint_eq(variable.size, 8);
		variable_deinit(&variable);
		ck_assert_ptr_nonnull(one.module->dwarf);
		dwarf_files_release(&one.modules);
		ck_assert_ptr_null(one.module->dwarf);
	}
	// Beyond everything.
	ck_assert(!variable_at(&one.modules, one.module, one.module->end - one.module->bias + 8, &variable));
	ck_assert(!variable_at(&one.modules, one.module, 0, &variable));
	dwarf_case_deinit(&one);
}
END_TEST

UNIT_SUITE("variables", c_variables_have_their_names, cxx_variables_have_their_names, damaged_debug_sections_do_no_harm, nothing_is_said_without_dwarf,
	   what_was_released_is_read_anew)
