/* SPDX-License-Identifier: MIT */
/*
 * The facts as columns (debug/cache.h), and back. Strings are offsets in a text, in which each stands once; 0 for none.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "code/facts.h"
#include "code/keys.h"
#include "code/reader.h"
#include "debug/cache.h"
#include "debug/identity.h"

enum {
	/** Tags of columns. */
	COLUMN_SUMMARY = 1,
	COLUMN_TEXT,
	COLUMN_TYPES,
	COLUMN_FUNCTIONS,
	COLUMN_NODES,
	COLUMN_FACTS,
	COLUMN_FLOWS,
	COLUMN_CANDIDATES,
	COLUMN_SITES,
	COLUMN_SITE_TYPES,
	COLUMN_WRAPPERS,
	/** Of all strings together. Units: bytes. */
	TEXT_MAX = 1 << 28,
};

/** Code that is read faster than a file is kept. Units: instructions. */
enum { WORTH_KEEPING = 20000 };

/* ---- what stands in the columns ---- */

struct kept_summary {
	uint64_t instructions, functions_read, truncated;
};

struct kept_type {
	uint64_t die, size;
	uint32_t module, tag, name, zero;
};

struct kept_function {
	uint64_t entry;
	int32_t module;
	uint32_t name;
};

struct kept_node {
	uint64_t die, offset;
	int32_t type, function, declared;
	uint32_t module;
	uint32_t kind;
	uint8_t is_generic, is_hub, zero[2];
};

struct kept_site {
	uint64_t pc;
	int64_t k, c;
	int32_t function, callee;
	uint32_t module, inlined, source, allocator, form, first_type, types, zero;
};

struct kept_wrapper {
	int64_t extra, shift;
	int32_t function, size, count;
	uint32_t allocator;
	uint8_t is_rounded, is_stride, is_partial, zero[5];
};

/* ---- to columns ---- */

struct text {
	struct keys known;
	ARRAY(char) bytes;
};

static uint32_t text_add(struct text *text, const char *string)
{
	int32_t fresh = (int32_t)text->bytes.n, at;
	size_t size;

	if (!string)
		return 0;
	size = strlen(string) + 1;
	if (text->bytes.n + size > TEXT_MAX)
		return 0;
	at = keys_intern(&text->known, key_of_string(string), size, fresh);
	if (at == fresh) {
		array_reserve(&text->bytes, size);
		memcpy(text->bytes.v + text->bytes.n, string, size);
		text->bytes.n += size;
	}
	return (uint32_t)at;
}

static void sites_keep(const struct code_facts *facts, struct text *text, struct cache_entry *entry)
{
	cache_column_begin(entry, COLUMN_SITES, sizeof(struct kept_site));
	for (size_t i = 0; i < facts->sites.n; i++) {
		const struct code_site *site = &facts->sites.v[i];

		cache_column_add(entry, &(struct kept_site){ .pc = site->pc, .k = site->k, .c = site->c, .function = site->function, .callee = site->callee, .module = site->module,
							     .inlined = text_add(text, site->inlined), .source = text_add(text, site->source),
							     .allocator = site->allocator, .form = site->form, .first_type = site->first_type, .types = site->types }, 1);
	}
	cache_column_begin(entry, COLUMN_SITE_TYPES, sizeof(struct code_site_type));
	cache_column_add(entry, facts->site_types.v, facts->site_types.n);
	cache_column_begin(entry, COLUMN_WRAPPERS, sizeof(struct kept_wrapper));
	for (size_t i = 0; i < facts->wrappers.n; i++) {
		const struct code_wrapper *wrapper = &facts->wrappers.v[i];

		cache_column_add(entry, &(struct kept_wrapper){ .extra = wrapper->extra, .shift = wrapper->shift, .function = wrapper->function, .size = wrapper->size,
								.count = wrapper->count, .allocator = wrapper->allocator, .is_rounded = wrapper->is_rounded,
								.is_stride = wrapper->is_stride, .is_partial = wrapper->is_partial }, 1);
	}
}

