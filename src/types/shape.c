/* SPDX-License-Identifier: MIT */
/*
 * Each field of the type is looked at in the bytes: pointers should be pointers, to what they are declared to point to; numbers should not. What is repeated counts
 * less each time. The points were fitted to real programs (they are starting values, not truths): what must not be weighs more than what may be by chance.
 */
#include <string.h>

#include "types/inference.h"

enum {
	/** Elements of an array that are looked at. */
	ELEMENTS_MAX = 6,
	/** Fields of one type. */
	FIELDS_MAX = 96,
	/** Units: hundredths of a point. */
	POINTER_START = 80,
	POINTER_FITS = 70,
	POINTER_SETTLED = 60,
	POINTER_NULL = 10,
	POINTER_ELSEWHERE = 30,
	POINTER_MISFIT = -40,
	POINTER_UNALIGNED = -80,
	POINTER_CODE = -100,
	POINTER_SMALL = -150,
	POINTER_FREE = -30,
	POINTER_OTHER = -250,
	FUNCTION_CODE = 150,
	FUNCTION_ELSE = -300,
	NUMBER_POINTER = -150,
	NUMBER_CODE = -80,
	NUMBER_HALF_POINTER = -100,
	NUMBER_HALF_CODE = -60,
	FLOAT_POINTER = -150,
	BOOL_GOOD = 20,
	BOOL_BAD = -300,
	ENUM_GOOD = 30,
	ENUM_SMALL = -30,
	ENUM_BAD = -200,
	TEXT_WHERE_NONE_IS = -120,
	LENGTH_FITS = 100,
	LENGTH_MISFIT = -70,
	LENGTH_ELSEWHERE_PART = 4,
	TAIL_MOST = 300,
	/** Of what the target of a pointer looks like. */
	FURTHER_PART = 2,
	FURTHER_MOST = 40,
	FURTHER_LEAST = -120,
	/** The least beginning of a struct that says something. Units: bytes. */
	BEGIN_MIN = 16,
	/** What is settled as surely is nothing else. Units: percent. */
	SURE_SETTLED = 85,
	/** A fit that is as good as none. Units: percent. */
	FIT_HALF = 50,
};

/* What n times the same counts for: its sum by the root of n. */
static int root_mean(int sum, uint32_t n)
{
	// Hundredths of the roots of 0 to 24.
	static const int roots[] = { 100, 100, 141, 173, 200, 224, 245, 265, 283, 300, 316, 332, 346, 361, 374, 387, 400, 412, 424, 436, 447, 458, 469, 480, 490 };

	return sum * 100 / roots[n < sizeof(roots) / sizeof(*roots) ? n : sizeof(roots) / sizeof(*roots) - 1];
}

struct look {
	struct inference *inference;
	/** What is looked at: so far into the chunk it begins. Units: bytes. */
	uint64_t from;
	const uint8_t *bytes;
	uint64_t size;
	/** How many pointers further it is looked. */
	unsigned depth;
};

static uint64_t number_at(const struct look *look, uint64_t offset, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, look->bytes + offset, size);
	return value;
}

static int look_at_target(const struct look *look, const struct candidate *candidate, chunk_id chunk);

/* Whether one of a settled type begins so far into its chunk. */
static bool begins_at(const struct inference *inference, chunk_id chunk, uint64_t into)
{
	uint64_t size = type_at(inference->table, inference->typing[chunk].type)->size;
	enum type_form form = form_of(inference, chunk);
	uint64_t start = form == FORM_BEHIND ? inference->header : form == FORM_COUNTED ? 8 : 0;

	if (into < start || into - start < 8)
		return into >= start;
	return (form == FORM_ARRAY || form == FORM_COUNTED) && size && (into - start) % size == 0;
}

