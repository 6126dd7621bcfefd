/* SPDX-License-Identifier: MIT */
/*
 * What the chunks behind a slot can be: what code takes them for, what the slot declares, what witnesses are, and where all that says nothing, what is of their size.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "types/joint.h"

enum {
	/** What speaks for an option. Units: hundredths of a point. */
	BONUS_DECLARED = 90,
	BONUS_DECLARED_TEXT = 60,
	/** Of what code allocates by itself, where it does not so with what is declared: that is a part, then. */
	BONUS_ALLOCATED = 60,
	BONUS_HINT = 150,
	/** Candidates by declaration. */
	DECLARED_MAX = 256,
	/** Of a fit; what is declared is meant then. Units: percent. */
	FIT_SURE = 80,
	/** Types of a size that are tried where nothing else is known. */
	SIZED_MAX = 12,
};

/* Pointers to the same, by whatever name of it they are declared, are one type. */
static bool is_same_type(const struct type_table *table, type_id a, type_id b)
{
	return a == b || (type_at(table, a)->kind == TYPE_POINTER && type_at(table, b)->kind == TYPE_POINTER && type_pointee(table, a) == type_pointee(table, b));
}

static void option_add_into(struct decision *decision, type_id type, int bonus, enum type_evidence evidence, int32_t into)
{
	bool is_declared = evidence == EVIDENCE_POINTER;

	// Bytes are bytes, with or without a sign.
	if (type_at(decision->inference->table, type)->kind == TYPE_CHAR && decision->text != TYPE_NONE)
		type = decision->text;
	for (size_t i = 0; i < decision->n_options; i++) {
		if (!is_same_type(decision->inference->table, decision->options[i].type, type))
			continue;
		if (bonus > decision->options[i].bonus)
			decision->options[i].bonus = bonus;
		if (into < decision->options[i].into)
			decision->options[i].into = into;
		decision->options[i].is_declared |= is_declared;
		return;
	}
	if (decision->n_options < CANDIDATES_MAX)
		decision->options[decision->n_options++] = (struct option){ type, bonus, (uint8_t)evidence, into, is_declared };
}

static void option_add(struct decision *decision, type_id type, int bonus, enum type_evidence evidence)
{
	option_add_into(decision, type, bonus, evidence, 0);
}

/* Types that the code was seen to take something for. */
static void hints_add_of(struct decision *decision, uint64_t owner, uint64_t offset)
{
	struct inference *inference = decision->inference;
	size_t low = 0, high = inference->hints.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct slot_hint *hint = &inference->hints.v[middle];

		if (hint->owner < owner || (hint->owner == owner && hint->offset < offset))
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < inference->hints.n && inference->hints.v[low].owner == owner && inference->hints.v[low].offset == offset; low++)
		option_add_into(decision, inference->hints.v[low].type, (int)(inference->hints.v[low].weight * BONUS_HINT), EVIDENCE_FLOW, inference->hints.v[low].into);
}

static void hints_add(struct decision *decision, slot_id slot_index)
{
	const struct slot *slot = slot_at(decision->inference->layouts, slot_index);

	if (slot->kind == SLOT_ROOT)
		hints_add_of(decision, HINT_OF_ROOT | slot->origin, slot->offset);
	else if (slot->owner != TYPE_NONE)
		hints_add_of(decision, slot->owner, slot->owner_offset);
}

/* Types that the code was seen to take a handle for, if the slot is declared to hold one. */
static void handle_hints_add(struct decision *decision)
{
	const struct slot *slot = slot_at(decision->inference->layouts, decision->entries[0].passage.slot);

	if (slot->n_targets == 1 && slot->targets[0] != TYPE_NONE)
		hints_add_of(decision, HINT_OF_HANDLE | slot->targets[0], 0);
}

/* Types that settled chunks of the same key have. */
static void witnesses_add(struct decision *decision)
{
	struct inference *inference = decision->inference;

	for (size_t i = 0; i < decision->n_sample; i++) {
		chunk_id target = decision->entries[i * decision->step].passage.target;

		if (chunk_is_witness(inference, target))
			option_add(decision, inference->typing[target].type, 0, EVIDENCE_FLOW);
	}
}

