/* SPDX-License-Identifier: MIT */
/*
 * Who allocates? libc and C++ by name. A function that passes its own argument on to an allocator as the size, and returns the result, is one, too, and so on
 * until nothing changes. And one whose constant arguments agree with the sizes of what its results become, again and again, however it does that.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "code/bodies.h"
#include "code/reader.h"
#include "debug/lines.h"

enum {
	/** Wrappers around wrappers. */
	ROUNDS_MAX = 16,
	/** Types of one site. */
	SITE_TYPES_MAX = 8,
};

/* ---- allocators ---- */

static bool is_allocator(const struct code_reader *reader, int32_t function)
{
	return function >= 0 && reader->infos.v[function].allocator;
}

static bool is_bytes(const struct code_reader *reader, int32_t type)
{
	return reader->facts->types.v[type].size == 1;
}

/* Those that need no proof. */
static void known_mark(struct code_reader *reader)
{
	for (size_t i = 0; i < reader->infos.n; i++) {
		struct function_info *info = &reader->infos.v[i];

		if (!info->known)
			continue;
		info->allocator = info->known;
		info->size = info->known_size;
		info->count = info->known_count;
	}
}

static const struct call_argument *argument(const struct call_record *call, int8_t number)
{
	return number >= 0 && number < ARGUMENTS_MAX ? &call->arguments[number] : NULL;
}

/* Whether a call shows that the caller is an allocator, and of what form. */
static bool call_proves(const struct code_reader *reader, const struct call_record *call, struct function_info *ret)
{
	const struct function_info *callee = &reader->infos.v[call->callee], *caller = &reader->infos.v[call->function];
	const struct call_argument *size = argument(call, callee->size), *count = argument(call, callee->count);

	ret->extra = callee->extra;
	ret->shift = callee->shift + call->shift;
	ret->is_rounded = callee->is_rounded;
	ret->count = -1;
	if (!size || !call->is_returned)
		return false;
	if (count) {
		if (size->parameter >= 0 && size->kind == ARGUMENT_SUM && count->kind == ARGUMENT_CONSTANT && count->c == 1) {
			ret->size = size->parameter;
			ret->extra += size->c;
			ret->is_rounded |= !size->is_exact;
			return true;
		}
		if (!size->is_exact || !count->is_exact || size->c || count->c)
			return false;
		ret->size = size->parameter;
		ret->count = count->parameter;
		return true;
	}
	if (size->kind == ARGUMENT_PRODUCT) {
		ret->size = (int8_t)size->k;
		ret->count = size->parameter;
		return true;
	}
	if (size->kind != ARGUMENT_SUM || size->parameter < 0)
		return false;
	ret->size = size->parameter;
	ret->extra += size->c;
	ret->is_rounded |= !size->is_exact;
	// What adds something of its own to make one certain type is no wrapper, but a site.
	if (!caller->result.is_pointer)
		return ret->extra == 0 || ret->shift != 0;
	return (ret->extra == 0 && !ret->is_rounded) || caller->result.type < 0 || is_bytes(reader, caller->result.type);
}

/* Marks functions that pass their argument on; true when there is a new one. */
static bool wrappers_prove(struct code_reader *reader)
{
	bool changed = false;

	for (size_t i = 0; i < reader->calls.n; i++) {
		const struct call_record *call = &reader->calls.v[i];
		struct function_info proof = { .allocator = CODE_WRAPPER + 1 };

		if (!is_allocator(reader, call->callee) || is_allocator(reader, call->function) || !call_proves(reader, call, &proof))
			continue;

		struct function_info *info = &reader->infos.v[call->function];

		info->allocator = proof.allocator;
		info->size = proof.size;
		info->count = proof.count;
		info->extra = proof.extra;
		info->shift = proof.shift;
		info->is_rounded = proof.is_rounded;
		changed = true;
	}
	return changed;
}

void wrappers_prove_all(struct code_reader *reader)
{
	known_mark(reader);
	for (int round = 0; round < ROUNDS_MAX && wrappers_prove(reader); round++)
		;
}

/* What speaks for a function. */
struct statistics {
	uint32_t typed;
	/** By argument: calls in which it is the size of the type, and the first such type; whether there was another one. */
	uint32_t matches[ARGUMENTS_MAX];
	int32_t type[ARGUMENTS_MAX];
	bool is_varied[ARGUMENTS_MAX];
};

