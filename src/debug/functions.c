/* SPDX-License-Identifier: MIT */
/*
 * Two steps: a table of the ranges of all units, which is made when the first pc of a module is asked for; and of each unit that a pc is in, a table of the
 * ranges of its functions. Below its function the DIEs are read again for each pc.
 */
#include "debug/functions.h"

#include <dwarf.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "debug/die_names.h"
#include "debug/lines.h"
#include "debug/symbols.h"

enum {
	/** Ranges of all units, and of all functions of one unit. */
	RANGES_MAX = 1 << 22,
	/** Ranges before an address that are looked at: some are inside others. */
	NESTING_MAX = 32,
	/** DIEs of one function that are in force at one pc. */
	DIES_MAX = 1 << 14,
	/** DIEs of one function that are looked at, and entries of their lists of ranges. */
	STEPS_MAX = 1 << 22,
	/** Functions inlined into each other. */
	INLINED_MAX = 128,
	/** Answers that are kept, a power of two. */
	KEPT_MAX = 1024,
};

/* Code of a unit or of a function. */
struct code_range {
	/** Half-open, file addresses. */
	vaddr low, high;
	/** Of the unit, index in the table; of the function, its DIE. */
	uint64_t of;
};

typedef ARRAY(struct code_range) code_range_array;

struct unit_functions {
	/** Of its header. */
	uint64_t offset;
	/** Of its own DIE. */
	uint64_t die;
	bool is_read;
	/** By low. */
	code_range_array ranges;
};

struct kept_code {
	vaddr pc;
	/** No functions: nothing is kept here. */
	struct code code;
};

struct function_table {
	/** By low. */
	code_range_array ranges;
	ARRAY(struct unit_functions) units;
	/** By pc modulo KEPT_MAX. */
	struct kept_code kept[KEPT_MAX];
};

void function_table_destroy(struct function_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->units.n; i++)
		array_deinit(&table->units.v[i].ranges);
	for (size_t i = 0; i < KEPT_MAX; i++)
		code_deinit(&table->kept[i].code);
	array_deinit(&table->units);
	array_deinit(&table->ranges);
	free(table);
}

void code_deinit(struct code *code)
{
	for (size_t i = 0; i < code->functions.n; i++) {
		free(code->functions.v[i].name);
		free(code->functions.v[i].source);
	}
	array_deinit(&code->functions);
}

static void code_copy(const struct code *from, struct code *ret)
{
	*ret = (struct code){ .functions = { .n = 0 } };
	for (size_t i = 0; i < from->functions.n; i++) {
		const struct code_function *function = &from->functions.v[i];

		array_append(&ret->functions, (struct code_function){ .name = function->name ? xstrdup(function->name) : NULL,
								      .source = function->source ? xstrdup(function->source) : NULL });
	}
}

/* ---- ranges ---- */

static void range_add(code_range_array *ranges, vaddr low, vaddr high, uint64_t of)
{
	// What the linker dropped is left at 0.
	if (low != 0 && low < high && ranges->n < RANGES_MAX)
		array_append(ranges, (struct code_range){ low, high, of });
}

/* Adds the code of the DIE that a reader is at. `steps` counts the entries of lists. */
static void ranges_add(code_range_array *ranges, const struct dwarf_file *file, const struct die *die, uint64_t of, size_t *steps)
{
	Dwarf_Addr base, low, high;
	ptrdiff_t at = 0;
	Dwarf_Die unit;

	if (!die->has_ranges) {
		range_add(ranges, die->low, die->high, of);
		return;
	}
	if (!die_at(file, die->offset, &unit))
		return;
	for (; *steps < RANGES_MAX && (at = dwarf_ranges(&unit, at, &base, &low, &high)) > 0; ++*steps)
		range_add(ranges, low, high, of);
}

static int range_compare(const void *a, const void *b)
{
	const struct code_range *left = a, *right = b;

	if (left->low != right->low)
		return left->low < right->low ? -1 : 1;
	return left->of < right->of ? -1 : left->of > right->of;
}

static void ranges_sort(code_range_array *ranges)
{
	if (ranges->n)
		qsort(ranges->v, ranges->n, sizeof(*ranges->v), range_compare);
}

