/* SPDX-License-Identifier: MIT */
/*
 * A flood: claims wait in queues by confidence, the strongest are settled first, and what is settled makes claims in turn, none of which is surer than what made it. So every chunk is settled
 * once, by the surest way that leads to it, and the order in which chunks and edges are stored decides nothing but ties.
 *
 * Along a list of many elements nothing fades: a claim is as sure as the weakest link on its way, not as the product of all.
 */
#include <string.h>

#include "types/inference.h"
#include "types/variants.h"

enum {
	/** What is declared, but may be something else. Units: percent. */
	SURE_AMBIGUOUS = 55,
	SURE_EMBEDDED = 90,
	SURE_EMBEDDED_FAMILY = 80,
	SURE_UNION = 75,
	/** What the code beside a pointer says that it leads to. */
	SURE_ERASED = 94,
	/** Of hashbrown: of the bytes, how many there are beside those of the buckets, and how sure the sum is. */
	BUCKETS_ALIGN = 16,
	BUCKETS_GROUP = 16,
	FIT_BUCKETS = 92,
	/** Bytes that hold pointers. */
	SURE_TEXT_WITH_POINTERS = 40,
	SURE_TEXT = 92,
	/** Looks of those forms that fit many sizes. Units: hundredths of a point. */
	LOOK_MIN = -100,
	LOOK_ARRAY_MIN = -20,
	COUNTER_SIZE = 8,
	/** Types that embed another one: above, it is a link, and says little. */
	FAMILY_MAX = 20,
};

bool chunk_is_plain(const struct inference *inference, chunk_id chunk)
{
	enum { LOOKED_AT = 128, LENGTH_MIN = 8 };
	size_t first = inference->edges->first[chunk], size, i = 0;
	uint8_t bytes[LOOKED_AT];

	if (first == inference->edges->first[chunk + 1])
		return true;
	// What was there before is still there behind the end of a text.
	size = edge_offset(inference->edges, first) < LOOKED_AT ? edge_offset(inference->edges, first) : LOOKED_AT;
	if (!size || !image_get(inference->window.image, inference->chunks->mem[chunk], bytes, size))
		return false;
	while (i < size && (bytes[i] >= 0x20 ? bytes[i] != 0x7f : bytes[i] == '\n' || bytes[i] == '\t' || bytes[i] == '\r'))
		i++;
	return i >= LENGTH_MIN && i < size && bytes[i] == 0;
}

uint64_t pointer_into(struct inference *inference, chunk_id source, size_t edge)
{
	chunk_id target = edge_to(inference->edges, edge);
	uint64_t word;

	if (!window_word(&inference->window, inference->chunks->mem[source] + edge_offset(inference->edges, edge), &word))
		return UINT64_MAX;

	uint64_t into = word - inference->chunks->mem[target];

	return into < chunk_usable(inference->chunks, target) ? into : UINT64_MAX;
}

slot_id edge_slot(struct inference *inference, chunk_id source, size_t edge)
{
	type_id type = inference->type[source];
	uint64_t offset = edge_offset(inference->edges, edge);
	vaddr start = inference->chunks->mem[source];
	const struct type *description = type_at(inference->table, type);

	if (description->kind == TYPE_POINTER || description->kind == TYPE_REFERENCE) {
		slot_id model = layout_slot(inference->layouts, type, 0, false);

		// Buffers of pointers hold what their owner puts in.
		return model == SLOT_NONE || inference->slot[source] == SLOT_NONE ? model :
										    slot_like(inference->layouts, SLOT_ELEMENTS, inference->slot[source], 0, model);
	}
	if (form_of(inference, source) == FORM_COUNTED) {
		if (offset < COUNTER_SIZE)
			return SLOT_NONE;
		offset -= COUNTER_SIZE;
		start += COUNTER_SIZE;
	}
	if (form_of(inference, source) == FORM_BEHIND) {
		if (offset < inference->header)
			return SLOT_NONE;
		offset -= inference->header;
		start += inference->header;
	}
	if (!description->size)
		return SLOT_NONE;
	return variant_slot(inference->layouts, &inference->window, type, start, offset, form_of(inference, source) == FORM_ARRAY || form_of(inference, source) == FORM_COUNTED);
}