static int pointer_score(const struct look *look, const struct layout_field *field, uint64_t word)
{
	struct inference *inference = look->inference;
	chunk_id chunk = CHUNK_NONE;
	enum word_class class = word_classify(&inference->words, word, &chunk);

	switch (class) {
	case WORD_ZERO:
		return POINTER_NULL;
	case WORD_SMALL:
		return POINTER_SMALL;
	case WORD_CODE:
		return POINTER_CODE;
	case WORD_TEXT:
	case WORD_OTHER:
		return POINTER_OTHER;
	case WORD_FREE:
		return POINTER_FREE;
	case WORD_DATA:
	case WORD_MEMORY:
		return POINTER_ELSEWHERE;
	case WORD_CHUNK:
	case WORD_INSIDE:
	case WORD_CLASSES:
		break;
	}
	if (field->target == 0 || field->target == TYPE_NONE)
		return class == WORD_CHUNK ? POINTER_START : POINTER_ELSEWHERE;

	// A struct begins at a multiple of eight.
	if (word % 8 && type_is_aggregate(inference->table, field->target))
		return POINTER_UNALIGNED;

	uint64_t into = word - inference->chunks->mem[chunk];
	type_id settled = inference->typing[chunk].type;
	struct candidates candidates;
	int fit = 0, further = 0;

	if (settled == field->target && begins_at(inference, chunk, into))
		return POINTER_START + POINTER_FITS + POINTER_SETTLED;
	candidates_find(inference, field->target, chunk, class == WORD_CHUNK ? 0 : into, &candidates);
	for (size_t i = 0; i < candidates.n; i++) {
		if (settled != TYPE_NONE && candidates.v[i].type == settled)
			return POINTER_START + POINTER_FITS + POINTER_SETTLED;
	}
	if (!candidates.n)
		return class == WORD_CHUNK ? POINTER_MISFIT : 0;
	for (size_t i = 0; i < candidates.n; i++) {
		if (candidates.v[i].fit > fit)
			fit = candidates.v[i].fit;
	}
	if (look->depth && candidates.n == 1 && (settled == TYPE_NONE || inference->typing[chunk].confidence < SURE_SETTLED))
		further = look_at_target(look, &candidates.v[0], chunk);
	// What is settled as something else is not what this one points to.
	if (settled != TYPE_NONE && inference->typing[chunk].confidence >= SURE_SETTLED)
		return POINTER_MISFIT;
	return POINTER_START + (fit > FIT_HALF ? POINTER_FITS * (fit - FIT_HALF) / (100 - FIT_HALF) : 0) + further;
}

static int enum_score(const struct look *look, const struct layout_field *field, uint64_t value)
{
	const struct type *type = type_at(look->inference->table, field->type);
	uint64_t largest = 0;

	for (uint32_t i = 0; i < type->n; i++) {
		const struct type_member *member = &look->inference->table->members.v[type->first + i];
		uint64_t listed = field->size < 8 ? member->offset & ((UINT64_C(1) << 8 * field->size) - 1) : member->offset;

		if (listed == value)
			return ENUM_GOOD;
		if (listed > largest)
			largest = listed;
	}
	return value < 2 * largest + 2 ? ENUM_SMALL : ENUM_BAD;
}

static int number_score(const struct look *look, const struct layout_field *field, uint64_t offset, uint64_t value)
{
	chunk_id chunk;
	enum word_class class;

	if (field->size == 8) {
		class = word_classify(&look->inference->words, value, &chunk);
		if (class == WORD_CHUNK)
			return NUMBER_POINTER;
		if (class == WORD_CODE || class == WORD_DATA)
			return NUMBER_CODE;
		return class == WORD_TEXT ? TEXT_WHERE_NONE_IS : 0;
	}
	// Half of a pointer is none.
	if (field->size == 4 && offset % 8 == 0 && offset + 8 <= look->size) {
		class = word_classify(&look->inference->words, number_at(look, offset, 8), &chunk);
		return class == WORD_CHUNK ? NUMBER_HALF_POINTER : class == WORD_DATA || class == WORD_CODE ? NUMBER_HALF_CODE : class == WORD_TEXT ? TEXT_WHERE_NONE_IS : 0;
	}
	return 0;
}

static int float_score(const struct look *look, uint64_t offset)
{
	chunk_id chunk;
	enum word_class class;

	if (offset % 8 || offset + 8 > look->size)
		return 0;
	class = word_classify(&look->inference->words, number_at(look, offset, 8), &chunk);
	return class == WORD_CHUNK || class == WORD_CODE || class == WORD_DATA ? FLOAT_POINTER : 0;
}

static int scalar_score(const struct look *look, const struct layout_field *field, uint64_t offset)
{
	uint64_t value;
	chunk_id chunk;

	if (field->size > 8 || offset + field->size > look->size || field->is_bit_field)
		return 0;
	value = number_at(look, offset, field->size);
	switch ((enum layout_kind)field->kind) {
	case LAYOUT_POINTER:
		return pointer_score(look, field, value);
	case LAYOUT_FUNCTION: {
		enum word_class class = word_classify(&look->inference->words, value, &chunk);

		return class == WORD_ZERO ? POINTER_NULL : class == WORD_CODE ? FUNCTION_CODE : FUNCTION_ELSE;
	}
	case LAYOUT_SIGNED:
	case LAYOUT_UNSIGNED:
		return number_score(look, field, offset, value);
	case LAYOUT_BOOL:
		return value <= 1 ? BOOL_GOOD : BOOL_BAD;
	case LAYOUT_ENUM:
		return enum_score(look, field, value);
	case LAYOUT_FLOAT:
		return float_score(look, offset);
	case LAYOUT_CHAR:
	case LAYOUT_ARRAY:
	case LAYOUT_OTHER:
		break;
	}
	return 0;
}

