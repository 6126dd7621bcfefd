/* SPDX-License-Identifier: MIT */
/*
 * Layouts: what the compiler at hand says of a small source file, in every form of DWARF that it writes; libc's own where its debug
 * file is installed; and debug sections that were damaged.
 */
#include "debug/elf_file.h"
#include "debug/layout.h"
#include "debug/symbols.h"
#include "self_target.h"
#include "unit.h"

static const char source[] =
	"typedef struct outer *outer_pointer;\n"
	"struct entry { struct entry *next; unsigned long key; };\n"
	"typedef struct entry entry_name;\n"
	"typedef struct { char c; entry_name e[3]; } anonymous;\n"
	"struct outer {\n"
	"	int mutex; volatile const short flags;\n"
	"	struct entry *bins[4][5];\n"
	"	anonymous inner;\n"
	"	union { int as_int; struct { char pad; double as_double; }; };\n"
	"	unsigned low : 3, high : 5;\n"
	"	enum colour { RED, GREEN } colour;\n"
	"	char tail[];\n"
	"};\n"
	"static struct outer main_thing = { .mutex = 1 };\n"
	"__attribute__((visibility(\"hidden\"))) _Thread_local outer_pointer tls_thing;\n"
	"__attribute__((visibility(\"hidden\"))) _Thread_local long tls_second = 7;\n"
	"extern int elsewhere;\n"
	"extern int declared_first;\n"
	"int declared_first = 5;\n"
	"void *leak(void) { return &main_thing; }\n"
	"int work(struct outer *o, anonymous *a)\n"
	"{\n"
	"	tls_thing = o; main_thing.mutex += a->c + elsewhere; return (int)tls_second;\n"
	"}\n";

/* A shared object of that source. */
struct layout_case {
	char directory[64], path[128];
	struct target *target;
	struct modules modules;
};

static bool layout_case_init(struct layout_case *one, const char *flags)
{
	static const struct debug_options no_debug = {.debug_path = ""};
	const char *compiler = getenv("CC");
	char command[1024];

	*one = (struct layout_case){.target = empty_target()};
	temporary_directory(one->directory);
	snprintf(one->path, sizeof(one->path), "%s/thing.c", one->directory);
	FILE *file = fopen(one->path, "we");
	fputs(source, file);
	fclose(file);
	snprintf(one->path, sizeof(one->path), "%s/thing.so", one->directory);
	snprintf(command, sizeof(command), "cd '%s' && %s -O1 -fPIC -shared %s -o thing.so thing.c 2>errors", one->directory,
		 compiler && *compiler ? compiler : "cc", flags);
	if (system(command) != 0)
		return false;
	target_add_elf(one->target, one->path, 0x100000);
	modules_init(&one->modules, one->target, &no_debug);
	ck_assert_uint_eq(one->modules.v.n, 1);
	return true;
}

static void layout_case_deinit(struct layout_case *one)
{
	modules_deinit(&one->modules);
	remove_directory(one->directory);
	target_destroy(one->target);
}

/* What the tests ask for; `size` and so on hold rubbish, to see that they are set. */
enum { OUTER, ENTRY, TYPEDEF, ANONYMOUS, POINTER, ABSENT, N_LAYOUTS };
enum { MUTEX, FLAGS, BINS, INNER, AS_INT, AS_DOUBLE, LOW, HIGH, COLOUR, TAIL, NOT_THERE, N_MEMBERS };

struct asked {
	struct layout_member outer[N_MEMBERS], entry[2], other[1];
	struct layout layouts[N_LAYOUTS];
	struct layout_variable variables[6];
	vaddr low, high;
};

static struct layout_member rubbish(const char *name)
{
	return (struct layout_member){.name = name, .offset = 77, .size = 77, .count = 77};
}

