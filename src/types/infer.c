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
	LOOK_ARRAY_AROUND_MIN = 10,
	COUNTER_SIZE = 8,
	/** What is said by an object inside of a chunk. Units: percent; and how it must look at least. */
	SURE_TENANT = 85,
	FIT_TENANT = 60,
	LOOK_TENANT_MIN = 0,
	LOOK_START_MIN = 0,
	TENANTS_MAX = 1 << 22,
	/** Less behind a struct is not worth a look. Units: bytes. */
	REST_MIN = 16,
	/** Types that embed another one: above, it is a link, and says little. */
	FAMILY_MAX = 20,
};

/* The first edge out of a chunk that is not before an offset. */
static size_t edge_at(const struct edges *edges, chunk_id source, uint64_t offset)
{
	size_t low = edges->first[source], high = edges->first[source + 1];

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (edge_offset(edges, middle) < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool bytes_are_plain(const struct inference *inference, chunk_id chunk, uint64_t into, bool is_declared)
{
	enum { LOOKED_AT = 128, LENGTH_MIN = 8, DECLARED_MIN = 3, PLAIN_MIN = 1024, NO_TEXT = 0xf5 };
	const struct edges *edges = inference->edges;
	size_t first = edge_at(edges, chunk, into), size, i = 0;
	uint8_t bytes[LOOKED_AT];

	// What lies so far behind is no part of what begins here.
	if (first == edges->first[chunk + 1] || edge_offset(edges, first) - into >= PLAIN_MIN)
		return true;
	// What was there before is still there behind the end of a text, which may lie in the first word of that.
	size = edge_offset(edges, first) - into + 7 < LOOKED_AT ? edge_offset(edges, first) - into + 7 : LOOKED_AT;
	if (edge_offset(edges, first) == into || !image_get(inference->window.image, inference->chunks->mem[chunk] + into, bytes, size))
		return false;
	while (i < size && (bytes[i] >= 0x20 ? bytes[i] != 0x7f && bytes[i] < NO_TEXT : bytes[i] == '\n' || bytes[i] == '\t' || bytes[i] == '\r'))
		i++;
	// What is declared to be text is believed sooner; and in the smallest of chunks there is no room for more.
	return i >= (!is_declared ? LENGTH_MIN : usable_at(inference, chunk) == usable_of(1) ? 1 : DECLARED_MIN) && i < size && bytes[i] == 0;
}

uint64_t pointer_into(struct inference *inference, chunk_id source, size_t edge)
{
	const struct chunks *chunks = inference->chunks;
	chunk_id target = edge_to(inference->edges, edge);
	uint64_t word;

	if (edge_is_far(inference->edges, edge) || !window_word(&inference->window, chunks->mem[source] + edge_offset(inference->edges, edge), &word))
		return UINT64_MAX;
	// Chunks are aligned: of what hits the start the low bits are all there is.
	if (edge_hit(inference->edges, edge) == HIT_START && !chunks->head)
		return word % 8;

	uint64_t into = word - chunks->mem[target];

	return into < usable_at(inference, target) ? into : UINT64_MAX;
}

slot_id edge_slot(struct inference *inference, chunk_id source, size_t edge)
{
	type_id type = inference->typing[source].type;
	uint64_t offset = edge_offset(inference->edges, edge);
	vaddr start = inference->chunks->mem[source];
	const struct type *description = type_at(inference->table, type);

	if (description->kind == TYPE_POINTER || description->kind == TYPE_REFERENCE) {
		slot_id model = layout_slot(inference->layouts, type, 0, false);

		// Buffers of pointers hold what their owner puts in: of one type, if it has several kinds of buffers.
		return model == SLOT_NONE || inference->typing[source].slot == SLOT_NONE ? model :
										    slot_like(inference->layouts, SLOT_ELEMENTS, inference->typing[source].slot, model, model);
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

		if (offset + feature->size > usable_at(inference, passage->target))
			return false;
		return bytes_at(inference, inference->chunks->mem[passage->target] + offset, feature->size, ret);
	}
	case FEATURE_CONTEXT:
		*ret = passage->source == CHUNK_NONE ? passage->slot : inference->typing[passage->source].context[feature->offset];
		return true;
	case FEATURE_SLOT:
		*ret = passage->slot;
		return true;
	case FEATURE_INTO:
		*ret = passage->into;
		return true;
	case FEATURE_SIZE:
		*ret = usable_at(inference, passage->target);
		return true;
	}
	return false;
}

const struct rule *rule_find(struct inference *inference, group_key key, const struct passage *passage)
{
	uint32_t found = UINT32_MAX, split;

	// What was split may be split again.
	while ((split = hash_map_get(&inference->splits_by_key, hash_mix(3, key))) != UINT32_MAX) {
		uint64_t value;

		if (!feature_value(inference, &inference->splits.v[split].feature, passage, &value))
			value = VALUE_OTHER;
		found = hash_map_get(&inference->rules_by_key, hash_mix(hash_mix(5, key), value));
		if (found == UINT32_MAX)
			found = hash_map_get(&inference->rules_by_key, hash_mix(hash_mix(5, key), VALUE_OTHER));
		key = key_within(key, value);
	}
	return found == UINT32_MAX || !inference->rules.v[found].confidence ? NULL : &inference->rules.v[found];
}

/* ---- claims ---- */

/* Whether a chunk lacks what objects of a class begin with. */
static bool lacks_vptr(struct inference *inference, const struct candidate *candidate, chunk_id chunk)
{
	uint64_t word, start = (candidate->form & ~FORM_BY_RULE) == FORM_BEHIND ? inference->header : (candidate->form & ~FORM_BY_RULE) == FORM_COUNTED ? COUNTER_SIZE : 0;
	enum word_class class;
	chunk_id target;

	if (!type_begins_with_vptr(inference->table, candidate->type) || candidate->form & FORM_TENANT)
		return false;
	if (!window_word(&inference->window, inference->chunks->mem[chunk] + start, &word))
		return false;
	class = word_classify(&inference->words, word, &target);
	return class != WORD_DATA && class != WORD_CODE;
}

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

	if (confidence <= inference->typing[passage->target].best || lacks_vptr(inference, candidate, passage->target))
		return;
	inference->typing[passage->target].best = (uint8_t)confidence;
	array_append(&inference->levels[confidence], claim);
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Whether such an object may lie inside of a chunk, where a pointer leads. */
static bool tenant_may_be(const struct inference *inference, type_id type, const struct passage *passage)
{
	uint64_t size = type_at(inference->table, type)->size;

	return type_is_aggregate(inference->table, type) && size >= 8 && passage->into >= 8 && passage->into != inference->header && passage->into % 8 == 0 &&
	       passage->into + size <= usable_at(inference, passage->target) && !type_is_link(inference, type);
}

static void tenant_take(struct inference *inference, type_id type, const struct passage *passage, unsigned confidence)
{
	uint64_t place = hash_mix(hash_mix(11, passage->target), passage->into);
	struct tenant tenant = { passage->target, type, passage->into, (uint8_t)least(confidence, SURE_TENANT) };

	if (!tenant_may_be(inference, type, passage) || inference->tenants.n >= TENANTS_MAX || hash_map_get(&inference->tenants_by_place, place) != UINT32_MAX)
		return;
	// It must look like one.
	if (shape_score_inside(inference, type, passage->target, passage->into) < LOOK_TENANT_MIN)
		return;
	hash_map_set(&inference->tenants_by_place, place, (uint32_t)inference->tenants.n);
	array_append(&inference->tenant_levels[tenant.confidence], (uint32_t)inference->tenants.n);
	array_append(&inference->tenants, tenant);
}

struct candidate candidate_of(struct inference *inference, type_id type, enum type_evidence evidence, const struct passage *passage)
{
	struct candidates candidates;
	struct candidate fit = { .type = type };

	if (passage->into < 8) {
		fit = fit_of(inference, type, passage->target);
	} else {
		candidates_find(inference, type, passage->target, passage->into, &candidates);
		if (candidates.n == 1 || (candidates.n && candidates.v[0].type == type))
			fit = candidates.v[0];
	}
	if (fit.fit && lacks_vptr(inference, &fit, passage->target))
		return (struct candidate){ .type = type };
	if (!fit.fit && tenant_may_be(inference, type, passage))
		return (struct candidate){ type, FORM_TENANT, evidence, FIT_TENANT };
	return fit.fit || evidence != EVIDENCE_POINTER ? fit : fit_of_start(inference, type, passage->target, passage->into < 8 ? 0 : passage->into);
}

/* Claims by a rule; false when what it says does not fit. */
static bool claim_by_rule(struct inference *inference, const struct rule *rule, const struct passage *passage, unsigned confidence)
{
	struct candidate candidate = candidate_of(inference, rule->type, rule->evidence, passage);
	if (!candidate.fit)
		return false;
	if (candidate.form == FORM_TENANT) {
		tenant_take(inference, rule->type, passage, least(confidence, rule->confidence));
		return true;
	}
	// What holds pointers is no text, whatever else its slot holds; in the smallest of chunks they are what was there before.
	if (type_at(inference->table, rule->type)->kind == TYPE_CHAR && usable_at(inference, passage->target) > usable_of(1 + inference->header) &&
	    !bytes_are_plain(inference, passage->target, passage->into, true))
		confidence = least(confidence, SURE_TEXT_WITH_POINTERS);
	candidate.evidence = rule->evidence;
	candidate.form |= FORM_BY_RULE;
	claim_push(inference, passage, &candidate, least(least(confidence, rule->confidence), candidate.fit));
	return true;
}

/* What a single candidate is worth. */
static unsigned candidate_confidence(struct inference *inference, const struct candidate *candidate, const struct passage *passage, type_id target)
{
	unsigned confidence = candidate->fit;
	bool is_exact = (candidate->form == FORM_ONE || candidate->form == FORM_BEHIND) && candidate->fit == 100;

	if (candidate->evidence == EVIDENCE_EMBEDDED)
		confidence = least(confidence, passage->into == 0 && enclosing_heirs(&inference->enclosing, target) > FAMILY_MAX ? SURE_EMBEDDED_FAMILY : SURE_EMBEDDED);
	if (candidate->type == target && type_at(inference->table, target)->kind == TYPE_CHAR)
		return bytes_are_plain(inference, passage->target, passage->into, true) ? least(candidate->fit, SURE_TEXT) : SURE_TEXT_WITH_POINTERS;
	if (confidence <= inference->typing[passage->target].best)
		return confidence;
	// Forms that fit many sizes must look like it, too.
	if ((type_is_aggregate(inference->table, candidate->type) && (!is_exact || candidate->evidence == EVIDENCE_EMBEDDED)) ||
	    (type_at(inference->table, candidate->type)->kind == TYPE_POINTER && passage->into >= 8)) {
		int look = shape_score(inference, candidate->type, candidate->form, passage->target, 0);

		// What leads into the middle says nothing of how many there are in front.
		if (look < (candidate->form != FORM_ARRAY ? LOOK_MIN : passage->into < 8 || passage->into == inference->header ? LOOK_ARRAY_MIN : LOOK_ARRAY_AROUND_MIN))
			return 0;
	}
	return confidence;
}

/* What a pointer leads to that no type of that size is known for: the start of something longer, or an object in the middle. */
static void claim_loosely(struct inference *inference, type_id target, const struct passage *passage, unsigned confidence)
{
	uint64_t into = passage->into < 8 ? 0 : passage->into;
	struct candidate candidate;

	if (into && into != inference->header) {
		tenant_take(inference, target, passage, confidence);
		return;
	}
	candidate = fit_of_start(inference, target, passage->target, into);
	confidence = least(confidence, candidate.fit);
	if (confidence > inference->typing[passage->target].best && shape_score_begin(inference, target, passage->target, into) >= LOOK_START_MIN)
		claim_push(inference, passage, &candidate, confidence);
}

/* Of several candidates, what is declared fits best. */
static bool is_best(const struct candidates *candidates)
{
	for (size_t i = 1; i < candidates->n; i++) {
		if (candidates->v[i].fit >= candidates->v[0].fit && candidates->v[0].form != FORM_ONE)
			return false;
	}
	return candidates->v[0].fit == 100 || candidates->v[0].form == FORM_ARRAY;
}

static void claim_by_declaration(struct inference *inference, type_id target, const struct passage *passage, unsigned confidence)
{
	const struct rule *rule = passage->into < 8 ? rule_find(inference, key_of_base(target), passage) : NULL;
	struct candidates candidates;
	unsigned sure = 0;

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
	// Of a handle no more is known than what was decided.
	if (rule && !candidates.n && !type_at(inference->table, target)->size && claim_by_rule(inference, rule, passage, confidence))
		return;
	if (candidates.n == 1 && !candidates.overflow)
		sure = candidate_confidence(inference, &candidates.v[0], passage, target);
	if (sure)
		claim_push(inference, passage, &candidates.v[0], least(confidence, sure));
	else if (candidates.n <= 1 && !candidates.overflow)
		claim_loosely(inference, target, passage, confidence);
	else if (candidates.v[0].type == target && is_best(&candidates))
		claim_push(inference, passage, &candidates.v[0], least(confidence, SURE_AMBIGUOUS));
}

/* Claims what the words beside a pointer say, where its declaration says nothing; false when these say nothing, too. */
static bool claim_erased(struct inference *inference, const struct slot *slot, const struct passage *passage, unsigned confidence)
{
	bool is_open = slot->in_union;
	struct candidate candidate;
	type_id type;
	bool in_place = false;

	for (size_t i = 0; i < slot->n_targets; i++)
		is_open |= erasures_may_tell(&inference->erasures, slot->targets[i]);
	if (!is_open || passage->address == VADDR_NONE || passage->into != 0)
		return false;
	type = erasures_target(&inference->erasures, &inference->window, passage->address, slot->n_targets == 1 ? slot->targets[0] : 0, &in_place);
	if (type == TYPE_NONE)
		return false;
	if (in_place) {
		slot_id first = layout_slot(inference->layouts, type, 0, false);
		struct slot within = first == SLOT_NONE ? (struct slot){ .n_targets = 0 } : *slot_at(inference->layouts, first);

		for (size_t i = 0; i < within.n_targets; i++)
			claim_by_declaration(inference, within.targets[i], passage, least(confidence, SURE_ERASED));
		return within.n_targets > 0;
	}
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
	rest = usable_at(inference, passage->target) - passage->into;
	if (!n || (n & (n - 1)) || passage->into - n * size >= BUCKETS_ALIGN || rest < n + BUCKETS_GROUP || rest > n + BUCKETS_GROUP + 2 * BUCKETS_ALIGN)
		return false;
	claim_push(inference, passage, &candidate, least(confidence, candidate.fit));
	return true;
}

/* Where the type of a chunk ends. Units: bytes. */
static uint64_t covered_end(const struct inference *inference, chunk_id chunk)
{
	enum type_form form = form_of(inference, chunk);
	uint64_t size = type_at(inference->table, inference->typing[chunk].type)->size;

	return form == FORM_ONE ? size : form == FORM_BEHIND ? size + inference->header : UINT64_MAX - REST_MIN;
}

/* A pointer to what lies behind the struct that a chunk begins with. */
static void rest_take(struct inference *inference, const struct passage *passage, unsigned confidence)
{
	const struct slot *slot = slot_at(inference->layouts, passage->slot);

	if ((inference->typing[passage->target].form & FORM_HAS_REST) && passage->into >= covered_end(inference, passage->target) && slot->n_targets == 1 && !slot->in_union &&
	    slot->targets[0] != TYPE_NONE)
		tenant_take(inference, slot->targets[0], passage, confidence);
}

/* What is declared to be text, and may be text: only what is none needs a verdict. */
static bool is_plain_text(struct inference *inference, const struct slot *slot, const struct passage *passage)
{
	return slot->n_targets == 1 && !slot->in_union && slot->targets[0] != TYPE_NONE && type_at(inference->table, slot->targets[0])->kind == TYPE_CHAR &&
	       bytes_are_plain(inference, passage->target, passage->into, true);
}

/* A pointer of a known slot leads to a chunk. */
static void passage_take(struct inference *inference, const struct passage *passage, unsigned confidence)
{
	chunk_id target = passage->target;
	slot_id slot_index = passage->slot;

	if (!inference->typing[target].is_in_use)
		return;
	if (inference->typing[target].type != TYPE_NONE) {
		rest_take(inference, passage, confidence);
		return;
	}
	if (inference->typing[target].slot == SLOT_NONE)
		inference->typing[target].slot = slot_index;

	struct slot slot = *slot_at(inference->layouts, slot_index);
	const struct rule *rule = rule_find(inference, slot_key(inference, slot_index), passage);

	if (rule && is_plain_text(inference, &slot, passage))
		rule = NULL;
	// What is declared is more than a doubtful verdict.
	if (rule && claim_by_rule(inference, rule, passage, confidence) && (rule->confidence >= CONFIDENCE_SHOWN || slot.in_union || slot.n_targets != 1))
		return;
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
	chunk_id chunk = claim->chunk;
	struct typing *typing = &inference->typing[chunk];

	typing->type = claim->type;
	typing->form = claim->form;
	if (covered_end(inference, chunk) + REST_MIN <= usable_at(inference, chunk))
		typing->form |= FORM_HAS_REST;
	typing->confidence = claim->confidence;
	typing->evidence = claim->evidence & 15;
	if (claim->slot != SLOT_NONE)
		typing->slot = claim->slot;
	if (claim->source == CHUNK_NONE) {
		typing->context[0] = claim->slot;
		return;
	}

	const struct typing *source = &inference->typing[claim->source];

	// A list has one owner, and so has what a buffer of pointers points to.
	if (source->type == claim->type || type_at(inference->table, source->type)->kind == TYPE_POINTER) {
		typing->context[0] = source->context[0];
		typing->context[1] = source->context[1];
	} else {
		typing->context[0] = claim->slot;
		typing->context[1] = source->context[0];
	}
}

static void emit(struct inference *inference, chunk_id source)
{
	const struct edges *edges = inference->edges;

	for (size_t edge = edges->first[source]; edge < edges->first[source + 1]; edge++) {
		struct passage passage = { .source = source, .target = edge_to(edges, edge) };
		const struct typing *target = &inference->typing[passage.target];

		if ((passage.target == source || target->type != TYPE_NONE) && !(target->form & FORM_HAS_REST))
			continue;
		passage.slot = edge_slot(inference, source, edge);
		if (passage.slot == SLOT_NONE)
			continue;
		passage.address = inference->chunks->mem[source] + edge_offset(edges, edge);
		passage.into = pointer_into(inference, source, edge);
		if (passage.into != UINT64_MAX)
			passage_take(inference, &passage, inference->typing[source].confidence);
	}
}

void tenant_passages(struct inference *inference, const struct tenant *tenant, passage_taker *take, void *data)
{
	const struct edges *edges = inference->edges;
	uint64_t end = tenant->into + type_at(inference->table, tenant->type)->size;
	size_t edge = edge_at(edges, tenant->chunk, tenant->into), last = edges->first[tenant->chunk + 1];

	for (; edge < last && edge_offset(edges, edge) < end; edge++) {
		struct passage passage = { .source = CHUNK_NONE, .target = edge_to(edges, edge), .address = inference->chunks->mem[tenant->chunk] + edge_offset(edges, edge) };

		passage.slot = layout_slot(inference->layouts, tenant->type, edge_offset(edges, edge) - tenant->into, false);
		if (passage.slot == SLOT_NONE)
			continue;
		passage.into = pointer_into(inference, tenant->chunk, edge);
		if (passage.into != UINT64_MAX)
			take(inference, &passage, tenant->confidence, data);
	}
}

bool tenant_is_covered(const struct inference *inference, const struct tenant *tenant)
{
	type_id type = inference->typing[tenant->chunk].type;

	// That a chunk is bytes says nothing of what lies in it.
	return type != TYPE_NONE && type_at(inference->table, type)->kind != TYPE_CHAR && tenant->into < covered_end(inference, tenant->chunk);
}

static void tenant_passage_take(struct inference *inference, const struct passage *passage, unsigned confidence, void *data)
{
	(void)data;
	passage_take(inference, passage, confidence);
}

/* Asks for the memory that the claims which come next will want, step by step: chunks are come to in the order of pointers, so that each would wait for memory at every step.
   Inline, for gcc takes a function that does nothing but this for one that does nothing. */
static inline __attribute__((always_inline)) void claims_prefetch(struct inference *inference, const struct claim *claims, size_t n, size_t next)
{
	enum { CHUNK_AHEAD = 48, EDGES_AHEAD = 32, TARGETS_AHEAD = 16, TARGETS_MAX = 4 };
	const struct edges *edges = inference->edges;

	if (next + CHUNK_AHEAD < n) {
		chunk_id chunk = claims[next + CHUNK_AHEAD].chunk;

		__builtin_prefetch(&inference->typing[chunk]);
		__builtin_prefetch(&edges->first[chunk]);
		__builtin_prefetch(&inference->chunks->mem[chunk]);
	}
	if (next + EDGES_AHEAD < n) {
		chunk_id chunk = claims[next + EDGES_AHEAD].chunk;

		__builtin_prefetch(&edges->to[edges->first[chunk]]);
		__builtin_prefetch(&edges->place[edges->first[chunk]]);
		window_prefetch(&inference->window, inference->chunks->mem[chunk]);
	}
	if (next + TARGETS_AHEAD < n) {
		chunk_id chunk = claims[next + TARGETS_AHEAD].chunk;
		size_t first = edges->first[chunk], end = edges->first[chunk + 1];

		for (size_t edge = first; edge < end && edge < first + TARGETS_MAX; edge++) {
			__builtin_prefetch(&inference->typing[edge_to(edges, edge)]);
			__builtin_prefetch(&edges->first[edge_to(edges, edge)]);
		}
	}
}

/* Settles what is claimed with such a confidence; what comes of that is not surer. */
static void level_settle(struct inference *inference, size_t level)
{
	size_t next = 0, next_tenant = 0;

	// Both grow while they are gone through.
	for (;;) {
		if (next < inference->levels[level].n) {
			struct claim claim = inference->levels[level].v[next];

			claims_prefetch(inference, inference->levels[level].v, inference->levels[level].n, next++);
			if (inference->typing[claim.chunk].type != TYPE_NONE)
				continue;
			settle(inference, &claim);
			emit(inference, claim.chunk);
		} else if (next_tenant < inference->tenant_levels[level].n) {
			struct tenant tenant = inference->tenants.v[inference->tenant_levels[level].v[next_tenant++]];

			if (!tenant_is_covered(inference, &tenant))
				tenant_passages(inference, &tenant, tenant_passage_take, NULL);
		} else {
			break;
		}
	}
	array_deinit(&inference->levels[level]);
	array_deinit(&inference->tenant_levels[level]);
}

void flood(struct inference *inference)
{
	for (size_t i = 0; i < inference->chunks->n; i++) {
		struct typing *typing = &inference->typing[i];

		*typing = (struct typing){ .type = TYPE_NONE,
					   .slot = SLOT_NONE,
					   .context = { SLOT_NONE, SLOT_NONE },
					   .size_units = typing->size_units,
					   .is_in_use = typing->is_in_use,
					   .is_mmapped = typing->is_mmapped };
	}
	array_deinit(&inference->tenants);
	hash_map_deinit(&inference->tenants_by_place);
	for (size_t i = 0; i < inference->given.n; i++) {
		const struct claim *claim = &inference->given.v[i];

		if (claim->confidence > inference->typing[claim->chunk].best) {
			inference->typing[claim->chunk].best = claim->confidence;
			array_append(&inference->levels[claim->confidence], *claim);
		}
	}
	for (size_t i = 0; i < inference->seeds.n; i++) {
		const struct seed *seed = &inference->seeds.v[i];
		struct passage passage = { .slot = seed->slot, .source = CHUNK_NONE, .target = seed->chunk, .into = seed->into, .address = seed->address };

		passage_take(inference, &passage, seed->confidence);
	}
	for (size_t level = CONFIDENCE_MAX; level > 0; level--)
		level_settle(inference, level);
}