static int struct_score(const struct look *look, const struct type_layout *layout, uint64_t start, uint64_t limit, int *begin_ret);

/* Points of the elements of a flexible end. */
static int tail_score(const struct look *look, const struct layout_field *tail)
{
	const struct type_layout *layout = tail->kind == LAYOUT_ARRAY ? layout_of(look->inference->layouts, tail->type) : NULL;
	int score = 0;
	uint32_t n = 0;

	for (uint64_t offset = tail->offset; tail->size && offset + tail->size <= look->size && n < ELEMENTS_MAX; offset += tail->size, n++)
		score += layout ? struct_score(look, layout, offset, look->size, NULL) : scalar_score(look, tail, offset);
	score = root_mean(score, n);
	return score > TAIL_MOST ? TAIL_MOST : score < -TAIL_MOST ? -TAIL_MOST : score;
}

/* The points of one struct at an offset. In a union the best alternative counts, half. Where `begin_ret` is given: also the most points that a beginning of it has. */
static int struct_score(const struct look *look, const struct type_layout *layout, uint64_t start, uint64_t limit, int *begin_ret)
{
	int score = 0, best = INT32_MIN;
	uint64_t union_offset = UINT64_MAX;

	for (size_t i = 0; i < layout->v.n && i < FIELDS_MAX; i++) {
		const struct layout_field *field = &layout->v.v[i];
		uint64_t offset = start + field->offset;
		uint32_t n = field->count < ELEMENTS_MAX ? field->count : ELEMENTS_MAX;
		int sum = 0;

		if (offset >= limit)
			break;
		if (begin_ret && field->offset >= BEGIN_MIN && score + (best == INT32_MIN ? 0 : best / 2) > *begin_ret)
			*begin_ret = score + (best == INT32_MIN ? 0 : best / 2);
		if (field->kind == LAYOUT_CHAR)
			continue;
		// An end that is at the start is the whole: of its elements it would be asked again, without end.
		if (field->offset == layout->tail && field->offset && start == 0) {
			score += tail_score(look, field);
			continue;
		}
		if (field->kind == LAYOUT_ARRAY || n == 0)
			continue;
		for (uint32_t j = 0; j < n; j++)
			sum += scalar_score(look, field, offset + (uint64_t)j * field->size);
		if (n > 1)
			sum = root_mean(sum, n);
		if (!field->in_union) {
			score += sum;
			continue;
		}
		// Where a variant of Rust ends, another one's bytes are as they were.
		if (sum < 0 && field->owner != TYPE_NONE && type_at(look->inference->table, field->owner)->flags & TYPE_IS_RUST)
			sum = 0;
		if (field->offset != union_offset) {
			score += best == INT32_MIN ? 0 : best / 2;
			union_offset = field->offset;
			best = INT32_MIN;
		}
		if (sum > best)
			best = sum;
	}
	return score + (best == INT32_MIN ? 0 : best / 2);
}

/* Whether some number of a flexible struct is the length of its end, by the size of the chunk. */
static int length_score(const struct look *look, const struct type_layout *layout, uint64_t size, uint64_t usable)
{
	const struct layout_field *tail = NULL;
	bool has_number = false;

	for (size_t i = 0; i < layout->v.n; i++) {
		if (layout->v.v[i].offset == layout->tail)
			tail = &layout->v.v[i];
	}
	if (!tail || !tail->size)
		return 0;
	for (size_t i = 0; i < layout->v.n && layout->v.v[i].offset < layout->tail; i++) {
		const struct layout_field *field = &layout->v.v[i];
		uint64_t value, bytes;

		if ((field->kind != LAYOUT_SIGNED && field->kind != LAYOUT_UNSIGNED) || field->count != 1 || field->size > 8 || field->is_bit_field ||
		    field->offset + field->size > look->size)
			continue;
		has_number = true;
		value = number_at(look, field->offset, field->size);
		if (__builtin_mul_overflow(value, tail->size, &bytes) || bytes > usable)
			continue;
		for (uint64_t extra = 0; extra <= (tail->size == 1 ? 2u : 0u); extra++) {
			// Many ask for sizeof the struct, though its end begins in the padding. What is the size of the whole as well may be just that, of something else.
			if (usable_of(look->from + layout->tail + bytes + extra) == usable || usable_of(look->from + size + bytes + extra) == usable)
				return usable_of(bytes) == usable ? 0 : LENGTH_FITS + (usable > 128 ? LENGTH_FITS : 0) + (usable > 1024 ? LENGTH_FITS : 0);
		}
	}
	return has_number ? LENGTH_MISFIT : 0;
}