static void asked_init(struct asked *asked)
{
	static const char *const members[N_MEMBERS] = {"mutex", "flags", "bins", "inner", "as_int", "as_double", "low", "high", "colour", "tail", "not_there"};
	static const char *const variables[6] = {"main_thing", "tls_thing", "tls_second", "elsewhere", "declared_first", "not_there"};

	for (size_t i = 0; i < N_MEMBERS; i++)
		asked->outer[i] = rubbish(members[i]);
	asked->entry[0] = rubbish("next");
	asked->entry[1] = rubbish("key");
	asked->other[0] = rubbish("e");
	asked->layouts[OUTER] = (struct layout){"outer", 77, asked->outer, N_MEMBERS};
	asked->layouts[ENTRY] = (struct layout){"entry", 77, asked->entry, 2};
	asked->layouts[TYPEDEF] = (struct layout){"entry_name", 77, NULL, 0};
	asked->layouts[ANONYMOUS] = (struct layout){"anonymous", 77, asked->other, 1};
	asked->layouts[POINTER] = (struct layout){"outer_pointer", 77, NULL, 0};
	asked->layouts[ABSENT] = (struct layout){"not_there", 77, NULL, 0};
	for (size_t i = 0; i < 6; i++)
		asked->variables[i] = (struct layout_variable){variables[i], 77, true};
	asked->low = asked->high = 77;
}

static bool ask(struct modules *modules, struct module *module, const char *unit, struct asked *asked)
{
	asked_init(asked);
	return layouts_from_dwarf(modules, module, unit, asked->layouts, N_LAYOUTS, asked->variables, 6, &asked->low, &asked->high);
}

/* The same struct, for this compiler to say. */
struct entry {
	struct entry *next;
	unsigned long key;
};

struct anonymous {
	char c;
	struct entry e[3];
};

struct outer {
	int mutex;
	short flags;
	struct entry *bins[4][5];
	struct anonymous inner;
	union {
		int as_int;
		struct {
			char pad;
			double as_double;
		};
	};
	unsigned bits;
	int colour;
	char tail[];
};

static void assert_member(const struct layout_member *member, size_t offset, size_t size, size_t count)
{
	ck_assert_msg(member->offset == offset && member->size == size && member->count == count,
		      "%s is at %u, %u bytes, %u elements", member->name, member->offset, member->size, member->count);
}

static void assert_answer(const struct module *module, const struct asked *asked, const char *form)
{
	int value;

	ck_assert_msg(asked->layouts[OUTER].size == sizeof(struct outer), "%s", form);
	ck_assert_uint_eq(asked->layouts[ENTRY].size, sizeof(struct entry));
	ck_assert_uint_eq(asked->layouts[TYPEDEF].size, sizeof(struct entry));
	ck_assert_uint_eq(asked->layouts[ANONYMOUS].size, sizeof(struct anonymous));
	ck_assert_uint_eq(asked->layouts[POINTER].size, 0);
	ck_assert_uint_eq(asked->layouts[ABSENT].size, 0);
	assert_member(&asked->outer[MUTEX], 0, 4, 1);
	assert_member(&asked->outer[FLAGS], offsetof(struct outer, flags), 2, 1);
	assert_member(&asked->outer[BINS], offsetof(struct outer, bins), 160, 20);
	assert_member(&asked->outer[INNER], offsetof(struct outer, inner), sizeof(struct anonymous), 1);
	assert_member(&asked->outer[AS_INT], offsetof(struct outer, as_int), 4, 1);
	assert_member(&asked->outer[AS_DOUBLE], offsetof(struct outer, as_double), 8, 1);
	assert_member(&asked->outer[LOW], offsetof(struct outer, bits), 4, 1);
	assert_member(&asked->outer[HIGH], offsetof(struct outer, bits), 4, 1);
	assert_member(&asked->outer[COLOUR], offsetof(struct outer, colour), 4, 1);
	assert_member(&asked->outer[TAIL], offsetof(struct outer, tail), 0, 0);
	assert_member(&asked->outer[NOT_THERE], MEMBER_ABSENT, 0, 1);
	assert_member(&asked->entry[0], 0, 8, 1);
	assert_member(&asked->entry[1], 8, 8, 1);
	assert_member(&asked->other[0], 8, 48, 3);

	ck_assert(!asked->variables[0].is_tls);
	ck_assert(module_get(module, asked->variables[0].value, &value, sizeof(value)));
	ck_assert_int_eq(value, 1);
	ck_assert(asked->variables[1].is_tls && asked->variables[2].is_tls);
	ck_assert_uint_lt(asked->variables[1].value, 16);
	ck_assert_uint_lt(asked->variables[2].value, 16);
	ck_assert_uint_ne(asked->variables[1].value, asked->variables[2].value);
	ck_assert_uint_eq(asked->variables[3].value, VADDR_NONE);
	ck_assert(module_get(module, asked->variables[4].value, &value, sizeof(value)));
	ck_assert_int_eq(value, 5);
	ck_assert_uint_eq(asked->variables[5].value, VADDR_NONE);
	ck_assert_uint_lt(asked->low, asked->high);
}

