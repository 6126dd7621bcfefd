/* SPDX-License-Identifier: MIT */
/*
 * How a chunk looks as one of several options: by its bytes (shape.c), or, of text, by what can be read.
 */
#include "types/joint.h"

enum {
	/** Units: hundredths of a point. */
	LOOK_NUMBERS = -50,
	WITNESS_FOR = 300,
	WITNESS_AGAINST = -300,
	TEXT_GOOD = 140,
	TEXT_FITS = 190,
	TEXT_SHORT = 40,
	/** In the smallest of chunks, where text is declared. */
	TEXT_SMALLEST = 70,
	TEXT_EMPTY = -20,
	TEXT_BAD = -60,
	/** What code takes for bytes need not be text. */
	BYTES_PLAIN = -20,
	TEXT_POINTERS = -200,
};

static int text_look(struct inference *inference, chunk_id chunk, uint64_t into, bool is_declared)
{
	enum { LOOKED_AT = 64 };
	uint8_t bytes[LOOKED_AT];
	uint64_t usable = usable_at(inference, chunk) - into;
	size_t size = usable < LOOKED_AT ? usable : LOOKED_AT, i = 0;

	if (!bytes_are_plain(inference, chunk, into, is_declared))
		return TEXT_POINTERS;
	if (!image_get(inference->window.image, inference->chunks->mem[chunk] + into, bytes, size))
		return 0;
	while (i < size && (bytes[i] >= 0x20 ? bytes[i] < 0x7f || (bytes[i] >= 0x80 && is_declared) : bytes[i] == '\n' || bytes[i] == '\t' || bytes[i] == '\r'))
		i++;
	// An empty one is as likely as anything else that is all zero, and in the smallest of chunks more.
	if (bytes[0] == 0)
		return usable + into != usable_of(1) ? TEXT_EMPTY : is_declared ? TEXT_SMALLEST : TEXT_SHORT;
	// A text that takes just the room that was asked for it; of a short one, that proves little.
	if (i < size && bytes[i] == 0 && i > 0 && usable_of(into + i + 1) == usable + into)
		return i > 2 ? TEXT_FITS : TEXT_SHORT;
	return i == size || (bytes[i] == 0 && i > 2) ? TEXT_GOOD : TEXT_BAD;
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

	// The smallest of chunks fits whatever is small.
	*exact_ret = fit.form == FORM_ONE && fit.fit == 100 && type_at(inference->table, fit.type)->size > 8;
	if (chunk_is_witness(inference, target) && inference->typing[target].slot != entry->passage.slot)
		return inference->typing[target].type == (fit.fit ? fit.type : option->type) ? WITNESS_FOR : WITNESS_AGAINST;
	if (!fit.fit || (option->into > 0 && entry->passage.into < (uint64_t)option->into))
		return LOOK_MISFIT;
	if (type_at(inference->table, option->type)->kind == TYPE_CHAR) {
		look = text_look(inference, target, entry->passage.into, option->is_declared);
		return look == TEXT_BAD && option->evidence == EVIDENCE_FLOW ? BYTES_PLAIN : look;
	}
	if (fit.form == FORM_TENANT) {
		look = shape_score_inside(inference, fit.type, target, entry->passage.into) + fit_points[fit.fit / 10];
		return look < LOOK_LEAST ? LOOK_LEAST : look > LOOK_MOST ? LOOK_MOST : look;
	}
	if (!type_is_aggregate(inference->table, option->type) && type_at(inference->table, option->type)->kind != TYPE_POINTER)
		return bytes_are_plain(inference, target, 0, false) ? LOOK_NUMBERS : TEXT_POINTERS;
	// A struct begins at a multiple of eight.
	if (entry->passage.into % 8)
		return LOOK_LEAST;
	look = shape_score(inference, fit.type, (enum type_form)fit.form, target, 1) + fit_points[fit.fit / 10];
	return look < LOOK_LEAST ? LOOK_LEAST : look > LOOK_MOST ? LOOK_MOST : look;
}

const struct looks *looks_of(struct decision *decision, size_t entry)
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