/* The range that begins last of those that hold a pc, or NULL. */
static const struct code_range *ranges_find(const code_range_array *ranges, vaddr pc)
{
	size_t low = 0, high = ranges->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ranges->v[middle].low <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	for (int steps = 0; low-- > 0 && steps < NESTING_MAX; steps++) {
		if (pc < ranges->v[low].high)
			return &ranges->v[low];
	}
	return NULL;
}

/* ---- tables ---- */

static struct function_table *table_build(const struct dwarf_file *file)
{
	struct function_table *table = xcalloc(1, sizeof(*table));
	struct die_reader reader;
	size_t steps = 0;

	die_reader_init(&reader, &file->sections);
	for (uint64_t at = 0; die_reader_unit(&reader, at) || reader.unit.end; at = reader.unit.end) {
		if (reader.unit.type == DW_UT_type || !die_reader_next(&reader) || reader.die.tag != DW_TAG_compile_unit)
			continue;
		ranges_add(&table->ranges, file, &reader.die, table->units.n, &steps);
		array_append(&table->units, (struct unit_functions){ .offset = reader.unit.offset, .die = reader.die.offset });
	}
	die_reader_deinit(&reader);
	ranges_sort(&table->ranges);
	return table;
}

/* The table of a module, made when first asked for; NULL when there is no DWARF. */
static struct function_table *module_functions(struct modules *modules, struct module *module)
{
	struct dwarf_file *file = module_dwarf(modules, module);

	if (file && !file->functions)
		file->functions = table_build(file);
	return file ? file->functions : NULL;
}

/* Reads where the functions of a unit are. */
static void unit_read(const struct dwarf_file *file, struct unit_functions *unit)
{
	struct die_reader reader;
	size_t steps = 0;

	if (unit->is_read)
		return;
	unit->is_read = true;
	die_reader_init(&reader, &file->sections);
	if (die_reader_unit(&reader, unit->offset)) {
		while (die_reader_next(&reader)) {
			if (reader.die.tag == DW_TAG_subprogram)
				ranges_add(&unit->ranges, file, &reader.die, reader.die.offset, &steps);
		}
	}
	die_reader_deinit(&reader);
	ranges_sort(&unit->ranges);
}

/* The unit that holds a pc, with its functions; NULL when there is none. */
static struct unit_functions *unit_at(const struct dwarf_file *file, struct function_table *table, vaddr pc)
{
	const struct code_range *range = ranges_find(&table->ranges, pc);

	if (!range)
		return NULL;
	unit_read(file, &table->units.v[range->of]);
	return &table->units.v[range->of];
}

/* ---- what is in force ---- */

static bool die_holds(const struct dwarf_file *file, const struct die *die, vaddr pc, size_t *steps)
{
	Dwarf_Addr base, low, high;
	ptrdiff_t at = 0;
	Dwarf_Die block;

	if (!die->has_ranges)
		return die->low <= pc && pc < die->high;
	if (!die_at(file, die->offset, &block))
		return false;
	for (; *steps < STEPS_MAX && (at = dwarf_ranges(&block, at, &base, &low, &high)) > 0; ++*steps) {
		if (low <= pc && pc < high)
			return true;
	}
	return false;
}

/* Lists what is in force at a pc below the DIE of its function. */
static void dies_list(const struct dwarf_file *file, const struct unit_functions *unit, uint64_t function, vaddr pc, function_die_array *ret)
{
	// At each depth, how many inlined functions the DIEs there are in.
	unsigned inlined[ANCESTORS_MAX] = { 0 }, n_inlined = 0;
	struct die_reader reader;

	die_reader_init(&reader, &file->sections);
	if (die_reader_seek(&reader, unit->offset, function)) {
		for (size_t steps = 0; steps < STEPS_MAX && ret->n < DIES_MAX && die_reader_next(&reader); steps++) {
			const struct die *die = &reader.die;
			bool is_scope = false, is_inlined = die->tag == DW_TAG_inlined_subroutine;

			if (die->depth + 1 >= ANCESTORS_MAX) {
				die_reader_skip(&reader);
				continue;
			}
			switch (die->tag) {
			case DW_TAG_formal_parameter:
			case DW_TAG_variable:
				break;
			case DW_TAG_GNU_formal_parameter_pack:
				inlined[die->depth + 1] = inlined[die->depth];
				continue;
			case DW_TAG_lexical_block:
			case DW_TAG_inlined_subroutine:
			case DW_TAG_try_block:
			case DW_TAG_catch_block:
				is_scope = die_holds(file, die, pc, &steps) && (!is_inlined || n_inlined++ < INLINED_MAX);
				break;
			default:
				is_scope = die->depth == 0;
			}
			if (is_scope)
				inlined[die->depth + 1] = inlined[die->depth] + is_inlined;
			if (is_scope || die->tag == DW_TAG_formal_parameter || die->tag == DW_TAG_variable)
				array_append(ret, (struct function_die){ die->offset, die->tag, inlined[die->depth] + is_inlined });
			if (!is_scope)
				die_reader_skip(&reader);
		}
	}
	die_reader_deinit(&reader);
}

