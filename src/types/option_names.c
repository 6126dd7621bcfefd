/* SPDX-License-Identifier: MIT */
/*
 * What names say: programs are written to be read, and name the values of a tag, their tables and their variables for what these stand for.
 */
#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "types/joint.h"

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

size_t option_named(const struct decision *decision, const struct feature *feature, uint64_t value)
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
		// What no code allocates is another name of something that is.
		if (decision->inference->allocated && !decision->inference->allocated[target])
			continue;
		best = j;
		best_length = n;
	}
	return best;
}

/* The name of a variable or of a member that leads somewhere; NULL for none. Borrowed. */
static const char *slot_name(struct inference *inference, slot_id id)
{
	const struct slot *slot = slot_at(inference->layouts, id);

	if (slot->kind == SLOT_ELEMENTS)
		slot = slot_at(inference->layouts, slot->origin);
	if (slot->kind == SLOT_ROOT)
		return inference->roots.v[slot->origin].name;
	if (slot->kind != SLOT_MEMBER || slot->holder == TYPE_NONE)
		return NULL;

	const struct type *holder = type_at(inference->table, slot->holder);

	for (uint32_t i = 0; i < holder->n; i++) {
		if (inference->table->members.v[holder->first + i].offset == slot->holder_offset)
			return inference->table->members.v[holder->first + i].name;
	}
	return NULL;
}

size_t option_of_owner(const struct decision *decision, const struct feature *feature, uint64_t value)
{
	enum { NAME_MAX_SIZE = 64, NAME_MIN = 4 };
	char owner[NAME_MAX_SIZE], name[NAME_MAX_SIZE];
	size_t best = CANDIDATES_MAX, best_length = 0;
	const struct slot *slot;
	const char *full;

	if ((feature->kind != FEATURE_CONTEXT && feature->kind != FEATURE_SLOT) || value >= decision->inference->layouts->slots.n)
		return CANDIDATES_MAX;
	slot = slot_at(decision->inference->layouts, (slot_id)value);
	for (size_t j = 0; j < decision->n_options && feature->kind == FEATURE_SLOT && slot->kind == SLOT_MEMBER; j++) {
		if (decision->options[j].type == slot->origin)
			return j;
	}
	full = slot_name(decision->inference, (slot_id)value);
	if (!full || !name_plain(full, owner, sizeof(owner)))
		return CANDIDATES_MAX;
	for (size_t j = 0; j < decision->n_options; j++) {
		size_t n = name_plain(text_without_keyword(type_at(decision->inference->table, decision->options[j].type)->name), name, sizeof(name));

		if (n < NAME_MIN || n <= best_length || !strstr(owner, name))
			continue;
		best = j;
		best_length = n;
	}
	return best;
}
