/* SPDX-License-Identifier: MIT */
#include "types/types.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "debug/modules.h"
#include "types/inference.h"

enum {
	/** Floods; the verdicts of one may change what the next one finds. */
	ROUNDS_MAX = 8,
	/** Buffers of pointers within buffers of pointers, in the name of a place. */
	ROLE_DEPTH_MAX = 4,
	/** Units: percent. */
	SURE_CONTENT = 50,
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

static int sized_compare(const void *a, const void *b)
{
	const struct sized_type *left = a, *right = b;

	if (left->usable != right->usable)
		return left->usable < right->usable ? -1 : 1;
	return left->type < right->type ? -1 : left->type > right->type;
}

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
	if (sized.n)
		qsort(sized.v, sized.n, sizeof(*sized.v), sized_compare);
	inference->sized = sized.v;
	inference->n_sized = sized.n;
}

static void inference_init(struct inference *inference, const struct target *target, struct modules *modules, const struct heap *heap,
			   const struct edges *edges, struct types *types)
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
	inference->type = xmalloc(n * sizeof(*inference->type));
	inference->slot = xmalloc(n * sizeof(*inference->slot));
	inference->context[0] = xmalloc(n * sizeof(*inference->context[0]));
	inference->context[1] = xmalloc(n * sizeof(*inference->context[1]));
	inference->form = xmalloc(n);
	inference->confidence = xmalloc(n);
	inference->evidence = xmalloc(n);
	inference->best = xmalloc(n);
	sized_collect(inference);
	seeds_find(inference, modules);
}

static void inference_deinit(struct inference *inference)
{
	words_deinit(&inference->words);
	enclosing_deinit(&inference->enclosing);
	array_deinit(&inference->seeds);
	for (size_t i = 0; i < inference->roots.n; i++)
		free(inference->roots.v[i].name);
	array_deinit(&inference->roots);
	array_deinit(&inference->given);
	free(inference->type);
	free(inference->slot);
	free(inference->context[0]);
	free(inference->context[1]);
	free(inference->form);
	free(inference->confidence);
	free(inference->evidence);
	free(inference->best);
	array_deinit(&inference->splits);
	array_deinit(&inference->rules);
	hash_map_deinit(&inference->splits_by_key);
	hash_map_deinit(&inference->rules_by_key);
	array_deinit(&inference->hints);
	free(inference->allocated);
	free(inference->sized);
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
			path = type == TYPE_NONE ? xstrdup("") : layout_path(inference->layouts, type, slot->offset);
			return xasprintf("← %s%s%s", root->name, path, suffix);
		}
		case SLOT_MEMBER: {
			const struct type *type = type_at(inference->table, slot->origin);

			path = layout_path(inference->layouts, slot->origin, slot->offset);
			return xasprintf("← %s%s%s", *type->name ? type->name : "(anonymous)", path, suffix);
		}
		}
	}
	return xasprintf("← …%s", suffix);
}

static label_id label_add(struct types *types, char *name, type_id type, unsigned form)
{
	array_append(&types->labels, (struct chunk_label){ name, type, (uint8_t)form });
	return (label_id)types->labels.n - 1;
}

static char *typed_name(const struct types *types, type_id type, unsigned form)
{
	char *plain = type_label(types->table, type), *name;

	if (form != FORM_ARRAY && form != FORM_COUNTED)
		return plain;
	name = xasprintf("%s[]", plain);
	free(plain);
	return name;
}

struct labeller {
	struct types *types;
	const struct inference *inference;
	/** Labels by type and form, and by slot. */
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
	label = label_add(labeller->types, role_name(labeller->inference, slot), TYPE_NONE, FORM_NONE);
	hash_map_set(&labeller->places, hash, label);
	return label;
}

/* Whether a chunk begins with text that ends, or is full of it. */
static bool looks_like_text(const struct inference *inference, chunk_id chunk)
{
	enum { LOOKED_AT = 64, LENGTH_MIN = 4 };
	uint8_t bytes[LOOKED_AT];
	uint64_t usable = inference->chunks->usable[chunk];
	size_t size = usable < LOOKED_AT ? usable : LOOKED_AT, i = 0;

	if (!chunk_is_plain(inference, chunk) || !image_get(inference->window.image, inference->chunks->mem[chunk], bytes, size))
		return false;
	while (i < size && (bytes[i] >= 0x20 ? bytes[i] != 0x7f : bytes[i] == '\n' || bytes[i] == '\t' || bytes[i] == '\r'))
		i++;
	return i == size || (i >= LENGTH_MIN && bytes[i] == 0);
}

static void chunks_label(struct types *types, const struct inference *inference)
{
	struct labeller labeller = { .types = types, .inference = inference };
	type_id text = type_named(types->table, "char");

	for (size_t i = 0; i < types->n; i++) {
		if (inference->chunks->state[i] != CHUNK_IN_USE)
			continue;
		if (inference->slot[i] != SLOT_NONE)
			types->role[i] = label_of_slot(&labeller, inference->slot[i]);
		if (inference->type[i] != TYPE_NONE && inference->confidence[i] >= CONFIDENCE_SHOWN) {
			types->label[i] = label_of_type(&labeller, inference->type[i], inference->form[i]);
			types->confidence[i] = inference->confidence[i];
			types->evidence[i] = inference->evidence[i];
		} else if (text != TYPE_NONE && looks_like_text(inference, (chunk_id)i)) {
			types->label[i] = label_of_type(&labeller, text, FORM_ARRAY);
			types->confidence[i] = SURE_CONTENT;
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

void types_build(const struct target *target, struct modules *modules, const struct heap *heap, const struct edges *edges, const struct types_options *options,
		 struct types *ret)
{
	struct inference inference;
	struct types *types = ret;

	*types = (struct types){ .is_built = true, .n = heap->chunks.n };
	types->label = xcalloc(types->n + 1, sizeof(*types->label));
	types->role = xcalloc(types->n + 1, sizeof(*types->role));
	types->confidence = xcalloc(types->n + 1, 1);
	types->evidence = xcalloc(types->n + 1, 1);
	label_add(types, xstrdup("unknown"), TYPE_NONE, FORM_NONE);
	types->table = xcalloc(1, sizeof(*types->table));
	types->layouts = xcalloc(1, sizeof(*types->layouts));
	type_table_init(types->table);
	for (size_t i = 0; i < modules->v.n && !options->without_dwarf; i++)
		types->has_debug |= type_table_read(types->table, modules, i);
	type_table_seal(types->table);
	layouts_init(types->layouts, types->table);
	inference_init(&inference, target, modules, heap, edges, types);
	for (types->rounds = 1;; types->rounds++) {
		flood(&inference);
		if (types->rounds >= ROUNDS_MAX || !joint_decide(&inference))
			break;
	}
	chunks_label(types, &inference);
	inference_deinit(&inference);
}

void types_deinit(struct types *types)
{
	if (!types->is_built)
		return;
	free(types->label);
	free(types->role);
	free(types->confidence);
	free(types->evidence);
	for (size_t i = 0; i < types->labels.n; i++)
		free(types->labels.v[i].name);
	array_deinit(&types->labels);
	layouts_deinit(types->layouts);
	type_table_deinit(types->table);
	free(types->layouts);
	free(types->table);
	*types = (struct types){ .is_built = false };
}
