/* SPDX-License-Identifier: MIT */
/*
 * What malloc gives is a little more than what was asked for, so a type fits a chunk when its size, rounded up as malloc does, is the chunk's. A rest that is too small to be a
 * chunk of its own stays with the one before it: 16 bytes more are possible, but rare.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "types/inference.h"

enum {
	HEADER = 8,
	/** In front of an array whose elements are counted. */
	COUNTER = 8,
	USABLE_MIN = 24,
	UNSPLIT = 16,
	PAGE = 4096,
	/** Fits. Units: percent. */
	FIT_ONE = 100,
	FIT_UNSPLIT = 75,
	FIT_SITE = 85,
	FIT_LONGER = 65,
	FIT_START = 55,
	FIT_SHORTER = 52,
	FIT_ARRAY_SITE = 88,
	FIT_TEXT_INSIDE = 80,
	/** Headers of strings, in front of what the program holds. Units: bytes. */
	TEXT_HEADER_MAX = 32,
	FIT_FLEXIBLE = 88,
	FIT_ARRAY_ANYHOW = 82,
	FIT_ARRAY = 68,
	FIT_ARRAY_AROUND = 58,
	FIT_ARRAY_UNSPLIT = 45,
	FIT_TEXT = 95,
	FIT_NUMBERS = 88,
	FIT_POINTERS = 92,
	FIT_COUNTED = 95,
	/** Smaller structs make arrays that fit anything. Units: bytes. */
	ARRAY_ELEMENT_MIN = 16,
	/** What may be so many of a smaller one is not one with something behind it. */
	START_FEW = 16,
	ROWS_LOOKED_AT = 1 << 13,
};

uint64_t usable_of(uint64_t size)
{
	uint64_t usable = ((size + HEADER + CHUNK_ALIGN - 1) & ~(uint64_t)(CHUNK_ALIGN - 1)) - HEADER;

	return usable < USABLE_MIN ? USABLE_MIN : usable;
}

static int sized_compare(const void *a, const void *b)
{
	const struct sized_type *left = a, *right = b;

	if (left->usable != right->usable)
		return left->usable < right->usable ? -1 : 1;
	return left->type < right->type ? -1 : left->type > right->type;
}

void sized_sort(struct sized_type *sized, size_t n)
{
	if (n)
		qsort(sized, n, sizeof(*sized), sized_compare);
}

size_t sized_first(const struct sized_type *sized, size_t n, uint64_t usable)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (sized[middle].usable < usable)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether so many bytes were asked for: exactly, or with a rest that was not split off. */
static unsigned fit_of_size(const struct inference *inference, chunk_id chunk, uint64_t size)
{
	uint64_t usable = usable_at(inference, chunk);

	if (size > usable)
		return 0;
	// A mapping of its own has whole pages.
	if (inference->typing[chunk].is_mmapped)
		return usable - size < PAGE ? FIT_ONE : 0;
	return usable_of(size) == usable ? FIT_ONE : usable_of(size) + UNSPLIT == usable ? FIT_UNSPLIT : 0;
}

/* In which forms code was seen to allocate a type; 0 for none. */
static unsigned allocated_forms(const struct inference *inference, type_id type)
{
	return inference->allocated ? inference->allocated[type] : 0;
}

bool type_is_link(const struct inference *inference, type_id type)
{
	enum { LINK_SIZE_MAX = 32 };
	const struct enclosing *enclosing = &inference->enclosing;
	const struct type_layout *layout;
	bool is_linked = false;

	if (!type_is_aggregate(inference->table, type) || type_at(inference->table, type)->size > LINK_SIZE_MAX ||
	    (type_at(inference->table, type)->size > 8 && enclosing->first[type] == enclosing->first[type + 1]))
		return false;
	layout = layout_of(inference->layouts, type);
	for (size_t i = 0; i < layout->v.n; i++) {
		const struct layout_field *field = &layout->v.v[i];

		if (field->kind != LAYOUT_POINTER)
			continue;
		if (field->target != type)
			return false;
		is_linked = true;
	}
	return is_linked;
}