/* Candidates by what their slots declare: how many sizes of chunks each is one for. */
struct declared {
	struct option option;
	uint32_t sizes;
};

typedef ARRAY(struct declared) declared_array;

static void declared_take(declared_array *found, type_id type, int bonus, enum type_evidence evidence)
{
	for (size_t i = 0; i < found->n; i++) {
		struct declared *one = &found->v[i];

		if (one->option.type != type)
			continue;
		one->sizes++;
		if (bonus > one->option.bonus) {
			one->option.bonus = bonus;
			one->option.evidence = (uint8_t)evidence;
		}
		return;
	}
	if (found->n < DECLARED_MAX)
		array_append(found, (struct declared){ { .type = type, .bonus = bonus, .evidence = (uint8_t)evidence }, 1 });
}

/* Whether code allocates a type in one of these forms; of code that was not read that is not known. */
static bool is_allocated(const struct inference *inference, type_id type, unsigned forms)
{
	return !inference->allocated || (inference->allocated[type] & forms);
}

/* What the chunk of one pointer can be, by what its slot declares. */
static void declared_find(struct inference *inference, const struct passage *passage, declared_array *found)
{
	struct slot slot = *slot_at(inference->layouts, passage->slot);

	for (size_t j = 0; j < slot.n_targets; j++) {
		struct candidates candidates;

		if (slot.targets[j] == 0 || slot.targets[j] == TYPE_NONE)
			continue;
		candidates_find(inference, slot.targets[j], passage->target, passage->into, &candidates);
		if (!candidates.n && fit_of_start(inference, slot.targets[j], passage->target, passage->into < 8 ? 0 : passage->into).fit)
			declared_take(found, slot.targets[j], 0, EVIDENCE_POINTER);
		for (size_t k = 0; k < candidates.n; k++) {
			const struct candidate *one = &candidates.v[k];
			bool is_own = one->type == slot.targets[j] && (one->form == FORM_ONE || one->form == FORM_BEHIND || one->fit >= FIT_SURE);
			bool is_alone = is_allocated(inference, one->type, ALLOCATED_ALONE | ALLOCATED_ANYHOW);
			bool is_text = type_at(inference->table, one->type)->kind == TYPE_CHAR;
			int bonus = 0;

			if (is_text)
				bonus = BONUS_DECLARED_TEXT;
			else if (is_own && (is_alone || one->form == FORM_ARRAY))
				bonus = BONUS_DECLARED;
			else if (!is_own && inference->allocated && is_allocated(inference, one->type, ALLOCATED_ALONE) &&
				 !is_allocated(inference, slot.targets[j], ALLOCATED_ALONE | ALLOCATED_ANYHOW))
				bonus = BONUS_ALLOCATED;
			declared_take(found, one->type, bonus, is_text || is_own ? EVIDENCE_POINTER : EVIDENCE_EMBEDDED);
		}
	}
}

static int declared_compare(const void *a, const void *b)
{
	const struct declared *left = a, *right = b;

	if (left->option.bonus != right->option.bonus)
		return left->option.bonus > right->option.bonus ? -1 : 1;
	if (left->sizes != right->sizes)
		return left->sizes > right->sizes ? -1 : 1;
	return left->option.type < right->option.type ? -1 : left->option.type > right->option.type;
}

/* What can be at all depends on the size of a chunk: so of each size some are asked, however rare it is. */
static void declared_add(struct decision *decision)
{
	enum { OF_ONE_SIZE = 3, SIZES_MAX = 256, PROBES_MAX = 8 };
	struct inference *inference = decision->inference;
	declared_array found = { .v = NULL };
	struct {
		uint64_t key;
		unsigned n;
	} sizes[SIZES_MAX] = { { 0 } };

	for (size_t i = 0; i < decision->n; i++) {
		const struct passage *passage = &decision->entries[i].passage;
		uint64_t key = hash_mix(hash_mix(13, usable_at(inference, passage->target)), passage->into);

		for (size_t probe = 0; probe < PROBES_MAX; probe++) {
			size_t j = (key + probe) % SIZES_MAX;

			if (sizes[j].n && sizes[j].key != key)
				continue;
			sizes[j].key = key;
			if (sizes[j].n++ < OF_ONE_SIZE)
				declared_find(inference, passage, &found);
			break;
		}
	}
	if (found.n)
		qsort(found.v, found.n, sizeof(*found.v), declared_compare);
	for (size_t i = 0; i < found.n; i++)
		option_add(decision, found.v[i].option.type, found.v[i].option.bonus, (enum type_evidence)found.v[i].option.evidence);
	array_deinit(&found);
}

