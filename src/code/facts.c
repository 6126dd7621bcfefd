/* SPDX-License-Identifier: MIT */
/*
 * The tables, and the order of the passes: what is declared, of all modules, before any code; what the code does, before it is asked who allocates; candidates last.
 */
#include "code/facts.h"

#include <dwarf.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "code/reader.h"
#include "debug/symbols.h"

enum {
	/** Of all modules. */
	NODES_MAX = 1 << 22,
	FUNCTIONS_MAX = 1 << 22,
	FACTS_MAX = 1 << 23,
	/** Modules that a name is looked for in. */
	EXPORTERS_MAX = 256,
	/** What an argument may have and still be in registers. Units: bytes. */
	BY_VALUE_MAX = 16,
};

void code_facts_deinit(struct code_facts *facts)
{
	for (size_t i = 0; i < facts->functions.n; i++)
		free(facts->functions.v[i].name);
	for (size_t i = 0; i < facts->sites.n; i++)
		free(facts->sites.v[i].source);
	array_deinit(&facts->types);
	array_deinit(&facts->functions);
	array_deinit(&facts->nodes);
	array_deinit(&facts->facts);
	array_deinit(&facts->flows);
	array_deinit(&facts->candidates);
	array_deinit(&facts->sites);
	array_deinit(&facts->site_types);
	array_deinit(&facts->wrappers);
	free(facts->text);
}

const struct code_candidate *code_candidates(const struct code_facts *facts, int32_t node, size_t *count_ret)
{
	size_t low = 0, high = facts->candidates.n, n = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (facts->candidates.v[middle].node < node)
			low = middle + 1;
		else
			high = middle;
	}
	while (low + n < facts->candidates.n && facts->candidates.v[low + n].node == node)
		n++;
	*count_ret = n;
	return n ? &facts->candidates.v[low] : NULL;
}

/* ---- allocators ---- */

/* Allocators that need no proof: those of libc and C++. */
static const struct known_function {
	const char *name;
	enum code_allocator allocator;
	/** Arguments. */
	int8_t size, count;
	bool result_is_out;
} known_functions[] = {
	{ "malloc", CODE_MALLOC, 0, -1, false },
	{ "__libc_malloc", CODE_MALLOC, 0, -1, false },
	{ "calloc", CODE_CALLOC, 1, 0, false },
	{ "__libc_calloc", CODE_CALLOC, 1, 0, false },
	{ "realloc", CODE_REALLOC, 1, -1, false },
	{ "__libc_realloc", CODE_REALLOC, 1, -1, false },
	{ "reallocarray", CODE_REALLOC, 2, 1, false },
	{ "__libc_reallocarray", CODE_REALLOC, 2, 1, false },
	{ "aligned_alloc", CODE_ALIGNED, 1, -1, false },
	{ "memalign", CODE_ALIGNED, 1, -1, false },
	{ "__libc_memalign", CODE_ALIGNED, 1, -1, false },
	{ "posix_memalign", CODE_ALIGNED, 2, -1, true },
	{ "valloc", CODE_ALIGNED, 0, -1, false },
	{ "pvalloc", CODE_ALIGNED, 0, -1, false },
	{ "_Znwm", CODE_NEW, 0, -1, false },
	{ "_ZnwmRKSt9nothrow_t", CODE_NEW, 0, -1, false },
	{ "_ZnwmSt11align_val_t", CODE_NEW, 0, -1, false },
	{ "_ZnwmSt11align_val_tRKSt9nothrow_t", CODE_NEW, 0, -1, false },
	{ "_Znam", CODE_NEW_ARRAY, 0, -1, false },
	{ "_ZnamRKSt9nothrow_t", CODE_NEW_ARRAY, 0, -1, false },
	{ "_ZnamSt11align_val_t", CODE_NEW_ARRAY, 0, -1, false },
	{ "_ZnamSt11align_val_tRKSt9nothrow_t", CODE_NEW_ARRAY, 0, -1, false },
	{ "strdup", CODE_STRDUP, -1, -1, false },
	{ "__strdup", CODE_STRDUP, -1, -1, false },
	{ "strndup", CODE_STRDUP, -1, -1, false },
	{ "__strndup", CODE_STRDUP, -1, -1, false },
};