static struct candidate fit_of_array(const struct inference *inference, type_id type, uint64_t size, chunk_id chunk)
{
	uint64_t usable = usable_at(inference, chunk), n = size ? usable / size : 0, rest = size ? usable % size : 0;
	struct candidate ret = { .type = type, .form = FORM_ARRAY, .evidence = EVIDENCE_POINTER };

	unsigned forms = allocated_forms(inference, type);
	bool is_known = forms & (type_is_link(inference, type) ? ALLOCATED_AS_ARRAY : ALLOCATED_AS_ARRAY | ALLOCATED_ANYHOW);

	if (n < 2 || (size < ARRAY_ELEMENT_MIN && !is_known))
		return ret;
	ret.fit = inference->typing[chunk].is_mmapped ? (rest < PAGE || usable > 16 * PAGE ? FIT_ARRAY : 0) :
		  rest < CHUNK_ALIGN				  ? FIT_ARRAY :
		  rest < CHUNK_ALIGN + UNSPLIT			  ? FIT_ARRAY_UNSPLIT :
								    0;
	bool is_c = !(type_at(inference->table, type)->flags & TYPE_IS_CLASSY);

	// One that code allocates, but never so, is none; though where containers allocate, the code does not say what for.
	if (inference->allocated && !is_known)
		ret.fit = forms && is_c ? ret.fit / 3 : ret.fit * 3 / 4;
	else if (is_known && ret.fit == FIT_ARRAY)
		ret.fit = forms & ALLOCATED_AS_ARRAY ? FIT_ARRAY_SITE : FIT_ARRAY_ANYHOW;
	return ret;
}

static struct candidate fit_of_struct(const struct inference *inference, type_id id, chunk_id chunk)
{
	const struct type *type = type_at(inference->table, id);
	uint64_t usable = usable_at(inference, chunk);
	struct candidate ret = { .type = id, .form = FORM_ONE, .evidence = EVIDENCE_POINTER };

	ret.fit = (uint8_t)fit_of_size(inference, chunk, type->size);
	if (ret.fit == FIT_ONE)
		return ret;
	if (type->flags & TYPE_IS_FLEXIBLE) {
		uint64_t tail = layout_of(inference->layouts, id)->tail;

		if (tail != UINT64_MAX && usable_of(tail) <= usable) {
			ret.form = FORM_FLEXIBLE;
			ret.fit = FIT_FLEXIBLE;
			return ret;
		}
	}
	if (inference->site_sizes.n && hash_map_get(&inference->site_sizes, hash_mix(hash_mix(9, id), usable)) != UINT32_MAX)
		ret.fit = FIT_SITE;
	struct candidate array = fit_of_array(inference, id, type->size, chunk);

	// A rest that was not split off is rare, two of them are not.
	if (ret.fit && !(ret.fit == FIT_UNSPLIT && array.fit > FIT_ARRAY / 2))
		return ret;

	// Code that asks for sizeof and something more.
	if (array.fit < FIT_LONGER && (allocated_forms(inference, id) & (ALLOCATED_LONGER | ALLOCATED_ANYHOW)) && usable_of(type->size) <= usable) {
		ret.fit = FIT_LONGER;
		return ret;
	}
	return array;
}

struct candidate fit_of(const struct inference *inference, type_id id, chunk_id chunk)
{
	const struct type *type = type_at(inference->table, id);
	uint64_t usable = usable_at(inference, chunk);
	struct candidate ret = { .type = id, .form = FORM_ARRAY, .evidence = EVIDENCE_POINTER };