group_key slot_key(const struct inference *inference, slot_id id)
{
	const struct slot *slot = slot_at(inference->layouts, id);

	return slot->holder == TYPE_NONE || slot->holder_offset > INT16_MAX ? key_of_slot(id) : key_of_member(slot->holder, slot->holder_offset);
}

/* ---- rules ---- */

static bool bytes_at(struct inference *inference, vaddr address, unsigned size, uint64_t *ret)
{
	uint64_t value = 0;

	if (!image_get(inference->window.image, address, &value, size))
		return false;
	*ret = value;
	return true;
}

bool feature_value(struct inference *inference, const struct feature *feature, const struct passage *passage, uint64_t *ret)
{
	switch ((enum feature_kind)feature->kind) {
	case FEATURE_NONE:
		*ret = 0;
		return true;
	case FEATURE_BESIDE:
		if (passage->address == VADDR_NONE)
			return false;
		return bytes_at(inference, passage->address + (uint64_t)(int64_t)feature->offset, feature->size, ret);
	case FEATURE_TARGET: {
		uint64_t offset = (passage->into & ~UINT64_C(7)) + (uint64_t)(int64_t)feature->offset;

		if (offset + feature->size > chunk_usable(inference->chunks, passage->target))
			return false;
		return bytes_at(inference, inference->chunks->mem[passage->target] + offset, feature->size, ret);
	}
	case FEATURE_CONTEXT:
		*ret = passage->source == CHUNK_NONE ? passage->slot : inference->context[feature->offset][passage->source];
		return true;
	case FEATURE_SLOT:
		*ret = passage->slot;
		return true;
	case FEATURE_INTO:
		*ret = passage->into;
		return true;
	case FEATURE_SIZE:
		*ret = chunk_usable(inference->chunks, passage->target);
		return true;
	}
	return false;
}

const struct rule *rule_find(struct inference *inference, group_key key, const struct passage *passage)
{
	uint32_t split = hash_map_get(&inference->splits_by_key, hash_mix(3, key)), rule;
	uint64_t value;

	if (split == UINT32_MAX || !feature_value(inference, &inference->splits.v[split].feature, passage, &value))
		return NULL;
	rule = hash_map_get(&inference->rules_by_key, hash_mix(hash_mix(5, key), value));
	return rule == UINT32_MAX ? NULL : &inference->rules.v[rule];
}

/* ---- claims ---- */

