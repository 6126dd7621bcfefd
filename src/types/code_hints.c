/* SPDX-License-Identifier: MIT */
/*
 * What code says, in the numbers of the type table: which slots were seen to hold which types, and what is allocated in which form.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "code/facts.h"
#include "types/inference.h"

enum {
	/** Below, a site's type is a guess. Units: percent. */
	SITE_WEIGHT_MIN = 40,
	HINT_WEIGHT_MIN = 8,
};

/** How sure it is that a handle is what some code takes it for. */
#define HANDLE_WEIGHT 0.8f

/* The types of the facts; TYPE_NONE for those that the table has not, and for those that say nothing of what is there: code handles allocators and function objects of C++, which
   have no members and a size of 1, through the same pointers as what it keeps. Owner: the caller. */
static type_id *types_find(const struct inference *inference, const struct code_facts *facts)
{
	type_id *types = xmalloc((facts->types.n + 1) * sizeof(*types));

	for (size_t i = 0; i < facts->types.n; i++) {
		types[i] = type_strip(inference->table, type_of_die(inference->table, facts->types.v[i].module, facts->types.v[i].die));
		if (types[i] != TYPE_NONE && type_is_aggregate(inference->table, types[i]) && type_at(inference->table, types[i])->size == 1)
			types[i] = TYPE_NONE;
	}
	return types;
}

static unsigned form_of_size(uint64_t size, uint64_t asked, bool is_pool)
{
	return asked == size ? ALLOCATED_ALONE : asked > size && asked % size == 0 && !is_pool ? ALLOCATED_AS_ARRAY : asked > size ? ALLOCATED_LONGER : ALLOCATED_OTHER;
}

/* In which forms a site allocates a type. What gives parts of a pool as well says less of what chunks are. */
static unsigned forms_of(const struct code_site *site, uint64_t size, bool is_pool)
{
	if (!size || size > INT32_MAX)
		return ALLOCATED_ALONE;
	switch (site->form) {
	case CODE_SIZE_CONSTANT:
		return site->c > 0 ? form_of_size(size, (uint64_t)site->c, is_pool) : ALLOCATED_OTHER;
	case CODE_SIZE_EITHER:
		return (site->c > 0 ? form_of_size(size, (uint64_t)site->c, is_pool) : 0u) | (site->k > 0 ? form_of_size(size, (uint64_t)site->k, is_pool) : 0u);
	case CODE_SIZE_SUM:
		return ALLOCATED_LONGER | ALLOCATED_ALONE;
	case CODE_SIZE_SCALED:
		// A stride of another size is that of what a flexible end has.
		if (site->k > 0 && (uint64_t)site->k % size == 0 && site->c % (int64_t)size == 0)
			return ALLOCATED_AS_ARRAY;
		return ALLOCATED_LONGER | ALLOCATED_ALONE;
	case CODE_SIZE_OPAQUE:
		break;
	}
	return is_pool ? ALLOCATED_ALONE | ALLOCATED_LONGER | ALLOCATED_OTHER : site->allocator == CODE_NEW_ARRAY ? ALLOCATED_AS_ARRAY : ALLOCATED_ANYHOW;
}

/* What a report says of a site: who allocates, where that is written down, by what. Owner: the caller. */
static struct found_site site_found(const struct code_facts *facts, const struct code_site *site, float weight, type_id type, unsigned forms)
{
	const struct code_function *function = &facts->functions.v[site->function], *callee = &facts->functions.v[site->callee];
	const char *name = site->inlined ? site->inlined : function->name;
	struct found_site found = { .type = type, .forms = forms };

	found.site = (struct type_site){ .size = site->form == CODE_SIZE_CONSTANT && site->c > 0 ? (uint64_t)site->c : UINT64_MAX,
					 .confidence = (uint32_t)(weight * 100 + 0.5f),
					 .function = name ? xstrdup(name) : NULL,
					 .source = site->source ? xstrdup(site->source) : NULL,
					 .allocator = callee->name ? xstrdup(callee->name) : NULL };
	return found;
}

/* Whether what a site makes could be anything: nothing is known of its type, or that it is bytes. */
static bool says_no_type(const struct inference *inference, const struct code_facts *facts, const struct code_site *site, const type_id *types)
{
	for (uint32_t i = 0; i < site->types; i++) {
		int32_t number = facts->site_types.v[site->first_type + i].type;
		type_id type = number >= 0 ? types[number] : TYPE_NONE;

		if (type != TYPE_NONE && type != 0 && type_at(inference->table, type)->size > 1)
			return false;
	}
	return true;
}

