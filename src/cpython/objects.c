/* SPDX-License-Identifier: MIT */
/*
 * What is an object: a chunk in whose memory, 0, 16 or 32 bytes from its start, stand a count of references that can be and a type whose objects begin at
 * that distance.
 *
 *   type without collector   |count|type|…
 *   with                     |links|links|count|type|…
 *   with managed attributes  |values|dict|links|links|count|type|…
 *
 * A table can look like an object, too: what holds the attributes of classes is full of types. So the count must be one, memory must be enough, and
 * what an object claims as its table (claims.c) is one, whatever it looks like.
 */
#include <string.h>

#include "cpython/walk.h"

enum {
	/** More references than an object has. */
	REFERENCES_MAX = INT32_MAX,
	LEADS = 3,
};

/* What the count of references of an object says. */
enum life {
	LIFE_NONE,
	LIFE_DEAD,
	LIFE_LIVE,
};

static enum life life_of(const struct py_layout *layout, uint64_t count)
{
	if (!layout->has_immortals)
		return count == 0 ? LIFE_DEAD : (int64_t)count > 0 && count <= REFERENCES_MAX ? LIFE_LIVE : LIFE_NONE;
	// Since 3.13 what waits to be used again is linked through the count; 3.14 keeps flags in its highest bits.
	if (count >> 32 & 0xffff)
		return LIFE_DEAD;
	return (uint32_t)count ? LIFE_LIVE : LIFE_DEAD;
}

/* Bytes that an object of a type has at least. */
static uint64_t least_size(const struct py_walk *walk, const struct py_type *type)
{
	switch (type->kind) {
	case KIND_STR:
		return type->flags & TYPE_FLAG_HEAP ? type->basicsize : walk->layout.str_ascii + 1;
	case KIND_INT:
		return type->basicsize > 28 ? type->basicsize - 4 : VAR_HEADER;
	case KIND_PLAIN:
	case KIND_FLOAT:
	case KIND_BYTES:
	case KIND_BYTEARRAY:
	case KIND_LIST:
	case KIND_TUPLE:
	case KIND_DICT:
	case KIND_ORDERED_DICT:
	case KIND_SET:
	case KIND_DEQUE:
	case KIND_TYPE:
	case KIND_FUNCTION:
	case KIND_MODULE:
	case KIND_CODE:
	case KIND_FRAME:
	case KIND_GENERATOR:
	case KIND_WEAKREF:
	case KIND_CELL:
	case KIND_METHOD:
	case KIND_TRACEBACK:
	case KIND_OTHER:
		break;
	}
	// datetime.datetime without a time zone is shorter than its type says.
	if (!(type->flags & TYPE_FLAG_HEAP) && !strncmp(walk->python->classes.v[type->class].name, "datetime.", 9))
		return OBJECT_HEADER + 16;
	return type->basicsize;
}

/* Whether the items of an object fit into what is there. */
static bool items_fit(struct py_walk *walk, const struct py_type *type, vaddr object, uint64_t room)
{
	uint64_t n;

	if (type->kind != KIND_TUPLE && type->kind != KIND_BYTES)
		return true;
	return window_word(&walk->near, object + OBJECT_SIZE, &n) && n <= room && n * type->itemsize + type->basicsize <= room;
}

/* The collector's links are both there or both not. */
static bool links_fit(struct py_walk *walk, vaddr object)
{
	uint64_t next, previous;

	return window_word(&walk->near, object - GC_HEAD, &next) && window_word(&walk->near, object - GC_HEAD + 8, &previous) &&
	       (!next || (next < CHUNK_MEM_END && previous < CHUNK_MEM_END));
}

/* Whether an object of this life begins so far behind the start of a chunk. */
static bool look(struct py_walk *walk, chunk_id chunk, uint8_t lead, enum life wanted, uint32_t *type_ret)
{
	const struct chunks *chunks = &walk->heap->chunks;
	vaddr object = chunks->mem[chunk] + lead;
	uint64_t room = chunk_usable(chunks, chunk), count, address;
	const struct py_type *type;
	uint32_t id;

	// The count decides nearly always, and costs less than the type.
	if (room < lead + (uint64_t)OBJECT_HEADER || !window_word(&walk->near, object, &count) || life_of(&walk->layout, count) != wanted ||
	    !window_word(&walk->near, object + OBJECT_TYPE, &address))
		return false;
	id = py_types_at(walk, address);
	if (id == UINT32_MAX)
		return false;
	type = &walk->types.v[id];
	room -= lead;
	if (type->lead + debug_lead(walk, chunk) != lead || room < least_size(walk, type) || !items_fit(walk, type, object, room))
		return false;
	// Chunks of malloc are mostly no objects at all.
	if (chunks->kind[chunk] != CHUNK_PYMALLOC && type->flags & TYPE_FLAG_GC && !links_fit(walk, object))
		return false;
	*type_ret = id;
	return true;
}