void code_facts_keep(const struct code_facts *facts, struct cache_entry *entry)
{
	struct text text = { .bytes.v = NULL };

	array_append(&text.bytes, '\0');
	cache_column_begin(entry, COLUMN_SUMMARY, sizeof(struct kept_summary));
	cache_column_add(entry, &(struct kept_summary){ facts->instructions, facts->functions_read, facts->truncated }, 1);
	cache_column_begin(entry, COLUMN_TYPES, sizeof(struct kept_type));
	for (size_t i = 0; i < facts->types.n; i++) {
		const struct code_type *type = &facts->types.v[i];

		cache_column_add(entry, &(struct kept_type){ .die = type->die, .size = type->size, .module = type->module, .tag = type->tag, .name = text_add(&text, type->name) }, 1);
	}
	cache_column_begin(entry, COLUMN_FUNCTIONS, sizeof(struct kept_function));
	for (size_t i = 0; i < facts->functions.n; i++) {
		const struct code_function *function = &facts->functions.v[i];

		cache_column_add(entry, &(struct kept_function){ function->entry, function->module, text_add(&text, function->name) }, 1);
	}
	cache_column_begin(entry, COLUMN_NODES, sizeof(struct kept_node));
	for (size_t i = 0; i < facts->nodes.n; i++) {
		const struct code_node *node = &facts->nodes.v[i];

		cache_column_add(entry, &(struct kept_node){ .die = node->die, .offset = node->offset, .type = node->type, .function = node->function, .declared = node->declared,
							     .module = node->module, .kind = node->kind, .is_generic = node->is_generic, .is_hub = node->is_hub }, 1);
	}
	cache_column_begin(entry, COLUMN_FACTS, sizeof(struct code_fact));
	cache_column_add(entry, facts->facts.v, facts->facts.n);
	cache_column_begin(entry, COLUMN_FLOWS, sizeof(struct code_flow));
	cache_column_add(entry, facts->flows.v, facts->flows.n);
	cache_column_begin(entry, COLUMN_CANDIDATES, sizeof(struct code_candidate));
	cache_column_add(entry, facts->candidates.v, facts->candidates.n);
	sites_keep(facts, &text, entry);
	cache_column_begin(entry, COLUMN_TEXT, 1);
	cache_column_add(entry, text.bytes.v, text.bytes.n);
	keys_deinit(&text.known);
	array_deinit(&text.bytes);
}

/* ---- and back ---- */

/* The string at an offset of the text; NULL for 0. */
static const char *text_at(const struct code_facts *facts, size_t size, uint32_t offset)
{
	return offset && offset < size ? facts->text + offset : NULL;
}

static bool is_index(int32_t index, size_t n)
{
	return index >= 0 && (size_t)index < n;
}

static bool is_index_or_none(int32_t index, size_t n)
{
	return index == CODE_NONE || is_index(index, n);
}

static bool is_weight(float weight)
{
	return isfinite(weight) && weight >= 0 && weight <= 1;
}

static bool things_revive(struct code_facts *facts, size_t text_size, size_t n_modules, const struct cache_entry *entry)
{
	size_t n_types, n_functions, n_nodes;
	_cleanup_free_ struct kept_type *types = cache_column_get(entry, COLUMN_TYPES, sizeof(*types), &n_types);
	_cleanup_free_ struct kept_function *functions = cache_column_get(entry, COLUMN_FUNCTIONS, sizeof(*functions), &n_functions);
	_cleanup_free_ struct kept_node *nodes = cache_column_get(entry, COLUMN_NODES, sizeof(*nodes), &n_nodes);

	if (!types || !functions || !nodes || n_types > INT32_MAX || n_functions > INT32_MAX || n_nodes > INT32_MAX)
		return false;
	for (size_t i = 0; i < n_types; i++) {
		const struct kept_type *kept = &types[i];

		if (kept->module >= n_modules)
			return false;
		array_append(&facts->types, (struct code_type){ kept->module, kept->die, kept->tag, kept->size, text_at(facts, text_size, kept->name) });
	}
	for (size_t i = 0; i < n_functions; i++) {
		const char *name = text_at(facts, text_size, functions[i].name);

		if (!is_index_or_none(functions[i].module, n_modules))
			return false;
		array_append(&facts->functions, (struct code_function){ functions[i].module, functions[i].entry, name ? xstrdup(name) : NULL });
	}
	for (size_t i = 0; i < n_nodes; i++) {
		const struct kept_node *kept = &nodes[i];

		if (kept->kind > CODE_NODE_LOCAL || kept->module >= n_modules || !is_index_or_none(kept->type, n_types) || !is_index_or_none(kept->function, n_functions) ||
		    !is_index_or_none(kept->declared, n_types))
			return false;
		array_append(&facts->nodes, (struct code_node){ .kind = (enum code_node_kind)kept->kind, .type = kept->type, .function = kept->function, .module = kept->module,
								.die = kept->die, .offset = kept->offset, .declared = kept->declared,
								.is_generic = kept->is_generic != 0, .is_hub = kept->is_hub != 0 });
	}
	return true;
}

/* Gives an array a column as its elements. */
#define array_revive(array, entry, tag)                                                                        \
	({                                                                                                     \
		(array)->v = cache_column_get(entry, tag, sizeof(*(array)->v), &(array)->n);                   \
		(array)->n = (array)->v ? (array)->n : 0;                                                      \
		(array)->capacity = (array)->n;                                                                \
		(array)->v != NULL;                                                                            \
	})

