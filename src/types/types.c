/* SPDX-License-Identifier: MIT */
#include "types/types.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/column.h"
#include "debug/modules.h"
#include "types/class_names.h"
#include "types/class_sizes.h"
#include "types/containers.h"
#include "types/content.h"
#include "types/glib_structs.h"
#include "types/gobjects.h"
#include "types/inference.h"
#include "types/places.h"
#include "types/vtables.h"

enum {
	/** Floods; the verdicts of one may change what the next one finds. */
	ROUNDS_MAX = 8,
	/** More of them, when chunks were found that no typed pointer leads to. */
	ROUNDS_AFTER = 3,
	/** Fewer than one in so many chunks turn no verdict. */
	STRAYS_PART = 32,
	/** Buffers of pointers within buffers of pointers, in the name of a place. */
	ROLE_DEPTH_MAX = 4,
	/** Units: percent. */
	SURE_CONTENT = 50,
	SURE_VTABLE = 99,
	SURE_VTABLE_ODD = 60,
	/** A fit of the whole chunk, but for what malloc could not split off. */
	FIT_WHOLE = 60,
	/** Bytes by which chunks of one size may differ. */
	FIT_SLACK = 16,
};

const char *type_evidence_name(enum type_evidence evidence)
{
	static const char *const names[EVIDENCES] = {
		[EVIDENCE_NONE] = "",
		[EVIDENCE_VTABLE] = "vtable",
		[EVIDENCE_PYTHON] = "python",
		[EVIDENCE_POINTER] = "pointer",
		[EVIDENCE_CONTAINER] = "container",
		[EVIDENCE_EMBEDDED] = "embedded",
		[EVIDENCE_SITE] = "site",
		[EVIDENCE_FLOW] = "flow",
		[EVIDENCE_SHAPE] = "shape",
		[EVIDENCE_ROLE] = "role",
		[EVIDENCE_CONTENT] = "content",
	};

	assert((unsigned)evidence < EVIDENCES);
	return names[evidence];
}

/* ---- beginning and end of the inference ---- */

/* Struct types that pointers are declared to point to. */
static void sized_collect(struct inference *inference)
{
	const struct type_table *table = inference->table;
	ARRAY(struct sized_type) sized = { .v = NULL };
	_cleanup_free_ bool *seen = xcalloc(table->v.n, sizeof(*seen));

	for (size_t i = 0; i < table->v.n; i++) {
		type_id target = table->v.v[i].kind == TYPE_POINTER ? type_strip(table, table->v.v[i].target) : TYPE_NONE;

		if (target == TYPE_NONE || seen[target] || !type_is_aggregate(table, target) || !type_at(table, target)->size)
			continue;
		seen[target] = true;
		array_append(&sized, (struct sized_type){ usable_of(type_at(table, target)->size), target });
	}
	sized_sort(sized.v, sized.n);
	inference->sized = sized.v;
	inference->n_sized = sized.n;
}

static void inference_init(struct inference *inference, const struct target *target, struct modules *modules, const struct heap *heap,
			   const struct edges *edges, bool with_code, struct types *types)
{
	size_t n = heap->chunks.n + 1;

	*inference = (struct inference){ .target = target,
					 .heap = heap,
					 .chunks = &heap->chunks,
					 .edges = edges,
					 .table = types->table,
					 .layouts = types->layouts };
	window_init(&inference->window, &target->image);
	words_init(&inference->words, &heap->chunks, target);
	enclosing_build(types->table, &inference->enclosing);
	erasures_init(&inference->erasures, modules, types->table);
	inference->typing = column_grow(NULL, 0, n * sizeof(*inference->typing));
	for (size_t i = 0; i < n - 1; i++) {
		inference->typing[i] = (struct typing){ .size_units = heap->chunks.size_units[i],
							.is_in_use = heap->chunks.state[i] == CHUNK_IN_USE,
							.is_mmapped = heap->chunks.kind[i] == CHUNK_MMAPPED };
	}
	inference->known = xcalloc(KNOWN_CANDIDATES, sizeof(*inference->known));
	sized_collect(inference);
	seeds_find(inference, modules);
	if (with_code)
		code_hints_find(inference, modules);
}