/* What a chunk is, and of which type. The object nearest to the start it is, dead or alive: what stands behind, in a tuple of types or in a dead reference to
   an object, can look like another. In malloc there is too much that merely looks like one that is dead. */
static enum life look_all(struct py_walk *walk, chunk_id chunk, uint32_t *type_ret)
{
	for (unsigned k = 0; k < LEADS; k++) {
		uint8_t lead = (uint8_t)(k * 16 + debug_lead(walk, chunk));

		if (look(walk, chunk, lead, LIFE_LIVE, type_ret))
			return LIFE_LIVE;
		if (walk->heap->chunks.kind[chunk] == CHUNK_PYMALLOC && look(walk, chunk, lead, LIFE_DEAD, type_ret))
			return LIFE_DEAD;
	}
	return LIFE_NONE;
}

/* Whether what an object holds beside its type are no references. */
static bool is_leaf(struct py_walk *walk, vaddr object, const struct py_type *type)
{
	if (type->flags & TYPE_FLAG_HEAP)
		return false;
	return type->kind == KIND_INT || type->kind == KIND_FLOAT || type->kind == KIND_BYTES ||
	       (type->kind == KIND_STR && str_is_ascii(walk, object));
}

static uint16_t head_of(struct py_walk *walk, chunk_id chunk, const struct py_type *type, enum life life)
{
	uint8_t lead = type->lead + debug_lead(walk, chunk);
	uint16_t head = (uint16_t)(lead / 8 | CHUNK_HEAD_EXACT);

	if (type->flags & TYPE_FLAG_GC)
		head |= CHUNK_HEAD_LINKS;
	if (type->kind == KIND_WEAKREF)
		head |= CHUNK_HEAD_WEAK;
	if (life == LIFE_DEAD)
		head |= CHUNK_HEAD_STALE;
	else if (is_leaf(walk, walk->heap->chunks.mem[chunk] + lead, type))
		head |= CHUNK_HEAD_LEAF;
	return head;
}

void objects_classify(struct py_walk *walk)
{
	struct chunks *chunks = &walk->heap->chunks;
	struct python *python = walk->python;

	for (chunk_id i = 0; i < chunks->n; i++) {
		uint32_t type;
		enum life life;

		if (chunks->state[i] != CHUNK_IN_USE || python->role[i] != PY_FOREIGN)
			continue;
		if (chunks->kind[i] == CHUNK_PYMALLOC)
			python->role[i] = PY_UNKNOWN;
		life = look_all(walk, i, &type);
		if (life == LIFE_NONE)
			continue;
		python->role[i] = life == LIFE_LIVE ? PY_OBJECT : PY_CACHED;
		python->type[i] = walk->types.v[type].class;
		chunks->head[i] = head_of(walk, i, &walk->types.v[type], life);
	}
}

uint32_t py_object_type(struct py_walk *walk, vaddr object)
{
	const struct chunks *chunks = &walk->heap->chunks;
	chunk_id chunk = chunks_find(chunks, object);
	uint64_t address;

	if (chunk != CHUNK_NONE && (walk->python->role[chunk] != PY_OBJECT || object_at(walk, chunk) != object))
		return UINT32_MAX;
	if (object % 8 || !py_word(walk, object + OBJECT_TYPE, &address))
		return UINT32_MAX;
	return py_types_at(walk, address);
}

/* Whether the collector tracks an object: then its links are in use. */
static bool is_tracked(struct py_walk *walk, vaddr object)
{
	uint64_t next;

	return window_word(&walk->near, object - GC_HEAD, &next) && next;
}

static void add(struct py_totals *totals, uint64_t bytes)
{
	totals->count++;
	totals->bytes += bytes;
}

void objects_measure(struct py_walk *walk)
{
	const struct chunks *chunks = &walk->heap->chunks;
	struct python *python = walk->python;

	for (chunk_id i = 0; i < chunks->n; i++) {
		struct py_class *class = python->type[i] < python->classes.n ? &python->classes.v[python->type[i]] : NULL;
		uint64_t bytes = chunk_usable(chunks, i);
		const struct py_type *type;

		if (!class || chunks->state[i] != CHUNK_IN_USE)
			continue;
		type = py_types_of_class(walk, python->type[i]);
		// Of another interpreter's library.
		if (!type)
			continue;
		if (python->role[i] == PY_TABLE) {
			add(&class->tables, bytes);
		} else if (python->role[i] == PY_NATIVE) {
			add(&class->native, bytes);
		} else if (python->role[i] == PY_OBJECT) {
			add(&class->objects, bytes);
			class->getsizeof_bytes += object_getsizeof(walk, object_at(walk, i), type);
			class->tracked += type->flags & TYPE_FLAG_GC && is_tracked(walk, object_at(walk, i));
		}
	}
}