/* Types of the right size, where nothing else is known. */
static void sized_add(struct decision *decision)
{
	struct inference *inference = decision->inference;

	for (size_t i = 0; i < decision->n_sample && decision->n_options < CANDIDATES_MAX; i++) {
		chunk_id target = decision->entries[i * decision->step].passage.target;
		uint64_t usable = usable_at(inference, target);
		size_t at = sized_first(inference->sized, inference->n_sized, usable);

		for (size_t n = 0; n < SIZED_MAX && at < inference->n_sized && inference->sized[at].usable == usable; n++, at++)
			option_add(decision, inference->sized[at].type, 0, EVIDENCE_SHAPE);
	}
}

static bool is_text_slot(const struct decision *decision)
{
	const struct slot *slot = slot_at(decision->inference->layouts, decision->entries[0].passage.slot);

	for (size_t i = 0; i < slot->n_targets; i++) {
		type_id target = slot->targets[i];

		if (target == 0 || target == TYPE_NONE || type_at(decision->inference->table, target)->kind == TYPE_CHAR)
			return true;
	}
	return false;
}

/* Whether a slot may hold what its declaration does not name. */
static bool is_open_slot(const struct decision *decision)
{
	const struct slot *slot = slot_at(decision->inference->layouts, decision->entries[0].passage.slot);

	return slot->n_targets != 1 || slot->in_union || !type_is_aggregate(decision->inference->table, slot->targets[0] == TYPE_NONE ? 0 : slot->targets[0]);
}

/* Whether a slot holds one of the structs that a union declares, and nothing else: none of them is a base of others. */
static bool is_closed_slot(const struct decision *decision)
{
	struct inference *inference = decision->inference;
	const struct slot *slot = slot_at(inference->layouts, decision->entries[0].passage.slot);

	for (size_t i = 0; i < slot->n_targets; i++) {
		if (slot->targets[i] == TYPE_NONE || !type_is_aggregate(inference->table, slot->targets[i]) || enclosing_heirs(&inference->enclosing, slot->targets[i]))
			return false;
	}
	return slot->in_union || slot->n_targets > 1;
}

/* Whether a struct is among what the slot is declared to point to. */
static bool has_struct_target(const struct decision *decision)
{
	const struct slot *slot = slot_at(decision->inference->layouts, decision->entries[0].passage.slot);

	for (size_t i = 0; i < slot->n_targets; i++) {
		if (type_is_aggregate(decision->inference->table, slot->targets[i] == TYPE_NONE ? 0 : slot->targets[i]))
			return true;
	}
	return false;
}

void options_find(struct decision *decision)
{
	struct inference *inference = decision->inference;
	bool is_open = is_open_slot(decision);

	if (decision->is_slot && !is_closed_slot(decision))
		hints_add(decision, decision->entries[0].passage.slot);
	handle_hints_add(decision);

	bool has_hints = decision->n_options > 0;

	if (is_open && !is_closed_slot(decision))
		witnesses_add(decision);
	declared_add(decision);
	if (is_text_slot(decision)) {
		if (decision->text != TYPE_NONE)
			option_add(decision, decision->text, 0, EVIDENCE_CONTENT);
		if (!has_hints && !has_struct_target(decision))
			sized_add(decision);
	}
	// Types that no code allocates are left out.
	for (size_t i = 0; inference->allocated && i < decision->n_options;) {
		const struct option *option = &decision->options[i];

		if (type_is_aggregate(inference->table, option->type) && !inference->allocated[option->type] && option->evidence == EVIDENCE_SHAPE)
			decision->options[i] = decision->options[--decision->n_options];
		else
			i++;
	}
}
