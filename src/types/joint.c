/* SPDX-License-Identifier: MIT */
/*
 * Joint decisions: what the chunks behind one slot are, all of them at once.
 *
 * The program itself knows what a void * or a pointer to a base leads to, and mostly has written it down: in a tag beside the pointer or in the target, in who owns the table.
 * So the chunks of a slot are split by each number that could be such a tag, and a type is sought for each group that fits all of its chunks and looks like them. The split whose groups
 * agree best wins, if it beats no split by a margin: a reference count is as good a number as a tag, but its groups are mixed.
 *
 * One chunk at a time the same evidence is wrong more often than not: what 30 chunks look like, one does by chance.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "types/joint.h"

enum {
	/** Slots that are decided in one round. */
	KEYS_MAX = 1 << 16,
	/** What is settled as surely is a witness. Units: percent. */
	SURE_WITNESS = 80,
};

/* ---- which slots are open ---- */

static bool is_weak(const struct inference *inference, chunk_id chunk)
{
	return inference->typing[chunk].type == TYPE_NONE || inference->typing[chunk].confidence < SURE_WITNESS;
}

bool chunk_is_witness(const struct inference *inference, chunk_id chunk)
{
	return !is_weak(inference, chunk) && !(inference->typing[chunk].form & FORM_BY_RULE);
}

/* Whether a pointer of a union leads into the middle of something, where none of the structs that it is declared to lead to can be: what was there before in memory that is used anew. */
static bool is_left_over(struct inference *inference, const struct slot *slot, const struct passage *passage)
{
	struct candidates candidates;

	if (passage->into < 8 || passage->into == inference->header || !slot->n_targets)
		return false;
	for (size_t i = 0; i < slot->n_targets; i++) {
		if (slot->targets[i] == TYPE_NONE || !type_is_aggregate(inference->table, slot->targets[i]) || !type_at(inference->table, slot->targets[i])->size)
			return false;
		candidates_find(inference, slot->targets[i], passage->target, passage->into, &candidates);
		if (candidates.n)
			return false;
	}
	return true;
}

/* The key under which a pointer is decided; false when what its slot is declared to hold is all. */
static bool key_of(struct inference *inference, const struct passage *passage, group_key *ret)
{
	struct slot slot = *slot_at(inference->layouts, passage->slot);

	if (slot.n_targets != 1 || slot.in_union) {
		*ret = slot_key(inference, passage->slot);
		return !is_left_over(inference, &slot, passage);
	}

	type_id target = slot.targets[0];
	enum type_kind kind = (enum type_kind)type_at(inference->table, target == TYPE_NONE ? 0 : target)->kind;

	if (kind == TYPE_VOID || (kind == TYPE_CHAR && !bytes_are_plain(inference, passage->target, passage->into, true))) {
		*ret = slot_key(inference, passage->slot);
		return true;
	}
	if (!type_is_aggregate(inference->table, target))
		return false;
	if (passage->into < 8 && hash_map_get(&inference->splits_by_key, hash_mix(3, key_of_base(target))) != UINT32_MAX) {
		*ret = key_of_base(target);
		return true;
	}
	if (!is_weak(inference, passage->target))
		return false;

	struct candidates candidates;

	candidates_find(inference, target, passage->target, passage->into, &candidates);
	// What does not fit at all, or can be several things.
	if (candidates.n == 1 && !candidates.overflow)
		return false;
	*ret = passage->into < 8 ? key_of_base(target) : slot_key(inference, passage->slot);
	return candidates.n > 1 || candidates.overflow || (type_at(inference->table, target)->flags & TYPE_IS_DECLARATION) || !type_at(inference->table, target)->size;
}

typedef ARRAY(struct entry) entry_array;

/* Takes a pointer in if its slot is open. */
static void entry_take(struct inference *inference, const struct passage *passage, entry_array *entries)
{
	struct entry entry = { .passage = *passage };

	if (inference->typing[passage->target].is_in_use && key_of(inference, passage, &entry.key))
		array_append(entries, entry);
}

static void tenant_entry_take(struct inference *inference, const struct passage *passage, unsigned confidence, void *data)
{
	(void)confidence;
	entry_take(inference, passage, data);
}

static void entries_collect(struct inference *inference, entry_array *entries)
{
	enum { AHEAD = 24 };
	const struct edges *edges = inference->edges;

	for (chunk_id source = 0; source < edges->n_chunks; source++) {
		if (inference->typing[source].type == TYPE_NONE)
			continue;
		for (size_t edge = edges->first[source]; edge < edges->first[source + 1]; edge++) {
			struct passage passage = { .source = source, .target = edge_to(edges, edge), .address = inference->chunks->mem[source] + edge_offset(edges, edge) };

			// Targets are anywhere.
			if (edge + AHEAD < edges->n)
				__builtin_prefetch(&inference->typing[edge_to(edges, edge + AHEAD)]);
			if (passage.target == source)
				continue;
			passage.slot = edge_slot(inference, source, edge);
			if (passage.slot == SLOT_NONE)
				continue;
			passage.into = pointer_into(inference, source, edge);
			if (passage.into != UINT64_MAX)
				entry_take(inference, &passage, entries);
		}
	}
	for (size_t i = 0; i < inference->tenants.n; i++) {
		if (!tenant_is_covered(inference, &inference->tenants.v[i]))
			tenant_passages(inference, &inference->tenants.v[i], tenant_entry_take, entries);
	}
	// Variables come last: the first entry speaks for the slot of all.
	for (size_t i = 0; i < inference->seeds.n; i++) {
		const struct seed *seed = &inference->seeds.v[i];

		entry_take(inference, &(struct passage){ .slot = seed->slot, .source = CHUNK_NONE, .target = seed->chunk, .into = seed->into, .address = seed->address }, entries);
	}
}

