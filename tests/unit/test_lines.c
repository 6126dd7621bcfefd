/* SPDX-License-Identifier: MIT */
/*
 * Line tables: for every pc of a source, as compilers describe it, the same line and file as libdw finds in the rows that it builds.
 */
#include "debug/lines.h"

#include <dwarf.h>

#include "dwarf_case.h"
#include "unit.h"

static const char source[] =
	"#include <string.h>\n"
	"#include <stdlib.h>\n"
	"struct node { struct node *next; char name[32]; };\n"
	"static struct node *nodes[64];\n"
	"static unsigned hash(const char *name)\n"
	"{\n"
	"	unsigned value = 5381;\n"
	"	for (; *name; name++)\n"
	"		value = value * 33 + (unsigned char)*name;\n"
	"	return value % 64;\n"
	"}\n"
	"struct node *find(const char *name, int make)\n"
	"{\n"
	"	struct node **at = &nodes[hash(name)];\n"
	"	for (; *at; at = &(*at)->next)\n"
	"		if (strcmp((*at)->name, name) == 0)\n"
	"			return *at;\n"
	"	if (!make)\n"
	"		return NULL;\n"
	"	*at = calloc(1, sizeof(**at));\n"
	"	if (!*at)\n"
	"		return nodes[0];\n"
	"	strncpy((*at)->name, name, 31);\n"
	"#line 4000 \"/far/away/generated.y\"\n"
	"	if (make > 1)\n"
	"		memset(nodes, make, 8);\n"
	"	return *at;\n"
	"}\n"
	"#line 12 \"../other.c\"\n"
	"int other(int n) { switch (n) { case 1: return 7; case 2: return 9; default: return find(\"x\", n) != NULL; } }\n";

/* What libdw says: the row at or before a pc that has a line. */
static bool oracle(Dwarf_Die *unit, vaddr pc, const char **name_ret, int *line_ret)
{
	Dwarf_Lines *lines;
	size_t n;
	bool found = false;

	ck_assert_int_eq(dwarf_getsrclines(unit, &lines, &n), 0);
	*line_ret = 0;
	for (size_t i = 0; i < n; i++) {
		Dwarf_Line *line = dwarf_onesrcline(lines, i);
		Dwarf_Addr address;
		int number;
		bool end;

		dwarf_lineaddr(line, &address);
		dwarf_lineendsequence(line, &end);
		dwarf_lineno(line, &number);
		if (address > pc)
			return found && *line_ret;
		found = !end;
		if (end) {
			*line_ret = 0;
		} else if (number) {
			*line_ret = number;
			*name_ret = dwarf_linesrc(line, NULL, NULL);
		}
	}
	return false;
}

/* Many at once are the same as one by one. */
static void assert_batch(struct dwarf_file *file, Dwarf_Die *unit, const struct module_segment *segment)
{
	size_t n = (size_t)(segment->end - segment->start);
	struct line *lines = calloc(n, sizeof(*lines));

	for (size_t i = 0; i < n; i++)
		lines[i].pc = segment->start + i;
	lines_at(file, unit, lines, n);
	for (size_t i = 0; i < n; i++) {
		const char *name = NULL;
		uint64_t line = 0;

		ck_assert_int_eq(line_at(file, unit, lines[i].pc, &name, &line), lines[i].name != NULL);
		if (!name)
			continue;
		ck_assert_str_eq(name, lines[i].name);
		ck_assert_uint_eq(line, lines[i].number);
	}
	free(lines);
}

static size_t assert_lines(struct dwarf_case *one)
{
	struct dwarf_file *file = module_dwarf(&one->modules, one->module);
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit;
	size_t known = 0;

	ck_assert_ptr_nonnull(file);
	while (dwarf_get_units(file->dwarf, cu, &cu, NULL, NULL, &unit, NULL) == 0) {
		for (size_t i = 0; i < one->module->segments.n; i++) {
			const struct module_segment *segment = &one->module->segments.v[i];

			if (segment->flags & PF_X)
				assert_batch(file, &unit, segment);
			for (vaddr pc = segment->start; pc < segment->end && (segment->flags & PF_X); pc++) {
				const char *expected_name = NULL, *name = NULL;
				int expected;
				uint64_t line = 0;
				bool has = oracle(&unit, pc, &expected_name, &expected);

				ck_assert_msg(has == line_at(file, &unit, pc, &name, &line), "%s: 0x%lx is at %s:%d", one->form, (unsigned long)pc,
					      expected_name, expected);
				if (!has)
					continue;
				const char *slash = strrchr(expected_name, '/');
				ck_assert_msg(line == (uint64_t)expected && strcmp(name, slash ? slash + 1 : expected_name) == 0,
					      "%s: 0x%lx is at %s:%d, not %s:%lu", one->form, (unsigned long)pc, expected_name, expected, name,
					      (unsigned long)line);
				known++;
			}
		}
	}
	return known;
}