START_TEST(every_form_of_dwarf_says_the_same)
{
	static const char *const forms[] = {"-g -gdwarf-5", "-g -gdwarf-4", "-g -gdwarf-3", "-g -gdwarf-2 -gstrict-dwarf",
					    "-g -gz=zlib", "-g -ffunction-sections -fdata-sections"};
	size_t compiled = 0;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct layout_case one;
		struct asked asked;

		// Not every compiler has all of them.
		if (!layout_case_init(&one, forms[i])) {
			remove_directory(one.directory);
			target_destroy(one.target);
			continue;
		}
		compiled++;
		struct module *module = &one.modules.v.v[0];
		ck_assert_msg(ask(&one.modules, module, "thing.c", &asked), "%s", forms[i]);
		assert_answer(module, &asked, forms[i]);
		layout_case_deinit(&one);
	}
	ck_assert_uint_ge(compiled, 4);
}
END_TEST

START_TEST(nothing_is_touched_when_there_is_nothing)
{
	static const char *const units[] = {"hing.c", "other.c", "thing.c.c", ""};
	struct layout_case one;
	struct asked asked;

	ck_assert(layout_case_init(&one, "-g"));
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		// The name of a unit is matched by whole components; "" is the end of each, but follows no slash.
		ck_assert(!ask(&one.modules, &one.modules.v.v[0], units[i], &asked));
		for (size_t k = 0; k < N_MEMBERS; k++)
			assert_member(&asked.outer[k], 77, 77, 77);
		for (size_t k = 0; k < N_LAYOUTS; k++)
			ck_assert_uint_eq(asked.layouts[k].size, 77);
		for (size_t k = 0; k < 6; k++)
			ck_assert_uint_eq(asked.variables[k].value, 77);
		ck_assert_uint_eq(asked.low, 77);
	}
	layout_case_deinit(&one);

	ck_assert(layout_case_init(&one, "-g0"));
	ck_assert(!ask(&one.modules, &one.modules.v.v[0], "thing.c", &asked));
	layout_case_deinit(&one);
}
END_TEST

START_TEST(types_that_dwz_moved_are_followed)
{
	static const struct debug_options no_debug = {.debug_path = ""}, no_path = {.debug_path = NULL};
	struct layout_case one;
	struct asked asked;
	char command[1024];

	ck_assert(layout_case_init(&one, "-g -gdwarf-4 -Wl,--build-id"));
	modules_deinit(&one.modules);
	// Both have the same types, so that these go to the shared file. Not every machine has dwz.
	snprintf(command, sizeof(command), "cd '%s' && command -v dwz >/dev/null && cp thing.so other.so && dwz -m shared.debug thing.so other.so 2>errors",
		 one.directory);
	if (system(command) == 0) {
		// dwz wrote another file in the place of the one that is open.
		target_destroy(one.target);
		one.target = empty_target();
		target_add_elf(one.target, one.path, 0x100000);
		modules_init(&one.modules, one.target, &no_path);
		ck_assert(ask(&one.modules, &one.modules.v.v[0], "thing.c", &asked));
		assert_answer(&one.modules.v.v[0], &asked, "dwz");
		modules_deinit(&one.modules);

		// Without the shared file nothing is said, rather than half.
		snprintf(command, sizeof(command), "rm '%s/shared.debug'", one.directory);
		ck_assert_int_eq(system(command), 0);
		modules_init(&one.modules, one.target, &no_path);
		ck_assert(!ask(&one.modules, &one.modules.v.v[0], "thing.c", &asked));
		ck_assert_uint_eq(asked.layouts[OUTER].size, 77);
		modules_deinit(&one.modules);

		// A FIFO in its place does not make us wait.
		snprintf(command, sizeof(command), "mkfifo '%s/shared.debug'", one.directory);
		ck_assert_int_eq(system(command), 0);
		modules_init(&one.modules, one.target, &no_path);
		ck_assert(!ask(&one.modules, &one.modules.v.v[0], "thing.c", &asked));
		modules_deinit(&one.modules);
	}
	modules_init(&one.modules, one.target, &no_debug);
	layout_case_deinit(&one);
}
END_TEST

