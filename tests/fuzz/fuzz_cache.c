/* SPDX-License-Identifier: MIT */
/*
 * A file of the cache, whose checksum is right whatever stands in it: the types and the facts of code that come of it are as sound as those that are read of DWARF.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "code/facts.h"
#include "debug/cache.h"
#include "types/type_cache.h"
#include "types/type_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MODULES = 1, LABELS_MAX = 1024 };

static void ask_types(const struct type_table *table)
{
	size_t length = 0;

	for (type_id i = 0; i < table->v.n && i < LABELS_MAX; i++) {
		const struct type *type = type_at(table, i);
		char *label = type_label(table, i);

		length += strlen(label) + strlen(type->name);
		free(label);
		for (uint32_t j = 0; j < type->n; j++)
			length += strlen(table->members.v[type->first + j].name) + strlen(type_at(table, table->members.v[type->first + j].type)->name);
		type_pointee(table, i);
		type_parameter(table, i, 1);
		type_member_named(table, i, "next");
	}
	for (size_t i = 0; i < table->variables.n; i++) {
		assert(table->variables.v[i].module < MODULES);
		length += strlen(type_at(table, table->variables.v[i].type)->name);
	}
	for (uint64_t die = 0; die < 1024; die++) {
		assert(type_of_die(table, 0, die) == TYPE_NONE || type_of_die(table, 0, die) < table->v.n);
		type_of_shared_die(table, 0, die);
	}
	type_named(table, "entry");
}

static void ask_facts(const struct code_facts *facts)
{
	size_t n, length = 0;

	for (size_t i = 0; i < facts->nodes.n; i++) {
		const struct code_node *node = &facts->nodes.v[i];

		assert(node->type < (int32_t)facts->types.n && node->declared < (int32_t)facts->types.n && node->function < (int32_t)facts->functions.n);
		code_candidates(facts, (int32_t)i, &n);
	}
	for (size_t i = 0; i < facts->types.n; i++)
		length += facts->types.v[i].name ? strlen(facts->types.v[i].name) : 0;
	for (size_t i = 0; i < facts->functions.n; i++)
		length += facts->functions.v[i].name ? strlen(facts->functions.v[i].name) : 0;
	for (size_t i = 0; i < facts->sites.n; i++) {
		const struct code_site *site = &facts->sites.v[i];

		length += (site->source ? strlen(site->source) : 0) + (site->inlined ? strlen(site->inlined) : 0);
		assert((size_t)site->first_type + site->types <= facts->site_types.n && site->module < MODULES);
	}
	for (size_t i = 0; i < facts->candidates.n; i++)
		assert((size_t)facts->candidates.v[i].node < facts->nodes.n && (size_t)facts->candidates.v[i].type < facts->types.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = xmalloc(size + 1);
	struct cache_entry entry;
	struct type_table table;
	struct code_facts facts;
	bool described[MODULES];

	memcpy(bytes, data, size);
	if (!cache_load_bytes(bytes, size, "seed", true, &entry))
		return 0;
	type_table_init(&table);
	if (type_table_revive(&table, described, MODULES, &entry))
		ask_types(&table);
	type_table_deinit(&table);
	if (code_facts_revive(&facts, MODULES, &entry)) {
		ask_facts(&facts);
		code_facts_deinit(&facts);
	}
	cache_entry_deinit(&entry);
	return 0;
}
