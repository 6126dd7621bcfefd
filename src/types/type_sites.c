/* SPDX-License-Identifier: MIT */
#include "types/type_sites.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "types/class_names.h"
#include "types/demangle.h"
#include "types/inference.h"

void type_site_deinit(struct type_site *site)
{
	free(site->function);
	free(site->source);
	free(site->allocator);
}

void type_sites_deinit(struct types *types)
{
	for (size_t i = 0; i < types->sites.n; i++)
		type_site_deinit(&types->sites.v[i]);
	array_deinit(&types->sites);
}

static int compare_texts(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

/* By label, then by what a reader sees; of what looks the same the surest first. */
static int compare_looks(const void *left, const void *right)
{
	const struct type_site *a = left, *b = right;
	int order;

	if (a->label != b->label)
		return a->label < b->label ? -1 : 1;
	order = compare_texts(a->source, b->source);
	if (!order)
		order = compare_texts(a->function, b->function);
	if (!order)
		order = compare_texts(a->allocator, b->allocator);
	if (order)
		return order;
	if (a->size != b->size)
		return a->size < b->size ? -1 : 1;
	return a->confidence > b->confidence ? -1 : a->confidence < b->confidence;
}

/* By label, the surest first. */
static int compare(const void *left, const void *right)
{
	const struct type_site *a = left, *b = right;

	if (a->label == b->label && a->confidence != b->confidence)
		return a->confidence > b->confidence ? -1 : 1;
	return compare_looks(left, right);
}

static struct type_site copy_for(const struct type_site *site, label_id label)
{
	struct type_site copy = *site;

	copy.label = label;
	copy.function = site->function ? xstrdup(site->function) : NULL;
	copy.source = site->source ? xstrdup(site->source) : NULL;
	copy.allocator = site->allocator ? xstrdup(site->allocator) : NULL;
	return copy;
}

/* Two lines that a reader could not tell apart. */
static bool is_same(const struct type_site *a, const struct type_site *b)
{
	return a->label == b->label && a->size == b->size && !compare_texts(a->function, b->function) && !compare_texts(a->source, b->source) &&
	       !compare_texts(a->allocator, b->allocator);
}

static void sites_sort(struct types *types, int (*order)(const void *, const void *))
{
	if (types->sites.n)
		qsort(types->sites.v, types->sites.n, sizeof(*types->sites.v), order);
}

/* Drops what says the same twice, and the least sure of too many. */
static void sites_settle(struct types *types)
{
	size_t n = 0, of_one = 0;

	sites_sort(types, compare_looks);
	for (size_t i = 0; i < types->sites.n; i++) {
		if (n && is_same(&types->sites.v[n - 1], &types->sites.v[i]))
			type_site_deinit(&types->sites.v[i]);
		else
			types->sites.v[n++] = types->sites.v[i];
	}
	types->sites.n = n;
	sites_sort(types, compare);
	n = 0;
	for (size_t i = 0; i < types->sites.n; i++) {
		of_one = n && types->sites.v[n - 1].label == types->sites.v[i].label ? of_one + 1 : 0;
		if (of_one >= SITES_OF_ONE_MAX)
			type_site_deinit(&types->sites.v[i]);
		else
			types->sites.v[n++] = types->sites.v[i];
	}
	types->sites.n = n;
}

/* ---- by size alone ---- */

enum {
	/** More sites of one size say nothing. */
	SAME_SIZE_MAX = 3,
	/** Of a place whose size one site alone allocates. Units: percent. */
	SURE_BY_SIZE = 60,
};

/* Functions are known by their symbols here. */
static struct type_site plain_copy(const struct type_site *site, label_id label)
{
	struct type_site copy = copy_for(site, label);
	_cleanup_free_ char *plain = copy.function ? demangle_symbol(copy.function) : NULL;

	if (plain) {
		free(copy.function);
		copy.function = class_name_short(plain);
	}
	return copy;
}

static int compare_sizes(const void *left, const void *right)
{
	const struct found_site *a = left, *b = right;

	if (a->site.size != b->site.size)
		return a->site.size < b->site.size ? -1 : 1;
	return compare_looks(&a->site, &b->site);
}

/* For each label the usable size that all of its chunks have; 0 where they differ, and for labels that say what a type has inside. Owner: the caller. */
static uint64_t *sizes_of_labels(const struct inference *inference, const struct types *types)
{
	uint64_t *sizes = xcalloc(types->labels.n + 1, sizeof(*sizes));
	_cleanup_free_ bool *is_mixed = xcalloc(types->labels.n + 1, sizeof(*is_mixed));

	for (size_t i = 0; i < types->n; i++) {
		label_id label = types->label[i];
		const struct chunk_label *one = &types->labels.v[label];
		uint64_t usable = chunk_usable(inference->chunks, i);
		bool is_bare = types->evidence[i] == EVIDENCE_ROLE || types->evidence[i] == EVIDENCE_CONTENT || (types->evidence[i] == EVIDENCE_VTABLE && one->is_type && !type_at(types->table, one->type)->n);

		is_mixed[label] |= !is_bare || (sizes[label] && sizes[label] != usable);
		sizes[label] = usable;
	}
	for (size_t i = 0; i < types->labels.n; i++)
		sizes[i] = is_mixed[i] ? 0 : sizes[i];
	return sizes;
}

/* What has a place or a look and no type, or a class and no members: where such a size is allocated, if that is in few places. */
static void untyped_add(struct inference *inference, struct types *types)
{
	const struct found_site *sites = inference->untyped_sites.v;
	_cleanup_free_ uint64_t *sizes = sizes_of_labels(inference, types);
	size_t n = inference->untyped_sites.n;

	if (n)
		qsort(inference->untyped_sites.v, n, sizeof(*sites), compare_sizes);
	for (size_t label = 1; label < types->labels.n; label++) {
		size_t found = 0, kept = types->sites.n;

		for (size_t i = 0; sizes[label] && i < n && sites[i].site.size <= sizes[label] && found <= SAME_SIZE_MAX; i++) {
			if (usable_of(sites[i].site.size) != sizes[label])
				continue;
			struct type_site site = plain_copy(&sites[i].site, (label_id)label);

			// Several calls in one function are one place.
			if (found && is_same(&types->sites.v[types->sites.n - 1], &site)) {
				type_site_deinit(&site);
				continue;
			}
			array_append(&types->sites, site);
			found++;
		}
		for (size_t i = kept; i < types->sites.n; i++) {
			types->sites.v[i].confidence = (uint32_t)(SURE_BY_SIZE / found);
			if (found > SAME_SIZE_MAX)
				type_site_deinit(&types->sites.v[i]);
		}
		if (found > SAME_SIZE_MAX)
			types->sites.n = kept;
	}
}

void type_sites_build(struct inference *inference, struct types *types)
{
	// For each type its label, as one and as an array; 0 is none.
	_cleanup_free_ label_id *one = xcalloc(types->table->v.n + 1, sizeof(*one)), *many = xcalloc(types->table->v.n + 1, sizeof(*many));

	for (size_t i = 0; i < types->labels.n; i++) {
		const struct chunk_label *label = &types->labels.v[i];
		bool is_array = label->form == FORM_ARRAY || label->form == FORM_COUNTED;

		if (label->is_type && label->type != TYPE_NONE)
			*(is_array ? &many[label->type] : &one[label->type]) = (label_id)i;
	}
	for (size_t i = 0; i < inference->sites.n; i++) {
		const struct found_site *found = &inference->sites.v[i];

		if (one[found->type] && found->forms & ~(unsigned)ALLOCATED_AS_ARRAY)
			array_append(&types->sites, copy_for(&found->site, one[found->type]));
		if (many[found->type] && found->forms & ALLOCATED_AS_ARRAY)
			array_append(&types->sites, copy_for(&found->site, many[found->type]));
	}
	untyped_add(inference, types);
	sites_settle(types);
}

const struct type_site *label_sites(const struct types *types, uint32_t label, size_t *n_ret)
{
	size_t low = 0, high = types->sites.n, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (types->sites.v[middle].label < label)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < types->sites.n && types->sites.v[end].label == label; end++)
		;
	*n_ret = end - low;
	return end > low ? &types->sites.v[low] : NULL;
}
