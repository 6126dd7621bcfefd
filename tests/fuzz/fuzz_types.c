/* SPDX-License-Identifier: MIT */
/*
 * An ELF file as a module, and what its DWARF and its code say of types: the type table, declarations and the facts of code, lines.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "code/facts.h"
#include "types/type_table.h"

#include "memory_module.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TYPES_ASKED = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	// Nothing of this machine.
	static const struct debug_options options = { .debug_path = "" };
	struct target *target = target_of_bytes(data, size);
	struct modules modules;
	struct type_table table;
	struct code_facts facts;
	size_t length = 0;

	modules_init(&modules, target, &options);
	type_table_init(&table);
	free(type_table_read_all(&table, &modules));
	for (type_id i = 0; i < table.v.n && i < TYPES_ASKED; i++) {
		const struct type *type = type_at(&table, i);
		char *label = type_label(&table, i);

		length += strlen(label) + strlen(type->name);
		free(label);
		for (uint32_t j = 0; j < type->n; j++)
			length += strlen(table.members.v[type->first + j].name) + strlen(type_at(&table, table.members.v[type->first + j].type)->name);
		type_pointee(&table, i);
	}
	for (size_t i = 0; i < table.variables.n; i++)
		assert(table.variables.v[i].module < modules.v.n && table.variables.v[i].type < table.v.n);
	code_facts_read(&modules, &facts);
	for (size_t i = 0; i < facts.candidates.n; i++)
		assert((size_t)facts.candidates.v[i].type < facts.types.n && (size_t)facts.candidates.v[i].node < facts.nodes.n);
	for (size_t i = 0; i < facts.types.n; i++)
		type_of_die(&table, facts.types.v[i].module, facts.types.v[i].die);
	for (size_t i = 0; i < facts.sites.n; i++)
		length += facts.sites.v[i].source ? strlen(facts.sites.v[i].source) : 0;
	code_facts_deinit(&facts);
	type_table_deinit(&table);
	modules_deinit(&modules);
	target_destroy(target);
	return 0;
}