static void inference_deinit(struct inference *inference)
{
	words_deinit(&inference->words);
	enclosing_deinit(&inference->enclosing);
	erasures_deinit(&inference->erasures);
	array_deinit(&inference->seeds);
	for (size_t i = 0; i < inference->roots.n; i++)
		free(inference->roots.v[i].name);
	array_deinit(&inference->roots);
	array_deinit(&inference->given);
	column_free(inference->typing, (inference->chunks->n + 1) * sizeof(*inference->typing));
	array_deinit(&inference->tenants);
	hash_map_deinit(&inference->tenants_by_place);
	array_deinit(&inference->splits);
	array_deinit(&inference->rules);
	hash_map_deinit(&inference->splits_by_key);
	hash_map_deinit(&inference->rules_by_key);
	array_deinit(&inference->hints);
	for (size_t i = 0; i < inference->sites.n; i++)
		type_site_deinit(&inference->sites.v[i].site);
	array_deinit(&inference->sites);
	for (size_t i = 0; i < inference->untyped_sites.n; i++)
		type_site_deinit(&inference->untyped_sites.v[i].site);
	array_deinit(&inference->untyped_sites);
	free(inference->allocated);
	hash_map_deinit(&inference->site_sizes);
	free(inference->sized);
	free(inference->known);
}

/* ---- objects with a vptr ---- */

/* The type of each class that has a vtable; classes that DWARF does not describe become types of which only the name is known, and perhaps the size. Owner: the caller. */
static type_id *classes_find(struct type_table *table, struct modules *modules, const struct image *image, const struct heap *heap, const struct vtables *vtables)
{
	type_id *classes = class_types_find(table, vtables);
	_cleanup_free_ bool *wanted = xcalloc(vtables->classes.n + 1, sizeof(*wanted));
	_cleanup_free_ uint64_t *sizes = NULL;
	struct window window;
	uint64_t word;

	window_init(&window, image);
	for (size_t i = 0; i < heap->chunks.n && vtables->v.n; i++) {
		const struct vtable *vtable = window_word(&window, heap->chunks.mem[i], &word) ? vtables_at(vtables, word) : NULL;

		if (vtable && classes[vtable->class] == TYPE_NONE)
			wanted[vtable->class] = true;
	}
	sizes = class_sizes_find(modules, image, vtables, wanted);
	for (size_t i = 0; i < vtables->classes.n; i++) {
		const char *name = vtables->classes.v[i].name;

		if (classes[i] != TYPE_NONE)
			continue;
		classes[i] = (type_id)table->v.n;
		array_append(&table->v, (struct type){ .name = type_index_text(table->index, name, strlen(name)),
						       .size = sizes[i],
						       .target = TYPE_NONE,
						       .kind = TYPE_CLASS,
						       .flags = TYPE_IS_CLASSY | TYPE_HAS_VPTR });
	}
	return classes;
}

/* What chunks that begin as an object of a class are like. */
struct begun {
	/** Usable size of the smallest. Units: bytes. */
	uint64_t least;
	/** How many have that, and how many are larger. */
	uint32_t n, n_larger;
};

/* By class. Owner: the caller. */
static struct begun *begun_count(struct inference *inference, const struct vtables *vtables)
{
	const struct chunks *chunks = inference->chunks;
	struct begun *begun = xcalloc(vtables->classes.n + 1, sizeof(*begun));
	uint64_t word;

	for (size_t i = 0; i < chunks->n && vtables->v.n; i++) {
		const struct vtable *vtable;
		uint64_t usable = chunk_usable(chunks, i);

		if (chunks->state[i] != CHUNK_IN_USE || !window_word(&inference->window, chunks->mem[i], &word))
			continue;
		vtable = vtables_at(vtables, word);
		if (!vtable || vtable->offset)
			continue;
		struct begun *one = &begun[vtable->class];

		if (one->n && usable > one->least + FIT_SLACK) {
			one->n_larger++;
		} else if (one->n && usable + FIT_SLACK >= one->least) {
			one->n++;
		} else {
			*one = (struct begun){ .least = usable, .n = 1, .n_larger = one->n + one->n_larger };
		}
	}
	return begun;
}