	if (!type->size || (type->flags & TYPE_IS_DECLARATION))
		return ret;
	// A flexible end that is declared with an element may have none.
	if (type->size > usable && !((type->flags & TYPE_IS_FLEXIBLE) && type_is_aggregate(inference->table, id)))
		return ret;
	switch ((enum type_kind)type->kind) {
	case TYPE_CHAR:
		ret.fit = FIT_TEXT;
		break;
	case TYPE_BOOL:
	case TYPE_SIGNED:
	case TYPE_UNSIGNED:
	case TYPE_FLOAT:
	case TYPE_ENUM:
		ret.fit = FIT_NUMBERS;
		break;
	case TYPE_POINTER:
	case TYPE_REFERENCE:
		ret.fit = FIT_POINTERS;
		break;
	case TYPE_STRUCT:
	case TYPE_CLASS:
	case TYPE_UNION:
		return fit_of_struct(inference, id, chunk);
	case TYPE_ARRAY: {
		type_id element = type_strip(inference->table, type->target);

		return element == TYPE_NONE || type_at(inference->table, element)->kind == TYPE_ARRAY ? ret : fit_of(inference, element, chunk);
	}
	case TYPE_VOID:
	case TYPE_MEMBER_POINTER:
	case TYPE_FUNCTION:
	case TYPE_TYPEDEF:
	case TYPE_FORWARD:
	case TYPE_KINDS:
		break;
	}
	return ret;
}

static void candidate_add(struct candidates *candidates, struct candidate candidate)
{
	for (size_t i = 0; i < candidates->n; i++) {
		if (candidates->v[i].type == candidate.type)
			return;
	}
	if (candidates->n == CANDIDATES_MAX)
		candidates->overflow = true;
	else
		candidates->v[candidates->n++] = candidate;
}

/* Whether in front of what is pointed to there is the count of its elements, as new[] puts it there for what has a destructor. */
static bool is_counted(struct inference *inference, type_id target, chunk_id chunk, uint64_t into)
{
	uint64_t size = type_at(inference->table, target)->size, count, bytes;

	return (into == 8 || into == 16) && size >= 8 && window_word(&inference->window, inference->chunks->mem[chunk] + into - 8, &count) && count &&
	       !__builtin_mul_overflow(count, size, &bytes) && bytes <= usable_at(inference, chunk) - into && fit_of_size(inference, chunk, bytes + into) != 0;
}

/* One behind the header of the program's own allocator: itself, or what has it inside. */
static void behind_add(struct inference *inference, type_id target, chunk_id chunk, uint64_t into, struct candidates *candidates)
{
	const struct type_table *table = inference->table;
	uint64_t header = inference->header;
	const struct enclosing_type *rows;
	size_t n;

	if (!header || into < header)
		return;
	if (into == header && type_at(table, target)->size) {
		uint64_t tail = layout_of(inference->layouts, target)->tail;
		unsigned fit = fit_of_size(inference, chunk, type_at(table, target)->size + header);

		if (!fit && tail != UINT64_MAX && usable_of(tail + header) <= usable_at(inference, chunk))
			fit = FIT_FLEXIBLE;
		uint64_t size = type_at(table, target)->size, room = usable_at(inference, chunk) - header;
		unsigned forms = allocated_forms(inference, target);

		if (fit) {
			candidate_add(candidates, (struct candidate){ target, FORM_BEHIND, EVIDENCE_POINTER, (uint8_t)fit });
		} else if (header == COUNTER && (forms & (ALLOCATED_AS_ARRAY | ALLOCATED_ANYHOW)) && room / size >= 2 && room % size < CHUNK_ALIGN) {
			candidate_add(candidates, (struct candidate){ target, FORM_COUNTED, EVIDENCE_POINTER, forms & ALLOCATED_AS_ARRAY ? FIT_ARRAY_SITE : FIT_ARRAY });
		} else if ((forms & (ALLOCATED_LONGER | ALLOCATED_ANYHOW)) && size <= room) {
			candidate_add(candidates, (struct candidate){ target, FORM_BEHIND, EVIDENCE_POINTER, FIT_LONGER });
		}
	}
	rows = enclosing_find(&inference->enclosing, target, into - header, &n);
	for (size_t i = 0; i < n && i < ROWS_LOOKED_AT; i++) {
		unsigned fit = fit_of_size(inference, chunk, (uint64_t)rows[i].size + header);

		if (fit == FIT_ONE && !(into == header && rows[i].size == type_at(table, target)->size))
			candidate_add(candidates, (struct candidate){ rows[i].outer, FORM_BEHIND, EVIDENCE_EMBEDDED, (uint8_t)fit });
	}
}