void function_dies(struct modules *modules, struct module *module, vaddr pc, function_die_array *ret)
{
	struct function_table *table = module_functions(modules, module);
	const struct unit_functions *unit = table ? unit_at(module->dwarf, table, pc) : NULL;
	const struct code_range *function = unit ? ranges_find(&unit->ranges, pc) : NULL;

	*ret = (function_die_array){ .n = 0 };
	if (function)
		dies_list(module->dwarf, unit, function->of, pc, ret);
}

/* ---- names ---- */

/* Where an inlined function was called from: «server.c:120»; NULL when it is not said. */
static char *call_source(const struct dwarf_file *file, Dwarf_Die *unit, Dwarf_Die *inlined)
{
	uint64_t index, line;
	const char *name;

	if (!die_number(inlined, DW_AT_call_file, &index) || !die_number(inlined, DW_AT_call_line, &line))
		return NULL;
	name = line_file_name(file, unit, index);
	return name ? xasprintf("%s:%" PRIu64, name, line) : NULL;
}

/* What the DWARF of a unit says of a pc. */
static void code_read(struct dwarf_file *file, const struct unit_functions *unit, vaddr pc, struct code *ret)
{
	const struct code_range *function = ranges_find(&unit->ranges, pc);
	function_die_array dies = { 0 };
	char *source = NULL;
	const char *name;
	uint64_t line;
	Dwarf_Die unit_die;

	if (!function || !die_at(file, unit->die, &unit_die))
		return;
	dies_list(file, unit, function->of, pc, &dies);
	if (line_at(file, &unit_die, pc, &name, &line))
		source = xasprintf("%s:%" PRIu64, name, line);
	for (size_t i = dies.n; i-- > 0;) {
		Dwarf_Die die;

		// Of blocks that are in force, each is inside the one before it.
		if ((dies.v[i].tag != DW_TAG_inlined_subroutine && i != 0) || !die_at(file, dies.v[i].offset, &die))
			continue;
		array_append(&ret->functions, (struct code_function){ .name = die_qualified_name(file, &die), .source = source });
		source = call_source(file, &unit_die, &die);
	}
	free(source);
	array_deinit(&dies);
}

/* What DWARF says, read or kept; false when it says nothing. */
static bool code_from_dwarf(struct modules *modules, struct module *module, vaddr pc, struct code *ret)
{
	struct function_table *table = module_functions(modules, module);
	const struct unit_functions *unit = table ? unit_at(module->dwarf, table, pc) : NULL;

	if (!unit)
		return false;

	struct kept_code *kept = &table->kept[(pc ^ pc >> 10) % KEPT_MAX];

	if (kept->pc != pc || !kept->code.functions.n) {
		code_deinit(&kept->code);
		kept->pc = pc;
		code_read(module->dwarf, unit, pc, &kept->code);
	}
	if (!kept->code.functions.n)
		return false;
	code_copy(&kept->code, ret);
	return true;
}

bool code_at(struct modules *modules, struct module *module, vaddr pc, struct code *ret)
{
	struct code code = { .functions = { .n = 0 } };
	struct symbol symbol;
	bool found = code_from_dwarf(modules, module, pc, &code);

	if (found && code.functions.v[code.functions.n - 1].name) {
		*ret = code;
		return true;
	}
	if (!symbol_at(modules, module, pc, &symbol)) {
		code_deinit(&code);
		return false;
	}
	if (!found)
		array_append(&code.functions, (struct code_function){ .name = NULL });
	code.functions.v[code.functions.n - 1].name = xstrdup(symbol.name);
	*ret = code;
	return true;
}
