/* SPDX-License-Identifier: MIT */
/*
 * By which number chunks are told apart.
 *
 * Each number that could be a tag makes groups of those that have the same value; values that are rare are one group together, for memory that is not initialised has some.
 * A group that is still mixed may be split once more by another number: the kind of a node says that it is an array, and its table of functions says of what.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "types/joint.h"

enum {
	GROUP_SAMPLE_MAX = 24,
	FEATURES_MAX = 24,
	GROUPS_MAX = 40,
	GROUP_MIN = 3,
	/** With more groups than that, those that are smaller than GROUP_MIN are one. */
	GROUPS_FEW = 8,
	/** Of a number that is a tag; and of all entries at most every so manieth has a rare value. */
	VALUES_MAX = 1024,
	OTHERS_PART = 4,
	/** Pointers that are looked at before they count as a tag. */
	DESCRIPTORS_LOOKED_AT = 16,
	/** Groups that are split once more. */
	SPLIT_AGAIN_MIN = 12,
	/** How far a tag may be from its pointer. Units: bytes. */
	BESIDE_MAX = 64,
	/** Units: hundredths of a point. */
	BONUS_EXACT = 60,
	BONUS_EXACT_MANY = 40,
	BONUS_NAMED = 80,
	BONUS_OWNER_NAMED = 45,
	PENALTY_GROUP = 3,
	PENALTY_SIZE = 25,
	/** What is declared to tell kinds apart, is likely to do so; what was decided before is kept when there is little between two. */
	BONUS_ENUM = 25,
	BONUS_KEPT = 15,
	/** After so many rounds more: verdicts that depend on each other would alternate for ever. */
	BONUS_KEPT_LATER = 60,
	ROUNDS_FREE = 4,
	MARGIN_SPLIT = 15,
	/** What gains less than such a part of the most is not considered. */
	GAIN_PART = 3,
	/** What the chunks of a group would gain if each had its own best option: then they are mixed; if it is little, only a descriptor can tell them apart; then the verdict is doubted. */
	MIXED = 60,
	MIXED_LITTLE = 15,
	MIXED_DOUBT = 100,
	ACCEPT_SCORE = 20,
	ACCEPT_MARGIN = 100,
	LOOK_NO_TEXT = 50,
	MARGIN_SURE = 50,
	MARGIN_LIKELY = 20,
	/** By shape alone more is asked; and of few chunks still more, and a struct of some size, for what many look like, one does by chance. */
	SHAPE_SCORE = 120,
	SHAPE_SCORE_FEW = 400,
	SHAPE_SIZE_FEW = 64,
	SHAPE_FEW = 8,
	SHAPE_MARGIN = 60,
	/** Confidence of a verdict. Units: percent. */
	SURE_VERDICT = 90,
	SURE_LIKELY = 60,
	SURE_WEAK = 30,
	SURE_SHAPE = 62,
	SURE_FEW = 65,
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
	/** The option that its value is named for, or that the owner which is its value is, and that of the round before; CANDIDATES_MAX for none. */
	size_t named, of_owner, before;
};

struct verdict {
	size_t option;
	int score, margin;
};

static int look_best(const struct decision *decision, const struct looks *looks)
{
	int best = LOOK_MISFIT;

	for (size_t j = 0; j < decision->n_options; j++) {
		if (looks->v[j] > best)
			best = looks->v[j];
	}
	return best;
}

/* A value of a feature, and how many entries have it. */
struct counted {
	uint64_t value;
	uint32_t n;
};

static int counted_compare(const void *a, const void *b)
{
	const struct counted *left = a, *right = b;

	if (left->n != right->n)
		return left->n > right->n ? -1 : 1;
	return left->value < right->value ? -1 : left->value > right->value;
}

typedef ARRAY(struct counted) counted_array;