/* Types around the target that no code allocates are left out, if there are others that some does. */
static void unallocated_drop(const struct inference *inference, struct candidates *candidates)
{
	size_t kept = 0, allocated = 0;

	for (size_t i = 0; inference->allocated && i < candidates->n; i++)
		allocated += candidates->v[i].evidence == EVIDENCE_EMBEDDED && inference->allocated[candidates->v[i].type];
	for (size_t i = 0; allocated && i < candidates->n; i++) {
		if (candidates->v[i].evidence != EVIDENCE_EMBEDDED || inference->allocated[candidates->v[i].type])
			candidates->v[kept++] = candidates->v[i];
	}
	if (allocated)
		candidates->n = kept;
}

/* What is text in front of where a pointer leads: one into the middle of it says nothing else. */
static bool is_text_before(const struct inference *inference, chunk_id chunk, uint64_t into)
{
	enum { LOOKED_AT = 64 };
	uint8_t bytes[LOOKED_AT], last = 0;
	size_t n = into < LOOKED_AT ? into : LOOKED_AT;

	if (!image_get(inference->window.image, inference->chunks->mem[chunk], bytes, n))
		return false;
	// Several texts may follow each other.
	for (size_t i = 0; i < n; last = bytes[i++]) {
		if (bytes[i] < 0x20 && (bytes[i] ? bytes[i] != '\n' && bytes[i] != '\t' && bytes[i] != '\r' : !last))
			return false;
	}
	return true;
}

/* Whether a text that begins so far into a chunk takes just the room that is left. */
static bool text_fills(const struct inference *inference, chunk_id chunk, uint64_t into)
{
	uint64_t usable = usable_at(inference, chunk), n = usable - into;
	uint8_t bytes[512];
	const uint8_t *end;

	if (into >= usable || n > sizeof(bytes) || !image_get(inference->window.image, inference->chunks->mem[chunk] + into, bytes, n))
		return false;
	end = memchr(bytes, 0, n);
	return end && usable_of(into + (uint64_t)(end - bytes) + 1) == usable;
}

/* Of two or more candidates the one that the chunk looks like, if it looks more like that than like any other. */
static void best_keep(struct inference *inference, chunk_id chunk, struct candidates *candidates)
{
	enum { AHEAD = 40 };
	int most = INT_MIN, second = INT_MIN;
	size_t best = 0;

	for (size_t i = 0; i < candidates->n; i++) {
		int score = shape_score(inference, candidates->v[i].type, (enum type_form)candidates->v[i].form, chunk, 0);

		second = score > most ? most : score > second ? score : second;
		if (score > most) {
			most = score;
			best = i;
		}
	}
	if (most < second + AHEAD)
		return;
	candidates->v[0] = candidates->v[best];
	candidates->n = 1;
}