static void statistics_count(const struct code_reader *reader, const struct call_record *call, struct statistics *statistics)
{
	bool is_typed = false, matches[ARGUMENTS_MAX] = { false };

	for (unsigned i = 0; i < call->n_types; i++) {
		const struct code_type *type = &reader->facts->types.v[call->types[i].type];

		if (call->types[i].source == SOURCE_DECLARED || call->types[i].offset != 0 || type->size <= 1)
			continue;
		is_typed = true;
		for (int k = 0; k < ARGUMENTS_MAX; k++) {
			const struct call_argument *one = &call->arguments[k];

			if (!(one->kind == ARGUMENT_CONSTANT && (uint64_t)one->c == type->size) &&
			    !(one->kind == ARGUMENT_SCALED && (uint64_t)one->k == type->size && one->c == 0))
				continue;
			statistics->is_varied[k] |= statistics->matches[k] && statistics->type[k] != call->types[i].type;
			if (!statistics->matches[k])
				statistics->type[k] = call->types[i].type;
			matches[k] = true;
		}
	}
	statistics->typed += is_typed;
	for (int k = 0; k < ARGUMENTS_MAX; k++)
		statistics->matches[k] += matches[k];
}

/* Marks functions by what their callers make of the results; true when there is a new one. */
static bool wrappers_guess(struct code_reader *reader)
{
	struct statistics *all = xcalloc(reader->infos.n + 1, sizeof(*all));
	bool changed = false;

	for (size_t i = 0; i < reader->calls.n; i++) {
		const struct call_record *call = &reader->calls.v[i];

		if (call->callee >= 0 && !is_allocator(reader, call->callee))
			statistics_count(reader, call, &all[call->callee]);
	}
	for (size_t i = 0; i < reader->infos.n; i++) {
		struct function_info *info = &reader->infos.v[i];
		bool is_void = info->result.is_pointer && info->result.type < 0;
		int best = -1;

		for (int k = 0; k < ARGUMENTS_MAX; k++) {
			uint32_t matches = all[i].matches[k];

			if (matches < (is_void ? 1u : 2u) || matches * 5 < all[i].typed * 2)
				continue;
			// What always makes the same type may have a number for an argument that happens to agree.
			if (info->result.is_pointer && !info->result.is_generic && !all[i].is_varied[k])
				continue;
			if (best < 0 || matches > all[i].matches[best])
				best = k;
		}
		// One without a name is a stub that the loader leads to memcpy() or the like.
		if (best < 0 || is_allocator(reader, (int32_t)i) || !reader->facts->functions.v[i].name)
			continue;
		info->allocator = CODE_STATISTICAL + 1;
		info->size = (int8_t)best;
		info->count = -1;
		changed = true;
	}
	free(all);
	return changed;
}

/* Tells functions that take the size of an element: what they ask of an allocator is never that alone. */
static void strides_mark(struct code_reader *reader)
{
	bool *plain = xcalloc(reader->infos.n + 1, sizeof(*plain));

	for (size_t i = 0; i < reader->calls.n; i++) {
		const struct call_record *call = &reader->calls.v[i];
		struct function_info *caller = &reader->infos.v[call->function];
		const struct call_argument *size;

		if (caller->allocator != CODE_STATISTICAL + 1 || !is_allocator(reader, call->callee))
			continue;
		size = argument(call, reader->infos.v[call->callee].size);
		if (size && size->parameter == caller->size && size->kind == ARGUMENT_SUM)
			plain[call->function] = true;
		else if (size && size->kind != ARGUMENT_CONSTANT)
			caller->is_stride = true;
	}
	for (size_t i = 0; i < reader->infos.n; i++)
		reader->infos.v[i].is_stride &= !plain[i];
	free(plain);
}

