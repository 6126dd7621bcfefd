/* SPDX-License-Identifier: MIT */
/*
 * A table for each module: the address of every variable that has one, and where its DIE is. It is made by one pass over .debug_info (dies.h), and holds no
 * names or sizes: these cost more than the pass, and few are asked for.
 */
#include "debug/variables.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "debug/die_names.h"
#include "debug/dies.h"
#include "debug/members.h"
#include "debug/symbols.h"

enum {
	/** Of one module. */
	VARIABLES_MAX = 1 << 24,
	/** Variables at or below an address that are looked at: some have no size, or several DIEs say the same. */
	NEIGHBOURS_MAX = 16,
};

struct entry {
	vaddr start;
	/** In .debug_info. */
	uint64_t die;
};

typedef ARRAY(struct entry) entry_array;

struct variable_table {
	/** By start. */
	entry_array fixed, thread_local;
};

void variable_table_destroy(struct variable_table *table)
{
	if (!table)
		return;
	array_deinit(&table->fixed);
	array_deinit(&table->thread_local);
	free(table);
}

/* Reads the operand of an operation that gives a number; false for any other one. */
static bool operand_read(const struct die_reader *reader, struct cursor *at, unsigned operation, uint64_t *ret)
{
	switch (operation) {
	case DW_OP_addr:
		*ret = cursor_number(at, reader->unit.address_size);
		return true;
	case DW_OP_const1u:
		*ret = cursor_number(at, 1);
		return true;
	case DW_OP_const2u:
		*ret = cursor_number(at, 2);
		return true;
	case DW_OP_const4u:
		*ret = cursor_number(at, 4);
		return true;
	case DW_OP_const8u:
		*ret = cursor_number(at, 8);
		return true;
	case DW_OP_constu:
		*ret = cursor_uleb(at);
		return true;
	case DW_OP_addrx:
	case DW_OP_constx:
	case DW_OP_GNU_addr_index:
	case DW_OP_GNU_const_index:
		return die_reader_address(reader, cursor_uleb(at), ret);
	default:
		return false;
	}
}

static bool module_has(const struct module *module, vaddr address)
{
	for (size_t i = 0; i < module->segments.n; i++) {
		if (address >= module->segments.v[i].start && address < module->segments.v[i].end)
			return true;
	}
	return false;
}

bool variable_place(const struct die_reader *reader, const struct module *module, uint64_t *value_ret, bool *thread_local_ret)
{
	struct cursor at = cursor_of(reader->die.location, reader->die.location_size, 0);
	unsigned operation = (unsigned)cursor_number(&at, 1);
	bool is_address = operation == DW_OP_addr || operation == DW_OP_addrx || operation == DW_OP_GNU_addr_index, is_thread_local = false;
	uint64_t value;

	if (at.failed || !operand_read(reader, &at, operation, &value))
		return false;
	while (cursor_left(&at) && !at.failed) {
		operation = (unsigned)cursor_number(&at, 1);
		if (operation == DW_OP_plus_uconst)
			value += cursor_uleb(&at);
		else if ((operation == DW_OP_form_tls_address || operation == DW_OP_GNU_push_tls_address) && !is_thread_local)
			is_thread_local = true;
		else
			return false;
	}
	if (at.failed || (!is_address && !is_thread_local))
		return false;
	// What the linker dropped is left with an address of 0, or of nothing.
	if (is_thread_local ? value >= module->tls_size : value == 0 || !module_has(module, value))
		return false;
	*value_ret = value;
	*thread_local_ret = is_thread_local;
	return true;
}

static int entry_compare(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;

	if (left->start != right->start)
		return left->start < right->start ? -1 : 1;
	return left->die < right->die ? -1 : left->die > right->die;
}

static void entries_sort(entry_array *entries)
{
	if (entries->n)
		qsort(entries->v, entries->n, sizeof(*entries->v), entry_compare);
}

static struct variable_table *table_build(const struct dwarf_file *file, const struct module *module)
{
	struct variable_table *table = xcalloc(1, sizeof(*table));
	struct die_reader reader;