/* What ends in the text that is pointed to, and is as long as that. */
static void text_ends_add(struct inference *inference, chunk_id chunk, uint64_t into, struct candidates *candidates)
{
	const struct enclosing_type *rows;
	bool has_flexible = false;
	size_t n;

	if (!text_fills(inference, chunk, into) || is_text_before(inference, chunk, into))
		return;
	rows = enclosing_find(&inference->enclosing, inference->enclosing.text, into, &n);
	for (size_t i = 0; i < n && i < ROWS_LOOKED_AT; i++) {
		struct candidate one = fit_of_struct(inference, rows[i].outer, chunk);

		if (!one.fit || one.form == FORM_ARRAY || one.fit == FIT_LONGER)
			continue;
		// What is declared to be as long as it takes is meant for this; an array of a fixed length is not.
		bool is_flexible = type_at(inference->table, one.type)->flags & TYPE_IS_FLEXIBLE;

		if (is_flexible && !has_flexible)
			candidates->n = 0;
		if (has_flexible && !is_flexible)
			continue;
		has_flexible |= is_flexible;
		one.evidence = EVIDENCE_EMBEDDED;
		candidate_add(candidates, one);
	}
	unallocated_drop(inference, candidates);
	// What a chunk looks like may depend on what its pointers lead to, and that on how it looks: asked once, not along a chain.
	if (candidates->n < 2 || inference->is_choosing)
		return;
	inference->is_choosing = true;
	best_keep(inference, chunk, candidates);
	inference->is_choosing = false;
}

/* What a pointer can mean, by the size of its target, by how far it leads into it, and by whether there is a count. */
static void candidates_collect(struct inference *inference, type_id target, chunk_id chunk, uint64_t into, bool counted, struct candidates *ret)
{
	const struct type_table *table = inference->table;
	uint64_t usable = usable_at(inference, chunk);
	const struct enclosing_type *rows;
	size_t n;

	ret->n = 0;
	ret->overflow = false;
	if (type_at(table, target)->kind == TYPE_CHAR && into > 0) {
		// Behind the header of the program's own allocator a text begins as good as at the start.
		if (into != inference->header)
			text_ends_add(inference, chunk, into, ret);
		if (!ret->n && into <= TEXT_HEADER_MAX)
			candidate_add(ret, (struct candidate){ target, FORM_ARRAY, EVIDENCE_POINTER, into == inference->header ? FIT_TEXT : FIT_TEXT_INSIDE });
	} else if (into == 0) {
		struct candidate own = fit_of(inference, target, chunk);

		if (own.fit)
			candidate_add(ret, own);
	} else if (type_is_aggregate(table, target)) {
		behind_add(inference, target, chunk, into, ret);
		if (ret->n)
			return;
		if (counted)
			candidate_add(ret, (struct candidate){ target, FORM_COUNTED, EVIDENCE_POINTER, FIT_COUNTED });
	} else if (type_at(table, target)->kind == TYPE_POINTER && into % 8 == 0) {
		candidate_add(ret, (struct candidate){ target, FORM_ARRAY, EVIDENCE_POINTER, into == inference->header ? FIT_POINTERS : FIT_ARRAY_AROUND });
	}
	if (!type_is_aggregate(table, target))
		return;
	rows = enclosing_find(&inference->enclosing, target, into, &n);
	for (size_t i = 0; i < n && i < ROWS_LOOKED_AT && rows[i].size <= usable; i++) {
		const struct type *outer = type_at(table, rows[i].outer);
		struct candidate one;

		// A mere wrapper adds nothing to what is declared.
		if ((into == 0 && outer->size == type_at(table, target)->size && !(outer->flags & TYPE_IS_FLEXIBLE)) || (outer->kind == TYPE_UNION && (outer->flags & TYPE_IS_RUST)))
			continue;
		// Rows are by size: what is far too small comes first.
		if (rows[i].size + 2 * CHUNK_ALIGN <= usable && !(outer->flags & TYPE_IS_FLEXIBLE) && !inference->typing[chunk].is_mmapped)
			continue;
		one = fit_of_struct(inference, rows[i].outer, chunk);
		if (!one.fit || one.form == FORM_ARRAY || one.fit == FIT_LONGER)
			continue;
		one.evidence = EVIDENCE_EMBEDDED;
		candidate_add(ret, one);
	}
	unallocated_drop(inference, ret);
	// A link is smaller than what it links: as an array it would fit nearly everything.
	if (ret->n > 1 && ret->v[0].type == target && ret->v[0].form == FORM_ARRAY && !(allocated_forms(inference, target) & (ALLOCATED_AS_ARRAY | ALLOCATED_ANYHOW))) {
		for (size_t i = 1; i < ret->n; i++) {
			if (ret->v[i].fit != FIT_ONE)
				continue;
			memmove(ret->v, ret->v + 1, --ret->n * sizeof(*ret->v));
			break;
		}
	}
	// Of what is only declared no size is known.
	if (into > 0 && type_at(table, target)->size && into % type_at(table, target)->size == 0 && !ret->n) {
		struct candidate array = fit_of_array(inference, target, type_at(table, target)->size, chunk);

		// Where it begins, none of them says.
		if (array.fit > FIT_ARRAY_AROUND)
			array.fit = FIT_ARRAY_AROUND;
		if (array.fit)
			candidate_add(ret, array);
	}
}