/* The values of all entries that are counted, and how often each is there, most first; false when there are too many. */
static bool values_count(const struct decision *decision, const struct feature *feature, uint64_t *values, counted_array *counted)
{
	struct hash_map by_value = { .v = NULL };
	bool are_few = true;

	for (size_t i = 0, k = 0; i < decision->n && are_few; i += decision->stride, k++) {
		uint32_t index;

		// What cannot be told is as good as rare.
		if (!feature_value(decision->inference, feature, &decision->entries[i].passage, &values[k]) || values[k] == VALUE_OTHER) {
			values[k] = VALUE_OTHER;
			continue;
		}
		index = hash_map_get(&by_value, hash_mix(17, values[k]));
		if (index == UINT32_MAX) {
			index = (uint32_t)counted->n;
			hash_map_set(&by_value, hash_mix(17, values[k]), index);
			array_append(counted, (struct counted){ values[k], 0 });
			are_few = counted->n <= VALUES_MAX;
		}
		counted->v[index].n++;
	}
	hash_map_deinit(&by_value);
	if (counted->n)
		qsort(counted->v, counted->n, sizeof(*counted->v), counted_compare);
	return are_few;
}

/* The option that the round before chose for a value. */
static size_t option_before(const struct decision *decision, uint64_t value)
{
	uint32_t rule = hash_map_get(&decision->inference->rules_by_key, hash_mix(hash_mix(5, decision->key), value));
	size_t j = 0;

	if (rule == UINT32_MAX || decision->inference->rules.v[rule].confidence == 0)
		return CANDIDATES_MAX;
	while (j < decision->n_options && decision->options[j].type != decision->inference->rules.v[rule].type)
		j++;
	return j < decision->n_options ? j : CANDIDATES_MAX;
}

/* Whether the round before split by it. */
static bool is_split_before(const struct decision *decision, const struct feature *feature)
{
	uint32_t split = hash_map_get(&decision->inference->splits_by_key, hash_mix(3, decision->key));
	const struct feature *before = split == UINT32_MAX ? NULL : &decision->inference->splits.v[split].feature;

	return before && before->kind == feature->kind && before->offset == feature->offset && before->size == feature->size;
}

/* One group for each value that is not rare, and one for all others; how many, 0 when these are too many. Sets for each entry that is counted the group that it is in. */
static size_t values_group(const struct decision *decision, const struct feature *feature, const counted_array *counted, uint64_t *values, struct group *groups)
{
	size_t n = counted->n < GROUPS_MAX - 1 ? counted->n : GROUPS_MAX - 1, n_counted = (decision->n + decision->stride - 1) / decision->stride, others = n_counted;
	struct hash_map by_value = { .v = NULL };

	while (n > GROUPS_FEW && counted->v[n - 1].n < GROUP_MIN)
		n--;
	for (size_t j = 0; j < n; j++) {
		memset(&groups[j], 0, sizeof(groups[j]));
		groups[j].value = counted->v[j].value;
		groups[j].n = counted->v[j].n;
		groups[j].named = option_named(decision, feature, groups[j].value);
		groups[j].of_owner = option_of_owner(decision, feature, groups[j].value);
		groups[j].before = option_before(decision, groups[j].value);
		others -= groups[j].n;
		hash_map_set(&by_value, hash_mix(17, groups[j].value), (uint32_t)j);
	}
	for (size_t k = 0; k < n_counted; k++) {
		uint32_t j = values[k] == VALUE_OTHER ? UINT32_MAX : hash_map_get(&by_value, hash_mix(17, values[k]));

		values[k] = j == UINT32_MAX ? n : j;
	}
	hash_map_deinit(&by_value);
	if (others * OTHERS_PART > n_counted)
		return 0;
	if (others) {
		memset(&groups[n], 0, sizeof(groups[n]));
		groups[n].value = VALUE_OTHER;
		groups[n].n = (uint32_t)others;
		groups[n].named = groups[n].of_owner = CANDIDATES_MAX;
		groups[n].before = option_before(decision, VALUE_OTHER);
	}
	return n + (others > 0);
}

