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
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "types/inference.h"

enum {
	/** Chunks of a group that are looked at; and those whose sizes are. */
	SAMPLE_MAX = 320,
	GROUP_SAMPLE_MAX = 24,
	ENTRIES_MAX = 1 << 15,
	FEATURES_MAX = 16,
	GROUPS_MAX = 40,
	GROUP_MIN = 3,
	/** Slots that are decided in one round. */
	KEYS_MAX = 1 << 16,
	/** What is settled as surely is a witness. Units: percent. */
	SURE_WITNESS = 80,
	/** How far a tag may be from its pointer. Units: bytes. */
	BESIDE_MAX = 64,
	/** Units: hundredths of a point. */
	LOOK_MISFIT = -400,
	LOOK_LEAST = -300,
	LOOK_NUMBERS = -50,
	LOOK_MOST = 1000,
	WITNESS_FOR = 300,
	WITNESS_AGAINST = -300,
	BONUS_EXACT = 60,
	BONUS_EXACT_MANY = 40,
	BONUS_DECLARED = 90,
	BONUS_DECLARED_TEXT = 60,
	BONUS_HINT = 150,
	BONUS_NAMED = 80,
	BONUS_INCUMBENT = 60,
	TEXT_GOOD = 140,
	TEXT_FITS = 190,
	TEXT_SHORT = 40,
	TEXT_BAD = -60,
	TEXT_POINTERS = -200,
	PENALTY_GROUP = 3,
	PENALTY_SIZE = 25,
	MARGIN_SPLIT = 15,
	ACCEPT_SCORE = 20,
	ACCEPT_MARGIN = 100,
	MARGIN_SURE = 50,
	MARGIN_LIKELY = 20,
	/** By shape alone more is asked. */
	SHAPE_SCORE = 120,
	SHAPE_MARGIN = 60,
	/** Confidence of a verdict. Units: percent. */
	SURE_VERDICT = 90,
	SURE_LIKELY = 60,
	SURE_WEAK = 30,
	SURE_SHAPE = 62,
	SURE_FEW = 65,
	/** Candidates by declaration. */
	DECLARED_MAX = 256,
	/** Of a fit; what is declared is meant then. Units: percent. */
	FIT_SURE = 80,
	/** Types of a size that are tried where nothing else is known. */
	SIZED_MAX = 12,
};

/** A pointer of an open slot. */
struct entry {
	group_key key;
	struct passage passage;
};

struct option {
	type_id type;
	/** What speaks for it besides its looks. Units: hundredths of a point. */
	int bonus;
	uint8_t evidence;
	/** Pointers lead at least so far into it: the code has their offset. Units: bytes. */
	int32_t into;
};

/** How well a chunk looks, by option. */
struct looks {
	int16_t v[CANDIDATES_MAX];
	bool exact[CANDIDATES_MAX];
};

struct decision {
	struct inference *inference;
	group_key key;
	const struct entry *entries;
	size_t n;
	/** Every so manieth entry is in the sample that options are taken from. */
	size_t step, n_sample;
	/** Every so manieth entry is counted. */
	size_t stride;
	struct option options[CANDIDATES_MAX];
	size_t n_options;
	type_id text;
	/** By entry: 1 + its row in looks; 0 for one that was not looked at. */
	uint32_t *rows;
	ARRAY(struct looks) looks;
};

struct group {
	uint64_t value;
	/** Chunks in it; those that were looked at, and every so manieth is. */
	uint32_t n, looked, step, met;
	/** The sum of the best looks of each. */
	int32_t best;
	/** By option: the sum of looks, and how many fit exactly or not at all. */
	int32_t sum[CANDIDATES_MAX];
	uint32_t exact[CANDIDATES_MAX], misfit[CANDIDATES_MAX];
	/** The option that its value is named for, and the one that it had in the round before; CANDIDATES_MAX for none. */
	size_t named, incumbent;
};

struct verdict {
	size_t option;
	int score, margin;
};

