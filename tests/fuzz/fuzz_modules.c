/* SPDX-License-Identifier: MIT */
/*
 * An ELF file as a module, the whole way that a file of a stranger goes: program headers, symbols, debug sections, relocations,
 * code, whose malloc it may be.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "debug/allocator.h"
#include "debug/debug_files.h"
#include "debug/disasm.h"
#include "debug/functions.h"
#include "debug/layout.h"
#include "debug/locals.h"
#include "debug/relocations.h"
#include "debug/symbols.h"
#include "debug/variables.h"
#include "memory_module.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool visit(const struct symbol *symbol, void *context)
{
	// A name is a string whatever the table says.
	*(size_t *)context += strlen(symbol->name);
	return true;
}

/* What DWARF says of an address, be it data or code. */
static void ask_dwarf(struct modules *modules, struct module *module, vaddr address)
{
	const struct locals *locals = locals_at(modules, module, address);
	struct variable variable;
	struct code code;

	if (variable_at(modules, module, address, &variable)) {
		assert(variable.start <= address && variable.name);
		free(variable_member(modules, module, &variable, address - variable.start));
		variable_deinit(&variable);
	}
	if (code_at(modules, module, address, &code)) {
		assert(code.functions.n);
		code_deinit(&code);
	}
	for (size_t i = 0; locals && i < locals->v.n; i++)
		free(local_member(modules, module, &locals->v.v[i], 8));
}

static void ask(struct modules *modules, struct module *module)
{
	struct layout_member members[] = { { .name = "next" }, { .name = "bins" }, { .name = "as_double" } };
	struct layout layouts[] = { { "outer", 0, members, 3 }, { "entry_name", 0, members, 1 } };
	struct layout_variable variables[] = { { .name = "main_thing" }, { .name = "tls_thing" } };
	disasm_reference_array references;
	relative_word_array words = { 0 };
	tls_slot_array slots = { 0 };
	struct symbol symbol;
	struct build_id build_id;
	vaddr low, high;
	size_t length = 0;

	assert(module->start < module->end);
	module_debug_file(modules, module);
	module_build_id(modules, module, &build_id);
	symbols_exported(module, "", visit, &length);
	symbol_named(modules, module, "work", &symbol);
	symbol_named(modules, module, "main_thing", &symbol);
	layouts_from_dwarf(modules, module, "thing.c", layouts, 2, variables, 2, &low, &high);
	for (uint64_t at = 0; at < 32; at += 8) {
		struct variable variable;

		if (variable_thread_local(modules, module, at, &variable))
			variable_deinit(&variable);
	}
	relocations_relative(module, &words);
	relocations_tls(module, &slots);
	array_deinit(&words);
	array_deinit(&slots);
	for (size_t i = 0; i < module->segments.n && i < 4; i++) {
		const struct module_segment *segment = &module->segments.v[i];

		for (uint64_t at = 0; at < segment->file_size && at < 4096; at += 64)
			symbol_at(modules, module, segment->start + at, &symbol);
		for (uint64_t at = 0; at < 1024; at += 8)
			ask_dwarf(modules, module, segment->start + at);
		disasm_references(module, segment->start, segment->file_size < 4096 ? segment->file_size : 4096, &references);
		array_deinit(&references);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	// Nothing of this machine.
	static const struct debug_options options = { .debug_path = "" };
	struct target *target = target_of_bytes(data, size);
	struct modules modules;
	struct allocator allocator;

	modules_init(&modules, target, &options);
	for (size_t i = 0; i < modules.v.n; i++)
		ask(&modules, &modules.v.v[i]);
	allocator_recognise(&modules, &allocator);
	assert(allocator.name && allocator.evidence);
	free(allocator.evidence);
	modules_deinit(&modules);
	target_destroy(target);
	return 0;
}