/* Splits the chunks by a feature, and looks at some of each group: how many groups, 0 when they are too many. */
static size_t groups_make(struct decision *decision, const struct feature *feature, struct group *groups)
{
	counted_array counted = { .v = NULL };
	uint64_t *values = xmalloc(((decision->n + decision->stride - 1) / decision->stride) * sizeof(*values));
	size_t n = values_count(decision, feature, values, &counted) ? values_group(decision, feature, &counted, values, groups) : 0;

	for (size_t j = 0; j < n; j++)
		groups[j].step = groups[j].n / (n == 1 ? SAMPLE_MAX : GROUP_SAMPLE_MAX) + 1;
	for (size_t i = 0, k = 0; n && i < decision->n; i += decision->stride, k++) {
		struct group *group = &groups[values[k]];
		const struct looks *looks;

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
	array_deinit(&counted);
	free(values);
	return n;
}

static int option_score(const struct decision *decision, const struct group *group, size_t j)
{
	int score = group->sum[j] / (int)group->looked + decision->options[j].bonus;

	if (group->exact[j] == group->looked && decision->options[j].type != decision->text)
		score += BONUS_EXACT + (group->n >= 20 ? BONUS_EXACT_MANY : 0);
	return score + (j == group->named ? BONUS_NAMED : 0) + (j == group->of_owner ? BONUS_OWNER_NAMED : 0);
}

/* What was decided before speaks for itself where there is little between two, but makes nothing surer. */
static int kept_bonus(const struct decision *decision, const struct group *group, size_t j)
{
	return j != group->before ? 0 : decision->inference->rounds < ROUNDS_FREE ? BONUS_KEPT : BONUS_KEPT_LATER;
}

static struct verdict verdict_of(const struct decision *decision, const struct group *group)
{
	struct verdict verdict = { .option = SIZE_MAX };
	int most = INT32_MIN, second = LOOK_LEAST;

	for (size_t j = 0; j < decision->n_options; j++) {
		int score = option_score(decision, group, j) + kept_bonus(decision, group, j);

		if (score > most) {
			most = score;
			verdict.option = j;
		}
	}
	for (size_t j = 0; j < decision->n_options; j++) {
		int score = option_score(decision, group, j);

		if (j == verdict.option)
			verdict.score = score;
		else if (score > second)
			second = score;
	}
	verdict.margin = verdict.score - second;
	return verdict;
}

/* What a split gains over the one type that is best for all: the mean of what its groups gain, rare ones counting for more than their share. And what it loses against the
   best type for each chunk by itself, which a true tag does not: that its groups are not mixed is what tells it from other numbers. */
static int split_gain(const struct decision *decision, const struct group *groups, size_t n, size_t whole_option, int *loss_ret)
{
	int64_t total = 0, weights = 0, loss = 0, by_owner = 0;
	bool is_of_kinds = false;

	for (size_t i = 0; i < n; i++) {
		struct verdict verdict = verdict_of(decision, &groups[i]);
		// Groups differ in size by orders of magnitude, and are all meant.
		int64_t weight = 32 - __builtin_clz(groups[i].n);

		weights += weight;
		loss += weight * (groups[i].best - groups[i].sum[verdict.option]) / groups[i].looked;
		// Of very few, something always looks good.
		if (groups[i].looked < GROUP_MIN)
			continue;
		total += weight * (verdict.score - option_score(decision, &groups[i], whole_option));
		by_owner += whole_option == groups[i].of_owner ? weight * BONUS_OWNER_NAMED : 0;
		is_of_kinds |= verdict.option != whole_option;
	}
	// What the owners say is not known without the split; where they all say the same, it is not needed.
	if (is_of_kinds)
		total += by_owner;
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

/* Pointers to what the program is linked with: a table of functions, a description of the type. */
static void descriptors_add(const struct decision *decision, const struct slot *slot, struct feature *features, size_t *n)
{
	struct inference *inference = decision->inference;
	const struct type_layout *layout = layout_of(inference->layouts, slot->holder);

	for (size_t i = 0; i < layout->v.n; i++) {
		const struct layout_field *field = &layout->v.v[i];
		int64_t distance = (int64_t)field->offset - (int64_t)slot->holder_offset;
		struct feature feature = { .kind = FEATURE_BESIDE, .size = 8, .offset = (int32_t)distance, .enumeration = TYPE_NONE };
		size_t step = decision->n / DESCRIPTORS_LOOKED_AT + 1, looked = 0, good = 0;

		if (field->kind != LAYOUT_POINTER || field->count != 1 || distance == 0 || distance < -BESIDE_MAX || distance > BESIDE_MAX)
			continue;
		for (size_t j = 0; j < decision->n; j += step, looked++) {
			chunk_id chunk;
			uint64_t value;

			if (!feature_value(inference, &feature, &decision->entries[j].passage, &value))
				break;
			good += word_classify(&inference->words, value, &chunk) == WORD_DATA;
		}
		if (good * 2 > looked)
			feature_add(features, n, FEATURE_BESIDE, 8, distance, TYPE_NONE);
	}
}

static size_t features_find(struct decision *decision, struct feature *features)
{
	struct inference *inference = decision->inference;
	const struct passage *passage = &decision->entries[0].passage;
	struct slot slot = *slot_at(inference->layouts, passage->slot);
	size_t n = 0;

	feature_add(features, &n, FEATURE_NONE, 0, 0, TYPE_NONE);
	if (decision->is_little_mixed) {
		if (decision->is_slot && slot.holder != TYPE_NONE)
			descriptors_add(decision, &slot, features, &n);
		return n;
	}
	feature_add(features, &n, FEATURE_SIZE, 0, 0, TYPE_NONE);
	if (decision->is_slot) {
		if (slot.holder != TYPE_NONE) {
			descriptors_add(decision, &slot, features, &n);
			tags_add(inference, slot.holder, slot.holder_offset, FEATURE_BESIDE, features, &n);
		}
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

/* How mixed the chunks of a group are: what they would gain if each were the best for itself. */
static int group_mixture(const struct group *group, size_t option)
{
	return (group->best - group->sum[option]) / (int)group->looked;
}

/* Whether text is all that a slot is declared to hold. */
static bool declares_text(const struct decision *decision)
{
	const struct slot *slot = slot_at(decision->inference->layouts, decision->entries[0].passage.slot);

	return slot->n_targets == 1 && !slot->in_union && slot->targets[0] != TYPE_NONE && type_at(decision->inference->table, slot->targets[0])->kind == TYPE_CHAR;
}

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
	if (option->evidence == EVIDENCE_SHAPE && group->looked < SHAPE_FEW &&
	    (verdict.score < SHAPE_SCORE_FEW || type_at(decision->inference->table, option->type)->size < SHAPE_SIZE_FEW))
		return rule;
	// Text that is tried only since nothing else is known must look like text; and what is no text where text is declared must look like what it is said to be.
	if (verdict.score <= ACCEPT_SCORE && (verdict.margin <= ACCEPT_MARGIN || option->evidence == EVIDENCE_CONTENT))
		return rule;
	if (option->type != decision->text && declares_text(decision) && group->sum[verdict.option] / (int)group->looked < LOOK_NO_TEXT)
		return rule;
	rule.confidence = verdict.margin > MARGIN_SURE ? SURE_VERDICT : verdict.margin > MARGIN_LIKELY ? SURE_LIKELY : SURE_WEAK;
	// A name alone makes nothing sure.
	if ((group_mixture(group, verdict.option) > MIXED_DOUBT || (verdict.option == group->of_owner && verdict.margin <= MARGIN_SURE + BONUS_OWNER_NAMED)) &&
	    rule.confidence > SURE_LIKELY)
		rule.confidence = SURE_LIKELY;
	if (option->evidence == EVIDENCE_SHAPE && rule.confidence > SURE_SHAPE)
		rule.confidence = SURE_SHAPE;
	if (total < 4 && rule.confidence > SURE_FEW && option->evidence != EVIDENCE_FLOW)
		rule.confidence = SURE_FEW;
	return rule;
}

/* Finds the best split: of those that gain much the one whose groups are least mixed. How many groups it has, 0 when nothing can be said. */
static size_t split_find(struct decision *decision, struct feature *feature_ret, struct group *groups)
{
	struct feature features[FEATURES_MAX];
	int gains[FEATURES_MAX] = { 0 }, losses[FEATURES_MAX] = { 0 }, most = 0;
	size_t n_features = decision->n_options ? features_find(decision, features) : 0, n_counted = (decision->n + decision->stride - 1) / decision->stride;
	size_t whole_option = 0, best = 0;

	if (!n_features)
		return 0;
	for (size_t i = 0; i < n_features; i++) {
		size_t n = groups_make(decision, &features[i], groups);

		// A group for every third chunk says nothing about them.
		if (n == 0 || (i > 0 && (n < 2 || n * 3 > n_counted)))
			continue;
		if (i == 0)
			whole_option = verdict_of(decision, &groups[0]).option;
		else
			gains[i] = split_gain(decision, groups, n, whole_option, &losses[i]);
		// Programs do not tell by sizes what a chunk is.
		if (features[i].kind == FEATURE_SIZE) {
			gains[i] -= PENALTY_SIZE;
			losses[i] += PENALTY_SIZE;
		}
		if (i > 0 && features[i].enumeration != TYPE_NONE)
			losses[i] -= BONUS_ENUM;
		if (i > 0 && is_split_before(decision, &features[i])) {
			gains[i] += BONUS_KEPT;
			losses[i] -= BONUS_KEPT;
		}
		if (gains[i] > most)
			most = gains[i];
	}
	// A rare kind may be missing from what was looked at: then its group only seems to be of one.
	for (size_t i = 1; i < n_features; i++) {
		if (gains[i] > 0 && gains[i] * GAIN_PART >= most && (best == 0 || losses[i] < losses[best]))
			best = i;
	}
	*feature_ret = features[best];
	return groups_make(decision, &features[best], groups);
}

static void split_make(struct decision *decision, struct verdicts *verdicts, bool is_again);

/* Splits what has one value by another number, if it is mixed. */
static void split_again(const struct decision *decision, const struct feature *feature, const struct group *group, struct verdicts *verdicts)
{
	struct decision within = { .inference = decision->inference, .key = key_within(decision->key, group->value), .is_slot = decision->is_slot, .text = decision->text };
	struct verdict verdict = verdict_of(decision, group);
	ARRAY(struct entry) entries = { .v = NULL };

	if (verdict.option == SIZE_MAX || group->n < SPLIT_AGAIN_MIN || group->value == VALUE_OTHER || group_mixture(group, verdict.option) < MIXED_LITTLE)
		return;
	within.is_little_mixed = group_mixture(group, verdict.option) < MIXED;
	for (size_t i = 0; i < decision->n; i += decision->stride) {
		uint64_t value;

		if (feature_value(decision->inference, feature, &decision->entries[i].passage, &value) && value == group->value)
			array_append(&entries, decision->entries[i]);
	}
	within.entries = entries.v;
	within.n = entries.n;
	split_make(&within, verdicts, true);
	array_deinit(&entries);
}

/* Makes splits and rules of the entries; of those that were split before, only if they can be split again. */
static void split_make(struct decision *decision, struct verdicts *verdicts, bool is_again)
{
	struct group *groups = xmalloc(GROUPS_MAX * sizeof(*groups));
	struct feature feature;
	size_t n;

	decision->step = (decision->n + SAMPLE_MAX - 1) / SAMPLE_MAX;
	decision->n_sample = (decision->n + decision->step - 1) / decision->step;
	decision->stride = (decision->n + ENTRIES_MAX - 1) / ENTRIES_MAX;
	decision->rows = xcalloc(decision->n, sizeof(*decision->rows));
	options_find(decision);
	n = split_find(decision, &feature, groups);
	if (is_again && n && feature.kind == FEATURE_NONE)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		struct rule rule = rule_of(decision, &groups[i], decision->n);

		// Of what nothing is said the rule is kept, too: it is not one of the others.
		array_append(&verdicts->rules, rule);
		if (!is_again && feature.kind != FEATURE_NONE)
			split_again(decision, &feature, &groups[i], verdicts);
	}
	if (n)
		array_append(&verdicts->splits, (struct split){ decision->key, feature });
	array_deinit(&decision->looks);
	free(decision->rows);
	free(groups);
}

void splits_find(struct decision *decision, struct verdicts *verdicts)
{
	split_make(decision, verdicts, false);
}
