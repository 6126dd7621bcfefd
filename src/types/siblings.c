/* SPDX-License-Identifier: MIT */
/*
 * Siblings: programs that allocate by the block make blocks of a size that nothing else has. A large chunk to which nothing typed leads, as to none that is leaked, is what nearly all chunks of
 * its size are, if it looks like that; and from there on its own pointers are typed ones again.
 *
 * It is *not* said of small sizes, which many types share, nor of bytes and pointers, of which there can be any number.
 */
#include "base/alloc.h"
#include "graph/reach.h"
#include "types/inference.h"

enum {
	/** Smaller chunks have no size of their own. Units: bytes. */
	SIBLING_MIN = 256,
	/** How many there must be, and how many in a hundred of all that have a type. */
	SIBLINGS_MIN = 16,
	SIBLINGS_PERCENT = 95,
	/** Sizes that are asked for. */
	SIZES_MAX = 1 << 12,
	/** Units: hundredths of a point; percent. */
	LOOK_MIN = 0,
	SURE_SIBLING = 60,
};

/* What the typed chunks of a size are. */
struct size_kind {
	type_id type;
	uint8_t form;
	/** Votes of the type that is ahead, while they are counted; and then how many have it, and how many there are. */
	int64_t ahead;
	uint64_t same, n;
};

struct size_kinds {
	struct hash_map by_size;
	ARRAY(struct size_kind) v;
};

static bool is_lonely(const struct inference *inference, const struct reach *reach, chunk_id chunk)
{
	const struct typing *typing = &inference->typing[chunk];

	return typing->is_in_use && typing->type == TYPE_NONE && usable_at(inference, chunk) >= SIBLING_MIN &&
	       (typing->slot == SLOT_NONE || (reach && reach->kind && reach_is_leaked(reach, chunk)));
}

static struct size_kind *kind_of_size(struct size_kinds *kinds, uint64_t usable)
{
	uint32_t found = hash_map_get(&kinds->by_size, hash_mix(29, usable));

	return found == UINT32_MAX ? NULL : &kinds->v.v[found];
}

/* The sizes that are asked for. */
static void sizes_collect(const struct inference *inference, const struct reach *reach, struct size_kinds *kinds)
{
	for (chunk_id chunk = 0; chunk < inference->chunks->n && kinds->v.n < SIZES_MAX; chunk++) {
		uint64_t usable;

		if (!is_lonely(inference, reach, chunk))
			continue;
		usable = usable_at(inference, chunk);
		if (kind_of_size(kinds, usable))
			continue;
		hash_map_set(&kinds->by_size, hash_mix(29, usable), (uint32_t)kinds->v.n);
		array_append(&kinds->v, (struct size_kind){ .type = TYPE_NONE });
	}
}

/* A vote for what one chunk is: what has the majority is ahead in the end, and is counted then. */
static void kind_vote(struct size_kind *kind, type_id type, uint8_t form, bool is_counted)
{
	bool is_same = kind->type == type && kind->form == form;

	if (is_counted) {
		kind->same += is_same;
		kind->n++;
		return;
	}
	if (kind->ahead == 0) {
		kind->type = type;
		kind->form = form;
		is_same = true;
	}
	kind->ahead += is_same ? 1 : -1;
}

static void kinds_vote(const struct inference *inference, struct size_kinds *kinds, bool is_counted)
{
	for (chunk_id chunk = 0; chunk < inference->chunks->n; chunk++) {
		const struct typing *typing = &inference->typing[chunk];
		struct size_kind *kind;

		if (!typing->is_in_use || typing->type == TYPE_NONE || typing->confidence < CONFIDENCE_SHOWN || usable_at(inference, chunk) < SIBLING_MIN)
			continue;
		kind = kind_of_size(kinds, usable_at(inference, chunk));
		if (kind)
			kind_vote(kind, typing->type, (uint8_t)form_of(inference, chunk), is_counted);
	}
}

bool siblings_claim(struct inference *inference, const struct reach *reach)
{
	struct size_kinds kinds = { .by_size = { .v = NULL } };
	size_t before = inference->given.n;

	sizes_collect(inference, reach, &kinds);
	if (kinds.v.n) {
		kinds_vote(inference, &kinds, false);
		kinds_vote(inference, &kinds, true);
	}
	for (chunk_id chunk = 0; chunk < inference->chunks->n && kinds.v.n; chunk++) {
		const struct size_kind *kind = is_lonely(inference, reach, chunk) ? kind_of_size(&kinds, usable_at(inference, chunk)) : NULL;

		if (!kind || kind->same < SIBLINGS_MIN || kind->same * 100 < kind->n * SIBLINGS_PERCENT || !type_is_aggregate(inference->table, kind->type) ||
		    shape_score(inference, kind->type, (enum type_form)kind->form, chunk, 1) < LOOK_MIN)
			continue;
		array_append(&inference->given, (struct claim){ .chunk = chunk,
								.type = kind->type,
								.slot = SLOT_NONE,
								.source = CHUNK_NONE,
								.form = kind->form,
								.evidence = EVIDENCE_SHAPE,
								.confidence = SURE_SIBLING });
	}
	hash_map_deinit(&kinds.by_size);
	array_deinit(&kinds.v);
	return inference->given.n > before;
}
