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

/* The type of a chunk that has none, and how sure that is; TYPE_NONE when it cannot be told. */
static type_id orphan_type(struct inference *inference, const allocated_array *allocated, chunk_id chunk, uint8_t *confidence_ret)
{
	uint64_t usable = usable_at(inference, chunk);
	type_id best = TYPE_NONE;
	int most = 0, second = INT32_MIN;
	size_t n = 0;

	for (size_t i = sized_first(allocated->v, allocated->n, usable); i < allocated->n && allocated->v[i].usable == usable && n < CANDIDATES_MAX; i++, n++) {
		int score = shape_score(inference, allocated->v[i].type, FORM_ONE, chunk, 1);

		if (best == TYPE_NONE || score > most) {
			second = best == TYPE_NONE ? second : most;
			most = score;
			best = allocated->v[i].type;
		} else if (score > second) {
			second = score;
		}
	}
	if (best == TYPE_NONE || most < LOOK_MIN || (n > 1 && most < second + LOOK_AHEAD))
		return TYPE_NONE;
	*confidence_ret = n == 1 ? SURE_ALONE : SURE_CHOSEN;
	return best;
}

bool orphans_claim(struct inference *inference, const struct reach *reach)
{
	allocated_array allocated;
	size_t before = inference->given.n;

	if (!reach || !reach->kind || !reach->leaks.n)
		return false;
	allocated_collect(inference, &allocated);
	for (chunk_id chunk = 0; chunk < inference->chunks->n && allocated.n; chunk++) {
		struct claim claim = { .chunk = chunk, .slot = SLOT_NONE, .source = CHUNK_NONE, .form = FORM_ONE, .evidence = EVIDENCE_SITE };

		if (!inference->typing[chunk].is_in_use || !reach_is_leaked(reach, chunk) || inference->typing[chunk].type != TYPE_NONE)
			continue;
		claim.type = orphan_type(inference, &allocated, chunk, &claim.confidence);
		if (claim.type != TYPE_NONE)
			array_append(&inference->given, claim);
	}
	array_deinit(&allocated);
	return inference->given.n > before;
}