/* Objects that begin with a vptr say themselves what they are. */
static void objects_find(struct inference *inference, const struct vtables *vtables, const type_id *classes)
{
	const struct chunks *chunks = inference->chunks;
	_cleanup_free_ struct begun *begun = begun_count(inference, vtables);

	for (size_t i = 0; i < chunks->n && vtables->v.n; i++) {
		const struct vtable *vtable;
		struct candidate fit;
		uint64_t word, next;
		enum type_form form = FORM_ONE;

		if (chunks->state[i] != CHUNK_IN_USE || !window_word(&inference->window, chunks->mem[i], &word))
			continue;
		vtable = vtables_at(vtables, word);
		if (!vtable || vtable->offset != 0)
			continue;

		type_id class = classes[vtable->class];
		uint64_t size = type_at(inference->table, class)->size;

		fit = fit_of(inference, class, (chunk_id)i);
		if (fit.form == FORM_ARRAY && size && window_word(&inference->window, chunks->mem[i] + size, &next) && next == word)
			form = FORM_ARRAY;
		// Of another size, it may be a first member that has a vptr, and then what is declared knows better.
		bool is_whole = !size || form == FORM_ARRAY || (fit.form == FORM_ONE && fit.fit >= FIT_WHOLE);

		// Without debug information nothing else will say what that is.
		if (!is_whole && !type_at(inference->table, class)->n)
			continue;
		// Where the size is not known, all of a class have the same; or, if most do not, it is one of those with a tail.
		if (!size && chunk_usable(chunks, i) > begun[vtable->class].least + FIT_SLACK) {
			if (begun[vtable->class].n_larger <= begun[vtable->class].n)
				continue;
			is_whole = false;
		}
		array_append(&inference->given, (struct claim){ .chunk = (chunk_id)i,
								.type = class,
								.slot = SLOT_NONE,
								.source = CHUNK_NONE,
								.form = (uint8_t)form,
								.evidence = EVIDENCE_VTABLE,
								.confidence = is_whole ? SURE_VTABLE : SURE_VTABLE_ODD });
	}
}

/* So do objects of GObject, by their class. */
static void gobjects_claim(struct inference *inference, const struct gobjects *gobjects)
{
	for (size_t i = 0; i < gobjects->v.n; i++)
		array_append(&inference->given, (struct claim){ .chunk = gobjects->v.v[i].chunk,
								.type = gobjects->v.v[i].type,
								.slot = SLOT_NONE,
								.source = CHUNK_NONE,
								.form = gobjects->v.v[i].is_array ? FORM_ARRAY : FORM_ONE,
								.evidence = EVIDENCE_VTABLE,
								.confidence = SURE_VTABLE });
}

/* ---- names ---- */

/* «← dictEntry.v», «← g_table[]». Owner: the caller. */
static char *role_name(const struct inference *inference, slot_id id)
{
	_cleanup_free_ char *path = NULL, *suffix = xstrdup("");

	for (int depth = 0; depth < ROLE_DEPTH_MAX; depth++) {
		const struct slot *slot = slot_at(inference->layouts, id);

		switch ((enum slot_kind)slot->kind) {
		case SLOT_ELEMENTS: {
			char *longer = xasprintf("%s[]", suffix);

			free(suffix);
			suffix = longer;
			id = slot->origin;
			break;
		}
		case SLOT_ROOT: {
			const struct seed_root *root = &inference->roots.v[slot->origin];
			type_id type = type_strip(inference->table, root->type);

			for (int i = 0; i < ROLE_DEPTH_MAX && type != TYPE_NONE && type_at(inference->table, type)->kind == TYPE_ARRAY; i++)
				type = type_strip(inference->table, type_at(inference->table, type)->target);
			path = type == TYPE_NONE ? xstrdup("") : layout_path(inference->layouts, type, slot->offset, true);
			return xasprintf("← %s%s%s", root->name, path, suffix);
		}
		case SLOT_MEMBER: {
			_cleanup_free_ char *name = class_name_short(type_at(inference->table, slot->origin)->name);

			path = layout_path(inference->layouts, slot->origin, slot->offset, true);
			return xasprintf("← %s%s%s", *name ? name : "(anonymous)", path, suffix);
		}
		}
	}
	return xasprintf("← …%s", suffix);
}

static label_id label_add(struct types *types, char *name, type_id type, unsigned form)
{
	array_append(&types->labels, (struct chunk_label){ name, type, (uint8_t)form, type != TYPE_NONE });
	return (label_id)types->labels.n - 1;
}

static char *typed_name(const struct types *types, type_id type, unsigned form)
{
	_cleanup_free_ char *full = type_label(types->table, type);
	char *plain = class_name_short(full), *name;

	if (form != FORM_ARRAY && form != FORM_COUNTED)
		return plain;
	name = xasprintf("%s[]", plain);
	free(plain);
	return name;
}

struct labeller {
	struct types *types;
	const struct inference *inference;
	/** Labels by type and form; and by slot, or by what the content is. */
	struct hash_map typed, places;
};

static label_id label_of_type(struct labeller *labeller, type_id type, unsigned form)
{
	bool is_array = form == FORM_ARRAY || form == FORM_COUNTED;
	uint64_t hash = hash_mix(hash_mix(1, type), is_array);
	label_id label = hash_map_get(&labeller->typed, hash);

	if (label != UINT32_MAX)
		return label;
	label = label_add(labeller->types, typed_name(labeller->types, type, form), type, form);
	hash_map_set(&labeller->typed, hash, label);
	return label;
}