/* ---- which slots are open ---- */

static bool is_weak(const struct inference *inference, chunk_id chunk)
{
	return inference->type[chunk] == TYPE_NONE || inference->confidence[chunk] < SURE_WITNESS;
}

/* Settled, and not by a verdict: these would only confirm each other. */
static bool is_witness(const struct inference *inference, chunk_id chunk)
{
	return !is_weak(inference, chunk) && !(inference->form[chunk] & FORM_BY_RULE);
}

/* The key under which a pointer is decided; false when what its slot is declared to hold is all. */
static bool key_of(struct inference *inference, const struct passage *passage, group_key *ret)
{
	struct slot slot = *slot_at(inference->layouts, passage->slot);

	if (slot.n_targets != 1 || slot.in_union) {
		*ret = slot_key(inference, passage->slot);
		return true;
	}

	type_id target = slot.targets[0];
	enum type_kind kind = (enum type_kind)type_at(inference->table, target == TYPE_NONE ? 0 : target)->kind;

	if (kind == TYPE_VOID || (kind == TYPE_CHAR && !bytes_are_plain(inference, passage->target, passage->into))) {
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

	if (inference->chunks->state[passage->target] == CHUNK_IN_USE && key_of(inference, passage, &entry.key))
		array_append(entries, entry);
}

static void tenant_entry_take(struct inference *inference, const struct passage *passage, unsigned confidence, void *data)
{
	(void)confidence;
	entry_take(inference, passage, data);
}

static void entries_collect(struct inference *inference, entry_array *entries)
{
	const struct edges *edges = inference->edges;

	for (size_t i = 0; i < inference->seeds.n; i++) {
		const struct seed *seed = &inference->seeds.v[i];

		entry_take(inference, &(struct passage){ .slot = seed->slot, .source = CHUNK_NONE, .target = seed->chunk, .into = seed->into, .address = seed->address }, entries);
	}
	for (chunk_id source = 0; source < edges->n_chunks; source++) {
		if (inference->type[source] == TYPE_NONE)
			continue;
		for (size_t edge = edges->first[source]; edge < edges->first[source + 1]; edge++) {
			struct passage passage = { .source = source, .target = edge_to(edges, edge), .address = inference->chunks->mem[source] + edge_offset(edges, edge) };

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
}

static int entry_compare(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;

	if (left->key != right->key)
		return left->key < right->key ? -1 : 1;
	if (left->passage.source != right->passage.source)
		return left->passage.source < right->passage.source ? -1 : 1;
	if (left->passage.address != right->passage.address)
		return left->passage.address < right->passage.address ? -1 : 1;
	return left->passage.target < right->passage.target ? -1 : left->passage.target > right->passage.target;
}

/* ---- what the chunks of a key can be ---- */

static void option_add_into(struct decision *decision, type_id type, int bonus, enum type_evidence evidence, int32_t into)
{
	// Bytes are bytes, with or without a sign.
	if (type_at(decision->inference->table, type)->kind == TYPE_CHAR && decision->text != TYPE_NONE)
		type = decision->text;
	for (size_t i = 0; i < decision->n_options; i++) {
		if (decision->options[i].type != type)
			continue;
		if (bonus > decision->options[i].bonus)
			decision->options[i].bonus = bonus;
		if (into < decision->options[i].into)
			decision->options[i].into = into;
		return;
	}
	if (decision->n_options < CANDIDATES_MAX)
		decision->options[decision->n_options++] = (struct option){ type, bonus, (uint8_t)evidence, into };
}

static void option_add(struct decision *decision, type_id type, int bonus, enum type_evidence evidence)
{
	option_add_into(decision, type, bonus, evidence, 0);
}

/* Types that the code was seen to take the slot for. */
static void hints_add(struct decision *decision, slot_id slot_index)
{
	struct inference *inference = decision->inference;
	const struct slot *slot = slot_at(inference->layouts, slot_index);
	uint64_t owner = slot->owner, offset = slot->kind == SLOT_ROOT ? slot->offset : slot->owner_offset;
	size_t low = 0, high = inference->hints.n;

	if (slot->kind == SLOT_ROOT)
		owner = HINT_OF_ROOT | slot->origin;
	else if (slot->owner == TYPE_NONE)
		return;
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

/* Types that settled chunks of the same key have. */
static void witnesses_add(struct decision *decision)
{
	struct inference *inference = decision->inference;

	for (size_t i = 0; i < decision->n_sample; i++) {
		chunk_id target = decision->entries[i * decision->step].passage.target;

		if (is_witness(inference, target))
			option_add(decision, inference->type[target], 0, EVIDENCE_FLOW);
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
			bool is_alone = !inference->allocated || one->form == FORM_ARRAY || (inference->allocated[one->type] & (ALLOCATED_ALONE | ALLOCATED_ANYHOW));
			bool is_text = type_at(inference->table, one->type)->kind == TYPE_CHAR;

			declared_take(found, one->type, is_text ? BONUS_DECLARED_TEXT : is_own && is_alone ? BONUS_DECLARED : 0,
				      is_text || is_own ? EVIDENCE_POINTER : EVIDENCE_EMBEDDED);
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
		uint64_t key = hash_mix(hash_mix(13, chunk_usable(inference->chunks, passage->target)), passage->into);

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
		uint64_t usable = chunk_usable(inference->chunks, target);
		size_t low = 0, high = inference->n_sized;

		while (low < high) {
			size_t middle = low + (high - low) / 2;

			if (inference->sized[middle].usable < usable)
				low = middle + 1;
			else
				high = middle;
		}
		for (size_t n = 0; n < SIZED_MAX && low < inference->n_sized && inference->sized[low].usable == usable; n++, low++)
			option_add(decision, inference->sized[low].type, 0, EVIDENCE_SHAPE);
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

static void options_find(struct decision *decision)
{
	struct inference *inference = decision->inference;
	bool is_slot = !(decision->key >> 62 & 1), is_open = is_open_slot(decision);

	if (is_slot && !is_closed_slot(decision))
		hints_add(decision, decision->entries[0].passage.slot);

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

/* ---- how well they look ---- */

static int text_look(struct inference *inference, chunk_id chunk, uint64_t into)
{
	enum { LOOKED_AT = 64 };
	uint8_t bytes[LOOKED_AT];
	uint64_t usable = chunk_usable(inference->chunks, chunk) - into;
	size_t size = usable < LOOKED_AT ? usable : LOOKED_AT, i = 0;

	if (!bytes_are_plain(inference, chunk, into))
		return TEXT_POINTERS;
	if (!image_get(inference->window.image, inference->chunks->mem[chunk] + into, bytes, size))
		return 0;
	while (i < size && (bytes[i] >= 0x20 ? bytes[i] != 0x7f && bytes[i] < 0x80 : bytes[i] == '\n' || bytes[i] == '\t' || bytes[i] == '\r'))
		i++;
	// A text that takes just the room that was asked for it; of a short one, that proves little.
	if (i < size && bytes[i] == 0 && i > 0 && usable_of(into + i + 1) == usable + into)
		return i >= 8 ? TEXT_FITS : TEXT_SHORT;
	return i == size || (bytes[i] == 0 && i >= 8) ? TEXT_GOOD : bytes[i] == 0 && i > 2 ? TEXT_SHORT : TEXT_BAD;
}

/* How well a chunk looks like a type; sets whether it fits exactly. */
static int look_of(struct decision *decision, const struct option *option, const struct entry *entry, bool *exact_ret)
{
	// log2 of a fit in hundredths of a point: 100 is 0, 50 is -100.
	static const int16_t fit_points[] = { -400, -332, -232, -174, -132, -100, -74, -51, -32, -15, 0 };
	struct inference *inference = decision->inference;
	chunk_id target = entry->passage.target;
	struct candidate fit = candidate_of(inference, option->type, option->evidence, &entry->passage);
	int look;

	*exact_ret = fit.form == FORM_ONE && fit.fit == 100;
	if (is_witness(inference, target) && inference->slot[target] != entry->passage.slot)
		return inference->type[target] == (fit.fit ? fit.type : option->type) ? WITNESS_FOR : WITNESS_AGAINST;
	if (!fit.fit || (option->into > 0 && entry->passage.into < (uint64_t)option->into))
		return LOOK_MISFIT;
	if (type_at(inference->table, option->type)->kind == TYPE_CHAR)
		return text_look(inference, target, entry->passage.into);
	if (fit.form == FORM_TENANT) {
		look = shape_score_inside(inference, fit.type, target, entry->passage.into) + fit_points[fit.fit / 10];
		return look < LOOK_LEAST ? LOOK_LEAST : look > LOOK_MOST ? LOOK_MOST : look;
	}
	if (!type_is_aggregate(inference->table, option->type) && type_at(inference->table, option->type)->kind != TYPE_POINTER)
		return bytes_are_plain(inference, target, 0) ? LOOK_NUMBERS : TEXT_POINTERS;
	// A struct begins at a multiple of eight.
	if (entry->passage.into % 8)
		return LOOK_LEAST;
	look = shape_score(inference, fit.type, (enum type_form)fit.form, target, 1) + fit_points[fit.fit / 10];
	return look < LOOK_LEAST ? LOOK_LEAST : look > LOOK_MOST ? LOOK_MOST : look;
}

/* ---- splits ---- */

static const struct looks *looks_of(struct decision *decision, size_t entry)
{
	if (!decision->rows[entry]) {
		struct looks looks = { .v = { 0 } };

		for (size_t j = 0; j < decision->n_options; j++)
			looks.v[j] = (int16_t)look_of(decision, &decision->options[j], &decision->entries[entry], &looks.exact[j]);
		array_append(&decision->looks, looks);
		decision->rows[entry] = (uint32_t)decision->looks.n;
	}
	return &decision->looks.v[decision->rows[entry] - 1];
}

static int look_best(const struct decision *decision, const struct looks *looks)
{
	int best = LOOK_MISFIT;

	for (size_t j = 0; j < decision->n_options; j++) {
		if (looks->v[j] > best)
			best = looks->v[j];
	}
	return best;
}

static size_t group_find(const struct group *groups, size_t n, uint64_t value)
{
	size_t j = 0;

	while (j < n && groups[j].value != value)
		j++;
	return j;
}

/* Letters and digits of a name, in small letters. */
static size_t name_plain(const char *name, char *plain, size_t size)
{
	size_t n = 0;

	for (; *name && n + 1 < size; name++) {
		if (isalnum((unsigned char)*name))
			plain[n++] = (char)tolower((unsigned char)*name);
	}
	plain[n] = 0;
	return n;
}

/* Programs name the values of a tag for what they tell: cm_while is the tag of the union's member While, and cm_arith_for that of ArithFor, not of For. */
static size_t named_option(const struct decision *decision, const struct feature *feature, uint64_t value)
{
	enum { NAME_MAX_SIZE = 64, NAME_MIN = 2 };
	const struct type_table *table = decision->inference->table;
	const struct slot *slot = slot_at(decision->inference->layouts, decision->entries[0].passage.slot);
	char enumerator[NAME_MAX_SIZE], name[NAME_MAX_SIZE];
	size_t length = 0, best = CANDIDATES_MAX, best_length = 0;

	if (feature->enumeration == TYPE_NONE || slot->owner == TYPE_NONE || type_at(table, slot->owner)->kind != TYPE_UNION)
		return CANDIDATES_MAX;

	const struct type *of_enum = type_at(table, feature->enumeration), *of_union = type_at(table, slot->owner);

	for (uint32_t i = 0; i < of_enum->n && !length; i++) {
		if (table->members.v[of_enum->first + i].offset == value)
			length = name_plain(table->members.v[of_enum->first + i].name, enumerator, sizeof(enumerator));
	}
	for (uint32_t i = 0; i < of_union->n && length; i++) {
		const struct type_member *member = &table->members.v[of_union->first + i];
		type_id pointer = type_strip(table, member->type), target = pointer == TYPE_NONE ? TYPE_NONE : type_pointee(table, pointer);
		size_t n = name_plain(member->name, name, sizeof(name)), j = 0;

		while (j < decision->n_options && decision->options[j].type != target)
			j++;
		if (j == decision->n_options || n < NAME_MIN || n <= best_length || n > length || memcmp(enumerator + length - n, name, n) != 0)
			continue;
		best = j;
		best_length = n;
	}
	return best;
}

/* The option that the round before chose for a value. What one verdict opens can speak against it in the next round; it takes more than that little to undo it, or two verdicts that
   depend on each other would alternate for ever. */
static size_t incumbent_option(const struct decision *decision, const struct feature *feature, uint64_t value)
{
	const struct inference *inference = decision->inference;
	uint32_t split = hash_map_get(&inference->splits_by_key, hash_mix(3, decision->key)), rule;
	const struct feature *before = split == UINT32_MAX ? NULL : &inference->splits.v[split].feature;

	if (!before || before->kind != feature->kind || before->offset != feature->offset || before->size != feature->size)
		return CANDIDATES_MAX;
	rule = hash_map_get(&inference->rules_by_key, hash_mix(hash_mix(5, decision->key), value));
	for (size_t j = 0; rule != UINT32_MAX && inference->rules.v[rule].confidence >= SURE_LIKELY && j < decision->n_options; j++) {
		if (decision->options[j].type == inference->rules.v[rule].type)
			return j;
	}
	return CANDIDATES_MAX;
}

/* Splits the chunks by a feature, and looks at some of each group: how many groups, 0 when they are too many or it cannot be told. */
static size_t groups_make(struct decision *decision, const struct feature *feature, struct group *groups)
{
	size_t n = 0;

	for (size_t i = 0; i < decision->n; i += decision->stride) {
		uint64_t value;
		size_t j;

		if (!feature_value(decision->inference, feature, &decision->entries[i].passage, &value))
			return 0;
		j = group_find(groups, n, value);
		if (j == n) {
			if (n == GROUPS_MAX)
				return 0;
			memset(&groups[n], 0, sizeof(groups[n]));
			groups[n++].value = value;
		}
		groups[j].n++;
	}
	for (size_t j = 0; j < n; j++) {
		groups[j].named = named_option(decision, feature, groups[j].value);
		groups[j].incumbent = incumbent_option(decision, feature, groups[j].value);
		groups[j].step = groups[j].n / (n == 1 ? SAMPLE_MAX : GROUP_SAMPLE_MAX) + 1;
	}
	for (size_t i = 0; i < decision->n; i += decision->stride) {
		const struct looks *looks;
		struct group *group;
		uint64_t value;

		if (!feature_value(decision->inference, feature, &decision->entries[i].passage, &value))
			return 0;
		group = &groups[group_find(groups, n, value)];
		if (group->met++ % group->step)
			continue;
		looks = looks_of(decision, i);
		group->looked++;
		group->best += look_best(decision, looks);
		for (size_t j = 0; j < decision->n_options; j++) {
			group->sum[j] += looks->v[j];
			group->exact[j] += looks->exact[j];
			group->misfit[j] += looks->v[j] == LOOK_MISFIT;
		}
	}
	return n;
}

static int option_score(const struct decision *decision, const struct group *group, size_t j)
{
	int score = group->sum[j] / (int)group->looked + decision->options[j].bonus;

	if (group->exact[j] == group->looked && decision->options[j].type != decision->text)
		score += BONUS_EXACT + (group->n >= 20 ? BONUS_EXACT_MANY : 0);
	return score + (j == group->named ? BONUS_NAMED : 0) + (j == group->incumbent ? BONUS_INCUMBENT : 0);
}

static struct verdict verdict_of(const struct decision *decision, const struct group *group)
{
	struct verdict verdict = { .option = SIZE_MAX, .score = INT32_MIN };
	int second = LOOK_LEAST;

	for (size_t j = 0; j < decision->n_options; j++) {
		int score = option_score(decision, group, j);

		if (score > verdict.score) {
			second = verdict.option == SIZE_MAX ? second : verdict.score > second ? verdict.score : second;
			verdict.option = j;
			verdict.score = score;
		} else if (score > second) {
			second = score;
		}
	}
	verdict.margin = verdict.score - second;
	return verdict;
}

/* What a split gains over the one type that is best for all: the mean of what its groups gain, rare ones counting for more than their share. And what it loses against the
   best type for each chunk by itself, which a true tag does not: that its groups are not mixed is what tells it from other numbers. */
static int split_gain(const struct decision *decision, const struct group *groups, size_t n, size_t whole_option, int *loss_ret)
{
	int64_t total = 0, weights = 0, loss = 0;

	for (size_t i = 0; i < n; i++) {
		struct verdict verdict = verdict_of(decision, &groups[i]);
		// Groups differ in size by orders of magnitude, and are all meant.
		int64_t weight = 32 - __builtin_clz(groups[i].n);

		weights += weight;
		loss += weight * (groups[i].best - groups[i].sum[verdict.option]) / groups[i].looked;
		// Of very few, something always looks good.
		if (groups[i].looked >= GROUP_MIN)
			total += weight * (verdict.score - option_score(decision, &groups[i], whole_option));
	}
	*loss_ret = (int)(loss / weights) + PENALTY_GROUP * (int)n;
	return (int)(total / weights) - PENALTY_GROUP * (int)n - MARGIN_SPLIT;
}

static void feature_add(struct feature *features, size_t *n, enum feature_kind kind, unsigned size, int64_t offset, type_id enumeration)
{
	if (*n < FEATURES_MAX)
		features[(*n)++] = (struct feature){ .kind = (uint8_t)kind, .size = (uint8_t)size, .offset = (int32_t)offset, .enumeration = enumeration };
}

static bool field_may_be_tag(const struct layout_field *field)
{
	switch ((enum layout_kind)field->kind) {
	case LAYOUT_ENUM:
	case LAYOUT_BOOL:
	case LAYOUT_SIGNED:
	case LAYOUT_UNSIGNED:
		return field->size <= 4 && field->count == 1;
	case LAYOUT_CHAR:
		return field->count == 1;
	case LAYOUT_POINTER:
	case LAYOUT_FUNCTION:
		// A table of functions, a descriptor of the type: what they point to is a tag.
		return field->kind == LAYOUT_FUNCTION;
	case LAYOUT_FLOAT:
	case LAYOUT_ARRAY:
	case LAYOUT_OTHER:
		break;
	}
	return false;
}

/* Numbers of a struct as features: those near `around`, enums first. */
static void tags_add(struct inference *inference, type_id type, uint64_t around, enum feature_kind kind, struct feature *features, size_t *n)
{
	const struct type_layout *layout = layout_of(inference->layouts, type);

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < layout->v.n; i++) {
			const struct layout_field *field = &layout->v.v[i];
			int64_t distance = (int64_t)field->offset - (int64_t)around;

			// Of bit-fields the byte that they are in.
			if (field->is_bit_field && pass == 0 && distance >= -BESIDE_MAX && distance <= BESIDE_MAX &&
			    !(*n && features[*n - 1].kind == kind && features[*n - 1].size == 1 && features[*n - 1].offset == distance))
				feature_add(features, n, kind, 1, distance, TYPE_NONE);
			if (!field->is_bit_field && field_may_be_tag(field) && (field->kind == LAYOUT_ENUM) == (pass == 0) && distance >= -BESIDE_MAX && distance <= BESIDE_MAX)
				feature_add(features, n, kind, field->size, distance, field->kind == LAYOUT_ENUM ? field->type : TYPE_NONE);
		}
	}
}

static size_t features_find(struct decision *decision, struct feature *features)
{
	struct inference *inference = decision->inference;
	const struct passage *passage = &decision->entries[0].passage;
	struct slot slot = *slot_at(inference->layouts, passage->slot);
	bool is_slot = !(decision->key >> 62 & 1);
	size_t n = 0;

	feature_add(features, &n, FEATURE_NONE, 0, 0, TYPE_NONE);
	feature_add(features, &n, FEATURE_SIZE, 0, 0, TYPE_NONE);
	if (is_slot) {
		if (slot.holder != TYPE_NONE)
			tags_add(inference, slot.holder, slot.holder_offset, FEATURE_BESIDE, features, &n);
		feature_add(features, &n, FEATURE_INTO, 0, 0, TYPE_NONE);
	}
	feature_add(features, &n, FEATURE_SLOT, 0, 0, TYPE_NONE);
	feature_add(features, &n, FEATURE_CONTEXT, 0, 0, TYPE_NONE);
	feature_add(features, &n, FEATURE_CONTEXT, 0, 1, TYPE_NONE);
	for (size_t i = 0; i < slot.n_targets; i++) {
		if (type_is_aggregate(inference->table, slot.targets[i] == TYPE_NONE ? 0 : slot.targets[i]))
			tags_add(inference, slot.targets[i], 0, FEATURE_TARGET, features, &n);
	}
	if (slot.targets[0] == 0) {
		feature_add(features, &n, FEATURE_TARGET, 4, 0, TYPE_NONE);
		feature_add(features, &n, FEATURE_TARGET, 1, 0, TYPE_NONE);
		feature_add(features, &n, FEATURE_TARGET, 4, 8, TYPE_NONE);
		feature_add(features, &n, FEATURE_TARGET, 8, 0, TYPE_NONE);
	}
	return n;
}

/* ---- verdicts ---- */

/* The rule that a verdict is; confidence 0 when nothing is said. */
static struct rule rule_of(const struct decision *decision, const struct group *group, size_t total)
{
	struct verdict verdict = verdict_of(decision, group);
	struct rule rule = { .key = decision->key, .value = group->value };
	const struct option *option;

	if (verdict.option == SIZE_MAX)
		return rule;
	option = &decision->options[verdict.option];
	rule.type = option->type;
	rule.evidence = option->evidence;
	// Many chunks it cannot be: then it is not what the slot holds.
	if (group->misfit[verdict.option] * 4 > group->looked)
		return rule;
	if (option->evidence == EVIDENCE_SHAPE && (verdict.score < SHAPE_SCORE || verdict.margin < SHAPE_MARGIN))
		return rule;
	if (verdict.score <= ACCEPT_SCORE && verdict.margin <= ACCEPT_MARGIN)
		return rule;
	rule.confidence = verdict.margin > MARGIN_SURE ? SURE_VERDICT : verdict.margin > MARGIN_LIKELY ? SURE_LIKELY : SURE_WEAK;
	if (option->evidence == EVIDENCE_SHAPE && rule.confidence > SURE_SHAPE)
		rule.confidence = SURE_SHAPE;
	if (total < 4 && rule.confidence > SURE_FEW && option->evidence != EVIDENCE_FLOW)
		rule.confidence = SURE_FEW;
	return rule;
}

/* All that is decided in a round, to be compared with the one before. */
struct verdicts {
	ARRAY(struct split) splits;
	ARRAY(struct rule) rules;
};

static void decide(struct decision *decision, struct verdicts *verdicts)
{
	struct group *groups = xmalloc(2 * GROUPS_MAX * sizeof(*groups)), *best_groups = groups + GROUPS_MAX;
	struct feature features[FEATURES_MAX];
	size_t n_features, best_n = 0, best = 0, n_counted = (decision->n + decision->stride - 1) / decision->stride;
	size_t whole_option = 0;
	int best_loss = 0;

	decision->rows = xcalloc(decision->n, sizeof(*decision->rows));
	options_find(decision);
	n_features = decision->n_options ? features_find(decision, features) : 0;
	for (size_t i = 0; i < n_features; i++) {
		size_t n = groups_make(decision, &features[i], groups);
		int gain = 0, loss = 0;

		// A group for every third chunk says nothing about them.
		if (n == 0 || (i > 0 && (n < 2 || n * 3 > n_counted)))
			continue;
		if (i == 0)
			whole_option = verdict_of(decision, &groups[0]).option;
		// Programs do not tell by sizes what a chunk is.
		if (i > 0)
			gain = split_gain(decision, groups, n, whole_option, &loss);
		if (features[i].kind == FEATURE_SIZE) {
			gain -= PENALTY_SIZE;
			loss += PENALTY_SIZE;
		}
		if (i == 0 || (gain > 0 && (best == 0 || loss < best_loss))) {
			best_loss = loss;
			best = i;
			best_n = n;
			memcpy(best_groups, groups, n * sizeof(*groups));
		}
	}
	if (best_n) {
		bool any = false;

		for (size_t i = 0; i < best_n; i++) {
			struct rule rule = rule_of(decision, &best_groups[i], decision->n);

			if (!rule.confidence)
				continue;
			array_append(&verdicts->rules, rule);
			any = true;
		}
		if (any)
			array_append(&verdicts->splits, (struct split){ decision->key, features[best] });
	}
	array_deinit(&decision->looks);
	free(decision->rows);
	free(groups);
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

/* Whether two rounds came to the same. */
static bool verdicts_differ(const struct inference *inference, const struct verdicts *verdicts)
{
	if (verdicts->splits.n != inference->splits.n || verdicts->rules.n != inference->rules.n)
		return true;
	for (size_t i = 0; i < verdicts->splits.n; i++) {
		const struct split *a = &verdicts->splits.v[i], *b = &inference->splits.v[i];

		if (a->key != b->key || a->feature.kind != b->feature.kind || a->feature.offset != b->feature.offset || a->feature.size != b->feature.size)
			return true;
	}
	for (size_t i = 0; i < verdicts->rules.n; i++) {
		const struct rule *a = &verdicts->rules.v[i], *b = &inference->rules.v[i];

		if (a->key != b->key || a->value != b->value || a->type != b->type || a->confidence != b->confidence)
			return true;
	}
	return false;
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
	struct verdicts verdicts = { .splits = { .v = NULL } };
	size_t n_keys = 0;
	type_id text = type_named(inference->table, "char");
	bool changed;

	entries_collect(inference, &entries);
	if (entries.n)
		qsort(entries.v, entries.n, sizeof(*entries.v), entry_compare);
	for (size_t first = 0, next; first < entries.n && n_keys < KEYS_MAX; first = next, n_keys++) {
		struct decision decision = { .inference = inference, .key = entries.v[first].key, .entries = entries.v + first, .text = text };

		for (next = first + 1; next < entries.n && entries.v[next].key == decision.key; next++)
			;
		decision.n = next - first;
		decision.step = (decision.n + SAMPLE_MAX - 1) / SAMPLE_MAX;
		decision.n_sample = (decision.n + decision.step - 1) / decision.step;
		decision.stride = (decision.n + ENTRIES_MAX - 1) / ENTRIES_MAX;
		if (is_undecided(inference, decision.entries, decision.n))
			decide(&decision, &verdicts);
	}
	changed = verdicts_differ(inference, &verdicts);
	if (changed)
		verdicts_take(inference, &verdicts);
	array_deinit(&entries);
	array_deinit(&verdicts.splits);
	array_deinit(&verdicts.rules);
	return changed;
}