START_TEST(libc_says_where_its_arena_is)
{
	struct target *target = self_target();
	struct modules modules;
	struct layout_member members[] = {{.name = "next"}, {.name = "top"}, {.name = "bins"}, {.name = "fastbinsY"}};
	struct layout layouts[] = {{"malloc_state", 0, members, 4}};
	struct layout_variable variables[] = {{.name = "main_arena"}, {.name = "tcache"}};

	modules_init(&modules, target, NULL);
	for (size_t i = 0; i < modules.v.n; i++) {
		struct module *module = &modules.v.v[i];
		vaddr low, high;

		if (strcmp(module_name(module), "libc.so.6") != 0)
			continue;
		// Without libc6-dbg there is nothing to be said.
		if (!layouts_from_dwarf(&modules, module, "malloc.c", layouts, 1, variables, 2, &low, &high))
			break;
		ck_assert_uint_gt(layouts[0].size, 2000);
		ck_assert_uint_eq(members[2].count, 254);
		ck_assert_uint_gt(members[0].offset, members[2].offset);
		// The arena's own initialiser makes `next` point to itself.
		vaddr next;
		memcpy(&next, (void *)(uintptr_t)(module->bias + variables[0].value + members[0].offset), sizeof(next));
		ck_assert(next == module->bias + variables[0].value || modules_find(&modules, next) != module);
		ck_assert(variables[1].is_tls);
		ck_assert_uint_lt(variables[1].value, module->tls_size);
		struct symbol symbol;
		ck_assert(symbol_exported(module, "malloc", &symbol));
		ck_assert(low <= symbol.value && symbol.value < high);
	}
	modules_deinit(&modules);
	target_destroy(target);
}
END_TEST

START_TEST(damaged_debug_sections_do_no_harm)
{
	static const char *const sections[] = {".debug_info", ".debug_abbrev", ".debug_str", ".debug_addr", ".debug_rnglists"};
	struct layout_case one;
	uint32_t seed = 1;

	ck_assert(layout_case_init(&one, "-g -gdwarf-5"));
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		GElf_Shdr header;

		if (!section_named(one.modules.v.v[0].elf, sections[i], &header))
			continue;
		FILE *file = fopen(one.path, "r+e");
		for (int round = 0; round < 400; round++) {
			static const struct debug_options no_debug = {.debug_path = ""};
			struct modules modules;
			struct asked asked;

			seed = seed * 1103515245 + 12345;
			long at = (long)(header.sh_offset + (seed >> 8) % header.sh_size);
			fseek(file, at, SEEK_SET);
			int before = getc(file);
			fseek(file, at, SEEK_SET);
			putc(round % 3 == 0 ? 0xff : round % 3 == 1 ? 0 : (int)(seed >> 24), file);
			fflush(file);
			modules_init(&modules, one.target, &no_debug);
			ask(&modules, &modules.v.v[0], "thing.c", &asked);
			modules_deinit(&modules);
			fseek(file, at, SEEK_SET);
			putc(before, file);
		}
		fclose(file);
	}
	layout_case_deinit(&one);
}
END_TEST

UNIT_SUITE("layout", every_form_of_dwarf_says_the_same, nothing_is_touched_when_there_is_nothing, types_that_dwz_moved_are_followed,
	   libc_says_where_its_arena_is,
	   damaged_debug_sections_do_no_harm)