/* What takes memory back. */
static const char *const known_frees[] = { "free", "__libc_free", "cfree", "_ZdlPv", "_ZdlPvm", "_ZdaPv", "_ZdaPvm", "_ZdlPvSt11align_val_t",
					   "_ZdlPvmSt11align_val_t" };

static const struct known_function *known_function(const char *name)
{
	for (size_t i = 0; i < sizeof(known_functions) / sizeof(*known_functions); i++) {
		if (strcmp(known_functions[i].name, name) == 0)
			return &known_functions[i];
	}
	return NULL;
}

static bool known_free(const char *name)
{
	for (size_t i = 0; i < sizeof(known_frees) / sizeof(*known_frees); i++) {
		if (strcmp(known_frees[i], name) == 0)
			return true;
	}
	return false;
}

/* What returns its first argument. */
static bool known_copy(const char *name)
{
	static const char *const names[] = { "memcpy", "memmove", "memset", "__memcpy_chk", "__memmove_chk", "__memset_chk", "strcpy", "strncpy" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

bool reader_allocates(const char *name)
{
	return known_function(name) != NULL;
}

bool reader_knows(const char *name)
{
	return known_function(name) || known_free(name);
}

/* ---- nodes, facts, flows ---- */

int32_t reader_node(struct code_reader *reader, const struct code_node *node)
{
	struct code_facts *facts = reader->facts;
	int32_t next = (int32_t)facts->nodes.n, found;
	uint64_t of = node->kind == CODE_NODE_MEMBER							 ? (uint64_t)node->type :
		      node->kind == CODE_NODE_PARAMETER || node->kind == CODE_NODE_RESULT ? (uint64_t)node->function :
												 key_mix(node->module, node->die);

	if (facts->nodes.n >= NODES_MAX) {
		facts->truncated = true;
		return CODE_NONE;
	}
	found = keys_intern(&reader->nodes, key_mix(of, node->kind), node->offset, next);
	if (found == next)
		array_append(&facts->nodes, *node);
	return found;
}

void reader_fact(struct code_reader *reader, int32_t node, int32_t type, int32_t offset)
{
	struct code_facts *facts = reader->facts;
	int32_t next = (int32_t)facts->facts.n, found;

	if (node < 0 || type < 0)
		return;
	if (facts->facts.n >= FACTS_MAX) {
		facts->truncated = true;
		return;
	}
	found = keys_intern(&reader->fact_keys, (uint64_t)(uint32_t)node << 32 | (uint32_t)type, (uint64_t)offset, next);
	if (found == next)
		array_append(&facts->facts, (struct code_fact){ .node = node, .type = type, .offset = offset });
	facts->facts.v[found].count++;
}

void reader_flow(struct code_reader *reader, int32_t from, int32_t to)
{
	struct code_facts *facts = reader->facts;
	int32_t next = (int32_t)facts->flows.n, found;

	// Where both ends say what they hold, there is nothing to be learned.
	if (!facts->nodes.v[from].is_generic && !facts->nodes.v[to].is_generic)
		return;
	if (facts->flows.n >= FACTS_MAX) {
		facts->truncated = true;
		return;
	}
	found = keys_intern(&reader->flow_keys, (uint64_t)(uint32_t)from << 32 | (uint32_t)to, 0, next);
	if (found == next)
		array_append(&facts->flows, (struct code_flow){ .from = from, .to = to });
	facts->flows.v[found].count++;
}

/* ---- functions ---- */

/* How many integer registers an argument takes; -1 for one in memory. */
static int argument_registers(const struct declarations *declarations, uint64_t type, enum machine machine)
{
	const struct type_record *record = type_record_peel(declarations, type);
	uint64_t size = type_record_size(declarations, type);

	if (!record)
		return 1;
	if (record->is_float)
		return size > 8 && machine == MACHINE_X86_64 ? -1 : 0;
	if (record->tag != DW_TAG_structure_type && record->tag != DW_TAG_class_type && record->tag != DW_TAG_union_type)
		return size > 8 ? 2 : 1;
	if (record->is_by_reference)
		return 1;
	if (size > BY_VALUE_MAX)
		return machine == MACHINE_X86_64 ? -1 : 1;
	// One of numbers with a point is in other registers.
	for (uint32_t i = 0; i < record->count; i++) {
		const struct type_record *member = type_record_peel(declarations, declarations->members.v[record->first + i].type);

		if (!member || !member->is_float)
			return size > 8 ? 2 : 1;
	}
	return 0;
}

/* Whether a result is written to where a hidden first argument points. */
static bool result_is_hidden(const struct declarations *declarations, uint64_t type, enum machine machine)
{
	const struct type_record *record = type ? type_record_peel(declarations, type) : NULL;

	if (machine != MACHINE_X86_64 || !record)
		return false;
	if (record->tag != DW_TAG_structure_type && record->tag != DW_TAG_class_type && record->tag != DW_TAG_union_type)
		return false;
	return record->is_by_reference || record->size > BY_VALUE_MAX;
}

static int argument_of_register(const struct convention *convention, unsigned reg)
{
	for (unsigned i = 0; i < convention->n_arguments; i++) {
		if (convention->arguments[i] == reg)
			return (int)i;
	}
	return -1;
}

static uint64_t parameter_type(const struct declarations *declarations, const struct parameter_record *parameter)
{
	return parameter->type ? parameter->type : object_type(declarations, parameter->origin);
}

/* Says where the parameters of a function are. */
static void parameters_place(struct code_reader *reader, struct function_info *info, const struct function_record *record, enum machine machine)
{
	const struct declarations *declarations = info->declarations;
	const struct convention *convention = convention_of(machine);
	const struct parameter_record *parameters = record->count ? &declarations->parameters.v[record->first] : NULL;
	int8_t places[ARGUMENTS_MAX];
	int at = result_is_hidden(declarations, function_record_origin(declarations, info->record)->type, machine);
	bool is_moved = false;

	for (int i = 0; i < ARGUMENTS_MAX; i++)
		places[i] = -1;
	for (uint32_t i = 0; i < record->count && i < INT8_MAX; i++) {
		int n = argument_registers(declarations, parameter_type(declarations, &parameters[i]), machine);

		if (n > 0 && at + n <= (int)convention->n_arguments) {
			if (parameters[i].reg != REGISTER_NONE && parameters[i].reg != convention->arguments[at])
				is_moved = true;
			places[at] = (int8_t)i;
			at += n;
		}
	}
	// The compiler may have dropped some: then only what DWARF says of the rest is sure.
	for (uint32_t i = 0; is_moved && i < record->count && i < INT8_MAX; i++) {
		int n = parameters[i].reg == REGISTER_NONE ? -1 : argument_of_register(convention, parameters[i].reg);

		if (i == 0)
			memset(places, -1, sizeof(places));
		if (n >= 0)
			places[n] = (int8_t)i;
	}
	for (int i = 0; i < ARGUMENTS_MAX; i++) {
		info->parameters[i] = places[i];
		if (places[i] >= 0)
			info->pointees[i] = pointee_of(declarations, &reader->canonical, parameter_type(declarations, &parameters[places[i]]));
	}
}

/* Fills in what is declared of a function. */
static void info_declare(struct code_reader *reader, int32_t function, const struct declarations *declarations, const struct function_record *record)
{
	struct function_info *info = &reader->infos.v[function];
	const struct function_record *origin = function_record_origin(declarations, record);
	enum machine machine = reader->modules->v.v[declarations->module].machine;

	info->declarations = declarations;
	info->record = record;
	info->result = pointee_of(declarations, &reader->canonical, origin->type ? origin->type : record->type);
	parameters_place(reader, info, record->count || origin == record ? record : origin, machine);
}

/* Makes nodes for what may hold anything. */
static void info_nodes(struct code_reader *reader, int32_t function)
{
	struct code_node node = { .type = CODE_NONE, .function = function, .is_generic = true };

	if (reader->infos.v[function].result.is_generic) {
		node.kind = CODE_NODE_RESULT;
		node.declared = reader->infos.v[function].result.type;
		reader->infos.v[function].result_node = reader_node(reader, &node);
	}
	for (int i = 0; i < ARGUMENTS_MAX; i++) {
		const struct pointee *pointee = &reader->infos.v[function].pointees[i];

		if (reader->infos.v[function].parameters[i] < 0 || !pointee->is_generic)
			continue;
		node.kind = CODE_NODE_PARAMETER;
		node.offset = (uint64_t)reader->infos.v[function].parameters[i];
		node.declared = pointee->type;
		reader->infos.v[function].nodes[i] = reader_node(reader, &node);
	}
}

/* Appends a function of which nothing is known. */
static int32_t function_add(struct code_reader *reader, int32_t module, vaddr entry, const char *name)
{
	struct function_info info = { .result = { .type = CODE_NONE }, .result_node = CODE_NONE, .returns = -1, .known_size = -1, .known_count = -1, .size = -1, .count = -1 };
	const struct known_function *known = name ? known_function(name) : NULL;

	for (int i = 0; i < ARGUMENTS_MAX; i++) {
		info.parameters[i] = -1;
		info.pointees[i] = (struct pointee){ .type = CODE_NONE };
		info.nodes[i] = CODE_NONE;
	}
	if (known) {
		info.known = (uint8_t)(known->allocator + 1);
		info.known_size = known->size;
		info.known_count = known->count;
		info.result_is_out = known->result_is_out;
	}
	info.is_free = name && known_free(name);
	if (name && module == CODE_NONE && known_copy(name))
		info.returns = 0;
	array_append(&reader->facts->functions,
		     (struct code_function){ .module = module, .entry = entry, .name = name ? xstrdup(name) : NULL });
	array_append(&reader->infos, info);
	return (int32_t)reader->infos.n - 1;
}

int32_t reader_function(struct code_reader *reader, uint32_t module, vaddr entry, const char *name)
{
	int32_t next = (int32_t)reader->infos.n, found = keys_intern(&reader->function_entries, module, entry, next);

	return found == next ? function_add(reader, (int32_t)module, entry, name) : found;
}

/* The function with code that some module exports by a name; CODE_NONE when none does. */
static int32_t function_exported(struct code_reader *reader, const char *name)
{
	size_t asked = 0;

	for (size_t i = 0; i < reader->modules->v.n && asked < EXPORTERS_MAX; i++) {
		struct symbol symbol;

		if (!reader->of[i].has_declarations && !reader->of[i].has_symbols)
			continue;
		asked++;
		if (!symbol_exported(&reader->modules->v.v[i], name, &symbol))
			continue;

		int32_t found = keys_find(&reader->function_entries, i, symbol.value);

		if (found >= 0)
			return found;
	}
	return CODE_NONE;
}

int32_t reader_import(struct code_reader *reader, uint32_t module, const char *name)
{
	uint64_t key = key_of_string(name);
	int32_t found = keys_find(&reader->function_names, key, 0), declared;

	if (found >= 0)
		return found;
	if (!reader_knows(name))
		found = function_exported(reader, name);
	if (found < 0) {
		const struct declarations *declarations = &reader->of[module].declarations;

		found = function_add(reader, CODE_NONE, 0, name);
		declared = reader->of[module].has_declarations ? keys_find(&declarations->by_name, key, 0) : -1;
		if (declared >= 0)
			info_declare(reader, found, declarations, &declarations->functions.v[declared]);
	}
	return keys_intern(&reader->function_names, key, 0, found);
}

/* The first instruction of a function; false when it has no code. */
static bool function_entry(const struct declarations *declarations, const struct function_record *record, vaddr *ret)
{
	Dwarf_Addr base, low, high;
	Dwarf_Die die;

	*ret = record->low;
	if (!record->has_ranges)
		return record->low != 0;
	return die_at(declarations->file, record->die, &die) && dwarf_ranges(&die, 0, &base, &low, &high) > 0 && (*ret = low) != 0;
}

/* Lists the functions of a module that have code. */
static void functions_list(struct code_reader *reader, uint32_t module)
{
	const struct declarations *declarations = &reader->of[module].declarations;

	for (size_t i = 0; i < declarations->functions.n && reader->infos.n < FUNCTIONS_MAX; i++) {
		const struct function_record *record = &declarations->functions.v[i], *origin;
		const char *name;
		int32_t function;
		vaddr entry;

		if (!function_entry(declarations, record, &entry))
			continue;
		origin = function_record_origin(declarations, record);
		name = record->name ? record->name : origin->name;
		// An allocator that the program has itself is one by its linkage name.
		if (origin->linkage_name && known_function(origin->linkage_name))
			name = origin->linkage_name;
		function = reader_function(reader, module, entry, name);
		if (reader->infos.v[function].record)
			continue;
		info_declare(reader, function, declarations, record);
		reader->infos.v[function].has_body = true;
		info_nodes(reader, function);
	}
}

/* ---- all ---- */

static int fact_compare(const void *a, const void *b)
{
	const struct code_fact *left = a, *right = b;

	if (left->node != right->node)
		return left->node < right->node ? -1 : 1;
	if (left->type != right->type)
		return left->type < right->type ? -1 : 1;
	return left->offset < right->offset ? -1 : left->offset > right->offset;
}

static int flow_compare(const void *a, const void *b)
{
	const struct code_flow *left = a, *right = b;

	if (left->from != right->from)
		return left->from < right->from ? -1 : 1;
	return left->to < right->to ? -1 : left->to > right->to;
}

static void reader_deinit(struct code_reader *reader)
{
	for (size_t i = 0; i < reader->modules->v.n; i++) {
		if (reader->of[i].has_declarations)
			declarations_deinit(&reader->of[i].declarations);
		array_deinit(&reader->of[i].imports);
	}
	free(reader->of);
	keys_deinit(&reader->canonical.by_key);
	keys_deinit(&reader->canonical.embeds);
	array_deinit(&reader->canonical.v);
	keys_deinit(&reader->function_entries);
	keys_deinit(&reader->function_names);
	keys_deinit(&reader->nodes);
	keys_deinit(&reader->fact_keys);
	keys_deinit(&reader->flow_keys);
	array_deinit(&reader->infos);
	array_deinit(&reader->calls);
}

/* libc and the loader, whose entry points are known by name. What they allocate for themselves is told by who points to it, and to read their code, where their debug
   information is installed, would cost ten times what most programs do. */
static bool is_libc(const struct module *module)
{
	_cleanup_free_ char *name = module_string(module, DT_SONAME, 0);

	return name && (strcmp(name, "libc.so.6") == 0 || strncmp(name, "ld-linux", strlen("ld-linux")) == 0);
}

void code_facts_gather(struct modules *modules, struct code_facts *ret)
{
	struct code_reader reader = { .modules = modules, .facts = ret, .of = xcalloc(modules->v.n + 1, sizeof(*reader.of)) };

	*ret = (struct code_facts){ .instructions = 0 };
	reader.canonical.facts = ret;
	for (size_t i = 0; i < modules->v.n; i++) {
		struct module *module = &modules->v.v[i];
		struct dwarf_file *file = NULL;

		reader.of[i].is_libc = module->elf && is_libc(module);
		if (module->elf && !reader.of[i].is_libc)
			file = module_dwarf(modules, module);

		if (module->elf)
			relocations_imports(module, &reader.of[i].imports);
		if (!file)
			continue;
		reader.of[i].has_declarations = true;
		declarations_read(&reader.of[i].declarations, (uint32_t)i, file);
		ret->truncated |= reader.of[i].declarations.truncated;
	}
	for (size_t i = 0; i < modules->v.n; i++) {
		if (reader.of[i].has_declarations)
			declarations_settle(&reader.of[i].declarations, &reader.canonical);
	}
	for (size_t i = 0; i < modules->v.n; i++) {
		if (reader.of[i].has_declarations)
			functions_list(&reader, (uint32_t)i);
	}
	// Those of libraries first, so that what they have of wrappers is known by name.
	symbol_sites_read(&reader);
	for (size_t i = 0; i < modules->v.n; i++) {
		if (reader.of[i].has_declarations)
			flow_read_module(&reader, (uint32_t)i);
	}
	if (ret->facts.n)
		qsort(ret->facts.v, ret->facts.n, sizeof(*ret->facts.v), fact_compare);
	if (ret->flows.n)
		qsort(ret->flows.v, ret->flows.n, sizeof(*ret->flows.v), flow_compare);
	sites_find(&reader);
	closure_make(&reader);
	reader_deinit(&reader);
}
