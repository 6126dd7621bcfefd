/* SPDX-License-Identifier: MIT */
/*
 * Breadth first: what a variable leads to has its place by that, and what that leads to by one word more. Objects of known classes begin ways as variables do; stacks and
 * registers only where no variable comes. A place is a node of a tree (the place before, and the word), so chunks that hang alike are one place however many they are.
 */
#include "types/places.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "graph/edges.h"
#include "graph/roots.h"
#include "heap/chunks.h"
#include "target/image.h"
#include "types/demangle.h"
#include "types/type_index.h"
#include "types/types.h"

enum {
	/** Words on the way from a variable; what lies further on is named by these. */
	STEPS_MAX = 6,
	PLACES_MAX = 1 << 16,
	/** Pointers at equal distances are a row, from so many on. */
	ROW_MIN = 4,
	/** Words of a chunk that are looked at for being a row. */
	ROW_WORDS = 64,
	WORD = 8,
	/** A variable that leads to so many chunks is an array. */
	ARRAY_MIN = 8,
};

/** The step to any element of a row: with the offset in it. */
#define STEP_ELEMENT (UINT64_C(1) << 63)

struct place {
	/** Index in places; UINT32_MAX for the first of a way. */
	uint32_t before;
	uint32_t steps;
	uint64_t step;
	/** Index in labels of types. */
	label_id label;
	/** Index in undescribed of types, of the module with the variable where the way begins; UINT32_MAX for another one. */
	uint32_t module;
};

struct places {
	const struct chunks *chunks;
	const struct image *image;
	const struct edges *edges;
	const struct roots *roots;
	struct types *types;
	ARRAY(struct place) v;
	/** By what they are. */
	struct hash_map known;
	/** By chunk: index in places; UINT32_MAX for none. */
	uint32_t *of;
	/** Chunks whose pointers have not been followed yet. */
	ARRAY(chunk_id) queue;
	size_t followed;
};

/* The place with a hash, made with a name where it is new. Takes the name. UINT32_MAX when there are too many. */
static uint32_t place_make(struct places *places, uint64_t hash, struct place place, char *name)
{
	uint32_t index = (uint32_t)places->v.n;

	if (index >= PLACES_MAX) {
		free(name);
		return UINT32_MAX;
	}
	array_append(&places->types->labels, (struct chunk_label){ .name = name, .type = TYPE_NONE, .form = FORM_NONE });
	place.label = (label_id)places->types->labels.n - 1;
	array_append(&places->v, place);
	hash_map_set(&places->known, hash, index);
	return index;
}

/* The place one word further on than another. */
static uint32_t place_step(struct places *places, uint32_t before, uint64_t step)
{
	const struct place *last = &places->v.v[before];
	uint64_t hash = hash_mix(hash_mix(1, before), step);
	uint32_t index = hash_map_get(&places->known, hash);
	const char *name = places->types->labels.v[last->label].name;

	if (index != UINT32_MAX)
		return index;
	// A chain of links between things of different sizes.
	if (last->steps == STEPS_MAX || (last->steps && last->step == step))
		return before;

	struct place place = { .before = before, .steps = last->steps + 1, .step = step, .module = last->module };

	char *longer = !(step & STEP_ELEMENT)  ? xasprintf("%s→0x%" PRIx64, name, step) :
		       step & ~STEP_ELEMENT    ? xasprintf("%s→[]+0x%" PRIx64, name, step & ~STEP_ELEMENT) :
						 xasprintf("%s→[]", name);

	index = place_make(places, hash, place, longer);
	return index == UINT32_MAX ? before : index;
}