START_TEST(lines_are_those_of_libdw)
{
	static const char *const commands[] = {
		"gcc -g -gdwarf-5 -O0", "gcc -g -gdwarf-4 -O2", "gcc -g -gdwarf-2 -O1", "gcc -g -gdwarf-5 -O2 -ffunction-sections -gno-as-loc-support",
		"clang -g -gdwarf-5 -O2", "clang -g -gdwarf-4 -O0", "clang -g -gdwarf-3 -O2",
	};
	size_t compiled = 0;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct dwarf_case one;

		if (!dwarf_case_init(&one, source, "c", commands[i]))
			continue;
		compiled++;
		ck_assert_uint_gt(assert_lines(&one), 150);
		dwarf_case_deinit(&one);
	}
	ck_assert_uint_ge(compiled, 3);
}
END_TEST

START_TEST(files_have_their_numbers)
{
	static const char *const commands[] = { "gcc -g -gdwarf-5", "gcc -g -gdwarf-4", "clang -g -gdwarf-5", "clang -g -gdwarf-4" };
	size_t compiled = 0;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct dwarf_case one;
		Dwarf_CU *cu = NULL;
		Dwarf_Die unit;
		Dwarf_Files *files;
		size_t n;

		if (!dwarf_case_init(&one, source, "c", commands[i]))
			continue;
		compiled++;
		struct dwarf_file *file = module_dwarf(&one.modules, one.module);
		ck_assert_int_eq(dwarf_get_units(file->dwarf, cu, &cu, NULL, NULL, &unit, NULL), 0);
		ck_assert_int_eq(dwarf_getsrcfiles(&unit, &files, &n), 0);
		ck_assert_uint_gt(n, 2);
		for (size_t j = 1; j < n; j++) {
			const char *expected = dwarf_filesrc(files, j, NULL, NULL), *slash = strrchr(expected, '/');
			const char *name = line_file_name(file, &unit, j);

			ck_assert_ptr_nonnull(name);
			ck_assert_str_eq(name, slash ? slash + 1 : expected);
		}
		ck_assert_ptr_null(line_file_name(file, &unit, n));
		ck_assert_ptr_null(line_file_name(file, &unit, UINT64_MAX));
		dwarf_case_deinit(&one);
	}
	ck_assert_uint_ge(compiled, 1);
}
END_TEST

static void ask_everything(struct modules *modules, struct module *module)
{
	struct dwarf_file *file = module_dwarf(modules, module);
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit;
	const char *name;
	uint64_t line;

	while (file && dwarf_get_units(file->dwarf, cu, &cu, NULL, NULL, &unit, NULL) == 0) {
		for (vaddr pc = 0x1000; pc < 0x1400; pc += 32) {
			if (line_at(file, &unit, pc, &name, &line))
				ck_assert_uint_gt(strlen(name), 0);
		}
		for (uint64_t i = 0; i < 8; i++)
			line_file_name(file, &unit, i);
	}
}

START_TEST(damaged_tables_do_no_harm)
{
	struct dwarf_case one;

	ck_assert(dwarf_case_init(&one, source, "c", "gcc -g -gdwarf-5 -O2") || dwarf_case_init(&one, source, "c", "clang -g -gdwarf-5 -O2"));
	dwarf_case_damage(&one, ".debug_line", 500, 1, ask_everything);
	dwarf_case_damage(&one, ".debug_line_str", 50, 2, ask_everything);
	dwarf_case_deinit(&one);
	if (!dwarf_case_init(&one, source, "c", "gcc -g -gdwarf-4 -O2"))
		return;
	dwarf_case_damage(&one, ".debug_line", 500, 3, ask_everything);
	dwarf_case_deinit(&one);
}
END_TEST

UNIT_SUITE("lines", lines_are_those_of_libdw, files_have_their_numbers, damaged_tables_do_no_harm)