	die_reader_init(&reader, &file->sections);
	for (uint64_t at = 0; die_reader_unit(&reader, at) || reader.unit.end; at = reader.unit.end) {
		if (reader.unit.type == DW_UT_type)
			continue;
		while (die_reader_next(&reader)) {
			bool is_thread_local;
			uint64_t value;

			if (reader.die.tag != DW_TAG_variable || !reader.die.location || !variable_place(&reader, module, &value, &is_thread_local))
				continue;

			entry_array *entries = is_thread_local ? &table->thread_local : &table->fixed;

			if (entries->n < VARIABLES_MAX)
				array_append(entries, (struct entry){ value, reader.die.offset });
		}
	}
	die_reader_deinit(&reader);
	entries_sort(&table->fixed);
	entries_sort(&table->thread_local);
	return table;
}

/* How many entries start at or below an address. */
static size_t entries_until(const entry_array *entries, vaddr address)
{
	size_t low = 0, high = entries->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (entries->v[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* clang forgets to name a function that was inlined everywhere, but calls the symbol of its variable «function.name». Takes the name. */
static char *name_complete(struct modules *modules, struct module *module, vaddr address, char *name)
{
	struct symbol symbol;

	if (strstr(name, "::") || !symbol_at(modules, module, address, &symbol))
		return name;

	size_t length = strlen(symbol.name), own_length = strlen(name);

	if (length < own_length + 2 || symbol.name[length - own_length - 1] != '.' || strcmp(symbol.name + length - own_length, name) != 0)
		return name;

	char *complete = xasprintf("%.*s::%s", (int)(length - own_length - 1), symbol.name, name);

	free(name);
	return complete;
}

/* Makes the answer of an entry; false when it has no name. */
static bool variable_read(struct dwarf_file *file, const struct entry *entry, Dwarf_Die *die, uint64_t size, struct variable *ret)
{
	char *name = die_qualified_name(file, die);

	if (!name)
		return false;
	*ret = (struct variable){
		.name = name,
		.source = die_source(file, die),
		.start = entry->start,
		.size = size,
		.die = entry->die,
	};
	return true;
}

static bool table_find(struct dwarf_file *file, const entry_array *entries, vaddr address, struct variable *ret)
{
	size_t i = entries_until(entries, address);

	for (int steps = 0; i-- > 0 && steps < NEIGHBOURS_MAX; steps++) {
		const struct entry *entry = &entries->v[i];
		uint64_t size, count;
		Dwarf_Die die, type;

		if (die_at(file, entry->die, &die) && die_type(&die, &type) && type_size(file, &type, &size, &count) && address - entry->start < size &&
		    variable_read(file, entry, &die, size, ret))
			return true;
	}
	return false;
}

/* The variable that an address lies behind by its type, but in by its symbol: one whose last member is an array without a bound. */
static bool table_find_longer(struct modules *modules, struct module *module, const entry_array *entries, vaddr address, struct variable *ret)
{
	size_t i = entries_until(entries, address);
	struct symbol symbol;
	Dwarf_Die die;

	return i > 0 && symbol_at(modules, module, address, &symbol) && symbol.value == entries->v[i - 1].start &&
	       die_at(module->dwarf, entries->v[i - 1].die, &die) &&
	       variable_read(module->dwarf, &entries->v[i - 1], &die, symbol.size, ret);
}

/* The table of a module, made when first asked for; NULL when there is no DWARF. */
static const struct variable_table *module_variables(struct modules *modules, struct module *module)
{
	struct dwarf_file *file = module_dwarf(modules, module);

	if (file && !file->variables)
		file->variables = table_build(file, module);
	return file ? file->variables : NULL;
}

bool variable_at(struct modules *modules, struct module *module, vaddr file_address, struct variable *ret)
{
	const struct variable_table *table = module_variables(modules, module);

	if (!table || (!table_find(module->dwarf, &table->fixed, file_address, ret) &&
		       !table_find_longer(modules, module, &table->fixed, file_address, ret)))
		return false;
	ret->name = name_complete(modules, module, file_address, ret->name);
	return true;
}

bool variable_thread_local(struct modules *modules, struct module *module, uint64_t offset, struct variable *ret)
{
	const struct variable_table *table = module_variables(modules, module);

	return table && table_find(module->dwarf, &table->thread_local, offset, ret);
}

char *variable_member(struct modules *modules, struct module *module, const struct variable *variable, uint64_t offset)
{
	struct dwarf_file *file = module_dwarf(modules, module);
	Dwarf_Die die, type;

	return file && die_at(file, variable->die, &die) && die_type(&die, &type) ? member_path(file, &type, offset) : NULL;
}

void variable_deinit(struct variable *variable)
{
	free(variable->name);
	free(variable->source);
	*variable = (struct variable){ .name = NULL };
}