static label_id label_of_slot(struct labeller *labeller, slot_id slot)
{
	uint64_t hash = hash_mix(2, slot);
	label_id label = hash_map_get(&labeller->places, hash);

	if (label != UINT32_MAX)
		return label;

	// Several members of a container are one place.
	char *name = role_name(labeller->inference, slot);
	uint64_t name_hash = hash_mix(3, hash_bytes(name, strlen(name)));

	label = hash_map_get(&labeller->places, name_hash);
	if (label == UINT32_MAX) {
		label = label_add(labeller->types, name, TYPE_NONE, FORM_NONE);
		hash_map_set(&labeller->places, name_hash, label);
	} else {
		free(name);
	}
	hash_map_set(&labeller->places, hash, label);
	return label;
}

/* «(pool of struct node)»: what the chunk begins with is the first of many. */
static label_id label_of_pool(struct labeller *labeller, type_id type)
{
	uint64_t hash = hash_mix(4, type);
	label_id label = hash_map_get(&labeller->places, hash);

	if (label == UINT32_MAX) {
		_cleanup_free_ char *name = typed_name(labeller->types, type, FORM_ONE);

		label = label_add(labeller->types, xasprintf("(pool of %s)", name), TYPE_NONE, FORM_NONE);
		hash_map_set(&labeller->places, hash, label);
	}
	return label;
}

/* The label of what bytes look like: text is an array of char, anything else has the name of what it is. 0 for nothing known. */
static label_id label_of_content(struct labeller *labeller, struct window *window, chunk_id chunk, uint8_t *confidence_ret)
{
	const struct chunks *chunks = labeller->inference->chunks;
	struct content content = content_of_chunk(window, chunks->mem[chunk], chunk_usable(chunks, chunk), chunks);
	type_id text = type_named(labeller->types->table, "char");

	if (content.kind == CONTENT_UNKNOWN || content.confidence < CONFIDENCE_SHOWN)
		return 0;
	*confidence_ret = (uint8_t)content.confidence;
	if (text != TYPE_NONE && (content.kind == CONTENT_TEXT || content.kind == CONTENT_JSON) && bytes_are_plain(labeller->inference, chunk, 0, false)) {
		if (*confidence_ret > SURE_CONTENT)
			*confidence_ret = SURE_CONTENT;
		return label_of_type(labeller, text, FORM_ARRAY);
	}

	// A slot has 32 bits: no place has this key.
	uint64_t hash = hash_mix(2, UINT64_C(1) << 32 | content.kind);
	label_id label = hash_map_get(&labeller->places, hash);

	if (label == UINT32_MAX) {
		label = label_add(labeller->types, xasprintf("(%s)", content_name(content.kind)), TYPE_NONE, FORM_NONE);
		hash_map_set(&labeller->places, hash, label);
	}
	return label;
}

/* Where a chunk hangs: of a list where the list does, not its own link. */
static slot_id slot_of_role(const struct inference *inference, chunk_id chunk)
{
	slot_id slot = inference->typing[chunk].slot, context = inference->typing[chunk].context[0];
	const struct slot *link = slot_at(inference->layouts, slot);

	return link->kind == SLOT_MEMBER && link->origin == inference->typing[chunk].type && context != SLOT_NONE ? context : slot;
}

static void chunks_label(struct types *types, const struct inference *inference)
{
	struct labeller labeller = { .types = types, .inference = inference };
	struct window window = inference->window;
	_cleanup_free_ bool *is_pool = pools_find(inference);

	for (size_t i = 0; i < types->n; i++) {
		const struct typing *typing = &inference->typing[i];
		label_id content;
		uint8_t sure = 0;

		if (!typing->is_in_use)
			continue;
		if (typing->slot != SLOT_NONE)
			types->role[i] = label_of_slot(&labeller, slot_of_role(inference, (chunk_id)i));
		if (typing->type != TYPE_NONE && typing->confidence >= CONFIDENCE_SHOWN) {
			types->confidence[i] = typing->confidence;
			types->evidence[i] = typing->evidence;
			if (is_pool && is_pool[i]) {
				types->label[i] = label_of_pool(&labeller, typing->type);
				continue;
			}
			types->label[i] = label_of_type(&labeller, typing->type, form_of(inference, i));
			types->form[i] = (uint8_t)form_of(inference, i);
			continue;
		}
		content = label_of_content(&labeller, &window, (chunk_id)i, &sure);
		// A place says more than that it is empty.
		if (content && (types->labels.v[content].is_type || !types->role[i])) {
			types->label[i] = content;
			types->confidence[i] = types->labels.v[content].is_type ? sure : 0;
			types->evidence[i] = EVIDENCE_CONTENT;
		} else if (types->role[i]) {
			types->label[i] = types->role[i];
			types->evidence[i] = EVIDENCE_ROLE;
		}
	}
	hash_map_deinit(&labeller.typed);
	hash_map_deinit(&labeller.places);
}

