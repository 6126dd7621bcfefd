/* SPDX-License-Identifier: MIT */
/*
 * Where the interpreter keeps objects for the next one of their type. Until 3.13 these are arrays with a count, and what lies behind the count are pointers to
 * whatever was taken from there: to lists and dicts that are in use, or were lost. They are told as what keeps nothing alive.
 *
 *   |dead|dead|dead|left over|left over|…|never used|count|        80 places
 *
 * Before 3.10 the count is a variable elsewhere; then the first of them says what it is, while there is a dead one.
 *
 * Source: CPython Objects/listobject.c, dictobject.c (PyList_MAXFREELIST, PyDict_MAXFREELIST), Include/internal/pycore_freelist.h of 3.13.
 */
#include "cpython/walk.h"

enum {
	PLACES = 80,
	/** Objects in use that an array without a dead one must have to be believed. */
	LEFT_OVER_MIN = 4,
	SEGMENT_WRITE = 2,
};

/* What lies in one place: a block, and where in it the pointer leads. */
struct place {
	chunk_id chunk;
	uint64_t offset, size;
};

/* False when a word is no pointer to a block, or to nothing that could begin there. */
static bool place_read(struct py_walk *walk, uint64_t word, struct place *ret)
{
	const struct chunks *chunks = &walk->heap->chunks;
	struct place place = { .chunk = word && word < CHUNK_MEM_END ? chunks_find(chunks, word) : CHUNK_NONE };

	if (place.chunk == CHUNK_NONE || chunks->kind[place.chunk] != CHUNK_PYMALLOC)
		return false;
	place.offset = word - chunks->mem[place.chunk];
	place.size = chunk_usable(chunks, place.chunk);
	*ret = place;
	return place.offset <= CHUNK_HEAD_WORDS * 8;
}

/* Whether an object is one that the interpreter keeps, or could be left over from such: list and dict themselves. */
static bool is_kept_type(const struct py_walk *walk, chunk_id chunk)
{
	const struct py_type *type = py_types_of_class(walk, walk->python->type[chunk]);

	return type && (type->kind == KIND_LIST || type->kind == KIND_DICT) && !(type->flags & TYPE_FLAG_HEAP);
}

/* An array with its count behind it; gives this one. */
static bool is_counted(struct py_walk *walk, vaddr array, uint32_t *count_ret)
{
	uint32_t count = py_u32(walk, array + PLACES * 8), used = 0, alike = 0;
	struct place first, place;

	if (count > PLACES || !place_read(walk, py_at(walk, array), &first))
		return false;
	for (; used < PLACES; used++) {
		uint64_t word, references;

		if (!py_word(walk, array + used * 8, &word) || (word && !place_read(walk, word, &place)))
			return false;
		if (!word)
			break;
		if (place.offset != first.offset || place.size != first.size || !py_word(walk, word, &references) || (used < count && references))
			return false;
		alike += walk->python->role[place.chunk] == PY_OBJECT && is_kept_type(walk, place.chunk);
	}
	for (uint32_t i = used; i < PLACES; i++)
		if (py_at(walk, array + i * 8))
			return false;
	*count_ret = count;
	return count <= used && (count || (alike == used && used >= LEFT_OVER_MIN));
}

/* How many places an array has whose first object is dead: as long as what lies there is of the same type; and how many of these are dead. */
static uint32_t places_alike(struct py_walk *walk, vaddr array, uint32_t *count_ret)
{
	struct place first, place;
	uint32_t n = 1, count = 1;

	if (!place_read(walk, py_at(walk, array), &first) || walk->python->role[first.chunk] != PY_CACHED || !is_kept_type(walk, first.chunk) ||
	    first.offset != (walk->heap->chunks.head[first.chunk] & CHUNK_HEAD_WORDS) * 8)
		return 0;
	for (; n < PLACES; n++) {
		if (!place_read(walk, py_at(walk, array + n * 8), &place) || place.offset != first.offset ||
		    walk->python->type[place.chunk] != walk->python->type[first.chunk])
			break;
		count += count == n && walk->python->role[place.chunk] == PY_CACHED;
	}
	*count_ret = count;
	return n;
}

static void look_in(struct py_walk *walk, vaddr start, vaddr end)
{
	struct place place;

	for (vaddr at = (start + 7) & ~UINT64_C(7); at < end && end - at >= 8; at += 8) {
		uint64_t word;
		uint32_t n, count;

		if (!window_word(&walk->near, at, &word)) {
			at = window_next(&walk->near, at + 8);
			if (at == VADDR_NONE)
				return;
			at = (at & ~UINT64_C(7)) - 8;
			continue;
		}
		if (!place_read(walk, word, &place))
			continue;
		n = is_counted(walk, at, &count) ? PLACES : places_alike(walk, at, &count);
		if (!n)
			continue;
		if (count < n)
			array_append(&walk->heap->books, (struct heap_books){ at + count * 8, at + n * 8 });
		at += (n - 1) * 8;
	}
}

void freelists_find(struct py_walk *walk)
{
	const struct module *module = walk->module;

	if (!walk->layout.has_free_arrays)
		return;
	for (size_t i = 0; i < module->segments.n; i++) {
		vaddr start = module->segments.v[i].start + module->bias, end = module->segments.v[i].end + module->bias;

		if (module->segments.v[i].flags & SEGMENT_WRITE && start >= module->start && end <= module->end)
			look_in(walk, start, end);
	}
}