static void allocators_find(struct code_reader *reader)
{
	known_mark(reader);
	for (int round = 0; round < ROUNDS_MAX; round++) {
		bool changed = false;

		while (round < ROUNDS_MAX && wrappers_prove(reader)) {
			changed = true;
			round++;
		}
		if (!wrappers_guess(reader) && !changed)
			break;
	}
	strides_mark(reader);
	for (size_t i = 0; i < reader->infos.n; i++) {
		const struct function_info *info = &reader->infos.v[i];

		if (!info->allocator || info->known)
			continue;
		array_append(&reader->facts->wrappers,
			     (struct code_wrapper){ .function = (int32_t)i,
						    .allocator = (enum code_allocator)(info->allocator - 1),
						    .size = info->size >= 0 && info->parameters[info->size] >= 0 ? info->parameters[info->size] : info->size,
						    .count = info->count < 0 ? CODE_NONE :
							     info->parameters[info->count] >= 0 ? info->parameters[info->count] :
												  info->count,
						    .extra = info->extra,
						    .shift = info->shift,
						    .is_rounded = info->is_rounded,
						    .is_stride = info->is_stride,
						    .is_partial = info->returns_other });
	}
}

/* ---- sites ---- */

/* The form of the size of a call. */
static void form_of(const struct function_info *callee, const struct call_record *call, struct code_site *site)
{
	const struct call_argument *size = argument(call, callee->size), *count = argument(call, callee->count);
	struct call_argument one = { .kind = ARGUMENT_UNKNOWN };
	int64_t factor = 1;

	site->form = CODE_SIZE_OPAQUE;
	site->k = 1;
	site->c = 0;
	if (!size)
		return;
	one = *size;
	if (count && count->kind == ARGUMENT_CONSTANT) {
		factor = count->c;
	} else if (count && one.kind == ARGUMENT_CONSTANT) {
		factor = one.c;
		one = *count;
		if (one.kind == ARGUMENT_UNKNOWN || one.kind == ARGUMENT_PRODUCT)
			one = (struct call_argument){ .kind = ARGUMENT_SUM, .k = 1 };
		if (one.kind == ARGUMENT_SUM && factor != 1)
			one.kind = ARGUMENT_SCALED;
	} else if (count) {
		return;
	}
	switch (one.kind) {
	case ARGUMENT_CONSTANT:
		site->form = CODE_SIZE_CONSTANT;
		one.k = 1;
		site->c = (int64_t)((uint64_t)one.c * (uint64_t)factor);
		if (callee->is_stride) {
			site->form = CODE_SIZE_SCALED;
			site->k = site->c;
			site->c = 0;
		}
		return;
	case ARGUMENT_EITHER:
		site->form = CODE_SIZE_EITHER;
		break;
	case ARGUMENT_SCALED:
		site->form = CODE_SIZE_SCALED;
		break;
	case ARGUMENT_SUM:
		site->form = factor != 1 ? CODE_SIZE_SCALED : one.c ? CODE_SIZE_SUM : CODE_SIZE_OPAQUE;
		break;
	case ARGUMENT_PRODUCT:
	case ARGUMENT_UNKNOWN:
		return;
	}
	site->k = (int64_t)((uint64_t)one.k * (uint64_t)factor);
	site->c = (int64_t)((uint64_t)one.c * (uint64_t)factor);
}

struct site_types {
	struct code_site_type v[SITE_TYPES_MAX];
	unsigned n;
};

static void site_type_add(struct site_types *types, int32_t type, int32_t offset, float weight)
{
	for (unsigned i = 0; i < types->n; i++) {
		if (types->v[i].type == type && types->v[i].offset == offset) {
			if (weight > types->v[i].weight)
				types->v[i].weight = weight;
			return;
		}
	}
	if (types->n < SITE_TYPES_MAX)
		types->v[types->n++] = (struct code_site_type){ .type = type, .offset = offset, .weight = weight };
}

/* The facts of a node: the first one, and how many. */
static const struct code_fact *facts_of(const struct code_facts *facts, int32_t node, size_t *n_ret)
{
	size_t low = 0, high = facts->facts.n, n = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (facts->facts.v[middle].node < node)
			low = middle + 1;
		else
			high = middle;
	}
	while (low + n < facts->facts.n && facts->facts.v[low + n].node == node)
		n++;
	*n_ret = n;
	return n ? facts->facts.v + low : NULL;
}