static bool links_revive(struct code_facts *facts, const struct cache_entry *entry)
{
	size_t n_types = facts->types.n, n_nodes = facts->nodes.n;

	if (!array_revive(&facts->facts, entry, COLUMN_FACTS) || !array_revive(&facts->flows, entry, COLUMN_FLOWS) ||
	    !array_revive(&facts->candidates, entry, COLUMN_CANDIDATES) || !array_revive(&facts->site_types, entry, COLUMN_SITE_TYPES))
		return false;
	for (size_t i = 0; i < facts->facts.n; i++) {
		if (!is_index(facts->facts.v[i].node, n_nodes) || !is_index(facts->facts.v[i].type, n_types))
			return false;
	}
	for (size_t i = 0; i < facts->flows.n; i++) {
		if (!is_index(facts->flows.v[i].from, n_nodes) || !is_index(facts->flows.v[i].to, n_nodes))
			return false;
	}
	for (size_t i = 0; i < facts->candidates.n; i++) {
		const struct code_candidate *candidate = &facts->candidates.v[i];

		if (!is_index(candidate->node, n_nodes) || !is_index(candidate->type, n_types) || !is_weight(candidate->weight) ||
		    (i > 0 && candidate->node < candidate[-1].node))
			return false;
	}
	for (size_t i = 0; i < facts->site_types.n; i++) {
		if (!is_index(facts->site_types.v[i].type, n_types) || !is_weight(facts->site_types.v[i].weight))
			return false;
	}
	return true;
}

static bool sites_revive(struct code_facts *facts, size_t text_size, size_t n_modules, const struct cache_entry *entry)
{
	size_t n_sites, n_wrappers, n_functions = facts->functions.n;
	_cleanup_free_ struct kept_site *sites = cache_column_get(entry, COLUMN_SITES, sizeof(*sites), &n_sites);
	_cleanup_free_ struct kept_wrapper *wrappers = cache_column_get(entry, COLUMN_WRAPPERS, sizeof(*wrappers), &n_wrappers);

	for (size_t i = 0; sites && i < n_sites; i++) {
		const struct kept_site *kept = &sites[i];
		const char *source = text_at(facts, text_size, kept->source);

		if (kept->module >= n_modules || !is_index(kept->function, n_functions) || !is_index(kept->callee, n_functions) || kept->allocator > CODE_STATISTICAL ||
		    kept->form > CODE_SIZE_OPAQUE || kept->types > facts->site_types.n || kept->first_type > facts->site_types.n - kept->types)
			return false;
		array_append(&facts->sites, (struct code_site){ .module = kept->module, .pc = kept->pc, .function = kept->function, .callee = kept->callee,
								.inlined = text_at(facts, text_size, kept->inlined), .source = source ? xstrdup(source) : NULL,
								.allocator = (enum code_allocator)kept->allocator, .form = (enum code_size_form)kept->form, .k = kept->k,
								.c = kept->c, .first_type = kept->first_type, .types = kept->types });
	}
	for (size_t i = 0; wrappers && i < n_wrappers; i++) {
		const struct kept_wrapper *kept = &wrappers[i];

		if (!is_index(kept->function, n_functions) || kept->allocator > CODE_STATISTICAL)
			return false;
		array_append(&facts->wrappers, (struct code_wrapper){ .function = kept->function, .allocator = (enum code_allocator)kept->allocator, .size = kept->size,
								      .count = kept->count, .extra = kept->extra, .shift = kept->shift,
								      .is_rounded = kept->is_rounded != 0, .is_stride = kept->is_stride != 0,
								      .is_partial = kept->is_partial != 0 });
	}
	return sites && wrappers;
}

bool code_facts_revive(struct code_facts *ret, size_t n_modules, const struct cache_entry *entry)
{
	struct code_facts facts = { .instructions = 0 };
	size_t text_size, n;
	_cleanup_free_ struct kept_summary *summary = cache_column_get(entry, COLUMN_SUMMARY, sizeof(*summary), &n);

	facts.text = cache_column_get(entry, COLUMN_TEXT, 1, &text_size);
	if (summary && n == 1 && facts.text && text_size && text_size <= TEXT_MAX && facts.text[text_size - 1] == '\0' &&
	    things_revive(&facts, text_size, n_modules, entry) && links_revive(&facts, entry) && sites_revive(&facts, text_size, n_modules, entry)) {
		facts.instructions = summary->instructions;
		facts.functions_read = summary->functions_read;
		facts.truncated = summary->truncated != 0;
		*ret = facts;
		return true;
	}
	code_facts_deinit(&facts);
	return false;
}

/* ---- reading ---- */

void code_facts_read(struct modules *modules, struct code_facts *ret)
{
	const char *directory = modules->options.cache_dir;
	_cleanup_free_ char *identity = directory ? modules_identity(modules) : NULL;
	_cleanup_cache_entry_ struct cache_entry entry = { .bytes = NULL };

	if (identity && cache_load(directory, "code", identity, &entry) && code_facts_revive(ret, modules->v.n, &entry))
		return;
	cache_entry_deinit(&entry);
	code_facts_gather(modules, ret);
	if (identity && ret->instructions >= WORTH_KEEPING) {
		code_facts_keep(ret, &entry);
		modules_keep(modules, "code", identity, &entry);
	}
}