/* A pointer leads to a chunk that has no place yet. */
static void chunk_reach(struct places *places, chunk_id chunk, uint32_t place)
{
	if (place == UINT32_MAX || places->of[chunk] != UINT32_MAX || places->chunks->state[chunk] != CHUNK_IN_USE || places->types->role[chunk])
		return;
	places->of[chunk] = place;
	array_append(&places->queue, chunk);
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* How far the elements of a chunk lie apart, if it is a row: of structs, or of pointers, with nothing but zeros between them. 0 if it is none. */
static uint64_t row_stride(struct places *places, chunk_id chunk)
{
	const struct edges *edges = places->edges;
	size_t first = edges->first[chunk], end = edges->first[chunk + 1], edge = first;
	uint64_t apart = 0, words[ROW_WORDS], size = chunk_usable(places->chunks, chunk) / WORD * WORD;

	if (end - first < ROW_MIN)
		return 0;
	for (edge = first + 1; edge < end; edge++)
		apart = common_divisor(edge_offset(edges, edge) - edge_offset(edges, edge - 1), apart);
	if (apart > WORD)
		return apart;
	if (size > sizeof(words))
		size = sizeof(words);
	if (apart < WORD || !image_get(places->image, places->chunks->mem[chunk], words, size))
		return 0;
	edge = first;
	for (uint64_t at = 0; at < size; at += WORD) {
		bool is_pointer = edge < end && edge_offset(edges, edge) == at;

		edge += is_pointer;
		// The last word may be what was there before.
		if (!is_pointer && words[at / WORD] && at + WORD < chunk_usable(places->chunks, chunk) / WORD * WORD)
			return 0;
	}
	return WORD;
}

/* Follows the pointers of a chunk: what they lead to lies a word further on than `place`. */
static void chunk_follow(struct places *places, chunk_id chunk, uint32_t place)
{
	const struct edges *edges = places->edges;
	uint64_t size = chunk_usable(places->chunks, chunk), stride = row_stride(places, chunk);

	for (size_t edge = edges->first[chunk]; edge < edges->first[chunk + 1]; edge++) {
		chunk_id target = edge_to(edges, edge);
		uint64_t step = stride ? STEP_ELEMENT | edge_offset(edges, edge) % stride : edge_offset(edges, edge);

		if (places->of[target] != UINT32_MAX || places->types->role[target])
			continue;
		// Lists and trees.
		bool is_alike = chunk_usable(places->chunks, target) == size && places->of[chunk] == place;

		chunk_reach(places, target, is_alike ? place : place_step(places, place, step));
	}
}

static void queue_follow(struct places *places)
{
	// It grows while it is gone through.
	for (; places->followed < places->queue.n; places->followed++) {
		chunk_id chunk = places->queue.v[places->followed];

		chunk_follow(places, chunk, places->of[chunk]);
	}
}

/* ---- where ways begin ---- */

/* What a path says of any index: «.slots[].head» for «.slots[3].head». Owner: the caller. */
static char *path_of_any(const char *path)
{
	char *any = xstrdup(path), *to = any;
	bool in_index = false;

	for (const char *at = path; *at; at++) {
		in_index = in_index ? *at != ']' : *at == '[';
		if (!in_index || *at == '[')
			*to++ = *at;
	}
	*to = '\0';
	return any;
}

/* What a symbol is called in its language. Owner: the caller. */
static char *plain_name(const char *symbol)
{
	char *name = demangle_function(symbol);

	return name ? name : xstrdup(symbol);
}

/* «← g_server+0x8»; NULL for a root that is none of those asked for. Owner: the caller. */
static char *root_name(const struct root_place *place, const struct root *root, bool is_array, bool of_variables)
{
	bool is_variable = place->kind == PLACE_VARIABLE || place->kind == PLACE_TLS;
	_cleanup_free_ char *name = place->name ? plain_name(place->name) : NULL, *path = root->path ? path_of_any(root->path) : NULL;

	if (is_variable != of_variables || place->kind == PLACE_LIBC || place->kind == PLACE_LEAKED)
		return NULL;
	if (!is_variable)
		return place->kind == PLACE_FRAME && name   ? xasprintf("← the stack of %s", name) :
		       place->kind == PLACE_MAPPING && name ? xasprintf("← %s", name) :
		       place->kind == PLACE_MAPPING	    ? xstrdup("← memory outside of malloc") :
							      xstrdup("← a thread");
	if (!name)
		return NULL;
	if (path || is_array)
		return xasprintf("← %s%s", name, path ? path : "[]");
	return root->offset ? xasprintf("← %s+0x%" PRIx64, name, root->offset) : xasprintf("← %s", name);
}

/* The module without debug information that has a name; UINT32_MAX when there is none. */
static uint32_t undescribed_find(const struct types *types, const char *name)
{
	for (uint32_t i = 0; name && i < types->undescribed.n; i++) {
		if (strcmp(types->undescribed.v[i].module, name) == 0)
			return i;
	}
	return UINT32_MAX;
}

static int undescribed_compare(const void *a, const void *b)
{
	const struct undescribed *left = a, *right = b;

	if (left->chunks != right->chunks)
		return left->chunks > right->chunks ? -1 : 1;
	return strcmp(left->module, right->module);
}

/* Begins ways at roots: those in variables, or the others. */
static void roots_begin(struct places *places, bool of_variables)
{
	const struct roots *roots = places->roots;
	size_t end;

	for (size_t first = 0; first < roots->v.n; first = end) {
		uint32_t of_array = UINT32_MAX;

		roots_of_place(roots, roots->v.v[first].place, &end);
		for (size_t i = first; i < end; i++) {
			const struct root *root = &roots->v.v[i];
			bool is_array = end - first >= ARRAY_MIN;

			if (places->of[root->chunk] != UINT32_MAX || places->types->role[root->chunk] || places->chunks->state[root->chunk] != CHUNK_IN_USE)
				continue;
			// All elements have one name, and there may be millions.
			if (of_array != UINT32_MAX && !root->path) {
				chunk_reach(places, root->chunk, of_array);
				continue;
			}
			char *name = root_name(&roots->places.v[root->place], root, is_array, of_variables);

			if (!name)
				break;
			uint64_t hash = hash_mix(2, hash_bytes(name, strlen(name)));
			uint32_t place = hash_map_get(&places->known, hash);

			if (place == UINT32_MAX)
				place = place_make(places, hash,
						   (struct place){ .before = UINT32_MAX,
								   .module = undescribed_find(places->types, roots->places.v[root->place].module) },
						   name);
			else
				free(name);
			if (is_array && !root->path)
				of_array = place;
			chunk_reach(places, root->chunk, place);
		}
	}
}

/* Begins ways at objects of which only the class is known. */
static void objects_begin(struct places *places)
{
	const struct types *types = places->types;

	for (chunk_id chunk = 0; chunk < places->chunks->n; chunk++) {
		const struct chunk_label *label = &types->labels.v[types->label[chunk]];

		if (!label->is_type || types->evidence[chunk] != EVIDENCE_VTABLE || !types->table || type_at(types->table, label->type)->n ||
		    places->edges->first[chunk] == places->edges->first[chunk + 1])
			continue;

		uint64_t hash = hash_mix(3, types->label[chunk]);
		uint32_t place = hash_map_get(&places->known, hash);

		if (place == UINT32_MAX)
			place = place_make(places, hash, (struct place){ .before = UINT32_MAX, .module = UINT32_MAX }, xasprintf("← %s", label->name));
		if (place == UINT32_MAX)
			return;
		chunk_follow(places, chunk, place);
	}
}

/* ---- the whole ---- */

void places_find(const struct chunks *chunks, const struct image *image, const struct edges *edges, const struct roots *roots, struct types *types)
{
	struct places places = { .chunks = chunks, .image = image, .edges = edges, .roots = roots, .types = types };

	places.of = xmalloc((chunks->n + 1) * sizeof(*places.of));
	memset(places.of, 0xff, (chunks->n + 1) * sizeof(*places.of));
	roots_begin(&places, true);
	objects_begin(&places);
	queue_follow(&places);
	roots_begin(&places, false);
	queue_follow(&places);
	for (chunk_id chunk = 0; chunk < chunks->n; chunk++) {
		if (places.of[chunk] == UINT32_MAX)
			continue;
		types->role[chunk] = places.v.v[places.of[chunk]].label;
		if (!types->label[chunk]) {
			types->label[chunk] = types->role[chunk];
			types->evidence[chunk] = EVIDENCE_ROLE;
		}
		uint32_t module = places.v.v[places.of[chunk]].module;

		if (module != UINT32_MAX && !types->labels.v[types->label[chunk]].is_type) {
			types->undescribed.v[module].chunks++;
			types->undescribed.v[module].bytes += chunk_usable(chunks, chunk);
		}
	}
	if (types->undescribed.n)
		qsort(types->undescribed.v, types->undescribed.n, sizeof(*types->undescribed.v), undescribed_compare);
	free(places.of);
	hash_map_deinit(&places.known);
	array_deinit(&places.v);
	array_deinit(&places.queue);
}