static int pointers_score(const struct look *look, const struct type *type, type_id id)
{
	struct layout_field field = { .size = 8, .count = 1, .type = id, .target = type_pointee(look->inference->table, id), .kind = LAYOUT_POINTER };
	uint64_t n = look->size / 8;
	uint64_t step = n > 4 * ELEMENTS_MAX ? n / (4 * ELEMENTS_MAX) : 1;
	int sum = 0, looked = 0;

	(void)type;
	// What the program's own allocator has put in front is none of them.
	for (uint64_t i = look->inference->header / 8; i < n && looked < 4 * ELEMENTS_MAX; i += step, looked++)
		sum += pointer_score(look, &field, number_at(look, i * 8, 8));
	return root_mean(sum, (uint32_t)looked);
}

/* Looks at a chunk; the buffer is for what no view can be had of. */
static bool look_begin(struct look *look, chunk_id chunk, uint8_t *buffer, size_t buffer_size)
{
	enum { LOOK_MAX = 4096 };
	struct inference *inference = look->inference;
	uint64_t usable = usable_at(inference, chunk);

	if (look->from >= usable)
		return false;
	look->size = usable - look->from < LOOK_MAX ? usable - look->from : LOOK_MAX;
	look->bytes = image_view(inference->window.image, inference->chunks->mem[chunk] + look->from, look->size);
	if (look->bytes)
		return true;
	if (look->size > buffer_size)
		look->size = buffer_size;
	look->bytes = buffer;
	return image_get(inference->window.image, inference->chunks->mem[chunk] + look->from, buffer, look->size);
}

/* What a target that is nothing yet adds: little if it looks like what it should be, more against it if it does not. */
static int look_at_target(const struct look *look, const struct candidate *candidate, chunk_id chunk)
{
	struct look target = { .inference = look->inference, .from = candidate->form == FORM_BEHIND ? look->inference->header : 0 };
	uint8_t buffer[256];
	int score;

	if (!type_is_aggregate(look->inference->table, candidate->type) || !look_begin(&target, chunk, buffer, sizeof(buffer)))
		return 0;
	score = struct_score(&target, layout_of(look->inference->layouts, candidate->type), 0, target.size, NULL) / FURTHER_PART;
	return score > FURTHER_MOST ? FURTHER_MOST : score < FURTHER_LEAST ? FURTHER_LEAST : score;
}

int shape_score_inside(struct inference *inference, type_id id, chunk_id chunk, uint64_t into)
{
	struct look look = { .inference = inference, .from = into };
	uint8_t buffer[256];

	return look_begin(&look, chunk, buffer, sizeof(buffer)) ? struct_score(&look, layout_of(inference->layouts, id), 0, look.size, NULL) : 0;
}

int shape_score_begin(struct inference *inference, type_id id, chunk_id chunk, uint64_t into)
{
	struct look look = { .inference = inference, .from = into };
	uint8_t buffer[256];
	int score, begin = INT32_MIN;

	if (!look_begin(&look, chunk, buffer, sizeof(buffer)))
		return 0;
	score = struct_score(&look, layout_of(inference->layouts, id), 0, look.size, &begin);
	return begin > score ? begin : score;
}

int shape_score(struct inference *inference, type_id id, enum type_form form, chunk_id chunk, unsigned depth)
{
	const struct type *type = type_at(inference->table, id);
	uint64_t usable = usable_at(inference, chunk);
	struct look look = { .inference = inference, .from = form == FORM_COUNTED ? 8 : form == FORM_BEHIND ? inference->header : 0, .depth = depth };
	const struct type_layout *layout;
	uint8_t buffer[256];
	int score = 0;

	if (!look_begin(&look, chunk, buffer, sizeof(buffer)))
		return 0;
	if (type->kind == TYPE_POINTER || type->kind == TYPE_REFERENCE)
		return pointers_score(&look, type, id);
	if (!type_is_aggregate(inference->table, id) || !type->size)
		return 0;
	layout = layout_of(inference->layouts, id);
	if (form == FORM_ONE || form == FORM_FLEXIBLE || form == FORM_BEHIND) {
		score = struct_score(&look, layout, 0, look.size, NULL);
		if (form == FORM_FLEXIBLE || (form == FORM_BEHIND && layout->tail != UINT64_MAX && usable_of(look.from + type->size) != usable)) {
			int length = length_score(&look, layout, type->size, usable);

			// Where the length stands elsewhere, what the elements look like says more.
			score += length < 0 && score > 0 ? length / LENGTH_ELSEWHERE_PART : length;
		}
		return score;
	}

	uint64_t n = look.size / type->size;
	int looked = 0;

	for (uint64_t i = 0; i < n && looked < ELEMENTS_MAX; i++, looked++)
		score += struct_score(&look, layout, i * type->size, look.size, NULL);
	return root_mean(score, (uint32_t)looked);
}