static void sites_take(struct inference *inference, const struct code_facts *facts, const type_id *types)
{
	_cleanup_free_ bool *is_pool = xcalloc(facts->functions.n + 1, sizeof(*is_pool));

	for (size_t i = 0; i < facts->wrappers.n; i++)
		is_pool[facts->wrappers.v[i].function] = facts->wrappers.v[i].is_partial;
	inference->allocated = xcalloc(inference->table->v.n + 1, 1);
	for (size_t i = 0; i < facts->sites.n; i++) {
		const struct code_site *site = &facts->sites.v[i];

		if (site->form == CODE_SIZE_CONSTANT && site->c > 0 && site->function >= 0 && site->callee >= 0 && !is_pool[site->callee] &&
		    says_no_type(inference, facts, site, types))
			array_append(&inference->untyped_sites, site_found(facts, site, 0, TYPE_NONE, ALLOCATED_ALONE));
		for (uint32_t j = 0; j < site->types; j++) {
			const struct code_site_type *one = &facts->site_types.v[site->first_type + j];
			type_id type = one->type >= 0 ? types[one->type] : TYPE_NONE;
			uint64_t size;

			if (type == TYPE_NONE || type == 0 || one->weight * 100 < SITE_WEIGHT_MIN || one->offset != 0)
				continue;
			size = type_at(inference->table, type)->size;
			unsigned forms = forms_of(site, size, site->callee >= 0 && is_pool[site->callee]);

			inference->allocated[type] |= (uint8_t)forms;
			if (site->function >= 0 && site->callee >= 0)
				array_append(&inference->sites, site_found(facts, site, one->weight, type, forms));
			// Cut short, or longer than it is.
			if (site->form == CODE_SIZE_CONSTANT && site->c > 0 && (uint64_t)site->c != size && type_is_aggregate(inference->table, type) &&
			    (uint64_t)site->c % (size ? size : 1) != 0)
				hash_map_set(&inference->site_sizes, hash_mix(hash_mix(9, type), usable_of((uint64_t)site->c)), (uint32_t)i);
		}
	}
}

/* The header that most of the program's allocators put in front. */
static void header_find(struct inference *inference, const struct code_facts *facts)
{
	enum { HEADER_MAX = 64 };
	size_t count[HEADER_MAX / 8 + 1] = { 0 }, best = 0;

	for (size_t i = 0; i < facts->wrappers.n; i++) {
		int64_t shift = facts->wrappers.v[i].shift;

		if (shift > 0 && shift <= HEADER_MAX && shift % 8 == 0)
			count[shift / 8]++;
	}
	for (size_t i = 1; i <= HEADER_MAX / 8; i++) {
		if (count[i] > count[best])
			best = i;
	}
	inference->header = (uint32_t)best * 8;
}

static int hint_compare(const void *a, const void *b)
{
	const struct slot_hint *left = a, *right = b;

	if (left->owner != right->owner)
		return left->owner < right->owner ? -1 : 1;
	if (left->offset != right->offset)
		return left->offset < right->offset ? -1 : 1;
	if (left->weight != right->weight)
		return left->weight > right->weight ? -1 : 1;
	return left->type < right->type ? -1 : left->type > right->type;
}

/* What is behind a handle: of a struct that is only declared, code says it wherever it takes a pointer to it for something else, so all such places speak together. */
static void handles_take(struct inference *inference, const struct code_facts *facts, const type_id *types)
{
	for (size_t i = 0; i < facts->facts.n; i++) {
		const struct code_fact *fact = &facts->facts.v[i];
		const struct code_node *node = &facts->nodes.v[fact->node];
		type_id handle = node->declared >= 0 && facts->types.v[node->declared].size == 0 ? types[node->declared] : TYPE_NONE;

		if (handle == TYPE_NONE || !(type_at(inference->table, handle)->flags & TYPE_IS_DECLARATION) || fact->offset != 0 || types[fact->type] == TYPE_NONE ||
		    types[fact->type] == 0 || types[fact->type] == handle)
			continue;
		array_append(&inference->hints, (struct slot_hint){ .owner = HINT_OF_HANDLE | handle, .type = types[fact->type], .weight = HANDLE_WEIGHT });
	}
}

static void candidates_take(struct inference *inference, const struct code_facts *facts, const type_id *types)
{
	struct hash_map roots = { .v = NULL };

	for (size_t i = 0; i < inference->roots.n; i++) {
		if (inference->roots.v[i].die)
			hash_map_set(&roots, hash_mix(hash_mix(7, inference->roots.v[i].module), inference->roots.v[i].die), (uint32_t)i);
	}
	handles_take(inference, facts, types);
	for (size_t i = 0; i < facts->candidates.n; i++) {
		const struct code_candidate *candidate = &facts->candidates.v[i];
		const struct code_node *node = &facts->nodes.v[candidate->node];
		struct slot_hint hint = { .type = types[candidate->type], .offset = node->offset, .into = candidate->offset, .weight = candidate->weight };

		if (hint.type == TYPE_NONE || hint.type == 0 || candidate->weight * 100 < HINT_WEIGHT_MIN)
			continue;
		if (node->kind == CODE_NODE_MEMBER && node->type >= 0 && types[node->type] != TYPE_NONE) {
			hint.owner = types[node->type];
		} else if (node->kind == CODE_NODE_GLOBAL) {
			uint32_t root = hash_map_get(&roots, hash_mix(hash_mix(7, node->module), node->die));

			if (root == UINT32_MAX)
				continue;
			hint.owner = HINT_OF_ROOT | root;
		} else {
			continue;
		}
		array_append(&inference->hints, hint);
	}
	hash_map_deinit(&roots);
	if (inference->hints.n)
		qsort(inference->hints.v, inference->hints.n, sizeof(*inference->hints.v), hint_compare);
}

void code_hints_find(struct inference *inference, struct modules *modules)
{
	struct code_facts facts;
	_cleanup_free_ type_id *types = NULL;

	code_facts_read(modules, &facts);
	types = types_find(inference, &facts);
	if (facts.sites.n)
		sites_take(inference, &facts, types);
	candidates_take(inference, &facts, types);
	header_find(inference, &facts);
	code_facts_deinit(&facts);
}