/* The entries of one key. */
struct bucket {
	group_key key;
	size_t n, first;
};

typedef ARRAY(struct bucket) bucket_array;

static int bucket_compare(const void *a, const void *b)
{
	const struct bucket *left = a, *right = b;

	return left->key < right->key ? -1 : left->key > right->key;
}

/* Puts the entries of each key together, in the order in which they were found. Owner: the caller. */
static struct entry *entries_group(const entry_array *entries, bucket_array *buckets)
{
	struct entry *grouped = xmalloc((entries->n + 1) * sizeof(*grouped));
	struct hash_map by_key = { .v = NULL };

	for (size_t i = 0; i < entries->n; i++) {
		uint32_t index = hash_map_get(&by_key, hash_mix(23, entries->v[i].key));

		if (index == UINT32_MAX) {
			index = (uint32_t)buckets->n;
			hash_map_set(&by_key, hash_mix(23, entries->v[i].key), index);
			array_append(buckets, (struct bucket){ entries->v[i].key, 0, 0 });
		}
		buckets->v[index].n++;
	}
	if (buckets->n)
		qsort(buckets->v, buckets->n, sizeof(*buckets->v), bucket_compare);
	for (size_t i = 0, first = 0; i < buckets->n; first += buckets->v[i++].n) {
		buckets->v[i].first = first;
		hash_map_set(&by_key, hash_mix(23, buckets->v[i].key), (uint32_t)i);
	}
	for (size_t i = 0; i < entries->n; i++) {
		struct bucket *bucket = &buckets->v[hash_map_get(&by_key, hash_mix(23, entries->v[i].key))];

		grouped[bucket->first++] = entries->v[i];
	}
	for (size_t i = 0; i < buckets->n; i++)
		buckets->v[i].first -= buckets->v[i].n;
	hash_map_deinit(&by_key);
	return grouped;
}

/* Whether there is anything to be decided: someone is not settled by others. */
static bool is_undecided(const struct inference *inference, const struct entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		chunk_id target = entries[i].passage.target;

		if (is_weak(inference, target) || hash_map_get(&inference->splits_by_key, hash_mix(3, entries[i].key)) != UINT32_MAX)
			return true;
	}
	return false;
}

/* Whether a rule makes a difference: below that nothing is called by its type. */
static bool is_shown(const struct rule *rule)
{
	return rule->confidence >= CONFIDENCE_SHOWN;
}

/* Whether two rounds came to something else, that is to say to other types: how sure they are, and in which order they were found, is no reason to go again. */
static bool verdicts_differ(const struct inference *inference, const struct verdicts *verdicts)
{
	size_t before = 0, after = 0;

	for (size_t i = 0; i < inference->rules.n; i++)
		before += is_shown(&inference->rules.v[i]);
	for (size_t i = 0; i < verdicts->rules.n; i++) {
		const struct rule *rule = &verdicts->rules.v[i], *old;
		uint32_t found;

		if (!is_shown(rule))
			continue;
		found = hash_map_get(&inference->rules_by_key, hash_mix(hash_mix(5, rule->key), rule->value));
		old = found == UINT32_MAX ? NULL : &inference->rules.v[found];
		if (!old || !is_shown(old) || old->type != rule->type)
			return true;
		after++;
	}
	return before != after;
}

static void verdicts_take(struct inference *inference, struct verdicts *verdicts)
{
	array_deinit(&inference->splits);
	array_deinit(&inference->rules);
	hash_map_deinit(&inference->splits_by_key);
	hash_map_deinit(&inference->rules_by_key);
	for (size_t i = 0; i < verdicts->splits.n; i++) {
		hash_map_set(&inference->splits_by_key, hash_mix(3, verdicts->splits.v[i].key), (uint32_t)i);
		array_append(&inference->splits, verdicts->splits.v[i]);
	}
	for (size_t i = 0; i < verdicts->rules.n; i++) {
		hash_map_set(&inference->rules_by_key, hash_mix(hash_mix(5, verdicts->rules.v[i].key), verdicts->rules.v[i].value), (uint32_t)i);
		array_append(&inference->rules, verdicts->rules.v[i]);
	}
}

bool joint_decide(struct inference *inference)
{
	entry_array entries = { .v = NULL };
	bucket_array buckets = { .v = NULL };
	struct verdicts verdicts = { .splits = { .v = NULL } };
	type_id text = type_named(inference->table, "char");
	_cleanup_free_ struct entry *grouped = NULL;
	bool changed;

	entries_collect(inference, &entries);
	grouped = entries_group(&entries, &buckets);
	array_deinit(&entries);
	for (size_t i = 0; i < buckets.n && i < KEYS_MAX; i++) {
		struct decision decision = { .inference = inference, .key = buckets.v[i].key, .entries = grouped + buckets.v[i].first, .n = buckets.v[i].n, .text = text };

		decision.is_slot = !(decision.key >> 62 & 1);
		if (is_undecided(inference, decision.entries, decision.n))
			splits_find(&decision, &verdicts);
	}
	changed = verdicts_differ(inference, &verdicts);
	if (changed)
		verdicts_take(inference, &verdicts);
	array_deinit(&buckets);
	array_deinit(&verdicts.splits);
	array_deinit(&verdicts.rules);
	return changed;
}