/* Drops types that another one has inside, at that place. */
static void embedded_drop(struct code_reader *reader, struct site_types *types)
{
	unsigned n = 0;
	bool has_whole = false;

	for (unsigned i = 0; i < types->n; i++)
		has_whole |= types->v[i].offset == 0 && reader->facts->types.v[types->v[i].type].size > (uint64_t)1;
	for (unsigned i = 0; i < types->n; i++) {
		const struct code_site_type *inner = &types->v[i];
		bool is_embedded = has_whole && inner->offset < 0;

		for (unsigned k = 0; k < types->n && !is_embedded; k++) {
			const struct code_site_type *outer = &types->v[k];

			is_embedded = k != i && outer->offset == 0 && inner->offset <= 0 && outer->type != inner->type &&
				      type_embeds(&reader->canonical, outer->type, (uint64_t)-(int64_t)inner->offset, inner->type);
		}
		if (!is_embedded)
			types->v[n++] = *inner;
	}
	// Two that have each other inside are nonsense, and stay.
	if (n)
		types->n = n;
}

/* What the result of a call becomes. */
static void types_of(struct code_reader *reader, const struct call_record *call, const struct code_site *site, struct site_types *types)
{
	const int32_t declared = reader->infos.v[call->callee].result.type;
	bool has_exact = false;

	for (unsigned i = 0; i < call->n_types; i++) {
		const struct typing *typing = &call->types[i];

		if (typing->source != SOURCE_DECLARED && typing->type != declared)
			site_type_add(types, typing->type, typing->offset, is_bytes(reader, typing->type) ? 0.6f : 0.9f);
	}
	for (unsigned i = 0; types->n == 0 && i < call->n_nodes; i++) {
		size_t n;
		const struct code_fact *facts = facts_of(reader->facts, call->nodes[i], &n);

		// Where anything goes, this may be anything.
		for (size_t k = 0; n <= 2 && k < n; k++)
			site_type_add(types, facts[k].type, facts[k].offset, 0.5f);
	}
	if (types->n == 0 && declared >= 0)
		site_type_add(types, declared, 0, is_bytes(reader, declared) ? 0.4f : 0.7f);
	embedded_drop(reader, types);
	for (unsigned i = 0; i < types->n; i++)
		has_exact |= site->form == CODE_SIZE_CONSTANT && reader->facts->types.v[types->v[i].type].size == (uint64_t)site->c && site->c > 1;
	// Where one fits to the byte, the others are its bases, or something it is cast to.
	for (unsigned i = 0; has_exact && i < types->n; i++) {
		if (reader->facts->types.v[types->v[i].type].size != (uint64_t)site->c)
			types->v[i].weight *= 0.5f;
	}
}

static int site_compare(const void *a, const void *b)
{
	const struct code_site *left = a, *right = b;

	if (left->module != right->module)
		return left->module < right->module ? -1 : 1;
	return left->pc < right->pc ? -1 : left->pc > right->pc;
}

/* Whether a call is how a wrapper does its work. */
static bool is_inner(const struct code_reader *reader, const struct call_record *call)
{
	const struct function_info *callee = &reader->infos.v[call->callee], *caller = &reader->infos.v[call->function];
	const struct call_argument *size = argument(call, callee->size);

	return caller->allocator && call->is_returned && size && (size->parameter >= 0 || caller->allocator == CODE_STATISTICAL + 1);
}

static void sites_list(struct code_reader *reader)
{
	struct code_facts *facts = reader->facts;

	for (size_t i = 0; i < reader->calls.n; i++) {
		const struct call_record *call = &reader->calls.v[i];
		struct site_types types = { .n = 0 };

		if (!is_allocator(reader, call->callee) || is_inner(reader, call))
			continue;

		const struct function_info *callee = &reader->infos.v[call->callee];
		struct code_site site = { .module = call->module,
					  .pc = call->pc,
					  .function = call->function,
					  .callee = call->callee,
					  .allocator = (enum code_allocator)(callee->allocator - 1),
					  .first_type = (uint32_t)facts->site_types.n };

		form_of(callee, call, &site);
		types_of(reader, call, &site, &types);
		for (unsigned k = 0; k < types.n; k++)
			array_append(&facts->site_types, types.v[k]);
		site.types = types.n;
		array_append(&facts->sites, site);
	}
	if (facts->sites.n)
		qsort(facts->sites.v, facts->sites.n, sizeof(*facts->sites.v), site_compare);
}

/* ---- lines ---- */

/* A site, and the unit whose line table has it. */
struct located {
	uint32_t module;
	uint64_t unit;
	vaddr pc;
	size_t site;
};