static void claim_push(struct inference *inference, const struct passage *passage, const struct candidate *candidate, unsigned confidence)
{
	struct claim claim = {
		.chunk = passage->target,
		.type = candidate->type,
		.slot = passage->slot,
		.source = passage->source,
		.form = candidate->form,
		.evidence = candidate->evidence,
		.confidence = (uint8_t)confidence,
	};

	if (confidence <= inference->best[passage->target])
		return;
	inference->best[passage->target] = (uint8_t)confidence;
	array_append(&inference->levels[confidence], claim);
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

struct candidate candidate_of(struct inference *inference, type_id type, const struct passage *passage)
{
	struct candidates candidates;

	// Bytes may have a header in front.
	if (passage->into < 8 || type_at(inference->table, type)->kind == TYPE_CHAR)
		return fit_of(inference, type, passage->target);
	candidates_find(inference, type, passage->target, passage->into, &candidates);
	return candidates.n == 1 ? candidates.v[0] : (struct candidate){ .type = type };
}

/* Claims by a rule; false when there is none, or what it says does not fit. */
static bool claim_by_rule(struct inference *inference, group_key key, const struct passage *passage, unsigned confidence)
{
	const struct rule *rule = rule_find(inference, key, passage);
	struct candidate candidate;

	if (!rule)
		return false;
	candidate = candidate_of(inference, rule->type, passage);
	candidate.evidence = rule->evidence;
	candidate.form |= FORM_BY_RULE;
	if (!candidate.fit)
		return false;
	claim_push(inference, passage, &candidate, least(least(confidence, rule->confidence), candidate.fit));
	return true;
}

/* What a single candidate is worth. */
static unsigned candidate_confidence(struct inference *inference, const struct candidate *candidate, const struct passage *passage, type_id target)
{
	unsigned confidence = candidate->fit;
	bool is_exact = candidate->form == FORM_ONE && candidate->fit == 100;

	if (candidate->evidence == EVIDENCE_EMBEDDED)
		confidence = least(confidence, passage->into == 0 && enclosing_heirs(&inference->enclosing, target) > FAMILY_MAX ? SURE_EMBEDDED_FAMILY : SURE_EMBEDDED);
	if (candidate->type == target && type_at(inference->table, target)->kind == TYPE_CHAR)
		return chunk_is_plain(inference, passage->target) ? SURE_TEXT : SURE_TEXT_WITH_POINTERS;
	if (confidence <= inference->best[passage->target])
		return confidence;
	// Forms that fit many sizes must look like it, too.
	if (type_is_aggregate(inference->table, candidate->type) && (!is_exact || candidate->evidence == EVIDENCE_EMBEDDED)) {
		int look = shape_score(inference, candidate->type, candidate->form, passage->target);

		if (look < (candidate->form == FORM_ARRAY ? LOOK_ARRAY_MIN : LOOK_MIN))
			return 0;
	}
	return confidence;
}

static void claim_by_declaration(struct inference *inference, type_id target, const struct passage *passage, unsigned confidence)
{
	const struct rule *rule = passage->into < 8 ? rule_find(inference, key_of_base(target), passage) : NULL;
	struct candidates candidates;

	if (target == 0 || target == TYPE_NONE)
		return;
	candidates_find(inference, target, passage->target, passage->into, &candidates);
	for (size_t i = 0; rule && i < candidates.n; i++) {
		if (candidates.v[i].type == rule->type) {
			candidates.v[i].form |= FORM_BY_RULE;
			claim_push(inference, passage, &candidates.v[i], least(least(confidence, rule->confidence), candidates.v[i].fit));
			return;
		}
	}
	if (candidates.n == 1 && !candidates.overflow) {
		unsigned sure = candidate_confidence(inference, &candidates.v[0], passage, target);

		if (sure)
			claim_push(inference, passage, &candidates.v[0], least(confidence, sure));
	} else if (candidates.n > 1 && candidates.v[0].type == target && candidates.v[0].form == FORM_ONE && candidates.v[0].fit == 100) {
		claim_push(inference, passage, &candidates.v[0], least(confidence, SURE_AMBIGUOUS));
	}
}

/* Claims what the words beside a pointer say, where its declaration says nothing; false when these say nothing, too. */
static bool claim_erased(struct inference *inference, const struct slot *slot, const struct passage *passage, unsigned confidence)
{
	bool is_open = slot->in_union;
	struct candidate candidate;
	type_id type;

	for (size_t i = 0; i < slot->n_targets; i++)
		is_open |= erasures_may_tell(&inference->erasures, slot->targets[i]);
	if (!is_open || passage->address == VADDR_NONE || passage->into != 0)
		return false;
	type = erasures_target(&inference->erasures, &inference->window, passage->address, slot->n_targets == 1 ? slot->targets[0] : 0);
	if (type == TYPE_NONE)
		return false;
	candidate = fit_of(inference, type, passage->target);
	candidate.evidence = EVIDENCE_CONTAINER;
	if (!candidate.fit)
		return false;
	claim_push(inference, passage, &candidate, least(least(confidence, SURE_ERASED), candidate.fit));
	return true;
}

/* A hash table of hashbrown (Rust's HashMap): the pointer leads to a byte for each bucket, and a group more; in front of them lie the buckets, a power of two. */
static bool claim_buckets(struct inference *inference, const struct slot *slot, const struct passage *passage, unsigned confidence)
{
	type_id type = slot->n_targets == 1 ? slot->targets[0] : 0;
	uint64_t size = type && type != TYPE_NONE ? type_at(inference->table, type)->size : 0, n, rest;
	struct candidate candidate = { type, FORM_ARRAY, EVIDENCE_CONTAINER, FIT_BUCKETS };

	if (!passage->into || passage->into % BUCKETS_ALIGN || !size || !(type_at(inference->table, type)->flags & TYPE_IS_RUST))
		return false;
	n = passage->into / size;
	rest = chunk_usable(inference->chunks, passage->target) - passage->into;
	if (!n || (n & (n - 1)) || passage->into - n * size >= BUCKETS_ALIGN || rest < n + BUCKETS_GROUP || rest > n + BUCKETS_GROUP + 2 * BUCKETS_ALIGN)
		return false;
	claim_push(inference, passage, &candidate, least(confidence, candidate.fit));
	return true;
}

/* A pointer of a known slot leads to a chunk. */
static void passage_take(struct inference *inference, const struct passage *passage, unsigned confidence)
{
	chunk_id target = passage->target;
	slot_id slot_index = passage->slot;

	if (inference->type[target] != TYPE_NONE || inference->chunks->state[target] != CHUNK_IN_USE)
		return;
	if (inference->slot[target] == SLOT_NONE)
		inference->slot[target] = slot_index;
	if (claim_by_rule(inference, slot_key(inference, slot_index), passage, confidence))
		return;

	struct slot slot = *slot_at(inference->layouts, slot_index);

	if (claim_erased(inference, &slot, passage, confidence) || claim_buckets(inference, &slot, passage, confidence))
		return;
	if (slot.n_targets > 1 || slot.in_union)
		confidence = least(confidence, SURE_UNION);
	for (size_t i = 0; i < slot.n_targets; i++)
		claim_by_declaration(inference, slot.targets[i], passage, confidence);
}

/* ---- the flood ---- */

static void settle(struct inference *inference, const struct claim *claim)
{
	chunk_id chunk = claim->chunk, source = claim->source;

	inference->type[chunk] = claim->type;
	inference->form[chunk] = claim->form;
	inference->confidence[chunk] = claim->confidence;
	inference->evidence[chunk] = claim->evidence;
	if (claim->slot != SLOT_NONE)
		inference->slot[chunk] = claim->slot;
	if (source == CHUNK_NONE) {
		inference->context[0][chunk] = claim->slot;
		return;
	}

	enum type_kind kind = (enum type_kind)type_at(inference->table, inference->type[source])->kind;

	// A list has one owner, and so has what a buffer of pointers points to.
	if (inference->type[source] == claim->type || kind == TYPE_POINTER) {
		inference->context[0][chunk] = inference->context[0][source];
		inference->context[1][chunk] = inference->context[1][source];
	} else {
		inference->context[0][chunk] = claim->slot;
		inference->context[1][chunk] = inference->context[0][source];
	}
}

static void emit(struct inference *inference, chunk_id source)
{
	const struct edges *edges = inference->edges;

	for (size_t edge = edges->first[source]; edge < edges->first[source + 1]; edge++) {
		struct passage passage = { .source = source, .target = edge_to(edges, edge) };

		if (passage.target == source || inference->type[passage.target] != TYPE_NONE)
			continue;
		passage.slot = edge_slot(inference, source, edge);
		if (passage.slot == SLOT_NONE)
			continue;
		passage.address = inference->chunks->mem[source] + edge_offset(edges, edge);
		passage.into = pointer_into(inference, source, edge);
		if (passage.into != UINT64_MAX)
			passage_take(inference, &passage, inference->confidence[source]);
	}
}

void flood(struct inference *inference)
{
	size_t n = inference->chunks->n;

	memset(inference->type, 0xff, n * sizeof(*inference->type));
	memset(inference->slot, 0xff, n * sizeof(*inference->slot));
	memset(inference->context[0], 0xff, n * sizeof(*inference->context[0]));
	memset(inference->context[1], 0xff, n * sizeof(*inference->context[1]));
	memset(inference->best, 0, n);
	memset(inference->confidence, 0, n);
	memset(inference->evidence, 0, n);
	memset(inference->form, 0, n);
	for (size_t i = 0; i < inference->given.n; i++) {
		const struct claim *claim = &inference->given.v[i];

		if (claim->confidence > inference->best[claim->chunk]) {
			inference->best[claim->chunk] = claim->confidence;
			array_append(&inference->levels[claim->confidence], *claim);
		}
	}
	for (size_t i = 0; i < inference->seeds.n; i++) {
		const struct seed *seed = &inference->seeds.v[i];
		struct passage passage = { .slot = seed->slot, .source = CHUNK_NONE, .target = seed->chunk, .into = seed->into, .address = seed->address };

		passage_take(inference, &passage, seed->confidence);
	}
	for (size_t level = CONFIDENCE_MAX; level > 0; level--) {
		// It grows while it is gone through.
		for (size_t i = 0; i < inference->levels[level].n; i++) {
			struct claim claim = inference->levels[level].v[i];

			if (inference->type[claim.chunk] != TYPE_NONE)
				continue;
			settle(inference, &claim);
			emit(inference, claim.chunk);
		}
		array_deinit(&inference->levels[level]);
	}
}
