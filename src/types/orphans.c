/* SPDX-License-Identifier: MIT */
/*
 * Leaked chunks: no typed pointer leads to them any more, since none leads to them at all. What code allocates in their size is what they can be, and their bytes tell which of these
 * they are; from there on their own pointers are typed ones again.
 */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "graph/reach.h"
#include "types/inference.h"

enum {
	/** Sites that are surer than this count. Units: percent. */
	SITE_SURE = 60,
	/** Bytes that look so like the type are enough, where nothing else could be: more than some empty pointers would; else they must look more like it than like any other by so much.
	    Units: hundredths of a point. */
	LOOK_MIN = 50,
	LOOK_AHEAD = 100,
	/** The same of what is not leaked, but that no typed pointer leads to: more can be there than what the program's own code allocates. */
	LOOK_STRAY_MIN = 120,
	LOOK_STRAY_ONE_MIN = 300,
	SURE_STRAY = 60,
	/** So many of those are looked at. */
	STRAYS_MAX = 1 << 16,
	/** Fewer of a type say nothing: among so many chunks, some look like anything. */
	STRAYS_MIN = 64,
	/** Flexible types that are tried. */
	FLEXIBLE_MAX = 32,
	/** Of a type that is the only one of its size; and of one that was chosen. Units: percent. */
	SURE_ALONE = 80,
	SURE_CHOSEN = 65,
};

/* Types that code allocates one by one. */
typedef ARRAY(struct sized_type) allocated_array;

static void allocated_collect(const struct inference *inference, allocated_array *ret)
{
	size_t n = 0;

	*ret = (allocated_array){ 0 };
	for (size_t i = 0; i < inference->sites.n; i++) {
		const struct found_site *found = &inference->sites.v[i];
		uint64_t size = type_at(inference->table, found->type)->size;

		if (size && (found->forms & ALLOCATED_ALONE) && found->site.confidence > SITE_SURE && type_is_aggregate(inference->table, found->type))
			array_append(ret, (struct sized_type){ usable_of(size), found->type });
	}
	sized_sort(ret->v, ret->n);
	for (size_t i = 0; i < ret->n; i++)
		if (!n || ret->v[n - 1].type != ret->v[i].type)
			ret->v[n++] = ret->v[i];
	ret->n = n;
}

/* The one that a chunk looks most like so far. */
struct best {
	type_id type;
	uint8_t form;
	int most, second;
	size_t n;
};

static void best_take(struct inference *inference, struct best *best, type_id type, enum type_form form, chunk_id chunk)
{
	int score = shape_score(inference, type, form, chunk, 1);

	best->n++;
	if (best->type == TYPE_NONE || score > best->most) {
		best->second = best->type == TYPE_NONE ? best->second : best->most;
		best->most = score;
		best->type = type;
		best->form = (uint8_t)form;
	} else if (score > best->second) {
		best->second = score;
	}
}

/* What a chunk without a type looks like; TYPE_NONE when it cannot be told. */
static struct best orphan_look(struct inference *inference, const allocated_array *allocated, chunk_id chunk)
{
	uint64_t usable = usable_at(inference, chunk);
	struct best best = { .type = TYPE_NONE, .second = INT32_MIN };

	for (size_t i = sized_first(allocated->v, allocated->n, usable); i < allocated->n && allocated->v[i].usable == usable && best.n < CANDIDATES_MAX; i++)
		best_take(inference, &best, allocated->v[i].type, FORM_ONE, chunk);
	return best;
}

static void orphan_claim(struct inference *inference, chunk_id chunk, const struct best *best, unsigned confidence)
{
	struct claim claim = { .chunk = chunk,
			       .type = best->type,
			       .slot = SLOT_NONE,
			       .source = CHUNK_NONE,
			       .form = best->form,
			       .evidence = EVIDENCE_SITE,
			       .confidence = (uint8_t)confidence };

	array_append(&inference->given, claim);
}

/* Structs with a flexible end that code allocates. */
static void flexibles_collect(const struct inference *inference, allocated_array *ret)
{
	*ret = (allocated_array){ 0 };
	for (type_id type = 0; inference->allocated && type < inference->table->v.n && ret->n < FLEXIBLE_MAX; type++) {
		if (inference->allocated[type] && (type_at(inference->table, type)->flags & TYPE_IS_FLEXIBLE) && type_is_aggregate(inference->table, type))
			array_append(ret, (struct sized_type){ usable_of(type_at(inference->table, type)->size), type });
	}
}

/* Takes back what was claimed for few: from some claim on. */
static void few_drop(struct inference *inference, size_t first)
{
	_cleanup_free_ uint32_t *counts = xcalloc(inference->table->v.n + 1, sizeof(*counts));
	size_t n = first;

	for (size_t i = first; i < inference->given.n; i++)
		counts[inference->given.v[i].type]++;
	for (size_t i = first; i < inference->given.n; i++) {
		if (counts[inference->given.v[i].type] >= STRAYS_MIN)
			inference->given.v[n++] = inference->given.v[i];
	}
	inference->given.n = n;
}

static bool is_stray(const struct typing *typing)
{
	return typing->is_in_use && typing->type == TYPE_NONE && typing->slot == SLOT_NONE;
}

size_t strays_claim(struct inference *inference)
{
	allocated_array allocated, flexible;
	size_t before = inference->given.n, strays = 0, met = 0, step;

	allocated_collect(inference, &allocated);
	flexibles_collect(inference, &flexible);
	for (chunk_id chunk = 0; chunk < inference->chunks->n && flexible.n; chunk++)
		strays += is_stray(&inference->typing[chunk]);
	step = strays / STRAYS_MAX + 1;
	for (chunk_id chunk = 0; chunk < inference->chunks->n && flexible.n; chunk++) {
		struct best best;

		// Of very many some are enough: they lead to others.
		if (!is_stray(&inference->typing[chunk]) || met++ % step)
			continue;
		best = orphan_look(inference, &allocated, chunk);
		for (size_t i = 0; i < flexible.n; i++) {
			if (flexible.v[i].usable <= usable_at(inference, chunk))
				best_take(inference, &best, flexible.v[i].type, FORM_FLEXIBLE, chunk);
		}
		if (best.type != TYPE_NONE && best.most >= (best.form == FORM_ONE ? LOOK_STRAY_ONE_MIN : LOOK_STRAY_MIN) && (best.n == 1 || best.most >= best.second + LOOK_AHEAD))
			orphan_claim(inference, chunk, &best, SURE_STRAY);
	}
	if (inference->given.n > before)
		few_drop(inference, before);
	array_deinit(&allocated);
	array_deinit(&flexible);
	return (inference->given.n - before) * step;
}

bool orphans_claim(struct inference *inference, const struct reach *reach)
{
	allocated_array allocated;
	size_t before = inference->given.n;

	if (!reach || !reach->kind || !reach->leaks.n)
		return false;
	allocated_collect(inference, &allocated);
	for (chunk_id chunk = 0; chunk < inference->chunks->n && allocated.n; chunk++) {
		struct best best;

		if (!inference->typing[chunk].is_in_use || !reach_is_leaked(reach, chunk) || inference->typing[chunk].type != TYPE_NONE)
			continue;
		best = orphan_look(inference, &allocated, chunk);
		if (best.type != TYPE_NONE && best.most >= LOOK_MIN && (best.n == 1 || best.most >= best.second + LOOK_AHEAD))
			orphan_claim(inference, chunk, &best, best.n == 1 ? SURE_ALONE : SURE_CHOSEN);
	}
	array_deinit(&allocated);
	return inference->given.n > before;
}