static int located_compare(const void *a, const void *b)
{
	const struct located *left = a, *right = b;

	if (left->module != right->module)
		return left->module < right->module ? -1 : 1;
	if (left->unit != right->unit)
		return left->unit < right->unit ? -1 : 1;
	return left->pc < right->pc ? -1 : left->pc > right->pc;
}

/* Says where the sites of one unit are. */
static void unit_locate(struct code_reader *reader, const struct located *located, size_t n)
{
	struct code_facts *facts = reader->facts;
	struct dwarf_file *file = reader->of[located->module].declarations.file;
	const struct function_info *info = &reader->infos.v[facts->sites.v[located->site].function];
	struct line *lines = xcalloc(n, sizeof(*lines));
	Dwarf_Die die, unit;

	for (size_t i = 0; i < n; i++)
		lines[i].pc = located[i].pc;
	if (die_at(file, info->record->die, &die) && dwarf_diecu(&die, &unit, NULL, NULL))
		lines_at(file, &unit, lines, n);
	for (size_t i = 0; i < n; i++) {
		if (lines[i].name)
			facts->sites.v[located[i].site].source = xasprintf("%s:%llu", lines[i].name, (unsigned long long)lines[i].number);
	}
	free(lines);
}

/* Says of a site which inlined function it is in, and where its function, which has this name, calls that. */
static void site_inlined(const struct declarations *declarations, Dwarf_Die *unit, const body_inline_array *inlines, const char *name, struct code_site *site)
{
	const struct body_inline *outermost = NULL, *innermost = NULL;
	const struct function_record *record;
	const char *file;

	for (size_t i = 0; i < inlines->n; i++) {
		const struct body_inline *one = &inlines->v[i];

		if (site->pc < one->low || site->pc >= one->high)
			continue;
		if (!outermost || one->depth < outermost->depth)
			outermost = one;
		if (!innermost || one->depth > innermost->depth)
			innermost = one;
	}
	if (!outermost)
		return;
	record = function_record_at(declarations, innermost->origin);
	if (record)
		site->inlined = function_record_origin(declarations, record)->name;
	// A part of a function that was split off is inlined into the rest.
	if (site->inlined && name && strcmp(site->inlined, name) == 0)
		site->inlined = NULL;
	file = outermost->line ? line_file_name(declarations->file, unit, outermost->file) : NULL;
	if (file) {
		free(site->source);
		site->source = xasprintf("%s:%llu", file, (unsigned long long)outermost->line);
	}
}

/* The same for all sites of one unit. */
static void unit_inlined(struct code_reader *reader, const struct located *located, size_t n)
{
	struct code_facts *facts = reader->facts;
	const struct declarations *declarations = &reader->of[located->module].declarations;
	body_inline_array inlines = { .n = 0 };
	const struct function_record *read = NULL;
	struct die_reader dies;
	Dwarf_Die die, unit;

	die_reader_init(&dies, &declarations->file->sections);
	for (size_t i = 0; i < n; i++) {
		struct code_site *site = &facts->sites.v[located[i].site];
		const struct function_record *record = reader->infos.v[site->function].record;

		if (record != read) {
			body_inlines(&inlines, &dies, declarations, record);
			read = record;
		}
		if (inlines.n && die_at(declarations->file, record->die, &die) && dwarf_diecu(&die, &unit, NULL, NULL))
			site_inlined(declarations, &unit, &inlines, facts->functions.v[site->function].name, site);
	}
	die_reader_deinit(&dies);
	array_deinit(&inlines);
}

static void sites_locate(struct code_reader *reader)
{
	struct code_facts *facts = reader->facts;
	struct located *all = xcalloc(facts->sites.n + 1, sizeof(*all));
	size_t n = 0;

	for (size_t i = 0; i < facts->sites.n; i++) {
		const struct code_site *site = &facts->sites.v[i];
		const struct function_info *info = &reader->infos.v[site->function];

		if (info->record)
			all[n++] = (struct located){ .module = site->module, .unit = info->record->unit, .pc = site->pc, .site = i };
	}
	if (n)
		qsort(all, n, sizeof(*all), located_compare);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && all[end].module == all[i].module && all[end].unit == all[i].unit;)
			end++;
		unit_locate(reader, &all[i], end - i);
		unit_inlined(reader, &all[i], end - i);
	}
	free(all);
}

void sites_find(struct code_reader *reader)
{
	allocators_find(reader);
	sites_list(reader);
	sites_locate(reader);
}