/* ---- all of it ---- */

void types_allocate(struct types *types, size_t n)
{
	types->n = n;
	types->label = xcalloc(n + 1, sizeof(*types->label));
	types->role = xcalloc(n + 1, sizeof(*types->role));
	types->confidence = xcalloc(n + 1, 1);
	types->evidence = xcalloc(n + 1, 1);
	types->form = xcalloc(n + 1, 1);
}

/* Reads the types of all modules. */
static void types_read(struct types *types, struct modules *modules)
{
	_cleanup_free_ bool *described = type_table_read_all(types->table, modules);

	for (size_t i = 0; i < modules->v.n; i++) {
		if (described[i])
			types->has_debug = true;
		else if (modules->v.v[i].fd >= 0)
			array_append(&types->undescribed, (struct undescribed){ .module = xstrdup(module_name(&modules->v.v[i])) });
	}
}

/* Floods and decides until nothing changes, or there have been so many rounds. */
static void rounds_run(struct inference *inference, struct types *types, unsigned max)
{
	do {
		flood(inference);
		inference->rounds = ++types->rounds;
	} while (types->rounds < max && joint_decide(inference));
}

void types_build(const struct target *target, struct modules *modules, const struct heap *heap, const struct edges *edges, const struct roots *roots,
		 const struct types_options *options, struct types *ret)
{
	struct inference inference;
	struct types *types = ret;
	struct vtables vtables;
	struct gobjects gobjects;
	_cleanup_free_ type_id *classes = NULL;
	size_t strays;
	bool found;

	*types = (struct types){ .is_built = true };
	types_allocate(types, heap->chunks.n);
	label_add(types, xstrdup("unknown"), TYPE_NONE, FORM_NONE);
	types->table = xcalloc(1, sizeof(*types->table));
	types->layouts = xcalloc(1, sizeof(*types->layouts));
	type_table_init(types->table);
	if (options->without_dwarf)
		type_table_seal(types->table);
	else
		types_read(types, modules);
	containers_apply(types->table);
	glib_structs_apply(types->table);
	vtables_build(modules, &target->image, &vtables);
	classes = classes_find(types->table, modules, &target->image, heap, &vtables);
	gobjects_find(modules, &target->image, &heap->chunks, edges, types->table, &gobjects);
	layouts_init(types->layouts, types->table);
	inference_init(&inference, target, modules, heap, edges, !options->without_dwarf, types);
	objects_find(&inference, &vtables, classes);
	gobjects_claim(&inference, &gobjects);
	vtables_deinit(&vtables);
	gobjects_deinit(&gobjects);
	rounds_run(&inference, types, ROUNDS_MAX);
	strays = strays_claim(&inference);
	// What many point to may turn the verdicts.
	if (strays)
		rounds_run(&inference, types, types->rounds + (strays * STRAYS_PART < heap->chunks.n ? 1 : ROUNDS_AFTER));
	found = orphans_claim(&inference, options->reach);
	if (siblings_claim(&inference, options->reach) || found)
		flood(&inference);
	chunks_label(types, &inference);
	places_find(&heap->chunks, &target->image, edges, roots, types);
	types->has_forms = true;
	types->header = inference.header;
	parts_build(types);
	type_sites_build(&inference, types);
	inference_deinit(&inference);
}

void types_deinit(struct types *types)
{
	free(types->label);
	free(types->role);
	free(types->confidence);
	free(types->evidence);
	free(types->form);
	parts_deinit(types);
	type_sites_deinit(types);
	for (size_t i = 0; i < types->labels.n; i++)
		free(types->labels.v[i].name);
	array_deinit(&types->labels);
	for (size_t i = 0; i < types->undescribed.n; i++) {
		free(types->undescribed.v[i].module);
		free(types->undescribed.v[i].remedy);
	}
	array_deinit(&types->undescribed);
	if (types->table) {
		layouts_deinit(types->layouts);
		type_table_deinit(types->table);
	}
	free(types->layouts);
	free(types->table);
	*types = (struct types){ .is_built = false };
}