static void candidates_copy(struct candidates *to, const struct candidates *from)
{
	to->n = from->n;
	to->overflow = from->overflow;
	memcpy(to->v, from->v, from->n * sizeof(*to->v));
}

void candidates_find(struct inference *inference, type_id target, chunk_id chunk, uint64_t into, struct candidates *ret)
{
	const struct typing *typing = &inference->typing[chunk];
	bool is_struct;

	if (target == TYPE_NONE || target == 0) {
		ret->n = 0;
		ret->overflow = false;
		return;
	}
	is_struct = type_is_aggregate(inference->table, target);
	// Flags in the low bits.
	if (into < 8 && type_at(inference->table, target)->kind != TYPE_CHAR)
		into = 0;

	bool counted = is_struct && is_counted(inference, target, chunk, into);

	if (!is_struct || typing->size_units == CHUNK_SIZE_ODD) {
		candidates_collect(inference, target, chunk, into, counted, ret);
		return;
	}

	// A link that is inside of thousands of types would have all of them looked at for each chunk.
	struct known_candidates *known = &inference->known[hash_mix(hash_mix(target, typing->size_units), into) % KNOWN_CANDIDATES];

	if (known->target != target || known->size_units != typing->size_units || known->into != into || known->is_mmapped != typing->is_mmapped || known->counted != counted) {
		*known = (struct known_candidates){ .target = target, .size_units = typing->size_units, .into = into, .is_mmapped = typing->is_mmapped, .counted = counted };
		candidates_collect(inference, target, chunk, into, counted, &known->candidates);
	}
	candidates_copy(ret, &known->candidates);
}

struct candidate fit_of_start(const struct inference *inference, type_id target, chunk_id chunk, uint64_t into)
{
	uint64_t size = type_at(inference->table, target)->size, usable = usable_at(inference, chunk);
	bool is_any = allocated_forms(inference, target) & (ALLOCATED_LONGER | ALLOCATED_OTHER | ALLOCATED_ANYHOW);
	struct candidate ret = { target, into ? FORM_BEHIND : FORM_ONE, EVIDENCE_POINTER, 0 };
	size_t heirs;

	if (!type_is_aggregate(inference->table, target) || !size || (into && into != inference->header) || into >= usable)
		return ret;
	// A union is the base of what it may be.
	if (type_at(inference->table, target)->kind == TYPE_UNION || type_is_link(inference, target))
		return ret;
	// A base or a link says nothing of the whole, unless it is allocated by itself.
	enclosing_find(&inference->enclosing, target, 0, &heirs);
	if (heirs && !is_any)
		return ret;
	// What is hardly more than a word is no beginning of something long.
	if (size <= usable - into)
		ret.fit = size >= ARRAY_ELEMENT_MIN || usable - into < START_FEW * size ? FIT_START : 0;
	else if (is_any || !inference->allocated)
		ret.fit = FIT_SHORTER;
	return ret;
}
